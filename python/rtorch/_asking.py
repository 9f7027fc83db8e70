"""Getters and hand-written methods of Tensor that ask `__torch_function__` first.

Operators ask by themselves. What stands beside the operator table (`x.shape`, `x.dim()`, `x.backward()`) does not, and
plain tensors pay nothing for it. A subclass of Tensor with a `__torch_function__` of its own gets attributes that ask,
and so does Tensor itself, as long as some mode is entered. What `__torch_function__` gets as its function is PyTorch's:
`Tensor.dim`, `Tensor.shape.__get__`.
"""

import functools

from rtorch import _C
from rtorch._C import Tensor
from rtorch._tensor import hand_written

_METHODS = """
    _is_view data_ptr detach_ dim element_size is_complex is_conj is_contiguous is_floating_point is_inference is_neg
    is_signed item ndimension nelement numel requires_grad_ retain_grad size storage_offset stride tolist
    __bool__ __complex__ __float__ __index__ __int__ __len__
""".split()  # noqa: SIM905  (and those that are written in Python)
_GETTERS = """
    T H mT mH _base _version data device dtype grad grad_fn imag is_cpu is_cuda is_ipu is_leaf is_maia is_meta is_mkldnn
    is_mps is_mtia is_nested is_quantized is_sparse is_vulkan is_xla is_xpu itemsize layout nbytes ndim output_nr real
    requires_grad retains_grad shape
""".split()  # noqa: SIM905

_plain = {}  # the attributes of Tensor that do not ask, and those that do: both found at the first need
_asking = {}
_modes = 0  # how many modes are entered, in all threads


def _method(name, plain):
    @functools.wraps(plain)
    def method(self, *args, **kwargs):
        if _C._has_torch_function((self, *args)):
            result = _C._ask_overrides(getattr(Tensor, name), (self, *args), kwargs)
            if result is not NotImplemented:
                return result
        return plain(self, *args, **kwargs)

    return method


def _getter(name, plain):
    def get(self):
        if _C._has_torch_function((self,)):
            result = _C._ask_overrides(Tensor.__dict__[name].__get__, (self,), {})
            if result is not NotImplemented:
                return result
        return plain.__get__(self)

    def set(self, value):
        asks = _C._has_torch_function((self,))
        if not asks or _C._ask_overrides(Tensor.__dict__[name].__set__, (self, value), {}) is NotImplemented:
            plain.__set__(self, value)

    def delete(self):
        plain.__delete__(self)

    return property(get, set, delete, plain.__doc__)


def _made():
    if not _asking:
        own = Tensor.__dict__
        _plain.update((name, own[name]) for name in (*_METHODS, *hand_written, *_GETTERS))
        for name, plain in _plain.items():
            _asking[name] = (_getter if name in _GETTERS else _method)(name, plain)
    return _asking


def subclass(cls):
    """A subclass that may want to see calls gets those attributes that it has from Tensor."""
    _C._overrides_exist()
    for name, asking in _made().items():
        if next(c for c in cls.__mro__ if name in c.__dict__) is Tensor:
            setattr(cls, name, asking)


def enter_mode():
    global _modes
    _modes += 1
    if _modes == 1:
        for name, asking in _made().items():
            setattr(Tensor, name, asking)


def leave_mode():
    global _modes
    _modes -= 1
    if _modes == 0:
        for name, plain in _plain.items():
            setattr(Tensor, name, plain)


def keeps_class(func):
    """Getters whose tensors a subclass does not make its own."""
    own = Tensor.__dict__
    return func in (own["grad"].__get__, own["_base"].__get__)
