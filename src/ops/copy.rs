//! Copies, conversions and fills.

use crate::device::Device;
use crate::dtype::DType;
use crate::error::Result;
use crate::op::arg::{Ctx, Format, Num};
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::ops::sparse_math;
use crate::scalar::Scalar;
use crate::shape::{self, Dims, Layout};
use crate::tensor::Tensor;
use smallvec::smallvec;

ops! {
    /// A copy. `memory_format` preserve (the default) keeps dense strides.
    fn duplicate(input: Tensor; memory_format: Format = None) -> Tensor {
        .sparse(sparse_math::copy).named("clone").kernel(|cx| Ok(smallvec![formatted(cx.tensor(0)?, cx.tensor(0)?.dtype(), cx.format(1)?)?]), copy_kernel, "copy.cu", Batch::Leading)
            .grad(&[], &[], |b| Ok(smallvec![Some(b.g()?)]))
    }

    /// The tensor itself if it is contiguous (in `memory_format`), else a copy that is.
    fn contiguous(input: Tensor; memory_format: Format = None) -> Tensor = {
        let f = memory_format.unwrap_or(Format::Contiguous);
        let l = input.layout();
        if strides_for(&l, f)?.is_none_or(|s| same_strides(&l, &s)) {
            return Ok(input.clone());
        }
        ops::duplicate(input, Some(f))
    } { .with(flag::NO_FUNCTION | flag::MAY_ALIAS) }

    /// A copy of another dtype (conversion as C converts).
    fn _to_dtype(input: Tensor, dtype: NeededDType; memory_format: Format = None) -> Tensor {
        .sparse(sparse_math::by_values).kernel(|cx| Ok(smallvec![formatted(cx.tensor(0)?, cx.needed_dtype(1)?, cx.format(2)?)?]), copy_kernel, "copy.cu", Batch::Leading)
            .grad(&[], &[], |b| Ok(smallvec![Some(ops::_to_dtype(&b.g()?, b.dtype(0), None)?)]))
            .node("ToCopyBackward0").with(flag::PRIVATE)
    }

    /// The tensor converted in dtype and device; itself where nothing changes and no copy is asked for.
    fn _to(input: Tensor; dtype: DType = None, device: Device = None, non_blocking: Bool = false, copy: Bool = false, memory_format: Format = None) -> Tensor = {
        _ = non_blocking;
        let to = dtype.unwrap_or(input.dtype());
        let at = device.unwrap_or(input.device());
        if at != input.device() {
            input.needs_strides("sparse tensors stay on the CPU")?;
            return move_to(input, to, at);
        }
        let placed = match memory_format {
            None | Some(Format::Preserve) => true,
            Some(f) => strides_for(&input.layout(), f)?.is_none_or(|s| same_strides(&input.layout(), &s)),
        };
        if to != input.dtype() {
            return ops::_to_dtype(input, to, memory_format);
        }
        if copy || !placed {
            return ops::duplicate(input, memory_format);
        }
        Ok(input.clone())
    } { .with(flag::PRIVATE | flag::MAY_ALIAS | flag::SPARSE) }

    /// Writes the elements of `src`, broadcast and converted, into this tensor.
    fn copy_(input: Tensor, src: Tensor, non_blocking: Bool = false) -> Tensor {
        .sparse(sparse_math::copy_from).kernel(|cx| {
            let (a, b) = (cx.tensor(0)?, cx.tensor(1)?);
            match shape::broadcast(&a.sizes(), &b.sizes()) {
                Ok(s) if s == a.sizes() => Ok(Metas::new()),
                _ => bail!(
                    Runtime,
                    "The expanded size of the tensor must match: copy_() cannot write a source of shape {} into a tensor of shape {}",
                    shape::show(&b.sizes()),
                    shape::show(&a.sizes())
                ),
            }
        }, |cx, out| {
            let src = cx.tensor(1)?;
            if src.device() == Device::Meta {
                bail!(NotImplemented, "Cannot copy out of meta tensor; no data!");
            }
            // The source may be a view of the same memory.
            if src.storage().same(&out[0].storage()) && src.layout() != out[0].layout() {
                return out[0].copy_raw(&src.copied(src.dtype())?);
            }
            out[0].copy_raw(src)
        }, "copy.cu", Batch::Leading)
            .grad(&[], &[], |b| {
                let g = b.g()?;
                let zero = b.when(0, || ops::zeros_like(&g, None, None, None))?;
                let src = b.when(1, || ops::_to_dtype(&ops::sum_to_size(&g, &b.sizes(1))?, b.dtype(1), None))?;
                Ok(smallvec![zero, src])
            })
            .node("CopyBackwards").with(flag::MUTATES | flag::NO_FUNCTION | flag::MANY_DEVICES)
    }

    /// Writes `value` into every element.
    fn fill_(input: Tensor, value: Num) -> Tensor {
        .kernel(|cx| {
            if let Num::Tensor(t) = cx.num(1)?
                && t.ndim() != 0 {
                    bail!(Runtime, "fill_ only supports 0-dimension value tensor but got tensor with {} dimensions.", t.ndim());
                }
            if let Num::Scalar(s) = cx.num(1)? {
                s.check_fits(cx.tensor(0)?.dtype())?;
            }
            Ok(Metas::new())
        }, |cx, out| match cx.num(1)? {
            Num::Scalar(s) => out[0].fill_raw(s),
            Num::Tensor(t) => out[0].copy_raw(t),
        }, "copy.cu", Batch::Leading)
            .grad(&[], &[], |b| {
                let g = b.g()?;
                let mut out = smallvec![b.when(0, || ops::zeros_like(&g, None, None, None))?];
                if b.sizes(1).is_empty() && b.needs(1) {
                    out.push(Some(ops::sum_all(&g, None)?));
                }
                Ok(out)
            })
            .node("FillBackward0").with(flag::MUTATES | flag::READS_FIRST)
    }

    /// Writes 0 into every element.
    fn zero_(input: Tensor) -> Tensor {
        .sparse(sparse_math::clear).kernel(|_| Ok(Metas::new()), |_, out| out[0].fill_raw(Scalar::Int(0)), "copy.cu", Batch::Leading)
            .grad(&[], &[], |b| Ok(smallvec![Some(ops::zeros_like(&b.g()?, None, None, None)?)]))
            .node("ZeroBackward0").with(flag::MUTATES)
    }

    /// The gradients of a broadcast input: summed to `size`.
    fn sum_to_size(input: Tensor, size: Size) -> Tensor = {
        let have = input.sizes();
        if size.is_empty() && input.dtype().is_integral() {
            return ops::sum_all(input, None);
        }
        if have.as_slice() == size {
            return Ok(input.clone());
        }
        if shape::broadcast(size, &have).ok() != Some(have.clone()) {
            bail!(Runtime, "size {} is not expandable to size {}.", shape::show(size), shape::show(&have));
        }
        let lead = have.len() - size.len();
        let dims: Dims = (0..have.len()).filter(|&i| i < lead || (size[i - lead] == 1 && have[i] != 1)).map(|i| i as i64).collect();
        let t = if dims.is_empty() { input.clone() } else { ops::sum(input, Some(&dims), true, None)? };
        if lead > 0 { ops::view(&t, size) } else { Ok(t) }
    } { .with(flag::NO_FUNCTION) }
}

/// The strides that a format asks for; None where it does not apply (PyTorch's channels_last needs 4 dimensions).
pub fn strides_for(l: &Layout, f: Format) -> Result<Option<Dims>> {
    let order: &[usize] = match (f, l.ndim()) {
        (Format::Preserve, _) => return Ok(None),
        (Format::Contiguous, _) => return Ok(Some(shape::contiguous_strides(&l.sizes))),
        (Format::ChannelsLast, 4) => &[0, 2, 3, 1],
        (Format::ChannelsLast3d, 5) => &[0, 2, 3, 4, 1],
        (Format::ChannelsLast, _) => bail!(Runtime, "required rank 4 tensor to use channels_last format"),
        (Format::ChannelsLast3d, _) => bail!(Runtime, "required rank 5 tensor to use channels_last_3d format"),
    };
    let mut strides = Dims::from_elem(0, l.ndim());
    let mut step = 1;
    for &d in order.iter().rev() {
        strides[d] = step;
        step *= l.sizes[d].max(1);
    }
    Ok(Some(strides))
}

/// Are these the strides, as far as they matter?
pub fn same_strides(l: &Layout, s: &[i64]) -> bool {
    l.sizes.contains(&0) || (0..l.ndim()).all(|i| l.sizes[i] == 1 || l.strides[i] == s[i])
}

fn formatted(t: &Tensor, dtype: DType, f: Option<Format>) -> Result<Meta> {
    let mut m = Meta { dtype, ..Meta::like(t) };
    if let Some(f) = f
        && let Some(s) = strides_for(&t.layout(), f)?
    {
        m.strides = (f != Format::Contiguous).then_some(s);
    }
    Ok(m)
}

fn copy_kernel(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    out[0].copy_raw(cx.tensor(0)?)
}

fn move_to(t: &Tensor, dtype: DType, at: Device) -> Result<Tensor> {
    match (t.device(), at) {
        (_, Device::Meta) => {
            let m = Meta::like(t);
            match m.strides {
                Some(s) => Tensor::empty_strided(&m.sizes, &s, dtype, at),
                None => Tensor::empty(&m.sizes, dtype, at),
            }
        }
        (Device::Meta, _) => bail!(
            NotImplemented,
            "Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead of torch.nn.Module.to() when \
             moving module from meta to a different device."
        ),
        _ => Err(crate::device::absent(at)),
    }
}
