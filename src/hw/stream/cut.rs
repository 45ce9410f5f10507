//! Which layers stream, each as a network of one position, and the network of what comes after them.

use super::window::Window;
use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::model::network::{Conv2d, INPUT};
use crate::model::{Granular, IntegerLayer, IntegerNetwork, IntegerOp, Pool2d};

/// An encoder in two: layers over an image, one reading the other, and the rest.
pub(super) struct Cut {
    /// `[height, width, channels]` of the input.
    pub shape: [u32; 3],
    pub front: Vec<Front>,
    /// Reads the whole output of the last layer of the front; `None` if that is the output of the encoder.
    pub rest: Option<IntegerNetwork>,
}

/// A layer of the front.
pub(super) struct Front {
    /// x: the taps of one window, `[kernel_h, kernel_w, channels]`; y: the channels of one position.
    pub position: IntegerNetwork,
    pub window: Window,
    /// Of the output.
    pub channels: u32,
}

/// Cuts an encoder behind the last layer that can stream.
///
/// # Errors
/// [`Code::Unsupported`] if none can, if pixels have different formats, or if a later layer reads a tensor that has streamed by.
pub(super) fn cut(network: &IntegerNetwork) -> Result<Cut> {
    let refused = |cause: String| {
        Error::new(Code::Unsupported, "this encoder cannot be streamed").cause(cause).hint(
            "--stream is for encoders that begin with conv2d or pooling of the pixels of `x`; without it they are unrolled",
        )
    };
    let chain = chain(network);
    // Lookups may come before the layer that says what the image is.
    let Some(shape) = chain.iter().find_map(|l| image(&l.op)) else {
        let first = &network.layers[0].name;
        return Err(refused(format!("its first layer, `{first}`, moves no window over an image")));
    };
    let formats = network.formats_of(INPUT);
    if let Some(i) = (0..formats.len()).find(|i| formats[*i] != formats[i % shape[2]]) {
        let (here, first) = (formats[i], formats[i % shape[2]]);
        return Err(refused(format!("pixels have different formats: element {i} of `x` is {here}, not {first}")));
    }
    let (mut front, mut size) = (Vec::new(), shape);
    let mut before = formats[..shape[2]].to_vec();
    for layer in &chain {
        let Some((made, next)) = streamed(layer, size, &before)? else { break };
        before = (0..next[2]).map(|c| layer.output_at(c)).collect();
        front.push(made);
        size = next;
    }
    if !chain[..front.len()].iter().any(|l| image(&l.op).is_some()) {
        let name = &network.layers[front.len()].name;
        return Err(refused(format!("layer `{name}` before its image has other channels")));
    }
    let (done, left) = network.layers.split_at(front.len());
    let (last, passed) = (&done[done.len() - 1].name, &done[..done.len() - 1]);
    let passed = |name: &String| name == INPUT || passed.iter().any(|l| l.name == *name);
    if let Some((layer, name)) = left.iter().find_map(|l| Some((l, l.inputs.iter().find(|n| passed(n))?))) {
        return Err(refused(format!("layer `{}` reads `{name}`, which has streamed by before it", layer.name)));
    }
    let rest = (!left.is_empty()).then(|| IntegerNetwork {
        n_in: size.iter().product(),
        input: Granular::PerChannel((0..size.iter().product()).map(|i| before[i % size[2]]).collect()),
        layers: left.iter().map(|l| renamed(l, last)).collect(),
    });
    Ok(Cut { shape: small(shape)?, front, rest })
}

/// The layers from the first on that read nothing but the one before.
fn chain(network: &IntegerNetwork) -> Vec<&IntegerLayer> {
    let before = |k: usize| if k == 0 { INPUT } else { &network.layers[k - 1].name };
    network.layers.iter().enumerate().take_while(|(k, l)| l.inputs == [before(*k)]).map(|(_, l)| l).collect()
}

/// `[height, width, channels]` of the image that a layer moves windows over.
fn image(op: &IntegerOp) -> Option<[usize; 3]> {
    match op {
        IntegerOp::Conv2d { geometry } => Some(geometry.in_shape),
        IntegerOp::MaxPool2d { geometry } | IntegerOp::AvgPool2d { geometry } => Some(geometry.in_shape),
        IntegerOp::Dense | IntegerOp::Lookup { .. } => None,
    }
}

/// A layer over an image of `size`, and the size of what it gives; `None` if it is no such layer.
fn streamed(layer: &IntegerLayer, size: [usize; 3], formats: &[QFormat]) -> Result<Option<(Front, [usize; 3])>> {
    let (op, window, channels) = match &layer.op {
        IntegerOp::Conv2d { geometry } if geometry.in_shape == size => {
            let Conv2d { kernel: [y, x], stride, pad, filters, .. } = *geometry;
            let geometry = Conv2d { in_shape: [y, x, size[2]], kernel: [y, x], stride: [1, 1], pad: [0; 4], filters };
            let window =
                Window { kernel: small([y, x])?, stride: small(stride)?, pad: small(pad)?, fill: vec![0; size[2]] };
            (IntegerOp::Conv2d { geometry }, window, filters)
        }
        IntegerOp::MaxPool2d { geometry } if geometry.in_shape == size => {
            // Nothing is less than the least number of a format: it does not count.
            let fill = formats.iter().map(|f| QFormat::min(*f)).collect();
            let (geometry, window) = pool(geometry, fill)?;
            (IntegerOp::MaxPool2d { geometry }, window, size[2])
        }
        IntegerOp::AvgPool2d { geometry } if geometry.in_shape == size => {
            let (geometry, window) = pool(geometry, vec![0; size[2]])?;
            (IntegerOp::AvgPool2d { geometry }, window, size[2])
        }
        IntegerOp::Lookup { tables, .. } if size[2] % tables.len() == 0 => {
            let op = IntegerOp::Lookup { n: size[2], tables: tables.clone() };
            (op, Window::point(size[2]), size[2])
        }
        _ => return Ok(None),
    };
    let taps = formats.len() * (window.kernel[0] * window.kernel[1]) as usize;
    let position = IntegerNetwork {
        n_in: taps,
        input: Granular::PerChannel((0..taps).map(|t| formats[t % formats.len()]).collect()),
        layers: vec![IntegerLayer { op, inputs: vec![INPUT.to_owned()], ..layer.clone() }],
    };
    position.check()?;
    let [made] = small([channels])?;
    let [h, w] = window.sizes(small([size[0], size[1]])?).map(|n| n as usize);
    Ok(Some((Front { position, window, channels: made }, [h, w, channels])))
}

/// One window of a pooling, and how it moves.
fn pool(geometry: &Pool2d, fill: Vec<i64>) -> Result<(Pool2d, Window)> {
    let Pool2d { in_shape: [.., channels], kernel: [y, x], stride, pad } = *geometry;
    let one = Pool2d { in_shape: [y, x, channels], kernel: [y, x], stride: [1, 1], pad: [0; 4] };
    Ok((one, Window { kernel: small([y, x])?, stride: small(stride)?, pad: small(pad)?, fill }))
}

/// A layer that reads the input of the rest where it read the last tensor that streams.
fn renamed(layer: &IntegerLayer, last: &str) -> IntegerLayer {
    let name = |n: &String| if n == last { INPUT.to_owned() } else { n.clone() };
    IntegerLayer { inputs: layer.inputs.iter().map(name).collect(), ..layer.clone() }
}

/// Sizes as the hardware counts them.
fn small<const N: usize>(sizes: [usize; N]) -> Result<[u32; N]> {
    let mut small = [0; N];
    for (to, from) in small.iter_mut().zip(sizes) {
        *to = u32::try_from(from).ok().filter(|s| *s < 1 << 24).ok_or_else(|| {
            Error::new(Code::Unsupported, format!("an image with a size of {from} is too large to stream"))
        })?;
    }
    Ok(small)
}
