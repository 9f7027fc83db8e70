//! Formula operators at work: a formula is compiled once for each way its arguments are given, run by the tile machine,
//! and derived once for each set of inputs that require a gradient.

use super::arg::{Arg, Ctx, Ty};
use super::call::{self, Mode};
use super::expr::{self, E, Fx, Graph, Node, Slot};
use super::quick;
use super::record::{self, Saved};
use super::{Grad, GradE, Kind, Op, Rets, Rule, flag};
use crate::device::Device;
use crate::dtype::{self, DType};
use crate::error::Result;
use crate::kernels::cpu::tile;
use crate::kernels::program::{Compute, Program};
use crate::kernels::{Operand, program};
use crate::memory::Storage;
use crate::scalar::Scalar;
use crate::shape::{self, Dims, Layout};
use crate::tensor::Tensor;
use crate::tensor::graph::{Backward, Grads, Node as GraphNode, OutMeta};
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, OnceLock};

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
    roots: Vec<E>,
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
    sources: SmallVec<[Source; 3]>,
    /// Computes what is not passed through; None if everything is.
    compiled: Option<&'static Compiled>,
    /// What the gradient reads: positions in [inputs.., outputs.., gradients..].
    reads: Vec<u8>,
    /// Is anything freed after a walk? A number that stands for a tensor (`x * 2`) counts, since PyTorch keeps it as one.
    frees: bool,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    /// Zero everywhere.
    Zero,
    /// The value at this position of `reads`, unchanged.
    Same(usize),
    /// The n-th result of the derived formula.
    Computed(usize),
}

impl Derived {
    /// Is input `i` of the forward formula (of `n_in`) read?
    fn reads_input(&self, i: usize) -> bool {
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
    fn derive(&'static self, mask: u32) -> &'static Derived {
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

/// What a formula's tensors and numbers say about types and shapes.
pub(super) struct Facts {
    pub shape: Dims,
    pub result: DType,
    pub compute: DType,
}

/// PyTorch's three categories of operands: tensors with dimensions, 0-d tensors, numbers.
#[derive(Default)]
struct Promotion {
    dim: Option<DType>,
    zero: Option<DType>,
    number: Option<Scalar>,
}

impl Promotion {
    fn tensor(&mut self, d: DType, ndim: usize) {
        let slot = if ndim > 0 { &mut self.dim } else { &mut self.zero };
        *slot = Some(match *slot {
            Some(x) if x == d => d,
            Some(x) => dtype::promote(x, d),
            None => d,
        });
    }

    fn number(&mut self, s: Scalar) {
        self.number = Some(match self.number {
            Some(x) if x.category() >= s.category() => x,
            _ => s,
        });
    }

    fn result(&self) -> DType {
        let mut r = self.dim;
        let raise = |r: Option<DType>, d: DType| match r {
            None => Some(d),
            Some(r) if d.category() > r.category() => {
                // A stronger category wins, in the width that the weaker operand suggests for complex.
                Some(if d.is_complex() && r.is_float() { dtype::promote(r.to_complex(), r) } else { d })
            }
            r => r,
        };
        if let Some(z) = self.zero {
            r = match r {
                None => Some(z),
                Some(d) if z.category() > d.category() => {
                    Some(if z.is_complex() && d.is_float() { dtype::promote(z, d) } else { z })
                }
                r => r,
            };
        }
        if let Some(s) = self.number {
            r = raise(r, s.dtype());
        }
        r.unwrap_or_else(dtype::default_dtype)
    }
}

/// `torch.result_type` over tensors and numbers.
pub fn result_type(args: &[Arg]) -> DType {
    let mut p = Promotion::default();
    for a in args {
        match a {
            Arg::Tensor(t) => p.tensor(t.dtype(), t.ndim()),
            Arg::Scalar(s) => p.number(*s),
            Arg::Tensors(ts) => ts.iter().for_each(|t| p.tensor(t.dtype(), t.ndim())),
            _ => {}
        }
    }
    p.result()
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
    let mut c =
        Compiled::new(key, op, record::node_name(op), graph, vec![root], n_in as usize, n_params as usize, complex);
    if let Grad::Formulas(f) = op.grad {
        c.overridden = Some(f);
    }
    c.reduced = op.has(flag::LOSS) && texts.iter().flatten().any(|t| t != "none");
    c.slots = slots;
    c.texts = texts;
    c
}

/// The dtypes of a formula call.
pub(crate) fn types(op: &'static Op, args: &[Arg]) -> Result<(DType, DType)> {
    let mut p = Promotion::default();
    for (a, param) in args.iter().zip(op.params).skip((op.rule == Rule::Rest) as usize) {
        match a {
            Arg::Tensor(t) => {
                let b = t.body();
                p.tensor(b.dtype, b.layout.sizes.len());
            }
            Arg::Scalar(s) if matches!(param.ty, Ty::Num | Ty::OptNum | Ty::Number | Ty::OptNumber) => p.number(*s),
            _ => {}
        }
    }
    let mut d = p.result();
    let result = match op.rule {
        Rule::Promote | Rule::Rest => d,
        Rule::Float => {
            if d.is_integral() {
                d = dtype::default_dtype();
            }
            d
        }
        Rule::Compare => DType::Bool,
        Rule::Bits => {
            if d == DType::U8 {
                DType::U8
            } else {
                DType::Bool
            }
        }
        Rule::Real => d.to_real(),
        Rule::RealFloat => {
            if d.is_integral() {
                d = dtype::default_dtype();
            }
            d.to_real()
        }
        Rule::Complex => {
            d = d.to_complex();
            d
        }
        Rule::Double => {
            d = if d.is_complex() { DType::C128 } else { DType::F64 };
            d
        }
        Rule::First => {
            if let Some(Arg::Tensor(t)) = args.first() {
                d = t.dtype();
            }
            d
        }
    };
    if !op.only.is_empty() && !op.only.contains(&d) {
        return Err(super::arg::not_implemented(op.python_name(), d));
    }
    Ok((result, d))
}

pub(super) fn facts(op: &'static Op, args: &[Arg], ins: &Inputs) -> Result<Facts> {
    let (result, compute) = types(op, args)?;
    let mut shape: Option<Dims> = None;
    for t in &ins.tensors {
        let b = t.body();
        shape = Some(match shape {
            None => shape::dims(&b.layout.sizes),
            Some(s) if shape::same(&s, &b.layout.sizes) => s,
            Some(s) => shape::broadcast(&s, &b.layout.sizes)?,
        });
    }
    Ok(Facts { shape: shape.unwrap_or_default(), result, compute })
}

/// Calls a formula operator.
pub(super) fn call_formula(op: &'static Op, args: &[Arg], how: Mode) -> Result<Rets> {
    if let Some(r) = quick::try_call(op, args, how) {
        return r;
    }
    let ins = inputs(args);
    let f = facts(op, args, &ins)?;
    let c = compiled(op, args, &ins, f.compute);
    let mask = record::needed(&ins.tensors) * !matches!(op.grad, Grad::None) as u32;
    match how {
        Mode::New => {
            let outs = run(c, &ins.tensors, &ins.params, f.compute, &f.shape, &[f.result])?;
            if mask != 0 {
                record_formula(c, &ins, f.compute, mask, &outs, &ins.tensors)?;
            }
            Ok(outs)
        }
        Mode::InPlace(target) => {
            call::check_inplace(op, target, mask != 0)?;
            let at = target.sizes();
            if at != f.shape {
                crate::bail!(
                    Runtime,
                    "{}_: output with shape {} doesn't match the broadcast shape {}",
                    op.python_name(),
                    shape::show(&at),
                    shape::show(&f.shape)
                );
            }
            call::check_cast(f.result, target.dtype())?;
            let recorded = if mask != 0 {
                Some(record::before_inplace(target, &ins.tensors, |i| keeps(c, mask, i))?)
            } else {
                None
            };
            call::check_overlap(target, &ins.tensors)?;
            execute(c, &ins.tensors, &ins.params, f.compute, &f.shape, std::slice::from_ref(target))?;
            if recorded.is_some() {
                record::written(target)
            } else {
                target.bump()
            }
            if let Some(kept) = recorded {
                let tensors: SmallVec<[&Tensor; 4]> = kept.iter().collect();
                let node = formula_node(
                    c,
                    &ins.params,
                    f.compute,
                    mask,
                    std::slice::from_ref(target),
                    &tensors,
                    &ins.tensors,
                    None,
                )?;
                record::rebase(target, node)?;
            }
            Ok(Rets::from_iter([target.clone()]))
        }
        Mode::Out(targets) => {
            let target = call::out_target(op, targets, 0, &f.shape, f.result)?;
            if mask != 0 || target.requires_grad() {
                call::refuse_out_grad(op)?;
            }
            call::check_overlap(&target, &ins.tensors)?;
            if target.dtype() == f.result {
                execute(c, &ins.tensors, &ins.params, f.compute, &f.shape, std::slice::from_ref(&target))?;
            } else {
                // Rounded (halves) or wrapped (integers) in the result's own dtype first.
                let r = call::only(run(c, &ins.tensors, &ins.params, f.compute, &f.shape, &[f.result])?)?;
                target.copy_raw(&r)?;
            }
            target.bump();
            Ok(Rets::from_iter([target]))
        }
    }
}

/// Would the gradient for `mask` read tensor input `i`?
fn keeps(c: &'static Compiled, mask: u32, i: usize) -> bool {
    c.derive(mask).reads_input(i)
}

/// The strides of a result: those of the first input that has the result's shape and lies densely, else contiguous.
fn result_strides(tensors: &[&Tensor], shape: &[i64]) -> Option<Dims> {
    for t in tensors {
        let b = t.body();
        if b.layout.sizes.as_slice() == shape {
            if b.contiguous {
                return None;
            }
            if b.layout.is_dense() {
                return Some(b.layout.strides.clone());
            }
        }
    }
    None
}

/// Computes a compiled formula into new tensors, outside of autograd.
pub(super) fn run(
    c: &'static Compiled,
    tensors: &[&Tensor],
    params: &[Scalar],
    compute: DType,
    shape: &[i64],
    dtypes: &[DType],
) -> Result<Rets> {
    if let Some(r) = quick::run(c, tensors, params, compute, dtypes) {
        return r;
    }
    let device = call::common_device(c.op, tensors)?;
    let strides = result_strides(tensors, shape);
    let mut outs = Rets::new();
    for &d in dtypes {
        outs.push(match &strides {
            None => Tensor::empty(shape, d, device)?,
            Some(s) => Tensor::empty_strided(shape, s, d, device)?,
        });
    }
    execute(c, tensors, params, compute, shape, &outs)?;
    Ok(outs)
}

/// Runs the program over tensors that exist.
fn execute(
    c: &'static Compiled,
    tensors: &[&Tensor],
    params: &[Scalar],
    compute: DType,
    shape: &[i64],
    outs: &[Tensor],
) -> Result<()> {
    struct At {
        ptr: *mut u8,
        dtype: DType,
        layout: Option<Layout>,
        _storage: Storage,
    }
    let device = call::common_device(c.op, tensors)?;
    if let Some(o) = outs.iter().find(|o| o.body().storage.device() != device) {
        bail!(
            Runtime,
            "Expected all tensors to be on the same device: {} cannot write a tensor on {} from tensors on {device}",
            c.op.python_name(),
            o.device()
        );
    }
    if device == Device::Meta {
        return Ok(());
    }
    let mut flat = true;
    let mut numel = 1;
    let mut at: SmallVec<[At; 4]> = SmallVec::new();
    let used = c.used.iter().map(|&i| tensors[i as usize]);
    for (k, t) in outs.iter().chain(used).enumerate() {
        let b = t.body();
        let same = b.layout.sizes.as_slice() == shape;
        if k == 0 {
            numel = b.numel;
        }
        flat &= same && b.contiguous;
        let layout = (!flat).then(|| if same { b.layout.clone() } else { b.layout.broadcast_to(shape) });
        at.push(At { ptr: b.ptr(), dtype: b.dtype, layout, _storage: b.storage.clone() });
    }
    if numel == 0 {
        return Ok(());
    }
    let flat_shape = [numel];
    let contiguous;
    let mut ops: SmallVec<[Operand; 6]> = SmallVec::new();
    let shape: &[i64] = if flat {
        at.iter().for_each(|a| ops.push(Operand { ptr: a.ptr, dtype: a.dtype, strides: &[1] }));
        &flat_shape
    } else {
        contiguous = shape::contiguous_strides(shape);
        for a in &at {
            let strides: &[i64] = a.layout.as_ref().map_or(&contiguous, |l| &l.strides);
            ops.push(Operand { ptr: a.ptr, dtype: a.dtype, strides });
        }
        shape
    };
    let (o, i) = ops.split_at(outs.len());
    let work = numel as usize * c.program.code.len().max(1);
    call::unlocked(work, || tile::map(&c.program, program::Compute::of(compute), params, shape, i, o))
}

// ---- recording ----

/// The node of a formula call.
struct FormulaNode {
    compiled: &'static Compiled,
    derived: &'static Derived,
    mask: u32,
    compute: DType,
    params: SmallVec<[Scalar; 2]>,
    /// What `derived.reads` lists, gradients excepted.
    saved: Mutex<Option<SmallVec<[Option<Saved>; 3]>>>,
    /// Where the outputs were summed: the shape of what was, and by how much the sum was divided.
    spread: Option<(Dims, i64)>,
    /// What each needed input looks like, where one differs from the output.
    wanted: Option<Box<[OutMeta]>>,
}

pub(super) fn record_formula(
    c: &'static Compiled,
    ins: &Inputs,
    compute: DType,
    mask: u32,
    outs: &[Tensor],
    originals: &[&Tensor],
) -> Result<()> {
    let node = formula_node(c, &ins.params, compute, mask, outs, &ins.tensors, originals, None)?;
    record::attach(&node, outs);
    Ok(())
}

/// Records a formula whose one output was summed over `spread.0` and divided by `spread.1`.
pub(super) fn record_reduced(
    c: &'static Compiled,
    ins: &Inputs,
    compute: DType,
    mask: u32,
    out: &Tensor,
    spread: (Dims, i64),
) -> Result<()> {
    let outs = std::slice::from_ref(out);
    let node = formula_node(c, &ins.params, compute, mask, outs, &ins.tensors, &ins.tensors, Some(spread))?;
    record::attach(&node, outs);
    Ok(())
}

fn formula_node(
    c: &'static Compiled,
    params: &[Scalar],
    compute: DType,
    mask: u32,
    outs: &[Tensor],
    tensors: &[&Tensor],
    originals: &[&Tensor],
    spread: Option<(Dims, i64)>,
) -> Result<Arc<GraphNode>> {
    let derived = if matches!(c.op.grad, Grad::Zero) { zero_derived(mask) } else { c.derive(mask) };
    let mut saved = SmallVec::new();
    for &r in &derived.reads {
        let r = r as usize;
        saved.push(if r < c.n_in {
            Some(Saved::input(tensors[r]))
        } else if r < c.n_in + c.roots.len() {
            Some(Saved::output(&outs[r - c.n_in], (r - c.n_in) as u32))
        } else {
            None
        });
    }
    let mut edges = SmallVec::new();
    let mut alike = spread.is_none();
    let out = outs[0].body();
    for (i, t) in originals.iter().enumerate() {
        if mask >> i & 1 == 1 {
            edges.push(record::edge(t));
            alike &= t.same(&outs[0]) || {
                let b = t.body();
                b.dtype == out.dtype && shape::same(&b.layout.sizes, &out.layout.sizes)
            };
        }
    }
    drop(out);
    let needed = || originals.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1);
    let wanted = (!alike).then(|| needed().map(|(_, t)| OutMeta::of(t)).collect());
    let node = FormulaNode {
        compiled: c,
        derived,
        mask,
        compute,
        params: SmallVec::from_slice(params),
        saved: Mutex::new(Some(saved)),
        spread,
        wanted,
    };
    let node = GraphNode::new(Box::new(node), edges);
    node.describe(outs);
    record::note_forward(&node);
    Ok(node)
}

fn zero_derived(mask: u32) -> &'static Derived {
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

impl Backward for FormulaNode {
    fn name(&self) -> &str {
        &self.compiled.name
    }

    fn run(&self, node: &Arc<GraphNode>, grads: Grads) -> Result<Grads> {
        let _ = self.mask;
        let like = node.outs.lock().first().cloned();
        let Some(like) = like else { bail!(Runtime, "internal: {} has no output", self.compiled.name) };
        let wanted = |i: usize| self.wanted.as_ref().map_or(&like, |w| &w[i]);
        let (n_in, n_out) = (self.compiled.n_in, self.compiled.roots.len());
        // Unpacked under the lock, computed after it.
        let saved: SmallVec<[Option<Tensor>; 4]> = {
            let lock = self.saved.lock();
            let saved = lock.as_ref().ok_or_else(record::released)?;
            let open = |s: &Option<Saved>| s.as_ref().map(|s| s.unpack(node)).transpose();
            if saved.iter().flatten().any(Saved::is_packed) {
                // The host's hooks run without our lock.
                let saved = saved.clone();
                drop(lock);
                saved.iter().map(open).collect::<Result<_>>()?
            } else {
                saved.iter().map(open).collect::<Result<_>>()?
            }
        };
        let mut values: SmallVec<[Tensor; 4]> = SmallVec::new();
        for (&r, s) in self.derived.reads.iter().zip(saved) {
            values.push(match s {
                Some(s) => s,
                None => {
                    let k = r as usize - n_in - n_out;
                    let g = match grads.get(k).cloned().flatten() {
                        Some(g) => g,
                        None => record::zeros_for(node, k)?,
                    };
                    match &self.spread {
                        Some((sizes, over)) => super::loss::spread(g, sizes, *over)?,
                        None => g,
                    }
                }
            });
        }
        let results = match self.derived.compiled {
            None => Rets::new(),
            Some(d) => {
                let ins: SmallVec<[&Tensor; 4]> = values.iter().take(d.n_in).collect();
                let mut dtypes: SmallVec<[DType; 3]> = SmallVec::from_elem(self.compute, d.roots.len());
                for (i, s) in self.derived.sources.iter().enumerate() {
                    if let Source::Computed(k) = s {
                        dtypes[*k] = wanted(i).dtype;
                    }
                }
                call_derived(d, &ins, &self.params, self.compute, &dtypes)?
            }
        };
        let mut out = Grads::new();
        for (i, s) in self.derived.sources.iter().enumerate() {
            let w = wanted(i);
            let g = match *s {
                Source::Zero => {
                    out.push(Some(Tensor::zeros(&w.sizes, w.dtype, w.device)?));
                    continue;
                }
                Source::Same(k) => values[k].clone(),
                Source::Computed(k) => results[k].clone(),
            };
            out.push(Some(record::fit(g, &w.sizes, w.dtype)?));
        }
        Ok(out)
    }

    fn release(&self) {
        // A node that kept nothing serves any number of walks, as in PyTorch.
        if self.derived.frees {
            let taken = self.saved.lock().take();
            drop(taken);
        }
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Runs a derived formula, recorded if recording is on: that is how second derivatives come.
fn call_derived(
    d: &'static Compiled,
    tensors: &[&Tensor],
    params: &[Scalar],
    compute: DType,
    dtypes: &[DType],
) -> Result<Rets> {
    let mut shape: Dims = Dims::new();
    for t in tensors {
        shape = shape::broadcast(&shape, &t.body().layout.sizes)?;
    }
    let outs = run(d, tensors, params, compute, &shape, dtypes)?;
    let mask = record::needed(tensors);
    if mask != 0 {
        let node = formula_node(d, params, compute, mask, &outs, tensors, tensors, None)?;
        record::attach(&node, &outs);
    }
    Ok(outs)
}

/// The program of a formula operator for given arguments, for printing (CUDA) and for reductions.
pub fn program_for(op: &'static Op, args: &[Arg], compute: DType) -> &'static Compiled {
    compiled(op, args, &inputs(args), compute)
}

/// Does integer division by zero in this operator raise?
pub fn traps(op: &Op) -> bool {
    op.has(flag::ZERO_DIV)
}

/// Checks used by several operators: `bool` is not a number to subtract or negate.
pub fn refuse_bool(cx: &Ctx) -> Result<()> {
    let (_, compute) = types(cx.op, cx.args)?;
    if compute == DType::Bool { Err(cx.refuse(compute)) } else { Ok(()) }
}
