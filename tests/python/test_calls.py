"""The short ways of calls (small contiguous tensors) give what the long ways give; objects are what Python expects."""

import gc
import weakref

import numpy as np
import pytest
import rtorch as torch


def test_objects_have_attributes_and_weak_references():
    x = torch.ones(3) + 1
    assert x.__dict__ == {}
    x.note = "kept"
    assert x.note == "kept" and x.__dict__ == {"note": "kept"}
    r = weakref.ref(x)
    del x
    assert r() is None
    y = torch.ones(3) * 2
    y.me = y
    r = weakref.ref(y)
    del y
    gc.collect()
    assert r() is None


def test_size():
    s = torch.ones(2, 3, 4).shape
    assert s[0] == 2 and s[-1] == 4 and s[1:] == (3, 4)
    assert type(s[1:]) is torch.Size and type(s + (1,)) is torch.Size
    assert hash(s) == hash((2, 3, 4)) and s == (2, 3, 4)
    with pytest.raises(IndexError):
        s[3]
    with pytest.raises(TypeError):
        s["a"]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "bool", "float16", "bfloat16"])
def test_contiguous_as_strided(dtype):
    d = getattr(torch, dtype)
    a, b = torch.arange(-3, 9).to(d), torch.arange(2, 14).to(d)
    wide = lambda t: torch.stack([t, t], 1)[:, 0]
    fs = [torch.add, torch.mul, torch.eq, torch.gt, torch.maximum]
    for f in fs:
        x, y = f(a, b), f(wide(a), wide(b))
        assert x.dtype == y.dtype and x.tolist() == y.tolist(), f
    for number in (2, 1.5, True):
        x, y = a * number, wide(a) * number
        assert x.dtype == y.dtype and x.tolist() == y.tolist(), number
    for f in (torch.sum, torch.exp, lambda t: t.amax(), lambda t: torch.sum(t, dim=0, keepdim=True)):
        x, y = f(a), f(wide(a))
        assert x.dtype == y.dtype and x.shape == y.shape
        np.testing.assert_allclose(x.to(torch.float64).numpy(), y.to(torch.float64).numpy(), rtol=1e-6)


def test_in_place():
    a = torch.arange(6).to(torch.float32)
    with pytest.raises(RuntimeError, match="single memory location"):
        a[:4].add_(a[2:])
    v = a._version
    a.add_(a)
    assert a.tolist() == [0, 2, 4, 6, 8, 10] and a._version == v + 1
    i = torch.arange(3)
    with pytest.raises(RuntimeError, match="can't be cast"):
        i.add_(1.5)
    with pytest.raises(RuntimeError, match="leaf"):
        torch.ones(2, requires_grad=True).add_(1)


def test_keywords_and_defaults():
    x, y = torch.ones(2), torch.full((2,), 3.0)
    assert torch.add(x, other=y, alpha=2).tolist() == [7, 7]
    assert torch.add(input=x, other=y).tolist() == [4, 4]
    assert x.view(size=(2, 1)).shape == (2, 1) and x.view(2, -1).shape == (2, 1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'beta'"):
        x.exp(beta=1)
    with pytest.raises(TypeError):
        torch.exp()


def test_long_chain_dies_quietly():
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(300_000):
        y = y * 1.0
    del y
    z = x
    for _ in range(300_000):
        z = z.exp() if _ % 2 else z.clone()
    z = None
    assert x.is_leaf


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "bfloat16"])
def test_zero_dim_operands(dtype):
    d = getattr(torch, dtype)
    a, s = torch.arange(-3, 9).to(d), torch.tensor(3).to(d)
    wide = torch.stack([a, a], 1)[:, 0]
    for f in (torch.add, torch.sub, torch.mul, torch.gt, torch.maximum):
        for x, y in ((f(a, s), f(wide, s)), (f(s, a), f(s, wide))):
            assert x.dtype == y.dtype and x.shape == (12,) and x.tolist() == y.tolist(), f
    b = a.clone()
    b.mul_(s)
    assert b.tolist() == (wide * s).tolist()
    with pytest.raises(RuntimeError, match="single memory location"):
        a.mul_(a[3])
    with pytest.raises(RuntimeError, match="broadcast shape"):
        s.add_(a)


def test_zero_dim_gradients():
    a, s = torch.arange(4.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    (a * s + s).sum().backward()
    assert a.grad.tolist() == [2] * 4 and s.grad.shape == () and s.grad.item() == 10


@pytest.mark.parametrize("n", [1, 7, 64, 1000, 3000])
def test_short_reductions_of_formulas(n):
    a = torch.linspace(-1, 2, n)
    wide = torch.stack([a, a], 1)[:, 0]
    x = np.linspace(-1, 2, n)
    assert torch.linalg.vector_norm(a).item() == torch.linalg.vector_norm(wide).item()
    np.testing.assert_allclose(torch.linalg.vector_norm(a).item(), np.sqrt((x**2).sum()), rtol=1e-5)
    loss = torch.nn.functional.mse_loss(a, torch.zeros(n))
    np.testing.assert_allclose(loss.item(), (x**2).mean(), rtol=1e-5)
    np.testing.assert_allclose(a.mean().item(), x.mean(), atol=1e-6)
    assert a.view(1, n).mean(1).shape == (1,)


def test_to():
    x, y = torch.ones(2), torch.ones(2, dtype=torch.int64)
    assert all(t is x for t in (x.to(torch.float32), x.to("cpu"), x.to("cpu", torch.float32), x.to(x), x.to(device="cpu")))
    assert x.to(torch.float64).dtype == x.to(float).dtype == x.to(dtype=torch.float64).dtype == torch.float64
    assert x.to(y).dtype == x.to("cpu", torch.int64).dtype == torch.int64
    assert x.to("meta").is_meta
    for t in (x.to(torch.float32, copy=True), x.to("cpu", torch.float32, False, True)):
        assert t is not x and t.data_ptr() != x.data_ptr()
    z = torch.ones(1, 2, 3, 4).to(memory_format=torch.channels_last)
    assert z.stride() == (24, 1, 8, 2)
    for wrong in ({"dtype": "x"}, {"device": 1.5}, {"memory_format": 1}):
        with pytest.raises(TypeError):
            x.to(**wrong)


def test_no_grad_contexts():
    x = torch.ones(1, requires_grad=True)
    on = lambda: (x * 2).requires_grad

    @torch.no_grad
    def plain():
        return on()

    @torch.no_grad()
    def called():
        return on()

    @torch.enable_grad()
    def enabled():
        return on()

    assert plain.__name__ == "plain" and not plain() and not called() and on()
    with torch.no_grad() as entered:
        assert entered is None and not on() and enabled() and not on()
        with torch.enable_grad():
            assert on()
        assert not on()
    with pytest.raises(ZeroDivisionError), torch.no_grad():
        1 / 0
    assert on()

    class Model:
        @torch.no_grad
        def method(self):
            return on()

    assert not Model().method()


def test_max_and_friends_give_named_tuples():
    r = torch.arange(6.0).view(2, 3).max(dim=1)
    assert r.values.tolist() == [2, 5] and r.indices.tolist() == [2, 2] and len(r) == 2
    assert type(r).__name__ == "max" and isinstance(r, tuple)
    with pytest.raises(TypeError, match="invalid combination"):
        torch.ones(2).max(dim="x")


def test_lists_and_data():
    assert torch.tensor([[1.0, 2], [3, True]]).tolist() == [[1, 2], [3, 1]]
    assert torch.tensor([1.0, 2.0]).dtype == torch.float32 and torch.tensor([1, 2]).dtype == torch.int64
    assert torch.zeros(2, 0, 3).tolist() == [[], []] and torch.zeros(0).tolist() == []
    with pytest.raises(ValueError, match="expected sequence of length 2"):
        torch.tensor([[1.0, 2.0], [1.0]])
    with pytest.raises(TypeError, match="unequal depths"):
        torch.tensor([1.0, [2.0]])
