"""torchsde: paths of a stochastic equation and their gradients; geomloss: distances of point clouds."""

import torch
import torchsde
from geomloss import SamplesLoss
from report import report, summary


class Equation(torch.nn.Module):
    noise_type, sde_type = "diagonal", "ito"

    def __init__(self):
        super().__init__()
        self.mu, self.sigma = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)

    def f(self, t, y):
        return self.mu(y)

    def g(self, t, y):
        return torch.sigmoid(self.sigma(y))


torch.manual_seed(0)
equation, y0, t = Equation(), torch.full((4, 3), 0.1), torch.linspace(0, 1, 5)
paths, grads = {}, []
for method in ("euler", "milstein", "srk"):
    noise = torchsde.BrownianInterval(0.0, 1.0, size=(4, 3), entropy=7, levy_area_approximation="space-time")
    equation.zero_grad()
    y = torchsde.sdeint(equation, y0, t, method=method, dt=0.05, bm=noise)
    y.square().mean().backward()
    paths[method] = y[-1].detach()
    grads += summary(p.grad for p in equation.parameters())
a, b = torch.rand(30, 2, requires_grad=True), torch.rand(40, 2)
found = {}
for kind in ("sinkhorn", "gaussian", "energy", "laplacian"):
    a.grad = None
    value = SamplesLoss(kind, p=2, blur=0.05, backend="tensorized")(a, b)
    value.backward()
    found[kind] = [value.item(), a.grad.abs().sum().item()]
report(**paths, grads=grads, **found)
