//! Singular values, eigenvalues, and their vectors.

#![allow(non_snake_case)]

use super::base::*;
use crate::error::Error;
use crate::field;
use crate::kernels::cpu::dense::spectral as kernel;
use crate::kernels::cpu::dense::{Field, each};
use crate::op::autocast::Cast;
use crate::op::record::Bw;
use crate::op::{Batch, flag};
use crate::ops::short::{add, cast, conj, div, mul, sub};
use crate::tensor::graph::Grads;
use crate::tensor::mode;
use smallvec::smallvec;

ops! {
    /// U, S and V^H with all vectors (`full_matrices`) or as many as there are singular values.
    fn _linalg_svd(A: Tensor, full_matrices: Bool) -> (U, S, Vh) {
        .kernel(|cx| {
            let (a, full) = (cx.tensor(0)?, cx.bool(1)?);
            known("linalg_svd_cpu", a)?;
            let ((m, n), l) = (shape_of(a), lead(a));
            let k = m.min(n);
            let (x, y) = if full { (m, n) } else { (k, k) };
            Ok(smallvec![columns(&l, m, x, a.dtype()), vectors(&l, k, a.dtype().to_real()), columns(&l, y, n, a.dtype())])
        }, |cx, out| {
            let (a, full) = (cx.tensor(0)?, cx.bool(1)?);
            let (la, lu, ls, lv) = (a.layout(), out[0].layout(), out[1].layout(), out[2].layout());
            let (x, u, s, v) = (stack(a, &la), stack(&out[0], &lu), stack_vectors(&out[1], &ls), stack(&out[2], &lv));
            let many = a.ndim() > 2;
            field!(a.dtype(), T => each(x.count(), 8 * x.rows * x.cols * s.rows.max(1), &|b| {
                // SAFETY: the tensors live as long as the call, are of element type T (the values of its real type), and have
                // one batch shape.
                unsafe {
                    let m = x.load::<T>(b)?;
                    let r = if m.finite() { kernel::svd(&m, true, full)? } else { None };
                    let Some(r) = r else { return Err(no_values("linalg.svd", many.then_some(b), m.finite())) };
                    store_real(&s, b, &r.s);
                    if let (Some(p), Some(q)) = (r.u, r.vh) {
                        u.store(b, &p.data, p.rows);
                        v.store(b, &q.data, q.rows);
                    }
                }
                Ok(())
            })).unwrap_or(Ok(()))
        }, "", Batch::Leading).grad(&[], &[0, 1, 2], svd_grad).node("LinalgSvdBackward0").with(PART | SPECTRAL)
    }

    /// The singular values alone.
    fn _linalg_svdvals(A: Tensor) -> Tensor {
        .kernel(|cx| {
            let a = cx.tensor(0)?;
            known("linalg_svd_cpu", a)?;
            let (m, n) = shape_of(a);
            Ok(smallvec![vectors(&lead(a), m.min(n), a.dtype().to_real())])
        }, |cx, out| {
            let a = cx.tensor(0)?;
            let (la, ls) = (a.layout(), out[0].layout());
            let (x, s) = (stack(a, &la), stack_vectors(&out[0], &ls));
            let many = a.ndim() > 2;
            field!(a.dtype(), T => each(x.count(), 4 * x.rows * x.cols * s.rows.max(1), &|b| {
                // SAFETY: as in `_linalg_svd`.
                unsafe {
                    let m = x.load::<T>(b)?;
                    let r = if m.finite() { kernel::svd(&m, false, false)? } else { None };
                    let Some(r) = r else { return Err(no_values("linalg.svd", many.then_some(b), m.finite())) };
                    store_real(&s, b, &r.s);
                }
                Ok(())
            })).unwrap_or(Ok(()))
        }, "", Batch::Leading).with(PART | SPECTRAL)
    }

    /// U, S and V^H in A = U S V^H, S from the largest; as many vectors as rows and columns, or (`full_matrices` false) as there
    /// are singular values.
    "linalg_svd" fn linalg_svd(A: Tensor, full_matrices: Bool = true; driver: OptStr = None) -> (U, S, Vh) = {
        svd_checks(A, driver)?;
        _linalg_svd(A, full_matrices)
    } { .cast(Cast::Single).spaces(&["linalg"]).with(SPECTRAL) }

    /// The singular values, from the largest.
    "linalg_svdvals" fn linalg_svdvals(A: Tensor; driver: OptStr = None) -> Tensor = {
        svd_checks(A, driver)?;
        if A.requires_grad() && mode::grad() {
            // The gradient needs the vectors.
            let [_, s, _] = _linalg_svd(A, false)?;
            return Ok(s);
        }
        _linalg_svdvals(A)
    } { .cast(Cast::Single).spaces(&["linalg"]).with(SPECTRAL) }

    /// U, S and V in A = U S V^H (`some` false: all vectors; `compute_uv` false: zeros instead of vectors).
    fn svd(input: Tensor, some: Bool = true, compute_uv: Bool = true) -> (U, S, V) = {
        if input.ndim() < 2 {
            bail!(Runtime, "linalg.svd: input should have at least 2 dimensions, but has {} dimensions instead", input.ndim());
        }
        if compute_uv {
            let [u, s, vh] = linalg_svd(input, !some, None)?;
            return Ok([u, s, h(&vh)?]);
        }
        let (m, n) = shape_of(input);
        let s = linalg_svdvals(input, None)?;
        let zeros = |k: i64| -> Result<Tensor> {
            let mut s = lead(input);
            s.extend([k, k]);
            Tensor::zeros(&s, input.dtype(), input.device())
        };
        Ok([zeros(m)?, s, zeros(n)?])
    } { .cast(Cast::Single).with(flag::OUT | flag::NEEDS_LINALG) }

    /// Eigenvalues and eigenvectors of Hermitian matrices.
    fn _linalg_eigh(A: Tensor, lower: Bool) -> (eigenvalues, eigenvectors) {
        .kernel(|cx| {
            let a = cx.tensor(0)?;
            known("linalg_eigh_cpu", a)?;
            let ((n, _), l) = (shape_of(a), lead(a));
            Ok(smallvec![vectors(&l, n, a.dtype().to_real()), columns(&l, n, n, a.dtype())])
        }, |cx, out| eigh(cx.tensor(0)?, cx.bool(1)?, &out[0], Some(&out[1])), "", Batch::Leading)
            .grad(&[], &[0, 1], |b| {
                let (l, v) = (b.out(0)?, b.out(1)?);
                let mut middle = ops::diag_embed(&cast(&b.grad_of(0)?, v.dtype())?, 0, -2, -1)?;
                if b.has_grad(1) {
                    let gap = gaps(&sub(&ops::unsqueeze(l, -2)?, &ops::unsqueeze(l, -1)?)?)?;
                    let p = off_diagonal(&mm(&h(v)?, &b.grad_of(1)?)?)?;
                    middle = add(&middle, &div(&p, &gap)?)?;
                }
                Ok(smallvec![Some(mm(&mm(v, &middle)?, &h(v)?)?)])
            }).node("LinalgEighBackward0").with(PART | SPECTRAL)
    }

    /// The eigenvalues of Hermitian matrices alone.
    fn _linalg_eigvalsh(A: Tensor, lower: Bool) -> Tensor {
        .kernel(|cx| {
            let a = cx.tensor(0)?;
            known("linalg_eigh_cpu", a)?;
            let (n, _) = shape_of(a);
            Ok(smallvec![vectors(&lead(a), n, a.dtype().to_real())])
        }, |cx, out| eigh(cx.tensor(0)?, cx.bool(1)?, &out[0], None), "", Batch::Leading).with(PART | SPECTRAL)
    }

    /// Eigenvalues (from the smallest) and eigenvectors (as columns) of Hermitian matrices, of which the lower ("L") or the upper
    /// ("U") triangle is read.
    "linalg_eigh" fn linalg_eigh(A: Tensor, UPLO: Str = "L") -> (eigenvalues, eigenvectors) = {
        square("linalg.eigh", A, "A")?;
        _linalg_eigh(A, lower(UPLO)?)
    } { .cast(Cast::Single).spaces(&["linalg"]).with(SPECTRAL) }

    /// The eigenvalues of Hermitian matrices, from the smallest.
    "linalg_eigvalsh" fn linalg_eigvalsh(A: Tensor, UPLO: Str = "L") -> Tensor = {
        square("linalg.eigh", A, "A")?;
        let low = lower(UPLO)?;
        if A.requires_grad() && mode::grad() {
            let [l, _] = _linalg_eigh(A, low)?;
            return Ok(l);
        }
        _linalg_eigvalsh(A, low)
    } { .cast(Cast::Single).spaces(&["linalg"]).with(SPECTRAL) }

    /// Eigenvalues and eigenvectors of general matrices.
    fn _linalg_eig(A: Tensor) -> (eigenvalues, eigenvectors) {
        .kernel(|cx| {
            let a = cx.tensor(0)?;
            known("linalg_eig_out_cpu", a)?;
            let ((n, _), l, d) = (shape_of(a), lead(a), a.dtype().to_complex());
            Ok(smallvec![vectors(&l, n, d), columns(&l, n, n, d)])
        }, |cx, out| eig("linalg.eig", cx.tensor(0)?, &out[0], Some(&out[1])), "", Batch::Leading)
            .grad(&[], &[0, 1], |b| {
                // V has columns of length 1, whose phase is free.
                let (l, v) = (b.out(0)?, b.out(1)?);
                let vh = h(v)?;
                let mut middle = ops::diag_embed(&b.grad_of(0)?, 0, -2, -1)?;
                if b.has_grad(1) {
                    let p = mm(&vh, &b.grad_of(1)?)?;
                    let along = cast(&ops::real(&diag(&p)?)?, v.dtype())?;
                    let p = off_diagonal(&sub(&p, &by_columns(&mm(&vh, v)?, &along)?)?)?;
                    let gap = gaps(&conj(&sub(&ops::unsqueeze(l, -2)?, &ops::unsqueeze(l, -1)?)?)?)?;
                    middle = add(&middle, &div(&p, &gap)?)?;
                }
                let g = crate::ops::linalg::solve::solve_any("linalg.eig", &vh, &mm(&middle, &vh)?, true)?;
                Ok(smallvec![Some(if b.dtype(0).is_complex() { g } else { ops::real(&g)? })])
            }).node("LinalgEigBackward0").with(PART | SPECTRAL)
    }

    /// The eigenvalues of general matrices alone.
    fn _linalg_eigvals(A: Tensor) -> Tensor {
        .kernel(|cx| {
            let a = cx.tensor(0)?;
            known("linalg_eig_out_cpu", a)?;
            let (n, _) = shape_of(a);
            Ok(smallvec![vectors(&lead(a), n, a.dtype().to_complex())])
        }, |cx, out| eig("linalg.eigvals", cx.tensor(0)?, &out[0], None), "", Batch::Leading).with(PART | SPECTRAL)
    }

    /// Eigenvalues and eigenvectors (as columns of length 1) of general square matrices; complex, in no order.
    "linalg_eig" fn linalg_eig(input: Tensor) -> (eigenvalues, eigenvectors) = {
        eig_checks("linalg.eig", input)?;
        _linalg_eig(input)
    } { .cast(Cast::Single).spaces(&["linalg"]).with(SPECTRAL) }

    /// The eigenvalues of general square matrices; complex, in no order.
    "linalg_eigvals" fn linalg_eigvals(input: Tensor) -> Tensor = {
        eig_checks("linalg.eigvals", input)?;
        if input.requires_grad() && mode::grad() {
            let [l, _] = _linalg_eig(input)?;
            return Ok(l);
        }
        _linalg_eigvals(input)
    } { .cast(Cast::Single).spaces(&["linalg"]).with(SPECTRAL) }
}

fn svd_checks(a: &Tensor, driver: Option<&str>) -> Result<()> {
    matrices("linalg.svd", a, "A")?;
    floating("linalg.svd", a)?;
    if driver.is_some() {
        bail!(
            Runtime,
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        );
    }
    Ok(())
}

fn eig_checks(name: &str, a: &Tensor) -> Result<()> {
    if !a.dtype().is_differentiable() {
        bail!(
            Runtime,
            "Unknown Complex ScalarType for {}\n{name} takes floating point or complex tensors.",
            a.dtype().c10_name()
        );
    }
    square(name, a, "A")
}

fn lower(uplo: &str) -> Result<bool> {
    match uplo {
        "L" | "l" => Ok(true),
        "U" | "u" => Ok(false),
        other => bail!(Runtime, "Expected UPLO argument to be 'L' or 'U', but got {other}"),
    }
}

#[cold]
fn no_values(name: &str, at: Option<usize>, finite: bool) -> Error {
    if finite {
        err!(
            LinAlg,
            "{name}: {}The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated singular \
             values (error code: 1).",
            which(at)
        )
    } else {
        err!(
            LinAlg,
            "{name}: {}The algorithm failed to converge because the input matrix contained non-finite values.",
            which(at)
        )
    }
}

/// Writes the real parts of a vector of T into a tensor of T's real type.
///
/// # Safety
/// As for `Stack::store`.
unsafe fn store_real<T: Field>(s: &Stack, b: usize, v: &[T]) {
    // SAFETY: the caller's.
    unsafe {
        if matches!(T::DTYPE, DType::F32 | DType::C64) {
            s.store(b, &v.iter().map(|x| x.re() as f32).collect::<Vec<_>>(), v.len());
        } else {
            s.store(b, &v.iter().map(|x| x.re()).collect::<Vec<_>>(), v.len());
        }
    }
}

fn eigh(a: &Tensor, lower: bool, values: &Tensor, columns: Option<&Tensor>) -> Result<()> {
    let (la, ls, lv) = (a.layout(), values.layout(), columns.map(Tensor::layout));
    let (x, s) = (stack(a, &la), stack_vectors(values, &ls));
    let v = columns.zip(lv.as_ref()).map(|(t, l)| stack(t, l));
    let many = a.ndim() > 2;
    let run = field!(a.dtype(), T => each(x.count(), 8 * x.rows.pow(3), &|b| {
        // SAFETY: as in `_linalg_svd`.
        unsafe {
            let mut m = x.load::<T>(b)?;
            if !lower {
                m = m.adjoint()?;
            }
            for i in 0..m.rows {
                // A Hermitian matrix has a real diagonal: what else stands there is not read.
                m.set(i, i, T::real(m.at(i, i).re()));
            }
            let r = if m.finite() { kernel::hermitian(&m, v.is_some())? } else { None };
            let Some((l, u)) = r else {
                bail!(
                    LinAlg,
                    "linalg.eigh: {}The algorithm failed to converge because the input matrix is ill-conditioned or has too many \
                     repeated eigenvalues (error code: {}).",
                    which(many.then_some(b)),
                    m.rows - 1
                );
            };
            store_real(&s, b, &l);
            if let (Some(v), Some(u)) = (v, u) {
                v.store(b, &u.data, u.rows);
            }
        }
        Ok(())
    }));
    run.unwrap_or(Ok(()))
}

fn eig(name: &str, a: &Tensor, values: &Tensor, columns: Option<&Tensor>) -> Result<()> {
    let (la, ls, lv) = (a.layout(), values.layout(), columns.map(Tensor::layout));
    let (x, s) = (stack(a, &la), stack_vectors(values, &ls));
    let v = columns.zip(lv.as_ref()).map(|(t, l)| stack(t, l));
    let many = a.ndim() > 2;
    let run = field!(a.dtype(), T => each(x.count(), 16 * x.rows.pow(3), &|b| {
        // SAFETY: as in `_linalg_svd`; the results are of T's complex type.
        unsafe {
            let m = x.load::<T>(b)?;
            if !m.finite() {
                bail!(Runtime, "torch.{name}: input tensor should not contain infs or NaNs.");
            }
            let Some((l, u)) = <T as kernel::Spectral>::eigen(&m, v.is_some())? else {
                bail!(
                    LinAlg,
                    "{name}: {}The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated \
                     eigenvalues (error code: 1).",
                    which(many.then_some(b))
                );
            };
            s.store(b, &l, l.len());
            if let (Some(v), Some(u)) = (v, u) {
                v.store(b, &u.data, u.rows);
            }
        }
        Ok(())
    }));
    run.unwrap_or(Ok(()))
}

/// Zeros on the diagonal.
fn off_diagonal(t: &Tensor) -> Result<Tensor> {
    let n = t.size_at(t.ndim() - 1);
    ops::masked_fill(t, &ops::eye(n, Some(DType::Bool), Some(t.device()))?, 0.into())
}

/// Ones on the diagonal: no division by the zeros there.
fn gaps(t: &Tensor) -> Result<Tensor> {
    let n = t.size_at(t.ndim() - 1);
    ops::masked_fill(t, &ops::eye(n, Some(DType::Bool), Some(t.device()))?, 1.into())
}

/// With dX = U^H dA V: dU = U P and dV = V Q, both skew, whose entries are dX's over s_j^2 - s_i^2. This is the adjoint of that,
/// and what dA changes outside of the spaces of U and V.
fn svd_grad(b: &Bw) -> Result<Grads> {
    let (u, s, vh) = (b.out(0)?, b.out(1)?, b.out(2)?);
    let k = s.size_at(s.ndim() - 1);
    let (m, n) = (u.size_at(u.ndim() - 2), vh.size_at(vh.ndim() - 1));
    let (gu, gv) = (b.has_grad(0), b.has_grad(2));
    // Vectors beyond the singular values are not determined by A: their gradients do not count.
    let (u, vh) = (cols(u, 0, k)?, rows(vh, 0, k)?);
    let (gu, gv) =
        (gu.then(|| cols(&b.grad_of(0)?, 0, k)).transpose()?, gv.then(|| rows(&b.grad_of(2)?, 0, k)).transpose()?);
    let d = u.dtype();
    let wide = cast(s, d)?;
    let mut middle = ops::diag_embed(&cast(&b.grad_of(1)?, d)?, 0, -2, -1)?;
    if gu.is_none() && gv.is_none() {
        return Ok(smallvec![Some(mm(&mm(&u, &middle)?, &vh)?)]);
    }
    let square = mul(s, s)?;
    let gap = gaps(&sub(&ops::unsqueeze(&square, -2)?, &ops::unsqueeze(&square, -1)?)?)?;
    let skew = |t: &Tensor| sub(t, &h(t)?);
    if let Some(gu) = &gu {
        let p = skew(&mm(&h(&u)?, gu)?)?;
        middle = add(&middle, &by_columns(&div(&off_diagonal(&p)?, &gap)?, &wide)?)?;
        if d.is_complex() {
            let turn = div(&diag(&p)?, &ops::short::times(&wide, 2)?)?;
            middle = add(&middle, &ops::diag_embed(&turn, 0, -2, -1)?)?;
        }
    }
    if let Some(gv) = &gv {
        let p = skew(&mm(&vh, &h(gv)?)?)?;
        middle = add(&middle, &by_rows(&div(&off_diagonal(&p)?, &gap)?, &wide)?)?;
    }
    let mut g = mm(&mm(&u, &middle)?, &vh)?;
    if let Some(gu) = &gu
        && m > k
    {
        let out = sub(gu, &mm(&u, &mm(&h(&u)?, gu)?)?)?;
        g = add(&g, &mm(&div(&out, &ops::unsqueeze(&wide, -2)?)?, &vh)?)?;
    }
    if let Some(gv) = &gv
        && n > k
    {
        let out = sub(gv, &mm(&mm(gv, &h(&vh)?)?, &vh)?)?;
        g = add(&g, &mm(&div(&u, &ops::unsqueeze(&wide, -2)?)?, &out)?)?;
    }
    Ok(smallvec![Some(g)])
}
