//! Softmax and its logarithm along one dimension.

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::reduce as kernel;
use crate::op::arg::Ctx;
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::shape::dims;
use crate::tensor::Tensor;
use crate::tensor::graph::Grads;
use smallvec::smallvec;

const PRIVATE: u32 = flag::PRIVATE | flag::NO_METHOD;

/// `f` of `input` in the dtype that was asked for.
fn cast(input: &Tensor, dtype: Option<DType>, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    match dtype {
        Some(d) if d != input.dtype() => f(&ops::_to_dtype(input, d, None)?),
        _ => f(input),
    }
}

fn forward_meta(cx: &Ctx) -> Result<Metas> {
    let x = cx.tensor(0)?.body();
    cx.dim(1, x.layout.ndim())?;
    if !x.dtype.is_float() {
        let name = format!("{}_lastdim_kernel_impl", cx.op.python_name().trim_start_matches('_'));
        return Err(crate::op::arg::not_implemented(&name, x.dtype));
    }
    Ok(smallvec![Meta::new(dims(&x.layout.sizes), x.dtype)])
}

fn forward(cx: &Ctx, out: &[Tensor], log: bool) -> Result<()> {
    let (x, o) = (cx.tensor(0)?.body(), out[0].body());
    let sizes = &o.layout.sizes;
    kernel::softmax(sizes, cx.dim(1, sizes.len())?, x.operand(), o.operand(), log)
}

fn backward_meta(cx: &Ctx) -> Result<Metas> {
    let (g, y) = (cx.tensor(0)?, cx.tensor(1)?);
    cx.dim(2, y.ndim())?;
    cx.same_dtype(g, y)?;
    if g.sizes() != y.sizes() {
        bail!(Runtime, "{}: grad_output and output differ in shape", cx.op.python_name());
    }
    Ok(smallvec![Meta::new(y.sizes(), y.dtype())])
}

fn backward(cx: &Ctx, out: &[Tensor], log: bool) -> Result<()> {
    let (g, y, o) = (cx.tensor(0)?.body(), cx.tensor(1)?.body(), out[0].body());
    let sizes = &o.layout.sizes;
    kernel::softmax_backward(sizes, cx.dim(2, sizes.len())?, g.operand(), y.operand(), o.operand(), log)
}

fn mul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::mul(a.into(), b.into())
}

fn sub(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::sub(a.into(), b.into(), None)
}

fn total(x: &Tensor, dim: i64) -> Result<Tensor> {
    ops::sum(x, Some(&[dim]), true, None)
}

/// The gradient of `(g - sum(g y)) y` in `g` and in `y`.
fn softmax_twice(b: &Bw) -> Result<Grads> {
    let (gg, g, y, dim) = (b.g()?, b.tensor(0)?, b.tensor(1)?, b.int(2)?);
    let in_g = b.when(0, || _softmax_backward_data(&gg, y, dim))?;
    let in_y = b.when(1, || {
        let both = mul(&gg, g)?;
        let a = sub(&both, &mul(&gg, &total(&mul(g, y)?, dim)?)?)?;
        sub(&a, &mul(g, &total(&mul(&gg, y)?, dim)?)?)
    })?;
    Ok(smallvec![in_g, in_y])
}

/// The gradient of `g - exp(y) sum(g)` in `g` and in `y`.
fn log_softmax_twice(b: &Bw) -> Result<Grads> {
    let (gg, g, y, dim) = (b.g()?, b.tensor(0)?, b.tensor(1)?, b.int(2)?);
    let weighed = mul(&gg, &ops::exp(y)?)?;
    let in_g = b.when(0, || sub(&gg, &total(&weighed, dim)?))?;
    let in_y = b.when(1, || ops::neg(&mul(&weighed, &total(g, dim)?)?))?;
    Ok(smallvec![in_g, in_y])
}

ops! {
    /// exp(x) / sum(exp(x)) along `dim`: positive numbers that sum to 1.
    "softmax.int" fn softmax(input: Tensor, dim: Int, dtype: DType = None) -> Tensor = {
        cast(input, dtype, |x| _softmax(x, dim))
    } { .with(flag::OUT).aliases(&["special.softmax"]) }

    /// x - log(sum(exp(x))) along `dim`, accurate where softmax is near 0.
    "log_softmax.int" fn log_softmax(input: Tensor, dim: Int, dtype: DType = None) -> Tensor = {
        cast(input, dtype, |x| _log_softmax(x, dim))
    } { .with(flag::OUT).aliases(&["special.log_softmax"]) }

    /// Softmax of floats.
    fn _softmax(input: Tensor, dim: Int) -> Tensor {
        .kernel(forward_meta, |cx, out| forward(cx, out, false), "softmax.cu", Batch::ShiftDims)
            .grad(&[], &[0], |b| Ok(smallvec![Some(_softmax_backward_data(&b.g()?, b.out(0)?, b.int(1)?)?)])).with(PRIVATE)
    }

    /// Log-softmax of floats.
    fn _log_softmax(input: Tensor, dim: Int) -> Tensor {
        .kernel(forward_meta, |cx, out| forward(cx, out, true), "softmax.cu", Batch::ShiftDims)
            .grad(&[], &[0], |b| Ok(smallvec![Some(_log_softmax_backward_data(&b.g()?, b.out(0)?, b.int(1)?)?)])).with(PRIVATE)
    }

    /// The gradient of softmax, from its output.
    fn _softmax_backward_data(grad_output: Tensor, output: Tensor, dim: Int) -> Tensor {
        .kernel(backward_meta, |cx, out| backward(cx, out, false), "softmax.cu", Batch::ShiftDims)
            .grad(&[0, 1], &[], softmax_twice).node("SoftmaxBackwardDataBackward0").with(PRIVATE)
    }

    /// The gradient of log-softmax, from its output.
    fn _log_softmax_backward_data(grad_output: Tensor, output: Tensor, dim: Int) -> Tensor {
        .kernel(backward_meta, |cx, out| backward(cx, out, true), "softmax.cu", Batch::ShiftDims)
            .grad(&[0, 1], &[], log_softmax_twice).node("LogSoftmaxBackwardDataBackward0").with(PRIVATE)
    }
}
