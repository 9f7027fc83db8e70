//! Losses: a formula of several tensors, then the mean or the sum over all elements in the same pass, or neither. The
//! operator's parameter `reduction` says which; the gradient is that of the formula.

use super::arg::{Arg, Ctx};
use super::{Grad, Kind, Rets, call, formula, record, steps};
use crate::device::Device;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::reduce;
use crate::kernels::program::Compute;
use crate::shape::Layout;
use crate::tensor::create::{read, write};
use crate::tensor::{Body, Tensor};
use smallvec::SmallVec;

/// Calls a loss.
pub fn call_loss(cx: &Ctx) -> Result<Rets> {
    let Kind::Reduction(_, how, _) = &cx.op.kind else { return call::no_body(cx) };
    let reduction = cx.args.iter().rev().find_map(|a| if let Arg::Str(s) = a { Some(*s) } else { None });
    let ins = formula::inputs(cx.args);
    let f = formula::facts(cx.op, cx.args, &ins)?;
    let c = formula::compiled(cx.op, cx.args, &ins, f.compute);
    let mask = record::needed(&ins.tensors) * !matches!(cx.op.grad, Grad::None) as u32;
    let mean = match reduction {
        Some("mean") => true,
        Some("sum") => false,
        _ => {
            let outs = formula::run(c, &ins.tensors, &ins.params, f.compute, &f.shape, &[f.result])?;
            if mask != 0 {
                formula::record_formula(c, &ins, f.compute, mask, &outs, &ins.tensors)?;
            }
            return Ok(outs);
        }
    };
    let n: i64 = f.shape.iter().product();
    let device = call::common_device(cx.op, &ins.tensors)?;
    let out = Tensor::empty(&[], f.result, device)?;
    match device {
        Device::Cpu => {
            // Copies of the bodies keep the memory while the host's lock is free.
            let bodies: SmallVec<[Body; 4]> = c.used.iter().map(|&i| ins.tensors[i as usize].body().clone()).collect();
            let layouts: SmallVec<[Layout; 4]> = bodies.iter().map(|b| b.layout.broadcast_to(&f.shape)).collect();
            let operands: SmallVec<[Operand; 4]> = bodies
                .iter()
                .zip(&layouts)
                .map(|(b, l)| Operand { ptr: b.ptr(), dtype: b.dtype, strides: &l.strides })
                .collect();
            let reduced: SmallVec<[bool; 8]> = SmallVec::from_elem(true, f.shape.len());
            let zeros: SmallVec<[i64; 8]> = SmallVec::from_elem(0, f.shape.len());
            // The sum in the type of the computation: it is rounded to a half only after the division.
            let mut sum = [0u64; 2];
            let ptr = sum.as_mut_ptr() as *mut u8;
            let wide = if f.compute.is_half() { DType::F32 } else { f.compute };
            if n > 0 {
                let total = Operand { ptr, dtype: wide, strides: &zeros };
                let work = n as usize * (c.program.code.len() + 1);
                let (shape, params, compute) = (&f.shape, &ins.params, Compute::of(f.compute));
                call::unlocked(work, || {
                    reduce::map_reduce(&c.program, *how, None, compute, params, shape, &reduced, &operands, total)
                })?;
            }
            // SAFETY: `sum` holds one element of any type, `out` is one of its own.
            unsafe {
                let s = read(ptr, wide);
                let s = match (mean, wide) {
                    (false, _) => s,
                    (true, DType::F32) => ((s.f64() as f32 / n as f32) as f64).into(),
                    (true, _) => (s.f64() / n as f64).into(),
                };
                write(out.body().ptr(), f.result, s);
            }
        }
        Device::Meta => {}
        d => return Err(crate::device::absent(d)),
    }
    if mask != 0 {
        formula::record_reduced(c, &ins, f.compute, mask, &out, (f.shape, if mean { n } else { 1 }))?;
    }
    Ok(Rets::from_iter([out]))
}

/// The gradient of a sum over `sizes` divided by `over`, for each of the summed elements: in operations, so that it has a
/// gradient itself.
pub(super) fn spread(g: Tensor, sizes: &[i64], over: i64) -> Result<Tensor> {
    let steps = steps::get()?;
    let g = if over == 1 { g } else { (steps.scale)(&g, 1.0 / over as f64)? };
    (steps.spread)(&g, sizes)
}
