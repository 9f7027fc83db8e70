//! What is made of singular values: pseudo-inverse, rank, condition number, least squares.

#![allow(non_snake_case)]

use super::base::*;
use super::orthogonal::linalg_qr;
use super::solve::_inv;
use super::spectral::{linalg_eigh, linalg_eigvalsh, linalg_svd, linalg_svdvals};
use crate::op::arg::Num;
use crate::op::autocast::Cast;
use crate::op::{Batch, flag};
use crate::ops::short::{add, cast, div, mul, sub, times};
use crate::scalar::Scalar;
use crate::tensor::mode;
use smallvec::smallvec;

ops! {
    /// The pseudo-inverse: singular values up to max(atol, rtol * the largest) count as 0.
    "linalg_pinv.atol_rtol_tensor" fn linalg_pinv_tensor(input: Tensor; atol: OptTensor = None, rtol: OptTensor = None, hermitian: Bool = false) -> Tensor = {
        pinv_checks(input, hermitian)?;
        for (t, name) in [(atol, "atol"), (rtol, "rtol")] {
            real_bound("torch.linalg.pinv", t, name)?;
        }
        let [atol, rtol] = bounds(input, atol.map(Num::Tensor), rtol.map(Num::Tensor))?;
        _linalg_pinv(&for_each_bound(input, &atol, &rtol)?, &atol, &rtol, hermitian)
    } { .spaces(&["linalg"]).with(SPECTRAL) }

    /// The pseudo-inverse: singular values up to max(atol, rtol * the largest) count as 0.
    "linalg_pinv.atol_rtol_float" fn linalg_pinv(input: Tensor; atol: OptFloat = None, rtol: OptFloat = None, hermitian: Bool = false) -> Tensor = {
        pinv_checks(input, hermitian)?;
        let number = |x: f64| Num::Scalar(Scalar::Float(x));
        let [atol, rtol] = bounds(input, atol.map(number), rtol.map(number))?;
        _linalg_pinv(input, &atol, &rtol, hermitian)
    } { .spaces(&["linalg"]).with(SPECTRAL) }

    /// The pseudo-inverse: singular values up to rcond * the largest count as 0.
    "linalg_pinv" fn linalg_pinv_rcond(input: Tensor, rcond: Num, hermitian: Bool = false) -> Tensor = {
        pinv_checks(input, hermitian)?;
        let [atol, rtol] = bounds(input, Some(Num::Scalar(Scalar::Float(0.0))), Some(rcond))?;
        _linalg_pinv(input, &atol, &rtol, hermitian)
    } { .spaces(&["linalg"]).with(SPECTRAL) }

    /// The pseudo-inverse: singular values up to rcond * the largest count as 0.
    fn pinverse(input: Tensor, rcond: Float = 1e-15) -> Tensor = {
        pinv_checks(input, false)?;
        let [atol, rtol] = bounds(input, Some(Num::Scalar(Scalar::Float(0.0))), Some(Num::Scalar(Scalar::Float(rcond))))?;
        _linalg_pinv(input, &atol, &rtol, false)
    } { .cast(Cast::Single).with(flag::NEEDS_LINALG) }

    /// The pseudo-inverse with bounds as tensors.
    fn _linalg_pinv(A: Tensor, atol: Tensor, rtol: Tensor, hermitian: Bool) -> Tensor {
        .kernel(|cx| {
            let a = cx.tensor(0)?;
            known(if cx.bool(3)? { "linalg_eigh_cpu" } else { "linalg_svd_cpu" }, a)?;
            let (m, n) = shape_of(a);
            let mut s = lead(a);
            for k in [1, 2] {
                let bound = cx.tensor(k)?.sizes();
                if crate::shape::broadcast(&s, &bound).ok().as_ref() != Some(&s) {
                    let (bound, batch) = (crate::shape::show(&bound), crate::shape::show(&s));
                    bail!(Runtime, "linalg.pinv: a bound of shape {bound} does not broadcast to the batch shape {batch}");
                }
            }
            s.extend([n, m]);
            Ok(smallvec![Meta::new(s, a.dtype())])
        }, |cx, out| {
            let _off = mode::NoGrad::new();
            let (a, atol, rtol) = (cx.tensor(0)?, cx.tensor(1)?, cx.tensor(2)?);
            if a.numel() == 0 {
                return Ok(());
            }
            let [left, s, right] = if cx.bool(3)? {
                let [l, v] = linalg_eigh(a, "L")?;
                [v.clone(), l, h(&v)?]
            } else {
                let [u, s, vh] = linalg_svd(a, false, None)?;
                [h(&vh)?, s, h(&u)?]
            };
            let size = ops::abs(&s)?;
            let top = ops::amax(&size, Some(&[-1]), true)?;
            let bound = ops::maximum(&ops::unsqueeze(&cast(atol, s.dtype())?, -1)?, &mul(&ops::unsqueeze(&cast(rtol, s.dtype())?, -1)?, &top)?)?;
            let kept = ops::gt((&size).into(), (&bound).into())?;
            let inverse = ops::where_(&kept, (&ops::reciprocal(&s)?).into(), 0.0.into())?;
            out[0].copy_raw(&mm(&by_columns(&left, &cast(&inverse, a.dtype())?)?, &right)?)
        }, "", Batch::Loop)
            .grad(&[0], &[0], |b| {
                // dX = -X dA X + X X^H dA^H (1 - A X) + (1 - X A) dA^H X^H X, by its adjoint.
                let (a, x, g) = (b.tensor(0)?, b.out(0)?, b.g()?);
                let (xh, gh) = (h(x)?, h(&g)?);
                let first = mm(&mm(&xh, &g)?, &xh)?;
                let p = mm(&mm(&gh, x)?, &xh)?;
                let second = sub(&p, &mm(a, &mm(x, &p)?)?)?;
                let q = mm(&xh, &mm(x, &gh)?)?;
                let third = sub(&q, &mm(&mm(&q, x)?, a)?)?;
                Ok(smallvec![Some(sub(&add(&second, &third)?, &first)?), None, None])
            }).node("LinalgPinvBackward0").with(PART | SPECTRAL)
    }

    /// How many singular values are above max(atol, rtol * the largest).
    "linalg_matrix_rank.atol_rtol_tensor" fn linalg_matrix_rank_tensor(input: Tensor; atol: OptTensor = None, rtol: OptTensor = None, hermitian: Bool = false) -> Tensor = {
        for (t, name) in [(atol, "atol"), (rtol, "rtol")] {
            real_bound("torch.linalg.matrix_rank", t, name)?;
        }
        rank(input, atol.map(Num::Tensor), rtol.map(Num::Tensor), hermitian)
    } { .cast(Cast::Single).spaces(&["linalg"]).with(SPECTRAL).no_grad() }

    /// How many singular values are above max(atol, rtol * the largest).
    "linalg_matrix_rank.atol_rtol_float" fn linalg_matrix_rank(input: Tensor; atol: OptFloat = None, rtol: OptFloat = None, hermitian: Bool = false) -> Tensor = {
        let number = |x: f64| Num::Scalar(Scalar::Float(x));
        rank(input, atol.map(number), rtol.map(number), hermitian)
    } { .cast(Cast::Single).spaces(&["linalg"]).with(SPECTRAL).no_grad() }

    /// How many singular values are above `tol`.
    "linalg_matrix_rank" fn linalg_matrix_rank_tol(input: Tensor, tol: Num, hermitian: Bool = false) -> Tensor = {
        if let Num::Tensor(t) = tol {
            real_bound("torch.linalg.matrix_rank", Some(t), "atol")?;
        }
        rank(input, Some(tol), Some(Num::Scalar(Scalar::Float(0.0))), hermitian)
    } { .cast(Cast::Single).spaces(&["linalg"]).with(SPECTRAL).no_grad() }

    /// The condition number: the ratio of the largest and the smallest singular value (p None or 2; -2 the inverse ratio), or the
    /// norm of the matrix times that of its inverse.
    "linalg_cond" fn linalg_cond(input: Tensor, p: OptScalar = None) -> Tensor = {
        if input.ndim() < 2 {
            bail!(Runtime, "linalg.cond: The input tensor must have at least 2 dimensions.");
        }
        let p = p.map_or(2.0, Scalar::f64);
        if p.abs() == 2.0 {
            let s = linalg_svdvals(input, None)?;
            if s.size_at(s.ndim() - 1) == 0 {
                return Tensor::zeros(&lead(input), s.dtype(), s.device());
            }
            let top = ops::select(&s, -1, 0)?;
            let low = ops::select(&s, -1, -1)?;
            return if p > 0.0 { div(&top, &low) } else { div(&low, &top) };
        }
        if p.abs() != 1.0 && !p.is_infinite() {
            bail!(Runtime, "linalg.cond got an invalid norm type: {p}");
        }
        square(&format!("linalg.cond(ord={p})"), input, "A")?;
        product_of_norms(input, |x| ops::norms::matrix_norm_ord(x, p.into(), &[-2, -1], false, None))
    } { .cast(Cast::Single).spaces(&["linalg"]).with(SPECTRAL) }

    /// The condition number by the Frobenius ("fro") or nuclear ("nuc") norm.
    "linalg_cond.p_str" fn linalg_cond_str(input: Tensor, p: Str) -> Tensor = {
        if !matches!(p, "fro" | "nuc") {
            bail!(Runtime, "linalg.cond got an invalid norm type: {p}");
        }
        if input.ndim() < 2 {
            bail!(Runtime, "linalg.cond: The input tensor must have at least 2 dimensions.");
        }
        square(&format!("linalg.cond(ord={p})"), input, "A")?;
        product_of_norms(input, |x| ops::norms::matrix_norm(x, p, &[-2, -1], false, None))
    } { .cast(Cast::Single).spaces(&["linalg"]).with(SPECTRAL) }

    /// The X that makes A X - B smallest (of several the smallest one), the sums of squares that remain, the rank of A, and its
    /// singular values; what the driver does not compute is empty.
    "linalg_lstsq" fn linalg_lstsq(input: Tensor, b: Tensor, rcond: OptFloat = None; driver: OptStr = None) -> (solution, residuals, rank, singular_values) = {
        let name = "torch.linalg.lstsq";
        if input.ndim() < 2 {
            bail!(Runtime, "{name}: input must have at least 2 dimensions.");
        }
        if b.ndim() < 1 {
            bail!(Runtime, "{name}: other must have at least 1 dimension.");
        }
        if input.dtype() != b.dtype() {
            bail!(Runtime, "{name}: Expected input and other to have the same dtype, but got input's dtype {} and other's dtype {}",
                input.dtype().c10_name(), b.dtype().c10_name());
        }
        let gap = input.ndim() as i64 - b.ndim() as i64;
        if !(0..=1).contains(&gap) {
            bail!(Runtime, "{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1");
        }
        let vector = gap == 1;
        let right = if vector { ops::unsqueeze(b, -1)? } else { b.clone() };
        let (m, n) = shape_of(input);
        if shape_of(&right).0 != m {
            let (i, o) = ("input.size(-2)", if vector { "other.size(-1)" } else { "other.size(-2)" });
            bail!(Runtime, "{name}: {i} should match {o}");
        }
        let driver = driver.unwrap_or("gelsy");
        if !matches!(driver, "gels" | "gelsy" | "gelsd" | "gelss") {
            bail!(Runtime, "{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)");
        }
        known("torch.linalg.lstsq", input)?;
        let (a, right) = broadcast(input, &right)?;
        let real = a.dtype().to_real();
        let eps = if real == DType::F32 { f32::EPSILON as f64 } else { f64::EPSILON };
        let bound = rcond.filter(|r| *r >= 0.0).unwrap_or(eps * m.max(n) as f64);
        let x = if driver == "gels" && m >= n && n > 0 {
            let [q, r] = linalg_qr(&a, "reduced")?;
            crate::ops::linalg::factor::triangular(&r, &mm(&h(&q)?, &right)?, true, false, true)?
        } else {
            let bound = Num::Scalar(Scalar::Float(if driver == "gels" { 0.0 } else { bound }));
            let [atol, rtol] = bounds(&a, Some(Num::Scalar(Scalar::Float(0.0))), Some(bound))?;
            mm(&_linalg_pinv(&a, &atol, &rtol, false)?, &right)?
        };
        let none = |d: DType| Tensor::empty(&[0], d, a.device());
        let (mut rank, mut values) = (none(DType::I64)?, none(real)?);
        let mut full = true;
        if driver != "gels" {
            let _off = mode::NoGrad::new();
            let s = linalg_svdvals(&a.detached(), None)?;
            let k = s.size_at(s.ndim() - 1);
            rank = if k == 0 { Tensor::zeros(&lead(&a), DType::I64, a.device())? } else {
                let top = times(&ops::slice(&s, -1, Some(0), Some(1), 1)?, bound)?;
                ops::sum(&ops::gt((&s).into(), (&top).into())?, Some(&[-1]), false, None)?
            };
            full = a.device() == Device::Meta || rank.to_vec::<i64>()?.iter().all(|&r| r == n);
            if driver != "gelsy" {
                values = s;
            }
        }
        let residuals = if m > n && full {
            let rest = ops::abs(&sub(&mm(&a, &x)?, &right)?)?;
            let sum = ops::sum(&mul(&rest, &rest)?, Some(&[-2]), false, None)?;
            if vector { ops::squeeze_dim(&sum, -1)? } else { sum }
        } else {
            // Empty, and as in PyTorch a result with a history.
            let part = ops::slice(&ops::flatten(&x, 0, -1)?, 0, Some(0), Some(0), 1)?;
            if part.dtype().is_complex() { ops::real(&part)? } else { part }
        };
        let x = if vector { ops::squeeze_dim(&x, -1)? } else { x };
        Ok([x, residuals, rank, values])
    } { .node("LinalgLstsqBackward0") .cast(Cast::Single).spaces(&["linalg"]).with(SPECTRAL) }
}

fn pinv_checks(a: &Tensor, hermitian: bool) -> Result<()> {
    if a.ndim() < 2 || !dense::is_field(a.dtype()) {
        bail!(
            Runtime,
            "linalg.pinv({}{{{}}}): expected a tensor with 2 or more dimensions of float, double, cfloat or cdouble types",
            a.dtype().c10_name(),
            crate::shape::show(&a.sizes())
        );
    }
    if hermitian { square("linalg.eigh", a, "A") } else { Ok(()) }
}

/// The matrices, repeated where the bounds have dimensions of their own.
fn for_each_bound(a: &Tensor, atol: &Tensor, rtol: &Tensor) -> Result<Tensor> {
    use crate::shape::broadcast;
    let mut to = broadcast(&broadcast(&lead(a), &atol.sizes())?, &rtol.sizes())?;
    let (m, n) = shape_of(a);
    to.extend([m, n]);
    ops::expand(a, &to, false)
}

fn real_bound(name: &str, t: Option<&Tensor>, arg: &str) -> Result<()> {
    match t {
        Some(t) if t.dtype().is_complex() => {
            bail!(Runtime, "{name}: {arg} tensor of complex type is not supported. Got {}", t.dtype().c10_name())
        }
        _ => Ok(()),
    }
}

/// The bounds below which singular values count as 0. Without any: `rtol` is eps * max(m, n); with `atol` alone it is 0.
fn bounds(a: &Tensor, atol: Option<Num>, rtol: Option<Num>) -> Result<[Tensor; 2]> {
    let real = if a.dtype().is_differentiable() { a.dtype().to_real() } else { crate::dtype::default_dtype() };
    let number = |x: f64| Tensor::full(&[], x, real, a.device());
    let one = |n: Num| match n {
        Num::Tensor(t) => cast(t, real),
        Num::Scalar(s) => number(s.f64()),
    };
    let eps = if real == DType::F32 { f32::EPSILON as f64 } else { f64::EPSILON };
    let (m, n) = shape_of(a);
    let usual = || number(eps * m.max(n) as f64);
    let given = match &atol {
        Some(Num::Scalar(s)) => Some(number(s.f64())?),
        Some(Num::Tensor(t)) => Some(cast(t, real)?),
        None => None,
    };
    let rtol = match (rtol, &given) {
        (Some(r), _) => one(r)?,
        (None, None) => usual()?,
        // Where the absolute bound is set, there is no relative one.
        (None, Some(a)) => {
            ops::where_(&ops::gt(a.into(), 0.0.into())?, 0.0.into(), (&usual()?).into()).and_then(|t| cast(&t, real))?
        }
    };
    Ok([given.map_or_else(|| number(0.0), Ok)?, rtol])
}

fn rank(a: &Tensor, atol: Option<Num>, rtol: Option<Num>, hermitian: bool) -> Result<Tensor> {
    matrices("torch.linalg.matrix_rank", a, "input")?;
    if hermitian {
        square("linalg.eigh", a, "A")?;
    }
    if !dense::is_field(a.dtype()) {
        bail!(Runtime, "This function doesn't handle types other than float and double");
    }
    let _off = mode::NoGrad::new();
    let [atol, rtol] = bounds(a, atol, rtol)?;
    let s = if hermitian { ops::abs(&linalg_eigvalsh(a, "L")?)? } else { linalg_svdvals(a, None)? };
    let wide =
        crate::shape::broadcast(&lead(a), &atol.sizes()).and_then(|w| crate::shape::broadcast(&w, &rtol.sizes()))?;
    if s.size_at(s.ndim() - 1) == 0 {
        return Tensor::zeros(&wide, DType::I64, a.device());
    }
    let top = ops::amax(&s, Some(&[-1]), false)?;
    let bound = ops::maximum(&atol, &mul(&rtol, &top)?)?;
    ops::sum(&ops::gt((&s).into(), (&ops::unsqueeze(&bound, -1)?).into())?, Some(&[-1]), false, None)
}

/// `norm(A) norm(A^-1)`; infinite for a singular A.
fn product_of_norms(a: &Tensor, norm: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    precise("linalg.inv", a)?;
    if a.numel() == 0 {
        return Tensor::zeros(&lead(a), a.dtype().to_real(), a.device());
    }
    let [x, info] = _inv(a)?;
    let singular = ops::ne((&info).into(), 0.into())?;
    let c = mul(&norm(a)?, &norm(&x)?)?;
    ops::where_(&singular, f64::INFINITY.into(), (&c).into())
}
