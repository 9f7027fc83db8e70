"""What the transforms do to a picture of Pillow."""

from __future__ import annotations

import numbers

import numpy as np
from PIL import Image, ImageEnhance, ImageOps


def is_pil(img):
    return isinstance(img, Image.Image)


def channels(img):
    return len(img.getbands())


def size(img):
    return list(img.size)


def hflip(img):
    return img.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def vflip(img):
    return img.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def crop(img, top, left, height, width):
    return img.crop((left, top, left + width, top + height))


def resize(img, size, interpolation):
    return img.resize((size[1], size[0]), interpolation)


def fill_of(fill, img, name="fill"):
    """The colour outside of a picture, in the form that Pillow takes for its mode."""
    n = channels(img)
    fill = 0 if fill is None else fill
    if isinstance(fill, numbers.Number) and n > 1:
        fill = (fill,) * n
    elif isinstance(fill, (list, tuple)):
        if len(fill) == 1:
            fill = tuple(fill) * n
        elif len(fill) != n:
            raise ValueError(
                f"The number of elements in 'fill' does not match the number of channels of the image "
                f"({len(fill)} != {n})"
            )
        fill = tuple(fill)
    if img.mode != "F":
        fill = tuple(int(x) for x in fill) if isinstance(fill, tuple) else int(fill)
    return fill[0] if isinstance(fill, tuple) and n == 1 else fill


def pad(img, left, top, right, bottom, fill, mode):
    if mode == "constant":
        colour = fill_of(fill, img)
        if img.mode == "P":
            out = ImageOps.expand(img, border=(left, top, right, bottom), fill=fill if isinstance(fill, int) else 0)
            out.putpalette(img.getpalette())
            return out
        return ImageOps.expand(img, border=(left, top, right, bottom), fill=colour)
    palette = img.getpalette() if img.mode == "P" else None
    if min(left, top, right, bottom) < 0:  # less than nothing: cut off first
        img = img.crop((-min(left, 0), -min(top, 0), img.width + min(right, 0), img.height + min(bottom, 0)))
        left, top, right, bottom = (max(v, 0) for v in (left, top, right, bottom))
    a = np.asarray(img)
    where = ((top, bottom), (left, right)) + (((0, 0),) if a.ndim == 3 else ())
    out = Image.fromarray(np.pad(a, where, mode=mode))
    if palette is not None:
        out.putpalette(palette)
    return out


def rotate(img, angle, interpolation, expand, center, fill):
    return img.rotate(angle, interpolation, expand, center, fillcolor=fill_of(fill, img))


def affine(img, matrix, interpolation, fill):
    return img.transform(img.size, Image.Transform.AFFINE, matrix, interpolation, fillcolor=fill_of(fill, img))


def perspective(img, coefficients, interpolation, fill):
    return img.transform(
        img.size, Image.Transform.PERSPECTIVE, coefficients, interpolation, fillcolor=fill_of(fill, img)
    )


def adjust_brightness(img, factor):
    return ImageEnhance.Brightness(img).enhance(factor)


def adjust_contrast(img, factor):
    return ImageEnhance.Contrast(img).enhance(factor)


def adjust_saturation(img, factor):
    return ImageEnhance.Color(img).enhance(factor)


def adjust_sharpness(img, factor):
    return ImageEnhance.Sharpness(img).enhance(factor)


def adjust_hue(img, factor):
    mode = img.mode
    if mode in ("L", "1", "I", "F"):
        return img
    h, s, v = img.convert("HSV").split()
    turned = (np.asarray(h).astype(np.int32) + int(factor * 255)).astype(np.uint8)  # wraps around
    return Image.merge("HSV", (Image.fromarray(turned, "L"), s, v)).convert(mode)


def adjust_gamma(img, gamma, gain):
    mode = img.mode
    table = [int((255 + 1 - 1e-3) * gain * pow(v / 255.0, gamma)) for v in range(256)]
    img = img.convert("RGB")
    return img.point([min(max(v, 0), 255) for v in table] * 3).convert(mode)


def grayscale(img, num_output_channels):
    img = img.convert("L")
    if num_output_channels == 1:
        return img
    if num_output_channels == 3:
        a = np.asarray(img)
        return Image.fromarray(np.dstack([a, a, a]), "RGB")
    raise ValueError("num_output_channels should be either 1 or 3")


def invert(img):
    return ImageOps.invert(img)


def posterize(img, bits):
    return ImageOps.posterize(img, bits)


def solarize(img, threshold):
    return ImageOps.solarize(img, threshold)


def autocontrast(img):
    return ImageOps.autocontrast(img)


def equalize(img):
    return ImageOps.equalize(img)
