"""`torch.distributed._composable.fsdp`: see `torch.distributed.fsdp`."""

from rtorch.distributed.fsdp import (  # type: ignore[attr-defined]
    CPUOffloadPolicy as CPUOffloadPolicy,
)
from rtorch.distributed.fsdp import (
    FSDPModule as FSDPModule,
)
from rtorch.distributed.fsdp import (
    MixedPrecisionPolicy as MixedPrecisionPolicy,
)
from rtorch.distributed.fsdp import (
    OffloadPolicy as OffloadPolicy,
)
from rtorch.distributed.fsdp import (
    fully_shard as fully_shard,
)
