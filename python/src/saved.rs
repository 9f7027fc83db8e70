//! `torch.autograd.graph.saved_tensors_hooks`: Python functions that say what is kept in the place of a saved tensor.

use crate::args::type_name;
use crate::error::{IntoPy, carry};
use crate::object::{tensor_of, wrap};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use rtorch::Tensor;
use rtorch::op::record::{self, Packed};
use rtorch::tensor::mode;
use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    /// The pairs of hooks in force, the innermost last.
    static HOOKS: RefCell<Vec<(Py<PyAny>, Py<PyAny>)>> = const { RefCell::new(Vec::new()) };
}

/// What `pack` gave, and how to turn it back.
struct PyPacked(Option<(Py<PyAny>, Py<PyAny>)>);

impl Packed for PyPacked {
    fn unpack(&self) -> rtorch::Result<Tensor> {
        Python::attach(|py| {
            let run = || -> PyResult<Tensor> {
                let Some((object, unpack)) = &self.0 else {
                    return Err(PyRuntimeError::new_err("a packed tensor was let go"));
                };
                let out = unpack.bind(py).call1((object.bind(py),))?;
                tensor_of(&out).cloned().ok_or_else(|| {
                    PyTypeError::new_err(format!(
                        "Output of saved tensor unpack_hook expected to be a Tensor but got result of type {}",
                        type_name(&out)
                    ))
                })
            };
            run().map_err(carry)
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for PyPacked {
    fn drop(&mut self) {
        // Python objects are dropped only while attached.
        if let Some(held) = self.0.take() {
            Python::attach(|_| drop(held));
        }
    }
}

/// The innermost `pack` asked for a tensor.
fn packer(t: &Tensor) -> rtorch::Result<Arc<dyn Packed>> {
    Python::attach(|py| {
        let run = || -> PyResult<PyPacked> {
            let top = HOOKS.with(|h| h.borrow().last().map(|(p, u)| (p.clone_ref(py), u.clone_ref(py))));
            let Some((pack, unpack)) = top else {
                return Err(PyRuntimeError::new_err("no hooks for saved tensors are in force"));
            };
            let object = pack.bind(py).call1((wrap(py, t.clone())?,))?;
            Ok(PyPacked(Some((object.unbind(), unpack))))
        };
        run().map(|p| Arc::new(p) as Arc<dyn Packed>).map_err(carry)
    })
}

/// Puts a pair of hooks in force in this thread.
#[pyfunction]
fn _push_saved_hooks(pack: Py<PyAny>, unpack: Py<PyAny>) {
    record::set_packer(packer);
    HOOKS.with(|h| h.borrow_mut().push((pack, unpack)));
    mode::set_packing(true);
}

/// Takes the innermost pair away; raises what its `pack` failed with.
#[pyfunction]
fn _pop_saved_hooks() -> PyResult<()> {
    // Dropped after the borrow: a hook's end may run Python code.
    let (gone, left) = HOOKS.with(|h| {
        let mut hooks = h.borrow_mut();
        (hooks.pop(), !hooks.is_empty())
    });
    drop(gone);
    mode::set_packing(left);
    record::take_failure().map_or(Ok(()), |e| Err(e).py())
}

/// Adds the functions.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(_push_saved_hooks, m)?)?;
    m.add_function(wrap_pyfunction!(_pop_saved_hooks, m)?)
}
