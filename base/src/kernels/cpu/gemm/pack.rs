//! Packing: where a matrix's elements come from, and how they are laid out for the micro-kernels.
//!
//! A panel holds `width` columns (of B; rows of A, the two are alike) over `kc` steps of k, k outermost. A [`Source`]
//! writes panels; [`Strided`] reads a matrix of any strides, other sources read images (convolution) or complex numbers.

use crate::device::cpu::isa::Isa;
use crate::dtype::{bf16, f16};

/// Where one operand of a product comes from.
pub(crate) trait Source<I>: Sync {
    /// Writes elements (column `j0 + j`, step `k0 + k`) to `dst[k * width + j]`; columns `cols..width` become zero.
    ///
    /// # Safety
    /// `dst` has room for `width * kc` elements; the source's memory is readable for the range asked.
    unsafe fn pack(&self, dst: *mut I, width: usize, j0: usize, cols: usize, k0: usize, kc: usize);

    /// Address, column distance and k distance, if the elements lie in memory as the kernels take them.
    fn strided(&self) -> Option<(*const I, isize, isize)> {
        None
    }
}

/// A stored element as packed ones.
pub(crate) trait Load<I>: Copy + Send + Sync + 'static {
    /// Converts.
    fn load(self) -> I;
    /// 1 if eight of them load as eight floats (see [`x86::Load8`]).
    const SAME: bool;
}

macro_rules! load {
    ($($s:ty => $i:ty, $same:literal, |$x:ident| $e:expr);* $(;)?) => {$(
        impl Load<$i> for $s {
            #[inline(always)]
            fn load(self) -> $i { let $x = self; $e }
            const SAME: bool = $same;
        }
    )*};
}
load! {
    f32 => f32, true, |x| x;
    f64 => f64, true, |x| x;
    i32 => i32, true, |x| x;
    i64 => i64, true, |x| x;
    u8 => i32, false, |x| x as i32;
    i8 => i32, false, |x| x as i32;
    i16 => i32, false, |x| x as i32;
    f16 => f32, false, |x| x.to_f32();
    bf16 => f32, false, |x| f32::from_bits((x.to_bits() as u32) << 16);
}

/// A matrix in memory, by strides (in elements of `S`).
pub(crate) struct Strided<S> {
    pub ptr: *const S,
    /// Distance of columns (of B) or rows (of A).
    pub js: isize,
    /// Distance of k.
    pub ks: isize,
    pub isa: Isa,
}

// SAFETY: an address and numbers; the caller of `pack` vouches for the memory.
unsafe impl<S> Sync for Strided<S> {}

impl<I: Copy + Default + 'static, S: Load<I>> Source<I> for Strided<S> {
    unsafe fn pack(&self, dst: *mut I, width: usize, j0: usize, cols: usize, k0: usize, kc: usize) {
        let src = self.ptr.wrapping_offset(j0 as isize * self.js + k0 as isize * self.ks);
        // SAFETY: the caller vouches for source and destination; the instruction set was found at run time.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            if self.isa >= Isa::Avx2 && x86::pack::<S, I>(src, self.js, self.ks, dst, width, cols, kc) {
                return;
            }
            scalar(src, self.js, self.ks, dst, width, cols, kc);
        }
    }

    fn strided(&self) -> Option<(*const I, isize, isize)> {
        S::SAME.then(|| (self.ptr.cast(), self.js, self.ks))
    }
}

impl<S> Strided<S> {
    /// Packs columns `0..cols` over k `0..kc` into `part` columns of a panel that is `width` wide.
    ///
    /// # Safety
    /// As [`Source::pack`].
    pub unsafe fn pack_into<I: Copy + Default + 'static>(
        &self,
        dst: *mut I,
        width: usize,
        part: usize,
        cols: usize,
        kc: usize,
    ) where
        S: Load<I>,
    {
        // SAFETY: the caller's; the instruction set was found at run time.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            if self.isa >= Isa::Avx2
                && self.ks == 1
                && size_of::<S>() == 4
                && std::any::TypeId::of::<S>() == std::any::TypeId::of::<I>()
            {
                x86::turn32::<f32>(self.ptr.cast(), self.js, dst.cast(), width, part, cols, kc);
                return;
            }
            for j in 0..part {
                for k in 0..kc {
                    let v = if j < cols {
                        self.ptr.offset(j as isize * self.js + k as isize * self.ks).read().load()
                    } else {
                        I::default()
                    };
                    dst.add(k * width + j).write(v);
                }
            }
        }
    }
}

/// Any strides, element by element; the nearer stride innermost.
unsafe fn scalar<I: Copy + Default, S: Load<I>>(
    src: *const S,
    js: isize,
    ks: isize,
    dst: *mut I,
    width: usize,
    cols: usize,
    kc: usize,
) {
    // SAFETY: the ranges are the caller's.
    unsafe {
        if cols < width {
            for k in 0..kc {
                for j in cols..width {
                    dst.add(k * width + j).write(I::default());
                }
            }
        }
        if ks.unsigned_abs() < js.unsigned_abs() {
            for j in 0..cols {
                let s = src.offset(j as isize * js);
                for k in 0..kc {
                    dst.add(k * width + j).write(s.offset(k as isize * ks).read().load());
                }
            }
        } else {
            for k in 0..kc {
                let s = src.offset(k as isize * ks);
                for j in 0..cols {
                    dst.add(k * width + j).write(s.offset(j as isize * js).read().load());
                }
            }
        }
    }
}

/// bf16 in pairs of neighbouring k, as `vdpbf16ps` takes them. `k` of the trait counts pairs.
pub(crate) struct Pairs {
    pub ptr: *const u16,
    pub js: isize,
    pub ks: isize,
    /// Elements along k; an odd last one is paired with zero.
    pub k: usize,
    pub isa: Isa,
}

// SAFETY: as for `Strided`.
unsafe impl Sync for Pairs {}

impl Source<u32> for Pairs {
    unsafe fn pack(&self, dst: *mut u32, width: usize, j0: usize, cols: usize, k0: usize, kc: usize) {
        let src = self.ptr.wrapping_offset(j0 as isize * self.js + 2 * k0 as isize * self.ks);
        let whole = kc.min((self.k / 2).saturating_sub(k0));
        // SAFETY: the caller vouches for the ranges; the instruction set was found at run time.
        unsafe {
            let mut done = 0;
            #[cfg(target_arch = "x86_64")]
            if self.isa >= Isa::Avx2 {
                done = x86::pack_pairs(src, self.js, self.ks, dst, width, cols, whole);
            }
            for k in done..kc {
                let even = src.offset(2 * k as isize * self.ks);
                for j in 0..width {
                    let mut v = 0;
                    if j < cols {
                        let p = even.offset(j as isize * self.js);
                        v = p.read() as u32;
                        if k < whole {
                            v |= (p.offset(self.ks).read() as u32) << 16;
                        }
                    }
                    dst.add(k * width + j).write(v);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::Load;
    use crate::dtype::{bf16, f16};
    use std::any::TypeId;
    use std::arch::x86_64::*;

    /// Eight stored elements as eight floats (or eight 32-bit words).
    pub(crate) trait Load8: Copy {
        /// # Safety
        /// Eight elements are readable; AVX2 and F16C are there.
        unsafe fn load8(p: *const Self) -> __m256;
        /// One.
        fn load1(self) -> f32;
    }

    impl Load8 for f32 {
        #[inline(always)]
        unsafe fn load8(p: *const f32) -> __m256 {
            // SAFETY: the trait's condition.
            unsafe { _mm256_loadu_ps(p) }
        }
        #[inline(always)]
        fn load1(self) -> f32 {
            self
        }
    }

    impl Load8 for f16 {
        #[inline(always)]
        unsafe fn load8(p: *const f16) -> __m256 {
            // SAFETY: the trait's condition.
            unsafe { _mm256_cvtph_ps(_mm_loadu_si128(p.cast())) }
        }
        #[inline(always)]
        fn load1(self) -> f32 {
            self.to_f32()
        }
    }

    impl Load8 for bf16 {
        #[inline(always)]
        unsafe fn load8(p: *const bf16) -> __m256 {
            // SAFETY: the trait's condition.
            unsafe { _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast())), 16)) }
        }
        #[inline(always)]
        fn load1(self) -> f32 {
            f32::from_bits((self.to_bits() as u32) << 16)
        }
    }

    /// Packs if there is a quick way; says whether it did.
    ///
    /// # Safety
    /// As [`super::Source::pack`]; AVX2, FMA and F16C are there.
    pub(super) unsafe fn pack<S: Load<I>, I: 'static>(
        src: *const S,
        js: isize,
        ks: isize,
        dst: *mut I,
        width: usize,
        cols: usize,
        kc: usize,
    ) -> bool {
        let (s, i) = (TypeId::of::<S>(), TypeId::of::<I>());
        let same32 = s == i && size_of::<S>() == 4;
        let same64 = s == i && size_of::<S>() == 8;
        // SAFETY: the casts are between types of one size that were compared above; the rest is the caller's.
        unsafe {
            if js == 1 {
                if same32 {
                    rows32::<f32>(src.cast(), ks, dst.cast(), width, cols, kc);
                } else if same64 {
                    rows64(src.cast(), ks, dst.cast(), width, cols, kc);
                } else if s == TypeId::of::<f16>() {
                    rows32::<f16>(src.cast(), ks, dst.cast(), width, cols, kc);
                } else if s == TypeId::of::<bf16>() {
                    rows32::<bf16>(src.cast(), ks, dst.cast(), width, cols, kc);
                } else {
                    return false;
                }
                return true;
            }
            if ks == 1 {
                if same32 {
                    turn32::<f32>(src.cast(), js, dst.cast(), width, width, cols, kc);
                } else if same64 {
                    turn64(src.cast(), js, dst.cast(), width, cols, kc);
                } else if s == TypeId::of::<f16>() {
                    turn32::<f16>(src.cast(), js, dst.cast(), width, width, cols, kc);
                } else if s == TypeId::of::<bf16>() {
                    turn32::<bf16>(src.cast(), js, dst.cast(), width, width, cols, kc);
                } else {
                    return false;
                }
                return true;
            }
        }
        false
    }

    /// Columns adjacent: copy rows.
    #[target_feature(enable = "avx2,f16c")]
    unsafe fn rows32<S: Load8>(src: *const S, ks: isize, dst: *mut f32, width: usize, cols: usize, kc: usize) {
        // SAFETY: the ranges are the caller's.
        unsafe {
            for k in 0..kc {
                let s = src.offset(k as isize * ks);
                let d = dst.add(k * width);
                let mut j = 0;
                while j + 8 <= cols {
                    _mm256_storeu_ps(d.add(j), S::load8(s.add(j)));
                    j += 8;
                }
                while j < cols {
                    d.add(j).write(s.add(j).read().load1());
                    j += 1;
                }
                while j < width {
                    d.add(j).write(0.0);
                    j += 1;
                }
            }
        }
    }

    #[target_feature(enable = "avx2")]
    unsafe fn rows64(src: *const f64, ks: isize, dst: *mut f64, width: usize, cols: usize, kc: usize) {
        // SAFETY: the ranges are the caller's.
        unsafe {
            for k in 0..kc {
                let s = src.offset(k as isize * ks);
                let d = dst.add(k * width);
                let mut j = 0;
                while j + 4 <= cols {
                    _mm256_storeu_pd(d.add(j), _mm256_loadu_pd(s.add(j)));
                    j += 4;
                }
                while j < cols {
                    d.add(j).write(s.add(j).read());
                    j += 1;
                }
                while j < width {
                    d.add(j).write(0.0);
                    j += 1;
                }
            }
        }
    }

    /// Turns eight rows of eight.
    #[inline(always)]
    pub(crate) unsafe fn transpose8(r: [__m256; 8]) -> [__m256; 8] {
        // SAFETY: the caller has AVX2.
        unsafe {
            let a0 = _mm256_unpacklo_ps(r[0], r[1]);
            let a1 = _mm256_unpackhi_ps(r[0], r[1]);
            let a2 = _mm256_unpacklo_ps(r[2], r[3]);
            let a3 = _mm256_unpackhi_ps(r[2], r[3]);
            let a4 = _mm256_unpacklo_ps(r[4], r[5]);
            let a5 = _mm256_unpackhi_ps(r[4], r[5]);
            let a6 = _mm256_unpacklo_ps(r[6], r[7]);
            let a7 = _mm256_unpackhi_ps(r[6], r[7]);
            let b0 = _mm256_shuffle_ps(a0, a2, 0x44);
            let b1 = _mm256_shuffle_ps(a0, a2, 0xEE);
            let b2 = _mm256_shuffle_ps(a1, a3, 0x44);
            let b3 = _mm256_shuffle_ps(a1, a3, 0xEE);
            let b4 = _mm256_shuffle_ps(a4, a6, 0x44);
            let b5 = _mm256_shuffle_ps(a4, a6, 0xEE);
            let b6 = _mm256_shuffle_ps(a5, a7, 0x44);
            let b7 = _mm256_shuffle_ps(a5, a7, 0xEE);
            [
                _mm256_permute2f128_ps(b0, b4, 0x20),
                _mm256_permute2f128_ps(b1, b5, 0x20),
                _mm256_permute2f128_ps(b2, b6, 0x20),
                _mm256_permute2f128_ps(b3, b7, 0x20),
                _mm256_permute2f128_ps(b0, b4, 0x31),
                _mm256_permute2f128_ps(b1, b5, 0x31),
                _mm256_permute2f128_ps(b2, b6, 0x31),
                _mm256_permute2f128_ps(b3, b7, 0x31),
            ]
        }
    }

    /// The first `n` (1..=8) lanes of `v`, without touching what follows.
    #[inline(always)]
    unsafe fn store_first(p: *mut f32, v: __m256, n: usize) {
        // SAFETY: the caller has AVX2 and room for `n` floats.
        unsafe {
            if n >= 8 {
                _mm256_storeu_ps(p, v);
                return;
            }
            let lo = _mm256_castps256_ps128(v);
            if n == 6 {
                _mm_storeu_ps(p, lo);
                _mm_storel_pd(p.add(4).cast(), _mm_castps_pd(_mm256_extractf128_ps(v, 1)));
                return;
            }
            let mut t = [0f32; 8];
            _mm256_storeu_ps(t.as_mut_ptr(), v);
            std::ptr::copy_nonoverlapping(t.as_ptr(), p, n);
        }
    }

    /// k adjacent: turn blocks of 8 by 8, into the first `part` columns of a panel.
    #[target_feature(enable = "avx2,f16c")]
    pub(super) unsafe fn turn32<S: Load8>(
        src: *const S,
        js: isize,
        dst: *mut f32,
        width: usize,
        part: usize,
        cols: usize,
        kc: usize,
    ) {
        // SAFETY: the ranges are the caller's.
        unsafe {
            let mut j = 0;
            while j < part {
                let have = cols.saturating_sub(j).min(8);
                let room = (part - j).min(8);
                let s = src.wrapping_offset(j as isize * js);
                let mut k = 0;
                while k + 8 <= kc {
                    let mut r = [_mm256_setzero_ps(); 8];
                    if have == 8 {
                        for i in 0..8 {
                            r[i] = S::load8(s.offset(i as isize * js).add(k));
                        }
                    } else {
                        for i in 0..have {
                            r[i] = S::load8(s.offset(i as isize * js).add(k));
                        }
                    }
                    let r = transpose8(r);
                    let d = dst.add(k * width + j);
                    if room == 8 {
                        for i in 0..8 {
                            _mm256_storeu_ps(d.add(i * width), r[i]);
                        }
                    } else {
                        for i in 0..8 {
                            store_first(d.add(i * width), r[i], room);
                        }
                    }
                    k += 8;
                }
                while k < kc {
                    for i in 0..room {
                        let v = if i < have { s.offset(i as isize * js).add(k).read().load1() } else { 0.0 };
                        dst.add(k * width + j + i).write(v);
                    }
                    k += 1;
                }
                j += 8;
            }
        }
    }

    #[target_feature(enable = "avx2")]
    unsafe fn turn64(src: *const f64, js: isize, dst: *mut f64, width: usize, cols: usize, kc: usize) {
        // SAFETY: the ranges are the caller's.
        unsafe {
            let mut j = 0;
            while j < width {
                let have = cols.saturating_sub(j).min(4);
                let room = (width - j).min(4);
                let s = src.wrapping_offset(j as isize * js);
                let mut k = 0;
                while k + 4 <= kc {
                    let mut r = [_mm256_setzero_pd(); 4];
                    for i in 0..have {
                        r[i] = _mm256_loadu_pd(s.offset(i as isize * js).add(k));
                    }
                    let a0 = _mm256_unpacklo_pd(r[0], r[1]);
                    let a1 = _mm256_unpackhi_pd(r[0], r[1]);
                    let a2 = _mm256_unpacklo_pd(r[2], r[3]);
                    let a3 = _mm256_unpackhi_pd(r[2], r[3]);
                    let t = [
                        _mm256_permute2f128_pd(a0, a2, 0x20),
                        _mm256_permute2f128_pd(a1, a3, 0x20),
                        _mm256_permute2f128_pd(a0, a2, 0x31),
                        _mm256_permute2f128_pd(a1, a3, 0x31),
                    ];
                    for i in 0..4 {
                        let d = dst.add((k + i) * width + j);
                        if room == 4 {
                            _mm256_storeu_pd(d, t[i]);
                        } else {
                            let mut v = [0f64; 4];
                            _mm256_storeu_pd(v.as_mut_ptr(), t[i]);
                            std::ptr::copy_nonoverlapping(v.as_ptr(), d, room);
                        }
                    }
                    k += 4;
                }
                while k < kc {
                    for i in 0..room {
                        let v = if i < have { s.offset(i as isize * js).add(k).read() } else { 0.0 };
                        dst.add(k * width + j + i).write(v);
                    }
                    k += 1;
                }
                j += 4;
            }
        }
    }

    /// Pairs of bf16; returns how many steps were packed (0: no quick way).
    ///
    /// # Safety
    /// As [`super::Source::pack`]; AVX2 is there.
    #[target_feature(enable = "avx2,f16c")]
    pub(super) unsafe fn pack_pairs(
        src: *const u16,
        js: isize,
        ks: isize,
        dst: *mut u32,
        width: usize,
        cols: usize,
        kc: usize,
    ) -> usize {
        // SAFETY: the ranges are the caller's.
        unsafe {
            if js == 1 {
                for k in 0..kc {
                    let even = src.offset(2 * k as isize * ks);
                    let odd = even.offset(ks);
                    let d = dst.add(k * width);
                    let mut j = 0;
                    while j + 8 <= cols {
                        let lo = _mm256_cvtepu16_epi32(_mm_loadu_si128(even.add(j).cast()));
                        let hi = _mm256_cvtepu16_epi32(_mm_loadu_si128(odd.add(j).cast()));
                        _mm256_storeu_si256(d.add(j).cast(), _mm256_or_si256(lo, _mm256_slli_epi32(hi, 16)));
                        j += 8;
                    }
                    while j < width {
                        let v = if j < cols { even.add(j).read() as u32 | (odd.add(j).read() as u32) << 16 } else { 0 };
                        d.add(j).write(v);
                        j += 1;
                    }
                }
                return kc;
            }
            if ks == 1 && js % 2 == 0 {
                // Two neighbours are one 32-bit word.
                turn32::<f32>(src.cast(), js / 2, dst.cast(), width, width, cols, kc);
                return kc;
            }
        }
        0
    }
}
