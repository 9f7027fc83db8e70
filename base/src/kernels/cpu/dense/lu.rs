//! LU factorization with partial pivoting, by halves of columns: all but the narrowest parts are matrix products.

use super::triangle::{Turn, solve, solve_lower};
use super::{Field, Mat, subtract_product};
use crate::error::Result;

/// Columns that are eliminated one by one.
const BASE: usize = 8;

/// Factors `a` into L (below the diagonal, its own diagonal being ones) and U, rows exchanged. `pivots[k]` (from 0) was
/// exchanged with row `k`. The result counts the first zero pivot from 1; 0 is none. After one the elimination goes on, as
/// LAPACK does it.
pub fn factor<T: Field>(a: &mut Mat<T>, pivots: &mut [usize], pivot: bool) -> Result<usize> {
    let k = a.rows.min(a.cols);
    let mut info = 0;
    columns(a, 0, k, pivots, pivot, &mut info)?;
    let rest = k..a.cols;
    for i in 0..k {
        a.swap_rows(i, pivots[i], rest.clone());
    }
    solve_unit(a, 0, k, rest)?;
    Ok(info)
}

/// Eliminates columns `from..to`, in which the rows above `from` are done.
fn columns<T: Field>(
    a: &mut Mat<T>,
    from: usize,
    to: usize,
    pivots: &mut [usize],
    pivot: bool,
    info: &mut usize,
) -> Result<()> {
    if to - from > BASE {
        let mid = from + (to - from) / 2;
        let (m, right) = (a.rows, mid..to);
        columns(a, from, mid, pivots, pivot, info)?;
        for i in from..mid {
            a.swap_rows(i, pivots[i], right.clone());
        }
        solve_unit(a, from, mid, right.clone())?;
        subtract_product(a, mid..m, right.clone(), from..mid, from..mid)?;
        columns(a, mid, to, pivots, pivot, info)?;
        for i in mid..to {
            a.swap_rows(i, pivots[i], from..mid);
        }
        return Ok(());
    }
    for j in from..to {
        let col = a.col(j);
        let mut p = j;
        if pivot {
            let mut most = col[j].size();
            for (i, x) in col.iter().enumerate().skip(j + 1) {
                if x.size() > most {
                    (p, most) = (i, x.size());
                }
            }
        }
        pivots[j] = p;
        a.swap_rows(j, p, from..to);
        let d = a.at(j, j);
        if d == T::default() {
            if *info == 0 {
                *info = j + 1;
            }
            continue;
        }
        for x in &mut a.col_mut(j)[j + 1..] {
            *x = *x / d;
        }
        for c in j + 1..to {
            let (l, x) = a.two(j, c);
            let s = -x[j];
            super::axpy(&mut x[j + 1..], s, &l[j + 1..]);
        }
    }
    Ok(())
}

/// `a[from..to, cols] = L^-1 a[from..to, cols]` for the unit triangle at `from..to`.
fn solve_unit<T: Field>(a: &mut Mat<T>, from: usize, to: usize, cols: std::ops::Range<usize>) -> Result<()> {
    if cols.is_empty() || to - from <= 1 {
        return Ok(());
    }
    if to - from <= BASE {
        for c in cols {
            for k in from..to {
                let (l, x) = a.two(k, c);
                let s = -x[k];
                super::axpy(&mut x[k + 1..to], s, &l[k + 1..to]);
            }
        }
        return Ok(());
    }
    let mid = from + (to - from) / 2;
    solve_unit(a, from, mid, cols.clone())?;
    subtract_product(a, mid..to, cols.clone(), from..mid, from..mid)?;
    solve_unit(a, mid, to, cols)
}

/// Solves `A X = B` from the factors of a square `A`.
pub fn solve_factored<T: Field>(lu: &Mat<T>, pivots: &[usize], mut b: Mat<T>) -> Result<Mat<T>> {
    let all = 0..b.cols;
    for (i, &p) in pivots.iter().enumerate() {
        b.swap_rows(i, p, all.clone());
    }
    solve_lower(lu, &mut b, true)?;
    solve(lu.clone(), b, Turn { upper: true, left: true, unit: false })
}

/// The rows of `P` in `A = P L U`: row `i` of `L U` is row `order[i]` of `A`.
pub fn order(pivots: &[usize], rows: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    for (i, &p) in pivots.iter().enumerate() {
        if i < rows && p < rows {
            order.swap(i, p);
        }
    }
    order
}
