# How a module is called: its hooks and those on all modules, in their order. Where no hook has been registered,
# Module.__call__ runs forward and nothing of this.
from collections import OrderedDict

from rtorch import Tensor

from ._hooks import FullBackwardHook, HookDict, RemovableHandle

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
    Calls._hooked = True  # from now on every call looks at its hooks
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


# ---- hooks on one ---------------------------------------------------------------------------------


class Calls:
    """What of Module concerns the hooks of its calls."""

    _is_full_backward_hook = None
    _hooked = False  # whether calls must look at hooks; see HookDict

    _forward_hooks = HookDict(calls=True)
    _forward_hooks_with_kwargs = HookDict(calls=True)
    _forward_hooks_always_called = HookDict(calls=True)
    _forward_pre_hooks = HookDict(calls=True)
    _forward_pre_hooks_with_kwargs = HookDict(calls=True)
    _backward_hooks = HookDict(calls=True)
    _backward_pre_hooks = HookDict(calls=True)

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
