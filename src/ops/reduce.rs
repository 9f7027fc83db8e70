//! Reductions.

use crate::error::Result;
use crate::kernels::program::Reduce;
use crate::op::arg::Ctx;
use crate::op::autocast::Cast;
use crate::op::record::Bw;
use crate::op::{Rule, flag};
use crate::ops;
use crate::ops::sparse_math;
use crate::shape::{self, Dims};
use crate::tensor::Tensor;
use smallvec::smallvec;

/// `g` with the reduced dimensions of an input of `sizes` put back as size 1, then stretched over it.
pub fn spread(g: &Tensor, sizes: &[i64], dim: &[i64], keepdim: bool) -> Result<Tensor> {
    let g = restore(g, sizes, dim, keepdim)?;
    ops::expand(&g, sizes, false)
}

/// `g` with the reduced dimensions put back as size 1.
pub fn restore(g: &Tensor, sizes: &[i64], dim: &[i64], keepdim: bool) -> Result<Tensor> {
    if keepdim {
        return Ok(g.clone());
    }
    let mask = shape::wrap_dims(dim, sizes.len())?;
    let full: Dims = sizes.iter().zip(&mask).map(|(s, r)| if *r { 1 } else { *s }).collect();
    ops::reshape(g, &full)
}

/// The dimensions of a recorded reduction: argument 1, absent means all.
fn dims(b: &Bw) -> Dims {
    match b.opt_int(1) {
        Some(d) => smallvec![d],
        None => b.ints(1).into(),
    }
}

fn count(sizes: &[i64], dim: &[i64]) -> Result<i64> {
    let mask = shape::wrap_dims(dim, sizes.len())?;
    Ok(sizes.iter().zip(&mask).filter(|(_, r)| **r).map(|(s, _)| *s).product())
}

fn sum_grad(b: &Bw, dim: &[i64], keepdim: bool) -> Result<crate::tensor::graph::Grads> {
    let mut g = spread(&b.g()?, &b.sizes(0), dim, keepdim)?;
    if g.dtype() != b.dtype(0) {
        g = ops::_to_dtype(&g, b.dtype(0), None)?;
    }
    Ok(smallvec![Some(g)])
}

fn mean_grad(b: &Bw, dim: &[i64], keepdim: bool) -> Result<crate::tensor::graph::Grads> {
    let n = count(&b.sizes(0), dim)?;
    let g = ops::div((&b.g()?).into(), (n as f64).into())?;
    let mut g = spread(&g, &b.sizes(0), dim, keepdim)?;
    if g.dtype() != b.dtype(0) {
        g = ops::_to_dtype(&g, b.dtype(0), None)?;
    }
    Ok(smallvec![Some(g)])
}

/// amax, amin, max(), min(): the gradient is shared evenly among the elements that are the extremum.
fn extreme_grad(b: &Bw, dim: &[i64], keepdim: bool) -> Result<crate::tensor::graph::Grads> {
    let (x, sizes) = (b.tensor(0)?, b.sizes(0));
    let y = restore(b.out(0)?, &sizes, dim, keepdim)?;
    let g = restore(&b.g()?, &sizes, dim, keepdim)?;
    let hit = ops::eq(x.into(), (&y).into())?;
    let n = ops::sum(&hit, Some(dim), true, None)?;
    let share = ops::div((&g).into(), (&n).into())?;
    Ok(smallvec![Some(ops::mul((&hit).into(), (&share).into())?)])
}

fn float_only(cx: &Ctx) -> Result<()> {
    let d = match cx.op.position("dtype").map(|i| cx.dtype(i)).transpose()?.flatten() {
        Some(d) => d,
        None => cx.tensor(0)?.dtype(),
    };
    if d.is_differentiable() {
        return Ok(());
    }
    bail!(
        Runtime,
        "{}(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: {} (convert with \
         .float(), or pass dtype=torch.float32)",
        cx.op.python_name(),
        d.c10_name()
    )
}

fn not_empty(cx: &Ctx) -> Result<()> {
    let x = cx.tensor(0)?;
    let (mask, _) = crate::op::reduction::dims(cx, x.ndim())?;
    let s = x.sizes();
    for (i, (n, r)) in s.iter().zip(&mask).enumerate() {
        if *r && *n == 0 {
            if cx.op.position("dim").is_none_or(|i| cx.opt_ints(i).is_ok_and(|d| d.is_none_or(<[i64]>::is_empty))) {
                bail!(
                    Runtime,
                    "{}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.",
                    cx.op.python_name()
                );
            }
            bail!(Index, "{}(): Expected reduction dim {i} to have non-zero size.", cx.op.python_name());
        }
    }
    Ok(())
}

ops! {
    /// The sum of all elements. Integers are summed in int64.
    fn sum_all(input: Tensor; dtype: DType = None) -> Tensor {
        .sparse(sparse_math::total).named("sum").reduction(|f| f.x(0), Reduce::Sum, None).grad(&[], &[], |b| sum_grad(b, &[], false)).without(flag::OUT)
    }

    /// Sums over dimensions.
    "sum.dim_IntList" fn sum(input: Tensor, dim: OptInts, keepdim: Bool = false; dtype: DType = None) -> Tensor {
        .sparse(sparse_math::summed).reduction(|f| f.x(0), Reduce::Sum, None).grad(&[], &[], |b| sum_grad(b, &dims(b), b.bool(2))).node("SumBackward1")
    }

    /// The mean of all elements.
    fn mean_all(input: Tensor; dtype: DType = None) -> Tensor {
        .named("mean").reduction(|f| f.x(0), Reduce::Sum, Some(|_, a, n| a / n)).check(float_only)
            .grad(&[], &[], |b| mean_grad(b, &[], false))
    }

    /// Means over dimensions.
    "mean.dim" fn mean(input: Tensor, dim: OptInts, keepdim: Bool = false; dtype: DType = None) -> Tensor {
        .reduction(|f| f.x(0), Reduce::Sum, Some(|_, a, n| a / n)).check(float_only)
            .grad(&[], &[], |b| mean_grad(b, &dims(b), b.bool(2))).node("MeanBackward1")
    }

    /// log(sum(exp(x))) over `dim`, without overflow.
    fn logsumexp(input: Tensor, dim: Ints, keepdim: Bool = false) -> Tensor = {
        let x = if input.dtype().is_integral() { ops::_to_dtype(input, crate::dtype::default_dtype(), None)? } else { input.clone() };
        if !x.dtype().is_complex() {
            return _logsumexp(&x, dim, keepdim);
        }
        let top = if x.numel() == 0 { None } else { Some(amax(&ops::real(&x)?, Some(dim), true)?) };
        let Some(top) = top else { return ops::log(&sum(&ops::exp(&x)?, Some(dim), keepdim, None)?) };
        let top = ops::detach(&ops::masked_fill(&top, &ops::isinf(&top)?, 0.into())?)?;
        let s = ops::log(&sum(&ops::exp(&ops::sub((&x).into(), (&top).into(), None)?)?, Some(dim), true, None)?)?;
        let r = ops::add((&s).into(), (&top).into(), None)?;
        if keepdim { Ok(r) } else { ops::sum(&r, Some(dim), false, None) }
    } { .with(flag::OUT).aliases(&["special.logsumexp"]) }

    /// `logsumexp` of floating numbers.
    fn _logsumexp(input: Tensor, dim: Ints, keepdim: Bool) -> Tensor {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            let mask = shape::wrap_dims(cx.ints(1)?, x.ndim())?;
            Ok(smallvec![crate::op::Meta::new(crate::op::reduction::reduced_sizes(&x.sizes(), &mask, cx.bool(2)?), x.dtype())])
        }, |cx, out| {
            let x = cx.tensor(0)?;
            let mask = shape::wrap_dims(cx.ints(1)?, x.ndim())?;
            if x.numel() == 0 {
                return out[0].fill_raw(f64::NEG_INFINITY.into());
            }
            let (l, lo) = (x.layout(), out[0].layout());
            let strides = ops::short::kept_strides(&out[0], &mask, cx.bool(2)?);
            let to = crate::kernels::Operand { strides: &strides, ..out[0].operand(&lo) };
            crate::kernels::cpu::reduce::logsumexp(&l.sizes, &mask, x.operand(&l), to)
        }, "reduce.cu", crate::op::Batch::ShiftDims).grad(&[0], &[0], |b| {
            let (sizes, d) = (b.sizes(0), Dims::from(b.ints(1)));
            let (g, y) = (restore(&b.g()?, &sizes, &d, b.bool(2))?, restore(b.out(0)?, &sizes, &d, b.bool(2))?);
            // Where everything is -inf, the difference is NaN and the share none.
            let away = ops::sub(b.tensor(0)?.into(), (&y).into(), None)?;
            let away = ops::masked_fill(&away, &ops::isnan(&away)?, f64::NEG_INFINITY.into())?;
            Ok(smallvec![Some(ops::mul((&g).into(), (&ops::exp(&away)?).into())?)])
        }).node("LogsumexpBackward0").with(flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD)
    }

    /// The product of all elements.
    fn prod_all(input: Tensor; dtype: DType = None) -> Tensor {
        .cast(Cast::Single).named("prod").reduction(|f| f.x(0), Reduce::Prod, None).grad(&[0], &[0], |b| {
            let x = ops::reshape(b.tensor(0)?, &[-1])?;
            let g = prod_grad(&x, &b.g()?, 0)?;
            Ok(smallvec![Some(ops::reshape(&g, &b.sizes(0))?)])
        }).without(flag::OUT)
    }

    /// Products over a dimension.
    "prod.dim_int" fn prod(input: Tensor, dim: Int, keepdim: Bool = false; dtype: DType = None) -> Tensor {
        .cast(Cast::Single).reduction(|f| f.x(0), Reduce::Prod, None).grad(&[0], &[0], |b| {
            let x = b.tensor(0)?;
            if x.ndim() == 0 {
                return Ok(smallvec![Some(b.g()?)]);
            }
            let d = shape::wrap_dim(b.int(1)?, x.ndim())?;
            let g = restore(&b.g()?, &b.sizes(0), &[d as i64], b.bool(2))?;
            Ok(smallvec![Some(prod_grad(x, &g, d as i64)?)])
        }).node("ProdBackward1")
    }

    /// The largest element.
    fn max_all(input: Tensor) -> Tensor {
        .named("max").reduction(|f| f.x(0), Reduce::Max, None).check(extreme_check).grad(&[0], &[0], |b| extreme_grad(b, &[], false))
            .node("MaxBackward1")
    }

    /// The smallest element.
    fn min_all(input: Tensor) -> Tensor {
        .named("min").reduction(|f| f.x(0), Reduce::Min, None).check(extreme_check).grad(&[0], &[0], |b| extreme_grad(b, &[], false))
            .node("MinBackward1")
    }

    /// The largest elements over dimensions; gradients are shared among equal ones.
    fn amax(input: Tensor, dim: OptInts = [], keepdim: Bool = false) -> Tensor {
        .reduction(|f| f.x(0), Reduce::Max, None).check(extreme_check).grad(&[0], &[0], |b| extreme_grad(b, &dims(b), b.bool(2)))
    }

    /// The smallest elements over dimensions; gradients are shared among equal ones.
    fn amin(input: Tensor, dim: OptInts = [], keepdim: Bool = false) -> Tensor {
        .reduction(|f| f.x(0), Reduce::Min, None).check(extreme_check).grad(&[0], &[0], |b| extreme_grad(b, &dims(b), b.bool(2)))
    }

    /// The smallest and the largest elements.
    fn aminmax(input: Tensor; dim: OptInt = None, keepdim: Bool = false) -> (min, max) = {
        let (s, at) = (input.sizes(), dim.map(|d| shape::wrap_dim(d, input.ndim())).transpose()?);
        match at {
            Some(d) if s.get(d) == Some(&0) => bail!(Index, "aminmax: Expected reduction dim {d} to have non-zero size."),
            None if input.numel() == 0 => {
                bail!(Runtime, "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.")
            }
            _ => {}
        }
        match dim {
            Some(d) => Ok([amin(input, Some(&[d]), keepdim)?, amax(input, Some(&[d]), keepdim)?]),
            None if keepdim => Ok([amin(input, None, true)?, amax(input, None, true)?]),
            None => Ok([amin(input, None, false)?, amax(input, None, false)?]),
        }
    } { .node("AminmaxBackward0").with(flag::OUT | flag::OUT_TYPED) }

    /// Is any element different from 0?
    fn any(input: Tensor) -> Tensor {
        .sparse(sparse_math::any_value).rule(Rule::Bits).reduction(|f| f.x(0), Reduce::Any, None).no_grad()
    }

    /// Is any element of a dimension different from 0?
    "any.dim" fn any_dim(input: Tensor, dim: OptInts, keepdim: Bool = false) -> Tensor {
        .rule(Rule::Bits).reduction(|f| f.x(0), Reduce::Any, None).no_grad()
    }

    /// Are all elements different from 0?
    fn all(input: Tensor) -> Tensor {
        .rule(Rule::Bits).reduction(|f| f.x(0), Reduce::All, None).no_grad()
    }

    /// Are all elements of a dimension different from 0?
    "all.dim" fn all_dim(input: Tensor, dim: OptInts, keepdim: Bool = false) -> Tensor {
        .rule(Rule::Bits).reduction(|f| f.x(0), Reduce::All, None).no_grad()
    }

    /// How many elements differ from 0.
    fn count_nonzero(input: Tensor, dim: OptInts = None) -> Tensor = {
        match input.dtype().is_integral() {
            true => _count_nonzero_integer(input, dim),
            false => ops::sum(&ops::ne(input.into(), 0.into())?, dim, false, None),
        }
    } {}

    /// How many integers differ from 0, without a tensor of truths in between.
    fn _count_nonzero_integer(input: Tensor, dim: OptInts) -> Tensor {
        .reduction(|f| f.x(0).ne(0.0), Reduce::Sum, None).no_grad().with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// Sums in which NaN counts as 0.
    fn nansum(input: Tensor, dim: OptInts = None, keepdim: Bool = false; dtype: DType = None) -> Tensor = {
        if input.dtype().is_integral() {
            return sum(input, dim, keepdim, dtype);
        }
        let x = ops::masked_fill(input, &ops::isnan(input)?, 0.into())?;
        sum(&x, dim, keepdim, dtype)
    } { .node("NansumBackward0") .with(flag::OUT) }

    /// Means in which NaN does not count.
    fn nanmean(input: Tensor, dim: OptInts = None, keepdim: Bool = false; dtype: DType = None) -> Tensor = {
        let n = sum(&ops::logical_not(&ops::isnan(input)?)?, dim, keepdim, None)?;
        ops::div((&nansum(input, dim, keepdim, dtype)?).into(), (&n).into())
    } { .with(flag::OUT) }
}

/// The gradient of a product over `dim`: the product of the others. Exact where elements are 0.
fn prod_grad(x: &Tensor, g: &Tensor, dim: i64) -> Result<Tensor> {
    let zeros = ops::eq(x.into(), 0.into())?;
    if !ops::any(&zeros)?.item()?.truth() {
        let y = prod(x, dim, true, None)?;
        let y = if x.dtype().is_complex() { ops::conj_physical(&y)? } else { y };
        let x = if x.dtype().is_complex() { ops::conj_physical(x)? } else { x.clone() };
        return ops::mul(g.into(), (&ops::div((&y).into(), (&x).into())?).into());
    }
    // Products of all elements before and after each one.
    let n = x.size_at(shape::wrap_dim(dim, x.ndim())?);
    let one = {
        let mut s = x.sizes();
        s[shape::wrap_dim(dim, x.ndim())?] = 1;
        ops::ones(&s, Some(x.dtype()), Some(x.device()))?
    };
    let x = if x.dtype().is_complex() { ops::conj_physical(x)? } else { x.clone() };
    let (mut before, mut after) = (vec![one.clone()], vec![one]);
    for i in 0..n - 1 {
        let l = ops::narrow(&x, dim, i, 1)?;
        let r = ops::narrow(&x, dim, n - 1 - i, 1)?;
        before.push(ops::mul((&before[i as usize]).into(), (&l).into())?);
        after.push(ops::mul((&after[i as usize]).into(), (&r).into())?);
    }
    after.reverse();
    let others = ops::mul((&ops::cat(&before, dim)?).into(), (&ops::cat(&after, dim)?).into())?;
    ops::mul(g.into(), (&others).into())
}

fn extreme_check(cx: &Ctx) -> Result<()> {
    let d = cx.tensor(0)?.dtype();
    if d.is_complex() {
        return Err(cx.refuse(d));
    }
    not_empty(cx)
}
