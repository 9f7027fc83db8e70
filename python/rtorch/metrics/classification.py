"""Metrics of labels and scores, gathered over batches. `Accuracy(task="multiclass", num_classes=3)` gives a
MulticlassAccuracy; both names can be used."""

from __future__ import annotations

import rtorch as torch
from rtorch.metrics.functional import _format as f
from rtorch.metrics.functional import classification as C
from rtorch.metrics.functional import curves as K
from rtorch.metrics.metric import Metric

_TASKS = {"binary": "Binary", "multiclass": "Multiclass", "multilabel": "Multilabel"}
__all__ = []


class _Counts(Metric):
    """A metric of tp, fp, tn and fn."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    _kind = ""
    _task = ""

    def __init__(
        self,
        threshold=0.5,
        size=None,
        average="macro",
        multidim_average="global",
        top_k=1,
        ignore_index=None,
        validate_args=True,
        beta=1.0,
        zero_division=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.threshold, self.average, self.multidim_average = threshold, average, multidim_average
        self.top_k, self.ignore_index, self.validate_args = top_k, ignore_index, validate_args
        self.beta, self.zero_division = beta, zero_division
        self._size = size
        if validate_args:
            f.check_threshold(threshold)
            f.check_average(average)
        apart = multidim_average == "samplewise"
        classes = [] if self._task == "binary" or (self._task == "multiclass" and average == "micro") else [size]
        for name in ("tp", "fp", "tn", "fn"):
            default = [] if apart else torch.zeros(classes, dtype=torch.int64)
            self.add_state(name, default, dist_reduce_fx="cat" if apart else "sum")

    def update(self, preds, target):
        sizes = {"multiclass": {"num_classes": self._size}, "multilabel": {"num_labels": self._size}}.get(
            self._task, {}
        )
        found = C.counts(
            preds,
            target,
            self._task,
            self.threshold,
            average=self.average,
            multidim_average=self.multidim_average,
            top_k=self.top_k,
            ignore_index=self.ignore_index,
            validate_args=self.validate_args,
            **sizes,
        )
        for name, value in zip(("tp", "fp", "tn", "fn"), found):
            state = getattr(self, name)
            setattr(self, name, [*state, value] if isinstance(state, list) else state + value)

    def compute(self):
        found = [getattr(self, n) for n in ("tp", "fp", "tn", "fn")]
        found = [torch.cat(x) if isinstance(x, list) else x for x in found]
        if self._kind == "stats":
            return C.stacked(*found, self._task, self.average)
        apart = self.multidim_average == "samplewise"
        how = (self._task, self.average, apart, self.top_k, self.beta, self.zero_division)
        return C.reduced(self._kind, *found, *how)


class _Confusion(Metric):
    """A metric of the confusion matrix."""

    is_differentiable = False
    higher_is_better = None
    full_state_update = False
    _task = ""

    def __init__(self, threshold=0.5, size=None, ignore_index=None, validate_args=True, **kwargs):
        own = {k: kwargs.pop(k) for k in ("normalize", "weights", "average", "zero_division") if k in kwargs}
        super().__init__(**kwargs)
        self.threshold, self.ignore_index, self.validate_args = threshold, ignore_index, validate_args
        self._size = size
        self._own = own
        shape = {"binary": (2, 2), "multiclass": (size, size), "multilabel": (size, 2, 2)}[self._task]
        self.add_state("confmat", torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, preds, target):
        classes = self._size if self._task == "multiclass" else None
        labels = self._size if self._task == "multilabel" else None
        self.confmat = self.confmat + C.confusion(
            preds, target, self._task, self.threshold, classes, labels, self.ignore_index, self.validate_args
        )

    def compute(self):
        return self._of(self.confmat)


class _ConfusionMatrix(_Confusion):
    def _of(self, matrix):
        return C.normalized(matrix, self._own.get("normalize"))


class _Kappa(_Confusion):
    higher_is_better = True

    def _of(self, matrix):
        return C.kappa_of(matrix, self._own.get("weights"))


class _Matthews(_Confusion):
    higher_is_better = True

    def _of(self, matrix):
        return C.matthews_of(matrix)


class _Jaccard(_Confusion):
    higher_is_better = True

    def _of(self, matrix):
        average = "binary" if self._task == "binary" else self._own.get("average", "macro")
        return C.jaccard_of(matrix, average, self.ignore_index, self._own.get("zero_division", 0.0))


class _Scores(Metric):
    """A metric of all scores: they are kept."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    _task = ""
    _does = None

    def __init__(self, thresholds=None, size=None, ignore_index=None, validate_args=True, **kwargs):
        self_own = {k: kwargs.pop(k) for k in ("average", "max_fpr") if k in kwargs}
        super().__init__(**kwargs)
        self.thresholds, self.ignore_index, self.validate_args = thresholds, ignore_index, validate_args
        self._size, self._own = size, self_own
        self.add_state("preds", [], dist_reduce_fx="cat")
        self.add_state("target", [], dist_reduce_fx="cat")

    def update(self, preds, target):
        p, t = K.formatted(preds, target, self._task, self._size, self._size, self.ignore_index, self.validate_args)
        self.preds.append(p)
        self.target.append(t)

    def compute(self):
        p, t = torch.cat(self.preds), torch.cat(self.target)
        return type(self)._does(p, t, self._task, self.thresholds, **self._own)


class _AUROC(_Scores):
    _does = staticmethod(K.auroc_of)


class _AveragePrecision(_Scores):
    _does = staticmethod(K.average_precision_of)


class _ROC(_Scores):
    higher_is_better = None
    _does = staticmethod(lambda p, t, task, thresholds, **own: K._curves(K.roc_one, p, t, task, thresholds))


class _PRCurve(_Scores):
    higher_is_better = None
    _does = staticmethod(lambda p, t, task, thresholds, **own: K._curves(K.pr_one, p, t, task, thresholds))


class _ExactMatch(Metric):
    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    _task = ""

    def __init__(
        self, size=None, threshold=0.5, multidim_average="global", ignore_index=None, validate_args=True, **kwargs
    ):
        kwargs.pop("average", None)
        super().__init__(**kwargs)
        self._size, self.threshold, self.multidim_average = size, threshold, multidim_average
        self.ignore_index, self.validate_args = ignore_index, validate_args
        apart = multidim_average == "samplewise"
        self.add_state("correct", [] if apart else torch.tensor(0), dist_reduce_fx="cat" if apart else "sum")
        self.add_state("total", torch.tensor(0), dist_reduce_fx="mean" if apart else "sum")

    def update(self, preds, target):
        right, n = C.exact(
            preds,
            target,
            self._task,
            self._size,
            self._size,
            self.threshold,
            self.multidim_average,
            self.ignore_index,
            self.validate_args,
        )
        if isinstance(self.correct, list):
            self.correct.append(right)
            self.total = n
        else:
            self.correct, self.total = self.correct + right, self.total + n

    def compute(self):
        right = torch.cat(self.correct) if isinstance(self.correct, list) else self.correct
        return f.divided(right, self.total.expand(right.shape))


def _init(base, task, kind):
    """An __init__ in the order of arguments that torchmetrics has for this task."""
    counts, curve = issubclass(base, _Counts), issubclass(base, _Scores)

    def binary(self, threshold=0.5, multidim_average="global", ignore_index=None, validate_args=True, **kwargs):
        more = {"multidim_average": multidim_average, "average": "micro"} if counts else {}
        base.__init__(self, threshold, ignore_index=ignore_index, validate_args=validate_args, **more, **kwargs)

    def multiclass(self, num_classes, top_k=1, average="macro", *args, **kwargs):
        if counts:
            base.__init__(self, 0.5, num_classes, average, *args, top_k=top_k, **kwargs)
        else:
            base.__init__(self, size=num_classes, **({"average": average} if base is _Jaccard else {}), **kwargs)
        self.num_classes = num_classes

    def multilabel(self, num_labels, threshold=0.5, average="macro", *args, **kwargs):
        if counts:
            base.__init__(self, threshold, num_labels, average, *args, **kwargs)
        else:
            more = {"average": average} if base is _Jaccard else {}
            base.__init__(self, threshold=threshold, size=num_labels, **more, **kwargs)
        self.num_labels = num_labels

    def scores(self, size=None, thresholds=None, **kwargs):
        base.__init__(self, thresholds, size, **kwargs)

    def binary_scores(self, thresholds=None, ignore_index=None, validate_args=True, **kwargs):
        base.__init__(self, thresholds, None, ignore_index, validate_args, **kwargs)

    def classes_scores(self, num_classes, thresholds=None, **kwargs):
        scores(self, num_classes, thresholds, **kwargs)
        self.num_classes = num_classes

    def labels_scores(self, num_labels, thresholds=None, **kwargs):
        scores(self, num_labels, thresholds, **kwargs)
        self.num_labels = num_labels

    if curve:
        return {"binary": binary_scores, "multiclass": classes_scores, "multilabel": labels_scores}[task]
    if kind == "fbeta_":
        inner = {"binary": binary, "multiclass": multiclass, "multilabel": multilabel}[task]

        def with_beta(self, beta, *args, **kwargs):
            if not (isinstance(beta, float) and beta > 0):
                raise ValueError(f"Expected argument `beta` to be a float larger than 0, but got {beta}.")
            inner(self, *args, beta=beta, **kwargs)

        return with_beta
    return {"binary": binary, "multiclass": multiclass, "multilabel": multilabel}[task]


class _Choice(type):
    """`Accuracy(task=...)`: one of the classes for the tasks."""

    def __call__(cls, *args, **kwargs):
        if len(args) > 1 or (not args and "task" not in kwargs):
            raise TypeError(f"{cls.__name__}.__new__() missing 1 required positional argument: 'task'")
        task = args[0] if args else kwargs.pop("task")
        task = f.task_of(task, tuple(cls._classes))
        kwargs = {k: v for k, v in kwargs.items() if k not in cls._ignored[task]}
        for name in ("num_classes",) if task == "multiclass" else ("num_labels",) if task == "multilabel" else ():
            f.need(name, kwargs.get(name), task)
        if cls._average is not None and task != "binary":
            kwargs.setdefault("average", cls._average)
        return cls._classes[task](**kwargs)

    def __instancecheck__(cls, x):
        return isinstance(x, tuple(cls._classes.values()))


def _family(name, base, kind="", tasks=("binary", "multiclass", "multilabel"), average=None, better=True):
    classes = {}
    for task in tasks:
        body = {"_kind": kind.rstrip("_"), "_task": task, "__init__": _init(base, task, kind), "__module__": __name__}
        if not better:
            body["higher_is_better"] = False
        made = type(_TASKS[task] + name, (base,), body)
        classes[task] = globals()[made.__name__] = made
        __all__.append(made.__name__)
    binary = {"num_classes", "num_labels", "average", "top_k"}
    if issubclass(base, _Confusion):
        others = {"multiclass": {"threshold", "num_labels", "top_k"}, "multilabel": {"num_classes", "top_k"}}
    else:
        others = {"multiclass": {"threshold", "num_labels"}, "multilabel": {"num_classes", "top_k"}}
    chooser = _Choice(
        name,
        (),
        {"_classes": classes, "_ignored": {"binary": binary, **others}, "_average": average, "__module__": __name__},
    )
    globals()[name] = chooser
    __all__.append(name)


_family("Accuracy", _Counts, "accuracy", average="micro")
_family("Precision", _Counts, "precision", average="micro")
_family("Recall", _Counts, "recall", average="micro")
_family("F1Score", _Counts, "fbeta", average="micro")
_family("FBetaScore", _Counts, "fbeta_", average="micro")
_family("Specificity", _Counts, "specificity", average="micro")
_family("HammingDistance", _Counts, "hamming", average="micro", better=False)
_family("StatScores", _Counts, "stats", average="micro")
_family("ConfusionMatrix", _ConfusionMatrix)
_family("CohenKappa", _Kappa, tasks=("binary", "multiclass"))
_family("MatthewsCorrCoef", _Matthews)
_family("JaccardIndex", _Jaccard, average="macro")
_family("AUROC", _AUROC, average="macro")
_family("AveragePrecision", _AveragePrecision, average="macro")
_family("ROC", _ROC)
_family("PrecisionRecallCurve", _PRCurve)


class MulticlassExactMatch(_ExactMatch):
    """The part of the samples that is right in everything."""

    _task = "multiclass"

    def __init__(self, num_classes, multidim_average="global", ignore_index=None, validate_args=True, **kwargs):
        super().__init__(num_classes, 0.5, multidim_average, ignore_index, validate_args, **kwargs)


class MultilabelExactMatch(_ExactMatch):
    """The part of the samples that is right in everything."""

    _task = "multilabel"

    def __init__(
        self, num_labels, threshold=0.5, multidim_average="global", ignore_index=None, validate_args=True, **kwargs
    ):
        super().__init__(num_labels, threshold, multidim_average, ignore_index, validate_args, **kwargs)


class ExactMatch(metaclass=_Choice):
    """The part of the samples that is right in everything."""

    _classes = {"multiclass": MulticlassExactMatch, "multilabel": MultilabelExactMatch}
    _ignored = {"multiclass": {"threshold", "num_labels"}, "multilabel": {"num_classes"}}
    _average = None


__all__ += ["ExactMatch", "MulticlassExactMatch", "MultilabelExactMatch"]
