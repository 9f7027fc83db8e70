//! QR factorization by Householder reflections in LAPACK's form: `H = I - tau v v^H`, `v` below the diagonal with a one in front
//! that is not stored, and `Q = H_0 H_1 ...`. Panels of reflections act on the rest as matrix products.

use super::{Block, Field, Mat, axpy, dot, multiply};
use crate::error::Result;

/// Reflections that act together.
const PANEL: usize = 32;

/// Factors `a`: R in the upper triangle, the reflections below, their factors in `tau`.
pub fn factor<T: Field>(a: &mut Mat<T>, tau: &mut [T]) -> Result<()> {
    let (m, n) = (a.rows, a.cols);
    let k = m.min(n);
    for from in (0..k).step_by(PANEL) {
        let to = (from + PANEL).min(k);
        for j in from..to {
            tau[j] = reflection(&mut a.col_mut(j)[j..]);
            for c in j + 1..to {
                let (v, x) = a.two(j, c);
                reflect(&v[j..], tau[j].conj(), &mut x[j..]);
            }
        }
        if to < n {
            let v = reflections(a, from, to)?;
            let t = triangle(&v, &tau[from..to])?;
            apply(a, from, to, &v, &t, true)?;
        }
    }
    Ok(())
}

/// The first `cols` columns of Q.
pub fn form<T: Field>(a: &Mat<T>, tau: &[T], cols: usize) -> Result<Mat<T>> {
    let mut q = Mat::eye(a.rows, cols)?;
    let k = tau.len();
    for from in (0..k).step_by(PANEL).rev() {
        let to = (from + PANEL).min(k);
        let v = reflections(a, from, to)?;
        let t = triangle(&v, &tau[from..to])?;
        // Columns before `from` are still those of the unit matrix, whose rows from there on are zero.
        apply(&mut q, from, from, &v, &t, false)?;
    }
    Ok(q)
}

/// Makes the reflection that brings `x` onto its first axis; `x` becomes the length there and the vector below.
fn reflection<T: Field>(x: &mut [T]) -> T {
    let Some((&a, rest)) = x.split_first() else { return T::default() };
    let below: f64 = rest.iter().map(|v| v.square()).sum();
    if below == 0.0 && a.im() == 0.0 {
        return T::default();
    }
    let beta = -(a.square() + below).sqrt().copysign(a.re());
    let b = T::real(beta);
    let tau = (b - a) / b;
    let d = a - b;
    for v in &mut x[1..] {
        *v = *v / d;
    }
    x[0] = b;
    tau
}

/// `x = (I - tau v v^H) x`, where the first element of `v` counts as 1.
fn reflect<T: Field>(v: &[T], tau: T, x: &mut [T]) {
    let s = tau * (x[0] + dot(&v[1..], &x[1..]));
    x[0] = x[0] - s;
    axpy(&mut x[1..], -s, &v[1..]);
}

/// The vectors of reflections `from..to`, with their ones and with zeros above.
fn reflections<T: Field>(a: &Mat<T>, from: usize, to: usize) -> Result<Mat<T>> {
    let mut v = Mat::zeros(a.rows - from, to - from)?;
    for j in from..to {
        v.set(j - from, j - from, T::real(1.0));
        v.col_mut(j - from)[j - from + 1..].copy_from_slice(&a.col(j)[j + 1..]);
    }
    Ok(v)
}

/// T in `H_0 H_1 ... = I - V T V^H`.
fn triangle<T: Field>(v: &Mat<T>, tau: &[T]) -> Result<Mat<T>> {
    let k = tau.len();
    let mut t = Mat::zeros(k, k)?;
    for i in 0..k {
        t.set(i, i, tau[i]);
        let w: Vec<T> = (0..i).map(|j| dot(&v.col(j)[i..], &v.col(i)[i..])).collect();
        for r in 0..i {
            let mut s = T::default();
            for j in r..i {
                s = s + t.at(r, j) * w[j];
            }
            t.set(r, i, -(tau[i] * s));
        }
    }
    Ok(t)
}

/// `c[from.., cols..] = (I - V T V^H) c[from.., cols..]`, or its adjoint.
fn apply<T: Field>(c: &mut Mat<T>, from: usize, cols: usize, v: &Mat<T>, t: &Mat<T>, adjoint: bool) -> Result<()> {
    let (m, k, n) = (v.rows, v.cols, c.cols.saturating_sub(cols));
    if n == 0 {
        return Ok(());
    }
    let (h, t) = (v.adjoint()?, if adjoint { t.adjoint()? } else { t.clone() });
    let (mut w, mut u) = (Mat::zeros(k, n)?, Mat::zeros(k, n)?);
    let rows = from..c.rows;
    let right = Block { of: &*c, rows: rows.clone(), cols: cols..c.cols };
    multiply(&mut w, 0..k, 0..n, 1.0, &Block { of: &h, rows: 0..k, cols: 0..m }, &right, 0.0)?;
    multiply(
        &mut u,
        0..k,
        0..n,
        1.0,
        &Block { of: &t, rows: 0..k, cols: 0..k },
        &Block { of: &w, rows: 0..k, cols: 0..n },
        0.0,
    )?;
    let cols = cols..c.cols;
    multiply(
        c,
        rows,
        cols,
        -1.0,
        &Block { of: v, rows: 0..m, cols: 0..k },
        &Block { of: &u, rows: 0..k, cols: 0..n },
        1.0,
    )
}
