"""safetensors.torch: files written and read, tied weights of a model, slices."""

import os
import tempfile

import torch
from report import report, summary
from safetensors import safe_open
from safetensors.torch import load_file, load_model, save, save_file, save_model

torch.manual_seed(0)
tensors = {
    "a": torch.randn(3, 4),
    "b": torch.arange(6),
    "c": torch.randn(5).bfloat16(),
    "d": torch.ones(2, dtype=torch.bool),
}


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(7, 3)
        self.head = torch.nn.Linear(3, 7, bias=False)
        self.head.weight = self.embed.weight


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "x.safetensors")
    save_file(tensors, path, metadata={"by": "test"})
    back = load_file(path)
    assert all(torch.equal(back[k], v) and back[k].dtype == v.dtype for k, v in tensors.items())
    with safe_open(path, framework="pt") as f:
        part = f.get_slice("a")[1:, :2]
        assert f.metadata() == {"by": "test"}
    assert torch.equal(part, tensors["a"][1:, :2])
    model, other = Tied(), Tied()
    save_model(model, path)
    load_model(other, path)
    assert torch.equal(model.head.weight, other.head.weight)
    assert other.head.weight is other.embed.weight
data = save(tensors)
report(length=len(data), bytes=sum(data), values=summary(v for v in back.values() if v.is_floating_point()))
