//! The entry points of `torch.profiler`.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rtorch::op::profile;

/// An event as Python gets it: name, whether it is an operator, begin and end in nanoseconds, depth, shapes.
type Plain = (String, bool, u64, u64, u32, Vec<Vec<i64>>);

/// Begins a profile of this thread.
#[pyfunction]
fn _profiler_start(shapes: bool) -> PyResult<()> {
    if profile::start(shapes) {
        return Ok(());
    }
    Err(PyRuntimeError::new_err("Can't start a profiler: one is running in this thread already"))
}

/// Ends it; what it saw.
#[pyfunction]
fn _profiler_stop() -> Vec<Plain> {
    let plain = |e: profile::Event| {
        (e.name.into_owned(), e.is_op, e.start, e.end, e.depth, e.shapes.iter().map(|s| s.to_vec()).collect())
    };
    profile::stop().into_iter().map(plain).collect()
}

/// Begins a named block; None where no profile runs.
#[pyfunction]
fn _record_enter(name: String) -> Option<usize> {
    profile::enter(name)
}

/// Ends it.
#[pyfunction]
fn _record_leave(at: usize) {
    profile::leave(at);
}

/// Adds the functions.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(_profiler_start, m)?)?;
    m.add_function(wrap_pyfunction!(_profiler_stop, m)?)?;
    m.add_function(wrap_pyfunction!(_record_enter, m)?)?;
    m.add_function(wrap_pyfunction!(_record_leave, m)?)
}
