"""torchdiffeq: a spiral by fixed and adaptive steps, gradients directly and by the adjoint, an event."""

import torch
from report import report, summary
from torchdiffeq import odeint, odeint_adjoint, odeint_event

torch.manual_seed(0)
A = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])
y0 = torch.tensor([[2.0, 0.0]])
t = torch.linspace(0.0, 5.0, 20)
paths = {
    m: odeint(lambda t, y: y**3 @ A, y0, t, method=m)[-1]
    for m in ("dopri5", "rk4", "euler", "midpoint", "bosh3", "dopri8")
}


class Field(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))

    def forward(self, t, y):
        return self.net(y)


field = Field()
grads = []
for solve in (odeint, odeint_adjoint):
    field.zero_grad()
    solve(field, y0, t, rtol=1e-6, atol=1e-8).square().mean().backward()
    grads.append(summary(p.grad for p in field.parameters()))
when, _ = odeint_event(
    lambda t, y: torch.stack([y[1], torch.tensor(-9.8)]),
    torch.tensor([10.0, 0.0]),
    torch.tensor(0.0),
    event_fn=lambda t, y: y[0],
)
report(**paths, direct=grads[0], adjoint=grads[1], event=when)
