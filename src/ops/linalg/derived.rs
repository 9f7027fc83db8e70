//! Determinants.

#![allow(non_snake_case)]

use super::base::*;
use super::solve::_inv;
use super::spectral::linalg_svd;
use crate::dtype::Complex;
use crate::field;
use crate::kernels::cpu::dense::{Field, each, lu};
use crate::op::{Batch, flag};
use crate::ops::short::{add, cast, conj, is, mul};
use smallvec::smallvec;

ops! {
    /// The determinant of square matrices.
    "det" fn det(input: Tensor) -> Tensor = {
        square("linalg.det", input, "A")?;
        floating("linalg.det", input)?;
        _det(input)
    } { .with(flag::OUT).aliases(&["linalg.det"]) }

    /// The product of the pivots.
    fn _det(A: Tensor) -> Tensor {
        .kernel(|cx| {
            let a = cx.tensor(0)?;
            known("lu_cpu", a)?;
            Ok(smallvec![Meta::new(lead(a), a.dtype())])
        }, |cx, out| {
            let a = cx.tensor(0)?;
            let (l, m) = (a.layout(), out[0].layout());
            let (s, d) = (stack(a, &l), stack_numbers(&out[0], &m));
            field!(a.dtype(), T => each(s.count(), s.rows.pow(3) / 2, &|b| {
                let mut pivots = vec![0; s.rows];
                // SAFETY: the tensors live as long as the call, are of element type T, and have one batch shape.
                unsafe {
                    let mut f = s.load::<T>(b)?;
                    lu::factor(&mut f, &mut pivots, true)?;
                    let mut p = T::real(1.0);
                    for i in 0..s.rows {
                        let x = f.at(i, i) * p;
                        p = if pivots[i] == i { x } else { -x };
                    }
                    d.store(b, &[p], 1);
                }
                Ok(())
            })).unwrap_or(Ok(()))
        }, "", Batch::Leading)
            .grad(&[0], &[0], |b| {
                let (a, y) = (b.tensor(0)?, b.out(0)?);
                Ok(smallvec![Some(mul(&ops::unsqueeze(&ops::unsqueeze(&b.g()?, -1)?, -1)?, &cofactors(a, y)?)?)])
            }).node("LinalgDetBackward0").with(PART)
    }

    /// The sign (or phase) of the determinant and the logarithm of its absolute value.
    fn _slogdet(A: Tensor) -> (sign, logabsdet) {
        .kernel(|cx| {
            let a = cx.tensor(0)?;
            known("linalg_slogdet", a)?;
            Ok(smallvec![Meta::new(lead(a), a.dtype()), Meta::new(lead(a), a.dtype().to_real())])
        }, |cx, out| {
            let a = cx.tensor(0)?;
            let (l, m, r) = (a.layout(), out[0].layout(), out[1].layout());
            let (s, sign, size) = (stack(a, &l), stack_numbers(&out[0], &m), stack_numbers(&out[1], &r));
            let single = matches!(a.dtype(), DType::F32 | DType::C64);
            field!(a.dtype(), T => each(s.count(), s.rows.pow(3) / 2, &|b| {
                let mut pivots = vec![0; s.rows];
                // SAFETY: as in `_det`; the logarithm is float32 for single precision, else float64.
                unsafe {
                    let mut f = s.load::<T>(b)?;
                    lu::factor(&mut f, &mut pivots, true)?;
                    let (mut p, mut log) = (Complex { re: 1.0f64, im: 0.0 }, 0.0);
                    for i in 0..s.rows {
                        let d = f.at(i, i);
                        let r = d.square().sqrt();
                        // The phase of a zero pivot is 0: so is the determinant's.
                        let turn = if r == 0.0 { Complex::default() } else { Complex { re: d.re() / r, im: d.im() / r } };
                        p = turn * p;
                        log += r.ln();
                        if pivots[i] != i {
                            p = -p;
                        }
                    }
                    if T::COMPLEX {
                        if single {
                            sign.store(b, &[Complex { re: p.re as f32, im: p.im as f32 }], 1);
                        } else {
                            sign.store(b, &[p], 1);
                        }
                    } else {
                        sign.store(b, &[T::real(p.re)], 1);
                    }
                    if single {
                        size.store(b, &[log as f32], 1);
                    } else {
                        size.store(b, &[log], 1);
                    }
                }
                Ok(())
            })).unwrap_or(Ok(()))
        }, "", Batch::Leading)
            .grad(&[0], &[0], |b| {
                // The derivative of log|det| is Re tr(A^-1 dA), that of the phase i sign Im tr(A^-1 dA).
                let (a, sign) = (b.tensor(0)?, b.out(0)?);
                let mut factor = cast(&b.grad_of(1)?, a.dtype())?;
                if a.dtype().is_complex() && b.has_grad(0) {
                    let turned = mul(sign, &conj(&b.grad_of(0)?)?)?;
                    let im = ops::neg(&ops::imag(&turned)?)?;
                    factor = add(&factor, &ops::complex(&ops::zeros_like(&im, None, None, None)?, &im)?)?;
                }
                let x = h(&_inv(a).map(|[x, _]| x)?)?;
                Ok(smallvec![Some(mul(&ops::unsqueeze(&ops::unsqueeze(&factor, -1)?, -1)?, &x)?)])
            }).node("LinalgSlogdetBackward0").with(PART)
    }

    /// The sign (or phase) of the determinant and the logarithm of its absolute value.
    "linalg_slogdet" fn linalg_slogdet(A: Tensor) -> (sign, logabsdet) = { checked_slogdet("linalg.slogdet", A) } { .spaces(&["linalg"]).with(LINALG) }

    /// The sign (or phase) of the determinant and the logarithm of its absolute value.
    fn slogdet(input: Tensor) -> (sign, logabsdet) = { checked_slogdet("linalg.slogdet", input) } { .with(flag::OUT) }

    /// The logarithm of the determinant; NaN where that is negative.
    fn logdet(input: Tensor) -> Tensor = {
        square("logdet", input, "A")?;
        floating("logdet", input)?;
        let [sign, size] = checked_slogdet("linalg.slogdet", input)?;
        if input.dtype().is_complex() {
            return add(&ops::log(&sign)?, &size);
        }
        ops::where_(&is(&sign, -1)?, f64::NAN.into(), (&size).into())
    } {}
}

fn checked_slogdet(name: &str, a: &Tensor) -> Result<[Tensor; 2]> {
    square(name, a, "A")?;
    precise(name, a)?;
    _slogdet(a)
}

/// The conjugated cofactors: the gradient of the determinant. For a regular matrix they are `conj(det) A^-H`; where some matrix
/// of the batch is singular they come from its singular values.
fn cofactors(a: &Tensor, det: &Tensor) -> Result<Tensor> {
    let singular = a.device() != Device::Meta && is(det, 0)?.to_vec::<crate::dtype::B8>()?.iter().any(|b| b.0 != 0);
    let outer = |t: &Tensor| ops::unsqueeze(&ops::unsqueeze(t, -1)?, -1);
    if !singular {
        let [x, _] = _inv(a)?;
        return mul(&outer(&conj(det)?)?, &h(&x)?);
    }
    singular_cofactors(a)
}

/// From A = U S V^H: the cofactors are `det(U V^H)` times U with the products of all other singular values times V^H.
fn singular_cofactors(a: &Tensor) -> Result<Tensor> {
    let [u, s, vh] = linalg_svd(a, true, None)?;
    let n = s.size_at(s.ndim() - 1);
    let mut full = s.sizes();
    full.push(n);
    let all = ops::expand(&ops::unsqueeze(&s, -2)?, &full, false)?;
    let one = ops::eye(n, Some(DType::Bool), Some(a.device()))?;
    let others = ops::prod(&ops::masked_fill(&all, &one, 1.into())?, -1, false, None)?;
    let turn = conj(&mul(&_det(&u)?, &_det(&vh)?)?)?;
    let scaled = by_columns(&u, &cast(&others, a.dtype())?)?;
    mul(&ops::unsqueeze(&ops::unsqueeze(&turn, -1)?, -1)?, &mm(&scaled, &vh)?)
}
