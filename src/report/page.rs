//! `report.html`: one file with inline figures and no scripts; it needs nothing from anywhere else.

use super::figures::{Group, groups};
use super::plot::look::{short, whole};
use super::plot::{escape, svg};
use super::{Report, tables};

/// The page.
pub fn page(r: &Report) -> String {
    let figures = groups(r);
    let sections = sections(r, &figures);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\">\n<title>{name} · sluice</title>\n<style>\n{}</style>\n</head>\n\
         <body>\n<header>\n<h1>{name}</h1>\n<p>{}</p>\n<div class=\"cards\">{}</div>\n<nav>",
        include_str!("page.css"),
        escape(&subtitle(r)),
        cards(r),
        name = escape(&r.name),
    );
    for s in &sections {
        html += &format!("<a href=\"#{}\">{}</a>", s.id, s.title);
    }
    html += "</nav>\n</header>\n<main>\n";
    for s in &sections {
        let open = if s.open { " open" } else { "" };
        html += &format!(
            "<details id=\"{}\"{open}><summary>{}</summary>\n<p>{}</p>\n{}</details>\n",
            s.id, s.title, s.text, s.body
        );
    }
    html += &format!(
        "</main>\n<footer>sluice {}. Every number and curve of this page is in report.json.</footer>\n</body>\n</html>\n",
        escape(&r.provenance.sluice_version)
    );
    html
}

fn subtitle(r: &Report) -> String {
    let d = &r.data;
    let columns = if d.columns == 1 { "1 column".to_owned() } else { format!("{} columns", d.columns) };
    format!("{} · {} rows, {columns}, {} bytes", d.source, whole(d.rows as u64), whole(d.raw_bytes))
}

/// The figures to see first: value, what it is, and what to hold it against.
fn cards(r: &Report) -> String {
    let mut html = String::new();
    let mut card = |name: &str, class: &str, value: &str, beside: &str| {
        html += &format!(
            "<div><span>{name}</span><b class=\"{class}\">{}</b><small>{}</small></div>",
            escape(value),
            escape(beside)
        );
    };
    let without = format!("{:.2} without the decoder", r.size.ratio_without_model);
    card("compression ratio, all bits counted", "", &format!("{:.2}", r.size.ratio), &without);
    let best = r.peers.iter().filter(|p| p.lossless).max_by(|a, b| a.ratio.total_cmp(&b.ratio));
    let linear = r.pca.as_ref().map(|p| format!("PCA {}", short(p.rms_over_range)));
    card("RMS error / range", "", &short(r.overall.rms_over_range), &linear.unwrap_or_default());
    if let Some(v) = r.training.as_ref().and_then(|t| t.held_out_rms_over_range) {
        card("on rows not trained on", "", &short(v), &format!("{} rows", whole(r.data.test_rows as u64)));
    }
    if let Some(p) = best {
        card("best lossless codec", "", &format!("{:.2}", p.ratio), &p.name);
    }
    hardware_cards(r, &mut card);
    html
}

#[cfg(feature = "verilog")]
fn hardware_cards(r: &Report, card: &mut dyn FnMut(&str, &str, &str, &str)) {
    if let Some(v) = &r.verify {
        let class = if v.passed() { "good" } else { "bad" };
        card("vectors with a mismatch", class, &whole(v.mismatches as u64), &format!("of {}", whole(v.samples as u64)));
    }
    if let Some(h) = &r.hardware {
        let beside = format!("{} ns at {} MHz, II {}", short(h.latency_ns), short(h.clock_mhz), h.ii);
        card("latency", "", &format!("{} cycles", h.latency_cycles), &beside);
    }
    if let Some(s) = &r.synth {
        let fmax = s.fmax_mhz.map_or(String::new(), |f| format!(", {} MHz", short(f)));
        let beside = format!("{} FF, {} DSP, {} BRAM on {}{fmax}", whole(s.ff), s.dsp, s.bram, s.target);
        card("look-up tables", "", &whole(s.lut), &beside);
    }
}

#[cfg(not(feature = "verilog"))]
fn hardware_cards(_: &Report, _: &mut dyn FnMut(&str, &str, &str, &str)) {}

struct Section {
    id: &'static str,
    title: &'static str,
    open: bool,
    /// HTML.
    text: String,
    /// HTML.
    body: String,
}

fn sections(r: &Report, figures: &[Group]) -> Vec<Section> {
    let drawn = |id: &str| -> String {
        let Some(group) = figures.iter().find(|g| g.id == id) else { return String::new() };
        format!("<div class=\"figures\">{}</div>\n", group.sketches.iter().map(svg).collect::<String>())
    };
    let section = |id, title, open, text: &str, body: String| Section { id, title, open, text: text.to_owned(), body };
    let skipped: u64 = r.overall.not_finite;
    let finite = if skipped == 0 {
        String::new()
    } else {
        format!(" {} values are NaN or infinite and are left out.", whole(skipped))
    };
    let mut all = vec![
        section(
            "size",
            "Size",
            true,
            "All bits count: payload, headers, checksums, index and the decoder. Lossless codecs give every bit back, the \
             others do not: compare their errors too. The bounded mode is shown where the error of each column is that of \
             this run.",
            drawn("ratios") + &tables::peers(r) + &tables::sizes(&r.size),
        ),
        section(
            "fidelity",
            "Fidelity",
            true,
            &format!(
                "Residuals are reconstructed minus original, over all rows. The range is that of the original column. PCA: as \
                 many latents, fitted to the same rows, without rounding.{}{finite}",
                if r.columns.len() > 1 { " A triangle at the left edge stands for no error at all." } else { "" }
            ),
            drawn("errors") + &tables::fidelity(r),
        ),
        section(
            "physics",
            "Physics",
            true,
            "Observables of an analysis before and after. Errors are statistical; those of an after / before come from resampling \
             rows, as both are of the same rows. The formulas are in docs/PHYSICS.md.",
            drawn("peaks") + &tables::physics(r),
        ),
        section(
            "distributions",
            "Distributions",
            true,
            "Each variable before and after in the same bins. The band in the ratio is the statistical error of the original. \
             χ² compares the two histograms as if they were independent: a faithful reconstruction of the same events lies \
             far below 1. W₁ is the Wasserstein distance.",
            drawn("distributions"),
        ),
        section(
            "residuals",
            "Residuals",
            true,
            "Reconstructed minus original, in the unit of the variable.",
            drawn("residuals"),
        ),
        section(
            "response",
            "Response",
            r.columns.len() <= 8,
            "Reconstructed over original. Originals of a magnitude below the threshold are skipped, and counted.",
            drawn("response") + &tables::response(r),
        ),
        section(
            "vectors",
            "Single rows",
            true,
            "Residuals along the elements of vector columns, and rows at the median, at 95 % and at the maximum of the row's RMS \
             error.",
            drawn("profiles") + &drawn("rows"),
        ),
        section(
            "correlation",
            "Correlations",
            true,
            &format!(
                "Pearson correlations between variables; the largest change is {}. Below, original against reconstructed \
                 for the columns with the largest errors, counts on a logarithmic colour scale.",
                short(r.correlation.max_difference)
            ),
            drawn("correlation") + &drawn("joint"),
        ),
        section("training", "Training", true, &training(r), drawn("loss")),
        section(
            "latents",
            "Latents",
            r.latents.len() <= 24,
            "What the encoder sends: the entropy of each number on its own, and the format it is sent in.",
            drawn("latents"),
        ),
    ];
    if let Some(q) = &r.quantization {
        let text = format!("Float against fixed point on {} rows, tensor by tensor.", whole(q.rows as u64));
        all.push(section(
            "quantization",
            "Quantization",
            true,
            &text,
            drawn("quantization") + &tables::quantization(q),
        ));
    }
    all.push(section(
        "hardware",
        "Hardware",
        true,
        "The reference integers are compared with the simulated Verilog in every bit of every output, and the latency is \
         measured, not assumed. Counts compare only within one target and tool version.",
        tables::verification(r) + &tables::hardware(r),
    ));
    all.push(section("provenance", "Provenance", false, "What is needed to make this report again.", provenance(r)));
    all.retain(|s| !s.body.trim().is_empty());
    all
}

fn training(r: &Report) -> String {
    let Some(t) = &r.training else { return String::new() };
    let d = &r.data;
    format!(
        "{} latents, {} parameters; {} rows trained on, {} to stop by, {} kept back. RMS error over range before rounding: {}.",
        t.latent,
        whole(t.parameters as u64),
        whole(d.train_rows as u64),
        whole(d.validation_rows as u64),
        whole(d.test_rows as u64),
        short(t.float_rms_over_range),
    )
}

fn provenance(r: &Report) -> String {
    let p = &r.provenance;
    let mut rows = vec![
        vec!["data".to_owned(), format!("{}, sha256 {}", r.data.source, r.data.checksum)],
        vec!["recipe".to_owned(), format!("sha256 {}", p.recipe_sha256)],
    ];
    rows.extend(p.seeds.iter().map(|(what, seed)| vec![format!("seed, {what}"), seed.to_string()]));
    rows.extend(p.tools.iter().map(|(what, tool)| vec![what.clone(), tool.clone()]));
    rows.extend(p.files.iter().map(|(name, sha)| vec![name.clone(), format!("sha256 {sha}")]));
    tables::table("words", &["", ""], &rows) + &format!("<h3>Recipe</h3>\n<pre>{}</pre>\n", escape(&p.recipe))
}
