"""Calling a module with other tensors in the place of its parameters and buffers."""

import contextlib

import rtorch

__all__ = ["functional_call"]


_ABSENT = object()


def _place(module, name):
    """The submodule that owns `name`, and the last part of the name."""
    path, _, last = name.rpartition(".")
    return (module.get_submodule(path) if path else module), last


def _tied(module):
    """Every name of a tensor that the module knows under more than one."""
    names = {}
    for name, tensor in [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]:
        names.setdefault(id(tensor), []).append(name)
    return [group for group in names.values() if len(group) > 1]


def _untied(module, given, tie_weights):
    """The tensors by every name that they stand for."""
    if not tie_weights:
        return dict(given)
    full = dict(given)
    for group in _tied(module):
        have = [name for name in group if name in given]
        if not have:
            continue
        if any(given[name] is not given[have[0]] for name in have):
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(have)}, which are tied. "
                "Consider using tie_weights=False"
            )
        for name in group:
            full.setdefault(name, given[have[0]])
    return full


def _swap(module, name, tensor):
    """Puts a tensor in the place called `name`; what was there."""
    owner, last = _place(module, name)
    for store in (owner._parameters, owner._buffers):
        if last in store:
            old, store[last] = store[last], tensor
            return old
    # a plain attribute, for as long as the call lasts where there was none
    old = owner.__dict__.pop(last, _ABSENT)
    if tensor is not _ABSENT:
        owner.__dict__[last] = tensor
    return old


def _check_strict(module, given):
    known = {n for n, _ in module.named_parameters(remove_duplicate=False)}
    known |= {n for n, _ in module.named_buffers(remove_duplicate=False)}
    missing, unexpected = sorted(known - given.keys()), sorted(given.keys() - known)
    lines = []
    if unexpected:
        lines.append("Unexpected key(s): " + ", ".join(map(repr, unexpected)) + ".")
    if missing:
        lines.append("Missing key(s): " + ", ".join(map(repr, missing)) + ".")
    if lines:
        raise RuntimeError(
            "Error(s) in reparametrizing for {}:\n\t{}".format(type(module).__name__, "\n\t".join(lines))
        )


@contextlib.contextmanager
def _reparametrize_module(module, parameters_and_buffers, tie_weights=False, strict=False, stack_weights=False):
    """Within the block the module has these tensors; after it, its own again."""
    given = _untied(module, parameters_and_buffers, tie_weights)
    if strict:
        _check_strict(module, given)
    old = {}
    try:
        for name, tensor in given.items():
            old[name] = _swap(module, name, tensor)
        yield
    finally:
        for name, tensor in old.items():
            now = _swap(module, name, tensor)
            if name in parameters_and_buffers and isinstance(parameters_and_buffers, dict):
                parameters_and_buffers[name] = now  # buffers that the call replaced


def _functional_call(module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False):
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights=tie_weights, strict=strict):
        return module(*args, **(kwargs or {}))


def functional_call(module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """Calls `module` with the tensors of a dictionary in place of those of the same names. Gradients reach them."""
    import warnings

    warnings.warn(
        "This API is deprecated as of PyTorch 2.0 and will be removed in a future version of PyTorch. "
        "Please use torch.func.functional_call instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    if not isinstance(module, rtorch.nn.Module):
        raise TypeError(f"functional_call takes a Module, not {type(module).__name__}")
    return _functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)
