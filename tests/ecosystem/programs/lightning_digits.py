"""lightning: Trainer on the UCI digits with validation, a checkpoint, early stopping, a scheduler; tested after loading."""

import logging
import tempfile
import warnings

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from report import report, summary
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

warnings.simplefilter("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Digits(L.LightningModule):
    def __init__(self, hidden=32, lr=1e-2):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))
        self.accuracy = MulticlassAccuracy(10)
        self.losses = []

    def training_step(self, batch, i):
        loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
        self.log("train_loss", loss)
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch, i):
        out = self.net(batch[0])
        self.log("val_loss", nn.functional.cross_entropy(out, batch[1]), prog_bar=True)
        self.accuracy(out, batch[1])
        self.log("val_acc", self.accuracy)

    test_step = validation_step

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.lr)
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 4)]


L.seed_everything(7, workers=True, verbose=False)
X, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(X, dtype=torch.float32) / 16, torch.tensor(y))
train, held = torch.utils.data.random_split(data, [1500, 297])
with tempfile.TemporaryDirectory() as folder:
    keep = ModelCheckpoint(folder, monitor="val_loss", filename="best")
    trainer = L.Trainer(
        max_epochs=4,
        accelerator="cpu",
        devices=1,
        default_root_dir=folder,
        logger=CSVLogger(folder),
        callbacks=[keep, EarlyStopping("val_loss", patience=3)],
        enable_progress_bar=False,
        enable_model_summary=True,
        gradient_clip_val=1.0,
        accumulate_grad_batches=2,
        deterministic=True,
    )
    model = Digits()
    trainer.fit(model, DataLoader(train, 64, shuffle=True), DataLoader(held, 128))
    best = Digits.load_from_checkpoint(keep.best_model_path)
    result = trainer.test(best, DataLoader(held, 128), verbose=False)[0]
    predictions = trainer.global_step
report(
    losses=model.losses[::8],
    test_loss=result["val_loss"],
    test_accuracy=result["val_acc"],
    steps=predictions,
    weights=summary(model.parameters()),
)
