//! Elementary functions in f32, branch-free. Where f32 arithmetic would lose the last bits, the formula goes through f64
//! lanes (half the width, and still faster than a careful f32 one).

use super::{Isa, f64m, sel};
use std::f32::consts::{LN_2, LOG2_E};

const MAGIC: f32 = 12582912.0;
const LN2_HI: f32 = 0.693359375;
const LN2_LO: f32 = -2.121_944_4e-4;

#[inline(always)]
pub(super) fn fma<S: Isa>(a: f32, b: f32, c: f32) -> f32 {
    if S::FMA { a.mul_add(b, c) } else { a * b + c }
}

macro_rules! poly {
    ($S:ty, $x:expr, $last:expr $(, $c:expr)*) => {{ let x = $x; let mut p: f32 = $last; $( p = fma::<$S>(p, x, $c); )* p }};
}

#[inline(always)]
fn pow2(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

#[inline(always)]
fn clamp(x: f32, lo: f32, hi: f32) -> f32 {
    sel(x < lo, lo, sel(x > hi, hi, x))
}

#[inline(always)]
fn exp_reduce<S: Isa>(x: f32) -> (i32, f32) {
    let k = fma::<S>(x, LOG2_E, MAGIC);
    let n = k - MAGIC;
    let ni = (k.to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32);
    let r = fma::<S>(n, -LN2_HI, x);
    (ni, fma::<S>(n, -LN2_LO, r))
}

#[inline(always)]
fn expm1_small<S: Isa>(r: f32) -> f32 {
    let p = poly!(S, r, 0.00019919848, 0.0013947213, 0.0083332617, 0.041_666_254, 0.16666667, 0.5);
    fma::<S>(r * r, p, r)
}

#[inline(always)]
pub fn exp<S: Isa>(x: f32) -> f32 {
    let (n, r) = exp_reduce::<S>(clamp(x, -104.0, 89.0));
    let y = expm1_small::<S>(r) + 1.0;
    let h = n >> 1;
    y * pow2(h) * pow2(n.wrapping_sub(h))
}

/// exp of x <= 0 for softmax: what would be below the normal numbers is 0, and about 2^-23.5 of relative error do.
#[inline(always)]
pub fn exp_below<S: Isa>(x: f32) -> f32 {
    let (n, r) = exp_reduce::<S>(sel(x < -87.0, -87.0, x));
    let p = poly!(S, r, 0.00139518192, 0.0083695986, 0.0416661855, 0.166665129, 0.5);
    let y = fma::<S>(r * r, p, r) + 1.0;
    let y = f32::from_bits((y.to_bits() as i32).wrapping_add(n.wrapping_shl(23)) as u32);
    sel(x < -87.0, 0.0, y)
}

#[inline(always)]
pub fn exp2<S: Isa>(x: f32) -> f32 {
    let x = clamp(x, -151.0, 129.0);
    let k = x + MAGIC;
    let n = (k.to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32);
    let y = expm1_small::<S>((x - (k - MAGIC)) * LN_2) + 1.0;
    let h = n >> 1;
    y * pow2(h) * pow2(n.wrapping_sub(h))
}

#[inline(always)]
pub fn expm1<S: Isa>(x: f32) -> f32 {
    let (n, r) = exp_reduce::<S>(clamp(x, -20.0, 89.0));
    let p = expm1_small::<S>(r);
    let t = pow2(n.wrapping_sub(1));
    let y = fma::<S>(t, p, t - 0.5) * 2.0;
    sel(x == 0.0, x, y)
}

#[inline(always)]
pub fn log<S: Isa>(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let xs = sel(tiny, x * 33554432.0, x);
    let ix = xs.to_bits().wrapping_add(0x3f80_0000 - 0x3f35_04f3);
    let k = ((ix >> 23) as i32).wrapping_sub(127).wrapping_sub(sel(tiny, 25, 0));
    let m = f32::from_bits((ix & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let f = m - 1.0;
    let kf = k as f32;
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * poly!(S, z, 0.23584936, 0.28537171, 0.40000337, 0.66666666);
    let hfsq = 0.5 * f * f;
    let y = fma::<S>(kf, 0.693_138_12, f - (hfsq - fma::<S>(s, hfsq + r, kf * 9.058_000_6e-6)));
    let y = sel(x == 0.0, f32::NEG_INFINITY, y);
    let y = sel(x == f32::INFINITY, x, y);
    sel(x < 0.0 || x != x, f32::NAN, y)
}

#[inline(always)]
pub fn tanh<S: Isa>(x: f32) -> f32 {
    let a = x.abs();
    let z = x * x;
    let small = fma::<S>(
        x * z,
        poly!(S, z, 0.00214754218, -0.00818268006, 0.0217029698, -0.0539472048, 0.133332098, -0.333333309),
        x,
    );
    // exp(2a) lies far inside the range.
    let (n, r) = exp_reduce::<S>(2.0 * sel(a > 10.0, 10.0, a));
    let e = expm1_small::<S>(r) + 1.0;
    let e = f32::from_bits((e.to_bits() as i32).wrapping_add(n.wrapping_shl(23)) as u32);
    let large = (1.0 - 2.0 / (e + 1.0)).copysign(x);
    let y = sel(a < 0.625, small, large);
    sel(x == 0.0 || x != x, x, y)
}

/// 1 / (1 + exp(-x)) with the exponent n of exp(-x) = 2^n (1 + p) moved to the numerator: m / (m + 2^24 (1 + p)) where m is
/// 2^(24 - n), so that nothing overflows and what is below the normal numbers is rounded once.
#[inline(always)]
pub fn sigmoid<S: Isa>(x: f32) -> f32 {
    const ONE: f32 = 16777216.0;
    let t = sel(x < -104.0, -104.0, x);
    let t = sel(t > 30.0, 30.0, t);
    let k = fma::<S>(t, -LOG2_E, MAGIC);
    let n = k - MAGIC;
    let r = fma::<S>(n, -LN2_LO, fma::<S>(n, -LN2_HI, -t));
    let p = expm1_small::<S>(r);
    // MAGIC leaves n alone in the low bits.
    let m = f32::from_bits(((127u32 + 24) << 23).wrapping_sub(k.to_bits().wrapping_shl(23)));
    // What m + ONE loses, which matters where it is half of the last place.
    let s = m + ONE;
    let lost = m - (s - ONE);
    m / (fma::<S>(p, ONE, lost) + s)
}

/// Near 0 a polynomial in x^2. Farther out 1 - p(|x|)^8, since the eighth root of erfc is smooth enough for a polynomial
/// of the same degree: one evaluation with chosen coefficients serves both.
#[inline(always)]
pub fn erf<S: Isa>(x: f32) -> f32 {
    let a = x.abs();
    let near = a < 1.19;
    let t = sel(near, x * x, sel(a > 3.95, 3.95, a));
    let mut p = sel(near, 6.592_896_53e-5, 0.000_166_156_286);
    for (n, f) in [
        (-0.000_758_828_362, -0.002_647_421_56),
        (0.005_135_150_63, 0.013_715_839),
        (-0.026_822_811, -0.013_208_841),
        (0.112_827_659, -0.059_074_711_1),
        (-0.376_125_455, -0.146_637_648),
        (0.128_379_151, 1.001_267_55),
    ] {
        p = fma::<S>(p, t, sel(near, n, f));
    }
    let q = p * p;
    let q = q * q;
    sel(near, fma::<S>(x, p, x), (1.0 - q * q).copysign(x))
}

/// Largest |x| of the fast reduction of sin, cos and tan.
pub const TRIG_LIMIT: f32 = 1.0e6;

/// (quadrant, sine of the remainder, cosine of the remainder), in f64 lanes.
#[inline(always)]
fn trig<S: Isa>(x: f32) -> (i64, f64, f64) {
    const MAGIC64: f64 = 6755399441055744.0;
    let x = x as f64;
    let k = f64m::fma::<S>(x, std::f64::consts::FRAC_2_PI, MAGIC64);
    let n = k - MAGIC64;
    let r = f64m::fma::<S>(n, -1.57079632673412561417e+00, x);
    let r = f64m::fma::<S>(n, -6.07710050650619224932e-11, r);
    let z = r * r;
    let s = f64m::fma::<S>(z, 2.7182378506779102727e-6, -0.00019839327203315365083);
    let s = f64m::fma::<S>(z, s, 0.0083333293625059277614);
    let s = f64m::fma::<S>(z, s, -0.16666666641428682463);
    let s = f64m::fma::<S>(z * r, s, r);
    let c = f64m::fma::<S>(z, -2.7209552776927431401e-7, 0.000024799511841895779364);
    let c = f64m::fma::<S>(z, c, -0.0013888883723001207446);
    let c = f64m::fma::<S>(z, c, 0.04166666662248247383);
    let c = f64m::fma::<S>(z, c, -0.5);
    let c = f64m::fma::<S>(z, c, 1.0);
    (k.to_bits() as i64, s, c)
}

/// sin, |x| <= TRIG_LIMIT.
#[inline(always)]
pub fn sin<S: Isa>(x: f32) -> f32 {
    let (q, s, c) = trig::<S>(x);
    let v = sel(q & 1 == 0, s, c);
    let v = f64::from_bits(v.to_bits() ^ (((q as u64) & 2) << 62));
    sel(x == 0.0, x, v as f32)
}

/// cos, |x| <= TRIG_LIMIT.
#[inline(always)]
pub fn cos<S: Isa>(x: f32) -> f32 {
    let (q, s, c) = trig::<S>(x);
    let v = sel(q & 1 == 0, c, s);
    f64::from_bits(v.to_bits() ^ (((q.wrapping_add(1) as u64) & 2) << 62)) as f32
}

/// tan, |x| <= TRIG_LIMIT.
#[inline(always)]
pub fn tan<S: Isa>(x: f32) -> f32 {
    let (q, s, c) = trig::<S>(x);
    let even = q & 1 == 0;
    let v = sel(even, s, -c) / sel(even, c, s);
    sel(x == 0.0, x, v as f32)
}

#[inline(always)]
pub fn log2<S: Isa>(x: f32) -> f32 {
    (f64m::log::<S>(x as f64) * std::f64::consts::LOG2_E) as f32
}

#[inline(always)]
pub fn log10<S: Isa>(x: f32) -> f32 {
    (f64m::log::<S>(x as f64) * std::f64::consts::LOG10_E) as f32
}

#[inline(always)]
pub fn log1p<S: Isa>(x: f32) -> f32 {
    let u = 1.0 + x;
    let ix = u.to_bits().wrapping_add(0x3f80_0000 - 0x3f35_04f3);
    let k = ((ix >> 23) as i32).wrapping_sub(127) as f32;
    let m = f32::from_bits((ix & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let flat = k == 0.0;
    // What 1 + x lost, relative to u; nothing is lost where the exponent is that of 1, and nothing matters far away.
    let c = sel(u - 1.0 > 1.0, 1.0 - (u - x), x - (u - 1.0)) / u;
    let c = sel(flat | (k > 24.0), 0.0, c);
    let f = sel(flat, x, m - 1.0);
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * poly!(S, z, 0.23584936, 0.28537171, 0.40000337, 0.66666666);
    let hfsq = 0.5 * f * f;
    let y = fma::<S>(k, 0.693_138_12, f - (hfsq - fma::<S>(s, hfsq + r, fma::<S>(k, 9.058_000_6e-6, c))));
    let y = sel(x == -1.0, f32::NEG_INFINITY, y);
    let y = sel((x == f32::INFINITY) | (x == 0.0), x, y);
    sel((x < -1.0) | (x != x), f32::NAN, y)
}

#[inline(always)]
pub fn atan<S: Isa>(x: f32) -> f32 {
    f64m::atan::<S>(x as f64) as f32
}

#[inline(always)]
pub fn asin<S: Isa>(x: f32) -> f32 {
    let x = x as f64;
    f64m::atan::<S>(x / ((1.0 - x) * (1.0 + x)).sqrt()) as f32
}

#[inline(always)]
pub fn acos<S: Isa>(x: f32) -> f32 {
    let x = x as f64;
    (2.0 * f64m::atan::<S>(((1.0 - x) / (1.0 + x)).sqrt())) as f32
}

#[inline(always)]
pub fn sinh<S: Isa>(x: f32) -> f32 {
    let w = x as f64;
    let a = sel(w.abs() > 100.0, 100.0, w.abs());
    let e = f64m::expm1::<S>(a);
    let y = (0.5 * (e + e / (e + 1.0))).copysign(w) as f32;
    sel(x != x, x, y)
}

#[inline(always)]
pub fn cosh<S: Isa>(x: f32) -> f32 {
    let w = (x as f64).abs();
    let e = f64m::exp::<S>(sel(w > 100.0, 100.0, w));
    (0.5 * (e + 1.0 / e)) as f32
}

#[inline(always)]
pub fn asinh<S: Isa>(x: f32) -> f32 {
    let w = x as f64;
    let a = w.abs();
    let b = a * a;
    let y = f64m::log1p::<S>(a + b / (1.0 + (b + 1.0).sqrt())).copysign(w) as f32;
    sel(a == f64::INFINITY || x != x, x, y)
}

#[inline(always)]
pub fn acosh<S: Isa>(x: f32) -> f32 {
    let t = x as f64 - 1.0;
    sel(x < 1.0, f32::NAN, f64m::log1p::<S>(t + (t * (t + 2.0)).sqrt()) as f32)
}

#[inline(always)]
pub fn atanh<S: Isa>(x: f32) -> f32 {
    let w = x as f64;
    let a = w.abs();
    let y = (0.5 * f64m::log1p::<S>(2.0 * a / (1.0 - a))).copysign(w) as f32;
    sel(x == 0.0 || x != x, x, y)
}

#[inline(always)]
pub fn atan2<S: Isa>(y: f32, x: f32) -> f32 {
    f64m::atan2_wide::<S>(y as f64, x as f64) as f32
}

#[inline(always)]
pub fn hypot<S: Isa>(x: f32, y: f32) -> f32 {
    let (a, b) = (x as f64, y as f64);
    let h = (a * a + b * b).sqrt() as f32;
    sel(x.abs() == f32::INFINITY || y.abs() == f32::INFINITY, f32::INFINITY, h)
}

/// Largest quotient of the fast forms below: then the whole quotient, and its product with y, are exact in f64.
pub const QUOTIENT_LIMIT: f64 = 268_435_456.0;

/// C's fmod, where |x / y| < QUOTIENT_LIMIT and y is finite.
#[inline(always)]
pub fn fmod<S: Isa>(x: f32, y: f32) -> f32 {
    let (a, b) = (x as f64, y as f64);
    let q = (a / b).trunc();
    ((a - q * b) as f32).copysign(x)
}

/// Python's remainder, under the same limit.
#[inline(always)]
pub fn remainder<S: Isa>(x: f32, y: f32) -> f32 {
    let m = fmod::<S>(x, y);
    sel((m != 0.0) & ((y < 0.0) != (m < 0.0)), m + y, m)
}

/// Python's floor division as PyTorch rounds it, under the same limit.
#[inline(always)]
pub fn floor_div<S: Isa>(x: f32, y: f32) -> f32 {
    let m = fmod::<S>(x, y);
    let d = (x - m) / y;
    let d = sel((m != 0.0) & ((y < 0.0) != (m < 0.0)), d - 1.0, d);
    let f = d.floor();
    let f = sel(d - f > 0.5, f + 1.0, f);
    sel(d != 0.0, f, 0.0f32.copysign(x / y))
}

#[inline(always)]
pub fn pow<S: Isa>(x: f32, y: f32) -> f32 {
    let (wx, wy) = (x as f64, y as f64);
    let ax = wx.abs();
    let r = f64m::pow_wide::<S>(ax, wy) as f32;
    // |y| >= 2^24 is even; smaller ones are split exactly by the magic number (2^23 and up have no fraction).
    let ay = y.abs();
    let whole = ay >= 8388608.0;
    let int = whole || (ay + 8388608.0) - 8388608.0 == ay;
    let half = ay * 0.5;
    let odd = int && !(half >= 8388608.0 || (half + 8388608.0) - 8388608.0 == half);
    let neg = x.is_sign_negative();
    let r = sel(neg && odd, -r, r);
    let r = sel(x < 0.0 && !int && ax != f64::INFINITY, f32::NAN, r);
    let r = sel(ax == 1.0 && ay == f32::INFINITY, 1.0, r);
    sel(x == 1.0 || y == 0.0, 1.0, r)
}
