# Written by tests/stubs.py (make stubs) from the operator table; do not edit.

from collections.abc import Sequence
from typing import overload

from rtorch._C import _bool, _DType, _int, _Number, Tensor

def cross(input: Tensor, other: Tensor, *, dim: _int = -1, out: Tensor | None = None) -> Tensor:
    """The vector product of vectors of three elements along `dim`."""
def diagonal(input: Tensor, *, offset: _int = 0, dim1: _int = -2, dim2: _int = -1) -> Tensor:
    """The diagonals of matrices, as a view."""
def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of vectors, matrices and batches, by NumPy's rules for `@`."""
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
