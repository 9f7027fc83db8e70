//! The graph's data: nodes and edges. What a node computes is behind a trait (`op/record/node.rs` for operators, the host
//! language for custom functions); the walk over nodes is `autograd/engine.rs`.

use super::{Hook, Tensor};
use crate::device::Device;
use crate::dtype::DType;
use crate::error::Result;
use crate::shape::{self, Dims};
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a gradient goes: a node, and which of its outputs the gradient belongs to.
#[derive(Clone)]
pub struct Edge {
    /// The node.
    pub node: Arc<Node>,
    /// Which output of the node.
    pub index: u32,
}

/// Gradients, one per output or input; None is zero.
pub type Grads = SmallVec<[Option<Tensor>; 3]>;

/// What a node computes.
pub trait Backward: Send + Sync {
    /// PyTorch's name: `MulBackward0`.
    fn name(&self) -> &str;
    /// Gradients of the node's inputs from those of its outputs. `node` is the node itself.
    fn run(&self, node: &Arc<Node>, grads: Grads) -> Result<Grads>;
    /// Lets go of what was saved (after a backward without `retain_graph`).
    fn release(&self) {}
    /// Must outputs without a gradient be given as zeros?
    fn wants_zeros(&self) -> bool {
        false
    }
    /// For the binding.
    fn as_any(&self) -> &dyn std::any::Any;
}

/// Shape, dtype and device of a node's output: what its gradient must look like.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct OutMeta {
    pub sizes: Dims,
    pub dtype: DType,
    pub device: Device,
}

impl OutMeta {
    /// What `t` looks like.
    #[inline]
    pub fn of(t: &Tensor) -> OutMeta {
        let b = t.body();
        OutMeta { sizes: shape::dims(&b.layout.sizes), dtype: b.dtype, device: b.storage.device() }
    }

    /// Adds what `t` looks like, written where it stays (see `shape::dims`).
    #[inline]
    fn note(list: &mut SmallVec<[OutMeta; 1]>, t: &Tensor) {
        let b = t.body();
        let n = list.len();
        list.reserve(1);
        // SAFETY: there is room for one more, whose fields are all written.
        unsafe {
            let to = list.as_mut_ptr().add(n);
            shape::dims_at(&raw mut (*to).sizes, &b.layout.sizes);
            (&raw mut (*to).dtype).write(b.dtype);
            (&raw mut (*to).device).write(b.storage.device());
            list.set_len(n + 1);
        }
    }
}

/// A hook on a node.
pub trait NodeHook: Send + Sync {
    /// Before the node runs, with the gradients of its outputs (`inputs` None); after it, with those of its inputs too.
    fn call(&self, outputs: &Grads, inputs: Option<&Grads>) -> Result<Option<Grads>>;
    /// For the binding's garbage collector.
    fn as_any(&self) -> &dyn std::any::Any;
}

/// Hooks of a node.
#[derive(Default)]
pub struct NodeHooks {
    /// Run before the node.
    pub pre: Vec<(u64, Arc<dyn NodeHook>)>,
    /// Run after it.
    pub post: Vec<(u64, Arc<dyn NodeHook>)>,
    /// Tensors' own hooks, with the output they belong to.
    pub tensor: Vec<(u32, u64, Arc<dyn Hook>)>,
    /// Outputs that keep their gradient.
    pub retain: Vec<(u32, std::sync::Weak<super::Handle>)>,
    /// The forward line that made the node, recorded in anomaly mode.
    pub traceback: Option<String>,
}

/// One recorded call, or a leaf.
pub struct Node {
    /// Order of recording: the engine runs later ones first.
    pub seq: u64,
    /// Where the gradients of the inputs go; None where nothing is wanted.
    pub edges: Mutex<SmallVec<[Option<Edge>; 3]>>,
    /// What the outputs look like.
    pub outs: Mutex<SmallVec<[OutMeta; 1]>>,
    /// What the operator is called that it is the last node of, where that is made of several.
    pub alias: std::sync::OnceLock<&'static str>,
    /// What it computes; None for a leaf.
    pub backward: Option<Box<dyn Backward>>,
    /// The leaf whose gradient is accumulated here.
    pub leaf: Option<Tensor>,
    /// Keeps the host's object of the leaf alive (a Parameter with its attributes).
    pub leaf_keep: Option<Box<dyn super::Keep>>,
    /// Hooks, made at first use.
    pub hooks: Mutex<Option<Box<NodeHooks>>>,
    /// The host language's object for this node, as for tensors.
    pub host: std::sync::atomic::AtomicPtr<()>,
}

static SEQ: AtomicU64 = AtomicU64::new(1);
static KEEPER: std::sync::OnceLock<fn(&Tensor) -> Option<Box<dyn super::Keep>>> = std::sync::OnceLock::new();

/// Called once by the host's binding: how to keep the host's object of a leaf alive.
pub fn set_keeper(f: fn(&Tensor) -> Option<Box<dyn super::Keep>>) {
    _ = KEEPER.set(f);
}

impl Node {
    /// A node for a recorded call.
    pub fn new(backward: Box<dyn Backward>, edges: SmallVec<[Option<Edge>; 3]>) -> Arc<Node> {
        Node::place(SEQ.fetch_add(1, Ordering::Relaxed), edges, Some(backward), None)
    }

    fn for_leaf(t: &Tensor) -> Arc<Node> {
        // Leaves come last in the engine's order only by their dependencies; their number does not matter.
        Node::place(u64::MAX, SmallVec::new(), None, Some(t))
    }

    /// A node that is written where it stays: it is large to be moved.
    #[inline]
    fn place(
        seq: u64,
        edges: SmallVec<[Option<Edge>; 3]>,
        backward: Option<Box<dyn Backward>>,
        leaf: Option<&Tensor>,
    ) -> Arc<Node> {
        let node = Arc::<Node>::new_uninit();
        let p = Arc::as_ptr(&node).cast_mut().cast::<Node>();
        // SAFETY: nobody else knows of the place yet, and every field is written. (Nothing here panics; what did would leak.)
        unsafe {
            (&raw mut (*p).seq).write(seq);
            (&raw mut (*p).edges).write(Mutex::new(edges));
            (&raw mut (*p).outs).write(Mutex::new(SmallVec::new()));
            if let Some(t) = leaf {
                OutMeta::note((*p).outs.get_mut(), t);
            }
            (&raw mut (*p).alias).write(std::sync::OnceLock::new());
            (&raw mut (*p).backward).write(backward);
            (&raw mut (*p).leaf).write(leaf.cloned());
            (&raw mut (*p).leaf_keep).write(leaf.and_then(|t| KEEPER.get().and_then(|f| f(t))));
            (&raw mut (*p).hooks).write(Mutex::new(None));
            (&raw mut (*p).host).write(std::sync::atomic::AtomicPtr::new(std::ptr::null_mut()));
            node.assume_init()
        }
    }

    /// PyTorch's name of the node.
    pub fn name(&self) -> &str {
        if let Some(name) = self.alias.get() {
            return name;
        }
        match &self.backward {
            Some(b) => b.name(),
            None => "AccumulateGrad",
        }
    }

    /// Changes the hooks.
    pub fn with_hooks<R>(&self, f: impl FnOnce(&mut NodeHooks) -> R) -> R {
        f(self.hooks.lock().get_or_insert_default())
    }

    /// Notes what the outputs look like.
    pub fn describe(&self, outputs: &[Tensor]) {
        let mut outs = self.outs.lock();
        for t in outputs {
            OutMeta::note(&mut outs, t);
        }
    }
}

thread_local! {
    /// Edges of dying nodes, dropped one by one by the outermost drop: a chain of a million nodes does not recurse.
    static DYING: RefCell<Vec<Edge>> = const { RefCell::new(Vec::new()) };
    /// Is an outermost drop under way?
    static DROPPING: Cell<bool> = const { Cell::new(false) };
}

impl Drop for Node {
    fn drop(&mut self) {
        let edges = std::mem::take(self.edges.get_mut());
        if edges.is_empty() && self.backward.is_none() {
            return;
        }
        if DROPPING.try_with(|d| d.replace(true)).unwrap_or(true) {
            // Not the outermost (or the thread is ending, and the list is gone). The saved tensors go by themselves below:
            // what they hold joins the list too.
            let edges = Cell::new(Some(edges));
            _ = DYING.try_with(|d| d.borrow_mut().extend(edges.take().into_iter().flatten().flatten()));
            return;
        }
        // While this runs, drops below only add to the list.
        self.backward = None;
        self.leaf = None;
        drop(edges);
        while let Some(edge) = DYING.with(|d| d.borrow_mut().pop()) {
            drop(edge);
        }
        DROPPING.set(false);
    }
}

/// Makes the history of a view anew after its base was written in place: set by `op/record/`.
static RENEW: std::sync::OnceLock<fn(&Tensor, &Tensor) -> Option<Edge>> = std::sync::OnceLock::new();

/// Called once by `op/record/`.
pub fn set_renew(f: fn(&Tensor, &Tensor) -> Option<Edge>) {
    _ = RENEW.set(f);
}

/// Brings a view's grad_fn up to date with its base's history.
pub fn refresh(t: &Tensor) {
    if let Some(base) = t.stale_view().filter(Tensor::requires_grad) {
        renew(t, &base);
    }
}

/// Makes a view's grad_fn anew from its base's.
pub fn renew(t: &Tensor, base: &Tensor) {
    if let Some(edge) = RENEW.get().and_then(|f| f(t, base)) {
        t.set_grad_fn(edge);
        t.view_is_right();
    }
}

/// Where the gradient of `t` goes: its node, or for a leaf the node that accumulates into `.grad`.
pub fn edge_of(t: &Tensor) -> Option<Edge> {
    if !t.requires_grad() {
        return None;
    }
    refresh(t);
    let known = t.with_auto(|a| match &a.grad_fn {
        Some(edge) => Some(edge.clone()),
        None => a.accumulator.upgrade().map(|node| Edge { node, index: 0 }),
    });
    if let Some(edge) = known {
        return Some(edge);
    }
    if !t.requires_grad_itself() {
        // A view that was not recorded: nothing leads from it to its base, and it is no leaf of its own.
        return None;
    }
    let mine = Node::for_leaf(t);
    // Another thread may have been quicker: its node is the one.
    let other = t.with_auto_mut(|a| {
        let other = a.accumulator.upgrade();
        if other.is_none() {
            a.accumulator = Arc::downgrade(&mine);
        }
        other
    });
    Some(Edge { node: other.unwrap_or(mine), index: 0 })
}
