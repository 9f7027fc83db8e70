"""`torch.utils.tensorboard`: SummaryWriter writes what TensorBoard shows."""

import importlib.util as _util

if _util.find_spec("tensorboard") is None:
    raise ModuleNotFoundError(
        'torch.utils.tensorboard needs the package tensorboard: pip install "rtorch[tensorboard]"', name="tensorboard"
    )

from rtorch.utils.tensorboard.writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "SummaryWriter"]
