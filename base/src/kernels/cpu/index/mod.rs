//! Reading and writing at positions that other tensors name: advanced indexing, `index_*`, `take`, `put`, embeddings. (`gather`
//! and `scatter` along a dimension are in `gather.rs`.)
//!
//! Everything here is one of two forms. `fetch.rs`: `out[p] = src[p + sum(index_k[p] * stride_k)]`. `store.rs`: the same with
//! the arrow turned round and an operation at its head. Who calls (`forms.rs`) makes the strides say the rest (0 where an operand
//! does not vary). Writes to one place happen in row-major order of `p`, for any number of threads. Here: what both forms know
//! of positions.

mod fetch;
mod forms;
mod store;

use super::lines::{GRAIN, Lines};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::kernels::Operand;
use crate::shape::Dims;
pub use fetch::fetch;
pub use forms::*;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicBool, Ordering};
pub use store::store;

/// A tensor of positions along one dimension.
#[derive(Clone, Copy, Debug)]
pub struct Index<'a> {
    /// The positions, int64 or int32; strides over the shape of the walk.
    pub at: Operand<'a>,
    /// Size of the dimension that they select from.
    pub size: i64,
    /// Distance between neighbours of that dimension, in elements.
    pub stride: i64,
    /// Number of that dimension, for messages.
    pub dim: usize,
}

/// Which positions are allowed, and what is said of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `x[index]`, `index_put`, `index_fill`: negative ones count from the end; IndexError.
    Wrap,
    /// `gather`, `scatter`, `index_add`: RuntimeError.
    Gather,
    /// `index_select`, `embedding`: IndexError without a number.
    Select,
    /// `index_copy`: IndexError.
    Copy,
    /// `take`, `put`: negative ones count from the end.
    Take,
}

impl Rule {
    fn wraps(self) -> bool {
        matches!(self, Rule::Wrap | Rule::Take)
    }

    #[cold]
    fn error(self, v: i64, size: i64, dim: usize) -> Error {
        match self {
            Rule::Wrap => err!(Index, "index {v} is out of bounds for dimension {dim} with size {size}"),
            Rule::Gather => err!(Runtime, "index {v} is out of bounds for dimension {dim} with size {size}"),
            Rule::Select => err!(Index, "index out of range in self\nThe index {v} is not in the range [0, {size})."),
            Rule::Copy => err!(Index, "index_copy_(): index {v} is out of bounds for dimension {dim} with size {size}"),
            Rule::Take => err!(Index, "out of range: tried to access index {v} on a tensor of {size} elements."),
        }
    }
}

/// What a write does with what is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    /// Overwrites.
    Set,
    /// Adds.
    Sum,
    /// Multiplies.
    Prod,
    /// Keeps the larger; NaN wins.
    Amax,
    /// Keeps the smaller; NaN wins.
    Amin,
}

/// What the loops know of an index, in bytes.
#[derive(Clone, Copy)]
struct Pos {
    wide: bool,
    size: i64,
    stride: i64,
}

type Positions = SmallVec<[Pos; 4]>;

fn positions(indices: &[Index], element: usize) -> Result<Positions> {
    indices
        .iter()
        .map(|i| match i.at.dtype {
            DType::I64 | DType::I32 => {
                Ok(Pos { wide: i.at.dtype == DType::I64, size: i.size, stride: i.stride * element as i64 })
            }
            d => Err(err!(Index, "tensors used as indices must be long, int, byte or bool tensors (got {})", d.name())),
        })
        .collect()
}

/// # Safety
/// `p` is the address of an element of the index.
#[inline(always)]
unsafe fn read(p: *const u8, wide: bool) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { if wide { *(p as *const i64) } else { *(p as *const i32) as i64 } }
}

/// Every position of the indices is looked at, each once.
fn check(shape: &[i64], indices: &[Index], rule: Rule) -> Result<()> {
    if shape.contains(&0) {
        return Ok(());
    }
    for i in indices {
        let dims: SmallVec<[usize; 6]> = (0..shape.len()).filter(|&d| i.at.strides[d] != 0).collect();
        let sizes: Dims = dims.iter().map(|&d| shape[d]).collect();
        let strides: Dims = dims.iter().map(|&d| i.at.strides[d]).collect();
        let l = Lines::new(&sizes, &[Operand { strides: &strides, ..i.at }]);
        let (wide, step) = (i.at.dtype == DType::I64, l.inner()[0]);
        let low = if rule.wraps() { -i.size } else { 0 };
        let bad = AtomicBool::new(false);
        l.parallel(GRAIN, &|p, n| {
            // The sign bit of either number says that a position is outside.
            let mut signs = 0;
            if wide && step == 8 {
                let at = p[0] as *const i64;
                for k in 0..n as usize {
                    // SAFETY: the position is inside the index, see `Operand`.
                    let v = unsafe { *at.add(k) };
                    signs |= v.wrapping_sub(low) | (i.size - 1).wrapping_sub(v);
                }
            } else {
                for k in 0..n {
                    // SAFETY: as above.
                    let v = unsafe { read(p[0].offset((k * step) as isize), wide) };
                    signs |= v.wrapping_sub(low) | (i.size - 1).wrapping_sub(v);
                }
            }
            if signs < 0 {
                bad.store(true, Ordering::Relaxed);
            }
        });
        if bad.load(Ordering::Relaxed) {
            let mut first = None;
            l.serial(&mut |p, n| {
                for k in 0..n {
                    // SAFETY: as above.
                    let v = unsafe { read(p[0].offset((k * step) as isize), wide) };
                    if first.is_none() && (v < low || v >= i.size) {
                        first = Some(v);
                    }
                }
            });
            if let Some(v) = first {
                return Err(rule.error(v, i.size, i.dim));
            }
        }
    }
    Ok(())
}

fn space<'a>(
    shape: &[i64],
    a: Operand<'a>,
    b: Operand<'a>,
    indices: &[Index<'a>],
    mark: impl Fn(usize) -> bool,
) -> Lines {
    let ops: SmallVec<[Operand; 6]> = [a, b].into_iter().chain(indices.iter().map(|i| i.at)).collect();
    Lines::marked(shape, &ops, mark)
}
