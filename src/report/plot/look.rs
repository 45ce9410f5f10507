//! Colours, sizes, ticks and axes that all figures share.

use std::ops::Range;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontTransform, TextStyle};

use super::canvas::{Area, Drawn, Recorder};

/// Axes and text. On a page it becomes the page's text colour.
pub const INK: RGBColor = RGBColor(24, 28, 33);
/// The original. All colours are those of Okabe and Ito, which stay apart for every kind of colour vision.
pub const ORIGINAL: RGBColor = RGBColor(0, 114, 178);
/// The reconstruction, and what is ours.
pub const RECONSTRUCTED: RGBColor = RGBColor(213, 94, 0);
/// The linear rival.
pub const LINEAR: RGBColor = RGBColor(0, 158, 115);
/// Second parts of bars.
pub const SECOND: RGBColor = RGBColor(230, 159, 0);
/// Other codecs.
pub const OTHER: RGBColor = RGBColor(128, 134, 142);

/// Large figures, or cells of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 500 by 400 pixels.
    Full,
    /// 250 by 210 pixels.
    Small,
}

impl Size {
    /// Width and height in units.
    pub fn units(self) -> (u32, u32) {
        match self {
            Size::Full => (1000, 800),
            Size::Small => (500, 420),
        }
    }

    /// Height of a line of axis labels.
    pub fn label(self) -> u32 {
        match self {
            Size::Full => 28,
            Size::Small => 22,
        }
    }

    fn title(self) -> u32 {
        match self {
            Size::Full => 32,
            Size::Small => 26,
        }
    }

    fn left(self) -> u32 {
        match self {
            Size::Full => 128,
            Size::Small => 74,
        }
    }

    fn bottom(self) -> u32 {
        match self {
            Size::Full => 84,
            Size::Small => 38,
        }
    }
}

/// Texts and ticks of a chart.
#[derive(Clone, Copy, Debug)]
pub struct Axes<'a> {
    /// Above the chart.
    pub title: &'a str,
    /// Below the chart, with unit; empty hides the axis' labels.
    pub x: &'a str,
    /// Left of the chart, with unit.
    pub y: &'a str,
    /// About how many ticks.
    pub ticks: (usize, usize),
    /// Large or small.
    pub size: Size,
}

/// A chart drawn by [`axes`].
pub type Chart<'a, X, Y> = ChartContext<'a, Recorder, Cartesian2d<X, Y>>;

/// Draws title, axes and grid.
pub fn axes<'a, X, Y>(
    area: &'a Area,
    a: Axes,
    x: X,
    y: Y,
) -> std::result::Result<
    Chart<'a, X::CoordDescType, Y::CoordDescType>,
    plotters::drawing::DrawingAreaErrorKind<std::convert::Infallible>,
>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let bare = a.x.is_empty();
    let mut builder = ChartBuilder::on(area);
    builder
        .margin_right(24)
        .margin_top(if a.title.is_empty() { 12 } else { 6 })
        .margin_left(6)
        .set_label_area_size(LabelAreaPosition::Left, a.size.left())
        .set_label_area_size(LabelAreaPosition::Bottom, if bare { 10 } else { a.size.bottom() });
    if !a.title.is_empty() {
        builder.caption(a.title, text(a.size.title()).bold());
    }
    let mut chart = builder.build_cartesian_2d(x, y)?;
    let named = a.size == Size::Full;
    chart
        .configure_mesh()
        .x_labels(a.ticks.0)
        .y_labels(a.ticks.1)
        .max_light_lines(0)
        .light_line_style(TRANSPARENT)
        .bold_line_style(INK.mix(0.10))
        .axis_style(INK.mix(0.7))
        .label_style(text(a.size.label()))
        .axis_desc_style(text(a.size.label()))
        .x_label_formatter(&|v| if bare { String::new() } else { tick(*v) })
        .y_label_formatter(&|v| tick(*v))
        .x_desc(if named { a.x } else { "" })
        .y_desc(if named { a.y } else { "" })
        .draw()?;
    Ok(chart)
}

/// Ink of that size.
pub fn text(size: u32) -> PlainText {
    PlainText { size, bold: false, color: INK, across: HPos::Left, along: VPos::Top, upright: false }
}

/// A text style that is easy to change.
#[derive(Clone, Debug)]
pub struct PlainText {
    size: u32,
    bold: bool,
    color: RGBColor,
    across: HPos,
    along: VPos,
    upright: bool,
}

impl PlainText {
    /// Bold.
    #[must_use]
    pub fn bold(mut self) -> Self {
        self.bold = true;
        self
    }

    /// In another colour.
    #[must_use]
    pub fn colored(mut self, color: RGBColor) -> Self {
        self.color = color;
        self
    }

    /// Which point of the text is placed.
    #[must_use]
    pub fn at(mut self, across: HPos, along: VPos) -> Self {
        (self.across, self.along) = (across, along);
        self
    }

    /// Reading from bottom to top.
    #[must_use]
    pub fn upright(mut self) -> Self {
        self.upright = true;
        self
    }
}

impl From<PlainText> for TextStyle<'static> {
    fn from(t: PlainText) -> Self {
        let weight = if t.bold { FontStyle::Bold } else { FontStyle::Normal };
        let turn = if t.upright { FontTransform::Rotate270 } else { FontTransform::None };
        FontDesc::new(FontFamily::SansSerif, f64::from(t.size), weight)
            .transform(turn)
            .color(&t.color)
            .pos(Pos::new(t.across, t.along))
    }
}

impl plotters::style::IntoTextStyle<'static> for PlainText {
    fn into_text_style<P: HasDimension>(self, _: &P) -> TextStyle<'static> {
        self.into()
    }
}

/// Lines of text from the upper right corner of a chart; the colour is that of a line before the text, if there is one.
pub fn legend<X: Ranged, Y: Ranged>(
    area: &Area,
    chart: &Chart<X, Y>,
    size: Size,
    lines: &[(Option<RGBColor>, String)],
) -> Drawn {
    let (xs, ys) = inside(area, chart);
    let step = size.label() as i32 + 4;
    let sample = size.label() as i32;
    for (i, (color, line)) in lines.iter().enumerate() {
        let y = ys.start + 8 + step * i as i32;
        let style: TextStyle = text(size.label()).at(HPos::Right, VPos::Top).into();
        area.draw(&Text::new(line.clone(), (xs.end - 10, y), style.clone()))?;
        if let Some(color) = color {
            let (width, _) = area.estimate_text_size(line, &style)?;
            let right = xs.end - 20 - width as i32 - i32::from(size == Size::Full) * 8;
            let y = y + size.label() as i32 / 2;
            area.draw(&PathElement::new([(right - sample, y), (right, y)], color.stroke_width(4)))?;
        }
    }
    Ok(())
}

/// The pixels of a chart's inside, in the coordinates of the area it was built on.
pub fn inside<X: Ranged, Y: Ranged>(area: &Area, chart: &Chart<X, Y>) -> (Range<i32>, Range<i32>) {
    let (xs, ys) = chart.plotting_area().get_pixel_range();
    let base = area.get_base_pixel();
    (xs.start - base.0..xs.end - base.0, ys.start - base.1..ys.end - base.1)
}

/// A number on an axis: short, and never `0.30000000000000004`.
pub fn tick(v: f64) -> String {
    let m = v.abs();
    if m < 1e-300 {
        return "0".to_owned();
    }
    if !(1e-3..1e5).contains(&m) {
        let text = format!("{v:.2e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    let digits = (4 - m.log10().floor() as i32).clamp(0, 6) as usize;
    trimmed(&format!("{v:.digits$}")).to_owned()
}

/// A figure in a text: three significant digits.
pub fn short(v: f64) -> String {
    let m = v.abs();
    if m == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e5).contains(&m) {
        return format!("{v:.2e}");
    }
    let digits = (2 - m.log10().floor() as i32).clamp(0, 6) as usize;
    format!("{v:.digits$}")
}

fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// `name [unit]`, or `name` alone.
pub fn with_unit(name: &str, unit: &str) -> String {
    if unit.is_empty() || unit == "1" { name.to_owned() } else { format!("{name} [{unit}]") }
}

/// `text`, cut to `most` characters.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_short_and_exact() {
        let shown = [0.30000000000000004, 1200.0, 1e6, -2.5e-5, 0.0, 0.125, 99_999.0, 10.0].map(tick);
        assert_eq!(shown, ["0.3", "1200", "1e6", "-2.5e-5", "0", "0.125", "99999", "10"]);
        assert_eq!([0.001234, 12.345, 123_456.0].map(short), ["0.00123", "12.3", "1.23e5"]);
    }

    #[test]
    fn a_unit_stands_in_brackets() {
        assert_eq!((with_unit("pt", "GeV"), with_unit("n", "")), ("pt [GeV]".to_owned(), "n".to_owned()));
    }
}
