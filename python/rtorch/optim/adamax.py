# Adamax.
import rtorch

from .optimizer import PerParameter, _check_betas, _check_lr, _check_range, _get_value, _scalar_state, _zeros

__all__ = ["Adamax"]


class Adamax(PerParameter):
    """Adam with the largest |g|, decaying by b2, in place of the root of the mean square. Kingma & Ba 2015."""

    _settings = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        _check_lr(lr, foreach, capturable)
        _check_range(0.0 <= eps, "Invalid epsilon value", eps)
        _check_betas(betas)
        _check_range(0.0 <= weight_decay, "Invalid weight_decay value", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _init_state(self, p, grad, state, group):
        state["step"] = _scalar_state()
        state["exp_avg"] = _zeros(p)
        state["exp_inf"] = _zeros(p)

    def _update(self, p, grad, state, group):
        beta1, beta2 = group["betas"]
        state["step"].add_(1)
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        mean, largest = state["exp_avg"], state["exp_inf"]
        mean.lerp_(grad, 1 - beta1)
        largest.copy_(rtorch.maximum(largest * beta2, grad.abs() + group["eps"]))
        correction = 1 - beta1 ** state["step"].item()
        p.addcdiv_(
            mean, largest.clone() if group["differentiable"] else largest, value=-_get_value(group["lr"]) / correction
        )
