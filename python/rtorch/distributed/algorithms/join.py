"""`torch.distributed.algorithms.join`: processes with unequal inputs. Here: `DistributedDataParallel.join`."""

from rtorch._outside import fill as _fill

_fill(
    globals(),
    "rtorch joins models one by one, by DistributedDataParallel.join()",
    classes=("Join", "JoinHook", "Joinable"),
)
