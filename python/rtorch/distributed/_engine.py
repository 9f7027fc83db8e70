"""What an engine of torch.distributed does, on contiguous CPU tensors, blocking; and what all engines have in common:
dtypes that an engine does not reduce go through one that it does, and collectives that it lacks are made of those that
it has."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any

import rtorch as torch


class Engine:
    """Subclasses have allreduce, reduce, broadcast, allgather, gather, barrier, send, recv, group, set_timeout,
    close, and the tables DTYPES and OPS. Tags tell collectives of one group apart that run at the same time."""

    name = ""
    one_by_one = False  # must collectives of one group follow each other, also those on other threads?
    DTYPES: dict[str, Any] = {}
    OPS: dict[str, Any] = {}

    def __init__(self, rank: int, size: int) -> None:
        self.rank = rank
        self.size = size

    # ------------------------------------------------ reductions of any dtype

    def reducible(self, t, op: str):
        """The tensor as the engine can reduce it: itself, a view, or a copy in another dtype."""
        name = str(t.dtype).rpartition(".")[2]
        if op not in self.OPS and op not in ("AVG", "BAND", "BOR", "BXOR"):
            raise RuntimeError(f"Cannot use ReduceOp.{op} with {self.name}")
        if op in ("BAND", "BOR", "BXOR") and op not in self.OPS:
            raise RuntimeError(f"Cannot use ReduceOp.{op} with {self.name}")
        if t.is_complex():
            if op not in ("SUM", "AVG"):
                raise RuntimeError(f"all_reduce does not support {op} on complex tensors")
            return torch.view_as_real(t)
        if op == "AVG" and not t.is_floating_point():
            raise RuntimeError("ReduceOp.AVG needs a floating dtype")
        if name in self.DTYPES:
            return t
        if name in ("bfloat16", "float16"):
            return t.float()
        if name == "bool" and op in ("MIN", "MAX", "PRODUCT"):
            return t.to(torch.uint8)
        if name in ("int16", "bool", "uint16"):
            return t.to(torch.int32)
        raise RuntimeError(f"{self.name} does not reduce {t.dtype}: convert it first")

    def all_reduce(self, t, op: str, tag: int) -> None:
        work = self.reducible(t, op)
        if work.numel() and self.size > 1:
            work = work if work.is_contiguous() else work.contiguous()
            self.allreduce(work, "SUM" if op == "AVG" else op, tag)
        if op == "AVG":
            work = work / self.size
        if work.data_ptr() != t.data_ptr():
            t.copy_((work != 0) if t.dtype == torch.bool else torch.view_as_complex(work) if t.is_complex() else work)

    def reduce_to(self, t, op: str, root: int, tag: int) -> None:
        """Into `t` at the root; elsewhere `t` keeps what it has."""
        if not t.numel() or self.size == 1:
            return
        work = self.reducible(t, op).contiguous()
        out = torch.empty_like(work)
        self.reduce(work, out, "SUM" if op == "AVG" else op, root, tag)
        if self.rank == root:
            out = out / self.size if op == "AVG" else out
            t.copy_((out != 0) if t.dtype == torch.bool else torch.view_as_complex(out) if t.is_complex() else out)

    # ------------------------------------------------ moved from each to each

    def exchange(self, outgoing: list, incoming: list, tag: int) -> None:
        """outgoing[i] goes to rank i, incoming[i] comes from rank i. Sends run beside the receives: either may wait
        for the other side."""
        incoming[self.rank].copy_(outgoing[self.rank])
        others = [(self.rank + k) % self.size for k in range(1, self.size)]
        failed: list[BaseException] = []

        def send_all() -> None:
            try:
                for peer in others:
                    if outgoing[peer].numel():
                        self.send(outgoing[peer], peer, tag)
            except BaseException as e:
                failed.append(e)

        sender = threading.Thread(target=send_all, daemon=True)
        sender.start()
        for peer in reversed(others):
            if incoming[peer].numel():
                self.recv(incoming[peer], peer, tag)
        sender.join()
        if failed:
            raise failed[0]

    # ------------------------------------------------ the subclass's part

    def allreduce(self, t, op: str, tag: int) -> None:
        raise NotImplementedError

    def reduce(self, t, out, op: str, root: int, tag: int) -> None:
        raise NotImplementedError

    def broadcast(self, t, root: int, tag: int) -> None:
        raise NotImplementedError

    def allgather(self, t, out, tag: int) -> None:
        raise NotImplementedError

    def gather(self, t, out, root: int, tag: int) -> None:
        raise NotImplementedError

    def barrier(self, tag: int) -> None:
        raise NotImplementedError

    def send(self, t, peer: int, tag: int) -> None:
        raise NotImplementedError

    def recv(self, t, peer: int, tag: int) -> None:
        raise NotImplementedError


class Work:
    """An operation that runs on another thread. `wait` gives its exception, if it had one."""

    def __init__(self, run: Callable[[], None], result: Any) -> None:
        self._run = run
        self._result = result
        self._done = threading.Event()
        self._error: BaseException | None = None

    def _go(self) -> None:
        try:
            self._run()
        except BaseException as e:
            self._error = e
        finally:
            self._run = _nothing  # lets go of what it held
            self._done.set()

    def wait(self, timeout=None) -> bool:
        """Wait until it is done. True; raises what the operation raised, or RuntimeError after `timeout`."""
        seconds = timeout.total_seconds() if hasattr(timeout, "total_seconds") else timeout
        if not self._done.wait(seconds or None):
            raise RuntimeError(f"the operation was not done after {seconds} seconds")
        if self._error is not None:
            raise self._error
        return True

    def is_completed(self) -> bool:
        return self._done.is_set()

    def is_success(self) -> bool:
        return self._done.is_set() and self._error is None

    def exception(self) -> BaseException | None:
        return self._error

    def result(self) -> Any:
        self.wait()
        return self._result


def _nothing() -> None:
    pass


class Lane:
    """A thread that does one piece of work after the other. It ends with the process, whatever it waits for."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._last: threading.Event | None = None  # of the last work, set when it is done

    @property
    def busy(self) -> bool:
        """Is there work that has not been done?"""
        return self._last is not None and not self._last.is_set()

    def put(self, work: Work) -> Work:
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, daemon=True, name="rtorch.distributed")
            self._thread.start()
        self._last = work._done
        self._queue.put(work)
        return work

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._queue.put(None)

    def _loop(self) -> None:
        while True:
            work = self._queue.get()
            if work is None:
                return
            work._go()
            del work
