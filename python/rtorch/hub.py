"""`torch.hub`: files of weights from the network into a folder of this machine, and models by the name of a
repository on GitHub. Files are written aside and renamed, so that an interrupted download leaves none."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import sys
import tempfile
from urllib.parse import urlparse

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
_folder = None


def get_dir():
    """The folder: what set_dir said, $TORCH_HOME/hub, $XDG_CACHE_HOME/torch/hub or ~/.cache/torch/hub."""
    if _folder is not None:
        return _folder
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    return os.path.join(os.path.expanduser(os.getenv("TORCH_HOME", os.path.join(cache, "torch"))), "hub")


def set_dir(d):
    """Another folder."""
    global _folder
    _folder = os.path.expanduser(d)


def download_url_to_file(url, dst, hash_prefix=None, progress=True):
    """Fetch a file. Its SHA-256 must begin with `hash_prefix`, where that is given."""
    import hashlib
    import urllib.request

    dst = os.path.expanduser(dst)
    request = urllib.request.Request(url, headers={"User-Agent": "torch.hub"})
    with urllib.request.urlopen(request) as source:
        said = source.headers.get("Content-Length")
        total = int(said) if said else None
        fd, aside = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(dst)), suffix=".partial")
        try:
            digest = hashlib.sha256()
            with os.fdopen(fd, "wb") as f, _bar(total, progress) as bar:
                done = 0
                while piece := source.read(1 << 17):
                    f.write(piece)
                    digest.update(piece)
                    done += len(piece)
                    bar.update(len(piece))
            if total is not None and done != total:
                raise RuntimeError(f"{url}: the connection ended after {done} of {total} bytes")
            found = digest.hexdigest()
            if hash_prefix is not None and found[: len(hash_prefix)] != hash_prefix:
                raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{found}")')
            os.chmod(aside, 0o666 & ~_umask())
            os.replace(aside, dst)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(aside)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def _bar(total, progress):
    class Silent:
        def update(self, n):
            pass

    try:
        if not progress:
            raise ImportError
        from tqdm import tqdm
    except ImportError:
        yield Silent()
        return
    with tqdm(total=total, unit="B", unit_scale=True, unit_divisor=1024) as bar:
        yield bar


def load_state_dict_from_url(
    url, model_dir=None, map_location=None, progress=True, check_hash=False, file_name=None, weights_only=False
):
    """Load a file of tensors, from the folder if it is there. With check_hash its name ends in the beginning of its
    SHA-256. Only tensors and plain values are ever taken from it."""
    import rtorch as torch

    folder = model_dir or os.path.join(get_dir(), "checkpoints")
    os.makedirs(folder, exist_ok=True)
    name = file_name or os.path.basename(urlparse(url).path)
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        sys.stderr.write(f'Downloading: "{url}" to {path}\n')
        found = HASH_REGEX.search(name) if check_hash else None
        download_url_to_file(url, path, found.group(1) if found else None, progress=progress)
    return torch.load(path, map_location=map_location, weights_only=True)


# ---------------------------------------------------------------- models of a repository


def _repository(github, force_reload, verbose, skip_validation, trust_repo):
    """The folder of a repository "owner/name[:branch or tag]", fetched if need be."""
    import shutil
    import zipfile

    said, _, ref = github.partition(":")
    owner, _, name = said.partition("/")
    if not owner or not name or "/" in name:
        raise ValueError(f"{github!r} names no repository: owner/name, or owner/name:branch")
    ref = ref or "main"
    folder = os.path.join(get_dir(), f"{owner}_{name}_{ref.replace('/', '_')}")
    if os.path.isdir(folder) and not force_reload:
        if verbose:
            sys.stderr.write(f"Using cache found in {folder}\n")
        return folder
    if trust_repo is not True and not (trust_repo in (None, "check") and _trusted(f"{owner}_{name}")):
        raise Exception(
            f"{said} would run code from the network. If you trust it, say trust_repo=True (torch.hub.load(...))."
        )
    os.makedirs(get_dir(), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=get_dir()) as work:
        archive = os.path.join(work, "repository.zip")
        download_url_to_file(f"https://github.com/{owner}/{name}/zipball/{ref}", archive, progress=False)
        with zipfile.ZipFile(archive) as z:
            top = z.infolist()[0].filename.partition("/")[0]
            z.extractall(work)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(os.path.join(work, top), folder)
    with open(os.path.join(get_dir(), "trusted_list"), "a") as f:
        f.write(f"{owner}_{name}\n")
    return folder


def _trusted(name):
    try:
        with open(os.path.join(get_dir(), "trusted_list")) as f:
            return name in f.read().split()
    except OSError:
        return False


def _hubconf(folder):
    path = os.path.join(folder, "hubconf.py")
    spec = importlib.util.spec_from_file_location("hubconf", path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module


def _source(repo_or_dir, source, force_reload, verbose, skip_validation, trust_repo):
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "local":
        return repo_or_dir
    return _repository(repo_or_dir, force_reload, verbose, skip_validation, trust_repo)


def _entry(module, name):
    f = getattr(module, name, None)
    if not callable(f):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    missing = [d for d in getattr(module, "dependencies", ()) if importlib.util.find_spec(d) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return f


def list(github, force_reload=False, skip_validation=False, trust_repo=None, verbose=True):
    """The names that a repository's hubconf.py offers."""
    module = _hubconf(_source(github, "github", force_reload, verbose, skip_validation, trust_repo))
    return [n for n, f in vars(module).items() if callable(f) and not n.startswith("_")]


def help(github, model, force_reload=False, skip_validation=False, trust_repo=None):
    """What hubconf.py says of a model."""
    module = _hubconf(_source(github, "github", force_reload, True, skip_validation, trust_repo))
    return _entry(module, model).__doc__


def load(
    repo_or_dir,
    model,
    *args,
    source="github",
    trust_repo=None,
    force_reload=False,
    verbose=True,
    skip_validation=False,
    **kwargs,
):
    """A model made by a function of a repository's hubconf.py (source="github"), or of a folder (source="local").
    This runs the repository's code."""
    folder = _source(repo_or_dir, source, force_reload, verbose, skip_validation, trust_repo)
    return _entry(_hubconf(folder), model)(*args, **kwargs)
