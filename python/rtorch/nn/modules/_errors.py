# Texts of Module's errors, and naming the module in errors that come out of a call.
# Nothing here runs unless something fails (but for check_keywords, which runs where keywords are given).

__all__ = ["name_module", "append", "check_keywords", "typename"]

# Kinds whose text may grow a line: what the core raises. A KeyError's text, for example, is a key.
_KINDS = frozenset((RuntimeError, TypeError, ValueError, IndexError, NotImplementedError, AssertionError))


def typename(value):
    """The class of a value as messages write it: `torch.FloatTensor` for tensors, else module.Class."""
    from rtorch import Tensor

    kind = type(value)
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


def name_module(module, error):
    """Add the line `in Net.features.3: Conv2d(...)` to an error that leaves a call of `module`.

    Called once per module level on the way out, innermost first; each level puts its name before the path.
    """
    try:
        trail = getattr(error, "_module_trail", None)
        if trail is None:
            if not _ours(error):
                error._module_trail = ()
                return
            what = repr(module)
            message, path, what = error.args[0], [], type(module).__name__ if "\n" in what else what
        elif not trail:
            return
        else:
            message, last, path, what = trail
            if last is module:
                return
            name = _name_below(module, last)
            if name is None:  # it came through something that is no part of this module
                error._module_trail = ()
                return
            path = [name, *path]
        error._module_trail = (message, module, path, what)
        where = f"{'.'.join((type(module).__name__, *path))}: {what}" if path else what
        error.args = (f"{message}\n  in {where}", *error.args[1:])
    except Exception:  # an error in telling about an error helps nobody
        return


def append(error, text):
    """Add a line to the text of an error that came from the core."""
    if _is_text(error):
        error.args = (f"{error.args[0]}\n  {text}", *error.args[1:])


def _is_text(error):
    kind = type(error)
    known = kind in _KINDS or kind.__module__.partition(".")[0] in ("rtorch", "torch")
    return known and bool(error.args) and type(error.args[0]) is str


def _ours(error):
    """Whether an error was raised by the core or by this package, and not by a `raise` in the user's code."""
    if not _is_text(error):
        return False
    tb = error.__traceback__
    if tb is None:
        return False
    while tb.tb_next is not None:
        tb = tb.tb_next
    frame = tb.tb_frame
    if frame.f_globals.get("__name__", "").partition(".")[0] == "rtorch":
        return True
    from opcode import opmap

    raising = {opmap.get("RAISE_VARARGS"), opmap.get("RERAISE")}
    return frame.f_code.co_code[tb.tb_lasti] not in raising


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
            hint = f". Did you mean '{close[0]}'?" if close else f". It takes: {', '.join(known[1:])}."
            raise TypeError(f"{cls.__name__}.__init__() got an unexpected keyword argument '{name}'{hint}")


# ---- texts --------------------------------------------------------------------------------------------------


def before_init(module, kind, name, value):
    cls = type(module).__name__
    return (
        f"cannot assign {kind} before Module.__init__() call: '{name}' ({describe(value)}) of {cls}. "
        f"Make super().__init__() the first line of {cls}.__init__."
    )


def cannot_assign(module, name, value, kind, expected):
    text = f"cannot assign '{typename(value)}' as {kind} '{name}' ({expected} or None expected)"
    text += f": {describe(value)} to {type(module).__name__}.{name}."
    from rtorch import Tensor

    if kind == "parameter" and isinstance(value, Tensor):
        text += " Wrap it: nn.Parameter(...), or copy_ it into the parameter under torch.no_grad()."
    return text


def already_exists(module, name, kind):
    return (
        f"attribute '{name}' already exists: {type(module).__name__} has {describe(getattr(module, name))} there. "
        f"Give the {kind} another name."
    )


def load_hint(errors):
    """What to do about a state_dict that does not fit."""
    if any(e.startswith("size mismatch") for e in errors):
        return "\n\tTo load the rest, drop the keys of another size from the state_dict and pass strict=False."
    if any(e.startswith(("Missing", "Unexpected")) for e in errors):
        return "\n\tIf that is meant, pass strict=False."
    return ""
