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

/// `f` of each lane.
#[inline(always)]
fn each<T: Real, const N: usize>(v: [[T; W]; N], f: impl Fn([T; N]) -> T) -> [T; W] {
    let mut r = [T::ZERO; W];
    for j in 0..W {
        let mut x = [T::ZERO; N];
        for k in 0..N {
            x[k] = v[k][j];
        }
        r[j] = f(x);
    }
    r
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
            let gate = |k: usize| each([get(a.add(k * h + j), m), get(b.add(k * h + j), m)], |[a, b]| a + b);
            let sigmoid = |k: usize| each([gate(k)], |[x]| x.sigmoid::<F>());
            let (i, f, o) = (sigmoid(0), sigmoid(1), sigmoid(3));
            let g = each([gate(2)], |[x]| x.tanh::<F>());
            let c = each([f, get(cell.add(p), m), i, g], |[f, c, i, g]| f * c + i * g);
            for (k, v) in [i, f, g, o].into_iter().enumerate() {
                put(act.add(k * h + j), m, v);
            }
            put(next.add(p), m, c);
            put(hidden.add(p), m, each([o, c], |[o, c]| o * c.tanh::<F>()));
        }
    }
}

step! {
    /// The gradient of [`lstm`]: of the gates (in `a` as in `b`) into `in_gates`, of the cell into `in_cell`.
    fn lstm_backward(n, h, [in_hidden, in_next, cell, next, act, in_gates, in_cell]: [7]) |r| {
        let (act, d) = (act.add(r * 4 * h), in_gates.add(r * 4 * h));
        for j in (0..h).step_by(W) {
            let (m, p) = (W.min(h - j), r * h + j);
            let gate = |k: usize| get(act.add(k * h + j), m);
            let (i, f, g, o) = (gate(0), gate(1), gate(2), gate(3));
            let t = each([get(next.add(p), m)], |[c]| c.tanh::<F>());
            let gh = get(in_hidden.add(p), m);
            let gc = each([get(in_next.add(p), m), gh, o, t], |[gc, gh, o, t]| gc + gh * o * (T::ONE - t * t));
            put(d.add(j), m, each([gc, g, i], |[gc, g, i]| gc * g * (i * (T::ONE - i))));
            put(d.add(h + j), m, each([gc, get(cell.add(p), m), f], |[gc, c, f]| gc * c * (f * (T::ONE - f))));
            put(d.add(2 * h + j), m, each([gc, i, g], |[gc, i, g]| gc * i * (T::ONE - g * g)));
            put(d.add(3 * h + j), m, each([gh, t, o], |[gh, t, o]| gh * t * (o * (T::ONE - o))));
            put(in_cell.add(p), m, each([gc, f], |[gc, f]| gc * f));
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
            let part = |x: *mut T, k: usize| get(x.add(k * h + j), m);
            let gate = |k: usize| each([part(b, k), part(a, k)], |[b, a]| b + a);
            let reset = each([gate(0)], |[x]| x.sigmoid::<F>());
            let update = each([gate(1)], |[x]| x.sigmoid::<F>());
            let new = each([part(a, 2), part(b, 2), reset], |[a, b, r]| (a + b * r).tanh::<F>());
            for (k, v) in [reset, update, new].into_iter().enumerate() {
                put(act.add(k * h + j), m, v);
            }
            let y = each([get(hidden.add(p), m), new, update], |[h, new, update]| (h - new) * update + new);
            put(next.add(p), m, y);
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
            let gate = |k: usize| get(act.add(k * h + j), m);
            let (reset, update, new, g) = (gate(0), gate(1), gate(2), get(grad.add(p), m));
            let of_new = each([g, update, new], |[g, u, n]| g * (T::ONE - u) * (T::ONE - n * n));
            let of_reset =
                each([of_new, get(b.add(2 * h + j), m), reset], |[d, b, r]| d * b * (r * (T::ONE - r)));
            let of_update = each([g, get(hidden.add(p), m), new, update], |[g, h, n, u]| {
                g * (h - n) * (u * (T::ONE - u))
            });
            for d in [da, db] {
                put(d.add(j), m, of_reset);
                put(d.add(h + j), m, of_update);
            }
            put(da.add(2 * h + j), m, of_new);
            put(db.add(2 * h + j), m, each([of_new, reset], |[d, r]| d * r));
            put(in_hidden.add(p), m, each([g, update], |[g, u]| g * u));
        }
    }
}
