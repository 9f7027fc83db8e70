//! The methods of `Tensor` that are no operators: what a tensor is, its place in autograd, Python's protocols.

use crate::callbacks::{PyHook, PyKeep};
use crate::error::IntoPy;
use crate::object::{PENDING, PyTensor, tensor_of, unwritten, wrap, wrap_as};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};
use rtorch::Tensor;
use rtorch::tensor::Hook;
use std::sync::Arc;

#[pymethods]
impl PyTensor {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(py: Python<'_>, args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<PyTensor> {
        if let Some(t) = PENDING.take() {
            return Ok(PyTensor::new_unregistered(t));
        }
        crate::convert::legacy_constructor(py, args, kwargs).map(PyTensor::new_unregistered)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // What the handle holds is this object's to give away only while nobody else holds the handle: a graph may.
        if unwritten(&self.t) || self.t.ref_count() != 1 {
            return Ok(());
        }
        self.t
            .try_auto(|a| {
                if let Some(k) = a.grad_keep.as_ref().and_then(|k| k.as_any().downcast_ref::<PyKeep>()) {
                    visit.call(&k.0)?;
                }
                // Where there is a node, it holds the same hooks: a reference may be visited only once.
                let own = if a.grad_fn.is_none() { a.hooks() } else { &[] };
                for (_, h) in own.iter().chain(a.post_hooks()) {
                    if let Some(h) = h.as_any().downcast_ref::<PyHook>() {
                        visit.call(&h.0)?;
                    }
                }
                if let Some(e) = &a.grad_fn {
                    crate::node::traverse(&e.node, &visit)?;
                }
                Ok(())
            })
            .unwrap_or(Ok(()))
    }

    fn __clear__(&self) {
        if unwritten(&self.t) || self.t.ref_count() != 1 {
            return;
        }
        // Taken out under the slot's lock, dropped after it.
        let _late = self.t.try_auto(|a| {
            (
                a.grad_keep.take(),
                a.grad.take(),
                a.rare.as_mut().map(|r| (std::mem::take(&mut r.hooks), std::mem::take(&mut r.post_hooks))),
                a.grad_fn.take(),
            )
        });
    }

    /// A tensor of class `cls` on the memory of `data`.
    #[staticmethod]
    #[pyo3(signature = (cls, data, requires_grad=false))]
    fn _make_subclass(
        py: Python<'_>,
        cls: &Bound<'_, PyType>,
        data: &Bound<'_, PyTensor>,
        requires_grad: bool,
    ) -> PyResult<Py<PyAny>> {
        let t = data.get().t.detached();
        if requires_grad {
            t.set_requires_grad(true).py()?;
        }
        wrap_as(py, cls, t)
    }

    /// A view of the whole tensor as an object of class `cls`.
    fn as_subclass(&self, py: Python<'_>, cls: &Bound<'_, PyType>) -> PyResult<Py<PyAny>> {
        let t = rtorch::ops::_alias(&self.t).py()?;
        wrap_as(py, cls, t)
    }

    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        crate::types::shape(py, &self.t)
    }

    #[pyo3(signature = (dim=None))]
    fn size<'py>(&self, py: Python<'py>, dim: Option<i64>) -> PyResult<Bound<'py, PyAny>> {
        // Copied out of the lock: making a Python object may run the garbage collector, and that anything.
        let Some(d) = dim else { return crate::types::shape(py, &self.t) };
        let size = {
            let b = self.t.body();
            b.layout.sizes[wrap_strict(d, b.layout.ndim())?]
        };
        Ok(size.into_pyobject(py)?.into_any())
    }

    #[pyo3(signature = (dim=None))]
    fn stride<'py>(&self, py: Python<'py>, dim: Option<i64>) -> PyResult<Bound<'py, PyAny>> {
        let strides = self.t.layout().strides;
        match dim {
            None => Ok(PyTuple::new(py, strides.iter())?.into_any()),
            Some(d) => Ok(strides[wrap_strict(d, strides.len())?].into_pyobject(py)?.into_any()),
        }
    }

    fn dim(&self) -> usize {
        self.t.ndim()
    }
    fn ndimension(&self) -> usize {
        self.t.ndim()
    }
    #[getter]
    fn ndim(&self) -> usize {
        self.t.ndim()
    }
    fn numel(&self) -> i64 {
        self.t.numel()
    }
    fn nelement(&self) -> i64 {
        self.t.numel()
    }
    fn element_size(&self) -> usize {
        self.t.dtype().size()
    }
    #[getter]
    fn itemsize(&self) -> usize {
        self.t.dtype().size()
    }
    #[getter]
    fn nbytes(&self) -> i64 {
        self.t.numel() * self.t.dtype().size() as i64
    }
    fn storage_offset(&self) -> i64 {
        self.t.layout().offset
    }
    fn data_ptr(&self) -> PyResult<usize> {
        if self.t.is_sparse() {
            return Err(no_pointer());
        }
        let b = self.t.body();
        Ok(if b.numel == 0 { 0 } else { b.ptr() as usize })
    }
    #[pyo3(signature = (memory_format=None))]
    fn is_contiguous(&self, memory_format: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let Some(f) = memory_format.and_then(crate::args::format_of) else { return Ok(self.t.is_contiguous()) };
        let l = self.t.layout();
        if matches!((f, l.ndim()), (rtorch::op::arg::Format::ChannelsLast, n) if n != 4)
            || matches!((f, l.ndim()), (rtorch::op::arg::Format::ChannelsLast3d, n) if n != 5)
        {
            return Ok(false);
        }
        Ok(rtorch::ops::copy::strides_for(&l, f).py()?.is_none_or(|s| rtorch::ops::copy::same_strides(&l, &s)))
    }
    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<crate::types::PyDType>> {
        crate::types::dtype_object(py, self.t.dtype())
    }
    #[getter]
    fn device(&self, py: Python<'_>) -> PyResult<Py<crate::types::PyDevice>> {
        crate::types::device_object(py, self.t.device())
    }
    #[getter]
    fn T(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let back: rtorch::shape::Dims = (0..self.t.ndim() as i64).rev().collect();
        wrap(py, rtorch::ops::permute(&self.t, &back).py()?)
    }
    #[getter]
    fn is_cuda(&self) -> bool {
        matches!(self.t.device(), rtorch::Device::Cuda(_))
    }
    #[getter]
    fn is_cpu(&self) -> bool {
        self.t.device() == rtorch::Device::Cpu
    }
    #[getter]
    fn is_meta(&self) -> bool {
        self.t.device() == rtorch::Device::Meta
    }
    #[getter]
    fn is_sparse(&self) -> bool {
        self.t.is_sparse()
    }
    #[getter]
    fn is_quantized(&self) -> bool {
        false
    }
    #[getter]
    fn is_mkldnn(&self) -> bool {
        false
    }
    #[getter]
    fn is_nested(&self) -> bool {
        false
    }
    fn is_floating_point(&self) -> bool {
        self.t.dtype().is_float()
    }
    fn is_complex(&self) -> bool {
        self.t.dtype().is_complex()
    }
    fn is_signed(&self) -> bool {
        !matches!(self.t.dtype(), rtorch::DType::Bool | rtorch::DType::U8)
    }
    fn is_inference(&self) -> bool {
        self.t.is_inference()
    }
    fn is_conj(&self) -> bool {
        false
    }
    fn is_neg(&self) -> bool {
        false
    }
    // ---- autograd ----

    #[getter]
    fn requires_grad(&self) -> bool {
        self.t.requires_grad()
    }
    #[setter]
    fn set_requires_grad(&self, on: bool) -> PyResult<()> {
        // PyTorch's three doors to this refusal differ in a word or two.
        let sentence = |t: &str| t.replacen("Only", "only", 1);
        self.t.set_requires_grad(on).map_err(|e| e.map_text(sentence)).py()
    }
    #[pyo3(signature = (requires_grad=true))]
    fn requires_grad_<'py>(slf: Bound<'py, Self>, requires_grad: bool) -> PyResult<Bound<'py, Self>> {
        let sentence =
            |t: &str| t.replacen("Only", "only", 1).replacen("floating point and complex", "floating point", 1);
        slf.get().t.set_requires_grad(requires_grad).map_err(|e| e.map_text(sentence)).py()?;
        Ok(slf)
    }
    #[getter]
    fn is_leaf(&self) -> bool {
        self.t.is_leaf()
    }
    #[getter]
    fn _version(&self) -> u32 {
        self.t.version()
    }
    #[getter]
    fn output_nr(&self) -> u32 {
        self.t.with_auto(|a| a.grad_fn.as_ref().map(|e| e.index)).unwrap_or(0)
    }
    #[getter]
    fn retains_grad(&self) -> bool {
        self.t.with_auto(|a| a.retains_grad())
    }

    #[getter]
    fn grad(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let Some(g) = self.t.grad() else {
            return Ok(None);
        };
        let o = wrap(py, g)?;
        // From now on the slot holds the object: `x.grad is x.grad`, and what is set on it stays.
        let keep = Box::new(PyKeep(o.clone_ref(py)));
        let _old = self.t.with_auto_mut(|a| if a.grad_keep.is_none() { a.grad_keep.replace(keep) } else { None });
        Ok(Some(o))
    }
    #[setter]
    fn set_grad(&self, py: Python<'_>, value: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        let Some(v) = value.filter(|v| !v.is_none()) else {
            self.t.set_grad(None);
            return Ok(());
        };
        let Some(g) = tensor_of(&v) else {
            return Err(PyTypeError::new_err(format!(
                "assigned grad expected to be a Tensor or None but got grad of type {}",
                crate::args::type_name(&v)
            )));
        };
        if g.same(&self.t) {
            return Err(PyRuntimeError::new_err("can't assign Variable as its own grad"));
        }
        if g.dtype() != self.t.dtype() {
            return Err(PyRuntimeError::new_err(format!(
                "assigned grad has data of a different type: the tensor is torch.{}, the gradient torch.{}",
                self.t.dtype().name(),
                g.dtype().name()
            )));
        }
        if g.sizes() != self.t.sizes() {
            return Err(PyRuntimeError::new_err(format!(
                "assigned grad has data of a different size: the tensor has shape {}, the gradient {}",
                rtorch::shape::show(&self.t.sizes()),
                rtorch::shape::show(&g.sizes())
            )));
        }
        self.t.set_grad(Some(g.clone()));
        let keep = Box::new(PyKeep(v.clone().unbind()));
        let _old = self.t.with_auto_mut(|a| a.grad_keep.replace(keep));
        _ = py;
        Ok(())
    }
    #[deleter]
    fn delete_grad(&self) {
        self.t.set_grad(None);
    }

    #[getter]
    fn data(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        wrap(py, self.t.data())
    }
    #[setter]
    fn set_data(&self, value: &Bound<'_, PyTensor>) -> PyResult<()> {
        let b = value.get().t.body().clone();
        if self.t.requires_grad() && !b.dtype.is_differentiable() {
            return Err(PyRuntimeError::new_err(
                "data set to a tensor that requires gradients must be floating point or complex dtype",
            ));
        }
        self.t.replace(b.storage, b.layout, b.dtype);
        Ok(())
    }

    #[getter]
    fn grad_fn(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        rtorch::tensor::graph::refresh(&self.t);
        match self.t.with_auto(|a| a.grad_fn.clone()) {
            Some(e) => Ok(Some(crate::node::wrap(py, e.node)?)),
            None => Ok(None),
        }
    }
    #[getter]
    fn _base(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.t.base().map(|b| wrap(py, b)).transpose()
    }
    fn _is_view(&self) -> bool {
        self.t.base().is_some()
    }
    fn detach_<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        detach_in_place(&slf.get().t)?;
        Ok(slf)
    }
    fn retain_grad(&self) -> PyResult<()> {
        if !self.t.requires_grad() {
            return Err(PyRuntimeError::new_err("can't retain_grad on Tensor that has requires_grad=False"));
        }
        self.t.retain_grad();
        Ok(())
    }
    /// Adds a hook; the number is for `_remove_hook`.
    fn _add_hook(&self, hook: Py<PyAny>, post_accumulate: bool) -> PyResult<u64> {
        if !self.t.requires_grad() {
            return Err(PyRuntimeError::new_err("cannot register a hook on a tensor that doesn't require gradient"));
        }
        let hook: Arc<dyn Hook> = Arc::new(PyHook(hook));
        if post_accumulate && !self.t.is_leaf() {
            return Err(PyRuntimeError::new_err("post accumulate grad hooks cannot be registered on non-leaf tensors"));
        }
        Ok(self.t.add_hook(hook, post_accumulate))
    }
    fn _remove_hook(&self, id: u64) {
        self.t.remove_hook(id);
    }

    /// Another dtype or device, in any of the ways that PyTorch takes them; the tensor itself if it is so already.
    #[pyo3(signature = (*args, dtype=None, device=None, non_blocking=false, copy=false, memory_format=None))]
    fn to(
        slf: &Bound<'_, Self>,
        args: &Bound<'_, PyTuple>,
        dtype: Option<&Bound<'_, PyAny>>,
        device: Option<&Bound<'_, PyAny>>,
        non_blocking: bool,
        copy: bool,
        memory_format: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        if crate::overrides::active() {
            let kwargs = PyDict::new(slf.py());
            for (name, v) in [("dtype", dtype), ("device", device), ("memory_format", memory_format)] {
                v.map(|v| kwargs.set_item(name, v)).transpose()?;
            }
            for (name, v) in [("non_blocking", non_blocking), ("copy", copy)] {
                v.then(|| kwargs.set_item(name, v)).transpose()?;
            }
            let all: Vec<Bound<'_, PyAny>> = std::iter::once(slf.as_any().clone()).chain(args.iter()).collect();
            let f = slf.py().get_type::<PyTensor>().getattr("to")?;
            if let Some(r) = crate::overrides::ask(&f, &PyTuple::new(slf.py(), all)?, Some(&kwargs))? {
                return Ok(r);
            }
        }
        _ = tensor_of(slf.as_any());
        crate::convert::to(slf, args, (dtype, device), (non_blocking, copy), memory_format)
    }

    // ---- elements ----

    fn item(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if self.t.is_sparse() && self.t.numel() == 1 {
            return crate::convert::number(py, rtorch::ops::to_dense(&self.t, None, None).py()?.item().py()?);
        }
        crate::convert::number(py, self.t.item().py()?)
    }
    fn tolist(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if self.t.is_sparse() {
            return Err(no_pointer());
        }
        crate::convert::to_list(py, &self.t)
    }
    fn __bool__(&self) -> PyResult<bool> {
        let n = self.t.numel();
        if n != 1 {
            let which = if n == 0 { "no values" } else { "more than one value" };
            return Err(crate::error::raise(rtorch::err!(
                Runtime,
                "Boolean value of Tensor with {which} is ambiguous\nbool() of a tensor of shape {}: use .any() or .all(), or \
                 torch.where for a choice by element; if it came from Python's max() or min(), use x.max() or x.min().",
                rtorch::shape::show(&self.t.sizes())
            )));
        }
        Ok(self.t.item().py()?.truth())
    }
    fn __len__(&self) -> PyResult<usize> {
        self.t.sizes().first().map(|&n| n as usize).ok_or_else(|| PyTypeError::new_err("len() of a 0-d tensor"))
    }
    fn __float__(&self) -> PyResult<f64> {
        let s = self.one()?;
        if s.im() != 0.0 {
            return Err(PyRuntimeError::new_err("value cannot be converted to type double without overflow"));
        }
        Ok(s.f64())
    }
    fn __int__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let s = self.one()?;
        if let rtorch::Scalar::Float(f) = s {
            // Python's own rules for infinities, NaN and large numbers.
            return Ok(py.get_type::<pyo3::types::PyInt>().call1((f,))?.unbind());
        }
        Ok(s.i64().into_pyobject(py)?.into_any().unbind())
    }
    fn __index__(&self) -> PyResult<i64> {
        if self.t.numel() != 1 || !self.t.dtype().is_integral() {
            return Err(PyTypeError::new_err("only integer tensors of a single element can be converted to an index"));
        }
        Ok(self.t.item().py()?.i64())
    }
    fn __complex__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyComplex>> {
        let s = self.one()?;
        Ok(pyo3::types::PyComplex::from_doubles(py, s.f64(), s.im()))
    }
    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        (slf.as_ptr() as isize) >> 4
    }
    fn __getitem__(slf: &Bound<'_, Self>, index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if let Some(r) = crate::dispatch::overridden_method("__getitem__", &[slf.as_any(), index])? {
            return Ok(r);
        }
        _ = tensor_of(slf.as_any());
        crate::indexing::get(slf.py(), &slf.get().t, index)
    }
    fn __setitem__(slf: &Bound<'_, Self>, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if crate::dispatch::overridden_method("__setitem__", &[slf.as_any(), index, value])?.is_some() {
            return Ok(());
        }
        _ = tensor_of(slf.as_any());
        crate::indexing::set(slf.py(), &slf.get().t, index, value)
    }
    fn __delitem__(&self, _index: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(PyTypeError::new_err("Tensor does not support deleting items"))
    }

    // ---- operators: slots, so that they are quick ----

    fn __add__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::add::OP, false)
    }
    fn __radd__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::add::OP, false)
    }
    fn __sub__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::sub::OP, false)
    }
    fn __rsub__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::rsub::OP, false)
    }
    fn __mul__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::mul::OP, false)
    }
    fn __rmul__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::mul::OP, false)
    }
    fn __truediv__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::div::OP, false)
    }
    fn __rtruediv__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::reversed_div(slf.as_any(), o)
    }
    fn __floordiv__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::floor_divide::OP, false)
    }
    fn __rfloordiv__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::floor_divide::OP, true)
    }
    fn __mod__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::remainder::OP, false)
    }
    fn __rmod__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::remainder::OP, true)
    }
    fn __pow__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>, _modulo: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        let op = if tensor_of(o).is_some() { &rtorch::ops::pow::OP } else { &rtorch::ops::pow_scalar::OP };
        crate::dispatch::binary(slf.as_any(), o, op, false)
    }
    fn __rpow__(
        slf: &Bound<'_, Self>,
        o: &Bound<'_, PyAny>,
        _modulo: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::pow::OP, true)
    }
    fn __matmul__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::matmul::matmul::OP, false)
    }
    fn __rmatmul__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::matmul::matmul::OP, true)
    }
    fn __and__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_and::OP, false)
    }
    fn __rand__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_and::OP, false)
    }
    fn __or__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_or::OP, false)
    }
    fn __ror__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_or::OP, false)
    }
    fn __xor__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_xor::OP, false)
    }
    fn __rxor__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_xor::OP, false)
    }
    fn __lshift__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_left_shift::OP, false)
    }
    fn __rlshift__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_left_shift::OP, true)
    }
    fn __rshift__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_right_shift::OP, false)
    }
    fn __rrshift__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::dispatch::binary(slf.as_any(), o, &rtorch::ops::bitwise_right_shift::OP, true)
    }
    fn __neg__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        crate::dispatch::unary(slf.as_any(), &rtorch::ops::neg::OP)
    }
    fn __pos__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        crate::dispatch::unary(slf.as_any(), &rtorch::ops::positive::OP)
    }
    fn __abs__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        crate::dispatch::unary(slf.as_any(), &rtorch::ops::abs::OP)
    }
    fn __invert__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        crate::dispatch::unary(slf.as_any(), &rtorch::ops::bitwise_not::OP)
    }
    fn __richcmp__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>, how: pyo3::pyclass::CompareOp) -> PyResult<Py<PyAny>> {
        use pyo3::pyclass::CompareOp::*;
        let op = match how {
            Lt => &rtorch::ops::lt::OP,
            Le => &rtorch::ops::le::OP,
            Eq => &rtorch::ops::eq::OP,
            Ne => &rtorch::ops::ne::OP,
            Gt => &rtorch::ops::gt::OP,
            Ge => &rtorch::ops::ge::OP,
        };
        crate::dispatch::binary(slf.as_any(), o, op, false)
    }
    fn __iadd__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::add::OP)
    }
    fn __isub__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::sub::OP)
    }
    fn __imul__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::mul::OP)
    }
    fn __itruediv__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::div::OP)
    }
    fn __ifloordiv__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::floor_divide::OP)
    }
    fn __imod__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::remainder::OP)
    }
    fn __ipow__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>, _modulo: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let op = if tensor_of(o).is_some() { &rtorch::ops::pow::OP } else { &rtorch::ops::pow_scalar::OP };
        crate::dispatch::inplace(slf.as_any(), o, op)
    }
    fn __iand__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::bitwise_and::OP)
    }
    fn __ior__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::bitwise_or::OP)
    }
    fn __ixor__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::bitwise_xor::OP)
    }
    fn __ilshift__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::bitwise_left_shift::OP)
    }
    fn __irshift__(slf: &Bound<'_, Self>, o: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::dispatch::inplace(slf.as_any(), o, &rtorch::ops::bitwise_right_shift::OP)
    }
}

impl PyTensor {
    fn one(&self) -> PyResult<rtorch::Scalar> {
        if self.t.numel() != 1 {
            return Err(pyo3::exceptions::PyValueError::new_err(
                "only one element tensors can be converted to Python scalars",
            ));
        }
        self.t.item().py()
    }
}

/// A dimension as `size(dim)` takes it.
fn wrap_strict(d: i64, ndim: usize) -> PyResult<usize> {
    let i = rtorch::shape::wrap_dim(d, ndim).py()?;
    if i >= ndim {
        return Err(pyo3::exceptions::PyIndexError::new_err(format!(
            "Dimension specified as {d} but tensor has no dimensions"
        )));
    }
    Ok(i)
}

/// `detach_`.
pub fn detach_in_place(t: &Tensor) -> PyResult<()> {
    if t.base().is_some() {
        return Err(PyRuntimeError::new_err(
            "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on these gradients.",
        ));
    }
    t.clear_history();
    Ok(())
}

/// A sparse tensor has no address.
#[cold]
fn no_pointer() -> PyErr {
    crate::error::raise(rtorch::err!(
        Runtime,
        "Cannot access data pointer of Tensor that doesn't have storage\nThe tensor is sparse: use .to_dense(), or its \
         .indices() and .values()."
    ))
}
