"""`torchvision.transforms.v2`: the transforms on several things at once: a picture, or any nesting of tuples, lists and
dicts with pictures and masks in it. Labels and other things pass through. A plain tensor counts as a picture where
nothing says more clearly what is one, and only the first of them.

The work and the random draws are those of the first transforms; where several things are transformed alike, each sees
the same draws.
"""

from __future__ import annotations

import rtorch as torch
from rtorch.nn import Module
from rtorch.vision import tv_tensors
from rtorch.vision.transforms import _colours, _geometry
from rtorch.vision.transforms import autoaugment as _auto
from rtorch.vision.transforms import transforms as _one
from rtorch.vision.transforms.autoaugment import AutoAugmentPolicy
from rtorch.vision.transforms.functional import InterpolationMode
from rtorch.vision.transforms.v2 import _shown
from rtorch.vision.transforms.v2 import functional as functional
from rtorch.vision.transforms.v2._mixing import CutMix as CutMix
from rtorch.vision.transforms.v2._mixing import MixUp as MixUp
from rtorch.vision.transforms.v2.functional import to_dtype, to_image


def _is_picture(x):
    return isinstance(x, tv_tensors.Image) or hasattr(x, "getbands")


def _parts(x, out):
    if isinstance(x, dict):
        for v in x.values():
            _parts(v, out)
    elif isinstance(x, (list, tuple)):
        for v in x:
            _parts(v, out)
    else:
        out.append(x)
    return out


def _rebuilt(x, parts):
    if isinstance(x, dict):
        return type(x)((k, _rebuilt(v, parts)) for k, v in x.items())
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(_rebuilt(v, parts) for v in x))
    if isinstance(x, (list, tuple)):
        return type(x)(_rebuilt(v, parts) for v in x)
    return next(parts)


class Transform(Module):
    """The base: `transform(inpt)` does one thing; which things, `forward` decides."""

    _masks = False  # do masks move with the picture?

    def transform(self, inpt):
        raise NotImplementedError

    def forward(self, *inputs):
        sample = inputs if len(inputs) > 1 else inputs[0]
        parts = _parts(sample, [])
        known = any(_is_picture(p) for p in parts) or any(isinstance(p, tv_tensors.Mask) for p in parts)
        what = []
        for i, p in enumerate(parts):
            if _is_picture(p) or (isinstance(p, tv_tensors.Mask) and self._masks):
                what.append(i)
            elif not known and isinstance(p, torch.Tensor) and type(p) is not tv_tensors.Mask:
                what.append(i)
                known = True
        before = torch.get_rng_state() if len(what) > 1 else None
        for k, i in enumerate(what):
            if k:
                torch.set_rng_state(before)
            parts[i] = self._kept(self.transform(parts[i]), parts[i])
        return _rebuilt(sample, iter(parts))

    @staticmethod
    def _kept(out, like):
        """What was an Image or a Mask stays one."""
        if isinstance(out, (list, tuple)):
            return type(out)(Transform._kept(o, like) for o in out)
        return tv_tensors.wrap(out, like=like) if isinstance(out, torch.Tensor) else out


def _of(base, masks=False):
    """A transform of v2 from one of the first."""

    class Made(Transform, base):
        _masks = masks

        def transform(self, inpt):
            if isinstance(inpt, tv_tensors.Mask):
                return self._on_mask(inpt)
            plain = inpt.as_subclass(torch.Tensor) if isinstance(inpt, tv_tensors.TVTensor) else inpt
            return base.forward(self, plain) if hasattr(base, "forward") else base.__call__(self, plain)

        def _on_mask(self, mask):
            kept = getattr(self, "interpolation", None)
            plain = mask.as_subclass(torch.Tensor)
            flat = plain.dim() == 2
            if kept is not None:
                self.interpolation = InterpolationMode.NEAREST  # values between two classes mean nothing
            try:
                out = base.forward(self, plain.unsqueeze(0) if flat else plain)
            finally:
                if kept is not None:
                    self.interpolation = kept
            return out.squeeze(0) if flat else out

        __call__ = Module.__call__
        __repr__ = Module.__repr__

        def extra_repr(self):
            return _shown.settings(self)

    Made.__name__ = Made.__qualname__ = base.__name__
    Made.__module__ = __name__
    Made.__doc__ = base.__doc__
    return Made


def _module(base):
    """The first transforms are not all modules; those of v2 are."""

    class AsModule(Module, base):
        def __init__(self, *args, **kwargs):
            Module.__init__(self)
            base.__init__(self, *args, **kwargs)

        __call__ = Module.__call__
        __repr__ = base.__repr__

        def forward(self, x):
            return base.__call__(self, x)

    AsModule.__name__ = base.__name__
    AsModule.__doc__ = base.__doc__
    return AsModule


for _name in _geometry.__all__:
    globals()[_name] = _of(getattr(_geometry, _name), masks=True)
for _name in (*_colours.__all__, "LinearTransformation", "Normalize"):
    globals()[_name] = _of(getattr(_one, _name))
ConvertImageDtype = _of(_one.ConvertImageDtype)
for _name in ("AutoAugment", "RandAugment", "TrivialAugmentWide"):
    globals()[_name] = _of(getattr(_auto, _name))


class GaussianNoise(Transform):
    """gaussian_noise, of tensors."""

    def __init__(self, mean=0.0, sigma=0.1, clip=True):
        super().__init__()
        self.mean, self.sigma, self.clip = mean, sigma, clip

    def transform(self, inpt):
        plain = inpt.as_subclass(torch.Tensor) if isinstance(inpt, tv_tensors.TVTensor) else inpt
        return functional.gaussian_noise(plain, self.mean, self.sigma, self.clip)

    def extra_repr(self):
        return _shown.settings(self)


class PILToTensor(Transform):
    """pil_to_tensor, of pictures of Pillow."""

    def transform(self, inpt):
        return functional.pil_to_tensor(inpt) if hasattr(inpt, "getbands") else inpt


class ToPILImage(Transform):
    """to_pil_image."""

    def __init__(self, mode=None):
        super().__init__()
        self.mode = mode

    def transform(self, inpt):
        return inpt if hasattr(inpt, "getbands") else functional.to_pil_image(inpt, self.mode)


class ToImage(Transform):
    """A picture of Pillow, an array or a tensor as an Image."""

    def forward(self, *inputs):
        import numpy as np

        sample = inputs if len(inputs) > 1 else inputs[0]
        parts = _parts(sample, [])
        pictures = [p for p in parts if hasattr(p, "getbands") or isinstance(p, (np.ndarray, tv_tensors.Image))]
        first = next((p for p in parts if type(p) is torch.Tensor), None) if not pictures else None
        parts = [
            to_image(p)
            if hasattr(p, "getbands") or isinstance(p, np.ndarray) or (p is first and first is not None)
            else p
            for p in parts
        ]
        return _rebuilt(sample, iter(parts))


class ToPureTensor(Module):
    """Images and masks as plain tensors."""

    def forward(self, *inputs):
        sample = inputs if len(inputs) > 1 else inputs[0]
        parts = [p.as_subclass(torch.Tensor) if isinstance(p, tv_tensors.TVTensor) else p for p in _parts(sample, [])]
        return _rebuilt(sample, iter(parts))


class ToTensor(Transform):
    """to_tensor, as before v2. (ToImage() and ToDtype(torch.float32, scale=True) say the same.)"""

    def __init__(self):
        super().__init__()
        import warnings

        warnings.warn(
            "The transform `ToTensor()` is deprecated and will be removed in a future release. Instead, please use "
            "`v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])`."
            "Output is equivalent up to float precision.",
            stacklevel=2,
        )

    def forward(self, *inputs):
        import numpy as np

        sample = inputs if len(inputs) > 1 else inputs[0]
        parts = [
            functional.to_tensor(p) if hasattr(p, "getbands") or isinstance(p, np.ndarray) else p
            for p in _parts(sample, [])
        ]
        return _rebuilt(sample, iter(parts))


class ToDtype(Transform):
    """Another dtype; with `scale` brightness is kept. A dict of kinds gives each its own."""

    _masks = True

    def __init__(self, dtype, scale=False):
        super().__init__()
        if not isinstance(dtype, (dict, torch.dtype)):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        self.dtype = dtype
        self.scale = scale

    def transform(self, inpt):
        if not isinstance(inpt, torch.Tensor):
            return inpt
        dtype = self.dtype
        if isinstance(dtype, dict):
            dtype = next((dtype[k] for k in (type(inpt), "others") if k in dtype), None)
            if dtype is None:
                return inpt
        elif isinstance(inpt, tv_tensors.Mask):
            return inpt  # classes, not brightness
        plain = inpt.as_subclass(torch.Tensor) if isinstance(inpt, tv_tensors.TVTensor) else inpt
        return to_dtype(plain, dtype, self.scale and not isinstance(inpt, tv_tensors.Mask))

    def extra_repr(self):
        return f"scale={self.scale}"


class Identity(Module):
    """Nothing."""

    def forward(self, *inputs):
        return inputs if len(inputs) > 1 else inputs[0]


class Lambda(Module):
    """A function of the user's, on everything, or on things of some types."""

    def __init__(self, lambd, *types):
        super().__init__()
        self.lambd = lambd
        self.types = types or (object,)

    def extra_repr(self):
        return f"{getattr(self.lambd, '__name__', self.lambd)}, types={[t.__name__ for t in self.types]}"

    def forward(self, *inputs):
        sample = inputs if len(inputs) > 1 else inputs[0]
        parts = [self.lambd(p) if isinstance(p, self.types) else p for p in _parts(sample, [])]
        return _rebuilt(sample, iter(parts))


class _Several(Module):
    def __init__(self, transforms):
        super().__init__()
        if not transforms:
            raise ValueError("Pass at least one transform")
        self.transforms = transforms

    @staticmethod
    def _through(transforms, inputs):
        for t in transforms:
            out = t(*inputs)
            inputs = out if len(inputs) > 1 else (out,)
        return inputs if len(inputs) > 1 else inputs[0]

    def extra_repr(self):
        return "\n".join(f"    {t}" for t in self.transforms)


class Compose(_Several):
    """One after the other."""

    def __init__(self, transforms):
        if not isinstance(transforms, (list, tuple)):
            raise TypeError("Argument transforms should be a sequence of callables")
        super().__init__(transforms)

    def forward(self, *inputs):
        return self._through(self.transforms, inputs)


class RandomApply(_Several):
    """All of them, with probability p."""

    def __init__(self, transforms, p=0.5):
        super().__init__(transforms)
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs):
        skip = torch.rand(1) >= self.p
        return self._through(() if skip else self.transforms, inputs)


class RandomChoice(_Several):
    """One of them."""

    def __init__(self, transforms, p=None):
        super().__init__(transforms)
        p = [1] * len(transforms) if p is None else p
        if len(p) != len(transforms):
            raise ValueError(f"Length of p doesn't match the number of transforms: {len(p)} != {len(transforms)}")
        self.p = [v / sum(p) for v in p]

    extra_repr = _shown.settings

    def forward(self, *inputs):
        which = int(torch.multinomial(torch.tensor(self.p), 1))
        return self._through([self.transforms[which]], inputs)


class RandomOrder(_Several):
    """All of them, in random order."""

    extra_repr = _shown.settings

    def forward(self, *inputs):
        return self._through([self.transforms[i] for i in torch.randperm(len(self.transforms)).tolist()], inputs)
