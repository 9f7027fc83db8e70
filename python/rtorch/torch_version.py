"""`torch.torch_version.TorchVersion`: compares as text, as a tuple of numbers and as packaging's Version."""

import operator as _operator

__all__ = ["TorchVersion"]

_FORM = (
    r"(?i)\s*v?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>a|alpha|b|beta|c|rc|pre|preview)[-_.]?(?P<pre_n>\d*))?"
    r"(?:-(?P<post_n1>\d+)|(?P<post>[-_.]?(?:post|rev|r)[-_.]?(?P<post_n2>\d*)))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_n>\d*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*"
)
_PRE = {"a": 0, "b": 1}  # all others are release candidates
_LOWEST, _HIGHEST = (-1,), (9,)


def _key(text):
    """What orders versions as PEP 440 says, or None where the text is no version."""
    import re  # not at the top: every start of Python would pay for it

    m = re.fullmatch(_FORM, text)
    if m is None:
        return None
    release = [int(n) for n in m["release"].split(".")]
    while release and release[-1] == 0:
        release.pop()
    post = None if m["post_n1"] is None and m["post"] is None else int(m["post_n1"] or m["post_n2"] or 0)
    if m["pre"]:
        pre = (_PRE.get(m["pre"][0].lower(), 2), int(m["pre_n"] or 0))
    else:  # 1.0.dev1 comes before 1.0a1
        pre = _LOWEST if m["dev"] and post is None else _HIGHEST
    dev = (0, int(m["dev_n"] or 0)) if m["dev"] else _HIGHEST
    local = m["local"]
    parts = [] if local is None else re.split(r"[-_.]", local.lower())
    return (
        tuple(release),
        pre,
        -1 if post is None else post,
        dev,
        local is not None,
        tuple((1, int(p), "") if p.isdigit() else (0, 0, p) for p in parts),
    )


class TorchVersion(str):
    """A string with the order of versions: `torch.__version__ >= (2, 1)`, `torch.__version__ > "2.1"`.

    What is no version is compared as text.
    """

    __slots__ = ()

    def _compare(self, other, holds):
        if isinstance(other, str):
            text = str(other)
        elif isinstance(other, (tuple, list)):
            text = ".".join(str(part) for part in other)
        elif hasattr(other, "release") and hasattr(other, "local"):  # packaging's class
            text = str(other)
        else:
            return NotImplemented
        ours, theirs = _key(str.__str__(self)), _key(text)
        if ours is not None and theirs is not None:
            return holds(ours, theirs)
        return holds(str.__str__(self), text) if isinstance(other, str) else NotImplemented

    def __eq__(self, other):
        return self._compare(other, _operator.eq)

    def __ne__(self, other):
        return self._compare(other, _operator.ne)

    def __lt__(self, other):
        return self._compare(other, _operator.lt)

    def __le__(self, other):
        return self._compare(other, _operator.le)

    def __gt__(self, other):
        return self._compare(other, _operator.gt)

    def __ge__(self, other):
        return self._compare(other, _operator.ge)

    __hash__ = str.__hash__
