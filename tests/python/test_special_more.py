"""Orthogonal polynomials, Bessel functions, frexp and the like, `torch.masked`, and node names, against known values."""

import math

import numpy as np
import pytest
import rtorch as torch

S = torch.special


def f64(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    "name, x, want",  # mpmath's besselj, bessely, besseli, besselk, airyai
    [
        ("bessel_j0", 2.5, -0.04838377646819794),
        ("bessel_j1", 2.5, 0.4970941024642741),
        ("bessel_y0", 2.5, 0.4980703596152319),
        ("bessel_y1", 2.5, 0.14591813796678577),
        ("modified_bessel_i0", 2.5, 3.2898391440501231),
        ("modified_bessel_i1", 2.5, 2.5167162452886984),
        ("modified_bessel_k0", 2.5, 0.06234755320036619),
        ("modified_bessel_k1", 2.5, 0.07389081634774706),
        ("scaled_modified_bessel_k0", 2.5, 0.06234755320036619 * math.exp(2.5)),
        ("scaled_modified_bessel_k1", 2.5, 0.07389081634774706 * math.exp(2.5)),
        ("spherical_bessel_j0", 2.5, math.sin(2.5) / 2.5),
        ("airy_ai", -2.5, -0.11232506769296608),
    ],
)
def test_bessel(name, x, want):
    f = getattr(S, name)
    assert f(f64(x)).item() == pytest.approx(want, rel=1e-12)
    assert f(torch.tensor([x])).dtype == torch.float32
    assert f(torch.tensor([2])).dtype == torch.float32


def test_polynomials_are_orthogonal():
    """Each family has integral 0 over products of different degrees, under its weight (by Gauss quadrature)."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    cases = [("legendre_polynomial_p", nodes, weights)]
    cases.append(("laguerre_polynomial_l", *np.polynomial.laguerre.laggauss(40)))
    cases.append(("hermite_polynomial_h", *np.polynomial.hermite.hermgauss(40)))
    cases.append(("hermite_polynomial_he", *np.polynomial.hermite_e.hermegauss(40)))
    t, w = np.polynomial.chebyshev.chebgauss(40)
    weigh = {"t": 1, "u": 1 - t**2, "v": 1 + t, "w": 1 - t}
    for k, by in weigh.items():
        cases.append((f"chebyshev_polynomial_{k}", t, w * by))
        cases.append((f"shifted_chebyshev_polynomial_{k}", (t + 1) / 2, w * by))
    for name, x, weight in cases:
        f = getattr(S, name)
        rows = torch.stack([f(torch.tensor(x), n) for n in range(12)]).numpy()
        rows = rows / np.sqrt((rows**2 * weight).sum(1, keepdims=True))
        np.testing.assert_allclose((rows * weight) @ rows.T, np.eye(12), atol=1e-9, err_msg=name)
    assert S.chebyshev_polynomial_t(0.5, torch.tensor([0, 2, -1])).tolist() == [1.0, -0.5, 0.0]
    with pytest.raises(TypeError):
        S.chebyshev_polynomial_t(0.5, 2)


def test_frexp():
    x = torch.tensor([0.0, 1.0, -3.5, math.inf, 1e-40], requires_grad=True)
    m, e = torch.frexp(x)
    assert (m * 2.0**e).tolist() == x.tolist() and e.dtype == torch.int32
    assert m[:4].tolist() == [0.0, 0.5, -0.875, math.inf]
    m[1:3].sum().backward()
    assert x.grad.tolist() == [0, 0.5, 0.25, 0, 0]
    with pytest.raises(RuntimeError, match="only supports floating-point"):
        torch.frexp(torch.tensor([1]))


def test_nonzero_static_and_as_strided_scatter():
    x = torch.tensor([[1, 0], [2, 3]])
    assert torch.nonzero_static(x, size=2).tolist() == [[0, 0], [1, 0]]
    assert torch.nonzero_static(x, size=4, fill_value=7).tolist() == [[0, 0], [1, 0], [1, 1], [7, 7]]
    a = torch.zeros(3, 3, requires_grad=True)
    b = torch.ones(2, 2, requires_grad=True)
    y = torch.as_strided_scatter(a, b, (2, 2), (1, 3), 1)
    assert y.tolist() == [[0, 1, 1], [0, 1, 1], [0, 0, 0]]
    (y * torch.arange(9.0).view(3, 3)).sum().backward()
    assert a.grad.tolist() == [[0, 0, 0], [3, 0, 0], [6, 7, 8]] and b.grad.tolist() == [[1, 4], [2, 5]]


def test_masked():
    x = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
    m = torch.tensor([[True, False, True], [False, False, False]])
    M = torch.masked
    assert M.sum(x, 1, mask=m).tolist() == [4, 0] and M.prod(x, mask=m).item() == 3
    assert M.amax(x, 1, mask=m).tolist() == [3, -math.inf] and M.amin(x, mask=m).item() == 1
    assert M.mean(x, 1, mask=m).tolist()[0] == 2 and M.mean(x, 1, mask=m).isnan().tolist() == [False, True]
    assert M.var(x, mask=m).item() == 2 and M.std(x, unbiased=False, mask=m).item() == 1
    assert M.argmax(x, 1, mask=m).tolist() == [2, 0] and M.median(x, 1, mask=m).tolist()[0] == 1
    assert M.cumsum(x, 1, mask=m)[0].tolist() == [1, 1, 4] and M.cumprod(x, 1, mask=m)[0].tolist() == [1, 1, 3]
    assert M.softmax(x, 1, mask=m)[0].tolist() == pytest.approx([1 / (1 + math.e**2), 0, 1 / (1 + math.e**-2)])
    assert M.norm(x, 2.0, mask=m).item() == pytest.approx(10**0.5)
    with pytest.raises(IndexError):
        M.sum(x[0], mask=m)


def test_node_names():
    x = torch.ones(3, requires_grad=True)
    F = torch.nn.functional
    for y, want in [
        (2**x, "PowBackward2"),
        (x**3, "PowBackward0"),
        (x**x, "PowBackward1"),
        (x % x, "RemainderBackward1"),
        (torch.lerp(x, x, x), "LerpBackward1"),
        (F.l1_loss(x, x.detach()), "MeanBackward0"),
        (F.kl_div(x, x.detach(), reduction="sum"), "SumBackward0"),
        (torch.cdist(x[None], x[None]), "CdistBackward0"),
        (x.repeat(2), "RepeatBackward0"),
        (torch.special.entr(x), "SpecialEntrBackward0"),
    ]:
        assert y.grad_fn.name() == want


def test_addmm_complex_factors():
    """The gradient of beta * x is conj(beta) * g."""
    a = torch.ones(2, 2, dtype=torch.complex128, requires_grad=True)
    b = torch.eye(2, dtype=torch.complex128, requires_grad=True)
    torch.addmm(a, b, b, beta=1 + 2j, alpha=3 - 1j).real.sum().backward()
    assert (a.grad == 1 - 2j).all() and b.grad[0, 0] == 2 * (3 + 1j)


def test_what_in_place_and_out_refuse():
    x = torch.ones(2)
    with pytest.raises(RuntimeError, match="has dtype Float but the operation's result requires dtype Double"):
        x.float_power_(2)
    with pytest.raises(RuntimeError, match="In-place abs is not supported"):
        torch.ones(2, dtype=torch.complex64).abs_()
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype float, but got double"):
        torch.aminmax(x, out=(torch.empty(0, dtype=torch.float64), torch.empty(0)))
    with pytest.raises(RuntimeError, match="single memory location"):
        torch.cat([x], out=x)
    with pytest.raises(RuntimeError, match="ComplexDouble but got scalar type ComplexFloat"):
        torch.complex(x.double(), x.double(), out=torch.empty(0, dtype=torch.complex64))
    with pytest.raises(TypeError, match=r"special_erfcx\(\): argument 'input'"):
        torch.special.erfcx("x")
    y = torch.ones(1)
    y.addbmm_(torch.ones(2, 2, 3), torch.ones(2, 3, 2))
    assert y.tolist() == [[7, 7], [7, 7]]
    assert torch.isclose(torch.ones(2) + 1j, torch.ones(2) + 1j).all()


def test_sizes_and_dimensions_that_do_not_exist():
    with pytest.raises(IndexError):
        torch.tensor(1.0).flatten(1)
    assert torch.tensor(1.0).flatten(0, -1).shape == (1,)
    with pytest.raises(RuntimeError, match="zeros: Dimension size must be non-negative"):
        torch.zeros(2, -3)


def test_distances_of_order_zero_have_gradients_of_zeros():
    x = torch.tensor([[1.0, 2], [1, 3], [0, 0]], requires_grad=True)
    y = torch.cdist(x, x, 0.0)
    assert y.tolist() == [[0, 1, 2], [1, 0, 2], [2, 2, 0]]
    assert torch.nn.functional.pdist(x, 0.0).tolist() == [1, 2, 2]
    y.sum().backward()
    assert x.grad.tolist() == [[0, 0]] * 3


@pytest.mark.parametrize("dtype, step", [(torch.float16, 2.0**-10), (torch.bfloat16, 2.0**-7)])
def test_nextafter_of_halves(dtype, step):
    x = torch.tensor([1.0, 1.0, -1.0, 0.0, 2.0, math.nan], dtype=dtype, requires_grad=True)
    y = torch.tensor([2.0, 0.0, 0.0, -1.0, 2.0, 0.0], dtype=dtype)
    got = torch.nextafter(x, y)
    tiny = torch.finfo(dtype).smallest_normal * step
    assert got.tolist()[:5] == [1 + step, 1 - step / 2, -1 + step / 2, -tiny, 2.0] and got[5].isnan()
    got.sum().backward()
    assert x.grad.tolist() == [1] * 6


def test_matrix_norms_of_nothing():
    assert torch.linalg.norm(torch.zeros(5, 0), 1).item() == 0
    with pytest.raises(IndexError):
        torch.linalg.norm(torch.zeros(5, 0), -1)
