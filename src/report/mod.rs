//! The report of a run: `report.json` with stable names, and the same as a page.

use std::fmt::Write as _;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::evaluate::{ColumnFigures, Overall};
use crate::model::file::{write_json, write_whole};
use crate::model::trained::Epoch;

/// The value of the `schema` field.
pub const SCHEMA: &str = "sluice.report/1";

/// Everything that the page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Name of the recipe.
    pub name: String,
    /// Version that made it.
    pub sluice_version: String,
    /// What was compressed.
    pub data: DataSection,
    /// How the network was fitted.
    pub training: Option<TrainingSection>,
    /// The linear rival.
    pub pca: Option<PcaSection>,
    /// Float against fixed, tensor by tensor.
    pub quantization: Option<serde_json::Value>,
    /// The emitted design.
    pub hardware: Option<HardwareSection>,
    /// The proof in simulation.
    pub verify: Option<serde_json::Value>,
    /// Cell counts, one a family.
    pub synth: Vec<serde_json::Value>,
    /// All bytes of the container.
    pub size: SizeSection,
    /// Lossless rivals on the same data.
    pub peers: Vec<Peer>,
    /// Column by column.
    pub columns: Vec<ColumnFigures>,
    /// All columns together.
    pub overall: Overall,
    /// Largest change of a correlation between two columns.
    pub correlation_max_difference: f64,
}

/// What was compressed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub struct DataSection {
    pub source: String,
    pub checksum: String,
    pub rows: usize,
    pub columns: usize,
    pub raw_bytes: u64,
}

/// How the network was fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrainingSection {
    /// Loss per epoch.
    pub history: Vec<Epoch>,
    /// Numbers sent per row.
    pub latent: usize,
    /// Weights and biases of encoder and decoder.
    pub parameters: usize,
    /// RMS over range of the float weights, all rows.
    pub float_rms_over_range: f64,
    /// RMS over range of the integers on rows that nothing was fitted to.
    pub held_out_rms_over_range: Option<f64>,
}

/// The linear rival: principal components of the same features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PcaSection {
    /// Components.
    pub latent: usize,
    /// RMS over range, all rows, float.
    pub rms_over_range: f64,
}

/// The emitted design.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub struct HardwareSection {
    pub interface: String,
    pub target: String,
    pub latency_cycles: u32,
    pub latency_ns: f64,
    pub clock_mhz: f64,
    pub ii: u32,
    pub adders: usize,
    pub adder_bits: u64,
    pub register_bits: u64,
}

/// All bytes of the container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub struct SizeSection {
    pub raw_bytes: u64,
    pub payload_bytes: u64,
    pub model_bytes: u64,
    pub header_bytes: u64,
    pub total_bytes: u64,
    pub ratio: f64,
    pub ratio_without_model: f64,
}

/// A lossless rival.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub struct Peer {
    pub name: String,
    pub bytes: u64,
    pub ratio: f64,
}

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
