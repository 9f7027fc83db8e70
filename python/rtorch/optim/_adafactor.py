# Adafactor.
import math

import rtorch

from .optimizer import PerParameter, _get_value, _scalar_state

__all__ = ["Adafactor"]


def _require(ok, text, value):
    if not ok:
        raise ValueError(f"{text} but is: {value}")


class Adafactor(PerParameter):
    """Adam's division by the root mean square, kept as one row and one column per matrix. Shazeer & Stern 2018."""

    _settings = {"foreach": None, "maximize": False, "differentiable": False}
    _complex_as_real = False

    def __init__(
        self,
        params,
        lr=1e-2,
        beta2_decay=-0.8,
        eps=(None, 1e-3),
        d=1.0,
        weight_decay=0.0,
        *,
        foreach=None,
        maximize=False,
    ):
        if isinstance(lr, rtorch.Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        _require(lr >= 0.0, "Learning rate should be >= 0", lr)
        _require(beta2_decay <= 0.0, "beta2_decay should be <= 0", beta2_decay)
        _require(eps[0] is None or eps[0] >= 0.0, "epsilon1 should be >= 0", eps[0])
        _require(eps[1] >= 0.0, "epsilon2 should be >= 0", eps[1])
        _require(d >= 1.0, "Clipping threshold d should be >= 1", d)
        _require(weight_decay >= 0.0, "weight_decay should be >= 0", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "beta2_decay": beta2_decay,
                "eps": eps,
                "d": d,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
            },
        )

    def step(self, closure=None):
        """Update the parameters once; `closure`, if given, computes the loss anew and returns it."""
        self.defaults.setdefault("differentiable", False)
        try:
            return super().step(closure)
        finally:
            del self.defaults["differentiable"]

    def _init_state(self, p, grad, state, group):
        if p.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        state["step"] = _scalar_state()
        if grad.dim() > 1:
            state["row_var"] = grad.new_zeros((*grad.shape[:-1], 1))
            state["col_var"] = grad.new_zeros((*grad.shape[:-2], 1, grad.shape[-1]))
        else:
            state["variance"] = rtorch.zeros_like(grad, memory_format=rtorch.preserve_format)

    def _update(self, p, grad, state, group):
        lr, weight_decay = _get_value(group["lr"]), group["weight_decay"]
        eps1, eps2 = group["eps"]
        if eps1 is None:
            eps1 = rtorch.finfo(p.dtype).eps
        state["step"].add_(1)
        n = state["step"].item()
        new = n ** group["beta2_decay"]  # the weight of this step's squares
        rate = max(eps2, p.norm(2).item() / math.sqrt(p.numel())) * min(lr, 1 / math.sqrt(n))
        if weight_decay != 0:
            p.mul_(1 - lr * weight_decay)
        if grad.dim() > 1:
            rows, cols = state["row_var"], state["col_var"]
            rows.lerp_(rtorch.norm(grad, dim=-1, keepdim=True).square_().div_(grad.size(-1)), new)
            cols.lerp_(rtorch.norm(grad, dim=-2, keepdim=True).square_().div_(grad.size(-2)), new)
            estimate = rows @ cols
            estimate.div_(rows.mean(dim=-2, keepdim=True).clamp_(min=eps1))
        else:
            state["variance"].lerp_(grad * grad, new)
            estimate = state["variance"].clone()
        update = estimate.clamp_(min=eps1 * eps1).rsqrt_().mul_(grad)
        clip = max(1.0, update.norm(2).item() / (math.sqrt(update.numel()) * group["d"]))
        p.add_(update, alpha=-rate / clip)
