//! Conversion of elements between dtypes, and gathers and scatters of strided ones. Contiguous conversions are loops that
//! the compiler vectorises, compiled once per instruction set.

mod elem;
#[cfg(target_arch = "x86_64")]
mod f16c;

use crate::device::cpu::isa;
use crate::dtype::DType;
use crate::kernels::program::Compute;
use crate::scalar::Scalar;
pub use elem::{Elem, bf16_from_f32, bf16_to_f32, f16_from_f32, f16_to_f32};

/// `dst[i] = src[i]` converted, for `i < n`, both contiguous and not overlapping.
pub type Convert = unsafe fn(dst: *mut u8, src: *const u8, n: usize);

macro_rules! target {
    ($($i:item)*) => { $($i)* };
}
#[path = "loops.rs"]
mod portable;

#[cfg(target_arch = "x86_64")]
macro_rules! target {
    ($($i:item)*) => { $(#[target_feature(enable = "avx2,fma,f16c")] $i)* };
}
#[cfg(target_arch = "x86_64")]
#[allow(clippy::duplicate_mod)]
#[path = "loops.rs"]
mod avx2;

#[cfg(target_arch = "x86_64")]
macro_rules! target {
    ($($i:item)*) => { $(#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512cd,fma,f16c")] $i)* };
}
#[cfg(target_arch = "x86_64")]
#[allow(clippy::duplicate_mod)]
#[path = "loops.rs"]
mod avx512;

/// From a dtype in memory to a compute type.
pub fn load(from: DType, to: Compute) -> Convert {
    match isa::isa() {
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx512 | isa::Isa::Avx2 if from == DType::F16 && to == Compute::F32 => f16c::load,
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx512 => avx512::load(from, to),
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx2 => avx2::load(from, to),
        _ => portable::load(from, to),
    }
}

/// From a compute type to a dtype in memory.
pub fn store(from: Compute, to: DType) -> Convert {
    match isa::isa() {
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx512 | isa::Isa::Avx2 if to == DType::F16 && from == Compute::F32 => f16c::store,
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx512 => avx512::store(from, to),
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx2 => avx2::store(from, to),
        _ => portable::store(from, to),
    }
}

/// A number in the memory form of a dtype (first bytes of the array).
pub fn scalar_bytes(s: Scalar, d: DType) -> [u64; 2] {
    let mut out = [0u64; 2];
    dispatch!(d, T in ALL => {
        let v: T = match s {
            Scalar::Bool(b) => T::from_i64(b as i64),
            Scalar::Int(i) => T::from_i64(i),
            Scalar::Float(f) => T::from_f64(f),
            Scalar::Complex(re, im) => T::from_c(crate::dtype::Complex { re, im }),
        };
        // SAFETY: every element type fits in 16 bytes and needs no more than 8 of alignment.
        unsafe { *(out.as_mut_ptr() as *mut T) = v };
    });
    out
}

/// How many bytes to compute before they are copied [`past`] the caches: with more, reading waits for writing.
pub const PAST: usize = 2048;

/// Copies `n` bytes past the caches, for results too large to stay there: nothing is read to be overwritten. What follows on
/// another thread needs `math::chain::fence` first.
///
/// # Safety
/// `n` bytes at both ends, not overlapping.
pub unsafe fn past(dst: *mut u8, src: *const u8, n: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: by the contract; every x86-64 has SSE2, and the addresses written past the caches are multiples of 16. (Wider
    // vectors were slower.)
    unsafe {
        use std::arch::x86_64::{_mm_loadu_si128, _mm_stream_si128};
        let mut i = ((dst as usize).wrapping_neg() % 16).min(n);
        std::ptr::copy_nonoverlapping(src, dst, i);
        while i + 16 <= n {
            _mm_stream_si128(dst.add(i).cast(), _mm_loadu_si128(src.add(i).cast()));
            i += 16;
        }
        std::ptr::copy_nonoverlapping(src.add(i), dst.add(i), n - i);
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: by the contract.
    unsafe {
        std::ptr::copy_nonoverlapping(src, dst, n)
    }
}

/// Elements that are turned round at once.
const TURN: usize = 16;

/// `dst[i] = *(src + i * stride)`: elements of `size` bytes into contiguous memory.
///
/// # Safety
/// `n` elements at both ends, aligned, not overlapping.
#[inline]
pub unsafe fn gather(size: usize, dst: *mut u8, src: *const u8, stride: i64, n: usize) {
    macro_rules! go {
        ($T:ty) => {{
            let d = dst as *mut $T;
            if stride == -(size as i64) {
                // Backwards, by vectors that are turned round.
                let mut i = 0;
                while i + TURN <= n {
                    // SAFETY: the caller gives n elements at both.
                    unsafe {
                        let first = src.wrapping_offset((i + TURN - 1) as isize * stride as isize);
                        let mut v = *(first as *const [$T; TURN]);
                        v.reverse();
                        *(d.add(i) as *mut [$T; TURN]) = v;
                    }
                    i += TURN;
                }
                while i < n {
                    // SAFETY: as above.
                    unsafe { *d.add(i) = *(src.wrapping_offset(i as isize * stride as isize) as *const $T) };
                    i += 1;
                }
            } else if stride == 0 {
                // SAFETY: the caller gives one element at src and n at dst.
                unsafe {
                    let v = *(src as *const $T);
                    for i in 0..n {
                        *d.add(i) = v;
                    }
                }
            } else if stride == 2 * size as i64 {
                // Known steps become shuffles.
                for i in 0..n {
                    // SAFETY: the caller gives n elements at these addresses; so below.
                    unsafe { *d.add(i) = *(src as *const $T).add(2 * i) };
                }
            } else if stride == -(size as i64) {
                for i in 0..n {
                    // SAFETY: as above.
                    unsafe { *d.add(i) = *(src as *const $T).sub(i) };
                }
            } else {
                for i in 0..n {
                    // SAFETY: as above.
                    unsafe { *d.add(i) = *(src.wrapping_offset(i as isize * stride as isize) as *const $T) };
                }
            }
        }};
    }
    if stride == size as i64 && n > 8 {
        // SAFETY: contiguous at both ends.
        unsafe { std::ptr::copy_nonoverlapping(src, dst, n * size) };
        return;
    }
    match size {
        1 => go!(u8),
        2 => go!(u16),
        4 => go!(u32),
        8 => go!(u64),
        _ => go!([u64; 2]),
    }
}

/// `*(dst + i * stride) = src[i]`.
///
/// # Safety
/// As for [`gather`].
#[inline]
pub unsafe fn scatter(size: usize, dst: *mut u8, stride: i64, src: *const u8, n: usize) {
    macro_rules! go {
        ($T:ty) => {{
            let s = src as *const $T;
            for i in 0..n {
                // SAFETY: the caller gives n elements at these addresses.
                unsafe { *(dst.wrapping_offset(i as isize * stride as isize) as *mut $T) = *s.add(i) };
            }
        }};
    }
    if stride == size as i64 && n > 8 {
        // SAFETY: contiguous at both ends.
        unsafe { std::ptr::copy_nonoverlapping(src, dst, n * size) };
        return;
    }
    match size {
        1 => go!(u8),
        2 => go!(u16),
        4 => go!(u32),
        8 => go!(u64),
        _ => go!([u64; 2]),
    }
}

/// Turns a block: `dst[r * pitch + i] = *(src + i * strides[0] + r * strides[1])` for `r < rows` and `i < n`, where `pitch` is
/// in bytes. Neighbours in `src` are those with the same `i`.
///
/// # Safety
/// As for [`gather`], for all of the block.
pub unsafe fn turn(size: usize, dst: *mut u8, pitch: usize, src: *const u8, strides: [i64; 2], rows: usize, n: usize) {
    macro_rules! go {
        ($T:ty) => {{
            let at = |i: usize| src.wrapping_offset(i as isize * strides[0] as isize);
            let to = |r: usize| dst.wrapping_add(r * pitch) as *mut $T;
            let mut r = 0;
            if strides[1] == size as i64 {
                // Four by four: loads and stores of neighbours, and shuffles between.
                while r + 4 <= rows {
                    let mut i = 0;
                    while i + 4 <= n {
                        let mut v = [[<$T>::default(); 4]; 4];
                        for k in 0..4 {
                            // SAFETY: four neighbours of the block.
                            v[k] = unsafe { (at(i + k) as *const $T).add(r).cast::<[$T; 4]>().read_unaligned() };
                        }
                        for k in 0..4 {
                            let row = [v[0][k], v[1][k], v[2][k], v[3][k]];
                            // SAFETY: as above.
                            unsafe { to(r + k).add(i).cast::<[$T; 4]>().write_unaligned(row) };
                        }
                        i += 4;
                    }
                    for k in 0..4 {
                        for i in i..n {
                            // SAFETY: inside the block.
                            unsafe { *to(r + k).add(i) = *(at(i) as *const $T).add(r + k) };
                        }
                    }
                    r += 4;
                }
            }
            for r in r..rows {
                let from = src.wrapping_offset(r as isize * strides[1] as isize);
                // SAFETY: one row of the block.
                unsafe { gather(size, to(r) as *mut u8, from, strides[0], n) };
            }
        }};
    }
    match size {
        1 => go!(u8),
        2 => go!(u16),
        4 => go!(u32),
        8 => go!(u64),
        _ => go!([u64; 2]),
    }
}
