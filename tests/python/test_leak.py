"""Steps of small operations grow memory by nothing.

The test makes 20,000 steps; `python tests/python/test_leak.py` makes a million (or as many as its argument says) and prints
the figures. A step computes, walks back, writes in place, slices, raises, updates a parameter."""

import gc
import os
import sys
import time

import rtorch as torch


def resident():
    """Bytes of memory that the process holds."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx, g):
        ctx.saved_tensors
        return g * 2


def steps(count):
    """Makes `count` steps."""
    w = torch.randn(4, 3, requires_grad=True)
    x = torch.randn(5, 4)
    for i in range(count):
        h = (x @ w).tanh()
        y = h[1:, :2].reshape(-1).sum() + Doubled.apply(h).mean()
        y.backward()
        with torch.no_grad():
            w -= 0.01 * w.grad
            w.grad.zero_()
        v = x[0].clone()
        v[1] = 2.0
        v.add_(1).mul_(0.5)
        if i % 16 == 0:
            w.grad = None
            h.register_hook(lambda g: None)
            torch.stack([v, v]).to(torch.float64).unbind(0)
            v.tolist()
            v.numpy()
            repr(v)
            try:
                x @ x
            except RuntimeError:
                pass


def growth(count, parts=4):
    """Resident bytes after each of `parts` runs of `count / parts` steps; the first run fills the caches."""
    steps(2000)
    out = []
    for _ in range(parts):
        gc.collect()
        out.append(resident())
        steps(count // parts)
    gc.collect()
    return [*out, resident()]


def test_small_steps_leave_nothing_behind():
    sizes = growth(20_000)
    assert sizes[-1] - sizes[1] <= 1 << 20, sizes


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    start = time.perf_counter()
    sizes = growth(count, 10)
    print("MiB after each tenth:", " ".join(f"{s / 2**20:.2f}" for s in sizes))
    grown = sizes[-1] - sizes[1]
    print(f"{count:,} steps in {time.perf_counter() - start:.0f} s; grown by {grown / 1024:.0f} KiB since the first tenth")
    sys.exit(grown > 1 << 20)
