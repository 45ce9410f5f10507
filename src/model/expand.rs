//! Functions by name in a model file, replaced by their tables.

use serde_json::Value;

use super::functions::Function;
use super::integer::{Granular, IntegerNetwork, check_formats};
use super::layer_check::check_size;
use super::quantized::QuantizedModel;
use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;

/// A model in sluice's own form, whose lookups may have a `function` instead of `tables`.
///
/// # Errors
/// Those of [`QuantizedModel::check`] and [`Function::table`], with the layer.
pub(super) fn expand(mut file: Value) -> Result<QuantizedModel> {
    let form = |e: serde_json::Error| Error::new(Code::ModelForm, "this is not a model").cause(e.to_string());
    let encoder = file.get("encoder").cloned().unwrap_or_default();
    let part = |key: &str| encoder.get(key).cloned().unwrap_or_default();
    let mut network = IntegerNetwork {
        n_in: serde_json::from_value(part("n_in")).map_err(form)?,
        input: serde_json::from_value(part("input")).map_err(form)?,
        layers: vec![],
    };
    check_size("x", network.n_in)?;
    check_formats("the input", &network.input, network.n_in, 0)?;
    let mut layers: Vec<Value> = serde_json::from_value(part("layers")).map_err(form)?;
    for layer in &mut layers {
        let place = |e: Error| {
            let name = layer.get("name").and_then(Value::as_str).unwrap_or_default();
            e.at(format!("layer `{name}`"))
        };
        let tables = match layer.get("function") {
            Some(function) => Some(function_tables(&network, layer, function).map_err(place)?),
            None => None,
        };
        if let (Some(tables), Some(keys)) = (tables, layer.as_object_mut()) {
            keys.remove("function");
            keys.insert("tables".to_owned(), tables.into());
        }
        network.layers.push(serde_json::from_value(layer.clone()).map_err(form)?);
        // The next function reads formats of layers that are sound.
        network.check().map_err(|e| e.at("encoder"))?;
    }
    if let Some(place) = file.pointer_mut("/encoder/layers") {
        *place = layers.into();
    }
    let model: QuantizedModel = serde_json::from_value(file).map_err(form)?;
    model.check()?;
    Ok(model)
}

/// The tables of a layer after `network`: one if all elements have the same formats, else one a channel.
fn function_tables(network: &IntegerNetwork, layer: &Value, function: &Value) -> Result<Vec<Vec<i64>>> {
    let form = |e: serde_json::Error| {
        Error::new(Code::ModelForm, "the function or what belongs to it is not known").cause(e.to_string())
    };
    let function: Function = serde_json::from_value(function.clone()).map_err(form)?;
    if layer.get("tables").is_some() || layer.get("type").and_then(Value::as_str) != Some("lookup") {
        return Err(Error::new(Code::ModelForm, "a `function` stands in a `lookup`, instead of `tables`"));
    }
    let part = |key: &str| layer.get(key).cloned().unwrap_or_default();
    let inputs: Vec<String> = serde_json::from_value(part("inputs")).map_err(form)?;
    let output: Granular<QFormat> = serde_json::from_value(part("output_format")).map_err(form)?;
    let known = |name: &String| name == super::network::INPUT || network.layers.iter().any(|l| l.name == *name);
    if let Some(name) = inputs.iter().find(|n| !known(n)) {
        return Err(Error::new(Code::ModelForm, format!("it reads `{name}`, which no earlier layer gives")));
    }
    let formats: Vec<QFormat> = inputs.iter().flat_map(|n| network.formats_of(n)).collect();
    let first = *formats.first().ok_or_else(|| Error::new(Code::ModelForm, "it has no inputs"))?;
    let channels = match &output {
        Granular::PerTensor(_) if formats.iter().all(|f| *f == first) => 1,
        Granular::PerTensor(_) => formats.len(),
        each => each.values().len(),
    };
    check_formats("the output", &output, channels, 0)?;
    (0..channels.min(formats.len())).map(|c| function.table(formats[c], output.channel(c))).collect()
}
