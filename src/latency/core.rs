//! The core of a link, cycle by cycle: when it takes events and when beats leave it, without their bits.
//!
//! ```text
//! event ─► [gather] ─► kernel, codes ─► pack ─┬─ words ──► store ─► frame ─► crc ─► outgoing ─► beats
//!                 ▲                           └─ frames ─► fifo  ──┘   ▲               │
//!                 └── open: room for all that is on its way            └── go ─────────┘
//! fixed frames:      kernel, codes ─► 3 cycles ─► fifo ─► beats
//! ```
//!
//! Registers are those of `hdl/` and of the emitted top that time depends on, under the same names; a comment says where one stands for
//! several. `sluice latency --rtl` holds this model and the Verilog together, every beat in its cycle.

use std::collections::VecDeque;

use crate::link::Link;
use crate::verify::Moves;
use crate::verilog::{DesignManifest, LinkCore};

/// Beats of the outgoing memory that may be there when another is begun.
const GO_USED: u32 = 20;
/// Cycles of `link_fixed`.
const FIXED_CYCLES: u64 = 3;

/// What its time depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreShape {
    /// Cycles between vectors that the kernel needs.
    pub ii: u32,
    /// Input beats of a vector.
    pub input_beats: u32,
    /// Cycles from a vector to its chunk of bits.
    pub code: u32,
    /// Cycles on the way of a vector to the memory, and of the news back: so much room is needed.
    pub margin: u32,
    /// Bits of a word in memory, as a power of two.
    pub word_log2: u32,
    /// Words in memory, likewise.
    pub words_log2: u32,
    /// Frames in memory, likewise.
    pub frames_log2: u32,
    /// Bits of an output beat, likewise.
    pub output_log2: u32,
    /// A frame ends with the first event that finds so many bits before it, likewise.
    pub limit_log2: u32,
    /// Events of a frame, at most.
    pub frame_events: u32,
    /// Whether a frame has a fixed size, a beat.
    pub fixed: bool,
    /// Whether events may be lost.
    pub drop: bool,
    /// Whether memories are LUT RAM, which is faster by a cycle.
    pub lut_ram: bool,
    /// Cycles after reset in which it is still held: one where there are registers.
    pub held: u32,
}

impl CoreShape {
    /// Of an emitted core.
    pub fn new(manifest: &DesignManifest, core: &LinkCore, link: &Link) -> Self {
        let log2 = |n: u32| n.trailing_zeros();
        CoreShape {
            ii: manifest.ii,
            input_beats: core.input_beats,
            code: core.code_cycles(),
            margin: core.margin(),
            word_log2: log2(core.word_bits),
            words_log2: log2(core.words),
            frames_log2: log2(core.frames()),
            output_log2: log2(core.output_bits),
            limit_log2: link.frame_limit_log2,
            frame_events: link.frame_events.into(),
            fixed: core.fixed_bits.is_some(),
            drop: core.options.drop,
            lut_ram: core.options.lut_ram,
            held: core.options.registers.into(),
        }
    }
}

/// An event at the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Bits of its codes.
    pub bits: u32,
    /// Whether its frame ends with it.
    pub last: bool,
}

/// What happened in a cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The event at the input was taken.
    pub taken: bool,
    /// A beat left; whether it is the last of its frame.
    pub beat: Option<bool>,
}

/// A frame on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Events in it.
    pub events: u32,
    /// Events lost behind them.
    pub lost: u32,
    /// Units of 32 bits of its payload.
    pub units: u32,
}

/// `link_fifo`.
#[derive(Clone, Debug, Default)]
struct Fifo {
    lut: bool,
    memory: u32,
    fetched_valid: bool,
    m_valid: bool,
    left: bool,
    used: u32,
}

impl Fifo {
    fn clock(&mut self, write: bool, m_ready: bool) {
        let moves = !self.m_valid || m_ready;
        let some = self.memory > 0;
        let fetch = if self.lut {
            self.m_valid = some || !moves;
            some && moves
        } else {
            let fetch = some && (!self.fetched_valid || moves);
            (self.m_valid, self.fetched_valid) =
                (self.fetched_valid || !moves, fetch || (self.fetched_valid && !moves));
            fetch
        };
        self.memory = self.memory + u32::from(write) - u32::from(fetch);
        self.used = self.used + u32::from(write) - u32::from(self.left);
        self.left = fetch;
    }

    fn is_empty(&self) -> bool {
        self.used == 0 && !self.m_valid && !self.fetched_valid
    }
}

/// A beat between `link_frame` and `link_crc`.
#[derive(Clone, Copy, Debug, Default)]
struct Beat {
    valid: bool,
    last: bool,
    units: u32,
}

/// `link_frame`.
#[derive(Clone, Debug, Default)]
struct Framing {
    body: bool,
    begun: bool,
    tail: bool,
    head: u32,
    part: u32,
    left: u32,
    ends: bool,
    nearly: bool,
    nothing: bool,
    ended: bool,
    quiet: bool,
    rests: bool,
    rest: u32,
    taken: bool,
    next_word2: bool,
    /// Beats on their way, `beat2` to `m_valid`.
    pipe: [Beat; 4],
}

/// `link_crc`.
#[derive(Clone, Debug, Default)]
struct Seal {
    /// `in`, `a` and `b`.
    pipe: [Beat; 3],
    c_valid: bool,
    c_last: bool,
    done: bool,
    ends: bool,
    lacking: u32,
    m_valid: bool,
    m_last: bool,
}

/// What a chunk does to words and frames.
#[derive(Clone, Copy, Debug)]
struct Packed {
    at: u64,
    first: bool,
    second: bool,
    ends: Option<Sent>,
}

/// A core after reset.
#[derive(Clone, Debug)]
pub struct Core {
    shape: CoreShape,
    /// Cycles since reset.
    now: u64,
    // link_gather
    gather_open: bool,
    at: u32,
    gathered: Option<Offer>,
    // The emitted top.
    open: bool,
    may_lose: bool,
    losing: bool,
    left: u32,
    go: bool,
    /// Chunks to come: when, bits, end of the frame, lost.
    coded: VecDeque<(u64, u32, bool, bool)>,
    // link_pack
    filled: u32,
    events: u32,
    losts: u32,
    packed: VecDeque<Packed>,
    waiting: bool,
    word_valid: bool,
    ends: Option<Sent>,
    frame_valid: Option<Sent>,
    // The memories.
    words_used: u32,
    frames: Fifo,
    frame_queue: VecDeque<Sent>,
    framing: Framing,
    seal: Seal,
    outgoing: Fifo,
    /// Whether each beat in it is the last of its frame.
    lasts: VecDeque<bool>,
    // link_fixed
    fixed: VecDeque<(u64, Sent)>,
    /// Frames that have been made and have not left.
    on_their_way: VecDeque<Sent>,
}

impl Core {
    /// In the first cycle after reset.
    pub fn new(shape: CoreShape) -> Self {
        let fifo = |lut| Fifo { lut, ..Fifo::default() };
        Core {
            shape,
            now: 0,
            gather_open: false,
            at: 0,
            gathered: None,
            open: false,
            may_lose: false,
            losing: false,
            left: 0,
            go: true,
            coded: VecDeque::new(),
            filled: 0,
            events: 0,
            losts: 0,
            packed: VecDeque::new(),
            waiting: false,
            word_valid: false,
            ends: None,
            frame_valid: None,
            words_used: 0,
            frames: fifo(shape.lut_ram),
            frame_queue: VecDeque::new(),
            framing: Framing::default(),
            seal: Seal::default(),
            outgoing: fifo(!shape.fixed || shape.lut_ram),
            lasts: VecDeque::new(),
            fixed: VecDeque::new(),
            on_their_way: VecDeque::new(),
        }
    }

    /// Cycles since reset.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Words in memory, as the core counts them.
    pub fn words(&self) -> u32 {
        if self.shape.fixed { self.outgoing.used } else { self.words_used }
    }

    /// Nothing is on its way, and the next event is taken at once: cycles without one change nothing.
    pub fn is_idle(&self) -> bool {
        let f = &self.framing;
        // What is most often otherwise comes first.
        self.on_their_way.is_empty()
            && self.coded.is_empty()
            && self.packed.is_empty()
            && self.open
            && (self.shape.input_beats == 1 || self.gather_open)
            && self.left == 0
            && self.at == 0
            && self.gathered.is_none()
            && !(self.waiting || self.word_valid)
            && self.frames.is_empty()
            && self.outgoing.is_empty()
            && !(f.rests || f.quiet || f.ended || f.taken || f.next_word2)
            && self.go
            && self.may_lose == self.shape.drop
    }

    /// Lets cycles pass without an event: of an idle core only.
    pub fn skip(&mut self, cycles: u64) {
        debug_assert!(self.is_idle());
        self.now += cycles;
    }

    /// Whether there is a beat to take.
    pub fn is_valid(&self) -> bool {
        self.outgoing.m_valid
    }

    /// The next frame that leaves, of which the last beat just did.
    pub fn frame(&mut self) -> Option<Sent> {
        self.on_their_way.pop_front()
    }

    /// A cycle: with an event at the input or none, and the output taken or not.
    pub fn cycle(&mut self, offer: Option<Offer>, ready: bool) -> Step {
        let mut step = Step::default();
        if self.outgoing.m_valid && ready {
            step.beat = Some(if self.shape.fixed { true } else { self.lasts.pop_front().unwrap_or(false) });
        }

        // What is seen of the memories before they change.
        let room = self.has_room();
        let made_used = self.outgoing.used;

        // Input.
        let vector = if self.shape.input_beats > 1 { self.gathered } else { offer };
        let ready_in = (self.open || self.may_lose) && self.left == 0;
        let take = vector.filter(|_| ready_in);
        if self.shape.input_beats > 1 {
            step.taken = self.gather(offer, take.is_some());
        } else {
            step.taken = take.is_some();
        }
        let lose = self.losing || (self.may_lose && !self.open);
        if let Some(event) = take {
            let closes = if lose { self.open } else { event.last };
            self.coded.push_back((self.now + u64::from(self.shape.code), event.bits, closes, lose));
            self.losing = lose && !self.open;
        }
        self.left = if take.is_some() { self.shape.ii - 1 } else { self.left.saturating_sub(1) };

        // Chunks that are there in this cycle.
        let chunk = self.coded.front().is_some_and(|c| c.0 == self.now).then(|| self.coded.pop_front()).flatten();

        if self.shape.fixed {
            let made = self.fixed.front().is_some_and(|f| f.0 == self.now).then(|| self.fixed.pop_front()).flatten();
            self.outgoing.clock(made.is_some(), ready);
            if let Some((_, bits, closes, lost)) = chunk {
                self.fixed_frame(bits, closes, lost);
            }
        } else {
            self.clock_frames(made_used, ready);
            self.clock_pack(chunk);
        }
        let runs = self.now >= u64::from(self.shape.held);
        self.open = room && runs;
        self.may_lose = self.shape.drop && runs;
        self.gather_open = runs;
        self.now += 1;
        step
    }

    fn has_room(&self) -> bool {
        let below = |used: u32, log2: u32| used < (1 << log2) - self.shape.margin;
        match self.shape.fixed {
            true => below(self.outgoing.used, self.shape.words_log2),
            false => below(self.words_used, self.shape.words_log2) && below(self.frames.used, self.shape.frames_log2),
        }
    }

    /// `link_gather`: whether the last beat of the vector was taken.
    fn gather(&mut self, offer: Option<Offer>, vector_taken: bool) -> bool {
        let ends = self.at + 1 == self.shape.input_beats;
        let s_ready = self.gather_open && !(ends && self.gathered.is_some());
        let whole = offer.filter(|_| s_ready && ends);
        if offer.is_some() && s_ready {
            self.at = if ends { 0 } else { self.at + 1 };
        }
        if whole.is_some() {
            self.gathered = whole;
        } else if vector_taken {
            self.gathered = None;
        }
        whole.is_some()
    }

    fn fixed_frame(&mut self, _bits: u32, closes: bool, lost: bool) {
        // A run of lost events leaves the frame of its last one.
        self.losts += u32::from(lost);
        if closes || !lost {
            let events = u32::from(!lost);
            let sent = Sent { events, lost: self.losts, units: 0 };
            self.losts = 0;
            self.fixed.push_back((self.now + FIXED_CYCLES, sent));
            self.on_their_way.push_back(sent);
        }
    }

    /// `link_pack`, and the counts behind it.
    fn clock_pack(&mut self, chunk: Option<(u64, u32, bool, bool)>) {
        let now = self.now;
        let due = self.packed.front().is_some_and(|p| p.at == now);
        let (first, second, ends) = match due.then(|| self.packed.pop_front()).flatten() {
            Some(p) => (p.first, p.second, p.ends),
            None => (false, false, None),
        };
        (self.word_valid, self.waiting) = (self.waiting || first, if self.waiting { first } else { second });
        (self.frame_valid, self.ends) = (self.ends, ends);
        let Some((_, bits, s_last, lost)) = chunk else { return };
        let CoreShape { word_log2, limit_log2, frame_events, .. } = self.shape;
        let bits = if lost { 0 } else { bits };
        let after = self.filled + bits;
        let full = self.filled >> limit_log2 & 1 == 1;
        let nearly = self.events + 1 == frame_events;
        let close = s_last || full || (nearly && !lost);
        self.events += u32::from(!lost);
        self.losts = (self.losts + u32::from(lost)).min(0xFFFF);
        let crosses = (after ^ self.filled) >> word_log2 & 1 == 1;
        let some = after & ((1 << word_log2) - 1) > 0;
        let sent = Sent { events: self.events, lost: self.losts, units: after.div_ceil(32) };
        self.packed.push_back(Packed {
            at: now + 1 + u64::from(word_log2.div_ceil(2)),
            first: crosses || (close && some),
            second: crosses && close && some,
            ends: close.then_some(sent),
        });
        self.filled = if close { 0 } else { after };
        if close {
            self.on_their_way.push_back(sent);
            (self.events, self.losts) = (0, 0);
        }
    }

    /// From the memories to the outgoing beats.
    fn clock_frames(&mut self, made_used: u32, ready: bool) {
        // link_crc gives what the outgoing memory gets.
        if self.seal.m_valid {
            self.lasts.push_back(self.seal.m_last);
        }
        self.outgoing.clock(self.seal.m_valid, ready);
        let units = (1 << self.shape.output_log2) / 32;
        self.seal.clock(self.framing.pipe[3], units);
        // link_frame reads the frames; what it took in the cycle before leaves now.
        let (frame_valid, front) = (self.frames.m_valid, self.frame_queue.front().copied());
        let frame = front.filter(|_| frame_valid);
        let (taken, next) = (self.framing.taken, self.framing.next_word2);
        self.framing.clock(&self.shape, self.go, frame, units);
        self.words_used = self.words_used + u32::from(self.word_valid) - u32::from(next);
        if taken {
            self.frame_queue.pop_front();
        }
        self.frames.clock(self.frame_valid.is_some(), taken);
        self.frame_queue.extend(self.frame_valid);
        self.go = made_used <= GO_USED;
    }
}

impl Framing {
    /// `units`: of a beat.
    fn clock(&mut self, shape: &CoreShape, go: bool, frame: Option<Sent>, units: u32) {
        let may = !self.rests && go;
        let send = may && self.body;
        let last_part = self.part + 1 == 1 << (shape.word_log2 - shape.output_log2);
        let frame_units = frame.map_or(0, |f| f.units);
        let (starts, beat);
        let next_word;
        if units <= 4 {
            let heads_of = 4 / units;
            starts = may && !self.body && !self.begun && frame.is_some() && !self.quiet;
            let heads = may && !self.body && (self.begun || (frame.is_some() && !self.quiet));
            let headed = heads && self.head + 1 == heads_of;
            let empty = if self.begun { self.nothing } else { frame_units == 0 };
            let ends = self.ends;
            beat = Beat {
                valid: heads || send,
                last: (send && ends) || (headed && empty),
                units: if self.body && ends { self.left } else { units },
            };
            next_word = send && (ends || last_part);
            (self.ended, self.quiet) = (headed && empty, self.ended);
            if starts {
                (self.left, self.ends, self.nothing) = (frame_units, frame_units <= units, frame_units == 0);
            } else if send {
                self.ends = self.left <= 2 * units;
                self.left = self.left.saturating_sub(units);
            }
            self.body = if self.body { !(send && ends) } else { headed && !empty };
            if heads {
                self.begun = !headed;
                self.head = if headed { 0 } else { self.head + 1 };
            }
        } else {
            // The header is half a beat.
            let half = units / 2;
            starts = may && !self.body && !self.tail && frame.is_some();
            let sends_tail = may && self.tail;
            let (ends, nearly, empty) = (self.ends, self.nearly, frame_units == 0);
            beat = Beat {
                valid: (starts && empty) || send || sends_tail,
                last: (starts && empty) || (send && ends) || sends_tail,
                units: match (self.tail, self.body, ends) {
                    (true, ..) => self.left,
                    (_, false, _) => half,
                    (_, _, true) => self.left + half,
                    _ => units,
                },
            };
            next_word = send && (nearly || last_part);
            if starts {
                (self.left, self.ends, self.nearly) = (frame_units, frame_units <= half, frame_units <= units);
            } else if send {
                self.ends = self.left <= 2 * units - half;
                self.nearly = self.left <= 2 * units;
                self.left = self.left.saturating_sub(if nearly { half } else { units });
            }
            self.body = if self.body { !(send && nearly) } else { starts && !empty };
            self.tail = if self.tail { !may } else { send && nearly && !ends };
        }
        if send {
            self.part = if next_word { 0 } else { self.part + 1 };
        }
        // Behind a full beat the CRC has one of its own; else units are taken back, one a cycle.
        let rests = beat.valid && beat.last;
        self.rests = rests || (self.rests && self.rest != 1);
        self.rest = match (rests, beat.units == units) {
            (false, _) => self.rest.wrapping_sub(1),
            (true, true) => 1,
            (true, false) => units - beat.units,
        };
        self.pipe = [beat, self.pipe[0], self.pipe[1], self.pipe[2]];
        (self.taken, self.next_word2) = (starts, next_word);
    }
}

impl Seal {
    fn clock(&mut self, beat: Beat, units: u32) {
        let leave = self.c_valid && self.done;
        let gone = self.c_valid && self.ends;
        (self.m_valid, self.m_last) = (leave, self.c_last && self.ends);
        let b = self.pipe[2];
        if b.valid {
            let whole = b.units == units;
            (self.c_last, self.lacking) = (b.last, units.wrapping_sub(b.units));
            (self.done, self.ends) = (whole, whole && !b.last);
        } else {
            if !self.done {
                let ready = self.lacking == 1;
                self.lacking = self.lacking.wrapping_sub(1);
                (self.done, self.ends) = (ready, ready);
            }
            if leave {
                self.ends = true;
            }
        }
        self.c_valid = b.valid || (self.c_valid && !gone);
        self.pipe = [beat, self.pipe[0], self.pipe[1]];
    }
}

/// When events go in that are due in these cycles, and when beats leave: what [`verify::moves`](crate::verify::moves) finds in the Verilog.
///
/// * `offers`, `due`: one an event, never due before the last
/// * `ready`: whether the output is ready, cycle after cycle; after its end it begins anew
pub fn moves(shape: CoreShape, offers: &[Offer], due: &[u64], ready: &[bool]) -> Moves {
    let mut core = Core::new(shape);
    let mut moves = Moves { taken: Vec::with_capacity(offers.len()), left: Vec::new() };
    let mut next = offers.iter().zip(due).peekable();
    loop {
        let now = core.now();
        if core.is_idle() {
            match next.peek() {
                Some((_, due)) if **due > now => core.skip(**due - now),
                Some(_) => {}
                None => return moves,
            }
        }
        let now = core.now();
        let offer = next.peek().filter(|(_, due)| **due <= now).map(|(offer, _)| **offer);
        let step = core.cycle(offer, ready[(now % ready.len() as u64) as usize]);
        if step.taken {
            next.next();
            moves.taken.push(now);
        }
        if let Some(last) = step.beat {
            moves.left.push((now, last));
            if last {
                core.frame();
            }
        }
    }
}
