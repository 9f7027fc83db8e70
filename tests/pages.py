"""Runs the code blocks of a Markdown page, as a notebook would, and holds what they print against what the page shows.

    python -m rtorch tests/pages.py PAGE.md...     # under rtorch; `python tests/pages.py` takes the torch that is installed
    ... --write                                    # put what was printed into the page

A ```python block is run; a ```text block behind it is its output: what it prints, then the repr of a last expression. The blocks
of a page are one program, in an empty folder. A block ```python rtorch runs under rtorch only. Numbers with a point may differ by
1e-4 of their size, as in tests/programs.
"""

import ast
import contextlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "programs"))
import run

BLOCK = re.compile(r"^```python([^\n]*)\n(.*?)^```\n(?:\n?```text\n(.*?)^```\n)?", re.M | re.S)


def blocks(text):
    """(tag, code, what the page shows or None, number of its first line), in order."""
    for m in BLOCK.finditer(text):
        yield m[1].strip(), m[2], m[3], text.count("\n", 0, m.start()) + 2


def execute(code, scope, name):
    """What a notebook shows below a cell."""
    tree, shown = ast.parse(code, name), io.StringIO()
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(shown):
        exec(compile(tree, name, "exec"), scope)
        if last is not None and (value := eval(compile(ast.Expression(last.value), name, "eval"), scope)) is not None:
            print(repr(value))
    return shown.getvalue()


def is_ours():
    import torch

    return "rtorch" in torch.__version__


def play(path, write=False):
    """Runs a page; returns what differs, as texts."""
    text, scope, faults, pieces, end = path.read_text(encoding="utf-8"), {"__name__": "__main__"}, [], [], 0
    matches = list(BLOCK.finditer(text))
    for m, (tag, code, shown, line) in zip(matches, blocks(text)):
        if tag == "rtorch" and not is_ours():
            continue
        name = f"{path.name}:{line}"
        try:
            printed = execute(code, scope, name)
        except Exception as e:
            faults.append(f"{name}: {type(e).__name__}: {e}")
            break
        difference = run.compare(shown or "", printed, run.DEFAULT_RTOL)
        if difference is not None and write:
            pieces += [text[end : m.start()], f"```python{' ' + tag if tag else ''}\n{code}```\n"]
            pieces += [f"\n```text\n{printed}```\n"] if printed else []
            end = m.end()
        elif difference is not None:
            faults.append("{}: output line {}: the page has {!r}, printed was {!r}".format(name, *difference))
    if pieces:
        path.write_text("".join([*pieces, text[end:]]), encoding="utf-8")
    return faults


def main(arguments):
    write, faults = "--write" in arguments, []
    for page in [Path(a).resolve() for a in arguments if a != "--write"]:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            faults += play(page, write)
            os.chdir("/")
    print("\n".join(faults), end="\n" if faults else "")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
