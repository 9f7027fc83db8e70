"""Methods of Tensor that are said best in Python, and the few top-level functions of that kind."""

import builtins

from rtorch import _C, _walks, functional
from rtorch._size import Size

Tensor = _C.Tensor
_base = Tensor


def _suffixes(t):
    out = []
    default = _C.get_default_dtype()
    shown = (default, _C.int64, _C.bool) if not default.is_complex else (default,)
    complex_default = default.to_complex()
    if t.device.type != "cpu":
        out.append(f"device='{t.device}'")
    if t.numel() == 0 and t.device.type != "meta":
        if t.dim() != 1:
            out.append("size=" + str(tuple(t.shape)))
        if t.dtype != default:
            out.append("dtype=" + str(t.dtype))
    elif t.device.type == "meta":
        out.append("size=" + str(tuple(t.shape)))
        if t.dtype != default:
            out.append("dtype=" + str(t.dtype))
    elif t.dtype not in shown and t.dtype != complex_default:
        out.append("dtype=" + str(t.dtype))
    fn = t.grad_fn
    if fn is not None:
        name = type(fn).__name__
        if name == "CppFunction":
            name = fn.name().rsplit("::", 1)[-1]
        out.append(f"grad_fn=<{name}>")
    elif t.requires_grad:
        out.append("requires_grad=True")
    return out


def _repr(self, *, tensor_contents=None):
    if self.is_sparse:
        from rtorch.sparse import text

        return text(self)
    kind = type(self)
    plain = kind is Tensor or kind.__module__ in ("rtorch.nn.parameter", "torch.nn.parameter")
    begin = "tensor(" if plain else kind.__name__ + "("
    return begin + _C._body_text(self, len(begin), _suffixes(self)) + ")"


def _format(self, spec):
    if self.dim() == 0 and not self.is_meta and type(self) is Tensor:
        return self.item().__format__(spec)
    return object.__format__(self, spec)


def _numpy(self, *, force=False):
    if force:
        self = self.detach().cpu()
    if self.requires_grad and _C.is_grad_enabled():
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    import numpy

    # Not this tensor, which may be given other memory (`.data =`), but one that keeps the memory it has now.
    self = self.detach()
    holder = _Held(_C._array_interface(self), self)
    return numpy.asarray(holder)


class _Held:
    """What NumPy asks for the memory; it keeps the tensor alive."""

    def __init__(self, interface, owner):
        self.__array_interface__ = interface
        self.owner = owner


def _array(self, dtype=None, copy=None):
    a = self.numpy()
    if dtype is not None and a.dtype != dtype:
        a = a.astype(dtype)
    return a.copy() if copy else a


def _array_wrap(self, a, context=None, return_scalar=False):
    # NumPy's truth values come back as bytes, as PyTorch has it.
    return _C.as_tensor(a.astype("uint8") if a.dtype == builtins.bool else a)


def _dlpack(self, *, stream=-1, max_version=None, dl_device=None, copy=None):
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream is not None and type(stream) is not builtins.int:
        raise TypeError("stream must be ``int`` or ``none``")
    if self.device.type == "cpu" and stream not in (None, -1):
        raise AssertionError("stream should be None on cpu.")
    if dl_device is not None and tuple(dl_device) != tuple(self.__dlpack_device__()):
        raise BufferError(f"cannot move a tensor from {tuple(self.__dlpack_device__())} to {tuple(dl_device)}")
    t = self.clone() if copy else self
    return _C._to_dlpack(t, max_version is not None and max_version[0] >= 1, builtins.bool(copy))


def _dlpack_device(self):
    from rtorch.utils.dlpack import DLDeviceType

    if self.device.type != "cpu":
        raise ValueError(f"Unknown device type {self.device.type} for Dlpack")
    return (DLDeviceType.kDLCPU, 0)


def nonzero(input, *, out=None, as_tuple=False):
    """The positions of elements that are not 0: one row each, or with `as_tuple` one tensor for each dimension."""
    if as_tuple:
        return _C._spaces[""]["where"](input)
    return _C._spaces[""]["nonzero"](input) if out is None else _C._spaces[""]["nonzero"](input, out=out)


def _nonzero(self, *, as_tuple=False):
    return nonzero(self, as_tuple=as_tuple)


def _backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    if _walks.watched:
        _walks.run(_C._backward, self, inputs, gradient, retain_graph, create_graph, inputs)
    else:
        _C._backward(self, gradient, retain_graph, create_graph, inputs)


def _register_hook(self, hook):
    from rtorch.utils.hooks import NativeHandle

    return NativeHandle(self, self._add_hook(hook, False))


def _register_post(self, hook):
    from rtorch.utils.hooks import NativeHandle

    return NativeHandle(self, self._add_hook(hook, True))


def _cast(dtype):
    def method(self, memory_format=None):
        return _C._spaces[""]["_to"](self, dtype=dtype, memory_format=memory_format)

    return method


def _type(self, dtype=None, non_blocking=False):
    import rtorch

    if dtype is None:
        return ("torch.sparse." if self.is_sparse else "torch.") + self.dtype._c10_name + "Tensor"
    if isinstance(dtype, str):
        where = rtorch.cuda if dtype.startswith("torch.cuda.") else rtorch
        dtype = getattr(where, dtype.rpartition(".")[2])
    return self.to(getattr(dtype, "dtype", dtype))


def _iter(self):
    if self.dim() == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def _contains(self, x):
    if not isinstance(x, Tensor | builtins.int | builtins.float | builtins.complex | builtins.bool):
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(x)}.")
    return builtins.bool((self == x).any())


def _reversed(self):
    return self if self.dim() == 0 else self.flip(0)


def _deepcopy(self, memo):
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
            "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
            "see https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(self) in memo:
        return memo[id(self)]
    new = self.detach().clone()
    if type(self) is not Tensor:
        new = Tensor._make_subclass(type(self), new)
    new.requires_grad = self.requires_grad
    if self.grad is not None:
        new.grad = self.grad.__deepcopy__(memo)
    memo[id(self)] = new
    return new


def _split(self, split_size, dim=0):
    if isinstance(split_size, list | tuple):
        return self.split_with_sizes(split_size, dim)
    return _split_int(self, split_size, dim)


def _dir_storage(self):
    from rtorch.storage import TypedStorage

    return TypedStorage(wrap_storage=self.untyped_storage(), dtype=self.dtype, _internal=True)


def equal(input, other):
    """Do both have the same size and elements?"""
    if input.shape != other.shape:
        return False
    return builtins.bool((input == other).all())


def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Are all elements close?"""
    return builtins.bool(input.isclose(other, rtol, atol, equal_nan).all())


def is_tensor(obj):
    """Is it a tensor?"""
    return isinstance(obj, Tensor)


def is_nonzero(input):
    """Is the one element not zero?"""
    if input.numel() != 1:
        kind = "no values" if input.numel() == 0 else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {kind} is ambiguous")
    return builtins.bool(input)


def is_inference(input):
    """Was it made in inference mode?"""
    return input.is_inference()


def _apply(self, callable):
    """Puts `callable` of each element in its place; slow, as it calls Python for each."""
    if self.requires_grad and _C.is_grad_enabled():
        raise RuntimeError("Can't call apply_() on Variable that requires grad. Use var.detach().apply_() instead.")
    new = [callable(x) for x in self.detach().reshape(-1).tolist()]
    self.detach().copy_(_C.tensor(new, dtype=self.dtype).reshape(self.shape))
    return self


def _map(self, tensor, callable):
    """Puts `callable` of each element and of that of `tensor` in its place; slow, as it calls Python for each."""
    if self.requires_grad and _C.is_grad_enabled():
        raise RuntimeError("Can't call map_() on Variable that requires grad. Use var.detach().map_() instead.")
    other = tensor.detach().expand(self.shape).reshape(-1).tolist()
    new = [callable(x, y) for x, y in zip(self.detach().reshape(-1).tolist(), other)]
    self.detach().copy_(_C.tensor(new, dtype=self.dtype).reshape(self.shape))
    return self


def is_floating_point(input):
    """Has it a floating dtype?"""
    return input.is_floating_point()


def is_complex(input):
    """Has it a complex dtype?"""
    return input.is_complex()


def numel(input):
    """How many elements."""
    return input.numel()


def result_type(a, b):
    """The dtype of arithmetic on both."""
    x = a if isinstance(a, Tensor) else b
    y = b if isinstance(a, Tensor) else a
    return (x.new_empty((0,) * x.dim()) + (y.new_empty((0,) * y.dim()) if isinstance(y, Tensor) else y)).dtype


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """How tensors print."""
    o = _options
    if profile is not None:
        big = float("inf")
        o.update({"default": (4, 1000, 3, 80), "short": (2, 1000, 2, 80), "full": (4, big, 3, 80)}[profile])
    given = (("precision", precision), ("threshold", threshold), ("edgeitems", edgeitems), ("linewidth", linewidth))
    for k, v in given:
        if v is not None:
            o[k] = v
    o["sci_mode"] = sci_mode
    _C._set_print_options(o["precision"], float(o["threshold"]), o["edgeitems"], o["linewidth"], o["sci_mode"])


class _Options(dict):
    def update(self, values):
        self["precision"], self["threshold"], self["edgeitems"], self["linewidth"] = values


_options = _Options(precision=4, threshold=1000, edgeitems=3, linewidth=80, sci_mode=None)

_split_int = Tensor.split


def _new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    return _C.tensor(
        data,
        dtype=self.dtype if dtype is None else dtype,
        device=self.device if device is None else device,
        requires_grad=requires_grad,
        pin_memory=pin_memory,
    )


def _reduce_ex(self, protocol):
    from rtorch._utils import _reduce_ex as f

    return f(self, protocol)


def _resize(self, *sizes, memory_format=None):
    if len(sizes) == 1 and not isinstance(sizes[0], builtins.int):
        sizes = tuple(sizes[0])
    if builtins.any(n < 0 for n in sizes):
        raise RuntimeError(f"Trying to create tensor with negative dimension {builtins.min(sizes)}: {list(sizes)}")
    _C._resize(self, list(sizes))
    return self


def _set(self, source=None, storage_offset=0, size=None, stride=None):
    if source is None:
        _C._set_tensor(self, self.new_empty(0))
        return self
    if isinstance(source, Tensor) and size is None:
        if source.dtype != self.dtype:
            raise RuntimeError(f"Could not set tensor of type {source.dtype} to a tensor of type {self.dtype}")
        _C._set_tensor(self, source)
        return self
    storage = source.untyped_storage() if isinstance(source, Tensor) else getattr(source, "_untyped_storage", source)
    if size is None:
        size = (storage.nbytes() // self.element_size(),)
    if stride is None:
        stride = _C._spaces[""]["empty"](tuple(size), device="meta").stride()
    _C._set_tensor(self, _C._tensor_from_storage(storage, self.dtype, storage_offset, list(size), list(stride)))
    return self


def _fill_diagonal(self, fill_value, wrap=False):
    if self.dim() < 2:
        raise RuntimeError("dimensions must larger than 1")
    if self.dim() > 2 and len(set(self.shape)) != 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    step = builtins.sum(self.stride())
    if self.dim() == 2 and self.shape[0] > self.shape[1]:
        # A tall matrix: the diagonal goes on below, after one row left out, where asked.
        columns = self.shape[1]
        part = self if wrap else self[:columns]
        for start in range(0, part.shape[0], columns + 1):
            block = part[start : start + columns]
            block.diagonal().fill_(fill_value)
        return self
    self.as_strided((builtins.min(self.shape),), (step,), self.storage_offset()).fill_(fill_value)
    return self


def _new(self, *args, device=None):
    return _C._legacy_tensor(self.dtype, *args)


def _share_memory(self):
    from rtorch.multiprocessing import _segment

    _segment.share(self if isinstance(self, _C.UntypedStorage) else self.untyped_storage())
    return self


def _is_shared(self):
    from rtorch.multiprocessing import _segment

    storage = self if isinstance(self, _C.UntypedStorage) else self.untyped_storage()
    return _segment.is_shared(storage)


def _pin_memory(self, device=None):
    raise RuntimeError("pin_memory() needs a GPU and its driver; there is none here")


def _matrix(name, least=2, most=None):
    def get(self):
        n = self.dim()
        if (n < least and n != 0) or (most is not None and n > most):
            kind = "matrices (2-D tensors)" if most == 2 else "matrices or batches of matrices"
            more = f" For batches of matrices, consider using tensor.m{name}" if n > 2 else ""
            raise RuntimeError(f"tensor.{name} is only supported on {kind}. Got {n}-D tensor.{more}")
        if n == 0:
            return self if name in ("T", "mT") else self.conj()
        t = self.transpose(-2, -1)
        return t if name == "mT" else t.conj()

    return property(get)


def _torch_function(cls, func, types, args=(), kwargs=None):
    """What a call makes of a subclass that does not say so itself: the same call, whose tensors become of the class."""
    if not builtins.all(issubclass(cls, t) for t in types):
        return NotImplemented
    from rtorch._asking import keeps_class

    old = _C._set_overrides_off(True)
    try:
        result = func(*args, **(kwargs or {}))
        return result if keeps_class(func) else _as_class(result, cls)
    finally:
        _C._set_overrides_off(old)


def _as_class(result, cls):
    if cls is Tensor or isinstance(result, Size):
        return result
    if isinstance(result, Tensor):
        return result if isinstance(result, cls) else result.as_subclass(cls)
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return type(result)([_as_class(r, cls) for r in result])
    if isinstance(result, tuple | list):
        return type(result)(_as_class(r, cls) for r in result)
    return result


def _init_subclass(cls, **kwargs):
    super(Tensor, cls).__init_subclass__(**kwargs)
    if cls.__torch_function__ is not _C._disabled_torch_function_impl:
        from rtorch import _asking  # not needed before

        _asking.subclass(cls)


def _histogram(self, *args, **kwargs):
    from rtorch._histogram import histogram

    return histogram(self, *args, **kwargs)


_SPARSE = (
    "is_coalesced",
    "_nnz",
    "sparse_dim",
    "dense_dim",
    "_dimI",
    "_dimV",
    "_coalesced_",
    "to_sparse",
    "to_sparse_coo",
)


def _install_sparse():
    """Methods that stand in rtorch/sparse, which is imported at the first call."""

    def method(name):
        def call(self, *args, **kwargs):
            from rtorch.sparse import METHODS

            setattr(Tensor, name, METHODS[name])
            return METHODS[name](self, *args, **kwargs)

        call.__name__ = call.__qualname__ = name
        return call

    Tensor._to_sparse_by_dim = Tensor.to_sparse
    for name in _SPARSE:
        setattr(Tensor, name, method(name))


hand_written = []  # methods that ask __torch_function__ by _asking.py


def _install():
    # What messages say of an object: 'Tensor', as PyTorch's do; classes defined in Rust are named with their module.
    Tensor.__name__ = "Tensor"
    methods = {
        "__repr__": _repr,
        "__format__": _format,
        "__iter__": _iter,
        "__contains__": _contains,
        "__reversed__": _reversed,
        "__deepcopy__": _deepcopy,
        "__array__": _array,
        "__array_wrap__": _array_wrap,
        "__array_priority__": 1000,
        "__dlpack__": _dlpack,
        "__dlpack_device__": _dlpack_device,
        "nonzero": _nonzero,
        "__reduce_ex__": _reduce_ex,
        "new_tensor": _new_tensor,
        "numpy": _numpy,
        "backward": _backward,
        "register_hook": _register_hook,
        "register_post_accumulate_grad_hook": _register_post,
        "type": _type,
        "split": _split,
        "storage": _dir_storage,
        "untyped_storage": lambda self: _C._storage_of(self),
        "type_as": lambda self, other: self.to(other.dtype),
        "cpu": lambda self, memory_format=None: self.to("cpu"),
        "cuda": lambda self, device=None, non_blocking=False: self.to("cuda" if device is None else device),
        "equal": equal,
        "resize_": _resize,
        "resize_as_": lambda self, the_template, memory_format=None: _resize(self, *the_template.shape),
        "set_": _set,
        "fill_diagonal_": _fill_diagonal,
        "new": _new,
        "share_memory_": _share_memory,
        "is_shared": _is_shared,
        "pin_memory": _pin_memory,
        "is_pinned": lambda self, device=None: False,
        "lu": lambda self, pivot=True, get_infos=False: tuple(functional.lu(self, pivot, get_infos)),
        "__rdiv__": lambda self, other: self.reciprocal() * other,
        "unique": functional.unique,
        "unique_consecutive": functional.unique_consecutive,
        "allclose": allclose,
        "apply_": _apply,
        "map_": _map,
        "histogram": _histogram,
        "is_nonzero": is_nonzero,
        "is_same_size": lambda self, other: self.shape == other.shape,
        "get_device": lambda self: self.device.index if self.is_cuda else -1,
        "__torch_function__": classmethod(_torch_function),
        "__init_subclass__": classmethod(_init_subclass),
    }
    for name, dtype in (
        ("float", _C.float32),
        ("double", _C.float64),
        ("half", _C.float16),
        ("bfloat16", _C.bfloat16),
        ("byte", _C.uint8),
        ("char", _C.int8),
        ("short", _C.int16),
        ("int", _C.int32),
        ("long", _C.int64),
        ("bool", _C.bool),
        ("cfloat", _C.complex64),
        ("cdouble", _C.complex128),
    ):
        methods[name] = _cast(dtype)
    for name, f in methods.items():
        if callable(f):
            f.__name__ = name
        setattr(Tensor, name, f)
    _C.UntypedStorage.share_memory_ = _share_memory
    _C.UntypedStorage.is_shared = _is_shared
    Tensor.mT = _matrix("mT")
    Tensor.H = _matrix("H", most=2)
    Tensor.mH = _matrix("mH")
    Tensor.real = property(lambda self: _C._spaces[""]["real"](self))
    Tensor.imag = property(lambda self: _C._spaces[""]["imag"](self))
    for kind in ("mps", "xpu", "ipu", "maia", "mtia", "vulkan", "xla"):
        setattr(Tensor, f"is_{kind}", property(lambda self, kind=kind: self.device.type == kind))
    _C._log_api_usage_once = lambda name: None  # other packages call it; nothing is counted
    Tensor.name = None
    Tensor.layout = property(lambda self: _C.sparse_coo if self.is_sparse else _C.strided)
    _install_sparse()
    others = ("__torch_function__", "__init_subclass__", "__array_priority__", "__iter__")
    hand_written.extend(name for name in methods if name not in others)


_install()


def broadcast_shapes(*shapes):
    """The shape that tensors of these shapes have after broadcasting, without making any.

    >>> rtorch.broadcast_shapes((2, 1), (1, 3))
    torch.Size([2, 3])
    """
    out = []
    for at, shape in enumerate(shapes):
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        out[:0] = [1] * (len(shape) - len(out))
        for i in range(-1, -len(shape) - 1, -1):
            if shape[i] < 0:
                raise RuntimeError(f"Trying to create tensor with negative dimension ({shape[i]}): ({shape[i]})")
            if shape[i] == 1 or shape[i] == out[i]:
                continue
            if out[i] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {shape[i]} at {i}! "
                    f"Mismatching argument at index {at} had {shape}; but expected shape should be broadcastable to "
                    f"{out}"
                )
            out[i] = shape[i]
    return Size(out)
