"""The reference of the Python part: a page for each module of MODULES, from signatures and docstrings; tests/docs.py writes them.

python tests/docs_python.py --examples     # run the examples (>>>) in the docstrings, as test_docs.py does
"""

import doctest
import html
import importlib
import inspect
import sys

MODULES = """
    nn nn.init nn.utils nn.utils.rnn nn.utils.parametrize nn.utils.parametrizations nn.utils.prune nn.attention nn.parallel
    optim optim.lr_scheduler optim.swa_utils utils.data utils.checkpoint utils.benchmark utils.tensorboard utils.flop_counter
    autograd autograd.functional autograd.graph autograd.profiler func amp distributions distributions.transforms
    distributions.constraints serialization storage random hub profiler testing multiprocessing distributed overrides sparse jit
    compiler vision.models vision.models.feature_extraction vision.models._utils vision.transforms vision.transforms.v2 vision.datasets vision.ops vision.utils vision.io metrics
    metrics.functional
""".split()
SEEN_AS = {"vision": "torchvision", "metrics": "torchmetrics"}


def shown_name(module):
    root, _, rest = module.partition(".")
    return ".".join(filter(None, [SEEN_AS[root], rest])) if root in SEEN_AS else f"torch.{module}"


def members(module):
    """(name, object) of a module's public classes and functions, in the order of their definition or of __all__."""
    names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    for name in names:
        found = getattr(module, name, None)
        ours = getattr(found, "__module__", None) or ""
        if (inspect.isclass(found) or inspect.isroutine(found)) and ours.partition(".")[0] in ("rtorch", "torch"):
            yield name, found


def methods(cls):
    """(name, function) of the public methods that the class itself has and says something about."""
    for name, found in vars(cls).items():
        function = getattr(found, "__func__", found)
        if not name.startswith("_") and inspect.isfunction(function) and function.__doc__:
            yield name, function


def signature(name, found):
    try:
        return f"{name}{inspect.signature(found)}"
    except (TypeError, ValueError):
        return f"{name}(...)"


def prose(text):
    """A docstring as HTML: paragraphs, and examples as they stand."""
    out = []
    for part in inspect.cleandoc(text or "").split("\n\n"):
        tag = "pre" if part.lstrip().startswith(">>>") or part.startswith("    ") else "p"
        out.append(f"<{tag}>{html.escape(part)}</{tag}>")
    return "\n".join(out)


def page(module_name):
    module = importlib.import_module(f"rtorch.{module_name}")
    title = shown_name(module_name)
    body = [f'<p><a href="index.html">Reference</a></p>\n<h1>{title}</h1>', prose(module.__doc__)]
    for name, found in members(module):
        doc = vars(found).get("__doc__") if inspect.isclass(found) else found.__doc__
        what = "class " if inspect.isclass(found) else ""
        body.append(
            f'<h2 id="{name}">{name}</h2>\n<pre>{html.escape(what + signature(name, found))}</pre>\n{prose(doc)}'
        )
        if inspect.isclass(found):
            body += [
                f"<h3><code>{html.escape(signature('.' + n, f))}</code></h3>\n{prose(f.__doc__)}"
                for n, f in methods(found)
            ]
    return title, "\n".join(body)


def pages():
    """{file name: (title, body)}, an index among them."""
    out = {f"{name}.html": page(name) for name in MODULES}
    lines = [f'<li><a href="{file}"><code>{title}</code></a></li>' for file, (title, _) in out.items()]
    out["index.html"] = (
        "Reference",
        '<h1>Reference</h1>\n<p>The <a href="../operators/index.html">operators</a> have a page each. The Python part:</p>\n<ul>\n'
        + "\n".join(lines)
        + "\n</ul>",
    )
    return out


def examples():
    """The doctests of every module's members, each object once; `torch` is rtorch in them."""
    import rtorch

    finder, seen = doctest.DocTestFinder(recurse=False), set()
    scope = {"torch": rtorch, "nn": rtorch.nn, "F": rtorch.nn.functional}
    for module_name in MODULES:
        for name, found in members(importlib.import_module(f"rtorch.{module_name}")):
            parts = [(name, found)]
            parts += [(f"{name}.{n}", f) for n, f in methods(found)] if inspect.isclass(found) else []
            for full, part in parts:
                if id(part) not in seen and ">>>" in (part.__doc__ or ""):
                    seen.add(id(part))
                    yield from finder.find(
                        part, f"{shown_name(module_name)}.{full}", module=False, globs={**scope, name: found}
                    )


def main():
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for example in examples():
        runner.run(example)
    failed, tried = runner.summarize()
    print(f"{tried} examples, {failed} failed")
    return bool(failed)


if __name__ == "__main__" and "--examples" in sys.argv:
    sys.exit(main())
