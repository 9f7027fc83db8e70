"""`torch.autograd.profiler`: which operators ran within a block, and for how long."""

import functools
import json
import os
import time

from rtorch import _C
from rtorch._outside import outside_class

from . import profiler_util
from .profiler_util import EventList, FunctionEvent

__all__ = ["EventList", "FunctionEvent", "profile", "record_function"]


class record_function:
    """Names a block (or, as a decorator, each call of a function) in the profiles that run meanwhile."""

    def __init__(self, name, args=None):
        self.name = name
        self.args = args
        self._at = None

    def __enter__(self):
        self._at = _C._record_enter(self.name)
        return self

    def __exit__(self, *exc):
        if self._at is not None:
            _C._record_leave(self._at)
            self._at = None

    def __call__(self, f):
        @functools.wraps(f)
        def inner(*args, **kwargs):
            with record_function(self.name):
                return f(*args, **kwargs)

        return inner


class profile:
    """Within the block, operators of this thread are timed; what ran inside an operator is part of its time.

    `record_shapes` keeps the shapes of tensor arguments, to group by. Memory, stacks, modules and GPU time are not
    recorded: these options are refused.
    """

    def __init__(
        self,
        enabled=True,
        *,
        use_cuda=False,
        use_device=None,
        record_shapes=False,
        with_flops=False,
        profile_memory=False,
        with_stack=False,
        with_modules=False,
        use_kineto=False,
        use_cpu=True,
        experimental_config=None,
        acc_events=False,
        custom_trace_id_callback=None,
        post_processing_timeout_s=None,
        activity_filters=None,
    ):
        self.enabled = enabled
        self.record_shapes = record_shapes
        profiler_util.refuse(
            with_flops=with_flops, profile_memory=profile_memory, with_stack=with_stack, with_modules=with_modules
        )
        if use_cuda or use_device not in (None, "cpu"):
            import warnings

            warnings.warn("CUDA is not available, disabling CUDA profiling", stacklevel=2)
        self.function_events = None
        self.entered = False

    def __enter__(self):
        if not self.enabled:
            return self
        if self.entered:
            raise RuntimeError("Profiler context manager is not reentrant")
        self.entered = True
        self._begin()
        return self

    def _begin(self):
        self._wall = time.time_ns()
        self._clock = time.perf_counter_ns()
        _C._profiler_start(self.record_shapes)

    def _end(self):
        self._took = (time.perf_counter_ns() - self._clock) / 1000
        self.function_events = EventList.of(_C._profiler_stop())

    def __exit__(self, *exc):
        if self.enabled and self.function_events is None:
            self._end()

    def __repr__(self):
        return "<unfinished torch.autograd.profile>" if self.function_events is None else repr(self.function_events)

    def __str__(self):
        return "<unfinished torch.autograd.profile>" if self.function_events is None else str(self.function_events)

    def _finished(self):
        if self.function_events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self.function_events

    def table(self, *args, **kwargs):
        """All events as text; see `EventList.table`."""
        return self._finished().table(*args, **kwargs)

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False):
        """Events of one name (and shapes) together."""
        return self._finished().key_averages(group_by_input_shape)

    def total_average(self):
        return self._finished().total_average()

    @property
    def self_cpu_time_total(self):
        """Microseconds of all operators."""
        return self._finished().self_cpu_time_total

    def export_chrome_trace(self, path):
        """Writes the events for chrome://tracing or Perfetto."""
        with open(path, "w") as f:
            json.dump(self._trace(), f)

    def _trace(self):
        pid = os.getpid()
        events = [
            {
                "ph": "M",
                "name": "process_name",
                "pid": pid,
                "tid": 0,
                "ts": 0,
                "args": {"name": "python"},
            }
        ]
        for e in self._finished():
            events.append(
                {
                    "ph": "X",
                    "cat": "cpu_op" if e.is_op else "user_annotation",
                    "name": e.name,
                    "pid": pid,
                    "tid": e.thread,
                    "ts": self._wall / 1000 + e.time_range.start,
                    "dur": e.time_range.elapsed_us(),
                    "args": {"Input Dims": e.input_shapes} if e.input_shapes else {},
                }
            )
        return {"schemaVersion": 1, "displayTimeUnit": "ms", "traceEvents": events}


emit_nvtx = outside_class("torch.autograd.profiler.emit_nvtx", "it marks work for NVIDIA's profiler, which needs CUDA")
