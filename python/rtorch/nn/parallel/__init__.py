"""`torch.nn.parallel`: one model on several processes (DistributedDataParallel) or devices (DataParallel)."""

from rtorch.nn.parallel.data_parallel import DataParallel, data_parallel
from rtorch.nn.parallel.distributed import DistributedDataParallel

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel"]
