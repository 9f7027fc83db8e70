"""The transforms of v2 as functions: those of the first, which give an Image for an Image and a Mask for a Mask."""

import functools

from rtorch.vision import tv_tensors
from rtorch.vision.transforms import functional as _first
from rtorch.vision.transforms.functional import convert_image_dtype, get_dimensions, pil_to_tensor
from rtorch.vision.transforms.v2._mixing import gaussian_noise as gaussian_noise


def _keeping(function):
    """`function` as v2 has it: what was an Image or a Mask stays one."""

    @functools.wraps(function)
    def kept(inpt, *args, **kwargs):
        out = function(inpt, *args, **kwargs)
        if not isinstance(inpt, tv_tensors.TVTensor):
            return out
        if isinstance(out, (tuple, list)):
            return type(out)(_wrapped(o, inpt) for o in out)
        return _wrapped(out, inpt)

    return kept


def _wrapped(out, like):
    import rtorch as torch

    return tv_tensors.wrap(out, like=like) if isinstance(out, torch.Tensor) else out


for _name in _first.__all__:
    _f = getattr(_first, _name)
    globals()[_name] = _keeping(_f) if callable(_f) and not isinstance(_f, type) else _f
hflip, vflip = _keeping(_first.hflip), _keeping(_first.vflip)


def to_image(inpt):
    """A picture of Pillow, an array or a tensor as an Image."""
    import rtorch as torch

    if isinstance(inpt, torch.Tensor):
        return tv_tensors.Image(inpt)
    if hasattr(inpt, "getbands"):
        return tv_tensors.Image(pil_to_tensor(inpt))
    import numpy as np

    if not isinstance(inpt, np.ndarray):
        raise TypeError(
            f"Input can either be a pure Tensor, a numpy array, or a PIL image, but got {type(inpt)} instead."
        )
    a = inpt[:, :, None] if inpt.ndim == 2 else inpt
    return tv_tensors.Image(torch.from_numpy(np.ascontiguousarray(a.transpose(2, 0, 1))))


def to_dtype(inpt, dtype=None, scale=False):
    """Another dtype; with `scale` brightness is kept."""
    import rtorch as torch

    dtype = torch.float32 if dtype is None else dtype
    return _keeping(convert_image_dtype)(inpt, dtype) if scale else inpt.to(dtype)


horizontal_flip = hflip
vertical_flip = vflip


def get_size(inpt):
    """[height, width]."""
    return get_dimensions(inpt)[1:]
