"""`histogram` and `histogramdd`: how many points lie between edges, in one dimension or several."""

import rtorch
from rtorch import return_types


def _edges(said, x, bins, low, high):
    """The edges for one column of points: given ones, or `bins` equal steps over a range or over the points'."""
    if isinstance(bins, rtorch.Tensor):
        if bins.dtype != x.dtype:
            raise RuntimeError(
                f"{said}: expected input tensor and bins tensors to have the same dtype, but got {x.dtype} and "
                f"{bins.dtype}"
            )
        return bins.reshape(-1)
    if bins < 1:
        raise RuntimeError(f"{said}: bins must be > 0, but got {bins}")
    if low is None:
        low, high = (x.min().item(), x.max().item()) if x.numel() else (0.0, 1.0)
    if not low <= high:
        raise RuntimeError(f"{said}: min {low} should not exceed max {high}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return rtorch.linspace(low, high, bins + 1, dtype=x.dtype, device=x.device)


def _counted(said, points, edges, weight, density):
    """The sum of the weights of `points` (count, dimensions) in each box; the last edge belongs to the last box."""
    boxes = [e.numel() - 1 for e in edges]
    place = rtorch.zeros(points.shape[0], dtype=rtorch.int64, device=points.device)
    inside = rtorch.ones(points.shape[0], dtype=rtorch.bool, device=points.device)
    for i, (e, n) in enumerate(zip(edges, boxes)):
        x = points[:, i].contiguous()
        at = rtorch.searchsorted(e.contiguous(), x, right=True) - 1
        place = place * n + at.clamp(0, n - 1)
        inside &= (x >= e[0]) & (x <= e[-1])
    if weight is None:
        weight = points.new_ones(points.shape[0])
    elif weight.numel() != points.shape[0]:
        raise RuntimeError(
            f"{said}: if weight tensor is provided it should have the same shape as the input tensor excluding its "
            f"innermost dimension, but got {weight.numel()} weights for {points.shape[0]} points"
        )
    total = 1
    for n in boxes:
        total *= n
    hist = points.new_zeros(total).index_add_(0, place[inside], weight.reshape(-1).to(points.dtype)[inside])
    hist = hist.reshape(boxes)
    if density:
        hist = hist / hist.sum()
        for i, e in enumerate(edges):
            hist = hist / e.diff().reshape([-1 if k == i else 1 for k in range(len(boxes))])
    return hist


def histogram(input, bins, *, range=None, weight=None, density=False, out=None):
    """How many elements lie between edges: `bins` equal ones over `range` (or over the elements'), or given ones."""
    said = "torch.histogram()"
    if not input.is_floating_point():
        raise NotImplementedError(f'"histogram_cpu" not implemented for \'{input.dtype._c10_name}\'')
    with rtorch.no_grad():
        x = input.reshape(-1)
        low, high = (None, None) if range is None else range
        e = _edges(said, x, bins, low, high)
        results = _counted(said, x[:, None], [e], weight, density), e
        if out is not None:
            for to, result in zip(out, results):
                to.resize_(result.shape).copy_(result)
            results = out
    return return_types._class("histogram", ("hist", "bin_edges"))(results)


def histogramdd(input, bins, *, range=None, weight=None, density=False):
    """How many points, the rows of `input` (..., N), lie in each box of a grid of N dimensions, and its edges."""
    said = "torch.histogramdd()"
    if not input.is_floating_point():
        raise NotImplementedError(f'"histogramdd_cpu" not implemented for \'{input.dtype._c10_name}\'')
    with rtorch.no_grad():
        points = input.reshape(-1, input.shape[-1])
        n = points.shape[1]
        bins = [bins] * n if isinstance(bins, int) else list(bins)
        if len(bins) != n:
            raise RuntimeError(
                f"{said}: expected {n} sequences of bin edges for a {n}-dimensional histogram, but got {len(bins)}"
            )
        if range is not None and len(range) != 2 * n:
            raise RuntimeError(
                f"{said}: for a {n}-dimensional histogram range should have {2 * n} elements, but got {len(range)}"
            )
        edges = [
            _edges(said, points[:, i], b, *((None, None) if range is None else range[2 * i : 2 * i + 2]))
            for i, b in enumerate(bins)
        ]
        hist = _counted(said, points, edges, weight, density)
    return return_types._class("histogramdd", ("hist", "bin_edges"))((hist, tuple(edges)))
