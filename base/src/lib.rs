//! What is below rtorch's tensors, as a crate of its own: the compiler holds it to knowing nothing of them, and it is
//! compiled apart from the operators above it, which change more often.
//!
//! The layers, lowest first: `error`, `dtype`, `scalar`; `shape`; `device`; `memory`; `kernels`. Programs use it through the
//! crate `rtorch`, which gives every module here under the same name.

#[macro_use]
pub mod error;
#[macro_use]
pub mod dtype;
pub mod scalar;

pub mod shape;

pub mod memory;

pub mod device;

pub mod kernels;

pub use device::Device;
pub use dtype::DType;
pub use error::{Error, Kind, Result};
pub use scalar::Scalar;
