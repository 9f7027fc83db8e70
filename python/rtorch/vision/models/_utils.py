"""`torchvision.models._utils`: what detection and segmentation take from inside a network."""

from collections import OrderedDict

from rtorch import nn
from rtorch.vision.models._api import _make_divisible as _make_divisible

__all__ = ["IntermediateLayerGetter"]


class IntermediateLayerGetter(nn.ModuleDict):
    """The direct children of a model up to the last one asked for, which runs them in order and gives the results of
    those in `return_layers` (name of the child -> name of the result).

    >>> from rtorch.vision.models import resnet18
    >>> body = IntermediateLayerGetter(resnet18(), {"layer1": "fine", "layer3": "coarse"})
    >>> {name: tuple(x.shape) for name, x in body(torch.rand(1, 3, 32, 32)).items()}
    {'fine': (1, 64, 8, 8), 'coarse': (1, 256, 2, 2)}
    """

    def __init__(self, model, return_layers):
        if not set(return_layers) <= {name for name, _ in model.named_children()}:
            raise ValueError("return_layers are not present in model")
        wanted = {str(k): v for k, v in return_layers.items()}
        layers, left = OrderedDict(), set(wanted)
        for name, module in model.named_children():
            layers[name] = module
            left.discard(name)
            if not left:
                break
        super().__init__(layers)
        self.return_layers = wanted

    def forward(self, x):
        out = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                out[self.return_layers[name]] = x
        return out
