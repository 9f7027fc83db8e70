//! Tests of the formula machine and of the indexing kernels.

#![allow(clippy::unwrap_used)]

mod chain;
mod indexing;
mod reduce;
mod tile;
mod ulp;

use crate::dtype::Element;
use crate::kernels::Operand;
use crate::kernels::program::{Instr, Prim, Program, Src};
use crate::shape::contiguous_strides;

/// A tensor of the tests: memory and layout.
pub struct T<E> {
    pub data: Vec<E>,
    pub strides: Vec<i64>,
}

impl<E: Element> T<E> {
    pub fn new(data: Vec<E>, shape: &[i64]) -> T<E> {
        T { data, strides: contiguous_strides(shape).to_vec() }
    }
    pub fn op(&self) -> Operand<'_> {
        Operand { ptr: self.data.as_ptr() as *mut u8, dtype: E::DTYPE, strides: &self.strides }
    }
}

pub fn op<'a, E: Element>(data: &[E], strides: &'a [i64]) -> Operand<'a> {
    Operand { ptr: data.as_ptr() as *mut u8, dtype: E::DTYPE, strides }
}

pub fn instr(prim: Prim, dst: u8, args: &[Src]) -> Instr {
    let a = |i: usize| args.get(i).copied().unwrap_or(args[0]);
    Instr { prim, dst, args: [a(0), a(1), a(2)] }
}

/// One primitive on as many inputs as it takes.
pub fn single(prim: Prim) -> Program {
    let n = prim.arity();
    let args: Vec<Src> = (0..n as u8).map(Src::In).collect();
    Program { n_in: n, code: vec![instr(prim, 0, &args)], outs: vec![Src::Reg(0)], n_regs: 1, ..Program::default() }
}
