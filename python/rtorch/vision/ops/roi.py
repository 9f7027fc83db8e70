"""What is cut out of feature maps: roi_align and roi_pool, in tensor operations."""

from __future__ import annotations

import rtorch as torch
from rtorch import nn

__all__ = ["RoIAlign", "RoIPool", "roi_align", "roi_pool"]


def _boxes(boxes):
    """(n, 5): index of the picture, x0, y0, x1, y1."""
    if isinstance(boxes, (list, tuple)):
        for b in boxes:
            if b.size(1) != 4:
                raise ValueError("The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]")
        which = torch.cat([torch.full((len(b), 1), float(i), dtype=b.dtype) for i, b in enumerate(boxes)])
        return torch.cat([which, torch.cat(list(boxes))], dim=1)
    if boxes.size(1) != 5:
        raise ValueError("The boxes tensor shape is not correct as Tensor[K, 5]")
    return boxes


def _pair(size):
    return (size, size) if isinstance(size, int) else tuple(size)


def roi_align(input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False):
    """Each box of the feature map (n, channels, height, width), averaged into a grid of `output_size`. He et al.
    2017."""
    rois = _boxes(boxes)
    ph, pw = _pair(output_size)
    height, width = input.shape[-2:]
    shift = 0.5 if aligned else 0.0
    out = []
    for roi in rois:
        n = int(roi[0].item())
        x0, y0, x1, y1 = (roi[1:] * spatial_scale - shift).unbind()
        w, h = x1 - x0, y1 - y0
        if not aligned:
            w, h = w.clamp(min=1.0), h.clamp(min=1.0)
        gh = sampling_ratio if sampling_ratio > 0 else int(torch.ceil(h / ph).item())
        gw = sampling_ratio if sampling_ratio > 0 else int(torch.ceil(w / pw).item())
        gh, gw = max(gh, 0), max(gw, 0)
        if not gh or not gw:
            out.append(input.new_zeros(input.shape[1], ph, pw))
            continue
        y = y0 + (torch.arange(ph * gh, dtype=input.dtype) + 0.5) * (h / (ph * gh))
        x = x0 + (torch.arange(pw * gw, dtype=input.dtype) + 0.5) * (w / (pw * gw))
        values = _bilinear(input[n], y, x, height, width)  # (channels, ph * gh, pw * gw)
        out.append(values.view(-1, ph, gh, pw, gw).mean(dim=(2, 4)))
    # without boxes still a part of the graph: its gradient is 0
    return torch.stack(out) if out else input[:0, :, :1, :1].expand(0, -1, ph, pw)


def _bilinear(features, y, x, height, width):
    def line(v, n):
        good = (v >= -1.0) & (v <= n)
        v = v.clamp(min=0)
        low = v.floor().to(torch.int64).clamp(max=n - 1)
        high = (low + 1).clamp(max=n - 1)
        part = torch.where(low >= n - 1, torch.zeros_like(v), v - low.to(v.dtype))
        return low, high, part, good.to(v.dtype)

    yl, yh, fy, gy = line(y, height)
    xl, xh, fx, gx = line(x, width)
    rows = features[:, yl] * (1 - fy)[:, None] + features[:, yh] * fy[:, None]
    values = rows[:, :, xl] * (1 - fx) + rows[:, :, xh] * fx
    return values * (gy[:, None] * gx)


def roi_pool(input, boxes, output_size, spatial_scale=1.0):
    """Each box of the feature map, the largest value of each cell of a grid. Girshick 2015."""
    rois = _boxes(boxes)
    ph, pw = _pair(output_size)
    height, width = input.shape[-2:]
    out = []
    for roi in rois.tolist():
        n = int(roi[0])
        x0, y0, x1, y1 = (_round(v * spatial_scale) for v in roi[1:])
        h, w = max(y1 - y0 + 1, 1), max(x1 - x0 + 1, 1)
        cells = []
        for i in range(ph):
            a = min(max((i * h) // ph + y0, 0), height)
            b = min(max(-((-(i + 1) * h) // ph) + y0, 0), height)
            for j in range(pw):
                c = min(max((j * w) // pw + x0, 0), width)
                d = min(max(-((-(j + 1) * w) // pw) + x0, 0), width)
                empty = b <= a or d <= c
                cells.append(input.new_zeros(input.shape[1]) if empty else input[n, :, a:b, c:d].amax(dim=(1, 2)))
        out.append(torch.stack(cells, 1).view(-1, ph, pw))
    # without boxes still a part of the graph: its gradient is 0
    return torch.stack(out) if out else input[:0, :, :1, :1].expand(0, -1, ph, pw)


def _round(v):
    """To the next whole number, halves away from 0."""
    import math

    return math.floor(v + 0.5) if v >= 0 else math.ceil(v - 0.5)


class RoIAlign(nn.Module):
    """roi_align as a module."""

    def __init__(self, output_size, spatial_scale, sampling_ratio, aligned=False):
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale
        self.sampling_ratio, self.aligned = sampling_ratio, aligned

    def forward(self, input, rois):
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)

    def extra_repr(self):
        return (
            f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned}"
        )


class RoIPool(nn.Module):
    """roi_pool as a module."""

    def __init__(self, output_size, spatial_scale):
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale

    def forward(self, input, rois):
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def extra_repr(self):
        return f"output_size={self.output_size}, spatial_scale={self.spatial_scale}"
