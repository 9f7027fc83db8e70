"""Choices, statistics, scans, sorting and norms against NumPy and against finite differences."""

import numpy as np
import pytest
import rtorch as torch

RNG = np.random.default_rng(5)


def numeric(f, x, eps=1e-6):
    """The gradient of sum(f(x) * w) by central differences."""
    w = RNG.standard_normal(f(torch.tensor(x)).shape)
    flat = x.reshape(-1)
    out = np.zeros_like(flat)
    for i in range(flat.size):
        for s in (1, -1):
            y = flat.copy()
            y[i] += s * eps
            out[i] += s * (f(torch.tensor(y.reshape(x.shape))).numpy() * w).sum() / (2 * eps)
    return out.reshape(x.shape), torch.tensor(w)


GRADIENTS = {
    "max": lambda x: x.max(1)[0],
    "median": lambda x: x.median(),
    "kthvalue": lambda x: x.kthvalue(2, 0, keepdim=True)[0],
    "topk": lambda x: x.topk(2, dim=0)[0],
    "sort": lambda x: x.sort(1, descending=True)[0],
    "cumsum": lambda x: x.cumsum(0),
    "cumprod": lambda x: x.cumprod(1),
    "cummax": lambda x: x.cummax(1)[0],
    "logcumsumexp": lambda x: x.logcumsumexp(1),
    "var": lambda x: x.var(1),
    "std": lambda x: x.std(0, correction=0),
    "var_mean": lambda x: torch.stack(torch.var_mean(x, 1)),
    "quantile": lambda x: x.quantile(torch.tensor([0.3, 0.9], dtype=torch.float64), 1),
    "norm": lambda x: x.norm(),
    "norm1": lambda x: x.norm(1, 1),
    "norm3": lambda x: torch.linalg.vector_norm(x, 3, 0),
    "norm_half": lambda x: torch.linalg.vector_norm(x, 0.5, 0),
    "norm_inf": lambda x: torch.linalg.vector_norm(x, float("inf"), 1),
    "matrix_norm": lambda x: torch.linalg.matrix_norm(x, 1),
    "cdist": lambda x: torch.cdist(x, x * 2 + 1),
    "diff": lambda x: x.diff(n=2),
    "trapezoid": lambda x: torch.trapezoid(x, dx=0.5),
    "cov": lambda x: torch.cov(x),
    "renorm": lambda x: x.renorm(2, 0, 1.0),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    f = GRADIENTS[name]
    a = RNG.standard_normal((3, 4))
    want, w = numeric(f, a)
    x = torch.tensor(a, requires_grad=True)
    (f(x) * w).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), want, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("zeros", [[], [1], [0, 2], [3]])
def test_cumprod_gradients_with_zeros(zeros):
    a = RNG.standard_normal(5)
    a[zeros] = 0
    want, w = numeric(lambda x: x.cumprod(0), a)
    x = torch.tensor(a, requires_grad=True)
    (g,) = torch.autograd.grad((x.cumprod(0) * w).sum(), x, create_graph=True)
    np.testing.assert_allclose(g.detach().numpy(), want, rtol=1e-5, atol=1e-8)
    x2 = torch.tensor(a, requires_grad=True)
    (x2.cumprod(0) * w).sum().backward()
    np.testing.assert_allclose(x2.grad.numpy(), want, rtol=1e-5, atol=1e-8)


def test_choices():
    a = RNG.standard_normal((4, 5, 3)).astype(np.float32)
    x = torch.tensor(a)
    assert x.argmax().item() == a.argmax()
    for d in (0, 1, -1):
        np.testing.assert_array_equal(x.argmin(d).numpy(), a.argmin(d))
        r = x.max(d, keepdim=True)
        np.testing.assert_array_equal(r.values.numpy(), a.max(d, keepdims=True))
        np.testing.assert_array_equal(r.indices.numpy(), np.expand_dims(a.argmax(d), d))
    nan = torch.tensor([1.0, float("nan"), 2.0])
    assert nan.argmax().item() == 1 and nan.median().isnan().item() and nan.nanmedian().item() == 1.0
    assert repr(torch.tensor([1, 3]).max(0)) == "torch.return_types.max(\nvalues=tensor(3),\nindices=tensor(1))"
    assert torch.tensor([[2, 2, 1]]).mode(1)[0].tolist() == [2]
    with pytest.raises(IndexError, match="non-zero size"):
        torch.zeros(0, 2).argmax(0)


def test_spread():
    a = RNG.standard_normal((6, 7))
    x = torch.tensor(a)
    for args, want in [
        ((), a.var(ddof=1)),
        ((False,), a.var()),
        ((0,), a.var(0, ddof=1)),
        (((0, 1), False), a.var()),
        ((1, True, True), a.var(1, ddof=1, keepdims=True)),
    ]:
        np.testing.assert_allclose(x.var(*args).numpy(), want)
        np.testing.assert_allclose(x.std(*args).numpy(), np.sqrt(want))
    np.testing.assert_allclose(x.var(dim=1, correction=2.5).numpy(), a.var(1) * 7 / 4.5)
    v, m = torch.var_mean(x, dim=0, keepdim=True)
    np.testing.assert_allclose(m.numpy(), a.mean(0, keepdims=True))
    np.testing.assert_allclose(v.numpy(), a.var(0, ddof=1, keepdims=True))
    assert torch.tensor([True, True]).sum().item() == 2
    for how in ("linear", "lower", "higher", "midpoint", "nearest"):
        q = torch.tensor([0.1, 0.5, 0.77], dtype=torch.float64)
        np.testing.assert_allclose(
            torch.quantile(x, q, dim=1, interpolation=how).numpy(), np.quantile(a, q.numpy(), axis=1, method=how)
        )
    np.testing.assert_allclose(torch.cov(x).numpy(), np.cov(a))
    np.testing.assert_allclose(torch.corrcoef(x).numpy(), np.corrcoef(a))


def test_scans_and_order():
    a = RNG.integers(0, 5, (3, 6))
    x = torch.tensor(a)
    np.testing.assert_array_equal(x.cumsum(1).numpy(), a.cumsum(1))
    np.testing.assert_array_equal(x.cumprod(0).numpy(), a.cumprod(0))
    np.testing.assert_array_equal(x.argsort(1).numpy(), a.argsort(1, kind="stable"))
    np.testing.assert_array_equal(x.sort(0)[0].numpy(), np.sort(a, 0))
    np.testing.assert_array_equal(x.cummin(1)[0].numpy(), np.minimum.accumulate(a, 1))
    np.testing.assert_array_equal(x.diff(dim=0).numpy(), np.diff(a, axis=0))
    v, i = torch.tensor([3.0, 1.0, 2.0]).topk(2)
    assert v.tolist() == [3.0, 2.0] and i.tolist() == [0, 2]
    with pytest.raises(RuntimeError, match="out of range"):
        x.topk(7)


def test_norms_and_factories():
    a = RNG.standard_normal((4, 5))
    x = torch.tensor(a)
    for p in (0, 1, 2, 3.5, float("inf"), -float("inf")):
        np.testing.assert_allclose(x.norm(p, 1).numpy(), np.linalg.norm(a, p, 1))
    np.testing.assert_allclose(x.norm(p="fro", dim=(0, 1), keepdim=True).numpy(), [[np.linalg.norm(a)]])
    for p in (1, -1, float("inf")):
        np.testing.assert_allclose(torch.linalg.norm(x, p).numpy(), np.linalg.norm(a, p))
    z = torch.zeros(3, requires_grad=True)
    z.norm().backward()
    assert z.grad.tolist() == [0, 0, 0]
    far = torch.tensor(RNG.standard_normal((30, 3)))
    np.testing.assert_allclose(
        torch.cdist(far, x[:, :3]).numpy(), np.sqrt(((far.numpy()[:, None] - a[None, :, :3]) ** 2).sum(-1)), atol=1e-7
    )
    np.testing.assert_array_equal(torch.eye(2, 3).numpy(), np.eye(2, 3))
    np.testing.assert_allclose(torch.linspace(-1, 2, 7).numpy(), np.linspace(-1, 2, 7), rtol=1e-6)
    np.testing.assert_allclose(torch.logspace(0, 2, 3).numpy(), [1, 10, 100], rtol=1e-6)
    np.testing.assert_array_equal(torch.tril_indices(3, 4, 1).numpy(), np.stack(np.tril_indices(3, 1, 4)))
    np.testing.assert_array_equal(torch.triu_indices(3, 4, -1).numpy(), np.stack(np.triu_indices(3, -1, 4)))


@pytest.mark.parametrize("shape", [(5, 8), (3, 4, 9), (1, 300), (40, 1, 17), (7, 7), (2, 0, 9), (33,)])
def test_rows_without_gaps_as_other_layouts(shape):
    # small ones take a short way, which the same numbers with gaps between them do not
    x = RNG.standard_normal(shape).astype(np.float32)
    wide = torch.zeros(*shape, 2)
    wide[..., 0] = torch.tensor(x)
    for dims in {(-1,), tuple(range(len(shape)))} | ({(-2, -1)} if len(shape) > 1 else set()):
        for t in (torch.tensor(x), wide[..., 0], torch.tensor(x).double(), torch.tensor(x).bfloat16()):
            tol = 2e-2 if t.dtype == torch.bfloat16 else 1e-4
            want = t.double().numpy()
            np.testing.assert_allclose(t.sum(dims).double().numpy(), want.sum(dims), rtol=tol, atol=tol)
            if x.size:
                np.testing.assert_allclose(t.mean(dims).double().numpy(), want.mean(dims), rtol=tol, atol=tol)
                np.testing.assert_array_equal(t.amax(dims).double().numpy(), want.max(dims))
    for dim in range(-1, len(shape) - 1):
        if x.shape[dim]:
            e = np.exp(x - x.max(dim, keepdims=True), dtype=np.float64)
            for t in (torch.tensor(x), wide[..., 0]):
                np.testing.assert_allclose(t.softmax(dim).numpy(), e / e.sum(dim, keepdims=True), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_joined_parts_of_any_layout_and_dtype(dim):
    a, b, c = (RNG.standard_normal((2, 3, 4)) for _ in range(3))
    parts = [torch.tensor(a), torch.tensor(b).transpose(0, 2).contiguous().transpose(0, 2), torch.tensor(c).float()]
    want = [a, b, c.astype(np.float32)]
    np.testing.assert_array_equal(torch.cat(parts, dim).numpy(), np.concatenate(want, dim))
    np.testing.assert_array_equal(torch.stack(parts, dim).numpy(), np.stack(want, dim))
    some = [torch.empty(0), parts[0][:, :, :0], parts[0]]
    np.testing.assert_array_equal(torch.cat(some, 2).numpy(), a)
