//! Connectionist temporal classification: the forward and backward variables of Graves et al. 2006, in logarithms and in
//! float64, one sequence of the batch at a time.

use super::num::Real;
use crate::device::cpu::pool;
use crate::error::Result;
use crate::kernels::{Operand, Ptr};

/// The sequences.
#[derive(Clone, Copy, Debug)]
pub struct Ctc<'a> {
    /// How many classes, the blank among them.
    pub classes: i64,
    /// Labels of all sequences.
    pub labels: &'a [i64],
    /// Where each sequence begins among the labels.
    pub starts: &'a [usize],
    /// How many time steps of each sequence count.
    pub steps: &'a [i64],
    /// How many labels each sequence has.
    pub lengths: &'a [i64],
    /// The class that is no label.
    pub blank: i64,
}

const NEVER: f64 = f64::NEG_INFINITY;

/// log(exp(a) + exp(b)).
fn join(a: f64, b: f64) -> f64 {
    let m = a.max(b);
    if m == NEVER { NEVER } else { m + ((a - m).exp() + (b - m).exp()).ln() }
}

impl Ctc<'_> {
    /// The labels of sequence `b` with blanks between, before and after them.
    fn extended(&self, b: usize) -> Result<Vec<i64>> {
        let mut l = Vec::with_capacity(2 * self.lengths[b] as usize + 1);
        l.push(self.blank);
        for i in 0..self.lengths[b] as usize {
            let c = self.labels.get(self.starts[b] + i).copied().unwrap_or(-1);
            if c < 0 || c >= self.classes {
                bail!(
                    Index,
                    "ctc_loss: label {c} of sequence {b} is out of bounds: there are {} classes",
                    self.classes
                );
            }
            l.extend([c, self.blank]);
        }
        Ok(l)
    }

    fn each(&self, f: &(dyn Fn(usize, &[i64]) + Sync)) -> Result<()> {
        let all = (0..self.lengths.len()).map(|b| self.extended(b)).collect::<Result<Vec<_>>>()?;
        pool::parallel(all.len(), &|b| f(b, &all[b]));
        Ok(())
    }
}

/// May the path go from label `s - 2` to label `s` without the blank between?
fn skips(l: &[i64], s: usize) -> bool {
    s >= 2 && s % 2 == 1 && l[s] != l[s - 2]
}

/// Element `(i, j, k)` of an operand.
///
/// # Safety
/// It is inside the operand, whose type is `T`.
unsafe fn get<T: Real>(o: &Operand, i: i64, j: i64, k: i64) -> f64 {
    let s = o.strides;
    // SAFETY: by the contract.
    unsafe { (*(o.ptr as *const T).offset((i * s[0] + j * s[1] + k * s[2]) as isize)).to_f64() }
}

/// `nll[b]` and `alpha[b, t, s]` from the log-probabilities `x[t, b, c]`.
pub fn forward(job: &Ctc, x: Operand, nll: Operand, alpha: Operand) -> Result<()> {
    let r = dispatch!(x.dtype, T in FLOAT => forward_of::<T>(job, x, nll, alpha));
    r.unwrap_or_else(|| bail!(NotImplemented, "\"ctc_loss_cpu\" not implemented for '{}'", x.dtype.c10_name()))
}

fn forward_of<T: Real>(job: &Ctc, x: Operand, nll: Operand, alpha: Operand) -> Result<()> {
    let (out, loss) = (Ptr(alpha.ptr as *mut T), Ptr(nll.ptr as *mut T));
    job.each(&|b, l| {
        let (steps, bi) = (job.steps[b], b as i64);
        let mut row = vec![NEVER; l.len()];
        for t in 0..steps {
            let before = row.clone();
            for s in 0..l.len() {
                // SAFETY: (t, b, class) is inside `x`, (b, t, s) inside `alpha`.
                unsafe {
                    let here = get::<T>(&x, t, bi, l[s]);
                    let reach = if t == 0 {
                        if s < 2 { 0.0 } else { NEVER }
                    } else {
                        let mut a = before[s];
                        if s > 0 {
                            a = join(a, before[s - 1]);
                        }
                        if skips(l, s) {
                            a = join(a, before[s - 2]);
                        }
                        a
                    };
                    row[s] = reach + here;
                    let a = alpha.strides;
                    *out.get().offset((bi * a[0] + t * a[1] + s as i64 * a[2]) as isize) = T::from_f64(row[s]);
                }
            }
        }
        let n = l.len();
        let total = match (steps, n) {
            // Without time steps only the empty sequence is possible.
            (0, 1) => 0.0,
            (0, _) => NEVER,
            (_, 1) => row[0],
            _ => join(row[n - 1], row[n - 2]),
        };
        // SAFETY: one loss for each sequence.
        unsafe { *loss.get().offset(bi as isize * nll.strides[0] as isize) = T::from_f64(-total) };
    })
}

/// The gradient in `x`, into `out`, which is all zeros: with PyTorch's convention that `x` comes from log-softmax.
pub fn backward(
    job: &Ctc,
    grad: Operand,
    x: Operand,
    nll: Operand,
    alpha: Operand,
    out: Operand,
    zero_infinity: bool,
) -> Result<()> {
    let r = dispatch!(x.dtype, T in FLOAT => backward_of::<T>(job, grad, x, nll, alpha, out, zero_infinity));
    r.unwrap_or_else(|| bail!(NotImplemented, "\"ctc_loss_backward_cpu\" not implemented for '{}'", x.dtype.c10_name()))
}

fn backward_of<T: Real>(
    job: &Ctc,
    grad: Operand,
    x: Operand,
    nll: Operand,
    alpha: Operand,
    out: Operand,
    zero_infinity: bool,
) -> Result<()> {
    let to = Ptr(out.ptr as *mut T);
    job.each(&|b, l| {
        let (steps, bi, n) = (job.steps[b], b as i64, l.len());
        // SAFETY: one loss and one gradient for each sequence.
        let (loss, g) = unsafe {
            let one = |o: &Operand| (*(o.ptr as *const T).offset((bi * o.strides[0]) as isize)).to_f64();
            (one(&nll), one(&grad))
        };
        if zero_infinity && loss == f64::INFINITY {
            return;
        }
        let mut row = vec![NEVER; n];
        let mut sums = vec![NEVER; job.classes as usize];
        for t in (0..steps).rev() {
            let after = row.clone();
            sums.fill(NEVER);
            for s in 0..n {
                // SAFETY: (t, b, class) is inside `x`, (b, t, s) inside `alpha`.
                unsafe {
                    let here = get::<T>(&x, t, bi, l[s]);
                    let reach = if t == steps - 1 {
                        if s + 2 >= n { 0.0 } else { NEVER }
                    } else {
                        let mut a = after[s];
                        if s + 1 < n {
                            a = join(a, after[s + 1]);
                        }
                        if s + 2 < n && skips(l, s + 2) {
                            a = join(a, after[s + 2]);
                        }
                        a
                    };
                    row[s] = reach + here;
                    let c = l[s] as usize;
                    sums[c] = join(sums[c], get::<T>(&alpha, bi, t, s as i64) + row[s]);
                }
            }
            for c in 0..job.classes {
                // SAFETY: (t, b, c) is inside `x` and `out`.
                unsafe {
                    let here = get::<T>(&x, t, bi, c);
                    let s = out.strides;
                    let d = (here.exp() - (sums[c as usize] + loss - here).exp()) * g;
                    *to.get().offset((t * s[0] + bi * s[1] + c * s[2]) as isize) = T::from_f64(d);
                }
            }
        }
    })
}
