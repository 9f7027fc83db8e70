//! Tensors kept for backward: with the version they had, or as the host's hooks packed them.

use super::edge;
use crate::error::{Error, Result};
use crate::tensor::graph::{Edge, Node};
use crate::tensor::{Tensor, mode};
use std::sync::Arc;

/// What the host's `saved_tensors_hooks` put in the place of a saved tensor.
pub trait Packed: Send + Sync {
    /// The tensor again.
    fn unpack(&self) -> Result<Tensor>;
    /// For the binding.
    fn as_any(&self) -> &dyn std::any::Any;
}

static PACKER: std::sync::OnceLock<fn(&Tensor) -> Result<Arc<dyn Packed>>> = std::sync::OnceLock::new();

/// Called once by the binding: asked for each tensor that is saved while [`mode::packing`] is on.
pub fn set_packer(f: fn(&Tensor) -> Result<Arc<dyn Packed>>) {
    _ = PACKER.set(f);
}

/// A tensor kept for backward, with the version it had.
#[derive(Clone)]
pub struct Saved {
    held: Held,
    version: u32,
    /// Which output of the node it is; its grad_fn is put back when it is unpacked, so that there is no cycle.
    output: Option<u32>,
}

#[derive(Clone)]
enum Held {
    Tensor(Tensor),
    // Boxed: saved tensors are many, and packed ones rare. With it, where the gradient of an argument goes.
    Packed(Arc<(Arc<dyn Packed>, Option<Edge>)>),
    /// The host's hook failed: said when the call is over, see [`take_failure`].
    Failed,
}

thread_local! {
    static FAILURE: std::cell::RefCell<Option<Error>> = const { std::cell::RefCell::new(None) };
}

/// What a hook that packs saved tensors failed with since the last time; `call.rs` asks where packing is on.
pub fn take_failure() -> Option<Error> {
    FAILURE.with(|f| f.borrow_mut().take())
}

#[cold]
fn pack(t: &Tensor, edge: Option<Edge>) -> Held {
    let Some(packer) = PACKER.get() else { return Held::Tensor(t.clone()) };
    // What the hooks themselves compute is not packed again.
    mode::set_packing(false);
    let packed = packer(t);
    mode::set_packing(true);
    match packed {
        Ok(p) => Held::Packed(Arc::new((p, edge))),
        Err(e) => {
            FAILURE.with(|f| _ = f.borrow_mut().get_or_insert(e));
            Held::Failed
        }
    }
}

impl Saved {
    /// An argument.
    pub fn input(t: &Tensor) -> Saved {
        let version = t.version();
        Saved { held: if mode::packing() { pack(t, edge(t)) } else { Held::Tensor(t.clone()) }, version, output: None }
    }

    /// A result: kept without its history.
    pub fn output(t: &Tensor, index: u32) -> Saved {
        let (t, version) = (t.detached(), t.version());
        Saved { held: if mode::packing() { pack(&t, None) } else { Held::Tensor(t) }, version, output: Some(index) }
    }

    /// Is it in the host's hands? Then it is unpacked while no lock is held.
    pub fn is_packed(&self) -> bool {
        !matches!(self.held, Held::Tensor(_))
    }

    /// The tensor again, if nobody wrote to it meanwhile.
    pub fn unpack(&self, node: &Arc<Node>) -> Result<Tensor> {
        self.unpack_for(Some(node))
    }

    /// As [`Saved::unpack`], where the node may be gone already: an output is then without its history.
    pub fn unpack_for(&self, node: Option<&Arc<Node>>) -> Result<Tensor> {
        let tensor = match &self.held {
            Held::Tensor(t) => t,
            Held::Packed(p) => {
                let t = p.0.unpack()?.detached();
                if t.dtype().is_differentiable()
                    && let Some(edge) = self.own_edge(node).or_else(|| p.1.clone())
                {
                    t.set_grad_fn(edge);
                }
                return Ok(t);
            }
            Held::Failed => return Err(released()),
        };
        let now = tensor.version();
        if now != self.version {
            return Err(self.modified(tensor, node, now));
        }
        if self.output.is_none() {
            return Ok(tensor.clone());
        }
        let t = tensor.detached();
        if t.dtype().is_differentiable()
            && let Some(edge) = self.own_edge(node)
        {
            t.set_grad_fn(edge);
        }
        Ok(t)
    }

    /// Where the gradient of an output goes: to the node itself.
    fn own_edge(&self, node: Option<&Arc<Node>>) -> Option<Edge> {
        Some(Edge { node: node?.clone(), index: self.output? })
    }

    /// The tensor as it is, for the binding's `_saved_...` attributes.
    pub fn peek(&self) -> Option<Tensor> {
        if let Held::Tensor(t) = &self.held { Some(t.clone()) } else { self.unpack_for(None).ok() }
    }

    #[cold]
    fn modified(&self, tensor: &Tensor, node: Option<&Arc<Node>>, now: u32) -> Error {
        let b = tensor.body();
        // The function's name without its `Backward0`, as PyTorch tells it.
        let plain = |n: &Arc<Node>| {
            let name = n.name();
            name.split_once("Backward").map_or(name, |(head, _)| head).to_string()
        };
        let (of, k) = match (self.output, tensor.with_auto(|a| a.grad_fn.clone())) {
            (Some(k), _) => (node.map(plain).unwrap_or_default(), k),
            (None, Some(e)) => (plain(&e.node), e.index),
            (None, None) => (String::new(), 0),
        };
        let which = if of.is_empty() { String::new() } else { format!(", which is output {k} of {of},") };
        let line = node.and_then(|n| n.with_hooks(|h| h.traceback.clone()));
        let hint = match line {
            Some(l) => format!(
                "Hint: the backtrace further above shows the operation that failed to compute its gradient. The variable in \
                 question was changed in there or anywhere later. Good luck!\n{l}"
            ),
            None => "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with \
                     torch.autograd.set_detect_anomaly(True, check_nan=False).\nBackward needs the tensor as it was: write what \
                     changed it out of place (y = y + 1 instead of y += 1), or change a clone()."
                .to_string(),
        };
        err!(
            Runtime,
            "one of the variables needed for gradient computation has been modified by an inplace operation: \
             [torch.{}Tensor {}]{which} is at version {now}; expected version {} instead. {hint}",
            b.dtype.c10_name(),
            crate::shape::show(&b.layout.sizes),
            self.version
        )
    }
}

/// What a second backward through a freed graph says.
#[cold]
pub fn released() -> Error {
    err!(
        Runtime,
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). \
         Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if \
         you need to backward through the graph a second time or if you need to access saved tensors after calling backward."
    )
}
