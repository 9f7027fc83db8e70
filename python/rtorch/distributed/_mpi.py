"""MPI: the engine behind backend "mpi". The processes are those that mpiexec has started; mpi4py (the extra
`rtorch[mpi]`) speaks to whichever MPI library is installed."""

from __future__ import annotations

import datetime

from rtorch.distributed._engine import Engine
from rtorch.distributed.constants import default_pg_timeout

INSTALL = 'the backend "mpi" needs mpi4py and an MPI library: pip install "rtorch[mpi]", and start with mpiexec -n N'


class Mpi(Engine):
    name = "mpi"
    one_by_one = True
    timeout = default_pg_timeout
    DTYPES = {
        "int8": "INT8_T",
        "uint8": "UINT8_T",
        "int16": "INT16_T",
        "int32": "INT32_T",
        "int64": "INT64_T",
        "float32": "FLOAT",
        "float64": "DOUBLE",
    }
    OPS = {"SUM": "SUM", "PRODUCT": "PROD", "MIN": "MIN", "MAX": "MAX", "BAND": "BAND", "BOR": "BOR", "BXOR": "BXOR"}

    def __init__(self, comm) -> None:
        from mpi4py import MPI

        self.mpi, self.comm = MPI, comm
        super().__init__(comm.Get_rank(), comm.Get_size())

    @classmethod
    def whole(cls) -> Mpi:
        try:
            from mpi4py import MPI
        except (ImportError, RuntimeError) as e:
            raise RuntimeError(f"{INSTALL} ({e})") from e
        if MPI.Query_thread() < MPI.THREAD_MULTIPLE:
            raise RuntimeError("this MPI library was not started for several threads (MPI_THREAD_MULTIPLE)")
        # apart from the program's own use of MPI.COMM_WORLD
        return cls(MPI.COMM_WORLD.Dup())

    def group(self, name: str, rank: int, size: int, timeout: datetime.timedelta) -> Mpi:
        return Mpi(self.comm.Split(0, rank))

    def skip_group(self) -> None:
        """Making a group is a collective of all processes."""
        self.comm.Split(self.mpi.UNDEFINED, 0)

    def set_timeout(self, timeout: datetime.timedelta) -> None:
        """MPI knows no time limits: a process that dies ends all of them."""

    def close(self) -> None:
        self.comm.Free()

    def _buffer(self, t, kind: str | None = None):
        """What mpi4py takes: memory, and the type of an element."""
        kind = kind or self.DTYPES[str(t.dtype).rpartition(".")[2]]
        memory = self.mpi.memory.fromaddress(t.data_ptr(), t.nbytes)
        return [memory, getattr(self.mpi, kind)]

    def allreduce(self, t, op: str, tag: int) -> None:
        self.comm.Allreduce(self.mpi.IN_PLACE, self._buffer(t), getattr(self.mpi, self.OPS[op]))

    def reduce(self, t, out, op: str, root: int, tag: int) -> None:
        here = self._buffer(out) if self.rank == root else None
        self.comm.Reduce(self._buffer(t), here, getattr(self.mpi, self.OPS[op]), root)

    def broadcast(self, t, root: int, tag: int) -> None:
        self.comm.Bcast(self._buffer(t, "BYTE"), root)

    def allgather(self, t, out, tag: int) -> None:
        self.comm.Allgather(self._buffer(t, "BYTE"), self._buffer(out, "BYTE"))

    def gather(self, t, out, root: int, tag: int) -> None:
        self.comm.Gather(self._buffer(t, "BYTE"), None if out is None else self._buffer(out, "BYTE"), root)

    def barrier(self, tag: int) -> None:
        self.comm.Barrier()

    def send(self, t, peer: int, tag: int) -> None:
        self.comm.Send(self._buffer(t, "BYTE"), peer, tag)

    def recv(self, t, peer: int, tag: int) -> None:
        self.comm.Recv(self._buffer(t, "BYTE"), peer, tag)
