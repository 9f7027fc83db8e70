"""Adding an operator is one literal in one file: applies the diff that CONTRIBUTING.md shows to a copy of the tree, builds it,
and finds the function, the method, the in-place and `out=` forms, the stub, the page, the tests and the CUDA text.

The copy and its cargo target stay in .cache/one-literal, so that a second run builds one crate only. `--check` does all but
the building: the diff applies and touches one file of src/ops."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".cache" / "one-literal"
TREE = HOME / "tree"

PROBE = """
import math
import sys
sys.path.insert(0, "tests")
import rtorch
from rtorch import _C
assert _C.__file__.startswith(sys.argv[1]), _C.__file__

values = [-3.0, -0.5, 0.0, 0.25, 4.0]
want = [v / math.sqrt(1 + v * v) for v in values]
x = rtorch.tensor(values, dtype=rtorch.float64)
near = lambda t: all(abs(a - b) < 1e-14 for a, b in zip(t.tolist(), want))
assert near(rtorch.zz_probe(x)), "function"
assert near(x.zz_probe()), "method"
assert near(rtorch.zz_probe(input=x)), "keyword"
out = rtorch.empty(0, dtype=rtorch.float64)
assert rtorch.zz_probe(x, out=out) is out and near(out), "out="
y = x.clone()
assert y.zz_probe_() is y and near(y), "in place"
x.requires_grad_()
z = x.zz_probe()
assert z.grad_fn.name() == "ZzProbeBackward0", "node name"
z.sum().backward()
assert all(abs(g - (1 + v * v) ** -1.5) < 1e-12 for g, v in zip(x.grad.tolist(), values)), "gradient"
try:
    rtorch.zz_probe("x")
except TypeError as e:
    assert "zz_probe(): argument 'input'" in str(e), e
else:
    raise AssertionError("no TypeError")
texts = dict(_C._cuda_text("zz_probe"))
assert {"zz_probe_float32", "zz_probe_float32_grad", "zz_probe_bfloat16"} <= texts.keys(), "CUDA text"
import cuda_check
import cuda_text
nvrtc = cuda_text.Nvrtc.find()
if nvrtc is None:
    print("NVRTC is not installed: the CUDA text is not compiled")
else:
    found, errors = cuda_check.compile_unit(nvrtc, list(texts), texts, "sm_90", cuda_text.headers())
    assert not errors and found.keys() == texts.keys(), errors
print(f"function, method, in-place, out=, node name, gradient, TypeError, CUDA text ({len(texts)} kernels)")
"""


def diff():
    """The diff in CONTRIBUTING.md."""
    found = re.findall(r"```diff\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S)
    if len(found) != 1:
        raise SystemExit(f"CONTRIBUTING.md has {len(found)} diffs, one was expected")
    files = re.findall(r"^\+\+\+ b/(\S+)$", found[0], re.M)
    if len(files) != 1 or not re.fullmatch(r"src/ops/\w+\.rs", files[0]) or "fn zz_probe(" not in found[0]:
        raise SystemExit(f"the diff must add zz_probe to one file of src/ops, not {files}")
    return found[0]


def copy():
    """Brings the copy up to date; a file that is the same keeps its time, so that cargo builds nothing for it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    names = {n for n in listed.stdout.decode().split("\0") if n and (ROOT / n).exists()}
    for n in names:
        source, target = ROOT / n, TREE / n
        if source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.is_symlink():
                target.symlink_to(os.readlink(source))
            continue
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    for old in [p for p in TREE.rglob("*") if (p.is_file() or p.is_symlink()) and str(p.relative_to(TREE)) not in names]:
        old.unlink()


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], cwd=TREE, capture_output=True, text=True, **more)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command[:4]))} ... failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def main():
    began, patch = time.time(), diff()
    apply = ["git", "apply", "--whitespace=nowarn"]
    subprocess.run([*apply, "--check", "-"], cwd=ROOT, input=patch, text=True, check=True)
    if "--check" in sys.argv:
        return
    copy()
    # `git apply` outside of a repository: it would look for the index of the one around.
    run(*apply, "-", input=patch, env={**os.environ, "GIT_CEILING_DIRECTORIES": str(HOME)})
    target = HOME / "target"
    build = {**os.environ, "CARGO_TARGET_DIR": str(target), "PYO3_BUILD_EXTENSION_MODULE": "1", "PYO3_PYTHON": sys.executable}
    # Not optimised: it is built to be looked at, and a third of the time is saved.
    plain = ["--profile", "edit", "--config", "profile.edit.opt-level=0"]
    run("cargo", "build", *plain, "-p", "rtorch-python", env=build)
    built = time.time()
    shutil.copyfile(target / "edit" / "lib_C.so", TREE / "python" / "rtorch" / "_C.abi3.so")
    environment = {**os.environ, "PYTHONPATH": str(TREE / "python")}
    python = lambda *a: run(sys.executable, *a, env=environment)
    print(python("-c", PROBE, TREE).strip())
    python("tests/stubs.py")
    for name, text in (("_C.pyi", "    def zz_probe(self) -> Tensor:"), ("__init__.pyi", "def zz_probe(input: Tensor, *, out:")):
        assert text in (TREE / "python" / "rtorch" / name).read_text(), f"no stub in {name}"
    python("tests/docs.py", HOME / "docs")
    assert "ZzProbeBackward0" in (HOME / "docs" / "operators" / "zz_probe.html").read_text(), "no page"
    tests = python("-m", "pytest", "tests/python/test_operators.py", "-q", "-k", "zz_probe", "-p", "no:cacheprovider")
    count = int(re.search(r"(\d+) passed", tests)[1]) if "passed" in tests else tests.count(".")
    assert count >= 5, tests
    print(f"stubs, page, {count} generated tests")
    print(f"one-literal: {built - began:.0f} s to build, {time.time() - built:.0f} s to look")


if __name__ == "__main__":
    main()
