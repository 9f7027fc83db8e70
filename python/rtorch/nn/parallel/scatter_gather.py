"""`torch.nn.parallel.scatter_gather`: batches cut into a part for each device, and put together again."""

__all__ = ["gather", "is_namedtuple", "scatter", "scatter_kwargs"]


def is_namedtuple(obj):
    """Whether an object is a named tuple."""
    return isinstance(obj, tuple) and hasattr(obj, "_asdict") and hasattr(obj, "_fields")


def scatter(inputs, target_gpus, dim=0):
    """For each device its part of the inputs: tensors are cut along `dim`, lists, tuples and dictionaries part by part;
    anything else goes to each."""
    import rtorch

    devices = [rtorch.device("cuda", d) if isinstance(d, int) else rtorch.device(d) for d in target_gpus]

    def parts(x):
        if isinstance(x, rtorch.Tensor):
            return [part.to(device) for part, device in zip(x.chunk(len(devices), dim), devices)]
        if is_namedtuple(x):
            return [type(x)(*row) for row in zip(*map(parts, x))]
        if isinstance(x, tuple) and x:
            return list(zip(*map(parts, x)))
        if isinstance(x, list) and x:
            return [list(row) for row in zip(*map(parts, x))]
        if isinstance(x, dict) and x:
            return [type(x)(row) for row in zip(*map(parts, x.items()))]
        return [x for _ in devices]

    return parts(inputs)


def scatter_kwargs(inputs, kwargs, target_gpus, dim=0):
    """Positional and named arguments, cut; where one gives fewer parts, empty ones fill up."""
    cut = scatter(inputs, target_gpus, dim) if inputs else []
    named = scatter(kwargs, target_gpus, dim) if kwargs else []
    cut.extend(() for _ in range(len(named) - len(cut)))
    named.extend({} for _ in range(len(cut) - len(named)))
    return tuple(cut), tuple(named)


def gather(outputs, target_device, dim=0):
    """The parts put together along `dim` on one device; numbers become a vector."""
    import rtorch

    def whole(parts):
        first = parts[0]
        if isinstance(first, rtorch.Tensor):
            moved = [part.to(target_device) for part in parts]
            return rtorch.stack(moved) if first.dim() == 0 else rtorch.cat(moved, dim)
        if first is None:
            return None
        if isinstance(first, dict):
            if any(len(part) != len(first) for part in parts):
                raise ValueError("All dicts must have the same number of keys")
            return type(first)((key, whole([part[key] for part in parts])) for key in first)
        if is_namedtuple(first):
            return type(first)._make(map(whole, zip(*parts)))
        return type(first)(map(whole, zip(*parts)))

    return whole(list(outputs))
