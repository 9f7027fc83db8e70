"""The stubs as a user's type checker reads them."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")
ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """\
from typing import assert_type
import rtorch as torch
from rtorch import Tensor

x = torch.zeros(2, 3, dtype=torch.float32, requires_grad=True)
y = torch.zeros((2, 3), device="cpu")
assert_type(x + 1, Tensor)
assert_type(1 / x, Tensor)
assert_type(x.sum(dim=0, keepdim=True), Tensor)
assert_type(torch.aminmax(x).max, Tensor)
assert_type(x.shape[0], int)
assert_type(x.shape[1:], torch.Size)
assert_type(x.split(2), tuple[Tensor, ...])
assert_type(x.dtype, torch.dtype)
assert_type(x.float().int().view(-1, 2), Tensor)
assert_type(torch.nn.functional.gelu(x, approximate="tanh"), Tensor)
torch.add(x, 2.0, alpha=3, out=y)
class Mine(Tensor): ...
assert_type(Mine().add_(y), Mine)
torch.tanh(1)  # wrong: a number
x.sum(dims=0)  # wrong: no such parameter
x.no_such_method()  # wrong
torch.no_such_function  # wrong
"""


def test_a_users_program_is_checked(tmp_path):
    file = tmp_path / "user.py"
    file.write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file=", str(file)]
    # As a user's mypy sees it: the installed package, by its py.typed.
    run = subprocess.run(command, cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True)
    found = {int(line.split(":")[1]) for line in run.stdout.splitlines() if ": error:" in line}
    wrong = {i for i, line in enumerate(PROGRAM.splitlines(), 1) if "# wrong" in line}
    assert found == wrong, run.stdout + run.stderr


def test_the_stubs_are_up_to_date():
    run = subprocess.run([sys.executable, str(ROOT / "tests" / "stubs.py"), "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
