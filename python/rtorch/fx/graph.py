"""`torch.fx.graph`: see `torch.fx`."""

from rtorch.fx import Graph as Graph
