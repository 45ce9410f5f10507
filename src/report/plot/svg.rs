//! Sketch → SVG element for a page. Named colours take the page's, so that one drawing serves light and dark.

use std::fmt::Write as _;

use super::canvas::{Anchor, Color, Point, Shape, Sketch, Words};

/// The element. Text is escaped; nothing outside of the element is referred to.
pub fn svg(sketch: &Sketch) -> String {
    let (w, h) = sketch.size;
    let title = escape(&sketch.title);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" viewBox=\"0 0 {w:.0} {h:.0}\" \
         width=\"{w:.0}\" height=\"{h:.0}\" font-family=\"sans-serif\" fill=\"none\"><title>{title}</title>\n"
    );
    let mut shapes = sketch.shapes.iter().peekable();
    while let Some(shape) = shapes.next() {
        match shape {
            // Neighbouring lines of one look, such as the ticks of a frame, share an element.
            Shape::Line { points, color, width, dashed } => {
                let mut path = line(points);
                while let Some(Shape::Line { points, color: c, width: w, dashed: d }) = shapes.peek() {
                    if (c, w, d) != (color, width, dashed) {
                        break;
                    }
                    path += &line(points);
                    shapes.next();
                }
                let dash = if *dashed { " stroke-dasharray=\"5 3\"" } else { "" };
                let _ = writeln!(out, "<path d=\"{path}\"{} stroke-width=\"{width}\"{dash}/>", paint("stroke", *color));
            }
            Shape::Area { points, color } => {
                let _ = writeln!(out, "<path d=\"{}z\"{}/>", line(points), paint("fill", *color));
            }
            Shape::Cells { cells, color } => {
                let path: String = cells.iter().map(cell).collect();
                // Neighbouring cells touch: smoothed edges would let the page shine through.
                let _ = writeln!(out, "<path d=\"{path}\"{} shape-rendering=\"crispEdges\"/>", paint("fill", *color));
            }
            Shape::Dot { at, radius, color } => {
                let mut path = disc(*at, *radius);
                while let Some(Shape::Dot { at, radius, color: c }) = shapes.peek() {
                    if c != color {
                        break;
                    }
                    path += &disc(*at, *radius);
                    shapes.next();
                }
                let _ = writeln!(out, "<path d=\"{path}\"{}/>", paint("fill", *color));
            }
            Shape::Text(words) => out += &text(words),
        }
    }
    out + "</svg>"
}

fn text(w: &Words) -> String {
    let anchor = match w.anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let (x, y) = (number(w.at.0), number(w.at.1));
    let turned = if w.upright { format!(" transform=\"rotate(270 {x} {y})\"") } else { String::new() };
    let weight = if w.bold { " font-weight=\"600\"" } else { "" };
    format!(
        "<text x=\"{x}\" y=\"{y}\" dy=\".35em\" font-size=\"{}\"{anchor}{weight}{turned}{}>{}</text>\n",
        w.size,
        paint("fill", w.color),
        escape(&w.text)
    )
}

/// `M x y`, then steps: horizontal and vertical ones are shorter, and most are.
fn line(points: &[Point]) -> String {
    let mut path = String::new();
    let mut last: Option<(String, String)> = None;
    for p in points {
        let (x, y) = (number(p.0), number(p.1));
        let _ = match &last {
            None => write!(path, "M{x} {y}"),
            Some((lx, ly)) if *lx == x && *ly == y => Ok(()),
            Some((_, ly)) if *ly == y => write!(path, "H{x}"),
            Some((lx, _)) if *lx == x => write!(path, "V{y}"),
            Some(_) => write!(path, "L{x} {y}"),
        };
        last = Some((x, y));
    }
    path
}

fn cell(c: &[f64; 4]) -> String {
    format!("M{} {}h{}v{}h-{}z", number(c[0]), number(c[1]), number(c[2]), number(c[3]), number(c[2]))
}

fn disc((x, y): Point, r: f64) -> String {
    let (d, r) = (number(2.0 * r), number(r));
    format!("M{} {}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0", number(x - r.parse().unwrap_or(0.0)), number(y))
}

/// The same as a file of its own: on white, in its own colours, which viewers without style sheets show too.
pub fn svg_file(sketch: &Sketch) -> String {
    let text = svg(sketch).replacen("</title>\n", "</title>\n<path d=\"M0 0H9999V9999H0Z\" fill=\"#ffffff\"/>\n", 1);
    let mut parts = text.split("var(");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| {
        let (variable, rest) = part.split_once(')').unwrap_or((part, ""));
        out + variable.rsplit(',').next().unwrap_or_default() + rest
    })
}

/// Hundredths of a pixel are enough.
fn number(v: f64) -> String {
    let text = format!("{v:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn paint(what: &str, color: Color) -> String {
    let (r, g, b) = color.rgb;
    let hex = format!("#{r:02x}{g:02x}{b:02x}");
    let name = if color.name.is_empty() { hex } else { format!("var(--{},{hex})", color.name) };
    let opacity = if color.alpha < 1.0 { format!(" opacity=\"{:.2}\"", color.alpha) } else { String::new() };
    format!(" {what}=\"{name}\"{opacity}")
}

/// Text for HTML and SVG.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::look::INK;
    use super::*;

    #[test]
    fn cells_and_lines_of_one_look_share_an_element_and_text_is_escaped() {
        let mut s = Sketch::new("t", 4.0, 4.0);
        s.cell([0.0, 0.0, 1.0, 1.0], Color::plain((1, 2, 3)));
        s.cell([1.0, 0.0, 1.0, 1.0], Color::plain((1, 2, 3)));
        s.line(vec![(0.0, 0.0), (1.5, 0.0), (1.5, 2.0)], INK, 1.0);
        s.line(vec![(3.0, 0.0), (4.0, 1.0)], INK, 1.0);
        s.text(Words::new("a<b&\"c\"", (0.0, 0.0), 11.0));
        let text = svg(&s);
        assert_eq!(text.matches("<path").count(), 2, "{text}");
        assert!(text.contains("M0 0H1.5V2M3 0L4 1") && text.contains("fill=\"#010203\""), "{text}");
        assert!(text.contains("a&lt;b&amp;&quot;c&quot;") && text.contains("\"var(--ink,#181c21)\""), "{text}");
        let file = svg_file(&s);
        assert!(file.contains("\"#181c21\"") && !file.contains("var(") && file.ends_with("</svg>"), "{file}");
    }
}
