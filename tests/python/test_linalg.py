"""torch.linalg: factors multiply to the matrix, solutions solve, gradients agree with finite differences; errors in PyTorch's words."""

import numpy as np
import pytest
import rtorch as torch
from rtorch import linalg

spectral = pytest.mark.skipif(not hasattr(linalg, "svd"), reason="a build without the feature linalg")
DTYPES = [torch.float32, torch.float64, torch.complex64, torch.complex128]


def random(*shape, dtype=torch.float64, seed=0):
    g = np.random.default_rng(seed)
    x = g.standard_normal(shape)
    if dtype.is_complex:
        x = x + 1j * g.standard_normal(shape)
    return torch.tensor(x, dtype=dtype)


def near(a, b, tol=None):
    a, b = a.numpy(), b.numpy() if isinstance(b, torch.Tensor) else b
    tol = tol or (2e-4 if a.dtype in (np.float32, np.complex64) else 1e-9)
    np.testing.assert_allclose(a, b, rtol=tol, atol=tol)


def definite(*shape, dtype=torch.float64):
    a = random(*shape, dtype=dtype)
    return a @ a.mH + torch.eye(shape[-1], dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 3, 5, 5), (40, 40), (0, 0), (0, 3, 3)])
def test_square(dtype, shape):
    a, n = random(*shape, dtype=dtype) + 3 * torch.eye(shape[-1], dtype=dtype), shape[-1]
    b = random(*shape[:-1], 2, dtype=dtype, seed=1)
    near(a @ linalg.solve(a, b), b)
    near(linalg.solve(a, b.mH, left=False) @ a, b.mH)
    near(a @ linalg.inv(a), np.broadcast_to(np.eye(n), shape))
    near(linalg.det(a), np.linalg.det(a.numpy()), 1e-3)
    sign, size = linalg.slogdet(a)
    near(sign * size.exp(), np.linalg.det(a.numpy()), 1e-3)
    P, L, U = linalg.lu(a)
    near(P @ L @ U, a)
    lu = linalg.lu_factor(a)
    for adjoint in (False, True):
        m = a.mH if adjoint else a
        near(m @ linalg.lu_solve(*lu, b, adjoint=adjoint), b)
        near(linalg.lu_solve(*lu, b.mH, left=False, adjoint=adjoint) @ m, b.mH)
    h = definite(*shape, dtype=dtype)
    L = linalg.cholesky(h)
    near(L @ L.mH, h)
    near(linalg.cholesky(h, upper=True), L.mH)
    near(h @ torch.cholesky_solve(b, L), b, 5e-3 if dtype in (torch.float32, torch.complex64) else None)
    s = a + a.mT
    near(s @ linalg.ldl_solve(*linalg.ldl_factor(s), b), b, 5e-3 if dtype in (torch.float32, torch.complex64) else None)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 50, 40), (0, 3), (3, 0)])
def test_qr(dtype, shape):
    a = random(*shape, dtype=dtype)
    for mode in ("reduced", "complete"):
        q, r = linalg.qr(a, mode)
        near(q @ r, a)
        near(q.mH @ q, np.broadcast_to(np.eye(q.shape[-1]), (*shape[:-2], q.shape[-1], q.shape[-1])))
        near(r.triu(), r)
    assert linalg.qr(a, "r").Q.shape == (0,)
    if shape[-2] >= shape[-1]:
        near(linalg.householder_product(*torch.geqrf(a)), linalg.qr(a).Q)
        c = random(*shape[:-1], 2, dtype=dtype)
        f, tau = torch.geqrf(a)
        near(torch.ormqr(f, tau, c), linalg.qr(a, "complete").Q @ c)
        near(torch.ormqr(f, tau, c.mH, left=False, transpose=True), c.mH @ linalg.qr(a, "complete").Q.mH)


@spectral
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 3, 6, 4), (30, 20), (0, 3), (3, 0)])
def test_svd(dtype, shape):
    a = random(*shape, dtype=dtype)
    k = min(shape[-2:])
    for full in (False, True):
        u, s, vh = linalg.svd(a, full_matrices=full)
        near(u[..., :k] * s.unsqueeze(-2) @ vh[..., :k, :], a)
        near(u.mH @ u, np.broadcast_to(np.eye(u.shape[-1]), (*shape[:-2], u.shape[-1], u.shape[-1])))
        near(s, np.linalg.svd(a.numpy(), compute_uv=False))
    near(linalg.svdvals(a), s)
    near(linalg.pinv(a), np.linalg.pinv(a.numpy()))
    assert (linalg.matrix_rank(a) == k).all()
    if k:
        near(linalg.cond(a), np.linalg.cond(a.numpy()), 1e-3)


@spectral
@pytest.mark.parametrize("dtype", DTYPES)
def test_eigenvalues(dtype):
    a = random(3, 6, 6, dtype=dtype)
    w, v = linalg.eig(a)
    near(a.to(v.dtype) @ v, v * w.unsqueeze(-2))
    near(linalg.vector_norm(v, dim=-2), np.ones((3, 6)))
    near(torch.sort(linalg.eigvals(a).abs()).values, np.sort(np.abs(np.linalg.eigvals(a.numpy()))))
    h = a + a.mH
    for uplo in "LU":
        w, v = linalg.eigh(h, uplo)
        near(h @ v, v * w.unsqueeze(-2))
        near(w, np.linalg.eigvalsh(h.numpy()))
        near(linalg.eigvalsh(h.tril() if uplo == "L" else h.triu(), uplo), w)


def check_gradient(f, *inputs, tol=1e-5):
    """The gradient and the gradient's gradient along one direction, against differences."""
    inputs = [x.detach().requires_grad_() for x in inputs]
    directions = [random(*x.shape, dtype=x.dtype, seed=9 + i) for i, x in enumerate(inputs)]

    def slope(*xs):
        out = f(*xs)
        out = sum((o * o.conj()).real.sum() + o.real.sum() if o.is_complex() else (o * o).sum() + o.sum() for o in out)
        grads = torch.autograd.grad(out, xs, create_graph=True)
        return out, sum((g.conj() * d).real.sum() for g, d in zip(grads, directions))

    _, first = slope(*inputs)
    eps = 1e-5

    def moved(sign):
        return [(x.detach() + sign * eps * d).requires_grad_() for x, d in zip(inputs, directions)]

    (a, fa), (b, fb) = slope(*moved(1)), slope(*moved(-1))
    assert abs(first.item() - (a.item() - b.item()) / (2 * eps)) <= tol * max(1, abs(first.item()))
    second = sum((g.conj() * d).real.sum() for g, d in zip(torch.autograd.grad(first, inputs), directions))
    assert abs(second.item() - (fa.item() - fb.item()) / (2 * eps)) <= 10 * tol * max(1, abs(second.item()))


def herm(x):
    return (x + x.mH) / 2


GRADIENTS = {
    "inv": lambda a: [linalg.inv(a)],
    "det": lambda a: [linalg.det(a)],
    "slogdet": lambda a: linalg.slogdet(a),
    "solve": lambda a: [linalg.solve(a, a[..., :2] * 2), linalg.solve(a, a[..., :1, :], left=False)],
    "cholesky": lambda a: [linalg.cholesky(a @ a.mH)],
    "lu": lambda a: [linalg.lu_factor(a)[0], linalg.lu_factor(a[..., :3, :])[0], linalg.lu_factor(a[..., :3])[0]],
    "lu_solve": lambda a: [linalg.lu_solve(*linalg.lu_factor(a), a[..., :2], adjoint=True)],
    "solve_triangular": lambda a: [linalg.solve_triangular(a, a, upper=True, left=False)],
    "qr": lambda a: [*linalg.qr(a), *linalg.qr(a[..., :3, :]), *linalg.qr(a[..., :3])],
    "matrix_exp": lambda a: [linalg.matrix_exp(a / 2)],
    "householder": lambda a: [linalg.householder_product(a, a[..., 0, :])],
}
SPECTRAL = {
    "svdvals": lambda a: [linalg.svdvals(a[..., :3])],
    "svd": lambda a: [x.abs() for x in linalg.svd(a[..., :3], full_matrices=False)],
    "svd wide": lambda a: [x.abs() for x in linalg.svd(a[..., :3, :])[:2]],
    "eigh": lambda a: [x.abs() for x in linalg.eigh(herm(a))],
    "eig": lambda a: [x.abs() for x in linalg.eig(a)],
    "pinv": lambda a: [linalg.pinv(a[..., :3]), linalg.pinv(a[..., :3, :])],
    "lstsq": lambda a: [linalg.lstsq(a[..., :3], a[..., 3:]).solution],
    "nuc": lambda a: [linalg.matrix_norm(a, "nuc"), linalg.matrix_norm(a, 2), linalg.cond(a), linalg.cond(a, 1)],
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("name", [*GRADIENTS, *(pytest.param(n, marks=spectral) for n in SPECTRAL)])
def test_gradients(name, dtype):
    a = random(2, 4, 4, dtype=dtype, seed=3) + 2 * torch.eye(4, dtype=dtype)
    check_gradient((GRADIENTS | SPECTRAL)[name], a)


@spectral
def test_gradient_of_a_zero_determinant():
    a = torch.tensor([[1.0, 2, 3], [2, 4, 6], [1, 0, 1]], dtype=torch.float64, requires_grad=True)
    linalg.det(a).backward()
    near(a.grad, np.array([[4.0, 4, -4], [-2, -2, 2], [0, 0, 0]]))


@spectral
def test_lstsq():
    a, b = random(2, 6, 3), random(2, 6, 2, seed=1)
    expected = np.stack([np.linalg.lstsq(x, y, rcond=None)[0] for x, y in zip(a.numpy(), b.numpy())])
    for driver in (None, "gels", "gelsy", "gelsd", "gelss"):
        r = linalg.lstsq(a, b, driver=driver)
        near(r.solution, expected)
        near(r.residuals, ((a @ r.solution - b) ** 2).sum(-2))
    assert r.rank.tolist() == [3, 3] and r.singular_values.shape == (2, 3)
    near(linalg.lstsq(a.mT, b[:, :3]).solution, linalg.pinv(a.mT) @ b[:, :3])


def test_tensor_equations():
    a = random(2, 3, 6)
    b = random(2, 3, seed=1)
    near(torch.tensordot(a, linalg.tensorsolve(a, b), 1), b)
    near(torch.tensordot(linalg.tensorinv(a, ind=2), b, 2), linalg.tensorsolve(a, b))
    m = random(3, 4, 4)
    near(linalg.matrix_power(m, -2), linalg.inv(m) @ linalg.inv(m))


ERRORS = [
    (lambda: linalg.inv(torch.zeros(2, 2)), linalg.LinAlgError, "linalg.inv: The diagonal element 1 is zero"),
    (lambda: linalg.inv(torch.zeros(2, 2, 2)), linalg.LinAlgError, r"linalg.inv: \(Batch element 0\): The diagonal"),
    (lambda: linalg.inv(torch.ones(2, 3)), RuntimeError, "linalg.inv: A must be batches of square matrices, but they are 2 by 3"),
    (lambda: linalg.inv(torch.ones(2)), RuntimeError, "linalg.inv: The input tensor A must have at least 2 dimensions."),
    (lambda: linalg.inv(torch.ones(2, 2, dtype=torch.int32)), RuntimeError, "linalg.inv: Expected a floating point or complex tensor"),
    (lambda: linalg.inv(torch.ones(2, 2).half()), RuntimeError, "linalg.inv: Low precision dtypes not supported. Got Half"),
    (lambda: linalg.solve(torch.zeros(2, 2), torch.ones(2)), linalg.LinAlgError, "torch.linalg.solve: The solver failed because"),
    (lambda: linalg.cholesky(-torch.eye(3)), linalg.LinAlgError, "linalg.cholesky: .*leading minor of order 1 is not"),
    (lambda: linalg.lu_factor(torch.zeros(2, 2)), RuntimeError, r"torch.linalg.lu_factor: U\[1,1\] is zero"),
    (lambda: linalg.solve(torch.ones(2, 2), torch.ones(3, 1)), RuntimeError, r"Incompatible shapes .* AX = B \(2x2 and 3x1\)"),
    (lambda: linalg.qr(torch.eye(2), "x"), RuntimeError, "qr received unrecognized mode 'x'"),
]


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    call, kind, text = case
    with pytest.raises(kind, match=text):
        call()


@spectral
def test_what_is_not_finite_is_refused():
    nan = torch.full((3, 3), float("nan"))
    with pytest.raises(linalg.LinAlgError, match="contained non-finite values"):
        linalg.svd(nan)
    with pytest.raises(linalg.LinAlgError, match="linalg.eigh: The algorithm failed to converge"):
        linalg.eigh(nan)
    with pytest.raises(RuntimeError, match="torch.linalg.eig: input tensor should not contain infs or NaNs."):
        linalg.eig(nan)


def test_the_same_bits_for_any_number_of_threads():
    a = random(7, 90, 90, dtype=torch.float32)
    names = [n for n in ("inv", "qr", "svd", "eig", "lu_factor", "det") if hasattr(linalg, n)]
    before = torch.get_num_threads()
    try:
        runs = []
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            out = [getattr(linalg, f)(a) for f in names]
            runs.append([t.numpy().tobytes() for o in out for t in (o if isinstance(o, tuple) else (o,))])
    finally:
        torch.set_num_threads(before)
    assert runs[0] == runs[1] == runs[2]


def test_out_is_resized_and_returned():
    a, out = random(3, 3), torch.empty(0, dtype=torch.float64)
    assert linalg.inv(a, out=out) is out
    near(out, linalg.inv(a))
    lu, pivots = torch.empty(0, dtype=torch.float64), torch.empty(0, dtype=torch.int32)
    linalg.lu_factor(a, out=(lu, pivots))
    near(lu, linalg.lu_factor(a).LU)
