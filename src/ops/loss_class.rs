//! Negative log-likelihood and cross-entropy: losses of scores for each class.

use super::loss::{HIDDEN, reduction_of};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::Operand;
use crate::kernels::cpu::loss as kernel;
use crate::op::arg::Ctx;
use crate::op::autocast::Cast;
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas};
use crate::ops;
use crate::shape::{self, Dims};
use crate::tensor::Tensor;
use crate::tensor::graph::Grads;
use smallvec::smallvec;

ops! {
    /// -weight[target] * input[target] for log-probabilities (N, C, *) and class numbers (N, *).
    fn nll_loss(input: Tensor, target: Tensor, weight: OptTensor = None, size_average: OptBool = None, ignore_index: Int = -100, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        nll(input, target, weight, reduction_of(size_average, reduce, reduction)?, ignore_index)
    } { .cast(Cast::Single).functional() }

    /// Negative log-likelihood of rows, and the sum of the weights.
    fn _nll_loss(input: Tensor, target: Tensor, weight: OptTensor, reduction: Str, ignore_index: Int) -> (_output, _total_weight) {
        .named("nll_loss").kernel(nll_meta, nll_run, "loss.cu", Batch::Loop).grad(&[0, 1, 2], &[1], nll_grad).with(HIDDEN)
    }

    /// The same for images, which have a node name of their own.
    fn _nll_loss2d(input: Tensor, target: Tensor, weight: OptTensor, reduction: Str, ignore_index: Int) -> (_output, _total_weight) {
        .named("nll_loss2d").kernel(nll_meta, nll_run, "loss.cu", Batch::Loop).grad(&[0, 1, 2], &[1], nll_grad)
            .node("NllLoss2DBackward0").with(HIDDEN)
    }

    /// The gradient of negative log-likelihood.
    fn _nll_loss_backward(grad_output: Tensor, input: Tensor, target: Tensor, weight: OptTensor, reduction: Str, ignore_index: Int, total_weight: Tensor) -> Tensor {
        .named("nll_loss_backward").kernel(|cx| {
            let x = cx.tensor(1)?;
            Ok(smallvec![Meta::new(x.sizes(), x.dtype())])
        }, nll_backward_run, "loss.cu", Batch::Loop).grad(&[1, 2, 3, 6], &[], |b| {
            // Linear in the gradient: the same numbers are picked out of its own gradient.
            let gg = b.g()?;
            let sign = _nll_pick(&gg, b.tensor(2)?, b.opt_tensor(3)?, b.str(4), b.int(5)?, b.tensor(6)?)?;
            Ok(smallvec![Some(sign), None, None, None, None])
        }).with(HIDDEN)
    }

    /// Cross-entropy of softmax(input): class numbers (N, *) for scores (N, C, *), or probabilities (N, C, *).
    fn cross_entropy(input: Tensor, target: Tensor, weight: OptTensor = None, size_average: OptBool = None, ignore_index: Int = -100, reduce: OptBool = None, reduction: Str = "mean", label_smoothing: Float = 0.0) -> Tensor = {
        let r = reduction_of(size_average, reduce, reduction)?;
        if !(0.0..=1.0).contains(&label_smoothing) {
            bail!(Runtime, "label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}");
        }
        if input.ndim() == 0 {
            bail!(Index, "Dimension specified as 0 but tensor has no dimensions");
        }
        let d = (input.ndim() > 1) as usize;
        if input.sizes() == target.sizes() {
            return probabilities(input, target, weight, r, ignore_index, label_smoothing, d);
        }
        let log = ops::_log_softmax(input, d as i64)?;
        let loss = nll(&log, target, weight, r, ignore_index)?;
        if label_smoothing == 0.0 {
            return Ok(loss);
        }
        smoothed(&log, target, weight, r, ignore_index, label_smoothing, d, &loss)
    } { .cast(Cast::Single).functional() }
}

fn nll(input: &Tensor, target: &Tensor, weight: Option<&Tensor>, reduction: &str, ignore: i64) -> Result<Tensor> {
    if input.ndim() < 1 {
        bail!(Value, "Expected 1 or more dimensions (got 0)");
    }
    if input.ndim() != 1 && target.ndim() > 0 && input.size_at(0) != target.size_at(0) {
        bail!(
            Value,
            "Expected input batch_size ({}) to match target batch_size ({}).\nThe first dimension of both is the batch. In what a \
             recurrent layer gives it is time, unless the layer was made with batch_first=True.",
            input.size_at(0),
            target.size_at(0)
        );
    }
    let [loss, _] = if input.ndim() > 2 {
        _nll_loss2d(input, target, weight, reduction, ignore)?
    } else {
        _nll_loss(input, target, weight, reduction, ignore)?
    };
    Ok(loss)
}

fn check_nll(cx: &Ctx) -> Result<()> {
    let (x, t) = (cx.tensor(0)?, cx.tensor(1)?);
    let (n, classes) = (x.ndim(), if x.ndim() > 1 { x.size_at(1) } else { x.numel() });
    if n > 2 {
        let mut want: Dims = x.sizes();
        want.remove(1);
        if t.ndim() != n - 1 && n == 4 {
            bail!(
                Runtime,
                "only batches of spatial targets supported (3D tensors) but got targets of dimension: {}",
                t.ndim()
            );
        }
        if t.sizes() != want {
            bail!(Runtime, "Expected target size {}, got {}", shape::show(&want), shape::show(&t.sizes()));
        }
    } else {
        if t.ndim() > 1 {
            bail!(
                Runtime,
                "0D or 1D target tensor expected, multi-target not supported\nAn input of shape {} wants the number of one class \
                 for each row, {}, and the target has shape {}: squeeze() a column; one-hot rows must be floats.",
                shape::show(&x.sizes()),
                shape::show(&x.sizes()[..1]),
                shape::show(&t.sizes())
            );
        }
        let single = n == 1 && t.ndim() == 0;
        if !single && (n == 1 || t.ndim() == 0 || x.size_at(0) != t.size_at(0)) {
            bail!(
                Runtime,
                "size mismatch (got input: {}, target: {})",
                shape::show(&x.sizes()),
                shape::show(&t.sizes())
            );
        }
    }
    if let Some(w) = cx.opt_tensor(2)? {
        if w.ndim() != 1 || w.numel() != classes {
            bail!(
                Runtime,
                "weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: {}",
                shape::show(&w.sizes())
            );
        }
        if w.dtype() != x.dtype() {
            bail!(Runtime, "expected scalar type {} but found {}", x.dtype().c10_name(), w.dtype().c10_name());
        }
    }
    if !x.dtype().is_float() {
        return Err(crate::op::arg::not_implemented("nll_loss_out_frame", x.dtype()));
    }
    if !matches!(t.dtype(), DType::I64 | DType::U8) {
        bail!(
            Runtime,
            "expected target dtype to be Long or Byte, but got {}\nClass numbers: convert the target with .long().",
            t.dtype().c10_name()
        );
    }
    Ok(())
}

fn nll_meta(cx: &Ctx) -> Result<Metas> {
    check_nll(cx)?;
    let (x, t) = (cx.tensor(0)?, cx.tensor(1)?);
    let sizes = if cx.str(3)? == "none" { t.sizes() } else { Dims::new() };
    Ok(smallvec![Meta::new(sizes, x.dtype()), Meta::new(Dims::new(), x.dtype())])
}

/// The sizes (n, classes, inner) of a call, with the strides over (n, classes, inner) and (n, inner) of its tensors. Inner
/// dimensions are one where the layouts allow it, so the tensors are made contiguous first if they are not.
struct Frame {
    sizes: [i64; 3],
    wide: [i64; 3],
    flat: [i64; 2],
}

fn frame(sizes: &[i64]) -> Frame {
    let (n, c) = if sizes.len() > 1 { (sizes[0], sizes[1]) } else { (1, sizes.first().copied().unwrap_or(1)) };
    let inner: i64 = sizes.iter().skip(2).product();
    Frame { sizes: [n, c, inner], wide: [c * inner, inner, 1], flat: [inner, 1] }
}

fn dense(t: &Tensor) -> Result<Tensor> {
    if t.is_contiguous() { Ok(t.clone()) } else { t.copied(t.dtype()) }
}

fn kind(reduction: &str) -> kernel::Reduction {
    match reduction {
        "mean" => kernel::Reduction::Mean,
        "sum" => kernel::Reduction::Sum,
        _ => kernel::Reduction::None,
    }
}

fn nll_run(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let (x, t) = (dense(cx.tensor(0)?)?, dense(cx.tensor(1)?)?);
    let w = cx.opt_tensor(2)?.map(dense).transpose()?;
    let f = frame(&x.sizes());
    let at = |t: &Tensor, strides: &'static [i64]| Operand { ptr: t.body().ptr(), dtype: t.dtype(), strides };
    let l = kernel::Nll {
        sizes: f.sizes,
        target: Operand { strides: &f.flat, ..at(&t, &[]) },
        weight: w.as_ref().map(|w| w.body().ptr() as *const u8),
        ignore: cx.int(4)?,
    };
    let total = out[1].body().ptr();
    let loss = Operand { strides: &f.flat, ..at(&out[0], &[]) };
    kernel::nll(&l, Operand { strides: &f.wide, ..at(&x, &[]) }, kind(cx.str(3)?), loss, total)
}

fn nll_grad(b: &Bw) -> Result<Grads> {
    let g = b.grad_of(0)?;
    let total = b.out(1)?;
    let d = _nll_loss_backward(&g, b.tensor(0)?, b.tensor(1)?, b.opt_tensor(2)?, b.str(3), b.int(4)?, total)?;
    Ok(smallvec![Some(d), None, None])
}

fn nll_backward_run(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let (g, t, total) = (dense(cx.tensor(0)?)?, dense(cx.tensor(2)?)?, cx.tensor(6)?);
    let w = cx.opt_tensor(3)?.map(dense).transpose()?;
    out[0].fill_raw(0.into())?;
    let f = frame(&out[0].sizes());
    let none = cx.str(4)? == "none";
    let l = kernel::Nll {
        sizes: f.sizes,
        target: Operand { ptr: t.body().ptr(), dtype: t.dtype(), strides: &f.flat },
        weight: w.as_ref().map(|w| w.body().ptr() as *const u8),
        ignore: cx.int(5)?,
    };
    let still = [0, 0];
    let grad = Operand { ptr: g.body().ptr(), dtype: g.dtype(), strides: if none { &f.flat } else { &still } };
    let into = Operand { ptr: out[0].body().ptr(), dtype: out[0].dtype(), strides: &f.wide };
    let total = total.body().ptr() as *const u8;
    kernel::nll_backward(&l, grad, kind(cx.str(4)?), into, total)
}

/// The gradient of the gradient: negative log-likelihood of `gg`, over the same sum of weights.
fn _nll_pick(
    gg: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: &str,
    ignore: i64,
    total: &Tensor,
) -> Result<Tensor> {
    let how = if reduction == "none" { "none" } else { "sum" };
    let [picked, _] = if gg.ndim() > 2 {
        _nll_loss2d(gg, target, weight, how, ignore)?
    } else {
        _nll_loss(gg, target, weight, how, ignore)?
    };
    if reduction == "mean" { ops::div((&picked).into(), total.into()) } else { Ok(picked) }
}

// ---- cross-entropy beyond class numbers ----

/// Weights of classes in the shape (1, C, 1, ...).
fn class_weights(weight: &Tensor, ndim: usize, d: usize) -> Result<Tensor> {
    let mut sizes = Dims::from_elem(1, ndim);
    sizes[d] = weight.numel();
    ops::reshape(weight, &sizes)
}

fn probabilities(
    input: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: &str,
    ignore: i64,
    smoothing: f64,
    d: usize,
) -> Result<Tensor> {
    if !target.dtype().is_float() {
        bail!(
            Runtime,
            "Expected floating point type for target with class probabilities, got {}",
            target.dtype().c10_name()
        );
    }
    if ignore >= 0 {
        bail!(Runtime, "ignore_index is not supported for floating point target");
    }
    let classes = input.size_at(d);
    if let Some(w) = weight
        && (w.ndim() != 1 || w.numel() != classes)
    {
        bail!(
            Runtime,
            "cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got weight tensor \
             of shape: {}",
            shape::show(&w.sizes())
        );
    }
    let log = ops::_log_softmax(input, d as i64)?;
    let target = if smoothing > 0.0 {
        let t = ops::mul(target.into(), (1.0 - smoothing).into())?;
        ops::add((&t).into(), (smoothing / classes as f64).into(), None)?
    } else {
        target.clone()
    };
    let mut loss = ops::mul((&log).into(), (&target).into())?;
    if let Some(w) = weight {
        loss = ops::mul((&loss).into(), (&class_weights(w, input.ndim(), d)?).into())?;
    }
    match reduction {
        "none" => ops::neg(&ops::sum(&loss, Some(&[d as i64]), false, None)?),
        "sum" => ops::neg(&ops::sum_all(&loss, None)?),
        _ => {
            let samples = (input.numel() / classes.max(1)) as f64;
            ops::_div_number(&ops::neg(&ops::sum_all(&loss, None)?)?, samples.into())
        }
    }
}

/// `loss`, mixed with the loss of all classes evenly.
fn smoothed(
    log: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: &str,
    ignore: i64,
    smoothing: f64,
    d: usize,
    loss: &Tensor,
) -> Result<Tensor> {
    let classes = log.size_at(d);
    let all = match weight {
        Some(w) => ops::mul(log.into(), (&class_weights(w, log.ndim(), d)?).into())?,
        None => log.clone(),
    };
    let each = ops::neg(&ops::sum(&all, Some(&[d as i64]), false, None)?)?;
    let ignored = ops::eq(target.into(), ignore.into())?;
    let each = ops::masked_fill(&each, &ignored, 0.into())?;
    let even = match reduction {
        "none" => each,
        "sum" => ops::sum_all(&each, None)?,
        _ => {
            let over = match weight {
                Some(w) => {
                    let used = ops::masked_select(target, &ops::logical_not(&ignored)?)?;
                    ops::sum_all(&ops::index_select(w, 0, &ops::_to_dtype(&used, DType::I64, None)?)?, None)?
                }
                None => ops::sum_all(&ops::logical_not(&ignored)?, Some(DType::I64))?,
            };
            ops::div((&ops::sum_all(&each, None)?).into(), (&over).into())?
        }
    };
    let a = ops::mul(loss.into(), (1.0 - smoothing).into())?;
    ops::add((&a).into(), (&ops::mul((&even).into(), (smoothing / classes as f64).into())?).into(), None)
}
