//! The extension module `rtorch._C`: the Python face of the core. Operators are bound from the table (`dispatch`); what is
//! written here by hand is what no table can say: the tensor class, conversions, autograd's entry points.
#![allow(non_snake_case)]

mod args;
mod autocast;
mod callbacks;
mod convert;
mod dispatch;
mod display;
mod dlpack;
mod error;
mod function;
mod generator;
#[cfg(unix)]
mod heap;
mod held;
mod indexing;
mod mode;
mod module;
mod node;
mod numpy;
mod object;
mod overrides;
mod profile;
mod saved;
mod storage;
mod tensor;
mod types;

use pyo3::prelude::*;

#[cfg(unix)]
#[global_allocator]
static HEAP: heap::Heap = heap::Heap;

/// Threads that kernels use.
#[pyfunction]
fn get_num_threads() -> usize {
    rtorch::device::cpu::pool::num_threads()
}

/// Sets how many threads kernels use.
#[pyfunction]
fn set_num_threads(n: i64) -> PyResult<()> {
    if n <= 0 {
        return Err(pyo3::exceptions::PyRuntimeError::new_err("set_num_threads expects a positive integer"));
    }
    rtorch::device::cpu::pool::set_num_threads(n as usize);
    Ok(())
}

#[pymodule]
fn _C(m: &Bound<'_, PyModule>) -> PyResult<()> {
    callbacks::init();
    m.add_class::<object::PyTensor>()?;
    object::learn(m.py())?;
    generator::register(m)?;
    types::register(m)?;
    convert::register(m)?;
    numpy::register(m)?;
    storage::register(m)?;
    display::register(m)?;
    function::register(m)?;
    mode::register(m)?;
    autocast::register(m)?;
    module::register(m)?;
    overrides::register(m)?;
    profile::register(m)?;
    saved::register(m)?;
    dispatch::register(m)?;
    m.add_function(wrap_pyfunction!(error::_set_out_of_memory_error, m)?)?;
    m.add_function(wrap_pyfunction!(error::_set_linalg_error, m)?)?;
    m.add_function(wrap_pyfunction!(dispatch::_operators, m)?)?;
    m.add_function(wrap_pyfunction!(dispatch::_callables, m)?)?;
    m.add_function(wrap_pyfunction!(dispatch::_call, m)?)?;
    m.add_function(wrap_pyfunction!(dispatch::_cuda_text, m)?)?;
    m.add_function(wrap_pyfunction!(dlpack::_to_dlpack, m)?)?;
    m.add_function(wrap_pyfunction!(dlpack::_from_dlpack, m)?)?;
    m.add_function(wrap_pyfunction!(get_num_threads, m)?)?;
    m.add_function(wrap_pyfunction!(set_num_threads, m)?)?;
    Ok(())
}
