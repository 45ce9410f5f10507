//! A figure that a command is asked for, as SVG or PNG.

use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::model::file::write_whole;
use crate::report::plot::{self, Sketch};

/// Where it goes.
#[derive(Clone, Copy)]
pub struct Figure<'a> {
    path: &'a Path,
    svg: bool,
}

impl<'a> Figure<'a> {
    /// To be asked before any work is done.
    ///
    /// # Errors
    /// `U001` for a name that ends in neither `.svg` nor `.png`.
    pub fn new(path: &'a Path) -> Result<Self> {
        match path.extension().and_then(|e| e.to_str()).unwrap_or_default() {
            kind @ ("svg" | "png") => Ok(Figure { path, svg: kind == "svg" }),
            kind => Err(Error::new(Code::Usage, format!("a figure cannot be a `.{kind}`")).hint("name a .svg or .png")),
        }
    }

    pub fn write(self, sketch: &Sketch) -> Result<()> {
        match self.svg {
            true => write_whole(self.path, plot::svg_file(sketch).as_bytes()),
            false => plot::write_png(sketch, self.path),
        }
    }
}
