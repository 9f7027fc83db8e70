//! Largest and smallest elements with their places, and the other choices of one element along a dimension: k-th value,
//! median, mode.

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::reduce::arg_reduce;
use crate::kernels::cpu::select as kernel;
use crate::op::arg::Ctx;
use crate::op::record::Bw;
use crate::op::reduction::reduced_sizes;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::ops::short::{flat, is, kept_strides, one_of, zeros};
use crate::scalar::Scalar;
use crate::shape::{self, wrap_dim};
use crate::tensor::graph::Grads;
use crate::tensor::{Body, Tensor};
use smallvec::{SmallVec, smallvec};

ops! {
    /// The place of the largest element, or those of the largest along `dim`; of equal ones the first.
    fn argmax(input: Tensor, dim: OptInt = None, keepdim: Bool = false) -> Tensor {
        .kernel(arg_meta, |cx, out| arg_run(cx, &out[0], true), "arg.cu", Batch::ShiftDims).with(flag::OUT)
    }

    /// The place of the smallest element, or those of the smallest along `dim`; of equal ones the first.
    fn argmin(input: Tensor, dim: OptInt = None, keepdim: Bool = false) -> Tensor {
        .kernel(arg_meta, |cx, out| arg_run(cx, &out[0], false), "arg.cu", Batch::ShiftDims).with(flag::OUT)
    }

    /// The largest elements along `dim`, and their places.
    "max.dim" fn max_dim(input: Tensor, dim: Int, keepdim: Bool = false) -> (values, indices) {
        .kernel(pick_meta, |cx, out| extreme(cx, out, true), "arg.cu", Batch::ShiftDims)
            .grad(&[], &[1], |b| choice_grad(b, b.int(1)?, b.bool(2))).with(flag::OUT)
    }

    /// The smallest elements along `dim`, and their places.
    "min.dim" fn min_dim(input: Tensor, dim: Int, keepdim: Bool = false) -> (values, indices) {
        .kernel(pick_meta, |cx, out| extreme(cx, out, false), "arg.cu", Batch::ShiftDims)
            .grad(&[], &[1], |b| choice_grad(b, b.int(1)?, b.bool(2))).with(flag::OUT)
    }

    /// The `k`-th smallest elements along `dim` (counted from 1), and their places.
    fn kthvalue(input: Tensor, k: Int, dim: Int = -1, keepdim: Bool = false) -> (values, indices) {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            refuse_bool(x.dtype(), "kthvalue_cpu")?;
            let m = one_meta(cx, x, 2, 3)?;
            let d = cx.dim(2, x.ndim())?;
            let (k, n) = (cx.int(1)?, ops::short::size_of(x, d));
            if k < 1 || k > n {
                bail!(Runtime, "kthvalue(): selected number k out of range for dimension {d} (k is {k}, the size {n})");
            }
            Ok(m)
        }, |cx, out| choose(cx, out, 2, 3, |s, d, v, i, x| kernel::kthvalue(s, d, v, i, x, cx.int(1)?)), "select.cu", Batch::ShiftDims)
            .grad(&[], &[1], |b| choice_grad(b, b.int(2)?, b.bool(3))).with(flag::OUT | flag::OUT_APART | flag::OUT_TYPED)
    }

    /// The median of all elements; of two in the middle the lower one, and NaN if there is one.
    fn median(input: Tensor) -> Tensor {
        .kernel(whole_meta, |cx, out| middle(cx, out, false), "select.cu", Batch::ShiftDims)
            .grad(&[0], &[0], share_grad)
    }

    /// Medians along `dim`, and their places.
    "median.dim" fn median_dim(input: Tensor, dim: Int, keepdim: Bool = false) -> (values, indices) {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            refuse_bool(x.dtype(), "median_out")?;
            one_meta(cx, x, 1, 2)
        }, |cx, out| choose(cx, out, 1, 2, |s, d, v, i, x| kernel::median(s, d, v, i, x, false)), "select.cu", Batch::ShiftDims)
            .grad(&[], &[1], |b| choice_grad(b, b.int(1)?, b.bool(2))).node("MedianBackward1").with(flag::OUT)
    }

    /// The median of all elements that are not NaN.
    fn nanmedian(input: Tensor) -> Tensor {
        .kernel(whole_meta, |cx, out| middle(cx, out, true), "select.cu", Batch::ShiftDims)
            .grad(&[0], &[0], share_grad)
    }

    /// Medians along `dim` of what is not NaN, and their places.
    "nanmedian.dim" fn nanmedian_dim(input: Tensor, dim: Int, keepdim: Bool = false) -> (values, indices) {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            refuse_bool(x.dtype(), "median_out")?;
            one_meta(cx, x, 1, 2)
        }, |cx, out| choose(cx, out, 1, 2, |s, d, v, i, x| kernel::median(s, d, v, i, x, true)), "select.cu", Batch::ShiftDims)
            .grad(&[], &[1], |b| choice_grad(b, b.int(1)?, b.bool(2))).node("NanmedianBackward1").with(flag::OUT)
    }

    /// The most frequent elements along `dim` (of equally frequent ones the smallest), and places where they are.
    fn mode(input: Tensor, dim: Int = -1, keepdim: Bool = false) -> (values, indices) {
        .kernel(|cx| one_meta(cx, cx.tensor(0)?, 1, 2), |cx, out| choose(cx, out, 1, 2, kernel::mode), "select.cu", Batch::ShiftDims)
            .grad(&[], &[1], |b| choice_grad(b, b.int(1)?, b.bool(2))).with(flag::OUT)
    }
}

fn refuse_bool(d: DType, name: &str) -> Result<()> {
    if d == DType::Bool || d.is_complex() {
        return Err(crate::op::arg::not_implemented(name, d));
    }
    Ok(())
}

/// Is there something along dimension `d`?
fn not_empty(cx: &Ctx, x: &Body, d: usize) -> Result<()> {
    if x.layout.sizes.get(d) == Some(&0) {
        bail!(Index, "{}(): Expected reduction dim {d} to have non-zero size.", cx.op.python_name());
    }
    Ok(())
}

fn arg_meta(cx: &Ctx) -> Result<Metas> {
    let x = cx.tensor(0)?;
    let name = cx.op.python_name();
    let n = x.ndim();
    if x.dtype().is_complex() || x.dtype() == DType::Bool {
        bail!(
            Runtime,
            "{name}(): does not support {} input",
            if x.dtype() == DType::Bool { "bool" } else { "complex" }
        );
    }
    let mask = match cx.opt_int(1)? {
        Some(d) => {
            let d = wrap_dim(d, n)?;
            not_empty(cx, &x.body(), d)?;
            one_of(d, n)
        }
        None if x.numel() == 0 => bail!(
            Index,
            "{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' \
             argument."
        ),
        None => SmallVec::from_elem(true, n),
    };
    Ok(smallvec![Meta::new(reduced_sizes(&x.sizes(), &mask, cx.bool(2)?), DType::I64)])
}

fn arg_run(cx: &Ctx, out: &Tensor, max: bool) -> Result<()> {
    let x = cx.tensor(0)?;
    let lo = out.layout();
    match cx.opt_int(1)? {
        Some(d) => {
            let (l, d) = (x.layout(), wrap_dim(d, x.ndim())?);
            let strides = kept_strides(out, &one_of(d, l.ndim()), cx.bool(2)?);
            arg_reduce(&l.sizes, d, x.operand(&l), None, Operand { strides: &strides, ..out.operand(&lo) }, max)
        }
        None => {
            let f = flat(x)?;
            let l = f.layout();
            arg_reduce(&l.sizes, 0, f.operand(&l), None, Operand { strides: &[0], ..out.operand(&lo) }, max)
        }
    }
}

/// Values and indices along one dimension; the positions of `dim` and `keepdim` among the arguments.
fn one_meta(cx: &Ctx, x: &Tensor, dim: usize, keep: usize) -> Result<Metas> {
    let x = x.body();
    let ndim = x.layout.ndim();
    let d = cx.dim(dim, ndim)?;
    not_empty(cx, &x, d)?;
    let sizes = reduced_sizes(&x.layout.sizes, &one_of(d, ndim), cx.bool(keep)?);
    Ok(smallvec![Meta::new(shape::dims(&sizes), x.dtype), Meta::new(sizes, DType::I64)])
}

fn pick_meta(cx: &Ctx) -> Result<Metas> {
    let x = cx.tensor(0)?;
    if x.dtype().is_complex() {
        bail!(Runtime, "{}(): does not support complex input", cx.op.python_name());
    }
    one_meta(cx, x, 1, 2)
}

/// Runs a kernel that writes one value and its place for each line.
fn choose(
    cx: &Ctx,
    out: &[Tensor],
    dim: usize,
    keep: usize,
    run: impl FnOnce(&[i64], usize, Operand, Operand, Operand) -> Result<()>,
) -> Result<()> {
    let x = cx.tensor(0)?.body();
    let d = cx.dim(dim, x.layout.ndim())?;
    // (Both results lie alike.)
    let strides = kept_strides(&out[0], &one_of(d, x.layout.ndim()), cx.bool(keep)?);
    run(&x.layout.sizes, d, out[0].operand_at(&strides), out[1].operand_at(&strides), x.operand())
}

fn extreme(cx: &Ctx, out: &[Tensor], max: bool) -> Result<()> {
    choose(cx, out, 1, 2, |s, d, v, i, x| arg_reduce(s, d, x, Some(v), i, max))
}

fn whole_meta(cx: &Ctx) -> Result<Metas> {
    let d = cx.tensor(0)?.dtype();
    refuse_bool(d, "median_cpu")?;
    Ok(smallvec![Meta::new([].as_slice(), d)])
}

fn middle(cx: &Ctx, out: &[Tensor], skip_nan: bool) -> Result<()> {
    let f = flat(cx.tensor(0)?)?;
    if f.numel() == 0 {
        return out[0].fill_raw(if f.dtype().is_float() { f64::NAN.into() } else { Scalar::Int(i64::MIN) });
    }
    let (l, lo) = (f.layout(), out[0].layout());
    let place = Tensor::empty(&[], DType::I64, f.device())?;
    let lp = place.layout();
    let (v, i) = (Operand { strides: &[0], ..out[0].operand(&lo) }, Operand { strides: &[0], ..place.operand(&lp) });
    kernel::median(&l.sizes, 0, v, i, f.operand(&l), skip_nan)
}

/// The gradient goes to the elements that were chosen; output 1 says where they are.
pub fn choice_grad(b: &Bw, dim: i64, keepdim: bool) -> Result<Grads> {
    let (g, at, sizes) = (b.g()?, b.out(1)?, b.sizes(0));
    if sizes.is_empty() {
        return Ok(smallvec![Some(g)]);
    }
    let d = wrap_dim(dim, sizes.len())? as i64;
    let (g, at) = if keepdim { (g, at.clone()) } else { (ops::unsqueeze(&g, d)?, ops::unsqueeze(at, d)?) };
    Ok(smallvec![Some(ops::scatter(&zeros(&sizes, &g)?, d, &at, &g)?)])
}

/// The gradient is shared evenly among the elements that equal the result.
fn share_grad(b: &Bw) -> Result<Grads> {
    let (x, y) = (b.tensor(0)?, b.out(0)?);
    let mut hit = ops::eq(x.into(), y.into())?;
    if y.item()?.f64().is_nan() {
        hit = ops::isnan(x)?;
    }
    let n = ops::sum_all(&hit, None)?;
    let share = ops::div((&b.g()?).into(), (&ops::masked_fill(&n, &is(&n, 0)?, 1.into())?).into())?;
    Ok(smallvec![Some(ops::mul((&hit).into(), (&share).into())?)])
}
