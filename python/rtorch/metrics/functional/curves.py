"""Metrics of scores: curves over all thresholds and areas below them."""

from __future__ import annotations

import warnings

import rtorch as torch
from rtorch.metrics.functional import _format as f
from rtorch.metrics.functional._asked import Asked
from rtorch.metrics.functional._format import divided

__all__ = ["auroc", "average_precision", "precision_recall_curve", "roc"]


def formatted(preds, target, asked):
    """Scores and targets, flat: (values,) for binary, (values, classes) for the others; targets of multilabel that are
    ignored are -1."""
    ignore_index, n = asked.ignore_index, asked.size
    if not preds.is_floating_point():
        raise ValueError(
            f"Expected argument `preds` to be an floating tensor with probability/logit scores, but got "
            f"tensor with dtype {preds.dtype}"
        )
    if asked.task == "multiclass":
        if asked.validate_args and (preds.ndim != target.ndim + 1 or preds.shape[1] != n):
            raise ValueError(
                f"Expected `preds` of shape (N, {n}, ...) and `target` of shape (N, ...), but got "
                f"{preds.shape} and {target.shape}"
            )
        preds = preds.transpose(0, 1).reshape(n, -1).T
        target = target.reshape(-1)
        if ignore_index is not None:
            preds, target = preds[target != ignore_index], target[target != ignore_index]
        out = bool(((preds < 0) | (preds > 1)).any()) if preds.numel() else False
        return (preds.softmax(1) if out else preds), target
    if asked.validate_args:
        f.same_shape(preds, target)
        f.check_values("target", target, (0, 1), ignore_index)
    if asked.task == "multilabel":
        preds, target = (t.transpose(0, 1).reshape(n, -1).T for t in (preds, target))
        if ignore_index is not None:
            target = torch.where(target == ignore_index, torch.full_like(target, -1), target)
        return f.probabilities(preds), target
    preds, target = preds.reshape(-1), target.reshape(-1)
    if ignore_index is not None:
        preds, target = preds[target != ignore_index], target[target != ignore_index]
    return f.probabilities(preds), target


def _steps(preds, target):
    """False and true positives as the threshold falls, at each score that there is."""
    order = torch.argsort(preds, descending=True)
    preds, target = preds[order], target[order].to(torch.float32)
    last = torch.nonzero(preds[1:] - preds[:-1]).reshape(-1)
    at = torch.cat([last, torch.tensor([target.shape[0] - 1])])
    tp = target.cumsum(0)[at]
    return 1 + at - tp, tp, preds[at]


def _thresholds(thresholds):
    if isinstance(thresholds, int):
        return torch.linspace(0, 1, thresholds)
    return torch.tensor(thresholds) if isinstance(thresholds, list) else thresholds


def _counted(preds, target, thresholds):
    """tp, fp, fn, tn at given thresholds."""
    above = preds[None, :] >= thresholds[:, None]
    yes = (target == 1)[None, :]
    tp, fp = (above & yes).sum(1).float(), (above & ~yes).sum(1).float()
    return tp, fp, yes.sum().float() - tp, (~yes).sum().float() - fp


def _each(preds, target, task):
    """The binary problems in a problem of several classes."""
    if task == "binary":
        return [(preds, target)]
    if task == "multiclass":
        return [(preds[:, i], (target == i).to(torch.int64)) for i in range(preds.shape[1])]
    columns = []
    for i in range(preds.shape[1]):
        used = target[:, i] >= 0
        columns.append((preds[:, i][used], target[:, i][used]))
    return columns


def roc_one(preds, target, thresholds=None):
    thresholds = _thresholds(thresholds)
    if thresholds is not None:
        tp, fp, fn, tn = _counted(preds, target, thresholds)
        return divided(fp, fp + tn).flip(0), divided(tp, tp + fn).flip(0), thresholds.flip(0)
    fp, tp, where = _steps(preds, target)
    zero = torch.zeros(1)
    fp, tp, where = torch.cat([zero, fp]), torch.cat([zero, tp]), torch.cat([torch.ones(1, dtype=where.dtype), where])
    out = []
    for x, what, other in ((fp, "negative", "false"), (tp, "positive", "true")):
        if x[-1] <= 0:
            warnings.warn(
                f"No {what} samples in targets, {other} positive value should be meaningless."
                f" Returning zero tensor in {other} positive score",
                UserWarning,
                stacklevel=4,
            )
            out.append(torch.zeros_like(x))
        else:
            out.append(x / x[-1])
    return out[0], out[1], where


def pr_one(preds, target, thresholds=None, several=False):
    thresholds = _thresholds(thresholds)
    one, zero = torch.ones(1), torch.zeros(1)
    if thresholds is not None:
        tp, fp, fn, _ = _counted(preds, target, thresholds)
        return torch.cat([tp / (tp + fp), one]), torch.cat([tp / (tp + fn), zero]), thresholds
    fp, tp, where = _steps(preds, target)
    precision = tp / (tp + fp)
    if not several and not target.any():
        warnings.warn(
            "No positive samples found in target, recall is undefined. Setting recall to one for all thresholds.",
            UserWarning,
            stacklevel=4,
        )
        recall = torch.ones_like(tp)
    else:
        recall = tp / tp[-1]
    return torch.cat([precision.flip(0), one]), torch.cat([recall.flip(0), zero]), where.flip(0)


def area_of(fpr, tpr, max_fpr=None):
    if max_fpr is None or max_fpr == 1 or fpr.sum() == 0 or tpr.sum() == 0:
        return torch.trapezoid(tpr, fpr)
    # up to max_fpr, scaled so that chance is 1/2
    most = torch.tensor(max_fpr)
    stop = int(torch.bucketize(most, fpr, right=True))
    weight = (most - fpr[stop - 1]) / (fpr[stop] - fpr[stop - 1])
    last = torch.lerp(tpr[stop - 1], tpr[stop], weight)
    part = torch.trapezoid(torch.cat([tpr[:stop], last.view(1)]), torch.cat([fpr[:stop], most.view(1)]))
    low = 0.5 * most**2
    return 0.5 * (1 + (part - low) / (most - low))


def curves_of(one, preds, target, task, thresholds):
    how = {"several": True} if one is pr_one and task == "multiclass" else {}
    found = [one(p, t, thresholds, **how) for p, t in _each(preds, target, task)]
    if task == "binary":
        return found[0]
    a, b, c = (list(x) for x in zip(*found))
    if thresholds is not None:
        return torch.stack(a), torch.stack(b), c[0]
    return a, b, c


def mean_of(scores, average, weights):
    """One number of the classes' areas; those that are not numbers are left out."""
    if average is None or average == "none":
        return scores
    good = ~torch.isnan(scores)
    if not good.all():
        warnings.warn(
            f"Average precision score for one or more classes was `nan`. Ignoring these classes in {average}-average",
            UserWarning,
            stacklevel=4,
        )
    if average == "macro":
        return scores[good].mean()
    if average == "weighted":
        w = divided(weights[good].float(), weights[good].sum().float())
        return (scores[good] * w).sum()
    raise ValueError("Received an incompatible combinations of inputs to make reduction.")


def _support(target, task, n):
    if task == "multiclass":
        return torch.bincount(target.to(torch.int64), minlength=n)
    return (target == 1).sum(0)


def auroc_of(preds, target, task, thresholds=None, average="macro", max_fpr=None):
    if task == "binary":
        return area_of(*roc_one(preds, target, thresholds)[:2], max_fpr)
    if average == "micro":
        used = target >= 0
        return area_of(*roc_one(preds[used], target[used], thresholds)[:2])
    scores = torch.stack([area_of(*roc_one(p, t, thresholds)[:2]) for p, t in _each(preds, target, task)])
    if task == "multiclass":
        scores = torch.where(_support(target, task, preds.shape[1]) == 0, torch.zeros_like(scores), scores)
    return mean_of(scores, average, _support(target, task, preds.shape[1]))


def average_precision_of(preds, target, task, thresholds=None, average="macro"):
    def one(p, t):
        precision, recall, _ = pr_one(p, t, thresholds)
        if thresholds is None and not t.any():
            return torch.tensor(float("nan"))
        steps = (recall[1:] - recall[:-1]) * precision[:-1]
        return -(steps if thresholds is None else torch.nan_to_num(steps)).sum()

    if task == "binary":
        return one(preds, target)
    if average == "micro":
        used = target >= 0
        return one(preds[used], target[used])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = torch.stack([one(p, t) for p, t in _each(preds, target, task)])
    return mean_of(scores, average, _support(target, task, preds.shape[1]))


def _scores_of(task, num_classes, num_labels, ignore_index, validate_args):
    sizes = {"num_classes": num_classes, "num_labels": num_labels}
    return Asked(task, **sizes, ignore_index=ignore_index, validate_args=validate_args)


def roc(preds, target, task, thresholds=None, num_classes=None, num_labels=None, ignore_index=None, validate_args=True):
    """False positive rate, true positive rate, thresholds."""
    asked = _scores_of(task, num_classes, num_labels, ignore_index, validate_args)
    p, t = formatted(preds, target, asked)
    return curves_of(roc_one, p, t, asked.task, thresholds)


def precision_recall_curve(
    preds, target, task, thresholds=None, num_classes=None, num_labels=None, ignore_index=None, validate_args=True
):
    """Precision, recall, thresholds."""
    asked = _scores_of(task, num_classes, num_labels, ignore_index, validate_args)
    p, t = formatted(preds, target, asked)
    return curves_of(pr_one, p, t, asked.task, thresholds)


def auroc(
    preds,
    target,
    task,
    thresholds=None,
    num_classes=None,
    num_labels=None,
    average="macro",
    max_fpr=None,
    ignore_index=None,
    validate_args=True,
):
    """The area below the roc curve."""
    asked = _scores_of(task, num_classes, num_labels, ignore_index, validate_args)
    p, t = formatted(preds, target, asked)
    return auroc_of(p, t, asked.task, thresholds, average, max_fpr)


def average_precision(
    preds,
    target,
    task,
    thresholds=None,
    num_classes=None,
    num_labels=None,
    average="macro",
    ignore_index=None,
    validate_args=True,
):
    """The area below the precision-recall curve, in steps."""
    asked = _scores_of(task, num_classes, num_labels, ignore_index, validate_args)
    p, t = formatted(preds, target, asked)
    return average_precision_of(p, t, asked.task, thresholds, average)
