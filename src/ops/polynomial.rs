//! Orthogonal polynomials, Bessel functions and Airy's. PyTorch has no gradients of these.

use crate::error::Result;
use crate::kernels::cpu::bessel;
use crate::kernels::cpu::polynomial::{FAMILIES, Family, polynomial};
use crate::kernels::cpu::special as kernel;
use crate::op::arg::{Ctx, Num};
use crate::op::{Batch, flag};
use crate::ops::special::{floating, meta, pair, run, run2};
use crate::tensor::Tensor;

const THERE: u32 = flag::NO_METHOD | flag::OUT;

ops! {
    /// Chebyshev's polynomial of the first kind, of degree `n`.
    "special.chebyshev_polynomial_t" fn special_chebyshev_polynomial_t(x: Num, n: Num) -> Tensor = { of_degree(x, n, Family::ChebyshevT, false) } { .spaces(&["special"]).with(THERE) }

    /// Chebyshev's polynomial of the second kind, of degree `n`.
    "special.chebyshev_polynomial_u" fn special_chebyshev_polynomial_u(x: Num, n: Num) -> Tensor = { of_degree(x, n, Family::ChebyshevU, false) } { .spaces(&["special"]).with(THERE) }

    /// Chebyshev's polynomial of the third kind, of degree `n`.
    "special.chebyshev_polynomial_v" fn special_chebyshev_polynomial_v(x: Num, n: Num) -> Tensor = { of_degree(x, n, Family::ChebyshevV, false) } { .spaces(&["special"]).with(THERE) }

    /// Chebyshev's polynomial of the fourth kind, of degree `n`.
    "special.chebyshev_polynomial_w" fn special_chebyshev_polynomial_w(x: Num, n: Num) -> Tensor = { of_degree(x, n, Family::ChebyshevW, false) } { .spaces(&["special"]).with(THERE) }

    /// The physicists' Hermite polynomial, of degree `n`.
    "special.hermite_polynomial_h" fn special_hermite_polynomial_h(x: Num, n: Num) -> Tensor = { of_degree(x, n, Family::HermiteH, false) } { .spaces(&["special"]).with(THERE) }

    /// The probabilists' Hermite polynomial, of degree `n`.
    "special.hermite_polynomial_he" fn special_hermite_polynomial_he(x: Num, n: Num) -> Tensor = { of_degree(x, n, Family::HermiteHe, false) } { .spaces(&["special"]).with(THERE) }

    /// Laguerre's polynomial, of degree `n`.
    "special.laguerre_polynomial_l" fn special_laguerre_polynomial_l(x: Num, n: Num) -> Tensor = { of_degree(x, n, Family::Laguerre, false) } { .spaces(&["special"]).with(THERE) }

    /// Legendre's polynomial, of degree `n`.
    "special.legendre_polynomial_p" fn special_legendre_polynomial_p(x: Num, n: Num) -> Tensor = { of_degree(x, n, Family::Legendre, false) } { .spaces(&["special"]).with(THERE) }

    /// Chebyshev's polynomial of the first kind, of degree `n`, at 2 x - 1.
    "special.shifted_chebyshev_polynomial_t" fn special_shifted_chebyshev_polynomial_t(x: Num, n: Num) -> Tensor = { of_degree(x, n, Family::ChebyshevT, true) } { .spaces(&["special"]).with(THERE) }

    /// Chebyshev's polynomial of the second kind, of degree `n`, at 2 x - 1.
    "special.shifted_chebyshev_polynomial_u" fn special_shifted_chebyshev_polynomial_u(x: Num, n: Num) -> Tensor = { of_degree(x, n, Family::ChebyshevU, true) } { .spaces(&["special"]).with(THERE) }

    /// Chebyshev's polynomial of the third kind, of degree `n`, at 2 x - 1.
    "special.shifted_chebyshev_polynomial_v" fn special_shifted_chebyshev_polynomial_v(x: Num, n: Num) -> Tensor = { of_degree(x, n, Family::ChebyshevV, true) } { .spaces(&["special"]).with(THERE) }

    /// Chebyshev's polynomial of the fourth kind, of degree `n`, at 2 x - 1.
    "special.shifted_chebyshev_polynomial_w" fn special_shifted_chebyshev_polynomial_w(x: Num, n: Num) -> Tensor = { of_degree(x, n, Family::ChebyshevW, true) } { .spaces(&["special"]).with(THERE) }

    /// The polynomials of one family, of arguments of one floating dtype and one shape; `shifted` from [-1, 1] to [0, 1].
    fn _polynomial(input: Tensor, n: Tensor, family: Int, shifted: Bool) -> Tensor {
        .kernel(meta, |cx, out| {
            let Some(&family) = FAMILIES.get(cx.int(2)? as usize) else { bail!(Value, "there is no polynomial {}", cx.int(2)?) };
            let shifted = cx.bool(3)?;
            // A degree with a fraction is cut, as a conversion to an integer does.
            run2(cx, out, &|x, n| polynomial(family, if shifted { 2.0 * x - 1.0 } else { x }, n as i64))
        }, "", Batch::Broadcast).with(flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD)
    }

    /// Airy's function Ai, the solution of y'' = x y that vanishes at infinity.
    "special.airy_ai" fn special_airy_ai(x: Tensor) -> Tensor {
        .kernel(meta, |cx, out| each(cx, out, bessel::airy_ai), "", Batch::Leading).spaces(&["special"]).with(THERE)
    }

    /// The Bessel function of the first kind, order 0.
    "special.bessel_j0" fn special_bessel_j0(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| each(cx, out, bessel::j0), "", Batch::Leading).spaces(&["special"]).with(THERE)
    }

    /// The Bessel function of the first kind, order 1.
    "special.bessel_j1" fn special_bessel_j1(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| each(cx, out, bessel::j1), "", Batch::Leading).spaces(&["special"]).with(THERE)
    }

    /// The Bessel function of the second kind, order 0.
    "special.bessel_y0" fn special_bessel_y0(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| each(cx, out, bessel::y0), "", Batch::Leading).spaces(&["special"]).with(THERE)
    }

    /// The Bessel function of the second kind, order 1.
    "special.bessel_y1" fn special_bessel_y1(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| each(cx, out, bessel::y1), "", Batch::Leading).spaces(&["special"]).with(THERE)
    }

    /// The modified Bessel function of the first kind, order 0.
    "special.modified_bessel_i0" fn special_modified_bessel_i0(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| each(cx, out, |x| kernel::bessel_i(0, x, false)), "", Batch::Leading).spaces(&["special"]).with(THERE)
    }

    /// The modified Bessel function of the first kind, order 1.
    "special.modified_bessel_i1" fn special_modified_bessel_i1(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| each(cx, out, |x| kernel::bessel_i(1, x, false)), "", Batch::Leading).spaces(&["special"]).with(THERE)
    }

    /// The modified Bessel function of the second kind, order 0.
    "special.modified_bessel_k0" fn special_modified_bessel_k0(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| each(cx, out, |x| bessel::bessel_k(0, x, false)), "", Batch::Leading).spaces(&["special"]).with(THERE)
    }

    /// The modified Bessel function of the second kind, order 1.
    "special.modified_bessel_k1" fn special_modified_bessel_k1(input: Tensor) -> Tensor {
        .kernel(meta, |cx, out| each(cx, out, |x| bessel::bessel_k(1, x, false)), "", Batch::Leading).spaces(&["special"]).with(THERE)
    }

    /// exp(x) times the modified Bessel function of the second kind, order 0.
    "special.scaled_modified_bessel_k0" fn special_scaled_modified_bessel_k0(x: Tensor) -> Tensor {
        .kernel(meta, |cx, out| each(cx, out, |x| bessel::bessel_k(0, x, true)), "", Batch::Leading).spaces(&["special"]).with(THERE)
    }

    /// exp(x) times the modified Bessel function of the second kind, order 1.
    "special.scaled_modified_bessel_k1" fn special_scaled_modified_bessel_k1(x: Tensor) -> Tensor {
        .kernel(meta, |cx, out| each(cx, out, |x| bessel::bessel_k(1, x, true)), "", Batch::Leading).spaces(&["special"]).with(THERE)
    }

    /// The spherical Bessel function of order 0: sin(x) / x.
    "special.spherical_bessel_j0" fn special_spherical_bessel_j0(x: Tensor) -> Tensor {
        .kernel(meta, |cx, out| each(cx, out, bessel::spherical_j0), "", Batch::Leading).spaces(&["special"]).with(THERE)
    }
}

fn each(cx: &Ctx, out: &[Tensor], f: fn(f64) -> f64) -> Result<()> {
    run(cx.tensor(0)?, &out[0], &f)
}

fn of_degree(x: Num, n: Num, family: Family, shifted: bool) -> Result<Tensor> {
    let (x, n) = pair(x, n)?;
    _polynomial(&floating(&x)?, &floating(&n)?, family as i64, shifted)
}
