"""What the transforms of v2 say of themselves: their settings by name, in torchvision's order, without those that are
not set."""

from rtorch.vision.transforms.functional import InterpolationMode

# Where the order is not that of the object's own attributes, or not all of them are shown.
_NAMES = {
    "AutoAugment": "interpolation fill policy",
    "ConvertImageDtype": "",
    "RandAugment": "interpolation fill num_ops magnitude num_magnitude_bins",
    "RandomAffine": "degrees translate scale shear interpolation fill center",
    "RandomResizedCrop": "size scale ratio interpolation antialias",
    "RandomRotation": "degrees interpolation expand fill center",
    "Resize": "size interpolation max_size antialias",
    "TrivialAugmentWide": "interpolation fill num_magnitude_bins",
}
_LISTS = {"GaussianBlur": ("sigma",), "Normalize": ("mean", "std"), "Resize": ("size",)}


def settings(transform):
    """`size=[8], interpolation=bilinear`."""
    kind = type(transform).__name__
    known = transform.__dict__
    names = _NAMES[kind].split() if kind in _NAMES else [n for n in known if n[0] != "_" and n != "training"]
    out = []
    for name in names:
        value = known.get(name)
        if name == "fill" and isinstance(value, list) and not any(value):
            value = 0
        if name in _LISTS.get(kind, ()):
            value = list(value) if isinstance(value, (list, tuple)) else [value]
        if kind == "RandomErasing" and name == "value":
            several = value if isinstance(value, (list, tuple)) else [value]
            value = None if value == "random" else [float(v) for v in several]
        if kind == "RandomCrop" and name == "padding" and isinstance(value, int):
            value = [value] * 4
        if isinstance(value, InterpolationMode):
            value = value.value
        if isinstance(value, (bool, int, float, str, tuple, list)) or (value is not None and hasattr(value, "name")):
            out.append(f"{name}={value}")
    return ", ".join(out)
