"""torch's times of the rows of benches/gemm.rs, measured before and after ours, and the ratios.

    python benches/gemm_torch.py [filter] [--threads N]      (with a Python that has torch)
"""
import argparse
import glob
import math
import os
import subprocess
import time

import torch

F32, F64, BF16, F16 = torch.float32, torch.float64, torch.bfloat16, torch.float16


def best(f, budget=0.1):
    f()
    t = time.perf_counter()
    f()
    once = max(time.perf_counter() - t, 1e-7)
    per = max(1, int(2e-5 / once))
    top, start, n = 1e9, time.perf_counter(), 0
    while n < 5 or time.perf_counter() - start < budget:
        t = time.perf_counter()
        for _ in range(per):
            f()
        top = min(top, (time.perf_counter() - t) / per)
        n += 1
    return top


def r(*s, dt=F32):
    return torch.randn(*s).to(dt) if dt != torch.int64 else torch.randint(0, 100, s)


def mm(m, n, k, dt=F32, ta=False, tb=False, batch=()):
    a = r(*batch, k, m, dt=dt).transpose(-1, -2) if ta else r(*batch, m, k, dt=dt)
    b = r(*batch, n, k, dt=dt).transpose(-1, -2) if tb else r(*batch, k, n, dt=dt)
    return lambda: a @ b


def rows():
    out = {"square_%d" % n: (lambda n=n: mm(n, n, n)) for n in (2, 8, 16, 32, 64, 96, 128, 256, 512, 1024, 2048)}
    out |= {
        "at_b_512": lambda: mm(512, 512, 512, ta=True),
        "a_bt_512": lambda: mm(512, 512, 512, tb=True),
        "at_bt_512": lambda: mm(512, 512, 512, ta=True, tb=True),
        "at_b_1024": lambda: mm(1024, 1024, 1024, ta=True),
        "a_bt_1024": lambda: mm(1024, 1024, 1024, tb=True),
        "a_bt_64": lambda: mm(64, 64, 64, tb=True),
        "at_b_64": lambda: mm(64, 64, 64, ta=True),
        "tall_65536x64_64x64": lambda: mm(65536, 64, 64),
        "skinny_64x4096_4096x64": lambda: mm(64, 64, 4096),
        "inner_8x65536_65536x8": lambda: mm(8, 8, 65536),
        "matvec_1024": lambda: (lambda a, x: lambda: a @ x)(r(1024, 1024), r(1024)),
        "matvec_4096": lambda: (lambda a, x: lambda: a @ x)(r(4096, 4096), r(4096)),
        "vecmat_1024": lambda: (lambda a, x: lambda: x @ a)(r(1024, 1024), r(1024)),
        "row1_linear_4096": lambda: mm(1, 4096, 4096, tb=True),
        "row8_linear_2048": lambda: mm(8, 2048, 2048, tb=True),
        "dot_1M": lambda: (lambda a, b: lambda: torch.dot(a, b))(r(1 << 20), r(1 << 20)),
        "outer_1000": lambda: (lambda a, b: lambda: torch.outer(a, b))(r(1000), r(1000)),
        "bmm_64x64x64": lambda: mm(64, 64, 64, batch=(64,)),
        "bmm_256x16x16": lambda: mm(16, 16, 16, batch=(256,)),
        "attn_qk_8x4x128x32": lambda: mm(128, 128, 32, tb=True, batch=(8, 4)),
        "attn_pv_8x4x128x32": lambda: mm(128, 32, 128, batch=(8, 4)),
        "matmul_3d_2d": lambda: (lambda a, b: lambda: a @ b)(r(8, 128, 128), r(128, 512)),
        "f64_256": lambda: mm(256, 256, 256, F64),
        "f64_1024": lambda: mm(1024, 1024, 1024, F64),
        "bf16_256": lambda: mm(256, 256, 256, BF16),
        "bf16_1024": lambda: mm(1024, 1024, 1024, BF16),
        "bf16_a_bt_1024": lambda: mm(1024, 1024, 1024, BF16, tb=True),
        "f16_512": lambda: mm(512, 512, 512, F16),
        "int64_128": lambda: mm(128, 128, 128, torch.int64),
        "c64_256": lambda: mm(256, 256, 256, torch.complex64),
        "linear_8x16x16": lambda: mm(8, 16, 16, tb=True),
        "linear_64x784x128": lambda: mm(64, 128, 784, tb=True),
        "linear_512x1024x1024": lambda: mm(512, 1024, 1024, tb=True),
        "narrow_4096x512x2": lambda: mm(4096, 2, 512),
        "narrow_1000x10x128": lambda: mm(1000, 10, 128, tb=True),
    }
    return out


def newest(name):
    top = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release/deps", name + "-*")
    return max((x for x in glob.glob(top) if "." not in os.path.basename(x)), key=os.path.getmtime)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("filter", nargs="?", default="")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--budget", type=float, default=0.1)
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    table = {n: f for n, f in rows().items() if args.filter in n}
    before = {n: best(f(), args.budget) for n, f in table.items()}
    cmd = [newest("gemm"), args.filter, "--threads", str(args.threads), "--budget", str(args.budget)]
    text = subprocess.run(cmd, capture_output=True, text=True).stdout
    after = {n: best(f(), args.budget) for n, f in table.items()}
    print(text.splitlines()[0])
    print("%-28s%12s%12s%8s%10s%8s" % ("row", "ours us", "torch us", "ratio", "GFLOP/s", "peak"))
    logs = []
    for line in text.splitlines()[2:]:
        name, us, gf, pk = line.split()
        t = min(before[name], after[name]) * 1e6
        logs.append(math.log(t / float(us)))
        print("%-28s%12s%12.2f%8.2f%10s%8s" % (name, us, t, t / float(us), gf, pk))
    print("geometric mean %.3f" % math.exp(sum(logs) / len(logs)))


if __name__ == "__main__":
    main()
