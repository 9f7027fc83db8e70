"""`torch.distributed.fsdp.fully_sharded_data_parallel`: see `torch.distributed.fsdp`."""

from rtorch.distributed.fsdp import (  # type: ignore[attr-defined]
    BackwardPrefetch as BackwardPrefetch,
    CPUOffload as CPUOffload,
    FullOptimStateDictConfig as FullOptimStateDictConfig,
    FullStateDictConfig as FullStateDictConfig,
    FullyShardedDataParallel as FullyShardedDataParallel,
    MixedPrecision as MixedPrecision,
    OptimStateKeyType as OptimStateKeyType,
    ShardedOptimStateDictConfig as ShardedOptimStateDictConfig,
    ShardedStateDictConfig as ShardedStateDictConfig,
    ShardingStrategy as ShardingStrategy,
    StateDictType as StateDictType,
)
