//! `sluice init`: a commented recipe for a data file, which loads and runs as it is.

use std::fmt::Write as _;
use std::path::Path;

use super::{backend, print, stages};
use crate::data::{self, Column, Dataset, Domain, NanPolicy, NormKind, Selection, Suggestion, TransformSpec};
use crate::error::{Error, Result};
use crate::train::pca;

/// Waveforms longer than this are cut into windows of it.
const WINDOW: usize = 64;
/// From here on a table's columns follow one another so much that a share of them would be far too many.
const WIDE: usize = 64;
/// Share of the variance that the latents for a wide table hold.
const HELD: f64 = 0.99;
/// More latents make no encoder of a bearable size.
const MOST_LATENTS: usize = 64;
/// Fewer rows a latent teach the network those rows, not what they have in common.
const ROWS_EACH: usize = 8;
/// Rows that are looked at for it.
const SAMPLE: usize = 1024;
/// Images of more numbers than this too: no encoder on a chip reads them at once.
const LARGEST: usize = 1024;

pub fn init(file: &Path, selection: &Selection) -> Result<bool> {
    let path = std::path::absolute(file).map_err(|e| Error::io("find", file, &e))?;
    let found = data::suggest(file, selection)?;
    print(false, &(), || recipe(&path, &found))
}

/// Latents for a wide table: as many as it takes principal components to hold most of the variance of a sample, within
/// what an encoder on a chip can make and what the rows can teach.
fn wide(data: &Dataset) -> (usize, String) {
    let most = MOST_LATENTS.min((data.rows / ROWS_EACH).max(8));
    let few = format!("at most {most}{}", if most < MOST_LATENTS { ", for so few rows" } else { "" });
    let step = data.rows.div_ceil(SAMPLE);
    let rows: Vec<usize> = (0..data.rows).step_by(step).collect();
    let features = data::fit_transform(data, &TransformSpec::default(), &rows)
        .and_then(|t| data::model_rows(&stages::pick(data, &rows), &t).map(|sample| backend::features(&t, &sample)));
    // A table that no transform fits is refused by `run`, with the reason.
    let Ok(features) = features else { return (most, few) };
    let shares = pca::shares(&features);
    let enough = shares.iter().position(|s| *s >= HELD).map_or(shares.len(), |i| i + 1);
    let latent = enough.clamp(1, most);
    let held = 100.0 * shares.get(latent - 1).copied().unwrap_or(1.0);
    let of = format!("as many principal components hold {held:.0} % of the variance");
    (latent, if enough > latent { format!("{few}; {of}") } else { of })
}

/// A string as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list(names: &[String]) -> String {
    format!("[{}]", names.iter().map(|n| quoted(n)).collect::<Vec<_>>().join(", "))
}

/// `[a-z][a-z0-9_]*` of a file's name.
fn model_name(path: &Path) -> String {
    let stem = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().to_lowercase());
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_lowercase()) { name } else { format!("m_{name}") }
}

fn recipe(path: &Path, found: &Suggestion) -> String {
    let data = &found.data;
    let columns: Vec<&Column> = data.model_columns().collect();
    let width: usize = columns.iter().map(|c| c.width()).sum();
    // Long one-dimensional arrays are waveforms: a model for a stretch of them serves any length.
    let window =
        (columns.len() == 1 && (width > LARGEST || (columns[0].shape.len() == 1 && width > WINDOW))).then_some(WINDOW);
    let inputs = window.unwrap_or(width);
    let (latent, share) = if columns.len() > WIDE {
        wide(data)
    } else if columns.len() > 1 {
        ((inputs * 3).div_ceil(5), "about 60 % of the columns".to_owned())
    } else if inputs < WINDOW {
        (inputs.div_ceil(3), "a third of the input".to_owned())
    } else {
        (inputs.div_ceil(8), "an eighth of the input".to_owned())
    };
    let hidden = inputs.clamp(8, 32);

    let mut text = format!(
        "# {} rows, {} column{}, {inputs} number{} into the model at a time.\n# sluice run RECIPE trains, quantizes, emits, verifies and compresses.\nname = \"{}\"\n\n[data]\npath = {}\n",
        data.rows,
        data.columns.len(),
        if data.columns.len() == 1 { "" } else { "s" },
        if inputs == 1 { "" } else { "s" },
        model_name(path),
        quoted(&path.display().to_string()),
    );
    for note in &found.notes {
        let _ = writeln!(text, "# {note}");
    }
    if let Some(line) = selection(&found.selection) {
        let _ = writeln!(text, "select = {line}");
    }
    text += "\n[split]\nvalidation = 0.05   # share of the rows that choose the best epoch\ntest = 0.25         # share that training never sees; both 0: a model for this file only\n";
    text += "blocks = false      # true: contiguous blocks, for rows in order of time\nseed = 1\n";
    text += &transform(&columns, window);
    let batch = if data.rows < 5000 { 64 } else { 256 };
    let _ = write!(
        text,
        "\n[train]\nlatent = {latent}{}# numbers sent: {share}\nhidden = [{hidden}]{}# encoder, built in hardware\ndecoder_hidden = [64, 64] # decoder, software only\nlinear_path = true        # starts as principal components\nepochs = 40\nqat_epochs = 10           # with the rounding of the hardware\n# widths = {{ epochs = 100, budget = {{ lut = 3000 }} }} # bits of every number learned, docs/GUIDE.md\nbatch = {batch}\nlearning_rate = 0.002\nseed = 1\n",
        " ".repeat(17usize.saturating_sub(latent.to_string().len())),
        " ".repeat(15usize.saturating_sub(hidden.to_string().len())),
    );
    text += "\n[quantize]\ninput_bits = 12      # words that the firmware reads\nweight_bits = 8\nactivation_bits = 12\nlatent_bits = 12     # words that it sends\n";
    text += "\n[hardware]\ninterface = \"kernel\" # or axis: AXI4-Stream with valid and ready\nclock_mhz = 100.0\ntarget = \"ecp5\"      # ice40, xc7, xcup or generic\n";
    text += "\n# [link]             # frames over AXI4-Stream, docs/STREAM.md\n# bits = 64          # of an output beat: 32, 64, 128 or 256\n# frame_events = 64\n";
    text
}

/// The inline table, or none if everything is taken.
fn selection(s: &Selection) -> Option<String> {
    let mut parts = Vec::new();
    let mut text = |key: &str, value: &Option<String>| {
        parts.extend(value.iter().map(|v| format!("{key} = {}", quoted(v))));
    };
    text("array", &s.array);
    text("tree", &s.tree);
    text("dtype", &s.dtype);
    parts.extend(s.shape.iter().map(|v| format!("shape = {v:?}")));
    parts.extend(s.rows.iter().map(|(start, end)| format!("rows = [{start}, {end}]")));
    parts.extend(s.columns.iter().map(|c| format!("columns = {}", list(c))));
    for (key, names) in [("exclude", &s.exclude), ("pass_through", &s.pass_through)] {
        if !names.is_empty() {
            parts.push(format!("{key} = {}", list(names)));
        }
    }
    match s.nan {
        NanPolicy::Error => {}
        NanPolicy::DropRows => parts.push("nan = \"drop-rows\"".into()),
        NanPolicy::Zero => parts.push("nan = \"zero\"".into()),
        NanPolicy::Median => parts.push("nan = \"median\"".into()),
    }
    (!parts.is_empty()).then(|| format!("{{ {} }}", parts.join(", ")))
}

fn transform(columns: &[&Column], window: Option<usize>) -> String {
    let mut text = "\n[transform]\n".to_owned();
    if let Some(window) = window {
        let _ = writeln!(text, "window = {window}         # each row is cut into pieces of this length");
    }
    let hints: Vec<_> = columns.iter().map(|c| (c, data::column_hint(c))).collect();
    let zeros: Vec<String> = hints.iter().filter(|(_, h)| h.zero_flag).map(|(c, _)| c.name.clone()).collect();
    if !zeros.is_empty() && window.is_none() {
        let _ = writeln!(text, "# A second input that tells exact zeros from the rest, for columns with many of them:");
        let _ = writeln!(text, "# zero_flags = {}", list(&zeros));
    }
    text += "\n# Norm of each column, from its values: none, minmax, standard, robust, asinh or log.\n[transform.columns]\n";
    for (c, hint) in &hints {
        let kind = match hint.norm {
            NormKind::Asinh => "asinh",
            _ => "minmax",
        };
        let unit = if c.unit.is_empty() { String::new() } else { format!(" {}", c.unit.replace('\n', " ")) };
        let _ = writeln!(text, "{} = \"{kind}\" # {}{unit}", quoted(&c.name), hint.seen);
    }
    text += "\n# What the physics allows; the decoder keeps to it. Without a word, what the values show: not negative, whole.\n";
    text += "# free, non-negative, integer, count, fraction, azimuth, { period = 360.0 }, { between = [0.0, 10.0] }\n";
    text += "[transform.domains]\n";
    for (c, _) in hints.iter().filter(|(_, h)| h.domain == Some(Domain::Azimuth)) {
        let _ = writeln!(text, "{} = \"azimuth\"", quoted(&c.name));
    }
    text
}
