"""Memory that processes share: segments, and the storages that lie in them.

A segment is a mapped file without a name (memfd) that goes to another process as a file descriptor; nothing is left
when the processes die, however they die. With the strategy "file_system" it is a file in /dev/shm instead: each message
takes a hard link of its own along, which the receiver opens and removes, and what a killed process left is removed by
the next one that begins to share.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import weakref

import rtorch as torch

FOLDER = "/dev/shm"
_ASK = 64 << 20  # bytes from which on the machine is asked what it has left
STRATEGIES = {"file_descriptor", "file_system"}
strategy = "file_descriptor"
# by device and inode: what arrives twice, or comes back, is mapped once
_known: weakref.WeakValueDictionary[tuple[int, int], Segment] = weakref.WeakValueDictionary()
_links: set[str] = set()
_owner = 0


class Segment(mmap.mmap):
    """A mapped segment. It lives as long as a storage uses it."""

    fd: int
    path: str | None
    pid: int

    def __del__(self):
        with contextlib.suppress(OSError, AttributeError):
            os.close(self.fd)
        path = getattr(self, "path", None)
        if path is not None and self.pid == os.getpid():
            with contextlib.suppress(OSError):
                os.unlink(path)


def _map(fd: int, path: str | None = None) -> Segment:
    """The segment behind a descriptor, which it takes over."""
    about = os.fstat(fd)
    key = (about.st_dev, about.st_ino)
    known = _known.get(key)
    if known is not None:
        os.close(fd)
        return known
    try:
        segment = Segment(fd, about.st_size)
    except BaseException:
        os.close(fd)
        raise
    segment.fd, segment.path, segment.pid = fd, path, os.getpid()
    _known[key] = segment
    return segment


def create(nbytes: int) -> Segment:
    """A new segment, its memory taken from the system at once: to run out of it later would kill the process."""
    path = None
    if nbytes >= _ASK:
        torch.empty(nbytes, dtype=torch.uint8)  # the core refuses what the machine does not have; no page is touched
    if strategy == "file_system":
        _sweep()
        path = os.path.join(FOLDER, f"torch_{os.getpid()}_{os.urandom(6).hex()}")
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    else:
        fd = os.memfd_create("torch", os.MFD_CLOEXEC)
    try:
        os.posix_fallocate(fd, 0, max(nbytes, 1))
    except OSError as e:
        os.close(fd)
        if path is not None:
            os.unlink(path)
        if e.errno not in (errno.ENOSPC, errno.ENOMEM):
            raise
        raise RuntimeError(f"unable to allocate shared memory (shm) of {nbytes} bytes: {e.strerror}. {room()}") from e
    return _map(fd, path)


def room() -> str:
    """How much shared memory there is, in words."""
    try:
        s = os.statvfs(FOLDER)
    except OSError:
        return f"There is no {FOLDER} here."
    total, free = s.f_blocks * s.f_frsize, s.f_bavail * s.f_frsize
    return f"{FOLDER} holds {total >> 20} MiB, of which {free >> 20} MiB are free (docker: --shm-size)."


# ---------------------------------------------------------------- storages


def segment_of(storage) -> Segment | None:
    owner = torch._C._storage_owner(storage)
    return owner if isinstance(owner, Segment) else None


def is_shared(storage) -> bool:
    """Does it lie in shared memory? (The batches of DataLoader's workers are parts of segments.)"""
    owner = torch._C._storage_owner(storage)
    return isinstance(owner.obj if isinstance(owner, memoryview) else owner, Segment)


def share(storage) -> Segment:
    """Move a storage to shared memory, once; all tensors on it follow."""
    if storage.device.type != "cpu":
        raise RuntimeError(f"only storages on the CPU can be shared, this one is on {storage.device}")
    segment = segment_of(storage)
    if segment is None:
        segment = create(storage.nbytes())
        torch._C._storage_move(storage, segment)
    return segment


def storage_over(segment: Segment, nbytes: int):
    return torch._C._storage_over(segment, 0, nbytes)


# ---------------------------------------------------------------- to other processes


def send(segment: Segment):
    """What to pickle of a segment; `receive` makes a segment of it."""
    if strategy == "file_system":
        try:
            return _link(segment)
        except FileNotFoundError:
            pass  # a segment without a name, or one whose maker has gone
    from multiprocessing import reduction

    return reduction.DupFd(segment.fd)


def receive(handle) -> Segment:
    if not isinstance(handle, str):
        return _map(handle.detach())
    fd = os.open(handle, os.O_RDWR | os.O_CLOEXEC)
    with contextlib.suppress(OSError):
        os.unlink(handle)
    return _map(fd)


def _link(segment: Segment) -> str:
    global _owner
    if segment.path is None:
        raise FileNotFoundError
    if _owner != os.getpid():
        import atexit

        _links.clear()  # those of the process that this one was forked from
        _owner = os.getpid()
        atexit.register(_unlink_rest)
    link = os.path.join(FOLDER, f"torch_{os.getpid()}_{os.urandom(6).hex()}")
    os.link(segment.path, link)
    _links.add(link)
    if len(_links) > 1000:
        _links.intersection_update(os.path.join(FOLDER, n) for n in os.listdir(FOLDER))
    return link


def _unlink_rest() -> None:
    """At exit: the links that nobody has opened."""
    if _owner == os.getpid():
        for link in _links:
            with contextlib.suppress(OSError):
                os.unlink(link)


_swept = False


def _sweep() -> None:
    """Remove what processes that were killed have left."""
    global _swept
    if _swept:
        return
    _swept = True
    with contextlib.suppress(OSError):
        for name in os.listdir(FOLDER):
            head, _, rest = name.partition("_")
            pid = rest.partition("_")[0]
            if head == "torch" and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(FOLDER, name))
