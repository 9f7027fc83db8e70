//! `gather` and `scatter` along one dimension.

use super::index::{Index, Reduce, Rule, fetch, store, widened};
use super::num::{Num, Real};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::shape::Dims;

fn still(strides: &[i64], dim: usize) -> Dims {
    let mut s: Dims = strides.into();
    if dim < s.len() {
        s[dim] = 0;
    }
    s
}

fn along<'a>(dim: usize, size: i64, index: Operand<'a>, strides: &[i64]) -> Index<'a> {
    Index { at: index, size, stride: strides.get(dim).copied().unwrap_or(1), dim }
}

/// `out[i][j] = src[i][index[i][j]]` (for `dim` 1). `shape` is that of `index` and `out`; `src` has the strides of the
/// source, whose size along `dim` is `size`.
pub fn gather(shape: &[i64], dim: usize, out: Operand, src: Operand, size: i64, index: Operand) -> Result<()> {
    let fixed = still(src.strides, dim);
    fetch(shape, out, Operand { strides: &fixed, ..src }, &[along(dim, size, index, src.strides)], Rule::Gather)
}

/// `dst[i][index[i][j]] = src[i][j]`, or joined by `reduce`. `shape` is that of `index`; `dst` has the strides of the
/// result, whose size along `dim` is `size`; a scalar source has strides 0. Writes to one place come in the order of
/// `dim`. Without `include_self` what `dst` held does not count (places that nothing is written to keep it).
pub fn scatter(
    shape: &[i64],
    dim: usize,
    dst: Operand,
    size: i64,
    index: Operand,
    src: Operand,
    reduce: Reduce,
    include_self: bool,
) -> Result<()> {
    if dst.dtype.is_half() && matches!(reduce, Reduce::Sum | Reduce::Prod) {
        return widened(shape, dim, size, dst, &|dst| scatter(shape, dim, dst, size, index, src, reduce, include_self));
    }
    let fixed = still(dst.strides, dim);
    let indices = [along(dim, size, index, dst.strides)];
    let to = Operand { strides: &fixed, ..dst };
    if !include_self && reduce != Reduce::Set {
        let mut start = neutral(dst.dtype, reduce)?;
        let zero = Dims::from_elem(0, shape.len());
        let start = Operand { ptr: start.as_mut_ptr() as *mut u8, dtype: dst.dtype, strides: &zero };
        store(shape, to, start, &indices, Rule::Gather, Reduce::Set, |d| d != dim)?;
    }
    store(shape, to, src, &indices, Rule::Gather, reduce, |d| d != dim)
}

/// The value that changes nothing under a reduction, as bytes.
pub fn neutral(dtype: DType, reduce: Reduce) -> Result<[u64; 2]> {
    let mut bytes = [0u64; 2];
    let p = bytes.as_mut_ptr();
    let done = match reduce {
        // SAFETY: every dtype fits into the sixteen bytes.
        Reduce::Amax => dispatch!(dtype, T in REAL => unsafe { *(p as *mut T) = T::LOWEST }),
        // SAFETY: as above.
        Reduce::Amin => dispatch!(dtype, T in REAL => unsafe { *(p as *mut T) = T::HIGHEST }),
        // SAFETY: as above.
        Reduce::Prod => dispatch!(dtype, T in ALL => unsafe { *(p as *mut T) = T::ONE }),
        Reduce::Set | Reduce::Sum => Some(()),
    };
    if done.is_none() {
        bail!(NotImplemented, "\"scatter_reduce\" not implemented for '{}'", dtype.c10_name());
    }
    Ok(bytes)
}
