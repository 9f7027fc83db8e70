//! Samples of distributions whose parameters are tensors.

use super::random::{fill, fill_normal, generator, packed};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::random::{self as kernel, checks};
use crate::op::arg::{Arg, Ctx, Num};
use crate::op::call::{Mode, call_as};
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::shape;
use crate::tensor::graph::Grads;
use crate::tensor::{Tensor, mode};
use smallvec::smallvec;

const DRAWS: u32 = flag::RANDOM | flag::OUT | flag::NO_METHOD;

/// The tensor itself if its elements lie in C order, else a copy in which they do.
fn in_order(t: &Tensor) -> Result<Tensor> {
    if t.is_contiguous() { Ok(t.clone()) } else { t.copied(t.dtype()) }
}

/// A contiguous result of the shape and dtype of argument 0.
fn same(cx: &Ctx) -> Result<Metas> {
    let t = cx.tensor(0)?;
    Ok(smallvec![Meta::new(t.sizes(), t.dtype())])
}

/// The standard deviations must be real and not negative.
fn check_std(std: &Tensor) -> Result<()> {
    if std.dtype().is_complex() {
        bail!(Runtime, "normal expects standard deviation to be non-complex");
    }
    Ok(())
}

/// Turns standard normal numbers into those of `mean` and `std`, in two roundings as PyTorch does.
fn shift(out: &Tensor, mean: Num, std: Option<&Tensor>) -> Result<()> {
    let _off = mode::NoGrad::new();
    if let Some(std) = std {
        if std.numel() > 0 && !(ops::min_all(std)?.item()?.f64() >= 0.0) {
            bail!(Runtime, "normal expects all elements of std >= 0.0");
        }
        call_as(&ops::binary::mul::OP, &[Arg::Tensor(out), Arg::Tensor(std)], Mode::InPlace(out))?;
    }
    let mean = match mean {
        Num::Tensor(t) => Arg::Tensor(t),
        Num::Scalar(s) => Arg::Scalar(s),
    };
    call_as(&ops::binary::add::OP, &[Arg::Tensor(out), mean, Arg::None], Mode::InPlace(out)).map(|_| ())
}

/// `bernoulli_` with a probability for each element.
fn toss(cx: &Ctx, out: &Tensor, p: &Tensor) -> Result<()> {
    // The probabilities in the order in which the result lies in memory.
    let l = out.layout();
    let (same, dense) = (p.layout(), l.is_dense());
    let lined = dense && same.sizes == l.sizes && same.strides == l.strides && !p.storage().same(&out.storage());
    let p = if lined {
        p.clone()
    } else {
        let strides = if dense { l.strides.clone() } else { packed(&l) };
        let run = Tensor::empty_strided(&l.sizes, &strides, p.dtype(), p.device())?;
        run.copy_raw(p)?;
        run
    };
    let probs = p.body().clone();
    // SAFETY: `fill` gives room for `n` elements; `probs` has as many, without gaps.
    fill(cx, out, &|g, to, d, n| unsafe { kernel::bernoulli_tensor(g, to, d, n, probs.ptr(), probs.dtype) })
}

/// For samples of which PyTorch knows no derivative.
fn unknown(op: &str) -> Result<Grads> {
    bail!(Runtime, "derivative for aten::{op} is not implemented\ndetach() its arguments, or call it under no_grad.")
}

fn gamma_grad(b: &Bw) -> Result<Grads> {
    let slope = ops::_standard_gamma_grad(b.tensor(0)?, b.out(0)?)?;
    Ok(smallvec![Some(ops::mul((&b.g()?).into(), (&slope).into())?)])
}

/// Each row of gamma numbers, drawn in float64, divided by its sum: inside the simplex, off its border.
fn simplex(cx: &Ctx, out: &Tensor) -> Result<()> {
    let _off = mode::NoGrad::new();
    let alpha = cx.tensor(0)?;
    if alpha.dtype().is_half() || !alpha.dtype().is_float() {
        return Err(crate::op::arg::not_implemented("dirichlet", alpha.dtype()));
    }
    let draws = alpha.copied(DType::F64)?;
    let body = draws.body().clone();
    // SAFETY: `fill` gives room for `n` elements; the parameters may lie in the same memory.
    fill(cx, &draws, &|g, p, d, n| unsafe { kernel::gamma(g, body.ptr(), p, d, n) })?;
    let total = ops::sum(&draws, Some(&[-1]), true, None)?;
    let (least, most) = if alpha.dtype() == DType::F32 {
        (f64::from(f32::MIN_POSITIVE), f64::from(1.0f32.next_down()))
    } else {
        (f64::MIN_POSITIVE, 1.0f64.next_down())
    };
    let shares = ops::div((&draws).into(), (&total).into())?.clamp(Some(least.into()), Some(most.into()))?;
    out.copy_raw(&shares)
}

/// The gradient of a Dirichlet sample: each coordinate moves with its own concentration, the others give way.
fn simplex_grad(b: &Bw) -> Result<Grads> {
    let (alpha, x, g) = (b.tensor(0)?, b.out(0)?, b.g()?);
    let total = ops::sum(alpha, Some(&[-1]), true, None)?.expand(&alpha.sizes(), false)?;
    let slope = ops::_dirichlet_grad(x, alpha, &total)?;
    let mean = ops::sum(&ops::mul(x.into(), (&g).into())?, Some(&[-1]), true, None)?;
    let off = ops::sub((&g).into(), (&mean).into(), None)?;
    Ok(smallvec![Some(ops::mul((&slope).into(), (&off).into())?)])
}

ops! {
    /// Fills with ones, each with the probability at its place in `p`, else zeros.
    "bernoulli_.Tensor" fn bernoulli_tensor_(input: Tensor, p: Tensor; generator: Generator = None) -> Tensor {
        .kernel(|cx| {
            let (t, p) = (cx.tensor(0)?, cx.tensor(1)?);
            p.layout().expand(&t.sizes())?;
            if !p.dtype().is_float() {
                return Err(crate::op::arg::not_implemented("bernoulli_tensor_cpu_p_", p.dtype()));
            }
            Ok(Metas::new())
        }, |cx, out| toss(cx, &out[0], cx.tensor(1)?), "random.cu", Batch::Loop)
            .grad_zero().node("BernoulliBackward1").with(flag::MUTATES | flag::RANDOM | flag::NO_FUNCTION)
    }

    /// Ones with the probabilities in `input`, else zeros.
    fn bernoulli(input: Tensor; generator: Generator = None) -> Tensor {
        .kernel(same, |cx, out| toss(cx, &out[0], cx.tensor(0)?), "random.cu", Batch::Loop)
            .grad_zero().with(flag::RANDOM | flag::OUT)
    }

    /// Ones with probability `p`, else zeros, in the shape and dtype of `input`.
    "bernoulli.p" fn bernoulli_p(input: Tensor, p: Float; generator: Generator = None) -> Tensor {
        .kernel(|cx| {
            checks::bernoulli(cx.float(1)?)?;
            same(cx)
        }, |cx, out| {
            let prob = cx.float(1)?;
            // SAFETY: `fill` gives room for `n` elements.
            fill(cx, &out[0], &|g, p, d, n| unsafe { kernel::bernoulli(g, p, d, n, prob) })
        }, "random.cu", Batch::Loop)
            .grad(&[], &[], |_| unknown("bernoulli.p")).node("NotImplemented").with(flag::RANDOM)
    }

    /// Normal numbers with a mean and a standard deviation for each element.
    "normal.Tensor_Tensor" fn normal(mean: Tensor, std: Tensor; generator: Generator = None) -> Tensor {
        .kernel(|cx| {
            let (m, s) = (cx.tensor(0)?, cx.tensor(1)?);
            check_std(s)?;
            Ok(smallvec![Meta::new(shape::broadcast(&m.sizes(), &s.sizes())?, m.dtype())])
        }, |cx, out| {
            fill_normal(cx, &out[0], 0.0, 1.0)?;
            shift(&out[0], cx.tensor(0)?.into(), Some(cx.tensor(1)?))
        }, "random.cu", Batch::Loop)
            .grad_zero().node("NormalBackward3").with(DRAWS)
    }

    /// Normal numbers with a mean for each element.
    "normal.Tensor_float" fn normal_mean(mean: Tensor, std: Float = 1; generator: Generator = None) -> Tensor {
        .kernel(|cx| {
            checks::normal(cx.float(1)?)?;
            same(cx)
        }, |cx, out| {
            fill_normal(cx, &out[0], 0.0, cx.float(1)?)?;
            shift(&out[0], cx.tensor(0)?.into(), None)
        }, "random.cu", Batch::Loop)
            .grad_zero().node("NormalBackward1").with(DRAWS)
    }

    /// Normal numbers with a standard deviation for each element.
    "normal.float_Tensor" fn normal_std(mean: Float, std: Tensor; generator: Generator = None) -> Tensor {
        .kernel(|cx| {
            let s = cx.tensor(1)?;
            check_std(s)?;
            Ok(smallvec![Meta::new(s.sizes(), s.dtype())])
        }, |cx, out| {
            fill_normal(cx, &out[0], 0.0, 1.0)?;
            shift(&out[0], cx.float(0)?.into(), Some(cx.tensor(1)?))
        }, "random.cu", Batch::Loop)
            .grad_zero().node("NormalBackward2").with(DRAWS)
    }

    /// Indices drawn with the weights in `input` (of each row), which need not sum to 1.
    fn multinomial(input: Tensor, num_samples: Int, replacement: Bool = false; generator: Generator = None) -> Tensor {
        .kernel(|cx| {
            let (x, n) = (cx.tensor(0)?, cx.int(1)?);
            let mut sizes = x.sizes();
            let cats = sizes.pop().unwrap_or(0);
            checks::multinomial(x.dtype(), x.ndim(), cats as usize, n, cx.bool(2)?)?;
            sizes.push(n);
            Ok(smallvec![Meta::new(sizes, DType::I64)])
        }, |cx, out| {
            let (x, samples, replacement) = (in_order(cx.tensor(0)?)?, cx.int(1)? as usize, cx.bool(2)?);
            let b = x.body().clone();
            let cats = b.layout.sizes.last().map_or(0, |&c| c as usize);
            if b.numel == 0 {
                return Ok(());
            }
            let to = out[0].body().ptr();
            let mut g = generator(cx).lock();
            // PyTorch takes the way without replacement for one sample.
            // SAFETY: `x` is contiguous; the result is new and has `samples` numbers for each row.
            unsafe {
                kernel::multinomial(&mut g, b.ptr(), b.dtype, b.numel as usize / cats, cats, samples, replacement && samples > 1, to.cast())
            }
        }, "random.cu", Batch::Loop).with(flag::RANDOM | flag::OUT | flag::OUT_APART | flag::OUT_TYPED)
    }

    /// Poisson numbers of the given rates.
    fn poisson(input: Tensor; generator: Generator = None) -> Tensor {
        .kernel(same, |cx, out| {
            let rate = in_order(cx.tensor(0)?)?.body().clone();
            // SAFETY: `fill` gives room for `n` elements; `rate` has as many, contiguous.
            fill(cx, &out[0], &|g, p, d, n| unsafe { kernel::poisson(g, rate.ptr(), p, d, n) })
        }, "random.cu", Batch::Loop)
            .grad_zero().with(flag::RANDOM | flag::NO_METHOD)
    }

    /// Successes in `count` trials of probability `prob`.
    fn binomial(count: Tensor, prob: Tensor; generator: Generator = None) -> Tensor {
        .kernel(|cx| {
            let (count, prob) = (cx.tensor(0)?, cx.tensor(1)?);
            prob.layout().expand(&count.sizes())?;
            if prob.dtype() != count.dtype() {
                bail!(Runtime, "Found dtype {} but expected {}", prob.dtype().c10_name(), count.dtype().c10_name());
            }
            same(cx)
        }, |cx, out| {
            let count = in_order(cx.tensor(0)?)?.body().clone();
            let prob = if cx.tensor(1)?.sizes() == count.layout.sizes {
                in_order(cx.tensor(1)?)?
            } else {
                let wide = Tensor::empty(&count.layout.sizes, count.dtype, out[0].device())?;
                wide.copy_raw(cx.tensor(1)?)?;
                wide
            };
            let prob = prob.body().clone();
            // SAFETY: `fill` gives room for `n` elements; the parameters have as many, contiguous.
            fill(cx, &out[0], &|g, p, d, n| unsafe { kernel::binomial(g, count.ptr(), prob.ptr(), p, d, n) })
        }, "random.cu", Batch::Loop)
            .grad(&[], &[], |_| unknown("binomial")).node("NotImplemented").with(flag::RANDOM | flag::NO_METHOD)
    }

    /// Gamma numbers of the given shapes and rate 1.
    fn _standard_gamma(input: Tensor; generator: Generator = None) -> Tensor {
        .kernel(same, |cx, out| {
            let alpha = in_order(cx.tensor(0)?)?.body().clone();
            // SAFETY: `fill` gives room for `n` elements; `alpha` has as many, contiguous.
            fill(cx, &out[0], &|g, p, d, n| unsafe { kernel::gamma(g, alpha.ptr(), p, d, n) })
        }, "random.cu", Batch::Loop)
            .grad(&[0], &[0], gamma_grad).with(flag::RANDOM | flag::NO_METHOD)
    }

    /// How gamma numbers change with their shapes, the uniform numbers behind them held fast.
    fn _standard_gamma_grad(input: Tensor, output: Tensor) -> Tensor {
        .kernel(|cx| {
            cx.same_dtype(cx.tensor(0)?, cx.tensor(1)?)?;
            cx.belong(cx.tensor(0)?.sizes() == cx.tensor(1)?.sizes())?;
            same(cx)
        }, |cx, out| {
            let (alpha, x) = (in_order(cx.tensor(0)?)?.body().clone(), in_order(cx.tensor(1)?)?.body().clone());
            let n = alpha.numel as usize;
            // SAFETY: both are contiguous and have `n` elements, and so has the new result.
            unsafe { kernel::gamma_grad(alpha.ptr(), x.ptr(), out[0].body().ptr(), alpha.dtype, n) }
        }, "random.cu", Batch::Broadcast)
            .grad(&[], &[], |_| unknown("_standard_gamma_grad")).node("NotImplemented").with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// Dirichlet numbers of the given concentrations along the last dimension.
    fn _sample_dirichlet(input: Tensor; generator: Generator = None) -> Tensor {
        .kernel(same, |cx, out| simplex(cx, &out[0]), "random.cu", Batch::Loop)
            .grad(&[0], &[0], simplex_grad).node("_DirichletBackward").with(flag::RANDOM | flag::NO_METHOD)
    }

    /// How each coordinate of a Dirichlet number changes with its concentration, divided by what the others have.
    fn _dirichlet_grad(x: Tensor, alpha: Tensor, total: Tensor) -> Tensor {
        .kernel(|cx| {
            let (x, alpha, total) = (cx.tensor(0)?, cx.tensor(1)?, cx.tensor(2)?);
            cx.same_dtype(x, alpha)?;
            cx.same_dtype(x, total)?;
            if x.sizes() != alpha.sizes() || x.sizes() != total.sizes() {
                bail!(Runtime, "_dirichlet_grad needs three tensors of one shape, got {:?}, {:?} and {:?}", x.sizes(), alpha.sizes(), total.sizes());
            }
            same(cx)
        }, |cx, out| {
            let (x, alpha, total) = (in_order(cx.tensor(0)?)?, in_order(cx.tensor(1)?)?, in_order(cx.tensor(2)?)?);
            let (x, alpha, total, to) = (x.body().clone(), alpha.body().clone(), total.body().clone(), out[0].body().clone());
            // SAFETY: all are contiguous, of one dtype, and have as many elements as the new result.
            unsafe { kernel::dirichlet_grad(x.ptr(), alpha.ptr(), total.ptr(), to.ptr(), to.dtype, to.numel as usize) }
        }, "random.cu", Batch::Broadcast)
            .grad(&[], &[], |_| unknown("_dirichlet_grad")).node("NotImplemented").with(flag::PRIVATE | flag::NO_METHOD)
    }
}
