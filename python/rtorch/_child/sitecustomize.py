# Run by Python at the start of a process that a `python -m rtorch` process started (see ../_alias.py).
# Installs the `torch` alias where the interpreter is the parent's, then runs the sitecustomize that this one hides.
import os
import sys


def _start():
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or os.curdir) != here]
    if os.environ.get("RTORCH_ALIAS") == sys.prefix and sys.version_info >= (3, 11):
        from importlib.util import module_from_spec, spec_from_file_location

        spec = spec_from_file_location("rtorch._alias", os.path.join(os.path.dirname(here), "_alias.py"))
        alias = module_from_spec(spec)
        spec.loader.exec_module(alias)
        alias.install()
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    hidden = PathFinder.find_spec("sitecustomize", sys.path)
    if hidden is not None and hidden.loader is not None:
        module = module_from_spec(hidden)
        sys.modules["sitecustomize"] = module
        hidden.loader.exec_module(module)


_start()
