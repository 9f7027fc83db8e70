"""`torch.distributed.rpc`: rtorch calls nothing in other processes."""

from rtorch._outside import fill as _fill

_fill(globals(), "rtorch calls nothing in other processes (RPC)")


def is_available():
    """Whether calls in other processes can be made."""
    return False
