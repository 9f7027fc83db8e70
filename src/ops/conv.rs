//! Convolutions and their transposes. All of them are `convolution`; its gradients are a convolution, a transposed one,
//! and `_conv_weight`, so that gradients of gradients come by themselves.

use super::matmul::ctype;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::conv::{self as kernel, ConvShape};
use crate::op::arg::Ctx;
use crate::op::autocast::Cast;
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::shape::{self, Dims};
use crate::tensor::graph::Grads;
use crate::tensor::{Tensor, mode};
use smallvec::smallvec;

/// The settings of a convolution, one number for each spatial dimension.
struct Geometry {
    stride: Dims,
    padding: Dims,
    dilation: Dims,
    output_padding: Dims,
    transposed: bool,
    groups: i64,
}

/// One number for each of `n` dimensions; a single one stands for all.
fn each(v: &[i64], n: usize, name: &str) -> Result<Dims> {
    match v.len() {
        1 => Ok(Dims::from_elem(v[0], n)),
        k if k == n => Ok(v.into()),
        _ => bail!(
            Runtime,
            "expected {name} to be a single integer value or a list of {n} values to match the convolution dimensions, but got \
             {name}={}",
            shape::show(v)
        ),
    }
}

impl Geometry {
    fn new(n: usize, v: [&[i64]; 4], transposed: bool, groups: i64) -> Result<Geometry> {
        let g = Geometry {
            stride: each(v[0], n, "stride")?,
            padding: each(v[1], n, "padding")?,
            dilation: each(v[2], n, "dilation")?,
            output_padding: each(v[3], n, "output_padding")?,
            transposed,
            groups,
        };
        if g.padding.iter().any(|&p| p < 0) {
            bail!(Runtime, "negative padding is not supported");
        }
        if g.output_padding.iter().any(|&p| p < 0) {
            bail!(Runtime, "negative output_padding is not supported");
        }
        if g.stride.iter().any(|&s| s <= 0) {
            bail!(Runtime, "non-positive stride is not supported");
        }
        if g.dilation.iter().any(|&d| d <= 0) {
            bail!(Runtime, "dilation should be greater than zero, but got {}", shape::show(&g.dilation));
        }
        if groups <= 0 {
            bail!(Runtime, "non-positive groups is not supported");
        }
        Ok(g)
    }

    /// Of a call of `convolution`, whose weight has `n` spatial dimensions.
    fn of(cx: &Ctx, n: usize) -> Result<Geometry> {
        Geometry::new(n, [cx.ints(3)?, cx.ints(4)?, cx.ints(5)?, cx.ints(7)?], cx.bool(6)?, cx.int(8)?)
    }

    /// The spatial sizes of the result.
    fn output(&self, input: &[i64], kernel: &[i64]) -> Result<Dims> {
        let n = kernel.len();
        let span = |i: usize| self.dilation[i].saturating_mul(kernel[i] - 1).saturating_add(1);
        let padded = |i: usize| input[i].saturating_add(self.padding[i].saturating_mul(2));
        if !self.transposed {
            if (0..n).any(|i| padded(i) < span(i)) {
                let (p, s): (Vec<_>, Vec<_>) = (0..n).map(|i| (padded(i), span(i))).unzip();
                bail!(
                    Runtime,
                    "Calculated padded input size per channel: ({}). Kernel size: ({}). Kernel size can't be greater than actual \
                     input size",
                    by(&p),
                    by(&s)
                );
            }
            return Ok((0..n).map(|i| (padded(i) - span(i)) / self.stride[i] + 1).collect());
        }
        if (0..n).any(|i| self.output_padding[i] >= self.stride[i].max(self.dilation[i])) {
            bail!(
                Runtime,
                "output padding must be smaller than either stride or dilation, but got output_padding={}, stride={}, dilation={}",
                shape::show(&self.output_padding),
                shape::show(&self.stride),
                shape::show(&self.dilation)
            );
        }
        let out: Dims = (0..n)
            .map(|i| {
                (input[i] - 1).saturating_mul(self.stride[i]) - 2 * self.padding[i] + span(i) + self.output_padding[i]
            })
            .collect();
        if out.iter().any(|&o| o < 1) {
            bail!(
                Runtime,
                "Given input size per channel: ({}). Calculated output size per channel: ({}). Output size is too small",
                by(input),
                by(&out)
            );
        }
        Ok(out)
    }

    /// For the kernels: `x` and `y` are input and output of the convolution that is not transposed.
    fn kernel(&self, x: &[i64], w: &[i64], y: &[i64]) -> ConvShape {
        ConvShape {
            n: x[0] as usize,
            groups: self.groups as usize,
            cin: w[1] as usize,
            cout: (w[0] / self.groups) as usize,
            in_sizes: three(&x[2..], 1),
            out_sizes: three(&y[2..], 1),
            kernel: three(&w[2..], 1),
            stride: three(&self.stride, 1),
            padding: three(&self.padding, 0),
            dilation: three(&self.dilation, 1),
        }
    }

    /// `convolution` with these settings.
    fn run(&self, x: &Tensor, w: &Tensor) -> Result<Tensor> {
        ops::convolution(
            x,
            w,
            None,
            &self.stride,
            &self.padding,
            &self.dilation,
            self.transposed,
            &self.output_padding,
            self.groups,
        )
    }

    /// What `x`, of these sizes, adds to the loss when its convolution with `w` has the gradient `g`.
    fn to_input(&self, g: &Tensor, w: &Tensor, sizes: &[i64]) -> Result<Tensor> {
        let (gs, ws) = (g.sizes(), w.sizes());
        let missing = (0..self.stride.len())
            .map(|i| {
                let least =
                    (gs[i + 2] - 1) * self.stride[i] - 2 * self.padding[i] + self.dilation[i] * (ws[i + 2] - 1) + 1;
                sizes[i + 2] - least
            })
            .collect();
        self.with(true, missing).run(g, w)
    }

    /// The convolution of `x` with `w`, as large as `sizes` (an output padding beyond the stride would give more).
    fn to_output(&self, x: &Tensor, w: &Tensor, sizes: &[i64]) -> Result<Tensor> {
        let mut y = self.with(false, Dims::from_elem(0, self.stride.len())).run(x, w)?;
        for (d, &s) in sizes.iter().enumerate().skip(2) {
            if y.size_at(d) != s {
                y = ops::narrow(&y, d as i64, 0, s)?;
            }
        }
        Ok(y)
    }

    fn with(&self, transposed: bool, output_padding: Dims) -> Geometry {
        Geometry {
            stride: self.stride.clone(),
            padding: self.padding.clone(),
            dilation: self.dilation.clone(),
            output_padding,
            transposed,
            groups: self.groups,
        }
    }
}

/// `2 x 3`.
fn by(s: &[i64]) -> String {
    s.iter().map(i64::to_string).collect::<Vec<_>>().join(" x ")
}

/// Sizes as three, filled up in front.
pub(super) fn three(s: &[i64], fill: usize) -> [usize; 3] {
    let mut out = [fill; 3];
    let skip = 3usize.saturating_sub(s.len());
    for (o, &v) in out.iter_mut().skip(skip).zip(s) {
        *o = v as usize;
    }
    out
}

/// The tensor, dense and in order.
pub(super) fn dense(t: &Tensor) -> Result<Tensor> {
    if t.is_contiguous() { Ok(t.clone()) } else { t.copied(t.dtype()) }
}

fn conj(t: &Tensor) -> Result<Tensor> {
    if t.dtype().is_complex() { ops::conj_physical(t) } else { Ok(t.clone()) }
}

fn meta(cx: &Ctx) -> Result<Metas> {
    let (x, w, bias) = (cx.tensor(0)?, cx.tensor(1)?, cx.opt_tensor(2)?);
    let (xs, ws) = (x.sizes(), w.sizes());
    if ws.len() < 3 || ws.len() > 5 {
        bail!(
            Runtime,
            "convolution: the weight must have 3, 4 or 5 dimensions (channels and 1 to 3 spatial ones), but has {}",
            shape::show(&ws)
        );
    }
    let n = ws.len() - 2;
    let geo = Geometry::of(cx, n)?;
    if xs.len() != ws.len() {
        bail!(
            Runtime,
            "Expected {0}-dimensional input for {0}-dimensional weight {1}, but got {2}-dimensional input of size {3} instead",
            ws.len(),
            shape::show(&ws),
            xs.len(),
            shape::show(&xs)
        );
    }
    let g = geo.groups;
    if ws[0] < g {
        bail!(
            Runtime,
            "Given groups={g}, expected weight to be at least {g} at dimension 0, but got weight of size {} instead",
            shape::show(&ws)
        );
    }
    if ws[0] % g != 0 {
        bail!(
            Runtime,
            "Given groups={g}, expected weight to be divisible by {g} at dimension 0, but got weight of size [{}] instead",
            shape::show(&ws)
        );
    }
    let (want, channels) = if geo.transposed { (ws[0], ws[1] * g) } else { (ws[1] * g, ws[0]) };
    if xs[1] != want {
        let how = if geo.transposed { "transposed=1".to_string() } else { format!("groups={g}") };
        bail!(
            Runtime,
            "Given {how}, weight of size {}, expected input{} to have {want} channels, but got {} channels instead\nThe \
             channels are the input's dimension 1, and a layer for this input has in_channels={}.",
            shape::show(&ws),
            shape::show(&xs),
            xs[1],
            xs[1]
        );
    }
    if let Some(b) = bias
        && (b.ndim() != 1 || b.size_at(0) != channels)
    {
        let how = if geo.transposed { "transposed=1, " } else { "" };
        bail!(
            Runtime,
            "Given {how}weight of size {}, expected bias to be 1-dimensional with {channels} elements, but got bias of size {} instead",
            shape::show(&ws),
            shape::show(&b.sizes())
        );
    }
    let d = x.dtype();
    if let Some(b) = bias.filter(|b| b.dtype() != d) {
        bail!(
            Runtime,
            "Input type ({}) and bias type ({}) should be the same\nconvolution: convert one with .to(), or the input with .float()",
            ctype(d),
            ctype(b.dtype())
        );
    }
    if w.dtype() != d {
        bail!(
            Runtime,
            "expected scalar type {} but found {}\nconvolution: input and weight must have the same dtype; convert one with .to()",
            d.c10_name(),
            w.dtype().c10_name()
        );
    }
    if ws[2..].iter().any(|&k| k < 1) {
        bail!(Runtime, "kernel size should be greater than zero, but got a weight of size {}", shape::show(&ws));
    }
    if d == DType::Bool {
        bail!(NotImplemented, "\"slow_conv{n}d_cpu\" not implemented for 'Bool'");
    }
    let mut out: Dims = smallvec![xs[0], channels];
    out.extend(geo.output(&xs[2..], &ws[2..])?);
    shape::numel(&out)?;
    Ok(smallvec![Meta::new(out, d)])
}

/// A kernel that is linear in two tensors, called for real ones.
type Bilinear<'a> = &'a dyn Fn(DType, &Tensor, &Tensor, Option<&Tensor>, &Tensor) -> Result<()>;

/// `out = f(a, b) + bias`, by real and imaginary parts where they are complex.
fn bilinear(a: &Tensor, b: &Tensor, bias: Option<&Tensor>, out: &Tensor, f: Bilinear) -> Result<()> {
    let d = out.dtype();
    if !d.is_complex() {
        let bias = bias.map(dense).transpose()?;
        return f(d, &dense(a)?, &dense(b)?, bias.as_ref(), out);
    }
    let _off = mode::NoGrad::new();
    let real = if d == DType::C128 { DType::F64 } else { DType::F32 };
    let parts = |t: &Tensor| -> Result<[Tensor; 2]> {
        let t = dense(t)?;
        Ok([ops::real(&t)?.copied(real)?, ops::imag(&t)?.copied(real)?])
    };
    let ([ar, ai], [br, bi]) = (parts(a)?, parts(b)?);
    let bias = bias.map(parts).transpose()?;
    let run = |x: &Tensor, y: &Tensor, c: Option<&Tensor>| -> Result<Tensor> {
        let t = Tensor::empty(&out.sizes(), real, out.device())?;
        f(real, x, y, c, &t)?;
        Ok(t)
    };
    let (rr, ii) = (run(&ar, &br, bias.as_ref().map(|b| &b[0]))?, run(&ai, &bi, None)?);
    let (ri, ir) = (run(&ar, &bi, bias.as_ref().map(|b| &b[1]))?, run(&ai, &br, None)?);
    ops::real(out)?.copy_raw(&ops::sub((&rr).into(), (&ii).into(), None)?)?;
    ops::imag(out)?.copy_raw(&ops::add((&ri).into(), (&ir).into(), None)?)
}

fn run(cx: &Ctx, out: &Tensor) -> Result<()> {
    let (x, w, bias) = (cx.tensor(0)?, cx.tensor(1)?, cx.opt_tensor(2)?);
    let geo = Geometry::of(cx, w.ndim() - 2)?;
    bilinear(x, w, bias, out, &|d, x, w, bias, y| {
        let (small, large) = if geo.transposed { (x, y) } else { (y, x) };
        let s = geo.kernel(&large.sizes(), &w.sizes(), &small.sizes());
        let (x, w, y) = (x.body().clone(), w.body().clone(), y.body().clone());
        let bias = bias.map(|b| b.body().clone());
        let b = bias.as_ref().map(|b| b.ptr().cast_const());
        // SAFETY: all are dense, of the sizes that the meta function checked; `y` is new.
        unsafe {
            match geo.transposed {
                false => kernel::forward(&s, d, x.ptr(), w.ptr(), b, y.ptr()),
                true => kernel::grad_input(&s, d, x.ptr(), w.ptr(), b, y.ptr()),
            }
        }
    })
}

fn grad(b: &Bw) -> Result<Grads> {
    let g = b.g()?;
    let (x, w) = (b.tensor(0)?, b.tensor(1)?);
    let transposed = b.bool(6);
    let geo = Geometry::new(w.ndim() - 2, [b.ints(3), b.ints(4), b.ints(5), b.ints(7)], transposed, b.int(8)?)?;
    let dx = b.when(0, || {
        let w = conj(w)?;
        if transposed { geo.to_output(&g, &w, &x.sizes()) } else { geo.to_input(&g, &w, &x.sizes()) }
    })?;
    let dw = b.when(1, || {
        let x = conj(x)?;
        let (large, small) = if transposed { (&g, &x) } else { (&x, &g) };
        ops::_conv_weight(large, small, &w.sizes(), &geo.stride, &geo.padding, &geo.dilation, geo.groups)
    })?;
    let mut out: Grads = smallvec![dx, dw];
    if b.given(2) {
        let others: Dims = (0..g.ndim() as i64).filter(|&d| d != 1).collect();
        out.push(b.when(2, || ops::sum(&g, Some(&others), false, None))?);
    }
    Ok(out)
}

fn weight_meta(cx: &Ctx) -> Result<Metas> {
    let (x, g) = (cx.tensor(0)?, cx.tensor(1)?);
    cx.same_dtype(x, g)?;
    let (xs, gs, ws) = (x.sizes(), g.sizes(), cx.ints(2)?);
    cx.belong((3..=5).contains(&ws.len()) && xs.len() == ws.len() && gs.len() == ws.len() && xs[0] == gs[0])?;
    let geo = weight_geometry(ws.len() - 2, [cx.ints(3)?, cx.ints(4)?, cx.ints(5)?], cx.int(6)?)?;
    cx.belong(ws.iter().all(|&s| s >= 0) && ws[0] % geo.groups == 0 && gs[1] == ws[0])?;
    cx.belong(ws[1].checked_mul(geo.groups) == Some(xs[1]))?;
    // Of a transposed convolution the larger side may have elements that no window reaches.
    let reached = geo.output(&xs[2..], &ws[2..])?;
    cx.belong(reached.iter().zip(&gs[2..]).all(|(&r, &s)| s <= r))?;
    Ok(smallvec![Meta::new(ws, x.dtype())])
}

fn weight_geometry(n: usize, v: [&[i64]; 3], groups: i64) -> Result<Geometry> {
    Geometry::new(n, [v[0], v[1], v[2], &[0]], false, groups)
}

fn weight(cx: &Ctx, out: &Tensor) -> Result<()> {
    let (x, g) = (cx.tensor(0)?, cx.tensor(1)?);
    let geo = weight_geometry(out.ndim() - 2, [cx.ints(3)?, cx.ints(4)?, cx.ints(5)?], cx.int(6)?)?;
    bilinear(x, g, None, out, &|d, x, g, _, dw| {
        let s = geo.kernel(&x.sizes(), &dw.sizes(), &g.sizes());
        let (x, g, dw) = (x.body().clone(), g.body().clone(), dw.body().clone());
        // SAFETY: all are dense, of the sizes of one convolution; `dw` is new.
        unsafe { kernel::grad_weight(&s, d, x.ptr(), g.ptr(), dw.ptr()) }
    })
}

/// What conv1d and its like do with their arguments before `convolution`.
struct Call<'a> {
    name: &'static str,
    n: usize,
    input: &'a Tensor,
    weight: &'a Tensor,
    bias: Option<&'a Tensor>,
    stride: &'a [i64],
    dilation: &'a [i64],
    groups: i64,
}

impl Call<'_> {
    fn run(&self, padding: &[i64], output_padding: Option<&[i64]>) -> Result<Tensor> {
        let (rank, n) = (self.input.ndim(), self.n);
        if rank != n + 1 && rank != n + 2 {
            bail!(
                Runtime,
                "Expected {}D (unbatched) or {}D (batched) input to {}, but got input of size: {}\nThe dimensions are (C, {4}) or \
                 (N, C, {4}): add those that are missing with unsqueeze(0).",
                n + 1,
                n + 2,
                self.name,
                shape::show(&self.input.sizes()),
                ["L", "H, W", "D, H, W"][n - 1]
            );
        }
        let batched;
        let x = match rank == n + 1 {
            true => {
                batched = ops::unsqueeze(self.input, 0)?;
                &batched
            }
            false => self.input,
        };
        let y = ops::convolution(
            x,
            self.weight,
            self.bias,
            self.stride,
            padding,
            self.dilation,
            output_padding.is_some(),
            output_padding.unwrap_or(&[0]),
            self.groups,
        )?;
        if rank == n + 1 { ops::squeeze_dim(&y, 0) } else { Ok(y) }
    }

    /// `padding` by name.
    fn named(&self, padding: &str) -> Result<Tensor> {
        match padding {
            "valid" => return self.run(&[0], None),
            "same" => {}
            p => bail!(Runtime, "Invalid padding string: '{p}'\n{}: padding is 'same', 'valid' or numbers", self.name),
        }
        if self.stride.iter().any(|&s| s != 1) {
            bail!(Runtime, "padding='same' is not supported for strided convolutions");
        }
        let (n, ws) = (self.n, self.weight.sizes());
        if ws.len() != n + 2 {
            return self.run(&[0], None);
        }
        let dilation = each(self.dilation, n, "dilation")?;
        let total: Dims = (0..n).map(|i| dilation[i] * (ws[i + 2] - 1)).collect();
        let left: Dims = total.iter().map(|t| t / 2).collect();
        if total.iter().all(|t| t % 2 == 0) {
            return self.run(&left, None);
        }
        // One more element behind where the sum is odd.
        let more: Dims = (0..n).rev().flat_map(|i| [0, total[i] % 2]).collect();
        let input = ops::constant_pad_nd(self.input, &more, 0.into())?;
        Call { input: &input, ..*self }.run(&left, None)
    }
}

macro_rules! call {
    ($name:literal, $n:literal, $input:ident, $weight:ident, $bias:ident, $stride:ident, $dilation:ident, $groups:ident) => {
        Call {
            name: $name,
            n: $n,
            input: $input,
            weight: $weight,
            bias: $bias,
            stride: $stride,
            dilation: $dilation,
            groups: $groups,
        }
    };
}

/// In both name spaces, no method.
const SPACES: &[&str] = &["", "nn.functional"];

ops! {
    /// The convolution that all others are made of, in one to three dimensions, or its transpose.
    fn convolution(input: Tensor, weight: Tensor, bias: OptTensor, stride: Ints, padding: Ints, dilation: Ints, transposed: Bool, output_padding: Ints, groups: Int) -> Tensor {
        .kernel(meta, |cx, out| run(cx, &out[0]), "conv.cu", Batch::Fold).grad(&[0, 1], &[], grad).with(flag::NO_METHOD)
    }

    /// The gradient of a convolution with respect to its weight.
    fn _conv_weight(input: Tensor, grad: Tensor, weight_size: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: Int) -> Tensor {
        .kernel(weight_meta, |cx, out| weight(cx, &out[0]), "conv.cu", Batch::Loop).grad(&[0, 1], &[], |b| {
            let (v, x, g) = (b.g()?, b.tensor(0)?, b.tensor(1)?);
            let geo = weight_geometry(v.ndim() - 2, [b.ints(3), b.ints(4), b.ints(5)], b.int(6)?)?;
            Ok(smallvec![
                b.when(0, || geo.to_input(&conj(g)?, &v, &x.sizes()))?,
                b.when(1, || geo.to_output(&conj(x)?, &v, &g.sizes()))?
            ])
        }).node("ConvolutionBackwardBackward0").with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// Convolution over sequences (N, C_in, L) or (C_in, L), with a weight (C_out, C_in / groups, K).
    fn conv1d(input: Tensor, weight: Tensor, bias: OptTensor = None, stride: Ints = [1], padding: Ints = [0], dilation: Ints = [1], groups: Int = 1) -> Tensor = {
        call!("conv1d", 1, input, weight, bias, stride, dilation, groups).run(padding, None)
    } { .cast(Cast::Lower).spaces(SPACES).with(flag::NO_METHOD) }

    /// `conv1d` with padding 'same' or 'valid'.
    "conv1d.padding" fn conv1d_padding(input: Tensor, weight: Tensor, bias: OptTensor = None, stride: Ints = [1], padding: Str = "valid", dilation: Ints = [1], groups: Int = 1) -> Tensor = {
        call!("conv1d", 1, input, weight, bias, stride, dilation, groups).named(padding)
    } { .cast(Cast::Lower).spaces(SPACES).with(flag::NO_METHOD) }

    /// Convolution over images (N, C_in, H, W) or (C_in, H, W), with a weight (C_out, C_in / groups, kH, kW).
    fn conv2d(input: Tensor, weight: Tensor, bias: OptTensor = None, stride: Ints = [1], padding: Ints = [0], dilation: Ints = [1], groups: Int = 1) -> Tensor = {
        call!("conv2d", 2, input, weight, bias, stride, dilation, groups).run(padding, None)
    } { .cast(Cast::Lower).spaces(SPACES).with(flag::NO_METHOD) }

    /// `conv2d` with padding 'same' or 'valid'.
    "conv2d.padding" fn conv2d_padding(input: Tensor, weight: Tensor, bias: OptTensor = None, stride: Ints = [1], padding: Str = "valid", dilation: Ints = [1], groups: Int = 1) -> Tensor = {
        call!("conv2d", 2, input, weight, bias, stride, dilation, groups).named(padding)
    } { .cast(Cast::Lower).spaces(SPACES).with(flag::NO_METHOD) }

    /// Convolution over volumes (N, C_in, D, H, W) or (C_in, D, H, W), with a weight (C_out, C_in / groups, kD, kH, kW).
    fn conv3d(input: Tensor, weight: Tensor, bias: OptTensor = None, stride: Ints = [1], padding: Ints = [0], dilation: Ints = [1], groups: Int = 1) -> Tensor = {
        call!("conv3d", 3, input, weight, bias, stride, dilation, groups).run(padding, None)
    } { .cast(Cast::Lower).spaces(SPACES).with(flag::NO_METHOD) }

    /// `conv3d` with padding 'same' or 'valid'.
    "conv3d.padding" fn conv3d_padding(input: Tensor, weight: Tensor, bias: OptTensor = None, stride: Ints = [1], padding: Str = "valid", dilation: Ints = [1], groups: Int = 1) -> Tensor = {
        call!("conv3d", 3, input, weight, bias, stride, dilation, groups).named(padding)
    } { .cast(Cast::Lower).spaces(SPACES).with(flag::NO_METHOD) }

    /// The transpose of `conv1d`, with a weight (C_in, C_out / groups, K).
    fn conv_transpose1d(input: Tensor, weight: Tensor, bias: OptTensor = None, stride: Ints = [1], padding: Ints = [0], output_padding: Ints = [0], groups: Int = 1, dilation: Ints = [1]) -> Tensor = {
        call!("conv_transpose1d", 1, input, weight, bias, stride, dilation, groups).run(padding, Some(output_padding))
    } { .cast(Cast::Lower).spaces(SPACES).with(flag::NO_METHOD) }

    /// The transpose of `conv2d`, with a weight (C_in, C_out / groups, kH, kW).
    fn conv_transpose2d(input: Tensor, weight: Tensor, bias: OptTensor = None, stride: Ints = [1], padding: Ints = [0], output_padding: Ints = [0], groups: Int = 1, dilation: Ints = [1]) -> Tensor = {
        call!("conv_transpose2d", 2, input, weight, bias, stride, dilation, groups).run(padding, Some(output_padding))
    } { .cast(Cast::Lower).spaces(SPACES).with(flag::NO_METHOD) }

    /// The transpose of `conv3d`, with a weight (C_in, C_out / groups, kD, kH, kW).
    fn conv_transpose3d(input: Tensor, weight: Tensor, bias: OptTensor = None, stride: Ints = [1], padding: Ints = [0], output_padding: Ints = [0], groups: Int = 1, dilation: Ints = [1]) -> Tensor = {
        call!("conv_transpose3d", 3, input, weight, bias, stride, dilation, groups).run(padding, Some(output_padding))
    } { .cast(Cast::Lower).spaces(SPACES).with(flag::NO_METHOD) }

    /// Convolution over sequences (time, batch, C_in), with a weight (K, C_in, C_out).
    fn conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: Int = 0) -> Tensor = {
        if input.ndim() != 3 || weight.ndim() != 3 || bias.ndim() != 1 {
            bail!(
                Runtime,
                "conv_tbc: input and weight must have 3 dimensions and bias 1, but they have {}, {} and {}",
                input.ndim(),
                weight.ndim(),
                bias.ndim()
            );
        }
        let x = ops::permute(input, &[1, 2, 0])?;
        let w = ops::permute(weight, &[2, 1, 0])?;
        ops::permute(&ops::conv1d(&x, &w, Some(bias), &[1], &[pad], &[1], 1)?, &[2, 0, 1])
    } { .cast(Cast::Lower).spaces(SPACES) }
}
