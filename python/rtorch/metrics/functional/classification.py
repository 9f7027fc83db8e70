"""Metrics of labels: each counts, for every class, what was right and wrong (tp, fp, tn, fn), and makes a number of
it."""

from __future__ import annotations

import rtorch as torch
from rtorch.metrics.functional import _format as f
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


def counts(
    preds,
    target,
    task,
    threshold=0.5,
    num_classes=None,
    num_labels=None,
    average="micro",
    multidim_average="global",
    top_k=1,
    ignore_index=None,
    validate_args=True,
):
    """tp, fp, tn, fn: for binary numbers, for the others one for each class; with "samplewise" a row for each sample.
    With average="micro" those of multiclass are summed already."""
    task = f.task_of(task)
    samplewise = multidim_average == "samplewise"
    if validate_args:
        f.check_threshold(threshold)
        f.check_average(average)
        if multidim_average not in ("global", "samplewise"):
            raise ValueError(
                f"Expected argument `multidim_average` to be one of ('global', 'samplewise'), but got "
                f"{multidim_average}"
            )
    if task == "binary":
        p, t = f.binary(preds, target, threshold, ignore_index, validate_args, samplewise)
        right, used = p == t, t >= 0
        out = [(right & (t == 1)), (~right & used & (p == 1)), (right & (t == 0)), (~right & used & (p == 0))]
        out = [x.sum(1) for x in out]
    elif task == "multiclass":
        f.need("num_classes", num_classes, task)
        if validate_args and top_k > num_classes:
            raise ValueError(
                f"Expected argument `top_k` to be smaller or equal to `num_classes` but got {top_k} and {num_classes}"
            )
        p, t = f.multiclass(preds, target, num_classes, top_k, ignore_index, validate_args, samplewise)
        out = _multiclass_counts(p, t, num_classes, ignore_index, average == "micro" and not samplewise and top_k == 1)
        if average == "micro" and out[0].dim() == 2:
            out = [x.sum(-1) for x in out]
    else:
        f.need("num_labels", num_labels, task)
        p, t = f.multilabel(preds, target, num_labels, threshold, ignore_index, validate_args, samplewise)
        right, used = p == t, t >= 0
        out = [(right & (t == 1)), (~right & used & (p == 1)), (right & (t == 0)), (~right & used & (p == 0))]
        out = [x.sum(2) for x in out]
    return tuple(x if samplewise else x[0] for x in out)


def _multiclass_counts(p, t, num_classes, ignore_index, micro):
    n, k, _ = p.shape
    used = torch.ones_like(t, dtype=torch.bool) if ignore_index is None else t != ignore_index
    if micro:
        p, t = p[0, 0][used[0]], t[0][used[0]]
        tp = (p == t).sum()
        fp = (p != t).sum()
        return [x.reshape(1) for x in (tp, fp, num_classes * p.numel() - (2 * fp + tp), fp)]
    if k > 1:  # the right label among the best counts as the prediction
        hit = (p == t[:, None]).any(1)
        best = torch.where(hit, t, p[:, 0])
    else:
        best = p[:, 0]
    size = num_classes
    out = []
    for i in range(n):
        a, b = best[i][used[i]], t[i][used[i]]
        confusion = torch.bincount(b * size + a, minlength=size * size).view(size, size)
        tp = confusion.diagonal()
        fp, fn = confusion.sum(0) - tp, confusion.sum(1) - tp
        out.append((tp, fp, confusion.sum() - tp - fp - fn, fn))
    return [torch.stack(x) for x in zip(*out)]


def averaged(score, average, multilabel, tp, fp, fn, top_k=1):
    """One number of the classes' scores."""
    if average is None or average == "none":
        return score
    if average == "weighted":
        weights = (tp + fn).to(score.dtype)
    else:
        weights = torch.ones_like(score)
        if not multilabel:  # classes that do not occur
            weights = torch.where((tp + fp + fn if top_k == 1 else tp + fn) == 0, torch.zeros_like(score), weights)
    return divided(weights * score, weights.sum(-1, keepdim=True)).sum(-1)


def reduced(kind, tp, fp, tn, fn, task, average, samplewise=False, top_k=1, beta=1.0, zero_division=0.0):
    """The metric of the counts."""
    multilabel = task == "multilabel"
    if kind not in ("accuracy", "precision", "recall"):
        top_k = 1  # (only these three treat absent classes otherwise)
    if task == "binary":
        average = "binary"
    elif average == "micro" and multilabel:
        tp, fp, tn, fn = (x.sum(-1) for x in (tp, fp, tn, fn))
    if kind in ("accuracy", "hamming"):
        whole = task == "binary" or multilabel
        score = divided(tp + tn, tp + tn + fp + fn) if whole else divided(tp, tp + fn)
        if kind == "hamming":
            if average in ("binary", "micro"):
                return 1 - score
            return averaged(1 - score, average, multilabel, tp, fp, fn, top_k)
    elif kind == "precision":
        score = divided(tp, tp + fp, zero_division)
    elif kind == "recall":
        score = divided(tp, tp + fn, zero_division)
    elif kind == "specificity":
        score = divided(tn, tn + fp)
    else:
        b2 = beta**2
        score = divided((1 + b2) * tp, (1 + b2) * tp + b2 * fn + fp, zero_division)
    return score if average in ("binary", "micro") else averaged(score, average, multilabel, tp, fp, fn, top_k)


def _metric(kind, average="micro"):
    def metric(
        preds,
        target,
        task,
        threshold=0.5,
        num_classes=None,
        num_labels=None,
        average=average,
        multidim_average="global",
        top_k=1,
        ignore_index=None,
        validate_args=True,
        zero_division=0,
    ):
        found = counts(
            preds,
            target,
            task,
            threshold,
            num_classes,
            num_labels,
            average,
            multidim_average,
            top_k,
            ignore_index,
            validate_args,
        )
        samplewise = multidim_average == "samplewise"
        return reduced(kind, *found, str(task).lower(), average, samplewise, top_k, 1.0, zero_division)

    return metric


accuracy = _metric("accuracy")
accuracy.__doc__ = "The part of the predictions that is right."
precision = _metric("precision")
precision.__doc__ = "Of what was predicted, the part that is right."
recall = _metric("recall")
recall.__doc__ = "Of what there is, the part that was predicted."
specificity = _metric("specificity")
specificity.__doc__ = "Of what is not, the part that was not predicted."
hamming_distance = _metric("hamming")
hamming_distance.__doc__ = "The part of the predictions that is wrong."
f1_score = _metric("fbeta")
f1_score.__doc__ = "The harmonic mean of precision and recall."
for _name in ("accuracy", "precision", "recall", "specificity", "hamming_distance", "f1_score"):
    globals()[_name].__name__ = globals()[_name].__qualname__ = _name


def fbeta_score(
    preds,
    target,
    task,
    beta=1.0,
    threshold=0.5,
    num_classes=None,
    num_labels=None,
    average="micro",
    multidim_average="global",
    top_k=1,
    ignore_index=None,
    validate_args=True,
    zero_division=0,
):
    """The harmonic mean of precision and recall, recall counted `beta` times."""
    if not (isinstance(beta, float) and beta > 0):
        raise ValueError(f"Expected argument `beta` to be a float larger than 0, but got {beta}.")
    found = counts(
        preds,
        target,
        task,
        threshold,
        num_classes,
        num_labels,
        average,
        multidim_average,
        top_k,
        ignore_index,
        validate_args,
    )
    samplewise = multidim_average == "samplewise"
    return reduced("fbeta", *found, str(task).lower(), average, samplewise, top_k, beta, zero_division)


def stat_scores(
    preds,
    target,
    task,
    threshold=0.5,
    num_classes=None,
    num_labels=None,
    average="micro",
    multidim_average="global",
    top_k=1,
    ignore_index=None,
    validate_args=True,
):
    """tp, fp, tn, fn and tp + fn."""
    tp, fp, tn, fn = counts(
        preds,
        target,
        task,
        threshold,
        num_classes,
        num_labels,
        average,
        multidim_average,
        top_k,
        ignore_index,
        validate_args,
    )
    return stacked(tp, fp, tn, fn, str(task).lower(), average)


def stacked(tp, fp, tn, fn, task, average):
    """The five numbers in one tensor."""
    out = torch.stack([tp, fp, tn, fn, tp + fn], dim=-1)
    if task == "binary" or (task == "multiclass" and average == "micro"):
        return out
    if average == "micro":
        return out.sum(-2)
    if average == "macro":
        return out.float().mean(-2)
    if average == "weighted":
        weight = (tp + fn).float()
        whole = weight.sum() if task == "multilabel" else weight.sum(-1, keepdim=True)
        return (out * (weight / whole).unsqueeze(-1)).sum(-2)
    return out


# ---------------------------------------------------------------- confusion


def confusion(preds, target, task, threshold, num_classes, num_labels, ignore_index, validate_args):
    """Counts of (target, prediction)."""
    task = f.task_of(task)
    if task == "multilabel":
        p, t = f.multilabel(
            preds, target, f.need("num_labels", num_labels, task), threshold, ignore_index, validate_args
        )
        return torch.stack([_two(p[0, i], t[0, i]) for i in range(num_labels)])
    if task == "binary":
        p, t = f.binary(preds, target, threshold, ignore_index, validate_args)
        return _two(p[0], t[0])
    n = f.need("num_classes", num_classes, task)
    p, t = f.multiclass(preds, target, n, 1, ignore_index, validate_args)
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
    found = confusion(preds, target, task, threshold, num_classes, num_labels, ignore_index, validate_args)
    return normalized(found, normalize)


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
    return kappa_of(confusion(preds, target, task, threshold, num_classes, None, ignore_index, validate_args), weights)


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
    return matthews_of(confusion(preds, target, task, threshold, num_classes, num_labels, ignore_index, validate_args))


def jaccard_of(matrix, average, ignore_index=None, zero_division=0.0):
    """What both have, over what either has."""
    x = matrix.float()
    if average == "binary":
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
    found = confusion(preds, target, task, threshold, num_classes, num_labels, ignore_index, validate_args)
    average = "binary" if f.task_of(task) == "binary" else average
    return jaccard_of(found, average, ignore_index, zero_division)


def exact(preds, target, task, num_classes, num_labels, threshold, multidim_average, ignore_index, validate_args):
    """Right samples and all: with "samplewise" a row for each."""
    task = f.task_of(task, ("multiclass", "multilabel"))
    if task == "multiclass":
        p, t = f.multiclass(
            preds, target, f.need("num_classes", num_classes, task), 1, ignore_index, validate_args, True
        )
        right = p[:, 0] == t
        if ignore_index is not None:
            right = right | (t == ignore_index)
        right = right.all(1)
    else:
        p, t = f.multilabel(
            preds, target, f.need("num_labels", num_labels, task), threshold, ignore_index, validate_args, True
        )
        right = ((p == t) | (t < 0)).all(1)  # (n, values)
        if multidim_average == "samplewise":
            return right.sum(1), torch.tensor(right.shape[1])
        return right.sum(), torch.tensor(right.numel())
    return (
        (right.to(torch.int64), torch.tensor(1))
        if multidim_average == "samplewise"
        else (right.sum(), torch.tensor(right.numel()))
    )


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
    right, n = exact(
        preds, target, task, num_classes, num_labels, threshold, multidim_average, ignore_index, validate_args
    )
    return divided(right, n.expand(right.shape))
