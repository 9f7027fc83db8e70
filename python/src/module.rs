//! What `nn.Module` and optimizers do so often that Python is too slow for it.

use crate::error::IntoPy;
use crate::object::tensor_of;
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule, PyString};

/// Where a module keeps what is no attribute of its own, in the order in which it is looked for.
const PLACES: [&str; 3] = ["_parameters", "_buffers", "_modules"];

/// What a module has registered under this name.
#[inline]
fn registered(slf: &Bound<'_, PyAny>, name: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
    static NAMES: PyOnceLock<[Py<PyString>; 3]> = PyOnceLock::new();
    let py = slf.py();
    let names = NAMES.get_or_init(py, || PLACES.map(|n| PyString::intern(py, n).unbind()));
    // SAFETY: `slf` is a live object; the result is a new reference or an error.
    let own =
        unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyObject_GenericGetDict(slf.as_ptr(), std::ptr::null_mut()))? };
    let own = own.cast_into::<PyDict>().map_err(PyErr::from)?;
    for place in names {
        let Some(found) = own.get_item(place.bind(py))? else { continue };
        let value = match found.cast::<PyDict>() {
            Ok(d) => d.get_item(name)?,
            Err(_) if found.contains(name)? => Some(found.get_item(name)?),
            Err(_) => None,
        };
        if let Some(v) = value {
            return Ok(Some(v.unbind()));
        }
    }
    Ok(None)
}

fn find(slf: &Bound<'_, PyAny>, name: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    if let Some(v) = registered(slf, name)? {
        return Ok(v);
    }
    let py = slf.py();
    let text = format!("'{}' object has no attribute '{}'", slf.get_type().name()?, name.str()?);
    let facts = PyDict::new(py);
    facts.set_item("name", name)?;
    facts.set_item("obj", slf)?;
    Err(PyErr::from_value(py.get_type::<PyAttributeError>().call((text,), Some(&facts))?))
}

/// `Module.weight`: set on the class for each name under which some module has registered something, so that `self.weight`
/// is found there. Without it Python makes an AttributeError before it asks `__getattr__`, which takes four times as long.
#[pyclass(name = "_Accessor", module = "rtorch._C", frozen)]
struct Accessor {
    name: Py<PyString>,
}

#[pymethods]
impl Accessor {
    #[new]
    fn new(name: Py<PyString>) -> Accessor {
        Accessor { name }
    }

    fn __get__(
        slf: &Bound<'_, Self>,
        module: &Bound<'_, PyAny>,
        class: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        _ = class;
        let py = slf.py();
        let name = slf.get().name.bind(py);
        if !module.is_none() {
            if let Some(v) = registered(module, name.as_any())? {
                return Ok(v);
            }
            // What a class behind `Module` in the order of bases has under the name.
            for class in module.get_type().mro() {
                let Ok(v) = class.getattr("__dict__")?.get_item(name) else { continue };
                if v.is_instance_of::<Accessor>() {
                    continue;
                }
                return match v.get_type().getattr_opt("__get__")? {
                    Some(get) => Ok(get.call1((v, module, module.get_type()))?.unbind()),
                    None => Ok(v.unbind()),
                };
            }
        }
        // Python asks `__getattr__` next, which makes the message.
        Err(PyAttributeError::new_err(name.clone().unbind()))
    }
}

unsafe extern "C" fn getattr(slf: *mut ffi::PyObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by CPython with the GIL held, on live objects.
    unsafe {
        let py = Python::assume_attached();
        match find(&Bound::from_borrowed_ptr(py, slf), &Bound::from_borrowed_ptr(py, name)) {
            Ok(o) => o.into_ptr(),
            Err(e) => {
                e.restore(py);
                std::ptr::null_mut()
            }
        }
    }
}

/// Writes zeros into the gradients of these parameters, which lose their history, as `zero_grad(set_to_none=False)` does.
#[pyfunction]
fn _zero_grads(params: Vec<Bound<'_, PyAny>>) -> PyResult<()> {
    for p in &params {
        let Some(t) = tensor_of(p) else { return Err(PyTypeError::new_err("_zero_grads takes tensors")) };
        let Some(g) = t.grad() else { continue };
        rtorch::tensor::graph::refresh(&g);
        if g.is_leaf() {
            g.set_requires_grad(false).py()?;
        } else {
            crate::tensor::detach_in_place(&g)?;
        }
        rtorch::ops::zero_(&g).py()?;
    }
    Ok(())
}

/// Adds them. `_module_getattr` is a method of any object: a function would not be bound to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(_zero_grads, m)?)?;
    m.add_class::<Accessor>()?;
    let def = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: c"__getattr__".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: getattr },
        ml_flags: ffi::METH_O,
        ml_doc: c"Parameters, buffers and submodules as attributes.".as_ptr(),
    }));
    // SAFETY: the definition is leaked, so it outlives the descriptor; its function is one of METH_O.
    let method =
        unsafe { Bound::from_owned_ptr_or_err(m.py(), ffi::PyDescr_NewMethod(&raw mut ffi::PyBaseObject_Type, def))? };
    m.add("_module_getattr", method)
}
