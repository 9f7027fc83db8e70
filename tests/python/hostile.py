"""The operator table under hostile calls, drawn by hypothesis: wrong types, shapes and dtypes, NaN, sizes that are empty,
negative or huge, tensors that alias, overlap, require gradients, have no memory; every function and method, in place, with
`out=`, the private ones too. Whatever happens must be a Python exception, and soon.

    python tests/python/hostile.py CALLS [--seed N | --seed random] [--shards N] [--all]
    python tests/python/hostile.py --replay FILE

Hypothesis draws scenes (some tensors, then calls on them) as plain data; `hostile_worker.py` makes the calls in another
process, whose memory is capped, and names each one before it is made. When it dies or is busy with one call for more than
5 seconds, the parent knows the call, starts another worker, and hypothesis shrinks the scene, which is kept in
.cache/hostile for `--replay`. `--all` goes on behind a failure instead of shrinking it: to see what there is."""

import argparse
import os
import pickle
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import hypothesis
import rtorch
from hostile_worker import Made, replay
from hypothesis import strategies as st

HERE = Path(__file__).resolve().parent
KEPT = HERE.parent.parent / ".cache" / "hostile"
SCENE = 24  # calls of a scene
# Scenes of one run of hypothesis. From ten on it would begin each run with simple ones, and then repeat parts of what it
# drew instead of drawing more.
ROUND = 9
POOL = 6  # its tensors
BUSY = 5.0  # seconds of one call's processor time
STUCK = 120.0  # seconds of one call that waits

# ---------------------------------------------------------------- values

SMALL = [0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 7, -1, -1, -2, -3, -5, 17, 64, 255, 256, 1000]
WILD = [2**31 - 1, 2**31, -(2**31), 2**40, 2**62, 2**63 - 1, -(2**63), -(2**63) + 1, 2**63, 2**64, -(2**70), 10**30]
FLOATS = [0.0, -0.0, 0.5, 1.0, -1.0, 2.0, 0.1, 1e-300, 1e38, -1e39, 1e308, float("nan"), float("inf"), -float("inf")]
WORDS = ["mean", "sum", "none", "max", "min", "tanh", "floor", "trunc", "ij", "constant", "reflect", "replicate", "circular"]
WORDS += ["same", "valid", "nearest", "bilinear", "bicubic", "trilinear", "linear", "area", "border", "zeros", "left", "", "\0", "é" * 50]
WRONG = [None, "x", b"x", [], (), [None], [[1, [2]]], "cpu", 1j, True, Ellipsis, slice(1, None, -1), {}]
WRONG += [Made("object", "print"), Made("object", "type"), Made("object", "object")]
FAMILIES = {
    "any": [(), (0,), (1,), (3,), (5,), (2, 3), (3, 2), (1, 3), (0, 3), (3, 0, 2), (2, 3, 4), (1, 2, 4, 4), (2, 2, 3, 3, 3), (17,),
            (64, 33), (4096,), (1,) * 7, (1,) * 40],
    "rows": [(), (3,), (5,), (2, 3), (2, 3), (2, 5), (3, 5), (1, 3)],
    "square": [(3,), (3, 3), (3, 3), (2, 3, 3), (3, 1), (0, 3), (1,)],
    "images": [(2, 3, 5, 5), (2, 3, 5, 5), (3, 3, 2, 2), (3, 1, 3, 3), (3, 5, 5), (3,), (1, 3, 0, 5)],
    "volumes": [(1, 2, 4, 4, 4), (2, 2, 2, 2, 2), (2, 4, 4, 4), (2,), (2, 2, 4)],
    "same": [(2, 3)],
}
DTYPES = sorted({str(d).removeprefix("torch.") for d in vars(rtorch).values() if isinstance(d, rtorch.dtype)})
MAIN = ["float32"] * 6 + ["float64"] * 3 + ["int64", "int64", "bool", "complex64", "bfloat16", "float16", "uint8", "int32"]
FILLS = ["plain"] * 8 + ["small", "small", "zero", "wild", "nan"]
LAYOUTS = ["plain"] * 10 + ["turned", "narrow", "stepped", "expanded", "overlapping", "meta", "channels"]
GRADS = ["", "", "", "leaf", "node"]
THEN = [""] * 14 + ["backward"] * 4 + ["twice", "grad", "repr", "tolist", "item", "index", "mask", "put", "copy"]

refs = st.integers(0, POOL - 1).map(lambda i: Made("pool", i))
wrong = st.sampled_from(WRONG)


def often(*pairs):
    """A strategy for each weight: `often(9, a, 1, b)`."""
    return st.one_of([s for n, s in zip(pairs[::2], pairs[1::2]) for _ in range(n)])


int64 = st.integers(-(2**63), 2**63 - 1)
integer = often(12, st.sampled_from(SMALL), 1, st.sampled_from(WILD), 1, int64, 1, wrong)
few = st.lists(st.sampled_from(SMALL), min_size=1, max_size=4)
size = st.sampled_from([list(s) for f in FAMILIES.values() for s in f])
integers = often(4, st.sampled_from(SMALL), 6, few, 2, size, 2, st.lists(integer, max_size=5), 1, integer)
number = often(5, st.sampled_from(FLOATS), 3, st.sampled_from(SMALL), 1, st.floats(), 1, st.sampled_from([*WILD, 1 + 2j, complex("nan"), True]), 1, refs, 1, wrong)
anything = st.one_of(refs, integer, number, wrong)
KINDS = {
    "Tensor": often(24, refs, 1, wrong),
    "Tensors": often(12, st.lists(refs, max_size=4), 1, refs, 1, anything),
    "OptTensors": st.lists(st.one_of(refs, st.none()), max_size=4),
    "Num": often(6, refs, 3, number),
    "Scalar": number,
    "Number": number,
    "Float": number,
    "Int": integer,
    "Ints": integers,
    "Size": integers,
    "Floats": st.lists(number, max_size=3),
    "Bool": often(12, st.booleans(), 1, wrong),
    "Str": often(12, st.sampled_from(WORDS), 1, wrong, 1, st.text(max_size=4)),
    "DType": often(12, st.sampled_from(DTYPES).map(lambda d: Made("dtype", d)), 1, wrong),
    "Device": st.sampled_from(["cpu", "cpu", "meta", "cuda", "cuda:9999", "", Made("device", "cpu")]),
    "Format": st.sampled_from(["contiguous_format", "preserve_format", "channels_last", "channels_last_3d"]).map(lambda n: Made("format", n)),
    "Generator": st.integers(0, 3).map(lambda n: Made("generator", n)),
}
KINDS["NeededDType"] = KINDS["DType"]
KINDS |= {"Opt" + k: often(2, st.none(), 3, s) for k, s in list(KINDS.items()) if k != "OptTensors"}
# values of the right type and of common size, so that calls come as far as the kernels
PROPER = KINDS | {
    "Tensor": refs,
    "OptTensor": often(1, st.none(), 2, refs),
    "Tensors": st.lists(refs, min_size=1, max_size=3),
    "Num": often(4, refs, 1, st.sampled_from(FLOATS), 1, st.sampled_from(SMALL)),
    "Bool": st.booleans(),
    "Str": st.sampled_from(WORDS),
    "DType": st.sampled_from(DTYPES).map(lambda d: Made("dtype", d)),
}
PROPER |= dict.fromkeys(("Scalar", "Number", "Float"), st.sampled_from([*FLOATS, *SMALL]))
PROPER |= {"Int": st.sampled_from(SMALL), "OptInt": st.sampled_from([None, *SMALL])}
PROPER |= dict.fromkeys(("Ints", "OptInts"), often(1, st.sampled_from(SMALL), 2, few))
ABSENT = Made("absent", None)


def parameter(kinds, ty, default, keyword):
    """Values of a parameter, or ABSENT where it may be left out."""
    values = kinds[ty]
    if keyword:
        return often(2, st.just(ABSENT), 1, values)
    return often(2, st.just(ABSENT), 3, values) if default is not None else values


@st.composite
def call_of(draw, place, name, params, many, twists):
    """A call as plain data: (place, name, arguments, keyword arguments, where the result goes in the pool, what follows)."""
    args, kwargs, named = [], {}, False
    for (p, _, _, keyword), values in params:
        value = draw(values)
        named = named or keyword or value == ABSENT  # what comes behind a gap is given by name
        if value == ABSENT:
            continue
        if named:
            kwargs[p] = value
        else:
            args.append(value)
    twist = draw(twists)
    if twist == "short" and args:
        args.pop()
    elif twist == "long":
        args.append(draw(wrong))
    elif twist == "odd":
        kwargs[draw(st.sampled_from(["dtype", "nonsense", "input", "dim", "out"]))] = draw(anything)
    elif twist == "out":
        kwargs["out"] = draw(refs) if many == 1 else [draw(refs) for _ in range(many)]
    if place == "Tensor" and not (args and isinstance(args[0], Made) and args[0].kind == "pool"):
        args = [draw(refs), *args[1:]]
    return place, name, args, kwargs, draw(SLOTS), draw(st.sampled_from(THEN))


PLAIN = st.sampled_from([""] * 7 + ["out"])
TWISTS = st.sampled_from([""] * 20 + ["short", "long", "odd"] + ["out"] * 3)
SLOTS = st.sampled_from([None, *range(POOL)])


def every_call():
    """One strategy for each way to call each operator."""
    operators = {op["name"]: op for op in rtorch._C._operators()}
    found = []
    for place, name, ops, _ in rtorch._C._callables():
        for op in (operators[o] for o in ops):
            for kinds, twists in ((PROPER, PLAIN), (PROPER, PLAIN), (KINDS, TWISTS)):
                params = [(p, parameter(kinds, *p[1:])) for p in op["params"]]
                found.append(call_of(place, name, params, len(op["rets"]), twists))
    return found


def scenes():
    tensor = {}
    for family, sizes in FAMILIES.items():
        for main in set(MAIN):
            dtypes = st.sampled_from([main] * 9 + DTYPES)
            parts = (st.sampled_from(sizes), dtypes, st.sampled_from(FILLS), st.sampled_from(LAYOUTS), st.sampled_from(GRADS))
            tensor[family, main] = st.lists(st.tuples(*parts), min_size=POOL, max_size=POOL)
    pools = st.tuples(st.sampled_from(list(FAMILIES)), st.sampled_from(MAIN)).flatmap(tensor.__getitem__)
    calls = st.sampled_from(every_call()).flatmap(lambda c: c)
    return st.tuples(pools, st.lists(calls, min_size=SCENE, max_size=SCENE))


# ---------------------------------------------------------------- the worker, from outside


class Worker:
    """The process that makes the calls. `run(pickled scene)` gives what went wrong: [(call number, text)]."""

    def __init__(self):
        self.process = None

    def start(self):
        self.noise = open(KEPT / f"stderr-{os.getpid()}", "w+b")
        command = [sys.executable, str(HERE / "hostile_worker.py")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.noise, bufsize=0)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.noise.close()
            self.process = None

    def spent(self):
        """Seconds of processor time of the worker."""
        with open(f"/proc/{self.process.pid}/stat", "rb") as f:
            fields = f.read().rsplit(b") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def run(self, data):
        if self.process is None:
            self.start()
        out = self.process.stdout
        at, buffer, since, cpu = -1, b"", time.monotonic(), None
        try:
            self.process.stdin.write(len(data).to_bytes(4, "little") + data)
            while True:
                if not select.select([out], [], [], 1.0)[0]:
                    now = self.spent()
                    cpu = now if cpu is None else cpu
                    # the first look comes one second late
                    if now - cpu > BUSY - 1 or time.monotonic() - since > STUCK:
                        self.stop()
                        return [(at, f"no end after {time.monotonic() - since:.0f} s")]
                    continue
                got = os.read(out.fileno(), 1 << 16)
                if not got:
                    break
                # one "." before each call, "!" and the report at the end
                buffer, since, cpu = buffer + got, time.monotonic(), None
                dots, end, report = buffer.partition(b"!")
                at = len(dots) - 1
                if end and len(report) >= 4 and len(report) >= 4 + int.from_bytes(report[:4], "little"):
                    return pickle.loads(report[4:])
        except BrokenPipeError:
            pass
        status = self.process.wait()
        self.noise.seek(0)
        last = [line for line in self.noise.read().decode(errors="replace").splitlines() if line.strip()][-2:]
        self.stop()
        why = signal.Signals(-status).name if status < 0 else f"exit {status}"
        return [(at, f"the process died: {why}: {' '.join(last)[:300]}")]


def show(scene, at):
    """A call as text; tensors as they were at the scene's begin."""
    pool, calls = scene
    if not 0 <= at < len(calls):
        return "(no call)"
    place, name, args, kwargs, _, then = calls[at]

    def one(x):
        if isinstance(x, list):
            return "[" + ", ".join(map(one, x)) + "]"
        if isinstance(x, Made) and x.kind == "pool":
            replaced = any(c[4] == x.what for c in calls[:at])
            sizes, dtype, fill, layout, grad = pool[x.what]
            return f"<{'at first: ' if replaced else ''}{dtype} {sizes} {' '.join(w for w in (fill, layout, grad) if w not in ('', 'plain'))}>"
        return f"{x.what}" if isinstance(x, Made) else repr(x)[:60]

    text = f"{place or 'torch'}.{name}({', '.join([*map(one, args), *(f'{k}={one(v)}' for k, v in kwargs.items())])})"
    return text + (f", then {then}" if then else "")


def run(calls, seed=0, everything=False, tell=print):
    """Makes so many calls, drawn by hypothesis; returns (calls made, failures as texts). The first failure ends it, once it
    is shrunk, unless `everything` is wanted."""
    KEPT.mkdir(parents=True, exist_ok=True)
    worker, source, made, failures, harmless = Worker(), scenes(), 0, [], set()

    def fail(scene, at, text):
        path = KEPT / f"{os.getpid()}-{len(failures)}.pickle"
        path.write_bytes(pickle.dumps(scene))
        return f"{show(scene, at)}: {text} [{path}]"

    def drive(scene):
        nonlocal made
        # Each round begins with the simplest scene.
        if (data := pickle.dumps(scene)) in harmless:
            return
        wrongs = worker.run(data)
        made += len(scene[1])
        if not wrongs:
            harmless.add(data)
        elif everything:
            for at, text in wrongs:
                failures.append(fail(scene, at, text))
                tell(failures[-1])
        else:
            failures[:] = [fail(scene, *wrongs[0])]
            raise AssertionError(failures[0])

    settings = hypothesis.settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate] if everything else [hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=list(hypothesis.HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=hypothesis.Verbosity.quiet,
    )
    try:
        rounds = 0
        while made < calls:
            hypothesis.seed(seed * 1_000_003 + rounds)(settings(hypothesis.given(source)(drive)))()
            rounds += 1
    except AssertionError:
        pass
    finally:
        worker.stop()
    return made, failures


def sharded(calls, seed, shards, more=()):
    """`run` in several processes, each with a seed of its own."""
    command = [sys.executable, __file__, str(-(-calls // shards)), "--shards", "1", *more]
    parts = [subprocess.Popen([*command, "--seed", str(seed * 1000 + i)], stdout=subprocess.PIPE, text=True) for i in range(shards)]
    texts = [p.communicate()[0] for p in parts]
    return all(p.returncode == 0 for p in parts), "".join(texts)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("calls", type=int, nargs="?", default=100_000)
    options.add_argument("--seed", default="0")
    options.add_argument("--shards", type=int, default=os.cpu_count())
    options.add_argument("--all", action="store_true")
    options.add_argument("--replay")
    given = options.parse_args()
    if given.replay:
        replay(pickle.loads(Path(given.replay).read_bytes()))
        return 0
    seed = random.randrange(10**6) if given.seed == "random" else int(given.seed)
    begun = time.monotonic()
    if given.shards > 1:
        good, text = sharded(given.calls, seed, given.shards, ["--all"] if given.all else [])
        print(text, end="")
    else:
        made, failures = run(given.calls, seed, given.all, tell=lambda t: print(t, flush=True))
        good = not failures
        if not given.all:
            print(*failures, sep="\n")
        print(f"{made} calls, {len(failures)} failures", end=", ")
    print(f"seed {seed}, {time.monotonic() - begun:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
