//! Recording: which calls are recorded, and what their results then know of the graph. `saved.rs` keeps tensors for backward,
//! `node.rs` has the nodes of operators, `inplace.rs` rewrites histories. The walk over the graph is `autograd/engine.rs`.

mod inplace;
mod node;
mod saved;

use super::arg::Ctx;
use super::{Op, Rets, steps};
use crate::dtype::DType;
use crate::error::Result;
use crate::tensor::graph::{self, Edge, Node};
use crate::tensor::{Tensor, mode};
pub use inplace::*;
pub use node::*;
pub use saved::*;
use std::sync::Arc;

/// Which of these tensors require a gradient, as bits; 0 where nothing is recorded.
#[inline]
pub fn needed(tensors: &[&Tensor]) -> u32 {
    if !mode::grad() {
        return 0;
    }
    let mut mask = 0;
    for (i, t) in tensors.iter().enumerate() {
        mask |= (t.requires_grad() as u32) << i.min(31);
    }
    mask
}

/// Where the gradient of `t` goes.
pub fn edge(t: &Tensor) -> Option<Edge> {
    graph::edge_of(t)
}

/// PyTorch's node name: `max.dim` -> `MaxBackward0`, `log_softmax` -> `LogSoftmaxBackward0`.
pub fn node_name(op: &Op) -> String {
    if !op.node.is_empty() {
        return op.node.to_string();
    }
    let mut name = String::new();
    for part in op.python_name().trim_start_matches('_').split('_') {
        let mut chars = part.chars();
        if let Some(c) = chars.next() {
            name.extend(c.to_uppercase());
            name.push_str(chars.as_str());
        }
    }
    name + "Backward0"
}

/// Gives the nodes of a composite's results the name that PyTorch has for the whole.
#[cold]
pub fn name_last(cx: &Ctx, outs: &[Tensor]) {
    let given = tensors_of(cx.args);
    for t in outs {
        // A result that is its own argument has a node of somebody else.
        if given.iter().any(|g| g.same(t)) {
            continue;
        }
        t.with_auto(|a| {
            if let Some(e) = &a.grad_fn {
                _ = e.node.alias.set(cx.op.node);
            }
        });
    }
}

/// Zeros for output `k` of a node.
pub fn zeros_for(node: &Node, k: usize) -> Result<Tensor> {
    let meta = node.outs.lock().get(k).cloned();
    let Some(m) = meta else { bail!(Runtime, "{} has no output {k}", node.name()) };
    Tensor::zeros(&m.sizes, m.dtype, m.device)
}

/// A gradient in the shape and dtype of the input it is for: summed over what was broadcast.
pub fn fit(g: Tensor, sizes: &[i64], dtype: DType) -> Result<Tensor> {
    let (same_shape, same_type) = {
        let b = g.body();
        (b.layout.sizes.as_slice() == sizes, b.dtype == dtype)
    };
    if same_shape && same_type {
        return Ok(g);
    }
    let steps = steps::get()?;
    let g = if same_shape { g } else { (steps.sum_to)(&g, sizes)? };
    if same_type { Ok(g) } else { (steps.convert)(&g, dtype) }
}

/// Makes `outs` the outputs of a node.
pub fn attach(node: &Arc<Node>, outs: &[Tensor]) {
    for (i, t) in outs.iter().enumerate() {
        if t.dtype().is_differentiable() {
            t.set_grad_fn(Edge { node: node.clone(), index: i as u32 });
        }
    }
}

static TRACE: std::sync::OnceLock<fn() -> Option<String>> = std::sync::OnceLock::new();

/// Called once by the binding: the host's current line, for anomaly mode.
pub fn set_trace(f: fn() -> Option<String>) {
    _ = TRACE.set(f);
}

/// In anomaly mode, notes the forward line on the node.
pub fn note_forward(node: &Node) {
    if mode::anomaly() != 0
        && let Some(line) = TRACE.get().and_then(|f| f())
    {
        node.with_hooks(|h| h.traceback = Some(line));
    }
}

/// Installs what lower layers call back.
pub fn init() {
    graph::set_renew(inplace::renew);
}

/// Records a call whose outputs exist (kernels, views, reductions).
pub fn record(cx: &Ctx, outs: &[Tensor], tensors: &[&Tensor]) {
    let node = op_node(cx.op, cx.args, outs, tensors);
    attach(&node, outs);
}

/// Results of a call as a list.
pub fn rets(t: Tensor) -> Rets {
    let mut r = Rets::new();
    r.push(t);
    r
}
