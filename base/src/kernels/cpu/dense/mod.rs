//! Dense linear algebra: matrices in column-major memory of their own, the arithmetic of their four element types, and the
//! way in and out of tensors. Factorizations stand beside by name. They are LAPACK's in their conventions (pivots, signs,
//! what a zero pivot leaves), and leave the bulk of the work to `gemm`.

pub mod cholesky;
pub mod ldl;
pub mod lu;
pub mod qr;
#[cfg(feature = "linalg")]
pub mod spectral;
#[cfg(not(feature = "linalg"))]
#[path = "spectral_without.rs"]
pub mod spectral;
pub mod triangle;

#[cfg(test)]
mod tests;

use crate::device::cpu::pool;
use crate::dtype::{C32, C64, Complex, DType, Element};
use crate::error::{Error, Result};
use crate::kernels::cpu::gemm::{Gemm, Matrix, gemm};
use parking_lot::Mutex;
use std::ops::{Add, Div, Mul, Neg, Range, Sub};

/// An element of a matrix. `Real` results are f64 throughout: they are pivots and norms, few for each matrix.
pub trait Field:
    Element
    + PartialEq
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// Has it an imaginary part?
    const COMPLEX: bool;
    /// From a real number.
    fn real(x: f64) -> Self;
    /// The real part.
    fn re(self) -> f64;
    /// The imaginary part.
    fn im(self) -> f64;
    /// The conjugate.
    fn conj(self) -> Self;
    /// Times a real number, rounded to the type first.
    fn scale(self, s: f64) -> Self;
    /// |re| + |im|: what LAPACK compares pivots by.
    fn size(self) -> f64 {
        self.re().abs() + self.im().abs()
    }
    /// |x|^2
    fn square(self) -> f64 {
        self.re() * self.re() + self.im() * self.im()
    }
    /// Neither infinite nor NaN.
    fn finite(self) -> bool {
        self.re().is_finite() && self.im().is_finite()
    }
}

macro_rules! fields {
    ($($t:ty),*) => {$(
        impl Field for $t {
            const COMPLEX: bool = false;
            fn real(x: f64) -> $t { x as $t }
            fn re(self) -> f64 { self as f64 }
            fn im(self) -> f64 { 0.0 }
            fn conj(self) -> $t { self }
            fn scale(self, s: f64) -> $t { self * s as $t }
        }
        impl Field for Complex<$t> {
            const COMPLEX: bool = true;
            fn real(x: f64) -> Self { Complex { re: x as $t, im: 0.0 } }
            fn re(self) -> f64 { self.re as f64 }
            fn im(self) -> f64 { self.im as f64 }
            fn conj(self) -> Self { Complex { re: self.re, im: -self.im } }
            fn scale(self, s: f64) -> Self { Complex { re: self.re * s as $t, im: self.im * s as $t } }
        }
        impl Add for Complex<$t> {
            type Output = Self;
            fn add(self, o: Self) -> Self { Complex { re: self.re + o.re, im: self.im + o.im } }
        }
        impl Sub for Complex<$t> {
            type Output = Self;
            fn sub(self, o: Self) -> Self { Complex { re: self.re - o.re, im: self.im - o.im } }
        }
        impl Neg for Complex<$t> {
            type Output = Self;
            fn neg(self) -> Self { Complex { re: -self.re, im: -self.im } }
        }
        impl Mul for Complex<$t> {
            type Output = Self;
            fn mul(self, o: Self) -> Self {
                Complex { re: self.re * o.re - self.im * o.im, im: self.re * o.im + self.im * o.re }
            }
        }
        impl Div for Complex<$t> {
            type Output = Self;
            /// Smith's way: no square that could overflow.
            fn div(self, o: Self) -> Self {
                if o.re.abs() >= o.im.abs() {
                    let r = o.im / o.re;
                    let d = o.re + o.im * r;
                    Complex { re: (self.re + self.im * r) / d, im: (self.im - self.re * r) / d }
                } else {
                    let r = o.re / o.im;
                    let d = o.re * r + o.im;
                    Complex { re: (self.re * r + self.im) / d, im: (self.im * r - self.re) / d }
                }
            }
        }
    )*};
}
fields!(f32, f64);

/// Runs `$body` with `$T` bound to the element type; `None` for a dtype that is no field.
#[macro_export]
macro_rules! field {
    ($d:expr, $T:ident => $body:expr) => {
        match $d {
            $crate::dtype::DType::F32 => {
                type $T = f32;
                Some($body)
            }
            $crate::dtype::DType::F64 => {
                type $T = f64;
                Some($body)
            }
            $crate::dtype::DType::C64 => {
                type $T = $crate::dtype::C32;
                Some($body)
            }
            $crate::dtype::DType::C128 => {
                type $T = $crate::dtype::C64;
                Some($body)
            }
            _ => None,
        }
    };
}

const _: () = assert!(size_of::<C32>() == 8 && size_of::<C64>() == 16);

/// A matrix of our own, by columns.
#[derive(Clone, Debug)]
pub struct Mat<T> {
    /// Element (i, j) is `data[j * rows + i]`.
    pub data: Vec<T>,
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
}

impl<T: Field> Mat<T> {
    /// All zero.
    pub fn zeros(rows: usize, cols: usize) -> Result<Mat<T>> {
        let mut data = Vec::new();
        match rows.checked_mul(cols) {
            Some(n) if data.try_reserve_exact(n).is_ok() => data.resize(n, T::default()),
            _ => bail!(OutOfMemory, "linalg: no memory for a work matrix of {rows} by {cols} elements"),
        }
        Ok(Mat { data, rows, cols })
    }

    /// The unit matrix.
    pub fn eye(rows: usize, cols: usize) -> Result<Mat<T>> {
        let mut m = Mat::zeros(rows, cols)?;
        for i in 0..rows.min(cols) {
            m.set(i, i, T::real(1.0));
        }
        Ok(m)
    }

    /// Element (i, j).
    #[inline]
    pub fn at(&self, i: usize, j: usize) -> T {
        self.data[j * self.rows + i]
    }

    /// Writes element (i, j).
    #[inline]
    pub fn set(&mut self, i: usize, j: usize, v: T) {
        self.data[j * self.rows + i] = v;
    }

    /// Column `j`.
    #[inline]
    pub fn col(&self, j: usize) -> &[T] {
        &self.data[j * self.rows..(j + 1) * self.rows]
    }

    /// Column `j`, to be written.
    #[inline]
    pub fn col_mut(&mut self, j: usize) -> &mut [T] {
        &mut self.data[j * self.rows..(j + 1) * self.rows]
    }

    /// Columns `i` < `j`, the second to be written.
    #[inline]
    pub fn two(&mut self, i: usize, j: usize) -> (&[T], &mut [T]) {
        let n = self.rows;
        let (a, b) = self.data.split_at_mut(j * n);
        (&a[i * n..(i + 1) * n], &mut b[..n])
    }

    /// Exchanges rows `a` and `b` in columns `cols`.
    pub fn swap_rows(&mut self, a: usize, b: usize, cols: Range<usize>) {
        if a != b {
            for j in cols {
                self.data.swap(j * self.rows + a, j * self.rows + b);
            }
        }
    }

    /// The conjugate transpose.
    pub fn adjoint(&self) -> Result<Mat<T>> {
        let mut t = Mat::zeros(self.cols, self.rows)?;
        for j in 0..self.cols {
            for i in 0..self.rows {
                t.data[i * self.cols + j] = self.at(i, j).conj();
            }
        }
        Ok(t)
    }

    /// Is every element finite?
    pub fn finite(&self) -> bool {
        self.data.iter().all(|x| x.finite())
    }

    fn block(&self, rows: &Range<usize>, cols: &Range<usize>) -> Matrix<'static> {
        debug_assert!(rows.end <= self.rows && cols.end <= self.cols);
        let p = self.data.as_ptr().wrapping_add(cols.start * self.rows + rows.start);
        Matrix::new(p.cast_mut().cast(), 1, self.rows as i64)
    }
}

/// `y += s * x`
#[inline]
pub fn axpy<T: Field>(y: &mut [T], s: T, x: &[T]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = *y + s * *x;
    }
}

/// The sum of `conj(x) * y`.
#[inline]
pub fn dot<T: Field>(x: &[T], y: &[T]) -> T {
    // Four running sums: the compiler may keep them apart, and the order is fixed.
    let mut s = [T::default(); 4];
    let (a, b) = (x.chunks_exact(4), y.chunks_exact(4));
    let (ra, rb) = (a.remainder(), b.remainder());
    for (a, b) in a.zip(b) {
        for k in 0..4 {
            s[k] = s[k] + a[k].conj() * b[k];
        }
    }
    let mut t = (s[0] + s[1]) + (s[2] + s[3]);
    for (a, b) in ra.iter().zip(rb) {
        t = t + a.conj() * *b;
    }
    t
}

/// A block of a matrix.
pub struct Block<'a, T> {
    /// Of which matrix.
    pub of: &'a Mat<T>,
    /// Its rows.
    pub rows: Range<usize>,
    /// Its columns.
    pub cols: Range<usize>,
}

/// `c[rows, cols] = beta * c[rows, cols] + alpha * a @ b`
pub fn multiply<T: Field>(
    c: &mut Mat<T>,
    rows: Range<usize>,
    cols: Range<usize>,
    alpha: f64,
    a: &Block<T>,
    b: &Block<T>,
    beta: f64,
) -> Result<()> {
    debug_assert!(a.rows.len() == rows.len() && b.cols.len() == cols.len() && a.cols.len() == b.rows.len());
    if rows.is_empty() || cols.is_empty() || (a.cols.is_empty() && beta == 1.0) {
        return Ok(());
    }
    let g = Gemm {
        alpha,
        beta,
        ..Gemm::new(
            T::DTYPE,
            rows.len(),
            cols.len(),
            a.cols.len(),
            a.of.block(&a.rows, &a.cols),
            b.of.block(&b.rows, &b.cols),
            Matrix::new(c.data.as_mut_ptr().wrapping_add(cols.start * c.rows + rows.start).cast(), 1, c.rows as i64),
        )
    };
    // SAFETY: the blocks lie inside their matrices, and `c` is borrowed apart from `a` and `b`.
    unsafe { gemm(&g) }
}

/// `m[rows, cols] -= m[rows, inner] @ m[inner, cols]`, where the three blocks share no element.
pub fn subtract_product<T: Field>(
    m: &mut Mat<T>,
    rows: Range<usize>,
    cols: Range<usize>,
    left_cols: Range<usize>,
    right_rows: Range<usize>,
) -> Result<()> {
    if rows.is_empty() || cols.is_empty() || left_cols.is_empty() {
        return Ok(());
    }
    let (base, n) = (m.data.as_mut_ptr(), m.rows);
    let part =
        |r: &Range<usize>, c: &Range<usize>| Matrix::new(base.wrapping_add(c.start * n + r.start).cast(), 1, n as i64);
    let g = Gemm {
        alpha: -1.0,
        beta: 1.0,
        ..Gemm::new(
            T::DTYPE,
            rows.len(),
            cols.len(),
            left_cols.len(),
            part(&rows, &left_cols),
            part(&right_rows, &cols),
            part(&rows, &cols),
        )
    };
    // SAFETY: all blocks lie inside `m`, which is borrowed mutably; the caller names three that share nothing.
    unsafe { gemm(&g) }
}

/// The matrices of a tensor: an address, sizes and strides in elements of the last two dimensions and of those before.
#[derive(Clone, Copy, Debug)]
pub struct Stack<'a> {
    /// Address of the first element.
    pub ptr: *mut u8,
    /// Sizes of the dimensions before the matrix.
    pub lead: &'a [i64],
    /// Their strides.
    pub strides: &'a [i64],
    /// Rows of a matrix.
    pub rows: usize,
    /// Columns of a matrix.
    pub cols: usize,
    /// Distance of rows.
    pub row_stride: i64,
    /// Distance of columns.
    pub col_stride: i64,
}

// SAFETY: an address and numbers; each matrix is written by one block of the pool.
unsafe impl Sync for Stack<'_> {}
// SAFETY: as above.
unsafe impl Send for Stack<'_> {}

impl Stack<'_> {
    /// How many matrices.
    pub fn count(&self) -> usize {
        self.lead.iter().map(|&s| s as usize).product()
    }

    fn base<T>(&self, mut b: usize) -> *mut T {
        let mut offset = 0;
        for (s, t) in self.lead.iter().zip(self.strides).rev() {
            offset += (b % *s as usize) as i64 * t;
            b /= *s as usize;
        }
        self.ptr.cast::<T>().wrapping_offset(offset as isize)
    }

    /// A copy of matrix `b`.
    ///
    /// # Safety
    /// The stack lies in memory of element type `T` that lives.
    pub unsafe fn load<T: Field>(&self, b: usize) -> Result<Mat<T>> {
        let mut m = Mat::zeros(self.rows, self.cols)?;
        let p = self.base::<T>(b);
        for j in 0..self.cols {
            for i in 0..self.rows {
                let at = i as i64 * self.row_stride + j as i64 * self.col_stride;
                // SAFETY: (i, j) is inside the matrix.
                m.data[j * self.rows + i] = unsafe { *p.wrapping_offset(at as isize) };
            }
        }
        Ok(m)
    }

    /// Writes matrix `b` from columns that are `ld` elements apart.
    ///
    /// # Safety
    /// As for `load`; nobody else writes this matrix.
    pub unsafe fn store<T: Element>(&self, b: usize, data: &[T], ld: usize) {
        let p = self.base::<T>(b);
        for j in 0..self.cols {
            for i in 0..self.rows {
                let at = i as i64 * self.row_stride + j as i64 * self.col_stride;
                // SAFETY: (i, j) is inside the matrix; the slice is checked.
                unsafe { *p.wrapping_offset(at as isize) = data[j * ld + i] };
            }
        }
    }

    /// Row `b` of a stack of vectors (one column), as they are.
    ///
    /// # Safety
    /// As for `load`.
    pub unsafe fn vector<T: Element>(&self, b: usize) -> Vec<T> {
        let p = self.base::<T>(b);
        // SAFETY: row i is inside.
        (0..self.rows).map(|i| unsafe { *p.wrapping_offset((i as i64 * self.row_stride) as isize) }).collect()
    }
}

/// What a build without the feature `linalg` answers.
#[cfg(not(feature = "linalg"))]
#[cold]
pub fn without() -> Error {
    err!(
        NotImplemented,
        "this build of rtorch has no Fourier transforms and no singular or eigenvalues: it was made without the feature linalg"
    )
}

/// Runs `f` for each of `n` matrices of about `work` steps, on several threads where that is worth it. The first error counts.
pub fn each(n: usize, work: usize, f: &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<()> {
    // Blocks of at least 20,000 steps. They do not depend on the number of threads.
    let per = (20_000 / work.max(1)).max(1);
    let blocks = n.div_ceil(per);
    if blocks <= 1 {
        return (0..n).try_for_each(f);
    }
    let failed: Mutex<Option<(usize, Error)>> = Mutex::new(None);
    pool::parallel(blocks, &|b| {
        if let Err(e) = (b * per..((b + 1) * per).min(n)).try_for_each(f) {
            let mut failed = failed.lock();
            if failed.as_ref().is_none_or(|(at, _)| b < *at) {
                *failed = Some((b, e));
            }
        }
    });
    failed.into_inner().map_or(Ok(()), |(_, e)| Err(e))
}

/// Is this an element type of matrices?
pub fn is_field(d: DType) -> bool {
    matches!(d, DType::F32 | DType::F64 | DType::C64 | DType::C128)
}
