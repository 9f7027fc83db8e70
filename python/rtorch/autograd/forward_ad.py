"""`torch.autograd.forward_ad`: rtorch takes no derivatives forward: no tensor has a tangent, and who asks hears so."""

from typing import NamedTuple

from rtorch import Tensor
from rtorch._outside import fill as _fill

_fill(
    globals(),
    "rtorch takes derivatives backward only; see torch.func.jvp and torch.autograd.functional.jvp",
    classes=("dual_level",),
    functions=("enter_dual_level", "exit_dual_level", "make_dual"),
)


class UnpackedDualTensor(NamedTuple):
    """A tensor and its tangent."""

    primal: Tensor
    tangent: Tensor | None


def unpack_dual(tensor, *, level=None):
    """The tensor, and None for the tangent that it does not have."""
    return UnpackedDualTensor(tensor, None)
