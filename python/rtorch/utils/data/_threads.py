"""DataLoader(worker_type="thread"): workers that are threads of this process, for datasets whose work releases the GIL
(reading, decoding, NumPy, tensors). Nothing is copied or pickled; batches come in the same order as from processes, and
get_worker_info tells the same numbers and seeds. The default generators are those of the whole process, which threads
share: a dataset that draws random numbers seeds a generator of its own with get_worker_info().seed."""

from __future__ import annotations

import queue
import threading
import weakref
from typing import Any

from rtorch.utils.data import _utils
from rtorch.utils.data._iterators import _DatasetKind, _WorkersDataLoaderIter


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


class _ThreadDataLoaderIter(_WorkersDataLoaderIter):
    """Workers are threads."""

    def __init__(self, loader) -> None:
        super().__init__(loader)
        self._results: queue.Queue[Any] = queue.Queue()
        self._workers += [_Thread() for _ in range(self._num_workers)]
        self._finish = weakref.finalize(self, _end, self._workers)
        for i, w in enumerate(self._workers):
            setup, name = self._setup(loader, i), f"DataLoader-{i}"
            threading.Thread(target=_run, args=(setup, w.tasks, self._results), daemon=True, name=name).start()
        self._begin()

    def _send_task(self, worker, number: int, keys) -> None:
        worker.tasks.put((self._epoch, number, keys))

    def _receive(self) -> None:
        try:
            epoch, number, i, what, data = self._results.get(timeout=self._timeout or None)
        except queue.Empty:
            raise self._timed_out() from None
        self._take(self._workers[i], epoch, number, what, data)
