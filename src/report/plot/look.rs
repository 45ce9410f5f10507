//! Colours, sizes and how numbers are written.

use super::canvas::Color;

/// Axes and text. On a page it becomes the page's text colour.
pub const INK: Color = Color { rgb: (24, 28, 33), alpha: 1.0, name: "ink" };
/// Secondary text.
pub const SOFT: Color = Color { rgb: (98, 105, 115), alpha: 1.0, name: "soft" };
/// The original. All colours are those of Okabe and Ito, which stay apart for every kind of colour vision.
pub const ORIGINAL: Color = Color { rgb: (0, 114, 178), alpha: 1.0, name: "original" };
/// The reconstruction, and what is ours.
pub const OURS: Color = Color { rgb: (213, 94, 0), alpha: 1.0, name: "ours" };
/// The linear rival.
pub const LINEAR: Color = Color { rgb: (0, 158, 115), alpha: 1.0, name: "linear" };
/// Other codecs.
pub const OTHER: Color = Color { rgb: (134, 141, 150), alpha: 1.0, name: "other" };

/// Height of tick labels.
pub const LABEL: f64 = 11.0;
/// Height of axis titles and legends.
pub const TITLE: f64 = 12.0;

/// White through blue for negative, through red for positive; `t` in -1..=1.
pub fn diverging(t: f64) -> Color {
    let end = if t < 0.0 { (33.0, 102.0, 172.0) } else { (178.0, 24.0, 43.0) };
    // A little steeper near zero, where most correlations are.
    between((248.0, 248.0, 248.0), end, t.abs().min(1.0).powf(0.8))
}

/// From pale to dark blue; `t` in 0..=1.
pub fn sequential(t: f64) -> Color {
    let t = t.clamp(0.0, 1.0);
    if t < 0.5 {
        between((222.0, 235.0, 247.0), (66.0, 146.0, 198.0), t * 2.0)
    } else {
        between((66.0, 146.0, 198.0), (8.0, 38.0, 92.0), t * 2.0 - 1.0)
    }
}

/// In 32 steps, so that cells of one colour can share an element.
fn between(a: (f64, f64, f64), b: (f64, f64, f64), t: f64) -> Color {
    let t = (t * 32.0).round() / 32.0;
    let mix = |x: f64, y: f64| (x + (y - x) * t).round() as u8;
    Color::plain((mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2)))
}

/// A figure in a text: three significant digits.
pub fn short(v: f64) -> String {
    let m = v.abs();
    if m == 0.0 {
        return "0".to_owned();
    }
    if !m.is_finite() {
        return v.to_string();
    }
    if !(1e-3..1e5).contains(&m) {
        let text = format!("{v:.2e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{mantissa}×10{}", raised(exponent.parse().unwrap_or(0)));
    }
    let digits = (2 - m.log10().floor() as i32).clamp(0, 6) as usize;
    format!("{v:.digits$}")
}

/// A whole number with thin spaces between groups of three digits.
pub fn whole(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(c);
    }
    text
}

/// A small raised number.
pub fn raised(exponent: i32) -> String {
    exponent
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '0' => '⁰',
            c => char::from_u32('⁴' as u32 + (c as u32 - '4' as u32)).unwrap_or(c),
        })
        .collect()
}

/// `text`, cut to `most` characters.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_short() {
        assert_eq!([0.001234, 12.345, 123_456.0, 0.0].map(short), ["0.00123", "12.3", "1.23×10⁵", "0"]);
        assert_eq!(short(-4.567e-9), "-4.57×10⁻⁹");
        assert_eq!([7, 1234, 1_234_567].map(whole), ["7", "1\u{202f}234", "1\u{202f}234\u{202f}567"]);
        assert_eq!((raised(-12), cut("abcdef", 4)), ("⁻¹²".to_owned(), "abc…".to_owned()));
    }
}
