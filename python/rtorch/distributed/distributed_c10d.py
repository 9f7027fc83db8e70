"""PyTorch's module of all that processes say to each other; the files beside it have it by topic."""

from __future__ import annotations

from rtorch.distributed import _call, _collectives, _group, _objects, _point_to_point
from rtorch.distributed._call import *  # noqa: F403
from rtorch.distributed._collectives import *  # noqa: F403
from rtorch.distributed._engine import Work
from rtorch.distributed._gloo import FileStore, HashStore, PrefixStore, Store, TCPStore
from rtorch.distributed._group import *  # noqa: F403
from rtorch.distributed._objects import *  # noqa: F403
from rtorch.distributed._point_to_point import *  # noqa: F403
from rtorch.distributed.constants import default_pg_timeout

__all__ = ["FileStore", "HashStore", "PrefixStore", "Store", "TCPStore", "Work", "default_pg_timeout"]
__all__ += _group.__all__
__all__ += _call.__all__
__all__ += _collectives.__all__
__all__ += _point_to_point.__all__
__all__ += _objects.__all__

# pickles and messages name them as PyTorch does
for _topic in (_call, _collectives, _point_to_point, _objects):
    for _name in _topic.__all__:
        globals()[_name].__module__ = __name__
