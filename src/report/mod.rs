//! The report of a run.
//!
//! ```text
//! stages ─► Report (facts.rs) ─► report.json      stable names, docs/report.schema.json
//!                 └─► figures.rs (plot/) ─┬─► page.rs ─► report.html   one file, inline SVG, no scripts
//!                                         └─► PNG on request
//! ```

pub mod facts;
mod figures;
#[cfg(feature = "verilog")]
pub mod latency;
mod page;
pub mod plot;
pub mod schema;
mod tables;

pub use facts::*;
pub use figures::{overview, write_pngs};
pub use page::page;

use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::model::file::{read_json, write_json, write_whole};

/// Writes `report.json` and a self-contained `report.html`.
///
/// # Errors
/// `I001`.
pub fn write(report: &Report, folder: &Path) -> Result<()> {
    write_page(report, folder)?;
    write_json(&folder.join("report.json"), report)
}

/// Writes `report.html` alone.
///
/// # Errors
/// `I001`.
pub fn write_page(report: &Report, folder: &Path) -> Result<()> {
    write_whole(&folder.join("report.html"), page(report).as_bytes())
}

/// Reads the report of a run folder.
///
/// # Errors
/// `P001` if the folder holds no report or one of another version.
pub fn read(folder: &Path) -> Result<Report> {
    let path = folder.join("report.json");
    if !path.is_file() {
        return Err(Error::new(Code::Report, format!("`{}` holds no report", folder.display()))
            .cause("there is no report.json")
            .hint("give the folder that `sluice run` wrote; it makes the report last"));
    }
    let value: serde_json::Value = read_json(&path, Code::Report)?;
    if value["schema"] != SCHEMA {
        let found = value["schema"].as_str().unwrap_or("absent").to_owned();
        return Err(Error::new(Code::Report, format!("the `schema` of the report is `{found}`, not `{SCHEMA}`"))
            .at(path.display().to_string())
            .hint("`sluice run` writes it anew"));
    }
    serde_json::from_value(value).map_err(|e| {
        Error::new(Code::Report, "the report does not hold what its schema says")
            .at(path.display().to_string())
            .cause(e.to_string())
    })
}
