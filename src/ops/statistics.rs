//! Variance and standard deviation, quantiles, covariance.

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::reduce::var_mean as kernel;
use crate::op::arg::{Ctx, Num};
use crate::op::autocast::Cast;
use crate::op::record::Bw;
use crate::op::reduction::reduced_sizes;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::ops::reduce::restore;
use crate::ops::short::{add, cast, conj, div, is, kept_strides, mask_of, mul, sub, times};
use crate::scalar::Scalar;
use crate::shape::{Dims, wrap_dim};
use crate::tensor::graph::Grads;
use crate::tensor::{Tensor, mode};
use smallvec::smallvec;

const SPREAD: u32 = flag::OUT;

ops! {
    /// The variance over `dim`: the sum of squared distances from the mean over n - `correction` (1 if not given).
    "var.correction" fn var(input: Tensor, dim: OptInts = None; correction: OptScalar = None, keepdim: Bool = false) -> Tensor {
        .kernel(one_meta, |cx, out| spread(cx, Some(&out[0]), None, false), "reduce.cu", Batch::ShiftDims)
            .grad(&[0], &[], |b| Ok(smallvec![Some(var_grad(b, b.tensor(0)?, &b.g()?)?)])).with(SPREAD)
    }

    /// The variance over `dim`: over n - 1, or over n unless `unbiased`.
    "var.dim" fn var_dim(input: Tensor, dim: OptInts, unbiased: Bool = true, keepdim: Bool = false) -> Tensor = {
        var(input, dim, Some((unbiased as i64).into()), keepdim)
    } { .with(SPREAD) }

    /// The variance of all elements: over n - 1, or over n unless `unbiased`.
    "var.all" fn var_all(input: Tensor, unbiased: Bool = true) -> Tensor = {
        var(input, None, Some((unbiased as i64).into()), false)
    } {}

    /// The standard deviation over `dim`: the root of the variance.
    "std.correction" fn std_dev(input: Tensor, dim: OptInts = None; correction: OptScalar = None, keepdim: Bool = false) -> Tensor {
        .kernel(one_meta, |cx, out| spread(cx, Some(&out[0]), None, true), "reduce.cu", Batch::ShiftDims)
            .grad(&[0], &[0], |b| Ok(smallvec![Some(var_grad(b, b.tensor(0)?, &root_grad(&b.g()?, b.out(0)?)?)?)])).with(SPREAD)
    }

    /// The standard deviation over `dim`: over n - 1, or over n unless `unbiased`.
    "std.dim" fn std_dim(input: Tensor, dim: OptInts, unbiased: Bool = true, keepdim: Bool = false) -> Tensor = {
        std_dev(input, dim, Some((unbiased as i64).into()), keepdim)
    } { .with(SPREAD) }

    /// The standard deviation of all elements: over n - 1, or over n unless `unbiased`.
    "std.all" fn std_all(input: Tensor, unbiased: Bool = true) -> Tensor = {
        std_dev(input, None, Some((unbiased as i64).into()), false)
    } {}

    /// Variance and mean over `dim`.
    "var_mean.correction" fn var_mean(input: Tensor, dim: OptInts = None; correction: OptScalar = None, keepdim: Bool = false) -> (_var, mean) {
        .kernel(two_metas, |cx, out| spread(cx, Some(&out[0]), Some(&out[1]), false), "reduce.cu", Batch::ShiftDims)
            .grad(&[0], &[], |b| two_grads(b, b.grad_of(0)?)).with(flag::NO_METHOD)
    }

    /// Variance and mean over `dim`.
    "var_mean.dim" fn var_mean_dim(input: Tensor, dim: OptInts, unbiased: Bool = true, keepdim: Bool = false) -> (_var, mean) = {
        var_mean(input, dim, Some((unbiased as i64).into()), keepdim)
    } { .with(flag::NO_METHOD) }

    /// Variance and mean of all elements.
    "var_mean.all" fn var_mean_all(input: Tensor, unbiased: Bool = true) -> (_var, mean) = {
        var_mean(input, None, Some((unbiased as i64).into()), false)
    } { .with(flag::NO_METHOD) }

    /// Standard deviation and mean over `dim`.
    "std_mean.correction" fn std_mean(input: Tensor, dim: OptInts = None; correction: OptScalar = None, keepdim: Bool = false) -> (_std, mean) {
        .kernel(two_metas, |cx, out| spread(cx, Some(&out[0]), Some(&out[1]), true), "reduce.cu", Batch::ShiftDims)
            .grad(&[0], &[0], |b| two_grads(b, root_grad(&b.grad_of(0)?, b.out(0)?)?)).with(flag::NO_METHOD)
    }

    /// Standard deviation and mean over `dim`.
    "std_mean.dim" fn std_mean_dim(input: Tensor, dim: OptInts, unbiased: Bool = true, keepdim: Bool = false) -> (_std, mean) = {
        std_mean(input, dim, Some((unbiased as i64).into()), keepdim)
    } { .with(flag::NO_METHOD) }

    /// Standard deviation and mean of all elements.
    "std_mean.all" fn std_mean_all(input: Tensor, unbiased: Bool = true) -> (_std, mean) = {
        std_mean(input, None, Some((unbiased as i64).into()), false)
    } { .with(flag::NO_METHOD) }

    /// The `q`-th quantiles along `dim` (of all elements without it); `interpolation` says what lies between two elements.
    fn quantile(input: Tensor, q: Tensor, dim: OptInt = None, keepdim: Bool = false; interpolation: Str = "linear") -> Tensor = {
        quantiles(input, q, dim, keepdim, interpolation, false)
    } { .cast(Cast::Single).with(flag::OUT) }

    /// The `q`-th quantile along `dim` (of all elements without it).
    "quantile.scalar" fn quantile_scalar(input: Tensor, q: Float, dim: OptInt = None, keepdim: Bool = false; interpolation: Str = "linear") -> Tensor = {
        quantile_at(input, q, dim, keepdim, interpolation, false)
    } { .cast(Cast::Single).with(flag::OUT) }

    /// Quantiles of the elements that are not NaN.
    fn nanquantile(input: Tensor, q: Tensor, dim: OptInt = None, keepdim: Bool = false; interpolation: Str = "linear") -> Tensor = {
        quantiles(input, q, dim, keepdim, interpolation, true)
    } { .cast(Cast::Single).with(flag::OUT) }

    /// The quantile of the elements that are not NaN.
    "nanquantile.scalar" fn nanquantile_scalar(input: Tensor, q: Float, dim: OptInt = None, keepdim: Bool = false; interpolation: Str = "linear") -> Tensor = {
        quantile_at(input, q, dim, keepdim, interpolation, true)
    } { .cast(Cast::Single).with(flag::OUT) }

    /// The covariance of variables (rows) over observations (columns), which may carry frequencies and weights.
    fn cov(input: Tensor; correction: Int = 1, fweights: OptTensor = None, aweights: OptTensor = None) -> Tensor = {
        if input.ndim() > 2 {
            bail!(Runtime, "cov(): expected input to have two or fewer dimensions but got an input with {} dimensions", input.ndim());
        }
        if input.dtype() == DType::Bool {
            bail!(Runtime, "cov(): bool dtype is not supported for input");
        }
        let x = if input.ndim() < 2 { ops::reshape(input, &[1, -1])? } else { input.clone() };
        let n = x.size_at(1);
        let mut w: Option<Tensor> = None;
        for (t, name, whole) in [(fweights, "fweights", true), (aweights, "aweights", false)] {
            let Some(t) = t else { continue };
            if t.ndim() > 1 {
                bail!(Runtime, "cov(): expected {name} to have one or fewer dimensions but got {name} with {} dimensions", t.ndim());
            }
            if whole != t.dtype().is_int() {
                let kind = if whole { "integral" } else { "floating point" };
                bail!(Runtime, "cov(): expected {name} to have {kind} dtype but got {name} with {} dtype", t.dtype().c10_name());
            }
            if t.numel() != n {
                bail!(Runtime, "cov(): expected {name} to have the same numel as there are observations in the input but got {} != {n}", t.numel());
            }
            if n > 0 && ops::min_all(t)?.item()?.f64() < 0.0 {
                bail!(Runtime, "cov(): {name} cannot be negative");
            }
            w = Some(match w {
                Some(v) => mul(&v, t)?,
                None => t.clone(),
            });
        }
        let total = match &w {
            Some(w) => ops::sum_all(w, None)?,
            None => Tensor::scalar(n, DType::I64)?,
        };
        if w.is_some() && total.item()?.f64() == 0.0 {
            bail!(Runtime, "cov(): weights sum to zero, can't be normalized");
        }
        let weighted = match &w {
            Some(w) => mul(&x, w)?,
            None => x.clone(),
        };
        let mean = div(&ops::sum(&weighted, Some(&[1]), true, None)?, &total)?;
        let over = match (&w, aweights) {
            (Some(w), Some(a)) if correction != 0 => {
                sub(&total, &div(&times(&ops::sum_all(&mul(w, a)?, None)?, correction)?, &total)?)?
            }
            (Some(_), Some(_)) => total,
            _ => ops::sub((&total).into(), correction.into(), None)?,
        };
        let over = if over.item()?.f64() <= 0.0 { ops::zeros_like(&over, None, None, None)? } else { over };
        let x = sub(&x, &mean)?;
        let y = match &w {
            Some(w) => mul(&x, w)?,
            None => x.clone(),
        };
        let c = ops::mm(&x, &conj(&ops::t(&cast(&y, x.dtype())?)?)?)?;
        ops::squeeze(&div(&c, &over)?)
    } {}

    /// Correlation coefficients of variables (rows) over observations (columns).
    fn corrcoef(input: Tensor) -> Tensor = {
        if input.ndim() > 2 {
            bail!(Runtime, "corrcoef(): expected input to have two or fewer dimensions but got an input with {} dimensions", input.ndim());
        }
        let c = cov(input, 1, None, None)?;
        if c.ndim() == 0 {
            return div(&c, &c);
        }
        let d = ops::diagonal(&c, 0, 0, 1)?;
        let s = ops::sqrt(&if d.dtype().is_complex() { ops::real(&d)? } else { d })?;
        let r = div(&div(&c, &ops::unsqueeze(&s, 1)?)?, &ops::unsqueeze(&s, 0)?)?;
        let clip = |t: &Tensor| ops::clamp(t, Some((-1).into()), Some(1.into()));
        if r.dtype().is_complex() { ops::complex(&clip(&ops::real(&r)?)?, &clip(&ops::imag(&r)?)?) } else { clip(&r) }
    } {}
}

fn one_meta(cx: &Ctx) -> Result<Metas> {
    let x = cx.tensor(0)?;
    if !x.dtype().is_differentiable() {
        bail!(
            Runtime,
            "{}: std and var only support floating point and complex dtypes (got {}: convert it with .float())",
            cx.op.python_name(),
            x.dtype().name()
        );
    }
    let mask = mask_of(cx.opt_ints(1)?, x.ndim())?;
    Ok(smallvec![Meta::new(reduced_sizes(&x.sizes(), &mask, cx.bool(3)?), x.dtype().to_real())])
}

fn two_metas(cx: &Ctx) -> Result<Metas> {
    let mut m = one_meta(cx)?;
    m.push(Meta { dtype: cx.tensor(0)?.dtype(), ..m[0].clone() });
    Ok(m)
}

/// Variance (or its root) and mean into what is there.
fn spread(cx: &Ctx, var: Option<&Tensor>, mean: Option<&Tensor>, root: bool) -> Result<()> {
    let x = cx.tensor(0)?;
    let mask = mask_of(cx.opt_ints(1)?, x.ndim())?;
    let (keep, correction) = (cx.bool(3)?, cx.opt_scalar(2)?.map_or(1.0, Scalar::f64));
    let run = |x: &Tensor, var: Option<&Tensor>, mean: Option<&Tensor>| -> Result<()> {
        let l = x.layout();
        let strides = |t: Option<&Tensor>| t.map(|t| (t.body().ptr(), t.dtype(), kept_strides(t, &mask, keep)));
        let (v, m) = (strides(var), strides(mean));
        let v = v.as_ref().map(|(ptr, dtype, s)| Operand { ptr: *ptr, dtype: *dtype, strides: s });
        let m = m.as_ref().map(|(ptr, dtype, s)| Operand { ptr: *ptr, dtype: *dtype, strides: s });
        kernel(&l.sizes, &mask, x.operand(&l), correction, v, m)
    };
    let _off = mode::NoGrad::new();
    if x.dtype().is_complex() {
        // The squared distance is that of the real plus that of the imaginary parts.
        let parts = [ops::real(x)?, ops::imag(x)?];
        if let Some(m) = mean {
            run(&parts[0], var, Some(&ops::real(m)?))?;
            run(&parts[1], None, Some(&ops::imag(m)?))?;
        } else {
            run(&parts[0], var, None)?;
        }
        if let Some(v) = var {
            let w = Tensor::empty(&v.sizes(), v.dtype(), v.device())?;
            run(&parts[1], Some(&w), None)?;
            v.copy_raw(&add(v, &w)?)?;
        }
    } else {
        run(x, var, mean)?;
    }
    match var {
        Some(v) if root => v.copy_raw(&ops::sqrt(v)?),
        _ => Ok(()),
    }
}

/// The dimensions of a recorded call.
fn dims(b: &Bw) -> Dims {
    b.ints(1).into()
}

/// The gradient of the variance: 2 (x - mean) / (n - correction).
fn var_grad(b: &Bw, x: &Tensor, g: &Tensor) -> Result<Tensor> {
    let sizes = b.sizes(0);
    let mask = mask_of(Some(&dims(b)), sizes.len())?;
    let n: i64 = sizes.iter().zip(&mask).filter(|(_, r)| **r).map(|(s, _)| *s).product();
    let correction = if b.given(2) { b.scalar(2).f64() } else { 1.0 };
    let over = n as f64 - correction;
    let g = restore(g, &sizes, &dims(b), b.bool(3))?;
    let away = sub(x, &ops::mean(x, Some(&dims(b)), true, None)?)?;
    if over <= 0.0 {
        // The factor is infinite; where the distance is 0 there is no gradient to speak of.
        let limit = ops::full_like(&away, f64::INFINITY.into(), None, None, None)?;
        return mul(&g, &ops::masked_fill(&limit, &is(&away, 0)?, f64::NAN.into())?);
    }
    mul(&times(&g, 2.0 / over)?, &away)
}

/// Through the root: g / (2 y), and 0 where y is 0.
fn root_grad(g: &Tensor, y: &Tensor) -> Result<Tensor> {
    ops::short::zero_where(&div(g, &times(y, 2)?)?, &is(y, 0)?)
}

fn two_grads(b: &Bw, var: Tensor) -> Result<Grads> {
    let x = b.tensor(0)?;
    let sizes = b.sizes(0);
    let mut g = None;
    if b.has_grad(0) {
        g = Some(var_grad(b, x, &var)?);
    }
    if b.has_grad(1) {
        let mask = mask_of(Some(&dims(b)), sizes.len())?;
        let n: i64 = sizes.iter().zip(&mask).filter(|(_, r)| **r).map(|(s, _)| *s).product();
        let m = times(&restore(&b.grad_of(1)?, &sizes, &dims(b), b.bool(3))?, 1.0 / n as f64)?;
        g = Some(match g {
            Some(g) => add(&g, &m)?,
            None => ops::expand(&m, &sizes, false)?,
        });
    }
    Ok(smallvec![g])
}

fn quantile_at(x: &Tensor, q: f64, dim: Option<i64>, keepdim: bool, how: &str, skip_nan: bool) -> Result<Tensor> {
    if !(0.0..=1.0).contains(&q) {
        bail!(Runtime, "quantile() q must be in the range [0, 1] but got {q}");
    }
    if !matches!(x.dtype(), DType::F32 | DType::F64) {
        bail!(Runtime, "quantile() input tensor must be either float or double dtype");
    }
    quantiles(x, &Tensor::scalar(q, x.dtype())?, dim, keepdim, how, skip_nan)
}

fn quantiles(x: &Tensor, q: &Tensor, dim: Option<i64>, keepdim: bool, how: &str, skip_nan: bool) -> Result<Tensor> {
    if x.numel() == 0 {
        bail!(Runtime, "quantile() input tensor must be non-empty");
    }
    if q.ndim() > 1 {
        bail!(Runtime, "quantile() q must be a scalar or 1D tensor");
    }
    if !matches!(x.dtype(), DType::F32 | DType::F64) {
        bail!(Runtime, "quantile() input tensor must be either float or double dtype");
    }
    if q.dtype() != x.dtype() {
        bail!(Runtime, "quantile() q tensor must be same dtype as the input tensor");
    }
    if !matches!(how, "linear" | "lower" | "higher" | "midpoint" | "nearest") {
        bail!(
            Runtime,
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {how}"
        );
    }
    if q.to_vec::<f64>()?.iter().any(|v| !(0.0..=1.0).contains(v)) {
        bail!(Runtime, "quantile() q values must be in the range [0, 1]");
    }
    let nd = x.ndim();
    let d = dim.map(|d| wrap_dim(d, nd)).transpose()?;
    // What is looked at lies along the last dimension.
    let line = match d {
        Some(d) if nd > 0 => ops::movedim(x, &[d as i64], &[-1])?,
        _ => ops::reshape(x, &[-1])?,
    };
    let [sorted, _] = ops::sort(&line, -1, false)?;
    let n = sorted.size_at(sorted.ndim() - 1);
    let nan = ops::isnan(&sorted)?;
    let ranks = if skip_nan {
        let count = ops::sum(&ops::logical_not(&nan)?, Some(&[-1]), true, None)?;
        let last = ops::clamp_min(&ops::sub((&count).into(), 1.into(), None)?, 0.into())?;
        mul(q, &cast(&last, x.dtype())?)?
    } else {
        // A NaN stands at the end: every rank goes there.
        let r = times(q, n - 1)?;
        let any = ops::any_dim(&nan, Some(&[-1]), true)?;
        ops::masked_fill(
            &ops::expand(
                &ops::reshape(&r, &[-1])?,
                &{
                    let mut s = any.sizes();
                    let m = s.len() - 1;
                    s[m] = q.numel();
                    s
                },
                false,
            )?,
            &any,
            (n - 1).into(),
        )?
    };
    let ranks = match how {
        "lower" => ops::floor(&ranks)?,
        "higher" => ops::ceil(&ranks)?,
        "nearest" => ops::round(&ranks)?,
        _ => ranks,
    };
    let low = cast(&ops::trunc(&ranks)?, DType::I64)?;
    let below = ops::gather(&sorted, -1, &low, false)?;
    let value = if matches!(how, "linear" | "midpoint") {
        let weight = if how == "midpoint" {
            ops::full_like(&ranks, 0.5.into(), None, None, None)?
        } else {
            sub(&ranks, &cast(&low, x.dtype())?)?
        };
        let above = ops::gather(&sorted, -1, &cast(&ops::ceil(&ranks)?, DType::I64)?, false)?;
        ops::lerp(&below, &above, Num::Tensor(&weight))?
    } else {
        below
    };
    // The quantiles come first, then what is left of the input's dimensions.
    let mut value = ops::movedim(&value, &[-1], &[0])?;
    if keepdim {
        let mut s: Dims = smallvec![q.numel()];
        s.extend(x.sizes().iter().enumerate().map(|(i, n)| if d.is_none_or(|d| d == i) { 1 } else { *n }));
        value = ops::reshape(&value, &s)?;
    }
    if q.ndim() == 0 { ops::squeeze_dim(&value, 0) } else { Ok(value) }
}
