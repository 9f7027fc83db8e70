"""`python -m rtorch`: the alias, the script's surroundings, children. A stand-in package (the real launcher, no core)
keeps these quick; the last tests use the installed rtorch."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "python" / "rtorch"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A folder with a tiny package `rtorch` that has the real launcher in it."""
    root = tmp_path_factory.mktemp("stand-in")
    ours = root / "rtorch"
    (ours / "nn").mkdir(parents=True)
    for name in ("_alias.py", "__main__.py", "_child"):
        (ours / name).symlink_to(SOURCE / name)
    (ours / "__init__.py").write_text('__version__ = "0.0"\nfrom . import nn\nclass Tensor: pass\n')
    (ours / "nn" / "__init__.py").write_text("class Module: pass\n")
    (ours / "nn" / "functional.py").write_text("def relu(x): return max(x, 0)\n")
    (ours / "needs.py").write_text("import no_such_dependency\n")
    (ours / "tool.py").write_text("import sys\nprint(__name__, sys.argv[1:])\n")
    return root


@pytest.fixture
def run(package, tmp_path):
    def run(*args, text=None, stdin="", env=(), python=()):
        if text is not None:
            (tmp_path / "script.py").write_text(textwrap.dedent(text))
            args = ("script.py", *args)
        environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON") and k != "RTORCH_ALIAS"}
        environ["PYTHONPATH"] = str(package)
        environ.update(env)
        command = [sys.executable, *python, "-m", "rtorch", *map(str, args)]
        return subprocess.run(
            command, cwd=tmp_path, env=environ, input=stdin, capture_output=True, text=True, timeout=60
        )

    return run


def out(result):
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_torch_is_rtorch_and_the_same_objects(run):
    text = """
    import torch, torch.nn as nn, torch.nn.functional as F, rtorch.nn.functional, sys, importlib
    from torch.nn import Module
    print(torch is sys.modules["rtorch"], nn is torch.nn, F is rtorch.nn.functional, Module is rtorch.nn.Module)
    print(torch.nn.__spec__.name, F.__name__, importlib.import_module("torch.nn.functional") is F)
    print(importlib.util.find_spec("torch") is not None, importlib.util.find_spec("torch.nope"))
    """
    assert out(run(text=text)) == ["True True True True", "rtorch.nn torch.nn.functional True", "True None"]


def test_absent_submodule_is_named(run):
    r = run(text="import torch.foo")
    assert r.returncode == 1
    assert r.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'torch.foo' (rtorch has no 'rtorch.foo')"
    r = run(text="import torch.needs")
    assert r.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'no_such_dependency'"
    r = run(text="import torchvision")
    assert "No module named 'torchvision'" in r.stderr or "torch" in r.stderr


def test_surroundings_are_those_of_plain_python(run, tmp_path):
    text = """
    import sys, os
    print(sys.argv, __name__, __file__, sys.path[0], __package__, __spec__, __doc__)
    print(sorted(k for k in globals() if k.startswith("__")), sys.modules["__main__"].__dict__ is globals())
    """
    ours = out(run("a", "--b", "-c", text=text))
    plain = subprocess.run(
        [sys.executable, "script.py", "a", "--b", "-c"], cwd=tmp_path, capture_output=True, text=True
    )
    assert ours == plain.stdout.splitlines()


@pytest.mark.parametrize(
    "body",
    [
        "1 / 0",
        "def f():\n    raise KeyError(3)\nf()",
        "x = (",
        "raise SystemExit('words')",
        "raise SystemExit(7)",
        "import sys; sys.exit()",
        "import sys; sys.excepthook = lambda *a: print('mine', a[2].tb_lineno)\n1/0",
    ],
)
def test_tracebacks_and_exit_codes_are_those_of_plain_python(run, tmp_path, body):
    ours = run(text=body)
    plain = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)


def test_interrupt_ends_by_the_signal(run):
    r = run(text="import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)")
    assert r.returncode == -signal.SIGINT
    assert "rtorch" not in r.stderr


def test_missing_script(run):
    r = run("absent.py")
    assert r.returncode == 2
    assert "can't open file" in r.stderr
    assert "absent.py" in r.stderr


def test_command_module_stdin_folder(run, tmp_path):
    assert out(run("-c", "import torch, sys; print(torch.__spec__.name, sys.argv, repr(sys.path[0]))", "x")) == [
        "rtorch ['-c', 'x'] ''"
    ]
    (tmp_path / "prog.py").write_text(
        "import torch, sys\nprint(torch.__spec__.name, __name__, __spec__.name, sys.argv[1:])\n"
    )
    assert out(run("-m", "prog", "y")) == ["rtorch __main__ prog ['y']"]
    assert out(run("-m", "torch.tool", "z")) == ["__main__ ['z']"]
    assert out(run(stdin="import torch; print(torch.__spec__.name, __name__)")) == ["rtorch __main__"]
    assert out(run("-", "a", stdin="import sys; print(sys.argv)")) == ["['-', 'a']"]
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text("import torch, sys\nprint(torch.__spec__.name, sys.path[0])\n")
    assert out(run("app")) == [f"rtorch {tmp_path / 'app'}"]
    assert out(run("--version"))[0].startswith("rtorch 0.0, Python 3.")
    assert "usage" in out(run("--help"))[0]


SPAWN = """
import multiprocessing as mp, subprocess, sys, os
import torch

class Point:
    def __init__(self, x): self.x = x

def work(p):
    import torch.nn
    return p.x * 2, torch.__spec__.name, type(p).__module__, "rtorch" in sys.modules

if __name__ == "__main__":
    with mp.get_context(sys.argv[1]).Pool(1) as pool:
        print(*pool.map(work, [Point(2)]))
"""


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing(run, method):
    line = "(4, 'rtorch', '__main__', True)" if method == "fork" else "(4, 'rtorch', '__mp_main__', True)"
    assert out(run(method, text=SPAWN)) == [line]


def test_subprocess_and_its_folder(run, tmp_path):
    """The child starts elsewhere and with another PYTHONPATH entry of its own; its children inherit too."""
    text = """
    import subprocess, sys, os
    os.mkdir("elsewhere")
    inner = "import torch; print(torch.__spec__.name, torch.__file__)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], check=True)"
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in os.environ["PYTHONPATH"].split(os.pathsep) if "_child" in p))
    subprocess.run([sys.executable, "-c", code], check=True, cwd="elsewhere", env=env)
    subprocess.run([sys.executable, "-c", "import sys; print([p for p in sys.path if '_child' in p])"], check=True)
    """
    first, second = out(run(text=text))
    assert first.startswith("rtorch ")
    assert second == "[]"


def test_existing_sitecustomize_still_runs(run, tmp_path, package):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import builtins\nbuiltins.marked = __name__\n")
    text = """
    import subprocess, sys
    subprocess.run([sys.executable, "-c", "import torch, sys; print(marked, torch.__spec__.name, sys.modules['sitecustomize'].__file__)"], check=True)
    """
    result = run(text=text, env={"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(package)])})
    assert out(result) == [f"sitecustomize rtorch {tmp_path / 'site' / 'sitecustomize.py'}"]


def test_another_python_is_left_alone(run):
    text = """
    import os, subprocess, sys
    env = dict(os.environ, RTORCH_ALIAS="/another/prefix")
    print(subprocess.run([sys.executable, "-S", "-c", "import torch"], env=env, capture_output=True, text=True).stderr.splitlines()[-1])
    r = subprocess.run([sys.executable, "-c", "import sys; print([f for f in sys.meta_path if getattr(f, '__name__', '') == 'AliasFinder'])"], env=env, capture_output=True, text=True)
    print(r.stdout.strip(), r.stderr)
    """
    assert out(run(text=text))[1].strip() == "[]"


def test_installed_rtorch_runs_a_script(tmp_path):
    probe = [sys.executable, "-c", "import rtorch; rtorch._C.__spec__.name; rtorch.ones"]
    if subprocess.run(probe, cwd=tmp_path, capture_output=True).returncode:
        pytest.skip("rtorch is not installed in this Python")
    (tmp_path / "s.py").write_text("import torch\nprint(torch.__spec__.name, type(torch.ones(2)).__name__)\n")
    r = subprocess.run([sys.executable, "-m", "rtorch", "s.py"], cwd=tmp_path, capture_output=True, text=True)
    assert r.stdout.split() == ["rtorch", "Tensor"], r.stderr


def test_install_in_a_notebook(tmp_path):
    """`%load_ext rtorch` calls load_ipython_extension: this process and its children have the alias then."""
    code = """
        import subprocess, sys
        import rtorch
        rtorch.load_ipython_extension(None)
        import torch, torchvision
        import torch.nn.functional as F
        assert torch is rtorch and F is rtorch.nn.functional and torchvision is rtorch.vision
        subprocess.run([sys.executable, "-c", "import torch; print(torch.__spec__.name)"], check=True)
        """
    environ = {k: v for k, v in os.environ.items() if k != "RTORCH_ALIAS"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, env=environ, cwd=tmp_path
    )
    assert (done.returncode, done.stdout.strip()) == (0, "rtorch"), done.stderr


def test_metadata_agrees_with_the_module(tmp_path):
    code = """
        import importlib.metadata, torch, torchvision
        print(importlib.metadata.version("torch") == torch.__version__, importlib.metadata.version("torchvision") == torchvision.__version__)
        try:
            importlib.metadata.version("no-such-package")
        except importlib.metadata.PackageNotFoundError:
            print("none")
        """
    done = subprocess.run(
        [sys.executable, "-m", "rtorch", "-c", textwrap.dedent(code)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.split() == ["True", "True", "none"], done.stderr


def test_classes_bear_pytorchs_names(tmp_path):
    """print(type(model)) as in a notebook; pickles and inspect find the classes under these names."""
    code = """
        import inspect, pickle, torch, torchvision
        print(type(torch.nn.Linear(1, 1)), torchvision.models.ResNet, torch.optim.SGD)
        print(pickle.loads(pickle.dumps(torch.nn.ReLU())), "class Linear" in inspect.getsource(torch.nn.Linear))
        """
    done = subprocess.run(
        [sys.executable, "-m", "rtorch", "-c", textwrap.dedent(code)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.splitlines() == [
        "<class 'torch.nn.modules.linear.Linear'> <class 'torchvision.models.resnet.ResNet'> <class 'torch.optim.sgd.SGD'>",
        "ReLU() True",
    ], done.stderr


def test_warnings_show_the_users_line_under_pytorchs_names(run):
    r = run(
        text="""
        import torch, warnings
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            x = torch.randn(3, 4, requires_grad=True)
            torch.nn.CrossEntropyLoss()(torch.softmax(x, 1), torch.tensor([0, 1, 2]))
        print([(w.filename.rpartition("/")[2], w.lineno) for w in seen])
        """,
        env={"PYTHONPATH": ""},
    )
    assert r.stdout.strip() == "[('script.py', 6)]", r.stdout + r.stderr
