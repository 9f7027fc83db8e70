"""Derivatives of functions, anomaly mode, once_differentiable; views in place; small things of tensors."""

import pytest
import rtorch as torch
from rtorch.autograd.function import once_differentiable

A = torch.tensor([1.0, 2.0, 3.0])


def test_products_and_derivatives():
    f = torch.autograd.functional
    assert f.jacobian(lambda x: x**2, A).tolist() == [[2, 0, 0], [0, 4, 0], [0, 0, 6]]
    by_x, by_y = f.jacobian(lambda x, y: x * y.sum(), (A, A))
    assert by_x.tolist() == [[6, 0, 0], [0, 6, 0], [0, 0, 6]]
    assert by_y.tolist() == [[1, 1, 1], [2, 2, 2], [3, 3, 3]]
    assert f.hessian(lambda x: (x**3).sum(), A).tolist() == [[6, 0, 0], [0, 12, 0], [0, 0, 18]]
    v = torch.tensor([1.0, 0.0, 2.0])
    for product in (f.hvp, f.vhp):
        assert product(lambda x: (x**3).sum(), A, v)[1].tolist() == [6, 0, 36]
    for product in (f.jvp, f.vjp):
        out, g = product(lambda x: x**2, A, v)
        assert (out.tolist(), g.tolist()) == ([1, 4, 9], [2, 0, 12])


def test_anomaly_mode_names_the_line():
    with pytest.warns(UserWarning, match="Anomaly Detection"):
        block = torch.autograd.detect_anomaly()
    x = torch.tensor([0.0], requires_grad=True)
    with block:
        assert torch.is_anomaly_enabled()
        y = torch.sqrt(x) * 0
        with pytest.raises(RuntimeError, match="returned nan"):
            y.sum().backward()
    assert not torch.is_anomaly_enabled()


def test_once_differentiable():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            return 2 * ctx.saved_tensors[0] * g

    x = torch.tensor(3.0, requires_grad=True)
    (g,) = torch.autograd.grad(Square.apply(x) ** 2, x, create_graph=True)
    assert g.item() == 108
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.backward()


def test_views_in_place():
    p = torch.ones(2, 3, requires_grad=True)
    y = p * 2
    y.t_()
    y.unsqueeze_(0)
    (y * torch.arange(6.0).reshape(3, 2)).sum().backward()
    assert p.grad.tolist() == [[0, 4, 8], [2, 6, 10]]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        p.unsqueeze_(0)
    base = torch.zeros(4)
    view = base[1:3]
    view.unsqueeze_(0)
    view += 1
    assert base.tolist() == [0, 1, 1, 0]
    assert torch.ones(1, 2, 1).squeeze_().shape == (2,)


def test_small_things():
    assert torch.zeros(5, 2).fill_diagonal_(1, wrap=True).T.tolist() == [[1, 0, 0, 1, 0], [0, 1, 0, 0, 1]]
    assert torch.zeros(2, 2, 2).fill_diagonal_(3).sum() == 6
    assert torch.ones(2).resize_(3, 2).shape == (3, 2)
    assert torch.ones(2).set_(torch.zeros(2, 2)).tolist() == [[0, 0], [0, 0]]
    assert torch.tensor([[1 + 2j]]).H.item() == 1 - 2j
    assert torch.ones(2, 2).ravel().shape == (4,)
    assert torch.ones(1, dtype=torch.int64).new([1.0]).dtype == torch.int64
    torch.set_default_tensor_type(torch.DoubleTensor)
    assert torch.zeros(1).dtype == torch.float64
    torch.set_default_tensor_type("torch.FloatTensor")
