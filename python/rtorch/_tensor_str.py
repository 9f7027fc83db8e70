"""`torch._tensor_str`: the parts of a tensor's text, for libraries that print tensors of their own kinds."""

from rtorch import _C
from rtorch import _tensor as _t


class _PrintOptions:
    """What `set_printoptions` set, as attributes: precision, threshold, edgeitems, linewidth, sci_mode."""

    def __getattr__(self, name):
        try:
            return _t._options[name]
        except KeyError:
            raise AttributeError(f"print options have no {name!r}") from None

    def __repr__(self):
        return f"PrinterOptions({', '.join(f'{k}={v}' for k, v in _t._options.items())})"


PRINT_OPTS = _PrintOptions()


def _tensor_str(self, indent):
    """The elements in brackets, for a line that begins with `indent` characters."""
    return _C._body_text(self, indent, [])


def _add_suffixes(tensor_str, suffixes, indent, force_newline):
    """The text with `, suffix` for each and a closing bracket, broken where a line would be too long."""
    result = tensor_str
    last = len(tensor_str) - tensor_str.rfind("\n") - 1 + 1
    for suffix in suffixes:
        if force_newline or last + len(suffix) + 2 > PRINT_OPTS.linewidth:
            result += ",\n" + " " * indent + suffix
            last, force_newline = indent + len(suffix), False
        else:
            result += ", " + suffix
            last += len(suffix) + 2
    return result + ")"
