# Learning rate schedules. Each changes the "lr" of an optimizer's groups at every step() of its own.
# get_lr gives the next rates from the present ones, so that schedules can be chained; the closed forms, from the
# first rates alone, serve jumps to an epoch.
from ._base import EPOCH_DEPRECATION_WARNING, LRScheduler, _LRScheduler
from ._composed import ChainedScheduler, ReduceLROnPlateau, SequentialLR
from ._cyclic import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from ._simple import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)

__all__ = [
    "LambdaLR",
    "MultiplicativeLR",
    "StepLR",
    "MultiStepLR",
    "ConstantLR",
    "LinearLR",
    "ExponentialLR",
    "SequentialLR",
    "CosineAnnealingLR",
    "ChainedScheduler",
    "ReduceLROnPlateau",
    "CyclicLR",
    "CosineAnnealingWarmRestarts",
    "OneCycleLR",
    "PolynomialLR",
    "LRScheduler",
]

# pickles name a schedule by the module in which PyTorch has it
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
