//! The gamma function's family, Bessel functions, the normal distribution's functions, divisors.

use crate::dtype::{self, DType, promote};
use crate::error::Result;
use crate::kernels::cpu::special as kernel;
use crate::op::arg::{Ctx, Num, not_implemented};
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, call, flag};
use crate::ops;
use crate::ops::short::{cast, div, mul, plus, sub, times};
use crate::tensor::graph::Grads;
use crate::tensor::{Tensor, mode};
use smallvec::smallvec;
use std::f64::consts::PI;

const BOTH: u32 = flag::INPLACE | flag::OUT;
const THERE: u32 = flag::NO_METHOD | flag::OUT;
const PART: u32 = flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD;

ops! {
    /// The `n`-th derivative of digamma.
    fn polygamma(n: Int, input: Tensor) -> Tensor {
        .kernel(|cx| {
            if cx.int(0)? < 0 {
                bail!(Runtime, "polygamma(n, x) does not support negative n.");
            }
            meta_of(cx, cx.tensor(1)?)
        }, |cx, out| {
            let (n, x) = (cx.int(0)?, cx.tensor(1)?);
            if n == 0 {
                let _off = mode::NoGrad::new();
                return out[0].copy_raw(&ops::digamma(x)?);
            }
            run(x, &out[0], &|v| kernel::polygamma(n, v))
        }, "", Batch::Leading)
            .grad(&[1], &[], |b| Ok(smallvec![Some(mul(&b.g()?, &polygamma(b.int(0)?.saturating_add(1), b.tensor(1)?)?)?)]))
            .with(THERE).aliases(&["special.polygamma"])
    }

    /// The `n`-th derivative of digamma at this tensor's elements.
    "polygamma.self" fn polygamma_self(input: Tensor, n: Int) -> Tensor = { polygamma(n, input) } { .with(flag::NO_FUNCTION | flag::INPLACE) }

    /// The logarithm of the multivariate gamma function of dimension `p`.
    fn mvlgamma(input: Tensor, p: Int) -> Tensor = {
        if p < 1 {
            bail!(Runtime, "p has to be greater than or equal to 1");
        }
        // All p terms at once, along a new last dimension.
        let x = ops::unsqueeze(&floating(input)?, -1)?;
        let steps = ops::mul((&ops::arange(p.into(), Some(x.dtype()), Some(x.device()))?).into(), (-0.5).into())?;
        let sum = ops::sum(&ops::lgamma(&ops::short::add(&x, &steps)?)?, Some(&[-1]), false, None)?;
        plus(&sum, p as f64 * (p - 1) as f64 / 4.0 * PI.ln())
    } { .node("MvlgammaBackward0") .with(BOTH).aliases(&["special.multigammaln"]) }

    /// Hurwitz's zeta function: the sum over k >= 0 of (other + k)^-input.
    "special.zeta" fn special_zeta(input: Num, other: Num) -> Tensor = {
        let (a, b) = pair(input, other)?;
        _zeta(&floating(&a)?, &floating(&b)?)
    } { .spaces(&["special"]).with(THERE) }

    /// `special.zeta` of one floating dtype and one shape.
    fn _zeta(input: Tensor, other: Tensor) -> Tensor {
        .kernel(meta, |cx, out| run2(cx, out, &kernel::zeta), "", Batch::Broadcast).grad(&[0, 1], &[], |b| {
            if b.needs(0) {
                bail!(NotImplemented, "the derivative for 'self' of special.zeta is not implemented");
            }
            let (x, q) = (b.tensor(0)?, b.tensor(1)?);
            let slope = mul(&ops::neg(x)?, &_zeta(&plus(x, 1)?, q)?)?;
            Ok(smallvec![None, Some(mul(&b.g()?, &slope)?)])
        }).node("SpecialZetaBackward0").with(PART)
    }

    /// The regularised lower incomplete gamma function: the distribution function of a gamma number of shape `input`.
    fn igamma(input: Tensor, other: Tensor) -> Tensor = {
        let (a, b) = pair(input.into(), other.into())?;
        _gammainc(&floating(&a)?, &floating(&b)?, false)
    } { .with(BOTH).aliases(&["special.gammainc"]) }

    /// The regularised upper incomplete gamma function, 1 - igamma.
    fn igammac(input: Tensor, other: Tensor) -> Tensor = {
        let (a, b) = pair(input.into(), other.into())?;
        _gammainc(&floating(&a)?, &floating(&b)?, true)
    } { .with(BOTH).aliases(&["special.gammaincc"]) }

    /// `igamma` and `igammac` of one floating dtype and one shape.
    fn _gammainc(input: Tensor, other: Tensor, upper: Bool) -> Tensor {
        .kernel(meta, |cx, out| {
            let upper = cx.bool(2)?;
            run2(cx, out, &|a, x| kernel::gammainc(a, x, upper))
        }, "", Batch::Broadcast).grad(&[0, 1, 2], &[], |b| {
            if b.needs(0) {
                bail!(NotImplemented, "the derivative for 'self' of igamma is not implemented");
            }
            let (a, x) = (b.tensor(0)?, b.tensor(1)?);
            // The density: x^(a - 1) e^-x / gamma(a).
            let log = sub(&sub(&ops::xlogy((&plus(a, -1)?).into(), x.into())?, x)?, &ops::lgamma(a)?)?;
            let slope = mul(&b.g()?, &ops::exp(&log)?)?;
            Ok(smallvec![None, Some(if b.bool(2) { ops::neg(&slope)? } else { slope })])
        }).node("IgammaBackward0").with(PART)
    }

    /// The modified Bessel function of the first kind, order 0.
    fn i0(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| run(cx.tensor(0)?, &out[0], &|v| kernel::bessel_i(0, v, false)), "", Batch::Leading)
            .grad(&[0], &[], |b| through(b, special_i1)).with(BOTH).aliases(&["special.i0"])
    }

    /// i0 times exp(-|x|).
    "special.i0e" fn special_i0e(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| run(cx.tensor(0)?, &out[0], &|v| kernel::bessel_i(0, v, true)), "", Batch::Leading)
            .grad(&[0], &[0], |b| {
                let (x, y) = (b.tensor(0)?, b.out(0)?);
                Ok(smallvec![Some(mul(&b.g()?, &sub(&special_i1e(x)?, &mul(&ops::sgn(x)?, y)?)?)?)])
            }).node("SpecialI0EBackward0").spaces(&["special"]).with(THERE)
    }

    /// The modified Bessel function of the first kind, order 1.
    "special.i1" fn special_i1(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| run(cx.tensor(0)?, &out[0], &|v| kernel::bessel_i(1, v, false)), "", Batch::Leading)
            .grad(&[0], &[0], |b| {
                // i0 - i1 / x, and 1/2 at 0.
                let (x, y) = (b.tensor(0)?, b.out(0)?);
                let zero = ops::short::is(x, 0)?;
                let safe = ops::masked_fill(x, &zero, 1.into())?;
                let slope = ops::masked_fill(&sub(&i0(&safe)?, &div(y, &safe)?)?, &zero, 0.5.into())?;
                Ok(smallvec![Some(mul(&b.g()?, &slope)?)])
            }).node("SpecialI1Backward0").spaces(&["special"]).with(THERE)
    }

    /// i1 times exp(-|x|).
    "special.i1e" fn special_i1e(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| run(cx.tensor(0)?, &out[0], &|v| kernel::bessel_i(1, v, true)), "", Batch::Leading)
            .grad(&[0], &[0], |b| {
                let (x, y) = (b.tensor(0)?, b.out(0)?);
                let zero = ops::short::is(x, 0)?;
                let safe = ops::masked_fill(x, &zero, 1.into())?;
                let part = mul(y, &ops::short::add(&ops::sgn(&safe)?, &ops::reciprocal(&safe)?)?)?;
                let slope = ops::masked_fill(&sub(&special_i0e(&safe)?, &part)?, &zero, 0.5.into())?;
                Ok(smallvec![Some(mul(&b.g()?, &slope)?)])
            }).node("SpecialI1EBackward0").spaces(&["special"]).with(THERE)
    }

    /// exp(x^2) erfc(x), which does not underflow.
    "special.erfcx" fn special_erfcx(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| run(cx.tensor(0)?, &out[0], &kernel::erfcx), "", Batch::Leading)
            .grad(&[0], &[0], |b| {
                let slope = plus(&times(&mul(b.tensor(0)?, b.out(0)?)?, 2)?, -2.0 / PI.sqrt())?;
                Ok(smallvec![Some(mul(&b.g()?, &slope)?)])
            }).node("SpecialErfcxBackward0").spaces(&["special"]).with(THERE)
    }

    /// The logarithm of the cumulative distribution of the standard normal.
    "special.log_ndtr" fn special_log_ndtr(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| run(cx.tensor(0)?, &out[0], &kernel::log_ndtr), "", Batch::Leading)
            .grad(&[0], &[], |b| {
                // The density over the distribution: sqrt(2 / pi) / erfcx(-x / sqrt(2)).
                let e = special_erfcx(&times(b.tensor(0)?, -std::f64::consts::FRAC_1_SQRT_2)?)?;
                Ok(smallvec![Some(mul(&b.g()?, &times(&ops::reciprocal(&e)?, (2.0 / PI).sqrt())?)?)])
            }).node("SpecialLogNdtrBackward0").spaces(&["special"]).with(THERE)
    }

    /// The inverse of the cumulative distribution of the standard normal.
    "special.ndtri" fn special_ndtri(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| run(cx.tensor(0)?, &out[0], &kernel::ndtri), "", Batch::Leading)
            .grad(&[], &[0], |b| {
                let slope = times(&ops::exp(&times(&ops::square(b.out(0)?)?, 0.5)?)?, (2.0 * PI).sqrt())?;
                Ok(smallvec![Some(mul(&b.g()?, &slope)?)])
            }).node("SpecialNdtriBackward0").spaces(&["special"]).with(THERE)
    }

    /// Mantissas in [0.5, 1) and exponents: input = mantissa * 2^exponent.
    fn frexp(input: Tensor) -> (mantissa, exponent) {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            if !x.dtype().is_float() {
                bail!(Runtime, "torch.frexp() only supports floating-point dtypes");
            }
            Ok(smallvec![Meta::like(x), Meta { dtype: DType::I32, ..Meta::like(x) }])
        }, |cx, out| {
            let x = cx.tensor(0)?;
            let (l, lm, le) = (x.layout(), out[0].layout(), out[1].layout());
            kernel::frexp(&l.sizes, out[0].operand(&lm), out[1].operand(&le), x.operand(&l))
        }, "", Batch::Leading).grad(&[], &[1], |b| {
            let g = b.g()?;
            Ok(smallvec![Some(div(&g, &ops::exp2(&cast(b.out(1)?, g.dtype())?)?)?)])
        }).with(flag::OUT)
    }

    /// The greatest common divisor.
    fn gcd(input: Tensor, other: Tensor) -> Tensor = { divisors(input, other, false) } { .with(BOTH).no_grad() }

    /// The least common multiple.
    fn lcm(input: Tensor, other: Tensor) -> Tensor = { divisors(input, other, true) } { .with(BOTH).no_grad() }

    /// gcd or lcm of one integer dtype and one shape.
    fn _gcd(input: Tensor, other: Tensor, multiple: Bool) -> Tensor {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            if !x.dtype().is_int() {
                return Err(not_implemented(if cx.bool(2)? { "lcm_cpu" } else { "gcd_cpu" }, x.dtype()));
            }
            Ok(smallvec![Meta::new(x.sizes(), x.dtype())])
        }, |cx, out| {
            let (x, y) = (cx.tensor(0)?, cx.tensor(1)?);
            let (lx, ly, lo) = (x.layout(), y.layout(), out[0].layout());
            kernel::gcd(&lo.sizes, out[0].operand(&lo), x.operand(&lx), y.operand(&ly), cx.bool(2)?)
        }, "", Batch::Broadcast).with(PART)
    }
}

pub(super) fn meta(cx: &Ctx) -> Result<Metas> {
    meta_of(cx, cx.tensor(0)?)
}

/// The same shape, floating.
fn meta_of(cx: &Ctx, x: &Tensor) -> Result<Metas> {
    if x.dtype().is_complex() {
        return Err(not_implemented(cx.op.python_name(), x.dtype()));
    }
    let d = if x.dtype().is_float() { x.dtype() } else { dtype::default_dtype() };
    Ok(smallvec![Meta { dtype: d, ..Meta::like(x) }])
}

pub(super) fn floating(t: &Tensor) -> Result<Tensor> {
    if t.dtype().is_integral() { cast(t, dtype::default_dtype()) } else { Ok(t.clone()) }
}

pub(super) fn run(x: &Tensor, out: &Tensor, f: &(dyn Fn(f64) -> f64 + Sync)) -> Result<()> {
    let x = if x.dtype() == out.dtype() { x.clone() } else { x.copied(out.dtype())? };
    let (l, lo) = (x.layout(), out.layout());
    kernel::map1(&lo.sizes, out.operand(&lo), x.operand(&l), f)
}

pub(super) fn run2(cx: &Ctx, out: &[Tensor], f: &(dyn Fn(f64, f64) -> f64 + Sync)) -> Result<()> {
    let (x, y) = (cx.tensor(0)?, cx.tensor(1)?);
    let (lx, ly, lo) = (x.layout(), y.layout(), out[0].layout());
    kernel::map2(&lo.sizes, out[0].operand(&lo), x.operand(&lx), y.operand(&ly), f)
}

fn through(b: &Bw, slope: fn(&Tensor) -> Result<Tensor>) -> Result<Grads> {
    Ok(smallvec![Some(mul(&b.g()?, &slope(b.tensor(0)?)?)?)])
}

/// Both as tensors of one dtype and one shape.
pub(super) fn pair(a: Num, b: Num) -> Result<(Tensor, Tensor)> {
    let (a, b) = match (a, b) {
        (Num::Tensor(a), Num::Tensor(b)) => (a.clone(), b.clone()),
        (Num::Tensor(a), Num::Scalar(s)) => (a.clone(), ops::full_like(&floating(a)?, s, None, None, None)?),
        (Num::Scalar(s), Num::Tensor(b)) => (ops::full_like(&floating(b)?, s, None, None, None)?, b.clone()),
        _ => bail!(Type, "at least one argument must be a Tensor"),
    };
    let (d, s) = (promote(a.dtype(), b.dtype()), call::broadcast_all(&[&a, &b])?);
    Ok((ops::expand(&cast(&a, d)?, &s, false)?, ops::expand(&cast(&b, d)?, &s, false)?))
}

fn divisors(a: &Tensor, b: &Tensor, multiple: bool) -> Result<Tensor> {
    let (a, b) = pair(Num::Tensor(a), Num::Tensor(b))?;
    _gcd(&a, &b, multiple)
}
