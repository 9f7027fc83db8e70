"""Random kills of loader workers, of peers of a process group, and of processes that save: `make faults`.

    python tests/faults.py [200] [--seed N|random] [--only worker,peer,saver]

Each fault starts a program of its own session, kills one of its processes at a random moment by a random signal, and
looks at what is left: the program must end in time with one error of a readable paragraph that says what happened (a
killed saver cannot speak: there the file is the old one or the new one, whole); no process, no shared memory and no file
may stay behind. RELIABILITY.md has the figures. Exit status 0 if every fault ended so.
"""

import argparse
import collections
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

# (The pids are written in one piece: several processes write.)
WORKER = r"""
import os, sys, time
import rtorch as torch
from rtorch.utils.data import DataLoader, Dataset

class Slow(Dataset):
    def __len__(self):
        return 10**6
    def __getitem__(self, i):
        time.sleep(0.001)
        return torch.full((1000,), float(i))

def tell(worker):
    os.write(1, b"pid %d\n" % os.getpid())

if __name__ == "__main__":
    start = sys.argv[1]
    loader = DataLoader(Slow(), batch_size=8, num_workers=2, worker_init_fn=tell, multiprocessing_context=start)
    for batch in loader:
        pass
"""

PEER = r"""
import os, sys
from datetime import timedelta
import rtorch as torch
import rtorch.distributed as dist

meeting, rank, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
# Gloo signals no operation whose bytes have come in part when the connection closes: then the timeout ends it.
wait = timedelta(seconds=20)
dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size, timeout=wait)
os.write(1, b"pid %d\n" % os.getpid())
n = 1
while True:
    t = torch.ones(n)
    dist.all_reduce(t)
    assert t[0].item() == size
    n = n * 7 % 100003 + 1
"""

SAVER = r"""
import os, sys
import rtorch as torch

path, version = sys.argv[1], int(sys.argv[2])
os.write(1, b"pid %d\n" % os.getpid())
while True:
    version += 1
    torch.save({"version": version, "parts": [torch.full((200_000,), float(version)) for _ in range(4)]}, path)
"""

SIGNALS = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT]


def session(leader):
    """The living processes of a session."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as f:
                    fields = f.read().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z" and int(fields[3]) == leader:
                found.append(int(name))
    return found


class Program:
    """Programs, each in a session of its own: their standard output as lines, their errors in a file each."""

    def __init__(self, folder, *commands):
        self.errors = [open(os.path.join(folder, f"stderr{i}"), "w") for i in range(len(commands))]
        env = dict(os.environ, PYTHONUNBUFFERED="1", OMP_NUM_THREADS="1")
        self.all = []
        for command, errors in zip(commands, self.errors):
            p = subprocess.Popen(
                [sys.executable, *command],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=env,
                start_new_session=True,
            )
            self.all.append(p)
        self.pids = []

    def wait_for_pids(self, each):
        """Reads `pid N` lines until there are so many of each program."""
        for p in self.all:
            seen = 0
            while seen < each:
                line = p.stdout.readline()
                if not line:
                    raise RuntimeError("the program ended before its time: " + self.said())
                if line.startswith("pid "):
                    self.pids.append(int(line[4:]))
                    seen += 1

    def said(self):
        text = []
        for errors in self.errors:
            with open(errors.name) as f:
                text.append(f.read())
        return "\n".join(text)

    def end(self, seconds):
        """Waits; what is still alive after that is a failure, and is killed. The exit codes, or None for a hang."""
        until = time.monotonic() + seconds
        hung = False
        for p in self.all:
            try:
                p.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                hung = True
        left = []
        for _ in range(20):  # a worker that notices the end of its parent needs a moment
            left = [pid for p in self.all for pid in session(p.pid)]
            if hung or not left:
                break
            time.sleep(0.1)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        for p in self.all:
            p.wait()
            p.stdout.close()
        text = self.said()
        for errors in self.errors:
            errors.close()
        return ("hang" if hung else "left processes" if left else None), text


def paragraph(text):
    """The last exception's text, from its class on."""
    found = list(re.finditer(r"^[\w.]*(?:Error|Exception|Interrupt)\b.*", text, re.M))
    return text[found[-1].start() :].strip() if found else ""


def unreadable(text, *words):
    """Why this is no readable paragraph that has one of these words; None if it is one."""
    p = paragraph(text)
    if not p:
        return f"no error was said: {text[-300:]!r}"
    if len(p) > 1200 or p.count("\n") > 12:
        return f"more than a paragraph: {p[:300]!r}"
    if not any(w in p for w in words):
        return f"does not say what happened: {p[:300]!r}"
    return None


def script(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def worker(rng, folder):
    start = rng.choice(["fork", "fork", "spawn", "forkserver"])
    sig = rng.choice(SIGNALS)
    p = Program(folder, [script(folder, "worker_program.py", WORKER), start])
    p.wait_for_pids(2)
    time.sleep(rng.random() * 0.3)
    os.kill(rng.choice(p.pids), sig)
    wrong, text = p.end(60)
    name = {signal.SIGKILL: "Killed", signal.SIGTERM: "Terminated", signal.SIGSEGV: "Segmentation", signal.SIGBUS: "Bus error", signal.SIGABRT: "Aborted"}[sig]
    return f"{start} {name}", wrong or unreadable(text, name)


def peer(rng, folder):
    size, sig = rng.choice([2, 3]), rng.choice(SIGNALS)
    path, meeting = script(folder, "peer_program.py", PEER), os.path.join(folder, "meeting")
    p = Program(folder, *[[path, meeting, str(r), str(size)] for r in range(size)])
    p.wait_for_pids(1)
    time.sleep(rng.random() * 0.2)
    victim = rng.randrange(size)
    p.all[victim].send_signal(sig)
    wrong, text = p.end(60)
    if not wrong and len(re.findall(r"^[\w.]*Error\b", text, re.M)) < size - 1:
        wrong = f"not every peer said so: {text[-300:]!r}"
    late = " (by timeout)" if "imed out" in text else ""
    return f"{size} peers{late}", wrong or unreadable(text, "peer", "process", "rank", "connection")


def saver(rng, folder):
    import rtorch as torch

    path = os.path.join(folder, "model.pt")
    version = rng.randrange(1000)
    torch.save({"version": version, "parts": [torch.full((200_000,), float(version)) for _ in range(4)]}, path)
    p = Program(folder, [script(folder, "saver_program.py", SAVER), path, str(version)])
    p.wait_for_pids(1)
    time.sleep(rng.random() * 0.1)
    p.all[0].send_signal(signal.SIGKILL)
    wrong, _ = p.end(30)
    if not wrong:
        state = torch.load(path)
        whole = all(bool((t == float(state["version"])).all()) and t.numel() == 200_000 for t in state["parts"])
        if state["version"] < version or not whole or len(state["parts"]) != 4:
            wrong = f"the file is neither the old nor the new one: version {state['version']} of {version}"
    os.unlink(path)
    return "kill", wrong


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("n", nargs="?", type=int, default=200)
    ap.add_argument("--seed", default="0")
    ap.add_argument("--only", default="worker,peer,saver")
    options = ap.parse_args()
    seed = random.randrange(10**6) if options.seed == "random" else int(options.seed)
    rng = random.Random(seed)
    kinds = {k: globals()[k] for k in options.only.split(",")}
    if "peer" in kinds:
        from rtorch.distributed import is_gloo_available

        if not is_gloo_available():
            print("no Gloo (pip install 'rtorch[distributed]'): peers are left out")
            del kinds["peer"]
    count, late, failures, start = collections.Counter(), 0, [], time.monotonic()
    for i in range(options.n):
        kind = list(kinds)[i % len(kinds)]
        shared = set(os.listdir("/dev/shm"))
        with tempfile.TemporaryDirectory() as folder:
            what, wrong = kinds[kind](rng, folder)
            known = ("worker_program.py", "peer_program.py", "saver_program.py")
            files = [f for f in os.listdir(folder) if f not in known and not f.startswith(("__pycache__", "stderr"))]
        wrong = wrong or (f"files left behind: {files}" if files else None)
        more = set(os.listdir("/dev/shm")) - shared
        wrong = wrong or (f"shared memory left behind: {sorted(more)}" if more else None)
        count[kind] += 1
        late += what.endswith("(by timeout)")
        if wrong:
            failures.append((i, kind, what, wrong))
            print(f"fault {i}: {kind} ({what}): {wrong}", flush=True)
    seconds = time.monotonic() - start
    killed = ", ".join(f"{v} {k}s" for k, v in count.items())
    print(f"seed {seed}: {killed} killed; {late} noticed by a timeout; {len(failures)} not as they should; {seconds:.0f} s")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
