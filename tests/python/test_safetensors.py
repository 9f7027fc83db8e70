"""safetensors: round trips, the package's own files, zero copy, and refusals."""

import json
import struct

import pytest
import rtorch as torch
from rtorch.safetensors import load, load_file, save, save_file


def tensors():
    torch.manual_seed(0)
    kinds = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool)
    out = {str(d): (torch.randn(2, 3) * 3).to(d) for d in kinds}
    return {**out, "scalar": torch.tensor(1.5), "empty": torch.zeros(0, 4)}


def same(a, b):
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and torch.equal(a[k], b[k]) for k in a)


def test_round_trip(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file(tensors(), path, {"made by": "a test"})
    got = load_file(path)
    assert same(got, tensors()) and same(load(path.read_bytes()), tensors()) and same(load(save(tensors())), tensors())
    got["torch.float32"].zero_()  # the file stays as it is
    assert same(load_file(path), tensors())
    with pytest.raises(RuntimeError, match="share memory"):
        x = torch.ones(4)
        save({"a": x, "b": x.view(2, 2)})
    with pytest.raises(ValueError, match="non contiguous"):
        save({"a": torch.ones(2, 3).t()})


def test_the_packages_files(tmp_path):
    theirs = pytest.importorskip("safetensors.numpy")
    arrays = {k: v.numpy() for k, v in tensors().items() if v.dtype != torch.bfloat16}
    theirs.save_file(arrays, tmp_path / "t.safetensors")
    got = load_file(tmp_path / "t.safetensors")
    assert same(got, {k: v for k, v in tensors().items() if v.dtype != torch.bfloat16})
    save_file(got, tmp_path / "o.safetensors")
    back = theirs.load_file(tmp_path / "o.safetensors")
    assert all((back[k] == arrays[k]).all() for k in arrays)


@pytest.mark.parametrize(
    "head, message",
    [
        ({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, "needs 12 bytes"),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, "lie outside"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, "hole"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, "the data at 8"),
        ({"a": {"dtype": "F3", "shape": [2], "data_offsets": [0, 8]}}, "unknown"),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], "x": 1}}, "does not have"),
        ([1], "no JSON object"),
    ],
)
def test_damage_is_told(tmp_path, head, message):
    text = json.dumps(head).encode()
    path = tmp_path / "bad.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))
    with pytest.raises(ValueError, match=message) as e:
        load_file(path)
    assert "bad.safetensors" in str(e.value)
    path.write_bytes(struct.pack("<Q", 1 << 60) + text)
    with pytest.raises(ValueError, match="larger than the file"):
        load_file(path)
