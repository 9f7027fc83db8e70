"""A worker process of the DataLoader: its loop, its messages, and what it knows of itself (get_worker_info)."""

from __future__ import annotations

import io
import os
import pickle
import sys
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


def get_worker_info() -> WorkerInfo | None:
    """In a DataLoader's worker process: its id, num_workers, seed and dataset. In the main process: None."""
    return _worker_info


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


# ---------------------------------------------------------------- messages: a pickle, then the bytes of its tensors


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj):
        if (
            type(obj) is torch.Tensor
            and obj.device.type == "cpu"
            and not (obj.requires_grad and obj.grad_fn is not None)
        ):
            plain = obj.detach().contiguous()
            if plain.untyped_storage().nbytes() != plain.numel() * plain.dtype.itemsize:
                plain = plain.clone()
            view = torch._C._storage_to_bytes(plain.untyped_storage())
            dtype = str(plain.dtype).rpartition(".")[2]
            return _tensor, (pickle.PickleBuffer(view), dtype, tuple(plain.shape), obj.requires_grad)
        return NotImplemented


def _tensor(data, dtype: str, shape: tuple, requires_grad: bool):
    stride, step = [], 1
    for n in reversed(shape):
        stride.append(step)
        step *= max(n, 1)
    storage = torch._C._storage_from_bytes(data)
    tensor = torch._C._tensor_from_storage(storage, getattr(torch, dtype), 0, shape, tuple(reversed(stride)))
    if requires_grad:
        tensor.requires_grad = True
    return tensor


def send(connection, message) -> None:
    out = io.BytesIO()
    buffers: list[pickle.PickleBuffer] = []
    _Pickler(out, 5, buffer_callback=buffers.append).dump(message)
    connection.send_bytes(len(buffers).to_bytes(4, "little") + out.getvalue())
    for buffer in buffers:
        connection.send_bytes(buffer.raw())


def receive(connection):
    head = connection.recv_bytes()
    buffers = [connection.recv_bytes() for _ in range(int.from_bytes(head[:4], "little"))]
    return pickle.loads(memoryview(head)[4:], buffers=buffers)


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
    epoch, ended = 0, False
    while True:
        message = tasks.get()
        if message[0] == "epoch":
            epoch, fetcher, ended = message[1], None, False
            continue
        _, task_epoch, number, keys = message
        if task_epoch != epoch or ended:
            continue
        answer: tuple
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
            send(connection, answer)
        except OSError:
            raise
        except Exception as e:  # what cannot be pickled
            e.add_note("The batch could not be sent from the worker process to the main process.")
            send(connection, (epoch, number, "error", Caught(e, where)))
