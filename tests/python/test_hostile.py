"""The operator table under hostile calls, in processes of their own: exceptions are fine, dying is not. HOSTILE_CALLS says
how many calls are made (3,000 unless it is set; the full measure is HOSTILE_CALLS=100000)."""

import os

import hostile
import rtorch

CALLS = int(os.environ.get("HOSTILE_CALLS", "3000"))


def test_no_call_kills_the_process():
    crashes, slow = hostile.run(CALLS, seed=int(os.environ.get("HOSTILE_SEED", "0")))
    assert not crashes and not slow, "\n".join([*crashes, *slow])


def test_collections_may_begin_while_tensors_are_made():
    kept = [rtorch.zeros(1, requires_grad=True) * 1 for _ in range(5000)]
    assert all(t.grad_fn is not None for t in kept)
