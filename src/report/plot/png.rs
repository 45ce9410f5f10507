//! Sketch → PNG on white, twice the size of the page, under its final name only when complete.
//!
//! It is drawn twice as large again and each square of four pixels becomes one: edges come out smooth.

use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, FontTransform, register_font};

use super::canvas::{Anchor, Color, Point, Shape, Sketch, Words};
use crate::error::{Code, Error, Result};
use crate::model::file::write_whole;

/// Pixels of the drawing for one of the page.
const FINE: f64 = 4.0;
/// Of those, on each side, for one of the file.
const COARSE: usize = 2;
/// plotters takes the height of a line, a sketch that of the em.
const LINE_HEIGHT: f64 = 1.17;

/// Writes `sketch` to `path`.
///
/// # Errors
/// `I001` if it cannot be written, `P001` if it cannot be drawn.
pub fn write_png(sketch: &Sketch, path: &Path) -> Result<()> {
    let failed = |e: &dyn std::fmt::Display| {
        Error::new(Code::Report, format!("`{}` cannot be drawn", path.display())).cause(e.to_string())
    };
    let (w, h) = (even(sketch.size.0), even(sketch.size.1));
    let mut fine = vec![255u8; w * h * 3];
    {
        let mut to = BitMapBackend::with_buffer(&mut fine, (w as u32, h as u32));
        fonts()?;
        for shape in &sketch.shapes {
            replay(shape, &mut to).map_err(|e| failed(&e))?;
        }
        to.present().map_err(|e| failed(&e))?;
    }
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, &e))?;
    }
    write_whole(path, &encode(w / COARSE, h / COARSE, &coarse(w, h, &fine)).map_err(|e| failed(&e))?)
}

fn even(size: f64) -> usize {
    (size * FINE / COARSE as f64).ceil().max(1.0) as usize * COARSE
}

/// Text is drawn with a font that the binary carries: a picture does not depend on the machine's fonts.
fn fonts() -> Result<()> {
    static DONE: OnceLock<bool> = OnceLock::new();
    let add = |style| register_font("sans-serif", style, epaint_default_fonts::UBUNTU_LIGHT).is_ok();
    let done = *DONE.get_or_init(|| add(FontStyle::Normal) && add(FontStyle::Bold));
    if done { Ok(()) } else { Err(Error::new(Code::Report, "the font of the figures cannot be read")) }
}

fn coarse(w: usize, h: usize, fine: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(fine.len() / (COARSE * COARSE));
    for y in (0..h).step_by(COARSE) {
        for x in (0..w).step_by(COARSE) {
            for c in 0..3 {
                let at = |dy: usize, dx: usize| usize::from(fine[((y + dy) * w + x + dx) * 3 + c]);
                let sum: usize =
                    (0..COARSE).flat_map(|dy| (0..COARSE).map(move |dx| (dy, dx))).map(|(a, b)| at(a, b)).sum();
                out.push((sum / (COARSE * COARSE)) as u8);
            }
        }
    }
    out
}

/// A PNG file of 8-bit RGB: signature, header, one stream of rows, end.
fn encode(w: usize, h: usize, rgb: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], body: &[u8]| {
        file.extend((body.len() as u32).to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(body);
        file.extend(kind);
        file.extend(body);
        file.extend(crc.sum().to_be_bytes());
    };
    let mut header = Vec::new();
    header.extend((w as u32).to_be_bytes());
    header.extend((h as u32).to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    chunk(b"IHDR", &header);
    let (plain, differences) = (deflate(rgb, w * 3, false)?, deflate(rgb, w * 3, true)?);
    chunk(b"IDAT", if plain.len() <= differences.len() { &plain } else { &differences });
    chunk(b"IEND", &[]);
    Ok(file)
}

fn replay(shape: &Shape, to: &mut BitMapBackend) -> Drawn {
    let drawn = match shape {
        Shape::Line { points, color, width, dashed } => return stroke(to, points, *color, *width, *dashed),
        Shape::Cells { cells, color } => return cells.iter().try_for_each(|c| rect(to, c, *color)),
        Shape::Text(words) => return text(to, words),
        Shape::Area { points, color } => to.fill_polygon(points.iter().map(|p| pixel(*p)), &rgba(*color)),
        Shape::Dot { at, radius, color } => {
            to.draw_circle(pixel(*at), (radius * FINE).round() as u32, &rgba(*color), true)
        }
    };
    drawn.map_err(|e| e.to_string())
}

fn stroke(to: &mut BitMapBackend, points: &[Point], color: Color, width: f64, dashed: bool) -> Drawn {
    let style = ShapeStyle { color: rgba(color), filled: false, stroke_width: (width * FINE).round() as u32 };
    let pieces = if dashed { dashes(points) } else { vec![points.to_vec()] };
    pieces.iter().try_for_each(|piece| match straight(piece, width) {
        Some(bars) => bars.iter().try_for_each(|b| rect(to, b, color)),
        None => to.draw_path(piece.iter().map(|p| pixel(*p)), &style).map_err(|e| e.to_string()),
    })
}

/// The font has raised digits but no raised minus: that is drawn as a small one.
fn text(to: &mut BitMapBackend, w: &Words) -> Drawn {
    let Some((before, after)) = w.text.split_once('⁻') else {
        return to.draw_text(&w.text, &style(w), pixel(middle(w))).map_err(|e| e.to_string());
    };
    let piece = |text: &str, size: f64| Words { text: text.to_owned(), size, anchor: Anchor::Start, ..w.clone() };
    let pieces = [(piece(before, w.size), 0.0), (piece("-", w.size * 0.7), w.size * 0.22), (piece(after, w.size), 0.0)];
    let mut widths = [0.0; 3];
    for (width, (p, _)) in widths.iter_mut().zip(&pieces) {
        let level = Words { upright: false, ..p.clone() };
        let (across, _) = to.estimate_text_size(&p.text, &style(&level)).map_err(|e| e.to_string())?;
        *width = f64::from(across) / FINE;
    }
    let total: f64 = widths.iter().sum();
    let mut along = match w.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -total / 2.0,
        Anchor::End => -total,
    };
    for ((p, up), width) in pieces.into_iter().zip(widths) {
        let at = if w.upright { (w.at.0 - up, w.at.1 - along) } else { (w.at.0 + along, w.at.1 - up) };
        let p = Words { at, ..p };
        to.draw_text(&p.text, &style(&p), pixel(middle(&p))).map_err(|e| e.to_string())?;
        along += width;
    }
    Ok(())
}

/// Rows of `width` bytes, each after its filter: 0 as it is, 1 as the difference to the pixel on the left.
fn deflate(rgb: &[u8], width: usize, differences: bool) -> std::io::Result<Vec<u8>> {
    let mut rows = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    for row in rgb.chunks_exact(width) {
        rows.write_all(&[u8::from(differences)])?;
        if differences {
            let line: Vec<u8> =
                (0..row.len()).map(|i| if i < 3 { row[i] } else { row[i].wrapping_sub(row[i - 3]) }).collect();
            rows.write_all(&line)?;
        } else {
            rows.write_all(row)?;
        }
    }
    rows.finish()
}

/// plotters does not export the type of its errors.
type Drawn = std::result::Result<(), String>;

fn rect(to: &mut BitMapBackend, c: &[f64; 4], color: Color) -> Drawn {
    let drawn = to.draw_rect(pixel((c[0], c[1])), pixel((c[0] + c[2], c[1] + c[3])), &rgba(color), true);
    drawn.map_err(|e| e.to_string())
}

/// The bars that make up a line of horizontal and vertical pieces, corners filled; absent for a slanted line. plotters
/// draws thick lines that turn back on themselves with holes.
fn straight(points: &[Point], width: f64) -> Option<Vec<[f64; 4]>> {
    let half = width / 2.0;
    let bar = |p: &[Point]| {
        let ((x0, y0), (x1, y1)) = (p[0], p[1]);
        let level = (x0 - x1).abs() < 1e-6 || (y0 - y1).abs() < 1e-6;
        level.then(|| [x0.min(x1) - half, y0.min(y1) - half, (x0 - x1).abs() + width, (y0 - y1).abs() + width])
    };
    points.windows(2).map(bar).collect()
}

fn pixel(p: Point) -> (i32, i32) {
    ((p.0 * FINE).round() as i32, (p.1 * FINE).round() as i32)
}

/// plotters centres the line with its accents, SVG the small letters.
fn middle(w: &Words) -> Point {
    let down = w.size * 0.10;
    if w.upright { (w.at.0 + down, w.at.1) } else { (w.at.0, w.at.1 + down) }
}

/// The drawn pieces of a dashed line: 5 pixels of line, 3 of gap.
fn dashes(points: &[Point]) -> Vec<Vec<Point>> {
    let (mut pieces, mut along): (Vec<Vec<Point>>, f64) = (Vec::new(), 0.0);
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let length = (x1 - x0).hypot(y1 - y0);
        let mut done = 0.0;
        while done < length {
            let phase = along % 8.0;
            let (drawn, rest) = if phase < 5.0 { (true, 5.0 - phase) } else { (false, 8.0 - phase) };
            let step = rest.min(length - done).max(1e-6);
            let at = |d: f64| (x0 + (x1 - x0) * d / length, y0 + (y1 - y0) * d / length);
            if drawn {
                pieces.push(vec![at(done), at(done + step)]);
            }
            (done, along) = (done + step, along + step);
        }
    }
    pieces
}

fn rgba(c: Color) -> RGBAColor {
    RGBAColor(c.rgb.0, c.rgb.1, c.rgb.2, c.alpha)
}

fn style(w: &Words) -> TextStyle<'static> {
    let weight = if w.bold { FontStyle::Bold } else { FontStyle::Normal };
    let turn = if w.upright { FontTransform::Rotate270 } else { FontTransform::None };
    let across = match w.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    FontDesc::new(FontFamily::SansSerif, w.size * FINE * LINE_HEIGHT, weight)
        .transform(turn)
        .color(&rgba(w.color))
        .pos(Pos::new(across, VPos::Center))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_holds_the_colours_that_were_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/a.png");
        let mut s = Sketch::new("t", 3.0, 2.0);
        s.cell([0.0, 0.0, 1.0, 2.0], Color::plain((10, 20, 30)));
        write_png(&s, &path).unwrap();
        let file = std::fs::read(&path).unwrap();
        assert_eq!(&file[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!((&file[16..20], &file[20..24]), (&[0, 0, 0, 6][..], &[0, 0, 0, 4][..]));
        // The body of IDAT: after signature, IHDR and the chunk's own length and name; before its CRC and IEND.
        let mut rows = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&file[41..file.len() - 16]), &mut rows).unwrap();
        assert_eq!(rows.len(), 4 * (1 + 6 * 3));
        // The first pixel and its right neighbour, then white; in either form of a row.
        let first =
            if rows[0] == 0 { [10, 20, 30, 10, 20, 30, 255, 255, 255] } else { [10, 20, 30, 0, 0, 0, 245, 235, 225] };
        assert_eq!(&rows[1..10], &first);
    }

    #[test]
    fn dashes_cover_five_eighths() {
        let total: f64 = dashes(&[(0.0, 0.0), (80.0, 0.0)]).iter().map(|p| p[1].0 - p[0].0).sum();
        assert!((total - 50.0).abs() < 1e-6, "{total}");
    }
}
