"""The CUDA kernels' numbers without a GPU: the printed text compiled as C++ and run by an emulation of the GPU's threads
(cuda/host_shim.h), held against NumPy and SciPy. Odd sizes, several block sizes, strides; guards around every buffer."""

import ctypes
import mmap
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import cuda_text as ct

np = pytest.importorskip("numpy")

pytestmark = [
    pytest.mark.skipif(ct.compiler() is None, reason="no C++ compiler"),
    pytest.mark.skipif(shutil.which("cargo") is None and "RTORCH_CUDA_DUMP" not in ct.os.environ, reason="no cargo"),
]

INTS = ["uint8", "int8", "int16", "int32", "int64"]
DTYPES = ["bool", *INTS, "float16", "bfloat16", "float32", "float64", "complex64", "complex128"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
SHORT = {"f32": "float32", "f64": "float64", "i64": "int64", "c64": "complex64", "c128": "complex128"}
COMPUTE = {d: "float32" for d in ["float16", "bfloat16", "float32"]} | {d: "int64" for d in ["bool", *INTS]}
TOLERANCE = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 4e-6, "float64": 2e-14, "complex64": 8e-6, "complex128": 4e-14}
GUARD = 64
LIBC = ctypes.CDLL(None)


@pytest.fixture(scope="module")
def kernels():
    return ct.dump()


class Groups:
    """One shared library per group of names, built when first asked for."""

    def __init__(self, kernels):
        self.kernels, self.built = kernels, {}

    def __call__(self, *prefixes):
        if prefixes not in self.built:
            chosen = {n: t for n, t in self.kernels.items() if n.startswith(prefixes)}
            assert chosen, prefixes
            self.built[prefixes] = ct.Emulation(chosen)
        return self.built[prefixes]


@pytest.fixture(scope="module")
def emulate(kernels):
    return Groups(kernels)


# ---- memory ------------------------------------------------------------------------------------------------------


def storage(dtype):
    return np.dtype("uint16" if dtype == "bfloat16" else dtype)


def to_bf16(x):
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(x), np.uint16(0x7FC0), rounded)


def encode(x, dtype):
    """An array of plain numbers as it lies in memory."""
    with np.errstate(all="ignore"):
        return to_bf16(np.asarray(x, np.float32)) if dtype == "bfloat16" else np.asarray(x).astype(storage(dtype))


def decode(a, dtype):
    return (a.astype(np.uint32) << 16).view(np.float32) if dtype == "bfloat16" else a


class Buffer:
    """Memory with a guard on both sides: bytes that must stay as they are before it (and up to 15 of them after it), then
    a page that nobody may touch."""

    def __init__(self, values, dtype):
        self.dtype, values = dtype, np.ascontiguousarray(values)
        self.size, page = values.size, mmap.PAGESIZE
        inside = -(-(values.nbytes + GUARD) // page) * page
        self.map = mmap.mmap(-1, inside + page)
        self.raw = np.frombuffer(self.map, np.uint8)
        address = self.raw.ctypes.data
        assert LIBC.mprotect(ctypes.c_void_p(address + inside), ctypes.c_size_t(page), 0) == 0
        self.start = (inside - values.nbytes) // 16 * 16
        self.end = self.start + values.nbytes
        self.raw = self.raw[:inside]
        self.raw[:] = 0xA5
        self.memory = self.raw[self.start : self.end].view(values.dtype)
        self.memory[:] = values.reshape(-1)
        self.address = address + self.start

    def read(self):
        assert (self.raw[: self.start] == 0xA5).all(), "written before the buffer"
        assert (self.raw[self.end :] == 0xA5).all(), "written after the buffer"
        return decode(self.memory.copy(), self.dtype)


def inp(x, dtype):
    return Buffer(encode(x, dtype), dtype)


def out(n, dtype):
    return Buffer(np.full(n, 77).astype(storage(dtype)), dtype)


def number(x, compute):
    """A parameter of the compute type."""
    return np.asarray(x).astype(compute).tobytes()


def strides(sizes, tensors, wide=False):
    """The bytes of strides<ND, NT, I>; outermost first, as NumPy has them."""
    if not sizes:
        return bytes(4)
    words = []
    for s in reversed(sizes):
        shift = (s - 1).bit_length()
        words += [s] if wide else [s, ((1 << 32) * ((1 << shift) - s)) // s + 1, shift]
    for t in tensors:
        words += reversed(t)
    return np.array(words, np.uint64 if wide else np.uint32).tobytes()


def u(x, wide=False):
    return ctypes.c_uint64(x) if wide else ctypes.c_uint32(x)


def run_map(e, name, inputs, outs, params=(), compute="float32", grid=3, block=64, n=None, layout=bytes(4), wide=False):
    n = outs[0].size if n is None else n
    args = [*outs, *inputs] + [number(p, compute) for p in params]
    e.launch(name, grid, block, *args, u(n, wide), layout)


def close(got, want, rtol, what="", atol=0.0):
    if got.dtype == bool:
        got, want = got.astype(int), want.astype(int)
    with np.errstate(all="ignore"):
        same = (got == want) | (np.isnan(got) & np.isnan(want))
        near = np.abs(got - want) <= rtol * np.abs(want) + atol
    bad = np.flatnonzero(~(same | near))
    assert bad.size == 0, f"{what}: {bad.size} differ, first at {bad[0]}: {got[bad[0]]!r} instead of {want[bad[0]]!r}"


# ---- primitives --------------------------------------------------------------------------------------------------

REAL = [0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3.7, -7.25, 9.0, 10.0, 0.3, -0.3, 1e-3, 20.5, 1e-30, 1e30, -1e30]
REAL += [float("inf"), float("-inf"), float("nan"), 0.999, -0.999, 0.1, 64, 5, -3]
WHOLE = [0, 1, -1, 2, -2, 3, 5, -7, 10, 63, 64, -64, 100, 2**31, -(2**31), 2**62, 2**63 - 1, -(2**63), 12345, 9]


def wrap(x):
    return ((x + 2**63) % 2**64) - 2**63


def int_pow(a, b):
    return {1: 1, -1: -1 if b & 1 else 1}.get(a, 0) if b < 0 else wrap(pow(a, b, 2**64))


def int_fmod(a, b):
    return 0 if b == 0 else abs(a) % abs(b) * (-1 if a < 0 else 1)


def int_trunc(a, b):
    return 0 if b == 0 else wrap(abs(a) // abs(b) * (-1 if (a < 0) != (b < 0) else 1))


def float_remainder(a, b):
    r = np.fmod(a, b)
    return np.where((r != 0) & ((b < 0) != (r < 0)), r + b, r)


def float_floor_div(a, b):
    r = np.fmod(a, b)
    q = (a - r) / b
    q = np.where((r != 0) & ((b < 0) != (r < 0)), q - 1, q)
    f = np.floor(q)
    f = np.where(q - f > 0.5, f + 1, f)
    f = np.where(q == 0, np.copysign(np.zeros_like(a), a / b), f)
    return np.where(b == 0, a / b, f)


def references():
    special = pytest.importorskip("scipy.special")
    refs = {
        "copy": lambda x: x, "neg": np.negative, "abs": np.abs, "recip": lambda x: 1 / x, "sqrt": np.sqrt,
        "rsqrt": lambda x: 1 / np.sqrt(x), "square": lambda x: x * x, "exp": np.exp, "exp2": np.exp2,
        "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sin": np.sin,
        "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh,
        "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "erf": special.erf, "erfc": special.erfc,
        "erfinv": special.erfinv, "lgamma": special.gammaln, "digamma": special.digamma, "floor": np.floor,
        "ceil": np.ceil, "round": np.rint, "trunc": np.trunc, "is_nan": np.isnan, "is_inf": np.isinf,
        "logical_not": np.logical_not, "bit_not": np.invert, "sign_bit": np.signbit, "conj": np.conj,
        "real": np.real, "imag": np.imag, "angle": lambda z: np.where(z == 0, 0, np.angle(z)), "add": np.add, "sub": np.subtract, "mul": np.multiply,
        "div": np.divide, "trunc_div": lambda a, b: np.trunc(a / b), "floor_div": float_floor_div,
        "remainder": float_remainder, "fmod": np.fmod, "pow": np.power, "atan2": np.arctan2, "hypot": np.hypot,
        "copysign": np.copysign, "next_after": np.nextafter, "max": np.maximum, "min": np.minimum, "fmax": np.fmax,
        "fmin": np.fmin, "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
        "ge": np.greater_equal, "logical_and": np.logical_and, "logical_or": np.logical_or,
        "logical_xor": np.logical_xor, "select": lambda c, a, b: np.where(c != 0, a, b),
        "complex": lambda a, b: a.real + 1j * b.real,
        "sign": lambda x: np.where(np.isnan(x), 0, np.sign(x)),
    }  # fmt: skip
    whole = {
        "add": lambda a, b: wrap(a + b), "sub": lambda a, b: wrap(a - b), "mul": lambda a, b: wrap(a * b),
        "neg": lambda a: wrap(-a), "abs": lambda a: wrap(abs(a)), "square": lambda a: wrap(a * a),
        "sign": lambda a: (a > 0) - (a < 0), "bit_not": lambda a: ~a, "sign_bit": lambda a: a < 0,
        "div": int_trunc, "trunc_div": int_trunc, "fmod": int_fmod,
        "floor_div": lambda a, b: wrap(a // b) if b else 0, "remainder": lambda a, b: a % b if b else 0,
        "pow": int_pow, "bit_and": lambda a, b: a & b, "bit_or": lambda a, b: a | b, "bit_xor": lambda a, b: a ^ b,
        "shl": lambda a, b: wrap(a << b) if 0 <= b < 64 else 0,
        "shr": lambda a, b: a >> (b if 0 <= b < 64 else 63),
        "max": max, "min": min, "fmax": max, "fmin": min, "imag": lambda a: 0, "is_nan": lambda a: 0,
        "is_inf": lambda a: 0, "logical_not": lambda a: a == 0, "eq": lambda a, b: a == b, "ne": lambda a, b: a != b,
        "lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
        "logical_and": lambda a, b: bool(a and b), "logical_or": lambda a, b: bool(a or b),
        "logical_xor": lambda a, b: bool(a) != bool(b), "select": lambda c, a, b: a if c else b,
    }  # fmt: skip
    for name in ["copy", "floor", "ceil", "round", "trunc", "conj", "real"]:
        whole[name] = lambda a: a
    return refs, whole


def complex_values(dtype):
    g = np.random.default_rng(1)
    z = g.normal(size=300) + 1j * g.normal(size=300)
    cuts = [0, 1, -1, 1j, -1j, 2, -2, 2j, -2j, 0.5, -0.5, 0.5j, 1e-3 + 1e-3j, 3 + 4j, -3 + 4j, 1 + 1e-3j, 10 - 10j]
    signed = [complex(2, -0.0), complex(-2, -0.0), complex(-0.5, -0.0)]
    return np.concatenate([z, cuts, signed]).astype(dtype)


@pytest.mark.parametrize("compute", list(SHORT))
def test_every_primitive(kernels, emulate, compute):
    refs, whole = references()
    e, dtype = emulate(*[n for n in kernels if n.startswith("prim_") and n.endswith("_" + compute)]), SHORT[compute]
    count = 0
    for name, text in kernels.items():
        if not (name.startswith("prim_") and name.endswith("_" + compute)):
            continue
        prim = name[len("prim_") : -len(compute) - 1]
        arity = 3 if "in2" in text else 2 if "in1" in text else 1
        values = complex_values(dtype) if compute[0] == "c" else np.array(WHOLE if compute == "i64" else REAL, dtype)
        if arity == 1:
            args = [values]
        elif compute[0] == "c":
            args = [values, values[::-1].copy(), np.roll(values, 7)][:arity]
        else:
            args = [a.reshape(-1) for a in np.meshgrid(values, values)]
            if arity == 3:
                args = [np.roll(args[0], 3), *args]
        result = out(args[0].size, dtype)
        run_map(e, name, [inp(a, dtype) for a in args], [result], grid=2, block=96)
        got = result.read()
        with np.errstate(all="ignore"):
            if compute == "i64":
                want = np.array([int(whole[prim](*map(int, a))) for a in zip(*args)], dtype)
            elif compute[0] == "c" and prim in ("exp2", "log2", "log10", "rsqrt", "expm1", "sign", "pow", "log1p"):
                wide = [a.astype(np.complex128) for a in args]  # what NumPy lacks, or has with less care
                want = {
                    "exp2": lambda z: np.exp(z * np.log(2)), "log2": lambda z: np.log(z) / np.log(2),
                    "log10": lambda z: np.log(z) / np.log(10), "rsqrt": lambda z: 1 / np.sqrt(z),
                    "expm1": np.expm1, "log1p": np.log1p, "sign": lambda z: np.where(z == 0, 0, z / np.abs(z)),
                    "pow": lambda a, b: np.where(b == 0, 1, np.where(a == 0, np.where(b.real > 0, 0, np.nan), np.exp(b * np.log(a)))),
                }[prim](*wide).astype(dtype)  # fmt: skip
            else:
                want = np.asarray(refs[prim](*args)).astype(dtype)
        exact = compute == "i64" or prim in (
            "copy neg add sub mul floor ceil round trunc eq ne lt le gt ge max min fmax fmin select fmod remainder "
            "floor_div trunc_div copysign next_after square sqrt recip rsqrt div abs"
        ).split()
        rtol = 0 if exact and compute[0] != "c" else TOLERANCE[dtype]
        if compute[0] == "c":
            finite = np.isfinite(want)  # infinities of complex functions: NumPy and PyTorch differ in details
            scale = 40 if prim in ("pow", "tan", "exp2") else 4
            close(got[finite], want[finite], rtol * scale, name, atol=rtol / 4)
        elif prim in ("lgamma", "digamma"):
            ok = ~((args[0] == 0) | np.isinf(args[0])) | (prim == "lgamma")  # SciPy's digamma of -0 and -inf differs
            close(got[ok], want[ok], rtol * 4, name, atol=rtol)
        elif prim in ("erfc", "pow"):
            close(got, want, rtol * 20, name, atol=1e-37)
        else:
            close(got, want, rtol, name)
        count += 1
    assert count >= {"f": 60, "i": 35, "c": 40}[compute[0]]


# The CPU and the GPU compute these in one rounding each: the bits are equal. The rest is polynomials on both sides.
EXACT = set(
    "copy neg abs sign recip sqrt rsqrt square floor ceil round trunc is_nan is_inf logical_not bit_not sign_bit conj "
    "real imag add sub mul div trunc_div floor_div remainder fmod copysign next_after max min fmax fmin eq ne lt le gt "
    "ge logical_and logical_or logical_xor bit_and bit_or bit_xor shl shr complex select angle".split()
)
# complex64 is computed in double on the CPU.
INEXACT_COMPLEX = {"abs", "sign", "recip", "sqrt", "rsqrt", "div", "angle", "mul", "square"}
# On their branch cuts the CPU's do not look at the sign of a zero (PyTorch and the CUDA text do).
CUTS = {"asin", "acos", "asinh", "acosh"}


@pytest.fixture(scope="module")
def cpu():
    return ct.cpu_results()


@pytest.mark.parametrize("compute", list(SHORT))
def test_every_primitive_agrees_with_the_cpu_kernels(kernels, emulate, cpu, compute):
    e, d = emulate(*[n for n in kernels if n.startswith("prim_") and n.endswith("_" + compute)]), SHORT[compute]
    count, wrong = 0, []
    for name, args, result in cpu:
        if not name.endswith("_" + compute):
            continue
        prim = name[len("prim_") : -len(compute) - 1]
        args, want = [np.frombuffer(a, d) for a in args], np.frombuffer(result, d)
        r = out(want.size, d)
        run_map(e, name, [Buffer(a, d) for a in args], [r], grid=3, block=64)
        got = r.read()
        exact = prim in EXACT and not (compute[0] == "c" and prim in INEXACT_COMPLEX)
        unit = TOLERANCE.get(d, 0)
        tol = 0 if exact else unit * (20 if prim in ("pow", "erfc", "lgamma", "digamma") else 4)
        if compute[0] == "c":
            finite = np.isfinite(want) & np.isfinite(got) & (np.abs(want) < 1e30)
            if prim in CUTS:
                finite &= (args[0].real != 0) & (args[0].imag != 0)
            got, want = got[finite], want[finite]
            tol *= 200 if prim in ("tan", "tanh", "pow", "exp2") else 10
        try:
            close(got, want, tol, name, atol=0 if exact else unit / 4)
            if exact:  # zeros with their signs
                zero = (got == 0) if compute[0] != "c" else np.zeros(0, bool)
                assert not zero.any() or (np.signbit(got[zero]) == np.signbit(want[zero])).all(), f"{name}: sign of a zero"
        except AssertionError as error:
            wrong.append(str(error).split("\n")[0])
        count += 1
    assert not wrong, "\n".join(wrong)
    assert count >= {"f": 55, "i": 30, "c": 35}[compute[0]]


def test_edges_of_digamma_and_signed_zeros(emulate, kernels):
    e = emulate(*[n for n in kernels if n.startswith("prim_") and n.endswith("_f32")])
    x = np.array([0.0, -0.0, -1.0, -2.0, np.inf], np.float32)
    result = out(5, "float32")
    run_map(e, "prim_digamma_f32", [inp(x, "float32")], [result])
    assert str(result.read().tolist()) == "[-inf, inf, nan, nan, inf]"
    zeros = np.array([0.0, -0.0], np.float32)
    for name, want in [("floor", [0, 1]), ("neg", [1, 0]), ("abs", [0, 0]), ("sign", [0, 0]), ("angle", [0, 0])]:
        result = out(2, "float32")
        run_map(e, f"prim_{name}_f32", [inp(zeros, "float32")], [result])
        assert np.signbit(result.read()).tolist() == want, name


@pytest.mark.parametrize("compute", ["f32", "f64", "c64", "c128"])
def test_constants_that_are_not_numbers(emulate, compute):
    e, d = emulate("special_"), SHORT[compute]
    a, b = out(5, d), out(5, d)
    run_map(e, f"special_{compute}", [inp(np.ones(5), d)], [a, b])
    assert (a.read().real == -np.inf).all() and np.isnan(b.read().real).all()


# ---- formulas ----------------------------------------------------------------------------------------------------


def sample(dtype, n, seed=0):
    g = np.random.default_rng(seed)
    if dtype == "bool":
        return g.integers(0, 2, n).astype(bool)
    if dtype in INTS:
        low = 0 if dtype == "uint8" else -100
        return g.integers(low, 100, n).astype(dtype)
    x = g.normal(size=n)
    if dtype.startswith("complex"):
        return (x + 1j * g.normal(size=n)).astype(dtype)
    return decode(encode(x, dtype), dtype)


def computed(x, dtype):
    """In the compute type."""
    return x.astype(COMPUTE.get(dtype, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_formulas_of_every_dtype(emulate, dtype):
    e = emulate("add_alpha_", "lt_", "where_", "to_float_")
    c = COMPUTE.get(dtype, dtype)
    for n, grid, block in [(1, 1, 32), (31, 1, 64), (1003, 2, 128), (4099, 3, 256)]:
        a, b = sample(dtype, n), sample(dtype, n, 1)
        r = out(n, dtype)
        run_map(e, f"add_alpha_{dtype}", [inp(a, dtype), inp(b, dtype)], [r], [3], c, grid, block)
        close(r.read(), decode(encode(computed(a, dtype) + computed(b, dtype) * np.asarray(3, c), dtype), dtype), 0, dtype)
        r = out(n, "bool")
        run_map(e, f"lt_{dtype}", [inp(a, dtype), inp(b, dtype)], [r], grid=grid, block=block)
        assert (r.read() == (a != b if dtype.startswith("c") else a < b)).all()
        mask = sample("bool", n, 2)
        r = out(n, dtype)
        run_map(e, f"where_{dtype}", [inp(mask, "bool"), inp(a, dtype), inp(b, dtype)], [r], grid=grid, block=block)
        assert (r.read() == np.where(mask, a, b)).all()
        r = out(n, "float32")
        run_map(e, f"to_float_{dtype}", [inp(a, dtype)], [r], grid=grid, block=block)
        assert (r.read() == a.real.astype(np.float32)).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_gelu_and_tanh(emulate, dtype):
    special = pytest.importorskip("scipy.special")
    e, x = emulate("gelu_", "tanh_"), sample(dtype, 777) * 3
    x = decode(encode(x, dtype), dtype)
    wide = x.astype(np.float64)
    for name, want in [("gelu", 0.5 * wide * (1 + special.erf(wide / np.sqrt(2)))), ("tanh", np.tanh(wide))]:
        r = out(777, dtype)
        run_map(e, f"{name}_{dtype}", [inp(x, dtype)], [r])
        close(r.read().astype(np.float64), want, TOLERANCE[dtype], name, atol=TOLERANCE[dtype] / 10)


def test_several_outputs_and_fused_steps(emulate):
    e = emulate("two_outputs", "adam", "complex_of_parts", "abs_of_complex")
    n = 501
    a, b = sample("float32", n), sample("float16", n, 1)
    m, s = out(n, "float32"), out(n, "bfloat16")
    run_map(e, "two_outputs", [inp(a, "float32"), inp(b, "float16")], [m, s])
    w = b.astype(np.float32)
    assert (m.read() == a * w).all() and (s.read() == decode(to_bf16(a - w), "bfloat16")).all()

    z = out(n, "complex64")
    run_map(e, "complex_of_parts", [inp(a, "float32"), inp(w, "float32")], [z])
    assert (z.read() == a + 1j * w).all()
    r = out(n, "float32")
    run_map(e, "abs_of_complex", [inp(a + 1j * w, "complex64")], [r])
    close(r.read(), np.hypot(a, w), 1e-6)

    p, g, m0, v0 = (sample("float32", n, k) for k in range(4))
    v0 = v0 * v0
    b1, b2, eps, lr, c1, c2 = (np.float32(x) for x in (0.9, 0.999, 1e-8, 1e-3, 0.1, 0.001))
    outs = [out(n, "float32") for _ in range(3)]
    run_map(e, "adam", [inp(x, "float32") for x in (p, g, m0, v0)], outs, [b1, b2, eps, lr, c1, c2])
    m1 = m0 * b1 + g * (1 - b1)
    v1 = v0 * b2 + (g * g) * (1 - b2)
    want = p - m1 / c1 / (np.sqrt(v1 / c2) + eps) * lr
    assert (outs[1].read() == m1).all() and (outs[2].read() == v1).all()  # no contraction: the same bits
    close(outs[0].read(), want, 1e-6)


# ---- index forms -------------------------------------------------------------------------------------------------


def elements(x):
    return [s // x.itemsize for s in x.strides]


@pytest.mark.parametrize("grid,block", [(1, 32), (2, 96), (5, 256)])
def test_index_forms(emulate, grid, block):
    e, g = emulate("form_"), np.random.default_rng(0)
    f = np.float32
    alpha = f(0.3)

    def check(form, a, b, shape, base_a, base_b, layout, wide=False, n=None):
        r = out(int(np.prod(shape)), "float32")
        buffers = [inp(base_a, "float32"), inp(base_b, "float32")]
        run_map(e, f"form_{form}", buffers, [r], [alpha], grid=grid, block=block, layout=layout, wide=wide, n=n)
        want = np.broadcast_to(a, shape) + np.broadcast_to(b, shape) * alpha
        assert (r.read().reshape(shape) == want).all(), form

    for n in (0, 1, 3, 4, 129, 1025):
        a, b = g.normal(size=n).astype(f), g.normal(size=n).astype(f)
        for form in ("contiguous_v1", "contiguous_v2", "contiguous_v4", "wide_contiguous_v4"):
            check(form, a, b, (n,), a, b, bytes(4), form.startswith("wide"))
        check("number_v4", a, b[:1] if n else b, (n,), a, b[:1] if n else np.zeros(1, f), bytes(4))
    a, b = g.normal(size=600).astype(f), g.normal(size=900).astype(f)
    check("strided_1", a[::2], b[::3], (300,), a, b, strides([300], [[1], [2], [3]]))

    a, b = g.normal(size=(7, 11)).astype(f), g.normal(size=(11, 7)).astype(f)
    check("strided_2", a, b.T, (7, 11), a, b, strides([7, 11], [[11, 1], [11, 1], [1, 7]]))
    a, b = g.normal(size=(5, 6, 7)).astype(f), g.normal(size=(6, 1)).astype(f)
    sizes, tensors = [5, 6, 7], [[42, 7, 1], [42, 7, 1], [0, 1, 0]]
    check("strided_3", a, b, (5, 6, 7), a, b, strides(sizes, tensors))
    check("wide_3", a, b, (5, 6, 7), a, b, strides(sizes, tensors, True), wide=True)
    a, b = g.normal(size=(3, 4, 2, 5, 3)).astype(f), g.normal(size=(3, 5, 2, 4, 3)).astype(f)
    t = b.transpose(4, 3, 2, 1, 0)
    tensors = [elements(np.empty((3, 4, 2, 5, 3), f)), elements(a), elements(t)]
    check("strided_5", a, t, a.shape, a, b, strides([3, 4, 2, 5, 3], tensors))
    # A row added to each row; a column added to each column.
    a, row, column = g.normal(size=(9, 20)).astype(f), g.normal(size=20).astype(f), g.normal(size=(9, 1)).astype(f)
    check("rows_v4", a, row, (9, 20), a, row, strides([9, 20], [[20, 1], [20, 1], [0, 1]]))
    check("columns_v4", a, column, (9, 20), a, column, strides([9, 20], [[20, 1], [20, 1], [1, 0]]))


# ---- copies ------------------------------------------------------------------------------------------------------


def cast(x, source, target):
    """Tensor.to on the CPU: floats that do not fit an integer give the least number of 32 or 64 bits."""
    with np.errstate(all="ignore"):
        if x.dtype.kind == "c" and target[0] != "c":
            x = x != 0 if target == "bool" else x.real
        if target == "bool":
            return x != 0
        if x.dtype.kind == "f" and target in INTS:
            wide = x.astype(np.float64)
            bits = 64 if target == "int64" else 32
            fits = np.trunc(wide) == np.clip(np.trunc(wide), -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - (1 if bits == 32 else 0))
            fits &= wide < 2.0 ** (bits - 1)
            whole = np.where(fits, np.where(fits, wide, 0).astype(np.int64), -(2 ** (bits - 1)))
            return whole.astype(target)
        if target in ("float16", "bfloat16"):
            x = x.astype(np.float32)  # as PyTorch: a double rounds twice
        return decode(encode(x, target), target)


@pytest.mark.parametrize("source", DTYPES)
def test_casts(emulate, source):
    e = emulate("copy_")
    if source in FLOATS:
        x = np.array([0, -0.0, 1, -1, 1.5, 2.5, -2.5, 255, 256, 300, -129.7, 65504, 65520, 1e-7, 6e-8, 3e-8, 1e5, -1e5, 3e9,
                      1e10, -1e10, 1e20, np.inf, -np.inf, np.nan, 2049, 2051, 1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-8])  # fmt: skip
        x = decode(encode(x, source), source)
    elif source[0] == "c":
        x = np.array([0, 1 + 2j, 1j, -2.5, 300 - 1j, 1e5 + 1e5j, 70000]).astype(source)
    else:
        x = np.array([0, 1, 2, 100, 127, -1, -128, 32767, 2**24 + 1, 2**31, -(2**31), 2**53 + 1, 2**62]).astype(source)
    x = np.concatenate([x, sample(source, 20)])
    for target in DTYPES:
        r = out(x.size, target)
        run_map(e, f"copy_{source}_{target}", [inp(x, source)], [r], block=32)
        close(r.read(), cast(x, source, target), 0, f"{source} -> {target}")


def test_bytes_of_bool_other_than_one_count_as_true(emulate):
    e = emulate("copy_")
    raw = Buffer(np.array([0, 1, 2, 255], np.uint8), "uint8")
    r = out(4, "int32")
    run_map(e, "copy_bool_int32", [raw], [r])
    assert r.read().tolist() == [0, 1, 1, 1]


def test_every_half_survives_the_way_to_float_and_back(emulate):
    e = emulate("copy_")
    for d in ("float16", "bfloat16"):
        bits = np.arange(65536, dtype=np.uint16)
        bits = bits[~np.isnan(bits.view(np.float16).astype(np.float32) if d == "float16" else decode(bits, d))]
        x = Buffer(bits if d == "bfloat16" else bits.view(np.float16), d)
        wide, back = out(bits.size, "float32"), out(bits.size, d)
        run_map(e, f"copy_{d}_float32", [x], [wide], grid=8, block=256)
        assert (wide.read() == x.read().astype(np.float32)).all()
        run_map(e, f"copy_float32_{d}", [wide], [back], grid=8, block=256)
        assert (back.memory.view(np.uint16) == bits).all()
    g = np.random.default_rng(3).integers(0, 2**32, 20000, dtype=np.uint32).view(np.float32)
    for d in ("float16", "bfloat16"):
        r = out(g.size, d)
        run_map(e, f"copy_float32_{d}", [inp(g, "float32")], [r], grid=4, block=256)
        close(r.read().astype(np.float32), cast(g, "float32", d).astype(np.float32), 0, d)


def test_strided_copy_and_transpositions(emulate):
    e, g = emulate("copy_", "transpose_"), np.random.default_rng(0)
    x = g.normal(size=(5, 6, 7)).astype(np.float32)
    r = out(210, "float16")
    t = x.transpose(2, 0, 1)
    run_map(e, "copy_strided", [inp(x, "float32")], [r], layout=strides([7, 5, 6], [[30, 6, 1], elements(t)]))
    assert (r.read().reshape(7, 5, 6) == t.astype(np.float16)).all()
    for name, source, target in [("f32", "float32", "float32"), ("f16", "float16", "float32"), ("u8", "uint8", "uint8")]:
        for b, h, w, grid in [(1, 1, 1, 1), (1, 33, 65, 2), (3, 32, 31, 7), (2, 70, 5, 40)]:
            x = sample(source, b * h * w).reshape(b, h, w)
            r = out(x.size, target)
            dims = [u(v) for v in (b, h, w, h * w, w, h * w, h)]
            e.launch(f"transpose_{name}", grid, (32, 8), r, inp(x, source), *dims)
            assert (r.read().reshape(b, w, h) == x.transpose(0, 2, 1)).all()


# ---- reductions --------------------------------------------------------------------------------------------------

REDUCE = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "any": np.any, "all": np.all}


def reduced_dtype(op, dtype):
    if op in ("any", "all"):
        return "bool"
    return "int64" if op in ("sum", "prod") and dtype in ("bool", *INTS) else dtype


def check_reduction(got, op, x, axis, dtype):
    with np.errstate(all="ignore"):
        if op in ("any", "all"):
            assert (got == REDUCE[op](x != 0, axis=axis)).all()
        elif dtype in ("bool", *INTS):
            assert (got == REDUCE[op](x.astype(np.int64), axis=axis)).all()
        else:
            wide = x.astype(np.complex128 if dtype[0] == "c" else np.float64)
            scale = REDUCE[op](np.abs(wide), axis=axis)
            close(got, REDUCE[op](wide, axis=axis), TOLERANCE[dtype], f"{op} {dtype}", atol=2 * TOLERANCE[dtype] * scale.max())


@pytest.mark.parametrize("dtype", DTYPES)
def test_reductions_of_rows_and_columns(emulate, dtype):
    e = emulate(*[f"{op}_{way}_" for op in REDUCE for way in ("warp", "block", "column")])
    size = storage(dtype).itemsize
    for rows, n, grid, block in [(1, 1, 1, 32), (5, 64, 2, 64), (3, 100, 2, 128), (7, 36, 3, 32), (2, 1300, 2, 256), (4, 0, 2, 64)]:
        x = sample(dtype, rows * n, rows).reshape(rows, n)
        if dtype not in ("bool", *INTS):
            x = decode(encode(x * 0.02 + 1, dtype), dtype)
        for op in REDUCE:
            if (dtype[0] == "c" or n == 0) and op in ("max", "min"):
                continue
            o = reduced_dtype(op, dtype)
            src, kept, red = inp(x, dtype), strides([rows], [[n]]), strides([max(n, 1)], [[1]])
            r = out(rows, o)
            e.launch(f"{op}_warp_{dtype}", grid, block, r, src, u(rows), u(n), kept, red)
            check_reduction(r.read(), op, x, 1, dtype)
            vec = min(max(16 // size, 1), 4)
            if n % vec == 0:
                r = out(rows, o)
                args = [u(rows), u(n), u(n), kept, red]
                e.launch(f"{op}_block_{dtype}", grid, block, r, src, *args)
                check_reduction(r.read(), op, x, 1, dtype)
            if n:  # the same memory as [rows, n], reduced over rows
                r = out(n, o)
                kept_c, red_c = strides([n], [[1]]), strides([rows], [[n]])
                shape = (32, block // 32)
                e.launch(f"{op}_column_{dtype}", grid, shape, r, src, u(n), u(rows), u(rows), kept_c, red_c)
                check_reduction(r.read(), op, x, 0, dtype)


def test_extremes_pass_nan_on(emulate):
    e = emulate(*[f"{op}_{way}_" for op in REDUCE for way in ("warp", "block", "column")])
    x = sample("float32", 4 * 100).reshape(4, 100)
    x[1, 57], x[3, 0], x[2] = np.nan, np.nan, -np.inf
    for op in ("max", "min"):
        r = out(4, "float32")
        layout = strides([4], [[100]]), strides([100], [[1]])
        e.launch(f"{op}_block_float32", 2, 64, r, inp(x, "float32"), u(4), u(100), u(100), *layout)
        close(r.read(), REDUCE[op](x, axis=1), 0)


@pytest.mark.parametrize("chunks,block", [(1, 256), (7, 64), (16, 128)])
def test_whole_tensor_in_two_passes(emulate, chunks, block):
    e = emulate(*[f"{op}_{way}_" for op in REDUCE for way in ("warp", "block", "column")])
    n = 20012
    x = sample("float32", n)
    chunk = -(-n // chunks // 4) * 4
    bits = []
    for _ in range(2):
        part, r = out(chunks, "float32"), out(1, "float32")
        layout = strides([1], [[n]]), strides([n], [[1]])
        e.launch("sum_block_float32", (1, chunks), block, part, inp(x, "float32"), u(1), u(n), u(chunk), *layout)
        layout = strides([1], [[chunks]]), strides([chunks], [[1]])
        e.launch("sum_warp_float32", 1, 32, r, part, u(1), u(chunks), *layout)
        bits.append(r.read()[0])
    assert bits[0] == bits[1]
    close(np.array(bits[:1]), np.array([x.astype(np.float64).sum()]), 1e-6, atol=1e-3)


def test_reduced_formulas_with_strides(emulate):
    e, g = emulate("mean_", "mse_"), np.random.default_rng(0)
    for dtype in FLOATS:
        x, r = sample(dtype, 3 * 50).reshape(3, 50), out(3, dtype)
        c = COMPUTE.get(dtype, dtype)
        layout = strides([3], [[50]]), strides([50], [[1]])
        e.launch(f"mean_{dtype}", 2, 64, r, inp(x, dtype), number(1 / 50, c), u(3), u(50), u(50), *layout)
        close(r.read(), x.astype(np.float64).mean(1), TOLERANCE[dtype], atol=TOLERANCE[dtype])
    # mean over dimensions 0 and 2 of [4, 3, 5, 6]; b is transposed memory.
    a, b = g.normal(size=(4, 3, 5, 6)).astype(np.float32), g.normal(size=(6, 5, 3, 4)).astype(np.float16)
    t = b.transpose(3, 2, 1, 0)
    sa, sb = elements(a), elements(t)
    for name, wide in [("mse_general", False), ("mse_general_wide", True)]:
        r = out(18, "float32")
        kept = strides([3, 6], [[sa[1], sa[3]], [sb[1], sb[3]]], wide)
        red = strides([4, 5], [[sa[0], sa[2]], [sb[0], sb[2]]], wide)
        buffers = [inp(a, "float32"), inp(b, "float16")]
        sizes = [u(18, wide), u(20, wide), u(20, wide)]
        e.launch(name, 4, 32, r, *buffers, number(1 / 20, "float32"), *sizes, kept, red)
        close(r.read(), ((a - t.astype(np.float32)) ** 2).mean((0, 2)).reshape(-1), 1e-5)
    # One number per row on the right: stride 0 in the reduced dimension, vectors on the left.
    a, b, r = g.normal(size=(5, 48)).astype(np.float32), g.normal(size=5).astype(np.float32), out(5, "float32")
    layout = strides([5], [[48], [1]]), strides([48], [[1], [0]])
    e.launch("mse_rows", 2, 32, r, inp(a, "float32"), inp(b, "float32"), u(5), u(48), u(48), *layout)
    close(r.read(), ((a - b[:, None]) ** 2).sum(1), 1e-5)


# ---- scans -------------------------------------------------------------------------------------------------------


def cum_extreme(x, largest):
    """Values and indices along the last axis: of equals the last, after a NaN only NaNs."""
    values, indices = x.copy(), np.zeros(x.shape, np.int64)
    for row in np.ndindex(x.shape[:-1]):
        best, at = x[row][0], 0
        for k, v in enumerate(x[row]):
            if v != v or (best == best and (v >= best if largest else v <= best)):
                best, at = v, k
            values[row][k], indices[row][k] = best, at
    return values, indices


SCANS = ("cumsum_", "cumprod_", "cummax_", "cummin_", "logcumsumexp_")


@pytest.mark.parametrize("dtype", DTYPES)
def test_scans(emulate, dtype):
    e = emulate(*SCANS)
    integral = dtype in ("bool", *INTS)
    for outer, n, inner, grid, block in [(1, 1, 1, 1, 32), (3, 37, 5, 2, 64), (2, 700, 3, 2, 128), (1, 2050, 1, 1, 256)]:
        x = sample(dtype, outer * n * inner, n)
        if not integral:
            x = decode(encode(x * 0.05 + 1, dtype), dtype)
        x = x.reshape(outer, n, inner)
        columns = x.transpose(0, 2, 1)  # [outer, inner, n]
        for op in ("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"):
            if (dtype[0] == "c" and "m" in op[3:] and op[3:] != "sum") or (op[0] == "l" and dtype not in FLOATS):
                continue
            if op == "cumprod" and dtype in ("float16",) and n > 100:
                continue  # overflows
            o = "int64" if integral and op in ("cumsum", "cumprod") else dtype
            found = op in ("cummax", "cummin")
            with np.errstate(all="ignore"):
                if found:
                    want, index = cum_extreme(columns, op == "cummax")
                else:
                    wide = columns.astype(np.int64 if integral else np.complex128 if dtype[0] == "c" else np.float64)
                    f = {"cumsum": np.cumsum, "cumprod": np.cumprod, "logcumsumexp": np.logaddexp.accumulate}[op]
                    want, index = f(wide, axis=-1), None
            for along in ("rows", "columns"):
                r, where = out(x.size, o), out(x.size, "int64")
                if along == "rows":
                    rows = outer * inner
                    args = [None, u(rows), u(n), u(n)]
                    source, back = np.ascontiguousarray(columns), lambda y: y.reshape(columns.shape)
                else:
                    args = [u(outer), u(n), u(inner)]
                    source, back = x, lambda y: y.reshape(x.shape).transpose(0, 2, 1)
                e.launch(f"{op}_{along}_{dtype}", grid, block, r, where, inp(source, dtype), *args)
                got = back(r.read())
                if found:
                    assert (got == want).all() and (back(where.read()) == index).all()
                elif integral:
                    assert (got == want).all()
                else:
                    close(got.reshape(-1), want.reshape(-1), TOLERANCE[dtype] * (n if op == "cumprod" else 20), f"{op} {along}")


def test_running_extremes_with_nan_and_ties(emulate):
    e = emulate(*SCANS)
    x = np.array([[1, 1, 0, 2, 2, np.nan, 3, np.nan, 1]], np.float32)
    for op in ("cummax", "cummin"):
        r, where = out(9, "float32"), out(9, "int64")
        args = [u(1), u(9), u(9)]
        e.launch(f"{op}_rows_float32", 1, 32, r, where, inp(x, "float32"), None, *args)
        values, indices = cum_extreme(x, op == "cummax")
        close(r.read(), values[0], 0)
        assert where.read().tolist() == indices[0].tolist()


@pytest.mark.parametrize("chunks", [2, 5])
def test_long_scan_in_three_passes(emulate, chunks):
    e = emulate(*SCANS)
    reduce = emulate(*[f"{op}_{way}_" for op in REDUCE for way in ("warp", "block", "column")])
    n, rows = 5000, 2
    chunk = -(-n // chunks // 4) * 4
    x = sample("int32", n * rows)
    src, totals, carry, r = inp(x, "int32"), out(rows * chunks, "int64"), out(rows * chunks, "int64"), out(n * rows, "int64")
    layout = strides([rows], [[n]]), strides([n], [[1]])
    reduce.launch("sum_block_int32", (rows, chunks), 64, totals, src, u(rows), u(n), u(chunk), *layout)
    sizes = [u(rows), u(chunks), u(chunks)]
    e.launch("cumsum_exclusive_int64", rows, 32, carry, None, totals, None, *sizes)
    args = [carry, u(rows), u(n), u(chunk)]
    e.launch("cumsum_rows_int32", (rows, chunks), 64, r, None, src, *args)
    assert (r.read().reshape(rows, n) == np.cumsum(x.reshape(rows, n), axis=1)).all()


# ---- argmax, softmax, moments ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d[0] != "c"])
def test_arg(emulate, dtype):
    e = emulate("argmax_", "argmin_")
    for outer, n, inner, grid, block in [(1, 1, 1, 1, 32), (3, 90, 4, 2, 64), (2, 515, 1, 3, 128)]:
        x = sample(dtype, outer * n * inner, n).reshape(outer, n, inner)
        if dtype in FLOATS and n > 10:
            x[0, 7, 0] = x[0, 20, 0] = np.nan
        columns = np.ascontiguousarray(x.transpose(0, 2, 1))
        for op, f in [("argmax", np.argmax), ("argmin", np.argmin)]:
            want = f(columns, axis=-1).reshape(-1)  # of equals the first; NaN above all
            values = np.take_along_axis(columns.reshape(-1, n), want[:, None], 1)[:, 0]
            rows = outer * inner
            v, w = out(rows, dtype), out(rows, "int64")
            args = [None, u(rows), u(n), u(n)]
            e.launch(f"{op}_rows_{dtype}", grid, block, v, w, inp(columns, dtype), *args)
            assert (w.read() == want).all()
            close(v.read().astype(np.float64), values.astype(np.float64), 0)
            v, w = out(rows, dtype), out(rows, "int64")
            args = [u(outer), u(n), u(inner)]
            e.launch(f"{op}_columns_{dtype}", grid, block, v, w, inp(x, dtype), *args)
            assert (w.read() == want).all()
            # Two passes over chunks.
            chunks = 3
            chunk = -(-n // chunks)
            if n >= chunks:
                v, w, w2 = out(rows * chunks, dtype), out(rows * chunks, "int64"), out(rows, "int64")
                args = [None, u(rows), u(n), u(chunk)]
                e.launch(f"{op}_rows_{dtype}", (rows, chunks), block, v, w, inp(columns, dtype), *args)
                args = [w, u(rows), u(chunks), u(chunks)]
                e.launch(f"{op}_rows_{dtype}", grid, 32, None, w2, v, *args)
                assert (w2.read() == want).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_softmax_and_moments(emulate, dtype):
    e = emulate(*[f"{k}_{a}_" for k in ("softmax", "log_softmax", "logsumexp", "softmax_grad", "log_softmax_grad", "moments")
                  for a in ("short", "rows", "columns")])  # fmt: skip
    tol = TOLERANCE[dtype] * 4
    for outer, n, inner, grid, block in [(1, 1, 1, 1, 32), (3, 40, 5, 2, 64), (2, 333, 2, 3, 128)]:
        x = decode(encode(sample(dtype, outer * n * inner, n) * 4, dtype), dtype).reshape(outer, n, inner)
        gr = sample(dtype, x.size, 9).reshape(x.shape)
        wide = x.astype(np.float64)
        m = wide.max(1, keepdims=True)
        lse = m + np.log(np.exp(wide - m).sum(1, keepdims=True))
        soft, logsoft = np.exp(wide - lse), wide - lse
        ys, yl = (decode(encode(y, dtype), dtype) for y in (soft, logsoft))
        g64, ys64, yl64 = (y.astype(np.float64) for y in (gr, ys, yl))
        want = {
            "softmax": soft, "log_softmax": logsoft, "logsumexp": lse,
            "softmax_grad": ys64 * (g64 - (g64 * ys64).sum(1, keepdims=True)),
            "log_softmax_grad": g64 - np.exp(yl64) * g64.sum(1, keepdims=True),
        }  # fmt: skip
        for along in ("short", "rows", "columns"):
            turn = (lambda y: y) if along == "columns" else (lambda y: np.ascontiguousarray(y.transpose(0, 2, 1)))
            sizes = [u(outer), u(n), u(inner)] if along == "columns" else [u(outer * inner), u(n)]
            for kind, w in want.items():
                args = [x] if "grad" not in kind else [gr, ys if kind[0] == "s" else yl]
                r = out(w.size, dtype)
                e.launch(f"{kind}_{along}_{dtype}", grid, block, r, *[inp(turn(a), dtype) for a in args], *sizes)
                close(r.read().astype(np.float64), turn(w).reshape(-1), tol, f"{kind} {along}", atol=tol * 2)
            for correction in (0, 1):
                a, b = out(outer * inner, dtype), out(outer * inner, dtype)
                c = COMPUTE.get(dtype, dtype)
                src = inp(turn(x), dtype)
                args = [src, *sizes, number(n - correction, c)]
                e.launch(f"moments_{along}_{dtype}", grid, block, a, b, *args)
                with np.errstate(all="ignore"):
                    variance = ((wide - wide.mean(1, keepdims=True)) ** 2).sum(1) / (n - correction)
                close(a.read().astype(np.float64), wide.mean(1).reshape(-1), tol, "mean", atol=tol)
                close(b.read().astype(np.float64), variance.reshape(-1), tol, "var", atol=tol)


def test_softmax_of_infinities(emulate):
    e = emulate(*[f"{k}_{a}_" for k in ("softmax", "log_softmax", "logsumexp", "softmax_grad", "log_softmax_grad", "moments")
                  for a in ("short", "rows", "columns")])  # fmt: skip
    inf = np.inf
    x = np.array([[-inf, 0, 1], [-inf, -inf, -inf], [inf, 0, 1]], np.float32)
    for along in ("short", "rows"):
        r = out(3, "float32")
        e.launch(f"logsumexp_{along}_float32", 1, 64, r, inp(x, "float32"), u(3), u(3))
        close(r.read(), np.array([np.log(1 + np.e), -inf, inf], np.float32), 1e-6)
        r = out(9, "float32")
        e.launch(f"softmax_{along}_float32", 1, 64, r, inp(x, "float32"), u(3), u(3))
        got = r.read().reshape(3, 3)
        assert got[0, 0] == 0 and np.isnan(got[1]).all() and np.isnan(got[2, 0])


# ---- indexing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_gather_and_scatter(emulate, dtype):
    e, g = emulate("gather_", "scatter_", "segment_add_"), np.random.default_rng(0)
    # gather along 1: out [6, 5] from src [6, 9].
    src, index = sample(dtype, 54).reshape(6, 9), g.integers(0, 9, (6, 5))
    r, bad = out(30, dtype), out(1, "int32")
    bad.memory[0] = 0
    layout = strides([6, 5], [[5, 1], [5, 1], [9, 0]])
    e.launch(f"gather_{dtype}", 2, 32, r, inp(index, "int64"), inp(src, dtype), bad,
             u(30), u(9), u(1), layout)  # fmt: skip
    assert (r.read().reshape(6, 5) == np.take_along_axis(src, index, 1)).all() and bad.read()[0] == 0
    # index_select along 0: the indices have stride 0 along the rest.
    chosen = g.integers(0, 6, 8)
    r, layout = out(72, dtype), strides([8, 9], [[9, 1], [1, 0], [0, 1]])
    e.launch(f"gather_{dtype}", 2, 32, r, inp(chosen, "int64"), inp(src, dtype), bad,
             u(72), u(6), u(9), layout)  # fmt: skip
    assert (r.read().reshape(8, 9) == src[chosen]).all() and bad.read()[0] == 0
    # scatter along 1 with duplicates: in order.
    ops = {"assign": lambda a, b: b, "add": lambda a, b: a + b, "mul": lambda a, b: a * b}
    if dtype[0] != "c":
        ops |= {"max": max, "min": min}
    base = sample(dtype, 54, 5).reshape(6, 9)
    new = sample(dtype, 42, 6).reshape(6, 7)
    index = g.integers(0, 4, (6, 7))
    for op, f in ops.items():
        want = base.copy()
        with np.errstate(all="ignore"):
            for i in range(6):
                for k in range(7):
                    a, b = computed(want[i, index[i, k]], dtype), computed(new[i, k], dtype)
                    want[i, index[i, k]] = decode(encode(np.asarray(f(a, b)).reshape(1), dtype), dtype)[0]
        r = inp(base, dtype)
        layout = strides([6], [[9], [7], [7]])
        e.launch(f"scatter_{op}_{dtype}", 2, 32, r, inp(index, "int64"), inp(new, dtype),
                 bad, u(6), u(7), u(9), u(1), u(1), u(1), layout)  # fmt: skip
        close(r.read().reshape(6, 9).reshape(-1), want.reshape(-1), 1e-6 if dtype[0] == "c" else 0, op)
    # Sorted segments: rows 0, 3 and 4 get sums.
    targets = np.array([4, 0, 3, 0, 4, 4, 0])
    order = np.argsort(targets, kind="stable")
    r, rows = inp(base, dtype), sample(dtype, 63, 8).reshape(7, 9)
    e.launch(f"segment_add_{dtype}", 2, 32, r, inp(rows, dtype), inp([0, 3, 4], "int64"),
             inp([0, 3, 4, 7], "int64"), inp(order, "int64"), u(3), u(9))  # fmt: skip
    want = computed(base, dtype)
    for t, row in zip(targets[order], rows[order]):
        want[t] = want[t] + computed(row, dtype)
    close(r.read(), decode(encode(want, dtype), dtype).reshape(-1), 0, "segments")


def test_indices_out_of_range_are_reported(emulate):
    e = emulate("gather_", "scatter_", "segment_add_")
    src, layout = sample("float32", 54), strides([1, 3], [[3, 1], [3, 1], [0, 0]])
    for index, answer in [([0, 5, 8], 0), ([0, 9, 1], 1), ([0, -1, 1], 1)]:
        r, bad = out(3, "float32"), inp([0], "int32")
        e.launch("gather_float32", 1, 32, r, inp(index, "int64"), inp(src, "float32"), bad,
                 u(3), u(9), u(1), layout)  # fmt: skip
        assert bad.read()[0] == answer
    # Negative ones from the end, 32-bit indices, 64-bit arithmetic.
    r, bad = out(3, "float32"), inp([0], "int32")
    layout = strides([1, 1, 3], [[3, 3, 1], [3, 3, 1], [0, 0, 0]], True)
    w = lambda x: u(x, True)
    e.launch("gather_wrap_wide", 1, 32, r, inp([-1, -9, 2], "int32"), inp(src, "float32"),
             bad, w(3), w(9), w(1), layout)  # fmt: skip
    assert (r.read() == src[[8, 0, 2]]).all() and bad.read()[0] == 0
