"""`torch._jit_internal`: what libraries use of TorchScript's inner marks. Nothing is compiled: they mark nothing."""

from rtorch.jit import Final as Final
from rtorch.jit import _overload as _overload
from rtorch.jit import _overload_method as _overload_method
from rtorch.jit import export as export
from rtorch.jit import ignore as ignore
from rtorch.jit import is_scripting as is_scripting
from rtorch.jit import unused as unused


def _copy_to_script_wrapper(fn):
    """The function: a scripted module has its own methods here."""
    return fn
