//! Dropout in its forms, and other functions of `nn.functional` that draw random numbers.

use super::random::{fill, generator};
use crate::error::Result;
use crate::kernels::cpu::random::{self as kernel, checks};
use crate::op::arg::{Arg, Ctx};
use crate::op::call::{Mode, call_as, only};
use crate::op::expr::select;
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::scalar::Scalar;
use crate::shape::Dims;
use crate::tensor::Tensor;
use crate::tensor::graph::Grads;
use smallvec::smallvec;

/// Functions of `torch` that are no methods.
const FUNCTION: u32 = flag::NO_METHOD | flag::RANDOM | flag::MAY_ALIAS;
/// Their twins that write the input.
const WRITES: u32 = flag::NO_METHOD | flag::RANDOM | flag::MUTATES;

/// What is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Elements,
    /// Whole channels: everything behind the second dimension together.
    Channels,
}

/// One form of dropout: what is dropped, whether mean and variance are kept (`alpha`), and whether in place.
struct Form {
    what: What,
    alpha: bool,
    inplace: bool,
}

const fn form(what: What, alpha: bool, inplace: bool) -> Form {
    Form { what, alpha, inplace }
}

fn mul(a: &Tensor, b: &Tensor, inplace: bool) -> Result<Tensor> {
    let how = if inplace { Mode::InPlace(a) } else { Mode::New };
    only(call_as(&ops::binary::mul::OP, &[Arg::Tensor(a), Arg::Tensor(b)], how)?)
}

/// PyTorch's `_dropout_impl`.
fn drop(input: &Tensor, p: f64, train: bool, form: Form) -> Result<Tensor> {
    checks::dropout(p)?;
    if p == 0.0 || !train || input.numel() == 0 {
        return Ok(input.clone());
    }
    if p == 1.0 {
        return mul(input, &Tensor::zeros(&[], input.dtype(), input.device())?, form.inplace);
    }
    if form.what == What::Channels && input.ndim() < 2 {
        bail!(Runtime, "Feature dropout requires at least 2 dimensions in the input");
    }
    let noise = ops::_dropout_noise(input, p, form.what == What::Channels, !form.alpha)?;
    if !form.alpha {
        return mul(input, &noise, form.inplace);
    }
    // The value that SELU tends to far left; `a` restores the variance, `b` the mean.
    let alpha = 1.758_099_340_847_376_6;
    let a = 1.0 / ((alpha * alpha * p + 1.0) * (1.0 - p)).sqrt();
    let b = ops::add((&noise).into(), Scalar::Int(-1).into(), None)?;
    let b = ops::mul((&b).into(), (alpha * a).into())?;
    let b = ops::add((&b).into(), (alpha * a * p).into(), None)?;
    let noise = ops::mul((&noise).into(), a.into())?;
    let y = mul(input, &noise, form.inplace)?;
    let how = if form.inplace { Mode::InPlace(&y) } else { Mode::New };
    only(call_as(&ops::binary::add::OP, &[Arg::Tensor(&y), Arg::Tensor(&b), Arg::None], how)?)
}

/// As `nn.functional` has it: other words for a bad probability.
fn functional(input: &Tensor, p: f64, training: bool, form: Form) -> Result<Tensor> {
    if !(0.0..=1.0).contains(&p) {
        bail!(Value, "dropout probability has to be between 0 and 1, but got {p:?}");
    }
    drop(input, p, training, form)
}

/// Dropout of channels of a tensor with or without a batch dimension in front (`batched` dimensions with one).
fn spatial(input: &Tensor, p: f64, training: bool, inplace: bool, batched: usize) -> Result<Tensor> {
    let f = form(What::Channels, false, inplace);
    if input.ndim() == batched {
        return functional(input, p, training, f);
    }
    let y = functional(&ops::unsqueeze(input, 0)?, p, training, f)?;
    if inplace { Ok(input.clone()) } else { ops::squeeze_dim(&y, 0) }
}

/// 0 or 1, or (`scaled`) 0 or 1 / (1 - p), in the likeness of the input or of its channels.
fn noise_meta(cx: &Ctx) -> Result<Metas> {
    let x = cx.tensor(0)?;
    let m = if cx.bool(2)? {
        let sizes: Dims = x.sizes().iter().enumerate().map(|(i, &s)| if i < 2 { s } else { 1 }).collect();
        Meta::new(sizes, x.dtype())
    } else {
        Meta::like(x)
    };
    if !x.dtype().is_float() {
        bail!(Runtime, "result type Float can't be cast to the desired output type {}", x.dtype().c10_name());
    }
    Ok(smallvec![m])
}

fn noise(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let (drop, scaled) = (cx.float(1)?, cx.bool(3)?);
    fill(cx, &out[0], &|g, p, d, n| {
        if scaled {
            // SAFETY: `fill` gives room for `n` elements.
            unsafe { kernel::dropout_noise(g, p, d, n, drop) }
        } else {
            // SAFETY: as above.
            unsafe { kernel::bernoulli(g, p, d, n, 1.0 - drop) }
        }
    })
}

/// The gradient of training's rrelu: the slopes, which are kept; where they are all one, those of leaky_relu.
fn rrelu_grad(b: &Bw) -> Result<Grads> {
    Ok(smallvec![Some(ops::mul((&b.g()?).into(), b.out(1)?.into())?)])
}

fn rrelu_of(
    input: &Tensor,
    lower: Scalar,
    upper: Scalar,
    training: bool,
    g: Option<&crate::op::arg::SharedGenerator>,
) -> Result<Tensor> {
    if !(lower.f64() <= upper.f64()) {
        bail!(
            Runtime,
            "Lower bound should be less than or equal to the upper bound\nlower is {lower}, upper is {upper}."
        );
    }
    if !training {
        return ops::_rrelu_eval(input, ((lower.f64() + upper.f64()) / 2.0).into());
    }
    let [y, _] = ops::_rrelu_train(input, lower, upper, g)?;
    Ok(y)
}

/// `rrelu` in place; where backward reads the old values, they are copied.
fn rrelu_into(
    target: &Tensor,
    lower: Scalar,
    upper: Scalar,
    training: bool,
    g: Option<&crate::op::arg::SharedGenerator>,
) -> Result<Tensor> {
    let old = if target.requires_grad() { ops::duplicate(target, None)? } else { target.clone() };
    written(target, &rrelu_of(&old, lower, upper, training, g)?)
}

fn written(target: &Tensor, value: &Tensor) -> Result<Tensor> {
    ops::copy_(target, value, false)
}

ops! {
    /// In training, each element is 0 with probability `p`, and the others are scaled by 1 / (1 - p).
    fn dropout(input: Tensor, p: Float, train: Bool) -> Tensor = {
        drop(input, p, train, form(What::Elements, false, false))
    } { .with(FUNCTION) }

    /// `dropout`, in place.
    fn dropout_(input: Tensor, p: Float, train: Bool) -> Tensor = {
        drop(input, p, train, form(What::Elements, false, true))
    } { .with(WRITES) }

    /// In training, each channel (of each sample) is 0 with probability `p`, and the others are scaled by 1 / (1 - p).
    fn feature_dropout(input: Tensor, p: Float, train: Bool) -> Tensor = {
        drop(input, p, train, form(What::Channels, false, false))
    } { .with(FUNCTION) }

    /// `feature_dropout`, in place.
    fn feature_dropout_(input: Tensor, p: Float, train: Bool) -> Tensor = {
        drop(input, p, train, form(What::Channels, false, true))
    } { .with(WRITES) }

    /// Dropout that keeps mean and variance of what SELU gives.
    fn alpha_dropout(input: Tensor, p: Float, train: Bool) -> Tensor = {
        drop(input, p, train, form(What::Elements, true, false))
    } { .with(FUNCTION) }

    /// `alpha_dropout`, in place.
    fn alpha_dropout_(input: Tensor, p: Float, train: Bool) -> Tensor = {
        drop(input, p, train, form(What::Elements, true, true))
    } { .with(WRITES) }

    /// `alpha_dropout` of whole channels.
    fn feature_alpha_dropout(input: Tensor, p: Float, train: Bool) -> Tensor = {
        drop(input, p, train, form(What::Channels, true, false))
    } { .with(FUNCTION) }

    /// `feature_alpha_dropout`, in place.
    fn feature_alpha_dropout_(input: Tensor, p: Float, train: Bool) -> Tensor = {
        drop(input, p, train, form(What::Channels, true, true))
    } { .with(WRITES) }

    /// In training, each element is 0 with probability `p`, and the others are scaled by 1 / (1 - p).
    fn nn_dropout(input: Tensor, p: Float = 0.5, training: Bool = true, inplace: Bool = false) -> Tensor = {
        functional(input, p, training, form(What::Elements, false, inplace))
    } { .named("dropout").functional().with(FUNCTION) }

    /// In training, each channel (of each sample) of sequences is 0 with probability `p`.
    fn dropout1d(input: Tensor, p: Float = 0.5, training: Bool = true, inplace: Bool = false) -> Tensor = {
        let n = input.ndim();
        if n != 2 && n != 3 {
            bail!(
                Runtime,
                "dropout1d: Expected 2D or 3D input, but received a {n}D input. Note that dropout1d exists to provide channel-wise \
                 dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
            );
        }
        spatial(input, p, training, inplace, 3)
    } { .functional().with(FUNCTION) }

    /// In training, each channel (of each sample) of images is 0 with probability `p`. Three dimensions are read as (N, C, L).
    fn dropout2d(input: Tensor, p: Float = 0.5, training: Bool = true, inplace: Bool = false) -> Tensor = {
        functional(input, p, training, form(What::Channels, false, inplace))
    } { .functional().with(FUNCTION) }

    /// In training, each channel (of each sample) of volumes is 0 with probability `p`.
    fn dropout3d(input: Tensor, p: Float = 0.5, training: Bool = true, inplace: Bool = false) -> Tensor = {
        spatial(input, p, training, inplace, if input.ndim() == 4 { 5 } else { input.ndim() })
    } { .functional().with(FUNCTION) }

    /// Dropout that keeps mean and variance of what SELU gives.
    fn nn_alpha_dropout(input: Tensor, p: Float = 0.5, training: Bool = false, inplace: Bool = false) -> Tensor = {
        functional(input, p, training, form(What::Elements, true, inplace))
    } { .named("alpha_dropout").functional().with(FUNCTION) }

    /// `alpha_dropout` of whole channels.
    fn nn_feature_alpha_dropout(input: Tensor, p: Float = 0.5, training: Bool = false, inplace: Bool = false) -> Tensor = {
        functional(input, p, training, form(What::Channels, true, inplace))
    } { .named("feature_alpha_dropout").functional().with(FUNCTION) }

    /// What dropout multiplies with.
    fn _dropout_noise(input: Tensor, p: Float, channels: Bool, scaled: Bool) -> Tensor {
        .kernel(noise_meta, noise, "random.cu", Batch::Loop).with(flag::PRIVATE | flag::RANDOM)
    }

    /// Randomised leaky ReLU: in training the slope below 0 is drawn from [lower, upper), else it is their mean.
    fn rrelu(input: Tensor, lower: Scalar = 0.125, upper: Scalar = 0.3333333333333333, training: Bool = false, generator: Generator = None) -> Tensor = {
        rrelu_of(input, lower, upper, training, generator)
    } { .with(flag::NO_METHOD | flag::RANDOM) }

    /// `rrelu`, in place.
    fn rrelu_(input: Tensor, lower: Scalar = 0.125, upper: Scalar = 0.3333333333333333, training: Bool = false, generator: Generator = None) -> Tensor = {
        rrelu_into(input, lower, upper, training, generator)
    } { .spaces(&["", "nn.functional"]).with(WRITES) }

    /// Randomised leaky ReLU: in training the slope below 0 is drawn from [lower, upper), else it is their mean.
    fn nn_rrelu(input: Tensor, lower: Scalar = 0.125, upper: Scalar = 0.3333333333333333, training: Bool = false, inplace: Bool = false) -> Tensor = {
        if inplace { rrelu_into(input, lower, upper, training, None) } else { rrelu_of(input, lower, upper, training, None) }
    } { .named("rrelu").functional().with(flag::RANDOM) }

    /// rrelu outside of training.
    fn _rrelu_eval(input: Tensor, slope: Scalar) -> Tensor {
        .formula(|f| select(f.x(0).gt(0.0), f.x(0), f.x(0) * f.x(1)))
            .node("RreluWithNoiseBackward0").with(flag::PRIVATE).without(flag::INPLACE | flag::OUT)
    }

    /// rrelu in training, and the slopes it drew.
    fn _rrelu_train(input: Tensor, lower: Scalar, upper: Scalar; generator: Generator = None) -> (output, noise) {
        .kernel(|cx| {
            let (x, lower, upper) = (cx.tensor(0)?, cx.scalar(1)?.f64(), cx.scalar(2)?.f64());
            if !(lower <= upper) {
                bail!(Runtime, "Expected from <= to to be true, but got false\nlower is {lower}, upper is {upper}.");
            }
            let m = Meta::new(x.sizes(), x.dtype());
            Ok(smallvec![m.clone(), m])
        }, |cx, out| {
            let (lower, upper) = (cx.scalar(1)?.f64(), cx.scalar(2)?.f64());
            let x = cx.tensor(0)?;
            let x = if x.is_contiguous() { x.clone() } else { x.copied(x.dtype())? };
            let (x, y, slopes) = (x.body().clone(), out[0].body().clone(), out[1].body().clone());
            let mut g = generator(cx).lock();
            // SAFETY: three contiguous tensors of one shape and dtype, of which two are new.
            unsafe { kernel::rrelu(&mut g, x.ptr(), y.ptr(), slopes.ptr(), x.dtype, x.numel as usize, lower, upper) }
        }, "random.cu", Batch::Loop)
            .grad(&[], &[1], rrelu_grad).node("RreluWithNoiseBackward0").with(flag::PRIVATE | flag::RANDOM)
    }
}
