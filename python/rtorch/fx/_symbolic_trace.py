"""`torch.fx._symbolic_trace`: whether a graph is being traced."""

from rtorch.fx import Tracer as Tracer
from rtorch.fx import symbolic_trace as symbolic_trace


def is_fx_tracing():
    """Whether a program is being traced: never."""
    return False


is_fx_symbolic_tracing = is_fx_tracing
