//! Storages: bytes that tensors share, over memory of others too (mapped files, shared memory).

use crate::error::IntoPy;
use crate::object::{tensor_of, wrap};
use crate::types::{PyDType, device_of};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use rtorch::memory::Storage;
use rtorch::memory::storage::Owner;
use rtorch::shape::Layout;
use rtorch::{Device, Tensor};
use std::any::Any;

/// `torch.UntypedStorage`: bytes that tensors share.
#[pyclass(name = "UntypedStorage", module = "torch.storage", frozen, weakref, subclass)]
pub struct PyStorage(pub Storage);

#[pymethods]
impl PyStorage {
    #[new]
    #[pyo3(signature = (size=0, *, device=None))]
    fn new(size: usize, device: Option<&Bound<'_, PyAny>>) -> PyResult<PyStorage> {
        let d = match device.filter(|d| !d.is_none()) {
            Some(d) => device_of(d)?.unwrap_or(Device::Cpu),
            None => Device::Cpu,
        };
        Ok(PyStorage(Storage::zeroed(size, d).py()?))
    }
    fn nbytes(&self) -> usize {
        self.0.nbytes()
    }
    fn size(&self) -> usize {
        self.0.nbytes()
    }
    fn __len__(&self) -> usize {
        self.0.nbytes()
    }
    fn data_ptr(&self) -> usize {
        self.0.ptr() as usize
    }
    #[getter]
    fn _cdata(&self) -> usize {
        self.0.id()
    }
    #[getter]
    fn device(&self) -> crate::types::PyDevice {
        crate::types::PyDevice { device: self.0.device(), indexed: false }
    }
    fn resize_(&self, size: usize) -> PyResult<()> {
        self.0.resize(size).py()
    }
    fn __getitem__(&self, i: isize) -> PyResult<u8> {
        let n = self.0.nbytes() as isize;
        let at = if i < 0 { i + n } else { i };
        if at < 0 || at >= n || self.0.device() != Device::Cpu {
            return Err(pyo3::exceptions::PyIndexError::new_err(format!(
                "index {i} out of range for storage of size {n}"
            )));
        }
        // SAFETY: the index lies inside.
        Ok(unsafe { *self.0.ptr().offset(at) })
    }
    fn __eq__(&self, o: &Bound<'_, PyAny>) -> bool {
        o.cast::<PyStorage>().is_ok_and(|s| s.get().0.same(&self.0))
    }
    fn __hash__(&self) -> usize {
        self.0.id()
    }
    fn tolist(&self) -> Vec<u8> {
        if self.0.device() != Device::Cpu {
            return Vec::new();
        }
        // SAFETY: the storage has these bytes; they are copied at once.
        unsafe { std::slice::from_raw_parts(self.0.ptr(), self.0.nbytes()) }.to_vec()
    }
    fn clone(&self) -> PyResult<PyStorage> {
        let new = Storage::alloc(self.0.nbytes(), self.0.device()).py()?;
        if self.0.device() == Device::Cpu {
            // SAFETY: both have these bytes, and the new ones are nobody else's.
            unsafe { std::ptr::copy_nonoverlapping(self.0.ptr(), new.ptr(), self.0.nbytes()) };
        }
        Ok(PyStorage(new))
    }
}

/// A storage with a copy of these bytes.
#[pyfunction]
pub fn _storage_from_bytes(data: &Bound<'_, PyAny>) -> PyResult<PyStorage> {
    let view = pyo3::buffer::PyUntypedBuffer::get(data)?;
    if !view.is_c_contiguous() {
        return Err(PyValueError::new_err("the bytes must be contiguous"));
    }
    let s = Storage::alloc(view.len_bytes(), Device::Cpu).py()?;
    // SAFETY: the buffer has these bytes while the view lives; the storage is new.
    unsafe { std::ptr::copy_nonoverlapping(view.buf_ptr() as *const u8, s.ptr(), view.len_bytes()) };
    Ok(PyStorage(s))
}

/// A storage on the memory of an object with the buffer protocol (a mapped file), which it keeps alive.
#[pyfunction]
pub fn _storage_over(data: &Bound<'_, PyAny>, offset: usize, nbytes: usize) -> PyResult<PyStorage> {
    let view = pyo3::buffer::PyUntypedBuffer::get(data)?;
    if !view.is_c_contiguous() || offset.checked_add(nbytes).is_none_or(|e| e > view.len_bytes()) {
        return Err(PyValueError::new_err(format!(
            "{nbytes} bytes from {offset} on do not lie inside a buffer of {} bytes",
            view.len_bytes()
        )));
    }
    let p = (view.buf_ptr() as *mut u8).wrapping_add(offset);
    let owner = Box::new(Segment { _view: std::sync::Mutex::new(view), object: data.clone().unbind() });
    // SAFETY: the buffer protocol keeps the memory in place while the view lives.
    Ok(PyStorage(unsafe { Storage::foreign(p, nbytes, owner) }))
}

/// An object with the buffer protocol that owns a storage's memory.
struct Segment {
    _view: std::sync::Mutex<pyo3::buffer::PyUntypedBuffer>,
    object: Py<PyAny>,
}

impl Owner for Segment {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Moves a storage to the memory of an object with the buffer protocol (shared memory), which it keeps alive.
#[pyfunction]
pub fn _storage_move(s: &Bound<'_, PyStorage>, to: &Bound<'_, PyAny>) -> PyResult<()> {
    let view = pyo3::buffer::PyUntypedBuffer::get(to)?;
    if !view.is_c_contiguous() || view.readonly() {
        return Err(PyValueError::new_err("the memory must be contiguous and writable"));
    }
    let (p, n) = (view.buf_ptr() as *mut u8, view.len_bytes());
    let owner = Box::new(Segment { _view: std::sync::Mutex::new(view), object: to.clone().unbind() });
    // SAFETY: the buffer protocol keeps the memory in place while the view lives.
    unsafe { s.get().0.move_to(p, n, owner) }.py()
}

/// The object that a storage was made over or moved to; None for memory of the allocator.
#[pyfunction]
pub fn _storage_owner(py: Python<'_>, s: &Bound<'_, PyStorage>) -> Option<Py<PyAny>> {
    let held = s.get().0.owner()?.as_any().downcast_ref::<Segment>()?;
    Some(held.object.clone_ref(py))
}

/// A memoryview of a storage's bytes. It keeps the storage alive.
#[pyfunction]
pub fn _storage_to_bytes<'py>(py: Python<'py>, s: &Bound<'py, PyStorage>) -> PyResult<Bound<'py, PyAny>> {
    let bytes = StorageBytes(s.get().0.clone());
    let o = Bound::new(py, bytes)?;
    // SAFETY: the object has the buffer protocol.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyMemoryView_FromObject(o.as_ptr())) }
}

/// The bytes of a storage with the buffer protocol.
#[pyclass(frozen)]
struct StorageBytes(Storage);

#[pymethods]
impl StorageBytes {
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: std::ffi::c_int) -> PyResult<()> {
        let s = &slf.get().0;
        // SAFETY: CPython gives a view to fill; the memory lives as long as the object, which the view then holds.
        let r = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), s.ptr().cast(), s.nbytes() as isize, 0, flags) };
        if r != 0 { Err(PyErr::fetch(slf.py())) } else { Ok(()) }
    }
}

/// A tensor over a storage, checked to lie inside.
#[pyfunction]
pub fn _tensor_from_storage(
    py: Python<'_>,
    storage: &Bound<'_, PyStorage>,
    dtype: &Bound<'_, PyDType>,
    offset: i64,
    size: Vec<i64>,
    stride: Vec<i64>,
) -> PyResult<Py<PyAny>> {
    let d = dtype.get().0;
    let s = storage.get().0.clone();
    rtorch::shape::numel(&size).py()?;
    if size.len() != stride.len() || offset < 0 || stride.iter().any(|x| *x < 0) {
        return Err(PyRuntimeError::new_err("sizes, strides and offset do not make a tensor"));
    }
    let layout = Layout { sizes: size.as_slice().into(), strides: stride.as_slice().into(), offset };
    let need = (layout.end() as usize).checked_mul(d.size());
    if layout.numel() > 0 && need.is_none_or(|n| n > s.nbytes()) {
        return Err(PyRuntimeError::new_err(format!(
            "setStorage: sizes {}, strides {}, storage offset {offset}, and itemsize {} are out of bounds for storage of size {}",
            rtorch::shape::show(&size),
            rtorch::shape::show(&stride),
            d.size(),
            s.nbytes()
        )));
    }
    wrap(py, Tensor::from_parts(s, layout, d))
}

/// The storage of a tensor.
#[pyfunction]
pub fn _storage_of(t: &Bound<'_, PyAny>) -> PyResult<PyStorage> {
    match tensor_of(t) {
        Some(t) if t.is_sparse() => {
            Err(pyo3::exceptions::PyNotImplementedError::new_err("Cannot access storage of SparseTensorImpl"))
        }
        Some(t) => Ok(PyStorage(t.storage())),
        None => Err(PyTypeError::new_err("expected a Tensor")),
    }
}

/// Numbers of a sparse tensor: (coalesced, sparse dimensions, dense dimensions, columns); None if it is strided.
#[pyfunction]
pub fn _sparse_facts(t: &Bound<'_, PyAny>) -> PyResult<Option<(bool, usize, usize, i64)>> {
    let Some(t) = tensor_of(t) else { return Err(PyTypeError::new_err("expected a Tensor")) };
    Ok(t.coo().map(|c| (c.is_coalesced(), c.sparse_dim(), t.ndim() - c.sparse_dim(), c.nnz())))
}

/// Says of a sparse tensor whether it is coalesced.
#[pyfunction]
pub fn _set_coalesced(t: &Bound<'_, PyAny>, coalesced: bool) {
    if let Some(c) = tensor_of(t).and_then(|t| t.coo()) {
        c.coalesced.store(coalesced, std::sync::atomic::Ordering::Relaxed);
    }
}

/// `t.set_(...)`: another storage for everybody who holds `t`.
#[pyfunction]
pub fn _set_tensor(t: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) -> PyResult<()> {
    let (Some(a), Some(b)) = (tensor_of(t), tensor_of(other)) else {
        return Err(PyTypeError::new_err("expected Tensors"));
    };
    let b = b.body().clone();
    a.replace(b.storage, b.layout, b.dtype);
    a.bump();
    Ok(())
}

/// `t.resize_(sizes)`.
#[pyfunction]
pub fn _resize(t: &Bound<'_, PyAny>, sizes: Vec<i64>) -> PyResult<()> {
    let Some(t) = tensor_of(t) else { return Err(PyTypeError::new_err("expected a Tensor")) };
    if t.requires_grad() {
        return Err(PyRuntimeError::new_err("cannot resize variables that require grad"));
    }
    t.needs_strides("Could not run 'aten::resize_' with arguments from the 'SparseCPU' backend.").py()?;
    rtorch::op::target::resize(t, &sizes).py()
}

// ---- text ----

/// Adds all this to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyStorage>()?;
    for f in [
        wrap_pyfunction!(_storage_from_bytes, m)?,
        wrap_pyfunction!(_storage_over, m)?,
        wrap_pyfunction!(_storage_move, m)?,
        wrap_pyfunction!(_storage_owner, m)?,
        wrap_pyfunction!(_storage_to_bytes, m)?,
        wrap_pyfunction!(_tensor_from_storage, m)?,
        wrap_pyfunction!(_sparse_facts, m)?,
        wrap_pyfunction!(_set_coalesced, m)?,
        wrap_pyfunction!(_storage_of, m)?,
        wrap_pyfunction!(_set_tensor, m)?,
        wrap_pyfunction!(_resize, m)?,
    ] {
        m.add_function(f)?;
    }
    Ok(())
}
