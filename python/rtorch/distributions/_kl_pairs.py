"""The pairs of families whose divergence has a closed form; those of different families come last."""

import math

import rtorch
from rtorch import inf

from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .exp_family import ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .kl import _infinite_like, kl_divergence, register_kl
from .laplace import Laplace
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import _sum_rightmost
from .utils import euler_constant as _EULER


@register_kl(Bernoulli, Bernoulli)
def _bernoulli_bernoulli(p, q):
    one = p.probs * (rtorch.nn.functional.softplus(-q.logits) - rtorch.nn.functional.softplus(-p.logits))
    none = (1 - p.probs) * (rtorch.nn.functional.softplus(q.logits) - rtorch.nn.functional.softplus(p.logits))
    return one + none


def _log_beta(a, b):
    return a.lgamma() + b.lgamma() - (a + b).lgamma()


@register_kl(Beta, Beta)
def _beta_beta(p, q):
    p1, p0, q1, q0 = p.concentration1, p.concentration0, q.concentration1, q.concentration0
    ends = _log_beta(q1, q0) - _log_beta(p1, p0)
    total = p1 + p0
    return ends + (p1 - q1) * p1.digamma() + (p0 - q0) * p0.digamma() + (q1 + q0 - total) * total.digamma()


@register_kl(Binomial, Binomial)
def _binomial_binomial(p, q):
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return kl.masked_fill(p.total_count > q.total_count, inf)


@register_kl(Categorical, Categorical)
def _categorical_categorical(p, q):
    t = p.probs * (p.logits - q.logits)
    t = t.masked_fill((q.probs == 0).expand_as(t), inf)
    t = t.masked_fill((p.probs == 0).expand_as(t), 0)
    return t.sum(-1)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli_continuous_bernoulli(p, q):
    ends = p._log_constant() + rtorch.log1p(-p.probs) - q._log_constant() - rtorch.log1p(-q.probs)
    return p.mean * (p.logits - q.logits) + ends


@register_kl(Dirichlet, Dirichlet)
def _dirichlet_dirichlet(p, q):
    a, b = p.concentration, q.concentration
    total_a, total_b = a.sum(-1), b.sum(-1)
    ends = total_a.lgamma() - total_b.lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return ends + ((a - b) * (a.digamma() - total_a.digamma().unsqueeze(-1))).sum(-1)


@register_kl(Exponential, Exponential)
def _exponential_exponential(p, q):
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(ExponentialFamily, ExponentialFamily)
def _family_family(p, q):
    """The Bregman divergence of the log normalizers."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot be computed using Bregman "
            "divergences"
        )
    theta = [t.detach().requires_grad_() for t in p._natural_params]
    with rtorch.enable_grad():
        normalizer = p._log_normalizer(*theta)
        slopes = rtorch.autograd.grad(normalizer.sum(), theta, create_graph=True)
    result = q._log_normalizer(*q._natural_params) - normalizer
    for mine, theirs, slope in zip(theta, q._natural_params, slopes):
        result = result - _sum_rightmost((theirs - mine) * slope, len(q.event_shape))
    return result


@register_kl(Gamma, Gamma)
def _gamma_gamma(p, q):
    a, b = p.concentration, q.concentration
    ends = b * (p.rate / q.rate).log() + b.lgamma() - a.lgamma()
    return ends + (a - b) * a.digamma() + (q.rate - p.rate) * (a / p.rate)


@register_kl(Gumbel, Gumbel)
def _gumbel_gumbel(p, q):
    ratio = p.scale / q.scale
    shift = q.loc / q.scale
    t1 = -ratio.log() - shift + p.loc / q.scale
    t3 = rtorch.exp(shift + (1 + ratio).lgamma() - p.loc / q.scale)
    return t1 + ratio * _EULER + t3 - (1 + _EULER)


@register_kl(Geometric, Geometric)
def _geometric_geometric(p, q):
    return -p.entropy() - rtorch.log1p(-q.probs) / p.probs - q.logits


@register_kl(HalfNormal, HalfNormal)
def _half_normal_half_normal(p, q):
    return _normal_normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace_laplace(p, q):
    ratio = p.scale / q.scale
    off = (p.loc - q.loc).abs()
    return -ratio.log() + off / q.scale + ratio * rtorch.exp(-off / p.scale) - 1


@register_kl(Normal, Normal)
def _normal_normal(p, q):
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot_one_hot(p, q):
    return _categorical_categorical(p._categorical, q._categorical)


@register_kl(Pareto, Pareto)
def _pareto_pareto(p, q):
    ratio = q.alpha / p.alpha
    result = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return result.masked_fill(p.support.lower_bound < q.support.lower_bound, inf)


@register_kl(Poisson, Poisson)
def _poisson_poisson(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed_transformed(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Uniform, Uniform)
def _uniform_uniform(p, q):
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return result.masked_fill((q.low > p.low) | (q.high < p.high), inf)


@register_kl(Independent, Independent)
def _independent_independent(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(Cauchy, Cauchy)
def _cauchy_cauchy(p, q):
    """Chyzak & Nielsen 2019."""
    t1 = ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log()
    return t1 - (4 * p.scale * q.scale).log()


# ------------------------------------------------------------ different families
# The mean under p of -log q, less the entropy of p.


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p, q):
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, ContinuousBernoulli)
def _beta_continuous_bernoulli(p, q):
    return -p.entropy() - p.mean * q.logits - rtorch.log1p(-q.probs) - q._log_constant()


@register_kl(Beta, Exponential)
def _beta_exponential(p, q):
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p, q):
    mean_log = p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    return (
        -p.entropy()
        + q.concentration.lgamma()
        - q.concentration * q.rate.log()
        - (q.concentration - 1) * mean_log
        + q.rate * p.mean
    )


@register_kl(Beta, Normal)
def _beta_normal(p, q):
    return _against_normal(p, q, p.mean, p.variance)


@register_kl(Beta, Uniform)
def _beta_uniform(p, q):
    result = -p.entropy() + (q.high - q.low).log()
    return result.masked_fill((q.low > p.support.lower_bound) | (q.high < p.support.upper_bound), inf)


@register_kl(ContinuousBernoulli, Exponential)
def _continuous_bernoulli_exponential(p, q):
    return -p.entropy() - rtorch.log(q.rate) + q.rate * p.mean


@register_kl(ContinuousBernoulli, Normal)
def _continuous_bernoulli_normal(p, q):
    return _against_normal(p, q, p.mean, p.variance)


@register_kl(ContinuousBernoulli, Uniform)
def _continuous_bernoulli_uniform(p, q):
    result = -p.entropy() + (q.high - q.low).log()
    outside = rtorch.max(rtorch.ge(q.low, p.support.lower_bound), rtorch.le(q.high, p.support.upper_bound))
    return rtorch.where(outside, inf, result)


@register_kl(Exponential, Gamma)
def _exponential_gamma(p, q):
    ratio = q.rate / p.rate
    return -q.concentration * ratio.log() + ratio + q.concentration.lgamma() + q.concentration * _EULER - (1 + _EULER)


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p, q):
    product = p.rate * q.scale
    shift = q.loc / q.scale
    return product.log() - 1 + product.reciprocal() - shift + (shift.exp() * (product / (product + 1)))


@register_kl(Exponential, Normal)
def _exponential_normal(p, q):
    return _against_normal(p, q, p.mean, p.variance)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p, q):
    return -p.entropy() - q.rate.log() + q.rate * p.concentration / p.rate


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p, q):
    product = p.rate * q.scale
    shift = q.loc / q.scale
    mean_exp = shift.exp() * (1 + product.reciprocal()).pow(-p.concentration)
    t1 = (p.concentration - 1) * p.concentration.digamma() - p.concentration.lgamma() - p.concentration
    return t1 + product.log() + p.concentration / product + mean_exp - shift


@register_kl(Gamma, Normal)
def _gamma_normal(p, q):
    return _against_normal(p, q, p.mean, p.variance)


@register_kl(Gumbel, Normal)
def _gumbel_normal(p, q):
    return _against_normal(p, q, p.mean, p.variance)


@register_kl(Laplace, Normal)
def _laplace_normal(p, q):
    return _against_normal(p, q, p.mean, p.variance)


@register_kl(Normal, Gumbel)
def _normal_gumbel(p, q):
    ratio, shift = p.loc / q.scale, q.loc / q.scale
    spread = (p.scale / q.scale).pow(2)
    return -p.entropy() + q.scale.log() + ratio - shift + rtorch.exp(-ratio + 0.5 * spread + shift)


@register_kl(Normal, Laplace)
def _normal_laplace(p, q):
    off = p.loc - q.loc
    at = off / p.scale
    mean_distance = math.sqrt(2 / math.pi) * p.scale * rtorch.exp(-0.5 * at.pow(2)) + off * rtorch.erf(
        math.sqrt(0.5) * at
    )
    return -p.scale.log() + mean_distance / q.scale + (2 * q.scale).log() - 0.5 * (1 + math.log(2 * math.pi))


@register_kl(Pareto, Exponential)
def _pareto_exponential(p, q):
    product = p.scale * q.rate
    result = (p.alpha / product).log() - 1 / p.alpha + p.alpha * product / (p.alpha - 1) - 1
    return result.masked_fill(p.alpha <= 1, inf)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p, q):
    mean_log = p.scale.log() + p.alpha.reciprocal()
    ends = p.alpha.log() - p.scale.log() - q.concentration * q.rate.log() + q.concentration.lgamma()
    result = ends - (1 + p.alpha.reciprocal()) + (1 - q.concentration) * mean_log + q.rate * p.mean
    return result.masked_fill(p.alpha <= 1, inf)


@register_kl(Pareto, Normal)
def _pareto_normal(p, q):
    result = _against_normal(p, q, p.mean, p.variance)
    return result.masked_fill(p.alpha <= 2, inf)


@register_kl(Uniform, Beta)
def _uniform_beta(p, q):
    length = p.high - p.low
    a, b = q.concentration1 - 1, q.concentration0 - 1
    mean_log = (_x_log_x(p.high) - _x_log_x(p.low) - length) / length
    mean_log1m = -(_x_log_x(1 - p.high) - _x_log_x(1 - p.low) + length) / length
    result = -length.log() - a * mean_log - b * mean_log1m + _log_beta(q.concentration1, q.concentration0)
    return result.masked_fill((p.high > q.support.upper_bound) | (p.low < q.support.lower_bound), inf)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p, q):
    result = -p.entropy() - p.mean * q.logits - rtorch.log1p(-q.probs) - q._log_constant()
    outside = rtorch.max(rtorch.ge(p.high, q.support.upper_bound), rtorch.le(p.low, q.support.lower_bound))
    return rtorch.where(outside, inf, result)


@register_kl(Uniform, Exponential)
def _uniform_exponential(p, q):
    result = q.rate * (p.high + p.low) / 2 - ((p.high - p.low) * q.rate).log()
    return result.masked_fill(p.low < q.support.lower_bound, inf)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p, q):
    length = p.high - p.low
    a = q.concentration
    mean_log = (_x_log_x(p.high) - _x_log_x(p.low)) / length - 1
    result = -length.log() + a.lgamma() - a * q.rate.log() + (1 - a) * mean_log + q.rate * (p.high + p.low) / 2
    return result.masked_fill(p.low < q.support.lower_bound, inf)


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p, q):
    length = q.scale / (p.high - p.low)
    high, low = (p.high - q.loc) / q.scale, (p.low - q.loc) / q.scale
    return length.log() + 0.5 * (high + low) - length * (rtorch.exp(-high) - rtorch.exp(-low))


@register_kl(Uniform, Normal)
def _uniform_normal(p, q):
    return _against_normal(p, q, p.mean, p.variance)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p, q):
    length = p.high - p.low
    mean_log = (_x_log_x(p.high) - _x_log_x(p.low) - length) / length
    result = -(q.alpha.log() + q.alpha * q.scale.log() + length.log()) + (q.alpha + 1) * mean_log
    return result.masked_fill(p.low < q.support.lower_bound, inf)


def _x_log_x(x):
    return rtorch.special.xlogy(x, x)


def _against_normal(p, q, mean, variance):
    """The mean of -log q by the first two moments of p."""
    square = q.scale.pow(2)
    off = (variance + (mean - q.loc).pow(2)) / (2 * square)
    return -p.entropy() + 0.5 * (2 * math.pi * square).log() + off


def _never(kinds_p, kinds_q):
    """p has values that q cannot take."""
    for kp in kinds_p:
        for kq in kinds_q:
            register_kl(kp, kq)(_infinite)


def _infinite(p, q):
    if isinstance(p, Beta):
        return _infinite_like(p.concentration1)
    for name in ("rate", "loc", "low", "scale", "concentration"):
        if name in p.__dict__:
            return _infinite_like(p.__dict__[name])
    return _infinite_like(p.probs)


_never([Beta, ContinuousBernoulli], [Pareto])
_never([Exponential], [Beta, ContinuousBernoulli, Pareto, Uniform])
_never([Gamma], [Beta, ContinuousBernoulli, Pareto, Uniform])
_never([Gumbel, Laplace, Normal], [Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform])
_never([Pareto], [Beta, ContinuousBernoulli, Uniform])
_never([Poisson], [Bernoulli, Binomial])
