//! Special functions that are rare enough for plain loops: each element is widened to float64, the result rounded. (Those
//! that formulas use are primitives of `math/`.)

use super::lines::{GRAIN, Lines};
use super::num::Real;
use crate::dtype::{DType, bf16, f16};
use crate::error::Result;
use crate::kernels::Operand;
use std::f64::consts::PI;

/// `out = f(x)` for floating tensors of one dtype.
pub fn map1(shape: &[i64], out: Operand, x: Operand, f: &(dyn Fn(f64) -> f64 + Sync)) -> Result<()> {
    let l = Lines::new(shape, &[out, x]);
    let (so, sx) = (l.inner()[0] as isize, l.inner()[1] as isize);
    if out.dtype != x.dtype || !x.dtype.is_float() {
        bail!(NotImplemented, "not implemented for '{}'", x.dtype.c10_name());
    }
    dispatch!(x.dtype, T in FLOAT => l.parallel(GRAIN / 16, &|p, n| {
        for k in 0..n as isize {
            // SAFETY: `n` elements lie at both addresses at these strides.
            unsafe {
                let v = (*(p[1].offset(k * sx) as *const T)).to_f64();
                *(p[0].offset(k * so) as *mut T) = T::from_f64(f(v));
            }
        }
    }));
    Ok(())
}

/// `out = f(x, y)` for floating tensors of one dtype.
pub fn map2(shape: &[i64], out: Operand, x: Operand, y: Operand, f: &(dyn Fn(f64, f64) -> f64 + Sync)) -> Result<()> {
    let l = Lines::new(shape, &[out, x, y]);
    let s: [isize; 3] = std::array::from_fn(|i| l.inner()[i] as isize);
    if out.dtype != x.dtype || x.dtype != y.dtype || !x.dtype.is_float() {
        bail!(NotImplemented, "not implemented for '{}'", x.dtype.c10_name());
    }
    dispatch!(x.dtype, T in FLOAT => l.parallel(GRAIN / 16, &|p, n| {
        for k in 0..n as isize {
            // SAFETY: `n` elements lie at all addresses at these strides.
            unsafe {
                let a = (*(p[1].offset(k * s[1]) as *const T)).to_f64();
                let b = (*(p[2].offset(k * s[2]) as *const T)).to_f64();
                *(p[0].offset(k * s[0]) as *mut T) = T::from_f64(f(a, b));
            }
        }
    }));
    Ok(())
}

/// The numbers next to `x` towards `y`, of halves of one dtype.
pub fn next_half(shape: &[i64], out: Operand, x: Operand, y: Operand) -> Result<()> {
    let l = Lines::new(shape, &[out, x, y]);
    let s: [isize; 3] = std::array::from_fn(|i| l.inner()[i] as isize);
    let wide: fn(u16) -> f32 = match x.dtype {
        DType::F16 => |bits| f16::from_bits(bits).to_f32(),
        DType::BF16 => |bits| bf16::from_bits(bits).to_f32(),
        d => bail!(NotImplemented, "\"nextafter\" not implemented for '{}'", d.c10_name()),
    };
    if out.dtype != x.dtype || y.dtype != x.dtype {
        bail!(NotImplemented, "\"nextafter\" not implemented for different dtypes");
    }
    l.parallel(GRAIN, &|p, n| {
        for k in 0..n as isize {
            // SAFETY: `n` elements of two bytes lie at all addresses at these strides.
            unsafe {
                let (a, b) = (*(p[1].offset(k * s[1]) as *const u16), *(p[2].offset(k * s[2]) as *const u16));
                let (u, v) = (wide(a), wide(b));
                *(p[0].offset(k * s[0]) as *mut u16) = if u.is_nan() || u == v {
                    if u.is_nan() { a } else { b }
                } else if v.is_nan() {
                    b
                } else if u == 0.0 {
                    (b & 0x8000) | 1
                } else if (v > u) == (u > 0.0) {
                    // Away from 0: signs apart, larger bits are larger numbers.
                    a + 1
                } else {
                    a - 1
                };
            }
        }
    });
    Ok(())
}

/// Mantissas and (32-bit) exponents of floating numbers.
pub fn frexp(shape: &[i64], mantissa: Operand, exponent: Operand, x: Operand) -> Result<()> {
    let l = Lines::new(shape, &[mantissa, exponent, x]);
    let s: [isize; 3] = std::array::from_fn(|i| l.inner()[i] as isize);
    if mantissa.dtype != x.dtype || exponent.dtype != DType::I32 || !x.dtype.is_float() {
        bail!(NotImplemented, "\"frexp\" not implemented for '{}'", x.dtype.c10_name());
    }
    dispatch!(x.dtype, T in FLOAT => l.parallel(GRAIN / 16, &|p, n| {
        for k in 0..n as isize {
            // SAFETY: `n` elements of these types lie at all addresses at these strides.
            unsafe {
                let v = (*(p[2].offset(k * s[2]) as *const T)).to_f64();
                let (m, e) = if v.is_finite() { libm::frexp(v) } else { (v, 0) };
                *(p[0].offset(k * s[0]) as *mut T) = T::from_f64(m);
                *(p[1].offset(k * s[1]) as *mut i32) = e;
            }
        }
    }));
    Ok(())
}

/// The greatest common divisors (or least common multiples) of integers of one dtype.
pub fn gcd(shape: &[i64], out: Operand, x: Operand, y: Operand, multiple: bool) -> Result<()> {
    let l = Lines::new(shape, &[out, x, y]);
    let s: [isize; 3] = std::array::from_fn(|i| l.inner()[i] as isize);
    if out.dtype != x.dtype || x.dtype != y.dtype || !x.dtype.is_int() {
        bail!(
            NotImplemented,
            "\"{}_cpu\" not implemented for '{}'",
            if multiple { "lcm" } else { "gcd" },
            x.dtype.c10_name()
        );
    }
    dispatch!(x.dtype, T in INT => l.parallel(GRAIN / 16, &|p, n| {
        for k in 0..n as isize {
            // SAFETY: `n` elements lie at all addresses at these strides.
            unsafe {
                let a = (*(p[1].offset(k * s[1]) as *const T)).to_i64();
                let b = (*(p[2].offset(k * s[2]) as *const T)).to_i64();
                let (mut u, mut v) = (a.unsigned_abs(), b.unsigned_abs());
                while v != 0 {
                    (u, v) = (v, u % v);
                }
                let r = match (multiple, u) {
                    (false, _) | (_, 0) => u as i64,
                    _ => (a / u as i64).wrapping_mul(b).wrapping_abs(),
                };
                super::creation::put_int(p[0].offset(k * s[0]), x.dtype, r);
            }
        }
    }));
    Ok(())
}

/// Bernoulli numbers B(2j) over (2j)!, j = 1, 2, ...
const BERNOULLI: [f64; 10] = [
    1.0 / 12.0,
    -1.0 / 720.0,
    1.0 / 30240.0,
    -1.0 / 1_209_600.0,
    1.0 / 47_900_160.0,
    -691.0 / 1_307_674_368_000.0,
    1.0 / 74_724_249_600.0,
    -3617.0 / 10_670_622_842_880_000.0,
    43867.0 / 5_109_094_217_170_944_000.0,
    -174_611.0 / 802_857_662_698_291_200_000.0,
];

/// Hurwitz's zeta function: the sum over k >= 0 of (q + k)^-s, by Euler and Maclaurin's formula.
pub fn zeta(s: f64, q: f64) -> f64 {
    if s == 1.0 {
        return f64::INFINITY;
    }
    if s < 1.0 || s.is_nan() || q.is_nan() {
        return f64::NAN;
    }
    if q <= 0.0 {
        if q == q.floor() {
            return f64::INFINITY;
        }
        if s != s.floor() || q < -1e6 {
            return f64::NAN;
        }
    }
    let (mut sum, mut a) = (0.0, q);
    while a < 12.0 {
        sum += a.powf(-s);
        a += 1.0;
    }
    let p = a.powf(-s);
    sum += p * a / (s - 1.0) + 0.5 * p;
    let (mut factor, mut power) = (s, p / a);
    for (j, b) in BERNOULLI.iter().enumerate() {
        let t = b * factor * power;
        sum += t;
        if t.abs() < sum.abs() * 1e-17 {
            break;
        }
        let k = 2.0 * j as f64 + 1.0;
        factor *= (s + k) * (s + k + 1.0);
        power /= a * a;
    }
    sum
}

/// The `n`-th derivative of digamma, n >= 1.
pub fn polygamma(n: i64, x: f64) -> f64 {
    let s = n as f64 + 1.0;
    let mut factorial = 1.0;
    // 171! is infinite already.
    for k in 2..=n.min(171) {
        factorial *= k as f64;
    }
    let sign = if n % 2 == 0 { -1.0 } else { 1.0 };
    // A large negative argument is reflected where that is short: trigamma.
    if n == 1 && x < -50.0 && x != x.floor() {
        let t = PI / (PI * (x - x.floor())).sin();
        return t * t - zeta(2.0, 1.0 - x);
    }
    sign * factorial * zeta(s, x)
}

/// The modified Bessel function of order 0 or 1; `scaled` by exp(-|x|).
pub fn bessel_i(order: u32, x: f64, scaled: bool) -> f64 {
    let a = x.abs();
    let sign = if order == 1 && x < 0.0 { -1.0 } else { 1.0 };
    if a <= 30.0 {
        let q = a * a / 4.0;
        let (mut t, mut sum, mut k) = (1.0, 1.0, 1.0);
        while t > sum * 1e-18 {
            t *= q / (k * (k + order as f64));
            sum += t;
            k += 1.0;
        }
        if order == 1 {
            sum *= a / 2.0;
        }
        return sign * if scaled { sum * (-a).exp() } else { sum };
    }
    if a.is_nan() {
        return a;
    }
    let mu = 4.0 * (order * order) as f64;
    let (mut t, mut sum) = (1.0, 1.0);
    for k in 1..30 {
        let odd = 2.0 * k as f64 - 1.0;
        let next = -t * (mu - odd * odd) / (k as f64 * 8.0 * a);
        if next.abs() >= t.abs() || next.abs() < 1e-18 {
            break;
        }
        t = next;
        sum += t;
    }
    let root = sum / (2.0 * PI * a).sqrt();
    // In two steps, so that the exponential alone does not overflow before the product does.
    sign * if scaled { root } else { root * (a / 2.0).exp() * (a / 2.0).exp() }
}

/// exp(x^2) erfc(x), which does not underflow.
pub fn erfcx(x: f64) -> f64 {
    if x < 0.0 {
        return if x < -26.7 { f64::INFINITY } else { 2.0 * (x * x).exp() - erfcx(-x) };
    }
    if x > 50.0 {
        let q = 1.0 / (x * x);
        return (1.0 - q * (0.5 - q * (0.75 - q * 1.875))) / (x * PI.sqrt());
    }
    if x >= 2.0 {
        // The continued fraction, from its end.
        let mut f = x;
        for k in (1..=120).rev() {
            f = x + k as f64 / 2.0 / f;
        }
        return 1.0 / (f * PI.sqrt());
    }
    // erf by its series, where the difference from 1 loses little.
    let (mut t, mut sum, mut k) = (x, x, 0.0);
    while t.abs() > 1e-18 * sum.abs() && t != 0.0 {
        k += 1.0;
        t *= 2.0 * x * x / (2.0 * k + 1.0);
        sum += t;
    }
    (x * x).exp() - 2.0 / PI.sqrt() * sum
}

/// The logarithm of the cumulative distribution of the standard normal.
pub fn log_ndtr(x: f64) -> f64 {
    let t = x * std::f64::consts::FRAC_1_SQRT_2;
    if x < 1.0 { (erfcx(-t) / 2.0).ln() - t * t } else { (-erfcx(t) * (-t * t).exp() / 2.0).ln_1p() }
}

/// The inverse of the cumulative distribution of the standard normal.
pub fn ndtri(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 || p == 1.0 {
        return if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if p > 0.5 {
        return -ndtri(1.0 - p);
    }
    // Newton's steps on the logarithm, which is nearly parabolic: from the tail's leading term.
    let l = p.ln();
    let mut x =
        if p > 0.02 { (p - 0.5) * (2.0 * PI).sqrt() } else { -(-2.0 * l - (-2.0 * l * 2.0 * PI).ln()).max(0.5).sqrt() };
    for _ in 0..60 {
        let f = log_ndtr(x);
        // d log ndtr = pdf / cdf
        let slope = (-x * x / 2.0 - f).exp() / (2.0 * PI).sqrt();
        let step = (f - l) / slope;
        x -= step;
        if step.abs() <= 1e-16 * x.abs().max(1e-300) {
            break;
        }
    }
    x
}

unsafe extern "C" {
    /// The C library's logarithm of the gamma function.
    safe fn lgamma(x: f64) -> f64;
}

/// The regularised incomplete gamma function: the share of the integral of t^(a - 1) e^-t that lies below x
/// (`upper`: above x).
pub fn gammainc(a: f64, x: f64, upper: bool) -> f64 {
    let (below, above) = if upper { (0.0, 1.0) } else { (1.0, 0.0) };
    if a.is_nan() || x.is_nan() || a < 0.0 || x < 0.0 || (a == 0.0 && x == 0.0) || (a.is_infinite() && x.is_infinite())
    {
        return f64::NAN;
    }
    if x == 0.0 || a.is_infinite() {
        return above;
    }
    if a == 0.0 || x.is_infinite() {
        return below;
    }
    let lead = prefactor(a, x);
    // Below the bulk a series of positive terms gives the lower part, above it a continued fraction the upper one.
    let (value, is_upper) = if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0, 1.0, a);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        (lead * sum / a, false)
    } else {
        (lead * fraction(a, x), true)
    };
    if is_upper == upper { value } else { 1.0 - value }
}

/// x^a e^-x / gamma(a).
fn prefactor(a: f64, x: f64) -> f64 {
    if a < 20.0 {
        return (a * x.ln() - x - lgamma(a)).exp();
    }
    // With d = (x - a) / a the exponent is a (ln(1 + d) - d), less Stirling's logarithm: nothing large cancels.
    let d = (x - a) / a;
    let bend = if d.abs() < 0.05 {
        // ln(1 + d) - d as its series
        let (mut power, mut sum, mut k) = (d, 0.0f64, 1.0);
        loop {
            power *= -d;
            k += 1.0;
            let next = sum + power / k;
            if next == sum {
                break sum;
            }
            sum = next;
        }
    } else {
        d.ln_1p() - d
    };
    let stirling = 1.0 / (12.0 * a) * (1.0 - 1.0 / (30.0 * a * a) * (1.0 - 2.0 / (7.0 * a * a)));
    (a * bend - stirling).exp() * (a / (2.0 * PI)).sqrt()
}

/// Legendre's continued fraction of e^x x^-a times the upper incomplete gamma function, by Lentz's method.
fn fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut h = d;
    let mut i = 1.0;
    loop {
        let an = -i * (i - a);
        b += 2.0;
        d = an * d + b;
        if d.abs() < TINY {
            d = TINY;
        }
        c = b + an / c;
        if c.abs() < TINY {
            c = TINY;
        }
        d = 1.0 / d;
        let delta = d * c;
        h *= delta;
        if (delta - 1.0).abs() < 1e-16 || i > 1e6 {
            return h;
        }
        i += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-13 * b.abs().max(1e-300), "{a} {b}");
    }

    #[test]
    fn values_that_are_known() {
        near(zeta(2.0, 1.0), PI * PI / 6.0);
        near(zeta(4.0, 1.0), PI.powi(4) / 90.0);
        near(zeta(2.0, 0.5), PI * PI / 2.0);
        near(polygamma(1, -0.5), PI * PI / 2.0 + 4.0);
        near(polygamma(2, 1.0), -2.0 * 1.202_056_903_159_594_2);
        assert_eq!(polygamma(i64::MAX, 0.5), f64::INFINITY);
        near(bessel_i(0, 1.0, false), 1.266_065_877_752_008_3);
        near(bessel_i(1, -1.0, false), -0.565_159_103_992_485);
        near(bessel_i(0, 30.0, true), bessel_i(0, 30.000_000_000_000_004, true));
        near(bessel_i(1, 100.0, true), 0.039_744_153_025_130_25);
        near(erfcx(0.5), 0.615_690_344_192_925_9);
        near(erfcx(3.0), 0.179_001_151_181_389_98);
        near(erfcx(-1.0), 5.008_980_080_762_283);
        near(ndtri(0.975), 1.959_963_984_540_054);
        near(ndtri(1e-10), -6.361_340_902_404_056);
        // scipy.special.gammainc
        for (a, x, want) in [
            (0.5, 0.2, 0.472_910_743_134_461_96),
            (3.0, 2.0, 0.323_323_583_816_936_54),
            (30.0, 45.0, 0.992_662_800_702_203_5),
            (1000.0, 990.0, 0.379_521_378_537_963_9),
            (1e-3, 1e-4, 0.991_403_119_667_443_5),
        ] {
            let (lower, upper) = (gammainc(a, x, false), gammainc(a, x, true));
            assert!((lower - want).abs() < 2e-14 && (lower + upper - 1.0).abs() < 1e-15, "{a} {x} {lower}");
        }
        near(gammainc(2.0, 50.0, true), 51.0 * (-50.0f64).exp());
        assert!((log_ndtr(-10.0) + 53.231_285_151_2).abs() < 1e-9);
    }
}
