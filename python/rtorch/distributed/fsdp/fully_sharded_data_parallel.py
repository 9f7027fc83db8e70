"""`torch.distributed.fsdp.fully_sharded_data_parallel`: see `torch.distributed.fsdp`."""

from rtorch.distributed.fsdp import (  # type: ignore[attr-defined]
    BackwardPrefetch as BackwardPrefetch,
)
from rtorch.distributed.fsdp import (
    CPUOffload as CPUOffload,
)
from rtorch.distributed.fsdp import (
    FullOptimStateDictConfig as FullOptimStateDictConfig,
)
from rtorch.distributed.fsdp import (
    FullStateDictConfig as FullStateDictConfig,
)
from rtorch.distributed.fsdp import (
    FullyShardedDataParallel as FullyShardedDataParallel,
)
from rtorch.distributed.fsdp import (
    MixedPrecision as MixedPrecision,
)
from rtorch.distributed.fsdp import (
    OptimStateKeyType as OptimStateKeyType,
)
from rtorch.distributed.fsdp import (
    ShardedOptimStateDictConfig as ShardedOptimStateDictConfig,
)
from rtorch.distributed.fsdp import (
    ShardedStateDictConfig as ShardedStateDictConfig,
)
from rtorch.distributed.fsdp import (
    ShardingStrategy as ShardingStrategy,
)
from rtorch.distributed.fsdp import (
    StateDictType as StateDictType,
)
