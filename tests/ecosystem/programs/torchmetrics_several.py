"""The real torchmetrics: classification, regression, images, text, aggregation, retrieval; functional and modules."""

import torch
import torchmetrics as tm
import torchmetrics.functional as F
import torchmetrics.functional.clustering
from report import report

torch.manual_seed(0)
logits, target = torch.randn(64, 5), torch.randint(0, 5, (64,))
probs = logits.softmax(-1)
group = tm.MetricCollection(
    {
        "accuracy": tm.Accuracy(task="multiclass", num_classes=5),
        "f1": tm.F1Score(task="multiclass", num_classes=5, average="macro"),
        "auroc": tm.AUROC(task="multiclass", num_classes=5),
        "ap": tm.AveragePrecision(task="multiclass", num_classes=5),
        "kappa": tm.CohenKappa(task="multiclass", num_classes=5),
        "mcc": tm.MatthewsCorrCoef(task="multiclass", num_classes=5),
        "calibration": tm.CalibrationError(task="multiclass", num_classes=5),
    }
)
for part in range(4):
    group.update(probs[part * 16 : part * 16 + 16], target[part * 16 : part * 16 + 16])
classes = {k: float(v) for k, v in group.compute().items()}
a, b = torch.randn(100), torch.randn(100)
images = torch.rand(2, 3, 48, 48)
other = (images + 0.1 * torch.randn(2, 3, 48, 48)).clamp(0, 1)
mean = tm.MeanMetric()
for v in (1.0, 2.0, 6.0):
    mean(v)
boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [2.0, 2.0, 6.0, 6.0]])
report(
    **classes,
    confusion=F.confusion_matrix(probs, target, task="multiclass", num_classes=5),
    r2=F.r2_score(a, b),
    pearson=F.pearson_corrcoef(a, b),
    spearman=F.spearman_corrcoef(a, b),
    kendall=F.kendall_rank_corrcoef(a, b),
    psnr=F.peak_signal_noise_ratio(images, other, data_range=1.0),
    ssim=F.structural_similarity_index_measure(images, other, data_range=1.0),
    tv=F.total_variation(images),
    bleu=F.bleu_score(["the cat sat on the mat"], [["a cat sat on the mat"]]),
    wer=F.word_error_rate(["the cat sat"], ["the cat sits"]),
    snr=F.signal_noise_ratio(a, b),
    ndcg=F.retrieval.retrieval_normalized_dcg(a, (b > 0).long()),
    mean=mean.compute(),
    rand=torchmetrics.functional.clustering.rand_score(target, logits.argmax(-1)),
    curve=F.roc(torch.sigmoid(a), (b > 0).long(), task="binary")[1],
)
