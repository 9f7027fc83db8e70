"""torch.distributions: densities against quadrature, moments, divergences, samples of a seed, gradients of samples,
transforms and what is refused. Figures marked so are from scipy 1.17 or PyTorch 2.13."""

import math
import pickle

import numpy as np
import pytest
import rtorch as torch
import rtorch.distributions as D
from rtorch.distributions import constraints

F64 = torch.float64


def t(*values):
    return torch.tensor(values, dtype=F64)


def one(x):
    return torch.tensor(x, dtype=F64)


# each with a range that holds all but 1e-9 of it
CONTINUOUS = {
    "Beta": (lambda: D.Beta(one(2.5), one(1.5)), 0, 1),
    "Cauchy": (lambda: D.Cauchy(one(0.5), one(2.0)), None, None),
    "Chi2": (lambda: D.Chi2(one(5.0)), 0, 80),
    "ContinuousBernoulli": (lambda: D.ContinuousBernoulli(one(0.3)), 0, 1),
    "ContinuousBernoulli near half": (lambda: D.ContinuousBernoulli(one(0.5003)), 0, 1),
    "Exponential": (lambda: D.Exponential(one(1.7)), 0, 15),
    "Gamma": (lambda: D.Gamma(one(3.2), one(1.3)), 0, 35),
    "GeneralizedPareto": (lambda: D.GeneralizedPareto(one(1.0), one(2.0), one(-0.4)), 1, 6),
    "Gumbel": (lambda: D.Gumbel(one(0.4), one(1.6)), -6, 40),
    "HalfNormal": (lambda: D.HalfNormal(one(1.6)), 0, 12),
    "Kumaraswamy": (lambda: D.Kumaraswamy(one(2.5), one(1.5)), 0, 1),
    "Laplace": (lambda: D.Laplace(one(0.4), one(0.8)), -20, 20),
    "LogNormal": (lambda: D.LogNormal(one(0.2), one(0.4)), 0, 20),
    "Normal": (lambda: D.Normal(one(0.4), one(0.8)), -8, 8),
    "StudentT": (lambda: D.StudentT(one(9.0), one(0.4), one(0.8)), -60, 60),
    "Uniform": (lambda: D.Uniform(one(-1.5), one(2.0)), -1.5, 2.0),
    "VonMises": (lambda: D.VonMises(one(0.3), one(2.5)), -math.pi, math.pi),
    "Weibull": (lambda: D.Weibull(one(1.4), one(2.2)), 0, 8),
}
DISCRETE = {
    "Bernoulli": lambda: D.Bernoulli(one(0.3)),
    "Binomial": lambda: D.Binomial(12, one(0.3)),
    "Categorical": lambda: D.Categorical(t(0.2, 0.5, 0.3)),
    "Geometric": lambda: D.Geometric(one(0.4)),
    "NegativeBinomial": lambda: D.NegativeBinomial(one(4.0), one(0.3)),
    "Poisson": lambda: D.Poisson(one(3.5)),
}


def grid(low, high, n=20001):
    """Midpoints of equal intervals, and their length."""
    x = low + (torch.arange(n, dtype=F64) + 0.5) * ((high - low) / n)
    return x, (high - low) / n


def has(f):
    try:
        return f()
    except NotImplementedError:
        return None


@pytest.mark.parametrize("name", [n for n in CONTINUOUS if n != "Cauchy"])
def test_density_moments_entropy_and_distribution_function_agree(name):
    make, low, high = CONTINUOUS[name]
    d = make()
    x, step = grid(low, high)
    log = d.log_prob(x)
    p = log.exp() * step
    assert p.sum().item() == pytest.approx(1, abs=2e-5)
    if name != "VonMises":  # its mean is a direction, its variance circular
        mean, variance = has(lambda: d.mean), has(lambda: d.variance)
        got = (p * x).sum()
        assert mean.item() == pytest.approx(got.item(), rel=2e-4, abs=1e-6)
        assert variance.item() == pytest.approx((p * (x - got) ** 2).sum().item(), rel=1e-3)
        assert d.stddev.item() == pytest.approx(math.sqrt(variance.item()))
    entropy = has(d.entropy)
    if entropy is not None:
        assert entropy.item() == pytest.approx(-(p * log.clamp(min=-700)).sum().item(), abs=2e-4)
    mode = has(lambda: d.mode)
    if mode is not None and name != "Uniform":
        assert d.log_prob(mode.clamp(low + 1e-9, high - 1e-9)).item() >= log.max().item() - 1e-6
    inner = x[200:-200:900]
    cdf = has(lambda: d.cdf(inner))
    edges = has(lambda: d.cdf(inner + step / 2))
    if cdf is not None:
        np.testing.assert_allclose(edges.numpy(), p.cumsum(0)[200:-200:900].numpy(), atol=2e-4)
        back = has(lambda: d.icdf(cdf))
        if back is not None:
            keep = (cdf > 1e-6) & (cdf < 1 - 1e-6)
            np.testing.assert_allclose(back[keep].numpy(), inner[keep].numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", DISCRETE)
def test_probabilities_sum_to_one(name):
    d = DISCRETE[name]()
    x = d.enumerate_support() if d.has_enumerate_support else torch.arange(400, dtype=F64)
    p = d.log_prob(x).exp()
    assert p.sum().item() == pytest.approx(1)
    if name == "Categorical":
        assert d.entropy().item() == pytest.approx(1.0296530140645737) and d.mode.item() == 1
        return
    mean = (p * x).sum()
    assert d.mean.item() == pytest.approx(mean.item())
    assert d.variance.item() == pytest.approx((p * (x - mean) ** 2).sum().item())
    assert d.log_prob(d.mode).item() == pytest.approx(p.max().log().item())
    entropy = has(d.entropy)
    if entropy is not None:
        assert entropy.item() == pytest.approx(-(p * d.log_prob(x)).nan_to_num().sum().item())


def test_densities_of_vectors():
    # scipy.stats.dirichlet, multinomial, nbinom
    assert D.Dirichlet(t(0.5, 2.0, 3.5)).log_prob(t(0.2, 0.3, 0.5)).item() == pytest.approx(0.8820313980015224)
    assert D.Multinomial(6, t(0.2, 0.3, 0.5)).log_prob(t(1.0, 2.0, 3.0)).item() == pytest.approx(-2.0024805005437063)
    mixture = D.MixtureSameFamily(D.Categorical(t(0.2, 0.3, 0.5)), D.Normal(t(-1.0, 0.0, 4.0), t(1.0, 0.5, 2.0)))
    x, step = grid(-12, 20)
    p = mixture.log_prob(x).exp() * step
    assert p.sum().item() == pytest.approx(1)
    assert mixture.mean.item() == pytest.approx((p * x).sum().item())
    assert mixture.variance.item() == pytest.approx((p * (x - mixture.mean) ** 2).sum().item(), rel=1e-6)
    assert mixture.cdf(one(1.5)).item() == pytest.approx(p[x < 1.5].sum().item(), abs=1e-4)
    # the volume of LKJ's support: the density integrates to 1 over the one free number
    r, step = grid(-1, 1)
    lkj = D.LKJCholesky(2, one(1.7))
    L = torch.zeros(len(r), 2, 2, dtype=F64)
    L[:, 0, 0], L[:, 1, 0], L[:, 1, 1] = 1, r, (1 - r**2).sqrt()
    assert ((lkj.log_prob(L).exp() * step) / (1 - r**2).sqrt() * (1 - r**2).sqrt()).sum().item() == pytest.approx(
        1, abs=1e-3
    )


PAIRS = ["Beta", "ContinuousBernoulli", "Exponential", "Gamma", "Gumbel", "HalfNormal", "Laplace", "Normal", "Uniform"]


def test_divergences_are_their_integrals():
    tried = 0
    for a in PAIRS:
        for b in PAIRS:
            make, low, high = CONTINUOUS[a]
            p, q = make(), CONTINUOUS[b][0]()
            p._validate_args = q._validate_args = False
            try:
                kl = D.kl_divergence(p, q).item()
            except NotImplementedError:
                continue
            tried += 1
            _, qlow, qhigh = CONTINUOUS[b]
            bounded = {"Beta", "ContinuousBernoulli", "Uniform"}
            inside = (b not in {*bounded, "Exponential", "Gamma", "HalfNormal"}) or (low >= 0 and b not in bounded)
            inside = inside or (b in bounded and low >= qlow and high <= qhigh)
            if not inside:
                assert kl == math.inf, (a, b, kl)
                continue
            x, step = grid(low, high)
            log = p.log_prob(x)
            want = (log.exp() * (log - q.log_prob(x)))[log > -600].sum().item() * step
            assert kl == pytest.approx(want, rel=2e-3, abs=1e-4), (a, b)
    assert tried > 50
    for name in ("Bernoulli", "Binomial", "Categorical", "Geometric", "Poisson"):
        p = DISCRETE[name]()
        q = type(p)(
            **({"total_count": 12} if name == "Binomial" else {}),
            **(
                {"rate": one(2.0)}
                if name == "Poisson"
                else {"probs": t(0.3, 0.3, 0.4) if name == "Categorical" else one(0.6)}
            ),
        )
        x = p.enumerate_support() if p.has_enumerate_support else torch.arange(120, dtype=F64)
        log = p.log_prob(x)
        assert D.kl_divergence(p, q).item() == pytest.approx((log.exp() * (log - q.log_prob(x))).sum().item(), rel=1e-6)
    a, b = D.Dirichlet(t(0.7, 2.0, 3.0)), D.Dirichlet(t(1.5, 1.0, 2.0))
    assert D.kl_divergence(a, b).item() == pytest.approx(1.0967942121232543, rel=1e-6)  # PyTorch
    inner = D.kl_divergence(D.Normal(torch.zeros(2, 3), 1.0), D.Normal(torch.ones(2, 3), 1.0))
    whole = D.kl_divergence(
        D.Independent(D.Normal(torch.zeros(2, 3), 1.0), 1), D.Independent(D.Normal(torch.ones(2, 3), 1.0), 1)
    )
    assert torch.equal(whole, inner.sum(-1))


def test_register_kl_takes_the_nearest_rule():
    class Mine(D.Normal):
        pass

    @D.register_kl(Mine, D.Normal)
    def rule(p, q):
        return "mine"

    assert D.kl_divergence(Mine(0.0, 1.0), D.Normal(0.0, 1.0)) == "mine"
    assert D.kl_divergence(D.Normal(0.0, 1.0), Mine(0.0, 1.0)).item() == 0
    with pytest.raises(TypeError, match="Expected type_p to be a Distribution subclass but got"):
        D.register_kl(3, D.Normal)
    with pytest.raises(NotImplementedError, match="No KL.p .. q. is implemented for p type Normal and q type StudentT"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.StudentT(3.0))


def test_samples_of_a_seed():
    # PyTorch 2.13
    for d, want in [
        (D.Normal(torch.zeros(3), 2.0), [-0.29359, 1.57228, 1.89364]),
        (D.Uniform(torch.zeros(2), 3.0), [1.60477, 0.59641]),
        (D.Bernoulli(torch.full((6,), 0.4)), [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]),
        (D.Categorical(torch.tensor([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]])), [1.0, 0.0]),
        (D.Gamma(torch.tensor([0.3, 2.0]), 1.5), [0.157564, 3.81242]),
        (D.Beta(torch.tensor([0.3, 2.0]), 1.5), [0.0465012, 0.805604]),
        (D.Dirichlet(torch.tensor([0.5, 2.0, 3.0])), [0.0472037, 0.593447, 0.35935]),
        (D.Poisson(torch.tensor([0.5, 20.0])), [0.0, 17.0]),
        (D.Binomial(30, torch.tensor([0.1, 0.6])), [3.0, 20.0]),
        (D.StudentT(torch.tensor([3.0, 5.0])), [-0.113316, 1.30625]),
        (D.Exponential(torch.tensor([0.5, 2.0])), [0.655288, 0.159892]),
        (D.Laplace(torch.zeros(2), 1.0), [0.0724042, -0.922292]),
        (D.Gumbel(torch.zeros(2), 1.0), [0.468991, -0.479607]),
        (D.VonMises(torch.zeros(2), torch.tensor([0.5, 4.0])), [0.586742, 0.227825]),
        (D.Multinomial(9, torch.tensor([0.2, 0.3, 0.5])), [0.0, 3.0, 6.0]),
        (D.RelaxedBernoulli(torch.tensor(0.5), torch.tensor([0.3, 0.6])), [0.195484, 0.121676]),
        (D.RelaxedOneHotCategorical(torch.tensor(0.5), torch.tensor([0.3, 0.3, 0.4])), [0.193902, 0.029083, 0.777015]),
        (D.LKJCholesky(2, 1.5), [1.0, 0.0, 0.0828239, 0.996564]),
        (D.FisherSnedecor(torch.tensor([3.0]), 5.0), [0.47768]),
        (D.Weibull(torch.tensor([2.0]), 1.5), [0.950528]),
    ]:
        torch.manual_seed(7)
        np.testing.assert_allclose(d.sample().flatten().numpy(), want, rtol=2e-5, err_msg=repr(d))


def test_samples_have_their_moments():
    torch.manual_seed(0)
    for d in [D.Gamma(t(0.3, 2.0, 30.0), one(2.0)), D.Beta(t(0.5, 3.0), t(2.0, 0.7)), D.StudentT(t(8.0)), D.Poisson(t(0.5, 40.0)),
              D.Binomial(20, t(0.1, 0.7)), D.NegativeBinomial(t(3.0), t(0.4)), D.Laplace(t(1.0), t(2.0)), D.Geometric(t(0.3)),
              D.Dirichlet(t(0.5, 2.0, 4.0)), D.VonMises(t(0.4), t(4.0))]:  # fmt: skip
        x = d.sample((20000,))
        mean = x.mean(0)
        assert ((mean - d.mean).abs() < 5 * (x.std(0) / 140)).all(), d
        if not isinstance(d, D.VonMises):
            assert ((x.var(0) / d.variance - 1).abs() < 0.15).all(), d
    x = D.LKJCholesky(3, one(2.0)).sample((2000,))
    assert constraints.corr_cholesky.check(x).all()


def test_implicit_gradients_are_those_of_quantiles():
    """At a fixed quantile u = F(x, a), dx / da = -(dF / da) / f."""
    torch.manual_seed(1)
    x0 = D.Gamma(one(2.3), one(1.0)).sample()
    a = one(2.3).requires_grad_()
    torch.manual_seed(1)
    x = D.Gamma(a, one(1.0)).rsample()
    x.backward()
    assert x.item() == x0.item()

    def below(alpha):
        s, step = grid(0, x0.item(), 200001)
        return (D.Gamma(one(alpha), one(1.0)).log_prob(s).exp().sum() * step).item()

    slope = (below(2.3 + 1e-4) - below(2.3 - 1e-4)) / 2e-4
    want = -slope / D.Gamma(one(2.3), one(1.0)).log_prob(x0).exp().item()
    assert a.grad.item() == pytest.approx(want, rel=1e-3)
    # Beta: both concentrations, against differences of the distribution function
    for pair in [(2.0, 3.0), (0.6, 0.8), (40.0, 20.0)]:
        ab = t(*pair).requires_grad_()
        torch.manual_seed(3)
        x = D.Beta(ab[0], ab[1]).rsample()
        x.backward()
        s, step = grid(0, x.item(), 400001)

        def f(i, h, pair=pair, s=s):
            p = [v + h * (i == k) for k, v in enumerate(pair)]
            return D.Beta(one(p[0]), one(p[1])).log_prob(s).exp().sum().item() * step

        for i in range(2):
            h = 1e-4
            want = (
                -(f(i, h) - f(i, -h)) / (2 * h) / D.Beta(one(pair[0]), one(pair[1])).log_prob(x.detach()).exp().item()
            )
            assert ab.grad[i].item() == pytest.approx(want, rel=5e-3)
    # on average: d E[x] / d concentration of a Dirichlet
    c = t(0.7, 2.0, 5.0).requires_grad_()
    torch.manual_seed(0)
    D.Dirichlet(c).rsample((40000,))[:, 0].mean().backward()
    total = 7.7
    np.testing.assert_allclose(c.grad.numpy(), [(total - 0.7) / total**2, -0.7 / total**2, -0.7 / total**2], rtol=0.05)


@pytest.mark.parametrize("name", [n for n in CONTINUOUS if n not in ("Beta", "Chi2", "Gamma", "StudentT", "VonMises")])
def test_samples_depend_on_their_parameters(name):
    """Moving a parameter moves the sample by its gradient."""
    make = CONTINUOUS[name][0]
    d = make()
    names = [k for k in d.arg_constraints if isinstance(getattr(d, k, None), torch.Tensor) and k != "logits"]

    def draw(shifted=None, h=0.0, leaf=False):
        args = {k: getattr(d, k).detach().clone() for k in names}
        if shifted:
            args[shifted] = args[shifted] + h
        if leaf:
            for v in args.values():
                v.requires_grad_()
        torch.manual_seed(11)
        return type(d)(**args).rsample((3,)), args

    x, args = draw(leaf=True)
    x.sum().backward()
    for k in names:
        want = (draw(k, 1e-6)[0].sum() - draw(k, -1e-6)[0].sum()).item() / 2e-6
        assert args[k].grad.item() == pytest.approx(want, rel=1e-4, abs=1e-6), k


def test_expand_keeps_the_family_and_its_values():
    for make in [*(v[0] for v in CONTINUOUS.values()), *DISCRETE.values()]:
        d = make()
        wide = d.expand((3, 2))
        assert type(wide) is type(d) and wide.batch_shape == (3, 2) and wide.event_shape == d.event_shape
        torch.manual_seed(0)
        x = d.sample()
        assert torch.allclose(wide.log_prob(x), d.log_prob(x).expand(3, 2))
        assert wide.sample((4,)).shape == (4, 3, 2)
        assert torch.allclose(pickle.loads(pickle.dumps(d)).log_prob(x), d.log_prob(x))


TRANSFORMS = [
    (D.ExpTransform(), t(0.3, -1.2)),
    (D.PowerTransform(one(2.5)), t(0.3, 1.2)),
    (D.SigmoidTransform(), t(0.3, -1.2)),
    (D.SoftplusTransform(), t(0.3, -1.2)),
    (D.TanhTransform(), t(0.3, -1.2)),
    (D.AffineTransform(one(1.0), t(2.0, -3.0)), t(0.3, -1.2)),
    (D.ComposeTransform([D.ExpTransform(), D.AffineTransform(0.5, 2.0)]), t(0.3, -1.2)),
    (D.StickBreakingTransform(), t(0.3, -1.2, 0.5)),
    (D.CorrCholeskyTransform(), t(0.3, -1.2, 0.5)),
    (D.IndependentTransform(D.ExpTransform(), 1), t(0.3, -1.2)),
    (D.StackTransform([D.ExpTransform(), D.TanhTransform()]), t(0.3, -1.2)),
    (D.CatTransform([D.ExpTransform(), D.identity_transform], 0, [1, 2]), t(0.3, -1.2, 0.4)),
    (D.ReshapeTransform((4,), (2, 2)), t(0.3, -1.2, 0.4, 2.0)),
    (D.CumulativeDistributionTransform(D.Normal(one(0.0), one(1.0))), t(0.3, -1.2)),
    (D.LowerCholeskyTransform(), torch.arange(9, dtype=F64).reshape(3, 3) / 5),
]


@pytest.mark.parametrize("case", range(len(TRANSFORMS)))
def test_transforms_invert_and_stretch(case):
    f, x = TRANSFORMS[case]
    y = f(x)
    np.testing.assert_allclose(f.inv(y).numpy(), (x.tril() if case == 14 else x).numpy(), rtol=1e-9, atol=1e-12)
    assert f.inv.inv is f and f.codomain.check(y).all() and f.forward_shape(x.shape) == y.shape
    if case == 14:
        return
    jacobian = torch.autograd.functional.jacobian(lambda v: free(f, f(v)), x)
    _, want = np.linalg.slogdet(jacobian.reshape(x.numel(), x.numel()).numpy())
    got = f.log_abs_det_jacobian(x, y).sum().item()
    assert got == pytest.approx(want, abs=1e-9)
    assert f.inv.log_abs_det_jacobian(y, x).sum().item() == pytest.approx(-want, abs=1e-9)


def free(f, y):
    """As many coordinates of the result as the argument has."""
    if isinstance(f, D.StickBreakingTransform):
        return y[..., :-1]
    if isinstance(f, D.CorrCholeskyTransform):
        return D.utils.tril_matrix_to_vec(y, -1)
    return y.flatten()


def test_registries_lead_into_the_constraint():
    for c in (constraints.real, constraints.positive, constraints.nonnegative, constraints.unit_interval, constraints.simplex,
              constraints.greater_than(2.0), constraints.less_than(-1.0), constraints.interval(-1.0, 3.0), constraints.real_vector,
              constraints.corr_cholesky, constraints.independent(constraints.positive, 1)):  # fmt: skip
        for registry in (D.biject_to, D.transform_to):
            f = registry(c)
            x = torch.randn(3, dtype=F64)
            assert c.check(f(x)).all(), (c, registry)
    with pytest.raises(NotImplementedError, match="Cannot transform _Boolean constraints"):
        D.biject_to(constraints.boolean)


def test_what_is_refused():
    with pytest.raises(ValueError, match="Either `probs` or `logits` must be specified, but not both."):
        D.Bernoulli(0.5, 0.5)
    with pytest.raises(ValueError) as e:
        D.Normal(torch.zeros(2), torch.tensor([1.0, -1.0]))
    assert str(e.value) == (
        "Expected parameter scale (Tensor of shape (2,)) of distribution Normal(loc: torch.Size([2]), scale: torch.Size([2])) "
        "to satisfy the constraint GreaterThan(lower_bound=0.0), but found invalid values:\ntensor([ 1., -1.])"
    )
    with pytest.raises(ValueError) as e:
        D.Bernoulli(torch.tensor(0.5)).log_prob(torch.tensor(0.3))
    assert str(e.value) == (
        "Expected value argument (Tensor of shape ()) to be within the support (Boolean()) of the distribution "
        "Bernoulli(probs: 0.5), but found invalid values:\n0.30000001192092896"
    )
    with pytest.raises(
        ValueError, match="Value is not broadcastable with batch_shape.event_shape: torch.Size..3.. vs torch.Size..2..."
    ):
        D.Normal(torch.zeros(2), 1.0).log_prob(torch.zeros(3))
    with pytest.raises(ValueError, match="The value argument to log_prob must be a Tensor"):
        D.Normal(0.0, 1.0).log_prob(1.0)
    assert math.isnan(D.Normal(0.0, -1.0, validate_args=False).log_prob(torch.tensor(0.0)).item())
    with pytest.raises(NotImplementedError, match="must also define a custom .expand"):

        class Mine(D.Normal):
            def __init__(self):
                super().__init__(0.0, 1.0)

        Mine().expand((2,))
    D.Distribution.set_default_validate_args(False)
    try:
        D.Normal(0.0, -1.0)
    finally:
        D.Distribution.set_default_validate_args(True)


def test_multivariate_normal_by_each_of_its_matrices():
    m, S = t(1.0, 2.0), torch.tensor([[2.0, 0.3], [0.3, 1.0]], dtype=F64)
    x = torch.tensor([[1.0, 0.0], [0.5, -1.0]], dtype=F64)
    S_, d = S.numpy(), (x - m).numpy()
    want = -0.5 * (np.einsum("bi,ij,bj->b", d, np.linalg.inv(S_), d) + np.log(np.linalg.det(2 * np.pi * S_)))
    W, D_ = torch.tensor([[1.0], [0.3]], dtype=F64), t(1.0, 0.91)
    full = D.MultivariateNormal(m, S)
    for p in (
        full,
        D.MultivariateNormal(m, precision_matrix=torch.linalg.inv(S)),
        D.MultivariateNormal(m, scale_tril=torch.linalg.cholesky(S)),
        D.LowRankMultivariateNormal(m, W, D_),
    ):
        np.testing.assert_allclose(p.log_prob(x), want, rtol=1e-10)
        np.testing.assert_allclose(p.covariance_matrix, S_, rtol=1e-10)
        np.testing.assert_allclose(p.precision_matrix, np.linalg.inv(S_), rtol=1e-10)
        np.testing.assert_allclose(p.variance, S_.diagonal(), rtol=1e-10)
        assert p.entropy().item() == pytest.approx(0.5 * np.log(np.linalg.det(2 * np.pi * np.e * S_)))
        assert D.kl_divergence(p, full).item() == pytest.approx(0, abs=1e-12)
        q = D.MultivariateNormal(t(0.0, 0.0), torch.eye(2, dtype=F64))
        mu = m.numpy()
        kl = 0.5 * (np.trace(S_) + mu @ mu - 2 - np.log(np.linalg.det(S_)))
        assert D.kl_divergence(p, q).item() == pytest.approx(kl)
        assert p.expand((3,)).sample((2,)).shape == (2, 3, 2)
        torch.manual_seed(0)
        np.testing.assert_allclose(np.cov(p.sample((20000,)).numpy().T), S_, atol=0.06)
    with pytest.raises(ValueError, match="to satisfy the constraint PositiveDefinite"):
        D.MultivariateNormal(m, -S)


def test_wishart():
    V = torch.tensor([[2.0, 0.3], [0.3, 1.0]], dtype=F64)
    w = D.Wishart(one(5.0), V)
    # scipy.stats.wishart(5, V).logpdf(V), entropy()
    assert w.log_prob(V).item() == pytest.approx(-6.2934385793, abs=1e-6)
    assert w.entropy().item() == pytest.approx(7.7812032424, abs=1e-6)
    torch.manual_seed(0)
    x = w.sample((5000,))
    np.testing.assert_allclose(x.mean(0), 5 * V, rtol=0.1, atol=0.1)
    np.testing.assert_allclose(x.var(0), w.variance, rtol=0.15)
