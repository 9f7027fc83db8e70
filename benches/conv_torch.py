"""torch's times of the rows of benches/conv.rs, measured before and after ours, and the ratios.

    python benches/conv_torch.py [filter] [--threads N]      (with a Python that has torch)
"""
import argparse
import math
import subprocess

import torch
import torch.nn.functional as F
from gemm_torch import best, newest

G = torch.ops.aten.convolution_backward
ROWS = [
    ("lenet1_64x1x28x28_5x5", (64, 1, 28, 28), (6, 1, 5, 5), dict(padding=2)),
    ("lenet2_64x6x14x14_5x5", (64, 6, 14, 14), (16, 6, 5, 5), {}),
    ("tiny_1x1x8x8_3x3", (1, 1, 8, 8), (4, 1, 3, 3), {}),
    ("cifar_8x3x32x32_3x3", (8, 3, 32, 32), (64, 3, 3, 3), dict(padding=1)),
    ("cifar_8x64x32x32_3x3", (8, 64, 32, 32), (64, 64, 3, 3), dict(padding=1)),
    ("resnet_2x64x56x56_3x3_s1", (2, 64, 56, 56), (64, 64, 3, 3), dict(padding=1)),
    ("resnet_2x128x28x28_3x3_s2", (2, 128, 28, 28), (256, 128, 3, 3), dict(stride=2, padding=1)),
    ("resnet_2x512x7x7_3x3", (2, 512, 7, 7), (512, 512, 3, 3), dict(padding=1)),
    ("resnet_2x256x14x14_1x1", (2, 256, 14, 14), (1024, 256, 1, 1), {}),
    ("resnet_1x3x224x224_7x7_s2", (1, 3, 224, 224), (64, 3, 7, 7), dict(stride=2, padding=3)),
    ("depthwise_2x128x28x28_3x3", (2, 128, 28, 28), (128, 1, 3, 3), dict(padding=1, groups=128)),
    ("groups8_2x128x28x28_3x3", (2, 128, 28, 28), (128, 16, 3, 3), dict(padding=1, groups=8)),
    ("dilated_2x64x28x28_3x3", (2, 64, 28, 28), (64, 64, 3, 3), dict(padding=2, dilation=2)),
    ("conv1d_16x64x512_k5", (16, 64, 512), (64, 64, 5), dict(padding=2)),
    ("conv3d_1x8x16x32x32_3x3x3", (1, 8, 16, 32, 32), (16, 8, 3, 3, 3), dict(padding=1)),
    ("convT_2x64x16x16_4x4_s2", (2, 64, 16, 16), (64, 32, 4, 4), dict(stride=2, padding=1)),
]


def calls(name, xs, ws, kw):
    x, w = torch.randn(xs), torch.randn(ws)
    n = len(xs) - 2
    turned = name.startswith("convT")
    f = (F.conv_transpose2d if turned else (F.conv1d, F.conv2d, F.conv3d)[n - 1])
    with torch.no_grad():
        y = f(x, w, **kw)
    g = torch.randn_like(y)
    arg = lambda k, d: [kw.get(k, d)] * n
    rest = (arg("stride", 1), arg("padding", 0), arg("dilation", 1), turned, [0] * n, kw.get("groups", 1))
    back = lambda mask: (lambda: G(g, x, w, None, *rest, mask))
    return lambda: f(x, w, **kw), back([True, False, False]), back([False, True, False])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("filter", nargs="?", default="")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--budget", type=float, default=0.05)
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    rows = [r for r in ROWS if args.filter in r[0]]
    with torch.no_grad():
        before = {r[0]: [best(f, args.budget) for f in calls(*r)] for r in rows}
        cmd = [newest("conv"), args.filter, "--threads", str(args.threads), "--budget", str(args.budget)]
        text = subprocess.run(cmd, capture_output=True, text=True).stdout
        after = {r[0]: [best(f, args.budget) for f in calls(*r)] for r in rows}
    print("%-28s%34s%34s%34s" % ("row", "forward: ours, torch us, ratio", "by input", "by weight"))
    logs = [[], [], []]
    for line in text.splitlines():
        name, *us = line.split()
        if name in ("pool", "row"):
            continue
        us = [float(u) for u in us[:3]]
        if name.startswith("convT"):
            us[0], us[1] = us[1], us[0]
        out = "%-28s" % name
        for i in range(3):
            t = min(before[name][i], after[name][i]) * 1e6
            logs[i].append(math.log(t / us[i]))
            out += "%14.1f%12.1f%8.2f" % (us[i], t, t / us[i])
        print(out)
    print("geometric means", *("%.3f" % math.exp(sum(x) / len(x)) for x in logs))


if __name__ == "__main__":
    main()
