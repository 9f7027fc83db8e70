"""The tutorial's pages: each block runs under `python -m rtorch` and prints what the page shows; the Korean pages have the same
code and the same output."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(p for p in (ROOT / "docs" / "tutorial").glob("*.md") if not p.name.endswith(".ko.md"))

sys.path.insert(0, str(ROOT / "tests"))
import pages  # noqa: E402


def play(*paths):
    return subprocess.run(
        [sys.executable, "-m", "rtorch", str(ROOT / "tests" / "pages.py"), *map(str, paths)],
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_page(page):
    text = page.read_text(encoding="utf-8")
    for needed in ("sklearn", "tensorboard"):
        if needed in text:
            pytest.importorskip(needed)
    done = play(page)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_korean_page_has_the_same_code(page):
    korean = page.with_suffix(".ko.md").read_text(encoding="utf-8")
    both = [
        [(tag, ast.dump(ast.parse(code)), shown) for tag, code, shown, _ in pages.blocks(text)]
        for text in (page.read_text(encoding="utf-8"), korean)
    ]
    assert both[0] == both[1]


def test_there_are_five_pages_and_a_wrong_output_is_found(tmp_path):
    assert len(PAGES) == 5
    page = tmp_path / "page.md"
    page.write_text("```python\nimport torch\n\ntorch.tensor([1.5])\n```\n\n```text\ntensor([1.6000])\n```\n")
    done = play(page)
    assert done.returncode == 1 and "the page has 'tensor([1.6000])', printed was 'tensor([1.5000])'" in done.stdout
    assert play(page, "--write").returncode == 0 and play(page).returncode == 0
    page.write_text("```python\nraise ValueError('no')\n```\n")
    assert "page.md:2: ValueError: no" in play(page).stdout
