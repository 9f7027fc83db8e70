//! What the operators call: advanced indexing, `index_*`, `take` and `put`, embeddings, each as strides and positions for
//! [`fetch`] and [`store`].

use super::{Index, Reduce, Rule, check, fetch, positions, read, store};
use crate::kernels::cpu::num::{Num, Real};

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::lines::{GRAIN, Lines, Scratch, blocks};
use crate::kernels::{Operand, Ptr};
use crate::shape::Dims;
use smallvec::SmallVec;

/// How `x[..., index, ...]` lies: what `index` and `index_put` walk over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Shape of the result.
    pub shape: Dims,
    /// Strides of `x` over it; 0 along the dimensions that come from the indices.
    pub strides: Dims,
    /// Where the indices' dimensions stand in the result.
    pub first: usize,
    /// How many there are.
    pub count: usize,
}

impl Plan {
    /// `indexed[d]`: is dimension d of `x` given by an index? (Missing ones are not.) `index_shape` is the shape that all
    /// indices broadcast to. Indices side by side leave their result in their place, others move it to the front.
    pub fn new(sizes: &[i64], strides: &[i64], indexed: &[bool], index_shape: &[i64]) -> Plan {
        let is = |d: usize| indexed.get(d).copied().unwrap_or(false);
        let dims: SmallVec<[usize; 6]> = (0..sizes.len()).filter(|&d| is(d)).collect();
        let adjacent = dims.windows(2).all(|w| w[1] == w[0] + 1);
        let first = if adjacent { dims.first().copied().unwrap_or(0) } else { 0 };
        let mut plan = Plan { shape: Dims::new(), strides: Dims::new(), first, count: index_shape.len() };
        let mut kept = (0..sizes.len()).filter(|&d| !is(d));
        for d in kept.by_ref().take(first) {
            plan.shape.push(sizes[d]);
            plan.strides.push(strides[d]);
        }
        plan.shape.extend_from_slice(index_shape);
        plan.strides.extend(index_shape.iter().map(|_| 0));
        for d in kept {
            plan.shape.push(sizes[d]);
            plan.strides.push(strides[d]);
        }
        plan
    }

    /// Strides of an index over the plan's shape; `strides` are over the broadcast shape of the indices.
    pub fn index_strides(&self, strides: &[i64]) -> Dims {
        let mut s = Dims::from_elem(0, self.shape.len());
        for (i, &x) in strides.iter().enumerate() {
            s[self.first + i] = x;
        }
        s
    }
}

/// `out = x[indices]` over a plan's shape: `src` has the plan's strides, the indices `Plan::index_strides`.
pub fn index(shape: &[i64], out: Operand, src: Operand, indices: &[Index]) -> Result<()> {
    // Indices on dimensions of which nothing is read still must be inside.
    if shape.contains(&0) {
        return Ok(());
    }
    fetch(shape, out, src, indices, Rule::Wrap)
}

/// `x[indices] = value`, or `+=` with `accumulate`, over a plan's shape. The later of two writes to a place wins.
pub fn index_put(shape: &[i64], dst: Operand, value: Operand, indices: &[Index], accumulate: bool) -> Result<()> {
    let reduce = if accumulate { Reduce::Sum } else { Reduce::Set };
    store(shape, dst, value, indices, Rule::Wrap, reduce, |d| indices.iter().all(|i| i.at.strides[d] == 0))
}

/// A one-dimensional index laid along `dim` of a shape of `ndim` dimensions.
fn spread(ndim: usize, dim: usize, step: i64) -> Dims {
    let mut s = Dims::from_elem(0, ndim);
    if dim < ndim {
        s[dim] = step;
    }
    s
}

/// The strides with 0 along `dim`.
fn flat(strides: &[i64], dim: usize) -> Dims {
    let mut s: Dims = strides.into();
    if dim < s.len() {
        s[dim] = 0;
    }
    s
}

/// `x.index_select(dim, index)`. `shape` is that of `out`; `src` has the strides of `x`, whose size along `dim` is
/// `size`; `index` has one dimension (or none, then `x` is a scalar or `shape[dim]` is 1).
pub fn index_select(shape: &[i64], dim: usize, out: Operand, src: Operand, size: i64, index: Operand) -> Result<()> {
    let step = index.strides.first().copied().unwrap_or(1);
    let (at, fixed) = (spread(shape.len(), dim, step), flat(src.strides, dim));
    let stride = src.strides.get(dim).copied().unwrap_or(1);
    let index = Index { at: Operand { strides: &at, ..index }, size, stride, dim };
    fetch(shape, out, Operand { strides: &fixed, ..src }, &[index], Rule::Select)
}

/// `index_add` (`Reduce::Sum`), `index_copy` (`Set`), `index_fill` (`Set`, a `src` whose strides are all 0),
/// `index_reduce`. `shape` is that of `src`, `dst` has the strides of the result, whose size along `dim` is `size`.
/// Sums of halves are rounded once, unless few are added to many.
pub fn index_store(
    shape: &[i64],
    dim: usize,
    dst: Operand,
    size: i64,
    index: Operand,
    src: Operand,
    reduce: Reduce,
    rule: Rule,
) -> Result<()> {
    let len = shape.get(dim).copied().unwrap_or(1);
    if dst.dtype.is_half() && matches!(reduce, Reduce::Sum | Reduce::Prod) && len * 8 >= size {
        return widened(shape, dim, size, dst, &|dst| index_store(shape, dim, dst, size, index, src, reduce, rule));
    }
    let step = index.strides.first().copied().unwrap_or(1);
    let (at, fixed) = (spread(shape.len(), dim, step), flat(dst.strides, dim));
    let stride = dst.strides.get(dim).copied().unwrap_or(1);
    let index = Index { at: Operand { strides: &at, ..index }, size, stride, dim };
    store(shape, Operand { strides: &fixed, ..dst }, src, &[index], rule, reduce, |d| d != dim)
}

/// Calls `f` with a float32 copy of `dst` (halves; `shape` with `size` along `dim`) and rounds that back into it: sums and
/// products of halves are rounded once.
pub(in crate::kernels::cpu) fn widened(
    shape: &[i64],
    dim: usize,
    size: i64,
    dst: Operand,
    f: &dyn Fn(Operand) -> Result<()>,
) -> Result<()> {
    let mut whole: Dims = shape.into();
    if dim < whole.len() {
        whole[dim] = size;
    }
    let strides = crate::shape::contiguous_strides(&whole);
    let wide = Scratch::<f32>::new(whole.iter().product::<i64>().max(1) as usize)?;
    let tmp = Operand { ptr: wide.ptr() as *mut u8, dtype: DType::F32, strides: &strides };
    let l = Lines::new(&whole, &[tmp, dst]);
    let (st, sd) = (l.inner()[0] as isize, l.inner()[1] as isize);
    dispatch!(dst.dtype, T in FLOAT => l.parallel(GRAIN, &|p, n| for k in 0..n as isize {
        // SAFETY: `n` elements lie at both addresses at these strides.
        unsafe { *(p[0].offset(k * st) as *mut f32) = (*(p[1].offset(k * sd) as *const T)).to_f64() as f32 }
    }));
    f(tmp)?;
    dispatch!(dst.dtype, T in FLOAT => l.parallel(GRAIN, &|p, n| for k in 0..n as isize {
        // SAFETY: as above.
        unsafe { *(p[1].offset(k * sd) as *mut T) = T::from_f64(*(p[0].offset(k * st) as *const f32) as f64) }
    }));
    Ok(())
}

/// Turns positions in the row-major order of `sizes` into distances in elements for these strides, in place of the
/// division by sizes that a non-contiguous `take` would need in its loop. `out` is contiguous int64.
fn unravel(shape: &[i64], out: *mut i64, index: Operand, sizes: &[i64], strides: &[i64]) -> Result<()> {
    let total: i64 = sizes.iter().product();
    let own = crate::shape::contiguous_strides(shape);
    let o = Operand { ptr: out as *mut u8, dtype: DType::I64, strides: &own };
    let l = Lines::new(shape, &[o, index]);
    let (so, si) = (l.inner()[0] as isize, l.inner()[1] as isize);
    l.parallel(GRAIN, &|p, n| {
        for k in 0..n as isize {
            // SAFETY: `n` elements lie at both addresses; the positions have been checked.
            unsafe {
                let mut v = *(p[1].offset(k * si) as *const i64);
                if v < 0 {
                    v += total;
                }
                let mut at = 0;
                for d in (0..sizes.len()).rev() {
                    at += v % sizes[d] * strides[d];
                    v /= sizes[d];
                }
                *(p[0].offset(k * so) as *mut i64) = at;
            }
        }
    });
    Ok(())
}

/// `x.take(index)` (`store` is None) or `x.put_(index, source, accumulate)`: positions in the row-major order of `x`.
/// `shape` is that of the index; `other` is the result of take, the source of put, with strides over it.
fn take_put(
    shape: &[i64],
    sizes: &[i64],
    x: Operand,
    index: Operand,
    other: Operand,
    reduce: Option<Reduce>,
) -> Result<()> {
    if index.dtype != DType::I64 {
        bail!(Runtime, "take(): Expected a long tensor for index, but got {}", index.dtype.c10_name());
    }
    let total: i64 = sizes.iter().product();
    let zero = Dims::from_elem(0, shape.len());
    let plain = Index { at: index, size: total, stride: 1, dim: 0 };
    let one = Lines::new(sizes, &[x]);
    if one.sizes.len() == 1 {
        let stride = one.inner()[0] / x.dtype.size() as i64;
        let i = Index { stride, ..plain };
        let x = Operand { strides: &zero, ..x };
        return match reduce {
            None => fetch(shape, other, x, &[i], Rule::Take),
            Some(r) => store(shape, x, other, &[i], Rule::Take, r, |_| false),
        };
    }
    check(shape, &[plain], Rule::Take)?;
    let n: i64 = shape.iter().product();
    let places = Scratch::<i64>::new(n.max(0) as usize)?;
    unravel(shape, places.ptr(), index, sizes, x.strides)?;
    let own = crate::shape::contiguous_strides(shape);
    let at = Operand { ptr: places.ptr() as *mut u8, dtype: DType::I64, strides: &own };
    let i = Index { at, size: i64::MAX, stride: 1, dim: 0 };
    let x = Operand { strides: &zero, ..x };
    // Strides may be negative in principle, then distances are: no wrapping here.
    match reduce {
        None => fetch(shape, other, x, &[i], Rule::Gather),
        Some(r) => store(shape, x, other, &[i], Rule::Gather, r, |_| false),
    }
}

/// `out = x.take(index)`; `sizes` and the strides of `src` are those of `x`, `shape` is that of the index and of `out`.
pub fn take(shape: &[i64], out: Operand, sizes: &[i64], src: Operand, index: Operand) -> Result<()> {
    take_put(shape, sizes, src, index, out, None)
}

/// `x.put_(index, source, accumulate)`; `sizes` and the strides of `dst` are those of `x`.
pub fn put(
    shape: &[i64],
    sizes: &[i64],
    dst: Operand,
    index: Operand,
    source: Operand,
    accumulate: bool,
) -> Result<()> {
    let reduce = if accumulate { Reduce::Sum } else { Reduce::Set };
    take_put(shape, sizes, dst, index, source, Some(reduce))
}

/// `embedding(weight, index)`. `shape` is the index' shape with the width of `weight` behind it; `index` has strides over
/// that shape (0 at the end); `weight` has its two strides, `rows` rows.
pub fn embedding(shape: &[i64], out: Operand, weight: Operand, rows: i64, index: Operand) -> Result<()> {
    let src = spread(shape.len(), shape.len().wrapping_sub(1), weight.strides[1]);
    let i = Index { at: index, size: rows, stride: weight.strides[0], dim: 0 };
    fetch(shape, out, Operand { strides: &src, ..weight }, &[i], Rule::Select)
}

/// Adds `grad` (shape `[n, width]`) to the rows of `out` (`[rows, width]`, zeroed by the caller) that `index` names, in
/// order; rows of `padding` stay as they are; `by_freq` divides by how often a row is named.
pub fn embedding_backward(
    n: i64,
    width: i64,
    out: Operand,
    rows: i64,
    grad: Operand,
    index: Operand,
    padding: Option<i64>,
    by_freq: bool,
) -> Result<()> {
    let index_ptr = Ptr(index.ptr);
    let place = |k: i64| {
        // SAFETY: `index` has `n` elements.
        let v = unsafe {
            read(
                index_ptr.get().offset((k * index.strides[0] * index.dtype.size() as i64) as isize),
                index.dtype == DType::I64,
            )
        };
        (v >= 0 && v < rows && Some(v) != padding).then_some(v)
    };
    let at = [index.strides[0], 0];
    let i = Index { at: Operand { strides: &at, ..index }, size: rows, stride: out.strides[0], dim: 0 };
    if padding.is_none() && !by_freq {
        let fixed = [0, out.strides[1]];
        let dst = Operand { strides: &fixed, ..out };
        return store(&[n, width], dst, grad, &[i], Rule::Select, Reduce::Sum, |d| d == 1);
    }
    check(&[n], &[Index { at: Operand { strides: &at[..1], ..index }, ..i }], Rule::Select)?;
    positions(&[i], 1)?;
    let scratch = Scratch::<u64>::zeroed(if by_freq { rows.max(0) as usize } else { 0 })?;
    let counts = Ptr(scratch.ptr());
    if by_freq {
        for k in 0..n {
            if let Some(v) = place(k) {
                // SAFETY: `v` is below `rows`.
                unsafe { *counts.get().add(v as usize) += 1 };
            }
        }
    }
    let grain = if n * width <= GRAIN { width.max(1) } else { 64 };
    let (out_ptr, grad_ptr) = (Ptr(out.ptr), Ptr(grad.ptr));
    let done = dispatch!(out.dtype, T in FLOAT => blocks(width, grain, &|a, b| {
        for k in 0..n {
            let Some(v) = place(k) else { continue };
            // SAFETY: row `v` and columns `a..b` are inside `out`, row `k` inside `grad`, `v` below `rows`.
            unsafe {
                let d = (out_ptr.get() as *mut T).offset((v * out.strides[0]) as isize);
                let g = (grad_ptr.get() as *const T).offset((k * grad.strides[0]) as isize);
                let times = if by_freq { *counts.get().add(v as usize) } else { 1 };
                for c in a..b {
                    let d = d.offset((c * out.strides[1]) as isize);
                    let g = *g.offset((c * grad.strides[1]) as isize);
                    *d = (*d).add(if times > 1 { g.mul(T::from_f64(1.0 / times as f64)) } else { g });
                }
            }
        }
    }));
    if done.is_none() {
        bail!(NotImplemented, "\"embedding_dense_backward_cpu\" not implemented for '{}'", out.dtype.c10_name());
    }
    Ok(())
}
