"""Tensors, numbers and arrays as arrays."""

import rtorch as torch


def make_np(x):
    """An array of a tensor, an array, a list or a number."""
    import numpy as np

    if isinstance(x, np.ndarray):
        return x
    if np.isscalar(x):
        return np.array([x])
    if isinstance(x, torch.Tensor):
        x = x.detach().cpu()
        return (x.to(torch.float32) if x.dtype == torch.bfloat16 else x).numpy()
    if isinstance(x, (list, tuple)):
        return np.array([float(v) for v in x])
    raise NotImplementedError(f"Got {type(x)}, but numpy array or torch tensor are expected.")
