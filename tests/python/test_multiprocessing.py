"""torch.multiprocessing: tensors by shared memory, spawn, and nothing left behind."""

import gc
import os
import signal

import pytest
import rtorch as torch
import rtorch.multiprocessing as mp


def open_files():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def names():
    return sorted(n for n in os.listdir("/dev/shm") if n.startswith(f"torch_{os.getpid()}_"))


def add(t, row):
    t[row] += row + 1


def fill(i, out, base):
    out[i] = base + i


def answer(q_in, q_out):
    t = q_in.get()
    t.mul_(2)
    q_out.put((t.sum().item(), t))
    q_in.get()  # until the other side has taken it


def fail(i):
    if i == 1:
        raise ValueError("this one")
    import time

    time.sleep(60)


def kill(i):
    if i == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    import time

    time.sleep(60)


def test_moves_once_and_views_follow():
    t = torch.arange(12.0).view(3, 4)
    row = t[1]
    assert not t.is_shared()
    assert t.share_memory_() is t
    assert t.is_shared() and row.is_shared() and row.tolist() == [4, 5, 6, 7]
    at = t.data_ptr()
    t.share_memory_()
    assert t.data_ptr() == at
    row.fill_(0)
    assert t.sum().item() == 66 - 22
    t.add_(1)
    with pytest.raises(RuntimeError, match="not resizable"):
        t.resize_(100)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_writes_are_seen(method):
    t = torch.zeros(3, 2).share_memory_()
    ps = [mp.get_context(method).Process(target=add, args=(t, r)) for r in range(3)]
    for p in ps:
        p.start()
    for p in ps:
        p.join()
    assert [p.exitcode for p in ps] == [0, 0, 0]
    assert t.tolist() == [[1, 1], [2, 2], [3, 3]]


@pytest.mark.parametrize("strategy", ["file_descriptor", "file_system"])
def test_queues(strategy):
    before = mp.get_sharing_strategy()
    mp.set_sharing_strategy(strategy)
    try:
        files = open_files()
        ctx = mp.get_context("fork")
        q_in, q_out = ctx.Queue(), ctx.Queue()
        p = ctx.Process(target=answer, args=(q_in, q_out))
        p.start()
        t = torch.ones(2, 3)
        q_in.put(t[0])  # a view: the whole storage goes, and comes back as the same memory
        total, back = q_out.get(timeout=60)
        assert total == 6 and t.tolist() == [[2, 2, 2], [1, 1, 1]]
        back += 1
        assert t[0].tolist() == [3, 3, 3]
        q_in.put(None)
        p.join()
        q_in.close(), q_out.close()
        q_in.join_thread()
        del back, t
        gc.collect()
        assert names() == []
        del p, q_in, q_out
        assert open_files() <= files + 3  # the thread that hands out descriptors keeps a socket
    finally:
        mp.set_sharing_strategy(before)


def test_parameters_modules_and_refusals():
    from multiprocessing.reduction import ForkingPickler

    net = torch.nn.Linear(2, 1).share_memory()
    assert all(p.is_shared() for p in net.parameters())
    with pytest.raises(RuntimeError, match="Cowardly refusing"):
        ForkingPickler.dumps(torch.ones(1, requires_grad=True) * 2)
    assert torch.zeros(0).untyped_storage().is_shared() is False
    with pytest.raises(AssertionError, match="unknown sharing strategy"):
        mp.set_sharing_strategy("x")


def test_spawn():
    out = torch.zeros(2).share_memory_()
    mp.spawn(fill, args=(out, 5), nprocs=2)
    assert out.tolist() == [5, 6]
    with pytest.raises(mp.ProcessRaisedException) as e:
        mp.start_processes(fail, nprocs=2, start_method="fork")
    assert "-- Process 1 terminated with the following error:" in str(e.value)
    assert 'raise ValueError("this one")' in str(e.value) and e.value.error_index == 1
    with pytest.raises(mp.ProcessExitedException, match="process 0 terminated with signal SIGKILL") as e:
        mp.start_processes(kill, nprocs=2, start_method="fork")
    assert e.value.exit_code == -9 and "memory" in e.value.__notes__[0]
    context = mp.start_processes(kill, nprocs=0, join=False)
    assert context.join() is True
