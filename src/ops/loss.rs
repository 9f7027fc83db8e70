//! Losses of `nn.functional` that compare element by element. Those that look up class numbers are in `loss_class.rs`, those
//! that compare rows (margins, cosines, CTC) in `loss_rows.rs`.
//!
//! A public loss checks shapes and resolves `reduction`; a private twin with PyTorch's node name computes it in one pass.

use crate::dtype::DType;
use crate::error::{Result, warn};
use crate::kernels::program::Reduce;
use crate::op::autocast::Cast;
use crate::op::expr::{E, Fx, lit, select};
use crate::op::target::check_cast;
use crate::op::{Rule, flag};
use crate::ops;
use crate::shape;
use crate::tensor::Tensor;
use std::f64::consts::PI;

/// The four floats.
const FLOAT: &[DType] = &[DType::F16, DType::BF16, DType::F32, DType::F64];
pub(super) const HIDDEN: u32 = flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD;

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
    } { .cast(Cast::Single).functional() }

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
    } { .cast(Cast::Single).functional() }

    /// |input - target|.
    fn _l1_loss(input: Tensor, target: Tensor, reduction: Str) -> Tensor {
        .only(FLOAT).loss(|f| (f.x(0) - f.x(1)).abs()).named("l1_loss").node_by(|f| by_parts(f, 2, "AbsBackward0"))
    }

    /// Squared where |input - target| < beta, and divided by 2 beta; |input - target| - beta / 2 elsewhere.
    fn smooth_l1_loss(input: Tensor, target: Tensor, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean", beta: Float = 1.0) -> Tensor = {
        warn_sizes("smooth_l1_loss", input, target)?;
        let r = reduction_of(size_average, reduce, reduction)?;
        if beta < 0.0 {
            bail!(Runtime, "smooth_l1_loss does not support negative values for beta.");
        }
        if beta == 0.0 { _l1_loss(input, target, r) } else { _smooth_l1_loss(input, target, r, beta) }
    } { .cast(Cast::Single).functional() }

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
    } { .cast(Cast::Single).functional() }

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
    } { .cast(Cast::Single).functional() }

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
    } { .cast(Cast::Single).functional() }

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
    } { .cast(Cast::Single).functional() }

    /// The divergence of Kullback and Leibler, element by element.
    fn _kl_div(input: Tensor, target: Tensor, reduction: Str, log_target: Bool) -> Tensor {
        .only(FLOAT).loss(|f| {
            let (x, t) = (f.x(0), f.x(1));
            if f.flag(3) { t.exp() * (t - x) } else { select(t.eq(0.0), lit(0.0), t * t.log()) - t * x }
        }).named("kl_div").node_by(|f| by_parts(f, 2, "SubBackward0"))
    }

    /// The likelihood of counts: exp(input) - target * input, or input - target * log(input + eps).
    fn poisson_nll_loss(input: Tensor, target: Tensor, log_input: Bool = true, full: Bool = false, size_average: OptBool = None, eps: Float = 1e-08, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        let r = reduction_of(size_average, reduce, reduction)?;
        _poisson_nll_loss(input, target, log_input, full, eps, r)
    } { .cast(Cast::Single).functional() }

    /// The likelihood of counts; `full` adds Stirling's term.
    fn _poisson_nll_loss(input: Tensor, target: Tensor, log_input: Bool, full: Bool, eps: Float, reduction: Str) -> Tensor {
        .float().only(FLOAT).loss(|f| {
            let (x, t) = (f.x(0), f.x(1));
            let loss = if f.flag(2) { x.exp() - t * x } else { x - t * (x + f.x(4)).log() };
            if !f.flag(3) {
                return loss;
            }
            loss + select(t.le(1.0), lit(0.0), t * t.log() - t + 0.5 * (2.0 * PI * t).log())
        }).named("poisson_nll_loss").node_by(|f| by_parts(f, 5, "SubBackward0"))
    }

    /// log(1 + exp(-target * input)) for targets 1 and -1.
    fn soft_margin_loss(input: Tensor, target: Tensor, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        _soft_margin_loss(input, target, reduction_of(size_average, reduce, reduction)?)
    } { .cast(Cast::Single).functional() }

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
    } { .cast(Cast::Single).functional() }

    /// input where target is 1, max(margin - input, 0) where it is -1; both where it is neither.
    fn _hinge_embedding_loss(input: Tensor, target: Tensor, margin: Float, reduction: Str) -> Tensor {
        .float().only(FLOAT).loss(|f| {
            let (x, t) = (f.x(0), f.x(1));
            select(t.ne(1.0), (f.x(2) - x).max(0.0), lit(0.0)) + select(t.ne(-1.0), x, lit(0.0))
        }).grad_formulas(|f, d| {
            let (x, t) = (f.x(0), f.x(1));
            let far = t.ne(1.0).and((f.x(2) - x).ge(0.0));
            vec![Some(select(t.ne(-1.0), d.g, lit(0.0)) - select(far, d.g, lit(0.0))), None]
        }).named("hinge_embedding_loss").node_by(|f| by_parts(f, 3, "AddBackward0"))
    }

    /// max(-target (input1 - input2) + margin, 0).
    fn margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: Float = 0.0, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean") -> Tensor = {
        let r = reduction_of(size_average, reduce, reduction)?;
        if input1.ndim() != input2.ndim() || input1.ndim() != target.ndim() {
            bail!(Runtime, "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: {}, input2: {}, target: {} ", size(input1), size(input2), size(target));
        }
        _margin_ranking_loss(input1, input2, target, margin, r)
    } { .cast(Cast::Single).functional() }

    /// max(-target (input1 - input2) + margin, 0).
    fn _margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: Float, reduction: Str) -> Tensor {
        .float().only(FLOAT).loss(|f| (-f.x(2) * (f.x(0) - f.x(1)) + f.x(3)).max(0.0)).grad_formulas(|f, d| {
            let (x, t) = (f.x(0) - f.x(1), f.x(2));
            let on = (-t * x + f.x(3)).ge(0.0);
            let part = |e: E| select(on, e, lit(0.0));
            vec![Some(part(-(d.g * t))), Some(part(d.g * t)), Some(part(-(d.g * x)))]
        }).named("margin_ranking_loss").node_by(|f| by_parts(f, 4, "ClampMinBackward0"))
    }
}

/// The node of a loss that is made of several operators in PyTorch: the reduction at its position `at`, or without one the last
/// of the others.
fn by_parts(f: &Fx, at: usize, unreduced: &'static str) -> &'static str {
    match f.text(at) {
        "mean" => "MeanBackward0",
        "sum" => "SumBackward0",
        _ => unreduced,
    }
}
