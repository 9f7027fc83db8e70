# State dicts of modules: gathering, loading, their hooks and what does not fit.
import weakref
from collections import OrderedDict, namedtuple

import rtorch
from rtorch import _C, Tensor

from ..parameter import Parameter, is_lazy
from . import _errors
from ._calls import _add
from ._hooks import HookDict
from ._walk import _suspects, _warn_of_unregistered

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"
_save_tensors = _C._save_tensors


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What load_state_dict did not find, and what it found no place for."""

    __slots__ = ()
    __module__ = "rtorch.nn.modules.module"  # where pickles look for it

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


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
        if type(child).state_dict is StateDict.state_dict and "state_dict" not in child.__dict__:
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


class StateDict:
    """What of Module concerns its state dict."""

    _state_dict_hooks = HookDict()
    _state_dict_pre_hooks = HookDict()
    _load_state_dict_pre_hooks = HookDict()
    _load_state_dict_post_hooks = HookDict()

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
        if type(self).get_extra_state is not StateDict.get_extra_state:
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
        if type(self).set_extra_state is not StateDict.set_extra_state:
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
            for what, keys in (("Unexpected", unexpected), ("Missing", missing)):
                if keys:
                    listed = ", ".join(f'"{k}"' for k in keys)
                    errors.insert(0, f"{what} key(s) in state_dict: {listed}. ")
        if errors:
            raise _errors.load_error(self, errors)
        return _IncompatibleKeys(missing, unexpected)
