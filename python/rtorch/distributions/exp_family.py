"""The exponential family: entropy from natural parameters and the log normalizer."""

import rtorch

from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Densities exp(<t(x), theta> - F(theta) + k(x)); families give theta and F, and the mean of k(x)."""

    @property
    def _natural_params(self):
        raise NotImplementedError

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self):
        raise NotImplementedError

    def entropy(self):
        """F(theta) - <theta, F'(theta)> - E k(x), with the gradient of F by autograd."""
        theta = [p.detach().requires_grad_() for p in self._natural_params]
        with rtorch.enable_grad():
            normalizer = self._log_normalizer(*theta)
            slopes = rtorch.autograd.grad(normalizer.sum(), theta, create_graph=True)
        result = normalizer - self._mean_carrier_measure
        n = len(self.event_shape)
        for p, slope in zip(theta, slopes):
            part = p * slope
            result = result - (part if n == 0 else part.reshape((*self._batch_shape, -1)).sum(-1))
        return result
