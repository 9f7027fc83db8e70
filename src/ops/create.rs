//! Operators that make tensors.

use crate::device::Device;
use crate::dtype::{self, DType};
use crate::error::Result;
use crate::op::arg::{Ctx, Format};
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::ops::sparse_math;
use crate::scalar::Scalar;
use crate::shape;
use crate::tensor::Tensor;
use smallvec::smallvec;

/// Dtype of a factory: given, or the default.
pub(super) fn dtype_or(d: Option<DType>) -> DType {
    d.unwrap_or_else(dtype::default_dtype)
}

/// What a filled factory gives in the likeness of argument 0.
pub(super) fn like(cx: &Ctx, dtype: usize, format: Option<usize>) -> Result<Metas> {
    let t = cx.tensor(0)?;
    let mut m = Meta::like(t);
    if let Some(d) = cx.dtype(dtype)? {
        m.dtype = d;
    }
    if let Some(f) = format.map(|i| cx.format(i)).transpose()?.flatten()
        && let Some(s) = ops::copy::strides_for(&t.layout(), f)?
    {
        m.strides = (f != Format::Contiguous).then_some(s);
    }
    Ok(smallvec![m])
}

pub(super) const MAKES: u32 = flag::FACTORY | flag::NO_METHOD | flag::OUT;
pub(super) const LIKE: u32 = flag::FACTORY | flag::NO_METHOD;

ops! {
    /// A tensor of zeros.
    fn zeros(size: Size; dtype: DType = None, device: Device = None) -> Tensor = {
        if size.iter().any(|&n| n < 0) {
            bail!(Runtime, "zeros: Dimension size must be non-negative.");
        }
        Tensor::zeros(size, dtype_or(dtype), device.unwrap_or(Device::Cpu))
    } { .with(MAKES).no_grad() }

    /// A tensor of ones.
    fn ones(size: Size; dtype: DType = None, device: Device = None) -> Tensor = {
        Tensor::full(size, 1, dtype_or(dtype), device.unwrap_or(Device::Cpu))
    } { .with(MAKES).no_grad() }

    /// A tensor whose memory is not set.
    fn empty(size: Size; dtype: DType = None, device: Device = None, memory_format: Format = None) -> Tensor {
        .kernel(|cx| {
            let sizes = cx.ints(0)?;
            shape::numel(sizes)?;
            let mut m = Meta::new(sizes, dtype_or(cx.dtype(1)?));
            if let Some(f) = cx.format(3)? {
                let l = shape::Layout::contiguous(sizes);
                m.strides = if f == Format::Contiguous { None } else { ops::copy::strides_for(&l, f)? };
            }
            Ok(smallvec![m])
        }, |_, _| Ok(()), "", Batch::Leading).with(MAKES)
    }

    /// A tensor with given strides, whose memory is not set.
    fn empty_strided(size: Ints, stride: Ints; dtype: DType = None, device: Device = None) -> Tensor = {
        if size.len() != stride.len() {
            bail!(Runtime, "dimensionality of sizes ({}) must match dimensionality of strides ({})", size.len(), stride.len());
        }
        Tensor::empty_strided(size, stride, dtype_or(dtype), device.unwrap_or(Device::Cpu))
    } { .with(LIKE).no_grad() }

    /// A tensor with every element `fill_value`; the dtype follows the value if none is given.
    fn full(size: Size, fill_value: Scalar; dtype: DType = None, device: Device = None) -> Tensor = {
        Tensor::full(size, fill_value, dtype.unwrap_or(fill_value.dtype()), device.unwrap_or(Device::Cpu))
    } { .with(MAKES).no_grad() }

    /// Zeros in the shape, dtype and strides of another tensor.
    fn zeros_like(input: Tensor; dtype: DType = None, device: Device = None, memory_format: Format = None) -> Tensor {
        .sparse(sparse_math::none_like).kernel(|cx| like(cx, 1, Some(3)), |_, out| out[0].fill_raw(Scalar::Int(0)), "copy.cu", Batch::Leading).with(LIKE)
    }

    /// Ones in the shape, dtype and strides of another tensor.
    fn ones_like(input: Tensor; dtype: DType = None, device: Device = None, memory_format: Format = None) -> Tensor {
        .kernel(|cx| like(cx, 1, Some(3)), |_, out| out[0].fill_raw(Scalar::Int(1)), "copy.cu", Batch::Leading).with(LIKE)
    }

    /// Memory that is not set, in the shape, dtype and strides of another tensor.
    fn empty_like(input: Tensor; dtype: DType = None, device: Device = None, memory_format: Format = None) -> Tensor {
        .sparse(sparse_math::none_like).kernel(|cx| like(cx, 1, Some(3)), |_, _| Ok(()), "", Batch::Leading).with(LIKE)
    }

    /// One value in the shape, dtype and strides of another tensor.
    fn full_like(input: Tensor, fill_value: Scalar; dtype: DType = None, device: Device = None, memory_format: Format = None) -> Tensor {
        .kernel(|cx| like(cx, 2, Some(4)), |cx, out| out[0].fill_raw(cx.scalar(1)?), "copy.cu", Batch::Leading).with(LIKE)
    }

    /// Zeros of another shape, in this tensor's dtype.
    fn new_zeros(input: Tensor, size: Size; dtype: DType = None, device: Device = None) -> Tensor = {
        Tensor::zeros(size, dtype.unwrap_or(input.dtype()), device.unwrap_or(input.device()))
    } { .with(flag::FACTORY | flag::NO_FUNCTION).no_grad() }

    /// Ones of another shape, in this tensor's dtype.
    fn new_ones(input: Tensor, size: Size; dtype: DType = None, device: Device = None) -> Tensor = {
        Tensor::full(size, 1, dtype.unwrap_or(input.dtype()), device.unwrap_or(input.device()))
    } { .with(flag::FACTORY | flag::NO_FUNCTION).no_grad() }

    /// Memory that is not set, of another shape, in this tensor's dtype.
    fn new_empty(input: Tensor, size: Size; dtype: DType = None, device: Device = None) -> Tensor = {
        Tensor::empty(size, dtype.unwrap_or(input.dtype()), device.unwrap_or(input.device()))
    } { .with(flag::FACTORY | flag::NO_FUNCTION).no_grad() }

    /// One value in another shape, in this tensor's dtype.
    fn new_full(input: Tensor, size: Size, fill_value: Scalar; dtype: DType = None, device: Device = None) -> Tensor = {
        Tensor::full(size, fill_value, dtype.unwrap_or(input.dtype()), device.unwrap_or(input.device()))
    } { .with(flag::FACTORY | flag::NO_FUNCTION).no_grad() }

    /// 0, 1, ... up to `end` (not included).
    fn arange(end: Scalar; dtype: DType = None, device: Device = None) -> Tensor = {
        range(Scalar::Int(0), end, Scalar::Int(1), dtype, device)
    } { .with(MAKES).no_grad() }

    /// `start`, `start + step`, ... up to `end` (not included).
    "arange.start" fn arange_start(start: Scalar, end: Scalar, step: Scalar = 1; dtype: DType = None, device: Device = None) -> Tensor = {
        range(start, end, step, dtype, device)
    } { .with(MAKES).no_grad() }
}

/// How many elements an arange has, and its dtype.
fn range(start: Scalar, end: Scalar, step: Scalar, dtype: Option<DType>, device: Option<Device>) -> Result<Tensor> {
    let all_int = [start, end, step].iter().all(|s| matches!(s, Scalar::Int(_) | Scalar::Bool(_)));
    let d = dtype.unwrap_or(if all_int { DType::I64 } else { dtype::default_dtype() });
    let (a, b, s) = (start.f64(), end.f64(), step.f64());
    if d.is_integral() && s != 0.0 && step.i64() == 0 {
        bail!(Value, "step must be nonzero");
    }
    if s == 0.0 {
        bail!(Runtime, "step must be nonzero");
    }
    if !a.is_finite() || !b.is_finite() {
        bail!(Runtime, "unsupported range: {a} -> {b}");
    }
    if (s > 0.0 && b < a) || (s < 0.0 && b > a) {
        bail!(Runtime, "upper bound and lower bound inconsistent with step sign");
    }
    let n = if d.is_integral() && all_int {
        let (a, b, s) = (start.i64() as i128, end.i64() as i128, step.i64() as i128);
        ((b - a + s - s.signum()) / s) as f64
    } else {
        ((b - a) / s).ceil()
    };
    if n >= i64::MAX as f64 {
        bail!(Runtime, "invalid size, possible overflow");
    }
    let t = Tensor::empty(&[n as i64], d, device.unwrap_or(Device::Cpu))?;
    if t.device() == Device::Cpu {
        crate::kernels::cpu::creation::arange(t.operand(&t.layout()), n as i64, start, step)?;
    }
    Ok(t)
}
