"""Functions of functions (`torch.func`), and the names of the top level that Python alone says."""

import numpy as np
import pytest
import rtorch as torch
from rtorch.func import functional_call, grad, jacrev, vmap

A = torch.arange(6.0).reshape(2, 3)


def test_vmap_of_samples():
    assert vmap(torch.dot)(A, A).tolist() == [5, 50]
    assert vmap(lambda a, b: a * b, in_dims=(1, None), out_dims=1)(A, torch.tensor([1.0, 10.0])).tolist() == [
        [0, 1, 2],
        [30, 40, 50],
    ]
    out = torch.vmap(lambda d: (d["x"].sum(), {"y": d["y"] + 1}), in_dims=({"x": 0, "y": None},))(
        {"x": A, "y": torch.tensor(1.0)}
    )
    assert out[0].tolist() == [3, 12] and out[1]["y"].tolist() == [2, 2]
    assert vmap(lambda a: (a.sum(), 7), out_dims=(0, None))(A)[1] == 7
    assert vmap(vmap(torch.sin))(A).shape == (2, 3)
    assert vmap(lambda x: x * 2)(A[:0]).shape == (0, 3)


def test_vmap_and_gradients():
    x = A.clone().requires_grad_()
    vmap(lambda a: (a**2).sum())(x).sum().backward()
    assert x.grad.tolist() == (2 * A).tolist()
    assert vmap(grad(lambda a: (a**3).sum()))(A).tolist() == (3 * A**2).tolist()
    assert vmap(jacrev(lambda a: a * a))(A).tolist() == torch.diag_embed(2 * A).tolist()
    model = torch.nn.Linear(3, 1)
    params = {k: v.detach() for k, v in model.named_parameters()}
    each = vmap(grad(lambda p, s: functional_call(model, p, (s,)).sum()), in_dims=(None, 0))(params, A)
    assert each["weight"].tolist() == A[:, None].tolist() and each["bias"].tolist() == [[1], [1]]


def test_vmap_and_random_numbers():
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="randomness error mode"):
        vmap(lambda a: a + torch.rand(()))(A)
    assert torch.equal(torch.get_rng_state(), state)
    same = vmap(lambda a: torch.rand(3), randomness="same")(A)
    assert torch.equal(same[0], same[1])
    other = vmap(lambda a: torch.rand(3), randomness="different")(A)
    assert not torch.equal(other[0], other[1])


def test_vmap_refuses():
    for args, kwargs, text in (
        ((A, A.T), {}, r"got sizes \[2, 3\] for the mapped dimension"),
        ((), {}, "got no inputs"),
        ((3,), {}, "cannot vmap over"),
        ((A,), {"in_dims": (0, 0)}, "in_dims is not compatible"),
        ((A,), {"in_dims": 2}, "expected in_dim to satisfy -2 <= in_dim < 2"),
        ((A,), {"in_dims": (None,)}, "at least one Tensor"),
    ):
        with pytest.raises(ValueError, match=text):
            vmap(lambda *a: a[0], **kwargs)(*args)
    with pytest.raises(ValueError, match="must only return Tensors"):
        vmap(lambda a: 1.0)(A)


def test_einsum_with_numbers_for_letters():
    b = torch.arange(12.0).reshape(3, 4)
    assert torch.equal(torch.einsum(A, [0, 1], b, [1, 2], [0, 2]), A @ b)
    assert torch.equal(torch.einsum(A, [..., 0], [0, ...]), A.T)
    with pytest.raises(ValueError, match=r"in \[0, 52\)"):
        torch.einsum(A, [0, 60])


def test_histograms():
    hist, edges = torch.histogram(torch.tensor([1.0, 2, 1]), 4, range=(0.0, 3.0), weight=torch.tensor([1.0, 2, 4]))
    assert hist.tolist() == [0, 5, 2, 0] and edges.tolist() == [0, 0.75, 1.5, 2.25, 3]
    points = np.random.default_rng(0).normal(size=(50, 2))
    for density in (False, True):
        got = torch.histogramdd(torch.from_numpy(points), [3, 4], density=density)
        want, sides = np.histogramdd(points, [3, 4], density=density)
        assert np.allclose(got.hist.numpy(), want) and all(np.allclose(a, b) for a, b in zip(got.bin_edges, sides))
    given = torch.tensor([0.0, 1.0, 5.0])
    assert torch.tensor([0.0, 1.0, 5.0, 6.0, -1.0]).histogram(given).hist.tolist() == [1, 2]


def test_pdist():
    x = torch.tensor([[0.0, 0], [3, 4], [0, 0]], requires_grad=True)
    d = torch.nn.functional.pdist(x)
    assert d.tolist() == [5, 0, 5]
    d.sum().backward()
    assert torch.allclose(x.grad, torch.tensor([[-0.6, -0.8], [1.2, 1.6], [-0.6, -0.8]]))


def test_asarray_and_range():
    a = np.ones(3, dtype=np.float32)
    torch.asarray(a)[0] = 5
    assert a[0] == 5 and torch.asarray(a, copy=True).data_ptr() != torch.asarray(a).data_ptr()
    x = torch.ones(2, requires_grad=True)
    assert not torch.asarray(x).requires_grad and torch.asarray([1.0], requires_grad=True).is_leaf
    with pytest.raises(ValueError, match="can't alias"):
        torch.asarray(a, dtype=torch.int32, copy=False)
    with pytest.warns(UserWarning, match="deprecated"):
        assert torch.range(0, 1, 0.25).tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_python_for_each_element():
    assert torch.tensor([1.0, 2]).apply_(lambda v: v + 1).tolist() == [2, 3]
    assert torch.ones(2).map_(torch.tensor([3.0, 4]), lambda a, b: a + b).tolist() == [4, 5]
    with pytest.raises(RuntimeError, match="requires grad"):
        torch.ones(1, requires_grad=True).apply_(abs)
    with pytest.raises(RuntimeError, match="more than one value"):
        torch.is_nonzero(torch.ones(2))


def test_numpy_where_nothing_is_recorded():
    p = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="requires grad"):
        p.numpy()
    with torch.no_grad():
        assert p.numpy().tolist() == [1, 1]


def test_grad_takes_only_inputs():
    x = torch.ones(2, requires_grad=True)
    assert torch.autograd.grad((x * 2).sum(), x, only_inputs=True)[0].tolist() == [2, 2]
    with pytest.warns(FutureWarning, match="only_inputs"):
        torch.autograd.grad((x * 2).sum(), x, only_inputs=False)


def test_words_of_messages():
    with pytest.raises(AttributeError, match="^'Tensor' object has no attribute 'foo'$"):
        A.foo
    assert str(torch.Tensor) == "<class 'torch.Tensor'>"
    nn = torch.nn
    with pytest.raises(TypeError, match=r"torch.nn.modules.activation.ReLU is not a Module subclass"):
        nn.Sequential(nn.ReLU)
    with pytest.raises(RuntimeError, match=r'(?s)Missing key\(s\) in state_dict: "bias".*Unexpected key.*"foo"'):
        nn.Linear(2, 2).load_state_dict({"weight": torch.ones(2, 2), "foo": torch.ones(1)})


def test_hooks_on_saved_tensors_do_not_record():
    x = torch.ones(2, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy(), torch.from_numpy):
        y = (x**2).sum()
        y.backward()
    assert x.grad.tolist() == [2, 2]


def test_lists_of_tensors():
    a = [torch.ones(2), torch.zeros(1)]
    assert [t.tolist() for t in torch._foreach_mul(a, [2.0, 3.0])] == [[2, 2], [0]]
    assert [t.tolist() for t in torch._foreach_addcmul(a, a, a, value=0.5)] == [[1.5, 1.5], [0]]
    assert torch._foreach_add_(a, a, alpha=2) is None and a[0].tolist() == [3, 3]
    torch._foreach_maximum_(a, 2.0)
    assert [n.item() for n in torch._foreach_norm(a, 1)] == [6, 2]
    with pytest.raises(RuntimeError, match="do not belong together"):
        torch._foreach_add(a, [1.0])
    with pytest.raises(AttributeError):
        torch._foreach_nothing
    assert torch.typename(a[0]) == "torch.FloatTensor"


def test_module_compile_checks_its_options():
    m = torch.nn.Linear(2, 2)
    assert m.compile(mode="reduce-overhead") is None and m(torch.ones(1, 2)).shape == (1, 2)
    with pytest.raises(RuntimeError):
        m.compile(mode="no such mode")


def test_frozen_modules_are_copies_without_gradients():
    m = torch.jit.script(torch.nn.Sequential(torch.nn.Linear(2, 2)).eval())
    frozen = torch.jit.freeze(m)
    x = torch.ones(1, 2)
    assert torch.equal(frozen(x), m(x)) and m(x).requires_grad and not frozen(x).requires_grad
    assert "CPU capability" in torch.__config__.show() and "get_num_threads" in torch.__config__.parallel_info()


def test_linearize_runs_the_function_once():
    runs = []

    def f(x, y):
        runs.append(1)
        return torch.sin(x) * y, {"s": x.sum()}

    x, y = torch.tensor([0.5, 1.0], dtype=torch.float64), torch.tensor([2.0, 3.0], dtype=torch.float64)
    value, along = torch.func.linearize(f, x, y)
    a, b = torch.tensor([1.0, -1.0], dtype=torch.float64), torch.tensor([0.0, 2.0], dtype=torch.float64)
    first = along(a, b)
    assert torch.allclose(first[0], torch.cos(x) * y * a + torch.sin(x) * b) and first[1]["s"] == 0.0
    assert torch.allclose(along(a, 0 * b)[0], torch.cos(x) * y * a)
    assert len(runs) == 1 and torch.equal(value[0], torch.sin(x) * y) and not first[0].requires_grad
    with pytest.raises(RuntimeError, match="tangent:0 with shape"):
        along(a[:1], b)
