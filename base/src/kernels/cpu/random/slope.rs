//! How a gamma number changes with its shape parameter: the derivative at a fixed quantile, by series for small
//! numbers, saddle point expansion for large shapes, and a rational approximation between (as in PyTorch).

use super::{Target, unsupported, widen};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::math::f64m::digamma;

/// The derivatives of samples `x` of shape `alpha`.
///
/// # Safety
/// `alpha` and `x` are valid for reads, `out` for writes of `n` elements of `dtype`.
pub unsafe fn gamma_grad(alpha: *const u8, x: *const u8, out: *mut u8, dtype: DType, n: usize) -> Result<()> {
    if dtype.is_half() {
        return Err(unsupported("_standard_gamma_grad_cpu", dtype));
    }
    let done = dispatch!(dtype, T in FLOAT => {
        for i in 0..n {
            // SAFETY: the caller's promise.
            unsafe {
                let (a, x) = (widen(alpha.cast::<T>().add(i).read()), widen(x.cast::<T>().add(i).read()));
                out.cast::<T>().add(i).write(<T as Target>::from_f64(slope(a, x)));
            }
        }
    });
    done.ok_or_else(|| unsupported("_standard_gamma_grad_cpu", dtype))
}

fn slope(alpha: f64, x: f64) -> f64 {
    if x < 0.8 {
        return small(alpha, x);
    }
    if alpha > 8.0 {
        return large(alpha, x);
    }
    const UV: [[f64; 8]; 3] = [
        [0.16009398, -0.094634809, 0.025146376, -0.0030648343, 1.0, 0.32668115, 0.10406089, 0.0014179084],
        [0.53487893, 0.1298071, 0.065735949, -0.0015649758, 0.16639465, 0.020070113, -0.0035938915, -0.00058392623],
        [
            0.040121004,
            -0.0065914022,
            -0.0026286047,
            -0.0013441777,
            0.017050642,
            -0.0021309326,
            0.00085092367,
            -1.5247877e-07,
        ],
    ];
    let (u, v) = ((x / alpha).ln(), alpha.ln());
    let c: [f64; 8] = std::array::from_fn(|i| UV[0][i] + u * (UV[1][i] + u * UV[2][i]));
    let p = c[0] + v * (c[1] + v * (c[2] + v * c[3]));
    let q = c[4] + v * (c[5] + v * (c[6] + v * c[7]));
    (p / q).exp()
}

/// Taylor series of the distribution function and of its derivative by the shape.
fn small(alpha: f64, x: f64) -> f64 {
    let (mut numer, mut denom) = (1.0, alpha);
    let (mut first, mut second) = (numer / denom, numer / (denom * denom));
    for i in 1..=5 {
        numer *= -x / i as f64;
        denom += 1.0;
        first += numer / denom;
        second += numer / (denom * denom);
    }
    let power = x.powf(alpha);
    let density = x.powf(alpha - 1.0) * (-x).exp();
    let by_shape = (x.ln() - digamma(alpha)) * (power * first) - power * second;
    let result = -by_shape / density;
    if result.is_nan() { 0.0 } else { result }
}

/// Rice's saddle point expansion.
fn large(alpha: f64, x: f64) -> f64 {
    if (0.9 * alpha..=1.1 * alpha).contains(&x) {
        let first = 1.0 + 24.0 * alpha * (1.0 + 12.0 * alpha);
        let second = 1440.0 * (alpha * alpha) + 6.0 * x * (53.0 - 120.0 * x) - 65.0 * x * x / alpha
            + alpha * (107.0 + 3600.0 * x);
        return first * second / (1244160.0 * (alpha * alpha) * (alpha * alpha));
    }
    let root = (8.0 * alpha).sqrt();
    let log = (x / alpha).ln();
    let second = root / (alpha - x);
    let third = (x - alpha - alpha * log).powf(-1.5);
    let both = if x < alpha { second - third } else { second + third };
    let first = log * both - (2.0 / alpha).sqrt() * (alpha + x) / ((alpha - x) * (alpha - x));
    let stirling = 1.0 + 1.0 / (12.0 * alpha) * (1.0 + 1.0 / (24.0 * alpha));
    -stirling * x * first / root
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn slopes_are_those_of_the_quantiles() {
        // torch._standard_gamma_grad in float64.
        for (alpha, x, want) in include!("slopes.in") {
            let got = slope(alpha, x);
            assert!((got - want).abs() <= 1e-10 * want.abs(), "{alpha} {x}: {got}, {want} expected");
        }
    }
}
