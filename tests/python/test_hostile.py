"""The operator table under hostile calls, in processes of their own: exceptions are fine, dying is not. HOSTILE_CALLS says
how many calls are made (100,000 unless it is set)."""

import os

import hostile
import rtorch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CALLS = int(os.environ.get("HOSTILE_CALLS", "100000"))


def test_no_call_kills_the_process():
    crashes, slow = hostile.run(CALLS, seed=int(os.environ.get("HOSTILE_SEED", "0")))
    assert not crashes and not slow, "\n".join([*crashes, *slow])


dtypes = st.sampled_from([d for d in vars(rtorch).values() if isinstance(d, rtorch.dtype)])
sizes = st.lists(st.one_of(st.integers(-3, 5), st.integers(-(2**63), 2**63 - 1)), max_size=5)
numbers = st.one_of(st.integers(), st.floats(), st.booleans(), st.complex_numbers())
anything = st.one_of(st.none(), numbers, st.text(max_size=4), st.binary(max_size=4), sizes)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(sizes, dtypes, anything)
def test_making_and_reshaping_tensors(size, dtype, other):
    def quietly(f):
        try:
            return f()
        except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError, OverflowError, rtorch.OutOfMemoryError):
            return None

    small = rtorch.zeros(2, 3, dtype=dtype)
    x = quietly(lambda: rtorch.empty(size, dtype=dtype, device="meta"))
    x = small if x is None else x
    for f in (
        lambda: x.expand(*size),
        lambda: x.reshape(-1),
        lambda: x + small,
        lambda: small.as_strided(size, size),
        lambda: small.view(size),
        lambda: small.repeat(size),
        lambda: small[tuple(size)],
        lambda: rtorch.full((2,), other, dtype=dtype),
        lambda: rtorch.tensor(other, dtype=dtype),
        lambda: small.fill_(other),
        lambda: small + other,
        lambda: small.sum(other),
    ):
        quietly(f)


def test_collections_may_begin_while_tensors_are_made():
    kept = [rtorch.zeros(1, requires_grad=True) * 1 for _ in range(5000)]
    assert all(t.grad_fn is not None for t in kept)
