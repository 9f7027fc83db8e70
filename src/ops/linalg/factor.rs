//! Triangular factors: Cholesky, LU, LDL, and the systems solved from them.

#![allow(non_snake_case)]

use super::base::*;
use super::solve::linalg_solve_triangular;
use crate::field;
use crate::kernels::cpu::dense::{cholesky as kernel_cholesky, each, ldl, lu};
use crate::op::autocast::Cast;
use crate::op::record::Bw;
use crate::op::{Batch, flag};
use crate::ops::short::{add, sub, times};
use crate::tensor::graph::Grads;
use smallvec::smallvec;

ops! {
    /// L in A = L L^H, and the order of the first leading minor that is not positive (0: success).
    fn _cholesky(A: Tensor) -> (L, info) {
        .kernel(|cx| {
            let a = cx.tensor(0)?;
            known("cholesky_cpu", a)?;
            let (n, _) = shape_of(a);
            Ok(smallvec![columns(&lead(a), n, n, a.dtype()), Meta::new(lead(a), DType::I32)])
        }, |cx, out| {
            let a = cx.tensor(0)?;
            let (l, m, i) = (a.layout(), out[0].layout(), out[1].layout());
            let (s, d, info) = (stack(a, &l), stack(&out[0], &m), stack_numbers(&out[1], &i));
            field!(a.dtype(), T => each(s.count(), s.rows.pow(3) / 3, &|b| {
                // SAFETY: the tensors live as long as the call, are of element type T and int32, and have one batch shape.
                unsafe {
                    let mut f = s.load::<T>(b)?;
                    let code = kernel_cholesky::factor(&mut f)?;
                    d.store(b, &f.data, f.rows);
                    info.store(b, &[code as i32], 1);
                }
                Ok(())
            })).unwrap_or(Ok(()))
        }, "", Batch::Leading)
            .grad(&[], &[0], |b| {
                // A is symmetric: the gradient is made so.
                let l = b.out(0)?;
                let p = ops::tril(&mm(&h(l)?, &b.g()?)?, 0)?;
                let p = add(&p, &h(&p)?)?;
                let s = sub(&p, &ops::diag_embed(&times(&diag(&p)?, 0.5)?, 0, -2, -1)?)?;
                let left = triangular(l, &s, false, true, true)?;
                Ok(smallvec![Some(times(&triangular(l, &left, false, false, false)?, 0.5)?)])
            }).node("LinalgCholeskyExBackward0").with(PART)
    }

    /// The triangular L in A = L L^H of Hermitian positive definite matrices (`upper`: L^H), and in `info` the order of the first
    /// leading minor that is not positive.
    "linalg_cholesky_ex" fn linalg_cholesky_ex(input: Tensor; upper: Bool = false, check_errors: Bool = false) -> (L, info) = {
        let [l, info] = checked_cholesky("linalg.cholesky", input, upper)?;
        if check_errors {
            not_definite("linalg.cholesky_ex", &info)?;
        }
        Ok([l, info])
    } { .cast(Cast::Single).spaces(&["linalg"]).with(LINALG) }

    /// The triangular L in A = L L^H of Hermitian positive definite matrices (`upper`: L^H).
    "linalg_cholesky" fn linalg_cholesky(input: Tensor; upper: Bool = false) -> Tensor = {
        let [l, info] = checked_cholesky("linalg.cholesky", input, upper)?;
        not_definite("linalg.cholesky", &info)?;
        Ok(l)
    } { .cast(Cast::Single).spaces(&["linalg"]).with(LINALG) }

    /// The triangular L in A = L L^H of Hermitian positive definite matrices (`upper`: L^H).
    fn cholesky(input: Tensor, upper: Bool = false) -> Tensor = {
        let [l, info] = checked_cholesky("cholesky", input, upper)?;
        not_definite("cholesky", &info)?;
        Ok(l)
    } { .cast(Cast::Single).with(flag::OUT) }

    /// X in A X = `input`, from the Cholesky factor `input2` of A.
    fn cholesky_solve(input: Tensor, input2: Tensor, upper: Bool = false) -> Tensor = {
        for (t, name) in [(input, "b"), (input2, "u")] {
            if t.ndim() < 2 {
                bail!(Runtime, "{name} should have at least 2 dimensions, but has {} dimensions instead", t.ndim());
            }
        }
        same_system("cholesky_solve", input2, input)?;
        let (a, b) = broadcast(input2, input)?;
        let first = triangular(&a, &b, upper, upper, true)?;
        triangular(&a, &first, upper, !upper, true)
    } { .cast(Cast::Single).with(flag::OUT) }

    /// The inverse of A from its Cholesky factor.
    fn cholesky_inverse(input: Tensor, upper: Bool = false) -> Tensor = {
        square("cholesky_inverse", input, "A")?;
        known("cholesky_inverse_out_cpu", input)?;
        let (n, _) = shape_of(input);
        cholesky_solve(&eye_like(input, n, n)?, input, upper)
    } { .cast(Cast::Single).with(flag::OUT) }

    /// The packed factors of A = P L U, the exchanges of rows, and the place of the first zero on U's diagonal.
    fn _lu(A: Tensor, pivot: Bool) -> (LU, pivots, info) {
        .kernel(|cx| {
            let a = cx.tensor(0)?;
            known("lu_cpu", a)?;
            let (m, n) = shape_of(a);
            let lead = lead(a);
            Ok(smallvec![columns(&lead, m, n, a.dtype()), vectors(&lead, m.min(n), DType::I32), Meta::new(lead, DType::I32)])
        }, |cx, out| {
            let (a, pivot) = (cx.tensor(0)?, cx.bool(1)?);
            let (l, m, p, i) = (a.layout(), out[0].layout(), out[1].layout(), out[2].layout());
            let (s, d) = (stack(a, &l), stack(&out[0], &m));
            let (places, info) = (stack_vectors(&out[1], &p), stack_numbers(&out[2], &i));
            let k = s.rows.min(s.cols);
            field!(a.dtype(), T => each(s.count(), s.rows * s.cols * k / 2, &|b| {
                let mut pivots = vec![0; k];
                // SAFETY: as in `_cholesky`.
                unsafe {
                    let mut f = s.load::<T>(b)?;
                    let code = lu::factor(&mut f, &mut pivots, pivot)?;
                    d.store(b, &f.data, f.rows);
                    places.store(b, &pivots.iter().map(|&p| p as i32 + 1).collect::<Vec<_>>(), k);
                    info.store(b, &[code as i32], 1);
                }
                Ok(())
            })).unwrap_or(Ok(()))
        }, "", Batch::Leading).grad(&[], &[0, 1], lu_grad).node("LinalgLuFactorExBackward0").with(PART)
    }

    /// The packed factors of A = P L U (L below the diagonal, its own being ones), the row that was exchanged with each (from 1),
    /// and the place of the first zero on U's diagonal (0: none).
    "linalg_lu_factor_ex" fn linalg_lu_factor_ex(A: Tensor; pivot: Bool = true, check_errors: Bool = false) -> (LU, pivots, info) = {
        let [lu, pivots, info] = factored("lu_factor", A, pivot)?;
        if check_errors {
            zero_pivot("torch.linalg.lu_factor_ex", &info)?;
        }
        Ok([lu, pivots, info])
    } { .spaces(&["linalg"]).with(LINALG) }

    /// The packed factors of A = P L U (L below the diagonal, its own being ones) and the row that was exchanged with each (from 1).
    "linalg_lu_factor" fn linalg_lu_factor(A: Tensor; pivot: Bool = true) -> (LU, pivots) = {
        let [lu, pivots, info] = factored("lu_factor", A, pivot)?;
        zero_pivot("torch.linalg.lu_factor", &info)?;
        Ok([lu, pivots])
    } { .spaces(&["linalg"]).with(LINALG) }

    /// The packed factors of A = P L U, the exchanges of rows, and the place of the first zero on U's diagonal.
    fn _lu_with_info(input: Tensor, pivot: Bool = true, check_errors: Bool = true) -> (LU, pivots, info) = {
        let [lu, pivots, info] = factored("lu_factor", input, pivot)?;
        if check_errors {
            zero_pivot("torch.linalg.lu_factor", &info)?;
        }
        Ok([lu, pivots, info])
    } { .with(flag::NO_METHOD) }

    /// P, L and U in A = P L U.
    "linalg_lu" fn linalg_lu(A: Tensor; pivot: Bool = true) -> (P, L, U) = {
        let [lu, pivots, _] = factored("lu", A, pivot)?;
        lu_unpack(&lu, &pivots, true, true)
    } { .node("LinalgLuBackward0") .spaces(&["linalg"]).with(LINALG) }

    /// The rows of P: row i of L U is row `order[i]` of A.
    fn _lu_order(pivots: Tensor, n: Int) -> Tensor {
        .kernel(|cx| {
            let p = cx.tensor(0)?;
            let mut s = p.sizes();
            if let Some(last) = s.last_mut() {
                *last = cx.int(1)?;
            }
            Ok(smallvec![Meta::new(s, DType::I64)])
        }, |cx, out| {
            let p = cx.tensor(0)?;
            let (l, m) = (p.layout(), out[0].layout());
            let (s, d) = (stack_vectors(p, &l), stack_vectors(&out[0], &m));
            each(s.count(), 2 * d.rows, &|b| {
                // SAFETY: the tensors live as long as the call and are of int32 and int64.
                unsafe {
                    let p: Vec<usize> = s.vector::<i32>(b).iter().map(|&p| (p as usize).wrapping_sub(1)).collect();
                    if let Some(at) = p.iter().position(|&p| p >= d.rows) {
                        bail!(Runtime, "lu_unpack: pivot {at} is {}, which is no row of {} rows", p[at].wrapping_add(1) as i32, d.rows);
                    }
                    let order: Vec<i64> = lu::order(&p, d.rows).iter().map(|&i| i as i64).collect();
                    d.store(b, &order, d.rows);
                }
                Ok(())
            })
        }, "", Batch::Leading).with(PART)
    }

    /// P, L and U from the packed factors; empty tensors in the place of what is not asked for.
    fn lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: Bool = true, unpack_pivots: Bool = true) -> (P, L, U) = {
        if unpack_pivots && LU_pivots.dtype() != DType::I32 {
            bail!(
                Runtime,
                "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\nNote: this function is \
                 intended to be used with the output produced by torch.linalg.lu_factor"
            );
        }
        matrices("torch.lu_unpack", LU_data, "LU_data")?;
        let (m, n) = shape_of(LU_data);
        let k = m.min(n);
        let none = || Tensor::empty(&[0], LU_data.dtype(), LU_data.device());
        let p = if unpack_pivots {
            let order = _lu_order(LU_pivots, m)?;
            // Column order[i] of row i of P^T is one: P has it in row order[i].
            let marks = ops::eq((&ops::unsqueeze(&order, -2)?).into(), (&ops::unsqueeze(&ops::arange(m.into(), Some(DType::I64), Some(LU_data.device()))?, -1)?).into())?;
            ops::short::cast(&marks, LU_data.dtype())?
        } else {
            none()?
        };
        if !unpack_data {
            return Ok([p, none()?, none()?]);
        }
        let l = add(&ops::tril(&cols(LU_data, 0, k)?, -1)?, &eye_like(LU_data, m, k)?)?;
        let u = ops::triu(&rows(LU_data, 0, k)?, 0)?;
        Ok([p, l, u])
    } { .with(flag::OUT | flag::NO_METHOD) }

    /// X in A X = B (`left` false: X A = B; `adjoint`: A^H instead of A), from the packed factors of A.
    "linalg_lu_solve" fn linalg_lu_solve(LU: Tensor, pivots: Tensor, B: Tensor; left: Bool = true, adjoint: Bool = false) -> Tensor = {
        let name = "linalg.lu_solve";
        floating(name, LU)?;
        if LU.dtype() != B.dtype() {
            bail!(
                Runtime,
                "{name}: Expected LU and B to have the same dtype, but found LU of type {} and B of type {} instead",
                LU.dtype().c10_name(),
                B.dtype().c10_name()
            );
        }
        if pivots.dtype() != DType::I32 {
            bail!(Runtime, "{name}: pivots should be a Tensor of scalar type torch.int32");
        }
        square(name, LU, "LU")?;
        matrices(name, B, "B")?;
        fits(name, LU, B, left)?;
        if pivots.ndim() == 0 || pivots.size_at(pivots.ndim() - 1) != shape_of(LU).0 {
            bail!(Runtime, "{name}: Number of pivots per batch should be same as the dimension of the matrix");
        }
        let s = lead(LU);
        if pivots.sizes()[..pivots.ndim() - 1] != s[..] {
            bail!(
                Runtime,
                "{name}: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape {} instead",
                crate::shape::show(&pivots.sizes())
            );
        }
        known("lu_solve_cpu", LU)?;
        from_factors(LU, pivots, B, left, adjoint)
    } { .spaces(&["linalg"]).with(LINALG) }

    /// X in A X = `input`, from the packed factors of A.
    fn lu_solve(input: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor = {
        linalg_lu_solve(LU_data, LU_pivots, input, true, false)
    } { .cast(Cast::Single).with(flag::OUT) }

    /// The packed factors of A = L D L^T (`hermitian`: L D L^H), the exchanges of rows as LAPACK numbers them (negative: a block
    /// of two in D), and the place of the first zero block.
    "linalg_ldl_factor_ex" fn linalg_ldl_factor_ex(input: Tensor; hermitian: Bool = false, check_errors: Bool = false) -> (LD, pivots, info) {
        .kernel(|cx| {
            let a = cx.tensor(0)?;
            square("torch.linalg.ldl_factor_ex", a, "A")?;
            floating("torch.linalg.ldl_factor_ex", a)?;
            known("ldl_factor_kernel_cpu", a)?;
            let (n, _) = shape_of(a);
            let lead = lead(a);
            Ok(smallvec![columns(&lead, n, n, a.dtype()), vectors(&lead, n, DType::I32), Meta::new(lead, DType::I32)])
        }, |cx, out| {
            let (a, hermitian) = (cx.tensor(0)?, cx.bool(1)?);
            let (l, m, p, i) = (a.layout(), out[0].layout(), out[1].layout(), out[2].layout());
            let (s, d) = (stack(a, &l), stack(&out[0], &m));
            let (places, info) = (stack_vectors(&out[1], &p), stack_numbers(&out[2], &i));
            field!(a.dtype(), T => each(s.count(), s.rows.pow(3) / 3, &|b| {
                let mut pivots = vec![0i32; s.rows];
                // SAFETY: as in `_cholesky`.
                unsafe {
                    let mut f = s.load::<T>(b)?;
                    let code = ldl::factor(&mut f, &mut pivots, hermitian);
                    d.store(b, &f.data, f.rows);
                    places.store(b, &pivots, s.rows);
                    info.store(b, &[code as i32], 1);
                }
                Ok(())
            })).unwrap_or(Ok(()))?;
            match first_error(&out[2])? {
                Some((at, code)) if cx.bool(2)? => bail!(LinAlg, "torch.linalg.ldl_factor_ex: {}the block {code} of D is zero", which(at)),
                _ => Ok(()),
            }
        }, "", Batch::Leading).spaces(&["linalg"]).with(LINALG)
    }

    /// The packed factors of A = L D L^T (`hermitian`: L D L^H) and the exchanges of rows as LAPACK numbers them.
    "linalg_ldl_factor" fn linalg_ldl_factor(input: Tensor; hermitian: Bool = false) -> (LD, pivots) = {
        let [ld, pivots, info] = linalg_ldl_factor_ex(input, hermitian, false)?;
        if let Some((at, code)) = first_error(&info)? {
            bail!(LinAlg, "torch.linalg.ldl_factor: {}the block {code} of D is zero: the matrix is singular.", which(at));
        }
        Ok([ld, pivots])
    } { .spaces(&["linalg"]).with(LINALG) }

    /// X in A X = B, from the packed factors L D L^T of A.
    "linalg_ldl_solve" fn linalg_ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor; hermitian: Bool = false) -> Tensor = {
        let name = "torch.linalg.ldl_solve";
        square(name, LD, "A")?;
        floating(name, LD)?;
        if LD.dtype() != B.dtype() {
            bail!(
                Runtime,
                "{name}: LD dtype {} does not match b dtype {}",
                LD.dtype().c10_name(),
                B.dtype().c10_name()
            );
        }
        if B.ndim() < 2 {
            bail!(Runtime, "{name}: Expected B to have at least 2 dimensions, but it has {} dimensions instead", B.ndim());
        }
        if pivots.ndim() == 0 || pivots.sizes()[..] != LD.sizes()[..LD.ndim() - 1] {
            bail!(
                Runtime,
                "{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape {} instead",
                crate::shape::show(&pivots.sizes())
            );
        }
        if !pivots.dtype().is_integral() || pivots.dtype() == DType::Bool {
            bail!(Runtime, "{name}: Expected pivots to be integers. Got {}", pivots.dtype().c10_name());
        }
        if pivots.dtype() != DType::I32 {
            bail!(Runtime, "{name}: pivots should be a Tensor of scalar type torch.int32");
        }
        same_system("torch.linalg.ldl_solve", LD, B)?;
        known("ldl_solve_cpu", LD)?;
        let (a, b) = broadcast(LD, B)?;
        let s = lead(&a);
        let mut wide = s.clone();
        wide.push(shape_of(&a).0);
        _ldl_solve(&a, &ops::expand(pivots, &wide, false)?, &b, hermitian)
    } { .spaces(&["linalg"]).with(LINALG) }

    /// X in A X = B for equal batches.
    fn _ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, hermitian: Bool) -> Tensor {
        .kernel(|cx| {
            let b = cx.tensor(2)?;
            let (m, n) = shape_of(b);
            Ok(smallvec![columns(&lead(b), m, n, b.dtype())])
        }, |cx, out| {
            let (a, p, b, hermitian) = (cx.tensor(0)?, cx.tensor(1)?, cx.tensor(2)?, cx.bool(3)?);
            let (la, lp, lb, lo) = (a.layout(), p.layout(), b.layout(), out[0].layout());
            let (sa, sp, sb, so) = (stack(a, &la), stack_vectors(p, &lp), stack(b, &lb), stack(&out[0], &lo));
            field!(a.dtype(), T => each(so.count(), sa.rows * sa.rows * so.cols, &|i| {
                // SAFETY: as in `_cholesky`.
                unsafe {
                    let f = sa.load::<T>(i)?;
                    let mut x = sb.load::<T>(i)?;
                    ldl::solve(&f, &sp.vector::<i32>(i), &mut x, hermitian);
                    so.store(i, &x.data, x.rows);
                }
                Ok(())
            })).unwrap_or(Ok(()))
        }, "", Batch::Leading).with(PART)
    }
}

fn checked_cholesky(name: &str, a: &Tensor, upper: bool) -> Result<[Tensor; 2]> {
    square(name, a, "A")?;
    floating(name, a)?;
    let lower = if upper { h(a)? } else { a.clone() };
    let [l, info] = _cholesky(&lower)?;
    Ok([if upper { h(&l)? } else { l }, info])
}

fn not_definite(name: &str, info: &Tensor) -> Result<()> {
    let Some((at, code)) = first_error(info)? else { return Ok(()) };
    bail!(
        LinAlg,
        "{name}: {}The factorization could not be completed because the input is not positive-definite (the leading minor of order \
         {code} is not positive-definite).",
        which(at)
    )
}

fn factored(name: &str, a: &Tensor, pivot: bool) -> Result<[Tensor; 3]> {
    if a.ndim() < 2 {
        let name = if name == "lu" { "linalg.lu" } else { "torch.lu_factor" };
        bail!(
            Runtime,
            "{name}: Expected tensor with 2 or more dimensions. Got size: {} instead",
            crate::shape::show(&a.sizes())
        );
    }
    if !pivot {
        bail!(Runtime, "linalg.{name}: LU without pivoting is not implemented on the CPU");
    }
    _lu(a, pivot)
}

fn zero_pivot(name: &str, info: &Tensor) -> Result<()> {
    let Some((at, code)) = first_error(info)? else { return Ok(()) };
    bail!(
        Runtime,
        "{name}: {}U[{code},{code}] is zero and using it on lu_solve would result in a division by zero. If you still want to \
         perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)",
        which(at)
    )
}

fn same_system(name: &str, a: &Tensor, b: &Tensor) -> Result<()> {
    let (m, n) = shape_of(a);
    let (r, c) = shape_of(b);
    if m != n {
        bail!(Runtime, "{name}: A must be batches of square matrices, but they are {m} by {n} matrices");
    }
    if n != r {
        bail!(
            Runtime,
            "Incompatible matrix sizes for {name}: each A matrix is {m} by {n} but each b matrix is {r} by {c}"
        );
    }
    Ok(())
}

fn from_factors(lu: &Tensor, pivots: &Tensor, b: &Tensor, left: bool, adjoint: bool) -> Result<Tensor> {
    if !left {
        // X A = B is A^H X^H = B^H.
        return h(&from_factors(lu, pivots, &h(b)?, true, !adjoint)?);
    }
    let (n, _) = shape_of(lu);
    let (lu, b) = broadcast(lu, b)?;
    let mut wide = lead(&lu);
    wide.push(n);
    let order = _lu_order(&ops::expand(pivots, &wide, false)?, n)?;
    let shuffle = |t: &Tensor, order: &Tensor| -> Result<Tensor> {
        let index = ops::expand(&ops::unsqueeze(order, -1)?, &t.sizes(), false)?;
        ops::gather(t, t.ndim() as i64 - 2, &index, false)
    };
    if adjoint {
        let first = triangular(&lu, &b, true, true, true)?;
        let second = triangular_unit(&lu, &first, false, true)?;
        return shuffle(&second, &ops::argsort(&order, -1, false)?);
    }
    let first = triangular_unit(&lu, &shuffle(&b, &order)?, false, false)?;
    triangular(&lu, &first, true, false, true)
}

/// For M = P^T A = L U: dM gives dL and dU by the lower and upper part of L^-1 dM U^-1; this is the adjoint of that.
fn lu_grad(b: &Bw) -> Result<Grads> {
    let (lu, pivots, g) = (b.out(0)?, b.out(1)?, b.g()?);
    let (m, n) = shape_of(lu);
    let k = m.min(n);
    let (gl, gu) = (ops::tril(&cols(&g, 0, k)?, -1)?, ops::triu(&rows(&g, 0, k)?, 0)?);
    let square_part = cols(&rows(lu, 0, k)?, 0, k)?;
    let u = ops::triu(&square_part, 0)?;
    let l = add(&ops::tril(&square_part, -1)?, &eye_like(lu, k, k)?)?;
    let (gl1, gu1) = (rows(&gl, 0, k)?, cols(&gu, 0, k)?);
    let mut low = mm(&h(&l)?, &gl1)?;
    let mut high = mm(&gu1, &h(&u)?)?;
    if n > m {
        low = sub(&low, &mm(&cols(&gu, k, n)?, &h(&cols(lu, k, n)?)?)?)?;
    }
    if m > n {
        high = sub(&high, &mm(&h(&rows(lu, k, m)?)?, &rows(&gl, k, m)?)?)?;
    }
    let middle = add(&ops::tril(&low, -1)?, &ops::triu(&high, 0)?)?;
    // L^-H x
    let left = |x: &Tensor| triangular_unit(&square_part, x, false, true);
    // x U^-H
    let right = |x: &Tensor| triangular(&square_part, x, true, true, false);
    let mut gm = right(&left(&middle)?)?;
    if n > m {
        gm = ops::cat(&[gm, left(&cols(&gu, k, n)?)?], -1)?;
    }
    if m > n {
        gm = ops::cat(&[gm, right(&rows(&gl, k, m)?)?], -2)?;
    }
    let [p, _, _] = lu_unpack(lu, pivots, false, true)?;
    Ok(smallvec![Some(mm(&p, &gm)?)])
}

/// A triangular system with the triangle `a`, or (`turned`) its conjugate transpose: `a` says `upper` of itself.
pub(super) fn triangular(a: &Tensor, b: &Tensor, upper: bool, turned: bool, left: bool) -> Result<Tensor> {
    let (a, upper) = if turned { (h(a)?, !upper) } else { (a.clone(), upper) };
    linalg_solve_triangular(&a, b, upper, left, false)
}

/// The same with a unit triangle on the left.
pub(super) fn triangular_unit(a: &Tensor, b: &Tensor, upper: bool, turned: bool) -> Result<Tensor> {
    let (a, upper) = if turned { (h(a)?, !upper) } else { (a.clone(), upper) };
    linalg_solve_triangular(&a, b, upper, true, true)
}

/// Are B's sizes right for `A X = B` (or `X A = B`)?
pub(super) fn fits(name: &str, a: &Tensor, b: &Tensor, left: bool) -> Result<()> {
    let ((m, n), (r, c)) = (shape_of(a), shape_of(b));
    if if left { n != r } else { m != c } {
        bail!(
            Runtime,
            "{name}: Incompatible shapes of A and B for the equation {} ({m}x{n} and {r}x{c})",
            if left { "AX = B" } else { "XA = B" }
        );
    }
    Ok(())
}
