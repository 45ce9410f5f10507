//! A second opinion: the same vectors in Icarus Verilog, an event simulator with X, through a generated testbench.
//!
//! Icarus reads the design as strict Verilog-2005 and starts every register at X, so an output that depends on a
//! register's unset start value is noticed here, where Verilator would see a 0.

use ndarray::Array2;

use super::tool::tool;
use super::wrap::Dut;
use crate::error::{Code, Error, Result};

const HINT: &str = "apt install iverilog";

/// Runs `inputs` through the design in Icarus Verilog, without stalls.
///
/// * `inputs`: `[sample, input]`, raw integers within the input formats
/// * returns: `[sample, output]`, raw integers, read at the promised latency for a kernel
///
/// # Errors
/// [`Code::MissingTool`] without Icarus; [`Code::ToolFailed`] if it rejects the design, an output is undefined (X), or a
/// stream gives too few beats.
pub fn icarus(dut: &Dut, inputs: &Array2<i64>) -> Result<Array2<i64>> {
    dut.check()?;
    let (compiler, runner) = (tool("iverilog", HINT)?, tool("vvp", HINT)?);
    let folder = tempfile::Builder::new()
        .prefix("sluice-icarus-")
        .tempdir()
        .map_err(|e| Error::io("create a temporary folder in", &std::env::temp_dir(), &e))?;
    let n = inputs.nrows();
    if n == 0 {
        return Err(Error::new(Code::DataShape, "there are no vectors to simulate"));
    }
    let words = dut.in_words();
    let bus = dut.pack(inputs.view())?;
    // $readmemh takes the highest digit first.
    let memory: String =
        bus.chunks(words).map(|row| row.iter().rev().map(|w| format!("{w:08x}")).collect::<String>() + "\n").collect();
    dut.copy_files(folder.path())?;
    for (name, text) in
        [("sluice_in.hex", &memory), ("sluice_simtop.v", &dut.wrapper()), ("sluice_testbench.v", &testbench(dut, n))]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, text).map_err(|e| Error::io("write", &path, &e))?;
    }
    let mut args = vec!["-g2005", "-s", "sluice_testbench", "-o", "sim.vvp", "sluice_testbench.v", "sluice_simtop.v"];
    args.extend(dut.sources().map(String::as_str));
    compiler.run(folder.path(), &args)?;
    runner.run(folder.path(), &["-n", "sim.vvp"])?;
    let path = folder.path().join("sluice_out.hex");
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, &e))?;
    Ok(dut.unpack(&parse(dut, &text, n)?))
}

/// Bus words of the `n` lines of hexadecimal digits that the testbench wrote.
fn parse(dut: &Dut, text: &str, n: usize) -> Result<Vec<u32>> {
    let words = dut.out_words();
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() != n {
        return Err(Error::new(
            Code::ToolFailed,
            format!("Icarus saw {} output vectors of `{}` for {n} inputs", lines.len(), dut.top),
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

fn testbench(dut: &Dut, n: usize) -> String {
    let (p, q) = (32 * dut.in_words(), 32 * dut.out_words());
    let limit = n * 64 + 2 * dut.latency as usize + 1000;
    let body = if dut.axis {
        format!(
            "    for (c = 0; c < {limit} && taken < {n}; c = c + 1) begin
      in_valid = sent < {n};
      din = memory[sent < {n} ? sent : {last}];
      #1;
      if (out_valid === 1'b1) begin
        $fdisplay(file, \"%h\", dout);
        taken = taken + 1;
      end
      if (in_valid && in_ready === 1'b1) sent = sent + 1;
      clk = 1; #1; clk = 0;
    end
",
            last = n - 1
        )
    } else {
        format!(
            "    in_valid = 1;
    for (c = 0; c < {total}; c = c + 1) begin
      din = memory[c < {n} ? c : {last}];
      #1;
      if (c >= {latency}) $fdisplay(file, \"%h\", dout);
      clk = 1; #1; clk = 0;
    end
",
            total = n + dut.latency as usize,
            last = n - 1,
            latency = dut.latency
        )
    };
    // Inputs are X until the first vector, so nothing that came before it can pass for an answer.
    // `sent` moves after the sampling and before the edge: the wrapper's inputs must not change until clk is low again,
    // so they are assigned only at the top of the loop.
    format!(
        "module sluice_testbench;
  reg clk, rst, in_valid, out_ready;
  reg [{pm}:0] din;
  reg [{pm}:0] memory [0:{nm}];
  wire [{qm}:0] dout;
  wire in_ready, out_valid;
  integer c, sent, taken, file;
  sluice_simtop top(.clk(clk), .rst(rst), .din(din), .in_valid(in_valid), .in_ready(in_ready),
    .dout(dout), .out_valid(out_valid), .out_ready(out_ready));
  initial begin
    $readmemh(\"sluice_in.hex\", memory);
    file = $fopen(\"sluice_out.hex\", \"w\");
    clk = 0; rst = 1; in_valid = 0; out_ready = 1; din = {{{p}{{1'bx}}}}; sent = 0; taken = 0;
    for (c = 0; c < 8; c = c + 1) begin
      #1; clk = 1; #1; clk = 0;
    end
    rst = 0;
{body}    $fclose(file);
    $finish;
  end
endmodule
",
        pm = p - 1,
        qm = q - 1,
        nm = n - 1
    )
}
