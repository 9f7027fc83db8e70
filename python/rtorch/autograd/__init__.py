"""Autograd as users call it: `backward`, `grad`, `Function`, grad modes."""

from rtorch import _C
from rtorch.autograd.function import Function
from rtorch.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["Function", "Variable", "backward", "enable_grad", "grad", "inference_mode", "no_grad", "set_grad_enabled"]


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, inputs=None):
    """Adds to each leaf's `.grad` the gradient of `tensors`."""
    if inputs is not None and not isinstance(inputs, (list, tuple)):
        inputs = (inputs,)
    _C._backward(tensors, grad_tensors, retain_graph, create_graph, inputs)


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """The gradients of `outputs` with respect to `inputs`, as a tuple; no `.grad` is touched."""
    if is_grads_batched:
        raise NotImplementedError("autograd.grad: is_grads_batched=True is not there yet; call grad once per vector")
    return _C._grad(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads)


class _VariableMeta(type):
    def __instancecheck__(cls, x):
        return isinstance(x, _C.Tensor)


class Variable(metaclass=_VariableMeta):
    """The old name of a tensor that takes part in autograd."""

    def __new__(cls, data, requires_grad=False):
        t = data.detach()
        t.requires_grad = requires_grad
        return t
