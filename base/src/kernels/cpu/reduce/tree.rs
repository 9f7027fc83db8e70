//! Partial results joined in a balanced tree.

use super::super::convert;

/// Most results that are joined side by side.
pub(super) const WIDE: usize = 64;

/// Room for the levels of a tree of single results.
pub(super) type Levels = std::mem::MaybeUninit<[[u64; 2]; 64]>;

/// Rows of `n` partial results, joined in a balanced tree as they come.
pub(super) struct Tree {
    fold: unsafe fn(*mut u8, *const u8, usize),
    elem: usize,
    n: usize,
    count: u64,
    levels: *mut u8,
}

impl Tree {
    /// `levels` has room for `n` elements for each doubling of the number of rows.
    #[inline]
    pub fn new(fold: unsafe fn(*mut u8, *const u8, usize), elem: usize, n: usize, levels: *mut u8) -> Tree {
        Tree { fold, elem, n, count: 0, levels }
    }

    /// Bytes of the levels for `rows` rows of `n` elements.
    pub fn bytes(rows: i64, n: usize, elem: usize) -> usize {
        (rows.max(1).ilog2() as usize + 1) * n * elem
    }

    #[inline]
    fn level(&self, l: usize) -> *mut u8 {
        self.levels.wrapping_add(l * self.n * self.elem)
    }

    /// # Safety
    /// `v` is a row, which is changed.
    #[inline]
    pub unsafe fn push(&mut self, v: *mut u8) {
        let (mut l, bytes) = (0, self.n * self.elem);
        // SAFETY: levels whose bit is set hold a row each.
        unsafe {
            while (self.count >> l) & 1 == 1 {
                // The older half comes first.
                let old = self.level(l);
                (self.fold)(old, v, self.n);
                std::ptr::copy_nonoverlapping(old, v, bytes);
                l += 1;
            }
            std::ptr::copy_nonoverlapping(v, self.level(l), bytes);
        }
        self.count += 1;
    }

    /// # Safety
    /// `to` has room for a row.
    #[inline]
    pub unsafe fn finish(&mut self, identity: &[u64; 2], to: *mut u8) {
        // SAFETY: as for push.
        unsafe {
            if self.count == 0 {
                convert::gather(self.elem, to, identity.as_ptr() as *const u8, 0, self.n);
                return;
            }
            let mut started = false;
            for l in 0..64 {
                if (self.count >> l) & 1 == 1 {
                    let from = self.level(l);
                    if started {
                        // `to` holds the younger part.
                        (self.fold)(from, to, self.n);
                    }
                    std::ptr::copy_nonoverlapping(from, to, self.n * self.elem);
                    started = true;
                    if self.count >> l == 1 {
                        break;
                    }
                }
            }
        }
    }
}
