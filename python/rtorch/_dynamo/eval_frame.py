"""`torch._dynamo.eval_frame`: the class of compiled modules, where programs look for it."""

from rtorch.compiler import OptimizedModule as OptimizedModule


def is_dynamo_supported():
    """Whether PyTorch's tracer works here: there is none."""
    return False
