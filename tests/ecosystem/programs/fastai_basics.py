"""fastai: a tabular learner on the UCI digits."""

import torch
from fastai.basics import DataLoader, DataLoaders, Learner
from report import report, summary
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(X[:256], dtype=torch.float32) / 16, torch.tensor(y[:256]))
loaders = DataLoaders(DataLoader(data, bs=64, shuffle=False), DataLoader(data, bs=64))
net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
learner = Learner(loaders, net, loss_func=torch.nn.functional.cross_entropy)
with learner.no_bar(), learner.no_logging():
    learner.fit(2, 1e-2)
report(losses=[float(v) for v in learner.recorder.losses], weights=summary(net.parameters()))
