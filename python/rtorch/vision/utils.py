"""`torchvision.utils`: pictures side by side, written to files, with boxes and masks drawn on them."""

from __future__ import annotations

import math

import rtorch as torch

__all__ = ["draw_bounding_boxes", "draw_segmentation_masks", "make_grid", "save_image"]


@torch.no_grad()
def make_grid(tensor, nrow=8, padding=2, normalize=False, value_range=None, scale_each=False, pad_value=0.0):
    """A batch (n, channels, height, width) as one picture, `nrow` of them side by side."""
    if not isinstance(tensor, torch.Tensor):
        if not isinstance(tensor, list):
            raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
        for t in tensor:
            if not isinstance(t, torch.Tensor):
                raise TypeError(f"tensor or list of tensors expected, got a list containing {type(t)}")
        tensor = torch.stack(tensor, dim=0)
    if tensor.dim() == 2:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 3:
        if tensor.size(0) == 1:
            tensor = torch.cat((tensor, tensor, tensor), 0)
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 4 and tensor.size(1) == 1:
        tensor = torch.cat((tensor, tensor, tensor), 1)
    if normalize:
        tensor = tensor.clone()
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
        for part in tensor if scale_each else (tensor,):
            low, high = (float(part.min()), float(part.max())) if value_range is None else value_range
            part.clamp_(min=low, max=high).sub_(low).div_(max(high - low, 1e-5))
    if tensor.size(0) == 1:
        return tensor.squeeze(0)
    n, channels = tensor.size(0), tensor.size(1)
    across = min(nrow, n)
    down = math.ceil(n / across)
    height, width = tensor.size(2) + padding, tensor.size(3) + padding
    grid = tensor.new_full((channels, height * down + padding, width * across + padding), pad_value)
    for k in range(n):
        y, x = (k // across) * height + padding, (k % across) * width + padding
        grid[:, y : y + height - padding, x : x + width - padding].copy_(tensor[k])
    return grid


@torch.no_grad()
def save_image(tensor, fp, format=None, **kwargs):
    """Write pictures (numbers from 0 to 1) to a file, several of them as a grid."""
    from PIL import Image

    grid = make_grid(tensor, **kwargs)
    data = grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to("cpu", torch.uint8).numpy()
    Image.fromarray(data).save(fp, format=format)


def _colours(n, given):
    if given is None:
        # spread over all colours, neighbours far apart
        return [tuple(i * p % 255 for p in (2**25 - 1, 2**15 - 1, 2**21 - 1)) for i in range(n)]
    from PIL import ImageColor

    given = list(given) if isinstance(given, list) else [given] * n
    if len(given) < n:
        raise ValueError(
            f"Number of colors must be equal or larger than the number of objects, but got {len(given)} < {n}."
        )
    return [ImageColor.getrgb(c) if isinstance(c, str) else tuple(c) for c in given[:n]]


@torch.no_grad()
def draw_bounding_boxes(
    image, boxes, labels=None, colors=None, fill=False, width=1, font=None, font_size=None, label_colors=None
):
    """Boxes (n, 4) of x0, y0, x1, y1 drawn on a picture."""
    from PIL import Image, ImageDraw, ImageFont

    if not isinstance(image, torch.Tensor):
        raise TypeError(f"Tensor expected, got {type(image)}")
    if not (image.dtype == torch.uint8 or image.is_floating_point()):
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.dim() != 3:
        raise ValueError("Pass individual images, not batches")
    if image.size(0) not in (1, 3):
        raise ValueError("Only grayscale and RGB images are supported")
    if boxes.numel() and ((boxes[:, 0] > boxes[:, 2]).any() or (boxes[:, 1] > boxes[:, 3]).any()):
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. Use torchvision.ops.box_convert to convert them"
        )
    n = boxes.shape[0]
    if n == 0:
        return image
    if labels is not None and len(labels) != n:
        raise ValueError(
            f"The number of boxes ({n}) and labels ({len(labels)}) mismatch. Please specify labels for each box."
        )
    colours = _colours(n, colors)
    whole = image if image.dtype == torch.uint8 else (image * 255).to(torch.uint8)
    if whole.size(0) == 1:
        whole = whole.expand(3, -1, -1)
    picture = Image.fromarray(whole.permute(1, 2, 0).contiguous().numpy())
    pen = ImageDraw.Draw(picture, "RGBA" if fill else None)
    letters = ImageFont.truetype(font, font_size or 10) if font is not None else ImageFont.load_default()
    inks = _colours(n, label_colors) if label_colors is not None else colours
    for box, colour, label, ink in zip(boxes.to(torch.int64).tolist(), colours, labels or [None] * n, inks):
        pen.rectangle(box, fill=(*colour, 100) if fill else None, outline=colour, width=width)
        if label is not None:
            pen.text((box[0] + width + 1, box[1] + width + 1), str(label), fill=ink, font=letters)
    out = torch.from_numpy(_array(picture)).permute(2, 0, 1)
    return out if image.dtype == torch.uint8 else out.to(image.dtype) / 255


def _array(picture):
    import numpy as np

    return np.array(picture)


@torch.no_grad()
def draw_segmentation_masks(image, masks, alpha=0.8, colors=None):
    """Masks (n, height, width) of booleans laid over a picture."""
    if not isinstance(image, torch.Tensor):
        raise TypeError(f"The image must be a tensor, got {type(image)}")
    if image.dim() != 3 or image.size(0) != 3:
        raise ValueError("Pass an RGB image. Other Image formats are not supported")
    if masks.ndim == 2:
        masks = masks[None]
    if masks.ndim != 3 or masks.shape[-2:] != image.shape[-2:]:
        raise ValueError("The image and the masks must have the same height and width")
    if masks.dtype != torch.bool:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[0] == 0:
        return image
    out = image.clone()
    for mask, colour in zip(masks, _colours(masks.shape[0], colors)):
        c = torch.tensor(colour, dtype=image.dtype)
        out[:, mask] = c[:, None] if image.dtype == torch.uint8 else c[:, None] / 255
    out[:, masks.sum(dim=0) > 1] = 0  # where masks overlap
    mixed = image * (1 - alpha) + out * alpha
    return torch.where(masks.any(0), mixed, image.to(mixed.dtype)).clamp(0, 255).to(image.dtype)
