//! The orthogonal polynomials by their degree: each steps its three-term recurrence in float64, Chebyshev's between -1 and 1
//! are cosines.

use super::bessel::j0;

/// Which family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Family {
    ChebyshevT,
    ChebyshevU,
    ChebyshevV,
    ChebyshevW,
    HermiteH,
    HermiteHe,
    Laguerre,
    Legendre,
}

/// Every family; operators name one by its place in this list.
pub const FAMILIES: [Family; 8] = [
    Family::ChebyshevT,
    Family::ChebyshevU,
    Family::ChebyshevV,
    Family::ChebyshevW,
    Family::HermiteH,
    Family::HermiteHe,
    Family::Laguerre,
    Family::Legendre,
];

/// From this degree on bounded families take their limit for large degrees instead of as many steps.
const FAR: i64 = 1 << 20;

/// The polynomial of degree `n` at `x`; 0 for negative degrees, as PyTorch has it.
pub fn polynomial(family: Family, x: f64, n: i64) -> f64 {
    use Family::*;
    if n < 0 {
        return 0.0;
    }
    let inside = x.abs() < 1.0;
    match family {
        ChebyshevT | ChebyshevU | ChebyshevV | ChebyshevW if x.abs() == 1.0 => at_end(family, x, n),
        ChebyshevT | ChebyshevU | ChebyshevV | ChebyshevW if inside && n > 8 => by_angle(family, x.acos(), n),
        ChebyshevT => steps(n, x, |_, p, q| 2.0 * x * q - p),
        ChebyshevU => steps(n, 2.0 * x, |_, p, q| 2.0 * x * q - p),
        ChebyshevV => steps(n, 2.0 * x - 1.0, |_, p, q| 2.0 * x * q - p),
        ChebyshevW => steps(n, 2.0 * x + 1.0, |_, p, q| 2.0 * x * q - p),
        HermiteH => steps(n, 2.0 * x, |k, p, q| 2.0 * x * q - 2.0 * k * p),
        HermiteHe => steps(n, x, |k, p, q| x * q - k * p),
        Laguerre if n > FAR && x >= 0.0 => (x / 2.0).exp() * j0(((4.0 * n as f64 + 2.0) * x).sqrt()),
        Laguerre => steps(n, 1.0 - x, |k, p, q| ((2.0 * k + 1.0 - x) * q - k * p) / (k + 1.0)),
        Legendre if x.abs() == 1.0 => at_end(ChebyshevT, x, n),
        Legendre if n > FAR && inside => {
            let t = x.abs().acos();
            let value = (t / t.sin()).sqrt() * j0((n as f64 + 0.5) * t);
            if x < 0.0 && n % 2 == 1 { -value } else { value }
        }
        Legendre => steps(n, x, |k, p, q| ((2.0 * k + 1.0) * x * q - k * p) / (k + 1.0)),
    }
}

/// From the values 1 and `first` of degrees 0 and 1 up to degree `n`. What left the range of numbers stays outside.
fn steps(n: i64, first: f64, next: impl Fn(f64, f64, f64) -> f64) -> f64 {
    if n == 0 {
        return 1.0;
    }
    let (mut p, mut q) = (1.0, first);
    for k in 1..n {
        if !q.is_finite() {
            break;
        }
        (p, q) = (q, next(k as f64, p, q));
    }
    q
}

/// Chebyshev's polynomials at 1 and -1.
fn at_end(family: Family, x: f64, n: i64) -> f64 {
    let sign = if x > 0.0 || n % 2 == 0 { 1.0 } else { -1.0 };
    let n = n as f64;
    match family {
        Family::ChebyshevU => sign * (n + 1.0),
        Family::ChebyshevV if x < 0.0 => sign * (2.0 * n + 1.0),
        Family::ChebyshevW if x > 0.0 => 2.0 * n + 1.0,
        _ => sign,
    }
}

/// Chebyshev's polynomials at cos(t), 0 < t < pi.
fn by_angle(family: Family, t: f64, n: i64) -> f64 {
    let n = n as f64;
    match family {
        Family::ChebyshevU => ((n + 1.0) * t).sin() / t.sin(),
        Family::ChebyshevV => ((n + 0.5) * t).cos() / (t / 2.0).cos(),
        Family::ChebyshevW => ((n + 0.5) * t).sin() / (t / 2.0).sin(),
        _ => (n * t).cos(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recurrences_angles_and_limits_agree() {
        use Family::*;
        let near = |a: f64, b: f64, by: f64| assert!((a - b).abs() <= by * b.abs().max(1.0), "{a} {b}");
        // mpmath's chebyt, chebyu, hermite, laguerre, legendre
        near(polynomial(ChebyshevT, 0.3, 12), -0.8704309944320001, 1e-13);
        near(polynomial(ChebyshevU, -0.7, 9), -1.3932835839999997, 1e-13);
        near(polynomial(HermiteH, 1.2, 7), 904.4250623999999, 1e-13);
        near(polynomial(Laguerre, 3.5, 11), 0.8831964053957818, 1e-13);
        near(polynomial(Legendre, 0.4, 20), -0.10159261558628155, 1e-13);
        for family in [ChebyshevT, ChebyshevU, ChebyshevV, ChebyshevW] {
            // Degree 9 by the angle continues what the recurrence gives for 7 and 8.
            let at = |n| polynomial(family, 0.37, n);
            near(at(9), 2.0 * 0.37 * at(8) - at(7), 1e-13);
            for x in [1.0f64, -1.0] {
                near(polynomial(family, x, 5), polynomial(family, x * (1.0 - 1e-12), 5), 1e-9);
            }
        }
        near(polynomial(HermiteHe, 2.0, 4), 16.0 - 24.0 + 3.0, 1e-15);
        near(polynomial(Legendre, 0.4, FAR + 1), polynomial(Legendre, 0.4, FAR), 2e-3);
        assert_eq!(polynomial(Laguerre, 1.0, -1), 0.0);
        assert_eq!(polynomial(ChebyshevT, 2.0, i64::MAX), f64::INFINITY);
    }
}
