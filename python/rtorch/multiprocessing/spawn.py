"""Starting a function in several processes and waiting for all: `spawn`, `start_processes`. The first process that
fails ends the others, and its traceback is raised here."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import time

__all__ = [
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "spawn",
    "start_processes",
]


class ProcessException(Exception):
    """A process of `spawn` failed."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg = msg
        self.error_index = error_index
        self.pid = pid

    def __reduce__(self):
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """The function raised an exception, whose traceback is in the message."""

    def __init__(self, msg: str, error_index: int, error_pid: int) -> None:
        super().__init__(msg, error_index, error_pid)


class ProcessExitedException(ProcessException):
    """The process ended by a signal, or with another status than 0."""

    def __init__(
        self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None
    ) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code = exit_code
        self.signal_name = signal_name

    def __reduce__(self):
        return type(self), (self.msg, self.error_index, self.pid, self.exit_code, self.signal_name)


def _die_with_parent(parent: int) -> None:
    """Ask Linux to end this process when the one that started it has died, also when that was killed."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGINT)


def _run(fn, i, args, connection, parent) -> None:
    import rtorch.multiprocessing  # noqa: F401  (tensors in queues)

    if multiprocessing.get_start_method(allow_none=True) != "forkserver":
        _die_with_parent(parent)
    try:
        fn(i, *args)
    except KeyboardInterrupt:
        pass  # the process that started us was interrupted, and says so
    except Exception:
        import traceback

        connection.send(traceback.format_exc())
        sys.exit(1)


class ProcessContext:
    """The processes of `spawn(..., join=False)`."""

    def __init__(self, processes, connections) -> None:
        self.processes = processes
        self._connections = connections
        self._said: dict[int, str] = {}
        self.sentinels = {p.sentinel: i for i, p in enumerate(processes)}

    def pids(self) -> list[int]:
        return [int(p.pid) for p in self.processes]

    def _listen(self, i: int) -> None:
        c = self._connections[i]
        try:
            if not c.closed and c.poll():
                self._said[i] = c.recv()
        except (EOFError, OSError):
            c.close()

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait for the processes. True when all have ended well, False when some still run; raises when one has failed,
        after ending the others."""
        if not self.sentinels:
            return True
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            talking = {self._connections[i]: i for i in self.sentinels.values() if not self._connections[i].closed}
            rest = None if until is None else max(0.0, until - time.monotonic())
            ready = multiprocessing.connection.wait([*self.sentinels, *talking], rest)
            if not ready:
                return False
            failed = None
            for handle in ready:
                if handle in talking:  # a traceback comes before the end
                    self._listen(talking[handle])
            for handle in ready:
                if handle in self.sentinels:
                    i = self.sentinels.pop(handle)
                    self.processes[i].join()
                    if self.processes[i].exitcode != 0 and failed is None:
                        failed = i
            if failed is not None:
                self._end(grace_period)
                self._raise(failed)
            if not self.sentinels:
                return True
            if until is not None and time.monotonic() >= until:
                return False

    def _end(self, grace_period) -> None:
        for p in self.processes:
            if p.is_alive():
                p.terminate()
        until = time.monotonic() + (30 if grace_period is None else grace_period)
        for p in self.processes:
            p.join(max(0.0, until - time.monotonic()))
            if p.is_alive():
                p.kill()
                p.join()

    def _raise(self, i: int):
        self._listen(i)
        p = self.processes[i]
        if i in self._said:
            text = f"\n\n-- Process {i} terminated with the following error:\n{self._said[i]}"
            raise ProcessRaisedException(text, i, p.pid)
        code = p.exitcode
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"<Unknown signal {-code}>"
            error = ProcessExitedException(f"process {i} terminated with signal {name}", i, p.pid, code, name)
            if -code == signal.SIGKILL:
                error.add_note("SIGKILL is what the system sends when the machine's memory is exhausted.")
            raise error
        raise ProcessExitedException(f"process {i} terminated with exit code {code}", i, p.pid, code)


class SpawnContext(ProcessContext):
    """The former name."""


def start_processes(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn", numa_options=None):
    """Run `fn(i, *args)` for i in range(nprocs), each in a process of its own."""
    if numa_options is not None:
        raise NotImplementedError("start_processes(numa_options=...) is not available: bind with numactl instead")
    context = multiprocessing.get_context(start_method)
    processes, connections = [], []
    try:
        for i in range(nprocs):
            ours, theirs = context.Pipe(duplex=False)
            p = context.Process(target=_run, args=(fn, i, args, theirs, os.getpid()), daemon=daemon)
            p.start()
            theirs.close()
            processes.append(p)
            connections.append(ours)
    except BaseException:
        for p in processes:
            p.terminate()
        raise
    started = ProcessContext(processes, connections)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """Run `fn(i, *args)` for i in range(nprocs) in fresh Python processes."""
    if start_method != "spawn":
        import warnings

        warnings.warn(
            f"This method only supports start_method=spawn (got: {start_method}).\n"
            "To use a different start_method use:\n\t\t torch.multiprocessing.start_processes(...)",
            FutureWarning,
            stacklevel=2,
        )
    return start_processes(fn, args, nprocs, join, daemon, start_method="spawn")
