//! Import of the neutral encoder form: a JSON file of integer layers whose `schema` field spells out the arithmetic.
//!
//! ```text
//! {"name": "jet", "input": {"n", "width", "frac", "signed"},
//!  "layers": [{"type": "dense" | "conv2d", "weights", "w_width", "w_frac", "bias", "bias_frac",
//!              "activation": "relu" | "none", "quant": {"signed", "width", "frac", "round", "overflow"}, ...},
//!             {"type": "lookup", "table" | "function", "quant": {"signed", "width", "frac"}},
//!             {"type": "max_pool2d", "in_shape", "kernel", "stride", "pad"},
//!             {"type": "avg_pool2d", "in_shape", "kernel", "stride", "pad", "weight", "w_width", "w_frac", "quant"}]}
//! ```
//!
//! Layers form a chain. Exact accumulator, activation, rounding, overflow, in that order: the arithmetic of
//! [`IntegerLayer`], so nothing is converted, only named; functions become tables. A file with the `schema` of sluice's own form
//! is read as such, with functions too.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::expand::expand;
use super::functions::Function;
use super::integer::{Granular, IntegerLayer, IntegerNetwork, IntegerOp};
use super::network::{Activation, Conv2d, INPUT};
use super::pool::Pool2d;
use super::quantized::{QUANTIZED_SCHEMA, QuantizedModel, check_name};
use crate::error::{Code, Error, Result};
use crate::fixed::{Overflow, QFormat, Rounding};

/// Longest vector and largest image side that is imported: beyond it a file is damaged rather than large.
const LARGEST: usize = 1 << 16;

#[derive(Deserialize)]
struct File {
    name: Option<String>,
    input: Words,
    layers: Vec<Value>,
    output: Option<Words>,
}

#[derive(Deserialize)]
struct Words {
    n: usize,
    width: u32,
    frac: i32,
    signed: bool,
}

/// Dense or convolution. Unknown fields are refused: one that changes the arithmetic must not be passed over.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLayer {
    #[serde(rename = "type")]
    kind: String,
    n_in: Option<usize>,
    n_out: Option<usize>,
    in_shape: Option<[usize; 3]>,
    kernel: Option<[usize; 2]>,
    stride: Option<[usize; 2]>,
    pad: Option<[usize; 4]>,
    filters: Option<usize>,
    w_width: u32,
    w_frac: i32,
    weights: Value,
    bias: Vec<i64>,
    bias_frac: i32,
    activation: String,
    quant: Quant,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLookup {
    #[serde(rename = "type")]
    _kind: String,
    table: Option<Vec<i64>>,
    function: Option<Function>,
    quant: QFormat,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FilePool {
    #[serde(rename = "type")]
    kind: String,
    in_shape: [usize; 3],
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [usize; 4],
    weight: Option<i64>,
    w_width: Option<u32>,
    w_frac: Option<i32>,
    quant: Option<Quant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Quant {
    signed: bool,
    width: u32,
    frac: i32,
    round: String,
    overflow: String,
}

/// Reads the neutral encoder form; the model has neither transform nor decoder. `path_for_errors` is the file's name.
///
/// # Errors
/// `M001`, `M002`, `Q001`, `Q002` or `Q003`, naming the file and the layer, counted from 1.
pub fn import(text: &str, path_for_errors: &Path) -> Result<QuantizedModel> {
    read(text, path_for_errors).map_err(|e| e.note("model", path_for_errors.display().to_string()))
}

fn read(text: &str, path: &Path) -> Result<QuantizedModel> {
    let value: Value = serde_json::from_str(text).map_err(|e| not_neutral(&e))?;
    if value.get("schema").and_then(Value::as_str) == Some(QUANTIZED_SCHEMA) {
        return expand(value);
    }
    let file: File = serde_json::from_value(value).map_err(|e| not_neutral(&e))?;
    let stem = || path.file_stem().map(|s| s.to_string_lossy().into_owned());
    let name = identifier(&file.name.or_else(stem).unwrap_or_default());
    check_name(&name)?;
    let input = file.input;
    if input.n > LARGEST {
        return Err(Error::new(Code::ModelForm, format!("an input of {} values is not supported", input.n))
            .hint(format!("at most {LARGEST}")));
    }
    let format = QFormat { signed: input.signed, width: input.width, frac: input.frac };
    let mut layers: Vec<IntegerLayer> = Vec::with_capacity(file.layers.len());
    // Formats of what the next layer reads.
    let mut formats = vec![format; input.n];
    for (i, layer) in file.layers.into_iter().enumerate() {
        let previous = layers.last().map_or(INPUT, |l| &l.name);
        let layer = convert(layer, i + 1, previous, &formats).map_err(|e| e.at(format!("layer {}", i + 1)))?;
        formats = vec![layer.output_format.values().first().copied().unwrap_or(format); layer.n_out()];
        layers.push(layer);
    }
    let encoder = IntegerNetwork { n_in: input.n, input: Granular::PerTensor(format), layers };
    let model = QuantizedModel::of(&name, encoder);
    model.check()?;
    if let Some(o) = file.output {
        let said = QFormat { signed: o.signed, width: o.width, frac: o.frac };
        let given = model.encoder.output_formats();
        if o.n != given.len() || given.iter().any(|f| *f != said) {
            return Err(Error::new(
                Code::ModelShape,
                format!("`output` says {} words of {said}, the last layer gives {} of {}", o.n, given.len(), given[0]),
            ));
        }
    }
    Ok(model)
}

/// A name for the Verilog top: lower case, other characters become `_`.
fn identifier(name: &str) -> String {
    let mut id: String = name
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' })
        .collect();
    if !id.starts_with(|c: char| c.is_ascii_lowercase()) {
        id.insert_str(0, "m_");
    }
    id
}

fn not_neutral(e: &serde_json::Error) -> Error {
    Error::new(Code::ModelForm, "this is not a model in the neutral encoder form").cause(e.to_string())
}

/// Layer `number`, which reads `input`, whose elements have `formats`.
fn convert(layer: Value, number: usize, input: &str, formats: &[QFormat]) -> Result<IntegerLayer> {
    fn fields<T: for<'a> Deserialize<'a>>(layer: Value) -> Result<T> {
        serde_json::from_value(layer).map_err(|e| not_neutral(&e))
    }
    match layer.get("type").and_then(Value::as_str) {
        Some("lookup") => fields::<FileLookup>(layer)?.convert(number, input, formats),
        Some("max_pool2d" | "avg_pool2d") => fields::<FilePool>(layer)?.convert(number, input, formats),
        _ => fields::<FileLayer>(layer)?.convert(number, input),
    }
}

impl FileLookup {
    fn convert(self, number: usize, input: &str, formats: &[QFormat]) -> Result<IntegerLayer> {
        let table = match (self.table, self.function) {
            (Some(table), None) => table,
            (None, Some(function)) => match formats.first() {
                Some(format) => function.table(*format, self.quant)?,
                None => vec![],
            },
            _ => return Err(Error::new(Code::ModelForm, "a `lookup` needs either a `table` or a `function`")),
        };
        let output = Granular::PerTensor(self.quant);
        Ok(IntegerLayer::lookup(format!("lookup{number}"), vec![input.to_owned()], formats.len(), vec![table], output))
    }
}

impl FilePool {
    fn convert(self, number: usize, input: &str, formats: &[QFormat]) -> Result<IntegerLayer> {
        let FilePool { in_shape, kernel, stride, pad, .. } = self;
        let geometry = Pool2d { in_shape, kernel, stride, pad };
        geometry.check(&self.kind)?;
        let (name, inputs) = (format!("pool{number}"), vec![input.to_owned()]);
        let given = self.weight.is_some() || self.w_width.is_some() || self.w_frac.is_some();
        let Some(quant) = self.quant.filter(|_| self.kind == "avg_pool2d") else {
            let format = match (formats.first(), given, self.kind.as_str()) {
                (Some(format), false, "max_pool2d") => Granular::PerTensor(*format),
                _ => {
                    return Err(Error::new(Code::ModelForm, format!("this is not how a `{}` is written", self.kind))
                        .hint(
                            "an average has `quant` and may have `weight`, `w_width`, `w_frac`; a maximum has none",
                        ));
                }
            };
            return Ok(IntegerLayer::max_pool2d(name, inputs, geometry, format));
        };
        let (output, rounding, overflow) = quant.modes()?;
        let weight = match (self.weight, self.w_width, self.w_frac) {
            (Some(weight), Some(width), Some(frac)) => Some((weight, QFormat::signed(width, frac))),
            (None, None, None) => None,
            _ => return Err(Error::new(Code::ModelForm, "`weight`, `w_width` and `w_frac` belong together")),
        };
        Ok(IntegerLayer::avg_pool2d(name, inputs, geometry, weight, output, rounding, overflow))
    }
}

impl Quant {
    /// Output format, rounding, overflow.
    fn modes(&self) -> Result<(Granular<QFormat>, Rounding, Overflow)> {
        let rounding = match self.round.as_str() {
            "TRN" => Rounding::Truncate,
            "RND" => Rounding::HalfUp,
            "RND_CONV" => Rounding::HalfEven,
            other => return Err(unknown("round", other, "`TRN`, `RND` and `RND_CONV`")),
        };
        let overflow = match self.overflow.as_str() {
            "SAT" => Overflow::Saturate,
            "SAT_SYM" => Overflow::SaturateSymmetric,
            "WRAP" => Overflow::Wrap,
            other => return Err(unknown("overflow", other, "`SAT`, `SAT_SYM` and `WRAP`")),
        };
        let format = QFormat { signed: self.signed, width: self.width, frac: self.frac };
        Ok((Granular::PerTensor(format), rounding, overflow))
    }
}

impl FileLayer {
    fn convert(self, number: usize, input: &str) -> Result<IntegerLayer> {
        let (op, weights) = match self.kind.as_str() {
            "dense" => {
                let weights: Vec<Vec<i64>> = self.matrix()?;
                let n_in = weights.first().map_or(0, Vec::len);
                for (what, said, found) in [("n_in", self.n_in, n_in), ("n_out", self.n_out, weights.len())] {
                    if said.is_some_and(|n| n != found) {
                        return Err(Error::new(
                            Code::ModelShape,
                            format!("`{what}` is {}, the weights have {found}", said.unwrap_or_default()),
                        ));
                    }
                }
                (IntegerOp::Dense, weights)
            }
            "conv2d" => {
                let geometry = self.geometry()?;
                let weights = flatten(self.matrix()?, &geometry)?;
                (IntegerOp::Conv2d { geometry }, weights)
            }
            other => {
                return Err(unknown("type", other, "`dense`, `conv2d`, `lookup`, `max_pool2d` and `avg_pool2d`"));
            }
        };
        // The form has no width for biases: the narrowest that holds them all.
        let bias_width = self.bias.iter().map(|b| 65 - if *b < 0 { b.leading_ones() } else { b.leading_zeros() }).max();
        let (output_format, rounding, overflow) = self.quant.modes()?;
        Ok(IntegerLayer {
            name: format!("{}{number}", if self.kind == "dense" { "dense" } else { "conv" }),
            inputs: vec![input.to_owned()],
            op,
            weights,
            weight_format: Granular::PerTensor(QFormat::signed(self.w_width, self.w_frac)),
            bias: self.bias,
            bias_format: Granular::PerTensor(QFormat::signed(bias_width.unwrap_or(1), self.bias_frac)),
            activation: match self.activation.as_str() {
                "relu" => Activation::Relu,
                "none" => Activation::None,
                other => return Err(unknown("activation", other, "`relu` and `none`")),
            },
            output_format,
            rounding,
            overflow,
        })
    }

    fn matrix<T: for<'a> Deserialize<'a>>(&self) -> Result<T> {
        T::deserialize(&self.weights).map_err(|e| {
            Error::new(Code::ModelForm, format!("`weights` of a `{}` layer do not have its form", self.kind))
                .cause(e.to_string())
                .hint("dense: [n_out][n_in], conv2d: [filters][kernel_h][kernel_w][channels], all integers")
        })
    }

    fn geometry(&self) -> Result<Conv2d> {
        let missing = |field| Error::new(Code::ModelForm, format!("a `conv2d` layer needs `{field}`"));
        let geometry = Conv2d {
            in_shape: self.in_shape.ok_or_else(|| missing("in_shape"))?,
            kernel: self.kernel.ok_or_else(|| missing("kernel"))?,
            stride: self.stride.ok_or_else(|| missing("stride"))?,
            pad: self.pad.ok_or_else(|| missing("pad"))?,
            filters: self.filters.ok_or_else(|| missing("filters"))?,
        };
        // Bounded one by one first, so that the products below cannot overflow.
        let sizes = [&geometry.in_shape[..], &geometry.kernel, &geometry.stride, &geometry.pad, &[geometry.filters]];
        let too_large = || Error::new(Code::ModelForm, "the convolution is too large to be one of hardware");
        if sizes.concat().into_iter().any(|s| s > LARGEST) {
            return Err(too_large());
        }
        geometry.check("conv2d")?;
        if geometry.n_in() > LARGEST || geometry.n_out() > LARGEST {
            return Err(too_large());
        }
        Ok(geometry)
    }
}

fn unknown(field: &str, found: &str, known: &str) -> Error {
    Error::new(Code::ModelForm, format!("`{field}` is `{found}`, which is not known")).hint(format!("known: {known}"))
}

fn flatten(weights: Vec<Vec<Vec<Vec<i64>>>>, geometry: &Conv2d) -> Result<Vec<Vec<i64>>> {
    let ([h, w], c) = (geometry.kernel, geometry.in_shape[2]);
    let fits = |filter: &Vec<Vec<Vec<i64>>>| {
        filter.len() == h && filter.iter().all(|row| row.len() == w && row.iter().all(|taps| taps.len() == c))
    };
    match weights.iter().position(|f| !fits(f)) {
        Some(f) => Err(Error::new(Code::ModelShape, format!("filter {f} is not [{h}][{w}][{c}]"))),
        None => Ok(weights.into_iter().map(|filter| filter.concat().concat()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{"schema": ["exact"], "name": "Jet-2", "seed": 1,
        "input": {"n": 4, "width": 4, "frac": 0, "signed": true},
        "layers": [{"type": "conv2d", "in_shape": [2, 2, 1], "kernel": [1, 2], "stride": [1, 1], "pad": [0, 0, 0, 0],
            "filters": 1, "w_width": 3, "w_frac": 1, "weights": [[[[1], [-4]]]], "bias": [-8], "bias_frac": 0,
            "activation": "relu", "quant": {"signed": false, "width": 4, "frac": 1, "round": "TRN", "overflow": "WRAP"}}],
        "output": {"n": 2, "width": 4, "frac": 1, "signed": false}}"#;

    #[test]
    fn a_neutral_model_is_read_as_it_says() {
        let model = import(SMALL, Path::new("a.json")).unwrap();
        assert_eq!(model.name, "jet_2");
        let layer = &model.encoder.layers[0];
        assert_eq!(layer.weights, [[1, -4]]);
        assert_eq!(layer.bias_format, Granular::PerTensor(QFormat::signed(4, 0)));
        assert_eq!((layer.rounding, layer.overflow), (Rounding::Truncate, Overflow::Wrap));
    }

    const CHAIN: &str = r#"{"name": "chain", "input": {"n": 8, "width": 4, "frac": 0, "signed": false},
        "layers": [
            {"type": "lookup", "function": {"name": "log2", "scale": 2}, "quant": {"signed": false, "width": 4, "frac": 0}},
            {"type": "max_pool2d", "in_shape": [2, 4, 1], "kernel": [2, 1], "stride": [2, 1], "pad": [0, 0, 0, 0]},
            {"type": "avg_pool2d", "in_shape": [1, 4, 1], "kernel": [1, 2], "stride": [1, 2], "pad": [0, 0, 0, 0],
             "quant": {"signed": false, "width": 5, "frac": 1, "round": "TRN", "overflow": "SAT"}}],
        "output": {"n": 2, "width": 5, "frac": 1, "signed": false}}"#;

    #[test]
    fn lookups_and_pooling_are_read_and_their_functions_become_tables() {
        let model = import(CHAIN, Path::new("a.json")).unwrap();
        let [lookup, max, average] = &model.encoder.layers[..] else { panic!() };
        let table = vec![0, 2, 3, 4, 5, 5, 6, 6, 6, 7, 7, 7, 7, 8, 8, 8];
        assert_eq!(lookup.op, IntegerOp::Lookup { n: 8, tables: vec![table] });
        assert_eq!((max.n_in(), max.n_out(), average.n_out()), (8, 4, 2));
        assert_eq!((&average.weights[0][..], average.weight_format.at(0, 0)), (&[1][..], QFormat::unsigned(1, 1)));
        // The same in sluice's own form, with the function in place of the table.
        let mut own = serde_json::to_value(&model).unwrap();
        let layer = own.pointer_mut("/encoder/layers/0").and_then(Value::as_object_mut).unwrap();
        layer.remove("tables");
        layer.insert("function".into(), serde_json::json!({"name": "log2", "scale": 2}));
        assert_eq!(import(&own.to_string(), Path::new("own.json")).unwrap(), model);
        let cases = [
            ("\"log2\"", "\"log3\"", "this is not a model in the neutral encoder form"),
            ("\"scale\": 2", "\"scale\": 1e99", "1e99 is no factor for a function"),
            (
                "\"function\": {\"name\": \"log2\", \"scale\": 2}",
                "\"table\": [0, 1]",
                "layer `lookup1`: table 0 has 2 entries, ufixed<4,4> has 16",
            ),
            (
                "\"function\": {\"name\": \"log2\", \"scale\": 2}, ",
                "",
                "a `lookup` needs either a `table` or a `function`",
            ),
            ("[2, 1], \"pad\"", "[0, 1], \"pad\"", "layer `max_pool2d`: a size of the pooling is 0"),
            (
                "\"kernel\": [1, 2]",
                "\"kernel\": [1, 3]",
                "layer `pool3` averages 3 values and has no `weight` with a `weight_format`",
            ),
            (
                "\"kernel\": [1, 2]",
                "\"weight\": 3, \"kernel\": [1, 2]",
                "`weight`, `w_width` and `w_frac` belong together",
            ),
            ("\"kernel\": [2, 1]", "\"weight\": 3, \"kernel\": [2, 1]", "this is not how a `max_pool2d` is written"),
        ];
        for (from, to, what) in cases {
            let text = CHAIN.replacen(from, to, 1);
            assert_ne!(text, CHAIN, "{from}");
            assert_eq!(import(&text, Path::new("a.json")).unwrap_err().what(), what);
        }
    }

    #[test]
    fn a_neutral_model_that_lies_is_rejected() {
        let cases = [
            ("\"TRN\"", "\"RND_ZERO\"", "`round` is `RND_ZERO`, which is not known"),
            ("[[1], [-4]]", "[[1, -4]]", "filter 0 is not [1][2][1]"),
            ("[[1], [-4]]", "[[1], [0.5]]", "`weights` of a `conv2d` layer do not have its form"),
            ("\"n\": 2", "\"n\": 3", "`output` says 3 words of ufixed<4,3>, the last layer gives 2 of ufixed<4,3>"),
            ("[2, 2, 1]", "[99999999999, 99999999999, 1]", "the convolution is too large to be one of hardware"),
            ("\"w_width\": 3", "\"w_width\": 2", "layer `conv1`, weight [0][1]: -4 does not fit fixed<2,1>"),
            ("\"w_width\": 3", "\"groups\": 3", "this is not a model in the neutral encoder form"),
        ];
        for (from, to, what) in cases {
            let e = import(&SMALL.replacen(from, to, 1), Path::new("a.json")).unwrap_err();
            assert_eq!(e.what(), what);
            assert!(e.to_string().contains("model: a.json"), "{e}");
        }
    }
}
