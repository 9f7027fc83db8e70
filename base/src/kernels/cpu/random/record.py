"""Writes recorded.txt: PyTorch's random numbers, which tests.rs compares with. Run it with a CPU build of PyTorch 2.13
on x86 with AVX2:  python record.py > recorded.txt

A line is `kernel dtype n a b seed hash next state first...`: the case is run twice after `manual_seed(seed)`; `hash` is
over the bytes of both results, `next` over those of a following `rand(3)`, `state` over `get_rng_state()` then; `first`
are the first bytes of the result, for a look when a hash differs.
"""

import torch

T = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16, "bfloat16": torch.bfloat16,
     "complex64": torch.complex64, "complex128": torch.complex128, "int64": torch.int64, "int32": torch.int32,
     "int16": torch.int16, "int8": torch.int8, "uint8": torch.uint8, "bool": torch.bool}


def fnv(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def raw(t):
    return t.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def ramp(n, dtype, scale):
    return ((torch.arange(n) % 11).double() / 10 * scale).to(dtype)


def rrelu(d, n):
    x = (torch.arange(n) % 5 - 3).to(d)
    noise = torch.empty_like(x)
    y = torch._C._nn.rrelu_with_noise(x, noise, 0.125, 1 / 3, True)
    return torch.cat([noise, y])


KERNELS = {
    "uniform": lambda d, n, a, b: torch.empty(n, dtype=d).uniform_(a, b),
    "rand": lambda d, n, a, b: torch.rand(n, dtype=d),
    "normal": lambda d, n, a, b: torch.empty(n, dtype=d).normal_(a, b),
    "randn": lambda d, n, a, b: torch.randn(n, dtype=d),
    "normal_scattered": lambda d, n, a, b: torch.empty(2 * n, dtype=d)[::2].normal_(a, b),
    "exponential": lambda d, n, a, b: torch.empty(n, dtype=d).exponential_(a),
    "cauchy": lambda d, n, a, b: torch.empty(n, dtype=d).cauchy_(a, b),
    "log_normal": lambda d, n, a, b: torch.empty(n, dtype=d).log_normal_(a, b),
    "geometric": lambda d, n, a, b: torch.empty(n, dtype=d).geometric_(a),
    "random_from_to": lambda d, n, a, b: torch.empty(n, dtype=d).random_(int(a), int(b)),
    "random_full64": lambda d, n, a, b: torch.empty(n, dtype=d).random_(-2**63, None),
    "random": lambda d, n, a, b: torch.empty(n, dtype=d).random_(),
    "randperm": lambda d, n, a, b: torch.randperm(n, dtype=d),
    "bernoulli": lambda d, n, a, b: torch.empty(n, dtype=d).bernoulli_(a),
    "bernoulli_tensor": lambda d, n, a, b: torch.bernoulli(ramp(n, d, 1)),
    "dropout": lambda d, n, a, b: torch.nn.functional.dropout(torch.ones(n, dtype=d), a),
    "rrelu": lambda d, n, a, b: rrelu(d, n),
    "multinomial": lambda d, n, a, b: torch.multinomial(ramp(n, d, 3), int(a), replacement=True),
    "multinomial_without": lambda d, n, a, b: torch.multinomial(ramp(n, d, 3) + 1, int(a)),
    "poisson": lambda d, n, a, b: torch.poisson(ramp(n, d, a)),
    "binomial": lambda d, n, a, b: torch.binomial((torch.arange(n) % 7).to(d) * int(a), ramp(n, d, 1)),
    "gamma": lambda d, n, a, b: torch._standard_gamma(ramp(n, d, a)),
}


def record(kernel, dtype, n, a=0.0, b=1.0, seed=0):
    torch.manual_seed(seed)
    f = KERNELS[kernel]
    d = T[dtype]
    one, two = (raw(f(d, n, a, b)) for _ in range(2))
    following = raw(torch.rand(3))
    state = torch.get_rng_state().numpy().tobytes()
    print(kernel, dtype, n, repr(float(a)), repr(float(b)), seed, f"{fnv(one + two):016x} {fnv(following):016x}",
          f"{fnv(state):016x}", one[:32].hex())


for n in [*range(0, 41), 1000, 1001, 1023]:
    record("rand", "float32", n)
    record("randn", "float32", n)
for d in ["float64", "float16", "bfloat16", "complex64", "complex128"]:
    for n in [3, 7, 15, 16, 17, 20, 100, 1023]:
        record("rand", d, n, seed=n)
        record("randn", d, n, seed=n)
for seed in [1, 2**31, 2**40 + 3, 2**63, 2**64 - 1]:
    record("rand", "float32", 700, seed=seed)
for d in ["float32", "float64", "float16", "bfloat16"]:
    for n in [5, 33, 1000]:
        record("uniform", d, n, -1, 2, seed=3)
        record("uniform", d, n, -0.37, 0.11, seed=4)
        record("normal", d, n, 1, 2, seed=5)
        record("normal", d, n, -0.3, 0.02, seed=6)
        record("normal_scattered", d, n, 0.7, 1.3, seed=7)
        record("exponential", d, n, 1, seed=8)
        record("exponential", d, n, 2.7, seed=9)
        record("cauchy", d, n, 1, 2.3, seed=10)
        record("log_normal", d, n, 0.5, 0.8, seed=11)
        record("geometric", d, n, 0.3, seed=12)
        record("bernoulli_tensor", d, n, seed=13)
        record("dropout", d, n, 0.1, seed=14)
        record("dropout", d, n, 0.5, seed=15)
        record("multinomial", d, n, 20, seed=17)
        record("poisson", d, n, 5, seed=19)
        record("poisson", d, n, 40, seed=20)
    record("dropout", d, 20, 1.0, seed=15)
    record("multinomial_without", d, 9, 1, seed=36)
    record("multinomial_without", d, 9, 3, seed=37)
    record("random", d, 100, seed=21)
for d in ["float32", "float64"]:
    for n in [5, 33, 1000]:
        record("rrelu", d, n, seed=16)
        record("multinomial_without", d, n, 4, seed=18)
        record("binomial", d, n, 4, seed=22)
        record("binomial", d, n, 37, seed=23)
        record("gamma", d, n, 1, seed=24)
        record("gamma", d, n, 9, seed=25)
for d in T:
    if not d.startswith("complex"):
        record("random", d, 50, seed=26)
        record("random_from_to", d, 50, 0, 2 if d == "bool" else 9, seed=27)
        record("bernoulli", d, 600, 0.3, seed=28)
for n in [5, 33]:
    record("rrelu", "bfloat16", n, seed=38)
for d in ["int64", "int32", "int16", "uint8"]:
    record("geometric", d, 50, 0.2, seed=29)
for d in ["int64", "float64"]:
    record("random_from_to", d, 40, -5, 2**40, seed=30)
    record("random_from_to", d, 40, 0, 2**28, seed=31)
    record("random_from_to", d, 40, 0, 2**28 - 1, seed=32)
for d in ["int64", "float32", "float64", "bfloat16"]:
    record("random_full64", d, 40, seed=33)
for n in [0, 1, 2, 10, 1000, 70000]:
    record("randperm", "int64", n, seed=34)
for d in ["int32", "int16", "uint8", "float32", "float64", "float16", "bfloat16"]:
    record("randperm", d, 20, seed=35)
