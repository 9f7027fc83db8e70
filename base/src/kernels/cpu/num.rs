//! Arithmetic of single elements for kernels that are not formulas: what `+`, `*` and `<` mean for every dtype, and keys
//! whose order as unsigned integers is PyTorch's order of sorting.

use crate::dtype::{B8, C32, C64, Complex, Element, bf16, f16};

/// Elements that can be added and multiplied. Halves are computed in `f32` and rounded at each operation, integers
/// wrap, bool is "or" and "and", as C++ has it.
pub trait Num: Element + PartialEq {
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
    /// The value as `i64`, cut as C does.
    fn to_i64(self) -> i64;
    /// The nearest value; integers cut as C does.
    fn from_f64(x: f64) -> Self;
}

/// float16 to float32, in a few integer operations (the crate `half` asks for the machine's features each time).
#[inline(always)]
pub fn f16_up(h: f16) -> f32 {
    let h = h.to_bits() as u32;
    let mut o = (h & 0x7fff) << 13;
    let exp = o & 0x0f80_0000;
    o = o.wrapping_add((127 - 15) << 23);
    let o = if exp == 0x0f80_0000 {
        f32::from_bits(o + ((128 - 16) << 23))
    } else if exp == 0 {
        f32::from_bits(o + (1 << 23)) - f32::from_bits(113 << 23)
    } else {
        f32::from_bits(o)
    };
    f32::from_bits(o.to_bits() | (h & 0x8000) << 16)
}

/// float32 to float16, to the nearest, ties to even.
#[inline(always)]
pub fn f16_down(x: f32) -> f16 {
    let sign = x.to_bits() & 0x8000_0000;
    let u = x.to_bits() ^ sign;
    let o = if u >= (127 + 16) << 23 {
        if u > 0x7f80_0000 { 0x7e00 } else { 0x7c00 }
    } else if u < 113 << 23 {
        let magic = f32::from_bits(((127 - 15) + (23 - 10) + 1) << 23);
        (f32::from_bits(u) + magic).to_bits() - magic.to_bits()
    } else {
        let odd = (u >> 13) & 1;
        (u.wrapping_sub((127 - 15) << 23) + 0xfff + odd) >> 13
    };
    f16::from_bits((o | sign >> 16) as u16)
}

/// bfloat16 to float32.
#[inline(always)]
pub fn bf16_up(x: bf16) -> f32 {
    f32::from_bits((x.to_bits() as u32) << 16)
}

/// float32 to bfloat16, to the nearest, ties to even.
#[inline(always)]
pub fn bf16_down(x: f32) -> bf16 {
    let u = x.to_bits();
    if x.is_nan() {
        return bf16::from_bits((u >> 16) as u16 | 0x40);
    }
    bf16::from_bits((u.wrapping_add(0x7fff + ((u >> 16) & 1)) >> 16) as u16)
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
            fn to_i64(self) -> i64 { self as i64 }
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
    fn to_i64(self) -> i64 {
        self.0 as i64
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
            fn to_i64(self) -> i64 { $to(self) as i64 }
            #[inline(always)]
            fn from_f64(x: f64) -> $t { $from(x) }
        }
    )*};
}
floats!(
    f32, u32, i32, u64, 0x7f80_0000u32, 0.0, 1.0, |a: f32, b: f32| a + b, |a: f32, b: f32| a * b, |a: f32| a as f64, |x: f64| x as f32;
    f64, u64, i64, (u64, u64), 0x7ff0_0000_0000_0000u64, 0.0, 1.0, |a: f64, b: f64| a + b, |a: f64, b: f64| a * b, |a: f64| a, |x: f64| x;
    f16, u16, i16, u64, 0x7c00u16, f16::ZERO, f16::ONE, |a: f16, b: f16| f16_down(f16_up(a) + f16_up(b)),
        |a: f16, b: f16| f16_down(f16_up(a) * f16_up(b)), |a: f16| f16_up(a) as f64, |x: f64| f16_down(x as f32);
    bf16, u16, i16, u64, 0x7f80u16, bf16::ZERO, bf16::ONE, |a: bf16, b: bf16| bf16_down(bf16_up(a) + bf16_up(b)),
        |a: bf16, b: bf16| bf16_down(bf16_up(a) * bf16_up(b)), |a: bf16| bf16_up(a) as f64, |x: f64| bf16_down(x as f32);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_convert_as_the_crate_half_does() {
        for b in 0..=u16::MAX {
            let (h, g) = (f16::from_bits(b), bf16::from_bits(b));
            assert!(h.is_nan() == f16_up(h).is_nan() && (h.is_nan() || f16_up(h).to_bits() == h.to_f32().to_bits()));
            assert_eq!(bf16_up(g).is_nan(), g.is_nan());
            for low in [0u32, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x1000, 0x0fff, 0x1001, 0x3000] {
                let x = f32::from_bits((b as u32) << 16 | low);
                let (a, c) = (f16_down(x), bf16_down(x));
                assert!(x.is_nan() == a.is_nan() && (x.is_nan() || a.to_bits() == f16::from_f32(x).to_bits()), "{x}");
                assert!(x.is_nan() == c.is_nan() && (x.is_nan() || c.to_bits() == bf16::from_f32(x).to_bits()), "{x}");
            }
        }
    }

    #[test]
    fn keys_are_in_order_and_give_values_back() {
        let v = [f32::NEG_INFINITY, -1.5, -1e-40, -0.0, 0.0, 1e-40, 2.0, f32::INFINITY, f32::NAN];
        for w in v.windows(2) {
            assert!(w[0].key() < w[1].key() || (w[0] == w[1] && w[0].key() == w[1].key()));
        }
        for x in v {
            assert_eq!(x.plain(), f32::from_key(x.key()).to_bits() == x.to_bits());
        }
        assert_eq!((-f32::NAN).key(), f32::NAN.key());
        assert!(i8::MIN.key() < (-1i8).key() && (-1i8).key() < 0i8.key() && i64::from_key((-5i64).key()) == -5);
    }
}
