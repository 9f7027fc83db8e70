"""Writes the second part of docs/compatibility.md from runs of the conformance suite: `make compatibility`.

    python tests/compatibility.py --coverage COVERAGE.json RUN.json...

Each RUN is what `conform.py ... --json` wrote, COVERAGE what `coverage.py --json` printed (../shared/conformance, ../shared/api).
What fails comes from the runs; why, where it is known, from compatibility.toml beside this file (the first entry that fits). Without
an entry the run's own words stand there. What stands above the mark in the page is written by hand.
"""

import argparse
import fnmatch
import json
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "compatibility.md"
MARK = "<!-- What follows is written by `make compatibility` from conformance runs. -->\n"
BAD = ("wrong", "error", "crash", "timeout")
DEFAULT_TYPES = {"", "float32", "int64", "bool"}
NEAR = "near"


def why(reasons, name, row):
    for r in reasons:
        if (
            any(fnmatch.fnmatchcase(name, p) for p in r["names"])
            and row.get("dtype", "") in r.get("dtypes", [row.get("dtype", "")])
            and row.get("severity", "") in r.get("severities", [row.get("severity", "")])
            and row.get("kind", "") in r.get("kinds", [row.get("kind", "")])
        ):
            return r["why"]
    return None


def cell(text):
    return " ".join(str(text).replace("|", "\\|").split())


def short(text, n=150):
    return text if len(text) <= n else text[: n - 1].rstrip() + "…"


def table(heads, rows):
    yield "| " + " | ".join(heads) + " |"
    yield "|" + " --- |" * len(heads)
    for row in rows:
        yield "| " + " | ".join(map(cell, row)) + " |"
    yield ""


def totals(runs):
    for meta, rows in runs:
        kinds = defaultdict(Counter)
        for r in rows:
            kinds[r["suite"], r["dtype"] not in DEFAULT_TYPES, "gradgrad" in r["kind"]][r["status"]] += 1
        for (suite, further, twice), c in kinds.items():
            judged = sum(c.values()) - c["skip"]
            what = suite + (", double gradients" if twice else ", further dtypes" if further else "")
            yield what, judged, c["pass"], f"{100 * c['pass'] / max(judged, 1):.1f} %"


def differing(rows, reasons):
    """(name, where, dtypes, why), rows of one name and reason together."""
    found = defaultdict(lambda: (set(), set()))
    for r in rows:
        reason = why(reasons, r["name"], r) or "`" + short(r["detail"].partition(": ")[2] or r["detail"]) + "`"
        kinds, dtypes = found[r["name"].removeprefix("torch."), reason]
        kinds.add(r["kind"])
        dtypes.add(r["dtype"])
    merged = defaultdict(lambda: ([], set(), set()))
    for (name, reason), (kinds, dtypes) in found.items():
        base = name.removeprefix("Tensor.").rstrip("_") or name
        names, k, d = merged[base, reason]
        names.append(name)
        k |= kinds
        d |= dtypes
    for (_, reason), (names, kinds, dtypes) in sorted(merged.items()):
        shown = ", ".join(f"`{n}`" for n in sorted(names))
        yield shown, ", ".join(sorted(kinds)), ", ".join(sorted(dtypes - {""})), reason


def grouped_names(names, reasons):
    """(reason, names)."""
    groups = defaultdict(list)
    for n in sorted(set(names)):
        groups[why(reasons, n, {}) or "not written yet"].append(n)
    return groups.items()


def page(runs, coverage, reasons):
    every = [r for _, rows in runs for r in rows]
    versions = sorted({m["torch"] for m, _ in runs})
    yield f"## Figures\n\nEach row is one name, form and dtype, run beside PyTorch {', '.join(versions)}.\n"
    yield from table(["suite", "judged", "pass", ""], totals(runs))
    failing = [r for r in every if r["status"] in BAD]
    yield "## Differences in the default dtypes (float32, int64, bool)\n"
    yield from table(
        ["name", "where", "dtypes", "what and why"],
        differing([r for r in failing if r["dtype"] in DEFAULT_TYPES], reasons),
    )
    further = [r for r in failing if r["dtype"] not in DEFAULT_TYPES]
    known = {(r["name"], r["kind"]) for r in failing if r["dtype"] in DEFAULT_TYPES}
    near = [r for r in further if r["severity"] == NEAR and why(reasons, r["name"], r) is None]
    rest = [r for r in further if r not in near and (r["name"], r["kind"]) not in known]
    yield "## Differences in further dtypes (float64, bfloat16, float16, complex64, int32, uint8)\n"
    yield from table(["name", "where", "dtypes", "what and why"], differing(rest, reasons))
    if near:
        names = ", ".join(f"`{n}`" for n in sorted({r["name"].removeprefix("torch.") for r in near}))
        yield f"Within 100 tolerances, nearly all in half precision, where one rounding is already visible: {names}.\n"
    yield "## Absent\n\nA name that does not work does not exist.\n"
    missing = [r["name"].removeprefix("torch.") for r in every if r["status"] == "missing"]
    for reason, names in grouped_names(missing, reasons):
        yield f"- Operators, {reason}: " + ", ".join(f"`{n}`" for n in names) + "."
    for reason, names in grouped_names([m["name"].removeprefix("torch.") for m in coverage["missing"]], reasons):
        yield f"- Names that public code uses, {reason}: " + ", ".join(f"`{n}`" for n in names) + "."
    have = {t: f"{c['present']} of {c['total']}" for t, c in coverage["tiers"].items()}
    yield f"\nOf the names that teaching code, libraries and their tests use (tiers T0 to T2): {', '.join(f'{t} {n}' for t, n in have.items())}."


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--coverage", type=Path, required=True)
    args = parser.parse_args()
    runs = [(d["meta"], d["rows"]) for d in (json.loads(p.read_text()) for p in args.runs)]
    for r in (r for _, rows in runs for r in rows):
        for field in ("dtype", "severity", "detail"):
            r.setdefault(field, "")
        r["name"] = r.get("name") or r["op"]
    reasons = tomllib.loads((HERE / "compatibility.toml").read_text())["reason"]
    by_hand = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    text = "\n".join(page(runs, json.loads(args.coverage.read_text()), reasons))
    PAGE.write_text(by_hand + MARK + "\n" + text.rstrip() + "\n", encoding="utf-8")
    print(f"{PAGE}: {len(text.splitlines())} lines")


if __name__ == "__main__":
    main()
