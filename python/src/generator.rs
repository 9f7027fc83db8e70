//! stub, replaced by the branch rand
use pyo3::prelude::*;
use rtorch::op::arg::SharedGenerator;
#[pyclass(name = "Generator", module = "torch", frozen)]
pub struct PyGenerator(pub SharedGenerator);
