"""`torch.nn.attention`: which implementation `scaled_dot_product_attention` may use."""

import contextlib
import enum

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.IntEnum):
    """PyTorch's implementations. Here is one for all cases; it stores no weights, and gives their values."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextlib.contextmanager
def sdpa_kernel(backends, set_priority=False):
    """Within the block attention may be computed by these implementations: the one that there is gives the values of
    any of them."""
    if not isinstance(backends, (list, tuple)):
        backends = [backends]
    if not all(isinstance(b, SDPBackend) for b in backends):
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances")
    if not backends:
        raise AssertionError("sdpa_kernel needs at least one backend")
    yield
