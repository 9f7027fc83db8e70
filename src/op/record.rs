//! Recording: what a call keeps for backward, the nodes of operators, and the rewriting of histories by in-place calls.
//! The walk over the graph is `autograd/engine.rs`.

use super::arg::{Arg, Ctx, Format, SharedGenerator};
use super::{Grad, Op, Rets, steps};
use crate::device::Device;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::scalar::Scalar;
use crate::shape::{Dims, Layout};
use crate::tensor::graph::{self, Backward, Edge, Grads, Node};
use crate::tensor::{Tensor, mode};
use parking_lot::Mutex;
use smallvec::SmallVec;
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

// ---- nodes of operators with a gradient in tensor operations ----

/// An argument that outlives its call.
pub enum Kept {
    /// None, or what the gradient does not read.
    None,
    /// A tensor that the gradient reads.
    Tensor(Saved),
    /// A tensor that it does not: only what it looked like.
    Shape(Dims, DType, Device),
    /// The same, with where it lay (see [`PLACE`]).
    Place(Layout, DType),
    /// Several tensors.
    Tensors(Vec<Kept>),
    /// Numbers and so on.
    Scalar(Scalar),
    /// An integer.
    Int(i64),
    /// Integers.
    Ints(Dims),
    /// A float.
    Float(f64),
    /// Floats.
    Floats(Vec<f64>),
    /// A bool.
    Bool(bool),
    /// Text.
    Str(String),
    /// A dtype.
    DType(DType),
    /// A device.
    Device(Device),
    /// A memory format.
    Format(Format),
    /// A generator.
    Generator(SharedGenerator),
}

impl Kept {
    fn has_tensor(&self) -> bool {
        match self {
            Kept::Tensor(_) => true,
            Kept::Tensors(ts) => ts.iter().any(Kept::has_tensor),
            _ => false,
        }
    }

    fn is_packed(&self) -> bool {
        match self {
            Kept::Tensor(s) => s.is_packed(),
            Kept::Tensors(ts) => ts.iter().any(Kept::is_packed),
            _ => false,
        }
    }
}

fn keep_tensor(t: &Tensor, whole: bool) -> Kept {
    if whole {
        return Kept::Tensor(Saved::input(t));
    }
    let b = t.body();
    Kept::Shape(crate::shape::dims(&b.layout.sizes), b.dtype, b.storage.device())
}

/// In a literal's list of kept arguments: `PLACE | i` keeps the layout of tensor `i`, not its elements.
pub const PLACE: u8 = 0x80;

fn keep(a: &Arg, whole: bool) -> Kept {
    match *a {
        Arg::None => Kept::None,
        Arg::Tensor(t) => keep_tensor(t, whole),
        Arg::Tensors(ts) => Kept::Tensors(ts.iter().map(|t| keep_tensor(t, whole)).collect()),
        Arg::OptTensors(ts) => {
            Kept::Tensors(ts.iter().map(|t| t.as_ref().map_or(Kept::None, |t| keep_tensor(t, whole))).collect())
        }
        Arg::Scalar(s) => Kept::Scalar(s),
        Arg::Int(i) => Kept::Int(i),
        Arg::Ints(i) => Kept::Ints(i.into()),
        Arg::Float(f) => Kept::Float(f),
        Arg::Floats(f) => Kept::Floats(f.to_vec()),
        Arg::Bool(b) => Kept::Bool(b),
        Arg::Str(s) => Kept::Str(s.to_string()),
        Arg::DType(d) => Kept::DType(d),
        Arg::Device(d) => Kept::Device(d),
        Arg::Format(f) => Kept::Format(f),
        Arg::Generator(g) => Kept::Generator(g.clone()),
    }
}

/// A recorded call of an operator with [`Grad::Ops`].
pub struct OpNode {
    op: &'static Op,
    args: Mutex<Option<Vec<Kept>>>,
    outs: Mutex<SmallVec<[Option<Saved>; 2]>>,
    /// Which tensor arguments (flattened) require a gradient.
    mask: u64,
}

/// What a gradient in tensor operations sees: gradients of the outputs, kept arguments and outputs, which inputs need one.
pub struct Bw<'a> {
    /// Gradients of the outputs; None is zero.
    pub grads: &'a Grads,
    args: Vec<BwArg>,
    outs: SmallVec<[Option<Tensor>; 2]>,
    mask: u64,
    node: &'a Node,
}

enum BwArg {
    None,
    Tensor(Tensor),
    Shape(Dims, DType),
    Place(Layout, DType),
    Many(Vec<BwArg>),
    Other(Kept),
}

impl BwArg {
    fn of(k: &Kept, node: &Arc<Node>) -> Result<BwArg> {
        Ok(match k {
            Kept::None => BwArg::None,
            Kept::Tensor(s) => BwArg::Tensor(s.unpack(node)?),
            Kept::Shape(s, d, _) => BwArg::Shape(s.clone(), *d),
            Kept::Place(l, d) => BwArg::Place(l.clone(), *d),
            Kept::Tensors(ks) => BwArg::Many(ks.iter().map(|k| BwArg::of(k, node)).collect::<Result<_>>()?),
            Kept::Scalar(s) => BwArg::Other(Kept::Scalar(*s)),
            Kept::Int(i) => BwArg::Other(Kept::Int(*i)),
            Kept::Ints(i) => BwArg::Other(Kept::Ints(i.clone())),
            Kept::Float(f) => BwArg::Other(Kept::Float(*f)),
            Kept::Floats(f) => BwArg::Other(Kept::Floats(f.clone())),
            Kept::Bool(b) => BwArg::Other(Kept::Bool(*b)),
            Kept::Str(s) => BwArg::Other(Kept::Str(s.clone())),
            Kept::DType(d) => BwArg::Other(Kept::DType(*d)),
            Kept::Device(d) => BwArg::Other(Kept::Device(*d)),
            Kept::Format(f) => BwArg::Other(Kept::Format(*f)),
            Kept::Generator(g) => BwArg::Other(Kept::Generator(g.clone())),
        })
    }
}

#[cold]
fn not_kept(i: usize) -> Error {
    err!(Runtime, "internal: the gradient reads argument {i}, which its literal does not keep")
}

impl Bw<'_> {
    /// The gradient of the first output; zeros if there is none.
    pub fn g(&self) -> Result<Tensor> {
        self.grad_of(0)
    }

    /// The gradient of output `k`; zeros if there is none.
    pub fn grad_of(&self, k: usize) -> Result<Tensor> {
        match self.grads.get(k).cloned().flatten() {
            Some(g) => Ok(g),
            None => zeros_for(self.node, k),
        }
    }

    /// How many outputs the call had.
    pub fn n_outs(&self) -> usize {
        self.node.outs.lock().len()
    }

    /// Has output `k` a gradient?
    pub fn has_grad(&self, k: usize) -> bool {
        self.grads.get(k).is_some_and(Option::is_some)
    }

    /// Does tensor input `i` (counted over all tensors of the call, lists flattened) require a gradient?
    pub fn needs(&self, i: usize) -> bool {
        self.mask >> i & 1 == 1
    }

    /// Computes a gradient only where it is needed.
    pub fn when(&self, i: usize, f: impl FnOnce() -> Result<Tensor>) -> Result<Option<Tensor>> {
        if self.needs(i) { f().map(Some) } else { Ok(None) }
    }

    /// Argument `i`, which must be a kept tensor.
    pub fn tensor(&self, i: usize) -> Result<&Tensor> {
        match &self.args[i] {
            BwArg::Tensor(t) => Ok(t),
            _ => Err(not_kept(i)),
        }
    }

    /// Argument `i`, if it was given.
    pub fn opt_tensor(&self, i: usize) -> Result<Option<&Tensor>> {
        match &self.args[i] {
            BwArg::Tensor(t) => Ok(Some(t)),
            BwArg::None => Ok(None),
            _ => Err(not_kept(i)),
        }
    }

    /// Was argument `i` given?
    pub fn given(&self, i: usize) -> bool {
        !matches!(self.args[i], BwArg::None)
    }

    /// The tensors of list argument `i`; holes are None.
    pub fn tensors(&self, i: usize) -> Result<Vec<Option<Tensor>>> {
        match &self.args[i] {
            BwArg::Many(v) => v
                .iter()
                .map(|a| match a {
                    BwArg::Tensor(t) => Ok(Some(t.clone())),
                    BwArg::None => Ok(None),
                    _ => Err(not_kept(i)),
                })
                .collect(),
            _ => Err(not_kept(i)),
        }
    }

    /// Sizes of tensor argument `i`, kept or not.
    pub fn sizes(&self, i: usize) -> Dims {
        match &self.args[i] {
            BwArg::Tensor(t) => t.sizes(),
            BwArg::Shape(s, _) => s.clone(),
            BwArg::Place(l, _) => l.sizes.clone(),
            _ => Dims::new(),
        }
    }

    /// Where tensor argument `i` lay, whose literal keeps `PLACE | i`.
    pub fn place(&self, i: usize) -> Result<&Layout> {
        match &self.args[i] {
            BwArg::Place(l, _) => Ok(l),
            _ => Err(not_kept(i)),
        }
    }

    /// Sizes of each tensor of list argument `i`.
    pub fn sizes_each(&self, i: usize) -> Vec<Dims> {
        match &self.args[i] {
            BwArg::Many(v) => v
                .iter()
                .map(|a| match a {
                    BwArg::Tensor(t) => t.sizes(),
                    BwArg::Shape(s, _) => s.clone(),
                    _ => Dims::new(),
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Dtype of tensor argument `i`, kept or not.
    pub fn dtype(&self, i: usize) -> DType {
        match &self.args[i] {
            BwArg::Tensor(t) => t.dtype(),
            BwArg::Shape(_, d) | BwArg::Place(_, d) => *d,
            _ => DType::F32,
        }
    }

    /// Dtype of each tensor of list argument `i`.
    pub fn dtypes_each(&self, i: usize) -> Vec<DType> {
        match &self.args[i] {
            BwArg::Many(v) => v
                .iter()
                .map(|a| match a {
                    BwArg::Tensor(t) => t.dtype(),
                    BwArg::Shape(_, d) => *d,
                    _ => DType::F32,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Argument `i` as an integer.
    pub fn int(&self, i: usize) -> Result<i64> {
        match &self.args[i] {
            BwArg::Other(Kept::Int(v)) => Ok(*v),
            _ => Err(not_kept(i)),
        }
    }

    /// Argument `i` as an integer that may be absent.
    pub fn opt_int(&self, i: usize) -> Option<i64> {
        if let BwArg::Other(Kept::Int(v)) = &self.args[i] { Some(*v) } else { None }
    }

    /// Argument `i` as integers; empty if absent.
    pub fn ints(&self, i: usize) -> &[i64] {
        if let BwArg::Other(Kept::Ints(v)) = &self.args[i] { v } else { &[] }
    }

    /// Argument `i` as floats; empty if absent.
    pub fn floats(&self, i: usize) -> &[f64] {
        if let BwArg::Other(Kept::Floats(v)) = &self.args[i] { v } else { &[] }
    }

    /// Argument `i` as a bool; false if absent.
    pub fn bool(&self, i: usize) -> bool {
        matches!(&self.args[i], BwArg::Other(Kept::Bool(true)))
    }

    /// Argument `i` as a number; 0 if absent.
    pub fn scalar(&self, i: usize) -> Scalar {
        match &self.args[i] {
            BwArg::Other(Kept::Scalar(s)) => *s,
            BwArg::Other(Kept::Float(f)) => Scalar::Float(*f),
            BwArg::Other(Kept::Int(v)) => Scalar::Int(*v),
            _ => Scalar::Int(0),
        }
    }

    /// Argument `i` as text; "" if absent.
    pub fn str(&self, i: usize) -> &str {
        if let BwArg::Other(Kept::Str(s)) = &self.args[i] { s } else { "" }
    }

    /// Kept output `k`.
    pub fn out(&self, k: usize) -> Result<&Tensor> {
        self.outs.get(k).and_then(Option::as_ref).ok_or_else(|| not_kept(k))
    }
}

impl Backward for OpNode {
    fn name(&self) -> &str {
        self.op.cache.node_name(self.op)
    }

    fn run(&self, node: &Arc<Node>, grads: Grads) -> Result<Grads> {
        let Grad::Ops(_, _, f) = self.op.grad else {
            // Constant almost everywhere: zeros of each input's shape.
            let shapes: Vec<(Dims, DType, Device)> = {
                let args = self.args.lock();
                let args = args.as_ref().ok_or_else(released)?.iter();
                args.filter_map(|a| if let Kept::Shape(s, d, dev) = a { Some((s.clone(), *d, *dev)) } else { None })
                    .collect()
            };
            return shapes.iter().map(|(s, d, dev)| Tensor::zeros(s, *d, *dev).map(Some)).collect();
        };
        let (args, outs) = if self.is_packed() {
            // The host's hooks run without our locks.
            let kept = self.args.lock().take().ok_or_else(released)?;
            let args = kept.iter().map(|k| BwArg::of(k, node)).collect::<Result<Vec<_>>>();
            *self.args.lock() = Some(kept);
            let outs = self.outs.lock().clone();
            (args?, outs.iter().map(|s| s.as_ref().map(|s| s.unpack(node)).transpose()).collect::<Result<_>>()?)
        } else {
            let args = self.args.lock();
            let args = args.as_ref().ok_or_else(released)?;
            let args = args.iter().map(|k| BwArg::of(k, node)).collect::<Result<Vec<_>>>()?;
            let outs = self.outs.lock();
            let outs = outs.iter().map(|s| s.as_ref().map(|s| s.unpack(node)).transpose()).collect::<Result<_>>()?;
            (args, outs)
        };
        f(&Bw { grads: &grads, args, outs, mask: self.mask, node })
    }

    fn release(&self) {
        // A node that kept no tensor serves any number of walks, as in PyTorch.
        let frees = self.outs.lock().iter().any(Option::is_some)
            || self.args.lock().as_ref().is_some_and(|a| a.iter().any(Kept::has_tensor));
        if frees {
            let taken = (self.args.lock().take(), std::mem::take(&mut *self.outs.lock()));
            drop(taken);
        }
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

impl OpNode {
    /// Is anything that was saved in the hands of the host's hooks?
    fn is_packed(&self) -> bool {
        self.outs.lock().iter().flatten().any(Saved::is_packed)
            || self.args.lock().as_ref().is_some_and(|a| a.iter().any(Kept::is_packed))
    }

    /// The kept tensor of the parameter called `name` (for `grad_fn._saved_...`).
    pub fn saved(&self, name: &str) -> Option<Tensor> {
        if name == "result" {
            return self.outs.lock().iter().flatten().next().and_then(Saved::peek);
        }
        let at = self.op.position(name).or_else(|| (name == "self").then_some(0))?;
        match self.args.lock().as_ref()?.get(at)? {
            Kept::Tensor(s) => s.peek(),
            _ => None,
        }
    }
}

/// All tensors of the arguments, lists flattened.
pub fn tensors_of<'a>(args: &[Arg<'a>]) -> SmallVec<[&'a Tensor; 4]> {
    let mut out = SmallVec::new();
    for a in args {
        match *a {
            Arg::Tensor(t) => out.push(t),
            Arg::Tensors(ts) => out.extend(ts),
            Arg::OptTensors(ts) => out.extend(ts.iter().flatten()),
            _ => {}
        }
    }
    out
}

/// The node of a call of a kernel, view or reduction.
pub fn op_node(op: &'static Op, args: &[Arg], outs: &[Tensor], tensors: &[&Tensor]) -> Arc<Node> {
    let (keep_args, keep_outs): (&[u8], &[u8]) = if let Grad::Ops(a, o, _) = op.grad { (a, o) } else { (&[], &[]) };
    let kept = args
        .iter()
        .enumerate()
        .map(|(i, a)| match *a {
            Arg::Tensor(t) if keep_args.contains(&(PLACE | i as u8)) => Kept::Place(t.layout(), t.dtype()),
            _ => keep(a, keep_args.contains(&(i as u8))),
        })
        .collect();
    let mut saved: SmallVec<[Option<Saved>; 2]> = SmallVec::new();
    for (k, t) in outs.iter().enumerate() {
        saved.push(keep_outs.contains(&(k as u8)).then(|| Saved::output(t, k as u32)));
    }
    let mut mask = 0u64;
    let mut edges = SmallVec::new();
    for (i, t) in tensors.iter().enumerate() {
        if t.requires_grad() {
            mask |= 1 << i.min(63);
        }
        edges.push(edge(t));
    }
    // Lists longer than the mask: everything may be needed.
    if tensors.len() > 63 {
        mask = u64::MAX;
    }
    let backward = OpNode { op, args: Mutex::new(Some(kept)), outs: Mutex::new(saved), mask };
    let node = Node::new(Box::new(backward), edges);
    node.describe(outs);
    note_forward(&node);
    node
}

// ---- in-place calls ----

/// The tensors of an in-place call as backward will need them: where the written tensor itself is kept, a copy with its
/// history stands for it. Called before anything is written.
pub fn before_inplace(target: &Tensor, tensors: &[&Tensor], keeps: impl Fn(usize) -> bool) -> Result<Vec<Tensor>> {
    graph::refresh(target);
    let mut out = Vec::with_capacity(tensors.len());
    for (i, t) in tensors.iter().enumerate() {
        if t.same(target) && keeps(i) {
            let copy = t.copied(t.dtype())?;
            if let Some(e) = edge(t) {
                copy.set_grad_fn(e);
            }
            out.push(copy);
        } else {
            out.push((*t).clone());
        }
    }
    Ok(out)
}

/// Counts a recorded write. The grad_fn of a view was brought up to date by [`before_inplace`] and is right until
/// [`rebase`]: it must not be made anew for the node's own edge.
pub fn written(target: &Tensor) {
    target.bump();
    target.view_is_right();
}

/// Makes `node` the history of a tensor that was written in place; for a view, of its base as well.
pub fn rebase(target: &Tensor, node: Arc<Node>) -> Result<()> {
    let Some(view) = target.origin() else {
        target.set_grad_fn(Edge { node, index: 0 });
        target.with_auto_mut(|a| a.rewritten += 1);
        return Ok(());
    };
    let base = view.base;
    // The base's old history goes first; the node's own edge to the view is replaced by it.
    let mut edges: SmallVec<[Option<Edge>; 3]> = SmallVec::new();
    edges.push(edge(&base));
    let inner = node.edges.lock().clone();
    let mine = edge(target);
    let mut self_at = None;
    for (i, e) in inner.iter().enumerate() {
        let is_self = match (e, &mine) {
            (Some(a), Some(b)) => self_at.is_none() && Arc::ptr_eq(&a.node, &b.node) && a.index == b.index,
            _ => false,
        };
        if is_self {
            self_at = Some(i);
        }
        edges.push(if is_self { None } else { e.clone() });
    }
    let place = Place { layout: target.layout(), complex: target.dtype().is_complex() };
    let copy = CopySlices { inner: node, place, base: base.layout(), self_at };
    let outer = Node::new(Box::new(copy), edges);
    outer.describe(std::slice::from_ref(&base));
    base.set_grad_fn(Edge { node: outer, index: 0 });
    base.with_auto_mut(|a| a.rewritten += 1);
    graph::renew(target, &base);
    Ok(())
}

/// Where a view lies in its base's memory, in units of its own dtype: enough to make it again from any tensor that lies as
/// the base does. Of the views with another dtype than their base, only those of complex numbers as pairs of reals (and
/// back) are differentiable, so that the two kinds of dtype say which steps lead from one to the other.
struct Place {
    layout: Layout,
    complex: bool,
}

impl Place {
    /// The view of `base`, whose memory begins `skipped` of its own elements after where the old base's did.
    fn again(&self, base: &Tensor, skipped: i64) -> Result<Tensor> {
        let steps = steps::get()?;
        let strided = |t: &Tensor, l: &Layout, skipped: i64| {
            (steps.strided)(t, &Layout { offset: l.offset - skipped, ..l.clone() })
        };
        match (base.dtype().is_complex(), self.complex) {
            (true, false) => strided(&(steps.pairs)(base)?, &self.layout, 2 * skipped),
            (false, true) => {
                let mut pairs = self.layout.clone();
                pairs.offset *= 2;
                pairs.strides.iter_mut().for_each(|s| *s *= 2);
                pairs.sizes.push(2);
                pairs.strides.push(1);
                (steps.complex)(&strided(base, &pairs, skipped)?)
            }
            _ => strided(base, &self.layout, skipped),
        }
    }
}

/// History of a base whose view was written in place: outside of the view the gradient passes, inside it goes through
/// what was written.
struct CopySlices {
    inner: Arc<Node>,
    place: Place,
    base: Layout,
    /// Which input of `inner` is the view itself; None where its old value does not count (`fill_`, `copy_`).
    self_at: Option<usize>,
}

impl Backward for CopySlices {
    fn name(&self) -> &str {
        "CopySlices"
    }

    fn run(&self, node: &Arc<Node>, grads: Grads) -> Result<Grads> {
        let g = match grads.first().cloned().flatten() {
            Some(g) => g,
            None => zeros_for(node, 0)?,
        };
        // A copy that lies as the base does, in which the view has its old place.
        let base = Tensor::empty_strided(&self.base.sizes, &self.base.strides, g.dtype(), g.device())?;
        let steps = steps::get()?;
        (steps.write)(&base, &g)?;
        let slice = |t: &Tensor| self.place.again(t, self.base.offset);
        let part = (steps.copy)(&slice(&base)?)?;
        let Some(b) = &self.inner.backward else { bail!(Runtime, "CopySlices over a leaf") };
        let inner = b.run(&self.inner, Grads::from_iter([Some(part)]))?;
        // Autograd of the gradient itself: the slice is written in place, which is recorded like any other write.
        let hole = slice(&base)?;
        let mut out: Grads = SmallVec::new();
        match self.self_at.and_then(|i| inner.get(i).cloned().flatten()) {
            Some(p) => (steps.write)(&hole, &p)?,
            None => (steps.clear)(&hole)?,
        }
        out.push(Some(base));
        for (i, g) in inner.into_iter().enumerate() {
            out.push(if Some(i) == self.self_at { None } else { g });
        }
        Ok(out)
    }

    fn release(&self) {
        if let Some(b) = &self.inner.backward {
            b.release();
        }
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// The history of a view whose base was written: `as_strided` of the base (PyTorch prints `AsStridedBackward0`).
fn renew(view: &Tensor, base: &Tensor) -> Option<Edge> {
    let _recorded = mode::NoGrad::with(true);
    let place = Place { layout: view.layout(), complex: view.dtype().is_complex() };
    // Only its history is wanted; the tensor itself goes again.
    place.again(base, 0).ok()?.with_auto(|a| a.grad_fn.clone())
}

/// Installs what lower layers call back.
pub fn init() {
    graph::set_renew(renew);
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
