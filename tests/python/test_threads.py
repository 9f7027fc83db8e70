"""Results are the same to the last bit for 1, 2 and 3 threads: each number of threads runs the samples below in a process
of its own, and their hashes are compared. Sizes are such that kernels split their work."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

N = 1 << 18


def samples(t):
    """Pairs of a name and what to compute: forward results, and gradients where there are any."""
    F = t.nn.functional
    t.manual_seed(0)
    x, y = t.randn(N), t.rand(N) + 0.5
    m, v = t.randn(512, 513), t.randn(300, 200)
    a, b = t.randn(257, 321), t.randn(321, 190)
    img, w = t.randn(4, 16, 33, 31), t.randn(24, 16, 3, 3)
    index = t.randint(0, 512, (40000,))
    doubles, halves = t.randn(N // 2, dtype=t.float64), t.randn(N).to(t.bfloat16)
    cases = {
        "arithmetic": lambda: x * y + x / y - y,
        "functions": lambda: [f(x) for f in (t.exp, t.tanh, t.sin, t.sigmoid, t.erf)] + [t.log(y), t.pow(y, 1.7)],
        "broadcast": lambda: m + t.randn(513, generator=t.Generator().manual_seed(1)),
        "strides": lambda: m.t() * 2 + m.t().contiguous(),
        "sum": lambda: [x.sum(), m.sum(0), m.sum(1), doubles.sum(), halves.sum(), m.t().sum(1)],
        "mean": lambda: [x.mean(), m.mean(0), m.mean(1)],
        "prod": lambda: (1 + m / 1000).prod(1),
        "extremes": lambda: [x.max(), m.amax(0), m.amin(1)],
        "any all": lambda: [(x > 0).any(), (m > -9).all(1)],
        "matmul": lambda: [a @ b, b.t() @ a.t(), (a.double() @ b.double()), a.to(t.bfloat16) @ b.to(t.bfloat16)],
        "long products": lambda: t.randn(3, 20000, generator=t.Generator().manual_seed(2)) @ x.narrow(0, 0, 20000),
        "bmm": lambda: t.bmm(img.reshape(4, 16, -1), img.reshape(4, 16, -1).transpose(1, 2)),
        "gather": lambda: [m.index_select(0, index), t.gather(m, 1, t.randint(0, 513, (512, 513)))],
        "scatter": lambda: [
            t.zeros(512, 513).index_add(0, index, t.ones(40000, 513) * 0.1),
            t.zeros(512).scatter_add(0, index, x.narrow(0, 0, 40000)),
            t.zeros(512).index_put((index,), x.narrow(0, 0, 40000), accumulate=True),
        ],
        "masks": lambda: [x.masked_select(x > 0), t.nonzero(m > 1), m.masked_fill(m > 0, 2.0)],
        "copies": lambda: [t.cat([m, m.flip(0)]), m.to(t.float16), m.t().clone(), m.roll(5, 1)],
        "random": lambda: [t.randn(N), t.rand(N), t.randperm(5000), t.bernoulli(y.clamp(0, 1)), F.dropout(x, 0.3)],
        "embedding": lambda: t.embedding(m, index),
        "softmax": lambda: [F.softmax(m, 0), F.log_softmax(m, 1)],
        "statistics": lambda: [m.var(0), m.std(1), x.var(), t.linalg.vector_norm(x)],
        "scans": lambda: [x.cumsum(0), m.cumsum(1), m.cummax(0)[0], m.logcumsumexp(1)],
        "sorting": lambda: [m.sort(1)[0], x.sort()[1], m.topk(7, 1)[0], m.median(1)[0], m.kthvalue(9, 0)[0]],
        "convolution": lambda: [F.conv2d(img, w, padding=1), F.conv2d(img, w, stride=2), F.conv_transpose2d(img, w.transpose(0, 1))],
        "pooling": lambda: [F.max_pool2d(img, 3, 2), F.avg_pool2d(img, 2), F.adaptive_avg_pool2d(img, 7)],
        "normalization": lambda: [F.layer_norm(m, (513,)), F.batch_norm(img, None, None, training=True), F.group_norm(img, 4)],
        "padding": lambda: [F.pad(img, (3, 2, 1, 4), mode=mode) for mode in ("reflect", "replicate", "circular")],
        "attention": lambda: F.scaled_dot_product_attention(*img.reshape(4, 16, 33, 31).unbind(0)[:3], is_causal=True),
        "recurrent": lambda: t.lstm_cell(m, [v.reshape(-1)[: 512 * 64].reshape(512, 64)] * 2, t.ones(256, 513), t.ones(256, 64)),
        "losses": lambda: [F.cross_entropy(m, index.narrow(0, 0, 512)), F.mse_loss(x, y), F.smooth_l1_loss(x, y)],
    }
    grads = {
        "grad functions": ([x, y], lambda p, q: (p.tanh() * q.log() + p / q).sum()),
        "grad broadcast": ([m, v.narrow(0, 0, 1).expand(1, 200)], lambda p, q: (p.sum(1) * q.sum()).exp().mean()),
        "grad matmul": ([a, b], lambda p, q: (p @ q).sigmoid().sum()),
        "grad gather": ([m], lambda p: p.index_select(0, index).pow(2).sum()),
        "grad embedding": ([m], lambda p: t.embedding(p, index).sin().sum()),
        "grad convolution": ([img, w], lambda p, q: F.conv2d(p, q, padding=1).relu().sum()),
        "grad pooling": ([img], lambda p: (F.max_pool2d(p, 3, 2).sum() + F.avg_pool2d(p, 2).pow(2).sum())),
        "grad softmax": ([m], lambda p: (F.softmax(p, 1) * p).sum()),
        "grad norm": ([img], lambda p: F.batch_norm(p, None, None, training=True).pow(3).sum()),
        "grad scans": ([m], lambda p: p.cumsum(1).tanh().sum()),
        "grad losses": ([m], lambda p: F.cross_entropy(p, index.narrow(0, 0, 512))),
        "grad attention": ([img], lambda p: F.scaled_dot_product_attention(p, p, p, is_causal=True).pow(2).sum()),
        "grad sort": ([m], lambda p: (p.sort(1)[0] * v.sum()).tanh().sum()),
    }
    for name, (inputs, f) in grads.items():

        def run(inputs=inputs, f=f):
            leaves = [i.detach().clone().requires_grad_(True) for i in inputs]
            out = f(*leaves)
            out.backward()
            return [out, *(leaf.grad for leaf in leaves)]

        cases[name] = run
    return cases


def digest(out):
    h = hashlib.sha256()
    for x in out if isinstance(out, (list, tuple)) else [out]:
        x = x.detach()
        if str(x.dtype) == "torch.bfloat16":
            x = x.float()
        h.update(repr(tuple(x.shape)).encode())
        h.update(x.contiguous().numpy().tobytes())
    return h.hexdigest()


def child(threads):
    import rtorch

    rtorch.set_num_threads(threads)
    assert rtorch.get_num_threads() == threads
    found = {}
    for name, f in samples(rtorch).items():
        rtorch.manual_seed(7)
        try:
            found[name] = digest(f())
        except Exception as e:
            found[name] = f"{type(e).__name__}: {e}"
    print(json.dumps(found))


@pytest.fixture(scope="module")
def results():
    found = {}
    for threads in (1, 2, 3):
        p = subprocess.run([sys.executable, __file__, str(threads)], capture_output=True, text=True, timeout=600)
        assert p.returncode == 0, p.stderr
        found[threads] = json.loads(p.stdout)
    return found


def test_every_sample_runs(results):
    failed = {name: text for name, text in results[1].items() if ": " in text}
    assert not failed


def test_bits_do_not_depend_on_the_number_of_threads(results):
    differ = [name for name in results[1] if not results[1][name] == results[2][name] == results[3][name]]
    assert not differ


def test_the_number_of_threads_may_change_in_between():
    import rtorch

    before = rtorch.get_num_threads()
    a = rtorch.randn(300, 400, generator=rtorch.Generator().manual_seed(0))
    found = set()
    try:
        for threads in (1, 3, 2, min(os.cpu_count() or 1, 4)):
            rtorch.set_num_threads(threads)
            found.add(digest([a @ a.t(), a.sum(0), a.exp()]))
    finally:
        rtorch.set_num_threads(before)
    assert len(found) == 1


if __name__ == "__main__":
    child(int(sys.argv[1]))
