# Recurrent layers: RNN, LSTM, GRU, and their cells. The loops over time are the core's operators
# rnn_tanh, rnn_relu, lstm and gru.
import math
import numbers

import rtorch

from .. import init
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from ._errors import noted
from .module import Module

__all__ = ["RNNBase", "RNN", "LSTM", "GRU", "RNNCellBase", "RNNCell", "LSTMCell", "GRUCell"]

_CHUNKS = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def apply_permutation(tensor, permutation, dim=1):
    """The slices along `dim` in another order."""
    return tensor.index_select(dim, permutation)


class RNNBase(Module):
    """What RNN, LSTM and GRU share: weights by layer and direction, checks, packed sequences.

    Input (L, N, input_size), (N, L, input_size) with `batch_first`, or (L, input_size), or a PackedSequence.
    Weights weight_ih_l0 (chunks * hidden_size, input_size), weight_hh_l0, bias_ih_l0, bias_hh_l0, and so on for l1
    ...; "_reverse" for the backward direction.
    """

    __constants__ = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]

    def __init__(
        self,
        mode,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        proj_size=0,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout) if isinstance(dropout, numbers.Number) else dropout
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        directions = 2 if bidirectional else 1
        if not isinstance(dropout, numbers.Number) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        if dropout > 0 and num_layers == 1:
            import warnings

            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=3,
            )
        for name, value, kind in (
            ("input_size", input_size, int),
            ("hidden_size", hidden_size, int),
            ("bias", bias, bool),
            ("batch_first", batch_first, bool),
        ):
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        if input_size <= 0:
            raise ValueError("input_size must be greater than zero")
        if hidden_size <= 0:
            raise ValueError("hidden_size must be greater than zero")
        if num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if proj_size >= hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if mode not in _CHUNKS:
            raise ValueError("Unrecognized RNN mode: " + mode)
        rows = _CHUNKS[mode] * hidden_size
        width = proj_size if proj_size > 0 else hidden_size

        self._all_weights = []
        for layer in range(num_layers):
            below = input_size if layer == 0 else width * directions
            for direction in range(directions):
                suffix = f"l{layer}" + ("_reverse" if direction == 1 else "")
                shapes = {"weight_ih_": (rows, below), "weight_hh_": (rows, width)}
                if bias:
                    shapes["bias_ih_"] = shapes["bias_hh_"] = (rows,)
                if proj_size > 0:
                    shapes["weight_hr_"] = (proj_size, hidden_size)
                for name, shape in shapes.items():
                    setattr(self, name + suffix, Parameter(rtorch.empty(shape, device=device, dtype=dtype)))
                self._all_weights.append([name + suffix for name in shapes])
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        self.reset_parameters()

    def reset_parameters(self):
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self):
        """Kept for programs that call it: the weights need not lie in one block here."""

    @property
    def _flat_weights(self):
        own = self._parameters
        return [own[name] if name in own else getattr(self, name) for name in self._flat_weights_names]

    @property
    def all_weights(self):
        """The weights of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def __getstate__(self):
        state = super().__getstate__()
        state.pop("_flat_weights", None)
        return state

    def __setstate__(self, state):
        state = {k: v for k, v in state.items() if k not in ("_flat_weights", "all_weights", "_flat_weight_refs")}
        state.setdefault("proj_size", 0)
        super().__setstate__(state)

    def check_input(self, input, batch_sizes):
        dims = 2 if batch_sizes is not None else 3
        weight = getattr(self, self._flat_weights_names[0])
        if input.dim() != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            name, got = type(self).__name__, input.size(-1)
            raise noted(
                RuntimeError(f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {got}"),
                f"The input has shape {tuple(input.shape)}. Use nn.{name}(input_size={got}, ...).",
            )
        if input.dtype != weight.dtype and not rtorch.is_autocast_enabled(input.device.type):
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). Convert input: "
                f"input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            )

    def _batch(self, input, batch_sizes):
        if batch_sizes is not None:
            return int(batch_sizes[0])
        return input.size(0) if self.batch_first else input.size(1)

    def get_expected_hidden_size(self, input, batch_sizes):
        layers = self.num_layers * (2 if self.bidirectional else 1)
        return layers, self._batch(input, batch_sizes), self.proj_size if self.proj_size > 0 else self.hidden_size

    def get_expected_cell_size(self, input, batch_sizes):
        layers = self.num_layers * (2 if self.bidirectional else 1)
        return layers, self._batch(input, batch_sizes), self.hidden_size

    def check_hidden_size(self, hx, expected, msg="Expected hidden size {}, got {}"):
        if tuple(hx.size()) != expected:
            raise RuntimeError(msg.format(expected, list(hx.size())))

    def check_forward_args(self, input, hidden, batch_sizes):
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx, permutation):
        return hx if permutation is None else apply_permutation(hx, permutation)

    def extra_repr(self):
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.proj_size != 0:
            parts.append(f"proj_size={self.proj_size}")
        if self.num_layers != 1:
            parts.append(f"num_layers={self.num_layers}")
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if self.batch_first is not False:
            parts.append(f"batch_first={self.batch_first}")
        if self.dropout != 0:
            parts.append(f"dropout={self.dropout}")
        if self.bidirectional is not False:
            parts.append(f"bidirectional={self.bidirectional}")
        return ", ".join(parts)

    def _open(self, input, name):
        """(data, batch_sizes, sorted_indices, unsorted_indices, whether it has a batch dimension)"""
        if isinstance(input, PackedSequence):
            return *input, True
        if input.dim() not in (2, 3):
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batched = input.dim() == 3
        if not batched:
            input = input.unsqueeze(0 if self.batch_first else 1)
        return input, None, None, None, batched

    def _run(self, operator, data, batch_sizes, hx):
        weights = self._flat_weights
        if batch_sizes is None:
            return operator(
                data,
                hx,
                weights,
                self.bias,
                self.num_layers,
                self.dropout,
                self.training,
                self.bidirectional,
                self.batch_first,
            )
        return operator(
            data,
            batch_sizes,
            hx,
            weights,
            self.bias,
            self.num_layers,
            self.dropout,
            self.training,
            self.bidirectional,
        )

    def _one_hidden(self, data, hx, batch_sizes, sorted_indices, batched, packed):
        """The initial hidden state of RNN and GRU, zeros unless given, in the order of the data."""
        if hx is None:
            shape = self.get_expected_hidden_size(data, batch_sizes)
            return rtorch.zeros(shape, dtype=data.dtype, device=data.device)
        if packed:
            return self.permute_hidden(hx, sorted_indices)
        if hx.dim() != (3 if batched else 2):
            kind, n = ("batched", 3) if batched else ("unbatched", 2)
            raise RuntimeError(f"For {kind} {n}-D input, hx should also be {n}-D but got {hx.dim()}-D tensor")
        return hx if batched else hx.unsqueeze(1)

    def _simple_forward(self, operator, name, input, hx):
        packed = isinstance(input, PackedSequence)
        data, batch_sizes, sorted_indices, unsorted_indices, batched = self._open(input, name)
        hx = self._one_hidden(data, hx, batch_sizes, sorted_indices, batched, packed)
        self.check_forward_args(data, hx, batch_sizes)
        output, hidden = self._run(operator, data, batch_sizes, hx)
        if packed:
            output = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
            return output, self.permute_hidden(hidden, unsorted_indices)
        if not batched:
            return output.squeeze(0 if self.batch_first else 1), hidden.squeeze(1)
        return output, hidden


class RNN(RNNBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu; several layers, one or two directions.

    RNN(input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0.0,
    bidirectional=False). Returns the output (L, N, directions * hidden_size) and the last hidden state
    (layers * directions, N, hidden_size).
    """

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        modes = {"tanh": "RNN_TANH", "relu": "RNN_RELU"}
        if self.nonlinearity not in modes:
            raise ValueError(f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(modes[self.nonlinearity], *args, **kwargs)

    def forward(self, input, hx=None):
        operator = rtorch.rnn_tanh if self.mode == "RNN_TANH" else rtorch.rnn_relu
        return self._simple_forward(operator, "RNN", input, hx)


class GRU(RNNBase):
    """Gated recurrent units: h' = (1 - z) n + z h. Cho et al. 2014.

    GRU(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False).
    Returns the output (L, N, directions * hidden_size) and the last hidden state (layers * directions, N,
    hidden_size).

    >>> rnn = nn.GRU(5, 7, num_layers=2, bidirectional=True)
    >>> out, h = rnn(torch.zeros(4, 2, 5))
    >>> out.shape, h.shape
    (torch.Size([4, 2, 14]), torch.Size([4, 2, 7]))
    """

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input, hx=None):
        return self._simple_forward(rtorch.gru, "GRU", input, hx)


class LSTM(RNNBase):
    """Long short-term memory: c' = f c + i g, h' = o tanh(c'). Hochreiter & Schmidhuber 1997.

    LSTM(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
    proj_size=0). Returns the output (L, N, directions * hidden_size) and (h, c), each (layers * directions, N,
    hidden_size); with `proj_size` h and the output have that width.

    >>> rnn = nn.LSTM(input_size=5, hidden_size=7, batch_first=True)
    >>> out, (h, c) = rnn(torch.zeros(2, 4, 5))
    >>> out.shape, h.shape
    (torch.Size([2, 4, 7]), torch.Size([1, 2, 7]))
    """

    def __init__(self, *args, **kwargs):
        super().__init__("LSTM", *args, **kwargs)

    def check_forward_args(self, input, hidden, batch_sizes):
        self.check_input(input, batch_sizes)
        self.check_hidden_size(
            hidden[0], self.get_expected_hidden_size(input, batch_sizes), "Expected hidden[0] size {}, got {}"
        )
        self.check_hidden_size(
            hidden[1], self.get_expected_cell_size(input, batch_sizes), "Expected hidden[1] size {}, got {}"
        )

    def permute_hidden(self, hx, permutation):
        if permutation is None:
            return hx
        return apply_permutation(hx[0], permutation), apply_permutation(hx[1], permutation)

    def forward(self, input, hx=None):
        packed = isinstance(input, PackedSequence)
        data, batch_sizes, sorted_indices, unsorted_indices, batched = self._open(input, "LSTM")
        if hx is None:
            hx = tuple(
                rtorch.zeros(shape, dtype=data.dtype, device=data.device)
                for shape in (
                    self.get_expected_hidden_size(data, batch_sizes),
                    self.get_expected_cell_size(data, batch_sizes),
                )
            )
        elif packed:
            hx = self.permute_hidden(hx, sorted_indices)
        else:
            n = 3 if batched else 2
            if hx[0].dim() != n or hx[1].dim() != n:
                kind = "batched" if batched else "unbatched"
                raise RuntimeError(
                    f"For {kind} {n}-D input, hx and cx should also be {n}-D but got ({hx[0].dim()}-D, "
                    f"{hx[1].dim()}-D) tensors"
                )
            if not batched:
                hx = (hx[0].unsqueeze(1), hx[1].unsqueeze(1))
        self.check_forward_args(data, hx, batch_sizes)
        output, h, c = self._run(rtorch.lstm, data, batch_sizes, hx)
        if packed:
            output = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
            return output, self.permute_hidden((h, c), unsorted_indices)
        if not batched:
            return output.squeeze(0 if self.batch_first else 1), (h.squeeze(1), c.squeeze(1))
        return output, (h, c)


class RNNCellBase(Module):
    """What the cells share: weight_ih (chunks * hidden_size, input_size), weight_hh, bias_ih, bias_hh."""

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(rtorch.empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(rtorch.empty((rows, hidden_size), device=device, dtype=dtype))
        if bias:
            self.bias_ih = Parameter(rtorch.empty(rows, device=device, dtype=dtype))
            self.bias_hh = Parameter(rtorch.empty(rows, device=device, dtype=dtype))
        else:
            self.register_parameter("bias_ih", None)
            self.register_parameter("bias_hh", None)
        self.reset_parameters()

    def reset_parameters(self):
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _check(self, input, hx):
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for i, h in enumerate(hx if isinstance(hx, tuple) else () if hx is None else (hx,)):
            if h.dim() not in (1, 2):
                what = f"hx[{i}]" if isinstance(hx, tuple) else "hidden"
                raise ValueError(f"{name}: Expected {what} to be 1D or 2D, got {h.dim()}D instead")

    def _weights(self):
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _step(self, operator, input, hx):
        """One step of a cell with one hidden state; input (N, input_size) or (input_size,)."""
        self._check(input, hx)
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
        if hx is None:
            hx = rtorch.zeros(input.size(0), self.hidden_size, dtype=input.dtype, device=input.device)
        elif not batched:
            hx = hx.unsqueeze(0)
        out = operator(input, hx, *self._weights())
        return out if batched else out.squeeze(0)


class RNNCell(RNNCellBase):
    """One step of an RNN: (N, input_size) and (N, hidden_size) give (N, hidden_size)."""

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        if self.nonlinearity == "tanh":
            return self._step(rtorch.rnn_tanh_cell, input, hx)
        if self.nonlinearity == "relu":
            return self._step(rtorch.rnn_relu_cell, input, hx)
        raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")


class LSTMCell(RNNCellBase):
    """One step of an LSTM: (N, input_size) and (h, c), each (N, hidden_size), give the next (h, c)."""

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        self._check(input, hx)
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
        if hx is None:
            zeros = rtorch.zeros(input.size(0), self.hidden_size, dtype=input.dtype, device=input.device)
            hx = (zeros, zeros)
        elif not batched:
            hx = (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        h, c = rtorch.lstm_cell(input, hx, *self._weights())
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a GRU: (N, input_size) and (N, hidden_size) give (N, hidden_size)."""

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input, hx=None):
        return self._step(rtorch.gru_cell, input, hx)
