"""What is asked of predictions: the arguments that the metrics of labels have in common, and their checks."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtorch.metrics.functional import _format as f


@dataclass(eq=False, repr=False)
class Asked:
    """The kind of problem, how scores become labels, and how the classes' numbers become one; torchmetrics' order of
    arguments. A metric that gathers batches has them as its attributes, and is an
    Asked itself."""

    task: str
    threshold: float = 0.5
    num_classes: int | None = None
    num_labels: int | None = None
    average: str | None = "micro"
    multidim_average: str = "global"
    top_k: int = 1
    ignore_index: int | None = None
    validate_args: bool = True
    zero_division: float = 0
    beta: float = field(default=1.0, init=False)  # only fbeta_score has it, before all others

    def __post_init__(self):
        self.task = f.task_of(self.task)

    @property
    def samplewise(self):
        """Is there a number for each sample?"""
        return self.multidim_average == "samplewise"

    @property
    def size(self):
        """The number of classes or labels; None for binary."""
        if self.task == "multiclass":
            return f.need("num_classes", self.num_classes, self.task)
        if self.task == "multilabel":
            return f.need("num_labels", self.num_labels, self.task)
        return None

    def check(self):
        """Refuses values that no metric of counts takes."""
        if not self.validate_args:
            return
        f.check_threshold(self.threshold)
        f.check_average(self.average)
        if self.multidim_average not in ("global", "samplewise"):
            raise ValueError(
                f"Expected argument `multidim_average` to be one of ('global', 'samplewise'), but got "
                f"{self.multidim_average}"
            )


def check_beta(beta):
    if not (isinstance(beta, float) and beta > 0):
        raise ValueError(f"Expected argument `beta` to be a float larger than 0, but got {beta}.")
