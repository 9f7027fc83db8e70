"""The graph as users see it: nodes, and edges into it."""

from typing import NamedTuple

from rtorch import _C

__all__ = ["GradientEdge", "Node", "get_gradient_edge"]

Node = _C.Node


class GradientEdge(NamedTuple):
    """A node, and which of its outputs."""

    node: Node
    output_nr: int


def get_gradient_edge(tensor):
    """Where the gradient of a tensor goes."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(_C._accumulator(tensor) if tensor.grad_fn is None else tensor.grad_fn, tensor.output_nr)
