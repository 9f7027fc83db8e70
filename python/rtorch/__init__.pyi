# Written by tests/stubs.py (make stubs) from the operator table; do not edit.

import builtins
from collections.abc import Sequence
from typing import Any, SupportsIndex, overload

from rtorch import accelerator as accelerator
from rtorch import amp as amp
from rtorch import autograd as autograd
from rtorch import backends as backends
from rtorch import compiler as compiler
from rtorch import cpu as cpu
from rtorch import cuda as cuda
from rtorch import distributed as distributed
from rtorch import distributions as distributions
from rtorch import fft as fft
from rtorch import func as func
from rtorch import functional as functional
from rtorch import futures as futures
from rtorch import fx as fx
from rtorch import hub as hub
from rtorch import jit as jit
from rtorch import library as library
from rtorch import linalg as linalg
from rtorch import masked as masked
from rtorch import metrics as metrics
from rtorch import multiprocessing as multiprocessing
from rtorch import nn as nn
from rtorch import onnx as onnx
from rtorch import optim as optim
from rtorch import overrides as overrides
from rtorch import profiler as profiler
from rtorch import random as random
from rtorch import return_types as return_types
from rtorch import safetensors as safetensors
from rtorch import serialization as serialization
from rtorch import signal as signal
from rtorch import sparse as sparse
from rtorch import special as special
from rtorch import storage as storage
from rtorch import testing as testing
from rtorch import torch_version as torch_version
from rtorch import types as types
from rtorch import utils as utils
from rtorch import version as version
from rtorch import vision as vision
from rtorch import xpu as xpu
from rtorch._C import as_tensor as as_tensor
from rtorch._C import autocast_decrement_nesting as autocast_decrement_nesting
from rtorch._C import autocast_increment_nesting as autocast_increment_nesting
from rtorch._C import bfloat16 as bfloat16
from rtorch._C import bool as bool
from rtorch._C import can_cast as can_cast
from rtorch._C import cdouble as cdouble
from rtorch._C import cfloat as cfloat
from rtorch._C import channels_last as channels_last
from rtorch._C import channels_last_3d as channels_last_3d
from rtorch._C import clear_autocast_cache as clear_autocast_cache
from rtorch._C import complex128 as complex128
from rtorch._C import complex64 as complex64
from rtorch._C import contiguous_format as contiguous_format
from rtorch._C import default_generator as default_generator
from rtorch._C import device as device
from rtorch._C import double as double
from rtorch._C import dtype as dtype
from rtorch._C import float as float
from rtorch._C import float16 as float16
from rtorch._C import float32 as float32
from rtorch._C import float64 as float64
from rtorch._C import from_numpy as from_numpy
from rtorch._C import frombuffer as frombuffer
from rtorch._C import Generator as Generator
from rtorch._C import get_autocast_dtype as get_autocast_dtype
from rtorch._C import get_default_dtype as get_default_dtype
from rtorch._C import get_num_threads as get_num_threads
from rtorch._C import half as half
from rtorch._C import int as int
from rtorch._C import int16 as int16
from rtorch._C import int32 as int32
from rtorch._C import int64 as int64
from rtorch._C import int8 as int8
from rtorch._C import is_autocast_cache_enabled as is_autocast_cache_enabled
from rtorch._C import is_autocast_enabled as is_autocast_enabled
from rtorch._C import is_grad_enabled as is_grad_enabled
from rtorch._C import is_inference_mode_enabled as is_inference_mode_enabled
from rtorch._C import layout as layout
from rtorch._C import long as long
from rtorch._C import memory_format as memory_format
from rtorch._C import Node as Node
from rtorch._C import preserve_format as preserve_format
from rtorch._C import promote_types as promote_types
from rtorch._C import set_autocast_cache_enabled as set_autocast_cache_enabled
from rtorch._C import set_autocast_dtype as set_autocast_dtype
from rtorch._C import set_autocast_enabled as set_autocast_enabled
from rtorch._C import set_default_dtype as set_default_dtype
from rtorch._C import set_num_threads as set_num_threads
from rtorch._C import short as short
from rtorch._C import sparse_coo as sparse_coo
from rtorch._C import strided as strided
from rtorch._C import Tensor as Tensor
from rtorch._C import tensor as tensor
from rtorch._C import uint8 as uint8
from rtorch._C import UntypedStorage as UntypedStorage
from rtorch._absent_dtypes import chalf as chalf
from rtorch._absent_dtypes import complex32 as complex32
from rtorch._absent_dtypes import float4_e2m1fn_x2 as float4_e2m1fn_x2
from rtorch._absent_dtypes import float8_e4m3fn as float8_e4m3fn
from rtorch._absent_dtypes import float8_e4m3fnuz as float8_e4m3fnuz
from rtorch._absent_dtypes import float8_e5m2 as float8_e5m2
from rtorch._absent_dtypes import float8_e5m2fnuz as float8_e5m2fnuz
from rtorch._absent_dtypes import float8_e8m0fnu as float8_e8m0fnu
from rtorch._absent_dtypes import sparse_bsc as sparse_bsc
from rtorch._absent_dtypes import sparse_bsr as sparse_bsr
from rtorch._absent_dtypes import sparse_csc as sparse_csc
from rtorch._absent_dtypes import sparse_csr as sparse_csr
from rtorch._absent_dtypes import uint16 as uint16
from rtorch._absent_dtypes import uint32 as uint32
from rtorch._absent_dtypes import uint64 as uint64
from rtorch._creation import asarray as asarray
from rtorch._creation import range as range
from rtorch._file_reader import PyTorchFileReader as PyTorchFileReader
from rtorch._histogram import histogram as histogram
from rtorch._histogram import histogramdd as histogramdd
from rtorch._lowrank import pca_lowrank as pca_lowrank
from rtorch._lowrank import svd_lowrank as svd_lowrank
from rtorch._settings import are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled
from rtorch._settings import get_default_device as get_default_device
from rtorch._settings import get_deterministic_debug_mode as get_deterministic_debug_mode
from rtorch._settings import get_device_module as get_device_module
from rtorch._settings import get_float32_matmul_precision as get_float32_matmul_precision
from rtorch._settings import get_num_interop_threads as get_num_interop_threads
from rtorch._settings import is_deterministic_algorithms_warn_only_enabled as is_deterministic_algorithms_warn_only_enabled
from rtorch._settings import set_default_device as set_default_device
from rtorch._settings import set_default_tensor_type as set_default_tensor_type
from rtorch._settings import set_deterministic_debug_mode as set_deterministic_debug_mode
from rtorch._settings import set_float32_matmul_precision as set_float32_matmul_precision
from rtorch._settings import set_flush_denormal as set_flush_denormal
from rtorch._settings import set_num_interop_threads as set_num_interop_threads
from rtorch._settings import use_deterministic_algorithms as use_deterministic_algorithms
from rtorch._symbolic import sym_float as sym_float
from rtorch._symbolic import sym_int as sym_int
from rtorch._symbolic import sym_ite as sym_ite
from rtorch._symbolic import sym_max as sym_max
from rtorch._symbolic import sym_min as sym_min
from rtorch._symbolic import sym_not as sym_not
from rtorch._symbolic import sym_sum as sym_sum
from rtorch._tensor import allclose as allclose
from rtorch._tensor import broadcast_shapes as broadcast_shapes
from rtorch._tensor import equal as equal
from rtorch._tensor import is_complex as is_complex
from rtorch._tensor import is_floating_point as is_floating_point
from rtorch._tensor import is_inference as is_inference
from rtorch._tensor import is_nonzero as is_nonzero
from rtorch._tensor import is_tensor as is_tensor
from rtorch._tensor import nonzero as nonzero
from rtorch._tensor import numel as numel
from rtorch._tensor import result_type as result_type
from rtorch._tensor import set_printoptions as set_printoptions
from rtorch._untyped import from_file as from_file
from rtorch.amp.autocast_mode import autocast as autocast
from rtorch.autograd.anomaly_mode import is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled
from rtorch.autograd.anomaly_mode import is_anomaly_enabled as is_anomaly_enabled
from rtorch.autograd.grad_mode import enable_grad as enable_grad
from rtorch.autograd.grad_mode import inference_mode as inference_mode
from rtorch.autograd.grad_mode import no_grad as no_grad
from rtorch.autograd.grad_mode import set_grad_enabled as set_grad_enabled
from rtorch.compiler import compile as compile
from rtorch.func._vmap import vmap as vmap
from rtorch.functional import einsum as einsum
from rtorch.functional import gradient as gradient
from rtorch.functional import lu as lu
from rtorch.functional import pdist as pdist
from rtorch.functional import resize_as_ as resize_as_
from rtorch.functional import tensordot as tensordot
from rtorch.functional import unique as unique
from rtorch.functional import unique_consecutive as unique_consecutive
from rtorch.functional import unravel_index as unravel_index
from rtorch.futures import Future as Future
from rtorch.jit import ScriptFunction as ScriptFunction
from rtorch.jit import ScriptModule as ScriptModule
from rtorch.nn.modules._errors import typename as typename
from rtorch.random import get_rng_state as get_rng_state
from rtorch.random import initial_seed as initial_seed
from rtorch.random import manual_seed as manual_seed
from rtorch.random import seed as seed
from rtorch.random import set_rng_state as set_rng_state
from rtorch.serialization import load as load
from rtorch.serialization import save as save
from rtorch.sparse import sparse_coo_tensor as sparse_coo_tensor
from rtorch.storage import TypedStorage as TypedStorage
from rtorch.utils.dlpack import from_dlpack as from_dlpack
from rtorch.utils.dlpack import to_dlpack as to_dlpack
from rtorch._C import _bool, _Device, _DType, _float, _int, _layout, _Number

BFloat16Tensor: type[Tensor]
BoolTensor: type[Tensor]
ByteTensor: type[Tensor]
CharTensor: type[Tensor]
DoubleTensor: type[Tensor]
def Event(*args: Any, **kwargs: Any) -> Any: ...
FloatTensor: type[Tensor]
HalfTensor: type[Tensor]
IntTensor: type[Tensor]
LongTensor: type[Tensor]
class OutOfMemoryError(RuntimeError): ...

ShortTensor: type[Tensor]
class Size(tuple[_int, ...]):
    """The sizes of a tensor: a tuple with `numel`."""

    def numel(self) -> _int: ...
    @overload
    def __getitem__(self, i: SupportsIndex) -> _int: ...
    @overload
    def __getitem__(self, i: builtins.slice) -> Size: ...
    def __add__(self, other: tuple[_int, ...]) -> Size: ...  # type: ignore[override]
    def __mul__(self, n: SupportsIndex) -> Size: ...

def Stream(*args: Any, **kwargs: Any) -> Any: ...
def SymBool(*args: Any, **kwargs: Any) -> Any: ...
def SymFloat(*args: Any, **kwargs: Any) -> Any: ...
def SymInt(*args: Any, **kwargs: Any) -> Any: ...
e: _float
def finfo(type: Any = None) -> Any: ...
def get_autocast_cpu_dtype(*args: Any) -> Any: ...
def get_autocast_gpu_dtype(*args: Any) -> Any: ...
def iinfo(type: Any) -> Any: ...
inf: _float
def install() -> Any: ...
def is_autocast_cpu_enabled(*args: Any) -> Any: ...
def load_ipython_extension(ipython: Any) -> Any: ...
nan: _float
newaxis: None
pi: _float
def set_autocast_cpu_dtype(*args: Any) -> Any: ...
def set_autocast_cpu_enabled(*args: Any) -> Any: ...
def set_autocast_gpu_dtype(*args: Any) -> Any: ...

def abs(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The absolute value; of a complex number its distance from 0. Shapes: (*) -> (*)."""
def abs_(input: Tensor) -> Tensor:
    """The absolute value; of a complex number its distance from 0. In place."""
def absolute(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The absolute value; of a complex number its distance from 0. Shapes: (*) -> (*)."""
def absolute_(input: Tensor) -> Tensor:
    """The absolute value; of a complex number its distance from 0. In place."""
def acos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The arc cosine, in radians. Shapes: (*) -> (*)."""
def acos_(input: Tensor) -> Tensor:
    """The arc cosine, in radians. In place."""
def acosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic cosine. Shapes: (*) -> (*)."""
def acosh_(input: Tensor) -> Tensor:
    """The inverse hyperbolic cosine. In place."""
def adaptive_avg_pool1d(input: Tensor, output_size: _int | Sequence[_int]) -> Tensor:
    """Means of windows such that sequences (N, C, L) or (C, L) get the length `output_size`."""
def adaptive_max_pool1d(input: Tensor, output_size: _int | Sequence[_int]) -> tuple[Tensor, Tensor]:
    """The largest elements of windows such that sequences get the length `output_size`, and where they are."""
def adaptive_max_pool1d_with_indices(input: Tensor, output_size: _int | Sequence[_int]) -> tuple[Tensor, Tensor]:
    """The largest elements of windows such that sequences get the length `output_size`, and where they are."""
def add(
    input: Tensor | _Number, other: Tensor | _Number, *, alpha: _Number | None = None, out: Tensor | None = None
) -> Tensor:
    """input + alpha * other. Shapes: (*), (*) -> broadcast."""
def add_(input: Tensor | _Number, other: Tensor | _Number, *, alpha: _Number | None = None) -> Tensor:
    """input + alpha * other. In place."""
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None
) -> Tensor:
    """beta * input + alpha * the sum of the products of a batch."""
def addbmm_(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
    """beta * input + alpha * the sum of the products of a batch. In place."""
def addcdiv(
    input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1, out: Tensor | None = None
) -> Tensor:
    """input + value * tensor1 / tensor2. Shapes: (*), (*), (*) -> broadcast."""
def addcdiv_(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1) -> Tensor:
    """input + value * tensor1 / tensor2. In place."""
def addcmul(
    input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1, out: Tensor | None = None
) -> Tensor:
    """input + value * tensor1 * tensor2. Shapes: (*), (*), (*) -> broadcast."""
def addcmul_(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1) -> Tensor:
    """input + value * tensor1 * tensor2. In place."""
def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None
) -> Tensor:
    """beta * input + alpha * mat1 @ mat2."""
def addmm_(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
    """beta * input + alpha * mat1 @ mat2. In place."""
def addmv(
    input: Tensor, mat: Tensor, vec: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None
) -> Tensor:
    """beta * input + alpha * mat @ vec."""
def addmv_(input: Tensor, mat: Tensor, vec: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
    """beta * input + alpha * mat @ vec. In place."""
def addr(
    input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None
) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2)."""
def addr_(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2). In place."""
def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged, and the complex conjugate."""
def affine_grid_generator(theta: Tensor, size: _int | Sequence[_int], align_corners: _bool) -> Tensor:
    """The grid of affine maps `theta` (N, 2, 3) or (N, 3, 4): what `grid_sampler` takes."""
@overload
def all(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Are all elements different from 0? Shapes: (*) -> ()."""
@overload
def all(
    input: Tensor, dim: _int | Sequence[_int] | None, keepdim: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Are all elements of a dimension different from 0? Shapes: (*) -> (* without dim)."""
def alpha_dropout(input: Tensor, p: _float, train: _bool) -> Tensor:
    """Dropout that keeps mean and variance of what SELU gives."""
def alpha_dropout_(input: Tensor, p: _float, train: _bool) -> Tensor:
    """`alpha_dropout`, in place."""
def amax(
    input: Tensor, dim: _int | Sequence[_int] | None = (), keepdim: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The largest elements over dimensions; gradients are shared among equal ones. Shapes: (*) -> (* without dim)."""
def amin(
    input: Tensor, dim: _int | Sequence[_int] | None = (), keepdim: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The smallest elements over dimensions; gradients are shared among equal ones. Shapes: (*) -> (* without dim)."""
def aminmax(
    input: Tensor, *, dim: _int | None = None, keepdim: _bool = False, out: Sequence[Tensor] | None = None
) -> return_types.aminmax:
    """The smallest and the largest elements."""
def angle(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle of a complex number; of a real one 0 or pi. Shapes: (*) -> (*)."""
@overload
def any(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is any element different from 0? Shapes: (*) -> ()."""
@overload
def any(
    input: Tensor, dim: _int | Sequence[_int] | None, keepdim: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Is any element of a dimension different from 0? Shapes: (*) -> (* without dim)."""
@overload
def arange(
    end: _Number,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """0, 1, ... up to `end` (not included)."""
@overload
def arange(
    start: _Number,
    end: _Number,
    step: _Number = 1,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """`start`, `start + step`, ... up to `end` (not included)."""
def arccos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The arc cosine, in radians. Shapes: (*) -> (*)."""
def arccos_(input: Tensor) -> Tensor:
    """The arc cosine, in radians. In place."""
def arccosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic cosine. Shapes: (*) -> (*)."""
def arccosh_(input: Tensor) -> Tensor:
    """The inverse hyperbolic cosine. In place."""
def arcsin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The arc sine, in radians. Shapes: (*) -> (*)."""
def arcsin_(input: Tensor) -> Tensor:
    """The arc sine, in radians. In place."""
def arcsinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic sine. Shapes: (*) -> (*)."""
def arcsinh_(input: Tensor) -> Tensor:
    """The inverse hyperbolic sine. In place."""
def arctan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The arc tangent, in radians. Shapes: (*) -> (*)."""
def arctan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle of the point (other, input), in radians. Shapes: (*), (*) -> broadcast."""
def arctan2_(input: Tensor, other: Tensor) -> Tensor:
    """The angle of the point (other, input), in radians. In place."""
def arctan_(input: Tensor) -> Tensor:
    """The arc tangent, in radians. In place."""
def arctanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic tangent. Shapes: (*) -> (*)."""
def arctanh_(input: Tensor) -> Tensor:
    """The inverse hyperbolic tangent. In place."""
def argmax(input: Tensor, dim: _int | None = None, keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The place of the largest element, or those of the largest along `dim`; of equal ones the first."""
def argmin(input: Tensor, dim: _int | None = None, keepdim: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The place of the smallest element, or those of the smallest along `dim`; of equal ones the first."""
@overload
def argsort(input: Tensor, dim: _int = -1, descending: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The places of the elements along `dim` in their order."""
@overload
def argsort(
    input: Tensor, *, stable: _bool, dim: _int = -1, descending: _bool = False, out: Tensor | None = None
) -> Tensor:
    """The places of the elements along `dim` in their order. Every sort is stable, asked for or not."""
def argwhere(input: Tensor) -> Tensor:
    """The positions of elements that are not 0: one row each."""
def as_strided(
    input: Tensor, size: _int | Sequence[_int], stride: _int | Sequence[_int], storage_offset: _int | None = None
) -> Tensor:
    """Any sizes, strides and offset on the storage of the tensor."""
def as_strided_(
    input: Tensor, size: _int | Sequence[_int], stride: _int | Sequence[_int], storage_offset: _int | None = None
) -> Tensor:
    """Any sizes, strides and offset on the storage of the tensor. In place."""
def as_strided_scatter(
    input: Tensor,
    src: Tensor,
    size: _int | Sequence[_int],
    stride: _int | Sequence[_int],
    storage_offset: _int | None = None,
) -> Tensor:
    """`input` with `src` where `as_strided` of it looks."""
def asin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The arc sine, in radians. Shapes: (*) -> (*)."""
def asin_(input: Tensor) -> Tensor:
    """The arc sine, in radians. In place."""
def asinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic sine. Shapes: (*) -> (*)."""
def asinh_(input: Tensor) -> Tensor:
    """The inverse hyperbolic sine. In place."""
def atan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The arc tangent, in radians. Shapes: (*) -> (*)."""
def atan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle of the point (other, input), in radians. Shapes: (*), (*) -> broadcast."""
def atan2_(input: Tensor, other: Tensor) -> Tensor:
    """The angle of the point (other, input), in radians. In place."""
def atan_(input: Tensor) -> Tensor:
    """The arc tangent, in radians. In place."""
def atanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic tangent. Shapes: (*) -> (*)."""
def atanh_(input: Tensor) -> Tensor:
    """The inverse hyperbolic tangent. In place."""
@overload
def atleast_1d(input: Tensor) -> Tensor:
    """The tensor with at least one dimension."""
@overload
def atleast_1d(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The tensors with at least one dimension each."""
@overload
def atleast_1d(*tensors: Tensor) -> tuple[Tensor, ...]: ...
@overload
def atleast_2d(input: Tensor) -> Tensor:
    """The tensor with at least two dimensions."""
@overload
def atleast_2d(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The tensors with at least two dimensions each."""
@overload
def atleast_2d(*tensors: Tensor) -> tuple[Tensor, ...]: ...
@overload
def atleast_3d(input: Tensor) -> Tensor:
    """The tensor with at least three dimensions."""
@overload
def atleast_3d(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The tensors with at least three dimensions each."""
@overload
def atleast_3d(*tensors: Tensor) -> tuple[Tensor, ...]: ...
def avg_pool1d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = (0,),
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
) -> Tensor:
    """The mean of each window of sequences (N, C, L) or (C, L)."""
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1, out: Tensor | None = None
) -> Tensor:
    """beta * input + alpha * batch1 @ batch2, one by one over the first dimension."""
def baddbmm_(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
    """beta * input + alpha * batch1 @ batch2, one by one over the first dimension. In place."""
def bartlett_window(
    window_length: _int,
    periodic: _bool = True,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Bartlett's (triangular) window of `window_length` points."""
def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: _bool,
    momentum: _float,
    eps: _float,
    cudnn_enabled: _bool,
) -> Tensor:
    """Batch normalization; see nn.functional.batch_norm."""
@overload
def bernoulli(input: Tensor, *, generator: Generator | None = None, out: Tensor | None = None) -> Tensor:
    """Ones with the probabilities in `input`, else zeros."""
@overload
def bernoulli(input: Tensor, p: _float, *, generator: Generator | None = None) -> Tensor:
    """Ones with probability `p`, else zeros, in the shape and dtype of `input`."""
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y[b, o] = the sum over i, j of input1[b, i] * weight[o, i, j] * input2[b, j], plus bias[o]."""
def bincount(input: Tensor, weights: Tensor | None = None, minlength: _int = 0) -> Tensor:
    """How often each of the integers 0, 1, ... occurs (at least `minlength` of them), or the sum of `weights` where it
    does."""
def binomial(count: Tensor, prob: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Successes in `count` trials of probability `prob`."""
def bitwise_and(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The bits that both have. Shapes: (*), (*) -> broadcast."""
def bitwise_and_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """The bits that both have. In place."""
def bitwise_left_shift(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input * 2^other, in bits. Shapes: (*), (*) -> broadcast."""
def bitwise_left_shift_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """input * 2^other, in bits. In place."""
def bitwise_not(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """All bits turned; for bool, not. Shapes: (*) -> (*)."""
def bitwise_not_(input: Tensor) -> Tensor:
    """All bits turned; for bool, not. In place."""
def bitwise_or(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The bits that either has. Shapes: (*), (*) -> broadcast."""
def bitwise_or_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """The bits that either has. In place."""
def bitwise_right_shift(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input / 2^other, in bits, the sign kept. Shapes: (*), (*) -> broadcast."""
def bitwise_right_shift_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """input / 2^other, in bits, the sign kept. In place."""
def bitwise_xor(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The bits that exactly one has. Shapes: (*), (*) -> broadcast."""
def bitwise_xor_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """The bits that exactly one has. In place."""
def blackman_window(
    window_length: _int,
    periodic: _bool = True,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Blackman's window of `window_length` points."""
@overload
def block_diag(tensors: Sequence[Tensor]) -> Tensor:
    """A matrix with the given matrices along its diagonal, zeros elsewhere."""
@overload
def block_diag(*tensors: Tensor) -> Tensor: ...
def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Products of matrices, one by one over the first dimension."""
@overload
def broadcast_tensors(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Views of the tensors, all stretched to their common shape."""
@overload
def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]: ...
@overload
def broadcast_to(input: Tensor, size: Sequence[_int]) -> Tensor:
    """Broadcast to a shape."""
@overload
def broadcast_to(input: Tensor, *size: _int) -> Tensor: ...
def bucketize(
    input: Tensor | _Number,
    boundaries: Tensor,
    *,
    out_int32: _bool = False,
    right: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """For each element of `input` the number of the interval between `boundaries` that it lies in."""
@overload
def cartesian_prod(tensors: Sequence[Tensor]) -> Tensor:
    """All combinations of elements, one of each vector, as rows."""
@overload
def cartesian_prod(*tensors: Tensor) -> Tensor: ...
def cat(tensors: Sequence[Tensor], dim: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """Tensors joined along an existing dimension."""
def cdist(
    x1: Tensor, x2: Tensor, p: _float = 2.0, compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary"
) -> Tensor:
    """The distances between all rows of two matrices (or batches of matrices), in the `p`-norm."""
def ceil(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smallest whole number not below x. Shapes: (*) -> (*)."""
def ceil_(input: Tensor) -> Tensor:
    """The smallest whole number not below x. In place."""
def celu(input: Tensor, alpha: _Number = 1, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)). Shapes: (*) -> (*)."""
def celu_(input: Tensor, alpha: _Number = 1, inplace: _bool = False) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)). In place."""
@overload
def chain_matmul(matrices: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """The product of several matrices, in the order that takes the fewest multiplications."""
@overload
def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor: ...
def channel_shuffle(input: Tensor, groups: _int) -> Tensor:
    """Channels of (N, C, *) in `groups`, dealt out in turn. Zhang et al. 2018."""
def cholesky(input: Tensor, upper: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The triangular L in A = L L^H of Hermitian positive definite matrices (`upper`: L^H)."""
def cholesky_inverse(input: Tensor, upper: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The inverse of A from its Cholesky factor."""
def cholesky_solve(input: Tensor, input2: Tensor, upper: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """X in A X = `input`, from the Cholesky factor `input2` of A."""
def chunk(input: Tensor, chunks: _int, dim: _int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of equal size along `dim`; the last may be smaller."""
@overload
def clamp(
    input: Tensor, min: _Number | None = None, max: _Number | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Each element brought into [min, max]; either bound may be absent. Shapes: (*) -> (*)."""
@overload
def clamp(input: Tensor, min: Tensor | None = None, max: Tensor | None = None, *, out: Tensor | None = None) -> Tensor:
    """Each element brought between the elements of two tensors. Shapes: (*), (*), (*) -> broadcast."""
@overload
def clamp_(input: Tensor, min: _Number | None = None, max: _Number | None = None) -> Tensor:
    """Each element brought into [min, max]; either bound may be absent. In place."""
@overload
def clamp_(input: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
    """Each element brought between the elements of two tensors. In place."""
def clamp_max(input: Tensor, max: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """No element above `max`. Shapes: (*), (*) -> broadcast."""
def clamp_max_(input: Tensor, max: Tensor | _Number) -> Tensor:
    """No element above `max`. In place."""
def clamp_min(input: Tensor, min: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """No element below `min`. Shapes: (*), (*) -> broadcast."""
def clamp_min_(input: Tensor, min: Tensor | _Number) -> Tensor:
    """No element below `min`. In place."""
@overload
def clip(input: Tensor, min: _Number | None = None, max: _Number | None = None, *, out: Tensor | None = None) -> Tensor:
    """Each element brought into [min, max]; either bound may be absent. Shapes: (*) -> (*)."""
@overload
def clip(input: Tensor, min: Tensor | None = None, max: Tensor | None = None, *, out: Tensor | None = None) -> Tensor:
    """Each element brought between the elements of two tensors. Shapes: (*), (*), (*) -> broadcast."""
@overload
def clip_(input: Tensor, min: _Number | None = None, max: _Number | None = None) -> Tensor:
    """Each element brought into [min, max]; either bound may be absent. In place."""
@overload
def clip_(input: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
    """Each element brought between the elements of two tensors. In place."""
def clone(input: Tensor, *, memory_format: memory_format | None = None) -> Tensor:
    """A copy. `memory_format` preserve (the default) keeps dense strides."""
def column_stack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Vectors as columns of a matrix."""
def combinations(input: Tensor, r: _int = 2, with_replacement: _bool = False) -> Tensor:
    """All combinations of `r` elements of a vector, as rows; an element may come again with `with_replacement`."""
def complex(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A complex tensor of its real and imaginary parts. Shapes: (*), (*) -> broadcast."""
def concat(tensors: Sequence[Tensor], dim: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """Tensors joined along an existing dimension."""
def concatenate(tensors: Sequence[Tensor], dim: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """Tensors joined along an existing dimension."""
def conj(input: Tensor) -> Tensor:
    """The complex conjugate; a real tensor stays itself."""
def conj_physical(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The conjugate, computed. Shapes: (*) -> (*)."""
def conj_physical_(input: Tensor) -> Tensor:
    """The conjugate, computed. In place."""
def constant_pad_nd(input: Tensor, pad: _int | Sequence[_int], value: _Number = 0) -> Tensor:
    """The tensor with `value` around it: `pad` has two numbers for each dimension, the last dimension first; negative
    ones cut."""
@overload
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: _int | Sequence[_int] = (0,),
    dilation: _int | Sequence[_int] = (1,),
    groups: _int = 1,
) -> Tensor:
    """Convolution over sequences (N, C_in, L) or (C_in, L), with a weight (C_out, C_in / groups, K)."""
@overload
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: str = "valid",
    dilation: _int | Sequence[_int] = (1,),
    groups: _int = 1,
) -> Tensor:
    """`conv1d` with padding 'same' or 'valid'."""
@overload
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: _int | Sequence[_int] = (0,),
    dilation: _int | Sequence[_int] = (1,),
    groups: _int = 1,
) -> Tensor:
    """Convolution over images (N, C_in, H, W) or (C_in, H, W), with a weight (C_out, C_in / groups, kH, kW)."""
@overload
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: str = "valid",
    dilation: _int | Sequence[_int] = (1,),
    groups: _int = 1,
) -> Tensor:
    """`conv2d` with padding 'same' or 'valid'."""
@overload
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: _int | Sequence[_int] = (0,),
    dilation: _int | Sequence[_int] = (1,),
    groups: _int = 1,
) -> Tensor:
    """Convolution over volumes (N, C_in, D, H, W) or (C_in, D, H, W), with a weight (C_out, C_in / groups, kD, kH,
    kW)."""
@overload
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: str = "valid",
    dilation: _int | Sequence[_int] = (1,),
    groups: _int = 1,
) -> Tensor:
    """`conv3d` with padding 'same' or 'valid'."""
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: _int = 0) -> Tensor:
    """Convolution over sequences (time, batch, C_in), with a weight (K, C_in, C_out)."""
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: _int | Sequence[_int] = (0,),
    output_padding: _int | Sequence[_int] = (0,),
    groups: _int = 1,
    dilation: _int | Sequence[_int] = (1,),
) -> Tensor:
    """The transpose of `conv1d`, with a weight (C_in, C_out / groups, K)."""
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: _int | Sequence[_int] = (0,),
    output_padding: _int | Sequence[_int] = (0,),
    groups: _int = 1,
    dilation: _int | Sequence[_int] = (1,),
) -> Tensor:
    """The transpose of `conv2d`, with a weight (C_in, C_out / groups, kH, kW)."""
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: _int | Sequence[_int] = (0,),
    output_padding: _int | Sequence[_int] = (0,),
    groups: _int = 1,
    dilation: _int | Sequence[_int] = (1,),
) -> Tensor:
    """The transpose of `conv3d`, with a weight (C_in, C_out / groups, kD, kH, kW)."""
def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: _int | Sequence[_int],
    padding: _int | Sequence[_int],
    dilation: _int | Sequence[_int],
    transposed: _bool,
    output_padding: _int | Sequence[_int],
    groups: _int,
) -> Tensor:
    """The convolution that all others are made of, in one to three dimensions, or its transpose."""
def copysign(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The magnitude of input with the sign of other. Shapes: (*), (*) -> broadcast."""
def copysign_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """The magnitude of input with the sign of other. In place."""
def corrcoef(input: Tensor) -> Tensor:
    """Correlation coefficients of variables (rows) over observations (columns)."""
def cos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The cosine of each element, in radians. Shapes: (*) -> (*)."""
def cos_(input: Tensor) -> Tensor:
    """The cosine of each element, in radians. In place."""
def cosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic cosine. Shapes: (*) -> (*)."""
def cosh_(input: Tensor) -> Tensor:
    """The hyperbolic cosine. In place."""
def cosine_similarity(x1: Tensor, x2: Tensor, dim: _int = 1, eps: _float = 1e-08) -> Tensor:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`."""
def count_nonzero(input: Tensor, dim: _int | Sequence[_int] | None = None) -> Tensor:
    """How many elements differ from 0."""
def cov(
    input: Tensor, *, correction: _int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariance of variables (rows) over observations (columns), which may carry frequencies and weights."""
def cross(input: Tensor, other: Tensor, dim: _int | None = None, *, out: Tensor | None = None) -> Tensor:
    """The vector product of vectors of three elements along `dim` (by default the first dimension of size 3)."""
def cummax(input: Tensor, dim: _int, *, out: Sequence[Tensor] | None = None) -> return_types.cummax:
    """Running maxima along `dim`, and where they were last met."""
def cummin(input: Tensor, dim: _int, *, out: Sequence[Tensor] | None = None) -> return_types.cummin:
    """Running minima along `dim`, and where they were last met."""
def cumprod(input: Tensor, dim: _int, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor:
    """Running products along `dim`; integers are multiplied in int64."""
def cumprod_(input: Tensor, dim: _int, *, dtype: _DType | None = None) -> Tensor:
    """Running products along `dim`; integers are multiplied in int64. In place."""
def cumsum(input: Tensor, dim: _int, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor:
    """Running sums along `dim`; integers are summed in int64."""
def cumsum_(input: Tensor, dim: _int, *, dtype: _DType | None = None) -> Tensor:
    """Running sums along `dim`; integers are summed in int64. In place."""
@overload
def cumulative_trapezoid(y: Tensor, x: Tensor, *, dim: _int = -1) -> Tensor:
    """Running integrals along `dim` by trapezoids over the places `x`."""
@overload
def cumulative_trapezoid(y: Tensor, *, dx: _Number = 1, dim: _int = -1) -> Tensor:
    """Running integrals along `dim` by trapezoids of width `dx`."""
def deg2rad(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Radians from degrees. Shapes: (*) -> (*)."""
def deg2rad_(input: Tensor) -> Tensor:
    """Radians from degrees. In place."""
def det(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The determinant of square matrices."""
def detach(input: Tensor) -> Tensor:
    """The tensor outside of autograd, on the same memory."""
def diag(input: Tensor, diagonal: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """The diagonal of a matrix, or a matrix with this diagonal."""
def diag_embed(input: Tensor, offset: _int = 0, dim1: _int = -2, dim2: _int = -1) -> Tensor:
    """Matrices with the last dimension as a diagonal, zeros elsewhere."""
def diagflat(input: Tensor, offset: _int = 0) -> Tensor:
    """A matrix with the flattened tensor as its diagonal."""
def diagonal(input: Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> Tensor:
    """The diagonal of two dimensions, as a new last dimension."""
def diagonal_scatter(input: Tensor, src: Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> Tensor:
    """`input` with `src` as its diagonal."""
def diff(
    input: Tensor,
    n: _int = 1,
    dim: _int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Differences of neighbours along `dim`, `n` times; `prepend` and `append` are put at the ends first."""
def digamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithmic derivative of the gamma function. Shapes: (*) -> (*)."""
def digamma_(input: Tensor) -> Tensor:
    """The logarithmic derivative of the gamma function. In place."""
def dist(input: Tensor, other: Tensor, p: _Number = 2) -> Tensor:
    """The `p`-norm of input - other."""
@overload
def div(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The quotient; `rounding_mode` None is true division, "trunc" cuts, "floor" rounds down. Shapes: (*), (*) ->
    broadcast."""
@overload
def div(
    input: Tensor | _Number, other: Tensor | _Number, *, rounding_mode: str | None = None, out: Tensor | None = None
) -> Tensor:
    """The quotient; `rounding_mode` None is true division, "trunc" cuts towards 0, "floor" rounds down."""
@overload
def div_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """The quotient; `rounding_mode` None is true division, "trunc" cuts, "floor" rounds down. In place."""
@overload
def div_(input: Tensor | _Number, other: Tensor | _Number, *, rounding_mode: str | None = None) -> Tensor:
    """The quotient; `rounding_mode` None is true division, "trunc" cuts towards 0, "floor" rounds down. In place."""
@overload
def divide(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The quotient; `rounding_mode` None is true division, "trunc" cuts, "floor" rounds down. Shapes: (*), (*) ->
    broadcast."""
@overload
def divide(
    input: Tensor | _Number, other: Tensor | _Number, *, rounding_mode: str | None = None, out: Tensor | None = None
) -> Tensor:
    """The quotient; `rounding_mode` None is true division, "trunc" cuts towards 0, "floor" rounds down."""
@overload
def divide_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """The quotient; `rounding_mode` None is true division, "trunc" cuts, "floor" rounds down. In place."""
@overload
def divide_(input: Tensor | _Number, other: Tensor | _Number, *, rounding_mode: str | None = None) -> Tensor:
    """The quotient; `rounding_mode` None is true division, "trunc" cuts towards 0, "floor" rounds down. In place."""
def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sum of products of two vectors."""
def dropout(input: Tensor, p: _float, train: _bool) -> Tensor:
    """In training, each element is 0 with probability `p`, and the others are scaled by 1 / (1 - p)."""
def dropout_(input: Tensor, p: _float, train: _bool) -> Tensor:
    """`dropout`, in place."""
@overload
def dsplit(input: Tensor, sections: _int) -> tuple[Tensor, ...]:
    """Equal pieces along the third dimension."""
@overload
def dsplit(input: Tensor, indices: _int | Sequence[_int]) -> tuple[Tensor, ...]:
    """Pieces along the third dimension."""
def dstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Joined along a third dimension."""
def embedding(
    weight: Tensor, indices: Tensor, padding_idx: _int = -1, scale_grad_by_freq: _bool = False, sparse: _bool = False
) -> Tensor:
    """Rows of `weight`: one for each number in `indices`."""
@overload
def empty(
    size: Sequence[_int],
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    memory_format: memory_format | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """A tensor whose memory is not set."""
@overload
def empty(
    *size: _int,
    dtype: _DType | None = None,
    device: _Device | None = None,
    memory_format: memory_format | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor: ...
def empty_like(
    input: Tensor,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    memory_format: memory_format | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Memory that is not set, in the shape, dtype and strides of another tensor."""
def empty_permuted(
    size: _int | Sequence[_int],
    physical_layout: _int | Sequence[_int],
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Memory that is not set, dense, with the dimensions in memory in the order `physical_layout`."""
def empty_strided(
    size: _int | Sequence[_int],
    stride: _int | Sequence[_int],
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """A tensor with given strides, whose memory is not set."""
def eq(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input == other. Shapes: (*), (*) -> broadcast."""
def eq_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """input == other. In place."""
def erf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The error function. Shapes: (*) -> (*)."""
def erf_(input: Tensor) -> Tensor:
    """The error function. In place."""
def erfc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 - erf(x), accurate for large x. Shapes: (*) -> (*)."""
def erfc_(input: Tensor) -> Tensor:
    """1 - erf(x), accurate for large x. In place."""
def erfinv(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of the error function. Shapes: (*) -> (*)."""
def erfinv_(input: Tensor) -> Tensor:
    """The inverse of the error function. In place."""
def exp(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The exponential of each element. Shapes: (*) -> (*)."""
def exp2(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """2 to the power of each element. Shapes: (*) -> (*)."""
def exp2_(input: Tensor) -> Tensor:
    """2 to the power of each element. In place."""
def exp_(input: Tensor) -> Tensor:
    """The exponential of each element. In place."""
def expm1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(x) - 1, accurate near 0. Shapes: (*) -> (*)."""
def expm1_(input: Tensor) -> Tensor:
    """exp(x) - 1, accurate near 0. In place."""
@overload
def eye(
    n: _int,
    m: _int,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """The identity: ones on the diagonal of an n x m matrix."""
@overload
def eye(
    n: _int,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """The identity: ones on the diagonal of an n x n matrix."""
def feature_alpha_dropout(input: Tensor, p: _float, train: _bool) -> Tensor:
    """`alpha_dropout` of whole channels."""
def feature_alpha_dropout_(input: Tensor, p: _float, train: _bool) -> Tensor:
    """`feature_alpha_dropout`, in place."""
def feature_dropout(input: Tensor, p: _float, train: _bool) -> Tensor:
    """In training, each channel (of each sample) is 0 with probability `p`, and the others are scaled by 1 / (1 -
    p)."""
def feature_dropout_(input: Tensor, p: _float, train: _bool) -> Tensor:
    """`feature_dropout`, in place."""
def fill(input: Tensor, value: Tensor | _Number) -> Tensor:
    """`input` with every element replaced by `value`."""
def fill_(input: Tensor, value: Tensor | _Number) -> Tensor:
    """Writes `value` into every element."""
def fix(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The whole part. Shapes: (*) -> (*)."""
def fix_(input: Tensor) -> Tensor:
    """The whole part. In place."""
def flatten(input: Tensor, start_dim: _int = 0, end_dim: _int = -1) -> Tensor:
    """Dimensions `start_dim` to `end_dim` as one."""
@overload
def flip(input: Tensor, dims: Sequence[_int]) -> Tensor:
    """The order of the elements turned round along `dims`."""
@overload
def flip(input: Tensor, *dims: _int) -> Tensor: ...
def fliplr(input: Tensor) -> Tensor:
    """The order of columns turned round."""
def flipud(input: Tensor) -> Tensor:
    """The order of rows turned round."""
def float_power(input: Tensor | _Number, exponent: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The power, computed in float64. Shapes: (*), (*) -> broadcast."""
def float_power_(input: Tensor | _Number, exponent: Tensor | _Number) -> Tensor:
    """The power, computed in float64. In place."""
def floor(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The largest whole number not above x. Shapes: (*) -> (*)."""
def floor_(input: Tensor) -> Tensor:
    """The largest whole number not above x. In place."""
def floor_divide(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The quotient, rounded down. Shapes: (*), (*) -> broadcast."""
def floor_divide_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """The quotient, rounded down. In place."""
def fmax(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of the two; a number wins over NaN. Shapes: (*), (*) -> broadcast."""
def fmin(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of the two; a number wins over NaN. Shapes: (*), (*) -> broadcast."""
def fmod(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """C's remainder: the sign is the dividend's. Shapes: (*), (*) -> broadcast."""
def fmod_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """C's remainder: the sign is the dividend's. In place."""
def frac(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The part behind the point, with the sign of x. Shapes: (*) -> (*)."""
def frac_(input: Tensor) -> Tensor:
    """The part behind the point, with the sign of x. In place."""
def frexp(input: Tensor, *, out: Sequence[Tensor] | None = None) -> return_types.frexp:
    """Mantissas in [0.5, 1) and exponents: input = mantissa * 2^exponent."""
def full(
    size: Sequence[_int],
    fill_value: _Number,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """A tensor with every element `fill_value`; the dtype follows the value if none is given."""
def full_like(
    input: Tensor,
    fill_value: _Number,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    memory_format: memory_format | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """One value in the shape, dtype and strides of another tensor."""
def gather(input: Tensor, dim: _int, index: Tensor, *, sparse_grad: _bool = False, out: Tensor | None = None) -> Tensor:
    """For `dim` 1: `out[i][j] = input[i][index[i][j]]`."""
def gcd(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The greatest common divisor."""
def gcd_(input: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisor. In place."""
def ge(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input >= other. Shapes: (*), (*) -> broadcast."""
def ge_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """input >= other. In place."""
def geqrf(input: Tensor, *, out: Sequence[Tensor] | None = None) -> return_types.geqrf:
    """R, with Householder reflections below its diagonal, and the reflections' factors, as LAPACK's geqrf gives
    them."""
def ger(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The matrix of all products of two vectors' elements."""
def greater(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input > other. Shapes: (*), (*) -> broadcast."""
def greater_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """input > other. In place."""
def greater_equal(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input >= other. Shapes: (*), (*) -> broadcast."""
def greater_equal_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """input >= other. In place."""
def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: _int, padding_mode: _int, align_corners: _bool
) -> Tensor:
    """Values of images or volumes at the points of a grid. `interpolation_mode` is 0 for linear, 1 for the nearest
    element, 2 for cubic; outside there are by `padding_mode` zeros (0), the border (1) or the image reflected (2)."""
def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: _int, padding_mode: _int, align_corners: _bool
) -> Tensor:
    """Values of images (N, C, H, W) at the points of a grid (N, H', W', 2), whose coordinates go from -1 to 1, x before
    y."""
def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: _int, padding_mode: _int, align_corners: _bool
) -> Tensor:
    """Values of volumes (N, C, D, H, W) at the points of a grid (N, D', H', W', 3)."""
def group_norm(
    input: Tensor,
    num_groups: _int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: _float = 0.00001,
    cudnn_enabled: _bool = True,
) -> Tensor:
    """Group normalization; see nn.functional.group_norm."""
@overload
def gru(
    input: Tensor,
    hx: Tensor,
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
    batch_first: _bool,
) -> return_types.gru:
    """Gated recurrent units over a padded batch; gives the output and the last hidden states. Cho et al. 2014."""
@overload
def gru(
    data: Tensor,
    batch_sizes: Tensor,
    hx: Tensor,
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
) -> return_types.gru:
    """The same over a packed batch."""
def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of gated recurrent units."""
def gt(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input > other. Shapes: (*), (*) -> broadcast."""
def gt_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """input > other. In place."""
def hamming_window(
    window_length: _int,
    periodic: _bool = True,
    alpha: _float = 0.54,
    beta: _float = 0.46,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Hamming's window of `window_length` points."""
def hann_window(
    window_length: _int,
    periodic: _bool = True,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Hann's window of `window_length` points; a periodic one is the first part of one that is a point longer."""
def hardshrink(input: Tensor, lambd: _Number = 0.5, *, out: Tensor | None = None) -> Tensor:
    """x where |x| > lambd, else 0. Shapes: (*) -> (*)."""
def heaviside(input: Tensor, values: Tensor, *, out: Tensor | None = None) -> Tensor:
    """0 below 0, `values` at 0, 1 above. Shapes: (*), (*) -> broadcast."""
def heaviside_(input: Tensor, values: Tensor) -> Tensor:
    """0 below 0, `values` at 0, 1 above. In place."""
def histc(input: Tensor, bins: _int = 100, min: _Number = 0, max: _Number = 0, *, out: Tensor | None = None) -> Tensor:
    """How many elements fall into each of `bins` intervals between `min` and `max` (the extremes of the input if both
    are equal)."""
@overload
def hsplit(input: Tensor, sections: _int) -> tuple[Tensor, ...]:
    """Equal pieces side by side."""
@overload
def hsplit(input: Tensor, indices: _int | Sequence[_int]) -> tuple[Tensor, ...]:
    """Pieces side by side."""
def hstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Rows joined: along dimension 1, or 0 for vectors."""
def hypot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sqrt(input^2 + other^2) without overflow. Shapes: (*), (*) -> broadcast."""
def hypot_(input: Tensor, other: Tensor) -> Tensor:
    """sqrt(input^2 + other^2) without overflow. In place."""
def i0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the first kind, order 0."""
def i0_(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind, order 0. In place."""
def igamma(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The regularised lower incomplete gamma function: the distribution function of a gamma number of shape `input`."""
def igamma_(input: Tensor, other: Tensor) -> Tensor:
    """The regularised lower incomplete gamma function: the distribution function of a gamma number of shape `input`. In
    place."""
def igammac(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The regularised upper incomplete gamma function, 1 - igamma."""
def igammac_(input: Tensor, other: Tensor) -> Tensor:
    """The regularised upper incomplete gamma function, 1 - igamma. In place."""
def imag(input: Tensor) -> Tensor:
    """The imaginary parts, as a view."""
def index_add(
    input: Tensor, dim: _int, index: Tensor, source: Tensor, *, alpha: _Number = 1, out: Tensor | None = None
) -> Tensor:
    """`input` with `alpha * source` added at the places of `dim` that `index` names."""
def index_add_(input: Tensor, dim: _int, index: Tensor, source: Tensor, *, alpha: _Number = 1) -> Tensor:
    """`input` with `alpha * source` added at the places of `dim` that `index` names. In place."""
def index_copy(input: Tensor, dim: _int, index: Tensor, source: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`input` with `source` written over the places of `dim` that `index` names."""
def index_copy_(input: Tensor, dim: _int, index: Tensor, source: Tensor) -> Tensor:
    """`input` with `source` written over the places of `dim` that `index` names. In place."""
@overload
def index_fill(input: Tensor, dim: _int, index: Tensor, value: _Number) -> Tensor:
    """`input` with `value` at the places of `dim` that `index` names."""
@overload
def index_fill(input: Tensor, dim: _int, index: Tensor, value: Tensor) -> Tensor:
    """`input` with a 0-d tensor's value at the places of `dim` that `index` names."""
@overload
def index_fill_(input: Tensor, dim: _int, index: Tensor, value: _Number) -> Tensor:
    """`input` with `value` at the places of `dim` that `index` names. In place."""
@overload
def index_fill_(input: Tensor, dim: _int, index: Tensor, value: Tensor) -> Tensor:
    """`input` with a 0-d tensor's value at the places of `dim` that `index` names. In place."""
def index_put(
    input: Tensor,
    indices: Sequence[Tensor | None],
    values: Tensor,
    accumulate: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """`input` with `values` written (or added, with `accumulate`) at `indices`."""
def index_put_(input: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: _bool = False) -> Tensor:
    """Writes (or adds, with `accumulate`) `values` at `indices`."""
def index_reduce(
    input: Tensor,
    dim: _int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: _bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """`input` with `source` joined to the places of `dim` that `index` names by `reduce` (prod, mean, amax, amin)."""
def index_reduce_(
    input: Tensor, dim: _int, index: Tensor, source: Tensor, reduce: str, *, include_self: _bool = True
) -> Tensor:
    """`input` with `source` joined to the places of `dim` that `index` names by `reduce` (prod, mean, amax, amin). In
    place."""
def index_select(input: Tensor, dim: _int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The places of `dim` that `index` names, as a copy."""
def inner(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sums of products of rows: `input @ other.T` over the last dimensions."""
def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: _bool,
    momentum: _float,
    eps: _float,
    cudnn_enabled: _bool,
) -> Tensor:
    """Instance normalization; see nn.functional.instance_norm."""
def inverse(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of square matrices."""
def isclose(input: Tensor, other: Tensor, rtol: _float = 1e-5, atol: _float = 1e-8, equal_nan: _bool = False) -> Tensor:
    """Is |input - other| <= atol + rtol * |other|? Equal infinities are close; NaN is close to NaN only if asked.
    Shapes: (*), (*) -> broadcast."""
def isfinite(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is it neither infinite nor NaN? Shapes: (*) -> (*)."""
def isin(
    elements: Tensor | _Number,
    test_elements: Tensor | _Number,
    *,
    assume_unique: _bool = False,
    invert: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Is each of `elements` among `test_elements`?"""
def isinf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is it infinite? Shapes: (*) -> (*)."""
def isnan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is it NaN? Shapes: (*) -> (*)."""
def isneginf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is it minus infinity? Shapes: (*) -> (*)."""
def isposinf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is it plus infinity? Shapes: (*) -> (*)."""
def isreal(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is the imaginary part 0? Shapes: (*) -> (*)."""
def istft(
    input: Tensor,
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
def kaiser_window(
    window_length: _int,
    periodic: _bool = True,
    beta: _float = 12.0,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Kaiser's window of `window_length` points."""
def kron(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Every element of `input` times the whole of `other`, side by side."""
def kthvalue(
    input: Tensor, k: _int, dim: _int = -1, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None
) -> return_types.kthvalue:
    """The `k`-th smallest elements along `dim` (counted from 1), and their places."""
def layer_norm(
    input: Tensor,
    normalized_shape: _int | Sequence[_int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: _float = 0.00001,
    cudnn_enable: _bool = True,
) -> Tensor:
    """Normalization over the last dimensions, which are `normalized_shape`. Ba, Kiros & Hinton 2016."""
def lcm(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The least common multiple."""
def lcm_(input: Tensor, other: Tensor) -> Tensor:
    """The least common multiple. In place."""
def ldexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * 2^other. Shapes: (*), (*) -> broadcast."""
def ldexp_(input: Tensor, other: Tensor) -> Tensor:
    """input * 2^other. In place."""
def le(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input <= other. Shapes: (*), (*) -> broadcast."""
def le_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """input <= other. In place."""
def lerp(input: Tensor, end: Tensor, weight: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """start + weight * (end - start). Shapes: (*), (*), (*) -> broadcast."""
def lerp_(input: Tensor, end: Tensor, weight: Tensor | _Number) -> Tensor:
    """start + weight * (end - start). In place."""
def less(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input < other. Shapes: (*), (*) -> broadcast."""
def less_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """input < other. In place."""
def less_equal(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input <= other. Shapes: (*), (*) -> broadcast."""
def less_equal_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """input <= other. In place."""
def lgamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the absolute value of the gamma function. Shapes: (*) -> (*)."""
def lgamma_(input: Tensor) -> Tensor:
    """The logarithm of the absolute value of the gamma function. In place."""
def linspace(
    start: Tensor | _Number,
    end: Tensor | _Number,
    steps: _int,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """`steps` numbers from `start` to `end`, both included, evenly spaced."""
def log(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The natural logarithm of each element. Shapes: (*) -> (*)."""
def log10(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm to base 10. Shapes: (*) -> (*)."""
def log10_(input: Tensor) -> Tensor:
    """The logarithm to base 10. In place."""
def log1p(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(1 + x), accurate near 0. Shapes: (*) -> (*)."""
def log1p_(input: Tensor) -> Tensor:
    """log(1 + x), accurate near 0. In place."""
def log2(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm to base 2. Shapes: (*) -> (*)."""
def log2_(input: Tensor) -> Tensor:
    """The logarithm to base 2. In place."""
def log_(input: Tensor) -> Tensor:
    """The natural logarithm of each element. In place."""
def log_softmax(input: Tensor, dim: _int, dtype: _DType | None = None, *, out: Tensor | None = None) -> Tensor:
    """x - log(sum(exp(x))) along `dim`, accurate where softmax is near 0."""
def logaddexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(exp(input) + exp(other)) without overflow. Shapes: (*), (*) -> broadcast."""
def logaddexp2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log2(2^input + 2^other) without overflow. Shapes: (*), (*) -> broadcast."""
def logcumsumexp(input: Tensor, dim: _int, *, out: Tensor | None = None) -> Tensor:
    """Logarithms of the running sums of exponentials, without overflow."""
def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant; NaN where that is negative."""
def logical_and(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Both are not 0. Shapes: (*), (*) -> broadcast."""
def logical_and_(input: Tensor, other: Tensor) -> Tensor:
    """Both are not 0. In place."""
def logical_not(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """True where the element is 0. Shapes: (*) -> (*)."""
def logical_not_(input: Tensor) -> Tensor:
    """True where the element is 0. In place."""
def logical_or(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """At least one is not 0. Shapes: (*), (*) -> broadcast."""
def logical_or_(input: Tensor, other: Tensor) -> Tensor:
    """At least one is not 0. In place."""
def logical_xor(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Exactly one is not 0. Shapes: (*), (*) -> broadcast."""
def logical_xor_(input: Tensor, other: Tensor) -> Tensor:
    """Exactly one is not 0. In place."""
def logit(input: Tensor, eps: _float | None = None, *, out: Tensor | None = None) -> Tensor:
    """log(x / (1 - x)), with x first clamped to [eps, 1 - eps] where eps is given. Shapes: (*) -> (*)."""
def logit_(input: Tensor, eps: _float | None = None) -> Tensor:
    """log(x / (1 - x)), with x first clamped to [eps, 1 - eps] where eps is given. In place."""
def logspace(
    start: Tensor | _Number,
    end: Tensor | _Number,
    steps: _int,
    base: _float = 10.0,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """`base` to the power of `steps` numbers from `start` to `end`, both included, evenly spaced."""
def logsumexp(
    input: Tensor, dim: _int | Sequence[_int], keepdim: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """log(sum(exp(x))) over `dim`, without overflow."""
@overload
def lstm(
    input: Tensor,
    hx: Sequence[Tensor],
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
    batch_first: _bool,
) -> return_types.lstm:
    """Long short-term memory over a padded batch; gives the output and the last h and c. Hochreiter and Schmidhuber
    1997."""
@overload
def lstm(
    data: Tensor,
    batch_sizes: Tensor,
    hx: Sequence[Tensor],
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
) -> return_types.lstm:
    """The same over a packed batch."""
def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> return_types.lstm_cell:
    """One step of long short-term memory: the next h and c."""
def lt(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input < other. Shapes: (*), (*) -> broadcast."""
def lt_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """input < other. In place."""
def lu_solve(input: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor:
    """X in A X = `input`, from the packed factors of A."""
def lu_unpack(
    LU_data: Tensor,
    LU_pivots: Tensor,
    unpack_data: _bool = True,
    unpack_pivots: _bool = True,
    *,
    out: Sequence[Tensor] | None = None,
) -> return_types.lu_unpack:
    """P, L and U from the packed factors; empty tensors in the place of what is not asked for."""
def masked_fill(input: Tensor, mask: Tensor, value: Tensor | _Number) -> Tensor:
    """`value` where `mask` is true, `input` elsewhere. Shapes: (*), (*), (*) -> broadcast."""
def masked_fill_(input: Tensor, mask: Tensor, value: Tensor | _Number) -> Tensor:
    """`value` where `mask` is true, `input` elsewhere. In place."""
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`input` with the elements of `source`, one after the other, where `mask` is true."""
def masked_scatter_(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`input` with the elements of `source`, one after the other, where `mask` is true. In place."""
def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where `mask` is true, one after the other."""
def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of vectors, matrices and batches, by NumPy's rules for `@`."""
def matrix_exp(input: Tensor) -> Tensor:
    """The exponential of square matrices: the sum of A^k / k!."""
def matrix_power(input: Tensor, n: _int, *, out: Tensor | None = None) -> Tensor:
    """A matrix (or batch of matrices) times itself, `n` factors."""
@overload
def max(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of the two; NaN if either is. Shapes: (*), (*) -> broadcast."""
@overload
def max(input: Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> return_types.max:
    """The largest elements along `dim`, and their places."""
@overload
def max(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The largest element. Shapes: (*) -> ()."""
def max_pool1d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = (0,),
    dilation: _int | Sequence[_int] = (1,),
    ceil_mode: _bool = False,
) -> Tensor:
    """The largest element of each window of sequences (N, C, L) or (C, L)."""
def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = (0,),
    dilation: _int | Sequence[_int] = (1,),
    ceil_mode: _bool = False,
) -> tuple[Tensor, Tensor]:
    """The largest element of each window of sequences (N, C, L) or (C, L), and where it is."""
def max_pool2d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = (0,),
    dilation: _int | Sequence[_int] = (1,),
    ceil_mode: _bool = False,
) -> Tensor:
    """The largest element of each window of images (N, C, H, W) or (C, H, W)."""
def max_pool3d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = (0,),
    dilation: _int | Sequence[_int] = (1,),
    ceil_mode: _bool = False,
) -> Tensor:
    """The largest element of each window of volumes (N, C, D, H, W) or (C, D, H, W)."""
def maximum(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of the two; NaN if either is. Shapes: (*), (*) -> broadcast."""
@overload
def mean(input: Tensor, *, dtype: _DType | None = None, out: Tensor | None = None) -> Tensor:
    """The mean of all elements. Shapes: (*) -> ()."""
@overload
def mean(
    input: Tensor,
    dim: _int | Sequence[_int] | None,
    keepdim: _bool = False,
    *,
    dtype: _DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Means over dimensions. Shapes: (*) -> (* without dim)."""
@overload
def median(input: Tensor) -> Tensor:
    """The median of all elements; of two in the middle the lower one, and NaN if there is one."""
@overload
def median(
    input: Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None
) -> return_types.median:
    """Medians along `dim`, and their places."""
@overload
def meshgrid(tensors: Sequence[Tensor], *, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Grids of coordinates: vectors stretched against each other. With indexing="xy" the first two change places."""
@overload
def meshgrid(*tensors: Tensor, indexing: str | None = None) -> tuple[Tensor, ...]: ...
@overload
def min(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of the two; NaN if either is. Shapes: (*), (*) -> broadcast."""
@overload
def min(input: Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None) -> return_types.min:
    """The smallest elements along `dim`, and their places."""
@overload
def min(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smallest element. Shapes: (*) -> ()."""
def minimum(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of the two; NaN if either is. Shapes: (*), (*) -> broadcast."""
def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of two matrices."""
def mode(
    input: Tensor, dim: _int = -1, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None
) -> return_types.mode:
    """The most frequent elements along `dim` (of equally frequent ones the smallest), and places where they are."""
def moveaxis(input: Tensor, source: _int | Sequence[_int], destination: _int | Sequence[_int]) -> Tensor:
    """Dimensions moved from `source` to `destination`; the others keep their order."""
def movedim(input: Tensor, source: _int | Sequence[_int], destination: _int | Sequence[_int]) -> Tensor:
    """Dimensions moved from `source` to `destination`; the others keep their order."""
def msort(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements along the first dimension in order."""
def mul(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The product. Shapes: (*), (*) -> broadcast."""
def mul_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """The product. In place."""
def multinomial(
    input: Tensor,
    num_samples: _int,
    replacement: _bool = False,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Indices drawn with the weights in `input` (of each row), which need not sum to 1."""
def multiply(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The product. Shapes: (*), (*) -> broadcast."""
def multiply_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """The product. In place."""
def mv(input: Tensor, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A matrix times a vector."""
def mvlgamma(input: Tensor, p: _int, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension `p`."""
def mvlgamma_(input: Tensor, p: _int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension `p`. In place."""
def nan_to_num(
    input: Tensor,
    nan: _float | None = None,
    posinf: _float | None = None,
    neginf: _float | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """NaN and infinities replaced by numbers: 0 (or `nan`), the largest and smallest of the dtype (or `posinf`,
    `neginf`)."""
def nan_to_num_(
    input: Tensor, nan: _float | None = None, posinf: _float | None = None, neginf: _float | None = None
) -> Tensor:
    """NaN and infinities replaced by numbers: 0 (or `nan`), the largest and smallest of the dtype (or `posinf`,
    `neginf`). In place."""
def nanmean(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Means in which NaN does not count."""
@overload
def nanmedian(input: Tensor) -> Tensor:
    """The median of all elements that are not NaN."""
@overload
def nanmedian(
    input: Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor] | None = None
) -> return_types.nanmedian:
    """Medians along `dim` of what is not NaN, and their places."""
@overload
def nanquantile(
    input: Tensor,
    q: Tensor,
    dim: _int | None = None,
    keepdim: _bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """Quantiles of the elements that are not NaN."""
@overload
def nanquantile(
    input: Tensor,
    q: _float,
    dim: _int | None = None,
    keepdim: _bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """The quantile of the elements that are not NaN."""
def nansum(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Sums in which NaN counts as 0."""
@overload
def narrow(input: Tensor, dim: _int, start: _int, length: _int) -> Tensor:
    """`length` elements of `dim` from `start` on."""
@overload
def narrow(input: Tensor, dim: _int, start: Tensor, length: _int) -> Tensor:
    """`length` elements of `dim` from `start` on, which is a tensor of one integer."""
def narrow_copy(input: Tensor, dim: _int, start: _int, length: _int, *, out: Tensor | None = None) -> Tensor:
    """A copy of `length` elements of `dim` from `start` on."""
def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: _bool,
    momentum: _float,
    eps: _float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalization, and mean and 1 / sqrt(variance + eps) of each channel where it trains (else empty tensors).
    In training the running statistics, if given, are updated."""
def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: _int, C: _int, HxW: _int, group: _int, eps: _float
) -> tuple[Tensor, Tensor, Tensor]:
    """Group normalization, and mean and 1 / sqrt(variance + eps) of each group; N, C, HxW are the input's sizes."""
def native_layer_norm(
    input: Tensor, normalized_shape: _int | Sequence[_int], weight: Tensor | None, bias: Tensor | None, eps: _float
) -> tuple[Tensor, Tensor, Tensor]:
    """Layer normalization, and mean and 1 / sqrt(variance + eps) of each row."""
def ne(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input != other. Shapes: (*), (*) -> broadcast."""
def ne_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """input != other. In place."""
def neg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-x. Shapes: (*) -> (*)."""
def neg_(input: Tensor) -> Tensor:
    """-x. In place."""
def negative(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-x. Shapes: (*) -> (*)."""
def negative_(input: Tensor) -> Tensor:
    """-x. In place."""
def nextafter(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The next number after input towards other."""
def nextafter_(input: Tensor, other: Tensor) -> Tensor:
    """The next number after input towards other. In place."""
def nonzero_static(input: Tensor, *, size: _int, fill_value: _int = -1, out: Tensor | None = None) -> Tensor:
    """The positions of the first `size` elements that are not 0; where there are fewer, rows of `fill_value` follow."""
@overload
def norm(
    input: Tensor,
    p: _Number | None = 2,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The `p`-norm over `dim`, or of all elements."""
@overload
def norm(
    input: Tensor,
    p: str,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The Frobenius norm ("fro") over `dim`, or of all elements."""
@overload
def normal(mean: Tensor, std: Tensor, *, generator: Generator | None = None, out: Tensor | None = None) -> Tensor:
    """Normal numbers with a mean and a standard deviation for each element."""
@overload
def normal(mean: Tensor, std: _float = 1, *, generator: Generator | None = None, out: Tensor | None = None) -> Tensor:
    """Normal numbers with a mean for each element."""
@overload
def normal(mean: _float, std: Tensor, *, generator: Generator | None = None, out: Tensor | None = None) -> Tensor:
    """Normal numbers with a standard deviation for each element."""
@overload
def normal(
    mean: _float,
    std: _float,
    size: _int | Sequence[_int],
    *,
    generator: Generator | None = None,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Normal numbers of one mean and one standard deviation, in a new shape."""
def not_equal(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input != other. Shapes: (*), (*) -> broadcast."""
def not_equal_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """input != other. In place."""
@overload
def ones(
    size: Sequence[_int],
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """A tensor of ones."""
@overload
def ones(
    *size: _int,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor: ...
def ones_like(
    input: Tensor,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    memory_format: memory_format | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Ones in the shape, dtype and strides of another tensor."""
def orgqr(input: Tensor, input2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first columns of the product of Householder reflections, whose vectors stand below the diagonal of
    `input`."""
def ormqr(
    input: Tensor,
    input2: Tensor,
    input3: Tensor,
    left: _bool = True,
    transpose: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The product of Q, given by Householder reflections, and `input3`: Q C, or C Q (`left` false), or with the adjoint
    of Q (`transpose`)."""
def outer(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The matrix of all products of two vectors' elements."""
def pairwise_distance(x1: Tensor, x2: Tensor, p: _float = 2.0, eps: _float = 1e-06, keepdim: _bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last dimension."""
@overload
def permute(input: Tensor, dims: Sequence[_int]) -> Tensor:
    """Dimensions in the given order."""
@overload
def permute(input: Tensor, *dims: _int) -> Tensor: ...
def pinverse(input: Tensor, rcond: _float = 1e-15) -> Tensor:
    """The pseudo-inverse: singular values up to rcond * the largest count as 0."""
def pixel_shuffle(input: Tensor, upscale_factor: _int) -> Tensor:
    """(*, C r^2, H, W) as (*, C, H r, W r): channels become pixels. Shi et al. 2016."""
def pixel_unshuffle(input: Tensor, downscale_factor: _int) -> Tensor:
    """(*, C, H r, W r) as (*, C r^2, H, W): the inverse of `pixel_shuffle`."""
def poisson(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Poisson numbers of the given rates."""
def polar(abs: Tensor, angle: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A complex tensor of its absolute value and angle. Shapes: (*), (*) -> broadcast."""
def polygamma(n: _int, input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The `n`-th derivative of digamma."""
def positive(input: Tensor) -> Tensor:
    """x itself."""
@overload
def pow(input: Tensor, exponent: _Number, *, out: Tensor | None = None) -> Tensor:
    """input to the power of a number. Shapes: (*) -> (*)."""
@overload
def pow(input: Tensor | _Number, exponent: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input to the power of exponent, elementwise. Shapes: (*), (*) -> broadcast."""
@overload
def pow_(input: Tensor, exponent: _Number) -> Tensor:
    """input to the power of a number. In place."""
@overload
def pow_(input: Tensor | _Number, exponent: Tensor | _Number) -> Tensor:
    """input to the power of exponent, elementwise. In place."""
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x above 0, weight * x below; `weight` holds one slope, or one for each channel (dimension 1)."""
@overload
def prod(input: Tensor, *, dtype: _DType | None = None) -> Tensor:
    """The product of all elements. Shapes: (*) -> ()."""
@overload
def prod(
    input: Tensor, dim: _int, keepdim: _bool = False, *, dtype: _DType | None = None, out: Tensor | None = None
) -> Tensor:
    """Products over a dimension. Shapes: (*) -> (* without dim)."""
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: _bool = False) -> Tensor:
    """`input` with `source` written (or added) at positions of the flattened tensor."""
def put_(input: Tensor, index: Tensor, source: Tensor, accumulate: _bool = False) -> Tensor:
    """`input` with `source` written (or added) at positions of the flattened tensor. In place."""
def qr(input: Tensor, some: _bool = True, *, out: Sequence[Tensor] | None = None) -> return_types.qr:
    """Q and R of matrices (`some` false: all columns of Q)."""
@overload
def quantile(
    input: Tensor,
    q: Tensor,
    dim: _int | None = None,
    keepdim: _bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """The `q`-th quantiles along `dim` (of all elements without it); `interpolation` says what lies between two
    elements."""
@overload
def quantile(
    input: Tensor,
    q: _float,
    dim: _int | None = None,
    keepdim: _bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """The `q`-th quantile along `dim` (of all elements without it)."""
def rad2deg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Degrees from radians. Shapes: (*) -> (*)."""
def rad2deg_(input: Tensor) -> Tensor:
    """Degrees from radians. In place."""
@overload
def rand(
    size: Sequence[_int],
    *,
    generator: Generator | None = None,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Numbers from [0, 1)."""
@overload
def rand(
    *size: _int,
    generator: Generator | None = None,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor: ...
def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: _DType | None = None,
    device: _Device | None = None,
    memory_format: memory_format | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Numbers from [0, 1) in the shape, dtype and strides of another tensor."""
@overload
def randint(
    low: _int,
    high: _int,
    size: _int | Sequence[_int],
    *,
    generator: Generator | None = None,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Integers from [low, high)."""
@overload
def randint(
    high: _int,
    size: _int | Sequence[_int],
    *,
    generator: Generator | None = None,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Integers from [0, high)."""
@overload
def randint_like(
    input: Tensor,
    low: _int,
    high: _int,
    *,
    generator: Generator | None = None,
    dtype: _DType | None = None,
    device: _Device | None = None,
    memory_format: memory_format | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Integers from [low, high) in the shape, dtype and strides of another tensor."""
@overload
def randint_like(
    input: Tensor,
    high: _int,
    *,
    generator: Generator | None = None,
    dtype: _DType | None = None,
    device: _Device | None = None,
    memory_format: memory_format | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Integers from [0, high) in the shape, dtype and strides of another tensor."""
@overload
def randn(
    size: Sequence[_int],
    *,
    generator: Generator | None = None,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Standard normal numbers."""
@overload
def randn(
    *size: _int,
    generator: Generator | None = None,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor: ...
def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: _DType | None = None,
    device: _Device | None = None,
    memory_format: memory_format | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Standard normal numbers in the shape, dtype and strides of another tensor."""
def randperm(
    n: _int,
    *,
    generator: Generator | None = None,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """A permutation of 0 .. n - 1."""
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""
def real(input: Tensor) -> Tensor:
    """The real parts, as a view; a real tensor itself."""
def reciprocal(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / x. Shapes: (*) -> (*)."""
def reciprocal_(input: Tensor) -> Tensor:
    """1 / x. In place."""
def relu(input: Tensor) -> Tensor:
    """max(x, 0). Shapes: (*) -> (*)."""
def relu_(input: Tensor) -> Tensor:
    """max(x, 0). In place."""
def remainder(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """Python's remainder: the sign is the divisor's. Shapes: (*), (*) -> broadcast."""
def remainder_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """Python's remainder: the sign is the divisor's. In place."""
def renorm(input: Tensor, p: _Number, dim: _int, maxnorm: _Number, *, out: Tensor | None = None) -> Tensor:
    """Slices along `dim` brought down to `maxnorm` where their `p`-norm is larger."""
def renorm_(input: Tensor, p: _Number, dim: _int, maxnorm: _Number) -> Tensor:
    """Slices along `dim` brought down to `maxnorm` where their `p`-norm is larger. In place."""
@overload
def repeat_interleave(
    input: Tensor, repeats: Tensor, dim: _int | None = None, *, output_size: _int | None = None
) -> Tensor:
    """Each element repeated as often as `repeats` says for it; without `dim`, of the flattened tensor."""
@overload
def repeat_interleave(
    input: Tensor, repeats: _int, dim: _int | None = None, *, output_size: _int | None = None
) -> Tensor:
    """Each element repeated `repeats` times; without `dim`, of the flattened tensor."""
@overload
def repeat_interleave(repeats: Tensor, *, output_size: _int | None = None) -> Tensor:
    """The number of each element, repeated as often as the element says."""
@overload
def reshape(input: Tensor, shape: Sequence[_int]) -> Tensor:
    """The same elements in another shape: a view where the strides allow it, else a copy."""
@overload
def reshape(input: Tensor, *shape: _int) -> Tensor: ...
def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: conjugates are computed at once here, none is left to be resolved."""
def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself: negations are computed at once here, none is left to be resolved."""
def rms_norm(
    input: Tensor, normalized_shape: _int | Sequence[_int], weight: Tensor | None = None, eps: _float | None = None
) -> Tensor:
    """The last dimensions divided by the root of their mean square. Zhang & Sennrich 2019."""
@overload
def rnn_relu(
    input: Tensor,
    hx: Tensor,
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
    batch_first: _bool,
) -> return_types.rnn_relu:
    """Elman network with relu over a padded batch; gives the output and the last hidden states."""
@overload
def rnn_relu(
    data: Tensor,
    batch_sizes: Tensor,
    hx: Tensor,
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
) -> return_types.rnn_relu:
    """The same over a packed batch."""
def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of an Elman network with relu."""
@overload
def rnn_tanh(
    input: Tensor,
    hx: Tensor,
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
    batch_first: _bool,
) -> return_types.rnn_tanh:
    """Elman network with tanh over a padded batch; gives the output and the last hidden states."""
@overload
def rnn_tanh(
    data: Tensor,
    batch_sizes: Tensor,
    hx: Tensor,
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
) -> return_types.rnn_tanh:
    """The same over a packed batch."""
def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of an Elman network with tanh."""
def roll(input: Tensor, shifts: _int | Sequence[_int], dims: _int | Sequence[_int] = ()) -> Tensor:
    """Elements moved by `shifts` along `dims`, those at the end coming back at the start; without `dims`, of the
    flattened tensor."""
def rot90(input: Tensor, k: _int = 1, dims: _int | Sequence[_int] = (0, 1)) -> Tensor:
    """Turned by `k` quarters in the plane of two dimensions, from the first towards the second."""
@overload
def round(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The nearest whole number, halves to the even one. Shapes: (*) -> (*)."""
@overload
def round(input: Tensor, *, decimals: _int, out: Tensor | None = None) -> Tensor:
    """Rounded to `decimals` digits behind the point. Shapes: (*) -> (*)."""
@overload
def round_(input: Tensor) -> Tensor:
    """The nearest whole number, halves to the even one. In place."""
@overload
def round_(input: Tensor, *, decimals: _int) -> Tensor:
    """Rounded to `decimals` digits behind the point. In place."""
def row_stack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Rows put under each other."""
def rrelu(
    input: Tensor,
    lower: _Number = 0.125,
    upper: _Number = 0.3333333333333333,
    training: _bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Randomised leaky ReLU: in training the slope below 0 is drawn from [lower, upper), else it is their mean."""
def rrelu_(
    input: Tensor,
    lower: _Number = 0.125,
    upper: _Number = 0.3333333333333333,
    training: _bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """`rrelu`, in place."""
def rsqrt(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / sqrt(x). Shapes: (*) -> (*)."""
def rsqrt_(input: Tensor) -> Tensor:
    """1 / sqrt(x). In place."""
def rsub(input: Tensor | _Number, other: Tensor | _Number, *, alpha: _Number | None = None) -> Tensor:
    """other - alpha * input. Shapes: (*), (*) -> broadcast."""
def scalar_tensor(
    s: _Number,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """A 0-d tensor."""
@overload
def scatter(input: Tensor, dim: _int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`input` with, for `dim` 1, `out[i][index[i][j]] = src[i][j]`."""
@overload
def scatter(input: Tensor, dim: _int, index: Tensor, value: _Number, *, out: Tensor | None = None) -> Tensor:
    """`input` with `value` at the places that `index` names along `dim`."""
@overload
def scatter(input: Tensor, dim: _int, index: Tensor, src: Tensor, *, reduce: str, out: Tensor | None = None) -> Tensor:
    """`input` with `src` added or multiplied at the places that `index` names along `dim`."""
@overload
def scatter(
    input: Tensor, dim: _int, index: Tensor, value: _Number, *, reduce: str, out: Tensor | None = None
) -> Tensor:
    """`input` with `value` added or multiplied at the places that `index` names along `dim`."""
@overload
def scatter_(input: Tensor, dim: _int, index: Tensor, src: Tensor) -> Tensor:
    """`input` with, for `dim` 1, `out[i][index[i][j]] = src[i][j]`. In place."""
@overload
def scatter_(input: Tensor, dim: _int, index: Tensor, value: _Number) -> Tensor:
    """`input` with `value` at the places that `index` names along `dim`. In place."""
@overload
def scatter_(input: Tensor, dim: _int, index: Tensor, src: Tensor, *, reduce: str) -> Tensor:
    """`input` with `src` added or multiplied at the places that `index` names along `dim`. In place."""
@overload
def scatter_(input: Tensor, dim: _int, index: Tensor, value: _Number, *, reduce: str) -> Tensor:
    """`input` with `value` added or multiplied at the places that `index` names along `dim`. In place."""
def scatter_add(input: Tensor, dim: _int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`input` with `src` added at the places that `index` names along `dim`."""
def scatter_add_(input: Tensor, dim: _int, index: Tensor, src: Tensor) -> Tensor:
    """`input` with `src` added at the places that `index` names along `dim`. In place."""
def scatter_reduce(
    input: Tensor,
    dim: _int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: _bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """`input` with `src` joined at the places that `index` names along `dim` by `reduce` (sum, prod, mean, amax,
    amin)."""
def scatter_reduce_(
    input: Tensor, dim: _int, index: Tensor, src: Tensor, reduce: str, *, include_self: _bool = True
) -> Tensor:
    """`input` with `src` joined at the places that `index` names along `dim` by `reduce` (sum, prod, mean, amax, amin).
    In place."""
def searchsorted(
    sorted_sequence: Tensor,
    input: Tensor | _Number,
    *,
    out_int32: _bool = False,
    right: _bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """For each element of `input` the place in `sorted_sequence` (along its last dimension) where it belongs: the first
    one, or the last with `right` (or side="right")."""
def select(input: Tensor, dim: _int, index: _int) -> Tensor:
    """What is at `index` of one dimension, which goes away."""
def select_scatter(input: Tensor, src: Tensor, dim: _int, index: _int) -> Tensor:
    """`input` with `src` at `index` of `dim`."""
def selu(input: Tensor, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The self-normalising exponential unit. Klambauer et al. 2017. Shapes: (*) -> (*)."""
def selu_(input: Tensor, inplace: _bool = False) -> Tensor:
    """The self-normalising exponential unit. Klambauer et al. 2017. In place."""
def sgn(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sign; of a complex number the number of length 1 in its direction. Shapes: (*) -> (*)."""
def sgn_(input: Tensor) -> Tensor:
    """The sign; of a complex number the number of length 1 in its direction. In place."""
def sigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / (1 + exp(-x)). Shapes: (*) -> (*)."""
def sigmoid_(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x)). In place."""
def sign(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-1, 0 or 1 by the sign of each element. Shapes: (*) -> (*)."""
def sign_(input: Tensor) -> Tensor:
    """-1, 0 or 1 by the sign of each element. In place."""
def signbit(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Is the sign bit set? (True for -0.0 too.) Shapes: (*) -> (*)."""
def sin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sine of each element, in radians. Shapes: (*) -> (*)."""
def sin_(input: Tensor) -> Tensor:
    """The sine of each element, in radians. In place."""
def sinc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sin(pi x) / (pi x), 1 at 0. Shapes: (*) -> (*)."""
def sinc_(input: Tensor) -> Tensor:
    """sin(pi x) / (pi x), 1 at 0. In place."""
def sinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic sine. Shapes: (*) -> (*)."""
def sinh_(input: Tensor) -> Tensor:
    """The hyperbolic sine. In place."""
def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: _int = 0,
    start: _int | None = None,
    end: _int | None = None,
    step: _int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """`input` with `src` at a slice of `dim`."""
def slogdet(input: Tensor, *, out: Sequence[Tensor] | None = None) -> return_types.slogdet:
    """The sign (or phase) of the determinant and the logarithm of its absolute value."""
def softmax(input: Tensor, dim: _int, dtype: _DType | None = None, *, out: Tensor | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along `dim`: positive numbers that sum to 1."""
@overload
def sort(
    input: Tensor, dim: _int = -1, descending: _bool = False, *, out: Sequence[Tensor] | None = None
) -> return_types.sort:
    """The elements along `dim` in order, and where they were. Equal ones keep their order; NaN is the largest."""
@overload
def sort(
    input: Tensor,
    *,
    stable: _bool | None = None,
    dim: _int = -1,
    descending: _bool = False,
    out: Sequence[Tensor] | None = None,
) -> return_types.sort:
    """The elements along `dim` in order, and where they were. Every sort is stable, asked for or not."""
@overload
def split(input: Tensor, split_size: _int, dim: _int = 0) -> tuple[Tensor, ...]:
    """Pieces of `split_size` along `dim`; the last may be smaller."""
@overload
def split(input: Tensor, split_size: _int | Sequence[_int], dim: _int = 0) -> tuple[Tensor, ...]:
    """Pieces of the given sizes along `dim`."""
def split_with_sizes(input: Tensor, split_sizes: _int | Sequence[_int], dim: _int = 0) -> tuple[Tensor, ...]:
    """Pieces of the given sizes along `dim`."""
def sqrt(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The square root of each element; NaN for negative ones. Shapes: (*) -> (*)."""
def sqrt_(input: Tensor) -> Tensor:
    """The square root of each element; NaN for negative ones. In place."""
def square(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """x * x; bools are counted as integers."""
def square_(input: Tensor) -> Tensor:
    """x * x; bools are counted as integers. In place."""
@overload
def squeeze(input: Tensor) -> Tensor:
    """All dimensions of size 1 taken away."""
@overload
def squeeze(input: Tensor, dim: _int) -> Tensor:
    """A dimension taken away if its size is 1."""
@overload
def squeeze(input: Tensor, dim: _int | Sequence[_int]) -> Tensor:
    """Dimensions taken away where their size is 1."""
@overload
def squeeze_(input: Tensor) -> Tensor:
    """All dimensions of size 1 taken away. In place."""
@overload
def squeeze_(input: Tensor, dim: _int) -> Tensor:
    """A dimension taken away if its size is 1. In place."""
@overload
def squeeze_(input: Tensor, dim: _int | Sequence[_int]) -> Tensor:
    """Dimensions taken away where their size is 1. In place."""
def stack(tensors: Sequence[Tensor], dim: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """Tensors of one shape joined along a new dimension."""
@overload
def std(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    correction: _Number | None = None,
    keepdim: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """The standard deviation over `dim`: the root of the variance."""
@overload
def std(
    input: Tensor,
    dim: _int | Sequence[_int] | None,
    unbiased: _bool = True,
    keepdim: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The standard deviation over `dim`: over n - 1, or over n unless `unbiased`."""
@overload
def std(input: Tensor, unbiased: _bool = True) -> Tensor:
    """The standard deviation of all elements: over n - 1, or over n unless `unbiased`."""
@overload
def std_mean(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    correction: _Number | None = None,
    keepdim: _bool = False,
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean over `dim`."""
@overload
def std_mean(
    input: Tensor, dim: _int | Sequence[_int] | None, unbiased: _bool = True, keepdim: _bool = False
) -> tuple[Tensor, Tensor]: ...
@overload
def std_mean(input: Tensor, unbiased: _bool = True) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean of all elements."""
def stft(
    input: Tensor,
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
    """The Fourier transforms of windows of `n_fft` elements, every `hop_length`: (..., frequencies, windows). `center`
    pads so that window t is around element t * hop_length."""
def sub(
    input: Tensor | _Number, other: Tensor | _Number, *, alpha: _Number | None = None, out: Tensor | None = None
) -> Tensor:
    """input - alpha * other. Shapes: (*), (*) -> broadcast."""
def sub_(input: Tensor | _Number, other: Tensor | _Number, *, alpha: _Number | None = None) -> Tensor:
    """input - alpha * other. In place."""
def subtract(
    input: Tensor | _Number, other: Tensor | _Number, *, alpha: _Number | None = None, out: Tensor | None = None
) -> Tensor:
    """input - alpha * other. Shapes: (*), (*) -> broadcast."""
def subtract_(input: Tensor | _Number, other: Tensor | _Number, *, alpha: _Number | None = None) -> Tensor:
    """input - alpha * other. In place."""
@overload
def sum(input: Tensor, *, dtype: _DType | None = None) -> Tensor:
    """The sum of all elements. Integers are summed in int64. Shapes: (*) -> ()."""
@overload
def sum(
    input: Tensor,
    dim: _int | Sequence[_int] | None,
    keepdim: _bool = False,
    *,
    dtype: _DType | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Sums over dimensions. Shapes: (*) -> (* without dim)."""
def svd(
    input: Tensor, some: _bool = True, compute_uv: _bool = True, *, out: Sequence[Tensor] | None = None
) -> return_types.svd:
    """U, S and V in A = U S V^H (`some` false: all vectors; `compute_uv` false: zeros instead of vectors)."""
def swapaxes(input: Tensor, dim0: _int, dim1: _int) -> Tensor:
    """Two dimensions exchanged."""
def swapaxes_(input: Tensor, dim0: _int, dim1: _int) -> Tensor:
    """Two dimensions exchanged. In place."""
def swapdims(input: Tensor, dim0: _int, dim1: _int) -> Tensor:
    """Two dimensions exchanged."""
def swapdims_(input: Tensor, dim0: _int, dim1: _int) -> Tensor:
    """Two dimensions exchanged. In place."""
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector stays."""
def t_(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector stays. In place."""
def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements at positions of the flattened tensor."""
def take_along_dim(input: Tensor, indices: Tensor, dim: _int | None = None, *, out: Tensor | None = None) -> Tensor:
    """`gather` with broadcasting along the other dimensions; without `dim`, of the flattened tensor."""
def tan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The tangent of each element, in radians. Shapes: (*) -> (*)."""
def tan_(input: Tensor) -> Tensor:
    """The tangent of each element, in radians. In place."""
def tanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic tangent of each element. Shapes: (*) -> (*)."""
def tanh_(input: Tensor) -> Tensor:
    """The hyperbolic tangent of each element. In place."""
@overload
def tensor_split(input: Tensor, tensor_indices_or_sections: Tensor, dim: _int = 0) -> tuple[Tensor, ...]:
    """Pieces of (nearly) equal size, or that begin at given places, along `dim`."""
@overload
def tensor_split(input: Tensor, sections: _int, dim: _int = 0) -> tuple[Tensor, ...]:
    """`sections` pieces of (nearly) equal size along `dim`."""
@overload
def tensor_split(input: Tensor, indices: _int | Sequence[_int], dim: _int = 0) -> tuple[Tensor, ...]:
    """Pieces that begin at `indices` along `dim`."""
def threshold(
    input: Tensor, threshold: _Number, value: _Number, inplace: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """x where x > threshold, else value. Shapes: (*) -> (*)."""
def threshold_(input: Tensor, threshold: _Number, value: _Number, inplace: _bool = False) -> Tensor:
    """x where x > threshold, else value. In place."""
@overload
def tile(input: Tensor, dims: Sequence[_int]) -> Tensor:
    """`repeat` that adds leading dimensions where `dims` has fewer."""
@overload
def tile(input: Tensor, *dims: _int) -> Tensor: ...
def topk(
    input: Tensor,
    k: _int,
    dim: _int = -1,
    largest: _bool = True,
    sorted: _bool = True,
    *,
    out: Sequence[Tensor] | None = None,
) -> return_types.topk:
    """The `k` largest (or smallest) elements along `dim` and their places, in order if `sorted`."""
def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix."""
def transpose(input: Tensor, dim0: _int, dim1: _int) -> Tensor:
    """Two dimensions exchanged."""
def transpose_(input: Tensor, dim0: _int, dim1: _int) -> Tensor:
    """Two dimensions exchanged. In place."""
@overload
def trapezoid(y: Tensor, x: Tensor, *, dim: _int = -1) -> Tensor:
    """The integral along `dim` by trapezoids over the places `x`."""
@overload
def trapezoid(y: Tensor, *, dx: _Number = 1, dim: _int = -1) -> Tensor:
    """The integral along `dim` by trapezoids of width `dx`."""
@overload
def trapz(y: Tensor, x: Tensor, *, dim: _int = -1) -> Tensor:
    """The integral along `dim` by trapezoids over the places `x`."""
@overload
def trapz(y: Tensor, *, dx: _Number = 1, dim: _int = -1) -> Tensor:
    """The integral along `dim` by trapezoids of width `dx`."""
def triangular_solve(
    input: Tensor,
    A: Tensor,
    upper: _bool = True,
    transpose: _bool = False,
    unitriangular: _bool = False,
    *,
    out: Sequence[Tensor] | None = None,
) -> return_types.triangular_solve:
    """X in A X = `input` for a triangular A (`transpose`: its transpose), and a copy of A."""
def tril(input: Tensor, diagonal: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """The lower triangle of matrices: zeros above the diagonal `diagonal`."""
def tril_(input: Tensor, diagonal: _int = 0) -> Tensor:
    """The lower triangle of matrices: zeros above the diagonal `diagonal`. In place."""
def tril_indices(
    row: _int,
    col: _int,
    offset: _int = 0,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Rows and columns of the lower triangle of a `row` x `col` matrix."""
def triu(input: Tensor, diagonal: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """The upper triangle of matrices: zeros below the diagonal `diagonal`."""
def triu_(input: Tensor, diagonal: _int = 0) -> Tensor:
    """The upper triangle of matrices: zeros below the diagonal `diagonal`. In place."""
def triu_indices(
    row: _int,
    col: _int,
    offset: _int = 0,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Rows and columns of the upper triangle of a `row` x `col` matrix."""
def true_divide(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The quotient; `rounding_mode` None is true division, "trunc" cuts, "floor" rounds down. Shapes: (*), (*) ->
    broadcast."""
def true_divide_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """The quotient; `rounding_mode` None is true division, "trunc" cuts, "floor" rounds down. In place."""
def trunc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The whole part. Shapes: (*) -> (*)."""
def trunc_(input: Tensor) -> Tensor:
    """The whole part. In place."""
def unbind(input: Tensor, dim: _int = 0) -> tuple[Tensor, ...]:
    """One tensor for each place of `dim`."""
def unflatten(input: Tensor, dim: _int, sizes: _int | Sequence[_int]) -> Tensor:
    """One dimension as several."""
def unsqueeze(input: Tensor, dim: _int) -> Tensor:
    """A dimension of size 1 put in."""
def unsqueeze_(input: Tensor, dim: _int) -> Tensor:
    """A dimension of size 1 put in. In place."""
def vander(x: Tensor, n: _int | None = None, increasing: _bool = False) -> Tensor:
    """Powers of the elements of a vector as columns: from the highest (or, `increasing`, the lowest) of `N`."""
@overload
def var(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    correction: _Number | None = None,
    keepdim: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """The variance over `dim`: the sum of squared distances from the mean over n - `correction` (1 if not given)."""
@overload
def var(
    input: Tensor,
    dim: _int | Sequence[_int] | None,
    unbiased: _bool = True,
    keepdim: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The variance over `dim`: over n - 1, or over n unless `unbiased`."""
@overload
def var(input: Tensor, unbiased: _bool = True) -> Tensor:
    """The variance of all elements: over n - 1, or over n unless `unbiased`."""
@overload
def var_mean(
    input: Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    correction: _Number | None = None,
    keepdim: _bool = False,
) -> tuple[Tensor, Tensor]:
    """Variance and mean over `dim`."""
@overload
def var_mean(
    input: Tensor, dim: _int | Sequence[_int] | None, unbiased: _bool = True, keepdim: _bool = False
) -> tuple[Tensor, Tensor]: ...
@overload
def var_mean(input: Tensor, unbiased: _bool = True) -> tuple[Tensor, Tensor]:
    """Variance and mean of all elements."""
def vdot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sum of products of two vectors, the first conjugated."""
def view_as_complex(input: Tensor) -> Tensor:
    """A real tensor with a last dimension of 2 as a complex one."""
def view_as_real(input: Tensor) -> Tensor:
    """A complex tensor as a real one with a last dimension of 2."""
@overload
def vsplit(input: Tensor, sections: _int) -> tuple[Tensor, ...]:
    """Equal pieces one under the other."""
@overload
def vsplit(input: Tensor, indices: _int | Sequence[_int]) -> tuple[Tensor, ...]:
    """Pieces one under the other."""
def vstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Rows put under each other."""
@overload
def where(condition: Tensor, input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """`input` where `condition` is true, else `other`. Shapes: (*), (*), (*) -> broadcast."""
@overload
def where(condition: Tensor) -> tuple[Tensor, ...]:
    """The positions of elements that are not 0: one tensor for each dimension."""
def xlogy(input: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input * log(other), 0 where input is 0. Shapes: (*), (*) -> broadcast."""
def xlogy_(input: Tensor | _Number, other: Tensor | _Number) -> Tensor:
    """input * log(other), 0 where input is 0. In place."""
def zero_(input: Tensor) -> Tensor:
    """Writes 0 into every element."""
@overload
def zeros(
    size: Sequence[_int],
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """A tensor of zeros."""
@overload
def zeros(
    *size: _int,
    dtype: _DType | None = None,
    device: _Device | None = None,
    out: Tensor | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor: ...
def zeros_like(
    input: Tensor,
    *,
    dtype: _DType | None = None,
    device: _Device | None = None,
    memory_format: memory_format | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Zeros in the shape, dtype and strides of another tensor."""
