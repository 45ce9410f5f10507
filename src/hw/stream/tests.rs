use super::*;
use crate::fixed::{Overflow, Rounding};
use crate::hw::tests::MODES;
use crate::model::network::Conv2d;
use crate::model::{Activation, Granular, IntegerLayer, IntegerOp, Pool2d};
use crate::reference::Engine;

fn options() -> CompileOptions {
    CompileOptions { effort: Effort::Fast, ..Default::default() }
}

/// Numbers that look random, the same on every machine.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn number(&mut self, format: QFormat) -> i64 {
        format.min() + self.below(1 << format.width) as i64
    }
}

const INPUT_FORMATS: [QFormat; 3] = [QFormat::signed(5, 2), QFormat::unsigned(4, 2), QFormat::signed(3, 0)];

fn conv(name: &str, from: &str, geometry: Conv2d, mode: usize, draw: &mut Draw) -> IntegerLayer {
    let (rounding, overflow) = MODES[mode % MODES.len()];
    let (weight, bias) = (QFormat::signed(4, 1), QFormat::signed(5, 2));
    let output = |f: usize| if f % 2 == 0 { QFormat::signed(6, 1) } else { QFormat::unsigned(5, 2) };
    IntegerLayer {
        name: name.to_owned(),
        inputs: vec![from.to_owned()],
        weights: (0..geometry.filters).map(|_| (0..geometry.taps()).map(|_| draw.number(weight)).collect()).collect(),
        weight_format: Granular::PerTensor(weight),
        bias: (0..geometry.filters).map(|_| draw.number(bias)).collect(),
        bias_format: Granular::PerTensor(bias),
        activation: if mode % 2 == 0 { Activation::Relu } else { Activation::None },
        output_format: Granular::PerChannel((0..geometry.filters).map(output).collect()),
        rounding,
        overflow,
        op: IntegerOp::Conv2d { geometry },
    }
}

fn dense(name: &str, from: &str, n_in: usize, draw: &mut Draw) -> IntegerLayer {
    let format = QFormat::signed(4, 1);
    IntegerLayer {
        name: name.to_owned(),
        inputs: vec![from.to_owned()],
        weights: (0..3).map(|_| (0..n_in).map(|_| draw.number(format)).collect()).collect(),
        weight_format: Granular::PerTensor(format),
        bias: vec![1, -2, 3],
        bias_format: Granular::PerTensor(format),
        activation: Activation::None,
        output_format: Granular::PerTensor(QFormat::signed(9, 1)),
        rounding: Rounding::HalfEven,
        overflow: Overflow::Saturate,
        op: IntegerOp::Dense,
    }
}

fn geometry(shape: [usize; 3], kernel: [usize; 2], stride: [usize; 2], pad: [usize; 4], filters: usize) -> Conv2d {
    Conv2d { in_shape: shape, kernel, stride, pad, filters }
}

/// An encoder of one image.
fn encoder(shape: [usize; 3], layers: Vec<IntegerLayer>) -> IntegerNetwork {
    let n_in = shape.iter().product();
    let input = Granular::PerChannel((0..n_in).map(|i| INPUT_FORMATS[i % shape[2]]).collect());
    let network = IntegerNetwork { n_in, input, layers };
    network.check().unwrap();
    network
}

/// Pixels of the vectors, vector `i` `gap(i)` cycles later than it could come, and extremes wherever none is due.
fn pixels(streamed: &Streamed, x: &[Vec<i64>], gap: impl Fn(usize) -> u32) -> (Vec<(Vec<i64>, bool)>, Vec<usize>) {
    let channels = streamed.input.channels as usize;
    let wrong = |c: usize| -> Vec<i64> {
        (0..channels).map(|i| if c % 3 == 0 { INPUT_FORMATS[i].min() } else { INPUT_FORMATS[i].max() }).collect()
    };
    let (mut at, mut starts) = (5, Vec::new());
    for i in 0..x.len() {
        starts.push(at);
        at += (streamed.ii + gap(i)) as usize;
    }
    let cycles = at + streamed.latency.0 as usize + 1;
    let mut drive: Vec<(Vec<i64>, bool)> = (0..cycles).map(|c| (wrong(c), false)).collect();
    for (x, start) in x.iter().zip(&starts) {
        drive[*start].1 = true;
        for (p, pixel) in x.chunks(channels).enumerate() {
            let p = p as u32;
            let cycle = streamed.input.at(p / streamed.input.columns, p % streamed.input.columns);
            drive[start + cycle as usize].0 = pixel.to_vec();
        }
    }
    (drive, starts)
}

/// Streams vectors back to back and with gaps: each output in its cycle, and that of the reference.
fn streams(network: &IntegerNetwork, seed: u64) -> Streamed {
    let streamed = stream(network, &options()).unwrap();
    let engine = Engine::new(network).unwrap();
    let mut draw = Draw(seed);
    let formats = network.formats_of(INPUT);
    let mut x: Vec<Vec<i64>> = (0..12).map(|_| formats.iter().map(|f| draw.number(*f)).collect()).collect();
    x.push(formats.iter().map(|f| QFormat::max(*f)).collect());
    x.push(formats.iter().map(|f| QFormat::min(*f)).collect());
    for gap in [0, 1, 3, 17] {
        let (drive, starts) = pixels(&streamed, &x, |i| if i % 4 == 3 { 0 } else { i as u32 * gap % 23 });
        let mut wanted = vec![None; drive.len()];
        for (x, start) in x.iter().zip(starts) {
            wanted[start + streamed.latency.0 as usize] = Some(engine.infer(x));
        }
        let got = eval_streamed(&streamed, &drive);
        let wrong = (0..got.len()).find(|c| got[*c] != wanted[*c]);
        assert_eq!(wrong.map(|c| (c, &got[c], &wanted[c])), None, "gap {gap}: {streamed:?}");
    }
    streamed
}

#[test]
fn a_convolution_streams_with_every_kernel_stride_and_padding() {
    let mut masked = 0;
    for kernel in 1..=3 {
        for stride in 1..=2 {
            for pad in 0..=2 {
                for shape in [[4, 5, 2], [3, 3, 1], [1, 4, 1]] {
                    if kernel > shape[0] + 2 * pad {
                        continue;
                    }
                    let mut draw = Draw(7);
                    let g = geometry(shape, [kernel; 2], [stride; 2], [pad; 4], 2);
                    let layer = conv("c", "x", g, kernel + stride + pad, &mut draw);
                    let streamed = streams(&encoder(shape, vec![layer]), 3);
                    masked += usize::from(streamed.layers[0].masked);
                    let plain = pad * 2 < kernel;
                    assert!(!plain || streamed.ii as usize == shape[0] * shape[1], "{shape:?} {kernel} {stride} {pad}");
                }
            }
        }
    }
    assert!(masked > 10, "{masked}");
}

#[test]
fn uneven_kernels_strides_and_paddings_stream_one_into_the_other() {
    let shape = [5, 7, 3];
    for (i, (kernel, stride, pad)) in
        [([3, 2], [2, 1], [1, 0, 0, 1]), ([2, 3], [1, 2], [0, 2, 1, 1]), ([1, 3], [2, 2], [0, 1, 0, 1])]
            .into_iter()
            .enumerate()
    {
        let mut draw = Draw(i as u64);
        let first = geometry(shape, kernel, stride, pad, 2);
        let [h, w] = first.out_size();
        let second = geometry([h, w, 2], [2, 2], [1, 2], [1, 1, 0, 1], 3);
        let [h, w] = second.out_size();
        let pool = Pool2d { in_shape: [h, w, 3], kernel: [2, 2], stride: [2, 1], pad: [1, 1, 0, 0] };
        let layers = vec![conv("a", "x", first, i, &mut draw), conv("b", "a", second, i + 3, &mut draw)];
        let format = layers[1].output_format.clone();
        let max = IntegerLayer::max_pool2d("p".into(), vec!["b".into()], pool.clone(), format.clone());
        let average = IntegerLayer::avg_pool2d(
            "p".into(),
            vec!["b".into()],
            pool.clone(),
            None,
            format,
            Rounding::HalfUp,
            Overflow::Saturate,
        );
        for last in [max, average] {
            let mut layers = layers.clone();
            let n = pool.n_out();
            layers.push(last);
            streams(&encoder(shape, layers.clone()), 5);
            layers.push(dense("d", "p", n, &mut draw));
            let streamed = streams(&encoder(shape, layers), 6);
            assert_eq!(streamed.layers.len(), 3);
        }
    }
}

#[test]
fn lookups_between_the_layers_stream_and_after_them_are_part_of_the_rest() {
    let (shape, mut draw) = ([3, 4, 1], Draw(1));
    let g = geometry(shape, [2, 2], [1, 1], [0; 4], 2);
    let [h, w] = g.out_size();
    let first = conv("c", "x", g, 1, &mut draw);
    let table = |n: usize, from: QFormat| (0..1i64 << from.width).map(|i| (i * 3 + n as i64) % 16).collect();
    let tables = vec![table(0, first.output_at(0)), table(1, first.output_at(1))];
    let output = Granular::PerTensor(QFormat::unsigned(4, 1));
    let lookup = IntegerLayer::lookup("t".into(), vec!["c".into()], h * w * 2, tables, output);
    let d = dense("d", "t", h * w * 2, &mut draw);
    let per_element = (0..3).map(|n| table(n, QFormat::signed(9, 1))).collect();
    let last = IntegerLayer::lookup(
        "u".into(),
        vec!["d".into()],
        3,
        per_element,
        Granular::PerTensor(QFormat::unsigned(4, 0)),
    );
    let streamed = streams(&encoder(shape, vec![first, lookup, d, last]), 9);
    let built = streamed.rest.map(|r| r.built);
    assert!(
        streamed.layers.len() == 2 && matches!(built, Some(Built::Pipelined(_))),
        "three sums are small: {built:?}"
    );
}

#[test]
fn a_dense_layer_of_many_positions_adds_them_up_as_they_come() {
    for (stride, pad, filters) in [([1, 1], [1; 4], 2), ([1, 2], [0, 2, 1, 1], 3), ([1, 1], [2; 4], 1)] {
        let (shape, mut draw) = ([6, 5, 1], Draw(filters as u64));
        let g = geometry(shape, [3, 3], stride, pad, filters);
        let n = g.n_out();
        let mut first = dense("d", "c", n, &mut draw);
        // One that needs a finer binary point, and a channel that an output does not read.
        first.bias_format = Granular::PerTensor(QFormat::signed(4, 6));
        first.weights[1].iter_mut().step_by(filters).for_each(|w| *w = 0);
        let last = dense("e", "d", 3, &mut draw);
        let network = encoder(shape, vec![conv("c", "x", g, 1, &mut draw), first, last]);
        let streamed = streams(&network, 4);
        let Some(Rest { built: Built::Summed(sums, _), .. }) = &streamed.rest else { panic!("not summed") };
        assert_eq!(sums.weights.len(), streamed.layers[0].output.positions() as usize);
        assert_eq!(sums.products.iter().map(Vec::len).sum::<usize>(), 3 * filters - 1);
        let wrong: [fn(&mut Sums); 3] =
            [|s| s.weights[2][0][0] += 1, |s| s.accumulators[1].width -= 1, |s| s.weights.swap(3, 4)];
        for change in wrong {
            let mut streamed = streamed.clone();
            let Some(Rest { built: Built::Summed(sums, _), .. }) = &mut streamed.rest else { panic!() };
            change(sums);
            assert_eq!(streamed.check(&network).err().map(|e| e.code()), Some(Code::Graph));
        }
    }
}

#[test]
fn a_large_rest_is_folded_to_the_cycles_of_the_image() {
    let (shape, mut draw) = ([6, 6, 1], Draw(2));
    let g = geometry(shape, [3, 3], [1, 1], [1; 4], 2);
    // Positions that are read twice are not added up.
    let layers = vec![conv("c", "x", g, 1, &mut draw), dense("d", "c", 144, &mut draw)];
    let both = IntegerLayer { inputs: vec!["c".into(), "c".into()], ..layers[1].clone() };
    let streamed = streams(&encoder(shape, vec![layers[0].clone(), both]), 4);
    let Some(Rest { built: Built::Folded(folded), .. }) = &streamed.rest else { panic!("not folded") };
    assert!(folded.reuse > 8 && folded.reuse <= 36, "{}", folded.reuse);
}

#[test]
fn what_cannot_stream_is_refused_with_the_reason() {
    let (shape, mut draw) = ([3, 3, 2], Draw(1));
    let why = |network: &IntegerNetwork| {
        let error = stream(network, &options()).unwrap_err();
        assert_eq!(error.code(), Code::Unsupported);
        error.to_string()
    };
    let g = geometry(shape, [2, 2], [1, 1], [0; 4], 2);
    let first = conv("c", "x", g, 1, &mut draw);
    let after = dense("d", "x", 18, &mut draw);
    let text = why(&encoder(shape, vec![after.clone()]));
    assert!(text.contains("its first layer, `d`, moves no window over an image"), "{text}");
    let text = why(&encoder(shape, vec![first.clone(), after]));
    assert!(text.contains("layer `d` reads `x`, which has streamed by before it"), "{text}");
    let mut network = encoder(shape, vec![first]);
    let Granular::PerChannel(formats) = &mut network.input else { panic!() };
    formats[4] = QFormat::signed(6, 2);
    let text = why(&network);
    assert!(text.contains("element 4 of `x` is fixed<6,4>, not fixed<5,3>"), "{text}");
    let latency = CompileOptions { latency: Some(3), ..options() };
    assert_eq!(stream(&network, &latency).unwrap_err().code(), Code::Usage);
    let multipliers = CompileOptions { multipliers: 9, ..options() };
    assert_eq!(stream(&network, &multipliers).unwrap_err().code(), Code::Usage);
}

#[test]
fn a_streamed_design_that_sees_another_position_is_refused() {
    let (shape, mut draw) = ([4, 4, 1], Draw(1));
    let g = geometry(shape, [3, 3], [1, 1], [1; 4], 2);
    let next = geometry([4, 4, 2], [2, 2], [2, 2], [0; 4], 2);
    let layers =
        vec![conv("a", "x", g, 1, &mut draw), conv("b", "a", next, 2, &mut draw), dense("d", "b", 8, &mut draw)];
    let network = encoder(shape, layers);
    let good = stream(&network, &options()).unwrap();
    good.check(&network).unwrap();
    let wrong: [(&str, fn(&mut Streamed)); 11] = [
        ("a line that is too short", |s| s.input.row_pitch -= 1),
        ("a window that comes early", |s| s.layers[0].lead -= 1),
        ("a stream that waits", |s| s.layers[1].hold += 1),
        ("no masks", |s| s.layers[0].masked = false),
        ("another padding", |s| s.layers[0].window.pad = [1, 0, 1, 2]),
        ("another stride", |s| s.layers[1].window.stride = [2, 1]),
        ("another fill", |s| s.layers[0].window.fill = vec![1]),
        ("another weight", |s| s.layers[1].network.layers[0].weights[0][0] ^= 1),
        ("positions in one cycle", |s| s.ii -= 1),
        ("another start", |s| s.layers[1].output.start += 1),
        ("a shorter latency", |s| s.latency.0 -= 1),
    ];
    for (what, change) in wrong {
        let mut streamed = good.clone();
        change(&mut streamed);
        assert_eq!(streamed.check(&network).err().map(|e| e.code()), Some(Code::Graph), "{what}");
    }
    for change in 0..3 {
        let mut other = network.clone();
        match change {
            0 => other.layers[0].weights[1][3] ^= 1,
            1 => other.layers[1].rounding = Rounding::HalfEven,
            _ => other.layers[2].bias[0] += 1,
        }
        assert_eq!(good.check(&other).err().map(|e| e.code()), Some(Code::Graph), "{change}");
    }
}
