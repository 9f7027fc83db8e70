"""Every operator of the table on meta tensors and on meta and CPU mixed: an exception is fine, reading memory that is not there
is not. Each call is made in a forked child, since a failure would end the process."""

import os

import pytest
import rtorch as torch


def argument(kind, device, dtype):
    if "Tensors" in kind:
        return [torch.empty((3, 2), device=device, dtype=dtype)]
    if "Tensor" in kind or kind in ("Num", "OptNum"):
        return torch.ones((3, 2), device=device, dtype=dtype)
    if kind in ("Ints", "OptInts", "Size"):
        return [1]
    for part, value in (("Int", 1), ("Bool", False), ("Float", 1.0), ("Scalar", 1.0), ("Num", 1.0), ("Str", "none")):
        if part in kind:
            return value
    return None


def fate(function, arguments):
    """The signal that ended the call, or "panic", or None."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            function(*arguments)
        except BaseException as e:
            os._exit(7 if "Panic" in type(e).__name__ else 0)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return "panic" if os.WEXITSTATUS(status) == 7 else None


@pytest.mark.parametrize("devices", [("meta", "meta"), ("cpu", "meta"), ("meta", "cpu")], ids="-".join)
def test_no_operator_reads_what_is_not_there(devices):
    wrong = []
    for op in torch._C._operators():
        for space in op["spaces"]:
            function = torch._C._spaces.get(space, {}).get(op["py"].split(".")[0])
            if function is None:
                continue
            for dtype in (torch.float32, torch.int64, torch.bool):
                positional = [kind for _, kind, _, keyword in op["params"] if not keyword]
                given = [argument(kind, devices[min(i, 1)], dtype) for i, kind in enumerate(positional)]
                end = fate(function, given)
                if end:
                    wrong.append((op["name"], str(dtype), end))
    assert wrong == []
