"""`torch.distributed.fsdp.wrap`: see `torch.distributed.fsdp`."""

from rtorch._outside import fill as _fill

_fill(
    globals(),
    "rtorch does not shard parameters; DistributedDataParallel and ZeroRedundancyOptimizer are there",
    classes=("ModuleWrapPolicy",),
    functions=(
        "enable_wrap",
        "lambda_auto_wrap_policy",
        "size_based_auto_wrap_policy",
        "transformer_auto_wrap_policy",
        "wrap",
    ),
)
