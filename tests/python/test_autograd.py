"""Autograd's graph: views and in-place writes, hooks, second walks, custom functions. Figures recorded from PyTorch 2.13."""

import gc
import weakref

import numpy as np
import pytest
import rtorch as torch


def ones(n=3):
    return torch.ones(n, requires_grad=True)


def close(t, figures):
    np.testing.assert_allclose(t.tolist(), figures, rtol=1e-5)


# ---- views ----


def test_view_made_under_no_grad_is_not_written_with_grad():
    c = ones(4) * 2
    with torch.no_grad():
        v = c[:2]
    assert v.requires_grad and v.is_leaf and v.grad_fn is None
    with pytest.raises(
        RuntimeError, match="A view was created in no_grad mode and is being modified inplace with grad"
    ):
        v.mul_(5)
    (v * 2).sum().backward()  # it leads nowhere
    assert v.grad is None


def test_view_of_what_became_a_leaf():
    p = torch.zeros(3)
    q = p[:2]
    p.requires_grad_()
    assert q.requires_grad and q.is_leaf
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place"):
        q.add_(1)
    with torch.no_grad():
        q.add_(1)
    assert p.tolist() == [1, 1, 0] and q.grad_fn is not None
    (q * 3).sum().backward()
    assert p.grad.tolist() == [3, 3, 0]


def test_view_as_another_dtype_is_none_to_autograd():
    x = ones()
    assert not x.view(torch.int32).requires_grad and not x.detach().requires_grad
    assert not x.view(torch.int32)._is_view() and not x.detach()._is_view()


def test_real_part_written_in_place():
    z = torch.zeros(3, dtype=torch.complex64, requires_grad=True)
    w = z + 1
    r = w.real
    r.mul_(2)
    assert r.grad_fn.name() == "AsStridedBackward0"
    w.abs().sum().backward()
    assert z.grad.tolist() == [2, 2, 2]


def test_view_as_real_written_in_place():
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    w = z * 1
    torch.view_as_real(w)[0].mul_(torch.tensor([2.0, 3.0]))
    assert w.tolist() == [2 + 6j, 3 - 1j]
    (w.abs() ** 2).sum().backward()
    close(z.grad, [8 + 36j, 6 - 2j])


def test_view_as_complex_written_in_place():
    x = torch.arange(1.0, 9.0, requires_grad=True)
    w = x * 1
    torch.view_as_complex(w.view(4, 2))[1:3].mul_(2j)
    assert w.tolist() == [1, 2, -8, 6, -12, 10, 7, 8]
    (w * torch.arange(8.0)).sum().backward()
    assert x.grad.tolist() == [0, 1, 6, -4, 10, -8, 6, 7]


def test_imaginary_part_set_from_the_real_one():
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    w = z * 1
    w.imag[1:] = w.real[:1] * 3
    (w.abs() ** 2).sum().backward()
    close(z.grad, [20 + 4j, 6])


def test_real_part_after_the_whole_was_written():
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    w = z * 1
    r = w.real
    w.mul_(2 + 1j)
    r.sum().backward()
    assert z.grad.tolist() == [2 - 1j, 2 - 1j]


def test_second_derivatives_through_written_parts():
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    w = z * 1
    w.real.mul_(w.imag.clone())
    (g,) = torch.autograd.grad((w.real**2 + w.imag**2).sum(), z, create_graph=True)
    (h,) = torch.autograd.grad((g.abs() ** 2).sum(), z)
    close(g, [8 + 8j, 6 - 20j])
    close(h, [256 + 192j, 504 - 944j])


def test_second_derivative_of_a_complex_modulus():
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    (g,) = torch.autograd.grad((torch.complex(z.real * z.imag, z.imag).abs() ** 2).sum(), z, create_graph=True)
    (h,) = torch.autograd.grad((g.abs() ** 2).sum(), z)
    close(g, [8 + 8j, 6 - 20j])
    close(h, [256 + 192j, 504 - 944j])


def test_second_derivatives_through_a_written_slice():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    c = x * 1
    c[:2].mul_(x[1:])
    (g,) = torch.autograd.grad((c**2).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    assert g.tolist() == [8, 40, 30] and h.tolist() == [16, 52, 34]


def test_view_used_before_its_base_is_written_again():
    x = ones()
    c = x * 1
    v = c[:2]
    v.mul_(2)
    u = (v + 1).sum()
    c.add_(1)
    u.backward()
    assert x.grad.tolist() == [2, 2, 0]


def test_views_of_one_base_written_by_each_other():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    c = x * 1
    u, v = c[1:], c[:2]
    v.mul_(u.clone())
    (u * u).sum().backward()
    assert c.tolist() == [2, 6, 3] and x.grad.tolist() == [0, 36, 30]


# ---- hooks ----


def test_leaf_hook_is_seen_by_grad_and_by_backward_once():
    x = ones()
    x.register_hook(lambda g: g * 2)
    assert torch.autograd.grad((x * 3).sum(), x)[0].tolist() == [6, 6, 6] and x.grad is None
    (x * 3).sum().backward()
    assert x.grad.tolist() == [6, 6, 6]
    x.grad = None
    (x * 3).sum().backward(inputs=[x])
    assert x.grad.tolist() == [6, 6, 6]


def test_backward_into_a_computed_tensor():
    x = ones()
    y = x * 2
    y.register_hook(lambda g: g * 2)
    y.sum().backward(inputs=[y])
    assert y.grad.tolist() == [2, 2, 2] and y.retains_grad and x.grad is None


def test_hook_retain_capture():
    x = ones()
    y = x * 2
    y.register_hook(lambda g: g * 2)
    y.retain_grad()
    z = y.sum()
    assert torch.autograd.grad(z, y, retain_graph=True)[0].tolist() == [2, 2, 2]
    assert y.grad.tolist() == [2, 2, 2]
    # On the way to another input, what came is returned.
    gx, gy = torch.autograd.grad(z, [x, y])
    assert gx.tolist() == [4, 4, 4] and gy.tolist() == [1, 1, 1]


def test_prehook_runs_only_with_its_node():
    x = ones()
    y = x * 2
    ran = []
    y.grad_fn.register_prehook(lambda g: ran.append(1) or (g[0] * 10,))
    z = y.sum()
    assert torch.autograd.grad(z, y, retain_graph=True)[0].tolist() == [1, 1, 1] and not ran
    gx, gy = torch.autograd.grad(z, [x, y])
    assert gx.tolist() == [20, 20, 20] and gy.tolist() == [1, 1, 1] and len(ran) == 1


def test_retained_gradient_follows_in_place_writes():
    x = ones()
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    y.sum().backward()
    assert y.grad.tolist() == [1, 1, 1] and x.grad.tolist() == [6, 6, 6]

    x = ones()
    a = x * 1
    a.retain_grad()
    v = a[:2]
    v.retain_grad()
    v.mul_(3)
    (a.sum() + (v * 5).sum()).backward()
    assert v.grad.tolist() == [5, 5] and x.grad.tolist() == [18, 18, 1] and a.grad.tolist() == [6, 6, 1]


def test_hooks_stay_with_the_value_they_were_set_on():
    y = ones() * 2
    log = []
    old = y.register_hook(lambda g: log.append(("old", g.tolist()[0])))
    y.mul_(3)
    y.register_hook(lambda g: log.append(("new", g.tolist()[0])))
    s = y.sum()
    s.backward(retain_graph=True)
    old.remove()
    s.backward()
    assert log == [("new", 1), ("old", 3), ("new", 1)]


def test_hooks_of_the_accumulating_node():
    x = ones()
    node = (x + 1).grad_fn.next_functions[0][0]
    log = []
    node.register_prehook(lambda g: (g[0] * 7,))
    node.register_hook(lambda gi, go: log.append((gi, go[0].tolist())))
    (x * 2).sum().backward()
    assert x.grad.tolist() == [14, 14, 14] and log == [((), [14, 14, 14])]
    assert torch.autograd.grad((x * 2).sum(), x)[0].tolist() == [2, 2, 2] and len(log) == 1


# ---- second walks ----


def test_nodes_that_kept_nothing_are_not_freed():
    for f in [
        lambda x: x + 1,
        lambda x: 2 - x,
        lambda x: -x,
        lambda x: x.mean(),
        lambda x: x.cumsum(0),
        lambda x: x[1:],
    ]:
        x = ones()
        s = f(x).sum()
        s.backward()
        once = x.grad.tolist()
        s.backward()
        assert x.grad.tolist() == [2 * g for g in once]
    for f in [lambda x: x * x, lambda x: x * 2, lambda x: x / 2, lambda x: x.exp(), lambda x: x**2]:
        s = f(ones()).sum()
        s.backward()
        with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
            s.backward()


# ---- custom functions ----


class Exp(torch.autograd.Function):
    seen = None

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(x, y, None)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y, nothing = ctx.saved_tensors
        assert nothing is None
        Exp.seen = (x, y)
        return g * y


def test_saved_output_makes_no_cycle():
    gc.collect()
    gc.disable()
    try:
        x = torch.zeros(2, requires_grad=True)
        y = Exp.apply(x)
        gone = weakref.ref(y)
        y.sum()
        del y
        assert gone() is None
    finally:
        gc.enable()


def test_saved_tensors_are_the_core_s():
    x = torch.zeros(2, requires_grad=True)
    y = Exp.apply(x)
    y.sum().backward(retain_graph=True)
    kept_x, kept_y = Exp.seen
    assert kept_x is x and kept_y is not y and kept_y.grad_fn is y.grad_fn
    Exp.seen = kept_y = None
    y.add_(1)
    text = r"modified by an inplace operation: \[torch.FloatTensor \[2\]\], which is output 0 of Exp, is at version 1; expected version 0"
    with pytest.raises(RuntimeError, match=text):
        y.sum().backward()

    y = Exp.apply(x)
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    assert h.tolist() == [1, 1]
    y = Exp.apply(x)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="a second time"):
        _ = y.grad_fn.saved_tensors
    Exp.seen = None


def test_destructor_that_reads_the_graph_does_not_hang():
    read = []

    class Reader:
        def __init__(self, y):
            self.y = weakref.ref(y)

        def __del__(self):
            y = self.y()
            read.append(y is not None and y.grad_fn)

    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            Twice.ctx = ctx
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    y = Twice.apply(ones())
    Twice.ctx.d = Reader(y)
    del Twice.ctx
    y.detach_()
    assert read == [None]


# ---- whose memory a leaf's gradient is: taken where nobody else holds it, copied elsewhere ----


def apart(*tensors):
    return len({t.data_ptr() for t in tensors}) == len(tensors)


def test_leaves_do_not_share_their_gradients():
    a, b = ones(), ones()
    g = torch.tensor([1.0, 2.0, 3.0])
    (a + b).backward(g)
    assert apart(a.grad, b.grad, g)
    a.grad.zero_()
    close(b.grad, [1, 2, 3])
    close(g, [1, 2, 3])


def test_a_gradient_that_a_hook_kept_is_its_own():
    x, seen = ones(), []
    x.register_hook(seen.append)
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    close(seen[0], [2, 2, 2])
    close(x.grad, [4, 4, 4])


def test_an_expanded_gradient_is_written_out():
    x = torch.ones(2, 3, requires_grad=True)
    x.sum().backward()
    assert x.grad.is_contiguous()
    x.grad[0, 0] = 5
    close(x.grad, [[5, 1, 1], [1, 1, 1]])
    # the leaf itself is an expanded one
    y = torch.ones(1).expand(3).requires_grad_()
    (y * 2).sum().backward()
    y.grad[0] = 7
    close(y.grad, [7, 2, 2])


def test_a_kept_graph_gives_the_same_again():
    x = ones()
    y = x.exp()
    y.sum().backward(retain_graph=True)
    first = x.grad
    first.zero_()
    x.grad = None
    y.sum().backward()
    close(x.grad, [2.7182817] * 3)
    assert apart(first, x.grad, y)


def test_out_that_requires_grad_is_refused_before_it_is_resized():
    kept, leaf = torch.tensor(1.5), ones(3)
    r = leaf * kept
    for call in (lambda: torch.pow(kept, 2.0, out=leaf), lambda: torch.cumsum(torch.ones(2), 0, out=leaf)):
        with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
            call()
    assert leaf.shape == (3,) and leaf._version == 0
    r.sum().backward()
    assert leaf.grad.tolist() == [1.5] * 3
    with torch.no_grad():
        torch.pow(kept, 2.0, out=leaf)
    assert leaf.shape == () and leaf.item() == 2.25
