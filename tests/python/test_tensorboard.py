"""SummaryWriter, read back by the package tensorboard itself."""

import pytest
import rtorch as torch
from rtorch import nn

pytest.importorskip("tensorboard")
from rtorch.utils.tensorboard import SummaryWriter
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def read(folder):
    acc = EventAccumulator(str(folder), size_guidance={"tensors": 0, "images": 0, "histograms": 0, "scalars": 0})
    acc.Reload()
    return acc


def test_kinds(tmp_path):
    with SummaryWriter(tmp_path) as w:
        w.add_scalar("loss", torch.tensor(1.5), 3)
        w.add_scalars("both", {"a": 1.0, "b": 2.0}, 1)
        w.add_histogram("h", torch.tensor([0.0, 0.5, 0.5, 2.0]), 1, bins=[0.0, 0.4, 1.0, 3.0])
        w.add_image("i", torch.ones(3, 4, 5) * 0.5, 2)
        w.add_text("t", "said", 1)
        w.add_audio("s", torch.linspace(-1, 1, 50), 1)
        w.add_pr_curve("p", torch.tensor([0, 1, 1]), torch.tensor([0.1, 0.8, 0.4]), 1, num_thresholds=3)
        w.add_hparams({"lr": 0.1, "on": True, "name": "x"}, {"acc": 0.9}, run_name="run")
        w.add_embedding(torch.arange(6.0).view(3, 2), ["x", "y", "z"], torch.rand(3, 1, 4, 4), 7)
        w.add_video("v", torch.rand(1, 3, 3, 6, 8), 1)
    acc = read(tmp_path)
    assert [(e.step, e.value) for e in acc.Scalars("loss")] == [(3, 1.5)]
    assert read(tmp_path / "both_b").Scalars("both")[0].value == 2.0
    h = acc.Histograms("h")[0].histogram_value
    assert (h.min, h.max, h.num, h.sum) == (0, 2, 4, 3) and list(h.bucket) == [0, 1, 2, 1]
    assert (acc.Images("i")[0].height, acc.Images("i")[0].width, acc.Images("i")[0].step) == (4, 5, 2)
    assert acc.Tensors("t/text_summary")[0].tensor_proto.string_val[0] == b"said"
    assert acc.Audio("s")[0].length_frames == 50
    assert acc.Tensors("p")[0].tensor_proto.float_val[:3] == [2, 1, 0]  # true positives at 0, 1/2 and 1
    assert read(tmp_path / "run").Scalars("acc")[0].value == pytest.approx(0.9)
    assert (tmp_path / "00007/default/metadata.tsv").read_text() == "x\ny\nz\n"
    assert (tmp_path / "00007/default/tensors.tsv").read_text().splitlines()[2] == "4.0\t5.0"
    assert "sprite.png" in (tmp_path / "projector_config.pbtxt").read_text()
    with pytest.raises(AssertionError, match="one element"), SummaryWriter(tmp_path) as w:
        w.add_scalar("x", torch.ones(2))


def test_graph(tmp_path):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
            self.out = nn.Linear(8, 3)

        def forward(self, x):
            return self.out(self.inner(x).flatten(1)) + 1

    method, operator, function = vars(torch.Tensor)["flatten"], vars(torch.Tensor)["__add__"], nn.functional.linear
    with SummaryWriter(tmp_path) as w:
        w.add_graph(Net(), torch.zeros(2, 1, 4, 4))
    nodes = {n.name: n for n in read(tmp_path).Graph().node}
    by_op = {n.op: n for n in nodes.values()}
    conv = by_op["aten::_convolution"]
    assert conv.name.startswith("Net/Sequential[inner]/Conv2d[0]/")
    assert by_op["aten::relu"].input[0] == conv.name
    assert by_op["aten::linear"].name.startswith("Net/Linear[out]/")
    assert by_op["aten::add"].input[0] == by_op["aten::linear"].name
    assert [d.size for d in by_op["aten::linear"].attr["_output_shapes"].list.shape[0].dim] == [2, 3]
    assert nodes["output/output.1"].input[0] == by_op["aten::add"].name
    # everything is as it was
    assert vars(torch.Tensor)["flatten"] is method and vars(torch.Tensor)["__add__"] is operator
    assert nn.functional.linear is function
