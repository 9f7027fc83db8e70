"""`torch.multiprocessing`: Python's multiprocessing, with tensors in queues, pipes and arguments by shared memory, and
`spawn`, which starts a function in several processes."""

import multiprocessing as _multiprocessing
from multiprocessing import *

from rtorch.multiprocessing import _segment, reductions
from rtorch.multiprocessing.spawn import (
    ProcessContext,
    ProcessException,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    *_multiprocessing.__all__,
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]


def get_all_sharing_strategies():
    """How shared memory can go to other processes."""
    return set(_segment.STRATEGIES)


def get_sharing_strategy():
    """How shared memory goes to other processes."""
    return _segment.strategy


def set_sharing_strategy(new_strategy):
    """ "file_descriptor": open files, two for each storage; "file_system": names in /dev/shm."""
    if new_strategy not in _segment.STRATEGIES:
        raise AssertionError(f"unknown sharing strategy {new_strategy!r}: one of {sorted(_segment.STRATEGIES)}")
    _segment.strategy = new_strategy
