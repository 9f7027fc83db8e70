"""Functions whose results differ in number or whose arguments have many forms: `unique`, `tensordot`, ...

The work is done by operators of the core's table; here stands only what Python can say better.
"""

from rtorch import _C

_ops = _C._spaces[""]
_unique2, _consecutive, _unique_dim = _ops["_unique2"], _ops["_unique_consecutive"], _ops["_unique_dim"]
_tensordot = _ops["_tensordot"]


def _picked(results, inverse, counts):
    """The first result, and those of the other two that were asked for."""
    out, at, n = results
    more = ((at,) if inverse else ()) + ((n,) if counts else ())
    return (out, *more) if more else out


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The different elements (or, with `dim`, the different slices along it), in order."""
    if dim is None:
        results = _unique2(input, sorted, return_inverse, return_counts)
    else:
        results = _unique_dim(input, dim)
    return _picked(results, return_inverse, return_counts)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The elements (or, with `dim`, slices along it) without those that equal the one before them."""
    if dim is None:
        results = _consecutive(input, return_inverse, return_counts)
    else:
        results = _unique_dim(input, dim, True)
    return _picked(results, return_inverse, return_counts)


def tensordot(a, b, dims=2, out=None):
    """The product of two tensors summed over `dims`: that many of the last and first ones, or two lists of them."""
    if isinstance(dims, _C.Tensor):
        dims = dims.tolist()
    if isinstance(dims, (tuple, list)):
        dims_a, dims_b = dims
        dims_a, dims_b = ([d] if isinstance(d, int) else list(d) for d in (dims_a, dims_b))
    else:
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        dims_a, dims_b = list(range(-dims, 0)), list(range(dims))
    if out is None:
        return _tensordot(a, b, dims_a, dims_b)
    return _tensordot(a, b, dims_a, dims_b, out=out)
