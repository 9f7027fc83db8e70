"""Singular values of matrices that have few large ones, from products with a few random vectors.

Halko, Martinsson and Tropp 2009, algorithms 4.4 and 5.1.
"""

import rtorch


def _range(A, q, niter, M=None):
    """Columns that span what A makes of `q` random vectors, sharpened by `niter` rounds of A and its adjoint."""
    random = rtorch.randn(A.shape[-1], q, dtype=A.dtype, device=A.device)

    def forward(x):
        return A @ x if M is None else A @ x - M @ x

    def back(x):
        return A.mH @ x if M is None else A.mH @ x - M.mH @ x

    Q = rtorch.linalg.qr(forward(random)).Q
    for _ in range(niter):
        Q = rtorch.linalg.qr(back(Q)).Q
        Q = rtorch.linalg.qr(forward(Q)).Q
    return Q


def get_approximate_basis(A, q, niter=2, M=None):
    """Orthonormal columns that nearly span the columns of A - M."""
    return _range(A, q, 2 if niter is None else niter, M)


def svd_lowrank(A, q=6, niter=2, M=None):
    """U, S and V of the best approximation of A - M by rank `q`, nearly."""
    q = 6 if q is None else q
    m, n = A.shape[-2:]
    M = None if M is None else M.broadcast_to(A.shape)
    # The smaller side is projected.
    if m < n:
        A, M = A.mH, None if M is None else M.mH
    Q = _range(A, q, niter, M)
    B = Q.mH @ A if M is None else Q.mH @ A - Q.mH @ M
    U, S, Vh = rtorch.linalg.svd(B, full_matrices=False)
    U, V = Q @ U, Vh.mH
    return (V, S, U) if m < n else (U, S, V)


def pca_lowrank(A, q=None, center=True, niter=2):
    """`svd_lowrank` of A with its columns' means taken off (`center`)."""
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not (0 <= q <= min(m, n)):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if not niter >= 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if center:
        A = A - A.mean(dim=-2, keepdim=True)
    return svd_lowrank(A, q, niter)
