"""ConvNeXt: a convolutional network after the pattern of transformers. Liu et al. 2022."""

from __future__ import annotations

from functools import partial

import rtorch as torch
from rtorch import nn
from rtorch.nn import functional as F
from rtorch.vision.models import _weights
from rtorch.vision.models._api import model
from rtorch.vision.ops.misc import Conv2dNormActivation, Permute, StochasticDepth

_SIZES = ("Tiny", "Small", "Base", "Large")
__all__ = ["ConvNeXt", *(f"ConvNeXt_{s}_Weights" for s in _SIZES), *(f"convnext_{s.lower()}" for s in _SIZES)]


class LayerNorm2d(nn.LayerNorm):
    """Normalizes over the channels of (n, channels, h, w)."""

    def forward(self, x):
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    def __init__(self, dim, layer_scale, stochastic_depth_prob, norm_layer=None):
        super().__init__()
        norm = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim, bias=True),
            Permute([0, 2, 3, 1]),
            norm(dim),
            nn.Linear(dim, 4 * dim, bias=True),
            nn.GELU(),
            nn.Linear(4 * dim, dim, bias=True),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(torch.ones(dim, 1, 1) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input):
        return self.stochastic_depth(self.layer_scale * self.block(input)) + input


class CNBlockConfig:
    """A stage: channels in, channels out (None: the last), number of blocks."""

    def __init__(self, input_channels, out_channels, num_layers):
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers


class ConvNeXt(nn.Module):
    def __init__(
        self,
        block_setting,
        stochastic_depth_prob=0.0,
        layer_scale=1e-6,
        num_classes=1000,
        block=None,
        norm_layer=None,
    ):
        super().__init__()
        if not block_setting:
            raise ValueError("The block_setting should not be empty")
        block = block or CNBlock
        norm = norm_layer or partial(LayerNorm2d, eps=1e-6)
        layers = [
            Conv2dNormActivation(
                3,
                block_setting[0].input_channels,
                kernel_size=4,
                stride=4,
                padding=0,
                norm_layer=norm,
                activation_layer=None,
                bias=True,
            )
        ]
        total, at = sum(c.num_layers for c in block_setting), 0
        for c in block_setting:
            stage = []
            for _ in range(c.num_layers):
                stage.append(block(c.input_channels, layer_scale, stochastic_depth_prob * at / (total - 1.0)))
                at += 1
            layers.append(nn.Sequential(*stage))
            if c.out_channels is not None:
                layers.append(
                    nn.Sequential(
                        norm(c.input_channels), nn.Conv2d(c.input_channels, c.out_channels, kernel_size=2, stride=2)
                    )
                )
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        last = block_setting[-1]
        channels = last.input_channels if last.out_channels is None else last.out_channels
        self.classifier = nn.Sequential(norm(channels), nn.Flatten(1), nn.Linear(channels, num_classes))
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(m.weight, std=0.02)
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)))


# channels of the first stage, blocks, stochastic depth
_SETTINGS = {
    "tiny": (96, (3, 3, 9, 3), 0.1),
    "small": (96, (3, 3, 27, 3), 0.4),
    "base": (128, (3, 3, 27, 3), 0.5),
    "large": (192, (3, 3, 27, 3), 0.5),
}


def _builder(size):
    def build(**kwargs):
        first, blocks, depth = _SETTINGS[size]
        setting = [CNBlockConfig(first << i, first << (i + 1) if i < 3 else None, n) for i, n in enumerate(blocks)]
        return ConvNeXt(setting, kwargs.pop("stochastic_depth_prob", depth), **kwargs)

    build.__name__ = build.__qualname__ = f"convnext_{size}"
    build.__doc__ = f"ConvNeXt, {size}."
    return model(getattr(_weights, f"ConvNeXt_{size.capitalize()}_Weights"))(build)


for _size in _SIZES:
    globals()[f"convnext_{_size.lower()}"] = _builder(_size.lower())
    globals()[f"ConvNeXt_{_size}_Weights"] = getattr(_weights, f"ConvNeXt_{_size}_Weights")
