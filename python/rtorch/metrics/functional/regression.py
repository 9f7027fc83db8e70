"""Metrics of numbers."""

from __future__ import annotations

import rtorch as torch
from rtorch.metrics.functional._format import same_shape

__all__ = [
    "cosine_similarity",
    "explained_variance",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_log_error",
    "pearson_corrcoef",
    "r2_score",
    "spearman_corrcoef",
    "symmetric_mean_absolute_percentage_error",
    "weighted_mean_absolute_percentage_error",
]
SMALL = 1.17e-06  # denominators are at least this


def _pair(preds, target, num_outputs=1):
    same_shape(preds, target)
    preds = preds if preds.is_floating_point() else preds.float()
    target = target if target.is_floating_point() else target.float()
    return (preds.reshape(-1), target.reshape(-1)) if num_outputs == 1 else (preds, target)


def mean_squared_error(preds, target, squared=True, num_outputs=1):
    """The mean of the squared differences, or its root."""
    p, t = _pair(preds, target, num_outputs)
    e = ((p - t) ** 2).sum(0) / t.shape[0]
    return e if squared else e.sqrt()


def mean_absolute_error(preds, target, num_outputs=1):
    """The mean of the differences."""
    p, t = _pair(preds, target, num_outputs)
    return (p - t).abs().sum(0) / t.shape[0]


def mean_absolute_percentage_error(preds, target):
    """The mean of the differences, as parts of the target."""
    p, t = _pair(preds, target)
    return ((p - t).abs() / t.abs().clamp(min=SMALL)).sum() / t.numel()


def symmetric_mean_absolute_percentage_error(preds, target):
    """The mean of the differences, as parts of the mean of both."""
    p, t = _pair(preds, target)
    return (2 * (p - t).abs() / (t.abs() + p.abs()).clamp(min=SMALL)).sum() / t.numel()


def weighted_mean_absolute_percentage_error(preds, target):
    """The sum of the differences, as a part of the sum of the targets."""
    p, t = _pair(preds, target)
    return (p - t).abs().sum() / t.abs().sum().clamp(min=SMALL)


def mean_squared_log_error(preds, target):
    """The mean of the squared differences of log(1 + x)."""
    p, t = _pair(preds, target)
    return ((torch.log1p(p) - torch.log1p(t)) ** 2).sum() / t.numel()


def r2_of(n, total, squares, residual, adjusted=0, multioutput="uniform_average"):
    """R2 of sums: of the targets, their squares and the squared errors."""
    if n < 2:
        raise ValueError("Needs at least two samples to calculate r2 score.")
    spread = squares - total * (total / n)
    nothing, exact = spread.abs() < 1e-4, residual.abs() < 1e-4
    raw = torch.ones_like(residual)
    raw = torch.where(~nothing & ~exact, 1 - residual / torch.where(nothing, torch.ones_like(spread), spread), raw)
    raw = torch.where(nothing & ~exact, torch.zeros_like(raw), raw)
    if multioutput == "raw_values":
        r2 = raw
    elif multioutput == "uniform_average":
        r2 = raw.mean()
    elif multioutput == "variance_weighted":
        r2 = (spread / spread.sum() * raw).sum()
    else:
        raise ValueError(
            "Argument `multioutput` must be either `raw_values`, `uniform_average` or `variance_weighted`. "
            f"Received {multioutput}."
        )
    if adjusted < 0 or not isinstance(adjusted, int):
        raise ValueError("`adjusted` parameter should be an integer larger or equal to 0.")
    return 1 - (1 - r2) * (n - 1) / (n - adjusted - 1) if adjusted and n > adjusted + 1 else r2


def r2_score(preds, target, adjusted=0, multioutput="uniform_average"):
    """The part of the target's variance that is explained."""
    same_shape(preds, target)
    if preds.ndim > 2:
        raise ValueError(
            f"Expected both prediction and target to be 1D or 2D tensors, but received tensors with dimension "
            f"{preds.shape}"
        )
    return r2_of(
        target.shape[0], target.sum(0), (target**2).sum(0), ((target - preds) ** 2).sum(0), adjusted, multioutput
    )


def explained_variance(preds, target, multioutput="uniform_average"):
    """1 - variance of the errors / variance of the targets."""
    same_shape(preds, target)
    error = target - preds
    n = target.shape[0]
    num = (error**2).sum(0) / n - (error.sum(0) / n) ** 2
    den = ((target - target.sum(0) / n) ** 2).sum(0) / n
    out = torch.ones_like(den)
    out = torch.where((num != 0) & (den != 0), 1 - num / torch.where(den == 0, torch.ones_like(den), den), out)
    out = torch.where((num != 0) & (den == 0), torch.zeros_like(out), out)
    if multioutput == "raw_values":
        return out
    if multioutput == "uniform_average":
        return out.mean()
    if multioutput == "variance_weighted":
        return (den / den.sum() * out).sum()
    raise ValueError(f"Invalid input to argument `multioutput`: {multioutput}")


def pearson_corrcoef(preds, target):
    """The correlation."""
    same_shape(preds, target)
    p, t = preds - preds.mean(0), target - target.mean(0)
    return ((p * t).sum(0) / ((p * p).sum(0) * (t * t).sum(0)).sqrt()).clamp(-1.0, 1.0)


def _ranks(x):
    """Places in order; the same value, the mean of the places."""
    order = torch.argsort(x)
    place = torch.empty_like(x)
    place[order] = torch.arange(1, x.numel() + 1, dtype=x.dtype)
    _, which, n = torch.unique(x, return_inverse=True, return_counts=True)
    total = torch.zeros(n.numel(), dtype=x.dtype).index_add_(0, which, place)
    return (total / n)[which]


def spearman_corrcoef(preds, target):
    """The correlation of the places in order."""
    same_shape(preds, target)
    if preds.ndim == 1:
        preds, target = preds[:, None], target[:, None]
    p = torch.stack([_ranks(c) for c in preds.unbind(1)], 1)
    t = torch.stack([_ranks(c) for c in target.unbind(1)], 1)
    p, t = p - p.mean(0), t - t.mean(0)
    eps = 1e-06
    cov = (p * t).mean(0)
    return (cov / ((p * p).mean(0).sqrt() * (t * t).mean(0).sqrt() + eps)).clamp(-1.0, 1.0).squeeze()


def cosine_similarity(preds, target, reduction="sum"):
    """The cosine between rows."""
    same_shape(preds, target)
    if preds.ndim != 2:
        raise ValueError(
            "Expected input to cosine similarity to be 2D tensors of shape `[N,D]` where `N` is the number of "
            "samples and "
            f"`D` is the number of dimensions, but got tensor of shape {preds.shape}"
        )
    p, t = preds.float(), target.float()
    out = (p * t).sum(-1) / (p.norm(dim=-1) * t.norm(dim=-1))
    if reduction not in ("sum", "mean", "none", None):
        raise ValueError(f"Expected reduction to be one of `['sum', 'mean', 'none', None]` but got {reduction}")
    return out if reduction in ("none", None) else out.sum() if reduction == "sum" else out.mean()
