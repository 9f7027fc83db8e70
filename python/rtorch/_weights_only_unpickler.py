"""The restricted unpickler (weights_only=True): a small pickle machine that builds tensors and plain Python values, and
can call nothing but the functions of its list. It reads bytes in memory; its work and memory are bounded by their
number."""

from __future__ import annotations

import pickle
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from rtorch.storage import LEGACY

UnpicklingError = pickle.UnpicklingError

# argument of each opcode: a number of bytes, "line", "lines" (two), or the format of a length in front of bytes
ARGUMENTS: dict[int, Any] = {
    **dict.fromkeys(b"(.012NQR]aelbd}tuso)\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98", 0),
    **dict.fromkeys(b"FILSVPgp", "line"),
    **dict.fromkeys(b"ci", "lines"),
    **dict.fromkeys(b"Kqh\x80\x82", 1),
    **dict.fromkeys(b"M\x83", 2),
    **dict.fromkeys(b"Jrj\x84", 4),
    **dict.fromkeys(b"G\x95", 8),
    **dict.fromkeys(b"UC\x8a\x8c", "<B"),
    **dict.fromkeys(b"XB", "<I"),
    **dict.fromkeys(b"T\x8b", "<i"),
    **dict.fromkeys(b"\x8d\x8e\x96", "<Q"),
}
BLOCKED_MODULES = ("sys", "os", "posix", "nt")
PYTHON2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}
MOST_KEY_PARTS, MOST_KEY_DEPTH = 10_000, 100


def operations(data: bytes, at: int = 0) -> Iterator[tuple[int, int, Any, int]]:
    """(position, opcode, argument bytes, position behind) up to and with STOP."""
    end = len(data)
    while True:
        if at >= end:
            raise UnpicklingError(
                f"the pickle is truncated: it ends at byte {at} without STOP" if end else "the pickle is empty"
            )
        op, start = data[at], at
        kind = ARGUMENTS.get(op)
        if kind is None:
            raise UnpicklingError(f"unknown pickle opcode {op:#04x} at byte {at}")
        at += 1
        if kind == 0:
            argument: Any = b""
        elif kind == "line" or kind == "lines":
            stop = data.find(b"\n", at)
            if stop >= 0 and kind == "lines":
                stop = data.find(b"\n", stop + 1)
            if stop < 0:
                raise UnpicklingError(f"the pickle is truncated: no end of line after byte {start}")
            argument, at = data[at:stop], stop + 1
        else:
            n = kind
            if type(kind) is not int:
                head = struct.calcsize(kind)
                if at + head > end:
                    raise UnpicklingError(f"the pickle is truncated at byte {start}")
                n = struct.unpack_from(kind, data, at)[0]
                at += head
            if n < 0 or at + n > end:
                raise UnpicklingError(
                    f"the pickle is truncated or damaged: {n} bytes announced at byte {start}, {end - at} are left"
                )
            argument, at = data[at : at + n], at + n
            if op == 0x95 and int.from_bytes(argument, "little") > end - at:
                raise UnpicklingError(f"the pickle is truncated or damaged: the frame at byte {start} is too long")
        yield start, op, argument, at
        if op == 0x2E:
            return


def global_name(argument: bytes) -> tuple[str, str]:
    module, _, name = argument.decode("utf-8").partition("\n")
    return PYTHON2.get(module, module), name


def globals_in(data: bytes) -> set[str]:
    """All names of functions and classes in a pickle; nothing is executed."""
    found = set()
    texts: list[str] = []
    memo: dict[int, str] = {}
    for _, op, argument, _ in operations(data):
        if op in b"ci":
            found.add(".".join(global_name(argument)))
        elif op in b"X\x8c\x8d":
            texts.append(argument.decode("utf-8", "surrogatepass"))
        elif op == 0x94:
            memo[len(memo)] = texts[-1] if texts else ""
        elif op in b"hj":
            texts.append(memo.get(int.from_bytes(argument, "little"), "?"))
        elif op == 0x93 and len(texts) >= 2:
            found.add(f"{texts[-2]}.{texts[-1]}")
    return found


# ---------------------------------------------------------------- what may be called


class StorageType:
    """What `torch.FloatStorage` in a file stands for: a dtype (None: bytes without one). It cannot be called."""

    def __init__(self, name: str) -> None:
        import rtorch

        self.name = name
        self.dtype = getattr(rtorch, LEGACY[name]) if name in LEGACY else None


def check_key(key, what: str = "a dict") -> None:
    """Refuse keys whose hash takes for ever: tuples are counted as often as they are met."""
    if type(key) is not tuple:
        return
    left = MOST_KEY_PARTS
    todo = [(key, 1)]
    while todo:
        part, depth = todo.pop()
        left -= len(part)
        if left < 0 or depth > MOST_KEY_DEPTH:
            raise UnpicklingError(
                f"a key of {what} is a nested tuple of more than {MOST_KEY_PARTS} parts or {MOST_KEY_DEPTH} levels"
            )
        todo += [(p, depth + 1) for p in part if type(p) is tuple]


def _set(items=()):
    if type(items) not in (list, tuple):
        raise TypeError(f"a set is made of a list, got {type(items).__name__}")
    for x in items:
        check_key(x, "a set")
    return set(items)


def _pairs(kind):
    def build(*args):
        if len(args) > 1 or (args and not isinstance(args[0], (dict, list, tuple))):
            raise TypeError(f"arguments of {kind.__name__} must be one dict or list")
        for pair in args[0] if args and not isinstance(args[0], dict) else ():
            check_key(pair if kind is Counter else pair[0])
        return kind(*args)

    return build


def _bytearray(*args):
    if not args:
        return bytearray()
    if len(args) == 1 and isinstance(args[0], (bytes, bytearray)):
        return bytearray(args[0])
    if len(args) == 2 and isinstance(args[0], str) and args[1] in ("latin-1", "latin1"):
        return bytearray(args[0].encode("latin-1"))
    raise TypeError("arguments of bytearray must be bytes, or text and 'latin-1'")


def _encode(text, encoding="utf-8", *_):
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "utf8", "ascii"):
        raise TypeError("arguments of _codecs.encode must be text and the encoding latin1, utf-8 or ascii")
    return text.encode(encoding)


def _complex(*args):
    if len(args) > 2 or not all(isinstance(x, (int, float)) for x in args):
        raise TypeError("arguments of complex must be two numbers")
    return complex(*args)


def _size(values=()):
    import rtorch

    if not isinstance(values, (list, tuple)) or not all(type(x) is int and -(1 << 63) <= x < 1 << 63 for x in values):
        raise TypeError("argument of torch.Size must be a tuple of 64-bit integers")
    return rtorch.Size(values)


def _device(*args):
    import rtorch

    if not args or not isinstance(args[0], str) or not all(type(x) is int for x in args[1:]):
        raise TypeError("arguments of torch.device must be its type and index")
    return rtorch.device(*args)


DTYPES = [
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "complex64",
    "complex128",
    "complex32",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "bool",
    "uint16",
    "uint32",
    "uint64",
    "float8_e5m2",
    "float8_e4m3fn",
    "float8_e5m2fnuz",
    "float8_e4m3fnuz",
    "float8_e8m0fnu",
    "float4_e2m1fn_x2",
]
OTHER_LAYOUTS = ("_rebuild_qtensor", "_rebuild_nested_tensor", "_rebuild_wrapper_subclass")
_allowed: dict[str, Any] = {}
_calls: dict[int, Callable] = {}  # id of what a name stands for -> what runs when a file calls it


def allowed_globals() -> dict[str, Any]:
    """Full name in the file -> what it stands for here (torch's own list, as far as rtorch has the things)."""
    if _allowed:
        return _allowed
    import rtorch
    from rtorch import _utils

    def parameter(data, requires_grad=True):
        return _utils._rebuild_parameter(data, requires_grad, None)

    names: dict[str, tuple[Any, Callable | None]] = {
        "collections.OrderedDict": (OrderedDict, _pairs(OrderedDict)),
        "collections.Counter": (Counter, _pairs(Counter)),
        "builtins.set": (set, _set),
        "builtins.bytearray": (bytearray, _bytearray),
        "builtins.complex": (complex, _complex),
        "_codecs.encode": (_encode, _encode),
        "torch.Size": (rtorch.Size, _size),
        "torch.device": (rtorch.device, _device),
        "torch.Tensor": (rtorch.Tensor, None),
        "torch.nn.parameter.Parameter": (rtorch.nn.Parameter, parameter),
        "torch.serialization._get_layout": (_utils._get_layout, _utils._get_layout),
        "torch._tensor._rebuild_from_type_v2": (_utils._rebuild_from_type_v2, _utils._rebuild_from_type_v2),
    }
    for function in _utils._REBUILDERS:
        names[f"torch._utils.{function.__name__}"] = (function, function)
    for name in DTYPES:
        if isinstance(getattr(rtorch, name, None), rtorch.dtype):  # not those that are names only
            names[f"torch.{name}"] = (getattr(rtorch, name), None)
    for name in [*LEGACY, "UntypedStorage", "TypedStorage"]:
        module = "torch" if name in LEGACY else "torch.storage"
        names[f"{module}.{name}"] = (StorageType(name), None)
    _calls.update({id(thing): call for thing, call in names.values() if call is not None})
    _allowed.update({name: thing for name, (thing, _) in names.items()})
    return _allowed


# ---------------------------------------------------------------- the machine


class _Told(Exception):
    """Carries an error about a storage (its record, its device) through the machine unchanged: it names the file."""

    def __init__(self, error: RuntimeError) -> None:
        self.error = error


class Unpickler:
    """`where` names file and record in messages; persistent_load turns a storage's id into the storage; `extra` are the
    names that the user allows (name -> object)."""

    def __init__(
        self, data: bytes, where: str, persistent_load: Callable, extra: dict[str, Any], encoding: str = "utf-8"
    ) -> None:
        self.data = data
        self.where = where
        self.persistent_load = persistent_load
        self.extra = extra
        self.encoding = encoding
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.end = 0

    def load(self, at: int = 0):
        handlers = HANDLERS
        position = at
        try:
            for position, op, argument, end in operations(self.data, at):  # noqa: B007 (used below)
                self.end = end
                if op == 0x2E:
                    break
                handler = handlers.get(op)
                if handler is None:
                    raise UnpicklingError(f"unsupported pickle opcode {bytes([op])!r}")
                handler(self, argument)
            if not self.stack:
                raise UnpicklingError("the pickle is malformed: nothing is left on its stack at STOP")
            return self.stack.pop()
        except UnpicklingError as e:
            raise UnpicklingError(self.say(str(e), position)) from None
        except RecursionError:
            raise UnpicklingError(self.say("the pickle is nested too deeply", position)) from None
        except MemoryError:
            raise
        except _Told as e:
            raise e.error from None
        except IndexError:
            raise UnpicklingError(self.say("the pickle is malformed: its stack is empty", position)) from None
        except Exception as e:
            raise UnpicklingError(
                self.say(f"the pickle is malformed or damaged: {e or type(e).__name__}", position)
            ) from e

    def say(self, what: str, position: int) -> str:
        return f"Weights only load failed: {self.where}, byte {position}: {what}"

    def pop_mark(self) -> list:
        if not self.marks:
            raise UnpicklingError("the pickle is malformed: no MARK on its stack")
        items, self.stack = self.stack, self.marks.pop()
        return items

    def lookup(self, module: str, name: str):
        full = f"{module}.{name}"
        if module in BLOCKED_MODULES:
            raise UnpicklingError(f"Trying to load unsupported GLOBAL {full} whose module {module} is blocked.")
        found = allowed_globals().get(full, self)
        if found is not self:
            return found
        if full in self.extra:
            return self.extra[full]
        if module == "torch._utils" and name in OTHER_LAYOUTS:
            raise UnpicklingError(f"Unsupported global: GLOBAL {full}: rtorch does not have such tensors yet")
        shown = full.removeprefix("builtins.")
        raise UnpicklingError(
            f"Unsupported global: GLOBAL {shown} was not an allowed global by default. It could run code while the "
            f"file loads. If you "
            f"trust whoever made the file, allow this name with torch.serialization.add_safe_globals([{shown}]) or "
            f"the context manager "
            f"torch.serialization.safe_globals([{shown}]), or everything with torch.load(..., weights_only=False)."
        )

    def is_extra(self, thing) -> bool:
        return any(thing is x for x in self.extra.values())

    def call(self, function, args):
        if not isinstance(args, tuple):
            raise UnpicklingError(f"arguments must be a tuple, got {type(args).__name__}")
        safe = _calls.get(id(function))
        if safe is None:
            if not self.is_extra(function):
                raise UnpicklingError(f"Trying to call {_describe(function)}, which is not an allowed function")
            safe = function
        return safe(*args)

    def set_items(self, target, items) -> None:
        if type(target) not in (dict, OrderedDict, Counter):
            raise UnpicklingError(
                f"items can be set in a dict, OrderedDict or Counter only, got {type(target).__name__}"
            )
        if len(items) % 2:
            raise UnpicklingError("the pickle is malformed: a key without a value")
        for i in range(0, len(items), 2):
            check_key(items[i])
            target[items[i]] = items[i + 1]


def _describe(x) -> str:
    if isinstance(x, StorageType):
        return f"the storage type {x.name}"
    return f"the type {x.__name__}" if isinstance(x, type) else f"an object of type {type(x).__name__}"


HANDLERS: dict[int, Callable[[Unpickler, bytes], None]] = {}


def _on(opcodes: bytes):
    def register(function):
        for op in opcodes:
            HANDLERS[op] = function
        return function

    return register


def _value(opcode: bytes, make: Callable[[bytes], Any]) -> None:
    HANDLERS[opcode[0]] = lambda m, a: m.stack.append(make(a))


_value(b"N", lambda a: None)
_value(b"\x88", lambda a: True)
_value(b"\x89", lambda a: False)
_value(b")", lambda a: ())
_value(b"]", lambda a: [])
_value(b"}", lambda a: {})
_value(b"\x8f", lambda a: set())
_value(b"K", lambda a: a[0])
_value(b"M", lambda a: a[0] | a[1] << 8)
_value(b"J", lambda a: int.from_bytes(a, "little", signed=True))
_value(b"\x8a", lambda a: int.from_bytes(a, "little", signed=True))
_value(b"\x8b", lambda a: int.from_bytes(a, "little", signed=True))
_value(b"G", lambda a: struct.unpack(">d", a)[0])
for _op in (b"X", b"\x8c", b"\x8d"):
    _value(_op, lambda a: a.decode("utf-8", "surrogatepass"))
for _op in (b"C", b"B", b"\x8e"):
    _value(_op, bytes)
_value(b"\x96", bytearray)


@_on(b"\x80\x95")
def _nothing(m, a):
    """PROTO, FRAME."""


@_on(b"U")
def _short_text(m, a):
    m.stack.append(a if m.encoding == "bytes" else a.decode(m.encoding))


@_on(b"(")
def _mark(m, a):
    m.marks.append(m.stack)
    m.stack = []


@_on(b"t")
def _tuple(m, a):
    items = m.pop_mark()
    m.stack.append(tuple(items))


def _tuple_of(n):
    def build(m, a):
        if len(m.stack) < n:
            raise IndexError
        m.stack[-n:] = [tuple(m.stack[-n:])]

    return build


for _n in (1, 2, 3):
    HANDLERS[0x84 + _n] = _tuple_of(_n)


@_on(b"qr")
def _put(m, a):
    m.memo[int.from_bytes(a, "little")] = m.stack[-1]


@_on(b"\x94")
def _memoize(m, a):
    m.memo[len(m.memo)] = m.stack[-1]


@_on(b"hj")
def _get(m, a):
    key = int.from_bytes(a, "little")
    if key not in m.memo:
        raise UnpicklingError(f"the pickle is malformed: its memo has no entry {key}")
    m.stack.append(m.memo[key])


@_on(b"a")
def _append(m, a):
    item = m.stack.pop()
    _list_on_top(m).append(item)


@_on(b"e")
def _appends(m, a):
    items = m.pop_mark()
    _list_on_top(m).extend(items)


def _list_on_top(m) -> list:
    if type(m.stack[-1]) is not list:
        raise UnpicklingError(f"items can be appended to a list only, got {type(m.stack[-1]).__name__}")
    return m.stack[-1]


@_on(b"\x90")
def _add_items(m, a):
    items = m.pop_mark()
    if type(m.stack[-1]) is not set:
        raise UnpicklingError(f"items can be added to a set only, got {type(m.stack[-1]).__name__}")
    for x in items:
        check_key(x, "a set")
        m.stack[-1].add(x)


@_on(b"s")
def _set_item(m, a):
    value, key = m.stack.pop(), m.stack.pop()
    m.set_items(m.stack[-1], [key, value])


@_on(b"u")
def _set_items(m, a):
    items = m.pop_mark()
    m.set_items(m.stack[-1], items)


@_on(b"c")
def _global(m, a):
    m.stack.append(m.lookup(*global_name(a)))


@_on(b"\x93")
def _stack_global(m, a):
    name, module = m.stack.pop(), m.stack.pop()
    if type(name) is not str or type(module) is not str:
        raise UnpicklingError("the name of a global must be text")
    m.stack.append(m.lookup(PYTHON2.get(module, module), name))


@_on(b"R")
def _reduce(m, a):
    args = m.stack.pop()
    m.stack[-1] = m.call(m.stack[-1], args)


@_on(b"\x81")
def _new(m, a):
    args, kind = m.stack.pop(), m.stack.pop()
    if isinstance(kind, type) and isinstance(args, tuple) and m.is_extra(kind):
        m.stack.append(kind.__new__(kind, *args))
    else:
        m.stack.append(m.call(kind, args))


@_on(b"b")
def _build(m, a):
    state = m.stack.pop()
    target = m.stack[-1]
    if type(target) is OrderedDict:
        if not isinstance(state, dict):
            raise UnpicklingError(f"the state of an OrderedDict must be a dict, got {type(state).__name__}")
        target.__dict__.update(state)
        return
    if not m.is_extra(type(target)):
        raise UnpicklingError(
            f"a state can be set on an OrderedDict or an object of a class that add_safe_globals allows, got "
            f"{_describe(target)}"
        )
    if hasattr(target, "__setstate__"):
        target.__setstate__(state)
        return
    state, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if state:
        target.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(target, name, value)


@_on(b"Q")
def _persistent(m, a):
    pid = m.stack.pop()
    try:
        m.stack.append(m.persistent_load(pid))
    except RuntimeError as e:
        raise _Told(e) from None
