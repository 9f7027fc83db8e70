"""Compiles every kernel that the core prints with NVRTC (no GPU needed), about 50 in a compilation: the templates' own
kernels for each architecture, and the formulas and reductions of the operator table for the last one (their text differs in
the formula only). What was compiled before is found in .cache/; `--all` compiles it again. `python tests/cuda_check.py
[--all] [--arch sm_80,sm_90] [--only TEXT] [--table]`"""

import argparse
import concurrent.futures
import json
import os
import re
import sys
import time

import cuda_text as ct

UNIT = 50


def included(source, headers):
    """The headers that a kernel includes, in the order of their names."""
    used, todo = {}, re.findall(r'#include "([^"]+)"', source)
    while todo:
        h = todo.pop()
        if h not in used:
            used[h] = headers[h]
            todo += re.findall(r'#include "([^"]+)"', headers[h])
    return dict(sorted(used.items()))


def compile_unit(nvrtc, names, kernels, arch, headers):
    """({kernel: resources}, errors)."""
    source = "\n".join(kernels[n] for n in names)
    cubin, log = nvrtc.compile(source, arch, included(source, headers))
    if cubin:
        found = ct.resources(cubin)
        return found, [f"{n}: not in the compiled module" for n in names if n not in found]
    if len(names) == 1:
        return {}, [f"{names[0]} ({arch}):\n{log}"]
    # Which ones? Each by itself.
    found, errors = {}, []
    for n in names:
        f, e = compile_unit(nvrtc, [n], kernels, arch, headers)
        found |= f
        errors += e
    return found, errors


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--arch", default="sm_80,sm_90")
    ap.add_argument("--only", default="")
    ap.add_argument("--all", action="store_true", help="compile what is in the cache too")
    ap.add_argument("--table", action="store_true", help="registers, shared and local memory of each kernel")
    args = ap.parse_args()
    nvrtc = ct.Nvrtc.find()
    if nvrtc is None:
        print("cuda-check: skipped, NVRTC is not installed (pip install nvidia-cuda-nvrtc==13.0.88)")
        return 0
    archs = args.arch.split(",")
    failed, began = 0, time.time()
    count = 0
    for what, kernels, on in (("templates", ct.dump(), archs), ("operators", ct.operators(), archs[-1:])):
        kernels = {n: t for n, t in kernels.items() if args.only in n}
        count += len(kernels)
        failed += check(nvrtc, what, kernels, on, args)
    print(f"cuda-check: {count} kernels, {failed} failed, {time.time() - began:.1f} s")
    return 1 if failed else 0


def check(nvrtc, what, kernels, archs, args):
    """Compiles kernels; how many failed. Each is remembered by its text, so that an edit costs what it changes."""
    headers, failed = ct.headers(), 0
    head = {n: t.split("\n", 1)[0] for n, t in kernels.items()}
    under = {h: ct.digest(*included(h, headers).values(), *ct.OPTIONS, nvrtc.version, "2") for h in set(head.values())}
    for arch in archs:
        start, memory = time.time(), ct.CACHE / f"check-{what}-{arch}.json"
        old = json.loads(memory.read_text()) if memory.exists() and not args.all else {}
        key = {n: ct.digest(kernels[n], under[head[n]]) for n in kernels}
        found = {n: tuple(old[key[n]]) for n in kernels if key[n] in old}
        # Same template, same unit: one parse.
        units = []
        for n in sorted(set(kernels) - set(found), key=lambda n: (head[n], n)):
            if not units or len(units[-1]) == UNIT or head[units[-1][0]] != head[n]:
                units.append([])
            units[-1].append(n)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for f, errors in pool.map(lambda u: compile_unit(nvrtc, u, kernels, arch, headers), units):
                found |= f
                failed += len(errors)
                for e in errors:
                    print(e)
        kept = {} if not args.only else old
        ct.write_aside(memory, json.dumps(kept | {key[n]: found[n] for n in kernels if n in found}).encode())
        fresh = sum(map(len, units))
        local = {n: r for n, r in found.items() if r[2]}
        most = max(found.values(), default=(0, 0, 0))[0]
        print(
            f"cuda-check {what} {arch}: {len(found)} kernels, {fresh} of them compiled now in {len(units)} units, "
            f"in {time.time() - start:.1f} s (NVRTC {nvrtc.version}); at most {most} registers; "
            f"{len(local)} with local memory: {', '.join(sorted(local)[:8])}{' ...' if len(local) > 8 else ''}"
        )
        if args.table:
            for n, (registers, shared, stack) in sorted(found.items()):
                print(f"  {n:40} {registers:4} registers {shared:6} shared {stack:6} local")
    return failed


if __name__ == "__main__":
    sys.exit(main())
