"""DataLoader(worker_type="thread"): workers that are threads of this process, for datasets whose work releases the GIL
(reading, decoding, NumPy, tensors). Nothing is copied or pickled; batches come in the same order as from processes, and
get_worker_info tells the same numbers and seeds. The default generators are those of the whole process, which threads
share: a dataset that draws random numbers seeds a generator of its own with get_worker_info().seed."""

from __future__ import annotations

import itertools
import queue
import threading
import weakref
from typing import Any

from rtorch.utils.data import _utils
from rtorch.utils.data._iterators import _BaseDataLoaderIter, _DatasetKind


class _Thread:
    def __init__(self) -> None:
        self.tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.active = True


def _end(workers: list[_Thread]) -> None:
    for w in workers:
        w.tasks.put(None)


def _run(setup, tasks, results) -> None:
    """What runs in a thread."""
    _utils.worker.this_thread(setup)
    try:
        _work(setup, tasks, results)
    finally:
        _utils.worker.thread_ends()


def _work(setup, tasks, results) -> None:
    failed: BaseException | None = None
    try:
        if setup.init_fn is not None:
            setup.init_fn(setup.id)
    except Exception as e:
        failed = e
    fetcher, epoch, ended = None, 0, False
    while (task := tasks.get()) is not None:
        task_epoch, number, keys = task
        if task_epoch != epoch:
            fetcher, epoch, ended = None, task_epoch, False
        what: str
        data: Any
        try:
            if failed is not None:
                raise failed
            if ended:
                raise StopIteration
            if fetcher is None:
                fetcher = _DatasetKind.create_fetcher(
                    setup.kind, setup.dataset, setup.auto_collation, setup.collate_fn, setup.drop_last
                )
            what, data = "data", fetcher.fetch(keys)
        except StopIteration as e:
            if setup.kind == _DatasetKind.Iterable:
                what, data, ended = "end", None, True
            else:
                what, data = "error", RuntimeError(f"DataLoader: the dataset raised {type(e).__name__} for {keys!r}")
        except BaseException as e:
            e.add_note(f"in DataLoader worker thread {setup.id}")
            what, data = "error", e
            failed = None
        results.put((task_epoch, number, setup.id, what, data))
        del data


class _ThreadDataLoaderIter(_BaseDataLoaderIter):
    """Tasks go to the threads in turn; batches are handed out in the order of the tasks."""

    def __init__(self, loader) -> None:
        super().__init__(loader)
        self._prefetch_factor = loader.prefetch_factor
        self._in_order = loader.in_order
        self._epoch = 0
        self._results: queue.Queue[Any] = queue.Queue()
        self._workers = [_Thread() for _ in range(self._num_workers)]
        self._finish = weakref.finalize(self, _end, self._workers)
        for i, w in enumerate(self._workers):
            setup = _utils.worker.Setup(
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
            name = f"DataLoader-{i}"
            threading.Thread(target=_run, args=(setup, w.tasks, self._results), daemon=True, name=name).start()
        self._begin()

    def _begin(self) -> None:
        self._epoch += 1
        self._sent = self._next = 0
        self._whose: dict[int, _Thread] = {}
        self._here: dict[int, Any] = {}
        self._turn = itertools.cycle(self._workers)
        for w in self._workers:
            w.active = True
        for _ in range(self._prefetch_factor * self._num_workers):
            self._send_one()

    def _reset(self, loader, first_iter=False) -> None:
        super()._reset(loader, first_iter)
        self._begin()

    def _send_one(self) -> None:
        worker = next((w for w in itertools.islice(self._turn, len(self._workers)) if w.active), None)
        if worker is None:
            return
        try:
            keys = self._next_index()
        except StopIteration:
            return
        self._whose[self._sent] = worker
        worker.tasks.put((self._epoch, self._sent, keys))
        self._sent += 1

    def _receive(self) -> None:
        try:
            epoch, number, i, what, data = self._results.get(timeout=self._timeout or None)
        except queue.Empty:
            self._finish()
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds") from None
        if epoch != self._epoch:
            return  # of an epoch that was left early
        if what == "end":
            worker = self._workers[i]
            worker.active = False
            for n in [n for n, w in self._whose.items() if w is worker and n not in self._here]:
                del self._whose[n]
            self._send_one()
        elif number in self._whose:
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
            raise data
        return _utils.pin_memory.pin_memory(data) if self._pin_memory else data
