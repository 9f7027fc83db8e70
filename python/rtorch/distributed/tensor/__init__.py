"""`torch.distributed.tensor`: rtorch has no tensors that are spread over processes. What packages name at their top is
here (`_outside.py`)."""

from rtorch._outside import fill as _fill

_fill(
    globals(),
    "rtorch has no tensors that are spread over processes (DTensor)",
    classes=("DTensor", "Partial", "Placement", "Replicate", "Shard"),
    functions=("distribute_module", "distribute_tensor"),
)
