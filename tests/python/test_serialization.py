"""save and load: round trips, PyTorch's own files (files/), map_location, restricted loading, damaged files, safe
replacing. Where PyTorch is installed beside rtorch, each opens what the other wrote."""

import io
import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path

import pytest

torch = pytest.importorskip("rtorch")
serialization = pytest.importorskip("rtorch.serialization")
from rtorch.serialization import add_safe_globals, clear_safe_globals, get_safe_globals, load, safe_globals, save  # noqa: E402

FILES = Path(__file__).parent / "files"
SHARED = Path(__file__).resolve().parents[3] / "shared"
BOTH = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def trip(obj, zipped=True, **options):
    buffer = io.BytesIO()
    save(obj, buffer, _use_new_zipfile_serialization=zipped)
    buffer.seek(0)
    return load(buffer, **options)


class Mine:
    def __init__(self, x):
        self.x = x


class Slotted:
    __slots__ = ("a",)


def make_mine(x):
    return Mine(x)


# ---------------------------------------------------------------- there and back


@BOTH
def test_tensors_and_plain_values(zipped, tmp_path):
    t = torch.arange(6.0).reshape(2, 3)
    obj = {
        "name": "żółw",
        "list": [1, 2.5, None, True, -(2**40), 2**70],
        "t": t,
        "od": OrderedDict(a=torch.tensor([1, 2])),
        "pair": (1, "a", (2, 3, 4, 5)),
        "set": {1, 2},
        "bytes": b"\0\xff",
        "array": bytearray(b"ab"),
        "complex": 1 + 2j,
        "counter": Counter("aab"),
        "size": torch.Size([2, 3]),
        "dtype": torch.float32,
        "device": torch.device("cpu"),
        3: "key",
    }
    path = tmp_path / "o.pt"
    save(obj, path, _use_new_zipfile_serialization=zipped)
    for back in (
        load(path),
        load(str(path)),
        load(path, weights_only=False),
        load(io.BytesIO(path.read_bytes())),
        trip(obj, zipped),
    ):
        assert back["t"].tolist() == t.tolist()
        assert back["od"]["a"].tolist() == [1, 2]
        assert type(back["od"]) is OrderedDict
        assert type(back["size"]) is torch.Size
        assert type(back["counter"]) is Counter
        for key in obj:
            if key not in ("t", "od"):
                assert back[key] == obj[key], key
    with open(path, "rb") as f:
        assert list(load(f)) == list(obj)
    assert [p.name for p in tmp_path.iterdir()] == ["o.pt"]


@BOTH
@pytest.mark.parametrize(
    "name", "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128".split()
)
def test_dtypes(name, zipped):
    t = torch.tensor([0, 1, 2]).to(getattr(torch, name))
    back = trip(t, zipped)
    assert back.dtype == t.dtype
    assert back.tolist() == t.tolist()


@BOTH
def test_shared_storages_stay_shared(zipped):
    t = torch.arange(6.0).reshape(2, 3)
    a, row, turned, last, empty = trip([t, t[1], t.t(), t[1, 2], t[:0]], zipped)
    row[0] = 100
    assert a.tolist() == [[0, 1, 2], [100, 4, 5]]
    assert turned.stride() == (1, 3)
    assert turned[0].tolist() == [0, 100]
    assert last.item() == 5
    assert tuple(empty.shape) == (0, 3)
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        trip([t, t.view(torch.int32)], zipped)


@BOTH
def test_parameters_and_requires_grad(zipped):
    p = torch.nn.Parameter(torch.ones(2))
    back, frozen, leaf = trip(
        [p, torch.nn.Parameter(torch.zeros(1), requires_grad=False), torch.ones(1, requires_grad=True)], zipped
    )
    assert type(back) is torch.nn.Parameter
    assert back.requires_grad
    assert not frozen.requires_grad
    assert leaf.requires_grad
    assert type(leaf) is torch.Tensor


def test_attributes_of_tensors():
    t = torch.ones(2)
    t.tag = "kept"
    assert trip(t).tag == "kept"
    p = torch.nn.Parameter(torch.ones(2))
    p.tag = [1]
    back = trip(p)
    assert type(back) is torch.nn.Parameter
    assert back.tag == [1]


@BOTH
def test_whole_objects_need_weights_only_false(zipped):
    buffer = io.BytesIO()
    save([Mine(torch.ones(2)), Mine], buffer, _use_new_zipfile_serialization=zipped)
    buffer.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="weights_only=False") as e:
        load(buffer)
    assert f"GLOBAL {__name__}.Mine" in str(e.value)
    buffer.seek(0)
    back, kind = load(buffer, weights_only=False)
    assert type(back) is kind is Mine
    assert back.x.tolist() == [1, 1]


def test_a_module_travels_whole():
    if not hasattr(torch.nn, "Linear"):
        pytest.skip("no nn.Linear yet")
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
    back = trip(model, weights_only=False)
    assert repr(back) == repr(model)
    assert back[0].weight.tolist() == model[0].weight.tolist()
    state = trip(model.state_dict())
    assert list(state) == ["0.weight", "0.bias"]
    assert state._metadata[""]["version"] == 1


def test_files_have_torchs_names():
    """No name of ours stands in a file, also where a text looks like one."""
    for protocol in (2, 3, 4, 5):
        buffer = io.BytesIO()
        save(
            {
                "t": torch.ones(1),
                "d": torch.float32,
                "p": torch.nn.Parameter(torch.ones(1)),
                "text": "crtorch._utils\n_rebuild_tensor_v2\n",
            },
            buffer,
            pickle_protocol=protocol,
        )
        data = zipfile.ZipFile(buffer).read("archive/data.pkl")
        assert data.count(b"rtorch") == 1
        assert b"torch._utils" in data
        buffer.seek(0)
        assert load(buffer)["text"] == "crtorch._utils\n_rebuild_tensor_v2\n"
    names = zipfile.ZipFile(buffer).namelist()
    assert {
        "archive/data.pkl",
        "archive/byteorder",
        "archive/version",
        "archive/data/0",
        "archive/.format_version",
    } <= set(names)


def test_the_archive_is_a_zip_with_aligned_records(tmp_path):
    path = tmp_path / "my model.v2.pt"
    save([torch.arange(5), torch.ones(3)], path)
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None
        for info in z.infolist():
            assert info.filename.startswith("my model.v2/")
            with open(path, "rb") as f:
                f.seek(info.header_offset + 26)
                n, m = struct.unpack("<HH", f.read(4))
            assert (info.header_offset + 30 + n + m) % 64 == 0


def test_storages():
    from rtorch.storage import FloatStorage, LongStorage, TypedStorage

    s = FloatStorage([1, 2, 3])
    assert isinstance(s, TypedStorage)
    assert isinstance(s, FloatStorage)
    assert not isinstance(s, LongStorage)
    assert s.tolist() == list(s) == [1.0, 2.0, 3.0]
    assert (len(s), s.nbytes(), s.element_size(), s.dtype) == (3, 12, 4, torch.float32)
    s[1] = 5
    assert s[1] == s[-2] == 5.0
    with pytest.raises(IndexError):
        s[3]
    assert "[torch.storage.TypedStorage(dtype=torch.float32, device=cpu) of size 3]" in repr(s)
    back = trip({"s": s, "u": s.untyped()}) if False else trip(s)
    assert back.tolist() == [1.0, 5.0, 3.0]
    assert trip(s.untyped()).nbytes() == 12
    assert len(LongStorage(4)) == 4
    assert pickle.loads(pickle.dumps(s)).tolist() == [1.0, 5.0, 3.0]


# ---------------------------------------------------------------- PyTorch's files


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_dtypes_from_pytorch(form):
    for name, t in load(FILES / f"dtypes-{form}.pt").items():
        assert t.dtype == getattr(torch, name)
        assert t.tolist() == torch.tensor([0, 1, 2, 3]).to(t.dtype).tolist()


@pytest.mark.parametrize("mapped", [False, True])
def test_other_files_from_pytorch(mapped):
    v = load(FILES / "views-zip.pt", mmap=mapped)
    assert v["t"].tolist() == v["base"].t().tolist()
    assert v["step"].tolist() == [[1, 3], [9, 11]]
    assert v["expand"].stride() == (0, 1)
    v["base"][1, 0] = -1
    assert v["row"][0].item() == -1
    s = load(FILES / "shared-zip.pt", mmap=mapped)
    s["back"][0] = 99
    assert s["all"].tolist()[5] == 99
    p = load(FILES / "parameters-zip.pt", mmap=mapped)
    assert type(p["p"]) is torch.nn.Parameter
    assert not p["frozen"].requires_grad
    assert p["grad"].requires_grad
    python = load(FILES / "python-zip.pt", mmap=mapped)
    assert python["big"] == 2**70
    assert python["bytes"] == b"\x00\xff"
    assert python["set"] == {1, 2}
    assert python["dtype"] == torch.float32
    assert python["text"].startswith("żółw")
    assert load(FILES / "bare-legacy.pt").tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("form", ["unchecked", "legacy"])
def test_checkpoints_from_pytorch(form):
    c = load(FILES / f"checkpoint-{form}.pt")
    assert c["epoch"] == 2
    assert c["loss"] == 0.25
    assert type(c["model"]) is OrderedDict
    assert c["model"]._metadata["bn"]["version"] == 2
    assert set(c["adam"]["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    assert c["model"]["fc.weight"].shape == (3, 8)


ORACLE = """
import io, json, sys, torch
mode, path = sys.argv[1:]
if mode == "read":
    o = torch.load(path, weights_only=True)
    print(json.dumps([o["v"].tolist(), list(o["v"].stride()), o["p"].requires_grad, type(o["p"]).__name__, o["n"], o["v"].untyped_storage().data_ptr() == o["a"].untyped_storage().data_ptr(), str(o["h"].dtype), list(torch.load(path, weights_only=False, mmap=True))]))
else:
    a = torch.arange(6.0).reshape(2, 3)
    torch.save({"a": a, "v": a.t()[1:], "p": torch.nn.Parameter(torch.ones(2)), "n": [1, "x"], "h": a.to(torch.bfloat16), "u": torch.tensor([1, 2], dtype=torch.uint16)}, path)
"""


def oracle():
    """A Python that has PyTorch: $RTORCH_ORACLE, this one, or the workplace's."""
    for python in (os.environ.get("RTORCH_ORACLE"), "/work/oracle/bin/python", sys.executable):
        if (
            python
            and os.path.exists(python)
            and subprocess.run([python, "-c", "import torch._dynamo"], capture_output=True).returncode == 0
        ):
            return python
    pytest.skip("PyTorch is not installed")


def test_either_library_opens_the_others_files(tmp_path):
    python = oracle()
    a = torch.arange(6.0).reshape(2, 3)
    obj = {"a": a, "v": a.t()[1:], "p": torch.nn.Parameter(torch.ones(2)), "n": [1, "x"], "h": a.to(torch.bfloat16)}
    for protocol in (2, 3):
        save(obj, tmp_path / "ours.pt", pickle_protocol=protocol)
        r = subprocess.run(
            [python, "-c", ORACLE, "read", str(tmp_path / "ours.pt")], capture_output=True, text=True, check=True
        )
        assert json.loads(r.stdout) == [
            [[1, 4], [2, 5]],
            [1, 3],
            True,
            "Parameter",
            [1, "x"],
            True,
            "torch.bfloat16",
            list(obj),
        ]
    subprocess.run([python, "-c", ORACLE, "write", str(tmp_path / "theirs.pt")], check=True, capture_output=True)
    back = load(tmp_path / "theirs.pt") if isinstance(torch.uint16, torch.dtype) else None
    if back is not None:
        assert back["v"].tolist() == obj["v"].tolist()
        assert back["u"].tolist() == [1, 2]


# ---------------------------------------------------------------- map_location


def test_map_location(tmp_path):
    path = tmp_path / "m.pt"
    save({"w": torch.ones(2)}, path)
    seen = []

    def where(storage, location):
        seen.append((type(storage).__name__, location))
        return storage

    for place in (
        None,
        "cpu",
        torch.device("cpu"),
        {"cuda:0": "cpu"},
        {"cpu": "cpu"},
        where,
        lambda storage, location: None,
    ):
        assert load(path, map_location=place)["w"].tolist() == [1, 1]
    assert seen == [("UntypedStorage", "cpu")]
    with pytest.raises(RuntimeError, match=r"don't know how to restore data location.*tagged with moon"):
        load(path, map_location="moon")
    if not (hasattr(torch, "cuda") and torch.cuda.is_available()):
        with pytest.raises(RuntimeError, match="torch.cuda.is_available\\(\\) is False"):
            load(path, map_location="cuda:0")


# ---------------------------------------------------------------- what is allowed


def test_safe_globals():
    buffer = io.BytesIO()
    save(Mine(3), buffer)

    def again():
        buffer.seek(0)
        return load(buffer).x

    try:
        with safe_globals([Mine]):
            assert again() == 3
            assert get_safe_globals() == [Mine]
        with pytest.raises(pickle.UnpicklingError, match="not an allowed global by default"):
            again()
        add_safe_globals([(Mine, f"{__name__}.Mine")])
        assert again() == 3
        clear_safe_globals()
        assert get_safe_globals() == []
        buffer.seek(0)
        assert serialization.get_unsafe_globals_in_checkpoint(buffer) == [f"{__name__}.Mine"]
    finally:
        clear_safe_globals()
    with pytest.raises(ValueError, match="tuple of length 2"):
        add_safe_globals([(Mine, "a", "b")])


def crafted(body, storages=(), root="archive", records=()):
    """A zip checkpoint around a pickle made by hand."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr(f"{root}/data.pkl", body)
        for key, data in storages:
            z.writestr(f"{root}/data/{key}", data)
        for name, data in records:
            z.writestr(f"{root}/{name}", data)
    out.seek(0)
    return out


def tensor_pickle(numel=6, offset=0, size=(2, 3), stride=(3, 1), key="0"):
    class P(pickle._Pickler):
        def persistent_id(self, obj):
            return ("storage", Global("torch", "FloatStorage"), key, "cpu", numel) if obj is STORAGE else None

        def save(self, obj, save_persistent_id=True):
            if isinstance(obj, Global):
                self.write(f"c{obj.module}\n{obj.name}\n".encode())
            elif isinstance(obj, Call):
                self.save(obj.function)
                self.save(obj.args)
                self.write(b"R")
            else:
                super().save(obj, save_persistent_id)

    out = io.BytesIO()
    P(out, 2).dump(
        {
            "w": Call(
                Global("torch._utils", "_rebuild_tensor_v2"),
                (STORAGE, offset, size, stride, False, Call(Global("collections", "OrderedDict"), ())),
            )
        }
    )
    return out.getvalue()


class Global:
    def __init__(self, module, name):
        self.module, self.name = module, name


class Call:
    def __init__(self, function, args):
        self.function, self.args = function, args


STORAGE = object()
FLOATS = struct.pack("<6f", *range(6))


def test_crafted_file_loads():
    assert load(crafted(tensor_pickle(), [("0", FLOATS)]))["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    big = struct.pack(">6f", *range(6))
    assert load(crafted(tensor_pickle(), [("0", big)], records=[("byteorder", "big")]))["w"].tolist() == [
        [0, 1, 2],
        [3, 4, 5],
    ]


@pytest.mark.parametrize(
    "kw",
    [
        {"size": (3, 3)},
        {"offset": 1},
        {"offset": -1},
        {"stride": (-3, 1)},
        {"stride": (2**62, 1)},
        {"size": (2**33, 2**33), "stride": (0, 0)},
        {"numel": 7},
        {"numel": 2**50},
        {"numel": -6},
        {"size": (2.0, 3)},
        {"stride": (1,)},
        {"key": "../version"},
    ],
)
def test_views_outside_of_their_storage_are_refused(kw):
    with pytest.raises((pickle.UnpicklingError, RuntimeError)) as e:
        load(crafted(tensor_pickle(**kw), [("0", FLOATS)]))
    assert len(str(e.value)) > 30


@pytest.mark.parametrize(
    "body",
    [
        b"cos\nsystem\n(S'exit 3'\ntR.",
        b"\x80\x02cbuiltins\neval\nX\x03\x00\x00\x001+1\x85R.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x01x\x85R.",
        b"\x80\x02(X\x01\x00\x00\x00aios\nsystem\n.",
        b"\x80\x02cbuiltins\nbytearray\n\x8a\x06\x00\x00\x00\x00\x00\x01\x85R.",
        b"\x80\x02ctorch\nFloatStorage\n\x8a\x06\x00\x00\x00\x00\x00\x01\x85R.",
        b"\x80\x02K\x01\x85q\x00" + b"h\x00h\x00\x86q\x00" * 40 + b"}h\x00K\x01s.",
        b"\x80\x02" + b"(" * 50 + b".",
        b"\x80\x02X\xff\xff\xff\xffabc.",
        b"\x80\x02K\x01",
        b"",
    ],
)
def test_hostile_pickles_are_refused(body):
    with pytest.raises((pickle.UnpicklingError, RuntimeError)) as e:
        load(crafted(body))
    assert "data.pkl" in str(e.value)


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "model.pt"
    save({"w": torch.zeros(1000)}, path)
    whole = path.read_bytes()
    for n in (2500, 30, len(whole) - 1):
        path.write_bytes(whole[:n])
        with pytest.raises(RuntimeError, match=rf"model\.pt.*{n} bytes.*incomplete"):
            load(path)
    at = whole.index(b"data/0") + 200
    path.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
    with pytest.raises(RuntimeError, match="checksum"):
        load(path)
    for data, words in (
        (b"", "empty"),
        (b"<html>", "web page"),
        (b"hello", "begins with b'hello'"),
        (pickle.dumps({}), "magic number"),
    ):
        path.write_bytes(data)
        with pytest.raises(pickle.UnpicklingError, match=words) as e:
            load(path)
        assert "model.pt" in str(e.value)
    with pytest.raises(FileNotFoundError) as e:
        load(tmp_path / "modle.pt")
    assert "did you mean" in e.value.__notes__[0]
    with pytest.raises(FileNotFoundError) as e:
        load(tmp_path / "no" / "model.pt")
    assert "no folder" in e.value.__notes__[0]


# ---------------------------------------------------------------- replacing


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "m.pt"
    save([1], path)
    os.chmod(path, 0o640)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        save([lambda: 0], path)
    assert load(path) == [1]

    class Full(Exception):
        pass

    real, serialization._archive.Writer.close = (
        serialization._archive.Writer.close,
        lambda self: (_ for _ in ()).throw(Full()),
    )
    try:
        with pytest.raises(Full):
            save([2], path)
    finally:
        serialization._archive.Writer.close = real
    assert load(path) == [1]
    save([3], path)
    assert load(path) == [3]
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["m.pt"]
    link = tmp_path / "latest.pt"
    link.symlink_to("m.pt")
    save([4], link)
    assert link.is_symlink()
    assert load(path) == [4]
    with pytest.raises(RuntimeError, match="Parent directory .* does not exist"):
        save([1], tmp_path / "no" / "m.pt")


def installed():
    """Whether this is rtorch with its core, and not a stand-in."""
    return getattr(sys.modules.get("rtorch._C"), "__spec__", None) is not None


KILLED = """
import sys, torch
state = {"version": 1, "w": torch.full((2_000_000,), 1.0)}
torch.save(state, sys.argv[1])
print("ready", flush=True)
while True:
    state["version"] += 1
    state["w"] = torch.full((2_000_000,), float(state["version"]))
    torch.save(state, sys.argv[1])
"""


def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path):
    if not installed():
        pytest.skip("rtorch is not installed in this Python")
    path = tmp_path / "m.pt"
    for delay in (0.01, 0.03, 0.05):
        p = subprocess.Popen([sys.executable, "-m", "rtorch", "-c", KILLED, str(path)], stdout=subprocess.PIPE)
        p.stdout.readline()
        try:
            p.wait(delay)
        except subprocess.TimeoutExpired:
            os.kill(p.pid, signal.SIGKILL)
        p.wait()
        p.stdout.close()
        state = load(path)
        assert state["w"][0].item() == state["w"][-1].item() == state["version"]


def test_all_attacks_of_the_shared_folder():
    """The 600-odd hostile and damaged files of ../shared/attacks that are checkpoints."""
    script = SHARED / "attacks" / "run.py"
    if not script.exists():
        pytest.skip("no ../shared/attacks here")
    if not installed():
        pytest.skip("rtorch is not installed in this Python")
    only = [
        x
        for f in ("control", "zip-*", "pickle-*", "legacy", "no-checkpoint", "torch-file", "fuzz-zip", "fuzz-legacy")
        for x in ("--only", f)
    ]
    r = subprocess.run(
        [sys.executable, str(script), "--runner", f"{sys.executable} -m rtorch", "--fork", "--tolerate", "SKIP", *only],
        capture_output=True,
        text=True,
    )
    assert r.returncode == 0, r.stdout[-4000:] + r.stderr[-1000:]
