//! Statistics of rows: layer norm (a weight for each element of a row), group norm (one for each run of a row), RMS norm
//! (no mean). A row is `cpr * s` dense elements; weight `g * cpr + k` belongs to run `k` of rows whose number is `g`
//! modulo `groups`. Layer and RMS norm: groups = 1 and s = 1.

use super::*;
use crate::kernels::Ptr;
use std::marker::PhantomData;

/// Sizes.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Rows {
    pub rows: usize,
    pub groups: usize,
    /// Runs (channels) of a row.
    pub cpr: usize,
    /// Elements of a run.
    pub s: usize,
    /// The mean is taken off; not so for RMS norm.
    pub centred: bool,
}

impl Rows {
    fn len(&self) -> usize {
        self.cpr * self.s
    }
}

/// `y = (x - mean) * rstd * weight + bias`, with mean and rstd of each row as results; weight and bias may be null.
///
/// # Safety
/// `x` and `y` cover the sizes; mean and rstd cover the rows, weight and bias `groups * cpr`, of the compute type. `mean`
/// may be null where nothing is centred.
pub unsafe fn forward(
    z: &Rows,
    d: DType,
    eps: f64,
    x: *const u8,
    weight: *const u8,
    bias: *const u8,
    y: *mut u8,
    mean: *mut u8,
    rstd: *mut u8,
) -> Result<()> {
    // SAFETY: the caller's.
    unsafe {
        by_dtype!(
            "layer_norm",
            d,
            forward_as(z, eps, x.cast(), weight.cast(), bias.cast(), y.cast(), mean.cast(), rstd.cast())
        )
    }
}

unsafe fn forward_as<S: Elem<T>, T: Real>(
    z: &Rows,
    eps: f64,
    x: *const S,
    weight: *const T,
    bias: *const T,
    y: *mut S,
    mean: *mut T,
    rstd: *mut T,
) -> Result<()> {
    let (len, z) = (z.len(), *z);
    let (x, y, mean, rstd) = (Ptr(x.cast_mut()), Ptr(y), Ptr(mean), Ptr(rstd));
    let (w, b) = (Ptr(weight.cast_mut()), Ptr(bias.cast_mut()));
    parts(z.rows, len, &|first, end| {
        for r in first..end {
            // SAFETY: one row each.
            unsafe {
                let (x, y) = (x.get().add(r * len).cast_const(), y.get().add(r * len));
                let m = moments(x, len, z.centred, PhantomData::<T>);
                let (mu, rs) = (T::of(m.mean), T::of(1.0 / (m.m2 / m.n + eps).sqrt()));
                if !mean.get().is_null() {
                    mean.get().add(r).write(mu);
                }
                rstd.get().add(r).write(rs);
                let (w, b) = (w.get().cast_const(), b.get().cast_const());
                if z.s == 1 && z.groups == 1 {
                    scale(x, y, len, mu, rs, w, b);
                    continue;
                }
                for k in 0..z.cpr {
                    let c = r % z.groups * z.cpr + k;
                    let a = if w.is_null() { rs } else { rs.times(w.add(c).read()) };
                    let shift = if b.is_null() { T::default() } else { b.add(c).read() };
                    affine(x.add(k * z.s), y.add(k * z.s), z.s, a, shift.minus(mu.times(a)));
                }
            }
        }
    });
    Ok(())
}

per_isa! {
    /// `y = (x - mean) * rstd * w + b`, element by element.
    ///
    /// # Safety
    /// All have `n` elements, or are null.
    unsafe fn scale(x: *const S, y: *mut S, n: usize, mean: T, rstd: T, w: *const T, b: *const T) {
        // SAFETY: inside the rows.
        let get = |i: usize| -> T { unsafe { x.add(i).read().load() }.minus(mean).times(rstd) };
        // SAFETY: inside the rows.
        let put = |i: usize, v: T| unsafe { y.add(i).write(S::from_sum(v)) };
        // SAFETY: inside the rows.
        unsafe {
            match (w.is_null(), b.is_null()) {
                (false, false) => (0..n).for_each(|i| put(i, get(i).times(w.add(i).read()).plus(b.add(i).read()))),
                (false, true) => (0..n).for_each(|i| put(i, get(i).times(w.add(i).read()))),
                (true, false) => (0..n).for_each(|i| put(i, get(i).plus(b.add(i).read()))),
                (true, true) => (0..n).for_each(|i| put(i, get(i))),
            }
        }
    }
}

/// The gradients of [`forward`]; `dx`, `dweight` and `dbias` may be null.
///
/// # Safety
/// As for [`forward`].
pub unsafe fn backward(
    z: &Rows,
    d: DType,
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
            "layer_norm_backward",
            d,
            back_as(
                z,
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
    z: &Rows,
    x: *const S,
    dy: *const S,
    mean: *const T,
    rstd: *const T,
    weight: *const T,
    dx: *mut S,
    dweight: *mut T,
    dbias: *mut T,
) -> Result<()> {
    let (len, z) = (z.len(), *z);
    let (x, dy, dx) = (Ptr(x.cast_mut()), Ptr(dy.cast_mut()), Ptr(dx));
    let (mean, rstd, w) = (Ptr(mean.cast_mut()), Ptr(rstd.cast_mut()), Ptr(weight.cast_mut()));
    // SAFETY: mean (or null) and rstd cover the rows.
    let stat = |r: usize| unsafe {
        let mu = if mean.get().is_null() { T::default() } else { mean.get().add(r).read() };
        (mu, rstd.get().add(r).read())
    };
    let wants = !dweight.is_null() || !dbias.is_null();
    if z.s == 1 && z.groups == 1 {
        // Blocks of rows, each with sums of its own for the weights.
        let blocks = if z.rows == 0 { 0 } else { (z.rows.saturating_mul(len) / (64 << 10)).clamp(1, z.rows.min(64)) };
        let mut sums: Vec<T> = room(if wants { blocks * 2 * len } else { 0 })?;
        let to = Ptr(sums.as_mut_ptr());
        pool::parallel(blocks, &|t| {
            for r in z.rows * t / blocks..z.rows * (t + 1) / blocks {
                let (mu, rs) = stat(r);
                // SAFETY: one row each, and sums of one block.
                unsafe {
                    let (x, dy) = (x.get().add(r * len).cast_const(), dy.get().add(r * len).cast_const());
                    let w = w.get().cast_const();
                    if wants {
                        let dw = to.get().add(t * 2 * len);
                        gather_weights(x, dy, len, mu, rs, dw, dw.add(len));
                    }
                    if !dx.get().is_null() {
                        row_back(x, dy, dx.get().add(r * len), len, mu, rs, w, z.centred);
                    }
                }
            }
        });
        for (k, out) in [dweight, dbias].into_iter().enumerate() {
            if out.is_null() {
                continue;
            }
            for i in 0..len {
                let mut all = 0.0;
                for t in 0..blocks {
                    all += sums[t * 2 * len + k * len + i].wide();
                }
                // SAFETY: covers the weights.
                unsafe { out.add(i).write(T::of(all)) };
            }
        }
        return Ok(());
    }
    let mut each: Vec<(f64, f64)> = room(z.rows * z.cpr)?;
    let to = Ptr(each.as_mut_ptr());
    parts(z.rows, len, &|first, end| {
        for r in first..end {
            let (mu, rs) = stat(r);
            let (mut sum, mut dot) = (0.0, 0.0);
            // SAFETY: one row each.
            unsafe {
                let (x, dy) = (x.get().add(r * len).cast_const(), dy.get().add(r * len).cast_const());
                let wt = |k: usize| {
                    let w = w.get();
                    if w.is_null() { T::ONE } else { w.add(r % z.groups * z.cpr + k).read() }
                };
                for k in 0..z.cpr {
                    let (a, b) = slopes(x.add(k * z.s), dy.add(k * z.s), z.s, mu);
                    let e = (b * rs.wide(), a);
                    to.get().add(r * z.cpr + k).write(e);
                    sum += e.1 * wt(k).wide();
                    dot += e.0 * wt(k).wide();
                }
                if dx.get().is_null() {
                    continue;
                }
                let (n, rw) = (len as f64, rs.wide());
                for k in 0..z.cpr {
                    let shift = if z.centred { rw * sum / n } else { 0.0 };
                    let c = [rs.times(wt(k)), mu, T::of(rw * rw * dot / n), T::of(shift)];
                    pull(x.add(k * z.s), dy.add(k * z.s), dx.get().add(r * len + k * z.s), z.s, c);
                }
            }
        }
    });
    for c in 0..z.groups * z.cpr {
        let (mut dw, mut db) = (0.0, 0.0);
        for r in (c / z.cpr..z.rows).step_by(z.groups) {
            let e = each[r * z.cpr + c % z.cpr];
            dw += e.0;
            db += e.1;
        }
        // SAFETY: cover the weights.
        unsafe {
            if !dweight.is_null() {
                dweight.add(c).write(T::of(dw));
            }
            if !dbias.is_null() {
                dbias.add(c).write(T::of(db));
            }
        }
    }
    Ok(())
}

per_isa! {
    /// Adds a row's part of the gradients of weight and bias.
    ///
    /// # Safety
    /// All have `n` elements.
    unsafe fn gather_weights(x: *const S, dy: *const S, n: usize, mean: T, rstd: T, dw: *mut T, db: *mut T) {
        for i in 0..n {
            // SAFETY: inside the rows.
            unsafe {
                let (x, d): (T, T) = (x.add(i).read().load(), dy.add(i).read().load());
                dw.add(i).write(dw.add(i).read().plus(d.times(x.minus(mean).times(rstd))));
                db.add(i).write(db.add(i).read().plus(d));
            }
        }
    }
}

per_isa! {
    /// `dx = rstd * (u - mean(u) - xhat * mean(u * xhat))` with `u = dy * w`; nothing is centred, no `mean(u)`.
    ///
    /// # Safety
    /// All have `n` elements; `w` may be null.
    unsafe fn row_back(x: *const S, dy: *const S, dx: *mut S, n: usize, mean: T, rstd: T, w: *const T, centred: bool) {
        #[inline(always)]
        unsafe fn go<S: Elem<T>, T: Real>(x: *const S, dx: *mut S, n: usize, mean: T, rstd: T, centred: bool, u: impl Fn(usize) -> T) {
            let (mut sum, mut dot) = (0.0, 0.0);
            let mut at = 0;
            while at < n {
                let len = BLOCK.min(n - at);
                let (a, b) = sums_of(len, |i| {
                    // SAFETY: inside the rows.
                    let x: T = unsafe { x.add(at + i).read().load() };
                    let u = u(at + i);
                    (u, u.times(x.minus(mean)))
                });
                sum += a.wide();
                dot += b.wide();
                at += len;
            }
            let (rw, by) = (rstd.wide(), n as f64);
            let k = T::of(rw * rw * rw * dot / by);
            let shift = if centred { T::of(rw * sum / by) } else { T::default() };
            for i in 0..n {
                // SAFETY: inside the rows.
                unsafe {
                    let x: T = x.add(i).read().load();
                    let r = u(i).times(rstd).minus(x.minus(mean).times(k).plus(shift));
                    dx.add(i).write(S::from_sum(r));
                }
            }
        }
        // SAFETY: inside the rows.
        unsafe {
            if w.is_null() {
                go(x, dx, n, mean, rstd, centred, |i| dy.add(i).read().load());
            } else {
                go(x, dx, n, mean, rstd, centred, |i| dy.add(i).read().load().times(w.add(i).read()));
            }
        }
    }
}
