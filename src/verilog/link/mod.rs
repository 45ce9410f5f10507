//! A kernel becomes a core that sends frames.
//!
//! ```text
//! s_axis ─► kernel ─► <name>_code: a chunk of bits an event ─► link_pack ─┬─ words ─► link_store ─► link_frame ─► link_crc ─► link_fifo ─► m_axis
//!   │                                                            │       └─ frames ─► link_fifo ──┘
//!   └── tlast, tuser ─► stream_delay ─────────────────────────────┘
//!
//! frames of a fixed size:               <name>_code ─► link_fixed ─► link_fifo ─► m_axis
//! ```
//!
//! Of a model with a score, that of each event comes out beside its frame, a cycle after the kernel.
//!
//! On request `link_gather` before the kernel, `link_cross` before `m_axis`, `link_registers` beside all.
//!
//! Nothing between `s_axis` and the words ever waits: a beat is taken only if everything on its way has room. So the kernel is
//! the one that was proved, without an enable, and no signal runs back through it.

mod code;
mod shell;
mod wave;

use super::{DesignManifest, VerilogDesign, no_module, sha256};
use crate::error::{Code, Error, Result};
use crate::link::Link;
use crate::units::Cycles;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The primitives, by file and module name.
const PARTS: [(&str, &str); 11] = [
    ("stream_delay", include_str!("../../../hdl/stream_delay.v")),
    ("link_store", include_str!("../../../hdl/link_store.v")),
    ("link_fifo", include_str!("../../../hdl/link_fifo.v")),
    ("link_pack", include_str!("../../../hdl/link_pack.v")),
    ("link_frame", include_str!("../../../hdl/link_frame.v")),
    ("link_crc", include_str!("../../../hdl/link_crc.v")),
    ("link_fixed", include_str!("../../../hdl/link_fixed.v")),
    ("link_gather", include_str!("../../../hdl/link_gather.v")),
    ("link_cross", include_str!("../../../hdl/link_cross.v")),
    ("link_check", include_str!("../../../hdl/link_check.v")),
    ("link_registers", include_str!("../../../hdl/link_registers.v")),
];

/// Cycles of `link_pack` from a chunk to the word that it completes.
const fn pack_cycles(word_log2: u32) -> u32 {
    2 + word_log2.div_ceil(2)
}
/// Cycles until a word or frame is counted, the core is closed, and the source knows; and of the words that the last chunk completes
/// one more.
const SLACK: u32 = 5;
/// Beats between `link_crc` and `m_axis`.
const OUTPUT_LOG2: u32 = 5;
/// Of them, those that come when `go` falls: its register and that of their number, four cycles of `link_frame`, five of `link_crc`, and a
/// CRC with a beat of its own.
const OUTPUT_FLIGHT: u32 = 12;
/// Cycles of `link_fixed` from a chunk to its frame.
const FIXED_CYCLES: u32 = 3;

/// What the core has beside codes and frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CoreOptions {
    /// Bits of an output beat: 32, 64, 128 or 256. Frames of a fixed size are a beat each.
    pub bits: u32,
    /// Bits of an input beat, if a vector comes in several; the last one is filled up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_bits: Option<u32>,
    /// Events that find no room are lost and counted; else the input waits.
    pub drop: bool,
    /// Registers behind AXI4-Lite: who the core is, soft reset, counters.
    pub registers: bool,
    /// The output has a clock of its own.
    pub output_clock: bool,
    /// Words and frames wait in LUT RAM: larger, and faster where nothing adds an output register to block RAM.
    pub lut_ram: bool,
}

impl Default for CoreOptions {
    fn default() -> Self {
        CoreOptions { bits: 64, input_bits: None, drop: false, registers: false, output_clock: false, lut_ram: false }
    }
}

/// What the first registers of a core read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Of this program: major, minor and patch in bits 31:16, 15:8 and 7:0.
    pub version: u32,
    /// The first four bytes of the SHA-256 of the model, the first one highest; 0 without a model.
    pub model: u32,
    /// [`Link::id`].
    pub link: u16,
}

impl Identity {
    /// Of a design and its link.
    pub fn new(manifest: &DesignManifest, link: u16) -> Self {
        let part = |text: &str| text.parse::<u32>().unwrap_or(0);
        let version = part(env!("CARGO_PKG_VERSION_MAJOR")) << 16
            | part(env!("CARGO_PKG_VERSION_MINOR")) << 8
            | part(env!("CARGO_PKG_VERSION_PATCH"));
        let sum = manifest.file_sha256.get(&manifest.model).and_then(|sum| sum.get(..8));
        Identity { version, model: sum.and_then(|sum| u32::from_str_radix(sum, 16).ok()).unwrap_or(0), link }
    }
}

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
    /// What it has.
    pub options: CoreOptions,
    /// Bits of an output beat.
    pub output_bits: u32,
    /// Input beats of a vector.
    pub input_beats: u32,
    /// Cycles from one vector to the next, at least.
    pub ii: u32,
    /// Bits of a frame, if all have as many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_bits: Option<u32>,
    /// Multipliers that are meant for DSP slices: eight a predictor, one a bound.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub multipliers: u32,
    /// The largest event.
    pub worst_event_bits: u64,
    /// Cycles from an input beat to the word that it completes, at least.
    pub latency_cycles: Cycles,
    /// Words in memory, and their bits.
    pub words: u32,
    /// Bits of a word.
    pub word_bits: u32,
    /// Ports that say how unlike its background each event is, of a model with a score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<ScorePorts>,
}

/// `score`, `score_above` and `score_valid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScorePorts {
    /// Bits of `score`.
    pub bits: u32,
    /// Events with a larger score are `score_above`; after reset, where there is a register.
    pub threshold: u16,
    /// Cycles from the last input beat of an event to its score.
    pub latency_cycles: Cycles,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl LinkCore {
    /// Cycles from a vector to its chunk of bits, of a kernel with this link.
    pub fn code_cycles(&self) -> u32 {
        let behind =
            if self.fixed_bits.is_some() { FIXED_CYCLES } else { pack_cycles(self.word_bits.trailing_zeros()) };
        self.latency_cycles.0 - behind
    }

    /// Words or frames in memory that have to be free for an event to be taken.
    pub fn margin(&self) -> u32 {
        self.latency_cycles.0 + SLACK
    }

    /// Frames that the memory holds.
    pub fn frames(&self) -> u32 {
        frames(self.margin())
    }

    /// Inputs that a bench without them holds still, and the constants or nets: no access to the registers, and the same clock
    /// for input and output.
    pub fn ties(&self) -> Vec<(String, String)> {
        let tie = |(port, value): (&str, &str)| (port.to_owned(), value.to_owned());
        let registers = [
            ("s_axil_awaddr", "8'd0"),
            ("s_axil_awvalid", "1'b0"),
            ("s_axil_wdata", "32'd0"),
            ("s_axil_wstrb", "4'd0"),
            ("s_axil_wvalid", "1'b0"),
            ("s_axil_bready", "1'b1"),
            ("s_axil_araddr", "8'd0"),
            ("s_axil_arvalid", "1'b0"),
            ("s_axil_rready", "1'b1"),
        ];
        let mut all: Vec<_> = if self.options.registers { registers.map(tie).to_vec() } else { Vec::new() };
        if self.options.output_clock {
            all.extend([("m_axis_aclk", "clk"), ("m_axis_aresetn", "~rst")].map(tie));
        }
        all
    }
}

/// Adds the core to a kernel's design.
///
/// # Errors
/// [`Code::Usage`] for another output width than 32, 64, 128 or 256, [`Code::Unsupported`] for a kernel of pixels or an event
/// of 1024 bits or more, [`Code::DataShape`] if the link has other numbers than the kernel gives.
pub fn with_link(mut design: VerilogDesign, link: &Link, options: &CoreOptions) -> Result<VerilogDesign> {
    link.check()?;
    let kernel = &design.manifest;
    if ![32, 64, 128, 256].contains(&options.bits) {
        let what = format!("a link of {} bits", options.bits);
        return Err(Error::new(Code::Usage, what).hint("use 32, 64, 128 or 256"));
    }
    let vector_bits = kernel.in_width * kernel.input_formats.len() as u32;
    if options.input_bits.is_some_and(|bits| bits % 8 > 0 || bits == 0 || bits >= vector_bits) {
        return Err(Error::new(Code::Usage, "a vector does not come in beats of so many bits")
            .cause(format!("a vector has {vector_bits} bits, and a beat whole bytes"))
            .hint("use a multiple of 8 below that, or leave --link-input-bits out"));
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
    if kernel.score.is_some() && options.registers && link.zero_suppression {
        return Err(Error::new(
            Code::Unsupported,
            "a core with registers has one threshold: for its score, or for zero suppression",
        )
        .hint("leave --registers or --zero-suppression out"));
    }
    let sizes = Sizes::new(kernel, link, options)?;
    let (name, top) = (kernel.top.clone(), format!("{}_link", kernel.top));
    let mut used = vec!["link_fifo"];
    used.extend((sizes.code > 1).then_some("stream_delay"));
    used.extend(if link.fixed_bits.is_some() {
        &["link_fixed"][..]
    } else {
        &["link_pack", "link_store", "link_frame", "link_crc"]
    });
    used.extend(options.input_bits.map(|_| "link_gather"));
    used.extend(options.output_clock.then_some("link_cross"));
    used.extend(options.registers.then_some(["link_registers", "link_check"]).into_iter().flatten());
    let waves: &[(&str, &str)] = if link.has_waveforms() { &wave::PARTS } else { &[] };
    let parts = PARTS.iter().filter(|(part, _)| used.contains(part)).chain(waves);
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
    let coded = header("codes of an event.");
    let code = code::module(&format!("{name}_code"), link, kernel.out_width, options.registers, &coded);
    let core = LinkCore {
        top: top.clone(),
        link: "link.json".to_owned(),
        id: link.id(),
        options: *options,
        output_bits: sizes.output_bits,
        input_beats: sizes.input_beats,
        ii: kernel.ii.max(sizes.input_beats),
        fixed_bits: link.fixed_bits,
        multipliers: link.numbers.iter().map(|n| wave::multipliers(&n.code)).sum(),
        worst_event_bits: link.worst_event_bits(),
        latency_cycles: Cycles(sizes.flight),
        words: 1 << sizes.words_log2,
        word_bits: sizes.word_bits(),
        score: kernel.score.map(|score| ScorePorts {
            bits: kernel.output_formats.last().map_or(1, |f| f.width),
            threshold: score.threshold,
            latency_cycles: Cycles(kernel.latency_cycles.0 + 1),
        }),
    };
    let mut files = vec![
        (format!("{top}.v"), shell::text(kernel, link, &sizes, options, &header("frames."))),
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

/// Of a margin: frames that are too short to fill the time of one are rare.
fn frames(margin: u32) -> u32 {
    (margin + 8).next_power_of_two()
}

/// Widths and depths.
struct Sizes {
    /// Bits of an output beat.
    output_bits: u32,
    input_beats: u32,
    /// Bits of a word: more than an event has, and no fewer than a beat. Of no use where frames have a fixed size.
    word_log2: u32,
    /// Of a frame, if all have as many.
    fixed_bits: Option<u32>,
    /// Cycles from an input beat to its word.
    flight: u32,
    /// Of them before `link_pack`.
    code: u32,
    words_log2: u32,
    frames_log2: u32,
}

impl Sizes {
    fn new(kernel: &DesignManifest, link: &Link, options: &CoreOptions) -> Result<Self> {
        let worst = link.worst_event_bits();
        if worst >= 1024 {
            return Err(Error::new(Code::Unsupported, format!("an event of {worst} bits"))
                .cause("a word, which holds any event, has 1024 bits at most")
                .hint("send fewer numbers, or narrower ones"));
        }
        let log2 = |n: u64| n.next_power_of_two().trailing_zeros();
        let word_log2 = log2(worst + 1).max(options.bits.trailing_zeros());
        if word_log2 >= link.frame_limit_log2 && link.fixed_bits.is_none() {
            return Err(Error::new(Code::Usage, "a frame is to end before its first word does")
                .hint(format!("set `frame_limit_log2` to {} or more", word_log2 + 1)));
        }
        let code = kernel.latency_cycles.0 + code::latency(link);
        let flight = code + if link.fixed_bits.is_some() { FIXED_CYCLES } else { pack_cycles(word_log2) };
        // What is on its way when the memory is found full, and the registers that find it.
        let margin = u64::from(flight + SLACK);
        // The longest frame. Others are shorter, so that one is sent while the next one comes.
        let words = match link.fixed_bits {
            Some(_) => 8,
            None => ((1u64 << link.frame_limit_log2) + worst).div_ceil(1 << word_log2) + 1,
        };
        let vector_bits = kernel.in_width * kernel.input_formats.len() as u32;
        Ok(Sizes {
            output_bits: link.fixed_bits.unwrap_or(options.bits),
            input_beats: options.input_bits.map_or(1, |bits| vector_bits.div_ceil(bits)),
            word_log2,
            fixed_bits: link.fixed_bits,
            flight,
            code,
            // At least two of the store's banks.
            words_log2: log2(words + margin).max(5),
            frames_log2: frames(margin as u32).trailing_zeros(),
        })
    }

    fn word_bits(&self) -> u32 {
        self.fixed_bits.unwrap_or(1 << self.word_log2)
    }
}
