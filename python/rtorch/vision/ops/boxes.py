"""Boxes (n, 4) of x0, y0, x1, y1: areas, overlaps, forms, and the suppression of boxes that tell the same."""

from __future__ import annotations

import rtorch as torch

__all__ = [
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "complete_box_iou",
    "distance_box_iou",
    "generalized_box_iou",
    "masks_to_boxes",
    "nms",
    "remove_small_boxes",
]


def _wide(t):
    """Sums and products of small dtypes need a larger one."""
    if t.is_floating_point():
        return t if t.dtype in (torch.float32, torch.float64) else t.float()
    return t if t.dtype in (torch.int32, torch.int64) else t.int()


def box_area(boxes, fmt="xyxy"):
    """Width times height."""
    boxes = _wide(boxes)
    if fmt in ("xywh", "cxcywh"):
        return boxes[..., 2] * boxes[..., 3]
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _overlap(a, b):
    low = torch.max(a[..., None, :2], b[..., None, :, :2])
    high = torch.min(a[..., None, 2:], b[..., None, :, 2:])
    sides = _wide(high - low).clamp(min=0)
    inter = sides[..., 0] * sides[..., 1]
    return inter, box_area(a)[..., :, None] + box_area(b)[..., None, :] - inter


def box_iou(boxes1, boxes2, fmt="xyxy"):
    """For each pair what they share, over what they cover together."""
    if fmt != "xyxy":
        boxes1, boxes2 = box_convert(boxes1, fmt, "xyxy"), box_convert(boxes2, fmt, "xyxy")
    inter, union = _overlap(boxes1, boxes2)
    return inter / union


def _around(a, b):
    low = torch.min(a[..., None, :2], b[..., None, :, :2])
    high = torch.max(a[..., None, 2:], b[..., None, :, 2:])
    return _wide(high - low).clamp(min=0)


def generalized_box_iou(boxes1, boxes2):
    """box_iou, less what a box around both has beyond them."""
    inter, union = _overlap(boxes1, boxes2)
    sides = _around(boxes1, boxes2)
    area = sides[..., 0] * sides[..., 1]
    return inter / union - (area - union) / area


def _distance(boxes1, boxes2, eps):
    iou = box_iou(boxes1, boxes2)
    sides = _around(boxes1, boxes2)
    diagonal = sides[..., 0] ** 2 + sides[..., 1] ** 2 + eps
    c1 = (boxes1[..., :2] + boxes1[..., 2:]) / 2
    c2 = (boxes2[..., :2] + boxes2[..., 2:]) / 2
    apart = _wide(c1[..., :, None, :] - c2[..., None, :, :])
    return iou - (apart**2).sum(-1) / diagonal, iou


def distance_box_iou(boxes1, boxes2, eps=1e-7):
    """box_iou, less the distance of the middles."""
    return _distance(_float(boxes1), _float(boxes2), eps)[0]


def _float(t):
    return _wide(t) if t.is_floating_point() else t.float()


def complete_box_iou(boxes1, boxes2, eps=1e-7):
    """distance_box_iou, less the difference of the shapes."""
    boxes1, boxes2 = _float(boxes1), _float(boxes2)
    diou, iou = _distance(boxes1, boxes2, eps)
    w1, h1 = boxes1[:, None, 2] - boxes1[:, None, 0], boxes1[:, None, 3] - boxes1[:, None, 1]
    w2, h2 = boxes2[:, 2] - boxes2[:, 0], boxes2[:, 3] - boxes2[:, 1]
    v = (4 / torch.pi**2) * (torch.atan(w1 / h1) - torch.atan(w2 / h2)) ** 2
    with torch.no_grad():
        alpha = v / (1 - iou + v + eps)
    return diou - alpha * v


def box_convert(boxes, in_fmt, out_fmt):
    """From "xyxy", "xywh" (corner and sides) or "cxcywh" (middle and sides) to another."""
    allowed = ("xyxy", "xywh", "cxcywh")
    if in_fmt not in allowed or out_fmt not in allowed:
        raise ValueError(f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}")
    if in_fmt == out_fmt:
        return boxes.clone()
    a, b, c, d = boxes.unbind(-1)
    if in_fmt == "xywh":
        c, d = a + c, b + d
    elif in_fmt == "cxcywh":
        a, b, c, d = a - 0.5 * c, b - 0.5 * d, a + 0.5 * c, b + 0.5 * d
    if out_fmt == "xywh":
        c, d = c - a, d - b
    elif out_fmt == "cxcywh":
        a, b, c, d = (a + c) / 2, (b + d) / 2, c - a, d - b
    return torch.stack((a, b, c, d), dim=-1)


def clip_boxes_to_image(boxes, size):
    """Boxes cut off at the sides of a picture of (height, width)."""
    height, width = size
    x, y = boxes[..., 0::2].clamp(min=0, max=width), boxes[..., 1::2].clamp(min=0, max=height)
    return torch.stack((x, y), dim=boxes.dim()).reshape(boxes.shape)


def remove_small_boxes(boxes, min_size):
    """Which boxes have both sides at least so long."""
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return torch.where((w >= min_size) & (h >= min_size))[0]


def masks_to_boxes(masks):
    """The smallest boxes around masks (n, height, width)."""
    if masks.numel() == 0:
        return torch.zeros((0, 4), dtype=torch.float)
    boxes = torch.zeros((masks.shape[0], 4), dtype=torch.float)
    for i, mask in enumerate(masks):
        y, x = torch.where(mask != 0)
        if y.numel():
            boxes[i] = torch.stack([x.min(), y.min(), x.max(), y.max()]).float()
    return boxes


def nms(boxes, scores, iou_threshold):
    """Which boxes remain, best first, when those that overlap a better one by more than the threshold are dropped."""
    if boxes.dim() != 2 or boxes.shape[-1] != 4:
        raise RuntimeError(f"boxes should be a 2d tensor of shape [N, 4], got {tuple(boxes.shape)}")
    if scores.dim() != 1 or scores.shape[0] != boxes.shape[0]:
        raise RuntimeError(
            f"boxes and scores should have same number of elements in dimension 0, got {boxes.shape[0]} and "
            f"{tuple(scores.shape)}"
        )
    if not boxes.numel():
        return torch.empty(0, dtype=torch.int64)
    import numpy as np

    # one box after the other: on arrays, each against all that remain
    b = boxes.detach().numpy()
    order = torch.sort(scores.detach(), descending=True, stable=True).indices.numpy()
    b = b[order]
    area = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    alive = np.ones(len(b), dtype=bool)
    keep = []
    for i in range(len(b)):
        if not alive[i]:
            continue
        keep.append(order[i])
        rest = b[i + 1 :]
        w = np.minimum(b[i, 2], rest[:, 2]) - np.maximum(b[i, 0], rest[:, 0])
        h = np.minimum(b[i, 3], rest[:, 3]) - np.maximum(b[i, 1], rest[:, 1])
        inter = np.maximum(w, 0) * np.maximum(h, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            iou = inter / (area[i] + area[i + 1 :] - inter)
        alive[i + 1 :] &= ~(iou > iou_threshold)
    return torch.tensor(keep, dtype=torch.int64)


def batched_nms(boxes, scores, idxs, iou_threshold):
    """nms, for each class apart."""
    if boxes.numel() == 0:
        return torch.empty((0,), dtype=torch.int64)
    # classes are moved so far apart that their boxes do not meet
    far = idxs.to(boxes) * (boxes.max() + torch.tensor(1).to(boxes))
    return nms(boxes + far[:, None], scores, iou_threshold)
