# Tensors that a Module owns: Parameter (trained), Buffer (state that is not), and their uninitialized
# forms, which the lazy modules hold until the first input tells their shapes.
from collections import OrderedDict

import rtorch
from rtorch import _C, Tensor

__all__ = [
    "Parameter",
    "Buffer",
    "UninitializedParameter",
    "UninitializedBuffer",
    "UninitializedTensorMixin",
    "is_lazy",
]

# A Parameter takes part in operators as the plain tensor it is: results are Tensors, not Parameters.
_plain = _C._disabled_torch_function_impl


class _ParameterMeta(type(Tensor)):
    """`isinstance(t, Parameter)` also holds for tensors of other classes that were made parameters."""

    def __instancecheck__(cls, instance):
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that a Module registers when it is assigned as an attribute, and that optimizers train.

    It shares memory with `data` and is always a leaf.

    >>> nn.Parameter(torch.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    __torch_function__ = _plain

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = rtorch.empty(0)
        kind = type(data)
        if kind is Tensor or issubclass(kind, Parameter):
            return Tensor._make_subclass(cls, data, requires_grad)
        if not isinstance(data, Tensor):
            raise TypeError(
                f"Parameter: data must be a Tensor, not {kind.__name__}; write Parameter(torch.tensor(...))"
            )
        # a tensor of somebody's own class stays of that class
        own = data.detach().requires_grad_(requires_grad)
        if type(own) is not kind:
            raise RuntimeError(
                f"Parameter: detach() of {kind.__name__} gave a {type(own).__name__}; it must keep the class"
            )
        own._is_param = True
        return own

    def __deepcopy__(self, memo):
        found = memo.get(id(self))
        if found is None:
            copied = self.data.clone(memory_format=rtorch.preserve_format)
            memo[id(self)] = found = type(self)(copied, self.requires_grad)
        return found

    def __repr__(self, *, tensor_contents=None):
        return f"Parameter containing:\n{self.data.requires_grad_(self.requires_grad)!r}"

    def __reduce_ex__(self, protocol):
        state = self.__dict__
        if state:
            return _rebuild_parameter_with_state, (self.data, self.requires_grad, OrderedDict(), dict(state))
        return _rebuild_parameter, (self.data, self.requires_grad, OrderedDict())


_C._set_parameter_class(Parameter)


def _rebuild_parameter(data, requires_grad, backward_hooks):
    param = Parameter(data, requires_grad)
    param._backward_hooks = backward_hooks or None
    return param


def _rebuild_parameter_with_state(data, requires_grad, backward_hooks, state):
    param = _rebuild_parameter(data, requires_grad, backward_hooks)
    param.__dict__.update(state)
    return param


class _BufferMeta(type(Tensor)):
    def __instancecheck__(cls, instance):
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Buffer and isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that a Module registers as a buffer when it is assigned as an attribute.

    With `persistent=False` it stays out of the module's state_dict.
    """

    __torch_function__ = _plain

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = rtorch.empty(0)
        own = Tensor._make_subclass(cls, data.detach(), data.requires_grad)
        own.persistent = persistent
        own._is_buffer = True
        return own

    def __repr__(self, *, tensor_contents=None):
        return repr(self.detach())

    def __deepcopy__(self, memo):
        found = memo.get(id(self))
        if found is None:
            found = type(self)(self.data.clone(memory_format=rtorch.preserve_format), persistent=self.persistent)
            memo[id(self)] = found
        return found

    def __reduce_ex__(self, protocol):
        return _rebuild_buffer, (self.data, self.requires_grad, self.persistent)


def _rebuild_buffer(data, requires_grad, persistent):
    return Buffer(data.requires_grad_(requires_grad), persistent=persistent)


class UninitializedTensorMixin:
    """What uninitialized parameters and buffers share: no shape until `materialize(shape)`."""

    _allowed = frozenset(
        (
            "is_floating_point",
            "is_complex",
            "half",
            "float",
            "double",
            "char",
            "short",
            "int",
            "long",
            "cuda",
            "cpu",
            "to",
        )
    )

    def materialize(self, shape, device=None, dtype=None):
        """Give the tensor its shape; it becomes an ordinary parameter or buffer in place."""
        device = self.data.device if device is None else device
        dtype = self.data.dtype if dtype is None else dtype
        self.data = rtorch.empty(shape, device=device, dtype=dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self):
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. "
            "Run a forward pass of its lazy module first: the input tells the shape."
        )

    def share_memory_(self):
        raise RuntimeError("Can't share memory on an uninitialized parameter or buffer. Run a forward pass first.")

    def __repr__(self, *, tensor_contents=None):
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo):
        found = memo.get(id(self))
        if found is None:
            found = self._fresh(self.requires_grad, self.data.device, self.data.dtype)
            memo[id(self)] = found
        return found

    def __reduce_ex__(self, protocol):
        return self._fresh, (self.requires_grad, self.data.device, self.data.dtype)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A Parameter whose shape is not known yet."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        return Tensor._make_subclass(cls, rtorch.empty(0, device=device, dtype=dtype), requires_grad)

    @classmethod
    def _fresh(cls, requires_grad, device, dtype):
        return cls(requires_grad, device, dtype)


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A Buffer whose shape is not known yet."""

    cls_to_become = Buffer

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        own = Tensor._make_subclass(cls, rtorch.empty(0, device=device, dtype=dtype), requires_grad)
        own.persistent = persistent
        own._is_buffer = True
        return own

    @classmethod
    def _fresh(cls, requires_grad, device, dtype):
        return cls(requires_grad, device, dtype)


def is_lazy(param):
    """Whether a parameter or buffer still waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)
