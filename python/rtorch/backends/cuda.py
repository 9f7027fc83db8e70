"""CUDA's switches: kept, without effect where there is no GPU."""

__all__ = ["is_built", "matmul"]


class _Matmul:
    """How a GPU multiplies matrices."""

    def __init__(self):
        self.allow_tf32 = False
        self.allow_fp16_reduced_precision_reduction = True
        self.allow_bf16_reduced_precision_reduction = True
        self.allow_fp16_accumulation = False


matmul = _Matmul()
_sdp = {"flash": True, "math": True, "mem_efficient": True, "cudnn": True}


def is_built():
    """Was this library built with CUDA?"""
    return False


def flash_sdp_enabled():
    """May scaled_dot_product_attention use the flash kernel on a GPU?"""
    return _sdp["flash"]


def math_sdp_enabled():
    """May scaled_dot_product_attention use plain products on a GPU?"""
    return _sdp["math"]


def mem_efficient_sdp_enabled():
    """May scaled_dot_product_attention use the memory-efficient kernel on a GPU?"""
    return _sdp["mem_efficient"]


def enable_flash_sdp(enabled):
    """Allow the flash kernel, or forbid it."""
    _sdp["flash"] = bool(enabled)


def enable_math_sdp(enabled):
    """Allow plain products, or forbid them."""
    _sdp["math"] = bool(enabled)


def enable_mem_efficient_sdp(enabled):
    """Allow the memory-efficient kernel, or forbid it."""
    _sdp["mem_efficient"] = bool(enabled)
