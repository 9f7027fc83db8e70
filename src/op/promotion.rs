//! What a formula's tensors and numbers say about dtypes and shapes: PyTorch's promotion, and the literal's rule.

use super::arg::{Arg, Ty};
use super::compiled::Inputs;
use super::{Op, Rule};
use crate::dtype::{self, DType};
use crate::error::Result;
use crate::scalar::Scalar;
use crate::shape::{self, Dims};

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
