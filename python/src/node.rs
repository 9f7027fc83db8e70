//! `grad_fn` objects: nodes of the graph as Python sees them.

use crate::callbacks::{PyHook, PyKeep};
use crate::error::carry;
use crate::object::{tensor_of, wrap as wrap_tensor};
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};
use rtorch::op::record::OpNode;
use rtorch::tensor::graph::{Grads, Node, NodeHook};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// A node. The Python class is made per name (`AddBackward0`), as in PyTorch.
#[pyclass(name = "Node", module = "torch.autograd.graph", subclass, frozen, dict, weakref)]
pub struct PyNode {
    pub node: Arc<Node>,
    me: AtomicPtr<()>,
}

impl Drop for PyNode {
    fn drop(&mut self) {
        let me = *self.me.get_mut();
        if !me.is_null() {
            _ = self.node.host.compare_exchange(me, std::ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

thread_local! {
    static PENDING: std::cell::Cell<Option<Arc<Node>>> = const { std::cell::Cell::new(None) };
}

static CLASSES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

/// The object of a node: the one that exists, or a new one of the class of its name.
pub fn wrap(py: Python<'_>, node: Arc<Node>) -> PyResult<Py<PyAny>> {
    let p = node.host.load(Ordering::Acquire).cast::<ffi::PyObject>();
    if !p.is_null() {
        // SAFETY: cleared under the GIL when the object dies; an object that is dying has a count of 0.
        unsafe {
            if ffi::Py_REFCNT(p) > 0 {
                return Ok(Bound::from_borrowed_ptr(py, p).unbind());
            }
        }
    }
    if let Some(f) = node.backward.as_ref().and_then(|b| b.as_any().downcast_ref::<crate::function::PyBackward>())
        && let Some(ctx) = f.context(py)
    {
        return Ok(ctx);
    }
    let classes = CLASSES.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    let name = node.name().to_string();
    let class = match classes.get_item(&name)? {
        Some(c) => c,
        None => {
            let dict = PyDict::new(py);
            dict.set_item("__module__", "torch.autograd.graph")?;
            dict.set_item("__slots__", PyTuple::empty(py))?;
            let c = py.get_type::<PyType>().call1((&name, (py.get_type::<PyNode>(),), dict))?;
            classes.set_item(&name, &c)?;
            c
        }
    };
    PENDING.set(Some(node));
    let o = class.call0();
    PENDING.set(None);
    let o = o?;
    let n = o.cast::<PyNode>()?.get();
    if n.node
        .host
        .compare_exchange(std::ptr::null_mut(), o.as_ptr().cast(), Ordering::AcqRel, Ordering::Relaxed)
        .is_ok()
    {
        n.me.store(o.as_ptr().cast(), Ordering::Relaxed);
    }
    Ok(o.unbind())
}

/// Shows the garbage collector what a node owns alone.
pub fn traverse(node: &Arc<Node>, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
    if Arc::strong_count(node) != 1 {
        return Ok(());
    }
    if let Some(k) = node.leaf_keep.as_ref().and_then(|k| k.as_any().downcast_ref::<PyKeep>()) {
        visit.call(&k.0)?;
    }
    if let Some(f) = node.backward.as_ref().and_then(|b| b.as_any().downcast_ref::<crate::function::PyBackward>()) {
        f.traverse(visit)?;
    }
    if let Some(hooks) = node.hooks.try_lock()
        && let Some(h) = hooks.as_ref()
    {
        for (_, hook) in h.pre.iter().chain(&h.post) {
            if let Some(h) = hook.as_any().downcast_ref::<PyNodeHook>() {
                visit.call(&h.0)?;
            }
        }
        for (_, _, hook) in &h.tensor {
            if let Some(h) = hook.as_any().downcast_ref::<PyHook>() {
                visit.call(&h.0)?;
            }
        }
    }
    Ok(())
}

/// A hook on a node, written in Python.
pub struct PyNodeHook(pub Py<PyAny>);

fn tuple<'py>(py: Python<'py>, g: &Grads) -> PyResult<Bound<'py, PyTuple>> {
    let items =
        g.iter().map(|t| t.as_ref().map(|t| wrap_tensor(py, t.clone())).transpose()).collect::<PyResult<Vec<_>>>()?;
    PyTuple::new(py, items)
}

/// Gradients that Python returned: a tensor, None, or a tuple of them.
pub fn grads_of(o: &Bound<'_, PyAny>) -> PyResult<Grads> {
    let one = |o: &Bound<'_, PyAny>| -> PyResult<Option<rtorch::Tensor>> {
        if o.is_none() {
            return Ok(None);
        }
        match tensor_of(o) {
            Some(t) => Ok(Some(t.clone())),
            None => Err(PyTypeError::new_err(format!("expected Variable or None (got {})", crate::args::type_name(o)))),
        }
    };
    match o.cast::<PyTuple>() {
        Ok(t) => t.iter().map(|x| one(&x)).collect(),
        Err(_) => match o.cast::<pyo3::types::PyList>() {
            Ok(l) => l.iter().map(|x| one(&x)).collect(),
            Err(_) => Ok(Grads::from_iter([one(o)?])),
        },
    }
}

impl NodeHook for PyNodeHook {
    fn call(&self, outputs: &Grads, inputs: Option<&Grads>) -> rtorch::Result<Option<Grads>> {
        Python::attach(|py| {
            let run = || -> PyResult<Option<Grads>> {
                let outs = tuple(py, outputs)?;
                let r = match inputs {
                    None => self.0.bind(py).call1((outs,))?,
                    Some(i) => self.0.bind(py).call1((tuple(py, i)?, outs))?,
                };
                if r.is_none() { Ok(None) } else { Ok(Some(grads_of(&r)?)) }
            };
            run().map_err(carry)
        })
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

static IDS: AtomicU64 = AtomicU64::new(1 << 40);

#[pymethods]
impl PyNode {
    #[new]
    fn new() -> PyResult<PyNode> {
        match PENDING.take() {
            Some(node) => Ok(PyNode { node, me: AtomicPtr::new(std::ptr::null_mut()) }),
            None => Err(PyTypeError::new_err("cannot create nodes of the graph")),
        }
    }
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if crate::object::unwritten(&self.node) {
            return Ok(());
        }
        traverse(&self.node, &visit)
    }
    fn __clear__(&self) {}
    fn name(&self) -> String {
        self.node.name().to_string()
    }
    fn __repr__(slf: &Bound<'_, Self>) -> String {
        format!("<{} object at {:#x}>", slf.get().node.name(), slf.as_ptr() as usize)
    }
    fn __hash__(&self) -> usize {
        Arc::as_ptr(&self.node) as usize
    }
    fn __eq__(&self, o: &Bound<'_, PyAny>) -> bool {
        o.cast::<PyNode>().is_ok_and(|n| Arc::ptr_eq(&n.get().node, &self.node))
    }
    #[getter]
    fn next_functions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let edges = self.node.edges.lock().clone();
        let items = edges
            .into_iter()
            .map(|e| match e {
                Some(e) => Ok((Some(wrap(py, e.node)?), e.index)),
                None => Ok((None, 0)),
            })
            .collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, items)
    }
    #[getter]
    fn variable(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match &self.node.leaf {
            Some(t) => wrap_tensor(py, t.clone()),
            None => {
                Err(PyAttributeError::new_err(format!("'{}' object has no attribute 'variable'", self.node.name())))
            }
        }
    }
    #[getter]
    fn metadata<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let d = slf.getattr("__dict__")?;
        if !d.contains("_metadata")? {
            d.set_item("_metadata", PyDict::new(slf.py()))?;
        }
        d.get_item("_metadata")
    }
    fn _sequence_nr(&self) -> u64 {
        self.node.seq
    }
    fn _add_hook(&self, hook: Py<PyAny>, pre: bool) -> u64 {
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let hook: Arc<dyn NodeHook> = Arc::new(PyNodeHook(hook));
        self.node.with_hooks(|h| if pre { &mut h.pre } else { &mut h.post }.push((id, hook)));
        id
    }
    fn _remove_hook(&self, id: u64) {
        let _late = self.node.with_hooks(|h| {
            let take = |v: &mut Vec<(u64, Arc<dyn NodeHook>)>| v.iter().position(|x| x.0 == id).map(|i| v.remove(i));
            (take(&mut h.pre), take(&mut h.post))
        });
    }
    fn register_hook<'py>(slf: &Bound<'py, Self>, hook: Py<PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let id = slf.get()._add_hook(hook, false);
        slf.py().import("rtorch.utils.hooks")?.getattr("NativeHandle")?.call1((slf, id))
    }
    fn register_prehook<'py>(slf: &Bound<'py, Self>, hook: Py<PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let id = slf.get()._add_hook(hook, true);
        slf.py().import("rtorch.utils.hooks")?.getattr("NativeHandle")?.call1((slf, id))
    }
    fn __getattr__(&self, py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
        if let Some(what) = name.strip_prefix("_saved_") {
            let node = self.node.backward.as_ref().and_then(|b| b.as_any().downcast_ref::<OpNode>());
            if let Some(t) = node.and_then(|n| n.saved(what)) {
                return wrap_tensor(py, t);
            }
        }
        Err(PyAttributeError::new_err(format!("'{}' object has no attribute '{name}'", self.node.name())))
    }
}
