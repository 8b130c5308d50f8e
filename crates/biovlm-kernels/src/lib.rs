//! BioVLM's numeric kernels: pixels, scores, entropy, selection; with the feature `images`, encoded images too. No I/O, no binding to any
//! runtime.
//! Every kernel but the image tower, which has no peer there, gives the bits of the plain-SIMD WASM build of @biovlm/core: products and sums are
//! rounded one by one, in the same order, never fused. So neither the processor nor the number of threads changes a result; work is split by rows alone.
//! Letters as in docs/method.md: B images, N prompts, C classes, D embedding, K kept prompts; arrays are row-major.

mod across;
mod exponential;
mod gemm;
#[cfg(feature = "images")]
pub mod images;
mod level;
mod norm;
mod plan;
mod resample;
mod rows;
mod select;
mod spread;
mod tower;

pub use gemm::gemm;
pub use level::{level, Level};
pub use norm::l2_normalize;
pub use plan::resize_crop;
pub use resample::{resample, through_table, Axis, Plan};
pub use rows::{entropy, log_softmax, softmax};
pub use select::{route, select, Routing, Shape};
pub use tower::{image_tower_level, ImageTower, TowerError};
