//! The extension module `rtorch._C`.
#![allow(non_snake_case)]
use pyo3::prelude::*;
#[pymodule]
fn _C(_m: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
