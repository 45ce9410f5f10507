//! Principal components: where training starts, and the rival that a network has to beat.

use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array2, ArrayView2, Axis, s};

/// An affine map to `k` uncorrelated numbers and the best linear way back.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    /// Mean of each feature.
    pub mean: Vec<f64>,
    /// `[k][n_features]`: orthonormal rows, largest variance first; the largest entry of each is positive.
    pub components: Vec<Vec<f64>>,
    /// Variance along each component.
    pub variance: Vec<f64>,
    /// Variance of all features together.
    pub total_variance: f64,
}

/// The `k` leading principal components of `data` (`[rows, n_features]`); `k` above `n_features` gives all.
pub fn pca(data: &Array2<f32>, k: usize) -> Pca {
    scaled(data, &vec![1.0; data.ncols()], k)
}

/// Principal components of `(data - mean) * scale`, the feature in column `j` times `scale[j]`.
pub(super) fn scaled(data: &Array2<f32>, scale: &[f64], k: usize) -> Pca {
    let n = data.ncols();
    let (mean, mut covariance) = moments(data.view());
    for i in 0..n {
        for j in 0..n {
            covariance[(i, j)] *= scale[i] * scale[j];
        }
    }
    let total_variance = covariance.trace();
    let eigen = SymmetricEigen::new(covariance);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    order.truncate(k);
    let components = order.iter().map(|c| oriented(eigen.eigenvectors.column(*c).iter().copied().collect())).collect();
    // Rounding can leave a tiny negative eigenvalue where the variance is zero.
    let variance = order.iter().map(|c| eigen.eigenvalues[*c].max(0.0)).collect();
    Pca { mean, components, variance, total_variance }
}

/// An eigenvector's sign is arbitrary: fix it, so that equal data give equal components.
pub(super) fn oriented(mut v: Vec<f64>) -> Vec<f64> {
    let largest = v.iter().fold(0.0f64, |best, x| if x.abs() > best.abs() { *x } else { best });
    if largest < 0.0 {
        v.iter_mut().for_each(|x| *x = -*x);
    }
    v
}

/// Mean and covariance, in double precision, over blocks of rows so that no second copy of the data is made.
fn moments(data: ArrayView2<f32>) -> (Vec<f64>, DMatrix<f64>) {
    const BLOCK: usize = 4096;
    let n = data.ncols();
    let rows = data.nrows().max(1) as f64;
    let mut mean = ndarray::Array1::<f64>::zeros(n);
    for block in data.axis_chunks_iter(Axis(0), BLOCK) {
        mean += &block.mapv(f64::from).sum_axis(Axis(0));
    }
    mean /= rows;
    let mut covariance = Array2::<f64>::zeros((n, n));
    for block in data.axis_chunks_iter(Axis(0), BLOCK) {
        let centred = block.mapv(f64::from) - &mean;
        covariance += &centred.t().dot(&centred);
    }
    covariance /= rows;
    (mean.to_vec(), DMatrix::from_fn(n, n, |i, j| covariance[[i, j]]))
}

impl Pca {
    /// `[rows, n_features]` → `[rows, k]`.
    ///
    /// # Panics
    /// If the number of features differs.
    pub fn project(&self, data: &Array2<f32>) -> Array2<f32> {
        assert_eq!(data.ncols(), self.mean.len(), "features");
        let mut z = Array2::zeros((data.nrows(), self.components.len()));
        for (row, mut out) in data.outer_iter().zip(z.outer_iter_mut()) {
            for (component, z) in self.components.iter().zip(out.iter_mut()) {
                let terms = row.iter().zip(&self.mean).zip(component);
                *z = terms.map(|((x, m), c)| (f64::from(*x) - m) * c).sum::<f64>() as f32;
            }
        }
        z
    }

    /// `[rows, k]` → `[rows, n_features]`.
    ///
    /// # Panics
    /// If the number of components differs.
    pub fn reconstruct(&self, z: &Array2<f32>) -> Array2<f32> {
        assert_eq!(z.ncols(), self.components.len(), "components");
        let mut data = Array2::zeros((z.nrows(), self.mean.len()));
        for (row, mut out) in z.outer_iter().zip(data.outer_iter_mut()) {
            let mut sum = self.mean.clone();
            for (z, component) in row.iter().zip(&self.components) {
                sum.iter_mut().zip(component).for_each(|(s, c)| *s += f64::from(*z) * c);
            }
            out.slice_mut(s![..]).iter_mut().zip(sum).for_each(|(o, s)| *o = s as f32);
        }
        data
    }

    /// Share of the variance that the components hold, 0 to 1 (1 if there is no variance at all).
    pub fn explained(&self) -> f64 {
        if self.total_variance > 0.0 { self.variance.iter().sum::<f64>() / self.total_variance } else { 1.0 }
    }
}

/// How much of the variance the leading 1, 2, ... components hold: rising shares of 0 to 1, as many as there are rows or
/// features, whichever is less; empty if there is no variance.
pub fn shares(data: &Array2<f32>) -> Vec<f64> {
    let data = data.mapv(f64::from);
    let Some(mean) = data.mean_axis(Axis(0)) else { return Vec::new() };
    let centred = data - mean;
    // The products of rows have the same eigenvalues as those of columns: the smaller matrix will do.
    let small = if centred.nrows() < centred.ncols() { centred.dot(&centred.t()) } else { centred.t().dot(&centred) };
    let n = small.nrows();
    let eigenvalues = DMatrix::from_fn(n, n, |i, j| small[[i, j]]).symmetric_eigenvalues();
    let mut variance: Vec<f64> = eigenvalues.iter().map(|v| v.max(0.0)).collect();
    variance.sort_by(|a, b| b.total_cmp(a));
    let total: f64 = variance.iter().sum();
    if total <= 0.0 {
        return Vec::new();
    }
    let mut sum = 0.0;
    let running = |v: f64| {
        sum += v;
        sum / total
    };
    variance.into_iter().map(running).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points on a plane in four dimensions, off the origin.
    fn plane(rows: usize) -> Array2<f32> {
        Array2::from_shape_fn((rows, 4), |(i, j)| {
            let (a, b) = ((i as f32 * 0.7).sin(), (i as f32 * 1.3).cos());
            [3.0 + a, 2.0 * a - b, b + 0.5, -1.0 - a + b][j]
        })
    }

    #[test]
    fn data_on_a_plane_are_rebuilt_from_two_components() {
        let data = plane(5000);
        let p = pca(&data, 2);
        assert!((p.explained() - 1.0).abs() < 1e-6);
        let back = p.reconstruct(&p.project(&data));
        assert!((&back - &data).iter().all(|d| d.abs() < 1e-5));
        let one = pca(&data, 1);
        assert!(one.explained() < 0.999, "one component cannot hold a plane: {}", one.explained());
    }

    #[test]
    fn variance_is_that_of_the_projected_data() {
        let data = plane(5000);
        let p = pca(&data, 2);
        let z = p.project(&data);
        for (k, v) in p.variance.iter().enumerate() {
            let measured = z.column(k).iter().map(|z| f64::from(*z).powi(2)).sum::<f64>() / z.nrows() as f64;
            assert!((measured / v - 1.0).abs() < 1e-4, "{k}: {measured} {v}");
        }
    }

    #[test]
    fn shares_are_those_of_the_components_for_many_rows_and_for_few() {
        let long = plane(500);
        let found = shares(&long);
        assert_eq!(found.len(), 4);
        for k in 1..=4 {
            assert!((found[k - 1] - pca(&long, k).explained()).abs() < 1e-6, "{k}: {found:?}");
        }
        // Three rows of four numbers span two directions.
        let few = shares(&plane(3));
        assert_eq!(few.len(), 3);
        assert!(
            (few[1] - pca(&plane(3), 2).explained()).abs() < 1e-6 && few[1] > 1.0 - 1e-6 && few[0] < 0.999,
            "{few:?}"
        );
        assert_eq!(shares(&Array2::from_elem((5, 3), 2.0)), Vec::<f64>::new());
        assert_eq!(shares(&Array2::zeros((0, 3))), Vec::<f64>::new());
    }
}
