"""Divergences between multivariate normal distributions, with full or low-rank covariances."""

import rtorch

from .kl import register_kl
from .lowrank_multivariate_normal import LowRankMultivariateNormal, _lowrank_logdet, _lowrank_mahalanobis
from .multivariate_normal import MultivariateNormal, _batch_mahalanobis


def _log_det(d):
    """The logarithm of the covariance's determinant."""
    if isinstance(d, LowRankMultivariateNormal):
        return _lowrank_logdet(d._unbroadcasted_cov_diag, d._capacitance_tril)
    return 2 * d._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _distance(d, x):
    """x^T S^-1 x for the covariance S."""
    if isinstance(d, LowRankMultivariateNormal):
        return _lowrank_mahalanobis(d._unbroadcasted_cov_factor, d._unbroadcasted_cov_diag, x, d._capacitance_tril)
    return _batch_mahalanobis(d._unbroadcasted_scale_tril, x)


def _columns(d):
    """A matrix A with A A^T the covariance."""
    if not isinstance(d, LowRankMultivariateNormal):
        return d._unbroadcasted_scale_tril
    return rtorch.cat([d._unbroadcasted_cov_factor, d._unbroadcasted_cov_diag.sqrt().diag_embed()], -1)


def _kl(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two (Low Rank) Multivariate Normals with different event shapes cannot be computed"
        )
    # tr(S_q^-1 A A^T) is the sum of the distances of A's columns
    columns = _columns(p).mT
    trace = _distance_of_rows(q, columns).sum(-1)
    apart = _distance(q, q.loc - p.loc)
    return 0.5 * (_log_det(q) - _log_det(p) + trace + apart - p.event_shape[0])


def _distance_of_rows(d, rows):
    """The distances of a matrix's rows, for a batch of matrices and a batch of distributions."""
    if isinstance(d, LowRankMultivariateNormal):
        W, D, C = d._unbroadcasted_cov_factor, d._unbroadcasted_cov_diag, d._capacitance_tril
        return _lowrank_mahalanobis(W.unsqueeze(-3), D.unsqueeze(-2), rows, C.unsqueeze(-3))
    return _batch_mahalanobis(d._unbroadcasted_scale_tril.unsqueeze(-3), rows)


for _p in (MultivariateNormal, LowRankMultivariateNormal):
    for _q in (MultivariateNormal, LowRankMultivariateNormal):
        register_kl(_p, _q)(_kl)
