"""`torch.sparse`: tensors of places and values (layout COO), and what is computed with them.

The layout and its operators are the core's (`src/ops/sparse.rs`, `sparse_math.rs`); here are the functions around them.
"""

import rtorch
from rtorch import _C

__all__ = ["addmm", "log_softmax", "mm", "softmax", "sum"]

_own = _C._spaces[""]


def sparse_coo_tensor(
    indices=None,
    values=None,
    size=None,
    *,
    dtype=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    check_invariants=None,
    is_coalesced=None,
):
    """A sparse tensor with `values[k]` at the place `indices[:, k]`. Places that come again are added up.

    Every place is checked, whatever `check_invariants` says: memory outside is never read."""
    if values is None:
        size = indices if size is None else size
        if size is None:
            raise TypeError("sparse_coo_tensor() takes indices and values, or a size")
        size = [int(n) for n in size]
        indices = rtorch.empty((len(size), 0), dtype=rtorch.int64)
        values = rtorch.empty((0,), dtype=dtype)
        is_coalesced = True
    indices = rtorch.as_tensor(indices).detach()
    if indices.dtype != rtorch.int64:
        indices = indices.to(rtorch.int64)
    values = values if isinstance(values, rtorch.Tensor) else rtorch.tensor(values, dtype=dtype, device=device)
    if dtype is not None and values.dtype != dtype:
        values = values.to(dtype)
    if device is not None:
        values = values.to(device)
    size = None if size is None else [int(n) for n in size]
    t = _own["_sparse_coo_tensor"](indices, values, size, bool(is_coalesced))
    if requires_grad:
        t = t.detach().requires_grad_()
    return t


def _sparse(t, name):
    if not t.is_sparse:
        raise RuntimeError(f"{name}: expected a sparse tensor, but got one of layout torch.strided")
    return t


def mm(mat1, mat2, reduce=None):
    """The product of two matrices, of which one at least is sparse; sparse where both are."""
    if reduce not in (None, "sum"):
        raise NotImplementedError(f"torch.sparse.mm: reduce={reduce!r} is for matrices of layout CSR")
    return rtorch.mm(mat1, mat2)


def addmm(mat, mat1, mat2, *, beta=1.0, alpha=1.0):
    """`beta * mat + alpha * mat1 @ mat2` with a sparse `mat1`."""
    return rtorch.addmm(mat, _sparse(mat1, "torch.sparse.addmm"), mat2, beta=beta, alpha=alpha)


def sum(input, dim=None, dtype=None):
    """The sum over dimensions: sparse as long as a sparse dimension is left."""
    input = _sparse(input, "torch.sparse.sum")
    if dim is None:
        return rtorch.sum(input, dtype=dtype)
    return rtorch.sum(input, dim, dtype=dtype)


def softmax(input, dim, *, dtype=None):
    """Softmax along `dim` over the values that are there; what is not there counts as minus infinity."""
    return _own["_sparse_softmax"](_sparse(input, "torch.sparse.softmax"), dim, dtype)


def log_softmax(input, dim, *, dtype=None):
    """The logarithm of `softmax`."""
    return _own["_sparse_log_softmax"](_sparse(input, "torch.sparse.log_softmax"), dim, dtype)


# ---------------------------------------------------------------- methods of Tensor


def _facts(t, name):
    facts = _C._sparse_facts(t)
    if facts is None:
        raise RuntimeError(f"{name} expected sparse coordinate tensor layout but got Strided")
    return facts


def _is_coalesced(self):
    """Are the places sorted, each there once?"""
    return _facts(self, "is_coalesced")[0]


def _nnz(self):
    """How many places have values."""
    facts = _C._sparse_facts(self)
    if facts is None:
        raise NotImplementedError("Could not run 'aten::_nnz' with arguments from the 'CPU' backend.")
    return facts[3]


def _sparse_dim(self):
    """How many dimensions have places."""
    facts = _C._sparse_facts(self)
    return 0 if facts is None else facts[1]


def _dense_dim(self):
    """How many dimensions the values have."""
    facts = _C._sparse_facts(self)
    return self.dim() if facts is None else facts[2]


def _set_coalesced(self, coalesced):
    """Says whether the places are sorted, each there once; the caller vouches for it."""
    _facts(self, "_coalesced_")
    _C._set_coalesced(self, coalesced)
    return self


def _to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """The sparse tensor with the elements that are not zero."""
    if layout not in (None, rtorch.sparse_coo) or blocksize is not None:
        raise NotImplementedError(f"to_sparse: the layout {layout} does not exist here, only torch.sparse_coo")
    if dense_dim:
        sparse_dim = self.dim() - dense_dim
    return _C.Tensor._to_sparse_by_dim(self, sparse_dim)


def text(t):
    """What `repr` prints."""
    indices, values = t._indices(), t._values()
    facts = [f"size={tuple(t.shape)}", f"nnz={indices.shape[1]}"]
    if t.device.type != "cpu":
        facts.append(f"device='{t.device}'")
    default = rtorch.get_default_dtype()
    if t.dtype not in (default, rtorch.int64, rtorch.bool, default.to_complex()):
        facts.append(f"dtype={t.dtype}")
    facts.append("layout=torch.sparse_coo")
    if t.grad_fn is not None:
        facts.append(f"grad_fn=<{type(t.grad_fn).__name__}>")
    elif t.requires_grad:
        facts.append("requires_grad=True")

    def part(name, p):
        more = [f"size={tuple(p.shape)}"] if p.numel() == 0 else []
        return f"{name}=tensor({_C._body_text(p, 7 + len(name) + 8, more)})"

    out = f"tensor({part('indices', indices)},\n       {part('values', values)}"
    # Sizes begin a line of their own; what follows stays on it while it fits.
    line, width = None, 80
    for fact in facts:
        if line is None or line + len(fact) + 2 > width:
            out, line = f"{out},\n       {fact}", 7 + len(fact)
        else:
            out, line = f"{out}, {fact}", line + len(fact) + 2
    return out + ")"


METHODS = {
    "is_coalesced": _is_coalesced,
    "_nnz": _nnz,
    "sparse_dim": _sparse_dim,
    "dense_dim": _dense_dim,
    "_dimI": _sparse_dim,
    "_dimV": _dense_dim,
    "_coalesced_": _set_coalesced,
    "to_sparse": _to_sparse,
    "to_sparse_coo": lambda self: _to_sparse(self),
}
