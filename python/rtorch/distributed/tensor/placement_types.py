"""`torch.distributed.tensor.placement_types`: how a tensor would lie over processes. These only describe; see
`torch.distributed.tensor`."""

import dataclasses


class Placement:
    """How a tensor lies over the processes of one dimension of a mesh."""

    def is_shard(self, dim=None):
        """Whether it is cut (along `dim`)."""
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self):
        """Whether each process has the whole."""
        return isinstance(self, Replicate)

    def is_partial(self, reduce_op=None):
        """Whether the whole is a reduction over the processes."""
        return isinstance(self, Partial) and reduce_op in (None, self.reduce_op)


@dataclasses.dataclass(frozen=True)
class Shard(Placement):
    """Cut along a dimension."""

    dim: int


@dataclasses.dataclass(frozen=True)
class _StridedShard(Shard):
    """Cut along a dimension that is cut already."""

    split_factor: int = dataclasses.field(kw_only=True)


@dataclasses.dataclass(frozen=True)
class Replicate(Placement):
    """Whole in each process."""


@dataclasses.dataclass(frozen=True)
class Partial(Placement):
    """To be reduced over the processes."""

    reduce_op: str = "sum"
