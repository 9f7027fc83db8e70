"""What other people's packages ask of `torch` beyond the operators: names that exist and say no, versions, registries."""

import collections
import enum
import importlib
import subprocess
import sys
import threading

import pytest
import rtorch as torch
from rtorch.torch_version import TorchVersion
from rtorch.utils import _pytree


def child(code, *args):
    command = [sys.executable, "-m", "rtorch", "-c", code, *args]
    r = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stderr
    return r.stdout.splitlines()


def test_versions_agree_in_the_process_and_its_children(tmp_path):
    (tmp_path / "s.py").write_text("""
import importlib.metadata as m, importlib.util, subprocess, sys, torch
print(torch.__version__ == m.version("torch") == torch.version.__version__, torch.__version__ >= (2, 13))
print(importlib.util.find_spec("torch") is not None, "torch" in m.packages_distributions()["torch"], m.metadata("Torch")["Name"])
if len(sys.argv) == 1:
    subprocess.run([sys.executable, __file__, "x"], check=True)
""")
    code = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0])"
    assert sorted(child(code, str(tmp_path / "s.py"))) == [
        "True True",
        "True True",
        "True True torch",
        "True True torch",
    ]


def test_names_are_those_of_pytorch_under_the_alias():
    code = """
import torch, torch.nn.functional as F, pickle, io
print(torch.__name__, F.__name__, torch.nn.Linear.__module__, torch.nn.init.ones_.__module__, torch.nn.Parameter)
print(torch.distributions.constraints.real.__class__.__module__, torch.optim.SGD)
b = io.BytesIO(); torch.save([torch.nn.Linear(2, 3), torch.ones(2, dtype=torch.int8)], b); b.seek(0)
print(b"rtorch" in b.getvalue(), torch.load(b, weights_only=False)[0].weight.shape, pickle.loads(pickle.dumps(F.relu)) is F.relu)
"""
    assert child(code) == [
        "torch torch.nn.functional torch.nn.modules.linear torch.nn.init <class 'torch.nn.parameter.Parameter'>",
        "torch.distributions.constraints <class 'torch.optim.sgd.SGD'>",
        "False torch.Size([3, 2]) True",
    ]


def test_install_in_code():
    code = "import rtorch; rtorch.install(); import torch, torch.nn as nn; print(torch is rtorch, nn.Linear.__module__)"
    r = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert r.stdout == "True torch.nn.modules.linear\n", r.stderr


def test_versions_compare_as_versions():
    v = TorchVersion("2.13.0+rtorch0.1.0")
    assert v >= "2.9"
    assert v > (2, 9, 1)
    assert v < [2, 14]
    assert v != "2.13.0"
    assert not v < "2.13.0a0"
    assert TorchVersion("2.1.0.dev20") < "2.1.0rc1" < TorchVersion("2.1.0")
    assert TorchVersion("2.1") == "2.1.0"
    assert (v == None) is False  # noqa: E711
    assert hash(v) == hash(str(v))


@pytest.mark.parametrize(
    "path",
    [
        "distributed.fsdp.FullyShardedDataParallel",
        "distributed.tensor.DTensor",
        "fx.GraphModule",
        "fx.Proxy",
        "SymInt",
        "onnx.ONNXProgram",
    ],
)
def test_what_is_outside_has_no_instances_and_says_so(path):
    module, _, name = ("rtorch." + path).rpartition(".")
    kind = getattr(importlib.import_module(module), name)
    assert not isinstance(torch.ones(1), kind)
    assert issubclass(type("Own", (kind,), {}), kind)
    with pytest.raises(NotImplementedError, match=r"torch\." + path.replace(".", r"\.") + ": "):
        kind()


def test_questions_about_what_is_outside_are_answered():
    from rtorch.distributed import rpc

    assert rpc.is_available() is False
    assert torch.onnx.is_in_onnx_export() is False
    with pytest.raises(AttributeError, match="rtorch writes no ONNX files"):
        _ = torch.onnx.export
    with pytest.raises(NotImplementedError, match="does not shard"):
        torch.distributed.fsdp.fully_shard(torch.nn.Linear(1, 1))
    assert torch.fx.wrap(abs) is abs
    assert isinstance(torch.compile(torch.nn.Linear(1, 1)), torch._dynamo.OptimizedModule)
    with torch._dynamo.config.patch(verbose=True):
        assert torch._dynamo.config.verbose is True
    assert torch._dynamo.config.verbose is False
    assert torch.distributed.tensor.Shard(1).is_shard(1)
    assert torch.distributed.tensor.Partial().reduce_op == "sum"


def test_absent_dtypes_are_names():
    assert repr(torch.uint16) == "torch.uint16"
    assert torch.uint16 != torch.int16
    assert {torch.float8_e4m3fn: 1}[torch.float8_e4m3fn] == 1
    assert torch.finfo(torch.float8_e4m3fn).max == 448
    assert torch.iinfo(torch.uint64).max == 2**64 - 1
    assert torch.ones(2).layout != torch.sparse_csr
    assert torch.complex32.is_complex
    with pytest.raises(TypeError, match=r"not torch\.uint16, which rtorch does not have"):
        torch.zeros(2, dtype=torch.uint16)


def test_checks():
    torch._check(True)
    for check, error in (
        (torch._check, RuntimeError),
        (torch._check_value, ValueError),
        (torch._check_index, IndexError),
        (torch._check_type, TypeError),
        (torch._check_not_implemented, NotImplementedError),
    ):
        with pytest.raises(error, match="because 3"):
            check(False, lambda: "because 3")
    with pytest.raises(RuntimeError, match="all"):
        torch._check_tensor_all(torch.tensor([True, False]), lambda: "not all")
    with pytest.raises(AssertionError, match="no"):
        torch._assert(False, "no")
    with pytest.raises(RuntimeError, match="nonzero"):
        torch._assert_async(torch.zeros(1))
    assert torch.sym_max(1, 2.0) == 2.0
    assert isinstance(torch.sym_max(3, 2.0), float)


def test_futures():
    a, b = torch.futures.Future(), torch.futures.Future()
    c = a.then(lambda f: f.value() + 1)
    threading.Timer(0.01, lambda: (b.set_result(5), a.set_result(1))).start()
    assert torch.futures.wait_all([a, b, c]) == [1, 5, 2]
    with pytest.raises(RuntimeError, match="once"):
        a.set_result(2)
    d = a.then(lambda f: 1 / 0)
    assert d.done()
    with pytest.raises(ZeroDivisionError):
        d.wait()
    assert torch.futures.collect_all([]).wait() == []


def test_ops_and_library():
    aten = torch.ops.aten
    assert aten.add.Tensor(torch.ones(2), 2).tolist() == [3, 3]
    assert aten.slice.Tensor(torch.arange(6), 0, 1, 5, 2).tolist() == [1, 3]
    assert aten._foreach_add([torch.ones(1)], 1)[0].item() == 2
    assert not hasattr(torch.ops.aten, "no_such_operator")
    assert not hasattr(torch.ops.torch_sparse, "spmm")

    @torch.library.custom_op("rtorch_tests::scale", mutates_args=())
    def scale(x: torch.Tensor, by: float = 2.0) -> torch.Tensor:
        return torch.from_numpy(x.detach().numpy() * by)

    x = torch.arange(3.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        scale(x).sum().backward()
    with pytest.raises(NotImplementedError, match="register_fake"):
        scale(torch.ones(2, device="meta"))
    scale.register_fake(lambda x, by: torch.empty_like(x))
    assert scale(torch.ones(2, device="meta")).shape == (2,)

    def keep(ctx, inputs, output):
        ctx.by = inputs[1]

    torch.library.register_autograd("rtorch_tests::scale", lambda ctx, g: (g * ctx.by, None), setup_context=keep)
    y = torch.ops.rtorch_tests.scale(x, by=3.0)
    y.sum().backward()
    assert y.tolist() == [0, 3, 6]
    assert x.grad.tolist() == [3, 3, 3]


def test_pytree_paths_and_registry():
    pair = collections.namedtuple("pair", "x y")
    tree = {"a": [1, (2,)], "b": pair(3, {"c": 4})}
    found, spec = _pytree.tree_flatten_with_path(tree)
    assert [(_pytree.keystr(path), leaf) for path, leaf in found] == [
        ("['a'][0]", 1),
        ("['a'][1][0]", 2),
        ("['b'].x", 3),
        ("['b'].y['c']", 4),
    ]
    assert _pytree.tree_unflatten([leaf for _, leaf in found], spec) == tree
    assert _pytree.SUPPORTED_NODES[list].flatten_fn([1, 2])[0] == [1, 2]
    assert _pytree.tree_unflatten([7], _pytree.TreeSpec(list, None, [_pytree.LeafSpec()])) == [7]
    assert _pytree._get_node_type(pair(1, 2)) is collections.namedtuple


def test_storages_of_files_and_their_slices(tmp_path):
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(8)))
    s = torch.UntypedStorage.from_file(str(path), False, 8)
    part = s[2:6]
    assert part.nbytes() == 4
    assert sys.getsizeof(part) - sys.getsizeof(s[:0]) == 4
    assert sys.getsizeof(torch.ones(1000).storage()) > 4000
    assert torch.asarray(part, dtype=torch.uint8).tolist() == [2, 3, 4, 5]
    torch.asarray(part, dtype=torch.uint8)[0] = 99
    assert s[2] == 99
    assert path.read_bytes()[2] == 2
    t = torch.from_file(str(path), shared=True, size=3, dtype=torch.int32)
    t[2] = 7
    assert path.read_bytes()[8:] == b"\7\0\0\0"
    with pytest.raises(RuntimeError, match="step of 2"):
        s[::2]
    with pytest.raises(RuntimeError, match="smaller"):
        torch.UntypedStorage.from_file(str(path), False, 99)


def test_file_reader(tmp_path):
    path = str(tmp_path / "x.pt")
    torch.save({"w": torch.arange(4.0)}, path)
    reader = torch.PyTorchFileReader(path)
    assert "data.pkl" in reader.get_all_records()
    assert reader.get_storage_from_record("data/0", 16, torch.UntypedStorage).view(torch.float32).tolist() == [
        0,
        1,
        2,
        3,
    ]


def test_scatter_and_gather():
    from rtorch.nn.parallel.scatter_gather import gather, scatter, scatter_kwargs

    parts = scatter({"x": torch.arange(5), "y": [torch.ones(2, 2), 7]}, ["cpu", "cpu"])
    assert parts[0]["x"].tolist() == [0, 1, 2]
    assert parts[1]["y"][1] == 7
    assert gather([p["x"] for p in parts], "cpu").tolist() == [0, 1, 2, 3, 4]
    args, kwargs = scatter_kwargs((torch.arange(2),), {}, ["cpu", "cpu"])
    assert len(args) == len(kwargs) == 2


def test_flex_attention():
    from rtorch.nn.attention.flex_attention import create_block_mask, flex_attention

    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 2, 5, 4, dtype=torch.float64) for _ in range(3))
    mask = create_block_mask(lambda b, h, q, kv: q >= kv, None, None, 5, 5, device="cpu", BLOCK_SIZE=2)
    plain = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert (flex_attention(q, k, v, block_mask=mask) - plain).abs().max() < 1e-12
    assert mask.kv_num_blocks.tolist() == [[[1, 1, 3]]]  # blocks over the edge are not full
    assert mask.full_kv_num_blocks.tolist() == [[[0, 1, 0]]]
    bias = torch.randn(5, 5, dtype=torch.float64)
    ours = flex_attention(q, k, v, score_mod=lambda s, b, h, i, j: s + bias[i, j])
    assert (ours - torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)).abs().max() < 1e-12
    nothing = create_block_mask(lambda b, h, q, kv: (q > 2) & (kv >= 0), None, None, 5, 5, device="cpu")
    assert flex_attention(q, k, v, block_mask=nothing)[0, 0, 2].tolist() == [0] * 4


def test_distributions_have_docs_and_take_any_class_for_kl():
    assert all(
        kind.__doc__
        for kind in vars(torch.distributions).values()
        if isinstance(kind, type) and issubclass(kind, torch.distributions.Distribution)
    )

    class Beside(enum.Enum):
        A = 1

    torch.distributions.register_kl(Beside, torch.distributions.Normal)(lambda p, q: 3)
    assert torch.distributions.kl_divergence(Beside.A, torch.distributions.Normal(0.0, 1.0)) == 3


def test_no_tensor_has_a_tangent():
    from rtorch.autograd import forward_ad

    x = torch.ones(2)
    assert forward_ad.unpack_dual(x).primal is x
    assert forward_ad.unpack_dual(x).tangent is None
    with pytest.raises(NotImplementedError, match="backward only"):
        forward_ad.make_dual(x, x)
