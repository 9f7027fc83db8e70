"""Batch norm of evaluation folded into the layer before it."""

import copy

import rtorch

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def _fused(weight, bias, mean, var, eps, bn_weight, bn_bias, out_dim):
    """The weight scaled along its dimension of outputs, and the bias that belongs to it."""
    bias = rtorch.zeros_like(mean) if bias is None else bias
    bn_weight = rtorch.ones_like(mean) if bn_weight is None else bn_weight
    bn_bias = rtorch.zeros_like(mean) if bn_bias is None else bn_bias
    scale = bn_weight * rtorch.rsqrt(var + eps)
    shape = [1] * weight.dim()
    shape[out_dim] = -1
    new_weight = (weight * scale.reshape(shape)).to(weight.dtype)
    new_bias = ((bias - mean) * scale + bn_bias).to(bias.dtype)
    keep = weight.requires_grad
    return (
        rtorch.nn.Parameter(new_weight, keep),
        rtorch.nn.Parameter(new_bias, bias.requires_grad),
    )


def fuse_conv_bn_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, transpose=False):
    """The parameters of one convolution that does what a convolution and a batch norm in evaluation do."""
    return _fused(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 1 if transpose else 0)


def fuse_conv_bn_eval(conv, bn, transpose=False):
    """A new convolution in the place of `conv` and `bn`, both of which are in evaluation."""
    if conv.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    fused = copy.deepcopy(conv)
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("expected bn.running_mean and bn.running_var: a batch norm with track_running_stats=True")
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_linear_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b):
    """The parameters of one linear layer that does what a linear layer and a batch norm in evaluation do."""
    return _fused(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 0)


def fuse_linear_bn_eval(linear, bn):
    """A new linear layer in the place of `linear` and `bn`, both of which are in evaluation."""
    if linear.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    fused = copy.deepcopy(linear)
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError("To fuse, linear.out_features == bn.num_features or bn.num_features == 1")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("expected bn.running_mean and bn.running_var: a batch norm with track_running_stats=True")
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused
