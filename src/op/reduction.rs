//! Reductions: a formula, combined over dimensions, then a formula on the result. The operator's parameters `dim`,
//! `keepdim`, `dtype` are found by their names.

use super::arg::{Arg, Ctx};
use super::{Grad, Kind, Rets, call, formula, record};
use crate::device::Device;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::reduce;
use crate::kernels::program::{Compute, Reduce};
use crate::kernels::{Operand, program::Program};
use crate::op::expr::{self, Graph};
use crate::scalar::Scalar;
use crate::shape::{self, Dims};
use crate::tensor::{Tensor, mode};
use smallvec::SmallVec;

/// The dimensions that a call reduces, and whether they stay as size 1.
pub fn dims(cx: &Ctx, ndim: usize) -> Result<(SmallVec<[bool; 8]>, bool)> {
    let [dim, keepdim, _] = cx.op.cache.places(cx.op);
    let mask = match dim.map(|i| cx.args[i]) {
        Some(Arg::Ints(d)) => shape::wrap_dims(d, ndim)?,
        Some(Arg::Int(d)) => shape::wrap_dims(&[d], ndim)?,
        _ => shape::mask_of(true, ndim),
    };
    let keep = matches!(keepdim.map(|i| cx.args[i]), Some(Arg::Bool(true)));
    Ok((mask, keep))
}

/// The shape after reducing.
pub fn reduced_sizes(sizes: &[i64], mask: &[bool], keep: bool) -> Dims {
    let mut out = Dims::new();
    for (s, r) in sizes.iter().zip(mask) {
        match (r, keep) {
            (true, true) => out.push(1),
            (true, false) => {}
            _ => out.push(*s),
        }
    }
    out
}

/// The dtypes of the result and of the computation: `dtype=` decides, and integers are added up in int64.
pub(super) fn types(cx: &Ctx, result: DType, compute: DType) -> (DType, DType) {
    if let Some(Arg::DType(d)) = cx.op.cache.places(cx.op)[2].map(|i| cx.args[i]) {
        return (d, d);
    }
    let adds = matches!(cx.op.kind, Kind::Reduction(_, Reduce::Sum | Reduce::Prod, _));
    if adds && compute.is_integral() { (DType::I64, DType::I64) } else { (result, compute) }
}

/// Calls a reduction operator.
pub fn call_reduction(cx: &Ctx) -> Result<Rets> {
    let Kind::Reduction(_, how, post) = &cx.op.kind else { return call::no_body(cx) };
    let x = cx.tensor(0)?;
    // One look at it, and the storage is kept: the lock on the host may be released below.
    let (wide, xd, xp, numel, storage) = {
        let b = x.body();
        (b.layout.clone(), b.dtype, b.ptr(), b.numel, b.storage.clone())
    };
    let (sizes, device) = (&wide.sizes, storage.device());
    let (mask, keep) = dims(cx, sizes.len())?;
    let (result, compute) = formula::types(cx.op, cx.args)?;
    let (result, compute) = types(cx, result, compute);
    // The result's shape; its strides over the full rank (0 where it was reduced); how many elements go into one.
    let (mut out_sizes, mut strides) = (Dims::new(), shape::dims(sizes));
    let (mut step, mut count) = (1i64, 1i64);
    for i in (0..sizes.len()).rev() {
        if mask[i] {
            count = count.wrapping_mul(sizes[i]);
            strides[i] = 0;
        } else {
            strides[i] = step;
            step = step.wrapping_mul(sizes[i]);
        }
    }
    for (&s, &gone) in sizes.iter().zip(&mask) {
        if !gone || keep {
            out_sizes.push(if gone { 1 } else { s });
        }
    }
    let out = Tensor::empty(&out_sizes, result, device)?;
    if device == Device::Cpu && step != 0 {
        let mut ins = formula::inputs(cx.args);
        let c = formula::compiled(cx.op, cx.args, &ins, compute);
        let post = post.map(|f| c.post.get_or_init(|| post_program(cx, f, compute)));
        if post.is_some() {
            // The post formula's last number.
            ins.params.push(Scalar::Float(count as f64));
        }
        let op = out.body().ptr();
        let work = numel as usize * (c.program.code.len() + 1);
        call::unlocked(work, || {
            let input = Operand { ptr: xp, dtype: xd, strides: &wide.strides };
            let output = Operand { ptr: op, dtype: result, strides: &strides };
            reduce::map_reduce(
                &c.program,
                *how,
                post,
                Compute::of(compute),
                &ins.params,
                sizes,
                &mask,
                &[input],
                output,
            )
        })?;
    }
    drop(storage);
    let outs = Rets::from_iter([out]);
    if mode::grad() && !matches!(cx.op.grad, Grad::None) && x.requires_grad() && outs[0].dtype().is_differentiable() {
        record::record(cx, &outs, &[x]);
    }
    Ok(outs)
}

/// The formula on the accumulated value: input 0 is the value; the count of reduced elements is one more number behind those
/// of the call, so that one program serves any count.
pub(super) fn post_program(cx: &Ctx, f: fn(&expr::Fx, expr::E, expr::E) -> expr::E, compute: DType) -> Program {
    let mut slots = Vec::new();
    let mut texts = Vec::new();
    let mut n = 0;
    for a in cx.args {
        texts.push(if let Arg::Str(s) = a { Some(s.to_string()) } else { None });
        slots.push(match a {
            Arg::Tensor(_) => expr::Slot::In(0),
            Arg::Scalar(_) | Arg::Int(_) | Arg::Float(_) => {
                n += 1;
                expr::Slot::Param(n - 1)
            }
            Arg::Bool(b) => expr::Slot::Flag(*b),
            _ => expr::Slot::Absent,
        });
    }
    let fx = expr::Fx { slots: &slots, texts: &texts, compute: Compute::of(compute), is_bool: compute == DType::Bool };
    let (graph, root) = expr::build(Graph::default(), || f(&fx, expr::input(0), expr::param(n as usize)));
    graph.compile(&[root], n as usize + 1).0
}
