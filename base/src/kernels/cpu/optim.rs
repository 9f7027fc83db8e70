//! Steps of optimizers: one pass over memory that reads parameter, gradient and state and writes parameter and state, in
//! parallel over all parameters of a group.
//!
//! The operations and their roundings are those of PyTorch's step in single operations (its `add` with `alpha`,
//! `addcmul` and `lerp` multiply and add with one rounding on x86), so that training goes the same way, bit for bit.
//! Halves are computed in float32 and rounded once.

use super::convert::{self, Convert};
use crate::device::cpu::pool;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::program::Compute;
use std::ops::{Add, Div, Mul, Sub};

/// Elements that one thread takes at a time; small tensors go together.
const GRAIN: usize = 16 * 1024;
/// Halves are converted in stretches of this many.
const RUN: usize = 512;

/// One parameter with its gradient and state, each `n` elements in the same order.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Parameter, gradient, then state; what a rule does not use is null.
    pub ptrs: [*mut u8; 5],
    /// How many elements.
    pub n: usize,
    /// Numbers of this parameter alone: for Adam the step size and the square root of the second bias correction.
    pub numbers: [f64; 2],
}

// SAFETY: addresses; threads take different elements.
unsafe impl Sync for Part {}

/// Stochastic gradient descent. State: momentum.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Sgd {
    pub lr: f64,
    pub momentum: f64,
    pub dampening: f64,
    pub weight_decay: f64,
    pub nesterov: bool,
    pub maximize: bool,
    /// The momentum has no value yet.
    pub first: bool,
}

/// Adam and AdamW. State: mean, mean square, with `amsgrad` the largest mean square.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Adam {
    pub lr: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
    /// Weight decay shrinks the parameter (AdamW) instead of entering the gradient.
    pub decoupled: bool,
    pub amsgrad: bool,
    pub maximize: bool,
}

/// What is done to all parts.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Rule {
    Sgd(Sgd),
    Adam(Adam),
}

impl Rule {
    /// Which operands are read and written: parameter, gradient, states.
    fn uses(&self) -> [bool; 5] {
        match self {
            Rule::Sgd(r) => [true, true, r.momentum != 0.0, false, false],
            Rule::Adam(r) => [true, true, true, true, r.amsgrad],
        }
    }
}

/// float32 and float64.
trait Num: Copy + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> {
    fn of(x: f64) -> Self;
    /// `self * b + c` with one rounding.
    fn fma(self, b: Self, c: Self) -> Self;
    fn root(self) -> Self;
}

macro_rules! num {
    ($($t:ty),*) => {$(
        impl Num for $t {
            #[inline(always)]
            fn of(x: f64) -> $t { x as $t }
            #[inline(always)]
            fn fma(self, b: $t, c: $t) -> $t { self.mul_add(b, c) }
            #[inline(always)]
            fn root(self) -> $t { self.sqrt() }
        }
    )*};
}
num!(f32, f64);

/// # Safety
/// `n` elements lie at parameter and gradient, and at the momentum unless `MODE` is 0.
#[inline(always)]
unsafe fn sgd_loop<T: Num, const DECAY: bool, const MODE: u8>(r: &Sgd, p: [*mut T; 5], n: usize) {
    let sign = T::of(if r.maximize { -1.0 } else { 1.0 });
    let (lr, momentum) = (T::of(-r.lr), T::of(r.momentum));
    let (fresh, decay) = (T::of(1.0 - r.dampening), T::of(r.weight_decay));
    let [param, grad, buffer, ..] = p;
    for i in 0..n {
        // SAFETY: by the contract.
        unsafe {
            let x = *param.add(i);
            let mut g = *grad.add(i) * sign;
            if DECAY {
                g = x.fma(decay, g);
            }
            // Mode: 0 without momentum; 1 first step; 2 later; 3 and 4 the same with Nesterov's look ahead.
            if MODE > 0 {
                let b = if MODE == 1 || MODE == 3 { g } else { g.fma(fresh, *buffer.add(i) * momentum) };
                *buffer.add(i) = b;
                g = if MODE > 2 { b.fma(momentum, g) } else { b };
            }
            *param.add(i) = g.fma(lr, x);
        }
    }
}

/// # Safety
/// As for `sgd_loop`.
#[inline(always)]
unsafe fn sgd<T: Num>(r: &Sgd, p: [*mut T; 5], n: usize) {
    let mode = match (r.momentum != 0.0, r.nesterov, r.first) {
        (false, ..) => 0,
        (_, nesterov, first) => 2 - first as u8 + 2 * nesterov as u8,
    };
    // SAFETY: by the contract.
    unsafe {
        match (r.weight_decay != 0.0, mode) {
            (false, 0) => sgd_loop::<T, false, 0>(r, p, n),
            (false, 1) => sgd_loop::<T, false, 1>(r, p, n),
            (false, 2) => sgd_loop::<T, false, 2>(r, p, n),
            (false, 3) => sgd_loop::<T, false, 3>(r, p, n),
            (false, _) => sgd_loop::<T, false, 4>(r, p, n),
            (true, 0) => sgd_loop::<T, true, 0>(r, p, n),
            (true, 1) => sgd_loop::<T, true, 1>(r, p, n),
            (true, 2) => sgd_loop::<T, true, 2>(r, p, n),
            (true, 3) => sgd_loop::<T, true, 3>(r, p, n),
            (true, _) => sgd_loop::<T, true, 4>(r, p, n),
        }
    }
}

/// # Safety
/// `n` elements lie at every operand, the last one only with `AMS`.
#[inline(always)]
unsafe fn adam_loop<T: Num, const DECAY: u8, const AMS: bool>(r: &Adam, p: [*mut T; 5], n: usize, own: [f64; 2]) {
    let sign = T::of(if r.maximize { -1.0 } else { 1.0 });
    let decay = T::of(if DECAY == 2 { 1.0 - r.lr * r.weight_decay } else { r.weight_decay });
    // `lerp` counts from the nearer end.
    let near = 1.0 - r.beta1 < 0.5;
    let weight = T::of(if near { 1.0 - r.beta1 } else { -r.beta1 });
    let (beta2, rest) = (T::of(r.beta2), T::of(1.0 - r.beta2));
    let (step, correction, eps) = (T::of(-own[0]), T::of(own[1]), T::of(r.eps));
    let [param, grad, mean, square, most] = p;
    for i in 0..n {
        // SAFETY: by the contract.
        unsafe {
            let mut x = *param.add(i);
            let mut g = *grad.add(i) * sign;
            if DECAY == 1 {
                g = x.fma(decay, g);
            }
            if DECAY == 2 {
                x = x * decay;
            }
            let m = *mean.add(i);
            let m = weight.fma(g - m, if near { m } else { g });
            *mean.add(i) = m;
            let mut v = (rest * g).fma(g, *square.add(i) * beta2);
            *square.add(i) = v;
            if AMS {
                let old = *most.add(i);
                v = if v <= old { old } else { v };
                *most.add(i) = v;
            }
            *param.add(i) = x + step * m / (v.root() / correction + eps);
        }
    }
}

/// # Safety
/// As for `adam_loop`.
#[inline(always)]
unsafe fn adam<T: Num>(r: &Adam, p: [*mut T; 5], n: usize, own: [f64; 2]) {
    let decay = if r.weight_decay == 0.0 { 0 } else { 1 + r.decoupled as u8 };
    // SAFETY: by the contract.
    unsafe {
        match (decay, r.amsgrad) {
            (0, false) => adam_loop::<T, 0, false>(r, p, n, own),
            (1, false) => adam_loop::<T, 1, false>(r, p, n, own),
            (_, false) => adam_loop::<T, 2, false>(r, p, n, own),
            (0, true) => adam_loop::<T, 0, true>(r, p, n, own),
            (1, true) => adam_loop::<T, 1, true>(r, p, n, own),
            (_, true) => adam_loop::<T, 2, true>(r, p, n, own),
        }
    }
}

/// # Safety
/// `n` elements of type `T` lie at every operand that the rule uses.
#[inline(always)]
unsafe fn body<T: Num>(rule: &Rule, p: [*mut u8; 5], n: usize, own: [f64; 2]) {
    let p = p.map(|p| p as *mut T);
    // SAFETY: by the contract.
    unsafe {
        match rule {
            Rule::Sgd(r) => sgd(r, p, n),
            Rule::Adam(r) => adam(r, p, n, own),
        }
    }
}

type Run = unsafe fn(&Rule, [*mut u8; 5], usize, [f64; 2]);

/// `body`, compiled for the instruction set in use.
fn run_of<T: Num>() -> Run {
    #[cfg(target_arch = "x86_64")]
    {
        use crate::device::cpu::isa::{Isa, isa};
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2<T: Num>(rule: &Rule, p: [*mut u8; 5], n: usize, own: [f64; 2]) {
            // SAFETY: the caller's promise.
            unsafe { body::<T>(rule, p, n, own) }
        }
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
        unsafe fn avx512<T: Num>(rule: &Rule, p: [*mut u8; 5], n: usize, own: [f64; 2]) {
            // SAFETY: the caller's promise.
            unsafe { body::<T>(rule, p, n, own) }
        }
        match isa() {
            Isa::Avx512 => return avx512::<T>,
            Isa::Avx2 => return avx2::<T>,
            Isa::Portable => {}
        }
    }
    unsafe fn portable<T: Num>(rule: &Rule, p: [*mut u8; 5], n: usize, own: [f64; 2]) {
        // SAFETY: the caller's promise.
        unsafe { body::<T>(rule, p, n, own) }
    }
    portable::<T>
}

/// How halves come to float32 and back.
#[derive(Clone, Copy)]
struct Through {
    load: Convert,
    store: Convert,
}

/// `run` on halves, a stretch at a time.
///
/// # Safety
/// As for `body`; elements are of two bytes.
unsafe fn half(run: Run, through: Through, rule: &Rule, p: [*mut u8; 5], n: usize, own: [f64; 2]) {
    let mut wide = [[0f32; RUN]; 5];
    let uses = rule.uses();
    let mut done = 0;
    while done < n {
        let m = (n - done).min(RUN);
        let at = |k: usize| p[k].wrapping_add(2 * done);
        let mut q = [std::ptr::null_mut(); 5];
        for (k, w) in wide.iter_mut().enumerate().filter(|(k, _)| uses[*k]) {
            q[k] = w.as_mut_ptr() as *mut u8;
            // SAFETY: `m` elements on either side.
            unsafe { (through.load)(q[k], at(k), m) };
        }
        // SAFETY: as above.
        unsafe {
            run(rule, q, m, own);
            for k in (0..5).filter(|&k| k != 1 && uses[k]) {
                (through.store)(at(k), q[k], m);
            }
        }
        done += m;
    }
}

/// Does the step for all parts, whose elements are of `dtype`.
pub fn step(dtype: DType, parts: &[Part], rule: &Rule) -> Result<()> {
    let through = dtype
        .is_half()
        .then(|| Through { load: convert::load(dtype, Compute::F32), store: convert::store(Compute::F32, dtype) });
    let run = match dtype {
        DType::F64 => run_of::<f64>(),
        d if d.is_float() => run_of::<f32>(),
        d => bail!(NotImplemented, "\"fused optimizer step\" not implemented for '{}'", d.c10_name()),
    };
    // Pieces of at most GRAIN elements, and where each group of them begins.
    let mut pieces: Vec<(usize, usize, usize)> = Vec::with_capacity(parts.len());
    let mut groups = vec![0];
    let mut filled = 0;
    for (i, p) in parts.iter().enumerate() {
        let mut start = 0;
        while start < p.n {
            let n = (p.n - start).min(GRAIN);
            if filled > 0 && filled + n > GRAIN {
                groups.push(pieces.len());
                filled = 0;
            }
            pieces.push((i, start, n));
            filled += n;
            start += n;
        }
    }
    groups.push(pieces.len());
    let size = dtype.size();
    pool::parallel(groups.len() - 1, &|b| {
        for &(i, start, n) in &pieces[groups[b]..groups[b + 1]] {
            let part = &parts[i];
            let p = part.ptrs.map(|p| if p.is_null() { p } else { p.wrapping_add(start * size) });
            // SAFETY: the piece lies inside the part.
            unsafe {
                match through {
                    Some(t) => half(run, t, rule, p, n, part.numbers),
                    None => run(rule, p, n, part.numbers),
                }
            }
        }
    });
    Ok(())
}
