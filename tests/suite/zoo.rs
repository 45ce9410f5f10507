//! The trained models in models/: what their cards say holds for rows that nobody has seen, and for the firmware they become.

use super::Folder;
use serde_json::Value;

/// The number behind `before` in a card.
fn number(card: &str, before: &str) -> f64 {
    let rest = &card[card.find(before).unwrap_or_else(|| panic!("no `{before}` in\n{card}")) + before.len()..];
    let end = rest.find(|c: char| !"0123456789.e-".contains(c)).unwrap();
    rest[..end].parse().unwrap_or_else(|e| panic!("`{}`: {e}", &rest[..end]))
}

#[test]
fn cards_hold_for_new_rows_and_for_the_firmware() {
    let f = Folder::new();
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for (name, toy, rows) in
        [("trigger_cells", "trigger-cells", "4000"), ("jets", "jets", "20000"), ("pulses", "pulses", "1500")]
    {
        let at = |file: &str| models.join(name).join(file).to_str().unwrap().to_owned();
        let (model, link) = (at("model.quant.json"), at("link.json"));
        let card = std::fs::read_to_string(at("CARD.md")).unwrap();
        f.works(&["toy", toy, "new.npz", "--rows", rows, "--seed", "77"]);
        let json = |args: &[&str]| -> Value {
            serde_json::from_slice(&f.works(&[args, &["--json"]].concat()).stdout).unwrap()
        };
        f.works(&["compress", "new.npz", "n.slc", "--model", &model]);
        f.works(&["decompress", "n.slc", "back.npz"]);
        let error = json(&["evaluate", "new.npz", "back.npz"])["overall"]["rms_over_range"].as_f64().unwrap();
        let said = number(&card, "held-out rows | ");
        // Ranges are those of other rows: the tails of jets' energies set them.
        assert!((0.5 * said..2.0 * said).contains(&error), "{name}: {error}, the card says {said}");

        let design = json(&["emit", &model, "--link", &link, "--out", "design"]);
        assert_eq!(design["adder_bits"].as_f64(), Some(number(&card, "| hardware | ")), "{name}");
        assert_eq!(design["latency_cycles"].as_f64(), Some(number(&card, "| latency | ")), "{name}");
    }
}
