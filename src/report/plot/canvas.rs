//! What a figure is made of. plotters lays a figure out and draws it into a [`Sketch`]; from there it becomes SVG, PNG,
//! or a part of a larger sheet. So each figure is drawn once, and both forms show the same.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;
use plotters::style::register_font;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind, FontStyle, FontTransform,
};

use crate::error::{Code, Error, Result};

/// Two units of a sketch are one pixel of the page: plotters rounds to whole units.
pub const SCALE: u32 = 2;

/// What drawing functions return.
pub type Drawn = std::result::Result<(), DrawingAreaErrorKind<Infallible>>;
/// Where they draw.
pub type Area = DrawingArea<Recorder, Shift>;

/// One drawn thing.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// An open line.
    Line { points: Vec<BackendCoord>, color: BackendColor, width: u32 },
    /// A filled polygon.
    Area { points: Vec<BackendCoord>, color: BackendColor },
    /// A rectangle, filled or not.
    Rect { from: BackendCoord, to: BackendCoord, color: BackendColor, fill: bool },
    /// A disc or a circle.
    Circle { center: BackendCoord, radius: u32, color: BackendColor, fill: bool },
    /// A line of text.
    Text { text: String, at: BackendCoord, look: TextLook },
}

/// How a text looks.
#[derive(Clone, Debug, PartialEq)]
pub struct TextLook {
    /// Height of a line.
    pub size: f64,
    /// Bold.
    pub bold: bool,
    /// Where `at` lies in the text, across.
    pub across: HPos,
    /// Where `at` lies in the text, up and down.
    pub along: VPos,
    /// Turned to read from bottom to top.
    pub upright: bool,
    /// Colour.
    pub color: BackendColor,
}

/// A figure: its shapes in drawing order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sketch {
    /// What it shows, for those who do not see it.
    pub title: String,
    /// Width and height in units.
    pub size: (u32, u32),
    /// Later ones cover earlier ones.
    pub shapes: Vec<Shape>,
}

impl Sketch {
    /// Draws a figure.
    ///
    /// # Errors
    /// `P001` if it cannot be laid out.
    pub fn draw(title: &str, size: (u32, u32), draw: impl FnOnce(&Area) -> Drawn) -> Result<Sketch> {
        fonts()?;
        let shapes = Rc::new(RefCell::new(Vec::new()));
        let area = Recorder { size, shapes: Rc::clone(&shapes) }.into_drawing_area();
        draw(&area).map_err(|e| {
            Error::new(Code::Report, format!("the figure `{title}` cannot be drawn")).cause(e.to_string())
        })?;
        drop(area);
        let shapes = shapes.take();
        Ok(Sketch { title: title.to_owned(), size, shapes })
    }

    /// Figures in rows of `across`, each in a cell of the size of the largest.
    pub fn sheet(title: &str, across: usize, parts: &[Sketch]) -> Sketch {
        let cell = parts.iter().fold((0, 0), |m: (u32, u32), p| (m.0.max(p.size.0), m.1.max(p.size.1)));
        let across = across.clamp(1, parts.len().max(1));
        let size = (cell.0 * across as u32, cell.1 * parts.len().div_ceil(across) as u32);
        let mut sheet = Sketch { title: title.to_owned(), size, shapes: Vec::new() };
        for (i, part) in parts.iter().enumerate() {
            let by = ((i % across) as i32 * cell.0 as i32, (i / across) as i32 * cell.1 as i32);
            sheet.shapes.extend(part.shapes.iter().map(|s| s.moved(by)));
        }
        sheet
    }
}

impl Shape {
    fn moved(&self, by: BackendCoord) -> Shape {
        let to = |p: &BackendCoord| (p.0 + by.0, p.1 + by.1);
        let mut shape = self.clone();
        match &mut shape {
            Shape::Line { points, .. } | Shape::Area { points, .. } => points.iter_mut().for_each(|p| *p = to(p)),
            Shape::Rect { from, to: end, .. } => (*from, *end) = (to(from), to(end)),
            Shape::Circle { center: at, .. } | Shape::Text { at, .. } => *at = to(at),
        }
        shape
    }
}

/// Text is measured with a font that the binary carries, so that a layout does not depend on the machine's fonts.
pub(super) fn fonts() -> Result<()> {
    static DONE: OnceLock<bool> = OnceLock::new();
    let add = |style| register_font("sans-serif", style, epaint_default_fonts::UBUNTU_LIGHT).is_ok();
    let done = *DONE.get_or_init(|| add(FontStyle::Normal) && add(FontStyle::Bold));
    if done { Ok(()) } else { Err(Error::new(Code::Report, "the font of the figures cannot be read")) }
}

/// The backend that plotters draws on.
pub struct Recorder {
    size: (u32, u32),
    shapes: Rc<RefCell<Vec<Shape>>>,
}

type Recorded = std::result::Result<(), DrawingErrorKind<Infallible>>;

impl Recorder {
    fn push(&self, color: BackendColor, shape: Shape) -> Recorded {
        if color.alpha > 0.0 {
            self.shapes.borrow_mut().push(shape);
        }
        Ok(())
    }
}

impl DrawingBackend for Recorder {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Recorded {
        Ok(())
    }

    fn present(&mut self) -> Recorded {
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, color: BackendColor) -> Recorded {
        self.push(color, Shape::Rect { from: at, to: (at.0 + 1, at.1 + 1), color, fill: true })
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Recorded {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Recorded {
        self.push(style.color(), Shape::Rect { from, to, color: style.color(), fill })
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Recorded {
        let points = path.into_iter().collect();
        self.push(style.color(), Shape::Line { points, color: style.color(), width: style.stroke_width() })
    }

    fn draw_circle<S: BackendStyle>(&mut self, center: BackendCoord, radius: u32, style: &S, fill: bool) -> Recorded {
        self.push(style.color(), Shape::Circle { center, radius, color: style.color(), fill })
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Recorded {
        self.push(style.color(), Shape::Area { points: path.into_iter().collect(), color: style.color() })
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Recorded {
        let look = TextLook {
            size: style.size(),
            bold: matches!(style.style(), FontStyle::Bold),
            across: style.anchor().h_pos,
            along: style.anchor().v_pos,
            upright: matches!(style.transform(), FontTransform::Rotate270),
            color: style.color(),
        };
        self.push(style.color(), Shape::Text { text: text.to_owned(), at, look })
    }
}
