"""Categorical: an index, with the probabilities (or unnormalised log probabilities) along the last dimension."""

import rtorch
from rtorch import Size

from . import constraints
from ._either import Categories, nan_of
from .distribution import Distribution

__all__ = ["Categorical"]


class Categorical(Categories, Distribution):
    """One of the numbers 0 .. K - 1, by the last dimension of `probs` (normalized) or `logits`.

    >>> d = torch.distributions.Categorical(torch.tensor([0.25, 0.75]))
    >>> d.log_prob(torch.tensor(1)).exp()
    tensor(0.7500)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _expands = True

    def __init__(self, probs=None, logits=None, validate_args=None):
        super().__init__(self._take(probs, logits), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self):
        return nan_of(self._extended_shape(), self.probs)

    @property
    def mode(self):
        return self.probs.argmax(dim=-1)

    @property
    def variance(self):
        return nan_of(self._extended_shape(), self.probs)

    def sample(self, sample_shape=()):
        sample_shape = Size(sample_shape)
        rows = self.probs.reshape(-1, self._num_events)
        drawn = rtorch.multinomial(rows, sample_shape.numel(), True).T
        return drawn.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        value, log_pmf = rtorch.broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return log_pmf.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self):
        logits = rtorch.clamp(self.logits, min=rtorch.finfo(self.logits.dtype).min)  # 0 * -inf is 0 here
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand=True):
        values = rtorch.arange(self._num_events, dtype=rtorch.long, device=self._param.device)
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values
