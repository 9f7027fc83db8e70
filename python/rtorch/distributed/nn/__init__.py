"""`torch.distributed.nn`: collectives through which gradients flow."""

from rtorch.distributed.nn.functional import (
    all_gather,
    all_reduce,
    all_to_all,
    broadcast,
    gather,
    reduce,
    reduce_scatter,
    scatter,
)
