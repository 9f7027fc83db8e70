"""`assert_close`: numbers, tensors, arrays, and sequences and mappings of them, with a text that says what differs."""

import cmath
import contextlib
from collections.abc import Mapping, Sequence

import rtorch

__all__ = ["assert_allclose", "assert_close", "default_tolerances"]

# by dtype: rtol, atol
_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}


def default_tolerances(*inputs, dtype_precisions=None):
    """The larger of the tolerances of these tensors or dtypes."""
    known = {} if dtype_precisions is None else dtype_precisions
    pairs = []
    for x in inputs:
        dtype = x.dtype if isinstance(x, rtorch.Tensor) else x
        pairs.append(known.get(dtype) or _TOLERANCES.get(str(dtype).removeprefix("torch."), (0.0, 0.0)))
    return max(p[0] for p in pairs), max(p[1] for p in pairs)


class _Different(Exception):
    """What differs, and where in the inputs (nothing where the call brought its own words)."""

    def __init__(self, kind, text, path=()):
        super().__init__(text)
        self.kind, self.text, self.path = kind, text, path


class _Options:
    def __init__(self, rtol, atol, equal_nan, subclasses, device, dtype, layout, stride, msg):
        if (rtol is None) != (atol is None):
            raise ValueError(
                "Both 'rtol' and 'atol' must be either specified or omitted, but got no "
                f"{'rtol' if rtol is None else 'atol'}."
            )
        self.rtol, self.atol, self.equal_nan, self.subclasses = rtol, atol, equal_nan, subclasses
        self.device, self.dtype, self.layout, self.stride, self.msg = device, dtype, layout, stride, msg

    def tolerances(self, *of):
        return (self.rtol, self.atol) if self.rtol is not None else default_tolerances(*of)


def _number(x):
    """A Python or NumPy number (not a bool)."""
    if isinstance(x, bool):
        return False
    if isinstance(x, (int, float, complex)):
        return True
    return type(x).__module__ == "numpy" and hasattr(x, "item") and not hasattr(x, "__len__") and x.dtype.kind in "iufc"


def _boolean(x):
    return isinstance(x, bool) or (type(x).__module__ == "numpy" and type(x).__name__ in ("bool_", "bool"))


def _compare(actual, expected, o, path):
    if actual is None or expected is None:
        if actual is not expected:
            raise _Different(AssertionError, f"None mismatch: {actual} is not {expected}", path)
        return
    if (
        isinstance(actual, Sequence)
        and not isinstance(actual, str)
        and isinstance(expected, Sequence)
        and not isinstance(expected, str)
    ):
        if len(actual) != len(expected):
            text = f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            raise _Different(AssertionError, text, path)
        for i, (a, e) in enumerate(zip(actual, expected)):
            _compare(a, e, o, (*path, i))
        return
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        _compare_mappings(actual, expected, o, path)
        return
    if _boolean(actual) and _boolean(expected):
        if bool(actual) is not bool(expected):
            raise _Different(AssertionError, f"Booleans mismatch: {actual} is not {expected}", path)
        return
    if _number(actual) and _number(expected):
        _compare_numbers(actual, expected, o, path)
        return
    _compare_tensors(*_as_tensors(actual, expected, o, path), o, path)


def _compare_mappings(actual, expected, o, path):
    missing, additional = set(expected) - set(actual), set(actual) - set(expected)
    if missing or additional:
        raise _Different(
            AssertionError,
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {sorted(missing, key=str)}\n"
            f"Additional keys in the actual mapping: {sorted(additional, key=str)}",
            path,
        )
    keys = list(actual)
    with contextlib.suppress(TypeError):  # keys without an order come as they are
        keys.sort()
    for k in keys:
        _compare(actual[k], expected[k], o, (*path, k))


def _said(o, text, path):
    """A comparison that failed, in the words of the call if it gave some."""
    if callable(o.msg):
        text = o.msg(text)
    elif o.msg:
        text, path = o.msg, ()
    return _Different(AssertionError, text, path)


def _allowed(atol, rtol):
    return (f" (up to {atol} allowed)", f" (up to {rtol} allowed)") if atol or rtol else ("", "")


def _compare_numbers(actual, expected, o, path):
    plain = [x.item() if hasattr(x, "item") else x for x in (actual, expected)]
    kinds = [type(x) for x in plain]
    if o.dtype and kinds[0] is not kinds[1]:
        raise _said(o, f"The (d)types do not match: {kinds[0]} != {kinds[1]}.", path)
    dtype = {int: rtorch.int64, float: rtorch.float64, complex: rtorch.complex128}
    rtol, atol = o.tolerances(*(dtype[k] for k in kinds))
    a, e = plain
    if a == e:
        return
    if o.equal_nan and cmath.isnan(a) and cmath.isnan(e):
        return
    difference = abs(a - e)
    allowed = atol + rtol * abs(e)
    if cmath.isfinite(difference) and difference <= allowed:
        return
    what = "equal" if not (rtol or atol) else "close"
    lines = [f"Scalars are not {what}!", "", f"Expected {expected} but got {actual}."]
    far, part = _allowed(atol, rtol)
    lines.append(f"Absolute difference: {difference}{far}")
    relative = float("inf") if e == 0 else difference / abs(e)
    lines.append(f"Relative difference: {relative}{part}")
    raise _said(o, "\n".join(lines), path)


def _as_tensors(actual, expected, o, path):
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    if not o.subclasses and type(actual) is not type(expected):
        related = False
    if not related:
        raise _Different(
            TypeError,
            f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.",
            path,
        )
    out = []
    for x in (actual, expected):
        if isinstance(x, rtorch.Tensor):
            out.append(x)
            continue
        try:
            out.append(rtorch.as_tensor(x))
        except Exception:
            raise _Different(
                TypeError,
                f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.",
                path,
            ) from None
    return out


def _compare_tensors(actual, expected, o, path):
    def attribute(name, a, e):
        return _said(o, f"The values for attribute '{name}' do not match: {a} != {e}.", path)

    if actual.shape != expected.shape:
        raise attribute("shape", actual.shape, expected.shape)
    if o.layout and actual.layout != expected.layout:
        raise attribute("layout", actual.layout, expected.layout)
    if o.stride and actual.layout == rtorch.strided and actual.stride() != expected.stride():
        raise attribute("stride()", actual.stride(), expected.stride())
    if o.device and actual.device != expected.device:
        raise attribute("device", actual.device, expected.device)
    if o.dtype and actual.dtype != expected.dtype:
        raise attribute("dtype", actual.dtype, expected.dtype)
    rtol, atol = o.tolerances(actual, expected)
    actual, expected = actual.detach(), expected.detach()
    if actual.device != expected.device:
        actual, expected = actual.cpu(), expected.cpu()
    if actual.dtype != expected.dtype:
        both = rtorch.promote_types(actual.dtype, expected.dtype)
        actual, expected = actual.to(both), expected.to(both)
    if actual.dtype == rtorch.bool:
        fit = actual == expected
    elif actual.is_complex():
        finite = (actual - expected).abs()
        fit = (actual == expected) | (finite.isfinite() & (finite <= atol + rtol * expected.abs()))
        if o.equal_nan:
            fit = fit | (actual.isnan() & expected.isnan())
    else:
        fit = rtorch.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=o.equal_nan)
    if bool(fit.all()):
        return
    if actual.numel() == 1 and actual.dim() == 0:
        raise _said(o, _scalar_text(actual, expected, rtol, atol), path)
    raise _said(o, _tensor_text(actual, expected, fit, rtol, atol), path)


def _scalar_text(actual, expected, rtol, atol):
    a, e = actual.item(), expected.item()
    what = "equal" if not (rtol or atol) else "close"
    far, part = _allowed(atol, rtol)
    difference = abs(a - e)
    relative = float("inf") if e == 0 else difference / abs(e)
    return "\n".join([
        f"Scalars are not {what}!",
        "",
        f"Expected {e} but got {a}.",
        f"Absolute difference: {difference}{far}",
        f"Relative difference: {relative}{part}",
    ])  # fmt: skip


def _tensor_text(actual, expected, fit, rtol, atol):
    n, wrong = fit.numel(), int((~fit).sum())
    what = "equal" if not (rtol or atol) else "close"
    lines = [f"Tensor-likes are not {what}!", "", f"Mismatched elements: {wrong} / {n} ({wrong / n:.1%})"]
    if actual.dtype == rtorch.bool or not (actual.is_floating_point() or actual.is_complex()):
        actual, expected = actual.to(rtorch.int64), expected.to(rtorch.int64)
    difference = (actual - expected).abs()
    difference[fit] = 0  # what fits may be infinite or NaN on both sides
    relative = difference / expected.abs()
    relative[fit] = 0
    far, part = _allowed(atol, rtol)
    for name, values, allowed in (("absolute", difference, far), ("relative", relative, part)):
        flat = values.flatten()
        at = int(flat.argmax())
        place = rtorch.unravel_index(rtorch.tensor(at), values.shape)
        place = tuple(int(i) for i in place)
        lines.append(f"Greatest {name} difference: {flat[at].item()} at index {place}{allowed}")
    return "\n".join(lines)


def assert_close(
    actual,
    expected,
    *,
    allow_subclasses=True,
    rtol=None,
    atol=None,
    equal_nan=False,
    check_device=True,
    check_dtype=True,
    check_layout=True,
    check_stride=False,
    msg=None,
):
    """Raises AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere and shapes, dtypes and
    devices are the same. Sequences and mappings are compared item by item; `msg` replaces or remakes the text.

    >>> torch.testing.assert_close(torch.tensor([1.0]), torch.tensor([1.0 + 1e-7]))
    """
    o = _Options(rtol, atol, equal_nan, allow_subclasses, check_device, check_dtype, check_layout, check_stride, msg)
    try:
        _compare(actual, expected, o, ())
    except _Different as e:
        text = e.text
        if e.path:
            text += "\n\nThe failure occurred for item " + "".join(f"[{i!r}]" for i in e.path)
        error = e.kind(text)
    else:
        return
    raise error


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """The older form: dtypes and devices may differ, NaN equals NaN."""
    import warnings

    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. "
        "Please use "
        "`torch.testing.assert_close()` instead. You can find detailed upgrade instructions in "
        "https://github.com/pytorch/pytorch/issues/61844.",
        FutureWarning,
        stacklevel=2,
    )
    if not isinstance(actual, rtorch.Tensor):
        actual = rtorch.tensor(actual)
    if not isinstance(expected, rtorch.Tensor):
        expected = rtorch.tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        rtol, atol = default_tolerances(
            actual,
            expected,
            dtype_precisions={rtorch.float16: (1e-3, 1e-3), rtorch.float32: (1e-4, 1e-5), rtorch.float64: (1e-5, 1e-8)},
        )
    assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=True,
        check_dtype=False,
        check_stride=False,
        msg=msg or None,
    )
