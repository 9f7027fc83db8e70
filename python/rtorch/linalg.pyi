# Written by tests/stubs.py (make stubs) from the operator table; do not edit.

from collections.abc import Sequence
from typing import Any, overload

from rtorch import return_types
from rtorch._C import _bool, _DType, _float, _int, _Number, Tensor

def cholesky(input: Tensor, *, upper: _bool = False, out: Tensor | None = None) -> Tensor:
    """The triangular L in A = L L^H of Hermitian positive definite matrices (`upper`: L^H)."""
def cholesky_ex(
    input: Tensor, *, upper: _bool = False, check_errors: _bool = False, out: Sequence[Tensor] | None = None
) -> return_types.linalg_cholesky_ex:
    """The triangular L in A = L L^H of Hermitian positive definite matrices (`upper`: L^H), and in `info` the order of
    the first leading minor that is not positive."""
@overload
def cond(input: Tensor, p: _Number | None = None, *, out: Tensor | None = None) -> Tensor:
    """The condition number: the ratio of the largest and the smallest singular value (p None or 2; -2 the inverse
    ratio), or the norm of the matrix times that of its inverse."""
@overload
def cond(input: Tensor, p: str, *, out: Tensor | None = None) -> Tensor:
    """The condition number by the Frobenius ("fro") or nuclear ("nuc") norm."""
def cross(input: Tensor, other: Tensor, *, dim: _int = -1, out: Tensor | None = None) -> Tensor:
    """The vector product of vectors of three elements along `dim`."""
def det(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The determinant of square matrices."""
def diagonal(input: Tensor, *, offset: _int = 0, dim1: _int = -2, dim2: _int = -1) -> Tensor:
    """The diagonals of matrices, as a view."""
def eig(input: Tensor, *, out: Sequence[Tensor] | None = None) -> return_types.linalg_eig:
    """Eigenvalues and eigenvectors (as columns of length 1) of general square matrices; complex, in no order."""
def eigh(A: Tensor, UPLO: str = "L", *, out: Sequence[Tensor] | None = None) -> return_types.linalg_eigh:
    """Eigenvalues (from the smallest) and eigenvectors (as columns) of Hermitian matrices, of which the lower ("L") or
    the upper ("U") triangle is read."""
def eigvals(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of general square matrices; complex, in no order."""
def eigvalsh(A: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of Hermitian matrices, from the smallest."""
def householder_product(input: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first columns of the product of Householder reflections I - tau v v^H, whose vectors stand below the diagonal
    of `input`."""
def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of square matrices."""
def inv_ex(
    A: Tensor, *, check_errors: _bool = False, out: Sequence[Tensor] | None = None
) -> return_types.linalg_inv_ex:
    """The inverse of square matrices without a check, and the place of the first zero pivot (0: none)."""
def ldl_factor(
    input: Tensor, *, hermitian: _bool = False, out: Sequence[Tensor] | None = None
) -> return_types.linalg_ldl_factor:
    """The packed factors of A = L D L^T (`hermitian`: L D L^H) and the exchanges of rows as LAPACK numbers them."""
def ldl_factor_ex(
    input: Tensor, *, hermitian: _bool = False, check_errors: _bool = False, out: Sequence[Tensor] | None = None
) -> return_types.linalg_ldl_factor_ex:
    """The packed factors of A = L D L^T (`hermitian`: L D L^H), the exchanges of rows as LAPACK numbers them (negative:
    a block of two in D), and the place of the first zero block."""
def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: _bool = False, out: Tensor | None = None) -> Tensor:
    """X in A X = B, from the packed factors L D L^T of A."""
def lstsq(
    input: Tensor,
    b: Tensor,
    rcond: _float | None = None,
    *,
    driver: str | None = None,
    out: Sequence[Tensor] | None = None,
) -> return_types.linalg_lstsq:
    """The X that makes A X - B smallest (of several the smallest one), the sums of squares that remain, the rank of A,
    and its singular values; what the driver does not compute is empty."""
def lu(A: Tensor, *, pivot: _bool = True, out: Sequence[Tensor] | None = None) -> return_types.linalg_lu:
    """P, L and U in A = P L U."""
def lu_factor(A: Tensor, *, pivot: _bool = True, out: Sequence[Tensor] | None = None) -> return_types.linalg_lu_factor:
    """The packed factors of A = P L U (L below the diagonal, its own being ones) and the row that was exchanged with
    each (from 1)."""
def lu_factor_ex(
    A: Tensor, *, pivot: _bool = True, check_errors: _bool = False, out: Sequence[Tensor] | None = None
) -> return_types.linalg_lu_factor_ex:
    """The packed factors of A = P L U (L below the diagonal, its own being ones), the row that was exchanged with each
    (from 1), and the place of the first zero on U's diagonal (0: none)."""
def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: _bool = True, adjoint: _bool = False, out: Tensor | None = None
) -> Tensor:
    """X in A X = B (`left` false: X A = B; `adjoint`: A^H instead of A), from the packed factors of A."""
def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of vectors, matrices and batches, by NumPy's rules for `@`."""
def matrix_exp(input: Tensor) -> Tensor:
    """The exponential of square matrices: the sum of A^k / k!."""
@overload
def matrix_norm(
    input: Tensor,
    ord: str = "fro",
    dim: _int | Sequence[_int] = (-2, -1),
    keepdim: _bool = False,
    *,
    dtype: _DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of matrices: "fro" is the root of the sum of squares, other texts stand for orders."""
@overload
def matrix_norm(
    input: Tensor,
    ord: _Number,
    dim: _int | Sequence[_int] = (-2, -1),
    keepdim: _bool = False,
    *,
    dtype: _DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of matrices by order: 1 and -1 are the largest and smallest column sum of absolute values, inf and -inf
    those of rows."""
def matrix_power(input: Tensor, n: _int, *, out: Tensor | None = None) -> Tensor:
    """A matrix (or batch of matrices) times itself, `n` factors."""
@overload
def matrix_rank(
    input: Tensor,
    *,
    atol: Tensor | None = None,
    rtol: Tensor | None = None,
    hermitian: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """How many singular values are above max(atol, rtol * the largest)."""
@overload
def matrix_rank(
    input: Tensor,
    *,
    atol: _float | None = None,
    rtol: _float | None = None,
    hermitian: _bool = False,
    out: Tensor | None = None,
) -> Tensor: ...
@overload
def matrix_rank(input: Tensor, tol: Tensor | _Number, hermitian: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """How many singular values are above `tol`."""
def multi_dot(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """The product of several matrices, in the order that takes the fewest multiplications; vectors may stand at the
    ends."""
@overload
def norm(
    input: Tensor,
    ord: _Number | None = None,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of a vector or of matrices: `vector_norm` over one dimension (or over all without `ord`), `matrix_norm`
    over two."""
@overload
def norm(
    input: Tensor,
    ord: str,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The Frobenius norm of matrices."""
@overload
def pinv(
    input: Tensor,
    *,
    atol: Tensor | None = None,
    rtol: Tensor | None = None,
    hermitian: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """The pseudo-inverse: singular values up to max(atol, rtol * the largest) count as 0."""
@overload
def pinv(
    input: Tensor,
    *,
    atol: _float | None = None,
    rtol: _float | None = None,
    hermitian: _bool = False,
    out: Tensor | None = None,
) -> Tensor: ...
@overload
def pinv(input: Tensor, rcond: Tensor | _Number, hermitian: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The pseudo-inverse: singular values up to rcond * the largest count as 0."""
def qr(A: Tensor, mode: str = "reduced", *, out: Sequence[Tensor] | None = None) -> return_types.linalg_qr:
    """Q and R of matrices: as many columns of Q as A has rows or columns ("reduced"), all of them ("complete"), or none
    ("r")."""
def slogdet(A: Tensor, *, out: Sequence[Tensor] | None = None) -> return_types.linalg_slogdet:
    """The sign (or phase) of the determinant and the logarithm of its absolute value."""
def solve(A: Tensor, B: Tensor, *, left: _bool = True, out: Tensor | None = None) -> Tensor:
    """X in A X = B (`left` false: X A = B). B may be a vector."""
def solve_ex(
    A: Tensor, B: Tensor, *, left: _bool = True, check_errors: _bool = False, out: Sequence[Tensor] | None = None
) -> return_types.linalg_solve_ex:
    """X in A X = B (`left` false: X A = B) without a check, and the place of the first zero pivot (0: none). B may be a
    vector."""
def solve_triangular(
    input: Tensor,
    B: Tensor,
    *,
    upper: _bool,
    left: _bool = True,
    unitriangular: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """X in A X = B (`left` false: X A = B) for a triangular A, of which only the `upper` or the lower part is read
    (`unitriangular`: its diagonal counts as ones)."""
def svd(
    A: Tensor, full_matrices: _bool = True, *, driver: str | None = None, out: Sequence[Tensor] | None = None
) -> return_types.linalg_svd:
    """U, S and V^H in A = U S V^H, S from the largest; as many vectors as rows and columns, or (`full_matrices` false)
    as there are singular values."""
def svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """The singular values, from the largest."""
def tensorinv(input: Tensor, ind: _int = 2, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `input` as a map from its last dimensions to the first `ind` ones."""
def tensorsolve(
    input: Tensor, other: Tensor, dims: _int | Sequence[_int] | None = None, *, out: Tensor | None = None
) -> Tensor:
    """X in `tensordot(input, X) = other`, over all of X's dimensions."""
def vander(x: Tensor, *, n: _int | None = None) -> Tensor:
    """Powers 0, 1, ... of the last dimension's elements as a new last dimension."""
def vecdot(x: Tensor, y: Tensor, *, dim: _int = -1, out: Tensor | None = None) -> Tensor:
    """The sum of products of conjugated `x` and `y` along `dim`."""
def vector_norm(
    input: Tensor,
    ord: _Number = 2,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The norm of vectors: the root of the sum of squares, or by `ord` the sum of absolute values (1), the largest
    (inf) or smallest (-inf) one, the number of elements that are not 0 (0), the ord-th root of the sum of ord-th
    powers."""
LinAlgError: Any
