"""`torchmetrics`, as far as rtorch has it: classification, regression and aggregation. Where the real package is
installed, `import torchmetrics` gives that one, which runs on rtorch."""

from rtorch.metrics import aggregation as aggregation
from rtorch.metrics import classification as classification
from rtorch.metrics import functional as functional
from rtorch.metrics import regression as regression
from rtorch.metrics.aggregation import *
from rtorch.metrics.classification import (
    AUROC,
    ROC,
    Accuracy,
    AveragePrecision,
    CohenKappa,
    ConfusionMatrix,
    ExactMatch,
    F1Score,
    FBetaScore,
    HammingDistance,
    JaccardIndex,
    MatthewsCorrCoef,
    Precision,
    PrecisionRecallCurve,
    Recall,
    Specificity,
    StatScores,
)
from rtorch.metrics.metric import Metric, MetricCollection
from rtorch.metrics.regression import *
from rtorch.version import rtorch as _ours

__version__ = f"1.9.0+rtorch{_ours}"  # the torchmetrics that is followed
