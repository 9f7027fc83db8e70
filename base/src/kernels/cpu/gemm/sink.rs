//! Writing sums where C's elements are not the accumulators or not adjacent: the epilogue by plain code.

use super::engine::Sink;
use super::lane::Num;
use crate::dtype::{bf16, f16};

/// An element of C, from and to the accumulator's type.
pub(crate) trait Store<T>: Copy + Send + Sync + 'static {
    /// Rounds (halves) or wraps (integers).
    fn from_sum(x: T) -> Self;
    /// Back, exactly.
    fn to_sum(self) -> T;
}

macro_rules! store {
    ($($s:ty, $t:ty, |$x:ident| $from:expr, |$y:ident| $to:expr);* $(;)?) => {$(
        impl Store<$t> for $s {
            #[inline(always)]
            fn from_sum($x: $t) -> $s { $from }
            #[inline(always)]
            fn to_sum(self) -> $t { let $y = self; $to }
        }
    )*};
}
store! {
    f32, f32, |x| x, |y| y;
    f64, f64, |x| x, |y| y;
    i32, i32, |x| x, |y| y;
    i64, i64, |x| x, |y| y;
    u8, i32, |x| x as u8, |y| y as i32;
    i8, i32, |x| x as i8, |y| y as i32;
    i16, i32, |x| x as i16, |y| y as i32;
    f16, f32, |x| f16::from_f32(x), |y| y.to_f32();
    bf16, f32, |x| round_bf16(x), |y| f32::from_bits((y.to_bits() as u32) << 16);
}

/// Nearest, ties to even; NaN stays NaN. Without branches, so that loops over it become vectors.
#[inline(always)]
pub(crate) fn round_bf16(x: f32) -> bf16 {
    let b = x.to_bits();
    let r = b.wrapping_add(0x7FFF + ((b >> 16) & 1)) >> 16;
    bf16::from_bits(if x.is_nan() { 0x7FC0 } else { r as u16 })
}

/// `C = act(alpha * sums + beta * C + bias)` into a matrix of any strides.
pub(crate) struct StridedSink<S, T> {
    pub ptr: *mut S,
    pub rs: isize,
    pub cs: isize,
    pub alpha: T,
    pub beta: T,
    /// Null, or one value per row / column, with its distance.
    pub row_bias: (*const S, isize),
    pub col_bias: (*const S, isize),
    pub relu: bool,
}

// SAFETY: addresses and numbers; tasks write different elements.
unsafe impl<S, T> Sync for StridedSink<S, T> {}

impl<S: Store<T>, T: Num> StridedSink<S, T> {
    #[inline(always)]
    unsafe fn one(&self, x: T, p: *mut S, i: usize, j: usize) {
        // SAFETY: the caller names an element of C.
        unsafe {
            let mut x = x;
            if self.alpha != T::ONE {
                x = x.times(self.alpha);
            }
            if self.beta != T::default() {
                x = x.plus(p.read().to_sum().times(self.beta));
            }
            if !self.row_bias.0.is_null() {
                x = x.plus(self.row_bias.0.offset(i as isize * self.row_bias.1).read().to_sum());
            }
            if !self.col_bias.0.is_null() {
                x = x.plus(self.col_bias.0.offset(j as isize * self.col_bias.1).read().to_sum());
            }
            if self.relu {
                x = x.relu();
            }
            p.write(S::from_sum(x));
        }
    }
}

impl<S: Store<T>, T: Num> Sink<T> for StridedSink<S, T> {
    unsafe fn put(&self, tile: *const T, rs: usize, i0: usize, rows: usize, j0: usize, cols: usize) {
        // SAFETY: the caller's range lies inside C.
        unsafe {
            let base = self.ptr.offset(i0 as isize * self.rs + j0 as isize * self.cs);
            let simple = self.alpha == T::ONE
                && self.beta == T::default()
                && self.row_bias.0.is_null()
                && self.col_bias.0.is_null()
                && !self.relu;
            if simple && self.cs == 1 {
                for i in 0..rows {
                    convert(tile.add(i * rs), base.offset(i as isize * self.rs), cols);
                }
            } else if simple && self.rs.abs() < self.cs.abs() {
                for j in 0..cols {
                    for i in 0..rows {
                        let p = base.offset(i as isize * self.rs + j as isize * self.cs);
                        p.write(S::from_sum(tile.add(i * rs + j).read()));
                    }
                }
            } else {
                for i in 0..rows {
                    for j in 0..cols {
                        let p = base.offset(i as isize * self.rs + j as isize * self.cs);
                        self.one(tile.add(i * rs + j).read(), p, i0 + i, j0 + j);
                    }
                }
            }
        }
    }
}

/// A row of sums as stored elements.
///
/// # Safety
/// Both rows have `n` elements and do not overlap.
pub(crate) unsafe fn convert<S: Store<T>, T: Num>(src: *const T, dst: *mut S, n: usize) {
    #[cfg(target_arch = "x86_64")]
    if std::any::TypeId::of::<S>() == std::any::TypeId::of::<f16>() && is_x86_feature_detected!("f16c") {
        // SAFETY: S is f16, so T is f32; F16C was found.
        unsafe { halves(src.cast(), dst.cast(), n) };
        return;
    }
    for j in 0..n {
        // SAFETY: inside the rows.
        unsafe { dst.add(j).write(S::from_sum(src.add(j).read())) };
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx,f16c")]
unsafe fn halves(src: *const f32, dst: *mut f16, n: usize) {
    use std::arch::x86_64::*;
    let mut j = 0;
    // SAFETY: inside the rows; `half` rounds the tail the same way.
    unsafe {
        while j + 8 <= n {
            let h = _mm256_cvtps_ph(_mm256_loadu_ps(src.add(j)), _MM_FROUND_TO_NEAREST_INT);
            _mm_storeu_si128(dst.add(j).cast(), h);
            j += 8;
        }
        while j < n {
            dst.add(j).write(f16::from_f32(src.add(j).read()));
            j += 1;
        }
    }
}
