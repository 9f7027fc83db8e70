"""Metrics: values by hand and, where sklearn is installed, by sklearn; batches add up to the whole."""

import copy
import pickle

import pytest
import rtorch as torch
from rtorch import metrics as M
from rtorch.metrics import functional as F


def data(n=60, classes=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    scores = torch.rand(n, classes, generator=g)
    return scores / scores.sum(1, keepdim=True), torch.randint(0, classes, (n,), generator=g)


def numbers(x):
    return x.tolist() if hasattr(x, "tolist") else x


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", None])
def test_labels_as_sklearn(average):
    sk = pytest.importorskip("sklearn.metrics")
    p, t = data()
    y, x = t.numpy(), p.argmax(1).numpy()
    for ours, theirs in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1_score", sk.f1_score)):
        got = getattr(F, ours)(p, t, task="multiclass", num_classes=4, average=average)
        assert got.tolist() == pytest.approx(numbers(theirs(y, x, average=average)), abs=1e-6)
    assert F.confusion_matrix(p, t, task="multiclass", num_classes=4).tolist() == sk.confusion_matrix(y, x).tolist()
    assert F.cohen_kappa(p, t, task="multiclass", num_classes=4).item() == pytest.approx(sk.cohen_kappa_score(y, x))
    assert F.matthews_corrcoef(p, t, task="multiclass", num_classes=4).item() == pytest.approx(
        sk.matthews_corrcoef(y, x), abs=1e-6
    )
    got = F.jaccard_index(p, t, task="multiclass", num_classes=4, average=average)
    assert got.tolist() == pytest.approx(numbers(sk.jaccard_score(y, x, average=average)), abs=1e-6)


def test_scores_as_sklearn():
    sk = pytest.importorskip("sklearn.metrics")
    p, t = data(classes=2)
    p = p[:, 1]
    assert F.auroc(p, t, task="binary").item() == pytest.approx(sk.roc_auc_score(t.numpy(), p.numpy()))
    assert F.auroc(p, t, task="binary", max_fpr=0.4).item() == pytest.approx(
        sk.roc_auc_score(t.numpy(), p.numpy(), max_fpr=0.4), abs=1e-6
    )
    assert F.average_precision(p, t, task="binary").item() == pytest.approx(
        sk.average_precision_score(t.numpy(), p.numpy()), abs=1e-6
    )
    p, t = data()
    got = F.auroc(p, t, task="multiclass", num_classes=4)
    assert got.item() == pytest.approx(sk.roc_auc_score(t.numpy(), p.numpy(), multi_class="ovr"), abs=1e-6)


def test_by_hand():
    p = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.3, 0.6], [0.5, 0.3, 0.2], [0.1, 0.5, 0.4]])
    t = torch.tensor([0, 1, 1, 0, 2])
    how = {"task": "multiclass", "num_classes": 3}
    assert F.accuracy(p, t, **how).item() == pytest.approx(0.6)
    assert F.accuracy(p, t, **how, top_k=2).item() == pytest.approx(1.0)
    assert F.accuracy(p, t, **how, average="none").tolist() == [1, 0.5, 0]
    assert F.accuracy(p, t, **how, ignore_index=0).item() == pytest.approx(1 / 3)
    assert F.accuracy(torch.tensor([0.9, 0.2, 0.6]), torch.tensor([1, 0, 0]), task="binary").item() == pytest.approx(
        2 / 3
    )
    assert F.stat_scores(torch.tensor([1, 1, 0]), torch.tensor([1, 0, 0]), task="binary").tolist() == [1, 1, 1, 0, 1]
    fpr, tpr, at = F.roc(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([0, 0, 1, 1]), task="binary")
    assert fpr.tolist() == [0, 0, 0.5, 0.5, 1] and tpr.tolist() == [0, 0.5, 0.5, 1, 1] and at[0].item() == 1
    multi = F.exact_match(
        torch.tensor([[0.9, 0.2], [0.6, 0.7]]), torch.tensor([[1, 0], [0, 1]]), task="multilabel", num_labels=2
    )
    assert multi.item() == 0.5


def test_regression():
    p, t = torch.tensor([2.5, 0.0, 2.0, 8.0]), torch.tensor([3.0, -0.5, 2.0, 7.0])
    assert F.mean_squared_error(p, t).item() == 0.375
    assert F.mean_absolute_error(p, t).item() == 0.5
    assert F.r2_score(p, t).item() == pytest.approx(0.948608, abs=1e-6)
    assert F.explained_variance(p, t).item() == pytest.approx(0.957173, abs=1e-6)
    assert F.pearson_corrcoef(p, t).item() == pytest.approx(0.984870, abs=1e-6)
    assert F.spearman_corrcoef(p, torch.tensor([1.0, 2.0, 2.0, 3.0])).item() == pytest.approx(0.316228, abs=1e-4)
    with pytest.raises(RuntimeError, match="same shape"):
        F.mean_squared_error(p, t[:2])


MAKES = [
    lambda: M.Accuracy(task="multiclass", num_classes=4),
    lambda: M.F1Score(task="multiclass", num_classes=4, average="macro"),
    lambda: M.ConfusionMatrix(task="multiclass", num_classes=4),
    lambda: M.AUROC(task="multiclass", num_classes=4),
    lambda: M.classification.MulticlassFBetaScore(2.0, 4),
    lambda: M.JaccardIndex(task="multiclass", num_classes=4),
]


@pytest.mark.parametrize("make", MAKES)
def test_batches_add_up(make):
    p, t = data()
    whole, parts = make(), make()
    whole.update(p, t)
    seen = [parts(p[i : i + 20], t[i : i + 20]) for i in (0, 20, 40)]
    assert torch.allclose(parts.compute().float(), whole.compute().float())
    alone = make()
    alone.update(p[20:40], t[20:40])
    assert torch.allclose(seen[1].float(), alone.compute().float())
    for other in (copy.deepcopy(parts), pickle.loads(pickle.dumps(parts))):
        assert torch.allclose(other.compute().float(), whole.compute().float())
        other.update(p, t)
    assert parts.update_count == 3
    parts.reset()
    assert not parts.update_called


def test_too_early():
    with pytest.warns(UserWarning, match="was called before the ``update``"):
        M.Accuracy(task="multiclass", num_classes=3).compute()


def test_names_and_refusals():
    assert repr(M.Accuracy(task="multiclass", num_classes=3)) == "MulticlassAccuracy()"
    assert isinstance(M.Accuracy(task="binary"), M.Accuracy)
    with pytest.raises(TypeError, match="task"):
        M.Accuracy()
    with pytest.raises(ValueError, match="num_classes"):
        M.Accuracy(task="multiclass")
    with pytest.raises(TypeError, match=r"MulticlassRecall\(\) .*num_classes"):
        M.classification.MulticlassRecall()
    with pytest.raises(TypeError, match=r"recall\(\) got an unexpected keyword argument 'classes'"):
        F.recall(torch.tensor([1]), torch.tensor([1]), task="binary", classes=2)
    with pytest.raises(RuntimeError, match="Detected the following values"):
        F.accuracy(torch.tensor([0, 1]), torch.tensor([0, 3]), task="binary")


def test_order_of_arguments():
    p, t = data()
    how = {"num_classes": 4, "top_k": 2, "average": "macro", "multidim_average": "global", "ignore_index": 1}
    assert M.classification.MulticlassAccuracy(*how.values())(p, t) == M.Accuracy(task="multiclass", **how)(p, t)
    assert M.classification.MulticlassAUROC(4, "weighted", 9)(p, t) == F.auroc(
        p, t, "multiclass", 9, 4, average="weighted"
    )
    assert F.precision(p, t, "multiclass", 0.5, 4, None, "macro") == F.precision(
        p, t, average="macro", num_classes=4, task="multiclass"
    )


def test_aggregation():
    m = M.MeanMetric()
    assert m(1.0).item() == 1 and m(torch.tensor([2.0, 6.0])).item() == 4 and m.compute().item() == 3
    m = M.MeanMetric()
    m.update(2.0, weight=3)
    with pytest.warns(UserWarning, match="nan"):
        m.update(torch.tensor([1.0, float("nan")]))
    assert m.compute().item() == pytest.approx(7 / 4)
    for cls, want in ((M.SumMetric, 6), (M.MaxMetric, 3), (M.MinMetric, 1)):
        m = cls()
        for v in (2, 3, 1):
            m.update(v)
        assert m.compute().item() == want
    with pytest.raises(RuntimeError, match="nan"):
        M.SumMetric(nan_strategy="error").update(float("nan"))


def test_collection():
    p, t = data()
    c = M.MetricCollection(
        {
            "acc": M.Accuracy(task="multiclass", num_classes=4),
            "cm": M.ConfusionMatrix(task="multiclass", num_classes=4),
        },
        prefix="val_",
    )
    out = c(p, t)
    assert list(out) == ["val_acc", "val_cm"] and out["val_acc"].item() == pytest.approx(
        (p.argmax(1) == t).float().mean().item()
    )
    copied = c.clone(prefix="t_")
    copied.update(p, t)
    assert list(copied.compute()) == ["t_acc", "t_cm"] and copied.compute()["t_cm"].sum().item() == 120
    assert c.compute()["val_cm"].sum().item() == 60
    with pytest.raises(ValueError, match="both named"):
        M.MetricCollection([M.MeanSquaredError(), M.MeanSquaredError()])
