"""The command `torch.utils.bottleneck`: a script is run under cProfile and under the profiler of operators."""

import argparse
import contextlib
import cProfile
import os
import platform
import pstats
import sys

import rtorch
from rtorch.autograd.profiler import profile

ROWS = 15
LINE = "-" * 80


def run(code, script, arguments):
    """Runs the script as `__main__`, each time anew. A script that ends by `sys.exit` has ended."""
    sys.argv = [script, *arguments]
    names = {"__name__": "__main__", "__file__": script, "__builtins__": __builtins__, "__package__": None}
    with contextlib.suppress(SystemExit):
        exec(code, names, None)


def heading(text):
    print(f"{LINE}\n  {text}\n{LINE}")


def environment():
    threads = rtorch.get_num_threads()
    cuda = "with CUDA" if rtorch.cuda.is_available() else "no CUDA"
    print(f"PyTorch {rtorch.__version__} ({cuda}), Python {platform.python_version()}, {platform.platform()}")
    print(f"{os.cpu_count()} CPUs, {threads} thread{'s' * (threads != 1)} for kernels\n")


def python_part(counted):
    table = pstats.Stats(counted).sort_stats("tottime")
    table.print_stats(ROWS)


def operator_part(events):
    print(f"        top {ROWS} operators by the CPU time of all their calls\n")
    print(events.key_averages().table(sort_by="cpu_time_total", row_limit=ROWS))


def main():
    parser = argparse.ArgumentParser(
        prog="torch.utils.bottleneck",
        description="Runs a script twice, under Python's profiler and under that of operators, and prints where the "
        "time went. The script must end by itself, and within a time that you can wait for.",
    )
    parser.add_argument("scriptfile", help="the script to be run")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="arguments of the script")
    given = parser.parse_args()
    try:
        with open(given.scriptfile, "rb") as f:
            code = compile(f.read(), given.scriptfile, "exec")
    except OSError as e:
        raise SystemExit(f"torch.utils.bottleneck: {given.scriptfile} cannot be read: {e.strerror}") from None
    sys.path[0] = os.path.dirname(os.path.abspath(given.scriptfile))

    print("Running your script with cProfile")
    counted = cProfile.Profile()
    counted.runcall(run, code, given.scriptfile, given.args)
    print("Running your script with the autograd profiler...")
    with profile() as events:
        run(code, given.scriptfile, given.args)

    heading("Environment Summary")
    environment()
    heading("cProfile output")
    python_part(counted)
    heading("autograd profiler output (CPU mode)")
    operator_part(events)
    return 0


if __name__ == "__main__":
    sys.exit(main())
