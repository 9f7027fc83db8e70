"""timm: resnet18, vit_tiny and convnext_atto with random weights: forward, backward, a step, a scheduler, an EMA."""

import timm
import torch
from report import report, summary
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from timm.utils import ModelEmaV3

found = {}
for name, options in (
    ("resnet18", {}),
    ("vit_tiny_patch16_224", {"img_size": 64}),
    ("convnext_atto", {}),
    ("efficientnet_b0", {}),
    ("mobilenetv3_small_050", {}),
):
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False, num_classes=10, **options)
    # Adam's first step is the gradient's sign: with batch statistics of a few values it would show their rounding only
    opt = "adamw" if name in ("vit_tiny_patch16_224", "convnext_atto") else "sgd"
    optimizer = create_optimizer_v2(model, opt=opt, lr=1e-3, weight_decay=0.05)
    ema = ModelEmaV3(model, decay=0.9)
    x, y = torch.randn(2, 3, 64, 64), torch.tensor([1, 7])
    first = torch.nn.functional.cross_entropy(model(x), y)
    first.backward()
    grads = summary(p.grad for p in list(model.parameters())[:3])
    optimizer.step()
    ema.update(model)
    model.eval()
    with torch.no_grad():
        found[name] = [first.item(), model(x).abs().sum().item(), ema.module.eval()(x).abs().sum().item(), *grads]
schedule = CosineLRScheduler(optimizer, t_initial=10, warmup_t=3, warmup_lr_init=1e-5)
rates = []
for epoch in range(10):
    schedule.step(epoch)
    rates.append(optimizer.param_groups[0]["lr"])
features = timm.create_model("resnet18", features_only=True)(torch.ones(1, 3, 64, 64))
report(**found, rates=rates, features=[list(f.shape) for f in features])
