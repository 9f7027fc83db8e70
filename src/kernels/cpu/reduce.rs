//! stub
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::program::{Compute, Program, Reduce};
use crate::scalar::Scalar;
pub fn map_reduce(_p: &Program, _r: Reduce, _post: Option<&Program>, _c: Compute, _params: &[Scalar], _shape: &[i64], _reduced: &[bool], _ins: &[Operand], _out: Operand) -> Result<()> { Ok(()) }
