"""`torch.distributed.fsdp`: rtorch does not shard parameters. What packages import is here (`_outside.py`)."""

from rtorch._outside import fill as _fill

_fill(
    globals(),
    "rtorch does not shard parameters; DistributedDataParallel and ZeroRedundancyOptimizer are there",
    classes=(
        "BackwardPrefetch",
        "CPUOffload",
        "CPUOffloadPolicy",
        "FSDPModule",
        "FullOptimStateDictConfig",
        "FullStateDictConfig",
        "FullyShardedDataParallel",
        "MixedPrecision",
        "MixedPrecisionPolicy",
        "OffloadPolicy",
        "OptimStateKeyType",
        "ShardedOptimStateDictConfig",
        "ShardedStateDictConfig",
        "ShardingStrategy",
        "StateDictType",
    ),
    functions=("fully_shard",),
)
