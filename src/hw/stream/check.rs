//! What makes a streamed design the network: every graph is proved, every position of a layer is the one window that is built,
//! and every tap of every window is the value of the right cycle, or the fill where it lies in the padding.

use super::window::Window;
use super::{Built, StreamLayer, Streamed, Sums};
use crate::error::{Code, Error, Result};
use crate::hw::prove;
use crate::model::network::INPUT;
use crate::model::{AffineRow, Granular, IntegerLayer, IntegerNetwork, Outputs};

impl Streamed {
    /// Compares with the network.
    ///
    /// # Errors
    /// [`Code::Graph`] with the layer, and those of [`prove`].
    pub fn check(&self, network: &IntegerNetwork) -> Result<()> {
        let bad = |what: String| Err(Error::new(Code::Graph, format!("streamed design: {what}")));
        if self.input_formats != network.formats_of(INPUT) || self.output_formats != network.output_formats() {
            return bad("it has other formats than the network".into());
        }
        if self.layers.is_empty() || self.layers.len() + usize::from(self.rest.is_some()) > network.layers.len() {
            return bad("it has other layers than the network".into());
        }
        for grid in std::iter::once(&self.input).chain(self.layers.iter().map(|l| &l.output)) {
            if (grid.columns - 1) * grid.column_pitch >= grid.row_pitch || grid.span() >= self.ii {
                return bad("two positions come in one cycle".into());
            }
        }
        let mut before = INPUT;
        for (k, built) in self.layers.iter().enumerate() {
            let layer = &network.layers[k];
            if layer.inputs != [before] {
                return bad(format!("layer `{}` does not read `{before}` alone", layer.name));
            }
            prove(&built.graph, &built.network)?;
            self.positions(k, layer, network)?;
            self.times(k, &layer.name)?;
            before = &layer.name;
        }
        self.after(network, before)?;
        let rest = self.rest.as_ref().map_or(0, |r| r.built.latency());
        if self.latency.0 != self.whole() + rest {
            return bad(format!("its latency is not {}", self.whole() + rest));
        }
        Ok(())
    }

    /// The layers after those that stream are those of the rest.
    fn after(&self, network: &IntegerNetwork, last: &str) -> Result<()> {
        let left = &network.layers[self.layers.len()..];
        let bad = |what: &str| Err(Error::new(Code::Graph, format!("streamed design: {what}")));
        let Some(rest) = &self.rest else {
            return if left.is_empty() { Ok(()) } else { bad("layers are missing at its end") };
        };
        let name = |n: &String| if n == last { INPUT } else { n }.to_owned();
        let wanted = left.iter().map(|l| IntegerLayer { inputs: l.inputs.iter().map(name).collect(), ..l.clone() });
        let reads_earlier = |n: &String| n != last && !left.iter().any(|l| l.name == *n);
        let formats = network.formats_of(last);
        let mut wanted = IntegerNetwork {
            n_in: formats.len(),
            input: Granular::PerChannel(formats.clone()),
            layers: wanted.collect(),
        };
        if let Built::Summed(sums, _) = &rest.built {
            let channels = self.before(self.layers.len()).channels as usize;
            let again = Sums::new(&wanted.layers[0], &formats, channels)?;
            let reads = |l: &IntegerLayer| l.inputs.contains(&INPUT.to_owned());
            if again.as_ref() != Some(sums) || wanted.layers.iter().skip(1).any(reads) {
                return bad("its sums are not those of its dense layer");
            }
            wanted = sums.network(&wanted);
        }
        if wanted.layers != rest.network.layers
            || rest.network.formats_of(INPUT) != wanted.formats_of(INPUT)
            || left.iter().flat_map(|l| &l.inputs).any(reads_earlier)
        {
            return bad("its last layers are not those of the network");
        }
        if let Built::Folded(folded) = &rest.built {
            folded.check()?;
            if folded.reuse > self.ii {
                return bad("its last layers take longer than a vector");
            }
        }
        prove(rest.built.graph(), &rest.network)
    }

    /// Every position of a layer computes what the one window does, with the fill for what lies in the padding.
    fn positions(&self, k: usize, layer: &IntegerLayer, network: &IntegerNetwork) -> Result<()> {
        let (built, input) = (&self.layers[k], self.before(k));
        let (window, output) = (&built.window, &built.output);
        let bad = |what: &str| Error::new(Code::Graph, format!("streamed layer `{}`: {what}", layer.name));
        let one = &built.network.layers[0];
        let (channels, positions) = (output.channels as usize, output.positions() as usize);
        if (layer.n_in(), layer.n_out()) != ((input.positions() * input.channels) as usize, channels * positions) {
            return Err(bad("its image has another size"));
        }
        let same_modes = IntegerLayer { inputs: one.inputs.clone(), op: one.op.clone(), ..layer.clone() };
        let taps = window.kernel[0] * window.kernel[1] * input.channels;
        let in_formats = network.joined_formats(layer);
        let format_of_tap = (0..taps as usize).map(|t| in_formats[t % input.channels as usize]);
        let periodic = (0..in_formats.len()).all(|i| in_formats[i] == in_formats[i % input.channels as usize]);
        if same_modes != *one || !periodic || !format_of_tap.eq(built.network.formats_of(INPUT)) {
            return Err(bad("its window has other weights or formats"));
        }
        let (whole, part) = (layer.outputs(&in_formats)?, one.outputs(&built.network.formats_of(INPUT))?);
        for row in 0..output.rows {
            for column in 0..output.columns {
                let element = |t: usize| element(window, [input.rows, input.columns, input.channels], [row, column], t);
                let first = (row * output.columns + column) as usize * channels;
                let same = (0..channels).all(|c| match (&whole, &part) {
                    (Outputs::Affine(whole), Outputs::Affine(part)) => {
                        same_row(&whole[first + c], &part[c], element, &window.fill)
                    }
                    (Outputs::Tables(whole), Outputs::Tables(part)) => {
                        let (w, p) = (&whole[first + c], &part[c]);
                        Some(w.index) == element(p.index)
                            && (w.table, w.first, w.values, w.output) == (p.table, p.first, p.values, p.output)
                    }
                    (Outputs::Maxima(whole), Outputs::Maxima(part)) => {
                        // What is not there is the least number of its format.
                        let inside: Vec<usize> = part[c].iter().filter_map(|t| element(*t)).collect();
                        let of = |t: &usize| *t % input.channels as usize;
                        whole[first + c] == inside
                            && part[c].iter().all(|t| window.fill[of(t)] == in_formats[of(t)].min())
                    }
                    _ => false,
                });
                if !same {
                    return Err(bad(&format!("row {row}, column {column} is not its window")));
                }
            }
        }
        Ok(())
    }

    /// Every tap inside the image is the value of its cycle, every other one is known to be outside.
    fn times(&self, k: usize, name: &str) -> Result<()> {
        let (layer, input) = (&self.layers[k], self.before(k));
        let StreamLayer { window, output, .. } = layer;
        let bad = |what: String| Err(Error::new(Code::Graph, format!("streamed layer `{name}`: {what}")));
        let late = u32::from(layer.masked) + layer.graph.latency.0;
        if output.start != input.start + layer.lead + late || (layer.masked && layer.lead == 0) {
            return bad("its first window comes in another cycle".into());
        }
        let rows = |k| window.inside(0, k, input.rows, output.rows);
        let columns = |k| window.inside(1, k, input.columns, output.columns);
        let within = |range: Option<(u32, u32)>, at: u32| range.is_some_and(|(low, high)| (low..=high).contains(&at));
        let taps = window.kernel[0] * window.kernel[1] * input.channels;
        for (row, column) in (0..output.rows).flat_map(|r| (0..output.columns).map(move |c| (r, c))) {
            for t in (0..taps).step_by(input.channels as usize) {
                let (ky, kx) = (t / input.channels / window.kernel[1], t / input.channels % window.kernel[1]);
                let shape = [input.rows, input.columns, input.channels];
                let place = element(window, shape, [row, column], t as usize);
                let open = !layer.masked || (within(rows(ky), row) && within(columns(kx), column));
                let at = place.map(|i| i as u32 / input.channels);
                let right = at.is_none_or(|p| {
                    let comes = input.at(p / input.columns, p % input.columns);
                    comes + layer.delay(input.row_pitch, input.column_pitch, ky, kx) + late == output.at(row, column)
                });
                if open != place.is_some() || !right {
                    return bad(format!("tap ({ky}, {kx}) of row {row}, column {column} is another position"));
                }
            }
        }
        Ok(())
    }
}

impl StreamLayer {
    /// Cycles from a position of the input to the window in which it is tap `(ky, kx)`.
    pub fn delay(&self, row_pitch: u32, column_pitch: u32, ky: u32, kx: u32) -> u32 {
        let [height, width] = self.window.kernel;
        self.hold + (height - 1 - ky) * row_pitch + (width - 1 - kx) * column_pitch
    }
}

/// The element of the image that tap `t` of the window at an output is; `None` in the padding.
fn element(window: &Window, [rows, columns, channels]: [u32; 3], at: [u32; 2], t: usize) -> Option<usize> {
    let (tap, channel) = (t as u32 / channels, t as u32 % channels);
    let k = [tap / window.kernel[1], tap % window.kernel[1]];
    let place =
        |d: usize, size: u32| (at[d] * window.stride[d] + k[d]).checked_sub(window.pad[d]).filter(|p| *p < size);
    Some(((place(0, rows)? * columns + place(1, columns)?) * channels + channel) as usize)
}

/// Whether a row of the whole layer is that of the window with zeros in the padding. The binary point of the window may be
/// finer: taps in the padding count for it.
fn same_row(whole: &AffineRow, one: &AffineRow, element: impl Fn(usize) -> Option<usize>, fill: &[i64]) -> bool {
    let terms: Vec<(usize, i64)> = one.terms.iter().filter_map(|(t, c)| Some((element(*t)?, *c))).collect();
    // A row without anything has the binary point of its output.
    if whole.terms.is_empty() && whole.bias == 0 {
        return terms.is_empty() && one.bias == 0 && whole.output == one.output;
    }
    let Ok(finer) = u32::try_from(one.frac - whole.frac) else { return false };
    let same = |a: i64, b: i64| i128::from(a).checked_shl(finer).is_some_and(|a| a == i128::from(b));
    finer < 64
        && fill.iter().all(|f| *f == 0)
        && whole.output == one.output
        && same(whole.bias, one.bias)
        && whole.terms.len() == terms.len()
        && whole.terms.iter().zip(&terms).all(|((i, a), (j, b))| i == j && same(*a, *b))
}
