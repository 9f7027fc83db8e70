# Texts of Module's errors, and naming the module in errors that come out of a call.
# The message itself stays PyTorch's, word for word, because programs print and match it. What helps beyond it (the
# module's path, the remedy) is a note on the exception (PEP 678), which tracebacks show below the message.
# Nothing here runs unless something fails (but for check_keywords, which runs where keywords are given).

__all__ = ["noted", "name_module", "check_keywords", "typename"]


def noted(error, note):
    """The exception with a note, for `raise noted(ValueError(...), "Use ...")`."""
    error.add_note("  " + note)
    return error


def typename(value):
    """What messages write for a value: `torch.FloatTensor` for tensors, a class's own name, else that of its class."""
    from rtorch import Tensor

    kind = value if isinstance(value, type) else type(value)
    if kind is Tensor:
        return value.type()
    module = kind.__module__
    if module in ("builtins", "__builtin__"):
        return kind.__qualname__
    if module == "rtorch" or module.startswith("rtorch."):
        module = "torch" + module[6:]
    return f"{module}.{kind.__qualname__}"


def describe(value):
    """A value in a few words: `a Tensor of shape (2, 3)`, `Linear`, `int`."""
    from rtorch import Tensor

    if isinstance(value, Tensor):
        return f"a {type(value).__name__} of shape {tuple(value.shape)}"
    return type(value).__name__


# ---- the module's path -------------------------------------------------------------------------------------


def name_module(module, error, args):
    """Note `in Net.features.3: Conv2d(...)` on an error that leaves a call of `module`.

    Called once per module level on the way out, innermost first; each level puts its name before the path.
    """
    try:
        trail = getattr(error, "_module_trail", None)
        if trail is None:
            what = _shown(module)
            if type(error) is TypeError and args:
                _explain_input(error, args[0])
            path, place = [], len(getattr(error, "__notes__", ()))
            error.add_note("")
        elif not trail:
            return
        else:
            last, path, what, place = trail
            if last is module:
                return
            name = _name_below(module, last)
            if name is None:  # it came through something that is no part of this module
                error._module_trail = ()
                return
            path = [name, *path]
        error._module_trail = (module, path, what, place)
        error.__notes__[place] = "  in " + place_of(module, path, what)
    except Exception:  # an error in telling about an error helps nobody
        return


def _shown(module):
    return type(module).__name__ if module._modules else repr(module)


def place_of(outer, path, what):
    """`Net.features.3: Conv2d(...)`: the names from the outermost module to the one that is `what`."""
    return f"{'.'.join((type(outer).__name__, *path))}: {what}" if path else what


def _explain_input(error, value):
    """A module's input that is no tensor: how it usually comes about."""
    if isinstance(value, tuple):
        noted(
            error,
            "The input is a tuple. Recurrent layers, for example, return (output, state): unpack it, out, _ = lstm(x).",
        )
    elif hasattr(value, "_modules") and hasattr(value, "forward"):
        name = type(value).__name__
        noted(error, f"The input is a {name} module. nn.{name}(x) builds a layer; apply it with nn.{name}()(x).")


def _name_below(module, wanted):
    for name, child in module._modules.items():
        if child is wanted:
            return name
    for name, below in module.named_modules():
        if below is wanted:
            return name
    for name, value in module.__dict__.items():  # a plain list or dict of modules
        if isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                if item is wanted:
                    return f"{name}[{i}]"
        elif isinstance(value, dict) and name not in ("_parameters", "_buffers", "_modules"):
            for key, item in value.items():
                if item is wanted:
                    return f"{name}[{key!r}]"
    return None


# ---- keywords that do not exist ------------------------------------------------------------------------------


def check_keywords(cls, kwargs):
    """Refuse a keyword that `cls.__init__` does not know, with the one that was probably meant."""
    code = getattr(cls.__init__, "__code__", None)
    if code is None or code.co_flags & 0x08 or hasattr(cls.__init__, "__wrapped__"):  # **kwargs
        return
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for name in kwargs:
        if name not in known:
            from difflib import get_close_matches

            close = get_close_matches(name, known[1:], 1)
            hint = f"Did you mean '{close[0]}'?" if close else f"It takes: {', '.join(known[1:])}."
            raise noted(TypeError(f"{cls.__name__}.__init__() got an unexpected keyword argument '{name}'"), hint)


# ---- texts --------------------------------------------------------------------------------------------------


def before_init(module, kind, name, value):
    cls = type(module).__name__
    return noted(
        AttributeError(f"cannot assign {kind} before Module.__init__() call"),
        f"'{name}' ({describe(value)}) of {cls}: make super().__init__() the first line of {cls}.__init__.",
    )


def cannot_assign(module, name, value, kind, expected):
    from rtorch import Tensor

    error = TypeError(f"cannot assign '{typename(value)}' as {kind} '{name}' ({expected} or None expected)")
    note = f"It is {describe(value)}, for {type(module).__name__}.{name}."
    if kind == "parameter" and isinstance(value, Tensor):
        note += " Wrap it: nn.Parameter(...), or copy_ it into the parameter under torch.no_grad()."
    return noted(error, note)


def already_exists(module, name, kind):
    return noted(
        KeyError(f"attribute '{name}' already exists"),
        f"{type(module).__name__}.{name} is {describe(getattr(module, name))}. Give the {kind} another name.",
    )


def load_error(module, errors):
    """What load_state_dict raises: every key that does not fit, and what to do."""
    error = RuntimeError(
        "Error(s) in loading state_dict for {}:\n\t{}".format(type(module).__name__, "\n\t".join(errors))
    )
    if any(e.startswith("size mismatch") for e in errors):
        return noted(
            error, "To load the rest, drop the keys of another size from the state_dict and pass strict=False."
        )
    if any(e.startswith(("Missing", "Unexpected")) for e in errors):
        return noted(error, "If that is meant, pass strict=False.")
    return error
