# torch.nn.functional: every operator of that name space comes from the operator table (rtorch._C._nn);
# only what must be Python, because it takes functions or strings that pick functions, stands here.
import rtorch
from rtorch import _C

globals().update({_name: getattr(_C._nn, _name) for _name in dir(_C._nn) if not _name.startswith("__")})


def _reduction_of(size_average, reduce):
    """The `reduction` that the two older loss arguments stand for."""
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    import warnings

    reduction = ("mean" if size_average else "sum") if reduce else "none"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.", stacklevel=4
    )
    return reduction


def triplet_margin_with_distance_loss(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """max(d(anchor, positive) - d(anchor, negative) + margin, 0), reduced; d is any function of two tensors."""
    distance = pairwise_distance if distance_function is None else distance_function  # noqa: F821
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if not (anchor.dim() == positive.dim() == negative.dim()):
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = rtorch.minimum(far, distance(positive, negative))
    loss = rtorch.clamp_min(margin + near - far, 0)
    return loss.sum() if reduction == "sum" else loss.mean() if reduction == "mean" else loss
