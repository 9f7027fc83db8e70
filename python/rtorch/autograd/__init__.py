"""Autograd as users call it: `backward`, `grad`, `Function`, grad modes."""

import rtorch
from rtorch import _C, _walks
from rtorch.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from rtorch.autograd.function import Function
from rtorch.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, inputs=None):
    """Adds to each leaf's `.grad` the gradient of `tensors`."""
    if inputs is not None and not isinstance(inputs, (list, tuple)):
        inputs = (inputs,)
    args = (grad_tensors, retain_graph, create_graph, inputs)
    if _walks.watched:
        return _walks.run(_C._backward, tensors, inputs, *args)
    return _C._backward(tensors, *args)


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """The gradients of `outputs` with respect to `inputs`, as a tuple; no `.grad` is touched.

    `only_inputs` is there because old programs name it."""
    if not only_inputs:
        import warnings

        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for "
            "other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if is_grads_batched:
        return _grad_of_each(outputs, inputs, grad_outputs, create_graph, allow_unused, materialize_grads)
    args = (inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads)
    if _walks.watched:
        return _walks.run(_C._grad, outputs, inputs, *args)
    return _C._grad(outputs, *args)


def _grad_of_each(outputs, inputs, grad_outputs, create_graph, allow_unused, materialize_grads):
    """One walk for each vector along the first dimension of `grad_outputs`; the results are stacked."""
    given = grad_outputs if isinstance(grad_outputs, (list, tuple)) else (grad_outputs,)
    count = next((g.shape[0] for g in given if g is not None), 0)
    each = []
    for i in range(count):
        vectors = [None if g is None else g[i] for g in given]
        each.append(
            grad(
                outputs,
                inputs,
                vectors,
                retain_graph=True,
                create_graph=create_graph,
                allow_unused=allow_unused,
                materialize_grads=materialize_grads,
            )
        )
    return tuple(None if column[0] is None else rtorch.stack(column) for column in zip(*each))


def __getattr__(name):
    if name in ("gradcheck", "gradgradcheck", "GradcheckError"):
        from importlib import import_module

        module = import_module("rtorch.autograd.gradcheck")
        for known in ("gradcheck", "gradgradcheck", "GradcheckError"):
            globals()[known] = getattr(module, known)
        return globals()[name]
    if name in ("forward_ad", "functional", "graph", "profiler", "profiler_util"):
        from importlib import import_module

        return import_module("rtorch.autograd." + name)
    raise AttributeError(f"module 'torch.autograd' has no attribute '{name}'")


class _VariableMeta(type):
    def __instancecheck__(cls, x):
        return isinstance(x, _C.Tensor)


class Variable(metaclass=_VariableMeta):
    """The old name of a tensor that takes part in autograd."""

    def __new__(cls, data, requires_grad=False):
        t = data.detach()
        t.requires_grad = requires_grad
        return t
