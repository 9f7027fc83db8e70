"""`torch.PyTorchFileReader`: the records of a .pt file, for libraries that load tensors one by one."""

from rtorch import _archive


class PyTorchFileReader:
    """Reads the records of a file that `torch.save` wrote (a path or an open file)."""

    def __init__(self, file):
        import os

        if isinstance(file, (str, os.PathLike)):
            self._file, name = open(file, "rb"), os.fspath(file)  # noqa: SIM115 - open as long as this lives
        else:
            self._file, name = file, getattr(file, "name", "the file")
        self._reader = _archive.Reader(_archive.File(self._file), str(name))

    def get_record(self, name):
        """A record's bytes."""
        return self._reader.read(name)

    def has_record(self, name):
        """Whether there is a record of this name."""
        return name in self._reader

    def get_all_records(self):
        """The names of the records."""
        return list(self._reader.records)

    def get_record_offset(self, name):
        """Where in the file a record's bytes begin."""
        return self._reader.record(name).offset

    def get_storage_from_record(self, name, numel, dtype):
        """A tensor of `numel` elements of the dtype (bytes for `UntypedStorage`) on what the record holds."""
        import rtorch

        dtype = rtorch.uint8 if dtype is rtorch.UntypedStorage else dtype
        result = rtorch.empty(numel, dtype=dtype)
        self._reader.readinto(name, memoryview(result.view(rtorch.uint8).numpy()))
        return result
