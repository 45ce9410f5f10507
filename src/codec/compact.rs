//! The part of a model that a decoder needs, in few bytes. docs/FORMAT.md gives the layout.
//!
//! The encoder's weights stay out: the container keeps only transform, latent formats and decoder. Decoder weights are
//! stored as halves (rounded to nearest, ties to even) or as they are; a layer with a weight beyond the range of a half
//! is always stored as it is. Everything is under zstd and counted in the ratio.

use half::f16;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::general::{shuffle, unshuffle, unzstd, zstd};
use crate::entropy::bytes::{Reader, malformed, put_section};
use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::model::{Activation, Conv2d, Layer, Network, Op, QuantizedModel, Transform};

const VERSION: u8 = 1;
/// No decoder is larger than this, in bytes before zstd.
const MAX_BYTES: usize = 1 << 28;
/// No size in a layer is larger than this.
const MAX_SIZE: usize = 1 << 20;
/// The key that marks a float, whose 16 hexadecimal digits follow. Decimal text does not survive every parser exactly.
const FLOAT: &str = "$f64";

/// How decoder weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightPrecision {
    /// 16 bits: about three decimal digits.
    Half,
    /// 32 bits: unchanged.
    Single,
}

/// What a decoder needs of a quantized model.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderModel {
    /// From features to columns.
    pub transform: Transform,
    /// One a latent.
    pub latent_formats: Vec<QFormat>,
    /// Latents → features.
    pub decoder: Network,
    /// The model's name.
    pub model_name: String,
    /// SHA-256 of the model file, hexadecimal.
    pub model_sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Head {
    name: String,
    sha256: String,
    transform: Value,
    latents: Vec<QFormat>,
    n_in: usize,
    layers: Vec<LayerHead>,
}

/// A layer of the decoder without its numbers.
#[derive(Serialize, Deserialize)]
struct LayerHead {
    name: String,
    inputs: Vec<String>,
    activation: Activation,
    /// A dense layer has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conv2d: Option<Conv2d>,
    rows: usize,
    columns: usize,
    /// Its numbers are halves.
    half: bool,
}

/// The bytes of the decoder of `model`.
///
/// # Errors
/// [`Code::ModelForm`] if the model has no decoder or no transform: it can make hardware but no container.
pub fn compact(model: &QuantizedModel, precision: WeightPrecision) -> Result<Vec<u8>> {
    let (Some(transform), Some(decoder)) = (&model.transform, &model.decoder) else {
        return Err(Error::new(Code::ModelForm, format!("model `{}` has no decoder or no transform", model.name))
            .hint("an imported encoder makes hardware; a container needs a model trained here"));
    };
    let unwritable =
        |e: serde_json::Error| Error::new(Code::ModelForm, "the model cannot be written").cause(e.to_string());
    // The bytes that the model file has.
    let mut file = serde_json::to_vec_pretty(model).map_err(unwritable)?;
    file.push(b'\n');
    let sha256 = Sha256::digest(&file).iter().map(|b| format!("{b:02x}")).collect();

    let mut layers = Vec::new();
    let mut numbers = Vec::new();
    for layer in &decoder.layers {
        let (weights, bias) = layer.op.weights();
        let all: Vec<f32> = weights.iter().flatten().chain(bias).copied().collect();
        let halves: Vec<f16> = all.iter().map(|w| f16::from_f32(*w)).collect();
        let small = precision == WeightPrecision::Half && halves.iter().all(|h| h.is_finite());
        // By significance, so that zstd finds the exponents together.
        numbers.extend(if small {
            shuffle(&halves.iter().flat_map(|h| h.to_le_bytes()).collect::<Vec<_>>(), 2)
        } else {
            shuffle(&all.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<_>>(), 4)
        });
        layers.push(LayerHead {
            name: layer.name.clone(),
            inputs: layer.inputs.clone(),
            activation: layer.activation,
            conv2d: match &layer.op {
                Op::Dense { .. } => None,
                Op::Conv2d { geometry, .. } => Some(geometry.clone()),
            },
            rows: weights.len(),
            columns: weights.first().map_or(0, Vec::len),
            half: small,
        });
    }
    let head = Head {
        name: model.name.clone(),
        sha256,
        transform: floats_to_bits(serde_json::to_value(transform).map_err(unwritable)?),
        latents: model.latent_formats(),
        n_in: decoder.n_in,
        layers,
    };
    let mut plain = vec![VERSION];
    put_section(&mut plain, &serde_json::to_vec(&head).map_err(unwritable)?);
    plain.extend(numbers);
    zstd(&plain, 19)
}

impl DecoderModel {
    /// Reads the bytes of [`compact`].
    ///
    /// # Errors
    /// `C001`, `C002`, or what the checks of its parts return.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let plain = unzstd(bytes, MAX_BYTES)?;
        let mut reader = Reader::new(&plain);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(Error::new(Code::ContainerVersion, format!("the embedded model has version {version}"))
                .hint("use a newer program"));
        }
        let unreadable = |e: serde_json::Error| malformed(format!("the embedded model is unreadable: {e}"));
        let head: Head = serde_json::from_slice(reader.section()?).map_err(unreadable)?;
        let layers = head.layers.into_iter().map(|l| l.read(&mut reader)).collect::<Result<_>>()?;
        let decoder = Network { n_in: head.n_in, layers };
        reader.end()?;
        let transform: Transform = serde_json::from_value(bits_to_floats(head.transform)?).map_err(unreadable)?;
        let model = DecoderModel {
            transform,
            latent_formats: head.latents,
            decoder,
            model_name: head.name,
            model_sha256: head.sha256,
        };
        model.check()?;
        Ok(model)
    }

    fn check(&self) -> Result<()> {
        self.transform.check()?;
        self.latent_formats.iter().try_for_each(|f| f.check().map(drop))?;
        self.decoder.check()?;
        let (n_in, n_out) = (self.decoder.n_in, self.decoder.n_out());
        if n_in != self.latent_formats.len() || n_out != self.transform.n_features() {
            return Err(Error::new(
                Code::ModelShape,
                format!(
                    "the embedded decoder is [{n_in}] -> [{n_out}], its surroundings [{}] -> [{}]",
                    self.latent_formats.len(),
                    self.transform.n_features()
                ),
            ));
        }
        Ok(())
    }
}

impl LayerHead {
    /// The layer, with its numbers from `reader`.
    fn read(self, reader: &mut Reader) -> Result<Layer> {
        let (rows, columns) = (self.rows, self.columns);
        if let Some(g) = &self.conv2d {
            let sizes = [&g.in_shape[..], &g.kernel, &g.stride, &g.pad, &[g.filters]].concat();
            if sizes.iter().any(|s| *s > MAX_SIZE) || g.stride.contains(&0) {
                return Err(malformed("a convolution of the embedded model is too large"));
            }
        }
        let size = if self.half { 2 } else { 4 };
        let n = columns.checked_add(1).and_then(|c| c.checked_mul(rows)).filter(|n| *n <= MAX_BYTES);
        let n = n.ok_or_else(|| malformed("a layer of the embedded model is too large"))?;
        let bytes = unshuffle(reader.take(n * size)?, size);
        let all: Vec<f32> = if self.half {
            bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
        } else {
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        };
        let bias = all[rows * columns..].to_vec();
        let weights = (0..rows).map(|r| all[r * columns..(r + 1) * columns].to_vec()).collect();
        let op = match self.conv2d {
            None => Op::Dense { weights, bias },
            Some(geometry) => Op::Conv2d { geometry, weights, bias },
        };
        Ok(Layer { name: self.name, inputs: self.inputs, op, activation: self.activation })
    }
}

/// Every float as its bits.
fn floats_to_bits(value: Value) -> Value {
    match value {
        Value::Number(n) if n.is_f64() => {
            json!({ FLOAT: format!("{:016x}", n.as_f64().expect("it is one").to_bits()) })
        }
        Value::Array(all) => all.into_iter().map(floats_to_bits).collect(),
        Value::Object(all) => all.into_iter().map(|(k, v)| (k, floats_to_bits(v))).collect(),
        other => other,
    }
}

/// The inverse of [`floats_to_bits`].
fn bits_to_floats(value: Value) -> Result<Value> {
    Ok(match value {
        Value::Object(all) => match all.get(FLOAT) {
            Some(bits) => {
                let bits = bits.as_str().and_then(|s| u64::from_str_radix(s, 16).ok());
                let number = bits.and_then(|b| serde_json::Number::from_f64(f64::from_bits(b)));
                Value::Number(number.ok_or_else(|| malformed("a float of the embedded model is unreadable"))?)
            }
            None => Value::Object(all.into_iter().map(|(k, v)| Ok((k, bits_to_floats(v)?))).collect::<Result<_>>()?),
        },
        Value::Array(all) => Value::Array(all.into_iter().map(bits_to_floats).collect::<Result<_>>()?),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::{Overflow, Rounding};
    use crate::model::transform::NormFunction;
    use crate::model::{Activation, ColumnSpec, Constraint, Granular, IntegerLayer, IntegerNetwork, IntegerOp, Norm};

    fn model() -> QuantizedModel {
        let f = QFormat::signed(8, 3);
        let encode = IntegerLayer {
            name: "z".into(),
            inputs: vec!["x".into()],
            op: IntegerOp::Dense,
            weights: vec![vec![1, 2]],
            weight_format: Granular::PerTensor(f),
            bias: vec![0],
            bias_format: Granular::PerTensor(f),
            activation: Activation::None,
            output_format: Granular::PerTensor(QFormat::signed(11, 5)),
            rounding: Rounding::Truncate,
            overflow: Overflow::Saturate,
        };
        let decode = Layer {
            name: "y".into(),
            inputs: vec!["x".into()],
            op: Op::Dense { weights: vec![vec![0.1], vec![-3.7]], bias: vec![0.3, 1e-9] },
            activation: Activation::Smooth,
        };
        // Sums of tenths are the floats that decimal text loses.
        let norm = Norm { function: NormFunction::Asinh { unit: 0.1 + 0.2 }, offset: 1.0 / 3.0, scale: 7e-7 };
        let column =
            ColumnSpec { name: "e".into(), width: 2, norm, zero_flag: false, constraint: Constraint::default() };
        let encoder = IntegerNetwork { n_in: 2, input: Granular::PerTensor(f), layers: vec![encode] };
        QuantizedModel {
            transform: Some(Transform { window: None, columns: vec![column] }),
            decoder: Some(Network { n_in: 1, layers: vec![decode] }),
            ..QuantizedModel::of("m", encoder)
        }
    }

    #[test]
    fn single_precision_keeps_every_bit_and_half_rounds() {
        let model = model();
        model.check().unwrap();
        let back = DecoderModel::from_bytes(&compact(&model, WeightPrecision::Single).unwrap()).unwrap();
        assert_eq!(Some(&back.decoder), model.decoder.as_ref());
        assert_eq!(Some(&back.transform), model.transform.as_ref());
        assert_eq!(back.latent_formats, [QFormat::signed(11, 5)]);
        let back = DecoderModel::from_bytes(&compact(&model, WeightPrecision::Half).unwrap()).unwrap();
        let (weights, bias) = back.decoder.layers[0].op.weights();
        assert_eq!(weights, [[f16::from_f32(0.1).to_f32()], [f16::from_f32(-3.7).to_f32()]]);
        assert_eq!(bias[1], 0.0);
    }

    #[test]
    fn a_weight_beyond_the_range_of_a_half_keeps_its_layer_single() {
        let mut model = model();
        let Some(Op::Dense { weights, .. }) = model.decoder.as_mut().map(|d| &mut d.layers[0].op) else { panic!() };
        weights[0][0] = 1e6;
        let back = DecoderModel::from_bytes(&compact(&model, WeightPrecision::Half).unwrap()).unwrap();
        assert_eq!(Some(back.decoder), model.decoder);
    }
}
