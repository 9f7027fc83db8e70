//! Reading at positions: lines of elements, and whole rows that one position names.

use super::{Index, Pos, Rule, check, positions, read, space};
use crate::device::cpu::pool;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::lines::{GRAIN, Lines};
use crate::kernels::{Operand, Ptr};
use std::sync::atomic::{AtomicBool, Ordering};

/// `out[p] = src[p + indices]`. The dtypes of `out` and `src` are the same.
pub fn fetch(shape: &[i64], out: Operand, src: Operand, indices: &[Index], rule: Rule) -> Result<()> {
    let size = src.dtype.size();
    let pos = positions(indices, size)?;
    let l = space(shape, out, src, indices, |_| false);
    let bad = AtomicBool::new(false);
    let wraps = rule.wraps();
    let steps = l.inner();
    let row = steps[2..].iter().all(|&s| s == 0);
    if let (true, [one], 2) = (row, &pos[..], l.sizes.len()) {
        if !fetch_rows(&l, one, size, wraps) {
            check(shape, indices, rule)?;
        }
        return Ok(());
    }
    l.parallel(GRAIN, &|p, n| {
        let ok = if row {
            let mut at = 0i64;
            let mut ok = true;
            for (k, i) in pos.iter().enumerate() {
                // SAFETY: the position is inside the index, see `Operand`.
                let mut v = unsafe { read(p[2 + k], i.wide) };
                if v < 0 && wraps {
                    v += i.size;
                }
                ok &= v >= 0 && v < i.size;
                at = at.wrapping_add(v.wrapping_mul(i.stride));
            }
            if ok {
                let src = p[1].wrapping_offset(at as isize);
                // SAFETY: all positions are inside `src`, and `out` has `n` elements here.
                dispatch!(src_dtype(size), T in SIZE => unsafe { copy_row::<T>(p[0], src, n, steps[0], steps[1]) });
            }
            ok
        } else {
            // SAFETY: the addresses are those of `n` elements at the strides; positions are checked before use.
            dispatch!(src_dtype(size), T in SIZE => unsafe { fetch_line::<T>(p, n, steps, &pos, wraps) })
                .unwrap_or(true)
        };
        if !ok {
            bad.store(true, Ordering::Relaxed);
        }
    });
    if bad.load(Ordering::Relaxed) {
        check(shape, indices, rule)?;
    }
    Ok(())
}

/// Rows that are on their way while one is copied.
const AHEAD: i64 = 6;

/// Whole rows, one position for each: `l` has the rows and the elements of one. False if a position is outside.
fn fetch_rows(l: &Lines, pos: &Pos, size: usize, wraps: bool) -> bool {
    let (rows, n) = (l.sizes[0], l.sizes[1]);
    let (over, steps, start) = (l.strides(0), l.inner(), l.start());
    let p: [Ptr<u8>; 3] = [Ptr(start[0]), Ptr(start[1]), Ptr(start[2])];
    let grain = (GRAIN / n.max(1)).max(1);
    let bad = AtomicBool::new(false);
    let place = |r: i64| {
        // SAFETY: the position is inside the index, see `Operand`.
        let v = unsafe { read(p[2].get().wrapping_offset((r * over[2]) as isize), pos.wide) };
        let v = if v < 0 && wraps { v + pos.size } else { v };
        let at = r.wrapping_mul(over[1]).wrapping_add(v.wrapping_mul(pos.stride));
        ((v as u64) < pos.size as u64, p[1].get().wrapping_offset(at as isize))
    };
    pool::parallel(((rows + grain - 1) / grain) as usize, &|b| {
        let (first, end) = (b as i64 * grain, ((b as i64 + 1) * grain).min(rows));
        for r in first..end {
            if r + AHEAD < end {
                prefetch(place(r + AHEAD).1, n as usize * size);
            }
            let (inside, src) = place(r);
            if !inside {
                bad.store(true, Ordering::Relaxed);
                continue;
            }
            let out = p[0].get().wrapping_offset((r * over[0]) as isize);
            // SAFETY: the position is inside `src`, and `out` has `n` elements here.
            dispatch!(src_dtype(size), T in SIZE => unsafe { copy_row::<T>(out, src, n, steps[0], steps[1]) });
        }
    });
    !bad.load(Ordering::Relaxed)
}

/// Asks for the first lines of memory that is read soon. The address may be any.
#[inline(always)]
fn prefetch(p: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..bytes.div_ceil(64).min(8) {
        // SAFETY: a prefetch of an address that is not mapped does nothing.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(p.wrapping_add(64 * line).cast())
        };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (p, bytes);
}

/// A dtype of this size, for `dispatch!(.. in SIZE ..)`.
pub(super) fn src_dtype(size: usize) -> DType {
    match size {
        1 => DType::U8,
        2 => DType::I16,
        4 => DType::I32,
        8 => DType::I64,
        _ => DType::C128,
    }
}

/// # Safety
/// `n` elements lie at each address with these strides in bytes.
#[inline(always)]
unsafe fn copy_row<T: Copy>(out: *mut u8, src: *const u8, n: i64, so: i64, ss: i64) {
    let size = size_of::<T>() as i64;
    // SAFETY: the caller's promise. Source and destination may be the same memory (a race on numbers): `copy`.
    unsafe {
        if so == size && ss == size && n >= 16 {
            std::ptr::copy(src, out, (n * size) as usize);
        } else {
            for k in 0..n {
                *(out.offset((k * so) as isize) as *mut T) = *(src.offset((k * ss) as isize) as *const T);
            }
        }
    }
}

/// # Safety
/// `p` are addresses of `n` elements at the strides `s`; every checked position is inside `src`.
unsafe fn fetch_line<T: Copy>(p: &[*mut u8], n: i64, s: &[i64], pos: &[Pos], wraps: bool) -> bool {
    let mut ok = true;
    // SAFETY: the caller's promise.
    unsafe {
        if let [i] = *pos {
            let (out, src, at) = (p[0], p[1], p[2]);
            let (so, ss, si) = (s[0], s[1], s[2]);
            let wrap = if wraps { i.size } else { 0 };
            // The common case apart: int64 positions and results side by side.
            if i.wide && si == 8 && so == size_of::<T>() as i64 {
                let (out, at) = (out as *mut T, at as *const i64);
                for k in 0..n {
                    let v = *at.offset(k as isize);
                    let v = if v < 0 { v + wrap } else { v };
                    if (v as u64) < i.size as u64 {
                        *out.offset(k as isize) = *(src.offset((k * ss + v * i.stride) as isize) as *const T);
                    } else {
                        ok = false;
                    }
                }
                return ok;
            }
            for k in 0..n {
                let v = read(at.offset((k * si) as isize), i.wide);
                let v = if v < 0 { v + wrap } else { v };
                if (v as u64) < i.size as u64 {
                    *(out.offset((k * so) as isize) as *mut T) =
                        *(src.offset((k * ss + v * i.stride) as isize) as *const T);
                } else {
                    ok = false;
                }
            }
            return ok;
        }
        for k in 0..n {
            let mut at = k * s[1];
            let mut inside = true;
            for (j, i) in pos.iter().enumerate() {
                let mut v = read(p[2 + j].offset((k * s[2 + j]) as isize), i.wide);
                if v < 0 && wraps {
                    v += i.size;
                }
                inside &= (v as u64) < i.size as u64;
                at = at.wrapping_add(v.wrapping_mul(i.stride));
            }
            if inside {
                *(p[0].offset((k * s[0]) as isize) as *mut T) = *(p[1].offset(at as isize) as *const T);
            }
            ok &= inside;
        }
    }
    ok
}
