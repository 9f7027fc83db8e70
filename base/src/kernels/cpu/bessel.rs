//! Bessel functions that are rare enough for plain loops, and Airy's: of one float64 each. J and Y of orders 0 and 1 are libm's.

use std::f64::consts::PI;

pub use libm::{j0, j1, y0, y1};

/// e^x K(order, x): the integral of exp(-x (cosh t - 1)) cosh(order t) over t >= 0. Its integrand and all its derivatives
/// vanish at both ends, so the trapezoidal rule errs by about exp(-10 / step) until rounding takes over.
fn k_scaled(order: f64, x: f64) -> f64 {
    // For large x the integrand is a bell of width 1 / sqrt(x), for small x it ends where x cosh t does.
    let step = 0.25 / (x / 8.0).max(1.0).sqrt();
    let (mut sum, mut i) = (0.5, 1.0);
    loop {
        let t = step * i;
        let half = (0.5 * t).sinh();
        let term = (-2.0 * x * half * half).exp() * (order * t).cosh();
        sum += term;
        // Before the bell's end a term can only grow by cosh(order t).
        if term <= sum * 1e-18 {
            return sum * step;
        }
        i += 1.0;
    }
}

/// The modified Bessel function of the second kind, of order 0 or 1; `scaled` by exp(x).
pub fn bessel_k(order: u32, x: f64, scaled: bool) -> f64 {
    if x == 0.0 {
        return f64::INFINITY;
    }
    if !(x > 0.0) {
        return f64::NAN;
    }
    if x.is_infinite() {
        return 0.0;
    }
    // Below this the first terms of the series are exact: -ln(x / 2) - gamma, and 1 / x.
    if x < 1e-9 {
        let y = if order == 0 { -(x / 2.0).ln() - 0.577_215_664_901_532_9 } else { 1.0 / x };
        return if scaled { y * (1.0 + x) } else { y };
    }
    let y = k_scaled(order as f64, x);
    if scaled { y } else { y * (-x).exp() }
}

/// sin(x) / x.
pub fn spherical_j0(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else if x.is_infinite() {
        0.0
    } else {
        x.sin() / x
    }
}

/// Airy's function and its derivative at 0, -2, ..., -8 (mpmath): from these its Taylor series reach all between.
const AIRY: [(f64, f64); 5] = [
    (0.3550280538878172, -0.2588194037928068),
    (0.22740742820168558, 0.618259020741691),
    (-0.07026553294928951, -0.7906285753685813),
    (-0.3291451736298231, 0.3459354872813429),
    (-0.0527050503563862, 0.9355609381983065),
];

/// Airy's function Ai, the solution of y'' = x y that vanishes at +infinity.
pub fn airy_ai(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x >= 1.0 {
        // sqrt(x / 3) / pi times K of order 1/3 at z.
        let z = 2.0 / 3.0 * x * x.sqrt();
        return if z > 750.0 { 0.0 } else { (x / 3.0).sqrt() / PI * k_scaled(1.0 / 3.0, z) * (-z).exp() };
    }
    if x < -9.0 {
        return airy_far(-x);
    }
    // The nearest centre, and the series about it: (n + 2) (n + 1) c(n + 2) = x0 c(n) + c(n - 1).
    let k = ((-x / 2.0).round().max(0.0) as usize).min(AIRY.len() - 1);
    let centre = -2.0 * k as f64;
    let h = x - centre;
    let (mut before, (mut c, mut next)) = (0.0, AIRY[k]);
    let (mut sum, mut power) = (0.0, 1.0);
    for n in 0..60 {
        sum += c * power;
        power *= h;
        let n = n as f64;
        (before, c, next) = (c, next, (centre * c + before) / ((n + 1.0) * (n + 2.0)));
    }
    sum
}

/// Ai(-x) for large x, by its asymptotic series in 1 / z.
fn airy_far(x: f64) -> f64 {
    let z = 2.0 / 3.0 * x * x.sqrt();
    if !z.is_finite() {
        return 0.0;
    }
    let (mut term, mut even, mut odd) = (1.0f64, 1.0, 0.0);
    for k in 1..24 {
        let n = k as f64;
        let next = term * (6.0 * n - 5.0) * (6.0 * n - 1.0) / (72.0 * n * z);
        if next >= term || next < 1e-18 {
            break;
        }
        term = next;
        let sign = if k % 4 < 2 { 1.0 } else { -1.0 };
        if k % 2 == 0 {
            even += sign * term;
        } else {
            odd += sign * term;
        }
    }
    let (s, c) = (z - PI / 4.0).sin_cos();
    (c * even + s * odd) / (PI * x.sqrt()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_mpmath() {
        let near = |got: f64, want: f64| assert!((got - want).abs() <= 2e-13 * want.abs(), "{got} {want}");
        near(airy_ai(-30.0), -0.08796818845684216);
        near(airy_ai(-20.5), -0.04462568039701191);
        near(airy_ai(-9.3), 0.24047379685318643);
        near(airy_ai(-9.0), -0.022133721547341403);
        near(airy_ai(-8.9), -0.11726630637175181);
        near(airy_ai(-7.0), 0.18428083525050565);
        near(airy_ai(-5.1), 0.3095259962873177);
        near(airy_ai(-3.0), -0.37881429367765806);
        near(airy_ai(-1.0), 0.5355608832923521);
        near(airy_ai(-0.3), 0.43090309528558085);
        near(airy_ai(0.0), 0.3550280538878172);
        near(airy_ai(0.9), 0.15188680364054435);
        near(airy_ai(1.0), 0.13529241631288141);
        near(airy_ai(1.7), 0.05432479273291947);
        near(airy_ai(6.0), 9.947694360252889e-06);
        near(airy_ai(20.0), 1.6916728686705404e-27);
        near(airy_ai(80.0), 6.367997325597162e-209);
        near(bessel_k(0, 1e-12, true), 27.746952631614707);
        near(bessel_k(1, 1e-12, true), 1000000000001.0);
        near(bessel_k(0, 1e-08, true), 18.536612444976903);
        near(bessel_k(1, 1e-08, true), 100000000.99999991);
        near(bessel_k(0, 0.003, true), 5.942892047249982);
        near(bessel_k(1, 0.003, true), 334.3251682543078);
        near(bessel_k(0, 0.5, true), 1.5241093857739094);
        near(bessel_k(1, 0.5, true), 2.731009708211786);
        near(bessel_k(0, 1.0, true), 1.144463079806895);
        near(bessel_k(1, 1.0, true), 1.6361534862632583);
        near(bessel_k(0, 3.0, true), 0.6977615980438517);
        near(bessel_k(1, 3.0, true), 0.8065634801287869);
        near(bessel_k(0, 8.0, true), 0.4366230186015861);
        near(bessel_k(1, 8.0, true), 0.4631490928704961);
        near(bessel_k(0, 50.0, true), 0.17680715585742934);
        near(bessel_k(1, 50.0, true), 0.17856655855881556);
        near(bessel_k(0, 700.0, true), 0.04736236945461357);
        near(bessel_k(1, 700.0, true), 0.04739618765349454);
        near(bessel_k(1, 5.5, false), 0.0023255690088490053);
        assert!(bessel_k(0, -1.0, false).is_nan() && bessel_k(1, 0.0, true).is_infinite() && airy_ai(200.0) == 0.0);
    }
}
