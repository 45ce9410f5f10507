//! Column values as the coders want them.

use crate::data::Values;
use crate::entropy::bytes::malformed;
use crate::error::Result;

/// Integers as `i64`, `uint64` by its bits. `None` for floats.
pub(super) fn to_ints(values: &Values) -> Option<Vec<i64>> {
    Some(match values {
        Values::U8(v) => v.iter().map(|x| i64::from(*x)).collect(),
        Values::I8(v) => v.iter().map(|x| i64::from(*x)).collect(),
        Values::U16(v) => v.iter().map(|x| i64::from(*x)).collect(),
        Values::I16(v) => v.iter().map(|x| i64::from(*x)).collect(),
        Values::U32(v) => v.iter().map(|x| i64::from(*x)).collect(),
        Values::I32(v) => v.iter().map(|x| i64::from(*x)).collect(),
        Values::U64(v) => v.iter().map(|x| x.cast_signed()).collect(),
        Values::I64(v) => v.clone(),
        Values::F32(_) | Values::F64(_) => return None,
    })
}

/// The inverse of [`to_ints`].
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged) if a number does not fit `dtype` or `dtype` is no integer.
pub(super) fn from_ints(dtype: &str, ints: Vec<i64>) -> Result<Values> {
    fn all<T: TryFrom<i64>>(ints: &[i64]) -> Result<Vec<T>> {
        ints.iter()
            .map(|x| T::try_from(*x).map_err(|_| malformed(format!("{x} does not fit its column's type"))))
            .collect()
    }
    Ok(match dtype {
        "uint8" => Values::U8(all(&ints)?),
        "int8" => Values::I8(all(&ints)?),
        "uint16" => Values::U16(all(&ints)?),
        "int16" => Values::I16(all(&ints)?),
        "uint32" => Values::U32(all(&ints)?),
        "int32" => Values::I32(all(&ints)?),
        "uint64" => Values::U64(ints.into_iter().map(i64::cast_unsigned).collect()),
        "int64" => Values::I64(ints),
        other => return Err(malformed(format!("integers in a column of {other}"))),
    })
}

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
