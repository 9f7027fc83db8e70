//! Reading and writing at positions that other tensors name.

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::index::{self as kernel, Reduce, Rule};
use crate::op::arg::Ctx;
use crate::op::{Batch, Meta, flag};
use crate::ops;
use crate::shape;
use crate::tensor::Tensor;
use smallvec::smallvec;

/// Checks a one-dimensional index of int64 or int32.
fn check_index(cx: &Ctx, index: &Tensor) -> Result<()> {
    if index.ndim() > 1 {
        bail!(Index, "{}(): Index is supposed to be a vector, but got dim: {}", cx.op.python_name(), index.ndim());
    }
    if !matches!(index.dtype(), DType::I64 | DType::I32) {
        bail!(
            Runtime,
            "{}(): Expected dtype int32 or int64 for index, but got {} (convert it with .long())",
            cx.op.python_name(),
            index.dtype().name()
        );
    }
    Ok(())
}

ops! {
    /// The places of `dim` that `index` names, as a copy.
    fn index_select(input: Tensor, dim: Int, index: Tensor) -> Tensor {
        .kernel(|cx| {
            let (x, index) = (cx.tensor(0)?, cx.tensor(2)?);
            check_index(cx, index)?;
            let mut sizes = x.sizes();
            let d = cx.dim(1, sizes.len())?;
            if sizes.is_empty() {
                if index.numel() != 1 {
                    bail!(Index, "index_select(): Index to scalar can have only 1 value, got {} value(s)", index.numel());
                }
            } else {
                sizes[d] = index.numel();
            }
            Ok(smallvec![Meta::new(sizes, x.dtype())])
        }, |cx, out| {
            let (x, index) = (cx.tensor(0)?, cx.tensor(2)?);
            let (lx, lo, li) = (x.layout(), out[0].layout(), index.layout());
            let d = cx.dim(1, lx.ndim())?;
            let size = lx.sizes.get(d).copied().unwrap_or(1);
            kernel::index_select(&lo.sizes, d, out[0].operand(&lo), x.operand(&lx), size, index.operand(&li))
        }, "index.cu", Batch::ShiftDims)
            .grad(&[2], &[], |b| {
                let hole = ops::zeros(&b.sizes(0), Some(b.dtype(0)), None)?;
                Ok(smallvec![Some(ops::index_add(&hole, b.int(1)?, b.tensor(2)?, &b.g()?, 1.into())?), None])
            }).with(flag::OUT)
    }

    /// `input` with `alpha * source` added at the places of `dim` that `index` names.
    fn index_add(input: Tensor, dim: Int, index: Tensor, source: Tensor; alpha: Scalar = 1) -> Tensor {
        .kernel(|cx| {
            let (x, index, source) = (cx.tensor(0)?, cx.tensor(2)?, cx.tensor(3)?);
            check_index(cx, index)?;
            if x.dtype() != source.dtype() {
                bail!(Runtime, "index_add_(): self ({}) and source ({}) must have the same scalar type", x.dtype().c10_name(), source.dtype().c10_name());
            }
            let (s, t) = (x.sizes(), source.sizes());
            let d = cx.dim(1, s.len())?;
            let places = t.get(d).copied().unwrap_or(1);
            if places != index.numel() {
                bail!(Index, "index_add_(): Number of indices ({}) should be equal to source.size(dim): ({places}), for dim: {d}", index.numel());
            }
            let others_differ = s.len() != t.len() || (0..s.len()).any(|i| i != d && s[i] != t[i]);
            if others_differ && !(s.is_empty() || t.is_empty()) {
                bail!(
                    Runtime,
                    "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = {} source.shape = {}",
                    shape::show(&s),
                    shape::show(&t)
                );
            }
            Ok(smallvec![Meta::new(s, x.dtype())])
        }, |cx, out| {
            let (x, index, source) = (cx.tensor(0)?, cx.tensor(2)?, cx.tensor(3)?);
            out[0].copy_raw(x)?;
            let alpha = cx.scalar(4)?;
            let scaled;
            let source = if alpha.f64() == 1.0 && alpha.im() == 0.0 {
                source
            } else {
                let _off = crate::tensor::mode::NoGrad::new();
                scaled = ops::mul(source.into(), crate::op::arg::Num::Scalar(alpha))?;
                &scaled
            };
            let (lo, li, ls) = (out[0].layout(), index.layout(), source.layout());
            let d = cx.dim(1, lo.ndim())?;
            let size = lo.sizes.get(d).copied().unwrap_or(1);
            kernel::index_store(&ls.sizes, d, out[0].operand(&lo), size, index.operand(&li), source.operand(&ls), Reduce::Sum, Rule::Gather)
        }, "index.cu", Batch::ShiftDims)
            .grad(&[2], &[], |b| {
                let g = b.g()?;
                let source = b.when(2, || {
                    let part = ops::index_select(&g, b.int(1)?, b.tensor(2)?)?;
                    ops::mul((&ops::reshape(&part, &b.sizes(3))?).into(), crate::op::arg::Num::Scalar(b.scalar(4)))
                })?;
                Ok(smallvec![Some(g.clone()), None, source])
            }).with(flag::OUT | flag::INPLACE)
    }
}
