"""`torch._dynamo`: what programs name of the compiler behind `torch.compile`. Nothing is traced here (see `compiler`),
so what is said about tracing is taken and has no effect on values."""

from rtorch._dynamo import config as config
from rtorch._dynamo import eval_frame as eval_frame
from rtorch.compiler import (
    OptimizedModule,
    allow_in_graph,
    assume_constant_result,
    disable,
    is_compiling,
    list_backends,
    reset,
    set_stance,
)

__all__ = [
    "OptimizedModule",
    "allow_in_graph",
    "assume_constant_result",
    "config",
    "disable",
    "graph_break",
    "is_compiling",
    "list_backends",
    "mark_dynamic",
    "mark_static",
    "mark_static_address",
    "maybe_mark_dynamic",
    "reset",
    "set_stance",
]


def graph_break(msg=""):
    """Ends the graph that is being traced: there is none."""


def mark_dynamic(t, index, **bounds):
    """Says that a size of `t` will change: any size is taken."""


maybe_mark_dynamic = mark_dynamic


def mark_static(t, index=None):
    """Says that a size of `t` stays."""


def mark_static_address(t, guard=True):
    """Says that `t` stays where it is in memory."""
