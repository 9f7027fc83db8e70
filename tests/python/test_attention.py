"""Attention by tiles, and the fused steps of LSTM and GRU: values against plain formulas, gradients and their gradients
by finite differences."""

import math

import pytest
import rtorch
from rtorch.autograd import gradcheck, gradgradcheck

F = rtorch.nn.functional


def plain(q, k, v, mask=None, causal=False, scale=None):
    scores = q @ k.transpose(-2, -1) * (scale or 1 / math.sqrt(q.shape[-1]))
    if causal:
        scores = scores.masked_fill(rtorch.ones(q.shape[-2], k.shape[-2], dtype=rtorch.bool).triu(1), -math.inf)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == rtorch.bool else scores + mask
    return rtorch.softmax(scores, -1) @ v


def tensors(*sizes, dtype=rtorch.float64, grad=False):
    g = rtorch.Generator().manual_seed(0)
    return [rtorch.randn(*s, dtype=dtype, generator=g).requires_grad_(grad) for s in sizes]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [None, "bool", "float"])
def test_gradients_by_finite_differences(causal, masked):
    q, k, v = tensors((2, 2, 5, 3), (2, 2, 4, 3), (2, 2, 4, 2), grad=True)
    mask = None
    if masked == "bool":
        mask = rtorch.tensor([[True, False, True, True]]).expand(5, 4).clone()
        mask[:, 0] = True
    elif masked:
        (mask,) = tensors((2, 1, 5, 4))

    def f(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, scale=0.7)

    assert "ScaledDotProductFlashAttentionForCpu" in f(q, k, v).grad_fn.name()
    assert gradcheck(f, (q, k, v))
    assert gradgradcheck(f, (q, k, v))


def test_gradient_of_the_mask():
    q, k, v, mask = tensors((1, 4, 3), (1, 5, 3), (1, 5, 3), (4, 5), grad=True)
    assert gradcheck(lambda *a: F.scaled_dot_product_attention(*a), (q, k, v, mask))


def test_shared_heads():
    q, k, v = tensors((2, 6, 5, 3), (2, 2, 4, 3), (2, 2, 4, 3), grad=True)
    mask = rtorch.rand(2, 6, 5, 4, generator=rtorch.Generator().manual_seed(1)) > 0.2
    mask[..., 0] = True
    want = plain(q, k.repeat_interleave(3, 1), v.repeat_interleave(3, 1), mask)

    def f(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)

    assert rtorch.allclose(f(q, k, v), want)
    assert gradcheck(f, (q, k, v))


def test_broadcast_batches_and_a_row_without_keys():
    q, k, v = tensors((3, 1, 7, 4), (2, 9, 4), (1, 1, 9, 5))
    assert rtorch.allclose(F.scaled_dot_product_attention(q, k, v), plain(q, k, v))
    mask = rtorch.ones(7, 9, dtype=rtorch.bool)
    mask[3] = False
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    assert y.shape == (3, 2, 7, 5) and (y[:, :, 3] == 0).all() and rtorch.isfinite(y).all()


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("bfloat16", 3e-2), ("float16", 4e-3)])
def test_long_rows_in_other_types(dtype, tolerance):
    # Heads side by side in memory, as a projection leaves them; more keys than a tile, and a last tile that is not full.
    x = tensors((2, 300, 3, 2, 40), dtype=rtorch.float32)[0].to(getattr(rtorch, dtype))
    q, k, v = (x[:, :, i].transpose(1, 2).requires_grad_() for i in range(3))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    (g,) = tensors(y.shape, dtype=rtorch.float32)
    got = [y, *rtorch.autograd.grad(y, (q, k, v), g.to(y.dtype))]
    wide = [t.detach().double().requires_grad_() for t in (q, k, v)]
    want = plain(*wide, causal=True)
    want = [want, *rtorch.autograd.grad(want, wide, g.to(y.dtype).double())]
    for a, b in zip(got, want):
        assert a.dtype == q.dtype
        assert (a.double() - b).abs().max() <= tolerance * max(1.0, b.abs().max().item())
    # (batch, rows, heads, features) in memory: joining the heads copies nothing.
    assert y.transpose(1, 2).is_contiguous()


def lstm(gates, more, c):
    i, f, g, o = (gates + more).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru(gates, more, h):
    (a, b, c), (x, y, z) = gates.chunk(3, -1), more.chunk(3, -1)
    update = (y + b).sigmoid()
    new = (c + z * (x + a).sigmoid()).tanh()
    return ((h - new) * update + new,)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_fused_steps(kind):
    """With identities for weights a cell is the arithmetic of its gates."""
    n = 4 if kind == "LSTM" else 3
    for dtype in (rtorch.float32, rtorch.float64):
        gates, h, c = tensors((5, n * 19), (5, 19), (5, 19), dtype=dtype)
        (w,) = tensors((n * 19, 19), dtype=dtype)
        eye = rtorch.eye(n * 19, dtype=dtype)
        if kind == "LSTM":
            got = rtorch.lstm_cell(gates, [h, c], eye, w)
            want = lstm(F.linear(gates, eye), F.linear(h, w), c)
        else:
            got = [rtorch.gru_cell(gates, h, eye, w)]
            want = gru(F.linear(gates, eye), F.linear(h, w), h)
        for a, b in zip(got, want):
            assert rtorch.equal(a, b)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_gradients_of_recurrent_layers(kind):
    rtorch.manual_seed(3)
    net = getattr(rtorch.nn, kind)(2, 3, bidirectional=True).double()
    (x,) = tensors((3, 2, 2), grad=True)
    params = list(net.parameters())

    state = rtorch.zeros(2, 2, 3, dtype=rtorch.float64)

    def f(x, *params):
        rest = (list(params), True, 1, 0.0, True, True, False)
        return rtorch.lstm(x, [state, state], *rest) if kind == "LSTM" else rtorch.gru(x, state, *rest)

    assert gradcheck(f, (x, *params))
    assert gradgradcheck(lambda x: f(x, *params)[0].pow(2).sum(), (x,))
