# Module, the base class of everything in nn: its registries of parameters, buffers and submodules, attributes that
# go there, modes and text. What else a module does is in the classes that it derives from, a file each: _calls.py
# (hooks), _walk.py (the tree), _conversion.py (moving and casting) and _state_dict.py.
import sys
import weakref

from rtorch import _C, Tensor

from ..parameter import Buffer, Parameter
from . import _errors
from ._calls import (  # noqa: F401  (packages look for these in this module)
    Calls,
    _ask,
    _global_backward_hooks,
    _global_backward_pre_hooks,
    _global_buffer_registration_hooks,
    _global_forward_hooks,
    _global_forward_hooks_always_called,
    _global_forward_hooks_with_kwargs,
    _global_forward_pre_hooks,
    _global_module_registration_hooks,
    _global_parameter_registration_hooks,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from ._conversion import Conversion
from ._hooks import HookDict
from ._state_dict import _EXTRA_STATE_KEY_SUFFIX, StateDict, _IncompatibleKeys  # noqa: F401  (as above)
from ._walk import Walk, _holds_modules, _suspects

__all__ = [
    "Module",
    "register_module_forward_pre_hook",
    "register_module_forward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_backward_hook",
    "register_module_full_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

# Names that modules have registered something under; whether Module has an accessor for it, or something of its own.
_accessors = {}


def _accessible(name):
    """From now on `module.name` is found on the class; see _C._Accessor."""
    _accessors[name] = new = not hasattr(Module, name)
    if new:
        setattr(Module, name, _C._Accessor(name))


_SIMPLE = frozenset((int, float, bool, str, type(None)))


def _forward_unimplemented(self, *input):
    """Define the computation of the module; every subclass must."""
    name = type(self).__name__
    error = NotImplementedError(f'Module [{name}] is missing the required "forward" function')
    raise _errors.noted(error, self._forward_hint(name))


class Module(Calls, Walk, Conversion, StateDict):
    """Base class of all neural network modules.

    Assign parameters and submodules as attributes in `__init__` (after `super().__init__()`), and define
    `forward`. Calling the module runs `forward` and its hooks.
    """

    dump_patches = False
    call_super_init = False
    _version = 1
    training = True

    _non_persistent_buffers_set = HookDict(make=set)

    def __new__(cls, *args, **kwargs):
        if kwargs:
            _errors.check_keywords(cls, kwargs)
        return super().__new__(cls)

    def __init__(self, *args, **kwargs):
        if (args or kwargs) and not self.call_super_init:
            name = type(self).__name__
            if kwargs:
                raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
            raise TypeError(f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given")
        d = self.__dict__
        d["training"] = True
        d["_parameters"] = {}
        d["_buffers"] = {}
        d["_modules"] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    forward = _forward_unimplemented

    def _forward_hint(self, name):
        return (
            f"Define `def forward(self, x)` in the body of {name} (check its indentation: it may be inside __init__)."
        )

    # ---- calls ------------------------------------------------------------------------------------

    def __call__(self, *args, **kwargs):
        try:
            if self._hooked:
                return self._call_impl(*args, **kwargs)
            return self.forward(*args, **kwargs)
        except Exception as error:
            _errors.name_module(self, error, args)
            raise

    # ---- attributes -------------------------------------------------------------------------------

    __getattr__ = _C._module_getattr  # asks _parameters, _buffers and _modules, in this order

    def __setattr__(self, name, value):
        d = self.__dict__
        params = d.get("_parameters")
        if type(value) in _SIMPLE:
            # sizes, flags and names of most modules: nothing that is registered, unless the name is
            if params is None or not (name in params or name in d["_modules"] or name in d["_buffers"]):
                object.__setattr__(self, name, value)
                return
        elif isinstance(value, Tensor):
            if isinstance(value, Parameter):
                if params is None:
                    raise _errors.before_init(self, "parameters", name, value)
                self._forget(name, d, d["_buffers"], d["_modules"])
                self.register_parameter(name, value)
                return
        elif isinstance(value, Module):
            modules = d.get("_modules")
            if modules is None:
                raise _errors.before_init(self, "module", name, value)
            self._forget(name, d, params, d["_buffers"])
            if _global_module_registration_hooks:
                value = _ask(_global_module_registration_hooks, self, name, value)
            modules[name] = value
            if name not in _accessors:
                _accessible(name)
            return
        if params is not None:
            if name in params:
                if value is not None:
                    raise _errors.cannot_assign(self, name, value, "parameter", "torch.nn.Parameter")
                self.register_parameter(name, None)
                return
            modules = d["_modules"]
            if name in modules:
                if value is not None:
                    raise _errors.cannot_assign(self, name, value, "child module", "torch.nn.Module")
                if _global_module_registration_hooks:
                    value = _ask(_global_module_registration_hooks, self, name, value)
                modules[name] = value
                return
            buffers = d["_buffers"]
            if name in buffers:
                if value is not None and not isinstance(value, Tensor):
                    raise _errors.cannot_assign(self, name, value, "buffer", "torch.nn.Buffer, torch.Tensor")
                if isinstance(value, Buffer):
                    self.register_buffer(name, value, value.persistent)
                    return
                if _global_buffer_registration_hooks:
                    value = _ask(_global_buffer_registration_hooks, self, name, value)
                buffers[name] = value
                return
        if isinstance(value, Buffer):
            if params is None:
                raise _errors.before_init(self, "buffer", name, value)
            self._forget(name, d, params, d["_modules"])
            self.register_buffer(name, value, value.persistent)
            return
        if type(value) in (list, tuple, dict) and value and params is not None and _holds_modules(value):
            frame = sys._getframe(1)
            where = f"{frame.f_code.co_filename.rpartition('/')[2]}, line {frame.f_lineno}"
            _suspects.append((weakref.ref(self), name, where))
        object.__setattr__(self, name, value)

    def _forget(self, name, *places):
        for place in places:
            if name in place:
                del place[name]
        if "_non_persistent_buffers_set" in self.__dict__:
            self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name):
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            object.__delattr__(self, name)

    def __dir__(self):
        others = [c.__dict__ for c in type(self).__mro__ if c is not Module]
        names = {n for n in dir(type(self)) if not _accessors.get(n) or any(n in d for d in others)}
        names.update(self.__dict__)
        for place in (self._parameters, self._modules, self._buffers):
            names.update(place)
        return sorted(name for name in names if not name[:1].isdigit())

    def __getstate__(self):
        state = dict(self.__dict__)
        state.pop("_compiled_call_impl", None)
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        if any(self.__dict__.get(k) for k in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")):
            self.__dict__["_hooked"] = True

    # ---- registering --------------------------------------------------------------------------------

    def _check_new_name(self, name, kind, registry):
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {_errors.typename(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if name not in registry and self._has(name):
            raise _errors.already_exists(self, name, kind)

    def _has(self, name):
        """hasattr, without the exception that it makes where a module has no such attribute."""
        cls, d = type(self), self.__dict__
        if cls.__getattr__ is not Module.__getattr__ or cls.__getattribute__ is not object.__getattribute__:
            return hasattr(self, name)
        if name in d or name in d["_parameters"] or name in d["_buffers"] or name in d["_modules"]:
            return True
        ours = _accessors.get(name)
        for c in cls.__mro__:  # a loop: any() of a generator takes twice as long
            if name in c.__dict__ and not (ours and c is Module):
                return hasattr(self, name)
        return False

    def register_buffer(self, name, tensor, persistent=True):
        """Add a tensor that belongs to the module's state but is not a parameter.

        With `persistent=False` it is left out of the state_dict.
        """
        if "_buffers" not in self.__dict__:
            raise _errors.before_init(self, "buffer", name, tensor)
        self._check_new_name(name, "buffer", self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_errors.typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        if _global_buffer_registration_hooks:
            tensor = _ask(_global_buffer_registration_hooks, self, name, tensor)
        self._buffers[name] = tensor
        if name not in _accessors:
            _accessible(name)
        if not persistent:
            self._non_persistent_buffers_set.add(name)
        elif "_non_persistent_buffers_set" in self.__dict__:
            self._non_persistent_buffers_set.discard(name)

    def register_parameter(self, name, param):
        """Add a Parameter, or None for one that is absent (such as a switched-off bias)."""
        params = self.__dict__.get("_parameters")
        if params is None:
            raise _errors.before_init(self, "parameter", name, param)
        self._check_new_name(name, "parameter", params)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{_errors.typename(param)}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in the "
                    "forward() method."
                )
        if _global_parameter_registration_hooks:
            param = _ask(_global_parameter_registration_hooks, self, name, param)
        params[name] = param
        if name not in _accessors:
            _accessible(name)

    def add_module(self, name, module):
        """Add a submodule under a name that may be computed; otherwise assign it as an attribute."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_errors.typename(module)} is not a Module subclass")
        if not isinstance(name, str):
            raise TypeError(f"module name should be a string. Got {_errors.typename(name)}")
        if name not in self._modules and self._has(name):
            raise _errors.already_exists(self, name, "module")
        if "." in name:
            raise KeyError(f'module name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError('module name can\'t be empty string ""')
        if _global_module_registration_hooks:
            module = _ask(_global_module_registration_hooks, self, name, module)
        self._modules[name] = module

    def register_module(self, name, module):
        """The same as add_module."""
        self.add_module(name, module)

    # ---- modes ------------------------------------------------------------------------------------------

    def train(self, mode=True):
        """Switch this module and all below it to training (or, with False, to evaluation)."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        """Switch to evaluation: dropout off, batch norm by its running averages."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Say for every parameter whether it is trained."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Forget every parameter's gradient (or fill it with zeros)."""
        if not set_to_none:
            _C._zero_grads(list(self.parameters()))
            return
        for param in self.parameters():
            param.grad = None

    def apply(self, fn):
        """Call `fn(module)` on every module below, then on this one; returns self."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # ---- text -----------------------------------------------------------------------------------------------

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self):
        """What repr shows between the parentheses; override it."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        head = extra.split("\n") if extra else []
        children = []
        for name, module in self._modules.items():
            text = repr(module).replace("\n", "\n  ")
            children.append(f"({name}): {text}")
        if not children and len(head) <= 1:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join(head + children) + "\n)"
