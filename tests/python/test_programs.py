"""The acceptance programs: those of tests/programs/floor.txt pass under `python -m rtorch`, and the copies in
tests/programs are the project's own (../shared/programs), where that folder is."""

import filecmp
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).resolve().parents[1] / "programs"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "programs"
FLOOR = [
    line.strip()
    for line in (PROGRAMS / "floor.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]

# PyTorch brings Gloo along; here it is an extra
WITH_GLOO = ("mp/collectives", "mp/data_parallel_ddp")

sys.path.insert(0, str(PROGRAMS))
import run  # noqa: E402


@pytest.fixture(scope="module")
def needs():
    return run.Needs([sys.executable], run.environment())


@pytest.mark.parametrize("name", FLOOR)
def test_program(name, needs):
    if importlib.util.find_spec("rtorch") is None:
        pytest.skip("rtorch is not installed in this Python")
    path = PROGRAMS / f"{name}.py"
    header = run.header(str(path))
    missing = needs.missing(header["requires"])
    if name in WITH_GLOO and importlib.util.find_spec("xoscar") is None:
        missing = [*missing, "xoscar"]
    if missing:
        pytest.skip("not installed: " + ", ".join(missing))
    rc, out, err, _ = run.execute(
        str(PROGRAMS), f"{name}.py", [sys.executable, "-m", "rtorch"], run.environment(), header["timeout"]
    )
    difference = run.compare(path.with_suffix(".expected").read_text(encoding="utf-8"), out, header["tolerance"])
    assert difference is None, "line {}: expected {!r}, got {!r}\n{}".format(*difference, err[-3000:])
    assert rc == 0, err[-3000:]


def test_the_floor_names_programs_once():
    assert FLOOR == sorted(set(FLOOR)), "floor.txt: sorted, each name once"
    assert [n for n in FLOOR if not (PROGRAMS / f"{n}.py").exists()] == []


def test_the_floor_does_not_sink():
    """No name that an earlier commit's floor has is missing now."""

    def git(*args):
        return subprocess.run(["git", *args], cwd=PROGRAMS, capture_output=True, text=True)

    commits = git("log", "-20", "--format=%H", "--", "floor.txt").stdout.split()
    if not commits:
        pytest.skip("no git history here")
    for commit in commits:
        shown = git("show", f"{commit}:./floor.txt").stdout.splitlines()
        before = {line.strip() for line in shown if line.strip() and not line.startswith("#")}
        assert sorted(before - set(FLOOR)) == [], f"in the floor of commit {commit[:9]}"


def test_the_copies_are_the_projects_own():
    if not SHARED.is_dir():
        pytest.skip("no ../shared/programs here")
    ours = {str(p.relative_to(PROGRAMS)) for p in PROGRAMS.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    theirs = {str(p.relative_to(SHARED)) for p in SHARED.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert ours - {"floor.txt"} == theirs
    assert [n for n in sorted(theirs) if not filecmp.cmp(PROGRAMS / n, SHARED / n, shallow=False)] == []
