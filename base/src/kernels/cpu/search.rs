//! What sorting and counting are for: `unique`, `searchsorted`, `bucketize`, `bincount`, `histc`.

use super::lines::{GRAIN, Lines, Scratch};
use super::num::{Num, Real};
use super::reduce::kernels;
use super::sort::argsort;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::program::{Compute, Reduce};

/// The different elements of a tensor: where one of each lies, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unique {
    /// Position of the first of each.
    pub first: Vec<i64>,
    /// How many of each.
    pub counts: Vec<i64>,
}

/// Runs of equal neighbours, the elements being looked at in `order` (None: as they lie). `same` compares two positions;
/// element `p` belongs to run `inverse[p]` afterwards.
fn runs(n: i64, order: Option<*const i64>, inverse: Option<Operand>, same: impl Fn(i64, i64) -> bool) -> Unique {
    let mut u = Unique::default();
    let mut before = 0;
    for i in 0..n {
        // SAFETY: `order` has `n` elements.
        let at = order.map_or(i, |o| unsafe { *o.offset(i as isize) });
        match u.counts.last_mut() {
            Some(c) if same(before, at) => *c += 1,
            _ => {
                u.first.push(at);
                u.counts.push(1);
            }
        }
        if let Some(o) = inverse {
            let step = o.strides.first().copied().unwrap_or(1);
            // SAFETY: `inverse` has `n` elements (int64), and `at` is below `n`.
            unsafe { *(o.ptr as *mut i64).offset((at * step) as isize) = u.first.len() as i64 - 1 };
        }
        before = at;
    }
    u
}

/// `x.unique(sorted=True)` of a one-dimensional `x` of `n` elements. NaN differs from itself. `inverse` (int64) has one
/// dimension, too.
pub fn unique(n: i64, x: Operand, inverse: Option<Operand>) -> Result<Unique> {
    let step = x.strides.first().copied().unwrap_or(1);
    let order = Scratch::<i64>::new(n.max(0) as usize)?;
    argsort(n, x, step, order.ptr())?;
    consecutive(n, x, inverse, Some(order.ptr()))
}

/// `x.unique_consecutive()` of a one-dimensional `x`.
pub fn unique_consecutive(n: i64, x: Operand, inverse: Option<Operand>) -> Result<Unique> {
    consecutive(n, x, inverse, None)
}

fn consecutive(n: i64, x: Operand, inverse: Option<Operand>, order: Option<*const i64>) -> Result<Unique> {
    let step = x.strides.first().copied().unwrap_or(1);
    let u = dispatch!(x.dtype, T in ALL => runs(n, order, inverse, |a, b| {
        // SAFETY: both positions are below `n`.
        let (a, b) = unsafe { (*(x.ptr as *const T).offset((a * step) as isize), *(x.ptr as *const T).offset((b * step) as isize)) };
        a == b
    }));
    Ok(u.unwrap_or_default())
}

/// `unique(dim=...)`: the different rows of a `rows` by `cols` matrix in lexicographic order, or in the order in which they
/// lie with `consecutive`.
pub fn unique_rows(rows: i64, cols: i64, x: Operand, inverse: Option<Operand>, consecutive: bool) -> Result<Unique> {
    let (row, col) = (x.strides[0] as isize, x.strides[1] as isize);
    let u = dispatch!(x.dtype, T in REAL => {
        let get = |r: i64, c: i64| {
            // SAFETY: rows and columns are inside the matrix.
            unsafe { *(x.ptr as *const T).offset(r as isize * row + c as isize * col) }
        };
        let mut order: Vec<i64> = (0..rows).collect();
        if !consecutive {
            order.sort_by(|&a, &b| {
                (0..cols).map(|c| get(a, c).key().cmp(&get(b, c).key())).find(|o| o.is_ne()).unwrap_or(a.cmp(&b))
            });
        }
        runs(rows, Some(order.as_ptr()), inverse, |a, b| (0..cols).all(|c| get(a, c) == get(b, c)))
    });
    match u {
        Some(u) => Ok(u),
        None => bail!(NotImplemented, "\"unique_dim\" not implemented for '{}'", x.dtype.c10_name()),
    }
}

/// `searchsorted`: for each of `values` (strides over `shape`) the first place in its sequence where it could be put in
/// (the last one with `right`). `sequence` has strides over `shape`, too: 0 at the end, and 0 everywhere for one sequence
/// for all; its `len` elements lie `step` apart. `sorter` (int64), laid out in the same way with `sorter_step`, says in
/// which order to read. `out` is int64 or int32; the other dtypes are the same.
pub fn searchsorted(
    shape: &[i64],
    out: Operand,
    values: Operand,
    sequence: Operand,
    len: i64,
    step: i64,
    sorter: Option<(Operand, i64)>,
    right: bool,
) -> Result<()> {
    if values.dtype != sequence.dtype {
        bail!(
            Runtime,
            "torch.searchsorted(): boundary tensor and input value tensor should have same dtype, but got boundary tensor \
             dtype {} and input value tensor dtype {}",
            sequence.dtype.c10_name(),
            values.dtype.c10_name()
        );
    }
    let (order, order_step) = sorter.unwrap_or((sequence, 0));
    let l = Lines::new(shape, &[out, values, sequence, order]);
    let s: [isize; 4] = std::array::from_fn(|i| l.inner()[i] as isize);
    let wide = out.dtype == DType::I64;
    let done = dispatch!(values.dtype, T in REAL => l.parallel(GRAIN / 8, &|p, n| {
        for k in 0..n as isize {
            // SAFETY: `n` elements lie at each address; the sequence and its order have `len` elements from there.
            unsafe {
                let v = *(p[1].offset(k * s[1]) as *const T);
                let seq = p[2].offset(k * s[2]) as *const T;
                let get = |i: i64| {
                    let i = if sorter.is_some() {
                        (*(p[3].offset(k * s[3]) as *const i64).offset((i * order_step) as isize)).clamp(0, len - 1)
                    } else {
                        i
                    };
                    *seq.offset((i * step) as isize)
                };
                // Is the value behind element i? `!(e >= v)` and `!(e > v)`, so that NaN is behind all.
                let behind = |i: i64| {
                    let e = get(i);
                    if right { !v.lt(e) } else { !(v.lt(e) || v == e) }
                };
                // The middle is PyTorch's: with NaN in the sequence the way of the search matters.
                let (mut lo, mut hi) = (0, len);
                while lo < hi {
                    let mid = lo + (hi - lo) / 2;
                    let b = behind(mid);
                    lo = if b { mid + 1 } else { lo };
                    hi = if b { hi } else { mid };
                }
                let o = p[0].offset(k * s[0]);
                if wide { *(o as *mut i64) = lo } else { *(o as *mut i32) = lo as i32 }
            }
        }
    }));
    if done.is_none() {
        bail!(NotImplemented, "\"searchsorted_out_cpu\" not implemented for '{}'", values.dtype.c10_name());
    }
    Ok(())
}

/// How many bins `bincount` of `n` integers needs (one more than the largest), or its error.
pub fn bincount_size(n: i64, x: Operand) -> Result<i64> {
    let step = x.strides.first().copied().unwrap_or(1) as isize;
    let (mut lo, mut hi) = (0, -1);
    let done = if x.dtype == DType::I64 && step == 1 {
        // In blocks that stay in the first-level cache for the second look.
        let (least, most) = (kernels(Compute::I64, Reduce::Min)?.across, kernels(Compute::I64, Reduce::Max)?.across);
        let mut at = 0;
        while at < n {
            let (len, mut found) = (BLOCK.min(n - at), [0i64; 2]);
            // SAFETY: `len` elements lie there; each loop writes one.
            unsafe {
                let p = (x.ptr as *const i64).offset(at as isize).cast();
                least(p, len as usize, (&raw mut found[0]).cast());
                most(p, len as usize, (&raw mut found[1]).cast());
            }
            (lo, hi) = (lo.min(found[0]), hi.max(found[1]));
            at += len;
        }
        Some(())
    } else if x.dtype.is_int() {
        dispatch!(x.dtype, T in INT => for i in 0..n as isize {
            // SAFETY: `n` elements lie at this stride.
            let v = unsafe { *(x.ptr as *const T).offset(i * step) }.to_i64();
            lo = lo.min(v);
            hi = hi.max(v);
        })
    } else {
        None
    };
    if done.is_none() || lo < 0 {
        bail!(Runtime, "bincount only supports 1-d non-negative integral inputs.");
    }
    Ok(hi + 1)
}

/// Elements that are looked at twice in a row.
const BLOCK: i64 = 2048;

/// Counts into `out` (`bins` elements, at least `bincount_size`; one dimension): int64 without weights, else the weights'
/// float32 or float64.
pub fn bincount(n: i64, out: Operand, bins: i64, x: Operand, weights: Option<Operand>) -> Result<()> {
    let step = x.strides.first().copied().unwrap_or(1) as isize;
    let so = out.strides.first().copied().unwrap_or(1) as isize;
    let w = weights.unwrap_or(x);
    let sw = w.strides.first().copied().unwrap_or(1) as isize;
    let good = match weights {
        None => out.dtype == DType::I64,
        Some(w) => matches!(out.dtype, DType::F32 | DType::F64) && w.dtype == out.dtype,
    };
    if !good {
        bail!(Runtime, "bincount: counts are int64, or of the dtype of float32 or float64 weights");
    }
    dispatch!(out.dtype, O in REAL => {
        let out = out.ptr as *mut O;
        for b in 0..bins as isize {
            // SAFETY: `out` has `bins` elements.
            unsafe { *out.offset(b * so) = O::ZERO };
        }
        if weights.is_none() && x.dtype == DType::I64 && step == 1 && so == 1 {
            let (x, out) = (x.ptr as *const i64, out.cast::<i64>());
            for i in 0..n as usize {
                // SAFETY: `n` elements lie there; the bin is inside.
                unsafe {
                    let v = *x.add(i);
                    if (v as u64) < bins as u64 {
                        *out.add(v as usize) += 1;
                    }
                }
            }
            return Ok(());
        }
        dispatch!(x.dtype, T in INT => for i in 0..n as isize {
            // SAFETY: `n` elements lie at both addresses; the bin is inside.
            unsafe {
                let v = (*(x.ptr as *const T).offset(i * step)).to_i64();
                if v >= 0 && v < bins {
                    let o = out.offset(v as isize * so);
                    *o = (*o).add(if weights.is_some() { *(w.ptr as *const O).offset(i * sw) } else { O::ONE });
                }
            }
        });
    });
    Ok(())
}

/// `histc` of a floating tensor: counts, in the dtype of `x`, into `bins` bins between `min` and `max` (both included),
/// which are the extremes of `x` where they are equal.
pub fn histc(shape: &[i64], out: Operand, bins: i64, x: Operand, min: f64, max: f64) -> Result<()> {
    if bins <= 0 {
        bail!(Runtime, "torch.histogramdd(): bins must be > 0, but got {bins} for dimension 0");
    }
    let so = out.strides.first().copied().unwrap_or(1) as isize;
    let l = Lines::new(shape, &[x]);
    let sx = l.inner()[0] as isize;
    if !x.dtype.is_float() {
        bail!(NotImplemented, "\"histogram_cpu\" not implemented for '{}'", x.dtype.c10_name());
    }
    let (mut lo, mut hi) = (min, max);
    if lo == hi && l.total > 0 {
        (lo, hi) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut nan = false;
        dispatch!(x.dtype, T in FLOAT => l.serial(&mut |p, n| for k in 0..n as isize {
            // SAFETY: `n` elements lie at this stride.
            let v = unsafe { *(p[0].offset(k * sx) as *const T) }.to_f64();
            nan |= v.is_nan();
            lo = lo.min(v);
            hi = hi.max(v);
        }));
        if nan {
            (lo, hi) = (f64::NAN, f64::NAN);
        }
    }
    if !lo.is_finite() || !hi.is_finite() {
        bail!(Runtime, "torch.histc: range of [{lo}, {hi}] is not finite");
    }
    if lo > hi {
        bail!(Runtime, "torch.histc: max must be larger than min");
    }
    if lo == hi {
        lo -= 1.0;
        hi += 1.0;
    }
    let mut counts = crate::memory::filled(0u64, bins as usize)?;
    macro_rules! fill {
        ($t:ty) => {{
            let (lo, hi, b) = (lo as $t, hi as $t, bins as $t);
            dispatch!(x.dtype, T in FLOAT => l.serial(&mut |p, n| for k in 0..n as isize {
                // SAFETY: `n` elements lie at this stride.
                let v = unsafe { *(p[0].offset(k * sx) as *const T) }.to_f64() as $t;
                if v >= lo && v <= hi {
                    let at = ((v - lo) * b / (hi - lo)) as i64;
                    if let Some(c) = counts.get_mut(at.min(bins - 1) as usize) {
                        *c += 1;
                    }
                }
            }));
        }};
    }
    if x.dtype == DType::F64 {
        fill!(f64)
    } else {
        fill!(f32)
    }
    dispatch!(out.dtype, T in FLOAT => for (i, &c) in counts.iter().enumerate() {
        // SAFETY: `out` has `bins` elements.
        unsafe { *(out.ptr as *mut T).offset(i as isize * so) = T::from_f64(c as f64) };
    });
    Ok(())
}
