//! What the core calls back: objects that it keeps alive, hooks, the release of the GIL, the user's line.

use crate::error::carry;
use crate::object::{PyTensor, tensor_of, wrap};
use pyo3::PyTypeInfo;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use rtorch::Tensor;
use rtorch::tensor::{Hook, Keep};
use std::any::Any;
use std::sync::atomic::Ordering;

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
