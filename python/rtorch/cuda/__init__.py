"""`torch.cuda`. This build computes on the CPU: the questions are answered truthfully, and what needs a GPU raises."""

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "init",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "synchronize",
]


def is_available():
    """Can tensors be put on a GPU?"""
    return False


def device_count():
    """How many GPUs can be used."""
    return 0


def is_initialized():
    """Has a GPU been used?"""
    return False


def init():
    """Raises: there is no GPU to prepare."""
    error = AssertionError("Torch not compiled with CUDA enabled")
    error.add_note("rtorch finds no CUDA device that it can use here: ask torch.cuda.is_available() first.")
    raise error


def current_device():
    """Raises, as there is none."""
    init()


def get_device_name(device=None):
    """Raises, as there is none."""
    init()


def synchronize(device=None):
    """Raises, as there is nothing to wait for."""
    init()


def empty_cache():
    """Nothing is cached for a GPU."""


def manual_seed(seed):
    """Taken silently where there is no GPU, as in PyTorch."""
    int(seed)


def manual_seed_all(seed):
    """Taken silently where there is no GPU, as in PyTorch."""
    int(seed)


class _CudaType(type):
    """`torch.cuda.FloatTensor` and its kin: types of tensors on a GPU. No tensor here is one, and none can be made."""

    def __call__(cls, *args, **kwargs):
        _unavailable(cls.__name__)

    def __instancecheck__(cls, x):
        return False

    @property
    def dtype(cls):  # what Tensor.type(...) asks for
        _unavailable(cls.__name__)


def _unavailable(name):
    raise TypeError(f"type torch.cuda.{name} not available. Torch not compiled with CUDA enabled.")


_KINDS = ("Float", "Double", "Half", "BFloat16", "Byte", "Char", "Short", "Int", "Long", "Bool")
for _kind in _KINDS:
    globals()[f"{_kind}Tensor"] = _CudaType(f"{_kind}Tensor", (), {"__module__": "torch.cuda"})
__all__ += [f"{_kind}Tensor" for _kind in _KINDS]
del _kind


def __getattr__(name):
    if name == "amp":
        import importlib

        return importlib.import_module("rtorch.cuda.amp")
    raise AttributeError(f"module 'torch.cuda' has no attribute '{name}'")
