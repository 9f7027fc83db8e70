//! Variance and logsumexp: two reductions each, joined by a temporary of the size of the result.

use super::super::tile::map;
use super::map_reduce;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::program::{Compute, Instr, Prim, Program, Reduce, Src};
use crate::scalar::Scalar;
use smallvec::SmallVec;

type Strides = SmallVec<[i64; 6]>;

fn instr(prim: Prim, dst: u8, a: Src, b: Src) -> Instr {
    Instr { prim, dst, args: [a, b, a] }
}

/// A contiguous temporary over the kept dimensions: its strides (0 on reduced ones) and element count.
fn temporary(shape: &[i64], reduced: &[bool]) -> (Strides, usize) {
    let mut strides = Strides::from_elem(0, shape.len());
    let mut n = 1;
    for d in (0..shape.len()).rev() {
        if !reduced[d] {
            strides[d] = n;
            n *= shape[d];
        }
    }
    (strides, n.max(0) as usize)
}

/// The kept shape at full rank: 1 on reduced dimensions.
fn kept(shape: &[i64], reduced: &[bool]) -> Strides {
    shape.iter().zip(reduced).map(|(&s, &r)| if r { 1 } else { s }).collect()
}

fn count(shape: &[i64], reduced: &[bool]) -> f64 {
    shape.iter().zip(reduced).filter(|(_, r)| **r).map(|(&s, _)| s as f64).product()
}

/// Variance with `n - correction` in the denominator, and mean, over the reduced dimensions. Two passes: the squares of
/// the distances from the mean, so that nothing cancels. Real floating types.
pub fn var_mean(
    shape: &[i64],
    reduced: &[bool],
    input: Operand,
    correction: f64,
    var: Option<Operand>,
    mean: Option<Operand>,
) -> Result<()> {
    let compute = Compute::of(input.dtype);
    let n = count(shape, reduced);
    let id = Program { n_in: 1, outs: vec![Src::In(0)], ..Program::default() };
    let div = Program {
        n_in: 1,
        n_params: 1,
        code: vec![instr(Prim::Div, 0, Src::In(0), Src::Param(0))],
        outs: vec![Src::Reg(0)],
        n_regs: 1,
        ..Program::default()
    };
    let (strides, total) = temporary(shape, reduced);
    let mut memory = vec![0u64; total * compute.dtype().size() / 8 + 2];
    let m = Operand { ptr: memory.as_mut_ptr() as *mut u8, dtype: compute.dtype(), strides: &strides };
    map_reduce(&id, Reduce::Sum, Some(&div), compute, &[Scalar::Float(n)], shape, reduced, &[input], m)?;
    if let Some(out) = mean {
        super::super::copy::copy(&kept(shape, reduced), m, out)?;
    }
    if let Some(out) = var {
        let squares = Program {
            n_in: 2,
            code: vec![instr(Prim::Sub, 0, Src::In(0), Src::In(1)), instr(Prim::Square, 0, Src::Reg(0), Src::Reg(0))],
            outs: vec![Src::Reg(0)],
            n_regs: 1,
            ..Program::default()
        };
        let by = [Scalar::Float((n - correction).max(0.0))];
        map_reduce(&squares, Reduce::Sum, Some(&div), compute, &by, shape, reduced, &[input, m], out)?;
    }
    Ok(())
}

/// log(sum(exp(x))) over the reduced dimensions, without overflow. Real floating types.
pub fn logsumexp(shape: &[i64], reduced: &[bool], input: Operand, out: Operand) -> Result<()> {
    let compute = Compute::of(input.dtype);
    let id = Program { n_in: 1, outs: vec![Src::In(0)], ..Program::default() };
    let (strides, total) = temporary(shape, reduced);
    let mut memory = vec![0u64; (total * compute.dtype().size() / 8 + 2) * 2];
    let half = memory.len() / 2;
    let m = Operand { ptr: memory.as_mut_ptr() as *mut u8, dtype: compute.dtype(), strides: &strides };
    let s = Operand { ptr: memory[half..].as_mut_ptr() as *mut u8, ..m };
    // An infinite maximum is not subtracted: inf - inf would be NaN.
    let finite = Program {
        n_in: 1,
        consts: vec![0.0],
        code: vec![
            instr(Prim::IsInf, 0, Src::In(0), Src::In(0)),
            Instr { prim: Prim::Select, dst: 0, args: [Src::Reg(0), Src::Const(0), Src::In(0)] },
        ],
        outs: vec![Src::Reg(0)],
        n_regs: 1,
        ..Program::default()
    };
    map_reduce(&id, Reduce::Max, Some(&finite), compute, &[], shape, reduced, &[input], m)?;
    let exps = Program {
        n_in: 2,
        code: vec![instr(Prim::Sub, 0, Src::In(0), Src::In(1)), instr(Prim::Exp, 0, Src::Reg(0), Src::Reg(0))],
        outs: vec![Src::Reg(0)],
        n_regs: 1,
        ..Program::default()
    };
    map_reduce(&exps, Reduce::Sum, None, compute, &[], shape, reduced, &[input, m], s)?;
    let last = Program {
        n_in: 2,
        code: vec![instr(Prim::Log, 0, Src::In(0), Src::In(0)), instr(Prim::Add, 0, Src::Reg(0), Src::In(1))],
        outs: vec![Src::Reg(0)],
        n_regs: 1,
        ..Program::default()
    };
    map(&last, compute, &[], &kept(shape, reduced), &[s, m], &[out])
}
