//! Vectors of the micro-kernels: one trait, one small type per (instruction set, element type).
//!
//! Every method is `#[inline(always)]` and only meant to be inlined into a function that enables the features of its
//! instruction set (`micro.rs` has those); that is the safety condition of the whole trait.

/// What a micro-kernel needs of a vector. `In` is the packed input element, `T` the accumulator's element.
///
/// # Safety
/// Methods may only run where the instruction set of the type is enabled; pointers must be valid for the lanes named.
pub(super) trait Lane: Copy {
    /// Packed input element (`u32`, two bf16, for the bf16 dot product).
    type In: Copy + Send + Sync + 'static;
    /// Element of accumulators and of C.
    type T: Num;
    /// Vector of inputs.
    type Vi: Copy;
    /// Vector of accumulators.
    type Vt: Copy;
    /// Which lanes of the last vector count.
    type Mask: Copy;
    /// Lanes of a vector.
    const LANES: usize;
    /// Rows of a full tile.
    const MR: usize;
    /// Vectors in a row of a full tile.
    const NV: usize;

    unsafe fn mask(lanes: usize) -> Self::Mask;
    unsafe fn zero() -> Self::Vt;
    unsafe fn splat_in(x: Self::In) -> Self::Vi;
    unsafe fn load_in(p: *const Self::In) -> Self::Vi;
    unsafe fn load_in_part(p: *const Self::In, m: Self::Mask) -> Self::Vi;
    /// `a * b + c`, the step of the product.
    unsafe fn mac(a: Self::Vi, b: Self::Vi, c: Self::Vt) -> Self::Vt;
    unsafe fn splat(x: Self::T) -> Self::Vt;
    unsafe fn load(p: *const Self::T) -> Self::Vt;
    unsafe fn load_part(p: *const Self::T, m: Self::Mask) -> Self::Vt;
    unsafe fn store(p: *mut Self::T, v: Self::Vt);
    unsafe fn store_part(p: *mut Self::T, v: Self::Vt, m: Self::Mask);
    unsafe fn add(a: Self::Vt, b: Self::Vt) -> Self::Vt;
    unsafe fn mul(a: Self::Vt, b: Self::Vt) -> Self::Vt;
    /// `a * b + c` of the epilogue.
    unsafe fn madd(a: Self::Vt, b: Self::Vt, c: Self::Vt) -> Self::Vt;
    /// `max(a, 0)`, NaN stays.
    unsafe fn relu(a: Self::Vt) -> Self::Vt;
}

/// Arithmetic of accumulators in scalar code; integers wrap.
pub(crate) trait Num: Copy + Default + PartialEq + Send + Sync + 'static {
    /// One.
    const ONE: Self;
    /// From alpha or beta.
    fn of(x: f64) -> Self;
    /// `self + b`
    fn plus(self, b: Self) -> Self;
    /// `self * b`
    fn times(self, b: Self) -> Self;
    /// `self / b`; integers by zero give zero.
    fn over(self, b: Self) -> Self;
    /// `max(self, 0)`, NaN stays.
    fn relu(self) -> Self;
}

macro_rules! num_float {
    ($($t:ty),*) => {$(
        impl Num for $t {
            const ONE: $t = 1.0;
            #[inline(always)]
            fn of(x: f64) -> $t { x as $t }
            #[inline(always)]
            fn plus(self, b: $t) -> $t { self + b }
            #[inline(always)]
            fn times(self, b: $t) -> $t { self * b }
            #[inline(always)]
            fn over(self, b: $t) -> $t { self / b }
            #[inline(always)]
            fn relu(self) -> $t { if self < 0.0 { 0.0 } else { self } }
        }
    )*};
}
macro_rules! num_int {
    ($($t:ty),*) => {$(
        impl Num for $t {
            const ONE: $t = 1;
            #[inline(always)]
            fn of(x: f64) -> $t { x as $t }
            #[inline(always)]
            fn plus(self, b: $t) -> $t { self.wrapping_add(b) }
            #[inline(always)]
            fn times(self, b: $t) -> $t { self.wrapping_mul(b) }
            #[inline(always)]
            fn over(self, b: $t) -> $t { self.checked_div(b).unwrap_or(0) }
            #[inline(always)]
            fn relu(self) -> $t { self.max(0) }
        }
    )*};
}
num_float!(f32, f64);
num_int!(i32, i64);

/// Two lanes by plain code, for machines without the vectors below. The compiler makes SSE2 of it.
#[derive(Clone, Copy)]
pub(super) struct Plain<T>(std::marker::PhantomData<T>);

macro_rules! plain {
    ($t:ty, $lanes:literal) => {
        // SAFETY (of the bodies): plain loads and stores of the lanes that the caller vouches for.
        impl Lane for Plain<$t> {
            type In = $t;
            type T = $t;
            type Vi = [$t; $lanes];
            type Vt = [$t; $lanes];
            type Mask = usize;
            const LANES: usize = $lanes;
            const MR: usize = 4;
            const NV: usize = 2;
            #[inline(always)]
            unsafe fn mask(lanes: usize) -> usize {
                lanes
            }
            #[inline(always)]
            unsafe fn zero() -> [$t; $lanes] {
                [<$t>::default(); $lanes]
            }
            #[inline(always)]
            unsafe fn splat_in(x: $t) -> [$t; $lanes] {
                [x; $lanes]
            }
            #[inline(always)]
            unsafe fn load_in(p: *const $t) -> [$t; $lanes] {
                // SAFETY: the caller's pointer covers all lanes.
                unsafe { p.cast::<[$t; $lanes]>().read_unaligned() }
            }
            #[inline(always)]
            unsafe fn load_in_part(p: *const $t, m: usize) -> [$t; $lanes] {
                let mut v = [<$t>::default(); $lanes];
                for i in 0..m {
                    // SAFETY: the caller's pointer covers `m` lanes.
                    v[i] = unsafe { p.add(i).read() };
                }
                v
            }
            #[inline(always)]
            unsafe fn mac(a: [$t; $lanes], b: [$t; $lanes], c: [$t; $lanes]) -> [$t; $lanes] {
                std::array::from_fn(|i| a[i].times(b[i]).plus(c[i]))
            }
            #[inline(always)]
            unsafe fn splat(x: $t) -> [$t; $lanes] {
                [x; $lanes]
            }
            #[inline(always)]
            unsafe fn load(p: *const $t) -> [$t; $lanes] {
                // SAFETY: as in `load_in`.
                unsafe { Self::load_in(p) }
            }
            #[inline(always)]
            unsafe fn load_part(p: *const $t, m: usize) -> [$t; $lanes] {
                // SAFETY: as in `load_in_part`.
                unsafe { Self::load_in_part(p, m) }
            }
            #[inline(always)]
            unsafe fn store(p: *mut $t, v: [$t; $lanes]) {
                // SAFETY: the caller's pointer covers all lanes.
                unsafe { p.cast::<[$t; $lanes]>().write_unaligned(v) }
            }
            #[inline(always)]
            unsafe fn store_part(p: *mut $t, v: [$t; $lanes], m: usize) {
                for i in 0..m.min($lanes) {
                    // SAFETY: the caller's pointer covers `m` lanes.
                    unsafe { p.add(i).write(v[i]) };
                }
            }
            #[inline(always)]
            unsafe fn add(a: [$t; $lanes], b: [$t; $lanes]) -> [$t; $lanes] {
                std::array::from_fn(|i| a[i].plus(b[i]))
            }
            #[inline(always)]
            unsafe fn mul(a: [$t; $lanes], b: [$t; $lanes]) -> [$t; $lanes] {
                std::array::from_fn(|i| a[i].times(b[i]))
            }
            #[inline(always)]
            unsafe fn madd(a: [$t; $lanes], b: [$t; $lanes], c: [$t; $lanes]) -> [$t; $lanes] {
                std::array::from_fn(|i| a[i].times(b[i]).plus(c[i]))
            }
            #[inline(always)]
            unsafe fn relu(a: [$t; $lanes]) -> [$t; $lanes] {
                std::array::from_fn(|i| a[i].relu())
            }
        }
    };
}
plain!(f32, 4);
plain!(f64, 2);
plain!(i32, 4);
plain!(i64, 2);

#[cfg(target_arch = "x86_64")]
pub(super) use x86::*;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lane;
    use std::arch::x86_64::*;

    macro_rules! lane {
        ($name:ident, $doc:literal, $in:ty, $t:ty, $vi:ty, $vt:ty, $mask:ty, $lanes:literal, $mr:literal, $nv:literal,
         mask = |$mn:ident| $mk:expr, zero = $zero:expr, splat_in = |$si:ident| $spi:expr,
         load_in = |$li:ident| $ldi:expr, load_in_part = |$lip:ident, $lim:ident| $ldip:expr,
         mac = |$fa:ident, $fb:ident, $fc:ident| $fma:expr, splat = |$sx:ident| $sp:expr,
         load = |$lp:ident| $ld:expr, load_part = |$pp:ident, $pm:ident| $ldp:expr,
         store = |$stp:ident, $stv:ident| $st:expr, store_part = |$qp:ident, $qv:ident, $qm:ident| $stpart:expr,
         add = $add:path, mul = |$ma:ident, $mb:ident| $mul:expr, madd = |$ea:ident, $eb:ident, $ec:ident| $madd:expr,
         relu = |$r:ident| $relu:expr) => {
            #[doc = $doc]
            #[derive(Clone, Copy)]
            pub(in super::super) struct $name;

            impl Lane for $name {
                type In = $in;
                type T = $t;
                type Vi = $vi;
                type Vt = $vt;
                type Mask = $mask;
                const LANES: usize = $lanes;
                const MR: usize = $mr;
                const NV: usize = $nv;
                #[inline(always)]
                unsafe fn mask($mn: usize) -> $mask {
                    // SAFETY: the trait's condition.
                    unsafe { $mk }
                }
                #[inline(always)]
                unsafe fn zero() -> $vt {
                    // SAFETY: the trait's condition.
                    unsafe { $zero }
                }
                #[inline(always)]
                unsafe fn splat_in($si: $in) -> $vi {
                    // SAFETY: the trait's condition.
                    unsafe { $spi }
                }
                #[inline(always)]
                unsafe fn load_in($li: *const $in) -> $vi {
                    // SAFETY: the trait's condition.
                    unsafe { $ldi }
                }
                #[inline(always)]
                unsafe fn load_in_part($lip: *const $in, $lim: $mask) -> $vi {
                    // SAFETY: the trait's condition.
                    unsafe { $ldip }
                }
                #[inline(always)]
                unsafe fn mac($fa: $vi, $fb: $vi, $fc: $vt) -> $vt {
                    // SAFETY: the trait's condition.
                    unsafe { $fma }
                }
                #[inline(always)]
                unsafe fn splat($sx: $t) -> $vt {
                    // SAFETY: the trait's condition.
                    unsafe { $sp }
                }
                #[inline(always)]
                unsafe fn load($lp: *const $t) -> $vt {
                    // SAFETY: the trait's condition.
                    unsafe { $ld }
                }
                #[inline(always)]
                unsafe fn load_part($pp: *const $t, $pm: $mask) -> $vt {
                    // SAFETY: the trait's condition.
                    unsafe { $ldp }
                }
                #[inline(always)]
                unsafe fn store($stp: *mut $t, $stv: $vt) {
                    // SAFETY: the trait's condition.
                    unsafe { $st }
                }
                #[inline(always)]
                unsafe fn store_part($qp: *mut $t, $qv: $vt, $qm: $mask) {
                    // SAFETY: the trait's condition.
                    unsafe { $stpart }
                }
                #[inline(always)]
                unsafe fn add(a: $vt, b: $vt) -> $vt {
                    // SAFETY: the trait's condition.
                    unsafe { $add(a, b) }
                }
                #[inline(always)]
                unsafe fn mul($ma: $vt, $mb: $vt) -> $vt {
                    // SAFETY: the trait's condition.
                    unsafe { $mul }
                }
                #[inline(always)]
                unsafe fn madd($ea: $vt, $eb: $vt, $ec: $vt) -> $vt {
                    // SAFETY: the trait's condition.
                    unsafe { $madd }
                }
                #[inline(always)]
                unsafe fn relu($r: $vt) -> $vt {
                    // SAFETY: the trait's condition.
                    unsafe { $relu }
                }
            }
        };
    }

    #[inline(always)]
    unsafe fn bits16(n: usize) -> u16 {
        if n >= 16 { !0 } else { ((1u32 << n) - 1) as u16 }
    }

    #[inline(always)]
    unsafe fn bits8(n: usize) -> u8 {
        if n >= 8 { !0 } else { ((1u32 << n) - 1) as u8 }
    }

    lane!(
        Avx512F32,
        "16 floats.",
        f32,
        f32,
        __m512,
        __m512,
        __mmask16,
        16,
        8,
        3,
        mask = |n| bits16(n),
        zero = _mm512_setzero_ps(),
        splat_in = |x| _mm512_set1_ps(x),
        load_in = |p| _mm512_loadu_ps(p),
        load_in_part = |p, m| _mm512_maskz_loadu_ps(m, p),
        mac = |a, b, c| _mm512_fmadd_ps(a, b, c),
        splat = |x| _mm512_set1_ps(x),
        load = |p| _mm512_loadu_ps(p),
        load_part = |p, m| _mm512_maskz_loadu_ps(m, p),
        store = |p, v| _mm512_storeu_ps(p, v),
        store_part = |p, v, m| _mm512_mask_storeu_ps(p, m, v),
        add = _mm512_add_ps,
        mul = |a, b| _mm512_mul_ps(a, b),
        madd = |a, b, c| _mm512_fmadd_ps(a, b, c),
        relu = |a| _mm512_max_ps(_mm512_setzero_ps(), a)
    );

    lane!(
        Avx512F64,
        "8 doubles.",
        f64,
        f64,
        __m512d,
        __m512d,
        __mmask8,
        8,
        8,
        3,
        mask = |n| bits8(n),
        zero = _mm512_setzero_pd(),
        splat_in = |x| _mm512_set1_pd(x),
        load_in = |p| _mm512_loadu_pd(p),
        load_in_part = |p, m| _mm512_maskz_loadu_pd(m, p),
        mac = |a, b, c| _mm512_fmadd_pd(a, b, c),
        splat = |x| _mm512_set1_pd(x),
        load = |p| _mm512_loadu_pd(p),
        load_part = |p, m| _mm512_maskz_loadu_pd(m, p),
        store = |p, v| _mm512_storeu_pd(p, v),
        store_part = |p, v, m| _mm512_mask_storeu_pd(p, m, v),
        add = _mm512_add_pd,
        mul = |a, b| _mm512_mul_pd(a, b),
        madd = |a, b, c| _mm512_fmadd_pd(a, b, c),
        relu = |a| _mm512_max_pd(_mm512_setzero_pd(), a)
    );

    lane!(
        Avx512Bf16,
        "16 pairs of bf16, summed in float.",
        u32,
        f32,
        __m512i,
        __m512,
        __mmask16,
        16,
        8,
        3,
        mask = |n| bits16(n),
        zero = _mm512_setzero_ps(),
        splat_in = |x| _mm512_set1_epi32(x as i32),
        load_in = |p| _mm512_loadu_si512(p.cast()),
        load_in_part = |p, m| _mm512_maskz_loadu_epi32(m, p.cast()),
        mac = |a, b, c| _mm512_dpbf16_ps(
            c,
            std::mem::transmute::<__m512i, __m512bh>(a),
            std::mem::transmute::<__m512i, __m512bh>(b)
        ),
        splat = |x| _mm512_set1_ps(x),
        load = |p| _mm512_loadu_ps(p),
        load_part = |p, m| _mm512_maskz_loadu_ps(m, p),
        store = |p, v| _mm512_storeu_ps(p, v),
        store_part = |p, v, m| _mm512_mask_storeu_ps(p, m, v),
        add = _mm512_add_ps,
        mul = |a, b| _mm512_mul_ps(a, b),
        madd = |a, b, c| _mm512_fmadd_ps(a, b, c),
        relu = |a| _mm512_max_ps(_mm512_setzero_ps(), a)
    );

    lane!(
        Avx512I32,
        "16 integers of 32 bits.",
        i32,
        i32,
        __m512i,
        __m512i,
        __mmask16,
        16,
        8,
        3,
        mask = |n| bits16(n),
        zero = _mm512_setzero_si512(),
        splat_in = |x| _mm512_set1_epi32(x),
        load_in = |p| _mm512_loadu_si512(p.cast()),
        load_in_part = |p, m| _mm512_maskz_loadu_epi32(m, p),
        mac = |a, b, c| _mm512_add_epi32(_mm512_mullo_epi32(a, b), c),
        splat = |x| _mm512_set1_epi32(x),
        load = |p| _mm512_loadu_si512(p.cast()),
        load_part = |p, m| _mm512_maskz_loadu_epi32(m, p),
        store = |p, v| _mm512_storeu_si512(p.cast(), v),
        store_part = |p, v, m| _mm512_mask_storeu_epi32(p, m, v),
        add = _mm512_add_epi32,
        mul = |a, b| _mm512_mullo_epi32(a, b),
        madd = |a, b, c| _mm512_add_epi32(_mm512_mullo_epi32(a, b), c),
        relu = |a| _mm512_max_epi32(_mm512_setzero_si512(), a)
    );

    lane!(
        Avx512I64,
        "8 integers of 64 bits.",
        i64,
        i64,
        __m512i,
        __m512i,
        __mmask8,
        8,
        8,
        3,
        mask = |n| bits8(n),
        zero = _mm512_setzero_si512(),
        splat_in = |x| _mm512_set1_epi64(x),
        load_in = |p| _mm512_loadu_si512(p.cast()),
        load_in_part = |p, m| _mm512_maskz_loadu_epi64(m, p),
        mac = |a, b, c| _mm512_add_epi64(_mm512_mullo_epi64(a, b), c),
        splat = |x| _mm512_set1_epi64(x),
        load = |p| _mm512_loadu_si512(p.cast()),
        load_part = |p, m| _mm512_maskz_loadu_epi64(m, p),
        store = |p, v| _mm512_storeu_si512(p.cast(), v),
        store_part = |p, v, m| _mm512_mask_storeu_epi64(p, m, v),
        add = _mm512_add_epi64,
        mul = |a, b| _mm512_mullo_epi64(a, b),
        madd = |a, b, c| _mm512_add_epi64(_mm512_mullo_epi64(a, b), c),
        relu = |a| _mm512_max_epi64(_mm512_setzero_si512(), a)
    );

    static LEFT: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

    /// The first `n` of 8 lanes of 32 bits.
    #[inline(always)]
    unsafe fn mask32(n: usize) -> __m256i {
        // SAFETY: 8 integers from index 8 - n (0..=8) lie inside the table.
        unsafe { _mm256_loadu_si256(LEFT.as_ptr().add(8 - n.min(8)).cast()) }
    }

    /// The first `n` of 4 lanes of 64 bits.
    #[inline(always)]
    unsafe fn mask64(n: usize) -> __m256i {
        // SAFETY: as above.
        unsafe { mask32(2 * n.min(4)) }
    }

    /// Low 64 bits of the products of 64-bit lanes.
    #[inline(always)]
    unsafe fn mullo64(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller has AVX2.
        unsafe {
            let cross = _mm256_mullo_epi32(a, _mm256_shuffle_epi32(b, 0xB1));
            let sum = _mm256_add_epi32(cross, _mm256_srli_epi64(cross, 32));
            _mm256_add_epi64(_mm256_mul_epu32(a, b), _mm256_slli_epi64(sum, 32))
        }
    }

    lane!(
        Avx2F32,
        "8 floats.",
        f32,
        f32,
        __m256,
        __m256,
        __m256i,
        8,
        6,
        2,
        mask = |n| mask32(n),
        zero = _mm256_setzero_ps(),
        splat_in = |x| _mm256_set1_ps(x),
        load_in = |p| _mm256_loadu_ps(p),
        load_in_part = |p, m| _mm256_maskload_ps(p, m),
        mac = |a, b, c| _mm256_fmadd_ps(a, b, c),
        splat = |x| _mm256_set1_ps(x),
        load = |p| _mm256_loadu_ps(p),
        load_part = |p, m| _mm256_maskload_ps(p, m),
        store = |p, v| _mm256_storeu_ps(p, v),
        store_part = |p, v, m| _mm256_maskstore_ps(p, m, v),
        add = _mm256_add_ps,
        mul = |a, b| _mm256_mul_ps(a, b),
        madd = |a, b, c| _mm256_fmadd_ps(a, b, c),
        relu = |a| _mm256_max_ps(_mm256_setzero_ps(), a)
    );

    lane!(
        Avx2F64,
        "4 doubles.",
        f64,
        f64,
        __m256d,
        __m256d,
        __m256i,
        4,
        6,
        2,
        mask = |n| mask64(n),
        zero = _mm256_setzero_pd(),
        splat_in = |x| _mm256_set1_pd(x),
        load_in = |p| _mm256_loadu_pd(p),
        load_in_part = |p, m| _mm256_maskload_pd(p, m),
        mac = |a, b, c| _mm256_fmadd_pd(a, b, c),
        splat = |x| _mm256_set1_pd(x),
        load = |p| _mm256_loadu_pd(p),
        load_part = |p, m| _mm256_maskload_pd(p, m),
        store = |p, v| _mm256_storeu_pd(p, v),
        store_part = |p, v, m| _mm256_maskstore_pd(p, m, v),
        add = _mm256_add_pd,
        mul = |a, b| _mm256_mul_pd(a, b),
        madd = |a, b, c| _mm256_fmadd_pd(a, b, c),
        relu = |a| _mm256_max_pd(_mm256_setzero_pd(), a)
    );

    lane!(
        Avx2I32,
        "8 integers of 32 bits.",
        i32,
        i32,
        __m256i,
        __m256i,
        __m256i,
        8,
        6,
        2,
        mask = |n| mask32(n),
        zero = _mm256_setzero_si256(),
        splat_in = |x| _mm256_set1_epi32(x),
        load_in = |p| _mm256_loadu_si256(p.cast()),
        load_in_part = |p, m| _mm256_maskload_epi32(p, m),
        mac = |a, b, c| _mm256_add_epi32(_mm256_mullo_epi32(a, b), c),
        splat = |x| _mm256_set1_epi32(x),
        load = |p| _mm256_loadu_si256(p.cast()),
        load_part = |p, m| _mm256_maskload_epi32(p, m),
        store = |p, v| _mm256_storeu_si256(p.cast(), v),
        store_part = |p, v, m| _mm256_maskstore_epi32(p, m, v),
        add = _mm256_add_epi32,
        mul = |a, b| _mm256_mullo_epi32(a, b),
        madd = |a, b, c| _mm256_add_epi32(_mm256_mullo_epi32(a, b), c),
        relu = |a| _mm256_max_epi32(_mm256_setzero_si256(), a)
    );

    lane!(
        Avx2I64,
        "4 integers of 64 bits.",
        i64,
        i64,
        __m256i,
        __m256i,
        __m256i,
        4,
        6,
        2,
        mask = |n| mask64(n),
        zero = _mm256_setzero_si256(),
        splat_in = |x| _mm256_set1_epi64x(x),
        load_in = |p| _mm256_loadu_si256(p.cast()),
        load_in_part = |p, m| _mm256_maskload_epi64(p, m),
        mac = |a, b, c| _mm256_add_epi64(mullo64(a, b), c),
        splat = |x| _mm256_set1_epi64x(x),
        load = |p| _mm256_loadu_si256(p.cast()),
        load_part = |p, m| _mm256_maskload_epi64(p, m),
        store = |p, v| _mm256_storeu_si256(p.cast(), v),
        store_part = |p, v, m| _mm256_maskstore_epi64(p, m, v),
        add = _mm256_add_epi64,
        mul = |a, b| mullo64(a, b),
        madd = |a, b, c| _mm256_add_epi64(mullo64(a, b), c),
        relu = |a| _mm256_andnot_si256(_mm256_cmpgt_epi64(_mm256_setzero_si256(), a), a)
    );
}
