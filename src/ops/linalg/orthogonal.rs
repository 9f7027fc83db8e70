//! QR factors and products of Householder reflections.

#![allow(non_snake_case)]

use super::base::*;
use crate::field;
use crate::kernels::cpu::dense::{Mat, each, qr as kernel};
use crate::op::autocast::Cast;
use crate::op::record::Bw;
use crate::op::{Batch, flag};
use crate::ops::short::{add, conj, mul, sub, times};
use crate::tensor::graph::Grads;
use smallvec::smallvec;

ops! {
    /// Q and R of matrices: as many columns of Q as A has rows or columns ("reduced"), all of them ("complete"), or none ("r").
    "linalg_qr" fn linalg_qr(A: Tensor, mode: Str = "reduced") -> (Q, R) {
        .cast(Cast::Single).kernel(|cx| {
            let (a, mode) = (cx.tensor(0)?, cx.str(1)?);
            if !matches!(mode, "reduced" | "complete" | "r") {
                bail!(Runtime, "qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'");
            }
            matrices("linalg.qr", a, "A")?;
            floating("linalg.qr", a)?;
            known("geqrf_cpu", a)?;
            let ((m, n), l) = (shape_of(a), lead(a));
            let k = if mode == "complete" { m } else { m.min(n) };
            let q = if mode == "r" { Meta::new([0].as_slice(), a.dtype()) } else { columns(&l, m, k, a.dtype()) };
            Ok(smallvec![q, columns(&l, k, n, a.dtype())])
        }, |cx, out| {
            let (a, mode) = (cx.tensor(0)?, cx.str(1)?);
            let (la, lq, lr) = (a.layout(), out[0].layout(), out[1].layout());
            let (s, r) = (stack(a, &la), stack(&out[1], &lr));
            let q = if mode == "r" { None } else { Some(stack(&out[0], &lq)) };
            let k = s.rows.min(s.cols);
            field!(a.dtype(), T => each(s.count(), 2 * s.rows * s.cols * k, &|b| {
                // SAFETY: the tensors live as long as the call, are of element type T, and have one batch shape.
                unsafe {
                    let mut f = s.load::<T>(b)?;
                    let mut tau = vec![T::default(); k];
                    kernel::factor(&mut f, &mut tau)?;
                    if let Some(q) = q {
                        let full = kernel::form(&f, &tau, q.cols)?;
                        q.store(b, &full.data, full.rows);
                    }
                    let mut top = Mat::zeros(r.rows, r.cols)?;
                    for j in 0..r.cols {
                        let n = (j + 1).min(k);
                        top.col_mut(j)[..n].copy_from_slice(&f.col(j)[..n]);
                    }
                    r.store(b, &top.data, top.rows);
                }
                Ok(())
            })).unwrap_or(Ok(()))
        }, "", Batch::Leading).grad(&[], &[0, 1], qr_grad).node("LinalgQrBackward0").spaces(&["linalg"]).with(LINALG)
    }

    /// Q and R of matrices (`some` false: all columns of Q).
    fn qr(input: Tensor, some: Bool = true) -> (Q, R) = {
        linalg_qr(input, if some { "reduced" } else { "complete" })
    } { .cast(Cast::Single).with(flag::OUT) }

    /// R, with Householder reflections below its diagonal, and the reflections' factors, as LAPACK's geqrf gives them.
    fn geqrf(input: Tensor) -> (a, tau) {
        .cast(Cast::Single).kernel(|cx| {
            let a = cx.tensor(0)?;
            if a.ndim() < 2 {
                bail!(Runtime, "torch.geqrf: input must have at least 2 dimensions.");
            }
            known("geqrf_cpu", a)?;
            let ((m, n), l) = (shape_of(a), lead(a));
            Ok(smallvec![columns(&l, m, n, a.dtype()), vectors(&l, m.min(n), a.dtype())])
        }, |cx, out| {
            let a = cx.tensor(0)?;
            let (la, lf, lt) = (a.layout(), out[0].layout(), out[1].layout());
            let (s, d, t) = (stack(a, &la), stack(&out[0], &lf), stack_vectors(&out[1], &lt));
            field!(a.dtype(), T => each(s.count(), s.rows * s.cols * t.rows, &|b| {
                // SAFETY: as in `linalg_qr`.
                unsafe {
                    let mut f = s.load::<T>(b)?;
                    let mut tau = vec![T::default(); t.rows];
                    kernel::factor(&mut f, &mut tau)?;
                    d.store(b, &f.data, f.rows);
                    t.store(b, &tau, t.rows);
                }
                Ok(())
            })).unwrap_or(Ok(()))
        }, "", Batch::Leading).grad(&[], &[], |_| bail!(NotImplemented, "the derivative for 'geqrf' is not implemented.")).with(flag::OUT)
    }

    /// The first columns of the product of Householder reflections I - tau v v^H, whose vectors stand below the diagonal of
    /// `input`.
    "linalg_householder_product" fn linalg_householder_product(input: Tensor, tau: Tensor) -> Tensor = {
        let name = "torch.linalg.householder_product";
        if input.ndim() < 2 {
            bail!(Runtime, "{name}: input must have at least 2 dimensions.");
        }
        let (m, n) = shape_of(input);
        if m < n {
            bail!(Runtime, "{name}: input.shape[-2] must be greater than or equal to input.shape[-1]");
        }
        reflections_fit(name, input, tau)?;
        if tau.size_at(tau.ndim() - 1) > n {
            bail!(Runtime, "{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]");
        }
        reflected(input, tau, &own(&eye_like(input, m, n)?)?, false)
    } { .cast(Cast::Single).spaces(&["linalg"]).with(LINALG) }

    /// The first columns of the product of Householder reflections, whose vectors stand below the diagonal of `input`.
    fn orgqr(input: Tensor, input2: Tensor) -> Tensor = { linalg_householder_product(input, input2) } { .cast(Cast::Single).with(flag::OUT) }

    /// The product of Q, given by Householder reflections, and `input3`: Q C, or C Q (`left` false), or with the adjoint of Q
    /// (`transpose`).
    fn ormqr(input: Tensor, input2: Tensor, input3: Tensor, left: Bool = true, transpose: Bool = false) -> Tensor = {
        let (tau, other) = (input2, input3);
        let name = "torch.ormqr";
        for (t, arg) in [(input, "input"), (other, "other")] {
            if t.ndim() < 2 {
                bail!(Runtime, "{name}: {arg} must have at least 2 dimensions.");
            }
        }
        let ((m, n), (r, c)) = (shape_of(input), shape_of(other));
        let (side, along) = if left { ("-2", r) } else { ("-1", c) };
        let k = tau.sizes().last().copied().unwrap_or(0);
        if along < k {
            bail!(Runtime, "{name}: other.shape[{side}] must be greater than or equal to tau.shape[-1]");
        }
        if along != m {
            bail!(Runtime, "{name}: other.shape[{side}] must be equal to input.shape[-2]");
        }
        if k > n {
            bail!(Runtime, "{name}: tau.shape[-1] must be less than or equal to input.shape[-1]");
        }
        reflections_fit(name, input, tau)?;
        if other.dtype() != input.dtype() {
            bail!(
                Runtime,
                "{name}: Expected input and other to have the same dtype, but input has dtype {} and other has dtype {}",
                input.dtype().c10_name(),
                other.dtype().c10_name()
            );
        }
        if other.sizes()[..other.ndim() - 2] != lead(input)[..] {
            bail!(
                Runtime,
                "{name}: Expected batch dimensions of other to be equal to input.shape[:-2], but got {}",
                crate::shape::show(&lead(other))
            );
        }
        if left {
            reflected(input, tau, other, transpose)
        } else {
            // C Q is the adjoint of Q^H C^H.
            h(&reflected(input, tau, &h(other)?, !transpose)?)
        }
    } { .cast(Cast::Single).with(flag::OUT) }
}

fn reflections_fit(name: &str, a: &Tensor, tau: &Tensor) -> Result<()> {
    if tau.ndim() + 1 != a.ndim() {
        bail!(
            Runtime,
            "{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {} and input.ndim is equal to {}",
            tau.ndim(),
            a.ndim()
        );
    }
    if tau.sizes()[..tau.ndim() - 1] != lead(a)[..] {
        bail!(
            Runtime,
            "{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {}",
            crate::shape::show(&tau.sizes()[..tau.ndim() - 1])
        );
    }
    if tau.dtype() != a.dtype() {
        bail!(
            Runtime,
            "{name}: tau dtype {} does not match input dtype {}",
            tau.dtype().c10_name(),
            a.dtype().c10_name()
        );
    }
    known("orgqr_cpu", a)
}

/// Q `c`, or Q^H `c`, for the Q of the reflections.
fn reflected(a: &Tensor, tau: &Tensor, c: &Tensor, adjoint: bool) -> Result<Tensor> {
    let (m, n) = shape_of(a);
    let k = tau.size_at(tau.ndim() - 1);
    let v = add(&ops::tril(a, -1)?, &eye_like(a, m, n)?)?;
    let tau = if adjoint { conj(tau)? } else { tau.clone() };
    let mut c = c.clone();
    if k == 0 {
        // Without reflections nothing depends on them, but PyTorch's result is still part of their graph.
        return add(&c, &ops::sum_all(&tau, None)?);
    }
    for step in 0..k {
        let i = if adjoint { step } else { k - 1 - step };
        let w = cols(&v, i, i + 1)?;
        let t = ops::unsqueeze(&ops::slice(&tau, tau.ndim() as i64 - 1, Some(i), Some(i + 1), 1)?, -1)?;
        c = sub(&c, &mm(&mul(&w, &t)?, &mm(&h(&w)?, &c)?)?)?;
    }
    Ok(c)
}

fn qr_grad(b: &Bw) -> Result<Grads> {
    let mode = b.str(1);
    let (q, r) = (b.out(0)?, b.out(1)?);
    if mode == "r" {
        bail!(
            Runtime,
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, mode='reduced') if \
             you are going to differentiate through linalg.qr."
        );
    }
    let sizes = b.sizes(0);
    let (m, n) = (sizes[sizes.len() - 2], sizes[sizes.len() - 1]);
    if mode == "complete" && m > n {
        bail!(
            Runtime,
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols. Use linalg.qr(A, mode='reduced')."
        );
    }
    let (gq, gr) = (b.grad_of(0)?, b.grad_of(1)?);
    if m >= n {
        return Ok(smallvec![Some(tall(q, r, &gq, &gr)?)]);
    }
    // A = [X | Y] and R = [U | V]: X = Q U is square, and Y = Q V.
    let (u, v) = (cols(r, 0, m)?, cols(r, m, n)?);
    let (gu, gv) = (cols(&gr, 0, m)?, cols(&gr, m, n)?);
    let y = mm(q, &v)?;
    let gq = add(&gq, &mm(&y, &h(&gv)?)?)?;
    let gx = tall(q, &u, &gq, &gu)?;
    Ok(smallvec![Some(ops::cat(&[gx, mm(q, &gv)?], -1)?)])
}

/// With S = Q^H dA R^-1, dR R^-1 is the upper triangle of S + S^H (its diagonal halved), the rest of dA is dQ R. This is the
/// adjoint of that.
fn tall(q: &Tensor, r: &Tensor, gq: &Tensor, gr: &Tensor) -> Result<Tensor> {
    let x = ops::triu(&sub(&mm(gr, &h(r)?)?, &mm(&h(q)?, gq)?)?, 0)?;
    let x = add(&x, &h(&x)?)?;
    let x = sub(&x, &ops::diag_embed(&times(&diag(&x)?, 0.5)?, 0, -2, -1)?)?;
    let y = add(gq, &mm(q, &x)?)?;
    super::factor::triangular(r, &y, true, true, false)
}
