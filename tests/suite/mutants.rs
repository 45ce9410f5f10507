//! Every small fault of a design is found: by the proof if it is in the graph or the weights, by simulation if it is in the
//! Verilog.
//!
//! A program makes the faults, one in each mutant. A mutant that gives the right outputs for every input there is has no
//! fault and does not count.

use std::path::Path;

use ndarray::{Array2, Axis, concatenate};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use sluice::dut::Dut;
use sluice::fixed::{Overflow, Rounding};
use sluice::hw::{self, Op, StageGraph};
use sluice::model::{Activation, IntegerNetwork, QuantizedModel};
use sluice::reference::Engine;
use sluice::verify::{simulate, stimuli};
use sluice::verilog::{self, Interface};

use super::golden::{options, tables, tiny};
use super::hardware::all_inputs;
use super::has;
use super::several::{Part, together};

const ROUNDINGS: [Rounding; 3] = [Rounding::Truncate, Rounding::HalfUp, Rounding::HalfEven];
/// Of several hundred: a simulation of so many compiles in seconds.
const FOLDED_MUTANTS: usize = 120;
const OVERFLOWS: [Overflow; 3] = [Overflow::Wrap, Overflow::Saturate, Overflow::SaturateSymmetric];

/// What became of the mutants of one kind.
#[derive(Default)]
struct Score {
    caught: usize,
    equivalent: usize,
    survivors: Vec<String>,
}

impl Score {
    fn enter(&mut self, what: String, differs: bool, caught: bool) {
        match (differs, caught) {
            (false, _) => self.equivalent += 1,
            (true, true) => self.caught += 1,
            (true, false) => self.survivors.push(what),
        }
    }

    /// Prints the score and asserts that it is whole.
    fn finish(self, kind: &str, least: usize) {
        let faulty = self.caught + self.survivors.len();
        println!("{kind}: {} of {faulty} caught, {} equivalent for every input", self.caught, self.equivalent);
        assert!(self.survivors.is_empty(), "{kind}: {:#?}", self.survivors);
        assert!(faulty >= least, "{kind}: only {faulty} mutants");
    }
}

/// All graphs with one node changed in one way.
fn graphs(good: &StageGraph) -> Vec<(String, StageGraph)> {
    let mut made = Vec::new();
    for (id, node) in good.nodes.iter().enumerate() {
        let mut ops = Vec::new();
        match node.op.clone() {
            Op::Add { a, shift_a, b, shift_b, subtract } => {
                let add = |a, shift_a, b, shift_b, subtract| Op::Add { a, shift_a, b, shift_b, subtract };
                ops.push(add(a, shift_a, b, shift_b, !subtract));
                ops.push(add(a, shift_a + 1, b, shift_b, subtract));
                ops.push(add(a, shift_a, b, shift_b + 1, subtract));
                ops.push(add(b, shift_a, a, shift_b, subtract));
                ops.extend(shift_a.checked_sub(1).map(|s| add(a, s, b, shift_b, subtract)));
                ops.extend(shift_b.checked_sub(1).map(|s| add(a, shift_a, b, s, subtract)));
                ops.extend(a.checked_sub(1).map(|a| add(a, shift_a, b, shift_b, subtract)));
                ops.extend(b.checked_sub(1).map(|b| add(a, shift_a, b, shift_b, subtract)));
            }
            Op::Requantize { a, invert, shift, relu, rounding, overflow, format } => {
                let q = |a, invert, shift, relu, rounding, overflow, format| Op::Requantize {
                    a,
                    invert,
                    shift,
                    relu,
                    rounding,
                    overflow,
                    format,
                };
                ops.push(q(a - 1, invert, shift, relu, rounding, overflow, format));
                ops.push(q(a, !invert, shift, relu, rounding, overflow, format));
                ops.extend([1, -1].map(|d| q(a, invert, shift + d, relu, rounding, overflow, format)));
                ops.push(q(a, invert, shift, !relu, rounding, overflow, format));
                ops.extend(ROUNDINGS.map(|r| q(a, invert, shift, relu, r, overflow, format)));
                ops.extend(OVERFLOWS.map(|o| q(a, invert, shift, relu, rounding, o, format)));
                for width in [format.width - 1, format.width + 1] {
                    let format = sluice::fixed::QFormat { width, ..format };
                    ops.push(q(a, invert, shift, relu, rounding, overflow, format));
                }
            }
            Op::Table { a, first, values } => {
                ops.extend(a.checked_sub(1).map(|a| Op::Table { a, first, values: values.clone() }));
                ops.extend([-1, 1].map(|d| Op::Table { a, first: first + d, values: values.clone() }));
                let mut turned = values.to_vec();
                turned.rotate_left(1);
                ops.push(Op::Table { a, first, values: turned.into() });
                for k in 0..values.len() {
                    let mut values = values.to_vec();
                    values[k] ^= 1;
                    ops.push(Op::Table { a, first, values: values.into() });
                }
            }
            Op::Max { a, b } => {
                ops.extend([Op::Max { a, b: a }, Op::Max { a: b, b }]);
                ops.extend(a.checked_sub(1).map(|a| Op::Max { a, b }));
                ops.push(Op::Add { a, shift_a: 0, b, shift_b: 0, subtract: false });
            }
            Op::Const(c) => ops.extend([Op::Const(c - 1), Op::Const(c + 1)]),
            Op::Input(_) | Op::Sum { .. } => {}
        }
        for op in ops.into_iter().filter(|op| *op != node.op) {
            let mut graph = good.clone();
            let what = format!("n{id} = {} becomes {op}", node.op);
            graph.nodes[id].op = op;
            made.push((what, graph));
        }
    }
    for i in 1..good.input_formats.len() {
        let mut graph = good.clone();
        for node in &mut graph.nodes {
            if let Op::Input(at) = &mut node.op {
                *at = if *at == i {
                    i - 1
                } else if *at == i - 1 {
                    i
                } else {
                    *at
                };
            }
        }
        made.push((format!("inputs {} and {i} change places", i - 1), graph));
    }
    for j in 1..good.output_formats.len() {
        let mut graph = good.clone();
        graph.tensors.last_mut().unwrap().elements.swap(j - 1, j);
        made.push((format!("outputs {} and {j} change places", j - 1), graph));
    }
    made
}

/// The graph with what follows from its operations derived anew: a wrong interval must not be all that gives it away.
fn derived(graph: &StageGraph) -> sluice::error::Result<StageGraph> {
    let bare = |line: &str| match line.split_once(" : [") {
        None => line.to_owned(),
        Some((op, rest)) => {
            let rest = rest.split_once("] ").unwrap().1;
            format!("{op} {}", rest.split(" unread").next().unwrap())
        }
    };
    hw::parse(&graph.to_string().lines().map(|l| bare(l) + "\n").collect::<String>())
}

#[test]
fn every_mutant_of_a_graph_is_refused_by_the_proof() {
    graph_mutants(&tiny().encoder, "graph mutants", 150);
}

#[test]
fn every_mutant_of_a_graph_with_tables_is_refused_by_the_proof() {
    graph_mutants(&tables().encoder, "graph mutants with tables", 200);
}

fn graph_mutants(network: &IntegerNetwork, kind: &str, least: usize) {
    let good = hw::compile(network, &options()).unwrap();
    hw::prove(&derived(&good).unwrap(), network).unwrap();
    let inputs = all_inputs(&network.formats_of("x"));
    let wanted = Engine::new(network).unwrap().infer_batch(&inputs);
    let mut score = Score::default();
    for (what, mutant) in graphs(&good) {
        let mutant = derived(&mutant);
        // Where a table lacks an entry that its operand can reach there is nothing to run.
        let differs = mutant.as_ref().map_or(true, |graph| {
            inputs.rows().into_iter().zip(wanted.rows()).any(|(x, y)| hw::eval(graph, &x.to_vec()) != y.to_vec())
        });
        let caught = mutant.and_then(|g| hw::prove(&g, network)).is_err();
        score.enter(what, differs, caught);
    }
    score.finish(kind, least);
}

/// All networks with one weight, bias or mode changed.
fn networks(good: &IntegerNetwork) -> Vec<(String, IntegerNetwork)> {
    let mut made = Vec::new();
    for (k, layer) in good.layers.iter().enumerate() {
        let mut push = |what: String, change: &dyn Fn(&mut sluice::model::IntegerLayer)| {
            let mut network = good.clone();
            change(&mut network.layers[k]);
            if network.check().is_ok() && network != *good {
                made.push((format!("{}: {what}", layer.name), network));
            }
        };
        for d in [-1, 1] {
            for (r, row) in layer.weights.iter().enumerate() {
                for c in 0..row.len() {
                    push(format!("weight [{r}][{c}] {d:+}"), &|l| l.weights[r][c] += d);
                }
                push(format!("bias [{r}] {d:+}"), &|l| l.bias[r] += d);
            }
        }
        for a in [Activation::None, Activation::Relu] {
            push(format!("{a:?}"), &|l| l.activation = a);
        }
        ROUNDINGS.iter().for_each(|r| push(format!("{r:?}"), &|l| l.rounding = *r));
        OVERFLOWS.iter().for_each(|o| push(format!("{o:?}"), &|l| l.overflow = *o));
    }
    made
}

#[test]
fn a_graph_is_no_proof_of_a_network_with_another_weight() {
    let network = tiny().encoder;
    let graph = hw::compile(&network, &options()).unwrap();
    let inputs = all_inputs(&network.formats_of("x"));
    let wanted = Engine::new(&network).unwrap().infer_batch(&inputs);
    let mut score = Score::default();
    for (what, mutant) in networks(&network) {
        let differs = Engine::new(&mutant).unwrap().infer_batch(&inputs) != wanted;
        score.enter(what, differs, hw::prove(&graph, &mutant).is_err());
    }
    score.finish("weight mutants", 50);
}

/// Width of a declared signal.
fn width(text: &str, name: &str) -> Option<usize> {
    text.lines().find_map(|l| {
        let l = l.trim().strip_suffix(';')?;
        let (head, declared) = l.rsplit_once(' ')?;
        if declared != name || !["wire", "reg"].iter().any(|k| head.split(' ').any(|w| w == *k)) {
            return None;
        }
        let high = head.split_once('[').and_then(|(_, r)| r.split_once(':')).map_or("0", |(h, _)| h);
        high.parse::<usize>().ok().map(|h| h + 1)
    })
}

/// The texts with one place of a line of logic changed: (what became of it, line).
fn changed(text: &str, line: &str) -> Vec<String> {
    let mut made = Vec::new();
    let from = line.find('=').unwrap_or(line.len());
    let put = |at: usize, old: usize, new: &str| format!("{}{new}{}", &line[..at], &line[at + old..]);
    let swaps = [
        (" + ", " - "),
        (" - ", " + "),
        (" & ", " | "),
        (" | ", " & "),
        ("(|", "(&"),
        ("= ~", "= "),
        (" ? ", " == 1'b0 ? "),
    ];
    for (old, new) in swaps {
        made.extend(line[from..].match_indices(old).map(|(at, _)| put(from + at, old.len(), new)));
    }
    // Slices and bits, one lower or, at the bottom, one higher.
    for (at, _) in line.match_indices('[').filter(|(at, _)| *at > from) {
        let end = at + line[at..].find(']').unwrap();
        let name = line[..at].rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
        let (high, low) = line[at + 1..end].split_once(':').unwrap_or((&line[at + 1..end], &line[at + 1..end]));
        // What is picked by a counter stays as it is.
        let (Ok(high), Ok(low)) = (high.parse::<usize>(), low.parse::<usize>()) else { continue };
        let moved = if low > 0 { Some((high - 1, low - 1)) } else { Some((high + 1, low + 1)) };
        if let Some((h, l)) = moved.filter(|(h, _)| width(text, name).is_some_and(|w| *h < w)) {
            made.push(put(
                at,
                end + 1 - at,
                &if h == l && high == low { format!("[{h}]") } else { format!("[{h}:{l}]") },
            ));
        }
    }
    // Literals: constants, saturation levels, extensions.
    for (at, _) in line.match_indices('\'').filter(|(at, _)| *at > from) {
        let digits = line[at + 2..].find(|c: char| !c.is_ascii_hexdigit()).map_or(line.len(), |n| at + 2 + n);
        let value = u64::from_str_radix(&line[at + 2..digits], 16).unwrap();
        made.push(put(at + 1, digits - at - 1, &format!("h{:x}", value ^ 1)));
    }
    // Sign extensions become zeros.
    for (at, _) in line.match_indices("{{").filter(|(at, _)| *at > from) {
        let inner = &line[at + 2..];
        let count: String = inner.chars().take_while(char::is_ascii_digit).collect();
        if let Some(end) = inner.find("}}").filter(|_| !count.is_empty()) {
            made.push(put(at + 1, end + 3, &format!("{count}'b0")));
        }
    }
    made
}

/// A folded module with one place changed: a line of logic, or what a register takes and when.
pub fn folded_texts(good: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = good.lines().collect();
    let mut made = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let trimmed = line.trim();
        if !trimmed.ends_with(';') || !(trimmed.starts_with("assign ") || trimmed.contains(" <= ")) {
            continue;
        }
        for new in changed(good, line) {
            let mut all = lines.clone();
            all[i] = &new;
            made.push((format!("{trimmed} becomes {}", new.trim()), all.join("\n") + "\n"));
        }
    }
    made
}

#[test]
fn mutants_of_folded_verilog_are_seen_in_simulation() {
    if !has("verilator") {
        return;
    }
    let (model, options) = (tiny(), options());
    let folded = hw::fold(&model.encoder, &options, 5).unwrap();
    let design = verilog::emit_folded(&model, &folded, Interface::Kernel, &options).unwrap();
    let good = &design.files[0].1;
    let mut all = folded_texts(good);
    all.shuffle(&mut ChaCha8Rng::seed_from_u64(5));
    all.truncate(FOLDED_MUTANTS);
    let mut mutants = vec![("nothing".to_owned(), good.clone())];
    mutants.extend(all);
    let part = |(k, (_, text)): (usize, &(String, String))| {
        let module = format!("mutant_{k}");
        let text = text.replacen("module tiny(", &format!("module {module}("), 1);
        Part { module, text, manifest: &design.manifest, first_input: 0 }
    };
    let parts: Vec<Part> = mutants.iter().enumerate().map(part).collect();
    let formats = model.encoder.formats_of("x");
    let folder = tempfile::tempdir().unwrap();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("simulations");
    let dut = together(&parts, formats.clone(), folder.path(), &cache);
    // Outputs are looked at when the design itself has some, whatever a mutant says.
    let path = folder.path().join("several.v");
    let top = std::fs::read_to_string(&path).unwrap();
    let from = "&valid ? 1'b1 : (|valid) ? 1'bx : 1'b0";
    assert!(top.contains(from));
    std::fs::write(&path, top.replace(from, "valid[0]")).unwrap();
    simulated(&model, &dut, &mutants).finish("folded Verilog mutants", 80);
}

/// How many of the mutants, which stand side by side in `dut`, give a wrong number. The first is none.
fn simulated(model: &QuantizedModel, dut: &Dut, mutants: &[(String, String)]) -> Score {
    let (engine, formats) = (Engine::new(&model.encoder).unwrap(), model.encoder.formats_of("x"));
    // Which mutants give a wrong number anywhere in a run.
    let wrong = |inputs: &Array2<i64>| -> Vec<bool> {
        let wanted = engine.infer_batch(inputs);
        let outputs = simulate(dut, inputs, 0, 0).unwrap().outputs;
        let n = wanted.ncols();
        (0..mutants.len()).map(|k| outputs.slice(ndarray::s![.., k * n..(k + 1) * n]) != wanted).collect()
    };
    // A fifth of what `sluice verify` draws. Of 2000 vectors one that tells a mutant's wrong saturation may be missing.
    let caught = wrong(&stimuli(&formats, 20_000, 1));
    // Every input, after many another one, so that a value of the wrong cycle shows too.
    let all = all_inputs(&formats);
    let mut order: Vec<usize> = (0..all.nrows()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let orders: Vec<Array2<i64>> = (0..4)
        .map(|_| {
            order.shuffle(&mut rng);
            all.select(Axis(0), &order)
        })
        .collect();
    let views: Vec<_> = orders.iter().map(|o| o.view()).collect();
    let differs = wrong(&concatenate(Axis(0), &views).unwrap());
    assert!(!caught[0] && !differs[0], "the design itself is right");
    let mut score = Score::default();
    for (k, (what, _)) in mutants.iter().enumerate().skip(1) {
        score.enter(what.clone(), differs[k] || caught[k], caught[k]);
    }
    score
}

/// The module with one place changed.
pub fn texts(good: &str) -> Vec<(String, String)> {
    let mut made = Vec::new();
    let lines: Vec<&str> = good.lines().collect();
    let with = |i: usize, line: &str, more: &str| {
        let mut all = lines.clone();
        all[i] = line;
        all.join("\n").replace("endmodule", &format!("{more}\nendmodule")) + "\n"
    };
    for (i, line) in lines.iter().enumerate() {
        let trimmed = line.trim();
        if trimmed.starts_with("assign unused_bits") {
            break;
        }
        if trimmed.starts_with("assign ") && trimmed.ends_with(';') {
            made.extend(
                changed(good, line).into_iter().map(|l| (format!("{trimmed} becomes {}", l.trim()), with(i, &l, ""))),
            );
        }
        if let Some((to, from)) = trimmed.strip_suffix(';').and_then(|l| l.split_once(" <= ")) {
            let range = width(good, to).unwrap() - 1;
            let skipped = with(i, "", &format!("always @* {to} = {from};"));
            made.push((format!("register {to} is skipped"), skipped));
            let more = format!("reg [{range}:0] late; always @(posedge clk) late <= {from};");
            made.push((format!("register {to} is doubled"), with(i, &format!("{to} <= late;"), &more)));
            let never = with(i, &format!("{to} <= {from} & ~1'b1;"), "");
            made.push((format!("register {to} loses its lowest bit"), never));
        }
    }
    made
}

#[test]
fn every_mutant_of_the_verilog_is_seen_in_simulation() {
    if !has("verilator") {
        return;
    }
    let model = tiny();
    let graph = hw::compile(&model.encoder, &options()).unwrap();
    let design = verilog::emit(&model, &graph, Interface::Kernel, &options()).unwrap();
    let good = &design.files[0].1;
    let mut mutants = vec![("nothing".to_owned(), good.clone())];
    mutants.extend(texts(good));
    let part = |(k, (_, text)): (usize, &(String, String))| {
        let module = format!("mutant_{k}");
        let text = text.replacen("module tiny(", &format!("module {module}("), 1);
        Part { module, text, manifest: &design.manifest, first_input: 0 }
    };
    let parts: Vec<Part> = mutants.iter().enumerate().map(part).collect();
    let formats = model.encoder.formats_of("x");
    let folder = tempfile::tempdir().unwrap();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("simulations");
    let dut = together(&parts, formats.clone(), folder.path(), &cache);
    simulated(&model, &dut, &mutants).finish("Verilog mutants", 150);
}
