"""`torchmetrics.functional`: metrics as functions."""

from rtorch.metrics.functional import classification, regression
from rtorch.metrics.functional.classification import *
from rtorch.metrics.functional.curves import *
from rtorch.metrics.functional.regression import *
