//! Triangular systems with many right-hand sides. One kernel: a lower triangle on the left; an upper one is a lower one read
//! backwards, and one on the right is one on the left transposed. Who loads the matrices turns them.

use super::{Block, Field, Mat, axpy, multiply};
use crate::error::Result;
use std::ops::Range;

/// Below this many unknowns columns are subtracted one by one.
const BASE: usize = 16;

/// `b[rows of x] = l^-1 b`, for the lower triangle of `l`; `unit`: its diagonal counts as ones.
pub fn solve_lower<T: Field>(l: &Mat<T>, b: &mut Mat<T>, unit: bool) -> Result<()> {
    let n = l.rows;
    solve_part(l, b, 0..n, 0, unit)
}

/// The same for the unknowns `at` of `l`, which are rows `at.start - shift ..` of `b`.
fn solve_part<T: Field>(l: &Mat<T>, b: &mut Mat<T>, at: Range<usize>, shift: usize, unit: bool) -> Result<()> {
    let n = at.len();
    if n <= BASE {
        for c in 0..b.cols {
            let x = b.col_mut(c);
            for k in at.clone() {
                let mut v = x[k - shift];
                if !unit {
                    v = v / l.at(k, k);
                    x[k - shift] = v;
                }
                axpy(&mut x[k + 1 - shift..at.end - shift], -v, &l.col(k)[k + 1..at.end]);
            }
        }
        return Ok(());
    }
    let mid = at.start + (n / 2).next_multiple_of(8);
    solve_part(l, b, at.start..mid, shift, unit)?;
    let (top, low) = (at.start - shift..mid - shift, mid - shift..at.end - shift);
    // The solved part is read while the rest is written: a copy keeps the two apart.
    let mut done = Mat::zeros(top.len(), b.cols)?;
    for c in 0..b.cols {
        done.col_mut(c).copy_from_slice(&b.col(c)[top.clone()]);
    }
    let whole = 0..b.cols;
    multiply(
        b,
        low,
        whole.clone(),
        -1.0,
        &Block { of: l, rows: mid..at.end, cols: at.start..mid },
        &Block { of: &done, rows: 0..top.len(), cols: whole },
        1.0,
    )?;
    solve_part(l, b, mid..at.end, shift, unit)
}

/// How a system is turned into one with a lower triangle on the left.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// The triangle is the upper one.
    pub upper: bool,
    /// The triangle is on the left: `A X = B`; otherwise `X A = B`.
    pub left: bool,
    /// Its diagonal counts as ones.
    pub unit: bool,
}

/// Solves `A X = B` (or `X A = B`) for a triangular `A` in place of `b`.
pub fn solve<T: Field>(a: Mat<T>, b: Mat<T>, turn: Turn) -> Result<Mat<T>> {
    let (mut a, mut b) = (a, b);
    let mut upper = turn.upper;
    if !turn.left {
        // X A = B means A^T X^T = B^T; conjugating all four changes nothing.
        (a, b) = (a.adjoint()?, b.adjoint()?);
        upper = !upper;
    }
    if upper {
        a.data.reverse();
        (0..b.cols).for_each(|c| b.col_mut(c).reverse());
    }
    solve_lower(&a, &mut b, turn.unit)?;
    if upper {
        (0..b.cols).for_each(|c| b.col_mut(c).reverse());
    }
    if turn.left { Ok(b) } else { b.adjoint() }
}
