"""gpytorch: exact and variational Gaussian process regression; the mean, the variance and the parameters found."""

import math
import warnings

import gpytorch
import torch
from report import report

warnings.simplefilter("ignore")
torch.manual_seed(0)
x = torch.linspace(0, 1, 40)
y = torch.sin(x * 2 * math.pi) + 0.1 * torch.randn(40)


class Exact(gpytorch.models.ExactGP):
    def __init__(self, x, y, likelihood):
        super().__init__(x, y, likelihood)
        self.mean = gpytorch.means.ConstantMean()
        self.cov = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean(x), self.cov(x))


likelihood = gpytorch.likelihoods.GaussianLikelihood()
model = Exact(x, y, likelihood)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
mll = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
losses = []
for _ in range(20):
    optimizer.zero_grad()
    loss = -mll(model(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
model.eval()
likelihood.eval()
with torch.no_grad(), gpytorch.settings.fast_pred_var():
    found = likelihood(model(torch.linspace(0, 1, 7)))


class Variational(gpytorch.models.ApproximateGP):
    def __init__(self, points):
        distribution = gpytorch.variational.CholeskyVariationalDistribution(points.size(0))
        super().__init__(gpytorch.variational.VariationalStrategy(self, points, distribution))
        self.mean = gpytorch.means.ConstantMean()
        self.cov = gpytorch.kernels.ScaleKernel(gpytorch.kernels.MaternKernel(nu=1.5))

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean(x), self.cov(x))


torch.manual_seed(1)
svgp, noise = Variational(x[::4].clone()[:, None]), gpytorch.likelihoods.GaussianLikelihood()
elbo = gpytorch.mlls.VariationalELBO(noise, svgp, num_data=40)
optimizer = torch.optim.Adam([*svgp.parameters(), *noise.parameters()], lr=0.05)
bounds = []
for _ in range(15):
    optimizer.zero_grad()
    loss = -elbo(svgp(x[:, None]), y)
    loss.backward()
    optimizer.step()
    bounds.append(loss.item())
report(
    losses=losses,
    mean=found.mean,
    variance=found.variance,
    lengthscale=model.cov.base_kernel.lengthscale,
    noise=likelihood.noise,
    bounds=bounds,
)
