"""MNIST and the sets in its format: files of bytes with a head that tells type and sizes (IDX)."""

from __future__ import annotations

import math
import os
import shutil
from urllib.error import URLError

import rtorch as torch
from rtorch.vision.datasets.utils import (
    check_integrity,
    download_and_extract_archive,
    extract_archive,
    verify_str_arg,
)
from rtorch.vision.datasets.vision import VisionDataset

__all__ = ["EMNIST", "KMNIST", "MNIST", "FashionMNIST"]

# IDX's types of elements: name in NumPy, bytes
_TYPES = {8: ("uint8", 1), 9: ("int8", 1), 11: (">i2", 2), 12: (">i4", 4), 13: (">f4", 4), 14: (">f8", 8)}


def read_sn3_pascalvincent_tensor(path):
    """An IDX file as a tensor. What its head says is believed only where the file is as long as that."""
    import numpy as np

    path = os.fspath(path)
    length = os.path.getsize(path)
    with open(path, "rb") as f:
        head = f.read(4)
        if len(head) < 4:
            raise ValueError(f"{path}: truncated: {length} bytes are too short for the head of an IDX file")
        kind, dims = head[2], head[3]
        if head[:2] != b"\0\0" or kind not in _TYPES or not 1 <= dims <= 3:
            more = " It is a gzip file: unpack it." if head[:2] == b"\x1f\x8b" else ""
            raise ValueError(
                f"{path}: the magic number {head.hex()} is none of an IDX file (type 8, 9, 11..14, "
                f"1 to 3 dimensions).{more}"
            )
        sizes = f.read(4 * dims)
        if len(sizes) < 4 * dims:
            raise ValueError(f"{path}: truncated inside the dimensions in its head, at {length} bytes")
        shape = [int.from_bytes(sizes[4 * i : 4 * i + 4], "big") for i in range(dims)]
        name, each = _TYPES[kind]
        need, have = math.prod(shape) * each, length - 4 - 4 * dims
        if need != have:
            raise ValueError(f"{path}: dimensions {shape} need {need} bytes of data, the file has {have}")
        data = np.frombuffer(f.read(need), dtype=name)
    native = np.ascontiguousarray(data, dtype=data.dtype.newbyteorder("=")) if each > 1 else data.copy()
    return torch.from_numpy(native).view(*shape)


def read_image_file(path):
    """The pictures of an IDX file."""
    x = read_sn3_pascalvincent_tensor(path)
    if x.dtype != torch.uint8:
        raise TypeError(f"{path}: x should be of dtype torch.uint8 instead of {x.dtype}: unexpected type for images")
    if x.ndimension() != 3:
        raise ValueError(f"{path}: images have 3 dimensions, not {x.ndimension()}")
    return x


def read_label_file(path):
    """The labels of an IDX file."""
    x = read_sn3_pascalvincent_tensor(path)
    if x.dtype != torch.uint8:
        raise TypeError(f"{path}: x should be of dtype torch.uint8 instead of {x.dtype}: unexpected type for labels")
    if x.ndimension() != 1:
        raise ValueError(f"{path}: labels have 1 dimension, not {x.ndimension()}")
    return x.long()


class MNIST(VisionDataset):
    """70,000 digits of 28 x 28 pixels. LeCun, Cortes, Burges."""

    mirrors = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    training_file = "training.pt"
    test_file = "test.pt"
    classes = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        self.data, self.targets = self._load_data()

    def _files(self):
        part = "train" if self.train else "t10k"
        return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"

    def _load_data(self):
        paths = [os.path.join(self.raw_folder, name) for name in self._files()]
        data, targets = read_image_file(paths[0]), read_label_file(paths[1])
        if len(data) != len(targets):
            raise ValueError(f"{paths[0]} has {len(data)} images, {paths[1]} has {len(targets)} labels")
        return data, targets

    @property
    def train_labels(self):
        return self.targets

    test_labels = train_labels

    @property
    def train_data(self):
        return self.data

    test_data = train_data

    def __getitem__(self, index):
        from PIL import Image

        img, target = Image.fromarray(self.data[index].numpy()), int(self.targets[index])
        return self._transformed(img, target)

    def __len__(self):
        return len(self.data)

    @property
    def raw_folder(self):
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self):
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self):
        return {name: i for i, name in enumerate(self.classes)}

    def _check_exists(self):
        return all(
            check_integrity(os.path.join(self.raw_folder, os.path.splitext(name)[0])) for name, _ in self.resources
        )

    def download(self):
        """Fetch the files that are not there."""
        if self._check_exists():
            return
        os.makedirs(self.raw_folder, exist_ok=True)
        for filename, md5 in self.resources:
            errors = []
            for mirror in self.mirrors:
                try:
                    download_and_extract_archive(mirror + filename, self.raw_folder, filename=filename, md5=md5)
                except URLError as e:
                    errors.append(f"{mirror + filename}: {e}")
                    continue
                break
            else:
                raise RuntimeError(f"Error downloading {filename}: " + "; ".join(errors))

    def extra_repr(self):
        return f"Split: {'Train' if self.train is True else 'Test'}"


class FashionMNIST(MNIST):
    """70,000 pieces of clothing in MNIST's format. Xiao et al. 2017."""

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


class KMNIST(MNIST):
    """70,000 Japanese characters in MNIST's format. Clanuwat et al. 2018."""

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


_DIGITS = list("0123456789")
_BIG = list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SMALL = list("abcdefghijklmnopqrstuvwxyz")
_MERGED = list("abdefghnqrt")


class EMNIST(MNIST):
    """Letters and digits in MNIST's format. Cohen et al. 2017."""

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict = {
        "byclass": _DIGITS + _BIG + _SMALL,
        "bymerge": _DIGITS + _BIG + _MERGED,
        "balanced": _DIGITS + _BIG + _MERGED,
        "letters": ["N/A", *_SMALL],
        "digits": _DIGITS,
        "mnist": _DIGITS,
    }

    def __init__(self, root, split, **kwargs):
        self.split = verify_str_arg(split, "split", self.splits)
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[self.split]

    def _files(self):
        part = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"

    def _check_exists(self):
        return all(check_integrity(os.path.join(self.raw_folder, name)) for name in self._files())

    def download(self):
        """Fetch the archive, if the files are not there."""
        if self._check_exists():
            return
        os.makedirs(self.raw_folder, exist_ok=True)
        download_and_extract_archive(self.url, download_root=self.raw_folder, md5=self.md5)
        folder = os.path.join(self.raw_folder, "gzip")
        for name in os.listdir(folder):
            if name.endswith(".gz"):
                extract_archive(os.path.join(folder, name), self.raw_folder)
        shutil.rmtree(folder)
