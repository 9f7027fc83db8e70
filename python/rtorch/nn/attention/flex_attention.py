"""`torch.nn.attention.flex_attention`: attention whose scores a function changes, or a mask of a function leaves out.

The functions are called once with all scores and with indices that broadcast against them; nothing is compiled, and all
scores are computed. Blocks say where a mask is empty or full, as programs ask for it.
"""

import math
from typing import NamedTuple

import rtorch
from rtorch import Tensor

__all__ = [
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]

_DEFAULT_SPARSE_BLOCK_SIZE = 128


class AuxRequest(NamedTuple):
    """What `flex_attention` gives beside its result."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for by an AuxRequest; None for the rest."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


def noop_mask(batch, head, token_q, token_kv):
    """A mask that leaves out nothing."""
    return batch.new_ones(size=(), dtype=rtorch.bool)


def and_masks(*mask_mods):
    """The mask of what all of these keep."""
    if not all(callable(m) for m in mask_mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def mask(b, h, q, kv):
        kept = b.new_ones((), dtype=rtorch.bool)
        for m in mask_mods:
            kept = kept & m(b, h, q, kv)
        return kept

    return mask


def or_masks(*mask_mods):
    """The mask of what one of these keeps."""
    if not all(callable(m) for m in mask_mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def mask(b, h, q, kv):
        kept = b.new_zeros((), dtype=rtorch.bool)
        for m in mask_mods:
            kept = kept | m(b, h, q, kv)
        return kept

    return mask


def _indices(B, H, Q, K, device):
    b, h, q, k = (rtorch.arange(n, device=device) for n in (B, H, Q, K))
    return b[:, None, None, None], h[:, None, None], q[:, None], k


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device="cpu"):
    """The mask of a function as a tensor (B, H, Q_LEN, KV_LEN). A function of five arguments changes scores: what it
    makes of zeros is the result."""
    import inspect

    B, H = B or 1, H or 1
    places = _indices(B, H, Q_LEN, KV_LEN, device)
    count = sum(p.default is inspect.Parameter.empty for p in inspect.signature(mod_fn).parameters.values())
    if count == 5:
        return mod_fn(rtorch.zeros(B, H, Q_LEN, KV_LEN, device=device), *places).expand(B, H, Q_LEN, KV_LEN)
    return mod_fn(*places).expand(B, H, Q_LEN, KV_LEN)


class BlockMask:
    """A mask by its function, and which blocks of it keep something: for each row of blocks the number of those in
    `kv_num_blocks` and their places, first in `kv_indices`; blocks that keep all in `full_kv_num_blocks` and
    `full_kv_indices`."""

    def __init__(self, mask_mod, sizes, block_size, some, full):
        self.mask_mod, self.seq_lengths, self.BLOCK_SIZE = mask_mod, tuple(sizes), tuple(block_size)
        self._some, self._full = some, full  # truth values (B, H, rows, columns); `some` without what is full
        self.kv_num_blocks, self.kv_indices = _ordered(some)
        self.full_kv_num_blocks, self.full_kv_indices = _ordered(full)
        self.q_num_blocks, self.q_indices = _ordered(some.transpose(-1, -2))
        self.full_q_num_blocks, self.full_q_indices = _ordered(full.transpose(-1, -2))

    @property
    def shape(self):
        return (*self._some.shape[:2], *self.seq_lengths)

    def numel(self):
        """How many places the mask has."""
        return math.prod(self.shape)

    def sparsity(self):
        """The part of the places that lies in empty blocks, in percent. Blocks over the edge count whole."""
        kept = (self._some | self._full).sum().item() * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1]
        return 100.0 * (1.0 - kept / self.numel())

    def to_dense(self):
        """For each block whether it keeps something, as int32 (B, H, rows, columns)."""
        return (self._some | self._full).to(rtorch.int32)

    def to(self, device):
        return BlockMask(self.mask_mod, self.seq_lengths, self.BLOCK_SIZE, self._some.to(device), self._full.to(device))

    def __repr__(self):
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, block_size={self.BLOCK_SIZE})"


def _ordered(blocks):
    """The number of blocks of each row, and the columns with those of the row first."""
    order = rtorch.argsort(blocks.to(rtorch.int32), dim=-1, descending=True, stable=True)
    return blocks.sum(-1).to(rtorch.int32), order.to(rtorch.int32)


def create_block_mask(mask_mod, B, H, Q_LEN, KV_LEN, device=None, BLOCK_SIZE=128, _compile=False, **kwargs):
    """The BlockMask of a function `mask_mod(b, h, q_idx, kv_idx)`, which says what is kept."""
    block = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device or "cpu")
    rows, columns = -(-Q_LEN // block[0]), -(-KV_LEN // block[1])
    room = rtorch.zeros(*mask.shape[:2], rows * block[0], columns * block[1], dtype=rtorch.bool, device=mask.device)
    room[..., :Q_LEN, :KV_LEN] = mask
    counts = room.view(*mask.shape[:2], rows, block[0], columns, block[1]).sum((3, 5))
    full = counts == block[0] * block[1]
    return BlockMask(mask_mod, (Q_LEN, KV_LEN), block, (counts > 0) & ~full, full)


def flex_attention(
    query,
    key,
    value,
    score_mod=None,
    block_mask=None,
    scale=None,
    enable_gqa=False,
    return_lse=False,
    kernel_options=None,
    *,
    return_aux=None,
):
    """softmax(score_mod(query @ key.T * scale)) @ value for (B, H, L, E), without what the mask leaves out.

    `score_mod(score, b, h, q_idx, kv_idx)` takes all scores at once here, with indices that broadcast. A row that the
    mask leaves empty gives zeros.
    """
    for name, x in (("query", query), ("key", key), ("value", value)):
        if x.dim() != 4:
            raise ValueError(f"flex_attention: expected {name} to be a 4D tensor (B, H, L, E), got {x.dim()}D")
    if key.shape[:3] != value.shape[:3] or query.shape[-1] != key.shape[-1]:
        raise ValueError(
            f"flex_attention: the shapes of query {tuple(query.shape)}, key {tuple(key.shape)} and value "
            f"{tuple(value.shape)} do not fit"
        )
    if not enable_gqa and query.size(1) != key.size(1):
        raise ValueError(
            f"Expect query and key/value to have the same number of heads but got Hq={query.size(1)} and "
            f"Hkv={key.size(1)}. Try setting enable_gqa=True for GQA."
        )
    if query.size(1) % key.size(1):
        raise ValueError(
            f"Expect number of query heads to be a multiple of kv heads but got {query.size(1)} and {key.size(1)}"
        )
    if query.size(1) != key.size(1):
        times = query.size(1) // key.size(1)
        key, value = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)
    B, H, Q, E = query.shape
    K = key.size(2)
    scores = (query @ key.transpose(-1, -2)).to(rtorch.promote_types(query.dtype, rtorch.float32))
    scores = scores * (1.0 / math.sqrt(E) if scale is None else scale)
    places = _indices(B, H, Q, K, query.device)
    if score_mod is not None:
        scores = score_mod(scores, *places).to(scores.dtype)
    if block_mask is not None:
        sizes = block_mask.seq_lengths
        if sizes[0] < Q or sizes[1] < K:
            raise ValueError(
                f"block_mask was created for block_mask.shape={block_mask.shape} but got q_len={Q} and kv_len={K}."
            )
        scores = scores.masked_fill(~block_mask.mask_mod(*places), -math.inf)
    top = scores.amax(-1, keepdim=True)
    empty = top == -math.inf
    weights = (scores - top.detach().masked_fill(empty, 0.0)).exp()
    total = weights.sum(-1, keepdim=True)
    out = ((weights / total.masked_fill(empty, 1.0)).to(value.dtype) @ value).to(query.dtype)
    if not return_lse and return_aux is None:
        return out
    lse = (total.log() + top.detach()).masked_fill(empty, -math.inf).squeeze(-1)
    if return_lse:
        return out, lse
    return out, AuxOutput(lse if return_aux.lse else None, top.squeeze(-1) if return_aux.max_scores else None)
