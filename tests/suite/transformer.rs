//! A transformer in front of an encoder: trained, compressed with, and refused where firmware is asked for.

use super::Folder;
use serde_json::Value;

const RECIPE: &str = r#"
name = "lists"
[data]
toy = "trigger-cells"
toy_rows = 1500
toy_seed = 1
[train]
latent = 8
hidden = [24]
decoder_hidden = [32]
transformer = { tokens = 16, width = 16, heads = 2, blocks = 1 }
epochs = 25
qat_epochs = 4
batch = 64
learning_rate = 0.003
"#;

#[test]
fn a_transformer_compresses_in_software_and_is_refused_as_firmware() {
    let f = Folder::new();
    f.write("r.toml", RECIPE);
    f.works(&["train", "r.toml", "--out", "t.json"]);
    f.works(&["quantize", "t.json", "--out", "q.json"]);
    f.works(&["toy", "trigger-cells", "new.npz", "--rows", "600", "--seed", "5"]);
    let error = |file: &str| -> f64 {
        let said = f.works(&["evaluate", "new.npz", file, "--json"]).stdout;
        serde_json::from_slice::<Value>(&said).unwrap()["overall"]["rms_over_range"].as_f64().unwrap()
    };
    f.works(&["compress", "new.npz", "n.slc", "--mode", "neural", "--model", "q.json"]);
    f.works(&["decompress", "n.slc", "back.npz"]);
    // Codes that know nothing of the row cost what the same latents of wrong rows do.
    f.works(&["toy", "trigger-cells", "other.npz", "--rows", "600", "--seed", "6"]);
    let (own, others) = (error("back.npz"), error("other.npz"));
    assert!(own < 0.7 * others, "{own} {others}");
    // Frames in software, the residual, and the decoder alone, which knows no transformer.
    f.works(&["link", "new.npz", "--model", "q.json", "--out", "l.json"]);
    f.works(&["compress", "new.npz", "n.slf", "--model", "q.json", "--link", "l.json"]);
    f.works(&["decompress", "n.slf", "frames.npz", "--model", "q.json", "--link", "l.json"]);
    let values = |file: &str| f.rows(file).columns[0].values.to_f64();
    assert_eq!(values("frames.npz"), values("back.npz"));
    f.works(&["compress", "new.npz", "b.slc", "--model", "q.json", "--residual", "abs:0.5"]);
    f.works(&["decompress", "b.slc", "exact.npz"]);
    assert_eq!(values("exact.npz"), values("new.npz"));

    let no_firmware = "error[U003]: model `lists` begins with a transformer, which has no firmware";
    f.refused(&["emit", "q.json", "--out", "design"], no_firmware);
    f.refused(&["emit", "q.json", "--link", "l.json", "--out", "design"], no_firmware);
    f.refused(&["emit", "q.json", "--pareto", "--out", "design"], no_firmware);
    f.refused(&["passes", "q.json"], no_firmware);
    f.refused(&["run", "r.toml", "--out", "run"], "error[U003]: a transformer has no firmware");
    f.write("s.toml", format!("{RECIPE}[search]\nlatent = [4]\n"));
    f.refused(&["search", "s.toml", "--out", "found"], "error[U003]: a transformer has no firmware");
    assert!(!f.at("design").exists() && !f.at("run/model.trained.json").exists());
}

#[test]
fn options_that_make_no_transformer_are_refused() {
    let f = Folder::new();
    for (from, to, said) in [
        ("tokens = 16", "tokens = 7", "48 features are not those of 7 tokens each"),
        ("heads = 2", "heads = 3", "vectors of 16 numbers are not 3 heads"),
        (
            "epochs = 25",
            "epochs = 25\nconv = { in_shape = [4, 4, 3], filters = 2, kernel = [3, 3] }",
            "`transformer` stands beside a convolution or a set",
        ),
        ("epochs = 25", "epochs = 25\nwidths = { epochs = 3 }", "`transformer` stands beside `widths`"),
        ("width = 16", "width = 40000", "the transformer would have some"),
    ] {
        f.write("r.toml", RECIPE.replacen(from, to, 1));
        f.refused(&["train", "r.toml", "--out", "t.json"], said);
    }
    // A model file whose parts do not fit.
    f.write("r.toml", RECIPE.replace("epochs = 25", "epochs = 1"));
    f.works(&["train", "r.toml", "--out", "t.json"]);
    f.works(&["quantize", "t.json", "--out", "q.json"]);
    let mut model: Value = serde_json::from_slice(&f.bytes("q.json")).unwrap();
    model["transformer"]["heads"] = 5.into();
    f.write("wrong.json", model.to_string());
    f.works(&["toy", "trigger-cells", "new.npz", "--rows", "20"]);
    let compress = ["compress", "new.npz", "n.slc", "--mode", "neural", "--model", "wrong.json"];
    f.refused(&compress, "error[M002]: transformer: vectors of 16 numbers are not 5 heads");
}
