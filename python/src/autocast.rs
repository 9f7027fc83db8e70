//! The switches of `torch.autocast`; `rtorch/amp/autocast_mode.py` has the contexts.

use crate::types::{PyDType, dtype_object, parse_device};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyTuple};
use rtorch::op::autocast;

/// The place among the switches of a device as text, "cuda" or "cuda:0"; None for kinds that have none.
fn find(device_type: &str) -> PyResult<Option<usize>> {
    let kind = device_type.split(':').next().unwrap_or(device_type);
    let found = autocast::KINDS.iter().position(|k| *k == kind);
    if found.is_none() || kind != device_type {
        parse_device(device_type)?;
    }
    Ok(found)
}

fn kind(device_type: &str) -> PyResult<usize> {
    find(device_type)?.ok_or_else(|| {
        PyRuntimeError::new_err("unknown device type for autocast in get_autocast_dispatch_key_from_device_type")
    })
}

/// Does autocast exist for this kind of device?
#[pyfunction]
fn _is_autocast_available(device_type: &str) -> PyResult<bool> {
    Ok(find(device_type)?.is_some())
}

/// Is autocast on? Without a device: for CUDA.
#[pyfunction]
#[pyo3(signature = (device_type=None))]
fn is_autocast_enabled(device_type: Option<&str>) -> PyResult<bool> {
    Ok(autocast::enabled(kind(device_type.unwrap_or("cuda"))?))
}

/// `set_autocast_enabled(device_type, enabled)`; without a device: for CUDA.
#[pyfunction]
#[pyo3(signature = (*args))]
fn set_autocast_enabled(args: &Bound<'_, PyTuple>) -> PyResult<()> {
    let (device, on) = match args.len() {
        1 => ("cuda".to_string(), args.get_item(0)?),
        2 => (args.get_item(0)?.extract()?, args.get_item(1)?),
        _ => {
            return Err(PyTypeError::new_err(format!(
                "set_autocast_enabled() received an invalid combination of arguments - got {} of them, but expected one of:\n \
                 * (str device_type, bool enabled)\n * (bool enabled)\n",
                args.len()
            )));
        }
    };
    let Ok(on) = on.cast::<PyBool>() else {
        return Err(PyTypeError::new_err(format!(
            "set_autocast_enabled(): argument 'enabled' (position {}) must be bool, not {}",
            args.len(),
            on.get_type().name()?
        )));
    };
    autocast::set_enabled(kind(&device)?, on.is_true());
    Ok(())
}

/// The lower precision of a kind of device.
#[pyfunction]
fn get_autocast_dtype(py: Python<'_>, device_type: &str) -> PyResult<Py<PyDType>> {
    match find(device_type)? {
        Some(k) => dtype_object(py, autocast::dtype(k)),
        None => Err(PyRuntimeError::new_err("unsupported scalarType")),
    }
}

/// Sets it.
#[pyfunction]
fn set_autocast_dtype(device_type: &str, dtype: &PyDType) -> PyResult<()> {
    autocast::set_dtype(kind(device_type)?, dtype.0);
    Ok(())
}

/// Are converted weights kept?
#[pyfunction]
fn is_autocast_cache_enabled() -> bool {
    autocast::caching()
}

/// Switches that.
#[pyfunction]
fn set_autocast_cache_enabled(enabled: bool) {
    autocast::set_caching(enabled);
}

/// One more context is entered; how many there are now.
#[pyfunction]
fn autocast_increment_nesting() -> i64 {
    autocast::nest(1)
}

/// One is left; how many there are now.
#[pyfunction]
fn autocast_decrement_nesting() -> i64 {
    autocast::nest(-1)
}

/// Forgets converted weights.
#[pyfunction]
fn clear_autocast_cache() {
    autocast::clear_cache();
}

/// Adds the functions.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(_is_autocast_available, m)?)?;
    m.add_function(wrap_pyfunction!(is_autocast_enabled, m)?)?;
    m.add_function(wrap_pyfunction!(set_autocast_enabled, m)?)?;
    m.add_function(wrap_pyfunction!(get_autocast_dtype, m)?)?;
    m.add_function(wrap_pyfunction!(set_autocast_dtype, m)?)?;
    m.add_function(wrap_pyfunction!(is_autocast_cache_enabled, m)?)?;
    m.add_function(wrap_pyfunction!(set_autocast_cache_enabled, m)?)?;
    m.add_function(wrap_pyfunction!(autocast_increment_nesting, m)?)?;
    m.add_function(wrap_pyfunction!(autocast_decrement_nesting, m)?)?;
    m.add_function(wrap_pyfunction!(clear_autocast_cache, m)?)
}
