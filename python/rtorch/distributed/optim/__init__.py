"""`torch.distributed.optim`: optimizers over several processes."""

from rtorch.distributed.optim.zero_redundancy_optimizer import ZeroRedundancyOptimizer

__all__ = ["ZeroRedundancyOptimizer"]
