//! Compiled formulas: one for each way that an operator's arguments are given, found again by a key, and its derivatives, made
//! at first use.

use super::arg::{Arg, Ty};
use super::expr::{self, E, Fx, Graph, Node, Slot};
use super::{Grad, GradE, Kind, Op, flag, record};
use crate::dtype::DType;
use crate::kernels::program::{Compute, Program};
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

/// How many recently used forms are found without a lock.
const RECENT: usize = 4;

/// Compiled forms of one operator.
pub struct Cache {
    /// The form last used for each remainder of the key.
    last: [AtomicPtr<Compiled>; RECENT],
    name: OnceLock<String>,
    /// Positions of a reduction's parameters `dim`, `keepdim`, `dtype`.
    places: OnceLock<[Option<usize>; 3]>,
    all: Mutex<Vec<&'static Compiled>>,
}

impl Cache {
    /// Empty.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Cache {
        Cache {
            last: [const { AtomicPtr::new(std::ptr::null_mut()) }; RECENT],
            name: OnceLock::new(),
            places: OnceLock::new(),
            all: Mutex::new(Vec::new()),
        }
    }

    /// Where the parameters `dim`, `keepdim`, `dtype` stand.
    pub fn places(&self, op: &Op) -> [Option<usize>; 3] {
        *self.places.get_or_init(|| ["dim", "keepdim", "dtype"].map(|n| op.position(n)))
    }

    /// The name of the operator's nodes.
    pub fn node_name(&self, op: &Op) -> &str {
        self.name.get_or_init(|| record::node_name(op))
    }
}

/// A formula for one way of giving its arguments. Lives as long as the process; there are few.
pub struct Compiled {
    key: u64,
    /// PyTorch's name of the node.
    pub name: String,
    /// The operator, for messages and facts.
    pub op: &'static Op,
    graph: Graph,
    pub(super) roots: Vec<E>,
    /// What runs.
    pub program: Program,
    /// What runs on the accumulated value of a reduction, made at its first call.
    pub(super) post: OnceLock<Program>,
    /// Which of the formula's tensor inputs the program reads.
    pub used: Vec<u8>,
    /// How many tensor inputs the formula has.
    pub n_in: usize,
    /// How many numbers.
    pub n_params: usize,
    complex: bool,
    /// The outputs are not kept as they are computed (they are summed), so that no gradient can read them.
    reduced: bool,
    overridden: Option<fn(&Fx, GradE) -> Vec<Option<E>>>,
    slots: Vec<Slot>,
    texts: Vec<Option<String>>,
    derived: Mutex<Vec<(u32, &'static Derived)>>,
}

/// The gradients of a formula with respect to some of its inputs.
pub struct Derived {
    /// For each needed input, in order: where its gradient comes from.
    pub(super) sources: SmallVec<[Source; 3]>,
    /// Computes what is not passed through; None if everything is.
    pub(super) compiled: Option<&'static Compiled>,
    /// What the gradient reads: positions in [inputs.., outputs.., gradients..].
    pub(super) reads: Vec<u8>,
    /// Is anything freed after a walk? A number that stands for a tensor (`x * 2`) counts, since PyTorch keeps it as one.
    pub(super) frees: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// Zero everywhere.
    Zero,
    /// The value at this position of `reads`, unchanged.
    Same(usize),
    /// The n-th result of the derived formula.
    Computed(usize),
}

impl Derived {
    /// Is input `i` of the forward formula (of `n_in`) read?
    pub(super) fn reads_input(&self, i: usize) -> bool {
        self.reads.contains(&(i as u8))
    }
}

/// The graph with its inputs renumbered: `inputs[k]` becomes `k`.
fn renumber(graph: &Graph, roots: &[E], inputs: &[u8]) -> (Graph, Vec<E>) {
    let live = {
        let mut live = vec![false; graph.nodes.len()];
        roots.iter().for_each(|r| live[r.0 as usize] = true);
        for i in (0..live.len()).rev() {
            if let (true, Node::Op(_, args, n)) = (live[i], graph.nodes[i]) {
                args[..n as usize].iter().for_each(|a| live[a.0 as usize] = true);
            }
        }
        live
    };
    expr::build(Graph::default(), || {
        let mut map = vec![E(0); graph.nodes.len()];
        for (i, node) in graph.nodes.iter().enumerate().filter(|(i, _)| live[*i]) {
            map[i] = match *node {
                Node::In(k) => expr::input(inputs.iter().position(|&x| x == k).unwrap_or(0)),
                Node::Param(k) => expr::param(k as usize),
                Node::Const(bits) => expr::lit(f64::from_bits(bits)),
                Node::Op(p, args, n) => {
                    let a = args.map(|e| map[e.0 as usize]);
                    match n {
                        1 => expr::unary(p, a[0]),
                        2 => expr::binary(p, a[0], a[1]),
                        _ => expr::select(a[0], a[1], a[2]),
                    }
                }
            };
        }
        roots.iter().map(|r| map[r.0 as usize]).collect()
    })
}

impl Compiled {
    fn new(
        key: u64,
        op: &'static Op,
        name: String,
        graph: Graph,
        roots: Vec<E>,
        n_in: usize,
        n_params: usize,
        complex: bool,
    ) -> Compiled {
        let (program, used) = graph.compile(&roots, n_params);
        Compiled {
            key,
            name,
            op,
            graph,
            roots,
            program,
            post: OnceLock::new(),
            used,
            n_in,
            n_params,
            complex,
            reduced: false,
            overridden: None,
            slots: Vec::new(),
            texts: Vec::new(),
            derived: Mutex::new(Vec::new()),
        }
    }

    /// The derivative for the inputs in `mask` with the dtypes of its inputs and outputs, where anything is computed.
    pub(super) fn derivative(
        &'static self,
        mask: u32,
        ins: &[DType],
        result: DType,
    ) -> Option<(&'static Compiled, Vec<DType>, Vec<DType>)> {
        let d = self.derive(mask);
        let c = d.compiled?;
        let read = |r: u8| ins.get(r as usize).copied().unwrap_or(result);
        let wanted = (0..self.n_in).filter(|i| mask >> i & 1 == 1);
        let mut outs = vec![result; c.roots.len()];
        for (s, i) in d.sources.iter().zip(wanted) {
            if let Source::Computed(k) = s {
                outs[*k] = ins[i];
            }
        }
        Some((c, c.used.iter().map(|&i| read(d.reads[i as usize])).collect(), outs))
    }

    /// The derivative for the inputs in `mask`, made at first use.
    pub(super) fn derive(&'static self, mask: u32) -> &'static Derived {
        let mut list = self.derived.lock();
        if let Some(d) = list.iter().find(|d| d.0 == mask) {
            return d.1;
        }
        let d: &'static Derived = Box::leak(Box::new(self.make_derived(mask)));
        list.push((mask, d));
        d
    }

    fn make_derived(&self, mask: u32) -> Derived {
        let (n, outs) = (self.n_in, self.roots.len());
        let wanted: Vec<usize> = (0..n).filter(|i| mask >> i & 1 == 1).collect();
        let (graph, grads) = expr::build(self.graph.clone(), || {
            let ys: Vec<E> = (0..outs).map(|k| expr::input(n + k)).collect();
            let gs: Vec<E> = (0..outs).map(|k| expr::input(n + outs + k)).collect();
            let wrt: Vec<E> = wanted.iter().map(|&i| expr::input(i)).collect();
            if let Some(f) = self.overridden {
                let compute = if self.complex { Compute::C64 } else { Compute::F32 };
                let fx = Fx { slots: &self.slots, texts: &self.texts, compute, is_bool: false };
                let all = f(&fx, GradE { g: gs[0], y: ys[0] });
                return wanted.iter().map(|&i| all.get(i).copied().flatten()).collect::<Vec<_>>();
            }
            let mut sums: Vec<Option<E>> = vec![None; wrt.len()];
            for (root, g) in self.roots.iter().zip(&gs) {
                for (sum, d) in sums.iter_mut().zip(super::derive::derive(*root, *g, &wrt, self.complex)) {
                    *sum = match (*sum, d) {
                        (Some(a), Some(b)) => Some(a + b),
                        (a, b) => a.or(b),
                    };
                }
            }
            sums
        });
        // Where the derivative mentions the whole formula, the kept output serves.
        let (graph, grads) = if self.reduced { (graph, grads) } else { self.with_outputs_kept(graph, grads) };
        let mut sources = SmallVec::new();
        let mut roots: Vec<E> = Vec::new();
        for g in &grads {
            sources.push(match g {
                None => Source::Zero,
                Some(e) => match graph.nodes[e.0 as usize] {
                    Node::Const(bits) if f64::from_bits(bits) == 0.0 => Source::Zero,
                    Node::In(k) => Source::Same(k as usize),
                    // A literal zero has no shape to be computed in.
                    Node::Const(bits) if f64::from_bits(bits) == 0.0 => Source::Zero,
                    _ => {
                        roots.push(*e);
                        Source::Computed(roots.len() - 1)
                    }
                },
            });
        }
        let (_, mut reads) = graph.compile(&roots, self.n_params);
        let computed = reads.clone();
        for s in &mut sources {
            if let Source::Same(k) = *s {
                if !reads.contains(&(k as u8)) {
                    reads.push(k as u8);
                }
                *s = Source::Same(reads.iter().position(|&r| r as usize == k).unwrap_or(0));
            }
        }
        let compiled = (!roots.is_empty()).then(|| {
            let (graph, roots) = renumber(&graph, &roots, &computed);
            let stem = self.name.trim_end_matches('0');
            let name = format!("{stem}Backward0");
            let c = Compiled::new(0, self.op, name, graph, roots, computed.len(), self.n_params, self.complex);
            &*Box::leak(Box::new(c))
        });
        let number = |k: u8| {
            let at = self.slots.iter().position(|s| matches!(s, Slot::Param(p) if *p == k));
            at.and_then(|i| self.op.params.get(i)).is_some_and(|p| matches!(p.ty, Ty::Num | Ty::OptNum))
        };
        let frees = reads.iter().any(|&r| (r as usize) < n + outs)
            || compiled.is_some_and(|c| c.graph.nodes.iter().any(|e| matches!(*e, Node::Param(k) if number(k))));
        Derived { sources, compiled, reads, frees }
    }

    fn with_outputs_kept(&self, graph: Graph, grads: Vec<Option<E>>) -> (Graph, Vec<Option<E>>) {
        let roots: Vec<E> = grads.iter().flatten().copied().collect();
        let (graph, new) = expr::build(Graph::default(), || {
            let mut map = vec![E(0); graph.nodes.len()];
            for (i, node) in graph.nodes.iter().enumerate() {
                map[i] = match *node {
                    Node::In(k) => expr::input(k as usize),
                    Node::Param(k) => expr::param(k as usize),
                    Node::Const(bits) => expr::lit(f64::from_bits(bits)),
                    Node::Op(p, args, n) => match self.roots.iter().position(|r| r.0 as usize == i) {
                        Some(k) => expr::input(self.n_in + k),
                        None => {
                            let a = args.map(|e| map[e.0 as usize]);
                            match n {
                                1 => expr::unary(p, a[0]),
                                2 => expr::binary(p, a[0], a[1]),
                                _ => expr::select(a[0], a[1], a[2]),
                            }
                        }
                    },
                };
            }
            roots.iter().map(|r| map[r.0 as usize]).collect::<Vec<E>>()
        });
        let mut it = new.into_iter();
        (graph, grads.iter().map(|g| g.and_then(|_| it.next())).collect())
    }
}

/// The tensors and numbers of a call to a formula.
pub(super) struct Inputs<'a> {
    pub tensors: SmallVec<[&'a Tensor; 4]>,
    pub params: SmallVec<[Scalar; 4]>,
    pub key: u64,
}

/// The key of a call after one more argument of kind `code`.
#[inline]
pub(super) fn next_key(key: u64, code: u64) -> u64 {
    key.wrapping_mul(31).wrapping_add(code)
}

/// Sorts the arguments: tensors, numbers, and the key under which the compiled form is kept.
pub(super) fn inputs<'a>(args: &[Arg<'a>]) -> Inputs<'a> {
    let mut i = Inputs { tensors: SmallVec::new(), params: SmallVec::new(), key: 0 };
    for a in args {
        let code = match *a {
            Arg::Tensor(t) => {
                i.tensors.push(t);
                1
            }
            Arg::Scalar(s) => {
                i.params.push(s);
                2
            }
            Arg::Int(v) => {
                i.params.push(Scalar::Int(v));
                2
            }
            Arg::Float(v) => {
                i.params.push(Scalar::Float(v));
                2
            }
            Arg::Bool(b) => 3 + b as u64,
            Arg::Str(s) => s.bytes().fold(0xcbf2_9ce4u64, |h, b| (h ^ b as u64).wrapping_mul(0x0100_0000_01b3)) | 8,
            _ => 0,
        };
        i.key = next_key(i.key, code);
    }
    i
}

/// The compiled form for these arguments and this computation type.
pub(super) fn compiled(op: &'static Op, args: &[Arg], ins: &Inputs, compute: DType) -> &'static Compiled {
    match cached(op, ins.key, compute) {
        Some(c) => c,
        None => find_or_compile(op, args, full_key(ins.key, compute), compute),
    }
}

/// The key of the arguments with the class of the computation type.
#[inline]
fn full_key(key: u64, compute: DType) -> u64 {
    let class = match Compute::of(compute) {
        Compute::C64 | Compute::C128 => 2,
        Compute::I64 if compute == DType::Bool => 3,
        Compute::I64 => 1,
        _ => 0,
    };
    key.wrapping_mul(4).wrapping_add(class)
}

/// The compiled form, if it was used lately.
#[inline]
pub(super) fn cached(op: &'static Op, key: u64, compute: DType) -> Option<&'static Compiled> {
    let key = full_key(key, compute);
    let last = op.cache.last[key as usize % RECENT].load(Ordering::Acquire);
    // SAFETY: the pointer is null or came from a leaked box.
    unsafe { last.as_ref() }.filter(|c| c.key == key)
}

#[cold]
fn find_or_compile(op: &'static Op, args: &[Arg], key: u64, compute: DType) -> &'static Compiled {
    let mut all = op.cache.all.lock();
    let found = match all.iter().find(|c| c.key == key) {
        Some(c) => *c,
        None => {
            let c: &'static Compiled = Box::leak(Box::new(compile(op, args, key, compute)));
            all.push(c);
            c
        }
    };
    op.cache.last[key as usize % RECENT].store(std::ptr::from_ref(found).cast_mut(), Ordering::Release);
    found
}

fn compile(op: &'static Op, args: &[Arg], key: u64, compute: DType) -> Compiled {
    let (mut n_in, mut n_params) = (0u8, 0u8);
    let mut slots = Vec::new();
    let mut texts = Vec::new();
    for a in args {
        texts.push(if let Arg::Str(s) = a { Some(s.to_string()) } else { None });
        slots.push(match a {
            Arg::Tensor(_) => {
                n_in += 1;
                Slot::In(n_in - 1)
            }
            Arg::Scalar(_) | Arg::Int(_) | Arg::Float(_) => {
                n_params += 1;
                Slot::Param(n_params - 1)
            }
            Arg::Bool(b) => Slot::Flag(*b),
            _ => Slot::Absent,
        });
    }
    let fx = Fx { slots: &slots, texts: &texts, compute: Compute::of(compute), is_bool: compute == DType::Bool };
    let complex = fx.is_complex();
    let (graph, root) = expr::build(Graph::default(), || match op.kind {
        Kind::Formula(f) | Kind::Reduction(f, ..) => f(&fx),
        _ => expr::lit(f64::NAN),
    });
    let name = op.node_by.map_or_else(|| record::node_name(op), |f| f(&fx).to_string());
    let mut c = Compiled::new(key, op, name, graph, vec![root], n_in as usize, n_params as usize, complex);
    if let Grad::Formulas(f) = op.grad {
        c.overridden = Some(f);
    }
    c.reduced = op.has(flag::LOSS) && texts.iter().flatten().any(|t| t != "none");
    c.slots = slots;
    c.texts = texts;
    c
}

pub(super) fn zero_derived(mask: u32) -> &'static Derived {
    static ZEROS: Mutex<Vec<(u32, &'static Derived)>> = Mutex::new(Vec::new());
    let n = mask.count_ones();
    let mut all = ZEROS.lock();
    if let Some(d) = all.iter().find(|d| d.0 == n) {
        return d.1;
    }
    let sources = (0..n).map(|_| Source::Zero).collect();
    let d: &'static Derived = Box::leak(Box::new(Derived { sources, compiled: None, reads: Vec::new(), frees: false }));
    all.push((n, d));
    d
}
