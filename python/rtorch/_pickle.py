"""How our objects are pickled where no `torch` that is this library can be imported: their classes bear PyTorch names,
which a plain `import rtorch` does not resolve. Under `python -m rtorch`, and in .pt files, PyTorch's names are written.
"""

import sys

import rtorch


def is_torch():
    """Is `torch` this library here?"""
    return getattr(sys.modules.get("torch"), "_C", None) is rtorch._C


def _named(name):
    return getattr(rtorch, name)


def _make(name, *args):
    return getattr(rtorch, name)(*args)


def _generator(state):
    g = rtorch.Generator()
    g.set_state(state)
    return g


def reduce_named(name):
    """For an object that is an attribute of `torch`."""
    return name if is_torch() else (_named, (name,))


def reduce_made(name, *args):
    """For an object that the class `torch.name` makes of `args`."""
    return (getattr(rtorch, name), args) if is_torch() else (_make, (name, *args))


def reduce_generator(g):
    """For a generator, in PyTorch's form where `torch` is this library."""
    state = g.get_state()
    if is_torch():
        return rtorch.Generator, (g.device,), (g.initial_seed(), None, state)
    return _generator, (state,)
