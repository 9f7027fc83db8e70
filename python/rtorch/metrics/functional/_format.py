"""Predictions and targets in the forms that the metrics count: checks, labels from scores, what is ignored."""

from __future__ import annotations

import rtorch as torch

AVERAGES = ("micro", "macro", "weighted", "none", None)


def task_of(task, allowed=("binary", "multiclass", "multilabel")):
    if str(task).lower() not in allowed:
        raise ValueError(f"Invalid Classification: expected one of {[a.upper() for a in allowed]}, but got {task}.")
    return str(task).lower()


def need(name, value, task):
    if not isinstance(value, int):
        raise ValueError(
            f"Optional arg `{name}` must be type `int` when task is ClassificationTask.{task.upper()}. Got "
            f"{type(value)}"
        )
    return value


def same_shape(preds, target):
    if preds.shape != target.shape:
        raise RuntimeError(
            f"Predictions and targets are expected to have the same shape, but got {preds.shape} and {target.shape}."
        )


def check_average(average, allowed=AVERAGES):
    if average not in allowed:
        raise ValueError(f"Expected argument `average` to be one of {tuple(a for a in allowed)}, but got {average}")


def check_threshold(threshold):
    if not (isinstance(threshold, float) and 0 <= threshold <= 1):
        raise ValueError(f"Expected argument `threshold` to be a float in the [0,1] range, but got {threshold}.")


def check_values(name, t, allowed, ignore_index=None):
    if t.is_floating_point():
        if name == "target":
            raise ValueError(
                f"Expected argument `{name}` to be an int or long tensor, but got tensor with dtype {t.dtype}"
            )
        return
    found = torch.unique(t)
    good = sorted({*allowed} | ({ignore_index} if ignore_index is not None and name == "target" else set()))
    if any(v not in good for v in found.tolist()):
        raise RuntimeError(
            f"Detected the following values in `{name}`: {found} but expected only the following values {good}."
        )


def probabilities(preds):
    """Scores outside of 0..1 are logits."""
    if not preds.is_floating_point():
        return preds
    out = bool(((preds < 0) | (preds > 1)).any()) if preds.numel() else False
    return preds.sigmoid() if out else preds


def binary(preds, target, threshold, ignore_index, validate, samplewise=False):
    """(n, values) of 0 and 1 each; what is ignored is -1 in the target."""
    if validate:
        same_shape(preds, target)
        check_values("target", target, (0, 1), ignore_index)
        check_values("preds", preds, (0, 1))
        if samplewise and preds.ndim < 2:
            raise ValueError("Expected input to be at least 2D when multidim_average is set to `samplewise`")
    if preds.is_floating_point():
        preds = (probabilities(preds) > threshold).to(torch.int64)
    n = preds.shape[0] if samplewise else 1
    preds, target = preds.reshape(n, -1).to(torch.int64), target.reshape(n, -1).to(torch.int64)
    if ignore_index is not None:
        target = torch.where(target == ignore_index, torch.full_like(target, -1), target)
    return preds, target


def multiclass(preds, target, num_classes, top_k, ignore_index, validate, samplewise=False):
    """(n, k, values) of the k best labels and (n, values) of targets."""
    if validate:
        if preds.ndim == target.ndim + 1:
            if not preds.is_floating_point():
                raise ValueError("If `preds` have one dimension more than `target`, `preds` should be a float tensor.")
            if preds.shape[1] != num_classes:
                raise ValueError(
                    "If `preds` have one dimension more than `target`, `preds.shape[1]` should be equal to number of "
                    "classes."
                )
            if preds.shape[2:] != target.shape[1:] or preds.shape[0] != target.shape[0]:
                raise ValueError(
                    "If `preds` have one dimension more than `target`, the shape of `preds` should be (N, C, ...), and "
                    "the shape of `target` should be (N, ...)."
                )
        elif preds.ndim == target.ndim:
            if preds.shape != target.shape:
                raise ValueError(
                    "The `preds` and `target` should have the same shape, got `preds` with shape="
                    f"{preds.shape} and `target` with shape={target.shape}."
                )
            if preds.is_floating_point():
                raise ValueError("If `preds` and `target` have the same shape, `preds` should be an int tensor.")
        else:
            raise ValueError(
                "Either `preds` and `target` both should have the (same) shape (N, ...), or `target` should "
                "be (N, ...) "
                "and `preds` should be (N, C, ...)."
            )
        for name, t in (("target", target), ("preds", preds)):
            if not t.is_floating_point() and t.numel():
                limit = num_classes if ignore_index is None or name == "preds" else num_classes + 1
                if torch.unique(t).numel() > limit:
                    raise RuntimeError(
                        f"Detected more unique values in `{name}` than expected. Expected only {limit} but found "
                        f"{torch.unique(t).numel()} in `{name}`. Found values: {torch.unique(t)}."
                    )
    if preds.ndim == target.ndim + 1:
        labels = preds.argmax(1, keepdim=True) if top_k == 1 else preds.topk(top_k, dim=1).indices
    else:
        labels = preds.unsqueeze(1)
    n, k = labels.shape[0], labels.shape[1]
    if samplewise:
        return labels.reshape(n, k, -1), target.reshape(n, -1).to(torch.int64)
    return labels.transpose(0, 1).reshape(1, k, -1), target.reshape(1, -1).to(torch.int64)


def multilabel(preds, target, num_labels, threshold, ignore_index, validate, samplewise=False):
    """(n, labels, values) of 0 and 1 each; what is ignored is -1 in the target."""
    if validate:
        same_shape(preds, target)
        check_values("target", target, (0, 1), ignore_index)
        check_values("preds", preds, (0, 1))
        if preds.shape[1] != num_labels:
            raise ValueError(
                "Expected both `target.shape[1]` and `preds.shape[1]` to be equal to the number of labels"
                f" but got {preds.shape[1]} and expected {num_labels}"
            )
    if preds.is_floating_point():
        preds = (probabilities(preds) > threshold).to(torch.int64)
    preds, target = (t.reshape(*t.shape[:2], -1).to(torch.int64) for t in (preds, target))
    if not samplewise:
        preds, target = (t.transpose(0, 1).reshape(1, num_labels, -1) for t in (preds, target))
    if ignore_index is not None:
        target = torch.where(target == ignore_index, torch.full_like(target, -1), target)
    return preds, target


def divided(a, b, zero=0.0):
    """a / b, and `zero` where b is 0."""
    a, b = (t if t.is_floating_point() else t.float() for t in (a, b))
    return torch.where(b == 0, torch.full_like(a, zero), a / torch.where(b == 0, torch.ones_like(b), b))
