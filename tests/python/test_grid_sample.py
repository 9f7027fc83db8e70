"""grid_sample and affine_grid against a loop over the points in Python, finite differences, and PyTorch's figures."""

import itertools
import math

import numpy as np
import pytest
import rtorch as torch
import rtorch.nn.functional as F

PADDINGS = ("zeros", "border", "reflection")


def reflect(x, n, align):
    low, span = (0.0, n - 1.0) if align else (-0.5, float(n))
    if span == 0:
        return 0.0
    x = abs(x - low)
    flips, rest = divmod(x, span)
    return (rest if flips % 2 == 0 else span - rest) + low


def position(g, n, padding, align):
    x = (g + 1) / 2 * (n - 1) if align else ((g + 1) * n - 1) / 2
    if padding == "reflection":
        x = reflect(x, n, align)
    return x if padding == "zeros" else min(max(x, 0.0), n - 1.0)


def cubic(t):
    t, a = abs(t), -0.75
    if t < 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


def line(g, n, mode, padding, align):
    """Places along one dimension with their weights."""
    if mode == "nearest":
        return [(round(position(g, n, padding, align)), 1.0)]
    if mode == "bilinear":
        x = position(g, n, padding, align)
        i = math.floor(x)
        return [(i, 1 - (x - i)), (i + 1, x - i)]
    x = position(g, n, "zeros", align)
    taps = []
    for i in range(math.floor(x) - 1, math.floor(x) + 3):
        at = i if padding == "zeros" else min(max(i, 0), n - 1)
        if padding == "reflection":
            at = int(min(max(reflect(i, n, align), 0), n - 1))
        taps.append((at, cubic(x - i)))
    return taps


def by_hand(x, grid, mode, padding, align):
    n, c, *size = x.shape
    out = np.zeros((n, c, *grid.shape[1:-1]))
    for b, *p in itertools.product(*(range(s) for s in grid.shape[:-1])):
        at = grid[(b, *p)][::-1]
        lines = [line(g, s, mode, padding, align) for g, s in zip(at, size)]
        for taps in itertools.product(*lines):
            i = tuple(t[0] for t in taps)
            if all(0 <= k < s for k, s in zip(i, size)):
                out[(b, slice(None), *p)] += x[(b, slice(None), *i)] * math.prod(t[1] for t in taps)
    return out


@pytest.mark.parametrize("align", (True, False))
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("mode", ("bilinear", "nearest", "bicubic"))
def test_images(mode, padding, align):
    torch.manual_seed(0)
    x, grid = torch.randn(2, 3, 4, 5, dtype=torch.float64), torch.rand(2, 3, 7, 2, dtype=torch.float64) * 5 - 2.5
    want = by_hand(x.numpy(), grid.numpy(), mode, padding, align)
    got = F.grid_sample(x, grid, mode, padding, align)
    np.testing.assert_allclose(got.numpy(), want, atol=1e-10)
    single = F.grid_sample(x.float().transpose(2, 3).contiguous().transpose(2, 3), grid.float(), mode, padding, align)
    np.testing.assert_allclose(single.numpy(), want, atol=2e-5)


@pytest.mark.parametrize("align", (True, False))
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("mode", ("bilinear", "nearest"))
def test_volumes(mode, padding, align):
    torch.manual_seed(1)
    x, grid = torch.randn(1, 2, 3, 4, 5, dtype=torch.float64), torch.rand(1, 2, 3, 2, 3, dtype=torch.float64) * 5 - 2.5
    want = by_hand(x.numpy(), grid.numpy(), mode, padding, align)
    np.testing.assert_allclose(F.grid_sample(x, grid, mode, padding, align).numpy(), want, atol=1e-10)


@pytest.mark.parametrize("align", (True, False))
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("mode", "dims"), (("bilinear", 2), ("bicubic", 2), ("bilinear", 3)))
def test_both_gradients_and_theirs(mode, dims, padding, align):
    torch.manual_seed(2)
    x = torch.randn(1, 2, *(3, 4, 2)[:dims], dtype=torch.float64, requires_grad=True)
    grid = (torch.rand(1, *(2, 3, 2)[:dims], dims, dtype=torch.float64) * 3 - 1.5).requires_grad_()

    def f(x, grid):
        return F.grid_sample(x, grid, mode, padding, align)

    assert torch.autograd.gradcheck(f, (x, grid))
    assert torch.autograd.gradgradcheck(f, (x, grid))


def test_many_points_give_the_same_for_any_number_of_threads():
    torch.manual_seed(3)
    x, grid = torch.randn(2, 5, 40, 30, requires_grad=True), torch.rand(2, 90, 80, 2) * 2.4 - 1.2
    results = []
    before = torch.get_num_threads()
    try:
        for n in (1, 2, 5):
            torch.set_num_threads(n)
            g = grid.clone().requires_grad_()
            y = F.grid_sample(x, g, align_corners=False)
            results.append((y.detach(), *torch.autograd.grad(y.square().sum(), (x, g))))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other))


def test_points_that_are_no_numbers():
    x = torch.arange(9.0).reshape(1, 1, 3, 3)
    grid = torch.tensor([[[[math.nan, 0.0], [math.inf, 0.0], [1e30, 0.0]]]])
    zeros, border = (F.grid_sample(x, grid, padding_mode=p, align_corners=False).flatten() for p in ("zeros", "border"))
    assert zeros.isnan().tolist() == [True, True, False] and zeros[2] == 0
    assert border.tolist() == [3.0, 5.0, 5.0]


def test_messages():
    x, g = torch.zeros(1, 1, 3, 3), torch.zeros(1, 2, 2, 2)
    with pytest.raises(ValueError, match="expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: 'linear'"):
        F.grid_sample(x, g, mode="linear")
    with pytest.warns(UserWarning, match="align_corners=False since 1.3.0"):
        F.grid_sample(x, g)
    for a, b, text in (
        (x, g[..., :1], "expected grid to have size 2 in last dimension"),
        (x.expand(2, 1, 3, 3), g, "same batch size"),
        (x[:, :, :0], g, "non-empty spatial dimensions"),
        (x, g.double(), "expected scalar type Float but found Double"),
        (x[0], g, "same number of dimensions"),
    ):
        with pytest.raises(RuntimeError, match=text):
            F.grid_sample(a, b, align_corners=False)
    with pytest.raises(RuntimeError, match="bicubic interpolation only supports 4D input"):
        F.grid_sample(x[None], torch.zeros(1, 1, 1, 1, 3), mode="bicubic", align_corners=False)


@pytest.mark.parametrize("align", (True, False))
def test_affine_grid(align):
    torch.manual_seed(4)
    theta = torch.randn(2, 2, 3, dtype=torch.float64, requires_grad=True)
    grid = F.affine_grid(theta, [2, 3, 4, 5], align_corners=align)
    assert grid.shape == (2, 4, 5, 2)
    ys, xs = (np.linspace(-1, 1, n) * (1 if align else (n - 1) / n) for n in (4, 5))
    points = np.stack([np.tile(xs, (4, 1)), np.tile(ys[:, None], (1, 5)), np.ones((4, 5))], -1)
    want = np.einsum("hwk,nik->nhwi", points, theta.detach().numpy())
    np.testing.assert_allclose(grid.detach().numpy(), want, atol=1e-12)
    assert torch.autograd.gradcheck(lambda t: F.affine_grid(t, [2, 3, 2, 2], align_corners=align), theta)
    volume = F.affine_grid(torch.eye(3, 4)[None], [1, 1, 2, 2, 2], align_corners=True)
    assert volume[0, 0, 0, 1].tolist() == [1.0, -1.0, -1.0]
    # The identity leaves an image as it is.
    image = torch.randn(1, 2, 6, 7)
    same = F.grid_sample(image, F.affine_grid(torch.eye(2, 3)[None], [1, 2, 6, 7], align_corners=align), align_corners=align)
    assert torch.allclose(same, image, atol=1e-5)


def test_affine_grid_messages():
    with pytest.raises(ValueError, match="Expected a batch of 2D affine matrices of shape Nx2x3"):
        F.affine_grid(torch.zeros(2, 3), [1, 1, 2, 2], align_corners=False)
    with pytest.raises(ValueError, match="Expected non-zero, positive output size"):
        F.affine_grid(torch.zeros(1, 2, 3), [1, 1, 0, 2], align_corners=False)
    with pytest.raises(NotImplementedError, match="only supports 4D and 5D sizes"):
        F.affine_grid(torch.zeros(1, 2, 3), [1, 1, 2], align_corners=False)
