"""`torch.cuda`. This build computes on the CPU: the questions are answered truthfully, and what needs a GPU raises."""

__all__ = [
    "CUDAGraph",
    "Event",
    "Stream",
    "device",
    "device_count",
    "device_of",
    "empty_cache",
    "get_arch_list",
    "get_rng_state_all",
    "graph",
    "init",
    "is_available",
    "is_bf16_supported",
    "is_current_stream_capturing",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_peak_memory_stats",
    "set_device",
    "set_rng_state_all",
    "stream",
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


def _raises(name):
    def needs_a_gpu(*args, **kwargs):
        """Raises, as there is no GPU."""
        init()

    needs_a_gpu.__name__ = needs_a_gpu.__qualname__ = name
    return needs_a_gpu


_NEED_A_GPU = (
    "can_device_access_peer",
    "current_device",
    "current_stream",
    "default_stream",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "ipc_collect",
    "mem_get_info",
    "set_per_process_memory_fraction",
    "set_stream",
    "synchronize",
)
for _name in _NEED_A_GPU:
    globals()[_name] = _raises(_name)
__all__ += _NEED_A_GPU


def set_device(device):
    """Raises, as there is none to choose; a negative number chooses nothing."""
    if not isinstance(device, int) or device >= 0:
        init()


def is_bf16_supported(including_emulation=True):
    """Has the GPU bfloat16?"""
    return False


def get_arch_list():
    """The architectures that this build has code for: kernels are compiled for a GPU where there is one."""
    return []


def memory_allocated(device=None):
    """Bytes of tensors on a GPU."""
    return 0


def max_memory_allocated(device=None):
    """The most that memory_allocated has been."""
    return 0


def memory_reserved(device=None):
    """Bytes that the allocator holds on a GPU."""
    return 0


def max_memory_reserved(device=None):
    """The most that memory_reserved has been."""
    return 0


def memory_stats(device=None):
    """All counts of the allocator; none while no GPU has been used."""
    from collections import OrderedDict

    return OrderedDict()


def reset_peak_memory_stats(device=None):
    """The peaks begin again, at 0."""


def empty_cache():
    """Nothing is cached for a GPU."""


def manual_seed(seed):
    """Taken silently where there is no GPU, as in PyTorch."""
    int(seed)


def get_rng_state_all():
    """The states of the GPUs' random numbers: there are none."""
    return []


def set_rng_state_all(new_states):
    """Sets the state of each GPU's random numbers: an empty list, since there is none."""
    if list(new_states):
        init()


def manual_seed_all(seed):
    """Taken silently where there is no GPU, as in PyTorch."""
    int(seed)


class device:
    """`with torch.cuda.device(i)`: the current GPU within the block. A negative number changes nothing."""

    def __init__(self, device):
        self.idx = device

    def __enter__(self):
        set_device(self.idx)

    def __exit__(self, *exc):
        return False


class device_of(device):
    """`device` of the GPU that a tensor is on; nothing for other tensors."""

    def __init__(self, obj):
        super().__init__(obj.get_device() if obj.is_cuda else -1)


class stream:
    """`with torch.cuda.stream(s)`: work within the block goes to the stream. None changes nothing."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        if self.stream is not None:
            init()

    def __exit__(self, *exc):
        return False


StreamContext = stream


class Stream:
    """A queue of work of a GPU: it cannot be made without one."""

    def __new__(cls, *args, **kwargs):
        init()


class CUDAGraph:
    """Work of a GPU that is recorded and run again: it cannot be made without one."""

    def __new__(cls, *args, **kwargs):
        init()


class graph:
    """`with torch.cuda.graph(g)`: records the work of a GPU. It cannot be made without one."""

    def __new__(cls, *args, **kwargs):
        init()


def is_current_stream_capturing():
    """Whether work is being recorded for a CUDAGraph: never."""
    return False


class Event:
    """A mark in a stream. It can be made anywhere, and used with a GPU."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False, external=False):
        self.enable_timing, self.blocking, self.interprocess = enable_timing, blocking, interprocess


for _name in ("record", "wait", "query", "elapsed_time", "synchronize"):
    setattr(Event, _name, _raises(_name))


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
del _kind, _name


def __getattr__(name):
    if name == "amp":
        import importlib

        return importlib.import_module("rtorch.cuda.amp")
    raise AttributeError(f"module 'torch.cuda' has no attribute '{name}'")
