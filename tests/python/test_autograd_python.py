"""What stands in Python around autograd: gradcheck, batched grads, limits of dtypes, shapes that broadcast."""

import numpy as np
import pytest
import rtorch
from rtorch.autograd import gradcheck, gradgradcheck


def test_gradcheck_accepts_and_refuses():
    x = rtorch.tensor([0.5, 1.5], dtype=rtorch.float64, requires_grad=True)
    z = rtorch.tensor([1 + 2j, 0.5 - 1j], dtype=rtorch.complex128, requires_grad=True)
    assert gradcheck(lambda x: x.sin() * x, x)
    assert gradcheck(lambda z: z * z, z)
    assert gradgradcheck(lambda x: x**3, x)

    class Wrong(rtorch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 3

    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradcheck(Wrong.apply, x)
    assert not gradcheck(Wrong.apply, x, raise_exception=False)
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(lambda x: x, x.detach())


def test_grads_of_each_vector():
    x = rtorch.tensor([1.0, 2.0], requires_grad=True)
    (j,) = rtorch.autograd.grad(x * x, x, rtorch.tensor([[1.0, 0.0], [0.0, 1.0]]), is_grads_batched=True)
    assert j.tolist() == [[2.0, 0.0], [0.0, 4.0]]


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_finfo_is_numpys(name):
    ours, theirs = rtorch.finfo(getattr(rtorch, name)), np.finfo(name)
    for a in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "smallest_subnormal"):
        assert getattr(ours, a) == float(getattr(theirs, a)), a


@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "int32", "int64"])
def test_iinfo_is_numpys(name):
    ours, theirs = rtorch.iinfo(getattr(rtorch, name)), np.iinfo(name)
    assert (ours.bits, ours.min, ours.max) == (theirs.bits, theirs.min, theirs.max)


def test_broadcast_shapes():
    assert rtorch.broadcast_shapes((5, 1, 4), (3, 1), 4) == (5, 3, 4)
    assert rtorch.broadcast_shapes((2, 3), (4, 1, 1)) == (4, 2, 3)
    with pytest.raises(RuntimeError, match="Attempting to broadcast a dimension of length 4 at -1"):
        rtorch.broadcast_shapes((2, 3), (4,))


def test_the_changed_tensor_is_told_by_function():
    x = rtorch.tensor([1.0], requires_grad=True)
    e = x.exp()
    e.add_(1)
    with pytest.raises(RuntimeError, match=r"which is output 0 of Exp, is at version 1; expected version 0 instead"):
        e.sum().backward()


def test_what_teaches_is_a_note():
    with pytest.raises(RuntimeError) as e:
        rtorch.mm(rtorch.ones(2, 3), rtorch.ones(2, 3))
    assert str(e.value) == "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"
    assert "in mm(input=float32 [2, 3], mat2=float32 [2, 3])" in e.value.__notes__


def test_a_hook_on_several_tensors_waits_for_all_that_get_a_gradient():
    from rtorch.autograd.graph import register_multi_grad_hook

    a, b, c = (rtorch.tensor(v, requires_grad=True) for v in (2.0, 3.0, 5.0))
    seen, first = [], []
    middle = a * b
    handle = register_multi_grad_hook([a, b, c, middle], lambda grads: seen.append([g and g.item() for g in grads]))
    with register_multi_grad_hook([a, b, c, middle], lambda g: first.append(g.item()), mode="any"):
        (middle * c).backward(retain_graph=True)
        assert seen == [[15, 10, 6, 5]] and len(first) == 1
        (middle * 7).backward(retain_graph=True)  # c has no part in it
        assert seen[1:] == [[21, 14, None, 7]] and len(first) == 2
    rtorch.autograd.grad(middle * c, [a], retain_graph=True)  # b and c are not on the way
    assert seen[2:] == [[15, None, None, 5]] and len(first) == 2
    (c * 2).backward(inputs=[c])
    assert seen[3:] == [[None, None, 2, None]]
    handle.remove()
    (middle * c).backward()
    assert len(seen) == 4
    from rtorch import _walks

    assert _walks.watched == 0
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        register_multi_grad_hook([rtorch.ones(1)], print)
    with pytest.raises(ValueError, match="'all', 'any'"):
        register_multi_grad_hook([a], print, mode="some")
