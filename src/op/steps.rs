//! The few tensor operations that recording and running calls need themselves. `op` stands below the operators and names
//! none: `ops::init` hands these in, by what they do.

use crate::dtype::DType;
use crate::error::Result;
use crate::shape::Layout;
use crate::tensor::Tensor;
use std::sync::OnceLock;

/// Each is recorded like any other call.
pub struct Steps {
    /// Summed to a shape that broadcasts to the tensor's.
    pub sum_to: fn(&Tensor, &[i64]) -> Result<Tensor>,
    /// Broadcast to a shape.
    pub spread: fn(&Tensor, &[i64]) -> Result<Tensor>,
    /// Times a number.
    pub scale: fn(&Tensor, f64) -> Result<Tensor>,
    /// Of another dtype.
    pub convert: fn(&Tensor, DType) -> Result<Tensor>,
    /// A copy.
    pub copy: fn(&Tensor) -> Result<Tensor>,
    /// Writes the second into the first.
    pub write: fn(&Tensor, &Tensor) -> Result<()>,
    /// Writes zeros.
    pub clear: fn(&Tensor) -> Result<()>,
    /// Any layout on the tensor's storage.
    pub strided: fn(&Tensor, &Layout) -> Result<Tensor>,
    /// Complex numbers as pairs of reals.
    pub pairs: fn(&Tensor) -> Result<Tensor>,
    /// Pairs of reals as complex numbers.
    pub complex: fn(&Tensor) -> Result<Tensor>,
}

static STEPS: OnceLock<&'static Steps> = OnceLock::new();

/// Called once, by `ops::init`.
pub fn install(steps: &'static Steps) {
    _ = STEPS.set(steps);
}

/// What was handed in.
pub fn get() -> Result<&'static Steps> {
    match STEPS.get() {
        Some(s) => Ok(s),
        None => bail!(Runtime, "internal: the operators are not initialised (ops::init)"),
    }
}
