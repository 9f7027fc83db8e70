"""Hooks on what autograd saves, checkpointing by them, torch.testing."""

import gc
import weakref

import numpy as np
import pytest
import rtorch as torch
from rtorch import nn
from rtorch.autograd.graph import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks
from rtorch.testing import assert_close, make_tensor
from rtorch.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_debug_enabled,
)

X = torch.arange(6.0).reshape(2, 3) / 3


def test_hooks_see_what_is_saved_and_give_it_back():
    packed, unpacked = [], []

    def pack(t):
        packed.append(t.shape)
        return t.detach().numpy().copy()

    def unpack(a):
        unpacked.append(a.shape)
        return torch.from_numpy(a)

    z, w = X.clone().requires_grad_(), nn.Parameter(torch.ones(3, 2))
    with saved_tensors_hooks(pack, unpack):
        y = z.exp() @ w
    y.sum().backward()
    assert sorted(map(tuple, packed)) == [(2, 3), (2, 3), (3, 2)] and len(unpacked) == 3
    np.testing.assert_allclose(z.grad, np.exp(X.numpy()) * 2, rtol=1e-6)
    with save_on_cpu():
        (z * z).sum().backward()


def test_the_gradient_of_a_gradient_goes_through_hooks():
    z = torch.tensor([0.3, -1.0], dtype=torch.float64, requires_grad=True)
    with saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
        y = z.sin().exp()
    (g,) = torch.autograd.grad(y.sum(), z, create_graph=True)
    (gg,) = torch.autograd.grad(g.sum(), z)
    v = z.detach()
    np.testing.assert_allclose(gg, (v.sin().exp() * (v.cos() ** 2 - v.sin())).numpy())


def test_hooks_that_fail():
    z = X.clone().requires_grad_()

    def no(t):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"), saved_tensors_hooks(no, no):
        z.exp()
    with saved_tensors_hooks(lambda t: 3, lambda a: a):
        y = z.exp()
    with pytest.raises(
        TypeError, match="Output of saved tensor unpack_hook expected to be a Tensor but got result of type int"
    ):
        y.sum().backward()
    with disable_saved_tensors_hooks("not now"), pytest.raises(RuntimeError, match="not now"), save_on_cpu():
        pass
    z.exp().sum().backward()  # the hooks are gone


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoint_gives_the_same_gradients_and_random_stream(reentrant):
    torch.manual_seed(0)
    m = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Tanh(), nn.Linear(8, 2))

    def run(f):
        z = X.clone().requires_grad_()
        m.zero_grad()
        torch.manual_seed(4)
        f(z).pow(2).sum().backward()
        return [z.grad, *(p.grad for p in m.parameters()), torch.rand(3)]

    for a, b in zip(run(m), run(lambda z: checkpoint(m, z, use_reentrant=reentrant)), strict=True):
        assert torch.equal(a, b)
    for a, b in zip(run(m)[:1], run(lambda z: checkpoint_sequential(m, 2, z, use_reentrant=reentrant))[:1]):
        assert a.shape == b.shape


def test_checkpoint_saves_nothing_but_its_arguments():
    held = []

    def f(z):
        y = z.exp()
        held.append(weakref.ref(y))
        return y.sin()

    z = X.clone().requires_grad_()
    y = checkpoint(f, z, use_reentrant=False)
    gc.collect()
    assert held[0]() is None
    y.sum().backward()
    assert len(held) == 2
    np.testing.assert_allclose(z.grad, (X.exp() * X.exp().cos()).numpy(), rtol=1e-5)


def test_checkpoint_without_reentry():
    w = torch.ones(3, 3, requires_grad=True)
    y = checkpoint(lambda a, scale: (a @ w).tanh() * scale, X, scale=2.0, use_reentrant=False)
    (g,) = torch.autograd.grad(y.sum(), w)
    (want,) = torch.autograd.grad(((X @ w).tanh() * 2).sum(), w)
    assert torch.equal(g, want)
    z = X.clone().requires_grad_()
    y = checkpoint(lambda a: checkpoint(torch.sin, a.exp(), use_reentrant=False).cos(), z, use_reentrant=False).sum()
    y.backward(retain_graph=True)
    y.backward()
    want = -2 * torch.sin(torch.sin(X.exp())) * torch.cos(X.exp()) * X.exp()
    np.testing.assert_allclose(z.grad, want, rtol=1e-5, atol=1e-6)


def test_checkpoint_sees_that_the_function_changed():
    calls = []

    def f(a):
        calls.append(1)
        return a.sin().exp() if len(calls) == 1 else a.sin()

    y = checkpoint(f, X.clone().requires_grad_(), use_reentrant=False)
    with pytest.raises(CheckpointError, match="A different number of tensors was saved during the original forward"):
        y.sum().backward()
    for asked, setting in ((True, None), (False, True)):
        calls.clear()
        with set_checkpoint_debug_enabled(setting):
            y = checkpoint(f, X.clone().requires_grad_(), use_reentrant=False, debug=asked)
        with pytest.raises(CheckpointError) as e:
            y.sum().backward()
        forward, again = e.value.__notes__[:2]
        assert "exp(" in forward and "sin(" in again and "exp(" not in again
    with pytest.raises(ValueError, match="Unexpected keyword arguments: scale"):
        checkpoint(f, X, scale=2, use_reentrant=True)
    with pytest.warns(UserWarning, match="the use_reentrant parameter should be passed explicitly"):
        checkpoint(torch.sin, X.clone().requires_grad_())


def test_assert_close_says_what_differs():
    assert_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0 + 1e-6]))
    for actual, expected, text in [
        (
            torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 4.0]),
            "Tensor-likes are not close!\n\nMismatched elements: 1 / 3 (33.3%)\nGreatest absolute difference: 1.0 at index (2,) "
            "(up to 1e-05 allowed)\nGreatest relative difference: 0.25 at index (2,) (up to 1.3e-06 allowed)",
        ),
        (1.0, 2.0, "Scalars are not close!\n\nExpected 2.0 but got 1.0.\nAbsolute difference: 1.0 (up to 1e-07 allowed)\n"
                   "Relative difference: 0.5 (up to 1e-07 allowed)"),
        (torch.zeros(2), torch.zeros(3), "The values for attribute 'shape' do not match: torch.Size([2]) != torch.Size([3])."),
        (torch.zeros(2), torch.zeros(2).double(), "The values for attribute 'dtype' do not match: torch.float32 != torch.float64."),
        ([1.0], [1.0, 2.0], "The length of the sequences mismatch: 1 != 2"),
        ({"a": [1, True]}, {"a": [1, False]}, "Booleans mismatch: True is not False\n\nThe failure occurred for item ['a'][1]"),
    ]:  # fmt: skip
        with pytest.raises(AssertionError) as e:
            assert_close(actual, expected)
        assert str(e.value) == text
    with pytest.raises(AssertionError, match="^mine$"):
        assert_close([torch.ones(1)], [torch.zeros(1)], msg="mine")
    with pytest.raises(ValueError, match="Both 'rtol' and 'atol' must be either specified or omitted, but got no atol"):
        assert_close(1.0, 1.0, rtol=1)
    with pytest.raises(TypeError, match="No comparison pair was able to handle inputs of type"):
        assert_close("a", "a")
    nan = torch.tensor([float("nan"), 1.0])
    assert_close(nan, nan, equal_nan=True)
    assert_close(torch.tensor([1 + 1j]), torch.tensor([1 + 1j + 1e-7]))
    with pytest.raises(AssertionError):
        assert_close(torch.tensor([1 + 1j]), torch.tensor([1 + 2j]))


def test_make_tensor():
    t = make_tensor(3, 4, dtype=torch.float32, device="cpu", low=2, high=3, noncontiguous=True, requires_grad=True)
    assert t.shape == (3, 4) and not t.is_contiguous() and t.requires_grad and ((t >= 2) & (t < 3)).all()
    assert make_tensor((50,), dtype=torch.int64, device="cpu", low=2, high=4).unique().tolist() == [2, 3]
    with pytest.raises(ValueError, match="`requires_grad=True` is not supported for boolean and integral dtypes"):
        make_tensor(3, dtype=torch.int64, device="cpu", requires_grad=True)
