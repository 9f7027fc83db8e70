//! Sizes, strides, offsets: arithmetic only, no memory. Sizes and strides count elements; dimensions are `i64` as in
//! PyTorch's messages and are checked once, where they enter.

pub mod layout;

pub use layout::Layout;

use crate::error::Result;
use smallvec::SmallVec;

/// A short list of sizes, strides or dimensions, inline up to five.
pub type Dims = SmallVec<[i64; INLINE]>;

/// How many numbers a [`Dims`] holds without an allocation.
const INLINE: usize = 5;

/// The number of elements, or an error where the product overflows (PyTorch: "numel: integer multiplication overflow").
pub fn numel(sizes: &[i64]) -> Result<i64> {
    let mut n: i64 = 1;
    let mut zero = false;
    for &s in sizes {
        if s < 0 {
            bail!(Runtime, "Trying to create tensor with negative dimension {s}: {}", show(sizes));
        }
        if s == 0 {
            zero = true;
            continue;
        }
        n = match n.checked_mul(s) {
            Some(n) => n,
            None if zero || sizes.contains(&0) => 0,
            None => bail!(Runtime, "numel: integer multiplication overflow for shape {}", show(sizes)),
        };
    }
    Ok(if zero { 0 } else { n })
}

/// `[2, 3]`: how messages write a shape.
pub fn show(sizes: &[i64]) -> String {
    let parts: Vec<String> = sizes.iter().map(|s| s.to_string()).collect();
    format!("[{}]", parts.join(", "))
}

/// A dimension that may be negative as an index, or PyTorch's IndexError. A 0-d tensor accepts 0 and -1.
pub fn wrap_dim(dim: i64, ndim: usize) -> Result<usize> {
    let n = ndim.max(1) as i64;
    if dim < -n || dim >= n {
        bail!(
            Index,
            "Dimension out of range (expected to be in range of [{}, {}], but got {dim})\nThe tensor has {n} \
         dimension(s); negative numbers count from the end, the last dimension is dim=-1.",
            -n,
            n - 1
        );
    }
    Ok(if dim < 0 { dim + n } else { dim } as usize)
}

/// The same for all dimensions.
#[inline]
pub fn mask_of(on: bool, ndim: usize) -> SmallVec<[bool; 8]> {
    if ndim <= 8 { SmallVec::from_buf_and_len([on; 8], ndim) } else { SmallVec::from_elem(on, ndim) }
}

/// Dimensions of a reduction as a sorted mask; empty means all. A dimension given twice is PyTorch's error.
pub fn wrap_dims(dims: &[i64], ndim: usize) -> Result<SmallVec<[bool; 8]>> {
    if ndim > 64 {
        bail!(Runtime, "only tensors with up to 64 dims are supported");
    }
    let mut mask = mask_of(dims.is_empty(), ndim);
    for &d in dims {
        let d = wrap_dim(d, ndim)?;
        if d < ndim {
            if mask[d] {
                bail!(Runtime, "dim {d} appears multiple times in the list of dims");
            }
            mask[d] = true;
        }
    }
    Ok(mask)
}

/// The number at `i`, or 1 behind the end. Numbers are read and written one by one here and below: they were mostly written
/// one by one a moment ago, and a processor that reads two such at once waits until both have left its store buffer, which
/// takes longer than the rest of the function. (`volatile`: or the compiler would join the reads.)
#[inline(always)]
fn number(s: &[i64], i: usize) -> i64 {
    // SAFETY: inside the slice.
    if i < s.len() { unsafe { s.as_ptr().add(i).read_volatile() } } else { 1 }
}

/// Writes a list of `n` numbers, at most [`INLINE`], to where it stays.
///
/// # Safety
/// `to` is a place for a list that is not initialised.
#[inline(always)]
unsafe fn fill(to: *mut Dims, n: usize, at: impl Fn(usize) -> i64) {
    const { assert!(INLINE == 5) };
    // SAFETY: an empty list has room for five numbers inline; `n` of them are written below.
    unsafe {
        to.write(Dims::new());
        let p = (*to).as_mut_ptr();
        p.write(at(0));
        p.add(1).write(at(1));
        p.add(2).write(at(2));
        p.add(3).write(at(3));
        p.add(4).write(at(4));
        (*to).set_len(n);
    }
}

/// A list that `fill` writes.
#[inline(always)]
fn filled(n: usize, at: impl Fn(usize) -> i64) -> Dims {
    Dims::from_buf_and_len([at(0), at(1), at(2), at(3), at(4)], n)
}

/// A list from a slice; written so that the usual short one needs no call (`clone` and `into` of SmallVec do).
#[inline]
pub fn dims(s: &[i64]) -> Dims {
    if s.len() > INLINE { Dims::from_slice(s) } else { filled(s.len(), |i| number(s, i)) }
}

/// [`dims`], written to where it stays.
///
/// # Safety
/// `to` is a place for a list that is not initialised.
#[inline(always)]
pub unsafe fn dims_at(to: *mut Dims, s: &[i64]) {
    // SAFETY: the caller's promise.
    unsafe { if s.len() > INLINE { to.write(Dims::from_slice(s)) } else { fill(to, s.len(), |i| number(s, i)) } }
}

/// A list without its `d`-th number (all of it where there is none).
#[inline]
pub fn without(s: &[i64], d: usize) -> Dims {
    if s.len() > INLINE || d >= s.len() {
        let mut out = dims(s);
        if d < s.len() {
            out.remove(d);
        }
        return out;
    }
    filled(s.len() - 1, |i| number(s, i + (i >= d) as usize))
}

/// A list with one more number before its `d`-th.
#[inline]
pub fn with(s: &[i64], d: usize, v: i64) -> Dims {
    if s.len() >= INLINE {
        let mut out = dims(s);
        out.insert(d, v);
        return out;
    }
    filled(s.len() + 1, |i| if i == d { v } else { number(s, i - (i > d) as usize) })
}

/// The strides of a contiguous tensor; a size of 0 counts as 1, as in PyTorch.
#[inline]
pub fn contiguous_strides(sizes: &[i64]) -> Dims {
    if sizes.len() > INLINE {
        return many_strides(sizes);
    }
    let s = few_strides(sizes);
    filled(sizes.len(), |i| s[i])
}

/// [`contiguous_strides`], written to where they stay.
///
/// # Safety
/// `to` is a place for a list that is not initialised.
#[inline(always)]
pub unsafe fn contiguous_strides_at(to: *mut Dims, sizes: &[i64]) {
    // SAFETY: the caller's promise.
    unsafe {
        if sizes.len() > INLINE {
            return to.write(many_strides(sizes));
        }
        let s = few_strides(sizes);
        fill(to, sizes.len(), |i| s[i]);
    }
}

#[inline(always)]
fn few_strides(sizes: &[i64]) -> [i64; INLINE] {
    let size = |i: usize| number(sizes, i).max(1);
    let d = size(4);
    let c = size(3).saturating_mul(d);
    let b = size(2).saturating_mul(c);
    [size(1).saturating_mul(b), b, c, d, 1]
}

#[cold]
fn many_strides(sizes: &[i64]) -> Dims {
    let mut strides = Dims::from_slice(sizes);
    let mut step = 1i64;
    for s in strides.iter_mut().rev() {
        let size = *s;
        *s = step;
        step = step.saturating_mul(size.max(1));
    }
    strides
}

/// Are these the same? (Equality of slices calls `memcmp`, which takes longer than the few numbers.)
#[inline]
pub fn same(a: &[i64], b: &[i64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x == y)
}

/// The shape that two shapes broadcast to.
pub fn broadcast(a: &[i64], b: &[i64]) -> Result<Dims> {
    let n = a.len().max(b.len());
    let mut out: Dims = SmallVec::from_elem(1, n);
    for i in 0..n {
        let x = if i + a.len() >= n { a[i + a.len() - n] } else { 1 };
        let y = if i + b.len() >= n { b[i + b.len() - n] } else { 1 };
        out[i] = if x == y || y == 1 {
            x
        } else if x == 1 {
            y
        } else {
            return Err(mismatch(x, y, i, a, b));
        };
    }
    Ok(out)
}

#[cold]
fn mismatch(x: i64, y: i64, i: usize, a: &[i64], b: &[i64]) -> crate::error::Error {
    crate::err!(
        Runtime,
        "The size of tensor a ({x}) must match the size of tensor b ({y}) at non-singleton dimension {i}\nThe shapes are {} and {}: counted from \
         the end, sizes must be equal or one of them 1; unsqueeze or view puts a 1 where it is needed.",
        show(a),
        show(b)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_any_length_are_what_their_loops_make() {
        let all: Vec<i64> = vec![3, 0, 1, 7, 2, 5, 4, 6];
        for n in 0..=all.len() {
            let s = &all[..n];
            assert_eq!(dims(s).as_slice(), s);
            let mut strides = vec![1i64; n];
            for i in (0..n.saturating_sub(1)).rev() {
                strides[i] = strides[i + 1] * s[i + 1].max(1);
            }
            assert_eq!(contiguous_strides(s).as_slice(), strides);
            let mut at = std::mem::MaybeUninit::uninit();
            // SAFETY: a place, which each of the two fills.
            unsafe {
                dims_at(at.as_mut_ptr(), s);
                assert_eq!(at.assume_init_read().as_slice(), s);
                contiguous_strides_at(at.as_mut_ptr(), s);
                assert_eq!(at.assume_init_read().as_slice(), strides);
            }
            for d in 0..=n {
                let (mut more, mut less) = (s.to_vec(), s.to_vec());
                more.insert(d, 9);
                assert_eq!(with(s, d, 9).as_slice(), more);
                if d < n {
                    less.remove(d);
                }
                assert_eq!(without(s, d).as_slice(), less);
            }
        }
    }
}
