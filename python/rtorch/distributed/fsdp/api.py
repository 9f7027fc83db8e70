"""`torch.distributed.fsdp.api`: see `torch.distributed.fsdp`."""

from rtorch.distributed.fsdp import (  # type: ignore[attr-defined]
    BackwardPrefetch as BackwardPrefetch,
    CPUOffload as CPUOffload,
    FullOptimStateDictConfig as FullOptimStateDictConfig,
    FullStateDictConfig as FullStateDictConfig,
    MixedPrecision as MixedPrecision,
    OptimStateKeyType as OptimStateKeyType,
    ShardedOptimStateDictConfig as ShardedOptimStateDictConfig,
    ShardedStateDictConfig as ShardedStateDictConfig,
    ShardingStrategy as ShardingStrategy,
    StateDictType as StateDictType,
)
