//! A lane of a waveform: `hdl/wave_lane.v` with its parameters, behind `hdl/wave_quantize.v` if there is a bound.

use crate::fixed::QFormat;
use crate::link::wave::{DELAY, FRACTION, LONGEST, SYMBOLS, TAPS};
use crate::link::{NumberCode, Predictor, PrefixCode, WaveCode, Waveform};

/// Its modules, by file and module name.
pub(super) const PARTS: [(&str, &str); 7] = [
    ("wave_quantize", include_str!("../../../hdl/wave_quantize.v")),
    ("wave_lane", include_str!("../../../hdl/wave_lane.v")),
    ("wave_predict", include_str!("../../../hdl/wave_predict.v")),
    ("wave_dot", include_str!("../../../hdl/wave_dot.v")),
    ("wave_mean", include_str!("../../../hdl/wave_mean.v")),
    ("wave_rice", include_str!("../../../hdl/wave_rice.v")),
    ("wave_table", include_str!("../../../hdl/wave_table.v")),
];

/// Cycles from a sample to its bits.
pub(super) fn latency(wave: &Waveform) -> u32 {
    let quantize = if wave.bound > 0 { 3 } else { 0 };
    let predict = if wave.predictor == Predictor::Lms8 { 6 } else { 2 };
    let code = if matches!(wave.code, WaveCode::Tables { .. }) { 9 } else { 7 };
    quantize + predict + code
}

/// Multipliers of a number's code.
pub(super) fn multipliers(code: &NumberCode) -> u32 {
    let NumberCode::Waveform(wave) = code else { return 0 };
    let taps = if wave.predictor == Predictor::Lms8 { TAPS as u32 } else { 0 };
    taps + u32::from(wave.bound > 0)
}

/// The instance that codes the samples `raw`; its outputs are `<lane>_all` and `<lane>_count`.
///
/// * returns: its text, the bits of `<lane>_all`, and whether it has `<lane>_q`, of as many bits as a sample
pub(super) fn instance(lane: &str, raw: &str, wave: &Waveform, format: QFormat) -> (String, u32, bool) {
    let width = wave.grid(format).width;
    let taps = if wave.predictor == Predictor::Lms8 { TAPS } else { 0 };
    let (code, chunk) = match &wave.code {
        WaveCode::Rice { bias } => (format!(".TABLES(0), .BIAS({bias})"), width + 16),
        WaveCode::Tables { base, tables } => {
            (format!(".TABLES(1), .BASE({base}), .ROM({{\n{}\n  }})", rom(tables)), width + LONGEST)
        }
    };
    let quantized = wave.bound > 0;
    let mut text = String::new();
    let mut from = ("valid".to_owned(), "first".to_owned(), raw.to_owned());
    if quantized {
        let (wide, signed) = (format.width, u32::from(format.signed));
        text = format!(
            "wave_quantize #(.WIDTH({wide}), .SIGNED({signed}), .BOUND({})) {lane}_grid (
  .clk(clk), .resetn(resetn), .s_valid(valid), .s_first(first), .s_sample({raw}),
  .m_valid({lane}_valid), .m_first({lane}_first), .m_sample({lane}_q)
);\n",
            wave.bound
        );
        // Of a wide bound fewer than 4 bits are left, and a lane has 4.
        let point = match width {
            _ if width == wide => format!("{lane}_q"),
            _ => format!("{lane}_q[{}:0]", width - 1),
        };
        from = (format!("{lane}_valid"), format!("{lane}_first"), point);
    }
    let (valid, first, sample) = from;
    text += &format!(
        "wave_lane #(
  .WIDTH({width}), .TAPS({taps}), .FRACTION({FRACTION}), .DELAY({DELAY}), .SHIFT({}), {code}
) {lane}_lane (
  .clk(clk), .resetn(resetn), .s_valid({valid}), .s_first({first}), .s_sample({sample}),
  .m_valid({lane}_coded), .m_chunk({lane}_all), .m_bits({lane}_count)
);\n",
        wave.shift
    );
    (text, chunk, quantized)
}

/// The words of `wave_table`, the highest table first: 64 of 17 bits each.
fn rom(tables: &[PrefixCode]) -> String {
    let table = |(t, code): (usize, &PrefixCode)| {
        let codes = code.codes();
        let escape = 1 << 16 | u32::from(code.escape) << 12 | u32::from(codes[code.lengths.len()]);
        let word = |h: usize| match code.lengths.get(h).copied().unwrap_or(0) {
            0 => escape,
            length => u32::from(length) << 12 | u32::from(codes[h]),
        };
        let bits: String = (0..=SYMBOLS).rev().map(|h| format!("{:017b}", word(h))).collect();
        let digits = (0..bits.len()).step_by(4).map(|at| {
            let digit = u32::from_str_radix(&bits[at..at + 4], 2).unwrap_or(0);
            char::from_digit(digit, 16).unwrap_or('0')
        });
        let comma = if t > 0 { "," } else { "" };
        format!("    {}'h{}{comma}  // table {t}", bits.len(), digits.collect::<String>())
    };
    let lines: Vec<String> = tables.iter().enumerate().rev().map(table).collect();
    lines.join("\n")
}
