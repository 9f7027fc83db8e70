"""Metrics of numbers, gathered over batches."""

from __future__ import annotations

import rtorch as torch
from rtorch.metrics.functional import regression as R
from rtorch.metrics.functional._format import same_shape
from rtorch.metrics.metric import Metric

__all__ = [
    "CosineSimilarity",
    "ExplainedVariance",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogError",
    "PearsonCorrCoef",
    "R2Score",
    "SpearmanCorrCoef",
    "SymmetricMeanAbsolutePercentageError",
    "WeightedMeanAbsolutePercentageError",
]


class _Mean(Metric):
    """A mean of a number for each pair."""

    is_differentiable = True
    higher_is_better = False
    full_state_update = False
    _each = None

    def __init__(self, num_outputs=1, **kwargs):
        super().__init__(**kwargs)
        self.num_outputs = num_outputs
        shape = [] if num_outputs == 1 else [num_outputs]
        self.add_state("sum_error", torch.zeros(shape), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds, target):
        p, t = R._pair(preds, target, self.num_outputs)
        self.sum_error = self.sum_error + type(self)._each(p, t).sum(0)
        self.total = self.total + t.shape[0]

    def compute(self):
        return self.sum_error / self.total


class MeanSquaredError(_Mean):
    """The mean of the squared differences, or its root."""

    _each = staticmethod(lambda p, t: (p - t) ** 2)

    def __init__(self, squared=True, num_outputs=1, **kwargs):
        super().__init__(num_outputs, **kwargs)
        self.squared = squared

    def compute(self):
        e = super().compute()
        return e if self.squared else e.sqrt()


class MeanAbsoluteError(_Mean):
    """The mean of the differences."""

    _each = staticmethod(lambda p, t: (p - t).abs())


class MeanAbsolutePercentageError(_Mean):
    """The mean of the differences, as parts of the target."""

    _each = staticmethod(lambda p, t: (p - t).abs() / t.abs().clamp(min=R.SMALL))

    def __init__(self, **kwargs):
        super().__init__(1, **kwargs)


class SymmetricMeanAbsolutePercentageError(MeanAbsolutePercentageError):
    """The mean of the differences, as parts of the mean of both."""

    _each = staticmethod(lambda p, t: 2 * (p - t).abs() / (t.abs() + p.abs()).clamp(min=R.SMALL))


class MeanSquaredLogError(MeanAbsolutePercentageError):
    """The mean of the squared differences of log(1 + x)."""

    _each = staticmethod(lambda p, t: (torch.log1p(p) - torch.log1p(t)) ** 2)


class WeightedMeanAbsolutePercentageError(Metric):
    """The sum of the differences, as a part of the sum of the targets."""

    higher_is_better = False

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.add_state("sum_error", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("sum_scale", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, preds, target):
        p, t = R._pair(preds, target)
        self.sum_error, self.sum_scale = self.sum_error + (p - t).abs().sum(), self.sum_scale + t.abs().sum()

    def compute(self):
        return self.sum_error / self.sum_scale.clamp(min=R.SMALL)


class R2Score(Metric):
    """The part of the target's variance that is explained."""

    is_differentiable = True
    higher_is_better = True

    def __init__(self, adjusted=0, multioutput="uniform_average", **kwargs):
        super().__init__(**kwargs)
        if adjusted < 0 or not isinstance(adjusted, int):
            raise ValueError("`adjusted` parameter should be an integer larger or equal to 0.")
        self.adjusted, self.multioutput = adjusted, multioutput
        for name in ("sum_squared_error", "sum_error", "residual"):
            self.add_state(name, torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("total", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds, target):
        same_shape(preds, target)
        self.sum_squared_error = self.sum_squared_error + (target**2).sum(0)
        self.sum_error = self.sum_error + target.sum(0)
        self.residual = self.residual + ((target - preds) ** 2).sum(0)
        self.total = self.total + target.shape[0]

    def compute(self):
        n = int(self.total)
        return R.r2_of(n, self.sum_error, self.sum_squared_error, self.residual, self.adjusted, self.multioutput)


class _Whole(Metric):
    """A metric that needs all pairs: they are kept."""

    is_differentiable = True
    higher_is_better = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.add_state("preds", [], dist_reduce_fx="cat")
        self.add_state("target", [], dist_reduce_fx="cat")

    def update(self, preds, target):
        same_shape(preds, target)
        self.preds.append(preds.float())
        self.target.append(target.float())

    def compute(self):
        return self._of(torch.cat(self.preds), torch.cat(self.target))


class PearsonCorrCoef(_Whole):
    """The correlation."""

    def __init__(self, num_outputs=1, **kwargs):
        super().__init__(**kwargs)
        self.num_outputs = num_outputs

    def _of(self, preds, target):
        return R.pearson_corrcoef(preds, target)


class SpearmanCorrCoef(PearsonCorrCoef):
    """The correlation of the places in order."""

    def _of(self, preds, target):
        return R.spearman_corrcoef(preds, target)


class CosineSimilarity(_Whole):
    """The cosine between rows."""

    def __init__(self, reduction="sum", **kwargs):
        super().__init__(**kwargs)
        if reduction not in ("sum", "mean", "none", None):
            raise ValueError(
                f"Expected argument `reduction` to be one of ('sum', 'mean', 'none', None) but got {reduction}"
            )
        self.reduction = reduction

    def _of(self, preds, target):
        return R.cosine_similarity(preds, target, self.reduction)


class ExplainedVariance(_Whole):
    """1 - variance of the errors / variance of the targets."""

    def __init__(self, multioutput="uniform_average", **kwargs):
        super().__init__(**kwargs)
        if multioutput not in ("raw_values", "uniform_average", "variance_weighted"):
            raise ValueError(
                "Invalid input to argument `multioutput`. Choose one of the following: "
                "('raw_values', 'uniform_average', 'variance_weighted')"
            )
        self.multioutput = multioutput

    def _of(self, preds, target):
        return R.explained_variance(preds, target, self.multioutput)
