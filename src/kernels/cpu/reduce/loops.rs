//! Loops of reductions, compiled once per instruction set.

use super::super::math::{f32m, f64m, sel};
use super::{Across, Kernels, Lanes};
use crate::kernels::program::{Compute, Reduce};

/// `$op(acc, x)`; `$id` the value that changes nothing.
macro_rules! reducer {
    ($T:ty, $L:expr, $id:expr, |$a:ident, $x:ident| $op:expr, |$b:ident, $y:ident| $fold:expr) => {{
        target! {
            unsafe fn across(p: *const u8, n: usize, out: *mut u8) {
                let p = p as *const $T;
                if $L == 1 {
                    // Integers: the order does not matter, and the compiler finds its own lanes (32 fixed ones it takes
                    // apart into single registers).
                    let mut acc: $T = $id;
                    for i in 0..n {
                        // SAFETY: the caller gives n elements.
                        let ($a, $x) = (acc, unsafe { *p.add(i) });
                        acc = $op;
                    }
                    // SAFETY: the caller gives room for one element.
                    unsafe { *(out as *mut $T) = acc };
                    return;
                }
                if n < $L {
                    // Few elements: few lanes.
                    let mut acc: [$T; 8] = [$id; 8];
                    let whole = n / 8 * 8;
                    let mut i = 0;
                    while i < whole {
                        // SAFETY: the caller gives n elements.
                        let v = unsafe { *(p.add(i) as *const Lanes<$T, 8>) };
                        for j in 0..8 {
                            let ($a, $x) = (acc[j], v.0[j]);
                            acc[j] = $op;
                        }
                        i += 8;
                    }
                    for j in 0..n - whole {
                        // SAFETY: as above.
                        let ($a, $x) = (acc[j], unsafe { *p.add(whole + j) });
                        acc[j] = $op;
                    }
                    let mut w = 4;
                    while w > 0 {
                        for j in 0..w {
                            let ($b, $y) = (acc[j], acc[j + w]);
                            acc[j] = $fold;
                        }
                        w /= 2;
                    }
                    // SAFETY: the caller gives room for one element.
                    unsafe { *(out as *mut $T) = acc[0] };
                    return;
                }
                let mut acc: [$T; $L] = [$id; $L];
                let whole = n / $L * $L;
                let mut i = 0;
                while i < whole {
                    // SAFETY: the caller gives n elements.
                    let v = unsafe { *(p.add(i) as *const Lanes<$T, $L>) };
                    for j in 0..$L {
                        let ($a, $x) = (acc[j], v.0[j]);
                        acc[j] = $op;
                    }
                    i += $L;
                }
                for j in 0..n - whole {
                    // SAFETY: as above.
                    let ($a, $x) = (acc[j], unsafe { *p.add(whole + j) });
                    acc[j] = $op;
                }
                let mut w = $L / 2;
                while w > 0 {
                    for j in 0..w {
                        let ($b, $y) = (acc[j], acc[j + w]);
                        acc[j] = $fold;
                    }
                    w /= 2;
                }
                // SAFETY: the caller gives room for one element.
                unsafe { *(out as *mut $T) = acc[0] };
            }
            unsafe fn along(acc: *mut u8, x: *const u8, n: usize) {
                let (acc, x) = (acc as *mut $T, x as *const $T);
                for i in 0..n {
                    // SAFETY: the caller gives n elements at both.
                    unsafe {
                        let ($a, $x) = (*acc.add(i), *x.add(i));
                        *acc.add(i) = $op;
                    }
                }
            }
            unsafe fn along8(acc: *mut u8, x: *const u8, stride: isize, n: usize) {
                let acc = acc as *mut $T;
                let r = |k: isize| x.wrapping_offset(k * stride) as *const $T;
                let (r0, r1, r2, r3) = (r(0), r(1), r(2), r(3));
                let (r4, r5, r6, r7) = (r(4), r(5), r(6), r(7));
                macro_rules! pair {
                    ($p:expr, $q:expr) => {{
                        let ($b, $y) = ($p, $q);
                        $fold
                    }};
                }
                macro_rules! start {
                    ($p:expr) => {{
                        let ($a, $x): ($T, $T) = ($id, $p);
                        $op
                    }};
                }
                for i in 0..n {
                    // SAFETY: the caller gives n elements in each of eight rows, and at acc.
                    unsafe {
                        let a = pair!(start!(*r0.add(i)), start!(*r1.add(i)));
                        let b = pair!(start!(*r2.add(i)), start!(*r3.add(i)));
                        let c = pair!(start!(*r4.add(i)), start!(*r5.add(i)));
                        let d = pair!(start!(*r6.add(i)), start!(*r7.add(i)));
                        *acc.add(i) = pair!(*acc.add(i), pair!(pair!(a, b), pair!(c, d)));
                    }
                }
            }
            unsafe fn fold(acc: *mut u8, x: *const u8, n: usize) {
                let (acc, x) = (acc as *mut $T, x as *const $T);
                for i in 0..n {
                    // SAFETY: the caller gives n elements at both.
                    unsafe {
                        let ($b, $y) = (*acc.add(i), *x.add(i));
                        *acc.add(i) = $fold;
                    }
                }
            }
        }
        let id: $T = $id;
        let mut identity = [0u64; 2];
        // SAFETY: an element fits in 16 bytes.
        unsafe { *(identity.as_mut_ptr() as *mut $T) = id };
        Kernels { across, along, along8, fold, identity }
    }};
}

macro_rules! floats {
    ($T:ident, $L:expr, $reduce:expr) => {
        match $reduce {
            Reduce::Sum => reducer!($T, $L, 0.0, |a, x| a + x, |b, y| b + y),
            Reduce::Prod => reducer!($T, $L, 1.0, |a, x| a * x, |b, y| b * y),
            Reduce::Max => reducer!($T, $L, $T::NEG_INFINITY, |a, x| sel((a < x) | (x != x), x, a), |b, y| sel(
                (b < y) | (y != y),
                y,
                b
            )),
            Reduce::Min => reducer!($T, $L, $T::INFINITY, |a, x| sel((a > x) | (x != x), x, a), |b, y| sel(
                (b > y) | (y != y),
                y,
                b
            )),
            Reduce::Any => reducer!($T, $L, 0.0, |a, x| sel(x != 0.0, 1.0, a), |b, y| sel(y != 0.0, 1.0, b)),
            Reduce::All => reducer!($T, $L, 1.0, |a, x| sel(x == 0.0, 0.0, a), |b, y| sel(y == 0.0, 0.0, b)),
        }
    };
}

pub(super) fn kernels(compute: Compute, reduce: Reduce) -> Option<Kernels> {
    Some(match compute {
        Compute::F32 => floats!(f32, 64, reduce),
        Compute::F64 => floats!(f64, 32, reduce),
        Compute::I64 => match reduce {
            Reduce::Sum => reducer!(i64, 1, 0, |a, x| a.wrapping_add(x), |b, y| b.wrapping_add(y)),
            Reduce::Prod => reducer!(i64, 1, 1, |a, x| a.wrapping_mul(x), |b, y| b.wrapping_mul(y)),
            Reduce::Max => reducer!(i64, 1, i64::MIN, |a, x| sel(a < x, x, a), |b, y| sel(b < y, y, b)),
            Reduce::Min => reducer!(i64, 1, i64::MAX, |a, x| sel(a > x, x, a), |b, y| sel(b > y, y, b)),
            Reduce::Any => reducer!(i64, 1, 0, |a, x| sel(x != 0, 1, a), |b, y| b | y),
            Reduce::All => reducer!(i64, 1, 1, |a, x| sel(x == 0, 0, a), |b, y| b & y),
        },
        _ => return None,
    })
}

type S = isa!();

macro_rules! softmax_row {
    ($name:ident, $T:ident, $exp:path) => {
        target! {
            /// One row: the largest, the exponentials (into `y`) and their sum, the scaling. `y` overlaps nothing.
            pub(super) unsafe fn $name(y: *mut u8, x: *const u8, n: usize, max: Across, sum: Across) {
                let (mut top, mut total): ($T, $T) = (0.0, 0.0);
                // SAFETY: the caller gives n elements at x and y; the loops write one result.
                unsafe {
                    max(x, n, &mut top as *mut $T as *mut u8);
                    let (x, o) = (x as *const $T, y as *mut $T);
                    for i in 0..n {
                        *o.add(i) = $exp(*x.add(i) - top);
                    }
                    sum(y, n, &mut total as *mut $T as *mut u8);
                    let scale = 1.0 / total;
                    for i in 0..n {
                        *o.add(i) *= scale;
                    }
                }
            }
        }
    };
}
softmax_row!(softmax_f32, f32, f32m::exp_below::<S>);
softmax_row!(softmax_f64, f64, f64m::exp::<S>);
