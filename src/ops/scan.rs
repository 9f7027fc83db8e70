//! Running sums, products and extremes along a dimension, differences of neighbours, integrals by trapezoids.

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::scan as kernel;
use crate::op::arg::Ctx;
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::ops::short::{cast, conj, div, is, mul, size_of, sub, zeros};
use crate::shape::wrap_dim;
use crate::tensor::graph::Grads;
use crate::tensor::{Tensor, mode};
use smallvec::smallvec;

ops! {
    /// Running sums along `dim`; integers are summed in int64.
    fn cumsum(input: Tensor, dim: Int; dtype: DType = None) -> Tensor {
        .kernel(sum_meta, |cx, out| run(cx, &out[0], kernel::cumsum), "scan.cu", Batch::ShiftDims)
            .grad(&[], &[], |b| Ok(smallvec![Some(cast(&reverse_sum(&b.g()?, b.int(1)?)?, b.dtype(0))?)]))
            .with(flag::OUT | flag::INPLACE)
    }

    /// Running products along `dim`; integers are multiplied in int64.
    fn cumprod(input: Tensor, dim: Int; dtype: DType = None) -> Tensor {
        .kernel(sum_meta, |cx, out| run(cx, &out[0], kernel::cumprod), "scan.cu", Batch::ShiftDims)
            .grad(&[0], &[0], prod_grad).with(flag::OUT | flag::INPLACE)
    }

    /// Running maxima along `dim`, and where they were last met.
    fn cummax(input: Tensor, dim: Int) -> (values, indices) {
        .kernel(extreme_meta, |cx, out| extreme(cx, out, false), "scan.cu", Batch::ShiftDims)
            .grad(&[], &[1], extreme_grad).with(flag::OUT)
    }

    /// Running minima along `dim`, and where they were last met.
    fn cummin(input: Tensor, dim: Int) -> (values, indices) {
        .kernel(extreme_meta, |cx, out| extreme(cx, out, true), "scan.cu", Batch::ShiftDims)
            .grad(&[], &[1], extreme_grad).with(flag::OUT)
    }

    /// Logarithms of the running sums of exponentials, without overflow.
    fn logcumsumexp(input: Tensor, dim: Int) -> Tensor {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            cx.dim(1, x.ndim())?;
            if !x.dtype().is_float() {
                return Err(crate::op::arg::not_implemented("logcumsumexp_out_cpu", x.dtype()));
            }
            Ok(smallvec![Meta::new(x.sizes(), x.dtype())])
        }, |cx, out| run(cx, &out[0], kernel::logcumsumexp), "scan.cu", Batch::ShiftDims)
            .grad(&[0], &[0], |b| {
                // In logarithms, the positive and the negative gradients apart.
                let (g, x, y, d) = (b.g()?, b.tensor(0)?, b.out(0)?, b.int(1)?);
                let part = |g: &Tensor| -> Result<Tensor> {
                    let none = ops::le(g.into(), 0.into())?;
                    let l = ops::log(&ops::masked_fill(g, &none, 1.into())?)?;
                    let l = ops::masked_fill(&sub(&l, y)?, &none, f64::NEG_INFINITY.into())?;
                    let l = ops::flip(&logcumsumexp(&ops::flip(&l, &[d])?, d)?, &[d])?;
                    ops::exp(&ops::add((&l).into(), x.into(), None)?)
                };
                Ok(smallvec![Some(sub(&part(&g)?, &part(&ops::neg(&g)?)?)?)])
            }).with(flag::OUT)
    }

    /// Differences of neighbours along `dim`, `n` times; `prepend` and `append` are put at the ends first.
    fn diff(input: Tensor, n: Int = 1, dim: Int = -1, prepend: OptTensor = None, append: OptTensor = None) -> Tensor = {
        if input.ndim() == 0 {
            bail!(Runtime, "diff expects input to be at least one-dimensional");
        }
        let d = wrap_dim(dim, input.ndim())? as i64;
        for t in [prepend, append].into_iter().flatten() {
            let (s, x) = (t.sizes(), input.sizes());
            if s.len() != x.len() {
                bail!(Runtime, "diff expects prepend or append to be the same dimension as input");
            }
            if let Some(i) = (0..s.len()).find(|&i| i as i64 != d && s[i] != x[i]) {
                bail!(
                    Runtime,
                    "diff expects the shape of tensor to prepend or append to match that of input except along the differencing \
                     dimension; input.size({i}) = {}, but got tensor.size({i}) = {}",
                    x[i],
                    s[i]
                );
            }
        }
        if n < 0 {
            bail!(Runtime, "order must be non-negative but got {n}");
        }
        if n == 0 {
            return ops::duplicate(input, None);
        }
        let parts: Vec<Tensor> = [prepend, Some(input), append].into_iter().flatten().cloned().collect();
        let mut x = if parts.len() == 1 { input.clone() } else { ops::cat(&parts, d)? };
        for _ in 0..n.min(size_of(&x, d as usize)) {
            let m = size_of(&x, d as usize);
            let rest = (m - 1).max(0);
            let (a, b) = (ops::narrow(&x, d, m - rest, rest)?, ops::narrow(&x, d, 0, rest)?);
            x = if x.dtype() == DType::Bool { ops::logical_xor(&a, &b)? } else { sub(&a, &b)? };
        }
        Ok(x)
    } { .with(flag::OUT) }

    /// The integral along `dim` by trapezoids over the places `x`.
    "trapezoid.x" fn trapezoid_x(y: Tensor, x: Tensor; dim: Int = -1) -> Tensor = {
        let (area, d) = areas(y, Some(x), 1.into(), dim)?;
        ops::sum(&area, Some(&[d]), false, None)
    } { .aliases(&["trapz.x"]).with(flag::NO_METHOD) }

    /// The integral along `dim` by trapezoids of width `dx`.
    fn trapezoid(y: Tensor; dx: Scalar = 1, dim: Int = -1) -> Tensor = {
        let (area, d) = areas(y, None, dx, dim)?;
        ops::sum(&area, Some(&[d]), false, None)
    } { .aliases(&["trapz"]).with(flag::NO_METHOD) }

    /// Running integrals along `dim` by trapezoids over the places `x`.
    "cumulative_trapezoid.x" fn cumulative_trapezoid_x(y: Tensor, x: Tensor; dim: Int = -1) -> Tensor = {
        let (area, d) = areas(y, Some(x), 1.into(), dim)?;
        cumsum(&area, d, None)
    } { .with(flag::NO_METHOD) }

    /// Running integrals along `dim` by trapezoids of width `dx`.
    fn cumulative_trapezoid(y: Tensor; dx: Scalar = 1, dim: Int = -1) -> Tensor = {
        let (area, d) = areas(y, None, dx, dim)?;
        cumsum(&area, d, None)
    } { .with(flag::NO_METHOD) }
}

fn sum_meta(cx: &Ctx) -> Result<Metas> {
    let x = cx.tensor(0)?;
    cx.dim(1, x.ndim())?;
    let d = cx.dtype(2)?.unwrap_or(if x.dtype().is_integral() { DType::I64 } else { x.dtype() });
    Ok(smallvec![Meta::new(x.sizes(), d)])
}

fn run(cx: &Ctx, out: &Tensor, f: fn(&[i64], usize, Operand, Operand) -> Result<()>) -> Result<()> {
    let x = cx.tensor(0)?;
    let ready = x.dtype() == out.dtype() || (out.dtype() == DType::I64 && x.dtype().is_integral());
    let x = if ready { x.clone() } else { x.copied(out.dtype())? };
    let (l, lo) = (x.layout(), out.layout());
    f(&l.sizes, cx.dim(1, l.ndim())?, out.operand(&lo), x.operand(&l))
}

fn reverse_sum(g: &Tensor, dim: i64) -> Result<Tensor> {
    if g.ndim() == 0 || size_of(g, wrap_dim(dim, g.ndim())?) <= 1 {
        return Ok(g.clone());
    }
    ops::flip(&cumsum(&ops::flip(g, &[dim])?, dim, None)?, &[dim])
}

/// The gradient of running products. Without zeros it is a reversed running sum of g * y, divided by x. From the first zero
/// on every result is 0, so that only the zero itself still has a gradient; but its gradient's gradient goes further, for
/// which each place is computed by itself.
fn prod_grad(b: &Bw) -> Result<Grads> {
    let (g, dim) = (b.g()?, b.int(1)?);
    let x = cast(b.tensor(0)?, g.dtype())?;
    let n = if x.ndim() == 0 { 1 } else { size_of(&x, wrap_dim(dim, x.ndim())?) };
    let done = |r: Tensor| Ok(smallvec![Some(cast(&r, b.dtype(0))?)]);
    if x.numel() == 0 || n == 1 {
        return done(g);
    }
    let zero = is(&x, 0)?;
    let (y, xc) = (conj(b.out(0)?)?, conj(&x)?);
    if !ops::any(&zero)?.item()?.truth() {
        return done(div(&reverse_sum(&mul(&g, &y)?, dim)?, &xc)?);
    }
    if mode::grad() {
        let mut parts = Vec::new();
        for k in 0..n {
            // The products without factor k: 0 before it, then those that begin with what lies before.
            let rest = ops::narrow(&xc, dim, k + 1, n - k - 1)?;
            let head = if k == 0 {
                ops::ones_like(&ops::narrow(&xc, dim, 0, 1)?, None, None, None)?
            } else {
                ops::prod(&ops::narrow(&xc, dim, 0, k)?, dim, true, None)?
            };
            let without = cumprod(&ops::cat(&[head, rest], dim)?, dim, None)?;
            let terms = mul(&ops::narrow(&g, dim, k, n - k)?, &without)?;
            parts.push(ops::sum(&terms, Some(&[dim]), true, None)?);
        }
        return done(ops::cat(&parts, dim)?);
    }
    let met = cumsum(&zero, dim, None)?;
    let first = ops::logical_and(&zero, &is(&met, 1)?)?;
    let before = div(&reverse_sum(&mul(&g, &y)?, dim)?, &xc)?;
    let skipped = cumprod(&ops::masked_fill(&xc, &first, 1.into())?, dim, None)?;
    let skipped = ops::masked_fill(&skipped, &is(&met, 0)?, 0.into())?;
    let at = reverse_sum(&mul(&g, &skipped)?, dim)?;
    let behind = ops::where_(&first, (&at).into(), 0.into())?;
    done(ops::where_(&is(&met, 0)?, (&before).into(), (&behind).into())?)
}

fn extreme_meta(cx: &Ctx) -> Result<Metas> {
    let x = cx.tensor(0)?;
    cx.dim(1, x.ndim())?;
    if x.dtype().is_complex() {
        return Err(crate::op::arg::not_implemented(&format!("{}_cpu", cx.op.py), x.dtype()));
    }
    Ok(smallvec![Meta::new(x.sizes(), x.dtype()), Meta::new(x.sizes(), DType::I64)])
}

fn extreme(cx: &Ctx, out: &[Tensor], least: bool) -> Result<()> {
    let x = cx.tensor(0)?;
    let (l, lv, li) = (x.layout(), out[0].layout(), out[1].layout());
    kernel::cummax(&l.sizes, cx.dim(1, l.ndim())?, out[0].operand(&lv), out[1].operand(&li), x.operand(&l), least)
}

fn extreme_grad(b: &Bw) -> Result<Grads> {
    let (g, sizes) = (b.g()?, b.sizes(0));
    if sizes.is_empty() || g.numel() == 0 {
        return Ok(smallvec![Some(g)]);
    }
    Ok(smallvec![Some(ops::scatter_add(&zeros(&sizes, &g)?, b.int(1)?, b.out(1)?, &g)?)])
}

/// The areas of the trapezoids between neighbours along `dim`.
fn areas(y: &Tensor, x: Option<&Tensor>, dx: crate::scalar::Scalar, dim: i64) -> Result<(Tensor, i64)> {
    if y.ndim() == 0 {
        bail!(Index, "trapezoid: y must have at least one dimension");
    }
    if x.is_some_and(|x| x.dtype() == DType::Bool) || y.dtype() == DType::Bool {
        let which = if y.dtype() == DType::Bool { "y" } else { "x" };
        bail!(Runtime, "trapezoid: received a bool input for `{which}`, but bool is not supported");
    }
    let n = y.ndim();
    let d = wrap_dim(dim, n)? as i64;
    let m = size_of(y, d as usize);
    let rest = (m - 1).max(0);
    let (a, b) = (ops::narrow(y, d, m - rest, rest)?, ops::narrow(y, d, 0, rest)?);
    let pair = ops::add((&a).into(), (&b).into(), None)?;
    let width = match x {
        None => {
            return Ok((
                ops::div((&ops::mul((&pair).into(), crate::op::arg::Num::Scalar(dx))?).into(), 2.0.into())?,
                d,
            ));
        }
        Some(x) if x.ndim() == 1 => {
            if x.numel() != m {
                bail!(Runtime, "trapezoid: There must be one `x` value for each sample point");
            }
            let mut s = vec![1; n];
            s[d as usize] = rest;
            ops::reshape(&diff(x, 1, 0, None, None)?, &s)?
        }
        Some(x) => {
            // Fewer dimensions are filled up in front.
            let mut s = vec![1; n.saturating_sub(x.ndim())];
            s.extend(x.sizes());
            let xd = if dim < 0 { d - n as i64 + s.len() as i64 } else { d };
            diff(&ops::reshape(x, &s)?, 1, xd, None, None)?
        }
    };
    Ok((ops::div((&mul(&width, &pair)?).into(), 2.0.into())?, d))
}
