# Sequences of different lengths: padding them to one tensor, and packing them without padding.
from collections import namedtuple

import rtorch

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpad_sequence",
    "pack_sequence",
    "unpack_sequence",
]


class PackedSequence(namedtuple("PackedSequence", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"])):
    """Sequences by time step: all first steps, then all second ones, and so on, longest sequence first.

    data (sum of lengths, *); batch_sizes (longest length,), int64 on the CPU, says how many go on at each step.
    """

    __slots__ = ()

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is not None:
            if batch_sizes.device.type != "cpu":
                raise ValueError(
                    "batch_sizes should always be on CPU. Instances of PackedSequence should never be created "
                    "manually. They should be instantiated by functions like pack_sequence and pack_padded_sequence in "
                    "nn.utils.rnn."
                )
        elif isinstance(data, (list, tuple)):
            data, batch_sizes = data
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **kwargs):
        """The data as by Tensor.to; the batch sizes stay on the CPU."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        kwargs = {k: v for k, v in kwargs.items() if k not in ("device", "dtype")}

        def move(indices):
            return None if indices is None else indices.to(data.device, **kwargs)

        return type(self)(data, self.batch_sizes, move(self.sorted_indices), move(self.unsorted_indices))

    def cuda(self, *args, **kwargs):
        """The data on the GPU."""
        return self.to(*args, device="cuda", **kwargs)

    def cpu(self, *args, **kwargs):
        """The data on the CPU."""
        return self.to(*args, device="cpu", **kwargs)

    def pin_memory(self):
        """The data in pinned memory."""

        def pin(t):
            return None if t is None else t.pin_memory()

        return type(self)(
            self.data.pin_memory(), self.batch_sizes, pin(self.sorted_indices), pin(self.unsorted_indices)
        )

    def double(self):
        """The data in float64."""
        return self.to(dtype=rtorch.double)

    def float(self):
        """The data in float32."""
        return self.to(dtype=rtorch.float)

    def half(self):
        """The data in float16."""
        return self.to(dtype=rtorch.half)

    def long(self):
        """The data in int64."""
        return self.to(dtype=rtorch.long)

    def int(self):
        """The data in int32."""
        return self.to(dtype=rtorch.int)

    @property
    def is_cuda(self):
        """Whether the data is on a GPU."""
        return self.data.is_cuda

    def is_pinned(self):
        """Whether the data is in pinned memory."""
        return self.data.is_pinned()


def invert_permutation(permutation):
    """The permutation that undoes another one."""
    if permutation is None:
        return None
    output = rtorch.empty_like(permutation)
    output.scatter_(0, permutation, rtorch.arange(0, permutation.numel(), device=permutation.device))
    return output


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Pack padded sequences (T, B, *), or (B, T, *) with `batch_first`, of the given lengths.

    With `enforce_sorted` the lengths must not increase.

    >>> x = torch.tensor([[1, 2, 3], [4, 0, 0]])
    >>> nn.utils.rnn.pack_padded_sequence(x, [3, 1], batch_first=True).data
    tensor([1, 4, 2, 3])
    """
    if not isinstance(lengths, rtorch.Tensor):
        lengths = rtorch.as_tensor(lengths, dtype=rtorch.int64, device="cpu")
    if lengths.device.type != "cpu":
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{lengths.dim()}D {lengths.device} {lengths.dtype} tensor: use lengths.cpu()"
        )
    if enforce_sorted:
        sorted_indices = None
    else:
        lengths, sorted_indices = rtorch.sort(lengths, descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    sizes = lengths.tolist()
    if batch_first:
        input = input.transpose(0, 1)
    if len(sizes) != input.size(1):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} (batch_size={input.size(1)})"
        )
    if not sizes or sizes[-1] <= 0 or min(sizes) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if sizes != sorted(sizes, reverse=True):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do not need ONNX exportability."
        )
    if sizes[0] > input.size(0):
        raise RuntimeError(f"the longest length is {sizes[0]}, but the input has {input.size(0)} time steps")
    # runs of time steps with one batch size are cut out in one piece
    batch_sizes, pieces, start, n = [], [], 0, len(sizes)
    while n:
        end = sizes[n - 1]
        if end > start:
            piece = input[start:end, :n]
            pieces.append(piece.reshape(-1, *input.shape[2:]))
            batch_sizes += [n] * (end - start)
            start = end
        n -= 1
    data = rtorch.cat(pieces) if len(pieces) > 1 else pieces[0].contiguous()
    return PackedSequence(data, rtorch.tensor(batch_sizes, dtype=rtorch.int64), sorted_indices, None)


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """(padded, lengths) of a PackedSequence: padded (T, B, *), or (B, T, *) with `batch_first`; lengths on the CPU."""
    data, batch_sizes, _, unsorted_indices = sequence
    sizes = batch_sizes.tolist()
    longest = len(sizes)
    if total_length is not None and total_length < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {longest}"
        )
    steps = longest if total_length is None else total_length
    width = sizes[0]
    blocks, offset, t = [], 0, 0
    while t < longest:
        n, end = sizes[t], t
        while end < longest and sizes[end] == n:
            end += 1
        block = data[offset : offset + n * (end - t)].reshape(end - t, n, *data.shape[1:])
        if n < width:
            fill = data.new_full((end - t, width - n, *data.shape[1:]), padding_value)
            block = rtorch.cat([block, fill], 1)
        blocks.append(block)
        offset += n * (end - t)
        t = end
    if steps > longest:
        blocks.append(data.new_full((steps - longest, width, *data.shape[1:]), padding_value))
    padded = rtorch.cat(blocks) if len(blocks) > 1 else blocks[0].contiguous()
    lengths = rtorch.tensor([sum(1 for n in sizes if n > i) for i in range(width)], dtype=rtorch.int64)
    if batch_first:
        padded = padded.transpose(0, 1)
    if unsorted_indices is not None:
        padded = padded.index_select(0 if batch_first else 1, unsorted_indices)
        lengths = lengths[unsorted_indices.cpu()]
    return padded, lengths


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Stack sequences (L_i, *) of different lengths to (T, B, *), or (B, T, *), filled up with padding_value.

    >>> nn.utils.rnn.pad_sequence([torch.tensor([1, 2, 3]), torch.tensor([4])], batch_first=True)
    tensor([[1, 2, 3],
            [4, 0, 0]])
    """
    if isinstance(sequences, rtorch.Tensor):
        sequences = sequences.unbind(0)
    elif not hasattr(sequences, "__iter__"):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    first = sequences[0]
    steps = max(s.size(0) for s in sequences)
    shape = (len(sequences), steps) if batch_first else (steps, len(sequences))
    out = first.new_full((*shape, *first.shape[1:]), padding_value)
    for i, s in enumerate(sequences):
        n = s.size(0)
        span = slice(0, n) if padding_side == "right" else slice(steps - n, steps)
        if batch_first:
            out[i, span] = s
        else:
            out[span, i] = s
    return out


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The sequences of a padded tensor, cut to their lengths."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [s[: int(n)] for s, n in zip(padded_sequences, lengths)]


def pack_sequence(sequences, enforce_sorted=True):
    """Pack a list of sequences (L_i, *)."""
    lengths = rtorch.as_tensor([s.size(0) for s in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The list of sequences of a PackedSequence."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
