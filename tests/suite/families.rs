//! Families of learned distributions side by side.

use super::Folder;

#[test]
fn families_are_compared_with_components_and_autoencoders_within_one_bound() {
    let folder = Folder::new();
    folder.works(&["toy", "jets", "jets.npz", "--rows", "1500"]);
    let out = folder.works(&["--json", "compare", "jets.npz", "--families", "--bound", "range:1e-2"]);
    let rows: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let named = |name: &str| {
        let found = rows.as_array().unwrap().iter().find(|r| r["name"] == name);
        found.unwrap_or_else(|| panic!("no `{name}` in {rows}"))["ratio"].as_f64().unwrap()
    };
    for name in ["Chow-Liu", "HCLT", "mixer", "PCA + residues"] {
        assert!(named(name) > named("independent"), "{name}: {rows}");
    }
    let text = folder.works(&["compare", "jets.npz", "--families", "--bound", "1e-2"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("HCLT"));
}

#[test]
fn families_refuse_arrays_and_what_is_no_bound() {
    let folder = Folder::new();
    folder.works(&["toy", "pulses", "pulses.npz", "--rows", "50"]);
    folder.refused(&["compare", "pulses.npz", "--families"], "is not one number a row");
    folder.refused(&["compare", "pulses.npz", "--families", "--bound", "0"], "is not a bound");
    folder.refused(&["compare", "pulses.npz", "--model", "m.quant.json"], "--families");
}
