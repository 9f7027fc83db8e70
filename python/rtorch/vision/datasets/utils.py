"""Files of data: downloads with checksums, archives. Everything is written aside and renamed."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import lzma
import os
import shutil
import tarfile
import zipfile

__all__ = [
    "calculate_md5",
    "check_integrity",
    "check_md5",
    "download_and_extract_archive",
    "download_url",
    "extract_archive",
    "list_dir",
    "list_files",
    "verify_str_arg",
]


def calculate_md5(fpath, chunk_size=1 << 20):
    """The MD5 of a file."""
    md5 = hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as f:
        while chunk := f.read(chunk_size):
            md5.update(chunk)
    return md5.hexdigest()


def check_md5(fpath, md5, **kwargs):
    """Has the file this MD5?"""
    return md5 == calculate_md5(fpath, **kwargs)


def check_integrity(fpath, md5=None):
    """Is the file there, with this MD5?"""
    return os.path.isfile(fpath) and (md5 is None or check_md5(fpath, md5))


def download_url(url, root, filename=None, md5=None, max_redirect_hops=3):
    """Fetch a file into a folder, unless it is there."""
    from rtorch.hub import download_url_to_file

    root = os.path.expanduser(root)
    path = os.path.join(root, filename or os.path.basename(url))
    os.makedirs(root, exist_ok=True)
    if check_integrity(path, md5):
        return
    download_url_to_file(url, path)
    if not check_integrity(path, md5):
        raise RuntimeError(f"File not found or corrupted: {path} does not have the MD5 {md5} that is expected")


def list_dir(root, prefix=False):
    """The folders in a folder."""
    found = [p for p in os.listdir(os.path.expanduser(root)) if os.path.isdir(os.path.join(root, p))]
    return [os.path.join(root, d) for d in found] if prefix else found


def list_files(root, suffix, prefix=False):
    """The files in a folder that end like this."""
    found = [
        p for p in os.listdir(os.path.expanduser(root)) if os.path.isfile(os.path.join(root, p)) and p.endswith(suffix)
    ]
    return [os.path.join(root, d) for d in found] if prefix else found


_OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def _decompress(path, to):
    opener = _OPENERS[os.path.splitext(path)[1]]
    aside = f"{to}.{os.getpid()}.partial"
    try:
        with opener(path, "rb") as source, open(aside, "wb") as f:
            shutil.copyfileobj(source, f, 1 << 20)
        os.replace(aside, to)
    except (EOFError, OSError, lzma.LZMAError, ValueError) as e:
        if isinstance(e, OSError) and e.errno is not None:
            raise  # the disk, and not the file
        raise RuntimeError(f"{path}: the compressed file is damaged or truncated ({e})") from e
    except Exception as e:  # zlib.error
        raise RuntimeError(f"{path}: the compressed file is damaged ({e})") from e
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)


def extract_archive(from_path, to_path=None, remove_finished=False):
    """Unpack a .tar(.gz, .bz2, .xz), .tgz, .zip or a compressed file, into a folder; where to."""
    from_path = os.fspath(from_path)
    to_path = os.path.dirname(from_path) if to_path is None else os.fspath(to_path)
    base, last = os.path.splitext(from_path)
    kind = ".tar" if last in (".tar", ".tgz", ".tbz", ".tbz2") or os.path.splitext(base)[1] == ".tar" else last
    if kind == ".tar":
        with tarfile.open(from_path) as t:
            t.extractall(to_path, filter="data")  # nothing outside of the folder
    elif kind == ".zip":
        with zipfile.ZipFile(from_path) as z:
            z.extractall(to_path)
    elif kind in _OPENERS:
        to_path = os.path.join(to_path, os.path.basename(base))
        _decompress(from_path, to_path)
    else:
        raise RuntimeError(f"Unknown compression or archive type: '{last}' ({from_path})")
    if remove_finished:
        os.remove(from_path)
    return to_path


def download_and_extract_archive(url, download_root, extract_root=None, filename=None, md5=None, remove_finished=False):
    """Fetch an archive and unpack it."""
    download_root = os.path.expanduser(download_root)
    filename = filename or os.path.basename(url)
    download_url(url, download_root, filename, md5)
    extract_archive(os.path.join(download_root, filename), extract_root or download_root, remove_finished)


def verify_str_arg(value, arg=None, valid_values=None, custom_msg=None):
    """A text that is one of some."""
    if not isinstance(value, str):
        raise ValueError(f"Expected type str{f' for argument {arg}' if arg else ''}, but got type {type(value)}.")
    if valid_values is not None and value not in valid_values:
        valid = ", ".join(repr(v) for v in valid_values)
        raise ValueError(custom_msg or f"Unknown value '{value}' for argument {arg}. Valid values are {{{valid}}}.")
    return value
