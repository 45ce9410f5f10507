//! Column values as the coders want them.

use crate::data::Values;
use crate::entropy::bytes::malformed;
use crate::error::Result;

macro_rules! same_type {
    ($a:expr, $b:expr, |$x:ident, $y:ident| $do:expr) => {
        match ($a, $b) {
            (Values::U8($x), Values::U8($y)) => $do,
            (Values::I8($x), Values::I8($y)) => $do,
            (Values::U16($x), Values::U16($y)) => $do,
            (Values::I16($x), Values::I16($y)) => $do,
            (Values::U32($x), Values::U32($y)) => $do,
            (Values::I32($x), Values::I32($y)) => $do,
            (Values::U64($x), Values::U64($y)) => $do,
            (Values::I64($x), Values::I64($y)) => $do,
            (Values::F32($x), Values::F32($y)) => $do,
            (Values::F64($x), Values::F64($y)) => $do,
            (a, b) => return Err(malformed(format!("{} where {} belongs", b.dtype(), a.dtype()))),
        }
    };
}

/// Puts `exact[k]` at `at[k]`; the positions were checked.
pub(super) fn scatter(to: &mut Values, at: &[usize], exact: &Values) -> Result<()> {
    same_type!(to, exact, |a, b| for (i, x) in at.iter().zip(b) {
        a[*i] = *x;
    });
    Ok(())
}
