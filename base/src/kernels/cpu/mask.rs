//! What depends on where a tensor is not zero: `nonzero`, `masked_select`, `masked_scatter`. Each first counts by blocks
//! of positions, so that the second pass knows where each block writes.

use super::lines::{GRAIN, Lines, blocks};
use super::num::Num;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::{Operand, Ptr};
use std::sync::atomic::{AtomicI64, Ordering};

/// How many elements are true before each block of `GRAIN` positions.
#[derive(Clone, Debug)]
pub struct Counts {
    starts: Vec<i64>,
    /// How many there are in all.
    pub total: i64,
}

/// Counts the elements of `x` that are not zero.
pub fn count(shape: &[i64], x: Operand) -> Counts {
    let l = Lines::new(shape, &[x]);
    let step = l.inner()[0] as isize;
    let parts: Vec<AtomicI64> = (0..l.total / GRAIN + 1).map(|_| AtomicI64::new(0)).collect();
    blocks(l.total, GRAIN, &|a, b| {
        let mut sum = 0;
        l.range(a, b, &mut |p, n| {
            sum += dispatch!(x.dtype, T in ALL => {
                let mut c = 0;
                for k in 0..n as isize {
                    // SAFETY: `n` elements lie here at this stride.
                    c += unsafe { *(p[0].offset(k * step) as *const T) }.truth() as i64;
                }
                c
            })
            .unwrap_or(0);
        });
        parts[(a / GRAIN) as usize].store(sum, Ordering::Relaxed);
    });
    let mut total = 0;
    let mut starts = Vec::with_capacity(parts.len());
    for p in parts {
        starts.push(total);
        total += p.into_inner();
    }
    Counts { starts, total }
}

/// Which of `n` (at most 256) elements are not zero; no branch depends on them.
///
/// # Safety
/// `n` elements lie at `p` with this stride in bytes.
#[inline(always)]
unsafe fn hits<T: Num>(p: *const u8, step: isize, n: i64, found: &mut [u16; 256]) -> usize {
    let mut c = 0;
    for k in 0..n.min(256) as isize {
        found[c & 255] = k as u16;
        // SAFETY: the caller's promise.
        c += unsafe { *(p.offset(k * step) as *const T) }.truth() as usize;
    }
    c
}

/// The positions where `x` is not zero, in row-major order: `out[row][d]` with strides in elements (int64).
pub fn nonzero(shape: &[i64], x: Operand, counts: &Counts, out: Operand) {
    let nd = shape.len();
    if nd == 0 {
        return;
    }
    let l = Lines::marked(shape, &[x], |d| d == nd - 1);
    // Lines must be lines of the shape itself, so that the last index runs along them.
    let width = shape[nd - 1].max(1);
    let out_ptr = Ptr(out.ptr as *mut i64);
    let (row, col) = (out.strides[0] as isize, out.strides.get(1).copied().unwrap_or(1) as isize);
    let step = l.inner()[0] as isize;
    blocks(l.total, GRAIN, &|a, b| {
        let mut at = counts.starts[(a / GRAIN) as usize];
        let mut pos = a;
        let mut idx: smallvec::SmallVec<[i64; 6]> = smallvec::SmallVec::from_elem(0, nd);
        l.range(a, b, &mut |p, n| {
            let mut done = 0;
            while done < n {
                let m = (width - pos % width).min(n - done).min(256);
                let start = p[0].wrapping_offset(done as isize * step);
                let mut found = [0u16; 256];
                // SAFETY: `m` elements lie here at this stride.
                let c = dispatch!(x.dtype, T in ALL => unsafe { hits::<T>(start, step, m, &mut found) }).unwrap_or(0);
                let c = c.min((counts.total - at).max(0) as usize);
                if c > 0 {
                    let mut rest = pos;
                    for d in (0..nd).rev() {
                        idx[d] = rest % shape[d];
                        rest /= shape[d];
                    }
                }
                for &k in &found[..c] {
                    // SAFETY: the count has made room for every row.
                    unsafe {
                        let o = out_ptr.get().offset(at as isize * row);
                        for d in 0..nd - 1 {
                            *o.offset(d as isize * col) = idx[d];
                        }
                        *o.offset((nd - 1) as isize * col) = idx[nd - 1] + k as i64;
                    }
                    at += 1;
                }
                done += m;
                pos += m;
            }
        });
    });
}

/// The elements of `src` where `mask` (bool) is true, one after the other: `out` has one dimension.
pub fn masked_select(shape: &[i64], out: Operand, src: Operand, mask: Operand, counts: &Counts) {
    let src_dtype = src.dtype;
    let l = Lines::new(shape, &[src, mask]);
    let (ss, sm) = (l.inner()[0] as isize, l.inner()[1] as isize);
    let (to, step) = (Ptr(out.ptr), out.strides.first().copied().unwrap_or(1) as isize);
    blocks(l.total, GRAIN, &|a, b| {
        let mut at = counts.starts[(a / GRAIN) as usize] as isize;
        l.range(a, b, &mut |p, n| {
            let mut done = 0;
            while done < n {
                let m = (n - done).min(256);
                let mut found = [0u16; 256];
                // SAFETY: `n` elements lie at both addresses, and the count has made room.
                unsafe {
                    let c = hits::<u8>(p[1].offset(done as isize * sm), sm, m, &mut found);
                    let c = c.min((counts.total as isize - at).max(0) as usize);
                    let src = p[0].offset(done as isize * ss);
                    dispatch!(src_dtype, T in SIZE => for (j, &k) in found[..c].iter().enumerate() {
                        let o = (to.get() as *mut T).offset((at + j as isize) * step);
                        *o = *(src.offset(k as isize * ss) as *const T);
                    });
                    at += c as isize;
                }
                done += m;
            }
        });
    });
}

/// The elements of `source` (one dimension, `len` elements) put where `mask` (bool) is true.
pub fn masked_scatter(
    shape: &[i64],
    dst: Operand,
    mask: Operand,
    source: Operand,
    len: i64,
    counts: &Counts,
) -> Result<()> {
    if mask.dtype != DType::Bool {
        bail!(Runtime, "masked_scatter_ only supports boolean masks, but got mask with dtype {}", mask.dtype.name());
    }
    if len < counts.total {
        bail!(Runtime, "Number of elements of source < number of ones in mask");
    }
    let l = Lines::new(shape, &[dst, mask]);
    let (sd, sm) = (l.inner()[0] as isize, l.inner()[1] as isize);
    let (from, step) = (Ptr(source.ptr), source.strides.first().copied().unwrap_or(1) as isize);
    blocks(l.total, GRAIN, &|a, b| {
        let mut at = counts.starts[(a / GRAIN) as usize] as isize;
        l.range(a, b, &mut |p, n| {
            dispatch!(dst.dtype, T in SIZE => for k in 0..n as isize {
                // SAFETY: `n` elements lie at both addresses; `source` has as many as were counted.
                unsafe {
                    if *p[1].offset(k * sm) != 0 && at < counts.total as isize {
                        *(p[0].offset(k * sd) as *mut T) = *(from.get() as *const T).offset(at * step);
                        at += 1;
                    }
                }
            });
        });
    });
    Ok(())
}
