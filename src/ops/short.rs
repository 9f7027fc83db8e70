//! Shorthands for composites and gradients written in tensor operations. Nothing here is an operator.

use crate::dtype::DType;
use crate::error::Result;
use crate::op::arg::Num;
use crate::ops;
use crate::scalar::Scalar;
use crate::shape::{self, Dims};
use crate::tensor::Tensor;
use smallvec::SmallVec;

pub fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::add(a.into(), b.into(), None)
}

pub fn sub(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::sub(a.into(), b.into(), None)
}

pub fn mul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::mul(a.into(), b.into())
}

pub fn div(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::div(a.into(), b.into())
}

/// `a * s`.
pub fn times(a: &Tensor, s: impl Into<Scalar>) -> Result<Tensor> {
    ops::mul(a.into(), Num::Scalar(s.into()))
}

/// `a + s`.
pub fn plus(a: &Tensor, s: impl Into<Scalar>) -> Result<Tensor> {
    ops::add(a.into(), Num::Scalar(s.into()), None)
}

/// `a == s`.
pub fn is(a: &Tensor, s: impl Into<Scalar>) -> Result<Tensor> {
    ops::eq(a.into(), Num::Scalar(s.into()))
}

/// `t` as `d`; itself if it is that already.
pub fn cast(t: &Tensor, d: DType) -> Result<Tensor> {
    if t.dtype() == d { Ok(t.clone()) } else { ops::_to_dtype(t, d, None) }
}

/// The conjugate; real tensors are returned as they are.
pub fn conj(t: &Tensor) -> Result<Tensor> {
    if t.dtype().is_complex() { ops::conj_physical(t) } else { Ok(t.clone()) }
}

/// `t` where `mask` is false, 0 where it is true.
pub fn zero_where(t: &Tensor, mask: &Tensor) -> Result<Tensor> {
    ops::masked_fill(t, mask, 0.into())
}

/// Zeros of this shape, in the dtype and on the device of `t`.
pub fn zeros(sizes: &[i64], t: &Tensor) -> Result<Tensor> {
    Tensor::zeros(sizes, t.dtype(), t.device())
}

/// `sizes` with dimension `d` replaced; a 0-d shape stays as it is.
pub fn with_size(sizes: &[i64], d: usize, n: i64) -> Dims {
    let mut s: Dims = sizes.into();
    if let Some(v) = s.get_mut(d) {
        *v = n;
    }
    s
}

/// The size along `d`; that of a 0-d tensor is 1.
pub fn size_of(t: &Tensor, d: usize) -> i64 {
    t.sizes().get(d).copied().unwrap_or(1)
}

/// The strides of a reduction's result over the full rank of its input: 0 where a dimension was reduced.
pub fn kept_strides(out: &Tensor, mask: &[bool], keepdim: bool) -> Dims {
    let b = out.body();
    let mut strides = Dims::new();
    let mut at = 0;
    for &reduced in mask {
        strides.push(if reduced { 0 } else { b.layout.strides[at] });
        at += (!reduced || keepdim) as usize;
    }
    strides
}

/// The mask of one reduced dimension.
pub fn one_of(d: usize, ndim: usize) -> SmallVec<[bool; 8]> {
    let mut mask = shape::mask_of(false, ndim);
    if let Some(m) = mask.get_mut(d) {
        *m = true;
    }
    mask
}

/// Dimensions as a mask; absent means all.
pub fn mask_of(dim: Option<&[i64]>, ndim: usize) -> Result<SmallVec<[bool; 8]>> {
    shape::wrap_dims(dim.unwrap_or(&[]), ndim)
}

/// All elements in a row, without history.
pub fn flat(t: &Tensor) -> Result<Tensor> {
    let c = if t.is_contiguous() { t.clone() } else { t.copied(t.dtype())? };
    let offset = c.layout().offset;
    Ok(c.alias(shape::Layout { offset, ..shape::Layout::contiguous(&[c.numel()]) }))
}
