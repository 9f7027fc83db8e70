"""Counts floating point operations: `with FlopCounterMode(): model(x).sum().backward()` prints a table.

A profile of the block gives every matrix product, convolution and attention, those of backward and those inside of
other operators too, with the shapes of their arguments. What convolutions made is seen by a mode. Pointwise operators
and reductions do not count, as in PyTorch; a multiplication with its addition counts two.
"""

from math import prod

from rtorch import _C
from rtorch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from rtorch.overrides import TorchFunctionMode

__all__ = ["FlopCounterMode"]

_WEIGHT = "_conv_weight"  # the gradient of a convolution by its weight: its arguments are input and gradient


def mm_flop(a, b):
    return 2 * a[0] * a[1] * b[1]


def bmm_flop(a, b):
    return 2 * a[0] * a[1] * a[2] * b[2]


def sdpa_flop(query, key, value):
    """Scores, and their products with the values; dimensions before the last two are batches."""
    rows, columns = query[-2], key[-2]
    return 2 * prod(query[:-2]) * rows * columns * (query[-1] + value[-1])


def sdpa_backward_flop(grad, query, key, value):
    """Scores again, and the gradients of scores, values, keys and queries."""
    rows, columns = query[-2], key[-2]
    return 2 * prod(query[:-2]) * rows * columns * (3 * query[-1] + 2 * value[-1])


def conv_flop_count(x, w, out, transposed=False):
    """Each element of the output (of the input, if transposed) meets the whole weight."""
    return 2 * x[0] * prod((x if transposed else out)[2:]) * prod(w)


# by the operator's name: its name as PyTorch's tables write it, and the count by its arguments' shapes
_FORMULAS = {
    "mm": ("aten.mm", mm_flop),
    "addmm": ("aten.addmm", lambda c, a, b, *_: mm_flop(a, b)),
    "bmm": ("aten.bmm", bmm_flop),
    "baddbmm": ("aten.baddbmm", lambda c, a, b, *_: bmm_flop(a, b)),
    "_attention": ("aten._scaled_dot_product_attention", lambda q, k, v, *_: sdpa_flop(q, k, v)),
    "_attention_backward": (
        "aten._scaled_dot_product_attention_backward",
        lambda g, q, k, v, *_: sdpa_backward_flop(g, q, k, v),
    ),
}


class _Convolutions(TorchFunctionMode):
    """The count of each convolution, by the shapes that its operators have, forward and backward."""

    def __init__(self, backward):
        self.forward, self.backward = {}, backward

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name in ("conv1d", "conv2d", "conv3d") or name.startswith("conv_transpose"):
            every = dict(zip(("input", "weight"), args)) | (kwargs or {})
            x, w, y = (tuple(t.shape) for t in (every["input"], every["weight"], out))
            if len(x) < len(w):  # one sample without a batch
                x, y = (1, *x), (1, *y)
            transposed = name.startswith("conv_t")
            count = conv_flop_count(x, w, y, transposed)
            self.forward.setdefault((x, w), []).append(count)
            self.backward.setdefault((y, w), []).append(count)
            self.backward.setdefault((_WEIGHT, *((y, x) if transposed else (x, y))), []).append(count)
        return out

    def count(self, name, shapes):
        """(name, count) of an operator of a convolution."""
        key = tuple(map(tuple, shapes[:2]))
        if name == _WEIGHT:
            return "aten.convolution_backward", _last(self.backward.get((_WEIGHT, *key), []))
        calls = self.forward.get(key)
        if calls:
            return "aten.convolution", calls.pop(0)
        return "aten.convolution_backward", _last(self.backward.get(key, []))


def _last(calls):
    """Backward meets the calls in the reverse order, and the same ones again where the graph is kept."""
    return calls.pop() if len(calls) > 1 else calls[0] if calls else 0


class FlopCounterMode:
    """Within the block, operations are counted: all of this thread, and those of each module's forward.

    No other profile may run meanwhile. Convolutions count in backward where this counter has seen their forward, in
    this block or an earlier one. `mods` is not needed any more, and `depth` is that of the printed table.
    """

    def __init__(self, mods=None, depth=2, display=True, custom_mapping=None):
        if custom_mapping is not None:
            raise NotImplementedError("FlopCounterMode(custom_mapping=...): only built-in operators are counted")
        self.depth, self.display = depth, display
        self.flop_counts = {}
        self._names = {}  # of modules, by id, while a root is being called
        self._open = []
        self._of_backward = {}

    def __enter__(self):
        self.flop_counts, self._open = {"Global": {}}, []
        _C._profiler_start(True)
        self._convolutions = _Convolutions(self._of_backward)
        self._convolutions.__enter__()
        self._hooks = [
            register_module_forward_pre_hook(self._module_begins),
            register_module_forward_hook(self._module_ends, always_call=True),
        ]
        return self

    def __exit__(self, *exc):
        for hook in self._hooks:
            hook.remove()
        self._convolutions.__exit__(*exc)
        self._add_up(_C._profiler_stop())
        if self.display and exc[0] is None:
            print(self.get_table(self.depth))

    def _module_begins(self, module, args):
        if not self._open:
            root = type(module).__name__
            self._names = {id(m): f"{root}.{name}" if name else root for name, m in module.named_modules()}
        name = self._names.get(id(module), type(module).__name__)
        self._open.append((module, _C._record_enter(name)))

    def _module_ends(self, module, args, output):
        while self._open:
            last, at = self._open.pop()
            if at is not None:
                _C._record_leave(at)
            if last is module:
                return

    def _add_up(self, events):
        around, counted = [], -1  # open blocks (name, depth), and the depth of an operator that was counted whole
        for name, is_op, _, _, depth, shapes in events:
            around = [b for b in around if b[1] < depth]
            if not is_op:
                around.append((name, depth))
                continue
            if depth > counted >= 0:
                continue  # a part of it
            counted = -1
            if name in _FORMULAS:
                shown, formula = _FORMULAS[name]
                count = formula(*shapes)
            elif name in ("convolution", _WEIGHT):
                shown, count = self._convolutions.count(name, shapes)
            else:
                continue
            counted = depth
            for place in dict.fromkeys(("Global", *(block for block, _ in around))):
                counts = self.flop_counts.setdefault(place, {})
                counts[shown] = counts.get(shown, 0) + count

    def get_total_flops(self):
        """The number of all operations."""
        return sum(self.flop_counts.get("Global", {}).values())

    def get_flop_counts(self):
        """For each module, "Global" for all, how many operations of which operator."""
        return {place: dict(counts) for place, counts in self.flop_counts.items()}

    def get_table(self, depth=None):
        """The counts as text, of modules down to `depth`."""
        depth = self.depth if depth is None else depth
        total = max(self.get_total_flops(), 1)
        rows = [("Module", "FLOP", "% Total")]
        for place, counts in self.flop_counts.items():
            level = place.count(".") + (place != "Global")
            if level > depth:
                continue
            indent = " " * level
            found = [(indent + place, sum(counts.values())), *((f"{indent} - {op}", n) for op, n in counts.items())]
            rows += [(text, _short(n), f"{100 * n / total:.2f}%") for text, n in found]
        wide = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [f"{a:<{wide[0]}}  {b:>{wide[1]}}  {c:>{wide[2]}}" for a, b, c in rows]
        lines.insert(1, "  ".join("-" * w for w in wide))
        return "\n".join(lines)


def _short(n):
    for unit, size in (("T", 10**12), ("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if n >= size:
            return f"{n / size:.3f}{unit}"
    return str(n)
