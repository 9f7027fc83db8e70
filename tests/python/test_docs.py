"""What `make docs` writes: pages for operators and modules; the examples in docstrings run and print what they show."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import docs_python

import docs


def test_examples_in_docstrings(capsys):
    failed = docs_python.main()
    printed = capsys.readouterr().out
    assert not failed, printed
    assert int(printed.split(" examples")[0].split()[-1]) >= 80


def test_every_module_has_a_page(tmp_path):
    pages = docs_python.pages()
    assert set(pages) == {f"{m}.html" for m in docs_python.MODULES} | {"index.html"}
    assert "class Linear(in_features, out_features, bias=True" in pages["nn.html"][1]
    docs.write(tmp_path, {"page.html": docs.document(*pages["optim.html"])})
    assert "&gt;&gt;&gt; opt.step()" in (tmp_path / "page.html").read_text(encoding="utf-8")
