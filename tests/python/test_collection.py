"""Python's garbage collector at its most eager, and tensors under it."""

import gc
import subprocess
import sys

EAGER = """
import gc, rtorch as torch
class Named(torch.Tensor):
    pass
gc.set_threshold(1)
for _ in range(200):
    a = torch.tensor([1.0, 2.0])
    b = torch.stack([a, a]).as_subclass(Named) if hasattr(a, "as_subclass") else torch.stack([a, a])
    x = torch.ones(2, requires_grad=True)
    y = (x * 2).sum()
    node = y.grad_fn
    node.next_functions
    y.backward()
    p = torch.nn.Parameter(torch.zeros(2))
    x.grad, p.grad, [t for t in b]
print("done")
"""


def test_a_collection_at_every_allocation():
    r = subprocess.run([sys.executable, "-c", EAGER], capture_output=True, text=True)
    assert (r.returncode, r.stdout) == (0, "done\n"), r.stderr[-2000:]


def test_hooks_that_hold_their_tensor_are_collected():
    import weakref

    import rtorch

    x = rtorch.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g, y=y: g)
    gone = weakref.ref(y)
    del y
    gc.collect()
    assert gone() is None
