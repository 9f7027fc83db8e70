//! Pointwise operators of one tensor.

use crate::dtype::DType;
use crate::op::expr::{lit, select};
use crate::op::formula::refuse_bool;
use crate::op::{Rule, flag};
use crate::ops::sparse_math;
use std::f64::consts::PI;

/// Everything but complex.
const REAL: &[DType] = &[
    DType::Bool,
    DType::U8,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::F16,
    DType::BF16,
    DType::F32,
    DType::F64,
];
/// Everything but complex and bool.
const NUMBER: &[DType] =
    &[DType::U8, DType::I8, DType::I16, DType::I32, DType::I64, DType::F16, DType::BF16, DType::F32, DType::F64];
/// The four floats.
const FLOAT: &[DType] = &[DType::F16, DType::BF16, DType::F32, DType::F64];
/// Integers and bool.
const BITS: &[DType] = &[DType::Bool, DType::U8, DType::I8, DType::I16, DType::I32, DType::I64];

ops! {
    /// The exponential of each element.
    fn exp(input: Tensor) -> Tensor { .float().formula(|f| f.x(0).exp()) }

    /// 2 to the power of each element.
    fn exp2(input: Tensor) -> Tensor { .float().formula(|f| f.x(0).exp2()).aliases(&["special.exp2"]) }

    /// exp(x) - 1, accurate near 0.
    fn expm1(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().formula(|f| f.x(0).expm1()).aliases(&["special.expm1"]) }

    /// The natural logarithm of each element.
    fn log(input: Tensor) -> Tensor { .float().formula(|f| f.x(0).log()) }

    /// The logarithm to base 2.
    fn log2(input: Tensor) -> Tensor { .float().formula(|f| f.x(0).log2()) }

    /// The logarithm to base 10.
    fn log10(input: Tensor) -> Tensor { .float().formula(|f| f.x(0).log10()) }

    /// log(1 + x), accurate near 0.
    fn log1p(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().formula(|f| f.x(0).log1p()).aliases(&["special.log1p"]) }

    /// The square root of each element; NaN for negative ones.
    fn sqrt(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().formula(|f| f.x(0).sqrt()) }

    /// 1 / sqrt(x).
    fn rsqrt(input: Tensor) -> Tensor { .float().formula(|f| f.x(0).rsqrt()) }

    /// 1 / x.
    fn reciprocal(input: Tensor) -> Tensor { .float().formula(|f| f.x(0).recip()) }

    /// The sine of each element, in radians.
    fn sin(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().formula(|f| f.x(0).sin()) }

    /// The cosine of each element, in radians.
    fn cos(input: Tensor) -> Tensor { .float().formula(|f| f.x(0).cos()) }

    /// The tangent of each element, in radians.
    fn tan(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().formula(|f| f.x(0).tan()) }

    /// The arc sine, in radians.
    fn asin(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().formula(|f| f.x(0).asin()).aliases(&["arcsin"]) }

    /// The arc cosine, in radians.
    fn acos(input: Tensor) -> Tensor { .float().formula(|f| f.x(0).acos()).aliases(&["arccos"]) }

    /// The arc tangent, in radians.
    fn atan(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().formula(|f| f.x(0).atan()).aliases(&["arctan"]) }

    /// The hyperbolic sine.
    fn sinh(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().formula(|f| f.x(0).sinh()) }

    /// The hyperbolic cosine.
    fn cosh(input: Tensor) -> Tensor { .float().formula(|f| f.x(0).cosh()) }

    /// The hyperbolic tangent of each element.
    fn tanh(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().formula(|f| f.x(0).tanh()) }

    /// The inverse hyperbolic sine.
    fn asinh(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().formula(|f| f.x(0).asinh()).aliases(&["arcsinh"]) }

    /// The inverse hyperbolic cosine.
    fn acosh(input: Tensor) -> Tensor { .float().formula(|f| f.x(0).acosh()).aliases(&["arccosh"]) }

    /// The inverse hyperbolic tangent.
    fn atanh(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().formula(|f| f.x(0).atanh()).aliases(&["arctanh"]) }

    /// 1 / (1 + exp(-x)).
    fn sigmoid(input: Tensor) -> Tensor { .float().formula(|f| f.x(0).sigmoid()).aliases(&["special.expit"]) }

    /// The error function.
    fn erf(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().only(FLOAT).formula(|f| f.x(0).erf()).aliases(&["special.erf"]) }

    /// 1 - erf(x), accurate for large x.
    fn erfc(input: Tensor) -> Tensor { .float().only(FLOAT).formula(|f| f.x(0).erfc()).aliases(&["special.erfc"]) }

    /// The inverse of the error function.
    fn erfinv(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().only(FLOAT).formula(|f| f.x(0).erfinv()).aliases(&["special.erfinv"]) }

    /// The logarithm of the absolute value of the gamma function.
    fn lgamma(input: Tensor) -> Tensor { .float().only(FLOAT).formula(|f| f.x(0).lgamma()).aliases(&["special.gammaln"]) }

    /// The logarithmic derivative of the gamma function.
    fn digamma(input: Tensor) -> Tensor {
        .float().only(FLOAT).formula(|f| f.x(0).digamma()).aliases(&["special.digamma", "special.psi"])
    }

    /// -x.
    fn neg(input: Tensor) -> Tensor {
        .sparse(sparse_math::by_values).formula(|f| -f.x(0)).aliases(&["negative"]).check(refuse_neg_bool)
    }

    /// x itself.
    fn positive(input: Tensor) -> Tensor = { Ok(input.clone()) } { .sparse(sparse_math::zero_stays).check(refuse_bool) }

    /// The absolute value; of a complex number its distance from 0.
    fn abs(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).rule(Rule::Real).formula(|f| f.x(0).abs()).aliases(&["absolute"]) }

    /// -1, 0 or 1 by the sign of each element.
    fn sign(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).only(REAL).formula(|f| f.x(0).sign()).grad_zero() }

    // Overridden; derive.rs could give it, now that the primitive has a complex derivative.
    /// The sign; of a complex number the number of length 1 in its direction.
    fn sgn(input: Tensor) -> Tensor {
        .sparse(sparse_math::zero_stays).formula(|f| f.x(0).sign()).grad_formulas(|f, d| {
            if !f.is_complex() {
                return vec![Some(lit(0.0))];
            }
            // d sgn = (g - sgn * Re(conj(sgn) g)) / |z|, and 0 at 0.
            let (z, n) = (d.y, f.x(0).abs());
            vec![Some(select(n.eq(0.0), lit(0.0), (d.g - z * (z.conj() * d.g).real()) / n))]
        })
    }

    /// x * x; bools are counted as integers.
    fn square(input: Tensor) -> Tensor = {
        if input.dtype() == DType::Bool { crate::ops::pow_scalar(input, 2.into()) } else { _square(input) }
    } { .sparse(sparse_math::zero_stays).with(flag::INPLACE | flag::OUT) }

    /// x * x.
    fn _square(input: Tensor) -> Tensor { .formula(|f| f.x(0).square()).node("PowBackward0").with(flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD) }

    /// The largest whole number not above x.
    fn floor(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).only(NUMBER).formula(|f| if f.is_int() { f.x(0) } else { f.x(0).floor() }).grad_zero() }

    /// The smallest whole number not below x.
    fn ceil(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).only(NUMBER).formula(|f| if f.is_int() { f.x(0) } else { f.x(0).ceil() }).grad_zero() }

    /// The whole part.
    fn trunc(input: Tensor) -> Tensor {
        .sparse(sparse_math::zero_stays).only(NUMBER).formula(|f| if f.is_int() { f.x(0) } else { f.x(0).trunc() }).grad_zero().aliases(&["fix"])
    }

    /// The nearest whole number, halves to the even one.
    fn round(input: Tensor) -> Tensor {
        .sparse(sparse_math::zero_stays).only(NUMBER).formula(|f| if f.is_int() { f.x(0) } else { f.x(0).round() }).grad_zero().aliases(&["special.round"])
    }

    /// Rounded to `decimals` digits behind the point.
    "round.decimals" fn round_decimals(input: Tensor; decimals: Int) -> Tensor {
        .only(FLOAT).formula(|f| {
            let p = lit(10.0).pow(f.x(1));
            select(f.x(1).lt(0.0), (f.x(0) / lit(10.0).pow(-f.x(1))).round() * lit(10.0).pow(-f.x(1)), (f.x(0) * p).round() / p)
        }).grad_zero().aliases(&["special.round"])
    }

    /// The part behind the point, with the sign of x.
    fn frac(input: Tensor) -> Tensor {
        .sparse(sparse_math::zero_stays).only(FLOAT).formula(|f| f.x(0) - f.x(0).trunc())
    }

    /// Is it NaN?
    fn isnan(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).compare().formula(|f| if f.is_int() { lit(0.0) * f.x(0) } else { f.x(0).is_nan() }).without(flag::INPLACE) }

    /// Is it infinite?
    fn isinf(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).compare().formula(|f| if f.is_int() { lit(0.0) * f.x(0) } else { f.x(0).is_inf() }).without(flag::INPLACE) }

    /// Is it neither infinite nor NaN?
    fn isfinite(input: Tensor) -> Tensor {
        .compare().formula(|f| if f.is_int() { (lit(0.0) * f.x(0)).not() } else { f.x(0).is_inf().or(f.x(0).is_nan()).not() })
            .without(flag::INPLACE)
    }

    /// Is it plus infinity?
    fn isposinf(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).compare().only(REAL).formula(|f| if f.is_int() { lit(0.0) * f.x(0) } else { f.x(0).eq(f64::INFINITY) }).without(flag::INPLACE) }

    /// Is it minus infinity?
    fn isneginf(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).compare().only(REAL).formula(|f| if f.is_int() { lit(0.0) * f.x(0) } else { f.x(0).eq(f64::NEG_INFINITY) }).without(flag::INPLACE) }

    /// Is the imaginary part 0?
    fn isreal(input: Tensor) -> Tensor { .compare().formula(|f| if f.is_complex() { f.x(0).imag().eq(0.0) } else { (lit(0.0) * f.x(0)).is_inf().not() }).without(flag::INPLACE) }

    /// Is the sign bit set? (True for -0.0 too.)
    fn signbit(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).compare().only(REAL).formula(|f| f.x(0).signbit()).without(flag::INPLACE) }

    /// True where the element is 0.
    fn logical_not(input: Tensor) -> Tensor { .compare().formula(|f| f.x(0).not()) }

    /// All bits turned; for bool, not.
    fn bitwise_not(input: Tensor) -> Tensor { .only(BITS).formula(|f| if f.is_bool { f.x(0).not() } else { f.x(0).bit_not() }).no_grad() }

    /// Degrees from radians.
    fn rad2deg(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().only(FLOAT).formula(|f| f.x(0) * (180.0 / PI)).node("Rad2DegBackward0") }

    /// Radians from degrees.
    fn deg2rad(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).float().only(FLOAT).formula(|f| f.x(0) * (PI / 180.0)).node("Deg2RadBackward0") }

    // Overridden: what lies outside of [0, 1] has the gradient NaN, inside it is g / (x * (1 - x)).
    /// log(x / (1 - x)), with x first clamped to [eps, 1 - eps] where eps is given.
    fn logit(input: Tensor, eps: OptFloat = None) -> Tensor {
        .float().only(FLOAT).formula(|f| {
            let x = if f.given(1) { f.x(0).max(f.x(1)).min(1.0 - f.x(1)) } else { f.x(0) };
            (x / (1.0 - x)).log()
        }).grad_formulas(|f, d| {
            let x = f.x(0);
            let g = d.g / (x * (1.0 - x));
            vec![Some(if f.given(1) {
                select(x.lt(f.x(1)).or(x.gt(1.0 - f.x(1))), lit(0.0), g)
            } else {
                select(x.lt(0.0).or(x.gt(1.0)), lit(f64::NAN), g)
            })]
        }).aliases(&["special.logit"])
    }

    // Overridden: near 0 the derived gradient is the difference of two large terms.
    /// sin(pi x) / (pi x), 1 at 0.
    fn sinc(input: Tensor) -> Tensor {
        .float().formula(|f| {
            let x = f.x(0) * PI;
            select(x.eq(0.0), lit(1.0), x.sin() / x)
        }).grad_formulas(|f, d| {
            let x = f.x(0) * PI;
            let slope = (x * x.cos() - x.sin()) / (x * f.x(0));
            let slope = if f.is_complex() { slope.conj() } else { slope };
            vec![Some(select(x.eq(0.0), lit(0.0), d.g * slope))]
        }).aliases(&["special.sinc"])
    }

    /// NaN and infinities replaced by numbers; by default 0 and the largest and smallest of the dtype.
    fn _nan_to_num(input: Tensor, nan: Scalar, posinf: Scalar, neginf: Scalar) -> Tensor {
        .formula(|f| {
            let x = f.x(0);
            select(x.is_nan(), f.x(1), select(x.eq(f64::INFINITY), f.x(2), select(x.eq(f64::NEG_INFINITY), f.x(3), x)))
        }).node("NanToNumBackward0").with(flag::PRIVATE)
    }

    /// The conjugate, computed.
    fn conj_physical(input: Tensor) -> Tensor { .sparse(sparse_math::zero_stays).formula(|f| if f.is_complex() { f.x(0).conj() } else { f.x(0) }) }

    /// The angle of a complex number; of a real one 0 or pi.
    fn angle(input: Tensor) -> Tensor {
        .rule(Rule::RealFloat).formula(|f| {
            if f.is_complex() {
                return f.x(0).angle();
            }
            let x = f.x(0);
            select(x.is_nan(), x, select(x.lt(0.0), lit(PI), lit(0.0)))
        }).without(flag::INPLACE)
    }

    /// The entropy of each element: -x log x, 0 at 0, -inf below.
    "special.entr" fn entr(input: Tensor) -> Tensor {
        .float().only(FLOAT).formula(|f| {
            let x = f.x(0);
            select(x.is_nan(), x, select(x.gt(0.0), -(x * x.log()), select(x.eq(0.0), lit(0.0), lit(f64::NEG_INFINITY))))
        }).spaces(&["special"]).node("SpecialEntrBackward0").with(flag::NO_METHOD).without(flag::INPLACE)
    }

    /// The cumulative distribution of the standard normal.
    "special.ndtr" fn ndtr(input: Tensor) -> Tensor {
        .float().only(FLOAT).formula(|f| {
            let x = f.x(0) * std::f64::consts::FRAC_1_SQRT_2;
            select(x.lt(1.0), 0.5 * (-x).erfc(), 0.5 * (1.0 + x.erf()))
        }).spaces(&["special"]).with(flag::NO_METHOD).without(flag::INPLACE)
    }
}

fn refuse_neg_bool(cx: &crate::op::arg::Ctx) -> crate::error::Result<()> {
    if cx.tensor(0)?.dtype() == DType::Bool {
        crate::bail!(
            Runtime,
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or \
             `logical_not()` operator instead."
        );
    }
    Ok(())
}
