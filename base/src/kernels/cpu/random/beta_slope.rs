//! How a coordinate of a Dirichlet number changes with its concentration, at a fixed quantile. Coordinates are Beta
//! distributed; the derivative of Beta's distribution function is an integral, which is computed here by quadrature.

use super::{Target, unsupported, widen};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::math::f64m::digamma;

/// (dx / dconcentration) / (1 - x) for samples `x` of Beta(alpha, total - alpha).
///
/// # Safety
/// `x`, `alpha` and `total` are valid for reads, `out` for writes of `n` elements of `dtype`.
pub unsafe fn dirichlet_grad(
    x: *const u8,
    alpha: *const u8,
    total: *const u8,
    out: *mut u8,
    dtype: DType,
    n: usize,
) -> Result<()> {
    if dtype.is_half() {
        return Err(unsupported("_dirichlet_grad_cpu", dtype));
    }
    let done = dispatch!(dtype, T in FLOAT => {
        for i in 0..n {
            // SAFETY: the caller's promise.
            unsafe {
                let at = |p: *const u8| widen(p.cast::<T>().add(i).read());
                out.cast::<T>().add(i).write(<T as Target>::from_f64(slope(at(x), at(alpha), at(total))));
            }
        }
    });
    done.ok_or_else(|| unsupported("_dirichlet_grad_cpu", dtype))
}

/// With the density f of Beta(a, b) and c the mean of ln t under it, the derivative of the distribution function by a is
/// the integral of f(t) (ln t - c) from 0 to x, and minus that from x to 1. The side on which ln t - c keeps its sign is
/// taken, so nothing cancels.
fn slope(x: f64, a: f64, total: f64) -> f64 {
    let b = total - a;
    if !(x > 0.0 && x < 1.0 && a > 0.0 && b > 0.0) {
        return 0.0;
    }
    let c = digamma(a) - digamma(total);
    let by_a = if x.ln() < c {
        x * tail(x, a, b, |_, s| x.ln() - c - s)
    } else {
        -(1.0 - x) * tail(1.0 - x, b, a, |t, _| (-t).ln_1p() - c)
    };
    -by_a / (1.0 - x)
}

/// The integral of t**(a - 1) (1 - t)**(b - 1) w from 0 to x, divided by x**a (1 - x)**(b - 1): with t = x exp(-s),
/// that of exp(-a s) ((1 - t) / (1 - x))**(b - 1) w(t, s) over all s > 0. The trapezoid rule in u, for
/// s = exp(u - exp(-u)), has an error that falls exponentially with the step.
fn tail(x: f64, a: f64, b: f64, w: impl Fn(f64, f64) -> f64) -> f64 {
    const STEP: f64 = 1.0 / 16.0;
    // Where the integrand falls off: the slope of its logarithm at 0, and its curvature for the middle of the interval.
    let fall = (a - (b - 1.0) * x / (1.0 - x)).max(0.0);
    let bend = ((b - 1.0).max(0.0) * x).sqrt() / (1.0 - x);
    let scale = 1.0 / fall.max(bend).max(a.sqrt().min(a)).max(1e-300);
    let rest = (-x).ln_1p();
    let mut sum = 0.0;
    let last = (45.0 / (a * scale)).ln().max(2.0) + 1.5; // the integrand is below rounding there
    let mut u = -4.0;
    while u < last {
        u += STEP;
        let fade = (-u).exp();
        let s = scale * (u - fade).exp();
        let t = x * (-s).exp();
        let weight = (-a * s + (b - 1.0) * ((-t).ln_1p() - rest)).exp();
        if weight > 0.0 && t > 0.0 {
            sum += weight * w(t, s) * s * (1.0 + fade);
        }
    }
    sum * STEP
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn slopes_are_those_of_the_quantiles() {
        // Differences of Beta's distribution function, in 40 digits (mpmath).
        for (x, a, total, want) in include!("beta_slopes.in") {
            let got = slope(x, a, total);
            let bound = if x < 1e-8 { 1e-7 } else { 1e-10 };
            assert!((got - want).abs() <= bound * want.abs(), "{x} {a} {total}: {got}, {want} expected");
        }
    }
}
