"""`torch.distributed.checkpoint.hf_storage`: see `torch.distributed.checkpoint`."""

from rtorch._outside import fill as _fill

_fill(
    globals(),
    "rtorch has no checkpoints in parts; use torch.save, or safetensors",
    classes=("HuggingFaceStorageReader", "HuggingFaceStorageWriter"),
)
