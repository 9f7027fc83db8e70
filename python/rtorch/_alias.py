"""Makes `torch` a second name of `rtorch`: the import hook, and how child processes get it too.

`install()` puts a finder at the front of `sys.meta_path`. `import torch.x.y` then gives the very module object
`rtorch.x.y`, never a copy. Children (multiprocessing by spawn, forkserver or fork; `subprocess` with `sys.executable`)
inherit it: `export()` puts the folder `_child`, which holds nothing but a `sitecustomize.py`, first on PYTHONPATH, and
names this interpreter in RTORCH_ALIAS, so that another Python, which meets the same environment, stays as it is.

Only modules that every Python has loaded at start are imported here: children pay well under a millisecond.
"""

import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder

VARIABLE = "RTORCH_ALIAS"
PACKAGE_FOLDER = os.path.dirname(os.path.abspath(__file__))
CHILD_FOLDER = os.path.join(PACKAGE_FOLDER, "_child")

# name seen by the script -> our module; `optional` ones only where rtorch has them
ROOTS = {"torch": "rtorch", "torchvision": "rtorch.vision", "torchmetrics": "rtorch.metrics"}


class AliasLoader:
    """Loads `torch.x` by importing `rtorch.x` and handing out that same module."""

    def __init__(self, real, real_spec):
        self.real = real
        self.real_spec = real_spec

    def create_module(self, spec):
        module = importlib.import_module(self.real)
        self._own_spec = module.__spec__  # the import system is about to write the alias's spec over it
        return module

    def exec_module(self, module):
        module.__spec__ = self._own_spec

    # what `python -m rtorch -m torch.x`, inspect and pkgutil ask a loader for
    def is_package(self, fullname):
        return self.real_spec is not None and self.real_spec.submodule_search_locations is not None

    def get_code(self, fullname):
        return self.real_spec.loader.get_code(self.real)

    def get_source(self, fullname):
        return self.real_spec.loader.get_source(self.real)

    def get_filename(self, fullname):
        return self.real_spec.loader.get_filename(self.real)


class AliasFinder:
    """Answers for `torch`, `torchvision`, `torchmetrics` and everything below them; and, in children, for `rtorch`."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        root, _, rest = fullname.partition(".")
        if root == "rtorch":
            # the parent's own rtorch, wherever it was found: a child may have another folder or path
            spec = PathFinder.find_spec(fullname, path) if rest else _package_spec()
            if spec is not None and getattr(spec.loader, "exec_module", None) is not None:
                run = spec.loader.exec_module
                spec.loader.exec_module = lambda module: (run(module), _rename(module))[0]
            return spec
        ours = ROOTS.get(root)
        if ours is None or (root != "torch" and not _replaces(root, ours, rest)):
            return None
        real = ours + ("." + rest if rest else "")
        spec = _spec_of(real)
        if spec is None and real not in sys.modules:
            # None would let the search go on to an installed PyTorch below; a probe
            # (importlib.util.find_spec) wants None, an import statement a sentence
            caller = sys._getframe(1).f_back
            if caller is not None and caller.f_code.co_name == "_find_and_load_unlocked":
                raise ModuleNotFoundError(f"No module named {fullname!r} (rtorch has no {real!r})", name=fullname)
            return None
        loader = AliasLoader(real, spec)
        alias = ModuleSpec(
            fullname, loader, origin=getattr(spec, "origin", None), is_package=loader.is_package(fullname)
        )
        if alias.submodule_search_locations is not None:
            alias.submodule_search_locations.extend(spec.submodule_search_locations)
        return alias

    @staticmethod
    def find_distributions(context=None):
        """What `importlib.metadata.version("torch")` and `pip`'s kin ask: the installed one is not what is imported."""
        root = getattr(context, "name", None)
        if root == "torch" or (root in ROOTS and _replaces(root, ROOTS[root], "")):
            yield _distribution(root)

    @staticmethod
    def invalidate_caches():
        pass


def _rename(module):
    """The classes of a module bear the names that the program knows: `print(type(model))`, pickles, exceptions."""
    name = module.__name__
    below = [root for root, ours in ROOTS.items() if (name + ".").startswith(ours + ".")]
    if not below:
        return
    root = max(below, key=lambda r: len(ROOTS[r]))  # rtorch.vision is torchvision, not torch.vision
    ours = ROOTS[root]
    if root != "torch" and not _replaces(root, ours, ""):
        return
    alias = root + name[len(ours) :]
    named = [v for v in vars(module).values() if isinstance(v, type) and v.__module__ == name]
    for kind in named:
        kind.__module__ = vars(kind).get("_seen_in", alias)
    if named:
        sys.modules.setdefault(alias, module)  # where pickle and inspect look for it


def _distribution(root):
    from importlib.metadata import Distribution

    class Alias(Distribution):
        def read_text(self, filename):
            if filename != "METADATA":
                return None
            version = importlib.import_module(ROOTS[root]).__version__
            return f"Metadata-Version: 2.1\nName: {root}\nVersion: {version}\nSummary: rtorch, under this name\n"

        def locate_file(self, path):
            import pathlib

            return pathlib.Path(PACKAGE_FOLDER, path)

    return Alias()


def _package_spec():
    return importlib.util.spec_from_file_location(
        "rtorch", os.path.join(PACKAGE_FOLDER, "__init__.py"), submodule_search_locations=[PACKAGE_FOLDER]
    )


def _spec_of(real):
    """The spec of rtorch.x.y, or None; its parents are imported on the way."""
    if real == "rtorch":
        return getattr(sys.modules.get("rtorch"), "__spec__", None) or _package_spec()
    try:
        return importlib.util.find_spec(real)
    except ModuleNotFoundError as e:
        if e.name is not None and (real + ".").startswith(e.name + "."):
            return None
        raise
    except ValueError:  # loaded, with __spec__ None
        return None


def _replaces(root, ours, rest):
    """Whether torchvision / torchmetrics are answered by rtorch. An installed torchmetrics works on our `torch`; an
    installed torchvision does not, its compiled part belongs to PyTorch."""
    loaded = sys.modules.get(root)
    if loaded is not None:
        return loaded is sys.modules.get(ours)
    if root == "torchmetrics" and PathFinder.find_spec(root) is not None:
        return False
    return _spec_of(ours) is not None


def install():
    """Resolve `torch...` to rtorch in this process, from now on."""
    if any(getattr(f, "__name__", "") == "AliasFinder" for f in sys.meta_path):
        return
    for name in [n for n in sys.modules if n.partition(".")[0] == "torch"]:
        if sys.modules[name] is not sys.modules.get("r" + name):
            del sys.modules[name]
    sys.meta_path.insert(0, AliasFinder)
    if "rtorch" in sys.modules:
        sys.modules["torch"] = sys.modules["rtorch"]
    for name in [n for n in sys.modules if n.partition(".")[0] == "rtorch"]:
        _rename(sys.modules[name])


def export(environ=os.environ):
    """Let child processes that run this interpreter install the hook at their start."""
    environ[VARIABLE] = sys.prefix
    old = environ.get("PYTHONPATH", "")
    if CHILD_FOLDER not in old.split(os.pathsep):
        environ["PYTHONPATH"] = CHILD_FOLDER + (os.pathsep + old if old else "")
