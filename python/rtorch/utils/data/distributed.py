"""DistributedSampler: each process of a group gets its own share of the samples."""

from __future__ import annotations

from collections.abc import Iterator

import rtorch as torch
from rtorch.utils.data.dataset import Dataset
from rtorch.utils.data.sampler import Sampler

__all__ = ["DistributedSampler"]


def _from_group(name: str) -> int:
    dist = getattr(torch, "distributed", None)
    if dist is None or not dist.is_available():
        raise RuntimeError("Requires distributed package to be available")
    return getattr(dist, name)()


class DistributedSampler(Sampler[int]):
    """Rank r of R takes every R-th index from the r-th on, of an order that all ranks share (by seed and epoch). So
    that all get equally many, the order is continued from its start, or cut with `drop_last`."""

    def __init__(
        self,
        dataset: Dataset,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None:
            num_replicas = _from_group("get_world_size")
        if rank is None:
            rank = _from_group("get_rank")
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        n = len(dataset)  # type: ignore[arg-type]
        self.num_samples = n // num_replicas if drop_last else -(-n // num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)  # type: ignore[arg-type]
        if self.shuffle:
            generator = torch.Generator()
            generator.manual_seed(self.seed + self.epoch)
            order = torch.randperm(n, generator=generator).tolist()
        else:
            order = list(range(n))
        if len(order) < self.total_size:
            order = (order * -(-self.total_size // n))[: self.total_size]
        share = order[self.rank : self.total_size : self.num_replicas]
        if len(share) != self.num_samples:
            raise AssertionError(
                f"Number of subsampled indices ({len(share)}) does not match num_samples ({self.num_samples}): "
                "has the dataset's length changed?"
            )
        return iter(share)

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Another epoch, another order; to be called by every rank before each epoch."""
        self.epoch = epoch
