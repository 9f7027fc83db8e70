# Adagrad.
import rtorch

from .optimizer import PerParameter, _check_lr, _check_range, _get_value, _scalar_state
from .sgd import _check_fused

__all__ = ["Adagrad"]


class Adagrad(PerParameter):
    """s = s + g^2;  p = p - lr / (1 + t * lr_decay) * g / (sqrt(s) + eps). Duchi et al. 2011."""

    _settings = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}
    _sparse = True

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        fused=None,
    ):
        _check_lr(lr)
        _check_range(lr_decay >= 0.0, "Invalid lr_decay value", lr_decay)
        _check_range(weight_decay >= 0.0, "Invalid weight_decay value", weight_decay)
        _check_range(
            initial_accumulator_value >= 0.0, "Invalid initial_accumulator_value value", initial_accumulator_value
        )
        _check_range(eps >= 0.0, "Invalid epsilon value", eps)
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        if fused:
            _check_fused(self, differentiable, foreach)
        for group in self.param_groups:
            for p in group["params"]:
                self._init_state(p, None, self.state[p], group)

    def share_memory(self):
        """Put the state into shared memory."""
        for state in self.state.values():
            state["sum"].share_memory_()

    def _init_state(self, p, grad, state, group):
        start = group["initial_accumulator_value"]
        state["step"] = _scalar_state()
        state["sum"] = rtorch.full_like(
            p, complex(start, start) if p.is_complex() else start, memory_format=rtorch.preserve_format
        )

    def _update(self, p, grad, state, group):
        step = state["step"]
        step += 1
        n = step if group["differentiable"] else step.item()
        if grad.is_sparse:
            self._update_rows(p, grad, state, group, n)
            return
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        rate = _get_value(group["lr"]) / (1 + (n - 1) * group["lr_decay"])
        total = state["sum"]
        total.addcmul_(grad, grad, value=1)
        root = total.sqrt() + group["eps"] if group["differentiable"] else total.sqrt().add_(group["eps"])
        p.addcdiv_(grad, root, value=-_get_value(rate))

    def _update_rows(self, p, grad, state, group, n):
        """The step where the gradient is sparse: only the rows that it has are read and written."""
        if group["weight_decay"] != 0:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        grad = grad.coalesce()
        indices, values = grad._indices(), grad._values()
        rate = _get_value(group["lr"]) / (1 + (n - 1) * group["lr_decay"])
        total = state["sum"]
        total.add_(rtorch.sparse_coo_tensor(indices, values.square(), grad.size()))
        root = total.sparse_mask(grad)._values().sqrt() + group["eps"]
        p.add_(rtorch.sparse_coo_tensor(indices, values / root, grad.size()), alpha=-_get_value(rate))
