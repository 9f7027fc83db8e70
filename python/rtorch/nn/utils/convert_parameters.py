# All parameters as one vector, and back.
import rtorch

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters):
    """The values of all parameters in one vector."""
    return rtorch.cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec, parameters):
    """Let the parameters be the parts of a vector (they share its memory)."""
    if not isinstance(vec, rtorch.Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    offset = 0
    for p in parameters:
        n = p.numel()
        p.data = vec[offset : offset + n].view_as(p).data
        offset += n
