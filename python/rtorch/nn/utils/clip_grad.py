# Keeping gradients in bounds.
import rtorch
from rtorch import _C, Tensor

__all__ = ["get_total_norm", "clip_grads_with_norm_", "clip_grad_norm_", "clip_grad_norm", "clip_grad_value_"]

_foreach_mul_, _total_norm = _C._spaces[""]["_foreach_mul_"], _C._spaces[""]["_total_norm"]


def _grads(parameters):
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    else:
        generator = not isinstance(parameters, (list, tuple)) and hasattr(parameters, "__next__")
        parameters = list(parameters)
        if generator and not parameters:
            import warnings

            warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    return parameters, [g for p in parameters if (g := p.grad) is not None]


def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of all tensors together, as if they were one vector."""
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return rtorch.tensor(0.0)
    total = _total_norm(tensors, norm_type)
    if error_if_nonfinite and not bool(rtorch.isfinite(total)):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Multiply all gradients by max_norm / total_norm if that is below 1."""
    _scale(_grads(parameters)[1], float(max_norm), total_norm)


def _scale(grads, max_norm, total_norm):
    # multiplied in any case, so that nobody waits for the value of the norm
    factor = (max_norm / (total_norm + 1e-6)).clamp(max=1.0)
    with rtorch.no_grad():
        _foreach_mul_(grads, factor)


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scale all gradients so that their norm together is at most max_norm; returns the norm before.

    >>> p = torch.zeros(2, requires_grad=True)
    >>> p.grad = torch.tensor([3.0, 4.0])
    >>> nn.utils.clip_grad_norm_([p], max_norm=1.0)
    tensor(5.)
    >>> p.grad
    tensor([0.6000, 0.8000])
    """
    parameters, grads = _grads(parameters)
    with rtorch.no_grad():
        total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    if grads:
        _scale(grads, float(max_norm), total)
    return total


def clip_grad_norm(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The older name of clip_grad_norm_."""
    import warnings

    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters, clip_value, foreach=None):
    """Cut every value of every gradient to [-clip_value, clip_value]."""
    clip_value = float(clip_value)
    with rtorch.no_grad():
        for g in _grads(parameters)[1]:
            g.clamp_(min=-clip_value, max=clip_value)
