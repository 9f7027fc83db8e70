//! `Layout`: sizes, strides and offset of a strided tensor, and the views that are pure arithmetic on them.

use super::{Dims, contiguous_strides, dims, numel, show, with, without};
use crate::error::Result;

/// How elements lie in a storage: element (i0, i1, ...) is at `offset + i0*strides[0] + i1*strides[1] + ...`.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    /// Size of each dimension.
    pub sizes: Dims,
    /// Distance in elements between neighbours of each dimension.
    pub strides: Dims,
    /// Where the first element is, in elements.
    pub offset: i64,
}

impl Clone for Layout {
    #[inline]
    fn clone(&self) -> Layout {
        Layout { sizes: dims(&self.sizes), strides: dims(&self.strides), offset: self.offset }
    }
}

impl Layout {
    /// The contiguous layout of these sizes, at offset 0.
    #[inline]
    pub fn contiguous(sizes: &[i64]) -> Layout {
        Layout { sizes: dims(sizes), strides: contiguous_strides(sizes), offset: 0 }
    }

    /// The same for sizes that are owned, from an offset on.
    #[inline]
    pub fn packed(sizes: Dims, offset: i64) -> Layout {
        let strides = contiguous_strides(&sizes);
        Layout { sizes, strides, offset }
    }

    /// Number of dimensions.
    pub fn ndim(&self) -> usize {
        self.sizes.len()
    }

    /// Number of elements; a layout that exists never overflows.
    #[inline]
    pub fn numel(&self) -> i64 {
        self.sizes.iter().product()
    }

    /// Do the elements lie in C order without gaps? Dimensions of size 1 do not matter, empty tensors are contiguous.
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.extent().1
    }

    /// Number of elements, and whether they lie in C order without gaps.
    #[inline]
    pub fn extent(&self) -> (i64, bool) {
        let (mut n, mut flat) = (1i64, true);
        for (&size, &stride) in self.sizes.iter().zip(&self.strides).rev() {
            flat &= size == 1 || stride == n;
            // (An empty layout may have any other sizes.)
            n = i64::wrapping_mul(n, size);
        }
        (n, flat || n == 0)
    }

    /// Does each element have a place of its own, without gaps, in some order of the dimensions?
    pub fn is_dense(&self) -> bool {
        if self.is_contiguous() {
            return true;
        }
        let mut order: Vec<usize> = (0..self.ndim()).filter(|&i| self.sizes[i] != 1).collect();
        order.sort_by_key(|&i| self.strides[i]);
        let mut expected = 1;
        for i in order {
            if self.strides[i] != expected {
                return false;
            }
            expected *= self.sizes[i];
        }
        true
    }

    /// May two indices name the same element? (True for expanded tensors; conservative for odd strides.)
    pub fn may_overlap(&self) -> bool {
        let mut dims: Vec<(i64, i64)> =
            (0..self.ndim()).filter(|&i| self.sizes[i] > 1).map(|i| (self.strides[i].abs(), self.sizes[i])).collect();
        dims.sort_unstable();
        let mut span = 0;
        for (stride, size) in dims {
            if stride <= span {
                return self.numel() > 0;
            }
            span += stride * (size - 1);
        }
        false
    }

    /// The elements of storage that the layout reaches: one past the last, from the start of the storage.
    pub fn end(&self) -> i64 {
        if self.sizes.contains(&0) {
            return self.offset;
        }
        // 64 dimensions of 2^126 fit into neither, so each step saturates.
        let far = self
            .sizes
            .iter()
            .zip(&self.strides)
            .fold(0i64, |far, (s, t)| far.saturating_add((s - 1).saturating_mul((*t).max(0))));
        self.offset.saturating_add(far).saturating_add(1)
    }

    /// Broadcasts to `sizes` (already known to be right): stride 0 where a dimension is stretched or new.
    pub fn broadcast_to(&self, sizes: &[i64]) -> Layout {
        let lead = sizes.len() - self.ndim();
        let mut strides = dims(sizes);
        strides[..lead].fill(0);
        for (i, to) in strides[lead..].iter_mut().enumerate() {
            *to = if self.sizes[i] != 1 || *to == 1 { self.strides[i] } else { 0 };
        }
        Layout { sizes: dims(sizes), strides, offset: self.offset }
    }

    /// `expand`: like broadcasting, but -1 keeps a size, and the errors are PyTorch's.
    pub fn expand(&self, to: &[i64]) -> Result<Layout> {
        if to.len() < self.ndim() {
            bail!(
                Runtime,
                "expand(torch.FloatTensor{{{}}}, size={}): the number of sizes provided ({}) must be greater or equal to the \
                 number of dimensions in the tensor ({})",
                show(&self.sizes),
                show(to),
                to.len(),
                self.ndim()
            );
        }
        let lead = to.len() - self.ndim();
        let mut sizes = dims(to);
        for (i, size) in sizes.iter_mut().enumerate() {
            if i < lead {
                if *size < 0 {
                    bail!(
                        Runtime,
                        "The expanded size of the tensor ({size}) isn't allowed in a leading, non-existing dimension {i}"
                    );
                }
                continue;
            }
            let have = self.sizes[i - lead];
            if *size == -1 {
                *size = have;
            } else if *size != have && have != 1 {
                bail!(
                    Runtime,
                    "The expanded size of the tensor ({size}) must match the existing size ({have}) at non-singleton dimension \
                     {i}.  Target sizes: {}.  Tensor sizes: {}",
                    show(to),
                    show(&self.sizes)
                );
            }
        }
        numel(&sizes)?;
        Ok(self.broadcast_to(&sizes))
    }

    /// Resolves one -1 in a target shape of `have` elements, with PyTorch's errors.
    pub fn infer_size(have: i64, to: &[i64]) -> Result<Dims> {
        let mut sizes = dims(to);
        let mut hole = None;
        let mut known: i64 = 1;
        for (i, &s) in to.iter().enumerate() {
            if s == -1 {
                if hole.is_some() {
                    bail!(Runtime, "only one dimension can be inferred");
                }
                hole = Some(i);
            } else if s < 0 {
                bail!(Runtime, "invalid shape dimension {s} at index {i} of shape {}", show(to));
            } else {
                known = known.saturating_mul(s);
            }
        }
        if let Some(i) = hole {
            if known == 0 {
                bail!(
                    Runtime,
                    "cannot reshape tensor of 0 elements into shape {} because the unspecified dimension size -1 can be any \
                     value and is ambiguous",
                    show(to)
                );
            }
            if have % known == 0 {
                sizes[i] = have / known;
                return Ok(sizes);
            }
        } else if known == have {
            return Ok(sizes);
        }
        bail!(
            Runtime,
            "shape '{}' is invalid for input of size {have}\nThe {have} elements fill a shape whose sizes multiply \
             to {have}; one of them may be -1 and is worked out.",
            show(to)
        )
    }

    /// The layout of `view(sizes)` without moving data, or None where the strides do not allow it.
    pub fn view(&self, sizes: &[i64]) -> Option<Layout> {
        if self.is_contiguous() {
            return Some(Layout { offset: self.offset, ..Layout::contiguous(sizes) });
        }
        // Chunks of old dimensions that lie evenly are refilled with new dimensions, from the last one backwards.
        let mut strides = Dims::from_elem(0, sizes.len());
        let mut new = sizes.len() as i64 - 1;
        let mut base = *self.strides.last()?;
        let (mut have, mut used) = (1i64, 1i64);
        for d in (0..self.ndim()).rev() {
            have *= self.sizes[d];
            let ends = d == 0 || (self.sizes[d - 1] != 1 && self.strides[d - 1] != have * base);
            if ends {
                while new >= 0 && (used < have || sizes[new as usize] == 1) {
                    strides[new as usize] = used * base;
                    used *= sizes[new as usize];
                    new -= 1;
                }
                if used != have {
                    return None;
                }
                if d > 0 {
                    base = self.strides[d - 1];
                    have = 1;
                    used = 1;
                }
            }
        }
        (new == -1).then(|| Layout { sizes: sizes.into(), strides, offset: self.offset })
    }

    /// Dimensions `a` and `b` exchanged.
    pub fn transpose(&self, a: usize, b: usize) -> Layout {
        let mut l = self.clone();
        if l.ndim() > 0 {
            l.sizes.swap(a, b);
            l.strides.swap(a, b);
        }
        l
    }

    /// Dimensions in the given order (a checked permutation).
    pub fn permute(&self, order: &[usize]) -> Layout {
        let mut l = self.clone();
        for (i, &d) in order.iter().enumerate() {
            l.sizes[i] = self.sizes[d];
            l.strides[i] = self.strides[d];
        }
        l
    }

    /// Elements `start..end` by `step` of one dimension; bounds are checked by the caller.
    pub fn slice(&self, dim: usize, start: i64, end: i64, step: i64) -> Layout {
        let mut l = self.clone();
        l.offset += start * l.strides[dim];
        l.sizes[dim] = if end > start { (end - start + step - 1) / step } else { 0 };
        l.strides[dim] *= step;
        l
    }

    /// The sub-layout at `index` of one dimension, which goes away.
    pub fn select(&self, dim: usize, index: i64) -> Layout {
        let offset = self.offset + index * self.strides[dim];
        Layout { sizes: without(&self.sizes, dim), strides: without(&self.strides, dim), offset }
    }

    /// A dimension of size 1 put in before `dim`.
    pub fn unsqueeze(&self, dim: usize) -> Layout {
        let stride = if dim < self.ndim() { self.sizes[dim] * self.strides[dim] } else { 1 };
        Layout { sizes: with(&self.sizes, dim, 1), strides: with(&self.strides, dim, stride), offset: self.offset }
    }
}
