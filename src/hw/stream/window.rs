//! A window that moves over a stream: which value of how many cycles ago each tap is, and where it lies in the padding.

use super::grid::Grid;

/// Delays of at least so many cycles are memories with a counter, shorter ones rows of registers.
pub const MEMORY_CYCLES: u32 = 8;

/// A kernel, how it moves, and what it sees outside the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// `[height, width]`.
    pub kernel: [u32; 2],
    /// `[down, right]`.
    pub stride: [u32; 2],
    /// `[top, left, bottom, right]`.
    pub pad: [u32; 4],
    /// The value of each channel outside the image.
    pub fill: Vec<i64>,
}

impl Window {
    /// One position, as it comes.
    pub(super) fn point(channels: usize) -> Self {
        Window { kernel: [1, 1], stride: [1, 1], pad: [0; 4], fill: vec![0; channels] }
    }

    /// `[rows, columns]` of what it gives of an image of `size`.
    pub fn sizes(&self, size: [u32; 2]) -> [u32; 2] {
        [0, 1].map(|d| (size[d] + self.pad[d] + self.pad[d + 2]).saturating_sub(self.kernel[d]) / self.stride[d] + 1)
    }

    /// The outputs, in dimension `d`, at which tap `k` lies inside an image of `size`: first and last; `None` if none of
    /// `outputs` does.
    pub fn inside(&self, d: usize, k: u32, size: u32, outputs: u32) -> Option<(u32, u32)> {
        let (stride, pad) = (i64::from(self.stride[d]), i64::from(self.pad[d]));
        // 0 <= o * stride + k - pad < size
        let low = (pad - i64::from(k)).max(0).div_euclid(stride) + i64::from((pad - i64::from(k)).max(0) % stride > 0);
        let high = (i64::from(size) - 1 + pad - i64::from(k)).div_euclid(stride).min(i64::from(outputs) - 1);
        (low <= high).then_some((low as u32, high as u32))
    }

    /// Whether some tap is outside the image at some output.
    pub fn masked(&self, input: &Grid, rows: u32, columns: u32) -> bool {
        let whole = |d: usize, size, outputs| {
            (0..self.kernel[d]).all(|k| self.inside(d, k, size, outputs) == Some((0, outputs - 1)))
        };
        !whole(0, input.rows, rows) || !whole(1, input.columns, columns)
    }

    /// Cycles from the input position of tap `(0, 0)` to that of the last tap.
    fn reach(&self, input: &Grid) -> u32 {
        (self.kernel[0] - 1) * input.row_pitch + (self.kernel[1] - 1) * input.column_pitch
    }

    /// Cycles from the first input position to the first window: that of its last tap, but no earlier than the position, and
    /// one later where masks must be known before.
    pub(super) fn lead(&self, input: &Grid, masked: bool) -> u32 {
        let padded = self.pad[0] * input.row_pitch + self.pad[1] * input.column_pitch;
        self.reach(input).saturating_sub(padded).max(u32::from(masked))
    }

    /// Cycles that the stream waits before the first line, because the first windows lie in the padding.
    pub(super) fn hold(&self, input: &Grid, lead: u32) -> u32 {
        lead + self.pad[0] * input.row_pitch + self.pad[1] * input.column_pitch - self.reach(input)
    }
}
