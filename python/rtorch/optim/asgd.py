# Averaged stochastic gradient descent.
import rtorch

from .optimizer import PerParameter, _check_lr, _check_range, _get_value, _scalar_state, _zeros

__all__ = ["ASGD"]


class ASGD(PerParameter):
    """SGD with rate lr / (1 + lambd * lr * t)^alpha that keeps the average of p since step t0 in state["ax"].

    Polyak & Juditsky 1992.
    """

    _settings = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params,
        lr=1e-2,
        lambd=1e-4,
        alpha=0.75,
        t0=1e6,
        weight_decay=0,
        foreach=None,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        _check_lr(lr, foreach, capturable)
        _check_range(weight_decay >= 0.0, "Invalid weight_decay value", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _init_state(self, p, grad, state, group):
        state["step"] = _scalar_state()
        state["eta"] = rtorch.as_tensor(_get_value(group["lr"]), dtype=_scalar_state().dtype).clone().detach()
        state["mu"] = _scalar_state(1.0)
        state["ax"] = _zeros(p)

    def _update(self, p, grad, state, group):
        lr, lambd = _get_value(group["lr"]), group["lambd"]
        step, eta, mu, average = state["step"], state["eta"], state["mu"], state["ax"]
        step.add_(1)
        n = step.item()
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        rate = eta.item()
        p.mul_(1 - lambd * rate)
        p.add_(grad, alpha=-rate)
        weight = mu.item()
        if weight != 1:
            average.add_(p.sub(average).mul_(weight))
        else:
            average.copy_(p)
        eta.fill_(lr / (1 + lambd * lr * n) ** group["alpha"])
        mu.fill_(1 / max(1, n - group["t0"]))
