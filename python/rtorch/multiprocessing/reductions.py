"""How tensors and storages go through queues, pipes and the arguments of processes: their storages are moved to shared
memory, and what is pickled is a handle of it. Importing this module registers it with multiprocessing's pickler."""

from __future__ import annotations

from multiprocessing.reduction import ForkingPickler

import rtorch as torch
from rtorch.multiprocessing import _segment
from rtorch.storage import TypedStorage


def _dtype_name(dtype) -> str:
    return str(dtype).rpartition(".")[2]


def rebuild_storage(handle, nbytes: int):
    return _segment.storage_over(_segment.receive(handle), nbytes)


def reduce_storage(storage):
    n = storage.nbytes()
    if n == 0:
        return torch.UntypedStorage, (0,)
    return rebuild_storage, (_segment.send(_segment.share(storage)), n)


def rebuild_typed_storage(storage, dtype: str):
    return TypedStorage(wrap_storage=storage, dtype=getattr(torch, dtype))


def reduce_typed_storage(storage):
    return rebuild_typed_storage, (storage._untyped_storage, _dtype_name(storage.dtype))


def rebuild_tensor(cls, storage, dtype, offset, size, stride, requires_grad, attributes):
    t = torch._C._tensor_from_storage(storage, getattr(torch, dtype), offset, size, stride)
    if cls is not None:
        t = torch.Tensor._make_subclass(cls, t)
    t.requires_grad = requires_grad
    if attributes:
        t.__dict__.update(attributes)
    return t


def rebuild_meta_tensor(dtype, size, stride, requires_grad):
    dtype = getattr(torch, dtype)
    return torch.empty_strided(size, stride, dtype=dtype, device="meta", requires_grad=requires_grad)


def reduce_tensor(tensor):
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
            "crossing process boundaries.  If you just want to transfer the data, call detach() on the tensor before "
            "serializing (e.g., putting it on the queue)."
        )
    size, stride, dtype = tuple(tensor.shape), tuple(tensor.stride()), _dtype_name(tensor.dtype)
    if tensor.device.type == "meta":
        return rebuild_meta_tensor, (dtype, size, stride, tensor.requires_grad)
    cls = None if type(tensor) is torch.Tensor else type(tensor)
    attributes = dict(getattr(tensor, "__dict__", None) or {})
    where = (tensor.untyped_storage(), dtype, tensor.storage_offset(), size, stride)
    return rebuild_tensor, (cls, *where, tensor.requires_grad, attributes)


def init_reductions() -> None:
    ForkingPickler.register(torch.UntypedStorage, reduce_storage)
    ForkingPickler.register(TypedStorage, reduce_typed_storage)
    ForkingPickler.register(torch.Tensor, reduce_tensor)
    ForkingPickler.register(torch.nn.Parameter, reduce_tensor)
    ForkingPickler.register(torch.nn.Buffer, reduce_tensor)


init_reductions()
