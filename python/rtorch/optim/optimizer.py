# Optimizer, the base class: parameter groups, state, hooks, state dicts in PyTorch's format.
# PerParameter, below it, is the base of those optimizers that update one parameter at a time.
import functools
import weakref
from collections import OrderedDict, defaultdict
from copy import deepcopy
from itertools import chain

import rtorch
from rtorch import Tensor
from rtorch._C import _set_grad_enabled, _zero_grads

from ..nn.modules._errors import noted
from ..nn.modules._hooks import RemovableHandle

__all__ = ["Optimizer", "register_optimizer_step_pre_hook", "register_optimizer_step_post_hook"]


class _RequiredParameter:
    """Stands for an argument that every parameter group must give."""

    def __repr__(self):
        return "<required parameter>"


required = _RequiredParameter()

# what an optimizer takes: an iterable of tensors, of (name, tensor) pairs, or of groups (dicts with "params")
ParamsT = object
params_t = ParamsT

_global_optimizer_pre_hooks = OrderedDict()
_global_optimizer_post_hooks = OrderedDict()
_living = weakref.WeakSet()  # all optimizers, so that a global hook also reaches those made before it


def _add(hooks, hook, prepend=False):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook):
    """Call `hook(optimizer, args, kwargs)` before every optimizer's step; may return new (args, kwargs)."""
    for optimizer in list(_living):
        optimizer._watch_step()
    return _add(_global_optimizer_pre_hooks, hook)


def register_optimizer_step_post_hook(hook):
    """Call `hook(optimizer, args, kwargs)` after every optimizer's step."""
    for optimizer in list(_living):
        optimizer._watch_step()
    return _add(_global_optimizer_post_hooks, hook)


def _use_grad_for_differentiable(step):
    """Decorator for `step` methods: records gradients only if the group default `differentiable` says so."""

    @functools.wraps(step)
    def wrapped(self, *args, **kwargs):
        before = rtorch.is_grad_enabled()
        _set_grad_enabled(self.defaults["differentiable"])
        try:
            return step(self, *args, **kwargs)
        finally:
            _set_grad_enabled(before)

    return wrapped


def _get_value(x):
    """The Python number in a one-element tensor, or the number itself."""
    return x.item() if isinstance(x, Tensor) else x


def _check_range(ok, text, value):
    if not ok:
        raise ValueError(f"{text}: {value}")


def _check_lr(lr, foreach=False, capturable=False):
    """The checks of `lr` that all optimizers share."""
    if isinstance(lr, Tensor):
        if foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
    _check_range(lr >= 0.0, "Invalid learning rate", lr)


def _check_betas(betas):
    for i, beta in enumerate(betas):
        _check_range(0.0 <= beta < 1.0, f"Invalid beta parameter at index {i}", beta)


def _typename(x):
    return x.type() if isinstance(x, Tensor) else type(x).__name__


class Optimizer:
    """Base class of all optimizers.

    `params` is an iterable of tensors, of (name, tensor) pairs, or of dicts with "params" and other settings;
    `defaults` holds the settings that a group does not give.
    """

    def __init__(self, params, defaults):
        self.defaults = defaults
        self._make_hooks()
        if isinstance(params, Tensor):
            raise noted(
                TypeError(
                    "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                    f"{params.type()}"
                ),
                "Put it in a list: [tensor].",
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        try:
            groups = list(params)
        except TypeError as error:
            if callable(params):
                error.add_note(
                    f"  {type(self).__name__} takes params as an iterable of tensors: call the method, as in "
                    "net.parameters()."
                )
            raise
        if not groups:
            raise noted(
                ValueError("optimizer got an empty parameter list"),
                f"{type(self).__name__} was given no parameters. Layers kept in a plain list or dict are not "
                "registered: use nn.ModuleList, nn.ModuleDict or nn.Parameter.",
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _make_hooks(self):
        self._optimizer_step_pre_hooks = OrderedDict()
        self._optimizer_step_post_hooks = OrderedDict()
        self._optimizer_state_dict_pre_hooks = OrderedDict()
        self._optimizer_state_dict_post_hooks = OrderedDict()
        self._optimizer_load_state_dict_pre_hooks = OrderedDict()
        self._optimizer_load_state_dict_post_hooks = OrderedDict()
        _living.add(self)
        if _global_optimizer_pre_hooks or _global_optimizer_post_hooks:
            self._watch_step()

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)
        if "_optimizer_step_pre_hooks" not in self.__dict__:
            self._make_hooks()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self):
        lines = [type(self).__name__ + " ("]
        for i, group in enumerate(self.param_groups):
            lines += [f"Parameter Group {i}"] if i == 0 else ["", f"Parameter Group {i}"]
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"

    # ---- steps -------------------------------------------------------------------------------------

    def step(self, closure=None):
        """Update the parameters once; `closure`, if given, computes the loss anew and returns it."""
        raise NotImplementedError

    def zero_grad(self, set_to_none=True):
        """Forget all gradients (or fill them with zeros)."""
        for group in self.param_groups:
            if not set_to_none:
                _zero_grads(list(group["params"]))
                continue
            for p in group["params"]:
                p.grad = None

    def _watch_step(self):
        """From now on this instance's step looks at hooks. (An instance without any calls step directly.)"""
        inner = self.__dict__.get("step")
        if getattr(inner, "_runs_hooks", False):
            return
        own, weak = type(self).step, weakref.ref(self)

        @functools.wraps(own if inner is None else inner)
        def step(*args, **kwargs):
            self = weak()
            for hook in chain(_global_optimizer_pre_hooks.values(), self._optimizer_step_pre_hooks.values()):
                new = hook(self, args, kwargs)
                if new is not None:
                    if not (isinstance(new, tuple) and len(new) == 2):
                        raise RuntimeError(
                            f"{hook} must return None or a tuple of (new_args, new_kwargs), but got {new}."
                        )
                    args, kwargs = new
            out = own(self, *args, **kwargs) if inner is None else inner(*args, **kwargs)
            for hook in chain(self._optimizer_step_post_hooks.values(), _global_optimizer_post_hooks.values()):
                hook(self, args, kwargs)
            return out

        step._runs_hooks = True
        self.step = step

    # ---- hooks ---------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook):
        """Call `hook(optimizer, args, kwargs)` before step; may return new (args, kwargs)."""
        self._watch_step()
        return _add(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Call `hook(optimizer, args, kwargs)` after step."""
        self._watch_step()
        return _add(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Call `hook(optimizer)` before state_dict."""
        return _add(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Call `hook(optimizer, state_dict)` after state_dict; may return another one."""
        return _add(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Call `hook(optimizer, state_dict)` before load_state_dict; may return another one."""
        return _add(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Call `hook(optimizer)` after load_state_dict."""
        return _add(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # ---- groups --------------------------------------------------------------------------------------

    def add_param_group(self, param_group):
        """Add a group: a dict with "params" and any settings that differ from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            param_group["params"] = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        else:
            param_group["params"] = list(params)

        names, params = [], []
        for i, p in enumerate(param_group["params"]):
            if isinstance(p, tuple):
                names.append(p[0])
                p = p[1]
            params.append(p)
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {_typename(p)}")
            if not self.defaults.get("differentiable", None) and not (p.is_leaf or p.retains_grad):
                origin = p.grad_fn.name() if p.grad_fn is not None else "an operator"
                raise noted(
                    ValueError("can't optimize a non-leaf Tensor"),
                    f"Parameter {i} of {type(self).__name__}, of shape {tuple(p.shape)}, is the result of {origin}. "
                    "Make it a leaf: w = (...).detach().requires_grad_().",
                )
        param_group["params"] = params
        if names:
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = names
        if self.param_groups:
            first = "param_names" in self.param_groups[0]
            if first != ("param_names" in param_group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{'without' if first else 'with'} names to the optimizer"
                )
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)

        if len(params) != len({id(p) for p in params}):
            import warnings

            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in known for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    # ---- state dicts -----------------------------------------------------------------------------------

    def state_dict(self):
        """{"state": state by parameter number, "param_groups": settings, with parameters as numbers}."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        number, groups = {}, []
        for group in self.param_groups:
            for p in group["params"]:
                number.setdefault(id(p), len(number))
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [number[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {(number[id(k)] if isinstance(k, Tensor) else k): v for k, v in self.state.items()}
        out = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            new = hook(self, out)
            if new is not None:
                out = new
        return out

    def load_state_dict(self, state_dict):
        """Take over the state and settings of another optimizer's state_dict, in the order of the parameters."""
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            new = hook(self, state_dict)
            if new is not None:
                state_dict = new
        groups = self.param_groups
        saved = deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        for group, other in zip(groups, saved):
            if len(group["params"]) != len(other["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
                )
        param_of = {}
        for group, other in zip(groups, saved):
            settings = {k: v for k, v in other.items() if k != "params"}
            for number, p in zip(other["params"], group["params"]):
                param_of[number] = p, settings
        state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in param_of:
                p, settings = param_of[key]
                state[p] = _fit(p, value, settings)
            else:
                state[key] = value
        for group, other in zip(groups, saved):
            other["params"] = group["params"]
            if "param_names" in group and "param_names" not in other:
                other["param_names"] = group["param_names"]
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)


def _fit(param, value, settings, key=None):
    """State from a file, in the dtype and on the device of its parameter; `step` stays as it is."""
    if isinstance(value, Tensor):
        if key == "step":
            if settings.get("capturable") or settings.get("fused"):
                return value.to(dtype=rtorch.float32, device=param.device)
            return value
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)
    if isinstance(value, dict):
        return {k: _fit(param, v, settings, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_fit(param, v, settings, key) for v in value)
    return value


def _scalar_state(value=0.0, device=None):
    """The tensors that count steps and the like: no dimensions, float32 (float64 if that is the default dtype)."""
    wide = rtorch.get_default_dtype() == rtorch.float64
    return rtorch.tensor(value, dtype=rtorch.float64 if wide else rtorch.float32, device=device)


def _zeros(p):
    return rtorch.zeros_like(p, memory_format=rtorch.preserve_format)


def _steps_to_tensors(optimizer):
    """States from before PyTorch 1.11 count steps by numbers."""
    for state in optimizer.state.values():
        if isinstance(state, dict) and "step" in state and not isinstance(state["step"], Tensor):
            state["step"] = _scalar_state(float(state["step"]))


class PerParameter(Optimizer):
    """Optimizers that update one parameter after the other.

    A class gives `_init_state(p, grad, state, group)`, which fills the state at a parameter's first step, and
    `_update(p, grad, state, group)`. Complex parameters come as pairs of real numbers.
    """

    _settings = {}  # group settings that older state dicts may lack
    _sparse = False
    _complex_as_real = True

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for key, value in self._settings.items():
                group.setdefault(key, value)
        _steps_to_tensors(self)

    def step(self, closure=None):
        """Update the parameters once; `closure`, if given, computes the loss anew and returns it."""
        before = rtorch.is_grad_enabled()
        _set_grad_enabled(self.defaults["differentiable"])
        try:
            loss = None
            if closure is not None:
                with rtorch.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                for p in group["params"]:
                    grad = p.grad
                    if grad is not None:
                        self._one(p, grad, group)
            return loss
        finally:
            _set_grad_enabled(before)

    def _one(self, p, grad, group):
        if grad.is_sparse and not self._sparse:
            raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")
        state = self.state[p]
        if not state:
            self._init_state(p, grad, state, group)
        if group["maximize"]:
            grad = -grad
        if self._complex_as_real and p.is_complex():
            state = {k: _as_real(v) for k, v in state.items()}
            p, grad = rtorch.view_as_real(p), rtorch.view_as_real(grad)
        self._update(p, grad, state, group)

    def _init_state(self, p, grad, state, group):
        raise NotImplementedError

    def _update(self, p, grad, state, group):
        raise NotImplementedError


def _as_real(value):
    return rtorch.view_as_real(value) if isinstance(value, Tensor) and value.is_complex() else value
