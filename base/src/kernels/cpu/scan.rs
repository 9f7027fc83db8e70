//! Running sums, products, maxima along a dimension. Sums are kept wide (float32 in float64, halves in float32, integers
//! in int64) and every element is rounded on its way out, as PyTorch does, so that the bits are the same.

use super::lines::{Addrs, GRAIN, Lines, along, step, without};
use super::math::sel;
use super::num::{Num, Real, bf16_down, bf16_up, f16_down, f16_up};
use crate::dtype::{B8, C32, C64, Complex, DType, Element, bf16, f16};
use crate::error::Result;
use crate::kernels::Operand;

/// How an element is carried through a scan.
trait Carry: Element {
    type Acc: Num;
    fn up(self) -> Self::Acc;
    fn down(a: Self::Acc) -> Self;
}

macro_rules! carry {
    ($($t:ty, $a:ty, $up:expr, $down:expr);* $(;)?) => {$(
        impl Carry for $t {
            type Acc = $a;
            #[inline(always)]
            fn up(self) -> $a { $up(self) }
            #[inline(always)]
            fn down(a: $a) -> $t { $down(a) }
        }
    )*};
}
carry!(
    B8, i64, |x: B8| x.0 as i64, |a: i64| B8((a != 0) as u8);
    u8, i64, |x: u8| x as i64, |a: i64| a as u8;
    i8, i64, |x: i8| x as i64, |a: i64| a as i8;
    i16, i64, |x: i16| x as i64, |a: i64| a as i16;
    i32, i64, |x: i32| x as i64, |a: i64| a as i32;
    i64, i64, |x: i64| x, |a: i64| a;
    f16, f32, f16_up, f16_down;
    bf16, f32, bf16_up, bf16_down;
    f32, f64, |x: f32| x as f64, |a: f64| a as f32;
    f64, f64, |x: f64| x, |a: f64| a;
    C32, C64, |x: C32| Complex { re: x.re as f64, im: x.im as f64 }, |a: C64| Complex { re: a.re as f32, im: a.im as f32 };
    C64, C64, |x: C64| x, |a: C64| a;
);

/// `out = x.cumsum(dim)`. The dtypes are the same, or `out` is int64 and `x` bool or any integer.
pub fn cumsum(shape: &[i64], dim: usize, out: Operand, x: Operand) -> Result<()> {
    cumulate(shape, dim, out, x, false)
}

/// `out = x.cumprod(dim)`, dtypes as for `cumsum`.
pub fn cumprod(shape: &[i64], dim: usize, out: Operand, x: Operand) -> Result<()> {
    cumulate(shape, dim, out, x, true)
}

fn cumulate(shape: &[i64], dim: usize, out: Operand, x: Operand, product: bool) -> Result<()> {
    let done = if out.dtype == x.dtype {
        dispatch!(x.dtype, T in ALL => if product {
            scan::<T, T, _>(shape, dim, out, x, T::ONE.up(), |a, b| a.mul(b))
        } else {
            scan::<T, T, _>(shape, dim, out, x, T::ZERO.up(), |a, b| a.add(b))
        })
    } else if out.dtype == DType::I64 {
        dispatch!(x.dtype, T in INT => if product {
            scan::<T, i64, _>(shape, dim, out, x, 1, |a, b| a.mul(b))
        } else {
            scan::<T, i64, _>(shape, dim, out, x, 0, |a, b| a.add(b))
        })
    } else {
        None
    };
    if done.is_none() {
        bail!(NotImplemented, "cumsum/cumprod of {} into {}", x.dtype.name(), out.dtype.name());
    }
    Ok(())
}

/// `out = x.logcumsumexp(dim)` for the four floating dtypes.
pub fn logcumsumexp(shape: &[i64], dim: usize, out: Operand, x: Operand) -> Result<()> {
    if out.dtype != x.dtype || !x.dtype.is_float() {
        bail!(NotImplemented, "\"logcumsumexp_out_cpu\" not implemented for '{}'", x.dtype.c10_name());
    }
    along(shape, dim, &[out, x], &|p| {
        let n = shape.get(dim).copied().unwrap_or(1) as isize;
        let (so, sx) = (step(&out, dim), step(&x, dim));
        match x.dtype {
            DType::F64 => {
                let mut acc = f64::NEG_INFINITY;
                for i in 0..n {
                    // SAFETY: `n` elements lie at both addresses at these strides.
                    unsafe {
                        let v = *(p[1] as *const f64).offset(i * sx);
                        acc = if acc == v && v.is_infinite() {
                            v
                        } else if acc.is_nan() || v.is_nan() {
                            f64::NAN
                        } else {
                            (acc.min(v) - acc.max(v)).exp().ln_1p() + acc.max(v)
                        };
                        *(p[0] as *mut f64).offset(i * so) = acc;
                    }
                }
            }
            d => {
                dispatch!(d, T in FLOAT => {
                    let mut acc = f32::NEG_INFINITY;
                    for i in 0..n {
                        // SAFETY: as above.
                        unsafe {
                            let v = (*(p[1] as *const T).offset(i * sx)).to_f64() as f32;
                            acc = if acc == v && v.is_infinite() {
                                v
                            } else if acc.is_nan() || v.is_nan() {
                                f32::NAN
                            } else {
                                (acc.min(v) - acc.max(v)).exp().ln_1p() + acc.max(v)
                            };
                            *(p[0] as *mut T).offset(i * so) = T::from_f64(acc as f64);
                        }
                    }
                });
            }
        }
    });
    Ok(())
}

/// Rows that are scanned at once where a scan runs along memory.
const ROWS: isize = 4;
/// Columns that a scan carries at once where it does not run along memory.
const WIDE: i64 = 64;

fn scan<S: Carry, T: Carry<Acc = S::Acc>, F: Fn(S::Acc, S::Acc) -> S::Acc + Sync>(
    shape: &[i64],
    dim: usize,
    out: Operand,
    x: Operand,
    start: S::Acc,
    f: F,
) {
    if shape.is_empty() {
        // A scalar is copied: 0 + -0 would lose the sign.
        // SAFETY: one element lies at each address.
        unsafe { *(out.ptr as *mut T) = T::down((*(x.ptr as *const S)).up()) };
        return;
    }
    let len = shape.get(dim).copied().unwrap_or(1);
    let (so, sx) = (step(&out, dim), step(&x, dim));
    let rest = without(shape, dim);
    let (to, tx) = (without(out.strides, dim), without(x.strides, dim));
    let l = Lines::new(&rest, &[Operand { strides: &to, ..out }, Operand { strides: &tx, ..x }]);
    let (co, cx) = (l.inner()[0] as isize, l.inner()[1] as isize);
    let wide = cx.unsigned_abs() < sx.unsigned_abs() * size_of::<S>() && l.sizes[l.sizes.len() - 1] > 1;
    let grain = (GRAIN / len.max(1)).max(1);
    l.parallel(if wide { grain.max(WIDE) } else { grain }, &|p, n| {
        let p: Addrs = p.into();
        // SAFETY: `len` elements lie at each of the `n` columns, at these strides.
        unsafe {
            if !wide {
                // Four rows at a time: each waits for its own last sum only.
                let mut done = 0;
                while done + ROWS <= n as isize {
                    let (o, x) = (p[0].offset(done * co), p[1].offset(done * cx));
                    let mut acc = [start; ROWS as usize];
                    for i in 0..len as isize {
                        for (j, a) in acc.iter_mut().enumerate() {
                            let j = j as isize;
                            *a = f(*a, (*(x.offset(j * cx) as *const S).offset(i * sx)).up());
                            *(o.offset(j * co) as *mut T).offset(i * so) = T::down(*a);
                        }
                    }
                    done += ROWS;
                }
                for c in done..n as isize {
                    let (o, x) = (p[0].offset(c * co) as *mut T, p[1].offset(c * cx) as *const S);
                    let mut acc = start;
                    for i in 0..len as isize {
                        acc = f(acc, (*x.offset(i * sx)).up());
                        *o.offset(i * so) = T::down(acc);
                    }
                }
                return;
            }
            let mut c = 0;
            while c < n {
                let m = (n - c).min(WIDE) as usize;
                let mut acc = [start; WIDE as usize];
                let (o, x) = (p[0].offset(c as isize * co), p[1].offset(c as isize * cx));
                for i in 0..len as isize {
                    let (o, x) = ((o as *mut T).offset(i * so), (x as *const S).offset(i * sx));
                    if co == size_of::<T>() as isize && cx == size_of::<S>() as isize {
                        for (j, a) in acc[..m].iter_mut().enumerate() {
                            *a = f(*a, (*x.add(j)).up());
                            *o.add(j) = T::down(*a);
                        }
                    } else {
                        for (j, a) in acc[..m].iter_mut().enumerate() {
                            let j = j as isize;
                            *a = f(*a, (*((x as *const u8).offset(j * cx) as *const S)).up());
                            *((o as *mut u8).offset(j * co) as *mut T) = T::down(*a);
                        }
                    }
                }
                c += WIDE;
            }
        }
    });
}

/// `values, indices = x.cummax(dim)` (or `cummin`): the later of equal elements, and NaN once there is one.
pub fn cummax(shape: &[i64], dim: usize, values: Operand, indices: Operand, x: Operand, least: bool) -> Result<()> {
    let done = dispatch!(x.dtype, T in REAL => if least {
        extremes::<T>(shape, dim, values, indices, x, |c, best| best.lt(c))
    } else {
        extremes::<T>(shape, dim, values, indices, x, |c, best| c.lt(best))
    });
    if done.is_none() {
        bail!(NotImplemented, "\"cummax_cpu\" not implemented for '{}'", x.dtype.c10_name());
    }
    Ok(())
}

/// `worse(c, best)`: is `c` not as good as the best so far?
fn extremes<T: Real>(
    shape: &[i64],
    dim: usize,
    values: Operand,
    indices: Operand,
    x: Operand,
    worse: impl Fn(T, T) -> bool + Sync,
) {
    let n = shape.get(dim).copied().unwrap_or(1) as isize;
    let rest = without(shape, dim);
    let (sv, si, sx) = (step(&values, dim), step(&indices, dim), step(&x, dim));
    let (tv, ti, tx) = (without(values.strides, dim), without(indices.strides, dim), without(x.strides, dim));
    let ops = [Operand { strides: &tv, ..values }, Operand { strides: &ti, ..indices }, Operand { strides: &tx, ..x }];
    let l = Lines::new(&rest, &ops);
    let (cv, ci, cx) = (l.inner()[0] as isize, l.inner()[1] as isize, l.inner()[2] as isize);
    if n == 0 {
        return;
    }
    // A few columns at a time: side by side in memory, they share its lines; apart, the chip works on all at once.
    const COLUMNS: i64 = 32;
    l.parallel((GRAIN / n as i64).max(COLUMNS), &|p, m| {
        let mut c = 0;
        if cx != size_of::<T>() as isize {
            while c + ROWS as i64 <= m {
                let at = |i: usize, by: isize| p[i].wrapping_offset(c as isize * by);
                // SAFETY: `n` elements lie at each of the rows, at these strides.
                unsafe {
                    let (at, far, near) = ([at(0, cv), at(1, ci), at(2, cx)], [cv, ci, cx], [sv, si, sx]);
                    let nan = (0..ROWS).any(|j| any_nan(n, at[2].offset(j * cx) as *const T, sx));
                    if nan {
                        rows::<T, true>(n, at, far, near, &worse)
                    } else {
                        rows::<T, false>(n, at, far, near, &worse)
                    }
                }
                c += ROWS as i64;
            }
        }
        while c < m {
            let w = (m - c).min(COLUMNS) as usize;
            let w = if cx == size_of::<T>() as isize { w } else { 1 };
            // SAFETY: `n` elements lie at each of the columns, at these strides.
            unsafe {
                let (v, i, x) = (
                    p[0].offset(c as isize * cv),
                    p[1].offset(c as isize * ci),
                    p[2].offset(c as isize * cx) as *const T,
                );
                let mut best = [T::ZERO; COLUMNS as usize];
                let mut at = [0i64; COLUMNS as usize];
                for (j, b) in best[..w].iter_mut().enumerate() {
                    *b = *x.add(j);
                }
                for k in 0..n {
                    for j in 0..w {
                        let e = *x.offset(k * sx).add(j);
                        if e.nan() || (!best[j].nan() && !worse(e, best[j])) {
                            best[j] = e;
                            at[j] = k as i64;
                        }
                        *(v.offset(j as isize * cv) as *mut T).offset(k * sv) = best[j];
                        *(i.offset(j as isize * ci) as *mut i64).offset(k * si) = at[j];
                    }
                }
            }
            c += w as i64;
        }
    });
}

/// Is any of `n` elements, at least one, a NaN?
///
/// # Safety
/// They lie at this stride.
unsafe fn any_nan<T: Real>(n: isize, x: *const T, step: isize) -> bool {
    // SAFETY: the caller's.
    let nan = |k: isize| unsafe { *x.offset(k * step) }.nan();
    // Without an early end, which would keep it from being a loop over vectors.
    if step == 1 { (0..n).fold(false, |any, k| any | nan(k)) } else { (0..n).any(nan) }
}

/// [`ROWS`] rows of running extremes; addresses, distances of rows (in bytes) and of elements of values, indices, input.
///
/// `NAN`: there may be one.
///
/// # Safety
/// `n` elements, at least one, lie at each of the rows.
#[inline(always)]
unsafe fn rows<T: Real, const NAN: bool>(
    n: isize,
    [v, at, x]: [*mut u8; 3],
    [cv, ci, cx]: [isize; 3],
    [sv, si, sx]: [isize; 3],
    worse: &impl Fn(T, T) -> bool,
) {
    const R: usize = ROWS as usize;
    // SAFETY: the caller's.
    unsafe {
        let mut best: [T; R] = std::array::from_fn(|j| *(x.offset(j as isize * cx) as *const T));
        let mut place = [0i64; R];
        for k in 0..n {
            for j in 0..R {
                let e = *(x.offset(j as isize * cx) as *const T).offset(k * sx);
                // By choice, not by branch: where the extremes are is not to be foreseen.
                let take = if NAN { e.nan() | (!best[j].nan() & !worse(e, best[j])) } else { !worse(e, best[j]) };
                best[j] = sel(take, e, best[j]);
                place[j] = sel(take, k as i64, place[j]);
                *(v.offset(j as isize * cv) as *mut T).offset(k * sv) = best[j];
                *(at.offset(j as isize * ci) as *mut i64).offset(k * si) = place[j];
            }
        }
    }
}
