"""The DataLoader's iterators: without workers, with workers of any kind, and with processes (threads: _threads.py).
Draws and order are PyTorch's for the same seed.

Each process has a pipe of its own (no lock that a dying worker could hold): the main process sends keys, the worker
sends batches, and whoever waits also waits for the other's death. What the processes say to each other is in
_utils/worker.py.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import rtorch as torch
from rtorch.utils.data import _utils

if TYPE_CHECKING:
    from rtorch.utils.data.dataloader import DataLoader


class _DatasetKind:
    Map = 0
    Iterable = 1

    @staticmethod
    def create_fetcher(kind, dataset, auto_collation, collate_fn, drop_last):
        fetcher: Any = (
            _utils.fetch._MapDatasetFetcher if kind == _DatasetKind.Map else _utils.fetch._IterableDatasetFetcher
        )
        return fetcher(dataset, auto_collation, collate_fn, drop_last)


def _has_accelerator() -> bool:
    cuda = getattr(torch, "cuda", None)
    return cuda is not None and cuda.is_available()


class _BaseDataLoaderIter:
    def __init__(self, loader: DataLoader) -> None:
        self._dataset = loader.dataset
        self._dataset_kind = loader._dataset_kind
        self._IterableDataset_len_called = loader._IterableDataset_len_called
        self._auto_collation = loader._auto_collation
        self._drop_last = loader.drop_last
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._pin_memory = False
        if loader.pin_memory:
            self._pin_memory = _has_accelerator()
            if not self._pin_memory:
                warnings.warn(
                    "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory "
                    "won't be used.",
                    stacklevel=4,
                )
        self._timeout = loader.timeout
        self._collate_fn = loader.collate_fn
        self._sampler_iter = iter(self._index_sampler)
        # one draw for each iterator, also where no worker needs it: the stream goes on as PyTorch's does
        self._base_seed = torch.empty((), dtype=torch.int64).random_(generator=loader.generator).item()
        self._persistent_workers = loader.persistent_workers
        self._num_yielded = 0

    def __iter__(self):
        return self

    def _reset(self, loader, first_iter=False) -> None:
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0
        self._IterableDataset_len_called = loader._IterableDataset_len_called

    def _next_index(self):
        return next(self._sampler_iter)

    def _next_data(self):
        raise NotImplementedError

    def __next__(self):
        data = self._next_data()
        self._num_yielded += 1
        promised = self._IterableDataset_len_called
        if promised is not None and self._dataset_kind == _DatasetKind.Iterable and self._num_yielded > promised:
            more = (
                "For multiprocessing data-loading, this could be caused by not properly configuring the "
                "IterableDataset "
                "replica at each worker."
                if self._num_workers > 0
                else ""
            )
            warnings.warn(
                f"Length of IterableDataset {self._dataset} was reported to be {promised}(when accessing "
                f"len(dataloader)), but "
                f"{self._num_yielded} samples have been fetched. {more}",
                stacklevel=2,
            )
        return data

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self):
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        if self._timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        self._dataset_fetcher = _DatasetKind.create_fetcher(
            self._dataset_kind, self._dataset, self._auto_collation, self._collate_fn, self._drop_last
        )

    def _next_data(self):
        data = self._dataset_fetcher.fetch(self._next_index())
        return _utils.pin_memory.pin_memory(data) if self._pin_memory else data


class _WorkersDataLoaderIter(_BaseDataLoaderIter):
    """Tasks (numbered lists of keys) go to the workers in turn; batches are handed out in the order of the tasks.
    What workers are is for subclasses to say; a worker is `active` until its stream has ended."""

    _finish: Any  # ends the workers

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        if not loader.prefetch_factor:
            raise AssertionError("prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter")
        self._prefetch_factor = loader.prefetch_factor
        self._in_order = loader.in_order
        self._epoch = 0
        self._workers: list[Any] = []

    def _setup(self, loader: DataLoader, i: int):
        """What worker i is told at its start."""
        return _utils.worker.Setup(
            id=i,
            num_workers=self._num_workers,
            base_seed=self._base_seed,
            dataset=self._dataset,
            kind=self._dataset_kind,
            auto_collation=self._auto_collation,
            collate_fn=self._collate_fn,
            drop_last=self._drop_last,
            init_fn=loader.worker_init_fn,
            persistent=self._persistent_workers,
        )

    def _send_task(self, worker, number: int, keys) -> None:
        raise NotImplementedError

    def _receive(self) -> None:
        """Wait for messages of workers, and `_take` them."""
        raise NotImplementedError

    def _new_epoch(self) -> None:
        """Tell the workers, where they need it."""

    def _reraise(self, error):
        """Raise what a worker sent as its error."""
        raise error

    def _begin(self) -> None:
        self._sent = 0  # number of the next task to send, and of the next to hand out
        self._next = 0
        self._whose: dict[int, Any] = {}
        self._here: dict[int, Any] = {}
        self._turn = itertools.cycle(self._workers)
        for w in self._workers:
            w.active = True
        for _ in range(self._prefetch_factor * self._num_workers):
            self._send_one()

    def _reset(self, loader, first_iter=False) -> None:
        super()._reset(loader, first_iter)
        if not self._finish.alive:
            raise RuntimeError("the DataLoader's persistent workers have ended; make a new DataLoader")
        self._epoch += 1
        self._new_epoch()
        self._begin()

    def _send_one(self) -> None:
        """Give the next task to the worker whose turn it is."""
        ready = [w for w in itertools.islice(self._turn, len(self._workers)) if w.active]
        if not ready:
            return
        worker = ready[0]
        if not self._in_order:
            load = [w for n, w in self._whose.items() if n not in self._here]
            worker = min(ready, key=load.count)
        for w in self._turn:  # the next turn begins behind this worker
            if w is worker:
                break
        try:
            keys = self._next_index()
        except StopIteration:
            return
        self._whose[self._sent] = worker
        self._send_task(worker, self._sent, keys)
        self._sent += 1

    def _take(self, worker, epoch: int, number: int, what: str, data) -> None:
        """What a worker says to a task: "data", "error", or "end" of its stream."""
        if epoch != self._epoch:
            return  # of an epoch that was left early
        if what == "end":
            worker.active = False
            for n in [n for n, w in self._whose.items() if w is worker and n not in self._here]:
                del self._whose[n]
            self._send_one()
        else:
            self._here[number] = (what, data)

    def _next_data(self):
        while True:
            if not self._in_order and self._here:
                number = next(iter(self._here))
                break
            while self._next < self._sent and self._next not in self._whose:
                self._next += 1  # a task of a worker whose stream has ended, or handed out before
            if not self._whose:
                if not self._persistent_workers:
                    self._finish()
                raise StopIteration
            if self._next in self._here:
                number = self._next
                break
            self._receive()
        what, data = self._here.pop(number)
        del self._whose[number]
        self._send_one()
        if what == "error":
            self._reraise(data)
        return _utils.pin_memory.pin_memory(data) if self._pin_memory else data

    def _timed_out(self) -> RuntimeError:
        self._finish()
        return RuntimeError(f"DataLoader timed out after {self._timeout} seconds")


class _Worker:
    """A worker process as the main process sees it."""

    def __init__(self, process, connection) -> None:
        self.process = process
        self.connection = connection
        self.receiver = _utils.worker.Receiver(connection)
        self.active = True

    def death(self) -> str:
        """How the process ended, in words."""
        import signal

        self.process.join(1)
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.strsignal(-code) or f"signal {-code}"
            more = ""
            if -code == signal.SIGKILL:
                more = " It is possible that the machine's memory was exhausted."
            elif -code == signal.SIGBUS:
                from rtorch.multiprocessing._segment import room

                more = f" It is possible that dataloader's workers are out of shared memory. {room()}"
            return f"DataLoader worker (pid {self.process.pid}) is killed by signal: {name}.{more}"
        return f"DataLoader worker (pid(s) {self.process.pid}) exited unexpectedly with exit code {code}"


def _end(workers: list[_Worker], owner: int) -> None:
    """Tell the workers to end, and see that they have ended. (To close the pipes is not enough: other processes that
    were forked meanwhile have copies.)"""
    if os.getpid() != owner:
        return  # a forked process has let go of its copy of the iterator
    for w in workers:
        w.active = False
        with contextlib.suppress(OSError):
            w.connection.send(("stop",))
        w.connection.close()
    until = time.monotonic() + 2
    for w in workers:
        w.process.join(max(0.0, until - time.monotonic()))
        if w.process.is_alive():
            w.process.terminate()
            w.process.join(1)
            if w.process.is_alive():
                w.process.kill()
                w.process.join(1)


class _MultiProcessingDataLoaderIter(_WorkersDataLoaderIter):
    """Workers are processes."""

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        import multiprocessing

        context: Any = loader.multiprocessing_context or multiprocessing
        self._finish = weakref.finalize(self, _end, self._workers, os.getpid())
        for i in range(self._num_workers):
            ours, theirs = context.Pipe()
            # under fork a worker has copies of the pipes made so far: it closes them, or they would never be at an end
            inherited = [w.connection for w in self._workers] + [ours]
            if getattr(context, "get_start_method", lambda: "fork")() != "fork":
                inherited = []
            setup = self._setup(loader, i)
            process = context.Process(target=_utils.worker.main, args=(setup, theirs, inherited), daemon=True)
            try:
                process.start()
            except BaseException:
                ours.close()
                theirs.close()
                self._finish()
                raise
            theirs.close()
            self._workers.append(_Worker(process, ours))
        self._begin()

    def _send(self, worker: _Worker, message) -> None:
        try:
            worker.connection.send(message)
        except (BrokenPipeError, ConnectionResetError):
            self._fail(worker)

    def _fail(self, worker: _Worker):
        said = worker.death()
        self._finish()
        raise RuntimeError(said) from None

    def _new_epoch(self) -> None:
        for w in self._workers:
            self._send(w, ("epoch", self._epoch))

    def _send_task(self, worker: _Worker, number: int, keys) -> None:
        self._send(worker, ("task", self._epoch, number, keys, worker.receiver.take_back()))

    def _receive(self) -> None:
        """Wait for a message of any worker, or for the death of one that owes us a batch."""
        from multiprocessing.connection import wait

        owing = {id(w): w for n, w in self._whose.items() if n not in self._here}
        by_handle: dict[Any, _Worker] = {}
        for w in owing.values():
            by_handle[w.connection] = w
            by_handle[w.process.sentinel] = w
        ready = wait(list(by_handle), self._timeout or None)
        if not ready:
            raise self._timed_out()
        for worker in {id(w): w for w in (by_handle[h] for h in ready)}.values():
            try:
                if not worker.connection.poll():
                    self._fail(worker)
                said = worker.receiver.receive()
            except (EOFError, ConnectionResetError):
                self._fail(worker)
            self._take(worker, *said)

    def _reraise(self, error):
        error.reraise()
