"""The operator table under hostile calls, in processes of their own: exceptions are fine; dying, panics and calls without end
are not. HOSTILE_CALLS and HOSTILE_SEED say how many calls are made and which (100,000, always the same)."""

import os

import hostile
import rtorch

CALLS = int(os.environ.get("HOSTILE_CALLS", "100000"))
SEED = int(os.environ.get("HOSTILE_SEED", "0"))


def test_no_call_kills_the_process():
    good, text = hostile.sharded(CALLS, SEED, os.cpu_count() or 1)
    assert good, text


def test_what_the_harness_calls_a_failure(tmp_path, monkeypatch):
    """A dying process, one that does not come back, and a panic are told apart and ascribed to their call."""
    monkeypatch.setattr(hostile, "BUSY", 1.5)
    monkeypatch.setattr(hostile, "KEPT", tmp_path)
    worker = hostile.Worker()
    fine = ("", "ones", [[2]], {}, None, "")
    for name, words in (("die", "SIGABRT"), ("hang", "no end"), ("panic", "Panic: on purpose")):
        bad = ("test", name, [], {}, None, "")
        [(at, text)] = worker.run(hostile.pickle.dumps(([], [fine, bad, fine])))
        assert at == 1 and words in text, (name, at, text)
    assert worker.run(hostile.pickle.dumps(([], [fine]))) == []
    worker.stop()


def test_collections_may_begin_while_tensors_are_made():
    kept = [rtorch.zeros(1, requires_grad=True) * 1 for _ in range(5000)]
    assert all(t.grad_fn is not None for t in kept)
