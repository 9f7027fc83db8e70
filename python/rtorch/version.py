"""`torch.version`: whose API this is, of what this build is made. There is no CUDA, ROCm or XPU runtime in it."""

from rtorch.torch_version import TorchVersion as _TorchVersion

__all__ = ["__version__", "cuda", "debug", "git_version", "hip", "rtorch", "xpu"]

rtorch = "0.1.0"
# the PyTorch whose behaviour is followed; what asks for "at least 2.x" gets a true answer
__version__ = _TorchVersion(f"2.13.0+rtorch{rtorch}")
cuda: str | None = None
hip: str | None = None
xpu: str | None = None
debug = False
git_version = "Unknown"
