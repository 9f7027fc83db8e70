"""A worker process of the DataLoader: its loop, its messages, and what it knows of itself (get_worker_info)."""

from __future__ import annotations

import io
import os
import pickle
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import rtorch as torch


class _Fields:
    """Given by keyword, then fixed. (dataclasses would import inspect: 10 ms of every start.)"""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __setattr__(self, name, value):
        raise RuntimeError(f"Cannot assign attributes to {type(self).__name__} objects")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in self.__dict__.items())})"


class WorkerInfo(_Fields):
    id: int
    num_workers: int
    seed: int
    dataset: Any


_worker_info: WorkerInfo | None = None
_of_threads: dict[int, WorkerInfo] = {}  # for workers that are threads, by thread


def get_worker_info() -> WorkerInfo | None:
    """In a DataLoader's worker: its id, num_workers, seed and dataset. In the main process: None."""
    return (_of_threads.get(threading.get_ident()) if _of_threads else None) or _worker_info


def this_thread(setup: Setup) -> None:
    """The calling thread is a worker."""
    seed = setup.base_seed + setup.id
    info = WorkerInfo(id=setup.id, num_workers=setup.num_workers, seed=seed, dataset=setup.dataset)
    _of_threads[threading.get_ident()] = info


def thread_ends() -> None:
    _of_threads.pop(threading.get_ident(), None)


class Setup(_Fields):
    """What a worker is told at its start."""

    id: int
    num_workers: int
    base_seed: int
    dataset: Any
    kind: int
    auto_collation: bool
    collate_fn: Callable
    drop_last: bool
    init_fn: Callable[[int], None] | None
    persistent: bool


# ---------------------------------------------------------------- messages: a pickle, and the bytes of its tensors
#
# Small tensors go through the pipe behind the pickle. Large ones are copied once, into a segment of shared memory,
# which the main process maps; when it has let go of all tensors in a segment, it says so with the next task, and the
# worker uses the segment again (fresh pages cost more than the copy).

SHARED_FROM = 1 << 16  # bytes
_IDLE = 8  # segments that a worker keeps for later


class _Pickler(pickle.Pickler):
    def __init__(self, file) -> None:
        self.buffers: list[pickle.PickleBuffer] = []
        self.tensors: set[int] = set()  # which of them are tensors
        super().__init__(file, 5, buffer_callback=self.buffers.append)

    def reducer_override(self, obj):
        if (
            type(obj) is torch.Tensor
            and obj.device.type == "cpu"
            and not (obj.requires_grad and obj.grad_fn is not None)
        ):
            plain = obj.detach().contiguous()
            if plain.untyped_storage().nbytes() != plain.numel() * plain.dtype.itemsize:
                plain = plain.clone()
            buffer = pickle.PickleBuffer(torch._C._storage_to_bytes(plain.untyped_storage()))
            self.tensors.add(id(buffer))
            dtype = str(plain.dtype).rpartition(".")[2]
            return _tensor, (buffer, dtype, tuple(plain.shape), obj.requires_grad)
        return NotImplemented


def _tensor(data, dtype: str, shape: tuple, requires_grad: bool):
    stride, step = [], 1
    for n in reversed(shape):
        stride.append(step)
        step *= max(n, 1)
    storage = torch._C._storage_over(*data) if type(data) is tuple else torch._C._storage_from_bytes(data)
    tensor = torch._C._tensor_from_storage(storage, getattr(torch, dtype), 0, shape, tuple(reversed(stride)))
    if requires_grad:
        tensor.requires_grad = True
    return tensor


class Sender:
    """The worker's end: its segments, and which of them are free."""

    def __init__(self, connection) -> None:
        self.connection = connection
        self.segments: dict[int, Any] = {}
        self.free: dict[int, None] = {}  # in the order in which they became free
        self.gone: list[int] = []
        self.count = 0

    def returned(self, numbers) -> None:
        """The main process has let go of these segments."""
        for n in numbers:
            if n in self.segments:
                self.free[n] = None
        while len(self.free) > _IDLE:
            n = next(iter(self.free))
            del self.free[n], self.segments[n]
            self.gone.append(n)

    def _segment(self, nbytes: int) -> tuple[int, Any, bool]:
        from rtorch.multiprocessing import _segment

        fits = [n for n in self.free if nbytes <= len(self.segments[n]) <= 2 * nbytes]
        if fits:
            del self.free[fits[-1]]  # the one used last: its pages are warm
            return fits[-1], self.segments[fits[-1]], False
        self.count += 1
        segment = self.segments[self.count] = _segment.create(nbytes)
        return self.count, segment, True

    def send(self, message) -> None:
        out = io.BytesIO()
        pickler = _Pickler(out)
        pickler.dump(message)
        raw = [b.raw() for b in pickler.buffers]
        kinds = [id(b) in pickler.tensors for b in pickler.buffers]
        sizes = [r.nbytes for r in raw]
        offsets, at = [], 0
        for n in sizes:
            offsets.append(at)
            at += -(-n // 64) * 64
        number, fresh, segment = 0, False, None
        if at >= SHARED_FROM:
            number, segment, fresh = self._segment(at)
            whole = memoryview(segment)
            for r, offset, n in zip(raw, offsets, sizes):
                whole[offset : offset + n] = r
            whole.release()
        head = pickle.dumps((number, fresh, self.gone, kinds, offsets, sizes), 5)
        self.gone = []
        self.connection.send_bytes(len(head).to_bytes(4, "little") + head + out.getbuffer())
        if segment is None:
            for r in raw:
                self.connection.send_bytes(r)
        elif fresh:
            from multiprocessing import reduction

            reduction.send_handle(self.connection, segment.fd, None)


class Receiver:
    """The main process's end: the segments of one worker, mapped, and those that it may use again."""

    def __init__(self, connection) -> None:
        self.connection = connection
        self.segments: dict[int, Any] = {}
        self.back: deque[int] = deque()  # tensors may die on any thread

    def take_back(self) -> list[int]:
        """The numbers of the segments that were let go of since the last time."""
        return [self.back.popleft() for _ in range(len(self.back))]

    def receive(self):
        message = memoryview(self.connection.recv_bytes())
        n = int.from_bytes(message[:4], "little")
        number, fresh, gone, kinds, offsets, sizes = pickle.loads(message[4 : 4 + n])
        for g in gone:
            self.segments.pop(g, None)
        if not number:
            buffers: list[Any] = [self.connection.recv_bytes() for _ in sizes]
            return pickle.loads(message[4 + n :], buffers=[b if k else bytearray(b) for b, k in zip(buffers, kinds)])
        if fresh:
            from multiprocessing import reduction

            from rtorch.multiprocessing import _segment

            self.segments[number] = _segment._map(reduction.recv_handle(self.connection))
        # what the storages keep: when the last of them dies, the segment is free
        lease = memoryview(self.segments[number])
        weakref.finalize(lease, self.back.append, number).atexit = False
        buffers = [
            (lease, at, size) if k else bytearray(lease[at : at + size]) for at, size, k in zip(offsets, sizes, kinds)
        ]
        return pickle.loads(message[4 + n :], buffers=buffers)


class _Text(str):
    """A message of several lines that KeyError, which shows the repr, prints as it is."""

    def __repr__(self) -> str:
        return str(self)


class Caught:
    """An exception on its way to the main process: its class, where that can be sent, and its traceback as text."""

    def __init__(self, error: BaseException, where: str) -> None:
        import traceback

        try:
            self.kind: bytes | None = pickle.dumps(type(error))
        except Exception:
            self.kind = None
        self.name = type(error).__name__
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        self.message = f"Caught {self.name} {where}.\nOriginal {trace}"

    def reraise(self):
        try:
            kind = pickle.loads(self.kind) if self.kind else RuntimeError
            error = kind(_Text(self.message) if issubclass(kind, KeyError) else self.message)
        except Exception:  # a class that wants other arguments, or is not known here
            error = RuntimeError(self.message)
        raise error


# ---------------------------------------------------------------- the process


def _numpy_seed(base_seed: int, worker_id: int):
    np = sys.modules["numpy"]
    parts = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return np.random.SeedSequence(parts).generate_state(4)


def _listen(connection, tasks, parent: int) -> None:
    """A thread: takes the tasks out of the pipe at once, so that the main process never waits to send one, and ends the
    process when the main process is gone or has closed the pipe."""
    import multiprocessing
    from multiprocessing.connection import wait

    mother = multiprocessing.parent_process()
    handles = [connection] + ([mother.sentinel] if mother is not None else [])
    try:
        while True:
            ready = wait(handles, 2)
            if connection in ready:
                message = connection.recv()
                if message[0] == "stop":
                    break
                tasks.put(message)
            elif ready or os.getppid() != parent:
                break
    except (EOFError, OSError):
        pass
    os._exit(0)


def main(setup: Setup, connection, inherited) -> None:
    """What runs in a worker process."""
    global _worker_info
    import queue
    import random
    import threading

    for other in inherited:
        other.close()
    tasks: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, tasks, os.getppid()), daemon=True).start()
    if hasattr(torch, "set_num_threads"):
        torch.set_num_threads(1)
    seed = setup.base_seed + setup.id
    random.seed(seed)
    torch.manual_seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(_numpy_seed(setup.base_seed, setup.id))
    _worker_info = WorkerInfo(id=setup.id, num_workers=setup.num_workers, seed=seed, dataset=setup.dataset)
    where = f"in DataLoader worker process {setup.id}"
    try:
        failed = None
        try:
            if setup.init_fn is not None:
                setup.init_fn(setup.id)
        except Exception as e:
            failed = Caught(e, where)
        _work(setup, connection, tasks, where, failed)
    except (KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        os._exit(0)


def _work(setup: Setup, connection, tasks, where: str, failed: Caught | None) -> None:
    from rtorch.utils.data._iterators import _DatasetKind

    fetcher = None
    sender = Sender(connection)
    epoch, ended = 0, False
    while True:
        message = tasks.get()
        if message[0] == "epoch":
            epoch, fetcher, ended = message[1], None, False
            continue
        _, task_epoch, number, keys, returned = message
        sender.returned(returned)
        if task_epoch != epoch or ended:
            continue
        answer: Any
        try:
            if failed is not None:
                answer = (epoch, number, "error", failed)
                failed = None
            else:
                if fetcher is None:
                    fetcher = _DatasetKind.create_fetcher(
                        setup.kind, setup.dataset, setup.auto_collation, setup.collate_fn, setup.drop_last
                    )
                answer = (epoch, number, "data", fetcher.fetch(keys))
        except StopIteration as e:
            if setup.kind == _DatasetKind.Iterable:
                ended = True
                answer = (epoch, number, "end", None)
            else:
                answer = (epoch, number, "error", Caught(e, where))
        except Exception as e:
            answer = (epoch, number, "error", Caught(e, where))
        try:
            sender.send(answer)
            answer = None
        except OSError:
            raise
        except Exception as e:  # what cannot be pickled
            e.add_note("The batch could not be sent from the worker process to the main process.")
            sender.send((epoch, number, "error", Caught(e, where)))
