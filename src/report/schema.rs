//! JSON Schemas of the files that other tools read or write, made from the types and their doc comments.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::Value;

use super::Report;
use crate::model::{QuantizedModel, TrainedModel};

/// A file format with a published schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// `report.json` of a run folder.
    Report,
    /// `model.quant.json`.
    QuantizedModel,
    /// `model.trained.json`.
    TrainedModel,
    /// `design.json` of a design folder.
    #[cfg(feature = "verilog")]
    Design,
    /// `results.json` of a latency study.
    #[cfg(feature = "verilog")]
    Latency,
}

impl Document {
    /// Every document.
    pub const ALL: &[Document] = &[
        Document::Report,
        Document::QuantizedModel,
        Document::TrainedModel,
        #[cfg(feature = "verilog")]
        Document::Design,
        #[cfg(feature = "verilog")]
        Document::Latency,
    ];

    /// Where the repository keeps its schema.
    pub fn path(self) -> &'static str {
        match self {
            Document::Report => "docs/report.schema.json",
            Document::QuantizedModel => "models/quantized.schema.json",
            Document::TrainedModel => "models/trained.schema.json",
            #[cfg(feature = "verilog")]
            Document::Design => "docs/design.schema.json",
            #[cfg(feature = "verilog")]
            Document::Latency => "docs/latency.schema.json",
        }
    }

    /// The name that `sluice schema` takes.
    pub fn name(self) -> &'static str {
        match self {
            Document::Report => "report",
            Document::QuantizedModel => "quantized",
            Document::TrainedModel => "trained",
            #[cfg(feature = "verilog")]
            Document::Design => "design",
            #[cfg(feature = "verilog")]
            Document::Latency => "latency",
        }
    }

    /// The schema, draft 2020-12.
    pub fn schema(self) -> Value {
        match self {
            Document::Report => of::<Report>("Report of a run: report.json"),
            Document::QuantizedModel => of::<QuantizedModel>("Quantized model: model.quant.json"),
            Document::TrainedModel => of::<TrainedModel>("Trained model: model.trained.json"),
            #[cfg(feature = "verilog")]
            Document::Design => of::<crate::verilog::DesignManifest>("Design folder: design.json"),
            #[cfg(feature = "verilog")]
            Document::Latency => of::<crate::latency::results::Results>("Results of a latency study: results.json"),
        }
    }
}

fn of<T: JsonSchema>(title: &str) -> Value {
    let mut schema = SchemaGenerator::new(SchemaSettings::draft2020_12()).into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}
