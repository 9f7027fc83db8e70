//! Losses that look values up by class number: negative log-likelihood, forward and backward.

use super::num::Real;
use crate::device::cpu::pool;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::{Operand, Ptr};

/// Samples that one thread takes at a time: fixed, so that sums do not depend on the number of threads.
const GRAIN: i64 = 4096;

/// Negative log-likelihood over `(n, classes, inner)`: what is common to both directions.
#[derive(Clone, Copy)]
pub struct Nll<'a> {
    /// Batch, classes, positions behind them.
    pub sizes: [i64; 3],
    /// Class numbers `(n, inner)`: int64 or uint8.
    pub target: Operand<'a>,
    /// One weight for each class (contiguous, of the input's dtype), or none.
    pub weight: Option<*const u8>,
    /// Samples with this class do not count.
    pub ignore: i64,
}

// SAFETY: addresses and numbers; see `Operand`.
unsafe impl Sync for Nll<'_> {}

impl Nll<'_> {
    fn samples(&self) -> i64 {
        self.sizes[0] * self.sizes[2]
    }

    /// The class of a sample; None if it is ignored, an error in `bad` if there is no such class.
    #[inline(always)]
    fn class(&self, i: i64, k: i64, bad: &mut Option<i64>) -> Option<i64> {
        let at = (i * self.target.strides[0] + k * self.target.strides[1]) as isize;
        // SAFETY: (i, k) is inside the target's shape.
        let c = unsafe {
            match self.target.dtype {
                DType::U8 => *self.target.ptr.offset(at) as i64,
                _ => *(self.target.ptr as *const i64).offset(at),
            }
        };
        if c == self.ignore {
            return None;
        }
        if c < 0 || c >= self.sizes[1] {
            *bad = Some(c);
            return None;
        }
        Some(c)
    }

    /// Runs `f(block, first, end)` over blocks of samples; `f` gives a class number that does not exist, if it met one.
    fn blocks(&self, f: &(dyn Fn(usize, i64, i64) -> Option<i64> + Sync)) -> Result<()> {
        let n = self.samples();
        let count = (n + GRAIN - 1) / GRAIN;
        let bad = parking_lot::Mutex::new(None);
        pool::parallel(count as usize, &|b| {
            let start = b as i64 * GRAIN;
            if let Some(c) = f(b, start, (start + GRAIN).min(n)) {
                *bad.lock() = Some(c);
            }
        });
        match bad.into_inner() {
            Some(c) => bail!(
                Index,
                "Target {c} is out of bounds.\nThe input has {0} classes, numbered 0 to {1}. Labels that count from 1 are given as \
                 labels - 1; those to be left out have the number ignore_index.",
                self.sizes[1],
                self.sizes[1] - 1
            ),
            None => Ok(()),
        }
    }

    /// The weight of a class.
    ///
    /// # Safety
    /// `T` is the input's type and `c` a class.
    #[inline(always)]
    unsafe fn weight_of<T: Real>(&self, c: i64) -> f64 {
        match self.weight {
            // SAFETY: one weight for each class.
            Some(w) => unsafe { (*(w as *const T).offset(c as isize)).to_f64() },
            None => 1.0,
        }
    }
}

/// Which number comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// One loss for each sample.
    None,
    /// Their sum over the sum of their weights.
    Mean,
    /// Their sum.
    Sum,
}

/// `-weight[c] * input[i, c, k]`: each in `out (n, inner)`, or reduced into one number. `total` gets the sum of weights.
pub fn nll(l: &Nll, input: Operand, reduction: Reduction, out: Operand, total: *mut u8) -> Result<()> {
    let r = dispatch!(input.dtype, T in FLOAT => nll_of::<T>(l, input, reduction, out, Ptr(total as *mut T)));
    r.unwrap_or_else(|| {
        bail!(NotImplemented, "\"nll_loss_out_frame\" not implemented for '{}'", input.dtype.c10_name())
    })
}

fn nll_of<T: Real>(l: &Nll, input: Operand, reduction: Reduction, out: Operand, total: Ptr<T>) -> Result<()> {
    let (inner, s) = (l.sizes[2], input.strides);
    let x = Ptr(input.ptr as *mut T);
    let y = Ptr(out.ptr as *mut T);
    let blocks = ((l.samples() + GRAIN - 1) / GRAIN) as usize;
    // Sums in float64, block by block: one rounding at the end.
    let mut sums = vec![(0.0f64, 0.0f64); blocks];
    let parts = Ptr(sums.as_mut_ptr());
    l.blocks(&|b, start, end| {
        let (mut bad, mut loss, mut weights) = (None, 0.0, 0.0);
        for j in start..end {
            let (i, k) = (j / inner, j % inner);
            let class = l.class(i, k, &mut bad);
            // SAFETY: (i, class, k) is inside the input, (i, k) inside the output.
            unsafe {
                let mut v = 0.0;
                if let Some(c) = class {
                    let w = l.weight_of::<T>(c);
                    v = -w * (*x.get().offset((i * s[0] + c * s[1] + k * s[2]) as isize)).to_f64();
                    weights += w;
                    loss += v;
                }
                if reduction == Reduction::None {
                    *y.get().offset((i * out.strides[0] + k * out.strides[1]) as isize) = T::from_f64(v);
                }
            }
        }
        // SAFETY: there is one place for each block.
        unsafe { *parts.get().add(b) = (loss, weights) };
        bad
    })?;
    let (loss, weights) = sums.iter().fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
    // SAFETY: the total is one element; so is a reduced output.
    unsafe {
        *total.get() = T::from_f64(if reduction == Reduction::None { 0.0 } else { weights });
        match reduction {
            Reduction::None => {}
            Reduction::Sum => *y.get() = T::from_f64(loss),
            Reduction::Mean => *y.get() = T::from_f64(loss / weights),
        }
    }
    Ok(())
}

/// The gradient in the input, which is all zeros before: `-weight[c] * grad` at each sample's class, over `total` for the
/// mean. `grad` is `(n, inner)` with strides (0 where it was reduced).
pub fn nll_backward(l: &Nll, grad: Operand, reduction: Reduction, out: Operand, total: *const u8) -> Result<()> {
    let r = dispatch!(out.dtype, T in FLOAT => nll_backward_of::<T>(l, grad, reduction, out, total as *const T));
    r.unwrap_or_else(|| bail!(NotImplemented, "\"nll_loss_backward\" not implemented for '{}'", out.dtype.c10_name()))
}

fn nll_backward_of<T: Real>(l: &Nll, grad: Operand, reduction: Reduction, out: Operand, total: *const T) -> Result<()> {
    let (inner, s) = (l.sizes[2], out.strides);
    let (g, y) = (Ptr(grad.ptr as *mut T), Ptr(out.ptr as *mut T));
    // SAFETY: the total is one element.
    let over = if reduction == Reduction::Mean { unsafe { *total }.to_f64() } else { 1.0 };
    l.blocks(&|_, start, end| {
        let mut bad = None;
        for j in start..end {
            let (i, k) = (j / inner, j % inner);
            let Some(c) = l.class(i, k, &mut bad) else { continue };
            // SAFETY: (i, class, k) is inside the output, (i, k) inside the gradient.
            unsafe {
                let g = (*g.get().offset((i * grad.strides[0] + k * grad.strides[1]) as isize)).to_f64();
                let v = T::from_f64(-l.weight_of::<T>(c) * g / over);
                *y.get().offset((i * s[0] + c * s[1] + k * s[2]) as isize) = v;
            }
        }
        bad
    })
}
