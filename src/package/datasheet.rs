//! The data sheet: what an engineer who gets the core asks first.

use std::fmt::Write as _;

use super::ports::ports;
use super::{Package, fill};
use crate::link::{CRC_BYTES, HEADER_BYTES, Link, NumberCode};
use crate::units::Cycles;
use crate::verilog::LinkCore;

/// Text of `DATASHEET.md`.
pub(super) fn text(package: &Package) -> String {
    let m = package.manifest;
    let [model, version] = [m.file_sha256.get(&m.model).map_or("", String::as_str), env!("CARGO_PKG_VERSION")];
    let values = [
        ("top", package.top()),
        ("version", version),
        ("model", &model[..model.len().min(16)]),
        ("ports", &port_table(package)),
        ("timing", &timing(package)),
        ("resources", &resources(package)),
        ("numbers", &numbers(package)),
        ("frames", &package.framed.map_or(String::new(), |(core, link)| frames(package, core, link))),
        ("files", &file_table(package)),
        ("check", if package.framed.is_some() { "every byte of every frame" } else { "every output in its cycle" }),
    ];
    fill(include_str!("templates/DATASHEET.md"), &values)
}

fn port_table(package: &Package) -> String {
    let row = |p: &super::ports::Port| {
        let direction = if p.output { "out" } else { "in" };
        format!("| `{}` | {direction} | {} | {} |\n", p.name, p.bits, p.meaning)
    };
    "| Port | Direction | Bits | Meaning |\n|---|---|---|---|\n".to_owned()
        + &ports(package).iter().map(row).collect::<String>()
}

fn timing(package: &Package) -> String {
    let m = package.manifest;
    let mhz = package.clock_mhz();
    let ii = package.ii();
    let rate = mhz / f64::from(ii);
    let in_bits: u32 = m.input_formats.iter().map(|f| f.width).sum();
    let clock = match (m.clock_mhz, m.path_ns) {
        (_, Some(ns)) => format!(
            "{mhz} MHz; longest path of the data path {ns:.2} ns by the delay model for {}, not placed",
            m.target
        ),
        (_, None) => format!("{mhz} MHz, scheduled for {} by the delay model, not placed", m.target),
    };
    let mut rows = vec![("Clock", clock)];
    let latency = |cycles: Cycles| format!("{cycles} ({:.0} ns)", cycles.ns(mhz));
    let latency = match package.framed {
        None => latency(m.latency_cycles),
        Some((core, _)) => {
            let to = match core.fixed_bits {
                Some(_) => "its frame, at least; the FIFO before the output comes on top",
                None => "the memory word that it completes, at least; a frame leaves when it is complete",
            };
            format!("{} from a vector to {to}", latency(core.latency_cycles))
        }
    };
    rows.push(("Latency", latency));
    let every = if ii == 1 { "in every cycle".to_owned() } else { format!("in every {ii} cycles") };
    rows.push(("II", format!("{ii}: a vector {every}")));
    rows.push((
        "Input",
        format!("{in_bits} bits a vector, {rate:.2} million vectors/s, {:.2} Gbit/s", rate * f64::from(in_bits) / 1e3),
    ));
    if let Some((core, link)) = package.framed {
        let Worst { events, bytes } = worst_frame(link);
        let beats = (8 * bytes).div_ceil(u64::from(core.output_bits));
        let sustained = (mhz * events as f64 / beats as f64).min(rate);
        rows.push((
            "Output",
            format!("{} bits a beat, {:.2} Gbit/s at most", core.output_bits, mhz * f64::from(core.output_bits) / 1e3),
        ));
        rows.push((
            "Largest events only",
            format!("no more than {sustained:.2} million vectors/s: {beats} beats for a frame of {events}"),
        ));
    }
    let row = |(what, text): &(&str, String)| format!("| {what} | {text} |\n");
    "| | |\n|---|---|\n".to_owned() + &rows.iter().map(row).collect::<String>()
}

fn resources(package: &Package) -> String {
    let m = package.manifest;
    let mut text = format!(
        "Estimated for {}, not placed: {} lookup tables and {} flip-flops",
        m.target, m.lut_estimate, m.register_bits
    );
    if m.dsp() > 0 {
        let _ = write!(text, ", {} multipliers", m.dsp());
    }
    if m.memory_bits > 0 {
        let _ = write!(text, ", {} bits of memories", m.memory_bits);
    }
    if let Some((core, _)) = package.framed {
        let bits = u64::from(core.words) * u64::from(core.word_bits);
        let _ = write!(
            text,
            " for the data path alone. Codes and frames come on top, with a memory of {} words of {} bits ({bits} bits)",
            core.words, core.word_bits
        );
    }
    text + ". `scripts/yosys_nextpnr.sh` and `sluice synth` count what it takes."
}

/// Formats in a row, those that are equal together.
fn numbers(package: &Package) -> String {
    let m = package.manifest;
    let mut text = "| Numbers | Format | Smallest | Largest | Step |\n|---|---|---|---|---|\n".to_owned();
    for (side, formats) in [("inputs", &m.input_formats), ("outputs", &m.output_formats)] {
        let mut first = 0;
        for group in formats.chunk_by(|a, b| a == b) {
            let (f, end) = (group[0], first + group.len() - 1);
            let which = if group.len() == 1 { first.to_string() } else { format!("{first} to {end}") };
            let step = 2f64.powi(-f.frac);
            let (least, most) = (f.min() as f64 * step, f.max() as f64 * step);
            let _ = writeln!(text, "| {side} {which} | `{f}` | {least} | {most} | {step} |");
            first = end + 1;
        }
    }
    text
}

/// The largest frame.
struct Worst {
    events: u64,
    bytes: u64,
}

/// A frame that nobody ends early, of the largest events.
fn worst_frame(link: &Link) -> Worst {
    if let Some(bits) = link.fixed_bits {
        return Worst { events: 1, bytes: u64::from(bits) / 8 };
    }
    let bits = link.worst_event_bits().max(1);
    // The first event that finds the limit reached is its last.
    let fit = (1u64 << link.frame_limit_log2).div_ceil(bits) + 1;
    let events = fit.min(link.frame_events.into());
    Worst { events, bytes: frame_bytes(events * bits) }
}

fn frame_bytes(payload_bits: u64) -> u64 {
    (HEADER_BYTES + CRC_BYTES) as u64 + 4 * payload_bits.div_ceil(32)
}

fn frames(package: &Package, core: &LinkCore, link: &Link) -> String {
    let count = |wanted: &dyn Fn(&NumberCode) -> bool| link.numbers.iter().filter(|n| wanted(&n.code)).count();
    let fixed = count(&|code| matches!(code, NumberCode::Fixed));
    let prefix = count(&|code| matches!(code, NumberCode::Prefix(_)));
    let others = link.numbers.len() - fixed - prefix;
    let mut coded = vec![];
    for (n, how) in [(prefix, "with a prefix code"), (fixed, "as they are"), (others, "as samples of waveforms")] {
        if n > 0 {
            coded.push(format!("{n} {how}"));
        }
    }
    let zero = if link.zero_suppression { "; a bit for each number first, and zeros are not sent" } else { "" };
    let loss = match core.options.drop {
        true => "Events that find no room are lost and counted",
        false => "Nothing is lost: the input waits where there is no room",
    };
    if let Some(bits) = link.fixed_bits {
        return fixed_frames(core, bits, &coded.join(", "), zero, loss, link.worst_event_bits());
    }
    let m = package.manifest;
    let in_bits: u64 = m.input_formats.iter().map(|f| u64::from(f.width)).sum();
    let worst = link.worst_event_bits();
    let alone = 8 * frame_bytes(worst);
    let Worst { events, bytes } = worst_frame(link);
    let share = |bits: f64| format!("{bits:.0} bits a vector, {:.2} of the input", bits / in_bits as f64);
    format!(
        "
## Frames

Link id `{id:04x}` (hexadecimal), of `{file}`: {coded}{zero}. Numbers are little-endian, bits fill bytes from the lowest.

| Byte | Of a frame |
|---|---|
| 0 | `53` hexadecimal |
| 1 | 16, or 17 if events were lost; 16 is version 1 |
| 2, 3 | `{low:02x} {high:02x}`: the link id |
| 4 to 7 | number of the first event, counted from reset |
| 8, 9 | `s_axis_tuser` of the first event |
| 10, 11 | events |
| 12, 13 | payload, in units of 4 bytes |
| 14, 15 | events lost after these |
| 16 on | payload: the events without gaps, zeros fill the last unit |
| last 4 | CRC-32C (Castagnoli) of all before them |

{loss}. A frame ends with the event that has `s_axis_tlast`, with its {most}th, and with the first event that finds {limit} bits or more before
it. The largest event has {worst} bits. With the overhead of frames that is

* {alone_share} where every vector is a frame of its own,
* {full_share} in frames of {events}.

How much typical vectors take depends on the data: `sluice link` prints it when it learns the codes.
",
        id = core.id,
        file = core.link,
        coded = coded.join(", "),
        low = core.id & 0xff,
        high = core.id >> 8,
        most = link.frame_events,
        limit = 1u64 << link.frame_limit_log2,
        alone_share = share(alone as f64),
        full_share = share((8 * bytes) as f64 / events as f64),
    )
}

fn fixed_frames(core: &LinkCore, bits: u32, coded: &str, zero: &str, loss: &str, worst: u64) -> String {
    format!(
        "
## Frames

Link id `{id:04x}` (hexadecimal), of `{file}`: {coded}{zero}. An event is a frame of {bits} bits and a beat, and bits are counted from the
lowest.

| Bits | Of a frame |
|---|---|
| 0 to 11 | low bits of `s_axis_tuser` |
| 12 | 1 if the event is truncated |
| 13 | 1 if the event is lost: nothing of it is here |
| 16 to 23 | `{low:02x}` hexadecimal: the low byte of the link id |
| 24 to 31 | low byte of the number of the event, counted from reset |
| 32 to {end} | payload, {payload} bits; zeros fill it |
| {crc} to {top} | CRC-32C (Castagnoli) of all before them |

The largest event has {worst} bits; what does not fit in the payload is cut off. {loss}.
",
        id = core.id,
        file = core.link,
        low = core.id & 0xff,
        end = bits - 33,
        payload = bits - 64,
        crc = bits - 32,
        top = bits - 1,
    )
}

fn file_table(package: &Package) -> String {
    let top = package.top();
    let sources: Vec<String> = package.sources().map(|name| format!("`{name}`")).collect();
    let mut rows = vec![
        (sources.join(", "), "Verilog-2005, any vendor".to_owned()),
        (format!("`template/{top}_inst.v`"), "an instance to copy".to_owned()),
        (
            format!("`constraints/{top}.xdc`, `.sdc`, `.lpf`"),
            "clocks, for Vivado, Quartus, nextpnr and Diamond".to_owned(),
        ),
        (format!("`{top}.core`"), "FuseSoC: targets lint, sim, vivado, yosys".to_owned()),
        ("`scripts/`".to_owned(), "the core alone through Vivado, and through Yosys and nextpnr".to_owned()),
        ("`tb/`".to_owned(), "test bench in Python, vectors".to_owned()),
        (
            "`design.json`, `model.quant.json`".to_owned(),
            "ports, timing and formats for programs; the model".to_owned(),
        ),
    ];
    if let Some((core, _)) = package.framed {
        rows.push((format!("`{}`", core.link), "codes and frames".to_owned()));
    }
    if package.has_registers() {
        rows.push(("`registers/`".to_owned(), "register map as a page, C header, IP-XACT".to_owned()));
    }
    let row = |(name, text): &(String, String)| format!("| {name} | {text} |\n");
    "| File | |\n|---|---|\n".to_owned() + &rows.iter().map(row).collect::<String>()
}
