"""Compiles every kernel that the core prints with NVRTC (no GPU needed), about 50 in a compilation, for each
architecture; what was compiled before is found in .cache/. `python tests/cuda_check.py [--arch sm_80,sm_90] [--only
TEXT] [--table]`"""

import argparse
import json
import re
import sys
import time

import cuda_text as ct

UNIT = 50


def check_unit(nvrtc, names, kernels, arch, headers):
    """({kernel: resources}, errors, was it compiled now)."""
    source = "\n".join(kernels[n] for n in names)
    used, todo = {}, re.findall(r'#include "([^"]+)"', source)
    while todo:
        h = todo.pop()
        if h not in used:
            used[h] = headers[h]
            todo += re.findall(r'#include "([^"]+)"', headers[h])
    used = dict(sorted(used.items()))
    path = ct.CACHE / f"check-{ct.digest(source, *used.values(), *ct.OPTIONS, arch, nvrtc.version, '1')}.json"
    if path.exists():
        return json.loads(path.read_text()), [], False
    cubin, log = nvrtc.compile(source, arch, used)
    if cubin:
        found = ct.resources(cubin)
        missing = [f"{n}: not in the compiled module" for n in names if n not in found]
        if not missing:
            ct.write_aside(path, json.dumps(found).encode())
        return found, missing, True
    if len(names) == 1:
        return {}, [f"{names[0]} ({arch}):\n{log}"], True
    # Which ones? Each by itself.
    found, errors = {}, []
    for n in names:
        f, e, _ = check_unit(nvrtc, [n], kernels, arch, headers)
        found |= f
        errors += e
    return found, errors, True


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--arch", default="sm_80,sm_90")
    ap.add_argument("--only", default="")
    ap.add_argument("--table", action="store_true", help="registers, shared and local memory of each kernel")
    args = ap.parse_args()
    nvrtc = ct.Nvrtc.find()
    if nvrtc is None:
        print("cuda-check: skipped, NVRTC is not installed (pip install nvidia-cuda-nvrtc==13.0.88)")
        return 0
    kernels = {n: t for n, t in ct.dump().items() if args.only in n}
    # Same template, same unit: one parse, and an edit of one template recompiles its own units only.
    names = sorted(kernels, key=lambda n: (kernels[n].split("\n", 1)[0], n))
    units, headers = [], ct.headers()
    for n in names:
        head = kernels[n].split("\n", 1)[0]
        if not units or len(units[-1][1]) == UNIT or units[-1][0] != head:
            units.append((head, []))
        units[-1][1].append(n)
    failed, began = 0, time.time()
    for arch in args.arch.split(","):
        found, fresh, start = {}, 0, time.time()
        for _, unit in units:
            f, errors, now = check_unit(nvrtc, unit, kernels, arch, headers)
            found |= f
            fresh += now
            failed += len(errors)
            for e in errors:
                print(e)
        local = {n: r for n, r in found.items() if r[2]}
        most = max(found.values(), default=(0, 0, 0))[0]
        print(
            f"cuda-check {arch}: {len(found)} kernels, {fresh} of {len(units)} units compiled in "
            f"{time.time() - start:.1f} s (NVRTC {nvrtc.version}); at most {most} registers; "
            f"{len(local)} with local memory: {', '.join(sorted(local)[:8])}{' ...' if len(local) > 8 else ''}"
        )
        if args.table:
            for n, (registers, shared, stack) in sorted(found.items()):
                print(f"  {n:40} {registers:4} registers {shared:6} shared {stack:6} local")
    print(f"cuda-check: {len(kernels)} kernels, {failed} failed, {time.time() - began:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
