"""`torch.profiler`: profiles by steps, with what to do when a trace is ready."""

import enum
import os
import socket
import time

from rtorch.autograd.profiler import profile as _profile
from rtorch.autograd.profiler import record_function
from rtorch.autograd.profiler_util import refuse

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]


class ProfilerActivity(enum.Enum):
    """What may be recorded. Only the CPU is."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What happens in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def supported_activities():
    """What can be recorded here."""
    return {ProfilerActivity.CPU}


def kineto_available():
    """Whether PyTorch's tracing library is there: no, events are recorded by the core."""
    return False


def schedule(*, wait, warmup, active, repeat=0, skip_first=0, skip_first_wait=0):
    """From steps to actions: `skip_first` steps of nothing, then cycles of waiting, warming up and recording."""
    if wait < 0 or warmup < 0 or active <= 0 or repeat < 0 or skip_first < 0:
        raise AssertionError(
            f"Invalid profiler schedule arguments. Got wait={wait} (need >= 0), warmup={warmup} (need >= 0), "
            f"active={active} "
            f"(need > 0), repeat={repeat} (need >= 0), skip_first={skip_first} (need >= 0)."
        )
    cycle = wait + warmup + active

    def action(step):
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait:
            step += wait  # the first cycle does not wait
        if repeat > 0 and step // cycle >= repeat:
            return ProfilerAction.NONE
        at = step % cycle
        if at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if at < cycle - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


def tensorboard_trace_handler(dir_name, worker_name=None, use_gzip=False):
    """For `on_trace_ready`: writes each trace into a folder."""
    os.makedirs(dir_name, exist_ok=True)

    def handler(prof):
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json"
        prof.export_chrome_trace(os.path.join(dir_name, name + (".gz" if use_gzip else "")))

    return handler


class profile:
    """Records the operators of this thread within the block; with `schedule`, in those steps that it chooses, where
    `step()` says that one is over, and `on_trace_ready(prof)` is called for each trace."""

    def __init__(
        self,
        *,
        activities=None,
        schedule=None,
        on_trace_ready=None,
        record_shapes=False,
        profile_memory=False,
        with_stack=False,
        with_flops=False,
        with_modules=False,
        experimental_config=None,
        execution_trace_observer=None,
        acc_events=False,
        use_cuda=None,
        custom_trace_id_callback=None,
        post_processing_timeout_s=None,
    ):
        refuse(profile_memory=profile_memory, with_stack=with_stack, with_flops=with_flops, with_modules=with_modules)
        self.activities = set(activities) if activities is not None else supported_activities()
        if not self.activities:
            raise AssertionError("No valid profiler activities found")
        self._schedule = schedule
        self.on_trace_ready = on_trace_ready
        self.record_shapes = record_shapes
        self.step_num = 0
        self.current_action = ProfilerAction.RECORD_AND_SAVE if schedule is None else schedule(0)
        self._running = None
        self.profiler = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def start(self):
        """Begins, in step 0."""
        if self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE):
            self._record()

    def stop(self):
        """Ends, whatever step it is in."""
        if self._running is not None:
            self._keep()
            if self.on_trace_ready:
                self.on_trace_ready(self)

    def step(self):
        """Says that the next step begins."""
        before = self.current_action
        self.step_num += 1
        if self._schedule is None:
            return
        self.current_action = self._schedule(self.step_num)
        recording = self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if self._running is not None and (before is ProfilerAction.RECORD_AND_SAVE or not recording):
            self._keep()
            if self.on_trace_ready:
                self.on_trace_ready(self)
        if recording and self._running is None:
            self._record()

    def _record(self):
        self._running = _profile(record_shapes=self.record_shapes)
        self._running.__enter__()

    def _keep(self):
        self._running.__exit__(None, None, None)
        self.profiler, self._running = self._running, None

    def _trace(self):
        if self.profiler is None:
            raise AssertionError("Profiler must be initialized before exporting")
        return self.profiler

    def events(self):
        """What the last trace recorded."""
        return self._trace().function_events

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False):
        """Events of one name (and shapes) together."""
        return self._trace().key_averages(group_by_input_shape)

    def export_chrome_trace(self, path):
        """Writes the last trace for chrome://tracing or Perfetto; compressed if the name ends in .gz."""
        if not str(path).endswith(".gz"):
            self._trace().export_chrome_trace(path)
            return
        import gzip
        import json

        with gzip.open(path, "wt") as f:
            json.dump(self._trace()._trace(), f)
