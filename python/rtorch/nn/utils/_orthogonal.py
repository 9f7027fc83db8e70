"""Orthogonal (unitary) matrices as functions of unconstrained ones, for `parametrizations.orthogonal`."""

import rtorch
from rtorch.nn import Module

MAPS = ("matrix_exp", "cayley", "householder")


class _Orthogonal(Module):
    """The parametrized matrix Q has orthonormal columns, or rows where it is wide.

    "matrix_exp" and "cayley" map a skew matrix A, made of the lower triangle of the parameter, to exp(A) and to
    (I - A/2)^-1 (I + A/2); "householder" multiplies reflections along the columns below the diagonal, whose signs the
    diagonal holds. With `use_trivialization` Q is `base` times that, and the parameter begins at the identity. Lezcano
    Casado 2019.
    """

    def __init__(self, weight, orthogonal_map, use_trivialization=True):
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X):
        wide = X.size(-2) < X.size(-1)
        X = X.mT if wide else X
        Q = _reflections(X) if self.orthogonal_map == "householder" else self._of_skew(X)
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if wide else Q

    def _of_skew(self, X):
        n, k = X.shape[-2:]
        X = X.tril()
        if n != k:
            X = rtorch.cat([X, X.new_zeros((*X.shape[:-1], n - k))], dim=-1)
        A = X - X.mH
        if self.orthogonal_map == "matrix_exp":
            Q = rtorch.matrix_exp(A)
        else:
            unit = rtorch.eye(n, dtype=A.dtype, device=A.device)
            Q = rtorch.linalg.solve(unit - 0.5 * A, unit + 0.5 * A)
        return Q[..., :k] if n != k else Q

    @rtorch.no_grad()
    def right_inverse(self, Q):
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        wide = Q.size(-2) < Q.size(-1)
        tall = Q.mT if wide else Q
        if hasattr(self, "base"):
            self.base = _square(tall)
            # what stands for the identity: no skew part; the reflections of zeros are -1 each, and so are their signs
            return -rtorch.eye(*Q.shape[-2:], dtype=Q.dtype, device=Q.device).repeat(*Q.shape[:-2], 1, 1)
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False."
            )
        X, tau = rtorch.geqrf(tall)
        signs = X.diagonal(dim1=-2, dim2=-1).sign()
        X = X.diagonal_scatter(rtorch.where(tau == 0, -signs, signs), 0, -2, -1)  # tau is 0: there is no reflection
        return X.mT if wide else X


def _reflections(X):
    below = X.tril(-1)
    tau = 2 / (1 + below.square().sum(-2))
    signs = X.diagonal(dim1=-2, dim2=-1).detach().trunc()  # they are not trained
    return rtorch.linalg.householder_product(below, tau) * signs.unsqueeze(-2)


def _square(Q):
    """A square orthogonal matrix that begins with the columns of Q, made orthogonal if need be."""
    n, k = Q.shape[-2:]
    if n == k:
        return Q.clone() if _is_orthogonal(Q) else _orthogonalized(Q)
    more = rtorch.randn(*Q.shape[:-2], n, n - k, dtype=Q.dtype, device=Q.device)
    return _orthogonalized(rtorch.cat([Q, more], dim=-1))


def _is_orthogonal(Q):
    unit = rtorch.eye(Q.size(-1), dtype=Q.dtype, device=Q.device)
    off = (Q.mH @ Q - unit).abs()
    # ten times the precision for each of the summed products, and allclose's part of what should be 1
    return bool((off <= 10 * Q.size(-1) * rtorch.finfo(Q.dtype).eps + 1e-5 * unit.abs()).all())


def _orthogonalized(A):
    """The Q of QR, with a positive diagonal of R: A itself where it is orthogonal."""
    Q, R = rtorch.linalg.qr(A)
    return Q * R.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)
