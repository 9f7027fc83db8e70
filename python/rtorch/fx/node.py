"""`torch.fx.node`: see `torch.fx`."""

from rtorch.fx import Node as Node
