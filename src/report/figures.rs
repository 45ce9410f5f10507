//! Which figures a report has. The page and the PNG files are made from the same list.

use std::path::{Path, PathBuf};

use super::Report;
use super::plot::{self, Kind, Size, Sketch, write_png};
use crate::error::Result;
use crate::evaluate::ColumnFigures;
use crate::physics;

/// Figures that stand together.
pub struct Group {
    /// Name of the section and of the PNG file.
    pub id: &'static str,
    /// How many stand beside each other on one sheet.
    pub across: usize,
    /// The figures.
    pub sketches: Vec<Sketch>,
}

/// Every figure of the report, in the order of the page; groups without figures are left out.
pub fn groups(r: &Report) -> Vec<Group> {
    // One column alone gets large figures.
    let size = if r.columns.len() == 1 { Size::Full } else { Size::Small };
    let grid = if r.columns.len() == 1 { 2 } else { 4 };
    let each = |draw: &dyn Fn(&ColumnFigures) -> Option<Sketch>| r.columns.iter().filter_map(draw).collect();
    let linear = r.pca.as_ref().map_or(&[][..], |p| &p.column_rms_over_range);
    let vectors = r.columns.iter().filter(|c| !c.elements.is_empty()).map(plot::profile).collect();
    let fitted = r.physics.iter().filter_map(physics::Figures::peaks);
    let peaks = fitted.map(|(name, unit, peaks)| plot::spectrum(name, unit, peaks)).collect();
    let all = vec![
        Group { id: "ratios", across: 1, sketches: vec![plot::sizes(&bars(r))] },
        Group { id: "errors", across: 1, sketches: errors(&r.columns, linear) },
        Group { id: "peaks", across: 2, sketches: peaks },
        Group { id: "distributions", across: grid, sketches: each(&|c| Some(plot::distribution(c, size))) },
        Group { id: "residuals", across: grid, sketches: each(&|c| Some(plot::residual(c, size))) },
        Group {
            id: "response",
            across: grid,
            sketches: each(&|c| c.response.as_ref().map(|x| plot::response(c, x, size))),
        },
        Group { id: "profiles", across: 2, sketches: vectors },
        Group { id: "rows", across: 2, sketches: r.examples.iter().map(plot::example).collect() },
        Group { id: "joint", across: 4, sketches: r.joint.iter().map(plot::joint).collect() },
        Group { id: "correlation", across: 3, sketches: correlation(r) },
        Group { id: "loss", across: 1, sketches: r.training.iter().map(|t| plot::loss(&t.history)).collect() },
        Group { id: "latents", across: 4, sketches: r.latents.iter().map(|l| plot::latent(l, Size::Small)).collect() },
        Group { id: "quantization", across: 1, sketches: r.quantization.iter().map(plot::quantization).collect() },
    ];
    all.into_iter().filter(|g| !g.sketches.is_empty()).collect()
}

fn errors(columns: &[ColumnFigures], linear: &[f64]) -> Vec<Sketch> {
    // A single point says less than the table.
    if columns.len() > 1 { vec![plot::column_errors(columns, linear)] } else { Vec::new() }
}

fn correlation(r: &Report) -> Vec<Sketch> {
    if r.correlation.names.len() > 1 { plot::correlations(&r.correlation) } else { Vec::new() }
}

/// This run and its rivals, best ratio first.
fn bars(r: &Report) -> Vec<(String, f64, Kind)> {
    let mut bars = vec![("sluice neural".to_owned(), r.size.ratio, Kind::Ours)];
    bars.extend(r.peers.iter().map(|p| {
        let kind = if p.lossless { Kind::Lossless } else { Kind::Lossy };
        (p.name.clone(), p.ratio, kind)
    }));
    bars.sort_by(|a, b| b.1.total_cmp(&a.1));
    bars
}

/// The figures that show a run at a glance: what is reconstructed worst, what was learned.
pub fn overview(r: &Report) -> Sketch {
    // A flag fills too few bins for a picture.
    let filled = |c: &ColumnFigures| c.original.counts.iter().filter(|n| **n > 0).count();
    let mut worst: Vec<&ColumnFigures> = r.columns.iter().filter(|c| filled(c) > 10).collect();
    worst.sort_by(|a, b| b.rms_over_range.total_cmp(&a.rms_over_range));
    let mut parts: Vec<Sketch> = worst.iter().take(1).map(|c| plot::distribution(c, Size::Full)).collect();
    match r.examples.first() {
        Some(example) => parts.push(plot::example(example)),
        None => parts.extend(worst.iter().skip(1).take(1).map(|c| plot::distribution(c, Size::Full))),
    }
    parts.extend(r.training.iter().map(|t| plot::loss(&t.history)));
    parts.extend(worst.iter().take(1).map(|c| plot::residual(c, Size::Full)));
    Sketch::sheet(&r.name, 2, &parts)
}

/// Writes every figure into `folder`, one sheet a group and `overview.png`. Returns the paths.
///
/// # Errors
/// `I001` if a file cannot be written, `P001` if one cannot be drawn.
pub fn write_pngs(r: &Report, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    let mut write = |name: &str, sketch: &Sketch| -> Result<()> {
        let path = folder.join(name).with_extension("png");
        write_png(sketch, &path)?;
        paths.push(path);
        Ok(())
    };
    write("overview", &overview(r))?;
    for group in groups(r) {
        write(group.id, &Sketch::sheet(group.id, group.across, &group.sketches))?;
    }
    Ok(paths)
}
