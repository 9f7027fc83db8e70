//! Cholesky factorization, by halves.

use super::{Block, Field, Mat, multiply};
use crate::error::Result;
use std::ops::Range;

/// Columns that are done one by one.
const BASE: usize = 16;

/// Factors the lower triangle of `a` into L with A = L L^H, and clears what is above. The result counts from 1 the first leading
/// minor that is not positive; 0 is success.
pub fn factor<T: Field>(a: &mut Mat<T>) -> Result<usize> {
    let n = a.rows;
    let info = part(a, 0..n)?;
    for j in 1..n {
        a.col_mut(j)[..j].fill(T::default());
    }
    Ok(info)
}

fn part<T: Field>(a: &mut Mat<T>, at: Range<usize>) -> Result<usize> {
    if at.len() <= BASE {
        for j in at.clone() {
            for k in at.start..j {
                let (l, x) = a.two(k, j);
                let s = -l[j].conj();
                super::axpy(&mut x[j..at.end], s, &l[j..at.end]);
            }
            let d = a.at(j, j).re();
            // NaN fails too.
            if !(d > 0.0) {
                return Ok(j + 1);
            }
            let d = T::real(d.sqrt());
            a.set(j, j, d);
            for x in &mut a.col_mut(j)[j + 1..at.end] {
                *x = *x / d;
            }
        }
        return Ok(0);
    }
    let mid = at.start + (at.len() / 2).next_multiple_of(8);
    let info = part(a, at.start..mid)?;
    if info != 0 {
        return Ok(info);
    }
    below(a, at.start..mid, mid..at.end)?;
    let left = at.start..mid;
    // L21 and its conjugate transpose, apart from what is written.
    let (m, k) = (at.end - mid, left.len());
    let mut l = Mat::zeros(m, k)?;
    for (j, c) in left.enumerate() {
        l.col_mut(j).copy_from_slice(&a.col(c)[mid..at.end]);
    }
    let h = l.adjoint()?;
    // By strips of columns: what lies above the diagonal is not needed.
    let strip = 128.max(m / 8);
    for from in (0..m).step_by(strip) {
        let to = (from + strip).min(m);
        multiply(
            a,
            mid + from..at.end,
            mid + from..mid + to,
            -1.0,
            &Block { of: &l, rows: from..m, cols: 0..k },
            &Block { of: &h, rows: 0..k, cols: from..to },
            1.0,
        )?;
    }
    part(a, mid..at.end)
}

/// `a[rows, at] = a[rows, at] L^-H` for the triangle at `at`.
fn below<T: Field>(a: &mut Mat<T>, at: Range<usize>, rows: Range<usize>) -> Result<()> {
    if at.len() <= BASE {
        for j in at.clone() {
            for k in at.start..j {
                let (l, x) = a.two(k, j);
                let s = -l[j].conj();
                super::axpy(&mut x[rows.clone()], s, &l[rows.clone()]);
            }
            let d = a.at(j, j);
            for x in &mut a.col_mut(j)[rows.clone()] {
                *x = *x / d;
            }
        }
        return Ok(());
    }
    let mid = at.start + (at.len() / 2).next_multiple_of(8);
    below(a, at.start..mid, rows.clone())?;
    let (k, n) = (mid - at.start, at.end - mid);
    let (mut done, mut l) = (Mat::zeros(rows.len(), k)?, Mat::zeros(n, k)?);
    for (j, c) in (at.start..mid).enumerate() {
        done.col_mut(j).copy_from_slice(&a.col(c)[rows.clone()]);
        l.col_mut(j).copy_from_slice(&a.col(c)[mid..at.end]);
    }
    let h = l.adjoint()?;
    multiply(
        a,
        rows.clone(),
        mid..at.end,
        -1.0,
        &Block { of: &done, rows: 0..rows.len(), cols: 0..k },
        &Block { of: &h, rows: 0..k, cols: 0..n },
        1.0,
    )?;
    below(a, mid..at.end, rows)
}
