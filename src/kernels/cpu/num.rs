//! Arithmetic of single elements for kernels that are not formulas: what `+`, `*` and `<` mean for every dtype, and keys
//! whose order as unsigned integers is PyTorch's order of sorting.

use crate::dtype::{B8, C32, C64, Complex, Element, bf16, f16};

/// Elements that can be added and multiplied. Halves are computed in `f32` and rounded at each operation, integers
/// wrap, bool is "or" and "and", as C++ has it.
pub trait Num: Element {
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// `self + o`.
    fn add(self, o: Self) -> Self;
    /// `self * o`.
    fn mul(self, o: Self) -> Self;
    /// Is it different from zero? (NaN is.)
    fn truth(self) -> bool;
}

/// A key with its position, ordered by both.
pub trait Keyed: Copy + Ord + Default + Send + Sync {
    /// Positions must be below this.
    const LIMIT: usize;
    /// Puts both together.
    fn new(key: u64, at: usize) -> Self;
    /// The key.
    fn key(self) -> u64;
    /// The position.
    fn at(self) -> usize;
}

/// Keys of at most 32 bits above positions of 32 bits.
impl Keyed for u64 {
    const LIMIT: usize = u32::MAX as usize;
    #[inline(always)]
    fn new(key: u64, at: usize) -> u64 {
        key << 32 | at as u64
    }
    #[inline(always)]
    fn key(self) -> u64 {
        self >> 32
    }
    #[inline(always)]
    fn at(self) -> usize {
        self as u32 as usize
    }
}

impl Keyed for (u64, u64) {
    const LIMIT: usize = usize::MAX;
    #[inline(always)]
    fn new(key: u64, at: usize) -> (u64, u64) {
        (key, at as u64)
    }
    #[inline(always)]
    fn key(self) -> u64 {
        self.0
    }
    #[inline(always)]
    fn at(self) -> usize {
        self.1 as usize
    }
}

/// Elements with an order.
pub trait Real: Num {
    /// What a sort moves: a key with its position.
    type Pair: Keyed;
    /// Bits of `key` that may be set.
    const KEY_BITS: u32;
    /// The least value (`-inf` for floats).
    const LOWEST: Self;
    /// The greatest value (`inf` for floats).
    const HIGHEST: Self;
    /// `self < o`; false where one is NaN.
    fn lt(self, o: Self) -> bool;
    /// Is it NaN?
    fn nan(self) -> bool;
    /// An integer in the order of the values: NaN is the largest, whatever its bits, and -0 equals 0.
    fn key(self) -> u64;
    /// The value with this key, where `plain` said that there is one.
    fn from_key(k: u64) -> Self;
    /// Does `from_key(key)` give the very same bits back? (Not for NaN and -0.)
    fn plain(self) -> bool;
    /// The value as `f64`.
    fn to_f64(self) -> f64;
    /// The nearest value; integers cut as C does.
    fn from_f64(x: f64) -> Self;
}

/// The larger of two; NaN wins.
#[inline(always)]
pub fn max<T: Real>(a: T, b: T) -> T {
    if b.nan() || a.lt(b) { b } else { a }
}

/// The smaller of two; NaN wins.
#[inline(always)]
pub fn min<T: Real>(a: T, b: T) -> T {
    if b.nan() || b.lt(a) { b } else { a }
}

macro_rules! ints {
    ($($t:ty, $u:ty, $p:ty);*) => {$(
        impl Num for $t {
            const ZERO: $t = 0;
            const ONE: $t = 1;
            #[inline(always)]
            fn add(self, o: $t) -> $t { self.wrapping_add(o) }
            #[inline(always)]
            fn mul(self, o: $t) -> $t { self.wrapping_mul(o) }
            #[inline(always)]
            fn truth(self) -> bool { self != 0 }
        }
        impl Real for $t {
            type Pair = $p;
            const KEY_BITS: u32 = <$t>::BITS;
            const LOWEST: $t = <$t>::MIN;
            const HIGHEST: $t = <$t>::MAX;
            #[inline(always)]
            fn lt(self, o: $t) -> bool { self < o }
            #[inline(always)]
            fn nan(self) -> bool { false }
            #[inline(always)]
            fn key(self) -> u64 { (self as $u ^ <$t>::MIN as $u) as u64 }
            #[inline(always)]
            fn from_key(k: u64) -> $t { (k as $u ^ <$t>::MIN as $u) as $t }
            #[inline(always)]
            fn plain(self) -> bool { true }
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn from_f64(x: f64) -> $t { x as i64 as $t }
        }
    )*};
}
ints!(u8, u8, u64; i8, u8, u64; i16, u16, u64; i32, u32, u64; i64, u64, (u64, u64));

impl Num for B8 {
    const ZERO: B8 = B8(0);
    const ONE: B8 = B8(1);
    #[inline(always)]
    fn add(self, o: B8) -> B8 {
        B8(self.0 | o.0)
    }
    #[inline(always)]
    fn mul(self, o: B8) -> B8 {
        B8(self.0 & o.0)
    }
    #[inline(always)]
    fn truth(self) -> bool {
        self.0 != 0
    }
}

impl Real for B8 {
    type Pair = u64;
    const KEY_BITS: u32 = 8;
    const LOWEST: B8 = B8(0);
    const HIGHEST: B8 = B8(1);
    #[inline(always)]
    fn lt(self, o: B8) -> bool {
        self.0 < o.0
    }
    #[inline(always)]
    fn nan(self) -> bool {
        false
    }
    #[inline(always)]
    fn key(self) -> u64 {
        self.0 as u64
    }
    #[inline(always)]
    fn from_key(k: u64) -> B8 {
        B8(k as u8)
    }
    #[inline(always)]
    fn plain(self) -> bool {
        true
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self.0 as f64
    }
    #[inline(always)]
    fn from_f64(x: f64) -> B8 {
        B8((x != 0.0) as u8)
    }
}

macro_rules! floats {
    ($($t:ty, $u:ty, $i:ty, $p:ty, $inf:expr, $zero:expr, $one:expr, $add:expr, $mul:expr, $to:expr, $from:expr);* $(;)?) => {$(
        impl Num for $t {
            const ZERO: $t = $zero;
            const ONE: $t = $one;
            #[inline(always)]
            fn add(self, o: $t) -> $t { $add(self, o) }
            #[inline(always)]
            fn mul(self, o: $t) -> $t { $mul(self, o) }
            #[inline(always)]
            fn truth(self) -> bool { self.to_bits() << 1 != 0 }
        }
        impl Real for $t {
            type Pair = $p;
            const KEY_BITS: u32 = <$u>::BITS;
            const LOWEST: $t = <$t>::from_bits($inf | 1 << (<$u>::BITS - 1));
            const HIGHEST: $t = <$t>::from_bits($inf);
            #[inline(always)]
            fn lt(self, o: $t) -> bool { self < o }
            #[inline(always)]
            fn nan(self) -> bool { self.to_bits() << 1 > $inf << 1 }
            #[inline(always)]
            fn key(self) -> u64 {
                let b = self.to_bits();
                if b << 1 > $inf << 1 {
                    return <$u>::MAX as u64;
                }
                let b = if b << 1 == 0 { 0 } else { b };
                // Negative: all bits turned; otherwise the sign alone.
                (b ^ (((b as $i) >> (<$u>::BITS - 1)) as $u | 1 << (<$u>::BITS - 1))) as u64
            }
            #[inline(always)]
            fn from_key(k: u64) -> $t {
                let k = k as $u;
                let mask = (!((k as $i) >> (<$u>::BITS - 1))) as $u | 1 << (<$u>::BITS - 1);
                <$t>::from_bits(k ^ mask)
            }
            #[inline(always)]
            fn plain(self) -> bool {
                let b = self.to_bits();
                b != 1 << (<$u>::BITS - 1) && b << 1 <= $inf << 1
            }
            #[inline(always)]
            fn to_f64(self) -> f64 { $to(self) }
            #[inline(always)]
            fn from_f64(x: f64) -> $t { $from(x) }
        }
    )*};
}
floats!(
    f32, u32, i32, u64, 0x7f80_0000u32, 0.0, 1.0, |a: f32, b: f32| a + b, |a: f32, b: f32| a * b, |a: f32| a as f64, |x: f64| x as f32;
    f64, u64, i64, (u64, u64), 0x7ff0_0000_0000_0000u64, 0.0, 1.0, |a: f64, b: f64| a + b, |a: f64, b: f64| a * b, |a: f64| a, |x: f64| x;
    f16, u16, i16, u64, 0x7c00u16, f16::ZERO, f16::ONE, |a: f16, b: f16| f16::from_f32(a.to_f32() + b.to_f32()),
        |a: f16, b: f16| f16::from_f32(a.to_f32() * b.to_f32()), |a: f16| a.to_f64(), |x: f64| f16::from_f32(x as f32);
    bf16, u16, i16, u64, 0x7f80u16, bf16::ZERO, bf16::ONE, |a: bf16, b: bf16| bf16::from_f32(a.to_f32() + b.to_f32()),
        |a: bf16, b: bf16| bf16::from_f32(a.to_f32() * b.to_f32()), |a: bf16| a.to_f64(), |x: f64| bf16::from_f32(x as f32);
);

macro_rules! complexes {
    ($($t:ty),*) => {$(
        impl Num for $t {
            const ZERO: $t = Complex { re: 0.0, im: 0.0 };
            const ONE: $t = Complex { re: 1.0, im: 0.0 };
            #[inline(always)]
            fn add(self, o: $t) -> $t { Complex { re: self.re + o.re, im: self.im + o.im } }
            #[inline(always)]
            fn mul(self, o: $t) -> $t {
                Complex { re: self.re * o.re - self.im * o.im, im: self.re * o.im + self.im * o.re }
            }
            #[inline(always)]
            fn truth(self) -> bool { self.re != 0.0 || self.im != 0.0 }
        }
    )*};
}
complexes!(C32, C64);
