//! A sparse matrix, given by places and values, times a strided one.

use super::lines::blocks;
use super::num::Num;
use crate::dtype::DType;
use crate::kernels::Ptr;

/// The sizes of a product: `rows` x `width`, of `count` values.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Sizes {
    pub rows: usize,
    pub width: usize,
    pub count: usize,
    /// Of the strided matrix, in elements.
    pub strides: [i64; 2],
}

/// Adds the product to `y`, dense and zeroed. Each row's values are added in their order, whoever works.
///
/// # Safety
/// `at` holds the rows, then the columns of `count` values, all inside the matrices; the pointers cover the sizes, and `y`
/// overlaps nothing.
pub unsafe fn mm(s: &Sizes, dtype: DType, at: *const i64, values: *const u8, m: *const u8, y: *mut u8) {
    // SAFETY: the caller's. Every dtype has its arm.
    _ = crate::dispatch!(dtype, T in ALL => unsafe { run::<T>(s, at, values.cast(), m.cast(), y.cast()) });
}

unsafe fn run<T: Num>(s: &Sizes, at: *const i64, values: *const T, m: *const T, y: *mut T) {
    let n = s.count;
    // SAFETY: the caller's; nobody writes places while kernels run on them, they are the call's own copy.
    let rows = unsafe { std::slice::from_raw_parts(at, n) };
    let (at, values, m, y) = (Ptr(at.cast_mut()), Ptr(values.cast_mut()), Ptr(m.cast_mut()), Ptr(y));
    let add = |range: std::ops::Range<usize>| {
        for i in range {
            // SAFETY: the caller's: places lie inside.
            unsafe {
                let (r, c) = (at.get().add(i).read() as usize, at.get().add(n + i).read() as isize);
                let v = values.get().add(i).read();
                let from = m.get().offset(c * s.strides[0] as isize);
                let to = y.get().add(r * s.width);
                for j in 0..s.width {
                    let x = from.offset(j as isize * s.strides[1] as isize).read();
                    to.add(j).write(to.add(j).read().add(v.mul(x)));
                }
            }
        }
    };
    if !rows.is_sorted() {
        return add(0..n);
    }
    // Rows of the result are shared out; how many depends on the sizes alone.
    let each = (n / s.rows.max(1)).max(1) * s.width.max(1);
    blocks(s.rows as i64, (65536 / each).max(1) as i64, &|first, end| {
        add(rows.partition_point(|&r| r < first)..rows.partition_point(|&r| r < end));
    });
}
