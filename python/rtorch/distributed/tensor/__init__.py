"""`torch.distributed.tensor`: rtorch has no tensors that are spread over processes. What packages name at their top is
here (`_outside.py`)."""

from rtorch._outside import fill as _fill
from rtorch.distributed.tensor.placement_types import Partial as Partial
from rtorch.distributed.tensor.placement_types import Placement as Placement
from rtorch.distributed.tensor.placement_types import Replicate as Replicate
from rtorch.distributed.tensor.placement_types import Shard as Shard

_fill(
    globals(),
    "rtorch has no tensors that are spread over processes (DTensor)",
    classes=("DTensor",),
    functions=("distribute_module", "distribute_tensor"),
)
