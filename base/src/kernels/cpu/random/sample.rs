//! Rejection samplers: Poisson, binomial, gamma. They are computed in double, but parameters enter in the tensor's own
//! precision, which is why the code exists for float32 and float64 (and, as in PyTorch, for no other dtype but in `poisson`).

use super::generator::Generator;
use super::{Target, unsupported, widen};
use crate::dtype::DType;
use crate::error::Result;

unsafe extern "C" {
    /// The C library's logarithm of the gamma function.
    safe fn lgamma(x: f64) -> f64;
}

/// Poisson numbers of the given rates.
///
/// # Safety
/// `rate` is valid for reads, `out` for writes of `n` elements of `dtype`; they may be the same.
pub unsafe fn poisson(g: &mut Generator, rate: *const u8, out: *mut u8, dtype: DType, n: usize) -> Result<()> {
    let done = dispatch!(dtype, T in FLOAT => {
        for i in 0..n {
            // SAFETY: the caller's promise.
            let rate = widen(unsafe { rate.cast::<T>().add(i).read() });
            if rate.is_nan() || rate < 0.0 {
                bail!(Runtime, "invalid Poisson rate, expected rate to be non-negative");
            }
            // SAFETY: the caller's promise.
            unsafe { out.cast::<T>().add(i).write(<T as Target>::from_i64(poisson_one(g, rate))) };
        }
    });
    done.ok_or_else(|| unsupported("poisson_cpu", dtype))
}

fn poisson_one(g: &mut Generator, rate: f64) -> i64 {
    if rate == 0.0 {
        return 0;
    }
    if rate < 10.0 {
        // Count uniform factors until their product falls below exp(-rate).
        let floor = (-rate).exp();
        let (mut k, mut product) = (0, 1.0);
        loop {
            product *= g.uniform64();
            if product <= floor {
                return k;
            }
            k += 1;
        }
    }
    // Transformed rejection with squeeze (PTRS), Hörmann 1993.
    let log_rate = rate.ln();
    let b = 0.931 + 2.53 * rate.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let v_r = 0.9277 - 3.6224 / (b - 2.0);
    loop {
        let u = g.uniform64() - 0.5;
        let v = g.uniform64();
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + rate + 0.43).floor() as i64;
        if us >= 0.07 && v <= v_r {
            return k;
        }
        if k < 0 || (us < 0.013 && v > us) {
            continue;
        }
        let x = k as f64;
        if v.ln() + inverse_alpha.ln() - (a / (us * us) + b).ln() <= -rate + x * log_rate - lgamma(x + 1.0) {
            return k;
        }
    }
}

/// Binomial numbers: successes in `count` trials of probability `prob`.
///
/// # Safety
/// `count` and `prob` are valid for reads, `out` for writes of `n` elements of `dtype`.
pub unsafe fn binomial(
    g: &mut Generator,
    count: *const u8,
    prob: *const u8,
    out: *mut u8,
    dtype: DType,
    n: usize,
) -> Result<()> {
    if dtype.is_half() {
        return Err(unsupported("binomial_cpu", dtype));
    }
    let done = dispatch!(dtype, T in FLOAT => {
        for i in 0..n {
            // SAFETY: the caller's promise.
            let (count, prob) = unsafe { (widen(count.cast::<T>().add(i).read()), widen(prob.cast::<T>().add(i).read())) };
            let k = if dtype == DType::F64 {
                binomial_f64(g, count, prob)
            } else {
                binomial_f32(g, count as f32, prob as f32) as f64
            };
            // SAFETY: the caller's promise.
            unsafe { out.cast::<T>().add(i).write(<T as Target>::from_f64(k)) };
        }
    });
    done.ok_or_else(|| unsupported("binomial_cpu", dtype))
}

/// Gamma numbers of shape `alpha` and rate 1, at least the smallest normal number.
///
/// # Safety
/// `alpha` is valid for reads, `out` for writes of `n` elements of `dtype`; they may be the same.
pub unsafe fn gamma(g: &mut Generator, alpha: *const u8, out: *mut u8, dtype: DType, n: usize) -> Result<()> {
    if dtype.is_half() {
        return Err(unsupported("gamma_cpu", dtype));
    }
    let least = if dtype == DType::F64 { f64::MIN_POSITIVE } else { f32::MIN_POSITIVE as f64 };
    let done = dispatch!(dtype, T in FLOAT => {
        for i in 0..n {
            // SAFETY: the caller's promise.
            let alpha = widen(unsafe { alpha.cast::<T>().add(i).read() });
            let x = if dtype == DType::F64 {
                gamma_f64(g, alpha)
            } else {
                gamma_f32(g, alpha as f32)
            };
            // SAFETY: the caller's promise.
            unsafe { out.cast::<T>().add(i).write(<T as Target>::from_f64(x.max(least))) };
        }
    });
    done.ok_or_else(|| unsupported("gamma_cpu", dtype))
}

fn stirling_tail(k: f64) -> f64 {
    const TAIL: [f64; 10] = [
        0.0810614667953272,
        0.0413406959554092,
        0.0276779256849983,
        0.02079067210376509,
        0.0166446911898211,
        0.0138761288230707,
        0.0118967099458917,
        0.0104112652619720,
        0.00925546218271273,
        0.00833056343336287,
    ];
    if k < TAIL.len() as f64 {
        return TAIL[k.max(0.0) as usize];
    }
    let squared = (k + 1.0) * (k + 1.0);
    (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / squared) / squared) / (k + 1.0)
}

macro_rules! samplers {
    ($t:ident, $binomial:ident, $inversion:ident, $btrs:ident, $gamma:ident) => {
        fn $binomial(g: &mut Generator, count: $t, prob: $t) -> $t {
            if count <= 0.0 || prob <= 0.0 {
                0.0
            } else if prob >= 1.0 {
                count
            } else if prob <= 0.5 {
                if count * prob >= 10.0 { $btrs(g, count, prob) } else { $inversion(g, count, prob) }
            } else if prob > 0.5 {
                let q = (1.0 - prob as f64) as $t;
                count - if count * q >= 10.0 { $btrs(g, count, q) } else { $inversion(g, count, q) }
            } else {
                $t::NAN
            }
        }

        /// Sums geometric numbers.
        fn $inversion(g: &mut Generator, count: $t, prob: $t) -> $t {
            let log = (-prob).ln_1p() as f64;
            let (mut sum, mut k) = (0.0, 0.0);
            loop {
                sum += (g.uniform64().ln() / log).ceil();
                if sum > count as f64 || sum.is_nan() {
                    return k;
                }
                k += 1.0;
            }
        }

        /// Transformed rejection (BTRS), Hörmann 1993.
        fn $btrs(g: &mut Generator, count: $t, prob: $t) -> $t {
            let stddev = (count * prob * (1.0 - prob)).sqrt() as f64;
            let b = 1.15 + 2.53 * stddev;
            let a = -0.0873 + 0.0248 * b + 0.01 * prob as f64;
            let c = (count * prob) as f64 + 0.5;
            let v_r = 0.92 - 4.2 / b;
            let r = (prob / (1.0 - prob)) as f64;
            let alpha = (2.83 + 5.1 / b) * stddev;
            let m = ((count + 1.0) * prob).floor() as f64;
            let n = count as f64;
            loop {
                let u = g.uniform64() - 0.5;
                let v = g.uniform64();
                let us = 0.5 - u.abs();
                let k = ((2.0 * a / us + b) * u + c).floor() as $t;
                if k < 0.0 || k > count {
                    continue;
                }
                if us >= 0.07 && v <= v_r {
                    return k;
                }
                let v = (v * alpha / (a / (us * us) + b)).ln();
                let left = (count - k + 1.0) as f64;
                let bound = (m + 0.5) * ((m + 1.0) / (r * (n - m + 1.0))).ln()
                    + (count + 1.0) as f64 * ((n - m + 1.0) / left).ln()
                    + (k as f64 + 0.5) * (r * left / (k + 1.0) as f64).ln()
                    + stirling_tail(m)
                    + stirling_tail(n - m)
                    - stirling_tail(k as f64)
                    - stirling_tail((count - k) as f64);
                if v <= bound {
                    return k;
                }
            }
        }

        /// Marsaglia and Tsang 2000. The result is rounded to the type of `alpha`.
        fn $gamma(g: &mut Generator, alpha: $t) -> f64 {
            let (mut scale, mut alpha) = (1.0f64, alpha);
            if alpha < 1.0 {
                if alpha == 0.0 {
                    return 0.0;
                }
                scale *= (1.0 - g.uniform64()).powf((1.0 / alpha) as f64);
                alpha += 1.0;
            }
            let d = (alpha - (1.0f32 / 3.0) as $t) as f64;
            let c = 1.0 / (9.0 * d).sqrt();
            loop {
                let (x, y) = loop {
                    let x = g.normal64();
                    let y = 1.0 + c * x;
                    if y > 0.0 || y.is_nan() {
                        break (x, y);
                    }
                };
                let v = y * y * y;
                let u = 1.0 - g.uniform64();
                let xx = x * x;
                if u < 1.0 - 0.0331f32 as f64 * xx * xx || u.ln() < 0.5 * xx + d * (1.0 - v + v.ln()) {
                    return (scale * d * v) as $t as f64;
                }
                if d.is_nan() {
                    return f64::NAN;
                }
            }
        }
    };
}
samplers!(f32, binomial_f32, inversion_f32, btrs_f32, gamma_f32);
samplers!(f64, binomial_f64, inversion_f64, btrs_f64, gamma_f64);
