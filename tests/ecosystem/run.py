"""Other people's packages on rtorch: runs each program of `programs/` as `python -m rtorch program.py` and holds its
numbers against those that PyTorch gave (`recorded.json`); runs two test suites; writes `docs/ecosystem.md`.

    run.py [NAME ...]          in target/ecosystem, an environment of its own (made at the first run)
    run.py --record [NAME ...] asks RTORCH_ORACLE, a Python with PyTorch, for the numbers
    run.py --everywhere        also in a child process, and (with RTORCH_ORACLE) beside an installed PyTorch
"""

import argparse
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tarfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VENV = ROOT / "target" / "ecosystem" / "venv"
RECORDED = HERE / "recorded.json"
PAGE = ROOT / "docs" / "ecosystem.md"
LIMIT = 600  # seconds for a program
TOLERANCE = 1e-4  # of a number, where TOLERANCES has none
# Where small differences of rounding grow: adaptive steps, batch statistics of few values, samplers.
TOLERANCES = {"timm_models": 1e-3, "x_transformers_lm": 1e-3, "pyro_models": 1e-3}

# program -> the distributions it shows
PACKAGES = {
    "einops_layers": ["einops"],
    "torchinfo_summary": ["torchinfo"],
    "torchmetrics_several": ["torchmetrics"],
    "safetensors_files": ["safetensors"],
    "timm_models": ["timm"],
    "transformers_bert_gpt2": ["transformers"],
    "torchdiffeq_ode": ["torchdiffeq"],
    "x_transformers_lm": ["x-transformers"],
    "skorch_digits": ["skorch"],
    "lightning_digits": ["lightning"],
    "sb3_ppo": ["stable-baselines3"],
    "gpytorch_regression": ["gpytorch", "linear-operator"],
    "pyro_models": ["pyro-ppl"],
    "accelerate_loop": ["accelerate", "peft"],
    "kornia_images": ["kornia"],
    "torch_geometric_graphs": ["torch-geometric"],
    "metric_learning": ["pytorch-metric-learning"],
    "sde_and_transport": ["torchsde", "geomloss"],
    "captum_attributions": ["captum"],
    "opacus_private": ["opacus"],
    "fastai_basics": ["fastai"],
}
# what does not run, with the reason
REASONS = {
    "fastai_basics": "`import fastai.layers` sets an attribute of `torch.nn.functional.leaky_relu`, which is a function of the "
    "core and takes none",
}
# torchinfo_xl_test.py needs compressai, which needs a compiled part of PyTorch's
TORCHINFO = ["--rootdir", ".", "--ignore", "tests/torchinfo_xl_test.py", "tests"]
# test suites: name -> distribution, where the tests are from, pytest's arguments
SUITES = {
    "einops": ("einops", None, ["--pyargs", "einops"]),
    "torchinfo": ("torchinfo", "https://github.com/TylerYep/torchinfo/archive/refs/tags/v1.8.0.tar.gz", TORCHINFO),
}
SUITE_REASONS = {
    "torchinfo": (
        ("test_jit", "test_partial_jit"),
        "scripted modules are transparent here, so the summary has their shapes, which PyTorch's lacks",
    )
}


def environment():
    """The variables of a program: this folder on the path, no network, one thread."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "RTORCH_ALIAS"))}
    return {
        **keep,
        "PYTHONPATH": str(HERE),
        "PYTHONWARNINGS": "ignore",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "EINOPS_TEST_BACKENDS": "torch",
    }


def make(venv):
    """The environment: the packages without what they depend on, then the light ones, and the rtorch of this project."""
    python = venv / "bin" / "python"
    stamp = venv / "stamp"
    wanted = (HERE / "requirements.txt").read_text() + (HERE / "light.txt").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        for name in ("requirements.txt", "light.txt"):
            command = [python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", HERE / name]
            subprocess.run(list(map(str, command)), check=True)
        stamp.write_text(wanted)
    # the rtorch that this interpreter imports
    import rtorch

    (venv / "rtorch.txt").write_text(rtorch.__file__)
    site = next((venv / "lib").glob("python3*")) / "site-packages"
    (site / "rtorch.pth").write_text(str(Path(rtorch.__file__).parents[1]) + "\n")
    return python, site


def beside(site, oracle):
    """An environment that has the packages and, behind them, the oracle's PyTorch."""
    venv = site.parents[2].with_name("venv-with-torch")
    if not venv.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    own = next((venv / "lib").glob("python3*")) / "site-packages"
    theirs = subprocess.run(
        [oracle, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    ours = (site / "rtorch.pth").read_text()
    (own / "ecosystem.pth").write_text(f"{site}\n{theirs}\n{ours}")
    return venv / "bin" / "python"


def program(command, name):
    """Its numbers and the version of torch that it saw, or an error in a line."""
    began = time.monotonic()
    try:
        r = subprocess.run(
            [*map(str, command), str(HERE / "programs" / f"{name}.py")],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            env=environment(),
            cwd=ROOT / "target",
        )
    except subprocess.TimeoutExpired:
        return None, f"did not end within {LIMIT} s", LIMIT
    took = time.monotonic() - began
    if r.returncode:
        lines = [line for line in r.stderr.strip().splitlines() if not line.startswith("  ")]
        return None, (lines or ["?"])[-1][:200], took
    return json.loads(r.stdout.strip().splitlines()[-1]), None, took


def flat(x):
    if isinstance(x, list):
        for y in x:
            yield from flat(y)
    else:
        yield float(x)


def difference(ours, theirs):
    """The largest relative difference of the numbers, or what does not fit at all."""
    if ours.keys() != theirs.keys():
        return f"other names: {sorted(ours.keys() ^ theirs.keys())}"
    worst = 0.0
    for key in theirs:
        a, b = list(flat(ours[key])), list(flat(theirs[key]))
        if len(a) != len(b):
            return f"{key}: {len(a)} numbers for {len(b)}"
        floor = 1e-6 * max(map(abs, b), default=0.0) + 1e-12
        for p, q in zip(a, b, strict=True):
            if p != p or q != q:
                if (p != p) != (q != q):
                    return f"{key}: {p} for {q}"
            else:
                worst = max(worst, abs(p - q) / (abs(q) + floor))
    return worst


def suite(python, name):
    """(what pytest says, in a line, and whether all passed)"""
    _, source, arguments = SUITES[name]
    folder = ROOT / "target" / "ecosystem" / name
    folder.mkdir(parents=True, exist_ok=True)
    if source is not None and not (folder / "tests").exists():
        try:
            with urllib.request.urlopen(source, timeout=30) as f, tarfile.open(fileobj=f, mode="r|gz") as t:
                for member in t:
                    member.name = member.name.partition("/")[2]
                    if member.name.startswith("tests"):
                        t.extract(member, folder, filter="data")
        except OSError as e:
            return f"not run: its tests could not be fetched ({e})", None
    if name == "torchinfo" and not (folder / "by-torch").exists():
        arguments = [*arguments, "--no-output"]
    r = subprocess.run(
        [str(python), "-m", "rtorch", "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:cacheprovider", *arguments],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=folder,
    )
    said = [line for line in r.stdout.splitlines() if re.search(r"\d+ (passed|failed|error)", line)]
    failed = [m[1] for m in re.finditer(r"^(?:FAILED|ERROR) \S*::(\S+)", r.stdout, re.MULTILINE)]
    text = re.sub(r" in [\d.]+s.*", "", said[-1].strip("= ")) if said else "pytest did not run"
    if failed:
        text += f": {', '.join(failed)}"
        known, why = SUITE_REASONS.get(name, ((), ""))
        if set(failed) <= set(known):
            return f"{text} ({why})", True
    return text, r.returncode == 0


def suites_by_torch(real):
    """Has torchinfo's tests write the texts that they compare with anew, by PyTorch: those of the repository are of
    another Python."""
    folder = ROOT / "target" / "ecosystem" / "torchinfo"
    if (folder / "tests").exists():
        command = [
            str(real),
            "-m",
            "pytest",
            "-q",
            "-c",
            os.devnull,
            "-p",
            "no:cacheprovider",
            *TORCHINFO,
            "--overwrite",
        ]
        subprocess.run(command, env=environment(), cwd=folder, capture_output=True)
        (folder / "by-torch").touch()


def versions(site):
    found = {}
    for d in importlib.metadata.distributions(path=[str(site)]):
        found[re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower()] = d.version
    return found


def page(rows, suites, recorded):
    lines = [
        "# Other people's packages on rtorch",
        "",
        "Generated by `make ecosystem`. Each program of `tests/ecosystem/programs` uses the package, unmodified, under",
        "`python -m rtorch`; its numbers (losses, gradients, samples, files) are held against those of PyTorch",
        f"{recorded.get('torch', '').partition('+')[0]} (CPU), recorded in `tests/ecosystem/recorded.json`.",
        "",
        "| package | what is shown | runs | largest difference |",
        "|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    lines += ["", "| test suite | result |", "|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in suites]
    PAGE.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--everywhere", action="store_true")
    options = parser.parse_args()
    names = options.names or list(PACKAGES)
    oracle = os.environ.get("RTORCH_ORACLE")
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {"programs": {}}
    python, site = make(VENV)
    known = versions(site)
    if options.record:
        real = beside(site, oracle)
        suites_by_torch(real)
        for name in names:
            found, error, took = program([real], name)
            print(f"{name}: {error or f'{took:.0f} s'}", flush=True)
            if found is not None:
                recorded["torch"] = found["torch"]
                of = {p: known.get(p, "?") for p in PACKAGES[name]}
                recorded["programs"][name] = {"versions": of, "numbers": found["numbers"]}
        RECORDED.write_text(
            json.dumps(recorded, indent=None, separators=(",", ":"))
            .replace('"programs":{', '"programs":{\n')
            .replace("}},", "}},\n")
            + "\n"
        )
        return 0
    commands = {"": [python, "-m", "rtorch"]}
    if options.everywhere:
        child = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, *sys.argv[1:]]).returncode)"
        commands["in a child"] = [python, "-m", "rtorch", "-c", child]
        if oracle:
            commands["beside PyTorch"] = [beside(site, oracle), "-m", "rtorch"]
            commands["in a child beside PyTorch"] = [beside(site, oracle), "-m", "rtorch", "-c", child]
    rows, bad = [], 0
    for name in names:
        title = (HERE / "programs" / f"{name}.py").read_text().split('"""')[1].splitlines()[0].partition(": ")[2]
        title = title.rstrip(".")
        of = ", ".join(f"{p} {known.get(p, '?')}" for p in PACKAGES[name])
        verdict, text = "yes", ""
        for where, command in commands.items():
            found, error, took = program(command, name)
            theirs = recorded["programs"].get(name)
            if error is None and "rtorch" not in found["torch"]:
                error = f"ran on torch {found['torch']}"
            if error is None and theirs is None:
                error = "PyTorch's numbers are not recorded"
            if error is None:
                found = difference(found["numbers"], theirs["numbers"])
                if isinstance(found, str):
                    error = found
                elif found > TOLERANCES.get(name, TOLERANCE):
                    error = f"differs by {found:.1e}"
                elif not where:
                    text = f"{found:.0e}" if found else "none"
            print(f"{name} {where}: {error or 'ok'} ({took:.0f} s)", flush=True)
            if error is not None:
                verdict, text = "no", (f"{where}: " if where else "") + REASONS.get(name, error)
                bad += name not in REASONS
                break
        rows.append((of, title, verdict, text))
    suites = []
    for name in SUITES if not options.names else []:
        said, passed = suite(python, name)
        print(f"{name}'s tests: {said}", flush=True)
        suites.append((f"{name} {known.get(name, '')}", said))
        bad += passed is False
    if not options.names:
        page(rows, suites, recorded)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
