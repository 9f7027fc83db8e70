//! Copies with conversion, strided copies, fills.

use super::convert;
use super::math::chain::fence;
use super::tile::{LARGE, TILE, with_scratch};
use super::walk::Walk;
use crate::device::cpu::pool;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::program::Compute;
use crate::scalar::Scalar;

const GRAIN: i64 = 65536;

/// `dst = src`, element by element, converted as PyTorch converts. `src` may broadcast.
pub fn copy(shape: &[i64], src: Operand, dst: Operand) -> Result<()> {
    let walk = Walk::new(shape, &[dst, src]);
    if walk.total <= 0 {
        return Ok(());
    }
    let c = Copier::new(walk, src, dst);
    if let Some(d) = c.turned() {
        c.blocks(d);
        return Ok(());
    }
    // Blocks of whole inner runs, where those are shorter.
    let inner = c.walk.size(0);
    let grain = if inner < GRAIN { GRAIN / inner * inner } else { GRAIN };
    let blocks = (c.walk.total + grain - 1) / grain;
    if blocks == 1 {
        c.range(0, c.walk.total);
    } else {
        pool::parallel(blocks as usize, &|b| {
            let start = b as i64 * grain;
            c.range(start, (start + grain).min(c.walk.total));
        });
    }
    Ok(())
}

/// `dst = value` everywhere.
pub fn fill(shape: &[i64], dst: Operand, value: Scalar) -> Result<()> {
    let bytes = convert::scalar_bytes(value, dst.dtype);
    let zeros = [0i64; 64];
    if shape.len() > 64 {
        crate::bail!(Runtime, "a tensor has at most 64 dimensions, and this one {}", shape.len());
    }
    let src = Operand { ptr: bytes.as_ptr() as *mut u8, dtype: dst.dtype, strides: &zeros[..shape.len()] };
    copy(shape, src, dst)
}

/// `n` elements side by side set to `value`.
///
/// # Safety
/// `n` elements of `dtype` at `dst`.
pub unsafe fn fill_run(dst: *mut u8, dtype: DType, value: Scalar, n: usize) {
    let bytes = convert::scalar_bytes(value, dtype);
    // SAFETY: by the contract; `bytes` holds one element.
    unsafe {
        if bytes == [0; 2] {
            std::ptr::write_bytes(dst, 0, n * dtype.size());
        } else {
            convert::gather(dtype.size(), dst, bytes.as_ptr() as *const u8, 0, n);
        }
    }
}

struct Copier {
    walk: Walk,
    from: usize,
    to: usize,
    ss: i64,
    ds: i64,
    first: Option<convert::Convert>,
    second: Option<convert::Convert>,
}

// SAFETY: the raw pointers are addresses of operands; threads write different ranges.
unsafe impl Sync for Copier {}

/// Rows and columns of a block of a transposition: both sides stay in the first-level cache.
const SIDE: i64 = 32;

impl Copier {
    /// The dimension along which the source lies, if the destination lies along another one: then a run of one is far
    /// strides of the other, and the copy goes by blocks.
    fn turned(&self) -> Option<usize> {
        let w = &self.walk;
        let plain = self.first.is_none() && self.ds == self.to as i64 && self.ss.abs() >= 64 && self.to <= 8;
        // A short run's far lines stay in the first-level cache until their neighbours are wanted, unless they all fall on
        // the same few places in it.
        let stay = w.size(0) <= 64 && self.ss % 4096 != 0;
        if !plain || stay || w.total < 1024 || w.size(0) < 8 {
            return None;
        }
        (1..w.ndim()).find(|&d| w.size(d) >= 8 && w.stride(d, 1) == self.from as i64)
    }

    /// Copies by blocks of dimensions 0 and `d`.
    fn blocks(&self, d: usize) {
        let w = &self.walk;
        let each = ((w.size(0) + SIDE - 1) / SIDE) * ((w.size(d) + SIDE - 1) / SIDE);
        let total = each * (w.total / w.size(0) / w.size(d));
        let grain = (GRAIN / (SIDE * SIDE)).max(1);
        pool::parallel(((total + grain - 1) / grain) as usize, &|g| {
            let first = g as i64 * grain;
            (first..(first + grain).min(total)).for_each(|t| self.block(d, t / each, t % each));
        });
    }

    /// Copies block `b` of the plane `rest` of dimensions 0 and `d`.
    fn block(&self, d: usize, mut rest: i64, b: i64) {
        let w = &self.walk;
        let down = (w.size(0) + SIDE - 1) / SIDE;
        let (i, j) = (b % down * SIDE, b / down * SIDE);
        let (mut to, mut from) = (i * self.ds + j * w.stride(d, 0), i * self.ss + j * w.stride(d, 1));
        for k in (1..w.ndim()).filter(|&k| k != d) {
            to += rest % w.size(k) * w.stride(k, 0);
            from += rest % w.size(k) * w.stride(k, 1);
            rest /= w.size(k);
        }
        let (rows, cols) = ((w.size(0) - i).min(SIDE) as usize, (w.size(d) - j).min(SIDE) as usize);
        let (to, from, ds) =
            (w.ptr(0).wrapping_offset(to as isize), w.ptr(1).wrapping_offset(from as isize), w.stride(d, 0));
        // SAFETY: the block lies inside both operands.
        unsafe {
            match self.to {
                1 => turn::<u8>(to, ds, from, self.ss, rows, cols),
                2 => turn::<u16>(to, ds, from, self.ss, rows, cols),
                4 => turn::<u32>(to, ds, from, self.ss, rows, cols),
                _ => turn::<u64>(to, ds, from, self.ss, rows, cols),
            }
        }
    }

    fn new(walk: Walk, src: Operand, dst: Operand) -> Copier {
        let (s, d) = (src.dtype, dst.dtype);
        let (mut first, mut second) = (None, None);
        if s != d {
            let (cs, cd) = (Compute::of(s), Compute::of(d));
            if cd.dtype() == d {
                first = Some(convert::load(s, cd));
            } else if cs.dtype() == s {
                first = Some(convert::store(cs, d));
            } else {
                first = Some(convert::load(s, cs));
                second = Some(convert::store(cs, d));
            }
        }
        let single = walk.total == 1;
        let ss = if single { s.size() as i64 } else { walk.stride(0, 1) };
        let ds = if single { d.size() as i64 } else { walk.stride(0, 0) };
        Copier { walk, from: s.size(), to: d.size(), ss, ds, first, second }
    }

    /// Short runs that lie side by side in both, a row of runs at a time. False where the case is another one.
    fn short_runs(&self, start: i64, end: i64) -> bool {
        let (w, inner) = (&self.walk, self.walk.size(0));
        let run = inner as usize * self.to;
        let flat = self.ss == self.from as i64 && self.ds == self.to as i64;
        if self.first.is_some() || !flat || w.ndim() < 2 || run > SHORT || start % inner != 0 || end % inner != 0 {
            return false;
        }
        let outer = w.outer();
        let (ds, ss) = (outer.stride(0, 0) as isize, outer.stride(0, 1) as isize);
        outer.range(start / inner, end / inner, i64::MAX, |a, rows| {
            let (mut to, mut from) = (a.p[0], a.p[1].cast_const());
            for _ in 0..rows {
                // SAFETY: the walk gives `rows` inner runs at these distances.
                unsafe { copy_short(to, from, run) };
                (to, from) = (to.wrapping_offset(ds), from.wrapping_offset(ss));
            }
        });
        true
    }

    fn range(&self, start: i64, end: i64) {
        if self.short_runs(start, end) {
            return;
        }
        let flat = self.ss == self.from as i64 && self.ds == self.to as i64;
        match (self.first, self.second) {
            (None, _) => self.walk.range(start, end, i64::MAX, |a, n| {
                // SAFETY: the walk gives n elements at these strides.
                unsafe { move_run(self.from, a.p[0], self.ds, a.p[1], self.ss, n as usize) }
            }),
            (Some(f), None) if flat && self.walk.total * self.to as i64 >= LARGE => {
                with_scratch(convert::PAST, |tile| {
                    self.walk.range(start, end, (convert::PAST / self.to) as i64, |a, n| {
                        // SAFETY: n contiguous elements at both, less than a tile.
                        unsafe {
                            f(tile, a.p[1], n as usize);
                            convert::past(a.p[0], tile, n as usize * self.to);
                        }
                    });
                    fence();
                })
            }
            (Some(f), None) if flat => self.walk.range(start, end, i64::MAX, |a, n| {
                // SAFETY: n contiguous elements at both.
                unsafe { f(a.p[0], a.p[1], n as usize) }
            }),
            (Some(f), second) => with_scratch(3 * TILE * 16, |t0| {
                let t1 = t0.wrapping_add(TILE * 16);
                let t2 = t1.wrapping_add(TILE * 16);
                self.walk.range(start, end, TILE as i64, |a, n| {
                    let n = n as usize;
                    // SAFETY: n <= TILE elements at these strides; tiles hold TILE elements of any size.
                    unsafe {
                        let src = if self.ss == self.from as i64 {
                            a.p[1]
                        } else {
                            convert::gather(self.from, t0, a.p[1], self.ss, n);
                            t0
                        };
                        let out = if self.ds == self.to as i64 { a.p[0] } else { t2 };
                        match second {
                            None => f(out, src, n),
                            Some(g) => {
                                f(t1, src, n);
                                g(out, t1, n);
                            }
                        }
                        if out == t2 {
                            convert::scatter(self.to, a.p[0], self.ds, t2, n);
                        }
                    }
                });
            }),
        }
    }
}

/// `dst[j][i] = src[i][j]` for `i < rows`, `j < cols`; `ds` is the distance of the destination's `j`, `ss` of the source's
/// `i`, in bytes; the other two lie side by side.
///
/// # Safety
/// Both blocks can be read and written.
unsafe fn turn<T: Copy>(dst: *mut u8, ds: i64, src: *const u8, ss: i64, rows: usize, cols: usize) {
    let mut block = std::mem::MaybeUninit::<[[T; SIDE as usize]; SIDE as usize]>::uninit();
    let b = block.as_mut_ptr().cast::<T>();
    // SAFETY: the caller's; the block has room for SIDE rows of SIDE.
    unsafe {
        let row = |i: usize| src.wrapping_offset(i as isize * ss as isize) as *const T;
        let (mut down, over) = (0, cols / 4 * 4);
        #[cfg(target_arch = "x86_64")]
        if size_of::<T>() == 4 {
            // Four by four in registers.
            use std::arch::x86_64::*;
            while down + 4 <= rows {
                for j in (0..over).step_by(4) {
                    let get = |i: usize| _mm_loadu_ps(row(down + i).add(j).cast());
                    let (mut p, mut q, mut r, mut s) = (get(0), get(1), get(2), get(3));
                    _MM_TRANSPOSE4_PS(&mut p, &mut q, &mut r, &mut s);
                    for (k, v) in [p, q, r, s].into_iter().enumerate() {
                        _mm_storeu_ps(b.add((j + k) * SIDE as usize + down).cast(), v);
                    }
                }
                down += 4;
            }
        }
        for i in 0..rows {
            for j in if i < down { over } else { 0 }..cols {
                *b.add(j * SIDE as usize + i) = *row(i).add(j);
            }
        }
        for j in 0..cols {
            let to = dst.wrapping_offset(j as isize * ds as isize) as *mut T;
            std::ptr::copy_nonoverlapping(b.add(j * SIDE as usize), to, rows);
        }
    }
}

/// Most bytes of a run that is copied without a call.
const SHORT: usize = 1024;

/// `n` bytes by moves of at most 64.
///
/// # Safety
/// `n` bytes at both addresses.
#[inline(always)]
unsafe fn copy_short(to: *mut u8, from: *const u8, n: usize) {
    if (to as usize).abs_diff(from as usize) < n {
        // SAFETY: by the contract.
        return unsafe { std::ptr::copy(from, to, n) };
    }
    let mut i = 0;
    macro_rules! moves {
        ($($how:tt $T:ty),*) => {$(
            $how i + size_of::<$T>() <= n {
                // SAFETY: inside the run.
                unsafe { to.add(i).cast::<$T>().write_unaligned(from.add(i).cast::<$T>().read_unaligned()) };
                i += size_of::<$T>();
            }
        )*};
    }
    moves!(while [u64; 8], if [u64; 4], if [u64; 2], if u64, if u32, if u16, if u8);
}

/// # Safety
/// `n` elements of `size` bytes at both addresses with these strides.
unsafe fn move_run(size: usize, dst: *mut u8, ds: i64, src: *const u8, ss: i64, n: usize) {
    // SAFETY: by the contract.
    unsafe {
        if ds == size as i64 {
            if ss == ds {
                std::ptr::copy(src, dst, n * size);
            } else {
                convert::gather(size, dst, src, ss, n);
            }
        } else if ss == size as i64 {
            convert::scatter(size, dst, ds, src, n);
        } else {
            macro_rules! go {
                ($T:ty) => {
                    for i in 0..n as isize {
                        *(dst.wrapping_offset(i * ds as isize) as *mut $T) =
                            *(src.wrapping_offset(i * ss as isize) as *const $T);
                    }
                };
            }
            match size {
                1 => go!(u8),
                2 => go!(u16),
                4 => go!(u32),
                8 => go!(u64),
                _ => go!([u64; 2]),
            }
        }
    }
}
