//! Adam with the usual constants (Kingma and Ba, arXiv:1412.6980) and decoupled weight decay (Loshchilov and Hutter,
//! arXiv:1711.05101).

use serde::{Deserialize, Serialize};

/// The moments of every parameter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Adam {
    #[serde(with = "super::checkpoint::bits")]
    first: Vec<Vec<f32>>,
    #[serde(with = "super::checkpoint::bits")]
    second: Vec<Vec<f32>>,
    steps: i32,
}

const BETA: (f64, f64) = (0.9, 0.999);

impl Adam {
    pub(super) fn new(parameters: &[Vec<f32>]) -> Self {
        let zeros = || parameters.iter().map(|p| vec![0.0; p.len()]).collect();
        Adam { first: zeros(), second: zeros(), steps: 0 }
    }

    /// One step along the gradients; a parameter that the loss does not reach has none and stays.
    ///
    /// * `rates`: learning rate and weight decay of each tensor
    pub(super) fn step(
        &mut self,
        parameters: &mut [Vec<f32>],
        gradients: &[Option<Vec<f32>>],
        rates: impl Fn(usize) -> (f64, f64),
    ) {
        self.steps += 1;
        let (b1, b2) = (BETA.0 as f32, BETA.1 as f32);
        let unbias = (1.0 / (1.0 - BETA.1.powi(self.steps))) as f32;
        let moments = self.first.iter_mut().zip(&mut self.second);
        let all = parameters.iter_mut().zip(gradients).zip(moments).enumerate();
        for (tensor, ((parameter, gradient), (first, second))) in all {
            let Some(gradient) = gradient else { continue };
            let (learning_rate, weight_decay) = rates(tensor);
            let rate = (learning_rate / (1.0 - BETA.0.powi(self.steps))) as f32;
            let keep = (1.0 - learning_rate * weight_decay) as f32;
            let moments = first.iter_mut().zip(second);
            for ((p, g), (m, v)) in parameter.iter_mut().zip(gradient).zip(moments) {
                *m = *m * b1 + g * (1.0 - b1);
                *v = *v * b2 + g * g * (1.0 - b2);
                *p = *p * keep - *m * rate / ((*v * unbias).sqrt() + 1e-8);
            }
        }
    }
}
