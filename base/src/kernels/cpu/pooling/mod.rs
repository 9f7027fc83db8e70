//! Pooling over dense planes `[planes, D, H, W]` (a batch's channels; one or two dimensions are three with sizes of 1 in
//! front): maximum with indices, average, and both adaptive, forward and backward. PyTorch's conventions: an index is the
//! flat position in the input plane, of the first maximum; NaN wins, the last one; sums are float for half types.

mod adaptive;
mod average;
mod fractional;
mod maximum;
#[cfg(test)]
mod tests;

pub use adaptive::{adaptive_avg_backward, adaptive_avg_forward, adaptive_max_forward};
pub use average::{avg_backward, avg_forward};
pub use fractional::fractional_forward;
pub use maximum::{max_backward, max_forward};

use super::gemm::engine::with_scratch;
use super::gemm::lane::Num;
use super::gemm::pack::Load;
use super::gemm::sink::{Store, convert};
use crate::device::cpu::isa::{Isa, isa};
use crate::device::cpu::pool;
use crate::dtype::{DType, bf16, f16};
use crate::error::Result;
use crate::kernels::Ptr;

/// Sizes of one pooling. Output sizes are the caller's (`ceil_mode` is in them).
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct PoolShape {
    /// Batch times channels.
    pub planes: usize,
    pub in_sizes: [usize; 3],
    pub out_sizes: [usize; 3],
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub padding: [usize; 3],
    /// Of maximum pooling; 1 for averages.
    pub dilation: [usize; 3],
}

/// By what an average divides.
#[derive(Clone, Copy, Debug)]
pub struct Divisor {
    /// Padding counts as elements.
    pub count_include_pad: bool,
    /// This number instead of a count.
    pub fixed: Option<i64>,
}

fn volume(s: [usize; 3]) -> usize {
    s[0] * s[1] * s[2]
}

macro_rules! by_dtype {
    ($name:literal, $d:expr, $f:ident ( $($a:expr),* )) => {
        match $d {
            DType::F32 => $f::<f32, f32>($($a),*),
            DType::F64 => $f::<f64, f64>($($a),*),
            DType::F16 => $f::<f16, f32>($($a),*),
            DType::BF16 => $f::<bf16, f32>($($a),*),
            DType::I64 => $f::<i64, i64>($($a),*),
            DType::I32 => $f::<i32, i32>($($a),*),
            DType::I16 => $f::<i16, i32>($($a),*),
            DType::I8 => $f::<i8, i32>($($a),*),
            DType::U8 => $f::<u8, i32>($($a),*),
            d => Err(err!(NotImplemented, "\"{}\" not implemented for '{}'", $name, d.c10_name())),
        }
    };
}

impl PoolShape {
    fn check(&self) -> Result<()> {
        if [self.stride, self.dilation, self.kernel].iter().any(|s| s.contains(&0)) {
            bail!(Runtime, "pooling: kernel size, stride and dilation must be positive");
        }
        Ok(())
    }
}

/// Runs `f` for each plane; `work` is the cost of one, in elements.
fn planes(count: usize, work: usize, f: &(dyn Fn(usize) + Sync)) {
    let tasks = (count * work / (64 << 10)).clamp(1, count.max(1)).min(128);
    if tasks == 1 {
        for i in 0..count {
            f(i);
        }
        return;
    }
    pool::parallel(tasks, &|t| {
        for i in count * t / tasks..count * (t + 1) / tasks {
            f(i);
        }
    });
}

/// Outputs of a row that are worked on at a time.
const BLOCK: usize = 64;

/// A row loop for each instruction set: the body is the same, the compiler's vectors are not.
macro_rules! by_isa {
    ($isa:expr, $body:ident :: <$($g:ident),*> ( $($a:ident : $t:ty),* )) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma,f16c")]
        unsafe fn wide<S: Load<T> + Store<T>, T: Num + PartialOrd>($($a: $t),*) {
            // SAFETY: the caller's.
            unsafe { $body::<$($g),*>($($a),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,f16c")]
        unsafe fn middle<S: Load<T> + Store<T>, T: Num + PartialOrd>($($a: $t),*) {
            // SAFETY: the caller's.
            unsafe { $body::<$($g),*>($($a),*) }
        }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => wide::<$($g),*>($($a),*),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => middle::<$($g),*>($($a),*),
            _ => $body::<$($g),*>($($a),*),
        }
    }};
}

/// Outputs `first..end` of `n` whose position `x + i * step` lies in `0..w`.
#[inline(always)]
fn valid(x: isize, step: usize, w: usize, n: usize) -> (usize, usize) {
    let first = if x < 0 { ((-x) as usize).div_ceil(step) } else { 0 }.min(n);
    let room = w as isize - x;
    let end = if room <= 0 { 0 } else { (room as usize).div_ceil(step) }.clamp(first, n);
    (first, end)
}

/// Planes of `dx` that `f` adds up from zero; sums are T, the result S.
fn summed<S: Store<T>, T: Num>(
    count: usize,
    inp: usize,
    outp: usize,
    dx: *mut S,
    f: &(dyn Fn(usize, *mut T) + Sync),
) -> Result<()> {
    let dx = Ptr(dx);
    let same = std::any::TypeId::of::<S>() == std::any::TypeId::of::<T>();
    let failed = parking_lot::Mutex::new(None);
    planes(count, inp + outp, &|i| {
        // SAFETY: one plane per call.
        let to = unsafe { dx.get().add(i * inp) };
        let run = |sums: *mut T| {
            // SAFETY: `sums` has room for a plane.
            unsafe { std::ptr::write_bytes(sums, 0, inp) };
            f(i, sums);
        };
        if same {
            run(to.cast());
            return;
        }
        let r = with_scratch(2, inp * size_of::<T>(), |buf| {
            run(buf.cast());
            // SAFETY: both have a plane.
            unsafe { convert(buf.cast::<T>().cast_const(), to, inp) };
        });
        if let Err(e) = r {
            *failed.lock() = Some(e);
        }
    });
    failed.into_inner().map_or(Ok(()), Err)
}

use {by_dtype, by_isa};
