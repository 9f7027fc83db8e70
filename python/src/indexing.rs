//! stub, replaced by the branch ix
use crate::error::IntoPy;
use crate::tensor::wrap;
use pyo3::prelude::*;
use rtorch::Tensor;
pub fn get(py: Python<'_>, t: &Tensor, index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let i: i64 = index.extract()?;
    wrap(py, rtorch::ops::select(t, 0, i).py()?)
}
pub fn set(_py: Python<'_>, t: &Tensor, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let i: i64 = index.extract()?;
    let v: f64 = value.extract()?;
    rtorch::ops::fill_(&rtorch::ops::select(t, 0, i).py()?, v.into()).py()?;
    Ok(())
}
