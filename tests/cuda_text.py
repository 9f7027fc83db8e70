"""CUDA kernels without a GPU: the text that the core prints, NVRTC from the `nvidia-cuda-nvrtc` wheel, and an emulation
that compiles the same text as C++ (cuda/host_shim.h) and runs it on the CPU."""

import ctypes
import glob
import hashlib
import os
import shutil
import site
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CUDA = ROOT / "cuda"
CACHE = ROOT / ".cache" / "cuda"
FAILURES = {1: "a barrier was not reached by all threads", 2: "too many threads", 3: "read or wrote outside of a buffer"}
OPTIONS = ["--std=c++17", "--fmad=false"]


def headers():
    """The device code by the names that #include uses."""
    files = [*sorted((CUDA / "include").glob("*.cuh")), *sorted(CUDA.glob("*.cu"))]
    return {f.name: f.read_text() for f in files}


def dump():
    """{kernel name: text}, from the example `cuda_dump` (or the file in RTORCH_CUDA_DUMP)."""
    if path := os.environ.get("RTORCH_CUDA_DUMP"):
        text = Path(path).read_text()
    else:
        run = subprocess.run(
            ["cargo", "run", "-q", "--example", "cuda_dump"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        text = run.stdout
    kernels = {}
    for part in text.split("=== ")[1:]:
        name, _, body = part.partition("\n")
        if name in kernels:
            raise ValueError(f"two kernels are called {name}")
        kernels[name] = body
    return kernels


def operators():
    """{kernel name: text} of every formula and reduction of the operator table, in each dtype, with their gradients; from
    the built library."""
    from rtorch import _C

    kernels = {}
    for op in _C._operators():
        if op["kind"] in ("formula", "reduction"):
            listed = _C._cuda_text(op["name"])
            texts = dict(listed)
            if not texts or len(texts) < len(listed) or texts.keys() & kernels.keys():
                raise ValueError(f"{op['name']} prints nothing, or a name twice")
            kernels |= texts
    return kernels


def cpu_results():
    """[(kernel name, operands as bytes, result as bytes)]: what the CPU kernels give for every primitive."""
    if path := os.environ.get("RTORCH_CUDA_CPU"):
        text = Path(path).read_text()
    else:
        command = ["cargo", "run", "-q", "--example", "cuda_dump", "--", "--cpu"]
        text = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    lines = [line.split() for line in text.splitlines() if line[:1] != "#"]
    return [(name, [bytes.fromhex(a) for a in args], bytes.fromhex(result)) for name, *args, result in lines]


def write_aside(path, data):
    """The whole file or nothing, also with several writers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.write_bytes(data)
    aside.replace(path)


def digest(*parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(p if isinstance(p, bytes) else p.encode())
        h.update(b"\0")
    return h.hexdigest()[:32]


class Nvrtc:
    """NVRTC by ctypes. `Nvrtc.find()` gives None where the wheel is not installed."""

    def __init__(self, builtins, library):
        if builtins:  # the 13.0 wheels have no RPATH: the library would not find it
            ctypes.CDLL(builtins, mode=ctypes.RTLD_GLOBAL)
        self.lib = ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.lib.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
        self.version = f"{major.value}.{minor.value}"

    @staticmethod
    def find():
        for base in [*site.getsitepackages(), *sys.path]:
            for folder in sorted(glob.glob(os.path.join(base, "nvidia", "*", "lib")), reverse=True):
                library = sorted(glob.glob(os.path.join(folder, "libnvrtc.so.*")))
                builtins = sorted(glob.glob(os.path.join(folder, "libnvrtc-builtins.so.*")))
                if library:
                    return Nvrtc(builtins[-1] if builtins else None, library[-1])
        return None

    def compile(self, source, arch, headers, want="CUBIN", options=OPTIONS):
        """(bytes, log); the bytes are empty where the compilation failed."""
        lib, program, size = self.lib, ctypes.c_void_p(), ctypes.c_size_t()
        texts = (ctypes.c_char_p * len(headers))(*[t.encode() for t in headers.values()])
        names = (ctypes.c_char_p * len(headers))(*[n.encode() for n in headers])
        lib.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"unit.cu", len(headers), texts, names)
        opts = [f"--gpu-architecture={arch}", *options]
        rc = lib.nvrtcCompileProgram(program, len(opts), (ctypes.c_char_p * len(opts))(*[o.encode() for o in opts]))
        lib.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        lib.nvrtcGetProgramLog(program, log)
        data = b""
        if rc == 0:
            getattr(lib, f"nvrtcGet{want}Size")(program, ctypes.byref(size))
            out = ctypes.create_string_buffer(size.value)
            getattr(lib, f"nvrtcGet{want}")(program, out)
            data = out.raw
        lib.nvrtcDestroyProgram(ctypes.byref(program))
        return data, log.value.decode()


def resources(cubin):
    """{kernel: (registers, bytes of shared memory, bytes of local memory per thread)} from the ELF file's own sections.

    Shared memory is the size of .nv.shared.NAME; registers (EIATTR_REGCOUNT, 0x2f) and local memory (stack and spills:
    EIATTR_FRAME_SIZE, 0x11) stand in .nv.info, which names functions by symbol index."""
    u16 = lambda at: int.from_bytes(cubin[at : at + 2], "little")
    u32 = lambda at: int.from_bytes(cubin[at : at + 4], "little")
    u64 = lambda at: int.from_bytes(cubin[at : at + 8], "little")
    if cubin[:4] != b"\x7fELF":
        return {}
    start, entry, count, strings = u64(40), u16(58), u16(60), u16(62)
    sections = []
    for i in range(count):
        at = start + i * entry
        sections.append((u32(at), u64(at + 24), u64(at + 32), u32(at + 40), u32(at + 44)))
    text = lambda table, at: cubin[sections[table][1] + at : cubin.index(b"\0", sections[table][1] + at)].decode()
    named = {text(strings, s[0]): s for s in sections}
    symbols = named[".symtab"]
    symbol = lambda k: text(symbols[3], u32(symbols[1] + 24 * k))
    values, at = {0x11: {}, 0x2F: {}}, named[".nv.info"][1]
    end = at + named[".nv.info"][2]
    while at < end:
        form, kind, size = cubin[at], cubin[at + 1], u16(at + 2)
        at += 4
        if form == 4:  # a sized value follows
            if kind in values:
                values[kind][symbol(u32(at))] = u32(at + 4)
            at += size
    out = {}
    for name, s in named.items():
        if name.startswith(".text."):
            k = name[6:]
            shared = named.get(f".nv.shared.{k}", (0, 0, 0))[2]
            out[k] = (values[0x2F].get(k, 0), shared, values[0x11].get(k, 0))
    return out


def compiler():
    return os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")


class Emulation:
    """Kernels as C++ in one shared library, launched as the driver would: a list of argument values."""

    def __init__(self, kernels):
        body = "\n".join([*kernels.values(), *[f"EMULATE({name})" for name in kernels]])
        text = '#include "host_shim.h"\n' + body
        everything = [text, (CUDA / "host_shim.h").read_text(), *headers().values()]
        library = CACHE / f"host-{digest(*everything)}.so"
        if not library.exists():
            CACHE.mkdir(parents=True, exist_ok=True)
            source = library.with_suffix(f".{os.getpid()}.cpp")
            source.write_text(text)
            aside = library.with_suffix(f".{os.getpid()}.so")
            flags = ["-std=c++17", "-O1", "-fPIC", "-shared", "-ffp-contract=off", "-fwrapv", "-w"]
            command = [compiler(), *flags, f"-I{CUDA}", f"-I{CUDA / 'include'}", str(source), "-o", str(aside)]
            try:
                subprocess.run(command, check=True)
            finally:
                source.unlink()
            aside.replace(library)
        self.lib = ctypes.CDLL(str(library))

    def launch(self, name, grid, block, *args):
        """`args`: objects with an `address` (they live until the end of the call), None, ctypes values, or bytes for
        structs."""
        values = []
        for a in args:
            if a is None or hasattr(a, "address"):
                a = ctypes.c_void_p(a and a.address)
            elif isinstance(a, bytes):
                a = ctypes.create_string_buffer(a, len(a))
            values.append(a)
        pointers = (ctypes.c_void_p * len(values))(*[ctypes.addressof(v) for v in values])
        grid, block = (tuple(x) if isinstance(x, (tuple, list)) else (x,) for x in (grid, block))
        dims = [*grid, *[1] * (3 - len(grid)), *block, *[1] * (3 - len(block))]
        failure = getattr(self.lib, f"emulate_{name}")(*[ctypes.c_uint(d) for d in dims], pointers)
        if failure:
            raise RuntimeError(f"{name}: {FAILURES[failure]}")
