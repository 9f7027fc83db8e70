"""`torch.distributed`: processes that train together, on Gloo (the extra `rtorch[distributed]`) or MPI (mpi4py, the
extra `rtorch[mpi]`, under mpiexec). `python -m rtorch.distributed.run` starts them, as torchrun does."""

from rtorch.distributed import constants as constants
from rtorch.distributed._engine import Work
from rtorch.distributed.distributed_c10d import (
    Backend,
    FileStore,
    GroupMember,
    HashStore,
    P2POp,
    PrefixStore,
    ProcessGroup,
    ReduceOp,
    Store,
    TCPStore,
    all_gather,
    all_gather_into_tensor,
    all_gather_object,
    all_reduce,
    all_reduce_coalesced,
    all_to_all,
    all_to_all_single,
    barrier,
    batch_isend_irecv,
    broadcast,
    broadcast_object_list,
    destroy_process_group,
    gather,
    gather_object,
    get_backend,
    get_default_backend_for_device,
    get_global_rank,
    get_group_rank,
    get_node_local_rank,
    get_process_group_ranks,
    get_rank,
    get_world_size,
    group,
    init_process_group,
    irecv,
    is_available,
    is_backend_available,
    is_gloo_available,
    is_initialized,
    is_mpi_available,
    is_nccl_available,
    is_torchelastic_launched,
    is_ucc_available,
    is_xccl_available,
    isend,
    monitored_barrier,
    new_group,
    new_subgroups_by_enumeration,
    recv,
    reduce,
    reduce_op,
    reduce_scatter,
    reduce_scatter_tensor,
    scatter,
    scatter_object_list,
    send,
)


def __getattr__(name):
    import importlib

    if name in ("nn", "run", "optim", "device_mesh"):
        return importlib.import_module(f"{__name__}.{name}")
    if name in ("DeviceMesh", "init_device_mesh"):
        return getattr(importlib.import_module(f"{__name__}.device_mesh"), name)
    raise AttributeError(f"module 'torch.distributed' has no attribute {name!r} (rtorch does not have it)")
