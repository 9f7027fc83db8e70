"""Groups of processes: how a process joins (`init_process_group`), parts of the whole (`new_group`), and who is who."""

from __future__ import annotations

import contextlib
import datetime
import os
import threading
from typing import Any
from urllib.parse import urlparse

from rtorch.distributed import _gloo
from rtorch.distributed._engine import Engine, Lane
from rtorch.distributed.constants import default_pg_timeout

__all__ = [
    "Backend",
    "GroupMember",
    "ProcessGroup",
    "destroy_process_group",
    "get_backend",
    "get_default_backend_for_device",
    "get_global_rank",
    "get_group_rank",
    "get_node_local_rank",
    "get_process_group_ranks",
    "get_rank",
    "get_world_size",
    "group",
    "init_process_group",
    "is_available",
    "is_backend_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "is_ucc_available",
    "is_xccl_available",
    "new_group",
    "new_subgroups_by_enumeration",
]


class Backend(str):
    """The name of an engine."""

    UNDEFINED = "undefined"
    GLOO = "gloo"
    NCCL = "nccl"
    MPI = "mpi"
    backend_list = [UNDEFINED, GLOO, NCCL, MPI]
    default_device_backend_map = {"cpu": GLOO, "cuda": NCCL}

    def __new__(cls, name: str):
        if not isinstance(name, str):
            raise ValueError(f"Backend constructor parameter must be string-ish, got {name!r}")
        return super().__new__(cls, name.lower())


class ProcessGroup:
    """Processes that work together, and this process's place among them."""

    def __init__(self, engine: Engine, ranks: list[int], name: str) -> None:
        self._engine = engine
        self._ranks = ranks  # rank here -> rank in the whole
        self._lane = Lane()  # collectives with async_op=True, in the order in which they were called
        self._lanes: dict[Any, Lane] = {}  # isend and irecv, for each direction, peer and tag
        self._count = 0
        self._lock = threading.Lock()
        self.group_name = name
        self.group_desc = "default_pg" if name == "0" else "undefined"

    def rank(self) -> int:
        return self._engine.rank

    def size(self) -> int:
        return self._engine.size

    def name(self) -> str:
        return self._engine.name

    def _tag(self) -> int:
        """The number of the next collective: all processes count alike."""
        with self._lock:
            self._count = (self._count + 1) & 0xFFFFF
            return self._count

    def _close(self) -> None:
        for lane in [self._lane, *self._lanes.values()]:
            lane.close()
        self._engine.close()

    def __repr__(self) -> str:
        return f"<ProcessGroup {self.group_name!r}, {self.name()}, rank {self.rank()} of {self.size()}>"


class _Now:
    """What this process belongs to."""

    world: ProcessGroup | None = None
    groups: dict[ProcessGroup, str] = {}
    count = 0
    store: Any = None
    pid = 0


class _WorldMeta(type):
    @property
    def WORLD(cls) -> ProcessGroup | None:
        return _Now.world


class group(metaclass=_WorldMeta):
    """`group.WORLD`: the group of all processes."""


class GroupMember(metaclass=_WorldMeta):
    """`GroupMember.NON_GROUP_MEMBER`: what new_group gives to processes outside of the group."""

    NON_GROUP_MEMBER = -100


def is_initialized() -> bool:
    """Has init_process_group been called?"""
    return _Now.world is not None


def is_available() -> bool:
    """Is there a torch.distributed?"""
    return True


def is_gloo_available() -> bool:
    """Is Gloo installed?"""
    return _gloo.available()


def is_mpi_available() -> bool:
    """Is mpi4py installed?"""
    import importlib.util

    return importlib.util.find_spec("mpi4py") is not None


def is_nccl_available() -> bool:
    """Is there NCCL, and a GPU for it?"""
    return False


def is_ucc_available() -> bool:
    """Is there UCC?"""
    return False


def is_xccl_available() -> bool:
    """Is there XCCL?"""
    return False


def is_backend_available(backend: str) -> bool:
    """Can this backend be used here?"""
    return {"gloo": is_gloo_available, "mpi": is_mpi_available}.get(backend.lower(), lambda: False)()


def is_torchelastic_launched() -> bool:
    """Was this process started by torchrun?"""
    return os.getenv("TORCHELASTIC_RUN_ID") is not None


def get_default_backend_for_device(device) -> str:
    """The backend for tensors of a device."""
    return Backend.default_device_backend_map[getattr(device, "type", str(device).partition(":")[0])]


def world() -> ProcessGroup:
    if _Now.world is None:
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    return _Now.world


def the(group) -> ProcessGroup:
    """The group of an argument: None is the whole."""
    if group is None:
        return world()
    if not isinstance(group, ProcessGroup):
        raise ValueError("Invalid process group specified")
    return group


def outside(group) -> bool:
    """Is this process not in the group? Then a collective does nothing here."""
    return group is GroupMember.NON_GROUP_MEMBER


# ---------------------------------------------------------------- joining


def _number(name: str, given: int, query: dict) -> int:
    if given >= 0:
        return given
    key = {"RANK": "rank", "WORLD_SIZE": "world_size"}[name]
    if key in query:
        return int(query[key])
    try:
        return int(os.environ[name])
    except KeyError:
        error = ValueError(
            f"Error initializing torch.distributed using env:// rendezvous: environment variable {name} expected, "
            "but not set"
        )
        error.add_note(
            "Start the program with torchrun (python -m rtorch.distributed.run), or give rank= and world_size=."
        )
        raise error from None


def _meet(init_method: str, rank: int, size: int, timeout) -> tuple[Any, int, int, str]:
    """The store at which the processes meet, rank, size, and the address of the meeting point."""
    url = urlparse(init_method)
    query = dict(p.split("=", 1) for p in url.query.split("&") if "=" in p)
    rank, size = _number("RANK", rank, query), _number("WORLD_SIZE", size, query)
    if url.scheme == "file":
        return _gloo.FileStore(url.path or url.netloc, size), rank, size, "127.0.0.1"
    if url.scheme == "tcp":
        host, port = url.hostname, url.port
        if not host or not port:
            raise ValueError(f"init_method {init_method!r} names no host and port: tcp://HOST:PORT")
    elif url.scheme == "env":
        missing = [n for n in ("MASTER_ADDR", "MASTER_PORT") if n not in os.environ]
        if missing:
            raise ValueError(
                "Error initializing torch.distributed using env:// rendezvous: environment variable "
                f"{missing[0]} expected, but not set"
            )
        host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    else:
        raise RuntimeError(f"No rendezvous handler for {url.scheme}:// (there are env://, tcp:// and file://)")
    return _gloo.TCPStore(host, port, size, rank == 0, timeout), rank, size, host


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: datetime.timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
    store=None,
    group_name: str = "",
    pg_options=None,
    device_id=None,
) -> None:
    """Join the other processes. All call it, each with its rank, and meet at `init_method` (env://, tcp://HOST:PORT,
    file:///PATH) or at a store."""
    if _Now.world is not None:
        raise ValueError("trying to initialize the default process group twice!")
    if store is not None and init_method is not None:
        raise AssertionError("Cannot specify both init_method and store.")
    if timeout is not None and not isinstance(timeout, datetime.timedelta):
        raise TypeError(f"Expected timeout argument to be of type datetime.timedelta, got {timeout}")
    timeout = timeout or default_pg_timeout
    name = (backend or "gloo").lower()
    for part in name.split(","):
        device, _, named = part.rpartition(":")
        if device in ("", "cpu"):
            name = named
            break
    engine: Any
    if name == "nccl":
        raise RuntimeError("ProcessGroupNCCL is only supported with GPUs, no GPUs found!")
    if name == "mpi":
        from rtorch.distributed._mpi import Mpi

        if world_size != -1 or rank != -1:
            import warnings

            warnings.warn(
                f"For MPI backend, world_size ({world_size}) and rank ({rank}) are ignored since they are assigned by "
                "the MPI runtime.",
                stacklevel=2,
            )
        engine = Mpi.whole()
    elif name == "gloo":
        if not _gloo.available():
            raise RuntimeError(_gloo.INSTALL)
        master = "127.0.0.1"
        if store is None:
            store, rank, world_size, master = _meet(init_method or "env://", rank, world_size, timeout)
        elif world_size < 1 or rank < 0:
            raise AssertionError("world_size and rank must be given if using store")
        else:
            master = getattr(store, "host", master)
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} does not lie in a world of {world_size} processes (ranks from 0 on)")
        engine = _gloo.Gloo(rank, world_size, _gloo.PrefixStore("default_pg", store), timeout, master)
        if isinstance(store, _gloo.FileStore):
            store.close_at_exit(rank)
    else:
        raise ValueError(f"Invalid backend: '{backend}': rtorch has gloo and mpi")
    _Now.store = store
    _Now.world = ProcessGroup(engine, list(range(engine.size)), "0")
    _Now.groups = {_Now.world: "0"}
    _Now.count = 0
    _Now.pid = os.getpid()


def destroy_process_group(group: ProcessGroup | None = None) -> None:
    """Leave a group, or all of them."""
    if outside(group):
        return
    leaving = the(group)
    if leaving is not _Now.world:
        if leaving not in _Now.groups:
            raise ValueError("Invalid process group specified")
        del _Now.groups[leaving]
        leaving._close()
        return
    for g in list(_Now.groups):
        with contextlib.suppress(RuntimeError):
            g._close()
    if isinstance(_Now.store, _gloo.FileStore) and leaving.rank() == 0:
        _Now.store.close()
    _Now.world, _Now.groups, _Now.store = None, {}, None


def new_group(
    ranks=None,
    timeout=None,
    backend=None,
    pg_options=None,
    use_local_synchronization=False,
    group_desc=None,
    device_id=None,
    sort_ranks=True,
):
    """A group of some of the processes. All processes call it, members or not."""
    whole = world()
    ranks = list(range(whole.size())) if ranks is None else sorted(ranks) if sort_ranks else list(ranks)
    if len(set(ranks)) != len(ranks):
        raise ValueError(f"the group has a rank twice: {ranks}")
    for r in ranks:
        if not 0 <= r < whole.size():
            raise ValueError(
                "The new group's rank should be within the world_size set by init_process_group"
                f" (rank {r}, world size {whole.size()})"
            )
    _Now.count += 1
    name = str(_Now.count)
    timeout = timeout or getattr(whole._engine, "timeout", default_pg_timeout)
    own: Any = whole._engine
    if whole.rank() not in ranks:
        if hasattr(own, "skip_group"):
            own.skip_group()
        return GroupMember.NON_GROUP_MEMBER
    engine = own.group(name, ranks.index(whole.rank()), len(ranks), timeout)
    made = ProcessGroup(engine, ranks, name)
    made.group_desc = group_desc or "undefined"
    _Now.groups[made] = name
    return made


def new_subgroups_by_enumeration(ranks_per_subgroup_list, timeout=None, backend=None, pg_options=None, group_desc=None):
    """Groups from lists of ranks: the one of this process, and all."""
    seen: set[int] = set()
    mine, all_groups = None, []
    for ranks in ranks_per_subgroup_list:
        if seen & set(ranks):
            raise ValueError("a rank stands in more than one subgroup")
        seen |= set(ranks)
        made = new_group(ranks, timeout, backend, pg_options, group_desc=group_desc)
        all_groups.append(made)
        if world().rank() in ranks:
            mine = made
    return mine, all_groups


# ---------------------------------------------------------------- who is who


def get_rank(group=None) -> int:
    """This process's rank in the group; -1 outside of it."""
    return -1 if outside(group) else the(group).rank()


def get_world_size(group=None) -> int:
    """How many processes the group has; -1 outside of it."""
    return -1 if outside(group) else the(group).size()


def get_backend(group=None) -> str:
    """The name of the group's engine."""
    return Backend(the(group).name())


def get_process_group_ranks(group=None) -> list[int]:
    """The group's processes by their ranks in the whole."""
    return list(the(group)._ranks)


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The rank in the whole of a rank in a group."""
    ranks = the(group)._ranks
    if not 0 <= group_rank < len(ranks):
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return ranks[group_rank]


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The rank in a group of a rank in the whole."""
    ranks = the(group)._ranks
    if global_rank not in ranks:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return ranks.index(global_rank)


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """This process's rank among those of its machine, as torchrun gives it."""
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to work, "
        "assuming you are not running in a multi-device context and want the code to run locally instead."
    )
