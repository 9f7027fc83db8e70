//! Elementary functions in f64, branch-free: the compiler turns loops over them into vector code. Polynomials were fitted
//! for this project (Remez); reductions follow the classical literature (Cody & Waite; fdlibm's descriptions).

use super::{Isa, sel};
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, FRAC_PI_4, LN_2, LOG2_E, PI};

/// 1.5 * 2^52: adding it rounds to an integer, which then stands in the low bits.
const MAGIC: f64 = 6755399441055744.0;
const LN2_HI: f64 = 6.931_471_803_691_238_164_90e-01;
const LN2_LO: f64 = 1.908_214_929_270_587_700_02e-10;

#[inline(always)]
pub(super) fn fma<S: Isa>(a: f64, b: f64, c: f64) -> f64 {
    if S::FMA { a.mul_add(b, c) } else { a * b + c }
}

macro_rules! poly {
    ($S:ty, $x:expr, $last:expr $(, $c:expr)*) => {{ let x = $x; let mut p = $last; $( p = fma::<$S>(p, x, $c); )* let _ = x; p }};
}

#[inline(always)]
fn pow2(n: i64) -> f64 {
    f64::from_bits((n.wrapping_add(1023) as u64) << 52)
}

/// exp(r) - 1 for |r| <= ln2/2.
#[inline(always)]
fn expm1_small<S: Isa>(r: f64) -> f64 {
    let p = poly!(
        S,
        r,
        1.6095859995893952148e-10,
        2.0925347419541027686e-9,
        2.5052037664815987162e-8,
        2.7557238819528645961e-7,
        2.7557319292725342164e-6,
        0.000024801587367001233076,
        0.00019841269841234665149,
        0.0013888888888862001114,
        0.0083333333333333421422,
        0.041666666666666717418,
        0.16666666666666666,
        0.5
    );
    fma::<S>(r * r, p, r)
}

/// (n, r) with x = n ln2 + r; n also as a float.
#[inline(always)]
fn exp_reduce<S: Isa>(x: f64) -> (i64, f64) {
    let k = fma::<S>(x, LOG2_E, MAGIC);
    let n = k - MAGIC;
    let ni = (k.to_bits() as i64).wrapping_sub(MAGIC.to_bits() as i64);
    let r = fma::<S>(n, -LN2_HI, x);
    (ni, fma::<S>(n, -LN2_LO, r))
}

#[inline(always)]
fn clamp(x: f64, lo: f64, hi: f64) -> f64 {
    sel(x < lo, lo, sel(x > hi, hi, x))
}

#[inline(always)]
pub fn exp<S: Isa>(x: f64) -> f64 {
    let (n, r) = exp_reduce::<S>(clamp(x, -746.0, 710.0));
    let y = expm1_small::<S>(r) + 1.0;
    let h = n >> 1;
    y * pow2(h) * pow2(n.wrapping_sub(h))
}

#[inline(always)]
pub fn exp2<S: Isa>(x: f64) -> f64 {
    let x = clamp(x, -1080.0, 1025.0);
    let k = x + MAGIC;
    let n = (k.to_bits() as i64).wrapping_sub(MAGIC.to_bits() as i64);
    let y = expm1_small::<S>((x - (k - MAGIC)) * LN_2) + 1.0;
    let h = n >> 1;
    y * pow2(h) * pow2(n.wrapping_sub(h))
}

#[inline(always)]
pub fn expm1<S: Isa>(x: f64) -> f64 {
    let (n, r) = exp_reduce::<S>(clamp(x, -50.0, 710.0));
    let p = expm1_small::<S>(r);
    let t = pow2(n.wrapping_sub(1));
    let y = fma::<S>(t, p, t - 0.5) * 2.0;
    sel(x == 0.0, x, y)
}

/// (s*(hfsq+R) - hfsq as one lump, f, hfsq, k) of x = 2^k (1 + f), sqrt(1/2) <= 1+f < sqrt(2); x positive and normal.
#[inline(always)]
fn log_parts(x: f64) -> (f64, f64) {
    let ix = x.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - 0x3fe6_a09e_0000_0000);
    let k = (ix >> 52) as i64 - 1023;
    let m = f64::from_bits((ix & 0x000f_ffff_ffff_ffff).wrapping_add(0x3fe6_a09e_0000_0000));
    (int_to_f64(k), m - 1.0)
}

/// A small integer as f64 without a conversion instruction (there is none for 64-bit lanes before AVX-512).
#[inline(always)]
fn int_to_f64(k: i64) -> f64 {
    f64::from_bits((MAGIC.to_bits() as i64).wrapping_add(k) as u64) - MAGIC
}

#[inline(always)]
fn log_r<S: Isa>(z: f64) -> f64 {
    z * poly!(
        S,
        z,
        0.13254316990487156772,
        0.13249791514741914918,
        0.15387105148420880162,
        0.18181775338775327892,
        0.22222222650845551964,
        0.28571428569059281781,
        0.40000000000006328804,
        0.66666666666666660891
    )
}

#[inline(always)]
fn log_special(x: f64, y: f64) -> f64 {
    let y = sel(x == 0.0, f64::NEG_INFINITY, y);
    let y = sel(x == f64::INFINITY, x, y);
    sel(x < 0.0 || x != x, f64::NAN, y)
}

#[inline(always)]
pub fn log<S: Isa>(x: f64) -> f64 {
    let tiny = x < f64::MIN_POSITIVE;
    let xs = sel(tiny, x * 18014398509481984.0, x);
    let (k, f) = log_parts(xs);
    let k = k - sel(tiny, 54.0, 0.0);
    let s = f / (2.0 + f);
    let hfsq = 0.5 * f * f;
    let r = log_r::<S>(s * s);
    let y = fma::<S>(k, LN2_HI, f - (hfsq - fma::<S>(s, hfsq + r, k * LN2_LO)));
    log_special(x, y)
}

#[inline(always)]
pub fn log1p<S: Isa>(x: f64) -> f64 {
    let u = 1.0 + x;
    let (k, f) = log_parts(u);
    let big = u - 1.0 > 1.0;
    let c = sel(big, 1.0 - (u - x), x - (u - 1.0)) / u;
    let flat = k == 0.0;
    let f = sel(flat, x, f);
    let c = sel(flat || k > 54.0, 0.0, c);
    let s = f / (2.0 + f);
    let hfsq = 0.5 * f * f;
    let r = log_r::<S>(s * s);
    let y = fma::<S>(k, LN2_HI, f - (hfsq - fma::<S>(s, hfsq + r, fma::<S>(k, LN2_LO, c))));
    let y = sel(x == -1.0, f64::NEG_INFINITY, y);
    let y = sel(x == f64::INFINITY || x == 0.0, x, y);
    sel(x < -1.0 || x != x, f64::NAN, y)
}

/// log of x times a constant given as hi + lo, exact where x is a power of two (log2) or nearly so.
#[inline(always)]
fn log_base<S: Isa>(x: f64, inv_hi: f64, inv_lo: f64, two_hi: f64, two_lo: f64) -> f64 {
    let tiny = x < f64::MIN_POSITIVE;
    let xs = sel(tiny, x * 18014398509481984.0, x);
    let (k, f) = log_parts(xs);
    let k = k - sel(tiny, 54.0, 0.0);
    let s = f / (2.0 + f);
    let hfsq = 0.5 * f * f;
    let r = log_r::<S>(s * s);
    let hi = f64::from_bits((f - hfsq).to_bits() & 0xffff_ffff_0000_0000);
    let lo = (f - hi) - hfsq + s * (hfsq + r);
    let vhi = hi * inv_hi;
    let y = k * two_hi;
    let vlo = k * two_lo + (lo + hi) * inv_lo + lo * inv_hi;
    let w = y + vhi;
    let vlo = vlo + ((y - w) + vhi);
    log_special(x, vlo + w)
}

#[inline(always)]
pub fn log2<S: Isa>(x: f64) -> f64 {
    log_base::<S>(x, 1.44269504072144627571e+00, 1.67517131648865118353e-10, 1.0, 0.0)
}

#[inline(always)]
pub fn log10<S: Isa>(x: f64) -> f64 {
    log_base::<S>(
        x,
        4.34294481878168880939e-01,
        2.50829467116452752298e-11,
        3.01029995663611771306e-01,
        3.69423907715893078616e-13,
    )
}

/// Largest |x| of the fast reduction of sin and cos.
pub const TRIG_LIMIT: f64 = 1.0e6;

/// Quadrant and remainder (with its low part) of x by pi/2, |x| <= TRIG_LIMIT.
#[inline(always)]
fn trig_reduce<S: Isa>(x: f64) -> (i64, f64, f64) {
    const P1: f64 = 1.57079632673412561417e+00;
    const P2: f64 = 6.07710050630396597660e-11;
    const P2T: f64 = 2.02226624879595063154e-21;
    let k = fma::<S>(x, FRAC_2_PI, MAGIC);
    let n = k - MAGIC;
    let q = k.to_bits() as i64;
    let a = x - n * P1; // exact: P1 has 33 bits
    let w = n * P2; // exact
    let r = a - w;
    let b = a - r;
    let err = (a - (r + b)) + (b - w);
    let lo = err - n * P2T;
    let y = r + lo;
    (q, y, (r - y) + lo)
}

#[inline(always)]
fn sin_poly<S: Isa>(x: f64, y: f64) -> f64 {
    let z = x * x;
    let v = z * x;
    let r = poly!(
        S,
        z,
        -7.5786251655880875386e-13,
        1.6058365186898471941e-10,
        -2.5052104900494471561e-8,
        2.7557319214148711995e-6,
        -0.00019841269841254989028,
        0.0083333333333333227017
    );
    x - ((z * (0.5 * y - v * r) - y) - v * -0.16666666666666666641)
}

#[inline(always)]
fn cos_poly<S: Isa>(x: f64, y: f64) -> f64 {
    let z = x * x;
    let r = z * poly!(
        S,
        z,
        -1.1359449679270246974e-11,
        2.0875719580675434299e-9,
        -2.75573143262158949e-7,
        0.000024801587289395665526,
        -0.0013888888888873992105,
        0.041666666666666598757
    );
    let hz = 0.5 * z;
    let w = 1.0 - hz;
    w + (((1.0 - w) - hz) + (z * r - x * y))
}

/// sin, |x| <= TRIG_LIMIT.
#[inline(always)]
pub fn sin<S: Isa>(x: f64) -> f64 {
    let (q, r, lo) = trig_reduce::<S>(x);
    let v = sel(q & 1 == 0, sin_poly::<S>(r, lo), cos_poly::<S>(r, lo));
    let v = f64::from_bits(v.to_bits() ^ (((q as u64) & 2) << 62));
    sel(x == 0.0, x, v)
}

/// cos, |x| <= TRIG_LIMIT.
#[inline(always)]
pub fn cos<S: Isa>(x: f64) -> f64 {
    let (q, r, lo) = trig_reduce::<S>(x);
    let v = sel(q & 1 == 0, cos_poly::<S>(r, lo), sin_poly::<S>(r, lo));
    f64::from_bits(v.to_bits() ^ (((q.wrapping_add(1) as u64) & 2) << 62))
}

#[inline(always)]
pub fn tanh<S: Isa>(x: f64) -> f64 {
    let a = x.abs();
    let small = a < 0.25;
    let t = expm1::<S>(sel(small, -2.0, 2.0) * sel(a > 22.0, 22.0, a));
    let q = sel(small, -t, sel(a < 0.55, t, -2.0)) / (t + 2.0);
    let y = sel(a < 0.55, q, 1.0 + q);
    sel(x != x, x, y.copysign(x))
}

#[inline(always)]
pub fn sigmoid<S: Isa>(x: f64) -> f64 {
    let e = exp::<S>(-x.abs());
    sel(x >= 0.0, 1.0, e) / (1.0 + e)
}

#[inline(always)]
pub fn atan<S: Isa>(x: f64) -> f64 {
    let a = x.abs();
    let hi = a > 2.414213562373095;
    let mid = a > 0.41421356237309503;
    let num = sel(hi, -1.0, sel(mid, a - 1.0, a));
    let den = sel(hi, a, sel(mid, a + 1.0, 1.0));
    let t = num / den;
    let z = t * t;
    let p = atan_poly::<S>(z);
    let tail = sel(hi, 6.123233995736766e-17, sel(mid, 3.061616997868383e-17, 0.0));
    let base = sel(hi, FRAC_PI_2, sel(mid, FRAC_PI_4, 0.0));
    let y = base + (fma::<S>(t * z, p, t) + tail);
    sel(x != x, x, y.copysign(x))
}

#[inline(always)]
fn atan_poly<S: Isa>(z: f64) -> f64 {
    poly!(
        S,
        z,
        -0.012977402987486101292,
        0.029609248040794300779,
        -0.040550331995755244608,
        0.047055948131409344466,
        -0.0525556504087546903,
        0.058816267669588762221,
        -0.066666174831107859219,
        0.076923053671076273261,
        -0.090909090164215740185,
        0.1111111110957447161,
        -0.14285714285695559703,
        0.19999999999999884944,
        -0.33333333333333333086
    )
}

/// atan2 for operands that came from f32 (no overflow or underflow of the quotient matters).
#[inline(always)]
pub fn atan2_wide<S: Isa>(y: f64, x: f64) -> f64 {
    let (ay, ax) = (y.abs(), x.abs());
    let both_inf = ay == f64::INFINITY && ax == f64::INFINITY;
    let zero = ay == 0.0;
    let q = sel(both_inf, 1.0, sel(zero, 0.0, ay / ax));
    let t = atan::<S>(q);
    let neg = x.is_sign_negative();
    let r = sel(neg, PI - t, t);
    let r = sel(x != x || y != y, f64::NAN, r);
    r.copysign(y)
}

#[inline(always)]
pub fn erf<S: Isa>(x: f64) -> f64 {
    let a = x.abs();
    let z = x * x;
    let small = fma::<S>(
        x,
        poly!(
            S,
            z,
            -4.2138582660735815428e-12,
            8.6983678276544986705e-11,
            -1.2161615151770943836e-9,
            1.479192937214552728e-8,
            -1.6364593524653397298e-7,
            1.6462042067765365967e-6,
            -0.000014925647407403518129,
            0.0001205533289770735043,
            -0.00085483270218229509691,
            0.0052239776254217550253,
            -0.026866170645129714793,
            0.11283791670955119705,
            -0.3761263890318375237,
            0.12837916709551257389
        ),
        x,
    );
    let t = sel(a > 6.0, 6.0, a);
    let large = (1.0
        - exp::<S>(
            -t * poly!(
                S,
                t,
                1.9128423748334835098e-13,
                -9.5563208466962435317e-12,
                2.2465705472346118389e-10,
                -3.304171806895246445e-9,
                3.4073584979513264963e-8,
                -2.6137669211786866638e-7,
                1.5408369169790594361e-6,
                -7.0826244315057666445e-6,
                0.000025273270149472009419,
                -0.00006740479471556034423,
                0.00011644145918719975985,
                -0.00003174566785944499917,
                -0.00053893267566842762766,
                0.0016602526310606715554,
                -0.00018967886889729571309,
                -0.019136340542247340847,
                0.10277484138487431665,
                0.63661937580492585039,
                1.128379200111940262
            ),
        ))
    .copysign(x);
    let y = sel(a < 1.0, small, large);
    sel((x == 0.0) | (x != x), x, y)
}

/// log of a positive normal number as hi + lo, to about 2^-66; only with fused multiply-add.
#[inline(always)]
fn log_pair<S: Isa>(x: f64) -> (f64, f64) {
    let (k, f) = log_parts(x);
    // s = f / (2 + f) in two parts.
    let d = 2.0 + f;
    let d_lo = f - (d - 2.0);
    let s = f / d;
    let s_lo = fma::<S>(-s, d_lo, fma::<S>(-s, d, f)) / d;
    let z = s * s;
    let z_lo = fma::<S>(s, s, -z) + 2.0 * s * s_lo;
    // log(1 + f) = 2s + s z (2/3 + z (2/5 + ...)).
    let p = poly!(
        S,
        z,
        0.13254316990487156772,
        0.13249791514741914918,
        0.15387105148420880162,
        0.18181775338775327892,
        0.22222222650845551964,
        0.28571428569059281781,
        0.40000000000006328804
    );
    const C: f64 = 2.0 / 3.0;
    const C_LO: f64 = 3.700743415417188e-17;
    let q = z * p;
    let c = C + q;
    let c_lo = (C - c) + q + C_LO;
    let sz = s * z;
    let sz_lo = fma::<S>(s, z, -sz) + s * z_lo + s_lo * z;
    let t = sz * c;
    let t_lo = fma::<S>(sz, c, -t) + sz * c_lo + sz_lo * c;
    // k ln2 + 2s + t, largest first.
    let a = k * LN2_HI;
    let b = 2.0 * s;
    let u = a + b;
    let v = u - a;
    let u_lo = (a - (u - v)) + (b - v);
    let w = u + t;
    let v = w - u;
    let w_lo = (u - (w - v)) + (t - v);
    let lo = (w_lo + u_lo) + (fma::<S>(k, LN2_LO, 2.0 * s_lo) + t_lo);
    let hi = w + lo;
    (hi, (w - hi) + lo)
}

/// pow; only with fused multiply-add.
#[inline(always)]
pub fn pow<S: Isa>(x: f64, y: f64) -> f64 {
    let ax = x.abs();
    let tiny = ax < f64::MIN_POSITIVE;
    let (hi, lo) = log_pair::<S>(sel(tiny, ax * 18014398509481984.0, ax));
    // 54 ln2 less, where the argument was scaled.
    let shift = sel(tiny, -54.0, 0.0);
    let (hi, lo) = {
        let a = shift * LN2_HI;
        let h = a + hi;
        (h, ((a - h) + hi) + fma::<S>(shift, LN2_LO, lo))
    };
    let ph = y * hi;
    let pl = fma::<S>(y, hi, -ph) + y * lo;
    let e = exp::<S>(ph);
    let pl = sel(pl.abs() < 1.0, pl, 0.0);
    let r = sel(e == f64::INFINITY, e, fma::<S>(e, pl, e));
    // An exponent beyond 2^52 is whole, beyond 2^53 even.
    let ay = y.abs();
    let int = (ay >= 4503599627370496.0) | ((ay + 4503599627370496.0) - 4503599627370496.0 == ay);
    let half = ay * 0.5;
    let even = (half >= 4503599627370496.0) | ((half + 4503599627370496.0) - 4503599627370496.0 == half);
    let up = y > 0.0;
    let r = sel(ax == 0.0, sel(up, 0.0, f64::INFINITY), r);
    let r = sel(ax == f64::INFINITY, sel(up, f64::INFINITY, 0.0), r);
    // |y| infinite.
    let far = sel((ax > 1.0) == up, f64::INFINITY, 0.0);
    let r = sel(ay == f64::INFINITY, sel(ax == 1.0, 1.0, far), r);
    let r = sel(x.is_sign_negative() & int & !even, -r, r);
    let r = sel((x < 0.0) & !int & (ax != f64::INFINITY), f64::NAN, r);
    let r = sel((x != x) | (y != y), f64::NAN, r);
    sel((x == 1.0) | (y == 0.0), 1.0, r)
}

/// ax^y for ax >= 0 that came from f32, and good enough to be rounded to f32 (about 2^-32).
#[inline(always)]
pub fn pow_wide<S: Isa>(ax: f64, y: f64) -> f64 {
    let (k, f) = log_parts(ax);
    let s = f / (2.0 + f);
    let z = s * s;
    let p = poly!(
        S,
        z,
        0.19584698803961562,
        0.2217615267140936,
        0.2857210997043404,
        0.39999995614670286,
        0.66666666675820496
    );
    let l = fma::<S>(k, LN_2, s * fma::<S>(z, p, 2.0));
    let l = sel(ax < f64::INFINITY, l, ax);
    let l = sel(ax == 0.0, f64::NEG_INFINITY, l);
    let t = clamp(y * l, -106.0, 90.0);
    let n = fma::<S>(t, LOG2_E, MAGIC);
    let r = fma::<S>(n - MAGIC, -LN_2, t);
    let e = poly!(
        S,
        r,
        0.00019790254800203689,
        0.0013944759951370963,
        0.0083334976615329574,
        0.041666293611795753,
        0.16666665864596458,
        0.50000000680455148
    );
    fma::<S>(r * r, e, r + 1.0) * pow2((n.to_bits() as i64).wrapping_sub(MAGIC.to_bits() as i64))
}

/// Inverse of erf, by a rational start and two Newton steps on whichever of erf and erfc keeps its digits.
pub fn erfinv(x: f64) -> f64 {
    let a = x.abs();
    if a == 1.0 {
        return f64::INFINITY.copysign(x);
    }
    if a > 1.0 || a.is_nan() {
        return f64::NAN;
    }
    if a == 0.0 {
        return x;
    }
    // Winitzki's approximation, about 2e-3.
    let l = ((1.0 - a) * (1.0 + a)).ln();
    let t = 2.0 / (PI * 0.147) + 0.5 * l;
    let mut y = ((t * t - l / 0.147).sqrt() - t).sqrt();
    for _ in 0..4 {
        let err = if a > 0.5 { (1.0 - a) - libm::erfc(y) } else { libm::erf(y) - a };
        let d = std::f64::consts::FRAC_2_SQRT_PI * (-y * y).exp();
        let u = err / d;
        y -= u / (1.0 + y * u); // Halley
    }
    y.copysign(x)
}

/// Logarithmic derivative of gamma.
pub fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return f64::INFINITY.copysign(-x);
    }
    if x == f64::NEG_INFINITY {
        return f64::NAN;
    }
    let mut x = x;
    let mut sum = 0.0;
    if x < 0.0 {
        if x == x.trunc() {
            return f64::NAN;
        }
        let frac = x - x.trunc();
        sum = -PI / (PI * frac).tan();
        x = 1.0 - x;
    }
    // Near the positive root the recurrence cancels; a Taylor series there keeps the digits.
    while x < 12.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    let p = z
        * (1.0 / 12.0
            - z * (1.0 / 120.0
                - z * (1.0 / 252.0
                    - z * (1.0 / 240.0 - z * (1.0 / 132.0 - z * (691.0 / 32760.0 - z * (1.0 / 12.0)))))));
    sum + (x.ln() - 0.5 / x - p)
}
