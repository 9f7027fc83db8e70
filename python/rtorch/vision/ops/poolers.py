"""roi_align over a pyramid of maps: each box is cut out of the map that fits its size. Lin et al. 2017, equation 1."""

from __future__ import annotations

import math

import rtorch as torch
from rtorch import nn
from rtorch.vision.ops.roi import _boxes, _pair, roi_align

__all__ = ["MultiScaleRoIAlign"]


class MultiScaleRoIAlign(nn.Module):
    """Boxes cut out of the maps named in `featmap_names`, fine to coarse. A box as large as `canonical_scale` goes to
    level `canonical_level`, one of half its side to the level below."""

    def __init__(self, featmap_names, output_size, sampling_ratio, *, canonical_scale=224, canonical_level=4):
        super().__init__()
        self.featmap_names = [featmap_names] if isinstance(featmap_names, str) else list(featmap_names)
        self.output_size = _pair(output_size)
        self.sampling_ratio = sampling_ratio
        self.canonical_scale = canonical_scale
        self.canonical_level = canonical_level
        self.scales = None  # of each map, found at the first call

    def forward(self, x, boxes, image_shapes):
        """`x`: maps by name; `boxes`: a tensor (n, 4) for each picture; `image_shapes`: (height, width) of each."""
        maps = [x[name] for name in self.featmap_names if name in x]
        if self.scales is None:
            if not image_shapes:
                raise ValueError("images list should not be empty")
            size = [max(s[d] for s in image_shapes) for d in (0, 1)]
            self.scales = [2.0 ** round(math.log2(m.shape[-2] / size[0])) for m in maps]
        how = {"output_size": self.output_size, "sampling_ratio": self.sampling_ratio}
        rois = _boxes(boxes)
        if len(maps) == 1:
            return roi_align(maps[0], rois, spatial_scale=self.scales[0], **how)
        lowest, highest = (-math.log2(self.scales[i]) for i in (0, -1))
        side = ((rois[:, 3] - rois[:, 1]) * (rois[:, 4] - rois[:, 2])).sqrt()
        level = torch.floor(self.canonical_level + torch.log2(side / self.canonical_scale) + 1e-6)
        level = level.clamp(lowest, highest) - lowest
        out = maps[0].new_zeros(len(rois), maps[0].shape[1], *self.output_size)
        for i, (m, scale) in enumerate(zip(maps, self.scales)):
            at = (level == i).nonzero().flatten()
            out = out.index_put((at,), roi_align(m, rois[at], spatial_scale=scale, **how))
        return out

    def __repr__(self):
        return (
            f"{type(self).__name__}(featmap_names={self.featmap_names}, "
            f"output_size={self.output_size}, sampling_ratio={self.sampling_ratio})"
        )
