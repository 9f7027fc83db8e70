"""`__torch_function__` of subclasses and modes."""

import pytest
import rtorch as torch
from rtorch import overrides


class Plain(torch.Tensor):
    """A subclass that says nothing: results are of the class."""


class Logged(torch.Tensor):
    calls = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.calls.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs)


class Duck:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return ("duck", func.__name__, len(args))


def as_(cls, *values):
    return torch.tensor(values).as_subclass(cls)


def test_results_are_of_the_subclass():
    x, y = as_(Plain, 1.0, 2.0), torch.tensor([3.0, 4.0])
    for r in (x + y, y + x, x + 1, 1 - x, -x, x.exp(), torch.exp(x), x[0], x > 1, x.max(0)[1], torch.cat([y, x]), x.to(torch.int64)):
        assert type(r) is Plain, r
    assert [type(t) for t in x.unbind()] == [Plain, Plain]
    assert type(y + y) is torch.Tensor and (x + y).tolist() == [4, 6]
    x += 1
    assert type(x) is Plain and x.tolist() == [2, 3]
    x[0] = 5
    assert x.tolist() == [5, 3]


def test_text_names_the_subclass():
    x = as_(Plain, [1.0, 2.0], [3.0, 4.0])
    assert str(x) == "Plain([[1., 2.],\n       [3., 4.]])" and f"{x[0, 0]}" == "Plain(1.)"
    assert repr(x.requires_grad_()) == "Plain([[1., 2.],\n       [3., 4.]], requires_grad=True)"
    assert str(torch.nn.Parameter(torch.ones(1))) == "Parameter containing:\ntensor([1.], requires_grad=True)"


def test_gradients_pass_through():
    w = torch.ones(2, requires_grad=True)
    (w.as_subclass(Plain) * 3).sum().backward()
    assert w.grad.tolist() == [3, 3]


def test_a_class_sees_the_calls():
    Logged.calls.clear()
    x = as_(Logged, 1.0, 2.0)
    torch.add(x, x, alpha=2)
    x.sum(dim=0)
    x * 2
    2**x
    assert Logged.calls == ["add", "sum", "mul", "pow"]


def test_parameters_take_part_as_tensors():
    p = torch.nn.Parameter(torch.ones(2))
    assert type(p + 1) is torch.Tensor and not overrides.has_torch_function((p,))
    assert overrides.has_torch_function((1, as_(Plain, 1.0))) and overrides.is_tensor_like(Duck())


def test_others_than_tensors():
    assert torch.add(Duck(), 1) == ("duck", "add", 2)
    assert torch.stack([torch.ones(1), Duck()]) == ("duck", "stack", 1)

    itself = []
    itself.append(itself)
    with pytest.raises(TypeError):
        torch.add(itself, 1)

    class Declines:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return NotImplemented

    with pytest.raises(TypeError, match="no implementation found for 'add'"):
        torch.add(Declines(), 1)


def test_modes():
    seen = []

    class Log(overrides.TorchFunctionMode):
        def __init__(self, name):
            self.name = name

        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append((self.name, func.__name__))
            return func(*args, **(kwargs or {}))

    x = torch.ones(2)
    with Log("outer"):
        with Log("inner"):
            y = x + 1
        torch.exp(y)
    x * 2
    assert y.tolist() == [2, 2] and seen == [("inner", "add"), ("outer", "add"), ("outer", "exp")]

    class Fails(overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            raise KeyError("mode")

    with Fails():
        for _ in range(2):
            with pytest.raises(KeyError, match="mode"):
                x + 1
    assert (x + 1).tolist() == [2, 2]


def test_functions_in_python_can_ask():
    def double(x):
        if overrides.has_torch_function_unary(x):
            return overrides.handle_torch_function(double, (x,), x)
        return x * 2

    assert double(Duck()) == ("duck", "double", 1) and double(2) == 4


class Sees(torch.Tensor):
    seen = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.seen.append(func)
        return super().__torch_function__(func, types, args, kwargs or {})


def test_getters_and_methods_beside_the_operators_are_seen():
    T = torch.Tensor
    x = as_(Sees, [1.0, 2.0]).requires_grad_()
    for call, func in (
        (lambda: x.shape, T.shape.__get__),
        (lambda: x.device, T.device.__get__),
        (lambda: x.dim(), T.dim),
        (lambda: len(x), T.__len__),
        (lambda: x.size(0), T.size),
        (lambda: x.float(), T.float),
        (lambda: x.split(1), T.split),
        (lambda: x.tolist(), T.tolist),
        (lambda: x.allclose(x), T.allclose),
        (lambda: x.register_hook(print).remove(), T.register_hook),
        (lambda: setattr(x, "grad", None), T.grad.__set__),
        (lambda: x.sum().backward(), T.backward),
        (lambda: x.grad, T.grad.__get__),
    ):
        Sees.seen.clear()
        call()
        assert Sees.seen and Sees.seen[-1] == func, func
    assert type(x.grad) is torch.Tensor and type(x.data) is Sees and type(x.mT if x.ndim > 1 else x.float()) is Sees
    assert x.shape == (1, 2) and isinstance(x.shape, torch.Size) and x.tolist() == [[1, 2]]
    plain = torch.ones(2)
    Sees.seen.clear()
    assert plain.shape == (2,) and plain.dim() == 1 and bool(plain.sum() == 2) and not Sees.seen
    with pytest.raises(AttributeError):
        plain.shape = (1, 2)


def test_a_mode_sees_them_too():
    class Names(overrides.TorchFunctionMode):
        def __init__(self):
            self.names = []

        def __torch_function__(self, func, types, args=(), kwargs=None):
            self.names.append(func.__name__)
            return func(*args, **(kwargs or {}))

    x = torch.ones(2, 2)
    with Names() as mode:
        x.dim()
        x.cpu()
        x.unique()
        if x.any():
            x.new_tensor([1.0])
    assert mode.names == ["dim", "cpu", "unique", "any", "__bool__", "new_tensor"]
    x.dim()
    assert len(mode.names) == 6
