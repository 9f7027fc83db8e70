"""`torch.version`: of what this build is made. There is no CUDA, ROCm or XPU runtime in it."""

from rtorch import __version__

__all__ = ["__version__", "cuda", "debug", "git_version", "hip", "xpu"]

cuda: str | None = None
hip: str | None = None
xpu: str | None = None
debug = False
git_version = "Unknown"
