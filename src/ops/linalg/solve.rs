//! Systems of equations and inverses.

#![allow(non_snake_case)]

use super::base::*;
use super::factor::fits;
use crate::field;
use crate::kernels::cpu::dense::triangle::{Turn, solve as solve_triangle};
use crate::kernels::cpu::dense::{Mat, each, lu};
use crate::op::autocast::Cast;
use crate::op::{Batch, flag};
use crate::ops::short::times;
use smallvec::smallvec;

ops! {
    /// X in A X = B for equal batches, and the place of the first zero pivot of A.
    fn _solve(A: Tensor, B: Tensor) -> (result, info) {
        .kernel(|cx| {
            let (a, b) = (cx.tensor(0)?, cx.tensor(1)?);
            known("linalg_solve", a)?;
            let (m, n) = shape_of(b);
            Ok(smallvec![columns(&lead(b), m, n, b.dtype()), Meta::new(lead(a), DType::I32)])
        }, |cx, out| {
            let (a, b) = (cx.tensor(0)?, cx.tensor(1)?);
            let (la, lb, lo, li) = (a.layout(), b.layout(), out[0].layout(), out[1].layout());
            let (sa, sb, so, info) = (stack(a, &la), stack(b, &lb), stack(&out[0], &lo), stack_numbers(&out[1], &li));
            field!(a.dtype(), T => each(so.count(), sa.rows * sa.rows * (sa.rows + so.cols), &|i| {
                let mut pivots = vec![0; sa.rows];
                // SAFETY: the tensors live as long as the call, are of element type T and int32, and have one batch shape.
                unsafe {
                    let mut f = sa.load::<T>(i)?;
                    let code = lu::factor(&mut f, &mut pivots, true)?;
                    let x = lu::solve_factored(&f, &pivots, sb.load(i)?)?;
                    so.store(i, &x.data, x.rows);
                    info.store(i, &[code as i32], 1);
                }
                Ok(())
            })).unwrap_or(Ok(()))
        }, "", Batch::Leading)
            .grad(&[0], &[0], |b| {
                // A X = B: the gradient of B solves the adjoint system.
                let (g, x) = (b.g()?, b.out(0)?);
                let gb = solve_any("linalg.solve", &h(b.tensor(0)?)?, &g, true)?;
                let ga = b.when(0, || times(&mm(&gb, &h(x)?)?, -1))?;
                Ok(smallvec![ga, b.needs(1).then_some(gb)])
            }).node("LinalgSolveExBackward0").with(PART)
    }

    /// X in A X = B (`left` false: X A = B) without a check, and the place of the first zero pivot (0: none). B may be a vector.
    "linalg_solve_ex" fn linalg_solve_ex(A: Tensor, B: Tensor; left: Bool = true, check_errors: Bool = false) -> (result, info) = {
        let [x, info] = solve_with_info("linalg.solve", A, B, left)?;
        if check_errors {
            singular_system("torch.linalg.solve_ex", &info)?;
        }
        Ok([x, info])
    } { .spaces(&["linalg"]).with(LINALG) }

    /// X in A X = B (`left` false: X A = B). B may be a vector.
    "linalg_solve" fn linalg_solve(A: Tensor, B: Tensor; left: Bool = true) -> Tensor = {
        let [x, info] = solve_with_info("linalg.solve", A, B, left)?;
        singular_system("torch.linalg.solve", &info)?;
        Ok(x)
    } { .cast(Cast::Single).spaces(&["linalg"]).with(LINALG) }

    /// The inverse, and the place of the first zero pivot.
    fn _inv(A: Tensor) -> (inverse, info) {
        .kernel(|cx| {
            let a = cx.tensor(0)?;
            known("linalg_inv", a)?;
            let (n, _) = shape_of(a);
            Ok(smallvec![columns(&lead(a), n, n, a.dtype()), Meta::new(lead(a), DType::I32)])
        }, |cx, out| {
            let a = cx.tensor(0)?;
            let (l, m, i) = (a.layout(), out[0].layout(), out[1].layout());
            let (s, d, info) = (stack(a, &l), stack(&out[0], &m), stack_numbers(&out[1], &i));
            let n = s.rows;
            field!(a.dtype(), T => each(s.count(), 2 * n.pow(3), &|b| {
                let mut pivots = vec![0; n];
                // SAFETY: as in `_solve`.
                unsafe {
                    let mut f = s.load::<T>(b)?;
                    let code = lu::factor(&mut f, &mut pivots, true)?;
                    let x = lu::solve_factored(&f, &pivots, Mat::eye(n, n)?)?;
                    d.store(b, &x.data, n);
                    info.store(b, &[code as i32], 1);
                }
                Ok(())
            })).unwrap_or(Ok(()))
        }, "", Batch::Leading)
            .grad(&[], &[0], |b| {
                let x = h(b.out(0)?)?;
                Ok(smallvec![Some(times(&mm(&mm(&x, &b.g()?)?, &x)?, -1)?)])
            }).node("LinalgInvExBackward0").with(PART)
    }

    /// The inverse of square matrices without a check, and the place of the first zero pivot (0: none).
    "linalg_inv_ex" fn linalg_inv_ex(A: Tensor; check_errors: Bool = false) -> (inverse, info) = {
        square("linalg.inv", A, "A")?;
        precise("linalg.inv", A)?;
        let [x, info] = _inv(A)?;
        if check_errors {
            singular_matrix("linalg.inv_ex", &info)?;
        }
        Ok([x, info])
    } { .cast(Cast::Single).spaces(&["linalg"]).with(LINALG) }

    /// The inverse of square matrices.
    "linalg_inv" fn linalg_inv(A: Tensor) -> Tensor = { inverted("linalg.inv", A) } { .cast(Cast::Single).spaces(&["linalg"]).with(LINALG) }

    /// The inverse of square matrices.
    fn inverse(input: Tensor) -> Tensor = { inverted("linalg.inv", input) } { .cast(Cast::Single).with(flag::OUT) }

    /// X in A X = B for a triangular A and equal batches.
    fn _solve_triangular(A: Tensor, B: Tensor, upper: Bool, left: Bool, unitriangular: Bool) -> Tensor {
        .kernel(|cx| {
            let b = cx.tensor(1)?;
            known("triangular_solve_cpu", b)?;
            let (m, n) = shape_of(b);
            Ok(smallvec![columns(&lead(b), m, n, b.dtype())])
        }, |cx, out| {
            let (a, b) = (cx.tensor(0)?, cx.tensor(1)?);
            let turn = Turn { upper: cx.bool(2)?, left: cx.bool(3)?, unit: cx.bool(4)? };
            let (la, lb, lo) = (a.layout(), b.layout(), out[0].layout());
            let (sa, sb, so) = (stack(a, &la), stack(b, &lb), stack(&out[0], &lo));
            field!(a.dtype(), T => each(so.count(), sa.rows * so.rows * so.cols, &|i| {
                // SAFETY: as in `_solve`.
                unsafe {
                    let x = solve_triangle(sa.load::<T>(i)?, sb.load::<T>(i)?, turn)?;
                    so.store(i, &x.data, x.rows);
                }
                Ok(())
            })).unwrap_or(Ok(()))
        }, "", Batch::Leading)
            .grad(&[0], &[0], |b| {
                let (a, x, g) = (b.tensor(0)?, b.out(0)?, b.g()?);
                let (upper, left, unit) = (b.bool(2), b.bool(3), b.bool(4));
                let gb = _solve_triangular(&h(a)?, &g, !upper, left, unit)?;
                let ga = b.when(0, || {
                    let p = if left { mm(&gb, &h(x)?)? } else { mm(&h(x)?, &gb)? };
                    let p = times(&p, -1)?;
                    // Only what was read has a gradient.
                    let k = unit as i64;
                    if upper { ops::triu(&p, k) } else { ops::tril(&p, -k) }
                })?;
                Ok(smallvec![ga, b.needs(1).then_some(gb)])
            }).node("LinalgSolveTriangularBackward0").with(PART)
    }

    /// X in A X = B (`left` false: X A = B) for a triangular A, of which only the `upper` or the lower part is read
    /// (`unitriangular`: its diagonal counts as ones).
    "linalg_solve_triangular" fn linalg_solve_triangular(input: Tensor, B: Tensor; upper: Bool, left: Bool = true, unitriangular: Bool = false) -> Tensor = {
        let name = "linalg.solve_triangular";
        if input.dtype() != B.dtype() {
            bail!(
                Runtime,
                "{name}: Expected A and B to have the same dtype, but found A of type {} and B of type {} instead",
                input.dtype().c10_name(),
                B.dtype().c10_name()
            );
        }
        square(name, input, "A")?;
        matrices(name, B, "B")?;
        fits(name, input, B, left)?;
        known("triangular_solve_cpu", input)?;
        let (a, b) = broadcast(input, B)?;
        _solve_triangular(&a, &b, upper, left, unitriangular)
    } { .spaces(&["linalg"]).with(LINALG) }

    /// X in A X = `input` for a triangular A (`transpose`: its transpose), and a copy of A.
    fn triangular_solve(input: Tensor, A: Tensor, upper: Bool = true, transpose: Bool = false, unitriangular: Bool = false) -> (solution, cloned_coefficient) = {
        for (t, name) in [(input, "b"), (A, "A")] {
            if t.ndim() < 2 {
                bail!(
                    Runtime,
                    "torch.triangular_solve: Expected {name} to have at least 2 dimensions, but it has {} dimensions instead",
                    t.ndim()
                );
            }
        }
        let ((m, n), (r, c)) = (shape_of(A), shape_of(input));
        if m != n {
            bail!(Runtime, "triangular_solve: A must be batches of square matrices, but they are {m} by {n} matrices");
        }
        if n != r {
            bail!(Runtime, "Incompatible matrix sizes for triangular_solve: each A matrix is {m} by {n} but each b matrix is {r} by {c}");
        }
        known("triangular_solve_cpu", A)?;
        let (a, b) = broadcast(A, input)?;
        let (turned, side) = if transpose { (ops::transpose(&a, -2, -1)?, !upper) } else { (a.clone(), upper) };
        let x = linalg_solve_triangular(&turned, &b, side, true, unitriangular)?;
        Ok([x, own(&a)?])
    } { .cast(Cast::Single).with(flag::OUT) }

    /// The inverse of `input` as a map from its last dimensions to the first `ind` ones.
    "linalg_tensorinv" fn linalg_tensorinv(input: Tensor, ind: Int = 2) -> Tensor = {
        if ind <= 0 {
            bail!(Runtime, "Expected a strictly positive integer for 'ind', but got {ind}");
        }
        let s = input.sizes();
        if ind as usize > s.len() {
            bail!(Runtime, "linalg.tensorinv: ind is {ind}, but the tensor has {} dimensions", s.len());
        }
        let (first, last) = s.split_at(ind as usize);
        let (p, q): (i64, i64) = (last.iter().product(), first.iter().product());
        if p != q {
            bail!(Runtime, "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {p} != {q}");
        }
        let to = [last, first].concat();
        let x = inverted("linalg.inv", &ops::reshape(input, &[q, p])?).map_err(|e| {
            if e.kind() == crate::error::Kind::LinAlg {
                err!(Runtime, "Failed to invert the input tensor, because it is singular.")
            } else {
                e
            }
        })?;
        ops::reshape(&x, &to)
    } { .cast(Cast::Single).spaces(&["linalg"]).with(LINALG) }

    /// X in `tensordot(input, X) = other`, over all of X's dimensions.
    "linalg_tensorsolve" fn linalg_tensorsolve(input: Tensor, other: Tensor, dims: OptInts = None) -> Tensor = {
        let n = input.ndim();
        let a = match dims {
            None => input.clone(),
            Some(d) => {
                let to: Vec<i64> = (n as i64 - d.len() as i64..n as i64).collect();
                ops::movedim(input, d, &to)?
            }
        };
        let s = a.sizes();
        let k = other.ndim();
        if k > n {
            bail!(Runtime, "linalg.tensorsolve: other has {k} dimensions, more than the {n} of input");
        }
        let (first, last) = s.split_at(k);
        let (p, q): (i64, i64) = (last.iter().product(), first.iter().product());
        if p != other.numel() || p != q {
            bail!(
                Runtime,
                "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got {p} != {}",
                if p != q { q } else { other.numel() }
            );
        }
        let to: Dims = last.into();
        let x = linalg_solve(&ops::reshape(&a, &[other.numel(), p])?, &ops::flatten(other, 0, -1)?, true)?;
        ops::reshape(&x, &to)
    } { .cast(Cast::Single).spaces(&["linalg"]).with(LINALG) }
}

/// `linalg.inv` with its check.
pub(super) fn inverted(name: &str, a: &Tensor) -> Result<Tensor> {
    square(name, a, "A")?;
    precise(name, a)?;
    let [x, info] = _inv(a)?;
    singular_matrix(name, &info)?;
    Ok(x)
}

fn singular_matrix(name: &str, info: &Tensor) -> Result<()> {
    let Some((at, code)) = first_error(info)? else { return Ok(()) };
    bail!(
        LinAlg,
        "{name}: {}The diagonal element {code} is zero, the inversion could not be completed because the input matrix is singular.",
        which(at)
    )
}

fn singular_system(name: &str, info: &Tensor) -> Result<()> {
    let Some((at, _)) = first_error(info)? else { return Ok(()) };
    bail!(LinAlg, "{name}: {}The solver failed because the input matrix is singular.", which(at))
}

fn solve_with_info(name: &str, a: &Tensor, b: &Tensor, left: bool) -> Result<[Tensor; 2]> {
    precise(name, a)?;
    if a.dtype() != b.dtype() {
        bail!(
            Runtime,
            "{name}: Expected A and B to have the same dtype, but found A of type {} and B of type {} instead",
            a.dtype().c10_name(),
            b.dtype().c10_name()
        );
    }
    square(name, a, "A")?;
    let vector = b.ndim() == 1 || (a.ndim() == b.ndim() + 1 && b.sizes()[..] == a.sizes()[..a.ndim() - 1]);
    let right = if vector { ops::unsqueeze(b, -1)? } else { b.clone() };
    matrices(name, &right, "B")?;
    if vector && !left {
        bail!(
            Runtime,
            "{name}: Vector broadcasting of the left hand side is not supported for left=False. In this case linalg.solve is equivalent to B / A.squeeze(-1)"
        );
    }
    fits(name, a, &right, left)?;
    let (wide, right) = broadcast(a, &right)?;
    let [x, info] = if left {
        _solve(&wide, &right)?
    } else {
        let [x, info] = _solve(&h(&wide)?, &h(&right)?)?;
        [h(&x)?, info]
    };
    Ok([if vector { ops::squeeze_dim(&x, -1)? } else { x }, info])
}

/// X in A X = B without a check.
pub(super) fn solve_any(name: &str, a: &Tensor, b: &Tensor, left: bool) -> Result<Tensor> {
    solve_with_info(name, a, b, left).map(|[x, _]| x)
}
