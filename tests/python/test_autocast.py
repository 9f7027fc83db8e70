"""torch.autocast: which dtype each operator computes in, and how the contexts nest. What PyTorch 2.13 gives stands here as
figures."""

import threading
import warnings

import pytest
import rtorch as torch
import rtorch.nn.functional as F

bf16, f16, f32, f64 = torch.bfloat16, torch.float16, torch.float32, torch.float64


def test_operators_compute_where_the_lists_say():
    x = torch.randn(4, 4)
    low = x.bfloat16()
    image = torch.randn(1, 3, 6, 6)
    with torch.autocast("cpu"):
        lower = {
            "mm": x @ x,
            "linear": F.linear(x, x, x[0]),
            "conv2d": F.conv2d(image, torch.randn(2, 3, 3, 3)),
            "bmm": torch.bmm(x[None], x[None]),
            "addmm": torch.addmm(x, x, x),
            "einsum": torch.einsum("ij,jk", x, x),
            "attention": F.scaled_dot_product_attention(x[None], x[None], x[None]),
        }
        wide = {
            "mse": F.mse_loss(low, low),
            "cross_entropy": F.cross_entropy(low, torch.arange(4)),
            "prod": low.prod(),
            "cdist": torch.cdist(low, low),
            "inverse": torch.inverse(torch.eye(3).bfloat16()),
            "pad": F.pad(low, (1, 1), mode="reflect"),
        }
        kept = {"softmax": low.softmax(-1), "mul": low * low, "sum": low.sum()}
        alone = {"mv": torch.mv(x, x[0]), "bilinear": F.bilinear(x, x, torch.randn(2, 4, 4)), "add": x + x}
        joined = torch.cat([x, low]), torch.stack([low, low])
    assert {k for k, v in lower.items() if v.dtype != bf16} == set()
    assert {k for k, v in wide.items() if v.dtype != f32} == set()
    assert {k for k, v in kept.items() if v.dtype != bf16} == set()
    assert {k for k, v in alone.items() if v.dtype != f32} == set()
    assert [t.dtype for t in joined] == [f32, bf16]
    assert (x @ x).dtype == f32


def test_values_are_those_of_the_lower_precision():
    x, y = torch.randn(5, 7), torch.randn(7, 3)
    with torch.autocast("cpu", dtype=f16):
        got = x @ y
    assert torch.equal(got, x.half() @ y.half())


def test_float64_out_and_inplace_are_left_alone():
    x, d, to = torch.ones(2, 2), torch.ones(2, 2, dtype=f64), torch.empty(2, 2)
    with torch.autocast("cpu"):
        assert (d @ d).dtype == f64
        assert torch.mm(x, x, out=to).dtype == f32
        assert torch.ones(2, 2).addmm_(x, x).dtype == f32
        with pytest.raises(RuntimeError):
            x @ d
        with pytest.raises(RuntimeError, match="Unexpected floating ScalarType"):
            torch.cat([x.half(), x.half()])


def test_contexts_nest_and_restore():
    x = torch.ones(2, 2)
    with torch.autocast("cpu", dtype=f16):
        assert (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")) == (True, f16)
        with torch.autocast("cpu", enabled=False):
            assert (x @ x).dtype == f32
            with torch.autocast("cpu", dtype=bf16, cache_enabled=False):
                assert (x @ x).dtype == bf16
                assert not torch.is_autocast_cache_enabled()
        assert (x @ x).dtype == f16
    assert not torch.is_autocast_enabled("cpu")
    assert torch.get_autocast_dtype("cpu") == bf16
    with pytest.raises(ZeroDivisionError), torch.autocast("cpu"):
        raise ZeroDivisionError
    assert not torch.is_autocast_enabled("cpu")


def test_one_context_may_be_entered_again_and_decorates():
    x = torch.ones(2, 2)
    context = torch.autocast("cpu")
    with context, context:
        assert (x @ x).dtype == bf16
    assert (x @ x).dtype == f32

    @torch.autocast("cpu")
    def f(depth):
        return (x @ x).dtype if depth == 0 else f(depth - 1)

    assert f(2) == bf16 and (x @ x).dtype == f32


def test_switches_without_a_context():
    torch.set_autocast_enabled("cpu", True)
    try:
        assert torch.is_autocast_enabled("cpu") and not torch.is_autocast_enabled()
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == bf16
    finally:
        torch.set_autocast_enabled("cpu", False)
    assert torch.autocast_increment_nesting() == 1 and torch.autocast_decrement_nesting() == 0
    for wrong in (lambda: torch.is_autocast_enabled("nowhere"), lambda: torch.autocast("meta")):
        with pytest.raises(RuntimeError):
            wrong()
    with pytest.raises(ValueError, match="of type `str`"):
        torch.autocast(1)
    with pytest.raises(TypeError, match="must be bool, not int"):
        torch.set_autocast_enabled(1)


def test_the_switches_are_a_threads_own():
    seen = []
    with torch.autocast("cpu"):
        t = threading.Thread(target=lambda: seen.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype))
        t.start()
        t.join()
    assert seen == [f32]


def test_without_a_gpu_cuda_is_switched_off_with_a_warning():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.warns(UserWarning, match="Disabling autocast"):
        context = torch.autocast("cuda")
    with context:
        assert not torch.is_autocast_enabled("cuda")
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == f32
    with pytest.warns(FutureWarning, match=r"torch.amp.autocast\('cuda', args...\)"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        torch.cuda.amp.autocast()
    with pytest.warns(FutureWarning, match=r"torch.amp.autocast\('cpu', args...\)"):
        assert torch.cpu.amp.autocast().fast_dtype == bf16
    with pytest.warns(UserWarning, match="CPU Autocast only supports dtypes"):
        assert not torch.autocast("cpu", dtype=f32)._enabled


def test_gradients_pass_through_the_conversions():
    w = torch.randn(3, 4, requires_grad=True)
    x = torch.randn(2, 4)
    with torch.autocast("cpu"):
        a, b = F.linear(x, w), F.linear(x, w)
        loss = F.mse_loss(a + b, torch.zeros(2, 3))
    # The weight is converted once for both.
    (conversion_a,), (conversion_b,) = (
        [n for n, _ in t.grad_fn.next_functions[1][0].next_functions] for t in (a, b)
    )
    assert conversion_a is conversion_b and conversion_a.name() == "ToCopyBackward0"
    loss.backward()
    y = (a + b).detach().float()
    want = 2 * (2 * y / y.numel()).T @ x
    assert w.grad.dtype == f32
    assert torch.allclose(w.grad, want, rtol=0.05, atol=0.02)


def test_a_weight_that_was_written_is_converted_anew():
    w = torch.ones(2, 2, requires_grad=True)
    with torch.autocast("cpu"):
        with torch.no_grad():
            first = w @ w
            w.mul_(3)
        second = w @ w
    assert first.tolist() == [[2, 2], [2, 2]] and not first.requires_grad
    assert second.tolist() == [[18, 18], [18, 18]] and second.requires_grad


def test_a_model_learns_in_bfloat16():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.LayerNorm(16), torch.nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    x = torch.randn(64, 4)
    y = x.sum(1, keepdim=True)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=bf16):
            out = net(x)
            loss = F.mse_loss(out, y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert out.dtype == bf16 and loss.dtype == f32
    assert all(p.dtype == f32 and p.grad.dtype == f32 for p in net.parameters())
    assert losses[-1] < 0.05 * losses[0]


@pytest.mark.parametrize(("kind", "plain", "given"), [("LSTM", bf16, bf16), ("RNN", bf16, bf16), ("GRU", f32, bf16)])
def test_recurrent_layers(kind, plain, given):
    layer = getattr(torch.nn, kind)(3, 4)
    x = torch.randn(5, 2, 3)
    want = layer(x)[0]
    with torch.autocast("cpu"):
        out, low = layer(x)[0], layer(x.bfloat16())[0]
    assert (out.dtype, low.dtype) == (plain, given)
    assert torch.allclose(out.float(), want, atol=0.05)


def test_custom_functions_say_how_they_are_cast():
    seen = []

    class Product(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu")
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x @ x

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            seen.append((x @ x).dtype)
            return g.float() @ x.T.float()

    class Wide(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu", cast_inputs=f32)
        def forward(ctx, x):
            seen.append((x.dtype, (x @ x).dtype))
            return x

        @staticmethod
        def backward(ctx, g):
            return g

    x = torch.ones(2, 2, requires_grad=True)
    with torch.autocast("cpu"):
        y = Product.apply(x)
        Wide.apply(torch.ones(2, 2, dtype=bf16))
    y.sum().backward()
    assert y.dtype == bf16 and seen == [(f32, f32), bf16]


def test_checkpointing_computes_again_under_the_same_autocast():
    from rtorch.utils.checkpoint import checkpoint

    seen = []
    w = torch.randn(3, 3, requires_grad=True)

    def block(x):
        y = x @ w
        seen.append(y.dtype)
        return y.sin()

    with torch.autocast("cpu"):
        out = checkpoint(block, torch.randn(2, 3), use_reentrant=False)
    out.sum().backward()
    assert seen == [bf16, bf16] and w.grad.dtype == f32
