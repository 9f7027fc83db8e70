//! Reading and writing at positions that other tensors name: advanced indexing, and the `index_*` family along one
//! dimension. (`gather`, `scatter`, masks and `take` are in `gather.rs`.)

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::gather::neutral;
use crate::kernels::cpu::index::{self as kernel, Index, Plan, Reduce, Rule};
use crate::op::arg::{Ctx, Num};
use crate::op::autocast::Cast;
use crate::op::call::{Mode, call_as, only};
use crate::op::{Batch, Meta, flag};
use crate::ops;
use crate::ops::sparse_math;
use crate::scalar::Scalar;
use crate::shape::{self, Dims};
use crate::tensor::{Tensor, mode};
use smallvec::smallvec;

/// Checks a one-dimensional index of int64 or int32.
fn check_index(cx: &Ctx, index: &Tensor) -> Result<()> {
    if index.ndim() > 1 {
        bail!(Index, "{}(): Index is supposed to be a vector (got {} dimensions)", cx.op.python_name(), index.ndim());
    }
    if !matches!(index.dtype(), DType::I64 | DType::I32) {
        bail!(
            Runtime,
            "{}(): Expected dtype int32 or int64 for index\nThis one is {}: convert it with .long().",
            cx.op.python_name(),
            index.dtype().name()
        );
    }
    Ok(())
}

ops! {
    /// The places of `dim` that `index` names, as a copy.
    fn index_select(input: Tensor, dim: Int, index: Tensor) -> Tensor {
        .sparse(sparse_math::chosen).kernel(|cx| {
            let (x, index) = (cx.tensor(0)?, cx.tensor(2)?);
            check_index(cx, index)?;
            let mut sizes = x.sizes();
            let d = cx.dim(1, sizes.len())?;
            if sizes.is_empty() {
                if index.numel() != 1 {
                    bail!(Index, "index_select(): Index to scalar can have only 1 value, got {} value(s)", index.numel());
                }
            } else {
                sizes[d] = index.numel();
            }
            Ok(smallvec![Meta::new(sizes, x.dtype())])
        }, |cx, out| {
            let (x, index) = (cx.tensor(0)?, cx.tensor(2)?);
            let (lx, lo, li) = (x.layout(), out[0].layout(), index.layout());
            let d = cx.dim(1, lx.ndim())?;
            let size = lx.sizes.get(d).copied().unwrap_or(1);
            kernel::index_select(&lo.sizes, d, out[0].operand(&lo), x.operand(&lx), size, index.operand(&li))
        }, "index.cu", Batch::ShiftDims)
            .grad(&[2], &[], |b| {
                let hole = ops::zeros(&b.sizes(0), Some(b.dtype(0)), None)?;
                Ok(smallvec![Some(ops::index_add(&hole, b.int(1)?, b.tensor(2)?, &b.g()?, 1.into())?), None])
            }).with(flag::OUT | flag::OUT_APART | flag::OUT_TYPED)
    }

    /// `input` with `alpha * source` added at the places of `dim` that `index` names.
    fn index_add(input: Tensor, dim: Int, index: Tensor, source: Tensor; alpha: Scalar = 1) -> Tensor {
        .kernel(|cx| {
            stored_meta(cx, "index_add_")
        }, |cx, out| {
            let (index, source, alpha) = (cx.tensor(2)?, cx.tensor(3)?, cx.scalar(4)?);
            if alpha.f64() == 1.0 && alpha.im() == 0.0 {
                return store_along(cx, &out[0], index, source, Reduce::Sum, Rule::Gather);
            }
            let _off = mode::NoGrad::new();
            store_along(cx, &out[0], index, &ops::mul(source.into(), Num::Scalar(alpha))?, Reduce::Sum, Rule::Gather)
        }, "index.cu", Batch::ShiftDims)
            .grad(&[2], &[], |b| {
                let g = b.g()?;
                let source = b.when(2, || {
                    let part = ops::index_select(&g, b.int(1)?, b.tensor(2)?)?;
                    ops::mul((&ops::reshape(&part, &b.sizes(3))?).into(), Num::Scalar(b.scalar(4)))
                })?;
                Ok(smallvec![Some(g.clone()), None, source])
            }).updates()
    }

    /// `input` with `source` written over the places of `dim` that `index` names.
    fn index_copy(input: Tensor, dim: Int, index: Tensor, source: Tensor) -> Tensor {
        .cast(Cast::Widest).kernel(copy_meta, |cx, out| store_along(cx, &out[0], cx.tensor(2)?, cx.tensor(3)?, Reduce::Set, Rule::Copy), "index.cu", Batch::ShiftDims)
            .grad(&[2], &[], |b| {
                let (g, d, index) = (b.g()?, b.int(1)?, b.tensor(2)?);
                let x = b.when(0, || ops::index_fill(&g, d, index, 0.into()))?;
                let source = b.when(2, || ops::reshape(&ops::index_select(&g, d, index)?, &b.sizes(3)))?;
                Ok(smallvec![x, None, source])
            }).updates()
    }

    /// `input` with `value` at the places of `dim` that `index` names.
    "index_fill.int_Scalar" fn index_fill(input: Tensor, dim: Int, index: Tensor, value: Number) -> Tensor {
        .kernel(fill_meta, |cx, out| {
            let v = Tensor::scalar(cx.scalar(3)?, out[0].dtype())?;
            fill_along(cx, &out[0], &v)
        }, "index.cu", Batch::ShiftDims)
            .grad(&[2], &[], |b| Ok(smallvec![Some(index_fill(&b.g()?, b.int(1)?, b.tensor(2)?, 0.into())?), None])).updates().without(flag::OUT)
    }

    /// `input` with a 0-d tensor's value at the places of `dim` that `index` names.
    "index_fill.int_Tensor" fn index_fill_tensor(input: Tensor, dim: Int, index: Tensor, value: Tensor) -> Tensor {
        .kernel(fill_meta, |cx, out| {
            let v = cx.tensor(3)?.copied(out[0].dtype())?;
            fill_along(cx, &out[0], &v)
        }, "index.cu", Batch::ShiftDims)
            .grad(&[2], &[], |b| {
                let (g, d, index) = (b.g()?, b.int(1)?, b.tensor(2)?);
                let x = b.when(0, || index_fill(&g, d, index, 0.into()))?;
                // A place that the index names twice was written once.
                let value = b.when(2, || {
                    let none = ops::zeros(&b.sizes(0), Some(DType::Bool), Some(g.device()))?;
                    let written = ops::masked_select(&g, &index_fill(&none, d, index, true.into())?)?;
                    ops::_to_dtype(&ops::sum_all(&written, None)?, b.dtype(3), None)
                })?;
                Ok(smallvec![x, None, value])
            }).node("IndexFillBackward1").updates().without(flag::OUT)
    }

    /// `input` with `source` joined to the places of `dim` that `index` names by `reduce` (prod, mean, amax, amin).
    fn index_reduce(input: Tensor, dim: Int, index: Tensor, source: Tensor, reduce: Str; include_self: Bool = true) -> Tensor {
        .kernel(|cx| {
            let r = cx.str(4)?;
            if !matches!(r, "prod" | "mean" | "amax" | "amin") {
                bail!(Runtime, "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {r}.");
            }
            stored_meta(cx, "index_reduce_")
        }, |cx, out| {
            let (index, source) = (cx.tensor(2)?, cx.tensor(3)?);
            let how = reduction(cx.str(4)?);
            if !cx.bool(5)? {
                let start = neutral(out[0].dtype(), how)?;
                fill_bytes(cx, &out[0], &start)?;
            }
            store_along(cx, &out[0], index, source, how, Rule::Gather)?;
            if cx.str(4)? == "mean" {
                let _off = mode::NoGrad::new();
                let ones = ops::ones_like(source, None, None, None)?;
                let base = if cx.bool(5)? { ops::ones_like(&out[0], None, None, None)? } else { ops::zeros_like(&out[0], None, None, None)? };
                let n = ops::index_add(&base, cx.int(1)?, index, &ones, 1.into())?;
                divide(&out[0], &n)?;
            }
            Ok(())
        }, "index.cu", Batch::ShiftDims)
            .grad(&[0, 2, 3], &[0], index_reduce_grad).updates()
    }

    /// `input[indices]`: index tensors (int64 or int32), masks, or holes, one for each dimension from the first on.
    fn index(input: Tensor, indices: OptTensors) -> Tensor = {
        if indices.iter().flatten().any(is_mask) {
            return _index(input, &expand_masks(input, indices)?);
        }
        _index(input, indices)
    } { .with(flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD) }

    /// `input[indices]` for index tensors.
    fn _index(input: Tensor, indices: OptTensors) -> Tensor {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            let w = Walk::new(x, cx.opt_tensors(1)?)?;
            Ok(smallvec![Meta::new(w.plan.shape, x.dtype())])
        }, |cx, out| {
            let x = cx.tensor(0)?;
            let w = Walk::new(x, cx.opt_tensors(1)?)?;
            let lo = out[0].layout();
            let src = Operand { strides: &w.plan.strides, ..x.operand(&lo) };
            kernel::index(&w.plan.shape, out[0].operand(&lo), src, &w.indices())
        }, "index.cu", Batch::Loop)
            .grad(&[1], &[], |b| {
                let g = b.g()?;
                let indices = b.tensors(1)?;
                let hole = ops::zeros(&b.sizes(0), Some(b.dtype(0)), Some(g.device()))?;
                let mut out = smallvec![Some(_index_put(&hole, &indices, &g, true)?)];
                out.extend(indices.iter().flatten().map(|_| None));
                Ok(out)
            }).node("IndexBackward0").with(flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD)
    }

    /// `input` with `values` written (or added, with `accumulate`) at `indices`.
    fn index_put(input: Tensor, indices: OptTensors, values: Tensor, accumulate: Bool = false) -> Tensor = {
        if indices.iter().flatten().any(is_mask) {
            return _index_put(input, &expand_masks(input, indices)?, values, accumulate);
        }
        _index_put(input, indices, values, accumulate)
    } { .with(flag::OUT) }

    /// Writes (or adds, with `accumulate`) `values` at `indices`.
    fn index_put_(input: Tensor, indices: OptTensors, values: Tensor, accumulate: Bool = false) -> Tensor = {
        let masked = indices.iter().flatten().any(is_mask);
        let converted;
        let mut values = values;
        // One value for all places of one mask: no positions are needed, and the value is converted.
        if masked && values.numel() == 1 && !accumulate
            && let [holes @ .., Some(m)] = indices
                && holes.iter().all(Option::is_none) && m.dtype() == DType::Bool {
                    check_mask(input, m, holes.len())?;
                    if values.dtype() != input.dtype() && values.dtype().can_cast(input.dtype()) {
                        converted = ops::_to_dtype(values, input.dtype(), None)?;
                        values = &converted;
                    }
                    let recorded = mode::grad() && (values.requires_grad() || input.requires_grad());
                    if !recorded && values.dtype() == input.dtype() {
                        let mut shape = m.sizes();
                        shape.resize(input.ndim() - holes.len(), 1);
                        let (m, v) = (ops::reshape(m, &shape)?, ops::reshape(values, &[])?);
                        return only(call_as(&ops::masked_fill::OP, &[Arg::Tensor(input), Arg::Tensor(&m), Arg::Tensor(&v)], Mode::InPlace(input))?);
                    }
                }
        let expanded;
        let indices = if masked {
            expanded = expand_masks(input, indices)?;
            &expanded
        } else {
            indices
        };
        let args = [Arg::Tensor(input), Arg::OptTensors(indices), Arg::Tensor(values), Arg::Bool(accumulate)];
        only(call_as(&_index_put::OP, &args, Mode::InPlace(input))?)
    } {}

    /// `input` with `values` at index tensors.
    fn _index_put(input: Tensor, indices: OptTensors, values: Tensor, accumulate: Bool = false) -> Tensor {
        .kernel(|cx| {
            let (x, values) = (cx.tensor(0)?, cx.tensor(2)?);
            if x.dtype() != values.dtype() {
                bail!(
                    Runtime,
                    "Index put requires the source and destination dtypes match, got {} for the destination and {} for the source.",
                    x.dtype().c10_name(),
                    values.dtype().c10_name()
                );
            }
            let w = Walk::new(x, cx.opt_tensors(1)?)?;
            let vs = values.sizes();
            if shape::broadcast(&vs, &w.plan.shape).ok().as_ref() != Some(&w.plan.shape) {
                bail!(
                    Runtime,
                    "shape mismatch: value tensor of shape {} cannot be broadcast to indexing result of shape {}",
                    shape::show(&vs),
                    shape::show(&w.plan.shape)
                );
            }
            Ok(smallvec![Meta::like(x)])
        }, |cx, out| {
            let values = cx.tensor(2)?;
            let w = Walk::new(&out[0], cx.opt_tensors(1)?)?;
            let (lx, lv) = (out[0].layout(), values.layout().broadcast_to(&w.plan.shape));
            let dst = Operand { strides: &w.plan.strides, ..out[0].operand(&lx) };
            kernel::index_put(&w.plan.shape, dst, values.operand(&lv), &w.indices(), cx.bool(3)?)
        }, "index.cu", Batch::Loop)
            .grad(&[1], &[], |b| {
                let g = b.g()?;
                let indices = b.tensors(1)?;
                let n = indices.iter().flatten().count();
                let x = b.when(0, || {
                    if b.bool(3) {
                        return Ok(g.clone());
                    }
                    let zero = Tensor::zeros(&[], g.dtype(), g.device())?;
                    _index_put(&g, &indices, &zero, false)
                })?;
                let values = b.when(n + 1, || ops::sum_to_size(&_index(&g, &indices)?, &b.sizes(2)))?;
                let mut out = smallvec![x];
                out.extend((0..n).map(|_| None));
                out.push(values);
                Ok(out)
            }).node("IndexPutBackward0").updates().with(flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD)
    }
}

/// How advanced indices walk over a tensor.
struct Walk {
    plan: Plan,
    /// For each index: dimension, its size and stride there, the index as a tensor, its strides over the plan's shape.
    each: Vec<(usize, i64, i64, Tensor, Dims)>,
}

impl Walk {
    fn new(x: &Tensor, indices: &[Option<Tensor>]) -> Result<Walk> {
        let l = x.layout();
        if indices.len() > l.ndim() {
            bail!(Index, "too many indices for tensor of dimension {}\nThere are {}.", l.ndim(), indices.len());
        }
        let mut common = Dims::new();
        for t in indices.iter().flatten() {
            if !matches!(t.dtype(), DType::I64 | DType::I32) {
                return Err(bad_index());
            }
            common = shape::broadcast(&common, &t.sizes()).map_err(|_| cannot_broadcast(indices))?;
        }
        let which: Vec<bool> = indices.iter().map(Option::is_some).collect();
        let plan = Plan::new(&l.sizes, &l.strides, &which, &common);
        let mut each = Vec::with_capacity(indices.len());
        for (d, t) in indices.iter().enumerate() {
            let Some(t) = t else { continue };
            if l.sizes[d] == 0 && !common.contains(&0) {
                bail!(Index, "index is out of bounds for dimension with size 0");
            }
            let strides = plan.index_strides(&t.layout().broadcast_to(&common).strides);
            each.push((d, l.sizes[d], l.strides[d], t.clone(), strides));
        }
        Ok(Walk { plan, each })
    }

    fn indices(&self) -> Vec<Index<'_>> {
        self.each
            .iter()
            .map(|(d, size, stride, t, strides)| {
                let b = t.body();
                Index { at: Operand { ptr: b.ptr(), dtype: b.dtype, strides }, size: *size, stride: *stride, dim: *d }
            })
            .collect()
    }
}

#[cold]
fn bad_index() -> crate::error::Error {
    err!(Index, "tensors used as indices must be long, int, byte or bool tensors")
}

#[cold]
fn cannot_broadcast(indices: &[Option<Tensor>]) -> crate::error::Error {
    let shapes: Vec<String> = indices.iter().flatten().map(|t| shape::show(&t.sizes())).collect();
    err!(Index, "shape mismatch: indexing tensors could not be broadcast together with shapes {}", shapes.join(", "))
}

fn is_mask(t: &Tensor) -> bool {
    matches!(t.dtype(), DType::Bool | DType::U8)
}

/// Does a mask that starts at dimension `at` of `x` have the shape that stands there?
pub fn check_mask(x: &Tensor, mask: &Tensor, at: usize) -> Result<()> {
    let (s, m) = (x.sizes(), mask.sizes());
    for i in 0..m.len() {
        match s.get(at + i) {
            None => bail!(Index, "too many indices for tensor of dimension {}\nThere are {}.", s.len(), at + m.len()),
            Some(&n) if n != m[i] => bail!(
                Index,
                "The shape of the mask {} at index {i} does not match the shape of the indexed tensor {} at index {}",
                shape::show(&m),
                shape::show(&s),
                at + i
            ),
            _ => {}
        }
    }
    Ok(())
}

/// Masks become the positions where they are true, one index tensor for each of their dimensions.
fn expand_masks(x: &Tensor, indices: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> {
    let mut out = Vec::new();
    for t in indices {
        match t {
            Some(m) if is_mask(m) => {
                check_mask(x, m, out.len())?;
                let places = ops::nonzero(m)?;
                for k in 0..m.ndim() {
                    out.push(Some(ops::select(&places, 1, k as i64)?));
                }
            }
            other => out.push(other.clone()),
        }
    }
    Ok(out)
}

/// What `index_reduce` and `scatter_reduce` do at each place; a mean is a sum first.
pub(super) fn reduction(name: &str) -> Reduce {
    match name {
        "prod" | "multiply" => Reduce::Prod,
        "amax" => Reduce::Amax,
        "amin" => Reduce::Amin,
        _ => Reduce::Sum,
    }
}

/// `out /= n` for means: places that nothing came to have `n` 0 and stay; integers are divided downwards.
pub(super) fn divide(out: &Tensor, n: &Tensor) -> Result<()> {
    let n = ops::masked_fill(n, &ops::eq(n.into(), 0.into())?, 1.into())?;
    let q = if out.dtype().is_integral() {
        ops::floor_divide(out.into(), (&n).into())?
    } else {
        ops::div(out.into(), (&n).into())?
    };
    out.copy_raw(&q)
}

fn store_along(cx: &Ctx, out: &Tensor, index: &Tensor, source: &Tensor, how: Reduce, rule: Rule) -> Result<()> {
    let (lo, li, mut ls) = (out.layout(), index.layout(), source.layout());
    let d = cx.dim(1, lo.ndim())?;
    let size = lo.sizes.get(d).copied().unwrap_or(1);
    // A scalar on one side stands for a vector of one element.
    if ls.ndim() < lo.ndim() {
        ls = ls.unsqueeze(0);
    }
    let mut lo = lo;
    if lo.ndim() < ls.ndim() {
        lo = lo.unsqueeze(0);
    }
    kernel::index_store(&ls.sizes, d, out.operand(&lo), size, index.operand(&li), source.operand(&ls), how, rule)
}

fn fill_along(cx: &Ctx, out: &Tensor, value: &Tensor) -> Result<()> {
    let (mut lo, li) = (out.layout(), cx.tensor(2)?.layout());
    let d = cx.dim(1, lo.ndim())?;
    let size = lo.sizes.get(d).copied().unwrap_or(1);
    if lo.ndim() == 0 {
        lo = lo.unsqueeze(0);
    }
    let mut part = lo.sizes.clone();
    part[d] = li.numel();
    let zero = Dims::from_elem(0, part.len());
    let src = Operand { strides: &zero, ..value.operand(&lo) };
    kernel::index_store(&part, d, out.operand(&lo), size, cx.tensor(2)?.operand(&li), src, Reduce::Set, Rule::Wrap)
}

/// The bytes of one element at every place that the index names.
fn fill_bytes(cx: &Ctx, out: &Tensor, bytes: &[u64; 2]) -> Result<()> {
    let v = Tensor::empty(&[], out.dtype(), out.device())?;
    // SAFETY: the tensor has one element, which is not larger than the sixteen bytes.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr() as *const u8, v.body().ptr(), out.dtype().size()) };
    let (lo, li) = (out.layout(), cx.tensor(2)?.layout());
    let d = cx.dim(1, lo.ndim())?;
    let lo = if lo.ndim() == 0 { lo.unsqueeze(0) } else { lo };
    let mut part = lo.sizes.clone();
    let size = part[d];
    part[d] = li.numel();
    let zero = Dims::from_elem(0, part.len());
    let src = Operand { strides: &zero, ..v.operand(&lo) };
    kernel::index_store(&part, d, out.operand(&lo), size, cx.tensor(2)?.operand(&li), src, Reduce::Set, Rule::Gather)
}

/// The checks of `index_add` and `index_reduce`.
fn stored_meta(cx: &Ctx, name: &str) -> Result<crate::op::Metas> {
    let (x, index, source) = (cx.tensor(0)?, cx.tensor(2)?, cx.tensor(3)?);
    if index.ndim() > 1 {
        bail!(
            Index,
            "{name}(): Index is supposed to be a vector, but got dim: {} with type: {} and size: {}",
            index.ndim(),
            index.dtype().c10_name(),
            shape::show(&index.sizes())
        );
    }
    if !matches!(index.dtype(), DType::I64 | DType::I32) {
        bail!(Runtime, "{name}(): Expected dtype int32/int64 for index but got: {}", index.dtype().c10_name());
    }
    if x.dtype() != source.dtype() {
        bail!(
            Runtime,
            "{name}(): self ({}) and source ({}) must have the same scalar type",
            x.dtype().c10_name(),
            source.dtype().c10_name()
        );
    }
    let (s, t) = (x.sizes(), source.sizes());
    let d = cx.dim(1, s.len())?;
    if d != 0 && d >= t.len() {
        bail!(Index, "{name}(): Indexing dim {d} is out of bounds of the source tensor with dim {}", t.len());
    }
    let places = t.get(d).copied().unwrap_or(1);
    if places != index.numel() {
        let n = index.numel();
        bail!(
            Runtime,
            "{name}(): Number of indices ({n}) should be equal to source.size(dim): ({places}), for dim: {d}"
        );
    }
    let others_differ = s.len() != t.len() || (0..s.len()).any(|i| i != d && s[i] != t[i]);
    if others_differ && !(s.is_empty() || t.is_empty()) {
        bail!(
            Runtime,
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = {} source.shape = {}",
            shape::show(&s),
            shape::show(&t)
        );
    }
    Ok(smallvec![Meta::like(x)])
}

fn copy_meta(cx: &Ctx) -> Result<crate::op::Metas> {
    let (x, index, source) = (cx.tensor(0)?, cx.tensor(2)?, cx.tensor(3)?);
    let (s, t) = (x.sizes(), source.sizes());
    let d = cx.dim(1, s.len())?;
    if index.ndim() > 1 {
        bail!(Index, "index_copy_(): Index should have dimension 1 or 0 (got {})", index.ndim());
    }
    let n = index.numel();
    if t.is_empty() && n != 1 {
        bail!(Index, "index_copy_(): When source is scalar, index should have one element (got {n})");
    }
    if s.len() != t.len() && !s.is_empty() && !t.is_empty() {
        bail!(
            Index,
            "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source dimensionality ({}), destination dimensionality ({})",
            t.len(),
            s.len()
        );
    }
    if index.dtype() != DType::I64 {
        bail!(Runtime, "index_copy_(): Expected a long tensor for index, but got {}", index.dtype().c10_name());
    }
    if x.dtype() != source.dtype() {
        bail!(
            Runtime,
            "index_copy_(): self and source expected to have the same dtype, but got (self) {} and (source) {}",
            x.dtype().c10_name(),
            source.dtype().c10_name()
        );
    }
    let slice = |s: &[i64]| -> Dims { s.iter().enumerate().filter(|(i, _)| *i != d).map(|(_, v)| *v).collect() };
    let (a, b) = (slice(&s), slice(&t));
    if a != b {
        let plain = |s: &[i64]| s.iter().map(i64::to_string).collect::<Vec<_>>().join(" ");
        bail!(
            Runtime,
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: {} at dimension {d} and source slice shape: {} at dimension 0.",
            plain(&a),
            plain(&b)
        );
    }
    let places = t.get(d).copied().unwrap_or(1);
    if !t.is_empty() && n != places {
        bail!(Index, "index_copy_(): Number of indices ({n}) should be equal to source.size(dim) ({places})");
    }
    Ok(smallvec![Meta::like(x)])
}

fn fill_meta(cx: &Ctx) -> Result<crate::op::Metas> {
    let (x, index) = (cx.tensor(0)?, cx.tensor(2)?);
    cx.dim(1, x.ndim())?;
    if index.dtype() != DType::I64 {
        bail!(Index, "index_fill_(): Expected dtype int64 for index.");
    }
    if index.ndim() > 1 {
        bail!(Runtime, "Index has to be a vector/scalar");
    }
    match cx.num(3)? {
        Num::Tensor(t) if t.ndim() != 0 => bail!(
            Runtime,
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
            t.ndim()
        ),
        Num::Scalar(Scalar::Complex(..)) if !x.dtype().is_complex() => {
            bail!(Runtime, "index_fill_(): Converting complex Scalar to non-complex type is not supported")
        }
        Num::Tensor(t) if t.dtype().is_complex() && !x.dtype().is_complex() => {
            bail!(Runtime, "index_fill_(): Converting complex Scalar to non-complex type is not supported")
        }
        _ => {}
    }
    Ok(smallvec![Meta::like(x)])
}

/// PyTorch's index_reduce_backward.
fn index_reduce_grad(b: &crate::op::record::Bw) -> Result<crate::tensor::graph::Grads> {
    let (g, x, d, index, source) = (b.g()?, b.tensor(0)?, b.int(1)?, b.tensor(2)?, b.tensor(3)?);
    let include = b.bool(5);
    let at = |t: &Tensor| ops::reshape(&ops::index_select(t, d, index)?, &source.sizes());
    let add = |a: &Tensor, s: &Tensor| ops::index_add(a, d, index, s, 1.into());
    let (mut gx, gs) = match b.str(4) {
        "prod" => {
            let reduce = |a: &Tensor, s: &Tensor| index_reduce(a, d, index, s, "prod", include);
            let whole = ops::masked_fill(x, &ops::eq(x.into(), 0.into())?, 1.into())?;
            let gx = ops::div((&ops::mul((&g).into(), (&reduce(&whole, source)?).into())?).into(), (&whole).into())?;
            let zero = ops::eq(source.into(), 0.into())?;
            let zeros = ops::_to_dtype(&zero, x.dtype(), None)?;
            let count = at(&add(&ops::zeros_like(x, None, None, None)?, &zeros)?)?;
            let single = ops::logical_and(&zero, &ops::eq((&count).into(), 1.into())?)?;
            let filled = ops::masked_fill(source, &single, 1.into())?;
            let a = at(&ops::mul((&g).into(), (&reduce(x, &filled)?).into())?)?;
            let r = at(&ops::mul((&g).into(), b.out(0)?.into())?)?;
            let r = ops::div((&r).into(), (&ops::masked_fill(source, &zero, 1.into())?).into())?;
            (gx, ops::where_(&single, (&a).into(), (&r).into())?)
        }
        "mean" => {
            let n =
                if include { ops::ones_like(&g, None, None, None)? } else { ops::zeros_like(&g, None, None, None)? };
            let n = add(&n, &ops::ones_like(source, None, None, None)?)?;
            let n = ops::masked_fill(&n, &ops::eq((&n).into(), 0.into())?, 1.into())?;
            let gx = ops::div((&g).into(), (&n).into())?;
            let gs = at(&gx)?;
            (gx, gs)
        }
        _ => {
            let y = b.out(0)?;
            let mine = ops::_to_dtype(&ops::eq(x.into(), y.into())?, x.dtype(), None)?;
            let theirs = ops::_to_dtype(&ops::eq(source.into(), (&at(y)?).into())?, x.dtype(), None)?;
            let n = add(&mine, &theirs)?;
            let share = ops::div((&g).into(), (&n).into())?;
            (ops::mul((&mine).into(), (&share).into())?, ops::mul((&theirs).into(), (&at(&share)?).into())?)
        }
    };
    if !include {
        gx = index_fill(&gx, d, index, 0.into())?;
    }
    Ok(smallvec![Some(gx), None, Some(gs)])
}
