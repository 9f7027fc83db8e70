//! Copies with conversion, strided copies, fills.

use super::convert;
use super::tile::{TILE, with_scratch};
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
    let blocks = (c.walk.total + GRAIN - 1) / GRAIN;
    if blocks == 1 {
        c.range(0, c.walk.total);
    } else {
        pool::parallel(blocks as usize, &|b| {
            let start = b as i64 * GRAIN;
            c.range(start, (start + GRAIN).min(c.walk.total));
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

impl Copier {
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

    fn range(&self, start: i64, end: i64) {
        let flat = self.ss == self.from as i64 && self.ds == self.to as i64;
        match (self.first, self.second) {
            (None, _) => self.walk.range(start, end, i64::MAX, |a, n| {
                // SAFETY: the walk gives n elements at these strides.
                unsafe { move_run(self.from, a.p[0], self.ds, a.p[1], self.ss, n as usize) }
            }),
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
