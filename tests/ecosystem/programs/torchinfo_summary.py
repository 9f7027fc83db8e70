"""torchinfo: the summary of a network, its counts and its text."""

import torch
from report import report
from torch import nn
from torchinfo import summary

torch.manual_seed(0)
net = nn.Sequential(
    nn.Conv2d(1, 10, 5),
    nn.MaxPool2d(2),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(1440, 50),
    nn.BatchNorm1d(50),
    nn.Linear(50, 10),
)
found = summary(net, (4, 1, 28, 28), verbose=0, col_names=("input_size", "output_size", "num_params", "mult_adds"))
rnn = summary(nn.LSTM(8, 16, num_layers=2, batch_first=True), (2, 5, 8), verbose=0)
report(
    parameters=found.total_params,
    mult_adds=found.total_mult_adds,
    output_bytes=found.total_output_bytes,
    text=[len(line) for line in str(found).splitlines()],
    rnn=[rnn.total_params, rnn.total_mult_adds],
)
