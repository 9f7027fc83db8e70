"""Files of the projector: the matrix, labels, pictures, and what TensorBoard reads to find them."""

from __future__ import annotations

import math
import os

import rtorch as torch
from rtorch.utils.tensorboard._convert_np import make_np


def write_labels(metadata, folder, header):
    rows = ["\t".join(map(str, r)) for r in metadata] if header else [str(m) for m in metadata]
    if header:
        rows = ["\t".join(header), *rows]
    with open(os.path.join(folder, "metadata.tsv"), "w", encoding="utf-8") as f:
        f.write("".join(r + "\n" for r in rows))


def write_sprite(images, folder):
    """All pictures in one, in a square."""
    from PIL import Image

    across = math.ceil(math.sqrt(images.shape[0]))
    n, channels, height, width = images.shape
    sheet = torch.zeros(channels, across * height, across * width)
    for i in range(n):
        y, x = (i // across) * height, (i % across) * width
        sheet[:, y : y + height, x : x + width] = images[i].float()
    pixels = (make_np(sheet).transpose(1, 2, 0) * 255).clip(0, 255).astype("uint8")
    Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(os.path.join(folder, "sprite.png"))


def write_matrix(matrix, folder):
    with open(os.path.join(folder, "tensors.tsv"), "w") as f:
        for row in make_np(matrix):
            f.write("\t".join(str(v) for v in row.tolist()) + "\n")


def config(metadata, images, subdir, step, tag):
    from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo

    info = EmbeddingInfo(tensor_name=f"{tag}:{str(step).zfill(5)}", tensor_path=f"{subdir}/tensors.tsv")
    if metadata is not None:
        info.metadata_path = f"{subdir}/metadata.tsv"
    if images is not None:
        info.sprite.image_path = f"{subdir}/sprite.png"
        info.sprite.single_image_dim.extend([images.shape[3], images.shape[2]])
    return info
