//! What `nn.Module` and optimizers do so often that Python is too slow for it.

use crate::error::IntoPy;
use crate::object::{PyTensor, tensor_of, wrap};
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyModule, PyString, PyType};
use rtorch::autograd::AddressSet;

/// Where a module keeps what is no attribute of its own, in the order in which it is looked for.
const PLACES: [&str; 3] = ["_parameters", "_buffers", "_modules"];

/// What a module has registered under this name.
#[inline]
fn registered(slf: &Bound<'_, PyAny>, name: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
    static NAMES: PyOnceLock<[Py<PyString>; 3]> = PyOnceLock::new();
    let py = slf.py();
    let names = NAMES.get_or_init(py, || PLACES.map(|n| PyString::intern(py, n).unbind()));
    let own = dict_of(slf)?;
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

/// The `__dict__` of an object.
#[inline]
fn dict_of<'py>(o: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    // SAFETY: `o` is a live object; the result is a new reference or an error.
    let own = unsafe {
        Bound::from_owned_ptr_or_err(o.py(), ffi::PyObject_GenericGetDict(o.as_ptr(), std::ptr::null_mut()))?
    };
    own.cast_into::<PyDict>().map_err(PyErr::from)
}

/// What a module has under one of [`PLACES`], as pairs; what is no dict is asked for its `items`.
fn pairs<'py>(
    module: &Bound<'py, PyAny>,
    own: &Bound<'py, PyDict>,
    place: &Bound<'py, PyString>,
) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    let found = match own.get_item(place)? {
        Some(f) => f,
        // A class may have it as a property; else the error says that `__init__` was not called.
        None => module.getattr(place)?,
    };
    match found.cast_exact::<PyDict>() {
        Ok(d) => Ok(d.iter().collect()),
        Err(_) => found.call_method0("items")?.try_iter()?.map(|p| p?.extract()).collect(),
    }
}

/// The parameters of a module and of all below it, parents before children, each once.
#[pyfunction]
fn _parameters_of<'py>(module: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let py = module.py();
    let (params, modules) = (intern!(py, "_parameters"), intern!(py, "_modules"));
    let list = PyList::empty(py);
    let (mut seen, mut stack) = (AddressSet::default(), vec![module]);
    while let Some(m) = stack.pop() {
        if !seen.insert(m.as_ptr() as usize) {
            continue;
        }
        let own = dict_of(&m)?;
        for (_, p) in pairs(&m, &own, params)? {
            if !p.is_none() && seen.insert(p.as_ptr() as usize) {
                list.append(p)?;
            }
        }
        let below = pairs(&m, &own, modules)?;
        stack.extend(below.into_iter().rev().map(|(_, m)| m).filter(|m| !m.is_none()));
    }
    Ok(list)
}

/// Adds the tensors under `place` of a module to a state dict, detached unless `keep_vars`.
fn save<'py>(
    own: (&Bound<'py, PyAny>, &Bound<'py, PyDict>, &Bound<'py, PyString>),
    hidden: Option<&Bound<'py, PyAny>>,
    destination: &Bound<'py, PyAny>,
    prefix: &Bound<'py, PyString>,
    keep_vars: bool,
) -> PyResult<()> {
    let py = prefix.py();
    for (name, value) in pairs(own.0, own.1, own.2)? {
        if value.is_none() || hidden.map(|h| h.contains(&name)).transpose()? == Some(true) {
            continue;
        }
        let key = prefix.add(&name)?;
        // A class of somebody's own may have another `detach`.
        let plain =
            value.get_type().is(py.get_type::<PyTensor>()) || PARAMETER.get(py).is_some_and(|c| value.get_type().is(c));
        match tensor_of(&value) {
            _ if keep_vars => destination.set_item(key, value)?,
            Some(t) if plain && !crate::overrides::active() => {
                destination.set_item(key, wrap(py, rtorch::ops::detach(t).py()?)?)?
            }
            _ => destination.set_item(key, value.call_method0(intern!(py, "detach"))?)?,
        }
    }
    Ok(())
}

static PARAMETER: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Takes the class `Parameter`.
#[pyfunction]
fn _set_parameter_class(py: Python<'_>, class: Py<PyType>) {
    _ = PARAMETER.set(py, class);
}

/// Adds a module's own parameters and persistent buffers to a state dict.
#[pyfunction]
fn _save_tensors(
    module: &Bound<'_, PyAny>,
    destination: &Bound<'_, PyAny>,
    prefix: &Bound<'_, PyString>,
    keep_vars: bool,
) -> PyResult<()> {
    let py = module.py();
    let own = dict_of(module)?;
    save((module, &own, intern!(py, "_parameters")), None, destination, prefix, keep_vars)?;
    let hidden = own.get_item(intern!(py, "_non_persistent_buffers_set"))?;
    save((module, &own, intern!(py, "_buffers")), hidden.as_ref(), destination, prefix, keep_vars)
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
    m.add_function(wrap_pyfunction!(_parameters_of, m)?)?;
    m.add_function(wrap_pyfunction!(_save_tensors, m)?)?;
    m.add_function(wrap_pyfunction!(_set_parameter_class, m)?)?;
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
