"""pytorch-metric-learning: losses, miners and accuracy of embeddings."""

import torch
from pytorch_metric_learning import distances, losses, miners, reducers
from report import report

torch.manual_seed(0)
x, labels = torch.randn(24, 8, requires_grad=True), torch.arange(24) % 4
found, grads = {}, []
for loss in (
    losses.TripletMarginLoss(),
    losses.ContrastiveLoss(),
    losses.NTXentLoss(),
    losses.SupConLoss(),
    losses.MultiSimilarityLoss(),
    losses.CircleLoss(),
    losses.TripletMarginLoss(distance=distances.CosineSimilarity(), reducer=reducers.ThresholdReducer(low=0)),
):
    x.grad = None
    value = loss(x, labels)
    value.backward()
    found[f"{type(loss).__name__}{len(found)}"] = value.item()
    grads.append(x.grad.abs().sum().item())
hard = miners.MultiSimilarityMiner()(x, labels)
proxy = losses.ArcFaceLoss(4, 8)
report(**found, grads=grads, mined=[len(h) for h in hard], arcface=proxy(x, labels))
