//! A kernel becomes a core that sends frames.
//!
//! ```text
//! s_axis ─► kernel ─► <name>_code: a chunk of bits an event ─► link_pack ─┬─ words ──► link_fifo ─► link_frame ─► link_crc ─► m_axis
//!   │                                                            │       └─ frames ─► link_fifo ──┘
//!   └── tlast, tuser ─► link_fifo ────────────────────────────────┘
//! ```
//!
//! Nothing between `s_axis` and the words ever waits: a beat is taken only if everything on its way has room. So the kernel is
//! the one that was proved, without an enable, and no signal runs back through it.

mod code;
mod wave;

use super::print::{Kind, Module};
use super::{DesignManifest, VerilogDesign, no_module, sha256};
use crate::error::{Code, Error, Result};
use crate::link::Link;
use crate::units::Cycles;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The primitives, by file and module name.
const PARTS: [(&str, &str); 5] = [
    ("link_fifo", include_str!("../../../hdl/link_fifo.v")),
    ("link_pack", include_str!("../../../hdl/link_pack.v")),
    ("link_frame", include_str!("../../../hdl/link_frame.v")),
    ("link_crc", include_str!("../../../hdl/link_crc.v")),
    (super::axis::SKID, super::axis::SKID_TEXT),
];

/// Cycles of `link_pack` from a chunk to its word.
const PACK_CYCLES: u32 = 4;

/// The core around the kernel: AXI4-Stream in, frames of words out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkCore {
    /// Its module. Ports as in docs/STREAM.md.
    pub top: String,
    /// Codes and frames, relative to the folder.
    pub link: String,
    /// What the header of every frame says of the link.
    pub id: u16,
    /// Bits of an output beat.
    pub output_bits: u32,
    /// The largest event.
    pub worst_event_bits: u64,
    /// Cycles from an input beat to the word that it completes, at least.
    pub latency_cycles: Cycles,
    /// Words in memory, and their bits.
    pub words: u32,
    /// Bits of a word.
    pub word_bits: u32,
}

/// Adds the core to a kernel's design.
///
/// # Errors
/// [`Code::Usage`] for another output width than 32, 64, 128 or 256, [`Code::Unsupported`] for a kernel of pixels or an event
/// of 1024 bits or more, [`Code::DataShape`] if the link has other numbers than the kernel gives.
pub fn with_link(mut design: VerilogDesign, link: &Link, output_bits: u32) -> Result<VerilogDesign> {
    link.check()?;
    let kernel = &design.manifest;
    if ![32, 64, 128, 256].contains(&output_bits) {
        return Err(Error::new(Code::Usage, format!("a link of {output_bits} bits")).hint("use 32, 64, 128 or 256"));
    }
    if kernel.pixels.is_some() {
        return Err(Error::new(Code::Unsupported, "a streamed design cannot send frames")
            .cause("its pixels come in consecutive cycles, it cannot wait between them")
            .hint("leave --stream out"));
    }
    if kernel.output_formats != link.numbers.iter().map(|n| n.format).collect::<Vec<_>>() {
        return Err(Error::new(Code::DataShape, "the link has other numbers than the encoder gives")
            .hint("learn it of this model: `sluice link`"));
    }
    let sizes = Sizes::new(kernel, link, output_bits)?;
    let (name, top) = (kernel.top.clone(), format!("{}_link", kernel.top));
    let waves: &[(&str, &str)] = if link.has_waveforms() { &wave::PARTS } else { &[] };
    let parts = PARTS.iter().chain(waves);
    if let Some((part, _)) = parts.clone().find(|(part, _)| *part == name) {
        return Err(no_module(part));
    }
    let header = |what: &str| {
        let (id, events) = (link.id(), link.frame_events);
        vec![
            format!("{top}: {what} Written by sluice: do not edit, emit it again."),
            format!("link:   {id:04x}, frames of {events} events, at most {} bits an event", link.worst_event_bits()),
        ]
    };
    let code = code::module(&format!("{name}_code"), link, kernel.out_width, &header("codes of an event."));
    let core = LinkCore {
        top: top.clone(),
        link: "link.json".to_owned(),
        id: link.id(),
        output_bits,
        worst_event_bits: link.worst_event_bits(),
        latency_cycles: Cycles(sizes.flight),
        words: 1 << sizes.words_log2,
        word_bits: 1 << sizes.word_log2,
    };
    let mut files = vec![
        (format!("{top}.v"), shell(kernel, link, &sizes, &header("frames."))),
        (format!("{name}_code.v"), code),
    ];
    files.extend(parts.map(|(name, text)| (format!("{name}.v"), (*text).to_owned())));
    let json = serde_json::to_string_pretty(link)
        .map_err(|e| Error::new(Code::ModelForm, "cannot write the link").cause(e.to_string()))?;
    design.manifest.files.extend(files.iter().map(|(name, _)| name.clone()));
    files.push((core.link.clone(), json + "\n"));
    let sums = files.iter().map(|(name, text)| (name.clone(), sha256(text.as_bytes())));
    design.manifest.file_sha256.extend(sums);
    design.manifest.link = Some(core);
    design.files.extend(files);
    Ok(design)
}

/// Widths and depths.
struct Sizes {
    output_log2: u32,
    /// Bits of a word: more than an event has, and no fewer than a beat.
    word_log2: u32,
    /// Cycles from an input beat to its word.
    flight: u32,
    /// Of them before `link_pack`.
    code: u32,
    words_log2: u32,
    frames_log2: u32,
    side_log2: u32,
}

impl Sizes {
    fn new(kernel: &DesignManifest, link: &Link, output_bits: u32) -> Result<Self> {
        let worst = link.worst_event_bits();
        if worst >= 1024 {
            return Err(Error::new(Code::Unsupported, format!("an event of {worst} bits"))
                .cause("a word, which holds any event, has 1024 bits at most")
                .hint("send fewer numbers, or narrower ones"));
        }
        let log2 = |n: u64| n.next_power_of_two().trailing_zeros();
        let word_log2 = log2(worst + 1).max(output_bits.trailing_zeros());
        if word_log2 >= link.frame_limit_log2 {
            return Err(Error::new(Code::Usage, "a frame is to end before its first word does")
                .hint(format!("set `frame_limit_log2` to {} or more", word_log2 + 1)));
        }
        let code = kernel.latency_cycles.0 + code::latency(link);
        let flight = code + PACK_CYCLES;
        // What is on its way when the memory is found full, and the registers that find it.
        let margin = u64::from(flight) + 4;
        let words = ((1u64 << link.frame_limit_log2) + worst).div_ceil(1 << word_log2) + 1;
        Ok(Sizes {
            output_log2: output_bits.trailing_zeros(),
            word_log2,
            flight,
            code,
            // The longest frame. Others are shorter, so that one is sent while the next one comes.
            words_log2: log2(words + margin),
            frames_log2: log2(2 * margin),
            side_log2: log2(u64::from(code / kernel.ii) + 4),
        })
    }
}

fn shell(kernel: &DesignManifest, link: &Link, sizes: &Sizes, header: &[String]) -> String {
    let Sizes { output_log2, word_log2, code, words_log2, frames_log2, side_log2, .. } = *sizes;
    let (name, ii) = (&kernel.top, kernel.ii);
    let x_bits = kernel.in_width * kernel.input_formats.len() as u32;
    let y_bits = kernel.out_width * kernel.output_formats.len() as u32;
    let (output, word, chunk) = (1 << output_log2, 1 << word_log2, link.worst_event_bits() as u32);
    let bits = code::count_bits(chunk);
    let units = link.frame_limit_log2 - 3;
    let mut m = Module::default();
    for (port, kind, width) in [
        ("aclk", Kind::Input, 1),
        ("aresetn", Kind::Input, 1),
        ("s_axis_tdata", Kind::Input, x_bits),
        ("s_axis_tuser", Kind::Input, 16),
        ("s_axis_tlast", Kind::Input, 1),
        ("s_axis_tvalid", Kind::Input, 1),
        ("s_axis_tready", Kind::Output, 1),
        ("m_axis_tdata", Kind::Output, output),
        ("m_axis_tkeep", Kind::Output, output / 8),
        ("m_axis_tlast", Kind::Output, 1),
        ("m_axis_tvalid", Kind::Output, 1),
        ("m_axis_tready", Kind::Input, 1),
        ("take", Kind::Wire, 1),
        ("y", Kind::Wire, y_bits),
        ("chunk", Kind::Wire, chunk),
        ("bits", Kind::Wire, bits),
        ("side", Kind::Wire, 17),
        ("word_valid", Kind::Wire, 1),
        ("packed_word", Kind::Wire, word),
        ("frame_valid", Kind::Wire, 1),
        ("frame_mark", Kind::Wire, 48),
        ("frame_events", Kind::Wire, 16),
        ("frame_lost", Kind::Wire, 16),
        ("frame_units", Kind::Wire, units),
        ("next_word", Kind::Wire, word),
        ("next_word_valid", Kind::Wire, 1),
        ("next_word_ready", Kind::Wire, 1),
        ("next_frame", Kind::Wire, 80 + units),
        ("next_frame_valid", Kind::Wire, 1),
        ("next_frame_ready", Kind::Wire, 1),
        ("words_used", Kind::Wire, words_log2 + 2),
        ("frames_used", Kind::Wire, frames_log2 + 2),
        ("side_used", Kind::Wire, side_log2 + 2),
        ("side_valid", Kind::Wire, 1),
        ("beat", Kind::Wire, output),
        ("beat_units", Kind::Wire, output_log2 - 4),
        ("beat_last", Kind::Wire, 1),
        ("beat_valid", Kind::Wire, 1),
        ("beat_ready", Kind::Wire, 1),
        ("sealed", Kind::Wire, output),
        ("sealed_keep", Kind::Wire, output / 8),
        ("sealed_last", Kind::Wire, 1),
        ("sealed_valid", Kind::Wire, 1),
        ("sealed_ready", Kind::Wire, 1),
        ("accepts", Kind::Wire, 3),
        ("unused", Kind::Wire, 1),
        ("open", Kind::Reg, 1),
        ("number", Kind::Reg, 32),
        ("valid", Kind::Reg, code),
    ] {
        m.declare(port, kind, width);
    }
    let margin = sizes.flight + 4;
    let (most_words, most_frames) = ((1 << words_log2) - margin, (1 << frames_log2) - margin);
    let (paced, ready, idle) = match ii {
        1 => (String::new(), "open".to_owned(), String::new()),
        _ => {
            let wide = 32 - (ii - 1).leading_zeros();
            m.declare("left", Kind::Reg, wide);
            m.declare("kernel_valid", Kind::Wire, 1);
            let text = format!(
                "// Cycles until the kernel can take the next vector.
always @(posedge aclk) begin
  if (~aresetn) left <= {wide}'d0;
  else left <= take ? {wide}'d{} : |left ? left - {wide}'d1 : {wide}'d0;
end
",
                ii - 1
            );
            (text, "open & ~(|left)".to_owned(), ", kernel_valid".to_owned())
        }
    };
    let (ends, first, watched) = if link.has_waveforms() {
        // Prediction starts anew with a frame, so where one ends must be known before its last sample is coded.
        m.declare("starts", Kind::Reg, 1);
        m.declare("place", Kind::Reg, 16);
        m.declare("ends", Kind::Wire, 1);
        // As late as the kernel's outputs.
        let (follow, valid, at) = match kernel.latency_cycles.0 {
            0 => (String::new(), "take".to_owned(), "starts".to_owned()),
            1 => ("  first <= starts;\n".to_owned(), "valid[0]".to_owned(), "first".to_owned()),
            n => (
                format!("  first <= {{first[{}:0], starts}};\n", n - 2),
                format!("valid[{}]", n - 1),
                format!("first[{}]", n - 1),
            ),
        };
        if kernel.latency_cycles.0 > 0 {
            m.declare("first", Kind::Reg, kernel.latency_cycles.0);
        }
        let text = format!(
            "// Where frames begin and end.
assign ends = s_axis_tlast | (place == 16'd{});
always @(posedge aclk) begin
{follow}  if (~aresetn) begin
    starts <= 1'b1;
    place  <= 16'd0;
  end else if (take) begin
    starts <= ends;
    place  <= ends ? 16'd0 : place + 16'd1;
  end
end
",
            link.frame_events - 1
        );
        ("ends", text, format!(", .resetn(aresetn), .valid({valid}), .first({at})"))
    } else {
        ("s_axis_tlast", String::new(), String::new())
    };
    let folded = if ii > 1 { ", .resetn(aresetn), .x_valid(take), .y_valid(kernel_valid)" } else { "" };
    m.body = format!(
        "
assign take = s_axis_tvalid & s_axis_tready;
assign s_axis_tready = {ready};
{name} kernel (.clk(aclk), .x(s_axis_tdata), .y(y){folded});
{name}_code code (.clk(aclk){watched}, .y(y), .chunk(chunk), .bits(bits));

// What comes with a vector waits for its chunk.
link_fifo #(.WIDTH(17), .DEPTH_LOG2({side_log2})) sides (
  .clk(aclk), .resetn(aresetn),
  .s_data({{{ends}, s_axis_tuser}}), .s_valid(take), .s_ready(accepts[0]),
  .m_data(side), .m_valid(side_valid), .m_ready(valid[{top_code}]), .used(side_used)
);
always @(posedge aclk) begin
  if (~aresetn) begin
    valid  <= {code}'d0;
    number <= 32'd0;
    open   <= 1'b0;
  end else begin
    valid  <= {{valid[{next_code}:0], take}};
    number <= number + {{31'd0, valid[{top_code}]}};
    // Room for all that may be on its way.
    open   <= (words_used < {words_bits}'d{most_words}) & (frames_used < {frames_bits}'d{most_frames});
  end
end
{paced}{first}
link_pack #(
  .WORD_LOG2({word_log2}), .BITS_LOG2({bits}), .CHUNK({chunk}), .LIMIT_LOG2({limit}), .FRAME_EVENTS({events}), .MARK(48)
) pack (
  .clk(aclk), .resetn(aresetn),
  .s_valid(valid[{top_code}]), .s_chunk(chunk), .s_bits(bits), .s_last(side[16]), .s_lost(1'b0),
  .s_mark({{side[15:0], number}}),
  .word_valid(word_valid), .word(packed_word),
  .frame_valid(frame_valid), .frame_mark(frame_mark), .frame_events(frame_events), .frame_lost(frame_lost),
  .frame_units(frame_units)
);
link_fifo #(.WIDTH({word}), .DEPTH_LOG2({words_log2})) words (
  .clk(aclk), .resetn(aresetn),
  .s_data(packed_word), .s_valid(word_valid), .s_ready(accepts[1]),
  .m_data(next_word), .m_valid(next_word_valid), .m_ready(next_word_ready), .used(words_used)
);
link_fifo #(.WIDTH({frame_bits}), .DEPTH_LOG2({frames_log2})) frames (
  .clk(aclk), .resetn(aresetn),
  .s_data({{frame_units, frame_lost, frame_events, frame_mark}}), .s_valid(frame_valid), .s_ready(accepts[2]),
  .m_data(next_frame), .m_valid(next_frame_valid), .m_ready(next_frame_ready), .used(frames_used)
);
link_frame #(.WORD_LOG2({word_log2}), .OUT_LOG2({output_log2}), .UNIT_BITS({units}), .MODEL(16'h{id:04x})) framing (
  .clk(aclk), .resetn(aresetn),
  .frame_mark(next_frame[47:0]), .frame_events(next_frame[63:48]), .frame_lost(next_frame[79:64]),
  .frame_units(next_frame[{frame_top}:80]), .frame_valid(next_frame_valid), .frame_ready(next_frame_ready),
  .word(next_word), .word_valid(next_word_valid), .word_ready(next_word_ready),
  .m_data(beat), .m_units(beat_units), .m_last(beat_last), .m_valid(beat_valid), .m_ready(beat_ready)
);
link_crc #(.OUT_LOG2({output_log2})) seal (
  .clk(aclk), .resetn(aresetn),
  .s_data(beat), .s_units(beat_units), .s_last(beat_last), .s_valid(beat_valid), .s_ready(beat_ready),
  .m_data(sealed), .m_keep(sealed_keep), .m_last(sealed_last), .m_valid(sealed_valid), .m_ready(sealed_ready)
);
skid_buffer #(.WIDTH({out_all})) output_buffer (
  .clk(aclk), .resetn(aresetn),
  .s_data({{sealed_last, sealed_keep, sealed}}), .s_valid(sealed_valid), .s_ready(sealed_ready),
  .m_data({{m_axis_tlast, m_axis_tkeep, m_axis_tdata}}), .m_valid(m_axis_tvalid), .m_ready(m_axis_tready)
);

// There is always room.
assign unused = &{{1'b0, accepts, side_used, side_valid{idle}}};
",
        top_code = code - 1,
        next_code = code - 2,
        words_bits = words_log2 + 2,
        frames_bits = frames_log2 + 2,
        limit = link.frame_limit_log2,
        events = link.frame_events,
        frame_bits = 80 + units,
        frame_top = 79 + units,
        id = link.id(),
        out_all = output + output / 8 + 1,
    );
    m.text(&format!("{name}_link"), header)
}
