# Optimizers against their formulas in NumPy; groups, state dicts, hooks, errors; learning rate schedules.
import copy
import math
import warnings

import numpy as np
import pytest
import rtorch
from rtorch import nn, optim
from rtorch.optim import lr_scheduler

START = np.array([1.0, -2.0, 0.5])


def run(make, formula, steps=6, **kw):
    """The parameter after some steps, by the optimizer and by a formula (p, g, state, t) -> p."""
    p = nn.Parameter(rtorch.tensor(START, dtype=rtorch.float64))
    opt = make([p], **kw)
    want, state = START.copy(), {}
    for t in range(1, steps + 1):
        g = np.cos(want * t)
        p.grad = rtorch.tensor(g)
        opt.step()
        want = formula(want, g, state, t)
        np.testing.assert_allclose(p.detach().numpy(), want, rtol=1e-9, atol=1e-12)
    return opt


def sgd(lr, momentum=0.0, dampening=0.0, decay=0.0, nesterov=False):
    def f(p, g, s, t):
        g = g + decay * p
        if momentum:
            s["v"] = g if t == 1 else momentum * s["v"] + (1 - dampening) * g
            g = g + momentum * s["v"] if nesterov else s["v"]
        return p - lr * g

    return f


def adam(lr, b1=0.9, b2=0.999, eps=1e-8, decay=0.0, decoupled=False, amsgrad=False):
    def f(p, g, s, t):
        if decoupled:
            p = p * (1 - lr * decay)
        else:
            g = g + decay * p
        s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
        s["v"] = b2 * s.get("v", 0) + (1 - b2) * g * g
        s["top"] = np.maximum(s.get("top", 0), s["v"])
        v = s["top"] if amsgrad else s["v"]
        return p - lr / (1 - b1**t) * s["m"] / (np.sqrt(v) / math.sqrt(1 - b2**t) + eps)

    return f


@pytest.mark.parametrize("way", [{}, {"foreach": True}, {"fused": False}])
def test_sgd(way):
    run(optim.SGD, sgd(0.1), lr=0.1, **way)
    run(optim.SGD, sgd(0.1, 0.9, 0.5, 0.01), lr=0.1, momentum=0.9, dampening=0.5, weight_decay=0.01, **way)
    run(optim.SGD, sgd(0.1, 0.9, nesterov=True), lr=0.1, momentum=0.9, nesterov=True, **way)


@pytest.mark.parametrize("way", [{}, {"foreach": True}, {"fused": False}])
def test_adam_and_adamw(way):
    run(optim.Adam, adam(0.1), lr=0.1, **way)
    run(optim.Adam, adam(0.1, decay=0.2, amsgrad=True), lr=0.1, weight_decay=0.2, amsgrad=True, **way)
    run(optim.AdamW, adam(0.1, 0.8, 0.9, decay=0.2, decoupled=True), lr=0.1, betas=(0.8, 0.9), weight_decay=0.2, **way)


def test_rmsprop_adagrad_adadelta():
    def rms(p, g, s, t):
        s["v"] = 0.9 * s.get("v", 0) + 0.1 * g * g
        return p - 0.01 * g / (np.sqrt(s["v"]) + 1e-8)

    def ada(p, g, s, t):
        s["v"] = s.get("v", 0.1) + g * g
        return p - 0.5 / (1 + (t - 1) * 0.1) * g / (np.sqrt(s["v"]) + 1e-10)

    def delta(p, g, s, t):
        s["v"] = 0.9 * s.get("v", 0) + 0.1 * g * g
        d = np.sqrt(s.get("u", 0) + 1e-6) / np.sqrt(s["v"] + 1e-6) * g
        s["u"] = 0.9 * s.get("u", 0) + 0.1 * d * d
        return p - d

    run(optim.RMSprop, rms, alpha=0.9)
    run(optim.Adagrad, ada, lr=0.5, lr_decay=0.1, initial_accumulator_value=0.1)
    run(optim.Adadelta, delta)


def test_adamax_and_rprop():
    def amax(p, g, s, t):
        s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
        s["u"] = np.maximum(0.999 * s.get("u", 0), np.abs(g) + 1e-8)
        return p - 0.002 / (1 - 0.9**t) * s["m"] / s["u"]

    def rprop(p, g, s, t):
        sign = np.sign(g * s.get("before", 0))
        s["size"] = np.clip(s.get("size", 0.01) * np.where(sign > 0, 1.2, np.where(sign < 0, 0.5, 1.0)), 1e-6, 50)
        g = np.where(sign < 0, 0, g)
        s["before"] = g
        return p - np.sign(g) * s["size"]

    run(optim.Adamax, amax)
    run(optim.Rprop, rprop)


@pytest.mark.parametrize("name", ["NAdam", "RAdam", "ASGD", "Adafactor", "RMSprop", "Adam", "SGD", "AdamW", "Adagrad"])
def test_each_goes_downhill_and_resumes(name):
    def fresh():
        w = nn.Parameter(rtorch.tensor([[1.0, -2.0], [0.5, 3.0]]))
        return w, getattr(optim, name)([w], lr=0.05)

    def train(w, opt, n):
        for _ in range(n):
            opt.zero_grad()
            loss = (w**2).sum()
            loss.backward()
            opt.step()
        return loss.item()

    w, opt = fresh()
    before = (w**2).sum().item()
    assert train(w, opt, 10) < before
    twin, other = fresh()
    with rtorch.no_grad():
        twin.copy_(w)
    other.load_state_dict(copy.deepcopy(opt.state_dict()))  # the tensors are shared otherwise, as in PyTorch
    train(w, opt, 3)
    train(twin, other, 3)
    np.testing.assert_allclose(w.detach().numpy(), twin.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_solves_a_quadratic(search):
    A = rtorch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=rtorch.float64)
    b = rtorch.tensor([1.0, -1.0], dtype=rtorch.float64)
    x = nn.Parameter(rtorch.zeros(2, dtype=rtorch.float64))
    opt = optim.LBFGS([x], max_iter=50, line_search_fn=search)

    def closure():
        opt.zero_grad()
        loss = 0.5 * x @ (A @ x) - b @ x
        loss.backward()
        return loss

    for _ in range(3):
        opt.step(closure)
    np.testing.assert_allclose(x.detach().numpy(), np.linalg.solve(A.numpy(), b.numpy()), atol=1e-6)


def test_a_parameter_without_gradient_stays():
    a, b = nn.Parameter(rtorch.ones(1)), nn.Parameter(rtorch.ones(1))
    opt = optim.SGD([a, b], lr=1.0, momentum=0.5)
    a.grad = rtorch.ones(1)
    opt.step()
    b.grad = rtorch.ones(1)  # its first step comes later than the other's
    opt.step()
    assert a.item() == -1.5 and b.item() == 0.0


def test_groups_repr_and_state_dict():
    a, b = nn.Parameter(rtorch.ones(1)), nn.Parameter(rtorch.ones(1))
    opt = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1, momentum=0.9)
    assert [g["lr"] for g in opt.param_groups] == [0.1, 0.5]
    a.grad = rtorch.ones(1)
    opt.step()
    state = opt.state_dict()
    assert list(state["state"]) == [0] and state["param_groups"][1]["params"] == [1]
    assert repr(opt).startswith("SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n")
    opt.add_param_group({"params": [nn.Parameter(rtorch.ones(1))]})
    assert opt.param_groups[2]["lr"] == 0.1
    named = optim.SGD([("w", nn.Parameter(rtorch.ones(1)))])
    assert named.param_groups[0]["param_names"] == ["w"]


def test_closure_and_zero_grad():
    w = nn.Parameter(rtorch.tensor([2.0]))
    opt = optim.SGD([w], lr=0.1)

    def closure():
        opt.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with rtorch.no_grad():
        assert opt.step(closure).item() == 4.0
    assert abs(w.item() - 1.6) < 1e-6
    opt.zero_grad(set_to_none=False)
    assert w.grad.item() == 0.0
    opt.zero_grad()
    assert w.grad is None


def test_step_hooks():
    w = nn.Parameter(rtorch.ones(1))
    opt = optim.SGD([w], lr=0.1)
    seen = []
    before = optim.optimizer.register_optimizer_step_pre_hook(lambda o, args, kwargs: seen.append("all"))
    opt.register_step_pre_hook(lambda o, args, kwargs: seen.append("pre"))
    opt.register_step_post_hook(lambda o, args, kwargs: seen.append("post"))
    opt.step()
    before.remove()
    lr_scheduler.StepLR(opt, 1)
    opt.step()
    assert seen == ["all", "pre", "post", "pre", "post"]


def test_errors():
    p = nn.Parameter(rtorch.ones(3))
    for call, kind, text in (
        (lambda: optim.Adam([]), ValueError, "optimizer got an empty parameter list"),
        (lambda: optim.SGD(nn.Linear(1, 1).parameters), TypeError, "'method' object is not iterable"),
        (lambda: optim.SGD(p), TypeError, "should be an iterable of Tensors or dicts"),
        (lambda: optim.SGD([3]), TypeError, "can only optimize Tensors"),
        (lambda: optim.SGD([p * 2]), ValueError, "can't optimize a non-leaf Tensor"),
        (lambda: optim.SGD([{"params": [p]}, {"params": [p]}]), ValueError, "more than one parameter group"),
        (lambda: optim.SGD([{"params": {p}}]), TypeError, "ordered collections"),
        (lambda: optim.SGD([p], lr=-1), ValueError, "Invalid learning rate: -1"),
        (lambda: optim.SGD([p], nesterov=True), ValueError, "Nesterov momentum requires"),
        (lambda: optim.Adam([p], betas=(1.0, 0.9)), ValueError, "Invalid beta parameter at index 0: 1.0"),
        (lambda: optim.SGD([p]).load_state_dict(optim.SGD([p, nn.Parameter(p)]).state_dict()), ValueError, "size"),
    ):
        with pytest.raises(kind, match=text.replace("(", r"\(")):
            call()


# ---- schedules -----------------------------------------------------------------------------------------------


def rates(make, n=8, lr=1.0):
    opt = optim.SGD([nn.Parameter(rtorch.ones(1))], lr=lr, momentum=0.9)
    schedule = make(opt)
    out = [opt.param_groups[0]["lr"]]
    for _ in range(n):
        opt.step()
        schedule.step()
        out.append(opt.param_groups[0]["lr"])
    assert schedule.get_last_lr() == [out[-1]]
    return out


def test_schedules_by_their_closed_forms():
    S = lr_scheduler
    cos = [0.1 + 0.9 * (1 + math.cos(math.pi * t / 4)) / 2 for t in range(9)]
    warm = [(1 + math.cos(math.pi * (t % 3) / 3)) / 2 for t in range(9)]
    for make, want in (
        (lambda o: S.StepLR(o, 3, 0.5), [0.5 ** (t // 3) for t in range(9)]),
        (lambda o: S.MultiStepLR(o, [2, 5, 5], 0.5), [1, 1, 0.5, 0.5, 0.5, 0.125, 0.125, 0.125, 0.125]),
        (lambda o: S.ExponentialLR(o, 0.9), [0.9**t for t in range(9)]),
        (lambda o: S.LambdaLR(o, lambda t: 1 / (1 + t)), [1 / (1 + t) for t in range(9)]),
        (lambda o: S.MultiplicativeLR(o, lambda t: 0.5), [0.5**t for t in range(9)]),
        (lambda o: S.ConstantLR(o, 0.25, 3), [0.25] * 3 + [1.0] * 6),
        (lambda o: S.LinearLR(o, 0.2, 1.0, 4), [0.2, 0.4, 0.6, 0.8] + [1.0] * 5),
        (lambda o: S.PolynomialLR(o, 4, 2.0), [1, 0.5625, 0.25, 0.0625] + [0.0] * 5),
        (lambda o: S.CosineAnnealingLR(o, 4, 0.1), cos),
        (lambda o: S.CosineAnnealingWarmRestarts(o, 3), warm),
        (
            lambda o: S.SequentialLR(o, [S.ConstantLR(o, 0.5, 9), S.ExponentialLR(o, 0.5)], [3]),
            [0.5] * 3 + [0.5**t for t in range(6)],
        ),
        (
            lambda o: S.ChainedScheduler([S.ConstantLR(o, 0.5, 2), S.ExponentialLR(o, 0.5)]),
            [0.5 * 0.5**t if t < 2 else 0.5**t for t in range(9)],
        ),
        (lambda o: S.CyclicLR(o, 0.0, 1.0, 2), [0, 0.5, 1, 0.5, 0, 0.5, 1, 0.5, 0]),
    ):
        np.testing.assert_allclose(rates(make), want, atol=1e-12)


def test_one_cycle_peaks_and_ends():
    out = rates(lambda o: lr_scheduler.OneCycleLR(o, max_lr=2.0, total_steps=9, pct_start=0.5), 8)
    assert abs(out[0] - 2.0 / 25) < 1e-12 and abs(out[-1] - 2.0 / 25 / 1e4) < 1e-12
    assert max(out) == max(out[3:5])


def test_plateau():
    opt = optim.SGD([nn.Parameter(rtorch.ones(1))], lr=1.0)
    s = lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=1)
    seen = []
    for loss in (1.0, 0.9, 0.9, 0.9, 0.9, 0.9):
        s.step(loss)
        seen.append(opt.param_groups[0]["lr"])
    assert seen == [1.0, 1.0, 1.0, 0.5, 0.5, 0.25]


def test_schedule_resumes_and_warns():
    opt = optim.SGD([nn.Parameter(rtorch.ones(1))], lr=1.0)
    s = lr_scheduler.StepLR(opt, 2, 0.5)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        s.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opt.step()
        s.step()
    other = optim.SGD([nn.Parameter(rtorch.ones(1))], lr=1.0)
    twin = lr_scheduler.StepLR(other, 2, 0.5)
    twin.load_state_dict(s.state_dict())
    other.load_state_dict(opt.state_dict())
    assert twin.last_epoch == 2 and other.param_groups[0]["lr"] == 0.5


def test_collection_while_a_tensor_is_being_made():
    import gc

    old = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        keep = [rtorch.zeros(2, requires_grad=True) * 2 for _ in range(300)]
        assert all(k.grad_fn is not None for k in keep)
    finally:
        gc.set_threshold(*old)


@pytest.mark.parametrize(
    "options, steps, evaluations, end",
    [
        ({}, [2, 7, 15], [3, 8, 16], 0.62573012),
        ({"line_search_fn": "strong_wolfe"}, [2, 8, 11], [4, 11, 14], 0.62572720),
        ({"max_iter": 4}, [2, 6, 10], [3, 7, 11], -0.11878088),
    ],
)
def test_lbfgs_takes_the_steps_of_pytorch(options, steps, evaluations, end):
    """Figures of PyTorch 2.13, in float64 (in float32 rounding decides how long it goes on at the minimum)."""
    rng = np.random.default_rng(3)
    params = [nn.Parameter(rtorch.tensor(rng.standard_normal(s))) for s in ((4, 3), (5,), (2, 3, 2), ())]
    opt = optim.LBFGS(params, **options)
    for k in range(3):
        rng = np.random.default_rng(100 + k)
        targets = [rtorch.tensor(rng.standard_normal(tuple(p.shape))) for p in params]

        def closure():
            opt.zero_grad()
            loss = sum(((p - t) ** 2).sum() for p, t in zip(params, targets))
            loss.backward()
            return loss

        opt.step(closure)
        state = opt.state[params[0]]
        assert (state["n_iter"], state["func_evals"]) == (steps[k], evaluations[k])
    assert params[0][0, 0].item() == pytest.approx(end, abs=1e-7)
