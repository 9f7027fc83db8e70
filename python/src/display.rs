//! How tensors print.

use crate::object::tensor_of;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use rtorch::Device;

/// The text of a tensor as PyTorch prints it. `prefix` and `suffixes` come from the class.
#[pyfunction]
pub fn _body_text(t: &Bound<'_, PyAny>, indent: usize, suffixes: Vec<String>) -> PyResult<String> {
    let Some(t) = tensor_of(t) else { return Err(PyTypeError::new_err("expected a Tensor")) };
    let b = t.body().clone();
    let options = rtorch::tensor::display::options();
    if b.storage.device() != Device::Cpu {
        return Ok(rtorch::tensor::display::finish("...", indent, &suffixes, &options));
    }
    let view = rtorch::tensor::display::View {
        ptr: b.ptr(),
        dtype: b.dtype,
        sizes: &b.layout.sizes,
        strides: &b.layout.strides,
    };
    Ok(rtorch::tensor::display::body(&view, indent, &suffixes, &options))
}

/// Sets how tensors print.
#[pyfunction]
pub fn _set_print_options(
    precision: usize,
    threshold: f64,
    edgeitems: usize,
    linewidth: usize,
    sci_mode: Option<bool>,
) {
    rtorch::tensor::display::set_options(rtorch::tensor::display::PrintOptions {
        precision,
        threshold,
        edgeitems,
        linewidth,
        sci_mode,
    });
}

/// Adds all this to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    for f in [wrap_pyfunction!(_body_text, m)?, wrap_pyfunction!(_set_print_options, m)?] {
        m.add_function(f)?;
    }
    Ok(())
}
