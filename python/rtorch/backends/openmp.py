"""OpenMP: rtorch's threads are its own; OMP_NUM_THREADS and set_num_threads say how many."""

__all__ = ["is_available"]


def is_available():
    """Is OpenMP used?"""
    return False
