# Module, the base class of everything in nn: registries of parameters, buffers and submodules, calls with
# their hooks, moving and casting, state dicts. Errors that leave a call say which module they came from.
import sys
import weakref
from collections import OrderedDict, namedtuple

import rtorch
from rtorch import _C, Tensor

from ..parameter import Buffer, Parameter, is_lazy
from . import _errors
from ._hooks import FullBackwardHook, HookDict, RemovableHandle

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

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"
_parameters_of, _save_tensors = _C._parameters_of, _C._save_tensors


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What load_state_dict did not find, and what it found no place for."""

    __slots__ = ()

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


# ---- hooks on every module -----------------------------------------------------------------------

_global_forward_pre_hooks = OrderedDict()
_global_forward_hooks = OrderedDict()
_global_forward_hooks_always_called = OrderedDict()
_global_forward_hooks_with_kwargs = OrderedDict()
_global_backward_pre_hooks = OrderedDict()
_global_backward_hooks = OrderedDict()
_global_is_full_backward_hook = None
_global_buffer_registration_hooks = OrderedDict()
_global_module_registration_hooks = OrderedDict()
_global_parameter_registration_hooks = OrderedDict()


def _add(hooks, hook, *extra):
    handle = RemovableHandle(hooks, extra_dict=list(extra))
    hooks[handle.id] = hook
    return handle


def _add_global(hooks, hook, *extra):
    Module._hooked = True  # from now on every call looks at its hooks
    return _add(hooks, hook, *extra)


def register_module_forward_pre_hook(hook):
    """Call `hook(module, args)` before every module's forward; what it returns replaces args."""
    return _add_global(_global_forward_pre_hooks, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """Call `hook(module, args, output)` after every module's forward; what it returns replaces output."""
    handle = _add_global(
        _global_forward_hooks, hook, _global_forward_hooks_with_kwargs, _global_forward_hooks_always_called
    )
    if with_kwargs:
        _global_forward_hooks_with_kwargs[handle.id] = True
    if always_call:
        _global_forward_hooks_always_called[handle.id] = True
    return handle


def register_module_full_backward_pre_hook(hook):
    """Call `hook(module, grad_output)` when the gradient of a module's output is there."""
    return _add_global(_global_backward_pre_hooks, hook)


def _set_global_full(full):
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook is (not full):
        raise RuntimeError("Cannot use both regular backward hooks and full backward hooks as a global Module hook.")
    _global_is_full_backward_hook = full


def register_module_full_backward_hook(hook):
    """Call `hook(module, grad_input, grad_output)` when the gradients of a module's inputs are there."""
    _set_global_full(True)
    return _add_global(_global_backward_hooks, hook)


def register_module_backward_hook(hook):
    """The older form of register_module_full_backward_hook: grad_input is that of the last operator only."""
    _set_global_full(False)
    return _add_global(_global_backward_hooks, hook)


def register_module_buffer_registration_hook(hook):
    """Call `hook(module, name, buffer)` whenever a buffer is registered; what it returns replaces it."""
    return _add(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook):
    """Call `hook(module, name, submodule)` whenever a submodule is registered; what it returns replaces it."""
    return _add(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook):
    """Call `hook(module, name, parameter)` whenever a parameter is registered; what it returns replaces it."""
    return _add(_global_parameter_registration_hooks, hook)


def _ask(hooks, module, name, value):
    for hook in hooks.values():
        new = hook(module, name, value)
        if new is not None:
            value = new
    return value


# ---- modules kept where Module cannot see them ------------------------------------------------------

_suspects = []  # (weak reference to the owner, attribute, "file, line"): lists or dicts that hold modules


def _holds_modules(value):
    items = value.values() if isinstance(value, dict) else value
    return any(isinstance(v, Module) for v in items)


def _warn_of_unregistered(root):
    """Called where parameters are gathered: by then, whoever registers the modules elsewhere has done so."""
    mine = {id(m) for m in root.modules()}
    for suspect in list(_suspects):
        owner = suspect[0]()
        if owner is None:
            _suspects.remove(suspect)
        elif id(owner) in mine:
            _suspects.remove(suspect)
            value = owner.__dict__.get(suspect[1])
            if type(value) not in (list, tuple, dict):
                continue
            items = list(value.values() if isinstance(value, dict) else value)
            lost = [m for m in items if isinstance(m, Module) and id(m) not in mine]
            if any(next(m.parameters(), None) is not None for m in lost):
                import warnings

                kind = type(value).__name__
                cure = "nn.ModuleDict({...})" if kind == "dict" else "nn.ModuleList([...])"
                warnings.warn(
                    f"Module attribute {type(owner).__name__}.{suspect[1]} is a plain {kind} with {len(lost)} Modules "
                    f"({suspect[2]}): their parameters are not registered, and will not be trained, moved or saved. "
                    f"Use {cure}.",
                    stacklevel=4,
                )


def _gather_state(module, destination, prefix, keep_vars):
    """What state_dict does for a module and those below."""
    local_metadata = {"version": module._version}
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = local_metadata
    own = module.__dict__
    if "_state_dict_pre_hooks" in own:
        for hook in own["_state_dict_pre_hooks"].values():
            hook(module, prefix, keep_vars)
    module._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in own["_modules"].items():
        if child is None:
            continue
        below = f"{prefix}{name}."
        if type(child).state_dict is Module.state_dict and "state_dict" not in child.__dict__:
            _gather_state(child, destination, below, keep_vars)
        else:
            child.state_dict(destination=destination, prefix=below, keep_vars=keep_vars)
    if "_state_dict_hooks" in own:
        for hook in own["_state_dict_hooks"].values():
            new = hook(module, destination, prefix, local_metadata)
            if getattr(hook, "_from_public_api", False):
                if new is not None:
                    raise RuntimeError("state_dict post-hook must return None")
            elif new is not None:
                destination = new
    return destination


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


class Module:
    """Base class of all neural network modules.

    Assign parameters and submodules as attributes in `__init__` (after `super().__init__()`), and define
    `forward`. Calling the module runs `forward` and its hooks.
    """

    dump_patches = False
    call_super_init = False
    _version = 1
    training = True
    _is_full_backward_hook = None
    _hooked = False  # whether calls must look at hooks; see HookDict

    _forward_hooks = HookDict(calls=True)
    _forward_hooks_with_kwargs = HookDict(calls=True)
    _forward_hooks_always_called = HookDict(calls=True)
    _forward_pre_hooks = HookDict(calls=True)
    _forward_pre_hooks_with_kwargs = HookDict(calls=True)
    _backward_hooks = HookDict(calls=True)
    _backward_pre_hooks = HookDict(calls=True)
    _state_dict_hooks = HookDict()
    _state_dict_pre_hooks = HookDict()
    _load_state_dict_pre_hooks = HookDict()
    _load_state_dict_post_hooks = HookDict()
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

    def _call_impl(self, *args, **kwargs):
        if not (self._forward_hooks_always_called or _global_forward_hooks_always_called):
            return self._call_with_hooks(args, kwargs, None)
        called = set()
        try:
            return self._call_with_hooks(args, kwargs, called)
        except Exception:
            self._call_the_rest(args, kwargs, called)
            raise

    def _call_with_hooks(self, args, kwargs, called):
        for hook in _global_forward_pre_hooks.values():
            new = hook(self, args)
            if new is not None:
                args = new if isinstance(new, tuple) else (new,)
        for key, hook in list(self._forward_pre_hooks.items()):
            if key in self._forward_pre_hooks_with_kwargs:
                new = hook(self, args, kwargs)
                if new is not None:
                    if not (isinstance(new, tuple) and len(new) == 2):
                        raise RuntimeError(
                            f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {new}."
                        )
                    args, kwargs = new
            else:
                new = hook(self, args)
                if new is not None:
                    args = new if isinstance(new, tuple) else (new,)

        full, plain, pre = self._get_backward_hooks()
        wrapper = FullBackwardHook(self, full, pre) if full or pre else None
        if wrapper is not None:
            args = wrapper.wrap_inputs(args)
        result = self.forward(*args, **kwargs)

        for hooks, with_kwargs, is_global in (
            (_global_forward_hooks, _global_forward_hooks_with_kwargs, True),
            (self._forward_hooks, self._forward_hooks_with_kwargs, False),
        ):
            for key, hook in list(hooks.items()):
                if called is not None:
                    called.add((is_global, key))
                new = hook(self, args, kwargs, result) if key in with_kwargs else hook(self, args, result)
                if new is not None:
                    result = new

        if wrapper is not None:
            result = wrapper.wrap_outputs(result)
        if plain:
            self._hook_last_node(result, plain)
        return result

    def _call_the_rest(self, args, kwargs, called):
        """forward or a hook failed: the hooks with always_call=True that did not run yet run now."""
        for hooks, with_kwargs, always, is_global in (
            (
                _global_forward_hooks,
                _global_forward_hooks_with_kwargs,
                _global_forward_hooks_always_called,
                True,
            ),
            (self._forward_hooks, self._forward_hooks_with_kwargs, self._forward_hooks_always_called, False),
        ):
            for key, hook in list(hooks.items()):
                if key not in always or (is_global, key) in called:
                    continue
                try:
                    hook(self, args, kwargs, None) if key in with_kwargs else hook(self, args, None)
                except Exception as error:
                    import warnings

                    warnings.warn(
                        "module forward hook with always_call=True raised an exception that was silenced as another "
                        f"error was raised in forward: {error}",
                        stacklevel=2,
                    )

    def _get_backward_hooks(self):
        """(full hooks, hooks of the older kind, full pre-hooks): global ones first."""
        full, plain = [], []
        if _global_is_full_backward_hook is not None:
            (full if _global_is_full_backward_hook else plain).extend(_global_backward_hooks.values())
        if self._is_full_backward_hook is not None:
            (full if self._is_full_backward_hook else plain).extend(self._backward_hooks.values())
        return full, plain, [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]

    def _hook_last_node(self, result, hooks):
        var = result
        while not isinstance(var, Tensor):
            var = next(v for v in var.values() if isinstance(v, Tensor)) if isinstance(var, dict) else var[0]
        if var.grad_fn is not None:
            for hook in hooks:
                var.grad_fn.register_hook(lambda grad_in, grad_out, hook=hook: hook(self, grad_in, grad_out))

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

    # ---- finding by path -----------------------------------------------------------------------------

    def get_submodule(self, target):
        """The module at a dotted path such as "features.3"; the empty path is this module."""
        module = self
        for item in target.split(".") if target else ():
            if not hasattr(module, item):
                raise AttributeError(f"{type(module).__name__} has no attribute `{item}`")
            module = getattr(module, item)
            if not isinstance(module, Module):
                raise AttributeError(f"`{item}` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Put a module at a dotted path, in place of what is there (which must exist if `strict`)."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{type(parent).__name__} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target):
        """The Parameter at a dotted path such as "features.3.weight"."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        param = getattr(module, name)
        if not isinstance(param, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return param

    def get_buffer(self, target):
        """The buffer at a dotted path such as "features.4.running_mean"."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return getattr(module, name)

    # ---- walking --------------------------------------------------------------------------------------

    def _named_members(self, get_members_fn, prefix="", recurse=True, remove_duplicate=True):
        seen = set()
        if recurse:
            modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        else:
            modules = [(prefix, self)]
        for path, module in modules:
            for name, value in get_members_fn(module):
                if value is None or value in seen:
                    continue
                if remove_duplicate:
                    seen.add(value)
                yield (path + "." + name if path else name), value

    def parameters(self, recurse=True):
        """Every parameter of the module and, with `recurse`, of all below it; each once."""
        if _suspects:
            _warn_of_unregistered(self)
        if type(self).named_parameters is not Module.named_parameters:
            for _, param in self.named_parameters(recurse=recurse):
                yield param
            return
        if recurse and type(self).named_modules is Module.named_modules and type(self).modules is Module.modules:
            yield from _parameters_of(self)
            return
        seen = set()
        for module in self.modules() if recurse else (self,):
            for param in module._parameters.values():
                if param is not None and id(param) not in seen:
                    seen.add(id(param))
                    yield param

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted name, parameter) pairs, in the order of registration."""
        if _suspects:
            _warn_of_unregistered(self)
        yield from self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """Every buffer of the module and, with `recurse`, of all below it; each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted name, buffer) pairs, in the order of registration."""
        yield from self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def children(self):
        """The modules directly below this one, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self):
        """(name, module) pairs of the modules directly below this one, each module once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self):
        """This module and all below it, parents before children, each once."""
        if type(self).named_modules is not Module.named_modules:
            for _, module in self.named_modules():
                yield module
            return
        stack, seen = [self], set()
        while stack:
            module = stack.pop()
            if module in seen:
                continue
            seen.add(module)
            yield module
            if module._modules:
                stack.extend([m for m in reversed(module._modules.values()) if m is not None])

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """(dotted name, module) pairs of this module (its name is `prefix`) and all below it."""
        if memo is None:
            memo = set()
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, prefix + "." + name if prefix else name, remove_duplicate)

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

    # ---- applying, moving, casting ------------------------------------------------------------------------

    def apply(self, fn):
        """Call `fn(module)` on every module below, then on this one; returns self."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn, recurse=True):
        """Replace every parameter, gradient and buffer t by fn(t), keeping the Parameter objects."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for name, param in self._parameters.items():
            if param is None:
                continue
            try:
                with rtorch.no_grad():
                    new = fn(param)
                if new is not param:
                    self._parameters[name] = param = _replace(param, new)
                grad = param.grad
                if grad is not None:
                    with rtorch.no_grad():
                        new = fn(grad)
                    if new is not grad:
                        param.grad = new.requires_grad_(grad.requires_grad)
            except Exception as error:
                error.add_note(f"  while moving parameter {name} of {type(self).__name__}")
                raise
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs):
        """Move and cast, in place: `to(device, dtype, non_blocking)`, `to(dtype)`, `to(tensor)`, `to(memory_format=)`.

        Only floating point and complex parameters and buffers are cast; all are moved.
        """
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )

        def convert(t):
            cast = dtype if t.is_floating_point() or t.is_complex() else None
            if memory_format is not None and t.dim() in (4, 5):
                return t.to(device=device, dtype=cast, non_blocking=non_blocking, memory_format=memory_format)
            return t.to(device=device, dtype=cast, non_blocking=non_blocking)

        return self._apply(convert)

    def to_empty(self, *, device, recurse=True):
        """Move to a device without copying: the values there are whatever the memory holds."""
        return self._apply(lambda t: rtorch.empty_like(t, device=device), recurse=recurse)

    def cuda(self, device=None):
        """Move all parameters and buffers to the GPU, in place."""
        return self._apply(lambda t: t.cuda(device))

    def cpu(self):
        """Move all parameters and buffers to the CPU, in place."""
        return self._apply(lambda t: t.cpu())

    def type(self, dst_type):
        """Cast all parameters and buffers to `dst_type`."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self):
        """Cast floating point parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self):
        """Cast floating point parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self):
        """Cast floating point parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self):
        """Cast floating point parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def share_memory(self):
        """Put all parameters and buffers into shared memory."""
        return self._apply(lambda t: t.share_memory_())

    # ---- hooks --------------------------------------------------------------------------------------------

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call `hook(module, args[, kwargs])` before forward; what it returns replaces the arguments."""
        hooks = self._forward_pre_hooks
        handle = _add(hooks, hook, self._forward_pre_hooks_with_kwargs)
        if with_kwargs:
            self._forward_pre_hooks_with_kwargs[handle.id] = True
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call `hook(module, args[, kwargs], output)` after forward; what it returns replaces the output.

        With `always_call` it runs also when forward raises.
        """
        hooks = self._forward_hooks
        handle = _add(hooks, hook, self._forward_hooks_with_kwargs, self._forward_hooks_always_called)
        if with_kwargs:
            self._forward_hooks_with_kwargs[handle.id] = True
        if always_call:
            self._forward_hooks_always_called[handle.id] = True
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Call `hook(module, grad_output)` when the gradient of the output is there; may return another."""
        hooks = self._backward_pre_hooks
        handle = _add(hooks, hook)
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def register_full_backward_hook(self, hook, prepend=False):
        """Call `hook(module, grad_input, grad_output)` when the gradients of the inputs are there.

        What it returns replaces grad_input.
        """
        if self._is_full_backward_hook is False:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only "
                "one of them."
            )
        self._is_full_backward_hook = True
        hooks = self._backward_hooks
        handle = _add(hooks, hook)
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def register_backward_hook(self, hook):
        """The older form of register_full_backward_hook: grad_input is that of the last operator only."""
        if self._is_full_backward_hook is True:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only "
                "one of them."
            )
        self._is_full_backward_hook = False
        return _add(self._backward_hooks, hook)

    # ---- state dicts ----------------------------------------------------------------------------------------

    def get_extra_state(self):
        """Override together with set_extra_state to keep more than tensors in the state_dict."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called. Override it in the subclass."
        )

    def set_extra_state(self, state):
        """Receives from load_state_dict what get_extra_state gave."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called. Override it in the subclass."
        )

    def _register_state_dict_hook(self, hook):
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError("Cannot register the same function as the state dict post hook that was made public")
        return _add(self._state_dict_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        """Call `hook(module, state_dict, prefix, local_metadata)` when state_dict is done; it may change it."""
        hook._from_public_api = True
        return _add(self._state_dict_hooks, hook)

    def register_state_dict_pre_hook(self, hook):
        """Call `hook(module, prefix, keep_vars)` before state_dict gathers."""
        return _add(self._state_dict_pre_hooks, hook)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        if with_module:
            weak = weakref.ref(self)
            inner = hook

            def hook(*args):
                return inner(weak(), *args)

        return _add(self._load_state_dict_pre_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook):
        """Call `hook(module, state_dict, prefix, metadata, strict, missing, unexpected, errors)` before loading."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook):
        """Call `hook(module, incompatible_keys)` after loading; it may change the two lists."""
        return _add(self._load_state_dict_post_hooks, hook)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        _save_tensors(self, destination, prefix, keep_vars)
        if type(self).get_extra_state is not Module.get_extra_state:
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """An OrderedDict of all parameters and persistent buffers under their dotted names.

        The tensors are detached but share memory with the module's, unless `keep_vars`.
        """
        if args:
            import warnings

            warnings.warn("Positional args are being deprecated, use kwargs instead.", FutureWarning, stacklevel=2)
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        if _suspects:
            _warn_of_unregistered(self)
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        return _gather_state(self, destination, prefix, keep_vars)

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        """Fill this module alone (not those below). Subclasses override it to read older formats."""
        for hook in self.__dict__.get("_load_state_dict_pre_hooks", {}).values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        hidden = self.__dict__.get("_non_persistent_buffers_set", ())
        local = {k: v for k, v in self._parameters.items() if v is not None}
        local.update((k, v) for k, v in self._buffers.items() if v is not None and k not in hidden)
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, param in local.items():
            key = prefix + name
            if key not in state_dict:
                if strict:
                    missing_keys.append(key)
                continue
            new = state_dict[key]
            if not isinstance(new, Tensor):
                error_msgs.append(
                    f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
                    f"checkpoint but received {type(new)}"
                )
                continue
            lazy = is_lazy(param)
            if not lazy and param.dim() == 0 and new.dim() == 1 and len(new) == 1:
                new = new[0]  # scalars were kept as one-element vectors before PyTorch 0.4
            if not lazy and new.shape != param.shape:
                error_msgs.append(
                    f"size mismatch for {key}: copying a param with shape {new.shape} from checkpoint, the shape in "
                    f"current model is {param.shape}."
                )
                continue
            if not lazy and param.is_meta and not new.is_meta and not assign:
                import warnings

                warnings.warn(
                    f"for {key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the "
                    "current model, which is a no-op. (Did you mean to pass `assign=True` to assign items in the state "
                    "dictionary to their corresponding key in the module instead of copying them in place?)",
                    stacklevel=2,
                )
            try:
                with rtorch.no_grad():
                    if assign:
                        if isinstance(param, Parameter):
                            if isinstance(new, Parameter):
                                new.requires_grad_(param.requires_grad)
                            else:
                                new = Parameter(new, requires_grad=param.requires_grad)
                        setattr(self, name, new)
                    else:
                        param.copy_(new)
            except Exception as error:
                error_msgs.append(
                    f'While copying the parameter named "{key}", whose dimensions in the model are {param.size()} and '
                    f"whose dimensions in the checkpoint are {new.size()}, an exception occurred : {error.args}."
                )
        extra = prefix + _EXTRA_STATE_KEY_SUFFIX
        if type(self).set_extra_state is not Module.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra:
                    head, dot, _ = key[len(prefix) :].partition(".")
                    if head not in self._modules if dot else head not in local:
                        unexpected_keys.append(key)

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copy a state_dict into the module's parameters and buffers (or, with `assign`, take its tensors).

        With `strict` the keys must be exactly this module's. Returns the missing and the unexpected keys.
        """
        if not isinstance(state_dict, dict) and not hasattr(state_dict, "keys"):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing, unexpected, errors = [], [], []
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)
        if metadata is not None:
            state_dict._metadata = metadata

        def load(module, local, prefix):
            local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local_metadata["assign_to_params_buffers"] = True
            module._load_from_state_dict(local, prefix, local_metadata, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    below = prefix + name + "."
                    load(child, {k: v for k, v in local.items() if k.startswith(below)}, below)
            incompatible = _IncompatibleKeys(missing, unexpected)
            for hook in module.__dict__.get("_load_state_dict_post_hooks", {}).values():
                if hook(module, incompatible) is not None:
                    raise RuntimeError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                        "values, if incompatible_keys need to be modified, it should be done inplace."
                    )

        load(self, state_dict, "")
        if strict:
            for what, keys in (("Missing", missing), ("Unexpected", unexpected)):
                if keys:
                    listed = ", ".join(f'"{k}"' for k in keys)
                    errors.insert(0, f"{what} key(s) in state_dict: {listed}. ")
        if errors:
            raise _errors.load_error(self, errors)
        return _IncompatibleKeys(missing, unexpected)

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


def _replace(param, new):
    """The parameter with the new value: the same object where it can stay the same."""
    if is_lazy(param) or param.is_meta == new.is_meta:
        param.data = new
        return param
    return Parameter(new, param.requires_grad)


def _parse_to(*args, **kwargs):
    """(device, dtype, non_blocking, memory_format) of all forms of Tensor.to."""
    device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    non_blocking = kwargs.pop("non_blocking", False)
    memory_format = kwargs.pop("memory_format", None)
    kwargs.pop("copy", None)
    other = kwargs.pop("tensor", kwargs.pop("other", None))
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        other = rest.pop(0)
    elif rest and isinstance(rest[0], rtorch.dtype):
        dtype = rest.pop(0)
    elif rest:
        device = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], rtorch.dtype)):
            dtype = rest.pop(0)
    if rest and isinstance(rest[0], (bool, int)):
        non_blocking = bool(rest.pop(0))
        if rest and isinstance(rest[0], bool):
            rest.pop(0)  # copy: means nothing for a module
    if rest:
        raise TypeError(f"to(): argument {rest[0]!r} does not fit; it takes (device, dtype, non_blocking) or a tensor")
    if other is not None:
        device, dtype = other.device, other.dtype
    if device is not None and not isinstance(device, rtorch.device):
        device = rtorch.device(device)
    return device, dtype, non_blocking, memory_format
