"""Gloo: the engine behind backend "gloo". The wheel `xoscar` carries Gloo with a binding for Python (the extra
`rtorch[distributed]`); only that extension is loaded, not the package around it."""

from __future__ import annotations

import datetime
import functools
import importlib.machinery
import importlib.util
import os
import socket

from rtorch.distributed._engine import Engine

INSTALL = (
    'the backend "gloo" needs Gloo, which the package xoscar carries: pip install "rtorch[distributed]" '
    "(or pip install --no-deps xoscar)"
)


def _file() -> str | None:
    spec = importlib.util.find_spec("xoscar")  # finds the folder, imports nothing
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            path = os.path.join(folder, "collective", "xoscar_pygloo" + suffix)
            if os.path.exists(path):
                return path
    return None


def available() -> bool:
    return _file() is not None


@functools.cache
def binding():
    path = _file()
    if path is None:
        raise RuntimeError(INSTALL)
    spec = importlib.util.spec_from_file_location("xoscar_pygloo", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---------------------------------------------------------------- stores: where processes find each other


class Store:
    """Keys and values that all processes see, until their connections are made."""

    def __init__(self, store) -> None:
        self._store = store

    def set(self, key: str, value: str | bytes) -> None:
        data = value.encode() if isinstance(value, str) else bytes(value)
        self._store.set(key, [data.hex()])  # (the binding takes lists of text)

    def get(self, key: str) -> bytes:
        """The value of a key; waits for it."""
        return bytes.fromhex("".join(self._store.get(key)))


class TCPStore(Store):
    """A store that the process with is_master=True serves at host:port."""

    def __init__(
        self,
        host_name: str,
        port: int,
        world_size: int | None = None,
        is_master: bool = False,
        timeout: datetime.timedelta = datetime.timedelta(minutes=5),
        wait_for_workers: bool = True,
    ) -> None:
        g = binding()
        options = g.rendezvous.TCPStoreOptions()
        options.port = port
        options.isServer = is_master
        if world_size is not None:
            options.numWorkers = world_size
        options.waitWorkers = wait_for_workers and world_size is not None
        options.timeout = timeout
        self.host, self.port = host_name, port
        try:
            super().__init__(g.rendezvous.TCPStore(host_name, options))
        except RuntimeError as e:
            said = "serve" if is_master else "reach"
            e.add_note(
                f"could not {said} the meeting point {host_name}:{port}. MASTER_ADDR and MASTER_PORT must be the same "
                "in all processes, the port free on the machine of rank 0, and world_size processes must come."
            )
            raise


class FileStore(Store):
    """A store in a folder beside `file_name`, for processes that see the same disk."""

    def __init__(self, file_name: str, world_size: int = -1) -> None:
        self.path = os.path.abspath(file_name)
        self.folder = self.path + ".gloo"
        os.makedirs(self.folder, exist_ok=True)
        super().__init__(binding().rendezvous.FileStore(self.folder))

    def close(self) -> None:
        import shutil

        shutil.rmtree(self.folder, ignore_errors=True)

    def close_at_exit(self, rank: int) -> None:
        """For a program that ends without leaving its group: once all are connected, the first process takes the folder
        away, and so does any that ends by an exception (a peer died; it may have been the first)."""
        import atexit
        import sys

        def leave() -> None:
            if rank == 0 or getattr(sys, "last_value", None) is not None:
                self.close()

        atexit.register(leave)


class HashStore(Store):
    """A store in this process's memory."""

    def __init__(self) -> None:
        super().__init__(binding().rendezvous.HashStore())


class PrefixStore(Store):
    """A store inside a store: its keys get a prefix."""

    def __init__(self, prefix: str, store: Store) -> None:
        self._inner = store  # the binding keeps a plain reference
        super().__init__(binding().rendezvous.PrefixStore(prefix, store._store))


# ---------------------------------------------------------------- the engine


def _own_address(master: str) -> str:
    """The address under which the others reach this machine."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect((master, 9))  # nothing is sent
            return s.getsockname()[0]
    except OSError:
        return "127.0.0.1"


class Gloo(Engine):
    name = "gloo"
    # dtype -> Gloo's; what is missing is reduced in another dtype (_engine.py)
    DTYPES = {
        "int8": "glooInt8",
        "uint8": "glooUint8",
        "int32": "glooInt32",
        "int64": "glooInt64",
        "float16": "glooFloat16",
        "float32": "glooFloat32",
        "float64": "glooFloat64",
    }
    OPS = {"SUM": "SUM", "PRODUCT": "PRODUCT", "MIN": "MIN", "MAX": "MAX"}

    def __init__(self, rank: int, size: int, store: Store, timeout: datetime.timedelta, master: str) -> None:
        super().__init__(rank, size)
        g = self.g = binding()
        attr = g.transport.tcp.attr(_own_address(master))
        interface = os.environ.get("GLOO_SOCKET_IFNAME")
        if interface:
            attr = g.transport.tcp.attr()
            attr.iface = interface.partition(",")[0]
        self.store, self.master = store, master
        self.device = g.transport.tcp.CreateDevice(attr)
        self.context = g.rendezvous.Context(rank, size)
        self.context.setTimeout(timeout)
        self.timeout = timeout
        if size > 1:
            self.context.connectFullMesh(store._store, self.device)

    def group(self, name: str, rank: int, size: int, timeout: datetime.timedelta) -> Gloo:
        return Gloo(rank, size, PrefixStore(name, self.store), timeout, self.master)

    def set_timeout(self, timeout: datetime.timedelta) -> None:
        self.timeout = timeout
        self.context.setTimeout(timeout)

    def close(self) -> None:
        self.context.closeConnections()

    def _type(self, t):
        return getattr(self.g.GlooDataType_t, self.DTYPES[str(t.dtype).rpartition(".")[2]])

    def _bytes(self):
        return self.g.GlooDataType_t.glooUint8

    def allreduce(self, t, op: str, tag: int) -> None:
        g = self.g
        p, n = t.data_ptr(), t.numel()
        g.allreduce(self.context, p, p, n, self._type(t), getattr(g.ReduceOp, op), g.AllreduceAlgorithm.RING, tag)

    def reduce(self, t, out, op: str, root: int, tag: int) -> None:
        g = self.g
        operator = getattr(g.ReduceOp, op)
        g.reduce(self.context, t.data_ptr(), out.data_ptr(), t.numel(), self._type(t), operator, root, tag)

    def broadcast(self, t, root: int, tag: int) -> None:
        p = t.data_ptr()
        self.g.broadcast(self.context, p, p, t.nbytes, self._bytes(), root, tag)

    def allgather(self, t, out, tag: int) -> None:
        self.g.allgather(self.context, t.data_ptr(), out.data_ptr(), t.nbytes, self._bytes(), tag)

    def gather(self, t, out, root: int, tag: int) -> None:
        self.g.gather(
            self.context, t.data_ptr(), 0 if out is None else out.data_ptr(), t.nbytes, self._bytes(), root, tag
        )

    def barrier(self, tag: int) -> None:
        self.g.barrier(self.context, tag)

    def send(self, t, peer: int, tag: int) -> None:
        self.g.send(self.context, t.data_ptr(), t.nbytes, self._bytes(), peer, tag)

    def recv(self, t, peer: int, tag: int) -> None:
        self.g.recv(self.context, t.data_ptr(), t.nbytes, self._bytes(), peer, tag)
