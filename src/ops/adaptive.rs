//! Pooling with windows such that the result has a wanted size: adaptive, and with windows whose places are drawn.

use super::conv::{dense, three};
use super::pooling::{high, led, max_grad, planes};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::pooling as kernel;
use crate::op::arg::Ctx;
use crate::op::autocast::Cast;
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

fn fractional_meta<const N: usize>(cx: &Ctx) -> Result<Metas> {
    let (x, kernel, to, samples) = (cx.tensor(0)?, cx.ints(1)?, cx.ints(2)?, cx.tensor(3)?);
    let (name, s) = (cx.op.python_name().trim_start_matches('_'), x.sizes());
    if s.len() != N + 1 && s.len() != N + 2 {
        bail!(Runtime, "{name}(): Expected {}D or {}D tensor, but got: {}", N + 1, N + 2, shape::show(&s));
    }
    let lead = s.len() - N;
    if s[lead - 1..].contains(&0) {
        bail!(
            Runtime,
            "{name}(): Expected input to have non-zero size for non-batch dimensions, but got {}",
            shape::show(&s)
        );
    }
    for (what, v) in [("kernel_size", kernel), ("output_size", to)] {
        if v.len() != 1 && v.len() != N {
            bail!(Runtime, "{name}: {what} must either be a single int or a tuple of {N} ints");
        }
    }
    let get = |v: &[i64], d: usize| if v.len() == 1 { v[0] } else { v[d] };
    for d in 0..N {
        let (k, o, n) = (get(kernel, d), get(to, d), s[lead + d]);
        if k < 1 || o < 1 || o.saturating_add(k) - 1 > n {
            bail!(
                Runtime,
                "{name}(): pool size {k} with output size {o} is too large for the input size {n} of dimension {d}"
            );
        }
    }
    let batch = if s.len() == N + 2 { s[0] } else { 1 };
    let have = samples.sizes();
    if have.len() != 3 || have[0] < batch || have[1] != s[lead - 1] || have[2] != N as i64 {
        bail!(
            Runtime,
            "{name}: expected _random_samples of shape [{batch}, {}, {N}] (or with more rows), but got {}",
            s[lead - 1],
            shape::show(&have)
        );
    }
    if !x.dtype().is_float() {
        return Err(crate::op::arg::not_implemented(name, x.dtype()));
    }
    let out: Dims = s[..lead].iter().copied().chain((0..N).map(|d| get(to, d))).collect();
    Ok(smallvec![Meta::new(out.clone(), x.dtype()), Meta::new(out, DType::I64)])
}

fn fractional_run<const N: usize>(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let (x, kernel) = (dense(cx.tensor(0)?)?, cx.ints(1)?);
    let drawn = cx.tensor(3)?.copied(DType::F64)?.to_vec::<f64>()?;
    // For images PyTorch's samples are of width, then height; for volumes of depth, height, width.
    let samples: Vec<f64> = match N {
        2 => drawn.chunks_exact(2).flat_map(|c| [0.0, c[1], c[0]]).collect(),
        _ => drawn,
    };
    let (xs, ys) = (x.sizes(), out[0].sizes());
    let kernel: Dims = if kernel.len() == 1 { Dims::from_elem(kernel[0], N) } else { kernel.into() };
    let (i, o) = (three(&xs[xs.len() - N..], 1), three(&ys[ys.len() - N..], 1));
    let (x, y, at) = (x.body().clone(), out[0].body().clone(), out[1].body().clone());
    // SAFETY: dense tensors of the sizes; the outputs are new.
    unsafe {
        kernel::fractional_forward(
            planes(&xs, N),
            i,
            o,
            three(&kernel, 1),
            x.dtype,
            &samples,
            x.ptr(),
            y.ptr(),
            at.ptr().cast(),
        )
    }
}

ops! {
    /// The largest elements of windows of images whose places `random_samples` (N, C, 2) draws, and where they are.
    fn _fractional_max_pool2d(input: Tensor, kernel_size: Ints, output_size: Ints, random_samples: Tensor) -> (_output, _indices) {
        .cast(Cast::Single).kernel(fractional_meta::<2>, fractional_run::<2>, "pooling.cu", Batch::Loop).grad(&[], &[1], |b| {
            let mut g = max_grad::<2>(b)?;
            g.push(None);
            Ok(g)
        }).node("FractionalMaxPool2DBackward0").spaces(&["nn.functional"]).with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// The largest elements of windows of volumes whose places `random_samples` (N, C, 3) draws, and where they are.
    fn _fractional_max_pool3d(input: Tensor, kernel_size: Ints, output_size: Ints, random_samples: Tensor) -> (_output, _indices) {
        .cast(Cast::Single).kernel(fractional_meta::<3>, fractional_run::<3>, "pooling.cu", Batch::Loop).grad(&[], &[1], |b| {
            let mut g = max_grad::<3>(b)?;
            g.push(None);
            Ok(g)
        }).node("FractionalMaxPool3DBackward0").spaces(&["nn.functional"]).with(flag::PRIVATE | flag::NO_METHOD)
    }

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
        .kernel(|cx| {
            let (g, size, n) = (cx.tensor(0)?, cx.ints(1)?, cx.int(2)?);
            let k = size.len().saturating_sub(n as usize);
            cx.belong(matches!(n, 2 | 3) && k > 0 && g.ndim() == size.len() && g.sizes()[..k] == size[..k])?;
            cx.belong(size[k..].iter().all(|&s| s > 0) && g.dtype().is_float())?;
            Ok(smallvec![Meta::new(size, g.dtype())])
        }, |cx, out| {
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
    fn adaptive_avg_pool3d(input: Tensor, output_size: Ints) -> Tensor = { adaptive_avg(input, output_size, 3) } { .cast(Cast::Single).functional() }

    /// The largest elements of windows such that images get the size `output_size`, and where they are.
    fn adaptive_max_pool2d_with_indices(input: Tensor, output_size: Ints) -> (_output, _indices) {
        .kernel(adaptive_max_meta::<2>, adaptive_max_run::<2>, "pooling.cu", Batch::Fold).grad(&[], &[1], max_grad::<2>)
            .node("AdaptiveMaxPool2DBackward0").functional()
    }

    /// The largest elements of windows such that volumes get the size `output_size`, and where they are.
    fn adaptive_max_pool3d_with_indices(input: Tensor, output_size: Ints) -> (_output, _indices) {
        .cast(Cast::Single).kernel(adaptive_max_meta::<3>, adaptive_max_run::<3>, "pooling.cu", Batch::Fold).grad(&[], &[1], max_grad::<3>)
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
