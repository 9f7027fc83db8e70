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
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader

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


class NamingLoader(SourceFileLoader):
    """Loads a module of rtorch, and gives it and what it defines the names that they have in PyTorch."""

    def exec_module(self, module):
        super().exec_module(module)
        _rename(module)


def _rename(module):
    """Libraries look at `torch.__name__`, `type(x).__module__` and `function.__module__`; pickles hold them."""
    ours = module.__spec__.name
    for name, real in reversed(ROOTS.items()):
        if (ours + ".").startswith(real + ".") and (name == "torch" or _replaces(name, real, "")):
            theirs = name + ours[len(real) :]
            break
    else:
        return
    if name == "torch" and (ours + ".").startswith(("rtorch.vision.", "rtorch.metrics.", "rtorch.__main__.")):
        return
    module.__name__ = theirs
    sys.modules[theirs] = module
    for thing in list(vars(module).values()):
        if getattr(thing, "__module__", None) == ours and hasattr(thing, "__qualname__"):
            try:  # noqa: SIM105 - children pay for each import here
                thing.__module__ = theirs
            except (AttributeError, TypeError):  # what the core defines says torch itself
                pass


class AliasFinder:
    """Answers for `torch`, `torchvision`, `torchmetrics` and everything below them; and, in children, for `rtorch`."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        root, _, rest = fullname.partition(".")
        if root == "rtorch":
            # the parent's own rtorch, wherever it was found: a child may have another folder or path
            spec = _package_spec() if not rest else PathFinder.find_spec(fullname, path, target)
            if spec is not None and type(spec.loader) is SourceFileLoader:
                spec.loader = NamingLoader(spec.loader.name, spec.loader.path)
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
        """What `importlib.metadata` knows of `torch`: the version that `torch.__version__` has."""
        asked = getattr(context, "name", None)
        if asked is not None and asked.lower() not in ROOTS:
            return
        for name in ROOTS if asked is None else (asked.lower(),):
            if name == "torch" or _replaces(name, ROOTS[name], ""):
                yield _distribution(name)

    @staticmethod
    def invalidate_caches():
        pass


def _distribution(name):
    from importlib.metadata import Distribution

    class AliasDistribution(Distribution):
        """The metadata of a package that is answered by rtorch; it has no files of its own."""

        def read_text(self, filename):
            if filename == "METADATA":
                version = importlib.import_module(ROOTS[name]).__version__
                return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: rtorch as {name}\n"
            return f"{name}\n" if filename == "top_level.txt" else None

        def locate_file(self, path):
            from pathlib import Path

            return Path(os.path.dirname(PACKAGE_FOLDER)) / path

    return AliasDistribution()


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
    foreign = [
        n for n in sys.modules if n.partition(".")[0] == "torch" and sys.modules[n] is not sys.modules.get("r" + n)
    ]
    for name in foreign:
        del sys.modules[name]
    sys.meta_path.insert(0, AliasFinder)
    for name in [n for n in sys.modules if n == "rtorch" or n.startswith("rtorch.")]:
        if getattr(sys.modules[name], "__spec__", None) is not None and not name.startswith("rtorch._alias"):
            _rename(sys.modules[name])


def export(environ=os.environ):
    """Let child processes that run this interpreter install the hook at their start."""
    environ[VARIABLE] = sys.prefix
    old = environ.get("PYTHONPATH", "")
    if CHILD_FOLDER not in old.split(os.pathsep):
        environ["PYTHONPATH"] = CHILD_FOLDER + (os.pathsep + old if old else "")
