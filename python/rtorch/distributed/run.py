"""torchrun: starts a program in several processes with the environment that `init_process_group` reads, and ends them
all when one fails. `python -m rtorch.distributed.run --nproc-per-node 4 train.py ...`.

There is no rendezvous of its own: the machines are named by --node-rank and --rdzv-endpoint (or --master-addr), and the
processes meet there through Gloo's store.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time

__all__ = ["get_args_parser", "main", "parse_args", "run"]


def get_args_parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser("torchrun", description="Start a program in several processes.", allow_abbrev=False)

    def add(*names, **how):
        every = [n.replace("-", "_") for n in names if n.startswith("--") and "-" in n[2:]]
        # --nproc-per-node and --nproc_per_node
        p.add_argument(*names, *[n.replace("__", "--", 1) for n in every], **how)

    add("--nnodes", default="1", help="how many machines (MIN:MAX is taken as MIN)")
    add("--nproc-per-node", default="1", help='processes on each machine: a number, "cpu", "auto"')
    add("--node-rank", type=int, default=int(os.environ.get("GROUP_RANK", 0)), help="which machine this is, from 0 on")
    add("--rdzv-backend", default="static", choices=["static", "c10d"], help="both mean: meet at the endpoint")
    add("--rdzv-endpoint", default="", help="HOST:PORT where the processes meet, on machine 0")
    add("--rdzv-id", default="none", help="a name for this job")
    add("--rdzv-conf", default="", help="taken for compatibility")
    add("--standalone", action="store_true", help="one machine, any free port")
    add("--max-restarts", type=int, default=0, help="how often all processes are started again after a failure")
    add("--monitor-interval", type=float, default=0.1, help="seconds between two looks at the processes")
    add("--start-method", default="spawn", choices=["spawn", "fork", "forkserver"], help="taken for compatibility")
    add("--role", default="default", help="a name in messages")
    add("-m", "--module", action="store_true", help="the program is a module, as with python -m")
    add("--no-python", action="store_true", help="the program is run as it is, without Python")
    add("--log-dir", default=None, help="a folder for each process's standard output and error")
    add("--master-addr", default="127.0.0.1", help="the address of machine 0")
    add("--master-port", type=int, default=29500, help="the port on machine 0")
    p.add_argument("training_script", help="the program")
    p.add_argument("training_script_args", nargs=argparse.REMAINDER)
    return p


def parse_args(args=None) -> argparse.Namespace:
    return get_args_parser().parse_args(args)


def _processes(said: str) -> int:
    if said in ("cpu", "auto"):
        return os.cpu_count() or 1
    if said == "gpu":
        raise ValueError("--nproc-per-node gpu: there is no GPU that rtorch can use here")
    try:
        n = int(said)
    except ValueError:
        raise ValueError(f"Unsupported nproc_per_node value: {said}") from None
    if n < 1:
        raise ValueError(f"--nproc-per-node {said}: at least one process")
    return n


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _command(args) -> list[str]:
    if args.no_python:
        if args.module:
            raise ValueError("Don't use both the '--no-python' flag and the '--module' flag at the same time.")
        return [args.training_script, *args.training_script_args]
    # the child resolves `torch` to this library, as its parent's caller does
    start = [sys.executable, "-u", "-m", "rtorch"]
    return [*start, *(["-m"] if args.module else []), args.training_script, *args.training_script_args]


def _end(processes: list[subprocess.Popen], how: int = signal.SIGTERM) -> None:
    for p in processes:
        if p.poll() is None:
            p.send_signal(how)
    until = time.monotonic() + 10
    for p in processes:
        try:
            p.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


def _once(args, n: int, nodes: int, host: str, port: int, attempt: int) -> tuple[int, int] | None:
    """Start the processes and wait for them: None when all end well, else which one failed, with its status."""
    processes = []
    files = []
    try:
        for i in range(n):
            environ = dict(
                os.environ,
                RANK=str(args.node_rank * n + i),
                LOCAL_RANK=str(i),
                GROUP_RANK=str(args.node_rank),
                ROLE_RANK=str(args.node_rank * n + i),
                WORLD_SIZE=str(nodes * n),
                LOCAL_WORLD_SIZE=str(n),
                GROUP_WORLD_SIZE=str(nodes),
                ROLE_WORLD_SIZE=str(nodes * n),
                ROLE_NAME=args.role,
                MASTER_ADDR=host,
                MASTER_PORT=str(port),
                TORCHELASTIC_RESTART_COUNT=str(attempt),
                TORCHELASTIC_MAX_RESTARTS=str(args.max_restarts),
                TORCHELASTIC_RUN_ID=args.rdzv_id,
            )
            if n > 1:
                environ.setdefault("OMP_NUM_THREADS", "1")
            out = None
            if args.log_dir is not None:
                folder = os.path.join(args.log_dir, args.rdzv_id, f"attempt_{attempt}")
                os.makedirs(folder, exist_ok=True)
                out = open(os.path.join(folder, f"{environ['RANK']}.log"), "wb")  # noqa: SIM115
                files.append(out)
            processes.append(subprocess.Popen(_command(args), env=environ, stdout=out, stderr=out))
        while True:
            states = [p.poll() for p in processes]
            failed = next((i for i, s in enumerate(states) if s not in (None, 0)), None)
            if failed is not None:
                return failed, states[failed] or 0
            if all(s == 0 for s in states):
                return None
            time.sleep(args.monitor_interval)
    finally:
        _end(processes)
        for f in files:
            f.close()


def run(args) -> None:
    """Start the program, again after a failure where --max-restarts allows; raises SystemExit when it has failed."""
    n, nodes = _processes(args.nproc_per_node), int(str(args.nnodes).partition(":")[0])
    host, port = args.master_addr, args.master_port
    if args.rdzv_endpoint:
        host, _, said = args.rdzv_endpoint.rpartition(":")
        host, port = (host, int(said)) if host else (said, args.master_port)
    own = args.standalone or (nodes == 1 and (not args.rdzv_endpoint or port == 0) and args.master_port == 29500)
    if nodes > 1 and (args.standalone or not port):
        raise ValueError("several machines need --rdzv-endpoint HOST:PORT, the same on all of them")
    attempt = 0
    while True:
        if own:
            host, port = "127.0.0.1", _free_port()
        failed = _once(args, n, nodes, host, port, attempt)
        if failed is None:
            return
        i, status = failed
        rank = args.node_rank * n + i
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit code {status}"
        print(f"torchrun: process {rank} (local {i}) {how}", file=sys.stderr)
        if attempt >= args.max_restarts:
            raise SystemExit(1)
        attempt += 1
        print(f"torchrun: starting all processes again ({attempt} of {args.max_restarts})", file=sys.stderr)


def main(args=None) -> None:
    """The command."""

    def stop(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        run(parse_args(args))
    except ValueError as e:
        sys.exit(f"torchrun: {e}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
