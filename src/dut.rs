//! The design under test, its buses, and the wrapper that gives every design the same ports.
//!
//! ```text
//! sluice_simtop: clk rst din[P] in_valid -> in_ready, dout[Q] out_valid <- out_ready, side[32] side_valid
//!                 element i of a vector lies at din[i * in_width +: in_width]; P, Q padded to whole words
//!                 side: the score of an event in 16 bits, above it whether it is over the threshold; 0 without a score
//! ```

use std::fmt::Write;
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2};

use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::verilog::{DesignManifest, Interface, Pixels};

/// Bits of `tuser` of a core that sends frames: the bunch crossing.
pub(crate) const USER_BITS: usize = 16;

/// A reset input of the design.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Name of the port.
    pub port: String,
    /// Whether 0 means reset.
    pub active_low: bool,
}

/// A core that sends frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frames {
    /// Bits of an output beat.
    pub bits: u32,
    /// Bits of an input beat, and how many a vector has, if it comes in several.
    pub input: Option<(u32, u32)>,
    /// Whether events may be lost.
    pub drop: bool,
    /// Bits of the port `score` and its threshold, if it has one.
    pub score: Option<(u32, u16)>,
}

/// A design to simulate or synthesize: its files, ports and number formats.
#[derive(Clone, Debug, PartialEq)]
pub struct Dut {
    /// Folder that holds the files.
    pub folder: PathBuf,
    /// Verilog files, and memory files they read, relative to `folder`.
    pub files: Vec<String>,
    /// Name of the top module.
    pub top: String,
    /// Clock port.
    pub clock: String,
    /// Reset port, if there is one.
    pub reset: Option<Reset>,
    /// Flat input bus of a kernel; for a stream the prefix before `_tdata`, `_tvalid`, `_tready`.
    pub input_port: String,
    /// Flat output bus of a kernel; for a stream the prefix, as above.
    pub output_port: String,
    /// Ports of a kernel that say in which cycle a vector is on the input and new on the output bus; `None` if one is in
    /// every cycle, and for a stream.
    pub valid: Option<(String, String)>,
    /// How the pixels of a vector follow each other on the input bus; `None` if the bus holds a whole vector.
    pub pixels: Option<Pixels>,
    /// Whether the ports are AXI4-Stream, one whole vector a beat.
    pub axis: bool,
    /// Other input ports with the Verilog constant they get, for example `("s_axis_tlast", "1'b1")`.
    pub ties: Vec<(String, String)>,
    /// Bits of one input element on the bus.
    pub in_width: u32,
    /// Bits of one output element on the bus.
    pub out_width: u32,
    /// One format per input.
    pub input_formats: Vec<QFormat>,
    /// One format per output.
    pub output_formats: Vec<QFormat>,
    /// What it is, if it is a core that codes and frames what its kernel gives: its input has `tuser` and `tlast`, its output
    /// `tkeep` and `tlast`.
    pub frames: Option<Frames>,
    /// Whether it has multipliers that are meant for DSP slices.
    pub dsp: bool,
    /// Promised latency in clock cycles.
    pub latency: u32,
    /// Promised cycles from one vector to the next.
    pub ii: u32,
    /// Where compiled simulations are kept; without it each run compiles anew.
    pub cache: Option<PathBuf>,
}

impl Dut {
    /// An emitted design; compiled simulations are kept in `cache`.
    pub fn emitted(folder: &Path, manifest: &DesignManifest, cache: Option<PathBuf>) -> Self {
        Dut {
            folder: folder.to_owned(),
            files: manifest.files.clone(),
            top: manifest.top.clone(),
            clock: manifest.clock.clone(),
            reset: manifest.reset.clone().map(|port| Reset { port, active_low: true }),
            input_port: manifest.input_port.clone(),
            output_port: manifest.output_port.clone(),
            valid: manifest.input_valid.clone().zip(manifest.output_valid.clone()),
            pixels: manifest.pixels,
            axis: manifest.interface == Interface::Axis,
            ties: Vec::new(),
            in_width: manifest.in_width,
            out_width: manifest.out_width,
            input_formats: manifest.input_formats.clone(),
            output_formats: manifest.output_formats.clone(),
            frames: None,
            dsp: manifest.dsp() > 0,
            latency: manifest.latency_cycles.0,
            ii: manifest.ii,
            cache,
        }
    }

    /// The core around an emitted kernel that codes and frames what it gives; `None` without one.
    pub fn framed(folder: &Path, manifest: &DesignManifest, cache: Option<PathBuf>) -> Option<Self> {
        let link = manifest.link.as_ref()?;
        Some(Dut {
            top: link.top.clone(),
            clock: "aclk".to_owned(),
            reset: Some(Reset { port: "aresetn".to_owned(), active_low: true }),
            input_port: "s_axis_tdata".to_owned(),
            output_port: "m_axis_tdata".to_owned(),
            valid: None,
            axis: true,
            frames: Some(Frames {
                bits: link.output_bits,
                input: link.options.input_bits.map(|bits| (bits, link.input_beats)),
                drop: link.options.drop,
                score: link.score.map(|score| (score.bits, score.threshold)),
            }),
            ties: link.ties(),
            dsp: manifest.dsp() > 0 || link.multipliers > 0,
            latency: link.latency_cycles.0,
            ii: link.ii,
            ..Dut::emitted(folder, manifest, cache)
        })
    }

    /// Bits of a whole input vector, with what comes beside it: `tuser` of 16 bits and `tlast` above it.
    pub fn in_bits(&self) -> usize {
        self.in_width as usize * self.input_formats.len() + if self.frames.is_some() { USER_BITS + 1 } else { 0 }
    }

    /// Bits of the input bus.
    pub fn port_bits(&self) -> usize {
        self.pixels.map_or(self.in_bits(), |p| self.in_width as usize * p.channels as usize)
    }

    /// Bits of the whole output bus.
    pub fn out_bits(&self) -> usize {
        match self.frames {
            Some(Frames { bits, .. }) => (bits + bits / 8 + 1) as usize,
            None => self.out_width as usize * self.output_formats.len(),
        }
    }

    /// 32-bit words of the input bus as simulated.
    pub(crate) fn in_words(&self) -> usize {
        padded_words(self.in_bits())
    }

    /// 32-bit words of the output bus as simulated.
    pub(crate) fn out_words(&self) -> usize {
        padded_words(self.out_bits())
    }

    /// The files a Verilog tool reads, in order.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &String> {
        self.files.iter().filter(|name| name.ends_with(".v") || name.ends_with(".sv"))
    }

    /// Checks that the buses hold the formats and that there is something to run.
    pub(crate) fn check(&self) -> Result<()> {
        let bad = |what: &str| {
            Err(Error::new(Code::Design, format!("design `{}`: {what}", self.top))
                .at(self.folder.display().to_string()))
        };
        if self.input_formats.is_empty() || self.output_formats.is_empty() {
            return bad("it has no inputs or no outputs");
        }
        if self.sources().next().is_none() {
            return bad("no file of it ends in .v or .sv");
        }
        for (width, formats) in [(self.in_width, &self.input_formats), (self.out_width, &self.output_formats)] {
            if width > QFormat::MAX_WIDTH || formats.iter().any(|f| f.width > width) {
                return bad(&format!("bus elements of {width} bits do not hold its formats"));
            }
        }
        if self.ii == 0 || (self.ii > 1 && !self.axis && self.valid.is_none()) {
            return bad(&format!("a kernel with an II of {} needs ports that say when a vector is there", self.ii));
        }
        if self.pixels.is_some_and(|p| {
            let elements = u64::from(p.rows) * u64::from(p.columns) * u64::from(p.channels);
            elements != self.input_formats.len() as u64 || p.row_pitch < p.columns || self.valid.is_none()
        }) {
            return bad("its pixels are not its inputs");
        }
        // A name is pasted into Verilog: keep it to what emission makes.
        let names = [&self.top, &self.clock, &self.input_port, &self.output_port];
        let valid = self.valid.iter().flat_map(|(input, output)| [input, output]);
        if names
            .into_iter()
            .chain(valid)
            .any(|n| n.is_empty() || !n.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        {
            return bad("a module or port name is not a plain Verilog identifier");
        }
        Ok(())
    }

    /// Copies the design's files to `to`, with the same relative names: some tools see only their working folder.
    pub(crate) fn copy_files(&self, to: &Path) -> Result<()> {
        for name in &self.files {
            let (from, to) = (self.folder.join(name), to.join(name));
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, &e))?;
            }
            std::fs::copy(&from, &to).map_err(|e| Error::io("read", &from, &e))?;
        }
        Ok(())
    }

    /// The port connections that every instance has: clock, reset (to `reset`, high means reset) and ties.
    pub(crate) fn common_ports(&self, clock: &str, reset: &str) -> String {
        let mut ports = format!(".{}({clock})", self.clock);
        if let Some(r) = &self.reset {
            let _ = write!(ports, ", .{}({}{reset})", r.port, if r.active_low { "~" } else { "" });
        }
        for (port, value) in &self.ties {
            let _ = write!(ports, ", .{port}({value})");
        }
        ports
    }

    /// The data connections, handshake included for a stream.
    pub(crate) fn data_ports(&self, din: &str, dout: &str, handshake: [&str; 4]) -> String {
        let (input, output) = (&self.input_port, &self.output_port);
        if !self.axis {
            let valid = self.valid.as_ref().map(|(i, o)| format!(", .{i}({}), .{o}({})", handshake[0], handshake[2]));
            return format!(".{input}({din}), .{output}({dout}){}", valid.unwrap_or_default());
        }
        // The manifest may name the data port itself.
        let (i, o) = (input.strip_suffix("_tdata").unwrap_or(input), output.strip_suffix("_tdata").unwrap_or(output));
        let [in_valid, in_ready, out_valid, out_ready] = handshake;
        let ready = format!(
            ".{i}_tvalid({in_valid}), .{i}_tready({in_ready}), .{o}_tvalid({out_valid}), .{o}_tready({out_ready})"
        );
        let Some(Frames { bits, input, .. }) = self.frames else {
            return format!(".{i}_tdata({din}), .{o}_tdata({dout}), {ready}");
        };
        let (bits, beat) = (bits as usize, input.map_or(self.in_bits() - USER_BITS - 1, |(beat, _)| beat as usize));
        let bus = |text: &str| text.split('[').next().unwrap_or(text).to_owned();
        let (from, to) = (bus(din), bus(dout));
        format!(
            ".{i}_tdata({from}[{}:0]), .{i}_tuser({from}[{}:{beat}]), .{i}_tlast({from}[{}]), .{o}_tdata({to}[{}:0]), \
             .{o}_tkeep({to}[{}:{bits}]), .{o}_tlast({to}[{}]), {ready}",
            beat - 1,
            beat + USER_BITS - 1,
            beat + USER_BITS,
            bits - 1,
            bits + bits / 8 - 1,
            bits + bits / 8
        )
    }

    /// Drives those handshake outputs that the design does not have: a kernel takes and gives a vector in every cycle.
    pub(crate) fn constant_handshake(&self) -> &'static str {
        match (self.axis, &self.valid) {
            (true, _) => "",
            (false, Some(_)) => "  assign in_ready = 1'b1;\n",
            (false, None) => "  assign in_ready = 1'b1;\n  assign out_valid = 1'b1;\n",
        }
    }

    /// Verilog of `sluice_simtop`, the design behind the ports in the picture above.
    pub(crate) fn wrapper(&self) -> String {
        let (p, q) = (32 * self.in_words(), 32 * self.out_words());
        let (wi, wo) = (self.in_bits(), self.out_bits());
        let pad = if q > wo { format!("{{{}{{1'b0}}}}, ", q - wo) } else { String::new() };
        let constant = self.constant_handshake();
        // Above it whether it is more than the threshold.
        let (score, side) = match self.frames.and_then(|f| f.score) {
            Some((bits, _)) => (
                format!(", .score(side[{}:0]), .score_above(side[16]), .score_valid(side_valid)", bits - 1),
                format!(
                    "  assign side[31:17] = 15'd0;\n{}",
                    match bits {
                        16 => String::new(),
                        _ => format!("  assign side[15:{bits}] = {}'d0;\n", 16 - bits),
                    }
                ),
            ),
            None => (String::new(), "  assign side = 32'd0;\n  assign side_valid = 1'b0;\n".to_owned()),
        };
        let mut handshake = ["in_valid", "in_ready", "out_valid", "out_ready"];
        let (pixels, bus) = match (&self.pixels, self.frames.and_then(|f| f.input)) {
            (Some(pixels), _) => (self.serializer(pixels), "pixel".to_owned()),
            (None, Some((beat, beats))) => {
                handshake[1] = "beat_ready";
                (self.splitter(beat as usize, beats as usize), "beat".to_owned())
            }
            (None, None) => (String::new(), format!("din[{}:0]", wi - 1)),
        };
        format!(
            "module sluice_simtop(input clk, input rst, input [{}:0] din, input in_valid, output in_ready,\n\
             \x20 output [{}:0] dout, output out_valid, input out_ready,\n\
             \x20 output [31:0] side, output side_valid);\n  wire [{}:0] y;\n{constant}{pixels}\
             \x20 {} dut({}, {}{score});\n  assign dout = {{{pad}y}};\n{side}endmodule\n",
            p - 1,
            q - 1,
            wo - 1,
            self.top,
            self.common_ports("clk", "rst"),
            self.data_ports(&bus, "y", handshake),
        )
    }

    /// Verilog of `beat`, which is a vector in several beats, the lowest bits first; `tlast` comes with the last one.
    fn splitter(&self, beat: usize, beats: usize) -> String {
        let vector = self.in_bits() - USER_BITS - 1;
        let (user, last) =
            (format!("din[{}:{vector}]", vector + USER_BITS - 1), format!("din[{}]", vector + USER_BITS));
        format!(
            "  reg [31:0] place;
  wire beat_ready;
  wire last_beat = place == 32'd{};
  wire [{}:0] all_beats = din[{}:0];
  wire [{}:0] beat = {{{last} & last_beat, {user}, all_beats[place*{beat}+:{beat}]}};
  assign in_ready = beat_ready & last_beat;
  always @(posedge clk) begin
    if (rst) place <= 32'd0;
    else if (in_valid & beat_ready) place <= last_beat ? 32'd0 : place + 32'd1;
  end
",
            beats - 1,
            beat * beats - 1,
            vector - 1,
            beat + USER_BITS,
        )
    }

    /// Verilog of `pixel`, which is the pixels of a vector one after the other, the first in the cycle of the vector. In all
    /// other cycles it is what lies on `din`.
    fn serializer(&self, pixels: &Pixels) -> String {
        let (bits, all) = (self.port_bits(), self.in_bits());
        let now = format!("din[{}:0]", bits - 1);
        if all == bits {
            return format!("  wire [{}:0] pixel = {now};\n", bits - 1);
        }
        let Pixels { columns, row_pitch, .. } = pixels;
        format!(
            "  reg [{top}:0] held;
  reg [31:0] column;
  wire taken = column < 32'd{columns};
  wire [{}:0] pixel = in_valid | ~taken ? {now} : held[{}:0];
  always @(posedge clk) begin
    column <= in_valid ? 32'd{first} : column == 32'd{} ? 32'd0 : column + 32'd1;
    if (in_valid | taken) held <= {{{now}, in_valid ? din[{all_top}:{bits}] : held[{top}:{bits}]}};
  end
",
            bits - 1,
            bits - 1,
            row_pitch - 1,
            first = u32::from(*row_pitch > 1),
            top = all - 1,
            all_top = all - 1,
        )
    }

    /// Vectors as bus words, row after row.
    ///
    /// # Errors
    /// [`Code::DataShape`] for a wrong number of columns, [`Code::FormatRange`] for a number outside its format.
    pub fn pack(&self, rows: ArrayView2<i64>) -> Result<Vec<u32>> {
        if rows.ncols() != self.input_formats.len() {
            return Err(Error::new(
                Code::DataShape,
                format!(
                    "design `{}` has {} inputs, the vectors have {}",
                    self.top,
                    self.input_formats.len(),
                    rows.ncols()
                ),
            ));
        }
        let (words, width) = (self.in_words(), self.in_width as usize);
        let mut out = vec![0u32; rows.nrows() * words];
        for (r, row) in rows.rows().into_iter().enumerate() {
            for (c, (&raw, format)) in row.iter().zip(&self.input_formats).enumerate() {
                if !format.contains(raw) {
                    return Err(Error::new(Code::FormatRange, format!("{raw} is not a number of {format}"))
                        .at(format!("vector {r}, input {c}")));
                }
                put(&mut out[r * words..(r + 1) * words], c * width, width, raw as u64);
            }
        }
        Ok(out)
    }

    /// Puts bunch crossing and end of frame beside each packed vector.
    pub fn mark(&self, bus: &mut [u32], marks: &[(u16, bool)]) {
        let at = self.in_bits() - USER_BITS - 1;
        for (row, (crossing, last)) in bus.chunks_exact_mut(self.in_words()).zip(marks) {
            put(row, at, USER_BITS + 1, u64::from(*crossing) | u64::from(*last) << USER_BITS);
        }
    }

    /// Bus words as rows of raw integers. The whole element is read, so wrong padding bits show as a wrong number.
    pub(crate) fn unpack(&self, bus: &[u32]) -> Array2<i64> {
        let (words, width) = (self.out_words(), self.out_width as usize);
        Array2::from_shape_fn((bus.len() / words, self.output_formats.len()), |(r, c)| {
            let lane = QFormat { width: self.out_width, ..self.output_formats[c] };
            lane.from_bits(get(&bus[r * words..(r + 1) * words], c * width, width))
        })
    }
}

/// Whole words for `bits`, at least three: below 65 bits Verilator would choose an integer type instead of an array.
fn padded_words(bits: usize) -> usize {
    bits.div_ceil(32).max(3)
}

fn put(words: &mut [u32], at: usize, width: usize, value: u64) {
    // At most 62 bits at a bit offset below 32: 94 bits, three words.
    let low = u128::from(value & (u64::MAX >> (64 - width))) << (at % 32);
    for (k, word) in words[at / 32..].iter_mut().take(3).enumerate() {
        *word |= (low >> (32 * k)) as u32;
    }
}

fn get(words: &[u32], at: usize, width: usize) -> u64 {
    let all = words[at / 32..].iter().take(3).enumerate().fold(0u128, |sum, (k, &w)| sum | u128::from(w) << (32 * k));
    (all >> (at % 32)) as u64 & (u64::MAX >> (64 - width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_put_on_a_bus_are_read_back_across_words() {
        for width in [1usize, 7, 31, 33, 62] {
            let mut words = vec![0u32; (5 * width).div_ceil(32).max(3)];
            let value = |i: usize| 0x9e37_79b9_7f4a_7c15u64.rotate_left(i as u32) & (u64::MAX >> (64 - width));
            (0..5).for_each(|i| put(&mut words, i * width, width, value(i)));
            (0..5).for_each(|i| assert_eq!(get(&words, i * width, width), value(i), "element {i} of {width} bits"));
        }
    }
}
