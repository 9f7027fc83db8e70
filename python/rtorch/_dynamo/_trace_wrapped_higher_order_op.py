"""`torch._dynamo._trace_wrapped_higher_order_op`: one mode that libraries enter around `vmap`."""

import contextlib


class TransformGetItemToIndex(contextlib.AbstractContextManager):
    """In PyTorch a mode in which `x[i]` with mapped tensors is an operator. Here it always is: nothing changes."""

    def __exit__(self, *exc):
        return None
