//! float16 by the processor's own conversions.

use std::arch::x86_64::*;

/// `dst[i] = src[i]`, f32 to float16.
///
/// # Safety
/// The machine has AVX2 and F16C; `n` elements at both ends, not overlapping.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn store(dst: *mut u8, src: *const u8, n: usize) {
    let (d, s) = (dst as *mut u16, src as *const f32);
    let mut i = 0;
    // SAFETY: n elements at both; the rest goes through arrays of a whole vector.
    unsafe {
        while i + 16 <= n {
            let (a, b) = (_mm256_loadu_ps(s.add(i)), _mm256_loadu_ps(s.add(i + 8)));
            let (a, b) =
                (_mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(a), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(b));
            _mm256_storeu_si256(d.add(i).cast(), _mm256_set_m128i(b, a));
            i += 16;
        }
        while i < n {
            let m = (n - i).min(8);
            let mut from = [0f32; 8];
            let mut to = [0u16; 8];
            std::ptr::copy_nonoverlapping(s.add(i), from.as_mut_ptr(), m);
            let h = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_loadu_ps(from.as_ptr()));
            _mm_storeu_si128(to.as_mut_ptr().cast(), h);
            std::ptr::copy_nonoverlapping(to.as_ptr(), d.add(i), m);
            i += m;
        }
    }
}

/// `dst[i] = src[i]`, float16 to f32.
///
/// # Safety
/// As for [`store`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn load(dst: *mut u8, src: *const u8, n: usize) {
    let (d, s) = (dst as *mut f32, src as *const u16);
    let mut i = 0;
    // SAFETY: as in `store`.
    unsafe {
        while i + 8 <= n {
            _mm256_storeu_ps(d.add(i), _mm256_cvtph_ps(_mm_loadu_si128(s.add(i).cast())));
            i += 8;
        }
        if i < n {
            let m = n - i;
            let mut from = [0u16; 8];
            let mut to = [0f32; 8];
            std::ptr::copy_nonoverlapping(s.add(i), from.as_mut_ptr(), m);
            _mm256_storeu_ps(to.as_mut_ptr(), _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().cast())));
            std::ptr::copy_nonoverlapping(to.as_ptr(), d.add(i), m);
        }
    }
}
