"""Losses and softmax against NumPy and finite differences."""

import warnings

import numpy as np
import pytest
import rtorch as torch
import rtorch.nn.functional as F
from rtorch import nn

rng = np.random.default_rng(0)
X = rng.standard_normal((6, 5))
T = rng.standard_normal((6, 5))
P = 1 / (1 + np.exp(-X))
Y = np.array([0, 4, 2, 2, 1, 3])
SIGN = np.where(rng.random((6, 5)) < 0.5, -1.0, 1.0)


def log_softmax(x, axis=1):
    x = x - x.max(axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


def huber(d):
    return np.where(np.abs(d) < 1, d * d / 2, np.abs(d) - 0.5)


POINTWISE = [
    (F.mse_loss, X, T, (X - T) ** 2),
    (F.l1_loss, X, T, np.abs(X - T)),
    (F.smooth_l1_loss, X, T, huber(X - T)),
    (F.huber_loss, X, T, huber(X - T)),
    (F.binary_cross_entropy, P, (SIGN > 0) * 1.0, np.log(1 + np.exp(-X * SIGN))),
    (F.binary_cross_entropy_with_logits, X, (SIGN > 0) * 1.0, np.log(1 + np.exp(-X * SIGN))),
    (F.soft_margin_loss, X, SIGN, np.log(1 + np.exp(-X * SIGN))),
    (F.kl_div, X, P, P * (np.log(P) - X)),
    (F.poisson_nll_loss, X, P, np.exp(X) - P * X),
    (F.hinge_embedding_loss, X, SIGN, np.where(SIGN > 0, X, np.maximum(1 - X, 0))),
]


def slope(f, x, h=1e-6):
    """The gradient of a number in an array, by central differences."""
    g = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        g[i] = (f(up) - f(down)) / (2 * h)
    return g


def gradient(f, x):
    t = torch.tensor(x, requires_grad=True)
    return torch.autograd.grad(f(t), t)[0].numpy()


@pytest.mark.filterwarnings("ignore:reduction. 'mean'")
@pytest.mark.parametrize("loss, x, t, want", POINTWISE, ids=lambda v: getattr(v, "__name__", ""))
def test_pointwise(loss, x, t, want):
    target = torch.tensor(t)
    np.testing.assert_allclose(loss(torch.tensor(x), target, reduction="none").numpy(), want, rtol=1e-9, atol=1e-12)
    for reduction, f in (("mean", np.mean), ("sum", np.sum)):
        got = loss(torch.tensor(x), target, reduction=reduction)
        assert got.shape == ()
        np.testing.assert_allclose(got.item(), f(want), rtol=1e-9)
        numeric = slope(lambda a, r=reduction: loss(torch.tensor(a), target, reduction=r).item(), x)
        np.testing.assert_allclose(gradient(lambda a, r=reduction: loss(a, target, reduction=r), x), numeric, atol=1e-5)


def test_second_gradient_of_a_mean():
    x = torch.tensor(X, requires_grad=True)
    g = torch.autograd.grad(F.mse_loss(x, torch.tensor(T)), x, create_graph=True)[0]
    gg = torch.autograd.grad(g.sum(), x)[0]
    np.testing.assert_allclose(gg.numpy(), np.full(X.shape, 2 / X.size))


@pytest.mark.parametrize("dim", [0, 1])
def test_softmax(dim):
    x, want = torch.tensor(X), log_softmax(X, dim)
    np.testing.assert_allclose(F.log_softmax(x, dim).numpy(), want)
    np.testing.assert_allclose(torch.softmax(x, dim).numpy(), np.exp(want))
    np.testing.assert_allclose(F.softmin(-x, dim).numpy(), np.exp(want))
    for f in (torch.softmax, torch.log_softmax):
        numeric = slope(lambda a, f=f: float((f(torch.tensor(a), dim).numpy() * T).sum()), X)
        np.testing.assert_allclose(gradient(lambda a, f=f: (f(a, dim) * torch.tensor(T)).sum(), X), numeric, atol=1e-6)


def test_softmax_without_dim_warns():
    with pytest.warns(UserWarning, match="Implicit dimension"):
        assert F.softmax(torch.zeros(2, 4)).tolist() == [[0.25] * 4] * 2


def test_cross_entropy():
    x, y, w = torch.tensor(X), torch.tensor(Y), rng.random(5) + 0.5
    picked = -log_softmax(X)[np.arange(6), Y]
    np.testing.assert_allclose(F.cross_entropy(x, y).item(), picked.mean())
    np.testing.assert_allclose(F.cross_entropy(x, y, torch.tensor(w)).item(), (picked * w[Y]).sum() / w[Y].sum())
    ignored = F.cross_entropy(x, y, ignore_index=2, reduction="none").numpy()
    np.testing.assert_allclose(ignored, np.where(Y == 2, 0, picked))
    smooth = 0.9 * picked + 0.1 * -log_softmax(X).mean(1)
    np.testing.assert_allclose(F.cross_entropy(x, y, label_smoothing=0.1).item(), smooth.mean())
    soft = np.exp(log_softmax(T))
    want = -(soft * log_softmax(X)).sum(1)
    np.testing.assert_allclose(F.cross_entropy(x, torch.tensor(soft), reduction="none").numpy(), want)
    numeric = slope(lambda a: F.cross_entropy(torch.tensor(a), y, torch.tensor(w)).item(), X)
    np.testing.assert_allclose(gradient(lambda a: F.cross_entropy(a, y, torch.tensor(w)), X), numeric, atol=1e-7)


def test_cross_entropy_of_images():
    x, y = rng.standard_normal((2, 3, 4, 5)), rng.integers(0, 3, (2, 4, 5))
    want = -np.take_along_axis(log_softmax(x), y[:, None], 1)[:, 0]
    np.testing.assert_allclose(F.cross_entropy(torch.tensor(x), torch.tensor(y), reduction="none").numpy(), want)
    loss = F.cross_entropy(torch.tensor(x, requires_grad=True), torch.tensor(y))
    assert type(loss.grad_fn).__name__ == "NllLoss2DBackward0"


def test_errors():
    x, y = torch.zeros(2, 3), torch.tensor([0, 3])
    with pytest.raises(IndexError, match="Target 3 is out of bounds"):
        F.nll_loss(x, y)
    with pytest.raises(ValueError, match="to match target batch_size"):
        F.cross_entropy(x, torch.tensor([0, 1, 2]))
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        F.binary_cross_entropy(x + 2, x)
    with pytest.raises(ValueError, match="not a valid value for reduction"):
        F.mse_loss(x, x, reduction="average")
    with pytest.warns(UserWarning, match="Using a target size"):
        F.mse_loss(x, torch.zeros(3))


@pytest.mark.parametrize(
    "loss, end, said",
    [
        (nn.CrossEntropyLoss, nn.Softmax(1), "CrossEntropyLoss: its input (2, 3) is the result of softmax"),
        (nn.NLLLoss, nn.Softmax(1), "NLLLoss: its input (2, 3) is the result of softmax"),
        (nn.BCEWithLogitsLoss, nn.Sigmoid(), "BCEWithLogitsLoss: its input (2, 3) is the result of sigmoid"),
    ],
)
def test_a_loss_that_normalises_itself_tells_once_where_it_is_given_probabilities(loss, end, said):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(4, 3), end)
            self.losses = nn.ModuleList([loss()])

        def forward(self, x, y):
            return self.losses[0](self.body(x), y)

    y = torch.zeros(2, 3) if loss is nn.BCEWithLogitsLoss else torch.tensor([0, 2])
    net = Net()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(2):
            net(torch.ones(2, 4), y)
            loss()(net.body[0](torch.ones(2, 4)), y)  # raw scores: nothing to say
    (one,) = seen
    assert str(one.message).startswith(said) and str(one.message).endswith(f"In Net.losses.0: {loss.__name__}().")
    assert one.filename == __file__


@pytest.mark.parametrize("how", [{"batch_chunk_size": 3}, {"chunking_method": "aspect_ratio"}, {}])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_linear_cross_entropy_in_pieces(how, reduction):
    torch.manual_seed(0)
    x, y = torch.randn(8, 5, requires_grad=True), torch.tensor([0, 3, 1, 2, 3, 3, 0, 1])
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0])
    loss = nn.LinearCrossEntropyLoss(5, 4, bias=True, weight=weight, reduction=reduction, ignore_index=1)
    want = F.cross_entropy(loss.linear(x), y, weight=weight, reduction=reduction, ignore_index=1)
    grads = torch.autograd.grad(want.sum(), [x, *loss.parameters()])
    for options in (None, nn.LinearCrossEntropyOptions(**how)):
        loss.options = options
        got = loss(x, y)
        np.testing.assert_allclose(got.detach(), want.detach(), rtol=1e-5, atol=1e-6)
        for a, b in zip(torch.autograd.grad(got.sum(), [x, *loss.parameters()]), grads):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_linear_cross_entropy_of_several_scores():
    torch.manual_seed(0)
    x = torch.randn(2, 5)
    loss = nn.LinearCrossEntropyLoss(5, 4, out_features=(3,))
    assert loss.linear.weight.shape == (12, 5)
    want = F.cross_entropy(loss.linear(x).reshape(2, 4, 3), torch.tensor([[0, 1, 2], [3, 2, 1]]))
    assert torch.equal(loss(x, torch.tensor([[0, 1, 2], [3, 2, 1]])), want)
    with pytest.raises(RuntimeError, match="ignore_index cannot be specified"):
        F.linear_cross_entropy(x, loss.linear.weight, torch.rand(2, 12), ignore_index=1)
    with pytest.raises(ValueError, match="disagree"):
        nn.LinearCrossEntropyOptions(batch_chunk_size=3, chunking_method="aspect_ratio").rows(64, 5, 10)
