"""`python -m rtorch script.py`: runs an unmodified PyTorch script with `torch` resolved to rtorch.

What the script can see (sys.argv, sys.path[0], `__main__`, `__file__`, tracebacks, exit codes) is what plain Python
shows. The import hook, and how child processes get it, is in _alias.py.
"""

import builtins
import os
import sys

from rtorch import _alias

USAGE = """\
usage: python -m rtorch [-c code | -m module | script.py | -] [arguments ...]

Runs a PyTorch program on rtorch: `import torch` gives rtorch, in this process and in its children.
Without arguments: an interactive console, or the program on standard input.

  -c code     run code
  -m module   run a module, as python -m does
  -V, --version
  -h, --help
"""


def fresh_main():
    """A new `__main__`; the module object that Python made for us stays alive, but nobody meets it."""
    main = type(sys)("__main__")
    main.__dict__.update(__builtins__=builtins, __annotations__={}, __cached__=None)
    fresh_main.hidden = sys.modules.get("__main__")
    sys.modules["__main__"] = main
    return main


def call(function, *args):
    """Call what runs the user's program, and let an exception reach Python as if the program had been run by it: the
    traceback begins at the program, sys.excepthook (the program's own, if it has set one) gets that traceback, and
    Python itself does the rest (exit status, KeyboardInterrupt, threads, atexit)."""
    try:
        function(*args)
    except SystemExit:
        raise
    except BaseException as e:
        hook = sys.excepthook
        trace = e.__traceback__.tb_next if e.__traceback__ else None
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next

        def excepthook(kind, value, _):
            sys.excepthook = hook
            value.__traceback__ = trace
            hook(kind, value, trace)

        sys.excepthook = excepthook
        raise


def run_source(source, filename, main):
    exec(compile(source, filename, "exec", dont_inherit=True), main.__dict__)


def run_file(path, main):
    import io
    from importlib.machinery import SourceFileLoader, SourcelessFileLoader

    full = os.path.abspath(path)
    main.__file__ = full
    if full.endswith(".pyc"):
        main.__loader__ = SourcelessFileLoader("__main__", full)
        exec(main.__loader__.get_code("__main__"), main.__dict__)
        return
    main.__loader__ = SourceFileLoader("__main__", full)
    with io.open_code(full) as f:
        source = f.read()
    run_source(source, full, main)


def script(path):
    import runpy

    try:
        with open(path, "rb"):
            pass
    except IsADirectoryError:
        pass
    except OSError as e:
        sys.stderr.write(
            f"{sys.executable}: can't open file {os.path.abspath(path)!r}: [Errno {e.errno}] {e.strerror}\n"
        )
        return 2
    main = fresh_main()
    if os.path.isdir(path) or _is_zip(path):
        set_path0(os.path.abspath(path), always=True)
        return call(runpy._run_module_as_main, "__main__", False)
    set_path0(os.path.dirname(os.path.realpath(path)))
    return call(run_file, path, main)


def _is_zip(path):
    if path.endswith((".py", ".pyc")):
        return False
    import zipfile

    return zipfile.is_zipfile(path)


def set_path0(folder, always=False):
    """`python -m` put the current folder first; a script's own folder belongs there."""
    if not sys.flags.safe_path:
        sys.path[0] = folder
    elif always:
        sys.path.insert(0, folder)


def module(name):
    import runpy

    fresh_main()
    return call(runpy._run_module_as_main, name)


def command(code):
    set_path0("")
    return call(run_source, code + "\n", "<string>", fresh_main())


def standard_input():
    set_path0("")
    main = fresh_main()
    if not sys.stdin.isatty():
        return call(run_source, sys.stdin.read(), "<stdin>", main)
    import code

    try:
        import readline
        import rlcompleter  # noqa: F401

        readline.parse_and_bind("tab: complete")
    except ImportError:
        pass
    import rtorch

    main.__dict__["torch"] = rtorch
    code.InteractiveConsole(main.__dict__).interact(f"{versions()}\n`torch` is rtorch here.", exitmsg="")
    return None


def versions():
    import rtorch

    ours = getattr(rtorch, "__version__", "unknown").rpartition("+rtorch")[2]
    return f"rtorch {ours}, Python {sys.version.split()[0]}, {os.path.dirname(os.path.abspath(rtorch.__file__))}"


def main(argv):
    _alias.install()
    _alias.export()
    if not argv:
        sys.argv = [""]
        return standard_input()
    first, rest = argv[0], argv[1:]
    if first in ("-h", "--help"):
        print(USAGE, end="")
        return None
    if first in ("-V", "--version"):
        print(versions())
        return None
    if first == "-":
        sys.argv = argv
        return standard_input()
    if first in ("-c", "-m") or first[:2] in ("-c", "-m"):
        what, rest = (first[2:], rest) if len(first) > 2 else (rest[0] if rest else None, rest[1:])
        if what is None:
            sys.stderr.write(f"Argument expected for the {first} option\n{USAGE}")
            return 2
        sys.argv = [first[:2], *rest]
        return (command if first.startswith("-c") else module)(what)
    if first.startswith("-"):
        sys.stderr.write(f"unknown option {first}\n{USAGE}")
        return 2
    sys.argv = argv
    return script(first)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
