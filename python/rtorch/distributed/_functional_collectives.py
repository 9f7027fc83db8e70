"""`torch.distributed._functional_collectives`: collectives inside of graphs, which rtorch does not have; those of
`torch.distributed` are there."""

from rtorch._outside import fill as _fill

_fill(
    globals(),
    "rtorch has no collectives for graphs; use those of torch.distributed",
    functions=("all_to_all_single_autograd", "wait_tensor"),
)
