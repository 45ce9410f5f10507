//! The hand-written modules of `hdl/`: what they promise is proved, and every small fault in them is found.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ndarray::Array2;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sluice::dut::Dut;
use sluice::link::{LearnOptions, Link};
use sluice::model::QuantizedModel;
use sluice::reference::Engine;
use sluice::verify::{Marks, Sender, VerifyOptions, varied_marks};

use super::frames::{emitted, events, formats, identity, learned};
use super::has;

/// A primitive whose properties are in `hdl/formal/`: parameters, and how far the proof goes.
struct Proof {
    name: &'static str,
    parameters: &'static str,
    reach: Reach,
}

#[derive(Clone, Copy, PartialEq)]
enum Reach {
    /// For ever, by induction over so many cycles at most.
    Ever(u32),
    /// The same, of two clocks whose edges come at any time.
    Clocks(u32),
    /// So many cycles from reset.
    Cycles(u32),
}

const PROOFS: [Proof; 20] = [
    Proof { name: "link_fifo", parameters: "-set WIDTH 3 -set DEPTH_LOG2 2", reach: Reach::Ever(12) },
    Proof { name: "link_fifo", parameters: "-set WIDTH 3 -set DEPTH_LOG2 2 -set LUT_RAM 1", reach: Reach::Ever(12) },
    Proof {
        name: "link_store",
        parameters: "-set WIDTH 3 -set DEPTH_LOG2 2 -set LUT_RAM 1 -set BANK_LOG2 1",
        reach: Reach::Ever(12),
    },
    Proof { name: "link_store", parameters: "-set WIDTH 3 -set DEPTH_LOG2 2", reach: Reach::Ever(12) },
    Proof { name: "skid_buffer", parameters: "-set WIDTH 3", reach: Reach::Ever(12) },
    Proof { name: "link_cross", parameters: "-set WIDTH 2 -set DEPTH_LOG2 2", reach: Reach::Clocks(8) },
    Proof { name: "link_gather", parameters: "-set BEAT 2 -set BEATS 4", reach: Reach::Ever(8) },
    Proof { name: "link_gather", parameters: "-set BEAT 2 -set BEATS 3", reach: Reach::Ever(8) },
    // Chunks that do not fit, and that all do.
    Proof {
        name: "link_fixed",
        parameters: "-set FRAME 96 -set CHUNK 33 -set BITS_LOG2 6 -set LINK 165",
        reach: Reach::Ever(6),
    },
    Proof {
        name: "link_fixed",
        parameters: "-set FRAME 96 -set CHUNK 31 -set BITS_LOG2 5 -set LINK 165",
        reach: Reach::Ever(6),
    },
    Proof {
        name: "link_registers",
        parameters: "-set VERSION 7 -set LINK 9 -set THRESHOLD 300",
        reach: Reach::Ever(4),
    },
    Proof { name: "link_check", parameters: "-set OUT_LOG2 6", reach: Reach::Ever(8) },
    // Frames of one to three events, of one and two words.
    Proof {
        name: "link_pack",
        parameters: "-set WORD_LOG2 5 -set BITS_LOG2 5 -set CHUNK 17 -set LIMIT_LOG2 6 -set FRAME_EVENTS 3 -set MARK 2",
        reach: Reach::Cycles(12),
    },
    Proof {
        name: "link_pack",
        parameters: "-set WORD_LOG2 6 -set BITS_LOG2 6 -set CHUNK 40 -set LIMIT_LOG2 7 -set FRAME_EVENTS 1 -set MARK 2",
        reach: Reach::Cycles(9),
    },
    // Words of four beats, of two and of one; a header of four beats, of two, and of half a beat.
    Proof {
        name: "link_frame",
        parameters: "-set OUT_LOG2 5 -set WORD_LOG2 7 -set UNIT_BITS 4",
        reach: Reach::Cycles(12),
    },
    Proof {
        name: "link_frame",
        parameters: "-set OUT_LOG2 5 -set WORD_LOG2 6 -set UNIT_BITS 4",
        reach: Reach::Cycles(12),
    },
    Proof {
        name: "link_frame",
        parameters: "-set OUT_LOG2 6 -set WORD_LOG2 7 -set UNIT_BITS 4",
        reach: Reach::Cycles(10),
    },
    Proof {
        name: "link_frame",
        parameters: "-set OUT_LOG2 8 -set WORD_LOG2 9 -set UNIT_BITS 4",
        reach: Reach::Cycles(8),
    },
    Proof { name: "link_crc", parameters: "-set OUT_LOG2 6", reach: Reach::Cycles(12) },
    Proof { name: "link_crc", parameters: "-set OUT_LOG2 5", reach: Reach::Cycles(10) },
];

fn hdl(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hdl").join(name)
}

/// Whether Yosys proves the properties of a module's text. `None` if it cannot read it.
fn proved(proof: &Proof, text: &str) -> Option<bool> {
    let folder = tempfile::tempdir().unwrap();
    let name = proof.name;
    let properties = std::fs::read_to_string(hdl(&format!("formal/{name}.sv"))).unwrap();
    let body = text.trim_end().strip_suffix("endmodule").unwrap();
    std::fs::write(folder.path().join("m.sv"), format!("{body}{properties}endmodule\n")).unwrap();
    let (clocks, how) = match proof.reach {
        Reach::Ever(cycles) => ("async2sync", format!("-maxsteps {cycles}")),
        Reach::Clocks(cycles) => ("clk2fflogic", format!("-maxsteps {cycles}")),
        Reach::Cycles(cycles) => ("async2sync", format!("-tempinduct-baseonly -maxsteps {cycles}")),
    };
    let script = format!(
        "read_verilog -formal -sv m.sv; chparam {} {name}; prep -top {name}; memory_map; {clocks}; dffunmap; opt; \
         sat -tempinduct -prove-asserts -set-assumes {how} {name}",
        proof.parameters
    );
    let out = Command::new("yosys").args(["-p", &script]).current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    if !out.status.success() {
        return None;
    }
    let verdict = match proof.reach {
        Reach::Cycles(cycles) => format!("proved base case for {cycles} steps: SUCCESS!"),
        _ => "Induction step proven: SUCCESS!".to_owned(),
    };
    Some(said.contains(&verdict))
}

#[test]
fn what_the_primitives_promise_is_proved() {
    if !has("yosys") {
        return;
    }
    PROOFS.par_iter().for_each(|proof| {
        let text = std::fs::read_to_string(hdl(&format!("{}.v", proof.name))).unwrap();
        assert_eq!(proved(proof, &text), Some(true), "{}", proof.name);
    });
}

/// The texts of a module with one operator or constant changed.
fn mutants(text: &str) -> Vec<(String, String)> {
    const CHANGES: [(&str, &str); 14] = [
        (" & ", " | "),
        (" | ", " & "),
        (" ^ ", " & "),
        ("~", ""),
        (" + ", " - "),
        (" - ", " + "),
        (" == ", " != "),
        (" != ", " == "),
        (" < ", " > "),
        ("1'b0", "1'b1"),
        ("1'b1", "1'b0"),
        (" ? ", " == 0 ? "),
        ("{1'b0, ", "{1'b1, "),
        ("|", "&"),
    ];
    let start = text.find(");").unwrap();
    let mut made = Vec::new();
    for (from, into) in CHANGES {
        for (at, _) in text[start..].match_indices(from) {
            let at = start + at;
            let line = text[..at].matches('\n').count();
            let whole = text.lines().nth(line).unwrap();
            // Words, not code; what is 0 in any width; a loop that a compiler would never leave.
            let words = text[..at].rfind("//").is_some_and(|c| !text[c..at].contains('\n'));
            let width = text[..at].rfind("{(").is_some_and(|c| !text[c..at].contains(')'));
            if words || width || ["localparam", "for (", "unused = "].iter().any(|w| whole.contains(w)) {
                continue;
            }
            if from == "|" && !text[at - 1..].starts_with("(|") {
                continue;
            }
            let changed = format!("{}{into}{}", &text[..at], &text[at + from.len()..]);
            made.push((format!("{}: `{}` with `{from}` as `{into}`", line + 1, whole.trim()), changed));
        }
    }
    made
}

/// Mutants that do what the original does, and why.
const EQUIVALENT: [(&str, &str); 0] = [];

/// A core in which the primitives are tried.
struct Bench {
    _folder: tempfile::TempDir,
    dut: Dut,
    link: Link,
    sent: Array2<i64>,
    marks: Marks,
}

impl Bench {
    fn new(model: &QuantizedModel, bits: u32, n: usize, options: &LearnOptions, frame_limit_log2: u32) -> Self {
        let formats = formats();
        let link = Link { frame_limit_log2, ..learned(&formats, &events(1000, &formats, 6), options) };
        let folder = tempfile::tempdir().unwrap();
        let dut = emitted(model, &link, bits, 1, folder.path());
        Bench { dut, link, sent: events(n, &formats, 9), marks: varied_marks(n), _folder: folder }
    }

    /// The cycles in which a primitive's text gives the frames of the software; `None` if it gives others.
    fn cycles(&self, engine: &Engine, name: &str, text: &str, stall_percent: u32) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        for file in &self.dut.files {
            std::fs::copy(self.dut.folder.join(file), folder.path().join(file)).unwrap();
        }
        std::fs::write(folder.path().join(format!("{name}.v")), text).unwrap();
        let dut = Dut { folder: folder.path().to_owned(), ..self.dut.clone() };
        let options = VerifyOptions { stall_percent, seed: 3, icarus: 0 };
        // A change may close a loop in which the simulator turns for ever.
        let limit = Some(Duration::from_secs(20));
        let sender = Sender { dut: &dut, link: &self.link, engine };
        sender.in_icarus(&self.sent, &self.marks, options, limit).ok()?.ok()
    }
}

/// Whether the bench of a primitive alone passes with this text.
fn bench_passes(name: &str, text: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(format!("{name}.v")), text).unwrap();
    let bench = hdl(&format!("../sim/primitives/{name}_tb.v"));
    let built = Command::new("iverilog")
        .args(["-g2005", "-o", "t", "-s", &format!("{name}_tb"), &format!("{name}.v")])
        .arg(bench)
        .arg("-y")
        .arg(hdl(""))
        .current_dir(folder.path())
        .output()
        .unwrap();
    // A change may close a loop in which the simulator turns for ever.
    let run = || Command::new("timeout").args(["60", "vvp", "-n", "t"]).current_dir(folder.path()).output().unwrap();
    let said = |out: std::process::Output| String::from_utf8_lossy(&out.stdout).into_owned();
    built.status.success() && Some(said(run())).is_some_and(|s| s.contains("PASS") && !s.contains("FAIL"))
}

#[test]
fn every_mutant_of_the_primitives_is_found_by_proof_or_simulation() {
    if !has("yosys") || !has("iverilog") {
        return;
    }
    let model = identity(&formats());
    let engine = Engine::new(&model.encoder).unwrap();
    let options = |prefix, frame_events| LearnOptions {
        prefix,
        frame_events,
        longest: 9,
        zero_suppression: Some(false),
        ..Default::default()
    };
    let benches = [
        Bench::new(&model, 64, 150, &options(true, 5), 9),
        Bench::new(&model, 256, 150, &options(true, 40), 9),
        // Slower than its input: the memory fills.
        Bench::new(&model, 32, 700, &options(false, 1000), 10),
        Bench::new(&model, 128, 100, &options(true, 1), 12),
    ];
    let in_core = ["link_fifo", "link_store", "link_pack", "link_frame", "link_crc"];
    let alone = ["skid_buffer", "link_cross", "link_gather", "link_fixed", "link_registers", "link_check"];
    let names = in_core.iter().chain(&alone).copied();
    let mut all: Vec<(&str, String, String)> = Vec::new();
    for name in names.clone() {
        let text = std::fs::read_to_string(hdl(&format!("{name}.v"))).unwrap();
        all.extend(mutants(&text).into_iter().map(|(what, text)| (name, what, text)));
    }
    let fifo = std::fs::read_to_string(hdl("link_fifo.v")).unwrap();
    // As fast as the original, or faster: a fault may cost no more than time.
    assert!(names.clone().all(|name| bench_passes(name, &std::fs::read_to_string(hdl(&format!("{name}.v"))).unwrap())));
    let runs: Vec<(&Bench, u32, u64)> = benches
        .iter()
        .flat_map(|bench| {
            [40, 0].map(|stall| (bench, stall, bench.cycles(&engine, "link_fifo", &fifo, stall).unwrap()))
        })
        .collect();
    let found = all.len();
    all.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
    let most = std::env::var("MUTANTS").map_or(64, |n| n.parse().unwrap());
    all.truncate(most);
    let survives = |(name, what, text): &&(&str, String, String)| {
        if EQUIVALENT.iter().any(|(of, line)| of == name && what.contains(line)) {
            return false;
        }
        // Induction is quick, and a bounded proof is asked about what simulation does not see.
        let by_proof = |bounded: bool| {
            let mut proofs =
                PROOFS.iter().filter(|p| p.name == *name && matches!(p.reach, Reach::Cycles(_)) == bounded);
            proofs.any(|p| proved(p, text) != Some(true))
        };
        let same = |(bench, stall, cycles): &(&Bench, u32, u64)| {
            bench.cycles(&engine, name, text, *stall).is_some_and(|found| found <= *cycles)
        };
        let in_core = || !in_core.contains(name) || runs.iter().all(same);
        !by_proof(false) && bench_passes(name, text) && in_core() && !by_proof(true)
    };
    let survivors: Vec<String> =
        all.par_iter().filter(survives).map(|(name, what, _)| format!("{name}.v {what}")).collect();
    println!("{} of {found} mutants tried, {} survive", all.len(), survivors.len());
    assert!(survivors.is_empty(), "{survivors:#?}");
    assert!(all.len() >= 60);
}
