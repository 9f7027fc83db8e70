"""torch.nn.utils beyond clipping and packing: parametrizations, weight and spectral norm, pruning, fusion, calls with
other parameters; averaged models. Figures are PyTorch 2.13's where nothing else stands."""

import copy
import warnings

import numpy as np
import pytest
import rtorch as torch
from rtorch import nn
from rtorch.nn.utils import parametrizations, parametrize, prune, stateless
from rtorch.optim import swa_utils

X = torch.arange(6.0).reshape(2, 3) / 3


def linear(n=4):
    torch.manual_seed(0)
    return nn.Linear(3, n)


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).T

    def right_inverse(self, a):
        return a.triu()


def test_a_parametrized_tensor_is_computed_when_read():
    m = nn.Linear(3, 3)
    before = m.weight.detach().clone()
    original = m.weight
    parametrize.register_parametrization(m, "weight", Symmetric())
    assert type(m).__name__ == "ParametrizedLinear" and parametrize.is_parametrized(m, "weight")
    assert parametrize.type_before_parametrizations(m) is nn.Linear
    assert torch.equal(m.weight, before.triu() + before.triu(1).T) and m.weight is not m.weight
    with parametrize.cached():
        assert m.weight is m.weight
    assert m.parametrizations.weight.original is original
    assert [n for n, _ in m.named_parameters()] == ["bias", "parametrizations.weight.original"]
    m.weight = torch.eye(3) * 2
    assert torch.equal(m.weight, torch.eye(3) * 2)
    m(X).sum().backward()
    assert original.grad is not None
    assert torch.equal(copy.deepcopy(m).weight, m.weight)
    parametrize.remove_parametrizations(m, "weight")
    assert type(m) is nn.Linear and m.weight is original and torch.equal(m.weight, torch.eye(3) * 2)


def test_parametrizations_that_do_not_fit():
    class Cut(nn.Module):
        def forward(self, x):
            return x[:1]

    with pytest.raises(ValueError, match="Registering a parametrization may not change the shape of the tensor"):
        parametrize.register_parametrization(nn.Linear(3, 3), "weight", Cut())
    m = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Cut(), unsafe=True)
    assert m.weight.shape == (1, 3)
    with pytest.raises(
        ValueError, match="does not have a parameter, a buffer, or a parametrized element with name 'no'"
    ):
        parametrize.register_parametrization(nn.Linear(3, 3), "no", Cut())
    with pytest.raises(ValueError, match="does not have a parametrization on weight"):
        parametrize.remove_parametrizations(nn.Linear(3, 3), "weight")


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_keeps_the_weight_and_splits_its_gradient(dim):
    plain, new, old = linear(), linear(), linear()
    parametrizations.weight_norm(new, dim=dim)
    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter("always")
        nn.utils.weight_norm(old, dim=dim)
    assert "deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`" in str(w[0].message)
    for m in (new, old):
        np.testing.assert_allclose(m(X).detach(), plain(X).detach(), rtol=1e-5, atol=1e-6)
        m(X).pow(2).sum().backward()
    g, v = new.parametrizations.weight.original0, new.parametrizations.weight.original1
    np.testing.assert_allclose(g.grad, old.weight_g.grad, rtol=1e-5)
    # the direction's gradient is orthogonal to it: only its angle matters
    over = (0, 1) if dim is None else 1 - dim
    assert np.abs((v.grad * v.detach()).sum(over).numpy()).max() < 1e-5
    assert g.shape == {0: (4, 1), 1: (1, 3), None: ()}[dim]
    new.load_state_dict(old.state_dict())
    nn.utils.remove_weight_norm(old)
    parametrize.remove_parametrizations(new, "weight")
    np.testing.assert_allclose(new.weight.detach(), old.weight.detach(), rtol=1e-6)
    assert sorted(dict(old.named_parameters())) == ["bias", "weight"]


def test_spectral_norm_divides_by_the_largest_singular_value():
    for make in (parametrizations.spectral_norm, nn.utils.spectral_norm):
        m = make(linear(), n_power_iterations=20)
        m(X).sum().backward()
        assert np.linalg.svd(m.weight.detach().numpy())[1][0] == pytest.approx(1, abs=1e-4)
        m.eval()
        u = [b.clone() for b in m.buffers()]
        m(X)
        assert all(torch.equal(a, b) for a, b in zip(u, m.buffers()))
    nn.utils.remove_spectral_norm(m)
    assert sorted(m.state_dict()) == ["bias", "weight"]
    m = parametrizations.spectral_norm(linear())
    np.testing.assert_allclose(m.parametrizations.weight[0]._u, [0.69247, -0.50867, 0.51038, -0.03536], atol=2e-4)


def test_pruning():
    m = linear()
    w = m.weight.detach().clone()
    prune.l1_unstructured(m, "weight", 5)
    kept = w.abs().flatten().argsort()[5:]
    assert m.weight_mask.sum() == 7 and m.weight_mask.flatten()[kept].all() and prune.is_pruned(m)
    prune.ln_structured(m, "weight", 1, n=2, dim=0)
    lost = int((w * (m.weight_mask != 0)).norm(dim=1).argmin())
    assert (m.weight_mask[lost] == 0).all()
    m(X).sum().backward()
    assert torch.equal(m.weight_orig.grad == 0, m.weight_mask == 0)
    prune.remove(m, "weight")
    assert not prune.is_pruned(m) and sorted(m.state_dict()) == ["bias", "weight"]
    net = nn.Sequential(linear(), nn.Linear(4, 2))
    prune.global_unstructured([(net[0], "weight"), (net[1], "weight")], prune.L1Unstructured, amount=0.4)
    assert sum(int((b == 0).sum()) for b in net.buffers()) == 8
    torch.manual_seed(1)
    m = prune.random_unstructured(linear(), "weight", 0.5)
    assert m.weight_mask.sum() == 6
    with pytest.raises(ValueError, match="amount=100 should be smaller than the number of parameters to prune=12"):
        prune.l1_unstructured(linear(), "weight", 100)
    with pytest.raises(
        ValueError, match="Parameter 'weight' of module .* has to be pruned before pruning can be removed"
    ):
        prune.remove(linear(), "weight")


def test_fused_batch_norm_gives_the_same():
    torch.manual_seed(0)
    for layer, norm, fuse, x in (
        (nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.utils.fuse_conv_bn_eval, torch.randn(4, 2, 5, 5)),
        (nn.Linear(3, 4), nn.BatchNorm1d(4), nn.utils.fuse_linear_bn_eval, torch.randn(5, 3)),
    ):
        norm(layer(x))
        norm.weight.data.uniform_(0.5, 2)
        layer.eval(), norm.eval()
        np.testing.assert_allclose(fuse(layer, norm)(x).detach(), norm(layer(x)).detach(), rtol=1e-4, atol=1e-5)
        with pytest.raises(AssertionError, match="Fusion only for eval!"):
            fuse(layer.train(), norm)


def test_calls_with_other_parameters():
    m = nn.Sequential(linear(), nn.BatchNorm1d(4))
    w = torch.ones(4, 3, requires_grad=True)
    mine = m[0].weight
    y = torch.func.functional_call(m, {"0.weight": w}, (X,))
    y[0].pow(2).sum().backward()
    assert w.grad is not None and mine.grad is None and m[0].weight is mine
    with pytest.raises(RuntimeError, match="Missing key.s.: 'bias'."):
        stateless._functional_call(linear(), {"weight": w}, (X,), strict=True)

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(self.a(x))

    two = {"a.weight": torch.eye(2) * 2}
    assert torch.func.functional_call(Tied(), two, torch.ones(1, 2)).tolist() == [[4.0, 4.0]]
    with pytest.raises(ValueError, match="functional_call got multiple values for keys"):
        torch.func.functional_call(Tied(), {**two, "b.weight": torch.eye(2)}, torch.ones(1, 2))
    assert nn.utils.skip_init(nn.Linear, 3, 4).weight.shape == (4, 3)


def test_averages_of_weights():
    m = linear()
    mean, moving = (
        swa_utils.AveragedModel(m),
        swa_utils.AveragedModel(m, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.9)),
    )
    seen, ema = [], None
    for i in range(4):
        m.weight.data.fill_(float(i))
        mean.update_parameters(m)
        moving.update_parameters(m)
        seen.append(i)
        ema = i if ema is None else 0.9 * ema + 0.1 * i
    assert mean.module.weight[0, 0].item() == pytest.approx(np.mean(seen)) and mean.n_averaged == 4
    assert moving.module.weight[0, 0].item() == pytest.approx(ema)
    net = nn.Sequential(nn.BatchNorm1d(3))
    swa_utils.update_bn([X, X + 1], net)
    np.testing.assert_allclose(net[0].running_mean, (X.mean(0) + (X + 1).mean(0)) / 2, rtol=1e-6)
    opt = torch.optim.SGD(m.parameters(), lr=0.1)
    schedule, rates = swa_utils.SWALR(opt, 0.05, anneal_epochs=4, anneal_strategy="linear"), []
    for _ in range(6):
        opt.step()
        schedule.step()
        rates.append(opt.param_groups[0]["lr"])
    np.testing.assert_allclose(rates, [0.0875, 0.075, 0.0625, 0.05, 0.05, 0.05])


@pytest.mark.parametrize("name", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (2, 3, 5)])
@pytest.mark.parametrize("trivial", [True, False])
def test_orthogonal_stays_orthogonal(name, shape, trivial):
    torch.manual_seed(0)
    m = nn.Module()
    m.weight = nn.Parameter(torch.randn(shape, dtype=torch.float64))
    parametrizations.orthogonal(m, "weight", name, use_trivialization=trivial)
    assert ("parametrizations.weight.0.base" in m.state_dict()) == trivial
    n, k = max(shape[-2:]), min(shape[-2:])

    def columns():
        return m.weight.mT if shape[-2] < shape[-1] else m.weight

    unit = torch.eye(k, dtype=torch.float64).expand(*shape[:-2], k, k)
    for _ in range(3):
        assert torch.allclose(columns().mT @ columns(), unit)
        target = torch.ones(shape, dtype=torch.float64)
        loss = ((m.weight - target) ** 2).sum()
        (g,) = torch.autograd.grad(loss, m.parametrizations.weight.original)
        with torch.no_grad():
            m.parametrizations.weight.original.sub_(0.01 * g)
            assert ((m.weight - target) ** 2).sum() < loss
    if trivial or name == "householder":
        q = torch.linalg.qr(torch.randn(*shape[:-2], n, k, dtype=torch.float64))[0]
        m.weight = q.mT if shape[-2] < shape[-1] else q
        assert torch.allclose(columns(), q)
    else:
        with pytest.raises(NotImplementedError, match="use_trivialization=False"):
            m.weight = torch.ones(shape, dtype=torch.float64)


def test_orthogonal_of_what_it_does_not_fit():
    with pytest.raises(ValueError, match="orthogonal_map has to be one of"):
        parametrizations.orthogonal(nn.Linear(3, 3), orthogonal_map="qr")
    with pytest.raises(ValueError, match="Got a tensor of 1 dimensions"):
        parametrizations.orthogonal(nn.Linear(3, 3), "bias")
    m = nn.Linear(2, 2).to(torch.complex128)
    with pytest.raises(ValueError, match="does not support complex"):
        parametrizations.orthogonal(m, orthogonal_map="householder")
