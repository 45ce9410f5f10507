//! The tables of the page.

use super::plot::escape;
use super::plot::look::{short, whole};
use super::{HardwareSection, Report, SizeSection};
use crate::evaluate::ColumnFigures;
use crate::hw::LayerCost;

/// Rows of text under a head; text is escaped. `class` is that of the table.
pub fn table(class: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let cells = |tag: &str, row: &mut dyn Iterator<Item = &str>| -> String {
        row.map(|c| format!("<{tag}>{}</{tag}>", escape(c))).collect()
    };
    let mut html = format!("<div class=\"scroll\"><table class=\"{class}\"><thead><tr>");
    html += &cells("th", &mut head.iter().copied());
    html += "</tr></thead><tbody>\n";
    for row in rows {
        html += &format!("<tr>{}</tr>\n", cells("td", &mut row.iter().map(String::as_str)));
    }
    html + "</tbody></table></div>\n"
}

fn maybe(v: Option<f64>) -> String {
    v.map_or_else(|| "–".to_owned(), short)
}

fn yes(b: bool) -> String {
    if b { "yes" } else { "no" }.to_owned()
}

/// One line a column.
pub fn fidelity(r: &Report) -> String {
    let linear = r.pca.as_ref().map_or(&[][..], |p| &p.column_rms_over_range);
    let row = |(i, c): (usize, &ColumnFigures)| {
        vec![
            c.name.clone(),
            c.unit.clone(),
            short(c.rms),
            short(c.rms_over_range),
            maybe(linear.get(i).copied()),
            short(c.max_over_range),
            short(c.bias),
            short(c.residual_quantiles[1]),
            short(c.residual_quantiles[3]),
            maybe(c.chi2_over_ndf),
            short(c.wasserstein_over_range),
            maybe(c.psnr_db),
        ]
    };
    let head = [
        "column",
        "unit",
        "RMS",
        "RMS / range",
        "PCA",
        "max / range",
        "mean",
        "16 %",
        "84 %",
        "χ²/ndf",
        "W₁ / range",
        "PSNR [dB]",
    ];
    table("", &head, &r.columns.iter().enumerate().map(row).collect::<Vec<_>>())
}

/// A table for each observable.
pub fn physics(r: &Report) -> String {
    let one = |t: crate::physics::Table| {
        let note = if t.note.is_empty() { String::new() } else { format!("<p>{}</p>\n", escape(&t.note)) };
        format!("<h3>{}</h3>\n", escape(&t.title)) + &table("", &t.head, &t.rows) + &note
    };
    r.physics.iter().map(|f| one(f.table())).collect()
}

/// Reconstructed over original, with what was left out.
pub fn response(r: &Report) -> String {
    let with = r.columns.iter().filter_map(|c| c.response.as_ref().map(|x| (c, x)));
    let rows: Vec<Vec<String>> = with
        .map(|(c, x)| {
            let mut row = vec![c.name.clone(), short(x.mean), short(x.std)];
            row.extend(x.quantiles.iter().map(|q| short(*q)));
            row.extend([short(x.mean_relative_difference), short(x.threshold), c.unit.clone()]);
            row.extend([whole(x.used), whole(x.skipped)]);
            row
        })
        .collect();
    let head = [
        "column",
        "mean",
        "RMS",
        "1 %",
        "16 %",
        "50 %",
        "84 %",
        "99 %",
        "mean |Δ|/|x|",
        "threshold",
        "unit",
        "used",
        "skipped",
    ];
    table("", &head, &rows)
}

/// Every byte of the container.
pub fn sizes(s: &SizeSection) -> String {
    let part = |name: &str, bytes: u64| {
        vec![name.to_owned(), whole(bytes), format!("{:.2} %", 100.0 * bytes as f64 / s.total_bytes.max(1) as f64)]
    };
    let rows = [
        part("entropy-coded latents and pass-through columns", s.payload_bytes),
        part("embedded decoder", s.model_bytes),
        part("header, frames, checksums, index", s.header_bytes),
        part("file", s.total_bytes),
    ];
    table("", &["part", "bytes", "of the file"], &rows)
        + &table(
            "",
            &["", "bytes", "ratio"],
            &[
                vec!["original".into(), whole(s.raw_bytes), "1".into()],
                vec!["file, everything counted".into(), whole(s.total_bytes), format!("{:.3}", s.ratio)],
                vec![
                    "without the decoder, as when one serves very many files".into(),
                    whole(s.total_bytes - s.model_bytes),
                    format!("{:.3}", s.ratio_without_model),
                ],
            ],
        )
}

/// Other codecs on the same data.
pub fn peers(r: &Report) -> String {
    let error = |v: f64| if v == 0.0 { "0".to_owned() } else { short(v) };
    let ours = vec![
        "sluice neural (this run)".to_owned(),
        "no".to_owned(),
        whole(r.size.total_bytes),
        format!("{:.3}", r.size.ratio),
        error(r.overall.rms_over_range),
        error(r.overall.max_over_range),
    ];
    let row = |p: &super::Peer| {
        let ratio = format!("{:.3}", p.ratio);
        vec![p.name.clone(), yes(p.lossless), whole(p.bytes), ratio, error(p.rms_over_range), error(p.max_over_range)]
    };
    let rows: Vec<Vec<String>> = std::iter::once(ours).chain(r.peers.iter().map(row)).collect();
    table("", &["codec", "lossless", "bytes", "ratio", "RMS / range", "max / range"], &rows)
}

/// Float against fixed, tensor by tensor.
pub fn quantization(q: &crate::reference::QuantReport) -> String {
    let formats = |f: &[String]| match f {
        [] => "–".to_owned(),
        [one] => one.clone(),
        [first, .., last] => format!("{first} … {last} ({})", f.len()),
    };
    let rows: Vec<Vec<String>> = q
        .layers
        .iter()
        .map(|l| {
            vec![
                if l.name == "x" { "input".to_owned() } else { l.name.clone() },
                formats(&l.weight_formats),
                format!("{} of {}", whole(l.nonzero_weights as u64), whole(l.weights as u64)),
                formats(&l.output_formats),
                maybe(l.sqnr_db),
                short(l.rms),
                short(l.rms_error),
                short(l.max_error),
                format!("{:.3} %", 100.0 * l.at_limit),
            ]
        })
        .collect();
    let head =
        ["tensor", "weights", "weights ≠ 0", "values", "SQNR [dB]", "RMS", "RMS error", "largest error", "at a limit"];
    table("", &head, &rows)
}

/// The emitted design and what it costs.
pub fn hardware(r: &Report) -> String {
    let Some(h) = &r.hardware else { return String::new() };
    let pair = |a: &str, b: String| vec![a.to_owned(), b];
    let ns = format!("{} ns at {} MHz", short(h.latency_ns), short(h.clock_mhz));
    let mut rows = vec![
        pair("interface", h.interface.clone()),
        pair("scheduled for", format!("{}, {} MHz", h.target, short(h.clock_mhz))),
        pair("latency", format!("{} cycles, {ns}", h.latency_cycles)),
        pair("initiation interval", format!("{} cycle{}", h.ii, if h.ii == 1 { "" } else { "s" })),
        pair("input", format!("{} bit", whole(h.input_bits))),
        pair("output", format!("{} bit", whole(h.output_bits))),
        pair("adders", format!("{}, {} bit in sum", whole(h.adders as u64), whole(h.adder_bits))),
        pair("pipeline registers", format!("{} bit", whole(h.register_bits))),
    ];
    if h.memory_bits > 0 {
        rows.push(pair("memories", format!("{} bit", whole(h.memory_bits))));
    }
    if h.multipliers > 0 {
        rows.push(pair("multipliers", whole(h.multipliers)));
    }
    table("words", &["design", ""], &rows) + &layers(h) + &synthesis(r)
}

/// What each layer is built of.
fn layers(h: &HardwareSection) -> String {
    if h.layers.is_empty() {
        return String::new();
    }
    let row = |l: &LayerCost| {
        let name = if l.name == "x" { "input" } else { &l.name };
        let counts = [l.adders as u64, l.adder_bits, u64::from(l.depth), l.lut, l.register_bits];
        std::iter::once(name.to_owned()).chain(counts.map(whole)).collect()
    };
    let rows: Vec<Vec<String>> = h.layers.iter().map(row).collect();
    table("", &["layer", "adders", "adder bits", "adders in a row", "LUT, estimated", "FF"], &rows)
}

#[cfg(feature = "verilog")]
fn synthesis(r: &Report) -> String {
    let Some(s) = &r.synth else { return "<p>Synthesis was not asked for.</p>".to_owned() };
    let latency = r.hardware.as_ref().map(|h| crate::units::Cycles(h.latency_cycles));
    let rows: Vec<Vec<String>> = s
        .targets
        .iter()
        .map(|t| {
            let at_fmax = latency.and_then(|l| t.latency_ns(l));
            vec![
                t.target.to_string(),
                whole(t.lut),
                t.estimate.map_or_else(|| "–".to_owned(), |e| whole(e.lut)),
                whole(t.ff),
                whole(t.carry),
                whole(t.dsp),
                whole(t.bram),
                maybe(t.fmax_mhz),
                maybe(at_fmax),
                t.tool_version.clone(),
            ]
        })
        .collect();
    let head = [
        "target",
        "LUT",
        "LUT, estimated",
        "FF",
        "carry cells",
        "DSP",
        "BRAM",
        "Fmax [MHz]",
        "latency at Fmax [ns]",
        "tool",
    ];
    table("", &head, &rows)
}

#[cfg(not(feature = "verilog"))]
fn synthesis(_: &Report) -> String {
    String::new()
}

/// The proof in simulation.
#[cfg(feature = "verilog")]
pub fn verification(r: &Report) -> String {
    let (Some(v), latency) = (&r.verify, r.hardware.as_ref().map(|h| h.latency_ns)) else { return String::new() };
    let first = v.first_mismatch.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    let icarus = v.icarus.as_ref().map_or_else(
        || "not run".to_owned(),
        |i| format!("{} vectors, {} with a mismatch", whole(i.samples as u64), whole(i.mismatches as u64)),
    );
    let measured = v.latency_measured.map_or_else(|| "not measurable".to_owned(), |l| format!("{} cycles", l.0));
    let rows = [
        ("vectors", whole(v.samples as u64)),
        ("vectors with a mismatch", whole(v.mismatches as u64)),
        ("first mismatch", first),
        ("latency predicted", format!("{} cycles", v.latency_predicted.0)),
        ("latency measured", latency.map_or(measured.clone(), |ns| format!("{measured} ({} ns)", short(ns)))),
        ("initiation interval measured", v.ii.to_string()),
        ("stalls", format!("{} % of the cycles", v.stall_percent)),
        ("simulator", v.simulator.clone()),
        ("second simulator, Icarus", icarus),
    ];
    table("words", &["verification", ""], &rows.map(|(a, b)| vec![a.to_owned(), b]))
}

/// Nothing to show in a build without the simulator.
#[cfg(not(feature = "verilog"))]
pub fn verification(_: &Report) -> String {
    String::new()
}
