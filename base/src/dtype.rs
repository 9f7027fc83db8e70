//! Element types: the list, their names, PyTorch's promotion rules, and `dispatch!`, the one macro that turns a run-time
//! dtype into a Rust type.

use std::sync::atomic::{AtomicU8, Ordering};

pub use half::{bf16, f16};

/// A complex number as it lies in memory: real part, then imaginary part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct Complex<T> {
    /// Real part.
    pub re: T,
    /// Imaginary part.
    pub im: T,
}

/// complex64 in memory.
pub type C32 = Complex<f32>;
/// complex128 in memory.
pub type C64 = Complex<f64>;

/// Element type of a tensor. The order is PyTorch's order of promotion within a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum DType {
    Bool,
    U8,
    I8,
    I16,
    I32,
    I64,
    F16,
    BF16,
    F32,
    F64,
    C64,
    C128,
}

/// Every dtype, in the order of the enum.
pub const ALL: [DType; 12] = [
    DType::Bool,
    DType::U8,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::F16,
    DType::BF16,
    DType::F32,
    DType::F64,
    DType::C64,
    DType::C128,
];

/// The categories of promotion, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Category {
    Bool,
    Int,
    Float,
    Complex,
}

static DEFAULT: AtomicU8 = AtomicU8::new(DType::F32 as u8);

/// The default floating dtype (`torch.get_default_dtype`).
pub fn default_dtype() -> DType {
    DType::from_u8(DEFAULT.load(Ordering::Relaxed))
}

/// Sets the default floating dtype. The caller has checked that `d` is floating.
pub fn set_default_dtype(d: DType) {
    DEFAULT.store(d as u8, Ordering::Relaxed);
}

impl DType {
    /// The dtype with this discriminant; out-of-range numbers give `F32`.
    pub const fn from_u8(v: u8) -> DType {
        if (v as usize) < ALL.len() { ALL[v as usize] } else { DType::F32 }
    }

    /// Bytes per element.
    pub const fn size(self) -> usize {
        match self {
            DType::Bool | DType::U8 | DType::I8 => 1,
            DType::I16 | DType::F16 | DType::BF16 => 2,
            DType::I32 | DType::F32 => 4,
            DType::I64 | DType::F64 | DType::C64 => 8,
            DType::C128 => 16,
        }
    }

    /// PyTorch's name: `float32`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::U8 => "uint8",
            DType::I8 => "int8",
            DType::I16 => "int16",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::F16 => "float16",
            DType::BF16 => "bfloat16",
            DType::F32 => "float32",
            DType::F64 => "float64",
            DType::C64 => "complex64",
            DType::C128 => "complex128",
        }
    }

    /// The name of the C++ type, which some of PyTorch's messages show.
    pub const fn c_name(self) -> &'static str {
        match self {
            DType::U8 => "uint8_t",
            DType::I8 => "int8_t",
            DType::I16 => "int16_t",
            DType::I32 => "int",
            DType::I64 => "int64_t",
            DType::F16 => "c10::Half",
            DType::BF16 => "c10::BFloat16",
            DType::F32 => "float",
            DType::F64 => "double",
            DType::C64 => "c10::complex<float>",
            DType::C128 => "c10::complex<double>",
            DType::Bool => "bool",
        }
    }

    /// The name in PyTorch's C++ messages: `Float`, `Long`.
    pub const fn c10_name(self) -> &'static str {
        match self {
            DType::Bool => "Bool",
            DType::U8 => "Byte",
            DType::I8 => "Char",
            DType::I16 => "Short",
            DType::I32 => "Int",
            DType::I64 => "Long",
            DType::F16 => "Half",
            DType::BF16 => "BFloat16",
            DType::F32 => "Float",
            DType::F64 => "Double",
            DType::C64 => "ComplexFloat",
            DType::C128 => "ComplexDouble",
        }
    }

    /// The dtype of that name, PyTorch's aliases included (`float`, `long`, `half` ...).
    pub fn parse(name: &str) -> Option<DType> {
        Some(match name {
            "bool" => DType::Bool,
            "uint8" => DType::U8,
            "int8" => DType::I8,
            "int16" | "short" => DType::I16,
            "int32" | "int" => DType::I32,
            "int64" | "long" => DType::I64,
            "float16" | "half" => DType::F16,
            "bfloat16" => DType::BF16,
            "float32" | "float" => DType::F32,
            "float64" | "double" => DType::F64,
            "complex64" | "cfloat" => DType::C64,
            "complex128" | "cdouble" => DType::C128,
            _ => return None,
        })
    }

    /// The category for promotion.
    pub const fn category(self) -> Category {
        match self {
            DType::Bool => Category::Bool,
            DType::U8 | DType::I8 | DType::I16 | DType::I32 | DType::I64 => Category::Int,
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => Category::Float,
            DType::C64 | DType::C128 => Category::Complex,
        }
    }

    /// float16, bfloat16, float32 or float64.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
    }

    /// complex64 or complex128.
    pub const fn is_complex(self) -> bool {
        matches!(self, DType::C64 | DType::C128)
    }

    /// Integers, bool not among them.
    pub const fn is_int(self) -> bool {
        matches!(self, DType::U8 | DType::I8 | DType::I16 | DType::I32 | DType::I64)
    }

    /// Integers and bool.
    pub const fn is_integral(self) -> bool {
        self.is_int() || matches!(self, DType::Bool)
    }

    /// Floating or complex: what can require a gradient.
    pub const fn is_differentiable(self) -> bool {
        self.is_float() || self.is_complex()
    }

    /// The real dtype of a complex one's parts; others stay.
    pub const fn to_real(self) -> DType {
        match self {
            DType::C64 => DType::F32,
            DType::C128 => DType::F64,
            d => d,
        }
    }

    /// The complex dtype that holds this one (`float64` -> `complex128`, everything else `complex64`).
    pub const fn to_complex(self) -> DType {
        match self {
            DType::F64 | DType::C128 => DType::C128,
            _ => DType::C64,
        }
    }

    /// float16/bfloat16: stored in two bytes, computed in float32.
    pub const fn is_half(self) -> bool {
        matches!(self, DType::F16 | DType::BF16)
    }

    /// `torch.can_cast`: may a result of type `self` be written into a tensor of type `to`? Only the category counts.
    pub fn can_cast(self, to: DType) -> bool {
        let (a, b) = (self.category(), to.category());
        a <= b
    }
}

/// `torch.promote_types`: the smallest type that holds both, by PyTorch's table.
pub fn promote(a: DType, b: DType) -> DType {
    use DType::*;
    if a == b {
        return a;
    }
    if a.is_complex() || b.is_complex() {
        return if matches!(a, C128 | F64) || matches!(b, C128 | F64) { C128 } else { C64 };
    }
    match (a.is_float(), b.is_float()) {
        (true, false) => return a,
        (false, true) => return b,
        (true, true) => {
            return match (a, b) {
                (F16, BF16) | (BF16, F16) => F32,
                _ => a.max(b),
            };
        }
        _ => {}
    }
    match (a, b) {
        (Bool, o) | (o, Bool) => o,
        (U8, I8) | (I8, U8) => I16,
        (U8, o) | (o, U8) => o,
        _ => a.max(b),
    }
}

mod private {
    pub trait Sealed {}
}

/// A Rust type that is the memory form of one dtype.
pub trait Element: Copy + Send + Sync + Default + 'static + private::Sealed {
    /// The dtype.
    const DTYPE: DType;
}

/// One byte that is 0 or 1: bool as it lies in tensor memory (a Rust `bool` of any other byte would be undefined).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct B8(pub u8);

macro_rules! element {
    ($($t:ty => $d:ident),*) => {$(
        impl private::Sealed for $t {}
        impl Element for $t { const DTYPE: DType = DType::$d; }
    )*};
}
element!(B8 => Bool, u8 => U8, i8 => I8, i16 => I16, i32 => I32, i64 => I64, f16 => F16, bf16 => BF16,
         f32 => F32, f64 => F64, C32 => C64, C64 => C128);

/// Runs `$body` with `$T` bound to the Rust type of a dtype. `dispatch!(d, T in ALL => expr)`; the sets are `ALL`,
/// `REAL` (no complex), `FLOAT` (the four floats), `INT` (integers and bool), `SIZE` (an unsigned integer, or a pair,
/// of the same size: for code that only moves bytes). A dtype outside the set gives `None`, the rest `Some(body)`.
#[macro_export]
macro_rules! dispatch {
    ($d:expr, $T:ident in ALL => $body:expr) => { match $d {
        $crate::dtype::DType::C64 => { type $T = $crate::dtype::C32; Some($body) }
        $crate::dtype::DType::C128 => { type $T = $crate::dtype::C64; Some($body) }
        d => $crate::dispatch!(d, $T in REAL => $body),
    }};
    ($d:expr, $T:ident in REAL => $body:expr) => { match $d {
        $crate::dtype::DType::F16 => { type $T = $crate::dtype::f16; Some($body) }
        $crate::dtype::DType::BF16 => { type $T = $crate::dtype::bf16; Some($body) }
        $crate::dtype::DType::F32 => { type $T = f32; Some($body) }
        $crate::dtype::DType::F64 => { type $T = f64; Some($body) }
        d => $crate::dispatch!(d, $T in INT => $body),
    }};
    ($d:expr, $T:ident in FLOAT => $body:expr) => { match $d {
        $crate::dtype::DType::F16 => { type $T = $crate::dtype::f16; Some($body) }
        $crate::dtype::DType::BF16 => { type $T = $crate::dtype::bf16; Some($body) }
        $crate::dtype::DType::F32 => { type $T = f32; Some($body) }
        $crate::dtype::DType::F64 => { type $T = f64; Some($body) }
        _ => None,
    }};
    ($d:expr, $T:ident in INT => $body:expr) => { match $d {
        $crate::dtype::DType::Bool => { type $T = $crate::dtype::B8; Some($body) }
        $crate::dtype::DType::U8 => { type $T = u8; Some($body) }
        $crate::dtype::DType::I8 => { type $T = i8; Some($body) }
        $crate::dtype::DType::I16 => { type $T = i16; Some($body) }
        $crate::dtype::DType::I32 => { type $T = i32; Some($body) }
        $crate::dtype::DType::I64 => { type $T = i64; Some($body) }
        _ => None,
    }};
    ($d:expr, $T:ident in SIZE => $body:expr) => { match $d.size() {
        1 => { type $T = u8; Some($body) }
        2 => { type $T = u16; Some($body) }
        4 => { type $T = u32; Some($body) }
        8 => { type $T = u64; Some($body) }
        _ => { type $T = [u64; 2]; Some($body) }
    }};
}
