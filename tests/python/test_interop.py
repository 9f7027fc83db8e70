"""Memory shared with NumPy and by DLPack, plain pickles and copies of tensors, handles of hooks."""

import copy
import gc
import pickle
import subprocess
import sys

import numpy as np
import pytest
import rtorch as torch

DTYPES = [torch.float32, torch.float16, torch.int64, torch.uint8, torch.bool, torch.complex64]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dlpack_shares_memory_both_ways(dtype):
    x = torch.tensor([[1, 0, 2], [3, 4, 5]]).to(dtype)
    a = np.from_dlpack(x.t())
    assert a.tolist() == x.t().tolist()
    a[0, 0] = 0
    assert not x[0, 0]
    y = torch.from_dlpack(a)
    assert (y.data_ptr(), y.stride(), y.dtype) == (x.data_ptr(), (1, 3), dtype)
    del x, a
    gc.collect()
    assert y[0, 0].item() == 0
    assert tuple(y.__dlpack_device__()) == (1, 0)


def test_dlpack_capsules_are_taken_once():
    c = torch.utils.dlpack.to_dlpack(torch.arange(3))
    assert torch.utils.dlpack.from_dlpack(c).tolist() == [0, 1, 2]
    with pytest.raises(RuntimeError, match="can be consumed only once"):
        torch.utils.dlpack.from_dlpack(c)
    with pytest.raises(BufferError, match="require gradient"):
        torch.ones(2, requires_grad=True).__dlpack__()
    with pytest.raises(ValueError, match="negative strides"):
        torch.from_dlpack(np.arange(3)[::-1])
    assert torch.from_dlpack(torch.zeros(0, 3)).shape == (0, 3)


def test_numpy_shares_memory_both_ways():
    x = torch.arange(4.0)
    a = x.numpy()
    a[1] = 9
    assert x[1] == 9
    assert np.asarray(x).ctypes.data == x.data_ptr()
    assert torch.from_numpy(a).data_ptr() == x.data_ptr()
    assert torch.tensor([np.float64(1)]).dtype == torch.float64
    with pytest.raises(RuntimeError, match="Can't call numpy"):
        torch.ones(1, requires_grad=True).numpy()


def test_arrays_of_every_kind_and_layout():
    for kind in "bool uint8 int8 int16 int32 int64 float16 float32 float64 complex64 complex128".split():
        a = (np.arange(24).reshape(2, 3, 4) % 5).astype(kind)
        for v in (
            a,
            a[:, 1:, ::2],
            a.transpose(2, 0, 1),
            a[1, 2, 3:][0:1].reshape(()),
            a[:0],
            np.broadcast_to(a[:1], (3, 3, 4)).copy(),
        ):
            t = torch.from_numpy(v)
            assert str(t.dtype) == "torch." + kind and t.shape == v.shape and t.tolist() == v.tolist()
            assert v.size == 0 or t.data_ptr() == v.ctypes.data
    with pytest.raises(ValueError, match="negative"):
        torch.from_numpy(np.arange(4)[::-1])
    with pytest.raises(ValueError, match="byte order"):
        torch.from_numpy(np.arange(4, dtype=">i4"))
    with pytest.raises(TypeError, match="numpy.str_"):
        torch.from_numpy(np.array(["a"]))
    with pytest.raises(TypeError, match="expected np.ndarray"):
        torch.from_numpy([1])
    with pytest.warns(UserWarning, match="not writable"):
        torch.from_numpy(np.broadcast_to(np.zeros(1), (3,)))


def test_pickles_and_copies():
    x = torch.arange(3.0)
    x.note = "kept"
    things = [torch.float32, torch.device("cpu"), torch.Size([1, 2]), torch.strided, torch.channels_last]
    for t in things:
        assert pickle.loads(pickle.dumps(t)) == t == copy.deepcopy(t)
    for t in (x, x[1:], torch.ones(2, requires_grad=True), torch.nn.Parameter(torch.ones(2))):
        for other in (pickle.loads(pickle.dumps(t)), copy.deepcopy(t)):
            assert type(other) is type(t)
            assert (other.tolist(), other.requires_grad) == (t.tolist(), t.requires_grad)
            assert other.data_ptr() != t.data_ptr()
    assert pickle.loads(pickle.dumps(x)).note == "kept"


def test_hooks_are_removed():
    x = torch.ones(2, requires_grad=True)
    handle = x.register_hook(lambda g: g * 10)
    seen = []
    y = x * 2
    node = y.grad_fn.register_hook(lambda *grads: seen.append(len(grads)))
    y.sum().backward()
    assert (x.grad.tolist(), seen) == ([20, 20], [2])
    handle.remove()
    node.remove()
    (x * 2).sum().backward()
    assert x.grad.tolist() == [22, 22]


def test_out_must_be_apart():
    x = torch.arange(6.0)
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        torch.take(x, torch.tensor([0, 1, 2]), out=x[:3])
    with pytest.raises(RuntimeError, match="more than one element"):
        torch.index_select(x, 0, torch.tensor([0, 1]), out=torch.zeros(1).expand(2))


def test_a_list_of_arrays_is_a_tensor_and_a_warning_once():
    code = """
import warnings, numpy as np, rtorch
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    t = rtorch.tensor([np.arange(3.0), np.ones(3)])
    rtorch.tensor([np.ones(1)])
assert t.tolist() == [[0, 1, 2], [1, 1, 1]] and t.dtype == rtorch.float64, t
assert rtorch.tensor([np.ones(2, dtype=np.int32), [1, 2.5]]).tolist() == [[1, 1], [1, 2.5]]
assert rtorch.tensor([np.float32(2), np.array(3)]).tolist() == [2, 3]
assert len(seen) == 1 and "list of numpy.ndarrays" in str(seen[0].message), seen
try:
    rtorch.tensor([np.ones(2), np.ones(3)])
except ValueError as e:
    assert "expected" in str(e)
else:
    raise AssertionError("ragged")
"""
    subprocess.run([sys.executable, "-c", code], check=True)
