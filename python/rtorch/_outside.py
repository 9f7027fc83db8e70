"""Names of what rtorch does not have (graphs of fx, sharded training, remote calls), for packages that import them at
their top and use them in cases only: in `isinstance`, as a base class, in an annotation.

A class has no instances, so `isinstance` says no, and making one is an error that says why; so is any other name that
is asked of such a module.
"""


class _Outside(type):
    """The class of classes that have no instances."""

    def __call__(cls, *args, **kwargs):
        raise NotImplementedError(f"{cls._outside[0]}: {cls._outside[1]}")

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        raise AttributeError(f"{cls._outside[0]}.{name}: {cls._outside[1]}")

    def __instancecheck__(cls, x):
        return False


def outside_class(path, why):
    """A class without instances; `path` is its name in PyTorch."""
    module, _, name = path.rpartition(".")
    return _Outside(name, (), {"__module__": module, "__doc__": f"Not in rtorch: {why}.", "_outside": (path, why)})


def outside_function(path, why):
    """A function that raises when it is called."""

    def function(*args, **kwargs):
        raise NotImplementedError(f"{path}: {why}")

    function.__module__, _, function.__name__ = path.rpartition(".")
    function.__qualname__ = function.__name__
    function.__doc__ = f"Not in rtorch: {why}."
    return function


def fill(space, why, classes=(), functions=()):
    """Put such names into a module's namespace, and a reason for the names that it does not have."""
    torch_path = "torch" + space["__name__"].removeprefix("rtorch")
    for name in classes:
        space[name] = outside_class(f"{torch_path}.{name}", why)
    for name in functions:
        space[name] = outside_function(f"{torch_path}.{name}", why)

    def __getattr__(name):
        raise AttributeError(f"module {torch_path!r} has no attribute {name!r}: {why}")

    space.setdefault("__getattr__", __getattr__)
