"""`torch.masked`: reductions and normalizations over the elements where a mask is true.

What is masked out takes the value that leaves the result alone (0 in a sum, -inf in a maximum). Where nothing is left,
the result is that value, or NaN in a mean.
"""

import rtorch as torch

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median",
    "norm", "normalize", "prod", "softmax", "softmin", "std", "sum", "var",
]  # fmt: skip


def _dims(dim, ndim):
    """The dimensions that are meant, each once."""
    if dim is None:
        return tuple(range(ndim))
    seen = []
    top = max(ndim, 1)
    for d in (dim,) if isinstance(dim, int) else dim:
        if not -top <= d < top:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-top}, {top - 1}], but got {d})"
            )
        if d % top in seen:
            raise RuntimeError(f"dim={d % top} appears multiple times in the list of dims")
        seen.append(d % top)
    return tuple(seen)


def _mask_of(input, mask):
    """The mask as truth values in the shape of `input`; None if there is none."""
    if mask is None:
        return None
    if mask.ndim > input.ndim:
        raise IndexError("the mask has more dimensions than the input: it must be broadcastable to it")
    if mask.shape != input.shape:
        mask = mask.broadcast_to(input.shape)
    return mask if mask.dtype == torch.bool else mask.bool()


def _filled(input, mask, value):
    mask = _mask_of(input, mask)
    return input if mask is None else input.masked_fill(~mask, value)


def _lowest(dtype):
    if dtype == torch.bool:
        return False
    return -torch.inf if dtype.is_floating_point else torch.iinfo(dtype).min


def _highest(dtype):
    if dtype == torch.bool:
        return True
    return torch.inf if dtype.is_floating_point else torch.iinfo(dtype).max


def _summing(input, dtype):
    """Sums and products of integers are 64-bit integers."""
    if dtype is None and not (input.is_floating_point() or input.is_complex()):
        return torch.int64
    return input.dtype if dtype is None else dtype


def _inexact(name, input, dtype):
    dtype = input.dtype if dtype is None else dtype
    if not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(
            f"{name}(): Could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {input.dtype}"
        )
    return dtype


def _float(input, dtype):
    if dtype is None:
        return input.dtype if input.is_floating_point() or input.is_complex() else torch.get_default_dtype()
    return dtype


def sum(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The sum of the elements where `mask` is true."""
    dtype = _summing(input, dtype)
    return torch.sum(_filled(input, mask, 0), _dims(dim, input.ndim), bool(keepdim), dtype=dtype)


def prod(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The product of the elements where `mask` is true."""
    dtype = _summing(input, dtype)
    x = _filled(input, mask, 1)
    for d in sorted(_dims(dim, input.ndim), reverse=True):
        x = x.prod(d, keepdim=bool(keepdim), dtype=dtype)
    return x.to(dtype)


def cumsum(input, dim, *, dtype=None, mask=None):
    """Running sums; what is masked out counts as 0."""
    dtype = input.dtype if dtype is None else dtype
    return torch.cumsum(_filled(input, mask, 0), _dims(dim, input.ndim)[0], dtype=dtype)


def cumprod(input, dim, *, dtype=None, mask=None):
    """Running products; what is masked out counts as 1."""
    dtype = input.dtype if dtype is None else dtype
    return torch.cumprod(_filled(input, mask, 1), _dims(dim, input.ndim)[0], dtype=dtype)


def amax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The largest of the elements where `mask` is true."""
    x = _filled(input, mask, _lowest(input.dtype))
    return torch.amax(x, _dims(dim, input.ndim), bool(keepdim)).to(input.dtype if dtype is None else dtype)


def amin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The smallest of the elements where `mask` is true."""
    x = _filled(input, mask, _highest(input.dtype))
    return torch.amin(x, _dims(dim, input.ndim), bool(keepdim)).to(input.dtype if dtype is None else dtype)


def argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The place of the largest of the elements where `mask` is true, in the dtype of `input`."""
    x = _filled(input, mask, _lowest(input.dtype))
    return torch.argmax(x, dim, bool(keepdim)).to(input.dtype if dtype is None else dtype)


def argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The place of the smallest of the elements where `mask` is true, in the dtype of `input`."""
    x = _filled(input, mask, _highest(input.dtype))
    return torch.argmin(x, dim, bool(keepdim)).to(input.dtype if dtype is None else dtype)


def _count(input, dims, mask, keepdim):
    mask = _mask_of(input, mask)
    one = torch.ones((), dtype=torch.bool, device=input.device).expand(input.shape) if mask is None else mask
    return one.sum(dims, keepdim)


def mean(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The mean of the elements where `mask` is true; NaN where there is none."""
    dtype, dims = _inexact("mean", input, dtype), _dims(dim, input.ndim)
    if mask is None:
        return torch.mean(input, dims, bool(keepdim), dtype=dtype)
    total = sum(input, dims, keepdim=keepdim, dtype=dtype, mask=mask)
    return total / _count(input, dims, mask, bool(keepdim))


def median(input, dim=-1, *, keepdim=False, dtype=None, mask=None):
    """The lower median of the elements where `mask` is true; NaN where there is none."""
    dtype = _inexact("median", input, dtype)
    return torch.nanmedian(_filled(input.to(dtype), mask, torch.nan), _dims(dim, input.ndim)[0], bool(keepdim)).values


def logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The logarithm of the sum of the exponentials of the elements where `mask` is true."""
    x = _filled(input.to(_float(input, dtype)), mask, -torch.inf)
    return torch.logsumexp(x, _dims(dim, input.ndim), bool(keepdim)).to(input.dtype if dtype is None else dtype)


def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """log(exp(input) + exp(other)), each where its own mask is true."""
    dtype = input.dtype if dtype is None else dtype
    return torch.logaddexp(
        _filled(input.to(dtype), input_mask, -torch.inf), _filled(other.to(dtype), other_mask, -torch.inf)
    )


def norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The norm of the elements where `mask` is true."""
    dtype = _inexact("norm", input, dtype)
    ord = 2.0 if ord is None else ord
    x = _filled(input.to(dtype), mask, torch.inf if ord < 0 else 0)
    return torch.linalg.vector_norm(x, ord, _dims(dim, input.ndim), bool(keepdim))


def _variance(input, dim, unbiased, correction, keepdim, dtype, mask):
    if unbiased is not None and correction is not None:
        raise ValueError("only one of unbiased and correction may be given")
    correction = (1.0 if unbiased is None or unbiased else 0.0) if correction is None else correction
    dtype, dims = _float(input, dtype), _dims(dim, input.ndim)
    x = input.to(dtype)
    centre = sum(x, dims, keepdim=True, mask=mask) / _count(x, dims, mask, True)
    square = x - centre
    square = square * square.conj() if x.is_complex() else square * square
    total = sum(square, dims, keepdim=keepdim, mask=mask)
    return total / (_count(x, dims, mask, bool(keepdim)) - correction).clamp(min=0)


def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The variance of the elements where `mask` is true; NaN where there are too few."""
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask)


def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The standard deviation of the elements where `mask` is true; NaN where there are too few."""
    return torch.sqrt(_variance(input, dim, unbiased, correction, keepdim, dtype, mask))


def softmax(input, dim, *, dtype=None, mask=None):
    """Softmax over the elements where `mask` is true; 0 elsewhere, NaN where there is none."""
    x = _filled(input.to(input.dtype if dtype is None else dtype), mask, -torch.inf)
    return torch.softmax(x, _dims(dim, input.ndim)[0])


def log_softmax(input, dim, *, dtype=None, mask=None):
    """The logarithm of `softmax`."""
    x = _filled(input.to(input.dtype if dtype is None else dtype), mask, -torch.inf)
    return torch.log_softmax(x, _dims(dim, input.ndim)[0])


def softmin(input, dim, *, dtype=None, mask=None):
    """Softmax of the negative elements where `mask` is true."""
    x = _filled(input.to(input.dtype if dtype is None else dtype), mask, torch.inf)
    return torch.softmax(-x, _dims(dim, input.ndim)[0])


def normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None):
    """The elements where `mask` is true over their norm along `dim` (at least `eps`); 0 elsewhere."""
    dtype = _inexact("normalize", input, dtype)
    size = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _filled(input.to(dtype), mask, 0) / size.clamp(min=eps)
