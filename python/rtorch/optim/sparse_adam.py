# Adam for sparse gradients: only the rows in use move.
from .optimizer import PerParameter, _check_betas, _check_lr, _check_range, _get_value, _zeros

__all__ = ["SparseAdam"]


class SparseAdam(PerParameter):
    """Adam whose averages, and parameters, change only where the sparse gradient has values."""

    _settings = {"maximize": False, "differentiable": False}
    _sparse = True

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        _check_lr(lr)
        _check_range(0.0 < eps, "Invalid epsilon value", eps)
        _check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        dense = [
            [i, j] for i, group in enumerate(self.param_groups) for j, p in enumerate(group["params"]) if p.is_sparse
        ]
        if dense:
            raise ValueError(f"Sparse params at indices {dense}: SparseAdam requires dense parameter tensors")

    def step(self, closure=None):
        """Update the parameters once; `closure`, if given, computes the loss anew and returns it."""
        self.defaults.setdefault("differentiable", False)
        try:
            return super().step(closure)
        finally:
            del self.defaults["differentiable"]

    def _one(self, p, grad, group):
        if not grad.is_sparse:
            raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
        state = self.state[p]
        if not state:
            state["step"] = 0
            state["exp_avg"] = _zeros(p)
            state["exp_avg_sq"] = _zeros(p)
        state["step"] += 1
        grad = (-grad if group["maximize"] else grad).coalesce()
        values = grad.values()
        if values.numel() == 0:
            return
        beta1, beta2 = group["betas"]
        n = state["step"]
        at = tuple(grad.indices())
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        m = mean[at].lerp_(values, 1 - beta1)
        v = square[at].lerp_(values * values, 1 - beta2)
        mean[at], square[at] = m, v
        rate = _get_value(group["lr"]) * (1 - beta2**n) ** 0.5 / (1 - beta1**n)
        p[at] = p[at] - rate * m / (v.sqrt() + group["eps"])
