//! Sketch → SVG element for a page. Ink takes the page's text colour, so that one drawing serves light and dark.

use std::fmt::Write as _;

use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendCoord};

use super::canvas::{SCALE, Shape, Sketch, TextLook};
use super::look::INK;

/// plotters measures the height of a line, SVG that of the em.
const LINE_HEIGHT: f64 = 1.24;

/// The element. Text is escaped; nothing outside of the element is referred to.
pub fn svg(sketch: &Sketch) -> String {
    let (w, h) = sketch.size;
    let title = escape(&sketch.title);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" viewBox=\"0 0 {w} {h}\" width=\"{}\" \
         height=\"{}\" font-family=\"sans-serif\" fill=\"none\"><title>{title}</title>\n",
        w / SCALE,
        h / SCALE
    );
    let mut shapes = sketch.shapes.iter().peekable();
    while let Some(shape) = shapes.next() {
        match shape {
            Shape::Rect { from, to, color, fill: true } => {
                // Neighbours of one colour, as in a heat map, share one element.
                let mut path = cell(*from, *to);
                while let Some(Shape::Rect { from, to, color: next, fill: true }) = shapes.peek() {
                    if next != color {
                        break;
                    }
                    path += &cell(*from, *to);
                    shapes.next();
                }
                let _ = writeln!(out, "<path d=\"{path}\"{}/>", paint("fill", *color));
            }
            other => out += &element(other),
        }
    }
    out + "</svg>"
}

fn element(shape: &Shape) -> String {
    match shape {
        Shape::Line { points, color, width } => {
            format!("<path d=\"{}\"{} stroke-width=\"{width}\"/>\n", line(points), paint("stroke", *color))
        }
        Shape::Area { points, color } => format!("<path d=\"{}z\"{}/>\n", line(points), paint("fill", *color)),
        Shape::Rect { from, to, color, .. } => {
            format!("<path d=\"{}\"{}/>\n", cell(*from, *to), paint("stroke", *color))
        }
        Shape::Circle { center: (x, y), radius, color, fill } => {
            let paint = paint(if *fill { "fill" } else { "stroke" }, *color);
            format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"{paint}/>\n")
        }
        Shape::Text { text, at, look } => words(text, *at, look),
    }
}

fn words(text: &str, (x, y): BackendCoord, look: &TextLook) -> String {
    let anchor = match look.across {
        HPos::Left => "start",
        HPos::Center => "middle",
        HPos::Right => "end",
    };
    let down = match look.along {
        VPos::Top => "0.85em",
        VPos::Center => "0.35em",
        VPos::Bottom => "-0.25em",
    };
    let turned = if look.upright { format!(" transform=\"rotate(270 {x} {y})\"") } else { String::new() };
    let weight = if look.bold { " font-weight=\"600\"" } else { "" };
    format!(
        "<text x=\"{x}\" y=\"{y}\" dy=\"{down}\" font-size=\"{:.0}\" text-anchor=\"{anchor}\"{weight}{turned}{}>{}</text>\n",
        look.size / LINE_HEIGHT,
        paint("fill", look.color),
        escape(text)
    )
}

/// `M x y`, then steps: horizontal and vertical ones are shorter, and most are.
fn line(points: &[BackendCoord]) -> String {
    let mut path = String::new();
    let mut last: Option<BackendCoord> = None;
    for &(x, y) in points {
        let _ = match last {
            None => write!(path, "M{x} {y}"),
            Some(p) if p == (x, y) => Ok(()),
            Some((_, py)) if py == y => write!(path, "H{x}"),
            Some((px, _)) if px == x => write!(path, "V{y}"),
            Some(_) => write!(path, "L{x} {y}"),
        };
        last = Some((x, y));
    }
    path
}

fn cell(from: BackendCoord, to: BackendCoord) -> String {
    format!("M{} {}H{}V{}H{}z", from.0, from.1, to.0, to.1, from.0)
}

fn paint(what: &str, color: BackendColor) -> String {
    let (r, g, b) = color.rgb;
    let name =
        if color.rgb == (INK.0, INK.1, INK.2) { "currentColor".to_owned() } else { format!("#{r:02x}{g:02x}{b:02x}") };
    let opacity = if color.alpha < 1.0 { format!(" opacity=\"{:.2}\"", color.alpha) } else { String::new() };
    format!(" {what}=\"{name}\"{opacity}")
}

/// Text for HTML and SVG.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_one_colour_share_an_element_and_text_is_escaped() {
        let color = BackendColor { alpha: 1.0, rgb: (1, 2, 3) };
        let rect = |x: i32| Shape::Rect { from: (x, 0), to: (x + 1, 1), color, fill: true };
        let look = TextLook {
            size: 20.0,
            bold: false,
            across: HPos::Left,
            along: VPos::Top,
            upright: false,
            color: BackendColor { alpha: 1.0, rgb: (INK.0, INK.1, INK.2) },
        };
        let text = Shape::Text { text: "a<b&\"c\"".into(), at: (0, 0), look };
        let s = svg(&Sketch { title: "t".into(), size: (4, 4), shapes: vec![rect(0), rect(1), text] });
        assert_eq!(s.matches("<path").count(), 1);
        assert!(s.contains("a&lt;b&amp;&quot;c&quot;") && s.contains("currentColor"), "{s}");
    }
}
