//! Pooling: maximum (with the places of the maxima), average, power average, and the inverse of maximum pooling.
//! One dimension is two with a size of 1 in front. A maximum's place is its flat position in the input plane.

use super::conv::{dense, three};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::pooling::{self as kernel, Divisor, PoolShape};
use crate::op::arg::Ctx;
use crate::op::autocast::Cast;
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::shape::{self, Dims};
use crate::tensor::graph::Grads;
use crate::tensor::{Tensor, mode};
use smallvec::smallvec;

const NUMBER: [&str; 4] = ["", "one int", "two ints", "three ints"];
/// In both name spaces, no method.
const SPACES: &[&str] = &["", "nn.functional"];

/// One number for each of `n` dimensions; a single one stands for all, none for `default`.
fn each(op: &str, name: &str, v: &[i64], n: usize, default: Option<&[i64]>) -> Result<Dims> {
    match (v.len(), default) {
        (0, Some(d)) => Ok(d.into()),
        (1, _) => Ok(Dims::from_elem(v[0], n)),
        (k, _) if k == n => Ok(v.into()),
        _ if default.is_some() => {
            bail!(Runtime, "{op}: {name} must either be omitted, a single int, or a tuple of {}", NUMBER[n & 3])
        }
        _ => bail!(Runtime, "{op}: {name} must either be a single int, or a tuple of {}", NUMBER[n & 3]),
    }
}

/// Windows over the last `n` dimensions.
struct Windows {
    kernel: Dims,
    stride: Dims,
    padding: Dims,
    dilation: Dims,
    ceil: bool,
}

impl Windows {
    fn new(op: &str, n: usize, v: [&[i64]; 4], ceil: bool) -> Result<Windows> {
        let kernel = each(op, "kernel_size", v[0], n, None)?;
        let stride = each(op, "stride", v[1], n, Some(&kernel))?;
        let w = Windows {
            padding: each(op, "padding", v[2], n, None)?,
            dilation: each(op, "dilation", v[3], n, None)?,
            kernel,
            stride,
            ceil,
        };
        if w.stride.contains(&0) {
            bail!(Runtime, "stride should not be zero");
        }
        if w.kernel.iter().chain(&w.stride).any(|&k| k <= 0) {
            bail!(
                Runtime,
                "{op}: kernel size and stride should be greater than zero, but got kernel_size={} and stride={}",
                shape::show(&w.kernel),
                shape::show(&w.stride)
            );
        }
        if w.dilation.iter().any(|&d| d <= 0) {
            bail!(Runtime, "dilation should be greater than zero, but got dilation={}", shape::show(&w.dilation));
        }
        for i in 0..n {
            let (pad, k, d) = (w.padding[i], w.kernel[i], w.dilation[i]);
            if pad < 0 {
                bail!(Runtime, "pad must be non-negative, but got pad: {pad}");
            }
            if pad > (d.saturating_mul(k - 1) + 1) / 2 {
                bail!(
                    Runtime,
                    "pad should be at most half of effective kernel size, but got pad={pad}, kernel_size={k} and dilation={d}"
                );
            }
        }
        Ok(w)
    }

    fn n(&self) -> usize {
        self.kernel.len()
    }

    /// Sizes of the result over an input of these.
    fn output(&self, x: &[i64]) -> Result<Dims> {
        let n = self.n();
        let (lead, inner) = x.split_at(x.len() - n);
        let out: Dims = (0..n)
            .map(|i| {
                let (s, p) = (self.stride[i], self.padding[i]);
                let span = self.dilation[i].saturating_mul(self.kernel[i] - 1);
                let room = inner[i].saturating_add(p.saturating_mul(2)).saturating_sub(span) - 1
                    + if self.ceil { s - 1 } else { 0 };
                let o = room.div_euclid(s) + 1;
                // The last window must begin inside the input or the padding in front of it.
                if self.ceil && (o - 1).saturating_mul(s) >= inner[i].saturating_add(p) { o - 1 } else { o }
            })
            .collect();
        if out.iter().any(|&o| o < 1) {
            let show = |s: &[i64]| {
                let c = lead.last().copied().unwrap_or(1);
                std::iter::once(c).chain(s.iter().copied()).map(|v| v.to_string()).collect::<Vec<_>>().join("x")
            };
            bail!(
                Runtime,
                "Given input size: ({}). Calculated output size: ({}). Output size is too small",
                show(inner),
                show(&out.iter().map(|&o| o.max(0)).collect::<Dims>())
            );
        }
        Ok(lead.iter().copied().chain(out).collect())
    }

    fn kernel(&self, x: &[i64], y: &[i64]) -> PoolShape {
        let n = self.n();
        PoolShape {
            planes: planes(x, n),
            in_sizes: three(&x[x.len() - n..], 1),
            out_sizes: three(&y[y.len() - n..], 1),
            kernel: three(&self.kernel, 1),
            stride: three(&self.stride, 1),
            padding: three(&self.padding, 0),
            dilation: three(&self.dilation, 1),
        }
    }
}

/// How many planes of the last `n` dimensions there are.
pub(super) fn planes(s: &[i64], n: usize) -> usize {
    s[..s.len() - n].iter().product::<i64>() as usize
}

fn volume(s: &[i64], n: usize) -> usize {
    s[s.len() - n..].iter().product::<i64>() as usize
}

/// Input of rank n + 1 or n + 2, nothing empty but the batch.
fn check_input(x: &Tensor, n: usize) -> Result<()> {
    let s = x.sizes();
    if s.len() != n + 1 && s.len() != n + 2 {
        bail!(Runtime, "non-empty {}D or {}D (batch mode) tensor expected for input", n + 1, n + 2);
    }
    if s[s.len() - n - 1..].contains(&0) {
        bail!(
            Runtime,
            "Expected {}D or {}D (batch mode) tensor with optional 0 dim batch size for input, but got:{}",
            n + 1,
            n + 2,
            shape::show(&s)
        );
    }
    Ok(())
}

fn max_windows(cx: &Ctx, n: usize) -> Result<Windows> {
    let name = if n == 2 { "max_pool2d" } else { "max_pool3d" };
    Windows::new(name, n, [cx.ints(1)?, cx.opt_ints(2)?.unwrap_or(&[]), cx.ints(3)?, cx.ints(4)?], cx.bool(5)?)
}

fn values_windows(cx: &Ctx) -> Result<Windows> {
    let name = if cx.int(1)? == 2 { "max_pool2d" } else { "max_pool3d" };
    let v = [cx.ints(2)?, cx.opt_ints(3)?.unwrap_or(&[]), cx.ints(4)?, cx.ints(5)?];
    Windows::new(name, cx.int(1)? as usize, v, cx.bool(6)?)
}

fn max_meta<const N: usize>(cx: &Ctx) -> Result<Metas> {
    let (x, w) = (cx.tensor(0)?, max_windows(cx, N)?);
    check_input(x, N)?;
    let out = w.output(&x.sizes())?;
    Ok(smallvec![Meta::new(out.clone(), x.dtype()), Meta::new(out, DType::I64)])
}

fn max_run<const N: usize>(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let (x, w) = (dense(cx.tensor(0)?)?, max_windows(cx, N)?);
    let s = w.kernel(&x.sizes(), &out[0].sizes());
    let (x, y, at) = (x.body().clone(), out[0].body().clone(), out[1].body().clone());
    // SAFETY: dense tensors of the sizes; the outputs are new.
    unsafe { kernel::max_forward(&s, x.dtype, x.ptr(), y.ptr(), Some(at.ptr().cast())) }
}

pub(super) fn max_grad<const N: usize>(b: &Bw) -> Result<Grads> {
    let s = b.sizes(0);
    Ok(smallvec![Some(ops::_max_pool_backward(&b.g()?, b.out(1)?, &s[s.len() - N..])?)])
}

/// The elements of the last `n` dimensions in one.
fn flat(t: &Tensor, n: usize) -> Result<Tensor> {
    let s = t.sizes();
    let mut to: Dims = s[..s.len() - n].into();
    to.push(s[s.len() - n..].iter().product());
    ops::reshape(t, &to)
}

/// A pooling of sequences as one of images of height 1.
pub(super) fn high<const K: usize>(x: &Tensor, f: impl Fn(&Tensor) -> Result<[Tensor; K]>) -> Result<[Tensor; K]> {
    let out = f(&ops::unsqueeze(x, -2)?)?;
    let mut low = Vec::with_capacity(K);
    for t in &out {
        low.push(ops::squeeze_dim(t, -2)?);
    }
    match <[Tensor; K]>::try_from(low) {
        Ok(low) => Ok(low),
        Err(_) => Ok(out),
    }
}

/// A list for one dimension, with another in front.
pub(super) fn led(first: i64, v: &[i64]) -> Dims {
    if v.is_empty() { Dims::new() } else { smallvec![first, v[0]] }
}

/// Windows of maximum pooling over `n` dimensions, as lists.
struct Lists<'a> {
    kernel: &'a [i64],
    stride: Option<&'a [i64]>,
    padding: &'a [i64],
    dilation: &'a [i64],
    ceil: bool,
}

/// The maxima alone where no gradient will ask for their places.
fn maxima(x: &Tensor, n: usize, l: &Lists) -> Result<Tensor> {
    if !(mode::grad() && x.requires_grad()) {
        return ops::_max_pool(x, n as i64, l.kernel, l.stride, l.padding, l.dilation, l.ceil);
    }
    let [y, _] = places(x, n, l)?;
    Ok(y)
}

fn places(x: &Tensor, n: usize, l: &Lists) -> Result<[Tensor; 2]> {
    if n == 2 {
        ops::max_pool2d_with_indices(x, l.kernel, l.stride, l.padding, l.dilation, l.ceil)
    } else {
        ops::max_pool3d_with_indices(x, l.kernel, l.stride, l.padding, l.dilation, l.ceil)
    }
}

fn check1(x: &Tensor, k: &[i64], s: &[i64], p: &[i64], d: &[i64]) -> Result<()> {
    let n = x.ndim();
    if n != 2 && n != 3 {
        bail!(
            Runtime,
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:{}",
            shape::show(&x.sizes())
        );
    }
    for (name, v, none) in [("kernel_size", k, ""), ("stride", s, "None, "), ("padding", p, ""), ("dilation", d, "")] {
        if v.len() != 1 && (none.is_empty() || !v.is_empty()) {
            bail!(
                Runtime,
                "max_pool1d() {name} must be {none}an int, list of ints{} or tuple of ints of size 1 but got size {}",
                if none.is_empty() { "" } else { "," },
                v.len()
            );
        }
    }
    for (name, v) in [("kernel_size", k), ("stride", s), ("dilation", d)] {
        if let Some(v) = v.first().filter(|v| **v <= 0) {
            bail!(Runtime, "max_pool1d() {name} must be greater than zero, but got {v}");
        }
    }
    if p[0] < 0 {
        bail!(Runtime, "max_pool1d() padding must be non-negative, but got {}", p[0]);
    }
    if p[0] > k[0] / 2 {
        bail!(
            Runtime,
            "max_pool1d() padding should be at most half of kernel size, but got padding={} and kernel_size={}",
            p[0],
            k[0]
        );
    }
    Ok(())
}

fn avg_windows(op: &str, n: usize, v: [&[i64]; 3], ceil: bool) -> Result<Windows> {
    Windows::new(op, n, [v[0], v[1], v[2], &[1]], ceil)
}

fn avg_meta<const N: usize>(cx: &Ctx) -> Result<Metas> {
    let x = cx.tensor(0)?;
    if x.ndim() < N {
        bail!(
            Index,
            "Dimension out of range (expected to be in range of [-{0}, {1}], but got -{2})\n{3} takes {2} or {4} dimensions",
            x.ndim(),
            x.ndim().max(1) - 1,
            N + 1,
            cx.op.python_name(),
            N + 2
        );
    }
    let w =
        avg_windows(cx.op.python_name(), N, [cx.ints(1)?, cx.opt_ints(2)?.unwrap_or(&[]), cx.ints(3)?], cx.bool(4)?)?;
    if cx.opt_int(6)? == Some(0) {
        bail!(Runtime, "divisor must be not zero");
    }
    check_input(x, N)?;
    if !x.dtype().is_float() && x.dtype() != DType::I64 {
        return Err(cx.refuse(x.dtype()));
    }
    Ok(smallvec![Meta::new(w.output(&x.sizes())?, x.dtype())])
}

fn avg_run<const N: usize>(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let x = dense(cx.tensor(0)?)?;
    let w = avg_windows("", N, [cx.ints(1)?, cx.opt_ints(2)?.unwrap_or(&[]), cx.ints(3)?], cx.bool(4)?)?;
    let s = w.kernel(&x.sizes(), &out[0].sizes());
    let by = Divisor { count_include_pad: cx.bool(5)?, fixed: cx.opt_int(6)? };
    let (x, y) = (x.body().clone(), out[0].body().clone());
    // SAFETY: dense tensors of the sizes; the output is new.
    unsafe { kernel::avg_forward(&s, x.dtype, by, x.ptr(), y.ptr()) }
}

fn avg_grad<const N: usize>(b: &Bw) -> Result<Grads> {
    let w = avg_windows("", N, [b.ints(1), b.ints(2), b.ints(3)], b.bool(4))?;
    let dx = ops::_avg_pool_backward(
        &b.g()?,
        &b.sizes(0),
        &w.kernel,
        &w.stride,
        &w.padding,
        w.ceil,
        b.bool(5),
        b.opt_int(6),
    )?;
    Ok(smallvec![Some(dx)])
}

/// lp_pool: the root of the sum of powers, from their average.
fn lp(x: &Tensor, p: f64, kernel: &[i64], stride: Option<&[i64]>, ceil: bool, n: usize) -> Result<Tensor> {
    let powers = ops::pow(x.into(), p.into())?;
    let (avg, count) = match n {
        1 => (ops::avg_pool1d(&powers, kernel, stride, &[0], ceil, true)?, kernel.iter().product()),
        2 => (
            ops::avg_pool2d(&powers, kernel, stride, &[0], ceil, true, None)?,
            each("lp_pool2d", "kernel_size", kernel, 2, None)?.iter().product(),
        ),
        _ => (
            ops::avg_pool3d(&powers, kernel, stride, &[0], ceil, true, None)?,
            each("lp_pool3d", "kernel_size", kernel, 3, None)?.iter().product::<i64>(),
        ),
    };
    let size = ops::mul((&ops::sign(&avg)?).into(), (&ops::relu(&ops::abs(&avg)?)?).into())?;
    ops::pow((&ops::mul((&size).into(), count.into())?).into(), (1.0 / p).into())
}

/// max_unpool: each element to its place in a plane of zeros.
fn unpool(
    x: &Tensor,
    at: &Tensor,
    kernel: &[i64],
    stride: Option<&[i64]>,
    padding: &[i64],
    to: Option<&[i64]>,
    n: usize,
) -> Result<Tensor> {
    let name = ["", "max_unpool1d", "max_unpool2d", "max_unpool3d"][n & 3];
    let w = avg_windows(name, n, [kernel, stride.unwrap_or(&[]), padding], false)?;
    let s = x.sizes();
    if s.len() != n + 1 && s.len() != n + 2 {
        bail!(
            Runtime,
            "Input to {name} should be a {}d or {}d Tensor, but got a tensor with {} dimensions.",
            n + 1,
            n + 2,
            s.len()
        );
    }
    if at.dtype() != DType::I64 {
        bail!(Runtime, "elements in indices should be type int64 but got: {}", at.dtype().c10_name());
    }
    if at.sizes() != s {
        bail!(
            Runtime,
            "Expected shape of indices to be same as that of the input tensor ({}) but got indices tensor with shape: {}",
            shape::show(&s),
            shape::show(&at.sizes())
        );
    }
    let lead = s.len() - n;
    let default: Dims = (0..n).map(|i| (s[lead + i] - 1) * w.stride[i] + w.kernel[i] - 2 * w.padding[i]).collect();
    let size: Dims = match to {
        None => default,
        Some(to) => {
            let to = &to[if to.len() == n + 2 { 2 } else { 0 }..];
            if to.len() != n {
                bail!(
                    Value,
                    "output_size should be a sequence containing {n} or {} elements, but it has a length of '{}'",
                    n + 2,
                    to.len()
                );
            }
            for i in 0..n {
                let (low, high) = (default[i] - w.stride[i], default[i] + w.stride[i]);
                if to[i] <= low || to[i] >= high {
                    bail!(Value, "invalid output_size {} (dim {i} must be between {low} and {high})", shape::show(to));
                }
            }
            to.into()
        }
    };
    let (x, at) = (flat(x, n)?, flat(at, n)?);
    let mut wide: Dims = s[..lead].into();
    wide.push(size.iter().product());
    let zeros = Tensor::zeros(&wide, x.dtype(), x.device())?;
    let y = ops::scatter(&zeros, -1, &at, &x)?;
    let out: Dims = s[..lead].iter().copied().chain(size).collect();
    ops::reshape(&y, &out)
}

ops! {
    /// The largest element of each window of images (N, C, H, W) or (C, H, W), and where it is in its plane.
    fn max_pool2d_with_indices(input: Tensor, kernel_size: Ints, stride: OptInts = None, padding: Ints = [0], dilation: Ints = [1], ceil_mode: Bool = false) -> (_output, _indices) {
        .kernel(max_meta::<2>, max_run::<2>, "pooling.cu", Batch::Fold).grad(&[], &[1], max_grad::<2>)
            .node("MaxPool2DWithIndicesBackward0").spaces(&["nn.functional"]).with(flag::NO_METHOD)
    }

    /// The largest element of each window of volumes (N, C, D, H, W) or (C, D, H, W), and where it is.
    fn max_pool3d_with_indices(input: Tensor, kernel_size: Ints, stride: OptInts = None, padding: Ints = [0], dilation: Ints = [1], ceil_mode: Bool = false) -> (_output, _indices) {
        .kernel(max_meta::<3>, max_run::<3>, "pooling.cu", Batch::Fold).grad(&[], &[1], max_grad::<3>)
            .node("MaxPool3DWithIndicesBackward0").spaces(&["nn.functional"]).with(flag::NO_METHOD)
    }

    /// The largest element of each window of sequences (N, C, L) or (C, L), and where it is.
    fn max_pool1d_with_indices(input: Tensor, kernel_size: Ints, stride: OptInts = None, padding: Ints = [0], dilation: Ints = [1], ceil_mode: Bool = false) -> (_output, _indices) = {
        let s = stride.unwrap_or(&[]);
        check1(input, kernel_size, s, padding, dilation)?;
        high(input, |x| {
            ops::max_pool2d_with_indices(x, &led(1, kernel_size), Some(&led(1, s)), &led(0, padding), &led(1, dilation), ceil_mode)
        })
    } { .spaces(SPACES).with(flag::NO_METHOD) }

    /// The largest element of each window of sequences (N, C, L) or (C, L).
    fn max_pool1d(input: Tensor, kernel_size: Ints, stride: OptInts = None, padding: Ints = [0], dilation: Ints = [1], ceil_mode: Bool = false) -> Tensor = {
        let s = stride.unwrap_or(&[]);
        check1(input, kernel_size, s, padding, dilation)?;
        let (kernel, stride, padding, dilation) = (&led(1, kernel_size), Some(&led(1, s)[..]), &led(0, padding), &led(1, dilation));
        let [y] = high(input, |x| Ok([maxima(x, 2, &Lists { kernel, stride, padding, dilation, ceil: ceil_mode })?]))?;
        Ok(y)
    } { .spaces(SPACES).with(flag::NO_METHOD) }

    /// The largest element of each window of images (N, C, H, W) or (C, H, W).
    fn max_pool2d(input: Tensor, kernel_size: Ints, stride: OptInts = None, padding: Ints = [0], dilation: Ints = [1], ceil_mode: Bool = false) -> Tensor = {
        maxima(input, 2, &Lists { kernel: kernel_size, stride, padding, dilation, ceil: ceil_mode })
    } { .spaces(SPACES).with(flag::NO_METHOD) }

    /// The largest element of each window of volumes (N, C, D, H, W) or (C, D, H, W).
    fn max_pool3d(input: Tensor, kernel_size: Ints, stride: OptInts = None, padding: Ints = [0], dilation: Ints = [1], ceil_mode: Bool = false) -> Tensor = {
        maxima(input, 3, &Lists { kernel: kernel_size, stride, padding, dilation, ceil: ceil_mode })
    } { .cast(Cast::Single).spaces(SPACES).with(flag::NO_METHOD) }

    /// The largest element of each window over the last `n` (2 or 3) dimensions. Its gradient finds their places again.
    fn _max_pool(input: Tensor, n: Int, kernel_size: Ints, stride: OptInts = None, padding: Ints = [0], dilation: Ints = [1], ceil_mode: Bool = false) -> Tensor {
        .kernel(|cx| {
            let (x, n) = (cx.tensor(0)?, cx.int(1)? as usize);
            cx.belong(n == 2 || n == 3)?;
            let w = values_windows(cx)?;
            check_input(x, n)?;
            Ok(smallvec![Meta::new(w.output(&x.sizes())?, x.dtype())])
        }, |cx, out| {
            let (x, w) = (dense(cx.tensor(0)?)?, values_windows(cx)?);
            let s = w.kernel(&x.sizes(), &out[0].sizes());
            let (x, y) = (x.body().clone(), out[0].body().clone());
            // SAFETY: dense tensors of the sizes; the output is new.
            unsafe { kernel::max_forward(&s, x.dtype, x.ptr(), y.ptr(), None) }
        }, "pooling.cu", Batch::Fold).grad(&[0], &[], |b| {
            let x = b.tensor(0)?;
            let (stride, n) = (Some(b.ints(3)), b.int(1)? as usize);
            let [_, at] = places(x, n, &Lists { kernel: b.ints(2), stride, padding: b.ints(4), dilation: b.ints(5), ceil: b.bool(6) })?;
            let s = x.sizes();
            Ok(smallvec![Some(ops::_max_pool_backward(&b.g()?, &at, &s[s.len() - n..])?)])
        }).node("MaxPool2DWithIndicesBackward0").with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// The gradient of maximum pooling: each element of `grad` is added at the place of its maximum.
    fn _max_pool_backward(grad: Tensor, indices: Tensor, size: Ints) -> Tensor {
        .kernel(|cx| {
            let (g, size) = (cx.tensor(0)?, cx.ints(2)?);
            let (s, at) = (g.sizes(), cx.tensor(1)?);
            cx.belong(s.len() >= size.len() && at.sizes() == s && at.dtype() == DType::I64 && g.dtype().is_float())?;
            let out: Dims = s[..s.len() - size.len()].iter().chain(size).copied().collect();
            Ok(smallvec![Meta::new(out, g.dtype())])
        }, |cx, out| {
            let (g, at, n) = (dense(cx.tensor(0)?)?, dense(cx.tensor(1)?)?, cx.ints(2)?.len());
            let (gs, xs) = (g.sizes(), out[0].sizes());
            let (g, at, x) = (g.body().clone(), at.body().clone(), out[0].body().clone());
            // SAFETY: dense tensors of the sizes; the output is new; indices are checked by the kernel.
            unsafe { kernel::max_backward(planes(&xs, n), volume(&xs, n), volume(&gs, n), g.dtype, g.ptr(), at.ptr().cast(), x.ptr()) }
        }, "pooling.cu", Batch::Loop).grad(&[1], &[], |b| {
            let (at, n) = (b.tensor(1)?, b.ints(2).len());
            let picked = ops::gather(&flat(&b.g()?, n)?, -1, &flat(at, n)?, false)?;
            Ok(smallvec![Some(ops::reshape(&picked, &at.sizes())?), None])
        }).node("MaxPool2DWithIndicesBackwardBackward0").with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// The mean of each window of images (N, C, H, W) or (C, H, W).
    fn avg_pool2d(input: Tensor, kernel_size: Ints, stride: OptInts = None, padding: Ints = [0], ceil_mode: Bool = false, count_include_pad: Bool = true, divisor_override: OptInt = None) -> Tensor {
        .kernel(avg_meta::<2>, avg_run::<2>, "pooling.cu", Batch::Fold).grad(&[], &[], avg_grad::<2>).node("AvgPool2DBackward0")
            .functional().with(flag::OUT)
    }

    /// The mean of each window of volumes (N, C, D, H, W) or (C, D, H, W).
    fn avg_pool3d(input: Tensor, kernel_size: Ints, stride: OptInts = None, padding: Ints = [0], ceil_mode: Bool = false, count_include_pad: Bool = true, divisor_override: OptInt = None) -> Tensor {
        .cast(Cast::Single).kernel(avg_meta::<3>, avg_run::<3>, "pooling.cu", Batch::Fold).grad(&[], &[], avg_grad::<3>).node("AvgPool3DBackward0")
            .functional().with(flag::OUT)
    }

    /// The mean of each window of sequences (N, C, L) or (C, L).
    fn avg_pool1d(input: Tensor, kernel_size: Ints, stride: OptInts = None, padding: Ints = [0], ceil_mode: Bool = false, count_include_pad: Bool = true) -> Tensor = {
        let n = input.ndim();
        if n != 2 && n != 3 {
            bail!(Runtime, "Expected 2 to 3 dimensions, but got {n}-dimensional tensor for argument #1 'self' (while checking arguments for avg_pool1d)");
        }
        let stride = stride.unwrap_or(&[]);
        for (name, v) in [("kernel_size", kernel_size), ("stride", if stride.is_empty() { kernel_size } else { stride }), ("padding", padding)] {
            if v.len() != 1 {
                bail!(Runtime, "avg_pool1d() argument '{name}' should contain one int (got {})", v.len());
            }
        }
        let [y] = high(input, |x| Ok([avg_pool2d(x, &led(1, kernel_size), Some(&led(1, stride)), &led(0, padding), ceil_mode, count_include_pad, None)?]))?;
        Ok(y)
    } { .spaces(SPACES).with(flag::NO_METHOD) }

    /// The gradient of average pooling.
    fn _avg_pool_backward(grad: Tensor, size: Ints, kernel_size: Ints, stride: Ints, padding: Ints, ceil_mode: Bool, count_include_pad: Bool, divisor_override: OptInt) -> Tensor {
        .kernel(|cx| {
            let (g, size, n) = (cx.tensor(0)?, cx.ints(1)?, cx.ints(2)?.len());
            cx.belong(matches!(n, 2 | 3) && size.len() >= n && cx.opt_int(7)? != Some(0) && size.iter().all(|&s| s >= 0))?;
            let w = avg_windows("", n, [cx.ints(2)?, cx.ints(3)?, cx.ints(4)?], cx.bool(5)?)?;
            cx.belong(w.output(size)? == g.sizes())?;
            Ok(smallvec![Meta::new(size, g.dtype())])
        }, |cx, out| {
            let g = dense(cx.tensor(0)?)?;
            let w = avg_windows("", cx.ints(2)?.len(), [cx.ints(2)?, cx.ints(3)?, cx.ints(4)?], cx.bool(5)?)?;
            let s = w.kernel(&out[0].sizes(), &g.sizes());
            let by = Divisor { count_include_pad: cx.bool(6)?, fixed: cx.opt_int(7)? };
            let (g, x) = (g.body().clone(), out[0].body().clone());
            // SAFETY: dense tensors of the sizes; the output is new.
            unsafe { kernel::avg_backward(&s, g.dtype, by, g.ptr(), x.ptr()) }
        }, "pooling.cu", Batch::Loop).grad(&[], &[], |b| {
            let f = if b.ints(2).len() == 2 { ops::avg_pool2d } else { ops::avg_pool3d };
            Ok(smallvec![Some(f(&b.g()?, b.ints(2), Some(b.ints(3)), b.ints(4), b.bool(5), b.bool(6), b.opt_int(7))?)])
        }).node("AvgPool2DBackwardBackward0").with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// The `norm_type`-norm of each window of sequences.
    fn lp_pool1d(input: Tensor, norm_type: Float, kernel_size: Ints, stride: OptInts = None, ceil_mode: Bool = false) -> Tensor = {
        lp(input, norm_type, kernel_size, stride, ceil_mode, 1)
    } { .functional() }

    /// The `norm_type`-norm of each window of images.
    fn lp_pool2d(input: Tensor, norm_type: Float, kernel_size: Ints, stride: OptInts = None, ceil_mode: Bool = false) -> Tensor = {
        lp(input, norm_type, kernel_size, stride, ceil_mode, 2)
    } { .functional() }

    /// The `norm_type`-norm of each window of volumes.
    fn lp_pool3d(input: Tensor, norm_type: Float, kernel_size: Ints, stride: OptInts = None, ceil_mode: Bool = false) -> Tensor = {
        lp(input, norm_type, kernel_size, stride, ceil_mode, 3)
    } { .functional() }

    /// Elements put back at the places that `max_pool1d` gave, zeros elsewhere.
    fn max_unpool1d(input: Tensor, indices: Tensor, kernel_size: Ints, stride: OptInts = None, padding: Ints = [0], output_size: OptInts = None) -> Tensor = {
        unpool(input, indices, kernel_size, stride, padding, output_size, 1)
    } { .cast(Cast::Single).functional() }

    /// Elements put back at the places that `max_pool2d` gave, zeros elsewhere.
    fn max_unpool2d(input: Tensor, indices: Tensor, kernel_size: Ints, stride: OptInts = None, padding: Ints = [0], output_size: OptInts = None) -> Tensor = {
        unpool(input, indices, kernel_size, stride, padding, output_size, 2)
    } { .cast(Cast::Single).functional() }

    /// Elements put back at the places that `max_pool3d` gave, zeros elsewhere.
    fn max_unpool3d(input: Tensor, indices: Tensor, kernel_size: Ints, stride: OptInts = None, padding: Ints = [0], output_size: OptInts = None) -> Tensor = {
        unpool(input, indices, kernel_size, stride, padding, output_size, 3)
    } { .cast(Cast::Single).functional() }
}
