"""VGG. Simonyan and Zisserman 2014, "Very deep convolutional networks for large-scale image recognition"."""

import rtorch as torch
from rtorch import nn
from rtorch.vision.models._api import model
from rtorch.vision.models._weights import (
    VGG11_BN_Weights,
    VGG11_Weights,
    VGG13_BN_Weights,
    VGG13_Weights,
    VGG16_BN_Weights,
    VGG16_Weights,
    VGG19_BN_Weights,
    VGG19_Weights,
)

__all__ = [
    "VGG",
    "VGG11_BN_Weights",
    "VGG11_Weights",
    "VGG13_BN_Weights",
    "VGG13_Weights",
    "VGG16_BN_Weights",
    "VGG16_Weights",
    "VGG19_BN_Weights",
    "VGG19_Weights",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]


class VGG(nn.Module):
    def __init__(self, features, num_classes=1000, init_weights=True, dropout=0.5):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            for m in self.modules():
                if isinstance(m, nn.Conv2d):
                    nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
                    if m.bias is not None:
                        nn.init.constant_(m.bias, 0)
                elif isinstance(m, nn.BatchNorm2d):
                    nn.init.constant_(m.weight, 1)
                    nn.init.constant_(m.bias, 0)
                elif isinstance(m, nn.Linear):
                    nn.init.normal_(m.weight, 0, 0.01)
                    nn.init.constant_(m.bias, 0)

    def forward(self, x):
        x = self.avgpool(self.features(x))  # (n, 512, 7, 7)
        return self.classifier(torch.flatten(x, 1))


def make_layers(cfg, batch_norm=False):
    """Convolutions of 3x3 with the channels of `cfg`; "M" halves the picture."""
    layers = []
    channels = 3
    for v in cfg:
        if v == "M":
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(nn.Conv2d(channels, v, kernel_size=3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(v))
        layers.append(nn.ReLU(inplace=True))
        channels = v
    return nn.Sequential(*layers)


def _config(*repeats):
    out = []
    for n, channels in zip(repeats, (64, 128, 256, 512, 512)):
        out += [channels] * n + ["M"]
    return out


cfgs = {
    "A": _config(1, 1, 2, 2, 2),
    "B": _config(2, 2, 2, 2, 2),
    "D": _config(2, 2, 3, 3, 3),
    "E": _config(2, 2, 4, 4, 4),
}


def _vgg(cfg, batch_norm, kwargs):
    return VGG(make_layers(cfgs[cfg], batch_norm), **kwargs)


@model(VGG11_Weights, init_weights=False)
def vgg11(**kwargs):
    """VGG with 11 layers."""
    return _vgg("A", False, kwargs)


@model(VGG11_BN_Weights, init_weights=False)
def vgg11_bn(**kwargs):
    """VGG with 11 layers and batch normalization."""
    return _vgg("A", True, kwargs)


@model(VGG13_Weights, init_weights=False)
def vgg13(**kwargs):
    """VGG with 13 layers."""
    return _vgg("B", False, kwargs)


@model(VGG13_BN_Weights, init_weights=False)
def vgg13_bn(**kwargs):
    """VGG with 13 layers and batch normalization."""
    return _vgg("B", True, kwargs)


@model(VGG16_Weights, init_weights=False)
def vgg16(**kwargs):
    """VGG with 16 layers."""
    return _vgg("D", False, kwargs)


@model(VGG16_BN_Weights, init_weights=False)
def vgg16_bn(**kwargs):
    """VGG with 16 layers and batch normalization."""
    return _vgg("D", True, kwargs)


@model(VGG19_Weights, init_weights=False)
def vgg19(**kwargs):
    """VGG with 19 layers."""
    return _vgg("E", False, kwargs)


@model(VGG19_BN_Weights, init_weights=False)
def vgg19_bn(**kwargs):
    """VGG with 19 layers and batch normalization."""
    return _vgg("E", True, kwargs)
