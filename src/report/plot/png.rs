//! Sketch → PNG on white, twice the size of the page, under its final name only when complete.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::{FontStyle, FontTransform};
use plotters_backend::text_anchor::Pos;
use plotters_backend::{BackendColor, DrawingErrorKind};

use super::canvas::{Shape, Sketch, TextLook, fonts};
use crate::error::{Code, Error, Result};

/// Writes `sketch` to `path`.
///
/// # Errors
/// `I001` if it cannot be written, `P001` if it cannot be drawn.
pub fn write_png(sketch: &Sketch, path: &Path) -> Result<()> {
    fonts()?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, &e))?;
    // plotters chooses the format by the name.
    let file = tempfile::Builder::new().suffix(".png").tempfile_in(folder);
    let file = file.map_err(|e| Error::io("write in", folder, &e))?.into_temp_path();
    replay(sketch, &file).map_err(|e| {
        Error::new(Code::Report, format!("`{}` cannot be drawn", path.display())).cause(e.to_string())
    })?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let _ = std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644));
    }
    file.persist(path).map_err(|e| Error::io("write", path, &e.error))
}

type Failure = DrawingErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>;

fn replay(sketch: &Sketch, path: &Path) -> std::result::Result<(), Failure> {
    let (w, h) = sketch.size;
    let mut to = BitMapBackend::new(path, sketch.size);
    to.draw_rect((0, 0), (w as i32, h as i32), &WHITE, true)?;
    for shape in &sketch.shapes {
        match shape {
            Shape::Line { points, color, width } => to.draw_path(points.iter().copied(), &stroke(*color, *width))?,
            Shape::Area { points, color } => to.fill_polygon(points.iter().copied(), &rgba(*color))?,
            // plotters fills the lower right edge too: neighbouring cells would overlap.
            Shape::Rect { from, to: end, color, fill } => {
                let inner = if *fill { (end.0 - 1, end.1 - 1) } else { *end };
                to.draw_rect(*from, inner, &rgba(*color), *fill)?;
            }
            Shape::Circle { center, radius, color, fill } => {
                to.draw_circle(*center, *radius, &rgba(*color), *fill)?;
            }
            Shape::Text { text, at, look } => to.draw_text(text, &style(look), *at)?,
        }
    }
    to.present()
}

fn rgba(c: BackendColor) -> RGBAColor {
    RGBAColor(c.rgb.0, c.rgb.1, c.rgb.2, c.alpha)
}

fn stroke(c: BackendColor, width: u32) -> ShapeStyle {
    ShapeStyle { color: rgba(c), filled: false, stroke_width: width }
}

fn style(look: &TextLook) -> TextStyle<'static> {
    let weight = if look.bold { FontStyle::Bold } else { FontStyle::Normal };
    let turn = if look.upright { FontTransform::Rotate270 } else { FontTransform::None };
    FontDesc::new(FontFamily::SansSerif, look.size, weight)
        .transform(turn)
        .color(&rgba(look.color))
        .pos(Pos::new(look.across, look.along))
}
