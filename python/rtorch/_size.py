"""torch.Size. It has a file of its own because the top level has names (`slice`, `sum`, ...) that hide Python's."""

from . import _C


class Size(_C._SizeBase):
    """The sizes of a tensor: a tuple with `numel`."""

    __slots__ = ()
    __module__ = "torch"

    def __repr__(self):
        return f"torch.Size([{', '.join(map(repr, self))}])"

    def numel(self):
        n = 1
        for s in self:
            n *= s
        return n

    def __add__(self, other):
        return Size(tuple.__add__(self, other))

    def __mul__(self, n):
        return Size(tuple.__mul__(self, n))

    def __reduce__(self):
        from rtorch._pickle import reduce_made

        return reduce_made("Size", tuple(self))
