"""`torch.distributed.checkpoint`: rtorch writes a checkpoint by `torch.save`, in one file. What packages name at their
top is here (`_outside.py`)."""

from rtorch._outside import fill as _fill

_fill(
    globals(),
    "rtorch has no checkpoints in parts; use torch.save and torch.load",
    classes=("FileSystemReader", "FileSystemWriter"),
)
