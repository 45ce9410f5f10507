//! The bridge between a quantized model and the codec: rows to latents with the reference integers, and back.

use ndarray::{Array2, s};

use crate::codec;
use crate::codec::{ColumnMeta, DecoderModel, NeuralBackend, WeightPrecision};
use crate::data::{self, Column, Dataset};
use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::model::{ColumnSpec, Network, QuantizedModel, Transform, Transformer, transformer};
use crate::monitor::Seen;
use crate::reference::Engine;

/// A model that compresses: everything the codec needs of it.
pub struct Neural {
    transform: Transform,
    transformer: Option<Transformer>,
    decoder: Network,
    formats: Vec<QFormat>,
    /// Absent where only the decoder's part of a model is known.
    encoder: Option<Engine>,
    bytes: Vec<u8>,
}

impl Neural {
    /// # Errors
    /// `M003` if the model has no transform or no decoder (an imported encoder).
    pub fn new(model: QuantizedModel) -> Result<Self> {
        let (Some(transform), Some(_)) = (&model.transform, &model.decoder) else {
            return Err(Error::new(
                Code::ModelMismatch,
                format!("model `{}` has an encoder only, it cannot compress data", model.name),
            )
            .hint("train one with `sluice train`; an imported encoder can be emitted and verified"));
        };
        let bytes = codec::compact::compact(&model, WeightPrecision::Half)?;
        // The decoder that the container will carry (weights rounded as stored) is the one used here too.
        let stored = DecoderModel::from_bytes(&bytes)?;
        Ok(Neural {
            transform: transform.clone(),
            transformer: model.transformer.clone(),
            decoder: stored.decoder,
            formats: model.latent_formats(),
            encoder: Some(Engine::new(&model.encoder)?),
            bytes,
        })
    }

    /// The columns that it reads, as it gives them back: of `int64` where their values are whole numbers, else of `float32`.
    pub fn sent_columns(&self) -> Vec<ColumnMeta> {
        let meta = |c: &ColumnSpec| ColumnMeta {
            name: c.name.clone(),
            unit: String::new(),
            dtype: if c.constraint.integer { "int64" } else { "float32" }.to_owned(),
            shape: if c.width > 1 { vec![c.width] } else { Vec::new() },
            bound: None,
            relative: None,
            bits: None,
            formula: None,
        };
        self.transform.columns.iter().map(meta).collect()
    }

    fn from_decoder(model: DecoderModel, bytes: &[u8]) -> Self {
        Neural {
            transform: model.transform,
            transformer: None,
            decoder: model.decoder,
            formats: model.latent_formats,
            encoder: None,
            bytes: bytes.to_vec(),
        }
    }
}

/// The decoder that a container carries.
///
/// # Errors
/// Any error of the stored model.
pub fn from_bytes(bytes: &[u8]) -> Result<Box<dyn NeuralBackend>> {
    Ok(Box::new(Neural::from_decoder(DecoderModel::from_bytes(bytes)?, bytes)))
}

/// Rows of values → rows of features.
pub fn features(transform: &Transform, rows: &Array2<f64>) -> Array2<f32> {
    let mut out = Array2::zeros((rows.nrows(), transform.n_features()));
    ndarray::Zip::from(out.rows_mut()).and(rows.rows()).par_for_each(|mut out, row| {
        out.assign(&ndarray::Array1::from(transform.features(&row.to_vec())));
    });
    out
}

impl Neural {
    /// What the model makes of rows.
    ///
    /// # Errors
    /// `M003` for a container's model, which has no encoder.
    pub fn seen(&self, rows: &Array2<f64>) -> Result<Seen> {
        let x = features(&self.transform, rows);
        let outputs = self.outputs_of(&x)?;
        let latents = outputs.slice(s![.., ..self.formats.len()]).to_owned();
        let score = outputs.columns().into_iter().nth(self.formats.len()).map(|score| score.to_vec());
        let y = features(&self.transform, &self.decode(&latents)?);
        // Flags of zeros behind the values say the same twice.
        let n = self.transform.n_values();
        let error = |(x, y): (ndarray::ArrayView1<f32>, ndarray::ArrayView1<f32>)| {
            x.iter().zip(y).take(n).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>() / n as f64
        };
        let errors = x.outer_iter().zip(y.outer_iter()).map(error).collect();
        Ok(Seen { latents, formats: self.formats.clone(), errors, score })
    }

    /// All that the encoder gives for rows: latents, and behind them the score of a model that has one.
    ///
    /// # Errors
    /// As [`seen`](Self::seen).
    pub fn outputs(&self, rows: &Array2<f64>) -> Result<Array2<i64>> {
        self.outputs_of(&features(&self.transform, rows))
    }

    fn outputs_of(&self, features: &Array2<f32>) -> Result<Array2<i64>> {
        let Some(engine) = &self.encoder else {
            return Err(Error::new(Code::ModelMismatch, "a container carries the decoder only, it cannot encode"));
        };
        Ok(engine.infer_features(&transformer::inputs(self.transformer.as_ref(), features)))
    }
}

impl NeuralBackend for Neural {
    fn rows(&self, data: &Dataset) -> Result<Array2<f64>> {
        data::model_rows(data, &self.transform)
    }

    fn restore(&self, rows: &Array2<f64>, columns: &[ColumnMeta]) -> Result<Vec<Column>> {
        let templates: Vec<_> =
            columns.iter().map(|c| (c.name.clone(), c.unit.clone(), c.dtype.clone(), c.shape.clone())).collect();
        data::restore_columns(rows, &self.transform, &templates)
    }

    fn columns(&self) -> Vec<String> {
        self.transform.columns.iter().map(|c| c.name.clone()).collect()
    }

    fn encode(&self, values: &Array2<f64>) -> Result<Array2<i64>> {
        let mut outputs = self.outputs(values)?;
        // A score is no latent.
        outputs.slice_collapse(s![.., ..self.formats.len()]);
        Ok(outputs)
    }

    fn decode(&self, latents: &Array2<i64>) -> Result<Array2<f64>> {
        let mut out = Array2::zeros((latents.nrows(), self.transform.n_values()));
        ndarray::Zip::from(out.rows_mut()).and(latents.rows()).par_for_each(|mut out, row| {
            let z: Vec<f32> = row.iter().zip(&self.formats).map(|(raw, f)| f.to_f64(*raw) as f32).collect();
            out.assign(&ndarray::Array1::from(self.transform.values(&self.decoder.forward(&z))));
        });
        Ok(out)
    }

    fn latent_formats(&self) -> Vec<QFormat> {
        self.formats.clone()
    }

    fn model_bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }
}
