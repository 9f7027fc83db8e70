//! Sorting: whole lines, and the first `k` of them.

use crate::dtype::DType;
use crate::kernels::cpu::{select, sort as kernel};
use crate::op::{Batch, Meta, flag};
use crate::ops;
use crate::ops::short::{size_of, with_size, zeros};
use crate::shape::wrap_dim;
use smallvec::smallvec;

ops! {
    /// The elements along `dim` in order, and where they were. Equal ones keep their order; NaN is the largest.
    fn sort(input: Tensor, dim: Int = -1, descending: Bool = false) -> (values, indices) {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            cx.dim(1, x.ndim())?;
            if x.dtype().is_complex() {
                bail!(Runtime, "Sort does not support complex dtypes on CPU");
            }
            let m = Meta::like(x);
            Ok(smallvec![m.clone(), Meta { dtype: DType::I64, ..m }])
        }, |cx, out| {
            let x = cx.tensor(0)?;
            let (l, lv, li) = (x.layout(), out[0].layout(), out[1].layout());
            let (v, i) = (out[0].operand(&lv), out[1].operand(&li));
            kernel::sort(&l.sizes, cx.dim(1, l.ndim())?, Some(v), Some(i), x.operand(&l), cx.bool(2)?)
        }, "sort.cu", Batch::ShiftDims)
            .grad(&[], &[1], |b| {
                let (g, at) = (b.g()?, b.out(1)?);
                if g.ndim() == 0 {
                    return Ok(smallvec![Some(g)]);
                }
                Ok(smallvec![Some(ops::scatter(&zeros(&b.sizes(0), &g)?, b.int(1)?, at, &g)?)])
            }).with(flag::OUT)
    }

    /// The elements along `dim` in order, and where they were. Every sort is stable, asked for or not.
    "sort.stable" fn sort_stable(input: Tensor; stable: OptBool, dim: Int = -1, descending: Bool = false) -> (values, indices) = {
        _ = stable;
        sort(input, dim, descending)
    } { .with(flag::OUT) }

    /// The places of the elements along `dim` in their order.
    fn argsort(input: Tensor, dim: Int = -1, descending: Bool = false) -> Tensor {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            cx.dim(1, x.ndim())?;
            if x.dtype().is_complex() {
                bail!(Runtime, "Sort does not support complex dtypes on CPU");
            }
            Ok(smallvec![Meta { dtype: DType::I64, ..Meta::like(x) }])
        }, |cx, out| {
            let x = cx.tensor(0)?;
            let (l, li) = (x.layout(), out[0].layout());
            kernel::sort(&l.sizes, cx.dim(1, l.ndim())?, None, Some(out[0].operand(&li)), x.operand(&l), cx.bool(2)?)
        }, "sort.cu", Batch::ShiftDims).with(flag::OUT)
    }

    /// The places of the elements along `dim` in their order. Every sort is stable, asked for or not.
    "argsort.stable" fn argsort_stable(input: Tensor; stable: Bool, dim: Int = -1, descending: Bool = false) -> Tensor = {
        _ = stable;
        argsort(input, dim, descending)
    } { .with(flag::OUT) }

    /// The elements along the first dimension in order.
    fn msort(input: Tensor) -> Tensor = {
        let [values, _] = sort(input, 0, false)?;
        Ok(values)
    } { .with(flag::OUT) }

    /// The `k` largest (or smallest) elements along `dim` and their places, in order if `sorted`.
    fn topk(input: Tensor, k: Int, dim: Int = -1, largest: Bool = true, sorted: Bool = true) -> (values, indices) {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            let d = cx.dim(2, x.ndim())?;
            let (k, n) = (cx.int(1)?, size_of(x, d));
            if k < 0 || k > n {
                bail!(Runtime, "selected index k out of range: topk was asked for {k} of {n} elements of dimension {d}");
            }
            if x.dtype().is_complex() || x.dtype() == DType::Bool {
                bail!(Runtime, "topk does not support {} dtypes on CPU", if x.dtype().is_complex() { "complex" } else { "bool" });
            }
            let s = with_size(&x.sizes(), d, k);
            Ok(smallvec![Meta::new(s.clone(), x.dtype()), Meta::new(s, DType::I64)])
        }, |cx, out| {
            let x = cx.tensor(0)?;
            let (l, lv, li) = (x.layout(), out[0].layout(), out[1].layout());
            let (v, i) = (out[0].operand(&lv), out[1].operand(&li));
            select::topk(&l.sizes, cx.dim(2, l.ndim())?, v, i, x.operand(&l), cx.int(1)?, cx.bool(3)?, cx.bool(4)?)
        }, "select.cu", Batch::ShiftDims)
            .grad(&[], &[1], |b| {
                let (g, at, sizes) = (b.g()?, b.out(1)?, b.sizes(0));
                if sizes.is_empty() {
                    return Ok(smallvec![Some(g)]);
                }
                let d = wrap_dim(b.int(2)?, sizes.len())? as i64;
                Ok(smallvec![Some(ops::scatter(&zeros(&sizes, &g)?, d, at, &g)?)])
            }).with(flag::OUT)
    }
}
