//! `torch.autograd.Function`, and the functions of `torch.autograd` that call the engine.

use crate::error::{IntoPy, carry};
use crate::node::{PyNode, grads_of, wrap as wrap_node};
use crate::object::{tensor_of, wrap};
use parking_lot::Mutex;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};
use rtorch::Tensor;
use rtorch::autograd::{self, Options};
use rtorch::op::record::{Saved, edge, needed, released};
use rtorch::tensor::graph::{Backward, Edge, Grads, Node};
use rtorch::tensor::{Creation, mode};
use std::any::Any;
use std::sync::Arc;

/// A recorded call of a custom Function: backward is the Python class's.
pub struct PyBackward {
    name: String,
    /// The context object (`ctx`), which is also `grad_fn`; let go by the garbage collector.
    ctx: Mutex<Option<Py<PyAny>>>,
    inputs: usize,
    saved: Arc<SavedTensors>,
}

/// What `save_for_backward` kept, shared by the node and its context.
#[derive(Default)]
struct SavedTensors {
    /// Each tensor, and the object of one that is not an output (a Parameter comes back as that Parameter). None once freed.
    list: Mutex<Option<Vec<Option<(Saved, Option<Py<PyAny>>)>>>>,
}

impl SavedTensors {
    /// Keeps these; those that `node` made without their history, so that there is no cycle.
    fn fill(&self, py: Python<'_>, tensors: &Bound<'_, PyTuple>, node: &Arc<Node>) -> PyResult<()> {
        let mut list = Vec::with_capacity(tensors.len());
        for o in tensors.iter() {
            if o.is_none() {
                list.push(None);
                continue;
            }
            let Some(t) = tensor_of(&o) else {
                return Err(PyTypeError::new_err(format!(
                    "save_for_backward can only save variables, but argument {} is of type {}",
                    list.len(),
                    crate::args::type_name(&o)
                )));
            };
            let of = t.with_auto(|a| a.grad_fn.clone()).filter(|e| Arc::ptr_eq(&e.node, node));
            list.push(Some(match of {
                Some(e) => (Saved::output(t, e.index), None),
                // What hooks have packed is not held on to beside them.
                None => (Saved::input(t), (!mode::packing()).then(|| o.clone().unbind())),
            }));
        }
        let _old = self.list.lock().replace(list);
        _ = py;
        Ok(())
    }

    fn unpack<'py>(&self, py: Python<'py>, node: Option<&Arc<Node>>) -> PyResult<Bound<'py, PyTuple>> {
        // Unpacked under the lock; Python objects are made after it.
        let tensors: Vec<Option<Tensor>> = {
            let lock = self.list.lock();
            let list = lock.as_ref().ok_or_else(released).py()?;
            let saved: Vec<Option<Saved>> = list.iter().map(|s| s.as_ref().map(|(s, _)| s.clone())).collect();
            drop(lock);
            let one = |s: &Option<Saved>| s.as_ref().map(|s| s.unpack_for(node)).transpose();
            saved.iter().map(one).collect::<rtorch::Result<_>>().py()?
        };
        let objects = tensors.into_iter().map(|t| t.map(|t| wrap(py, t)).transpose()).collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, objects)
    }
}

impl PyBackward {
    /// The context, as `grad_fn` shows it.
    pub fn context(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.ctx.lock().as_ref().map(|c| c.clone_ref(py))
    }

    /// For the garbage collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(c) = self.ctx.try_lock()
            && let Some(c) = c.as_ref()
        {
            visit.call(c)?;
        }
        Ok(())
    }
}

impl Backward for PyBackward {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self, _node: &Arc<Node>, grads: Grads) -> rtorch::Result<Grads> {
        Python::attach(|py| {
            let run = || -> PyResult<Grads> {
                let Some(ctx) = self.context(py) else {
                    return Err(PyRuntimeError::new_err("the context of a custom Function is gone"));
                };
                let items = grads
                    .iter()
                    .map(|g| g.as_ref().map(|g| wrap(py, g.clone())).transpose())
                    .collect::<PyResult<Vec<_>>>()?;
                let r = py
                    .import("rtorch.autograd.function")?
                    .call_method1("_run_backward", (ctx, PyTuple::new(py, items)?, self.inputs))?;
                grads_of(&r)
            };
            run().map_err(carry)
        })
    }

    fn release(&self) {
        // Python objects are dropped only while attached, and after the lock.
        Python::attach(|_| drop(self.saved.list.lock().take()));
    }

    fn wants_zeros(&self) -> bool {
        true
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for PyBackward {
    fn drop(&mut self) {
        // Python objects are dropped only while attached.
        let saved = std::mem::take(&mut self.saved);
        if let Some(c) = self.ctx.get_mut().take() {
            Python::attach(|_| drop((c, saved)));
        }
    }
}

/// Whether each of these is a tensor that requires a gradient, where recording is on.
#[pyfunction]
pub fn _needs_grad(args: &Bound<'_, PyTuple>) -> Vec<bool> {
    args.iter().map(|a| tensor_of(&a).is_some_and(|t| needed(&[t]) != 0)).collect()
}

/// Makes outputs of a custom Function the results of a node: `inputs` are the tensors among the arguments (None elsewhere),
/// `saved` what `save_for_backward` was given.
/// An output that is an input (or a view of one) is an alias first; outputs marked dirty were written in place.
#[pyfunction]
pub fn _attach_function<'py>(
    py: Python<'py>,
    name: &str,
    ctx: &Bound<'py, PyAny>,
    inputs: &Bound<'py, PyTuple>,
    outputs: &Bound<'py, PyTuple>,
    dirty: &Bound<'py, PyTuple>,
    non_differentiable: &Bound<'py, PyTuple>,
    saved: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyTuple>> {
    let edges = inputs
        .iter()
        .map(|i| tensor_of(&i).and_then(|t| if t.dtype().is_differentiable() { edge(t) } else { None }))
        .collect();
    let kept = Arc::new(SavedTensors::default());
    let backward = PyBackward {
        name: name.to_string(),
        ctx: Mutex::new(Some(ctx.clone().unbind())),
        inputs: inputs.len(),
        saved: kept.clone(),
    };
    let node = Node::new(Box::new(backward), edges);
    rtorch::op::record::note_forward(&node);
    let has = |list: &Bound<'py, PyTuple>, t: &Tensor| list.iter().any(|d| tensor_of(&d).is_some_and(|d| d.same(t)));
    let mut results: Vec<Bound<'py, PyAny>> = Vec::new();
    let mut tensors: Vec<Tensor> = Vec::new();
    let mut index = 0;
    for o in outputs.iter() {
        let Some(t) = tensor_of(&o) else {
            results.push(o.clone());
            continue;
        };
        let is_dirty = has(dirty, t);
        let is_input = inputs.iter().any(|i| tensor_of(&i).is_some_and(|i| i.same(t)));
        if is_dirty && t.requires_grad() && t.is_leaf() {
            return Err(PyRuntimeError::new_err(
                "a leaf Variable that requires grad is being used in an in-place operation.",
            ));
        }
        let (result, object) = if is_input && !is_dirty {
            let v = t.alias(t.layout());
            v.set_view(t, Creation::Custom, "Alias");
            (v.clone(), wrap(py, v)?.into_bound(py))
        } else {
            (t.clone(), o.clone())
        };
        if result.dtype().is_differentiable() && !has(non_differentiable, t) {
            if let Some(base) = result.base() {
                result.set_view(&base, Creation::Custom, "CustomFunction");
            }
            if is_dirty && result.base().is_some() {
                rtorch::op::record::rebase(&result, node.clone()).py()?;
            } else {
                result.set_grad_fn(Edge { node: node.clone(), index });
            }
        }
        tensors.push(result);
        results.push(object);
        index += 1;
    }
    node.describe(&tensors);
    kept.fill(py, saved, &node)?;
    ctx.setattr("_node", Py::new(py, NodeRef(Arc::downgrade(&node), kept))?)?;
    PyTuple::new(py, results)
}

/// What a context knows of its node: saved tensors, `next_functions` and `name()`, without keeping it alive.
#[pyclass(frozen)]
pub struct NodeRef(std::sync::Weak<Node>, Arc<SavedTensors>);

#[pymethods]
impl NodeRef {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(list) = self.1.list.try_lock() else { return Ok(()) };
        for (_, object) in list.iter().flatten().flatten() {
            if let Some(o) = object {
                visit.call(o)?;
            }
        }
        Ok(())
    }
    fn __clear__(&self) {
        let _late = self.1.list.try_lock().and_then(|mut l| l.take());
    }
    fn saved_tensors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.1.unpack(py, self.0.upgrade().as_ref())
    }
    fn next_functions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let edges = self.0.upgrade().map(|n| n.edges.lock().clone()).unwrap_or_default();
        let items = edges
            .into_iter()
            .map(|e| match e {
                Some(e) => Ok((Some(wrap_node(py, e.node)?), e.index)),
                None => Ok((None, 0)),
            })
            .collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, items)
    }
    fn name(&self) -> Option<String> {
        self.0.upgrade().map(|n| n.name().to_string())
    }
    fn _add_hook(&self, hook: Py<PyAny>, pre: bool) -> u64 {
        static IDS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1 << 50);
        let id = IDS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if let Some(n) = self.0.upgrade() {
            let hook = Arc::new(crate::node::PyNodeHook(hook));
            n.with_hooks(|h| if pre { &mut h.pre } else { &mut h.post }.push((id, hook)));
        }
        id
    }
    fn _remove_hook(&self, id: u64) {
        if let Some(n) = self.0.upgrade() {
            let _late = n.with_hooks(|h| h.post.iter().position(|x| x.0 == id).map(|i| h.post.remove(i)));
            let _late = n.with_hooks(|h| h.pre.iter().position(|x| x.0 == id).map(|i| h.pre.remove(i)));
        }
    }
}

/// The tensors of an argument that is a tensor or a sequence of them.
fn many(o: &Bound<'_, PyAny>) -> PyResult<Vec<Tensor>> {
    if let Some(t) = tensor_of(o) {
        return Ok(vec![t.clone()]);
    }
    o.try_iter()?
        .map(|i| {
            let i = i?;
            tensor_of(&i)
                .cloned()
                .ok_or_else(|| PyTypeError::new_err(format!("expected a Tensor, not {}", crate::args::type_name(&i))))
        })
        .collect()
}

/// Gradients that belong to outputs: a tensor, None, or a sequence.
fn many_grads(o: Option<&Bound<'_, PyAny>>, n: usize) -> PyResult<Vec<Option<Tensor>>> {
    let Some(o) = o.filter(|o| !o.is_none()) else { return Ok(vec![None; n]) };
    if let Some(t) = tensor_of(o) {
        return Ok(vec![Some(t.clone())]);
    }
    o.try_iter()?
        .map(|i| {
            let i = i?;
            if i.is_none() {
                return Ok(None);
            }
            match tensor_of(&i) {
                Some(t) => Ok(Some(t.clone())),
                None => Err(PyTypeError::new_err(format!(
                    "gradients can be either Tensors or None, but got {}",
                    crate::args::type_name(&i)
                ))),
            }
        })
        .collect()
}

/// `torch.autograd.backward`.
#[pyfunction]
#[pyo3(signature = (tensors, grad_tensors=None, retain_graph=None, create_graph=false, inputs=None))]
pub fn _backward(
    tensors: &Bound<'_, PyAny>,
    grad_tensors: Option<&Bound<'_, PyAny>>,
    retain_graph: Option<bool>,
    create_graph: bool,
    inputs: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let outs = many(tensors)?;
    let grads = many_grads(grad_tensors, outs.len())?;
    if grads.len() != outs.len() {
        return Err(PyRuntimeError::new_err(format!("got {} tensors and {} gradients", outs.len(), grads.len())));
    }
    let ins = inputs.map(many).transpose()?;
    if ins.as_ref().is_some_and(Vec::is_empty) {
        return Err(PyRuntimeError::new_err("'inputs' argument to backward cannot be empty."));
    }
    let o = Options { retain_graph: retain_graph.unwrap_or(create_graph), create_graph, allow_unused: true };
    autograd::backward(&outs, &grads, &ins.unwrap_or_default(), o).py()
}

/// `torch.autograd.grad` for flat arguments.
#[pyfunction]
#[pyo3(signature = (outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=false, allow_unused=None, materialize_grads=false))]
pub fn _grad<'py>(
    py: Python<'py>,
    outputs: &Bound<'py, PyAny>,
    inputs: &Bound<'py, PyAny>,
    grad_outputs: Option<&Bound<'py, PyAny>>,
    retain_graph: Option<bool>,
    create_graph: bool,
    allow_unused: Option<bool>,
    materialize_grads: bool,
) -> PyResult<Bound<'py, PyTuple>> {
    let (outs, ins) = (many(outputs)?, many(inputs)?);
    let grads = many_grads(grad_outputs, outs.len())?;
    if grads.len() != outs.len() {
        return Err(PyRuntimeError::new_err(format!("got {} tensors and {} gradients", outs.len(), grads.len())));
    }
    let o = Options {
        retain_graph: retain_graph.unwrap_or(create_graph),
        create_graph,
        allow_unused: allow_unused.unwrap_or(materialize_grads) || materialize_grads,
    };
    let got = autograd::grad(&outs, &ins, &grads, o).py()?;
    let items = got
        .into_iter()
        .zip(&ins)
        .map(|(g, i)| match g {
            Some(g) => wrap(py, g).map(Some),
            None if materialize_grads => {
                let z = Tensor::zeros(&i.sizes(), i.dtype(), i.device()).py()?;
                wrap(py, z).map(Some)
            }
            None => Ok(None),
        })
        .collect::<PyResult<Vec<_>>>()?;
    PyTuple::new(py, items)
}

/// Is recording on?
#[pyfunction]
pub fn is_grad_enabled() -> bool {
    mode::grad()
}

/// Switches recording; returns what it was.
#[pyfunction]
pub fn _set_grad_enabled(on: bool) -> bool {
    mode::set_grad(on)
}

/// Is this inference mode?
#[pyfunction]
pub fn is_inference_mode_enabled() -> bool {
    mode::inference()
}

/// Switches inference mode; returns what it was.
#[pyfunction]
pub fn _set_inference_mode(on: bool) -> bool {
    mode::set_inference(on)
}

/// Anomaly mode: 0 off, 1 on, 2 on with the check for NaN.
#[pyfunction]
pub fn _set_anomaly(v: u8) -> u8 {
    let old = mode::anomaly();
    mode::set_anomaly(v);
    old
}

/// The node that accumulates into a leaf's `.grad`.
#[pyfunction]
pub fn _accumulator(py: Python<'_>, t: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
    match tensor_of(t).and_then(edge) {
        Some(e) => Ok(Some(wrap_node(py, e.node)?)),
        None => Ok(None),
    }
}

/// Adds all this to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyNode>()?;
    m.add_function(wrap_pyfunction!(_needs_grad, m)?)?;
    m.add_function(wrap_pyfunction!(_attach_function, m)?)?;
    m.add_function(wrap_pyfunction!(_backward, m)?)?;
    m.add_function(wrap_pyfunction!(_grad, m)?)?;
    m.add_function(wrap_pyfunction!(is_grad_enabled, m)?)?;
    m.add_function(wrap_pyfunction!(_set_grad_enabled, m)?)?;
    m.add_function(wrap_pyfunction!(is_inference_mode_enabled, m)?)?;
    m.add_function(wrap_pyfunction!(_set_inference_mode, m)?)?;
    m.add_function(wrap_pyfunction!(_set_anomaly, m)?)?;
    m.add_function(wrap_pyfunction!(_accumulator, m)?)?;
    Ok(())
}
