"""`torch.distributed.fsdp.sharded_grad_scaler`: see `torch.distributed.fsdp`."""

from rtorch._outside import fill as _fill

_fill(
    globals(),
    "rtorch does not shard parameters; DistributedDataParallel and ZeroRedundancyOptimizer are there",
    classes=("ShardedGradScaler",),
)
