"""`torch.fx.graph_module`: see `torch.fx`."""

from rtorch.fx import GraphModule as GraphModule
