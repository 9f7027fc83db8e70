//! Conversion loops, compiled once per instruction set (`target!` gives them their features).

use super::{Convert, Elem};
use crate::dtype::{C32, C64, DType};
use crate::kernels::program::Compute;

macro_rules! pair {
    ($load:ident, $store:ident, $C:ty, $to:ident, $from:ident) => {
        target! {
            unsafe fn $load<T: Elem>(dst: *mut u8, src: *const u8, n: usize) {
                let (d, s) = (dst as *mut $C, src as *const T);
                for i in 0..n {
                    // SAFETY: the caller gives n elements at both.
                    unsafe { *d.add(i) = (*s.add(i)).$to() };
                }
            }
            unsafe fn $store<T: Elem>(dst: *mut u8, src: *const u8, n: usize) {
                let (d, s) = (dst as *mut T, src as *const $C);
                for i in 0..n {
                    // SAFETY: the caller gives n elements at both.
                    unsafe { *d.add(i) = T::$from(*s.add(i)) };
                }
            }
        }
    };
}

pair!(load_f32, store_f32, f32, to_f32, from_f32);
pair!(load_f64, store_f64, f64, to_f64, from_f64);
pair!(load_i64, store_i64, i64, to_i64, from_i64);
pair!(load_c32, store_c32, C32, to_c32, from_c32);
pair!(load_c64, store_c64, C64, to_c, from_c);

pub(super) fn load(from: DType, to: Compute) -> Convert {
    dispatch!(from, T in ALL => match to {
        Compute::F32 => load_f32::<T> as Convert,
        Compute::F64 => load_f64::<T>,
        Compute::I64 => load_i64::<T>,
        Compute::C64 => load_c32::<T>,
        Compute::C128 => load_c64::<T>,
    })
    .unwrap_or(load_f32::<f32>)
}

pub(super) fn store(from: Compute, to: DType) -> Convert {
    dispatch!(to, T in ALL => match from {
        Compute::F32 => store_f32::<T> as Convert,
        Compute::F64 => store_f64::<T>,
        Compute::I64 => store_i64::<T>,
        Compute::C64 => store_c32::<T>,
        Compute::C128 => store_c64::<T>,
    })
    .unwrap_or(store_f32::<f32>)
}
