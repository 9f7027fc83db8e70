//! `gather` and `scatter` along a dimension, `take` and `put` over all elements, and what masks select.

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::index::Reduce;
use crate::kernels::cpu::{gather as kernel, index as places, mask};
use crate::op::arg::Ctx;
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::ops::index::{divide, reduction};
use crate::scalar::Scalar;
use crate::shape::{self, Dims, Layout};
use crate::tensor::graph::Grads;
use crate::tensor::{Tensor, mode};
use smallvec::smallvec;

ops! {
    /// For `dim` 1: `out[i][j] = input[i][index[i][j]]`.
    fn gather(input: Tensor, dim: Int, index: Tensor; sparse_grad: Bool = false) -> Tensor {
        .kernel(|cx| {
            let (x, index) = (cx.tensor(0)?, cx.tensor(2)?);
            let (s, i) = (x.sizes(), index.sizes());
            let d = cx.dim(1, s.len())?;
            if index.numel() > 0 {
                check_index_type(cx, index)?;
            }
            if index.numel() > 0 {
                if s.len().max(1) != i.len().max(1) {
                    bail!(Runtime, "Index tensor must have the same number of dimensions as input tensor");
                }
                if let Some(k) = (0..s.len().min(i.len())).find(|&k| k != d && i[k] > s[k]) {
                    bail!(
                        Runtime,
                        "Size does not match at dimension {k} expected index {} to be no larger than self {} apart from dimension {d}",
                        shape::show(&i),
                        shape::show(&s)
                    );
                }
            }
            Ok(smallvec![Meta::new(i, x.dtype())])
        }, |cx, out| {
            if out[0].numel() == 0 {
                return Ok(());
            }
            let (x, index) = (cx.tensor(0)?, cx.tensor(2)?);
            let (lx, li, lo) = (lifted(x), lifted(index), lifted(&out[0]));
            let d = cx.dim(1, x.ndim())?;
            kernel::gather(&lo.sizes, d, out[0].operand(&lo), x.operand(&lx), lx.sizes[d], index.operand(&li))
        }, "gather.cu", Batch::ShiftDims)
            .grad(&[2], &[], |b| {
                let hole = ops::zeros(&b.sizes(0), Some(b.dtype(0)), Some(b.g()?.device()))?;
                Ok(smallvec![Some(scatter_add(&hole, b.int(1)?, b.tensor(2)?, &b.g()?)?), None])
            }).with(flag::OUT | flag::OUT_APART | flag::OUT_TYPED)
    }

    /// `input` with, for `dim` 1, `out[i][index[i][j]] = src[i][j]`.
    "scatter.src" fn scatter(input: Tensor, dim: Int, index: Tensor, src: Tensor) -> Tensor {
        .kernel(scatter_meta, |cx, out| scatter_into(cx, &out[0], Reduce::Set, true), "gather.cu", Batch::ShiftDims)
            .grad(&[2], &[], |b| {
                let (g, d, index) = (b.g()?, b.int(1)?, b.tensor(2)?);
                let x = b.when(0, || scatter_value(&g, d, index, 0.into()))?;
                let src = b.when(2, || of_source(b, &gather(&g, d, index, false)?))?;
                Ok(smallvec![x, None, src])
            }).updates()
    }

    /// `input` with `value` at the places that `index` names along `dim`.
    "scatter.value" fn scatter_value(input: Tensor, dim: Int, index: Tensor, value: Number) -> Tensor {
        .kernel(scatter_meta, |cx, out| scatter_into(cx, &out[0], Reduce::Set, true), "gather.cu", Batch::ShiftDims)
            .grad(&[2], &[], |b| Ok(smallvec![Some(scatter_value(&b.g()?, b.int(1)?, b.tensor(2)?, 0.into())?), None]))
            .node("ScatterBackward1").updates()
    }

    /// `input` with `src` added or multiplied at the places that `index` names along `dim`.
    "scatter.reduce" fn scatter_with(input: Tensor, dim: Int, index: Tensor, src: Tensor; reduce: Str) -> Tensor {
        .kernel(scatter_meta, |cx, out| scatter_into(cx, &out[0], reduction(cx.str(4)?), true), "gather.cu", Batch::ShiftDims)
            .grad(&[], &[], no_scatter_grad).updates()
    }

    /// `input` with `value` added or multiplied at the places that `index` names along `dim`.
    "scatter.value_reduce" fn scatter_value_with(input: Tensor, dim: Int, index: Tensor, value: Number; reduce: Str) -> Tensor {
        .kernel(scatter_meta, |cx, out| scatter_into(cx, &out[0], reduction(cx.str(4)?), true), "gather.cu", Batch::ShiftDims)
            .grad(&[], &[], no_scatter_grad).updates()
    }

    /// `input` with `src` added at the places that `index` names along `dim`.
    fn scatter_add(input: Tensor, dim: Int, index: Tensor, src: Tensor) -> Tensor {
        .kernel(scatter_meta, |cx, out| scatter_into(cx, &out[0], Reduce::Sum, true), "gather.cu", Batch::ShiftDims)
            .grad(&[2], &[], |b| {
                let g = b.g()?;
                let src = b.when(2, || of_source(b, &gather(&g, b.int(1)?, b.tensor(2)?, false)?))?;
                Ok(smallvec![Some(g), None, src])
            }).updates()
    }

    /// `input` with `src` joined at the places that `index` names along `dim` by `reduce` (sum, prod, mean, amax, amin).
    "scatter_reduce.two" fn scatter_reduce(input: Tensor, dim: Int, index: Tensor, src: Tensor, reduce: Str; include_self: Bool = true) -> Tensor {
        .kernel(|cx| {
            let r = cx.str(4)?;
            if !matches!(r, "sum" | "prod" | "mean" | "amax" | "amin") {
                bail!(Runtime, "reduce argument must be either sum, prod, mean, amax or amin, got {r}");
            }
            scatter_meta(cx)
        }, |cx, out| {
            let include = cx.bool(5)?;
            scatter_into(cx, &out[0], reduction(cx.str(4)?), include)?;
            if cx.str(4)? == "mean" {
                let _off = mode::NoGrad::new();
                let ones = ops::ones_like(cx.tensor(3)?, None, None, None)?;
                let base = if include { ops::ones_like(&out[0], None, None, None)? } else { ops::zeros_like(&out[0], None, None, None)? };
                divide(&out[0], &scatter_add(&base, cx.int(1)?, cx.tensor(2)?, &ones)?)?;
            }
            Ok(())
        }, "gather.cu", Batch::ShiftDims)
            .grad(&[0, 2, 3], &[0], scatter_reduce_grad).updates()
    }

    /// The elements at positions of the flattened tensor.
    fn take(input: Tensor, index: Tensor) -> Tensor {
        .kernel(|cx| {
            let (x, index) = (cx.tensor(0)?, cx.tensor(1)?);
            if index.dtype() != DType::I64 {
                bail!(Runtime, "take(): Expected a long tensor for index, but got {}", index.dtype().c10_name());
            }
            if x.numel() == 0 && index.numel() != 0 {
                bail!(Index, "take(): tried to take from an empty tensor");
            }
            Ok(smallvec![Meta::new(index.sizes(), x.dtype())])
        }, |cx, out| {
            let (x, index) = (cx.tensor(0)?, cx.tensor(1)?);
            let (lx, li, lo) = (x.layout(), index.layout(), out[0].layout());
            places::take(&lo.sizes, out[0].operand(&lo), &lx.sizes, x.operand(&lx), index.operand(&li))
        }, "gather.cu", Batch::Loop)
            .grad(&[1], &[], |b| {
                let hole = ops::zeros(&b.sizes(0), Some(b.dtype(0)), Some(b.g()?.device()))?;
                Ok(smallvec![Some(put(&hole, b.tensor(1)?, &b.g()?, true)?), None])
            }).with(flag::OUT | flag::OUT_APART | flag::OUT_TYPED)
    }

    /// `input` with `source` written (or added) at positions of the flattened tensor.
    fn put(input: Tensor, index: Tensor, source: Tensor, accumulate: Bool = false) -> Tensor {
        .kernel(|cx| {
            let (x, index, source) = (cx.tensor(0)?, cx.tensor(1)?, cx.tensor(2)?);
            if index.dtype() != DType::I64 {
                bail!(Runtime, "put_(): Expected a long tensor for index, but got {}", index.dtype().c10_name());
            }
            if x.dtype() != source.dtype() {
                bail!(
                    Runtime,
                    "put_(): self and source expected to have the same dtype, but got self.dtype = {} and source.dtype = {}",
                    x.dtype().c10_name(),
                    source.dtype().c10_name()
                );
            }
            if source.numel() != index.numel() {
                bail!(
                    Index,
                    "put_(): Expected source and index to have the same number of elements, but got source.numel() = {}, index.numel() = {}",
                    source.numel(),
                    index.numel()
                );
            }
            if x.numel() == 0 && index.numel() != 0 {
                bail!(Index, "put_(): tried to put elements into an empty tensor");
            }
            Ok(smallvec![Meta::like(x)])
        }, |cx, out| {
            let (index, source) = (cx.tensor(1)?, cx.tensor(2)?);
            let (lx, li) = (out[0].layout(), index.layout());
            let copy;
            let source = match source.layout().view(&li.sizes) {
                Some(l) => source.alias(l),
                None => {
                    copy = source.copied(source.dtype())?;
                    copy.alias(Layout::contiguous(&li.sizes))
                }
            };
            let ls = source.layout();
            places::put(&li.sizes, &lx.sizes, out[0].operand(&lx), index.operand(&li), source.operand(&ls), cx.bool(3)?)
        }, "gather.cu", Batch::Loop)
            .grad(&[1], &[], |b| {
                let (g, index) = (b.g()?, b.tensor(1)?);
                let x = b.when(0, || {
                    if b.bool(3) {
                        return Ok(g.clone());
                    }
                    put(&g, index, &ops::zeros(&index.sizes(), Some(g.dtype()), Some(g.device()))?, false)
                })?;
                let source = b.when(2, || ops::reshape(&take(&g, index)?, &b.sizes(2)))?;
                Ok(smallvec![x, None, source])
            }).updates().without(flag::OUT)
    }

    /// `gather` with broadcasting along the other dimensions; without `dim`, of the flattened tensor.
    fn take_along_dim(input: Tensor, indices: Tensor, dim: OptInt = None) -> Tensor = {
        let Some(dim) = dim else {
            return gather(&ops::reshape(input, &[-1])?, 0, &ops::reshape(indices, &[-1])?, false);
        };
        let (s, i) = (input.sizes(), indices.sizes());
        if s.len() != i.len() {
            bail!(
                Runtime,
                "torch.take_along_dim(): input and indices should have the same number of dimensions, but got {} dimensions for input, and {} dimensions for indices",
                s.len(),
                i.len()
            );
        }
        let d = shape::wrap_dim(dim, s.len())?;
        let (mut a, mut b) = (s, i);
        let mut wide = a.clone();
        if !a.is_empty() {
            (wide[d], a[d], b[d]) = (1, 1, 1);
            wide = shape::broadcast(&a, &b)?;
        }
        let (mut to_x, mut to_i) = (wide.clone(), wide);
        if !to_x.is_empty() {
            (to_x[d], to_i[d]) = (input.size_at(d), indices.size_at(d));
        }
        // Unlike `gather`, negative positions count from the end.
        let size = to_x.get(d).copied().unwrap_or(1);
        let wrapped;
        let indices = if indices.dtype() == DType::I64 && indices.device() == crate::device::Device::Cpu
            && indices.to_vec::<i64>()?.iter().any(|&i| i < 0) {
                let below = ops::lt(indices.into(), 0.into())?;
                let up = ops::add(indices.into(), size.into(), None)?;
                wrapped = ops::where_(&below, (&up).into(), indices.into())?;
                &wrapped
            } else {
                indices
            };
        gather(&ops::expand(input, &to_x, false)?, d as i64, &ops::expand(indices, &to_i, false)?, false)
    } { .with(flag::OUT).check(|cx| {
        let i = cx.tensor(1)?.dtype();
        if !matches!(i, DType::I64 | DType::I32) {
            bail!(Runtime, "torch.take_along_dim(): dtype of indices should be Long but got {}", i.c10_name());
        }
        Ok(())
    }) }

    /// The elements where `mask` is true, one after the other.
    fn masked_select(input: Tensor, mask: Tensor) -> Tensor {
        .kernel(|cx| {
            let (x, m) = (cx.tensor(0)?, cx.tensor(1)?);
            if m.dtype() != DType::Bool {
                bail!(Runtime, "masked_select: expected BoolTensor for mask");
            }
            let n = hits(m, &shape::broadcast(&x.sizes(), &m.sizes())?).total;
            Ok(smallvec![Meta::new([n].as_slice(), x.dtype())])
        }, |cx, out| {
            let (x, m) = (cx.tensor(0)?, cx.tensor(1)?);
            let s = shape::broadcast(&x.sizes(), &m.sizes())?;
            let (lx, lm, lo) = (x.layout().broadcast_to(&s), m.layout().broadcast_to(&s), out[0].layout());
            let mut counts = hits(m, &s);
            // Another thread may have written the mask meanwhile: no more than there is room for.
            counts.total = counts.total.min(out[0].numel());
            mask::masked_select(&s, out[0].operand(&lo), x.operand(&lx), m.operand(&lm), &counts);
            Ok(())
        }, "mask.cu", Batch::Loop)
            .grad(&[1], &[], |b| {
                let m = b.tensor(1)?;
                let s = shape::broadcast(&b.sizes(0), &m.sizes())?;
                let hole = ops::zeros(&s, Some(b.dtype(0)), Some(b.g()?.device()))?;
                Ok(smallvec![Some(ops::sum_to_size(&masked_scatter(&hole, m, &b.g()?)?, &b.sizes(0))?), None])
            }).with(flag::OUT | flag::OUT_APART | flag::OUT_TYPED | flag::READS_ELEMENTS)
    }

    /// `input` with the elements of `source`, one after the other, where `mask` is true.
    fn masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor {
        .kernel(|cx| {
            let (x, m, source) = (cx.tensor(0)?, cx.tensor(1)?, cx.tensor(2)?);
            if x.dtype() != source.dtype() {
                bail!(Runtime, "masked_scatter: expected self and source to have same dtypes but got{} and {}", x.dtype().c10_name(), source.dtype().c10_name());
            }
            if m.dtype() != DType::Bool {
                bail!(Runtime, "masked_scatter_ only supports boolean masks, but got mask with dtype {}", m.dtype().c10_name());
            }
            let s = shape::broadcast(&x.sizes(), &m.sizes())?;
            Ok(smallvec![if s == x.sizes() { Meta::like(x) } else { Meta::new(s, x.dtype()) }])
        }, |cx, out| {
            let (m, source) = (cx.tensor(1)?, cx.tensor(2)?);
            let lo = out[0].layout();
            let lm = m.layout().broadcast_to(&lo.sizes);
            let source = if source.is_contiguous() { source.clone() } else { source.copied(source.dtype())? };
            let ls = Layout { offset: source.layout().offset, ..Layout::contiguous(&[source.numel()]) };
            let counts = hits(m, &lo.sizes);
            mask::masked_scatter(&lo.sizes, out[0].operand(&lo), m.operand(&lm), source.operand(&ls), source.numel(), &counts)
        }, "mask.cu", Batch::Loop)
            .grad(&[1], &[], |b| {
                let (g, m) = (b.g()?, b.tensor(1)?);
                let x = b.when(0, || ops::sum_to_size(&ops::masked_fill(&g, m, 0.into())?, &b.sizes(0)))?;
                let source = b.when(2, || {
                    let taken = masked_select(&g, m)?;
                    let n: i64 = b.sizes(2).iter().product();
                    let rest = ops::zeros(&[n - taken.numel()], Some(g.dtype()), Some(g.device()))?;
                    ops::reshape(&ops::cat(&[taken, rest], 0)?, &b.sizes(2))
                })?;
                Ok(smallvec![x, None, source])
            }).updates().without(flag::OUT)
    }

    /// The positions of elements that are not 0: one row each.
    fn nonzero(input: Tensor) -> Tensor {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            Ok(smallvec![Meta::new([hits(x, &x.sizes()).total, x.ndim() as i64].as_slice(), DType::I64)])
        }, |cx, out| {
            let x = cx.tensor(0)?;
            let (lx, lo) = (x.layout(), out[0].layout());
            let mut counts = hits(x, &lx.sizes);
            counts.total = counts.total.min(lo.sizes[0]);
            mask::nonzero(&lx.sizes, x.operand(&lx), &counts, out[0].operand(&lo));
            Ok(())
        }, "mask.cu", Batch::Loop).with(flag::OUT | flag::READS_ELEMENTS)
    }

    /// The positions of the first `size` elements that are not 0; where there are fewer, rows of `fill_value` follow.
    fn nonzero_static(input: Tensor; size: Int, fill_value: Int = -1) -> Tensor = {
        if size < 0 {
            bail!(Runtime, "nonzero_static: 'size' must be an non-negative integer");
        }
        let found = nonzero(input)?;
        let n = found.size_at(0);
        if n >= size {
            return ops::duplicate(&ops::narrow(&found, 0, 0, size)?, None);
        }
        let rest = ops::full(&[size - n, input.ndim() as i64], fill_value.into(), Some(DType::I64), Some(input.device()))?;
        ops::cat(&[found, rest], 0)
    } { .with(flag::OUT).no_grad() }

    /// The positions of elements that are not 0: one tensor for each dimension.
    "where.condition" fn where_condition(condition: Tensor) -> Tensors = {
        if condition.ndim() == 0 {
            return where_condition(&ops::unsqueeze(condition, 0)?);
        }
        ops::unbind(&nonzero(condition)?, 1)
    } { .with(flag::NO_METHOD) }

    /// The positions of elements that are not 0: one row each.
    fn argwhere(input: Tensor) -> Tensor = { nonzero(input) } {}
}

/// How many elements are not 0, by blocks.
fn hits(t: &Tensor, over: &[i64]) -> mask::Counts {
    let l = t.layout().broadcast_to(over);
    mask::count(over, t.operand(&l))
}

/// A layout of at least one dimension.
fn lifted(t: &Tensor) -> Layout {
    let l = t.layout();
    if l.ndim() == 0 { l.unsqueeze(0) } else { l }
}

fn check_index_type(cx: &Ctx, index: &Tensor) -> Result<()> {
    if !matches!(index.dtype(), DType::I64 | DType::I32) {
        let name = cx.op.python_name();
        let name = if name.starts_with("scatter") { "scatter" } else { name };
        bail!(
            Runtime,
            "{name}(): Expected dtype int32/int64 for index\nIt is {}: use index.long().",
            index.dtype().name()
        );
    }
    Ok(())
}

/// Checks and result of everything that scatters: argument 3 is a tensor or a number, 4 (if there) how to reduce.
fn scatter_meta(cx: &Ctx) -> Result<Metas> {
    let (x, index) = (cx.tensor(0)?, cx.tensor(2)?);
    let d = cx.dim(1, x.ndim())?;
    if let (true, Ok(r)) = (cx.op.name.ends_with("_with"), cx.str(4.min(cx.args.len() - 1)))
        && !matches!(r, "add" | "multiply")
    {
        bail!(Runtime, "reduce argument must be either add or multiply.");
    }
    if index.numel() > 0 {
        check_index_type(cx, index)?;
    }
    let (s, i) = (x.sizes(), index.sizes());
    if let crate::op::arg::Num::Tensor(src) = cx.num(3)? {
        if src.dtype() != x.dtype() {
            bail!(Runtime, "scatter(): Expected self.dtype to be equal to src.dtype");
        }
        if index.numel() > 0 {
            let t = src.sizes();
            same_rank(&i, &s)?;
            let mut bad = false;
            for k in 0..i.len() {
                let have = if t.is_empty() { 1 } else { t[shape::wrap_dim(k as i64, t.len())?] };
                bad |= (k != d && i[k] > s.get(k).copied().unwrap_or(1)) || i[k] > have;
            }
            if bad {
                bail!(
                    Runtime,
                    "Expected index {} to be no larger than self {} apart from dimension {d} and to be no larger size than src {}",
                    shape::show(&i),
                    shape::show(&s),
                    shape::show(&t)
                );
            }
            if t.len().max(1) != i.len().max(1) {
                bail!(Runtime, "Index tensor must have the same number of dimensions as src tensor");
            }
        }
    } else {
        if let (Scalar::Complex(..), false) = (cx.scalar(3)?, x.dtype().is_complex()) {
            bail!(Runtime, "value cannot be converted to type {} without overflow", x.dtype().c_name());
        }
        if index.numel() > 0 {
            same_rank(&i, &s)?;
            if (0..i.len()).any(|k| k != d && i[k] > s[k]) {
                bail!(
                    Runtime,
                    "Expected index {} to be no larger than self {} apart from dimension {d}",
                    shape::show(&i),
                    shape::show(&s)
                );
            }
        }
    }
    Ok(smallvec![Meta::like(x)])
}

fn same_rank(i: &[i64], s: &[i64]) -> Result<()> {
    if i.len().max(1) != s.len().max(1) {
        bail!(
            Runtime,
            "Index tensor must have the same number of dimensions as self tensor\nThe index has shape {}, the tensor {}: add the \
             missing dimensions with unsqueeze().",
            crate::shape::show(i),
            crate::shape::show(s)
        );
    }
    Ok(())
}

fn scatter_into(cx: &Ctx, out: &Tensor, how: Reduce, include_self: bool) -> Result<()> {
    let index = cx.tensor(2)?;
    if index.numel() == 0 {
        return Ok(());
    }
    let d = cx.dim(1, out.ndim())?;
    let (lo, li) = (lifted(out), lifted(index));
    let value;
    let zeros = Dims::from_elem(0, li.ndim());
    let (src, ls) = match cx.num(3)? {
        crate::op::arg::Num::Tensor(t) => (t, lifted(t)),
        crate::op::arg::Num::Scalar(s) => {
            value = Tensor::scalar(s, out.dtype())?;
            (&value, Layout { sizes: li.sizes.clone(), strides: zeros, offset: 0 })
        }
    };
    let from = Operand { strides: &ls.strides, ..src.operand(&ls) };
    kernel::scatter(&li.sizes, d, out.operand(&lo), lo.sizes[d], index.operand(&li), from, how, include_self)
}

/// The gradient of a source that was larger than the index: zeros where nothing was read.
fn of_source(b: &Bw, g: &Tensor) -> Result<Tensor> {
    let s = b.sizes(3);
    if g.sizes() == s {
        return Ok(g.clone());
    }
    let mut whole = ops::zeros(&s, Some(g.dtype()), Some(g.device()))?;
    if s.len() != g.ndim() {
        return ops::reshape(g, &s);
    }
    // Written into a corner, recorded like any other write.
    let hole = whole.clone();
    let mut part = hole;
    for (d, &n) in g.sizes().iter().enumerate() {
        part = ops::slice(&part, d as i64, Some(0), Some(n), 1)?;
    }
    if g.ndim() == 0 {
        whole = g.clone();
    } else {
        ops::copy_(&part, g, false)?;
    }
    Ok(whole)
}

fn no_scatter_grad(_: &Bw) -> Result<Grads> {
    bail!(Runtime, "derivative for scatter(reduce=...) is not implemented\nUse scatter_reduce or scatter_add.");
}

/// PyTorch's scatter_reduce_backward.
fn scatter_reduce_grad(b: &Bw) -> Result<Grads> {
    let (g, x, d, index, src) = (b.g()?, b.tensor(0)?, b.int(1)?, b.tensor(2)?, b.tensor(3)?);
    let include = b.bool(5);
    let at = |t: &Tensor| gather(t, d, index, false);
    // What the index does not reach of a larger source has gradient 0.
    let mut near = src.clone();
    for (k, &n) in index.sizes().iter().enumerate() {
        near = ops::slice(&near, k as i64, Some(0), Some(n), 1)?;
    }
    let (mut gx, gs) = match b.str(4) {
        "sum" => {
            let gs = at(&g)?;
            (g, gs)
        }
        "prod" => {
            let reduce = |a: &Tensor, s: &Tensor| scatter_reduce(a, d, index, s, "prod", include);
            let whole = ops::masked_fill(x, &ops::eq(x.into(), 0.into())?, 1.into())?;
            let gx = ops::div((&ops::mul((&g).into(), (&reduce(&whole, src)?).into())?).into(), (&whole).into())?;
            let zero = ops::eq((&near).into(), 0.into())?;
            let zeros = ops::_to_dtype(&zero, x.dtype(), None)?;
            let count = at(&scatter_add(&ops::zeros_like(x, None, None, None)?, d, index, &zeros)?)?;
            let single = ops::logical_and(&zero, &ops::eq((&count).into(), 1.into())?)?;
            let filled = ops::masked_fill(&near, &single, 1.into())?;
            let a = at(&ops::mul((&g).into(), (&reduce(x, &filled)?).into())?)?;
            let r = at(&ops::mul((&g).into(), b.out(0)?.into())?)?;
            let r = ops::div((&r).into(), (&ops::masked_fill(&near, &zero, 1.into())?).into())?;
            (gx, ops::where_(&single, (&a).into(), (&r).into())?)
        }
        "mean" => {
            let n =
                if include { ops::ones_like(&g, None, None, None)? } else { ops::zeros_like(&g, None, None, None)? };
            let n = scatter_add(&n, d, index, &ops::ones_like(src, None, None, None)?)?;
            let n = ops::masked_fill(&n, &ops::eq((&n).into(), 0.into())?, 1.into())?;
            let gx = ops::div((&g).into(), (&n).into())?;
            let gs = at(&gx)?;
            (gx, gs)
        }
        _ => {
            let y = b.out(0)?;
            let mine = ops::_to_dtype(&ops::eq(x.into(), y.into())?, x.dtype(), None)?;
            let theirs = ops::_to_dtype(&ops::eq((&near).into(), (&at(y)?).into())?, x.dtype(), None)?;
            let n = scatter_add(&mine, d, index, &theirs)?;
            let share = ops::div((&g).into(), (&n).into())?;
            (ops::mul((&mine).into(), (&share).into())?, ops::mul((&theirs).into(), (&at(&share)?).into())?)
        }
    };
    if !include {
        gx = scatter_value(&gx, d, index, 0.into())?;
    }
    Ok(smallvec![Some(gx), None, Some(of_source(b, &gs)?)])
}
