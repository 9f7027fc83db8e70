//! Elements in another order or in other places: flips, rolls, triangles, diagonals, repeats, splits.

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::copy::copy;
use crate::kernels::cpu::creation::triangle;
use crate::op::arg::{Ctx, Format};
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::shape::{self, Dims, Layout, wrap_dim};
use crate::tensor::{Tensor, mode};
use smallvec::smallvec;

ops! {
    /// The complex conjugate; a real tensor stays itself.
    fn conj(input: Tensor) -> Tensor = {
        if input.dtype().is_complex() { ops::conj_physical(input) } else { Ok(input.clone()) }
    } { .with(flag::MAY_ALIAS) }

    /// The tensor itself: conjugates are computed at once here, none is left to be resolved.
    fn resolve_conj(input: Tensor) -> Tensor = { Ok(input.clone()) } { .with(flag::MAY_ALIAS) }

    /// The tensor itself: negations are computed at once here, none is left to be resolved.
    fn resolve_neg(input: Tensor) -> Tensor = { Ok(input.clone()) } { .with(flag::MAY_ALIAS) }

    /// The last two dimensions exchanged, and the complex conjugate.
    fn adjoint(input: Tensor) -> Tensor = { conj(&ops::transpose(input, -2, -1)?) } {}

    /// The order of the elements turned round along `dims`.
    fn flip(input: Tensor, dims: Size) -> Tensor {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            let mut seen = vec![false; x.ndim().max(1)];
            for &d in cx.ints(1)? {
                let d = wrap_dim(d, x.ndim())?;
                if std::mem::replace(&mut seen[d], true) {
                    bail!(Runtime, "dim {d} appears multiple times in the list of dims");
                }
            }
            Ok(smallvec![Meta::like(x)])
        }, |cx, out| {
            let x = cx.tensor(0)?;
            let mut l = x.layout();
            for &d in cx.ints(1)? {
                reverse(&mut l, wrap_dim(d, x.ndim())?);
            }
            copy_as(x, &l, &out[0])
        }, "copy.cu", Batch::ShiftDims).grad(&[], &[], |b| Ok(smallvec![Some(flip(&b.g()?, b.ints(1))?)]))
    }

    /// The order of columns turned round.
    fn fliplr(input: Tensor) -> Tensor = {
        if input.ndim() < 2 {
            bail!(Runtime, "Input must be >= 2-d.");
        }
        flip(input, &[1])
    } {}

    /// The order of rows turned round.
    fn flipud(input: Tensor) -> Tensor = {
        if input.ndim() < 1 {
            bail!(Runtime, "Input must be >= 1-d.");
        }
        flip(input, &[0])
    } {}

    /// Turned by `k` quarters in the plane of two dimensions, from the first towards the second.
    fn rot90(input: Tensor, k: Int = 1, dims: Ints = [0, 1]) -> Tensor {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            let (mut s, dims) = (x.sizes(), cx.ints(2)?);
            if dims.len() != 2 {
                bail!(Runtime, "expected total rotation dims == 2, but got dims = {}", dims.len());
            }
            if s.len() < 2 {
                bail!(Runtime, "expected total dims >= 2, but got total dims = {}", s.len());
            }
            if dims[0] == dims[1] || (dims[0] - dims[1]).unsigned_abs() == s.len() as u64 {
                bail!(Runtime, "expected rotation dims to be different, but got dim0 = {} and dim1 = {}", dims[0], dims[1]);
            }
            let (a, b) = (wrap_dim(dims[0], s.len())?, wrap_dim(dims[1], s.len())?);
            if cx.int(1)?.rem_euclid(2) == 1 {
                s.swap(a, b);
            }
            Ok(smallvec![Meta::new(s, x.dtype())])
        }, |cx, out| {
            let (x, dims) = (cx.tensor(0)?, cx.ints(2)?);
            let mut l = x.layout();
            let (a, b) = (wrap_dim(dims[0], l.ndim())?, wrap_dim(dims[1], l.ndim())?);
            let quarters = cx.int(1)?.rem_euclid(4);
            if quarters % 2 == 1 {
                l = l.transpose(a, b);
            }
            if quarters == 1 || quarters == 2 {
                reverse(&mut l, a);
            }
            if quarters == 2 || quarters == 3 {
                reverse(&mut l, b);
            }
            copy_as(x, &l, &out[0])
        }, "copy.cu", Batch::ShiftDims).grad(&[], &[], |b| Ok(smallvec![Some(rot90(&b.g()?, -b.int(1)?, b.ints(2))?)]))
    }

    /// Elements moved by `shifts` along `dims`, those at the end coming back at the start; without `dims`, of the
    /// flattened tensor.
    fn roll(input: Tensor, shifts: Ints, dims: Ints = []) -> Tensor {
        .kernel(|cx| {
            let (x, shifts, dims) = (cx.tensor(0)?, cx.ints(1)?, cx.ints(2)?);
            if shifts.is_empty() {
                bail!(Runtime, "`shifts` required");
            }
            if shifts.len() != dims.len() && !(dims.is_empty() && shifts.len() == 1) {
                bail!(Runtime, "shifts and dimensions must align. shifts: {}, dims:{}", shifts.len(), dims.len());
            }
            if x.ndim() == 0
                && let Some(d) = dims.first()
            {
                bail!(Index, "Dimension specified as {d} but tensor has no dimensions");
            }
            for &d in dims {
                if x.ndim() == 0 {
                    bail!(Index, "Dimension specified as {d} but tensor has no dimensions");
                }
                wrap_dim(d, x.ndim())?;
            }
            Ok(smallvec![Meta::new(x.sizes(), x.dtype())])
        }, |cx, out| {
            let (x, shifts, dims) = (cx.tensor(0)?, cx.ints(1)?, cx.ints(2)?);
            if x.numel() == 0 {
                return Ok(());
            }
            let (mut lx, mut lo) = (x.layout(), out[0].layout());
            let copied;
            let mut x = x;
            let mut by: Dims = Dims::from_elem(0, lx.ndim());
            if dims.is_empty() {
                if !x.is_contiguous() {
                    copied = x.copied(x.dtype())?;
                    x = &copied;
                }
                lx = Layout { offset: x.layout().offset, ..Layout::contiguous(&[x.numel()]) };
                lo = Layout { offset: lo.offset, ..Layout::contiguous(&[x.numel()]) };
                by = smallvec![shifts[0]];
            } else {
                for (&s, &d) in shifts.iter().zip(dims) {
                    let d = wrap_dim(d, lx.ndim())?;
                    if let Some(b) = by.get_mut(d) {
                        *b += s;
                    }
                }
            }
            let moved: Vec<usize> = (0..by.len()).filter(|&d| by[d].rem_euclid(lx.sizes[d]) != 0).collect();
            // Each moved dimension falls into two parts; every combination is one block.
            for block in 0..1u64 << moved.len() {
                let (mut from, mut to) = (lx.clone(), lo.clone());
                for (i, &d) in moved.iter().enumerate() {
                    let (n, s) = (lx.sizes[d], by[d].rem_euclid(lx.sizes[d]));
                    if block >> i & 1 == 0 {
                        (from, to) = (from.slice(d, 0, n - s, 1), to.slice(d, s, n, 1));
                    } else {
                        (from, to) = (from.slice(d, n - s, n, 1), to.slice(d, 0, s, 1));
                    }
                }
                out[0].alias(to).copy_raw(&x.alias(from))?;
            }
            Ok(())
        }, "copy.cu", Batch::ShiftDims).grad(&[], &[], |b| {
            let back: Dims = b.ints(1).iter().map(|s| -s).collect();
            Ok(smallvec![Some(roll(&b.g()?, &back, b.ints(2))?)])
        })
    }

    /// The lower triangle of matrices: zeros above the diagonal `diagonal`.
    fn tril(input: Tensor, diagonal: Int = 0) -> Tensor {
        .kernel(triangle_meta, |cx, out| {
            let l = out[0].layout();
            triangle(&l.sizes, out[0].operand(&l), out[0].operand(&l), cx.int(1)?, false)
        }, "creation.cu", Batch::Leading).grad(&[], &[], |b| Ok(smallvec![Some(tril(&b.g()?, b.int(1)?)?)])).updates()
    }

    /// The upper triangle of matrices: zeros below the diagonal `diagonal`.
    fn triu(input: Tensor, diagonal: Int = 0) -> Tensor {
        .kernel(triangle_meta, |cx, out| {
            let l = out[0].layout();
            triangle(&l.sizes, out[0].operand(&l), out[0].operand(&l), cx.int(1)?, true)
        }, "creation.cu", Batch::Leading).grad(&[], &[], |b| Ok(smallvec![Some(triu(&b.g()?, b.int(1)?)?)])).updates()
    }

    /// The diagonal of a matrix, or a matrix with this diagonal.
    fn diag(input: Tensor, diagonal: Int = 0) -> Tensor = {
        match input.ndim() {
            1 => diag_embed(input, diagonal, 0, 1),
            2 => ops::duplicate(&ops::diagonal(input, diagonal, 0, 1)?, Some(Format::Contiguous)),
            n => bail!(Runtime, "diag(): Supports 1D or 2D tensors. Got {n}D"),
        }
    } { .with(flag::OUT) }

    /// Matrices with the last dimension as a diagonal, zeros elsewhere.
    fn diag_embed(input: Tensor, offset: Int = 0, dim1: Int = -2, dim2: Int = -1) -> Tensor {
        .kernel(|cx| {
            let (x, offset) = (cx.tensor(0)?, cx.int(1)?);
            let mut s = x.sizes();
            let n = s.len() + 1;
            let (a, b) = (wrap_dim(cx.int(2)?, n)?, wrap_dim(cx.int(3)?, n)?);
            if a == b {
                bail!(Runtime, "diagonal dimensions cannot be identical {}, {}", cx.int(2)?, cx.int(3)?);
            }
            let len = s.pop().unwrap_or(1).saturating_add(offset.saturating_abs());
            s.insert(a.min(b), len);
            s.insert(a.max(b), len);
            shape::numel(&s)?;
            Ok(smallvec![Meta::new(s, x.dtype())])
        }, |cx, out| {
            out[0].fill_raw(0.into())?;
            let _off = mode::NoGrad::new();
            ops::diagonal(&out[0], cx.int(1)?, cx.int(2)?, cx.int(3)?)?.copy_raw(cx.tensor(0)?)
        }, "creation.cu", Batch::Loop)
            .grad(&[], &[], |b| Ok(smallvec![Some(ops::diagonal(&b.g()?, b.int(1)?, b.int(2)?, b.int(3)?)?)]))
    }

    /// A matrix with the flattened tensor as its diagonal.
    fn diagflat(input: Tensor, offset: Int = 0) -> Tensor = { diag_embed(&ops::reshape(input, &[-1])?, offset, 0, 1) } {}

    /// `input` with `src` as its diagonal.
    fn diagonal_scatter(input: Tensor, src: Tensor, offset: Int = 0, dim1: Int = 0, dim2: Int = 1) -> Tensor {
        .kernel(|cx| part_meta(cx, |x| ops::diagonal(x, cx.int(2)?, cx.int(3)?, cx.int(4)?)), |cx, out| {
            write_part(cx, ops::diagonal(&out[0], cx.int(2)?, cx.int(3)?, cx.int(4)?))
        }, "copy.cu", Batch::Loop).grad(&[], &[], |b| {
            let (g, offset, a, c) = (b.g()?, b.int(2)?, b.int(3)?, b.int(4)?);
            let x = b.when(0, || diagonal_scatter(&g, &zeros(&b.sizes(1), &g)?, offset, a, c))?;
            Ok(smallvec![x, b.when(1, || ops::diagonal(&g, offset, a, c))?])
        }).with(flag::UPDATES)
    }

    /// `input` with `src` at `index` of `dim`.
    fn select_scatter(input: Tensor, src: Tensor, dim: Int, index: Int) -> Tensor {
        .kernel(|cx| part_meta(cx, |x| ops::select(x, cx.int(2)?, cx.int(3)?)), |cx, out| {
            write_part(cx, ops::select(&out[0], cx.int(2)?, cx.int(3)?))
        }, "copy.cu", Batch::Loop).grad(&[], &[], |b| {
            let (g, dim, index) = (b.g()?, b.int(2)?, b.int(3)?);
            let x = b.when(0, || select_scatter(&g, &zeros(&b.sizes(1), &g)?, dim, index))?;
            Ok(smallvec![x, b.when(1, || ops::select(&g, dim, index))?])
        }).with(flag::UPDATES)
    }

    /// `input` with `src` at a slice of `dim`.
    fn slice_scatter(input: Tensor, src: Tensor, dim: Int = 0, start: OptInt = None, end: OptInt = None, step: Int = 1) -> Tensor {
        .kernel(|cx| part_meta(cx, |x| ops::slice(x, cx.int(2)?, cx.opt_int(3)?, cx.opt_int(4)?, cx.int(5)?)), |cx, out| {
            write_part(cx, ops::slice(&out[0], cx.int(2)?, cx.opt_int(3)?, cx.opt_int(4)?, cx.int(5)?))
        }, "copy.cu", Batch::Loop).grad(&[], &[], |b| {
            let (g, dim, start, end, step) = (b.g()?, b.int(2)?, b.opt_int(3), b.opt_int(4), b.int(5)?);
            let x = b.when(0, || slice_scatter(&g, &zeros(&b.sizes(1), &g)?, dim, start, end, step))?;
            Ok(smallvec![x, b.when(1, || ops::slice(&g, dim, start, end, step))?])
        }).with(flag::UPDATES | flag::OUT)
    }

    /// `input` with `src` where `as_strided` of it looks.
    fn as_strided_scatter(input: Tensor, src: Tensor, size: Ints, stride: Ints, storage_offset: OptInt = None) -> Tensor {
        .kernel(|cx| part_meta(cx, |x| ops::as_strided(x, cx.ints(2)?, cx.ints(3)?, cx.opt_int(4)?)), |cx, out| {
            // The copy's memory begins where the input's elements do.
            let offset = cx.opt_int(4)?.unwrap_or(0).max(cx.tensor(0)?.layout().offset) - cx.tensor(0)?.layout().offset;
            write_part(cx, ops::as_strided(&out[0], cx.ints(2)?, cx.ints(3)?, Some(offset)))
        }, "copy.cu", Batch::Loop).grad(&[], &[], |b| {
            let (g, size, stride, offset) = (b.g()?, b.ints(2), b.ints(3), b.opt_int(4));
            let x = b.when(0, || as_strided_scatter(&g, &zeros(&b.sizes(1), &g)?, size, stride, offset))?;
            Ok(smallvec![x, b.when(1, || ops::as_strided(&g, size, stride, offset))?])
        }).with(flag::UPDATES)
    }

    /// A copy of `length` elements of `dim` from `start` on.
    fn narrow_copy(input: Tensor, dim: Int, start: Int, length: Int) -> Tensor = {
        ops::duplicate(&ops::narrow(input, dim, start, length)?, Some(Format::Contiguous))
    } { .with(flag::OUT) }

    /// Each element repeated as often as `repeats` says for it; without `dim`, of the flattened tensor.
    "repeat_interleave.self_Tensor" fn repeat_interleave_by(input: Tensor, repeats: Tensor, dim: OptInt = None; output_size: OptInt = None) -> Tensor = {
        let (x, d) = match dim {
            Some(d) => (input.clone(), wrap_dim(d, input.ndim())?),
            None => (ops::reshape(input, &[-1])?, 0),
        };
        let n = if x.ndim() == 0 { 1 } else { x.size_at(d) };
        let repeats = match repeats.ndim() {
            0 => ops::expand(&ops::reshape(repeats, &[1])?, &[n], false)?,
            1 if repeats.numel() == 1 => ops::expand(repeats, &[n], false)?,
            1 if repeats.numel() == n => repeats.clone(),
            1 => bail!(
                Runtime,
                "repeats must have the same size as input along dim, but got repeats.size(0) = {} and input.size({d}) = {n}",
                repeats.numel()
            ),
            _ => bail!(Runtime, "repeats must be 0-dim or 1-dim tensor"),
        };
        ops::index_select(&x, d as i64, &repeat_numbers(&repeats, output_size)?)
    } {}

    /// Each element repeated `repeats` times; without `dim`, of the flattened tensor.
    "repeat_interleave.self_int" fn repeat_interleave(input: Tensor, repeats: Int, dim: OptInt = None; output_size: OptInt = None) -> Tensor = {
        let (x, d) = match dim {
            Some(d) => (if input.ndim() == 0 { ops::reshape(input, &[1])? } else { input.clone() }, wrap_dim(d, input.ndim())?),
            None => (ops::reshape(input, &[-1])?, 0),
        };
        if repeats < 0 {
            bail!(Runtime, "Repeats must be non-negative");
        }
        let mut s = x.sizes();
        if let Some(o) = output_size.filter(|o| *o != s[d] * repeats) {
            bail!(Runtime, "repeat_interleave: Invalid output_size, expected {} but got {o}", s[d] * repeats);
        }
        s.insert(d + 1, repeats);
        let wide = ops::expand(&ops::unsqueeze(&x, d as i64 + 1)?, &s, false)?;
        ops::flatten(&ops::duplicate(&wide, Some(Format::Contiguous))?, d as i64, d as i64 + 1)
    } {}

    /// The number of each element, repeated as often as the element says.
    "repeat_interleave.Tensor" fn repeat_interleave_numbers(repeats: Tensor; output_size: OptInt = None) -> Tensor = {
        if repeats.ndim() != 1 {
            bail!(Runtime, "repeat_interleave only accept 1D vector as repeat");
        }
        repeat_numbers(repeats, output_size)
    } { .with(flag::NO_METHOD) }

    /// Pieces of (nearly) equal size, or that begin at given places, along `dim`.
    "tensor_split.tensor_indices_or_sections" fn tensor_split_by(input: Tensor, tensor_indices_or_sections: Tensor, dim: Int = 0) -> Tensors = {
        let t = tensor_indices_or_sections;
        if t.dtype() != DType::I64 {
            bail!(Runtime, "tensor_split expected tensor_indices_or_sections to have dtype of long, but got {}", t.dtype().c10_name());
        }
        match t.ndim() {
            0 => tensor_split(input, t.item()?.i64(), dim),
            1 => tensor_split_at(input, &t.to_vec::<i64>()?, dim),
            n => bail!(Runtime, "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a tensor with {n} dims"),
        }
    } {}

    /// `sections` pieces of (nearly) equal size along `dim`.
    "tensor_split.sections" fn tensor_split(input: Tensor, sections: Int, dim: Int = 0) -> Tensors = {
        splittable(input)?;
        let n = input.size_at(wrap_dim(dim, input.ndim())?);
        if sections <= 0 {
            bail!(Runtime, "number of sections must be larger than 0, got {sections}");
        }
        ops::view::pieces(sections)?;
        let (each, more) = (n / sections, n % sections);
        let mut at = 0;
        (0..sections).map(|i| {
            let len = each + (i < more) as i64;
            at += len;
            ops::slice(input, dim, Some(at - len), Some(at), 1)
        }).collect()
    } {}

    /// Pieces that begin at `indices` along `dim`.
    "tensor_split.indices" fn tensor_split_at(input: Tensor, indices: Ints, dim: Int = 0) -> Tensors = {
        splittable(input)?;
        let n = input.size_at(wrap_dim(dim, input.ndim())?);
        let mut at = 0;
        indices.iter().chain([&n]).map(|&i| {
            let start = std::mem::replace(&mut at, i);
            ops::slice(input, dim, Some(start), Some(i), 1)
        }).collect()
    } {}

    /// Equal pieces side by side.
    "hsplit.int" fn hsplit(input: Tensor, sections: Int) -> Tensors = {
        let d = along(input, "hsplit", 1)?;
        even(input, "hsplit", d, sections)?;
        tensor_split(input, sections, d)
    } {}

    /// Pieces side by side.
    "hsplit.array" fn hsplit_at(input: Tensor, indices: Ints) -> Tensors = { tensor_split_at(input, indices, along(input, "hsplit", 1)?) } {}

    /// Equal pieces one under the other.
    "vsplit.int" fn vsplit(input: Tensor, sections: Int) -> Tensors = {
        let d = along(input, "vsplit", 2)?;
        even(input, "vsplit", d, sections)?;
        tensor_split(input, sections, d)
    } {}

    /// Pieces one under the other.
    "vsplit.array" fn vsplit_at(input: Tensor, indices: Ints) -> Tensors = { tensor_split_at(input, indices, along(input, "vsplit", 2)?) } {}

    /// Equal pieces along the third dimension.
    "dsplit.int" fn dsplit(input: Tensor, sections: Int) -> Tensors = {
        let d = along(input, "dsplit", 3)?;
        even(input, "dsplit", d, sections)?;
        tensor_split(input, sections, d)
    } {}

    /// Pieces along the third dimension.
    "dsplit.array" fn dsplit_at(input: Tensor, indices: Ints) -> Tensors = { tensor_split_at(input, indices, along(input, "dsplit", 3)?) } {}
}

/// Turns a dimension of a layout round: its stride becomes negative. Only kernels may see such a layout.
fn reverse(l: &mut Layout, d: usize) {
    if let (Some(&n), Some(&s)) = (l.sizes.get(d), l.strides.get(d))
        && n > 0
    {
        l.offset += (n - 1) * s;
        l.strides[d] = -s;
    }
}

/// Copies the elements of `x` as `l` sees them.
fn copy_as(x: &Tensor, l: &Layout, out: &Tensor) -> Result<()> {
    if out.numel() == 0 {
        return Ok(());
    }
    let (b, o) = (x.body().clone(), out.body().clone());
    let from = b.storage.ptr().wrapping_add(l.offset as usize * b.dtype.size());
    let src = Operand { ptr: from, dtype: b.dtype, strides: &l.strides };
    copy(&o.layout.sizes, src, Operand { ptr: o.ptr(), dtype: o.dtype, strides: &o.layout.strides })
}

fn zeros(sizes: &[i64], like: &Tensor) -> Result<Tensor> {
    Tensor::zeros(sizes, like.dtype(), like.device())
}

fn triangle_meta(cx: &Ctx) -> Result<Metas> {
    let x = cx.tensor(0)?;
    if x.ndim() < 2 {
        bail!(Runtime, "{}: input tensor must have at least 2 dimensions", cx.op.python_name());
    }
    Ok(smallvec![Meta::like(x)])
}

/// The checks of `select_scatter` and its kin: `src` has the shape of the part that it replaces.
fn part_meta(cx: &Ctx, part: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Metas> {
    let _off = mode::NoGrad::new();
    let (x, src) = (cx.tensor(0)?, cx.tensor(1)?);
    let have = part(x)?.sizes();
    if src.sizes() != have {
        bail!(
            Runtime,
            "expected src to have a size equal to the slice of self. src size = {}, slice size = {}",
            shape::show(&src.sizes()),
            shape::show(&have)
        );
    }
    Ok(smallvec![Meta::like(x)])
}

fn write_part(cx: &Ctx, part: Result<Tensor>) -> Result<()> {
    part?.copy_raw(cx.tensor(1)?)
}

fn repeat_numbers(repeats: &Tensor, output_size: Option<i64>) -> Result<Tensor> {
    if !matches!(repeats.dtype(), DType::I64 | DType::I32) {
        bail!(NotImplemented, "\"repeat_interleave_cpu\" not implemented for '{}'", repeats.dtype().c10_name());
    }
    let each = repeats.to_vec::<i64>()?;
    let mut total: i64 = 0;
    for &r in &each {
        if r < 0 {
            bail!(Runtime, "repeats can not be negative");
        }
        total = total.saturating_add(r);
    }
    if output_size.is_some_and(|o| o != total) {
        bail!(Runtime, "allocated size does not match required size");
    }
    let out = Tensor::empty(&[total], DType::I64, repeats.device())?;
    let mut p = out.body().ptr() as *mut i64;
    for (i, &r) in each.iter().enumerate() {
        for _ in 0..r {
            // SAFETY: the tensor is new and has as many elements as the repeats add up to.
            unsafe {
                *p = i as i64;
                p = p.add(1);
            }
        }
    }
    if repeats.dtype() == DType::I64 { Ok(out) } else { ops::_to_dtype(&out, repeats.dtype(), None) }
}

fn splittable(x: &Tensor) -> Result<()> {
    if x.ndim() == 0 {
        bail!(Runtime, "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims");
    }
    Ok(())
}

/// The dimension that `hsplit` and its kin cut.
fn along(x: &Tensor, name: &str, least: usize) -> Result<i64> {
    if x.ndim() < least {
        bail!(
            Runtime,
            "torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {} dimensions!",
            x.ndim()
        );
    }
    Ok(match least {
        1 => (x.ndim() > 1) as i64,
        2 => 0,
        _ => 2,
    })
}

fn even(x: &Tensor, name: &str, d: i64, sections: i64) -> Result<()> {
    let n = x.size_at(d as usize);
    if sections == 0 || n % sections != 0 {
        bail!(
            Runtime,
            "torch.{name} attempted to split along dimension {d}, but the size of the dimension {n} is not divisible by the split_size {sections}!"
        );
    }
    Ok(())
}
