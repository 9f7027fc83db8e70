"""`torch.utils.benchmark`: times of statements, with their spread."""

from ._compare import Compare
from ._timer import Language, Measurement, TaskSpec, Timer, timer

__all__ = ["Compare", "Language", "Measurement", "TaskSpec", "Timer", "timer"]
