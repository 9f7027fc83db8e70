//! Loops over one row of scores, compiled for each instruction set.

use super::super::fold::fold;
use super::super::math::{Fused, Isa as Flavour, Plain};
use super::{Mat, Real};
use crate::device::cpu::isa::{Isa, isa};
use crate::dtype::DType;
use crate::kernels::cpu::convert;

/// Sums that run side by side.
const LANES: usize = 32;

/// A loop compiled for each instruction set; `F` says whether it has fused multiply-add.
macro_rules! per_isa {
    ($(#[$doc:meta])* unsafe fn $name:ident($($a:ident : $t:ty),* $(,)?) $(-> $r:ty)? $body:block) => {
        $(#[$doc])*
        #[inline]
        pub(super) unsafe fn $name<T: Real>($($a: $t),*) $(-> $r)? {
            // Not every loop needs to know.
            #[allow(clippy::extra_unused_type_parameters)]
            #[inline(always)]
            unsafe fn body<T: Real, F: Flavour>($($a: $t),*) $(-> $r)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma,f16c")]
            unsafe fn wide<T: Real>($($a: $t),*) $(-> $r)? {
                // SAFETY: the caller's.
                unsafe { body::<T, Fused>($($a),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            unsafe fn middle<T: Real>($($a: $t),*) $(-> $r)? {
                // SAFETY: the caller's.
                unsafe { body::<T, Fused>($($a),*) }
            }
            // SAFETY: the caller's; the instruction set was found at run time.
            unsafe {
                match isa() {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => wide::<T>($($a),*),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => middle::<T>($($a),*),
                    _ => body::<T, Plain>($($a),*),
                }
            }
        }
    };
}

#[inline(always)]
fn larger<T: Real>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

per_isa! {
    /// Takes a tile's scores of one row into the row's softmax: `s[0..n]` becomes the exponentials of `scale * s` less the
    /// largest so far, `s[n..all]` zero. `top` and `sum` are the row's so far. Gives the factor for what was summed
    /// before. A NaN is left to the sum, which it makes NaN.
    ///
    /// # Safety
    /// `s` has `all` numbers, `n <= all`.
    unsafe fn online(s: *mut T, n: usize, all: usize, scale: T, top: *mut T, sum: *mut T) -> T {
        // SAFETY: inside the row.
        unsafe {
            let mut lanes = [T::LOW; LANES];
            let mut i = 0;
            while i + LANES <= n {
                let mut v = *(s.add(i) as *const [T; LANES]);
                for l in 0..LANES {
                    v[l] = v[l] * scale;
                    lanes[l] = larger(lanes[l], v[l]);
                }
                *(s.add(i) as *mut [T; LANES]) = v;
                i += LANES;
            }
            let rest = i;
            let mut most = T::LOW;
            while i < n {
                let v = *s.add(i) * scale;
                *s.add(i) = v;
                most = larger(most, v);
                i += 1;
            }
            let old = *top;
            let new = larger(larger(fold(lanes, larger), most), old);
            if new == T::LOW {
                // Nothing but -inf so far, or NaN.
                for i in 0..all {
                    if i < n && *s.add(i) != T::LOW {
                        *sum = *s.add(i);
                        continue;
                    }
                    *s.add(i) = T::default();
                }
                return T::ONE;
            }
            let mut lanes = [T::default(); LANES];
            let mut i = 0;
            while i < rest {
                let mut v = *(s.add(i) as *const [T; LANES]);
                for l in 0..LANES {
                    v[l] = (v[l] - new).exp::<F>();
                    lanes[l] = lanes[l] + v[l];
                }
                *(s.add(i) as *mut [T; LANES]) = v;
                i += LANES;
            }
            if i < n {
                // The last vector is filled up, so that it is computed as the others are.
                let mut v = [T::LOW; LANES];
                std::ptr::copy_nonoverlapping(s.add(i), v.as_mut_ptr(), n - i);
                for l in 0..LANES {
                    v[l] = (v[l] - new).exp::<F>();
                    lanes[l] = lanes[l] + v[l];
                }
                std::ptr::copy_nonoverlapping(v.as_ptr(), s.add(i), n - i);
            }
            for i in n..all {
                *s.add(i) = T::default();
            }
            let by = if old == new { T::ONE } else { (old - new).exp::<F>() };
            *sum = *sum * by + fold(lanes, |a, b| a + b);
            *top = new;
            by
        }
    }
}

per_isa! {
    /// Backward of one row of a tile: `s[0..n]` becomes the weights `exp(scale * s - lse)`, `d[0..n]` the gradient of the
    /// scores before scaling, `weight * (d - delta) * by`; both are zero in `n..all`.
    ///
    /// # Safety
    /// `s` and `d` have `all` numbers, `n <= all`.
    unsafe fn weights(s: *mut T, d: *mut T, n: usize, all: usize, scale: T, lse: T, delta: T, by: T) {
        // SAFETY: inside the rows.
        unsafe {
            for i in 0..n {
                let p = (*s.add(i) * scale - lse).exp::<F>();
                *s.add(i) = p;
                *d.add(i) = p * (*d.add(i) - delta) * by;
            }
            for i in n..all {
                *s.add(i) = T::default();
                *d.add(i) = T::default();
            }
        }
    }
}

per_isa! {
    /// `x *= by`
    ///
    /// # Safety
    /// `x` has `n` numbers.
    unsafe fn scale(x: *mut T, n: usize, by: T) {
        for i in 0..n {
            // SAFETY: inside the row.
            unsafe { *x.add(i) = *x.add(i) * by };
        }
    }
}

per_isa! {
    /// The sum of `a[i] * b[i]`.
    ///
    /// # Safety
    /// Both have `n` numbers.
    unsafe fn dot(a: *const T, b: *const T, n: usize) -> T {
        let mut lanes = [T::default(); LANES];
        let mut i = 0;
        // SAFETY: inside the rows.
        unsafe {
            while i + LANES <= n {
                for (l, m) in lanes.iter_mut().enumerate() {
                    *m = *m + *a.add(i + l) * *b.add(i + l);
                }
                i += LANES;
            }
            for l in 0..n - i {
                lanes[l] = lanes[l] + *a.add(i + l) * *b.add(i + l);
            }
        }
        fold(lanes, |a, b| a + b)
    }
}

per_isa! {
    /// `s = scale * s + m`
    ///
    /// # Safety
    /// Both have `n` numbers.
    unsafe fn add_mask(s: *mut T, m: *const T, n: usize, scale: T) {
        for i in 0..n {
            // SAFETY: inside the rows.
            unsafe { *s.add(i) = *s.add(i) * scale + *m.add(i) };
        }
    }
}

per_isa! {
    /// `s = scale * s` where `m` is not 0, else -inf.
    ///
    /// # Safety
    /// Both have `n` elements.
    unsafe fn keep(s: *mut T, m: *const u8, n: usize, scale: T) {
        for i in 0..n {
            // SAFETY: inside the rows.
            unsafe {
                let v = *s.add(i) * scale;
                *s.add(i) = if *m.add(i) != 0 { v } else { T::LOW };
            }
        }
    }
}

/// Scales the scores `s[0..n]` of row `i`, whose first key is `j`, and applies the mask; `room` has `n` numbers.
///
/// # Safety
/// As said; the range lies inside the mask.
pub(super) unsafe fn masked<T: Real>(mask: &Mat, i: usize, j: usize, s: *mut T, n: usize, by: T, room: *mut T) {
    let size = mask.dtype.size();
    let from = mask.at(i).wrapping_offset(j as isize * mask.cs * size as isize);
    // SAFETY: the caller's.
    unsafe {
        if mask.dtype == DType::Bool {
            let flat = if mask.cs == 1 {
                from
            } else {
                convert::gather(1, room.cast(), from, mask.cs as i64, n);
                room.cast()
            };
            keep(s, flat, n, by);
            return;
        }
        let row = Mat { ptr: from, rs: 0, ..*mask };
        add_mask(s, row.rows(0, 1, n, room), n, by);
    }
}
