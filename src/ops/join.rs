//! Joining tensors: cat, stack and their kin.

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::copy::copy;
use crate::op::arg::{Arg, Ctx};
use crate::op::autocast::Cast;
use crate::op::{Batch, Meta, Metas, flag, formula};
use crate::ops;
use crate::ops::sparse_math;
use crate::shape::{self, Dims, dims, wrap_dim};
use crate::tensor::{Body, Tensor};
use smallvec::{SmallVec, smallvec};

/// PyTorch lets 1-d tensors without elements through, whatever the others look like.
fn skipped(b: &Body) -> bool {
    b.numel == 0 && b.layout.ndim() == 1
}

/// What joined tensors promote to; mostly they are of one dtype.
fn common_dtype(ts: &[Tensor]) -> DType {
    let first = ts[0].dtype();
    if ts[1..].iter().all(|t| t.dtype() == first) { first } else { formula::result_type(&[Arg::Tensors(ts)]) }
}

fn cat_meta(cx: &Ctx) -> Result<Metas> {
    let ts = cx.tensors(0)?;
    if ts.is_empty() {
        bail!(Value, "torch.{}(): expected a non-empty list of Tensors", cx.op.python_name());
    }
    // The result's sizes as far as they are known, and the dimension.
    let mut joined: Option<(Dims, usize)> = None;
    for (i, t) in ts.iter().enumerate() {
        let b = t.body();
        let s = &b.layout.sizes;
        if s.is_empty() {
            bail!(Runtime, "zero-dimensional tensor (at position {i}) cannot be concatenated");
        }
        if skipped(&b) {
            continue;
        }
        let Some((sizes, d)) = &mut joined else {
            if let Some(i) = ts.iter().position(|t| t.ndim() == 0) {
                bail!(Runtime, "zero-dimensional tensor (at position {i}) cannot be concatenated");
            }
            joined = Some((dims(s), cx.dim(1, s.len())?));
            continue;
        };
        if s.len() != sizes.len() {
            bail!(Runtime, "Tensors must have same number of dimensions: got {} and {}", sizes.len(), s.len());
        }
        for k in 0..s.len() {
            if k != *d && s[k] != sizes[k] {
                let fits = (0..s.len()).all(|j| j == k || s[j] == sizes[j]);
                let other = if fits { format!("dim={k} would fit;") } else { "choose another dim,".to_string() };
                bail!(
                    Runtime,
                    "Sizes of tensors must match except in dimension {d}. Expected size {} but got size {} for tensor number {i} in the list.\ncat joins along dim={d}: all other sizes must be equal; {other} \
                     or pad, slice or reshape first.",
                    sizes[k],
                    s[k]
                );
            }
        }
        sizes[*d] += s[*d];
    }
    let sizes = joined.map_or_else(|| ts[0].sizes(), |j| j.0);
    Ok(smallvec![Meta::new(sizes, common_dtype(ts))])
}

/// Writes `t` into the part of `out` that begins at `at` of dimension `d` and has `n` places there; where the tensor has no
/// such dimension (`stack`), it is a new one.
fn put(t: &Body, out: &Body, d: usize, at: i64, n: i64) -> Result<()> {
    let (size, inner) = (out.dtype.size(), out.layout.strides[d]);
    if t.contiguous && t.dtype == out.dtype && t.numel <= 4096 && out.contiguous && t.numel > 0 {
        // In pieces without gaps at both ends.
        let (piece, step) = ((n * inner) as usize * size, (out.layout.sizes[d] * inner) as usize * size);
        let (mut from, mut to) = (t.ptr(), out.ptr().wrapping_add((at * inner) as usize * size));
        for _ in 0..t.numel / (n * inner) {
            // SAFETY: the part has as many elements as `t`, in memory of its own.
            unsafe { std::ptr::copy_nonoverlapping(from, to, piece) };
            (from, to) = (from.wrapping_add(piece), to.wrapping_add(step));
        }
        return Ok(());
    }
    let place = if t.layout.ndim() == out.layout.ndim() {
        out.layout.slice(d, at, at + n, 1)
    } else {
        out.layout.select(d, at)
    };
    let ptr = out.storage.ptr().wrapping_add(place.offset as usize * size);
    copy(&place.sizes, t.operand(), Operand { ptr, dtype: out.dtype, strides: &place.strides })
}

ops! {
    /// Tensors joined along an existing dimension.
    fn cat(tensors: Tensors, dim: Int = 0) -> Tensor {
        .sparse(sparse_math::concatenated).cast(Cast::Widest).kernel(cat_meta, |cx, out| {
            let o = out[0].body();
            let d = cx.dim(1, o.layout.ndim())?;
            let mut at = 0;
            for t in cx.tensors(0)? {
                let t = t.body();
                if !skipped(&t) {
                    let n = t.layout.sizes[d];
                    put(&t, &o, d, at, n)?;
                    at += n;
                }
            }
            Ok(())
        }, "copy.cu", Batch::ShiftDims)
            .grad(&[], &[], |b| {
                let (g, sizes) = (b.g()?, b.sizes_each(0));
                let d = wrap_dim(b.int(1)?, g.ndim())?;
                let mut at = 0;
                let mut out = SmallVec::new();
                for (i, (s, dtype)) in sizes.iter().zip(b.dtypes_each(0)).enumerate() {
                    if s.len() == 1 && s[0] == 0 {
                        out.push(b.when(i, || ops::zeros(s, Some(dtype), None))?);
                        continue;
                    }
                    let part = b.when(i, || {
                        let p = ops::narrow(&g, d as i64, at, s[d])?;
                        if p.dtype() == dtype { Ok(p) } else { ops::_to_dtype(&p, dtype, None) }
                    })?;
                    out.push(part);
                    at += s[d];
                }
                Ok(out)
            })
            .with(flag::OUT | flag::OUT_APART | flag::NO_METHOD).aliases(&["concat", "concatenate"])
    }

    /// Tensors of one shape joined along a new dimension.
    fn stack(tensors: Tensors, dim: Int = 0) -> Tensor {
        .sparse(sparse_math::stacked).cast(Cast::Widest).kernel(|cx| {
            let ts = cx.tensors(0)?;
            let Some(first) = ts.first() else { bail!(Runtime, "stack expects a non-empty TensorList") };
            let mut sizes = first.sizes();
            for (i, t) in ts.iter().enumerate() {
                if !shape::same(&t.body().layout.sizes, &sizes) {
                    bail!(
                        Runtime,
                        "stack expects each tensor to be equal size, but got {} at entry 0 and {} at entry {i}\nUse torch.cat to join along a dimension they \
                         have, or pad them to one shape first.",
                        shape::show(&sizes),
                        shape::show(&t.sizes())
                    );
                }
            }
            let d = wrap_dim(cx.int(1)?, sizes.len() + 1)?;
            sizes.insert(d, ts.len() as i64);
            Ok(smallvec![Meta::new(sizes, common_dtype(ts))])
        }, |cx, out| {
            let o = out[0].body();
            let d = wrap_dim(cx.int(1)?, o.layout.ndim())?;
            cx.tensors(0)?.iter().enumerate().try_for_each(|(i, t)| put(&t.body(), &o, d, i as i64, 1))
        }, "copy.cu", Batch::ShiftDims)
            .grad(&[], &[], |b| {
                let (g, d) = (b.g()?, b.int(1)?);
                let mut out = SmallVec::new();
                for (i, dtype) in b.dtypes_each(0).into_iter().enumerate() {
                    out.push(b.when(i, || {
                        let p = ops::select(&g, d, i as i64)?;
                        if p.dtype() == dtype { Ok(p) } else { ops::_to_dtype(&p, dtype, None) }
                    })?);
                }
                Ok(out)
            })
            .with(flag::OUT | flag::NO_METHOD)
    }

    /// Rows joined: along dimension 1, or 0 for vectors.
    fn hstack(tensors: Tensors) -> Tensor = {
        let ts = at_least(tensors, 1, "hstack")?;
        ops::cat(&ts, if ts.first().is_some_and(|t| t.ndim() == 1) { 0 } else { 1 })
    } { .with(flag::OUT | flag::NO_METHOD) }

    /// Rows put under each other.
    fn vstack(tensors: Tensors) -> Tensor = { ops::cat(&at_least(tensors, 2, "vstack")?, 0) } { .with(flag::OUT | flag::NO_METHOD).aliases(&["row_stack"]) }

    /// Joined along a third dimension.
    fn dstack(tensors: Tensors) -> Tensor = { ops::cat(&at_least(tensors, 3, "dstack")?, 2) } { .with(flag::OUT | flag::NO_METHOD) }

    /// Vectors as columns of a matrix.
    fn column_stack(tensors: Tensors) -> Tensor = {
        let ts = tensors.iter().map(|t| if t.ndim() <= 1 { ops::reshape(t, &[t.numel(), 1]) } else { Ok(t.clone()) }).collect::<Result<Vec<_>>>()?;
        ops::cat(&ts, 1)
    } { .with(flag::OUT | flag::NO_METHOD) }

    /// The tensor repeated along each dimension, by copying.
    fn repeat(input: Tensor, repeats: Size) -> Tensor = {
        if repeats.len() < input.ndim() {
            bail!(Runtime, "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor");
        }
        if let Some(r) = repeats.iter().find(|r| **r < 0) {
            bail!(Runtime, "Trying to create tensor with negative dimension {r}: {}", shape::show(repeats));
        }
        let lead = repeats.len() - input.ndim();
        let have = input.sizes();
        let (mut wide, mut from, mut to) = (Dims::new(), Dims::new(), Dims::new());
        for (i, &r) in repeats.iter().enumerate() {
            let s = if i < lead { 1 } else { have[i - lead] };
            wide.extend([r, s]);
            from.extend([1, s]);
            to.push(r * s);
        }
        let x = ops::expand(&ops::reshape(input, &from)?, &wide, false)?;
        ops::reshape(&ops::duplicate(&x, Some(crate::op::arg::Format::Contiguous))?, &to)
    } { .node("RepeatBackward0") .with(flag::NO_FUNCTION) }

    /// `repeat` that adds leading dimensions where `dims` has fewer.
    fn tile(input: Tensor, dims: Size) -> Tensor = {
        let mut r: Dims = Dims::from_elem(1, input.ndim().saturating_sub(dims.len()));
        r.extend_from_slice(dims);
        ops::repeat(input, &r)
    } {}
}

/// Each tensor with at least `n` dimensions, as `atleast_1d`, `2d`, `3d` make them.
fn at_least(ts: &[Tensor], n: usize, name: &str) -> Result<Vec<Tensor>> {
    if ts.is_empty() {
        bail!(Runtime, "{name} expects a non-empty TensorList");
    }
    ts.iter()
        .map(|t| match (n, t.ndim()) {
            (_, k) if k >= n => Ok(t.clone()),
            (3, 2) => ops::unsqueeze(t, -1),
            (3, 1) => ops::unsqueeze(&ops::unsqueeze(t, 0)?, -1),
            (2, 1) => ops::unsqueeze(t, 0),
            _ => ops::reshape(t, &Dims::from_elem(1, n)),
        })
        .collect()
}
