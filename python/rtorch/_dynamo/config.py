"""`torch._dynamo.config`: the switches that programs set for PyTorch's tracer. They hold what is set; there is no
tracer here that would read them."""

import contextlib as _contextlib

allow_unspec_int_on_nn_module = False
assume_static_by_default = True
automatic_dynamic_shapes = True
cache_size_limit = 8
accumulated_cache_size_limit = 256
recompile_limit = 8
capture_dynamic_output_shape_ops = False
capture_scalar_outputs = False
optimize_ddp = True
suppress_errors = False
verbose = False


@_contextlib.contextmanager
def patch(arg1=None, arg2=None, **changes):
    """Switches by name or as a dictionary, set back at the end of the block."""
    if arg1 is not None:
        changes.update(arg1 if arg2 is None else {arg1: arg2})
    space = globals()
    for name in changes:
        if name not in space or name.startswith("_"):
            raise AttributeError(f"torch._dynamo.config has no switch {name!r}")
    old = {name: space[name] for name in changes}
    space.update(changes)
    try:
        yield
    finally:
        space.update(old)
