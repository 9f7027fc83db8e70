"""LinearCrossEntropyLoss in pieces: scores of a few samples at a time, which are computed again in backward."""

from __future__ import annotations

from dataclasses import dataclass

import rtorch

__all__ = ["LinearCrossEntropyOptions"]


@dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """How many samples at a time: `batch_chunk_size`, or by `chunking_method` "aspect_ratio" so many that their scores
    are as large as the whole input ("aspect_ratio:N": an Nth of them; "auto": an half).

    Scores are computed again in backward, which may be taken twice, and differentiated: `allow_retain_graph` changes
    nothing. `acc_dtype` is that of scores and losses, by default the input's; there is one way to sum, and `acc_policy`
    changes nothing either.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: rtorch.dtype | None = None

    def __post_init__(self):
        if self.acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if self.chunking_method not in (None, "auto") and not self._parts():
            raise ValueError(f"invalid chunking_method: {self.chunking_method!r}")
        n = self.batch_chunk_size
        if n is not None and not (isinstance(n, int) and n > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {n!r}")
        if self.acc_dtype is not None and not self.acc_dtype.is_floating_point:
            raise ValueError(f"acc_dtype must be None or a floating point dtype, got {self.acc_dtype!r}")

    def _parts(self):
        """The N of "aspect_ratio:N"; 0 for what is no method."""
        if self.chunking_method == "auto":
            return 2
        name, colon, parts = str(self.chunking_method).partition(":")
        if name != "aspect_ratio" or (colon and not parts.isdigit()):
            return 0
        return int(parts) if colon else 1

    def rows(self, samples, in_features, num_classes):
        """The number of samples in a piece."""
        explicit = self.chunking_method not in (None, "auto")
        if self.batch_chunk_size is not None and not explicit:
            return self.batch_chunk_size
        if self.chunking_method is None:
            return max(samples, 1)
        fit = -(-samples // -(-num_classes // in_features))
        rows = max(min((1 << max(fit - 1, 0).bit_length()) // self._parts(), samples), 1)
        if self.batch_chunk_size not in (None, rows):
            raise ValueError(
                f"batch_chunk_size={self.batch_chunk_size} and chunking_method={self.chunking_method!r}, which gives "
                f"{rows}, disagree: give one of them"
            )
        return rows


def in_pieces(options, input, linear_weight, linear_bias, target, weight, reduction, ignore_index):
    """The loss of input (N, in) and targets (N,), piece by piece."""
    from rtorch.nn import functional as F
    from rtorch.utils.checkpoint import checkpoint

    dtype = options.acc_dtype or input.dtype
    how = {"weight": None if weight is None else weight.to(dtype), "ignore_index": ignore_index}
    each = "none" if reduction == "none" else "sum"

    def loss(x, w, b, y):
        return F.cross_entropy(F.linear(x, w, b).to(dtype), y, reduction=each, **how)

    rows = options.rows(len(input), input.shape[1], len(linear_weight))
    parts = [
        checkpoint(loss, x, linear_weight, linear_bias, y, use_reentrant=False)
        for x, y in zip(input.split(rows), target.split(rows))
    ]
    if reduction == "none":
        return rtorch.cat(parts).to(input.dtype)
    total = rtorch.stack(parts).sum()
    if reduction == "mean":
        counted = target[target != ignore_index]
        total = total / (counted.numel() if weight is None else how["weight"][counted].sum())
    return total.to(input.dtype)
