"""`torchvision.io`: pictures from files and to files, by Pillow."""

from __future__ import annotations

import enum
import io
import os

import rtorch as torch

__all__ = [
    "ImageReadMode",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "encode_jpeg",
    "encode_png",
    "read_file",
    "read_image",
    "write_file",
    "write_jpeg",
    "write_png",
]


class ImageReadMode(enum.Enum):
    """As what a picture is read."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


_MODES = {"GRAY": "L", "GRAY_ALPHA": "LA", "RGB": "RGB", "RGB_ALPHA": "RGBA"}


def read_file(path):
    """The bytes of a file."""
    with open(os.fspath(path), "rb") as f:
        data = f.read()
    return torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)


def write_file(filename, data):
    """Bytes to a file."""
    with open(os.fspath(filename), "wb") as f:
        f.write(data.contiguous().numpy().tobytes())


def _decode(source, mode, apply_exif_orientation, name):
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    if isinstance(mode, str):
        mode = ImageReadMode[mode.upper()]
    try:
        picture = Image.open(source)
        picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as e:
        if isinstance(e, FileNotFoundError):
            raise
        raise RuntimeError(f"{name}: no picture that can be read ({e})") from e
    if apply_exif_orientation:
        picture = ImageOps.exif_transpose(picture)
    if mode is not ImageReadMode.UNCHANGED:
        picture = picture.convert(_MODES[mode.name])
    elif picture.mode == "P":
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    elif picture.mode == "1":
        picture = picture.convert("L")
    a = np.array(picture)
    a = a[None] if a.ndim == 2 else a.transpose(2, 0, 1)
    if a.dtype == np.int32 or a.dtype.name == "uint16":
        a = a.astype(np.uint16)
    return torch.from_numpy(np.ascontiguousarray(a))


def read_image(path, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """A picture of a file as a tensor (channels, height, width) of bytes."""
    return _decode(os.fspath(path), mode, apply_exif_orientation, os.fspath(path))


def decode_image(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """A picture of bytes, or of a file."""
    if isinstance(input, (str, os.PathLike)):
        return read_image(input, mode, apply_exif_orientation)
    if not isinstance(input, torch.Tensor) or input.dtype != torch.uint8 or input.dim() != 1:
        raise RuntimeError("decode_image takes a tensor of bytes with one dimension, or a path")
    return _decode(io.BytesIO(input.numpy().tobytes()), mode, apply_exif_orientation, "the bytes given")


decode_png = decode_image


def decode_jpeg(input, mode=ImageReadMode.UNCHANGED, device="cpu", apply_exif_orientation=False):
    """A JPEG of bytes."""
    if isinstance(input, list):
        return [decode_jpeg(i, mode, device, apply_exif_orientation) for i in input]
    return decode_image(input, mode, apply_exif_orientation).to(device)


def _encode(input, format, **how):
    from PIL import Image

    if input.dtype != torch.uint8 or input.dim() != 3 or input.shape[0] not in (1, 3):
        raise RuntimeError(
            f"a picture of bytes with 1 or 3 channels is expected, got {input.dtype} {tuple(input.shape)}"
        )
    a = input.permute(1, 2, 0).contiguous().numpy()
    out = io.BytesIO()
    Image.fromarray(a[:, :, 0] if a.shape[2] == 1 else a).save(out, format, **how)
    return torch.frombuffer(bytearray(out.getvalue()), dtype=torch.uint8)


def encode_png(input, compression_level=6):
    """A picture as the bytes of a PNG file."""
    return _encode(input, "PNG", compress_level=compression_level)


def encode_jpeg(input, quality=75):
    """A picture as the bytes of a JPEG file."""
    if not 1 <= quality <= 100:
        raise ValueError("Image quality should be a positive number between 1 and 100")
    return _encode(input, "JPEG", quality=quality)


def write_png(input, filename, compression_level=6):
    """A picture to a PNG file."""
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input, filename, quality=75):
    """A picture to a JPEG file."""
    write_file(filename, encode_jpeg(input, quality))
