//! Vector math: for each compute type and primitive one loop, compiled once per instruction set. The formulas are
//! written once (`f32m`, `f64m`, `int`, `complex`) as branch-free scalar code; `loops` wraps them and is compiled three
//! times. Body and tail of a loop give the same bits, because all is IEEE arithmetic element by element.

// Coefficients are written with the digits that they were fitted with, and `x != x` is the branch-free test for NaN.
#![allow(
    clippy::excessive_precision,
    clippy::eq_op,
    clippy::approx_constant,
    clippy::inconsistent_digit_grouping,
    clippy::neg_cmp_op_on_partial_ord
)]

pub mod chain;
pub mod complex;
pub mod f32m;
pub mod f64m;
pub mod int;
mod lanes;

use crate::device::cpu::isa;
use crate::kernels::program::{Compute, Prim};

/// One loop: `out[i] = f(a[i], b[i], c[i])` for `i < n`; operands that the primitive lacks are not read. `out` must not
/// overlap an operand unless it is the same address.
pub type Kernel = unsafe fn(out: *mut u8, a: *const u8, b: *const u8, c: *const u8, n: usize);

/// Which of the first two operands is one element instead of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Both are vectors.
    VV,
    /// The second is one element.
    VS,
    /// The first is one element.
    SV,
}

/// What a formula may assume of the processor.
pub trait Isa {
    /// Is a fused multiply-add one instruction?
    const FMA: bool;
}

/// An instruction set with fused multiply-add.
#[derive(Debug)]
pub struct Fused;
/// One without.
#[derive(Debug)]
pub struct Plain;

impl Isa for Fused {
    const FMA: bool = true;
}
impl Isa for Plain {
    const FMA: bool = false;
}

/// Both values are computed and one is chosen, which vectorises.
#[inline(always)]
pub(crate) fn sel<T>(c: bool, a: T, b: T) -> T {
    if c { a } else { b }
}

// `loops` is compiled three times. `target!` gives its functions their target features, `isa!` the formulas' variant.
macro_rules! target {
    ($($i:item)*) => { $($i)* };
}
macro_rules! isa {
    () => {
        super::Plain
    };
}
#[path = "loops.rs"]
mod portable;

#[cfg(target_arch = "x86_64")]
macro_rules! isa {
    () => {
        super::Fused
    };
}
#[cfg(target_arch = "x86_64")]
macro_rules! target {
    ($($i:item)*) => { $(#[target_feature(enable = "avx2,fma,f16c")] $i)* };
}
#[cfg(target_arch = "x86_64")]
#[allow(clippy::duplicate_mod)]
#[path = "loops.rs"]
mod avx2;

#[cfg(target_arch = "x86_64")]
macro_rules! target {
    ($($i:item)*) => { $(#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512cd,fma,f16c")] $i)* };
}
#[cfg(target_arch = "x86_64")]
#[allow(clippy::duplicate_mod)]
#[path = "loops.rs"]
mod avx512;

mod scalar;

/// The loop of a primitive, or None where the primitive (in that form) does not exist for the type.
#[inline]
pub fn kernel(compute: Compute, prim: Prim, form: Form) -> Option<Kernel> {
    kernel_for(isa::isa(), compute, prim, form)
}

/// The loop of a primitive on int32 in memory, for the few that need no wider type.
pub(super) fn kernel_i32(prim: Prim, form: Form) -> Option<Kernel> {
    match isa::isa() {
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx512 => avx512::int32(prim, form),
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx2 => avx2::int32(prim, form),
        _ => portable::int32(prim, form),
    }
}

/// [`kernel`] for a given instruction set, which the machine must have.
pub fn kernel_for(isa: isa::Isa, compute: Compute, prim: Prim, form: Form) -> Option<Kernel> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx512 => avx512::kernel(compute, prim, form),
        #[cfg(target_arch = "x86_64")]
        isa::Isa::Avx2 => avx2::kernel(compute, prim, form),
        _ => portable::kernel(compute, prim, form),
    }
    .or_else(|| scalar::kernel(compute, prim, form))
}
