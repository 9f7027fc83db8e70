"""Multivariate normal whose covariance is of low rank plus a diagonal: W W^T + D."""

import math

import rtorch

from . import constraints
from ._location import Location
from .distribution import Distribution
from .multivariate_normal import _batch_mahalanobis, _batch_mv
from .utils import _standard_normal, lazy_property

__all__ = ["LowRankMultivariateNormal"]


def _capacitance_tril(W, D):
    """The Cholesky factor of I + W^T D^-1 W, a matrix as small as the rank."""
    small = W.mT @ (W / D.unsqueeze(-1))
    unit = rtorch.eye(W.size(-1), dtype=W.dtype, device=W.device)
    return rtorch.linalg.cholesky(small + unit)


def _lowrank_logdet(D, capacitance):
    """log det (W W^T + D), by the matrix determinant lemma."""
    return 2 * capacitance.diagonal(dim1=-2, dim2=-1).log().sum(-1) + D.log().sum(-1)


def _lowrank_mahalanobis(W, D, x, capacitance):
    """x^T (W W^T + D)^-1 x, by Woodbury's identity."""
    inner = _batch_mv((W / D.unsqueeze(-1)).mT, x)
    return (x.pow(2) / D).sum(-1) - _batch_mahalanobis(capacitance, inner)


class LowRankMultivariateNormal(Location, Distribution):
    """Normal vectors with covariance W W^T + D, D diagonal."""

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True
    _expands = True

    def __init__(self, loc, cov_factor, cov_diag, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        n = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
        if cov_factor.shape[-2:-1] != n:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {n[0]} x m")
        if cov_diag.shape[-1:] != n:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {n}")
        wide, diagonal = loc.unsqueeze(-1), cov_diag.unsqueeze(-1)
        try:
            wide, self.cov_factor, diagonal = rtorch.broadcast_tensors(wide, cov_factor, diagonal)
        except RuntimeError as e:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, cov_diag {cov_diag.shape}"
            ) from e
        self.loc, self.cov_diag = wide[..., 0], diagonal[..., 0]
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = cov_factor, cov_diag
        self._capacitance_tril = _capacitance_tril(cov_factor, cov_diag)
        super().__init__(self.loc.shape[:-1], n, validate_args=validate_args)

    def _expand_into(self, new, batch_shape):
        super()._expand_into(new, batch_shape)
        for name in ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril"):
            setattr(new, name, getattr(self, name))

    def _wide(self, matrix):
        n = self._event_shape[0]
        return matrix.expand((*self._batch_shape, n, n))

    @lazy_property
    def variance(self):
        squares = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return squares.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self):
        # sqrt(D) (K K^T + I) sqrt(D), for K = W / sqrt(D): its Cholesky factor is the better one
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        K = self._unbroadcasted_cov_factor / root
        unit = rtorch.eye(K.shape[-2], dtype=K.dtype, device=K.device)
        return self._wide(root * rtorch.linalg.cholesky(K @ K.mT + unit))

    @lazy_property
    def covariance_matrix(self):
        W = self._unbroadcasted_cov_factor
        return self._wide(W @ W.mT + rtorch.diag_embed(self._unbroadcasted_cov_diag))

    @lazy_property
    def precision_matrix(self):
        W, D = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag
        A = rtorch.linalg.solve_triangular(self._capacitance_tril, (W / D.unsqueeze(-1)).mT, upper=False)
        return self._wide(rtorch.diag_embed(D.reciprocal()) - A.mT @ A)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        rank = self.cov_factor.shape[-1:]
        low = _standard_normal(shape[:-1] + rank, self.loc.dtype, self.loc.device)
        own = _standard_normal(shape, self.loc.dtype, self.loc.device)
        return self.loc + _batch_mv(self._unbroadcasted_cov_factor, low) + self._unbroadcasted_cov_diag.sqrt() * own

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        W, D = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag
        distance = _lowrank_mahalanobis(W, D, value - self.loc, self._capacitance_tril)
        log_det = _lowrank_logdet(D, self._capacitance_tril)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + log_det + distance)

    def entropy(self):
        log_det = _lowrank_logdet(self._unbroadcasted_cov_diag, self._capacitance_tril)
        value = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + log_det)
        return value if len(self._batch_shape) == 0 else value.expand(self._batch_shape)
