//! Losses of `nn.functional` that compare element by element, and negative log-likelihood with cross-entropy. Those that
//! compare rows (margins, cosines, CTC) are in `loss_rows.rs`.
//!
//! A public loss checks shapes and resolves `reduction`; a private twin with PyTorch's node name computes it in one pass.

use crate::dtype::DType;
use crate::error::{Result, warn};
use crate::kernels::Operand;
use crate::kernels::cpu::loss as kernel;
use crate::kernels::program::Reduce;
use crate::op::arg::Ctx;
use crate::op::call::check_cast;
use crate::op::expr::{E, lit, select};
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, Rule, flag};
use crate::ops;
use crate::shape::{self, Dims};
use crate::tensor::Tensor;
use crate::tensor::graph::Grads;
use smallvec::smallvec;
use std::f64::consts::PI;

/// The four floats.
const FLOAT: &[DType] = &[DType::F16, DType::BF16, DType::F32, DType::F64];
const HIDDEN: u32 = flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD;

/// `reduction`, or what the two older arguments stand for.
pub(super) fn reduction_of<'a>(size_average: Option<bool>, reduce: Option<bool>, given: &'a str) -> Result<&'a str> {
    if size_average.is_none() && reduce.is_none() {
        return match given {
            "none" | "mean" | "sum" => Ok(given),
            "elementwise_mean" => {
                warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.")?;
                Ok("mean")
            }
            _ => bail!(Value, "{given} is not a valid value for reduction"),
        };
    }
    let r = match (size_average.unwrap_or(true), reduce.unwrap_or(true)) {
        (_, false) => "none",
        (true, true) => "mean",
        (false, true) => "sum",
    };
    warn(&format!("size_average and reduce args will be deprecated, please use reduction='{r}' instead."))?;
    Ok(r)
}

/// The losses of single samples, reduced.
pub(super) fn reduced(x: Tensor, reduction: &str) -> Result<Tensor> {
    match reduction {
        "mean" => ops::mean_all(&x, None),
        "sum" => ops::sum_all(&x, None),
        _ => Ok(x),
    }
}

fn size(t: &Tensor) -> String {
    format!("torch.Size({})", shape::show(&t.sizes()))
}

/// What binary_cross_entropy says about an input that is no probability, with the first such element.
#[cold]
fn outside(input: &Tensor) -> Result<crate::error::Error> {
    let found = input.detached().to_vec::<f64>()?.into_iter().enumerate().find(|(_, v)| !(0.0..=1.0).contains(v));
    let (i, v) = found.unwrap_or_default();
    Ok(err!(
        Runtime,
        "all elements of input should be between 0 and 1\nElement {i} is {}. Apply torch.sigmoid first, or give the raw scores to \
         binary_cross_entropy_with_logits (BCEWithLogitsLoss).",
        v as f32
    ))
}

/// Shapes that differ are broadcast, which is seldom meant.
fn warn_sizes(name: &str, input: &Tensor, target: &Tensor) -> Result<()> {
    if input.sizes() == target.sizes() {
        return Ok(());
    }
    let common = shape::broadcast(&input.sizes(), &target.sizes())?;
    warn(&format!(
        "Using a target size ({}) that is different to the input size ({}). This will likely lead to incorrect results due to \
         broadcasting. Please ensure they have the same size.\n{name}: both are broadcast to {}, so that elements are compared \
         which do not belong together. squeeze(), unsqueeze() or reshape() one of them.",
        size(target),
        size(input),
        shape::show(&common)
    ))
}

/// Losses times weights; the mean is over `over`, the sum of the weights, where that is given.
fn weighed(loss: &Tensor, weight: &Tensor, input: &Tensor, reduction: &str, by_weight: bool) -> Result<Tensor> {
    if weight.sizes() != input.sizes() {
        bail!(Value, "Weights and input must have the same size.");
    }
    let x = ops::mul(loss.into(), weight.into())?;
    if reduction == "mean" && by_weight {
        return ops::div((&ops::sum_all(&x, None)?).into(), (&ops::sum_all(weight, None)?).into());
    }
    reduced(x, reduction)
}

fn log_sigmoid(x: E) -> E {
    x.min(0.0) - (-x.abs()).exp().log1p()
}

ops! {
    /// (input - target)^2.
    fn mse_loss(input: Tensor, target: Tensor, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean", weight: OptTensor = None) -> Tensor = {
        warn_sizes("mse_loss", input, target)?;
        let r = reduction_of(size_average, reduce, reduction)?;
        match weight {
            Some(w) => weighed(&_mse_loss(input, target, "none")?, w, input, r, true),
            None => _mse_loss(input, target, r),
        }
    } { .functional() }

    /// (input - target)^2.
    fn _mse_loss(input: Tensor, target: Tensor, reduction: Str) -> Tensor {
        .only(FLOAT).loss(|f| (f.x(0) - f.x(1)).square()).named("mse_loss")
    }

    /// |input - target|.
    fn l1_loss(input: Tensor, target: Tensor, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean", weight: OptTensor = None) -> Tensor = {
        warn_sizes("l1_loss", input, target)?;
        let r = reduction_of(size_average, reduce, reduction)?;
        let float = input.dtype().is_float() && target.dtype().is_float();
        let each = |r: &str| match float {
            true => _l1_loss(input, target, r),
            false => reduced(ops::abs(&ops::sub(input.into(), target.into(), None)?)?, r),
        };
        match weight {
            Some(w) => weighed(&each("none")?, w, input, r, true),
            None => each(r),
        }
    } { .functional() }

    /// |input - target|.
    fn _l1_loss(input: Tensor, target: Tensor, reduction: Str) -> Tensor {
        .only(FLOAT).loss(|f| (f.x(0) - f.x(1)).abs()).named("l1_loss")
    }

    /// Squared where |input - target| < beta, and divided by 2 beta; |input - target| - beta / 2 elsewhere.
    fn smooth_l1_loss(input: Tensor, target: Tensor, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean", beta: Float = 1.0) -> Tensor = {
        warn_sizes("smooth_l1_loss", input, target)?;
        let r = reduction_of(size_average, reduce, reduction)?;
        if beta < 0.0 {
            bail!(Runtime, "smooth_l1_loss does not support negative values for beta.");
        }
        if beta == 0.0 { _l1_loss(input, target, r) } else { _smooth_l1_loss(input, target, r, beta) }
    } { .functional() }

    /// Squared near 0, linear elsewhere.
    fn _smooth_l1_loss(input: Tensor, target: Tensor, reduction: Str, beta: Float) -> Tensor {
        .only(FLOAT).loss(|f| {
            let (z, beta) = ((f.x(0) - f.x(1)).abs(), f.x(3));
            // With m = min(z, beta) both branches are one expression, of the same roundings.
            let m = z.min(beta);
            m / beta * (z - 0.5 * m)
        }).grad_formulas(|f, d| {
            let (x, beta) = (f.x(0) - f.x(1), f.x(3));
            let g = d.g * (x.max(-beta).min(beta) / beta);
            vec![Some(g), Some(-g)]
        }).named("smooth_l1_loss").node("SmoothL1LossBackward0")
    }

    /// Half the square where |input - target| <= delta; delta (|input - target| - delta / 2) elsewhere.
    fn huber_loss(input: Tensor, target: Tensor, reduction: Str = "mean", delta: Float = 1.0, weight: OptTensor = None) -> Tensor = {
        warn_sizes("huber_loss", input, target)?;
        let r = reduction_of(None, None, reduction)?;
        if !(delta > 0.0) {
            bail!(Runtime, "huber_loss does not support non-positive values for delta.");
        }
        match weight {
            Some(w) => weighed(&_huber_loss(input, target, "none", delta)?, w, input, r, false),
            None => _huber_loss(input, target, r, delta),
        }
    } { .functional() }

    /// Squared near 0, linear elsewhere.
    fn _huber_loss(input: Tensor, target: Tensor, reduction: Str, delta: Float) -> Tensor {
        .only(FLOAT).loss(|f| {
            let (z, delta) = ((f.x(0) - f.x(1)).abs(), f.x(3));
            // As in `smooth_l1_loss`.
            let m = z.min(delta);
            m * (z - 0.5 * m)
        }).grad_formulas(|f, d| {
            let (x, delta) = (f.x(0) - f.x(1), f.x(3));
            let g = d.g * x.max(-delta).min(delta);
            vec![Some(g), Some(-g)]
        }).named("huber_loss")
    }

    /// -(target log(input) + (1 - target) log(1 - input)) for probabilities; logarithms are not below -100.
    fn binary_cross_entropy(input: Tensor, target: Tensor, weight: OptTensor = None, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        let r = reduction_of(size_average, reduce, reduction)?;
        if input.sizes() != target.sizes() {
            bail!(Value, "Using a target size ({}) that is different to the input size ({}) is deprecated. Please ensure they have the same size.", size(target), size(input));
        }
        if target.dtype() != input.dtype() {
            bail!(Runtime, "Found dtype {} but expected {}", target.dtype().c10_name(), input.dtype().c10_name());
        }
        if input.dtype().is_float() && input.numel() > 0 && _outside(input)?.item()?.truth() {
            return Err(outside(input)?);
        }
        let weight = weight.map(|w| ops::expand(w, &shape::broadcast(&target.sizes(), &w.sizes())?, false)).transpose()?;
        _binary_cross_entropy(input, target, weight.as_ref(), r)
    } { .functional() }

    /// Is any element outside [0, 1]?
    fn _outside(input: Tensor) -> Tensor {
        .rule(Rule::Bits).reduction(|f| f.x(0).ge(0.0).and(f.x(0).le(1.0)).not(), Reduce::Any, None).no_grad().with(HIDDEN)
    }

    /// Cross-entropy of probabilities of two classes.
    fn _binary_cross_entropy(input: Tensor, target: Tensor, weight: OptTensor, reduction: Str) -> Tensor {
        .only(FLOAT).loss(|f| {
            let (x, t) = (f.x(0), f.x(1));
            let loss = (t - 1.0) * (-x).log1p().max(-100.0) - t * x.log().max(-100.0);
            if f.given(2) { loss * f.x(2) } else { loss }
        }).grad_formulas(|f, d| {
            let (x, t) = (f.x(0), f.x(1));
            let g = if f.given(2) { d.g * f.x(2) } else { d.g };
            let log = |e: E| e.max(-100.0);
            let (yes, no) = (log(x.log()), log((-x).log1p()));
            // The bound keeps 0 / 0 away at certainty.
            let in_x = g * (x - t) / ((1.0 - x) * x).max(1e-12);
            vec![Some(in_x), Some(g * (no - yes)), Some(d.g * ((t - 1.0) * no - t * yes))]
        }).named("binary_cross_entropy")
    }

    /// Binary cross-entropy of sigmoid(input), accurate for large inputs; `pos_weight` weighs the positive part.
    fn binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: OptTensor = None, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean", pos_weight: OptTensor = None) -> Tensor = {
        let r = reduction_of(size_average, reduce, reduction)?;
        if input.sizes() != target.sizes() {
            bail!(Value, "Target size ({}) must be the same as input size ({})", size(target), size(input));
        }
        if !target.dtype().is_float() {
            // PyTorch computes in the target's memory.
            check_cast(input.dtype(), target.dtype()).map_err(|e| {
                e.map_text(|t| format!("{}\nThe target holds probabilities: give it as floats, target.float().", t.lines().next().unwrap_or(t)))
            })?;
        }
        _binary_cross_entropy_with_logits(input, target, weight, pos_weight, r)
    } { .functional() }

    /// Binary cross-entropy of sigmoid(input).
    fn _binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: OptTensor, pos_weight: OptTensor, reduction: Str) -> Tensor {
        .only(FLOAT).loss(|f| {
            let (x, t) = (f.x(0), f.x(1));
            let log = if f.given(3) { ((f.x(3) - 1.0) * t + 1.0) * log_sigmoid(x) } else { log_sigmoid(x) };
            let loss = (1.0 - t) * x - log;
            if f.given(2) { loss * f.x(2) } else { loss }
        }).grad_formulas(|f, d| {
            let (x, t) = (f.x(0), f.x(1));
            let g = if f.given(2) { d.g * f.x(2) } else { d.g };
            let (s, log) = (x.sigmoid(), log_sigmoid(x));
            let (in_x, in_t, loss) = if f.given(3) {
                let (p, q) = (f.x(3) * t, (f.x(3) - 1.0) * t + 1.0);
                ((p + 1.0 - t) * s - p, (f.x(3) - 1.0) * log + x, (1.0 - t) * x - q * log)
            } else {
                (s - t, x, (1.0 - t) * x - log)
            };
            let mut all = vec![Some(g * in_x), Some(-(g * in_t))];
            if f.given(2) {
                all.push(Some(d.g * loss));
            }
            if f.given(3) {
                all.push(Some(-(g * t * log)));
            }
            all
        }).named("binary_cross_entropy_with_logits")
    }

    /// target (log(target) - input) for log-probabilities `input`; with `log_target` the target is one too.
    fn kl_div(input: Tensor, target: Tensor, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean", log_target: Bool = false) -> Tensor = {
        let batch = size_average.is_none() && reduce.is_none() && reduction == "batchmean";
        if size_average.is_none() && reduce.is_none() && reduction == "mean" {
            warn("reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only by the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the same as 'batchmean' in the next major release.")?;
        }
        let r = if batch { "sum" } else { reduction_of(size_average, reduce, reduction)? };
        let y = _kl_div(input, target, r, log_target)?;
        if batch && input.ndim() > 0 { ops::_div_number(&y, input.size_at(0).into()) } else { Ok(y) }
    } { .functional() }

    /// The divergence of Kullback and Leibler, element by element.
    fn _kl_div(input: Tensor, target: Tensor, reduction: Str, log_target: Bool) -> Tensor {
        .only(FLOAT).loss(|f| {
            let (x, t) = (f.x(0), f.x(1));
            if f.flag(3) { t.exp() * (t - x) } else { select(t.eq(0.0), lit(0.0), t * t.log()) - t * x }
        }).named("kl_div")
    }

    /// The likelihood of counts: exp(input) - target * input, or input - target * log(input + eps).
    fn poisson_nll_loss(input: Tensor, target: Tensor, log_input: Bool = true, full: Bool = false, size_average: OptBool = None, eps: Float = 1e-08, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        let r = reduction_of(size_average, reduce, reduction)?;
        _poisson_nll_loss(input, target, log_input, full, eps, r)
    } { .functional() }

    /// The likelihood of counts; `full` adds Stirling's term.
    fn _poisson_nll_loss(input: Tensor, target: Tensor, log_input: Bool, full: Bool, eps: Float, reduction: Str) -> Tensor {
        .float().only(FLOAT).loss(|f| {
            let (x, t) = (f.x(0), f.x(1));
            let loss = if f.flag(2) { x.exp() - t * x } else { x - t * (x + f.x(4)).log() };
            if !f.flag(3) {
                return loss;
            }
            loss + select(t.le(1.0), lit(0.0), t * t.log() - t + 0.5 * (2.0 * PI * t).log())
        }).named("poisson_nll_loss")
    }

    /// log(1 + exp(-target * input)) for targets 1 and -1.
    fn soft_margin_loss(input: Tensor, target: Tensor, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        _soft_margin_loss(input, target, reduction_of(size_average, reduce, reduction)?)
    } { .functional() }

    /// log(1 + exp(-target * input)).
    fn _soft_margin_loss(input: Tensor, target: Tensor, reduction: Str) -> Tensor {
        .only(FLOAT).loss(|f| (-f.x(1) * f.x(0)).exp().log1p()).grad_formulas(|f, d| {
            let s = d.g * (-(f.x(0) * f.x(1))).sigmoid();
            vec![Some(-(f.x(1) * s)), Some(-(f.x(0) * s))]
        }).named("soft_margin_loss")
    }

    /// input where target is 1, max(margin - input, 0) where it is -1.
    fn hinge_embedding_loss(input: Tensor, target: Tensor, margin: Float = 1.0, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        _hinge_embedding_loss(input, &target.detached(), margin, reduction_of(size_average, reduce, reduction)?)
    } { .functional() }

    /// input where target is 1, max(margin - input, 0) where it is -1; both where it is neither.
    fn _hinge_embedding_loss(input: Tensor, target: Tensor, margin: Float, reduction: Str) -> Tensor {
        .float().only(FLOAT).loss(|f| {
            let (x, t) = (f.x(0), f.x(1));
            select(t.ne(1.0), (f.x(2) - x).max(0.0), lit(0.0)) + select(t.ne(-1.0), x, lit(0.0))
        }).grad_formulas(|f, d| {
            let (x, t) = (f.x(0), f.x(1));
            let far = t.ne(1.0).and((f.x(2) - x).ge(0.0));
            vec![Some(select(t.ne(-1.0), d.g, lit(0.0)) - select(far, d.g, lit(0.0))), None]
        }).named("hinge_embedding_loss")
    }

    /// max(-target (input1 - input2) + margin, 0).
    fn margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: Float = 0.0, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        let r = reduction_of(size_average, reduce, reduction)?;
        if input1.ndim() != input2.ndim() || input1.ndim() != target.ndim() {
            bail!(Runtime, "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: {}, input2: {}, target: {} ", size(input1), size(input2), size(target));
        }
        _margin_ranking_loss(input1, input2, target, margin, r)
    } { .functional() }

    /// max(-target (input1 - input2) + margin, 0).
    fn _margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: Float, reduction: Str) -> Tensor {
        .float().only(FLOAT).loss(|f| (-f.x(2) * (f.x(0) - f.x(1)) + f.x(3)).max(0.0)).grad_formulas(|f, d| {
            let (x, t) = (f.x(0) - f.x(1), f.x(2));
            let on = (-t * x + f.x(3)).ge(0.0);
            let part = |e: E| select(on, e, lit(0.0));
            vec![Some(part(-(d.g * t))), Some(part(d.g * t)), Some(part(-(d.g * x)))]
        }).named("margin_ranking_loss")
    }

    /// -weight[target] * input[target] for log-probabilities (N, C, *) and class numbers (N, *).
    fn nll_loss(input: Tensor, target: Tensor, weight: OptTensor = None, size_average: OptBool = None, ignore_index: Int = -100, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        nll(input, target, weight, reduction_of(size_average, reduce, reduction)?, ignore_index)
    } { .functional() }

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
    } { .functional() }
}

// ---- negative log-likelihood ----

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
            "expected scalar type Long but found {} (class numbers: convert the target with .long())",
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
