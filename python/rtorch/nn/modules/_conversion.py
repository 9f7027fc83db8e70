# Moving and casting modules, in place.
import rtorch
from rtorch import Tensor

from ..parameter import Parameter, is_lazy


class Conversion:
    """What of Module replaces all parameters and buffers."""

    def _apply(self, fn, recurse=True):
        """Replace every parameter, gradient and buffer t by fn(t), keeping the Parameter objects."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for name, param in self._parameters.items():
            if param is None:
                continue
            try:
                with rtorch.no_grad():
                    new = fn(param)
                if new is not param:
                    self._parameters[name] = param = _replace(param, new)
                grad = param.grad
                if grad is not None:
                    with rtorch.no_grad():
                        new = fn(grad)
                    if new is not grad:
                        param.grad = new.requires_grad_(grad.requires_grad)
            except Exception as error:
                error.add_note(f"  while moving parameter {name} of {type(self).__name__}")
                raise
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs):
        """Move and cast, in place: `to(device, dtype, non_blocking)`, `to(dtype)`, `to(tensor)`, `to(memory_format=)`.

        Only floating point and complex parameters and buffers are cast; all are moved.
        """
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )

        def convert(t):
            cast = dtype if t.is_floating_point() or t.is_complex() else None
            if memory_format is not None and t.dim() in (4, 5):
                return t.to(device=device, dtype=cast, non_blocking=non_blocking, memory_format=memory_format)
            return t.to(device=device, dtype=cast, non_blocking=non_blocking)

        return self._apply(convert)

    def to_empty(self, *, device, recurse=True):
        """Move to a device without copying: the values there are whatever the memory holds."""
        return self._apply(lambda t: rtorch.empty_like(t, device=device), recurse=recurse)

    def cuda(self, device=None):
        """Move all parameters and buffers to the GPU, in place."""
        return self._apply(lambda t: t.cuda(device))

    def cpu(self):
        """Move all parameters and buffers to the CPU, in place."""
        return self._apply(lambda t: t.cpu())

    def type(self, dst_type):
        """Cast all parameters and buffers to `dst_type`."""
        return self._apply(lambda t: t.type(dst_type))

    def compile(self, *args, **kwargs):
        """As `torch.compile` of the module, in place: checks the options; calls run eagerly, operator by operator."""
        rtorch.compiler.compile(self, *args, **kwargs)

    def float(self):
        """Cast floating point parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self):
        """Cast floating point parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self):
        """Cast floating point parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self):
        """Cast floating point parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def share_memory(self):
        """Put all parameters and buffers into shared memory."""
        return self._apply(lambda t: t.share_memory_())


def _replace(param, new):
    """The parameter with the new value: the same object where it can stay the same."""
    if is_lazy(param) or param.is_meta == new.is_meta:
        param.data = new
        return param
    return Parameter(new, param.requires_grad)


def _parse_to(*args, **kwargs):
    """(device, dtype, non_blocking, memory_format) of all forms of Tensor.to."""
    device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    non_blocking = kwargs.pop("non_blocking", False)
    memory_format = kwargs.pop("memory_format", None)
    kwargs.pop("copy", None)
    other = kwargs.pop("tensor", kwargs.pop("other", None))
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        other = rest.pop(0)
    elif rest and isinstance(rest[0], rtorch.dtype):
        dtype = rest.pop(0)
    elif rest:
        device = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], rtorch.dtype)):
            dtype = rest.pop(0)
    if rest and isinstance(rest[0], (bool, int)):
        non_blocking = bool(rest.pop(0))
        if rest and isinstance(rest[0], bool):
            rest.pop(0)  # copy: means nothing for a module
    if rest:
        raise TypeError(f"to(): argument {rest[0]!r} does not fit; it takes (device, dtype, non_blocking) or a tensor")
    if other is not None:
        device, dtype = other.device, other.dtype
    if device is not None and not isinstance(device, rtorch.device):
        device = rtorch.device(device)
    return device, dtype, non_blocking, memory_format


rtorch._C._nn._parse_to = _parse_to  # where libraries look for it
