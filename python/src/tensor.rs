//! The Python class `Tensor` is the Rust class itself. One Python object per tensor while anything Python can see holds it:
//! the handle keeps a borrowed pointer to its object, cleared when the object dies; slots that give tensors back (`.grad`,
//! leaves in graphs) hold the object strongly once Python has seen it.

use crate::error::{IntoPy, carry};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};
use rtorch::Tensor;
use rtorch::tensor::{Hook, Keep};
use std::any::Any;
use std::cell::Cell;
use std::ptr;
use std::sync::Arc;
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
    static PENDING: Cell<Option<Tensor>> = const { Cell::new(None) };
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
    fn new_unregistered(t: Tensor) -> PyTensor {
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

use pyo3::PyTypeInfo;

/// A Python object that the core keeps alive.
pub struct PyKeep(pub Py<PyAny>);

impl Keep for PyKeep {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Keeps the object of a leaf that graphs hold: only where it is more than a plain tensor (a Parameter).
fn keeper(t: &Tensor) -> Option<Box<dyn Keep>> {
    let p = t.host().load(Ordering::Acquire).cast::<ffi::PyObject>();
    if p.is_null() {
        return None;
    }
    Python::attach(|py| {
        // SAFETY: as in `wrap`.
        unsafe {
            if ffi::Py_REFCNT(p) == 0 || ffi::Py_TYPE(p) == PyTensor::type_object_raw(py) {
                return None;
            }
            Some(Box::new(PyKeep(Bound::from_borrowed_ptr(py, p).unbind())) as Box<dyn Keep>)
        }
    })
}

/// A hook written in Python: takes the gradient, returns None or another.
pub struct PyHook(pub Py<PyAny>);

impl Hook for PyHook {
    fn call(&self, grad: &Tensor) -> rtorch::Result<Option<Tensor>> {
        Python::attach(|py| {
            let g = wrap(py, grad.clone()).map_err(carry)?;
            let r = self.0.bind(py).call1((g,)).map_err(carry)?;
            if r.is_none() {
                return Ok(None);
            }
            match tensor_of(&r) {
                Some(t) => Ok(Some(t.clone())),
                None => Err(carry(PyTypeError::new_err(format!(
                    "hooks can only return a Tensor or None, but this one returned {}",
                    crate::args::type_name(&r)
                )))),
            }
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Runs something long with the GIL released.
fn unlocked(f: &mut dyn FnMut()) {
    struct Send_(*mut (dyn FnMut() + 'static));
    // SAFETY: the closure runs on this very thread, while its owner waits.
    unsafe impl Send for Send_ {}
    // SAFETY: as above.
    unsafe impl Sync for Send_ {}
    impl Send_ {
        fn run(&self) {
            // SAFETY: as above; nobody else calls it.
            unsafe { (*self.0)() }
        }
    }
    // SAFETY: only the lifetime is forgotten; the pointer is not used after this function.
    let f = Send_(unsafe { std::mem::transmute::<*mut dyn FnMut(), *mut (dyn FnMut() + 'static)>(f) });
    Python::attach(|py| py.detach(|| f.run()));
}

/// The user's current line, for anomaly mode.
fn trace() -> Option<String> {
    Python::attach(|py| {
        let m = py.import("rtorch._trace").ok()?;
        m.call_method0("here").ok()?.extract::<String>().ok()
    })
}

/// Installs what the core calls back.
pub fn init() {
    rtorch::tensor::graph::set_keeper(keeper);
    rtorch::op::call::set_unlocked(unlocked);
    rtorch::op::record::set_trace(trace);
    rtorch::error::set_warn(crate::error::warn);
}

#[pymethods]
impl PyTensor {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(py: Python<'_>, args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<PyTensor> {
        if let Some(t) = PENDING.take() {
            return Ok(PyTensor::new_unregistered(t));
        }
        crate::convert::legacy_constructor(py, args, kwargs).map(PyTensor::new_unregistered)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // What the handle holds is this object's to give away only while nobody else holds the handle: a graph may.
        if unwritten(&self.t) || self.t.ref_count() != 1 {
            return Ok(());
        }
        self.t
            .try_auto(|a| {
                if let Some(k) = a.grad_keep.as_ref().and_then(|k| k.as_any().downcast_ref::<PyKeep>()) {
                    visit.call(&k.0)?;
                }
                // Where there is a node, it holds the same hooks: a reference may be visited only once.
                let own = if a.grad_fn.is_none() { a.hooks() } else { &[] };
                for (_, h) in own.iter().chain(a.post_hooks()) {
                    if let Some(h) = h.as_any().downcast_ref::<PyHook>() {
                        visit.call(&h.0)?;
                    }
                }
                if let Some(e) = &a.grad_fn {
                    crate::node::traverse(&e.node, &visit)?;
                }
                Ok(())
            })
            .unwrap_or(Ok(()))
    }

    fn __clear__(&self) {
        if unwritten(&self.t) || self.t.ref_count() != 1 {
            return;
        }
        // Taken out under the slot's lock, dropped after it.
        let _late = self.t.try_auto(|a| {
            (
                a.grad_keep.take(),
                a.grad.take(),
                a.rare.as_mut().map(|r| (std::mem::take(&mut r.hooks), std::mem::take(&mut r.post_hooks))),
                a.grad_fn.take(),
            )
        });
    }

    /// A tensor of class `cls` on the memory of `data`.
    #[staticmethod]
    #[pyo3(signature = (cls, data, requires_grad=false))]
    fn _make_subclass(
        py: Python<'_>,
        cls: &Bound<'_, PyType>,
        data: &Bound<'_, PyTensor>,
        requires_grad: bool,
    ) -> PyResult<Py<PyAny>> {
        let t = data.get().t.detached();
        if requires_grad {
            t.set_requires_grad(true).py()?;
        }
        wrap_as(py, cls, t)
    }

    /// A view of the whole tensor as an object of class `cls`.
    fn as_subclass(&self, py: Python<'_>, cls: &Bound<'_, PyType>) -> PyResult<Py<PyAny>> {
        let t = rtorch::ops::_alias(&self.t).py()?;
        wrap_as(py, cls, t)
    }

    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        crate::types::shape(py, &self.t)
    }

    #[pyo3(signature = (dim=None))]
    fn size<'py>(&self, py: Python<'py>, dim: Option<i64>) -> PyResult<Bound<'py, PyAny>> {
        // Copied out of the lock: making a Python object may run the garbage collector, and that anything.
        let Some(d) = dim else { return crate::types::shape(py, &self.t) };
        let size = {
            let b = self.t.body();
            b.layout.sizes[wrap_strict(d, b.layout.ndim())?]
        };
        Ok(size.into_pyobject(py)?.into_any())
    }

    #[pyo3(signature = (dim=None))]
    fn stride<'py>(&self, py: Python<'py>, dim: Option<i64>) -> PyResult<Bound<'py, PyAny>> {
        let strides = self.t.layout().strides;
        match dim {
            None => Ok(PyTuple::new(py, strides.iter())?.into_any()),
            Some(d) => Ok(strides[wrap_strict(d, strides.len())?].into_pyobject(py)?.into_any()),
        }
    }

    fn dim(&self) -> usize {
        self.t.ndim()
    }
    fn ndimension(&self) -> usize {
        self.t.ndim()
    }
    #[getter]
    fn ndim(&self) -> usize {
        self.t.ndim()
    }
    fn numel(&self) -> i64 {
        self.t.numel()
    }
    fn nelement(&self) -> i64 {
        self.t.numel()
    }
    fn element_size(&self) -> usize {
        self.t.dtype().size()
    }
    #[getter]
    fn itemsize(&self) -> usize {
        self.t.dtype().size()
    }
    #[getter]
    fn nbytes(&self) -> i64 {
        self.t.numel() * self.t.dtype().size() as i64
    }
    fn storage_offset(&self) -> i64 {
        self.t.layout().offset
    }
    fn data_ptr(&self) -> usize {
        let b = self.t.body();
        if b.numel == 0 { 0 } else { b.ptr() as usize }
    }
    #[pyo3(signature = (memory_format=None))]
    fn is_contiguous(&self, memory_format: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let Some(f) = memory_format.and_then(crate::args::format_of) else { return Ok(self.t.is_contiguous()) };
        let l = self.t.layout();
        if matches!((f, l.ndim()), (rtorch::op::arg::Format::ChannelsLast, n) if n != 4)
            || matches!((f, l.ndim()), (rtorch::op::arg::Format::ChannelsLast3d, n) if n != 5)
        {
            return Ok(false);
        }
        Ok(rtorch::ops::copy::strides_for(&l, f).py()?.is_none_or(|s| rtorch::ops::copy::same_strides(&l, &s)))
    }
    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<crate::types::PyDType>> {
        crate::types::dtype_object(py, self.t.dtype())
    }
    #[getter]
    fn device(&self, py: Python<'_>) -> PyResult<Py<crate::types::PyDevice>> {
        crate::types::device_object(py, self.t.device())
    }
    #[getter]
    fn T(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let back: rtorch::shape::Dims = (0..self.t.ndim() as i64).rev().collect();
        wrap(py, rtorch::ops::permute(&self.t, &back).py()?)
    }
    #[getter]
    fn is_cuda(&self) -> bool {
        matches!(self.t.device(), rtorch::Device::Cuda(_))
    }
    #[getter]
    fn is_cpu(&self) -> bool {
        self.t.device() == rtorch::Device::Cpu
    }
    #[getter]
    fn is_meta(&self) -> bool {
        self.t.device() == rtorch::Device::Meta
    }
    #[getter]
    fn is_sparse(&self) -> bool {
        false
    }
    #[getter]
    fn is_quantized(&self) -> bool {
        false
    }
    #[getter]
    fn is_mkldnn(&self) -> bool {
        false
    }
    #[getter]
    fn is_nested(&self) -> bool {
        false
    }
    fn is_floating_point(&self) -> bool {
        self.t.dtype().is_float()
    }
    fn is_complex(&self) -> bool {
        self.t.dtype().is_complex()
    }
    fn is_signed(&self) -> bool {
        !matches!(self.t.dtype(), rtorch::DType::Bool | rtorch::DType::U8)
    }
    fn is_inference(&self) -> bool {
        self.t.is_inference()
    }
    fn is_conj(&self) -> bool {
        false
    }
    fn is_neg(&self) -> bool {
        false
    }
    // ---- autograd ----

    #[getter]
    fn requires_grad(&self) -> bool {
        self.t.requires_grad()
    }
    #[setter]
    fn set_requires_grad(&self, on: bool) -> PyResult<()> {
        // PyTorch's three doors to this refusal differ in a word or two.
        let sentence = |t: &str| t.replacen("Only", "only", 1);
        self.t.set_requires_grad(on).map_err(|e| e.map_text(sentence)).py()
    }
    #[pyo3(signature = (requires_grad=true))]
    fn requires_grad_<'py>(slf: Bound<'py, Self>, requires_grad: bool) -> PyResult<Bound<'py, Self>> {
        let sentence =
            |t: &str| t.replacen("Only", "only", 1).replacen("floating point and complex", "floating point", 1);
        slf.get().t.set_requires_grad(requires_grad).map_err(|e| e.map_text(sentence)).py()?;
        Ok(slf)
    }
    #[getter]
    fn is_leaf(&self) -> bool {
        self.t.is_leaf()
    }
    #[getter]
    fn _version(&self) -> u32 {
        self.t.version()
    }
    #[getter]
    fn output_nr(&self) -> u32 {
        self.t.with_auto(|a| a.grad_fn.as_ref().map(|e| e.index)).unwrap_or(0)
    }
    #[getter]
    fn retains_grad(&self) -> bool {
        self.t.with_auto(|a| a.retains_grad())
    }

    #[getter]
    fn grad(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let Some(g) = self.t.grad() else {
            return Ok(None);
        };
        let o = wrap(py, g)?;
        // From now on the slot holds the object: `x.grad is x.grad`, and what is set on it stays.
        let keep = Box::new(PyKeep(o.clone_ref(py)));
        let _old = self.t.with_auto_mut(|a| if a.grad_keep.is_none() { a.grad_keep.replace(keep) } else { None });
        Ok(Some(o))
    }
    #[setter]
    fn set_grad(&self, py: Python<'_>, value: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        let Some(v) = value.filter(|v| !v.is_none()) else {
            self.t.set_grad(None);
            return Ok(());
        };
        let Some(g) = tensor_of(&v) else {
            return Err(PyTypeError::new_err(format!(
                "assigned grad expected to be a Tensor or None but got grad of type {}",
                crate::args::type_name(&v)
            )));
        };
        if g.same(&self.t) {
            return Err(PyRuntimeError::new_err("can't assign Variable as its own grad"));
        }
        if g.dtype() != self.t.dtype() {
            return Err(PyRuntimeError::new_err(format!(
                "assigned grad has data of a different type: the tensor is torch.{}, the gradient torch.{}",
                self.t.dtype().name(),
                g.dtype().name()
            )));
        }
        if g.sizes() != self.t.sizes() {
            return Err(PyRuntimeError::new_err(format!(
                "assigned grad has data of a different size: the tensor has shape {}, the gradient {}",
                rtorch::shape::show(&self.t.sizes()),
                rtorch::shape::show(&g.sizes())
            )));
        }
        self.t.set_grad(Some(g.clone()));
        let keep = Box::new(PyKeep(v.clone().unbind()));
        let _old = self.t.with_auto_mut(|a| a.grad_keep.replace(keep));
        _ = py;
        Ok(())
    }
    #[deleter]
    fn delete_grad(&self) {
        self.t.set_grad(None);
    }

    #[getter]
    fn data(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        wrap(py, self.t.data())
    }
    #[setter]
    fn set_data(&self, value: &Bound<'_, PyTensor>) -> PyResult<()> {
        let b = value.get().t.body().clone();
        if self.t.requires_grad() && !b.dtype.is_differentiable() {
            return Err(PyRuntimeError::new_err(
                "data set to a tensor that requires gradients must be floating point or complex dtype",
            ));
        }
        self.t.replace(b.storage, b.layout, b.dtype);
        Ok(())
    }

    #[getter]
    fn grad_fn(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        rtorch::tensor::graph::refresh(&self.t);
        match self.t.with_auto(|a| a.grad_fn.clone()) {
            Some(e) => Ok(Some(crate::node::wrap(py, e.node)?)),
            None => Ok(None),
        }
    }
    #[getter]
    fn _base(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.t.base().map(|b| wrap(py, b)).transpose()
    }
    fn _is_view(&self) -> bool {
        self.t.base().is_some()
    }
    fn detach_<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        detach_in_place(&slf.get().t)?;
        Ok(slf)
    }
    fn retain_grad(&self) -> PyResult<()> {
        if !self.t.requires_grad() {
            return Err(PyRuntimeError::new_err("can't retain_grad on Tensor that has requires_grad=False"));
        }
        self.t.retain_grad();
        Ok(())
    }
    /// Adds a hook; the number is for `_remove_hook`.
    fn _add_hook(&self, hook: Py<PyAny>, post_accumulate: bool) -> PyResult<u64> {
        if !self.t.requires_grad() {
            return Err(PyRuntimeError::new_err("cannot register a hook on a tensor that doesn't require gradient"));
        }
        let hook: Arc<dyn Hook> = Arc::new(PyHook(hook));
        if post_accumulate && !self.t.is_leaf() {
            return Err(PyRuntimeError::new_err("post accumulate grad hooks cannot be registered on non-leaf tensors"));
        }
        Ok(self.t.add_hook(hook, post_accumulate))
    }
    fn _remove_hook(&self, id: u64) {
        self.t.remove_hook(id);
    }

    /// Another dtype or device, in any of the ways that PyTorch takes them; the tensor itself if it is so already.
    #[pyo3(signature = (*args, dtype=None, device=None, non_blocking=false, copy=false, memory_format=None))]
    fn to(
        slf: &Bound<'_, Self>,
        args: &Bound<'_, PyTuple>,
        dtype: Option<&Bound<'_, PyAny>>,
        device: Option<&Bound<'_, PyAny>>,
        non_blocking: bool,
        copy: bool,
        memory_format: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        if crate::overrides::active() {
            let kwargs = PyDict::new(slf.py());
            for (name, v) in [("dtype", dtype), ("device", device), ("memory_format", memory_format)] {
                v.map(|v| kwargs.set_item(name, v)).transpose()?;
            }
            for (name, v) in [("non_blocking", non_blocking), ("copy", copy)] {
                v.then(|| kwargs.set_item(name, v)).transpose()?;
            }
            let all: Vec<Bound<'_, PyAny>> = std::iter::once(slf.as_any().clone()).chain(args.iter()).collect();
            let f = slf.py().get_type::<PyTensor>().getattr("to")?;
            if let Some(r) = crate::overrides::ask(&f, &PyTuple::new(slf.py(), all)?, Some(&kwargs))? {
                return Ok(r);
            }
        }
        _ = tensor_of(slf.as_any());
        crate::convert::to(slf, args, (dtype, device), (non_blocking, copy), memory_format)
    }

    // ---- elements ----

    fn item(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        crate::convert::number(py, self.t.item().py()?)
    }
    fn tolist(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        crate::convert::to_list(py, &self.t)
    }
    fn __bool__(&self) -> PyResult<bool> {
        let n = self.t.numel();
        if n != 1 {
            let which = if n == 0 { "no values" } else { "more than one value" };
            return Err(crate::error::raise(rtorch::err!(
                Runtime,
                "Boolean value of Tensor with {which} is ambiguous\nbool() of a tensor of shape {}: use .any() or .all(), or \
                 torch.where for a choice by element; if it came from Python's max() or min(), use x.max() or x.min().",
                rtorch::shape::show(&self.t.sizes())
            )));
        }
        Ok(self.t.item().py()?.truth())
    }
    fn __len__(&self) -> PyResult<usize> {
        self.t.sizes().first().map(|&n| n as usize).ok_or_else(|| PyTypeError::new_err("len() of a 0-d tensor"))
    }
    fn __float__(&self) -> PyResult<f64> {
        let s = self.one()?;
        if s.im() != 0.0 {
            return Err(PyRuntimeError::new_err("value cannot be converted to type double without overflow"));
        }
        Ok(s.f64())
    }
    fn __int__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let s = self.one()?;
        if let rtorch::Scalar::Float(f) = s {
            // Python's own rules for infinities, NaN and large numbers.
            return Ok(py.get_type::<pyo3::types::PyInt>().call1((f,))?.unbind());
        }
        Ok(s.i64().into_pyobject(py)?.into_any().unbind())
    }
    fn __index__(&self) -> PyResult<i64> {
        if self.t.numel() != 1 || !self.t.dtype().is_integral() {
            return Err(PyTypeError::new_err("only integer tensors of a single element can be converted to an index"));
        }
        Ok(self.t.item().py()?.i64())
    }
    fn __complex__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyComplex>> {
        let s = self.one()?;
        Ok(pyo3::types::PyComplex::from_doubles(py, s.f64(), s.im()))
    }
    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        (slf.as_ptr() as isize) >> 4
    }
    fn __getitem__(slf: &Bound<'_, Self>, index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if let Some(r) = crate::dispatch::overridden_method("__getitem__", &[slf.as_any(), index])? {
            return Ok(r);
        }
        _ = tensor_of(slf.as_any());
        crate::indexing::get(slf.py(), &slf.get().t, index)
    }
    fn __setitem__(slf: &Bound<'_, Self>, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if crate::dispatch::overridden_method("__setitem__", &[slf.as_any(), index, value])?.is_some() {
            return Ok(());
        }
        _ = tensor_of(slf.as_any());
        crate::indexing::set(slf.py(), &slf.get().t, index, value)
    }
    fn __delitem__(&self, _index: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(PyTypeError::new_err("Tensor does not support deleting items"))
    }

    // ---- operators: slots, so that they are quick ----

    fn __add__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::add::OP, false)
    }
    fn __radd__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::add::OP, false)
    }
    fn __sub__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::sub::OP, false)
    }
    fn __rsub__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::rsub::OP, false)
    }
    fn __mul__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::mul::OP, false)
    }
    fn __rmul__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::mul::OP, false)
    }
    fn __truediv__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::div::OP, false)
    }
    fn __rtruediv__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::reversed_div(slf.as_any(), o)
    }
    fn __floordiv__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::floor_divide::OP, false)
    }
    fn __rfloordiv__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::floor_divide::OP, true)
    }
    fn __mod__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::remainder::OP, false)
    }
    fn __rmod__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::remainder::OP, true)
    }
    fn __pow__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>, _modulo: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        let op = if tensor_of(o).is_some() { &rtorch::ops::pow::OP } else { &rtorch::ops::pow_scalar::OP };
        crate::dispatch::binary(slf.as_any(), o, op, false)
    }
    fn __rpow__(
        slf: &Bound<'_, Self>,
        o: &Bound<'_, PyAny>,
        _modulo: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::pow::OP, true)
    }
    fn __matmul__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::matmul::matmul::OP, false)
    }
    fn __rmatmul__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::matmul::matmul::OP, true)
    }
    fn __and__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_and::OP, false)
    }
    fn __rand__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_and::OP, false)
    }
    fn __or__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_or::OP, false)
    }
    fn __ror__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_or::OP, false)
    }
    fn __xor__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_xor::OP, false)
    }
    fn __rxor__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_xor::OP, false)
    }
    fn __lshift__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_left_shift::OP, false)
    }
    fn __rlshift__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_left_shift::OP, true)
    }
    fn __rshift__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_right_shift::OP, false)
    }
    fn __rrshift__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_right_shift::OP, true)
    }
    fn __neg__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        crate::dispatch::unary(slf.as_any(), &rtorch::ops::neg::OP)
    }
    fn __pos__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        crate::dispatch::unary(slf.as_any(), &rtorch::ops::positive::OP)
    }
    fn __abs__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        crate::dispatch::unary(slf.as_any(), &rtorch::ops::abs::OP)
    }
    fn __invert__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        crate::dispatch::unary(slf.as_any(), &rtorch::ops::bitwise_not::OP)
    }
    fn __richcmp__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>, how: pyo3::pyclass::CompareOp) -> PyResult<Py<PyAny>> {
        use pyo3::pyclass::CompareOp::*;
        let op = match how {
            Lt => &rtorch::ops::lt::OP,
            Le => &rtorch::ops::le::OP,
            Eq => &rtorch::ops::eq::OP,
            Ne => &rtorch::ops::ne::OP,
            Gt => &rtorch::ops::gt::OP,
            Ge => &rtorch::ops::ge::OP,
        };
        crate::dispatch::binary(slf.as_any(), o, op, false)
    }
    fn __iadd__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::add::OP)
    }
    fn __isub__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::sub::OP)
    }
    fn __imul__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::mul::OP)
    }
    fn __itruediv__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::div::OP)
    }
    fn __ifloordiv__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::floor_divide::OP)
    }
    fn __imod__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::remainder::OP)
    }
    fn __ipow__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>, _modulo: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let op = if tensor_of(o).is_some() { &rtorch::ops::pow::OP } else { &rtorch::ops::pow_scalar::OP };
        crate::dispatch::inplace(slf.as_any(), o, op)
    }
    fn __iand__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::bitwise_and::OP)
    }
    fn __ior__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::bitwise_or::OP)
    }
    fn __ixor__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::bitwise_xor::OP)
    }
    fn __ilshift__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::bitwise_left_shift::OP)
    }
    fn __irshift__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::bitwise_right_shift::OP)
    }
}

impl PyTensor {
    fn one(&self) -> PyResult<rtorch::Scalar> {
        if self.t.numel() != 1 {
            return Err(pyo3::exceptions::PyValueError::new_err(
                "only one element tensors can be converted to Python scalars",
            ));
        }
        self.t.item().py()
    }
}

/// A dimension as `size(dim)` takes it.
fn wrap_strict(d: i64, ndim: usize) -> PyResult<usize> {
    let i = rtorch::shape::wrap_dim(d, ndim).py()?;
    if i >= ndim {
        return Err(pyo3::exceptions::PyIndexError::new_err(format!(
            "Dimension specified as {d} but tensor has no dimensions"
        )));
    }
    Ok(i)
}

/// `detach_`.
pub fn detach_in_place(t: &Tensor) -> PyResult<()> {
    if t.base().is_some() {
        return Err(PyRuntimeError::new_err(
            "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on these gradients.",
        ));
    }
    t.clear_history();
    Ok(())
}
