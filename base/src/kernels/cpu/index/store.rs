//! Writing at positions: what comes is joined with what is there.

use super::fetch::src_dtype;
use super::{Index, Pos, Reduce, Rule, check, positions, read, space};
use crate::device::cpu::pool;
use crate::dtype::{DType, bf16, f16};
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::lines::GRAIN;
use crate::kernels::cpu::num::{Num, Real, bf16_up, f16_up, max, min};

/// `dst[p + indices] = reduce(dst[p + indices], src[p])`, nothing being written if a position is not allowed. `free`
/// names the dimensions of `shape` along which different positions always mean different places (work is split there).
/// The dtypes are the same, but for sums and products of halves in a float32 `dst`.
pub fn store(
    shape: &[i64],
    dst: Operand,
    src: Operand,
    indices: &[Index],
    rule: Rule,
    reduce: Reduce,
    free: impl Fn(usize) -> bool,
) -> Result<()> {
    check(shape, indices, rule)?;
    let size = dst.dtype.size();
    let pos = positions(indices, size)?;
    let wraps = rule.wraps();
    let l = space(shape, dst, src, indices, |d| free(d) && dst.strides[d] != 0);
    let line = match reduce {
        Reduce::Set => dispatch!(src_dtype(size), T in SIZE => store_line::<T, T, Put> as Line),
        Reduce::Amax => dispatch!(dst.dtype, T in REAL => store_line::<T, T, Amax> as Line),
        Reduce::Amin => dispatch!(dst.dtype, T in REAL => store_line::<T, T, Amin> as Line),
        Reduce::Prod => match (dst.dtype, src.dtype) {
            (DType::F32, DType::F16) => Some(store_line::<f32, f16, Mul> as Line),
            (DType::F32, DType::BF16) => Some(store_line::<f32, bf16, Mul> as Line),
            _ => dispatch!(dst.dtype, T in ALL => store_line::<T, T, Mul> as Line),
        },
        Reduce::Sum => match (dst.dtype, src.dtype) {
            (DType::F32, DType::F16) => Some(store_line::<f32, f16, Add> as Line),
            (DType::F32, DType::BF16) => Some(store_line::<f32, bf16, Add> as Line),
            _ => dispatch!(dst.dtype, T in ALL => store_line::<T, T, Add> as Line),
        },
    };
    let Some(line) = line else {
        bail!(NotImplemented, "\"scatter_reduce\" not implemented for '{}'", dst.dtype.c10_name())
    };
    let steps = l.inner();
    let last = l.sizes.len() - 1;
    // Rows that one index names: split by the row that is written to, and keep rows whole.
    if let [i] = *pos
        && last == 1
        && l.marks[1]
        && steps[2] == 0
    {
        let parts = (l.total / GRAIN).min(l.sizes[1] / 32).clamp(1, 16);
        let outer = l.strides(0);
        pool::parallel(parts as usize, &|b| {
            let start = l.start();
            for r in 0..l.sizes[0] {
                let at = start[2].wrapping_offset((r * outer[2]) as isize);
                // SAFETY: the position is inside the index, see `Operand`.
                let v = unsafe { read(at, i.wide) };
                let v = if v < 0 && wraps { v + i.size } else { v };
                if v as u64 % parts as u64 == b as u64 {
                    let p = [
                        start[0].wrapping_offset((r * outer[0]) as isize),
                        start[1].wrapping_offset((r * outer[1]) as isize),
                        at,
                    ];
                    line(&p, l.sizes[1], steps, &pos, wraps);
                }
            }
        });
        return Ok(());
    }
    l.split_marked(&|l| {
        let steps = l.inner();
        l.serial(&mut |p, n| line(p, n, steps, &pos, wraps));
    });
    Ok(())
}

/// One line of a store: addresses, length, strides in bytes, positions, whether negative ones wrap.
type Line = fn(&[*mut u8], i64, &[i64], &[Pos], bool);

trait Join<T, S> {
    fn join(old: T, new: S) -> T;
}

struct Put;
struct Add;
struct Mul;
struct Amax;
struct Amin;

impl<T> Join<T, T> for Put {
    #[inline(always)]
    fn join(_: T, new: T) -> T {
        new
    }
}
impl<T: Num> Join<T, T> for Add {
    #[inline(always)]
    fn join(old: T, new: T) -> T {
        old.add(new)
    }
}
impl<T: Num> Join<T, T> for Mul {
    #[inline(always)]
    fn join(old: T, new: T) -> T {
        old.mul(new)
    }
}
macro_rules! halves {
    ($($t:ty, $up:ident);*) => {$(
        impl Join<f32, $t> for Add {
            #[inline(always)]
            fn join(old: f32, new: $t) -> f32 {
                old + $up(new)
            }
        }
        impl Join<f32, $t> for Mul {
            #[inline(always)]
            fn join(old: f32, new: $t) -> f32 {
                old * $up(new)
            }
        }
    )*};
}
halves!(f16, f16_up; bf16, bf16_up);
impl<T: Real> Join<T, T> for Amax {
    #[inline(always)]
    fn join(old: T, new: T) -> T {
        max(old, new)
    }
}
impl<T: Real> Join<T, T> for Amin {
    #[inline(always)]
    fn join(old: T, new: T) -> T {
        min(old, new)
    }
}

/// One line of `store`. Positions have been checked.
fn store_line<T: Copy, S: Copy, J: Join<T, S>>(p: &[*mut u8], n: i64, s: &[i64], pos: &[Pos], wraps: bool) {
    let (size, from) = (size_of::<T>() as i64, size_of::<S>() as i64);
    let (dst, src) = (p[0], p[1]);
    let place = |k: i64| {
        let mut at = 0;
        for (j, i) in pos.iter().enumerate() {
            // SAFETY: the position is inside the index, see `Operand`.
            let mut v = unsafe { read(p[2 + j].offset((k * s[2 + j]) as isize), i.wide) };
            if v < 0 && wraps {
                v += i.size;
            }
            // Another thread of the host may have changed the index since it was checked: stay inside.
            v = if (v as u64) < i.size as u64 { v } else { 0 };
            at += v * i.stride;
        }
        at as isize
    };
    // SAFETY: `n` elements lie at each address with these strides, and every place is inside `dst`.
    unsafe {
        if s[2..].iter().all(|&x| x == 0) {
            let dst = dst.offset(place(0));
            if s[0] == size && s[1] == from {
                let (d, x) = (dst as *mut T, src as *const S);
                for k in 0..n as usize {
                    *d.add(k) = J::join(*d.add(k), *x.add(k));
                }
            } else {
                for k in 0..n {
                    let d = dst.offset((k * s[0]) as isize) as *mut T;
                    *d = J::join(*d, *(src.offset((k * s[1]) as isize) as *const S));
                }
            }
        } else if let [i] = *pos
            && i.wide
            && s[2] == 8
            && s[1] == from
        {
            let (x, at, wrap) = (src as *const S, p[2] as *const i64, if wraps { i.size } else { 0 });
            for k in 0..n {
                let v = *at.offset(k as isize);
                let v = if v < 0 { v + wrap } else { v };
                let v = if (v as u64) < i.size as u64 { v } else { 0 };
                let d = dst.offset((k * s[0] + v * i.stride) as isize) as *mut T;
                *d = J::join(*d, *x.offset(k as isize));
            }
        } else {
            for k in 0..n {
                let d = dst.offset((k * s[0]) as isize + place(k)) as *mut T;
                *d = J::join(*d, *(src.offset((k * s[1]) as isize) as *const S));
            }
        }
    }
}
