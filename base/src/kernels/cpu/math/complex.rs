//! Complex functions, generic over f32 and f64 parts. complex64 is computed in f64, so that its last bits are right.

use crate::dtype::{C32, C64};

/// A complex type of tensor memory.
pub trait Cx: Copy {
    /// Widened to f64 parts.
    fn wide(self) -> C64;
    /// Rounded back.
    fn narrow(c: C64) -> Self;
}

impl Cx for C32 {
    #[inline(always)]
    fn wide(self) -> C64 {
        C64 { re: self.re as f64, im: self.im as f64 }
    }
    #[inline(always)]
    fn narrow(c: C64) -> C32 {
        C32 { re: c.re as f32, im: c.im as f32 }
    }
}

impl Cx for C64 {
    #[inline(always)]
    fn wide(self) -> C64 {
        self
    }
    #[inline(always)]
    fn narrow(c: C64) -> C64 {
        c
    }
}

/// re + i im.
#[inline(always)]
pub const fn cx(re: f64, im: f64) -> C64 {
    C64 { re, im }
}

#[inline(always)]
pub fn truth(a: C64) -> bool {
    a.re != 0.0 || a.im != 0.0
}

#[inline(always)]
pub fn flag(b: bool) -> C64 {
    cx(b as u8 as f64, 0.0)
}

#[inline(always)]
pub fn add(a: C64, b: C64) -> C64 {
    cx(a.re + b.re, a.im + b.im)
}

#[inline(always)]
pub fn sub(a: C64, b: C64) -> C64 {
    cx(a.re - b.re, a.im - b.im)
}

#[inline(always)]
pub fn mul(a: C64, b: C64) -> C64 {
    cx(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)
}

/// Smith's division, which does not overflow in between.
#[inline(always)]
pub fn div(a: C64, b: C64) -> C64 {
    if b.im == 0.0 && b.re != 0.0 {
        return cx(a.re / b.re, a.im / b.re);
    }
    if b.re == 0.0 && b.im == 0.0 {
        // As C: infinities with the numerator's signs, NaN for 0 / 0.
        return cx(a.re / b.re, a.im / b.re);
    }
    if b.re.abs() >= b.im.abs() {
        let r = b.im / b.re;
        let d = b.re + b.im * r;
        cx((a.re + a.im * r) / d, (a.im - a.re * r) / d)
    } else {
        let r = b.re / b.im;
        let d = b.re * r + b.im;
        cx((a.re * r + a.im) / d, (a.im * r - a.re) / d)
    }
}

pub fn neg(a: C64) -> C64 {
    cx(-a.re, -a.im)
}

pub fn conj(a: C64) -> C64 {
    cx(a.re, -a.im)
}

pub fn abs(a: C64) -> f64 {
    libm::hypot(a.re, a.im)
}

pub fn angle(a: C64) -> f64 {
    if a.re.is_nan() || a.im.is_nan() { f64::NAN } else { libm::atan2(a.im, a.re) }
}

pub fn recip(a: C64) -> C64 {
    div(cx(1.0, 0.0), a)
}

pub fn exp(a: C64) -> C64 {
    if a.im == 0.0 {
        return cx(libm::exp(a.re), a.im);
    }
    if a.re == f64::NEG_INFINITY && !a.im.is_finite() {
        return cx(0.0, 0.0);
    }
    if a.re == f64::INFINITY && !a.im.is_finite() {
        return cx(f64::INFINITY, f64::NAN);
    }
    let (s, c) = libm::sincos(a.im);
    if a.re > 709.0 {
        // e^re may overflow where the product does not.
        let (h, t) = (libm::exp(a.re * 0.5), libm::exp(a.re * 0.5));
        return cx(h * c * t, h * s * t);
    }
    let e = libm::exp(a.re);
    cx(e * c, e * s)
}

pub fn log(a: C64) -> C64 {
    let r = abs(a);
    // Near |a| = 1 the logarithm of the modulus cancels; (|a|^2 - 1) is formed from the parts there.
    let re = if r > 0.5 && r < 2.0 {
        let (x, y) = if a.re.abs() > a.im.abs() { (a.re.abs(), a.im.abs()) } else { (a.im.abs(), a.re.abs()) };
        0.5 * libm::log1p((x - 1.0) * (x + 1.0) + y * y)
    } else {
        libm::log(r)
    };
    cx(re, libm::atan2(a.im, a.re))
}

pub fn sqrt(a: C64) -> C64 {
    if a.re == 0.0 && a.im == 0.0 {
        return cx(0.0, a.im);
    }
    if a.im.is_infinite() {
        return cx(f64::INFINITY, a.im);
    }
    if a.re.is_infinite() {
        return if a.re > 0.0 {
            cx(a.re, if a.im.is_nan() { a.im } else { 0.0f64.copysign(a.im) })
        } else {
            cx(if a.im.is_nan() { a.im } else { 0.0 }, a.re.abs().copysign(a.im))
        };
    }
    let scale = if a.re.abs().max(a.im.abs()) > 4.5e307 { 0.25 } else { 1.0 };
    let b = cx(a.re * scale, a.im * scale);
    let t = ((b.re.abs() + abs(b)) * 0.5).sqrt();
    let back = if scale == 1.0 { 1.0 } else { 2.0 };
    if b.re >= 0.0 {
        cx(t * back, b.im / (2.0 * t) * back)
    } else {
        cx(b.im.abs() / (2.0 * t) * back, t.copysign(b.im) * back)
    }
}

pub fn sinh(a: C64) -> C64 {
    let (s, c) = libm::sincos(a.im);
    if a.im == 0.0 {
        return cx(libm::sinh(a.re), a.im);
    }
    cx(libm::sinh(a.re) * c, libm::cosh(a.re) * s)
}

pub fn cosh(a: C64) -> C64 {
    let (s, c) = libm::sincos(a.im);
    if a.im == 0.0 {
        return cx(libm::cosh(a.re), libm::sinh(a.re) * a.im);
    }
    cx(libm::cosh(a.re) * c, libm::sinh(a.re) * s)
}

/// i a.
fn times_i(a: C64) -> C64 {
    cx(-a.im, a.re)
}

/// -i a.
fn over_i(a: C64) -> C64 {
    cx(a.im, -a.re)
}

pub fn sin(a: C64) -> C64 {
    over_i(sinh(times_i(a)))
}

pub fn cos(a: C64) -> C64 {
    cosh(times_i(a))
}

pub fn tanh(a: C64) -> C64 {
    if a.re.abs() > 20.0 {
        let (s, c) = if a.im.is_finite() { libm::sincos(a.im) } else { (0.0, 1.0) };
        let e = libm::exp(-2.0 * a.re.abs());
        return cx(1.0f64.copysign(a.re), 4.0 * s * c * e);
    }
    let t = libm::tan(a.im);
    let beta = 1.0 + t * t;
    let s = libm::sinh(a.re);
    let rho = (1.0 + s * s).sqrt();
    if t.is_infinite() {
        return cx(rho / s, 1.0 / t);
    }
    let d = 1.0 + beta * s * s;
    cx(beta * rho * s / d, t / d)
}

pub fn tan(a: C64) -> C64 {
    over_i(tanh(times_i(a)))
}

pub fn sigmoid(a: C64) -> C64 {
    recip(add(cx(1.0, 0.0), exp(neg(a))))
}

pub fn expm1(a: C64) -> C64 {
    let h = libm::sin(a.im * 0.5);
    let e = libm::exp(a.re);
    cx(libm::expm1(a.re) * libm::cos(a.im) - 2.0 * h * h, e * libm::sin(a.im))
}

pub fn log1p(a: C64) -> C64 {
    let x = a.re + 1.0;
    let re = if a.re.abs() < 0.5 && a.im.abs() < 0.5 {
        0.5 * libm::log1p(a.re * (2.0 + a.re) + a.im * a.im)
    } else {
        log(cx(x, a.im)).re
    };
    cx(re, libm::atan2(a.im, x))
}

pub fn asinh(a: C64) -> C64 {
    let s = add(mul(a, a), cx(1.0, 0.0));
    if a.re < 0.0 { neg(log(add(neg(a), sqrt(s)))) } else { log(add(a, sqrt(s))) }
}

pub fn asin(a: C64) -> C64 {
    over_i(asinh(times_i(a)))
}

pub fn acos(a: C64) -> C64 {
    let s = asin(a);
    cx(std::f64::consts::FRAC_PI_2 - s.re, -s.im)
}

pub fn acosh(a: C64) -> C64 {
    let (p, m) = (sqrt(add(a, cx(1.0, 0.0))), sqrt(sub(a, cx(1.0, 0.0))));
    log(add(a, mul(p, m)))
}

pub fn atanh(a: C64) -> C64 {
    let l = sub(log1p(a), log1p(neg(a)));
    cx(l.re * 0.5, l.im * 0.5)
}

pub fn atan(a: C64) -> C64 {
    over_i(atanh(times_i(a)))
}

pub fn sign(a: C64) -> C64 {
    let r = abs(a);
    if r == 0.0 { cx(0.0, 0.0) } else { cx(a.re / r, a.im / r) }
}

pub fn pow(a: C64, b: C64) -> C64 {
    if b.re == 0.0 && b.im == 0.0 {
        return cx(1.0, 0.0);
    }
    if a.re == 0.0 && a.im == 0.0 {
        return if b.im == 0.0 && b.re > 0.0 { cx(0.0, 0.0) } else { cx(f64::NAN, f64::NAN) };
    }
    // Small whole exponents by multiplication: exact where the result is.
    if b.im == 0.0 && b.re == b.re.trunc() && b.re.abs() <= 64.0 {
        let (mut base, mut e, mut r) = (a, b.re.abs() as u32, cx(1.0, 0.0));
        while e != 0 {
            if e & 1 != 0 {
                r = mul(r, base);
            }
            base = mul(base, base);
            e >>= 1;
        }
        return if b.re < 0.0 { recip(r) } else { r };
    }
    exp(mul(b, log(a)))
}
