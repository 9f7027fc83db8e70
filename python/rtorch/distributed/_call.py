"""What every collective does around its exchange: checks of arguments, ranks, and where it runs."""

from __future__ import annotations

from typing import Any

import rtorch as torch
from rtorch.distributed._engine import Work
from rtorch.distributed._group import ProcessGroup, get_group_rank

__all__ = [
    "ReduceOp",
    "reduce_op",
]

_EXCHANGE = 1 << 24  # tags of tensors that go from each to each, apart from those of send and recv


class _RedOpType:
    """The kind of a ReduceOp."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<RedOpType.{self.name}>"

    def __eq__(self, other) -> bool:
        return getattr(other, "name", None) == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self):
        return getattr, (ReduceOp, self.name)


class ReduceOp:
    """How elements of several processes are combined."""

    RedOpType = _RedOpType
    SUM = _RedOpType("SUM")
    AVG = _RedOpType("AVG")
    PRODUCT = _RedOpType("PRODUCT")
    MIN = _RedOpType("MIN")
    MAX = _RedOpType("MAX")
    BAND = _RedOpType("BAND")
    BOR = _RedOpType("BOR")
    BXOR = _RedOpType("BXOR")


for _op in ("SUM", "AVG", "PRODUCT", "MIN", "MAX", "BAND", "BOR", "BXOR"):
    setattr(_RedOpType, _op, getattr(ReduceOp, _op))
reduce_op = ReduceOp


def _check(t: Any, name: str) -> Any:
    if not isinstance(t, torch.Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor\n             "
            f"but got {type(t)} instead."
        )
    if t.device.type != "cpu":
        raise RuntimeError(f"No backend type associated with device type {t.device.type}")
    return t.detach()


def _check_list(ts: Any, name: str) -> list[Any]:
    if not isinstance(ts, (list, tuple)) or not all(isinstance(t, torch.Tensor) for t in ts):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]\n             "
            f"but got {type(ts)} with elements of type {[type(t) for t in ts] if isinstance(ts, list) else '-'}."
        )
    return [_check(t, name) for t in ts]


def _op_name(op: Any) -> str:
    name = getattr(op, "name", None)
    if name is None:
        raise ValueError(f"{op!r} is no ReduceOp")
    return name


def _said(error: RuntimeError, g: ProcessGroup, what: str) -> None:
    error.add_note(
        f"{what} on rank {g.rank()} of {g.size()} ({g.name()}): another process has ended or does not answer, or the "
        "processes called different collectives. Look at the first error of the others."
    )


def _run(g: ProcessGroup, what: str, async_op: bool, result: Any, f) -> Work | None:
    def go() -> None:
        with torch.no_grad():
            try:
                f()
            except RuntimeError as e:
                _said(e, g, what)
                raise

    if async_op:
        return g._lane.put(Work(go, result))
    # behind what was called before: Gloo keeps the GIL while it waits, and of two that wait at once each could wait for
    # what another process does second
    if g._engine.one_by_one or g._lane.busy:
        g._lane.put(Work(go, result)).wait()
    else:
        go()
    return None


def _dense(t):
    return t if t.is_contiguous() else t.contiguous()


def _into(t, dense) -> None:
    if dense is not t:
        t.copy_(dense)


def _root(g: ProcessGroup, global_rank: int | None, group_rank: int | None, name: str) -> int:
    """The rank in the group of an argument that is a rank in the whole."""
    if global_rank is not None and group_rank is not None:
        raise ValueError(f"Can't specify both group_{name} and {name}")
    if group_rank is not None:
        return group_rank
    if global_rank is None:
        raise ValueError(f"Must specify {name} or group_{name}")
    return get_group_rank(g, global_rank)
