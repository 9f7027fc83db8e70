"""rtorch: PyTorch's API on a Rust core.

What belongs here: the top-level names. Operators come from the table in the core (`_C._spaces`); classes and functions
that only Python can say come from the modules beside this file. Large parts are imported at first use.
"""

import importlib as _importlib
import math as _math
import sys as _sys
import types as _types

from rtorch import _C
from rtorch._size import Size
from rtorch.version import __version__ as __version__


class OutOfMemoryError(RuntimeError):
    """An allocation was refused."""


class _LinAlgError(RuntimeError):
    """A matrix that is singular, not positive definite, or for which an iteration did not converge."""


_C._set_size_class(Size)
_C._set_out_of_memory_error(OutOfMemoryError)
_C._set_linalg_error(_LinAlgError)

for _name in dir(_C):
    if not _name.startswith("_"):
        globals()[_name] = getattr(_C, _name)
for _name, _f in _C._spaces[""].items():
    if not _name.startswith("_"):
        globals().setdefault(_name, _f)

_C._nn = _types.SimpleNamespace(**_C._spaces["nn.functional"])

Tensor = _C.Tensor
_C._TensorMeta = type(Tensor)
_C._get_tracing_state = lambda: None  # no program is being traced
from rtorch import _tensor as _tensor  # noqa: E402  (completes the class)
from rtorch import random as random  # noqa: E402
from rtorch._tensor import (  # noqa: E402
    allclose,
    broadcast_shapes,
    equal,
    is_complex,
    is_floating_point,
    is_inference,
    is_nonzero,
    is_tensor,
    nonzero,
    numel,
    result_type,
    set_printoptions,
)
from rtorch._untyped import from_file  # noqa: E402
from rtorch.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled  # noqa: E402
from rtorch.functional import (  # noqa: E402
    einsum,
    gradient,
    lu,
    pdist,
    resize_as_,
    tensordot,
    unique,
    unique_consecutive,
    unravel_index,
)
from rtorch.random import get_rng_state, initial_seed, manual_seed, seed, set_rng_state  # noqa: E402

torch = _sys.modules[__name__]  # `from torch import torch`
inf = _math.inf
nan = _math.nan
e = 2.718281828459045
pi = 3.141592653589793
newaxis = None

# names of the top level that stand in modules which are imported at first use
_LAZY = {
    "asarray": "_creation",
    "range": "_creation",
    "histogram": "_histogram",
    "histogramdd": "_histogram",
    "are_deterministic_algorithms_enabled": "_settings",
    "get_device_module": "_settings",
    "get_num_interop_threads": "_settings",
    "set_flush_denormal": "_settings",
    "set_num_interop_threads": "_settings",
    "get_default_device": "_settings",
    "get_deterministic_debug_mode": "_settings",
    "get_float32_matmul_precision": "_settings",
    "is_deterministic_algorithms_warn_only_enabled": "_settings",
    "set_default_device": "_settings",
    "set_default_tensor_type": "_settings",
    "set_deterministic_debug_mode": "_settings",
    "set_float32_matmul_precision": "_settings",
    "use_deterministic_algorithms": "_settings",
    "is_anomaly_check_nan_enabled": "autograd.anomaly_mode",
    "is_anomaly_enabled": "autograd.anomaly_mode",
    "autocast": "amp",
    "get_autocast_cpu_dtype": "amp.autocast_mode",
    "get_autocast_gpu_dtype": "amp.autocast_mode",
    "is_autocast_cpu_enabled": "amp.autocast_mode",
    "set_autocast_cpu_dtype": "amp.autocast_mode",
    "set_autocast_cpu_enabled": "amp.autocast_mode",
    "set_autocast_gpu_dtype": "amp.autocast_mode",
    "compile": "compiler",
    "finfo": "_typeinfo",
    "from_dlpack": "utils.dlpack",
    "iinfo": "_typeinfo",
    "pca_lowrank": "_lowrank",
    "sparse_coo_tensor": "sparse",
    "svd_lowrank": "_lowrank",
    "typename": "nn.modules._errors",
    "load": "serialization",
    "save": "serialization",
    "to_dlpack": "utils.dlpack",
    "TypedStorage": "storage",
    "UntypedStorage": "storage",
    "vmap": "func",
    "Future": "futures",
    **dict.fromkeys(
        (
            "chalf",
            "complex32",
            "float4_e2m1fn_x2",
            "float8_e4m3fn",
            "float8_e4m3fnuz",
            "float8_e5m2",
            "float8_e5m2fnuz",
            "float8_e8m0fnu",
            "sparse_bsc",
            "sparse_bsr",
            "sparse_csc",
            "sparse_csr",
            "uint16",
            "uint32",
            "uint64",
        ),
        "_absent_dtypes",
    ),
    "PyTorchFileReader": "_file_reader",
    "ScriptFunction": "jit",
    "ScriptModule": "jit",
    "Event": "_streams",
    "Stream": "_streams",
    "ops": "_ops",
    **dict.fromkeys(
        (
            "_assert",
            "_assert_async",
            "_check",
            "_check_index",
            "_check_is_size",
            "_check_not_implemented",
            "_check_tensor_all",
            "_check_tensor_all_with",
            "_check_type",
            "_check_value",
            "_check_with",
        ),
        "_checks",
    ),
    **dict.fromkeys(
        (
            "SymBool",
            "SymFloat",
            "SymInt",
            "sym_float",
            "sym_int",
            "sym_ite",
            "sym_max",
            "sym_min",
            "sym_not",
            "sym_sum",
        ),
        "_symbolic",
    ),
}


def install():
    """From now on `import torch` (torchvision, torchmetrics) means rtorch, in this process and the ones it starts."""
    from rtorch import _alias

    old = _sys.modules.get("torch")
    if old is not None and old is not torch:
        from rtorch._warn import warn

        warn("rtorch.install(): another torch was imported; names that are bound to it stay so", RuntimeWarning)
    _alias.install()
    _alias.export()


def load_ipython_extension(ipython):
    """`%load_ext rtorch` in a notebook."""
    install()


def __getattr__(name):
    if name in _LAZY:
        value = getattr(_importlib.import_module("rtorch." + _LAZY[name]), name)
        globals()[name] = value
        return value
    if name.endswith("Storage"):
        found = getattr(_importlib.import_module("rtorch.storage"), name, None)
        if found is not None:
            return found
    if name.startswith("_foreach_"):
        found = getattr(_importlib.import_module("rtorch._foreach"), name, None)
        if found is not None:
            return found
    if not name.startswith("_") or name in ("__config__", "_dynamo", "_jit_internal"):
        path = "rtorch." + name
        try:
            return _importlib.import_module(path)
        except ModuleNotFoundError as missing:
            if missing.name != path:
                raise
    raise AttributeError(f"module 'torch' has no attribute '{name}' (rtorch does not have it yet)")


class _TypedClass(type):
    """`torch.FloatTensor` and its kin: `isinstance` looks at the dtype."""

    def __call__(cls, *args):
        return _C._legacy_tensor(cls.dtype, *args)

    def __instancecheck__(cls, x):
        return isinstance(x, Tensor) and x.dtype == cls.dtype


for _name, _d in (
    ("FloatTensor", _C.float32),
    ("DoubleTensor", _C.float64),
    ("HalfTensor", _C.float16),
    ("BFloat16Tensor", _C.bfloat16),
    ("ByteTensor", _C.uint8),
    ("CharTensor", _C.int8),
    ("ShortTensor", _C.int16),
    ("IntTensor", _C.int32),
    ("LongTensor", _C.int64),
    ("BoolTensor", _C.bool),
):
    globals()[_name] = _TypedClass(_name, (), {"dtype": _d, "__module__": "torch"})
del _name, _d, _f
