"""Writes a page for each operator of the table and for each Python module, and indexes: `python tests/docs.py [FOLDER]`
(target/docs: operators, reference)."""

import html
import sys
from pathlib import Path

import docs_python
from rtorch import _C

ROOT = Path(__file__).resolve().parent.parent
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}
pre,code{font:14px/1.5 ui-monospace,monospace}pre{background:#f4f4f4;padding:.6rem;overflow-x:auto}
table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0}"""

KINDS = {
    "formula": "formula: one expression, from which the CPU kernel, the CUDA kernel and the gradient come",
    "reduction": "reduction: an expression for each element, combined over dimensions",
    "view": "view: another layout of the same memory",
    "kernel": "kernel: an entry point for each device",
    "composite": "composite: written in other operators",
}
RULES = {
    "Promote": "the promotion of all tensors and numbers",
    "Float": "the promotion of all tensors and numbers; integers become the default float",
    "Compare": "bool (computed in the promoted type)",
    "Real": "the promotion; a complex type gives its real type",
    "RealFloat": "the promotion; integers become the default float, a complex type gives its real type",
    "Complex": "the complex type of the promotion",
    "Rest": "the promotion without the first argument",
    "Bits": "bool (uint8 for uint8)",
    "Double": "float64, complex128 for complex arguments",
    "First": "the dtype of the first tensor",
}
GRADS = {
    "derived": {"formula": "derived from the formula", "composite": "through its parts"},
    "formulas": "written as a formula in the literal",
    "operations": "written in tensor operations",
    "zero": "zero (constant almost everywhere)",
    "none": "none: the result does not require a gradient",
}
BATCHES = {
    "Broadcast": "a batch dimension is broadcast like any other",
    "Leading": "leading dimensions are free",
    "ShiftDims": "dimension arguments shift by one",
    "Fold": "the batch folds into the operator's own batch dimension",
    "Parts": "by its parts",
    "Loop": "one slice at a time",
}


def schema(op):
    rets = {("",): "Tensor", ("*",): "tuple of Tensors"}.get(tuple(op["rets"]), f"({', '.join(op['rets'])})")
    return f"{op['py']}({op['signature']}) -> {rets}"


def gradient(op):
    g = GRADS[op["grad"]]
    text = g.get(op["kind"], "derived") if isinstance(g, dict) else g
    return text + (f"; keeps {', '.join(op['keeps'])}" if op["keeps"] else "")


def forms(op, callables):
    """Where it stands: `torch.tanh`, `Tensor.tanh_`, ..."""
    out = []
    for place, name, names, _ in callables:
        if op["name"] in names:
            out.append(f"Tensor.{name}" if place == "Tensor" else ".".join(filter(None, ["torch", place, name])))
    return out + (["out="] if "out" in op["flags"] else [])


def facts(op, callables):
    pointwise = op["kind"] in ("formula", "reduction")
    yield "Kind", KINDS[op["kind"]]
    yield "Forms", ", ".join(forms(op, callables)) or "none in Python"
    if pointwise:
        yield "Result dtype", RULES[op["rule"]]
        yield "Computes in", ", ".join(op["only"]) or "every dtype"
    yield "Gradient", gradient(op)
    if op["grad"] != "none" and op["kind"] != "composite":
        yield "Node", op["node"] or "by its arguments"
    yield "CUDA", op["cuda"] or "not yet"
    yield "vmap", BATCHES[op["batch"]]
    notes = {
        "random": "draws random numbers",
        "mutates": "writes its first argument",
        "may_alias": "may give its argument back",
    }
    if found := [text for flag, text in notes.items() if flag in op["flags"]]:
        yield "Notes", "; ".join(found)


def document(title, body):
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style>\n{body}\n</html>\n"
    )


def page(op, callables):
    rows = "\n".join(f"<tr><th>{k}</th><td>{html.escape(v)}</td></tr>" for k, v in facts(op, callables))
    text = html.escape(" ".join(op["doc"].split()))
    body = f'<p><a href="index.html">Operators</a></p>\n<h1>{html.escape(op["py"])}</h1>\n<pre>{html.escape(schema(op))}</pre>'
    return document(op["py"], f"{body}\n<p>{text}</p>\n<table>\n{rows}\n</table>")


def pages():
    """{file name: text}; operators that users do not see have none."""
    ops, callables = [o for o in _C._operators(True) if "private" not in o["flags"]], _C._callables(True)
    out = {f"{op['name']}.html": page(op, callables) for op in ops}
    lines = [
        f'<tr><td><a href="{op["name"]}.html"><code>{html.escape(op["py"])}</code></a></td><td>{op["kind"]}</td>'
        f"<td>{html.escape(' '.join(op['doc'].split()))}</td></tr>"
        for op in sorted(ops, key=lambda o: o["py"].lstrip("_"))
    ]
    out["index.html"] = document("Operators", "\n".join(["<h1>Operators</h1>", "<table>", *lines, "</table>"]))
    return out


def write(folder, written):
    """The pages, and nothing that an earlier run left."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.html"):
        if old.name not in written:
            old.unlink()
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "target" / "docs"
    operators = pages()
    write(folder / "operators", operators)
    write(folder / "reference", {name: document(*both) for name, both in docs_python.pages().items()})
    print(f"{len(operators) - 1} operators, {len(docs_python.MODULES)} modules: {folder / 'reference' / 'index.html'}")


if __name__ == "__main__":
    main()
