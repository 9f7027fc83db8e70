# NAdam.
from .optimizer import PerParameter, _check_betas, _check_lr, _check_range, _get_value, _scalar_state, _zeros

__all__ = ["NAdam"]


class NAdam(PerParameter):
    """Adam with Nesterov momentum, which grows with the steps by `momentum_decay`. Dozat 2016."""

    _settings = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
    }

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
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
        _check_range(momentum_decay >= 0.0, "Invalid momentum_decay value", momentum_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )

    def _init_state(self, p, grad, state, group):
        state["step"] = _scalar_state()
        state["mu_product"] = _scalar_state(1.0)
        state["exp_avg"] = _zeros(p)
        state["exp_avg_sq"] = _zeros(p)

    def _update(self, p, grad, state, group):
        beta1, beta2 = group["betas"]
        lr, decay = _get_value(group["lr"]), group["momentum_decay"]
        state["step"].add_(1)
        n = state["step"].item()
        if group["weight_decay"] != 0:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * group["weight_decay"])
            else:
                grad = grad.add(p, alpha=group["weight_decay"])
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (n * decay))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((n + 1) * decay))
        product = state["mu_product"]
        product *= mu
        product = product.item()
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        root = square.div(1 - beta2**n).sqrt().add(group["eps"])
        p.addcdiv_(grad, root, value=-lr * (1.0 - mu) / (1.0 - product))
        p.addcdiv_(mean, root, value=-lr * mu_next / (1.0 - product * mu_next))
