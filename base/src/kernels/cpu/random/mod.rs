//! Random numbers: PyTorch's CPU stream, bit for bit.
//!
//! The reference is what PyTorch computes on x86 with AVX2 and FMA, on any machine and instruction set: where its
//! compiler contracted `a * b + c`, the code here says `mul_add`; where it did not, it does not. What is left to the
//! system's libm there (`log1p`, `sin`, `tan` ...) is left to it here. Every kernel draws in element order, on one
//! thread (dear transforms of what was drawn run in parallel), so results never depend on the number of threads. `recorded.txt` holds PyTorch's numbers (`record.py`).
//!
//! Kernels fill runs of `n` elements that lie side by side. For a tensor with gaps, fill a run and copy it; PyTorch
//! walks dimensions from the largest stride to the smallest, so the run is in memory order, not in index order.
//!
//! Draws: 32 bits for float32 and halves, 64 bits (two words, high one first) for float64 and for all that is sampled
//! in double: `normal` of less than 16 elements, `bernoulli(p)`, `exponential`, `cauchy`, `geometric`, `log_normal`.

mod beta_slope;
pub mod checks;
mod discrete;
mod generator;
mod real;
mod sample;
mod slope;

pub use beta_slope::dirichlet_grad;
pub use discrete::{
    bernoulli, bernoulli_tensor, dropout_noise, multinomial, random, random_from_to, random_full64, randperm,
};
pub use generator::{DEFAULT_SEED, Generator, STATE_BYTES, nondeterministic_seed};
pub use real::{cauchy, exponential, geometric, log_normal, normal, rrelu, uniform};
pub use sample::{binomial, gamma, poisson};
pub use slope::gamma_grad;

use crate::dtype::{B8, DType, bf16, f16};
use crate::error::Error;
use parking_lot::Mutex;
use std::sync::{Arc, LazyLock};

/// A generator that several hold. Whoever draws locks it for the whole call, so that calls do not mix their numbers.
pub type SharedGenerator = Arc<Mutex<Generator>>;

/// The generator that is used where none is named. Its first seed is not deterministic.
pub fn default_generator() -> &'static SharedGenerator {
    static DEFAULT: LazyLock<SharedGenerator> =
        LazyLock::new(|| Arc::new(Mutex::new(Generator::with_seed(nondeterministic_seed()))));
    &DEFAULT
}

/// PyTorch's refusal of a dtype.
#[cold]
fn unsupported(kernel: &str, dtype: DType) -> Error {
    err!(NotImplemented, "\"{kernel}\" not implemented for '{}'", dtype.c10_name())
}

/// How PyTorch converts what was sampled to an element.
trait Target: Copy {
    fn from_f32(x: f32) -> Self;
    fn from_f64(x: f64) -> Self;
    fn from_i64(x: i64) -> Self;
}

macro_rules! target {
    ($($t:ty),*) => {$(
        impl Target for $t {
            #[inline(always)]
            fn from_f32(x: f32) -> $t { x as $t }
            #[inline(always)]
            fn from_f64(x: f64) -> $t { x as $t }
            #[inline(always)]
            fn from_i64(x: i64) -> $t { x as $t }
        }
    )*};
}
target!(u8, i8, i16, i32, i64, f32, f64);

/// Halves are made from float32, whatever was sampled.
macro_rules! half {
    ($($t:ty),*) => {$(
        impl Target for $t {
            #[inline(always)]
            fn from_f32(x: f32) -> $t { <$t>::from_f32(x) }
            #[inline(always)]
            fn from_f64(x: f64) -> $t { <$t>::from_f32(x as f32) }
            #[inline(always)]
            fn from_i64(x: i64) -> $t { <$t>::from_f32(x as f32) }
        }
    )*};
}
half!(f16, bf16);

impl Target for B8 {
    #[inline(always)]
    fn from_f32(x: f32) -> B8 {
        B8((x != 0.0) as u8)
    }
    #[inline(always)]
    fn from_f64(x: f64) -> B8 {
        B8((x != 0.0) as u8)
    }
    #[inline(always)]
    fn from_i64(x: i64) -> B8 {
        B8((x != 0) as u8)
    }
}

/// A float of any width, exactly.
#[inline(always)]
fn widen<T: Into<f64>>(x: T) -> f64 {
    x.into()
}

/// Writes `n` elements one after the other.
///
/// # Safety
/// `out` is valid for writes of `n` elements.
#[inline(always)]
unsafe fn fill<T>(out: *mut u8, n: usize, mut next: impl FnMut() -> T) {
    let out = out.cast::<T>();
    for i in 0..n {
        // SAFETY: the caller's promise.
        unsafe { out.add(i).write(next()) };
    }
}

/// Makes `$name` call the copy of `$body` (an `#[inline(always)]` function of the same signature) that is compiled for
/// the instruction set in use. The copies give the same bits.
macro_rules! by_isa {
    ($name:ident = $body:ident ( $($a:ident : $t:ty),* )) => {
        #[inline]
        unsafe fn $name($($a: $t),*) {
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::device::cpu::isa::{Isa, isa};
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2($($a: $t),*) {
                    // SAFETY: the caller's promise.
                    unsafe { $body($($a),*) }
                }
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
                unsafe fn avx512($($a: $t),*) {
                    // SAFETY: the caller's promise.
                    unsafe { $body($($a),*) }
                }
                match isa() {
                    // SAFETY: the machine has the instructions; the rest is the caller's promise.
                    Isa::Avx512 => return unsafe { avx512($($a),*) },
                    // SAFETY: as above.
                    Isa::Avx2 => return unsafe { avx2($($a),*) },
                    Isa::Portable => {}
                }
            }
            // SAFETY: the caller's promise.
            unsafe { $body($($a),*) }
        }
    };
}
use by_isa;

#[cfg(test)]
mod tests;
