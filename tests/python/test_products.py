"""Products, searches, grids, special functions and in-place views against NumPy, known values and finite differences."""

import math

import numpy as np
import pytest
import rtorch as torch

RNG = np.random.default_rng(7)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
        ("ii->i", [(3, 3)]),
        ("ii", [(3, 3)]),
        ("i,j->ij", [(2,), (3,)]),
        ("...i,...i->...", [(2, 3, 4), (3, 4)]),
        ("bn,anm,bm->ba", [(2, 3), (5, 3, 4), (2, 4)]),
        ("ij->ji", [(2, 3)]),
        ("ij,kj->", [(2, 3), (4, 3)]),
    ],
)
def test_einsum(equation, shapes):
    arrays = [RNG.standard_normal(s) for s in shapes]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = torch.einsum(equation, *ts)
    np.testing.assert_allclose(y.detach().numpy(), np.einsum(equation, *arrays), atol=1e-12)
    y.sum().backward()
    eps = 1e-6
    for a, t in zip(arrays, ts, strict=True):
        at = tuple(0 for _ in a.shape)
        b = [x.copy() for x in arrays]
        k = next(i for i, x in enumerate(arrays) if x is a)
        b[k][at] += eps
        slope = (np.einsum(equation, *b).sum() - np.einsum(equation, *arrays).sum()) / eps
        assert t.grad[at].item() == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_einsum_errors():
    x = torch.ones(2, 3)
    with pytest.raises(RuntimeError, match="does not match the number of dimensions"):
        torch.einsum("i,j", x, x)
    with pytest.raises(RuntimeError, match="does not broadcast with previously seen size"):
        torch.einsum("ij,jk", x, x)


def test_products():
    a, b = RNG.standard_normal((2, 3)), RNG.standard_normal((4, 3))
    x, y = torch.tensor(a), torch.tensor(b)
    np.testing.assert_allclose(torch.inner(x, y).numpy(), np.inner(a, b))
    np.testing.assert_allclose(torch.kron(x, y).numpy(), np.kron(a, b))
    np.testing.assert_allclose(torch.tensordot(x, y, ([1], [1])).numpy(), np.tensordot(a, b, ([1], [1])))
    np.testing.assert_allclose(torch.cross(x, x + 1, dim=1).numpy(), np.cross(a, a + 1))
    m = RNG.standard_normal((3, 3))
    np.testing.assert_allclose(torch.matrix_power(torch.tensor(m), 5).numpy(), np.linalg.matrix_power(m, 5))
    ms = [RNG.standard_normal(s) for s in ((2, 5), (5, 3), (3, 4))]
    np.testing.assert_allclose(torch.linalg.multi_dot([torch.tensor(v) for v in ms]).numpy(), ms[0] @ ms[1] @ ms[2])
    np.testing.assert_allclose(torch.block_diag(x, y).numpy()[2:, 3:], b)
    assert torch.trace(torch.arange(9).reshape(3, 3)).item() == 12


def test_search():
    a = np.sort(RNG.integers(0, 9, 7))
    v = RNG.integers(0, 9, (2, 4))
    for right in (False, True):
        want = np.searchsorted(a, v, "right" if right else "left")
        np.testing.assert_array_equal(torch.searchsorted(torch.tensor(a), torch.tensor(v), right=right).numpy(), want)
        np.testing.assert_array_equal(torch.bucketize(torch.tensor(v), torch.tensor(a), right=right).numpy(), want)
    u, i, c = torch.unique(torch.tensor(v), return_inverse=True, return_counts=True)
    wu, wi, wc = np.unique(v, return_inverse=True, return_counts=True)
    np.testing.assert_array_equal(u.numpy(), wu)
    np.testing.assert_array_equal(i.numpy().ravel(), wi.ravel())
    np.testing.assert_array_equal(c.numpy(), wc)
    np.testing.assert_array_equal(torch.bincount(torch.tensor(a)).numpy(), np.bincount(a))
    np.testing.assert_array_equal(torch.isin(torch.tensor(v), torch.tensor(a)).numpy(), np.isin(v, a))
    f = RNG.standard_normal(50)
    np.testing.assert_array_equal(torch.histc(torch.tensor(f), 5, -1, 1).numpy(), np.histogram(f, 5, (-1, 1))[0])
    rows = torch.tensor([[1, 2], [0, 5], [1, 2]])
    assert torch.unique(rows, dim=0).tolist() == [[0, 5], [1, 2]]


def test_grids():
    x, y = torch.arange(2), torch.arange(3)
    for how in ("ij", "xy"):
        for g, w in zip(torch.meshgrid(x, y, indexing=how), np.meshgrid([0, 1], [0, 1, 2], indexing=how), strict=True):
            np.testing.assert_array_equal(g.numpy(), w)
    assert torch.cartesian_prod(x, y).shape == (6, 2)
    assert torch.combinations(torch.arange(4), 2).tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    a, b = torch.broadcast_tensors(torch.ones(3, 1), torch.ones(2))
    assert a.shape == b.shape == (3, 2)


def test_special_functions():
    x = torch.tensor([0.3, 1.7, 4.0], dtype=torch.float64, requires_grad=True)
    (g,) = torch.autograd.grad(torch.lgamma(x).sum(), x, create_graph=True)
    (gg,) = torch.autograd.grad(g.sum(), x)
    np.testing.assert_allclose(gg.numpy(), torch.polygamma(1, x.detach()).numpy(), rtol=1e-12)
    assert torch.polygamma(1, torch.tensor(1.0)).item() == pytest.approx(math.pi**2 / 6)
    assert torch.i0(torch.tensor(1.0)).item() == pytest.approx(1.2660658777520082)
    assert torch.special.log_ndtr(torch.tensor(-10.0, dtype=torch.float64)).item() == pytest.approx(-53.23128515051248)
    assert torch.gcd(torch.tensor(12), torch.tensor([18, 7])).tolist() == [6, 1]
    a = RNG.standard_normal((3, 4))
    y = torch.tensor(a, requires_grad=True)
    r = torch.logsumexp(y, 1)
    np.testing.assert_allclose(r.detach().numpy(), np.log(np.exp(a).sum(1)))
    r.sum().backward()
    np.testing.assert_allclose(y.grad.numpy(), np.exp(a) / np.exp(a).sum(1, keepdims=True))


def test_views_in_place():
    x = torch.ones(2, 3, requires_grad=True)
    y = (x * 2).transpose_(0, 1)
    assert y.shape == (3, 2) and type(y.grad_fn).__name__.startswith("Transpose")
    y.unsqueeze_(0).squeeze_(0)
    (y * torch.arange(6.0).reshape(3, 2)).sum().backward()
    assert x.grad.tolist() == [[0, 4, 8], [2, 6, 10]]
    with pytest.raises(RuntimeError, match="leaf Variable"):
        x.unsqueeze_(0)
    z = torch.arange(4)
    assert z.resize_(2, 2) is z and z.tolist() == [[0, 1], [2, 3]]
    h = torch.randn(3, requires_grad=True)
    h.bfloat16().sum().backward()
    assert h.grad.dtype == torch.float32
