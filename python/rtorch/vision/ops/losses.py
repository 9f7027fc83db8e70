"""Losses of detection: focal loss, and what boxes lack to agree."""

from __future__ import annotations

import rtorch as torch
from rtorch.nn import functional as F
from rtorch.vision.ops import boxes as B

__all__ = ["complete_box_iou_loss", "distance_box_iou_loss", "generalized_box_iou_loss", "sigmoid_focal_loss"]


def _reduced(loss, reduction):
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction}'\n Supported reduction modes: 'none', 'mean', 'sum'"
    )


def sigmoid_focal_loss(inputs, targets, alpha=0.25, gamma=2, reduction="none"):
    """Cross entropy that counts what is easy less. Lin et al. 2017."""
    if not (0 <= alpha <= 1) and alpha != -1:
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore.")
    p = torch.sigmoid(inputs)
    loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    loss = loss * (1 - (p * targets + (1 - p) * (1 - targets))) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return _reduced(loss, reduction)


def _pairs(a, b, eps):
    a, b = B._float(a), B._float(b)
    low, high = torch.max(a[..., :2], b[..., :2]), torch.min(a[..., 2:], b[..., 2:])
    sides = high - low
    inter = torch.where((sides > 0).all(-1), sides[..., 0] * sides[..., 1], torch.zeros_like(sides[..., 0]))
    union = B.box_area(a) + B.box_area(b) - inter
    around = torch.max(a[..., 2:], b[..., 2:]) - torch.min(a[..., :2], b[..., :2])
    return a, b, inter / (union + eps), union, around


def generalized_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - generalized_box_iou, box by box."""
    _, _, iou, union, around = _pairs(boxes1, boxes2, eps)
    area = around[..., 0] * around[..., 1]
    return _reduced(1 - (iou - (area - union) / (area + eps)), reduction)


def _distance(boxes1, boxes2, eps):
    a, b, iou, _, around = _pairs(boxes1, boxes2, eps)
    diagonal = (around**2).sum(-1) + eps
    apart = (a[..., :2] + a[..., 2:]) / 2 - (b[..., :2] + b[..., 2:]) / 2
    return a, b, iou, 1 - iou + (apart**2).sum(-1) / diagonal


def distance_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - distance_box_iou, box by box."""
    return _reduced(_distance(boxes1, boxes2, eps)[3], reduction)


def complete_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - complete_box_iou, box by box."""
    a, b, iou, loss = _distance(boxes1, boxes2, eps)
    w1, h1, w2, h2 = a[..., 2] - a[..., 0], a[..., 3] - a[..., 1], b[..., 2] - b[..., 0], b[..., 3] - b[..., 1]
    v = (4 / torch.pi**2) * (torch.atan(w2 / h2) - torch.atan(w1 / h1)) ** 2
    with torch.no_grad():
        alpha = v / (1 - iou + v + eps)
    return _reduced(loss + alpha * v, reduction)
