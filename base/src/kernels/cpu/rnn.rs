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

/// Elements that are computed at once: loaded into vectors of their own, since six addresses that may overlap would keep the
/// loops from being loops over vectors. Body and tail are the same vectors.
const W: usize = 16;

/// `n` elements and zeros.
///
/// # Safety
/// They are there.
#[inline(always)]
unsafe fn get<T: Real>(p: *const T, n: usize) -> [T; W] {
    let mut v = [T::ZERO; W];
    // SAFETY: the caller's; n is at most W.
    unsafe {
        if n == W {
            v.copy_from_slice(&*(p as *const [T; W]));
        } else {
            std::ptr::copy_nonoverlapping(p, v.as_mut_ptr(), n.min(W));
        }
    }
    v
}

/// Writes the first `n`.
///
/// # Safety
/// There is room for them.
#[inline(always)]
unsafe fn put<T: Real>(p: *mut T, n: usize, v: [T; W]) {
    // SAFETY: the caller's; n is at most W.
    unsafe {
        if n == W {
            *(p as *mut [T; W]) = v;
        } else {
            std::ptr::copy_nonoverlapping(v.as_ptr(), p, n.min(W));
        }
    }
}

/// The expression of each lane of the vectors named. (A function of arrays of vectors would pass them through memory.)
macro_rules! each {
    (|$($v:ident),+| $e:expr) => {{
        let mut r = [T::ZERO; W];
        for j in 0..W {
            $(let $v = $v[j];)+
            r[j] = $e;
        }
        r
    }};
}

trait Real: Copy + Send + Sync + 'static + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    const ZERO: Self;
    const ONE: Self;
    fn sigmoid<F: Flavour>(self) -> Self;
    fn tanh<F: Flavour>(self) -> Self;
}

macro_rules! real {
    ($t:ident, $m:ident) => {
        impl Real for $t {
            const ZERO: $t = 0.0;
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
            // Not every loop needs to know.
            #[allow(clippy::extra_unused_type_parameters)]
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
        for j in (0..h).step_by(W) {
            let (m, p) = (W.min(h - j), r * h + j);
            macro_rules! gate {
                ($k:literal, $f:ident) => {{
                    let (x, y) = (get(a.add($k * h + j), m), get(b.add($k * h + j), m));
                    let v = each!(|x, y| (x + y).$f::<F>());
                    put(act.add($k * h + j), m, v);
                    v
                }};
            }
            let (i, f, g, o) = (gate!(0, sigmoid), gate!(1, sigmoid), gate!(2, tanh), gate!(3, sigmoid));
            let c = get(cell.add(p), m);
            let c = each!(|f, c, i, g| f * c + i * g);
            put(next.add(p), m, c);
            put(hidden.add(p), m, each!(|o, c| o * c.tanh::<F>()));
        }
    }
}

step! {
    /// The gradient of [`lstm`]: of the gates (in `a` as in `b`) into `in_gates`, of the cell into `in_cell`.
    fn lstm_backward(n, h, [in_hidden, in_next, cell, next, act, in_gates, in_cell]: [7]) |r| {
        let (act, d) = (act.add(r * 4 * h), in_gates.add(r * 4 * h));
        for j in (0..h).step_by(W) {
            let (m, p) = (W.min(h - j), r * h + j);
            let (i, f) = (get(act.add(j), m), get(act.add(h + j), m));
            let (g, o) = (get(act.add(2 * h + j), m), get(act.add(3 * h + j), m));
            let (c, t, gh, gc) = (get(cell.add(p), m), get(next.add(p), m), get(in_hidden.add(p), m), get(in_next.add(p), m));
            let t = each!(|t| t.tanh::<F>());
            let gc = each!(|gc, gh, o, t| gc + gh * o * (T::ONE - t * t));
            put(d.add(j), m, each!(|gc, g, i| gc * g * (i * (T::ONE - i))));
            put(d.add(h + j), m, each!(|gc, c, f| gc * c * (f * (T::ONE - f))));
            put(d.add(2 * h + j), m, each!(|gc, i, g| gc * i * (T::ONE - g * g)));
            put(d.add(3 * h + j), m, each!(|gh, t, o| gh * t * (o * (T::ONE - o))));
            put(in_cell.add(p), m, each!(|gc, f| gc * f));
        }
    }
}

step! {
    /// One step of a gated recurrent unit: the input's part `a` and the state's part `b` of the gates (reset, update, new)
    /// and the state `hidden` make the state `next`, and `act`, the gates as applied.
    fn gru(n, h, [a, b, hidden, next, act]: [5]) |r| {
        let (a, b, act) = (a.add(r * 3 * h), b.add(r * 3 * h), act.add(r * 3 * h));
        for j in (0..h).step_by(W) {
            let (m, p) = (W.min(h - j), r * h + j);
            let (x, y) = (get(a.add(j), m), get(b.add(j), m));
            let reset = each!(|x, y| (y + x).sigmoid::<F>());
            let (x, y) = (get(a.add(h + j), m), get(b.add(h + j), m));
            let update = each!(|x, y| (y + x).sigmoid::<F>());
            let (x, y) = (get(a.add(2 * h + j), m), get(b.add(2 * h + j), m));
            let new = each!(|x, y, reset| (x + y * reset).tanh::<F>());
            put(act.add(j), m, reset);
            put(act.add(h + j), m, update);
            put(act.add(2 * h + j), m, new);
            let old = get(hidden.add(p), m);
            put(next.add(p), m, each!(|old, new, update| (old - new) * update + new));
        }
    }
}

step! {
    /// The gradient of [`gru`] in `a`, `b` and `hidden`.
    fn gru_backward(n, h, [grad, b, hidden, act, in_a, in_b, in_hidden]: [7]) |r| {
        let (b, act) = (b.add(r * 3 * h), act.add(r * 3 * h));
        let (da, db) = (in_a.add(r * 3 * h), in_b.add(r * 3 * h));
        for j in (0..h).step_by(W) {
            let (m, p) = (W.min(h - j), r * h + j);
            let (reset, update, new) = (get(act.add(j), m), get(act.add(h + j), m), get(act.add(2 * h + j), m));
            let (g, old, y) = (get(grad.add(p), m), get(hidden.add(p), m), get(b.add(2 * h + j), m));
            let of_new = each!(|g, update, new| g * (T::ONE - update) * (T::ONE - new * new));
            let of_reset = each!(|of_new, y, reset| of_new * y * (reset * (T::ONE - reset)));
            let of_update = each!(|g, old, new, update| g * (old - new) * (update * (T::ONE - update)));
            put(da.add(j), m, of_reset);
            put(db.add(j), m, of_reset);
            put(da.add(h + j), m, of_update);
            put(db.add(h + j), m, of_update);
            put(da.add(2 * h + j), m, of_new);
            put(db.add(2 * h + j), m, each!(|of_new, reset| of_new * reset));
            put(in_hidden.add(p), m, each!(|g, update| g * update));
        }
    }
}
