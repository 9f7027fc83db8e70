//! The one place where errors of the core become Python exceptions.

use pyo3::exceptions::*;
use pyo3::prelude::*;
use rtorch::{Error, Kind};
use std::sync::OnceLock;

/// `torch.OutOfMemoryError`, given by `rtorch/__init__.py`.
static OUT_OF_MEMORY: OnceLock<Py<PyAny>> = OnceLock::new();

/// `torch.linalg.LinAlgError`, given by `rtorch/__init__.py`.
static LINALG: OnceLock<Py<PyAny>> = OnceLock::new();

/// An exception of a class that Python made; of `otherwise` before it did.
#[cold]
fn of_class(class: &OnceLock<Py<PyAny>>, text: String, otherwise: fn(String) -> PyErr) -> PyErr {
    Python::attach(|py| match class.get() {
        Some(c) => c.bind(py).call1((text,)).map_or_else(|e| e, PyErr::from_value),
        None => otherwise(text),
    })
}

/// The exception for an error of the core.
#[cold]
pub fn raise(mut e: Error) -> PyErr {
    if let Some(p) = e.take_payload()
        && let Ok(err) = p.downcast::<PyErr>()
    {
        return *err;
    }
    let text = e.text().to_string();
    let raised = match e.kind() {
        Kind::Type => PyTypeError::new_err(text),
        Kind::Value => PyValueError::new_err(text),
        Kind::Index => PyIndexError::new_err(text),
        Kind::NotImplemented => PyNotImplementedError::new_err(text),
        Kind::Key => PyKeyError::new_err(text),
        Kind::Assertion => PyAssertionError::new_err(text),
        Kind::OutOfMemory => of_class(&OUT_OF_MEMORY, text, PyMemoryError::new_err),
        Kind::LinAlg => of_class(&LINALG, text, PyRuntimeError::new_err),
        Kind::Runtime | Kind::Foreign => PyRuntimeError::new_err(text),
    };
    let notes: Vec<&str> = e.notes().collect();
    if !notes.is_empty() {
        Python::attach(|py| {
            for note in notes {
                // A note that cannot be added is not worth a second exception.
                _ = raised.value(py).call_method1("add_note", (note,));
            }
        });
    }
    raised
}

/// An exception of Python's on its way through the core.
#[cold]
pub fn carry(e: PyErr) -> Error {
    Error::foreign("a Python exception", Box::new(e))
}

/// Hands warnings of the core to Python's `warnings`.
pub fn warn(text: &str) -> rtorch::Result<()> {
    Python::attach(|py| {
        let text = std::ffi::CString::new(text).unwrap_or_default();
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 1)
    })
    .map_err(carry)
}

/// `?` from the core's results to Python's.
pub trait IntoPy<T> {
    /// The same result with a Python exception.
    fn py(self) -> PyResult<T>;
}

impl<T> IntoPy<T> for rtorch::Result<T> {
    #[inline]
    fn py(self) -> PyResult<T> {
        self.map_err(raise)
    }
}

/// Takes the class of out-of-memory errors.
#[pyfunction]
pub fn _set_out_of_memory_error(class: Py<PyAny>) {
    _ = OUT_OF_MEMORY.set(class);
}

/// Takes the class of linear algebra's errors.
#[pyfunction]
pub fn _set_linalg_error(class: Py<PyAny>) {
    _ = LINALG.set(class);
}
