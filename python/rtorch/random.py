# torch.random: the default generator's seed and state.
import contextlib

from rtorch._C import default_generator

__all__ = ["fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]


def _devices():
    """torch.cuda where it is there and in use."""
    import sys

    cuda = sys.modules.get("rtorch.cuda")
    return cuda if cuda is not None and cuda.is_available() else None


def manual_seed(seed):
    """Starts the random stream of `seed` on all devices; returns the default generator.

    Negative seeds count from 2**64 down.
    """
    seed = int(seed)
    cuda = _devices()
    if cuda is not None:
        cuda.manual_seed_all(seed)
    return default_generator.manual_seed(seed)


def seed():
    """Starts a random stream that nobody can foresee, on all devices; returns its seed."""
    seed = default_generator.seed()
    cuda = _devices()
    if cuda is not None:
        cuda.manual_seed_all(seed)
    return seed


def initial_seed():
    """The seed that the default generator's stream started from."""
    return default_generator.initial_seed()


def get_rng_state():
    """The state of the default generator, as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Takes over a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type=None):
    """Within the `with` block random numbers are drawn from a branch of the stream; after it, the stream goes on as if
    the block had not been. `devices` are the GPUs whose streams are kept too; by default, all of them."""
    if not enabled or device_type == "meta":
        yield
        return
    cuda = _devices()
    places = [] if cuda is None else list(range(cuda.device_count()) if devices is None else devices)
    state = get_rng_state()
    there = [cuda.get_rng_state(d) for d in places]
    try:
        yield
    finally:
        set_rng_state(state)
        for d, s in zip(places, there, strict=True):
            cuda.set_rng_state(s, d)
