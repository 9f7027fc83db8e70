"""Where the user's program is: the lines of it that led to an operator, which anomaly mode shows for a gradient that
became NaN."""

import os
import sys
import traceback

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def here() -> str:
    """The user's stack, innermost line last, as tracebacks write it; our own frames are left out."""
    frames = traceback.extract_stack(sys._getframe(1))
    return "".join(traceback.format_list([f for f in frames if not _ours(f.filename)]))


def _ours(filename: str) -> bool:
    return filename.startswith((_HERE, "<frozen"))
