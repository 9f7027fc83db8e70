"""The functions that .pt files name to rebuild tensors (`torch._utils._rebuild_tensor_v2` and its kin), and the way
there: what a pickler writes for a tensor.

Arguments come out of files that may be damaged or hostile: everything is checked before memory is looked at.
"""

from __future__ import annotations

from collections import OrderedDict

import rtorch as torch
from rtorch.storage import LEGACY, TypedStorage

_BIG = 1 << 63
_LEGACY_DTYPES = set(LEGACY.values())


def _element_size(dtype):
    """Bytes of an element."""
    return dtype.itemsize


def _flatten_dense_tensors(tensors):
    """All elements of the tensors in one vector."""
    return torch.cat([t.reshape(-1) for t in tensors]) if tensors else torch.empty(0)


def _unflatten_dense_tensors(flat, tensors):
    """Views of a vector with the shapes of the tensors."""
    return tuple(part.view(t.shape) for part, t in zip(flat.split([t.numel() for t in tensors]), tensors))


def _get_device_index(device, optional=False, allow_cpu=False):
    """The number of a GPU; -1 for the CPU, where that is allowed."""
    if isinstance(device, int):
        return device
    if device is None and optional:
        return torch.cuda.current_device()
    device = torch.device(device)
    if device.type == "cpu" and allow_cpu:
        return -1
    if device.type == "cpu":
        raise ValueError(f"Expected a non cpu device, but got: {device}")
    if device.index is None and not optional:
        raise ValueError(f"Expected a torch.device with a specified index or an integer, but got:{device}")
    return torch.cuda.current_device() if device.index is None else device.index


def _numbers(name, values):
    if not isinstance(values, (tuple, list)):
        raise TypeError(f"the {name} of a tensor must be a tuple, got {type(values).__name__}")
    for x in values:
        if type(x) is not int:
            raise TypeError(f"the {name} of a tensor must be integers, got {type(x).__name__}")
        if not 0 <= x < _BIG:
            raise ValueError(f"the {name} of a tensor has an element that is negative or overflows 64 bits")
    return tuple(values)


def _view(untyped, dtype, offset, size, stride):
    """A tensor on a storage, held against its bounds."""
    size, stride = _numbers("size", size), _numbers("stride", stride)
    (offset,) = _numbers("storage offset", (offset,))
    if len(size) != len(stride):
        raise ValueError(f"the tensor has {len(size)} dimensions but {len(stride)} strides")
    if len(size) > 64:
        raise ValueError(f"the tensor has {len(size)} dimensions, at most 64 are supported")
    have = untyped.nbytes() // dtype.itemsize
    count = 1
    for n in size:
        count *= n
    if count >= _BIG:
        raise ValueError("the size of a tensor overflows 64 bits")
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if count else offset
    if (count and last >= have) or (not count and offset > have):
        raise ValueError(
            f"a tensor of size {size} and stride {stride} at offset {offset} is out of bounds: its storage has "
            f"{have} elements"
        )
    return torch._C._tensor_from_storage(untyped, dtype, offset, size, stride)


def _finish(tensor, requires_grad, metadata=None):
    if metadata:
        if not isinstance(metadata, dict):
            raise TypeError(f"the metadata of a tensor must be a dict, got {type(metadata).__name__}")
        if metadata.get("conj"):
            tensor = tensor.conj()
        if metadata.get("neg"):
            tensor = -tensor
    if requires_grad:
        tensor.requires_grad = True
    return tensor


def _rebuild_tensor(storage, storage_offset, size, stride):
    if not isinstance(storage, TypedStorage):
        raise TypeError(f"the storage of a tensor expected, got {type(storage).__name__}")
    skip = getattr(storage, "_skip", 0)
    if skip and type(storage_offset) is int and storage_offset >= 0:
        storage_offset += skip
    return _view(storage._untyped_storage, storage.dtype, storage_offset, size, stride)


def _rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None):
    return _finish(_rebuild_tensor(storage, storage_offset, size, stride), requires_grad, metadata)


def _rebuild_tensor_v3(storage, storage_offset, size, stride, requires_grad, backward_hooks, dtype, metadata=None):
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"a dtype expected, got {type(dtype).__name__}")
    untyped = storage._untyped_storage if isinstance(storage, TypedStorage) else storage
    if not isinstance(untyped, torch.UntypedStorage):
        raise TypeError(f"the storage of a tensor expected, got {type(storage).__name__}")
    return _finish(_view(untyped, dtype, storage_offset, size, stride), requires_grad, metadata)


def _rebuild_parameter(data, requires_grad, backward_hooks):
    if not isinstance(data, torch.Tensor):
        raise TypeError(f"the data of a Parameter must be a tensor, got {type(data).__name__}")
    return torch.nn.Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data, requires_grad, backward_hooks, state):
    return _set_state(_rebuild_parameter(data, requires_grad, backward_hooks), state)


def _set_state(obj, state):
    """Python attributes of a tensor, as object.__setstate__ would set them; the tensor's own are left alone."""
    state, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    for part in (state, slots):
        if part is None:
            continue
        if not isinstance(part, dict):
            raise TypeError(f"the state of a tensor must be a dict, got {type(part).__name__}")
        for name, value in part.items():
            if not isinstance(name, str) or name.startswith("__") or hasattr(torch.Tensor, name):
                raise TypeError(f"the state of a tensor may not set its attribute {name!r}")
            setattr(obj, name, value)
    return obj


def _rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad):
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"a dtype expected, got {type(dtype).__name__}")
    size, stride = _numbers("size", size), _numbers("stride", stride)
    return _finish(torch.empty_strided(size, stride, dtype=dtype, device="meta"), requires_grad)


def _rebuild_sparse_tensor(layout, data):
    """A tensor of layout COO. Places that lie outside of the size are refused."""
    if layout is not torch.sparse_coo:
        raise NotImplementedError(f"rebuilding sparse tensor for layout {layout}")
    if not isinstance(data, tuple) or len(data) not in (3, 4):
        raise TypeError("a sparse tensor is a tuple of indices, values, size and whether it is coalesced")
    indices, values, size = data[:3]
    if not isinstance(indices, torch.Tensor) or not isinstance(values, torch.Tensor):
        raise TypeError("the indices and values of a sparse tensor must be tensors")
    return torch.sparse_coo_tensor(indices, values, _numbers("size", size), is_coalesced=bool(data[3:] and data[3]))


def _get_layout(name):
    """The layout of this name (files name it `torch.serialization._get_layout`)."""
    layouts = {"torch.strided": torch.strided, "torch.sparse_coo": torch.sparse_coo}
    if name not in layouts:
        raise NotImplementedError(f"the layout {name} does not exist in rtorch yet")
    return layouts[name]


_REBUILDERS = (
    _rebuild_sparse_tensor,
    _rebuild_tensor,
    _rebuild_tensor_v2,
    _rebuild_tensor_v3,
    _rebuild_parameter,
    _rebuild_parameter_with_state,
    _rebuild_meta_tensor_no_storage,
)


def _rebuild_from_type_v2(func, new_type, args, state):
    """A tensor of a subclass, or with attributes (the file names it `torch._tensor._rebuild_from_type_v2`)."""
    if func not in _REBUILDERS:
        raise TypeError("only tensors are rebuilt by this function")
    result = func(*args)
    if not isinstance(new_type, type) or not issubclass(new_type, torch.Tensor):
        raise TypeError("the type of a tensor must be Tensor or a subclass")
    if type(result) is not new_type:
        result = result.as_subclass(new_type)
    setstate = getattr(new_type, "__setstate__", None)
    if setstate is not None and setstate is not getattr(torch.Tensor, "__setstate__", None):
        setstate(result, state)
        return result
    return _set_state(result, state)


# ---------------------------------------------------------------- the way there


def _attributes(tensor) -> dict:
    return dict(getattr(tensor, "__dict__", None) or {})


def _tensor_reduction(tensor, storage_of):
    """(function, arguments) that rebuild a tensor; storage_of(tensor) stands for its storage in the pickle."""
    state = _attributes(tensor)
    kind = type(tensor)
    if isinstance(tensor, torch.nn.Parameter) and kind is torch.nn.Parameter:
        data = tensor.detach()
        if state:
            return _rebuild_parameter_with_state, (data, tensor.requires_grad, OrderedDict(), state)
        return _rebuild_parameter, (data, tensor.requires_grad, OrderedDict())
    if tensor.is_sparse:
        parts = (tensor._indices(), tensor._values(), tensor.size(), tensor.is_coalesced())
        func, args = _rebuild_sparse_tensor, (tensor.layout, parts)
    elif tensor.device.type == "meta":
        func, args = (
            _rebuild_meta_tensor_no_storage,
            (tensor.dtype, tuple(tensor.size()), tuple(tensor.stride()), tensor.requires_grad),
        )
    else:
        where = (int(tensor.storage_offset()), tuple(tensor.size()), tuple(tensor.stride()))
        if str(tensor.dtype).rpartition(".")[2] in _LEGACY_DTYPES:
            func, args = _rebuild_tensor_v2, (storage_of(tensor), *where, tensor.requires_grad, OrderedDict())
        else:
            untyped = storage_of(tensor)._untyped_storage
            func, args = _rebuild_tensor_v3, (untyped, *where, tensor.requires_grad, OrderedDict(), tensor.dtype)
    if kind is torch.Tensor and not state:
        return func, args
    return _rebuild_from_type_v2, (func, kind, args, state)


def _typed(tensor) -> TypedStorage:
    return TypedStorage(wrap_storage=tensor.untyped_storage(), dtype=tensor.dtype)


def _rebuild_with_state(func, args, state):
    return _set_state(func(*args), state)


def _reduce_ex(tensor, protocol=2):
    """Tensor.__reduce_ex__ for plain pickle, copy and multiprocessing: the storage travels as bytes."""
    func, args = _tensor_reduction(tensor, _typed)
    if func is _rebuild_from_type_v2 and args[1] is torch.Tensor:
        # The class Tensor itself cannot be named where `torch` is no module (see _named).
        return _rebuild_with_state, (args[0], args[2], args[3])
    return func, args
