//! Each factorization put together again, at sizes on both sides of every block size.

use super::*;

fn random<T: Field>(rows: usize, cols: usize, seed: u64) -> Mat<T> {
    let mut m = Mat::zeros(rows, cols).unwrap_or(Mat { data: vec![], rows: 0, cols: 0 });
    let mut s = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        (s >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    // The unit that makes imaginary parts: a complex type has one, a real type gets zeros.
    for x in &mut m.data {
        *x = T::real(next());
    }
    if T::COMPLEX {
        let i = imaginary::<T>();
        for x in &mut m.data {
            *x = *x + i.scale(next());
        }
    }
    m
}

fn imaginary<T: Field>() -> T {
    let mut out = T::default();
    // SAFETY: complex types are two floats, and a zero real part with a one behind it is the imaginary unit.
    unsafe {
        let p = &raw mut out;
        match size_of::<T>() {
            8 => *p.cast::<[f32; 2]>() = [0.0, 1.0],
            16 => *p.cast::<[f64; 2]>() = [0.0, 1.0],
            _ => {}
        }
    }
    out
}

fn product<T: Field>(a: &Mat<T>, b: &Mat<T>) -> Result<Mat<T>> {
    let mut c = Mat::zeros(a.rows, b.cols)?;
    for j in 0..b.cols {
        for k in 0..a.cols {
            let s = b.at(k, j);
            axpy(c.col_mut(j), s, a.col(k));
        }
    }
    Ok(c)
}

fn difference<T: Field>(a: &Mat<T>, b: &Mat<T>) -> f64 {
    assert_eq!((a.rows, a.cols), (b.rows, b.cols));
    a.data.iter().zip(&b.data).map(|(x, y)| (*x - *y).square().sqrt()).fold(0.0, f64::max)
}

fn sizes() -> impl Iterator<Item = (usize, usize)> {
    [
        (1, 1),
        (2, 2),
        (5, 5),
        (8, 8),
        (9, 9),
        (17, 17),
        (33, 33),
        (70, 70),
        (40, 7),
        (7, 40),
        (70, 33),
        (33, 70),
        (130, 130),
    ]
    .into_iter()
}

fn factorizations<T: Field>() -> Result<()> {
    for (m, n) in sizes() {
        let a = random::<T>(m, n, (m * 1000 + n) as u64);
        let k = m.min(n);
        // L U with exchanged rows
        let mut f = a.clone();
        let mut pivots = vec![0; k];
        assert_eq!(lu::factor(&mut f, &mut pivots, true)?, 0);
        let (mut l, mut u) = (Mat::eye(m, k)?, Mat::zeros(k, n)?);
        for j in 0..n {
            for i in 0..m {
                if i > j && j < k {
                    // Pivots are chosen by |re| + |im|: a multiplier's own is at most 2.
                    assert!(f.at(i, j).size() <= 2.0 + 1e-9, "a large multiplier: no pivoting");
                    l.set(i, j, f.at(i, j));
                } else if i <= j {
                    u.set(i, j, f.at(i, j));
                }
            }
        }
        let mut p = a.clone();
        for (i, &to) in pivots.iter().enumerate() {
            p.swap_rows(i, to, 0..n);
        }
        assert!(difference(&product(&l, &u)?, &p) < 1e-11, "LU of {m} x {n}");
        // Q R
        let mut f = a.clone();
        let mut tau = vec![T::default(); k];
        qr::factor(&mut f, &mut tau)?;
        let q = qr::form(&f, &tau, m)?;
        let mut r = Mat::zeros(m, n)?;
        for j in 0..n {
            for i in 0..=j.min(m - 1) {
                r.set(i, j, f.at(i, j));
            }
        }
        assert!(difference(&product(&q, &r)?, &a) < 1e-12, "QR of {m} x {n}");
        assert!(difference(&product(&q.adjoint()?, &q)?, &Mat::eye(m, m)?) < 1e-12, "Q of {m} x {n}");
        if m != n {
            continue;
        }
        // L L^H
        let mut h = product(&a, &a.adjoint()?)?;
        for i in 0..n {
            h.set(i, i, h.at(i, i) + T::real(1.0));
        }
        let mut l = h.clone();
        assert_eq!(cholesky::factor(&mut l)?, 0);
        assert!(difference(&product(&l, &l.adjoint()?)?, &h) < 1e-10, "Cholesky of {n}");
        h.set(n / 2, n / 2, T::real(-1.0));
        let mut l = h.clone();
        assert_eq!(cholesky::factor(&mut l)?, n / 2 + 1, "the minor that is not positive, of {n}");
        // triangles and L D L^T
        let b = random::<T>(n, 3, 5);
        for hermitian in [false, true] {
            let mut s = a.clone();
            for j in 0..n {
                for i in 0..j {
                    let x = if hermitian { s.at(j, i).conj() } else { s.at(j, i) };
                    s.set(i, j, x);
                }
                if hermitian {
                    s.set(j, j, T::real(s.at(j, j).re()));
                }
            }
            let mut f = s.clone();
            let mut pivots = vec![0; n];
            assert_eq!(ldl::factor(&mut f, &mut pivots, hermitian), 0);
            let mut x = b.clone();
            ldl::solve(&f, &pivots, &mut x, hermitian);
            assert!(difference(&product(&s, &x)?, &b) < 1e-8, "LDL of {n}, hermitian {hermitian}");
        }
        let turn = triangle::Turn { upper: true, left: false, unit: false };
        let mut u = a.clone();
        for j in 0..n {
            u.set(j, j, T::real(2.0));
            u.col_mut(j)[j + 1..].fill(T::default());
            for i in 0..j {
                u.set(i, j, u.at(i, j).scale(0.1));
            }
        }
        let rows = b.adjoint()?;
        let x = triangle::solve(u.clone(), rows.clone(), turn)?;
        assert!(difference(&product(&x, &u)?, &rows) < 1e-10, "X U = B of {n}");
    }
    Ok(())
}

#[test]
fn factors_multiply_to_the_matrix() -> Result<()> {
    factorizations::<f64>()?;
    factorizations::<C64>()
}

#[test]
fn a_zero_pivot_is_counted_and_leaves_numbers() -> Result<()> {
    let mut m = Mat::<f32> { data: vec![1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 1.0, 1.0, 1.0], rows: 3, cols: 3 };
    let mut pivots = [0; 3];
    assert_eq!(lu::factor(&mut m, &mut pivots, true)?, 2);
    assert!(m.finite());
    Ok(())
}
