"""AutoAugment, RandAugment, TrivialAugment: random choices among transforms of graded strength."""

from __future__ import annotations

import enum
import math

import rtorch as torch
from rtorch.nn import Module
from rtorch.vision.transforms import functional as F
from rtorch.vision.transforms._drawing import _fill
from rtorch.vision.transforms.functional import InterpolationMode

__all__ = ["AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]


def apply_op(img, name, magnitude, interpolation, fill):
    """One of the transforms, by its name."""
    how = {"interpolation": interpolation, "fill": fill}
    still = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0], **how}
    if name == "ShearX":
        shear = [math.degrees(math.atan(magnitude)), 0.0]
        return F.affine(img, **{**still, "shear": shear}, center=[0, 0])
    if name == "ShearY":
        shear = [0.0, math.degrees(math.atan(magnitude))]
        return F.affine(img, **{**still, "shear": shear}, center=[0, 0])
    if name == "TranslateX":
        return F.affine(img, **{**still, "translate": [int(magnitude), 0]})
    if name == "TranslateY":
        return F.affine(img, **{**still, "translate": [0, int(magnitude)]})
    if name == "Rotate":
        return F.rotate(img, magnitude, **how)
    if name in ("Brightness", "Color", "Contrast", "Sharpness"):
        f = {
            "Brightness": F.adjust_brightness,
            "Color": F.adjust_saturation,
            "Contrast": F.adjust_contrast,
            "Sharpness": F.adjust_sharpness,
        }[name]
        return f(img, 1.0 + magnitude)
    if name == "Posterize":
        return F.posterize(img, int(magnitude))
    if name == "Solarize":
        return F.solarize(img, magnitude)
    simple = {"AutoContrast": F.autocontrast, "Equalize": F.equalize, "Invert": F.invert, "Identity": lambda x: x}
    try:
        return simple[name](img)
    except KeyError:
        raise ValueError(f"The provided operator {name} is not recognized.") from None


class AutoAugmentPolicy(enum.Enum):
    """The data on which a policy was found."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# each pair: (name, probability, strength 0..9 or None), twice
_POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize .4 8 Rotate .6 9; Solarize .6 5 AutoContrast .6 -; Equalize .8 - Equalize .6 -;
        Posterize .6 7 Posterize .6 6; Equalize .4 - Solarize .2 4; Equalize .4 - Rotate .8 8;
        Solarize .6 3 Equalize .6 -; Posterize .8 5 Equalize 1 -; Rotate .2 3 Solarize .6 8;
        Equalize .6 - Posterize .4 6; Rotate .8 8 Color .4 0; Rotate .4 9 Equalize .6 -;
        Equalize 0 - Equalize .8 -; Invert .6 - Equalize 1 -; Color .6 4 Contrast 1 8;
        Rotate .8 8 Color 1 2; Color .8 8 Solarize .8 7; Sharpness .4 7 Invert .6 -;
        ShearX .6 5 Equalize 1 -; Color .4 0 Equalize .6 -; Equalize .4 - Solarize .2 4;
        Solarize .6 5 AutoContrast .6 -; Invert .6 - Equalize 1 -; Color .6 4 Contrast 1 8;
        Equalize .8 - Equalize .6 -""",
    AutoAugmentPolicy.CIFAR10: """
        Invert .1 - Contrast .2 6; Rotate .7 2 TranslateX .3 9; Sharpness .8 1 Sharpness .9 3;
        ShearY .5 8 TranslateY .7 9; AutoContrast .5 - Equalize .9 -; ShearY .2 7 Posterize .3 7;
        Color .4 3 Brightness .6 7; Sharpness .3 9 Brightness .7 9; Equalize .6 - Equalize .5 -;
        Contrast .6 7 Sharpness .6 5; Color .7 7 TranslateX .5 8; Equalize .3 - AutoContrast .4 -;
        TranslateY .4 3 Sharpness .2 6; Brightness .9 6 Color .2 8; Solarize .5 2 Invert 0 -;
        Equalize .2 - AutoContrast .6 -; Equalize .2 - Equalize .6 -; Color .9 9 Equalize .6 -;
        AutoContrast .8 - Solarize .2 8; Brightness .1 3 Color .7 0; Solarize .4 5 AutoContrast .9 -;
        TranslateY .9 9 TranslateY .7 9; AutoContrast .9 - Solarize .8 3; Equalize .8 - Invert .1 -;
        TranslateY .7 9 AutoContrast .9 -""",
    AutoAugmentPolicy.SVHN: """
        ShearX .9 4 Invert .2 -; ShearY .9 8 Invert .7 -; Equalize .6 - Solarize .6 6;
        Invert .9 - Equalize .6 -; Equalize .6 - Rotate .9 3; ShearX .9 4 AutoContrast .8 -;
        ShearY .9 8 Invert .4 -; ShearY .9 5 Solarize .2 6; Invert .9 - AutoContrast .8 -;
        Equalize .6 - Rotate .9 3; ShearX .9 4 Solarize .3 3; ShearY .8 8 Invert .7 -;
        Equalize .9 - TranslateY .6 6; Invert .9 - Equalize .6 -; Contrast .3 3 Rotate .8 4;
        Invert .8 - TranslateY 0 2; ShearY .7 6 Solarize .4 8; Invert .6 - Rotate .8 4;
        ShearY .3 7 TranslateX .9 3; ShearX .1 6 Invert .6 -; Solarize .7 2 TranslateY .6 7;
        ShearY .8 4 Invert .8 -; ShearX .7 9 TranslateY .8 3; ShearY .8 5 AutoContrast .7 -;
        ShearX .7 2 Invert .1 -""",
}


def _policy(text):
    out = []
    for row in text.split(";"):
        w = row.split()
        parts = [w[:3], w[3:]]
        out.append(tuple((name, float(p), None if m == "-" else int(m)) for name, p, m in parts))
    return out


class AutoAugment(Module):
    """A random pair of a policy. Cubuk et al. 2018."""

    def __init__(self, policy=AutoAugmentPolicy.IMAGENET, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__()
        if policy not in _POLICIES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policy, self.interpolation, self.fill = policy, interpolation, fill
        self.policies = _policy(_POLICIES[policy])

    def _strengths(self, n, size):
        height, width = size
        return {
            "ShearX": (torch.linspace(0.0, 0.3, n), True),
            "ShearY": (torch.linspace(0.0, 0.3, n), True),
            "TranslateX": (torch.linspace(0.0, 150.0 / 331.0 * width, n), True),
            "TranslateY": (torch.linspace(0.0, 150.0 / 331.0 * height, n), True),
            "Rotate": (torch.linspace(0.0, 30.0, n), True),
            "Brightness": (torch.linspace(0.0, 0.9, n), True),
            "Color": (torch.linspace(0.0, 0.9, n), True),
            "Contrast": (torch.linspace(0.0, 0.9, n), True),
            "Sharpness": (torch.linspace(0.0, 0.9, n), True),
            "Posterize": (8 - (torch.arange(n) / ((n - 1) / 4)).round().int(), False),
            "Solarize": (torch.linspace(255.0, 0.0, n), False),
            "AutoContrast": (torch.tensor(0.0), False),
            "Equalize": (torch.tensor(0.0), False),
            "Invert": (torch.tensor(0.0), False),
        }

    @staticmethod
    def get_params(transform_num):
        which = int(torch.randint(transform_num, (1,)).item())
        return which, torch.rand((2,)), torch.randint(2, (2,))

    def forward(self, img):
        fill = self.fill if self.fill is None else _fill(img, self.fill)
        _, height, width = F.get_dimensions(img)
        which, chances, signs = self.get_params(len(self.policies))
        strengths = self._strengths(10, (height, width))
        for i, (name, p, m) in enumerate(self.policies[which]):
            if chances[i] <= p:
                table, signed = strengths[name]
                magnitude = 0.0 if m is None else float(table[m].item())
                if signed and signs[i] == 0:
                    magnitude *= -1.0
                img = apply_op(img, name, magnitude, self.interpolation, fill)
        return img

    def __repr__(self):
        return f"{type(self).__name__}(policy={self.policy}, fill={self.fill})"


class RandAugment(Module):
    """Some transforms of one strength. Cubuk et al. 2019."""

    def __init__(
        self,
        num_ops=2,
        magnitude=9,
        num_magnitude_bins=31,
        interpolation=InterpolationMode.NEAREST,
        fill=None,
    ):
        super().__init__()
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins
        self.interpolation, self.fill = interpolation, fill

    def _strengths(self, n, size):
        table = AutoAugment._strengths(self, n, size)
        del table["Invert"]
        return {"Identity": (torch.tensor(0.0), False), **table}

    def forward(self, img):
        fill = self.fill if self.fill is None else _fill(img, self.fill)
        _, height, width = F.get_dimensions(img)
        for _ in range(self.num_ops):
            strengths = self._strengths(self.num_magnitude_bins, (height, width))
            name = list(strengths)[int(torch.randint(len(strengths), (1,)).item())]
            table, signed = strengths[name]
            magnitude = float(table[self.magnitude].item()) if table.ndim > 0 else 0.0
            if signed and torch.randint(2, (1,)):
                magnitude *= -1.0
            img = apply_op(img, name, magnitude, self.interpolation, fill)
        return img

    def __repr__(self):
        return (
            f"{type(self).__name__}(num_ops={self.num_ops}, magnitude={self.magnitude}, "
            f"num_magnitude_bins={self.num_magnitude_bins}, interpolation={self.interpolation}, fill={self.fill})"
        )


class TrivialAugmentWide(Module):
    """One transform of any strength. Mueller and Hutter 2021."""

    def __init__(self, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__()
        self.num_magnitude_bins, self.interpolation, self.fill = num_magnitude_bins, interpolation, fill

    def _strengths(self, n):
        table = {"Identity": (torch.tensor(0.0), False)}
        most = {"ShearX": 0.99, "ShearY": 0.99, "TranslateX": 32.0, "TranslateY": 32.0, "Rotate": 135.0}
        most.update(dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), 0.99))
        for name, value in most.items():
            table[name] = (torch.linspace(0.0, value, n), True)
        table["Posterize"] = (8 - (torch.arange(n) / ((n - 1) / 6)).round().int(), False)
        table["Solarize"] = (torch.linspace(255.0, 0.0, n), False)
        table["AutoContrast"] = table["Equalize"] = (torch.tensor(0.0), False)
        return table

    def forward(self, img):
        fill = self.fill if self.fill is None else _fill(img, self.fill)
        strengths = self._strengths(self.num_magnitude_bins)
        name = list(strengths)[int(torch.randint(len(strengths), (1,)).item())]
        table, signed = strengths[name]
        magnitude = float(table[int(torch.randint(len(table), (1,)).item())].item()) if table.ndim > 0 else 0.0
        if signed and torch.randint(2, (1,)):
            magnitude *= -1.0
        return apply_op(img, name, magnitude, self.interpolation, fill)

    def __repr__(self):
        return (
            f"{type(self).__name__}(num_magnitude_bins={self.num_magnitude_bins}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )
