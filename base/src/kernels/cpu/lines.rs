//! Walking an index space in row-major order, a line at a time. Unlike the walk of formulas the order is never changed:
//! scatters, counts and compactions depend on it.

use crate::device::cpu::pool;
use crate::error::Result;
use crate::kernels::Operand;
use crate::memory::alloc;
use smallvec::SmallVec;

/// Addresses of the operands at one position.
pub type Addrs = SmallVec<[*mut u8; 6]>;

/// Elements per block of parallel work: fixed, so that the number of threads cannot matter.
pub const GRAIN: i64 = 32 * 1024;

/// An index space with the operands' addresses and strides in bytes. Neighbouring dimensions are merged where every
/// operand allows it. There is at least one dimension; the last one is the line.
#[derive(Clone, Debug)]
pub struct Lines {
    /// Sizes, outermost first.
    pub sizes: SmallVec<[i64; 6]>,
    /// Which dimensions carry the caller's mark.
    pub marks: SmallVec<[bool; 6]>,
    /// `strides[dim * operands + operand]`, in bytes.
    strides: SmallVec<[i64; 24]>,
    ptrs: Addrs,
    /// Product of the sizes.
    pub total: i64,
}

// SAFETY: addresses and numbers; what may be done with them is stated at `Operand`.
unsafe impl Send for Lines {}
// SAFETY: as above.
unsafe impl Sync for Lines {}

impl Lines {
    /// The space `shape` seen by `ops`.
    pub fn new(shape: &[i64], ops: &[Operand]) -> Lines {
        Lines::marked(shape, ops, |_| false)
    }

    /// As `new`; only dimensions with the same mark are merged.
    pub fn marked(shape: &[i64], ops: &[Operand], mark: impl Fn(usize) -> bool) -> Lines {
        let n = ops.len();
        let mut l = Lines {
            sizes: SmallVec::new(),
            marks: SmallVec::new(),
            strides: SmallVec::new(),
            ptrs: ops.iter().map(|o| o.ptr).collect(),
            total: shape.iter().product(),
        };
        for d in 0..shape.len() {
            if shape[d] == 1 {
                continue;
            }
            let base = l.strides.len().saturating_sub(n);
            let fits = l.marks.last() == Some(&mark(d))
                && ops.iter().enumerate().all(|(i, o)| {
                    l.strides[base + i] == o.strides[d].wrapping_mul(o.dtype.size() as i64).wrapping_mul(shape[d])
                });
            if fits {
                if let Some(s) = l.sizes.last_mut() {
                    *s *= shape[d];
                }
                l.strides.truncate(base);
            } else {
                l.sizes.push(shape[d]);
                l.marks.push(mark(d));
            }
            l.strides.extend(ops.iter().map(|o| o.strides[d].wrapping_mul(o.dtype.size() as i64)));
        }
        if l.sizes.is_empty() {
            l.sizes.push(1);
            l.marks.push(false);
            l.strides.extend(ops.iter().map(|o| o.dtype.size() as i64));
        }
        l
    }

    /// Addresses at the start.
    pub fn start(&self) -> &[*mut u8] {
        &self.ptrs
    }

    /// Strides of all operands in one dimension, in bytes.
    pub fn strides(&self, dim: usize) -> &[i64] {
        let n = self.ptrs.len();
        &self.strides[dim * n..(dim + 1) * n]
    }

    /// Strides along a line.
    pub fn inner(&self) -> &[i64] {
        self.strides(self.sizes.len() - 1)
    }

    /// The part `start..start + len` of one dimension.
    pub fn narrow(&self, dim: usize, start: i64, len: i64) -> Lines {
        let mut l = self.clone();
        for (p, s) in l.ptrs.iter_mut().zip(self.strides(dim)) {
            *p = p.wrapping_offset((start * s) as isize);
        }
        l.sizes[dim] = len;
        l.total = l.sizes.iter().product();
        l
    }

    /// Calls `f(addresses, n)` for the pieces of lines that make up positions `start..end`, in order.
    pub fn range(&self, start: i64, end: i64, f: &mut dyn FnMut(&[*mut u8], i64)) {
        if start >= end {
            return;
        }
        let (nd, n) = (self.sizes.len(), self.ptrs.len());
        let mut at = self.ptrs.clone();
        let mut idx: SmallVec<[i64; 6]> = SmallVec::from_elem(0, nd);
        let mut rest = start;
        for d in (0..nd).rev() {
            idx[d] = rest % self.sizes[d];
            rest /= self.sizes[d];
            for i in 0..n {
                at[i] = at[i].wrapping_offset((idx[d] * self.strides[d * n + i]) as isize);
            }
        }
        let mut pos = start;
        let last = nd - 1;
        loop {
            let m = (self.sizes[last] - idx[last]).min(end - pos);
            f(&at, m);
            pos += m;
            if pos >= end {
                return;
            }
            // The line is used up: back to its start, and one step in the next dimension outwards.
            for i in 0..n {
                at[i] = at[i].wrapping_offset((-idx[last] * self.strides[last * n + i]) as isize);
            }
            idx[last] = 0;
            for d in (0..last).rev() {
                idx[d] += 1;
                if idx[d] < self.sizes[d] {
                    for i in 0..n {
                        at[i] = at[i].wrapping_offset(self.strides[d * n + i] as isize);
                    }
                    break;
                }
                for i in 0..n {
                    at[i] = at[i].wrapping_offset(((1 - idx[d]) * self.strides[d * n + i]) as isize);
                }
                idx[d] = 0;
            }
        }
    }

    /// All lines, in order, on this thread.
    pub fn serial(&self, f: &mut dyn FnMut(&[*mut u8], i64)) {
        self.range(0, self.total, f);
    }

    /// All lines, in blocks of `grain` positions that run in any order.
    pub fn parallel(&self, grain: i64, f: &(dyn Fn(&[*mut u8], i64) + Sync)) {
        blocks(self.total, grain, &|a, b| self.range(a, b, &mut |p, n| f(p, n)));
    }

    /// All lines; the work is split along marked dimensions only, and what shares a place there stays in order.
    pub fn split_marked(&self, f: &(dyn Fn(&Lines) + Sync)) {
        let last = self.sizes.len() - 1;
        let want = self.total / GRAIN;
        let best = (0..self.sizes.len()).filter(|&d| self.marks[d]).max_by_key(|&d| {
            let parts = if d == last { self.sizes[d] / 256 } else { self.sizes[d] };
            (parts.min(want), std::cmp::Reverse(d))
        });
        let Some(d) = best else { return f(self) };
        let n = self.sizes[d];
        let least = if d == last { 256.min(n) } else { 1 };
        let chunk = if want <= 1 { n } else { (n / want).max(least) };
        if self.total == 0 || chunk >= n {
            return f(self);
        }
        let count = n / chunk + (n % chunk != 0) as i64;
        pool::parallel(count as usize, &|b| {
            let start = b as i64 * chunk;
            f(&self.narrow(d, start, chunk.min(n - start)));
        });
    }
}

/// Runs `f(start, end)` on blocks of `grain` of `0..total`; a single block runs here.
pub fn blocks(total: i64, grain: i64, f: &(dyn Fn(i64, i64) + Sync)) {
    let count = total / grain + (total % grain != 0) as i64;
    match count {
        0 => {}
        1 => f(0, total),
        _ => pool::parallel(count as usize, &|b| {
            let start = b as i64 * grain;
            f(start, (start + grain).min(total));
        }),
    }
}

/// The same operand with dimension `dim` taken out of its strides.
pub fn without(strides: &[i64], dim: usize) -> SmallVec<[i64; 6]> {
    strides.iter().enumerate().filter(|&(d, _)| d != dim).map(|(_, &s)| s).collect()
}

/// Runs `f` for every position of `shape` without `dim`, with the operands' addresses there; blocks hold about `GRAIN`
/// elements. `f` walks along `dim` itself. A 0-dimensional shape is one position.
pub fn along(shape: &[i64], dim: usize, ops: &[Operand], f: &(dyn Fn(&[*mut u8]) + Sync)) {
    let len = shape.get(dim).copied().unwrap_or(1).max(1);
    let rest = without(shape, dim);
    let strides: SmallVec<[SmallVec<[i64; 6]>; 4]> = ops.iter().map(|o| without(o.strides, dim)).collect();
    let ops: SmallVec<[Operand; 4]> = ops.iter().zip(&strides).map(|(o, s)| Operand { strides: s, ..*o }).collect();
    let l = Lines::new(&rest, &ops);
    let steps: SmallVec<[i64; 6]> = l.inner().into();
    l.parallel((GRAIN / len).max(1), &|p, n| {
        let mut p: Addrs = p.into();
        for _ in 0..n {
            f(&p);
            for (p, s) in p.iter_mut().zip(&steps) {
                *p = p.wrapping_offset(*s as isize);
            }
        }
    });
}

/// The stride of an operand along `dim` in elements; a 0-dimensional one has a single element.
pub fn step(o: &Operand, dim: usize) -> isize {
    o.strides.get(dim).copied().unwrap_or(1) as isize
}

/// Temporary memory of the allocator for `len` values of `T`, not initialised.
#[derive(Debug)]
pub struct Scratch<T> {
    ptr: *mut T,
    len: usize,
}

// SAFETY: an address of memory that nobody else holds.
unsafe impl<T: Send> Send for Scratch<T> {}
// SAFETY: as above; access goes through raw pointers.
unsafe impl<T: Sync> Sync for Scratch<T> {}

impl<T: Copy> Scratch<T> {
    /// Asks the allocator.
    pub fn new(len: usize) -> Result<Scratch<T>> {
        let bytes = len.saturating_mul(size_of::<T>());
        Ok(Scratch { ptr: alloc::alloc(bytes)? as *mut T, len })
    }

    /// How many values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first value.
    pub fn ptr(&self) -> *mut T {
        self.ptr
    }
}

impl Scratch<u64> {
    /// Memory that is all zeros, as a slice.
    pub fn zeroed(len: usize) -> Result<Scratch<u64>> {
        let s = Scratch::<u64>::new(len)?;
        // SAFETY: the block holds `len` values.
        unsafe { std::ptr::write_bytes(s.ptr(), 0, len) };
        Ok(s)
    }
}

impl<T> Drop for Scratch<T> {
    fn drop(&mut self) {
        // SAFETY: the block came from the allocator with this many bytes.
        unsafe { alloc::free(self.ptr as *mut u8, self.len.saturating_mul(size_of::<T>())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;

    #[test]
    fn every_range_visits_its_positions_in_order() {
        let shape = [2i64, 3, 1, 4];
        let strides = [1i64, 2, 77, 6];
        let o = Operand { ptr: std::ptr::null_mut(), dtype: DType::I16, strides: &strides };
        let mut want = vec![];
        for a in 0..2 {
            for b in 0..3 {
                for c in 0..4 {
                    want.push(a + 2 * b + 6 * c);
                }
            }
        }
        let l = Lines::new(&shape, &[o]);
        for start in 0..=24i64 {
            for end in start..=24 {
                let mut got = vec![];
                l.range(start, end, &mut |p, n| {
                    for i in 0..n {
                        got.push((p[0] as i64 + i * l.inner()[0]) / 2);
                    }
                });
                assert_eq!(got, want[start as usize..end as usize]);
            }
        }
        let c = Operand { ptr: std::ptr::null_mut(), dtype: DType::I16, strides: &[12, 4, 9, 1] };
        assert_eq!(Lines::new(&shape, &[c]).sizes.as_slice(), [24]);
        assert_eq!(Lines::marked(&shape, &[c], |d| d == 0).sizes.as_slice(), [2, 12]);
    }
}
