"""EfficientNet and EfficientNet v2: one design in several sizes. Tan and Le 2019 and 2021."""

from __future__ import annotations

import copy
import math
from functools import partial

import rtorch as torch
from rtorch import nn
from rtorch.vision.models import _weights
from rtorch.vision.models._api import _make_divisible, model
from rtorch.vision.models.mobilenetv2 import begin
from rtorch.vision.ops.misc import Conv2dNormActivation, SqueezeExcitation, StochasticDepth

_SIZES = ("B0", "B1", "B2", "B3", "B4", "B5", "B6", "B7", "V2_S", "V2_M", "V2_L")
__all__ = [
    "EfficientNet",
    *(f"EfficientNet_{s}_Weights" for s in _SIZES),
    *(f"efficientnet_{s.lower()}" for s in _SIZES),
]


class _Config:
    """A stage: expansion, kernel, stride of its first block, channels, number of blocks."""

    def __init__(self, expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block=None):
        self.expand_ratio = expand_ratio
        self.kernel = kernel
        self.stride = stride
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.block = block

    @staticmethod
    def adjust_channels(channels, width_mult, min_value=None):
        return _make_divisible(channels * width_mult, 8, min_value)


class MBConvConfig(_Config):
    def __init__(
        self,
        expand_ratio,
        kernel,
        stride,
        input_channels,
        out_channels,
        num_layers,
        width_mult=1.0,
        depth_mult=1.0,
        block=None,
    ):
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            self.adjust_channels(input_channels, width_mult),
            self.adjust_channels(out_channels, width_mult),
            math.ceil(num_layers * depth_mult),
            block or MBConv,
        )


class FusedMBConvConfig(_Config):
    def __init__(self, expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block=None):
        super().__init__(expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block or FusedMBConv)


class _Block(nn.Module):
    def __init__(self, cnf, layers, stochastic_depth_prob):
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input):
        out = self.block(input)
        if self.use_res_connect:
            out = self.stochastic_depth(out)
            out += input
        return out


class MBConv(_Block):
    """Expand, depthwise convolution, squeeze and excitation, project."""

    def __init__(self, cnf, stochastic_depth_prob, norm_layer, se_layer=SqueezeExcitation):
        inside = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        how = {"norm_layer": norm_layer, "activation_layer": nn.SiLU}
        layers = []
        if inside != cnf.input_channels:
            layers.append(Conv2dNormActivation(cnf.input_channels, inside, kernel_size=1, **how))
        layers += [
            Conv2dNormActivation(inside, inside, kernel_size=cnf.kernel, stride=cnf.stride, groups=inside, **how),
            se_layer(inside, max(1, cnf.input_channels // 4), activation=partial(nn.SiLU, inplace=True)),
            Conv2dNormActivation(inside, cnf.out_channels, kernel_size=1, norm_layer=norm_layer, activation_layer=None),
        ]
        super().__init__(cnf, layers, stochastic_depth_prob)


class FusedMBConv(_Block):
    """Expand by a full convolution, project."""

    def __init__(self, cnf, stochastic_depth_prob, norm_layer):
        inside = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        how = {"kernel_size": cnf.kernel, "stride": cnf.stride, "norm_layer": norm_layer, "activation_layer": nn.SiLU}
        if inside != cnf.input_channels:
            layers = [
                Conv2dNormActivation(cnf.input_channels, inside, **how),
                Conv2dNormActivation(
                    inside, cnf.out_channels, kernel_size=1, norm_layer=norm_layer, activation_layer=None
                ),
            ]
        else:
            layers = [Conv2dNormActivation(cnf.input_channels, cnf.out_channels, **how)]
        super().__init__(cnf, layers, stochastic_depth_prob)


class EfficientNet(nn.Module):
    def __init__(
        self,
        inverted_residual_setting,
        dropout,
        stochastic_depth_prob=0.2,
        num_classes=1000,
        norm_layer=None,
        last_channel=None,
    ):
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        norm = norm_layer or nn.BatchNorm2d
        how = {"norm_layer": norm, "activation_layer": nn.SiLU}
        first = inverted_residual_setting[0].input_channels
        layers = [Conv2dNormActivation(3, first, kernel_size=3, stride=2, **how)]
        total, at = sum(c.num_layers for c in inverted_residual_setting), 0
        for stage in inverted_residual_setting:
            blocks = []
            for _ in range(stage.num_layers):
                cnf = copy.copy(stage)
                if blocks:
                    cnf.input_channels = cnf.out_channels
                    cnf.stride = 1
                # later blocks are dropped more often
                blocks.append(cnf.block(cnf, stochastic_depth_prob * float(at) / total, norm))
                at += 1
            layers.append(nn.Sequential(*blocks))
        last = inverted_residual_setting[-1].out_channels
        out = last_channel if last_channel is not None else 4 * last
        layers.append(Conv2dNormActivation(last, out, kernel_size=1, **how))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(out, num_classes))

        def linear(m):
            bound = 1.0 / math.sqrt(m.out_features)
            nn.init.uniform_(m.weight, -bound, bound)

        begin(self, linear)

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


_BASE = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)
# width, depth, dropout
_B = {
    "b0": (1.0, 1.0, 0.2),
    "b1": (1.0, 1.1, 0.2),
    "b2": (1.1, 1.2, 0.3),
    "b3": (1.2, 1.4, 0.3),
    "b4": (1.4, 1.8, 0.4),
    "b5": (1.6, 2.2, 0.4),
    "b6": (1.8, 2.6, 0.5),
    "b7": (2.0, 3.1, 0.5),
}
# dropout, stages with full convolutions, stages with depthwise ones
_V2 = {
    "v2_s": (
        0.2,
        ((1, 3, 1, 24, 24, 2), (4, 3, 2, 24, 48, 4), (4, 3, 2, 48, 64, 4)),
        ((4, 3, 2, 64, 128, 6), (6, 3, 1, 128, 160, 9), (6, 3, 2, 160, 256, 15)),
    ),
    "v2_m": (
        0.3,
        ((1, 3, 1, 24, 24, 3), (4, 3, 2, 24, 48, 5), (4, 3, 2, 48, 80, 5)),
        ((4, 3, 2, 80, 160, 7), (6, 3, 1, 160, 176, 14), (6, 3, 2, 176, 304, 18), (6, 3, 1, 304, 512, 5)),
    ),
    "v2_l": (
        0.4,
        ((1, 3, 1, 32, 32, 4), (4, 3, 2, 32, 64, 7), (4, 3, 2, 64, 96, 7)),
        ((4, 3, 2, 96, 192, 10), (6, 3, 1, 192, 224, 19), (6, 3, 2, 224, 384, 25), (6, 3, 1, 384, 640, 7)),
    ),
}


def _builder(size):
    def build(**kwargs):
        if size in _B:
            width, depth, dropout = _B[size]
            setting = [MBConvConfig(*row, width_mult=width, depth_mult=depth) for row in _BASE]
            if size in ("b5", "b6", "b7"):
                kwargs.setdefault("norm_layer", partial(nn.BatchNorm2d, eps=0.001, momentum=0.01))
            return EfficientNet(setting, kwargs.pop("dropout", dropout), **kwargs)
        dropout, fused, plain = _V2[size]
        setting = [FusedMBConvConfig(*row) for row in fused] + [MBConvConfig(*row) for row in plain]
        kwargs.setdefault("norm_layer", partial(nn.BatchNorm2d, eps=1e-3))
        return EfficientNet(setting, kwargs.pop("dropout", dropout), last_channel=1280, **kwargs)

    build.__name__ = build.__qualname__ = f"efficientnet_{size}"
    build.__doc__ = f"EfficientNet {size.upper().replace('_', '-')}."
    return model(getattr(_weights, f"EfficientNet_{size.upper()}_Weights"))(build)


for _size in _SIZES:
    globals()[f"efficientnet_{_size.lower()}"] = _builder(_size.lower())
    globals()[f"EfficientNet_{_size}_Weights"] = getattr(_weights, f"EfficientNet_{_size}_Weights")
