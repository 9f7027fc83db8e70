//! What types, primitives and constants are called in device code, and which primitives exist in which type.

use crate::dtype::DType;
use crate::kernels::program::{Compute, Prim};

/// The element type in device code.
pub fn element(d: DType) -> &'static str {
    match d {
        DType::Bool => "b8",
        DType::U8 => "u8",
        DType::I8 => "i8",
        DType::I16 => "i16",
        DType::I32 => "i32",
        DType::I64 => "i64",
        DType::F16 => "f16",
        DType::BF16 => "bf16",
        DType::F32 => "float",
        DType::F64 => "double",
        DType::C64 => "c64",
        DType::C128 => "c128",
    }
}

/// The compute type in device code.
pub fn compute_type(c: Compute) -> &'static str {
    match c {
        Compute::F32 => "float",
        Compute::F64 => "double",
        Compute::I64 => "i64",
        Compute::C64 => "c64",
        Compute::C128 => "c128",
    }
}

/// The primitive in device code.
pub fn prim_name(p: Prim) -> &'static str {
    use Prim::*;
    match p {
        Copy => "copy",
        Neg => "neg",
        Abs => "abs",
        Sign => "sign",
        Recip => "recip",
        Sqrt => "sqrt",
        Rsqrt => "rsqrt",
        Square => "square",
        Exp => "exp",
        Exp2 => "exp2",
        Expm1 => "expm1",
        Log => "log",
        Log2 => "log2",
        Log10 => "log10",
        Log1p => "log1p",
        Sin => "sin",
        Cos => "cos",
        Tan => "tan",
        Asin => "asin",
        Acos => "acos",
        Atan => "atan",
        Sinh => "sinh",
        Cosh => "cosh",
        Tanh => "tanh",
        Asinh => "asinh",
        Acosh => "acosh",
        Atanh => "atanh",
        Sigmoid => "sigmoid",
        Erf => "erf",
        Erfc => "erfc",
        Erfinv => "erfinv",
        Lgamma => "lgamma",
        Digamma => "digamma",
        Floor => "floor",
        Ceil => "ceil",
        Round => "round",
        Trunc => "trunc",
        IsNan => "is_nan",
        IsInf => "is_inf",
        LogicalNot => "logical_not",
        BitNot => "bit_not",
        SignBit => "sign_bit",
        Conj => "conj",
        Real => "real",
        Imag => "imag",
        Angle => "angle",
        Add => "add",
        Sub => "sub",
        Mul => "mul",
        Div => "div",
        TruncDiv => "trunc_div",
        FloorDiv => "floor_div",
        Remainder => "remainder",
        Fmod => "fmod",
        Pow => "pow",
        Atan2 => "atan2",
        Hypot => "hypot",
        Copysign => "copysign",
        NextAfter => "next_after",
        Max => "max",
        Min => "min",
        Fmax => "fmax",
        Fmin => "fmin",
        Eq => "eq",
        Ne => "ne",
        Lt => "lt",
        Le => "le",
        Gt => "gt",
        Ge => "ge",
        LogicalAnd => "logical_and",
        LogicalOr => "logical_or",
        LogicalXor => "logical_xor",
        BitAnd => "bit_and",
        BitOr => "bit_or",
        BitXor => "bit_xor",
        Shl => "shl",
        Shr => "shr",
        Complex => "complex",
        Select => "select",
    }
}

/// Is the primitive there in that compute type? (What integers do not have is computed in a float type, as promotion
/// has it; complex numbers are ordered by their real parts, which formulas ask of absolute values only.)
pub fn prim_supports(p: Prim, c: Compute) -> bool {
    use Prim::*;
    match c {
        Compute::F32 | Compute::F64 => !matches!(p, BitNot | BitAnd | BitOr | BitXor | Shl | Shr | Complex),
        Compute::I64 => !matches!(
            p,
            Recip
                | Sqrt
                | Rsqrt
                | Exp
                | Exp2
                | Expm1
                | Log
                | Log2
                | Log10
                | Log1p
                | Sin
                | Cos
                | Tan
                | Asin
                | Acos
                | Atan
                | Sinh
                | Cosh
                | Tanh
                | Asinh
                | Acosh
                | Atanh
                | Sigmoid
                | Erf
                | Erfc
                | Erfinv
                | Lgamma
                | Digamma
                | Angle
                | Atan2
                | Hypot
                | Copysign
                | NextAfter
                | Complex
        ),
        Compute::C64 | Compute::C128 => !matches!(
            p,
            Erf | Erfc
                | Erfinv
                | Lgamma
                | Digamma
                | Floor
                | Ceil
                | Round
                | Trunc
                | BitNot
                | SignBit
                | TruncDiv
                | FloorDiv
                | Remainder
                | Fmod
                | Atan2
                | Hypot
                | Copysign
                | NextAfter
                | Max
                | Min
                | Fmax
                | Fmin
                | BitAnd
                | BitOr
                | BitXor
                | Shl
                | Shr
        ),
    }
}

/// A constant of a formula as a literal of the compute type.
pub(super) fn literal(x: f64, c: Compute) -> String {
    let special = |t: &str| {
        if x.is_nan() {
            format!("limits<{t}>::nan()")
        } else if x > 0.0 {
            format!("limits<{t}>::inf()")
        } else {
            format!("-limits<{t}>::inf()")
        }
    };
    match c {
        Compute::F32 if (x as f32).is_finite() => format!("{:?}f", x as f32),
        Compute::F32 => special("float"),
        Compute::F64 if x.is_finite() => format!("{x:?}"),
        Compute::F64 => special("double"),
        Compute::I64 if x as i64 == i64::MIN => "limits<i64>::lowest()".into(),
        Compute::I64 => format!("{}ll", x as i64),
        Compute::C64 | Compute::C128 if x.is_finite() => format!("number<{}>({x:?})", compute_type(c)),
        Compute::C64 | Compute::C128 => format!("number<{}>({})", compute_type(c), special("double")),
    }
}
