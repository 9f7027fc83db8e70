"""`torch.distributed._tensor`: the earlier name of `torch.distributed.tensor`."""

from rtorch.distributed.tensor import (  # type: ignore[attr-defined]
    DTensor as DTensor,
    Partial as Partial,
    Placement as Placement,
    Replicate as Replicate,
    Shard as Shard,
    distribute_module as distribute_module,
    distribute_tensor as distribute_tensor,
)
