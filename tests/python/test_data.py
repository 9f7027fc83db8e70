"""utils.data: datasets, samplers, collate, DataLoader. Orders and draws were recorded from torch 2.13.0."""

import re
import traceback
import warnings
from collections import OrderedDict, namedtuple

import pytest

torch = pytest.importorskip("rtorch")
data = pytest.importorskip("rtorch.utils.data")

from rtorch.utils.data import (  # noqa: E402
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    get_worker_info,
    random_split,
)


class Squares(Dataset):
    def __init__(self, n=10):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return torch.tensor([i, i * i]), i


class Stream(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# ---------------------------------------------------------------- datasets


def test_tensor_dataset():
    x, y = torch.arange(10).reshape(5, 2), torch.arange(5)
    d = TensorDataset(x, y)
    assert len(d) == 5
    assert [t.tolist() for t in d[1]] == [[2, 3], 1]
    assert d[1:3][1].tolist() == [1, 2]
    assert d.tensors[0] is x
    with pytest.raises(AssertionError, match="Size mismatch between tensors") as e:
        TensorDataset(x, y[:3])
    assert str(e.value) == "Size mismatch between tensors"
    assert "(5, 2)" in e.value.__notes__[0]
    assert "(3,)" in e.value.__notes__[0]


def test_combined_datasets():
    a, b = TensorDataset(torch.arange(4)), TensorDataset(torch.arange(10, 13))
    c = a + b
    assert isinstance(c, ConcatDataset)
    assert [int(c[i][0]) for i in range(len(c))] == [0, 1, 2, 3, 10, 11, 12]
    assert int(c[-1][0]) == 12
    assert c.cumulative_sizes == [4, 7]
    with pytest.raises(ValueError, match="absolute value"):
        c[-8]
    with pytest.raises(AssertionError):
        ConcatDataset([])
    with pytest.raises(AssertionError):
        ConcatDataset([Stream(2)])
    chain = Stream(2) + Stream(3)
    assert isinstance(chain, ChainDataset)
    assert list(chain) == [0, 1, 0, 1, 2]
    s = StackDataset([1, 2], "ab")
    assert s[1] == (2, "b")
    assert s.__getitems__([0, 1]) == [(1, "a"), (2, "b")]
    k = StackDataset(x=[1, 2], y=Subset([5, 6], [1, 0]))
    assert k[0] == {"x": 1, "y": 6}
    assert k.__getitems__([1]) == [{"x": 2, "y": 5}]
    for bad in (lambda: StackDataset(), lambda: StackDataset([1], [1, 2]), lambda: StackDataset([1], x=[1])):
        with pytest.raises(ValueError, match="."):
            bad()


def test_subset():
    s = Subset(TensorDataset(torch.arange(10)), [7, 2, 2])
    assert len(s) == 3
    assert [int(x[0]) for x in s] == [7, 2, 2]
    assert [int(x[0]) for x in s.__getitems__([2, 0])] == [2, 7]

    class Half(Subset):
        def __getitem__(self, i):
            return 0

    with pytest.raises(NotImplementedError, match="__getitems__"):
        Half([1], [0])


def test_base_classes_say_what_is_missing():
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]
    with pytest.raises(TypeError):
        IterableDataset()


def test_random_split():
    assert [list(p) for p in random_split(range(10), [3, 7], generator=seeded(42))] == RECORDED["split 3 7, 42"]
    assert [list(p) for p in random_split(range(30), [0.3, 0.3, 0.4], generator=seeded(42))] == RECORDED[
        "split fractions, 42"
    ]
    torch.manual_seed(7)
    assert [list(p.indices) for p in random_split(list("abcdefgh"), [6, 2])] == RECORDED["split global, 7"]
    assert [len(p) for p in random_split(range(11), [0.5, 0.5])] == [6, 5]
    with pytest.raises(ValueError, match="Sum of input lengths") as e:
        random_split(range(101), [80, 20])
    assert str(e.value) == "Sum of input lengths does not equal the length of the input dataset!"
    assert re.search(r"100.*101.*\[81, 20\].*0\.8", e.value.__notes__[0])
    with pytest.raises(ValueError, match="Fraction at index 0"):
        random_split(range(10), [-0.5, 1.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(range(2), [0.9, 0.1])


# ---------------------------------------------------------------- samplers

ROWS = list(range(10, 18))
WEIGHTS = [0.1, 0.9, 0.4, 0.7, 3.0, 0.6]


def draws():
    """Each sampler after manual_seed(0), and what the global stream gives next."""
    cases = {
        "random": lambda: RandomSampler(ROWS),
        "random, replacement": lambda: RandomSampler(ROWS, replacement=True, num_samples=40),
        "random, more": lambda: RandomSampler(ROWS, num_samples=20),
        "random, exact multiple": lambda: RandomSampler(ROWS, num_samples=16),
        "subset": lambda: SubsetRandomSampler([1, 3, 5, 7]),
        "weighted": lambda: WeightedRandomSampler(WEIGHTS, 5),
        "weighted, no replacement": lambda: WeightedRandomSampler(WEIGHTS, 5, replacement=False),
        "batch": lambda: BatchSampler(RandomSampler(ROWS), 3, False),
        "batch, drop": lambda: BatchSampler(RandomSampler(ROWS), 3, True),
        "loader": lambda: (
            b[0].tolist() for b in DataLoader(TensorDataset(torch.arange(8)), batch_size=3, shuffle=True)
        ),
        "loader, in order": lambda: (b[0].tolist() for b in DataLoader(TensorDataset(torch.arange(8)), batch_size=3)),
        "loader, list": lambda: (b.tolist() for b in DataLoader(ROWS, shuffle=True)),
        "loader, left early": lambda: [next(iter(DataLoader(ROWS, batch_size=3, shuffle=True))).tolist()],
    }
    out = {}
    for name, make in cases.items():
        torch.manual_seed(0)
        order = list(make())
        out[name] = [order, int(torch.randint(1 << 30, (1,)).item())]
    g = seeded(3)
    loader = DataLoader(ROWS, batch_size=3, shuffle=True, generator=g)
    out["loader, generator"] = [
        [b.tolist() for b in loader],
        [b.tolist() for b in loader],
        int(torch.randint(1 << 30, (1,), generator=g).item()),
    ]
    g = seeded(4)
    out["random, generator"] = [
        list(RandomSampler(ROWS, num_samples=16, generator=g)),
        int(torch.randint(1 << 30, (1,), generator=g).item()),
    ]
    out["distributed"] = []
    for epoch in (0, 1):
        for rank in range(3):
            s = DistributedSampler(ROWS, num_replicas=3, rank=rank, seed=5, drop_last=epoch == 1)
            s.set_epoch(epoch)
            out["distributed"].append(list(s))
    return out


def test_samplers_draw_as_torch_does():
    got = draws()
    for name, want in RECORDED["draws"].items():
        assert got[name] == want, name
    assert set(got) == set(RECORDED["draws"])


def test_lengths():
    assert len(RandomSampler(ROWS)) == 8
    assert len(RandomSampler(ROWS, num_samples=3)) == 3
    assert len(SequentialSampler(ROWS)) == 8
    assert len(BatchSampler(range(10), 3, False)) == 4
    assert len(BatchSampler(range(10), 3, True)) == 3
    assert list(DistributedSampler(range(3), num_replicas=8, rank=7, shuffle=False)) == [1]


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (
            lambda: RandomSampler(ROWS, num_samples=0),
            ValueError,
            "num_samples should be a positive integer value, but got num_samples=0",
        ),
        (lambda: RandomSampler([]), ValueError, "num_samples=0"),
        (
            lambda: RandomSampler(ROWS, replacement=1),
            TypeError,
            "replacement should be a boolean value, but got replacement=1",
        ),
        (
            lambda: BatchSampler(ROWS, 0, False),
            ValueError,
            "batch_size should be a positive integer value, but got batch_size=0",
        ),
        (lambda: BatchSampler(ROWS, True, False), ValueError, "batch_size=True"),
        (lambda: BatchSampler(ROWS, 2, 1), ValueError, "drop_last should be a boolean value, but got drop_last=1"),
        (
            lambda: WeightedRandomSampler([[1.0]], 2),
            ValueError,
            r"weights should be a 1d sequence but given weights have shape \(1, 1\)",
        ),
        (lambda: WeightedRandomSampler([1.0], 2.5), ValueError, "num_samples=2.5"),
        (
            lambda: DistributedSampler(ROWS, num_replicas=2, rank=2),
            ValueError,
            r"Invalid rank 2, rank should be in the interval \[0, 1\]",
        ),
        (
            lambda: DataLoader(ROWS, num_workers=-1),
            ValueError,
            "num_workers option should be non-negative; use num_workers=0",
        ),
        (lambda: DataLoader(ROWS, timeout=-1), ValueError, "timeout option should be non-negative"),
        (
            lambda: DataLoader(ROWS, prefetch_factor=2),
            ValueError,
            "prefetch_factor option could only be specified in multiprocessing.",
        ),
        (
            lambda: DataLoader(ROWS, persistent_workers=True),
            ValueError,
            "persistent_workers option needs num_workers > 0",
        ),
        (
            lambda: DataLoader(ROWS, sampler=[1], shuffle=True),
            ValueError,
            "sampler option is mutually exclusive with shuffle",
        ),
        (
            lambda: DataLoader(ROWS, batch_sampler=[[1]], batch_size=2),
            ValueError,
            "batch_sampler option is mutually exclusive",
        ),
        (
            lambda: DataLoader(ROWS, batch_size=None, drop_last=True),
            ValueError,
            "batch_size=None option disables auto-batching",
        ),
        (lambda: DataLoader(ROWS, batch_size=0), ValueError, "batch_size=0"),
        (
            lambda: DataLoader(Stream(3), shuffle=True),
            ValueError,
            "expected unspecified shuffle option, but got shuffle=True",
        ),
        (lambda: DataLoader(Stream(3), sampler=[1]), ValueError, "expected unspecified sampler option"),
        (lambda: DataLoader(Stream(3), batch_sampler=[[1]]), ValueError, "expected unspecified batch_sampler option"),
        (
            lambda: DataLoader(ROWS, multiprocessing_context="fork"),
            ValueError,
            "multiprocessing_context can only be used with",
        ),
        (
            lambda: DataLoader(ROWS, num_workers=1, multiprocessing_context="x"),
            ValueError,
            "should specify a valid start method in",
        ),
        (
            lambda: DataLoader(ROWS, num_workers=1, multiprocessing_context=3),
            TypeError,
            "should be a valid context object",
        ),
        (lambda: len(DataLoader(Stream(3))), TypeError, "len"),
    ],
)
def test_arguments_are_checked(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


# ---------------------------------------------------------------- collate

Point = namedtuple("Point", "x y")


def test_default_collate():
    c = default_collate
    assert c([1, 2]).dtype == torch.int64
    assert c([1.5, 2]).dtype == torch.float64
    assert c([True, False]).dtype == torch.bool
    assert c(["a", "b"]) == ["a", "b"]
    assert [x.tolist() for x in c([[1, 2], [3, 4]])] == [[1, 3], [2, 4]]
    pair = c([(1, "x"), (2, "y")])
    assert isinstance(pair, list)
    assert pair[0].tolist() == [1, 2]
    assert pair[1] == ("x", "y")
    p = c([Point(1, 2.0), Point(3, 4.0)])
    assert isinstance(p, Point)
    assert p.y.tolist() == [2.0, 4.0]
    d = c([OrderedDict(a=1, b={"k": torch.zeros(2)}), OrderedDict(a=2, b={"k": torch.ones(2)})])
    assert isinstance(d, OrderedDict)
    assert d["b"]["k"].shape == (2, 2)
    for bad, kind in (([None], TypeError), ([(1, 2), (1,)], RuntimeError), ([object()], TypeError)):
        with pytest.raises(kind):
            c(bad)


def test_numpy_is_collated_and_converted():
    np = pytest.importorskip("numpy")
    c = default_collate
    assert c([np.array([1, 2]), np.array([3, 4])]).tolist() == [[1, 2], [3, 4]]
    assert c([np.float32(1.5), np.float32(2)]).dtype == torch.float32
    assert c([np.float64(1.5)]).dtype == torch.float64
    with pytest.raises(TypeError, match="default_collate: batch must contain"):
        c([np.array(["a"])])
    v = default_convert({"a": np.array([1, 2]), "b": (np.float32(2), "t"), "s": np.array(["x"])})
    assert v["a"].tolist() == [1, 2]
    assert isinstance(v["b"], list)
    assert v["s"].dtype.kind == "U"


def test_the_table_can_be_extended():
    from rtorch.utils.data._utils.collate import collate, default_collate_fn_map

    class Mine:
        pass

    batch = [Mine(), Mine()]
    assert collate(batch, collate_fn_map={Mine: lambda b, collate_fn_map=None: len(b)}) == 2
    default_collate_fn_map[Mine] = lambda b, collate_fn_map=None: "mine"
    try:
        assert default_collate([(Mine(), 1)])[0] == "mine"
    finally:
        del default_collate_fn_map[Mine]


# ---------------------------------------------------------------- DataLoader


def test_batches():
    loader = DataLoader(Squares(), batch_size=4)
    batches = list(loader)
    assert len(loader) == len(batches) == 3
    assert batches[2][0].tolist() == [[8, 64], [9, 81]]
    assert len(DataLoader(Squares(), batch_size=4, drop_last=True)) == 2
    assert [b for b in DataLoader(Squares(3), batch_size=None)][1][1] == 1
    assert [b.tolist() for b in DataLoader(ROWS, sampler=[5, 1, 1], batch_size=2)] == [[15, 11], [11]]
    assert [b.tolist() for b in DataLoader(ROWS, batch_sampler=[[0], [1, 2]])] == [[10], [11, 12]]
    assert list(DataLoader(ROWS, batch_size=3, collate_fn=sum)) == [33, 42, 33]
    assert get_worker_info() is None


def test_iterable_datasets():
    assert [b.tolist() for b in DataLoader(Stream(5), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in DataLoader(Stream(5), batch_size=2, drop_last=True)] == [[0, 1], [2, 3]]
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]

    class Liar(Stream):
        def __len__(self):
            return 2

    loader = DataLoader(Liar(3))
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="was reported to be 2"):
        assert len(list(loader)) == 3


def test_attributes_are_fixed():
    loader = DataLoader(ROWS)
    with pytest.raises(ValueError, match="batch_size attribute should not be set after DataLoader is initialized"):
        loader.batch_size = 3
    loader.num_workers = 0


def test_gathered_batches_equal_stacked_ones():
    """A TensorDataset's batches, by one index operation a tensor, are those of the long way."""

    class Plain(TensorDataset):
        pass

    x, y = torch.arange(60).reshape(20, 3).t().contiguous().t(), torch.arange(20) * 2.5
    for make in (
        lambda d: d,
        lambda d: Subset(d, list(range(19, -1, -2))),
        lambda d: Subset(Subset(d, range(10)), [-1, 0, 3]),
    ):
        fast, slow = DataLoader(make(TensorDataset(x, y)), batch_size=3), DataLoader(make(Plain(x, y)), batch_size=3)
        assert fast._get_iterator()._dataset_fetcher.rows is not None
        assert slow._get_iterator()._dataset_fetcher.rows is None
        for a, b in zip(fast, slow, strict=True):
            assert type(a) is type(b) is list
            for s, t in zip(a, b, strict=True):
                assert (s.tolist(), s.dtype, s.stride()) == (t.tolist(), t.dtype, t.stride())
    first = next(iter(DataLoader(TensorDataset(x), batch_size=2)))[0]
    first.zero_()
    assert x[1, 0] == 3  # a copy, no view
    with pytest.raises(IndexError):
        list(DataLoader(TensorDataset(y), sampler=[3, 99]))
    w = torch.ones(3, requires_grad=True)
    (batch,) = next(iter(DataLoader(TensorDataset(w), batch_size=2)))
    batch.sum().backward()
    assert w.grad.tolist() == [1, 1, 0]


# ---------------------------------------------------------------- what goes wrong


def last_note(error):
    return " ".join(error.__notes__)


def test_errors_in_getitem_name_the_sample():
    class Broken(Squares):
        def __getitem__(self, i):
            if i == 5:
                raise KeyError("row five")
            return i

    with pytest.raises(KeyError) as e:
        list(DataLoader(Broken(), batch_size=4))
    assert "Broken[5]" in last_note(e.value)
    assert "row five" in "".join(traceback.format_exception(e.value))
    assert traceback.extract_tb(e.value.__traceback__)[-1].name == "__getitem__"


def test_errors_of_collate_name_the_samples():
    words = [torch.zeros(3), torch.zeros(5), torch.zeros(3)]
    with pytest.raises(RuntimeError) as e:
        list(DataLoader(words, batch_size=3))
    assert re.search(r"dataset\[0\] has \(3,\), dataset\[1\] has \(5,\).*pad_sequence", last_note(e.value))

    class Images(Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, i):
            return None if i == 3 else torch.zeros(2)

    with pytest.raises((TypeError, RuntimeError, AttributeError)) as e:
        list(DataLoader(Images(), batch_size=2))
    assert "Images[3] returned None" in last_note(e.value)
    with pytest.raises(KeyError) as e:
        list(DataLoader([{"a": 1}, {"b": 1}], batch_size=2))
    assert "has no key 'a'" in last_note(e.value)

    class Points(Dataset):
        def __getitem__(self, i):
            return i

    with pytest.raises(TypeError, match="Points") as e:
        DataLoader(Points(), shuffle=True)
    assert "__len__" in last_note(e.value)


def test_pin_memory_warns_without_an_accelerator():
    if getattr(torch, "cuda", None) is not None and torch.cuda.is_available():
        pytest.skip("there is an accelerator")
    with pytest.warns(UserWarning, match="'pin_memory' argument is set as true but no accelerator is found"):
        assert len(list(DataLoader(ROWS, pin_memory=True))) == 8
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(DataLoader(ROWS))


def test_names_of_the_submodules():
    from rtorch.utils.data import dataloader, dataset, distributed, sampler

    assert dataset.random_split is random_split
    assert sampler.BatchSampler is BatchSampler
    assert dataloader.DataLoader is DataLoader
    assert distributed.DistributedSampler is DistributedSampler
    assert data._utils.collate.default_collate is default_collate
    assert Dataset[int]
    assert DataLoader[int]


# recorded from torch 2.13.0
RECORDED = {
    "split 3 7, 42": [[2, 6, 1], [8, 4, 5, 0, 9, 3, 7]],
    "split fractions, 42": [
        [12, 0, 6, 25, 8, 15, 10, 18, 16],
        [23, 28, 26, 20, 7, 21, 22, 29, 13],
        [14, 2, 4, 1, 9, 11, 17, 19, 27, 5, 24, 3],
    ],
    "split global, 7": [[7, 0, 3, 4, 1, 5], [2, 6]],
    "draws": {
        "random": [[2, 5, 4, 6, 1, 7, 0, 3], 404868288],
        "random, replacement": [
            [
                2,
                2,
                4,
                5,
                1,
                3,
                5,
                6,
                7,
                7,
                4,
                3,
                6,
                3,
                4,
                6,
                4,
                7,
                0,
                6,
                7,
                3,
                2,
                3,
                6,
                7,
                5,
                3,
                2,
                0,
                4,
                1,
                4,
                0,
                6,
                6,
                0,
                3,
                1,
                1,
            ],
            404868288,
        ],
        "random, more": [[2, 5, 4, 6, 1, 7, 0, 3, 6, 1, 3, 0, 7, 2, 4, 5, 4, 2, 1, 6], 404868288],
        "random, exact multiple": [[2, 5, 4, 6, 1, 7, 0, 3, 6, 1, 3, 0, 7, 2, 4, 5], 404868288],
        "subset": [[1, 3, 7, 5], 441365315],
        "weighted": [[5, 4, 4, 5, 4], 577165042],
        "weighted, no replacement": [[4, 1, 2, 5, 3], 204159575],
        "batch": [[[2, 5, 4], [6, 1, 7], [0, 3]], 404868288],
        "batch, drop": [[[2, 5, 4], [6, 1, 7]], 404868288],
        "loader": [[[2, 0, 5], [3, 1, 4], [7, 6]], 463622907],
        "loader, in order": [[[0, 1, 2], [3, 4, 5], [6, 7]], 404868288],
        "loader, list": [[[12], [10], [15], [13], [11], [14], [17], [16]], 463622907],
        "loader, left early": [[[12, 10, 15]], 463622907],
        "loader, generator": [[[11, 15, 16], [13, 14, 17], [10, 12]], [[10, 16, 12], [17, 13, 11], [15, 14]], 67973761],
        "random, generator": [[2, 7, 3, 6, 5, 1, 4, 0, 0, 6, 5, 1, 4, 7, 2, 3], 849050918],
        "distributed": [[3, 2, 5], [6, 1, 7], [0, 4, 3], [2, 0], [1, 6], [5, 3]],
    },
}
