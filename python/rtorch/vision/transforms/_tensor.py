"""What the transforms do to a picture that is a tensor (..., channels, height, width)."""

from __future__ import annotations

import rtorch as torch
from rtorch.nn.functional import conv2d, interpolate
from rtorch.nn.functional import pad as _pad

# what counts as full brightness
MOST = {
    torch.uint8: 255,
    torch.int8: 127,
    torch.int16: 32767,
    torch.int32: 2147483647,
    torch.int64: 9223372036854775807,
}


def most(dtype):
    return MOST.get(dtype, 1)


def check(img):
    if not isinstance(img, torch.Tensor) or img.dim() < 2:
        raise TypeError("Tensor is not a torch image.")


def channels(img):
    return 1 if img.dim() == 2 else img.shape[-3]


def size(img):
    return [img.shape[-1], img.shape[-2]]


def _batched(img, dtypes=(torch.float32, torch.float64)):
    """(n, channels, height, width) in a dtype that the kernels take, and the way back."""
    shape, dtype = img.shape, img.dtype
    x = img.reshape((1, *shape) if img.dim() == 3 else (1, 1, *shape) if img.dim() == 2 else (-1, *shape[-3:]))
    if dtype not in dtypes:
        x = x.to(dtypes[0])

    def back(y):
        y = y.reshape(*shape[:-3], *y.shape[-3:]) if len(shape) >= 3 else y.reshape(y.shape[-2:])
        if y.dtype != dtype:
            if not dtype.is_floating_point:
                y = y.round()
            y = y.to(dtype)
        return y

    return x, back


def _blend(a, b, ratio):
    ratio = float(ratio)  # a whole number would keep bytes bytes
    return (ratio * a + (1.0 - ratio) * b).clamp(0, most(a.dtype)).to(a.dtype)


def hflip(img):
    return img.flip(-1)


def vflip(img):
    return img.flip(-2)


def crop(img, top, left, height, width):
    w, h = size(img)
    right, bottom = left + width, top + height
    if left < 0 or top < 0 or right > w or bottom > h:
        part = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        around = [
            max(min(right, 0) - left, 0),
            max(right - max(w, left), 0),
            max(min(bottom, 0) - top, 0),
            max(bottom - max(h, top), 0),
        ]
        return pad(part, around[0], around[2], around[1], around[3], 0, "constant")
    return img[..., top:bottom, left:right]


def resize(img, size, interpolation, antialias):
    x, back = _batched(img)
    linear = interpolation in ("bilinear", "bicubic")
    how = {"align_corners": False} if linear else {}
    x = interpolate(x, size=list(size), mode=interpolation, antialias=bool(antialias) and linear, **how)
    if interpolation == "bicubic" and img.dtype == torch.uint8:
        x = x.clamp(0, 255)
    return back(x)


def pad(img, left, top, right, bottom, fill, mode):
    if isinstance(fill, (list, tuple)):
        fill = fill[0] if len(fill) == 1 else fill
        if isinstance(fill, (list, tuple)):
            raise ValueError("a picture that is a tensor is padded with one number")
    if mode == "symmetric":
        return _symmetric(img, left, top, right, bottom)
    mode = {"edge": "replicate"}.get(mode, mode)
    if mode == "constant":
        return _pad(img, [left, right, top, bottom], mode=mode, value=float(fill or 0)).to(img.dtype)
    x, back = _batched(img)
    return back(_pad(x, [left, right, top, bottom], mode=mode))


def _symmetric(img, left, top, right, bottom):
    """Mirrored with the edge itself."""
    w, h = size(img)

    def index(n, before, after):
        i = torch.arange(-before, n + after) % (2 * n)
        return torch.where(i < n, i, 2 * n - 1 - i)

    if min(left, top, right, bottom) < 0:
        img = img[..., max(-top, 0) : h + min(bottom, 0), max(-left, 0) : w + min(right, 0)]
        left, top, right, bottom = (max(v, 0) for v in (left, top, right, bottom))
        w, h = size(img)
    return img.index_select(-2, index(h, top, bottom)).index_select(-1, index(w, left, right))


def rgb_to_grayscale(img, num_output_channels=1):
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if channels(img) == 3:
        r, g, b = img.unbind(-3)
        gray = (0.2989 * r + 0.587 * g + 0.114 * b).to(img.dtype).unsqueeze(-3)
    else:
        gray = img.clone()
    return gray.expand(*img.shape[:-3], 3, *img.shape[-2:]) if num_output_channels == 3 else gray


def adjust_brightness(img, factor):
    return _blend(img, torch.zeros_like(img), factor)


def adjust_contrast(img, factor):
    dtype = img.dtype if img.is_floating_point() else torch.float32
    gray = rgb_to_grayscale(img) if channels(img) == 3 else img
    return _blend(img, gray.to(dtype).mean(dim=(-3, -2, -1), keepdim=True), factor)


def adjust_saturation(img, factor):
    return img if channels(img) == 1 else _blend(img, rgb_to_grayscale(img), factor)


def adjust_hue(img, factor):
    if channels(img) == 1:
        return img
    dtype = img.dtype
    x = img if img.is_floating_point() else img.to(torch.float32) / most(dtype)
    h, s, v = _rgb_to_hsv(x)
    h = (h + factor) % 1.0
    x = _hsv_to_rgb(h, s, v)
    return x if dtype == x.dtype else (x * (most(dtype) + 1.0 - 1e-3)).to(dtype)


def _rgb_to_hsv(img):
    r, g, b = img.unbind(-3)
    high, low = img.amax(-3), img.amin(-3)
    same = high == low
    chroma = high - low
    one = torch.ones_like(high)
    s = chroma / torch.where(same, one, high)
    divisor = torch.where(same, one, chroma)
    rc, gc, bc = ((high - c) / divisor for c in (r, g, b))
    hr = (high == r) * (bc - gc)
    hg = ((high == g) & (high != r)) * (2.0 + rc - bc)
    hb = ((high != g) & (high != r)) * (4.0 + gc - rc)
    return torch.fmod((hr + hg + hb) / 6.0 + 1.0, 1.0), s, high


def _hsv_to_rgb(h, s, v):
    i = torch.floor(h * 6.0)
    f = h * 6.0 - i
    i = i.to(torch.int32) % 6
    p = (v * (1.0 - s)).clamp(0.0, 1.0)
    q = (v * (1.0 - s * f)).clamp(0.0, 1.0)
    t = (v * (1.0 - s * (1.0 - f))).clamp(0.0, 1.0)
    rows = ((v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q))
    which = i.to(torch.int64).unsqueeze(0)
    return torch.stack([torch.stack(row).gather(0, which).squeeze(0) for row in rows], dim=-3)


def adjust_gamma(img, gamma, gain):
    dtype = img.dtype
    x = img if img.is_floating_point() else img.to(torch.float32) / most(dtype)
    x = (gain * x**gamma).clamp(0, 1)
    return x if x.dtype == dtype else (x * (most(dtype) + 1.0 - 1e-3)).to(dtype)


def _weights_blur(img, kernel):
    """Each channel with one kernel, the edges mirrored."""
    x, back = _batched(img, (kernel.dtype,))
    n = x.shape[1]
    ky, kx = kernel.shape[-2:]
    x = _pad(x, [kx // 2, kx // 2, ky // 2, ky // 2], mode="reflect")
    return back(conv2d(x, kernel.expand(n, 1, ky, kx), groups=n))


def gaussian_kernel(size, sigma, dtype=torch.float32):
    half = (size - 1) * 0.5
    x = torch.linspace(-half, half, steps=size, dtype=dtype)
    pdf = torch.exp(-0.5 * (x / sigma).pow(2))
    return pdf / pdf.sum()


def gaussian_blur(img, kernel_size, sigma):
    dtype = img.dtype if img.is_floating_point() else torch.float32
    x, y = (gaussian_kernel(k, s, dtype) for k, s in zip(kernel_size, sigma))
    return _weights_blur(img, y[:, None] @ x[None, :])


def adjust_sharpness(img, factor):
    w, h = size(img)
    if w <= 2 or h <= 2:
        return img
    dtype = img.dtype if img.is_floating_point() else torch.float32
    kernel = torch.ones((3, 3), dtype=dtype)
    kernel[1, 1] = 5.0
    kernel /= kernel.sum()
    x, _ = _batched(img, (dtype,))
    n = x.shape[1]
    blurred = img.clone()
    inner = conv2d(x, kernel.expand(n, 1, 3, 3), groups=n)
    if not img.is_floating_point():
        inner = inner.round()
    blurred[..., 1:-1, 1:-1] = inner.reshape(*img.shape[:-2], h - 2, w - 2).to(img.dtype)
    return _blend(img, blurred, factor)


def invert(img):
    return most(img.dtype) - img


def posterize(img, bits):
    if img.dtype != torch.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    return img & (-int(2 ** (8 - bits)) & 255)


def solarize(img, threshold):
    if threshold > most(img.dtype):
        raise TypeError("Threshold should be less than bound of img.")
    return torch.where(img >= threshold, invert(img), img)


def autocontrast(img):
    bound = most(img.dtype)
    dtype = img.dtype if img.is_floating_point() else torch.float32
    low = img.amin(dim=(-2, -1), keepdim=True).to(dtype)
    high = img.amax(dim=(-2, -1), keepdim=True).to(dtype)
    scale = bound / (high - low)
    flat = ~torch.isfinite(scale)
    low = torch.where(flat, torch.zeros_like(low), low)
    scale = torch.where(flat, torch.ones_like(scale), scale)
    return ((img - low) * scale).clamp(0, bound).to(img.dtype)


def equalize(img):
    if img.dtype != torch.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    flat = img.reshape(-1, *img.shape[-2:]) if img.numel() else img
    return torch.stack([_equalize_one(c) for c in flat]).reshape(img.shape) if img.numel() else img


def _equalize_one(channel):
    histogram = torch.bincount(channel.reshape(-1).to(torch.int64), minlength=256)
    counts = histogram[histogram != 0]
    step = int(counts[:-1].sum()) // 255
    if step == 0:
        return channel
    table = (histogram.cumsum(0) + step // 2) // step
    table = torch.cat([table.new_zeros(1), table[:-1]]).clamp(0, 255)
    return table[channel.to(torch.int64)].to(torch.uint8)


def erase(img, i, j, h, w, v, inplace):
    if not inplace:
        img = img.clone()
    img[..., i : i + h, j : j + w] = v
    return img


# ---------------------------------------------------------------- pictures seen from elsewhere


def sample(img, x, y, interpolation, fill):
    """The picture at places (x, y), in pixels from the middle of the first; `fill` outside."""
    if fill is not None and not isinstance(fill, (list, tuple)):
        fill = [float(fill)]
    t, back = _batched(img)
    h, w = t.shape[-2:]
    out = torch.zeros((*t.shape[:2], *x.shape), dtype=t.dtype)
    inside = torch.zeros(x.shape, dtype=t.dtype)
    if interpolation == "nearest":
        corners = [(torch.round(x), torch.round(y), None)]
    elif interpolation == "bilinear":
        x0, y0 = torch.floor(x), torch.floor(y)
        fx, fy = x - x0, y - y0
        corners = [
            (x0, y0, (1 - fx) * (1 - fy)),
            (x0 + 1, y0, fx * (1 - fy)),
            (x0, y0 + 1, (1 - fx) * fy),
            (x0 + 1, y0 + 1, fx * fy),
        ]
    else:
        raise ValueError(f"pictures that are tensors are seen by nearest or bilinear, not by {interpolation}")
    for cx, cy, weight in corners:
        good = (cx >= 0) & (cx < w) & (cy >= 0) & (cy < h)
        at = cy.clamp(0, h - 1).to(torch.int64) * w + cx.clamp(0, w - 1).to(torch.int64)
        value = t.flatten(2)[:, :, at.reshape(-1)].reshape(out.shape)
        part = good.to(t.dtype) if weight is None else good * weight.to(t.dtype)
        out = out + torch.where(part != 0, value * part, torch.zeros_like(value))
        inside = inside + part
    if fill is not None:
        colour = torch.tensor(fill, dtype=t.dtype).view(1, -1, 1, 1).expand(1, out.shape[1], 1, 1)
        if interpolation == "nearest":
            out = torch.where(inside < 0.5, colour, out)
        else:
            out = out * inside + (1.0 - inside) * colour
    return back(out)


def places(width, height):
    """The middles of the pixels, from the middle of the picture."""
    x = torch.linspace(-width * 0.5 + 0.5, width * 0.5 - 0.5, width)
    y = torch.linspace(-height * 0.5 + 0.5, height * 0.5 - 0.5, height)
    return x[None, :].expand(height, width), y[:, None].expand(height, width)


def affine(img, matrix, interpolation, fill, out_size=None):
    w, h = size(img)
    ow, oh = out_size or (w, h)
    x, y = places(ow, oh)
    a, b, c, d, e, f = matrix
    # by the same steps as on a grid from -1 to 1, so that what lies between two pixels falls to the same
    px = (((a * x + b * y + c) / (0.5 * w)) + 1) * w / 2 - 0.5
    py = (((d * x + e * y + f) / (0.5 * h)) + 1) * h / 2 - 0.5
    return sample(img, px, py, interpolation, fill)


def perspective(img, coefficients, interpolation, fill):
    w, h = size(img)
    x = torch.linspace(0.5, w - 0.5, w)[None, :].expand(h, w)
    y = torch.linspace(0.5, h - 0.5, h)[:, None].expand(h, w)
    a, b, c, d, e, f, g, k = coefficients
    below = g * x + k * y + 1
    px = (a * x + b * y + c) / below - 0.5
    py = (d * x + e * y + f) / below - 0.5
    return sample(img, px, py, interpolation, fill)
