"""Kullback-Leibler divergences: `kl_divergence(p, q)`, and `register_kl` for who adds pairs of his own.

The rule of a pair is the one registered for the nearest base classes. The pairs themselves are in `_kl_pairs.py`.
"""

import warnings
from functools import total_ordering

import rtorch

__all__ = ["kl_divergence", "register_kl"]

_KL_REGISTRY = {}
_KL_MEMOIZE = {}


def register_kl(type_p, type_q):
    """A decorator: the function gives KL(p || q) for these classes and their subclasses. As in PyTorch they may be any
    classes: libraries register what stands beside Distribution."""
    for given in (type_p, type_q):
        if not isinstance(given, type):
            which = "type_p" if given is type_p else "type_q"
            raise TypeError(f"Expected {which} to be a Distribution subclass but got {given}")

    def decorator(fun):
        _KL_REGISTRY[type_p, type_q] = fun
        _KL_MEMOIZE.clear()
        return fun

    return decorator


@total_ordering
class _Match:
    """A pair of classes, ordered by nearness: subclasses are smaller."""

    __slots__ = ("types",)

    def __init__(self, *types):
        self.types = types

    def __eq__(self, other):
        return self.types == other.types

    def __le__(self, other):
        for mine, theirs in zip(self.types, other.types, strict=True):
            if not issubclass(mine, theirs):
                return False
            if mine is not theirs:
                break
        return True


def _dispatch_kl(type_p, type_q):
    """The nearest rule; where nearest by p and nearest by q differ, that by p, with a warning."""
    found = [(p, q) for p, q in _KL_REGISTRY if issubclass(type_p, p) and issubclass(type_q, q)]
    if not found:
        return NotImplemented
    left_p, left_q = min(_Match(*pair) for pair in found).types
    right_q, right_p = min(_Match(*reversed(pair)) for pair in found).types
    left, right = _KL_REGISTRY[left_p, left_q], _KL_REGISTRY[right_p, right_q]
    if left is not right:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). "
            f"Please register_kl({left_p.__name__}, {right_q.__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return left


def kl_divergence(p, q):
    """KL(p || q), the mean under p of log p(x) - log q(x), for each place of the batch.

    >>> p, q = torch.distributions.Normal(0.0, 1.0), torch.distributions.Normal(1.0, 1.0)
    >>> torch.distributions.kl_divergence(p, q)
    tensor(0.5000)
    """
    key = type(p), type(q)
    fun = _KL_MEMOIZE.get(key)
    if fun is None:
        fun = _KL_MEMOIZE[key] = _dispatch_kl(*key)
    if fun is NotImplemented:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {key[0].__name__} and q type {key[1].__name__}"
        )
    return fun(p, q)


def _infinite_like(tensor):
    return rtorch.full_like(tensor, rtorch.inf)
