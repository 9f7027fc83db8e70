"""opacus: private training of a small network: gradients of each sample, clipping, the budget spent."""

import warnings

import torch
from opacus import PrivacyEngine
from opacus.grad_sample import GradSampleModule
from report import report, summary

warnings.simplefilter("ignore")
torch.manual_seed(0)
net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 4, 3), torch.nn.GroupNorm(2, 4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3)
)
x, y = torch.randn(24, 1, 8, 8), torch.randint(0, 3, (24,))
each = GradSampleModule(net)
torch.nn.functional.cross_entropy(each(x[:4]), y[:4]).backward()
samples = summary(p.grad_sample for p in net.parameters())
shapes = [list(p.grad_sample.shape) for p in net.parameters()]
net = each.to_standard_module()
net.zero_grad()
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=8)
engine = PrivacyEngine(accountant="rdp")
net, optimizer, loader = engine.make_private(
    module=net,
    optimizer=torch.optim.SGD(net.parameters(), lr=0.1),
    data_loader=loader,
    noise_multiplier=1.1,
    max_grad_norm=1.0,
)
losses = []
for xs, ys in loader:
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(net(xs), ys)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
report(samples=samples, shapes=shapes, losses=losses, weights=summary(net.parameters()), spent=engine.get_epsilon(1e-5))
