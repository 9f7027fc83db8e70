# Resilient backpropagation.
import rtorch

from .optimizer import PerParameter, _check_lr, _check_range, _get_value, _scalar_state, _zeros

__all__ = ["Rprop"]


class Rprop(PerParameter):
    """Steps by the sign of g alone: each value's own step size grows while the sign stays, and shrinks when it turns.

    Riedmiller & Braun 1993. For full batches.
    """

    _settings = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params,
        lr=1e-2,
        etas=(0.5, 1.2),
        step_sizes=(1e-6, 50),
        *,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        _check_lr(lr, foreach)
        _check_range(0.0 < etas[0] < 1.0 < etas[1], "Invalid eta values", f"{etas[0]}, {etas[1]}")
        super().__init__(
            params,
            {
                "lr": lr,
                "etas": etas,
                "step_sizes": step_sizes,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _init_state(self, p, grad, state, group):
        lr = _get_value(group["lr"])
        state["step"] = _scalar_state()
        state["prev"] = _zeros(p)
        state["step_size"] = rtorch.full_like(grad, complex(lr, lr) if p.is_complex() else lr)

    def _update(self, p, grad, state, group):
        shrink, grow = group["etas"]
        low, high = group["step_sizes"]
        state["step"].add_(1)
        before, size = state["prev"], state["step_size"]
        kept = grad.mul(before.clone() if group["differentiable"] else before).sign()
        turned = kept.lt(0)
        factor = rtorch.ones_like(grad).masked_fill_(kept.gt(0), grow).masked_fill_(turned, shrink)
        size.mul_(factor).clamp_(low, high)
        grad = grad.masked_fill(turned, 0)  # a value whose sign turned stays where it is for a step
        p.addcmul_(grad.sign(), size, value=-1)
        before.copy_(grad)
