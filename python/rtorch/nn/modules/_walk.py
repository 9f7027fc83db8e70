# The tree of modules: walking over it, finding by path, and modules that were put where it does not reach.
from rtorch import _C

from ..parameter import Parameter

_parameters_of = _C._parameters_of

# ---- modules kept where Module cannot see them ------------------------------------------------------

_suspects = []  # (weak reference to the owner, attribute, "file, line"): lists or dicts that hold modules


def _holds_modules(value):
    items = value.values() if isinstance(value, dict) else value
    return any(isinstance(v, Walk) for v in items)


def _warn_of_unregistered(root):
    """Called where parameters are gathered: by then, whoever registers the modules elsewhere has done so."""
    mine = {id(m) for m in root.modules()}
    for suspect in list(_suspects):
        owner = suspect[0]()
        if owner is None:
            _suspects.remove(suspect)
        elif id(owner) in mine:
            _suspects.remove(suspect)
            value = owner.__dict__.get(suspect[1])
            if type(value) not in (list, tuple, dict):
                continue
            items = list(value.values() if isinstance(value, dict) else value)
            lost = [m for m in items if isinstance(m, Walk) and id(m) not in mine]
            if any(next(m.parameters(), None) is not None for m in lost):
                import warnings

                kind = type(value).__name__
                cure = "nn.ModuleDict({...})" if kind == "dict" else "nn.ModuleList([...])"
                warnings.warn(
                    f"Module attribute {type(owner).__name__}.{suspect[1]} is a plain {kind} with {len(lost)} Modules "
                    f"({suspect[2]}): their parameters are not registered, and will not be trained, moved or saved. "
                    f"Use {cure}.",
                    stacklevel=4,
                )


# ---- the tree ---------------------------------------------------------------------------------------


class Walk:
    """What of Module concerns the modules, parameters and buffers below it. (Only Module derives from this.)"""

    def _named_members(self, get_members_fn, prefix="", recurse=True, remove_duplicate=True):
        seen = set()
        if recurse:
            modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        else:
            modules = [(prefix, self)]
        for path, module in modules:
            for name, value in get_members_fn(module):
                if value is None or value in seen:
                    continue
                if remove_duplicate:
                    seen.add(value)
                yield (path + "." + name if path else name), value

    def parameters(self, recurse=True):
        """Every parameter of the module and, with `recurse`, of all below it; each once."""
        if _suspects:
            _warn_of_unregistered(self)
        if type(self).named_parameters is not Walk.named_parameters:
            for _, param in self.named_parameters(recurse=recurse):
                yield param
            return
        if recurse and type(self).named_modules is Walk.named_modules and type(self).modules is Walk.modules:
            yield from _parameters_of(self)
            return
        seen = set()
        for module in self.modules() if recurse else (self,):
            for param in module._parameters.values():
                if param is not None and id(param) not in seen:
                    seen.add(id(param))
                    yield param

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted name, parameter) pairs, in the order of registration."""
        if _suspects:
            _warn_of_unregistered(self)
        yield from self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """Every buffer of the module and, with `recurse`, of all below it; each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted name, buffer) pairs, in the order of registration."""
        yield from self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def children(self):
        """The modules directly below this one, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self):
        """(name, module) pairs of the modules directly below this one, each module once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self):
        """This module and all below it, parents before children, each once."""
        if type(self).named_modules is not Walk.named_modules:
            for _, module in self.named_modules():
                yield module
            return
        stack, seen = [self], set()
        while stack:
            module = stack.pop()
            if module in seen:
                continue
            seen.add(module)
            yield module
            if module._modules:
                stack.extend([m for m in reversed(module._modules.values()) if m is not None])

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """(dotted name, module) pairs of this module (its name is `prefix`) and all below it."""
        if memo is None:
            memo = set()
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, prefix + "." + name if prefix else name, remove_duplicate)

    # ---- finding by path -----------------------------------------------------------------------------

    def get_submodule(self, target):
        """The module at a dotted path such as "features.3"; the empty path is this module."""
        module = self
        for item in target.split(".") if target else ():
            if not hasattr(module, item):
                raise AttributeError(f"{type(module).__name__} has no attribute `{item}`")
            module = getattr(module, item)
            if not isinstance(module, Walk):
                raise AttributeError(f"`{item}` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Put a module at a dotted path, in place of what is there (which must exist if `strict`)."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Walk):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{type(parent).__name__} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Walk):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target):
        """The Parameter at a dotted path such as "features.3.weight"."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        param = getattr(module, name)
        if not isinstance(param, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return param

    def get_buffer(self, target):
        """The buffer at a dotted path such as "features.4.running_mean"."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return getattr(module, name)
