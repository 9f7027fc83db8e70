"""The DataLoader's inner parts: collate (samples to batches), fetch (keys to batches), worker (processes),
pin_memory."""

from rtorch.utils.data._utils import collate, fetch, pin_memory, worker

__all__ = ["collate", "fetch", "pin_memory", "worker"]
