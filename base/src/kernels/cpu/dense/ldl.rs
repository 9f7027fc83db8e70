//! Factors of symmetric and Hermitian matrices that need not be definite: `L D L^T` with blocks of one and two in D, by the
//! pivoting of Bunch and Kaufman, in LAPACK's form (lower triangle; a negative pivot twice stands for a block of two).

use super::{Field, Mat};

/// Factors the lower triangle of `a` and clears what is above. The result counts from 1 the first block that is zero; 0 is
/// none.
pub fn factor<T: Field>(a: &mut Mat<T>, pivots: &mut [i32], hermitian: bool) -> usize {
    let n = a.rows;
    let alpha = (1.0 + 17f64.sqrt()) / 8.0;
    let bar = |x: T| if hermitian { x.conj() } else { x };
    let mut info = 0;
    let mut k = 0;
    while k < n {
        let mut step = 1;
        let here = if hermitian { a.at(k, k).re().abs() } else { a.at(k, k).size() };
        let (mut at, mut col) = (k, 0.0);
        for i in k + 1..n {
            if a.at(i, k).size() > col {
                (at, col) = (i, a.at(i, k).size());
            }
        }
        let mut p = k;
        let zero = here.max(col) == 0.0 || here.is_nan();
        if zero {
            if info == 0 {
                info = k + 1;
            }
        } else if here < alpha * col {
            let left = (k..at).map(|j| a.at(at, j).size());
            let row = left.chain((at + 1..n).map(|i| a.at(i, at).size())).fold(0.0, f64::max);
            let there = if hermitian { a.at(at, at).re().abs() } else { a.at(at, at).size() };
            if here < alpha * col * (col / row) {
                p = at;
                if there < alpha * row {
                    step = 2;
                }
            }
        }
        let kk = k + step - 1;
        if p != kk {
            exchange(a, k, kk, p, bar);
        }
        if hermitian {
            for i in [k, kk, p] {
                let d = a.at(i, i);
                a.set(i, i, T::real(d.re()));
            }
        }
        let place = p as i32 + 1;
        if step == 1 {
            pivots[k] = place;
            if !zero {
                eliminate_one(a, k, bar);
            }
        } else {
            pivots[k] = -place;
            pivots[k + 1] = -place;
            eliminate_two(a, k, hermitian);
        }
        k += step;
    }
    for j in 1..n {
        a.col_mut(j)[..j].fill(T::default());
    }
    info
}

/// Exchanges rows and columns `kk` and `p` of what is left, which begins at `k`.
fn exchange<T: Field>(a: &mut Mat<T>, k: usize, kk: usize, p: usize, bar: impl Fn(T) -> T) {
    let n = a.rows;
    let swap = |a: &mut Mat<T>, x: (usize, usize), y: (usize, usize)| {
        let (s, t) = (a.at(x.0, x.1), a.at(y.0, y.1));
        a.set(x.0, x.1, t);
        a.set(y.0, y.1, s);
    };
    for i in p + 1..n {
        swap(a, (i, kk), (i, p));
    }
    for i in kk + 1..p {
        let (s, t) = (bar(a.at(i, kk)), bar(a.at(p, i)));
        a.set(i, kk, t);
        a.set(p, i, s);
    }
    let corner = bar(a.at(p, kk));
    a.set(p, kk, corner);
    swap(a, (kk, kk), (p, p));
    if kk > k {
        swap(a, (kk, k), (p, k));
    }
}

fn eliminate_one<T: Field>(a: &mut Mat<T>, k: usize, bar: impl Fn(T) -> T) {
    let n = a.rows;
    let r = T::real(1.0) / a.at(k, k);
    for j in k + 1..n {
        let (x, y) = a.two(k, j);
        let s = -(r * bar(x[j]));
        super::axpy(&mut y[j..], s, &x[j..]);
    }
    for x in &mut a.col_mut(k)[k + 1..] {
        *x = *x * r;
    }
}

fn eliminate_two<T: Field>(a: &mut Mat<T>, k: usize, hermitian: bool) {
    let n = a.rows;
    let bar = |x: T| if hermitian { x.conj() } else { x };
    let e = a.at(k + 1, k);
    // D^-1 of the block, written so that nothing overflows: all is divided by the entry off the diagonal.
    let (d1, d2) = (a.at(k + 1, k + 1) / e, a.at(k, k) / bar(e));
    let t = T::real(1.0) / (d1 * d2 - T::real(1.0));
    for j in k + 2..n {
        let (x, y) = (a.at(j, k), a.at(j, k + 1));
        // (u, v) = (x, y) D^-1
        let u = t * (d1 * x - y) / bar(e);
        let v = t * (d2 * y - x) / e;
        for i in j..n {
            let s = a.at(i, k) * bar(u) + a.at(i, k + 1) * bar(v);
            let old = a.at(i, j);
            a.set(i, j, old - s);
        }
        a.set(j, k, u);
        a.set(j, k + 1, v);
        if hermitian {
            let d = a.at(j, j);
            a.set(j, j, T::real(d.re()));
        }
    }
}

/// Solves `A X = B` from the factors, in place.
pub fn solve<T: Field>(a: &Mat<T>, pivots: &[i32], b: &mut Mat<T>, hermitian: bool) {
    let n = a.rows;
    let bar = |x: T| if hermitian { x.conj() } else { x };
    let place = |p: i32| ((p.unsigned_abs() as usize).saturating_sub(1)).min(n.saturating_sub(1));
    let all = 0..b.cols;
    let mut k = 0;
    while k < n {
        let p = place(pivots[k]);
        if pivots[k] > 0 || k + 1 == n {
            b.swap_rows(k, p, all.clone());
            for c in all.clone() {
                let x = b.col_mut(c);
                let s = -x[k];
                super::axpy(&mut x[k + 1..], s, &a.col(k)[k + 1..]);
                x[k] = x[k] / a.at(k, k);
            }
            k += 1;
            continue;
        }
        b.swap_rows(k + 1, p, all.clone());
        let e = a.at(k + 1, k);
        let (d2, d1) = (a.at(k, k) / bar(e), a.at(k + 1, k + 1) / e);
        let det = d2 * d1 - T::real(1.0);
        for c in all.clone() {
            let x = b.col_mut(c);
            let (s, t) = (-x[k], -x[k + 1]);
            super::axpy(&mut x[k + 2..], s, &a.col(k)[k + 2..]);
            super::axpy(&mut x[k + 2..], t, &a.col(k + 1)[k + 2..]);
            let (u, v) = (x[k] / bar(e), x[k + 1] / e);
            x[k] = (d1 * u - v) / det;
            x[k + 1] = (d2 * v - u) / det;
        }
        k += 2;
    }
    let mut k = n;
    while k > 0 {
        k -= 1;
        let p = place(pivots[k]);
        let two = pivots[k] < 0 && k > 0;
        let rows = k + 1..n;
        for c in all.clone() {
            let x = b.col_mut(c);
            for j in if two { k - 1..k + 1 } else { k..k + 1 } {
                let s = rows.clone().fold(T::default(), |s, i| s + bar(a.at(i, j)) * x[i]);
                x[j] = x[j] - s;
            }
        }
        b.swap_rows(k, p, all.clone());
        if two {
            k -= 1;
        }
    }
}
