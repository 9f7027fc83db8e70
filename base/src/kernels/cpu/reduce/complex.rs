//! Reductions of complex numbers: plain loops.

use super::Kernels;
use crate::dtype::{C32, C64};
use crate::kernels::cpu::math::complex::{self as cxm, Cx, cx, flag, truth};
use crate::kernels::program::{Compute, Reduce};

macro_rules! reducer {
    ($T:ty, $id:expr, $op:expr, $fold:expr) => {{
        unsafe fn across(p: *const u8, n: usize, out: *mut u8) {
            let p = p as *const $T;
            // Pairs of halves down to runs of 32: the error grows with the logarithm.
            fn go(p: *const $T, n: usize) -> C64 {
                if n <= 32 {
                    let mut acc: C64 = $id;
                    for i in 0..n {
                        // SAFETY: inside the caller's n elements.
                        acc = $op(acc, unsafe { (*p.add(i)).wide() });
                    }
                    acc
                } else {
                    let h = n / 2;
                    $fold(go(p, h), go(p.wrapping_add(h), n - h))
                }
            }
            // SAFETY: room for one element.
            unsafe { *(out as *mut $T) = <$T as Cx>::narrow(go(p, n)) };
        }
        unsafe fn along(acc: *mut u8, x: *const u8, n: usize) {
            let (acc, x) = (acc as *mut $T, x as *const $T);
            for i in 0..n {
                // SAFETY: n elements at both.
                unsafe { *acc.add(i) = <$T as Cx>::narrow($op((*acc.add(i)).wide(), (*x.add(i)).wide())) };
            }
        }
        unsafe fn along8(acc: *mut u8, x: *const u8, stride: isize, n: usize) {
            for k in 0..8 {
                // SAFETY: the caller gives eight rows.
                unsafe { along(acc, x.wrapping_offset(k * stride), n) };
            }
        }
        unsafe fn fold(acc: *mut u8, x: *const u8, n: usize) {
            let (acc, x) = (acc as *mut $T, x as *const $T);
            for i in 0..n {
                // SAFETY: n elements at both.
                unsafe { *acc.add(i) = <$T as Cx>::narrow($fold((*acc.add(i)).wide(), (*x.add(i)).wide())) };
            }
        }
        let mut identity = [0u64; 2];
        // SAFETY: an element fits in 16 bytes.
        unsafe { *(identity.as_mut_ptr() as *mut $T) = <$T as Cx>::narrow($id) };
        Kernels { across, along, along8, fold, identity }
    }};
}

macro_rules! table {
    ($T:ty, $reduce:expr) => {
        match $reduce {
            Reduce::Sum => reducer!($T, cx(0.0, 0.0), cxm::add, cxm::add),
            Reduce::Prod => reducer!($T, cx(1.0, 0.0), cxm::mul, cxm::mul),
            Reduce::Any => {
                reducer!($T, cx(0.0, 0.0), |a, x| flag(truth(a) || truth(x)), |a, x| flag(truth(a) || truth(x)))
            }
            Reduce::All => {
                reducer!($T, cx(1.0, 0.0), |a, x| flag(truth(a) && truth(x)), |a, x| flag(truth(a) && truth(x)))
            }
            _ => return None,
        }
    };
}

pub(super) fn kernels(compute: Compute, reduce: Reduce) -> Option<Kernels> {
    Some(match compute {
        Compute::C64 => table!(C32, reduce),
        Compute::C128 => table!(C64, reduce),
        _ => return None,
    })
}
