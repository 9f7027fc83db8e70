//! The loops, compiled once per instruction set: `target!` (defined by the parent) gives a function its target features.

use super::{Form, Isa, Kernel, f32m, f64m, int, scalar, sel};
use crate::kernels::program::{Compute, Prim};

type S = isa!();

macro_rules! unary {
    ($T:ty, |$x:ident| $f:expr) => {{
        target! {
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
        }
        k as Kernel
    }};
}

/// A function whose fast formula holds up to a limit; a call that meets a larger argument goes element by element.
macro_rules! limited {
    ($T:ty, $limit:expr, $fast:path, $slow:expr) => {{
        target! {
            unsafe fn k(o: *mut u8, a: *const u8, _b: *const u8, _c: *const u8, n: usize) {
                let (o, a) = (o as *mut $T, a as *const $T);
                let mut large = 0u32;
                for i in 0..n {
                    // SAFETY: the caller gives n elements at a.
                    large |= unsafe { (*a.add(i)).abs() > $limit } as u32;
                }
                if large == 0 {
                    for i in 0..n {
                        // SAFETY: the caller gives n elements at o and a.
                        unsafe { *o.add(i) = $fast(*a.add(i)) };
                    }
                } else {
                    for i in 0..n {
                        // SAFETY: the caller gives n elements at o and a.
                        unsafe {
                            let x = *a.add(i);
                            *o.add(i) = if x.abs() > $limit { $slow(x) } else { $fast(x) };
                        }
                    }
                }
            }
        }
        k as Kernel
    }};
}

macro_rules! binary {
    ($form:expr, $T:ty, |$x:ident, $y:ident| $f:expr) => {{
        target! {
            unsafe fn vv(o: *mut u8, a: *const u8, b: *const u8, _c: *const u8, n: usize) {
                let (o, a, b) = (o as *mut $T, a as *const $T, b as *const $T);
                for i in 0..n {
                    // SAFETY: the caller gives n elements at o, a and b.
                    unsafe {
                        let ($x, $y) = (*a.add(i), *b.add(i));
                        *o.add(i) = $f;
                    }
                }
            }
            unsafe fn vs(o: *mut u8, a: *const u8, b: *const u8, _c: *const u8, n: usize) {
                let (o, a) = (o as *mut $T, a as *const $T);
                // SAFETY: the caller gives one element at b.
                let $y = unsafe { *(b as *const $T) };
                for i in 0..n {
                    // SAFETY: the caller gives n elements at o and a.
                    unsafe {
                        let $x = *a.add(i);
                        *o.add(i) = $f;
                    }
                }
            }
            unsafe fn sv(o: *mut u8, a: *const u8, b: *const u8, _c: *const u8, n: usize) {
                let (o, b) = (o as *mut $T, b as *const $T);
                // SAFETY: the caller gives one element at a.
                let $x = unsafe { *(a as *const $T) };
                for i in 0..n {
                    // SAFETY: the caller gives n elements at o and b.
                    unsafe {
                        let $y = *b.add(i);
                        *o.add(i) = $f;
                    }
                }
            }
        }
        match $form {
            Form::VV => vv as Kernel,
            Form::VS => vs as Kernel,
            Form::SV => sv as Kernel,
        }
    }};
}

/// Arithmetic that often works in place: loops of their own for `o == a`, where the compiler would see an overlap.
macro_rules! arith {
    ($form:expr, $T:ty, |$x:ident, $y:ident| $f:expr) => {{
        target! {
            unsafe fn vv(o: *mut u8, a: *const u8, b: *const u8, _c: *const u8, n: usize) {
                let (o, a, b) = (o as *mut $T, a as *const $T, b as *const $T);
                if std::ptr::eq(o, a) {
                    for i in 0..n {
                        // SAFETY: the caller gives n elements at o and b.
                        unsafe {
                            let ($x, $y) = (*o.add(i), *b.add(i));
                            *o.add(i) = $f;
                        }
                    }
                    return;
                }
                for i in 0..n {
                    // SAFETY: the caller gives n elements at o, a and b.
                    unsafe {
                        let ($x, $y) = (*a.add(i), *b.add(i));
                        *o.add(i) = $f;
                    }
                }
            }
            unsafe fn vs(o: *mut u8, a: *const u8, b: *const u8, _c: *const u8, n: usize) {
                let (o, a) = (o as *mut $T, a as *const $T);
                // SAFETY: the caller gives one element at b.
                let $y = unsafe { *(b as *const $T) };
                if std::ptr::eq(o, a) {
                    for i in 0..n {
                        // SAFETY: the caller gives n elements at o.
                        unsafe {
                            let $x = *o.add(i);
                            *o.add(i) = $f;
                        }
                    }
                    return;
                }
                for i in 0..n {
                    // SAFETY: the caller gives n elements at o and a.
                    unsafe {
                        let $x = *a.add(i);
                        *o.add(i) = $f;
                    }
                }
            }
            unsafe fn sv(o: *mut u8, a: *const u8, b: *const u8, _c: *const u8, n: usize) {
                let (o, b) = (o as *mut $T, b as *const $T);
                // SAFETY: the caller gives one element at a.
                let $x = unsafe { *(a as *const $T) };
                for i in 0..n {
                    // SAFETY: the caller gives n elements at o and b.
                    unsafe {
                        let $y = *b.add(i);
                        *o.add(i) = $f;
                    }
                }
            }
        }
        match $form {
            Form::VV => vv as Kernel,
            Form::VS => vs as Kernel,
            Form::SV => sv as Kernel,
        }
    }};
}

/// A binary function for which a loop with a splat operand is no dearer than one with a scalar.
macro_rules! vectors {
    ($form:expr, $T:ty, |$x:ident, $y:ident| $f:expr) => {{
        target! {
            unsafe fn vv(o: *mut u8, a: *const u8, b: *const u8, _c: *const u8, n: usize) {
                let (o, a, b) = (o as *mut $T, a as *const $T, b as *const $T);
                for i in 0..n {
                    // SAFETY: the caller gives n elements at o, a and b.
                    unsafe {
                        let ($x, $y) = (*a.add(i), *b.add(i));
                        *o.add(i) = $f;
                    }
                }
            }
        }
        match $form {
            Form::VV => vv as Kernel,
            _ => return None,
        }
    }};
}

/// A division-like function whose fast formula holds for quotients up to a limit.
macro_rules! quotient {
    ($form:expr, $fast:path, $slow:path) => {{
        target! {
            unsafe fn vv(o: *mut u8, a: *const u8, b: *const u8, _c: *const u8, n: usize) {
                let (o, a, b) = (o as *mut f32, a as *const f32, b as *const f32);
                let far = |x: f32, y: f32| {
                    !((x as f64 / y as f64).abs() < f32m::QUOTIENT_LIMIT) | (y.abs() == f32::INFINITY)
                };
                let mut large = 0u32;
                for i in 0..n {
                    // SAFETY: the caller gives n elements at a and b.
                    large |= unsafe { far(*a.add(i), *b.add(i)) } as u32;
                }
                if large == 0 {
                    for i in 0..n {
                        // SAFETY: the caller gives n elements at o, a and b.
                        unsafe { *o.add(i) = $fast(*a.add(i), *b.add(i)) };
                    }
                } else {
                    for i in 0..n {
                        // SAFETY: the caller gives n elements at o, a and b.
                        unsafe {
                            let (x, y) = (*a.add(i), *b.add(i));
                            *o.add(i) = if far(x, y) { $slow(x, y) } else { $fast(x, y) };
                        }
                    }
                }
            }
        }
        match $form {
            Form::VV => vv as Kernel,
            _ => return None,
        }
    }};
}

/// A division of integers. In stretches where all are below 2^51 it is one of f64: then quotients are rounded to no whole
/// number that they are not, and products with the divisor are exact.
macro_rules! whole {
    ($form:expr, $slow:path, |$x:ident, $y:ident| $fast:expr) => {{
        target! {
            unsafe fn vv(o: *mut u8, a: *const u8, b: *const u8, _c: *const u8, n: usize) {
                let (o, a, b) = (o as *mut i64, a as *const i64, b as *const i64);
                let mut from = 0;
                while from < n {
                    let to = n.min(from + 512);
                    let mut far = 0u64;
                    for i in from..to {
                        // SAFETY: the caller gives n elements at a and b.
                        let (x, y) = unsafe { (*a.add(i), *b.add(i)) };
                        far |= int::beyond(x) | int::beyond(y) | (y == 0) as u64;
                    }
                    if far == 0 {
                        for i in from..to {
                            // SAFETY: the caller gives n elements at o, a and b.
                            unsafe {
                                let ($x, $y) = (int::to_f64(*a.add(i)), int::to_f64(*b.add(i)));
                                *o.add(i) = int::of_f64($fast);
                            }
                        }
                    } else {
                        for i in from..to {
                            // SAFETY: as above.
                            unsafe { *o.add(i) = $slow(*a.add(i), *b.add(i)) };
                        }
                    }
                    from = to;
                }
            }
            unsafe fn vs(o: *mut u8, a: *const u8, b: *const u8, _c: *const u8, n: usize) {
                let (o, a) = (o as *mut i64, a as *const i64);
                // SAFETY: the caller gives one element at b.
                let y = unsafe { *(b as *const i64) };
                let $y = int::to_f64(y);
                let mut from = 0;
                while from < n {
                    let to = n.min(from + 512);
                    let mut far = int::beyond(y) | (y == 0) as u64;
                    for i in from..to {
                        // SAFETY: the caller gives n elements at a.
                        far |= int::beyond(unsafe { *a.add(i) });
                    }
                    if far == 0 {
                        for i in from..to {
                            // SAFETY: the caller gives n elements at o and a.
                            unsafe {
                                let $x = int::to_f64(*a.add(i));
                                *o.add(i) = int::of_f64($fast);
                            }
                        }
                    } else {
                        for i in from..to {
                            // SAFETY: as above.
                            unsafe { *o.add(i) = $slow(*a.add(i), y) };
                        }
                    }
                    from = to;
                }
            }
        }
        match $form {
            Form::VV => vv as Kernel,
            Form::VS => vs as Kernel,
            Form::SV => return None,
        }
    }};
}

macro_rules! select {
    ($form:expr, $T:ty) => {{
        target! {
            unsafe fn k(o: *mut u8, a: *const u8, b: *const u8, c: *const u8, n: usize) {
                let (o, a, b, c) = (o as *mut $T, a as *const $T, b as *const $T, c as *const $T);
                for i in 0..n {
                    // SAFETY: the caller gives n elements at o, a, b and c.
                    unsafe {
                        let (x, y) = (*b.add(i), *c.add(i));
                        *o.add(i) = sel(*a.add(i) != (0 as $T), x, y);
                    }
                }
            }
        }
        match $form {
            Form::VV => k as Kernel,
            _ => return None,
        }
    }};
}

pub(super) fn kernel(compute: Compute, prim: Prim, form: Form) -> Option<Kernel> {
    match compute {
        Compute::F32 => float32(prim, form),
        Compute::F64 => float64(prim, form),
        Compute::I64 => int64(prim, form),
        _ => None,
    }
}

/// What both float types share.
macro_rules! float_common {
    ($prim:expr, $form:expr, $T:ident, $B:ty, $rest:expr) => {
        match $prim {
            Prim::Copy | Prim::Conj | Prim::Real => unary!($T, |x| x),
            Prim::Neg => unary!($T, |x| -x),
            Prim::Abs => unary!($T, |x| x.abs()),
            Prim::Sign => unary!($T, |x| sel(x > 0.0, 1.0, sel(x < 0.0, -1.0, 0.0))),
            Prim::Recip => unary!($T, |x| 1.0 / x),
            Prim::Sqrt => unary!($T, |x| x.sqrt()),
            Prim::Rsqrt => unary!($T, |x| 1.0 / x.sqrt()),
            Prim::Square => unary!($T, |x| x * x),
            Prim::Floor => unary!($T, |x| x.floor()),
            Prim::Ceil => unary!($T, |x| x.ceil()),
            Prim::Round => unary!($T, |x| x.round_ties_even()),
            Prim::Trunc => unary!($T, |x| x.trunc()),
            Prim::IsNan => unary!($T, |x| sel(x != x, 1.0, 0.0)),
            Prim::IsInf => unary!($T, |x| sel(x.abs() == $T::INFINITY, 1.0, 0.0)),
            Prim::LogicalNot => unary!($T, |x| sel(x == 0.0, 1.0, 0.0)),
            Prim::SignBit => unary!($T, |x| sel(x.is_sign_negative(), 1.0, 0.0)),
            Prim::Imag => unary!($T, |_x| 0.0),
            Prim::Angle => {
                unary!($T, |x| sel(x < 0.0, std::f64::consts::PI as $T, sel(x != x, x, 0.0)))
            }
            Prim::Add => arith!($form, $T, |x, y| x + y),
            Prim::Sub => arith!($form, $T, |x, y| x - y),
            Prim::Mul => arith!($form, $T, |x, y| x * y),
            Prim::Div => arith!($form, $T, |x, y| x / y),
            Prim::TruncDiv => vectors!($form, $T, |x, y| (x / y).trunc()),
            Prim::Copysign => vectors!($form, $T, |x, y| x.copysign(y)),
            // The inner choice is one instruction, and for one number the outer one is made before the loop.
            Prim::Max => arith!($form, $T, |x, y| sel(y != y, y, sel(y > x, y, x))),
            Prim::Min => arith!($form, $T, |x, y| sel(y != y, y, sel(y < x, y, x))),
            Prim::Fmax => vectors!($form, $T, |x, y| sel(x < y || x != x, y, x)),
            Prim::Fmin => vectors!($form, $T, |x, y| sel(x > y || x != x, y, x)),
            Prim::Eq => binary!($form, $T, |x, y| sel(x == y, 1.0, 0.0)),
            Prim::Ne => binary!($form, $T, |x, y| sel(x != y, 1.0, 0.0)),
            Prim::Lt => binary!($form, $T, |x, y| sel(x < y, 1.0, 0.0)),
            Prim::Le => binary!($form, $T, |x, y| sel(x <= y, 1.0, 0.0)),
            Prim::Gt => binary!($form, $T, |x, y| sel(x > y, 1.0, 0.0)),
            Prim::Ge => binary!($form, $T, |x, y| sel(x >= y, 1.0, 0.0)),
            Prim::LogicalAnd => vectors!($form, $T, |x, y| sel((x != 0.0) & (y != 0.0), 1.0, 0.0)),
            Prim::LogicalOr => vectors!($form, $T, |x, y| sel((x != 0.0) | (y != 0.0), 1.0, 0.0)),
            Prim::LogicalXor => vectors!($form, $T, |x, y| sel((x != 0.0) ^ (y != 0.0), 1.0, 0.0)),
            Prim::Select => select!($form, $T),
            _ => $rest,
        }
    };
}

fn float32(prim: Prim, form: Form) -> Option<Kernel> {
    Some(float_common!(
        prim,
        form,
        f32,
        u32,
        match prim {
            Prim::Exp => unary!(f32, |x| f32m::exp::<S>(x)),
            Prim::Exp2 => unary!(f32, |x| f32m::exp2::<S>(x)),
            Prim::Expm1 => unary!(f32, |x| f32m::expm1::<S>(x)),
            Prim::Log => unary!(f32, |x| f32m::log::<S>(x)),
            Prim::Log2 => unary!(f32, |x| f32m::log2::<S>(x)),
            Prim::Log10 => unary!(f32, |x| f32m::log10::<S>(x)),
            Prim::Log1p => unary!(f32, |x| f32m::log1p::<S>(x)),
            Prim::Sin => limited!(f32, f32m::TRIG_LIMIT, f32m::sin::<S>, |x: f32| libm::sin(x as f64) as f32),
            Prim::Cos => limited!(f32, f32m::TRIG_LIMIT, f32m::cos::<S>, |x: f32| libm::cos(x as f64) as f32),
            Prim::Tan => limited!(f32, f32m::TRIG_LIMIT, f32m::tan::<S>, |x: f32| libm::tan(x as f64) as f32),
            Prim::Asin => unary!(f32, |x| f32m::asin::<S>(x)),
            Prim::Acos => unary!(f32, |x| f32m::acos::<S>(x)),
            Prim::Atan => unary!(f32, |x| f32m::atan::<S>(x)),
            Prim::Sinh => unary!(f32, |x| f32m::sinh::<S>(x)),
            Prim::Cosh => unary!(f32, |x| f32m::cosh::<S>(x)),
            Prim::Tanh => unary!(f32, |x| f32m::tanh::<S>(x)),
            Prim::Asinh => unary!(f32, |x| f32m::asinh::<S>(x)),
            Prim::Acosh => unary!(f32, |x| f32m::acosh::<S>(x)),
            Prim::Atanh => unary!(f32, |x| f32m::atanh::<S>(x)),
            Prim::Sigmoid => unary!(f32, |x| f32m::sigmoid::<S>(x)),
            Prim::Erf => unary!(f32, |x| f32m::erf::<S>(x)),
            Prim::Pow => vectors!(form, f32, |x, y| f32m::pow::<S>(x, y)),
            Prim::Fmod => quotient!(form, f32m::fmod::<S>, scalar::fmod_f32),
            Prim::Remainder => quotient!(form, f32m::remainder::<S>, scalar::remainder_f32),
            Prim::FloorDiv => quotient!(form, f32m::floor_div::<S>, scalar::floor_div_f32),
            Prim::Atan2 => vectors!(form, f32, |x, y| f32m::atan2::<S>(x, y)),
            Prim::Hypot => vectors!(form, f32, |x, y| f32m::hypot::<S>(x, y)),
            _ => return None,
        }
    ))
}

fn float64(prim: Prim, form: Form) -> Option<Kernel> {
    Some(float_common!(
        prim,
        form,
        f64,
        u64,
        match prim {
            Prim::Exp => unary!(f64, |x| f64m::exp::<S>(x)),
            Prim::Exp2 => unary!(f64, |x| f64m::exp2::<S>(x)),
            Prim::Expm1 => unary!(f64, |x| f64m::expm1::<S>(x)),
            Prim::Log => unary!(f64, |x| f64m::log::<S>(x)),
            Prim::Log2 => unary!(f64, |x| f64m::log2::<S>(x)),
            Prim::Log10 => unary!(f64, |x| f64m::log10::<S>(x)),
            Prim::Log1p => unary!(f64, |x| f64m::log1p::<S>(x)),
            Prim::Sin => limited!(f64, f64m::TRIG_LIMIT, f64m::sin::<S>, libm::sin),
            Prim::Cos => limited!(f64, f64m::TRIG_LIMIT, f64m::cos::<S>, libm::cos),
            Prim::Tanh => unary!(f64, |x| f64m::tanh::<S>(x)),
            Prim::Sigmoid => unary!(f64, |x| f64m::sigmoid::<S>(x)),
            Prim::Atan => unary!(f64, |x| f64m::atan::<S>(x)),
            Prim::Erf => unary!(f64, |x| f64m::erf::<S>(x)),
            // Without fused multiply-add the library's scalar one is as good.
            Prim::Pow if <S as Isa>::FMA => vectors!(form, f64, |x, y| f64m::pow::<S>(x, y)),
            _ => return None,
        }
    ))
}

/// Single primitives on int32 where it lies: what I64 would give, rounded back, is the same.
pub(super) fn int32(prim: Prim, form: Form) -> Option<Kernel> {
    Some(match prim {
        Prim::Neg => unary!(i32, |x| x.wrapping_neg()),
        Prim::Add => arith!(form, i32, |x, y| x.wrapping_add(y)),
        Prim::Sub => arith!(form, i32, |x, y| x.wrapping_sub(y)),
        Prim::Mul => arith!(form, i32, |x, y| x.wrapping_mul(y)),
        Prim::Max => arith!(form, i32, |x, y| sel(x < y, y, x)),
        Prim::Min => arith!(form, i32, |x, y| sel(x > y, y, x)),
        Prim::BitAnd => vectors!(form, i32, |x, y| x & y),
        Prim::BitOr => vectors!(form, i32, |x, y| x | y),
        Prim::BitXor => vectors!(form, i32, |x, y| x ^ y),
        _ => return None,
    })
}

fn int64(prim: Prim, form: Form) -> Option<Kernel> {
    Some(match prim {
        Prim::Copy | Prim::Conj | Prim::Real | Prim::Floor | Prim::Ceil | Prim::Round | Prim::Trunc => {
            unary!(i64, |x| x)
        }
        Prim::Neg => unary!(i64, |x| x.wrapping_neg()),
        Prim::Abs => unary!(i64, |x| x.wrapping_abs()),
        Prim::Sign => unary!(i64, |x| (x > 0) as i64 - (x < 0) as i64),
        Prim::Square => unary!(i64, |x| x.wrapping_mul(x)),
        Prim::IsNan | Prim::IsInf | Prim::Imag => unary!(i64, |_x| 0),
        Prim::LogicalNot => unary!(i64, |x| (x == 0) as i64),
        Prim::BitNot => unary!(i64, |x| !x),
        Prim::SignBit => unary!(i64, |x| (x < 0) as i64),
        Prim::Add => arith!(form, i64, |x, y| x.wrapping_add(y)),
        Prim::Sub => arith!(form, i64, |x, y| x.wrapping_sub(y)),
        Prim::Mul => arith!(form, i64, |x, y| x.wrapping_mul(y)),
        Prim::Max | Prim::Fmax => arith!(form, i64, |x, y| sel(x < y, y, x)),
        Prim::Min | Prim::Fmin => arith!(form, i64, |x, y| sel(x > y, y, x)),
        Prim::Eq => binary!(form, i64, |x, y| (x == y) as i64),
        Prim::Ne => binary!(form, i64, |x, y| (x != y) as i64),
        Prim::Lt => binary!(form, i64, |x, y| (x < y) as i64),
        Prim::Le => binary!(form, i64, |x, y| (x <= y) as i64),
        Prim::Gt => binary!(form, i64, |x, y| (x > y) as i64),
        Prim::Ge => binary!(form, i64, |x, y| (x >= y) as i64),
        Prim::LogicalAnd => vectors!(form, i64, |x, y| ((x != 0) & (y != 0)) as i64),
        Prim::LogicalOr => vectors!(form, i64, |x, y| ((x != 0) | (y != 0)) as i64),
        Prim::LogicalXor => vectors!(form, i64, |x, y| ((x != 0) ^ (y != 0)) as i64),
        Prim::BitAnd => vectors!(form, i64, |x, y| x & y),
        Prim::BitOr => vectors!(form, i64, |x, y| x | y),
        Prim::BitXor => vectors!(form, i64, |x, y| x ^ y),
        Prim::Shl => vectors!(form, i64, |x, y| int::shl(x, y)),
        Prim::Shr => vectors!(form, i64, |x, y| int::shr(x, y)),
        Prim::TruncDiv => whole!(form, int::trunc_div, |x, y| (x / y).trunc()),
        Prim::FloorDiv => whole!(form, int::floor_div, |x, y| (x / y).floor()),
        Prim::Remainder => whole!(form, int::remainder, |x, y| x - (x / y).floor() * y),
        Prim::Fmod => whole!(form, int::fmod, |x, y| x - (x / y).trunc() * y),
        Prim::Select => select!(form, i64),
        _ => return None,
    })
}
