"""What this build is, in words for reports."""


def show():
    """The library's version, the processor's instruction set, and whether CUDA can be used."""
    import rtorch

    pytorch, _, ours = rtorch.__version__.partition("+rtorch")
    lines = [
        f"rtorch {ours}, the names of PyTorch {pytorch}:",
        f"  - CPU capability usage: {rtorch.backends.cpu.get_cpu_capability()}",
        f"  - CUDA: {'available' if rtorch.cuda.is_available() else 'not available'}",
    ]
    return "\n".join(lines) + "\n"


def parallel_info():
    """How many threads operators use."""
    import os

    import rtorch

    return (
        f"rtorch's own thread pool:\n\trtorch.get_num_threads() : {rtorch.get_num_threads()}\n"
        f"Environment variables:\n\tOMP_NUM_THREADS : {os.environ.get('OMP_NUM_THREADS', '[not set]')}\n"
    )
