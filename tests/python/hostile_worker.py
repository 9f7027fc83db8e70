"""Makes the calls that `hostile.py` draws, in a process whose memory is capped. A "." goes to stdout before each call; at the
end of a scene "!" and what went wrong although the process lived: panics, internal errors."""

import os
import pickle
import resource
import sys
import warnings
from typing import NamedTuple

MEMORY = 1 << 30
# elements of a result that is kept or walked back from
KEPT = 1 << 12
VALUES = {
    "plain": lambda i: ((i * 37) % 11 - 5) / 2,
    "small": lambda i: i % 3,
    "zero": lambda i: 0,
    "wild": lambda i: (2**62, -(2**62), 2**31, 255, -1, 0, 1e9)[i % 7],
    "nan": lambda i: (float("nan"), 1.0, float("inf"), -2.0, -float("inf"))[i % 5],
}


class Panic(BaseException):
    """Stands for PyO3's PanicException, which is no Exception either."""


def panic():
    raise Panic("on purpose")


# what the tests of the harness itself call
FAILURES = {"die": os.abort, "hang": lambda: any(iter(int, 1)), "panic": panic}


class Made(NamedTuple):
    """What is no plain data: `Made("dtype", "int64")`, `Made("pool", 3)`."""

    kind: str
    what: object


def tensor(torch, size, dtype, fill, layout, grad):
    """A tensor as `hostile.scenes` describes it."""
    dtype = getattr(torch, dtype)
    n = 1
    for s in size:
        n *= s
    real = dtype.is_floating_point or dtype.is_complex
    wide = torch.float64 if real else torch.int64
    values = [VALUES[fill](i) for i in range(min(n, 64))]
    values = [float(v) if real else 0 if v != v else int(max(min(v, 2**62), -(2**62))) for v in values]
    if 0 < n <= 64:
        t = torch.tensor(values, dtype=wide).view(size).to(dtype)
    else:
        t = torch.full(size, values[-1] if values else 0, dtype=wide).to(dtype)
    if layout == "turned" and size:
        t = t.transpose(0, -1)
    elif layout == "narrow" and size and size[0]:
        t = t.narrow(0, size[0] // 2, size[0] - size[0] // 2)
    elif layout == "stepped" and size:
        t = t[::2]
    elif layout == "expanded":
        t = t.unsqueeze(0).expand(4, *size)
    elif layout == "overlapping" and n:
        t = t.reshape(-1).as_strided((2, 2), (0, 1 if n > 1 else 0))
    elif layout == "channels" and len(size) == 4:
        t = t.contiguous(memory_format=torch.channels_last)
    elif layout == "meta":
        t = torch.empty(size, dtype=dtype, device="meta")
    if grad and real:
        t.requires_grad_(True)
        if grad == "node":
            t = t * 1
    return t


def then(torch, what, out, pool):
    """What a program may do next with a result."""
    if what in ("backward", "twice", "grad"):
        if not out.requires_grad:
            return
        if what == "backward":
            out.backward(torch.ones_like(out))
            return
        leaves = [p for p in pool if p.requires_grad][:3]
        grads = torch.autograd.grad(out, leaves, torch.ones_like(out), create_graph=True, allow_unused=True)
        again = [g for g in grads if g is not None and g.requires_grad]
        if what == "twice" and again:
            torch.autograd.grad(again, leaves, [torch.ones_like(g) for g in again], allow_unused=True)
    elif what == "repr":
        repr(out)
    elif what == "tolist":
        out.tolist()
    elif what == "item":
        float(out.sum())
    elif what == "index":
        out[0, ..., None]
    elif what == "mask":
        out[pool[0]]
    elif what == "put":
        out[pool[1]] = pool[2]
    elif what == "copy":
        pool[3].copy_(out)


def play(torch, scene, note):
    """Makes the calls of a scene; returns [(call number, what went wrong)]. `note()` comes before each."""
    specs, calls = scene
    pool = [tensor(torch, *spec) for spec in specs]
    real = {
        "pool": lambda i: pool[i],
        "dtype": lambda n: getattr(torch, n),
        "format": lambda n: getattr(torch, n),
        "device": torch.device,
        "generator": lambda n: torch.Generator().manual_seed(n),
        "object": lambda n: {"print": print, "type": type, "object": object()}[n],
    }

    def value(x):
        if isinstance(x, Made):
            return real[x.kind](x.what)
        return [value(y) for y in x] if isinstance(x, list) else x

    wrong = []
    for i, (place, name, args, kwargs, slot, what) in enumerate(calls):
        f = FAILURES[name] if place == "test" else getattr(torch.Tensor, name) if place == "Tensor" else torch._C._spaces[place][name]
        note()
        try:
            out = f(*map(value, args), **{k: value(v) for k, v in kwargs.items()})
            if isinstance(out, (tuple, list)):
                out = next((x for x in out if isinstance(x, torch.Tensor)), None)
            if isinstance(out, torch.Tensor) and out.numel() <= KEPT:
                if slot is not None:
                    pool[slot] = out
                then(torch, what, out, pool)
        except BaseException as e:
            text = str(e)
            if not isinstance(e, Exception) or isinstance(e, SystemError) or "internal" in text or "please report" in text:
                wrong.append((i, f"{type(e).__name__}: {text}"[:300]))
    return wrong


def replay(scene):
    """A scene in this process, with what each call says."""
    import rtorch as torch

    warnings.simplefilter("ignore")
    from hostile import show

    for i in range(len(scene[1])):
        print(i, show(scene, i))
    at = iter(range(1000))
    print(play(torch, scene, lambda: print(next(at), end=" ", flush=True)))


def main():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    import rtorch as torch

    pipe, given = os.dup(1), sys.stdin.buffer
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    while True:
        head = given.read(4)
        if len(head) < 4:
            return
        scene = pickle.loads(given.read(int.from_bytes(head, "little")))
        torch.manual_seed(0)
        wrong = play(torch, scene, lambda: os.write(pipe, b"."))
        report = pickle.dumps(wrong)
        os.write(pipe, b"!" + len(report).to_bytes(4, "little") + report)


if __name__ == "__main__":
    # the scenes name the class by its module
    from hostile_worker import main as run

    run()
