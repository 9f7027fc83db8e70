//! The one path of every call: check devices, ask the literal for shapes and types, allocate, run, record the node, bump
//! the version. Nothing else in the core asks on which device it is.

use super::arg::{Arg, Ctx};
use super::target::{check_cast, check_inplace, check_out, check_overlap, out_target, refuse_out_grad};
use super::{Grad, Kernel, Kind, Op, Rets, flag, formula, intercept, layout, loss, record, reduction, steps};
use crate::device::{self, Device};
use crate::dtype::DType;
use crate::error::Result;
use crate::shape::{self, Dims};
use crate::tensor::{Creation, Tensor, graph, mode};
use smallvec::SmallVec;
use std::sync::OnceLock;

/// Where a call's result goes.
#[derive(Clone, Copy)]
pub enum Mode<'a> {
    /// New memory.
    New,
    /// Into this tensor, which is also the first argument.
    InPlace(&'a Tensor),
    /// Into these (`out=`), resized if need be.
    Out(&'a [Tensor]),
}

/// Calls an operator.
#[inline]
pub fn call(op: &'static Op, args: &[Arg]) -> Result<Rets> {
    call_as(op, args, Mode::New)
}

/// Calls an operator in the given form.
#[inline]
pub fn call_as(op: &'static Op, args: &[Arg], how: Mode) -> Result<Rets> {
    if mode::intercepted() {
        return intercept::run(intercept::Call { op, args, how });
    }
    direct(op, args, how)
}

/// The call itself, whoever intercepts.
#[inline]
pub(super) fn direct(op: &'static Op, args: &[Arg], how: Mode) -> Result<Rets> {
    let done = if layout::concerns(args, &how) && !op.has(flag::SPARSE) {
        layout::run(op, args, how)
    } else {
        dispatch(op, args, how)
    };
    match done {
        Ok(r) => Ok(r),
        Err(e) => Err(e.within(|| show_call(op, args))),
    }
}

/// `in mm(input=float32 [2, 3], mat2=float32 [2, 3])`
#[cold]
fn show_call(op: &Op, args: &[Arg]) -> String {
    let shown: Vec<String> = op
        .params
        .iter()
        .zip(args)
        .filter(|(_, a)| !matches!(a, Arg::None))
        .map(|(p, a)| format!("{}={}", p.name, a.show()))
        .collect();
    format!("in {}({})", op.python_name(), shown.join(", "))
}

#[inline]
fn dispatch(op: &'static Op, args: &[Arg], how: Mode) -> Result<Rets> {
    debug_assert_eq!(args.len(), op.params.len(), "{} takes all its arguments", op.name);
    if op.has(flag::READS_ELEMENTS) {
        refuse_meta(op, args)?;
    }
    let cx = Ctx { op, args };
    if let Some(check) = op.check {
        check(&cx)?;
    }
    match how {
        Mode::New => run(&cx, how),
        Mode::InPlace(target) => match kept_apart(&cx, target)? {
            Some(old) => {
                let mut args: SmallVec<[Arg; 8]> = args.into();
                args[0] = Arg::Tensor(&old);
                run(&Ctx { op, args: &args }, how)
            }
            None => run(&cx, how),
        },
        // A factory with `out=` takes the dtype from there.
        Mode::Out(targets) => match (op.has(flag::FACTORY), targets, op.position("dtype")) {
            (true, [t, ..], Some(i)) if matches!(args[i], Arg::None) => {
                let mut args: SmallVec<[Arg; 8]> = args.into();
                args[i] = Arg::DType(t.dtype());
                run(&Ctx { op, args: &args }, how)
            }
            _ => run(&cx, how),
        },
    }
}

/// For operators whose result's shape depends on the elements.
#[cold]
fn refuse_meta(op: &Op, args: &[Arg]) -> Result<()> {
    if record::tensors_of(args).iter().any(|t| t.device() == Device::Meta) {
        bail!(
            NotImplemented,
            "{}: the shape of the result depends on the elements, and a meta tensor has none",
            op.python_name()
        );
    }
    Ok(())
}

/// For the in-place form of composites and kernels: where backward will read the old value, a copy with its history takes
/// the place of the written tensor.
fn kept_apart(cx: &Ctx, target: &Tensor) -> Result<Option<Tensor>> {
    let reads = match (&cx.op.kind, &cx.op.grad) {
        (Kind::Composite(_), Grad::Derived) => true,
        (Kind::Kernel(_), Grad::Ops(keep, ..)) => keep.contains(&0) && !cx.op.has(flag::MUTATES | flag::UPDATES),
        _ => false,
    };
    if !reads || recorded(cx).is_none() {
        return Ok(None);
    }
    let old = record::before_inplace(target, &[target], |_| true)?;
    Ok(old.into_iter().next())
}

fn run(cx: &Ctx, how: Mode) -> Result<Rets> {
    let (op, args) = (cx.op, cx.args);
    match &op.kind {
        Kind::Formula(_) => formula::call_formula(op, args, how),
        Kind::Composite(f) => {
            let outs = f(cx)?;
            if !op.node.is_empty() && mode::grad() {
                record::name_last(cx, &outs);
            }
            finish(cx, how, outs)
        }
        Kind::View(f) => match how {
            Mode::InPlace(target) => relaid(cx, *f, target),
            _ => finish(cx, how, call_view(cx, *f)?),
        },
        Kind::Views(f) => finish(cx, how, call_views(cx, *f)?),
        Kind::Made(f) => {
            let outs = f(cx)?;
            if let Some(tensors) = recorded(cx) {
                record::record(cx, &outs, &tensors);
            }
            finish(cx, how, outs)
        }
        Kind::Reduction(..) if op.has(flag::LOSS) => finish(cx, how, loss::call_loss(cx)?),
        Kind::Reduction(..) => {
            let r = reduction::call_reduction(cx)?;
            finish(cx, how, r)
        }
        Kind::Kernel(k) => {
            if op.has(flag::MUTATES) || (op.has(flag::UPDATES) && matches!(how, Mode::InPlace(_))) {
                return call_mutating(cx, k);
            }
            let r = call_kernel(cx, k)?;
            if let Mode::Out(targets) = how {
                check_out(cx, targets, &r)?;
            }
            finish(cx, how, r)
        }
    }
}

/// The body of operators that have none.
pub fn no_body(cx: &Ctx) -> Result<Rets> {
    bail!(NotImplemented, "{} has no implementation", cx.op.py)
}

/// The only result.
#[inline]
pub fn only(mut out: Rets) -> Result<Tensor> {
    out.truncate(1);
    match out.pop() {
        Some(t) => Ok(t),
        None => bail!(Runtime, "internal: an operator gave no result"),
    }
}

/// Exactly `N` results.
pub fn exactly<const N: usize>(out: Rets) -> Result<[Tensor; N]> {
    let n = out.len();
    <[Tensor; N]>::try_from(out.into_vec()).map_err(|_| err!(Runtime, "internal: {n} results where {N} were expected"))
}

/// The device of all tensors of a call. 0-d CPU tensors may go with tensors elsewhere.
pub fn common_device(op: &Op, tensors: &[&Tensor]) -> Result<Device> {
    let mut found = Device::Cpu;
    let mut first = true;
    for t in tensors {
        let d = t.body().storage.device();
        if first {
            found = d;
            first = false;
        } else if d != found {
            let zero = |t: &Tensor| t.ndim() == 0 && t.device() == Device::Cpu;
            if zero(t) {
                continue;
            }
            if found == Device::Cpu && tensors.iter().filter(|t| t.device() == Device::Cpu).all(|t| zero(t)) {
                found = d;
                continue;
            }
            bail!(
                Runtime,
                "Expected all tensors to be on the same device, but found at least two devices, {found} and {d}! (when checking \
                 arguments of {}; move one with .to(\"{found}\"))",
                op.python_name()
            );
        }
    }
    Ok(found)
}

static UNLOCKED: OnceLock<fn(&mut dyn FnMut())> = OnceLock::new();

/// Called once by the binding: how to run something with the host's lock (the GIL) released.
pub fn set_unlocked(f: fn(&mut dyn FnMut())) {
    _ = UNLOCKED.set(f);
}

/// Is this work (primitive element steps) done with the host's lock held? It is below about 20 us.
#[inline]
pub fn is_small(work: usize) -> bool {
    work < 100_000
}

/// Runs `f`, with the host's lock released if it is worth more than about 20 us (`work` counts primitive element steps).
pub fn unlocked<R>(work: usize, f: impl FnOnce() -> R) -> R {
    match UNLOCKED.get() {
        Some(release) if !is_small(work) => {
            let mut f = Some(f);
            let mut r = None;
            release(&mut || {
                if let Some(f) = f.take() {
                    r = Some(f());
                }
            });
            match r {
                Some(r) => r,
                // The host ran nothing: there is no such host, but no value may be invented either.
                None => std::process::abort(),
            }
        }
        _ => f(),
    }
}

/// Turns new results into the form asked for: composites and kernels compute first and copy then.
#[inline(always)]
fn finish(cx: &Ctx, how: Mode, outs: Rets) -> Result<Rets> {
    if matches!(how, Mode::New) { Ok(outs) } else { written_back(cx, how, outs) }
}

fn written_back(cx: &Ctx, how: Mode, mut outs: Rets) -> Result<Rets> {
    let op = cx.op;
    match how {
        Mode::New => Ok(outs),
        Mode::InPlace(target) => {
            let r = outs.remove(0);
            check_inplace(target, false)?;
            if r.sizes() != target.sizes() && op.has(flag::RESIZES) && !r.requires_grad() {
                super::target::resize(target, &r.sizes())?;
            }
            if r.sizes() != target.sizes() {
                bail!(
                    Runtime,
                    "{}_: output with shape {} doesn't match the broadcast shape {}",
                    op.python_name(),
                    shape::show(&target.sizes()),
                    shape::show(&r.sizes())
                );
            }
            check_cast(r.dtype(), target.dtype())?;
            if r.same(target) {
                return Ok(Rets::from_iter([r]));
            }
            (steps::get()?.write)(target, &r)?;
            Ok(Rets::from_iter([target.clone()]))
        }
        Mode::Out(targets) => {
            let mut written = Rets::new();
            for (i, r) in outs.iter().enumerate() {
                if r.requires_grad() && mode::grad() {
                    refuse_out_grad(op)?;
                }
                if op.has(flag::OUT_TYPED)
                    && let Some(t) = targets.get(i)
                {
                    super::target::check_out_type(t, r)?;
                }
                let t = out_target(op, targets, i, &r.sizes(), r.dtype())?;
                if !matches!(cx.op.kind, Kind::Kernel(_)) {
                    check_overlap(&t, &record::tensors_of(cx.args))?;
                }
                let r = if t.storage().same(&r.storage()) && !r.same(&t) { r.copied(r.dtype())? } else { r.clone() };
                t.copy_raw(&r)?;
                t.bump();
                written.push(t);
            }
            Ok(written)
        }
    }
}

/// Is this call to be recorded, and by which tensors?
fn recorded<'a>(cx: &Ctx<'a>) -> Option<SmallVec<[&'a Tensor; 4]>> {
    if !mode::grad() || matches!(cx.op.grad, Grad::None) {
        return None;
    }
    let needs = |a: &Arg| match a {
        Arg::Tensor(t) => t.requires_grad(),
        Arg::Tensors(ts) => ts.iter().any(Tensor::requires_grad),
        Arg::OptTensors(ts) => ts.iter().flatten().any(Tensor::requires_grad),
        _ => false,
    };
    cx.args.iter().any(needs).then(|| record::tensors_of(cx.args))
}

/// How views made now are made.
fn creation(many: bool) -> Creation {
    match (mode::grad(), many) {
        (false, _) => Creation::NoGrad,
        (true, true) => Creation::MultiOutput,
        (true, false) => Creation::Default,
    }
}

/// A view of `base` made by several steps that are not recorded, the last of them by the operator `by`: what basic indexing
/// gives at once. The layout lies inside the base's.
pub fn basic_view(base: &Tensor, layout: &shape::Layout, by: &'static str) -> Tensor {
    let dtype = base.dtype();
    if mode::inference() { base.alias(layout.clone()) } else { base.view_at(layout, dtype, creation(false), by) }
}

/// One window on `base`, as the views of this operator are made. What has no gradient (`detach`, `view(dtype)`) is no view
/// to autograd.
#[inline]
fn window(op: &'static Op, base: &Tensor, (layout, dtype): (shape::Layout, DType), creation: Creation) -> Tensor {
    if mode::inference() || matches!(op.grad, Grad::None) {
        base.alias_as(layout, dtype)
    } else {
        base.view_at(&layout, dtype, creation, op.py)
    }
}

#[inline]
fn call_view(cx: &Ctx, f: fn(&Ctx) -> Result<(shape::Layout, DType)>) -> Result<Rets> {
    let base = cx.tensor(0)?;
    let outs = record::rets(window(cx.op, base, f(cx)?, creation(false)));
    record_view(cx, base, &outs);
    Ok(outs)
}

fn call_views(cx: &Ctx, f: fn(&Ctx) -> Result<Vec<(shape::Layout, DType)>>) -> Result<Rets> {
    let base = cx.tensor(0)?;
    let outs = f(cx)?.into_iter().map(|l| window(cx.op, base, l, creation(true))).collect();
    record_view(cx, base, &outs);
    Ok(outs)
}

/// A view has one argument that is a tensor.
#[inline]
fn record_view(cx: &Ctx, base: &Tensor, outs: &Rets) {
    if mode::grad() && !matches!(cx.op.grad, Grad::None) && base.requires_grad() {
        record::record(cx, outs, &[base]);
    }
}

/// Tensor arguments as they are now, in handles that nobody else can change: while the host's lock is released another thread
/// may give a tensor new memory (`.data =`, `resize_`), and a kernel must neither lose the old nor see both.
enum Pin {
    One(Tensor),
    Many(Vec<Tensor>),
    Some(Vec<Option<Tensor>>),
    Rest,
}

/// Runs `f` on the arguments pinned; small work runs under the host's lock and needs none of it.
fn pinned<R>(cx: &Ctx, work: usize, f: impl FnOnce(&Ctx) -> R) -> R {
    if UNLOCKED.get().is_some() && is_small(work) {
        return f(cx);
    }
    let pins: SmallVec<[Pin; 8]> = cx
        .args
        .iter()
        .map(|a| match a {
            Arg::Tensor(t) => Pin::One(t.detached()),
            Arg::Tensors(ts) => Pin::Many(ts.iter().map(Tensor::detached).collect()),
            Arg::OptTensors(ts) => Pin::Some(ts.iter().map(|t| t.as_ref().map(Tensor::detached)).collect()),
            _ => Pin::Rest,
        })
        .collect();
    let args: SmallVec<[Arg; 8]> = cx
        .args
        .iter()
        .zip(&pins)
        .map(|(a, p)| match p {
            Pin::One(t) => Arg::Tensor(t),
            Pin::Many(ts) => Arg::Tensors(ts),
            Pin::Some(ts) => Arg::OptTensors(ts),
            Pin::Rest => *a,
        })
        .collect();
    f(&Ctx { op: cx.op, args: &args })
}

/// The in-place form of a view (`t_`, `unsqueeze_`): the tensor itself gets the new layout.
fn relaid(cx: &Ctx, f: fn(&Ctx) -> Result<(shape::Layout, DType)>, target: &Tensor) -> Result<Rets> {
    check_inplace(target, false)?;
    let (layout, dtype) = f(cx)?;
    let mut node = None;
    if recorded(cx).is_some() {
        // What the tensor was stands in the node, with its history; the tensor itself would hold its own node.
        let old = target.detached();
        if let Some(e) = record::edge(target) {
            old.set_grad_fn(e);
        }
        let mut args: SmallVec<[Arg; 8]> = cx.args.into();
        args[0] = Arg::Tensor(&old);
        node = Some(record::op_node(cx.op, &args, &[target.alias_as(layout.clone(), dtype)], &[&old]));
    }
    let storage = target.storage();
    target.replace(storage, layout, dtype);
    target.bump();
    if let Some(node) = node {
        target.set_grad_fn(graph::Edge { node, index: 0 });
    }
    Ok(Rets::from_iter([target.clone()]))
}

/// What one look at each tensor of a call tells.
struct Seen {
    /// Elements in all.
    read: usize,
    /// Where they lie, if it is one device for all.
    device: Option<Device>,
    requires_grad: bool,
}

#[inline]
fn look(tensors: &[&Tensor]) -> Seen {
    let mut seen = Seen { read: 0, device: Some(Device::Cpu), requires_grad: false };
    for (i, t) in tensors.iter().enumerate() {
        seen.requires_grad |= t.requires_grad();
        let b = t.body();
        let device = b.storage.device();
        seen.read += b.numel as usize;
        seen.device = if i == 0 { Some(device) } else { seen.device.filter(|d| *d == device) };
    }
    seen
}

fn call_kernel(cx: &Ctx, k: &Kernel) -> Result<Rets> {
    let tensors = record::tensors_of(cx.args);
    let seen = look(&tensors);
    let outs = if UNLOCKED.get().is_some() && is_small(seen.read * 4) {
        run_kernel(cx, k, &tensors, &seen)?
    } else {
        pinned(cx, seen.read * 4, |cx| run_kernel(cx, k, &record::tensors_of(cx.args), &seen))?
    };
    if seen.requires_grad && mode::grad() && !matches!(cx.op.grad, Grad::None) {
        record::record(cx, &outs, &tensors);
    }
    Ok(outs)
}

fn run_kernel(cx: &Ctx, k: &Kernel, tensors: &[&Tensor], seen: &Seen) -> Result<Rets> {
    let metas = (k.meta)(cx)?;
    let given = |a: &Arg| if let Arg::Device(d) = a { Some(*d) } else { None };
    let device = match (cx.args.iter().find_map(given), seen.device) {
        (Some(d), _) | (None, Some(d)) => d,
        (None, None) => common_device(cx.op, tensors)?,
    };
    let mut outs = Rets::new();
    let mut work = seen.read;
    for m in &metas {
        let t = match &m.strides {
            None => Tensor::empty(&m.sizes, m.dtype, device)?,
            Some(s) => Tensor::empty_strided(&m.sizes, s, m.dtype, device)?,
        };
        work += m.sizes.iter().fold(1, |n: i64, &s| n.wrapping_mul(s)) as usize;
        outs.push(t);
    }
    match device {
        Device::Cpu => unlocked(work * 4, || {
            if cx.op.has(flag::UPDATES) {
                outs[0].copy_raw(cx.tensor(0)?)?;
            }
            (k.cpu)(cx, &outs)
        })?,
        Device::Meta => {}
        d => return Err(device::absent(d)),
    }
    Ok(outs)
}

/// Kernels that write their first argument: `copy_`, `fill_`, `uniform_`, and the in-place form of those that start from a
/// copy of it (`scatter_`).
fn call_mutating(cx: &Ctx, k: &Kernel) -> Result<Rets> {
    let target = cx.tensor(0)?;
    let tensors = recorded(cx);
    check_inplace(target, tensors.is_some())?;
    let metas = (k.meta)(cx)?;
    let all = record::tensors_of(cx.args);
    if let Some(m) = metas.first().filter(|m| m.sizes != target.sizes()) {
        bail!(
            Runtime,
            "{}_: output with shape {} doesn't match the broadcast shape {}",
            cx.op.python_name().trim_end_matches('_'),
            shape::show(&target.sizes()),
            shape::show(&m.sizes)
        );
    }
    let device = target.device();
    if !cx.op.has(flag::MANY_DEVICES) && common_device(cx.op, &all)? != device {
        bail!(
            Runtime,
            "Expected all tensors to be on the same device: {} cannot write a tensor on {device} from tensors elsewhere",
            cx.op.python_name()
        );
    }
    check_overlap(target, if cx.op.has(flag::READS_FIRST) { &[] } else { &all[1..] })?;
    // Where the gradient reads the old value, a copy with its history stands for the tensor in the node.
    let old = match &tensors {
        Some(ts) => {
            let reads =
                |i: usize| if let Grad::Ops(keep, ..) = cx.op.grad { i == 0 && keep.contains(&0) } else { false };
            record::before_inplace(target, ts, reads)?.into_iter().next().filter(|t| !t.same(target))
        }
        None => None,
    };
    match device {
        Device::Cpu => {
            let work = all.iter().map(|t| t.numel() as usize).sum::<usize>();
            pinned(cx, work * 4, |cx| {
                let target = cx.tensor(0)?;
                unlocked(work * 4, || (k.cpu)(cx, std::slice::from_ref(target)))
            })?;
        }
        Device::Meta => {}
        d => return Err(device::absent(d)),
    }
    if tensors.is_some() {
        record::written(target)
    } else {
        target.bump()
    }
    if let Some(ts) = tensors {
        let mut ts: SmallVec<[&Tensor; 4]> = ts.iter().copied().collect();
        let mut args: SmallVec<[Arg; 8]> = cx.args.into();
        if let Some(t) = &old {
            args[0] = Arg::Tensor(t);
            ts[0] = t;
        }
        let node = record::op_node(cx.op, &args, std::slice::from_ref(target), &ts);
        record::rebase(target, node)?;
    }
    Ok(Rets::from_iter([target.clone()]))
}

/// The shape that several tensors broadcast to.
pub fn broadcast_all(tensors: &[&Tensor]) -> Result<Dims> {
    let mut s = Dims::new();
    for t in tensors {
        s = shape::broadcast(&s, &t.sizes())?;
    }
    Ok(s)
}
