//! The tensors of one block of rows, each in the forms that its readers take, and the way in and out.

use super::kernel::{BLOCK, Lane, Plane};
use super::plan::{Plan, Stores};

/// All tensors of a block. Every number is always one of its format, also in rows that no input has reached yet: 0 is in all
/// formats, so tables can be read for all rows.
pub(super) struct Store {
    pub pairs: Vec<Plane<i32>>,
    pub words: Vec<Plane<i32>>,
    pub wides: Vec<Plane<i64>>,
}

impl Store {
    pub fn new(plan: &Plan) -> Store {
        Store {
            pairs: vec![Plane([0; BLOCK]); plan.pairs],
            words: vec![Plane([0; BLOCK]); plan.words],
            wides: vec![Plane([0; BLOCK]); plan.wides],
        }
    }

    /// Stores element `i` of a tensor for all rows.
    #[inline(always)]
    pub fn put<T: Lane>(&mut self, tensor: &Stores, i: usize, values: &[T; BLOCK]) {
        if let Some(first) = tensor.pairs {
            let plane = &mut self.pairs[first + i / 2].0;
            if i % 2 == 0 {
                plane.iter_mut().zip(values).for_each(|(pair, v)| *pair = v.word() & 0xffff);
            } else {
                plane.iter_mut().zip(values).for_each(|(pair, v)| *pair |= v.word() << 16);
            }
        }
        if let Some(first) = tensor.words {
            self.words[first + i].0.iter_mut().zip(values).for_each(|(word, v)| *word = v.word());
        }
        if let Some(first) = tensor.wides {
            self.wides[first + i].0.iter_mut().zip(values).for_each(|(wide, v)| *wide = (*v).into());
        }
    }

    /// Stores the input of one row of the block; `line` has an even number of elements, the last one beyond the tensor perhaps.
    #[inline(always)]
    pub fn put_row<T: Lane>(&mut self, tensor: &Stores, row: usize, line: &[T]) {
        if let Some(first) = tensor.pairs {
            for (plane, pair) in self.pairs[first..].iter_mut().zip(line.chunks_exact(2)) {
                plane.0[row] = pair[0].word() & 0xffff | pair[1].word() << 16;
            }
        }
        if let Some(first) = tensor.words {
            for (plane, v) in self.words[first..first + tensor.len].iter_mut().zip(line) {
                plane.0[row] = v.word();
            }
        }
        if let Some(first) = tensor.wides {
            for (plane, v) in self.wides[first..first + tensor.len].iter_mut().zip(line) {
                plane.0[row] = (*v).into();
            }
        }
    }

    /// Reads a tensor of one row of the block, from words or wides.
    #[inline(always)]
    pub fn row(&self, tensor: &Stores, row: usize, line: &mut [i64]) {
        match (tensor.words, tensor.wides) {
            (Some(first), _) => {
                line.iter_mut().zip(&self.words[first..]).for_each(|(v, plane)| *v = plane.0[row].into())
            }
            (None, Some(first)) => line.iter_mut().zip(&self.wides[first..]).for_each(|(v, plane)| *v = plane.0[row]),
            (None, None) => unreachable!("the output is stored in one of them"),
        }
    }
}
