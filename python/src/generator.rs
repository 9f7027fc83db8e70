//! `torch.Generator`: a stream of random numbers, shared with the operators that draw from it.

use crate::args::type_name;
use crate::error::IntoPy;
use crate::object::{tensor_of, wrap};
use crate::types::{PyDevice, device_of};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat};
use rtorch::kernels::cpu::random::{Generator, default_generator};
use rtorch::op::arg::SharedGenerator;
use rtorch::{DType, Device, Tensor};
use std::sync::Arc;

/// `torch.Generator`.
#[pyclass(name = "Generator", module = "torch", frozen, weakref)]
pub struct PyGenerator(pub SharedGenerator);

/// A seed: 64 bits, written with or without a sign.
fn seed_of(o: &Bound<'_, PyAny>) -> PyResult<u64> {
    let wrong = || PyRuntimeError::new_err(format!("manual_seed expected a long, but got {}", type_name(o)));
    if o.is_instance_of::<PyBool>() || o.is_instance_of::<PyFloat>() {
        return Err(wrong());
    }
    let i = o.call_method0("__index__").map_err(|_| wrong())?;
    if let Ok(u) = i.extract::<u64>() {
        return Ok(u);
    }
    i.extract::<i64>().map(|s| s as u64).map_err(|_| PyValueError::new_err("Overflow when unpacking long long"))
}

fn state_of(g: &SharedGenerator) -> rtorch::Result<Tensor> {
    let bytes = g.lock().state();
    Tensor::from_slice(&bytes, &[bytes.len() as i64])
}

#[pymethods]
impl PyGenerator {
    #[new]
    #[pyo3(signature = (device=None))]
    fn new(device: Option<&Bound<'_, PyAny>>) -> PyResult<PyGenerator> {
        let device = match device {
            None => Device::Cpu,
            Some(o) => device_of(o)?.ok_or_else(|| {
                PyTypeError::new_err(format!(
                    "Generator(): argument 'device' must be torch.device, not {}",
                    type_name(o)
                ))
            })?,
        };
        match device {
            Device::Cpu => Ok(PyGenerator(Arc::new(parking_lot::Mutex::new(Generator::default())))),
            Device::Meta => Err(PyRuntimeError::new_err("META device type not an accelerator.")),
            d => Err(rtorch::device::absent(d)).py(),
        }
    }

    /// Starts the stream of `seed`; returns this generator. Negative seeds count from 2**64 down.
    fn manual_seed<'py>(slf: Bound<'py, Self>, seed: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let seed = seed_of(seed)?;
        slf.get().0.lock().manual_seed(seed);
        Ok(slf)
    }

    /// Starts a stream that nobody can foresee; returns its seed.
    fn seed(&self) -> u64 {
        self.0.lock().seed()
    }

    /// The seed that the stream started from.
    fn initial_seed(&self) -> u64 {
        self.0.lock().initial_seed()
    }

    /// The state as a tensor of bytes, in PyTorch's layout.
    fn get_state(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        wrap(py, state_of(&self.0).py()?)
    }

    /// Takes over a state that `get_state` gave.
    fn set_state(&self, new_state: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(t) = tensor_of(new_state) else {
            return Err(PyTypeError::new_err(format!("expected a torch.ByteTensor, but got {}", type_name(new_state))));
        };
        if t.dtype() != DType::U8 || t.device() != Device::Cpu {
            return Err(PyTypeError::new_err("RNG state must be a torch.ByteTensor"));
        }
        let bytes = t.to_vec::<u8>().py()?;
        self.0.lock().set_state(&bytes).py()
    }

    /// A generator of its own that goes on from here.
    fn clone_state(&self) -> PyGenerator {
        let g = self.0.lock().clone();
        PyGenerator(Arc::new(parking_lot::Mutex::new(g)))
    }

    /// The device that it draws for.
    #[getter]
    fn device(&self) -> PyDevice {
        PyDevice { device: Device::Cpu, indexed: false }
    }

    fn __reduce__(slf: Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        crate::types::reduce(py, "reduce_generator", (slf,))
    }

    fn __setstate__(&self, state: (Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyAny>)) -> PyResult<()> {
        self.set_state(&state.2)
    }
}

/// Adds the class and the default generator to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyGenerator>()?;
    m.add("default_generator", Py::new(m.py(), PyGenerator(default_generator().clone()))?)
}
