"""torch.distributed over Gloo and MPI, DistributedDataParallel, torchrun: real processes (programs_distributed.py)."""

import os
import shutil
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "programs_distributed.py")


def needs_gloo():
    from rtorch.distributed import is_gloo_available

    if not is_gloo_available():
        pytest.skip("no Gloo (xoscar) here")


def start(*command, **environ):
    env = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")}
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env={**env, **environ})


def torchrun(*args, **environ):
    return start(sys.executable, "-m", "rtorch.distributed.run", *args, **environ)


@pytest.mark.parametrize(
    "name, n", [("collectives", 3), ("gradients", 3), ("ddp", 3), ("join", 3), ("hook", 2), ("zero", 2), ("mesh", 4)]
)
def test_gloo(name, n):
    needs_gloo()
    r = torchrun("--nproc-per-node", str(n), PROGRAM, name)
    assert r.returncode == 0, r.stdout + r.stderr
    assert r.stdout.count(f"done {name}") == n or r.stdout.count("done") == n


def test_a_peer_that_dies_is_an_error_on_the_others():
    needs_gloo()
    r = torchrun("--nproc-per-node", "3", PROGRAM, "peer_dies")
    assert r.returncode == 1
    assert r.stdout.count("noticed") == 2
    assert "process 2 (local 2) ended with exit code 17" in r.stderr


@pytest.mark.parametrize("name", ["collectives", "ddp"])
def test_mpi(name):
    pytest.importorskip("mpi4py")
    mpiexec = shutil.which("mpiexec", path=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
    if mpiexec is None:
        pytest.skip("no mpiexec")
    r = start(mpiexec, "-n", "2", sys.executable, PROGRAM, name, "mpi")
    assert r.returncode == 0, r.stdout + r.stderr
    assert r.stdout.count("done") == 2


def test_torchrun_starts_again(tmp_path):
    script = tmp_path / "s.py"
    script.write_text(
        "import os, sys\n"
        "import torch\n"
        "e = os.environ\n"
        "line = [e['RANK'], e['LOCAL_RANK'], e['WORLD_SIZE'], str(torch.distributed.is_torchelastic_launched()), *sys.argv[1:]]\n"
        "sys.stdout.flush(); os.write(1, (' '.join(line) + '\\n').encode())  # in one piece: two processes write\n"
        "sys.exit(3 if e['TORCHELASTIC_RESTART_COUNT'] == '0' and e['RANK'] == '1' else 0)\n"
    )
    r = torchrun("--nproc_per_node=2", "--max-restarts=1", str(script), "--lr", "1")
    assert r.returncode == 0, r.stderr
    assert "process 1 (local 1) ended with exit code 3" in r.stderr
    assert "1 1 2 True --lr 1" in r.stdout
    assert torchrun("--nproc-per-node", "2", str(script)).returncode == 1


def test_what_is_wrong_is_said():
    needs_gloo()
    r = start(sys.executable, "-c", "import rtorch.distributed as d; d.init_process_group('gloo')")
    assert "RANK expected, but not set" in r.stderr and "torchrun" in r.stderr
    r = start(sys.executable, "-c", "import rtorch.distributed as d; d.all_reduce(__import__('rtorch').ones(1))")
    assert "Default process group has not been initialized" in r.stderr
