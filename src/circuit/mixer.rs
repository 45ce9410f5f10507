//! The context mixer as a family: column after column, each by contexts of the columns before it.

use rayon::prelude::*;

use super::{Conditionals, Model};
use crate::entropy::bytes::{Reader, put_section};
use crate::error::Result;
use crate::mix::{self, Bins, Contexts, Mixing, Tree};

/// [`crate::mix`], which learns as it goes and stores no probabilities.
#[derive(Clone, Copy, Debug)]
pub struct Mixer {
    /// Most contexts of a column; 1 tells columns nothing of each other.
    pub contexts: usize,
}

impl Default for Mixer {
    fn default() -> Self {
        // As many as containers have.
        Mixer { contexts: 6 }
    }
}

struct Chosen {
    trees: Vec<Tree>,
    bins: Vec<Bins>,
    contexts: Vec<Contexts>,
}

impl Conditionals for Mixer {
    fn name(&self) -> &'static str {
        "mixer"
    }

    fn learn(&self, columns: &[Vec<i64>]) -> Box<dyn Model> {
        let trees: Vec<Tree> = columns.par_iter().map(|c| Tree::of_column(c)).collect();
        let bins: Vec<Bins> = columns.par_iter().zip(&trees).map(|(c, t)| Bins::of(t, c)).collect();
        let choose = |k: usize| {
            let known: Vec<Option<&Bins>> = bins[..k].iter().map(Some).collect();
            Contexts::choose(&bins[k], &known, self.contexts)
        };
        let contexts = (0..columns.len()).into_par_iter().map(choose).collect();
        Box::new(Chosen { trees, bins, contexts })
    }

    fn read(&self, bytes: &[u8], columns: usize, rows: usize) -> Result<Vec<Vec<i64>>> {
        let mut reader = Reader::new(bytes);
        let (mut found, mut bins): (Vec<Vec<i64>>, Vec<Bins>) = (Vec::new(), Vec::new());
        for _ in 0..columns {
            let known: Vec<Option<&Bins>> = bins.iter().map(Some).collect();
            let (values, own) = mix::decode(reader.section()?, rows, &known)?;
            found.push(values);
            bins.push(own);
        }
        reader.end()?;
        Ok(found)
    }
}

impl Model for Chosen {
    fn choice(&self) -> String {
        format!("{} contexts", self.contexts.iter().map(|c| c.count).sum::<usize>())
    }

    fn model_bytes(&self) -> usize {
        0
    }

    fn encode(&self, columns: &[Vec<i64>]) -> Vec<u8> {
        let one = |k: usize| {
            let known: Vec<Option<&Bins>> = self.bins[..k].iter().map(Some).collect();
            mix::encode(&columns[k], &self.trees[k], &self.contexts[k], &known, Mixing::Full)
        };
        let coded: Vec<Vec<u8>> = (0..self.trees.len()).into_par_iter().map(one).collect();
        let mut out = Vec::new();
        coded.iter().for_each(|bytes| put_section(&mut out, bytes));
        out
    }
}
