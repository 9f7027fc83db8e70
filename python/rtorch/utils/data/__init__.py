"""`torch.utils.data`: datasets, samplers, the DataLoader. One topic a file; this one only gathers the names."""

from rtorch.utils.data import dataloader, dataset, distributed, sampler
from rtorch.utils.data._utils.collate import default_collate, default_convert
from rtorch.utils.data._utils.worker import get_worker_info
from rtorch.utils.data.dataloader import DataLoader, _DatasetKind
from rtorch.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from rtorch.utils.data.distributed import DistributedSampler
from rtorch.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "_DatasetKind",
    "dataloader",
    "dataset",
    "default_collate",
    "default_convert",
    "distributed",
    "get_worker_info",
    "random_split",
    "sampler",
]
