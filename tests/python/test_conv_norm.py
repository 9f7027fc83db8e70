"""Convolutions, pooling and normalization against NumPy loops; gradients and second gradients by finite differences."""

import math

import numpy as np
import pytest
import rtorch as torch
import rtorch.nn.functional as F

RNG = np.random.default_rng(7)


def tensor(*shape, grad=True):
    return torch.from_numpy(RNG.standard_normal(shape)).requires_grad_(grad)


def conv_naive(x, w, b, stride, padding, dilation, groups):
    """conv2d by loops."""
    n, _, h, wd = x.shape
    out, cin, kh, kw = w.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    oh = (h + 2 * padding - dilation * (kh - 1) - 1) // stride + 1
    ow = (wd + 2 * padding - dilation * (kw - 1) - 1) // stride + 1
    y = np.zeros((n, out, oh, ow))
    for o in range(out):
        g = o // (out // groups)
        part = x[:, g * cin : (g + 1) * cin]
        for i in range(oh):
            for j in range(ow):
                r, c = i * stride, j * stride
                win = part[:, :, r : r + dilation * kh : dilation, c : c + dilation * kw : dilation]
                y[:, o, i, j] = (win * w[o]).sum((1, 2, 3)) + b[o]
    return y


def check_grads(f, *inputs, second=True):
    """The gradients of a random projection of f, and of those gradients, against central differences."""

    def compare(g, args, eps=1e-6):
        y = g(*args)
        v = torch.from_numpy(np.random.default_rng(3).standard_normal(tuple(y.shape)))
        got = torch.autograd.grad((y * v).sum(), args)
        for a, d in zip(args, got):
            flat = a.detach().numpy().reshape(-1)
            step = np.random.default_rng(5).standard_normal(flat.shape)
            want = 0.0
            for sign in (1, -1):
                moved = torch.from_numpy((flat + sign * eps * step).reshape(tuple(a.shape)))
                at = [(moved.requires_grad_() if b is a else b) for b in args]
                want += sign * float((g(*at) * v).sum().detach()) / (2 * eps)
            assert abs(float((d.detach().numpy().reshape(-1) * step).sum()) - want) < 1e-4 * (1 + abs(want))

    compare(f, list(inputs))
    if second:

        def gradient(*args):
            y = f(*args)
            v = torch.from_numpy(np.random.default_rng(11).standard_normal(tuple(y.shape)))
            grads = torch.autograd.grad((y * y * v).sum(), args, create_graph=True)
            return torch.cat([g.reshape(-1) for g in grads])

        compare(gradient, list(inputs))


@pytest.mark.parametrize(
    "stride, padding, dilation, groups", [(1, 0, 1, 1), (2, 1, 1, 1), (1, 2, 2, 1), (2, 1, 1, 2), (1, 1, 1, 4)]
)
def test_conv2d(stride, padding, dilation, groups):
    x, w, b = tensor(2, 4, 7, 6), tensor(8 if groups < 4 else 4, 4 // groups, 3, 2), None
    b = tensor(w.shape[0])
    y = F.conv2d(x, w, b, stride, padding, dilation, groups)
    want = conv_naive(x.detach().numpy(), w.detach().numpy(), b.detach().numpy(), stride, padding, dilation, groups)
    np.testing.assert_allclose(y.detach().numpy(), want, atol=1e-12)
    assert y.grad_fn.name() == "ConvolutionBackward0"
    check_grads(lambda x, w, b: F.conv2d(x, w, b, stride, padding, dilation, groups), x, w, b)


@pytest.mark.parametrize(
    "stride, padding, extra, dilation, groups", [(2, 1, 1, 1, 1), (1, 0, 0, 2, 2), (1, 1, 1, 2, 1)]
)
def test_conv_transpose_is_the_adjoint(stride, padding, extra, dilation, groups):
    x, w = tensor(2, 4, 5, 4), tensor(4, 6 // groups, 3, 2)
    y = F.conv_transpose2d(x, w, None, stride, padding, extra, groups, dilation)
    v = tensor(*y.shape, grad=False)
    back = F.conv2d(v, w, None, stride, padding, dilation, groups)[:, :, : x.shape[2], : x.shape[3]]
    assert abs(float((y * v).sum() - (x * back).sum())) < 1e-9
    check_grads(lambda x, w: F.conv_transpose2d(x, w, None, stride, padding, extra, groups, dilation), x, w)


def test_conv_same_and_unbatched():
    x, w = tensor(3, 9), tensor(5, 3, 4)
    y = F.conv1d(x, w, padding="same")
    assert tuple(y.shape) == (5, 9)
    want = F.conv1d(F.pad(x, (1, 2)), w)
    np.testing.assert_allclose(y.detach().numpy(), want.detach().numpy())
    x, w = tensor(2, 2, 3, 4, 5), tensor(3, 2, 2, 2, 2)
    check_grads(lambda x, w: F.conv3d(x, w, padding=1), x, w)


def test_conv_refuses():
    with pytest.raises(
        RuntimeError, match=r"expected input\[1, 1, 8, 8\] to have 3 channels, but got 1 channels instead"
    ):
        F.conv2d(torch.zeros(1, 1, 8, 8), torch.zeros(6, 3, 5, 5))
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        F.conv2d(torch.zeros(1, 3, 2, 2), torch.zeros(6, 3, 3, 3))
    with pytest.raises(RuntimeError, match="expected scalar type Double but found Float"):
        F.conv2d(torch.zeros(1, 3, 2, 2, dtype=torch.float64), torch.zeros(6, 3, 1, 1))
    with pytest.raises(RuntimeError, match=r"Input type \(double\) and bias type \(float\) should be the same"):
        torch.nn.Conv2d(3, 6, 1)(torch.zeros(1, 3, 2, 2, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="mat1 and mat2 must have the same dtype, but got Double and Float"):
        torch.nn.Linear(3, 2)(torch.zeros(1, 3, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="expected target dtype to be Long or Byte, but got Float"):
        F.cross_entropy(torch.zeros(2, 3), torch.zeros(2))


def test_max_pool():
    x = tensor(2, 3, 7, 8)
    y, at = F.max_pool2d(x, 3, 2, 1, return_indices=True)
    a = np.pad(x.detach().numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    want = np.stack([[a[:, :, i : i + 3, j : j + 3].max((2, 3)) for j in range(0, 8, 2)] for i in range(0, 7, 2)])
    np.testing.assert_array_equal(y.detach().numpy(), want.transpose(2, 3, 0, 1))
    picked = x.flatten(2).gather(2, at.flatten(2)).reshape(y.shape)
    assert bool((picked == y).all())
    check_grads(lambda x: F.max_pool2d(x, 3, 2, 1), x)
    check_grads(lambda x: F.max_pool1d(x, 2), tensor(2, 3, 9))
    back = F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2, output_size=[7, 8])
    assert tuple(back.shape) == (2, 3, 7, 8)


def test_maxima_without_their_places():
    """Where nothing is recorded the places are not computed; values are the same, NaN and padding included."""
    for shape, pool, kernel in [
        ((2, 3, 40), F.max_pool1d, (3, 2, 1)),
        ((2, 3, 150), F.max_pool1d, (2,)),
        ((2, 3, 9, 70), F.max_pool2d, ((2, 3), (1, 2), (1, 1), (2, 1), True)),
        ((1, 2, 5, 6, 7), F.max_pool3d, (2, 1)),
    ]:
        x = tensor(*shape)
        with torch.no_grad():
            x.flatten()[7] = math.nan
        y = pool(x, *kernel)
        assert y.grad_fn is not None
        with torch.no_grad():
            np.testing.assert_array_equal(pool(x, *kernel).numpy(), y.detach().numpy())
        np.testing.assert_array_equal(pool(x.detach(), *kernel).numpy(), y.detach().numpy())


def test_average_pools():
    x = tensor(2, 3, 6, 8)
    np.testing.assert_allclose(
        F.avg_pool2d(x, 2).detach().numpy(), x.detach().numpy().reshape(2, 3, 3, 2, 4, 2).mean((3, 5))
    )
    np.testing.assert_allclose(
        F.adaptive_avg_pool2d(x, (3, None)).detach().numpy(), x.detach().numpy().reshape(2, 3, 3, 2, 8).mean(3)
    )
    check_grads(lambda x: F.avg_pool2d(x, 3, 2, 1, True, False), x)
    check_grads(lambda x: F.adaptive_avg_pool2d(x, (4, 3)), x)
    check_grads(lambda x: F.adaptive_max_pool2d(x, (4, 3)), x)
    assert F.adaptive_avg_pool2d(x, 1).grad_fn.name() == "MeanBackward1"


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 2), (2, 3, 5, 7)])
def test_batch_norm(shape):
    x, w, b = tensor(*shape), tensor(3), tensor(3)
    mean, var = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    y = F.batch_norm(x, mean, var, w, b, True, 0.1, 1e-5)
    a = x.detach().numpy()
    dims = tuple(d for d in range(len(shape)) if d != 1)
    wide = [1, 3] + [1] * (len(shape) - 2)
    m, v = a.mean(dims), a.var(dims)
    hat = (a - m.reshape(wide)) / np.sqrt(v.reshape(wide) + 1e-5)
    want = hat * w.detach().numpy().reshape(wide) + b.detach().numpy().reshape(wide)
    np.testing.assert_allclose(y.detach().numpy(), want, atol=1e-12)
    n = a.size // 3
    np.testing.assert_allclose(mean.numpy(), 0.1 * m)
    np.testing.assert_allclose(var.numpy(), 0.9 + 0.1 * v * n / (n - 1))
    assert y.grad_fn.name() == "NativeBatchNormBackward0"
    check_grads(lambda x, w, b: F.batch_norm(x, None, None, w, b, True), x, w, b)
    check_grads(lambda x, w, b: F.batch_norm(x, mean, var, w, b, False), x, w, b)


def test_row_norms():
    x, w, b = tensor(4, 3, 5), tensor(3, 5), tensor(3, 5)
    a = x.detach().numpy()
    hat = (a - a.mean((1, 2), keepdims=True)) / np.sqrt(a.var((1, 2), keepdims=True) + 1e-5)
    y = F.layer_norm(x, (3, 5), w, b)
    np.testing.assert_allclose(y.detach().numpy(), hat * w.detach().numpy() + b.detach().numpy(), atol=1e-12)
    check_grads(lambda x, w, b: F.layer_norm(x, (3, 5), w, b), x, w, b)
    check_grads(lambda x, w: F.rms_norm(x, (5,), w), x, tensor(5))
    x = tensor(2, 6, 3, 2)
    check_grads(lambda x, w, b: F.group_norm(x, 3, w, b), x, tensor(6), tensor(6))
    check_grads(lambda x: F.instance_norm(x), x)
    check_grads(lambda x: F.local_response_norm(x, 3), x)


def test_half_statistics_are_float():
    x = torch.full((4, 2, 300), 3.0, dtype=torch.bfloat16)
    y, mean, _ = torch.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5)
    assert y.dtype == torch.bfloat16 and mean.dtype == torch.float32
    assert float(mean[0]) == 3.0


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "constant"])
def test_pad(mode):
    x = tensor(2, 3, 4, 5)
    name = {"reflect": "reflect", "replicate": "edge", "circular": "wrap", "constant": "constant"}[mode]
    want = np.pad(x.detach().numpy(), ((0, 0), (0, 0), (3, 1), (1, 2)), name)
    np.testing.assert_array_equal(F.pad(x, (1, 2, 3, 1), mode).detach().numpy(), want)
    check_grads(lambda x: F.pad(x, (1, 2, 3, 1), mode), x)
    cut = F.pad(x, (-1, 2, 0, 0), mode)
    assert tuple(cut.shape) == (2, 3, 4, 6)
    np.testing.assert_array_equal(cut[..., :4].detach().numpy(), x[..., 1:].detach().numpy())


def test_interpolate():
    x = tensor(1, 2, 3, 4)
    a = x.detach().numpy()
    np.testing.assert_array_equal(F.interpolate(x, scale_factor=2).detach().numpy(), a.repeat(2, 2).repeat(2, 3))
    y = F.interpolate(x, (5, 7), mode="bilinear", align_corners=True).detach().numpy()
    rows = [np.interp(np.linspace(0, 2, 5), range(3), a[0, 1, :, j]) for j in range(4)]
    want = np.stack([np.interp(np.linspace(0, 3, 7), range(4), r) for r in np.stack(rows, 1)])
    np.testing.assert_allclose(y[0, 1], want, atol=1e-12)
    np.testing.assert_allclose(
        F.interpolate(x, (3, 2), mode="area").detach().numpy(), a.reshape(1, 2, 3, 2, 2).mean(-1), atol=1e-12
    )
    # Keys' weights for a = -0.75 at a quarter of the way.
    line = torch.zeros(1, 1, 4, 16, dtype=torch.float64)
    line[..., 8] = 1
    got = F.interpolate(line, scale_factor=2, mode="bicubic")[0, 0, 4, 13:20:2].numpy()
    np.testing.assert_allclose(got, [-0.03515625, 0.26171875, 0.87890625, -0.10546875], atol=1e-12)
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        check_grads(lambda x, mode=mode: F.interpolate(x, (5, 3), mode=mode), x)
    check_grads(lambda x: F.interpolate(x, (2, 3), mode="bilinear", antialias=True), x)


def test_attention():
    q, k, v = tensor(2, 4, 5, 3), tensor(2, 2, 6, 3), tensor(2, 2, 6, 4)
    mask = torch.ones(5, 6, dtype=torch.bool).tril()
    mask[3] = False
    y = F.scaled_dot_product_attention(q, k, v, mask, enable_gqa=True)
    a, b, c = (t.detach().numpy() for t in (q, k, v))
    s = a @ b.repeat(2, 1).swapaxes(-1, -2) / np.sqrt(3)
    p = np.exp(s) * mask.numpy()
    p = p / np.maximum(p.sum(-1, keepdims=True), 1e-300)
    np.testing.assert_allclose(y.detach().numpy(), p @ c.repeat(2, 1), atol=1e-12)
    assert not y[:, :, 3].detach().numpy().any()
    check_grads(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, mask, enable_gqa=True), q, k, v)
    causal = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    same = F.scaled_dot_product_attention(q, k, v, torch.ones(5, 6, dtype=torch.bool).tril(), enable_gqa=True)
    np.testing.assert_allclose(causal.detach().numpy(), same.detach().numpy(), atol=1e-12)


def test_moving_elements():
    x = tensor(2, 8, 3, 2)
    assert bool((F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2) == x).all())
    assert float(F.pixel_shuffle(x, 2)[0, 0, 0, 1].detach()) == float(x[0, 1, 0, 0].detach())
    order = F.channel_shuffle(x, 4)[0, :, 0, 0].detach().numpy()
    np.testing.assert_array_equal(order, x[0, [0, 2, 4, 6, 1, 3, 5, 7], 0, 0].detach().numpy())
    x, w = tensor(2, 3, 6, 5), tensor(4, 3, 3, 2)
    columns = F.unfold(x, (3, 2), padding=1, stride=2)
    y = (w.reshape(4, -1) @ columns).reshape(2, 4, 3, 3)
    np.testing.assert_allclose(y.detach().numpy(), F.conv2d(x, w, padding=1, stride=2).detach().numpy(), atol=1e-12)
    v = tensor(*columns.shape, grad=False)
    back = F.fold(v, (6, 5), (3, 2), padding=1, stride=2)
    assert abs(float((columns * v).sum().detach() - (x * back).sum().detach())) < 1e-9
    a, b, w = tensor(4, 3), tensor(4, 2), tensor(5, 3, 2)
    want = np.einsum("bi,oij,bj->bo", *(t.detach().numpy() for t in (a, w, b)))
    np.testing.assert_allclose(F.bilinear(a, b, w).detach().numpy(), want, atol=1e-12)
    check_grads(F.bilinear, a, b, w)
    check_grads(lambda a, b: F.cosine_similarity(a, b), a, tensor(4, 3))
