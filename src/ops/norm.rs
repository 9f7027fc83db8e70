//! Normalization: of channels over the batch (batch and instance norm), of rows (layer, group and RMS norm), and of
//! neighbouring channels. Statistics come as further results of the `native_` forms, in float for half types.
// Parameters are called what PyTorch calls them: N, C, HxW.
#![allow(non_snake_case)]

use super::conv::dense;
use super::norm_grad::{Second, Statistics};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::norm::channels::{self, Channels};
use crate::kernels::cpu::norm::compute_type;
use crate::kernels::cpu::norm::rows::{self, Rows};
use crate::op::arg::{Ctx, not_implemented};
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::shape::{self, Dims};
use crate::tensor::create::{read, write};
use crate::tensor::graph::Grads;
use crate::tensor::{Body, Tensor, mode};
use smallvec::smallvec;

const SPACES: &[&str] = &["", "nn.functional"];

/// Dense, in order, and of the compute type of `d`.
fn plain(t: &Tensor, d: DType) -> Result<Tensor> {
    let d = compute_type(d);
    if t.dtype() == d { dense(t) } else { t.copied(d) }
}

fn opt_plain(t: Option<&Tensor>, d: DType) -> Result<Option<Tensor>> {
    t.map(|t| plain(t, d)).transpose()
}

/// The address of what a body holds, null for nothing. The body must outlive the address.
fn address(b: &Option<Body>) -> *mut u8 {
    b.as_ref().map_or(std::ptr::null_mut(), |b| b.ptr())
}

fn body(t: &Tensor) -> Body {
    t.body().clone()
}

/// Floats, and parameters of the same dtype or (for half types) of float.
fn check_types(x: DType, name: &str, others: &[Option<&Tensor>]) -> Result<()> {
    if !x.is_float() {
        return Err(not_implemented(name, x));
    }
    for t in others.iter().flatten() {
        let d = t.dtype();
        if d != x && d != compute_type(x) {
            bail!(
                Runtime,
                "mixed dtype (CPU): all inputs must share same datatype.\n{name}: the input is {} and a parameter {}; \
                 convert one with .to()",
                x.name(),
                d.name()
            );
        }
    }
    Ok(())
}

fn three(s: &[i64]) -> Channels {
    Channels { n: s[0] as usize, c: s[1] as usize, s: s[2..].iter().product::<i64>() as usize }
}

fn batch_meta(cx: &Ctx) -> Result<Metas> {
    let x = cx.tensor(0)?;
    let s = x.sizes();
    if s.len() < 2 {
        bail!(
            Runtime,
            "batch_norm: the input must have at least 2 dimensions (batch and channels), but has shape {}",
            shape::show(&s)
        );
    }
    let train = cx.bool(5)?;
    let mut all = [None; 4];
    for (i, name) in [(3, "running_mean"), (4, "running_var"), (1, "weight"), (2, "bias")] {
        let t = cx.opt_tensor(i)?;
        all[i - 1] = t;
        match t {
            Some(t) if t.numel() != s[1] => bail!(
                Runtime,
                "{name} should contain {0} elements not {1}\nThe input of shape {2} has {0} channels (dimension 1), and the \
                 layer was made for num_features={1}.",
                s[1],
                t.numel(),
                shape::show(&s)
            ),
            None if i > 2 && !train => bail!(Runtime, "{name} must be defined in evaluation mode"),
            _ => {}
        }
    }
    check_types(x.dtype(), "batch_norm", &all)?;
    let eps = cx.float(7)?;
    if train && eps <= 0.0 {
        bail!(Value, "batch_norm eps must be positive during training, but got {eps:?}");
    }
    let stat = Meta::new([if train { s[1] } else { 0 }].as_slice(), compute_type(x.dtype()));
    Ok(smallvec![Meta::new(s, x.dtype()), stat.clone(), stat])
}

/// `running = (1 - momentum) * running + momentum * new`. PyTorch counts no version for this, so that two forward passes
/// may stand before one backward pass; neither do we.
fn average(running: Option<&Tensor>, new: &Tensor, momentum: f64, scale: f64) {
    let Some(t) = running else { return };
    let (to, from) = (body(t), body(new));
    let (c, step) = (from.numel as isize, to.layout.strides.first().copied().unwrap_or(1) as isize);
    for i in 0..c {
        // SAFETY: both have one element for each channel; the bodies are held.
        unsafe {
            let p = to.ptr().offset(i * step * to.dtype.size() as isize);
            let v = read(from.ptr().offset(i * from.dtype.size() as isize), from.dtype).f64() * scale;
            write(p, to.dtype, ((1.0 - momentum) * read(p, to.dtype).f64() + momentum * v).into());
        }
    }
}

fn batch_run(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let x = dense(cx.tensor(0)?)?;
    let (d, z, eps, train) = (x.dtype(), three(&x.sizes()), cx.float(7)?, cx.bool(5)?);
    let (w, b) = (opt_plain(cx.opt_tensor(1)?, d)?, opt_plain(cx.opt_tensor(2)?, d)?);
    let (mean, rstd);
    if x.numel() == 0 {
        return out[1..].iter().try_for_each(|t| t.fill_raw(0.into()));
    }
    if train {
        (mean, rstd) = (out[1].clone(), out[2].clone());
        let var = Tensor::empty(&mean.sizes(), mean.dtype(), mean.device())?;
        let (xb, m, r, v) = (body(&x), body(&mean), body(&rstd), body(&var));
        // SAFETY: dense tensors of the sizes and of the compute type; the results are new.
        unsafe { channels::statistics(&z, d, eps, xb.ptr(), m.ptr(), r.ptr(), v.ptr())? };
        let n = (z.n * z.s) as f64;
        average(cx.opt_tensor(3)?, &mean, cx.float(6)?, 1.0);
        average(cx.opt_tensor(4)?, &var, cx.float(6)?, n / (n - 1.0));
    } else {
        (mean, rstd) = fixed(cx.opt_tensor(3)?, cx.opt_tensor(4)?, d, eps)?;
    }
    let (xb, yb, m, r) = (body(&x), body(&out[0]), body(&mean), body(&rstd));
    let (w, b) = (w.as_ref().map(body), b.as_ref().map(body));
    // SAFETY: dense tensors of the sizes, statistics and weights of the compute type; the result is new.
    unsafe { channels::apply(&z, d, xb.ptr(), m.ptr(), r.ptr(), address(&w), address(&b), yb.ptr()) }
}

/// Running statistics as mean and 1 / sqrt(variance + eps), of the compute type.
fn fixed(mean: Option<&Tensor>, var: Option<&Tensor>, d: DType, eps: f64) -> Result<(Tensor, Tensor)> {
    let (Some(mean), Some(var)) = (mean, var) else {
        bail!(Runtime, "running_mean must be defined in evaluation mode")
    };
    let _off = mode::NoGrad::new();
    let var = ops::add((&plain(var, d)?).into(), eps.into(), None)?;
    Ok((plain(mean, d)?, ops::rsqrt(&var)?))
}

fn batch_grad(b: &Bw) -> Result<Grads> {
    let (x, w, train, eps) = (b.tensor(0)?, b.opt_tensor(1)?, b.bool(5), b.scalar(7).f64());
    let (mean, rstd) = match train {
        true => (b.out(1)?.detached(), b.out(2)?.detached()),
        false => fixed(b.opt_tensor(3)?, b.opt_tensor(4)?, x.dtype(), eps)?,
    };
    let [dx, dw, db] = ops::_batch_norm_backward(&b.g()?, x, w, &mean, &rstd, train, eps)?;
    let mut out = given(b, [1, 2], [dx, dw, db])?;
    out.extend((3..5).filter(|&i| b.given(i)).map(|_| None));
    Ok(out)
}

fn batch_back(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let (g, x) = (dense(cx.tensor(0)?)?, dense(cx.tensor(1)?)?);
    if x.numel() == 0 {
        return out[1..].iter().try_for_each(|t| t.fill_raw(0.into()));
    }
    let d = x.dtype();
    let w = opt_plain(cx.opt_tensor(2)?, d)?.as_ref().map(body);
    let (mean, rstd) = (plain(cx.tensor(3)?, d)?, plain(cx.tensor(4)?, d)?);
    let (g, xb, m, r) = (body(&g), body(&x), body(&mean), body(&rstd));
    let (dx, dw, db) = (body(&out[0]), body(&out[1]), body(&out[2]));
    let z = three(&x.sizes());
    // SAFETY: dense tensors of the sizes, statistics and weights of the compute type; the results are new.
    unsafe {
        channels::backward(
            &z,
            d,
            cx.bool(5)?,
            xb.ptr(),
            g.ptr(),
            m.ptr(),
            r.ptr(),
            address(&w),
            dx.ptr(),
            dw.ptr(),
            db.ptr(),
        )
    }
}

/// One number for each channel of a tensor of this rank, to be broadcast.
fn by_channel(t: &Tensor, rank: usize) -> Result<Tensor> {
    let mut s = Dims::from_elem(1, rank);
    s[1] = t.numel();
    ops::reshape(t, &s)
}

fn batch_second(b: &Bw) -> Result<Grads> {
    let (g, x, w) = (b.tensor(0)?, b.tensor(1)?, b.opt_tensor(2)?);
    let rank = x.ndim();
    let wide = |t: Option<Tensor>| t.map(|t| by_channel(&t, rank)).transpose();
    let dims: Dims = (0..rank as i64).filter(|&d| d != 1).collect();
    let statistics = match b.bool(5) {
        true => Statistics::Of { dims: &dims, eps: b.scalar(6).f64(), centred: true },
        false => Statistics::Fixed { mean: by_channel(b.tensor(3)?, rank)?, rstd: by_channel(b.tensor(4)?, rank)? },
    };
    let grad = |k: usize| b.has_grad(k).then(|| b.grad_of(k)).transpose();
    let s = Second { g, x, w: wide(w.cloned())?, v: grad(0)?, vw: wide(grad(1)?)?, vb: wide(grad(2)?)? };
    let [dg, dx, dw] = s.run(&statistics)?;
    let mut out: Grads = smallvec![dg, dx];
    if b.given(2) {
        out.push(dw.map(|t| ops::sum(&t, Some(&dims), false, None)).transpose()?);
    }
    out.extend([None, None]);
    Ok(out)
}

/// What layer, group and RMS norm make of their arguments.
struct Split {
    z: Rows,
    /// Sizes of the statistics.
    statistics: Dims,
}

/// The last dimensions are the row.
fn layer_split(x: &Tensor, normalized: &[i64], centred: bool) -> Result<Split> {
    let (s, k) = (x.sizes(), normalized.len());
    if k == 0 {
        bail!(
            Runtime,
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got \
             normalized_shape = []"
        );
    }
    if s.len() < k || s[s.len() - k..] != *normalized {
        let list = normalized.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        bail!(
            Runtime,
            "Given normalized_shape=[{list}], expected input with shape [*, {list}], but got input of size{}",
            shape::show(&s)
        );
    }
    let lead = s.len() - k;
    let z = Rows {
        rows: s[..lead].iter().product::<i64>() as usize,
        groups: 1,
        cpr: normalized.iter().product::<i64>() as usize,
        s: 1,
        centred,
    };
    let statistics = s[..lead].iter().copied().chain(normalized.iter().map(|_| 1)).collect();
    Ok(Split { z, statistics })
}

fn check_parameters(normalized: &[i64], weight: Option<&Tensor>, bias: Option<&Tensor>) -> Result<()> {
    for (name, t) in [("weight", weight), ("bias", bias)] {
        if let Some(t) = t.filter(|t| t.sizes().as_slice() != normalized) {
            bail!(
                Runtime,
                "Expected {name} to be of same shape as normalized_shape, but got {name} of shape {} and normalized_shape = {}",
                shape::show(&t.sizes()),
                shape::show(normalized)
            );
        }
    }
    Ok(())
}

fn rows_meta(x: &Tensor, s: &Split) -> Metas {
    let stat = Meta::new(s.statistics.clone(), compute_type(x.dtype()));
    let y = Meta::new(x.sizes(), x.dtype());
    if s.z.centred { smallvec![y, stat.clone(), stat] } else { smallvec![y, stat] }
}

fn rows_run(
    s: &Split,
    x: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
    out: &[Tensor],
) -> Result<()> {
    if x.numel() == 0 {
        return out[1..].iter().try_for_each(|t| t.fill_raw(0.into()));
    }
    let x = dense(x)?;
    let d = x.dtype();
    let (w, b) = (opt_plain(weight, d)?.as_ref().map(body), opt_plain(bias, d)?.as_ref().map(body));
    let mean = s.z.centred.then(|| body(&out[1]));
    let (xb, y, rstd) = (body(&x), body(&out[0]), body(&out[out.len() - 1]));
    // SAFETY: dense tensors of the sizes, statistics and weights of the compute type; the results are new.
    unsafe { rows::forward(&s.z, d, eps, xb.ptr(), address(&w), address(&b), y.ptr(), address(&mean), rstd.ptr()) }
}

/// The kernel of the backward operators: grad, input, mean, rstd, weight are arguments 0 to 4.
fn rows_back(cx: &Ctx, s: &Split, out: &[Tensor]) -> Result<()> {
    let (g, x) = (dense(cx.tensor(0)?)?, dense(cx.tensor(1)?)?);
    if x.numel() == 0 {
        return out[1..].iter().try_for_each(|t| t.fill_raw(0.into()));
    }
    let d = x.dtype();
    let mean = opt_plain(cx.opt_tensor(2)?, d)?.as_ref().map(body);
    let w = opt_plain(cx.opt_tensor(4)?, d)?.as_ref().map(body);
    let rstd = plain(cx.tensor(3)?, d)?;
    let (g, x, rstd) = (body(&g), body(&x), body(&rstd));
    let (dx, dw, db) = (body(&out[0]), body(&out[1]), body(&out[2]));
    // SAFETY: dense tensors of the sizes, statistics and weights of the compute type; the results are new.
    unsafe {
        rows::backward(&s.z, d, x.ptr(), g.ptr(), address(&mean), rstd.ptr(), address(&w), dx.ptr(), dw.ptr(), db.ptr())
    }
}

/// Gradients of the backward operators of layer and RMS norm.
fn layer_second(b: &Bw) -> Result<Grads> {
    let (g, x, w) = (b.tensor(0)?, b.tensor(1)?, b.opt_tensor(4)?);
    let (rank, k) = (x.ndim() as i64, b.ints(5).len() as i64);
    let dims: Dims = (rank - k..rank).collect();
    let lead: Dims = (0..rank - k).collect();
    let grad = |k: usize| b.has_grad(k).then(|| b.grad_of(k)).transpose();
    let s = Second { g, x, w: w.cloned(), v: grad(0)?, vw: grad(1)?, vb: grad(2)? };
    let [dg, dx, dw] = s.run(&Statistics::Of { dims: &dims, eps: b.scalar(6).f64(), centred: b.given(2) })?;
    let mut out: Grads = smallvec![dg, dx];
    out.extend(b.given(2).then_some(None));
    out.push(None);
    if b.given(4) {
        out.push(dw.map(|t| if lead.is_empty() { Ok(t) } else { ops::sum(&t, Some(&lead), false, None) }).transpose()?);
    }
    Ok(out)
}

/// (N, C, *) as groups.
fn group_split(x: &Tensor, groups: i64) -> Result<Split> {
    let s = x.sizes();
    if s.len() < 2 {
        bail!(Runtime, "Expected at least 2 dimensions for input tensor but received {}", s.len());
    }
    if groups <= 0 {
        bail!(Runtime, "Expected num groups to be greater than 0, got {groups}");
    }
    if s[1] % groups != 0 {
        bail!(
            Runtime,
            "Expected number of channels in input to be divisible by num_groups, but got input of shape {} and num_groups={groups}",
            shape::show(&s)
        );
    }
    let z = Rows {
        rows: (s[0] * groups) as usize,
        groups: groups as usize,
        cpr: (s[1] / groups) as usize,
        s: s[2..].iter().product::<i64>() as usize,
        centred: true,
    };
    Ok(Split { z, statistics: smallvec![s[0], groups] })
}

fn group_second(b: &Bw) -> Result<Grads> {
    let (g, x, w, groups) = (b.tensor(0)?, b.tensor(1)?, b.opt_tensor(4)?, b.int(5)?);
    let s = x.sizes();
    let split = [s[0], groups, s[1] / groups, s[2..].iter().product()];
    let wide = |t: Option<Tensor>| t.map(|t| ops::reshape(&t, &[1, groups, split[2], 1])).transpose();
    let grad = |k: usize| b.has_grad(k).then(|| b.grad_of(k)).transpose();
    let (g4, x4) = (ops::reshape(g, &split)?, ops::reshape(x, &split)?);
    let v = grad(0)?.map(|v| ops::reshape(&v, &split)).transpose()?;
    let second = Second { g: &g4, x: &x4, w: wide(w.cloned())?, v, vw: wide(grad(1)?)?, vb: wide(grad(2)?)? };
    let [dg, dx, dw] = second.run(&Statistics::Of { dims: &[2, 3], eps: b.scalar(6).f64(), centred: true })?;
    let back = |t: Option<Tensor>| t.map(|t| ops::reshape(&t, &s)).transpose();
    let mut out: Grads = smallvec![back(dg)?, back(dx)?, None, None];
    if b.given(4) {
        let sum = |t: Tensor| ops::reshape(&ops::sum(&t, Some(&[0, 3]), false, None)?, &[s[1]]);
        out.push(dw.map(sum).transpose()?);
    }
    Ok(out)
}

/// Gradients of a forward operator with one, two or three tensors from those of the backward operator.
fn given(b: &Bw, at: [usize; 2], [dx, dw, db]: [Tensor; 3]) -> Result<Grads> {
    let mut out: Grads = smallvec![Some(dx)];
    for (i, t) in at.into_iter().zip([dw, db]) {
        if b.given(i) {
            let same = t.dtype() == b.dtype(i);
            out.push(Some(if same { t } else { ops::_to_dtype(&t, b.dtype(i), None)? }));
        }
    }
    Ok(out)
}

/// Of the backward operators, whose gradient and input are arguments 0 and 1: there are `rows` means and deviations, and
/// weights of the sizes `weights`.
fn back_meta(cx: &Ctx, [mean, rstd, w]: [Option<&Tensor>; 3], rows: i64, weights: &[i64]) -> Result<Metas> {
    let (g, x) = (cx.tensor(0)?, cx.tensor(1)?);
    cx.belong(g.sizes() == x.sizes() && g.dtype() == x.dtype())?;
    cx.belong([mean, rstd].iter().flatten().all(|t| t.numel() == rows))?;
    cx.belong(w.is_none_or(|w| w.numel() == weights.iter().product::<i64>()))?;
    check_types(x.dtype(), cx.op.python_name(), &[mean, rstd, w])?;
    let w = Meta::new(weights, compute_type(x.dtype()));
    Ok(smallvec![Meta::new(x.sizes(), x.dtype()), w.clone(), w])
}

/// One value per channel has no variance.
fn check_count(sizes: &[i64], count: i64, what: &str) -> Result<()> {
    if count != 1 {
        return Ok(());
    }
    bail!(Value, "Expected more than 1 {what} when training, got input size torch.Size({})", shape::show(sizes));
}

/// Batch normalization of a tensor without elements is that tensor, with a tie to its weights.
fn empty_batch(input: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>) -> Result<Tensor> {
    let mut y = ops::duplicate(input, None)?;
    if let Some(w) = weight.filter(|w| w.numel() > 0) {
        y = ops::mul((&y).into(), (&ops::select(w, 0, 0)?).into())?;
    }
    if let Some(b) = bias.filter(|b| b.numel() > 0) {
        y = ops::add((&y).into(), (&ops::select(b, 0, 0)?).into(), None)?;
    }
    Ok(y)
}

fn instance(
    x: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    running: [Option<&Tensor>; 2],
    use_input: bool,
    momentum: f64,
    eps: f64,
) -> Result<Tensor> {
    if !use_input && running.iter().any(Option::is_none) {
        bail!(Runtime, "Expected running_mean and running_var to be defined when use_input_stats is false");
    }
    if running[0].is_some() != running[1].is_some() {
        bail!(Value, "running_mean and running_var must either both be None or neither be None");
    }
    let s = x.sizes();
    if s.len() < 2 {
        bail!(Runtime, "instance_norm: the input must have at least 2 dimensions, but has shape {}", shape::show(&s));
    }
    let (n, c) = (s[0], s[1]);
    let mut flat: Dims = smallvec![1, n * c];
    flat.extend_from_slice(&s[2..]);
    let each = |t: Option<&Tensor>| t.map(|t| ops::repeat(t, &[n])).transpose();
    let (w, b, mean, var) = (each(weight)?, each(bias)?, each(running[0])?, each(running[1])?);
    let (mean, var) = (mean.as_ref(), var.as_ref());
    let x = ops::reshape(x, &flat)?;
    let [y, _, _] = ops::native_batch_norm(&x, w.as_ref(), b.as_ref(), mean, var, use_input, momentum, eps)?;
    if use_input && n > 0 {
        let _off = mode::NoGrad::new();
        for (to, from) in [(running[0], mean), (running[1], var)] {
            if let (Some(to), Some(from)) = (to, from) {
                ops::copy_(to, &ops::mean(&ops::reshape(from, &[n, c])?, Some(&[0]), false, None)?, false)?;
            }
        }
    }
    ops::reshape(&y, &s)
}

ops! {
    /// Batch normalization, and mean and 1 / sqrt(variance + eps) of each channel where it trains (else empty tensors).
    /// In training the running statistics, if given, are updated.
    fn native_batch_norm(input: Tensor, weight: OptTensor, bias: OptTensor, running_mean: OptTensor, running_var: OptTensor, training: Bool, momentum: Float, eps: Float) -> (_output, _mean, _rstd) {
        .kernel(batch_meta, batch_run, "norm.cu", Batch::Loop).grad(&[0, 1, 3, 4], &[1, 2], batch_grad).with(flag::NO_METHOD)
    }

    /// The gradients of batch normalization: of input, weight, bias.
    fn _batch_norm_backward(grad: Tensor, input: Tensor, weight: OptTensor, mean: Tensor, rstd: Tensor, train: Bool, eps: Float) -> (_input, _weight, _bias) {
        .kernel(|cx| {
            let x = cx.tensor(1)?;
            cx.belong(x.ndim() >= 2)?;
            let c = x.size_at(1);
            back_meta(cx, [Some(cx.tensor(3)?), Some(cx.tensor(4)?), cx.opt_tensor(2)?], c, &[c])
        }, batch_back, "norm.cu", Batch::Loop)
            .grad(&[0, 1, 2, 3, 4], &[], batch_second).node("NativeBatchNormBackwardBackward0").with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// Batch normalization; see nn.functional.batch_norm.
    fn batch_norm(input: Tensor, weight: OptTensor, bias: OptTensor, running_mean: OptTensor, running_var: OptTensor, training: Bool, momentum: Float, eps: Float, cudnn_enabled: Bool) -> Tensor = {
        if input.numel() == 0 {
            return empty_batch(input, weight, bias);
        }
        let [y, _, _] = native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)?;
        Ok(y)
    } { .with(flag::NO_METHOD) }

    /// Batch normalization of (N, C, *) over all dimensions but C: with the statistics of the input (and an update of the
    /// running ones) where it trains, else with the running ones. Ioffe & Szegedy 2015.
    fn nn_batch_norm(input: Tensor, running_mean: OptTensor, running_var: OptTensor, weight: OptTensor = None, bias: OptTensor = None, training: Bool = false, momentum: Float = 0.1, eps: Float = 0.00001) -> Tensor = {
        let s = input.sizes();
        if training && s.len() >= 2 {
            check_count(&s, s[0] * s[2..].iter().product::<i64>(), "value per channel")?;
        }
        if input.numel() == 0 {
            return empty_batch(input, weight, bias);
        }
        let [y, _, _] = native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)?;
        Ok(y)
    } { .named("batch_norm").functional() }

    /// Instance normalization; see nn.functional.instance_norm.
    fn instance_norm(input: Tensor, weight: OptTensor, bias: OptTensor, running_mean: OptTensor, running_var: OptTensor, use_input_stats: Bool, momentum: Float, eps: Float, cudnn_enabled: Bool) -> Tensor = {
        instance(input, weight, bias, [running_mean, running_var], use_input_stats, momentum, eps)
    } { .with(flag::NO_METHOD) }

    /// Instance normalization of (N, C, *): each channel of each sample by itself. Ulyanov, Vedaldi & Lempitsky 2016.
    fn nn_instance_norm(input: Tensor, running_mean: OptTensor = None, running_var: OptTensor = None, weight: OptTensor = None, bias: OptTensor = None, use_input_stats: Bool = true, momentum: Float = 0.1, eps: Float = 0.00001) -> Tensor = {
        let s = input.sizes();
        if use_input_stats {
            check_count(&s, s.iter().skip(2).product(), "spatial element")?;
        }
        instance(input, weight, bias, [running_mean, running_var], use_input_stats, momentum, eps)
    } { .named("instance_norm").functional() }

    /// Layer normalization, and mean and 1 / sqrt(variance + eps) of each row.
    fn native_layer_norm(input: Tensor, normalized_shape: Ints, weight: OptTensor, bias: OptTensor, eps: Float) -> (_output, _mean, _rstd) {
        .kernel(|cx| {
            let (x, w, b) = (cx.tensor(0)?, cx.opt_tensor(2)?, cx.opt_tensor(3)?);
            let s = layer_split(x, cx.ints(1)?, true)?;
            check_parameters(cx.ints(1)?, w, b)?;
            check_types(x.dtype(), "LayerNormKernelImpl", &[w, b])?;
            Ok(rows_meta(x, &s))
        }, |cx, out| {
            let x = cx.tensor(0)?;
            rows_run(&layer_split(x, cx.ints(1)?, true)?, x, cx.opt_tensor(2)?, cx.opt_tensor(3)?, cx.float(4)?, out)
        }, "norm.cu", Batch::Loop).grad(&[0, 2], &[1, 2], |b| {
            let (mean, rstd) = (b.out(1)?.detached(), b.out(2)?.detached());
            let back = ops::_layer_norm_backward(&b.g()?, b.tensor(0)?, Some(&mean), &rstd, b.opt_tensor(2)?, b.ints(1), b.scalar(4).f64())?;
            given(b, [2, 3], back)
        }).with(flag::NO_METHOD)
    }

    /// The gradients of layer (or, without a mean, RMS) normalization: of input, weight, bias.
    fn _layer_norm_backward(grad: Tensor, input: Tensor, mean: OptTensor, rstd: Tensor, weight: OptTensor, normalized_shape: Ints, eps: Float) -> (_input, _weight, _bias) {
        .kernel(|cx| {
            let mean = cx.opt_tensor(2)?;
            let s = layer_split(cx.tensor(1)?, cx.ints(5)?, mean.is_some())?;
            back_meta(cx, [mean, Some(cx.tensor(3)?), cx.opt_tensor(4)?], s.z.rows as i64, cx.ints(5)?)
        }, |cx, out| {
            rows_back(cx, &layer_split(cx.tensor(1)?, cx.ints(5)?, cx.opt_tensor(2)?.is_some())?, out)
        }, "norm.cu", Batch::Loop).grad(&[0, 1, 4], &[], layer_second).node("NativeLayerNormBackwardBackward0")
            .with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// Normalization over the last dimensions, which are `normalized_shape`. Ba, Kiros & Hinton 2016.
    fn layer_norm(input: Tensor, normalized_shape: Ints, weight: OptTensor = None, bias: OptTensor = None, eps: Float = 0.00001, cudnn_enable: Bool = true) -> Tensor = {
        let [y, _, _] = native_layer_norm(input, normalized_shape, weight, bias, eps)?;
        Ok(y)
    } { .spaces(SPACES).with(flag::NO_METHOD) }

    /// RMS normalization, and 1 / sqrt(mean square + eps) of each row.
    fn _fused_rms_norm(input: Tensor, normalized_shape: Ints, weight: OptTensor, eps: OptFloat) -> (_output, _rstd) {
        .kernel(|cx| {
            let (x, w) = (cx.tensor(0)?, cx.opt_tensor(2)?);
            let s = layer_split(x, cx.ints(1)?, false)?;
            check_parameters(cx.ints(1)?, w, None)?;
            check_types(x.dtype(), "rms_norm", &[w])?;
            Ok(rows_meta(x, &s))
        }, |cx, out| {
            let x = cx.tensor(0)?;
            rows_run(&layer_split(x, cx.ints(1)?, false)?, x, cx.opt_tensor(2)?, None, rms_eps(cx.opt_float(3)?, x.dtype()), out)
        }, "norm.cu", Batch::Loop).grad(&[0, 2], &[1], |b| {
            let (x, rstd) = (b.tensor(0)?, b.out(1)?.detached());
            let eps = rms_eps(b.given(3).then(|| b.scalar(3).f64()), x.dtype());
            let back = ops::_layer_norm_backward(&b.g()?, x, None, &rstd, b.opt_tensor(2)?, b.ints(1), eps)?;
            let mut out = given(b, [2, 2], back)?;
            out.truncate(2);
            Ok(out)
        }).with(flag::NO_METHOD)
    }

    /// The last dimensions divided by the root of their mean square. Zhang & Sennrich 2019.
    fn rms_norm(input: Tensor, normalized_shape: Ints, weight: OptTensor = None, eps: OptFloat = None) -> Tensor = {
        if input.dtype().is_complex() {
            layer_split(input, normalized_shape, false)?;
            let dims: Vec<i64> = (1..=normalized_shape.len() as i64).map(|d| -d).collect();
            let mean = ops::mean(&ops::square(input)?, Some(&dims), true, None)?;
            let y = ops::short::mul(input, &ops::rsqrt(&ops::short::plus(&mean, rms_eps(eps, input.dtype().to_real()))?)?)?;
            return if let Some(w) = weight { ops::short::mul(&y, w) } else { Ok(y) };
        }
        let [y, _] = _fused_rms_norm(input, normalized_shape, weight, eps)?;
        Ok(y)
    } { .spaces(SPACES).with(flag::NO_METHOD) }

    /// Group normalization, and mean and 1 / sqrt(variance + eps) of each group; N, C, HxW are the input's sizes.
    fn native_group_norm(input: Tensor, weight: OptTensor, bias: OptTensor, N: Int, C: Int, HxW: Int, group: Int, eps: Float) -> (_output, _mean, _rstd) {
        .kernel(|cx| {
            let (x, w, b) = (cx.tensor(0)?, cx.opt_tensor(1)?, cx.opt_tensor(2)?);
            let s = group_split(x, cx.int(6)?)?;
            for (name, t) in [("weight", w), ("bias", b)] {
                if let Some(t) = t.filter(|t| t.ndim() != 1 || t.numel() != x.size_at(1)) {
                    bail!(
                        Runtime,
                        "Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape {} and input of shape {}",
                        shape::show(&t.sizes()),
                        shape::show(&x.sizes())
                    );
                }
            }
            if cx.int(3)? != x.size_at(0) || cx.int(4)? != x.size_at(1) || cx.int(3)? * cx.int(4)? * cx.int(5)? != x.numel() {
                bail!(Runtime, "native_group_norm: N={}, C={} and HxW={} do not fit an input of shape {}", cx.int(3)?, cx.int(4)?, cx.int(5)?, shape::show(&x.sizes()));
            }
            check_types(x.dtype(), "GroupNormKernelImpl", &[w, b])?;
            Ok(rows_meta(x, &s))
        }, |cx, out| {
            let x = cx.tensor(0)?;
            rows_run(&group_split(x, cx.int(6)?)?, x, cx.opt_tensor(1)?, cx.opt_tensor(2)?, cx.float(7)?, out)
        }, "norm.cu", Batch::Loop).grad(&[0, 1], &[1, 2], |b| {
            let (mean, rstd) = (b.out(1)?.detached(), b.out(2)?.detached());
            let back = ops::_group_norm_backward(&b.g()?, b.tensor(0)?, &mean, &rstd, b.opt_tensor(1)?, b.int(6)?, b.scalar(7).f64())?;
            given(b, [1, 2], back)
        }).with(flag::NO_METHOD)
    }

    /// The gradients of group normalization: of input, weight, bias.
    fn _group_norm_backward(grad: Tensor, input: Tensor, mean: Tensor, rstd: Tensor, weight: OptTensor, group: Int, eps: Float) -> (_input, _weight, _bias) {
        .kernel(|cx| {
            let x = cx.tensor(1)?;
            let s = group_split(x, cx.int(5)?)?;
            back_meta(cx, [Some(cx.tensor(2)?), Some(cx.tensor(3)?), cx.opt_tensor(4)?], s.z.rows as i64, &[x.size_at(1)])
        }, |cx, out| {
            rows_back(cx, &group_split(cx.tensor(1)?, cx.int(5)?)?, out)
        }, "norm.cu", Batch::Loop).grad(&[0, 1, 4], &[], group_second).node("NativeGroupNormBackwardBackward0")
            .with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// Group normalization; see nn.functional.group_norm.
    fn group_norm(input: Tensor, num_groups: Int, weight: OptTensor = None, bias: OptTensor = None, eps: Float = 0.00001, cudnn_enabled: Bool = true) -> Tensor = {
        let s = group_split(input, num_groups)?;
        let [y, _, _] = native_group_norm(input, weight, bias, input.size_at(0), input.size_at(1), s.z.s as i64, num_groups, eps)?;
        Ok(y)
    } { .with(flag::NO_METHOD) }

    /// Normalization of (N, C, *) over groups of channels and all that follows them. Wu & He 2018.
    fn nn_group_norm(input: Tensor, num_groups: Int, weight: OptTensor = None, bias: OptTensor = None, eps: Float = 0.00001) -> Tensor = {
        let s = input.sizes();
        if s.len() >= 2 && num_groups > 0 {
            check_count(&s, s[0] * s[1] / num_groups * s[2..].iter().product::<i64>(), "value per channel")?;
        }
        group_norm(input, num_groups, weight, bias, eps, true)
    } { .named("group_norm").functional() }

    /// Each element divided by a power of the mean square over `size` neighbouring channels. Krizhevsky et al. 2012.
    fn local_response_norm(input: Tensor, size: Int, alpha: Float = 0.0001, beta: Float = 0.75, k: Float = 1.0) -> Tensor = {
        let s = input.sizes();
        if s.len() < 3 {
            bail!(Value, "Expected 3D or higher dimensionality input (got {} dimensions)", s.len());
        }
        if input.numel() == 0 {
            return Ok(input.clone());
        }
        let squares = ops::mul(input.into(), input.into())?;
        // Channels as the height of an image.
        let image = ops::reshape(&squares, &[s[0], 1, s[1], s[2..].iter().product()])?;
        let image = ops::constant_pad_nd(&image, &[0, 0, size / 2, (size - 1) / 2], 0.into())?;
        let mean = ops::reshape(&ops::avg_pool2d(&image, &[size, 1], Some(&[1]), &[0], false, true, None)?, &s)?;
        let scale = ops::add((&ops::mul((&mean).into(), alpha.into())?).into(), k.into(), None)?;
        ops::div(input.into(), (&ops::pow((&scale).into(), beta.into())?).into())
    } { .functional() }
}

/// The default eps is the dtype's.
fn rms_eps(eps: Option<f64>, d: DType) -> f64 {
    eps.unwrap_or(match d {
        DType::F64 => f64::EPSILON,
        DType::F16 => 2f64.powi(-10),
        DType::BF16 => 2f64.powi(-7),
        _ => f32::EPSILON as f64,
    })
}
