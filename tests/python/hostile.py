"""Calls the whole operator table with hostile arguments: wrong types, shapes, dtypes, NaN, sizes that are empty, negative,
huge; on tensors that alias, overlap, require gradients, have no memory. Whatever happens must be a Python exception.

`python tests/python/hostile.py CALLS [SEED]` runs CALLS calls in a process of their own, which writes each one down before
it makes it: when it dies, or answers nothing for long, that call is reported and another process goes on behind it.
"""

import json
import mmap
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings

# calls of one scene, which share their tensors
SCENE = 50
# no answer for so long: the process is ended, and the call reported as slow
PATIENCE = 60
MEMORY = 6 << 30
SMALL = 1 << 16

INTS = [0, 1, 2, 3, 4, 5, 7, -1, -2, -3, -5, 17, 64, 255, 256, 1000]
WILD = [2**31 - 1, 2**31, -(2**31), 2**40, 2**62, 2**63 - 1, -(2**63), -(2**63) + 1, 2**63, 2**64, -(2**70), 10**30]
FLOATS = [0.0, -0.0, 0.5, 1.0, -1.0, 2.0, 0.1, 1e-300, 1e38, -1e39, 1e308, float("nan"), float("inf"), -float("inf")]
WORDS = ["mean", "sum", "none", "max", "min", "tanh", "floor", "trunc", "ij", "constant", "reflect", "bilinear", "", "\0", "é" * 50]
WRONG = [None, "x", b"x", [], {}, (), object(), [None], [[1, [2]]], "cpu", 1j, True, print, Ellipsis, slice(1, None, -1), type]
SIZES = [(), (0,), (1,), (3,), (5,), (2, 3), (3, 2), (1, 3), (3, 1), (0, 3), (3, 0, 2), (2, 1, 3), (2, 3, 4), (1, 2, 4, 4), (2, 2, 3, 3, 3)]
SIZES += [(17,), (64, 33), (4096,), (1, 1, 1, 1, 1, 1, 1), (1,) * 40]


class Scene:
    """Some tensors, and calls on them. The same seed makes the same calls."""

    def __init__(self, torch, seed):
        self.torch, self.r = torch, random.Random(seed)
        self.dtypes = [d for d in vars(torch).values() if isinstance(d, torch.dtype)]
        # Private operators (`_batch_norm_backward`) are called by the core alone, with arguments that it has checked.
        self.callables = [c for c in torch._C._callables() if not c[1].startswith("_")]
        self.ops = {op["name"]: op for op in torch._C._operators()}
        self.pool = [self.fresh() for _ in range(8)]

    def pick(self, values):
        return self.r.choice(values)

    def chance(self, p):
        return self.r.random() < p

    def fresh(self):
        """A new tensor of any kind."""
        t, size, dtype = self.torch, self.pick(SIZES), self.pick(self.dtypes)
        if self.chance(0.6):
            dtype = self.pick([t.float32, t.float32, t.float64, t.int64, t.int64, t.bool])
        n = 1
        for s in size:
            n *= s
        if dtype.is_floating_point or dtype.is_complex:
            values = [self.pick(FLOATS) if self.chance(0.2) else self.r.uniform(-2, 2) for _ in range(min(n, 64))]
        else:
            values = [self.pick(INTS + WILD[:8]) if self.chance(0.1) else self.r.randrange(-3, 6) for _ in range(min(n, 64))]
        base = t.zeros(size, dtype=dtype)
        if values and n <= 64:
            wide = t.float64 if dtype.is_floating_point or dtype.is_complex else t.int64
            base = t.tensor(values, dtype=wide).view(size).to(dtype)
        kind = self.r.randrange(12)
        if kind == 0 and size:
            base = base.transpose(0, -1)
        elif kind == 1 and size and size[0]:
            base = base.narrow(0, size[0] // 2, size[0] - size[0] // 2)
        elif kind == 2 and size:
            base = base[::2]
        elif kind == 3:
            base = base.unsqueeze(0).expand(4, *size)
        elif kind == 4 and n:
            base = base.reshape(-1).as_strided((2, 2), (0, 1 if n > 1 else 0))
        elif kind == 5:
            base = t.empty(size, dtype=dtype, device="meta")
        if (dtype.is_floating_point or dtype.is_complex) and self.chance(0.3):
            base.requires_grad_(True)
            if self.chance(0.5):
                base = base * 1
        return base

    def tensor(self):
        if self.chance(0.03):
            return self.pick(WRONG)
        if self.chance(0.15):
            self.pool[self.r.randrange(len(self.pool))] = self.fresh()
        return self.pick(self.pool)

    def integer(self):
        x = self.r.random()
        return self.pick(WILD) if x < 0.06 else self.pick(WRONG) if x < 0.08 else self.pick(INTS)

    def integers(self):
        x = self.r.random()
        if x < 0.1:
            return self.integer()
        if x < 0.5:
            return list(self.pick(SIZES))
        return [self.integer() for _ in range(self.r.randrange(5))]

    def scalar(self):
        x = self.r.random()
        if x < 0.05:
            return self.pick(WRONG)
        if x < 0.1:
            return self.tensor()
        return self.pick(FLOATS) if x < 0.6 else self.pick(INTS + WILD) if x < 0.9 else self.pick([1 + 2j, complex("nan"), True])

    def value(self, ty):
        t = self.torch
        if ty.startswith("Opt"):
            if self.chance(0.4):
                return None
            ty = ty[3:]
        if self.chance(0.01):
            return self.pick([self.tensor(), self.integer(), self.scalar(), self.pick(WRONG)])
        if ty == "Tensor":
            return self.tensor()
        if ty == "Tensors":
            return [self.tensor() for _ in range(self.r.randrange(5))]
        if ty == "Num":
            return self.tensor() if self.chance(0.7) else self.scalar()
        if ty in ("Scalar", "Number", "Float"):
            return self.scalar()
        if ty == "Int":
            return self.integer()
        if ty in ("Ints", "Size"):
            return self.integers()
        if ty == "Floats":
            return [self.scalar() for _ in range(self.r.randrange(4))]
        if ty == "Bool":
            return self.chance(0.5)
        if ty == "Str":
            return self.pick(WORDS)
        if ty in ("DType", "NeededDType"):
            return self.pick(self.dtypes)
        if ty == "Device":
            return self.pick(["cpu", "cpu", "meta", "cuda", "cuda:9999", "", t.device("cpu")])
        if ty == "Format":
            return self.pick([t.contiguous_format, t.preserve_format, t.channels_last, t.channels_last_3d])
        if ty == "Generator":
            return t.Generator()
        return self.pick(WRONG)

    def call(self):
        """The next call: where it stands, its name, function, arguments, keyword arguments."""
        place, name, ops, _ = self.pick(self.callables)
        op = self.ops[self.pick(ops)]
        args, kwargs = [], {}
        for p, ty, default, keyword in op["params"]:
            value = self.value(ty)
            if keyword:
                if self.chance(0.3):
                    kwargs[p] = value
            elif default is not None and self.chance(0.4):
                if self.chance(0.5):
                    break
                kwargs[p] = value
            elif kwargs:
                kwargs[p] = value
            else:
                args.append(value)
        x = self.r.random()
        if x < 0.02 and args:
            args.pop()
        elif x < 0.04:
            args.append(self.pick(WRONG))
        elif x < 0.05:
            kwargs[self.pick(["dtype", "nonsense", "input", "dim", "out"])] = self.pick(WRONG)
        elif x < 0.15:
            many = len(op["rets"])
            kwargs["out"] = self.tensor() if many == 1 else [self.tensor() for _ in range(many)]
        if place == "Tensor":
            if not args or not isinstance(args[0], self.torch.Tensor):
                args = [self.pick(self.pool), *args[1:]]
            f = getattr(self.torch.Tensor, name)
        else:
            f = self.torch._C._spaces[place][name]
        return place, name, f, args, kwargs

    def results(self, out):
        """Results join the pool; some are walked back from, printed, indexed."""
        t = self.torch
        if not isinstance(out, t.Tensor):
            out = next((x for x in out if isinstance(x, t.Tensor)), None) if isinstance(out, (tuple, list)) else None
        if out is None:
            return
        if out.numel() <= SMALL:
            self.pool[self.r.randrange(len(self.pool))] = out
            x = self.r.random()
            if x < 0.15 and out.requires_grad:
                out.backward(t.ones_like(out), retain_graph=self.chance(0.5))
            elif x < 0.2 and out.requires_grad:
                leaf = self.pick(self.pool)
                t.autograd.grad(out, [leaf], t.ones_like(out), create_graph=True, allow_unused=True)
            elif x < 0.25:
                repr(out)
            elif x < 0.27:
                out.tolist()
            elif x < 0.3:
                out[self.pick([0, -1, None, Ellipsis, slice(None, None, 2), True])]
            elif x < 0.32:
                out[self.tensor()]
            elif x < 0.34:
                out[self.tensor()] = self.scalar()


def show(place, name, args, kwargs, torch):
    """A call as text, without reading what lies in tensors."""

    def one(x):
        if isinstance(x, torch.Tensor):
            grad = ", grad" if x.requires_grad else ""
            return f"<{x.dtype} {tuple(x.shape)} {x.stride()} {x.device}{grad}>"
        if isinstance(x, list):
            return "[" + ", ".join(map(one, x)) + "]"
        return repr(x)[:60]

    return f"{place or 'torch'}.{name}({', '.join([*map(one, args), *(f'{k}={one(v)}' for k, v in kwargs.items())])})"


def one_scene(torch, seed, note):
    """SCENE calls. `note(call number, text)` hears of each before it is made."""
    scene = Scene(torch, seed)
    caught = []
    for i in range(SCENE):
        place, name, f, args, kwargs = scene.call()
        text = show(place, name, args, kwargs, torch)
        note(i, text)
        try:
            scene.results(f(*args, **kwargs))
        except Exception as e:
            if "internal error" in str(e) or "please report" in str(e) or "SystemError" in type(e).__name__:
                caught.append((text, f"{type(e).__name__}: {e}"))
        except BaseException as e:
            caught.append((text, f"{type(e).__name__}: {e}"))
    return caught


def worker(path, seed, first, last):
    """Scenes `first` .. `last` - 1 of a run; what happens is noted in the file `path`, which outlives the process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    import rtorch as torch

    with open(path, "r+b") as f:
        log = mmap.mmap(f.fileno(), 1 << 16)
        for s in range(first, last):

            def note(i, text, s=s):
                line = json.dumps([s, i, text]).encode()[: (1 << 16) - 16]
                log[8 : 8 + len(line)] = line
                log[:8] = len(line).to_bytes(8, "little")

            torch.manual_seed(s)
            for text, error in one_scene(torch, seed * 1_000_003 + s, note):
                print(json.dumps([s, text, error]), flush=True)


def run(calls, seed=0, tell=None):
    """Makes the calls; returns (crashes, slow calls), each a list of texts."""
    scenes = -(-calls // SCENE)
    crashes, slow, first = [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "log")
        while first < scenes:
            with open(path, "wb") as f:
                f.write(bytes(1 << 16))
            with open(os.path.join(folder, "out"), "w+") as out, open(os.path.join(folder, "err"), "w+") as err:
                command = [sys.executable, os.path.abspath(__file__), "--worker", path, str(seed), str(first), str(scenes)]
                p = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
                seen, since = None, time.monotonic()
                while True:
                    try:
                        p.wait(0.5)
                        break
                    except subprocess.TimeoutExpired:
                        with open(path, "rb") as f:
                            now = f.read(4096)
                        if now != seen:
                            seen, since = now, time.monotonic()
                        elif time.monotonic() - since > PATIENCE:
                            p.kill()
                out.seek(0)
                for line in out:
                    s, text, error = json.loads(line)
                    crashes.append(f"scene {s}: {text}: {error}")
                err.seek(0)
                noise = err.read()
                crashes += [f"panic: {line}" for line in noise.splitlines() if "panicked at" in line]
            if p.returncode == 0:
                break
            with open(path, "rb") as f:
                raw = f.read()
            n = int.from_bytes(raw[:8], "little")
            if not n:
                raise RuntimeError("the worker did not start: " + noise[-2000:])
            s, i, text = json.loads(raw[8 : 8 + n])
            last = next((line for line in reversed(noise.splitlines()) if line), "")
            if p.returncode == -signal.SIGKILL and time.monotonic() - since > PATIENCE:
                slow.append(f"scene {s} call {i}: {text}")
            else:
                why = signal.Signals(-p.returncode).name if p.returncode < 0 else f"exit {p.returncode}"
                crashes.append(f"scene {s} call {i}: {text}: {why} {last[:200]}")
            if tell:
                tell((slow if p.returncode == -signal.SIGKILL else crashes)[-1])
            first = s + 1
    return crashes, slow


if __name__ == "__main__":
    if sys.argv[1] == "--worker":
        worker(sys.argv[2], *map(int, sys.argv[3:]))
    else:
        count = int(sys.argv[1])
        start = time.monotonic()
        bad, late = run(count, int(sys.argv[2]) if len(sys.argv) > 2 else 0, tell=lambda t: print(t, flush=True))
        for text in bad:
            print("CRASH", text)
        for text in late:
            print("SLOW", text)
        print(f"{count} calls, {len(bad)} crashes, {len(late)} slow, {time.monotonic() - start:.0f} s")
        sys.exit(bool(bad or late))
