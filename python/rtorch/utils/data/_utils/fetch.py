"""Keys to batches: reads the samples from a dataset and collates them. A TensorDataset's batch is gathered by one index
operation for each tensor; what goes wrong keeps its traceback and gains a note that names the sample."""

from __future__ import annotations

import rtorch as torch
from rtorch.utils.data._utils import collate
from rtorch.utils.data.dataset import Subset, TensorDataset


class _IterableDatasetFetcher:
    def __init__(self, dataset, auto_collation, collate_fn, drop_last) -> None:
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.dataset_iter = iter(dataset)
        self.ended = False

    def fetch(self, keys):
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.dataset_iter))
        data = []
        for _ in keys:
            try:
                data.append(next(self.dataset_iter))
            except StopIteration:
                self.ended = True
                break
        if not data or (self.drop_last and len(data) < len(keys)):
            raise StopIteration
        return self.collate_fn(data)


class _MapDatasetFetcher:
    def __init__(self, dataset, auto_collation, collate_fn, drop_last) -> None:
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.rows = _rows_of(dataset, auto_collation, collate_fn)

    def fetch(self, keys):
        if not self.auto_collation:
            return self.collate_fn(_sample(self.dataset, keys))
        if self.rows is not None:
            batch = self.rows(keys)
            if batch is not None:
                return batch
        if getattr(self.dataset, "__getitems__", None):
            data = self.dataset.__getitems__(keys)
        else:
            data = [_sample(self.dataset, key) for key in keys]
        try:
            return self.collate_fn(data)
        except (RuntimeError, TypeError, AttributeError, KeyError) as e:
            if self.collate_fn is collate.default_collate:
                _explain(e, data, keys, self.dataset)
            raise


def _sample(dataset, key):
    try:
        return dataset[key]
    except StopIteration:
        raise
    except Exception as e:
        e.add_note(f"DataLoader: while reading sample {key!r} of the dataset, {type(dataset).__name__}[{key!r}]")
        raise


def _rows_of(dataset, auto_collation, collate_fn):
    """A function from keys to the batch, where dataset and collate_fn are the plain ones: the same values as stacking
    the samples one by one. It gives None where it does not know for sure (odd keys: the long way tells what is
    wrong)."""
    if not auto_collation or collate_fn is not collate.default_collate:
        return None
    chain = []
    while type(dataset) is Subset:
        chain.append(dataset.indices)
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset or type(dataset.tensors) is not tuple or not dataset.tensors:
        return None
    table = collate.default_collate_fn_map

    def rows(keys):
        if not keys or table.get(torch.Tensor) is not collate.collate_tensor_fn:
            return None
        tensors = dataset.tensors
        for t in tensors:
            # other classes have a say in indexing; a recorded graph must have the nodes of indexing and stacking
            if type(t) is not torch.Tensor or (t.requires_grad and torch.is_grad_enabled()):
                return None
        try:
            for indices in chain:
                keys = [indices[k] for k in keys]
            if any(type(k) is not int for k in keys):
                return None
            at = torch.tensor(keys)
            return [t.index_select(0, at if t.device.type == "cpu" else at.to(t.device)) for t in tensors]
        except (IndexError, RuntimeError, TypeError, ValueError, OverflowError):
            return None

    return rows


def _explain(error, data, keys, dataset):
    """Add to an error of default_collate which samples do not fit together."""
    name = type(dataset).__name__
    if name in ("list", "tuple"):
        name = "dataset"
    if not isinstance(data, list) or len(data) != len(keys):
        return

    def walk(parts, path):
        first = parts[0]
        if any(p is None for p in parts):
            i = next(i for i, p in enumerate(parts) if p is None)
            what = f"returned None{f' at {path}' if path else ''}"
            return (
                f"{name}[{keys[i]}] {what} (class {name}, __getitem__). Return a sample, or drop it with a collate_fn "
                "that filters None."
            )
        kinds = {type(p) for p in parts}
        if len(kinds) > 1:
            i = next(i for i, p in enumerate(parts) if type(p) is not type(first))
            return (
                f"{name}[{keys[0]}]{path} is a {type(first).__name__}, "
                f"{name}[{keys[i]}]{path} is a {type(parts[i]).__name__}."
            )
        if isinstance(first, torch.Tensor) or hasattr(first, "dtype"):
            i = next((i for i, p in enumerate(parts) if tuple(p.shape) != tuple(first.shape)), None)
            if i is None:
                return None
            return (
                f"samples of one batch must have one shape; {name}[{keys[0]}]{path} has {tuple(first.shape)}, "
                f"{name}[{keys[i]}]{path} has "
                f"{tuple(parts[i].shape)}. Pad or crop them, for example with a collate_fn that calls "
                f"torch.nn.utils.rnn.pad_sequence."
            )
        if isinstance(first, dict):
            for k in first:
                i = next((i for i, p in enumerate(parts) if k not in p), None)
                if i is not None:
                    return f"{name}[{keys[i]}]{path} has no key {k!r}, {name}[{keys[0]}]{path} has it."
                said = walk([p[k] for p in parts], f"{path}[{k!r}]")
                if said:
                    return said
        elif isinstance(first, (list, tuple)):
            i = next((i for i, p in enumerate(parts) if len(p) != len(first)), None)
            if i is not None:
                return f"{name}[{keys[0]}]{path} has {len(first)} parts, {name}[{keys[i]}]{path} has {len(parts[i])}."
            for k in range(len(first)):
                said = walk([p[k] for p in parts], f"{path}[{k}]")
                if said:
                    return said
        elif not isinstance(first, (int, float, str, bytes)):
            return (
                f"{name}[{keys[0]}]{path} is a {type(first).__name__}; give the DataLoader a collate_fn that can put "
                "such samples in a batch."
            )
        return None

    try:
        said = walk(data, "")
    except Exception:  # a note is not worth a second error
        return
    if said:
        error.add_note(f"DataLoader (default_collate): {said}")
