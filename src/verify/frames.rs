//! A core that sends frames against the bytes of the software.

use std::fmt;
use std::time::Duration;

use ndarray::{Array2, ArrayView2, s};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{IcarusOptions, VerifyOptions, icarus, verilator};
use crate::dut::Dut;
use crate::error::{Code, Error, Result};
use crate::link::{FrameWriter, HEADER_BYTES, Header, Link, read_frames};
use crate::reference::Engine;

/// Bunch crossings of an orbit of the LHC, after which they count from 0 again.
pub const ORBIT: usize = 3564;

/// Frames as simulated beside those of the software.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FramesReport {
    /// Events sent.
    pub events: usize,
    /// Frames that the software makes of them.
    pub frames: usize,
    /// Bytes of these.
    pub bytes: usize,
    /// Cycles from the first event taken to the last: one less than `events` times the II where nothing waits.
    pub input_cycles: u64,
    /// Events that were lost for want of room, each of them told by a frame; 0 of a core that waits instead.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: usize,
    /// How often each side was stalled, in percent.
    pub stall_percent: u32,
    /// Events whose score was compared, of a core with a port for it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub scores: usize,
    /// Events that Icarus ran too.
    pub icarus: usize,
    /// The first difference; `null` if every byte, every `tkeep` and every `tlast` is the same.
    pub difference: Option<String>,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl FramesReport {
    /// Whether the bytes are the same.
    pub fn passed(&self) -> bool {
        self.difference.is_none()
    }
}

impl fmt::Display for FramesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(difference) = &self.difference {
            writeln!(f, "frames differ: {difference}")?;
        }
        if self.lost > 0 {
            write!(f, "{} events lost and told, ", self.lost)?;
        }
        if self.scores > 0 {
            write!(f, "{} scores compared, ", self.scores)?;
        }
        write!(
            f,
            "{} events in {} frames of {} bytes, {}; {:.3} cycles an event, stalls {} %; Icarus: {} events",
            self.events,
            self.frames,
            self.bytes,
            if self.passed() { "every byte as in software" } else { "not those of the software" },
            (self.input_cycles + 1) as f64 / self.events.max(1) as f64,
            self.stall_percent,
            self.icarus
        )
    }
}

/// Bunch crossing of each event, and whether it ends its frame.
pub type Marks = Vec<(u16, bool)>;

/// Bunch crossings in turn; now and then an event that ends its frame, sometimes more of them in a row than a core has on its way, and
/// the last one.
pub fn varied_marks(events: usize) -> Marks {
    let ends = |i: usize| i + 1 == events || i % 37 == 36 || i % 101 < 2 || (128..192).contains(&(i % 1024));
    (0..events).map(|i| ((i % ORBIT) as u16, ends(i))).collect()
}

/// Bunch crossing 0; the last event ends its frame, and that of each record: what `sluice compress` writes.
pub fn plain_marks(events: usize, record: Option<u32>) -> Marks {
    let ends = |i: usize| i + 1 == events || record.is_some_and(|n| (i + 1) % n as usize == 0);
    (0..events).map(|i| (0, ends(i))).collect()
}

/// A core that sends frames, and what it has to send.
#[derive(Clone, Copy)]
pub struct Sender<'a> {
    /// The core.
    pub dut: &'a Dut,
    /// Its codes and frames.
    pub link: &'a Link,
    /// The integers of the kernel in it.
    pub engine: &'a Engine,
}

/// What goes into the core and what has to come out.
struct Job {
    vectors: usize,
    /// Packed input beats.
    bus: Vec<u32>,
    /// The beats of [`beats`], each `per_beat` words.
    expected: Vec<u32>,
    per_beat: usize,
    frames: usize,
    bytes: usize,
    /// What has to come at the ports of the score, if there are any.
    scores: Option<Vec<u32>>,
}

impl Job {
    fn new(sender: &Sender, inputs: ArrayView2<i64>, marks: &[(u16, bool)]) -> Result<Self> {
        let Sender { dut, link, engine } = *sender;
        let width = dut.frames.map_or(32, |f| f.bits) as usize;
        let mut writer = FrameWriter::new(link);
        let threshold = dut.frames.and_then(|f| f.score).map(|(_, threshold)| u32::from(threshold));
        let mut scores = threshold.map(|_| Vec::with_capacity(inputs.nrows()));
        for (row, (crossing, last)) in inputs.rows().into_iter().zip(marks) {
            let event = engine.infer(&row.to_vec());
            writer.event(&event, *crossing, *last)?;
            if let (Some(scores), Some(threshold), Some(score)) = (&mut scores, threshold, event.last()) {
                let score = *score as u32;
                scores.push(u32::from(score > threshold) << 16 | score);
            }
        }
        let bytes = writer.finish();
        let (expected, frames) = beats(&bytes, link, width)?;
        let mut bus = dut.pack(inputs)?;
        dut.mark(&mut bus, marks);
        Ok(Job { vectors: inputs.nrows(), bus, expected, per_beat: width / 32 + 2, frames, bytes: bytes.len(), scores })
    }

    fn beats(&self) -> usize {
        self.expected.len() / self.per_beat
    }

    /// The first of the scores that came which is another.
    fn score_difference(&self, came: &[u32]) -> Option<String> {
        let expected = self.scores.as_ref()?;
        let say = |word: Option<&u32>| {
            word.map_or("none".to_owned(), |w| format!("{}{}", w & 0xFFFF, if w >> 16 == 1 { " (above)" } else { "" }))
        };
        let longest = expected.len().max(came.len());
        let at = (0..longest).find(|k| expected.get(*k) != came.get(*k))?;
        Some(format!("score of event {at}: expected {}, got {}", say(expected.get(at)), say(came.get(at))))
    }

    /// The first of the beats that came which is another.
    fn difference(&self, dut: &Dut, came: &[u32]) -> Option<String> {
        let width = 32 * (self.per_beat - 2);
        let pairs = self.expected.chunks_exact(self.per_beat).zip(came.chunks_exact(dut.out_words()));
        let mut pairs = pairs.map(|(expected, got)| (expected, unpack(got, width))).enumerate();
        let (k, (expected, got)) = pairs.find(|(_, (expected, got))| expected != got)?;
        Some(format!("beat {k}: expected {}, got {}", describe(expected), describe(&got)))
    }
}

impl Sender<'_> {
    /// Sends events through the core in Verilator, the first `options.icarus` in Icarus too, and compares the beats with the
    /// frames of the software.
    ///
    /// * `inputs`: `[event, input]`, raw integers
    /// * returns: the report, and the bytes that the core sent
    ///
    /// # Errors
    /// Those of [`simulate`](super::simulate), [`icarus`](super::icarus()) and [`FrameWriter::event`]. Wrong bytes are no
    /// error: they are in the report.
    pub fn verify(
        &self,
        inputs: &Array2<i64>,
        marks: &Marks,
        options: VerifyOptions,
    ) -> Result<(FramesReport, Vec<u8>)> {
        if self.dut.frames.is_some_and(|f| f.drop) {
            return self.verify_lossy(inputs, marks, options);
        }
        let VerifyOptions { stall_percent, seed, icarus: few } = options;
        let dut = self.dut;
        let job = Job::new(self, inputs.view(), marks)?;
        let run = verilator::frames(dut, &job.bus, [job.vectors, job.beats()], stall_percent, seed)?;
        let came = &run.bus[..job.beats().min(run.taken as usize) * dut.out_words()];
        let mut difference = job.difference(dut, came);
        if difference.is_none() && run.breaches > 0 {
            difference = Some(format!("tvalid fell or data changed before tready, {} times", run.breaches));
        }
        if difference.is_none() && run.taken != job.beats() as u64 {
            difference = Some(format!("{} beats came, the software makes {}", run.taken, job.beats()));
        }
        difference = difference.or_else(|| job.score_difference(&run.scores));
        let few = few.min(inputs.nrows());
        if difference.is_none() && few > 0 {
            let part = inputs.slice(s![..few, ..]).to_owned();
            difference = self.in_icarus(&part, marks, options, None)?.err();
        }
        let sent = bytes_of(dut, came, 32 * (job.per_beat - 2));
        let report = FramesReport {
            events: job.vectors,
            frames: job.frames,
            bytes: job.bytes,
            input_cycles: run.input_cycles,
            lost: 0,
            scores: job.scores.as_ref().map_or(0, Vec::len),
            stall_percent,
            icarus: few,
            difference,
        };
        Ok((report, sent))
    }

    /// The same for a core that loses events: its frames say which, and the software, told the same, has to write these frames.
    fn verify_lossy(
        &self,
        inputs: &Array2<i64>,
        marks: &Marks,
        options: VerifyOptions,
    ) -> Result<(FramesReport, Vec<u8>)> {
        let VerifyOptions { stall_percent, seed, .. } = options;
        let Sender { dut, link, engine } = *self;
        let job = Job::new(self, inputs.view(), marks)?;
        // A frame more for each event at most.
        let most = job.beats() + job.vectors * (1 + HEADER_BYTES * 8 / (32 * (job.per_beat - 2)));
        let run = verilator::frames(dut, &job.bus, [job.vectors, most], stall_percent, seed)?;
        let came = &run.bus[..most.min(run.taken as usize) * dut.out_words()];
        let sent = bytes_of(dut, came, 32 * (job.per_beat - 2));
        let (frames, damages) = read_frames(link, &sent);
        let mut writer = FrameWriter::new(link);
        let (mut next, mut lost) = (0, 0);
        for frame in &frames {
            // Of a run of losses a frame of fixed size tells the last.
            let gap = match link.fixed_bits {
                Some(_) if frame.header.lost > 0 => frame.header.event.wrapping_sub(next as u32) as usize,
                _ => 0,
            };
            let losses = gap + usize::from(frame.header.lost);
            for (k, mark) in marks.iter().enumerate().skip(next).take(frame.events.len() + losses) {
                if k < next + frame.events.len() {
                    writer.event(&engine.infer(&inputs.row(k).to_vec()), mark.0, mark.1)?;
                } else {
                    writer.lost(mark.0);
                }
            }
            if losses > 0 {
                writer.end_frame();
            }
            next += frame.events.len() + losses;
            lost += losses;
        }
        let wanted = writer.finish();
        let difference = if let Some(damage) = damages.first() {
            Some(format!("byte {}: {}", damage.bytes.start, damage.cause))
        } else if next != job.vectors {
            Some(format!("the frames tell of {next} events, {} were sent", job.vectors))
        } else if run.breaches > 0 {
            Some(format!("tvalid fell or data changed before tready, {} times", run.breaches))
        } else {
            let at = sent.iter().zip(&wanted).position(|(a, b)| a != b);
            at.or((sent.len() != wanted.len()).then_some(sent.len().min(wanted.len())))
                .map(|at| format!("byte {at} differs"))
                .or_else(|| job.score_difference(&run.scores))
        };
        let report = FramesReport {
            events: job.vectors,
            frames: frames.len(),
            bytes: sent.len(),
            input_cycles: run.input_cycles,
            lost,
            scores: job.scores.as_ref().map_or(0, Vec::len),
            stall_percent,
            icarus: 0,
            difference,
        };
        Ok((report, sent))
    }

    /// The same in Icarus, which starts every register at X: how many cycles it took, or the first difference. After the
    /// `limit` it is given up.
    ///
    /// # Errors
    /// Those of [`icarus`](super::icarus()).
    pub fn in_icarus(
        &self,
        inputs: &Array2<i64>,
        marks: &Marks,
        options: VerifyOptions,
        limit: Option<Duration>,
    ) -> Result<Result<u64, String>> {
        let mut marks = marks[..inputs.nrows()].to_vec();
        // The frame that the last of them is in ends with it.
        marks.iter_mut().last().into_iter().for_each(|m| m.1 = true);
        let job = Job::new(self, inputs.view(), &marks)?;
        let VerifyOptions { stall_percent, seed, .. } = options;
        let bench = IcarusOptions { stall_percent, seed, limit, ..Default::default() };
        match icarus::beats(self.dut, &job.bus, [job.vectors, job.beats()], &bench) {
            Ok(run) => Ok(match job.difference(self.dut, &run.bus) {
                Some(difference) => Err(format!("Icarus, {difference}")),
                None => Ok(run.cycles),
            }),
            // Too many beats, too few, or one that is undefined.
            Err(e) if e.code() == Code::ToolFailed => Ok(Err(format!("Icarus: {}", e.what()))),
            Err(e) => Err(e),
        }
    }
}

/// The bytes of beats.
fn bytes_of(dut: &Dut, beats: &[u32], width: usize) -> Vec<u8> {
    let bytes = |beat: &[u32]| {
        let beat = unpack(beat, width);
        let keep = beat[width / 32].count_ones() as usize;
        beat[..width / 32].iter().flat_map(|w| w.to_le_bytes()).take(keep).collect::<Vec<u8>>()
    };
    beats.chunks_exact(dut.out_words()).flat_map(bytes).collect()
}

/// Frames as beats of `width` bits: words of data, then `tkeep`, then `tlast`; and how many frames.
fn beats(mut bytes: &[u8], link: &Link, width: usize) -> Result<(Vec<u32>, usize)> {
    let (mut beats, mut frames) = (Vec::new(), 0);
    while !bytes.is_empty() {
        let length = match link.fixed_bits {
            Some(bits) => Some(bits as usize / 8),
            None => bytes.first_chunk::<HEADER_BYTES>().and_then(Header::from_bytes).map(|h| h.frame_bytes()),
        };
        let length = length.filter(|n| *n <= bytes.len());
        let length = length.ok_or_else(|| Error::new(Code::Design, "the software made a frame without a header"))?;
        let (frame, rest) = bytes.split_at(length);
        let parts = frame.chunks(width / 8);
        let last = parts.len() - 1;
        for (k, part) in parts.enumerate() {
            let mut data = part.to_vec();
            data.resize(width / 8, 0);
            beats.extend(data.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])));
            beats.push(u32::MAX >> (32 - part.len()));
            beats.push((k == last).into());
        }
        (bytes, frames) = (rest, frames + 1);
    }
    Ok((beats, frames))
}

/// A beat of the output bus in the form of [`beats`].
fn unpack(beat: &[u32], width: usize) -> Vec<u32> {
    let words = width / 32;
    let above = beat[words..].iter().take(2).enumerate().fold(0u64, |sum, (k, w)| sum | u64::from(*w) << (32 * k));
    let keep = width / 8;
    let mut out = beat[..words].to_vec();
    out.push((above & ((1 << keep) - 1)) as u32);
    out.push((above >> keep) as u32);
    out
}

fn describe(beat: &[u32]) -> String {
    let words = beat.len() - 2;
    let data: String = beat[..words].iter().rev().map(|w| format!("{w:08x}")).collect();
    format!("{data} (tkeep {:x}, tlast {})", beat[words], beat[words + 1])
}
