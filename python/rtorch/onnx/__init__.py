"""`torch.onnx`: rtorch writes no ONNX files. Programs ask whether they are being exported."""

from rtorch._outside import fill as _fill

_fill(globals(), "rtorch writes no ONNX files", classes=("ONNXProgram",))


def is_in_onnx_export():
    """Whether a model is being exported: never."""
    return False
