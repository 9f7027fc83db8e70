//! A formula as a straight-line program over registers: what the CPU tile machine runs and the CUDA printer prints.

use crate::dtype::DType;
use std::sync::atomic::{AtomicU32, Ordering};

/// A primitive. Comparisons and tests give 1 or 0 in the compute type; `Select(c, a, b)` takes `a` where `c != 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[rustfmt::skip]
#[allow(missing_docs)]
pub enum Prim {
    // one operand
    Copy, Neg, Abs, Sign, Recip, Sqrt, Rsqrt, Square,
    Exp, Exp2, Expm1, Log, Log2, Log10, Log1p,
    Sin, Cos, Tan, Asin, Acos, Atan, Sinh, Cosh, Tanh, Asinh, Acosh, Atanh,
    Sigmoid, Erf, Erfc, Erfinv, Lgamma, Digamma,
    Floor, Ceil, Round, Trunc, IsNan, IsInf, LogicalNot, BitNot, SignBit,
    Conj, Real, Imag, Angle,
    // two operands
    Add, Sub, Mul, Div, TruncDiv, FloorDiv, Remainder, Fmod, Pow, Atan2, Hypot, Copysign, NextAfter,
    /// NaN if either is NaN.
    Max, Min,
    /// The other one if one is NaN.
    Fmax, Fmin,
    Eq, Ne, Lt, Le, Gt, Ge, LogicalAnd, LogicalOr, LogicalXor, BitAnd, BitOr, BitXor, Shl, Shr,
    /// A complex number of two real ones.
    Complex,
    // three operands
    Select,
}

impl Prim {
    /// How many operands it has.
    #[inline]
    pub fn arity(self) -> usize {
        match self as u8 {
            p if p < Prim::Add as u8 => 1,
            p if p < Prim::Select as u8 => 2,
            _ => 3,
        }
    }
}

/// The type that a program computes in. float16 and bfloat16 compute in F32, integers and bool in I64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Compute {
    F32,
    F64,
    I64,
    C64,
    C128,
}

impl Compute {
    /// The dtype whose memory form the type has.
    #[inline]
    pub fn dtype(self) -> DType {
        match self {
            Compute::F32 => DType::F32,
            Compute::F64 => DType::F64,
            Compute::I64 => DType::I64,
            Compute::C64 => DType::C64,
            Compute::C128 => DType::C128,
        }
    }

    /// What elements of this dtype compute in.
    pub fn of(d: DType) -> Compute {
        match d {
            DType::F16 | DType::BF16 | DType::F32 => Compute::F32,
            DType::F64 => Compute::F64,
            DType::C64 => Compute::C64,
            DType::C128 => Compute::C128,
            _ => Compute::I64,
        }
    }
}

/// Where an operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Src {
    /// Input tensor.
    In(u8),
    /// `consts[i]`: fixed in the formula.
    Const(u8),
    /// A number given at the call (`alpha`, `eps`).
    Param(u8),
    /// Result of an earlier instruction: a register.
    Reg(u8),
}

/// `regs[dst] = prim(args[0], args[1], args[2])`; unused operands repeat the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instr {
    /// The primitive.
    pub prim: Prim,
    /// The register that gets the result. It may be one of the operands' registers.
    pub dst: u8,
    /// The operands.
    pub args: [Src; 3],
}

/// A straight-line program. Registers are already assigned (`n_regs` of them, reused as values die).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// How many input tensors.
    pub n_in: usize,
    /// How many parameters.
    pub n_params: usize,
    /// Constants of the formula (real; a parameter may be complex).
    pub consts: Vec<f64>,
    /// The instructions, in order.
    pub code: Vec<Instr>,
    /// What each output is.
    pub outs: Vec<Src>,
    /// How many registers.
    pub n_regs: usize,
    /// Different for different programs, so that what was worked out for one is found again; 0 says nothing.
    pub id: u32,
}

impl Program {
    /// An id that no program has.
    pub fn new_id() -> u32 {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }
}

/// How elements are combined in a reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Reduce {
    Sum,
    Prod,
    /// NaN wins.
    Max,
    Min,
    /// Logical: 1 if any / all are different from 0.
    Any,
    All,
}
