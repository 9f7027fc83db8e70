//! Primitives that are loops over scalar functions (rare ones, complex numbers), compiled once.

use super::complex::{self as cxm, Cx, cx, flag, truth};
use super::{Form, Kernel, f64m, int, sel};
use crate::dtype::{C32, C64};
use crate::kernels::program::{Compute, Prim};

macro_rules! unary {
    ($T:ty, |$x:ident| $f:expr) => {{
        unsafe fn k(o: *mut u8, a: *const u8, _b: *const u8, _c: *const u8, n: usize) {
            let (o, a) = (o as *mut $T, a as *const $T);
            for i in 0..n {
                // SAFETY: the caller gives n elements at o and a.
                unsafe {
                    let $x = *a.add(i);
                    *o.add(i) = $f;
                }
            }
        }
        k as Kernel
    }};
}

macro_rules! binary {
    ($T:ty, |$x:ident, $y:ident| $f:expr) => {{
        unsafe fn k(o: *mut u8, a: *const u8, b: *const u8, _c: *const u8, n: usize) {
            let (o, a, b) = (o as *mut $T, a as *const $T, b as *const $T);
            for i in 0..n {
                // SAFETY: the caller gives n elements at o, a and b.
                unsafe {
                    let ($x, $y) = (*a.add(i), *b.add(i));
                    *o.add(i) = $f;
                }
            }
        }
        k as Kernel
    }};
}

pub(super) fn kernel(compute: Compute, prim: Prim, form: Form) -> Option<Kernel> {
    if form != Form::VV {
        return None;
    }
    match compute {
        Compute::F32 => float32(prim),
        Compute::F64 => float64(prim),
        Compute::I64 => int64(prim),
        Compute::C64 => complex32(prim),
        Compute::C128 => complex64(prim),
    }
}

/// Floor division of floats as Python and PyTorch do it.
macro_rules! floor_div {
    ($a:expr, $b:expr) => {{
        let (a, b) = ($a, $b);
        if b == 0.0 {
            a / b
        } else {
            let m = a % b;
            let mut d = (a - m) / b;
            if m != 0.0 && (b < 0.0) != (m < 0.0) {
                d -= 1.0;
            }
            if d != 0.0 {
                let f = d.floor();
                if d - f > 0.5 { f + 1.0 } else { f }
            } else {
                (0.0 * d).copysign(a / b)
            }
        }
    }};
}

macro_rules! remainder {
    ($a:expr, $b:expr) => {{
        let (a, b) = ($a, $b);
        let m = a % b;
        if m != 0.0 && (b < 0.0) != (m < 0.0) { m + b } else { m }
    }};
}

pub(super) fn fmod_f32(x: f32, y: f32) -> f32 {
    x % y
}

pub(super) fn remainder_f32(x: f32, y: f32) -> f32 {
    remainder!(x, y)
}

pub(super) fn floor_div_f32(x: f32, y: f32) -> f32 {
    floor_div!(x, y)
}

fn float32(prim: Prim) -> Option<Kernel> {
    Some(match prim {
        Prim::Erfc => unary!(f32, |x| libm::erfc(x as f64) as f32),
        Prim::Erfinv => unary!(f32, |x| f64m::erfinv(x as f64) as f32),
        Prim::Lgamma => unary!(f32, |x| libm::lgamma(x as f64) as f32),
        Prim::Digamma => unary!(f32, |x| f64m::digamma(x as f64) as f32),
        Prim::NextAfter => binary!(f32, |x, y| libm::nextafterf(x, y)),
        _ => return None,
    })
}

fn float64(prim: Prim) -> Option<Kernel> {
    Some(match prim {
        Prim::Tan => unary!(f64, |x| libm::tan(x)),
        Prim::Asin => unary!(f64, |x| libm::asin(x)),
        Prim::Acos => unary!(f64, |x| libm::acos(x)),
        Prim::Sinh => unary!(f64, |x| libm::sinh(x)),
        Prim::Cosh => unary!(f64, |x| libm::cosh(x)),
        Prim::Asinh => unary!(f64, |x| libm::asinh(x)),
        Prim::Acosh => unary!(f64, |x| if x < 1.0 { f64::NAN } else { libm::acosh(x) }),
        Prim::Atanh => unary!(f64, |x| libm::atanh(x)),
        Prim::Erfc => unary!(f64, |x| libm::erfc(x)),
        Prim::Erfinv => unary!(f64, |x| f64m::erfinv(x)),
        Prim::Lgamma => unary!(f64, |x| libm::lgamma(x)),
        Prim::Digamma => unary!(f64, |x| f64m::digamma(x)),
        Prim::FloorDiv => binary!(f64, |x, y| floor_div!(x, y)),
        Prim::Remainder => binary!(f64, |x, y| remainder!(x, y)),
        Prim::Fmod => binary!(f64, |x, y| x % y),
        Prim::Pow => binary!(f64, |x, y| libm::pow(x, y)),
        Prim::Atan2 => binary!(f64, |x, y| libm::atan2(x, y)),
        Prim::Hypot => binary!(f64, |x, y| libm::hypot(x, y)),
        Prim::NextAfter => binary!(f64, |x, y| libm::nextafter(x, y)),
        _ => return None,
    })
}

fn int64(prim: Prim) -> Option<Kernel> {
    Some(match prim {
        Prim::Pow => binary!(i64, |x, y| int::pow(x, y)),
        _ => return None,
    })
}

macro_rules! complex_table {
    ($name:ident, $T:ty) => {
        fn $name(prim: Prim) -> Option<Kernel> {
            macro_rules! un {
                ($f:expr) => {
                    unary!($T, |x| <$T as Cx>::narrow($f(x.wide())))
                };
            }
            macro_rules! bin {
                ($f:expr) => {
                    binary!($T, |x, y| <$T as Cx>::narrow($f(x.wide(), y.wide())))
                };
            }
            Some(match prim {
                Prim::Copy => unary!($T, |x| x),
                Prim::Neg => un!(cxm::neg),
                Prim::Abs => un!(|a| cx(cxm::abs(a), 0.0)),
                Prim::Sign => un!(cxm::sign),
                Prim::Recip => un!(cxm::recip),
                Prim::Sqrt => un!(cxm::sqrt),
                Prim::Rsqrt => un!(|a| cxm::recip(cxm::sqrt(a))),
                Prim::Square => un!(|a| cxm::mul(a, a)),
                Prim::Exp => un!(cxm::exp),
                Prim::Exp2 => un!(|a: C64| cxm::exp(cx(a.re * std::f64::consts::LN_2, a.im * std::f64::consts::LN_2))),
                Prim::Expm1 => un!(cxm::expm1),
                Prim::Log => un!(cxm::log),
                Prim::Log2 => un!(|a| cxm::div(cxm::log(a), cx(std::f64::consts::LN_2, 0.0))),
                Prim::Log10 => un!(|a| cxm::div(cxm::log(a), cx(std::f64::consts::LN_10, 0.0))),
                Prim::Log1p => un!(cxm::log1p),
                Prim::Sin => un!(cxm::sin),
                Prim::Cos => un!(cxm::cos),
                Prim::Tan => un!(cxm::tan),
                Prim::Asin => un!(cxm::asin),
                Prim::Acos => un!(cxm::acos),
                Prim::Atan => un!(cxm::atan),
                Prim::Sinh => un!(cxm::sinh),
                Prim::Cosh => un!(cxm::cosh),
                Prim::Tanh => un!(cxm::tanh),
                Prim::Asinh => un!(cxm::asinh),
                Prim::Acosh => un!(cxm::acosh),
                Prim::Atanh => un!(cxm::atanh),
                Prim::Sigmoid => un!(cxm::sigmoid),
                Prim::IsNan => un!(|a: C64| flag(a.re.is_nan() || a.im.is_nan())),
                Prim::IsInf => un!(|a: C64| flag(a.re.is_infinite() || a.im.is_infinite())),
                Prim::LogicalNot => un!(|a| flag(!truth(a))),
                Prim::Conj => un!(cxm::conj),
                Prim::Real => un!(|a: C64| cx(a.re, 0.0)),
                Prim::Imag => un!(|a: C64| cx(a.im, 0.0)),
                Prim::Angle => un!(|a| cx(cxm::angle(a), 0.0)),
                Prim::Add => bin!(cxm::add),
                Prim::Sub => bin!(cxm::sub),
                Prim::Mul => bin!(cxm::mul),
                Prim::Div => bin!(cxm::div),
                Prim::Pow => bin!(cxm::pow),
                Prim::Eq => bin!(|a, b| flag(a == b)),
                Prim::Ne => bin!(|a, b| flag(a != b)),
                // Formulas order absolute values, which are numbers without an imaginary part.
                Prim::Lt => bin!(|a: C64, b: C64| flag(a.re < b.re)),
                Prim::Le => bin!(|a: C64, b: C64| flag(a.re <= b.re)),
                Prim::Gt => bin!(|a: C64, b: C64| flag(a.re > b.re)),
                Prim::Ge => bin!(|a: C64, b: C64| flag(a.re >= b.re)),
                Prim::LogicalAnd => bin!(|a, b| flag(truth(a) && truth(b))),
                Prim::LogicalOr => bin!(|a, b| flag(truth(a) || truth(b))),
                Prim::LogicalXor => bin!(|a, b| flag(truth(a) != truth(b))),
                Prim::Complex => binary!($T, |x, y| {
                    let mut z = x;
                    z.im = y.re;
                    z
                }),
                Prim::Select => {
                    unsafe fn k(o: *mut u8, a: *const u8, b: *const u8, c: *const u8, n: usize) {
                        let (o, a, b, c) = (o as *mut $T, a as *const $T, b as *const $T, c as *const $T);
                        for i in 0..n {
                            // SAFETY: the caller gives n elements at o, a, b and c.
                            unsafe { *o.add(i) = sel(truth((*a.add(i)).wide()), *b.add(i), *c.add(i)) };
                        }
                    }
                    k as Kernel
                }
                _ => return None,
            })
        }
    };
}
complex_table!(complex32, C32);
complex_table!(complex64, C64);
