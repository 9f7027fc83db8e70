//! Normalization, forward and backward: `channels` (batch norm: statistics of each channel over the batch) and `rows`
//! (layer, group and RMS norm: statistics of each row). The tensor is read twice and written once, whatever the number of
//! threads, with the same bits.
//!
//! Variances are taken from deviations, block by block while a block is in the cache; blocks are joined by Chan's formula.
//! Statistics, weights and their gradients are of the compute type: float for half types, else the tensor's own.

pub mod channels;
pub mod rows;
#[cfg(test)]
mod tests;

use super::fold::fold;
use super::gemm::lane::Num;
use super::gemm::pack::Load;
use super::gemm::sink::Store;
use crate::device::cpu::isa::{Isa, isa};
use crate::device::cpu::pool;
use crate::dtype::{DType, bf16, f16};
use crate::error::Result;

/// Compute types.
trait Real: Num + PartialOrd {
    fn wide(self) -> f64;
    fn minus(self, b: Self) -> Self;
}

impl Real for f32 {
    #[inline(always)]
    fn wide(self) -> f64 {
        self as f64
    }
    #[inline(always)]
    fn minus(self, b: f32) -> f32 {
        self - b
    }
}

impl Real for f64 {
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
    #[inline(always)]
    fn minus(self, b: f64) -> f64 {
        self - b
    }
}

/// Elements of tensors.
trait Elem<T>: Load<T> + Store<T> {}
impl<S: Load<T> + Store<T>, T> Elem<T> for S {}

/// The type of statistics, weights and their gradients.
pub fn compute_type(d: DType) -> DType {
    if d == DType::F64 { d } else { DType::F32 }
}

macro_rules! by_dtype {
    ($name:literal, $d:expr, $f:ident ( $($a:expr),* )) => {
        match $d {
            DType::F32 => $f::<f32, f32>($($a),*),
            DType::F64 => $f::<f64, f64>($($a),*),
            DType::F16 => $f::<f16, f32>($($a),*),
            DType::BF16 => $f::<bf16, f32>($($a),*),
            d => Err(err!(NotImplemented, "\"{}\" not implemented for '{}'", $name, d.c10_name())),
        }
    };
}

/// A loop compiled for each instruction set: the body is the same, the compiler's vectors are not.
macro_rules! per_isa {
    ($(#[$doc:meta])* unsafe fn $name:ident($($a:ident : $t:ty),* $(,)?) $(-> $r:ty)? $body:block) => {
        $(#[$doc])*
        #[inline]
        unsafe fn $name<S: Elem<T>, T: Real>($($a: $t),*) $(-> $r)? {
            #[inline(always)]
            unsafe fn body<S: Elem<T>, T: Real>($($a: $t),*) $(-> $r)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma,f16c")]
            unsafe fn wide<S: Elem<T>, T: Real>($($a: $t),*) $(-> $r)? {
                // SAFETY: the caller's.
                unsafe { body::<S, T>($($a),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            unsafe fn middle<S: Elem<T>, T: Real>($($a: $t),*) $(-> $r)? {
                // SAFETY: the caller's.
                unsafe { body::<S, T>($($a),*) }
            }
            // SAFETY: the caller's; the instruction set was found at run time.
            unsafe {
                match isa() {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => wide::<S, T>($($a),*),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => middle::<S, T>($($a),*),
                    _ => body::<S, T>($($a),*),
                }
            }
        }
    };
}

use {by_dtype, per_isa};

/// Sums that run side by side.
const LANES: usize = 32;
/// Elements whose mean and deviations are taken together.
const BLOCK: usize = 4096;

/// How many, their mean, and the sum of squared deviations from it.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    n: f64,
    mean: f64,
    m2: f64,
}

impl Moments {
    fn join(self, o: Moments) -> Moments {
        if self.n == 0.0 {
            return o;
        }
        if o.n == 0.0 {
            return self;
        }
        let (n, d) = (self.n + o.n, o.mean - self.mean);
        Moments { n, mean: self.mean + d * (o.n / n), m2: self.m2 + o.m2 + d * d * (self.n * o.n / n) }
    }
}

#[inline(always)]
fn total<T: Real>(lanes: [T; LANES]) -> T {
    fold(lanes, T::plus)
}

/// Sum of `f(i)` for `i` in `0..n`.
#[inline(always)]
fn sum_of<T: Real>(n: usize, f: impl Fn(usize) -> T) -> T {
    let mut lanes = [T::default(); LANES];
    let mut i = 0;
    while i + LANES <= n {
        for (l, s) in lanes.iter_mut().enumerate() {
            *s = s.plus(f(i + l));
        }
        i += LANES;
    }
    for (l, s) in lanes.iter_mut().enumerate().take(n - i) {
        *s = s.plus(f(i + l));
    }
    total(lanes)
}

/// Sums of both of `f(i)`.
#[inline(always)]
fn sums_of<T: Real>(n: usize, f: impl Fn(usize) -> (T, T)) -> (T, T) {
    let (mut a, mut b) = ([T::default(); LANES], [T::default(); LANES]);
    let mut i = 0;
    while i + LANES <= n {
        for l in 0..LANES {
            let (u, v) = f(i + l);
            a[l] = a[l].plus(u);
            b[l] = b[l].plus(v);
        }
        i += LANES;
    }
    for l in 0..n - i {
        let (u, v) = f(i + l);
        a[l] = a[l].plus(u);
        b[l] = b[l].plus(v);
    }
    (total(a), total(b))
}

per_isa! {
    /// Mean and deviations of a run; without `centred` the sum of squares.
    ///
    /// # Safety
    /// `x` has `n` elements.
    unsafe fn moments(x: *const S, n: usize, centred: bool, one: std::marker::PhantomData<T>) -> Moments {
        _ = one;
        let mut all = Moments::default();
        let mut at = 0;
        while at < n {
            let len = BLOCK.min(n - at);
            // SAFETY: inside the run.
            let get = |i: usize| -> T { unsafe { x.add(at + i).read().load() } };
            let mean = if centred { sum_of(len, get).over(T::of(len as f64)) } else { T::default() };
            let m2 = sum_of(len, |i| {
                let d = get(i).minus(mean);
                d.times(d)
            });
            let part = Moments { n: len as f64, mean: mean.wide(), m2: m2.wide() };
            all = if centred { all.join(part) } else { Moments { m2: all.m2 + part.m2, n: all.n + part.n, mean: 0.0 } };
            at += len;
        }
        all
    }
}

per_isa! {
    /// `y = x * a + b`.
    ///
    /// # Safety
    /// Both have `n` elements.
    unsafe fn affine(x: *const S, y: *mut S, n: usize, a: T, b: T) {
        for i in 0..n {
            // SAFETY: inside the runs.
            unsafe { y.add(i).write(S::from_sum(x.add(i).read().load().times(a).plus(b))) };
        }
    }
}

per_isa! {
    /// The sums of `dy` and of `dy * (x - mean)`.
    ///
    /// # Safety
    /// Both have `n` elements.
    unsafe fn slopes(x: *const S, dy: *const S, n: usize, mean: T) -> (f64, f64) {
        let (mut a, mut b) = (0.0, 0.0);
        let mut at = 0;
        while at < n {
            let len = BLOCK.min(n - at);
            let (u, v) = sums_of(len, |i| {
                // SAFETY: inside the runs.
                let (x, d): (T, T) = unsafe { (x.add(at + i).read().load(), dy.add(at + i).read().load()) };
                (d, d.times(x.minus(mean)))
            });
            a += u.wide();
            b += v.wide();
            at += len;
        }
        (a, b)
    }
}

per_isa! {
    /// `dx = dy * c[0] - ((x - c[1]) * c[2] + c[3])`.
    ///
    /// # Safety
    /// All have `n` elements.
    unsafe fn pull(x: *const S, dy: *const S, dx: *mut S, n: usize, c: [T; 4]) {
        for i in 0..n {
            // SAFETY: inside the runs.
            unsafe {
                let (x, d): (T, T) = (x.add(i).read().load(), dy.add(i).read().load());
                let r = d.times(c[0]).minus(x.minus(c[1]).times(c[2]).plus(c[3]));
                dx.add(i).write(S::from_sum(r));
            }
        }
    }
}

/// Runs `f(first, end)` on parts of `0..count`; `work` is the cost of one, in elements. The parts depend on sizes only.
fn parts(count: usize, work: usize, f: &(dyn Fn(usize, usize) + Sync)) {
    let tasks = (count.saturating_mul(work) / (32 << 10)).clamp(1, count.max(1)).min(128);
    if tasks == 1 {
        return f(0, count);
    }
    pool::parallel(tasks, &|t| f(count * t / tasks, count * (t + 1) / tasks));
}

/// Room for intermediate numbers, refused rather than killed for.
fn room<T: Clone + Default>(n: usize) -> Result<Vec<T>> {
    let mut v = Vec::new();
    if v.try_reserve_exact(n).is_err() {
        bail!(Runtime, "not enough memory for {n} intermediate numbers of a normalization");
    }
    v.resize(n, T::default());
    Ok(v)
}
