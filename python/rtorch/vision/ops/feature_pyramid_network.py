"""Feature pyramids: maps of several sizes, each told what the coarser ones saw. Lin et al. 2017."""

from __future__ import annotations

from collections import OrderedDict

from rtorch import nn
from rtorch.nn import functional as F
from rtorch.vision.ops.misc import Conv2dNormActivation

__all__ = ["FeaturePyramidNetwork"]


class ExtraFPNBlock(nn.Module):
    """What adds coarser maps behind the last: forward(results, inputs, names) gives results and names."""

    def forward(self, results, x, names):
        raise NotImplementedError(f"{type(self).__name__}.forward(results, x, names) is missing")


class LastLevelMaxPool(ExtraFPNBlock):
    """One more map: every second point of the last."""

    def forward(self, x, y, names):
        return [*x, F.max_pool2d(x[-1], kernel_size=1, stride=2, padding=0)], [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Two more maps by convolutions, as RetinaNet has them."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        for layer in (self.p6, self.p7):
            nn.init.kaiming_uniform_(layer.weight, a=1)
            nn.init.constant_(layer.bias, 0)
        self.use_P5 = in_channels == out_channels

    def forward(self, p, c, names):
        p6 = self.p6(p[-1] if self.use_P5 else c[-1])
        return [*p, p6, self.p7(F.relu(p6))], [*names, "p6", "p7"]


class FeaturePyramidNetwork(nn.Module):
    """From a dict of maps, fine to coarse, a dict of maps with `out_channels` each.

    >>> maps = {"fine": torch.rand(1, 4, 8, 8), "coarse": torch.rand(1, 8, 4, 4)}
    >>> {name: tuple(x.shape) for name, x in FeaturePyramidNetwork([4, 8], 6)(maps).items()}
    {'fine': (1, 6, 8, 8), 'coarse': (1, 6, 4, 4)}
    """

    def __init__(self, in_channels_list, out_channels, extra_blocks=None, norm_layer=None):
        super().__init__()
        self.inner_blocks, self.layer_blocks = nn.ModuleList(), nn.ModuleList()
        how = {"norm_layer": norm_layer, "activation_layer": None}
        for channels in in_channels_list:
            if channels == 0:
                raise ValueError("in_channels=0 is currently not supported")
            self.inner_blocks.append(Conv2dNormActivation(channels, out_channels, kernel_size=1, padding=0, **how))
            self.layer_blocks.append(Conv2dNormActivation(out_channels, out_channels, kernel_size=3, **how))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_uniform_(m.weight, a=1)
                if m.bias is not None:
                    nn.init.constant_(m.bias, 0)
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise TypeError(f"extra_blocks should be of type ExtraFPNBlock not {type(extra_blocks)}")
        self.extra_blocks = extra_blocks

    def forward(self, x):
        names, maps = list(x), list(x.values())
        above = self.inner_blocks[-1](maps[-1])
        results = [self.layer_blocks[-1](above)]
        for i in range(len(maps) - 2, -1, -1):
            side = self.inner_blocks[i](maps[i])
            above = side + F.interpolate(above, size=side.shape[-2:], mode="nearest")
            results.insert(0, self.layer_blocks[i](above))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, maps, names)
        return OrderedDict(zip(names, results))
