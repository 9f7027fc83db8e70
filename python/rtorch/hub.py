"""`torch.hub`: models by name from a folder with a `hubconf.py`, and files from the network.

Repositories are taken from local folders (`source="local"`) or from those that lie in the cache already; nothing is
downloaded from GitHub.
"""

import contextlib
import hashlib
import importlib.util
import os
import re
import sys
import tempfile
import warnings
from urllib.parse import urlparse as urlparse  # libraries take it from here

import rtorch

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
_dir = None


def get_dir():
    """Where files are kept: what `set_dir` said, or $TORCH_HOME/hub, or ~/.cache/torch/hub."""
    return os.path.join(_get_torch_home(), "hub") if _dir is None else _dir


def _get_torch_home():
    home = os.environ.get("TORCH_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "torch")
    return os.path.expanduser(home)


def set_dir(d):
    """Where files are to be kept."""
    global _dir
    _dir = os.path.expanduser(d)


def _folder(repo_or_dir, source):
    source = source.lower()
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "local":
        return os.path.expanduser(repo_or_dir)
    if "/" not in repo_or_dir:
        raise ValueError(f"a repository is given as owner/name[:ref], got {repo_or_dir!r}")
    repo, _, ref = repo_or_dir.partition(":")
    owner, _, name = repo.partition("/")
    for branch in [ref] if ref else ["main", "master"]:
        path = os.path.join(get_dir(), "_".join([owner, name, branch.replace("/", "_")]))
        if os.path.isdir(path):
            return path
    raise RuntimeError(
        f"torch.hub: {repo_or_dir} is not in {get_dir()}, and rtorch does not download repositories. Clone "
        "it, and give its "
        'folder with source="local".'
    )


@contextlib.contextmanager
def _on_path(folder):
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _hubconf(folder):
    path = os.path.join(folder, "hubconf.py")
    spec = importlib.util.spec_from_file_location("hubconf", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    missing = [p for p in getattr(module, "dependencies", ()) if importlib.util.find_spec(p) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return module


def _entry(module, name):
    if not isinstance(name, str):
        raise ValueError("Invalid input: model should be a string of function name")
    fn = getattr(module, name, None)
    if fn is None or not callable(fn):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return fn


def list(github, force_reload=False, skip_validation=False, trust_repo="check", verbose=True, source="github"):
    """The names of the models that a repository offers."""
    folder = _folder(github, "local" if os.path.isdir(github) else source)
    with _on_path(folder):
        module = _hubconf(folder)
    return [n for n in dir(module) if callable(getattr(module, n)) and not n.startswith("_")]


def help(github, model, force_reload=False, skip_validation=False, trust_repo="check", source="github"):
    """The documentation of a model's function."""
    folder = _folder(github, "local" if os.path.isdir(github) else source)
    with _on_path(folder):
        return _entry(_hubconf(folder), model).__doc__


def load(
    repo_or_dir,
    model,
    *args,
    source="github",
    trust_repo="check",
    force_reload=False,
    verbose=True,
    skip_validation=False,
    **kwargs,
):
    """Calls the function `model` of the `hubconf.py` in a folder, and gives what it gives."""
    folder = _folder(repo_or_dir, source)
    with _on_path(folder):
        return _entry(_hubconf(folder), model)(*args, **kwargs)


def download_url_to_file(url, dst, hash_prefix=None, progress=True):
    """Downloads a file; its SHA-256 must begin with `hash_prefix`. The file appears whole or not at all."""
    from urllib.request import Request, urlopen

    dst = os.path.expanduser(dst)
    digest = hashlib.sha256()
    handle, name = tempfile.mkstemp(dir=os.path.dirname(dst) or ".", suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as part, urlopen(Request(url, headers={"User-Agent": "torch.hub"})) as source:
            total, done = int(source.headers.get("Content-Length") or 0), 0
            while block := source.read(1 << 17):
                part.write(block)
                digest.update(block)
                done += len(block)
                if progress and sys.stderr.isatty():
                    share = f"{100 * done / total:5.1f} %" if total else f"{done / 1e6:.1f} MB"
                    print(f"\r{os.path.basename(dst)}: {share}", end="", file=sys.stderr)
        if progress and sys.stderr.isatty():
            print(file=sys.stderr)
        if hash_prefix is not None and digest.hexdigest()[: len(hash_prefix)] != hash_prefix:
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}")')
        os.replace(name, dst)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(name)


def load_state_dict_from_url(
    url, model_dir=None, map_location=None, progress=True, check_hash=False, file_name=None, weights_only=False
):
    """Loads a file from the network, which is kept in `model_dir` (get_dir()/checkpoints) for the next time."""
    from urllib.parse import urlparse

    if os.environ.get("TORCH_MODEL_ZOO"):
        warnings.warn("TORCH_MODEL_ZOO is deprecated, please use env TORCH_HOME instead", stacklevel=2)
    model_dir = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(model_dir, exist_ok=True)
    name = file_name or os.path.basename(urlparse(url).path)
    path = os.path.join(model_dir, name)
    if not os.path.exists(path):
        if progress:
            sys.stderr.write(f'Downloading: "{url}" to {path}\n')
        found = HASH_REGEX.search(name) if check_hash else None
        download_url_to_file(url, path, found.group(1) if found else None, progress=progress)
    return rtorch.load(path, map_location=map_location, weights_only=weights_only)
