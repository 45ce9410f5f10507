//! Simulation in Verilator: the design and `sim/harness.cpp` become a shared object, loaded and called for many cycles.
//!
//! A kernel takes one vector a cycle, and its output is read exactly the promised number of cycles later: a design that
//! is late or early by one cycle gives the integers of a neighbouring vector. Apart from that the latency is measured
//! from outside by pulses: the inputs rest, one vector passes for a single cycle, and the output moves that much later.

use std::ffi::c_void;
use std::path::{Path, PathBuf};

use libloading::{Library, Symbol};
use ndarray::{Array2, concatenate, s};
use sha2::{Digest, Sha256};

use crate::dut::Dut;
use crate::error::{Code, Error, Result};
use crate::tool::{Tool, tool};
use crate::units::Cycles;

const HARNESS: &str = include_str!("../../sim/harness.cpp");
/// Every C++ file first reads half a second's worth of headers, so there are few; every function is optimised by itself, in
/// more than linear time, so they are short.
const SPLIT: [&str; 4] = ["--output-split", "60000", "--output-split-cfuncs", "500"];
/// How to install what compiles a simulation.
const HINT: &str = "apt install verilator g++ make";
/// Optimisation of code that runs every cycle. For 54,000 adder bits `-O0` saves 2 of 12 seconds of compilation and runs 1.6
/// times as long, `-O2` adds 2 seconds and runs no faster.
const FAST: &str = "OPT_FAST=-O1";
/// Optimisation of code that runs once.
const SLOW: &str = "OPT_SLOW=-O0";
/// Optimisation of Verilator's library.
const GLOBAL: &str = "OPT_GLOBAL=-O1";
/// Highest stall rate accepted, in percent: above it runs get long and prove nothing more.
const MAX_STALL: u32 = 95;
/// Resets in the midst of frames, at other cycles each, before they are looked at.
const RESETS: u64 = 8;
/// Vectors sent with gaps between them.
const GAPPED: usize = 2000;
/// Vectors sent as single pulses to measure the latency of a kernel, at most.
const PROBES: usize = 16;

/// What a simulation gave.
#[derive(Clone, Debug, PartialEq)]
pub struct SimRun {
    /// `[sample, output]`, raw integers.
    pub outputs: Array2<i64>,
    /// Cycles from an input to its first effect on the output, without stalls; `None` if no input moved any output.
    pub latency_measured: Option<Cycles>,
    /// Clock cycles of the run that gave `outputs`.
    pub cycles: u64,
    /// Cycles from one vector to the next, without stalls: how long one vector shows at the output of a kernel, how
    /// often a stream accepts one.
    pub ii_measured: u32,
    /// Version line of Verilator.
    pub tool_version: String,
}

/// Runs `inputs` through the design in Verilator.
///
/// * `inputs`: `[sample, input]`, raw integers within the input formats
/// * `stall_percent`: how often each side of a stream is held, at random from `seed`; 0 for a kernel
///
/// # Errors
/// [`Code::MissingTool`] without Verilator, [`Code::ToolFailed`] if it rejects the design or the stream hangs, loses
/// or adds beats or breaks its protocol; [`Code::Usage`] for impossible stalls.
pub fn simulate(dut: &Dut, inputs: &Array2<i64>, stall_percent: u32, seed: u64) -> Result<SimRun> {
    dut.check()?;
    if stall_percent > if dut.axis { MAX_STALL } else { 0 } {
        return Err(Error::new(Code::Usage, format!("cannot stall `{}` {stall_percent} % of the time", dut.top))
            .cause(if dut.axis { "a stream can be stalled up to 95 %" } else { "a kernel has no ready signal" })
            .hint("lower the stall rate, or emit the design with the axis interface"));
    }
    let verilator = tool("verilator", HINT)?;
    let model = Model::load(dut, &verilator)?;
    let run = match (dut.axis, &dut.valid) {
        (true, _) => stream(dut, &model, inputs, stall_percent, seed),
        (false, Some(_)) => paced(dut, &model, inputs, seed),
        (false, None) => kernel(dut, &model, inputs),
    };
    run.map(|run| SimRun { tool_version: verilator.version, ..run })
}

fn kernel(dut: &Dut, model: &Model, inputs: &Array2<i64>) -> Result<SimRun> {
    let latency = dut.latency as usize;
    let cycles = inputs.nrows() + latency;
    let out = model.run(&dut.pack(inputs.view())?, inputs.nrows(), cycles)?;
    let outputs = dut.unpack(&out).slice(s![latency.., ..]).to_owned();
    let (latency_measured, ii_measured) = pulses(dut, model, inputs, &outputs)?;
    Ok(SimRun { outputs, latency_measured, cycles: cycles as u64, ii_measured, tool_version: String::new() })
}

/// Latency and II of a kernel, seen from outside: first and last cycle in which a one-cycle pulse shows.
///
/// Base and pulses are vectors that gave different outputs: at a corner, ReLU and saturation may hide everything.
fn pulses(dut: &Dut, model: &Model, inputs: &Array2<i64>, outputs: &Array2<i64>) -> Result<(Option<Cycles>, u32)> {
    let rest = 2 * dut.latency as usize + 64;
    let n = inputs.nrows();
    let base = n / 2;
    let other: Vec<usize> = (0..n).filter(|r| outputs.row(*r) != outputs.row(base)).collect();
    let chosen: Vec<usize> = other.iter().copied().step_by(other.len().div_ceil(PROBES).max(1)).collect();
    if chosen.is_empty() {
        return Ok((None, 1));
    }
    let row = |r: usize| inputs.slice(s![r..=r, ..]);
    let hold = row(base).broadcast((rest, inputs.ncols())).map(|b| b.to_owned()).unwrap_or_default();
    let mut parts = vec![hold.view()];
    for r in &chosen {
        parts.extend([row(*r), hold.view()]);
    }
    let drive = concatenate(ndarray::Axis(0), &parts)
        .map_err(|e| Error::new(Code::DataShape, "probe vectors do not fit").cause(e.to_string()))?;
    let words = dut.out_words();
    let bus = model.run(&dut.pack(drive.view())?, drive.nrows(), drive.nrows())?;
    let beat = |cycle: usize| &bus[cycle * words..(cycle + 1) * words];
    let moved: Vec<usize> = (0..chosen.len())
        .map(|probe| rest + probe * (rest + 1))
        .flat_map(|at| (0..rest).filter(move |&after| beat(at + after) != beat(at - 1)))
        .collect();
    let Some((&first, &last)) = moved.iter().min().zip(moved.iter().max()) else { return Ok((None, 1)) };
    Ok((Some(Cycles(first as u32)), (last - first + 1) as u32))
}

/// A kernel that says when its vectors are there: as fast as it promises, then with random gaps between them.
fn paced(dut: &Dut, model: &Model, inputs: &Array2<i64>, seed: u64) -> Result<SimRun> {
    let n = inputs.nrows();
    let bus = dut.pack(inputs.view())?;
    let run = |n: usize, gap: u32| {
        let (out, info) = model.paced(dut, &bus[..n * dut.in_words()], n, gap, seed)?;
        if info.seen != n as u64 || info.wrong != 0 {
            return Err(Error::new(
                Code::ToolFailed,
                format!(
                    "kernel `{}` gave {} outputs for {n} vectors, {} in a wrong cycle",
                    dut.top, info.seen, info.wrong
                ),
            )
            .note("replay", format!("a vector every {} cycles and up to {gap} more, seed {seed}", dut.ii)));
        }
        Ok((dut.unpack(&out), info))
    };
    let (mut outputs, info) = run(n, 0)?;
    // The first vectors suffice to see that nothing counts on the next one's coming in time; what differs is a mismatch.
    let few = n.min(GAPPED);
    let (gapped, _) = run(few, 2 * dut.ii)?;
    for r in (0..few).filter(|r| gapped.row(*r) != outputs.row(*r)).collect::<Vec<_>>() {
        outputs.row_mut(r).assign(&gapped.row(r));
    }
    // Outputs that are all the same would come out in any cycle.
    let moves = outputs.rows().into_iter().any(|row| row != outputs.row(0));
    Ok(SimRun {
        outputs,
        latency_measured: moves.then_some(Cycles(info.first_out as u32)),
        cycles: info.cycles,
        ii_measured: dut.ii,
        tool_version: String::new(),
    })
}

fn stream(dut: &Dut, model: &Model, inputs: &Array2<i64>, stall: u32, seed: u64) -> Result<SimRun> {
    let (bus, info) = model.stream(dut, &dut.pack(inputs.view())?, [inputs.nrows(); 2], stall, seed)?;
    let n = inputs.nrows() as u64;
    let failed = |what: String| {
        Err(Error::new(Code::ToolFailed, format!("stream `{}` {what}", dut.top))
            .note("replay", format!("{n} vectors, stalls {stall} %, seed {seed}, {} cycles", info.cycles)))
    };
    if info.taken != n {
        return failed(format!("gave {} output beats for {n} input beats", info.taken));
    }
    if info.breaches != 0 {
        return failed(format!("dropped tvalid or changed tdata before tready came, {} times", info.breaches));
    }
    // Timing from a run without stalls; the first vectors suffice.
    let few = inputs.slice(s![..inputs.nrows().min(64), ..]);
    let (_, free) = model.stream(dut, &dut.pack(few)?, [few.nrows(); 2], 0, seed)?;
    let latency_measured = free.first_out.checked_sub(free.first_in).map(|l| Cycles(l as u32));
    let steps = few.nrows().saturating_sub(1).max(1) as u64;
    let ii_measured = (free.last_in - free.first_in).div_ceil(steps).max(1) as u32;
    Ok(SimRun {
        outputs: dut.unpack(&bus),
        latency_measured,
        cycles: info.cycles,
        ii_measured,
        tool_version: String::new(),
    })
}

/// What came out of a core that sends frames.
pub(super) struct Beats {
    /// `out_words` of the design for each expected beat.
    pub bus: Vec<u32>,
    /// Beats that came, also beyond those expected.
    pub taken: u64,
    /// How often `tvalid` fell or data changed before `tready`.
    pub breaches: u64,
    /// From the first accepted input to the last.
    pub input_cycles: u64,
    /// What came at the ports of the score: it in 16 bits, above it whether it is over the threshold.
    pub scores: Vec<u32>,
}

/// Runs packed input beats through a core of which `beats` are to come back.
///
/// # Errors
/// Those of [`simulate`].
pub(super) fn frames(dut: &Dut, input: &[u32], [vectors, beats]: [usize; 2], stall: u32, seed: u64) -> Result<Beats> {
    let model = Model::load(dut, &tool("verilator", HINT)?)?;
    let (bus, mut info) = model.stream(dut, input, [vectors, beats], stall, seed)?;
    let scores = std::mem::take(&mut info.side);
    let input_cycles = info.last_in.saturating_sub(info.first_in);
    Ok(Beats { bus, taken: info.taken, breaches: info.breaches, input_cycles, scores })
}

/// When the beats of a stream move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moves {
    /// Cycle in which each input went in.
    pub taken: Vec<u64>,
    /// Cycle in which each output was taken, and whether it ends a packet.
    pub left: Vec<(u64, bool)>,
}

/// Offers inputs to a stream in Verilator when they are due, and notes in which cycles, counted from reset, beats move.
///
/// * `inputs`: packed, as [`Dut::pack`] and [`Dut::mark`] make them
/// * `due`: a cycle for each input, never one before the last
/// * `ready`: whether the output is ready, cycle after cycle; after its end it begins anew
///
/// # Errors
/// Those of [`simulate`]; [`Code::Usage`] if the output is never ready.
pub fn moves(dut: &Dut, inputs: &[u32], due: &[u64], ready: &[bool]) -> Result<Moves> {
    if !ready.contains(&true) || due.is_empty() {
        return Err(Error::new(Code::Usage, "there is nothing to send, or the output is never ready"));
    }
    assert_eq!(inputs.len(), due.len() * dut.in_words());
    // Whole words: the pattern as often as it takes.
    let times = if ready.len().is_multiple_of(64) { 1 } else { 64 };
    let bits: Vec<bool> = ready.iter().copied().cycle().take(ready.len() * times).collect();
    let word = |bits: &[bool]| bits.iter().rev().fold(0u64, |word, bit| word << 1 | u64::from(*bit));
    let ready: Vec<u64> = bits.chunks(64).map(word).collect();
    let model = Model::load(dut, &tool("verilator", HINT)?)?;
    let trace = model.symbol::<Trace>("sluice_trace")?;
    // An event makes a frame of its own at most, of a header, its bits and what fills up.
    let most = due.len() * (dut.frames.map_or(1, |f| 4 + 1024 / f.bits as usize)) + 16;
    let (mut taken, mut left, mut info) = (vec![0u64; due.len()], vec![0u64; most], [0u64; 3]);
    let tail = 4 * u64::from(dut.latency) + 4096 + 2 * bits.len() as u64;
    let (n, words) = (due.len() as u64, ready.len() as u64);
    let (x, d, r) = (inputs.as_ptr(), due.as_ptr(), ready.as_ptr());
    let (t, l, i) = (taken.as_mut_ptr(), left.as_mut_ptr(), info.as_mut_ptr());
    // SAFETY: inputs, `due` and `taken` hold n items, `ready` its words, `left` `most` and `info` three numbers.
    model.with_instance(|h| unsafe { trace(h, x, n, d, r, words, tail, t, l, most as u64, i) })?;
    if info[0] != n {
        return Err(Error::new(Code::ToolFailed, format!("`{}` took {} of {n} events", dut.top, info[0])));
    }
    if info[1] > most as u64 {
        return Err(Error::new(Code::ToolFailed, format!("`{}` gave {} beats for {n} events", dut.top, info[1])));
    }
    left.truncate(info[1] as usize);
    Ok(Moves { taken, left: left.into_iter().map(|l| (l / 2, l % 2 == 1)).collect() })
}

/// What `sluice_paced` counts.
struct PacedInfo {
    seen: u64,
    first_out: u64,
    wrong: u64,
    cycles: u64,
}

/// What `sluice_stream` counts.
struct StreamInfo {
    first_in: u64,
    last_in: u64,
    first_out: u64,
    taken: u64,
    breaches: u64,
    cycles: u64,
    side: Vec<u32>,
}

type New = unsafe extern "C" fn() -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
type Run = unsafe extern "C" fn(*mut c_void, *const u32, u64, *mut u32, u64);
type Paced = unsafe extern "C" fn(*mut c_void, *const u32, u64, *mut u32, u32, u32, u64, u64, u64, *mut u64);
type Stream =
    unsafe extern "C" fn(*mut c_void, *const u32, u64, *mut u32, u64, u32, u64, u64, u64, u32, *mut u32, *mut u64);

type Trace = unsafe extern "C" fn(
    *mut c_void,
    *const u32,
    u64,
    *const u64,
    *const u64,
    u64,
    u64,
    *mut u64,
    *mut u64,
    u64,
    *mut u64,
);

/// A compiled design, loaded.
struct Model {
    code: Library,
    in_words: usize,
    out_words: usize,
    /// Keeps an uncached shared object on disk while it is loaded.
    _folder: Option<tempfile::TempDir>,
}

impl Model {
    fn load(dut: &Dut, verilator: &Tool) -> Result<Model> {
        let mut folder = None;
        let place = match &dut.cache {
            Some(cache) => cache.clone(),
            None => folder.insert(temp_folder(None)?).path().to_owned(),
        };
        let object = build(dut, verilator, &place)?;
        // SAFETY: the object was built from our harness; its initialisers are those of the C++ runtime and Verilator.
        let code = unsafe { Library::new(&object) }.map_err(|e| {
            Error::new(Code::ToolFailed, format!("cannot load `{}`", object.display()))
                .cause(e.to_string())
                .hint("remove the file: it is remade")
        })?;
        Ok(Model { code, in_words: dut.in_words(), out_words: dut.out_words(), _folder: folder })
    }

    fn symbol<T>(&self, name: &str) -> Result<Symbol<'_, T>> {
        // SAFETY: the types above are those of sim/harness.cpp, and the cache key holds its text.
        unsafe { self.code.get(name) }
            .map_err(|e| Error::new(Code::ToolFailed, format!("simulation lacks `{name}`")).cause(e.to_string()))
    }

    /// Calls `f` with a fresh, reset instance.
    fn with_instance<T>(&self, f: impl FnOnce(*mut c_void) -> T) -> Result<T> {
        let (new, free) = (self.symbol::<New>("sluice_new")?, self.symbol::<Free>("sluice_free")?);
        // SAFETY: the handle is used by one thread and freed once.
        let handle = unsafe { new() };
        let result = f(handle);
        unsafe { free(handle) };
        Ok(result)
    }

    /// `cycles` cycles, one of `n` vectors in each, the last one held; returns the output bus of every cycle.
    fn run(&self, input: &[u32], n: usize, cycles: usize) -> Result<Vec<u32>> {
        if n == 0 {
            return Err(Error::new(Code::DataShape, "there are no vectors to simulate"));
        }
        assert_eq!(input.len(), n * self.in_words);
        let mut out = vec![0u32; cycles * self.out_words];
        let run = self.symbol::<Run>("sluice_run")?;
        // SAFETY: the buffers hold n and `cycles` whole bus vectors, as the harness reads and writes.
        self.with_instance(|h| unsafe { run(h, input.as_ptr(), n as u64, out.as_mut_ptr(), cycles as u64) })?;
        Ok(out)
    }

    fn paced(&self, dut: &Dut, input: &[u32], n: usize, gap: u32, seed: u64) -> Result<(Vec<u32>, PacedInfo)> {
        if n == 0 {
            return Err(Error::new(Code::DataShape, "there are no vectors to simulate"));
        }
        assert_eq!(input.len(), n * self.in_words);
        let mut out = vec![0u32; n * self.out_words];
        let mut info = [0u64; 5];
        let latency = u64::from(dut.latency);
        let tail = 2 * latency + u64::from(dut.ii) + 64;
        let paced = self.symbol::<Paced>("sluice_paced")?;
        let (x, y, i) = (input.as_ptr(), out.as_mut_ptr(), info.as_mut_ptr());
        // SAFETY: both buffers hold n whole bus vectors, `info` its five numbers.
        self.with_instance(|h| unsafe { paced(h, x, n as u64, y, dut.ii, gap, seed, latency, tail, i) })?;
        let [seen, first_in, first_out, wrong, cycles] = info;
        Ok((out, PacedInfo { seen, first_out: first_out.wrapping_sub(first_in), wrong, cycles }))
    }

    /// `n` beats in, `m` out; or as many as come, `m` at most, of a core that loses events.
    fn stream(
        &self,
        dut: &Dut,
        input: &[u32],
        [n, m]: [usize; 2],
        stall: u32,
        seed: u64,
    ) -> Result<(Vec<u32>, StreamInfo)> {
        if n == 0 {
            return Err(Error::new(Code::DataShape, "there are no vectors to simulate"));
        }
        assert_eq!(input.len(), n * self.in_words);
        let mut out = vec![0u32; m * self.out_words];
        let mut side = vec![0u32; n];
        let mut info = [0u64; 7];
        let tail = 2 * u64::from(dut.latency) + 64;
        // Generous: an II of 64 with both sides stalled still ends by itself; a hang stops here.
        let limit = (n.max(m) as u64 * u64::from(dut.ii.max(64)) + 1000 + tail) * 200 / u64::from(100 - stall) + tail;
        let stream = self.symbol::<Stream>("sluice_stream")?;
        let reset = self.symbol::<Free>("sluice_reset")?;
        let loses = u32::from(dut.frames.is_some_and(|f| f.drop));
        let (x, y, s, i) = (input.as_ptr(), out.as_mut_ptr(), side.as_mut_ptr(), info.as_mut_ptr());
        let (n, m) = (n as u64, m as u64);
        // A core that sends frames is reset in the midst of them first, several times.
        let cuts = if dut.frames.is_some() { RESETS } else { 0 };
        let cut = |k: u64| limit.min(64 + u64::from(dut.latency) + 31 * k + (n / 3).min(2000));
        // SAFETY: the buffers hold n and m whole bus vectors, `side` n words and `info` its seven numbers.
        self.with_instance(|h| unsafe {
            for k in 0..cuts {
                stream(h, x, n, y, m, stall, seed ^ (k + 1), cut(k), tail, loses, s, i);
                reset(h);
            }
            stream(h, x, n, y, m, stall, seed, limit, tail, loses, s, i);
        })?;
        let [first_in, last_in, first_out, taken, breaches, cycles, sides] = info;
        // One too many is a difference, whatever it is.
        side.resize(sides as usize, u32::MAX);
        Ok((out, StreamInfo { first_in, last_in, first_out, taken, breaches, cycles, side }))
    }
}

fn temp_folder(inside: Option<&Path>) -> Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("sluice-sim-");
    match inside {
        Some(place) => builder.tempdir_in(place),
        None => builder.tempdir(),
    }
    .map_err(|e| Error::io("create a temporary folder in", inside.unwrap_or(&std::env::temp_dir()), &e))
}

/// The shared object of the design in `cache`, compiled unless the same one is there.
fn build(dut: &Dut, verilator: &Tool, cache: &Path) -> Result<PathBuf> {
    let wrapper = dut.wrapper();
    let last_bit = dut.frames.map_or(-1, |f| (f.bits + f.bits / 8) as i32);
    let params = format!(
        "#define SLUICE_IN_WORDS {}\n#define SLUICE_OUT_WORDS {}\n#define SLUICE_LAST_BIT ({last_bit})\n",
        dut.in_words(),
        dut.out_words()
    );
    let mut hash = Sha256::new();
    let mut feed = |bytes: &[u8]| {
        // With its length before it, no part can pass for the end of another.
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for text in [HARNESS, &wrapper, &params, &verilator.version, std::env::consts::ARCH] {
        feed(text.as_bytes());
    }
    for name in &dut.files {
        let path = dut.folder.join(name);
        let bytes = std::fs::read(&path).map_err(|e| Error::io("read", &path, &e))?;
        feed(name.as_bytes());
        feed(&bytes);
    }
    let key: String = hash.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect();
    let object = cache.join(format!("{}-{key}.so", dut.top));
    if object.is_file() {
        return Ok(object);
    }
    std::fs::create_dir_all(cache).map_err(|e| Error::io("create", cache, &e))?;
    // Built beside its place and renamed: an interrupted run leaves no half object, and two at once do no harm.
    let folder = temp_folder(Some(cache))?;
    dut.copy_files(folder.path())?;
    for (name, text) in [("sluice_simtop.v", wrapper.as_str()), ("harness.cpp", HARNESS), ("sluice_params.h", &params)]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, text).map_err(|e| Error::io("write", &path, &e))?;
    }
    let place = |e: Error| e.at(dut.folder.display().to_string());
    let mut args: Vec<&str> = vec!["--cc", "--exe", "-O3", "-Wno-fatal", "-Wno-lint", "-Wno-style"];
    args.extend(["--top-module", "sluice_simtop", "--Mdir", "obj"]);
    args.extend(SPLIT);
    // The harness is compiled inside obj/, the generated header lies one folder up.
    args.extend(["-CFLAGS", "-fPIC -I..", "-LDFLAGS", "-shared", "-o", "model.so"]);
    args.extend(["harness.cpp", "sluice_simtop.v"]);
    args.extend(dut.sources().map(String::as_str));
    verilator.run(folder.path(), &args).map_err(place)?;
    let made = folder.path().join("obj");
    let runtime = Runtime::of(verilator, cache);
    runtime.fetch(&made)?;
    tool("make", HINT)?.run(&made, &["-f", "Vsluice_simtop.mk", "-j", "2", FAST, SLOW, GLOBAL]).map_err(place)?;
    runtime.keep(&made)?;
    let made = made.join("model.so");
    std::fs::rename(&made, &object).map_err(|e| Error::io("rename", &made, &e))?;
    Ok(object)
}

/// Verilator's own C++ library, compiled: the same for every design, and most of the work for a small one.
struct Runtime(PathBuf);

impl Runtime {
    fn of(verilator: &Tool, cache: &Path) -> Runtime {
        let mut hash = Sha256::new();
        for text in [verilator.version.as_str(), SLOW, GLOBAL, std::env::consts::ARCH] {
            hash.update(text);
        }
        let key: String = hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect();
        Runtime(cache.join(format!("verilator-{key}")))
    }

    /// Copies what is kept to `build`, newer than its sources, so that `make` leaves it alone.
    fn fetch(&self, build: &Path) -> Result<()> {
        self.copy(&self.0, build)
    }

    /// Keeps the objects of a finished build, unless somebody has.
    fn keep(&self, build: &Path) -> Result<()> {
        if self.0.is_dir() {
            return Ok(());
        }
        let folder = temp_folder(self.0.parent())?;
        self.copy(build, folder.path())?;
        // Another run may have come first: its objects are as good.
        let _ = std::fs::rename(folder.path(), &self.0);
        Ok(())
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let Ok(entries) = std::fs::read_dir(from) else { return Ok(()) };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("verilated") && name.ends_with(".o") {
                std::fs::copy(entry.path(), to.join(&name)).map_err(|e| Error::io("copy", &entry.path(), &e))?;
            }
        }
        Ok(())
    }
}
