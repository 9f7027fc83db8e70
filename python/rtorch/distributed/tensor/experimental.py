"""`torch.distributed.tensor.experimental`: see `torch.distributed.tensor`."""

from rtorch._outside import fill as _fill

_fill(
    globals(),
    "rtorch has no tensors that are spread over processes (DTensor)",
    functions=("context_parallel", "implicit_replication", "local_map", "register_sharding"),
)
