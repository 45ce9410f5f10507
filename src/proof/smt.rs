//! A requantizer and its definition as a question to an SMT solver (SMT-LIB 2, bit-vectors): is there an accumulator for
//! which they differ?
//!
//! The definition is a relation, not a computation: the rounded number is the one whose distance from the accumulator is as
//! the mode says, the result the number of the format nearest to it, or the one with the same low bits. What is built is
//! said with the bits that the hardware looks at. So neither is the formula of [`crate::fixed`], which the tests compare with
//! both.

use crate::fixed::{Overflow, QFormat, Rounding};
use crate::hw::{Op, WideRequantizer};

/// The question; `sat` would be a difference.
pub(super) fn question(r: &WideRequantizer) -> String {
    let (p, wanted, built) = parts(r);
    format!("{p}(assert {wanted})\n(assert (not (= y {built})))\n(check-sat)\n")
}

/// The same with the accumulator at `t` and nothing said of what is built: satisfied by the result that is defined.
pub(super) fn defined_at(r: &WideRequantizer, t: i128, result: i64) -> String {
    let (p, wanted, _) = parts(r);
    let bits = width(r);
    format!(
        "{p}(assert {wanted})\n(assert (= t {}))\n(assert (= y {}))\n(check-sat)\n",
        number(t, bits),
        number(result.into(), bits)
    )
}

/// Declarations and limits; the definition as a relation between accumulator `v`, rounded number `q` and result `y`; what is
/// built as a term.
fn parts(r: &WideRequantizer) -> (String, String, String) {
    let bits = width(r);
    let n = |value: i128| number(value, bits);
    let line = |(zero, step): (i128, i128)| format!("(bvadd {} (bvmul {} t))", n(zero), n(step));
    let mut p = "(set-logic QF_BV)\n".to_owned();
    for name in ["t", "v", "a", "q", "y"] {
        p += &format!("(declare-const {name} (_ BitVec {bits}))\n");
    }
    p += &format!("(assert (and (bvsle {} t) (bvsle t {})))\n", n(r.t.0), n(r.t.1));
    p += &format!("(assert (= v {}))\n(assert (= a {}))\n", line(r.from), line(r.to));
    (p, definition(&r.wanted, bits), built(&r.built, bits))
}

/// Bits in which nothing that is said below can wrap, whatever `t` between its limits.
fn width(r: &WideRequantizer) -> u32 {
    let shift = |op: &Op| match op {
        Op::Requantize { shift, format, .. } => shift.unsigned_abs() + format.width,
        _ => 64,
    };
    let ends = |(zero, step): (i128, i128)| (zero.abs() + step.abs() * r.t.0.abs().max(r.t.1.abs())).unsigned_abs();
    let most = ends(r.from).max(ends(r.to)).max(r.t.0.unsigned_abs()).max(r.t.1.unsigned_abs());
    128 - most.leading_zeros() + shift(&r.wanted).max(shift(&r.built)) + 5
}

/// A number in `bits` bits, two's complement.
fn number(value: i128, bits: u32) -> String {
    let (size, more) = (value.unsigned_abs(), bits.saturating_sub(127));
    // A literal has at most 127 bits here; wider words are extended by zeros, and negated after that.
    let text = match more {
        0 => format!("(_ bv{size} {bits})"),
        more => format!("((_ zero_extend {more}) (_ bv{size} {}))", bits - more),
    };
    if value < 0 { format!("(bvneg {text})") } else { text }
}

/// `y` is what the definition gives for `v`, with `q` between them.
fn definition(op: &Op, bits: u32) -> String {
    let Op::Requantize { relu, shift, rounding, overflow, format, .. } = *op else { return "false".to_owned() };
    let n = |value: i128| number(value, bits);
    let v = if relu { format!("(ite (bvslt v {0}) {0} v)", n(0)) } else { "v".to_owned() };
    let places = n(shift.unsigned_abs().into());
    let rounded = if shift <= 0 {
        format!("(= q (bvshl {v} {places}))")
    } else {
        // A step of `q` in units of `v`. `q` is not so large that its multiple could wrap.
        let step = format!("(bvshl {} {places})", n(1));
        let most = format!("(bvlshr (bvnot {}) {})", n(0), n(i128::from(shift) + 3));
        // How far `v` is above `q`, twice.
        let twice = format!("(bvshl (bvsub {v} (bvshl q {places})) {})", n(1));
        let near = match rounding {
            Rounding::Truncate => format!("(and (bvsle {} d) (bvslt d (bvshl {step} {})))", n(0), n(1)),
            Rounding::HalfUp => format!("(and (bvsle (bvneg {step}) d) (bvslt d {step}))"),
            Rounding::HalfEven => format!(
                "(and (bvsle (bvneg {step}) d) (bvsle d {step}) (=> (or (= d {step}) (= d (bvneg {step}))) \
                 (= ((_ extract 0 0) q) #b0)))"
            ),
        };
        format!("(let ((d {twice})) (and (bvsle q {most}) (bvsle (bvneg {most}) q) {near}))")
    };
    let (low, high) = (n(lowest(format, overflow).into()), n(format.max().into()));
    let inside = format!("(bvsle {low} y) (bvsle y {high})");
    let limited = match overflow {
        Overflow::Wrap => format!("(= ((_ extract {} 0) (bvsub q y)) {})", format.width - 1, number(0, format.width)),
        _ => format!(
            "(=> (bvslt q {low}) (= y {low})) (=> (bvsgt q {high}) (= y {high})) \
             (=> (and (bvsle {low} q) (bvsle q {high})) (= y q))"
        ),
    };
    format!("(and {rounded} {inside} {limited})")
}

/// Smallest number that there can be.
fn lowest(format: QFormat, overflow: Overflow) -> i64 {
    if overflow == Overflow::SaturateSymmetric && format.signed { -format.max() } else { format.min() }
}

/// What the operation computes of `a`.
fn built(op: &Op, bits: u32) -> String {
    let n = |value: i128| number(value, bits);
    let (invert, relu, shift, rounding, overflow, format) = match *op {
        Op::Const(c) => return n(c.into()),
        Op::Requantize { invert, relu, shift, rounding, overflow, format, .. } => {
            (invert, relu, shift, rounding, overflow, format)
        }
        _ => return "y".to_owned(),
    };
    let mut a = if invert { "(bvnot a)".to_owned() } else { "a".to_owned() };
    if relu {
        a = format!("(let ((r {a})) (ite (= ((_ extract {0} {0}) r) #b1) {1} r))", bits - 1, n(0));
    }
    let s = shift.unsigned_abs();
    let rounded = match rounding {
        _ if shift <= 0 => format!("(bvshl {a} {})", n(s.into())),
        Rounding::Truncate => format!("(bvashr {a} {})", n(s.into())),
        _ => {
            let bit = |i: u32| format!("((_ extract {i} {i}) r)");
            let rest = if s > 1 {
                format!("(ite (= ((_ extract {} 0) r) {}) #b0 #b1)", s - 2, number(0, s - 1))
            } else {
                "#b0".to_owned()
            };
            let up = match rounding {
                Rounding::HalfEven => format!("(bvand {} (bvor {} {rest}))", bit(s - 1), bit(s)),
                _ => bit(s - 1),
            };
            format!("(let ((r {a})) (bvadd (bvashr r {}) ((_ zero_extend {}) {up})))", n(s.into()), bits - 1)
        }
    };
    let (low, high) = (n(lowest(format, overflow).into()), n(format.max().into()));
    match overflow {
        Overflow::Wrap => {
            let extend = if format.signed { "sign_extend" } else { "zero_extend" };
            format!("((_ {extend} {}) ((_ extract {} 0) {rounded}))", bits - format.width, format.width - 1)
        }
        _ => format!("(let ((z {rounded})) (ite (bvslt z {low}) {low} (ite (bvsgt z {high}) {high} z)))"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::{requantize, shift_round};
    use crate::hw::Requantizer;
    use crate::proof::wide::{answers, wide};
    use crate::tool::{Tool, tool};
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_secs(120);

    fn z3() -> Option<Tool> {
        let z3 = tool("z3", "").ok();
        assert!(z3.is_some() || std::env::var_os("CI").is_none(), "CI must have z3");
        if z3.is_none() {
            eprintln!("skipped: z3 not found");
        }
        z3
    }

    const ROUNDINGS: [Rounding; 3] = [Rounding::Truncate, Rounding::HalfUp, Rounding::HalfEven];
    const OVERFLOWS: [Overflow; 3] = [Overflow::Wrap, Overflow::Saturate, Overflow::SaturateSymmetric];

    /// A small accumulator, and what is built of one shifted by three and negated.
    fn small(wanted: Op) -> WideRequantizer {
        let built = match wanted.clone() {
            Op::Requantize { a, shift, relu, rounding, overflow, format, .. } => {
                Op::Requantize { a, invert: true, shift, relu, rounding, overflow, format }
            }
            other => other,
        };
        // `~(-v - 1)` is `v`.
        WideRequantizer { wanted, built, t: (-20, 20), from: (3, 1), to: (-4, -1) }
    }

    fn op(relu: bool, shift: i32, rounding: Rounding, overflow: Overflow, format: QFormat) -> Op {
        Op::Requantize { a: 0, invert: false, shift, relu, rounding, overflow, format }
    }

    #[test]
    fn relation_and_hardware_term_are_the_definition_for_every_number_in_every_mode() {
        let Some(z3) = z3() else { return };
        let mut questions = Vec::new();
        let formats = [QFormat::signed(3, 0), QFormat::unsigned(2, 0), QFormat::signed(1, 0)];
        for (rounding, overflow) in ROUNDINGS.into_iter().flat_map(|r| OVERFLOWS.map(|o| (r, o))) {
            for (relu, format) in [false, true].into_iter().flat_map(|r| formats.map(|f| (r, f))) {
                for shift in [-2, 0, 1, 3] {
                    let r = small(op(relu, shift, rounding, overflow, format));
                    let (bits, (p, relation, term)) = (width(&r), parts(&r));
                    // A choice among the numbers that the code in `fixed` gives.
                    let table = |of: &dyn Fn(i128) -> i128| {
                        let value = |t: i128| number(of(if relu { (t + 3).max(0) } else { t + 3 }), bits);
                        (-20..=20)
                            .fold(value(0), |rest, t| format!("(ite (= t {}) {} {rest})", number(t, bits), value(t)))
                    };
                    let q = table(&|v| shift_round(v, shift, rounding));
                    let y = table(&|v| requantize(v, shift, format, rounding, overflow).into());
                    // No other result than the definition's, that one for every number, and the term gives it.
                    questions.push(format!("{p}(assert {relation})\n(assert (not (= y {y})))\n(check-sat)\n"));
                    questions.push(format!(
                        "{p}(assert (= q {q}))\n(assert (= y {y}))\n(assert (not {relation}))\n(check-sat)\n"
                    ));
                    questions.push(format!("{p}(assert (= y {y}))\n(assert (not (= y {term})))\n(check-sat)\n"));
                }
            }
        }
        let answers = answers(&z3, &questions, LIMIT).unwrap();
        assert_eq!(answers.len(), questions.len());
        for (answer, question) in answers.iter().zip(&questions) {
            assert_eq!(answer, "unsat", "{question}");
        }
    }

    #[test]
    fn a_wide_requantizer_is_proved_and_every_wrong_one_refused_with_an_accumulator() {
        if z3().is_none() {
            return;
        }
        let (up, even, truncate) = (Rounding::HalfUp, Rounding::HalfEven, Rounding::Truncate);
        let (wrap, saturate, symmetric) = (Overflow::Wrap, Overflow::Saturate, Overflow::SaturateSymmetric);
        let (to, wide_by) = (QFormat::signed(10, 2), (-(1i128 << 40), (1i128 << 40) - 5));
        // Half a step was added to the accumulator of the graph, and it lost three zeros.
        let half_up = WideRequantizer {
            wanted: op(false, 20, up, saturate, to),
            built: op(false, 17, truncate, saturate, to),
            t: wide_by,
            from: (24, 8),
            to: (3 + (1 << 16), 1),
        };
        let even = WideRequantizer {
            wanted: op(true, 33, even, symmetric, to),
            built: op(true, 33, even, symmetric, to),
            t: wide_by,
            from: (7, 1),
            to: (7, 1),
        };
        let asked = |r: &WideRequantizer| {
            let range = (r.from.0 + r.from.1 * r.t.0, r.from.0 + r.from.1 * r.t.1);
            let r = Requantizer { layer: "h".into(), output: 2, range, wide: Some(r.clone()) };
            wide(&[r], LIMIT)
        };
        for good in [&half_up, &even] {
            let found = asked(good).unwrap();
            assert_eq!((found.proved, found.open.len(), found.why), (1, 0, None), "{good:?}");
        }
        let wrong = [
            WideRequantizer { to: (2 + (1 << 16), 1), ..half_up.clone() },
            WideRequantizer { built: op(false, 17, truncate, wrap, to), ..half_up.clone() },
            WideRequantizer { built: op(true, 17, truncate, saturate, to), ..half_up.clone() },
            WideRequantizer { built: op(false, 17, up, saturate, to), ..half_up.clone() },
            WideRequantizer { built: op(true, 33, up, symmetric, to), ..even.clone() },
            WideRequantizer { built: op(true, 33, truncate, symmetric, to), ..even.clone() },
            WideRequantizer {
                wanted: op(false, 33, Rounding::HalfEven, saturate, QFormat::signed(8, 0)),
                ..even.clone()
            },
            WideRequantizer { built: Op::Const(0), ..even },
        ];
        for r in wrong {
            let e = asked(&r).unwrap_err();
            assert!(e.code() == crate::Code::Graph && e.to_string().contains("layer `h`, output 2: the accum"), "{e}");
        }
    }
}
