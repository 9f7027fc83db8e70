"""Sums, means and extremes of numbers that come in batches."""

from __future__ import annotations

import warnings

import rtorch as torch
from rtorch.metrics.metric import Metric

__all__ = ["CatMetric", "MaxMetric", "MeanMetric", "MinMetric", "SumMetric"]


class _Aggregator(Metric):
    _reduce = "sum"
    _start = 0.0

    def __init__(self, nan_strategy="warn", **kwargs):
        super().__init__(**kwargs)
        if not (nan_strategy in ("error", "warn", "ignore", "disable") or isinstance(nan_strategy, float)):
            raise ValueError(
                "Arg `nan_strategy` should either be a float or one of ('error', 'warn', 'ignore', 'disable') but got "
                f"{nan_strategy}."
            )
        self.nan_strategy = nan_strategy
        self._begin()

    def _begin(self):
        self.add_state("value", torch.tensor(self._start), dist_reduce_fx=self._reduce)

    def _clean(self, x, weight=None):
        x = torch.as_tensor(x, dtype=torch.float32)
        weight = (
            torch.ones_like(x) if weight is None else torch.as_tensor(weight, dtype=torch.float32).broadcast_to(x.shape)
        )
        if self.nan_strategy != "disable":
            bad = torch.isnan(x) | torch.isnan(weight)
            if bad.any():
                if self.nan_strategy == "error":
                    raise RuntimeError("Encountered `nan` values in tensor")
                if isinstance(self.nan_strategy, float):
                    x = torch.where(bad, torch.full_like(x, self.nan_strategy), x)
                    weight = torch.where(bad, torch.ones_like(weight), weight)
                else:
                    if self.nan_strategy == "warn":
                        warnings.warn("Encountered `nan` values in tensor. Will be removed.", UserWarning, stacklevel=4)
                    x, weight = x[~bad], weight[~bad]
        return x, weight

    def compute(self):
        return self.value


class SumMetric(_Aggregator):
    """The sum."""

    def update(self, value):
        x, _ = self._clean(value)
        if x.numel():
            self.value = self.value + x.sum()


class MaxMetric(_Aggregator):
    """The largest."""

    full_state_update = True
    _reduce = "max"
    _start = -float("inf")

    def update(self, value):
        x, _ = self._clean(value)
        if x.numel():
            self.value = torch.max(self.value, x.max())


class MinMetric(_Aggregator):
    """The smallest."""

    full_state_update = True
    _reduce = "min"
    _start = float("inf")

    def update(self, value):
        x, _ = self._clean(value)
        if x.numel():
            self.value = torch.min(self.value, x.min())


class MeanMetric(_Aggregator):
    """The mean, weighted if weights are given."""

    def _begin(self):
        self.add_state("mean_value", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("weight", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, value, weight=None):
        x, w = self._clean(value, weight)
        if x.numel():
            self.mean_value = self.mean_value + (x * w).sum()
            self.weight = self.weight + w.sum()

    def compute(self):
        return self.mean_value / self.weight


class CatMetric(_Aggregator):
    """All of them."""

    def _begin(self):
        self.add_state("value", [], dist_reduce_fx="cat")

    def update(self, value):
        x, _ = self._clean(value)
        if x.numel():
            self.value.append(x)

    def compute(self):
        if len(self.value) == 1:
            return self.value[0]
        return torch.cat([x.reshape(-1) if x.dim() == 0 else x for x in self.value]) if self.value else self.value
