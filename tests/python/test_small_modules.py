"""What modules and optimizers do through the extension: attributes, zeroed and clipped gradients, state dicts."""

import numpy as np
import pytest
import rtorch as torch
from rtorch import nn


def test_attributes_of_modules():
    m = nn.Linear(2, 3)
    m.register_buffer("running", torch.zeros(1))
    m.inner = nn.ReLU()
    assert m.weight is m._parameters["weight"] and m.running is m._buffers["running"]
    assert m.inner is m._modules["inner"] and getattr(m, "nothing", 5) == 5
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'") as e:
        m.wieght
    assert e.value.name == "wieght" and e.value.obj is m

    class Falls(nn.Module):
        def __getattr__(self, name):
            return name.upper() if name.startswith("x") else super().__getattr__(name)

    f = Falls()
    f.weight = nn.Parameter(torch.ones(1))
    assert f.xyz == "XYZ" and f.weight.item() == 1
    with pytest.raises(AttributeError):
        f.other
    with pytest.raises(KeyError, match="already exists"):
        m.register_parameter("running", None)
    with pytest.raises(KeyError, match="already exists"):
        m.register_buffer("forward", torch.zeros(1))
    m.count = 3
    m.weight = None
    assert m.count == 3 and m._parameters["weight"] is None


def test_zero_grad_keeps_memory_and_drops_history():
    p = torch.ones(3, requires_grad=True)
    (p**3).sum().backward(create_graph=True)
    g = p.grad
    assert g.grad_fn is not None
    torch.optim.SGD([p, torch.ones(1, requires_grad=True)], lr=1).zero_grad(set_to_none=False)
    assert p.grad is g and g.tolist() == [0, 0, 0] and g.grad_fn is None and not g.requires_grad
    m = nn.Linear(2, 2)
    m(torch.ones(1, 2)).sum().backward()
    g = m.weight.grad
    m.zero_grad(set_to_none=False)
    assert m.weight.grad is g and g.abs().sum() == 0
    m.zero_grad()
    assert m.weight.grad is None


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0, float("inf")])
def test_clip_grad_norm(order):
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(s) for s in ((3, 4), (5,), ())]
    ps = [torch.zeros(v.shape, dtype=torch.float64, requires_grad=True) for v in values]
    for p, v in zip(ps, values):
        p.grad = torch.tensor(v)
    total = nn.utils.clip_grad_norm_(ps, 0.5, norm_type=order)
    flat = np.concatenate([v.ravel() for v in values])
    norm = np.linalg.norm(flat, order)
    assert total.item() == pytest.approx(norm)
    for p, v in zip(ps, values):
        np.testing.assert_allclose(p.grad.numpy(), v * min(1, 0.5 / (norm + 1e-6)), rtol=1e-12)
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0


def test_state_dict_asks_those_who_have_their_own():
    class Own(nn.Module):
        def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
            destination[prefix + "own"] = 1
            return destination

    class Saves(nn.Linear):
        def _save_to_state_dict(self, destination, prefix, keep_vars):
            super()._save_to_state_dict(destination, prefix, keep_vars)
            destination[prefix + "more"] = 2

    m = nn.Sequential(nn.Linear(1, 1), Own(), Saves(1, 1, bias=False))
    seen = []
    m[0].register_state_dict_post_hook(lambda module, state, prefix, meta: seen.append(prefix))
    state = m.state_dict()
    assert list(state) == ["0.weight", "0.bias", "1.own", "2.weight", "2.more"] and seen == ["0."]
    assert list(state._metadata) == ["", "0", "2"]
    assert state["0.weight"] is not m[0].weight and m.state_dict(keep_vars=True)["0.weight"] is m[0].weight
