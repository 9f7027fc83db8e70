"""What the core's UntypedStorage leaves to Python: mapped files, slices and writing; `torch.from_file`."""

from __future__ import annotations

from rtorch import _C


def _mapped(filename, shared: bool, nbytes: int) -> _C.UntypedStorage:
    """`nbytes` bytes of a file. Shared: writes reach the file, which is made or lengthened; else they stay here."""
    import mmap
    import os

    name = os.fspath(filename)
    if nbytes <= 0:
        return _C.UntypedStorage(0)
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT if shared else os.O_RDONLY, 0o666)
    except OSError as e:
        mode = "read-write" if shared else "read-only"
        raise RuntimeError(f"unable to open file <{name}> in {mode} mode: {e.strerror} ({e.errno})") from None
    try:
        size = os.fstat(descriptor).st_size
        if size < nbytes:
            if not shared:
                raise RuntimeError(f"file <{name}> size <{size}> is smaller than the required mapping size <{nbytes}>")
            os.ftruncate(descriptor, nbytes)
        data = mmap.mmap(descriptor, nbytes, access=mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY)
    finally:
        os.close(descriptor)
    return _C._storage_over(data, 0, nbytes)


def from_file(filename, shared=False, size=0, *, dtype=None, device=None, requires_grad=False):
    """A tensor of `size` elements in a mapped file; with `shared=True` what is written to it stands in the file."""
    dtype = dtype or _C.get_default_dtype()
    storage = _mapped(filename, bool(shared), size * dtype.itemsize)
    x = _C._tensor_from_storage(storage, dtype, 0, (size,), (1,))
    return (x if device is None else x.to(device)).requires_grad_(requires_grad)


def _complete() -> None:
    """What the core's UntypedStorage leaves to Python: mapped files, slices (the same memory) and writing."""
    item = _C.UntypedStorage.__getitem__

    def getitem(self, index):
        """A byte, or a storage over the same memory for a slice."""
        if not isinstance(index, slice):
            return item(self, index)
        start, stop, step = index.indices(len(self))
        if step != 1:
            raise RuntimeError(f"Trying to slice with a step of {step}, but only a step of 1 is supported")
        return _C._storage_over(_C._storage_to_bytes(self), start, max(stop - start, 0))

    def setitem(self, index, value):
        """Writes a byte, or the same byte to a slice."""
        _bytes_of(self)[index] = value

    def fill_(self, value):
        """Writes one byte everywhere."""
        _bytes_of(self).fill_(value)
        return self

    def tolist(self):
        """The bytes as a list of numbers."""
        return list(_C._storage_to_bytes(self))

    def untyped(self):
        """Itself: a TypedStorage answers with what it wraps."""
        return self

    def sizeof(self):
        """With the bytes themselves: `sys.getsizeof` counts them."""
        return object.__sizeof__(self) + self.nbytes()

    def from_file(filename, shared=False, nbytes=0, **size):
        """A storage over a mapped file; with `shared=True` what is written to it stands in the file."""
        return _mapped(filename, bool(shared), size.pop("size", nbytes), **size)

    for name, function in {"__getitem__": getitem, "__setitem__": setitem, "__sizeof__": sizeof}.items():
        setattr(_C.UntypedStorage, name, function)
    for function in (fill_, tolist, untyped):
        setattr(_C.UntypedStorage, function.__name__, function)
    _C.UntypedStorage.from_file = staticmethod(from_file)


def _bytes_of(storage):
    return _C._tensor_from_storage(storage, _C.uint8, 0, (storage.nbytes(),), (1,))


_complete()
