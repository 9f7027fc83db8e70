# Written by tests/stubs.py (make stubs) from the operator table; do not edit.

from typing import NamedTuple

from rtorch._C import Tensor

class aminmax(NamedTuple):
    min: Tensor
    max: Tensor

class cummax(NamedTuple):
    values: Tensor
    indices: Tensor

class cummin(NamedTuple):
    values: Tensor
    indices: Tensor

class gru(NamedTuple):
    output: Tensor
    hidden: Tensor

class kthvalue(NamedTuple):
    values: Tensor
    indices: Tensor

class lstm(NamedTuple):
    output: Tensor
    hidden: Tensor
    cell: Tensor

class lstm_cell(NamedTuple):
    hidden: Tensor
    cell: Tensor

class max(NamedTuple):
    values: Tensor
    indices: Tensor

class median(NamedTuple):
    values: Tensor
    indices: Tensor

class min(NamedTuple):
    values: Tensor
    indices: Tensor

class mode(NamedTuple):
    values: Tensor
    indices: Tensor

class nanmedian(NamedTuple):
    values: Tensor
    indices: Tensor

class rnn_relu(NamedTuple):
    output: Tensor
    hidden: Tensor

class rnn_tanh(NamedTuple):
    output: Tensor
    hidden: Tensor

class sort(NamedTuple):
    values: Tensor
    indices: Tensor

class topk(NamedTuple):
    values: Tensor
    indices: Tensor

