//! The cocotb bench of a design, and its vectors as text that `$readmemh` reads too.
//!
//! ```text
//! stream: stimuli.hex   tlast_tuser_tdata, or tdata alone       kernel: stimuli.hex   x
//!         expected.hex  tlast_tkeep_tdata, or tdata alone               expected.hex  y
//! ```

use super::registers::ID;
use super::{Package, fill};
use crate::error::{Code, Error, Result};
use crate::link::FrameWriter;
use crate::model::Vectors;
use ndarray::ArrayView1;

/// Vectors of a bench, at most: a simulator without compilation has to run them.
pub const MOST_VECTORS: usize = 300;

/// Bunch crossings of an orbit of the LHC.
const ORBIT: usize = 3564;

/// Files of `tb/`.
pub(super) fn files(package: &Package, vectors: &Vectors) -> Result<Vec<(String, String)>> {
    let m = package.manifest;
    let n = vectors.inputs.nrows();
    if n == 0 || n != vectors.outputs.nrows() {
        return Err(Error::new(Code::Vectors, format!("{n} inputs and {} outputs", vectors.outputs.nrows()))
            .hint("a bench needs vectors with an output for each input"));
    }
    if (vectors.inputs.ncols(), vectors.outputs.ncols()) != (m.input_formats.len(), m.output_formats.len()) {
        return Err(Error::new(Code::Vectors, format!("the vectors are not those of design `{}`", m.top)));
    }
    let n = n.min(MOST_VECTORS);
    let (stimuli, expected) = match package.framed {
        Some(_) => framed(package, vectors, n)?,
        None => {
            let lines = |rows: &ndarray::Array2<i64>, width: u32| {
                rows.rows().into_iter().take(n).map(|row| hex(&bits(row, width)) + "\n").collect::<String>()
            };
            (lines(&vectors.inputs, m.in_width), lines(&vectors.outputs, m.out_width))
        }
    };
    let top = package.top();
    let test = if package.is_stream() { stream(package) } else { kernel(package) };
    let sources: Vec<String> = package.sources().map(|name| format!("    \"{name}\",")).collect();
    let runner =
        fill(include_str!("templates/run_cocotb.py"), &[("top", top), ("python_sources", &sources.join("\n"))]);
    let head = |what: &str| format!("// {top}: {what}; the fields are named in test_{top}.py\n");
    Ok(vec![
        (format!("tb/test_{top}.py"), test),
        ("tb/run_cocotb.py".to_owned(), runner),
        ("tb/requirements.txt".to_owned(), include_str!("templates/requirements.txt").to_owned()),
        ("tb/stimuli.hex".to_owned(), head("what goes in") + &stimuli),
        ("tb/expected.hex".to_owned(), head("what has to come out") + &expected),
    ])
}

/// Bunch crossing of an event, and whether it ends its frame: first frames that end as they fill, then those of one event, then
/// short ones.
fn mark(i: usize, n: usize) -> (u16, bool) {
    let crossing = (ORBIT - 20 + i) % ORBIT;
    let last = match 6 * i / n {
        0..3 => false,
        3..5 => true,
        _ => i % 11 == 3 || i % 29 < 2,
    };
    (crossing as u16, last || i + 1 == n)
}

/// Input and output beats of a core that sends frames.
fn framed(package: &Package, vectors: &Vectors, n: usize) -> Result<(String, String)> {
    let Some((core, link)) = package.framed else { return Ok(Default::default()) };
    let (mut stimuli, mut expected) = (String::new(), String::new());
    let [_, beat_bits, _] = package.bus_bits();
    let bytes_a_beat = core.output_bits as usize / 8;
    let mut writer = FrameWriter::new(link);
    for (i, (x, y)) in vectors.inputs.rows().into_iter().zip(vectors.outputs.rows()).take(n).enumerate() {
        let (crossing, last) = mark(i, n);
        let x = bits(x, package.manifest.in_width);
        let beats = x.chunks(beat_bits as usize);
        let ends = beats.len();
        for (k, beat) in beats.enumerate() {
            let mut beat = beat.to_vec();
            beat.resize(beat_bits as usize, false);
            stimuli += &format!("{}_{crossing:04x}_{}\n", u8::from(last && k + 1 == ends), hex(&beat));
        }
        writer.event(&y.to_vec(), crossing, last)?;
        // An event ends one frame at most.
        let frame = writer.take();
        let beats = frame.chunks(bytes_a_beat);
        let ends = beats.len();
        for (k, beat) in beats.enumerate() {
            let kept: Vec<bool> = (0..bytes_a_beat).map(|byte| byte < beat.len()).collect();
            let data: Vec<bool> = (0..8 * bytes_a_beat)
                .map(|bit| beat.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1))
                .collect();
            expected += &format!("{}_{}_{}\n", u8::from(k + 1 == ends), hex(&kept), hex(&data));
        }
    }
    Ok((stimuli, expected))
}

/// Raw integers on a bus, the lowest bit first.
fn bits(row: ArrayView1<i64>, width: u32) -> Vec<bool> {
    row.iter().flat_map(|v| (0..width).map(move |bit| v >> bit & 1 == 1)).collect()
}

/// Bits, the lowest first, as hexadecimal digits, the highest first.
fn hex(bits: &[bool]) -> String {
    let digit = |four: &[bool]| four.iter().rev().fold(0, |sum, bit| 2 * sum + u32::from(*bit));
    bits.chunks(4).rev().filter_map(|four| char::from_digit(digit(four), 16)).collect()
}

/// An even number of picoseconds: half a period is a time too.
fn period_ps(mhz: f64) -> String {
    (2 * (5e5 / mhz).round() as u64).to_string()
}

fn stream(package: &Package) -> String {
    let m = package.manifest;
    let framed = package.framed.is_some();
    let (stimuli, expected) = if framed { ("tlast_tuser_tdata", "tlast_tkeep_tdata") } else { ("tdata", "tdata") };
    let latency = if framed { "None".to_owned() } else { m.latency_cycles.0.to_string() };
    let period = period_ps(package.clock_mhz());
    let identity = package.identity();
    let registers = match package.has_registers() {
        true => {
            format!("[0x{:08x}, 0x{:08x}, 0x{:08x}, 0x{:08x}]", ID, identity.version, identity.model, identity.link)
        }
        false => "None".to_owned(),
    };
    // Output beats of the largest event if it is a frame of its own, and as many cycles again.
    let pace = package.framed.filter(|(core, _)| core.options.drop).map_or("None".to_owned(), |(core, link)| {
        let beats = (192 + link.worst_event_bits()).div_ceil(core.output_bits.into());
        (2 * beats.max(package.ii().into()) + 4).to_string()
    });
    // Where the largest one suppresses whatever an event has.
    let threshold = package
        .framed
        .map(|(_, link)| link)
        .filter(|link| link.zero_suppression && link.numbers.iter().all(|n| n.format.width < 16))
        .filter(|_| package.has_registers())
        .map_or("None".to_owned(), |link| link.threshold.to_string());
    let values = [
        ("registers", registers.as_str()),
        ("threshold", &threshold),
        ("pace", &pace),
        ("beats", &package.framed.map_or(1, |(core, _)| core.input_beats).to_string()),
        ("top", package.top()),
        ("stimuli_fields", stimuli),
        ("expected_fields", expected),
        ("framed", if framed { "True" } else { "False" }),
        ("latency", &latency),
        ("period_ps", &period),
        ("output_period_ps", if package.has_output_clock() { &period } else { "None" }),
    ];
    fill(include_str!("templates/test_stream.py"), &values)
}

fn kernel(package: &Package) -> String {
    let m = package.manifest;
    let name = |port: &Option<String>| port.as_ref().map_or("None".to_owned(), |port| format!("\"{port}\""));
    let [_, pixel_bits, _] = package.bus_bits();
    let pixels =
        m.pixels.map_or("None".to_owned(), |p| format!("({}, {}, {}, {pixel_bits})", p.rows, p.columns, p.row_pitch));
    let stimuli = match m.pixels {
        Some(_) => format!("`{}` of all its pixels, the first one lowest", m.input_port),
        None => format!("`{}`", m.input_port),
    };
    let values = [
        ("top", package.top()),
        ("stimuli_fields", &stimuli),
        ("expected_fields", &format!("`{}`", m.output_port)),
        ("clock", package.clock()),
        ("reset", &name(&m.reset)),
        ("input_valid", &name(&m.input_valid)),
        ("output_valid", &name(&m.output_valid)),
        ("input_port", &m.input_port),
        ("output_port", &m.output_port),
        ("latency", &m.latency_cycles.0.to_string()),
        ("ii", &m.ii.to_string()),
        ("period_ps", &period_ps(package.clock_mhz())),
        ("pixels", &pixels),
    ];
    fill(include_str!("templates/test_kernel.py"), &values)
}
