//! Vectors of floats: one trait, one small type for each instruction set and element type, and the entry of each into the
//! loop over chains.

use super::chain::{Link, Rows, run};

/// Vectors of floats. Methods may only run where the instruction set of the type is enabled.
pub(super) trait Lanes: Copy {
    type T: Copy + Default;
    const N: usize;
    unsafe fn load(p: *const Self::T) -> Self;
    unsafe fn store(self, p: *mut Self::T);
    /// Past the caches; `p` is aligned to the vector.
    unsafe fn stream(self, p: *mut Self::T);
    unsafe fn splat(x: Self::T) -> Self;
    unsafe fn number(x: f32) -> Self;
    unsafe fn add(self, y: Self) -> Self;
    unsafe fn sub(self, y: Self) -> Self;
    unsafe fn mul(self, y: Self) -> Self;
    unsafe fn div(self, y: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    unsafe fn neg(self) -> Self;
    unsafe fn abs(self) -> Self;
    /// `y` where `self < y` or `y` is NaN.
    unsafe fn max(self, y: Self) -> Self;
    /// `y` where `self > y` or `y` is NaN.
    unsafe fn min(self, y: Self) -> Self;
    unsafe fn eq(self, y: Self) -> Self;
    unsafe fn ne(self, y: Self) -> Self;
    unsafe fn lt(self, y: Self) -> Self;
    unsafe fn le(self, y: Self) -> Self;
    /// `x` where `self` is not 0, else `y`.
    unsafe fn choose(self, x: Self, y: Self) -> Self;
}

/// Lanes without vector instructions of their own; the compiler makes SSE2 of them.
#[derive(Clone, Copy)]
struct Plain<T>([T; 8]);

macro_rules! plain {
    ($T:ty, $name:ident) => {
        impl Plain<$T> {
            #[inline(always)]
            fn zip(self, y: Self, f: impl Fn($T, $T) -> $T) -> Self {
                Plain(std::array::from_fn(|k| f(self.0[k], y.0[k])))
            }
        }
        // SAFETY (of the bodies): plain code on the lanes that the caller vouches for.
        impl Lanes for Plain<$T> {
            type T = $T;
            const N: usize = 8;
            #[inline(always)]
            unsafe fn load(p: *const $T) -> Self {
                // SAFETY: by the contract.
                Plain(unsafe { p.cast::<[$T; 8]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $T) {
                // SAFETY: by the contract.
                unsafe { p.cast::<[$T; 8]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn stream(self, p: *mut $T) {
                // SAFETY: by the contract.
                unsafe { self.store(p) }
            }
            #[inline(always)]
            unsafe fn splat(x: $T) -> Self {
                Plain([x; 8])
            }
            #[inline(always)]
            unsafe fn number(x: f32) -> Self {
                Plain([x as $T; 8])
            }
            #[inline(always)]
            unsafe fn add(self, y: Self) -> Self {
                self.zip(y, |a, b| a + b)
            }
            #[inline(always)]
            unsafe fn sub(self, y: Self) -> Self {
                self.zip(y, |a, b| a - b)
            }
            #[inline(always)]
            unsafe fn mul(self, y: Self) -> Self {
                self.zip(y, |a, b| a * b)
            }
            #[inline(always)]
            unsafe fn div(self, y: Self) -> Self {
                self.zip(y, |a, b| a / b)
            }
            #[inline(always)]
            unsafe fn sqrt(self) -> Self {
                Plain(self.0.map(|a| a.sqrt()))
            }
            #[inline(always)]
            unsafe fn neg(self) -> Self {
                Plain(self.0.map(|a| -a))
            }
            #[inline(always)]
            unsafe fn abs(self) -> Self {
                Plain(self.0.map(|a| a.abs()))
            }
            #[inline(always)]
            unsafe fn max(self, y: Self) -> Self {
                self.zip(y, |a, b| if a < b || b.is_nan() { b } else { a })
            }
            #[inline(always)]
            unsafe fn min(self, y: Self) -> Self {
                self.zip(y, |a, b| if a > b || b.is_nan() { b } else { a })
            }
            #[inline(always)]
            unsafe fn eq(self, y: Self) -> Self {
                self.zip(y, |a, b| (a == b) as u8 as $T)
            }
            #[inline(always)]
            unsafe fn ne(self, y: Self) -> Self {
                self.zip(y, |a, b| (a != b) as u8 as $T)
            }
            #[inline(always)]
            unsafe fn lt(self, y: Self) -> Self {
                self.zip(y, |a, b| (a < b) as u8 as $T)
            }
            #[inline(always)]
            unsafe fn le(self, y: Self) -> Self {
                self.zip(y, |a, b| (a <= b) as u8 as $T)
            }
            #[inline(always)]
            unsafe fn choose(self, x: Self, y: Self) -> Self {
                Plain(std::array::from_fn(|k| if self.0[k] != 0.0 { x.0[k] } else { y.0[k] }))
            }
        }
        pub(super) unsafe fn $name(out: *mut u8, first: *const u8, links: &mut [Link], n: usize, rows: Rows) {
            // SAFETY: by the contract of `Chain`.
            unsafe { run::<Plain<$T>, 1>(out, first, links, n, rows) }
        }
    };
}
plain!(f32, plain_f32);
plain!(f64, plain_f64);

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::{Lanes, Link, Rows, run};
    use std::arch::x86_64::*;

    /// One vector type: its intrinsics, and how a comparison becomes 1 and 0 and a choice.
    macro_rules! lanes {
        ($V:ident($R:ty) of $T:ty, $n:literal, $features:literal, $name:ident;
         $load:ident $store:ident $stream:ident $splat:ident $add:ident $sub:ident $mul:ident $div:ident $sqrt:ident $max:ident $min:ident
         $xor:ident $andnot:ident; truth: $truth:expr; pick: $pick:expr; ord: $lt:ident $le:ident $eq:ident $ne:ident $un:ident) => {
            #[derive(Clone, Copy)]
            struct $V($R);
            // SAFETY (of the bodies): instructions of a set that the callers enable, on lanes that they vouch for.
            impl Lanes for $V {
                type T = $T;
                const N: usize = $n;
                #[inline(always)]
                unsafe fn load(p: *const $T) -> Self {
                    // SAFETY: as said above; so below.
                    unsafe { $V($load(p)) }
                }
                #[inline(always)]
                unsafe fn store(self, p: *mut $T) {
                    // SAFETY: as above.
                    unsafe { $store(p, self.0) }
                }
                #[inline(always)]
                unsafe fn stream(self, p: *mut $T) {
                    // SAFETY: as above.
                    unsafe { $stream(p, self.0) }
                }
                #[inline(always)]
                unsafe fn splat(x: $T) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($splat(x)) }
                }
                #[inline(always)]
                unsafe fn number(x: f32) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($splat(x as $T)) }
                }
                #[inline(always)]
                unsafe fn add(self, y: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($add(self.0, y.0)) }
                }
                #[inline(always)]
                unsafe fn sub(self, y: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($sub(self.0, y.0)) }
                }
                #[inline(always)]
                unsafe fn mul(self, y: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($mul(self.0, y.0)) }
                }
                #[inline(always)]
                unsafe fn div(self, y: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($div(self.0, y.0)) }
                }
                #[inline(always)]
                unsafe fn sqrt(self) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($sqrt(self.0)) }
                }
                #[inline(always)]
                unsafe fn neg(self) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($xor(self.0, $splat(-0.0))) }
                }
                #[inline(always)]
                unsafe fn abs(self) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($andnot($splat(-0.0), self.0)) }
                }
                #[inline(always)]
                unsafe fn max(self, y: Self) -> Self {
                    // The instruction gives its second operand where one is NaN or both are zeros.
                    // SAFETY: as above.
                    unsafe { $V($pick($un!(y.0, y.0), y.0, $max(y.0, self.0))) }
                }
                #[inline(always)]
                unsafe fn min(self, y: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($pick($un!(y.0, y.0), y.0, $min(y.0, self.0))) }
                }
                #[inline(always)]
                unsafe fn eq(self, y: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($truth($eq!(self.0, y.0))) }
                }
                #[inline(always)]
                unsafe fn ne(self, y: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($truth($ne!(self.0, y.0))) }
                }
                #[inline(always)]
                unsafe fn lt(self, y: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($truth($lt!(self.0, y.0))) }
                }
                #[inline(always)]
                unsafe fn le(self, y: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($truth($le!(self.0, y.0))) }
                }
                #[inline(always)]
                unsafe fn choose(self, x: Self, y: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($pick($ne!(self.0, $splat(0.0)), x.0, y.0)) }
                }
            }
            #[target_feature(enable = $features)]
            pub(in super::super) unsafe fn $name(
                out: *mut u8,
                first: *const u8,
                links: &mut [Link],
                n: usize,
                rows: Rows,
            ) {
                // SAFETY: by the contract of `Chain`, and the features are enabled here.
                unsafe { run::<$V, 8>(out, first, links, n, rows) }
            }
        };
    }
    macro_rules! comparisons {
        ($d:tt $($name:ident $cmp:ident $how:ident),*) => {$(
            macro_rules! $name {
                ($d a:expr, $d b:expr) => { $cmp::<$how>($d a, $d b) };
            }
        )*};
    }
    comparisons!($ lt16 _mm512_cmp_ps_mask _CMP_LT_OQ, le16 _mm512_cmp_ps_mask _CMP_LE_OQ, eq16 _mm512_cmp_ps_mask _CMP_EQ_OQ,
        ne16 _mm512_cmp_ps_mask _CMP_NEQ_UQ, un16 _mm512_cmp_ps_mask _CMP_UNORD_Q,
        lt8d _mm512_cmp_pd_mask _CMP_LT_OQ, le8d _mm512_cmp_pd_mask _CMP_LE_OQ, eq8d _mm512_cmp_pd_mask _CMP_EQ_OQ,
        ne8d _mm512_cmp_pd_mask _CMP_NEQ_UQ, un8d _mm512_cmp_pd_mask _CMP_UNORD_Q,
        lt8 _mm256_cmp_ps _CMP_LT_OQ, le8 _mm256_cmp_ps _CMP_LE_OQ, eq8 _mm256_cmp_ps _CMP_EQ_OQ,
        ne8 _mm256_cmp_ps _CMP_NEQ_UQ, un8 _mm256_cmp_ps _CMP_UNORD_Q,
        lt4d _mm256_cmp_pd _CMP_LT_OQ, le4d _mm256_cmp_pd _CMP_LE_OQ, eq4d _mm256_cmp_pd _CMP_EQ_OQ,
        ne4d _mm256_cmp_pd _CMP_NEQ_UQ, un4d _mm256_cmp_pd _CMP_UNORD_Q);

    lanes!(Wide(__m512) of f32, 16, "avx512f,avx512vl,avx512dq,avx512bw,avx512cd,fma,f16c", wide_f32;
        _mm512_loadu_ps _mm512_storeu_ps _mm512_stream_ps _mm512_set1_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps
        _mm512_sqrt_ps _mm512_max_ps _mm512_min_ps _mm512_xor_ps _mm512_andnot_ps;
        truth: |m| _mm512_maskz_mov_ps(m, _mm512_set1_ps(1.0)); pick: |m, x, y| _mm512_mask_blend_ps(m, y, x);
        ord: lt16 le16 eq16 ne16 un16);
    lanes!(WideD(__m512d) of f64, 8, "avx512f,avx512vl,avx512dq,avx512bw,avx512cd,fma,f16c", wide_f64;
        _mm512_loadu_pd _mm512_storeu_pd _mm512_stream_pd _mm512_set1_pd _mm512_add_pd _mm512_sub_pd _mm512_mul_pd _mm512_div_pd
        _mm512_sqrt_pd _mm512_max_pd _mm512_min_pd _mm512_xor_pd _mm512_andnot_pd;
        truth: |m| _mm512_maskz_mov_pd(m, _mm512_set1_pd(1.0)); pick: |m, x, y| _mm512_mask_blend_pd(m, y, x);
        ord: lt8d le8d eq8d ne8d un8d);
    lanes!(Half(__m256) of f32, 8, "avx2,fma,f16c", half_f32;
        _mm256_loadu_ps _mm256_storeu_ps _mm256_stream_ps _mm256_set1_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps
        _mm256_sqrt_ps _mm256_max_ps _mm256_min_ps _mm256_xor_ps _mm256_andnot_ps;
        truth: |m| _mm256_and_ps(m, _mm256_set1_ps(1.0)); pick: |m, x, y| _mm256_blendv_ps(y, x, m);
        ord: lt8 le8 eq8 ne8 un8);
    lanes!(HalfD(__m256d) of f64, 4, "avx2,fma,f16c", half_f64;
        _mm256_loadu_pd _mm256_storeu_pd _mm256_stream_pd _mm256_set1_pd _mm256_add_pd _mm256_sub_pd _mm256_mul_pd _mm256_div_pd
        _mm256_sqrt_pd _mm256_max_pd _mm256_min_pd _mm256_xor_pd _mm256_andnot_pd;
        truth: |m| _mm256_and_pd(m, _mm256_set1_pd(1.0)); pick: |m, x, y| _mm256_blendv_pd(y, x, m);
        ord: lt4d le4d eq4d ne4d un4d);
}
