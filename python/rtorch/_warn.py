"""Warnings that show the user's line, and the module in whose call it happened."""

import os
import sys
import warnings

HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def warn(text, category=UserWarning):
    """A warning at the innermost line that is not rtorch's own. Called rarely: it walks over the frames."""
    frame, level, modules = sys._getframe(1), 2, []
    call = _module_call()
    while frame is not None:
        if frame.f_code is call:
            modules.append(frame.f_locals["self"])
        frame = frame.f_back
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(HERE):
        frame, level = frame.f_back, level + 1
    if modules:
        text = f"{text}\n{_where(modules)}"
    warnings.warn(text, category, stacklevel=level)


def _module_call():
    """The code of Module.__call__; None where rtorch.nn has not been imported."""
    file = sys.modules.get("rtorch.nn.modules.module")
    return None if file is None else file.Module.__call__.__code__


def _where(modules):
    """`In Net.loss: MSELoss()`, of the modules being called, innermost first."""
    from rtorch.nn.modules import _errors

    inner = last = modules[0]
    path = []
    for outer in modules[1:]:
        name = None if outer is last else _errors._name_below(outer, last)
        if name is None:
            break
        path.insert(0, name)
        last = outer
    return "In " + _errors.place_of(last, path, _errors._shown(inner)) + "."
