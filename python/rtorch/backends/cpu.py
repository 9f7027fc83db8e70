"""The processor that kernels run on."""

__all__ = ["get_cpu_capability"]


def get_cpu_capability():
    """The widest instruction set of this machine that kernels use: "DEFAULT", "AVX2" or "AVX512"."""
    flags = set()
    try:
        with open("/proc/cpuinfo") as f:
            flags = set(next((line for line in f if line.startswith("flags")), "").split())
    except OSError:
        pass
    if {"avx512f", "avx512vl", "avx512dq", "avx512bw", "fma"} <= flags:
        return "AVX512"
    return "AVX2" if {"avx2", "fma"} <= flags else "DEFAULT"
