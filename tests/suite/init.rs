//! What `sluice init` proposes for tables that are not the usual ones, and that what it prints trains.

use std::path::Path;

use super::{sluice, stderr};

fn stdout(folder: &Path, args: &[&str]) -> String {
    let out = sluice(folder, args);
    assert!(out.status.success(), "{args:?}: {}", stderr(&out));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// Prints the recipe of a file and trains it, with fewer epochs than it says.
fn recipe(folder: &Path, args: &[&str]) -> String {
    let text = stdout(folder, &[&["init"], args].concat());
    let quick = text.replace("epochs = 40", "epochs = 1").replace("epochs = 10", "epochs = 1");
    assert_ne!(text, quick);
    std::fs::write(folder.join("r.toml"), quick).unwrap();
    stdout(folder, &["train", "r.toml", "--out", "m.json"]);
    text
}

/// A whole number of no pattern below 2^31 (the finalizer of SplitMix64: sequences of products alone lie on few planes).
fn random(i: usize) -> u64 {
    let x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) >> 33
}

/// A uniform number from -1 to 1.
fn noise(i: usize) -> f64 {
    random(i) as f64 / f64::from(1u32 << 30) - 1.0
}

/// `width` columns that are mixtures of `factors` hidden numbers.
fn mixtures(folder: &Path, name: &str, rows: usize, width: usize, factors: usize) {
    let mut text = (0..width).map(|c| format!("x{c}")).collect::<Vec<_>>().join(",") + "\n";
    for r in 0..rows {
        let hidden: Vec<f64> = (0..factors).map(|f| noise(r * 1000 + f)).collect();
        let cell =
            |c: usize| (0..factors).map(|f| noise(7_000_000 + c * 1000 + f) * hidden[f]).sum::<f64>().to_string();
        text += &((0..width).map(cell).collect::<Vec<_>>().join(",") + "\n");
    }
    std::fs::write(folder.join(name), text).unwrap();
}

#[test]
fn a_wide_table_gets_as_many_latents_as_its_variance_needs() {
    let folder = tempfile::tempdir().unwrap();
    let latents = |text: &str| -> usize {
        let line = text.lines().find(|l| l.starts_with("latent = ")).unwrap();
        line.split_whitespace().nth(2).unwrap().parse().unwrap()
    };
    mixtures(folder.path(), "five.csv", 600, 150, 5);
    let text = recipe(folder.path(), &["five.csv"]);
    assert!((4..=5).contains(&latents(&text)), "{text}");
    assert!(text.contains("as many principal components hold"), "{text}");
    // As many hidden numbers as columns: the cap, and how much that holds.
    mixtures(folder.path(), "all.csv", 600, 150, 150);
    let text = stdout(folder.path(), &["init", "all.csv"]);
    assert_eq!(latents(&text), 64);
    assert!(text.contains("# numbers sent: at most 64; as many principal components hold "), "{text}");
    mixtures(folder.path(), "few.csv", 80, 150, 150);
    let text = stdout(folder.path(), &["init", "few.csv"]);
    assert_eq!(latents(&text), 10);
    assert!(text.contains("at most 10, for so few rows"), "{text}");
    // A table of few columns keeps to its share of them.
    mixtures(folder.path(), "narrow.csv", 600, 20, 5);
    assert_eq!(latents(&stdout(folder.path(), &["init", "narrow.csv"])), 12);
}

#[test]
fn a_rounded_angle_is_no_azimuth_and_an_index_is_not_modelled() {
    let folder = tempfile::tempdir().unwrap();
    let phi = |r: usize| (noise(r) * 3.1415).clamp(-3.1415, 3.1415);
    let row = |r: usize| {
        let rounded = if r == 40 { 3.142 } else { phi(r) };
        format!("{},{:.3},{:.9},{}\n", r / 3, rounded, phi(r + 500), random(r) % 50)
    };
    let text: String = (0..300).map(row).collect();
    std::fs::write(folder.path().join("a.csv"), format!("event,tau_phi,lep_phi,n\n{text}")).unwrap();
    let text = recipe(folder.path(), &["a.csv"]);
    assert!(text.contains("\"lep_phi\" = \"azimuth\"") && !text.contains("\"tau_phi\" = \"azimuth\""), "{text}");
    assert!(text.contains("an angle but for values beyond half a turn"), "{text}");
    assert!(text.contains("select = { pass_through = [\"event\"] }") && text.contains("without loss: event"), "{text}");
}

#[test]
fn samples_of_few_channels_get_a_word_on_stretches_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..4000).flat_map(|i| ((noise(i) * 100.0) as i16).to_le_bytes()).collect();
    std::fs::write(folder.path().join("ecg.bin"), bytes).unwrap();
    let text = recipe(folder.path(), &["ecg.bin", "--dtype", "i16", "--shape", "0,2"]);
    assert!(text.contains("# a row has only 2 numbers") && text.contains(".reshape(-1, 64)"), "{text}");
    let text = recipe(folder.path(), &["ecg.bin", "--dtype", "i16", "--shape", "0,40"]);
    assert!(!text.contains("reshape"), "{text}");
}
