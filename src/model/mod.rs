//! What flows between the stages: networks, transforms and the model files.
//!
//! ```text
//! TrainedModel   = Transform + float encoder Network + float decoder Network     (<name>.trained.json)
//! QuantizedModel = Transform + IntegerNetwork encoder + float decoder Network    (<name>.quant.json)
//! ```
//!
//! Everything here is plain data. Fitting lives in `train`, calibration in `quantize`, integer inference in
//! `reference`, hardware in `hw`.

mod expand;
pub mod file;
pub mod functions;
pub mod integer;
mod layer_check;
mod layer_form;
pub mod monitor;
pub mod network;
pub mod neutral;
pub mod outputs;
pub mod plan;
pub mod pool;
pub mod quantized;
pub mod score;
pub mod trained;
pub mod transform;
pub mod transformer;
pub mod vectors;
pub mod whole;

pub use functions::Function;
pub use integer::{Granular, IntegerLayer, IntegerNetwork, IntegerOp};
pub use monitor::Monitor;
pub use network::{Activation, Conv2d, Layer, Network, Op};
pub use outputs::{AffineRow, Outputs, TableRow};
pub use plan::QuantPlan;
pub use pool::Pool2d;
pub use quantized::QuantizedModel;
pub use score::Score;
pub use trained::TrainedModel;
pub use transform::{ColumnSpec, Constraint, Norm, Transform};
pub use transformer::Transformer;
pub use vectors::Vectors;
