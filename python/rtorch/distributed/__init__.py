"""`torch.distributed`: processes that train together, on Gloo (the extra `rtorch[distributed]`) or MPI (mpi4py, the
extra `rtorch[mpi]`, under mpiexec). `python -m rtorch.distributed.run` starts them, as torchrun does."""

from rtorch.distributed import constants as constants
from rtorch.distributed.distributed_c10d import *


def __getattr__(name):
    import importlib

    if name in (
        "nn",
        "run",
        "optim",
        "device_mesh",
        "fsdp",
        "algorithms",
        "checkpoint",
        "rpc",
        "tensor",
        "_tensor",
        "_composable",
    ):
        return importlib.import_module(f"{__name__}.{name}")
    if name in ("DeviceMesh", "init_device_mesh"):
        return getattr(importlib.import_module(f"{__name__}.device_mesh"), name)
    raise AttributeError(f"module 'torch.distributed' has no attribute {name!r} (rtorch does not have it)")
