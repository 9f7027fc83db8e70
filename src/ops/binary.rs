//! Pointwise operators of two tensors or numbers: arithmetic, comparison, logic, bits.

use crate::dtype::DType;
use crate::error::Result;
use crate::op::arg::{Arg, Ctx};
use crate::op::autocast::Cast;
use crate::op::expr::{E, Fx, lit, select};
use crate::op::{Rule, flag, formula};
use crate::ops;
use crate::ops::sparse_math;
use crate::scalar::Scalar;
use smallvec::smallvec;
use std::f64::consts::LOG2_E;

const BITS: &[DType] = &[DType::Bool, DType::U8, DType::I8, DType::I16, DType::I32, DType::I64];
const INTS: &[DType] = &[DType::U8, DType::I8, DType::I16, DType::I32, DType::I64];
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

/// The operands, the larger one, and the smaller minus the larger: by one select each, so that gradients are smooth where
/// both are equal (a tie of `max` is a kink).
fn larger(f: &Fx) -> (E, E, E, E) {
    let (a, b) = (f.x(0), f.x(1));
    let first = a.ge(b);
    (a, b, select(first, a, b), select(first, b - a, a - b))
}

/// `alpha * x`, without the multiplication where alpha is 1 (its default, which is not passed as a number then).
fn scaled(f: &Fx, x: E, alpha: usize) -> E {
    if f.given(alpha) { x * f.x(alpha) } else { x }
}

ops! {
    /// input + alpha * other.
    fn add(input: Num, other: Num; alpha: OptScalar = None) -> Tensor {
        .sparse(sparse_math::plus).formula(|f| f.x(0) + scaled(f, f.x(1), 2)).check(check_alpha)
    }

    /// input - alpha * other.
    fn sub(input: Num, other: Num; alpha: OptScalar = None) -> Tensor {
        .sparse(sparse_math::minus).formula(|f| f.x(0) - scaled(f, f.x(1), 2)).check(check_sub).aliases(&["subtract"])
    }

    /// other - alpha * input.
    fn rsub(input: Num, other: Num; alpha: OptScalar = None) -> Tensor {
        .formula(|f| f.x(1) - scaled(f, f.x(0), 2)).check(check_rsub).node_by(|f| if f.is_number(1) { "RsubBackward1" } else { "RsubBackward0" }).without(flag::INPLACE | flag::OUT)
    }

    /// The product.
    fn mul(input: Num, other: Num) -> Tensor { .sparse(sparse_math::times_of).formula(|f| f.x(0) * f.x(1)).aliases(&["multiply"]) }

    /// The quotient; `rounding_mode` None is true division, "trunc" cuts, "floor" rounds down.
    fn div(input: Num, other: Num) -> Tensor { .sparse(sparse_math::quotient).float().formula(|f| f.x(0) / f.x(1)).aliases(&["divide", "true_divide"]) }

    /// The quotient; `rounding_mode` None is true division, "trunc" cuts towards 0, "floor" rounds down.
    "div.Tensor_mode" fn div_mode(input: Num, other: Num; rounding_mode: OptStr) -> Tensor = {
        match rounding_mode {
            None => div(input, other),
            Some("trunc") => _div_trunc(input, other),
            Some("floor") => floor_divide(input, other),
            Some(m) => bail!(Runtime, "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{m}'"),
        }
    } { .with(flag::INPLACE | flag::OUT).aliases(&["divide.Tensor_mode"]) }

    /// The quotient by a number, where PyTorch's own composites divide by one: the node has another name there.
    fn _div_number(input: Tensor, other: Scalar) -> Tensor {
        .float().formula(|f| f.x(0) / f.x(1)).node("DivBackward1").with(flag::PRIVATE)
    }

    /// The quotient cut towards 0.
    fn _div_trunc(input: Num, other: Num) -> Tensor {
        .formula(|f| if f.is_int() { f.x(0).trunc_div(f.x(1)) } else { (f.x(0) / f.x(1)).trunc() }).grad_zero()
            .node("DivBackward1").with(flag::PRIVATE | flag::ZERO_DIV)
    }

    /// The quotient, rounded down.
    fn floor_divide(input: Num, other: Num) -> Tensor {
        .only(REAL).formula(|f| f.x(0).floor_div(f.x(1))).grad_zero().with(flag::ZERO_DIV)
    }

    /// Python's remainder: the sign is the divisor's.
    fn remainder(input: Num, other: Num) -> Tensor { .only(NUMBER).formula(|f| f.x(0).remainder(f.x(1))).node_by(|f| if f.is_number(1) { "RemainderBackward0" } else { "RemainderBackward1" }).check(some_tensor).with(flag::ZERO_DIV) }

    /// C's remainder: the sign is the dividend's.
    fn fmod(input: Num, other: Num) -> Tensor { .only(NUMBER).formula(|f| f.x(0).fmod(f.x(1))).node_by(|f| if f.is_number(1) { "FmodBackward0" } else { "FmodBackward1" }).check(tensor_first).with(flag::ZERO_DIV) }

    /// input to the power of a number.
    "pow.Tensor_Scalar" fn pow_scalar(input: Tensor, exponent: Number) -> Tensor {
        .sparse(sparse_math::power).formula(|f| f.x(0).pow(f.x(1))).check(check_pow)
    }

    /// input to the power of exponent, elementwise.
    "pow.Tensor_Tensor" fn pow(input: Num, exponent: Num) -> Tensor {
        .sparse(sparse_math::power).formula(|f| f.x(0).pow(f.x(1))).check(check_pow).node_by(pow_node)
    }

    /// The power, computed in float64.
    fn float_power(input: Num, exponent: Num) -> Tensor { .rule(Rule::Double).formula(|f| f.x(0).pow(f.x(1))).node_by(pow_node).check(some_tensor) }

    /// The angle of the point (other, input), in radians.
    fn atan2(input: Tensor, other: Tensor) -> Tensor {
        .float().only(FLOAT).formula(|f| f.x(0).atan2(f.x(1))).aliases(&["arctan2"])
    }

    /// sqrt(input^2 + other^2) without overflow.
    fn hypot(input: Tensor, other: Tensor) -> Tensor { .only(FLOAT).formula(|f| f.x(0).hypot(f.x(1))) }

    /// The magnitude of input with the sign of other.
    fn copysign(input: Num, other: Num) -> Tensor {
        .float().only(FLOAT).formula(|f| f.x(0).copysign(f.x(1))).node_by(|f| if f.is_number(1) { "CopysignBackward1" } else { "CopysignBackward0" }).check(tensor_first)
    }

    /// The next number after input towards other.
    fn nextafter(input: Tensor, other: Tensor) -> Tensor = {
        let d = crate::dtype::promote(input.dtype(), other.dtype());
        if !d.is_half() {
            return _nextafter(input, other);
        }
        let (a, b) = ops::special::pair(input.into(), other.into())?;
        _nextafter_half(&a, &b)
    } { .with(flag::INPLACE | flag::OUT) }

    /// `nextafter` of what is computed in its own type.
    fn _nextafter(input: Tensor, other: Tensor) -> Tensor {
        .only(&[DType::F32, DType::F64]).formula(|f| f.x(0).nextafter(f.x(1))).grad_formulas(|_, d| vec![Some(d.g), Some(lit(0.0))])
            .named("nextafter").with(flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD)
    }

    /// `nextafter` of two tensors of halves of one shape: one step in their bits.
    fn _nextafter_half(input: Tensor, other: Tensor) -> Tensor {
        .kernel(|cx| {
            let (x, y) = (cx.tensor(0)?, cx.tensor(1)?);
            cx.belong(x.dtype().is_half() && y.dtype() == x.dtype() && x.sizes() == y.sizes())?;
            Ok(smallvec![crate::op::Meta::like(x)])
        }, |cx, out| {
            let (x, y) = (cx.tensor(0)?, cx.tensor(1)?);
            let (lx, ly, lo) = (x.layout(), y.layout(), out[0].layout());
            crate::kernels::cpu::special::next_half(&lo.sizes, out[0].operand(&lo), x.operand(&lx), y.operand(&ly))
        }, "", crate::op::Batch::Broadcast).grad(&[1], &[], |b| {
            let other = b.when(1, || ops::zeros_like(b.tensor(1)?, None, None, None))?;
            Ok(smallvec![Some(b.g()?), other])
        }).node("NextafterBackward0").with(flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD)
    }

    /// The larger of the two; NaN if either is.
    fn maximum(input: Tensor, other: Tensor) -> Tensor {
        .only(REAL).formula(|f| f.x(0).max(f.x(1))).without(flag::INPLACE).aliases(&["max.other"])
    }

    /// The smaller of the two; NaN if either is.
    fn minimum(input: Tensor, other: Tensor) -> Tensor {
        .only(REAL).formula(|f| f.x(0).min(f.x(1))).without(flag::INPLACE).aliases(&["min.other"])
    }

    /// The larger of the two; a number wins over NaN.
    fn fmax(input: Tensor, other: Tensor) -> Tensor {
        .only(REAL).formula(|f| f.x(0).fmax(f.x(1))).without(flag::INPLACE)
    }

    /// The smaller of the two; a number wins over NaN.
    fn fmin(input: Tensor, other: Tensor) -> Tensor {
        .only(REAL).formula(|f| f.x(0).fmin(f.x(1))).without(flag::INPLACE)
    }

    /// input == other.
    fn eq(input: Num, other: Num) -> Tensor { .compare().formula(|f| f.x(0).eq(f.x(1))).check(tensor_first) }

    /// input != other.
    fn ne(input: Num, other: Num) -> Tensor { .compare().formula(|f| f.x(0).ne(f.x(1))).check(tensor_first).aliases(&["not_equal"]) }

    /// input < other.
    fn lt(input: Num, other: Num) -> Tensor { .compare().only(REAL).formula(|f| f.x(0).lt(f.x(1))).check(tensor_first).aliases(&["less"]) }

    /// input <= other.
    fn le(input: Num, other: Num) -> Tensor { .compare().only(REAL).formula(|f| f.x(0).le(f.x(1))).check(tensor_first).aliases(&["less_equal"]) }

    /// input > other.
    fn gt(input: Num, other: Num) -> Tensor { .compare().only(REAL).formula(|f| f.x(0).gt(f.x(1))).check(tensor_first).aliases(&["greater"]) }

    /// input >= other.
    fn ge(input: Num, other: Num) -> Tensor { .compare().only(REAL).formula(|f| f.x(0).ge(f.x(1))).check(tensor_first).aliases(&["greater_equal"]) }

    /// Both are not 0.
    fn logical_and(input: Tensor, other: Tensor) -> Tensor { .compare().formula(|f| f.x(0).and(f.x(1))) }

    /// At least one is not 0.
    fn logical_or(input: Tensor, other: Tensor) -> Tensor { .compare().formula(|f| f.x(0).or(f.x(1))) }

    /// Exactly one is not 0.
    fn logical_xor(input: Tensor, other: Tensor) -> Tensor { .compare().formula(|f| f.x(0).xor(f.x(1))) }

    /// The bits that both have.
    fn bitwise_and(input: Num, other: Num) -> Tensor { .only(BITS).formula(|f| f.x(0).bit_and(f.x(1))).no_grad().check(some_tensor) }

    /// The bits that either has.
    fn bitwise_or(input: Num, other: Num) -> Tensor { .only(BITS).formula(|f| f.x(0).bit_or(f.x(1))).no_grad().check(some_tensor) }

    /// The bits that exactly one has.
    fn bitwise_xor(input: Num, other: Num) -> Tensor { .only(BITS).formula(|f| f.x(0).bit_xor(f.x(1))).no_grad().check(some_tensor) }

    /// input * 2^other, in bits.
    fn bitwise_left_shift(input: Num, other: Num) -> Tensor { .only(INTS).formula(|f| f.x(0).shl(f.x(1))).no_grad().check(some_tensor) }

    /// input / 2^other, in bits, the sign kept.
    fn bitwise_right_shift(input: Num, other: Num) -> Tensor { .only(INTS).formula(|f| f.x(0).shr(f.x(1))).no_grad().check(some_tensor) }

    // Overridden: at input = 0 the gradient is log(other), though the value is 0 for any other.
    /// input * log(other), 0 where input is 0.
    fn xlogy(input: Num, other: Num) -> Tensor {
        .float().only(FLOAT).formula(|f| {
            let (x, y) = (f.x(0), f.x(1));
            select(y.is_nan(), y, select(x.eq(0.0), lit(0.0), x * y.log()))
        }).grad_formulas(|f, d| {
            let (x, y) = (f.x(0), f.x(1));
            vec![Some(select(x.eq(0.0).and(y.le(0.0)), lit(0.0), d.g * y.log())), Some(d.g * (x / y))]
        }).aliases(&["special.xlogy"]).node_by(xlogy_node).check(some_tensor)
    }

    // Overridden as xlogy.
    /// input * log1p(other), 0 where input is 0.
    "special.xlog1py" fn xlog1py(input: Num, other: Num) -> Tensor {
        .float().only(FLOAT).formula(|f| {
            let (x, y) = (f.x(0), f.x(1));
            select(y.is_nan(), y, select(x.eq(0.0), lit(0.0), x * y.log1p()))
        }).grad_formulas(|f, d| {
            let (x, y) = (f.x(0), f.x(1));
            vec![Some(select(x.eq(0.0).and(y.le(-1.0)), lit(0.0), d.g * y.log1p())), Some(d.g * (x / (y + 1.0)))]
        }).spaces(&["special"]).node_by(xlog1py_node).with(flag::NO_METHOD).without(flag::INPLACE).check(some_tensor)
    }

    /// log(exp(input) + exp(other)) without overflow.
    fn logaddexp(input: Tensor, other: Tensor) -> Tensor {
        .only(INEXACT).formula(|f| {
            let (a, b, m, d) = larger(f);
            select(a.eq(b).and(a.is_inf()), a, m + d.exp().log1p())
        }).without(flag::INPLACE)
    }

    /// log2(2^input + 2^other) without overflow.
    fn logaddexp2(input: Tensor, other: Tensor) -> Tensor {
        .only(FLOAT).formula(|f| {
            let (a, b, m, d) = larger(f);
            select(a.eq(b).and(a.is_inf()), a, m + d.exp2().log1p() * LOG2_E)
        }).without(flag::INPLACE)
    }

    /// 0 below 0, `values` at 0, 1 above.
    fn heaviside(input: Tensor, values: Tensor) -> Tensor {
        .only(REAL).formula(|f| {
            let x = f.x(0);
            select(x.eq(0.0), f.x(1), select(x.gt(0.0), lit(1.0), lit(0.0)))
        }).no_grad()
    }

    /// input * 2^other.
    fn ldexp(input: Tensor, other: Tensor) -> Tensor {
        .float().only(INEXACT).formula(|f| f.x(0) * f.x(1).exp2())
    }

    /// A complex tensor of its real and imaginary parts.
    fn complex(real: Tensor, imag: Tensor) -> Tensor {
        .rule(Rule::Complex).formula(|f| f.x(0).complex(f.x(1))).check(check_parts).without(flag::INPLACE).with(flag::NO_METHOD)
    }

    /// A complex tensor of its absolute value and angle.
    fn polar(abs: Tensor, angle: Tensor) -> Tensor {
        .cast(Cast::Single).rule(Rule::Complex).formula(|f| (f.x(0) * f.x(1).cos()).real().complex((f.x(0) * f.x(1).sin()).real()))
            .check(check_parts).without(flag::INPLACE).with(flag::NO_METHOD)
    }

    /// Is |input - other| <= atol + rtol * |other|? Equal infinities are close; NaN is close to NaN only if asked.
    fn isclose(input: Tensor, other: Tensor, rtol: Float = 1e-5, atol: Float = 1e-8, equal_nan: Bool = false) -> Tensor {
        .compare().formula(|f| {
            let (a, b) = (f.x(0), f.x(1));
            let same = a.eq(b);
            let same = if f.flag(4) && !f.is_int() { same.or(a.is_nan().and(b.is_nan())) } else { same };
            if f.is_int() {
                return same.or((a - b).abs().le(f.x(3) + f.x(2) * b.abs()));
            }
            let d = (a - b).abs();
            let bound = f.x(3) + f.x(2) * b.abs();
            // Distances are real, also of complex numbers.
            let (d, bound) = if f.is_complex() { (d.real(), bound.real()) } else { (d, bound) };
            same.or(d.is_inf().not().and(d.le(bound)))
        }).check(check_close).without(flag::INPLACE | flag::OUT)
    }
}

fn check_alpha(cx: &Ctx) -> Result<()> {
    let Arg::Scalar(alpha) = cx.args[2] else { return Ok(()) };
    let (result, _) = formula::types(cx.op, cx.args)?;
    if matches!(alpha, Scalar::Bool(_)) && result != DType::Bool {
        bail!(Runtime, "Boolean alpha only supported for Boolean results.");
    }
    if matches!(alpha, Scalar::Float(_)) && result.is_integral() {
        bail!(Runtime, "For integral input tensors, argument alpha must not be a floating point number.");
    }
    if matches!(alpha, Scalar::Complex(..)) && !result.is_complex() {
        bail!(Runtime, "For non-complex input tensors, argument alpha must not be a complex number.");
    }
    Ok(())
}

/// The first operand must be a tensor; PyTorch takes numbers there for arithmetic only.
fn tensor_first(cx: &Ctx) -> Result<()> {
    if let Arg::Scalar(_) = cx.args[0] {
        return Err(numbers(cx));
    }
    Ok(())
}

/// At least one operand must be a tensor.
/// PyTorch numbers its overloads: a number as exponent, two tensors, a number as base.
fn pow_node(f: &Fx) -> &'static str {
    match (f.is_number(0), f.is_number(1)) {
        (_, true) => "PowBackward0",
        (true, _) => "PowBackward2",
        _ => "PowBackward1",
    }
}

fn xlogy_node(f: &Fx) -> &'static str {
    match (f.is_number(0), f.is_number(1)) {
        (_, true) => "XlogyBackward2",
        (true, _) => "XlogyBackward1",
        _ => "XlogyBackward0",
    }
}

fn xlog1py_node(f: &Fx) -> &'static str {
    match (f.is_number(0), f.is_number(1)) {
        (_, true) => "SpecialXlog1PyBackward2",
        (true, _) => "SpecialXlog1PyBackward1",
        _ => "SpecialXlog1PyBackward0",
    }
}

fn some_tensor(cx: &Ctx) -> Result<()> {
    if let (Arg::Scalar(_), Arg::Scalar(_)) = (cx.args[0], cx.args[1]) {
        return Err(numbers(cx));
    }
    Ok(())
}

#[cold]
fn numbers(cx: &Ctx) -> crate::error::Error {
    let kind = |a: &Arg| match a {
        Arg::Tensor(_) => "Tensor",
        Arg::Scalar(Scalar::Bool(_)) => "bool",
        Arg::Scalar(Scalar::Int(_)) => "int",
        Arg::Scalar(Scalar::Float(_)) => "float",
        _ => "complex",
    };
    err!(
        Type,
        "{}() received an invalid combination of arguments - got ({}, {}), but expected one of:\n * (Tensor input, Tensor or Number \
         other)",
        cx.op.python_name(),
        kind(&cx.args[0]),
        kind(&cx.args[1])
    )
}

/// Two real tensors of one floating dtype.
fn check_parts(cx: &Ctx) -> Result<()> {
    let (a, b) = (cx.tensor(0)?.dtype(), cx.tensor(1)?.dtype());
    let fits = |d: DType| matches!(d, DType::F16 | DType::F32 | DType::F64);
    if !fits(a) || !fits(b) {
        bail!(
            Runtime,
            "Expected both inputs to be Half, Float or Double tensors but got {} and {}",
            a.c10_name(),
            b.c10_name()
        );
    }
    if a != b {
        bail!(
            Runtime,
            "Expected object of scalar type {} but got scalar type {} for second argument",
            a.c10_name(),
            b.c10_name()
        );
    }
    Ok(())
}

fn check_close(cx: &Ctx) -> Result<()> {
    for (i, name) in [(2, "rtol"), (3, "atol")] {
        if cx.float(i)? < 0.0 {
            bail!(Runtime, "{name} must be greater than or equal to zero, but got {}", cx.float(i)?);
        }
    }
    let (a, b) = (cx.tensor(0)?.dtype(), cx.tensor(1)?.dtype());
    if a != b {
        bail!(
            Runtime,
            "{} did not match {} (isclose compares tensors of one dtype: convert one)",
            a.c10_name(),
            b.c10_name()
        );
    }
    Ok(())
}

fn check_sub(cx: &Ctx) -> Result<()> {
    let is_bool = |a: &Arg| match a {
        Arg::Tensor(t) => t.dtype() == DType::Bool,
        Arg::Scalar(s) => matches!(s, Scalar::Bool(_)),
        _ => false,
    };
    match (is_bool(&cx.args[0]), is_bool(&cx.args[1])) {
        (true, true) => bail!(
            Runtime,
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
        ),
        (true, _) | (_, true) => bail!(
            Runtime,
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or \
             `logical_not()` operator instead."
        ),
        _ => check_alpha(cx),
    }
}

fn check_rsub(cx: &Ctx) -> Result<()> {
    tensor_first(cx)?;
    check_sub(cx)
}

fn check_pow(cx: &Ctx) -> Result<()> {
    some_tensor(cx)?;
    let (result, _) = formula::types(cx.op, cx.args)?;
    if let (true, Arg::Scalar(s)) = (result.is_integral(), cx.args[1])
        && s.f64() < 0.0
    {
        bail!(Runtime, "Integers to negative integer powers are not allowed.");
    }
    Ok(())
}
