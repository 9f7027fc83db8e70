"""`torch.fx.proxy`: see `torch.fx`."""

from rtorch.fx import Proxy as Proxy
