//! The arithmetic between the products of recurrent networks: what makes of a step's gates the next state, in one pass, and
//! its gradient. Matrices of adjacent rows; a row is one sequence of the batch. The functions are those of the formulas,
//! so that a step by parts gives the same bits.

use super::math::{Fused, Isa as Flavour, Plain, f32m, f64m};
use crate::device::cpu::isa::{Isa, isa};
use crate::device::cpu::pool;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Ptr;
use std::ops::{Add, Mul, Sub};

/// Elements that one thread takes at a time.
const GRAIN: usize = 8192;

trait Real: Copy + Send + Sync + 'static + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    const ONE: Self;
    fn sigmoid<F: Flavour>(self) -> Self;
    fn tanh<F: Flavour>(self) -> Self;
}

macro_rules! real {
    ($t:ident, $m:ident) => {
        impl Real for $t {
            const ONE: $t = 1.0;
            #[inline(always)]
            fn sigmoid<F: Flavour>(self) -> $t {
                $m::sigmoid::<F>(self)
            }
            #[inline(always)]
            fn tanh<F: Flavour>(self) -> $t {
                $m::tanh::<F>(self)
            }
        }
    };
}
real!(f32, f32m);
real!(f64, f64m);

/// A function over rows `first..end`, compiled for each instruction set.
macro_rules! step {
    ($(#[$doc:meta])* fn $name:ident($n:ident, $width:ident, [$($p:ident),*]: [$count:literal]) |$r:ident| $body:block) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The addresses are those of matrices of the sizes said.
        pub unsafe fn $name(dtype: DType, $n: usize, $width: usize, at: [*mut u8; $count]) -> Result<()> {
            #[inline(always)]
            unsafe fn body<T: Real, F: Flavour>(first: usize, end: usize, $width: usize, at: [Ptr<u8>; $count]) {
                let [$($p),*] = at.map(|p| p.get().cast::<T>());
                for $r in first..end {
                    // SAFETY: the caller's.
                    unsafe { $body }
                }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma,f16c")]
            unsafe fn wide<T: Real>(first: usize, end: usize, width: usize, at: [Ptr<u8>; $count]) {
                // SAFETY: the caller's.
                unsafe { body::<T, Fused>(first, end, width, at) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            unsafe fn middle<T: Real>(first: usize, end: usize, width: usize, at: [Ptr<u8>; $count]) {
                // SAFETY: the caller's.
                unsafe { body::<T, Fused>(first, end, width, at) }
            }
            fn all<T: Real>(n: usize, width: usize, at: [Ptr<u8>; $count]) {
                let rows = (GRAIN / width.max(1)).max(1);
                pool::parallel(n.div_ceil(rows), &|t| {
                    let (first, end) = (t * rows, ((t + 1) * rows).min(n));
                    // SAFETY: the caller's; the instruction set was found at run time.
                    unsafe {
                        match isa() {
                            #[cfg(target_arch = "x86_64")]
                            Isa::Avx512 => wide::<T>(first, end, width, at),
                            #[cfg(target_arch = "x86_64")]
                            Isa::Avx2 => middle::<T>(first, end, width, at),
                            _ => body::<T, Plain>(first, end, width, at),
                        }
                    }
                });
            }
            let at = at.map(Ptr);
            match dtype {
                DType::F32 => all::<f32>($n, $width, at),
                DType::F64 => all::<f64>($n, $width, at),
                d => bail!(NotImplemented, "\"{}\" not implemented for '{}'", stringify!($name), d.c10_name()),
            }
            Ok(())
        }
    };
}

step! {
    /// One step of long short-term memory: of `n` sequences with `h` features, gates `a + b` (input, forget, cell, output,
    /// side by side) and `cell` make the hidden state `hidden`, the cell `next`, and `act`, the gates as applied.
    fn lstm(n, h, [a, b, cell, hidden, next, act]: [6]) |r| {
        let (a, b, act) = (a.add(r * 4 * h), b.add(r * 4 * h), act.add(r * 4 * h));
        for j in 0..h {
            let gate = |k: usize| *a.add(k * h + j) + *b.add(k * h + j);
            let (i, f, o) = (gate(0).sigmoid::<F>(), gate(1).sigmoid::<F>(), gate(3).sigmoid::<F>());
            let g = gate(2).tanh::<F>();
            *act.add(j) = i;
            *act.add(h + j) = f;
            *act.add(2 * h + j) = g;
            *act.add(3 * h + j) = o;
            let c = f * *cell.add(r * h + j) + i * g;
            *next.add(r * h + j) = c;
            *hidden.add(r * h + j) = o * c.tanh::<F>();
        }
    }
}

step! {
    /// The gradient of [`lstm`]: of the gates (in `a` as in `b`) into `in_gates`, of the cell into `in_cell`.
    fn lstm_backward(n, h, [in_hidden, in_next, cell, next, act, in_gates, in_cell]: [7]) |r| {
        let (act, d) = (act.add(r * 4 * h), in_gates.add(r * 4 * h));
        for j in 0..h {
            let p = r * h + j;
            let (i, f, g, o) = (*act.add(j), *act.add(h + j), *act.add(2 * h + j), *act.add(3 * h + j));
            let t = (*next.add(p)).tanh::<F>();
            let gh = *in_hidden.add(p);
            let gc = *in_next.add(p) + gh * o * (T::ONE - t * t);
            *d.add(j) = gc * g * (i * (T::ONE - i));
            *d.add(h + j) = gc * *cell.add(p) * (f * (T::ONE - f));
            *d.add(2 * h + j) = gc * i * (T::ONE - g * g);
            *d.add(3 * h + j) = gh * t * (o * (T::ONE - o));
            *in_cell.add(p) = gc * f;
        }
    }
}

step! {
    /// One step of a gated recurrent unit: the input's part `a` and the state's part `b` of the gates (reset, update, new)
    /// and the state `hidden` make the state `next`, and `act`, the gates as applied.
    fn gru(n, h, [a, b, hidden, next, act]: [5]) |r| {
        let (a, b, act) = (a.add(r * 3 * h), b.add(r * 3 * h), act.add(r * 3 * h));
        for j in 0..h {
            let reset = (*b.add(j) + *a.add(j)).sigmoid::<F>();
            let update = (*b.add(h + j) + *a.add(h + j)).sigmoid::<F>();
            let new = (*a.add(2 * h + j) + *b.add(2 * h + j) * reset).tanh::<F>();
            *act.add(j) = reset;
            *act.add(h + j) = update;
            *act.add(2 * h + j) = new;
            *next.add(r * h + j) = (*hidden.add(r * h + j) - new) * update + new;
        }
    }
}

step! {
    /// The gradient of [`gru`] in `a`, `b` and `hidden`.
    fn gru_backward(n, h, [grad, b, hidden, act, in_a, in_b, in_hidden]: [7]) |r| {
        let (b, act) = (b.add(r * 3 * h), act.add(r * 3 * h));
        let (da, db) = (in_a.add(r * 3 * h), in_b.add(r * 3 * h));
        for j in 0..h {
            let p = r * h + j;
            let (reset, update, new, g) = (*act.add(j), *act.add(h + j), *act.add(2 * h + j), *grad.add(p));
            let of_new = g * (T::ONE - update) * (T::ONE - new * new);
            let of_reset = of_new * *b.add(2 * h + j) * (reset * (T::ONE - reset));
            let of_update = g * (*hidden.add(p) - new) * (update * (T::ONE - update));
            *da.add(j) = of_reset;
            *db.add(j) = of_reset;
            *da.add(h + j) = of_update;
            *db.add(h + j) = of_update;
            *da.add(2 * h + j) = of_new;
            *db.add(2 * h + j) = of_new * reset;
            *in_hidden.add(p) = g * update;
        }
    }
}
