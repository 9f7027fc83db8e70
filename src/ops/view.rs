//! Views: layouts on the memory of their argument, without copies; and the shape operators made of them.

use crate::dtype::DType;
use crate::error::Result;
use crate::memory::alloc;
use crate::op::arg::Ctx;
use crate::op::autocast::Cast;
use crate::op::flag;
use crate::op::record::PLACE;
use crate::ops;
use crate::ops::sparse_math;
use crate::shape::{self, Dims, Layout, wrap_dim};
use crate::tensor::Tensor;
use crate::tensor::graph::Grads;
use smallvec::{SmallVec, smallvec};

/// One view of the first argument with its dtype.
#[inline]
fn one(cx: &Ctx, l: Layout) -> Result<(Layout, DType)> {
    Ok((l, cx.tensor(0)?.dtype()))
}

/// The first argument as it lies.
fn whole(cx: &Ctx) -> Result<(Layout, DType)> {
    let b = cx.tensor(0)?.body();
    Ok((b.layout.clone(), b.dtype))
}

fn some(t: Tensor) -> Result<Grads> {
    Ok(smallvec![Some(t)])
}

ops! {
    /// The same elements in another shape, without a copy; -1 stands for what is left over.
    fn view(input: Tensor, size: Size) -> Tensor {
        .view(|cx| {
            let b = cx.tensor(0)?.body();
            let sizes = Layout::infer_size(b.numel, cx.ints(1)?)?;
            if b.contiguous {
                return Ok((Layout::packed(sizes, b.layout.offset), b.dtype));
            }
            match b.layout.view(&sizes) {
                Some(v) => Ok((v, b.dtype)),
                None => bail!(
                    Runtime,
                    "view size is not compatible with input tensor's size and stride (at least one dimension spans across two \
                     contiguous subspaces). Use .reshape(...) instead."
                ),
            }
        }).grad(&[], &[], |b| some(ops::reshape(&b.g()?, &b.sizes(0))?)).with(flag::NO_FUNCTION)
    }

    /// The memory read as another dtype.
    "view.dtype" fn view_dtype(input: Tensor, dtype: NeededDType) -> Tensor {
        .view(|cx| {
            let t = cx.tensor(0)?;
            let (l, from, to) = (t.layout(), t.dtype(), cx.needed_dtype(1)?);
            Ok((reinterpret(&l, from, to)?, to))
        }).no_grad().with(flag::NO_FUNCTION)
    }

    /// The same elements in another shape: a view where the strides allow it, else a copy.
    fn reshape(input: Tensor, shape: Size) -> Tensor = {
        if input.is_contiguous() {
            return ops::view(input, shape);
        }
        let l = input.layout();
        let sizes = Layout::infer_size(l.numel(), shape)?;
        if l.view(&sizes).is_some() {
            return ops::view(input, &sizes);
        }
        ops::_unsafe_view(&ops::duplicate(input, Some(crate::op::arg::Format::Contiguous))?, &sizes)
    } {}

    /// All elements in one dimension.
    fn ravel(input: Tensor) -> Tensor = { ops::reshape(input, &[-1]) } {}

    /// `view` of a fresh copy: the result of a reshape that had to move data.
    fn _unsafe_view(input: Tensor, size: Size) -> Tensor {
        .view(|cx| {
            let (l, sizes) = (cx.tensor(0)?.layout(), cx.ints(1)?);
            if shape::numel(sizes)? != l.numel() {
                bail!(Runtime, "shape '{}' is invalid for input of size {}", shape::show(sizes), l.numel());
            }
            match l.view(sizes) {
                Some(v) => one(cx, v),
                None => bail!(Runtime, "_unsafe_view needs a contiguous tensor"),
            }
        }).grad(&[], &[], |b| some(ops::reshape(&b.g()?, &b.sizes(0))?)).node("UnsafeViewBackward0").with(flag::PRIVATE)
    }

    /// The shape of `other`.
    fn view_as(input: Tensor, other: Tensor) -> Tensor = { ops::view(input, &other.sizes()) } { .with(flag::NO_FUNCTION) }

    /// The shape of `other`.
    fn reshape_as(input: Tensor, other: Tensor) -> Tensor = { ops::reshape(input, &other.sizes()) } { .with(flag::NO_FUNCTION) }

    /// Dimensions `start_dim` to `end_dim` as one.
    fn flatten(input: Tensor, start_dim: Int = 0, end_dim: Int = -1) -> Tensor = {
        let n = input.ndim();
        let (a, b) = (wrap_dim(start_dim, n)?, wrap_dim(end_dim, n)?);
        if n == 0 {
            return ops::reshape(input, &[1]);
        }
        if a > b {
            bail!(Runtime, "flatten() has invalid args: start_dim cannot come after end_dim");
        }
        if a == b {
            return Ok(input.clone());
        }
        let s = input.sizes();
        let mut shape: Dims = s[..a].into();
        shape.push(s[a..=b].iter().product());
        shape.extend_from_slice(&s[b + 1..]);
        ops::reshape(input, &shape)
    } {}

    /// One dimension as several.
    fn unflatten(input: Tensor, dim: Int, sizes: Ints) -> Tensor = {
        let d = wrap_dim(dim, input.ndim())?;
        let s = input.sizes();
        if sizes.is_empty() || s.is_empty() {
            bail!(Runtime, "unflatten: {} must be non-empty", if s.is_empty() { "the shape of the input" } else { "sizes" });
        }
        let known: i64 = sizes.iter().filter(|&&x| x != -1).product();
        let holes = sizes.iter().filter(|&&x| x == -1).count();
        let ok = if holes == 0 { known == s[d] } else { holes == 1 && known != 0 && s[d] % known == 0 };
        if !ok {
            bail!(Runtime, "unflatten: Provided sizes {} don't multiply up to the size of dim {d} ({}) in the input tensor", shape::show(sizes), s[d]);
        }
        let mut shape: Dims = s[..d].into();
        shape.extend(sizes.iter().map(|&x| if x == -1 { s[d] / known } else { x }));
        shape.extend_from_slice(&s[d + 1..]);
        ops::view(input, &shape)
    } {}

    /// Two dimensions exchanged.
    fn transpose(input: Tensor, dim0: Int, dim1: Int) -> Tensor {
        .sparse(sparse_math::transposed).view(|cx| {
            let l = cx.tensor(0)?.layout();
            one(cx, l.transpose(cx.dim(1, l.ndim())?, cx.dim(2, l.ndim())?))
        }).grad(&[], &[], |b| some(ops::transpose(&b.g()?, b.int(1)?, b.int(2)?)?)).aliases(&["swapaxes", "swapdims"]).with(flag::INPLACE)
    }

    /// The transpose of a matrix; a vector stays.
    fn t(input: Tensor) -> Tensor {
        .sparse(sparse_math::transposed).view(|cx| {
            let l = cx.tensor(0)?.layout();
            if l.ndim() > 2 {
                bail!(Runtime, "t() expects a tensor with <= 2 dimensions, but self is {}D\nUse .mT or .transpose(dim0, dim1).", l.ndim());
            }
            one(cx, if l.ndim() == 2 { l.transpose(0, 1) } else { l })
        }).grad(&[], &[], |b| some(ops::t(&b.g()?)?)).with(flag::INPLACE)
    }

    /// Dimensions in the given order.
    fn permute(input: Tensor, dims: Size) -> Tensor {
        .sparse(sparse_math::permuted).view(|cx| {
            let l = cx.tensor(0)?.layout();
            one(cx, l.permute(&order(cx.ints(1)?, l.ndim())?))
        }).grad(&[], &[], |b| {
            let order = order(b.ints(1), b.ints(1).len())?;
            let mut back: Dims = Dims::from_elem(0, order.len());
            order.iter().enumerate().for_each(|(i, &d)| back[d] = i as i64);
            some(ops::permute(&b.g()?, &back)?)
        })
    }

    /// Dimensions moved from `source` to `destination`; the others keep their order.
    fn movedim(input: Tensor, source: Ints, destination: Ints) -> Tensor = {
        let n = input.ndim();
        if source.len() != destination.len() {
            bail!(
                Runtime,
                "movedim: Invalid source or destination dims: source ({} dims) should contain the same number of dims as destination ({} dims)",
                shape::show(source),
                shape::show(destination)
            );
        }
        let mut at: Vec<Option<usize>> = vec![None; n];
        let mut moved = vec![false; n];
        for (&s, &d) in source.iter().zip(destination) {
            let (s, d) = (wrap_dim(s, n)?, wrap_dim(d, n)?);
            if moved.get(s).copied().unwrap_or(false) || at.get(d).is_some_and(Option::is_some) {
                bail!(Runtime, "movedim: repeated dim in `source` ({}) or `destination` ({})", shape::show(source), shape::show(destination));
            }
            if n > 0 {
                moved[s] = true;
                at[d] = Some(s);
            }
        }
        let mut rest = (0..n).filter(|&i| !moved[i]);
        let order: Dims = at.iter().map(|a| a.or_else(|| rest.next()).unwrap_or(0) as i64).collect();
        ops::permute(input, &order)
    } { .aliases(&["moveaxis"]) }

    /// Broadcast to a shape without a copy; -1 keeps a size.
    fn expand(input: Tensor, size: Size; implicit: Bool = false) -> Tensor {
        .view(|cx| {
            let l = cx.tensor(0)?.layout().expand(cx.ints(1)?)?;
            one(cx, l)
        }).grad(&[], &[], |b| some(ops::sum_to_size(&b.g()?, &b.sizes(0))?)).with(flag::NO_FUNCTION)
    }

    /// The shape of `other`, by broadcasting.
    fn expand_as(input: Tensor, other: Tensor) -> Tensor = { ops::expand(input, &other.sizes(), false) } { .with(flag::NO_FUNCTION) }

    /// Broadcast to a shape.
    fn broadcast_to(input: Tensor, size: Size) -> Tensor = { ops::expand(input, size, false) } {}

    /// A dimension of size 1 put in.
    fn unsqueeze(input: Tensor, dim: Int) -> Tensor {
        .sparse(sparse_math::unsqueezed).view(|cx| {
            let l = cx.tensor(0)?.layout();
            let d = wrap_dim(cx.int(1)?, l.ndim() + 1)?;
            one(cx, l.unsqueeze(d))
        }).grad(&[], &[], |b| {
            let d = wrap_dim(b.int(1)?, b.sizes(0).len() + 1)?;
            some(ops::squeeze_dim(&b.g()?, d as i64)?)
        }).with(flag::INPLACE)
    }

    /// All dimensions of size 1 taken away.
    fn squeeze(input: Tensor) -> Tensor {
        .view(|cx| one(cx, squeezed(&cx.tensor(0)?.layout(), |_| true)))
            .grad(&[], &[], |b| some(ops::reshape(&b.g()?, &b.sizes(0))?)).with(flag::INPLACE)
    }

    /// A dimension taken away if its size is 1.
    "squeeze.dim" fn squeeze_dim(input: Tensor, dim: Int) -> Tensor {
        .view(|cx| {
            let l = cx.tensor(0)?.layout();
            let d = cx.dim(1, l.ndim())?;
            one(cx, squeezed(&l, |i| i == d))
        }).grad(&[], &[], |b| some(ops::reshape(&b.g()?, &b.sizes(0))?)).node("SqueezeBackward1").with(flag::INPLACE)
    }

    /// Dimensions taken away where their size is 1.
    "squeeze.dims" fn squeeze_dims(input: Tensor, dim: Ints) -> Tensor {
        .view(|cx| {
            let l = cx.tensor(0)?.layout();
            let mask = if cx.ints(1)?.is_empty() { SmallVec::from_elem(false, l.ndim()) } else { shape::wrap_dims(cx.ints(1)?, l.ndim())? };
            one(cx, squeezed(&l, |i| mask[i]))
        }).grad(&[], &[], |b| some(ops::reshape(&b.g()?, &b.sizes(0))?)).node("SqueezeBackward2").with(flag::INPLACE)
    }

    /// `length` elements of `dim` from `start` on.
    fn narrow(input: Tensor, dim: Int, start: Int, length: Int) -> Tensor = {
        let n = input.ndim();
        if n == 0 {
            bail!(Runtime, "narrow() cannot be applied to a 0-dim tensor.");
        }
        let d = wrap_dim(dim, n)?;
        let size = input.size_at(d);
        if start < -size || start > size {
            bail!(Index, "start out of range (expected to be in range of [{}, {size}], but got {start})", -size);
        }
        let from = if start < 0 { start + size } else { start };
        if length < 0 {
            bail!(Runtime, "narrow(): length must be non-negative.");
        }
        if from + length > size {
            bail!(Runtime, "start ({from}) + length ({length}) exceeds dimension size ({size}).");
        }
        ops::slice(input, d as i64, Some(from), Some(from + length), 1)
    } {}

    /// `length` elements of `dim` from `start` on, which is a tensor of one integer.
    "narrow.Tensor" fn narrow_at(input: Tensor, dim: Int, start: Tensor, length: Int) -> Tensor = {
        if start.ndim() != 0 || !start.dtype().is_integral() || start.dtype() == DType::Bool {
            bail!(Runtime, "start must be an 0-dim integral Tensor.");
        }
        narrow(input, dim, start.item()?.i64(), length)
    } {}

    /// Elements `start..end` by `step` of one dimension, as Python's slices.
    fn slice(input: Tensor, dim: Int = 0, start: OptInt = None, end: OptInt = None, step: Int = 1) -> Tensor {
        .view(|cx| {
            let l = cx.tensor(0)?.layout();
            if l.ndim() == 0 {
                bail!(Runtime, "slice() cannot be applied to a 0-dim tensor.");
            }
            let d = cx.dim(1, l.ndim())?;
            let (size, step) = (l.sizes[d], cx.int(4)?);
            if step <= 0 {
                bail!(Value, "step must be greater than zero\nTo reverse a dimension use flip.");
            }
            let clip = |v: i64| (if v < 0 { v + size } else { v }).clamp(0, size);
            let (a, b) = (clip(cx.opt_int(2)?.unwrap_or(0)), clip(cx.opt_int(3)?.unwrap_or(i64::MAX)));
            one(cx, l.slice(d, a, b, step))
        }).grad(&[], &[], |b| {
            let hole = ops::zeros(&b.sizes(0), Some(b.dtype(0)), Some(b.g()?.device()))?;
            let part = ops::slice(&hole, b.int(1)?, b.opt_int(2), b.opt_int(3), b.int(4)?)?;
            scatter_into(&hole, &part, &b.g()?)
        }).with(flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD)
    }

    /// What is at `index` of one dimension, which goes away.
    fn select(input: Tensor, dim: Int, index: Int) -> Tensor {
        .sparse(sparse_math::selected).view(|cx| {
            let l = cx.tensor(0)?.layout();
            if l.ndim() == 0 {
                bail!(Index, "select() cannot be applied to a 0-dim tensor.");
            }
            let d = cx.dim(1, l.ndim())?;
            let (size, i) = (l.sizes[d], cx.int(2)?);
            if i < -size || i >= size {
                bail!(Index, "select(): index {i} out of range for tensor of size {} at dimension {d}", shape::show(&l.sizes));
            }
            one(cx, l.select(d, if i < 0 { i + size } else { i }))
        }).grad(&[], &[], |b| {
            let hole = ops::zeros(&b.sizes(0), Some(b.dtype(0)), Some(b.g()?.device()))?;
            let part = ops::select(&hole, b.int(1)?, b.int(2)?)?;
            scatter_into(&hole, &part, &b.g()?)
        })
    }

    /// Any sizes, strides and offset on the storage of the tensor.
    fn as_strided(input: Tensor, size: Ints, stride: Ints, storage_offset: OptInt = None) -> Tensor {
        .view(|cx| {
            let t = cx.tensor(0)?;
            let (sizes, strides) = (cx.ints(1)?, cx.ints(2)?);
            if sizes.len() != strides.len() {
                bail!(Runtime, "mismatch in length of strides and shape");
            }
            if let Some(s) = strides.iter().find(|s| **s < 0) {
                bail!(Runtime, "as_strided: Negative strides are not supported at the moment, got strides: {} ({s})", shape::show(strides));
            }
            shape::numel(sizes)?;
            let offset = cx.opt_int(3)?.unwrap_or(t.layout().offset);
            if offset < 0 {
                bail!(Runtime, "Tensor: invalid storage offset {offset}");
            }
            let l = Layout { sizes: sizes.into(), strides: strides.into(), offset };
            let (have, need) = (t.storage().nbytes(), (l.end() as usize).saturating_mul(t.dtype().size()));
            if need > have && l.numel() > 0 {
                bail!(
                    Runtime,
                    "setStorage: sizes {}, strides {}, storage offset {offset}, and itemsize {} requiring a storage size of {need} \
                     are out of bounds for storage of size {have}",
                    shape::show(sizes),
                    shape::show(strides),
                    t.dtype().size()
                );
            }
            one(cx, l)
        }).grad(&[PLACE], &[], |b| {
            // Every element of the view adds its gradient to the place in the base that it shares.
            let base = b.place(0)?;
            let span = base.end().max(b.ints(1).iter().zip(b.ints(2)).map(|(s, t)| (s - 1).max(0) * t).sum::<i64>() + b.opt_int(3).unwrap_or(base.offset) + 1);
            let flat = ops::zeros(&[span], Some(b.dtype(0)), Some(b.g()?.device()))?;
            let places = ops::arange(span.into(), None, None)?;
            let at = ops::reshape(&ops::as_strided(&places, b.ints(1), b.ints(2), Some(b.opt_int(3).unwrap_or(base.offset)))?, &[-1])?;
            let flat = ops::index_add(&flat, 0, &at, &ops::reshape(&b.g()?, &[-1])?, 1.into())?;
            let back = ops::as_strided(&flat, &base.sizes, &base.strides, Some(base.offset))?;
            if !base.may_overlap() {
                return some(back);
            }
            // An expanded base: its elements share places too, so each place's sum is divided among them.
            let mine = ops::reshape(&ops::as_strided(&places, &base.sizes, &base.strides, Some(base.offset))?, &[-1])?;
            let ones = ops::ones(&[mine.numel()], Some(b.dtype(0)), None)?;
            let count = ops::index_add(&ops::zeros(&[span], Some(b.dtype(0)), None)?, 0, &mine, &ones, 1.into())?;
            let count = ops::as_strided(&count, &base.sizes, &base.strides, Some(base.offset))?;
            some(ops::div((&back).into(), (&count).into())?)
        }).with(flag::INPLACE)
    }

    /// Windows of `size` elements of `dimension`, every `step`; they come as a new last dimension.
    fn unfold(input: Tensor, dimension: Int, size: Int, step: Int) -> Tensor {
        .view(|cx| {
            let l = cx.tensor(0)?.layout();
            let d = cx.dim(1, l.ndim())?;
            let (size, step) = (cx.int(2)?, cx.int(3)?);
            let have = if l.ndim() == 0 { 1 } else { l.sizes[d] };
            if size < 0 {
                bail!(Runtime, "size is {size} but must be >= 0");
            }
            if size > have {
                bail!(Runtime, "maximum size for tensor at dimension {d} is {have} but size is {size}");
            }
            if step <= 0 {
                bail!(Runtime, "step is {step} but must be > 0");
            }
            let mut l = l;
            if l.ndim() == 0 {
                l.sizes.push(size);
                l.strides.push(1);
                return one(cx, l);
            }
            let stride = l.strides[d];
            l.sizes[d] = (have - size) / step + 1;
            l.strides[d] = stride * step;
            l.sizes.push(size);
            l.strides.push(stride);
            one(cx, l)
        }).grad(&[], &[], |b| {
            let sizes = b.sizes(0);
            if sizes.is_empty() {
                return some(ops::reshape(&b.g()?, &[])?);
            }
            let d = wrap_dim(b.int(1)?, sizes.len())?;
            let n = sizes[d];
            let places = ops::reshape(&ops::unfold(&ops::arange(n.into(), None, None)?, 0, b.int(2)?, b.int(3)?)?, &[-1])?;
            let g = ops::movedim(&b.g()?, &[-1], &[d as i64 + 1])?;
            let g = ops::flatten(&g, d as i64, d as i64 + 1)?;
            let hole = ops::zeros(&sizes, Some(b.dtype(0)), None)?;
            some(ops::index_add(&hole, d as i64, &places, &g, 1.into())?)
        }).with(flag::NO_FUNCTION)
    }

    /// The diagonal of two dimensions, as a new last dimension.
    fn diagonal(input: Tensor, offset: Int = 0, dim1: Int = 0, dim2: Int = 1) -> Tensor {
        .view(|cx| {
            let l = cx.tensor(0)?.layout();
            let (d1, d2, offset) = (cx.dim(2, l.ndim())?, cx.dim(3, l.ndim())?, cx.int(1)?);
            if d1 == d2 || l.ndim() < 2 {
                bail!(Runtime, "diagonal dimensions cannot be identical {d1}, {d2}");
            }
            let (n1, n2) = (l.sizes[d1], l.sizes[d2]);
            let n = if offset >= 0 { n1.min(n2.saturating_sub(offset)) } else { n2.min(n1.saturating_add(offset)) }.max(0);
            let mut out = l.clone();
            if n > 0 {
                out.offset += if offset >= 0 { offset * l.strides[d2] } else { -offset * l.strides[d1] };
            }
            let stride = l.strides[d1] + l.strides[d2];
            for d in [d1.max(d2), d1.min(d2)] {
                out.sizes.remove(d);
                out.strides.remove(d);
            }
            out.sizes.push(n);
            out.strides.push(stride);
            one(cx, out)
        }).grad(&[], &[], |b| {
            let hole = ops::zeros(&b.sizes(0), Some(b.dtype(0)), Some(b.g()?.device()))?;
            let part = ops::diagonal(&hole, b.int(1)?, b.int(2)?, b.int(3)?)?;
            scatter_into(&hole, &part, &b.g()?)
        })
    }

    /// One tensor for each place of `dim`.
    fn unbind(input: Tensor, dim: Int = 0) -> Tensors {
        .views(|cx| {
            let (l, dtype) = (cx.tensor(0)?.layout(), cx.tensor(0)?.dtype());
            if l.ndim() == 0 {
                bail!(Index, "Dimension specified as 0 but tensor has no dimensions");
            }
            let d = cx.dim(1, l.ndim())?;
            pieces(l.sizes[d])?;
            Ok((0..l.sizes[d]).map(|i| (l.select(d, i), dtype)).collect())
        }).grad(&[], &[], |b| {
            let parts = (0..b.grads.len().max(1)).map(|k| b.grad_of(k)).collect::<Result<Vec<_>>>()?;
            some(ops::stack(&all_parts(b, parts)?, b.int(1)?)?)
        })
    }

    /// Pieces of `split_size` along `dim`; the last may be smaller.
    fn split(input: Tensor, split_size: Int, dim: Int = 0) -> Tensors {
        .views(|cx| {
            let l = cx.tensor(0)?.layout();
            if l.ndim() == 0 {
                bail!(Runtime, "split expects at least a 1-dimensional tensor");
            }
            let (d, n) = (cx.dim(2, l.ndim())?, cx.int(1)?);
            if n < 0 {
                bail!(Runtime, "split expects split_size be non-negative, but got split_size={n}");
            }
            let size = l.sizes[d];
            if n == 0 && size != 0 {
                bail!(Runtime, "split_size can only be 0 if dimension size is 0, but got dimension size of {size}");
            }
            let count = if n == 0 { 1 } else { (size / n + (size % n != 0) as i64).max(1) };
            pieces(count)?;
            let dtype = cx.tensor(0)?.dtype();
            Ok((0..count).map(|i| (l.slice(d, i * n, (i * n).saturating_add(n).min(size), 1), dtype)).collect())
        }).grad(&[], &[], |b| {
            let parts = (0..b.grads.len().max(1)).map(|k| b.grad_of(k)).collect::<Result<Vec<_>>>()?;
            some(ops::cat(&all_parts(b, parts)?, b.int(2)?)?)
        })
    }

    /// Pieces of the given sizes along `dim`.
    "split.sizes" fn split_sizes(input: Tensor, split_size: Ints, dim: Int = 0) -> Tensors = {
        ops::split_with_sizes(input, split_size, dim)
    } {}

    /// Pieces of the given sizes along `dim`.
    fn split_with_sizes(input: Tensor, split_sizes: Ints, dim: Int = 0) -> Tensors {
        .views(|cx| {
            let (l, sizes) = (cx.tensor(0)?.layout(), cx.ints(1)?);
            if l.ndim() == 0 {
                bail!(Runtime, "split expects at least a 1-dimensional tensor");
            }
            let d = cx.dim(2, l.ndim())?;
            if sizes.iter().any(|&s| s < 0) {
                bail!(Runtime, "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={}", shape::show(sizes));
            }
            if sizes.iter().sum::<i64>() != l.sizes[d] {
                bail!(
                    Runtime,
                    "split_with_sizes expects split_sizes to sum exactly to {} (input tensor's size at dimension {d}), but got split_sizes={}",
                    l.sizes[d],
                    shape::show(sizes)
                );
            }
            let (mut at, dtype) = (0, cx.tensor(0)?.dtype());
            Ok(sizes.iter().map(|&s| { at += s; (l.slice(d, at - s, at, 1), dtype) }).collect())
        }).grad(&[], &[], |b| {
            let parts = (0..b.grads.len().max(1)).map(|k| b.grad_of(k)).collect::<Result<Vec<_>>>()?;
            some(ops::cat(&all_parts(b, parts)?, b.int(2)?)?)
        })
    }

    /// At most `chunks` pieces of equal size along `dim`; the last may be smaller.
    fn chunk(input: Tensor, chunks: Int, dim: Int = 0) -> Tensors = {
        if input.ndim() == 0 {
            bail!(Runtime, "chunk expects at least a 1-dimensional tensor");
        }
        if chunks <= 0 {
            bail!(Runtime, "chunk expects `chunks` to be greater than 0, got: {chunks}");
        }
        let size = input.size_at(wrap_dim(dim, input.ndim())?);
        let each = size / chunks + (size % chunks != 0) as i64;
        if each == 0 {
            pieces(chunks)?;
            return ops::split_with_sizes(input, &vec![0; chunks as usize], dim);
        }
        ops::split(input, each, dim)
    } {}

    /// The tensor outside of autograd, on the same memory.
    fn detach(input: Tensor) -> Tensor {
        .sparse(sparse_math::detached).view(whole).no_grad()
    }

    /// A view of the whole tensor.
    fn _alias(input: Tensor) -> Tensor {
        .view(whole).grad(&[], &[], |b| some(b.g()?)).with(flag::PRIVATE)
    }

    /// A complex tensor as a real one with a last dimension of 2.
    fn view_as_real(input: Tensor) -> Tensor {
        .view(|cx| {
            let t = cx.tensor(0)?;
            if !t.dtype().is_complex() {
                bail!(Runtime, "view_as_real is only supported for complex tensors");
            }
            let mut l = t.layout();
            l.offset *= 2;
            l.strides.iter_mut().for_each(|s| *s *= 2);
            l.sizes.push(2);
            l.strides.push(1);
            Ok((l, t.dtype().to_real()))
        }).grad(&[], &[], |b| some(ops::view_as_complex(&ops::contiguous(&b.g()?, None)?)?)).with(flag::NO_METHOD)
    }

    /// A real tensor with a last dimension of 2 as a complex one.
    fn view_as_complex(input: Tensor) -> Tensor {
        .cast(Cast::Single).view(|cx| {
            let t = cx.tensor(0)?;
            let mut l = t.layout();
            if !matches!(t.dtype(), DType::F32 | DType::F64) {
                bail!(Runtime, "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: {}", t.dtype().c10_name());
            }
            if l.ndim() == 0 || l.sizes.last() != Some(&2) {
                bail!(Runtime, "Tensor must have a last dimension of size 2");
            }
            if l.strides.last() != Some(&1) || l.strides[..l.ndim() - 1].iter().any(|s| s % 2 != 0) || l.offset % 2 != 0 {
                bail!(Runtime, "Tensor must have a last dimension with stride 1, and its other strides and offset divisible by 2");
            }
            l.sizes.pop();
            l.strides.pop();
            l.offset /= 2;
            l.strides.iter_mut().for_each(|s| *s /= 2);
            Ok((l, t.dtype().to_complex()))
        }).grad(&[], &[], |b| some(ops::view_as_real(&ops::contiguous(&b.g()?, None)?)?)).with(flag::NO_METHOD)
    }

    /// The real parts, as a view; a real tensor itself.
    fn real(input: Tensor) -> Tensor = {
        if !input.dtype().is_complex() {
            return Ok(input.clone());
        }
        ops::select(&ops::view_as_real(input)?, -1, 0)
    } { .sparse(sparse_math::zero_stays) }

    /// The imaginary parts, as a view.
    fn imag(input: Tensor) -> Tensor = {
        if !input.dtype().is_complex() {
            bail!(Runtime, "imag is not implemented for tensors with non-complex dtypes.");
        }
        ops::select(&ops::view_as_real(input)?, -1, 1)
    } { .sparse(sparse_math::zero_stays) }
}

/// The gradients of all outputs of a node with several views; those without one are zeros.
fn all_parts(b: &crate::op::record::Bw, mut parts: Vec<Tensor>) -> Result<Vec<Tensor>> {
    while parts.len() < b.n_outs() {
        parts.push(b.grad_of(parts.len())?);
    }
    Ok(parts)
}

/// `hole` with `part` (a view of it) set to `g`: recorded if recording is on.
fn scatter_into(hole: &Tensor, part: &Tensor, g: &Tensor) -> Result<Grads> {
    ops::copy_(part, g, false)?;
    some(hole.clone())
}

fn squeezed(l: &Layout, which: impl Fn(usize) -> bool) -> Layout {
    let keep = |i: &usize| l.sizes[*i] != 1 || !which(*i);
    Layout {
        sizes: (0..l.ndim()).filter(keep).map(|i| l.sizes[i]).collect(),
        strides: (0..l.ndim()).filter(keep).map(|i| l.strides[i]).collect(),
        offset: l.offset,
    }
}

/// A checked permutation.
fn order(dims: &[i64], ndim: usize) -> Result<SmallVec<[usize; 8]>> {
    if dims.len() != ndim {
        bail!(
            Runtime,
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of \
             dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {}",
            dims.len()
        );
    }
    let mut out = SmallVec::new();
    for &d in dims {
        let d = wrap_dim(d, ndim)?;
        if out.contains(&d) {
            bail!(Runtime, "permute(): duplicate dims are not allowed.");
        }
        out.push(d);
    }
    Ok(out)
}

fn reinterpret(l: &Layout, from: DType, to: DType) -> Result<Layout> {
    let (a, b) = (from.size() as i64, to.size() as i64);
    let mut out = l.clone();
    if a == b {
        return Ok(out);
    }
    let n = l.ndim();
    if n == 0 {
        bail!(
            Runtime,
            "self.dim() cannot be 0 to view {} as {}\nTheir element sizes differ.",
            from.c10_name(),
            to.c10_name()
        );
    }
    if l.strides[n - 1] != 1 && l.sizes[n - 1] != 1 {
        bail!(
            Runtime,
            "self.stride(-1) must be 1 to view {} as {}\nTheir element sizes differ., but got {}",
            from.c10_name(),
            to.c10_name(),
            l.strides[n - 1]
        );
    }
    if a > b {
        let k = a / b;
        out.offset *= k;
        out.strides[..n - 1].iter_mut().for_each(|s| *s *= k);
        out.sizes[n - 1] *= k;
    } else {
        let k = b / a;
        if l.sizes[n - 1] % k != 0 || l.offset % k != 0 || l.strides[..n - 1].iter().any(|s| s % k != 0) {
            bail!(
                Runtime,
                "self.size(-1), the storage offset and the strides must be divisible by {k} to view {} as {}\nTheir element sizes differ., but got size {}",
                from.c10_name(),
                to.c10_name(),
                l.sizes[n - 1]
            );
        }
        out.offset /= k;
        out.strides[..n - 1].iter_mut().for_each(|s| *s /= k);
        out.sizes[n - 1] /= k;
    }
    out.strides[n - 1] = 1;
    Ok(out)
}

/// So many views must fit into memory: a handle takes a few hundred bytes, and an expanded tensor has any size.
pub(crate) fn pieces(n: i64) -> Result<()> {
    const HANDLE: i64 = 400;
    if n < 100_000 {
        return Ok(());
    }
    match alloc::available() {
        Some(free) if n.saturating_mul(HANDLE) as u64 > free as u64 => {
            bail!(OutOfMemory, "{n} views do not fit into the {free} bytes of memory that are free")
        }
        _ => Ok(()),
    }
}
