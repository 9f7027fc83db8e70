"""`vmap`: a function of samples made a function of batches.

The function is called once a sample and its results are stacked: what it calls may be anything, gradients (inside and
outside) are autograd's, and branches may look at values. It costs a call a sample.
"""

import rtorch
from rtorch.utils._pytree import SUPPORTED_NODES, _kind, tree_flatten, tree_unflatten

__all__ = ["vmap"]

Tensor = rtorch.Tensor


def _along(dims, tree, out):
    """Appends to `out` for each leaf of `tree` what `dims` says, a tree that may end earlier; False where it cannot."""
    if dims is None or isinstance(dims, int):
        out.extend([dims] * len(tree_flatten(tree)[0]))
        return True
    kind = _kind(dims)
    if kind is None or kind is not _kind(tree):
        return False

    def parts(x):
        return SUPPORTED_NODES[kind].flatten_fn(x)

    (ours, named), (theirs, known) = parts(dims), parts(tree)
    if len(ours) != len(theirs) or named != known:
        return False
    return all(_along(d, t, out) for d, t in zip(ours, theirs))


def _mapped(said, in_dims, args):
    """The leaves of the arguments, their form, and for each the dimension that is mapped or None."""
    if not isinstance(in_dims, (int, tuple, list)):
        raise ValueError(
            f"{said}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(f"{said}: got no inputs. Maybe you forgot to add inputs, or the function has none.")
    leaves, spec = tree_flatten(args)
    dims = []
    if not _along(tuple(in_dims) if isinstance(in_dims, list) else in_dims, args, dims):
        raise ValueError(
            f"{said}: in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    for i, (x, dim) in enumerate(zip(leaves, dims)):
        if dim is None:
            continue
        if not isinstance(x, Tensor):
            raise ValueError(
                f"{said}: Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot vmap over "
                "non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -x.dim() <= dim < x.dim():
            raise ValueError(
                f"{said}: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {x.dim()} so "
                f"expected in_dim to satisfy -{x.dim()} <= in_dim < {x.dim()}."
            )
        dims[i] = dim % x.dim()
    sizes = [x.shape[d] for x, d in zip(leaves, dims) if d is not None]
    if not sizes:
        raise ValueError(f"{said}: Expected at least one Tensor to vmap over")
    if any(n != sizes[0] for n in sizes):
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, "
            f"got sizes {sizes} for the mapped dimension"
        )
    return leaves, spec, dims, sizes[0]


class _Draws:
    """Random numbers under vmap: refused, the same for each sample, or the stream's next ones."""

    def __init__(self, randomness):
        self.randomness = randomness
        self.start = None if randomness == "different" else rtorch.get_rng_state()

    def before_sample(self, i):
        if self.randomness == "same" and i:
            rtorch.set_rng_state(self.start)

    def after_sample(self, i):
        # Whether a function draws seldom depends on the sample: asked once.
        if self.randomness == "error" and i == 0 and not rtorch.equal(rtorch.get_rng_state(), self.start):
            rtorch.set_rng_state(self.start)
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                "'different' randomness flags on vmap or perform the randomness operation out of vmap"
            )


def _gathered(said, name, results, out_dims, count):
    """The results of all samples, stacked."""
    first, spec = tree_flatten(results[0])
    dims = []
    if not _along(out_dims, results[0], dims) and not (
        isinstance(out_dims, tuple) and len(out_dims) == 1 and _along(out_dims[0], results[0], dims)
    ):
        raise ValueError(
            f"{said}: out_dims is not compatible with the structure of `outputs`. out_dims has structure "
            f"{tree_flatten(out_dims)[1]} but outputs has structure {spec}."
        )
    columns = list(zip(*(tree_flatten(r)[0] for r in results)))
    out = []
    for x, dim, column in zip(first, dims, columns):
        if dim is None:
            out.append(x)
            continue
        if not isinstance(x, Tensor):
            raise ValueError(
                f"{said}: `{name}` must only return Tensors, got type {type(x)}. "
                "Did you mean to set out_dims= to None for output?"
            )
        stacked = rtorch.stack(column, dim)
        out.append(stacked if count else stacked.narrow(dim, 0, 0))
    return tree_unflatten(out, spec)


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """A function that applies `func` to each slice of its arguments along `in_dims` and stacks the results.

    `in_dims` is a number, None (the same for all samples), or a tree of them like the arguments; keywords are passed
    as they are. `randomness` says what random numbers do: "error", "same" or "different" for each sample."""
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")
    name = getattr(func, "__name__", None) or repr(func)

    def wrapped(*args, **kwargs):
        said = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
        leaves, spec, dims, count = _mapped(said, in_dims, args)
        if count:
            slices = [x if d is None else x.unbind(d) for x, d in zip(leaves, dims)]
        else:
            # No sample says what results look like: one of zeros does.
            slices = [x if d is None else (x.new_zeros(x.shape[:d] + x.shape[d + 1 :]),) for x, d in zip(leaves, dims)]
        draws, results = _Draws(randomness), []
        for i in range(max(count, 1)):
            draws.before_sample(i)
            sample = [x if d is None else x[i] for x, d in zip(slices, dims)]
            results.append(func(*tree_unflatten(sample, spec), **kwargs))
            draws.after_sample(i)
        return _gathered(said, name, results, out_dims, count)

    if hasattr(func, "__name__"):
        import functools

        wrapped = functools.wraps(func)(wrapped)
    return wrapped
