//! Formula operators at work: a call's compiled form is run by the tile machine, and recorded where an input requires a
//! gradient.

use super::arg::{Arg, Ctx};
use super::call::{self, Mode};
pub use super::compiled::{Cache, Compiled};
use super::compiled::{Derived, Source, zero_derived};
pub(super) use super::compiled::{Inputs, cached, compiled, inputs, next_key};
pub(super) use super::promotion::facts;
pub use super::promotion::result_type;
pub(crate) use super::promotion::types;
use super::quick;
use super::record::{self, Saved};
use super::target::{check_cast, check_inplace, check_overlap, out_target, refuse_out_grad};
use super::{Grad, Op, Rets, Rule, flag};
use crate::device::Device;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::tile;
use crate::kernels::{Operand, program};
use crate::memory::Storage;
use crate::scalar::Scalar;
use crate::shape::{self, Dims, Layout};
use crate::tensor::Tensor;
use crate::tensor::graph::{Backward, Grads, Node as GraphNode, OutMeta};
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::sync::Arc;

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
            check_inplace(target, mask != 0)?;
            refuse_other_dtype(op, target, f.result)?;
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
            check_cast(f.result, target.dtype())?;
            let recorded = if mask != 0 {
                Some(record::before_inplace(target, &ins.tensors, |i| keeps(c, mask, i))?)
            } else {
                None
            };
            check_overlap(target, &ins.tensors)?;
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
            if op.rule == Rule::Complex
                && let Some(t) = targets.first().filter(|t| t.dtype() != f.result)
            {
                bail!(
                    Runtime,
                    "Expected object of scalar type {} but got scalar type {} for argument 'out'",
                    f.result.c10_name(),
                    t.dtype().c10_name()
                );
            }
            if mask != 0 {
                refuse_out_grad(op)?;
            }
            let target = out_target(op, targets, 0, &f.shape, f.result)?;
            check_overlap(&target, &ins.tensors)?;
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

/// Results whose dtype does not follow from promotion alone are not written into a tensor of another one.
#[inline]
fn refuse_other_dtype(op: &Op, target: &Tensor, result: DType) -> Result<()> {
    let d = target.dtype();
    if d == result {
        return Ok(());
    }
    match op.rule {
        Rule::Double => bail!(
            Runtime,
            "the base given to {}_ has dtype {} but the operation's result requires dtype {}",
            op.python_name(),
            d.c10_name(),
            result.c10_name()
        ),
        Rule::Real | Rule::RealFloat if d.is_complex() => {
            bail!(Runtime, "In-place {} is not supported for complex tensors.", op.python_name())
        }
        _ => Ok(()),
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
