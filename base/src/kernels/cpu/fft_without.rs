//! The face of `fft.rs` in a build without the feature `linalg`.

pub use super::fft_lines::{Lines, What};

use crate::dtype::DType;
use crate::error::Result;

/// Refused.
///
/// # Safety
/// Nothing is read or written.
pub unsafe fn transform(_: DType, _: What, _: &Lines, _: bool, _: f64) -> Result<()> {
    Err(super::dense::without())
}
