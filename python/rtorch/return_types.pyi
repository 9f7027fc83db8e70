# Written by tests/stubs.py (make stubs) from the operator table; do not edit.

from typing import NamedTuple

from rtorch._C import Tensor

class aminmax(NamedTuple):
    min: Tensor
    max: Tensor

