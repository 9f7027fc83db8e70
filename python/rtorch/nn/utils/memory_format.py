"""The weights of convolutions in another memory format."""

import rtorch

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def _convert(module, memory_format, kinds):
    if isinstance(module, kinds):
        module.weight.data = module.weight.detach().clone().contiguous(memory_format=memory_format)
    for child in module.children():
        _convert(child, memory_format, kinds)
    return module


def convert_conv2d_weight_memory_format(module, memory_format):
    """Gives the weights of all 2-d convolutions below `module` this memory format; returns the module."""
    return _convert(module, memory_format, (rtorch.nn.Conv2d, rtorch.nn.ConvTranspose2d))


def convert_conv3d_weight_memory_format(module, memory_format):
    """As `convert_conv2d_weight_memory_format`, for 3-d convolutions."""
    return _convert(module, memory_format, (rtorch.nn.Conv3d, rtorch.nn.ConvTranspose3d))
