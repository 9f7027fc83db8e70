"""Handles that take hooks away: RemovableHandle for hooks that a dictionary holds, NativeHandle for those that the core
holds (tensors and nodes of graphs)."""

import weakref
from collections import OrderedDict

__all__ = ["NativeHandle", "RemovableHandle"]


class RemovableHandle:
    """Returned by every `register_*_hook`: `remove()` takes the hook away; also a context manager."""

    next_id = 0

    def __init__(self, hooks, *, extra_dict=None):
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        self._hooks = weakref.ref(hooks)
        extra = () if extra_dict is None else extra_dict if isinstance(extra_dict, list) else (extra_dict,)
        self._extra = tuple(weakref.ref(d) for d in extra)

    def remove(self):
        for ref in (self._hooks, *self._extra):
            hooks = ref()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self):
        return (self._hooks(), tuple(ref() for ref in self._extra), self.id)

    def __setstate__(self, state):
        hooks, extra, self.id = state
        self._hooks = weakref.ref(OrderedDict() if hooks is None else hooks)
        self._extra = tuple(weakref.ref(d) for d in extra if d is not None)
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


class NativeHandle(RemovableHandle):
    """Takes away a hook of a tensor or node."""

    def __init__(self, owner, key):
        self.owner, self.id = owner, key

    def remove(self):
        self.owner._remove_hook(self.id)

    def __getstate__(self):
        return None, self.id

    def __setstate__(self, state):
        self.owner, self.id = _Nothing(), state[1]


class _Nothing:
    """The owner of a handle that was pickled: hooks do not travel."""

    def _remove_hook(self, key):
        pass
