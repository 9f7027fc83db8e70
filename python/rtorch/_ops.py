"""`torch.ops`: operators by library and name. `torch.ops.aten` has those of rtorch's table and some of PyTorch's inner
names for them; other libraries have what was registered by `torch.library`.
"""

import types as _types

import rtorch as _torch


class OpOverload:
    """One form of an operator, `torch.ops.aten.add.Tensor`; calling it calls the operator."""

    def __init__(self, packet, overload):
        self.overloadpacket, self._overloadname = packet, overload
        self.__name__ = f"{packet.__name__}.{overload}"
        self.__module__ = packet.__module__

    def __call__(self, *args, **kwargs):
        return self.overloadpacket(*args, **kwargs)

    def name(self):
        """`aten::add.Tensor`."""
        own = "" if self._overloadname == "default" else "." + self._overloadname
        return self.overloadpacket._qualified_op_name + own

    @property
    def namespace(self):
        """The library's name."""
        return self.overloadpacket._qualified_op_name.partition("::")[0]

    def __repr__(self):
        name = self.overloadpacket._qualified_op_name.replace("::", ".")
        return f"<OpOverload(op='{name}', overload='{self._overloadname}')>"


# the forms that PyTorch has of operators; here all of them are one
_FORMS = {"default", "Tensor", "Scalar", "int", "dim", "stable", "self", "out", "Tensor_Scalar", "Scalar_Tensor"}


class OpOverloadPacket:
    """An operator with its forms, `torch.ops.aten.add`."""

    def __init__(self, namespace, name, function):
        self._qualified_op_name = f"{namespace}::{name}"
        self.__name__, self.__module__ = name, f"torch.ops.{namespace}"
        self._op = function

    def __call__(self, *args, **kwargs):
        return self._op(*args, **kwargs)

    def __getattr__(self, name):
        if name not in _FORMS:
            raise AttributeError(f"The underlying op of {self._qualified_op_name!r} has no overload name {name!r}")
        form = OpOverload(self, name)
        setattr(self, name, form)
        return form

    def __repr__(self):
        return f"<OpOverloadPacket(op='{self._qualified_op_name.replace('::', '.')}')>"


def _to_copy(self, **options):
    options.pop("layout", None)
    options.pop("pin_memory", None)
    return self.to(**options, copy=True)


# what PyTorch calls by other names below its Python face
_INNER = {
    "_to_copy": _to_copy,
    "_pin_memory": lambda self, device=None: self.pin_memory(),
    "alias": lambda self: self.view_as(self),
    "slice": lambda self, dim=0, start=None, end=None, step=1: self[(slice(None),) * dim + (slice(start, end, step),)],
    "index": lambda self, indices: self[tuple(slice(None) if i is None else i for i in indices)],
    "_sparse_addmm": lambda self, mat1, mat2, *, beta=1, alpha=1: _torch.sparse.addmm(
        self, mat1, mat2, beta=beta, alpha=alpha
    ),
    "_unsafe_view": lambda self, size: self.reshape(size),
    "_softmax": lambda self, dim, half_to_float=False: self.softmax(dim),
    "_log_softmax": lambda self, dim, half_to_float=False: self.log_softmax(dim),
}


class _Namespace(_types.ModuleType):
    """A library of operators, `torch.ops.aten`."""

    def __init__(self, name):
        super().__init__(f"torch.ops.{name}")
        self._name = name

    def __getattr__(self, name):
        function = None
        if self._name == "aten" and not name.startswith("__"):
            function = _INNER.get(name)
            if function is None and (not name.startswith("_") or name.startswith("_foreach_")):
                spaces = (_torch._C._spaces[""], vars(_torch.Tensor), _torch._C._spaces["nn.functional"])
                function = next((s[name] for s in spaces if name in s), None)
                if function is None and name.startswith("_foreach_"):
                    function = getattr(_torch, name, None)
        if function is None:
            raise AttributeError(f"'_OpNamespace' '{self._name}' object has no attribute '{name}'")
        packet = OpOverloadPacket(self._name, name, function)
        setattr(self, name, packet)
        return packet

    def __repr__(self):
        return f"<module 'torch.ops.{self._name}'>"


class _Ops(_types.ModuleType):
    """`torch.ops`."""

    def __init__(self):
        super().__init__("torch.ops")
        self.loaded_libraries = set()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        space = _Namespace(name)
        setattr(self, name, space)
        return space

    def load_library(self, path):
        """Raises: operators compiled for PyTorch cannot be loaded."""
        raise OSError(f"torch.ops.load_library({str(path)!r}): operators that were compiled for PyTorch need PyTorch")

    def __repr__(self):
        return "<module 'torch.ops'>"


ops = _Ops()
