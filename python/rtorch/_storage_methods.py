"""Methods of UntypedStorage that are said best in Python."""

from rtorch import _C

UntypedStorage = _C.UntypedStorage


def _from_file(filename, shared=False, nbytes=0):
    """A storage on a file's first bytes: with `shared` writes reach the file (which grows where it is shorter), else
    they stay in memory."""
    import mmap
    import os

    if nbytes <= 0:
        raise RuntimeError(f"UntypedStorage.from_file: nbytes must be positive, got {nbytes}")
    with open(filename, "r+b" if shared else "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < nbytes:
            if not shared:
                raise RuntimeError(
                    f"file {filename} size ({size}) is smaller than the required mapping size ({nbytes})"
                )
            file.truncate(nbytes)
        access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
        return _C._storage_over(mmap.mmap(file.fileno(), nbytes, access=access), 0, nbytes)


_one_byte = UntypedStorage.__getitem__


def _getitem(self, i):
    if not isinstance(i, slice):
        return _one_byte(self, i)
    start, stop, step = i.indices(len(self))
    if step != 1:
        raise RuntimeError(f"Trying to slice with a step of {step}, but only a step of 1 is supported")
    return _C._storage_over(_C._storage_to_bytes(self), start, max(0, stop - start))


UntypedStorage.from_file = staticmethod(_from_file)
UntypedStorage.__getitem__ = _getitem
UntypedStorage.untyped = lambda self: self
UntypedStorage.element_size = lambda self: 1
