//! Attention, `softmax(scale * Q K^T + mask) V`, a tile of keys at a time: the scores of a few rows stay in the first-level
//! cache, and nothing of the size (rows, keys) is stored (Dao et al. 2022, FlashAttention). Forward keeps the logarithm of
//! each row's sum, from which backward makes the weights again.
//!
//! Products run on the micro-kernels of `gemm`. What a task computes depends on sizes alone, so any number of threads
//! gives the same bits.

mod backward;
mod forward;
mod rows;
#[cfg(test)]
mod tests;

pub use backward::backward;
pub use forward::forward;

use super::convert;
use super::gemm::micro::{Kernels, Native, Tile};
use super::gemm::pack::{Load, Source, Strided};
use super::math;
use crate::device::cpu::isa::Isa;
use crate::dtype::{DType, Element};
use crate::kernels::Operand;
use crate::kernels::program::Compute;
use std::ops::{Add, Div, Mul, Sub};

/// One call. The operands' strides are those of the batch dimensions, then of the rows, then of the columns.
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a> {
    /// Sizes of the batch dimensions (heads among them).
    pub batch: &'a [i64],
    /// Rows of the query.
    pub rows: usize,
    /// Rows of key and value.
    pub keys: usize,
    /// Columns of query and key.
    pub width: usize,
    /// Columns of the value.
    pub value_width: usize,
    /// (batch, rows, width)
    pub query: Operand<'a>,
    /// (batch, keys, width)
    pub key: Operand<'a>,
    /// (batch, keys, value_width)
    pub value: Operand<'a>,
    /// (batch, rows, keys): bool, true where attention is allowed; or a floating type, added to the scores.
    pub mask: Option<Operand<'a>>,
    /// Row i sees the keys up to i only.
    pub causal: bool,
    /// Factor of the scores.
    pub scale: f64,
}

impl Attention<'_> {
    fn heads(&self) -> usize {
        self.batch.iter().product::<i64>().max(0) as usize
    }

    /// How many of the keys `first..first + n` the rows up to `row` see.
    fn seen(&self, row: usize, first: usize, n: usize) -> usize {
        if self.causal { (row + 1).saturating_sub(first).min(n) } else { n }
    }

    /// The matrix of head `h` of an operand.
    fn matrix(&self, o: &Operand, h: usize) -> Mat {
        let (d, mut rest, mut at) = (self.batch.len(), h as i64, 0);
        for i in (0..d).rev() {
            at += rest % self.batch[i] * o.strides[i];
            rest /= self.batch[i];
        }
        let size = o.dtype.size();
        let ptr = o.ptr.wrapping_offset(at as isize * size as isize);
        Mat { ptr, dtype: o.dtype, rs: o.strides[d] as isize, cs: o.strides[d + 1] as isize }
    }
}

/// What products and sums are computed in: float, or double for double.
trait Real:
    Native
    + Load<Self>
    + Element
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
    const COMPUTE: Compute;
    const LOW: Self;
    const HIGH: Self;
    /// exp of what is not above 0.
    fn exp<S: math::Isa>(self) -> Self;
    fn ln(self) -> Self;
}

macro_rules! real {
    ($t:ident, $c:ident, $exp:path) => {
        impl Real for $t {
            const COMPUTE: Compute = Compute::$c;
            const LOW: $t = $t::NEG_INFINITY;
            const HIGH: $t = $t::INFINITY;
            #[inline(always)]
            fn exp<S: math::Isa>(self) -> $t {
                $exp(self)
            }
            fn ln(self) -> $t {
                $t::ln(self)
            }
        }
    };
}
real!(f32, F32, math::f32m::exp_below::<S>);
real!(f64, F64, math::f64m::exp::<S>);

/// A matrix in memory; strides in elements.
#[derive(Clone, Copy)]
struct Mat {
    ptr: *mut u8,
    dtype: DType,
    rs: isize,
    cs: isize,
}

impl Mat {
    fn at(&self, i: usize) -> *mut u8 {
        self.ptr.wrapping_offset(i as isize * self.rs * self.dtype.size() as isize)
    }

    /// Are rows of `width` numbers of `T` adjacent, so that they can be used where they lie?
    fn dense<T: Real>(&self, width: usize) -> bool {
        self.dtype == T::DTYPE && self.rs == width as isize && (self.cs == 1 || width == 1)
    }

    /// Rows `i..i + n` as adjacent numbers of `T`: where they lie, or copied to `to`.
    ///
    /// # Safety
    /// The rows are inside the matrix; `to` has room for them, unless they are dense.
    unsafe fn rows<T: Real>(&self, i: usize, n: usize, width: usize, to: *mut T) -> *const T {
        if self.dense::<T>(width) {
            return self.at(i).cast();
        }
        let size = self.dtype.size();
        let load = (self.dtype != T::DTYPE).then(|| convert::load(self.dtype, T::COMPUTE));
        for k in 0..n {
            let from = self.at(i + k);
            // SAFETY: the caller's.
            unsafe {
                let to = to.add(k * width);
                match load {
                    None => convert::gather(size, to.cast(), from, self.cs as i64 * size as i64, width),
                    Some(load) if self.cs == 1 => load(to.cast(), from, width),
                    Some(load) => {
                        for j in 0..width {
                            load(to.add(j).cast(), from.offset(j as isize * self.cs * size as isize), 1);
                        }
                    }
                }
            }
        }
        to
    }

    /// Writes row `i`.
    ///
    /// # Safety
    /// The row is inside the matrix; `from` has `width` numbers, which may be changed.
    unsafe fn put<T: Real>(&self, i: usize, width: usize, from: *const T) {
        let (to, size) = (self.at(i), self.dtype.size());
        // SAFETY: the caller's.
        unsafe {
            if self.dtype == T::DTYPE {
                convert::scatter(size, to, self.cs as i64 * size as i64, from.cast(), width);
                return;
            }
            let store = convert::store(T::COMPUTE, self.dtype);
            if self.cs == 1 {
                return store(to, from.cast(), width);
            }
            for j in 0..width {
                store(to.offset(j as isize * self.cs * size as isize), from.add(j).cast(), 1);
            }
        }
    }
}

/// The right side of a product.
#[derive(Clone, Copy)]
struct Rhs<T> {
    ptr: *const T,
    /// Distance of k.
    ks: usize,
    /// Distance of panels.
    panel: usize,
}

/// Columns of a panel.
fn panel_width<T: Real>(kern: &Kernels<T, T>) -> usize {
    kern.lanes * kern.nv
}

impl<T: Real> Rhs<T> {
    /// A matrix of adjacent rows, as it lies.
    fn plain(ptr: *const T, width: usize, kern: &Kernels<T, T>) -> Rhs<T> {
        Rhs { ptr, ks: width, panel: panel_width(kern) }
    }

    /// The transpose of `n` adjacent rows of `width` numbers, packed into `to`, which has room for whole panels.
    ///
    /// # Safety
    /// As said.
    unsafe fn turned(from: *const T, n: usize, width: usize, to: *mut T, kern: &Kernels<T, T>, isa: Isa) -> Rhs<T> {
        let wide = panel_width(kern);
        let source = Strided::<T> { ptr: from, js: width as isize, ks: 1, isa };
        for p in 0..n.div_ceil(wide) {
            let cols = wide.min(n - p * wide);
            // SAFETY: the caller's.
            unsafe { source.pack(to.add(p * wide * width), wide, p * wide, cols, 0, width) };
        }
        Rhs { ptr: to, ks: wide, panel: wide * width }
    }
}

/// The left side: address, distance of rows, distance of k.
type Lhs<T> = (*const T, usize, usize);

/// `C (m x n) = A B`, or `+=` with `add`.
///
/// # Safety
/// All three cover their sizes, and C neither A nor B.
unsafe fn product<T: Real>(
    kern: &Kernels<T, T>,
    (m, n, k): (usize, usize, usize),
    a: Lhs<T>,
    b: Rhs<T>,
    c: *mut T,
    c_rs: usize,
    add: bool,
) {
    let wide = panel_width(kern);
    let null = std::ptr::null();
    let mut i = 0;
    while i < m {
        let rows = kern.mr.min(m - i);
        let mut p = 0;
        while p * wide < n {
            let cols = wide.min(n - p * wide);
            let vectors = cols.div_ceil(kern.lanes);
            let last = cols - (vectors - 1) * kern.lanes;
            let t = Tile {
                k,
                a: a.0.wrapping_add(i * a.1),
                a_rs: a.1 as isize,
                a_ks: a.2 as isize,
                b: b.ptr.wrapping_add(p * b.panel),
                b_ks: b.ks as isize,
                b_last: last,
                c_last: last,
                c: c.wrapping_add(i * c_rs + p * wide),
                c_rs: c_rs as isize,
                alpha: T::ONE,
                beta: if add { T::ONE } else { T::default() },
                row_bias: null,
                col_bias: null,
                relu: false,
            };
            // SAFETY: the caller's; the kernels are those of this machine.
            unsafe { (kern.strided[rows - 1][vectors - 1])(&t) };
            p += 1;
        }
        i += rows;
    }
}

/// Cuts a block of memory into pieces, each at the start of a cache line.
struct Carve {
    at: *mut u8,
}

impl Carve {
    fn bytes<T>(n: usize) -> usize {
        (n * size_of::<T>()).next_multiple_of(64)
    }

    fn take<T>(&mut self, n: usize) -> *mut T {
        let p = self.at;
        self.at = p.wrapping_add(Self::bytes::<T>(n));
        p.cast()
    }
}

/// Calls a kernel for the element type of the query.
macro_rules! by_query {
    ($d:expr, $f:ident ( $($a:expr),* )) => {
        match $d {
            DType::F32 | DType::F16 | DType::BF16 => $f::<f32>($($a),*),
            DType::F64 => $f::<f64>($($a),*),
            d => Err(err!(NotImplemented, "\"scaled_dot_product_attention\" not implemented for '{}'", d.c10_name())),
        }
    };
}
use by_query;
