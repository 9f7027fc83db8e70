"""The transforms as functions, on pictures of Pillow and on tensors (..., channels, height, width)."""

from __future__ import annotations

import enum
import math
import numbers
import warnings

import rtorch as torch
from rtorch.vision.transforms import _pil as P
from rtorch.vision.transforms import _tensor as T

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "elastic_transform",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]


class InterpolationMode(enum.Enum):
    """How values between pixels are found."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"  # these three for pictures of Pillow
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_PIL_MODES = {"nearest": 0, "nearest-exact": 0, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5, "lanczos": 1}
_OF_NUMBER = {0: "nearest", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming", 1: "lanczos"}


def _mode(interpolation) -> str:
    if isinstance(interpolation, int):
        interpolation = InterpolationMode(_OF_NUMBER[interpolation])
    if not isinstance(interpolation, InterpolationMode):
        raise TypeError(
            "Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant"
        )
    return interpolation.value


def _on(img):
    """The functions for this kind of picture."""
    if isinstance(img, torch.Tensor):
        T.check(img)
        return T
    if P.is_pil(img):
        return P
    raise TypeError(f"Unexpected type {type(img)}")


def get_dimensions(img):
    """[channels, height, width]."""
    w, h = _on(img).size(img)
    return [_on(img).channels(img), h, w]


def get_image_size(img):
    """[width, height]."""
    return _on(img).size(img)


def get_image_num_channels(img):
    """How many channels."""
    return _on(img).channels(img)


# ---------------------------------------------------------------- from kind to kind


def _is_numpy(img):
    import numpy as np

    return isinstance(img, np.ndarray)


def to_tensor(pic):
    """A picture of Pillow, or an array (height, width, channels), as a tensor (channels, height, width); bytes become
    numbers from 0 to 1."""
    import numpy as np

    if not (P.is_pil(pic) or _is_numpy(pic)):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if _is_numpy(pic):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        if pic.ndim == 2:
            pic = pic[:, :, None]
        img = torch.from_numpy(np.ascontiguousarray(pic.transpose((2, 0, 1))))
    else:
        kinds = {"I": np.int32, "I;16": np.int16, "F": np.float32}
        img = torch.from_numpy(np.array(pic, kinds.get(pic.mode, np.uint8), copy=True))
        if pic.mode == "1":
            img = 255 * img
        img = img.view(pic.size[1], pic.size[0], P.channels(pic)).permute((2, 0, 1)).contiguous()
    return img.to(torch.get_default_dtype()).div(255) if img.dtype == torch.uint8 else img


def pil_to_tensor(pic):
    """A picture of Pillow as a tensor (channels, height, width) of the same numbers."""
    import numpy as np

    if not P.is_pil(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    img = torch.as_tensor(np.array(pic, copy=True))
    return img.view(pic.size[1], pic.size[0], P.channels(pic)).permute((2, 0, 1))


def convert_image_dtype(image, dtype=torch.float):
    """Another dtype, brightness kept: 255 of uint8 is 1.0 of a float."""
    if not isinstance(image, torch.Tensor):
        raise TypeError("Input img should be Tensor Image")
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        if (image.dtype == torch.float32 and dtype in (torch.int32, torch.int64)) or (
            image.dtype == torch.float64 and dtype == torch.int64
        ):
            raise RuntimeError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
        return image.mul(T.most(dtype) + 1.0 - 1e-3).to(dtype)
    here, there = T.most(image.dtype), T.most(dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / here
    if here > there:
        return torch.div(image, (here + 1) // (there + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((there + 1) // (here + 1))


def to_pil_image(pic, mode=None):
    """A tensor (channels, height, width) or an array (height, width, channels) as a picture of Pillow."""
    import numpy as np
    from PIL import Image

    if isinstance(pic, torch.Tensor):
        if pic.ndim == 3:
            pic = pic.permute((1, 2, 0))
        pic = pic.numpy(force=True)
    elif not _is_numpy(pic):
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if pic.ndim == 2:
        pic = pic[:, :, None]
    if pic.ndim != 3:
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    n = pic.shape[-1]
    if n > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {n} channels.")
    if np.issubdtype(pic.dtype, np.floating) and mode != "F":
        pic = (pic * 255).astype(np.uint8)
    if n == 1:
        pic = pic[:, :, 0]
        by_type = {"uint8": "L", "int16": "I;16" if np.little_endian else "I;16B", "int32": "I", "float32": "F"}
        expected = by_type.get(pic.dtype.name)
        if mode is not None and mode != expected:
            raise ValueError(f"Incorrect mode ({mode}) supplied for input type {pic.dtype}. Should be {expected}")
        mode = expected
    else:
        allowed = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}[n]
        if mode is not None and mode not in allowed:
            raise ValueError(f"Only modes {list(allowed)} are supported for {n}D inputs")
        if mode is None and pic.dtype == np.uint8:
            mode = allowed[0]
    if mode is None:
        raise TypeError(f"Input type {pic.dtype} is not supported")
    pic = np.ascontiguousarray(pic)
    if mode in ("YCbCr", "HSV", "CMYK", "RGBX"):
        return Image.frombytes(mode, (pic.shape[1], pic.shape[0]), pic.tobytes())
    return Image.fromarray(pic)


def normalize(tensor, mean, std, inplace=False):
    """(tensor - mean) / std for each channel."""
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {tensor.size()}"
        )
    if not inplace:
        tensor = tensor.clone()
    mean = torch.as_tensor(mean, dtype=tensor.dtype, device=tensor.device)
    std = torch.as_tensor(std, dtype=tensor.dtype, device=tensor.device)
    if (std == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    if mean.ndim == 1:
        mean = mean.view(-1, 1, 1)
    if std.ndim == 1:
        std = std.view(-1, 1, 1)
    return tensor.sub_(mean).div_(std)


# ---------------------------------------------------------------- sizes


def _resized(image_size, size, max_size=None):
    """The new (height, width) of a picture of (height, width)."""
    h, w = image_size
    if len(size) == 2:
        return list(size)
    short, long = (w, h) if w <= h else (h, w)
    new_short, new_long = size[0], int(size[0] * long / short)
    if max_size is not None:
        if max_size <= size[0]:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge size = "
                f"{size[0]}"
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    new_w, new_h = (new_short, new_long) if w <= h else (new_long, new_short)
    return [new_h, new_w]


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """To (height, width), or the shorter side to one number."""
    mode = _mode(interpolation)
    size = [size] if isinstance(size, int) else list(size)
    if len(size) not in (1, 2):
        raise ValueError(f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element tuple/list")
    if max_size is not None and len(size) != 1:
        raise ValueError("max_size should only be passed if size specifies the length of the smaller edge")
    on = _on(img)
    w, h = on.size(img)
    new = _resized((h, w), size, max_size)
    if new == [h, w]:
        return img
    if on is P:
        if antialias is False:
            warnings.warn(
                "Anti-alias option is always applied for PIL Image input. Argument antialias is ignored.", stacklevel=2
            )
        return P.resize(img, new, _PIL_MODES[mode])
    return T.resize(img, new, mode, antialias)


def pad(img, padding, fill=0, padding_mode="constant"):
    """Around the picture: one number, [left/right, top/bottom] or [left, top, right, bottom]."""
    if not isinstance(padding, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    p = [padding] if isinstance(padding, numbers.Number) else list(padding)
    if len(p) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(p)} element tuple")
    left, top, right, bottom = p * 4 if len(p) == 1 else p * 2 if len(p) == 2 else p
    return _on(img).pad(img, left, top, right, bottom, fill, padding_mode)


def crop(img, top, left, height, width):
    """A rectangle; what lies outside of the picture is 0."""
    return _on(img).crop(img, top, left, height, width)


def center_crop(img, output_size):
    """The middle."""
    if isinstance(output_size, numbers.Number):
        output_size = (int(output_size), int(output_size))
    elif len(output_size) == 1:
        output_size = (output_size[0], output_size[0])
    _, h, w = get_dimensions(img)
    th, tw = output_size
    if tw > w or th > h:
        left, top = (tw - w) // 2 if tw > w else 0, (th - h) // 2 if th > h else 0
        right, bottom = (tw - w + 1) // 2 if tw > w else 0, (th - h + 1) // 2 if th > h else 0
        img = pad(img, [left, top, right, bottom], fill=0)
        _, h, w = get_dimensions(img)
        if (tw, th) == (w, h):
            return img
    return crop(img, round((h - th) / 2.0), round((w - tw) / 2.0), th, tw)


def resized_crop(img, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True):
    """A rectangle, in another size."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img):
    """Left and right exchanged."""
    return _on(img).hflip(img)


def vflip(img):
    """Top and bottom exchanged."""
    return _on(img).vflip(img)


def five_crop(img, size):
    """The four corners and the middle."""
    if isinstance(size, numbers.Number):
        size = (int(size), int(size))
    elif len(size) == 1:
        size = (size[0], size[0])
    if len(size) != 2:
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    _, h, w = get_dimensions(img)
    th, tw = size
    if tw > w or th > h:
        raise ValueError(f"Requested crop size {size} is bigger than input size {(h, w)}")
    corners = [(0, 0), (0, w - tw), (h - th, 0), (h - th, w - tw)]
    return (*(crop(img, top, left, th, tw) for top, left in corners), center_crop(img, [th, tw]))


def ten_crop(img, size, vertical_flip=False):
    """five_crop, and that of the flipped picture."""
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


# ---------------------------------------------------------------- colours


def adjust_brightness(img, brightness_factor):
    """0 is black, 1 the picture, 2 twice as bright."""
    if brightness_factor < 0:
        raise ValueError(f"brightness_factor ({brightness_factor}) is not non-negative.")
    return _on(img).adjust_brightness(img, brightness_factor)


def adjust_contrast(img, contrast_factor):
    """0 is gray, 1 the picture."""
    if contrast_factor < 0:
        raise ValueError(f"contrast_factor ({contrast_factor}) is not non-negative.")
    return _on(img).adjust_contrast(img, contrast_factor)


def adjust_saturation(img, saturation_factor):
    """0 is without colours, 1 the picture."""
    if saturation_factor < 0:
        raise ValueError(f"saturation_factor ({saturation_factor}) is not non-negative.")
    return _on(img).adjust_saturation(img, saturation_factor)


def adjust_hue(img, hue_factor):
    """Turns the colours, by -0.5 to 0.5 of the circle."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return _on(img).adjust_hue(img, hue_factor)


def adjust_gamma(img, gamma, gain=1):
    """gain * brightness ** gamma."""
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    return _on(img).adjust_gamma(img, gamma, gain)


def adjust_sharpness(img, sharpness_factor):
    """0 is blurred, 1 the picture, 2 sharper."""
    if sharpness_factor < 0:
        raise ValueError(f"sharpness_factor ({sharpness_factor}) is not non-negative.")
    return _on(img).adjust_sharpness(img, sharpness_factor)


def to_grayscale(img, num_output_channels=1):
    """A picture of Pillow without colours."""
    if not P.is_pil(img):
        raise TypeError("Input should be PIL Image")
    return P.grayscale(img, num_output_channels)


def rgb_to_grayscale(img, num_output_channels=1):
    """Without colours."""
    return to_grayscale(img, num_output_channels) if P.is_pil(img) else T.rgb_to_grayscale(img, num_output_channels)


def invert(img):
    """The negative."""
    return _on(img).invert(img)


def posterize(img, bits):
    """Only so many bits for each channel."""
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    return _on(img).posterize(img, bits)


def solarize(img, threshold):
    """The negative of what is brighter than the threshold."""
    return _on(img).solarize(img, threshold)


def autocontrast(img):
    """The darkest pixel black, the brightest white."""
    return _on(img).autocontrast(img)


def equalize(img):
    """All brightnesses about equally often."""
    return _on(img).equalize(img)


def gaussian_blur(img, kernel_size, sigma=None):
    """Blurred by a bell of this size in pixels."""
    k = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(k) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(k)}")
    if any(n % 2 == 0 or n < 0 for n in k):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {k}")
    s = (
        [n * 0.15 + 0.35 for n in k]
        if sigma is None
        else [float(sigma)] * 2
        if not isinstance(sigma, (list, tuple))
        else list(sigma)
    )
    s = s * 2 if len(s) == 1 else s
    if len(s) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(s)}")
    if any(v <= 0.0 for v in s):
        raise ValueError(f"sigma should have positive values. Got {s}")
    if isinstance(img, torch.Tensor):
        return T.gaussian_blur(img, k, s)
    _on(img)
    return to_pil_image(T.gaussian_blur(pil_to_tensor(img), k, s), mode=img.mode)


def erase(img, i, j, h, w, v, inplace=False):
    """A rectangle of a tensor, overwritten with v."""
    if not isinstance(img, torch.Tensor):
        raise TypeError("Input should be Tensor Image")
    return T.erase(img, i, j, h, w, v, inplace)


# ---------------------------------------------------------------- seen from elsewhere


def _inverse(center, angle, translate, scale, shear):
    """For each place of the new picture, where it comes from: the six numbers of an affine map."""
    rot, sx, sy = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    cx, cy = center
    tx, ty = translate
    a = math.cos(rot - sy) / math.cos(sy)
    b = -math.cos(rot - sy) * math.tan(sx) / math.cos(sy) - math.sin(rot)
    c = math.sin(rot - sy) / math.cos(sy)
    d = -math.sin(rot - sy) * math.tan(sx) / math.cos(sy) + math.cos(rot)
    m = [x / scale for x in (d, -b, 0.0, -c, a, 0.0)]
    m[2] += m[0] * (-cx - tx) + m[1] * (-cy - ty) + cx
    m[5] += m[3] * (-cx - tx) + m[4] * (-cy - ty) + cy
    return m


def rotate(img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None):
    """Turned against the clock, by degrees."""
    mode = _mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    if not isinstance(img, torch.Tensor):
        _on(img)
        return P.rotate(img, angle, _PIL_MODES[mode], expand, center, fill)
    w, h = T.size(img)
    middle = [0.0, 0.0] if center is None else [c - s * 0.5 for c, s in zip(center, (w, h))]
    m = _inverse(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    out = None
    if expand:
        corners = [(sx * w / 2, sy * h / 2) for sx in (-1, 1) for sy in (-1, 1)]
        back = _inverse([0.0, 0.0], angle, [0.0, 0.0], 1.0, [0.0, 0.0])
        xs = [round(back[0] * x + back[1] * y, 4) for x, y in corners]
        ys = [round(back[3] * x + back[4] * y, 4) for x, y in corners]
        xs, ys = [x + w / 2 for x in xs], [y + h / 2 for y in ys]
        out = (math.ceil(max(xs)) - math.floor(min(xs)), math.ceil(max(ys)) - math.floor(min(ys)))
    return T.affine(img, m, mode, fill, out)


def affine(img, angle, translate, scale, shear, interpolation=InterpolationMode.NEAREST, fill=None, center=None):
    """Turned, moved, scaled and sheared."""
    mode = _mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)) or len(translate) != 2:
        raise ValueError("Argument translate should be a list or tuple of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    shear = [float(shear), 0.0] if isinstance(shear, numbers.Number) else [float(s) for s in shear]
    shear = [shear[0], 0.0] if len(shear) == 1 else shear
    if len(shear) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    _, h, w = get_dimensions(img)
    if not isinstance(img, torch.Tensor):
        m = _inverse(center or [w * 0.5, h * 0.5], angle, translate, scale, shear)
        return P.affine(img, m, _PIL_MODES[mode], fill)
    middle = [0.0, 0.0] if center is None else [c - s * 0.5 for c, s in zip(center, (w, h))]
    return T.affine(img, _inverse(middle, angle, [float(t) for t in translate], scale, shear), mode, fill)


def _perspective_coefficients(startpoints, endpoints):
    import numpy as np

    rows, values = [], []
    for (x, y), (u, v) in zip(endpoints, startpoints):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    found = np.linalg.lstsq(np.array(rows, dtype=np.float64), np.array(values, dtype=np.float64), rcond=None)[0]
    return found.astype(np.float32).tolist()


def perspective(img, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """Four corners moved to other places."""
    mode = _mode(interpolation)
    found = _perspective_coefficients(startpoints, endpoints)
    if isinstance(img, torch.Tensor):
        return T.perspective(img, found, mode, fill)
    _on(img)
    return P.perspective(img, found, _PIL_MODES[mode], fill)


def elastic_transform(img, displacement, interpolation=InterpolationMode.BILINEAR, fill=None):
    """Each pixel moved by a displacement (1, height, width, 2), in halves of the picture's sides."""
    mode = _mode(interpolation)
    if not isinstance(displacement, torch.Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    t = img if isinstance(img, torch.Tensor) else pil_to_tensor(img)
    w, h = T.size(t)
    if list(displacement.shape) != [1, h, w, 2]:
        raise ValueError(f"Argument displacement shape should be {(1, h, w, 2)}, but given {tuple(displacement.shape)}")
    x, y = T.places(w, h)
    x = ((x / (0.5 * w) + displacement[0, ..., 0]) + 1) * w / 2 - 0.5
    y = ((y / (0.5 * h) + displacement[0, ..., 1]) + 1) * h / 2 - 0.5
    out = T.sample(t, x, y, mode, fill)
    return out if isinstance(img, torch.Tensor) else to_pil_image(out, mode=img.mode)
