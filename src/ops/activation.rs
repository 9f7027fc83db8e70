//! Pointwise operators of three arguments, and the activations of `nn.functional`.

use crate::dtype::DType;
use crate::op::autocast::Cast;
use crate::op::expr::{E, lit, select};
use crate::op::{Rule, flag};
use crate::ops;
use crate::ops::sparse_math;
use std::f64::consts::FRAC_1_SQRT_2;

const FLOAT: &[DType] = &[DType::F16, DType::BF16, DType::F32, DType::F64];
const INEXACT: &[DType] = &[DType::F16, DType::BF16, DType::F32, DType::F64, DType::C64, DType::C128];
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
const NUMBER: &[DType] =
    &[DType::U8, DType::I8, DType::I16, DType::I32, DType::I64, DType::F16, DType::BF16, DType::F32, DType::F64];
const SQRT_2_OVER_PI: f64 = 0.797_884_560_802_865_4;

ops! {
    /// `input` where `condition` is true, else `other`.
    "where" fn where_(condition: Tensor, input: Num, other: Num) -> Tensor {
        .rule(Rule::Rest).formula(|f| select(f.x(0), f.x(1), f.x(2))).node("WhereBackward0")
            .without(flag::INPLACE).with(flag::NO_METHOD).check(check_condition)
    }

    /// This tensor where `condition` is true, else `other`.
    "where.self" fn where_self(input: Num, condition: Tensor, other: Num) -> Tensor = {
        where_(condition, input, other)
    } { .with(flag::NO_FUNCTION) }

    /// `value` where `mask` is true, `input` elsewhere.
    fn masked_fill(input: Tensor, mask: Tensor, value: Num) -> Tensor {
        .rule(Rule::First).formula(|f| select(f.x(1), f.x(2), f.x(0))).node_by(|f| if f.is_number(2) { "MaskedFillBackward0" } else { "MaskedFillBackward1" }).check(check_mask).without(flag::OUT)
    }

    /// Each element brought into [min, max]; either bound may be absent.
    fn clamp(input: Tensor, min: OptNumber = None, max: OptNumber = None) -> Tensor {
        .only(REAL).formula(|f| {
            let x = f.x(0);
            let x = if f.given(1) { x.max(f.x(1)) } else { x };
            if f.given(2) { x.min(f.x(2)) } else { x }
        }).node("ClampBackward1").check(check_clamp).aliases(&["clip"])
    }

    // Overridden here and below: a bound that is a tensor has a gradient too, and what lies on it belongs to the input.
    /// Each element brought between the elements of two tensors.
    "clamp.Tensor" fn clamp_tensor(input: Tensor, min: OptTensor = None, max: OptTensor = None) -> Tensor {
        .only(REAL).formula(|f| {
            let x = f.x(0);
            let x = if f.given(1) { x.max(f.x(1)) } else { x };
            if f.given(2) { x.min(f.x(2)) } else { x }
        }).grad_formulas(|f, d| {
            let x = f.x(0);
            let zero = lit(0.0);
            match (f.given(1), f.given(2)) {
                (true, true) => {
                    let (lo, hi) = (f.x(1), f.x(2));
                    vec![
                        Some(select(x.ge(lo).and(x.le(hi)), d.g, zero)),
                        Some(select(x.lt(lo).and(lo.lt(hi)), d.g, zero)),
                        Some(select(x.gt(hi).or(hi.lt(lo)), d.g, zero)),
                    ]
                }
                (true, false) => vec![Some(select(x.ge(f.x(1)), d.g, zero)), Some(select(x.lt(f.x(1)), d.g, zero))],
                _ => vec![Some(select(x.le(f.x(2)), d.g, zero)), Some(select(x.gt(f.x(2)), d.g, zero))],
            }
        }).node("ClampBackward0").check(check_clamp).aliases(&["clip.Tensor"])
    }

    /// No element below `min`.
    fn clamp_min(input: Tensor, min: Num) -> Tensor {
        .only(REAL).formula(|f| f.x(0).max(f.x(1)))
            .grad_formulas(|f, d| vec![Some(select(f.x(0).ge(f.x(1)), d.g, lit(0.0))), Some(select(f.x(0).lt(f.x(1)), d.g, lit(0.0)))])
    }

    /// No element above `max`.
    fn clamp_max(input: Tensor, max: Num) -> Tensor {
        .only(REAL).formula(|f| f.x(0).min(f.x(1)))
            .grad_formulas(|f, d| vec![Some(select(f.x(0).le(f.x(1)), d.g, lit(0.0))), Some(select(f.x(0).gt(f.x(1)), d.g, lit(0.0)))])
    }

    /// start + weight * (end - start).
    fn lerp(input: Tensor, end: Tensor, weight: Num) -> Tensor {
        .formula(|f| {
            let (a, b, w) = (f.x(0), f.x(1), f.x(2));
            let size = if f.is_complex() { w.abs().real() } else { w.abs() };
            select(size.lt(0.5), a + w * (b - a), b - (b - a) * (1.0 - w))
        }).node_by(|f| if f.is_number(2) { "LerpBackward0" } else { "LerpBackward1" }).check(check_lerp)
    }

    /// input + value * tensor1 * tensor2.
    fn addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor; value: Scalar = 1) -> Tensor {
        .formula(|f| f.x(0) + f.x(3) * f.x(1) * f.x(2))
    }

    /// input + value * tensor1 / tensor2.
    fn addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor; value: Scalar = 1) -> Tensor {
        .formula(|f| f.x(0) + f.x(3) * (f.x(1) / f.x(2))).check(check_addcdiv)
    }

    /// NaN and infinities replaced by numbers: 0 (or `nan`), the largest and smallest of the dtype (or `posinf`, `neginf`).
    fn nan_to_num(input: Tensor, nan: OptFloat = None, posinf: OptFloat = None, neginf: OptFloat = None) -> Tensor = {
        let d = input.dtype();
        if d.is_integral() {
            return ops::duplicate(input, None);
        }
        let top = match d {
            DType::F16 => 65504.0,
            DType::BF16 => 3.389_531_389_251_535_5e38,
            DType::F64 => f64::MAX,
            _ => f32::MAX as f64,
        };
        ops::_nan_to_num(input, nan.unwrap_or(0.0).into(), posinf.unwrap_or(top).into(), neginf.unwrap_or(-top).into())
    } { .sparse(sparse_math::zero_stays).with(flag::INPLACE | flag::OUT) }

    // Overridden: the result is kept instead of the input, as in-place use needs; at 0 the gradient is 0.
    /// max(x, 0).
    fn relu(input: Tensor) -> Tensor {
        .sparse(sparse_math::zero_stays).only(NUMBER).formula(|f| f.x(0).max(0.0)).grad_formulas(|_, d| vec![Some(select(d.y.le(0.0), lit(0.0), d.g))])
            .without(flag::OUT)
    }

    /// min(max(x, 0), 6).
    fn relu6(input: Tensor, inplace: Bool = false) -> Tensor {
        .only(NUMBER).formula(|f| between(f.x(0), lit(0.0), lit(6.0))).node("HardtanhBackward0").functional()
    }

    /// x above 0, negative_slope * x below.
    fn leaky_relu(input: Tensor, negative_slope: Scalar = 0.01, inplace: Bool = false) -> Tensor {
        .only(FLOAT).formula(|f| select(f.x(0).gt(0.0), f.x(0), f.x(0) * f.x(1))).functional()
    }

    /// x above 0, weight * x below; `weight` holds one slope, or one for each channel (dimension 1).
    fn _prelu(input: Tensor, weight: Tensor) -> Tensor {
        .only(FLOAT).formula(|f| select(f.x(0).gt(0.0), f.x(0), f.x(0) * f.x(1))).node("PreluKernelBackward0").with(flag::PRIVATE)
    }

    /// x above 0, weight * x below; `weight` holds one slope, or one for each channel (dimension 1).
    fn prelu(input: Tensor, weight: Tensor) -> Tensor = {
        let (n, nd) = (weight.numel(), input.ndim());
        if weight.ndim() > 1 {
            bail!(Runtime, "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {}", weight.ndim());
        }
        if n == 1 {
            return ops::_prelu(input, &ops::reshape(weight, &[])?);
        }
        let channels = if nd > 1 { input.size_at(1) } else { 1 };
        if n != channels {
            bail!(Runtime, "Mismatch of parameter numbers and input channel size. Found parameter numbers = {n} and channel size = {channels}.");
        }
        let mut shape = vec![1; nd];
        shape[1] = n;
        ops::_prelu(input, &ops::reshape(weight, &shape)?)
    } { .cast(Cast::Lower).spaces(&["", "nn.functional"]) }

    /// x above 0, alpha * (exp(x) - 1) below.
    fn elu(input: Tensor, alpha: Scalar = 1, inplace: Bool = false) -> Tensor {
        .only(FLOAT).formula(|f| select(f.x(0).gt(0.0), f.x(0), f.x(0).expm1() * f.x(1))).functional()
    }

    /// The self-normalising exponential unit. Klambauer et al. 2017.
    fn selu(input: Tensor, inplace: Bool = false) -> Tensor {
        .only(FLOAT).formula(|f| {
            let (a, s) = (1.673_263_242_354_377_2, 1.050_700_987_355_480_5);
            select(f.x(0).gt(0.0), f.x(0) * s, f.x(0).expm1() * (a * s))
        }).node("EluBackward0").spaces(&["", "nn.functional"]).with(flag::NO_METHOD)
    }

    /// max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).
    fn celu(input: Tensor, alpha: Scalar = 1, inplace: Bool = false) -> Tensor {
        .only(FLOAT).formula(|f| select(f.x(0).gt(0.0), f.x(0), (f.x(0) / f.x(1)).expm1() * f.x(1)))
            .node("CeluBackward0").spaces(&["", "nn.functional"]).with(flag::NO_METHOD)
    }

    /// The Gaussian error linear unit, x * Phi(x). Hendrycks & Gimpel 2016. `approximate` "tanh" uses tanh for Phi.
    fn gelu(input: Tensor; approximate: Str = "none") -> Tensor {
        .only(FLOAT).formula(|f| {
            let x = f.x(0);
            match f.text(1) {
                "tanh" => x * (0.5 + 0.5 * (SQRT_2_OVER_PI * (x + 0.044715 * x * x * x)).tanh()),
                _ => x * (0.5 + 0.5 * (x * FRAC_1_SQRT_2).erf()),
            }
        }).check(check_gelu).functional().without(flag::INPLACE)
    }

    /// x * sigmoid(x).
    fn silu(input: Tensor, inplace: Bool = false) -> Tensor {
        .only(INEXACT).formula(|f| f.x(0) * f.x(0).sigmoid()).functional()
    }

    /// x * tanh(softplus(x)).
    fn mish(input: Tensor, inplace: Bool = false) -> Tensor {
        .only(FLOAT).formula(|f| f.x(0) * softplus_of(f.x(0)).tanh()).functional()
    }

    /// log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold.
    fn softplus(input: Tensor, beta: Scalar = 1, threshold: Scalar = 20) -> Tensor {
        .only(FLOAT).formula(|f| {
            let z = f.x(0) * f.x(1);
            select(z.gt(f.x(2)), f.x(0), z.exp().log1p() / f.x(1))
        }).functional().without(flag::INPLACE)
    }

    /// log(sigmoid(x)).
    fn logsigmoid(input: Tensor) -> Tensor {
        .only(FLOAT).formula(|f| {
            // By selects, since min and abs have kinks at 0, where this function has none.
            let (x, below) = (f.x(0), f.x(0).lt(0.0));
            select(below, x, lit(0.0)) - select(below, x, -x).exp().log1p()
        }).node("LogSigmoidBackward0").functional().without(flag::INPLACE)
    }

    /// x / (1 + |x|).
    fn softsign(input: Tensor) -> Tensor {
        .float().only(INEXACT).formula(|f| f.x(0) / (f.x(0).abs() + 1.0)).node("DivBackward0").functional().without(flag::INPLACE | flag::OUT)
    }

    /// x - tanh(x).
    fn tanhshrink(input: Tensor) -> Tensor {
        .float().only(INEXACT).formula(|f| f.x(0) - f.x(0).tanh()).node("SubBackward0").functional().without(flag::INPLACE | flag::OUT)
    }

    /// x where |x| > lambd, else 0.
    fn hardshrink(input: Tensor, lambd: Scalar = 0.5) -> Tensor {
        .only(FLOAT).formula(|f| select(f.x(0).ge(-f.x(1)).and(f.x(0).le(f.x(1))), lit(0.0), f.x(0)))
            .spaces(&["", "nn.functional"]).without(flag::INPLACE)
    }

    /// x moved towards 0 by lambd; 0 where |x| <= lambd.
    fn softshrink(input: Tensor, lambd: Scalar = 0.5) -> Tensor {
        .only(FLOAT).formula(|f| {
            let (x, l) = (f.x(0), f.x(1));
            select(x.ge(-l).and(x.le(l)), lit(0.0), select(x.gt(l), x - l, x + l))
        }).check(check_lambd).functional().without(flag::INPLACE)
    }

    /// x where x > threshold, else value.
    fn threshold(input: Tensor, threshold: Scalar, value: Scalar, inplace: Bool = false) -> Tensor {
        .only(NUMBER).formula(|f| select(f.x(0).le(f.x(1)), f.x(2), f.x(0))).spaces(&["", "nn.functional"]).with(flag::NO_METHOD)
    }

    /// x brought into [min_val, max_val].
    fn hardtanh(input: Tensor, min_val: Scalar = -1, max_val: Scalar = 1, inplace: Bool = false) -> Tensor {
        .only(NUMBER).formula(|f| between(f.x(0), f.x(1), f.x(2))).check(check_hardtanh).functional()
    }

    /// min(max(x + 3, 0), 6) / 6.
    fn hardsigmoid(input: Tensor, inplace: Bool = false) -> Tensor {
        .only(FLOAT).formula(|f| between(f.x(0) + 3.0, lit(0.0), lit(6.0)) / 6.0).functional()
    }

    // Overridden: PyTorch's values at the kinks (0 at -3, 1 at 3).
    /// x * min(max(x + 3, 0), 6) / 6.
    fn hardswish(input: Tensor, inplace: Bool = false) -> Tensor {
        .only(FLOAT).formula(|f| f.x(0) * (f.x(0) + 3.0).max(0.0).min(6.0) / 6.0).grad_formulas(|f, d| {
            let x = f.x(0);
            vec![Some(select(x.le(-3.0), lit(0.0), select(x.lt(3.0), d.g * (x / 3.0 + 0.5), d.g)))]
        }).functional()
    }

    /// The first half of `dim` times the sigmoid of the second.
    fn glu(input: Tensor, dim: Int = -1) -> Tensor = {
        if input.ndim() == 0 {
            bail!(Runtime, "glu does not support 0-dimensional tensors");
        }
        let d = crate::shape::wrap_dim(dim, input.ndim())?;
        let n = input.size_at(d);
        if n % 2 != 0 {
            bail!(Runtime, "Halving dimension must be even, but dimension {d} is size {n}");
        }
        let a = ops::narrow(input, d as i64, 0, n / 2)?;
        let b = ops::narrow(input, d as i64, n / 2, n / 2)?;
        ops::_glu(&a, &b)
    } { .functional() }

    /// a * sigmoid(b).
    fn _glu(input: Tensor, gate: Tensor) -> Tensor { .only(FLOAT).formula(|f| f.x(0) * f.x(1).sigmoid()).node("GluBackward0").with(flag::PRIVATE) }
}

/// `x` where low < x < high, else the bound: unlike max and min its gradient on the bounds is 0.
fn between(x: E, low: E, high: E) -> E {
    select(x.le(low), low, select(x.ge(high), high, x))
}

fn softplus_of(x: E) -> E {
    select(x.gt(20.0), x, x.exp().log1p())
}

fn check_gelu(cx: &crate::op::arg::Ctx) -> crate::error::Result<()> {
    match cx.str(1)? {
        "none" | "tanh" => Ok(()),
        _ => bail!(Runtime, "approximate argument must be either none or tanh."),
    }
}

fn check_lambd(cx: &crate::op::arg::Ctx) -> crate::error::Result<()> {
    let l = cx.scalar(1)?.f64();
    if !(l >= 0.0) {
        bail!(Runtime, "lambda must be greater or equal to 0, but found to be {l}.");
    }
    Ok(())
}

fn check_hardtanh(cx: &crate::op::arg::Ctx) -> crate::error::Result<()> {
    if cx.scalar(1)?.f64() > cx.scalar(2)?.f64() {
        bail!(Value, "min_val cannot be greater than max_val");
    }
    Ok(())
}

fn check_clamp(cx: &crate::op::arg::Ctx) -> crate::error::Result<()> {
    if matches!(cx.args[1..3], [crate::op::arg::Arg::None, crate::op::arg::Arg::None]) {
        bail!(Runtime, "torch.clamp: At least one of 'min' or 'max' must not be None");
    }
    Ok(())
}

fn check_addcdiv(cx: &crate::op::arg::Ctx) -> crate::error::Result<()> {
    if cx.tensor(1)?.dtype().is_integral() && cx.tensor(2)?.dtype().is_integral() {
        bail!(
            Runtime,
            "Integer division with addcdiv is no longer supported, and in a future release addcdiv will perform a true division of \
             tensor1 and tensor2. Convert the integer inputs to float first."
        );
    }
    Ok(())
}

fn check_lerp(cx: &crate::op::arg::Ctx) -> crate::error::Result<()> {
    let (a, b) = (cx.tensor(0)?, cx.tensor(1)?);
    if a.dtype() != b.dtype() {
        bail!(Runtime, "expected dtype {} for `end` but got dtype {}", a.dtype().name(), b.dtype().name());
    }
    if a.dtype().is_integral() {
        return Err(cx.refuse(a.dtype()));
    }
    Ok(())
}

fn check_condition(cx: &crate::op::arg::Ctx) -> crate::error::Result<()> {
    let d = cx.tensor(0)?.dtype();
    if !matches!(d, DType::Bool | DType::U8) {
        bail!(Runtime, "where expected condition to be a boolean tensor, but got a tensor with dtype {}", d.c10_name());
    }
    Ok(())
}

fn check_mask(cx: &crate::op::arg::Ctx) -> crate::error::Result<()> {
    let d = cx.tensor(1)?.dtype();
    if d != DType::Bool {
        bail!(
            Runtime,
            "masked_fill_ only supports boolean masks, but got mask with dtype {}\nA comparison gives one: mask > 0.",
            d.name()
        );
    }
    let own = cx.tensor(0)?.dtype();
    match cx.num(2)? {
        crate::op::arg::Num::Tensor(t) => {
            if t.ndim() != 0 {
                bail!(
                    Runtime,
                    "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
                    t.ndim()
                );
            }
            if t.dtype().is_complex() && !own.is_complex() {
                t.item()?.check_fits(own)?;
            }
        }
        crate::op::arg::Num::Scalar(s) => s.check_fits(own)?,
    }
    Ok(())
}

/// pi, for tests of this file's constants.
#[cfg(test)]
#[test]
fn constants() {
    assert!((SQRT_2_OVER_PI - (2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-15);
}
