"""Named tuples that operators with several results give (`torch.return_types.max`), made at first use."""

_classes = {}


def _class(name, fields):
    """The class for an operator's results."""
    key = (name, tuple(fields))
    if key not in _classes:

        def text(self):
            body = ",\n".join(f"{f}={v!r}" for f, v in zip(fields, self, strict=False))
            return f"torch.return_types.{name}(\n{body})"

        members = {"__slots__": (), "__module__": "torch.return_types", "__repr__": text, "_fields": tuple(fields)}
        for i, f in enumerate(fields):
            members[f] = property(lambda self, i=i: self[i])
        members["__reduce__"] = lambda self: (_rebuild, (name, tuple(fields), tuple(self)))
        _classes[key] = type(name, (tuple,), members)
    return _classes[key]


def _rebuild(name, fields, items):
    return _class(name, fields)(items)


def __getattr__(name):
    for (n, _), c in _classes.items():
        if n == name:
            return c
    raise AttributeError(name)
