# Stochastic gradient descent, with momentum. One call of the core updates all parameters of a group.
import rtorch
from rtorch import _C, Tensor
from rtorch._C import _set_grad_enabled

from .optimizer import Optimizer, _check_lr, _check_range

__all__ = ["SGD"]


class SGD(Optimizer):
    """v = momentum * v + (1 - dampening) * (g + weight_decay * p);  p = p - lr * v.

    With `nesterov` the step is g + momentum * v. The first v is g itself.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> opt = torch.optim.SGD([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> opt.step()
    >>> w
    tensor([0.8000], requires_grad=True)
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ):
        _check_lr(lr, foreach)
        _check_range(momentum >= 0.0, "Invalid momentum value", momentum)
        _check_range(weight_decay >= 0.0, "Invalid weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        if fused:
            _check_fused(self, differentiable, foreach)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("nesterov", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("differentiable", False)
            group.setdefault("fused", None)

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
        if not _can_fuse(self, group, params, grads):
            for p, grad in zip(params, grads):
                self._plain(group, p, grad)
            return
        momentum = group["momentum"]
        if momentum == 0:
            _call(group, params, grads, [], False)
            return
        state = self.state
        buffers, first, later = [], [], []
        for i, p in enumerate(params):
            buffer = state[p].get("momentum_buffer")
            buffers.append(buffer)
            (first if buffer is None else later).append(i)
        if first:
            for i in first:
                buffers[i] = state[params[i]]["momentum_buffer"] = rtorch.empty_like(grads[i])
            if later:
                for chosen, is_first in ((first, True), (later, False)):
                    _call(
                        group,
                        [params[i] for i in chosen],
                        [grads[i] for i in chosen],
                        [buffers[i] for i in chosen],
                        is_first,
                    )
                return
        _call(group, params, grads, buffers, bool(first))

    def _plain(self, group, p, grad):
        lr, weight_decay, momentum = group["lr"], group["weight_decay"], group["momentum"]
        if group["maximize"]:
            grad = -grad
        if isinstance(weight_decay, Tensor) or weight_decay != 0:
            grad = grad.add(p * weight_decay if isinstance(weight_decay, Tensor) else p.mul(weight_decay))
        if momentum != 0:
            state = self.state[p]
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = state["momentum_buffer"] = rtorch.clone(grad).detach()
            else:
                buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
        if isinstance(lr, Tensor):
            p.addcmul_(grad, lr, value=-1) if lr.requires_grad else p.add_(grad, alpha=-lr.item())
        else:
            p.add_(grad, alpha=-lr)


_fused_sgd_ = _C._spaces[""]["_fused_sgd_"]


def _call(group, params, grads, buffers, is_first_step):
    _fused_sgd_(
        params,
        grads,
        buffers,
        weight_decay=float(group["weight_decay"]),
        momentum=group["momentum"],
        lr=float(group["lr"]),
        dampening=group["dampening"],
        nesterov=group["nesterov"],
        maximize=group["maximize"],
        is_first_step=is_first_step,
    )


def _can_fuse(optimizer, group, params, grads):
    """Whether the core's one call can do a group's step: dense real floating point, nothing to record.

    The answer is kept until the number of parameters with gradients changes.
    """
    if group["differentiable"] or group["foreach"] or group["fused"] is False:
        return False
    known = optimizer.__dict__.get("_fusable")
    if known is None:
        known = optimizer._fusable = {}
    answer = known.get(id(group))
    if answer is None or answer[0] != len(params):
        # halves keep PyTorch's roundings after each operation unless fused=True asks for fewer
        kinds = _FUSED if group["fused"] else _FUSED[:2]
        ok = all(
            p.dtype in kinds and not p.is_sparse and not g.is_sparse and g.dtype == p.dtype
            for p, g in zip(params, grads)
        )
        answer = known[id(group)] = (len(params), ok)
    return answer[1]


_FUSED = (rtorch.float32, rtorch.float64, rtorch.bfloat16, rtorch.float16)


def _check_fused(optimizer, differentiable, foreach):
    """What `fused=True` asks for."""
    if differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    for group in optimizer.param_groups:
        for p in group["params"]:
            if not (p.is_floating_point() or p.is_complex()):
                raise RuntimeError(
                    f"`fused=True` requires all the params to be floating point Tensors, but one is {p.dtype}"
                )
