//! Adaptive pooling: windows such that the result has a wanted size.

use super::conv::{dense, three};
use super::pooling::{high, led, max_grad, planes};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::pooling as kernel;
use crate::op::arg::Ctx;
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::shape::{self, Dims};
use crate::tensor::Tensor;
use crate::tensor::graph::Grads;
use smallvec::smallvec;

/// In both name spaces, no method.
const SPACES: &[&str] = &["", "nn.functional"];

/// The sizes of an adaptive pooling's result.
fn adaptive_sizes(op: &str, x: &Tensor, to: &[i64], n: usize) -> Result<Dims> {
    let s = x.sizes();
    if s.len() != n + 1 && s.len() != n + 2 {
        bail!(Runtime, "{op}(): Expected {}D or {}D tensor, but got {}", n + 1, n + 2, shape::show(&s));
    }
    if to.len() != n && to.len() != 1 {
        bail!(Runtime, "{op}: output_size must be {n}, but got {}", shape::show(to));
    }
    let first = if s.len() == n + 2 { 1 } else { 0 };
    if let Some(d) = (first..s.len()).find(|&d| s[d] == 0) {
        bail!(
            Runtime,
            "{op}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {} with dimension {d} being \
             empty",
            shape::show(&s)
        );
    }
    let to = if to.len() == n { Dims::from(to) } else { Dims::from_elem(to[0], n) };
    if to.iter().any(|&o| o < 0) {
        let list = to.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        bail!(Runtime, "{op}: elements of output_size must be greater than or equal to 0 but received {{{list}}}");
    }
    Ok(s[..s.len() - n].iter().copied().chain(to).collect())
}

fn adaptive_avg_meta<const N: usize>(cx: &Ctx) -> Result<Metas> {
    let x = cx.tensor(0)?;
    let name = if N == 2 { "adaptive_avg_pool2d" } else { "adaptive_avg_pool3d" };
    let out = adaptive_sizes(name, x, cx.ints(1)?, N)?;
    if !x.dtype().is_float() {
        return Err(crate::op::arg::not_implemented(name, x.dtype()));
    }
    Ok(smallvec![Meta::new(out, x.dtype())])
}

fn adaptive_avg_run<const N: usize>(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let x = dense(cx.tensor(0)?)?;
    let (xs, ys) = (x.sizes(), out[0].sizes());
    if out[0].numel() == 0 {
        return Ok(());
    }
    let (i, o) = (three(&xs[xs.len() - N..], 1), three(&ys[ys.len() - N..], 1));
    let (x, y) = (x.body().clone(), out[0].body().clone());
    // SAFETY: dense tensors of the sizes; the output is new.
    unsafe { kernel::adaptive_avg_forward(planes(&xs, N), i, o, x.dtype, x.ptr(), y.ptr()) }
}

fn adaptive_avg_grad<const N: usize>(b: &Bw) -> Result<Grads> {
    Ok(smallvec![Some(ops::_adaptive_avg_pool_backward(&b.g()?, &b.sizes(0), N as i64)?)])
}

/// The mean where one number is left of each plane, which is faster and what PyTorch does.
fn adaptive_avg(x: &Tensor, to: &[i64], n: usize) -> Result<Tensor> {
    let op = if n == 2 { "adaptive_avg_pool2d" } else { "adaptive_avg_pool3d" };
    adaptive_sizes(op, x, to, n)?;
    if to.iter().all(|&o| o == 1) && x.dtype().is_float() {
        let dims: Dims = (1..=n as i64).map(|d| -d).collect();
        return ops::mean(x, Some(&dims), true, None);
    }
    if n == 2 { ops::_adaptive_avg_pool2d(x, to) } else { ops::_adaptive_avg_pool3d(x, to) }
}

fn adaptive_max_meta<const N: usize>(cx: &Ctx) -> Result<Metas> {
    let x = cx.tensor(0)?;
    let name = if N == 2 { "adaptive_max_pool2d" } else { "adaptive_max_pool3d" };
    let out = adaptive_sizes(name, x, cx.ints(1)?, N)?;
    if !x.dtype().is_float() {
        return Err(crate::op::arg::not_implemented(name, x.dtype()));
    }
    Ok(smallvec![Meta::new(out.clone(), x.dtype()), Meta::new(out, DType::I64)])
}

fn adaptive_max_run<const N: usize>(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let x = dense(cx.tensor(0)?)?;
    let (xs, ys) = (x.sizes(), out[0].sizes());
    if out[0].numel() == 0 {
        return Ok(());
    }
    let (i, o) = (three(&xs[xs.len() - N..], 1), three(&ys[ys.len() - N..], 1));
    let (x, y, at) = (x.body().clone(), out[0].body().clone(), out[1].body().clone());
    // SAFETY: dense tensors of the sizes; the outputs are new.
    unsafe { kernel::adaptive_max_forward(planes(&xs, N), i, o, x.dtype, x.ptr(), y.ptr(), at.ptr().cast()) }
}

ops! {
    /// `adaptive_avg_pool2d` as a kernel.
    fn _adaptive_avg_pool2d(input: Tensor, output_size: Ints) -> Tensor {
        .kernel(adaptive_avg_meta::<2>, adaptive_avg_run::<2>, "pooling.cu", Batch::Fold).grad(&[], &[], adaptive_avg_grad::<2>)
            .node("AdaptiveAvgPool2DBackward0").with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// `adaptive_avg_pool3d` as a kernel.
    fn _adaptive_avg_pool3d(input: Tensor, output_size: Ints) -> Tensor {
        .kernel(adaptive_avg_meta::<3>, adaptive_avg_run::<3>, "pooling.cu", Batch::Fold).grad(&[], &[], adaptive_avg_grad::<3>)
            .node("AdaptiveAvgPool3DBackward0").with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// The gradient of adaptive average pooling over the last `n` dimensions.
    fn _adaptive_avg_pool_backward(grad: Tensor, size: Ints, n: Int) -> Tensor {
        .kernel(|cx| Ok(smallvec![Meta::new(cx.ints(1)?, cx.tensor(0)?.dtype())]), |cx, out| {
            let (g, n) = (dense(cx.tensor(0)?)?, cx.int(2)? as usize);
            let (gs, xs) = (g.sizes(), out[0].sizes());
            if g.numel() == 0 {
                return out[0].fill_raw(0.into());
            }
            let (i, o) = (three(&xs[xs.len() - n..], 1), three(&gs[gs.len() - n..], 1));
            let (g, x) = (g.body().clone(), out[0].body().clone());
            // SAFETY: dense tensors of the sizes; the output is new.
            unsafe { kernel::adaptive_avg_backward(planes(&xs, n), i, o, g.dtype, g.ptr(), x.ptr()) }
        }, "pooling.cu", Batch::Loop).grad(&[], &[], |b| {
            let (s, n) = (b.sizes(0), b.int(2)? as usize);
            let to = &s[s.len() - n..];
            let v = b.g()?;
            Ok(smallvec![Some(if n == 2 { _adaptive_avg_pool2d(&v, to)? } else { _adaptive_avg_pool3d(&v, to)? })])
        }).node("AdaptiveAvgPool2DBackwardBackward0").with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// Means of windows such that sequences (N, C, L) or (C, L) get the length `output_size`.
    fn adaptive_avg_pool1d(input: Tensor, output_size: Ints) -> Tensor = {
        let n = input.ndim();
        if n != 2 && n != 3 {
            bail!(Runtime, "Expected 2 to 3 dimensions, but got {n}-dimensional tensor for argument #1 'self' (while checking arguments for adaptive_avg_pool1d)");
        }
        if output_size.len() != 1 {
            bail!(Runtime, "adaptive_avg_pool1d() argument 'output_size' should contain one int (got {})", output_size.len());
        }
        let [y] = high(input, |x| Ok([adaptive_avg(x, &led(1, output_size), 2)?]))?;
        Ok(y)
    } { .spaces(SPACES).with(flag::NO_METHOD) }

    /// Means of windows such that images (N, C, H, W) or (C, H, W) get the size `output_size`.
    fn adaptive_avg_pool2d(input: Tensor, output_size: Ints) -> Tensor = { adaptive_avg(input, output_size, 2) } { .functional() }

    /// Means of windows such that volumes (N, C, D, H, W) or (C, D, H, W) get the size `output_size`.
    fn adaptive_avg_pool3d(input: Tensor, output_size: Ints) -> Tensor = { adaptive_avg(input, output_size, 3) } { .functional() }

    /// The largest elements of windows such that images get the size `output_size`, and where they are.
    fn adaptive_max_pool2d_with_indices(input: Tensor, output_size: Ints) -> (_output, _indices) {
        .kernel(adaptive_max_meta::<2>, adaptive_max_run::<2>, "pooling.cu", Batch::Fold).grad(&[], &[1], max_grad::<2>)
            .node("AdaptiveMaxPool2DBackward0").functional()
    }

    /// The largest elements of windows such that volumes get the size `output_size`, and where they are.
    fn adaptive_max_pool3d_with_indices(input: Tensor, output_size: Ints) -> (_output, _indices) {
        .kernel(adaptive_max_meta::<3>, adaptive_max_run::<3>, "pooling.cu", Batch::Fold).grad(&[], &[1], max_grad::<3>)
            .node("AdaptiveMaxPool3DBackward0").functional()
    }

    /// The largest elements of windows such that sequences get the length `output_size`, and where they are.
    fn adaptive_max_pool1d(input: Tensor, output_size: Ints) -> (_output, _indices) = {
        let n = input.ndim();
        if n != 2 && n != 3 {
            bail!(Runtime, "adaptive_max_pool1d(): Expected 2D or 3D tensor, but got: {}", shape::show(&input.sizes()));
        }
        if output_size.len() != 1 {
            bail!(Runtime, "adaptive_max_pool1d(): output_size must contain one int, but got {}", shape::show(output_size));
        }
        adaptive_sizes("adaptive_max_pool1d", input, output_size, 1)?;
        high(input, |x| adaptive_max_pool2d_with_indices(x, &led(1, output_size)))
    } { .spaces(SPACES).aliases(&["adaptive_max_pool1d_with_indices"]).with(flag::NO_METHOD) }
}
