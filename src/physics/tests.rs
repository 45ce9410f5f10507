use super::*;
use crate::data::{Column, DataSource, Layout, Values};
use crate::evaluate::Chance;

fn column(name: &str, shape: Vec<usize>, values: Vec<f64>) -> Column {
    Column { name: name.into(), unit: String::new(), shape, values: Values::F64(values) }
}

fn table(columns: Vec<Column>, rows: usize) -> Dataset {
    Dataset::new(columns, rows, Layout::Table, DataSource::default()).unwrap()
}

fn sections(text: &str) -> Vec<Section> {
    #[derive(Deserialize)]
    struct File {
        physics: Vec<Section>,
    }
    toml::from_str::<File>(text).unwrap().physics
}

fn one(text: &str, a: &Dataset, b: &Dataset, ratio: Option<f64>) -> Figures {
    let mut found = figures(&sections(text), a, b, ratio).unwrap();
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Figures>>(&text).unwrap(), found, "what was written reads back");
    found.remove(0)
}

fn refused(text: &str, a: &Dataset, b: &Dataset) -> String {
    figures(&sections(text), a, b, None).unwrap_err().to_string()
}

/// Two momenta whose invariant mass is a Gaussian of width 2 around 91 on an even background, and the same with noise.
fn dilepton(rows: usize, noise: f64) -> (Dataset, Dataset) {
    let mut chance = Chance::new(11);
    let mut make = |_: usize| {
        let mass = if chance.uniform() < 0.7 { 91.0 + 2.0 * chance.normal() } else { 70.0 + 40.0 * chance.uniform() };
        (mass, mass + noise * chance.normal())
    };
    let pairs: Vec<(f64, f64)> = (0..rows).map(&mut make).collect();
    let of = |masses: Vec<f64>| table(vec![column("m2", vec![], masses.iter().map(|m| m * m).collect())], rows);
    (of(pairs.iter().map(|p| p.0).collect()), of(pairs.iter().map(|p| p.1).collect()))
}

const MASS: &str = "[[physics]]\nkind = \"peak\"\nvalue = \"sqrt(m2)\"\nunit = \"GeV\"\nrange = [80, 102]\nbins = 44\n";

#[test]
fn a_peak_widens_by_the_noise_that_was_added() {
    let (a, b) = dilepton(20_000, 1.0);
    let Figures::Peak(p) = one(MASS, &a, &b, None) else { panic!() };
    let p = p.peaks;
    let (before, ratio) = (p.before.unwrap(), p.fwhm_ratio.unwrap());
    assert!((before.sigma.value - 2.0).abs() < 4.0 * before.sigma.error, "{:?}", before.sigma);
    let exact = (1.0f64 + 0.25).sqrt();
    assert!(ratio.error > 0.0 && ratio.error < 0.02 && (ratio.value - exact).abs() < 4.0 * ratio.error, "{ratio:?}");
    assert!((p.expected_ratio.unwrap() - exact).abs() < 0.01, "{:?}", p.expected_ratio);
    assert!(p.failed.is_none());
    let Figures::Peak(same) = one(MASS, &a, &a, None) else { panic!() };
    let ratio = same.peaks.fwhm_ratio.unwrap();
    assert_eq!((ratio.value, ratio.error, same.peaks.expected_ratio), (1.0, 0.0, Some(1.0)));
}

#[test]
fn a_peak_that_is_gone_is_a_figure_and_not_an_error() {
    let (a, _) = dilepton(20_000, 0.0);
    let (_, b) = dilepton(20_000, 30.0);
    let found = one(MASS, &a, &b, None);
    let Figures::Peak(p) = &found else { panic!() };
    assert!(p.peaks.before.is_some() && p.peaks.after.is_none() && p.peaks.fwhm_ratio.is_none());
    assert!(p.peaks.failed.as_ref().unwrap().starts_with("after: "), "{:?}", p.peaks.failed);
    assert!(found.table().text().contains("no fit after: "), "{}", found.table().text());
}

#[test]
fn values_that_are_not_finite_are_left_out_and_counted() {
    let (mut a, b) = dilepton(5000, 0.0);
    let Values::F64(m) = &mut a.columns[0].values else { panic!() };
    m[..10].fill(-1.0); // the root of which is NaN
    m[10] = f64::INFINITY;
    let Figures::Peak(p) = one(MASS, &a, &b, None) else { panic!() };
    assert_eq!((p.not_finite, p.rows), (11, 4989));
    let Figures::Peak(p) = one(&(MASS.to_owned() + "cuts = [\"m2 > 0\"]"), &a, &a, None) else { panic!() };
    assert_eq!((p.not_finite, p.cut, p.rows), (1, 10, 4989));
}

#[test]
fn a_selection_counts_what_moves_and_what_storage_is_worth() {
    let n = 1000;
    let x: Vec<f64> = (0..n).map(|i| i as f64).collect();
    let label: Vec<f64> = (0..n).map(|i| f64::from(u8::from(i % 10 == 0 || i >= 900))).collect();
    let of = |x: Vec<f64>| table(vec![column("x", vec![], x), column("s", vec![], label.clone())], n);
    // The rows from 800 on pass; 5 of background move out, 3 of background move in.
    let mut y = x.clone();
    (801..806).for_each(|i| y[i] = 0.0);
    (1..4).for_each(|i| y[i] = 999.0);
    let text = "[[physics]]\nkind = \"selection\"\ncuts = [\"x >= 800\", \"x < 1e6\"]\nlabel = \"s\"\n";
    let Figures::Selection(f) = one(text, &of(x.clone()), &of(y), Some(9.0)) else { panic!() };
    assert_eq!((f.passed_before, f.passed_after, f.moved_out, f.moved_in), (200, 198, 5, 3));
    assert_eq!((f.efficiency_before.value, f.efficiency_after.value), (0.2, 0.198));
    assert!((f.efficiency_before.error - (0.2f64 * 0.8 / 1000.0).sqrt()).abs() < 1e-15);
    let s = f.significance.unwrap();
    assert_eq!((s.signal_before, s.background_before, s.background_after), (110.0, 90.0, 88.0));
    let asimov = |s: f64, b: f64| (2.0 * ((s + b) * (1.0 + s / b).ln() - s)).sqrt();
    assert!(
        (s.asimov_before - asimov(110.0, 90.0)).abs() < 1e-12 && (s.asimov_after - asimov(110.0, 88.0)).abs() < 1e-12
    );
    assert!((s.simple_before - 110.0 / 90f64.sqrt()).abs() < 1e-12);
    assert!((s.equal_storage.unwrap() - 3.0 * s.asimov_after).abs() < 1e-12);
    assert!(s.ratio.error > 0.0 && s.ratio.error < 0.05);
    let unlabelled = text.replace("label = \"s\"\n", "");
    let Figures::Selection(f) = one(&unlabelled, &of(x.clone()), &of(x), Some(9.0)) else { panic!() };
    assert!(f.significance.is_none() && f.moved_in + f.moved_out == 0);
}

#[test]
fn weights_count_in_efficiencies() {
    let d = table(vec![column("x", vec![], vec![1.0, 2.0, 3.0]), column("w", vec![], vec![1.0, 1.0, 2.0])], 3);
    let text = "[[physics]]\nkind = \"selection\"\ncuts = [\"x > 2\"]\nweight = \"w\"\n";
    let Figures::Selection(f) = one(text, &d, &d, None) else { panic!() };
    assert_eq!((f.passed_before, f.efficiency_before.value), (1, 0.5));
}

#[test]
fn an_image_has_the_errors_that_were_put_in() {
    let cells = vec![0.0, 4.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 8.0];
    let a = table(vec![column("cells", vec![2, 3], cells.clone())], 2);
    let mut moved = cells;
    (moved[1], moved[2]) = (0.0, 4.0); // a pitch to the right
    moved[11] = 10.0; // a quarter more
    let b = table(vec![column("cells", vec![2, 3], moved)], 2);
    let Figures::Image(i) = one("[[physics]]\nkind = \"image\"\n", &a, &b, None) else { panic!() };
    let e = &i.reconstructed;
    assert_eq!((i.mean_sum, e.energy.bias, e.energy.rms), (8.0, 0.125, (0.0625f64 / 2.0).sqrt()));
    assert_eq!((e.x.bias, e.y.rms, e.energy.count), (0.25, 0.0, 2));
    assert_eq!(e.cell_rms, ((16.0 + 16.0 + 4.0f64) / 12.0).sqrt());
    // The same cells drawn otherwise: rows become columns.
    let turned = "[[physics]]\nkind = \"image\"\narrangement = [[0, 3, -1], [1, 4, -1], [2, 5, -1]]\n";
    let Figures::Image(t) = one(turned, &a, &b, None) else { panic!() };
    assert_eq!((t.reconstructed.y.bias, t.reconstructed.x.rms), (0.25, 0.0));
    let faint = "[[physics]]\nkind = \"image\"\nminimum = 8.5\n";
    assert!(refused(faint, &a, &b).contains("no image is bright enough"));
}

#[test]
fn the_algorithms_of_econt_stand_beside_an_image() {
    let mut chance = Chance::new(2);
    // Charges of 3 bits of mantissa, large ones rare.
    let mut charge = || match chance.below(96) {
        small @ 0..8 => small as f64,
        code => ((8 + code % 8) << (code / 8 - 1)) as f64,
    };
    let cells: Vec<f64> = (0..50 * 48).map(|_| charge()).collect();
    let a = table(vec![column("charge", vec![48], cells)], 50);
    let text = "[[physics]]\nkind = \"image\"\nshape = [6, 8]\necont_bits = 48\n";
    let Figures::Image(i) = one(text, &a, &a, None) else { panic!() };
    assert_eq!(i.reconstructed.cell_rms, 0.0);
    let names: Vec<&str> = i.baselines.iter().map(|b| &b.algorithm[..]).collect();
    assert_eq!(
        names[1..],
        [
            "best choice, 2 cells",
            "STC16, 5E4M",
            "STC16, 5E4M, shared evenly",
            "STC4, 4E3M",
            "STC4, 4E3M, shared evenly",
            "STC4, 5E4M",
            "STC4, 5E4M, shared evenly",
            "CTC4, 4E3M",
        ]
    );
    for b in &i.baselines {
        assert_eq!(b.within, b.bits <= 48.0, "{b:?}");
        // Sums are sent as floats of 3 or 4 bits of mantissa: a sixteenth of an error at most.
        assert!(b.errors.energy.rms < 0.07 && b.errors.cell_rms > 0.0, "{b:?}");
    }
    let odd = table(vec![column("charge", vec![4], vec![0.5; 8])], 2);
    assert!(refused(&text.replace("[6, 8]", "[2, 2]"), &odd, &odd).contains("ECON-T reads 48 charges"));
}

/// Pulses of two heights on a noisy baseline, and the same with the noise of a coarse quantizer.
fn pulses(rows: usize, step: f64) -> (Dataset, Dataset) {
    let mut chance = Chance::new(5);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let height = if row % 3 == 0 { 400.0 + 400.0 * chance.uniform() } else { 1000.0 + 12.0 * chance.normal() };
        for i in 0..300 {
            let edge = ((f64::from(i) - 150.0) / 8.0).clamp(0.0, 1.0);
            let sample = 100.0 + height * edge + 4.0 * chance.normal();
            a.push(sample);
            b.push((sample / step).round() * step);
        }
    }
    let of = |v: Vec<f64>| table(vec![column("waveform", vec![300], v)], rows);
    (of(a), of(b))
}

const PULSE: &str =
    "[[physics]]\nkind = \"pulse\"\nbaseline = 120\nrise = 40\nflat = 20\nrange = [900, 1100]\nbins = 50\n";

#[test]
fn a_pulse_has_the_resolution_that_was_put_in() {
    let (a, b) = pulses(900, 8.0);
    let Figures::Pulse(p) = one(PULSE, &a, &b, None) else { panic!() };
    assert_eq!((p.used, p.lost, p.restless, p.not_finite), (900, 0, 0, 0));
    // A uniform error of 8 over the root of 12, averaged over 40 samples twice, and over the baseline, which drops out.
    let exact = 8.0 / 12f64.sqrt() * (2.0f64 / 40.0).sqrt();
    assert!((p.height.rms / exact - 1.0).abs() < 0.15, "{} {exact}", p.height.rms);
    let noise = p.noise.unwrap();
    let trapezoid = 2.3548 * 4.0 * (2.0f64 / 40.0).sqrt();
    assert!((noise.before / trapezoid - 1.0).abs() < 0.15, "{noise:?} {trapezoid}");
    let wider = (1.0 + (exact * 2.3548 / trapezoid).powi(2)).sqrt();
    assert!(
        (noise.ratio.value - wider).abs() < 4.0 * noise.ratio.error && noise.ratio.error < 0.05,
        "{noise:?} {wider}"
    );
    let peaks = p.peaks.unwrap();
    let sigma = peaks.before.unwrap().sigma;
    assert!((sigma.value - 12.0).abs() < 4.0 * sigma.error, "{sigma:?}");
    assert!((peaks.expected_ratio.unwrap() - 1.0).abs() < 0.01);
    assert!(p.time.rms > 0.0 && p.time.rms < 0.5, "{:?}", p.time);
    let Figures::Pulse(same) = one(PULSE, &a, &a, None) else { panic!() };
    assert_eq!((same.height.rms, same.time.rms, same.noise.unwrap().ratio.value), (0.0, 0.0, 1.0));
}

#[test]
fn a_section_that_cannot_be_done_says_where_and_why() {
    let (a, b) = dilepton(100, 0.0);
    for (text, what) in [
        ("kind = \"peak\"\nvalue = \"sqrt(m)\"\nrange = [0, 1]", "there is no column `m`"),
        ("kind = \"peak\"\nvalue = \"sqrt(m2\"\nrange = [0, 1]", "`)` is missing"),
        ("kind = \"peak\"\nvalue = \"m2\"\nrange = [1, 0]", "[1.0, 0.0] is no range"),
        ("kind = \"peak\"\nvalue = \"m2\"\nrange = [0, 1]\nbins = 3", "3 bins cannot be fitted"),
        ("kind = \"peak\"\nvalue = \"m2\"\nrange = [0, 1]", "`m2` is nowhere in [0.0, 1.0]"),
        ("kind = \"peak\"\nvalue = \"m2\"\nrange = [0, 1]\ncuts = [\"m2\"]", "`m2` is no cut"),
        ("kind = \"selection\"\ncuts = []", "a selection without cuts"),
        ("kind = \"selection\"\ncuts = [\"m2 < 0\"]", "no event of the original passes the cuts"),
        ("kind = \"selection\"\ncuts = [\"m2 > 0\"]\nlabel = \"m2\"", "there is only one kind of event"),
        ("kind = \"selection\"\ncuts = [\"m2 > 0\"]\nweight = \"w\"", "there is no column `w`"),
        ("kind = \"image\"", "column `m2` has one number a row"),
        ("kind = \"image\"\nshape = [1, 2]\narrangement = [[0]]", "an image with a shape and an arrangement"),
        ("kind = \"image\"\necont_bits = -1", "`econt_bits` is no number of bits"),
        ("kind = \"pulse\"\ncolumn = \"x\"", "there is no column `x`"),
        ("kind = \"pulse\"\nfraction = 2", "2 is no part of a height"),
        ("kind = \"pulse\"\ndecay = 0", "`decay` is no decay time"),
        ("kind = \"pulse\"\nbins = 20", "bins of no range"),
    ] {
        let said = refused(&format!("[[physics]]\n{text}\n"), &a, &b);
        assert!(said.contains(what) && said.contains("section: [[physics]] of kind"), "{text}:\n{said}");
    }
    let v = table(vec![column("v", vec![6], vec![1.0; 12])], 2);
    for (text, what) in [
        ("kind = \"peak\"\nvalue = \"v\"\nrange = [0, 2]", "column `v` has 6 numbers a row"),
        ("kind = \"image\"", "which is no image"),
        ("kind = \"image\"\nshape = [2, 2]", "an image of 2 x 2 cells in a column `v` of 6"),
        ("kind = \"image\"\narrangement = [[0, 6]]", "the arrangement has a cell 6"),
        ("kind = \"image\"\narrangement = [[0, 0]]", "the arrangement has cell 0 twice"),
        ("kind = \"pulse\"\nrise = 9", "waveforms of 6 samples are too short"),
        ("kind = \"pulse\"\nbaseline = 3\nrise = 1\nflat = 0", "the smallest height of a pulse is not known"),
        ("kind = \"pulse\"\nbaseline = 3\nrise = 1\nflat = 0\nminimum = 2", "no waveform has a pulse of 2"),
    ] {
        let said = refused(&format!("[[physics]]\n{text}\n"), &v, &v);
        assert!(said.contains(what), "{text}:\n{said}");
    }
    let said = figures(&sections(MASS), &a, &b, Some(0.0)).unwrap_err().to_string();
    assert!(said.contains("`0` is no compression ratio"), "{said}");
}
