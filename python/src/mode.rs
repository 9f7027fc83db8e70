//! The contexts `no_grad` and `enable_grad`: entered and left so often that they are C types. `rtorch/autograd/grad_mode.py`
//! has the classes that users see, which extend these.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyModule;
use rtorch::tensor::mode;
use std::ffi::{CStr, c_void};
use std::ptr::null_mut;

/// An object of these types: its header, and what recording was before it was entered.
#[repr(C)]
struct Context {
    head: ffi::PyObject,
    old: bool,
}

/// `no_grad()`, or `no_grad(f)`: the function decorated, by calling the new object with it.
unsafe extern "C" fn new(
    class: *mut ffi::PyTypeObject,
    args: *mut ffi::PyObject,
    _kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by CPython with the GIL held; `args` is a tuple, the class one of ours or of those that extend it.
    unsafe {
        let o = ffi::PyType_GenericAlloc(class, 0);
        if o.is_null() || ffi::PyTuple_Size(args) == 0 {
            return o;
        }
        let f = ffi::PyTuple_GetItem(args, 0);
        if f.is_null() || f == ffi::Py_None() {
            return o;
        }
        let decorated = ffi::PyObject_CallFunctionObjArgs(o, f, null_mut::<ffi::PyObject>());
        ffi::Py_DECREF(o);
        decorated
    }
}

unsafe fn enter(slf: *mut ffi::PyObject, on: bool) -> *mut ffi::PyObject {
    // SAFETY: a method of our types: CPython has checked the class of `slf`.
    unsafe {
        (*slf.cast::<Context>()).old = mode::set_grad(on);
        let none = ffi::Py_None();
        ffi::Py_INCREF(none);
        none
    }
}

unsafe extern "C" fn enter_off(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as in `enter`.
    unsafe { enter(slf, false) }
}

unsafe extern "C" fn enter_on(slf: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as in `enter`.
    unsafe { enter(slf, true) }
}

unsafe extern "C" fn exit(
    slf: *mut ffi::PyObject,
    _args: *mut *mut ffi::PyObject,
    _n: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: as in `enter`.
    unsafe {
        mode::set_grad((*slf.cast::<Context>()).old);
        let none = ffi::Py_None();
        ffi::Py_INCREF(none);
        none
    }
}

fn make<'py>(py: Python<'py>, name: &'static CStr, enter: ffi::PyCFunction) -> PyResult<Bound<'py, PyAny>> {
    let methods = vec![
        ffi::PyMethodDef {
            ml_name: c"__enter__".as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunction: enter },
            ml_flags: ffi::METH_NOARGS,
            ml_doc: std::ptr::null(),
        },
        ffi::PyMethodDef {
            ml_name: c"__exit__".as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionFast: exit },
            ml_flags: ffi::METH_FASTCALL,
            ml_doc: std::ptr::null(),
        },
        ffi::PyMethodDef::zeroed(),
    ];
    let mut slots = [
        ffi::PyType_Slot { slot: ffi::Py_tp_new, pfunc: new as *mut c_void },
        ffi::PyType_Slot { slot: ffi::Py_tp_methods, pfunc: methods.leak().as_mut_ptr().cast() },
        ffi::PyType_Slot { slot: 0, pfunc: null_mut() },
    ];
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: size_of::<Context>() as i32,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE) as u32,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the spec and its slots live for the call, which copies them; the methods are leaked, the name is static.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&mut spec)) }
}

/// Adds the two types.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("_NoGrad", make(m.py(), c"rtorch._C._NoGrad", enter_off)?)?;
    m.add("_EnableGrad", make(m.py(), c"rtorch._C._EnableGrad", enter_on)?)
}
