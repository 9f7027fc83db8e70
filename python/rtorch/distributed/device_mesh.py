"""DeviceMesh: processes in rows and columns, with a group for each line of each dimension."""

from __future__ import annotations

import math

import rtorch as torch
from rtorch.distributed import _group

__all__ = ["DeviceMesh", "init_device_mesh"]


class DeviceMesh:
    """`mesh` holds ranks; all processes make it, alike."""

    def __init__(self, device_type, mesh, *, mesh_dim_names=None, _groups=None):
        if device_type != "cpu":
            raise RuntimeError(f"DeviceMesh({device_type!r}): there are no such devices here, say 'cpu'")
        self.device_type = device_type
        self.mesh = torch.as_tensor(mesh, dtype=torch.int64)
        self.mesh_dim_names = None if mesh_dim_names is None else tuple(mesh_dim_names)
        if self.mesh_dim_names is not None and len(self.mesh_dim_names) != self.mesh.ndim:
            raise RuntimeError(
                f"mesh_shape and mesh_dim_names should have the same length: {tuple(self.mesh.shape)}, {mesh_dim_names}"
            )
        ranks = self.mesh.flatten().tolist()
        if len(set(ranks)) != len(ranks):
            raise RuntimeError(f"the mesh has a rank twice: {self.mesh}")
        rank = _group.world().rank()
        found = (self.mesh == rank).nonzero()
        self._at = found[0].tolist() if len(found) else None
        self._groups = self._make_groups(rank) if _groups is None else _groups

    def _make_groups(self, rank):
        """This process's group along each dimension; every process takes part in making all of them."""
        groups = []
        for d in range(self.mesh.ndim):
            own = None
            for line in self.mesh.movedim(d, -1).reshape(-1, self.mesh.shape[d]).tolist():
                made = _group.new_group(line)
                if rank in line:
                    own = made
            groups.append(own)
        return groups

    def _dim(self, dim):
        if isinstance(dim, str):
            if self.mesh_dim_names is None or dim not in self.mesh_dim_names:
                raise KeyError(f"mesh dimension {dim!r} does not exist: {self.mesh_dim_names}")
            return self.mesh_dim_names.index(dim)
        return dim

    @property
    def ndim(self):
        return self.mesh.ndim

    @property
    def shape(self):
        return tuple(self.mesh.shape)

    def size(self, mesh_dim=None):
        """How many processes, in all or along a dimension."""
        return self.mesh.numel() if mesh_dim is None else self.mesh.shape[self._dim(mesh_dim)]

    def get_group(self, mesh_dim=None):
        """This process's group along a dimension."""
        if mesh_dim is None:
            if self.ndim > 1:
                raise RuntimeError(
                    f"Found the DeviceMesh have {self.ndim} dimensions: say of which the group is wanted (mesh_dim=)"
                )
            mesh_dim = 0
        return self._groups[self._dim(mesh_dim)]

    def get_all_groups(self):
        """This process's groups along all dimensions."""
        return list(self._groups)

    def get_rank(self):
        """This process's rank in the whole."""
        return _group.world().rank()

    def get_local_rank(self, mesh_dim=None):
        """This process's place along a dimension."""
        group = self.get_group(mesh_dim)
        return group.rank()

    def get_coordinate(self):
        """This process's place in the mesh; None outside of it."""
        return self._at

    def __getitem__(self, names):
        """The part of the mesh along the named dimensions that this process is in."""
        names = (names,) if isinstance(names, str) else tuple(names)
        dims = [self._dim(n) for n in names]
        if self._at is None:
            raise RuntimeError("this process is not in the mesh")
        index = tuple(slice(None) if d in dims else self._at[d] for d in range(self.ndim))
        part = self.mesh[index]
        order = sorted(dims)
        part = part.permute([order.index(d) for d in dims]) if part.ndim > 1 else part
        return DeviceMesh(self.device_type, part, mesh_dim_names=names, _groups=[self._groups[d] for d in dims])

    def __eq__(self, other):
        return (
            isinstance(other, DeviceMesh)
            and self.mesh_dim_names == other.mesh_dim_names
            and self.mesh.equal(other.mesh)
        )

    __hash__ = object.__hash__

    def __repr__(self):
        names = "" if self.mesh_dim_names is None else f", mesh_dim_names={self.mesh_dim_names}"
        return f"DeviceMesh({self.device_type!r}, {self.mesh.tolist()}{names})"


def init_device_mesh(device_type, mesh_shape, *, mesh_dim_names=None):
    """All processes in rows and columns, in their order."""
    n = math.prod(mesh_shape)
    if n != _group.world().size():
        raise RuntimeError(f"a mesh of {tuple(mesh_shape)} holds {n} processes, the world has {_group.world().size()}")
    return DeviceMesh(device_type, torch.arange(n).view(*mesh_shape), mesh_dim_names=mesh_dim_names)
