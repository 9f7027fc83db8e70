//! The short way of a pointwise call: all tensors of one dtype and shape (or 0-d beside the others), contiguous, on the CPU,
//! little work. Most calls of eager code are such; what does not fit goes the long way (`formula.rs`), which gives the same result.

use super::arg::Arg;
use super::call::Mode;
use super::formula::{self, Compiled, Inputs};
use super::{Grad, Kind, Op, Rets, Rule, call, record};
use crate::device::Device;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::tile;
use crate::kernels::program::Compute;
use crate::scalar::Scalar;
use crate::shape;
use crate::tensor::{BodyRef, Tensor, mode};
use smallvec::SmallVec;

/// Most tensors of a call that goes the short way.
const MOST: usize = 3;

/// The call's result, or None if it is no such call. With `target`, a call in place on the first argument, taken only where
/// nothing would be recorded.
#[inline]
pub(super) fn call(op: &'static Op, args: &[Arg], target: Option<&Tensor>) -> Option<Result<Tensor>> {
    if !matches!(op.kind, Kind::Formula(_)) || !matches!(op.rule, Rule::Promote | Rule::Float | Rule::Compare) {
        return None;
    }
    let mut tensors: [Option<&Tensor>; MOST] = [None; MOST];
    let mut bodies: [Option<BodyRef>; MOST] = [None, None, None];
    let mut params: SmallVec<[Scalar; 4]> = SmallVec::new();
    let (mut n, mut key) = (0, 0u64);
    for a in args {
        let code = match *a {
            Arg::Tensor(t) => {
                if n == MOST {
                    return None;
                }
                tensors[n] = Some(t);
                bodies[n] = Some(t.body());
                n += 1;
                1
            }
            Arg::Scalar(s) => {
                params.push(s);
                2
            }
            Arg::None => 0,
            // Flags, texts and numbers outside of promotion are rarer.
            _ => return None,
        };
        key = formula::next_key(key, code);
    }
    // What the result looks like; 0-d tensors beside it are one element for all.
    let model = bodies[..n].iter().flatten().position(|b| !b.layout.sizes.is_empty()).unwrap_or(0);
    let first = bodies[model].as_deref()?;
    let dtype = first.dtype;
    let float = dtype.is_float();
    let result = match op.rule {
        Rule::Compare => DType::Bool,
        Rule::Float if !float => return None,
        _ => dtype,
    };
    if !first.contiguous
        || first.storage.device() != Device::Cpu
        || params.iter().any(|s| s.category() > dtype.category())
        || !(op.only.is_empty() || op.only.contains(&dtype))
    {
        return None;
    }
    // Bit i: tensor i is one element for all.
    let mut ones = 0u32;
    for (i, b) in bodies[..n].iter().flatten().enumerate().filter(|(i, _)| *i != model) {
        let one = b.layout.sizes.is_empty() && !first.layout.sizes.is_empty();
        if b.dtype != dtype
            || !b.contiguous
            || !(one || shape::same(&b.layout.sizes, &first.layout.sizes))
            || b.storage.device() != Device::Cpu
        {
            return None;
        }
        ones |= (one as u32) << i;
    }
    let c = formula::cached(op, key, dtype)?;
    if !call::is_small(first.numel as usize * c.program.code.len().max(1)) {
        // The lock on the host would be released, and no lock of ours may be held then.
        return None;
    }
    let mut mask = 0;
    if !matches!(op.grad, Grad::None) && mode::grad() {
        for (i, t) in tensors[..n].iter().flatten().enumerate() {
            mask |= (t.requires_grad() as u32) << i;
        }
    }
    let out = match target {
        None => match Tensor::fresh(&first.layout.sizes, first.numel, result) {
            Ok(t) => t,
            Err(e) => return Some(Err(e)),
        },
        Some(t) => {
            let refused = t.is_inference() && !mode::inference();
            if mask != 0 || refused || result != dtype || model != 0 || !t.same(tensors[0]?) {
                return None;
            }
            // Other windows on the same memory are checked for overlap, which the long way does.
            let other = |(i, b): (usize, &BodyRef)| {
                b.storage.same(&first.storage) && (b.ptr() != first.ptr() || ones >> i & 1 == 1)
            };
            if bodies[..n].iter().flatten().enumerate().any(other) {
                return None;
            }
            t.clone()
        }
    };
    if first.numel > 0 {
        let o = Operand { ptr: out.body().ptr(), dtype: result, strides: &[1] };
        let mut ins = [o; MOST];
        for (to, &i) in ins.iter_mut().zip(&c.used) {
            let b = bodies[i as usize].as_deref()?;
            let strides: &[i64] = if ones >> i & 1 == 1 { &[0] } else { &[1] };
            *to = Operand { ptr: b.ptr(), dtype, strides };
        }
        let ins = &ins[..c.used.len()];
        if let Err(e) =
            tile::map(&c.program, Compute::of(dtype), &params, &[first.numel], ins, std::slice::from_ref(&o))
        {
            return Some(Err(e));
        }
    }
    drop(bodies);
    if mask != 0 {
        let mut list: SmallVec<[&Tensor; 4]> = SmallVec::new();
        tensors[..n].iter().flatten().for_each(|t| list.push(t));
        let ins = Inputs { tensors: list, params, key };
        if let Err(e) = formula::record_formula(c, &ins, dtype, mask, std::slice::from_ref(&out), &ins.tensors) {
            return Some(Err(e));
        }
    }
    Some(Ok(out))
}

/// Computes a compiled formula into new tensors, outside of autograd, or None if its inputs are not of the simple kind.
#[inline]
pub(super) fn run(
    c: &'static Compiled,
    tensors: &[&Tensor],
    params: &[Scalar],
    dtype: DType,
    dtypes: &[DType],
) -> Option<Result<Rets>> {
    let (n, m) = (tensors.len(), dtypes.len());
    if n == 0 || n > MOST || m > MOST || dtypes.iter().any(|&d| d != dtype) {
        return None;
    }
    let mut bodies: [Option<BodyRef>; MOST] = [None, None, None];
    for (b, t) in bodies.iter_mut().zip(tensors) {
        *b = Some(t.body());
    }
    let first = bodies[0].as_deref()?;
    for b in bodies[..n].iter().flatten() {
        if b.dtype != dtype
            || !b.contiguous
            || !shape::same(&b.layout.sizes, &first.layout.sizes)
            || b.storage.device() != Device::Cpu
        {
            return None;
        }
    }
    if !call::is_small(first.numel as usize * c.program.code.len().max(1)) {
        return None;
    }
    let mut outs = Rets::new();
    let blank = Operand { ptr: std::ptr::null_mut(), dtype, strides: &[1] };
    let (mut to, mut from) = ([blank; MOST], [blank; MOST]);
    for o in &mut to[..m] {
        match Tensor::fresh(&first.layout.sizes, first.numel, dtype) {
            Ok(t) => {
                o.ptr = t.body().ptr();
                outs.push(t);
            }
            Err(e) => return Some(Err(e)),
        }
    }
    if first.numel == 0 {
        return Some(Ok(outs));
    }
    for (o, &i) in from.iter_mut().zip(&c.used) {
        o.ptr = bodies[i as usize].as_deref()?.ptr();
    }
    let shape = [first.numel];
    Some(tile::map(&c.program, Compute::of(dtype), params, &shape, &from[..c.used.len()], &to[..m]).map(|()| outs))
}

/// [`call`] in the form of all calls.
#[inline]
pub(super) fn try_call(op: &'static Op, args: &[Arg], how: Mode) -> Option<Result<Rets>> {
    let r = match how {
        Mode::New => call(op, args, None)?,
        Mode::InPlace(target) => {
            let r = call(op, args, Some(target))?;
            if r.is_ok() {
                target.bump();
            }
            r
        }
        Mode::Out(_) => return None,
    };
    Some(r.map(record::rets))
}
