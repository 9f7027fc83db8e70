"""Small differences from PyTorch that programs met, each with what PyTorch 2.13 gives: one test a cause."""

import subprocess
import sys

import pytest
import rtorch as torch


def test_unravel_index_gives_int64():
    rows, columns = torch.unravel_index(torch.tensor([5, 2], dtype=torch.int32), (3, 4))
    assert rows.dtype == torch.int64 and rows.tolist() == [1, 0] and columns.tolist() == [1, 2]


def test_lbfgs_line_search_keeps_within_max_eval():
    w = torch.tensor([5.0, -3.0], requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_eval=4, line_search_fn="strong_wolfe")

    def closure():  # without a minimum: the search would go on
        optimizer.zero_grad()
        loss = w.sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert optimizer.state[w]["func_evals"] == 5


def test_the_version_is_pytorchs_and_compares_by_numbers():
    v = torch.torch_version.TorchVersion("2.13.0+cu130")
    assert (v >= "2.9", v >= (2, 1), v < "3", v > "2.13.0", v == "2.13.0", v == "2.13.0+cu130", v < "2.13.0rc1") == (
        (True,) * 4 + (False, True, False)
    )
    assert torch.__version__ >= "2.13" and torch.version.__version__ is torch.__version__


def test_storages_over_files_and_slices(tmp_path):
    """safetensors reads so where the version says that it can."""
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(16)))
    private = torch.UntypedStorage.from_file(str(path), shared=False, nbytes=16)
    part = private[4:8]
    t = torch.asarray(part.untyped(), dtype=torch.uint8)
    t[0] = 99
    assert (private[4], t.tolist(), path.read_bytes()[4]) == (99, [99, 5, 6, 7], 4)
    shared = torch.UntypedStorage.from_file(str(path), True, 20)  # lengthened
    shared[5] = 77
    assert path.read_bytes()[5] == 77 and path.stat().st_size == 20 and shared.fill_(1).tolist() == [1] * 20
    assert torch.from_file(str(path), size=2, dtype=torch.int16).tolist() == [257, 257]
    assert len(torch.FloatStorage.from_file(str(path), size=5)) == 5
    with pytest.raises(RuntimeError, match="size <20> is smaller than the required mapping size <64>"):
        torch.UntypedStorage.from_file(str(path), False, 64)
    with pytest.raises(RuntimeError, match="unable to open file"):
        torch.UntypedStorage.from_file(str(tmp_path / "none"), False, 4)
    with pytest.raises(RuntimeError, match="only a step of 1"):
        private[0:8:2]


def test_swa_utils_is_there_without_an_import_of_its_own():
    code = "import rtorch as torch; print(torch.optim.swa_utils.AveragedModel.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "AveragedModel", done.stderr
