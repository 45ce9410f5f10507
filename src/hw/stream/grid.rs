//! When each position of an image is on its stream.
//!
//! A stream carries one position (all channels) a cycle. Counted from the first position of the input, position `(r, c)` is
//! there in cycle `start + r * row_pitch + c * column_pitch`. A window that moves by 2 gives every second position of every
//! second row: its pitches are twice those that it reads. So every value lies a fixed number of cycles before every window that
//! reads it, and a line buffer is a delay.

use super::window::Window;
use crate::error::{Code, Error, Result};

/// Most cycles that a vector may take.
const MOST_CYCLES: u64 = 1 << 24;

/// The positions of a stream, and when they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Rows of positions.
    pub rows: u32,
    /// Positions of a row.
    pub columns: u32,
    /// Values of a position.
    pub channels: u32,
    /// Cycles from a position to the one below it.
    pub row_pitch: u32,
    /// Cycles from a position to the one right of it.
    pub column_pitch: u32,
    /// The cycle of the first position.
    pub start: u32,
}

impl Grid {
    /// The cycle of a position.
    pub fn at(&self, row: u32, column: u32) -> u32 {
        self.start + row * self.row_pitch + column * self.column_pitch
    }

    /// Cycles from the first position to the last.
    pub fn span(&self) -> u32 {
        (self.rows - 1) * self.row_pitch + (self.columns - 1) * self.column_pitch
    }

    /// Positions.
    pub fn positions(&self) -> u32 {
        self.rows * self.columns
    }
}

/// The grid of the input, its cycles a vector, and for each window the sizes of what it gives.
pub(super) struct Plan {
    pub input: Grid,
    pub ii: u32,
    /// `[rows, columns, channels]`.
    pub sizes: Vec<[u32; 3]>,
}

/// The closest pitch of rows, and the fewest cycles a vector, at which no stream has two positions in one cycle.
///
/// Pixels come without a gap unless a window gives more positions than it reads, as with a padding of the whole kernel.
///
/// # Errors
/// [`Code::Unsupported`] if a vector takes too many cycles.
pub(super) fn plan(shape: [u32; 3], windows: &[(&Window, u32)]) -> Result<Plan> {
    let mut sizes = Vec::with_capacity(windows.len());
    // Cycles are `row_pitch * down` and `right` from position to position.
    let (mut size, mut steps) = (shape, [1u64, 1]);
    let mut row_pitch = u64::from(shape[1]);
    let mut streams = vec![(shape, steps)];
    let mut widest = 1u64;
    for (window, channels) in windows {
        let most = window.kernel.iter().chain(&window.pad).max().copied().unwrap_or(0);
        widest = widest.max(steps[0].max(steps[1]).saturating_mul(most.into()));
        let [rows, columns] = window.sizes([size[0], size[1]]);
        size = [rows, columns, *channels];
        steps = [0, 1].map(|d| steps[d].saturating_mul(window.stride[d].into()).min(MOST_CYCLES));
        row_pitch = row_pitch.max(u64::from(columns - 1) * steps[1] / steps[0] + 1);
        streams.push((size, steps));
        sizes.push(size);
    }
    let span = |(size, steps): &([u32; 3], [u64; 2])| {
        u64::from(size[0] - 1) * steps[0] * row_pitch + u64::from(size[1] - 1) * steps[1] + 1
    };
    let ii = streams.iter().map(span).max().unwrap_or(1);
    let far = widest.max(steps[0]).max(steps[1]).saturating_mul(row_pitch);
    if ii.max(far) > MOST_CYCLES {
        return Err(Error::new(Code::Unsupported, "the image is too large to stream")
            .cause(format!("a vector takes {ii} cycles, the largest window reaches over {far}"))
            .hint(format!("{MOST_CYCLES} is the most")));
    }
    let input = Grid {
        rows: shape[0],
        columns: shape[1],
        channels: shape[2],
        row_pitch: row_pitch as u32,
        column_pitch: 1,
        start: 0,
    };
    Ok(Plan { input, ii: ii as u32, sizes })
}
