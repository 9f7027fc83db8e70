//! Sizes, strides, offsets: arithmetic only, no memory. Sizes and strides count elements; dimensions are `i64` as in
//! PyTorch's messages and are checked once, where they enter.

pub mod layout;

pub use layout::Layout;

use crate::error::Result;
use smallvec::SmallVec;

/// A short list of sizes, strides or dimensions, inline up to five.
pub type Dims = SmallVec<[i64; INLINE]>;

/// How many numbers a [`Dims`] holds without an allocation.
const INLINE: usize = 5; // `dims` and `contiguous_strides` are written for this number

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

/// Dimensions of a reduction as a sorted mask; empty means all. A dimension given twice is PyTorch's error.
pub fn wrap_dims(dims: &[i64], ndim: usize) -> Result<SmallVec<[bool; 8]>> {
    if ndim > 64 {
        bail!(Runtime, "only tensors with up to 64 dims are supported");
    }
    let mut mask: SmallVec<[bool; 8]> = SmallVec::from_elem(dims.is_empty(), ndim);
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

/// A list from a slice; written so that the usual short one needs no call (`clone` and `into` of SmallVec do).
#[inline]
pub fn dims(s: &[i64]) -> Dims {
    if s.len() > INLINE {
        return Dims::from_slice(s);
    }
    Dims::from_buf_and_len([number(s, 0), number(s, 1), number(s, 2), number(s, 3), number(s, 4)], s.len())
}

/// A list without its `d`-th number (all of it where there is none).
#[inline]
pub fn without(s: &[i64], d: usize) -> Dims {
    let mut out = dims(s);
    if d < s.len() {
        out.remove(d);
    }
    out
}

/// The strides of a contiguous tensor; a size of 0 counts as 1, as in PyTorch.
#[inline]
pub fn contiguous_strides(sizes: &[i64]) -> Dims {
    if sizes.len() > INLINE {
        return many_strides(sizes);
    }
    let size = |i: usize| number(sizes, i).max(1);
    let d = size(4);
    let c = size(3).saturating_mul(d);
    let b = size(2).saturating_mul(c);
    let a = size(1).saturating_mul(b);
    Dims::from_buf_and_len([a, b, c, d, 1], sizes.len())
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
