//! `__torch_function__`: classes and modes that see calls from Python before they are bound. `dispatch.rs` asks once a call
//! whether there is any in the process (`active`); everything else is here. (Those who see operators below Python, a
//! profiler say, are the core's: `op/intercept.rs`.)

use crate::object::PyTensor;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once there was such a class or mode.
static ACTIVE: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The modes that were entered, the innermost last.
    static MODES: RefCell<Vec<Py<PyAny>>> = const { RefCell::new(Vec::new()) };
    /// Are classes' own ways switched off (`DisableTorchFunctionSubclass`)?
    static OFF: Cell<bool> = const { Cell::new(false) };
}

/// May anybody want to see this call?
#[inline]
pub fn active() -> bool {
    ACTIVE.load(Ordering::Relaxed)
}

/// From now on calls are looked at (a subclass of Tensor was made that has a `__torch_function__` of use).
#[pyfunction]
fn _overrides_exist() {
    ACTIVE.store(true, Ordering::Relaxed);
}

/// Switches classes' own ways off or on; returns what it was.
#[pyfunction]
fn _set_overrides_off(off: bool) -> bool {
    OFF.replace(off)
}

/// Enters a mode.
#[pyfunction]
fn _push_mode(mode: Py<PyAny>) {
    ACTIVE.store(true, Ordering::Relaxed);
    MODES.with_borrow_mut(|m| m.push(mode));
}

/// Leaves the innermost mode.
#[pyfunction]
fn _pop_mode() -> PyResult<()> {
    match MODES.with_borrow_mut(Vec::pop) {
        Some(_) => Ok(()),
        None => Err(PyRuntimeError::new_err("no TorchFunctionMode was entered")),
    }
}

/// The `__torch_function__` that is none: a class that has it takes part as the tensor it is.
#[pyfunction]
#[pyo3(signature = (func, types, args=None, kwargs=None))]
fn _disabled_torch_function_impl(
    py: Python<'_>,
    func: &Bound<'_, PyAny>,
    types: &Bound<'_, PyAny>,
    args: Option<&Bound<'_, PyTuple>>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<PyAny>> {
    _ = types;
    let before = OFF.replace(true);
    let r = func.call(args.cloned().unwrap_or_else(|| PyTuple::empty(py)), kwargs);
    OFF.set(before);
    r.map(Bound::unbind)
}

/// The class of `o`, if it wants to see calls.
fn wants<'py>(o: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyType>>> {
    if o.is_exact_instance_of::<PyTensor>()
        || o.is_exact_instance_of::<PyFloat>()
        || o.is_exact_instance_of::<PyInt>()
        || o.is_exact_instance_of::<PyBool>()
        || o.is_exact_instance_of::<PyString>()
        || o.is_none()
    {
        return Ok(None);
    }
    let class = o.get_type();
    match class.getattr_opt(intern!(o.py(), "__torch_function__"))? {
        Some(f)
            if f.getattr_opt(intern!(o.py(), "__name__"))?
                .is_none_or(|n| !n.eq("_disabled_torch_function_impl").unwrap_or(false)) =>
        {
            Ok(Some(class))
        }
        _ => Ok(None),
    }
}

/// Adds those who want to see the call: each class once, subclasses before what they extend. They may stand in lists, to this
/// `depth`.
fn gather<'py>(o: &Bound<'py, PyAny>, depth: usize, found: &mut Vec<Bound<'py, PyType>>) -> PyResult<()> {
    if let Ok(t) = o.cast_exact::<PyTuple>() {
        return if depth == 0 { Ok(()) } else { t.iter().try_for_each(|i| gather(&i, depth - 1, found)) };
    }
    if let Ok(l) = o.cast_exact::<PyList>() {
        return if depth == 0 { Ok(()) } else { l.iter().try_for_each(|i| gather(&i, depth - 1, found)) };
    }
    if let Some(class) = wants(o)?
        && !found.iter().any(|c| c.is(&class))
    {
        let mut at = found.len();
        for (i, c) in found.iter().enumerate() {
            if class.is_subclass(c)? {
                at = i;
                break;
            }
        }
        found.insert(at, class);
    }
    Ok(())
}

/// What a mode or a class makes of a call of `func`; None if nobody wants it.
pub fn ask<'py>(
    func: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Option<Py<PyAny>>> {
    let py = func.py();
    let mode = MODES.with_borrow_mut(Vec::pop);
    let off = OFF.get();
    if mode.is_none() && off {
        return Ok(None);
    }
    // The mode is back whatever happens below.
    struct Back(Option<Py<PyAny>>);
    impl Drop for Back {
        fn drop(&mut self) {
            if let Some(m) = self.0.take() {
                MODES.with_borrow_mut(|modes| modes.push(m));
            }
        }
    }
    let back = Back(mode);
    let mut found = Vec::new();
    if !off {
        gather(args.as_any(), 2, &mut found)?;
        kwargs.into_iter().flat_map(|d| d.iter()).try_for_each(|(_, v)| gather(&v, 1, &mut found))?;
    }
    if found.is_empty() && back.0.is_none() {
        return Ok(None);
    }
    let types = PyTuple::new(py, &found)?;
    let empty;
    let kwargs = match kwargs {
        Some(k) => k,
        None => {
            empty = PyDict::new(py);
            &empty
        }
    };
    let name = intern!(py, "__torch_function__");
    if let Some(mode) = &back.0 {
        let r = mode.bind(py).call_method1(name, (func, &types, args, kwargs))?;
        if !r.is(py.NotImplemented()) {
            return Ok(Some(r.unbind()));
        }
    }
    drop(back);
    for class in &found {
        let r = class.call_method1(name, (func, &types, args, kwargs))?;
        if !r.is(py.NotImplemented()) {
            return Ok(Some(r.unbind()));
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    Err(PyTypeError::new_err(format!(
        "no implementation found for '{}' on types that implement __torch_function__: {}",
        func.getattr("__qualname__").and_then(|n| n.extract::<String>()).unwrap_or_else(|_| "?".into()),
        types.as_any().repr()?
    )))
}

/// Do any of these arguments want to see calls?
#[pyfunction]
fn _has_torch_function(args: &Bound<'_, PyAny>) -> PyResult<bool> {
    if MODES.with_borrow(|m| !m.is_empty()) {
        return Ok(true);
    }
    let mut found = Vec::new();
    if !OFF.get() {
        args.try_iter()?.try_for_each(|o| gather(&o?, 1, &mut found))?;
    }
    Ok(!found.is_empty())
}

/// `ask` for functions written in Python; NotImplemented if nobody wants the call.
#[pyfunction]
fn _ask_overrides(
    py: Python<'_>,
    func: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
    kwargs: &Bound<'_, PyDict>,
) -> PyResult<Py<PyAny>> {
    Ok(ask(func, args, Some(kwargs))?.unwrap_or_else(|| py.NotImplemented()))
}

/// Adds the functions.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(_overrides_exist, m)?)?;
    m.add_function(wrap_pyfunction!(_set_overrides_off, m)?)?;
    m.add_function(wrap_pyfunction!(_push_mode, m)?)?;
    m.add_function(wrap_pyfunction!(_pop_mode, m)?)?;
    m.add_function(wrap_pyfunction!(_disabled_torch_function_impl, m)?)?;
    m.add_function(wrap_pyfunction!(_has_torch_function, m)?)?;
    m.add_function(wrap_pyfunction!(_ask_overrides, m)?)
}
