//! Many inputs at once: blocks of rows side by side, so that one coefficient meets a vector of numbers, and chunks of
//! blocks on all threads. This is also the codec's encoder where there is no hardware.

use ndarray::Array2;
use rayon::prelude::*;

use super::Engine;
use super::input::{Features, Input, Words};
use super::kernel::{BLOCK, Machine, Plain, finish, largest, sums};
use super::plan::{Step, Stores};
use super::store::Store;

/// Rows that a thread takes at a time: many blocks with one store.
const CHUNK: usize = 32 * BLOCK;

/// What [`Engine::chunk`] is called with. No closure: the call of one that only borrows is a function of its own, which the
/// compiler leaves without the vectors.
struct Chunk<'a, X, M, I> {
    engine: &'a Engine,
    machine: M,
    x: &'a [X],
    y: &'a mut [i64],
    input: &'a I,
}

impl<X: Copy, M: Machine, I: Input<X>> pulp::NullaryFnOnce for Chunk<'_, X, M, I> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.engine.chunk(self.machine, self.x, self.y, self.input);
    }
}

impl Engine {
    /// The outputs for many inputs; equal to [`infer`](Engine::infer) row by row.
    ///
    /// * `inputs`: `[rows, n_in]`
    /// * returns: `[rows, n_out]`
    ///
    /// # Panics
    /// If the inputs are not `n_in` wide, or a word lies outside its format.
    pub fn infer_batch(&self, inputs: &Array2<i64>) -> Array2<i64> {
        self.batch(inputs, &Words::new(&self.input))
    }

    /// The outputs for many features: input words to nearest, ties to even, saturated, as
    /// [`input_words`](crate::quantize::input_words) makes them, and then [`infer_batch`](Engine::infer_batch).
    ///
    /// * `features`: `[rows, n_in]`
    /// * returns: `[rows, n_out]`
    ///
    /// # Panics
    /// If the features are not `n_in` wide.
    pub fn infer_features(&self, features: &Array2<f32>) -> Array2<i64> {
        self.batch(features, &Features::new(&self.input))
    }

    /// As [`infer_batch`](Engine::infer_batch), with the `level`-th best vectors of this machine, if it has so many.
    #[cfg(test)]
    pub(super) fn infer_at(&self, inputs: &Array2<i64>, level: usize) -> Array2<i64> {
        let mut outputs = Array2::zeros((inputs.nrows(), self.n_out()));
        let (x, y, input) = (inputs.as_slice().unwrap(), outputs.as_slice_mut().unwrap(), &Words::new(&self.input));
        #[cfg(target_arch = "x86_64")]
        if let (1, Some(v3)) = (level, pulp::x86::V3::try_new()) {
            v3.vectorize(Chunk { engine: self, machine: v3, x, y, input });
            return outputs;
        }
        self.chunk(Plain, x, y, input);
        outputs
    }

    fn batch<X: Copy + Sync>(&self, inputs: &Array2<X>, input: &impl Input<X>) -> Array2<i64> {
        assert_eq!(inputs.ncols(), self.n_in(), "input length");
        let (n_in, n_out) = (self.n_in(), self.n_out());
        let inputs = inputs.as_standard_layout();
        let x = inputs.as_slice().unwrap_or_default();
        let mut outputs = vec![0; inputs.nrows() * n_out];
        outputs
            .par_chunks_mut(CHUNK * n_out)
            .zip(x.par_chunks(CHUNK * n_in))
            .for_each(|(y, x)| self.with_machine(x, y, input));
        Array2::from_shape_vec((inputs.nrows(), n_out), outputs).expect("as many as the shape has")
    }

    /// A chunk in the widest vectors of this machine; integers come out the same with any.
    fn with_machine<X: Copy>(&self, x: &[X], y: &mut [i64], input: &impl Input<X>) {
        #[cfg(target_arch = "x86_64")]
        if let Some(vnni) = super::vnni::Vnni::try_new() {
            return vnni.run(Chunk { engine: self, machine: vnni, x, y, input });
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(v3) = pulp::x86::V3::try_new() {
            return v3.vectorize(Chunk { engine: self, machine: v3, x, y, input });
        }
        self.chunk(Plain, x, y, input);
    }

    #[inline(always)]
    fn chunk<X: Copy>(&self, machine: impl Machine, x: &[X], y: &mut [i64], input: &impl Input<X>) {
        let mut store = Store::new(&self.plan);
        let (first, last) = (&self.plan.tensors[0], &self.plan.tensors[self.plan.tensors.len() - 1]);
        for (x, y) in x.chunks(BLOCK * first.len).zip(y.chunks_mut(BLOCK * last.len)) {
            input.load(&mut store, first, x);
            for (number, step) in self.plan.steps.iter().enumerate() {
                self.step(machine, &mut store, number, step, &self.plan.tensors[number + 1]);
            }
            for (row, y) in y.chunks_exact_mut(last.len).enumerate() {
                store.row(last, row, y);
            }
        }
    }

    /// One layer of one block.
    #[inline(always)]
    fn step(&self, machine: impl Machine, store: &mut Store, number: usize, step: &Step, out: &Stores) {
        match step {
            Step::Pairs(all) => {
                for (o, sum) in all.iter().enumerate() {
                    let mut acc = machine.pairs(&store.pairs, sum);
                    finish(&mut acc, &sum.finish);
                    store.put(out, o, &acc);
                }
            }
            Step::Words(all) => {
                for (o, sum) in all.iter().enumerate() {
                    let mut acc = sums(&store.words, sum);
                    finish(&mut acc, &sum.finish);
                    store.put(out, o, &acc);
                }
            }
            Step::Wide(all) => {
                for (o, sum) in all.iter().enumerate() {
                    let mut acc = sums(&store.wides, sum);
                    finish(&mut acc, &sum.finish);
                    store.put(out, o, &acc);
                }
            }
            Step::Exact(all) => {
                for (o, sum) in all.iter().enumerate() {
                    let acc = sums(&store.wides, sum);
                    store.put(out, o, &acc.map(|acc| self.layers[number].finish_row(o, acc)));
                }
            }
            Step::Tables(tables) => {
                for (o, (plane, first, table)) in tables.iter().enumerate() {
                    let values = store.words[*plane].0.map(|x| table[(i64::from(x) - first) as usize]);
                    store.put(out, o, &values);
                }
            }
            Step::MaximaOfWords(windows) => {
                for (o, window) in windows.iter().enumerate() {
                    let values = largest(&store.words, window);
                    store.put(out, o, &values);
                }
            }
            Step::MaximaOfWides(windows) => {
                for (o, window) in windows.iter().enumerate() {
                    let values = largest(&store.wides, window);
                    store.put(out, o, &values);
                }
            }
        }
    }
}
