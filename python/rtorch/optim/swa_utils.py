"""Averages of weights over a training run: stochastic weight averaging and exponential moving averages."""

import itertools
import math
import warnings
from copy import deepcopy

import rtorch
from rtorch.nn import Module
from rtorch.optim.lr_scheduler import LRScheduler

__all__ = [
    "AveragedModel",
    "SWALR",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay):
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_multi_avg_fn(decay=0.999):
    """An exponential moving average of lists of tensors, in place."""
    _check_decay(decay)

    @rtorch.no_grad()
    def ema_update(ema_param_list, current_param_list, _):
        for e, p in zip(ema_param_list, current_param_list):
            if e.is_floating_point() or e.is_complex():
                e.lerp_(p.to(e.dtype), 1 - decay)
            else:
                e.copy_(e * decay + p * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn():
    """The mean of all so far, of lists of tensors, in place."""

    @rtorch.no_grad()
    def swa_update(averaged_param_list, current_param_list, num_averaged):
        for a, p in zip(averaged_param_list, current_param_list):
            step = (p - a) / (num_averaged + 1)
            a.copy_(a + step)

    return swa_update


def get_ema_avg_fn(decay=0.999):
    """An exponential moving average of one tensor."""
    _check_decay(decay)

    @rtorch.no_grad()
    def ema_update(ema_param, current_param, num_averaged):
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn():
    """The mean of all so far, of one tensor."""

    @rtorch.no_grad()
    def swa_update(averaged_param, current_param, num_averaged):
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of `model` whose parameters `update_parameters(model)` moves towards their average.

    `avg_fn(average, parameter, num_averaged)` or `multi_avg_fn(averages, parameters, num_averaged)` say which average
    (by default the mean); `use_buffers=True` averages buffers too, else they are copied.
    """

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", rtorch.tensor(0, dtype=rtorch.long, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)

    def update_parameters(self, model):
        """Takes the present parameters of `model` into the average."""

        def tensors(m):
            return list(itertools.chain(m.parameters(), m.buffers()) if self.use_buffers else m.parameters())

        mine, theirs = tensors(self.module), tensors(model)
        with rtorch.no_grad():
            theirs = [p.detach().to(a.device) for a, p in zip(mine, theirs)]
            mine = [a.detach() for a in mine]
            if self.n_averaged == 0:
                for a, p in zip(mine, theirs):
                    a.copy_(p)
            elif self.avg_fn is not None:
                n = self.n_averaged
                for a, p in zip(mine, theirs):
                    a.copy_(self.avg_fn(a, p, n.to(a.device)))
            elif self.multi_avg_fn is not None:
                self.multi_avg_fn(mine, theirs, self.n_averaged)
            else:
                get_swa_multi_avg_fn()(mine, theirs, self.n_averaged)
            if not self.use_buffers:
                for a, p in zip(self.module.buffers(), model.buffers()):
                    a.detach().copy_(p.detach().to(a.device))
        self.n_averaged += 1


@rtorch.no_grad()
def update_bn(loader, model, device=None):
    """Computes the running statistics of the batch norms of `model` anew, over all batches of `loader`."""
    momenta = {}
    for module in model.modules():
        if isinstance(module, rtorch.nn.modules.batchnorm._BatchNorm):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.momentum = None  # the mean of all batches
    for batch in loader:
        x = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(x if device is None else x.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Takes each group's learning rate to `swa_lr` in `anneal_epochs` steps, along a cosine or a line, and keeps it."""

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        rates = swa_lr if isinstance(swa_lr, (list, tuple)) else [swa_lr] * len(optimizer.param_groups)
        if len(rates) != len(optimizer.param_groups):
            raise ValueError(
                "swa_lr must have the same length as optimizer.param_groups: "
                f"swa_lr has {len(rates)}, optimizer.param_groups has {len(optimizer.param_groups)}"
            )
        for rate, group in zip(rates, optimizer.param_groups):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, t):
        """How much of the way is done at share t of the time."""
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def _back(self, lr, swa_lr, share):
        """The rate at the start, from what it is after this share of the way."""
        return swa_lr if share == 1 else (lr - share * swa_lr) / (1 - share)

    def get_lr(self):
        if not getattr(self, "_get_lr_called_within_step", True):
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=2,
            )
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before = self._share(max(0, min(1, (step - 1) / max(1, self.anneal_epochs))))
        now = self._share(max(0, min(1, step / max(1, self.anneal_epochs))))
        out = []
        for group in self.optimizer.param_groups:
            start = self._back(group["lr"], group["swa_lr"], before)
            out.append(group["swa_lr"] * now + start * (1 - now))
        return out
