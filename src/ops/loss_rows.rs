//! Distances and similarities of rows, and the losses made of them or of whole rows of scores.

use super::loss::{reduced, reduction_of};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::ctc as kernel;
use crate::op::arg::Ctx;
use crate::op::autocast::Cast;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::ops::short::cast;
use crate::shape::{self, Dims};
use crate::tensor::Tensor;
use smallvec::smallvec;

fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::add(a.into(), b.into(), None)
}

fn sub(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::sub(a.into(), b.into(), None)
}

fn mul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::mul(a.into(), b.into())
}

fn div(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::div(a.into(), b.into())
}

fn plus(a: &Tensor, s: f64) -> Result<Tensor> {
    ops::add(a.into(), s.into(), None)
}

fn positive(x: &Tensor) -> Result<Tensor> {
    ops::clamp_min(x, 0.into())
}

fn size(t: &Tensor) -> String {
    shape::show(&t.sizes())
}

/// Is any element below `low`, or not below `end`?
fn outside(t: &Tensor, low: i64, end: i64) -> Result<bool> {
    let wrong = ops::logical_or(&ops::lt(t.into(), low.into())?, &ops::ge(t.into(), end.into())?)?;
    Ok(ops::any(&wrong)?.item()?.truth())
}

ops! {
    /// x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`.
    fn cosine_similarity(x1: Tensor, x2: Tensor, dim: Int = 1, eps: Float = 1e-08) -> Tensor = {
        let d = crate::dtype::promote(x1.dtype(), x2.dtype());
        if !d.is_float() {
            bail!(Runtime, "expected common dtype to be floating point, yet common dtype is {}", d.c10_name());
        }
        let sizes = shape::broadcast(&x1.sizes(), &x2.sizes())?;
        let whole = |x: &Tensor| ops::expand(&cast(x, d)?, &sizes, false);
        let (a, b) = (whole(x1)?, whole(x2)?);
        let norm = |x: &Tensor| -> Result<Tensor> {
            let n = ops::vector_norm(x, 2.into(), Some(&[dim]), true, None)?;
            // The bound does not enter the gradient: the norm is moved up by what it lacks, a constant.
            let lack = positive(&ops::sub(eps.into(), (&n.detached()).into(), None)?)?;
            add(&n, &lack)
        };
        if d.is_half() {
            // Products of halves overflow; those of rows of length 1 do not.
            let both = mul(&div(&a, &norm(&a)?)?, &div(&b, &norm(&b)?)?)?;
            return ops::sum(&both, Some(&[dim]), false, None);
        }
        let dot = ops::sum(&mul(&a, &b)?, Some(&[dim]), true, None)?;
        ops::squeeze_dim(&div(&div(&dot, &norm(&a)?)?, &norm(&b)?)?, dim)
    } { .node("SumBackward1") .spaces(&["", "nn.functional"]).with(flag::NO_METHOD) }

    /// The p-norm of x1 - x2 + eps along the last dimension.
    fn pairwise_distance(x1: Tensor, x2: Tensor, p: Float = 2.0, eps: Float = 1e-06, keepdim: Bool = false) -> Tensor = {
        ops::vector_norm(&plus(&sub(x1, x2)?, eps)?, p.into(), Some(&[-1]), keepdim, None)
    } { .spaces(&["", "nn.functional"]).with(flag::NO_METHOD) }

    /// 1 - cos where target is 1, max(cos - margin, 0) where it is -1.
    fn cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: Float = 0.0, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        let r = reduction_of(size_average, reduce, reduction)?;
        let (n, want) = (target.ndim(), target.ndim() + 1);
        if n > 1 {
            bail!(Runtime, "0D or 1D target tensor expected, multi-target not supported");
        }
        if input1.ndim() != want || input2.ndim() != want {
            bail!(Runtime, "{n}D target tensor expects {want}D input tensors, but found inputs with sizes {} and {}.", size(input1), size(input2));
        }
        let d = [n as i64];
        let dot = |a: &Tensor, b: &Tensor| ops::sum(&mul(a, b)?, Some(&d), false, None);
        let tiny = 1e-12;
        let norms = mul(&plus(&dot(input1, input1)?, tiny)?, &plus(&dot(input2, input2)?, tiny)?)?;
        let cos = div(&dot(input1, input2)?, &ops::sqrt(&norms)?)?;
        let near = ops::sub(1.into(), (&cos).into(), None)?;
        let far = positive(&plus(&cos, -margin)?)?;
        let pick = |v: i64, x: &Tensor| ops::where_(&ops::eq(target.into(), v.into())?, x.into(), 0.into());
        reduced(add(&pick(1, &near)?, &pick(-1, &far)?)?, r)
    } { .cast(Cast::Single).functional() }

    /// max(d(anchor, positive) - d(anchor, negative) + margin, 0); d is `pairwise_distance`.
    fn triplet_margin_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: Float = 1.0, p: Float = 2, eps: Float = 1e-06, swap: Bool = false, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        let r = reduction_of(size_average, reduce, reduction)?;
        if !(margin > 0.0) {
            bail!(Value, "margin must be greater than 0, got {margin:?}");
        }
        let (a, b, c) = (anchor.ndim(), positive.ndim(), negative.ndim());
        if a != b || a != c {
            bail!(Runtime, "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor {a}D, positive {b}D, and negative {c}D inputs");
        }
        let near = pairwise_distance(anchor, positive, p, eps, false)?;
        let mut far = pairwise_distance(anchor, negative, p, eps, false)?;
        if swap {
            far = ops::minimum(&far, &pairwise_distance(positive, negative, p, eps, false)?)?;
        }
        reduced(self::positive(&sub(&plus(&near, margin)?, &far)?)?, r)
    } { .cast(Cast::Single).functional() }

    /// Sums over the other classes of max(margin - input[target] + input[class], 0)^p, over the number of classes.
    fn multi_margin_loss(input: Tensor, target: Tensor, p: Scalar = 1, margin: Scalar = 1, weight: OptTensor = None, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        let r = reduction_of(size_average, reduce, reduction)?;
        let p = p.f64();
        if p != 1.0 && p != 2.0 {
            bail!(Value, "only p == 1 and p == 2 supported");
        }
        if weight.is_some_and(|w| w.ndim() != 1) {
            bail!(Value, "weight must be one-dimensional");
        }
        let n = input.ndim();
        if n > 2 || n > 0 && input.size_at(n - 1) == 0 {
            bail!(Runtime, "Expected non-empty vector or matrix with optional 0-dim batch size, but got: {}", size(input));
        }
        let rows = ops::reshape(input, &[if n < 2 { 1 } else { input.size_at(0) }, if n == 0 { 1 } else { input.size_at(n - 1) }])?;
        if target.ndim() > 1 || target.numel() != rows.size_at(0) {
            bail!(Runtime, "inconsistent target size, expected {} but got {}", rows.size_at(0), size(target));
        }
        let classes = rows.size_at(1);
        if weight.is_some_and(|w| w.numel() != classes) {
            bail!(Runtime, "inconsistent weight size, expected {classes} but got {}", weight.map(size).unwrap_or_default());
        }
        let y = ops::reshape(target, &[-1, 1])?;
        if outside(&y, 0, classes)? {
            bail!(Runtime, "target out of range");
        }
        let own = ops::gather(&rows, 1, &y, false)?;
        let z = ops::sub((&ops::add((&rows).into(), crate::op::arg::Num::Scalar(margin), None)?).into(), (&own).into(), None)?;
        let on = ops::gt((&z).into(), 0.into())?;
        let mut z = ops::where_(&on, (&z).into(), 0.into())?;
        if p == 2.0 {
            z = ops::square(&z)?;
        }
        if let Some(w) = weight {
            z = mul(&z, &ops::reshape(&ops::index_select(w, 0, &ops::reshape(target, &[-1])?)?, &[-1, 1])?)?;
        }
        let mine = ops::eq((&ops::arange(classes.into(), Some(DType::I64), Some(y.device()))?).into(), (&y).into())?;
        let each = ops::sum(&ops::masked_fill(&z, &mine, 0.into())?, Some(&[1]), false, None)?;
        let each = ops::div((&each).into(), classes.into())?;
        reduced(if n < 2 { ops::reshape(&each, &[])? } else { each }, r)
    } { .node("MultiMarginLossBackward0") .cast(Cast::Single).functional() }

    /// Sums over targets t (up to the first -1) and other classes c of max(1 - input[t] + input[c], 0), over the number of
    /// classes.
    fn multilabel_margin_loss(input: Tensor, target: Tensor, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        let r = reduction_of(size_average, reduce, reduction)?;
        let n = input.ndim();
        if n > 2 || n > 0 && input.size_at(n - 1) == 0 {
            bail!(Runtime, "Expected non-empty vector or matrix with optional 0-dim batch size, but got: {}", size(input));
        }
        if target.sizes() != input.sizes() && target.numel() != input.numel() {
            bail!(Runtime, "inconsistent target size: {} for input of size: {}", size(target), size(input));
        }
        let sizes = [if n < 2 { 1 } else { input.size_at(0) }, if n == 0 { 1 } else { input.size_at(n - 1) }];
        let (x, t) = (ops::reshape(input, &sizes)?, ops::reshape(target, &sizes)?);
        if outside(&t, -1, sizes[1])? {
            bail!(Runtime, "target out of range");
        }
        // Targets count until the first negative one.
        let ended = ops::gt((&ops::cumsum(&ops::lt((&t).into(), 0.into())?, 1, None)?).into(), 0.into())?;
        let at = ops::masked_fill(&t, &ended, 0.into())?;
        let valid = ops::_to_dtype(&ops::logical_not(&ended)?, x.dtype(), None)?;
        let zeros = Tensor::zeros(&sizes, x.dtype(), x.device())?;
        let is_target = ops::gt((&ops::scatter_add(&zeros, 1, &at, &valid)?).into(), 0.into())?;
        let own = ops::unsqueeze(&ops::gather(&x, 1, &at, false)?, 2)?;
        let z = plus(&sub(&ops::unsqueeze(&x, 1)?, &own)?, 1.0)?;
        let off = ops::logical_or(&ops::unsqueeze(&ended, 2)?, &ops::unsqueeze(&is_target, 1)?)?;
        let on = ops::logical_and(&ops::gt((&z).into(), 0.into())?, &ops::logical_not(&off)?)?;
        let each = ops::sum(&ops::where_(&on, (&z).into(), 0.into())?, Some(&[1, 2]), false, None)?;
        let each = ops::div((&each).into(), sizes[1].into())?;
        reduced(if n < 2 { ops::reshape(&each, &[])? } else { each }, r)
    } { .node("MultilabelMarginLossBackward0") .cast(Cast::Single).functional() }

    /// Binary cross-entropy of each class, averaged over the classes.
    fn multilabel_soft_margin_loss(input: Tensor, target: Tensor, weight: OptTensor = None, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        let r = reduction_of(size_average, reduce, reduction)?;
        let yes = mul(target, &ops::logsigmoid(input)?)?;
        let no = mul(&ops::sub(1.into(), target.into(), None)?, &ops::logsigmoid(&ops::neg(input)?)?)?;
        let mut loss = ops::neg(&add(&yes, &no)?)?;
        if let Some(w) = weight {
            loss = mul(&loss, w)?;
        }
        let last = shape::wrap_dim(-1, input.ndim())?;
        let classes = if input.ndim() > 0 { input.size_at(last) } else { 1 };
        let each = ops::div((&ops::sum(&loss, Some(&[last as i64]), false, None)?).into(), classes.into())?;
        reduced(each, r)
    } { .functional() }

    /// Connectionist temporal classification: log-probabilities (T, N, C) against label sequences. Graves et al. 2006.
    fn ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: Int = 0, reduction: Str = "mean", zero_infinity: Bool = false) -> Tensor = {
        for l in [input_lengths, target_lengths] {
            if l.dtype().is_float() || l.dtype().is_complex() {
                bail!(Runtime, "input_lengths and target_lengths must be integral");
            }
        }
        ctc(log_probs, targets, &lengths(input_lengths)?, &lengths(target_lengths)?, blank, reduction, zero_infinity)
    } { .cast(Cast::Single).functional() }

    /// The same with lengths as numbers.
    "ctc_loss.IntList" fn ctc_loss_ints(log_probs: Tensor, targets: Tensor, input_lengths: Ints, target_lengths: Ints, blank: Int = 0, reduction: Str = "mean", zero_infinity: Bool = false) -> Tensor = {
        ctc(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity)
    } { .cast(Cast::Single).functional() }

    /// -log of the probability of each label sequence, and the logarithms of the forward variables.
    fn _ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Ints, target_lengths: Ints, blank: Int, zero_infinity: Bool) -> (_nll, _log_alpha) {
        .kernel(ctc_meta, ctc_run, "ctc.cu", Batch::Loop).grad(&[0, 1], &[0, 1], |b| {
            let g = b.grad_of(0)?;
            let d = _ctc_loss_backward(&g, b.tensor(0)?, b.tensor(1)?, b.ints(2), b.ints(3), b.out(0)?, b.out(1)?, b.int(4)?, b.bool(5))?;
            Ok(smallvec![Some(d), None])
        }).with(flag::PRIVATE | flag::NO_METHOD)
    }

    /// The gradient of connectionist temporal classification.
    fn _ctc_loss_backward(grad: Tensor, log_probs: Tensor, targets: Tensor, input_lengths: Ints, target_lengths: Ints, neg_log_likelihood: Tensor, log_alpha: Tensor, blank: Int, zero_infinity: Bool) -> Tensor {
        .kernel(|cx| {
            let (g, x) = (cx.tensor(0)?, cx.tensor(1)?);
            let forward = ctc_sizes(x, cx.tensor(2)?, cx.ints(3)?, cx.ints(4)?, cx.int(7)?)?;
            let fits = |t: &Tensor, m: &Meta| t.sizes() == m.sizes && t.dtype() == m.dtype;
            cx.belong(fits(g, &forward[0]) && fits(cx.tensor(5)?, &forward[0]) && fits(cx.tensor(6)?, &forward[1]))?;
            Ok(smallvec![Meta::new(x.sizes(), x.dtype())])
        }, ctc_backward_run, "ctc.cu", Batch::Loop).with(flag::PRIVATE | flag::NO_METHOD)
    }
}

// ---- connectionist temporal classification ----

fn lengths(t: &Tensor) -> Result<Vec<i64>> {
    ops::_to_dtype(t, DType::I64, None)?.to_vec::<i64>()
}

fn ctc(
    log_probs: &Tensor,
    targets: &Tensor,
    input_lengths: &[i64],
    target_lengths: &[i64],
    blank: i64,
    reduction: &str,
    zero_infinity: bool,
) -> Result<Tensor> {
    let r = reduction_of(None, None, reduction)?;
    let n = log_probs.ndim();
    if n != 2 && n != 3 {
        bail!(Runtime, "ctc_loss: log_probs must be (T, N, C) or (T, C), but has shape {}", size(log_probs));
    }
    let (x, t) = if n == 2 {
        let t = if targets.ndim() == 1 { ops::unsqueeze(targets, 0)? } else { targets.clone() };
        (ops::unsqueeze(log_probs, 1)?, t)
    } else {
        (log_probs.clone(), targets.clone())
    };
    let [mut nll, _] = _ctc_loss(&x, &t, input_lengths, target_lengths, blank, zero_infinity)?;
    if zero_infinity {
        nll = ops::where_(&ops::eq((&nll).into(), f64::INFINITY.into())?, 0.into(), (&nll).into())?;
    }
    match r {
        "mean" => {
            let over: Vec<i64> = target_lengths.iter().map(|&l| l.max(1)).collect();
            let over = ops::_to_dtype(&Tensor::from_slice(&over, &[over.len() as i64])?, nll.dtype(), None)?;
            ops::mean_all(&div(&nll, &over)?, None)
        }
        "sum" => ops::sum_all(&nll, None),
        _ if n == 2 => ops::squeeze_dim(&nll, 0),
        _ => Ok(nll),
    }
}

fn ctc_meta(cx: &Ctx) -> Result<Metas> {
    ctc_sizes(cx.tensor(0)?, cx.tensor(1)?, cx.ints(2)?, cx.ints(3)?, cx.int(4)?)
}

/// The checks and the results of the forward operator.
fn ctc_sizes(x: &Tensor, t: &Tensor, il: &[i64], tl: &[i64], blank: i64) -> Result<Metas> {
    if x.ndim() != 3 {
        bail!(Runtime, "ctc_loss: log_probs must be (T, N, C), but has shape {}", size(x));
    }
    let (steps, n, classes) = (x.size_at(0), x.size_at(1), x.size_at(2));
    if !matches!(x.dtype(), DType::F32 | DType::F64) {
        return Err(crate::op::arg::not_implemented("ctc_loss_cpu", x.dtype()));
    }
    if !matches!(t.dtype(), DType::I64 | DType::I32) {
        bail!(Runtime, "ctc_loss: targets must be of dtype int64 or int32, not {}", t.dtype().name());
    }
    if steps == 0 {
        bail!(Runtime, "log_probs tensor must not be empty");
    }
    if blank < 0 || blank >= classes {
        bail!(Runtime, "blank must be in label range");
    }
    if il.len() as i64 != n || tl.len() as i64 != n {
        let which = if il.len() as i64 != n { "input_lengths" } else { "target_lengths" };
        bail!(Runtime, "{which} must be of size batch_size");
    }
    if let Some((b, &l)) = il.iter().enumerate().find(|(_, l)| **l < 0 || **l > steps) {
        bail!(
            Runtime,
            "Expected input_lengths to have value at most {steps}, but got value {l} (while checking arguments for ctc_loss_cpu: \
             batch {b})"
        );
    }
    let longest = tl.iter().copied().max().unwrap_or(0);
    if let Some((b, &l)) = tl.iter().enumerate().find(|(_, l)| **l < 0) {
        bail!(Runtime, "Expected target_lengths to have value at least 0, but got value {l} (batch {b})");
    }
    let total = tl.iter().fold(0i64, |a, &l| a.saturating_add(l));
    match t.ndim() {
        1 if t.numel() != total => bail!(
            Runtime,
            "Expected tensor for argument #2 'targets' to have {total} elements, the sum of target_lengths, but got {}",
            t.numel()
        ),
        1 => {}
        2 if t.size_at(0) != n || t.size_at(1) < longest => bail!(
            Runtime,
            "Expected tensor for argument #2 'targets' to have size at least {longest} at dimension 1 and {n} at dimension 0, but \
             got {}",
            size(t)
        ),
        2 => {}
        _ => bail!(Runtime, "targets must be of shape (N, S) or (sum(target_lengths)), but got {}", size(t)),
    }
    let alpha: Dims = smallvec![n, steps, 2 * longest + 1];
    Ok(smallvec![Meta::new([n].as_slice(), x.dtype()), Meta::new(alpha, x.dtype())])
}

/// The labels of all sequences, and where each begins.
fn labels(t: &Tensor, tl: &[i64]) -> Result<(Vec<i64>, Vec<usize>)> {
    let flat = ops::_to_dtype(&t.detached(), DType::I64, None)?.to_vec::<i64>()?;
    let width = if t.ndim() == 2 { Some(t.size_at(1)) } else { None };
    let mut starts = Vec::with_capacity(tl.len());
    let mut at = 0;
    for (b, l) in tl.iter().enumerate() {
        starts.push(width.map_or(at, |w| b as i64 * w) as usize);
        at += l;
    }
    Ok((flat, starts))
}

fn at<'a>(t: &Tensor, strides: &'a Dims) -> Operand<'a> {
    Operand { ptr: t.body().ptr(), dtype: t.dtype(), strides }
}

fn ctc_run(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let (x, tl) = (cx.tensor(0)?, cx.ints(3)?);
    let (flat, starts) = labels(cx.tensor(1)?, tl)?;
    let (sx, sn, sa) = (x.layout().strides, out[0].layout().strides, out[1].layout().strides);
    let job = kernel::Ctc {
        classes: x.size_at(2),
        labels: &flat,
        starts: &starts,
        steps: cx.ints(2)?,
        lengths: tl,
        blank: cx.int(4)?,
    };
    kernel::forward(&job, at(x, &sx), at(&out[0], &sn), at(&out[1], &sa))
}

fn ctc_backward_run(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let (g, x, tl) = (cx.tensor(0)?, cx.tensor(1)?, cx.ints(4)?);
    let (flat, starts) = labels(cx.tensor(2)?, tl)?;
    let (nll, alpha) = (cx.tensor(5)?, cx.tensor(6)?);
    let job = kernel::Ctc {
        classes: x.size_at(2),
        labels: &flat,
        starts: &starts,
        steps: cx.ints(3)?,
        lengths: tl,
        blank: cx.int(7)?,
    };
    out[0].fill_raw(0.into())?;
    let (sg, sx, sn) = (g.layout().strides, x.layout().strides, nll.layout().strides);
    let (sa, so) = (alpha.layout().strides, out[0].layout().strides);
    kernel::backward(&job, at(g, &sg), at(x, &sx), at(nll, &sn), at(alpha, &sa), at(&out[0], &so), cx.bool(8)?)
}
