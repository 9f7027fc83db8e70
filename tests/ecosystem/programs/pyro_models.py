"""pyro: variational inference of a regression with an automatic guide, a mixture with enumeration, Hamiltonian Monte Carlo."""

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import MCMC, NUTS, SVI, Predictive, Trace_ELBO, TraceEnum_ELBO, config_enumerate
from pyro.infer.autoguide import AutoDelta, AutoNormal
from report import report

pyro.set_rng_seed(0)
x = torch.linspace(-1, 1, 30)
y = 2 * x + 0.5 + 0.1 * torch.randn(30)


def line(x, y=None):
    slope = pyro.sample("slope", dist.Normal(0.0, 5.0))
    bias = pyro.sample("bias", dist.Normal(0.0, 5.0))
    scale = pyro.sample("scale", dist.LogNormal(-1.0, 1.0))
    with pyro.plate("data", len(x)):
        return pyro.sample("y", dist.Normal(slope * x + bias, scale), obs=y)


guide = AutoNormal(line)
svi = SVI(line, guide, pyro.optim.Adam({"lr": 0.05}), Trace_ELBO())
losses = [svi.step(x, y) for _ in range(40)]
medians = {k: v.item() for k, v in guide.median(x, y).items()}
drawn = Predictive(line, guide=guide, num_samples=5)(x)["y"].mean(0)

pyro.clear_param_store()
pyro.set_rng_seed(1)
points = torch.cat([torch.randn(20) - 3, torch.randn(20) + 3])


@config_enumerate
def mixture(points):
    weights = pyro.sample("weights", dist.Dirichlet(torch.ones(2)))
    with pyro.plate("parts", 2):
        centres = pyro.sample("centres", dist.Normal(0.0, 10.0))
    with pyro.plate("points", len(points)):
        part = pyro.sample("part", dist.Categorical(weights))
        pyro.sample("obs", dist.Normal(centres[part], 1.0), obs=points)


which = AutoDelta(pyro.poutine.block(mixture, expose=["weights", "centres"]))
svi = SVI(mixture, which, pyro.optim.Adam({"lr": 0.1}), TraceEnum_ELBO(max_plate_nesting=1))
enumerated = [svi.step(points) for _ in range(20)]

pyro.clear_param_store()
pyro.set_rng_seed(2)
chain = MCMC(NUTS(line, jit_compile=False), num_samples=20, warmup_steps=20, disable_progbar=True)
chain.run(x, y)
samples = {k: float(v.mean()) for k, v in chain.get_samples().items()}
report(
    losses=losses[:10], medians=list(medians.values()), drawn=drawn, enumerated=enumerated, nuts=list(samples.values())
)
