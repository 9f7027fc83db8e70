"""How the functions that make models work: their arguments, published weights, and the lists of both."""

from __future__ import annotations

import enum
import fnmatch
import functools
import os
import sys

__all__ = ["Weights", "WeightsEnum", "get_model", "get_model_builder", "get_model_weights", "get_weight", "list_models"]

_BASE = "https://download.pytorch.org/models/"
_builders: dict = {}  # name -> the function


class Weights:
    """A file of weights: its address, how pictures are prepared for it, what is known of it."""

    def __init__(self, url, transforms, meta):
        self.url = url
        self.transforms = transforms
        self.meta = meta

    def __eq__(self, other):
        return isinstance(other, Weights) and self.url == other.url

    def __hash__(self):
        return hash(self.url)


class WeightsEnum(enum.Enum):
    """The weights of a model. `DEFAULT` is the best of them."""

    @classmethod
    def verify(cls, obj):
        """One of these from itself or its name."""
        if obj is None or type(obj) is cls:
            return obj
        if isinstance(obj, str):
            return cls[obj.replace(cls.__name__ + ".", "")]
        raise TypeError(f"Invalid Weight class provided; expected {cls.__name__} but received {type(obj).__name__}.")

    def get_state_dict(self, progress=True, check_hash=False, **kwargs):
        """The tensors, from torch.hub's folder or from the address."""
        from rtorch.hub import load_state_dict_from_url

        return load_state_dict_from_url(self.url, progress=progress, check_hash=check_hash, **kwargs)

    @property
    def url(self):
        return self.value.url

    @property
    def transforms(self):
        return self.value.transforms

    @property
    def meta(self):
        return self.value.meta

    def __repr__(self):
        return f"{type(self).__name__}.{self._name_}"


@functools.cache
def _categories():
    with open(os.path.join(os.path.dirname(__file__), "imagenet_classes.txt"), encoding="utf-8") as f:
        return f.read().splitlines()


class _Meta(dict):
    """What is known of weights; the names of the 1,000 classes are read when they are asked for."""

    def __missing__(self, key):
        if key != "categories":
            raise KeyError(key)
        self[key] = value = _categories()
        return value

    def __contains__(self, key):
        return key == "categories" or super().__contains__(key)


def _preset(crop, resize, how):
    def make(**more):
        from rtorch.vision.transforms import InterpolationMode
        from rtorch.vision.transforms._presets import ImageClassification

        given = {"crop_size": crop, "resize_size": resize, **how, **more}
        if isinstance(given.get("interpolation"), str):
            given["interpolation"] = InterpolationMode(given["interpolation"])
        return ImageClassification(**given)

    return make


def _weights_class(name, entries):
    members = {}
    for entry, file, crop, resize, parameters, smallest, how, default in entries:
        meta = _Meta(num_params=parameters, min_size=(smallest, smallest))
        members[entry] = Weights(_BASE + file, _preset(crop, resize, how), meta)
        if default:
            members["DEFAULT"] = members[entry]
    return WeightsEnum(name, members, module="rtorch.vision.models._weights")


def model(weights_class, **with_weights):
    """For a function that makes a model: adds `weights` and `progress`, and the former `pretrained`. `with_weights` are
    arguments of a model that gets weights, or functions of those."""

    def decorate(build):
        @functools.wraps(build)
        def make(*args, weights=None, progress=True, **kwargs):
            if args or "pretrained" in kwargs:
                weights, progress = _former(args, kwargs, weights, progress, weights_class)
            weights = weights_class.verify(weights)
            if weights is None:
                return build(**kwargs)
            classes = len(weights.meta["categories"])
            if kwargs.setdefault("num_classes", classes) != classes:
                raise ValueError(
                    f"The parameter 'num_classes' expected value {classes} but got {kwargs['num_classes']} instead."
                )
            for name, value in with_weights.items():
                kwargs.setdefault(name, value(weights) if callable(value) else value)
            net = build(**kwargs)
            net.load_state_dict(weights.get_state_dict(progress=progress, check_hash=True))
            return net

        make._weights = weights_class
        _builders[build.__name__] = make
        return make

    return decorate


def _former(args, kwargs, weights, progress, weights_class):
    import warnings

    if len(args) > 2:
        raise TypeError("weights and progress are the only positional arguments, and only for older code")
    given = kwargs.pop("pretrained", weights)
    if args:
        given = args[0]
    progress = args[1] if len(args) > 1 else progress
    if isinstance(given, bool):
        given = weights_class["IMAGENET1K_V1"] if given else None
        warnings.warn(
            "The parameter 'pretrained' is deprecated since 0.13 and may be removed in the future, please use "
            "'weights' instead.",
            UserWarning,
            stacklevel=3,
        )
    return given, progress


def list_models(module=None, include=None, exclude=None):
    """The names of the models."""
    names = set(_builders)
    if module is not None:
        names = {n for n, f in _builders.items() if sys.modules[f.__module__] is module}
    if include:
        patterns = [include] if isinstance(include, str) else include
        names = {n for n in names if any(fnmatch.fnmatch(n, p) for p in patterns)}
    if exclude:
        patterns = [exclude] if isinstance(exclude, str) else exclude
        names = {n for n in names if not any(fnmatch.fnmatch(n, p) for p in patterns)}
    return sorted(names)


def get_model_builder(name):
    """The function that makes a model."""
    try:
        return _builders[name.lower()]
    except KeyError:
        raise ValueError(f"Unknown model {name}") from None


def get_model(name, **config):
    """A model by its name."""
    return get_model_builder(name)(**config)


def get_model_weights(name):
    """The weights that there are for a model."""
    return (get_model_builder(name) if isinstance(name, str) else name)._weights


def get_weight(name):
    """Weights by their full name, "ResNet50_Weights.IMAGENET1K_V2"."""
    from rtorch.vision.models import _weights

    cls, _, entry = name.rpartition(".")
    if cls not in _weights.__all__:
        raise ValueError(f"The weight enum '{cls}' doesn't exist.")
    return getattr(_weights, cls)[entry]


def _make_divisible(v, divisor, min_value=None):
    """v rounded to a multiple of the divisor, but not down by more than a tenth."""
    new = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return new + divisor if new < 0.9 * v else new
