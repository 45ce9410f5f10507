//! Weights of the states of a latent, in `f32`: `+ * /` in a fixed order, which every machine rounds alike.

/// A weight for each state.
pub(super) type Weights<const K: usize> = [f32; K];

/// `[from, to]`, or `[to, from]`.
pub(super) type Matrix<const K: usize> = [Weights<K>; K];

/// Less than this is as good as nothing, and far from what `f32` cannot hold.
const NOTHING: f32 = 1e-30;

/// The sum, in eight lanes whatever vectors the machine has.
#[inline(always)]
pub(super) fn sum<const K: usize>(x: &Weights<K>) -> f32 {
    let mut lanes = [0.0f32; 8];
    for part in x.chunks_exact(8) {
        for (lane, x) in lanes.iter_mut().zip(part) {
            *lane += x;
        }
    }
    ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]))
}

/// `Σ_i x[i] matrix[i]`.
#[inline(always)]
pub(super) fn through<const K: usize>(x: &Weights<K>, matrix: &Matrix<K>) -> Weights<K> {
    let mut y = [0.0; K];
    for (x, row) in x.iter().zip(matrix) {
        for (y, m) in y.iter_mut().zip(row) {
            *y += x * m;
        }
    }
    y
}

/// Multiplies by `y`, state by state.
#[inline(always)]
pub(super) fn times<const K: usize>(x: &mut Weights<K>, y: &Weights<K>) {
    for (x, y) in x.iter_mut().zip(y) {
        *x *= y;
    }
}

/// Multiplies all by one number.
#[inline(always)]
pub(super) fn scale<const K: usize>(x: &mut Weights<K>, by: f32) {
    for x in x.iter_mut() {
        *x *= by;
    }
}

/// Makes the sum 1 and returns what it was. Where nothing is left all states are alike.
#[inline(always)]
pub(super) fn normalise<const K: usize>(x: &mut Weights<K>) -> f32 {
    let total = sum(x);
    // Not a number is not above nothing either.
    if total > NOTHING {
        scale(x, 1.0 / total);
    } else {
        *x = [1.0 / K as f32; K];
    }
    total.max(NOTHING)
}

/// The matrix with rows and columns exchanged.
pub(super) fn transposed<const K: usize>(matrix: &Matrix<K>) -> Box<Matrix<K>> {
    let mut other = Box::new([[0.0; K]; K]);
    for (i, row) in matrix.iter().enumerate() {
        for (j, x) in row.iter().enumerate() {
            other[j][i] = *x;
        }
    }
    other
}
