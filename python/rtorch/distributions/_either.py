"""Families that take probabilities or logits: whichever was not given follows from the other when it is asked for."""

import rtorch

from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits


def one_of(probs, logits):
    """Refuses both and neither."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")


class Binary:
    """`probs` and `logits` of one event each."""

    def _take(self, probs, logits):
        """Keeps the one that was given; the batch shape."""
        one_of(probs, logits)
        given = logits if probs is None else probs
        (self._param,) = broadcast_all(given)
        if probs is None:
            self.logits = self._param
        else:
            self.probs = self._param
        return self._param.size()

    def _take_with(self, other, probs, logits):
        """Keeps the one that was given, broadcast with `other`, which is returned in its dtype."""
        one_of(probs, logits)
        other, self._param = broadcast_all(other, logits if probs is None else probs)
        if probs is None:
            self.logits = self._param
        else:
            self.probs = self._param
        return other.type_as(self._param)

    def _expand_into(self, new, batch_shape):
        super()._expand_into(new, batch_shape)
        new._param = new.__dict__["probs" if "probs" in new.__dict__ else "logits"]

    @lazy_property
    def logits(self):
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self):
        return self._param.size()

    def _new(self, *args, **kwargs):
        return self._param.new(*args, **kwargs)


class Categories:
    """`probs` and `logits` of the events along the last dimension; both are normalised."""

    def _take(self, probs, logits):
        """Keeps the one that was given, normalised; the batch shape."""
        one_of(probs, logits)
        name, given = ("logits", logits) if probs is None else ("probs", probs)
        if given.dim() < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if probs is None:
            self.logits = logits - logits.logsumexp(-1, keepdim=True)
        else:
            self.probs = probs / probs.sum(-1, keepdim=True)
        self._param = given
        self._num_events = given.size(-1)
        return given.size()[:-1]

    def _expand_into(self, new, batch_shape):
        super()._expand_into(new, batch_shape)
        new._param = new.__dict__["probs" if "probs" in new.__dict__ else "logits"]
        new._num_events = self._num_events

    @lazy_property
    def logits(self):
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self):
        return logits_to_probs(self.logits)

    @property
    def param_shape(self):
        return self._param.size()

    def _new(self, *args, **kwargs):
        return self._param.new(*args, **kwargs)


class Relays:
    """The same for families that keep theirs in an inner distribution, named by `_inner`."""

    _inner = "_categorical"

    @property
    def probs(self):
        return getattr(self, self._inner).probs

    @property
    def logits(self):
        return getattr(self, self._inner).logits

    @property
    def param_shape(self):
        return getattr(self, self._inner).param_shape

    @property
    def _param(self):
        return getattr(self, self._inner)._param

    def _new(self, *args, **kwargs):
        return getattr(self, self._inner)._new(*args, **kwargs)


def nan_of(shape, like):
    return rtorch.full(shape, float("nan"), dtype=like.dtype, device=like.device)
