"""Writes the type stubs from the operator table: what rtorch._C binds (`_callables`) says where each operator stands, its
schema (`_operators`) gives the signature. `python tests/stubs.py` writes them, `--check` says whether they are up to date.

_C.pyi is tests/stubs_by_hand.pyi with the operators' methods put into class Tensor; __init__.pyi and the namespaces
(nn/functional.pyi, ...) hold the functions; return_types.pyi the named tuples."""

import argparse
import ast
import difflib
import importlib
import inspect
import math
import pkgutil
import re
import sys
import textwrap
import types
from keyword import iskeyword
from pathlib import Path

import rtorch
from rtorch import _C

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "rtorch"
BY_HAND = ROOT / "tests" / "stubs_by_hand.pyi"
WIDTH = 120
NOTE = "# Written by tests/stubs.py (make stubs) from the operator table; do not edit.\n"

OPS = {op["name"]: op for op in _C._operators(True)}
CALLABLES = _C._callables(True)
ALIASES = ["_bool", "_complex", "_device", "_Device", "_dtype", "_DType", "_float", "_int", "_layout", "_Number"]

TYPES = {
    "Tensor": "Tensor",
    "Tensors": "Sequence[Tensor]",
    "OptTensors": "Sequence[Tensor | None]",
    "Num": "Tensor | _Number",
    "Scalar": "_Number",
    "Number": "_Number",
    "Int": "_int",
    "Ints": "_int | Sequence[_int]",
    "Size": "Sequence[_int]",
    "Float": "_float",
    "Floats": "Sequence[_float]",
    "Bool": "_bool",
    "Str": "str",
    "DType": "_DType | None",
    "NeededDType": "_DType",
    "Device": "_Device | None",
    "Format": "memory_format | None",
    "Generator": "Generator | None",
}


def type_of(ty):
    """The annotation of a parameter type of the core (`op::arg::Ty`)."""
    if ty in TYPES:
        return TYPES[ty]
    return TYPES[ty.removeprefix("Opt")] + " | None"


def may_be_none(ty):
    return type_of(ty).endswith("| None")


def default_of(text):
    """A default as stubs write it: tuples for lists, `...` for what is no literal."""
    text = re.sub(r"^\[(.*)\]$", lambda m: "()" if not m[1] else f"({m[1]},)" if "," not in m[1] else f"({m[1]})", text)
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return "..."
    return text.replace("'", '"')


def result_of(op, inplace):
    match op["rets"]:
        case [""]:
            return "Self" if inplace else "Tensor"
        case []:
            return "None"
        case ["*"]:
            return "tuple[Tensor, ...]"
        case names if names[0].startswith("_"):
            return f"tuple[{', '.join(['Tensor'] * len(names))}]"
        case names:
            return "return_types." + return_class(op)


def return_class(op):
    """The class of named results; two operators of one name with different fields get a number."""
    name = op["py"].split(".")[0]
    kinds = []
    for o in OPS.values():
        if o["py"].split(".")[0] == name and len(o["rets"]) > 1 and o["rets"] not in kinds:
            kinds.append(o["rets"])
    at = kinds.index(op["rets"])
    return name + (f"_{at + 1}" if at else "")


def schemas(op, place, inplace):
    """The Python signatures of one operator: a shape may be one sequence or separate numbers."""
    params = []
    star = False
    spread = None
    for i, (name, ty, default, keyword) in enumerate(op["params"]):
        name += "_" if iskeyword(name) else ""  # `from`
        if i == 0 and place == "Tensor":
            params.append("self")
            continue
        if keyword and not star:
            params.append("*")
            star = True
        annotation = type_of(ty)
        if default is not None:
            text = default_of(default)
            if text == "None" and not may_be_none(ty):
                annotation += " | None"
            params.append(f"{name}: {annotation} = {text}")
        elif keyword and may_be_none(ty):
            params.append(f"{name}: {annotation} = None")
        else:
            params.append(f"{name}: {annotation}")
        single = ty == "Size" or (ty == "Tensors" and "spread" in op["flags"])
        if single and not keyword and all(p[3] for p in op["params"][i + 1 :]):
            spread = (len(params) - 1, name, "_int" if ty == "Size" else "Tensor")
    extra = []
    if place != "Tensor" and not inplace and "out" in op["flags"]:
        kind = "Tensor" if len(op["rets"]) == 1 else "Sequence[Tensor]"
        extra.append(f"out: {kind} | None = None")
    if "factory" in op["flags"]:
        names = [p[0] for p in op["params"]]
        more = {"layout": "_layout | None = None", "requires_grad": "_bool = False", "pin_memory": "_bool = False"}
        extra += [f"{n}: {t}" for n, t in more.items() if n not in names]
    if place == "nn.functional" and not inplace and "inplace" in op["flags"]:
        # PyTorch has it behind the operator's own parameters, by position too.
        if not any(p[0] == "inplace" for p in op["params"]):
            at = params.index("*") if star else len(params)
            plain = all("=" in p for p in params[at - 1 : at]) or at == 1
            (params.insert(at, "inplace: _bool = False") if plain else extra.append("inplace: _bool = False"))
    both = [params + (["*"] if extra and not star else []) + extra]
    if spread:
        at, name, kind = spread
        loose = [*params[:at], f"*{name}: {kind}", *[p for p in params[at + 1 :] if p != "*"], *extra]
        both.append(loose)
    return both


def shape_of(op):
    """What is known about shapes from the kind of operator."""
    tensors = [p[0] for p in op["params"] if p[1] in ("Tensor", "Num", "OptTensor", "OptNum")]
    if op["kind"] == "formula":
        return f"Shapes: {', '.join(['(*)'] * len(tensors))} -> {'(*)' if len(tensors) == 1 else 'broadcast'}."
    if op["kind"] == "reduction":
        return "Shapes: (*) -> (* without dim)." if any(p[0] == "dim" for p in op["params"]) else "Shapes: (*) -> ()."
    return ""


def doc_of(op, inplace=False):
    text = " ".join(op["doc"].split()).replace("\\", "\\\\")
    return f"{text} In place." if inplace else f"{text} {shape_of(op)}".strip()


def function(name, params, result, doc, indent, decorators=()):
    """A def with its doc line, broken where it is too long."""
    pad = " " * indent
    lines = [pad + d for d in decorators]
    end = f") -> {result}:" + ("" if doc else " ...")
    line = f"{pad}def {name}({', '.join(params)}{end}"
    if len(line) <= WIDTH:
        lines.append(line)
    elif len(pad) + 4 + len(", ".join(params)) <= WIDTH:
        lines += [f"{pad}def {name}(", f"{pad}    {', '.join(params)}", pad + end]
    else:
        lines += [f"{pad}def {name}(", *[f"{pad}    {p}," for p in params], pad + end]
    if doc:
        lines += textwrap.wrap(
            f'"""{doc}"""', WIDTH, initial_indent=pad + "    ", subsequent_indent=pad + "    ", break_long_words=False
        )
    return "\n".join(lines)


def operator(place, name, names, inplace, indent):
    """The stub of one callable: one def, or an overload for each schema."""
    seen, defs = set(), []
    for op in map(OPS.__getitem__, names):
        for params in schemas(op, place, inplace):
            key = ", ".join(params)
            if key not in seen:
                seen.add(key)
                result = result_of(op, inplace and place == "Tensor")
                defs.append((params, result, doc_of(op, inplace)))
    defs = [(p, r, "" if k and d == defs[k - 1][2] else d) for k, (p, r, d) in enumerate(defs)]
    marks = ["@overload"] if len(defs) > 1 else []
    return "\n".join(function(name, p, r, d, indent, marks) for p, r, d in defs)


# ---- what the table does not say ---------------------------------------------------------------------------------


def plain_function(name, f, indent, decorators=()):
    """A function by its run-time signature, with Any."""
    try:
        signature = inspect.signature(f)
    except (ValueError, TypeError):
        return function(name, ["*args: Any", "**kwargs: Any"], "Any", "", indent, decorators)
    params, star, slash = [], False, False
    for p in signature.parameters.values():
        if slash and p.kind is not p.POSITIONAL_ONLY:
            params.append("/")
            slash = False
        slash = slash or p.kind is p.POSITIONAL_ONLY
        if p.kind is p.KEYWORD_ONLY and not star:
            params.append("*")
        star = star or p.kind in (p.VAR_POSITIONAL, p.KEYWORD_ONLY)
        mark = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        first = not params and p.name in ("self", "cls")
        text = mark + p.name + ("" if first else ": Any")
        if p.default is not p.empty:
            known = p.default is None or isinstance(p.default, bool | int | str)
            known = known or (isinstance(p.default, float) and math.isfinite(p.default))
            text += f" = {p.default!r}".replace("'", '"') if known else " = ..."
        params.append(text)
    if slash:
        params.append("/")
    return function(name, params, "Any", "", indent, decorators)


OBJECT = {"__class__", "__doc__", "__module__", "__dict__", "__weakref__", "__new__", "__init__", "__str__", "__repr__"}


def member(name, value, indent):
    """A member of a class by what it is at run time."""
    pad = " " * indent
    if isinstance(value, property | types.GetSetDescriptorType | types.MemberDescriptorType):
        return f"{pad}@property\n{pad}def {name}(self) -> Any: ..."
    if isinstance(value, staticmethod):
        return plain_function(name, value.__func__, indent, ["@staticmethod"])
    if isinstance(value, classmethod):
        return plain_function(name, value.__func__, indent, ["@classmethod"])
    if callable(value):
        return plain_function(name, value, indent)
    return f"{pad}{name}: {'None' if value is None else 'Any'}"


def public(names):
    return sorted(n for n in names if not n.startswith("_"))


def tensor_members(described):
    """The methods of the table, then what else is on the class."""
    out, known = [], set(described)
    for place, name, names, inplace in sorted(CALLABLES):
        if place != "Tensor" or name.startswith("_") or name in known:
            continue
        known.add(name)
        out.append(operator(place, name, names, inplace, 4))
    members = vars(_C.Tensor)
    rest = [n for n in sorted(members) if n not in known and is_member(n)]
    out += [member(n, members[n], 4) for n in rest]
    return out


def is_member(name):
    return name not in OBJECT and (not name.startswith("_") or name.startswith("__"))


def names_in(body):
    """What the statements of a stub define."""
    names = [getattr(n, "name", None) or getattr(getattr(n, "target", None), "id", None) for n in body]
    return {n for n in names if n}


def core():
    text = BY_HAND.read_text()
    tree = ast.parse(text)
    described = names_in(tree.body)
    tensor = next(n for n in tree.body if getattr(n, "name", "") == "Tensor")
    lines = text.splitlines()
    # The docstring belongs to the file by hand.
    head, tail = lines[tree.body[0].end_lineno + 1 : tensor.end_lineno], lines[tensor.end_lineno :]
    out = [NOTE, *[line.removesuffix("  # noqa: F401") for line in head], "", "    # The operators.", *tensor_members(names_in(tensor.body)), *tail]
    for n in [*_C.__all__, "_nn"]:
        value = getattr(_C, n)
        if n in described or n in CONSTANTS:
            continue
        if isinstance(value, type):
            members = vars(value)
            body = [member(k, members[k], 4) for k in sorted(members) if is_member(k)]
            out.append("\n".join(["", "@disjoint_base", f"class {n}:", *(body or ["    ..."]), ""]))
        elif callable(value):
            out.append(plain_function(n, value, 0))
        else:
            kind = type(value).__name__
            out.append(f"{n}: {kind if kind in described else 'Any'}")
    out += [f"{n}: {kind}" for n, kind in CONSTANTS.items()]
    out += ["__all__ = [", *[f'    "{n}",' for n in _C.__all__], "]"]
    return "\n".join(out) + "\n"


CONSTANTS = {"_spaces": "dict[str, dict[str, Callable[..., Any]]]"}


def is_shown(module, table, name):
    """Is the name in the module the operator's? One that this build lacks (without the feature `linalg`) counts as shown."""
    return name not in table or getattr(module, name, None) is table[name]


def namespace(space):
    """The stub of a module that shows a namespace of the table: its operators, and what else stands in it."""
    module = importlib.import_module("rtorch." + space)
    table = _C._spaces[space]
    body, known = [], set()
    for place, name, names, inplace in sorted(CALLABLES):
        if place == space and not name.startswith("_") and is_shown(module, table, name):
            known.add(name)
            body.append(operator(place, name, names, inplace, 0))
    for name in public(set(vars(module)) - known):
        value = getattr(module, name)
        if inspect.isfunction(value) and value.__module__ == module.__name__:
            body.append(plain_function(name, value, 0))
        elif inspect.isfunction(value) or inspect.isclass(value):
            body.append(f"{name}: Any")
    return finish(body)


def finish(body, before=()):
    """A module of functions with the imports that it needs."""
    text = "\n".join(body)
    used = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
    uses = used.__contains__
    imports = ["import builtins"] if uses("builtins") else []
    if uses("Sequence"):
        imports.append("from collections.abc import Sequence")
    typing = [n for n in ("Any", "NamedTuple", "SupportsIndex", "overload") if uses(n)]
    if typing:
        imports.append(f"from typing import {', '.join(typing)}")
    if imports:
        imports.append("")
    if uses("return_types"):
        imports.append("from rtorch import return_types")
    names = [n for n in [*ALIASES, "Generator", "Tensor", "memory_format"] if uses(n)]
    if names:
        names.sort(key=lambda n: (n.lstrip("_").lower(), n))
        imports.append(f"from rtorch._C import {', '.join(names)}")
    return "\n".join([NOTE, *imports, *before, "", text]) + "\n"


def main_module():
    body, imports, known = [], [], set()
    table = _C._spaces[""]
    for place, name, names, inplace in sorted(CALLABLES):
        if place == "" and not name.startswith("_") and is_shown(rtorch, table, name):
            known.add(name)
            body.append(operator(place, name, names, inplace, 0))
    modules = {m.name for m in pkgutil.iter_modules(rtorch.__path__) if not m.name.startswith("_")}
    values, own = [], ast.parse((PACKAGE / "__init__.py").read_text())
    own = {n.name for n in own.body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
    lazy = set(getattr(rtorch, "_LAZY", ())) | set(getattr(rtorch, "_LAZY_MODULES", ()))
    for name in public((set(vars(rtorch)) | lazy | modules) - known):
        value = getattr(_C, name, None) if name in vars(_C) else getattr(rtorch, name, None)
        home = getattr(value, "__module__", "") or ""
        if name in vars(_C) and value is getattr(rtorch, name, None):
            imports.append(("rtorch._C", name))
        elif inspect.ismodule(value) or name in modules:
            if name in modules:
                imports.append(("rtorch", name))
        elif name == "Size":
            values.append(SIZE)
        elif name == "OutOfMemoryError":
            values.append("class OutOfMemoryError(RuntimeError): ...\n")
        elif name in own:
            values.append(plain_function(name, value, 0))
        elif isinstance(value, type) and hasattr(value, "dtype") and name.endswith("Tensor"):
            values.append(f"{name}: type[Tensor]")
        elif home.startswith("rtorch.") and getattr(sys.modules.get(home), name, None) is value:
            imports.append((home, name))
        elif callable(value):
            values.append(plain_function(name, value, 0))
        else:
            kind = {float: "_float", int: "_int", str: "str", type(None): "None"}.get(type(value), "Any")
            values.append(f"{name}: {kind}")
    lines = []
    for home in sorted({m for m, _ in imports}):
        names = sorted((n for m, n in imports if m == home), key=lambda n: (n.lower(), n))
        lines += [f"from {home} import {n} as {n}" for n in names]
    text = finish([*values, "", *body])
    # `import X as X` says that the name is part of the module; a second import of Tensor would be one too many.
    head, _, rest = text.partition("\n\n")
    text = head + "\n\n" + rest.replace("from rtorch import return_types\n", "", 1)
    exported = {n for m, n in imports if m == "rtorch._C"}
    text = re.sub(
        r"^from rtorch\._C import (.*)$",
        lambda m: "\n".join([*lines, "from rtorch._C import " + ", ".join(n for n in m[1].split(", ") if n not in exported)]),
        text,
        count=1,
        flags=re.M,
    )
    return text


SIZE = '''class Size(tuple[_int, ...]):
    """The sizes of a tensor: a tuple with `numel`."""

    def numel(self) -> _int: ...
    @overload
    def __getitem__(self, i: SupportsIndex) -> _int: ...
    @overload
    def __getitem__(self, i: builtins.slice) -> Size: ...
    def __add__(self, other: tuple[_int, ...]) -> Size: ...  # type: ignore[override]
    def __mul__(self, n: SupportsIndex) -> Size: ...
'''


def return_types_module():
    body, seen = [], set()
    for op in OPS.values():
        if len(op["rets"]) > 1 and not op["rets"][0].startswith("_") and not op["py"].startswith("_"):
            name = return_class(op)
            if name not in seen:
                seen.add(name)
                fields = [f"    {r}: Tensor" for r in op["rets"]]
                body.append((name, "\n".join([f"class {name}(NamedTuple):", *fields, ""])))
    return finish([text for _, text in sorted(body)])


def generate():
    """{path: text} of all stubs."""
    files = {PACKAGE / "_C.pyi": core(), PACKAGE / "__init__.pyi": main_module()}
    files[PACKAGE / "return_types.pyi"] = return_types_module()
    for space in sorted(_C._spaces):
        if not space:
            continue
        path = PACKAGE.joinpath(*space.split("."))
        if path.with_suffix(".py").exists():
            files[path.with_suffix(".pyi")] = namespace(space)
    files[PACKAGE / "py.typed"] = ""
    return files


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--check", action="store_true", help="write nothing; fail where a stub is out of date")
    check = ap.parse_args().check
    stale = 0
    for path, text in generate().items():
        old = path.read_text() if path.exists() else None
        if old == text:
            continue
        stale += 1
        name = path.relative_to(ROOT)
        if check:
            lines = difflib.unified_diff((old or "").splitlines(), text.splitlines(), str(name), "from the table", lineterm="", n=1)
            print("\n".join([*lines][:40]))
        else:
            path.write_text(text)
            print(f"{name}: written ({text.count(chr(10))} lines)")
    if check and stale:
        print(f"{stale} stubs are out of date: run `make stubs`")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
