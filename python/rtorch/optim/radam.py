# RAdam.
from .optimizer import PerParameter, _check_betas, _check_lr, _check_range, _get_value, _scalar_state, _zeros

__all__ = ["RAdam"]


class RAdam(PerParameter):
    """Adam whose adaptive rate comes in only when its variance is tractable. Liu et al. 2020."""

    _settings = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "capturable": False,
    }

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        _check_lr(lr, foreach, capturable)
        _check_range(eps >= 0.0, "Invalid epsilon value", eps)
        _check_betas(betas)
        _check_range(weight_decay >= 0.0, "Invalid weight_decay value", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": differentiable,
            },
        )

    def _init_state(self, p, grad, state, group):
        state["step"] = _scalar_state()
        state["exp_avg"] = _zeros(p)
        state["exp_avg_sq"] = _zeros(p)

    def _update(self, p, grad, state, group):
        beta1, beta2 = group["betas"]
        lr = _get_value(group["lr"])
        state["step"].add_(1)
        n = state["step"].item()
        if group["weight_decay"] != 0:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * group["weight_decay"])
            else:
                grad = grad.add(p, alpha=group["weight_decay"])
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        correction = 1 - beta2**n
        unbiased = mean / (1 - beta1**n)
        longest = 2 / (1 - beta2) - 1  # length of the average in the limit, and now
        length = longest - 2 * n * beta2**n / correction
        if length > 5.0:
            rect = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            root = square.sqrt() + group["eps"]
            p.add_(unbiased * lr * (correction**0.5 / root) * rect**0.5, alpha=-1.0)
        else:
            p.add_(unbiased * lr, alpha=-1.0)
