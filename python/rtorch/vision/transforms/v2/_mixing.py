"""Transforms of batches that mix each picture, and its label, with the one before it; and noise."""

import math

import rtorch as torch
from rtorch.nn import Module
from rtorch.vision import tv_tensors


def _found_labels(sample):
    """The labels of a batch: under a key with "label" in it, else the last tensor."""
    named, tensors = [], []

    def look(x, key):
        if isinstance(x, dict):
            for k, v in x.items():
                look(v, str(k))
        elif isinstance(x, (list, tuple)):
            for v in x:
                look(v, key)
        elif isinstance(x, torch.Tensor):
            tensors.append(x)
            if "label" in key.lower():
                named.append(x)

    look(sample, "")
    if not tensors:
        raise ValueError("no labels: the batch has no tensor in it")
    return named[0] if named else tensors[-1]


class _Mixing(Module):
    """The share of each picture is drawn from Beta(alpha, alpha)."""

    def __init__(self, *, alpha=1.0, num_classes=None, labels_getter="default"):
        super().__init__()
        self.alpha = float(alpha)
        self.num_classes = num_classes
        self._dist = torch.distributions.Beta(torch.tensor([alpha]), torch.tensor([alpha]))
        self._labels_getter = _found_labels if labels_getter == "default" else labels_getter

    def extra_repr(self):
        classes = "" if self.num_classes is None else f", num_classes={self.num_classes}"
        return f"alpha={self.alpha}{classes}"

    def forward(self, *inputs):
        sample = inputs if len(inputs) > 1 else inputs[0]
        labels = self._labels_getter(sample)
        if not isinstance(labels, torch.Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2):
            raise ValueError(
                "labels should be index based with shape (batch_size,) or probability based with shape (batch_size, "
                f"num_classes), but got a tensor of shape {labels.shape} instead."
            )
        if labels.ndim == 2 and self.num_classes is not None and labels.shape[-1] != self.num_classes:
            raise ValueError(
                f"When passing 2D labels, the number of elements in last dimension must match num_classes: "
                f"{labels.shape[-1]} != {self.num_classes}. You can Leave num_classes to None."
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")
        pictures = self._pictures(sample, labels, [])
        height, width = pictures[0].shape[-2:] if pictures else (1, 1)
        share, mix = self._drawn(float(self._dist.sample(())), height, width)
        return self._changed(sample, labels, share, mix)

    def _pictures(self, x, labels, out):
        """Batches of pictures in the sample, checked."""
        if isinstance(x, (dict, list, tuple)):
            for v in x.values() if isinstance(x, dict) else x:
                self._pictures(v, labels, out)
        elif self._is_picture(x, labels):
            if x.ndim < 4:
                raise ValueError(f"Expected a batched input with 4 dims, but got {x.ndim} dimensions instead.")
            if x.shape[0] != labels.shape[0]:
                raise ValueError(
                    "The batch size of the image or video does not match the batch size of the labels: "
                    f"{x.shape[0]} != {labels.shape[0]}."
                )
            out.append(x)
        return out

    @staticmethod
    def _is_picture(x, labels):
        return isinstance(x, torch.Tensor) and x is not labels and not isinstance(x, tv_tensors.Mask)

    def _changed(self, x, labels, share, mix):
        if isinstance(x, dict):
            return type(x)((k, self._changed(v, labels, share, mix)) for k, v in x.items())
        if isinstance(x, tuple) and hasattr(x, "_fields"):
            return type(x)(*(self._changed(v, labels, share, mix) for v in x))
        if isinstance(x, (list, tuple)):
            return type(x)(self._changed(v, labels, share, mix) for v in x)
        if x is labels:
            y = torch.nn.functional.one_hot(x, self.num_classes) if x.ndim == 1 else x
            y = y if y.is_floating_point() else y.float()
            return y.roll(1, 0).mul_(1.0 - share).add_(y * share)
        if not self._is_picture(x, labels):
            return x
        return tv_tensors.wrap(mix(x), like=x) if isinstance(x, tv_tensors.TVTensor) else mix(x)


class MixUp(_Mixing):
    """Each picture and label is averaged with the one before it in the batch. Zhang et al. 2018."""

    def _drawn(self, share, height, width):
        return share, lambda x: x.roll(1, 0).mul_(1.0 - share).add_(x * share)


class CutMix(_Mixing):
    """A rectangle of each picture is that of the one before it; labels are mixed by area. Yun et al. 2019."""

    def _drawn(self, share, height, width):
        across = int(torch.randint(width, (1,)))
        down = int(torch.randint(height, (1,)))
        half = 0.5 * math.sqrt(1.0 - share)
        wide, high = int(half * width), int(half * height)
        left, right = max(across - wide, 0), min(across + wide, width)
        top, bottom = max(down - high, 0), min(down + high, height)

        def mix(x):
            out = x.clone()
            out[..., top:bottom, left:right] = x.roll(1, 0)[..., top:bottom, left:right]
            return out

        return 1.0 - (right - left) * (bottom - top) / (width * height), mix


def gaussian_noise(inpt, mean=0.0, sigma=0.1, clip=True):
    """The picture with normal noise; of bytes too, where mean and sigma are parts of 255."""
    if not isinstance(inpt, torch.Tensor):
        raise TypeError(f"Input should be a tensor, but got {type(inpt)}")
    if inpt.dtype != torch.uint8 and not inpt.is_floating_point():
        raise ValueError(f"Input tensor is expected to be in uint8 or float dtype, got dtype={inpt.dtype}")
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")
    if inpt.dtype != torch.uint8:
        x = inpt + (mean + torch.randn_like(inpt) * sigma)
        return x.clamp(0, 1) if clip else x
    # The noise is cut to whole numbers, and what leaves a byte is clamped or, without `clip`, wraps.
    noise = (mean + torch.randn(inpt.shape, device=inpt.device) * sigma) * 255
    x = inpt.to(torch.int16) + noise.to(torch.int16)
    return (x.clamp(0, 255) if clip else x).to(torch.uint8)
