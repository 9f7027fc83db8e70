# RMSprop.
from .optimizer import PerParameter, _check_lr, _check_range, _get_value, _scalar_state, _zeros

__all__ = ["RMSprop"]


class RMSprop(PerParameter):
    """v = alpha v + (1 - alpha) g^2;  p = p - lr * g / (sqrt(v) + eps), or by a momentum buffer of that.

    `centered` takes the squared mean gradient off v. Hinton 2012, Graves 2013.
    """

    _settings = {
        "momentum": 0,
        "centered": False,
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        _check_lr(lr, foreach, capturable)
        _check_range(eps >= 0.0, "Invalid epsilon value", eps)
        _check_range(momentum >= 0.0, "Invalid momentum value", momentum)
        _check_range(weight_decay >= 0.0, "Invalid weight_decay value", weight_decay)
        _check_range(alpha >= 0.0, "Invalid alpha value", alpha)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def _init_state(self, p, grad, state, group):
        state["step"] = _scalar_state()
        state["square_avg"] = _zeros(p)
        if group["momentum"] > 0:
            state["momentum_buffer"] = _zeros(p)
        if group["centered"]:
            state["grad_avg"] = _zeros(p)

    def _update(self, p, grad, state, group):
        alpha, lr = group["alpha"], _get_value(group["lr"])
        state["step"].add_(1)
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        square = state["square_avg"]
        square.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            mean = state["grad_avg"]
            mean.lerp_(grad, 1 - alpha)
            root = square.addcmul(mean, mean, value=-1).sqrt_()
        else:
            root = square.sqrt()
        root = root.add(group["eps"]) if group["differentiable"] else root.add_(group["eps"])
        if group["momentum"] > 0:
            buffer = state["momentum_buffer"]
            buffer.mul_(group["momentum"]).addcdiv_(grad, root)
            p.add_(buffer, alpha=-lr)
        else:
            p.addcdiv_(grad, root, value=-lr)
