//! What a figure is made of: lines, areas, dots and words on a sheet of pixels.
//!
//! A [`Sketch`] becomes SVG (svg.rs), PNG (png.rs) or a part of a larger sheet, so each figure is drawn once and all
//! forms show the same.

/// `(x, y)` in pixels of the page, from the upper left corner.
pub type Point = (f64, f64);

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Color {
    /// Red, green and blue.
    pub rgb: (u8, u8, u8),
    /// 1 covers, 0 shows nothing.
    pub alpha: f64,
    /// The variable of the page's style sheet that replaces it; empty for none.
    pub name: &'static str,
}

impl Color {
    /// The same, lighter.
    pub fn mix(self, alpha: f64) -> Self {
        Color { alpha: self.alpha * alpha, ..self }
    }

    /// A colour that is the same on every page.
    pub fn plain(rgb: (u8, u8, u8)) -> Self {
        Color { rgb, alpha: 1.0, name: "" }
    }
}

/// Which part of a text lies at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its beginning.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

/// A line of text.
#[derive(Clone, Debug, PartialEq)]
pub struct Words {
    /// What it says.
    pub text: String,
    /// Where, at half the height of a small letter.
    pub at: Point,
    /// Height of a line.
    pub size: f64,
    /// Bold.
    pub bold: bool,
    /// Which part of it lies at `at`.
    pub anchor: Anchor,
    /// Reads from bottom to top.
    pub upright: bool,
    /// Colour.
    pub color: Color,
}

/// One drawn thing.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// An open line, dashed or not.
    Line { points: Vec<Point>, color: Color, width: f64, dashed: bool },
    /// A filled polygon.
    Area { points: Vec<Point>, color: Color },
    /// Filled rectangles of one colour: left, top, width and height.
    Cells { cells: Vec<[f64; 4]>, color: Color },
    /// A disc.
    Dot { at: Point, radius: f64, color: Color },
    /// Text.
    Text(Words),
}

/// A figure: its shapes in drawing order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sketch {
    /// What it shows, for those who do not see it.
    pub title: String,
    /// Width and height.
    pub size: Point,
    /// Later ones cover earlier ones.
    pub shapes: Vec<Shape>,
}

impl Sketch {
    /// An empty sheet.
    pub fn new(title: impl Into<String>, width: f64, height: f64) -> Self {
        Sketch { title: title.into(), size: (width, height), shapes: Vec::new() }
    }

    /// Adds an open line.
    pub fn line(&mut self, points: Vec<Point>, color: Color, width: f64) {
        self.shapes.push(Shape::Line { points, color, width, dashed: false });
    }

    /// Adds a dashed line.
    pub fn dashes(&mut self, points: Vec<Point>, color: Color, width: f64) {
        self.shapes.push(Shape::Line { points, color, width, dashed: true });
    }

    /// Adds a filled polygon.
    pub fn area(&mut self, points: Vec<Point>, color: Color) {
        self.shapes.push(Shape::Area { points, color });
    }

    /// Adds a filled rectangle: left, top, width and height.
    pub fn cell(&mut self, cell: [f64; 4], color: Color) {
        match self.shapes.last_mut() {
            Some(Shape::Cells { cells, color: last }) if *last == color => cells.push(cell),
            _ => self.shapes.push(Shape::Cells { cells: vec![cell], color }),
        }
    }

    /// Adds a disc.
    pub fn dot(&mut self, at: Point, radius: f64, color: Color) {
        self.shapes.push(Shape::Dot { at, radius, color });
    }

    /// Adds a line of text; `Words::new` says how it looks.
    pub fn text(&mut self, words: Words) {
        self.shapes.push(Shape::Text(words));
    }

    /// Adds everything of `part` with its upper left corner at `at`.
    pub fn place(&mut self, part: &Sketch, at: Point) {
        self.shapes.extend(part.shapes.iter().map(|s| s.moved(at)));
    }

    /// Figures in rows of `across`; each row is as high and each column as wide as its largest figure.
    pub fn sheet(title: &str, across: usize, parts: &[Sketch]) -> Sketch {
        const GAP: f64 = 12.0;
        let across = across.clamp(1, parts.len().max(1));
        let largest =
            |on: fn(&Sketch) -> f64, those: &mut dyn Iterator<Item = &Sketch>| those.map(on).fold(0.0, f64::max);
        let widths: Vec<f64> =
            (0..across).map(|i| largest(|p| p.size.0, &mut parts.iter().skip(i).step_by(across))).collect();
        let heights: Vec<f64> = parts.chunks(across).map(|row| largest(|p| p.size.1, &mut row.iter())).collect();
        let total = |sizes: &[f64]| sizes.iter().sum::<f64>() + GAP * (sizes.len() + 1) as f64;
        let mut sheet = Sketch::new(title, total(&widths), total(&heights));
        for (i, part) in parts.iter().enumerate() {
            let (column, row) = (i % across, i / across);
            sheet.place(part, (total(&widths[..column]), total(&heights[..row])));
        }
        sheet
    }
}

impl Shape {
    fn moved(&self, by: Point) -> Shape {
        let to = |p: &Point| (p.0 + by.0, p.1 + by.1);
        let mut shape = self.clone();
        match &mut shape {
            Shape::Line { points, .. } | Shape::Area { points, .. } => points.iter_mut().for_each(|p| *p = to(p)),
            Shape::Cells { cells, .. } => cells.iter_mut().for_each(|c| (c[0], c[1]) = to(&(c[0], c[1]))),
            Shape::Dot { at, .. } | Shape::Text(Words { at, .. }) => *at = to(at),
        }
        shape
    }
}

impl Words {
    /// Ink, beginning at `at`, reading from left to right.
    pub fn new(text: impl Into<String>, at: Point, size: f64) -> Self {
        let color = super::look::INK;
        Words { text: text.into(), at, size, bold: false, anchor: Anchor::Start, upright: false, color }
    }

    /// With another part at its place.
    #[must_use]
    pub fn anchor(mut self, anchor: Anchor) -> Self {
        self.anchor = anchor;
        self
    }

    /// In another colour.
    #[must_use]
    pub fn color(mut self, color: Color) -> Self {
        self.color = color;
        self
    }

    /// Bold.
    #[must_use]
    pub fn bold(mut self) -> Self {
        self.bold = true;
        self
    }

    /// Reading from bottom to top.
    #[must_use]
    pub fn upright(mut self) -> Self {
        self.upright = true;
        self
    }

    /// About how wide it is: half an em a letter and a little more.
    pub fn width(&self) -> f64 {
        self.text.chars().count() as f64 * self.size * 0.52
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_gives_each_row_the_height_of_its_highest_figure() {
        let part = |w: f64, h: f64| {
            let mut s = Sketch::new("", w, h);
            s.dot((0.0, 0.0), 1.0, Color::plain((0, 0, 0)));
            s
        };
        let sheet = Sketch::sheet("s", 2, &[part(10.0, 20.0), part(30.0, 5.0), part(12.0, 7.0)]);
        assert_eq!(sheet.size, (12.0 * 3.0 + 12.0 + 30.0, 12.0 * 3.0 + 20.0 + 7.0));
        assert!(matches!(sheet.shapes[2], Shape::Dot { at: (12.0, 44.0), .. }), "{:?}", sheet.shapes[2]);
    }
}
