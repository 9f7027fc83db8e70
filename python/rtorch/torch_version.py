"""`torch.__version__`: the PyTorch release whose API this is, with rtorch's own version behind the plus sign. It
compares with texts and tuples by numbers, so that `torch.__version__ >= "2.9"` is true for 2.13."""

import operator

__all__ = ["TorchVersion"]


def _key(version):
    """The numbers of a release without trailing zeros, whether it is one (candidates come before), its local part."""
    import re  # not at the top: `import rtorch` comes by here

    if isinstance(version, (tuple, list)):
        version = ".".join(map(str, version))
    public, _, local = str(version).partition("+")
    found = re.fullmatch(r"v?(\d+(?:\.\d+)*)(.*)", public.strip())
    if found is None:
        return None
    numbers = [int(n) for n in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers, not re.match(r"\.?-?_?(a|b|c|rc|dev|pre)", found[2]), local


class TorchVersion(str):
    """A version that is a text; beside what is no version it compares as texts do."""

    def _compare(self, other, by):
        if not isinstance(other, (str, tuple, list)) and type(other).__name__ != "Version":
            return NotImplemented
        mine, theirs = _key(self), _key(other)
        if mine is None or theirs is None:
            return by(str(self), str(other))
        return by(mine, theirs)

    def __lt__(self, other):
        return self._compare(other, operator.lt)

    def __le__(self, other):
        return self._compare(other, operator.le)

    def __gt__(self, other):
        return self._compare(other, operator.gt)

    def __ge__(self, other):
        return self._compare(other, operator.ge)

    def __eq__(self, other):
        return self._compare(other, operator.eq)

    def __ne__(self, other):
        return self._compare(other, operator.ne)

    __hash__ = str.__hash__
