"""Sparse tensors (COO) against the dense tensors that they stand for, and their gradients, text and files."""

import copy
import io
import pickle
import subprocess
import sys

import numpy as np
import pytest
import rtorch as torch

PLACES = [[0, 1, 1, 0], [2, 0, 2, 2]]


def make(values=(3.0, 4.0, 5.0, 1.0), size=(2, 3), dtype=torch.float64, **more):
    return torch.sparse_coo_tensor(PLACES, torch.tensor(values, dtype=dtype), size, **more)


def dense(t):
    return t.to_dense().detach().numpy()


WHOLE = np.array([[0, 0, 4.0], [4.0, 0, 5.0]])


def drawn(*size, share=0.4, seed=0, dense_dims=()):
    """A sparse tensor, not coalesced, and the same as an array."""
    rng = np.random.default_rng(seed)
    n = max(1, int(share * np.prod(size)))
    at = np.stack([rng.integers(0, s, n) for s in size])
    values = rng.standard_normal((n, *dense_dims))
    whole = np.zeros((*size, *dense_dims))
    np.add.at(whole, tuple(at), values)
    return torch.sparse_coo_tensor(torch.tensor(at), torch.tensor(values), (*size, *dense_dims)), whole


def test_parts_and_facts():
    s = make()
    assert s.is_sparse and s.layout == torch.sparse_coo and not torch.ones(2).is_sparse
    assert (s.shape, s.dim(), s.numel(), s.dtype, s._nnz()) == ((2, 3), 2, 6, torch.float64, 4)
    assert (s.sparse_dim(), s.dense_dim(), s.is_coalesced()) == (2, 0, False)
    np.testing.assert_array_equal(dense(s), WHOLE)
    c = s.coalesce()
    assert c.is_coalesced() and c.indices().tolist() == [[0, 1, 1], [2, 0, 2]] and c.values().tolist() == [4, 4, 5]
    assert c.coalesce() is c
    for name in ("indices", "values"):
        with pytest.raises(RuntimeError, match=f"Cannot get {name} on an uncoalesced tensor, please call .coalesce"):
            getattr(s, name)()
    assert s._values().tolist() == [3, 4, 5, 1] and s._indices().tolist() == PLACES
    mixed = torch.sparse_coo_tensor([[0, 2]], torch.ones(2, 4), (3, 4))
    assert (mixed.sparse_dim(), mixed.dense_dim()) == (1, 1)
    assert torch.sparse_coo_tensor(PLACES, [1, 2, 3, 4]).shape == (2, 3)
    assert torch.sparse_coo_tensor((2, 3))._nnz() == 0
    assert (torch.ones(2, 3).sparse_dim(), torch.ones(2, 3).dense_dim()) == (0, 2)


@pytest.mark.parametrize(
    ("indices", "count", "size", "text"),
    [
        ([[0, 5]], 2, (2,), "size is inconsistent with indices: for dim 0, size is 2 but found index 5"),
        ([[0, -1]], 2, (2,), "found negative index -1 for dim 0"),
        ([[0, 1]], 3, (2,), "same nnz, but got nnz from indices: 2, nnz from values: 3"),
        ([[0, 1]], 2, (2, 2), r"len\(size\) == sparse_dim \+ dense_dim"),
        ([0, 1], 2, (2,), "indices must be sparse_dim x nnz"),
    ],
)
def test_parts_that_do_not_fit_are_refused(indices, count, size, text):
    with pytest.raises(RuntimeError, match=text):
        torch.sparse_coo_tensor(indices, torch.ones(count), size)


def test_what_it_prints():
    i = torch.tensor([[0, 1, 1], [2, 0, 2]])
    s = torch.sparse_coo_tensor(i, torch.tensor([3.0, 4.0, 5.0]), (2, 3))
    head = "tensor(indices=tensor([[0, 1, 1],\n                       [2, 0, 2]]),\n       values=tensor([3., 4., 5.]),\n"
    assert repr(s) == head + "       size=(2, 3), nnz=3, layout=torch.sparse_coo)"
    assert repr(s.double()) == head + "       size=(2, 3), nnz=3, dtype=torch.float64, layout=torch.sparse_coo)"
    v = torch.tensor([3.0, 4.0, 5.0], requires_grad=True)
    assert repr(torch.sparse_coo_tensor(i, v, (2, 3))) == (
        head + "       size=(2, 3), nnz=3, layout=torch.sparse_coo,\n"
        "       grad_fn=<SparseCooTensorWithDimsAndTensorsBackward0>)"
    )
    assert repr(torch.sparse_coo_tensor((2, 3))) == (
        "tensor(indices=tensor([], size=(2, 0)),\n       values=tensor([], size=(0,)),\n"
        "       size=(2, 3), nnz=0, layout=torch.sparse_coo)"
    )


@pytest.mark.parametrize("sparse_dim", (1, 2, 3))
def test_from_dense_and_back(sparse_dim):
    x = torch.randn(3, 4, 2) * (torch.rand(3, 4, 2) > 0.6)
    s = x.to_sparse(sparse_dim)
    assert s.is_coalesced() and s.sparse_dim() == sparse_dim
    assert torch.equal(s.to_dense(), x)
    assert x.to_dense() is x
    with pytest.raises(RuntimeError, match=r"must be in \[0,3\] range, but 4 is given"):
        x.to_sparse(4)


def test_arithmetic():
    (a, wa), (b, wb) = drawn(4, 5, seed=1), drawn(4, 5, seed=2)
    d = np.random.default_rng(3).standard_normal((4, 5))
    t = torch.tensor(d)
    for got, want in (
        (a + b, wa + wb),
        (a.coalesce() + b.coalesce(), wa + wb),
        (a - b, wa - wb),
        (torch.sub(a, b, alpha=3), wa - 3 * wb),
        (a * b, wa * wb),
        (a * 2, wa * 2),
        (2 * a, wa * 2),
        (a / 4, wa / 4),
        (-a, -wa),
        (a * t, wa * d),
        (t * a, wa * d),
        (a * t[0], wa * d[0]),
        (a**2, wa**2),
        (a.abs(), abs(wa)),
        (a.sin(), np.sin(wa)),
        (torch.tanh(a), np.tanh(wa)),
        (a.t(), wa.T),
        (a.transpose(0, 1), wa.T),
        (torch.cat([a, b]), np.concatenate([wa, wb])),
        (torch.cat([a, b], 1), np.concatenate([wa, wb], 1)),
        (a[1], wa[1]),
        (a[:, -2], wa[:, -2]),
        (a.clone(), wa),
        (a.float().double(), wa.astype(np.float32)),
        (torch.zeros_like(a), 0 * wa),
    ):
        assert got.is_sparse
        np.testing.assert_allclose(dense(got), want, atol=1e-12)
    np.testing.assert_allclose((t + a).numpy(), d + wa)
    assert a[0, 1].item() == pytest.approx(wa[0, 1])
    assert a.norm().item() == pytest.approx(np.linalg.norm(wa))
    with pytest.raises(RuntimeError, match=r"Use add\(dense, sparse\) instead"):
        a + t
    with pytest.raises(RuntimeError, match="Sparse division requires a scalar"):
        a / b


def test_in_place():
    (a, wa), (b, wb) = drawn(4, 5, seed=1), drawn(4, 5, seed=2)
    same = a
    a += b
    assert a is same
    a.mul_(2)
    np.testing.assert_allclose(dense(a), 2 * (wa + wb))
    d = torch.ones(4, 5, dtype=torch.float64)
    version = d._version
    d.add_(b, alpha=-2)
    assert d._version > version
    np.testing.assert_allclose(d.numpy(), 1 - 2 * wb)
    a.copy_(b)
    np.testing.assert_allclose(dense(a), wb)
    assert a.zero_() is a and a._nnz() == 0


def test_sums():
    s, w = drawn(3, 4, 2, seed=4)
    assert torch.sparse.sum(s).item() == pytest.approx(w.sum())
    for dim in (0, 1, -1, [0, 2], (1, 2)):
        got = torch.sparse.sum(s, dim)
        assert got.is_sparse
        np.testing.assert_allclose(dense(got), w.sum(tuple(dim) if isinstance(dim, list) else dim))
    assert not torch.sparse.sum(s, [0, 1, 2]).is_sparse
    np.testing.assert_allclose(dense(s.sum(1, keepdim=True)), w.sum(1, keepdims=True))
    m, wm = drawn(3, 4, seed=5, dense_dims=(2,))
    np.testing.assert_allclose(torch.sparse.sum(m, [0, 1]).numpy(), wm.sum((0, 1)))
    np.testing.assert_allclose(dense(torch.sparse.sum(m, 2)), wm.sum(2))


def test_products():
    (a, wa), (b, wb) = drawn(4, 6, seed=6), drawn(6, 5, seed=7)
    d = np.random.default_rng(8).standard_normal((6, 3))
    t = torch.tensor(d)
    for f in (torch.sparse.mm, torch.mm, torch.matmul, lambda x, y: x @ y):
        np.testing.assert_allclose(f(a, t).numpy(), wa @ d)
    np.testing.assert_allclose(torch.mm(t.t(), b).numpy(), d.T @ wb)
    np.testing.assert_allclose((a @ t[:, 0]).numpy(), wa @ d[:, 0])
    both = torch.sparse.mm(a, b)
    assert both.is_sparse and both.is_coalesced()
    np.testing.assert_allclose(dense(both), wa @ wb)
    x = torch.ones(4, 3, dtype=torch.float64)
    np.testing.assert_allclose(torch.sparse.addmm(x, a, t, beta=2, alpha=-1).numpy(), 2 - wa @ d)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        torch.sparse.mm(a, t.t())


def test_a_large_product_is_the_same_for_any_number_of_threads():
    s, _ = drawn(500, 400, share=0.2, seed=9)
    s, t = s.coalesce(), torch.randn(400, 33, dtype=torch.float64)
    before, results = torch.get_num_threads(), []
    try:
        for n in (1, 3):
            torch.set_num_threads(n)
            results.append(torch.sparse.mm(s, t))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*results)
    assert torch.allclose(results[0], s.to_dense() @ t)


@pytest.mark.parametrize("dim", (0, 1))
def test_softmax_over_what_is_there(dim):
    s = make()
    there = dense(s.coalesce()) != 0
    e = np.where(there, np.exp(WHOLE), 0)
    want = e / np.where(there, e.sum(dim, keepdims=True), 1)
    np.testing.assert_allclose(dense(torch.sparse.softmax(s, dim)), want)
    logs = torch.sparse.log_softmax(s, dim)
    np.testing.assert_allclose(np.exp(logs.values().numpy()), torch.sparse.softmax(s, dim).values().numpy())


@pytest.mark.parametrize(
    "f",
    [
        lambda s, d: s.to_dense(),
        lambda s, d: s.coalesce().values(),
        lambda s, d: torch.sparse.mm(s, d),
        lambda s, d: torch.sparse.mm(s, s.t()).to_dense(),
        lambda s, d: torch.sparse.sum(s, 1).to_dense(),
        lambda s, d: (s * s + s).to_dense() * d.sum(),
        lambda s, d: (s * d[:, 0]).to_dense(),
        lambda s, d: torch.sparse.softmax(s, 1).to_dense(),
        lambda s, d: torch.sparse.log_softmax(s, 0).coalesce().values(),
        lambda s, d: torch.sparse.addmm(d[:2], s, d),
        lambda s, d: s.sin().to_dense() + d.t()[:2],
    ],
)
def test_gradients(f):
    v = torch.tensor([3.0, 4.0, -5.0, 1.0], dtype=torch.float64, requires_grad=True)
    d = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    g = lambda v, d: f(torch.sparse_coo_tensor(PLACES, v, (2, 3)), d)
    assert torch.autograd.gradcheck(g, (v, d))
    assert torch.autograd.gradgradcheck(g, (v, d))


def test_gradients_of_sparse_leaves_are_sparse():
    s = make().coalesce().requires_grad_()
    assert s.is_leaf
    torch.sparse.mm(s, torch.ones(3, 2, dtype=torch.float64)).sum().backward()
    assert s.grad.is_sparse and s.grad.indices().tolist() == [[0, 1, 1], [2, 0, 2]]
    assert s.grad.values().tolist() == [2, 2, 2]
    x = torch.tensor([[0.0, 1.0], [2.0, 0.0]], requires_grad=True)
    x.to_sparse().to_dense().mul(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert x.grad.tolist() == [[0, 2], [3, 0]]


def test_embeddings_give_sparse_gradients_that_add_up():
    e = torch.nn.Embedding(5, 2, sparse=True)
    e(torch.tensor([1, 1, 3])).sum().backward()
    g = e.weight.grad
    assert g.is_sparse and not g.is_coalesced() and g.shape == (5, 2) and g._indices().tolist() == [[1, 1, 3]]
    e(torch.tensor([0])).sum().backward()
    assert e.weight.grad._indices().tolist() == [[1, 1, 3, 0]]
    assert e.weight.grad.to_dense()[:, 0].tolist() == [1, 2, 0, 1, 0]
    # A strided gradient joins: the sum is strided.
    (e.weight * 2).sum().backward()
    assert not e.weight.grad.is_sparse and e.weight.grad[:, 0].tolist() == [3, 4, 2, 3, 2]
    e(torch.tensor([4])).sum().backward()
    assert e.weight.grad[:, 0].tolist() == [3, 4, 2, 3, 3]
    padded = torch.nn.Embedding(5, 2, sparse=True, padding_idx=1)
    padded(torch.tensor([[1, 1, 3]])).sum().backward()
    assert padded.weight.grad._indices().tolist() == [[3]]
    often = torch.nn.Embedding(5, 2, sparse=True, scale_grad_by_freq=True)
    with pytest.raises(RuntimeError, match="scale_grad_by_freq not supported with sparse gradients"):
        often(torch.tensor([1])).sum().backward()


def test_bags_give_sparse_gradients():
    bag = torch.nn.EmbeddingBag(5, 2, sparse=True)
    numbers = torch.tensor([[1, 1, 3], [0, 1, 2]])
    bag(numbers).sum().backward()
    assert bag.weight.grad.is_sparse and bag.weight.grad._indices().tolist() == [[1, 1, 3, 0, 1, 2]]
    np.testing.assert_allclose(bag.weight.grad.to_dense()[:, 1].numpy(), [1 / 3, 1, 1 / 3, 1 / 3, 0], rtol=1e-6)
    with pytest.raises(ValueError, match="max mode does not support sparse weights"):
        torch.nn.EmbeddingBag(5, 2, sparse=True, mode="max")(numbers)


@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda p: torch.optim.SGD(p, lr=0.1),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
        lambda p: torch.optim.Adagrad(p, lr=0.1),
    ],
)
def test_optimizers_step_as_with_strided_gradients(make_optimizer):
    start = torch.randn(6, 3)
    tables = []
    for sparse in (True, False):
        e = torch.nn.Embedding(6, 3, sparse=sparse, _weight=start.clone())
        optimizer = make_optimizer(e.parameters())
        for ids in ([1, 3], [3, 3, 0], [5]):
            optimizer.zero_grad()
            e(torch.tensor(ids)).pow(2).sum().backward()
            optimizer.step()
        tables.append(e.weight.detach())
    assert torch.allclose(*tables, atol=1e-6)
    assert torch.equal(tables[0][2], start[2])


def test_optimizers_that_cannot_say_so():
    p = torch.zeros(3, 2, requires_grad=True)
    p.grad = torch.eye(3)[:, :2].to_sparse()
    with pytest.raises(RuntimeError, match="Adam does not support sparse gradients, please consider SparseAdam"):
        torch.optim.Adam([p]).step()
    with pytest.raises(RuntimeError, match="weight_decay option is not compatible with sparse gradients"):
        torch.optim.Adagrad([p], weight_decay=0.1).step()
    torch.optim.SGD([p], lr=1.0).zero_grad(set_to_none=False)
    assert p.grad.is_sparse and p.grad._nnz() == 0


def test_copies_pickles_and_files():
    s = make()
    for again in (copy.deepcopy(s), pickle.loads(pickle.dumps(s))):
        assert again.is_sparse and not again.is_coalesced() and torch.equal(again.to_dense(), s.to_dense())
        assert again._values().data_ptr() != s._values().data_ptr()
    f = io.BytesIO()
    torch.save({"a": s.coalesce(), "p": torch.nn.Parameter(make())}, f)
    f.seek(0)
    got = torch.load(f)
    assert got["a"].is_coalesced() and got["a"].values().tolist() == [4, 4, 5]
    assert isinstance(got["p"], torch.nn.Parameter) and got["p"].is_sparse and got["p"].requires_grad
    assert b"torch._utils\n_rebuild_sparse_tensor" in f.getvalue() and b"torch.serialization\n_get_layout" in f.getvalue()


def test_a_file_whose_places_lie_outside_is_refused():
    from rtorch import _utils

    with pytest.raises(RuntimeError, match="size is inconsistent with indices"):
        _utils._rebuild_sparse_tensor(torch.sparse_coo, (torch.tensor([[9]]), torch.ones(1), (2,), True))


@pytest.mark.parametrize(
    ("what", "error", "text"),
    [
        (lambda s: s.exp(), NotImplementedError, "Could not run 'aten::exp' with arguments from the 'SparseCPU' backend"),
        (lambda s: s.view(3, 2), NotImplementedError, "to_dense"),
        (lambda s: torch.nn.functional.linear(s.float(), torch.ones(1, 3)), NotImplementedError, "SparseCPU"),
        (lambda s: torch.relu_(torch.ones(2)) + s.max(), NotImplementedError, "aten::max"),
        (lambda s: s[0:1], NotImplementedError, "SparseCPU"),
        (lambda s: s.__setitem__(0, 1), NotImplementedError, "index_put_"),
        (lambda s: s.numpy(), TypeError, "can't convert Sparse layout tensor to numpy. Use Tensor.to_dense"),
        (lambda s: np.asarray(s), TypeError, "to_dense"),
        (lambda s: s.tolist(), RuntimeError, "Cannot access data pointer of Tensor that doesn't have storage"),
        (lambda s: bool(s[0, 0].new_ones(()).to_sparse()), NotImplementedError, "has no address"),
        (lambda s: torch.ones(()).to_sparse()[0], IndexError, "0-dim"),
        (lambda s: torch.ones(()).to_sparse().transpose(0, 0), IndexError, "0-dim"),
        (lambda s: s.data_ptr(), RuntimeError, "Cannot access data pointer"),
        (lambda s: s.untyped_storage(), NotImplementedError, "Cannot access storage of SparseTensorImpl"),
        (lambda s: torch.utils.dlpack.to_dlpack(s), BufferError, "layout other than torch.strided"),
        (lambda s: torch.ones(2).indices(), RuntimeError, "indices expected sparse coordinate tensor layout but got Strided"),
        (lambda s: torch.ones(2).is_coalesced(), RuntimeError, "is_coalesced expected sparse coordinate tensor layout"),
    ],
)
def test_what_is_not_for_sparse_tensors_says_so(what, error, text):
    with pytest.raises(error, match=text):
        what(make())


def test_dense_calls_do_not_look_for_sparse_tensors_before_there_is_one():
    code = "import rtorch as t; (t.ones(2) + 1).sum(); import sys; sys.exit('rtorch.sparse' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
