"""Metric: a number that is gathered over batches, and over processes. MetricCollection: several of them."""

from __future__ import annotations

import copy
import functools
import warnings
from collections import OrderedDict

import rtorch as torch
from rtorch.nn import Module, ModuleDict

__all__ = ["Metric", "MetricCollection"]


def _cat(x):
    x = [x] if isinstance(x, torch.Tensor) else list(x)
    if not x:
        raise ValueError("No samples to concatenate")
    return torch.cat([t.unsqueeze(0) if t.dim() == 0 else t for t in x], dim=0)


_REDUCTIONS = {
    "sum": lambda x: x.sum(0),
    "mean": lambda x: x.mean(0),
    "max": lambda x: x.amax(0),
    "min": lambda x: x.amin(0),
    "cat": _cat,
}


class Metric(Module):
    """Subclasses call add_state in __init__, and have update(...), which adds a batch, and compute(), which gives the
    number. Calling the metric adds a batch and gives the number of that batch alone."""

    is_differentiable = None
    higher_is_better = None
    full_state_update = None

    def __init__(self, *, sync_on_compute=True, compute_on_cpu=False, dist_sync_on_step=False, process_group=None):
        super().__init__()
        self.sync_on_compute, self.compute_on_cpu = sync_on_compute, compute_on_cpu
        self.dist_sync_on_step, self.process_group = dist_sync_on_step, process_group
        self._defaults, self._persistent, self._how = {}, {}, {}
        self._update_count = 0
        self._computed = None
        self._quiet = False
        self._device = torch.device("cpu")
        self._wrap()

    def _wrap(self):
        self.update = self._counted(type(self).update.__get__(self))
        self.compute = self._kept(type(self).compute.__get__(self))

    # ------------------------------------------------ state

    def add_state(self, name, default, dist_reduce_fx=None, persistent=False):
        """A tensor or an empty list that batches add to, and how those of several processes are combined: "sum",
        "mean", "max", "min", "cat" or a function."""
        if not (isinstance(default, torch.Tensor) or default == []):
            raise ValueError("state variable must be a tensor or any empty list (where you can append tensors)")
        if isinstance(dist_reduce_fx, str):
            if dist_reduce_fx not in _REDUCTIONS:
                raise ValueError(
                    "`dist_reduce_fx` must be callable or one of ['mean', 'sum', 'cat', 'min', 'max', None]"
                )
        elif dist_reduce_fx is not None and not callable(dist_reduce_fx):
            raise ValueError("`dist_reduce_fx` must be callable or one of ['mean', 'sum', 'cat', 'min', 'max', None]")
        setattr(self, name, default.clone() if isinstance(default, torch.Tensor) else [])
        self._defaults[name] = copy.deepcopy(default)
        self._persistent[name] = persistent
        self._how[name] = dist_reduce_fx

    @property
    def metric_state(self):
        return {name: getattr(self, name) for name in self._defaults}

    @property
    def update_called(self):
        return self._update_count > 0

    @property
    def update_count(self):
        return self._update_count

    @property
    def device(self):
        return self._device

    def reset(self):
        """Forget all batches."""
        self._update_count = 0
        self._computed = None
        for name, default in self._defaults.items():
            setattr(self, name, default.clone() if isinstance(default, torch.Tensor) else [])

    def persistent(self, mode=False):
        """Do states go into state_dict?"""
        for name in self._persistent:
            self._persistent[name] = mode

    def state_dict(self, *, destination=None, prefix="", keep_vars=False):
        out = super().state_dict(destination=destination, prefix=prefix, keep_vars=keep_vars)
        for name, kept in self._persistent.items():
            if kept:
                value = getattr(self, name)
                plain = isinstance(value, torch.Tensor)
                out[prefix + name] = copy.deepcopy(value if keep_vars or not plain else value.detach())
        return out

    def _load_from_state_dict(self, state_dict, prefix, *args):
        for name in self._defaults:
            if prefix + name in state_dict:
                setattr(self, name, state_dict.pop(prefix + name))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _apply(self, fn, *args):
        super()._apply(fn, *args)
        for name, value in self.metric_state.items():
            setattr(self, name, fn(value) if isinstance(value, torch.Tensor) else [fn(v) for v in value])
        return self

    # ------------------------------------------------ update, compute, and both

    def update(self, *args, **kwargs):
        raise NotImplementedError

    def compute(self):
        raise NotImplementedError

    def _counted(self, update):
        @functools.wraps(update)
        def run(*args, **kwargs):
            self._computed = None
            self._update_count += 1
            with torch.no_grad():
                update(*args, **kwargs)

        return run

    def _kept(self, compute):
        @functools.wraps(compute)
        def run(*args, **kwargs):
            if not self._update_count and not self._quiet:
                warnings.warn(
                    f"The ``compute`` method of metric {type(self).__name__} was called before the ``update`` method "
                    "which may lead to errors, as metric states have not yet been updated.",
                    UserWarning,
                    stacklevel=2,
                )
            if self._computed is None:
                own = self._gathered() if self.sync_on_compute else None
                try:
                    value = compute(*args, **kwargs)
                finally:
                    for name, state in (own or {}).items():
                        setattr(self, name, state)
                self._computed = value
            return self._computed

        return run

    def forward(self, *args, **kwargs):
        merged = all(how in _REDUCTIONS for how in self._how.values())
        before, count = self.metric_state, self._update_count
        sync, self.sync_on_compute = self.sync_on_compute, self.dist_sync_on_step
        try:
            self.reset()
            self.update(*args, **kwargs)
            value = self.compute()
        finally:
            self.sync_on_compute = sync
        batch = self.metric_state
        for name, state in before.items():
            setattr(self, name, self._merged(name, state, batch[name], count) if merged else state)
        self._update_count = count + 1
        self._computed = None
        if not merged:
            self._update_count = count
            self.update(*args, **kwargs)
        return value

    def _merged(self, name, old, new, count):
        how = self._how[name]
        if how == "sum":
            return old + new
        if how == "mean":
            return (count * old + new) / (count + 1)
        if how in ("max", "min"):
            return (torch.max if how == "max" else torch.min)(old, new)
        if isinstance(old, list):
            return old + (new if isinstance(new, list) else [new])
        return _cat([old, new])

    # ------------------------------------------------ processes

    def _gathered(self):
        """Put the states of all processes together; gives back this process's own."""
        import sys

        dist = sys.modules.get("rtorch.distributed")
        if dist is None or not dist.is_initialized() or dist.get_world_size(self.process_group) == 1:
            return None
        own = self.metric_state
        for name, state in own.items():
            how = self._how[name]
            mine = _cat(state) if isinstance(state, list) and state else state
            every = [None] * dist.get_world_size(self.process_group)
            dist.all_gather_object(every, mine, self.process_group)
            if isinstance(state, list):
                parts = [e for e in every if isinstance(e, torch.Tensor)]
                setattr(self, name, [_cat(parts)] if parts and how in ("cat", None) else parts)
            else:
                together = torch.stack(every) if how != "cat" else every
                f = _REDUCTIONS.get(how, how) if isinstance(how, str) else how
                setattr(self, name, together if f is None else f(together))
        return own

    # ------------------------------------------------ copies

    def clone(self):
        return copy.deepcopy(self)

    def __getstate__(self):
        return {k: v for k, v in self.__dict__.items() if k not in ("update", "compute")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._wrap()

    def __hash__(self):
        return id(self)


class MetricCollection(ModuleDict):
    """Several metrics that get the same batches; results are dicts."""

    def __init__(self, metrics, *additional_metrics, prefix=None, postfix=None, compute_groups=True):
        super().__init__()
        self.prefix, self.postfix = self._text(prefix, "prefix"), self._text(postfix, "postfix")
        if isinstance(metrics, (Metric, MetricCollection)):
            metrics = [metrics]
        if isinstance(metrics, (list, tuple)):
            metrics = [*metrics, *additional_metrics]
            named = []
            for m in metrics:
                if not isinstance(m, (Metric, MetricCollection)):
                    raise ValueError(f"Input {m} to `MetricCollection` is not a instance of `torchmetrics.Metric`")
                named += list(m.items(keep_base=False)) if isinstance(m, MetricCollection) else [(type(m).__name__, m)]
            twice = {n for n, _ in named if [k for k, _ in named].count(n) > 1}
            if twice:
                raise ValueError(f"Encountered two metrics both named {sorted(twice)[0]}")
        elif isinstance(metrics, dict) and not additional_metrics:
            named = []
            for name in metrics:
                m = metrics[name]
                if isinstance(m, MetricCollection):
                    named += [(f"{name}_{k}", v) for k, v in m.items(keep_base=False)]
                elif isinstance(m, Metric):
                    named.append((name, m))
                else:
                    raise ValueError(
                        f"Value {m} belonging to key {name} is not an instance of `torchmetrics.Metric` or "
                        "`torchmetrics.MetricCollection`"
                    )
        else:
            raise ValueError(
                "Unknown input to MetricCollection. Expected, `Metric`, `MetricCollection` or `dict`/`sequence` of the "
                f"previous, but got {metrics}"
            )
        for name, m in named:
            self[name] = m

    @staticmethod
    def _text(value, name):
        if value is None or isinstance(value, str):
            return value
        raise ValueError(f"Expected input `{name}` to be a string, but got {type(value)}")

    def _full(self, name):
        return f"{self.prefix or ''}{name}{self.postfix or ''}"

    def keys(self, keep_base=False):
        return (
            self._modules.keys()
            if keep_base
            else OrderedDict((self._full(k), v) for k, v in self._modules.items()).keys()
        )

    def items(self, keep_base=False, copy_state=True):
        return (
            self._modules.items()
            if keep_base
            else OrderedDict((self._full(k), v) for k, v in self._modules.items()).items()
        )

    def values(self, copy_state=True):
        return self._modules.values()

    def _results(self, results):
        out = {}
        for name, value in results:
            if isinstance(value, dict):
                out.update({self._full(k): v for k, v in value.items()})
            else:
                out[self._full(name)] = value
        return out

    @staticmethod
    def _arguments(m, kwargs):
        """Of the keywords those that the metric knows."""
        import inspect

        known = inspect.signature(type(m).update).parameters
        if any(p.kind is p.VAR_KEYWORD for p in known.values()):
            return kwargs
        return {k: v for k, v in kwargs.items() if k in known}

    def forward(self, *args, **kwargs):
        return self._results((k, m(*args, **self._arguments(m, kwargs))) for k, m in self._modules.items())

    def update(self, *args, **kwargs):
        """Add a batch to each."""
        for m in self._modules.values():
            m.update(*args, **self._arguments(m, kwargs))

    def compute(self):
        """The number of each."""
        return self._results((k, m.compute()) for k, m in self._modules.items())

    def reset(self):
        """Forget all batches."""
        for m in self._modules.values():
            m.reset()

    def persistent(self, mode=True):
        for m in self._modules.values():
            m.persistent(mode)

    def clone(self, prefix=None, postfix=None):
        """A copy, with another prefix or postfix if given."""
        out = copy.deepcopy(self)
        if prefix:
            out.prefix = self._text(prefix, "prefix")
        if postfix:
            out.postfix = self._text(postfix, "postfix")
        return out

    def __repr__(self):
        text = super().__repr__()[:-2]
        if self.prefix:
            text += f",\n  prefix={self.prefix}{',' if self.postfix else ''}"
        if self.postfix:
            text += f"{',' if not self.prefix else ''}\n  postfix={self.postfix}"
        return text + "\n)"
