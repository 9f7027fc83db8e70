//! A number without a tensor: what Python's `bool`, `int`, `float` and `complex` become, with their category for
//! promotion.

use crate::dtype::{self, Category, DType};
use crate::error::Result;

/// A Python number.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Complex(f64, f64),
}

impl std::fmt::Display for Scalar {
    /// As Python writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scalar::Bool(b) => f.write_str(if *b { "True" } else { "False" }),
            Scalar::Int(i) => write!(f, "{i}"),
            Scalar::Float(x) => write!(f, "{x:?}"),
            Scalar::Complex(re, im) => write!(f, "({re}{im:+}j)"),
        }
    }
}

impl Scalar {
    /// The complex conjugate.
    pub fn conj(self) -> Scalar {
        match self {
            Scalar::Complex(re, im) => Scalar::Complex(re, -im),
            real => real,
        }
    }

    /// The value as `f64` (the real part of a complex one).
    pub fn f64(self) -> f64 {
        match self {
            Scalar::Bool(b) => b as u8 as f64,
            Scalar::Int(i) => i as f64,
            Scalar::Float(f) => f,
            Scalar::Complex(re, _) => re,
        }
    }

    /// The value as `i64`; fractions are cut as C does.
    pub fn i64(self) -> i64 {
        match self {
            Scalar::Bool(b) => b as i64,
            Scalar::Int(i) => i,
            Scalar::Float(f) => f as i64,
            Scalar::Complex(re, _) => re as i64,
        }
    }

    /// The imaginary part.
    pub fn im(self) -> f64 {
        if let Scalar::Complex(_, im) = self { im } else { 0.0 }
    }

    /// Is it different from zero?
    pub fn truth(self) -> bool {
        self.f64() != 0.0 || self.im() != 0.0
    }

    /// An error if a tensor of dtype `d` cannot be filled with it: integers wrap only from negative to unsigned, infinities
    /// and NaN need a floating type, and an imaginary part a complex one.
    pub fn check_fits(self, d: DType) -> Result<()> {
        let fits = match (d, self) {
            (DType::Bool, _) => true,
            (_, Scalar::Complex(re, im)) if !d.is_complex() => {
                return if im == 0.0 { Scalar::Float(re).check_fits(d) } else { Err(overflow(d)) };
            }
            (DType::U8, Scalar::Int(i)) => (-255..=255).contains(&i),
            (DType::I8, Scalar::Int(i)) => i8::try_from(i).is_ok(),
            (DType::I16, Scalar::Int(i)) => i16::try_from(i).is_ok(),
            (DType::I32, Scalar::Int(i)) => i32::try_from(i).is_ok(),
            (DType::U8, Scalar::Float(f)) => (-255.0..=255.0).contains(&f),
            (DType::I8, Scalar::Float(f)) => (-128.0..=127.0).contains(&f),
            (DType::I16, Scalar::Float(f)) => (-32768.0..=32767.0).contains(&f),
            (DType::I32, Scalar::Float(f)) => (i32::MIN as f64..=i32::MAX as f64).contains(&f),
            (DType::I64, Scalar::Float(f)) => (i64::MIN as f64..i64::MAX as f64).contains(&f),
            (DType::F16, s) => within(s.f64(), 65504.0),
            (DType::BF16, s) => within(s.f64(), 3.3895313892515355e38),
            (DType::F32 | DType::C64, s) => within(s.f64(), f32::MAX as f64) && within(s.im(), f32::MAX as f64),
            _ => true,
        };
        if fits { Ok(()) } else { Err(overflow(d)) }
    }

    /// Its category in promotion.
    pub fn category(self) -> Category {
        match self {
            Scalar::Bool(_) => Category::Bool,
            Scalar::Int(_) => Category::Int,
            Scalar::Float(_) => Category::Float,
            Scalar::Complex(..) => Category::Complex,
        }
    }

    /// The dtype that a tensor made of this number alone gets.
    pub fn dtype(self) -> DType {
        match self {
            Scalar::Bool(_) => DType::Bool,
            Scalar::Int(_) => DType::I64,
            Scalar::Float(_) => dtype::default_dtype(),
            Scalar::Complex(..) => dtype::default_dtype().to_complex(),
        }
    }
}

/// Is it finite and no larger than `max`, or not finite at all?
fn within(f: f64, max: f64) -> bool {
    !f.is_finite() || f.abs() <= max
}

#[cold]
fn overflow(d: DType) -> crate::error::Error {
    err!(Runtime, "value cannot be converted to type {} without overflow", d.c_name())
}

macro_rules! from {
    ($($t:ty => $v:ident as $as:ty),*) => {$(
        impl From<$t> for Scalar { fn from(x: $t) -> Scalar { Scalar::$v(x as $as) } }
    )*};
}
from!(bool => Bool as bool, i32 => Int as i64, i64 => Int as i64, usize => Int as i64, f32 => Float as f64, f64 => Float as f64);
