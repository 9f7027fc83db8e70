"""Metrics of labels: each counts, for every class, what was right and wrong (tp, fp, tn, fn), and makes a number of
it."""

from __future__ import annotations

import functools
import inspect

import rtorch as torch
from rtorch.metrics.functional import _format as f
from rtorch.metrics.functional._asked import Asked, check_beta
from rtorch.metrics.functional._format import divided

__all__ = [
    "accuracy",
    "cohen_kappa",
    "confusion_matrix",
    "exact_match",
    "f1_score",
    "fbeta_score",
    "hamming_distance",
    "jaccard_index",
    "matthews_corrcoef",
    "precision",
    "recall",
    "specificity",
    "stat_scores",
]


# ---------------------------------------------------------------- counting


def counts(preds, target, asked):
    """tp, fp, tn, fn: for binary numbers, for the others one for each class; with "samplewise" a row for each sample.
    With average="micro" those of multiclass are summed already."""
    asked.check()
    if asked.task == "multiclass":
        out = _multiclass_counts(preds, target, asked)
    else:
        out = _yes_no_counts(preds, target, asked)
    return tuple(x if asked.samplewise else x[0] for x in out)


def _yes_no_counts(preds, target, asked):
    how = (asked.threshold, asked.ignore_index, asked.validate_args, asked.samplewise)
    if asked.task == "binary":
        p, t = f.binary(preds, target, *how)
    else:
        p, t = f.multilabel(preds, target, asked.size, *how)
    right, used = p == t, t >= 0
    out = [right & (t == 1), ~right & used & (p == 1), right & (t == 0), ~right & used & (p == 0)]
    return [x.sum(-1) for x in out]


def _multiclass_counts(preds, target, asked):
    size, top_k = asked.size, asked.top_k
    if asked.validate_args and top_k > size:
        raise ValueError(
            f"Expected argument `top_k` to be smaller or equal to `num_classes` but got {top_k} and {size}"
        )
    p, t = f.multiclass(preds, target, size, top_k, asked.ignore_index, asked.validate_args, asked.samplewise)
    used = torch.ones_like(t, dtype=torch.bool) if asked.ignore_index is None else t != asked.ignore_index
    if asked.average == "micro" and not asked.samplewise and top_k == 1:
        p, t = p[0, 0][used[0]], t[0][used[0]]
        tp = (p == t).sum()
        fp = (p != t).sum()
        return [x.reshape(1) for x in (tp, fp, size * p.numel() - (2 * fp + tp), fp)]
    if top_k > 1:  # the right label among the best counts as the prediction
        hit = (p == t[:, None]).any(1)
        best = torch.where(hit, t, p[:, 0])
    else:
        best = p[:, 0]
    rows = []
    for i in range(len(p)):
        a, b = best[i][used[i]], t[i][used[i]]
        confusion = torch.bincount(b * size + a, minlength=size * size).view(size, size)
        tp = confusion.diagonal()
        fp, fn = confusion.sum(0) - tp, confusion.sum(1) - tp
        rows.append((tp, fp, confusion.sum() - tp - fp - fn, fn))
    out = [torch.stack(x) for x in zip(*rows)]
    return [x.sum(-1) for x in out] if asked.average == "micro" else out


# ---------------------------------------------------------------- metrics of the counts

# With top_k > 1 these take a class that no target has for absent; the others one that no prediction has either.
_ABSENT_BY_TARGET = ("accuracy", "precision", "recall")


def reduced(formula, found, asked):
    """The number that `formula` makes of the counts, averaged over the classes as the task asks."""
    average = "binary" if asked.task == "binary" else asked.average
    if average == "micro" and asked.task == "multilabel":
        found = [x.sum(-1) for x in found]
    score = formula(*found, asked)
    if average in ("binary", "micro", "none", None):
        return score
    tp, fp, _, fn = found
    if average == "weighted":
        weights = (tp + fn).to(score.dtype)
    else:
        weights = torch.ones_like(score)
        if asked.task == "multiclass":
            by_target = asked.top_k > 1 and formula.__name__ in _ABSENT_BY_TARGET
            absent = (tp + fn if by_target else tp + fp + fn) == 0
            weights = torch.where(absent, torch.zeros_like(score), weights)
    return divided(weights * score, weights.sum(-1, keepdim=True)).sum(-1)


def of_counts(formula):
    """Makes of a formula the metric of that name. The metric has the arguments of Asked; its `formula` is kept for the
    class that gathers batches."""

    @functools.wraps(formula)
    def metric(preds, target, *args, **kwargs):
        asked = _arguments(formula.__name__, args, kwargs)
        return reduced(formula, counts(preds, target, asked), asked)

    own = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("preds", "target")]
    metric.__signature__ = inspect.Signature([*own, *inspect.signature(Asked).parameters.values()])
    metric.formula = formula
    return metric


def _arguments(name, args, kwargs):
    try:
        return Asked(*args, **kwargs)
    except TypeError as e:  # a wrong argument is the metric's
        raise TypeError(str(e).replace("Asked.__init__", name)) from None


@of_counts
def accuracy(tp, fp, tn, fn, asked):
    """The part of the predictions that is right."""
    return divided(tp, tp + fn) if asked.task == "multiclass" else divided(tp + tn, tp + tn + fp + fn)


@of_counts
def hamming_distance(tp, fp, tn, fn, asked):
    """The part of the predictions that is wrong."""
    return 1 - accuracy.formula(tp, fp, tn, fn, asked)


@of_counts
def precision(tp, fp, tn, fn, asked):
    """Of what was predicted, the part that is right."""
    return divided(tp, tp + fp, asked.zero_division)


@of_counts
def recall(tp, fp, tn, fn, asked):
    """Of what there is, the part that was predicted."""
    return divided(tp, tp + fn, asked.zero_division)


@of_counts
def specificity(tp, fp, tn, fn, asked):
    """Of what is not, the part that was not predicted."""
    return divided(tn, tn + fp)


@of_counts
def f1_score(tp, fp, tn, fn, asked):
    """The harmonic mean of precision and recall."""
    b2 = asked.beta**2
    return divided((1 + b2) * tp, (1 + b2) * tp + b2 * fn + fp, asked.zero_division)


def fbeta_score(preds, target, task, beta=1.0, *args, **kwargs):
    """The harmonic mean of precision and recall, recall counted `beta` times."""
    check_beta(beta)
    asked = _arguments("fbeta_score", (task, *args), kwargs)
    asked.beta = beta
    return reduced(f1_score.formula, counts(preds, target, asked), asked)


def stat_scores(preds, target, *args, **kwargs):
    """tp, fp, tn, fn and tp + fn."""
    asked = _arguments("stat_scores", args, kwargs)
    return stacked(counts(preds, target, asked), asked)


stat_scores.__signature__ = inspect.signature(accuracy)


def stacked(found, asked):
    """The five numbers in one tensor."""
    tp, fp, tn, fn = found
    average = asked.average
    out = torch.stack([tp, fp, tn, fn, tp + fn], dim=-1)
    if asked.task == "binary" or (asked.task == "multiclass" and average == "micro"):
        return out
    if average == "micro":
        return out.sum(-2)
    if average == "macro":
        return out.float().mean(-2)
    if average == "weighted":
        weight = (tp + fn).float()
        whole = weight.sum() if asked.task == "multilabel" else weight.sum(-1, keepdim=True)
        return (out * (weight / whole).unsqueeze(-1)).sum(-2)
    return out


# ---------------------------------------------------------------- metrics of the confusion matrix


def confusion(preds, target, asked):
    """Counts of (target, prediction)."""
    ignore_index, validate = asked.ignore_index, asked.validate_args
    if asked.task == "multilabel":
        p, t = f.multilabel(preds, target, asked.size, asked.threshold, ignore_index, validate)
        return torch.stack([_two(p[0, i], t[0, i]) for i in range(asked.size)])
    if asked.task == "binary":
        p, t = f.binary(preds, target, asked.threshold, ignore_index, validate)
        return _two(p[0], t[0])
    n = asked.size
    p, t = f.multiclass(preds, target, n, 1, ignore_index, validate)
    p, t = p[0, 0], t[0]
    if ignore_index is not None:
        p, t = p[t != ignore_index], t[t != ignore_index]
    return torch.bincount(t * n + p, minlength=n * n).view(n, n)


def _two(p, t):
    p, t = p[t >= 0], t[t >= 0]
    return torch.bincount(t * 2 + p, minlength=4).view(2, 2)


def normalized(matrix, normalize):
    """Counts as parts of the rows ("true"), columns ("pred") or the whole ("all")."""
    if normalize in (None, "none"):
        return matrix
    if normalize not in ("true", "pred", "all"):
        raise ValueError(
            f"Expected argument `normalize` to be one of ('true', 'pred', 'all', 'none', None), but got {normalize}."
        )
    x = matrix.float()
    over = {"true": x.sum(-1, keepdim=True), "pred": x.sum(-2, keepdim=True)}.get(normalize)
    x = x / (x.sum(dim=(-2, -1), keepdim=True) if over is None else over)
    return torch.where(torch.isnan(x), torch.zeros_like(x), x)


def confusion_matrix(
    preds,
    target,
    task,
    threshold=0.5,
    num_classes=None,
    num_labels=None,
    normalize=None,
    ignore_index=None,
    validate_args=True,
):
    """For each class (row) how often which was predicted (column)."""
    asked = Asked(task, threshold, num_classes, num_labels, ignore_index=ignore_index, validate_args=validate_args)
    return normalized(confusion(preds, target, asked), normalize)


def kappa_of(matrix, weights=None):
    """Cohen's kappa of a confusion matrix."""
    x = matrix.float()
    n = x.shape[0]
    expected = x.sum(1, keepdim=True) @ x.sum(0, keepdim=True) / x.sum()
    if weights in (None, "none"):
        w = 1 - torch.eye(n)
    elif weights in ("linear", "quadratic"):
        i = torch.arange(n, dtype=torch.float32)
        w = (i[:, None] - i[None, :]).abs() if weights == "linear" else (i[:, None] - i[None, :]) ** 2
    else:
        raise ValueError(
            f"Received {weights} for argument ``weights`` but should be either None, 'linear' or 'quadratic'"
        )
    return 1 - (w * x).sum() / (w * expected).sum()


def cohen_kappa(
    preds, target, task, threshold=0.5, num_classes=None, weights=None, ignore_index=None, validate_args=True
):
    """How far two agree beyond chance."""
    task = f.task_of(task, ("binary", "multiclass"))
    asked = Asked(task, threshold, num_classes, ignore_index=ignore_index, validate_args=validate_args)
    return kappa_of(confusion(preds, target, asked), weights)


def matthews_of(matrix):
    """The correlation of predictions and targets of a confusion matrix."""
    whole = matrix.sum(0) if matrix.ndim == 3 else matrix
    x = whole.float()
    rows, columns, total = x.sum(1), x.sum(0), x.sum()
    cov = x.diagonal().sum() * total - (rows * columns).sum()
    spread = (total**2 - (columns**2).sum()) * (total**2 - (rows**2).sum())
    if x.numel() != 4:
        return torch.tensor(0, dtype=torch.float32) if spread == 0 else cov / spread.sqrt()
    tn, fp, fn, tp = x.reshape(-1)
    if tp + tn != 0 and fp + fn == 0:
        return torch.tensor(1, dtype=whole.dtype)
    if tp + tn == 0 and fp + fn != 0:
        return torch.tensor(-1, dtype=whole.dtype)
    if spread == 0:  # a class that does not occur, or is never predicted: the limit, as it becomes rare
        eps = torch.tensor(torch.finfo(torch.float32).eps)
        if fn == 0 and tn == 0:
            cov = eps.sqrt() * (tp - fp)
        elif fp == 0 and tn == 0:
            cov = eps.sqrt() * (tp - fn)
        elif tp == 0 and fn == 0:
            cov = eps.sqrt() * (tn - fp)
        else:
            cov = eps.sqrt() * (tn - fn)
        spread = (tp + fp + eps) * (tp + fn + eps) * (tn + fp + eps) * (tn + fn + eps)
    return cov / spread.sqrt()


def matthews_corrcoef(
    preds, target, task, threshold=0.5, num_classes=None, num_labels=None, ignore_index=None, validate_args=True
):
    """The correlation of predictions and targets."""
    asked = Asked(task, threshold, num_classes, num_labels, ignore_index=ignore_index, validate_args=validate_args)
    return matthews_of(confusion(preds, target, asked))


def jaccard_of(matrix, asked):
    """What both have, over what either has."""
    x = matrix.float()
    average, ignore_index, zero_division = asked.average, asked.ignore_index, asked.zero_division
    if asked.task == "binary":
        return divided(x[1, 1], x[0, 1] + x[1, 0] + x[1, 1], zero_division)
    inside = ignore_index is not None and 0 <= ignore_index < x.shape[0]
    if x.ndim == 3:
        num = x[:, 1, 1]
        den = x[:, 1, 1] + x[:, 0, 1] + x[:, 1, 0]
        weights = x[:, 1, 1] + x[:, 1, 0]
    else:
        num = x.diagonal()
        den = x.sum(0) + x.sum(1) - num
        weights = x.sum(1)
    if average == "micro":
        whole = den.sum() - (den[ignore_index] if inside else 0.0)
        return divided(num.sum(), whole, zero_division)
    score = divided(num, den, zero_division)
    if average in (None, "none"):
        return score
    if average == "macro":
        weights = torch.ones_like(score)
        if inside:
            weights[ignore_index] = 0.0
        if x.ndim == 2:
            weights = torch.where(x.sum(1) + x.sum(0) == 0, torch.zeros_like(weights), weights)
    return ((weights * score) / weights.sum()).sum()


def jaccard_index(
    preds,
    target,
    task,
    threshold=0.5,
    num_classes=None,
    num_labels=None,
    average="macro",
    ignore_index=None,
    validate_args=True,
    zero_division=0.0,
):
    """What both have, over what either has: intersection over union."""
    how = {"ignore_index": ignore_index, "validate_args": validate_args, "zero_division": zero_division}
    asked = Asked(task, threshold, num_classes, num_labels, average, **how)
    return jaccard_of(confusion(preds, target, asked), asked)


# ---------------------------------------------------------------- whole samples


def exact(preds, target, asked):
    """Right samples and all: with "samplewise" a row for each."""
    f.task_of(asked.task, ("multiclass", "multilabel"))
    ignore_index, validate = asked.ignore_index, asked.validate_args
    if asked.task == "multilabel":
        p, t = f.multilabel(preds, target, asked.size, asked.threshold, ignore_index, validate, True)
        right = ((p == t) | (t < 0)).all(1)  # (samples, values)
        if asked.samplewise:
            return right.sum(1), torch.tensor(right.shape[1])
    else:
        p, t = f.multiclass(preds, target, asked.size, 1, ignore_index, validate, True)
        right = p[:, 0] == t
        if ignore_index is not None:
            right = right | (t == ignore_index)
        right = right.all(1)  # (samples,)
        if asked.samplewise:
            return right.to(torch.int64), torch.tensor(1)
    return right.sum(), torch.tensor(right.numel())


def exact_match(
    preds,
    target,
    task,
    num_classes=None,
    num_labels=None,
    threshold=0.5,
    multidim_average="global",
    ignore_index=None,
    validate_args=True,
):
    """The part of the samples that is right in everything."""
    f.task_of(task, ("multiclass", "multilabel"))
    how = {"multidim_average": multidim_average, "ignore_index": ignore_index, "validate_args": validate_args}
    right, n = exact(preds, target, Asked(task, threshold, num_classes, num_labels, **how))
    return divided(right, n.expand(right.shape))
