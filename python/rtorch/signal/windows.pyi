# Written by tests/stubs.py (make stubs) from the operator table; do not edit.

from collections.abc import Sequence

from rtorch._C import _bool, _Device, _DType, _float, _int, _layout, Tensor

def bartlett(
    M: _int,
    *,
    sym: _bool = True,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """A triangle."""
def blackman(
    M: _int,
    *,
    sym: _bool = True,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """0.42 - 0.5 cos + 0.08 cos of the double angle."""
def cosine(
    M: _int,
    *,
    sym: _bool = True,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Half a period of a sine."""
def exponential(
    M: _int,
    *,
    center: _float | None = None,
    tau: _float = 1.0,
    sym: _bool = True,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Falls by e every `tau` elements away from `center`."""
def gaussian(
    M: _int,
    *,
    std: _float = 1.0,
    sym: _bool = True,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """The normal density of deviation `std`, 1 in the middle."""
def general_cosine(
    M: _int,
    *,
    a: Sequence[_float],
    sym: _bool = True,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """A sum of cosines of multiples of one angle, with factors `a` and alternating signs."""
def general_hamming(
    M: _int,
    *,
    alpha: _float = 0.54,
    sym: _bool = True,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """A raised cosine: alpha - (1 - alpha) cos."""
def hamming(
    M: _int,
    *,
    sym: _bool = True,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """A raised cosine: 0.54 - 0.46 cos."""
def hann(
    M: _int,
    *,
    sym: _bool = True,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Half a period of a squared sine."""
def kaiser(
    M: _int,
    *,
    beta: _float = 12.0,
    sym: _bool = True,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """A Bessel function of a half circle, whose width `beta` sets."""
def nuttall(
    M: _int,
    *,
    sym: _bool = True,
    dtype: _DType | None = None,
    device: _Device | None = None,
    layout: _layout | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor:
    """Four cosines whose sum has the lowest side lobes."""
