"""Anomaly mode: backward stops where a gradient becomes NaN, and the message shows the forward line."""

import warnings

from rtorch import _C

__all__ = ["detect_anomaly", "set_detect_anomaly"]


class set_detect_anomaly:
    """Switches anomaly mode, from the call on; as a `with` block, until its end."""

    def __init__(self, mode, check_nan=True):
        self.before = _C._set_anomaly(0 if not mode else 2 if check_nan else 1)

    def __enter__(self):
        pass

    def __exit__(self, *exc):
        _C._set_anomaly(self.before)


class detect_anomaly(set_detect_anomaly):
    """A `with` block in anomaly mode."""

    def __init__(self, check_nan=True):
        self.mode = 2 if check_nan else 1
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self):
        self.before = _C._set_anomaly(self.mode)


def is_anomaly_enabled():
    """Is anomaly mode on?"""
    mode = _C._set_anomaly(0)
    _C._set_anomaly(mode)
    return mode != 0


def is_anomaly_check_nan_enabled():
    """Does anomaly mode look for NaN?"""
    mode = _C._set_anomaly(0)
    _C._set_anomaly(mode)
    return mode == 2
