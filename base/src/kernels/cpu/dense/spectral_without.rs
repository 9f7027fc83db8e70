//! The face of `spectral.rs` in a build without the feature `linalg`: the operators are in the table, since stubs and docs are
//! made from it, but there is nothing behind them.

use super::{Field, Mat, without};
use crate::dtype::{C32, C64};
use crate::error::Result;

/// An element type with its complex type.
pub trait Spectral: Field {
    /// The complex element type.
    type C: Field;
    /// Refused.
    fn eigen(_: &Mat<Self>, _: bool) -> Result<Option<(Vec<Self::C>, Option<Mat<Self::C>>)>> {
        Err(without())
    }
}

impl Spectral for f32 {
    type C = C32;
}
impl Spectral for f64 {
    type C = C64;
}
impl Spectral for C32 {
    type C = C32;
}
impl Spectral for C64 {
    type C = C64;
}

/// U, S and V^H.
pub struct Svd<T> {
    /// Left singular vectors.
    pub u: Option<Mat<T>>,
    /// Singular values.
    pub s: Vec<T>,
    /// Right singular vectors.
    pub vh: Option<Mat<T>>,
}

/// Refused.
pub fn svd<T: Spectral>(_: &Mat<T>, _: bool, _: bool) -> Result<Option<Svd<T>>> {
    Err(without())
}

/// Refused.
pub fn hermitian<T: Spectral>(_: &Mat<T>, _: bool) -> Result<Option<(Vec<T>, Option<Mat<T>>)>> {
    Err(without())
}
