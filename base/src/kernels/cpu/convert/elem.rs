//! One element to and from each compute type, with PyTorch's rules (those of C casts on x86): fractions are cut, integers
//! wrap, a float outside the integer's range gives the smallest integer, bool is "not zero", complex to real drops the
//! imaginary part.

use crate::dtype::{B8, C32, C64, Complex, Element, bf16, f16};

/// Conversions of a memory type.
#[allow(missing_docs)]
pub trait Elem: Element {
    fn to_f32(self) -> f32;
    fn to_f64(self) -> f64;
    fn to_i64(self) -> i64;
    fn to_c(self) -> C64;
    fn from_f32(x: f32) -> Self;
    fn from_f64(x: f64) -> Self;
    fn from_i64(x: i64) -> Self;
    fn from_c(x: C64) -> Self;
    #[inline(always)]
    fn to_c32(self) -> C32 {
        let c = self.to_c();
        C32 { re: c.re as f32, im: c.im as f32 }
    }
    #[inline(always)]
    fn from_c32(x: C32) -> Self {
        Self::from_c(C64 { re: x.re as f64, im: x.im as f64 })
    }
}

/// Float to integer as `cvttsd2si` does it: i64::MIN where it does not fit.
macro_rules! cut {
    ($x:expr, $F:ty, $I:ty) => {{
        let x: $F = $x;
        let fits = x >= <$I>::MIN as $F && x < -(<$I>::MIN as $F);
        let safe = if fits { x } else { 0.0 };
        // SAFETY: in range, by the line above.
        let i: $I = unsafe { safe.to_int_unchecked() };
        if fits { i } else { <$I>::MIN }
    }};
}

macro_rules! ints {
    ($($T:ty: $W:ty),*) => {$(
        impl Elem for $T {
            #[inline(always)]
            fn to_f32(self) -> f32 { self as f32 }
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn to_i64(self) -> i64 { self as i64 }
            #[inline(always)]
            fn to_c(self) -> C64 { Complex { re: self as f64, im: 0.0 } }
            #[inline(always)]
            fn from_f32(x: f32) -> Self { cut!(x, f32, $W) as $T }
            #[inline(always)]
            fn from_f64(x: f64) -> Self { cut!(x, f64, $W) as $T }
            #[inline(always)]
            fn from_i64(x: i64) -> Self { x as $T }
            #[inline(always)]
            fn from_c(x: C64) -> Self { Self::from_f64(x.re) }
        }
    )*};
}
ints!(u8: i32, i8: i32, i16: i32, i32: i32, i64: i64);

macro_rules! floats {
    ($($T:ty),*) => {$(
        impl Elem for $T {
            #[inline(always)]
            fn to_f32(self) -> f32 { self as f32 }
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn to_i64(self) -> i64 { cut!(self, $T, i64) }
            #[inline(always)]
            fn to_c(self) -> C64 { Complex { re: self as f64, im: 0.0 } }
            #[inline(always)]
            fn from_f32(x: f32) -> Self { x as $T }
            #[inline(always)]
            fn from_f64(x: f64) -> Self { x as $T }
            #[inline(always)]
            fn from_i64(x: i64) -> Self { x as $T }
            #[inline(always)]
            fn from_c(x: C64) -> Self { x.re as $T }
        }
    )*};
}
floats!(f32, f64);

impl Elem for B8 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        (self.0 != 0) as u8 as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        (self.0 != 0) as u8 as f64
    }
    #[inline(always)]
    fn to_i64(self) -> i64 {
        (self.0 != 0) as i64
    }
    #[inline(always)]
    fn to_c(self) -> C64 {
        Complex { re: self.to_f64(), im: 0.0 }
    }
    #[inline(always)]
    fn from_f32(x: f32) -> Self {
        B8((x != 0.0) as u8)
    }
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        B8((x != 0.0) as u8)
    }
    #[inline(always)]
    fn from_i64(x: i64) -> Self {
        B8((x != 0) as u8)
    }
    #[inline(always)]
    fn from_c(x: C64) -> Self {
        B8((x.re != 0.0 || x.im != 0.0) as u8)
    }
}

macro_rules! halves {
    ($T:ty, $to:ident, $from:ident) => {
        impl Elem for $T {
            #[inline(always)]
            fn to_f32(self) -> f32 {
                $to(self.to_bits())
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                $to(self.to_bits()) as f64
            }
            #[inline(always)]
            fn to_i64(self) -> i64 {
                $to(self.to_bits()).to_i64()
            }
            #[inline(always)]
            fn to_c(self) -> C64 {
                Complex { re: self.to_f64(), im: 0.0 }
            }
            #[inline(always)]
            fn from_f32(x: f32) -> Self {
                <$T>::from_bits($from(x))
            }
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                <$T>::from_bits($from(x as f32))
            }
            #[inline(always)]
            fn from_i64(x: i64) -> Self {
                <$T>::from_bits($from(x as f32))
            }
            #[inline(always)]
            fn from_c(x: C64) -> Self {
                Self::from_f64(x.re)
            }
        }
    };
}
halves!(f16, f16_to_f32, f16_from_f32);
halves!(bf16, bf16_to_f32, bf16_from_f32);

macro_rules! complexes {
    ($($T:ident: $F:ty),*) => {$(
        impl Elem for $T {
            #[inline(always)]
            fn to_f32(self) -> f32 { self.re as f32 }
            #[inline(always)]
            fn to_f64(self) -> f64 { self.re as f64 }
            #[inline(always)]
            fn to_i64(self) -> i64 { self.re.to_i64() }
            #[inline(always)]
            fn to_c(self) -> C64 { Complex { re: self.re as f64, im: self.im as f64 } }
            #[inline(always)]
            fn from_f32(x: f32) -> Self { Complex { re: x as $F, im: 0.0 } }
            #[inline(always)]
            fn from_f64(x: f64) -> Self { Complex { re: x as $F, im: 0.0 } }
            #[inline(always)]
            fn from_i64(x: i64) -> Self { Complex { re: x as $F, im: 0.0 } }
            #[inline(always)]
            fn from_c(x: C64) -> Self { Complex { re: x.re as $F, im: x.im as $F } }
        }
    )*};
}
complexes!(C32: f32, C64: f64);

/// float16 bits to f32, branch-free: the exponent is rebiased by a multiplication, which normalises denormals too.
#[inline(always)]
pub fn f16_to_f32(h: u16) -> f32 {
    let h = h as u32;
    let em = (h & 0x7fff) << 13;
    let scaled = (f32::from_bits(em) * f32::from_bits(0x7780_0000)).to_bits(); // 2^112
    let special = if em >= 0x0f80_0000 { 0x7f80_0000 } else { 0 };
    f32::from_bits(scaled | special | ((h & 0x8000) << 16))
}

/// f32 to float16 bits, to nearest even, branch-free: the addition of a power of two rounds at the right place.
#[inline(always)]
pub fn f16_from_f32(x: f32) -> u16 {
    let bits = x.to_bits();
    let a = f32::from_bits(bits & 0x7fff_ffff);
    let base = (a * f32::from_bits(0x7780_0000)) * f32::from_bits(0x0880_0000); // 2^112, then 2^-110: overflow to inf
    let twice = bits.wrapping_add(bits);
    let bias = (twice & 0xff00_0000).max(0x7100_0000);
    let r = (f32::from_bits((bias >> 1).wrapping_add(0x0780_0000)) + base).to_bits();
    let number = ((r >> 13) & 0x7c00).wrapping_add(r & 0x0fff);
    let v = if twice > 0xff00_0000 { 0x7e00 } else { number };
    (v | ((bits >> 16) & 0x8000)) as u16
}

/// bfloat16 bits to f32.
#[inline(always)]
pub fn bf16_to_f32(h: u16) -> f32 {
    f32::from_bits((h as u32) << 16)
}

/// f32 to bfloat16 bits, to nearest even.
#[inline(always)]
pub fn bf16_from_f32(x: f32) -> u16 {
    let b = x.to_bits();
    let r = b.wrapping_add(0x7fff + ((b >> 16) & 1)) >> 16;
    (if x.is_nan() { 0x7fc0 } else { r }) as u16
}
