"""DataLoader with worker processes: order, seeds, errors, dying workers, and that none stays behind."""

import gc
import os
import random
import signal
import time

import pytest

torch = pytest.importorskip("rtorch")
pytest.importorskip("rtorch.utils.data")
from rtorch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info  # noqa: E402

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="fork"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
]


class Numbers(Dataset):
    def __init__(self, n=12, at=None, do=None):
        self.n, self.at, self.do = n, at, do

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if i == self.at:
            self.do()
        return torch.tensor([i, i * i]), {"id": i, "text": str(i), "pid": os.getpid()}


class Stream(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        return iter(range(info.id if info else 0, self.n, info.num_workers if info else 1))


def loader(dataset, **options):
    return DataLoader(
        dataset, **{"num_workers": 2, "batch_size": 2, "multiprocessing_context": "fork", "timeout": 30, **options}
    )


def children():
    gc.collect()
    me = str(os.getpid())
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if fields[1] == me and fields[0] != "Z":
            found.append(int(pid))
    return found


@pytest.fixture(autouse=True)
def no_child_stays():
    before = set(children())
    yield
    until = time.monotonic() + 5
    while set(children()) - before and time.monotonic() < until:
        time.sleep(0.02)
    assert set(children()) - before == set()


def ids(batches):
    return [b["id"].tolist() for _, b in batches]


def test_same_batches_as_one_process():
    for options in (
        {},
        {"batch_size": 5},
        {"batch_size": 5, "drop_last": True},
        {"num_workers": 3, "prefetch_factor": 1},
    ):
        many = list(loader(Numbers(), **options))
        one = list(
            loader(
                Numbers(),
                **{**options, "num_workers": 0, "timeout": 0, "multiprocessing_context": None, "prefetch_factor": None},
            )
        )
        assert ids(many) == ids(one)
        assert [x.tolist() for x, _ in many] == [x.tolist() for x, _ in one]
        assert os.getpid() not in {int(p) for _, b in many for p in b["pid"]}
    torch.manual_seed(0)
    shuffled = ids(loader(Numbers(), shuffle=True))
    torch.manual_seed(0)
    assert ids(DataLoader(Numbers(), batch_size=2, shuffle=True)) == shuffled
    assert sorted(i for b in ids(loader(Numbers(), in_order=False)) for i in b) == list(range(12))


def test_streams_take_turns():
    assert [b.tolist() for b in loader(Stream(9))] == [[0, 2], [1, 3], [4, 6], [5, 7], [8]]
    persistent = loader(Stream(5), persistent_workers=True)
    assert [[b.tolist() for b in persistent] for _ in range(2)] == [[[0, 2], [1, 3], [4]]] * 2


def test_persistent_workers_are_the_same_processes():
    many = loader(Numbers(), persistent_workers=True)
    first = {int(p) for _, b in many for p in b["pid"]}
    for k, _ in enumerate(many):
        if k == 1:
            break  # left early: the next epoch starts afresh
    again = list(many)
    assert ids(again) == [[i, i + 1] for i in range(0, 12, 2)]
    assert {int(p) for _, b in again for p in b["pid"]} == first


def test_seeds():
    class Draws(Numbers):
        def __getitem__(self, i):
            return torch.rand(2), random.random(), torch.initial_seed()

    def run():
        torch.manual_seed(3)
        return [[x.tolist() for x in b] for b in loader(Draws(8))]

    assert run() == run()
    first = run()
    assert first[0][2][0] + 1 == first[1][2][0]
    assert first[0][0] != first[1][0]


def start(worker_id):
    get_worker_info().dataset.n = 100 + worker_id


def test_worker_init_fn_and_info():
    class Asks(Numbers):
        def __getitem__(self, i):
            info = get_worker_info()
            return info.id, info.num_workers, self.n, info.seed

    batches = list(loader(Asks(4), worker_init_fn=start))
    assert [b[0].tolist() for b in batches] == [[0, 0], [1, 1]]
    assert [b[2].tolist() for b in batches] == [[100, 100], [101, 101]]
    assert get_worker_info() is None


def fail(error):
    def do():
        raise error

    return do


class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(f"Odd {a} {b}")


def test_errors_come_back_with_their_class_and_traceback():
    with pytest.raises(KeyError) as e:
        list(loader(Numbers(at=5, do=fail(KeyError("row five")))))
    said = str(e.value)
    assert said.startswith("Caught KeyError in DataLoader worker process 0.\nOriginal Traceback")
    assert "row five" in said
    assert "Numbers[5]" in said
    with pytest.raises(RuntimeError, match="Caught Odd"):
        list(loader(Numbers(at=5, do=fail(Odd(1, 2)))))
    with pytest.raises(MemoryError, match="worker process 1"):
        list(loader(Numbers(at=2, do=fail(MemoryError("large")))))
    with pytest.raises(RuntimeError, match="no such gpu"):
        list(loader(Numbers(), worker_init_fn=lambda i: fail(RuntimeError("no such gpu"))()))
    with pytest.raises((AttributeError, RuntimeError, TypeError), match="could not be sent"):
        list(loader([1, 2], collate_fn=lambda b: lambda: b))


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda: os._exit(3), r"worker \(pid\(s\) \d+\) exited unexpectedly with exit code 3"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), r"is killed by signal: Killed"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), r"is killed by signal: Terminated"),
        (lambda: exec("raise SystemExit(4)"), "exited unexpectedly with exit code 4"),
    ],
)
def test_dying_workers_are_told_of(do, message):
    with pytest.raises(RuntimeError, match=message):
        list(loader(Numbers(at=7, do=do)))


def test_timeout():
    with pytest.raises(RuntimeError, match=r"timed out after 0.3 seconds"):
        list(loader(Numbers(at=3, do=lambda: time.sleep(60)), timeout=0.3))


def test_a_loop_left_early_ends_its_workers():
    for _ in loader(Numbers(1000)):
        break


def test_large_batches_both_ways():
    """Neither side waits for the other with full pipes."""

    class Large(Dataset):
        def __len__(self):
            return 40000

        def __getitem__(self, i):
            return torch.zeros(20)

    assert [tuple(b.shape) for b in loader(Large(), batch_size=20000, prefetch_factor=4)] == [(20000, 20)] * 2


def test_too_many_workers_warn():
    with pytest.warns(UserWarning, match="This DataLoader will create 4000 worker processes in total"):
        DataLoader([1], num_workers=4000)


class Rows(Dataset):
    """Large enough for shared memory: 40 KB a sample."""

    def __len__(self):
        return 24

    def __getitem__(self, i):
        import numpy as np

        return torch.full((10_000,), float(i)), np.full(20_000, i), {"name": f"n{i}", "small": torch.tensor(i)}


def threads_of(dataset, **options):
    return DataLoader(dataset, worker_type="thread", **{"timeout": 30, "num_workers": 2, "batch_size": 2, **options})


def open_files():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def test_segments_are_used_again_and_batches_stay_whole():
    before = open_files()
    batches = loader(Rows(), batch_size=2, num_workers=2, persistent_workers=True)
    kept = []
    for epoch in range(3):
        for i, (x, y, more) in enumerate(batches):
            assert x.is_shared() and x.shape == (2, 10_000)
            assert x[:, 0].tolist() == [2.0 * i, 2.0 * i + 1] and y[1, -1].item() == 2 * i + 1
            assert list(more["name"]) == [f"n{2 * i}", f"n{2 * i + 1}"] and more["small"].tolist() == [2 * i, 2 * i + 1]
            if epoch == 0 and i % 4 == 0:
                kept.append((2.0 * i, x, x[1]))
            x.add_(1000)  # a batch is its owner's
    for first, x, row in kept:  # what is held is not written over
        assert x[0].unique().tolist() == [first + 1000] and row.unique().tolist() == [first + 1001]
    workers = batches._iterator._workers
    assert sum(len(w.receiver.segments) for w in workers) <= 2 * (2 + 2) + len(kept)
    del x, y, more, row, kept, workers, batches
    assert open_files() <= before


class ThreadStream(IterableDataset):
    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        yield from range(info.id, 7, info.num_workers)


@pytest.mark.parametrize("options", [{}, {"persistent_workers": True}, {"in_order": False}])
def test_threads(options):
    torch.manual_seed(5)
    alone = [b.tolist() for b in DataLoader(torch.arange(23), batch_size=4, shuffle=True)]
    torch.manual_seed(5)
    threads = threads_of(torch.arange(23), batch_size=4, shuffle=True, num_workers=3, **options)
    got = [b.tolist() for b in threads]
    assert (sorted(got) == sorted(alone)) if "in_order" in options else got == alone
    assert sorted(i for b in threads for i in b.tolist()) == list(range(23))
    assert children() == []


class Info(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        info = torch.utils.data.get_worker_info()
        return info.id, info.seed, info.num_workers


def test_threads_know_what_processes_know():
    seen = []
    for make in (loader, threads_of):
        torch.manual_seed(9)
        seen.append([[int(n) for n in b] for b in make(Info(), batch_size=None)])
    assert seen[0] == seen[1]
    assert torch.utils.data.get_worker_info() is None
    stream = threads_of(ThreadStream())
    assert [b.tolist() for b in stream] == [[0, 2], [1, 3], [4, 6], [5]]
    with pytest.raises(ValueError, match="worker_type"):
        DataLoader(Info(), worker_type="fibre")


class Bad(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        if i == 3:
            raise ValueError("this one")
        return i


def test_errors_of_threads_are_the_errors_themselves():
    it = iter(threads_of(Bad(), batch_size=None))
    assert [next(it) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="this one") as e:
        next(it)
    notes = " ".join(e.value.__notes__)
    assert "sample 3" in notes and "worker thread 1" in notes
    assert next(it) == 4  # the others go on


class Slow(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, i):
        time.sleep(0.3)
        return i


def test_threads_that_timed_out_have_ended():
    slow = threads_of(Slow(), timeout=0.05, persistent_workers=True)
    with pytest.raises(RuntimeError, match=r"timed out after 0\.05 seconds"):
        next(iter(slow))
    with pytest.raises(RuntimeError, match="make a new DataLoader"):
        next(iter(slow))
