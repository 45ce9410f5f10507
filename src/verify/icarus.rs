//! A second opinion: the same vectors in Icarus Verilog, an event simulator with X, through a generated testbench.
//!
//! Icarus reads the design as strict Verilog-2005 and starts every register at X, so an output that depends on a
//! register's unset start value is noticed here, where Verilator would see a 0.

use std::path::Path;
use std::time::Duration;

use ndarray::Array2;

use crate::dut::Dut;
use crate::error::{Code, Error, Result};
use crate::model::file::write_whole;
use crate::tool::tool;

const HINT: &str = "apt install iverilog";

/// What Icarus runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct IcarusOptions<'a> {
    /// How often each side of a stream is stalled, in percent; the pattern is that of the Verilator run.
    pub stall_percent: u32,
    /// Seed of the stalls.
    pub seed: u64,
    /// Where to write every signal of the design: `.fst` in that format, any other name as VCD.
    pub wave: Option<&'a Path>,
    /// Signals whose bits are read.
    pub probes: &'a [Probe],
    /// After this time it is given up; else after that of all tools.
    pub limit: Option<Duration>,
}

/// A signal inside the design.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its path below the top module.
    pub signal: String,
    /// The cycle after that of the first vector in which it is read; `None`: when the first output vector is there.
    pub cycle: Option<u32>,
}

/// What Icarus saw.
#[derive(Clone, Debug, PartialEq)]
pub struct IcarusRun {
    /// `[sample, output]`, raw integers, read at the promised latency for a kernel.
    pub outputs: Array2<i64>,
    /// One a probe: binary digits, highest first, `x` where undefined; none if its cycle never came.
    pub probes: Vec<String>,
}

/// Runs `inputs` through the design in Icarus Verilog.
///
/// * `inputs`: `[sample, input]`, raw integers within the input formats
///
/// # Errors
/// [`Code::MissingTool`] without Icarus; [`Code::ToolFailed`] if it rejects the design, an output is undefined (X), or a
/// stream gives too few beats.
pub fn icarus(dut: &Dut, inputs: &Array2<i64>, options: &IcarusOptions) -> Result<IcarusRun> {
    dut.check()?;
    let n = inputs.nrows();
    let Beats { bus, probes, .. } = beats(dut, &dut.pack(inputs.view())?, [n; 2], options)?;
    Ok(IcarusRun { outputs: dut.unpack(&bus), probes })
}

/// What came of packed vectors.
pub(super) struct Beats {
    /// `out_words` of the design for each beat.
    pub bus: Vec<u32>,
    /// The bits of the probes.
    pub probes: Vec<String>,
    /// Cycles run.
    pub cycles: u64,
}

/// Runs `n` packed input vectors, of which `m` output beats are to come.
///
/// # Errors
/// Those of [`icarus`].
pub(super) fn beats(dut: &Dut, bus: &[u32], [n, m]: [usize; 2], options: &IcarusOptions) -> Result<Beats> {
    let (compiler, runner) = (tool("iverilog", HINT)?, tool("vvp", HINT)?);
    let folder = tempfile::Builder::new()
        .prefix("sluice-icarus-")
        .tempdir()
        .map_err(|e| Error::io("create a temporary folder in", &std::env::temp_dir(), &e))?;
    if n == 0 {
        return Err(Error::new(Code::DataShape, "there are no vectors to simulate"));
    }
    let words = dut.in_words();
    // $readmemh takes the highest digit first.
    let memory: String =
        bus.chunks(words).map(|row| row.iter().rev().map(|w| format!("{w:08x}")).collect::<String>() + "\n").collect();
    dut.copy_files(folder.path())?;
    let bench = testbench(dut, [n, m], options);
    for (name, text) in
        [("sluice_in.hex", &memory), ("sluice_simtop.v", &dut.wrapper()), ("sluice_testbench.v", &bench)]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, text).map_err(|e| Error::io("write", &path, &e))?;
    }
    let mut args = vec!["-g2005", "-s", "sluice_testbench", "-o", "sim.vvp", "sluice_testbench.v", "sluice_simtop.v"];
    args.extend(dut.sources().map(String::as_str));
    compiler.run(folder.path(), &args)?;
    let kind = wave_kind(options);
    let kind_flag = format!("-{kind}");
    let args = ["-n", "sim.vvp", &kind_flag];
    match options.limit {
        Some(limit) => runner.run_within(folder.path(), &args, limit)?,
        None => runner.run(folder.path(), &args)?,
    };
    if let Some(wave) = options.wave {
        let made = folder.path().join(format!("sluice_wave.{kind}"));
        write_whole(wave, &std::fs::read(&made).map_err(|e| Error::io("read", &made, &e))?)?;
    }
    let read = |name: &str| {
        let path = folder.path().join(name);
        std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, &e))
    };
    let mut probes = vec![String::new(); options.probes.len()];
    for line in read("sluice_probes.txt")?.lines() {
        let found =
            line.trim().split_once(' ').and_then(|(k, bits)| Some((probes.get_mut(k.parse::<usize>().ok()?)?, bits)));
        if let Some((probe, bits)) = found {
            bits.clone_into(probe);
        }
    }
    let cycles = read("sluice_cycles.txt")?.trim().parse().unwrap_or(u64::MAX);
    Ok(Beats { bus: parse(dut, &read("sluice_out.hex")?, m)?, probes, cycles })
}

/// The format of the waveform, which is also what Icarus wants its name to end in.
fn wave_kind(options: &IcarusOptions) -> &'static str {
    let fst = options.wave.is_some_and(|w| w.extension().is_some_and(|e| e == "fst"));
    if fst { "fst" } else { "vcd" }
}

/// Bus words of the `n` lines of hexadecimal digits that the testbench wrote.
fn parse(dut: &Dut, text: &str, n: usize) -> Result<Vec<u32>> {
    let words = dut.out_words();
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() != n {
        return Err(Error::new(
            Code::ToolFailed,
            format!("Icarus saw {} output vectors of `{}`, not {n}", lines.len(), dut.top),
        ));
    }
    let mut bus = Vec::with_capacity(n * words);
    for (sample, line) in lines.iter().enumerate() {
        let line = line.trim();
        for k in 0..words {
            let word = line.len().checked_sub(8 * (k + 1)).and_then(|at| line.get(at..at + 8));
            let word = word.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or_else(|| {
                Error::new(Code::ToolFailed, format!("an output of `{}` is undefined at sample {sample}", dut.top))
                    .at(format!("bus {line}"))
                    .cause("a register is read before it was written, or the latency is larger than promised")
            })?;
            bus.push(word);
        }
    }
    Ok(bus)
}

fn testbench(dut: &Dut, [n, m]: [usize; 2], options: &IcarusOptions) -> String {
    let (p, q) = (32 * dut.in_words(), 32 * dut.out_words());
    let (last, latency, stall, ii) = (n - 1, dut.latency as usize, options.stall_percent, dut.ii as usize);
    // Generous; where frames are sent it is known how many beats there are.
    let most = if dut.frames.is_some() { n * ii + 2 * m } else { n * ii.max(64) };
    let limit = (most + 2 * latency + 1000) * 200 / (100 - stall.min(99)) as usize;
    let body = if dut.axis {
        // As `sluice_stream` in sim/harness.cpp, call for call, so that a seed gives the same stalls.
        format!(
            "    rest = {rest};
    for (c = 0; c < {limit} && rest > 0; c = c + 1) begin
      if (taken >= {m} && sent >= {n}) rest = rest - 1;
      if (!in_valid && sent < {n}) begin
        draw;
        in_valid = percent >= {stall};
      end
      draw;
      out_ready = percent >= {stall};
      din = sent < {n} ? memory[sent < {n} ? sent : {last}] : {{{p}{{1'b0}}}};
      if (!in_valid) din = ~din;
      #1;
      advance;
      if (out_valid === 1'b1 && taken == 0) look;
      if (out_valid === 1'b1 && out_ready) begin
        $fdisplay(file, \"%h\", dout);
        taken = taken + 1;
      end
      accepted = in_valid && in_ready === 1'b1;
      clk = 1; #1; clk = 0;
      if (accepted) begin
        sent = sent + 1;
        in_valid = 0;
      end
    end
",
            // Where frames are sent, what comes after the last beat is one too many.
            rest = if dut.frames.is_some() { 2 * latency + 64 } else { 1 },
        )
    } else if dut.valid.is_some() {
        // Between two vectors the bus is X. An output counts in its cycle only, and one in another cycle is one too many.
        format!(
            "    for (c = 0; c < {total}; c = c + 1) begin
      in_valid = c % {ii} == 0 && c / {ii} < {n};
      din = in_valid ? memory[c / {ii}] : {{{p}{{1'bx}}}};
      #1;
      advance;
      if (c == {latency}) look;
      if (c >= {latency} && (c - {latency}) % {ii} == 0) $fdisplay(file, \"%h\", out_valid === 1'b1 ? dout : {{{q}{{1'bx}}}});
      else if (out_valid !== 1'b0) $fdisplay(file, \"too many\");
      clk = 1; #1; clk = 0;
    end
",
            total = (n - 1) * ii + latency + 1,
        )
    } else {
        format!(
            "    in_valid = 1;
    for (c = 0; c < {total}; c = c + 1) begin
      din = memory[c < {n} ? c : {last}];
      #1;
      advance;
      if (c == {latency}) look;
      if (c >= {latency}) $fdisplay(file, \"%h\", dout);
      clk = 1; #1; clk = 0;
    end
",
            total = n + latency,
        )
    };
    let read = |k: usize, p: &Probe| format!("$fdisplay(probes, \"{k} %b\", top.dut.{});\n", p.signal);
    let (mut look, mut timed) = (String::new(), String::new());
    for (k, probe) in options.probes.iter().enumerate() {
        match probe.cycle {
            None => look += &format!("    {}", read(k, probe)),
            Some(cycle) => timed += &format!("    if (age == {cycle}) {}", read(k, probe)),
        }
    }
    let wave = match options.wave {
        Some(_) => {
            format!("    $dumpfile(\"sluice_wave.{}\");\n    $dumpvars(0, top.dut);\n", wave_kind(options))
        }
        None => String::new(),
    };
    // Inputs are X until the first vector, so nothing that came before it can pass for an answer.
    format!(
        "`timescale 1ns/1ns
module sluice_testbench;
  reg clk, rst, in_valid, out_ready, accepted;
  reg [{pm}:0] din;
  reg [{pm}:0] memory [0:{last}];
  wire [{qm}:0] dout;
  wire in_ready, out_valid;
  reg [63:0] state, z;
  reg [31:0] percent;
  integer c, sent, taken, age, rest, file, probes;
  sluice_simtop top(.clk(clk), .rst(rst), .din(din), .in_valid(in_valid), .in_ready(in_ready),
    .dout(dout), .out_valid(out_valid), .out_ready(out_ready));
  task draw;
  begin
    state = state + 64'h9e3779b97f4a7c15;
    z = (state ^ (state >> 30)) * 64'hbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 64'h94d049bb133111eb;
    z = z ^ (z >> 31);
    percent = z[63:32] % 100;
  end
  endtask
  // Cycles since the first vector was taken.
  task advance;
  begin
    if (age >= 0) age = age + 1;
    else if (in_valid && in_ready === 1'b1) age = 0;
{timed}  end
  endtask
  task look;
  begin
{look}  end
  endtask
  initial begin
    $readmemh(\"sluice_in.hex\", memory);
    file = $fopen(\"sluice_out.hex\", \"w\");
    probes = $fopen(\"sluice_probes.txt\", \"w\");
{wave}    clk = 0; rst = 1; in_valid = 0; out_ready = 1; din = {{{p}{{1'bx}}}}; sent = 0; taken = 0; age = -1;
    state = 64'd{seed};
    for (c = 0; c < 8; c = c + 1) begin
      #1; clk = 1; #1; clk = 0;
    end
    rst = 0;
{body}    $fclose(file);
    file = $fopen(\"sluice_cycles.txt\", \"w\");
    $fdisplay(file, \"%0d\", c);
    $fclose(file);
    $fclose(probes);
    $finish;
  end
endmodule
",
        pm = p - 1,
        qm = q - 1,
        seed = options.seed,
    )
}
