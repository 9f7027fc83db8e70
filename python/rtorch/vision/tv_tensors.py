"""`torchvision.tv_tensors`: tensors that say what they are, so that transforms treat a picture and its mask alike in
place and apart in colour."""

from __future__ import annotations

import rtorch as torch

__all__ = ["Image", "Mask", "TVTensor", "set_return_type", "wrap"]

# what stays of the kind that it was; everything else gives plain tensors, unless set_return_type says otherwise
_KEEPING = {torch.Tensor.clone, torch.Tensor.to, torch.Tensor.detach, torch.Tensor.requires_grad_}
_keep_all = False


class set_return_type:
    """`set_return_type("TVTensor")`: what is computed with an Image is an Image. "Tensor", the default: a plain tensor.
    From then on, or inside `with`."""

    def __init__(self, return_type):
        global _keep_all
        kinds = {"tensor": False, "tvtensor": True}
        if return_type.lower() not in kinds:
            raise ValueError(f"return_type must be 'TVTensor' or 'Tensor', got {return_type}")
        self.before, _keep_all = _keep_all, kinds[return_type.lower()]

    def __enter__(self):
        return self

    def __exit__(self, *args):
        global _keep_all
        _keep_all = self.before


class TVTensor(torch.Tensor):
    """A tensor that says what it is."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        out = super().__torch_function__(func, types, args, kwargs or {})
        if _keep_all or (func in _KEEPING and isinstance(args[0], cls)):
            return out
        if isinstance(out, TVTensor):
            return out.as_subclass(torch.Tensor)
        if isinstance(out, (tuple, list)) and any(isinstance(o, TVTensor) for o in out):
            plain = [o.as_subclass(torch.Tensor) if isinstance(o, TVTensor) else o for o in out]
            return type(out)(plain)
        return out

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

    def __deepcopy__(self, memo):
        return wrap(self.detach().clone(), like=self).requires_grad_(self.requires_grad)

    def __repr__(self, *, tensor_contents=None):
        return super().__repr__()[:-1] + ", )"


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
