"""einops: rearrange, reduce, repeat, einsum and the layers, forward and backward."""

import torch
from einops import einsum, pack, rearrange, reduce, repeat
from einops.layers.torch import EinMix, Rearrange, Reduce
from report import report, summary

torch.manual_seed(0)
x = torch.randn(2, 3, 8, 8, requires_grad=True)
net = torch.nn.Sequential(
    torch.nn.Conv2d(3, 8, 3, padding=1),
    Reduce("b c (h h2) (w w2) -> b c h w", "max", h2=2, w2=2),
    Rearrange("b c h w -> b (h w) c"),
    EinMix("b t c -> b t d", weight_shape="c d", bias_shape="d", c=8, d=5),
)
out = net(x)
heads = rearrange(out, "b t (h d) -> b h t d", h=5)
scores = einsum(heads, heads, "b h i d, b h j d -> b h i j").softmax(-1)
packed, _ = pack([scores, repeat(reduce(scores, "b h i j -> b h i", "mean"), "b h i -> b h i j", j=2)], "b h i *")
loss = packed.square().mean()
loss.backward()
report(loss=loss, grad=x.grad.abs().sum(), parameters=summary(p.grad for p in net.parameters()))
