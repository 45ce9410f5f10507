//! Pooling windows over images.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::layer_check::check_size;
use super::network::Conv2d;
use crate::error::{Code, Error, Result};

/// Longest side that is accepted: beyond it a file is damaged rather than large.
const LARGEST: usize = 1 << 16;

/// Geometry of a pooling layer over x of `[height, width, channels]`, flattened row-major; each channel by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pool2d {
    /// `[height, width, channels]`.
    pub in_shape: [usize; 3],
    /// `[height, width]` of the window.
    pub kernel: [usize; 2],
    /// `[down, right]`.
    pub stride: [usize; 2],
    /// `[top, left, bottom, right]`, less than the window: a maximum ignores it, an average counts zeros there.
    pub pad: [usize; 4],
}

impl Pool2d {
    /// A convolution with the same windows.
    fn conv(&self) -> Conv2d {
        let Pool2d { in_shape, kernel, stride, pad } = *self;
        Conv2d { in_shape, kernel, stride, pad, filters: in_shape[2] }
    }

    /// `[out_height, out_width]`.
    pub fn out_size(&self) -> [usize; 2] {
        self.conv().out_size()
    }

    /// Channels, the same before and after.
    pub fn channels(&self) -> usize {
        self.in_shape[2]
    }

    /// Values in a whole window.
    pub fn size(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Length of the flattened input.
    pub fn n_in(&self) -> usize {
        self.conv().n_in()
    }

    /// Length of the flattened output, `[out_h, out_w, channels]`.
    pub fn n_out(&self) -> usize {
        self.conv().n_out()
    }

    /// For each output element, in order, the inputs in its window; what lies in the padding is left out.
    pub fn windows(&self) -> Vec<Vec<usize>> {
        let channels = self.channels();
        let of = |taps: &Vec<(usize, usize)>, c: usize| {
            taps.iter().map(|(i, _)| *i).filter(|i| i % channels == c).collect::<Vec<_>>()
        };
        self.conv().patches().iter().flat_map(|taps| (0..channels).map(move |c| of(taps, c))).collect()
    }

    /// The geometry, or why it is none.
    ///
    /// # Errors
    /// [`Code::ModelShape`] if a dimension is zero, the window is larger than the padded image, or a padding is as large
    /// as the window, so that a window could lie outside the image.
    pub fn check(&self, layer: &str) -> Result<()> {
        let bad = |what: String| Err(Error::new(Code::ModelShape, format!("layer `{layer}`: {what}")));
        let sizes = [&self.in_shape[..], &self.kernel, &self.stride].concat();
        if sizes.contains(&0) {
            return bad("a size of the pooling is 0".into());
        }
        if sizes.iter().any(|s| *s > LARGEST) {
            return bad("the pooling is too large to be one of hardware".into());
        }
        let [top, left, bottom, right] = self.pad;
        if top.max(bottom) >= self.kernel[0] || left.max(right) >= self.kernel[1] {
            return bad(format!("padding {:?} is not less than the window {:?}", self.pad, self.kernel));
        }
        self.conv().check(layer)?;
        check_size(layer, self.n_in().max(self.n_out()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_keep_to_their_channel_and_leave_the_padding_out() {
        let pool = Pool2d { in_shape: [2, 3, 2], kernel: [2, 2], stride: [2, 2], pad: [0, 1, 0, 0] };
        pool.check("p").unwrap();
        assert_eq!((pool.out_size(), pool.n_in(), pool.n_out(), pool.size()), ([1, 2], 12, 4, 4));
        let windows = pool.windows();
        assert_eq!(windows, [vec![0, 6], vec![1, 7], vec![2, 4, 8, 10], vec![3, 5, 9, 11]]);
    }

    #[test]
    fn no_window_lies_outside_the_image() {
        for pad in 0..3 {
            for stride in 1..4 {
                let pool =
                    Pool2d { in_shape: [2, 4, 1], kernel: [3, 3], stride: [stride; 2], pad: [pad, pad, pad, pad] };
                if pool.check("p").is_ok() {
                    assert!(pool.windows().iter().all(|w| !w.is_empty()), "{pool:?}");
                }
            }
        }
        let pool = Pool2d { in_shape: [2, 4, 1], kernel: [2, 2], stride: [1, 1], pad: [0, 2, 0, 0] };
        assert_eq!(
            pool.check("p").unwrap_err().what(),
            "layer `p`: padding [0, 2, 0, 0] is not less than the window [2, 2]"
        );
    }
}
