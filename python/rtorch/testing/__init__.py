"""`torch.testing`: comparing what a program gives with what it should give, and tensors to try it on."""

from ._comparison import assert_allclose, assert_close
from ._creation import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]
