"""skorch: a classifier in scikit-learn's pipeline and grid search, on the UCI digits."""

import numpy as np
import torch
from report import report
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochScoring, LRScheduler

X, y = load_digits(return_X_y=True)
X, y = X[:600].astype(np.float32), y[:600].astype(np.int64)


class Net(torch.nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(64, hidden), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(hidden, 10)
        )

    def forward(self, x):
        return self.layers(x)


torch.manual_seed(0)
net = NeuralNetClassifier(
    Net,
    criterion=torch.nn.CrossEntropyLoss,
    max_epochs=5,
    lr=0.1,
    iterator_train__shuffle=True,
    verbose=0,
    callbacks=[LRScheduler("StepLR", step_size=2), EpochScoring("accuracy", name="acc", on_train=True)],
)
pipe = Pipeline([("scale", StandardScaler()), ("net", net)])
pipe.fit(X, y)
torch.manual_seed(1)
grid = GridSearchCV(net, {"lr": [0.01, 0.05], "module__hidden": [16, 32]}, cv=2, scoring="accuracy", refit=False)
grid.fit(X / 16, y)
torch.manual_seed(2)
report(
    train_loss=net.history[:, "train_loss"],
    valid_loss=net.history[:, "valid_loss"],
    accuracy=net.history[:, "acc"],
    probabilities=pipe.predict_proba(X[:3]),
    grid=grid.cv_results_["mean_test_score"],
    cross=cross_val_score(net, X / 16, y, cv=2),
)
