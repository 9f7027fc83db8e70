"""The transforms of v2 as functions."""

from rtorch.vision.transforms import functional as _first
from rtorch.vision.transforms.functional import convert_image_dtype, get_dimensions, hflip, pil_to_tensor, vflip
from rtorch.vision.transforms.v2._mixing import gaussian_noise as gaussian_noise

globals().update({name: getattr(_first, name) for name in _first.__all__})


def to_image(inpt):
    """A picture of Pillow, an array or a tensor as an Image."""
    import rtorch as torch
    from rtorch.vision import tv_tensors

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
    return convert_image_dtype(inpt, dtype) if scale else inpt.to(dtype)


horizontal_flip = hflip
vertical_flip = vflip


def get_size(inpt):
    """[height, width]."""
    return get_dimensions(inpt)[1:]
