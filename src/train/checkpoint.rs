//! The state of a training on disk, so that a killed one goes on where it was.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::adam::Adam;
use super::prices::Course;
use crate::error::{Code, Result};
use crate::model::file::{read_json, write_whole};
use crate::model::trained::Epoch;

/// The validation loss of the best epoch so far, and its weights.
type Best = Option<(f64, Vec<Vec<f32>>)>;

/// Everything the loop remembers from one epoch to the next. Floats are stored as their bits: what is read back is
/// what was written, to the last one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// Epochs done in this phase.
    pub(super) epoch: usize,
    #[serde(with = "bits")]
    pub(super) parameters: Vec<Vec<f32>>,
    pub(super) adam: Adam,
    #[serde(with = "best")]
    pub(super) best: Best,
    pub(super) since_best: usize,
    /// Patience ran out.
    pub(super) stopped: bool,
    /// Prices, where widths are trained.
    pub(super) course: Course,
    #[serde(with = "epochs")]
    pub(super) history: Vec<Epoch>,
}

/// Where a phase keeps its state.
pub(super) struct Checkpoint<'a> {
    pub(super) path: PathBuf,
    /// A checkpoint of other data, options or code does not count.
    pub(super) key: &'a str,
    /// Epochs between two writes; the last epoch is always written.
    pub(super) every: usize,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    key: String,
    state: State,
}

impl Checkpoint<'_> {
    /// The saved state; none where there is no file, a damaged one, or one with another key: training starts over.
    pub(super) fn load(&self) -> Option<State> {
        let stored: Stored = read_json(&self.path, Code::Io).ok()?;
        (stored.key == self.key).then_some(stored.state)
    }

    /// # Errors
    /// [`Code::Io`].
    pub(super) fn save(&self, state: &State) -> Result<()> {
        #[derive(Serialize)]
        struct Borrowed<'s> {
            key: &'s str,
            state: &'s State,
        }
        let bytes = serde_json::to_vec(&Borrowed { key: self.key, state }).expect("plain data serialises");
        write_whole(&self.path, &bytes)
    }
}

/// The file of one phase, beside the model that training will write.
pub(super) fn path_of(stem: &Path, phase: &str) -> PathBuf {
    let mut name = stem.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{phase}.checkpoint"));
    stem.with_file_name(name)
}

/// Vectors of `f32` as their bits.
pub(super) mod bits {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(v: &[Vec<f32>], s: S) -> Result<S::Ok, S::Error> {
        let bits: Vec<Vec<u32>> = v.iter().map(|p| p.iter().map(|x| x.to_bits()).collect()).collect();
        bits.serialize(s)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Vec<f32>>, D::Error> {
        let bits = Vec::<Vec<u32>>::deserialize(d)?;
        Ok(bits.into_iter().map(|p| p.into_iter().map(f32::from_bits).collect()).collect())
    }
}

/// The best loss and its parameters.
mod best {
    use super::{Best, Deserialize, Serialize};
    use serde::{Deserializer, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Stored(u64, #[serde(with = "super::bits")] Vec<Vec<f32>>);

    pub(super) fn serialize<S: Serializer>(best: &Best, s: S) -> Result<S::Ok, S::Error> {
        best.as_ref().map(|(loss, p)| Stored(loss.to_bits(), p.clone())).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Best, D::Error> {
        Ok(Option::<Stored>::deserialize(d)?.map(|b| (f64::from_bits(b.0), b.1)))
    }
}

/// Loss curves with exact floats.
mod epochs {
    use super::{Deserialize, Epoch, Serialize};
    use serde::{Deserializer, Serializer};

    type Row = (usize, String, u64, Option<u64>, u64);

    pub(super) fn serialize<S: Serializer>(history: &[Epoch], s: S) -> Result<S::Ok, S::Error> {
        let row = |e: &Epoch| -> Row {
            let validation = e.validation_loss.map(f64::to_bits);
            (e.epoch, e.phase.clone(), e.train_loss.to_bits(), validation, e.learning_rate.to_bits())
        };
        history.iter().map(row).collect::<Vec<Row>>().serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Epoch>, D::Error> {
        let rows = Vec::<Row>::deserialize(d)?;
        let epoch = |(epoch, phase, train, validation, rate): Row| Epoch {
            epoch,
            phase,
            train_loss: f64::from_bits(train),
            validation_loss: validation.map(f64::from_bits),
            learning_rate: f64::from_bits(rate),
        };
        Ok(rows.into_iter().map(epoch).collect())
    }
}
