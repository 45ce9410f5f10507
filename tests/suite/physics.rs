//! Observables before and after, through the command line.

use serde_json::Value;

use super::{Folder, sluice, stderr};

/// 4000 events of two muons whose mass is 3.1 within 0.04, from their momenta; `noise` is added to the second.
fn muons(noise: f64) -> String {
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut text = "pt1,eta1,phi1,pt2,eta2,phi2,prompt\n".to_owned();
    for i in 0..4000 {
        let normal = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        let (mass, pt1, deta, dphi) = (3.1 + 0.04 * normal, 4.0 + uniform(), 0.3 * uniform(), 0.5 + 0.3 * uniform());
        let pt2 = mass * mass / (2.0 * pt1 * (deta.cosh() - dphi.cos()));
        let smear = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        text += &format!("{pt1},{deta},{dphi},{},0,0,{}\n", pt2 * (1.0 + noise * smear), i % 4);
    }
    text
}

const SECTIONS: &str = r#"
title = "other keys are none of its business"

[[physics]]
kind = "peak"
name = "J/psi"
value = "sqrt(2 * pt1 * pt2 * (cosh(eta1 - eta2) - cos(dphi(phi1, phi2))))"
unit = "GeV"
range = [2.8, 3.4]
bins = 60

[[physics]]
kind = "selection"
cuts = ["pt1 > 4.5", "pt2 > 3"]
label = "prompt"
"#;

#[test]
fn observables_of_a_file_are_printed_before_and_after() {
    let folder = Folder::new();
    folder.write("a.csv", muons(0.0));
    folder.write("b.csv", muons(0.02));
    folder.write("physics.toml", SECTIONS);
    let evaluate = ["evaluate", "a.csv", "b.csv", "--physics", "physics.toml", "--ratio", "4"];
    let said = folder.works(&[&["--json"], &evaluate[..]].concat());
    let all: Value = serde_json::from_slice(&said.stdout).unwrap();
    let peak = &all[0]["peak"];
    let number = |v: &Value| v.as_f64().unwrap();
    // Mass goes as the root of the momentum: 1 % of 3.1 beside 0.04.
    let exact = (1.0f64 + (0.031f64 / 0.04).powi(2)).sqrt();
    let ratio = &peak["peaks"]["fwhm_ratio"];
    assert!((number(&ratio["value"]) - exact).abs() < 4.0 * number(&ratio["error"]), "{ratio} {exact}");
    assert!(number(&ratio["error"]) < 0.05);
    assert!((number(&peak["peaks"]["before"]["mean"]["value"]) - 3.1).abs() < 0.005);
    let selection = &all[1]["selection"];
    let z = &selection["significance"];
    assert_eq!(number(&z["equal_storage"]), 2.0 * number(&z["asimov_after"]));
    assert!(number(&selection["moved_out"]) > 0.0);

    let text = String::from_utf8(folder.works(&evaluate).stdout).unwrap();
    for part in
        ["peak: J/psi [GeV]", "FWHM", "selection: pt1 > 4.5", "significance at equal storage, 4.000 x the events"]
    {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn a_file_of_sections_that_cannot_be_done_is_refused_in_these_words() {
    let folder = Folder::new();
    folder.write("a.csv", "x,y\n1,2\n3,4\n");
    let refused = |sections: &str, said: &str| {
        folder.write("p.toml", sections);
        let out = sluice(folder.path(), &["evaluate", "a.csv", "a.csv", "--physics", "p.toml"]);
        assert_eq!((out.status.code(), &stderr(&out)[..]), (Some(2), said), "{sections}");
    };
    refused(
        "[data]\n",
        "error[R001]: the file names no observables\n  where: p.toml\n  cause: there is no section `[[physics]]`\n  hint:  a section \
         `[[physics]]` has a `kind`: `peak`, `selection`, `image` or `pulse`; docs/PHYSICS.md has their keys\n",
    );
    refused(
        "[[physics]]\nkind = \"peak\"\nvalue = \"z\"\nrange = [0, 1]\n",
        "error[D003]: there is no column `z`\n  where: a.csv\n  hint:  the columns are: x, y\n  section: [[physics]] of kind `peak`, `z`\n",
    );
    refused(
        "[[physics]]\nkind = \"selection\"\ncuts = [\"x >\"]\n",
        "error[R001]: `x >` is no cut\n  cause: nothing stands after `>`\n  hint:  two formulas and < <= > >= == or != between them, such \
         as `abs(eta) < 2.4`\n  section: [[physics]] of kind `selection`, `x >`\n  where: p.toml\n",
    );
    for (sections, what) in [
        ("[[physics]]\nkind = \"peek\"\n", "unknown variant `peek`"),
        ("[[physics]]\nkind = \"peak\"\nvalue = \"x\"\n", "missing field `range`"),
        ("[[physics]]\nkind = \"selection\"\ncuts = []\ncolour = 1\n", "unknown field `colour`"),
        ("[[physics]\n", "the file names no observables"),
        ("[[physics]]\nkind = \"image\"\n", "which of the 2 columns?"),
    ] {
        folder.write("p.toml", sections);
        folder.refused(&["evaluate", "a.csv", "a.csv", "--physics", "p.toml"], what);
    }
    folder.write("p.toml", "[[physics]]\nkind = \"selection\"\ncuts = [\"x > 1\"]\n");
    folder.refused(&["evaluate", "a.csv", "a.csv", "--physics", "p.toml", "--ratio", "0"], "no compression ratio");
    folder.refused(&["evaluate", "a.csv", "a.csv", "--ratio", "2"], "--physics");
    folder.refused(&["evaluate", "a.csv", "a.csv", "--physics", "none.toml"], "error[I001]");
}

#[test]
fn a_recipe_with_sections_that_cannot_be_done_is_refused_before_it_trains() {
    let folder = Folder::new();
    let recipe = |section: &str| format!("name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 200\n{section}");
    folder.write("wrong.toml", recipe("[[physics]]\nkind = \"peak\"\nvalue = \"pt +\"\nrange = [0, 1]\n"));
    folder.refused(&["run", "wrong.toml", "--out", "r"], "it ends too early");
    folder.write("absent.toml", recipe("[[physics]]\nkind = \"peak\"\nvalue = \"energy\"\nrange = [0, 1]\n"));
    folder.refused(&["run", "absent.toml", "--out", "r"], "there is no column `energy`");
    assert!(!folder.at("r/model.trained.json").exists());
    folder.write(
        "link.toml",
        recipe("[link]\nencoder = \"rows\"\n[[physics]]\nkind = \"peak\"\nvalue = \"pt\"\nrange = [0, 1]\n"),
    );
    folder.refused(&["run", "link.toml", "--out", "r"], "a recipe without a network makes no report");
}

#[test]
fn the_example_of_the_page_works() {
    let folder = Folder::new();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PHYSICS.md")).unwrap();
    let block =
        |kind: &str| page.split(&format!("```{kind}\n")).nth(1).unwrap().split("```").next().unwrap().to_owned();
    folder.write("physics.toml", block("toml"));
    let mut last = String::new();
    for line in block("sh").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], "sluice");
        last = String::from_utf8(folder.works(&words[1..]).stdout).unwrap();
    }
    assert!(last.contains("peak: jet area") && last.contains("selection: central jets"), "{last}");
    assert!(!last.contains("no fit"), "{last}");
}
