"""`torch.distributed._composable.fsdp`: see `torch.distributed.fsdp`."""

from rtorch.distributed.fsdp import (  # type: ignore[attr-defined]
    CPUOffloadPolicy as CPUOffloadPolicy,
    FSDPModule as FSDPModule,
    MixedPrecisionPolicy as MixedPrecisionPolicy,
    OffloadPolicy as OffloadPolicy,
    fully_shard as fully_shard,
)
