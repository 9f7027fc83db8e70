"""Metrics of labels and scores, gathered over batches. `Accuracy(task="multiclass", num_classes=3)` gives a
MulticlassAccuracy; both names can be used."""

from __future__ import annotations

import inspect

import rtorch as torch
from rtorch.metrics.functional import _format as f
from rtorch.metrics.functional import classification as C
from rtorch.metrics.functional import curves as K
from rtorch.metrics.functional._asked import Asked, check_beta
from rtorch.metrics.metric import Metric

__all__ = []

# what a class takes for an argument that is not given; the others must be
_DEFAULTS = {
    "threshold": 0.5,
    "average": "macro",
    "multidim_average": "global",
    "top_k": 1,
    "ignore_index": None,
    "validate_args": True,
    "zero_division": 0,
    "normalize": None,
    "weights": None,
    "thresholds": None,
    "max_fpr": None,
}


# ---------------------------------------------------------------- what is gathered


class _OfLabels(Asked, Metric):
    """The arguments are attributes of the metric, where the functions of `rtorch.metrics.functional` read them."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    # for each task the arguments of its class, in torchmetrics' order
    arguments: dict[str, str] = {}

    def _take(self, given):
        """Keeps the arguments and adds the states."""
        for name, value in given.items():
            setattr(self, name, value)


class _Counts(_OfLabels):
    """A metric of tp, fp, tn and fn: `formula` makes a number of them."""

    formula = None
    arguments = {
        "binary": "threshold multidim_average ignore_index validate_args zero_division",
        "multiclass": "num_classes top_k average multidim_average ignore_index validate_args zero_division",
        "multilabel": "num_labels threshold average multidim_average ignore_index validate_args zero_division",
    }

    def _take(self, given):
        super()._take(given)
        self.check()
        one = self.task == "binary" or (self.task == "multiclass" and self.average == "micro")
        for name in ("tp", "fp", "tn", "fn"):
            default = [] if self.samplewise else torch.zeros([] if one else [self.size], dtype=torch.int64)
            self.add_state(name, default, dist_reduce_fx="cat" if self.samplewise else "sum")

    def update(self, preds, target):
        for name, value in zip(("tp", "fp", "tn", "fn"), C.counts(preds, target, self)):
            state = getattr(self, name)
            setattr(self, name, [*state, value] if isinstance(state, list) else state + value)

    def compute(self):
        found = [torch.cat(x) if isinstance(x, list) else x for x in (self.tp, self.fp, self.tn, self.fn)]
        return self._of(found)

    def _of(self, found):
        return C.reduced(type(self).formula, found, self)


class _FBeta(_Counts):
    arguments = {task: "beta " + names for task, names in _Counts.arguments.items()}

    def _take(self, given):
        check_beta(given["beta"])
        super()._take(given)


class _StatScores(_Counts):
    def _of(self, found):
        return C.stacked(found, self)


class _Confusion(_OfLabels):
    """A metric of the confusion matrix."""

    def _take(self, given):
        super()._take(given)
        n = self.size
        shape = {"binary": (2, 2), "multiclass": (n, n), "multilabel": (n, 2, 2)}[self.task]
        self.add_state("confmat", torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, preds, target):
        self.confmat = self.confmat + C.confusion(preds, target, self)


class _ConfusionMatrix(_Confusion):
    higher_is_better = None
    arguments = {
        "binary": "threshold ignore_index normalize validate_args",
        "multiclass": "num_classes ignore_index normalize validate_args",
        "multilabel": "num_labels threshold ignore_index normalize validate_args",
    }

    def compute(self):
        return C.normalized(self.confmat, self.normalize)


class _Kappa(_Confusion):
    arguments = {
        "binary": "threshold ignore_index weights validate_args",
        "multiclass": "num_classes ignore_index weights validate_args",
    }

    def compute(self):
        return C.kappa_of(self.confmat, self.weights)


class _Matthews(_Confusion):
    arguments = {
        "binary": "threshold ignore_index validate_args",
        "multiclass": "num_classes ignore_index validate_args",
        "multilabel": "num_labels threshold ignore_index validate_args",
    }

    def compute(self):
        return C.matthews_of(self.confmat)


class _Jaccard(_Confusion):
    arguments = {
        "binary": "threshold ignore_index validate_args zero_division",
        "multiclass": "num_classes average ignore_index validate_args zero_division",
        "multilabel": "num_labels threshold average ignore_index validate_args zero_division",
    }

    def compute(self):
        return C.jaccard_of(self.confmat, self)


class _Scores(_OfLabels):
    """A metric of all scores: they are kept."""

    arguments = {
        "binary": "thresholds ignore_index validate_args",
        "multiclass": "num_classes thresholds ignore_index validate_args",
        "multilabel": "num_labels thresholds ignore_index validate_args",
    }

    def _take(self, given):
        super()._take(given)
        self.add_state("preds", [], dist_reduce_fx="cat")
        self.add_state("target", [], dist_reduce_fx="cat")

    def update(self, preds, target):
        p, t = K.formatted(preds, target, self)
        self.preds.append(p)
        self.target.append(t)

    def compute(self):
        return self._of(torch.cat(self.preds), torch.cat(self.target))


class _ROC(_Scores):
    higher_is_better = None

    def _of(self, preds, target):
        return K.curves_of(K.roc_one, preds, target, self.task, self.thresholds)


class _PRCurve(_Scores):
    higher_is_better = None

    def _of(self, preds, target):
        return K.curves_of(K.pr_one, preds, target, self.task, self.thresholds)


class _Area(_Scores):
    """A number for each class, and their average."""

    arguments = {
        "binary": "thresholds ignore_index validate_args",
        "multiclass": "num_classes average thresholds ignore_index validate_args",
        "multilabel": "num_labels average thresholds ignore_index validate_args",
    }


class _AveragePrecision(_Area):
    def _of(self, preds, target):
        return K.average_precision_of(preds, target, self.task, self.thresholds, self.average)


class _AUROC(_Area):
    max_fpr = None
    arguments = {**_Area.arguments, "binary": "max_fpr thresholds ignore_index validate_args"}

    def _of(self, preds, target):
        return K.auroc_of(preds, target, self.task, self.thresholds, self.average, self.max_fpr)


class _ExactMatch(_OfLabels):
    """The part of the samples that is right in everything."""

    arguments = {
        "multiclass": "num_classes multidim_average ignore_index validate_args",
        "multilabel": "num_labels threshold multidim_average ignore_index validate_args",
    }

    def _take(self, given):
        super()._take(given)
        apart = self.samplewise
        self.add_state("correct", [] if apart else torch.tensor(0), dist_reduce_fx="cat" if apart else "sum")
        self.add_state("total", torch.tensor(0), dist_reduce_fx="mean" if apart else "sum")

    def update(self, preds, target):
        right, n = C.exact(preds, target, self)
        if isinstance(self.correct, list):
            self.correct.append(right)
            self.total = n
        else:
            self.correct, self.total = self.correct + right, self.total + n

    def compute(self):
        right = torch.cat(self.correct) if isinstance(self.correct, list) else self.correct
        return f.divided(right, self.total.expand(right.shape))


# ---------------------------------------------------------------- the classes


def _init(name, names):
    """An __init__ that takes the arguments `names`, and those of Metric by keyword."""
    kinds = inspect.Parameter
    takes = [kinds(n, kinds.POSITIONAL_OR_KEYWORD, default=_DEFAULTS.get(n, kinds.empty)) for n in names]
    takes.append(kinds("kwargs", kinds.VAR_KEYWORD))
    signature = inspect.Signature(takes)

    def __init__(self, *args, **kwargs):
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError as e:
            raise TypeError(f"{name}() {e}") from None
        given.apply_defaults()
        Metric.__init__(self, **given.arguments.pop("kwargs"))
        self._take(given.arguments)

    __init__.__signature__ = inspect.Signature([kinds("self", kinds.POSITIONAL_OR_KEYWORD), *takes])
    return __init__


class _Choice(type):
    """`Accuracy(task=...)`: one of the classes for the tasks."""

    def __call__(cls, *args, **kwargs):
        if len(args) > 1 or (not args and "task" not in kwargs):
            raise TypeError(f"{cls.__name__}.__new__() missing 1 required positional argument: 'task'")
        task = args[0] if args else kwargs.pop("task")
        task = f.task_of(task, tuple(cls._arguments))
        own = cls._arguments[task]
        # arguments of the other tasks' classes are given to all of them, and do not count
        others = {"num_classes", "num_labels"}.union(*cls._arguments.values()).difference(own)
        kwargs = {k: v for k, v in kwargs.items() if k not in others}
        for name in ("num_classes", "num_labels"):
            if name in own:
                f.need(name, kwargs.get(name), task)
        for name, value in cls._defaults.items():
            if name in own:
                kwargs.setdefault(name, value)
        return cls._classes[task](**kwargs)

    def __instancecheck__(cls, x):
        return isinstance(x, tuple(cls._classes.values()))


def _family(name, base, metric=None, better=None, **defaults):
    """The class of each task, and the one that chooses among them and has `defaults` of its own."""
    classes, arguments = {}, {}
    for task, names in base.arguments.items():
        arguments[task] = names.split()
        own = task.capitalize() + name
        body = {"task": task, "__init__": _init(own, arguments[task]), "__module__": __name__}
        if metric is not None:
            body |= {"formula": staticmethod(metric.formula), "__doc__": metric.__doc__}
        if better is not None:
            body["higher_is_better"] = better
        classes[task] = globals()[own] = type(own, (base,), body)
        __all__.append(own)
    body = {"_classes": classes, "_arguments": arguments, "_defaults": defaults, "__module__": __name__}
    globals()[name] = _Choice(name, (), body)
    __all__.append(name)


_family("Accuracy", _Counts, C.accuracy, average="micro")
_family("Precision", _Counts, C.precision, average="micro")
_family("Recall", _Counts, C.recall, average="micro")
_family("F1Score", _Counts, C.f1_score, average="micro")
_family("FBetaScore", _FBeta, C.f1_score, average="micro", beta=1.0)
_family("Specificity", _Counts, C.specificity, average="micro")
_family("HammingDistance", _Counts, C.hamming_distance, better=False, average="micro")
_family("StatScores", _StatScores, average="micro")
_family("ConfusionMatrix", _ConfusionMatrix)
_family("CohenKappa", _Kappa)
_family("MatthewsCorrCoef", _Matthews)
_family("JaccardIndex", _Jaccard)
_family("AUROC", _AUROC)
_family("AveragePrecision", _AveragePrecision)
_family("ROC", _ROC)
_family("PrecisionRecallCurve", _PRCurve)
_family("ExactMatch", _ExactMatch)
