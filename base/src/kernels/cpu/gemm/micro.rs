//! The micro-kernel: one tile of C, `rows x (vectors * lanes)`, kept in registers over all of `k`; and its tables, one
//! entry per number of rows and of vectors, so that edge tiles run the same arithmetic as full ones.

use super::lane::{Lane, Num, Plain};
use crate::device::cpu::isa::Isa;

/// One tile's job. Strides in elements.
pub(crate) struct Tile<I, T> {
    pub k: usize,
    pub a: *const I,
    /// Distance of A's rows and of its k; both ignored by the packed kernel.
    pub a_rs: isize,
    pub a_ks: isize,
    pub b: *const I,
    /// Distance of B's k; ignored by the packed kernel.
    pub b_ks: isize,
    /// Valid lanes of the last vector of a row of B (unpacked) and of C.
    pub b_last: usize,
    pub c_last: usize,
    pub c: *mut T,
    pub c_rs: isize,
    pub alpha: T,
    pub beta: T,
    /// Null, or one value per row / per column of the tile.
    pub row_bias: *const T,
    pub col_bias: *const T,
    pub relu: bool,
}

/// A micro-kernel of a fixed tile size.
pub(crate) type TileFn<I, T> = unsafe fn(&Tile<I, T>);

/// The kernels of one (instruction set, element type).
pub(crate) struct Kernels<I: 'static, T: 'static> {
    pub mr: usize,
    pub nv: usize,
    pub lanes: usize,
    /// `[rows - 1][vectors - 1]`; both operands packed.
    pub packed: &'static [[TileFn<I, T>; 3]; 8],
    /// A by strides, B's k by stride, B's columns adjacent.
    pub strided: &'static [[TileFn<I, T>; 3]; 8],
}

/// Code for each row of a tile, unrolled by hand: `i` is a constant in each copy.
macro_rules! rows {
    ($i:ident, $rows:expr, $body:block) => {
        rows!(@ $i, $rows, $body, 0 1 2 3 4 5 6 7)
    };
    (@ $i:ident, $rows:expr, $body:block, $($n:literal)*) => {
        $(if $n < $rows {
            let $i: usize = $n;
            $body
        })*
    };
}

#[inline(always)]
unsafe fn tile<L: Lane, const MR: usize, const NV: usize, const PACKED: bool>(t: &Tile<L::In, L::T>) {
    // SAFETY: the caller vouches for the tile's pointers and for the instruction set.
    unsafe {
        let (rs, ks, bks) =
            if PACKED { (1isize, L::MR as isize, (NV * L::LANES) as isize) } else { (t.a_rs, t.a_ks, t.b_ks) };
        let mut acc = [[L::zero(); NV]; MR];
        let mut a = t.a;
        let mut b = t.b;
        let bm = L::mask(t.b_last);
        for _ in 0..t.k {
            let bv: [L::Vi; NV] = std::array::from_fn(|v| {
                let p = b.wrapping_add(v * L::LANES);
                if PACKED || v + 1 < NV { L::load_in(p) } else { L::load_in_part(p, bm) }
            });
            rows!(i, MR, {
                let x = L::splat_in(a.offset(i as isize * rs).read());
                for v in 0..NV {
                    acc[i][v] = L::mac(x, bv[v], acc[i][v]);
                }
            });
            a = a.wrapping_offset(ks);
            b = b.wrapping_offset(bks);
        }
        // Sums leave the registers by unrolled code only: an index that is not constant would put them into memory for
        // all of the loop above.
        let zero = L::T::default();
        let full = t.c_last == L::LANES;
        let cm = L::mask(t.c_last);
        let plain = t.alpha == L::T::ONE && t.row_bias.is_null() && t.col_bias.is_null() && !t.relu;
        if plain && t.beta == zero {
            rows!(i, MR, {
                let row = t.c.offset(i as isize * t.c_rs);
                for v in 0..NV {
                    let p = row.wrapping_add(v * L::LANES);
                    if v + 1 < NV || full { L::store(p, acc[i][v]) } else { L::store_part(p, acc[i][v], cm) }
                }
            });
        } else if plain && t.beta == L::T::ONE {
            rows!(i, MR, {
                let row = t.c.offset(i as isize * t.c_rs);
                for v in 0..NV {
                    let p = row.wrapping_add(v * L::LANES);
                    if v + 1 < NV || full {
                        L::store(p, L::add(L::load(p), acc[i][v]));
                    } else {
                        L::store_part(p, L::add(L::load_part(p, cm), acc[i][v]), cm);
                    }
                }
            });
        } else {
            // Room for the largest tile: 8 x 3 vectors of 64 bytes.
            let mut room = std::mem::MaybeUninit::<[[u64; 8]; 24]>::uninit();
            let sums = room.as_mut_ptr().cast::<L::T>();
            rows!(i, MR, {
                for v in 0..NV {
                    L::store(sums.add((i * NV + v) * L::LANES), acc[i][v]);
                }
            });
            finish::<L>(t, sums, MR, NV);
        }
    }
}

/// The epilogue that is not a plain store or sum.
#[inline(always)]
unsafe fn finish<L: Lane>(t: &Tile<L::In, L::T>, sums: *const L::T, rows: usize, vectors: usize) {
    // SAFETY: the caller vouches for the tile's pointers, the sums and the instruction set.
    unsafe {
        let (one, zero) = (L::T::ONE, L::T::default());
        let cm = L::mask(t.c_last);
        let (alpha, beta) = (L::splat(t.alpha), L::splat(t.beta));
        for i in 0..rows {
            let row = t.c.offset(i as isize * t.c_rs);
            for v in 0..vectors {
                let p = row.wrapping_add(v * L::LANES);
                let part = v + 1 == vectors && t.c_last != L::LANES;
                let mut x = L::load(sums.add((i * vectors + v) * L::LANES));
                if t.alpha != one {
                    x = L::mul(alpha, x);
                }
                if t.beta != zero {
                    let c = if part { L::load_part(p, cm) } else { L::load(p) };
                    x = if t.beta == one { L::add(c, x) } else { L::madd(beta, c, x) };
                }
                if !t.row_bias.is_null() {
                    x = L::add(x, L::splat(t.row_bias.add(i).read()));
                }
                if !t.col_bias.is_null() {
                    let q = t.col_bias.wrapping_add(v * L::LANES);
                    x = L::add(x, if part { L::load_part(q, cm) } else { L::load(q) });
                }
                if t.relu {
                    x = L::relu(x);
                }
                if part { L::store_part(p, x, cm) } else { L::store(p, x) }
            }
        }
    }
}

/// A row of a table: the kernels with this many rows and 1, 2, 3 vectors; what a lane type has not stands in its place
/// as its largest (never asked for).
macro_rules! table {
    ($f:ident, $l:ty, $p:literal) => {{
        const fn r(x: usize) -> usize {
            if x > <$l as Lane>::MR { <$l as Lane>::MR } else { x }
        }
        const fn v(x: usize) -> usize {
            if x > <$l as Lane>::NV { <$l as Lane>::NV } else { x }
        }
        &[
            [$f::<{ r(1) }, { v(1) }, $p>, $f::<{ r(1) }, { v(2) }, $p>, $f::<{ r(1) }, { v(3) }, $p>],
            [$f::<{ r(2) }, { v(1) }, $p>, $f::<{ r(2) }, { v(2) }, $p>, $f::<{ r(2) }, { v(3) }, $p>],
            [$f::<{ r(3) }, { v(1) }, $p>, $f::<{ r(3) }, { v(2) }, $p>, $f::<{ r(3) }, { v(3) }, $p>],
            [$f::<{ r(4) }, { v(1) }, $p>, $f::<{ r(4) }, { v(2) }, $p>, $f::<{ r(4) }, { v(3) }, $p>],
            [$f::<{ r(5) }, { v(1) }, $p>, $f::<{ r(5) }, { v(2) }, $p>, $f::<{ r(5) }, { v(3) }, $p>],
            [$f::<{ r(6) }, { v(1) }, $p>, $f::<{ r(6) }, { v(2) }, $p>, $f::<{ r(6) }, { v(3) }, $p>],
            [$f::<{ r(7) }, { v(1) }, $p>, $f::<{ r(7) }, { v(2) }, $p>, $f::<{ r(7) }, { v(3) }, $p>],
            [$f::<{ r(8) }, { v(1) }, $p>, $f::<{ r(8) }, { v(2) }, $p>, $f::<{ r(8) }, { v(3) }, $p>],
        ]
    }};
}

macro_rules! kernels {
    ($name:ident, $l:ty, $i:ty, $t:ty $(, $features:literal)?) => {
        pub(super) static $name: Kernels<$i, $t> = {
            $(#[target_feature(enable = $features)])?
            unsafe fn f<const MR: usize, const NV: usize, const PACKED: bool>(t: &Tile<$i, $t>) {
                // SAFETY: this function enables what the lane type needs; the rest is the caller's.
                unsafe { tile::<$l, MR, NV, PACKED>(t) }
            }
            Kernels {
                mr: <$l as Lane>::MR,
                nv: <$l as Lane>::NV,
                lanes: <$l as Lane>::LANES,
                packed: table!(f, $l, true),
                strided: table!(f, $l, false),
            }
        };
    };
}

kernels!(PLAIN_F32, Plain<f32>, f32, f32);
kernels!(PLAIN_F64, Plain<f64>, f64, f64);
kernels!(PLAIN_I32, Plain<i32>, i32, i32);
kernels!(PLAIN_I64, Plain<i64>, i64, i64);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::lane::*;
    use super::*;
    kernels!(AVX2_F32, Avx2F32, f32, f32, "avx2,fma");
    kernels!(AVX2_F64, Avx2F64, f64, f64, "avx2,fma");
    kernels!(AVX2_I32, Avx2I32, i32, i32, "avx2,fma");
    kernels!(AVX2_I64, Avx2I64, i64, i64, "avx2,fma");
    kernels!(AVX512_F32, Avx512F32, f32, f32, "avx512f,avx512vl,avx512dq,avx512bw");
    kernels!(AVX512_F64, Avx512F64, f64, f64, "avx512f,avx512vl,avx512dq,avx512bw");
    kernels!(AVX512_I32, Avx512I32, i32, i32, "avx512f,avx512vl,avx512dq,avx512bw");
    kernels!(AVX512_I64, Avx512I64, i64, i64, "avx512f,avx512vl,avx512dq,avx512bw");
    kernels!(AVX512_BF16, Avx512Bf16, u32, f32, "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16");
    pub(super) static BF16: &Kernels<u32, f32> = &AVX512_BF16;
}

/// An accumulator type that has micro-kernels.
pub(crate) trait Native: Num {
    /// Its kernels for an instruction set.
    fn kernels(isa: Isa) -> &'static Kernels<Self, Self>;
}

macro_rules! native {
    ($t:ty, $plain:ident, $avx2:ident, $avx512:ident) => {
        impl Native for $t {
            fn kernels(isa: Isa) -> &'static Kernels<$t, $t> {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => &x86::$avx512,
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => &x86::$avx2,
                    _ => &$plain,
                }
            }
        }
    };
}
native!(f32, PLAIN_F32, AVX2_F32, AVX512_F32);
native!(f64, PLAIN_F64, AVX2_F64, AVX512_F64);
native!(i32, PLAIN_I32, AVX2_I32, AVX512_I32);
native!(i64, PLAIN_I64, AVX2_I64, AVX512_I64);

/// The kernels over pairs of bf16, where the machine has `vdpbf16ps`.
#[cfg(target_arch = "x86_64")]
pub(super) fn bf16_kernels() -> Option<&'static Kernels<u32, f32>> {
    is_x86_feature_detected!("avx512bf16").then_some(x86::BF16)
}
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn bf16_kernels() -> Option<&'static Kernels<u32, f32>> {
    None
}
