//! The N-d walk: any shape and strides become few dimensions, in the order in which memory lies, and a flat index space
//! that can be cut anywhere.

use crate::kernels::Operand;
use smallvec::SmallVec;

/// Most operands that a walk takes (inputs and outputs of one program).
pub const MAX_OPERANDS: usize = 16;

type Sizes = SmallVec<[i64; 6]>;

/// A coalesced iteration space. Dimension 0 is the innermost. Strides are in bytes.
#[derive(Debug, Clone)]
pub struct Walk {
    /// How many operands.
    pub n_ops: usize,
    /// Product of the sizes.
    pub total: i64,
    sizes: Sizes,
    /// `strides[d * n_ops + op]`.
    strides: SmallVec<[i64; 24]>,
    ptrs: [*mut u8; MAX_OPERANDS],
}

/// A position in a walk: addresses of all operands.
#[derive(Clone, Copy, Debug)]
pub struct Addr {
    /// One address per operand.
    pub p: [*mut u8; MAX_OPERANDS],
}

impl Walk {
    /// The walk over `shape`. The order of dimensions is that of the first operand's strides, the smallest innermost,
    /// then of the next one where the first has no opinion. `ops` are at most [`MAX_OPERANDS`], which the caller sees to.
    #[inline]
    pub fn new(shape: &[i64], ops: &[Operand]) -> Walk {
        let n_ops = ops.len().min(MAX_OPERANDS);
        let mut ptrs = [std::ptr::null_mut(); MAX_OPERANDS];
        for (p, o) in ptrs.iter_mut().zip(ops) {
            *p = o.ptr;
        }
        let mut w = Walk { n_ops, total: 1, sizes: Sizes::new(), strides: SmallVec::new(), ptrs };
        // All contiguous is the common case, and one dimension then.
        let mut expected = 1;
        let mut flat = true;
        for d in (0..shape.len()).rev() {
            if shape[d] != 1 {
                flat &= ops.iter().all(|o| o.strides[d] == expected);
                expected *= shape[d];
            }
        }
        w.total = expected;
        if flat || expected <= 1 {
            w.sizes.push(expected);
            for o in &ops[..n_ops] {
                w.strides.push(o.dtype.size() as i64);
            }
            return w;
        }
        w.coalesce(shape, ops);
        w
    }

    fn coalesce(&mut self, shape: &[i64], ops: &[Operand]) {
        let n = self.n_ops;
        let mut dims: SmallVec<[usize; 8]> = (0..shape.len()).rev().filter(|&d| shape[d] != 1).collect();
        // Stable insertion sort: few dimensions, and "no opinion" must not lose the order of the others.
        for i in 1..dims.len() {
            let mut j = i;
            while j > 0 && Self::inner_first(dims[j], dims[j - 1], ops) {
                dims.swap(j, j - 1);
                j -= 1;
            }
        }
        for &d in &dims {
            let merged = match self.sizes.last() {
                Some(&inner) => {
                    let base = self.strides.len() - n;
                    ops[..n].iter().enumerate().all(|(i, o)| {
                        o.strides[d] * o.dtype.size() as i64 == self.strides[base + i].wrapping_mul(inner)
                    })
                }
                None => false,
            };
            if merged {
                if let Some(last) = self.sizes.last_mut() {
                    *last *= shape[d];
                }
            } else {
                self.sizes.push(shape[d]);
                for o in &ops[..n] {
                    self.strides.push(o.strides[d] * o.dtype.size() as i64);
                }
            }
        }
    }

    /// Should dimension `a` lie inside dimension `b`?
    fn inner_first(a: usize, b: usize, ops: &[Operand]) -> bool {
        for o in ops {
            let (x, y) = (o.strides[a].abs(), o.strides[b].abs());
            if x != 0 && y != 0 && x != y {
                return x < y;
            }
        }
        false
    }

    /// Number of dimensions left.
    #[inline]
    pub fn ndim(&self) -> usize {
        self.sizes.len()
    }

    /// Size of a dimension (0 is the innermost).
    #[inline]
    pub fn size(&self, d: usize) -> i64 {
        self.sizes[d]
    }

    /// Stride of an operand in a dimension, in bytes.
    #[inline]
    pub fn stride(&self, d: usize, op: usize) -> i64 {
        self.strides[d * self.n_ops + op]
    }

    /// Does this operand lie flat, every step of the flat index one element further?
    pub fn is_flat(&self, op: usize, elem: i64) -> bool {
        let mut expected = elem;
        for d in 0..self.ndim() {
            if self.stride(d, op) != expected {
                return false;
            }
            expected *= self.sizes[d];
        }
        true
    }

    /// Is it one element everywhere?
    pub fn is_single(&self, op: usize) -> bool {
        (0..self.ndim()).all(|d| self.stride(d, op) == 0)
    }

    /// The address of operand `op` at the start.
    #[inline]
    pub fn ptr(&self, op: usize) -> *mut u8 {
        self.ptrs[op]
    }

    /// Replaces the addresses (same layouts, other memory).
    pub fn set_ptr(&mut self, op: usize, p: *mut u8) {
        self.ptrs[op] = p;
    }

    /// The walk over the inner runs: without the innermost dimension.
    pub fn outer(&self) -> Walk {
        Walk {
            n_ops: self.n_ops,
            total: self.total / self.sizes[0].max(1),
            sizes: SmallVec::from_slice(&self.sizes[1..]),
            strides: SmallVec::from_slice(&self.strides[self.n_ops..]),
            ptrs: self.ptrs,
        }
    }

    /// Calls `f(addresses, n)` for each piece of `[start, end)` of the flat index space that lies in one inner run and
    /// has at most `max` elements.
    #[inline]
    pub fn range(&self, start: i64, end: i64, max: i64, f: impl FnMut(&Addr, i64)) {
        self.range_from(&Addr { p: self.ptrs }, start, end, max, f)
    }

    /// [`range`](Self::range) with other addresses of the first elements.
    #[inline]
    pub fn range_from(&self, base: &Addr, start: i64, end: i64, max: i64, mut f: impl FnMut(&Addr, i64)) {
        let nd = self.ndim();
        let n = self.n_ops;
        let mut a = *base;
        if nd == 1 {
            let mut pos = start;
            for i in 0..n {
                a.p[i] = a.p[i].wrapping_offset((start * self.strides[i]) as isize);
            }
            while pos < end {
                let m = max.min(end - pos);
                f(&a, m);
                pos += m;
                for i in 0..n {
                    a.p[i] = a.p[i].wrapping_offset((m * self.strides[i]) as isize);
                }
            }
            return;
        }
        let mut idx: SmallVec<[i64; 8]> = SmallVec::from_elem(0, nd);
        let mut rest = start;
        for d in 0..nd {
            idx[d] = rest % self.sizes[d];
            rest /= self.sizes[d];
            for i in 0..n {
                a.p[i] = a.p[i].wrapping_offset((idx[d] * self.strides[d * n + i]) as isize);
            }
        }
        let inner = self.sizes[0];
        let mut pos = start;
        while pos < end {
            let m = max.min(end - pos).min(inner - idx[0]);
            f(&a, m);
            pos += m;
            idx[0] += m;
            for i in 0..n {
                a.p[i] = a.p[i].wrapping_offset((m * self.strides[i]) as isize);
            }
            let mut d = 0;
            while idx[d] == self.sizes[d] && d + 1 < nd {
                for i in 0..n {
                    let back = idx[d] * self.strides[d * n + i];
                    a.p[i] = a.p[i].wrapping_offset((self.strides[(d + 1) * n + i] - back) as isize);
                }
                idx[d] = 0;
                d += 1;
                idx[d] += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;

    fn offsets(shape: &[i64], strides: &[i64], cut: i64) -> Vec<usize> {
        let o = Operand { ptr: std::ptr::null_mut(), dtype: DType::F32, strides };
        let w = Walk::new(shape, &[o]);
        let mut v = vec![];
        let mut s = 0;
        while s < w.total {
            let e = (s + cut).min(w.total);
            w.range(s, e, 5, |a, n| {
                for i in 0..n {
                    v.push((a.p[0] as i64 + i * w.stride(0, 0)) as usize / 4);
                }
            });
            s = e;
        }
        v
    }

    #[test]
    fn visits_every_element_once_in_memory_order() {
        assert_eq!(offsets(&[2, 3, 4], &[12, 4, 1], 7), (0..24).collect::<Vec<_>>());
        assert_eq!(offsets(&[4, 3, 2], &[1, 4, 12], 7), (0..24).collect::<Vec<_>>());
        assert_eq!(offsets(&[2, 1, 4], &[8, 99, 1], 3), vec![0, 1, 2, 3, 8, 9, 10, 11]);
        assert_eq!(offsets(&[], &[], 3), vec![0]);
        assert_eq!(offsets(&[3, 0], &[0, 1], 3), Vec::<usize>::new());
    }
}
