//! The Python class `Tensor` is the Rust class itself. One Python object per tensor while anything Python can see holds it:
//! the handle keeps a borrowed pointer to its object, cleared when the object dies; slots that give tensors back (`.grad`,
//! leaves in graphs) hold the object strongly once Python has seen it.

use crate::error::IntoPy;
use pyo3::PyTypeInfo;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};
use rtorch::Tensor;
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// `torch.Tensor`.
#[pyclass(name = "Tensor", module = "torch", subclass, frozen, dict, weakref)]
pub struct PyTensor {
    /// The tensor.
    pub t: Tensor,
    /// This object's own address once it is registered with the handle.
    me: AtomicPtr<()>,
}

thread_local! {
    /// The tensor that the next `__new__` wraps (for subclasses; `#[new]` has no other way to be told).
    pub(crate) static PENDING: Cell<Option<Tensor>> = const { Cell::new(None) };
}

impl Drop for PyTensor {
    fn drop(&mut self) {
        let me = *self.me.get_mut();
        if !me.is_null() {
            // Only if the handle still points here: a weak reference's callback may have made a fresh object.
            _ = self.t.host().compare_exchange(me, ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

impl PyTensor {
    pub(crate) fn new_unregistered(t: Tensor) -> PyTensor {
        PyTensor { t, me: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Makes this object the tensor's one object, if there is none yet.
    #[inline]
    fn register(&self, object: *mut ffi::PyObject) {
        if self.me.load(Ordering::Relaxed).is_null()
            && self
                .t
                .host()
                .compare_exchange(ptr::null_mut(), object.cast(), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
        {
            self.me.store(object.cast(), Ordering::Relaxed);
        }
    }
}

/// Is this field of a Python object not written yet? `object.__new__` makes the object's `__dict__` (CPython 3.11), which
/// may start a collection that visits the object: allocated, tracked, and all zero.
pub fn unwritten<T>(field: &T) -> bool {
    const { assert!(size_of::<T>() == size_of::<usize>() && align_of::<T>() == align_of::<usize>()) };
    // SAFETY: one word that is there to be read; zero is no address of anything that an `Arc` holds.
    unsafe { std::ptr::from_ref(field).cast::<usize>().read_volatile() == 0 }
}

/// The tensor in a Python object. The reference lives as long as the object.
#[inline]
pub fn tensor_of<'a>(o: &'a Bound<'_, PyAny>) -> Option<&'a Tensor> {
    let t = o.cast::<PyTensor>().ok()?;
    let inner = t.get();
    inner.register(o.as_ptr());
    Some(&inner.t)
}

/// The Python object of a tensor: the one that exists, or a new one.
pub fn wrap(py: Python<'_>, t: Tensor) -> PyResult<Py<PyAny>> {
    let p = t.host().load(Ordering::Acquire).cast::<ffi::PyObject>();
    if !p.is_null() {
        // SAFETY: the pointer is cleared, under the GIL, when its object is deallocated; while an object dies its count
        // is 0 and it must not be handed out.
        unsafe {
            if ffi::Py_REFCNT(p) > 0 {
                return Ok(Bound::from_borrowed_ptr(py, p).unbind());
            }
            t.host().store(ptr::null_mut(), Ordering::Release);
        }
    }
    make(py, t)
}

/// Where PyO3 puts the `PyTensor` inside an object of the class itself, and that class; null until it is known.
static CLASS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(ptr::null_mut());
static OFFSET: AtomicUsize = AtomicUsize::new(0);

/// A new object of the class itself. PyO3's way costs 60 ns more: it calls `object.__new__`, which makes a `__dict__` on
/// CPython 3.11 and 3.12 (one that nobody looks at; without it, it is made at first use).
#[inline]
fn make(py: Python<'_>, t: Tensor) -> PyResult<Py<PyAny>> {
    let class = CLASS.load(Ordering::Relaxed);
    if class.is_null() {
        let o = Py::new(py, PyTensor::new_unregistered(t))?;
        o.bind(py).get().register(o.as_ptr());
        return Ok(o.into_any());
    }
    // SAFETY: `learn` has checked that an object is its header, a `PyTensor` at `OFFSET`, and two pointers (dict, weak
    // references) that may be null; `PyType_GenericAlloc` gives zeroed memory of that size. Nothing runs between the
    // allocation and the write.
    unsafe {
        let o = ffi::PyType_GenericAlloc(class, 0);
        if o.is_null() {
            return Err(PyErr::fetch(py));
        }
        t.host().store(o.cast(), Ordering::Release);
        o.byte_add(OFFSET.load(Ordering::Relaxed))
            .cast::<PyTensor>()
            .write(PyTensor { t, me: AtomicPtr::new(o.cast()) });
        Ok(Bound::from_owned_ptr(py, o).unbind())
    }
}

/// Looks at an object that PyO3 made, and at what the class says about its objects.
pub fn learn(py: Python<'_>) -> PyResult<()> {
    let t = Tensor::empty(&[0], rtorch::DType::F32, rtorch::Device::Cpu).py()?;
    let o = Bound::new(py, PyTensor::new_unregistered(t))?;
    let class = o.get_type();
    let offset = std::ptr::from_ref(o.get()) as usize - o.as_ptr() as usize;
    let end = offset + size_of::<PyTensor>();
    let number = |name: &str| class.getattr(name).and_then(|v| v.extract::<usize>());
    let word = size_of::<usize>();
    if number("__basicsize__")? == end + 2 * word
        && number("__dictoffset__")? == end
        && number("__weakrefoffset__")? == end + word
    {
        OFFSET.store(offset, Ordering::Relaxed);
        CLASS.store(class.as_type_ptr(), Ordering::Release);
    }
    Ok(())
}

/// A new object of a subclass around a tensor that has no object yet.
pub fn wrap_as(py: Python<'_>, class: &Bound<'_, PyType>, t: Tensor) -> PyResult<Py<PyAny>> {
    if !class.is_subclass_of::<PyTensor>()? {
        return Err(PyTypeError::new_err(format!("{} is no subclass of torch.Tensor", class.qualname()?)));
    }
    PENDING.set(Some(t));
    // SAFETY: the base class has tp_new (from `#[new]`), which accepts any subclass; the arguments are a tuple and null.
    let o = unsafe {
        let base = PyTensor::type_object_raw(py);
        let new: ffi::newfunc = std::mem::transmute(ffi::PyType_GetSlot(base, ffi::Py_tp_new));
        let empty = PyTuple::empty(py);
        Bound::from_owned_ptr_or_err(py, new(class.as_type_ptr(), empty.as_ptr(), ptr::null_mut()))
    };
    PENDING.set(None);
    let o = o?;
    if let Ok(t) = o.cast::<PyTensor>() {
        t.get().register(o.as_ptr());
    }
    Ok(o.unbind())
}
