"""`torchvision.tv_tensors`: tensors that say what they are, so that transforms treat a picture and its mask alike in
place and apart in colour."""

from __future__ import annotations

import rtorch as torch

__all__ = ["Image", "Mask", "TVTensor", "wrap"]


class TVTensor(torch.Tensor):
    """A tensor that says what it is."""

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        if not isinstance(data, torch.Tensor):
            if hasattr(data, "getbands"):
                from rtorch.vision.transforms.functional import pil_to_tensor

                data = pil_to_tensor(data)
            else:
                data = torch.as_tensor(data)
        t = data.detach() if type(data) is torch.Tensor else data.detach().as_subclass(torch.Tensor)
        if dtype is not None or device is not None:
            t = t.to(dtype=dtype, device=device)
        out = torch.Tensor._make_subclass(cls, cls._shaped(t))
        out.requires_grad = data.requires_grad if requires_grad is None else requires_grad
        return out

    @staticmethod
    def _shaped(t):
        return t


class Image(TVTensor):
    """A picture (..., channels, height, width)."""

    @staticmethod
    def _shaped(t):
        if t.ndim < 2:
            raise ValueError
        return t.unsqueeze(0) if t.ndim == 2 else t


class Mask(TVTensor):
    """A mask (..., height, width): whole numbers that say to what each pixel belongs."""


def wrap(wrappee, *, like):
    """A tensor as the same kind as another."""
    return torch.Tensor._make_subclass(type(like), wrappee.detach()) if isinstance(like, TVTensor) else wrappee
