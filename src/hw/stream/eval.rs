//! A streamed design cycle by cycle: lines, columns, window registers, counters and the bank as the hardware has them.

use std::collections::VecDeque;

use super::{Built, Grid, StreamLayer, Streamed, Sums};
use crate::hw::eval::eval;
use crate::hw::fold::eval_folded;

/// What comes out in each cycle: `None` where `y_valid` is low.
///
/// * `drive`: the pixel of each cycle and whether it is the first of a vector; vectors lie at least `ii` cycles apart. What is
///   no pixel of a vector may be anything that fits the formats
/// * returns: as many cycles as `drive` has
///
/// # Panics
/// If a pixel has another number of channels.
pub fn eval_streamed(streamed: &Streamed, drive: &[(Vec<i64>, bool)]) -> Vec<Option<Vec<i64>>> {
    let mut layers: Vec<Layer> = (0..streamed.layers.len()).map(|k| Layer::new(streamed, k)).collect();
    let mut bank = Bank::new(streamed);
    let mut adding = match streamed.rest.as_ref().map(|r| &r.built) {
        Some(Built::Summed(sums, _)) => Some(Adding::new(streamed, sums)),
        _ => None,
    };
    let tensors = drive.iter().map(|(pixel, first)| {
        let (mut values, mut start) = (pixel.clone(), *first);
        for layer in &mut layers {
            (values, start) = layer.cycle(values, start);
        }
        match &mut adding {
            Some(adding) => adding.cycle(values, start),
            None => bank.cycle(values, start),
        }
    });
    let tensors: Vec<Option<Vec<i64>>> = tensors.collect();
    match streamed.rest.as_ref().map(|r| &r.built) {
        None => tensors,
        Some(Built::Folded(folded)) => eval_folded(folded, &tensors),
        Some(Built::Pipelined(graph) | Built::Summed(_, graph)) => {
            let made = tensors.into_iter().map(|x| x.map(|x| eval(graph, &x)));
            let late = graph.latency.0 as usize;
            std::iter::repeat_n(None, late).chain(made).take(drive.len()).collect()
        }
    }
}

/// A value so many cycles later.
struct Delay<T> {
    held: VecDeque<T>,
}

impl<T: Clone> Delay<T> {
    fn new(cycles: u32, first: T) -> Self {
        Delay { held: std::iter::repeat_n(first, cycles as usize).collect() }
    }

    /// What went in so many cycles ago; 0 cycles are a wire.
    fn cycle(&mut self, value: T) -> T {
        self.held.push_back(value);
        self.held.pop_front().expect("one was put in")
    }
}

/// The counters that follow the positions of a grid; told one cycle before the first of them.
struct Walk {
    grid: Grid,
    busy: bool,
    valid: bool,
    row: u32,
    column: u32,
    /// Cycles since the row began.
    in_row: u32,
    /// Cycles since the position came.
    since: u32,
}

impl Walk {
    fn new(grid: Grid) -> Self {
        Walk { grid, busy: false, valid: false, row: 0, column: 0, in_row: 0, since: 0 }
    }

    fn last(&self) -> bool {
        self.valid && self.row == self.grid.rows - 1 && self.column == self.grid.columns - 1
    }

    /// The clock edge.
    fn edge(&mut self, start: bool) {
        let Grid { columns, row_pitch, column_pitch, .. } = self.grid;
        if start {
            *self = Walk { busy: true, valid: true, ..Walk::new(self.grid) };
        } else if self.busy {
            (self.busy, self.valid) = (!self.last(), false);
            if !self.busy {
            } else if self.in_row == row_pitch - 1 {
                *self = Walk { busy: true, valid: true, row: self.row + 1, ..Walk::new(self.grid) };
            } else {
                self.in_row += 1;
                let full = self.since == column_pitch - 1;
                self.since = if full { 0 } else { self.since + 1 };
                if full && self.column != columns - 1 {
                    (self.column, self.valid) = (self.column + 1, true);
                }
            }
        }
    }
}

struct Layer<'a> {
    layer: &'a StreamLayer,
    input: Grid,
    hold: Delay<Vec<i64>>,
    lines: Vec<Delay<Vec<i64>>>,
    /// A column of the window, the top first, by the cycles of one position.
    columns: Vec<Delay<Vec<Vec<i64>>>>,
    walk: Walk,
    window: Vec<i64>,
    graph: Delay<Vec<i64>>,
    to_walk: Delay<bool>,
    to_next: Delay<bool>,
}

impl<'a> Layer<'a> {
    fn new(streamed: &Streamed, k: usize) -> Layer<'_> {
        let (layer, input) = (&streamed.layers[k], *streamed.before(k));
        let [height, width] = layer.window.kernel;
        let zero = vec![0; input.channels as usize];
        let column = vec![zero.clone(); height as usize];
        Layer {
            layer,
            input,
            hold: Delay::new(layer.hold, zero.clone()),
            lines: (1..height).map(|_| Delay::new(input.row_pitch, zero.clone())).collect(),
            columns: (1..width).map(|_| Delay::new(input.column_pitch, column.clone())).collect(),
            walk: Walk::new(layer.output),
            window: vec![0; zero.len() * (height * width) as usize],
            graph: Delay::new(layer.graph.latency.0, vec![0; layer.output.channels as usize]),
            to_walk: Delay::new(streamed.tokens(k)[0], false),
            to_next: Delay::new(streamed.tokens(k)[1], false),
        }
    }

    /// The position that it gives in this cycle, and its token.
    fn cycle(&mut self, position: Vec<i64>, start: bool) -> (Vec<i64>, bool) {
        let window = &self.layer.window;
        assert_eq!(position.len(), self.input.channels as usize, "channels");
        // From the newest row up.
        let mut column = vec![self.hold.cycle(position)];
        for line in &mut self.lines {
            let above = line.cycle(column[column.len() - 1].clone());
            column.push(above);
        }
        column.reverse();
        let mut columns = vec![column];
        for delay in &mut self.columns {
            let before = delay.cycle(columns[columns.len() - 1].clone());
            columns.push(before);
        }
        columns.reverse();
        let (row, right) = (self.walk.row, self.walk.column);
        let token = self.to_walk.cycle(start);
        self.walk.edge(token);
        let inside = |d: usize, k: u32, at: u32| {
            let (size, outputs) = match d {
                0 => (self.input.rows, self.layer.output.rows),
                _ => (self.input.columns, self.layer.output.columns),
            };
            window.inside(d, k, size, outputs).is_some_and(|(low, high)| (low..=high).contains(&at))
        };
        let mut taps = Vec::with_capacity(self.window.len());
        for ky in 0..window.kernel[0] {
            for kx in 0..window.kernel[1] {
                let open = !self.layer.masked || (inside(0, ky, row) && inside(1, kx, right));
                taps.extend(if open { &columns[kx as usize][ky as usize] } else { &window.fill });
            }
        }
        let seen = if self.layer.masked { std::mem::replace(&mut self.window, taps) } else { taps };
        (self.graph.cycle(eval(&self.layer.graph, &seen)), self.to_next.cycle(start))
    }
}

/// Positions until the last one comes.
struct Bank {
    walk: Walk,
    held: VecDeque<Vec<i64>>,
}

impl Bank {
    fn new(streamed: &Streamed) -> Self {
        let grid = *streamed.before(streamed.layers.len());
        let zero = vec![0; grid.channels as usize];
        Bank { walk: Walk::new(grid), held: std::iter::repeat_n(zero, grid.positions() as usize - 1).collect() }
    }

    /// The whole tensor in the cycle of its last position.
    fn cycle(&mut self, position: Vec<i64>, token: bool) -> Option<Vec<i64>> {
        let whole = self.walk.last().then(|| self.held.iter().chain([&position]).flatten().copied().collect());
        if self.walk.valid {
            self.held.push_back(position);
            self.held.pop_front();
        }
        self.walk.edge(token);
        whole
    }
}

/// A position on its way to the accumulators.
#[derive(Clone, Default)]
struct Adds {
    values: Vec<i64>,
    place: usize,
    valid: bool,
    first: bool,
    last: bool,
}

/// Accumulators of positions.
struct Adding<'a> {
    sums: &'a Sums,
    walk: Walk,
    first: bool,
    way: Delay<Adds>,
    accumulators: Vec<i128>,
    whole: bool,
}

impl<'a> Adding<'a> {
    fn new(streamed: &Streamed, sums: &'a Sums) -> Self {
        Adding {
            sums,
            walk: Walk::new(*streamed.before(streamed.layers.len())),
            first: false,
            way: Delay::new(sums.depth() - 1, Adds::default()),
            accumulators: vec![0; sums.accumulators.len()],
            whole: false,
        }
    }

    /// The accumulators in the cycle in which they have the last position.
    fn cycle(&mut self, values: Vec<i64>, token: bool) -> Option<Vec<i64>> {
        let whole = self.whole.then(|| self.accumulators.iter().map(|a| *a as i64).collect());
        let place = (self.walk.row * self.walk.grid.columns + self.walk.column) as usize;
        let (valid, last) = (self.walk.valid, self.walk.last());
        let now = self.way.cycle(Adds { values, place, valid, first: self.first, last });
        if now.valid {
            for (o, format) in self.sums.accumulators.iter().enumerate() {
                let products = self.sums.weights[now.place][o].iter().zip(&now.values);
                let sum: i128 = products.map(|(w, x)| i128::from(*w) * i128::from(*x)).sum();
                let spare = 128 - format.width;
                let before = if now.first { 0 } else { self.accumulators[o] };
                self.accumulators[o] = (before + sum) << spare >> spare;
            }
        }
        self.whole = now.valid && now.last;
        self.first = token;
        self.walk.edge(token);
        whole
    }
}
