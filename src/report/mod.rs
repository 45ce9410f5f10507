//! The report of a run.
//!
//! ```text
//! stages ─► Report (facts.rs) ─► report.json      stable names, docs/report.schema.json
//!                 └─► figures (plot/) ─► page.rs ─► report.html   one file, inline SVG, no scripts
//!                                    └─► PNG on request
//! ```

pub mod facts;
pub mod schema;

pub use facts::*;

use std::fmt::Write as _;
use std::path::Path;

use crate::error::Result;
use crate::model::file::{write_json, write_whole};

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn table(html: &mut String, title: &str, head: &[&str], rows: &[Vec<String>]) {
    let cells =
        |tag: &str, row: &[String]| -> String { row.iter().map(|c| format!("<{tag}>{}</{tag}>", escape(c))).collect() };
    let head: Vec<String> = head.iter().map(|s| (*s).to_owned()).collect();
    let _ = write!(html, "<h2>{}</h2><table><tr>{}</tr>", escape(title), cells("th", &head));
    for row in rows {
        let _ = write!(html, "<tr>{}</tr>", cells("td", row));
    }
    html.push_str("</table>");
}

/// Every leaf of a JSON value as a row of path and value.
fn leaves(prefix: &str, value: &serde_json::Value, rows: &mut Vec<Vec<String>>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                leaves(&path, value, rows);
            }
        }
        serde_json::Value::Array(items) => {
            for (i, value) in items.iter().enumerate() {
                leaves(&format!("{prefix}[{i}]"), value, rows);
            }
        }
        other => rows.push(vec![prefix.to_owned(), other.as_str().map_or_else(|| other.to_string(), str::to_owned)]),
    }
}

/// Writes `report.json` and a self-contained `report.html`.
///
/// # Errors
/// `I001`.
pub fn write(report: &Report, folder: &Path) -> Result<()> {
    write_json(&folder.join("report.json"), report)?;
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title><style>body{{font:15px sans-serif;margin:2em auto;max-width:70em}}table{{border-collapse:collapse}}td,th{{border:1px solid #ccc;padding:.2em .6em;text-align:right}}td:first-child,th:first-child{{text-align:left}}</style><h1>{0}</h1>",
        escape(&report.name)
    );
    let number = |v: f64| format!("{v:.4e}");
    let columns: Vec<Vec<String>> = report
        .columns
        .iter()
        .map(|c| {
            vec![
                c.name.clone(),
                c.unit.clone(),
                number(c.rms),
                number(c.rms_over_range),
                number(c.max_over_range),
                number(c.bias),
            ]
        })
        .collect();
    table(&mut html, "Columns", &["column", "unit", "RMS", "RMS / range", "max / range", "bias"], &columns);
    let peers: Vec<Vec<String>> =
        report.peers.iter().map(|p| vec![p.name.clone(), p.bytes.to_string(), format!("{:.3}", p.ratio)]).collect();
    table(&mut html, "Lossless rivals", &["codec", "bytes", "ratio"], &peers);
    let mut value = serde_json::to_value(report).unwrap_or_default();
    for shown in ["columns", "peers"] {
        value.as_object_mut().map(|m| m.remove(shown));
    }
    let mut rows = Vec::new();
    leaves("", &value, &mut rows);
    table(&mut html, "All figures", &["name in report.json", "value"], &rows);
    html.push_str("</html>\n");
    write_whole(&folder.join("report.html"), html.as_bytes())
}
