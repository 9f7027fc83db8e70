"""`torch.distributed._tensor`: the earlier name of `torch.distributed.tensor`."""

from rtorch.distributed import tensor as _tensor
from rtorch.distributed.tensor import Partial as Partial
from rtorch.distributed.tensor import Placement as Placement
from rtorch.distributed.tensor import Replicate as Replicate
from rtorch.distributed.tensor import Shard as Shard


def __getattr__(name):
    return getattr(_tensor, name)
