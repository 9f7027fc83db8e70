//! Vectors of floats: one trait, one small type for each instruction set and element type, and the entry of each into the
//! loop over chains.

use super::chain::{Link, Mem, Rows, run};
use crate::kernels::cpu::convert::{bf16_from_f32, bf16_to_f32, f16_from_f32, f16_to_f32};

/// Vectors of floats. Methods may only run where the instruction set of the type is enabled.
pub(super) trait Lanes: Copy {
    type T: Copy + Default;
    const N: usize;
    unsafe fn load(p: *const Self::T) -> Self;
    unsafe fn store(self, p: *mut Self::T);
    /// Past the caches; `p` is aligned to the vector.
    unsafe fn stream(self, p: *mut Self::T);
    /// From elements that lie otherwise (`mem` is not `Own`, and f64 knows but `Bool`).
    unsafe fn widen(p: *const u8, mem: Mem) -> Self;
    /// To such elements, `past` the caches, where `p` is aligned to as many elements as the vector has.
    unsafe fn narrow(self, p: *mut u8, mem: Mem, past: bool);
    /// Two vectors to bfloat16.
    #[inline(always)]
    unsafe fn narrow_pair(self, next: Self, p: *mut u8, past: bool) {
        // SAFETY: by the contract.
        unsafe {
            self.narrow(p, Mem::Bf16, past);
            next.narrow(p.add(2 * Self::N), Mem::Bf16, past);
        }
    }
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
            unsafe fn widen(p: *const u8, mem: Mem) -> Self {
                let (bytes, halves) = (p, p.cast::<u16>());
                // SAFETY: by the contract.
                Plain(std::array::from_fn(|k| unsafe {
                    match mem {
                        Mem::Own => *p.cast::<$T>().add(k),
                        Mem::Bf16 => bf16_to_f32(*halves.add(k)) as $T,
                        Mem::F16 => f16_to_f32(*halves.add(k)) as $T,
                        Mem::Bool => (*bytes.add(k) != 0) as u8 as $T,
                    }
                }))
            }
            #[inline(always)]
            unsafe fn narrow(self, p: *mut u8, mem: Mem, _past: bool) {
                let (bytes, halves) = (p, p.cast::<u16>());
                for (k, &x) in self.0.iter().enumerate() {
                    // SAFETY: by the contract.
                    unsafe {
                        match mem {
                            Mem::Own => *p.cast::<$T>().add(k) = x,
                            Mem::Bf16 => *halves.add(k) = bf16_from_f32(x as f32),
                            Mem::F16 => *halves.add(k) = f16_from_f32(x as f32),
                            Mem::Bool => *bytes.add(k) = (x != 0.0) as u8,
                        }
                    }
                }
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
    use super::{Lanes, Link, Mem, Rows, run};
    use std::arch::x86_64::*;

    /// 32 bytes, past the caches or not.
    #[inline(always)]
    unsafe fn put32(p: *mut u8, v: __m256i, past: bool) {
        // SAFETY: AVX and 32 bytes, aligned where they go past the caches, by the callers' contract; so below.
        unsafe { if past { _mm256_stream_si256(p.cast(), v) } else { _mm256_storeu_si256(p.cast(), v) } }
    }
    #[inline(always)]
    unsafe fn put16(p: *mut u8, v: __m128i, past: bool) {
        // SAFETY: as above.
        unsafe { if past { _mm_stream_si128(p.cast(), v) } else { _mm_storeu_si128(p.cast(), v) } }
    }

    #[inline(always)]
    unsafe fn widen16(p: *const u8, mem: Mem) -> __m512 {
        // SAFETY: AVX-512 and 16 elements, by the callers' contract; so in the other seven.
        unsafe {
            match mem {
                Mem::Own => _mm512_loadu_ps(p.cast()),
                Mem::Bf16 => {
                    let v = _mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast()));
                    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(v))
                }
                Mem::F16 => _mm512_cvtph_ps(_mm256_loadu_si256(p.cast())),
                Mem::Bool => {
                    let v = _mm_loadu_si128(p.cast());
                    _mm512_maskz_mov_ps(_mm_test_epi8_mask(v, v), _mm512_set1_ps(1.0))
                }
            }
        }
    }
    /// Rounded to nearest even, as `bf16_from_f32`, in the upper halves.
    #[inline(always)]
    unsafe fn rounded16(x: __m512) -> __m512i {
        // SAFETY: as above.
        unsafe {
            let b = _mm512_castps_si512(x);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(b), _mm512_set1_epi32(1));
            let r = _mm512_add_epi32(_mm512_add_epi32(b, _mm512_set1_epi32(0x7fff)), odd);
            let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x);
            _mm512_mask_mov_epi32(r, nan, _mm512_set1_epi32(0x7fc0_0000))
        }
    }
    #[inline(always)]
    unsafe fn pair16(x: __m512, y: __m512, p: *mut u8, past: bool) {
        const UPPER: [u16; 32] = {
            let mut i = [0; 32];
            let mut k = 0;
            while k < 32 {
                i[k] = 2 * k as u16 + 1;
                k += 1;
            }
            i
        };
        // SAFETY: as above.
        unsafe {
            let upper = _mm512_loadu_si512(UPPER.as_ptr().cast());
            let v = _mm512_permutex2var_epi16(rounded16(x), upper, rounded16(y));
            if past {
                put32(p, _mm512_castsi512_si256(v), past);
                put32(p.add(32), _mm512_extracti64x4_epi64::<1>(v), past);
            } else {
                _mm512_storeu_si512(p.cast(), v);
            }
        }
    }
    #[inline(always)]
    unsafe fn narrow16(x: __m512, p: *mut u8, mem: Mem, past: bool) {
        // SAFETY: as above.
        unsafe {
            match mem {
                Mem::Own => _mm512_storeu_ps(p.cast(), x),
                Mem::Bf16 => put32(p, _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded16(x))), past),
                Mem::F16 => put32(p, _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x), past),
                Mem::Bool => {
                    let m = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(x, _mm512_setzero_ps());
                    put16(p, _mm_maskz_set1_epi8(m, 1), past);
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn widen8d(p: *const u8, mem: Mem) -> __m512d {
        // SAFETY: as above.
        unsafe {
            if mem != Mem::Bool {
                return _mm512_loadu_pd(p.cast());
            }
            let v = _mm_loadl_epi64(p.cast());
            _mm512_maskz_mov_pd(_mm_test_epi8_mask(v, v) as __mmask8, _mm512_set1_pd(1.0))
        }
    }
    #[inline(always)]
    unsafe fn narrow8d(x: __m512d, p: *mut u8, mem: Mem, _past: bool) {
        // SAFETY: as above.
        unsafe {
            if mem != Mem::Bool {
                return _mm512_storeu_pd(p.cast(), x);
            }
            let m = _mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(x, _mm512_setzero_pd());
            _mm_storel_epi64(p.cast(), _mm_maskz_set1_epi8(m as __mmask16, 1));
        }
    }
    #[inline(always)]
    unsafe fn widen8(p: *const u8, mem: Mem) -> __m256 {
        // SAFETY: as above.
        unsafe {
            match mem {
                Mem::Own => _mm256_loadu_ps(p.cast()),
                Mem::Bf16 => {
                    let v = _mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast()));
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(v))
                }
                Mem::F16 => _mm256_cvtph_ps(_mm_loadu_si128(p.cast())),
                Mem::Bool => {
                    let v = _mm256_cvtepu8_epi32(_mm_loadl_epi64(p.cast()));
                    let m = _mm256_cmpgt_epi32(v, _mm256_setzero_si256());
                    _mm256_and_ps(_mm256_castsi256_ps(m), _mm256_set1_ps(1.0))
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn narrow8(x: __m256, p: *mut u8, mem: Mem, past: bool) {
        // SAFETY: as above.
        unsafe {
            match mem {
                Mem::Own => _mm256_storeu_ps(p.cast(), x),
                Mem::Bf16 => {
                    let b = _mm256_castps_si256(x);
                    let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(b), _mm256_set1_epi32(1));
                    let r = _mm256_add_epi32(_mm256_add_epi32(b, _mm256_set1_epi32(0x7fff)), odd);
                    let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(x, x));
                    let r = _mm256_blendv_epi8(_mm256_srli_epi32::<16>(r), _mm256_set1_epi32(0x7fc0), nan);
                    let r = _mm256_permute4x64_epi64::<0b1000>(_mm256_packus_epi32(r, r));
                    put16(p, _mm256_castsi256_si128(r), past);
                }
                Mem::F16 => put16(p, _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x), past),
                Mem::Bool => {
                    let m = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_NEQ_UQ>(x, _mm256_setzero_ps()));
                    let m = _mm_packs_epi32(_mm256_castsi256_si128(m), _mm256_extracti128_si256::<1>(m));
                    _mm_storel_epi64(p.cast(), _mm_and_si128(_mm_packs_epi16(m, m), _mm_set1_epi8(1)));
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn widen4d(p: *const u8, mem: Mem) -> __m256d {
        // SAFETY: as above.
        unsafe {
            if mem != Mem::Bool {
                return _mm256_loadu_pd(p.cast());
            }
            let v = _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(p.cast::<i32>().read_unaligned()));
            let m = _mm256_cmpgt_epi64(v, _mm256_setzero_si256());
            _mm256_and_pd(_mm256_castsi256_pd(m), _mm256_set1_pd(1.0))
        }
    }
    #[inline(always)]
    unsafe fn narrow4d(x: __m256d, p: *mut u8, mem: Mem, _past: bool) {
        // SAFETY: as above.
        unsafe {
            if mem != Mem::Bool {
                return _mm256_storeu_pd(p.cast(), x);
            }
            let m = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_NEQ_UQ>(x, _mm256_setzero_pd()));
            p.cast::<[u8; 4]>().write([0, 1, 2, 3].map(|k| (m >> k & 1) as u8));
        }
    }

    /// One vector type: its intrinsics, and how a comparison becomes 1 and 0 and a choice.
    macro_rules! lanes {
        ($V:ident($R:ty) of $T:ty, $n:literal, $features:literal, $name:ident, blocks of $b:literal; $widen:ident $narrow:ident $($pair:ident)?;
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
                unsafe fn widen(p: *const u8, mem: Mem) -> Self {
                    // SAFETY: as above.
                    unsafe { $V($widen(p, mem)) }
                }
                #[inline(always)]
                unsafe fn narrow(self, p: *mut u8, mem: Mem, past: bool) {
                    // SAFETY: as above.
                    unsafe { $narrow(self.0, p, mem, past) }
                }
                $(#[inline(always)]
                unsafe fn narrow_pair(self, next: Self, p: *mut u8, past: bool) {
                    // SAFETY: as above.
                    unsafe { $pair(self.0, next.0, p, past) }
                })?
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
                unsafe { run::<$V, $b>(out, first, links, n, rows) }
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

    lanes!(Wide(__m512) of f32, 16, "avx512f,avx512vl,avx512dq,avx512bw,avx512cd,fma,f16c", wide_f32, blocks of 8; widen16 narrow16 pair16;
        _mm512_loadu_ps _mm512_storeu_ps _mm512_stream_ps _mm512_set1_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps
        _mm512_sqrt_ps _mm512_max_ps _mm512_min_ps _mm512_xor_ps _mm512_andnot_ps;
        truth: |m| _mm512_maskz_mov_ps(m, _mm512_set1_ps(1.0)); pick: |m, x, y| _mm512_mask_blend_ps(m, y, x);
        ord: lt16 le16 eq16 ne16 un16);
    lanes!(WideD(__m512d) of f64, 8, "avx512f,avx512vl,avx512dq,avx512bw,avx512cd,fma,f16c", wide_f64, blocks of 8; widen8d narrow8d;
        _mm512_loadu_pd _mm512_storeu_pd _mm512_stream_pd _mm512_set1_pd _mm512_add_pd _mm512_sub_pd _mm512_mul_pd _mm512_div_pd
        _mm512_sqrt_pd _mm512_max_pd _mm512_min_pd _mm512_xor_pd _mm512_andnot_pd;
        truth: |m| _mm512_maskz_mov_pd(m, _mm512_set1_pd(1.0)); pick: |m, x, y| _mm512_mask_blend_pd(m, y, x);
        ord: lt8d le8d eq8d ne8d un8d);
    lanes!(Half(__m256) of f32, 8, "avx2,fma,f16c", half_f32, blocks of 8; widen8 narrow8;
        _mm256_loadu_ps _mm256_storeu_ps _mm256_stream_ps _mm256_set1_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps
        _mm256_sqrt_ps _mm256_max_ps _mm256_min_ps _mm256_xor_ps _mm256_andnot_ps;
        truth: |m| _mm256_and_ps(m, _mm256_set1_ps(1.0)); pick: |m, x, y| _mm256_blendv_ps(y, x, m);
        ord: lt8 le8 eq8 ne8 un8);
    lanes!(HalfD(__m256d) of f64, 4, "avx2,fma,f16c", half_f64, blocks of 8; widen4d narrow4d;
        _mm256_loadu_pd _mm256_storeu_pd _mm256_stream_pd _mm256_set1_pd _mm256_add_pd _mm256_sub_pd _mm256_mul_pd _mm256_div_pd
        _mm256_sqrt_pd _mm256_max_pd _mm256_min_pd _mm256_xor_pd _mm256_andnot_pd;
        truth: |m| _mm256_and_pd(m, _mm256_set1_pd(1.0)); pick: |m, x, y| _mm256_blendv_pd(y, x, m);
        ord: lt4d le4d eq4d ne4d un4d);
}
