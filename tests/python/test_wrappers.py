"""torch.compile, torch.jit, torch.hub, torch.func, loss scaling, benchmarks: what wraps functions and modules."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import rtorch as torch
from rtorch import nn
from rtorch.utils import benchmark

X = torch.arange(6.0).reshape(2, 3) / 3


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.scale = 2.0

    def forward(self, x, k=1):
        return self.fc(x).relu() * self.scale * k

    def other(self):
        return "other"


def test_compile_keeps_values_and_takes_its_forms():
    @torch.compile
    def f(x, y=1):
        return x.sin() + y

    @torch.compile(mode="max-autotune", dynamic=True, fullgraph=True)
    def g(x):
        return x * 2

    assert torch.equal(f(X, y=2), X.sin() + 2) and torch.equal(g(X), X * 2) and f.__name__ == "f"
    net = Net()
    opt = torch.compile(net)
    assert isinstance(opt, torch.compiler.OptimizedModule) and opt._orig_mod is net and opt.other() == "other"
    assert torch.equal(opt(X, k=3), net(X, k=3)) and opt.fc is net.fc
    assert sorted(opt.state_dict()) == ["_orig_mod.fc.bias", "_orig_mod.fc.weight"]
    opt.scale = 5.0
    assert net.scale == 5.0 and not opt.eval().training and not net.training
    assert torch.equal(pickle.loads(pickle.dumps(opt))(X), net(X))
    with pytest.raises(RuntimeError, match="Unrecognized mode=fast"):
        torch.compile(net, mode="fast")
    with pytest.raises(RuntimeError, match="Either mode or options can be specified"):
        torch.compile(net, mode="default", options={})
    with pytest.raises(NotImplementedError, match="a graph of torch.fx"):
        torch.compile(net, backend=lambda gm, inputs: gm)
    assert not torch.compiler.is_compiling() and torch.compiler.disable(f) is f


def test_compile_says_so_when_asked():
    code = "import rtorch as t\nf = t.compile(lambda x: x + 1)\nf(t.ones(1)); f(t.ones(1))"
    out = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "RTORCH_COMPILE_LOG": "1"}, capture_output=True, text=True
    )
    assert out.stderr.count("runs eagerly") == 1, out.stderr


def test_scripted_and_traced_modules_behave_as_themselves(tmp_path):
    net = Net()
    for make in (lambda: torch.jit.script(net), lambda: torch.jit.trace(net, X)):
        m = make()
        assert isinstance(m, torch.jit.ScriptModule) and torch.equal(m(X), net(X))
        assert list(m.state_dict()) == list(net.state_dict()) and m.scale == 2.0 and m.original_name == "Net"
        m.eval()
        assert not net.training
        m.save(tmp_path / "m.pt")
        again = torch.jit.load(tmp_path / "m.pt")
        assert torch.equal(again(X), net(X))
        net.train()

    @torch.jit.script
    def f(x):
        if bool(x.sum() > 0):
            return x
        return -x

    assert torch.equal(f(X), X) and torch.equal(f(-X), X)
    assert not torch.jit.is_scripting() and torch.jit.unused(f) is f and torch.jit.ignore(drop=True)(f) is f
    assert torch.jit.isinstance([1, 2], list[int]) and not torch.jit.isinstance([1, "a"], list[int])
    assert torch.jit.wait(torch.jit.fork(f, X)) is X
    torch.save(net.state_dict(), tmp_path / "s.pt")
    with pytest.raises(RuntimeError, match="was not written by torch.jit.save"):
        torch.jit.load(tmp_path / "s.pt")


def test_hub_loads_from_folders(tmp_path):
    (tmp_path / "hubconf.py").write_text(
        "dependencies = ['math']\nfrom helper_of_hub import size\ndef tiny(n=1):\n    'A tiny model.'\n    return size * n\n"
    )
    (tmp_path / "helper_of_hub.py").write_text("size = 7\n")
    assert torch.hub.load(str(tmp_path), "tiny", source="local", n=3) == 21
    assert "tiny" in torch.hub.list(str(tmp_path)) and torch.hub.help(str(tmp_path), "tiny") == "A tiny model."
    with pytest.raises(RuntimeError, match="Cannot find callable no in hubconf"):
        torch.hub.load(str(tmp_path), "no", source="local")
    with pytest.raises(RuntimeError, match="rtorch does not download repositories"):
        torch.hub.load("a/b", "tiny")
    source = tmp_path / "w.pt"
    torch.save({"a": X}, source)
    got = torch.hub.load_state_dict_from_url(source.as_uri(), model_dir=str(tmp_path / "kept"), progress=False)
    assert torch.equal(got["a"], X) and (tmp_path / "kept" / "w.pt").exists()
    with pytest.raises(RuntimeError, match="invalid hash value"):
        torch.hub.download_url_to_file(source.as_uri(), str(tmp_path / "x"), hash_prefix="00000000", progress=False)
    assert not (tmp_path / "x").exists()


def test_gradients_of_functions():
    w = torch.arange(9.0).reshape(3, 3) / 7
    x = torch.tensor([0.3, -1.0, 2.0])
    F = torch.func

    def f(v):
        return (v.sin() * (w @ v).exp()).sum()

    g = F.grad(f)(x)
    e = (w @ x).exp()
    np.testing.assert_allclose(g, x.cos() * e + w.T @ (x.sin() * e), rtol=1e-5)
    assert not g.requires_grad
    np.testing.assert_allclose(F.hessian(f)(x), torch.autograd.functional.hessian(f, x), rtol=1e-4, atol=1e-5)
    J = w * x.cos()
    _, vjp = F.vjp(lambda v: w @ v.sin(), x)
    (got,) = vjp(torch.ones(3))
    np.testing.assert_allclose(got, J.sum(0), rtol=1e-5)
    np.testing.assert_allclose(F.jvp(lambda v: w @ v.sin(), (x,), (torch.ones(3),))[1], J.sum(1), rtol=1e-5, atol=1e-6)
    for jacobian in (F.jacrev, F.jacfwd):
        np.testing.assert_allclose(jacobian(lambda v: w @ v.sin())(x), J, rtol=1e-5, atol=1e-6)
    # the caller's own graph goes through
    z = x.clone().requires_grad_()
    F.grad(lambda v: (v**3).sum())(z).sum().backward()
    np.testing.assert_allclose(z.grad, 6 * x, rtol=1e-5)
    k = torch.ones(3, requires_grad=True)
    F.grad(lambda v: (v * k * v).sum())(x).sum().backward()
    np.testing.assert_allclose(k.grad, 2 * x)
    grads, (_, aux) = F.grad_and_value(lambda d: ((d["a"] ** 2).sum(), "aux"), has_aux=True)({"a": x})
    assert torch.equal(grads["a"], 2 * x) and aux == "aux"
    with pytest.raises(RuntimeError, match="to return a scalar Tensor, got tensor with 1 dims"):
        F.grad(lambda v: v)(x)
    params, buffers = F.stack_module_state([Net(), Net()])
    assert params["fc.weight"].shape == (2, 2, 3) and not buffers


def test_loss_scaling():
    p = nn.Parameter(torch.ones(2))
    opt = torch.optim.SGD([p], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    for factor, want_p, want_scale in [(0.5, 0.5, 8.0), (0.5, 0.0, 16.0), (float("inf"), 0.0, 8.0), (1.0, -1.0, 8.0)]:
        opt.zero_grad()
        scaler.scale((p * factor).sum()).backward()
        scaler.unscale_(opt)
        scaler.step(opt)
        scaler.update()
        assert p[0].item() == want_p and scaler.get_scale() == want_scale
    state = scaler.state_dict()
    assert state == {
        "scale": 8.0,
        "growth_factor": 2.0,
        "backoff_factor": 0.5,
        "growth_interval": 2,
        "_growth_tracker": 1,
    }
    other = torch.amp.GradScaler("cpu")
    other.load_state_dict(state)
    assert pickle.loads(pickle.dumps(other)).state_dict() == state
    scaler.scale(p.sum()).backward()
    scaler.unscale_(opt)
    with pytest.raises(
        RuntimeError, match=r"unscale_\(\) has already been called on this optimizer since the last update"
    ):
        scaler.unscale_(opt)
    scaler.step(opt)
    with pytest.raises(RuntimeError, match=r"step\(\) has already been called since the last update"):
        scaler.step(opt)
    with pytest.warns(UserWarning, match="CUDA is not available.  Disabling."):
        off = torch.amp.GradScaler()
    assert off.scale(X) is X and off.get_scale() == 1.0 and off.state_dict() == {}


def test_benchmark_times_statements():
    seen = []
    timer = benchmark.Timer(
        "seen.append(torch.get_num_threads())",
        globals={"seen": seen},
        num_threads=1,
        label="L",
        sub_label="s",
        description="d",
    )
    m = timer.timeit(10)
    assert m.number_per_run == 10 and 0 < m.median < 0.1 and set(seen) == {1} and m.title == "L: s"
    m = timer.blocked_autorange(min_run_time=0.01)
    assert len(m.times) >= 1 and m.mean > 0 and "measurement" in repr(m)
    table = str(benchmark.Compare([m, benchmark.Timer("pass", label="L", sub_label="t", description="d").timeit(10)]))
    assert "[---- L ----]" in table and "Times are in" in table


def test_devices_that_are_not_there_and_attention_backends():
    assert not torch.accelerator.is_available() and torch.accelerator.current_accelerator() is None
    assert torch.xpu.device_count() == 0
    backends = torch.nn.attention.SDPBackend
    q = torch.randn(1, 1, 3, 4)
    with torch.nn.attention.sdpa_kernel([backends.MATH, backends.FLASH_ATTENTION]):
        out = torch.nn.functional.scaled_dot_product_attention(q, q, q)
    assert torch.equal(out, torch.nn.functional.scaled_dot_product_attention(q, q, q))
    with pytest.raises(AssertionError, match="Backend must be an instance of SDPBackend"), torch.nn.attention.sdpa_kernel("math"):
        pass
