"""`torch.nn.parallel`: one model on several processes (DistributedDataParallel) or devices (DataParallel)."""

from rtorch.nn.parallel.data_parallel import DataParallel, data_parallel
from rtorch.nn.parallel.distributed import DistributedDataParallel
from rtorch.nn.parallel.scatter_gather import gather, scatter

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel", "gather", "scatter"]
