"""What weight norm and spectral norm compute, in both their forms (hook and parametrization)."""

import rtorch
from rtorch.nn.functional import normalize


def norm_except_dim(v, dim):
    """The 2-norm over all dimensions but `dim`, which is kept; all of them for None or -1."""
    if dim is None or dim == -1:
        return rtorch.linalg.vector_norm(v)
    others = [d for d in range(v.dim()) if d != dim % v.dim()]
    return rtorch.linalg.vector_norm(v, 2, others, keepdim=True) if others else v.abs()


def weight_norm(v, g, dim):
    """v with its norm replaced by g."""
    return v * (g / norm_except_dim(v, dim))


def as_matrix(weight, dim):
    """The weight as a matrix, with dimension `dim` as rows."""
    if dim != 0:
        weight = weight.permute(dim, *[d for d in range(weight.dim()) if d != dim])
    return weight.reshape(weight.size(0), -1)


def power_iteration(matrix, u, v, steps, eps, left_first):
    """Turns u and v, in place, towards the first singular vectors; `left_first`: u from v, then v from u."""
    for _ in range(steps):
        if left_first:
            u.copy_(normalize(matrix @ v, dim=0, eps=eps))
        v.copy_(normalize(matrix.mT @ u, dim=0, eps=eps))
        if not left_first:
            u.copy_(normalize(matrix @ v, dim=0, eps=eps))
