# Interpolation of nn.functional: which operator a mode, a rank and the two ways to say a size stand for.
# Shapes: input (N, C, *spatial), output the same with other spatial sizes.
import math
import warnings

import rtorch
from rtorch import _C

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

_MODES = "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact"
_RANK = {"linear": 3, "bilinear": 4, "trilinear": 5}
_OPS = {
    **{("nearest", n): f"_upsample_nearest{n}d" for n in (1, 2, 3)},
    **{("nearest-exact", n): f"_upsample_nearest_exact{n}d" for n in (1, 2, 3)},
    ("linear", 1): "_upsample_linear1d",
    ("bilinear", 2): "_upsample_bilinear2d",
    ("trilinear", 3): "_upsample_trilinear3d",
    ("bicubic", 2): "_upsample_bicubic2d",
}


def _sizes(input, size, scale_factor):
    """The wanted sizes and scales (one of them None), one number for each spatial dimension."""
    dims = list(input.shape[2:])
    if size is not None and scale_factor is not None:
        error = ValueError("only one of size or scale_factor should be defined")
        error.add_note(f"interpolate was given size={size} and scale_factor={scale_factor}")
        raise error
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None:
        given, name, said, form = size, "output", "output size of", "output size in (o1, o2, ...,oK)"
    else:
        given, name, said, form = (
            scale_factor,
            "scale_factor",
            "scale_factor of shape",
            "scale_factor in (s1, s2, ...,sK)",
        )
    if isinstance(given, (list, tuple)):
        if len(given) != len(dims):
            raise ValueError(
                f"Input and {name} must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {dims} and {said} {given}. Please provide input tensor in (N, C, d1, d2, ...,dK) "
                f"format and {form} format."
            )
        if size is not None and not all(hasattr(s, "__index__") for s in given):
            raise TypeError(
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size "
                f"with types {[type(s) for s in given]}"
            )
        values = list(given)
    else:
        values = [given] * len(dims)
    return (values, None) if size is not None else (None, values)


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """Resizes (N, C, *spatial) to `size`, or by `scale_factor`.

    Modes: nearest, nearest-exact and area for one to three spatial dimensions, linear (1), bilinear and bicubic (2),
    trilinear (3). With `align_corners` the corner pixels' centres meet, else their outer edges. `antialias` (bilinear
    and bicubic) averages over as many pixels as are left out.
    """
    rank = input.dim()
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | "
                "trilinear"
            )
    elif align_corners is None:
        align_corners = False
    sizes, scales = _sizes(input, size, scale_factor)
    if recompute_scale_factor is not None and recompute_scale_factor and sizes is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if mode == "area" and sizes is None:
        recompute_scale_factor = True
    if recompute_scale_factor:
        sizes = [math.floor(float(n * s)) for n, s in zip(input.shape[2:], scales)]
        scales = None
    if antialias and not (mode in ("bilinear", "bicubic") and rank == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if mode == "area" and rank in (3, 4, 5):
        from . import functional as F

        return (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)[rank - 3](input, sizes)
    op = _OPS.get((mode, rank - 2))
    if op is None:
        if mode in _RANK and rank in (3, 4, 5):
            raise NotImplementedError(f"Got {rank}D input, but {mode} mode needs {_RANK[mode]}D input")
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {rank}D) for the modes: {_MODES} "
            f"(got {mode})"
        )
    if sizes is None:
        sizes = [math.floor(float(n) * s) for n, s in zip(input.shape[2:], scales)]
    if antialias:
        op += "_aa"
    f = getattr(_C._nn, op)
    if input.dtype == rtorch.uint8 and not mode.startswith("nearest"):
        # Bytes are computed in float and rounded after each direction, as PyTorch does; the last direction comes first.
        for i in reversed(range(rank - 2)):
            to = [*input.shape[2 : 2 + i], sizes[i], *input.shape[3 + i :]]
            by = None if scales is None else [s if j == i else 0.0 for j, s in enumerate(scales)]
            input = (f(input.float(), to, bool(align_corners), by) + 0.5).floor().clamp(0, 255).to(rtorch.uint8)
        return input
    return f(input, sizes, bool(align_corners), scales)


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """An older name of `interpolate`."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """`interpolate` with mode 'nearest'."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """`interpolate` with mode 'bilinear' and aligned corners."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
