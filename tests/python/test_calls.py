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
