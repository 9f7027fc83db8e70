//! Against naive sums in f64.

use super::channels::{self, Channels};
use super::rows::{self, Rows};
use crate::dtype::DType;

fn values(n: usize, salt: usize) -> Vec<f32> {
    (0..n).map(|i| (((i + salt) * 7919) % 101) as f32 / 50.0 + (i % 3) as f32).collect()
}

fn close(a: &[f32], b: &[f64]) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((*a as f64 - b).abs() < 2e-4 * (1.0 + b.abs()), "{i}: {a} and {b}");
    }
}

/// Normalizes each set of places by itself: y, dx, sums of dy * xhat and of dy for each weight.
fn naive(
    x: &[f32],
    dy: &[f32],
    w: &[f32],
    b: &[f32],
    of: &dyn Fn(usize) -> (usize, usize),
    centred: bool,
) -> [Vec<f64>; 4] {
    let sets = (0..x.len()).map(|i| of(i).0).max().map_or(0, |m| m + 1);
    let (mut y, mut dx) = (vec![0f64; x.len()], vec![0f64; x.len()]);
    let (mut dw, mut db) = (vec![0f64; w.len()], vec![0f64; w.len()]);
    for s in 0..sets {
        let at: Vec<usize> = (0..x.len()).filter(|i| of(*i).0 == s).collect();
        let n = at.len() as f64;
        let mean = if centred { at.iter().map(|i| x[*i] as f64).sum::<f64>() / n } else { 0.0 };
        let var = at.iter().map(|i| (x[*i] as f64 - mean).powi(2)).sum::<f64>() / n;
        let r = 1.0 / (var + 1e-5).sqrt();
        let hat = |i: usize| (x[i] as f64 - mean) * r;
        let u = |i: usize| dy[i] as f64 * w[of(i).1] as f64;
        let sum = if centred { at.iter().map(|i| u(*i)).sum::<f64>() / n } else { 0.0 };
        let dot = at.iter().map(|i| u(*i) * hat(*i)).sum::<f64>() / n;
        for &i in &at {
            let k = of(i).1;
            y[i] = hat(i) * w[k] as f64 + b[k] as f64;
            dx[i] = r * (u(i) - sum - hat(i) * dot);
            dw[k] += dy[i] as f64 * hat(i);
            db[k] += dy[i] as f64;
        }
    }
    [y, dx, dw, db]
}

#[test]
fn channels_of_all_shapes() {
    for (n, c, s) in [(5, 3, 64), (2, 2, 5000), (70, 9, 1), (1030, 600, 1), (3, 7, 9)] {
        let z = Channels { n, c, s };
        let total = n * c * s;
        let (x, dy, w, b) = (values(total, 1), values(total, 5), values(c, 2), values(c, 3));
        let (mut mean, mut rstd, mut var) = (vec![0f32; c], vec![0f32; c], vec![0f32; c]);
        let (mut y, mut dx, mut dw, mut db) = (vec![0f32; total], vec![0f32; total], vec![0f32; c], vec![0f32; c]);
        // SAFETY: the vectors have the sizes.
        unsafe {
            let (m, r) = (mean.as_mut_ptr().cast(), rstd.as_mut_ptr().cast());
            let xp = x.as_ptr().cast();
            channels::statistics(&z, DType::F32, 1e-5, xp, m, r, var.as_mut_ptr().cast()).expect("statistics");
            let (wp, bp) = (w.as_ptr().cast(), b.as_ptr().cast());
            channels::apply(&z, DType::F32, xp, m, r, wp, bp, y.as_mut_ptr().cast()).expect("apply");
            let out = (dx.as_mut_ptr().cast(), dw.as_mut_ptr().cast(), db.as_mut_ptr().cast());
            channels::backward(&z, DType::F32, true, xp, dy.as_ptr().cast(), m, r, wp, out.0, out.1, out.2)
                .expect("backward");
        }
        let [wy, wdx, wdw, wdb] = naive(&x, &dy, &w, &b, &|i| (i / s % c, i / s % c), true);
        close(&y, &wy);
        close(&dx, &wdx);
        close(&dw, &wdw);
        close(&db, &wdb);
    }
}

#[test]
fn rows_of_all_shapes() {
    for (rows, groups, cpr, s, centred) in [
        (6, 1, 33, 1, true),
        (300, 1, 700, 1, true),
        (3, 1, 10000, 1, true),
        (6, 3, 2, 17, true),
        (40, 1, 50, 1, false),
    ] {
        let z = Rows { rows, groups, cpr, s, centred };
        let (len, weights) = (cpr * s, groups * cpr);
        let total = rows * len;
        let (x, dy, w, b) = (values(total, 1), values(total, 5), values(weights, 2), values(weights, 3));
        let (mut mean, mut rstd) = (vec![0f32; rows], vec![0f32; rows]);
        let (mut y, mut dx) = (vec![0f32; total], vec![0f32; total]);
        let (mut dw, mut db) = (vec![0f32; weights], vec![0f32; weights]);
        // SAFETY: the vectors have the sizes.
        unsafe {
            let (m, r) = (mean.as_mut_ptr().cast(), rstd.as_mut_ptr().cast());
            let (xp, wp) = (x.as_ptr().cast(), w.as_ptr().cast());
            rows::forward(&z, DType::F32, 1e-5, xp, wp, b.as_ptr().cast(), y.as_mut_ptr().cast(), m, r)
                .expect("forward");
            let out = (dx.as_mut_ptr().cast(), dw.as_mut_ptr().cast(), db.as_mut_ptr().cast());
            rows::backward(&z, DType::F32, xp, dy.as_ptr().cast(), m, r, wp, out.0, out.1, out.2).expect("backward");
        }
        let of = |i: usize| (i / len, i / len % groups * cpr + i % len / s);
        let [wy, wdx, wdw, wdb] = naive(&x, &dy, &w, &b, &of, centred);
        close(&y, &wy);
        close(&dx, &wdx);
        close(&dw, &wdw);
        close(&db, &wdb);
    }
}
