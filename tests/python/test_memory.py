"""Memory that a program holds stays what it is, whatever other threads and `resize_` do; hostile requests are errors."""

import gc
import threading
import time

import numpy as np
import pytest
import rtorch as torch
import rtorch.nn.functional as F


def test_numpy_keeps_the_memory_it_was_given():
    t = torch.ones(1000)
    a = t.numpy()
    torch.add(torch.ones(5000), 1, out=t)
    others = [torch.full((1000,), 7.0) for _ in range(20)]
    assert a.sum() == 1000 and len(others) == 20
    t = torch.ones(1000)
    a = t.numpy()
    t.data = torch.zeros(3)
    others = [torch.full((1000,), 7.0) for _ in range(20)]
    assert a.sum() == 1000


def test_a_storage_made_smaller_can_still_be_read():
    t = torch.ones(100_000)
    t.untyped_storage().resize_(0)
    t.sum()


def test_a_kernel_keeps_what_it_started_with():
    n, seen, stop = 1_000_000, [], threading.Event()
    p, t = torch.ones(n), torch.zeros(n)

    def loop():
        while not stop.is_set():
            seen.append(F.mse_loss(p, t).item())
            seen.append(torch.cumsum(p, 0)[-1].item() / n)

    thread = threading.Thread(target=loop)
    thread.start()
    end = time.time() + 1
    while time.time() < end:
        p.data = torch.ones(n)
        torch.full((n,), 3.0)
    stop.set()
    thread.join()
    assert set(seen) == {1.0}


def test_a_cycle_of_python_objects_does_not_end_a_graph():
    def make():
        x = torch.ones(3, requires_grad=True)
        h = x * 2
        h.me = h
        return x, (h * h).sum()

    x, y = make()
    gc.collect()
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    assert torch.autograd.grad(g.sum(), x)[0].tolist() == [8.0] * 3


def test_hostile_requests():
    itself = []
    itself.append(itself)
    with pytest.raises(TypeError):
        torch.abs(itself)
    with pytest.raises(TypeError, match="no subclass of torch.Tensor"):
        torch.ones(3).as_subclass(object)
    big = 2**62
    with pytest.raises(RuntimeError):
        torch.as_strided(torch.zeros(4), (2, 2, 2, 2), (big + 10**9, big - 10**9, big, big))
    with pytest.raises(torch.OutOfMemoryError):
        torch.chunk(torch.empty(0), 10**13)
    with pytest.raises(torch.OutOfMemoryError):
        torch.empty(1).expand(10**12).split(1)
    with pytest.raises(NotImplementedError, match="a meta tensor has none"):
        torch.nonzero(torch.empty(3, device="meta"))
    assert np.isnan(torch.tensor(float("nan")).numpy())


def test_without_a_gpu_questions_are_answered_and_the_rest_raises():
    cuda = torch.cuda
    if cuda.is_available():
        pytest.skip("there is a GPU")
    assert cuda.memory_allocated() == cuda.max_memory_reserved() == 0 and not cuda.is_bf16_supported()
    assert cuda.memory_stats() == {} and cuda.get_arch_list() == [] and cuda.reset_peak_memory_stats() is None
    assert cuda.set_device(-1) is None
    with cuda.stream(None), cuda.device(-1), cuda.device_of(torch.ones(1)):
        pass
    for call in (lambda: cuda.set_device(0), cuda.get_device_properties, cuda.Stream, cuda.Event().record, cuda.mem_get_info):
        with pytest.raises(AssertionError, match="not compiled with CUDA"):
            call()


def test_strides_that_lead_outside_are_refused():
    for sizes, strides, text in (
        ((17,), (-1,), "Negative strides are not supported"),
        ((2, 3), (2**62, 2**61), "Storage size calculation overflowed"),
    ):
        with pytest.raises(RuntimeError, match=text):
            torch.empty_strided(sizes, strides)
        with pytest.raises(RuntimeError, match=text):
            torch.ones(1).new_empty_strided(sizes, strides)
    assert torch.empty_strided((2, 0), (2**62, 1)).shape == (2, 0)
