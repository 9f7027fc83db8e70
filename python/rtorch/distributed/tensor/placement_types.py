"""`torch.distributed.tensor.placement_types`: see `torch.distributed.tensor`."""

from rtorch._outside import fill as _fill
from rtorch.distributed.tensor import (  # type: ignore[attr-defined]
    Partial as Partial,
    Placement as Placement,
    Replicate as Replicate,
    Shard as Shard,
)

_fill(globals(), "rtorch has no tensors that are spread over processes (DTensor)", classes=("_StridedShard",))
