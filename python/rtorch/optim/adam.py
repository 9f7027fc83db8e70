# Adam and AdamW. One call of the core updates all parameters of a group.
import rtorch
from rtorch import _C, Tensor
from rtorch._C import _set_grad_enabled

from .optimizer import (
    Optimizer,
    _as_real,
    _check_betas,
    _check_lr,
    _check_range,
    _scalar_state,
    _steps_to_tensors,
    _zeros,
)
from .sgd import _can_fuse, _check_fused

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p = p - lr * m' / (sqrt(v') + eps), m' and v' unbiased.

    Kingma & Ba 2015. `weight_decay` is added to g, or (`decoupled_weight_decay`) shrinks p itself; `amsgrad`
    divides by the largest v so far.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> opt = torch.optim.Adam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> opt.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
    ):
        _check_lr(lr, foreach, capturable)
        _check_range(eps >= 0.0, "Invalid epsilon value", eps)
        _check_betas(betas)
        _check_range(weight_decay >= 0.0, "Invalid weight_decay value", weight_decay)
        tensors = [isinstance(b, Tensor) for b in betas]
        if tensors[0] != tensors[1]:
            raise ValueError("betas must be either both floats or both Tensors")
        for i, beta in enumerate(betas):
            if isinstance(beta, Tensor):
                if not capturable and foreach:
                    raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
                if beta.numel() != 1:
                    raise ValueError(f"Tensor betas[{i}] must be 1-element")
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )
        if fused:
            _check_fused(self, differentiable, foreach)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("amsgrad", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("capturable", False)
            group.setdefault("differentiable", False)
            group.setdefault("fused", None)
            group.setdefault("decoupled_weight_decay", False)
        _steps_to_tensors(self)

    def step(self, closure=None):
        """Update the parameters once; `closure`, if given, computes the loss anew and returns it."""
        before = rtorch.is_grad_enabled()
        _set_grad_enabled(self.defaults["differentiable"])
        try:
            loss = None
            if closure is not None:
                with rtorch.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                params, grads = [], []
                for p in group["params"]:
                    grad = p.grad
                    if grad is not None:
                        params.append(p)
                        grads.append(grad)
                if params:
                    self._step_group(group, params, grads)
            return loss
        finally:
            _set_grad_enabled(before)

    def _step_group(self, group, params, grads):
        amsgrad, all_state = group["amsgrad"], self.state
        states = []
        for p in params:
            state = all_state[p]
            if not state:
                where = p.device if group["capturable"] or group["fused"] else None
                state["step"] = _scalar_state(0.0, where)
                state["exp_avg"] = _zeros(p)
                state["exp_avg_sq"] = _zeros(p)
                if amsgrad:
                    state["max_exp_avg_sq"] = _zeros(p)
            states.append(state)
        beta1, beta2 = group["betas"]
        if isinstance(beta1, Tensor) or not _can_fuse(self, group, params, grads):
            for p, grad, state in zip(params, grads, states):
                if grad.is_sparse:
                    raise RuntimeError("Adam does not support sparse gradients, please consider SparseAdam instead")
                self._plain(group, p, grad, state)
            return
        steps = [s["step"] for s in states]
        _foreach_add_(steps, 1)
        (_fused_adamw_ if group["decoupled_weight_decay"] else _fused_adam_)(
            params,
            grads,
            [s["exp_avg"] for s in states],
            [s["exp_avg_sq"] for s in states],
            [s["max_exp_avg_sq"] for s in states] if amsgrad else [],
            steps,
            lr=float(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=amsgrad,
            maximize=group["maximize"],
        )

    def _plain(self, group, p, grad, state):
        beta1, beta2 = group["betas"]
        lr, weight_decay, eps = group["lr"], group["weight_decay"], group["eps"]
        if group["maximize"]:
            grad = -grad
        step = state["step"]
        step += 1
        if weight_decay != 0:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * weight_decay)
            else:
                grad = grad.add(p, alpha=weight_decay)
        if p.is_complex():
            state = {k: _as_real(v) for k, v in state.items()}
            p, grad = rtorch.view_as_real(p), rtorch.view_as_real(grad)
        m, v = state["exp_avg"], state["exp_avg_sq"]
        if isinstance(beta1, Tensor):
            beta1, beta2 = beta1.to(m.device), beta2.to(m.device)
        m.lerp_(grad, 1 - beta1)
        if isinstance(beta2, Tensor):
            v.lerp_(rtorch.square(grad), 1 - beta2)
        else:
            v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        if group["differentiable"] or group["capturable"]:
            n = step
        else:
            n = step.item()
            beta1, beta2 = float(beta1), float(beta2)
            lr = float(lr)
        correction1, correction2 = 1 - beta1**n, 1 - beta2**n
        if group["amsgrad"]:
            largest = state["max_exp_avg_sq"]
            largest.copy_(rtorch.maximum(largest.clone() if group["differentiable"] else largest, v))
            v = largest
        if isinstance(n, Tensor):
            denominator = (v.sqrt() / correction2.sqrt()).add(eps)
            p.sub_(m / denominator * (lr / correction1))
        else:
            denominator = (v.sqrt() / correction2**0.5).add_(eps)
            p.addcdiv_(m, denominator, value=-lr / correction1)


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameters instead of entering the gradient. Loshchilov & Hutter 2019."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
        foreach=None,
        capturable=False,
        differentiable=False,
        fused=None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


_fused_adam_ = _C._spaces[""]["_fused_adam_"]
_fused_adamw_ = _C._spaces[""]["_fused_adamw_"]
_foreach_add_ = _C._spaces[""]["_foreach_add_"]

