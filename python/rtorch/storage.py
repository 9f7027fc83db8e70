"""Storages: the flat memory behind tensors. UntypedStorage is the core's; here are TypedStorage, which
`tensor.storage()` gives, and the names FloatStorage, LongStorage ... of old code and of .pt files."""

from __future__ import annotations

import rtorch as torch
from rtorch import UntypedStorage
from rtorch._untyped import _mapped

# name of the legacy class -> name of the dtype
LEGACY = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}
__all__ = ["TypedStorage", "UntypedStorage", *LEGACY]


def _dtype_name(dtype) -> str:
    return str(dtype).rpartition(".")[2]


class TypedStorage:
    """A storage seen as a row of numbers of one dtype. Shares the memory of the UntypedStorage that it wraps."""

    _untyped_storage: UntypedStorage

    def __init__(self, *args, wrap_storage=None, dtype=None, device=None, _internal: bool = False) -> None:
        self.dtype = torch.get_default_dtype() if dtype is None else dtype
        if wrap_storage is not None:
            if args:
                raise RuntimeError("TypedStorage: no positional arguments beside wrap_storage")
            self._untyped_storage = wrap_storage
            return
        if len(args) > 1:
            raise RuntimeError(f"TypedStorage: a size or a sequence of numbers expected, got {len(args)} arguments")
        what = args[0] if args else 0
        if isinstance(what, int):
            self._untyped_storage = UntypedStorage(what * self.element_size())
        else:
            self._untyped_storage = torch.tensor(list(what), dtype=self.dtype).untyped_storage()

    def _tensor(self):
        return torch._C._tensor_from_storage(self._untyped_storage, self.dtype, 0, (len(self),), (1,))

    def untyped(self) -> UntypedStorage:
        return self._untyped_storage

    def element_size(self) -> int:
        return self.dtype.itemsize

    def nbytes(self) -> int:
        return self._untyped_storage.nbytes()

    def __sizeof__(self) -> int:
        """With the memory of the elements: `sys.getsizeof` counts it."""
        return object.__sizeof__(self) + self.nbytes()

    def __len__(self) -> int:
        return self.nbytes() // self.element_size()

    size = __len__
    _size = __len__

    def data_ptr(self) -> int:
        return self._untyped_storage.data_ptr()

    @property
    def device(self):
        return getattr(self._untyped_storage, "device", torch.device("cpu"))

    def tolist(self) -> list:
        return self._tensor().tolist()

    def __iter__(self):
        return iter(self.tolist())

    def __getitem__(self, index):
        if isinstance(index, slice):
            if index.step not in (None, 1):
                raise RuntimeError("TypedStorage: slices with a step are not supported")
            return TypedStorage(wrap_storage=self._tensor()[index].clone().untyped_storage(), dtype=self.dtype)
        n = len(self)
        if not -n <= index < n:
            raise IndexError(f"index {index} out of range for storage of size {n}")
        return self._tensor()[index].item()

    def __setitem__(self, index, value) -> None:
        self._tensor()[index] = value

    def fill_(self, value) -> TypedStorage:
        self._tensor().fill_(value)
        return self

    def clone(self) -> TypedStorage:
        return TypedStorage(wrap_storage=self._tensor().clone().untyped_storage(), dtype=self.dtype)

    def cpu(self) -> TypedStorage:
        return TypedStorage(wrap_storage=self._tensor().cpu().untyped_storage(), dtype=self.dtype)

    def type(self) -> str:
        name = next((k for k, v in LEGACY.items() if v == _dtype_name(self.dtype)), "TypedStorage")
        return f"torch.{name}"

    def __eq__(self, other) -> bool:
        return isinstance(other, TypedStorage) and other.data_ptr() == self.data_ptr() and other.dtype == self.dtype

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self):
        return _typed_from_bytes, (bytes(torch._C._storage_to_bytes(self._untyped_storage)), _dtype_name(self.dtype))

    def __repr__(self) -> str:
        about = f"[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {len(self)}]"
        return "".join(f" {x}\n" for x in self.tolist()) + about

    __str__ = __repr__


def _typed_from_bytes(data: bytes, dtype: str) -> TypedStorage:
    return TypedStorage(wrap_storage=torch._C._storage_from_bytes(data), dtype=getattr(torch, dtype))


class _LegacyMeta(type):
    def __instancecheck__(cls, instance) -> bool:
        return isinstance(instance, TypedStorage) and _dtype_name(instance.dtype) == LEGACY.get(cls.__name__)


class _LegacyStorage(metaclass=_LegacyMeta):
    """FloatStorage(3) or FloatStorage([1, 2, 3]): a TypedStorage of the class's dtype."""

    @classmethod
    def from_file(cls, filename, shared=False, size=0):
        """Elements in a mapped file; with `shared=True` what is written to them stands in the file."""
        return TypedStorage(wrap_storage=_mapped(filename, bool(shared), size * cls.dtype.itemsize), dtype=cls.dtype)

    def __new__(cls, *args, wrap_storage=None):
        return TypedStorage(*args, wrap_storage=wrap_storage, dtype=cls.dtype)  # type: ignore[attr-defined]


for _name, _dtype in LEGACY.items():
    globals()[_name] = _LegacyMeta(
        _name,
        (_LegacyStorage,),
        {"dtype": getattr(torch, _dtype), "__module__": __name__, "__doc__": _LegacyStorage.__doc__},
    )
