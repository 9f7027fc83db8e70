"""`x[index]` and `x[index] = value`: against NumPy for every kind of index, PyTorch's messages, gradients."""

import numpy as np
import pytest
import rtorch as torch

T, F = True, False
A = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
INDICES = [
    0, -1, slice(1, 2), slice(None, None, 2), slice(5, 9), None, ..., (), (0, 1), (0, 1, 2), (..., 0), (slice(None), 1),
    (slice(None), None, slice(0, 2), slice(None, None, 3)), (None, ..., None), (0, ..., slice(1, None)), [0, 1],
    ([0, 1], [1, 2]), ([0, 1], slice(None), [1, 2]), (slice(None), [0, 1], [1, 2]), range(2),
    np.array([1, 0]), (np.array([[0], [1]]), np.array([0, 2])), np.int64(1), [True, False], (slice(None), [T, F, T]),
    (slice(None), [T, F, T], 0), np.array([[T, F, T], [F, T, F]]), (np.array([[T, F, T], [F, T, F]]), 0), True, False,
    (slice(None), True), A > 7,
]  # fmt: skip


def plain(index):
    """The same index for NumPy: lists are arrays there too, ranges are not."""
    return list(index) if isinstance(index, range) else index


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_reads_as_numpy(index):
    x = torch.from_numpy(A.copy())
    want = A[plain(index)]
    got = x[index]
    assert tuple(got.shape) == want.shape
    assert np.array_equal(got.numpy(), want)


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_writes_as_numpy(index):
    want = A.copy()
    x = torch.from_numpy(A.copy())
    values = np.arange(want[plain(index)].size, dtype=np.float32).reshape(want[plain(index)].shape) + 100
    want[plain(index)] = values
    x[index] = torch.from_numpy(values)
    assert np.array_equal(x.numpy(), want)
    want[plain(index)] = -1.5
    x[index] = -1.5
    assert np.array_equal(x.numpy(), want)


def test_tensors_as_indices():
    x = torch.arange(5.0)
    assert x[torch.tensor(2)].item() == 2
    assert x[torch.tensor([3, -1])].tolist() == [3, 4]
    assert x[torch.tensor([1, 2], dtype=torch.int32)].tolist() == [1, 2]
    assert x[x > 2].tolist() == [3, 4]
    assert x[torch.tensor(True)].shape == (1, 5)
    assert x[torch.tensor(1) : torch.tensor(3)].tolist() == [1, 2]
    with pytest.warns(UserWarning, match="torch.uint8 is now deprecated"):
        assert x[torch.tensor([1, 0, 1, 0, 0], dtype=torch.uint8)].tolist() == [0, 2]


def test_views_share_memory_and_values_broadcast():
    x = torch.zeros(2, 3)
    x[0][1] = 5
    row = x[1]
    row += 1
    assert x.tolist() == [[0, 5, 0], [1, 1, 1]]
    x[:, 1:] = torch.tensor([7.0, 8.0])
    x[1] = torch.ones(1, 1, 3)
    assert x.tolist() == [[0, 7, 8], [1, 1, 1]]
    x[x == 1] += 1
    x[x > 6] = torch.tensor(3)
    assert x.tolist() == [[0, 3, 3], [2, 2, 2]]


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("v[5]", IndexError, "index 5 is out of bounds for dimension 0 with size 5"),
        ("x[0, 5]", IndexError, "index 5 is out of bounds for dimension 1 with size 3"),
        ("x[0, 0, 0, 0]", IndexError, "too many indices for tensor of dimension 3"),
        ("v[torch.tensor([0, 5])]", IndexError, "index 5 is out of bounds for dimension 0 with size 5"),
        ("v[torch.tensor([True])]", IndexError, "The shape of the mask [1] at index 0 does not match"),
        ("v[1.5]", IndexError, "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables"),
        ("v[torch.tensor([1.0])]", IndexError, "tensors used as indices must be long, int, byte or bool tensors"),
        ("v[::-1]", ValueError, "step must be greater than zero"),
        ("v.sum()[0]", IndexError, "invalid index of a 0-dim tensor"),
        ("v[2**70]", ValueError, "Overflow when unpacking long long"),
        ("x[[0, 1], [0, 1, 2]]", IndexError, "could not be broadcast together with shapes [2], [3]"),
        ("v.__setitem__(0, [1])", TypeError, "can't assign a list to a torch.FloatTensor"),
        ("v.__setitem__(slice(0, 2), torch.ones(3))", RuntimeError, "The expanded size of the tensor (2) must match"),
        ("v.__setitem__([0], torch.ones(1).long())", RuntimeError, "Index put requires the source and destination"),
        ("v.__setitem__([0], torch.ones(3))", RuntimeError, "cannot be broadcast to indexing result of shape [1]"),
        ("v.long().__setitem__(0, float('nan'))", RuntimeError, "value cannot be converted to type int64_t"),
        ("v.__delitem__(0)", TypeError, "does not support deleting items"),
        ("w.__setitem__(0, 1)", RuntimeError, "a view of a leaf Variable that requires grad is being used"),
        ("w.__setitem__([0], 1)", RuntimeError, "a leaf Variable that requires grad is being used"),
        ("v.__setitem__(slice(1, None), v[:-1])", RuntimeError, "refer to a single memory location"),
    ],
)
def test_refusals(code, kind, text):
    names = {"torch": torch, "v": torch.arange(5.0), "x": torch.zeros(2, 3, 4), "w": torch.zeros(2, requires_grad=True)}
    with pytest.raises(kind) as e:
        eval(code, names)
    assert text in str(e.value)


def test_gradients():
    g = torch.arange(6.0).reshape(2, 3).requires_grad_()
    y = (g[[0, 0, 1]] ** 2).sum() + (g[:, 1:] ** 2).sum() + g[g > 3].sum() + g[1, 2] + g[None, ..., 0].sum()
    y.backward()
    assert g.grad.tolist() == [[1, 6, 12], [7, 17, 22]]
    assert [type(t.grad_fn).__name__ for t in (g[0], g[0:1], g[None], g[...], g[[0]])] == [
        "SelectBackward0",
        "SliceBackward0",
        "UnsqueezeBackward0",
        "AliasBackward0",
        "IndexBackward0",
    ]


def test_gradients_through_assignment():
    g = torch.ones(2, 3, requires_grad=True)
    w = torch.tensor(5.0, requires_grad=True)
    y = g * 2
    y[0, 1] = w
    y[1] = 0
    y[[0], [2]] = w * 2
    (y * y).sum().backward()
    assert g.grad.tolist() == [[8, 0, 0], [0, 0, 0]]
    assert w.grad.item() == 2 * 5 + 2 * 2 * 10
    assert type(y.grad_fn).__name__ == "IndexPutBackward0"


def test_sequence_protocol():
    x = torch.arange(6).reshape(2, 3)
    assert len(x) == 2
    assert [r.tolist() for r in x] == [[0, 1, 2], [3, 4, 5]]
    assert [r.tolist() for r in reversed(x)] == [[3, 4, 5], [0, 1, 2]]
    assert 4 in x
    assert 9 not in x
    assert [10, 20, 30][torch.tensor(1)] == 20
    for bad in (lambda: len(x[0, 0]), lambda: iter(x[0, 0])):
        with pytest.raises(TypeError):
            bad()
    with pytest.raises(RuntimeError, match="only supports Tensor or scalar"):
        "a" in x
