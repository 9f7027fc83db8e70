"""What the families share: broadcasting of parameters, probabilities against logits, lazy parameters."""

from numbers import Number

import rtorch
from rtorch._C import Tensor

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

euler_constant = 0.57721566490153286060


def broadcast_all(*values):
    """All values as tensors of one shape; numbers take the dtype of the first tensor, or the default one."""
    kind = None
    for v in values:
        if isinstance(v, Tensor):
            kind = kind or {"dtype": v.dtype, "device": v.device}
        elif not isinstance(v, Number):
            raise ValueError(
                "Input arguments must all be instances of Number, "
                "torch.Tensor or objects implementing __torch_function__."
            )
    kind = kind or {"dtype": rtorch.get_default_dtype()}
    tensors = [v if isinstance(v, Tensor) else rtorch.tensor(v, **kind) for v in values]
    shape = rtorch.broadcast_shapes(*(t.shape for t in tensors))
    return tuple(t if t.shape == shape else t.expand(shape) for t in tensors)


def _standard_normal(shape, dtype, device):
    return rtorch.empty(shape, dtype=dtype, device=device).normal_()


def _sum_rightmost(value, dim):
    """The sum over the last `dim` dimensions."""
    return value if dim == 0 else value.flatten(-dim).sum(-1) if value.dim() >= dim else value.sum()


def logits_to_probs(logits, is_binary=False):
    """Probabilities of log odds (binary), or of unnormalised log probabilities along the last dimension."""
    return rtorch.sigmoid(logits) if is_binary else rtorch.softmax(logits, -1)


def clamp_probs(probs):
    """Probabilities kept away from 0 and 1 by their dtype's precision, so that their logarithms are finite."""
    eps = rtorch.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary=False):
    """The inverse of `logits_to_probs`, finite everywhere."""
    p = clamp_probs(probs)
    return rtorch.log(p) - rtorch.log1p(-p) if is_binary else rtorch.log(p)


class lazy_property:
    """A property that is computed at its first use, and then an attribute of the instance."""

    def __init__(self, wrapped):
        self.wrapped = wrapped
        self.__name__ = wrapped.__name__
        self.__doc__ = wrapped.__doc__

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        with rtorch.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.__name__, value)
        return value


def tril_matrix_to_vec(mat, diag=0):
    """The lower triangle of each matrix, up to diagonal `diag`, row after row."""
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = rtorch.tril_indices(n, n, diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec, diag=0):
    """The inverse of `tril_matrix_to_vec`: square matrices, zero above diagonal `diag`."""
    length = vec.shape[-1]
    n = 0
    while (have := _triangle(n, diag)) < length or n <= abs(diag):
        n += 1
    if have != length:
        raise ValueError(
            f"The size of last dimension is {length} which cannot be expressed as "
            "the lower triangular part of a square D x D matrix."
        )
    mat = vec.new_zeros((*vec.shape[:-1], n, n))
    rows, columns = rtorch.tril_indices(n, n, diag)
    mat[..., rows, columns] = vec
    return mat


def _triangle(n, diag):
    """How many places an n by n matrix has up to diagonal `diag`."""
    return sum(min(max(i + 1 + diag, 0), n) for i in range(n))
