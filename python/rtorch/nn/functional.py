# torch.nn.functional: every operator of that name space comes from the operator table (rtorch._C._nn);
# only what must be Python, because it takes functions or strings that pick functions, stands here.
import math

import rtorch
from rtorch import _C

globals().update({_name: getattr(_C._nn, _name) for _name in dir(_C._nn) if not _name.startswith("__")})

from ._grids import affine_grid, grid_sample  # noqa: E402, F401
from ._resize import interpolate, upsample, upsample_bilinear, upsample_nearest  # noqa: E402, F401

pdist, relu_, sigmoid, tanh = rtorch.pdist, rtorch.relu_, rtorch.sigmoid, rtorch.tanh


def relu(input, inplace=False):
    """max(x, 0)."""
    return rtorch.relu_(input) if inplace else rtorch.relu(input)


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """(log(var) + (input - target)^2 / var) / 2, with variances of at least `eps`; `full` adds log(2 pi) / 2."""
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * rtorch.ones_like(input)
    elif rtorch.any(var < 0):
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)  # one variance for each row
        else:
            others = [b for a, b in zip(input.shape, var.shape) if a != b]
            if input.dim() != var.dim() or sum(others) != 1:
                raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    var = var.clone()
    with rtorch.no_grad():
        var.clamp_(min=eps)
    loss = 0.5 * (rtorch.log(var) + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return loss.sum() if reduction == "sum" else loss.mean() if reduction == "mean" else loss


def _picks_indices(name):
    """`name` of two operators: with the places of the maxima and without, as `return_indices` says."""
    both = getattr(_C._nn, f"{name}_with_indices")

    if name.startswith("adaptive"):

        def pool(input, output_size, return_indices=False):
            result = both(input, _given(input, output_size))
            return result if return_indices else result[0]

    else:
        plain = getattr(_C._nn, name)

        def pool(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
            pick = both if return_indices else plain
            return pick(input, kernel_size, stride, padding, dilation, ceil_mode)

    pool.__name__ = pool.__qualname__ = name
    pool.__doc__ = both.__doc__
    return pool


def _given(input, output_size):
    """An output size whose None entries stand for the input's size."""
    if not isinstance(output_size, (tuple, list)):
        return output_size
    n = len(output_size)
    if input.dim() <= n:
        raise ValueError(f"Input dimension should be at least {n + 1}")
    if None in output_size:
        return [k if o is None else o for o, k in zip(output_size, input.shape[-n:])]
    return output_size


def _fractional(n):
    """fractional_max_pool2d or 3d, and its form that always gives the places."""
    kernel = getattr(_C._nn, f"_fractional_max_pool{n}d")

    def both(input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
        if output_size is None and output_ratio is None:
            raise ValueError(f"fractional_max_pool{n}d requires specifying either an output_size or an output_ratio")
        if output_size is None:
            ratio = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * n
            if len(ratio) > n:
                raise ValueError(
                    f"fractional_max_pool{n}d requires output_ratio to either be a single Int or tuple of Ints."
                )
            output_size = [int(s * r) for s, r in zip(input.shape[-n:], ratio)]
        if _random_samples is None:
            batch = 1 if input.dim() == n + 1 else input.size(0)
            _random_samples = rtorch.rand(batch, input.size(-n - 1), n, dtype=input.dtype, device=input.device)
        return kernel(input, kernel_size, output_size, _random_samples)

    def pool(input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
        result = both(input, kernel_size, output_size, output_ratio, return_indices, _random_samples)
        return result if return_indices else result[0]

    for f, name in ((pool, f"fractional_max_pool{n}d"), (both, f"fractional_max_pool{n}d_with_indices")):
        f.__name__ = f.__qualname__ = name
        f.__doc__ = "Maximum pooling over windows whose places are drawn. Graham 2014."
    return pool, both


max_pool1d = _picks_indices("max_pool1d")
max_pool2d = _picks_indices("max_pool2d")
max_pool3d = _picks_indices("max_pool3d")
adaptive_max_pool1d = _picks_indices("adaptive_max_pool1d")
adaptive_max_pool2d = _picks_indices("adaptive_max_pool2d")
adaptive_max_pool3d = _picks_indices("adaptive_max_pool3d")
fractional_max_pool2d, fractional_max_pool2d_with_indices = _fractional(2)
fractional_max_pool3d, fractional_max_pool3d_with_indices = _fractional(3)


def adaptive_avg_pool2d(input, output_size):
    """Means of windows such that images (N, C, H, W) or (C, H, W) get `output_size`; None keeps the input's size."""
    return _C._nn.adaptive_avg_pool2d(input, _given(input, output_size))


def adaptive_avg_pool3d(input, output_size):
    """Means of windows such that volumes (N, C, D, H, W) or (C, D, H, W) get `output_size`; None keeps the input's."""
    return _C._nn.adaptive_avg_pool3d(input, _given(input, output_size))


def _reduction_of(size_average, reduce):
    """The `reduction` that the two older loss arguments stand for."""
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    import warnings

    reduction = ("mean" if size_average else "sum") if reduce else "none"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.", stacklevel=4
    )
    return reduction


def _implicit_dim(name, ndim, stacklevel):
    """The dimension that softmax takes where none is given: 0 for 0, 1 and 3 dimensions, 1 otherwise."""
    import warnings

    dim = 0 if ndim in (0, 1, 3) else 1
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.\n"
        f"The input has {ndim} dimensions, for which dim={dim} is taken.",
        stacklevel=stacklevel,
    )
    return dim


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(x) / sum(exp(x)) along `dim`."""
    if dim is None:
        dim = _implicit_dim("softmax", input.dim(), _stacklevel)
    return rtorch.softmax(input, dim, dtype)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """Softmax of -x."""
    if dim is None:
        dim = _implicit_dim("softmin", input.dim(), _stacklevel)
    return rtorch.softmax(-input, dim, dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """log(softmax(x)), accurate where softmax is near 0."""
    if dim is None:
        dim = _implicit_dim("log_softmax", input.dim(), _stacklevel)
    return rtorch.log_softmax(input, dim, dtype)


def triplet_margin_with_distance_loss(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """max(d(anchor, positive) - d(anchor, negative) + margin, 0), reduced; d is any function of two tensors."""
    distance = pairwise_distance if distance_function is None else distance_function  # noqa: F821
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if not (anchor.dim() == positive.dim() == negative.dim()):
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = rtorch.minimum(far, distance(positive, negative))
    loss = rtorch.clamp_min(margin + near - far, 0)
    return loss.sum() if reduction == "sum" else loss.mean() if reduction == "mean" else loss


def linear_cross_entropy(
    input,
    linear_weight,
    target,
    *,
    linear_bias=None,
    weight=None,
    reduction="mean",
    ignore_index=None,
    label_smoothing=0.0,
    options=None,
):
    """`cross_entropy` of `linear(input, linear_weight, linear_bias)`, for input (N, in) or (in,).

    The weight is (C, in), or (C, d1, ..., in) for scores (N, C, d1, ...). With `options` (see
    nn.LinearCrossEntropyOptions) the scores are computed a few samples at a time, where targets are class indices.
    """
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if linear_weight.dim() < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {linear_weight.dim()}")
    features = linear_weight.shape[-1]
    if input.shape[-1] != features:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), "
            f"got {input.shape[-1]} and {features}, respectively"
        )
    each = linear_weight.shape[:-1]  # of one sample's scores
    if linear_bias is not None and linear_bias.shape != each:
        raise RuntimeError(f"expected linear_bias shape {tuple(each)}, got {tuple(linear_bias.shape)}")
    if len(each) > 1 and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, "
            f"(N, {features}), got unbatched input with shape {tuple(input.shape)}"
        )
    if target.shape == input.shape[:-1] + each and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    ignore_index = -100 if ignore_index is None else ignore_index
    if options is not None:
        if len(each) == 1 and label_smoothing == 0 and target.dtype == rtorch.int64:
            from .modules.linear_cross_entropy_options import in_pieces

            x, y = (input, target) if input.dim() == 2 else (input.unsqueeze(0), target.unsqueeze(0))
            loss = in_pieces(options, x, linear_weight, linear_bias, y, weight, reduction, ignore_index)
            return loss.reshape(target.shape) if reduction == "none" else loss
        import warnings

        warnings.warn(
            "linear_cross_entropy: ``options`` ignored; they need int64 class indices, label_smoothing=0 and a weight "
            f"of two dimensions. Got {target.dtype}, {label_smoothing} and {linear_weight.dim()} dimensions.",
            stacklevel=2,
        )
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    scores = linear(input, linear_weight.reshape(-1, features), bias)  # noqa: F821
    how = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction, "label_smoothing": label_smoothing}
    return cross_entropy(scores.reshape(input.shape[:-1] + each), target, **how)  # noqa: F821


def _canonical_mask(mask, mask_name, other_type, other_name, target_type, check_other=True):
    """A boolean mask (True: not allowed) as one to add: -inf there, 0 elsewhere. Float masks stay as they are."""
    if mask is None:
        return None
    if mask.dtype != rtorch.bool and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        import warnings

        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    if mask.is_floating_point():
        return mask
    return rtorch.zeros_like(mask, dtype=target_type).masked_fill_(mask, float("-inf"))


def _none_or_dtype(input):
    if input is None:
        return None
    if isinstance(input, rtorch.Tensor):
        return input.dtype
    raise RuntimeError("input to _none_or_dtype() must be None or torch.Tensor")


def _check_attention_shapes(query, key, value, key_padding_mask, attn_mask, num_heads):
    """Whether the input has a batch dimension; refuses shapes that do not go together."""
    batched = query.dim() == 3
    if query.dim() not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query tensor"
        )
    kind, n = ("batched", 3) if batched else ("unbatched", 2)
    if key.dim() != n or value.dim() != n:
        raise AssertionError(
            f"For {kind} ({n}-D) `query`, expected `key` and `value` to be {n}-D but found {key.dim()}-D and "
            f"{value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != n - 1:
        raise AssertionError(
            f"For {kind} ({n}-D) `query`, expected `key_padding_mask` to be `None` or {n - 1}-D but found "
            f"{key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None:
        if attn_mask.dim() not in (2, 3):
            raise AssertionError(
                f"For {kind} ({n}-D) `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
                f"{attn_mask.dim()}-D tensor instead"
            )
        if not batched and attn_mask.dim() == 3:
            expected = (num_heads, query.shape[0], key.shape[0])
            if tuple(attn_mask.shape) != expected:
                raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {tuple(attn_mask.shape)}")
    return batched


def _in_projection(query, key, value, dim, weight, bias):
    """query, key and value through the three parts of one weight, together where they are one tensor."""
    if key is value:
        if query is key:
            return linear(query, weight, bias).chunk(3, -1)  # noqa: F821
        w_q, w_kv = weight.split([dim, 2 * dim])
        b_q, b_kv = (None, None) if bias is None else bias.split([dim, 2 * dim])
        return (linear(query, w_q, b_q), *linear(key, w_kv, b_kv).chunk(2, -1))  # noqa: F821
    b = (None,) * 3 if bias is None else bias.chunk(3)
    return [linear(x, w, c) for x, w, c in zip((query, key, value), weight.chunk(3), b)]  # noqa: F821


def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check,
    num_heads,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn,
    dropout_p,
    out_proj_weight,
    out_proj_bias,
    training=True,
    key_padding_mask=None,
    need_weights=True,
    attn_mask=None,
    use_separate_proj_weight=False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights=True,
    is_causal=False,
):
    """Multi-head attention; the arguments are those of nn.MultiheadAttention and its parameters.

    query (L, N, E), key (S, N, E), value (S, N, E), or all without N. Returns (L, N, E) and, with `need_weights`,
    the attention weights (N, L, S), or (N, heads, L, S) without averaging.
    """
    batched = _check_attention_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same_kv, same_q = value is key, key is query
        query = query.unsqueeze(1)
        key = query if same_q else key.unsqueeze(1)
        value = key if same_kv else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    tgt_len, bsz, embed_dim = query.shape
    src_len = key.shape[0]

    key_padding_mask = _canonical_mask(
        key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", query.dtype
    )
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None  # the attention operator makes its own
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        is_causal = False
    if embed_dim != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed_dim}")
    head_dim = embed_dim // num_heads
    if head_dim * num_heads != embed_dim:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )
        for name, weight in (("q", q_proj_weight), ("k", k_proj_weight), ("v", v_proj_weight)):
            if weight is None:
                raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
        b_q, b_k, b_v = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
        q = linear(query, q_proj_weight, b_q)  # noqa: F821
        k = linear(key, k_proj_weight, b_k)  # noqa: F821
        v = linear(value, v_proj_weight, b_v)  # noqa: F821
    else:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = _in_projection(query, key, value, embed_dim, in_proj_weight, in_proj_bias)

    if attn_mask is not None:
        if attn_mask.dim() == 2:
            if tuple(attn_mask.shape) != (tgt_len, src_len):
                raise RuntimeError(
                    f"The shape of the 2D attn_mask is {attn_mask.shape}, but should be {(tgt_len, src_len)}."
                )
            attn_mask = attn_mask.unsqueeze(0)
        elif tuple(attn_mask.shape) != (bsz * num_heads, tgt_len, src_len):
            raise RuntimeError(
                f"The shape of the 3D attn_mask is {attn_mask.shape}, but should be "
                f"{(bsz * num_heads, tgt_len, src_len)}."
            )

    extra = 0  # key positions beside the input's
    if bias_k is not None and bias_v is not None:
        k = rtorch.cat([k, bias_k.repeat(1, bsz, 1)])
        v = rtorch.cat([v, bias_v.repeat(1, bsz, 1)])
        extra += 1
    q = q.contiguous().view(tgt_len, bsz * num_heads, head_dim).transpose(0, 1)
    if static_k is not None:
        k = static_k
    else:
        k = k.contiguous().view(k.shape[0], bsz * num_heads, head_dim).transpose(0, 1)
    if static_v is not None:
        v = static_v
    else:
        v = v.contiguous().view(v.shape[0], bsz * num_heads, head_dim).transpose(0, 1)
    if add_zero_attn:
        k = rtorch.cat([k, k.new_zeros((bsz * num_heads, 1, head_dim))], 1)
        v = rtorch.cat([v, v.new_zeros((bsz * num_heads, 1, head_dim))], 1)
        extra += 1
    if extra:
        if attn_mask is not None:
            attn_mask = pad(attn_mask, (0, extra))  # noqa: F821
        if key_padding_mask is not None:
            key_padding_mask = pad(key_padding_mask, (0, extra))  # noqa: F821
    src_len = k.shape[1]
    if key_padding_mask is not None:
        if tuple(key_padding_mask.shape) != (bsz, src_len):
            raise AssertionError(
                f"expecting key_padding_mask shape of {(bsz, src_len)}, but got {tuple(key_padding_mask.shape)}"
            )
        mask = key_padding_mask.view(bsz, 1, 1, src_len).expand(-1, num_heads, -1, -1)
        mask = mask.reshape(bsz * num_heads, 1, src_len)
        attn_mask = mask if attn_mask is None else attn_mask + mask
    if not training:
        dropout_p = 0.0

    if need_weights:
        q = q * (1.0 / head_dim) ** 0.5
        if attn_mask is not None:
            weights = rtorch.baddbmm(attn_mask, q, k.transpose(-2, -1))
        else:
            weights = rtorch.bmm(q, k.transpose(-2, -1))
        weights = softmax(weights, dim=-1)
        if dropout_p > 0.0:
            weights = dropout(weights, p=dropout_p)  # noqa: F821
        output = rtorch.bmm(weights, v).transpose(0, 1).contiguous().view(tgt_len * bsz, embed_dim)
        output = linear(output, out_proj_weight, out_proj_bias).view(tgt_len, bsz, -1)  # noqa: F821
        weights = weights.view(bsz, num_heads, tgt_len, src_len)
        if average_attn_weights:
            weights = weights.mean(dim=1)
        if not batched:
            output, weights = output.squeeze(1), weights.squeeze(0)
        return output, weights

    if attn_mask is not None:
        if attn_mask.size(0) == 1 and attn_mask.dim() == 3:
            attn_mask = attn_mask.unsqueeze(0)
        else:
            attn_mask = attn_mask.view(bsz, num_heads, -1, src_len)
    q = q.view(bsz, num_heads, tgt_len, head_dim)
    k = k.view(bsz, num_heads, src_len, head_dim)
    v = v.view(bsz, num_heads, src_len, head_dim)
    output = scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal)  # noqa: F821
    output = output.permute(2, 0, 1, 3).contiguous().view(bsz * tgt_len, embed_dim)
    output = linear(output, out_proj_weight, out_proj_bias).view(tgt_len, bsz, -1)  # noqa: F821
    return output if batched else output.squeeze(1), None


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """Softmax of logits with Gumbel noise at temperature `tau`; `hard=True` gives one-hot vectors with its gradient."""
    if eps != 1e-10:
        import warnings

        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -rtorch.empty_like(logits, memory_format=rtorch.contiguous_format).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    ones = rtorch.zeros_like(logits, memory_format=rtorch.contiguous_format).scatter_(dim, index, 1.0)
    return ones - soft.detach() + soft
