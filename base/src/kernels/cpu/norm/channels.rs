//! Statistics of channels over the batch: `x` is dense `[n, c, s]`. Planes of `s` elements are runs if they are long
//! enough; else `x` is a matrix of `n` rows with `c * s` columns, and sums go down the columns.

use super::*;
use crate::kernels::Ptr;
use std::marker::PhantomData;

/// Sizes.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Channels {
    pub n: usize,
    pub c: usize,
    pub s: usize,
}

/// From this length on planes are runs.
const RUN: usize = 24;
/// Columns and rows of the block that one task takes, and rows that are in the cache together.
const COLS: usize = 512;
const ROWS: usize = 1024;
const CACHED: usize = 32;

/// A weight, or what stands for it.
#[inline(always)]
unsafe fn at<T: Real>(p: *const T, i: usize, none: T) -> T {
    // SAFETY: the caller's: null, or covering `i`.
    if p.is_null() { none } else { unsafe { p.add(i).read() } }
}

/// Mean and `1 / sqrt(variance + eps)` of each channel, and its (biased) variance.
///
/// # Safety
/// `x` covers the sizes; the others are of the compute type and cover `c`.
pub unsafe fn statistics(
    z: &Channels,
    d: DType,
    eps: f64,
    x: *const u8,
    mean: *mut u8,
    rstd: *mut u8,
    var: *mut u8,
) -> Result<()> {
    // SAFETY: the caller's.
    unsafe { by_dtype!("batch_norm", d, stats_as(z, eps, x.cast(), mean.cast(), rstd.cast(), var.cast())) }
}

unsafe fn stats_as<S: Elem<T>, T: Real>(
    z: &Channels,
    eps: f64,
    x: *const S,
    mean: *mut T,
    rstd: *mut T,
    var: *mut T,
) -> Result<()> {
    let (n, c, s) = (z.n, z.c, z.s);
    let x = Ptr(x.cast_mut());
    let mut each: Vec<Moments>;
    // Places in `each`, for every channel: `first(c) + i * step`, i < count.
    let (count, step): (usize, usize);
    if s >= RUN {
        each = room(n * c)?;
        (count, step) = (n, c);
        let to = Ptr(each.as_mut_ptr());
        parts(n * c, s, &|a, b| {
            for p in a..b {
                // SAFETY: one plane each; every task writes its own places.
                unsafe { to.get().add(p).write(moments(x.get().add(p * s).cast_const(), s, true, PhantomData::<T>)) };
            }
        });
    } else {
        let q = c * s;
        let tall = n.div_ceil(ROWS).max(1);
        each = room(tall * q)?;
        (count, step) = (tall, q);
        let to = Ptr(each.as_mut_ptr());
        let wide = q.div_ceil(COLS);
        parts(tall * wide, ROWS.min(n) * COLS.min(q), &|a, b| {
            for t in a..b {
                let (r, k) = (t / wide * ROWS, t % wide * COLS);
                let (rows, cols) = (ROWS.min(n - r), COLS.min(q - k));
                // SAFETY: a block inside the matrix; every task writes its own places.
                unsafe {
                    let from = x.get().add(r * q + k).cast_const();
                    column_moments(from, q, rows, cols, to.get().add(t / wide * q + k), PhantomData::<T>);
                }
            }
        });
    }
    let (mean, rstd, var) = (Ptr(mean), Ptr(rstd), Ptr(var));
    let per = if s >= RUN { 1 } else { s };
    parts(c, count * per, &|a, b| {
        for ch in a..b {
            let mut all = Moments::default();
            for i in 0..count {
                for j in 0..per {
                    all = all.join(each[i * step + ch * per + j]);
                }
            }
            let v = all.m2 / all.n;
            // SAFETY: one channel each.
            unsafe {
                mean.get().add(ch).write(T::of(all.mean));
                var.get().add(ch).write(T::of(v));
                rstd.get().add(ch).write(T::of(1.0 / (v + eps).sqrt()));
            }
        }
    });
    Ok(())
}

per_isa! {
    /// The moments of each column of a block.
    ///
    /// # Safety
    /// `rows` times `cols` (at most COLS) elements at distance `stride`; `to` covers the columns.
    unsafe fn column_moments(x: *const S, stride: usize, rows: usize, cols: usize, to: *mut Moments, one: std::marker::PhantomData<T>) {
        _ = one;
        let mut sum = [T::default(); COLS];
        let mut dev = [T::default(); COLS];
        let mut r = 0;
        while r < rows {
            let h = CACHED.min(rows - r);
            sum[..cols].fill(T::default());
            dev[..cols].fill(T::default());
            for i in 0..h {
                let row = x.wrapping_add((r + i) * stride);
                for (j, s) in sum[..cols].iter_mut().enumerate() {
                    // SAFETY: inside the block.
                    *s = s.plus(unsafe { row.add(j).read().load() });
                }
            }
            let by = T::of(h as f64);
            for s in &mut sum[..cols] {
                *s = s.over(by);
            }
            for i in 0..h {
                let row = x.wrapping_add((r + i) * stride);
                for j in 0..cols {
                    // SAFETY: inside the block.
                    let d = unsafe { row.add(j).read().load() }.minus(sum[j]);
                    dev[j] = dev[j].plus(d.times(d));
                }
            }
            for j in 0..cols {
                let part = Moments { n: h as f64, mean: sum[j].wide(), m2: dev[j].wide() };
                // SAFETY: inside `to`, which starts with nothing.
                unsafe { to.add(j).write(to.add(j).read().join(part)) };
            }
            r += h;
        }
    }
}

/// `y = (x - mean) * rstd * weight + bias`; weight and bias may be null.
///
/// # Safety
/// `x` and `y` cover the sizes; the others are of the compute type and cover `c`.
pub unsafe fn apply(
    z: &Channels,
    d: DType,
    x: *const u8,
    mean: *const u8,
    rstd: *const u8,
    weight: *const u8,
    bias: *const u8,
    y: *mut u8,
) -> Result<()> {
    // SAFETY: the caller's.
    unsafe {
        by_dtype!(
            "batch_norm",
            d,
            apply_as(z, x.cast(), mean.cast(), rstd.cast(), weight.cast(), bias.cast(), y.cast())
        )
    }
}

unsafe fn apply_as<S: Elem<T>, T: Real>(
    z: &Channels,
    x: *const S,
    mean: *const T,
    rstd: *const T,
    weight: *const T,
    bias: *const T,
    y: *mut S,
) -> Result<()> {
    let (n, c, s) = (z.n, z.c, z.s);
    // SAFETY: all cover `c`.
    let line = |ch: usize| unsafe {
        let a = rstd.add(ch).read().times(at(weight, ch, T::ONE));
        (a, at(bias, ch, T::default()).minus(mean.add(ch).read().times(a)))
    };
    let (x, y) = (Ptr(x.cast_mut()), Ptr(y));
    if s >= RUN {
        let lines: Vec<(T, T)> = (0..c).map(line).collect();
        parts(n * c, s, &|i, j| {
            for p in i..j {
                let (a, b) = lines[p % c];
                // SAFETY: one plane each.
                unsafe { affine(x.get().add(p * s).cast_const(), y.get().add(p * s), s, a, b) };
            }
        });
        return Ok(());
    }
    let q = c * s;
    let (mut a, mut b) = (room::<T>(q)?, room::<T>(q)?);
    for ch in 0..c {
        let l = line(ch);
        a[ch * s..(ch + 1) * s].fill(l.0);
        b[ch * s..(ch + 1) * s].fill(l.1);
    }
    parts(n, q, &|i, j| {
        for r in i..j {
            // SAFETY: one row each.
            unsafe { row_affine(x.get().add(r * q).cast_const(), y.get().add(r * q), &a, &b) };
        }
    });
    Ok(())
}

per_isa! {
    /// `y = x * a + b`, column by column.
    ///
    /// # Safety
    /// `x` and `y` have as many elements as `a` and `b`.
    unsafe fn row_affine(x: *const S, y: *mut S, a: &[T], b: &[T]) {
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            // SAFETY: inside the rows.
            unsafe { y.add(i).write(S::from_sum(x.add(i).read().load().times(*a).plus(*b))) };
        }
    }
}

/// The gradients: `dx`, and with `dweight` and `dbias` (of the compute type) those of weight and bias; all three may be
/// null. With `train` mean and rstd depend on `x`.
///
/// # Safety
/// As for [`apply`].
pub unsafe fn backward(
    z: &Channels,
    d: DType,
    train: bool,
    x: *const u8,
    dy: *const u8,
    mean: *const u8,
    rstd: *const u8,
    weight: *const u8,
    dx: *mut u8,
    dweight: *mut u8,
    dbias: *mut u8,
) -> Result<()> {
    // SAFETY: the caller's.
    unsafe {
        by_dtype!(
            "batch_norm_backward",
            d,
            back_as(
                z,
                train,
                x.cast(),
                dy.cast(),
                mean.cast(),
                rstd.cast(),
                weight.cast(),
                dx.cast(),
                dweight.cast(),
                dbias.cast()
            )
        )
    }
}

unsafe fn back_as<S: Elem<T>, T: Real>(
    z: &Channels,
    train: bool,
    x: *const S,
    dy: *const S,
    mean: *const T,
    rstd: *const T,
    weight: *const T,
    dx: *mut S,
    dweight: *mut T,
    dbias: *mut T,
) -> Result<()> {
    let (n, c, s) = (z.n, z.c, z.s);
    let (x, dy, dx) = (Ptr(x.cast_mut()), Ptr(dy.cast_mut()), Ptr(dx));
    let (mp, rp) = (Ptr(mean.cast_mut()), Ptr(rstd.cast_mut()));
    let mut each: Vec<(f64, f64)>;
    let (count, step): (usize, usize);
    let q = c * s;
    let mut means = Vec::new();
    if s >= RUN {
        each = room(n * c)?;
        (count, step) = (n, c);
        let to = Ptr(each.as_mut_ptr());
        parts(n * c, s, &|a, b| {
            for p in a..b {
                // SAFETY: one plane each; every task writes its own places.
                unsafe {
                    let m = mp.get().add(p % c).read();
                    let r = slopes(x.get().add(p * s).cast_const(), dy.get().add(p * s).cast_const(), s, m);
                    to.get().add(p).write(r);
                }
            }
        });
    } else {
        means = room::<T>(q)?;
        for ch in 0..c {
            // SAFETY: `mean` covers `c`.
            means[ch * s..(ch + 1) * s].fill(unsafe { mean.add(ch).read() });
        }
        let tall = n.div_ceil(ROWS).max(1);
        each = room(tall * q)?;
        (count, step) = (tall, q);
        let to = Ptr(each.as_mut_ptr());
        let wide = q.div_ceil(COLS);
        let means = &means;
        parts(tall * wide, ROWS.min(n) * COLS.min(q), &|a, b| {
            for t in a..b {
                let (r, k) = (t / wide * ROWS, t % wide * COLS);
                let (rows, cols) = (ROWS.min(n - r), COLS.min(q - k));
                // SAFETY: a block inside the matrices; every task writes its own places.
                unsafe {
                    let (x, dy) = (x.get().add(r * q + k).cast_const(), dy.get().add(r * q + k).cast_const());
                    column_slopes(x, dy, q, rows, &means[k..k + cols], to.get().add(t / wide * q + k));
                }
            }
        });
    }
    let per = if s >= RUN { 1 } else { s };
    let mut lines: Vec<[T; 4]> = room(c)?;
    let m = (n * s) as f64;
    for (ch, line) in lines.iter_mut().enumerate() {
        let (mut sum, mut dot) = (0.0, 0.0);
        for i in 0..count {
            for j in 0..per {
                let e = each[i * step + ch * per + j];
                sum += e.0;
                dot += e.1;
            }
        }
        // SAFETY: all cover `c`.
        unsafe {
            let r = rp.get().add(ch).read().wide();
            if !dweight.is_null() {
                dweight.add(ch).write(T::of(dot * r));
            }
            if !dbias.is_null() {
                dbias.add(ch).write(T::of(sum));
            }
            let a = r * at(weight, ch, T::ONE).wide();
            let (k, b) = if train { (a * r * r * dot / m, a * sum / m) } else { (0.0, 0.0) };
            *line = [T::of(a), mp.get().add(ch).read(), T::of(k), T::of(b)];
        }
    }
    if dx.get().is_null() {
        return Ok(());
    }
    if s >= RUN {
        parts(n * c, s, &|i, j| {
            for p in i..j {
                // SAFETY: one plane each.
                unsafe {
                    let (x, dy) = (x.get().add(p * s).cast_const(), dy.get().add(p * s).cast_const());
                    pull(x, dy, dx.get().add(p * s), s, lines[p % c]);
                }
            }
        });
        return Ok(());
    }
    let mut cs: [Vec<T>; 3] = [room(q)?, room(q)?, room(q)?];
    for (ch, l) in lines.iter().enumerate() {
        for (v, i) in cs.iter_mut().zip([0, 2, 3]) {
            v[ch * s..(ch + 1) * s].fill(l[i]);
        }
    }
    parts(n, q, &|i, j| {
        for r in i..j {
            // SAFETY: one row each.
            unsafe {
                let (x, dy) = (x.get().add(r * q).cast_const(), dy.get().add(r * q).cast_const());
                row_pull(x, dy, dx.get().add(r * q), &means, &cs);
            }
        }
    });
    Ok(())
}

per_isa! {
    /// Adds the sums of `dy` and of `dy * (x - mean)` down the columns of a block to `to`.
    ///
    /// # Safety
    /// `rows` rows of as many columns (at most COLS) as there are means, at distance `stride`; `to` covers them.
    unsafe fn column_slopes(x: *const S, dy: *const S, stride: usize, rows: usize, mean: &[T], to: *mut (f64, f64)) {
        let mut a = [T::default(); COLS];
        let mut b = [T::default(); COLS];
        let cols = mean.len().min(COLS);
        let mut r = 0;
        while r < rows {
            let h = CACHED.min(rows - r);
            a[..cols].fill(T::default());
            b[..cols].fill(T::default());
            for i in r..r + h {
                let (x, dy) = (x.wrapping_add(i * stride), dy.wrapping_add(i * stride));
                for j in 0..cols {
                    // SAFETY: inside the block.
                    let (x, d): (T, T) = unsafe { (x.add(j).read().load(), dy.add(j).read().load()) };
                    a[j] = a[j].plus(d);
                    b[j] = b[j].plus(d.times(x.minus(mean[j])));
                }
            }
            for j in 0..cols {
                // SAFETY: inside `to`.
                unsafe {
                    let (u, v) = to.add(j).read();
                    to.add(j).write((u + a[j].wide(), v + b[j].wide()));
                }
            }
            r += h;
        }
    }
}

per_isa! {
    /// As `pull`, with numbers for each column.
    ///
    /// # Safety
    /// The rows have as many elements as there are means and numbers.
    unsafe fn row_pull(x: *const S, dy: *const S, dx: *mut S, mean: &[T], c: &[Vec<T>; 3]) {
        let n = mean.len();
        let (a, k, b) = (&c[0][..n], &c[1][..n], &c[2][..n]);
        for i in 0..n {
            // SAFETY: inside the rows.
            unsafe {
                let (x, d): (T, T) = (x.add(i).read().load(), dy.add(i).read().load());
                let r = d.times(a[i]).minus(x.minus(mean[i]).times(k[i]).plus(b[i]));
                dx.add(i).write(S::from_sum(r));
            }
        }
    }
}
