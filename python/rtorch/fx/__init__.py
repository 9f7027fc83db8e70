"""`torch.fx`: rtorch traces no graphs. What packages name at their top is here (see `_outside.py`); `wrap` is whole,
since it only says how a tracer should treat a function."""

from rtorch._outside import fill as _fill

_fill(
    globals(),
    "rtorch makes no graphs of torch.fx",
    classes=("Graph", "GraphModule", "Interpreter", "Node", "Proxy", "Tracer", "Transformer"),
    functions=("symbolic_trace",),
)


def wrap(fn_or_name):
    """The function (or name) itself: what a tracer would leave whole is called as ever."""
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    return fn_or_name
