//! `sluice prove`: what it certifies, and what it refuses.

use std::path::Path;
use std::time::Duration;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use sluice::Code;
use sluice::fixed::{Overflow, QFormat, Rounding};
use sluice::hw::{self, CompileOptions, Compiled, Effort, Reuse};
use sluice::model::{Granular, IntegerLayer, QuantizedModel};
use sluice::proof::{self, Certificate};
use sluice::verilog::{self, Interface};

use super::golden::{design, options, root, tables, tiny};
use super::hardware::{every_mode, layer, model};
use super::{has, mutants, networks, sluice, stderr};

/// The model's design, in a folder.
fn emitted(model: &QuantizedModel, interface: Interface) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let options = CompileOptions { clock_mhz: Some(60.0), ..options() };
    let graph = hw::compile(&model.encoder, &options).unwrap();
    verilog::emit(model, &graph, interface, &options).unwrap().write(folder.path()).unwrap();
    folder
}

/// A copy of the golden design.
fn copied(interface: Interface) -> tempfile::TempDir {
    copy(&design(interface))
}

fn copy(design: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(design).unwrap() {
        let from = entry.unwrap().path();
        std::fs::copy(&from, folder.path().join(from.file_name().unwrap())).unwrap();
    }
    folder
}

/// Replaces the first `from` in a file, and the checksum that design.json has of it: a design that knows of no change.
fn change(folder: &Path, name: &str, from: &str, to: &str) {
    let hash = |text: &str| {
        use sha2::Digest as _;
        sha2::Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (old, manifest) = (read(name), read("design.json"));
    assert!(old.contains(from), "`{from}` is not in the design:\n{old}");
    let new = old.replacen(from, to, 1);
    std::fs::write(folder.join("design.json"), manifest.replace(&hash(&old), &hash(&new))).unwrap();
    std::fs::write(folder.join(name), new).unwrap();
}

const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn the_golden_designs_are_proved_and_their_certificates_hold() {
    if !has("yosys") {
        return;
    }
    // The core of a stream is the same module; the solver's minutes are spent once.
    let folder = copied(Interface::Kernel);
    let path = folder.path().to_str().unwrap();
    let out = sluice(folder.path(), &["prove", path, "--seconds", "120"]);
    assert!(out.status.success(), "{}", stderr(&out));
    let file = folder.path().join("proof.json");
    let certificate: Certificate = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let (requantizers, verilog) = (&certificate.requantizers, &certificate.verilog);
    assert_eq!((verilog.proved, verilog.latency, verilog.products), (true, 4, 21), "{certificate}");
    assert!(verilog.layers.iter().all(|l| l.points > 0 && l.proved == l.points), "{certificate}");
    assert_eq!((requantizers.compared, requantizers.not_compared.len()), (5, 0));
    assert!(requantizers.values > 500, "{certificate}");
    assert!(certificate.graph.printed_the_same, "{certificate}");
    assert!(sluice(folder.path(), &["prove", "--check", file.to_str().unwrap()]).status.success());
    // A certificate that claims more than can be found again, and one about another file.
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("\"latency\": 4", "\"latency\": 3")).unwrap();
    let out = sluice(folder.path(), &["prove", "--check", file.to_str().unwrap()]);
    assert!(!out.status.success() && stderr(&out).contains("claims something else"), "{}", stderr(&out));
    std::fs::write(&file, good).unwrap();
    change(folder.path(), "tiny.v", "n7 = 5'h9 - ", "n7 = 5'h8 - ");
    let out = sluice(folder.path(), &["prove", "--check", file.to_str().unwrap()]);
    assert!(stderr(&out).contains("is not the file that the certificate is about"), "{}", stderr(&out));
}

#[test]
fn a_changed_design_is_refused_with_layer_and_output() {
    if !has("yosys") {
        return;
    }
    // (text, what replaces it, what the error says)
    let mutants = [
        (" + ", " - ", "layer `hidden`, output "),
        ("n7 = 5'h9 - ", "n7 = 5'h8 - ", "layer `hidden`, output 0"),
        ("? 4'hf", "? 4'he", "layer `hidden`, output "),
        ("& (n13[2] | ", "& (~n13[2] | ", "layer `hidden`, output 1"),
        ("latent_1_r4,\n      latent_0_r4", "latent_0_r4,\n      latent_1_r4", "layer `latent`, output "),
        ("x[7:4]", "x[6:3]", "layer `"),
        ("{2'b0, hidden_0_r2}", "{2'b0, hidden_0}", "reads ranks "),
        ("posedge", "negedge", "another clock or the other edge"),
        ("hidden_0_r2 <= hidden_0", "hidden_0_r2 = hidden_0", "a clocked block assigns with `=`"),
        // The solver would take a bit without a value for 0, a simulator takes it for X.
        ("{2'b0, hidden_0_r2}", "{2'b0x, hidden_0_r2}", "reads a bit that has no value"),
        ("x[7:4]", "x[12:9]", "reads a bit that has no value"),
        ("n20_r3 <= n20;", "n20_r3 <= n20 + n20_r3;", "loop"),
    ];
    for (from, to, says) in mutants {
        let folder = copied(Interface::Kernel);
        change(folder.path(), "tiny.v", from, to);
        let e = proof::prove(folder.path(), LIMIT).expect_err(from);
        assert!(e.code() == Code::Design && e.to_string().contains(says), "{from}: {e}");
    }
}

#[test]
fn tables_and_maxima_are_proved_and_one_wrong_entry_is_refused() {
    if !has("yosys") {
        return;
    }
    let folder = emitted(&tables(), Interface::Kernel);
    let certificate = proof::prove(folder.path(), LIMIT).unwrap();
    assert!(certificate.verilog.proved && certificate.graph.printed_the_same, "{certificate}");
    // Four elements and two of lookups, the averages and the dense layer.
    assert_eq!((certificate.requantizers.compared, certificate.requantizers.not_compared.len()), (10, 0));
    let text = std::fs::read_to_string(folder.path().join("tables.v")).unwrap();
    let entry = text.lines().find(|l| l.contains(": table0 = ")).unwrap();
    let wrong = entry.replace(": table0 = 5'h", ": table0 = 5'h1 ^ 5'h");
    change(folder.path(), "tables.v", entry, &wrong);
    let e = proof::prove(folder.path(), LIMIT).unwrap_err();
    assert!(e.code() == Code::Design && e.to_string().contains("layer `code`, output 0"), "{e}");
    change(folder.path(), "tables.v", &wrong, entry);
    change(folder.path(), "tables.v", " > ", " < ");
    let e = proof::prove(folder.path(), LIMIT).unwrap_err();
    assert!(e.code() == Code::Design && e.to_string().contains("layer `peak`, output "), "{e}");
}

/// A layer of more products than a solver adds up, its accumulators of more values than can be tried.
fn wide() -> QuantizedModel {
    let weight = |i: i64, j: i64| (37 * i * i + 91 * j + 13 * i * j) % 63 - 31;
    let weights = (0..6).map(|j| (0..16).map(|i| weight(i, j)).collect()).collect();
    let dense = IntegerLayer {
        rounding: Rounding::HalfEven,
        overflow: Overflow::Saturate,
        ..layer("dense", &["x"], weights, 21, vec![QFormat::signed(9, 2); 6])
    };
    model("wide", 16, QFormat::signed(16, 8), vec![dense])
}

#[test]
fn a_wide_layer_is_proved_and_a_wrong_bit_in_it_refused_by_name() {
    if !has("yosys") || !has("z3") {
        return;
    }
    let folder = emitted(&wide(), Interface::Kernel);
    let certificate = proof::prove(folder.path(), LIMIT).unwrap();
    let (requantizers, verilog) = (&certificate.requantizers, &certificate.verilog);
    assert_eq!((requantizers.compared, requantizers.by_solver, requantizers.not_compared.len()), (0, 6, 0));
    assert!(verilog.proved && verilog.products > 80, "{certificate}");
    assert!(verilog.layers.iter().all(|l| l.proved == l.points) && verilog.layers[1].points > 50, "{certificate}");
    let text = std::fs::read_to_string(folder.path().join("wide.v")).unwrap();
    // (a line of the design, what is changed in it)
    let sum = text.lines().rfind(|l| l.contains("assign n") && l.contains(" + ")).unwrap();
    let register = text.lines().find(|l| l.contains("_r") && l.contains(" <= n")).unwrap();
    let output = text.lines().find(|l| l.contains("assign dense_4_q = ")).unwrap();
    for (line, wrong, says) in [
        (sum, sum.replacen(" + ", " - ", 1), "is not what the graph says"),
        (register, register.replacen("<= ", "<= ~", 1), "is not what the graph says"),
        (output, output.replacen(" + ", " - ", 1), "layer `dense`, output 4: `dense_4` of `wide`"),
    ] {
        change(folder.path(), "wide.v", line, &wrong);
        let e = proof::prove(folder.path(), Duration::from_secs(20)).expect_err(&wrong);
        assert!(e.code() == Code::Design && e.to_string().contains(says), "{wrong}: {e}");
        change(folder.path(), "wide.v", &wrong, line);
    }
}

#[test]
fn every_mode_and_random_networks_are_proved() {
    if !has("yosys") || !has("z3") {
        return;
    }
    let random = (0..4).map(|n| (networks::model(n), [Interface::Kernel, Interface::Axis][n % 2]));
    for (model, interface) in std::iter::once((every_mode(), Interface::Kernel)).chain(random) {
        let certificate = proof::prove(emitted(&model, interface).path(), LIMIT).unwrap();
        let open = &certificate.requantizers.not_compared;
        assert!(certificate.verilog.proved && open.is_empty(), "{}: {certificate}", model.name);
        assert!(certificate.verilog.layers.len() == model.encoder.layers.len() + 2, "{}: {certificate}", model.name);
    }
}

#[test]
fn folded_designs_are_proved_over_the_cycles_of_a_vector_and_wrong_ones_refused() {
    if !has("yosys") {
        return;
    }
    let all = |c: &Certificate| c.verilog.proved && c.verilog.layers.iter().all(|l| l.proved == l.points);
    let folder = copy(&root().join("hdl/golden/tiny_folded"));
    let certificate = proof::prove(folder.path(), LIMIT).unwrap();
    assert!(all(&certificate) && certificate.verilog.points > 25 && certificate.verilog.latency == 15, "{certificate}");
    let wide = tempfile::tempdir().unwrap();
    let options = CompileOptions { clock_mhz: Some(60.0), ..options() };
    for (model, interface, reuse) in
        [(self::wide(), Interface::Kernel, 8), (self::wide(), Interface::Axis, 8), (tables(), Interface::Kernel, 5)]
    {
        let folded = hw::compile_reuse(&model.encoder, &options, Reuse::Cycles(reuse)).unwrap();
        let Compiled::Folded(folded) = folded else { panic!("not folded") };
        verilog::emit_folded(&model, &folded, interface, &options).unwrap().write(wide.path()).unwrap();
        let certificate = proof::prove(wide.path(), LIMIT).unwrap();
        assert!(all(&certificate), "{certificate}");
    }
    // The last of them with one entry, and one comparison, that is not the model's.
    let text = std::fs::read_to_string(wide.path().join("tables.v")).unwrap();
    let entry = text.lines().find(|l| l.contains(": table0 = ")).unwrap();
    let wrong = entry.replace(": table0 = 5'h", ": table0 = 5'h1 ^ 5'h");
    for (from, to) in [(entry, wrong.as_str()), (" > ", " < ")] {
        change(wide.path(), "tables.v", from, to);
        let e = proof::prove(wide.path(), LIMIT).expect_err(from);
        assert!(e.code() == Code::Design && e.to_string().contains("is not what the graph says"), "{from}: {e}");
        change(wide.path(), "tables.v", to, from);
    }
    // (text, what replaces it, what the error says)
    for (from, to, says) in [
        ("n3_s0_c <= x_valid ? 1'b1", "n3_s0_c <= x_valid ? 1'b0", "layer `hidden`, output 0: `n3` of `tiny`"),
        ("n3_s0_c1 = (x_1_s0[0] & ~x_2_s0[0])", "n3_s0_c1 = (x_1_s0[0] & x_2_s0[0])", "`n3` of `tiny` is not what"),
        ("x_0_h2 <= at[4]", "x_0_h2 <= at[5]", "layer `latent`, output "),
        ("hidden_0_s1 <= at[6]", "hidden_0_s1 <= at[5]", "layer `latent`, output "),
        ("y_0_r <= at[13]", "y_0_r <= at[12]", "layer `latent`, output 0: the output bus of `tiny`"),
        ("{at[13:0], x_valid}", "{at[13:1], at[1], x_valid}", "`at` is not what it should be"),
        ("at <= 15'b0", "at <= 15'b1", "`at` is not cleared by the reset"),
        ("y_valid = at[14]", "y_valid = at[13]", "`y_valid` is not what it should be"),
    ] {
        change(folder.path(), "tiny.v", from, to);
        let e = proof::prove(folder.path(), LIMIT).expect_err(from);
        assert!(e.code() == Code::Design && e.to_string().contains(says), "{from}: {e}");
        change(folder.path(), "tiny.v", to, from);
    }
}

#[test]
fn a_folded_core_that_does_not_wait_for_its_stream_or_has_another_clock_is_refused() {
    if !has("yosys") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folded = hw::fold(&tiny().encoder, &options(), 5).unwrap();
    verilog::emit_folded(&tiny(), &folded, Interface::Axis, &options()).unwrap().write(folder.path()).unwrap();
    assert!(proof::prove(folder.path(), LIMIT).unwrap().verilog.proved);
    for (from, to, says) in [
        ("always @(posedge clk) if (ce) begin", "always @(posedge clk) begin", "does not wait while `ce` is low"),
        ("else if (ce) at <=", "else at <=", "does not wait while `ce` is low"),
        ("posedge", "negedge", "not made of the operations of the graph"),
        ("wire [7:0] n7_s0_k0;", "wire [6:0] n7_s0_k0;", "reads a bit that has no value"),
    ] {
        change(folder.path(), "tiny_core.v", from, to);
        let e = proof::prove(folder.path(), LIMIT).expect_err(from);
        assert!(e.code() == Code::Design && e.to_string().contains(says), "{from}: {e}");
        change(folder.path(), "tiny_core.v", to, from);
    }
}

#[test]
fn what_design_json_says_of_ports_numbers_and_cycles_is_proved_too() {
    let folder = copy(&root().join("hdl/golden/tiny_folded"));
    let path = folder.path().join("design.json");
    let good: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let format = serde_json::json!({ "signed": true, "width": 4, "frac": 1 });
    for (key, wrong) in [
        ("latency_cycles", serde_json::json!(14)),
        ("output_valid", "y".into()),
        ("reset", serde_json::Value::Null),
        ("in_width", 5.into()),
        ("input_formats", vec![format; 3].into()),
    ] {
        let mut said = good.clone();
        said[key] = wrong;
        std::fs::write(&path, said.to_string()).unwrap();
        let e = proof::prove(folder.path(), LIMIT).expect_err(key);
        assert!(e.code() == Code::Design && e.to_string().contains(&format!("`{key}` is not")), "{key}: {e}");
    }
}

/// Random designs, and mutants of each.
const MUTATED: usize = 10;
const MUTANTS: usize = 5;

/// A mutant that the proof lets pass must be one that no simulation tells from the design.
#[test]
fn mutants_of_random_designs_are_refused_or_right() {
    if !has("yosys") || !has("z3") || !has("verilator") || !has("iverilog") {
        return;
    }
    let (mut designs, mut refused, mut right) = (0, 0, 0);
    for n in 300.. {
        let model = networks::model(n);
        let options = CompileOptions { clock_mhz: Some(50.0), effort: hw::Effort::Fast, ..options() };
        // Large enough to have faults, small enough to be proved in a second.
        let Some(graph) = hw::compile(&model.encoder, &options).ok().filter(|g| (4..=16).contains(&g.adders())) else {
            continue;
        };
        let interface = [Interface::Kernel, Interface::Axis][designs / 2 % 2];
        let reuse = [1, 2, 1, 3][designs % 4];
        let design = match hw::compile_reuse(&model.encoder, &options, Reuse::Cycles(reuse)) {
            Ok(Compiled::Folded(folded)) => verilog::emit_folded(&model, &folded, interface, &options).unwrap(),
            _ => verilog::emit(&model, &graph, interface, &options).unwrap(),
        };
        let folder = tempfile::tempdir().unwrap();
        design.write(folder.path()).unwrap();
        // The data path, alone or beside the shell of a stream.
        let module = format!("{}{}", design.manifest.top, if interface == Interface::Axis { "_core.v" } else { ".v" });
        let (name, good) = design.files.iter().find(|f| f.0 == module).unwrap();
        let mut all = if design.manifest.ii > 1 { mutants::folded_texts(good) } else { mutants::texts(good) };
        all.shuffle(&mut ChaCha8Rng::seed_from_u64(n as u64));
        for (what, text) in all.iter().take(MUTANTS) {
            change(folder.path(), name, good, text);
            match proof::prove(folder.path(), LIMIT) {
                Err(e) => {
                    assert_eq!(e.code(), Code::Design, "network {n}: {what}: {e}");
                    refused += 1;
                }
                Ok(certificate) => {
                    assert!(certificate.verilog.proved, "network {n}: {what}: {certificate}");
                    let stall = if interface == Interface::Axis { "30" } else { "0" };
                    let out = sluice(folder.path(), &["verify", ".", "--random", "5000", "--stall", stall]);
                    assert!(out.status.success(), "network {n}: {what}: {}", stderr(&out));
                    right += 1;
                }
            }
            change(folder.path(), name, text, good);
        }
        designs += 1;
        if designs == MUTATED {
            break;
        }
    }
    println!("mutants of random designs: {refused} refused, {right} right");
    assert!(refused * 10 >= MUTATED * MUTANTS * 8, "{refused} refused, {right} right");
}

#[test]
fn multipliers_are_proved_cycle_by_cycle_and_wrong_ones_refused() {
    if !has("yosys") || !has("z3") {
        return;
    }
    let (mut model, folder) = (wide(), tempfile::tempdir().unwrap());
    // Two outputs are enough.
    let layer = &mut model.encoder.layers[0];
    layer.weights.truncate(2);
    layer.bias.truncate(2);
    layer.output_format = Granular::PerTensor(QFormat::signed(9, 2));
    layer.rounding = Rounding::Truncate;
    let options = CompileOptions { clock_mhz: Some(60.0), multipliers: 100, effort: Effort::Fast, ..options() };
    for interface in [Interface::Axis, Interface::Kernel] {
        let folded = hw::compile_reuse(&model.encoder, &options, Reuse::Cycles(8)).unwrap();
        let Compiled::Folded(folded) = folded else { panic!("not folded") };
        assert_eq!(folded.multipliers(), 4, "two lanes of two outputs");
        verilog::emit_folded(&model, &folded, interface, &options).unwrap().write(folder.path()).unwrap();
        let c = proof::prove(folder.path(), LIMIT).unwrap();
        assert!(c.verilog.proved && c.graph.printed_the_same && c.verilog.points > 70, "{c}");
    }
    let text = std::fs::read_to_string(folder.path().join("wide.v")).unwrap();
    let line = |parts: &[&str]| text.lines().find(|l| parts.iter().all(|p| l.contains(p))).unwrap();
    let weights = line(&["3'h2: mac0_weights <= {"]);
    let product = line(&["mac0_p1x1 <= "]);
    let tree = line(&["mac0_t1x1x0 <= "]);
    let sum = line(&["mac0_a0 <= "]);
    let leaf = line(&["x_4_s0 <= x_valid ? x_4 : x_6_s0"]);
    for (from, to) in [
        (weights, weights.replacen("<= {", "<= ~{", 1)),
        (weights, weights.replacen("3'h2:", "3'h1:", 1)),
        (product, product.replacen("mac0_v1", "mac0_v0", 1)),
        (product, product.replacen(" * ", " + ", 1)),
        (tree, tree.replacen(" + ", " - ", 1)),
        (sum, sum.replacen("at[3]", "at[2]", 1)),
        (sum, sum.replacen(") + ", ") - ", 1)),
        (sum, sum.replacen("mac0_a0 <= (", "mac0_a0 <= (~", 1)),
        (leaf, leaf.replacen("x_6_s0", "x_7_s0", 1)),
        (leaf, leaf.replacen("? x_4 :", "? x_5 :", 1)),
        ("mac0_v0 <= x_0_s0", "mac0_v0 <= x_2_s0".into()),
    ] {
        assert_ne!(from, to);
        change(folder.path(), "wide.v", from, &to);
        let e = proof::prove(folder.path(), LIMIT).expect_err(&to);
        let text = e.to_string();
        assert!(e.code() == Code::Design && text.contains("`wide` is not what the graph says"), "{to}: {e}");
        assert!(text.contains("layer `dense`"), "{to}: {e}");
        change(folder.path(), "wide.v", &to, from);
    }
    // All products are others: the solver may not end, but nothing is claimed.
    for (from, to) in [("x_valid ? 3'b0 : mac0_step", "x_valid ? 3'b1 : mac0_step"), ("step + 3'h1", "step + 3'h2")] {
        change(folder.path(), "wide.v", from, to);
        match proof::prove(folder.path(), Duration::from_secs(5)) {
            Err(e) => assert!(matches!(e.code(), Code::Design | Code::ToolTimeout), "{to}: {e}"),
            Ok(c) => assert!(!c.verilog.proved && c.verilog.not_proved.is_some(), "{to}: {c}"),
        }
        change(folder.path(), "wide.v", to, from);
    }
    assert!(proof::prove(folder.path(), LIMIT).unwrap().verilog.proved);
}

#[test]
fn without_time_for_the_solver_nothing_is_claimed_of_the_verilog() {
    if !has("yosys") {
        return;
    }
    let folder = copied(Interface::Kernel);
    let e = proof::prove(folder.path(), Duration::ZERO);
    match e {
        // Not even read.
        Err(e) => assert_eq!(e.code(), Code::ToolTimeout, "{e}"),
        Ok(c) => assert!(!c.verilog.proved && c.verilog.not_proved.is_some(), "{c}"),
    }
}
