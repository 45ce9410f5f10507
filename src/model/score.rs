//! A model whose last output says how unlike its background an event is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;

/// The score's threshold. How it is computed say the layers of the encoder, which end in the latents, unchanged, and the score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Raw integer: events with a larger score are to be kept. The core of a link begins with it.
    pub threshold: u16,
    /// Share of the background that had a larger one.
    pub background_rate: f64,
}

impl Score {
    /// Widest score: a register holds its threshold.
    pub const MAX_WIDTH: u32 = 16;

    /// Checks that the last of the encoder's outputs can be one.
    ///
    /// # Errors
    /// [`Code::ModelForm`].
    pub fn check(&self, outputs: &[QFormat]) -> Result<()> {
        let wrong =
            |cause: String| Err(Error::new(Code::ModelForm, "the model's score does not make sense").cause(cause));
        match outputs {
            [] | [_] => wrong("there are no latents beside it".to_owned()),
            [.., last] if last.signed || last.width > Score::MAX_WIDTH => {
                wrong(format!("it is {last}, not unsigned of at most {} bits", Score::MAX_WIDTH))
            }
            [.., last] if !last.contains(self.threshold.into()) => {
                wrong(format!("its threshold {} is beyond {last}", self.threshold))
            }
            _ if !(0.0..=1.0).contains(&self.background_rate) => wrong(format!("{} is no share", self.background_rate)),
            _ => Ok(()),
        }
    }
}
