//! Singular values and eigenvalues, by the crate faer on one thread: its bits do not depend on a thread count.

use super::{Field, Mat};
use crate::dtype::{C32, C64, Complex};
use crate::error::Result;
use faer::diag::DiagMut;
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::evd::{self, ComputeEigenvectors};
use faer::linalg::svd::{self, ComputeSvdVectors};
use faer::traits::ComplexField;
use faer::{MatMut, MatRef, Par, Spec};

/// An element type as faer has it.
pub trait Spectral: Field {
    /// The same bytes, faer's type.
    type F: ComplexField;
    /// The complex element type.
    type C: Field;
    /// Eigenvalues and, as columns of length 1, eigenvectors of a general matrix. `None`: the iteration did not converge.
    fn eigen(a: &Mat<Self>, vectors: bool) -> Result<Option<(Vec<Self::C>, Option<Mat<Self::C>>)>>;
}

/// What faer sees of `m`.
fn view<T: Spectral>(m: &Mat<T>) -> MatRef<'_, T::F> {
    const { assert!(size_of::<T>() == size_of::<T::F>() && align_of::<T>() >= align_of::<T::F>()) };
    // SAFETY: `data` holds rows * cols elements; both types are one float, or a real and an imaginary part (`repr(C)`).
    unsafe { MatRef::from_raw_parts(m.data.as_ptr().cast(), m.rows, m.cols, 1, m.rows as isize) }
}

fn view_mut<T: Spectral>(m: &mut Mat<T>) -> MatMut<'_, T::F> {
    const { assert!(size_of::<T>() == size_of::<T::F>() && align_of::<T>() >= align_of::<T::F>()) };
    // SAFETY: as in `view`, and `m` is borrowed mutably.
    unsafe { MatMut::from_raw_parts_mut(m.data.as_mut_ptr().cast(), m.rows, m.cols, 1, m.rows as isize) }
}

fn diagonal<T: Spectral>(v: &mut [T]) -> DiagMut<'_, T::F> {
    // SAFETY: as in `view_mut`.
    unsafe { DiagMut::from_raw_parts_mut(v.as_mut_ptr().cast(), v.len(), 1) }
}

fn room(r: StackReq) -> Result<MemBuffer> {
    MemBuffer::try_new(r).map_err(|_| err!(OutOfMemory, "linalg: no memory for {} bytes of work space", r.size_bytes()))
}

/// U, the singular values from the largest, and V^H.
pub struct Svd<T> {
    /// Left singular vectors as columns.
    pub u: Option<Mat<T>>,
    /// Singular values.
    pub s: Vec<T>,
    /// Right singular vectors as conjugated rows.
    pub vh: Option<Mat<T>>,
}

/// Singular values, and vectors if asked for: all of them (`full`) or as many as there are values. `None`: the iteration did
/// not converge.
pub fn svd<T: Spectral>(a: &Mat<T>, vectors: bool, full: bool) -> Result<Option<Svd<T>>> {
    let (m, n) = (a.rows, a.cols);
    let k = m.min(n);
    let mut s = vec![T::default(); k];
    let (mut u, mut v) = if vectors {
        let (x, y) = if full { (m, n) } else { (k, k) };
        (Some(Mat::eye(m, x)?), Some(Mat::eye(n, y)?))
    } else {
        (None, None)
    };
    if k > 0 {
        let which = match (vectors, full) {
            (false, _) => ComputeSvdVectors::No,
            (true, false) => ComputeSvdVectors::Thin,
            (true, true) => ComputeSvdVectors::Full,
        };
        let params: Spec<svd::SvdParams, T::F> = Spec::default();
        let mut room = room(svd::svd_scratch::<T::F>(m, n, which, which, Par::Seq, params))?;
        let (u, v) = (u.as_mut().map(view_mut), v.as_mut().map(view_mut));
        if svd::svd(view(a), diagonal(&mut s), u, v, Par::Seq, MemStack::new(&mut room), params).is_err() {
            return Ok(None);
        }
    }
    let vh = v.map(|v| v.adjoint()).transpose()?;
    Ok(Some(Svd { u, s, vh }))
}

/// Eigenvalues from the smallest and eigenvectors of a Hermitian matrix, read from its lower triangle. `None`: the iteration
/// did not converge.
pub fn hermitian<T: Spectral>(a: &Mat<T>, vectors: bool) -> Result<Option<(Vec<T>, Option<Mat<T>>)>> {
    let n = a.rows;
    let mut s = vec![T::default(); n];
    let mut u = if vectors { Some(Mat::zeros(n, n)?) } else { None };
    if n > 0 {
        let which = if vectors { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
        let params: Spec<evd::SelfAdjointEvdParams, T::F> = Spec::default();
        let mut room = room(evd::self_adjoint_evd_scratch::<T::F>(n, which, Par::Seq, params))?;
        let out = u.as_mut().map(view_mut);
        let end = evd::self_adjoint_evd(view(a), diagonal(&mut s), out, Par::Seq, MemStack::new(&mut room), params);
        if end.is_err() {
            return Ok(None);
        }
    }
    Ok(Some((s, u)))
}

/// Columns of length 1 whose largest element is real, as LAPACK gives them.
fn normalize<T: Field>(v: &mut Mat<T>) {
    for j in 0..v.cols {
        let col = v.col_mut(j);
        let norm = col.iter().map(|x| x.square()).sum::<f64>().sqrt();
        if norm == 0.0 || !norm.is_finite() {
            continue;
        }
        let mut top = T::default();
        for x in col.iter() {
            if x.square() > top.square() {
                top = *x;
            }
        }
        // A real vector keeps its sign.
        let turn =
            if col.iter().all(|x| x.im() == 0.0) { T::real(1.0) } else { top.conj().scale(1.0 / top.square().sqrt()) };
        for x in col {
            *x = (*x * turn).scale(1.0 / norm);
        }
    }
}

macro_rules! spectral {
    ($($real:ty, $complex:ty, $faer:ty);*) => {$(
        impl Spectral for $real {
            type F = $real;
            type C = $complex;
            fn eigen(a: &Mat<Self>, vectors: bool) -> Result<Option<(Vec<Self::C>, Option<Mat<Self::C>>)>> {
                let n = a.rows;
                let (mut re, mut im) = (vec![0.0; n], vec![0.0; n]);
                let mut v = if vectors { Some(Mat::<$real>::zeros(n, n)?) } else { None };
                if n > 0 {
                    let which = if vectors { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
                    let params: Spec<evd::EvdParams, $real> = Spec::default();
                    let mut room = room(evd::evd_scratch::<$real>(n, ComputeEigenvectors::No, which, Par::Seq, params))?;
                    let out = v.as_mut().map(view_mut);
                    let stack = MemStack::new(&mut room);
                    let end = evd::evd_real(view(a), diagonal(&mut re), diagonal(&mut im), None, out, Par::Seq, stack, params);
                    if end.is_err() {
                        return Ok(None);
                    }
                }
                let values = re.iter().zip(&im).map(|(&re, &im)| Complex { re, im }).collect();
                let Some(v) = v else { return Ok(Some((values, None))) };
                // A pair of conjugated values has its vector's real part in one column, the imaginary part in the next.
                let mut c = Mat::zeros(n, n)?;
                let mut j = 0;
                while j < n {
                    let two = im[j] != 0.0 && j + 1 < n;
                    for i in 0..n {
                        let (x, y) = (v.at(i, j), if two { v.at(i, j + 1) } else { 0.0 });
                        c.set(i, j, Complex { re: x, im: y });
                        if two {
                            c.set(i, j + 1, Complex { re: x, im: -y });
                        }
                    }
                    j += if two { 2 } else { 1 };
                }
                normalize(&mut c);
                Ok(Some((values, Some(c))))
            }
        }

        impl Spectral for $complex {
            type F = $faer;
            type C = $complex;
            fn eigen(a: &Mat<Self>, vectors: bool) -> Result<Option<(Vec<Self>, Option<Mat<Self>>)>> {
                let n = a.rows;
                let mut s = vec![Self::default(); n];
                let mut v = if vectors { Some(Mat::zeros(n, n)?) } else { None };
                if n > 0 {
                    let which = if vectors { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
                    let params: Spec<evd::EvdParams, $faer> = Spec::default();
                    let mut room = room(evd::evd_scratch::<$faer>(n, ComputeEigenvectors::No, which, Par::Seq, params))?;
                    let out = v.as_mut().map(view_mut);
                    let stack = MemStack::new(&mut room);
                    if evd::evd_cplx(view(a), diagonal(&mut s), None, out, Par::Seq, stack, params).is_err() {
                        return Ok(None);
                    }
                }
                if let Some(v) = &mut v {
                    normalize(v);
                }
                Ok(Some((s, v)))
            }
        }
    )*};
}
spectral!(f32, C32, faer::c32; f64, C64, faer::c64);
