"""Functions whose results differ in number or whose arguments have many forms: `unique`, `tensordot`, ...

The work is done by operators of the core's table; here stands only what Python can say better.
"""

from rtorch import _C

_ops = _C._spaces[""]
_unique2, _consecutive, _unique_dim = _ops["_unique2"], _ops["_unique_consecutive"], _ops["_unique_dim"]
_tensordot = _ops["_tensordot"]
_einsum = _ops["einsum"]


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


def einsum(equation, *operands):
    """The sum of products of the operands over the letters that the output does not name: `einsum("ij,jk->ik", a, b)`.

    Or each operand is followed by a list of numbers in the letters' places, and such a list for the output may end."""
    if not isinstance(equation, str):
        equation, operands = _lettered((equation, *operands))
    return _einsum(equation, *operands)


def _lettered(given):
    """The equation and the operands of `einsum(a, [0, 1], b, [1, 2], [0, 2])`."""
    import string

    def letters(numbers):
        for n in numbers:
            if n is not Ellipsis and not 0 <= n < 52:
                raise ValueError(f"einsum(): expected subscripts to be in [0, 52), but got {n}")
        alphabet = string.ascii_uppercase + string.ascii_lowercase
        return "".join("..." if n is Ellipsis else alphabet[n] for n in numbers)

    if len(given) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, "
            "or at least one operand and its subscripts list"
        )
    equation = ",".join(letters(numbers) for numbers in given[1::2])
    if len(given) % 2:
        equation += "->" + letters(given[-1])
    return equation, given[: len(given) // 2 * 2 : 2]


def pdist(input, p=2.0):
    """The distances between all pairs of rows, as the upper triangle of `cdist(input, input)` row by row."""
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if not input.is_floating_point():
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    n = input.shape[0]
    i, j = _ops["triu_indices"](n, n, 1, device=input.device)
    # Of the chosen pairs alone: a row's distance to itself has no place here, nor in the gradient.
    if p == 0:
        return _ops["cdist"](input[i][:, None], input[j][:, None], 0.0).flatten()
    return (input[i] - input[j]).norm(p, -1)


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


def unravel_index(indices, shape):
    """The coordinates, in a tensor of `shape`, of places in its flattened form."""
    if indices.is_floating_point() or indices.is_complex() or indices.dtype == _C.bool:
        raise ValueError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    shape = [shape] if isinstance(shape, int) else list(shape)
    if any(n < 0 for n in shape):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(shape)}")
    indices, step, out = indices.long(), 1, []
    for n in reversed(shape):
        out.append(indices.div(step, rounding_mode="floor") % n)
        step *= n
    return tuple(reversed(out))


def resize_as_(input, the_template, *, memory_format=None):
    """Gives `input` the shape of another tensor, in place; what memory comes anew is not initialised."""
    return input.resize_as_(the_template, memory_format)


def gradient(input, *, spacing=1, dim=None, edge_order=1):
    """The derivative along each of `dim` by central differences; `spacing` is a distance or the places themselves."""
    spacing = 1 if spacing is None else spacing
    edge_order = 1 if edge_order is None else edge_order
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if dim is None:
        dims = list(range(input.dim()))
        if isinstance(spacing, (list, tuple)) and len(spacing) != len(dims):
            n = len(spacing)
            raise RuntimeError(
                "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
                f"'self.dim() = {input.dim()}', since dim argument was not given, but got a list of length {n}"
            )
    else:
        dims = [dim] if isinstance(dim, int) else list(dim)
        if isinstance(spacing, (list, tuple)) and len(spacing) != len(dims):
            n, m = len(spacing), len(dims)
            raise RuntimeError(
                "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have "
                f"the same length, but got a spacing argument of length {n} and a dim argument of length {m}."
            )
    dims = [d + input.dim() if d < 0 else d for d in dims]
    if len(set(dims)) != len(dims):
        raise RuntimeError("dim appears multiple times in the list of dims")
    out = []
    for i, d in enumerate(dims):
        h = spacing[i] if isinstance(spacing, (list, tuple)) else spacing
        n = input.size(d)
        if n < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1"
            )
        out.append(_slope(input.movedim(d, -1), h, edge_order).movedim(-1, d))
    return tuple(out)


def _slope(x, h, edge_order):
    """The derivative along the last dimension."""
    if isinstance(h, _C.Tensor):
        if h.dim() != 1 or h.numel() != x.size(-1):
            raise RuntimeError("torch.gradient expected 'spacing' to have one coordinate for each place")
        step = h.diff()
        a, b = step[:-1], step[1:]
        inner = -b / (a * (a + b)) * x[..., :-2] + (b - a) / (a * b) * x[..., 1:-1] + a / (b * (a + b)) * x[..., 2:]
        first, last = step[0], step[-1]
        second, before = (step[1], step[-2]) if len(step) > 1 else (None, None)
    else:
        inner = (x[..., 2:] - x[..., :-2]) / (2 * h)
        first = second = last = before = h
    if edge_order == 1:
        left = (x[..., 1:2] - x[..., :1]) / first
        right = (x[..., -1:] - x[..., -2:-1]) / last
    else:
        a, b = first, second
        left = -(2 * a + b) / (a * (a + b)) * x[..., :1] + (a + b) / (a * b) * x[..., 1:2]
        left = left - a / (b * (a + b)) * x[..., 2:3]
        a, b = before, last
        right = b / (a * (a + b)) * x[..., -3:-2] - (a + b) / (a * b) * x[..., -2:-1]
        right = right + (a + 2 * b) / (b * (a + b)) * x[..., -1:]
    return _ops["cat"]([left, inner, right], -1)


def lu(A, pivot=True, get_infos=False, out=None):
    """The packed LU factors and the exchanges of rows; `get_infos`: and where a zero pivot is, with no error."""
    results = _ops["_lu_with_info"](A, pivot, not get_infos)
    if not get_infos:
        results = tuple(results)[:2]
    if out is None:
        return results
    if len(out) != len(results):
        raise TypeError(f"expected tuple of {len(results)} elements but got {len(out)}")
    for to, result in zip(out, results):
        to.resize_(result.shape).copy_(result)
    return out
