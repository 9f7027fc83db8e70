"""The same bits for 1, 2 and 3 threads over the float32 samples of the conformance database: `make bits`.

Runs under a Python that has torch (its wheel holds the samples; ../shared/conformance carries them over) with rtorch on its
path. Every sample is called, and its results and gradients are hashed, with each number of threads. What the samples are too
small to split is tested by tests/python/test_threads.py."""

import hashlib
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT.parent / "shared" / "conformance"))

import rtorch  # noqa: E402
from bridge import Missing, Unsupported  # noqa: E402
from resolve import Internal, variants  # noqa: E402
from suite_ops import OpsSuite, full_name  # noqa: E402

THREADS = (1, 2, 3)
# Results that hold whatever lay in memory.
UNDEFINED = ("empty", "new_empty", "resize", "empty_like", "empty_strided", "new_empty_strided", "empty_permuted")


def bits(bridge, value, digest):
    """Adds every tensor of `value`, to the last bit, and what else it holds, to the hash."""
    tree = bridge.tree(value)
    stack = [tree]
    while stack:
        x = stack.pop()
        if hasattr(x, "array"):
            digest.update(f"{x.dtype}{x.shape}".encode())
            digest.update(x.array.tobytes())
        elif isinstance(x, dict):
            stack += x.values()
        elif hasattr(x, "items"):
            stack += x.items
        elif isinstance(x, (list, tuple)):
            stack += x
        else:
            digest.update(repr(x).encode())


def once(suite, call, sample, grad):
    """The hash of a call's results and, where there are any, of its gradients; None where the call is refused."""
    bridge, digest = suite.tgt, hashlib.sha256()
    rtorch.manual_seed(7)
    args = bridge.value((sample.input, sample.args, sample.kwargs))
    try:
        out = call(args[0], *args[1], **args[2])
    except Exception:
        return None
    bits(bridge, out, digest)
    if grad:
        roots = [t for t in bridge.tensors(out) if t.requires_grad]
        leaves = [t for t in bridge.tensors(args) if t.requires_grad]
        if roots and leaves:
            found = rtorch.autograd.grad(roots, leaves, [rtorch.ones_like(r) for r in roots], allow_unused=True)
            bits(bridge, [g for g in found if g is not None], digest)
    return digest.hexdigest()


def main():
    warnings.simplefilter("ignore")
    suite = OpsSuite(["float32"], samples=0, grad=True)
    suite.setup(rtorch)
    dtype = suite.dtypes[0]
    calls = different = refused = 0
    for task in suite.tasks()[0]:
        op = suite.db[task]
        if op.name in UNDEFINED or op.has_nondeterministic_output:
            continue
        try:
            call = variants(op)[0].target(suite.res)
        except (Missing, Internal):
            continue
        grad = op.supports_autograd and dtype in op.supported_backward_dtypes("cpu")
        for i, sample in enumerate(suite._samples(op, dtype, grad)):
            if isinstance(sample, Exception):
                continue
            try:
                found = []
                for n in THREADS:
                    rtorch.set_num_threads(n)
                    found.append(once(suite, call, sample, grad))
            except (Unsupported, Missing):
                continue
            if found[0] is None:
                refused += 1
                continue
            calls += 1
            if len(set(found)) > 1:
                different += 1
                print(f"different: {full_name(op)}, sample {i}")
    print(f"{calls} samples with {', '.join(map(str, THREADS))} threads, {different} different ({refused} refused)")
    return bool(different) or calls < 1000


if __name__ == "__main__":
    sys.exit(main())
