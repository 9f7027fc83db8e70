//! Nodes of operators whose gradient is written in tensor operations: what they keep of a call, and how the gradient reads it.

use super::*;
use crate::device::Device;
use crate::error::Error;
use crate::op::Grad;
use crate::op::arg::{Arg, Format, SharedGenerator};
use crate::scalar::Scalar;
use crate::shape::{Dims, Layout};
use crate::tensor::graph::{Backward, Grads};
use parking_lot::Mutex;
use smallvec::SmallVec;

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
