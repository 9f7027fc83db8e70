# Written by tests/stubs.py (make stubs) from the operator table; do not edit.

import builtins
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal, Self, TypeAlias, final, overload

from rtorch import Size, return_types
from typing_extensions import disjoint_base

# Names that the members of Tensor would hide (Tensor.float, Tensor.dtype, ...).
_bool: TypeAlias = builtins.bool
_int: TypeAlias = builtins.int
_float: TypeAlias = builtins.float
_complex: TypeAlias = builtins.complex
_dtype: TypeAlias = dtype
_device: TypeAlias = device
_layout: TypeAlias = layout
_Number: TypeAlias = _bool | _int | _float | _complex
_DType: TypeAlias = _dtype | type[_bool] | type[_int] | type[_float] | type[_complex]
_Device: TypeAlias = _device | str | _int

@final
class dtype:
    """The type of a tensor's elements."""

    @property
    def is_floating_point(self) -> _bool: ...
    @property
    def is_complex(self) -> _bool: ...
    @property
    def is_signed(self) -> _bool: ...
    @property
    def itemsize(self) -> _int:
        """Bytes of one element."""
    def to_real(self) -> dtype: ...
    def to_complex(self) -> dtype: ...
    def __eq__(self, other: object, /) -> _bool: ...
    def __ne__(self, other: object, /) -> _bool: ...
    def __hash__(self) -> _int: ...
    def __reduce__(self) -> tuple[Any, tuple[str]]: ...

@final
class device:
    """Where a tensor's memory is: "cpu", "cuda", "cuda:1", "meta"."""

    def __new__(cls, type: _Device, index: _int | None = None) -> Self: ...
    @property
    def type(self) -> str: ...
    @property
    def index(self) -> _int | None: ...
    def __eq__(self, other: object, /) -> _bool: ...
    def __ne__(self, other: object, /) -> _bool: ...
    def __hash__(self) -> _int: ...
    def __reduce__(self) -> tuple[Any, tuple[str]]: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_args: Any) -> None: ...

@final
class layout:
    """How elements are stored; there is `strided`."""

    def __reduce__(self) -> tuple[Any, tuple[str]]: ...

@final
class _SizeBase(tuple[_int, ...]):
    """What `torch.Size` adds to tuple in native code: a slice of a size is a size."""

@final
class memory_format:
    """The order in which dimensions lie in memory."""

    def __eq__(self, other: object, /) -> _bool: ...
    def __ne__(self, other: object, /) -> _bool: ...
    def __hash__(self) -> _int: ...
    def __reduce__(self) -> tuple[Any, tuple[str]]: ...

@final
class Generator:
    """A stream of random numbers (mt19937, PyTorch's on the CPU)."""

    def __new__(cls, device: _Device | None = None) -> Self: ...
    def manual_seed(self, seed: _int) -> Self: ...
    def seed(self) -> _int:
        """Seeds it from the system; returns the seed."""
    def initial_seed(self) -> _int: ...
    def get_state(self) -> Tensor: ...
    def set_state(self, new_state: Tensor) -> Self: ...
    def clone_state(self) -> Generator: ...
    @property
    def device(self) -> _device: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __setstate__(self, state: tuple[Any, Any, Any]) -> None: ...

@disjoint_base
class Node:
    """A node of the graph that autograd walks: what `Tensor.grad_fn` gives."""

    def __new__(cls) -> Self: ...
    def name(self) -> str: ...
    @property
    def next_functions(self) -> tuple[tuple[Node | None, _int], ...]: ...
    @property
    def variable(self) -> Tensor:
        """The leaf of an AccumulateGrad node."""
    @property
    def metadata(self) -> dict[Any, Any]: ...
    def register_hook(self, hook: Callable[..., Any]) -> Any: ...
    def register_prehook(self, hook: Callable[..., Any]) -> Any: ...
    def __eq__(self, other: object, /) -> _bool: ...
    def __ne__(self, other: object, /) -> _bool: ...
    def __hash__(self) -> _int: ...

@final
class _Accessor:
    """What a module has registered under a name, as an attribute of its class."""

    def __new__(cls, name: str) -> Self: ...
    def __get__(self, instance: Any, owner: Any = None, /) -> Any: ...

@disjoint_base
class UntypedStorage:
    """The bytes behind tensors."""

    def __new__(cls, size: _int = 0, *, device: _Device | None = None) -> Self: ...
    def nbytes(self) -> _int: ...
    def share_memory_(self) -> Self: ...
    def is_shared(self) -> _bool: ...
    def size(self) -> _int: ...
    def data_ptr(self) -> _int: ...
    @property
    def _cdata(self) -> _int: ...
    @property
    def device(self) -> _device: ...
    def resize_(self, size: _int) -> None: ...
    def tolist(self) -> list[_int]: ...
    def clone(self) -> UntypedStorage: ...
    def __len__(self) -> _int: ...
    @overload
    def __getitem__(self, i: _int, /) -> _int: ...
    @overload
    def __getitem__(self, i: slice, /) -> UntypedStorage: ...
    def __setitem__(self, i: _int | slice, value: _int, /) -> None: ...
    def fill_(self, value: _int) -> Self: ...
    def untyped(self) -> Self: ...
    @staticmethod
    def from_file(filename: Any, shared: _bool = False, nbytes: _int = 0) -> UntypedStorage: ...
    def __eq__(self, other: object, /) -> _bool: ...
    def __ne__(self, other: object, /) -> _bool: ...
    def __hash__(self) -> _int: ...

@disjoint_base
class Tensor:
    """An array of one dtype on one device, which takes part in autograd."""

    __array_priority__: ClassVar[_int]
    def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...
    @staticmethod
    def _make_subclass(cls: builtins.type[Any], data: Tensor, requires_grad: _bool = False) -> Any: ...
    def as_subclass(self, cls: builtins.type[Any]) -> Any:
        """A view of this tensor as an object of class `cls`."""

    # Shape and memory.
    @property
    def shape(self) -> Size: ...
    def size(self, dim: _int | None = None) -> Any:
        """The sizes, or the one of `dim`."""
    def stride(self, dim: _int | None = None) -> Any:
        """Elements from one index to the next, of all dimensions or of `dim`."""
    def dim(self) -> _int: ...
    def ndimension(self) -> _int: ...
    @property
    def ndim(self) -> _int: ...
    def numel(self) -> _int: ...
    def nelement(self) -> _int: ...
    def element_size(self) -> _int: ...
    @property
    def itemsize(self) -> _int: ...
    @property
    def nbytes(self) -> _int: ...
    def storage_offset(self) -> _int: ...
    def data_ptr(self) -> _int: ...
    def is_contiguous(self, memory_format: memory_format | None = None) -> _bool: ...
    @property
    def dtype(self) -> _dtype: ...
    @property
    def device(self) -> _device: ...
    @property
    def layout(self) -> _layout: ...
    @property
    def is_cuda(self) -> _bool: ...
    @property
    def is_cpu(self) -> _bool: ...
    @property
    def is_meta(self) -> _bool: ...
    @property
    def is_sparse(self) -> _bool: ...
    @property
    def is_quantized(self) -> _bool: ...
    @property
    def is_mkldnn(self) -> _bool: ...
    @property
    def is_nested(self) -> _bool: ...
    def is_floating_point(self) -> _bool: ...
    def is_complex(self) -> _bool: ...
    def is_signed(self) -> _bool: ...
    def is_inference(self) -> _bool: ...
    def is_conj(self) -> _bool: ...
    def is_neg(self) -> _bool: ...
    def get_device(self) -> _int: ...
    @property
    def T(self) -> Tensor:
        """All dimensions in reverse order."""
    @property
    def mT(self) -> Tensor:
        """The last two dimensions swapped."""
    @property
    def H(self) -> Tensor: ...
    @property
    def real(self) -> Tensor: ...
    @property
    def imag(self) -> Tensor: ...

    # Autograd.
    @property
    def requires_grad(self) -> _bool: ...
    @requires_grad.setter
    def requires_grad(self, on: _bool) -> None: ...
    def requires_grad_(self, requires_grad: _bool = True) -> Self: ...
    @property
    def is_leaf(self) -> _bool: ...
    @property
    def output_nr(self) -> _int: ...
    @property
    def retains_grad(self) -> _bool: ...
    @property
    def grad(self) -> Tensor | None: ...
    @grad.setter
    def grad(self, value: Tensor | None) -> None: ...
    @grad.deleter
    def grad(self) -> None: ...
    @property
    def data(self) -> Tensor: ...
    @data.setter
    def data(self, value: Tensor) -> None: ...
    @property
    def grad_fn(self) -> Node | None: ...
    @property
    def _base(self) -> Tensor | None: ...
    @property
    def _version(self) -> _int: ...
    def _is_view(self) -> _bool: ...
    def detach_(self) -> Self: ...
    def retain_grad(self) -> None: ...
    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: _bool | None = None,
        create_graph: _bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Adds to each leaf's `.grad` the gradient of this tensor."""
    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Any: ...
    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Any: ...

    # Elements, and other libraries' arrays.
    def item(self) -> Any:
        """The only element as a Python number."""
    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
    def numpy(self, *, force: _bool = False) -> Any:
        """A NumPy array on the same memory."""
    def equal(input, other: Tensor) -> _bool: ...
    def allclose(
        input, other: Tensor, rtol: _float = 1e-05, atol: _float = 1e-08, equal_nan: _bool = False
    ) -> _bool: ...

    # Other dtypes and devices.
    def to(
        self,
        *args: Any,
        dtype: _DType | None = None,
        device: _Device | None = None,
        non_blocking: _bool = False,
        copy: _bool = False,
        memory_format: memory_format | None = None,
    ) -> Tensor:
        """The tensor with this dtype and on this device; itself if it is so already."""
    def type(self, dtype: Any = None, non_blocking: _bool = False) -> Any: ...
    def type_as(self, other: Tensor) -> Tensor: ...
    def cpu(self, memory_format: memory_format | None = None) -> Tensor: ...
    def cuda(self, device: _Device | None = None, non_blocking: _bool = False) -> Tensor: ...
    def float(self, memory_format: memory_format | None = None) -> Tensor: ...
    def double(self, memory_format: memory_format | None = None) -> Tensor: ...
    def half(self, memory_format: memory_format | None = None) -> Tensor: ...
    def bfloat16(self, memory_format: memory_format | None = None) -> Tensor: ...
    def byte(self, memory_format: memory_format | None = None) -> Tensor: ...
    def char(self, memory_format: memory_format | None = None) -> Tensor: ...
    def short(self, memory_format: memory_format | None = None) -> Tensor: ...
    def int(self, memory_format: memory_format | None = None) -> Tensor: ...
    def long(self, memory_format: memory_format | None = None) -> Tensor: ...
    def bool(self, memory_format: memory_format | None = None) -> Tensor: ...
    def cfloat(self, memory_format: memory_format | None = None) -> Tensor: ...
    def cdouble(self, memory_format: memory_format | None = None) -> Tensor: ...
    def split(self, split_size: _int | Sequence[_int], dim: _int = 0) -> tuple[Tensor, ...]:
        """Views of this size along `dim` (the last may be smaller), or of these sizes."""

    # Python's operators.
    def __add__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __radd__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __sub__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __rsub__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __mul__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __rmul__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __truediv__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __rtruediv__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __floordiv__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __rfloordiv__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __mod__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __rmod__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __pow__(self, other: Tensor | _Number, mod: None = None, /) -> Tensor: ...
    def __rpow__(self, other: Tensor | _Number, mod: None = None, /) -> Tensor: ...
    def __matmul__(self, other: Tensor, /) -> Tensor: ...
    def __rmatmul__(self, other: Tensor, /) -> Tensor: ...
    def __and__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __rand__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __or__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __ror__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __xor__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __rxor__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __lshift__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __rlshift__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __rshift__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __rrshift__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __iadd__(self, other: Tensor | _Number, /) -> Self: ...
    def __isub__(self, other: Tensor | _Number, /) -> Self: ...
    def __imul__(self, other: Tensor | _Number, /) -> Self: ...
    def __itruediv__(self, other: Tensor | _Number, /) -> Self: ...
    def __ifloordiv__(self, other: Tensor | _Number, /) -> Self: ...
    def __imod__(self, other: Tensor | _Number, /) -> Self: ...
    def __ipow__(self, other: Tensor | _Number, /) -> Self: ...
    def __iand__(self, other: Tensor | _Number, /) -> Self: ...
    def __ior__(self, other: Tensor | _Number, /) -> Self: ...
    def __ixor__(self, other: Tensor | _Number, /) -> Self: ...
    def __ilshift__(self, other: Tensor | _Number, /) -> Self: ...
    def __irshift__(self, other: Tensor | _Number, /) -> Self: ...
    def __neg__(self) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __invert__(self) -> Tensor: ...
    def __eq__(self, other: Any, /) -> Tensor: ...  # type: ignore[override]
    def __ne__(self, other: Any, /) -> Tensor: ...  # type: ignore[override]
    def __lt__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __le__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __gt__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __ge__(self, other: Tensor | _Number, /) -> Tensor: ...
    def __hash__(self) -> _int: ...
    def __getitem__(self, index: Any, /) -> Tensor: ...
    def __setitem__(self, index: Any, value: Any, /) -> None: ...
    def __len__(self) -> _int: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __contains__(self, x: Any) -> _bool: ...
    def __bool__(self) -> _bool: ...
    def __int__(self) -> _int: ...
    def __float__(self) -> _float: ...
    def __complex__(self) -> _complex: ...
    def __index__(self) -> _int: ...
    def __format__(self, spec: str) -> str: ...
    def __repr__(self, *, tensor_contents: Any = None) -> str: ...
    def __deepcopy__(self, memo: dict[_int, Any]) -> Self: ...
    @overload
    def nonzero(self, *, as_tuple: Literal[False] = False) -> Tensor: ...
    @overload
    def nonzero(self, *, as_tuple: Literal[True]) -> tuple[Tensor, ...]: ...
    def __dlpack__(
        self,
        *,
        stream: _int | None = -1,
        max_version: tuple[_int, _int] | None = None,
        dl_device: tuple[_int, _int] | None = None,
        copy: _bool | None = None,
    ) -> Any: ...
    def __dlpack_device__(self) -> tuple[_int, _int]: ...
    def __array__(self, dtype: Any = None, copy: _bool | None = None) -> Any: ...
    def __array_wrap__(self, a: Any, context: Any = None, return_scalar: _bool = False) -> Tensor: ...
    def __reduce_ex__(self, protocol: Any) -> Any: ...

    # The operators.
    def abs(self) -> Tensor:
        """The absolute value; of a complex number its distance from 0. Shapes: (*) -> (*)."""
    def abs_(self) -> Self:
        """The absolute value; of a complex number its distance from 0. In place."""
    def absolute(self) -> Tensor:
        """The absolute value; of a complex number its distance from 0. Shapes: (*) -> (*)."""
    def absolute_(self) -> Self:
        """The absolute value; of a complex number its distance from 0. In place."""
    def acos(self) -> Tensor:
        """The arc cosine, in radians. Shapes: (*) -> (*)."""
    def acos_(self) -> Self:
        """The arc cosine, in radians. In place."""
    def acosh(self) -> Tensor:
        """The inverse hyperbolic cosine. Shapes: (*) -> (*)."""
    def acosh_(self) -> Self:
        """The inverse hyperbolic cosine. In place."""
    def add(self, other: Tensor | _Number, *, alpha: _Number | None = None) -> Tensor:
        """input + alpha * other. Shapes: (*), (*) -> broadcast."""
    def add_(self, other: Tensor | _Number, *, alpha: _Number | None = None) -> Self:
        """input + alpha * other. In place."""
    def addbmm(self, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
        """beta * input + alpha * the sum of the products of a batch."""
    def addbmm_(self, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Self:
        """beta * input + alpha * the sum of the products of a batch. In place."""
    def addcdiv(self, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1) -> Tensor:
        """input + value * tensor1 / tensor2. Shapes: (*), (*), (*) -> broadcast."""
    def addcdiv_(self, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1) -> Self:
        """input + value * tensor1 / tensor2. In place."""
    def addcmul(self, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1) -> Tensor:
        """input + value * tensor1 * tensor2. Shapes: (*), (*), (*) -> broadcast."""
    def addcmul_(self, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1) -> Self:
        """input + value * tensor1 * tensor2. In place."""
    def addmm(self, mat1: Tensor, mat2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
        """beta * input + alpha * mat1 @ mat2."""
    def addmm_(self, mat1: Tensor, mat2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Self:
        """beta * input + alpha * mat1 @ mat2. In place."""
    def addmv(self, mat: Tensor, vec: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
        """beta * input + alpha * mat @ vec."""
    def addmv_(self, mat: Tensor, vec: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Self:
        """beta * input + alpha * mat @ vec. In place."""
    def addr(self, vec1: Tensor, vec2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
        """beta * input + alpha * outer(vec1, vec2)."""
    def addr_(self, vec1: Tensor, vec2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Self:
        """beta * input + alpha * outer(vec1, vec2). In place."""
    def adjoint(self) -> Tensor:
        """The last two dimensions exchanged, and the complex conjugate."""
    @overload
    def all(self) -> Tensor:
        """Are all elements different from 0? Shapes: (*) -> ()."""
    @overload
    def all(self, dim: _int | Sequence[_int] | None, keepdim: _bool = False) -> Tensor:
        """Are all elements of a dimension different from 0? Shapes: (*) -> (* without dim)."""
    def amax(self, dim: _int | Sequence[_int] | None = (), keepdim: _bool = False) -> Tensor:
        """The largest elements over dimensions; gradients are shared among equal ones. Shapes: (*) -> (* without
        dim)."""
    def amin(self, dim: _int | Sequence[_int] | None = (), keepdim: _bool = False) -> Tensor:
        """The smallest elements over dimensions; gradients are shared among equal ones. Shapes: (*) -> (* without
        dim)."""
    def aminmax(self, *, dim: _int | None = None, keepdim: _bool = False) -> return_types.aminmax:
        """The smallest and the largest elements."""
    def angle(self) -> Tensor:
        """The angle of a complex number; of a real one 0 or pi. Shapes: (*) -> (*)."""
    @overload
    def any(self) -> Tensor:
        """Is any element different from 0? Shapes: (*) -> ()."""
    @overload
    def any(self, dim: _int | Sequence[_int] | None, keepdim: _bool = False) -> Tensor:
        """Is any element of a dimension different from 0? Shapes: (*) -> (* without dim)."""
    def arccos(self) -> Tensor:
        """The arc cosine, in radians. Shapes: (*) -> (*)."""
    def arccos_(self) -> Self:
        """The arc cosine, in radians. In place."""
    def arccosh(self) -> Tensor:
        """The inverse hyperbolic cosine. Shapes: (*) -> (*)."""
    def arccosh_(self) -> Self:
        """The inverse hyperbolic cosine. In place."""
    def arcsin(self) -> Tensor:
        """The arc sine, in radians. Shapes: (*) -> (*)."""
    def arcsin_(self) -> Self:
        """The arc sine, in radians. In place."""
    def arcsinh(self) -> Tensor:
        """The inverse hyperbolic sine. Shapes: (*) -> (*)."""
    def arcsinh_(self) -> Self:
        """The inverse hyperbolic sine. In place."""
    def arctan(self) -> Tensor:
        """The arc tangent, in radians. Shapes: (*) -> (*)."""
    def arctan2(self, other: Tensor) -> Tensor:
        """The angle of the point (other, input), in radians. Shapes: (*), (*) -> broadcast."""
    def arctan2_(self, other: Tensor) -> Self:
        """The angle of the point (other, input), in radians. In place."""
    def arctan_(self) -> Self:
        """The arc tangent, in radians. In place."""
    def arctanh(self) -> Tensor:
        """The inverse hyperbolic tangent. Shapes: (*) -> (*)."""
    def arctanh_(self) -> Self:
        """The inverse hyperbolic tangent. In place."""
    def argmax(self, dim: _int | None = None, keepdim: _bool = False) -> Tensor:
        """The place of the largest element, or those of the largest along `dim`; of equal ones the first."""
    def argmin(self, dim: _int | None = None, keepdim: _bool = False) -> Tensor:
        """The place of the smallest element, or those of the smallest along `dim`; of equal ones the first."""
    @overload
    def argsort(self, dim: _int = -1, descending: _bool = False) -> Tensor:
        """The places of the elements along `dim` in their order."""
    @overload
    def argsort(self, *, stable: _bool, dim: _int = -1, descending: _bool = False) -> Tensor:
        """The places of the elements along `dim` in their order. Every sort is stable, asked for or not."""
    def argwhere(self) -> Tensor:
        """The positions of elements that are not 0: one row each."""
    def as_strided(
        self, size: _int | Sequence[_int], stride: _int | Sequence[_int], storage_offset: _int | None = None
    ) -> Tensor:
        """Any sizes, strides and offset on the storage of the tensor."""
    def as_strided_(
        self, size: _int | Sequence[_int], stride: _int | Sequence[_int], storage_offset: _int | None = None
    ) -> Self:
        """Any sizes, strides and offset on the storage of the tensor. In place."""
    def as_strided_scatter(
        self,
        src: Tensor,
        size: _int | Sequence[_int],
        stride: _int | Sequence[_int],
        storage_offset: _int | None = None,
    ) -> Tensor:
        """`input` with `src` where `as_strided` of it looks."""
    def asin(self) -> Tensor:
        """The arc sine, in radians. Shapes: (*) -> (*)."""
    def asin_(self) -> Self:
        """The arc sine, in radians. In place."""
    def asinh(self) -> Tensor:
        """The inverse hyperbolic sine. Shapes: (*) -> (*)."""
    def asinh_(self) -> Self:
        """The inverse hyperbolic sine. In place."""
    def atan(self) -> Tensor:
        """The arc tangent, in radians. Shapes: (*) -> (*)."""
    def atan2(self, other: Tensor) -> Tensor:
        """The angle of the point (other, input), in radians. Shapes: (*), (*) -> broadcast."""
    def atan2_(self, other: Tensor) -> Self:
        """The angle of the point (other, input), in radians. In place."""
    def atan_(self) -> Self:
        """The arc tangent, in radians. In place."""
    def atanh(self) -> Tensor:
        """The inverse hyperbolic tangent. Shapes: (*) -> (*)."""
    def atanh_(self) -> Self:
        """The inverse hyperbolic tangent. In place."""
    def baddbmm(self, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
        """beta * input + alpha * batch1 @ batch2, one by one over the first dimension."""
    def baddbmm_(self, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Self:
        """beta * input + alpha * batch1 @ batch2, one by one over the first dimension. In place."""
    @overload
    def bernoulli(self, *, generator: Generator | None = None) -> Tensor:
        """Ones with the probabilities in `input`, else zeros."""
    @overload
    def bernoulli(self, p: _float, *, generator: Generator | None = None) -> Tensor:
        """Ones with probability `p`, else zeros, in the shape and dtype of `input`."""
    @overload
    def bernoulli_(self, p: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Fills with ones, each with the probability at its place in `p`, else zeros."""
    @overload
    def bernoulli_(self, p: _float = 0.5, *, generator: Generator | None = None) -> Tensor:
        """Fills with ones with probability `p`, else zeros."""
    def bincount(self, weights: Tensor | None = None, minlength: _int = 0) -> Tensor:
        """How often each of the integers 0, 1, ... occurs (at least `minlength` of them), or the sum of `weights` where
        it does."""
    def bitwise_and(self, other: Tensor | _Number) -> Tensor:
        """The bits that both have. Shapes: (*), (*) -> broadcast."""
    def bitwise_and_(self, other: Tensor | _Number) -> Self:
        """The bits that both have. In place."""
    def bitwise_left_shift(self, other: Tensor | _Number) -> Tensor:
        """input * 2^other, in bits. Shapes: (*), (*) -> broadcast."""
    def bitwise_left_shift_(self, other: Tensor | _Number) -> Self:
        """input * 2^other, in bits. In place."""
    def bitwise_not(self) -> Tensor:
        """All bits turned; for bool, not. Shapes: (*) -> (*)."""
    def bitwise_not_(self) -> Self:
        """All bits turned; for bool, not. In place."""
    def bitwise_or(self, other: Tensor | _Number) -> Tensor:
        """The bits that either has. Shapes: (*), (*) -> broadcast."""
    def bitwise_or_(self, other: Tensor | _Number) -> Self:
        """The bits that either has. In place."""
    def bitwise_right_shift(self, other: Tensor | _Number) -> Tensor:
        """input / 2^other, in bits, the sign kept. Shapes: (*), (*) -> broadcast."""
    def bitwise_right_shift_(self, other: Tensor | _Number) -> Self:
        """input / 2^other, in bits, the sign kept. In place."""
    def bitwise_xor(self, other: Tensor | _Number) -> Tensor:
        """The bits that exactly one has. Shapes: (*), (*) -> broadcast."""
    def bitwise_xor_(self, other: Tensor | _Number) -> Self:
        """The bits that exactly one has. In place."""
    def bmm(self, mat2: Tensor) -> Tensor:
        """Products of matrices, one by one over the first dimension."""
    @overload
    def broadcast_to(self, size: Sequence[_int]) -> Tensor:
        """Broadcast to a shape."""
    @overload
    def broadcast_to(self, *size: _int) -> Tensor: ...
    def cauchy_(self, median: _float = 0, sigma: _float = 1, *, generator: Generator | None = None) -> Tensor:
        """Fills with numbers of the Cauchy distribution."""
    def ceil(self) -> Tensor:
        """The smallest whole number not below x. Shapes: (*) -> (*)."""
    def ceil_(self) -> Self:
        """The smallest whole number not below x. In place."""
    def cholesky(self, upper: _bool = False) -> Tensor:
        """The triangular L in A = L L^H of Hermitian positive definite matrices (`upper`: L^H)."""
    def cholesky_inverse(self, upper: _bool = False) -> Tensor:
        """The inverse of A from its Cholesky factor."""
    def cholesky_solve(self, input2: Tensor, upper: _bool = False) -> Tensor:
        """X in A X = `input`, from the Cholesky factor `input2` of A."""
    def chunk(self, chunks: _int, dim: _int = 0) -> tuple[Tensor, ...]:
        """At most `chunks` pieces of equal size along `dim`; the last may be smaller."""
    @overload
    def clamp(self, min: _Number | None = None, max: _Number | None = None) -> Tensor:
        """Each element brought into [min, max]; either bound may be absent. Shapes: (*) -> (*)."""
    @overload
    def clamp(self, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
        """Each element brought between the elements of two tensors. Shapes: (*), (*), (*) -> broadcast."""
    @overload
    def clamp_(self, min: _Number | None = None, max: _Number | None = None) -> Self:
        """Each element brought into [min, max]; either bound may be absent. In place."""
    @overload
    def clamp_(self, min: Tensor | None = None, max: Tensor | None = None) -> Self:
        """Each element brought between the elements of two tensors. In place."""
    def clamp_max(self, max: Tensor | _Number) -> Tensor:
        """No element above `max`. Shapes: (*), (*) -> broadcast."""
    def clamp_max_(self, max: Tensor | _Number) -> Self:
        """No element above `max`. In place."""
    def clamp_min(self, min: Tensor | _Number) -> Tensor:
        """No element below `min`. Shapes: (*), (*) -> broadcast."""
    def clamp_min_(self, min: Tensor | _Number) -> Self:
        """No element below `min`. In place."""
    @overload
    def clip(self, min: _Number | None = None, max: _Number | None = None) -> Tensor:
        """Each element brought into [min, max]; either bound may be absent. Shapes: (*) -> (*)."""
    @overload
    def clip(self, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
        """Each element brought between the elements of two tensors. Shapes: (*), (*), (*) -> broadcast."""
    @overload
    def clip_(self, min: _Number | None = None, max: _Number | None = None) -> Self:
        """Each element brought into [min, max]; either bound may be absent. In place."""
    @overload
    def clip_(self, min: Tensor | None = None, max: Tensor | None = None) -> Self:
        """Each element brought between the elements of two tensors. In place."""
    def clone(self, *, memory_format: memory_format | None = None) -> Tensor:
        """A copy. `memory_format` preserve (the default) keeps dense strides."""
    def coalesce(self) -> Tensor:
        """The same tensor with sorted places, each there once."""
    def combinations(self, r: _int = 2, with_replacement: _bool = False) -> Tensor:
        """All combinations of `r` elements of a vector, as rows; an element may come again with `with_replacement`."""
    def conj(self) -> Tensor:
        """The complex conjugate; a real tensor stays itself."""
    def conj_physical(self) -> Tensor:
        """The conjugate, computed. Shapes: (*) -> (*)."""
    def conj_physical_(self) -> Self:
        """The conjugate, computed. In place."""
    def contiguous(self, *, memory_format: memory_format | None = None) -> Tensor:
        """The tensor itself if it is contiguous (in `memory_format`), else a copy that is."""
    def conv_tbc(self, weight: Tensor, bias: Tensor, pad: _int = 0) -> Tensor:
        """Convolution over sequences (time, batch, C_in), with a weight (K, C_in, C_out)."""
    def copy_(self, src: Tensor, non_blocking: _bool = False) -> Tensor:
        """Writes the elements of `src`, broadcast and converted, into this tensor."""
    def copysign(self, other: Tensor | _Number) -> Tensor:
        """The magnitude of input with the sign of other. Shapes: (*), (*) -> broadcast."""
    def copysign_(self, other: Tensor | _Number) -> Self:
        """The magnitude of input with the sign of other. In place."""
    def corrcoef(self) -> Tensor:
        """Correlation coefficients of variables (rows) over observations (columns)."""
    def cos(self) -> Tensor:
        """The cosine of each element, in radians. Shapes: (*) -> (*)."""
    def cos_(self) -> Self:
        """The cosine of each element, in radians. In place."""
    def cosh(self) -> Tensor:
        """The hyperbolic cosine. Shapes: (*) -> (*)."""
    def cosh_(self) -> Self:
        """The hyperbolic cosine. In place."""
    def count_nonzero(self, dim: _int | Sequence[_int] | None = None) -> Tensor:
        """How many elements differ from 0."""
    def cov(self, *, correction: _int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None) -> Tensor:
        """The covariance of variables (rows) over observations (columns), which may carry frequencies and weights."""
    def cross(self, other: Tensor, dim: _int | None = None) -> Tensor:
        """The vector product of vectors of three elements along `dim` (by default the first dimension of size 3)."""
    def cummax(self, dim: _int) -> return_types.cummax:
        """Running maxima along `dim`, and where they were last met."""
    def cummin(self, dim: _int) -> return_types.cummin:
        """Running minima along `dim`, and where they were last met."""
    def cumprod(self, dim: _int, *, dtype: _DType | None = None) -> Tensor:
        """Running products along `dim`; integers are multiplied in int64."""
    def cumprod_(self, dim: _int, *, dtype: _DType | None = None) -> Self:
        """Running products along `dim`; integers are multiplied in int64. In place."""
    def cumsum(self, dim: _int, *, dtype: _DType | None = None) -> Tensor:
        """Running sums along `dim`; integers are summed in int64."""
    def cumsum_(self, dim: _int, *, dtype: _DType | None = None) -> Self:
        """Running sums along `dim`; integers are summed in int64. In place."""
    def deg2rad(self) -> Tensor:
        """Radians from degrees. Shapes: (*) -> (*)."""
    def deg2rad_(self) -> Self:
        """Radians from degrees. In place."""
    def det(self) -> Tensor:
        """The determinant of square matrices."""
    def detach(self) -> Tensor:
        """The tensor outside of autograd, on the same memory."""
    def diag(self, diagonal: _int = 0) -> Tensor:
        """The diagonal of a matrix, or a matrix with this diagonal."""
    def diag_embed(self, offset: _int = 0, dim1: _int = -2, dim2: _int = -1) -> Tensor:
        """Matrices with the last dimension as a diagonal, zeros elsewhere."""
    def diagflat(self, offset: _int = 0) -> Tensor:
        """A matrix with the flattened tensor as its diagonal."""
    def diagonal(self, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> Tensor:
        """The diagonal of two dimensions, as a new last dimension."""
    def diagonal_scatter(self, src: Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> Tensor:
        """`input` with `src` as its diagonal."""
    def diff(self, n: _int = 1, dim: _int = -1, prepend: Tensor | None = None, append: Tensor | None = None) -> Tensor:
        """Differences of neighbours along `dim`, `n` times; `prepend` and `append` are put at the ends first."""
    def digamma(self) -> Tensor:
        """The logarithmic derivative of the gamma function. Shapes: (*) -> (*)."""
    def digamma_(self) -> Self:
        """The logarithmic derivative of the gamma function. In place."""
    def dist(self, other: Tensor, p: _Number = 2) -> Tensor:
        """The `p`-norm of input - other."""
    @overload
    def div(self, other: Tensor | _Number) -> Tensor:
        """The quotient; `rounding_mode` None is true division, "trunc" cuts, "floor" rounds down. Shapes: (*), (*) ->
        broadcast."""
    @overload
    def div(self, other: Tensor | _Number, *, rounding_mode: str | None = None) -> Tensor:
        """The quotient; `rounding_mode` None is true division, "trunc" cuts towards 0, "floor" rounds down."""
    @overload
    def div_(self, other: Tensor | _Number) -> Self:
        """The quotient; `rounding_mode` None is true division, "trunc" cuts, "floor" rounds down. In place."""
    @overload
    def div_(self, other: Tensor | _Number, *, rounding_mode: str | None = None) -> Self:
        """The quotient; `rounding_mode` None is true division, "trunc" cuts towards 0, "floor" rounds down. In
        place."""
    @overload
    def divide(self, other: Tensor | _Number) -> Tensor:
        """The quotient; `rounding_mode` None is true division, "trunc" cuts, "floor" rounds down. Shapes: (*), (*) ->
        broadcast."""
    @overload
    def divide(self, other: Tensor | _Number, *, rounding_mode: str | None = None) -> Tensor:
        """The quotient; `rounding_mode` None is true division, "trunc" cuts towards 0, "floor" rounds down."""
    @overload
    def divide_(self, other: Tensor | _Number) -> Self:
        """The quotient; `rounding_mode` None is true division, "trunc" cuts, "floor" rounds down. In place."""
    @overload
    def divide_(self, other: Tensor | _Number, *, rounding_mode: str | None = None) -> Self:
        """The quotient; `rounding_mode` None is true division, "trunc" cuts towards 0, "floor" rounds down. In
        place."""
    def dot(self, tensor: Tensor) -> Tensor:
        """The sum of products of two vectors."""
    @overload
    def dsplit(self, sections: _int) -> tuple[Tensor, ...]:
        """Equal pieces along the third dimension."""
    @overload
    def dsplit(self, indices: _int | Sequence[_int]) -> tuple[Tensor, ...]:
        """Pieces along the third dimension."""
    def eq(self, other: Tensor | _Number) -> Tensor:
        """input == other. Shapes: (*), (*) -> broadcast."""
    def eq_(self, other: Tensor | _Number) -> Self:
        """input == other. In place."""
    def erf(self) -> Tensor:
        """The error function. Shapes: (*) -> (*)."""
    def erf_(self) -> Self:
        """The error function. In place."""
    def erfc(self) -> Tensor:
        """1 - erf(x), accurate for large x. Shapes: (*) -> (*)."""
    def erfc_(self) -> Self:
        """1 - erf(x), accurate for large x. In place."""
    def erfinv(self) -> Tensor:
        """The inverse of the error function. Shapes: (*) -> (*)."""
    def erfinv_(self) -> Self:
        """The inverse of the error function. In place."""
    def exp(self) -> Tensor:
        """The exponential of each element. Shapes: (*) -> (*)."""
    def exp2(self) -> Tensor:
        """2 to the power of each element. Shapes: (*) -> (*)."""
    def exp2_(self) -> Self:
        """2 to the power of each element. In place."""
    def exp_(self) -> Self:
        """The exponential of each element. In place."""
    @overload
    def expand(self, size: Sequence[_int], *, implicit: _bool = False) -> Tensor:
        """Broadcast to a shape without a copy; -1 keeps a size."""
    @overload
    def expand(self, *size: _int, implicit: _bool = False) -> Tensor: ...
    def expand_as(self, other: Tensor) -> Tensor:
        """The shape of `other`, by broadcasting."""
    def expm1(self) -> Tensor:
        """exp(x) - 1, accurate near 0. Shapes: (*) -> (*)."""
    def expm1_(self) -> Self:
        """exp(x) - 1, accurate near 0. In place."""
    def exponential_(self, lambd: _float = 1, *, generator: Generator | None = None) -> Tensor:
        """Fills with numbers of the density lambd * exp(-lambd * x)."""
    def fill_(self, value: Tensor | _Number) -> Tensor:
        """Writes `value` into every element."""
    def fix(self) -> Tensor:
        """The whole part. Shapes: (*) -> (*)."""
    def fix_(self) -> Self:
        """The whole part. In place."""
    def flatten(self, start_dim: _int = 0, end_dim: _int = -1) -> Tensor:
        """Dimensions `start_dim` to `end_dim` as one."""
    @overload
    def flip(self, dims: Sequence[_int]) -> Tensor:
        """The order of the elements turned round along `dims`."""
    @overload
    def flip(self, *dims: _int) -> Tensor: ...
    def fliplr(self) -> Tensor:
        """The order of columns turned round."""
    def flipud(self) -> Tensor:
        """The order of rows turned round."""
    def float_power(self, exponent: Tensor | _Number) -> Tensor:
        """The power, computed in float64. Shapes: (*), (*) -> broadcast."""
    def float_power_(self, exponent: Tensor | _Number) -> Self:
        """The power, computed in float64. In place."""
    def floor(self) -> Tensor:
        """The largest whole number not above x. Shapes: (*) -> (*)."""
    def floor_(self) -> Self:
        """The largest whole number not above x. In place."""
    def floor_divide(self, other: Tensor | _Number) -> Tensor:
        """The quotient, rounded down. Shapes: (*), (*) -> broadcast."""
    def floor_divide_(self, other: Tensor | _Number) -> Self:
        """The quotient, rounded down. In place."""
    def fmax(self, other: Tensor) -> Tensor:
        """The larger of the two; a number wins over NaN. Shapes: (*), (*) -> broadcast."""
    def fmin(self, other: Tensor) -> Tensor:
        """The smaller of the two; a number wins over NaN. Shapes: (*), (*) -> broadcast."""
    def fmod(self, other: Tensor | _Number) -> Tensor:
        """C's remainder: the sign is the dividend's. Shapes: (*), (*) -> broadcast."""
    def fmod_(self, other: Tensor | _Number) -> Self:
        """C's remainder: the sign is the dividend's. In place."""
    def frac(self) -> Tensor:
        """The part behind the point, with the sign of x. Shapes: (*) -> (*)."""
    def frac_(self) -> Self:
        """The part behind the point, with the sign of x. In place."""
    def frexp(self) -> return_types.frexp:
        """Mantissas in [0.5, 1) and exponents: input = mantissa * 2^exponent."""
    def gather(self, dim: _int, index: Tensor, *, sparse_grad: _bool = False) -> Tensor:
        """For `dim` 1: `out[i][j] = input[i][index[i][j]]`."""
    def gcd(self, other: Tensor) -> Tensor:
        """The greatest common divisor."""
    def gcd_(self, other: Tensor) -> Self:
        """The greatest common divisor. In place."""
    def ge(self, other: Tensor | _Number) -> Tensor:
        """input >= other. Shapes: (*), (*) -> broadcast."""
    def ge_(self, other: Tensor | _Number) -> Self:
        """input >= other. In place."""
    def geometric_(self, p: _float, *, generator: Generator | None = None) -> Tensor:
        """Fills with the number of trials up to the first success, each of probability `p`."""
    def geqrf(self) -> return_types.geqrf:
        """R, with Householder reflections below its diagonal, and the reflections' factors, as LAPACK's geqrf gives
        them."""
    def ger(self, vec2: Tensor) -> Tensor:
        """The matrix of all products of two vectors' elements."""
    def greater(self, other: Tensor | _Number) -> Tensor:
        """input > other. Shapes: (*), (*) -> broadcast."""
    def greater_(self, other: Tensor | _Number) -> Self:
        """input > other. In place."""
    def greater_equal(self, other: Tensor | _Number) -> Tensor:
        """input >= other. Shapes: (*), (*) -> broadcast."""
    def greater_equal_(self, other: Tensor | _Number) -> Self:
        """input >= other. In place."""
    def gt(self, other: Tensor | _Number) -> Tensor:
        """input > other. Shapes: (*), (*) -> broadcast."""
    def gt_(self, other: Tensor | _Number) -> Self:
        """input > other. In place."""
    def hardshrink(self, lambd: _Number = 0.5) -> Tensor:
        """x where |x| > lambd, else 0. Shapes: (*) -> (*)."""
    def heaviside(self, values: Tensor) -> Tensor:
        """0 below 0, `values` at 0, 1 above. Shapes: (*), (*) -> broadcast."""
    def heaviside_(self, values: Tensor) -> Self:
        """0 below 0, `values` at 0, 1 above. In place."""
    def histc(self, bins: _int = 100, min: _Number = 0, max: _Number = 0) -> Tensor:
        """How many elements fall into each of `bins` intervals between `min` and `max` (the extremes of the input if
        both are equal)."""
    @overload
    def hsplit(self, sections: _int) -> tuple[Tensor, ...]:
        """Equal pieces side by side."""
    @overload
    def hsplit(self, indices: _int | Sequence[_int]) -> tuple[Tensor, ...]:
        """Pieces side by side."""
    def hypot(self, other: Tensor) -> Tensor:
        """sqrt(input^2 + other^2) without overflow. Shapes: (*), (*) -> broadcast."""
    def hypot_(self, other: Tensor) -> Self:
        """sqrt(input^2 + other^2) without overflow. In place."""
    def i0(self) -> Tensor:
        """The modified Bessel function of the first kind, order 0."""
    def i0_(self) -> Self:
        """The modified Bessel function of the first kind, order 0. In place."""
    def igamma(self, other: Tensor) -> Tensor:
        """The regularised lower incomplete gamma function: the distribution function of a gamma number of shape
        `input`."""
    def igamma_(self, other: Tensor) -> Self:
        """The regularised lower incomplete gamma function: the distribution function of a gamma number of shape
        `input`. In place."""
    def igammac(self, other: Tensor) -> Tensor:
        """The regularised upper incomplete gamma function, 1 - igamma."""
    def igammac_(self, other: Tensor) -> Self:
        """The regularised upper incomplete gamma function, 1 - igamma. In place."""
    def index_add(self, dim: _int, index: Tensor, source: Tensor, *, alpha: _Number = 1) -> Tensor:
        """`input` with `alpha * source` added at the places of `dim` that `index` names."""
    def index_add_(self, dim: _int, index: Tensor, source: Tensor, *, alpha: _Number = 1) -> Self:
        """`input` with `alpha * source` added at the places of `dim` that `index` names. In place."""
    def index_copy(self, dim: _int, index: Tensor, source: Tensor) -> Tensor:
        """`input` with `source` written over the places of `dim` that `index` names."""
    def index_copy_(self, dim: _int, index: Tensor, source: Tensor) -> Self:
        """`input` with `source` written over the places of `dim` that `index` names. In place."""
    @overload
    def index_fill(self, dim: _int, index: Tensor, value: _Number) -> Tensor:
        """`input` with `value` at the places of `dim` that `index` names."""
    @overload
    def index_fill(self, dim: _int, index: Tensor, value: Tensor) -> Tensor:
        """`input` with a 0-d tensor's value at the places of `dim` that `index` names."""
    @overload
    def index_fill_(self, dim: _int, index: Tensor, value: _Number) -> Self:
        """`input` with `value` at the places of `dim` that `index` names. In place."""
    @overload
    def index_fill_(self, dim: _int, index: Tensor, value: Tensor) -> Self:
        """`input` with a 0-d tensor's value at the places of `dim` that `index` names. In place."""
    def index_put(self, indices: Sequence[Tensor | None], values: Tensor, accumulate: _bool = False) -> Tensor:
        """`input` with `values` written (or added, with `accumulate`) at `indices`."""
    def index_put_(self, indices: Sequence[Tensor | None], values: Tensor, accumulate: _bool = False) -> Tensor:
        """Writes (or adds, with `accumulate`) `values` at `indices`."""
    def index_reduce(
        self, dim: _int, index: Tensor, source: Tensor, reduce: str, *, include_self: _bool = True
    ) -> Tensor:
        """`input` with `source` joined to the places of `dim` that `index` names by `reduce` (prod, mean, amax,
        amin)."""
    def index_reduce_(
        self, dim: _int, index: Tensor, source: Tensor, reduce: str, *, include_self: _bool = True
    ) -> Self:
        """`input` with `source` joined to the places of `dim` that `index` names by `reduce` (prod, mean, amax, amin).
        In place."""
    def index_select(self, dim: _int, index: Tensor) -> Tensor:
        """The places of `dim` that `index` names, as a copy."""
    def indices(self) -> Tensor:
        """The places of a coalesced sparse tensor's values [sparse dimensions, columns]."""
    def inner(self, other: Tensor) -> Tensor:
        """The sums of products of rows: `input @ other.T` over the last dimensions."""
    def inverse(self) -> Tensor:
        """The inverse of square matrices."""
    def isclose(self, other: Tensor, rtol: _float = 1e-5, atol: _float = 1e-8, equal_nan: _bool = False) -> Tensor:
        """Is |input - other| <= atol + rtol * |other|? Equal infinities are close; NaN is close to NaN only if asked.
        Shapes: (*), (*) -> broadcast."""
    def isfinite(self) -> Tensor:
        """Is it neither infinite nor NaN? Shapes: (*) -> (*)."""
    def isinf(self) -> Tensor:
        """Is it infinite? Shapes: (*) -> (*)."""
    def isnan(self) -> Tensor:
        """Is it NaN? Shapes: (*) -> (*)."""
    def isneginf(self) -> Tensor:
        """Is it minus infinity? Shapes: (*) -> (*)."""
    def isposinf(self) -> Tensor:
        """Is it plus infinity? Shapes: (*) -> (*)."""
    def isreal(self) -> Tensor:
        """Is the imaginary part 0? Shapes: (*) -> (*)."""
    def istft(
        self,
        n_fft: _int,
        hop_length: _int | None = None,
        win_length: _int | None = None,
        window: Tensor | None = None,
        center: _bool = True,
        normalized: _bool = False,
        onesided: _bool | None = None,
        length: _int | None = None,
        return_complex: _bool = False,
    ) -> Tensor:
        """The inverse of `stft`: overlapping windows are added and divided by the sum of the squared windows."""
    def kron(self, other: Tensor) -> Tensor:
        """Every element of `input` times the whole of `other`, side by side."""
    def kthvalue(self, k: _int, dim: _int = -1, keepdim: _bool = False) -> return_types.kthvalue:
        """The `k`-th smallest elements along `dim` (counted from 1), and their places."""
    def lcm(self, other: Tensor) -> Tensor:
        """The least common multiple."""
    def lcm_(self, other: Tensor) -> Self:
        """The least common multiple. In place."""
    def ldexp(self, other: Tensor) -> Tensor:
        """input * 2^other. Shapes: (*), (*) -> broadcast."""
    def ldexp_(self, other: Tensor) -> Self:
        """input * 2^other. In place."""
    def le(self, other: Tensor | _Number) -> Tensor:
        """input <= other. Shapes: (*), (*) -> broadcast."""
    def le_(self, other: Tensor | _Number) -> Self:
        """input <= other. In place."""
    def lerp(self, end: Tensor, weight: Tensor | _Number) -> Tensor:
        """start + weight * (end - start). Shapes: (*), (*), (*) -> broadcast."""
    def lerp_(self, end: Tensor, weight: Tensor | _Number) -> Self:
        """start + weight * (end - start). In place."""
    def less(self, other: Tensor | _Number) -> Tensor:
        """input < other. Shapes: (*), (*) -> broadcast."""
    def less_(self, other: Tensor | _Number) -> Self:
        """input < other. In place."""
    def less_equal(self, other: Tensor | _Number) -> Tensor:
        """input <= other. Shapes: (*), (*) -> broadcast."""
    def less_equal_(self, other: Tensor | _Number) -> Self:
        """input <= other. In place."""
    def lgamma(self) -> Tensor:
        """The logarithm of the absolute value of the gamma function. Shapes: (*) -> (*)."""
    def lgamma_(self) -> Self:
        """The logarithm of the absolute value of the gamma function. In place."""
    def log(self) -> Tensor:
        """The natural logarithm of each element. Shapes: (*) -> (*)."""
    def log10(self) -> Tensor:
        """The logarithm to base 10. Shapes: (*) -> (*)."""
    def log10_(self) -> Self:
        """The logarithm to base 10. In place."""
    def log1p(self) -> Tensor:
        """log(1 + x), accurate near 0. Shapes: (*) -> (*)."""
    def log1p_(self) -> Self:
        """log(1 + x), accurate near 0. In place."""
    def log2(self) -> Tensor:
        """The logarithm to base 2. Shapes: (*) -> (*)."""
    def log2_(self) -> Self:
        """The logarithm to base 2. In place."""
    def log_(self) -> Self:
        """The natural logarithm of each element. In place."""
    def log_normal_(self, mean: _float = 1, std: _float = 2, *, generator: Generator | None = None) -> Tensor:
        """Fills with exponentials of normal numbers."""
    def log_softmax(self, dim: _int, dtype: _DType | None = None) -> Tensor:
        """x - log(sum(exp(x))) along `dim`, accurate where softmax is near 0."""
    def logaddexp(self, other: Tensor) -> Tensor:
        """log(exp(input) + exp(other)) without overflow. Shapes: (*), (*) -> broadcast."""
    def logaddexp2(self, other: Tensor) -> Tensor:
        """log2(2^input + 2^other) without overflow. Shapes: (*), (*) -> broadcast."""
    def logcumsumexp(self, dim: _int) -> Tensor:
        """Logarithms of the running sums of exponentials, without overflow."""
    def logdet(self) -> Tensor:
        """The logarithm of the determinant; NaN where that is negative."""
    def logical_and(self, other: Tensor) -> Tensor:
        """Both are not 0. Shapes: (*), (*) -> broadcast."""
    def logical_and_(self, other: Tensor) -> Self:
        """Both are not 0. In place."""
    def logical_not(self) -> Tensor:
        """True where the element is 0. Shapes: (*) -> (*)."""
    def logical_not_(self) -> Self:
        """True where the element is 0. In place."""
    def logical_or(self, other: Tensor) -> Tensor:
        """At least one is not 0. Shapes: (*), (*) -> broadcast."""
    def logical_or_(self, other: Tensor) -> Self:
        """At least one is not 0. In place."""
    def logical_xor(self, other: Tensor) -> Tensor:
        """Exactly one is not 0. Shapes: (*), (*) -> broadcast."""
    def logical_xor_(self, other: Tensor) -> Self:
        """Exactly one is not 0. In place."""
    def logit(self, eps: _float | None = None) -> Tensor:
        """log(x / (1 - x)), with x first clamped to [eps, 1 - eps] where eps is given. Shapes: (*) -> (*)."""
    def logit_(self, eps: _float | None = None) -> Self:
        """log(x / (1 - x)), with x first clamped to [eps, 1 - eps] where eps is given. In place."""
    def logsumexp(self, dim: _int | Sequence[_int], keepdim: _bool = False) -> Tensor:
        """log(sum(exp(x))) over `dim`, without overflow."""
    def lt(self, other: Tensor | _Number) -> Tensor:
        """input < other. Shapes: (*), (*) -> broadcast."""
    def lt_(self, other: Tensor | _Number) -> Self:
        """input < other. In place."""
    def lu_solve(self, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
        """X in A X = `input`, from the packed factors of A."""
    def masked_fill(self, mask: Tensor, value: Tensor | _Number) -> Tensor:
        """`value` where `mask` is true, `input` elsewhere. Shapes: (*), (*), (*) -> broadcast."""
    def masked_fill_(self, mask: Tensor, value: Tensor | _Number) -> Self:
        """`value` where `mask` is true, `input` elsewhere. In place."""
    def masked_scatter(self, mask: Tensor, source: Tensor) -> Tensor:
        """`input` with the elements of `source`, one after the other, where `mask` is true."""
    def masked_scatter_(self, mask: Tensor, source: Tensor) -> Self:
        """`input` with the elements of `source`, one after the other, where `mask` is true. In place."""
    def masked_select(self, mask: Tensor) -> Tensor:
        """The elements where `mask` is true, one after the other."""
    def matmul(self, other: Tensor) -> Tensor:
        """The product of vectors, matrices and batches, by NumPy's rules for `@`."""
    def matrix_exp(self) -> Tensor:
        """The exponential of square matrices: the sum of A^k / k!."""
    def matrix_power(self, n: _int) -> Tensor:
        """A matrix (or batch of matrices) times itself, `n` factors."""
    @overload
    def max(self, other: Tensor) -> Tensor:
        """The larger of the two; NaN if either is. Shapes: (*), (*) -> broadcast."""
    @overload
    def max(self, dim: _int, keepdim: _bool = False) -> return_types.max:
        """The largest elements along `dim`, and their places."""
    @overload
    def max(self) -> Tensor:
        """The largest element. Shapes: (*) -> ()."""
    def maximum(self, other: Tensor) -> Tensor:
        """The larger of the two; NaN if either is. Shapes: (*), (*) -> broadcast."""
    @overload
    def mean(self, *, dtype: _DType | None = None) -> Tensor:
        """The mean of all elements. Shapes: (*) -> ()."""
    @overload
    def mean(self, dim: _int | Sequence[_int] | None, keepdim: _bool = False, *, dtype: _DType | None = None) -> Tensor:
        """Means over dimensions. Shapes: (*) -> (* without dim)."""
    @overload
    def median(self) -> Tensor:
        """The median of all elements; of two in the middle the lower one, and NaN if there is one."""
    @overload
    def median(self, dim: _int, keepdim: _bool = False) -> return_types.median:
        """Medians along `dim`, and their places."""
    @overload
    def min(self, other: Tensor) -> Tensor:
        """The smaller of the two; NaN if either is. Shapes: (*), (*) -> broadcast."""
    @overload
    def min(self, dim: _int, keepdim: _bool = False) -> return_types.min:
        """The smallest elements along `dim`, and their places."""
    @overload
    def min(self) -> Tensor:
        """The smallest element. Shapes: (*) -> ()."""
    def minimum(self, other: Tensor) -> Tensor:
        """The smaller of the two; NaN if either is. Shapes: (*), (*) -> broadcast."""
    def mm(self, mat2: Tensor) -> Tensor:
        """The product of two matrices."""
    def mode(self, dim: _int = -1, keepdim: _bool = False) -> return_types.mode:
        """The most frequent elements along `dim` (of equally frequent ones the smallest), and places where they are."""
    def moveaxis(self, source: _int | Sequence[_int], destination: _int | Sequence[_int]) -> Tensor:
        """Dimensions moved from `source` to `destination`; the others keep their order."""
    def movedim(self, source: _int | Sequence[_int], destination: _int | Sequence[_int]) -> Tensor:
        """Dimensions moved from `source` to `destination`; the others keep their order."""
    def msort(self) -> Tensor:
        """The elements along the first dimension in order."""
    def mul(self, other: Tensor | _Number) -> Tensor:
        """The product. Shapes: (*), (*) -> broadcast."""
    def mul_(self, other: Tensor | _Number) -> Self:
        """The product. In place."""
    def multinomial(
        self, num_samples: _int, replacement: _bool = False, *, generator: Generator | None = None
    ) -> Tensor:
        """Indices drawn with the weights in `input` (of each row), which need not sum to 1."""
    def multiply(self, other: Tensor | _Number) -> Tensor:
        """The product. Shapes: (*), (*) -> broadcast."""
    def multiply_(self, other: Tensor | _Number) -> Self:
        """The product. In place."""
    def mv(self, vec: Tensor) -> Tensor:
        """A matrix times a vector."""
    def mvlgamma(self, p: _int) -> Tensor:
        """The logarithm of the multivariate gamma function of dimension `p`."""
    def mvlgamma_(self, p: _int) -> Self:
        """The logarithm of the multivariate gamma function of dimension `p`. In place."""
    def nan_to_num(
        self, nan: _float | None = None, posinf: _float | None = None, neginf: _float | None = None
    ) -> Tensor:
        """NaN and infinities replaced by numbers: 0 (or `nan`), the largest and smallest of the dtype (or `posinf`,
        `neginf`)."""
    def nan_to_num_(
        self, nan: _float | None = None, posinf: _float | None = None, neginf: _float | None = None
    ) -> Self:
        """NaN and infinities replaced by numbers: 0 (or `nan`), the largest and smallest of the dtype (or `posinf`,
        `neginf`). In place."""
    def nanmean(
        self, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False, *, dtype: _DType | None = None
    ) -> Tensor:
        """Means in which NaN does not count."""
    @overload
    def nanmedian(self) -> Tensor:
        """The median of all elements that are not NaN."""
    @overload
    def nanmedian(self, dim: _int, keepdim: _bool = False) -> return_types.nanmedian:
        """Medians along `dim` of what is not NaN, and their places."""
    @overload
    def nanquantile(
        self, q: Tensor, dim: _int | None = None, keepdim: _bool = False, *, interpolation: str = "linear"
    ) -> Tensor:
        """Quantiles of the elements that are not NaN."""
    @overload
    def nanquantile(
        self, q: _float, dim: _int | None = None, keepdim: _bool = False, *, interpolation: str = "linear"
    ) -> Tensor:
        """The quantile of the elements that are not NaN."""
    def nansum(
        self, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False, *, dtype: _DType | None = None
    ) -> Tensor:
        """Sums in which NaN counts as 0."""
    @overload
    def narrow(self, dim: _int, start: _int, length: _int) -> Tensor:
        """`length` elements of `dim` from `start` on."""
    @overload
    def narrow(self, dim: _int, start: Tensor, length: _int) -> Tensor:
        """`length` elements of `dim` from `start` on, which is a tensor of one integer."""
    def narrow_copy(self, dim: _int, start: _int, length: _int) -> Tensor:
        """A copy of `length` elements of `dim` from `start` on."""
    def ne(self, other: Tensor | _Number) -> Tensor:
        """input != other. Shapes: (*), (*) -> broadcast."""
    def ne_(self, other: Tensor | _Number) -> Self:
        """input != other. In place."""
    def neg(self) -> Tensor:
        """-x. Shapes: (*) -> (*)."""
    def neg_(self) -> Self:
        """-x. In place."""
    def negative(self) -> Tensor:
        """-x. Shapes: (*) -> (*)."""
    def negative_(self) -> Self:
        """-x. In place."""
    @overload
    def new_empty(
        self,
        size: Sequence[_int],
        *,
        dtype: _DType | None = None,
        device: _Device | None = None,
        layout: _layout | None = None,
        requires_grad: _bool = False,
        pin_memory: _bool = False,
    ) -> Tensor:
        """Memory that is not set, of another shape, in this tensor's dtype."""
    @overload
    def new_empty(
        self,
        *size: _int,
        dtype: _DType | None = None,
        device: _Device | None = None,
        layout: _layout | None = None,
        requires_grad: _bool = False,
        pin_memory: _bool = False,
    ) -> Tensor: ...
    def new_empty_strided(
        self,
        size: _int | Sequence[_int],
        stride: _int | Sequence[_int],
        *,
        dtype: _DType | None = None,
        device: _Device | None = None,
        layout: _layout | None = None,
        requires_grad: _bool = False,
        pin_memory: _bool = False,
    ) -> Tensor:
        """Memory that is not set, of another shape and with given strides, in this tensor's dtype."""
    def new_full(
        self,
        size: Sequence[_int],
        fill_value: _Number,
        *,
        dtype: _DType | None = None,
        device: _Device | None = None,
        layout: _layout | None = None,
        requires_grad: _bool = False,
        pin_memory: _bool = False,
    ) -> Tensor:
        """One value in another shape, in this tensor's dtype."""
    @overload
    def new_ones(
        self,
        size: Sequence[_int],
        *,
        dtype: _DType | None = None,
        device: _Device | None = None,
        layout: _layout | None = None,
        requires_grad: _bool = False,
        pin_memory: _bool = False,
    ) -> Tensor:
        """Ones of another shape, in this tensor's dtype."""
    @overload
    def new_ones(
        self,
        *size: _int,
        dtype: _DType | None = None,
        device: _Device | None = None,
        layout: _layout | None = None,
        requires_grad: _bool = False,
        pin_memory: _bool = False,
    ) -> Tensor: ...
    @overload
    def new_zeros(
        self,
        size: Sequence[_int],
        *,
        dtype: _DType | None = None,
        device: _Device | None = None,
        layout: _layout | None = None,
        requires_grad: _bool = False,
        pin_memory: _bool = False,
    ) -> Tensor:
        """Zeros of another shape, in this tensor's dtype."""
    @overload
    def new_zeros(
        self,
        *size: _int,
        dtype: _DType | None = None,
        device: _Device | None = None,
        layout: _layout | None = None,
        requires_grad: _bool = False,
        pin_memory: _bool = False,
    ) -> Tensor: ...
    def nextafter(self, other: Tensor) -> Tensor:
        """The next number after input towards other."""
    def nextafter_(self, other: Tensor) -> Self:
        """The next number after input towards other. In place."""
    def nonzero_static(self, *, size: _int, fill_value: _int = -1) -> Tensor:
        """The positions of the first `size` elements that are not 0; where there are fewer, rows of `fill_value`
        follow."""
    @overload
    def norm(
        self,
        p: _Number | None = 2,
        dim: _int | Sequence[_int] | None = None,
        keepdim: _bool = False,
        *,
        dtype: _DType | None = None,
    ) -> Tensor:
        """The `p`-norm over `dim`, or of all elements."""
    @overload
    def norm(
        self, p: str, dim: _int | Sequence[_int] | None = None, keepdim: _bool = False, *, dtype: _DType | None = None
    ) -> Tensor:
        """The Frobenius norm ("fro") over `dim`, or of all elements."""
    def normal_(self, mean: _float = 0, std: _float = 1, *, generator: Generator | None = None) -> Tensor:
        """Fills with normal numbers."""
    def not_equal(self, other: Tensor | _Number) -> Tensor:
        """input != other. Shapes: (*), (*) -> broadcast."""
    def not_equal_(self, other: Tensor | _Number) -> Self:
        """input != other. In place."""
    def orgqr(self, input2: Tensor) -> Tensor:
        """The first columns of the product of Householder reflections, whose vectors stand below the diagonal of
        `input`."""
    def ormqr(self, input2: Tensor, input3: Tensor, left: _bool = True, transpose: _bool = False) -> Tensor:
        """The product of Q, given by Householder reflections, and `input3`: Q C, or C Q (`left` false), or with the
        adjoint of Q (`transpose`)."""
    def outer(self, vec2: Tensor) -> Tensor:
        """The matrix of all products of two vectors' elements."""
    @overload
    def permute(self, dims: Sequence[_int]) -> Tensor:
        """Dimensions in the given order."""
    @overload
    def permute(self, *dims: _int) -> Tensor: ...
    def pinverse(self, rcond: _float = 1e-15) -> Tensor:
        """The pseudo-inverse: singular values up to rcond * the largest count as 0."""
    def polygamma(self, n: _int) -> Tensor:
        """The `n`-th derivative of digamma at this tensor's elements."""
    def polygamma_(self, n: _int) -> Self:
        """The `n`-th derivative of digamma at this tensor's elements. In place."""
    def positive(self) -> Tensor:
        """x itself."""
    @overload
    def pow(self, exponent: _Number) -> Tensor:
        """input to the power of a number. Shapes: (*) -> (*)."""
    @overload
    def pow(self, exponent: Tensor | _Number) -> Tensor:
        """input to the power of exponent, elementwise. Shapes: (*), (*) -> broadcast."""
    @overload
    def pow_(self, exponent: _Number) -> Self:
        """input to the power of a number. In place."""
    @overload
    def pow_(self, exponent: Tensor | _Number) -> Self:
        """input to the power of exponent, elementwise. In place."""
    def prelu(self, weight: Tensor) -> Tensor:
        """x above 0, weight * x below; `weight` holds one slope, or one for each channel (dimension 1)."""
    @overload
    def prod(self, *, dtype: _DType | None = None) -> Tensor:
        """The product of all elements. Shapes: (*) -> ()."""
    @overload
    def prod(self, dim: _int, keepdim: _bool = False, *, dtype: _DType | None = None) -> Tensor:
        """Products over a dimension. Shapes: (*) -> (* without dim)."""
    def put(self, index: Tensor, source: Tensor, accumulate: _bool = False) -> Tensor:
        """`input` with `source` written (or added) at positions of the flattened tensor."""
    def put_(self, index: Tensor, source: Tensor, accumulate: _bool = False) -> Self:
        """`input` with `source` written (or added) at positions of the flattened tensor. In place."""
    def qr(self, some: _bool = True) -> return_types.qr:
        """Q and R of matrices (`some` false: all columns of Q)."""
    @overload
    def quantile(
        self, q: Tensor, dim: _int | None = None, keepdim: _bool = False, *, interpolation: str = "linear"
    ) -> Tensor:
        """The `q`-th quantiles along `dim` (of all elements without it); `interpolation` says what lies between two
        elements."""
    @overload
    def quantile(
        self, q: _float, dim: _int | None = None, keepdim: _bool = False, *, interpolation: str = "linear"
    ) -> Tensor:
        """The `q`-th quantile along `dim` (of all elements without it)."""
    def rad2deg(self) -> Tensor:
        """Degrees from radians. Shapes: (*) -> (*)."""
    def rad2deg_(self) -> Self:
        """Degrees from radians. In place."""
    @overload
    def random_(self, from_: _int, to: _int | None, *, generator: Generator | None = None) -> Tensor:
        """Fills with integers from [from, to); without `to`, up to the largest that the dtype holds exactly."""
    @overload
    def random_(self, to: _int, *, generator: Generator | None = None) -> Tensor:
        """Fills with integers from [0, to)."""
    @overload
    def random_(self, *, generator: Generator | None = None) -> Tensor:
        """Fills with integers from 0 to the largest of an integer type, or to 2 to the digits of a floating one."""
    def ravel(self) -> Tensor:
        """All elements in one dimension."""
    def reciprocal(self) -> Tensor:
        """1 / x. Shapes: (*) -> (*)."""
    def reciprocal_(self) -> Self:
        """1 / x. In place."""
    def relu(self) -> Tensor:
        """max(x, 0). Shapes: (*) -> (*)."""
    def relu_(self) -> Self:
        """max(x, 0). In place."""
    def remainder(self, other: Tensor | _Number) -> Tensor:
        """Python's remainder: the sign is the divisor's. Shapes: (*), (*) -> broadcast."""
    def remainder_(self, other: Tensor | _Number) -> Self:
        """Python's remainder: the sign is the divisor's. In place."""
    def renorm(self, p: _Number, dim: _int, maxnorm: _Number) -> Tensor:
        """Slices along `dim` brought down to `maxnorm` where their `p`-norm is larger."""
    def renorm_(self, p: _Number, dim: _int, maxnorm: _Number) -> Self:
        """Slices along `dim` brought down to `maxnorm` where their `p`-norm is larger. In place."""
    @overload
    def repeat(self, repeats: Sequence[_int]) -> Tensor:
        """The tensor repeated along each dimension, by copying."""
    @overload
    def repeat(self, *repeats: _int) -> Tensor: ...
    @overload
    def repeat_interleave(self, repeats: Tensor, dim: _int | None = None, *, output_size: _int | None = None) -> Tensor:
        """Each element repeated as often as `repeats` says for it; without `dim`, of the flattened tensor."""
    @overload
    def repeat_interleave(self, repeats: _int, dim: _int | None = None, *, output_size: _int | None = None) -> Tensor:
        """Each element repeated `repeats` times; without `dim`, of the flattened tensor."""
    @overload
    def reshape(self, shape: Sequence[_int]) -> Tensor:
        """The same elements in another shape: a view where the strides allow it, else a copy."""
    @overload
    def reshape(self, *shape: _int) -> Tensor: ...
    def reshape_as(self, other: Tensor) -> Tensor:
        """The shape of `other`."""
    def resolve_conj(self) -> Tensor:
        """The tensor itself: conjugates are computed at once here, none is left to be resolved."""
    def resolve_neg(self) -> Tensor:
        """The tensor itself: negations are computed at once here, none is left to be resolved."""
    def roll(self, shifts: _int | Sequence[_int], dims: _int | Sequence[_int] = ()) -> Tensor:
        """Elements moved by `shifts` along `dims`, those at the end coming back at the start; without `dims`, of the
        flattened tensor."""
    def rot90(self, k: _int = 1, dims: _int | Sequence[_int] = (0, 1)) -> Tensor:
        """Turned by `k` quarters in the plane of two dimensions, from the first towards the second."""
    @overload
    def round(self) -> Tensor:
        """The nearest whole number, halves to the even one. Shapes: (*) -> (*)."""
    @overload
    def round(self, *, decimals: _int) -> Tensor:
        """Rounded to `decimals` digits behind the point. Shapes: (*) -> (*)."""
    @overload
    def round_(self) -> Self:
        """The nearest whole number, halves to the even one. In place."""
    @overload
    def round_(self, *, decimals: _int) -> Self:
        """Rounded to `decimals` digits behind the point. In place."""
    def rsqrt(self) -> Tensor:
        """1 / sqrt(x). Shapes: (*) -> (*)."""
    def rsqrt_(self) -> Self:
        """1 / sqrt(x). In place."""
    def rsub(self, other: Tensor | _Number, *, alpha: _Number | None = None) -> Tensor:
        """other - alpha * input. Shapes: (*), (*) -> broadcast."""
    @overload
    def scatter(self, dim: _int, index: Tensor, src: Tensor) -> Tensor:
        """`input` with, for `dim` 1, `out[i][index[i][j]] = src[i][j]`."""
    @overload
    def scatter(self, dim: _int, index: Tensor, value: _Number) -> Tensor:
        """`input` with `value` at the places that `index` names along `dim`."""
    @overload
    def scatter(self, dim: _int, index: Tensor, src: Tensor, *, reduce: str) -> Tensor:
        """`input` with `src` added or multiplied at the places that `index` names along `dim`."""
    @overload
    def scatter(self, dim: _int, index: Tensor, value: _Number, *, reduce: str) -> Tensor:
        """`input` with `value` added or multiplied at the places that `index` names along `dim`."""
    @overload
    def scatter_(self, dim: _int, index: Tensor, src: Tensor) -> Self:
        """`input` with, for `dim` 1, `out[i][index[i][j]] = src[i][j]`. In place."""
    @overload
    def scatter_(self, dim: _int, index: Tensor, value: _Number) -> Self:
        """`input` with `value` at the places that `index` names along `dim`. In place."""
    @overload
    def scatter_(self, dim: _int, index: Tensor, src: Tensor, *, reduce: str) -> Self:
        """`input` with `src` added or multiplied at the places that `index` names along `dim`. In place."""
    @overload
    def scatter_(self, dim: _int, index: Tensor, value: _Number, *, reduce: str) -> Self:
        """`input` with `value` added or multiplied at the places that `index` names along `dim`. In place."""
    def scatter_add(self, dim: _int, index: Tensor, src: Tensor) -> Tensor:
        """`input` with `src` added at the places that `index` names along `dim`."""
    def scatter_add_(self, dim: _int, index: Tensor, src: Tensor) -> Self:
        """`input` with `src` added at the places that `index` names along `dim`. In place."""
    def scatter_reduce(
        self, dim: _int, index: Tensor, src: Tensor, reduce: str, *, include_self: _bool = True
    ) -> Tensor:
        """`input` with `src` joined at the places that `index` names along `dim` by `reduce` (sum, prod, mean, amax,
        amin)."""
    def scatter_reduce_(
        self, dim: _int, index: Tensor, src: Tensor, reduce: str, *, include_self: _bool = True
    ) -> Self:
        """`input` with `src` joined at the places that `index` names along `dim` by `reduce` (sum, prod, mean, amax,
        amin). In place."""
    def select(self, dim: _int, index: _int) -> Tensor:
        """What is at `index` of one dimension, which goes away."""
    def select_scatter(self, src: Tensor, dim: _int, index: _int) -> Tensor:
        """`input` with `src` at `index` of `dim`."""
    def sgn(self) -> Tensor:
        """The sign; of a complex number the number of length 1 in its direction. Shapes: (*) -> (*)."""
    def sgn_(self) -> Self:
        """The sign; of a complex number the number of length 1 in its direction. In place."""
    def sigmoid(self) -> Tensor:
        """1 / (1 + exp(-x)). Shapes: (*) -> (*)."""
    def sigmoid_(self) -> Self:
        """1 / (1 + exp(-x)). In place."""
    def sign(self) -> Tensor:
        """-1, 0 or 1 by the sign of each element. Shapes: (*) -> (*)."""
    def sign_(self) -> Self:
        """-1, 0 or 1 by the sign of each element. In place."""
    def signbit(self) -> Tensor:
        """Is the sign bit set? (True for -0.0 too.) Shapes: (*) -> (*)."""
    def sin(self) -> Tensor:
        """The sine of each element, in radians. Shapes: (*) -> (*)."""
    def sin_(self) -> Self:
        """The sine of each element, in radians. In place."""
    def sinc(self) -> Tensor:
        """sin(pi x) / (pi x), 1 at 0. Shapes: (*) -> (*)."""
    def sinc_(self) -> Self:
        """sin(pi x) / (pi x), 1 at 0. In place."""
    def sinh(self) -> Tensor:
        """The hyperbolic sine. Shapes: (*) -> (*)."""
    def sinh_(self) -> Self:
        """The hyperbolic sine. In place."""
    def slice_scatter(
        self, src: Tensor, dim: _int = 0, start: _int | None = None, end: _int | None = None, step: _int = 1
    ) -> Tensor:
        """`input` with `src` at a slice of `dim`."""
    def slogdet(self) -> return_types.slogdet:
        """The sign (or phase) of the determinant and the logarithm of its absolute value."""
    def softmax(self, dim: _int, dtype: _DType | None = None) -> Tensor:
        """exp(x) / sum(exp(x)) along `dim`: positive numbers that sum to 1."""
    @overload
    def sort(self, dim: _int = -1, descending: _bool = False) -> return_types.sort:
        """The elements along `dim` in order, and where they were. Equal ones keep their order; NaN is the largest."""
    @overload
    def sort(self, *, stable: _bool | None = None, dim: _int = -1, descending: _bool = False) -> return_types.sort:
        """The elements along `dim` in order, and where they were. Every sort is stable, asked for or not."""
    def sparse_mask(self, mask: Tensor) -> Tensor:
        """The elements of `input` at the places of the sparse tensor `mask`."""
    def split_with_sizes(self, split_sizes: _int | Sequence[_int], dim: _int = 0) -> tuple[Tensor, ...]:
        """Pieces of the given sizes along `dim`."""
    def sqrt(self) -> Tensor:
        """The square root of each element; NaN for negative ones. Shapes: (*) -> (*)."""
    def sqrt_(self) -> Self:
        """The square root of each element; NaN for negative ones. In place."""
    def square(self) -> Tensor:
        """x * x; bools are counted as integers."""
    def square_(self) -> Self:
        """x * x; bools are counted as integers. In place."""
    @overload
    def squeeze(self) -> Tensor:
        """All dimensions of size 1 taken away."""
    @overload
    def squeeze(self, dim: _int) -> Tensor:
        """A dimension taken away if its size is 1."""
    @overload
    def squeeze(self, dim: _int | Sequence[_int]) -> Tensor:
        """Dimensions taken away where their size is 1."""
    @overload
    def squeeze_(self) -> Self:
        """All dimensions of size 1 taken away. In place."""
    @overload
    def squeeze_(self, dim: _int) -> Self:
        """A dimension taken away if its size is 1. In place."""
    @overload
    def squeeze_(self, dim: _int | Sequence[_int]) -> Self:
        """Dimensions taken away where their size is 1. In place."""
    @overload
    def std(
        self, dim: _int | Sequence[_int] | None = None, *, correction: _Number | None = None, keepdim: _bool = False
    ) -> Tensor:
        """The standard deviation over `dim`: the root of the variance."""
    @overload
    def std(self, dim: _int | Sequence[_int] | None, unbiased: _bool = True, keepdim: _bool = False) -> Tensor:
        """The standard deviation over `dim`: over n - 1, or over n unless `unbiased`."""
    @overload
    def std(self, unbiased: _bool = True) -> Tensor:
        """The standard deviation of all elements: over n - 1, or over n unless `unbiased`."""
    def stft(
        self,
        n_fft: _int,
        hop_length: _int | None = None,
        win_length: _int | None = None,
        window: Tensor | None = None,
        center: _bool = True,
        pad_mode: str = "reflect",
        normalized: _bool = False,
        onesided: _bool | None = None,
        return_complex: _bool | None = None,
        align_to_window: _bool | None = None,
    ) -> Tensor:
        """The Fourier transforms of windows of `n_fft` elements, every `hop_length`: (..., frequencies, windows).
        `center` pads so that window t is around element t * hop_length."""
    def sub(self, other: Tensor | _Number, *, alpha: _Number | None = None) -> Tensor:
        """input - alpha * other. Shapes: (*), (*) -> broadcast."""
    def sub_(self, other: Tensor | _Number, *, alpha: _Number | None = None) -> Self:
        """input - alpha * other. In place."""
    def subtract(self, other: Tensor | _Number, *, alpha: _Number | None = None) -> Tensor:
        """input - alpha * other. Shapes: (*), (*) -> broadcast."""
    def subtract_(self, other: Tensor | _Number, *, alpha: _Number | None = None) -> Self:
        """input - alpha * other. In place."""
    @overload
    def sum(self, *, dtype: _DType | None = None) -> Tensor:
        """The sum of all elements. Integers are summed in int64. Shapes: (*) -> ()."""
    @overload
    def sum(self, dim: _int | Sequence[_int] | None, keepdim: _bool = False, *, dtype: _DType | None = None) -> Tensor:
        """Sums over dimensions. Shapes: (*) -> (* without dim)."""
    @overload
    def sum_to_size(self, size: Sequence[_int]) -> Tensor:
        """The gradients of a broadcast input: summed to `size`."""
    @overload
    def sum_to_size(self, *size: _int) -> Tensor: ...
    def svd(self, some: _bool = True, compute_uv: _bool = True) -> return_types.svd:
        """U, S and V in A = U S V^H (`some` false: all vectors; `compute_uv` false: zeros instead of vectors)."""
    def swapaxes(self, dim0: _int, dim1: _int) -> Tensor:
        """Two dimensions exchanged."""
    def swapaxes_(self, dim0: _int, dim1: _int) -> Self:
        """Two dimensions exchanged. In place."""
    def swapdims(self, dim0: _int, dim1: _int) -> Tensor:
        """Two dimensions exchanged."""
    def swapdims_(self, dim0: _int, dim1: _int) -> Self:
        """Two dimensions exchanged. In place."""
    def t(self) -> Tensor:
        """The transpose of a matrix; a vector stays."""
    def t_(self) -> Self:
        """The transpose of a matrix; a vector stays. In place."""
    def take(self, index: Tensor) -> Tensor:
        """The elements at positions of the flattened tensor."""
    def take_along_dim(self, indices: Tensor, dim: _int | None = None) -> Tensor:
        """`gather` with broadcasting along the other dimensions; without `dim`, of the flattened tensor."""
    def tan(self) -> Tensor:
        """The tangent of each element, in radians. Shapes: (*) -> (*)."""
    def tan_(self) -> Self:
        """The tangent of each element, in radians. In place."""
    def tanh(self) -> Tensor:
        """The hyperbolic tangent of each element. Shapes: (*) -> (*)."""
    def tanh_(self) -> Self:
        """The hyperbolic tangent of each element. In place."""
    @overload
    def tensor_split(self, tensor_indices_or_sections: Tensor, dim: _int = 0) -> tuple[Tensor, ...]:
        """Pieces of (nearly) equal size, or that begin at given places, along `dim`."""
    @overload
    def tensor_split(self, sections: _int, dim: _int = 0) -> tuple[Tensor, ...]:
        """`sections` pieces of (nearly) equal size along `dim`."""
    @overload
    def tensor_split(self, indices: _int | Sequence[_int], dim: _int = 0) -> tuple[Tensor, ...]:
        """Pieces that begin at `indices` along `dim`."""
    @overload
    def tile(self, dims: Sequence[_int]) -> Tensor:
        """`repeat` that adds leading dimensions where `dims` has fewer."""
    @overload
    def tile(self, *dims: _int) -> Tensor: ...
    def to_dense(self, dtype: _DType | None = None, *, masked_grad: _bool | None = None) -> Tensor:
        """The strided tensor with the same elements."""
    def to_sparse(self, sparse_dim: _int | None = None) -> Tensor:
        """The sparse tensor with the elements that are not zero; over the first `sparse_dim` dimensions, with slices as
        values."""
    def topk(self, k: _int, dim: _int = -1, largest: _bool = True, sorted: _bool = True) -> return_types.topk:
        """The `k` largest (or smallest) elements along `dim` and their places, in order if `sorted`."""
    def trace(self) -> Tensor:
        """The sum of the diagonal of a matrix."""
    def transpose(self, dim0: _int, dim1: _int) -> Tensor:
        """Two dimensions exchanged."""
    def transpose_(self, dim0: _int, dim1: _int) -> Self:
        """Two dimensions exchanged. In place."""
    def triangular_solve(
        self, A: Tensor, upper: _bool = True, transpose: _bool = False, unitriangular: _bool = False
    ) -> return_types.triangular_solve:
        """X in A X = `input` for a triangular A (`transpose`: its transpose), and a copy of A."""
    def tril(self, diagonal: _int = 0) -> Tensor:
        """The lower triangle of matrices: zeros above the diagonal `diagonal`."""
    def tril_(self, diagonal: _int = 0) -> Self:
        """The lower triangle of matrices: zeros above the diagonal `diagonal`. In place."""
    def triu(self, diagonal: _int = 0) -> Tensor:
        """The upper triangle of matrices: zeros below the diagonal `diagonal`."""
    def triu_(self, diagonal: _int = 0) -> Self:
        """The upper triangle of matrices: zeros below the diagonal `diagonal`. In place."""
    def true_divide(self, other: Tensor | _Number) -> Tensor:
        """The quotient; `rounding_mode` None is true division, "trunc" cuts, "floor" rounds down. Shapes: (*), (*) ->
        broadcast."""
    def true_divide_(self, other: Tensor | _Number) -> Self:
        """The quotient; `rounding_mode` None is true division, "trunc" cuts, "floor" rounds down. In place."""
    def trunc(self) -> Tensor:
        """The whole part. Shapes: (*) -> (*)."""
    def trunc_(self) -> Self:
        """The whole part. In place."""
    def unbind(self, dim: _int = 0) -> tuple[Tensor, ...]:
        """One tensor for each place of `dim`."""
    def unflatten(self, dim: _int, sizes: _int | Sequence[_int]) -> Tensor:
        """One dimension as several."""
    def unfold(self, dimension: _int, size: _int, step: _int) -> Tensor:
        """Windows of `size` elements of `dimension`, every `step`; they come as a new last dimension."""
    def uniform_(self, from_: _float = 0, to: _float = 1, *, generator: Generator | None = None) -> Tensor:
        """Fills with numbers from [from, to)."""
    def unsqueeze(self, dim: _int) -> Tensor:
        """A dimension of size 1 put in."""
    def unsqueeze_(self, dim: _int) -> Self:
        """A dimension of size 1 put in. In place."""
    def values(self) -> Tensor:
        """The values of a coalesced sparse tensor [columns, dense dimensions ...]."""
    @overload
    def var(
        self, dim: _int | Sequence[_int] | None = None, *, correction: _Number | None = None, keepdim: _bool = False
    ) -> Tensor:
        """The variance over `dim`: the sum of squared distances from the mean over n - `correction` (1 if not
        given)."""
    @overload
    def var(self, dim: _int | Sequence[_int] | None, unbiased: _bool = True, keepdim: _bool = False) -> Tensor:
        """The variance over `dim`: over n - 1, or over n unless `unbiased`."""
    @overload
    def var(self, unbiased: _bool = True) -> Tensor:
        """The variance of all elements: over n - 1, or over n unless `unbiased`."""
    def vdot(self, other: Tensor) -> Tensor:
        """The sum of products of two vectors, the first conjugated."""
    @overload
    def view(self, size: Sequence[_int]) -> Tensor:
        """The same elements in another shape, without a copy; -1 stands for what is left over."""
    @overload
    def view(self, *size: _int) -> Tensor: ...
    @overload
    def view(self, dtype: _DType) -> Tensor:
        """The memory read as another dtype."""
    def view_as(self, other: Tensor) -> Tensor:
        """The shape of `other`."""
    @overload
    def vsplit(self, sections: _int) -> tuple[Tensor, ...]:
        """Equal pieces one under the other."""
    @overload
    def vsplit(self, indices: _int | Sequence[_int]) -> tuple[Tensor, ...]:
        """Pieces one under the other."""
    def where(self, condition: Tensor, other: Tensor | _Number) -> Tensor:
        """This tensor where `condition` is true, else `other`."""
    def xlogy(self, other: Tensor | _Number) -> Tensor:
        """input * log(other), 0 where input is 0. Shapes: (*), (*) -> broadcast."""
    def xlogy_(self, other: Tensor | _Number) -> Self:
        """input * log(other), 0 where input is 0. In place."""
    def zero_(self) -> Tensor:
        """Writes 0 into every element."""
    def __delitem__(self, key: Any, /) -> Any: ...
    @classmethod
    def __init_subclass__(cls, **kwargs: Any) -> Any: ...
    def __rdiv__(self, other: Any) -> Any: ...
    def __reversed__(self) -> Any: ...
    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = ..., kwargs: Any = None) -> Any: ...
    def apply_(self, callable: Any) -> Any: ...
    def dense_dim(self, *args: Any, **kwargs: Any) -> Any: ...
    def fill_diagonal_(self, fill_value: Any, wrap: Any = False) -> Any: ...
    def histogram(self, *args: Any, **kwargs: Any) -> Any: ...
    def is_coalesced(self, *args: Any, **kwargs: Any) -> Any: ...
    @property
    def is_ipu(self) -> Any: ...
    @property
    def is_maia(self) -> Any: ...
    @property
    def is_mps(self) -> Any: ...
    @property
    def is_mtia(self) -> Any: ...
    def is_nonzero(input: Any) -> Any: ...
    def is_pinned(self, device: Any = None) -> Any: ...
    def is_same_size(self, other: Any) -> Any: ...
    def is_shared(self) -> Any: ...
    @property
    def is_vulkan(self) -> Any: ...
    @property
    def is_xla(self) -> Any: ...
    @property
    def is_xpu(self) -> Any: ...
    def lu(self, pivot: Any = True, get_infos: Any = False) -> Any: ...
    @property
    def mH(self) -> Any: ...
    def map_(self, tensor: Any, callable: Any) -> Any: ...
    name: None
    def new(self, *args: Any, device: Any = None) -> Any: ...
    def new_tensor(
        self,
        data: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: Any = False,
        layout: Any = None,
        pin_memory: Any = False,
    ) -> Any: ...
    def pin_memory(self, device: Any = None) -> Any: ...
    def resize_(self, *sizes: Any, memory_format: Any = None) -> Any: ...
    def resize_as_(self, the_template: Any, memory_format: Any = None) -> Any: ...
    def set_(self, source: Any = None, storage_offset: Any = 0, size: Any = None, stride: Any = None) -> Any: ...
    def share_memory_(self) -> Any: ...
    def sparse_dim(self, *args: Any, **kwargs: Any) -> Any: ...
    def storage(self) -> Any: ...
    def to_sparse_coo(self, *args: Any, **kwargs: Any) -> Any: ...
    def unique(
        input: Any, sorted: Any = True, return_inverse: Any = False, return_counts: Any = False, dim: Any = None
    ) -> Any: ...
    def unique_consecutive(
        input: Any, return_inverse: Any = False, return_counts: Any = False, dim: Any = None
    ) -> Any: ...
    def untyped_storage(self) -> Any: ...

def tensor(
    data: Any,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """A tensor with a copy of numbers, nested lists, arrays."""

def as_tensor(data: Any, dtype: _DType | None = None, device: _Device | None = None) -> Tensor:
    """A tensor of these data, on the same memory where that is possible."""

def frombuffer(
    buffer: Any, *, dtype: _DType, count: _int = ..., offset: _int = 0, requires_grad: _bool = False
) -> Tensor:
    """A tensor on the memory of an object with the buffer protocol."""

def get_num_threads() -> _int:
    """How many threads kernels use."""

def set_num_threads(n: _int) -> None:
    """Sets how many threads kernels use."""

def set_default_dtype(d: _dtype) -> None:
    """Sets the dtype of new floating-point tensors."""

def get_default_dtype() -> _dtype: ...
def promote_types(type1: _dtype, type2: _dtype) -> _dtype:
    """The dtype that both promote to."""

def can_cast(from_: _dtype, to: _dtype) -> _bool:
    """May a result of dtype `from_` be written into a tensor of dtype `to`?"""

def is_grad_enabled() -> _bool: ...
def is_inference_mode_enabled() -> _bool: ...
default_generator: Generator
def _set_default_device(device: Any = None) -> Any: ...
bool: dtype
uint8: dtype
int8: dtype
int16: dtype
int32: dtype
int64: dtype
float16: dtype
bfloat16: dtype
float32: dtype
float64: dtype
complex64: dtype
complex128: dtype
float: dtype
double: dtype
half: dtype
short: dtype
int: dtype
long: dtype
cfloat: dtype
cdouble: dtype
contiguous_format: memory_format
preserve_format: memory_format
channels_last: memory_format
channels_last_3d: memory_format
strided: layout
sparse_coo: layout
def _set_size_class(*args: Any, **kwargs: Any) -> Any: ...
def _legacy_tensor(dtype: Any, *args: Any) -> Any: ...
def from_numpy(ndarray: Any) -> Any: ...
def _array_interface(t: Any) -> Any: ...
def _storage_from_bytes(data: Any) -> Any: ...
def _storage_over(data: Any, offset: Any, nbytes: Any) -> Any: ...
def _storage_move(s: Any, to: Any) -> Any: ...
def _storage_owner(s: Any) -> Any: ...
def _storage_to_bytes(s: Any) -> Any: ...
def _tensor_from_storage(storage: Any, dtype: Any, offset: Any, size: Any, stride: Any) -> Any: ...
def _sparse_facts(t: Any) -> Any: ...
def _set_coalesced(t: Any, coalesced: Any) -> Any: ...
def _storage_of(t: Any) -> Any: ...
def _set_tensor(t: Any, other: Any) -> Any: ...
def _resize(t: Any, sizes: Any) -> Any: ...
def _body_text(t: Any, indent: Any, suffixes: Any) -> Any: ...
def _set_print_options(precision: Any, threshold: Any, edgeitems: Any, linewidth: Any, sci_mode: Any) -> Any: ...
def _needs_grad(args: Any) -> Any: ...
def _attach_function(
    name: Any, ctx: Any, inputs: Any, outputs: Any, dirty: Any, non_differentiable: Any, saved: Any
) -> Any: ...
def _backward(
    tensors: Any, grad_tensors: Any = None, retain_graph: Any = None, create_graph: Any = False, inputs: Any = None
) -> Any: ...
def _grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: Any = None,
    create_graph: Any = False,
    allow_unused: Any = None,
    materialize_grads: Any = False,
) -> Any: ...
def _set_grad_enabled(on: Any) -> Any: ...
def _set_inference_mode(on: Any) -> Any: ...
def _set_anomaly(v: Any) -> Any: ...
def _accumulator(t: Any) -> Any: ...

@disjoint_base
class _NoGrad:
    def __enter__(*args: Any, **kwargs: Any) -> Any: ...
    def __exit__(*args: Any, **kwargs: Any) -> Any: ...


@disjoint_base
class _EnableGrad:
    def __enter__(*args: Any, **kwargs: Any) -> Any: ...
    def __exit__(*args: Any, **kwargs: Any) -> Any: ...

def _is_autocast_available(device_type: Any) -> Any: ...
def is_autocast_enabled(device_type: Any = None) -> Any: ...
def set_autocast_enabled(*args: Any) -> Any: ...
def get_autocast_dtype(device_type: Any) -> Any: ...
def set_autocast_dtype(device_type: Any, dtype: Any) -> Any: ...
def is_autocast_cache_enabled() -> Any: ...
def set_autocast_cache_enabled(enabled: Any) -> Any: ...
def autocast_increment_nesting() -> Any: ...
def autocast_decrement_nesting() -> Any: ...
def clear_autocast_cache() -> Any: ...
def _zero_grads(params: Any) -> Any: ...
def _parameters_of(module: Any) -> Any: ...
def _save_tensors(module: Any, destination: Any, prefix: Any, keep_vars: Any) -> Any: ...
def _set_parameter_class(*args: Any, **kwargs: Any) -> Any: ...
def _module_getattr(*args: Any, **kwargs: Any) -> Any: ...
def _overrides_exist() -> Any: ...
def _set_overrides_off(off: Any) -> Any: ...
def _push_mode(mode: Any) -> Any: ...
def _pop_mode() -> Any: ...
def _disabled_torch_function_impl(func: Any, types: Any, args: Any = None, kwargs: Any = None) -> Any: ...
def _has_torch_function(args: Any) -> Any: ...
def _ask_overrides(func: Any, args: Any, kwargs: Any) -> Any: ...
def _profiler_start(shapes: Any) -> Any: ...
def _profiler_stop() -> Any: ...
def _record_enter(name: Any) -> Any: ...
def _record_leave(at: Any) -> Any: ...
def _push_saved_hooks(pack: Any, unpack: Any) -> Any: ...
def _pop_saved_hooks() -> Any: ...
def _set_out_of_memory_error(*args: Any, **kwargs: Any) -> Any: ...
def _set_linalg_error(*args: Any, **kwargs: Any) -> Any: ...
def _operators(everything: Any = False) -> Any: ...
def _callables(everything: Any = False) -> Any: ...
def _call(name: Any, *args: Any, **kwargs: Any) -> Any: ...
def _cuda_text(name: Any) -> Any: ...
def _to_dlpack(tensor: Any, versioned: Any = False, copied: Any = False) -> Any: ...
def _from_dlpack(capsule: Any) -> Any: ...
_nn: Any
_spaces: dict[str, dict[str, Callable[..., Any]]]
__all__ = [
    "Tensor",
    "Generator",
    "default_generator",
    "dtype",
    "device",
    "_set_default_device",
    "layout",
    "memory_format",
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "float",
    "double",
    "half",
    "short",
    "int",
    "long",
    "cfloat",
    "cdouble",
    "contiguous_format",
    "preserve_format",
    "channels_last",
    "channels_last_3d",
    "strided",
    "sparse_coo",
    "_SizeBase",
    "_set_size_class",
    "set_default_dtype",
    "get_default_dtype",
    "promote_types",
    "can_cast",
    "tensor",
    "as_tensor",
    "_legacy_tensor",
    "from_numpy",
    "_array_interface",
    "frombuffer",
    "UntypedStorage",
    "_storage_from_bytes",
    "_storage_over",
    "_storage_move",
    "_storage_owner",
    "_storage_to_bytes",
    "_tensor_from_storage",
    "_sparse_facts",
    "_set_coalesced",
    "_storage_of",
    "_set_tensor",
    "_resize",
    "_body_text",
    "_set_print_options",
    "Node",
    "_needs_grad",
    "_attach_function",
    "_backward",
    "_grad",
    "is_grad_enabled",
    "_set_grad_enabled",
    "is_inference_mode_enabled",
    "_set_inference_mode",
    "_set_anomaly",
    "_accumulator",
    "_NoGrad",
    "_EnableGrad",
    "_is_autocast_available",
    "is_autocast_enabled",
    "set_autocast_enabled",
    "get_autocast_dtype",
    "set_autocast_dtype",
    "is_autocast_cache_enabled",
    "set_autocast_cache_enabled",
    "autocast_increment_nesting",
    "autocast_decrement_nesting",
    "clear_autocast_cache",
    "_zero_grads",
    "_parameters_of",
    "_save_tensors",
    "_set_parameter_class",
    "_Accessor",
    "_module_getattr",
    "_overrides_exist",
    "_set_overrides_off",
    "_push_mode",
    "_pop_mode",
    "_disabled_torch_function_impl",
    "_has_torch_function",
    "_ask_overrides",
    "_profiler_start",
    "_profiler_stop",
    "_record_enter",
    "_record_leave",
    "_push_saved_hooks",
    "_pop_saved_hooks",
    "_spaces",
    "_set_out_of_memory_error",
    "_set_linalg_error",
    "_operators",
    "_callables",
    "_call",
    "_cuda_text",
    "_to_dlpack",
    "_from_dlpack",
    "get_num_threads",
    "set_num_threads",
]
