"""`torch.distributed.tensor._utils`: see `torch.distributed.tensor`."""

from rtorch._outside import fill as _fill

_fill(
    globals(),
    "rtorch has no tensors that are spread over processes (DTensor)",
    functions=("compute_local_shape_and_global_offset",),
)
