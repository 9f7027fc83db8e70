# Written by tests/stubs.py (make stubs) from the operator table; do not edit.

from typing import Any

from rtorch._C import _bool, _float, Generator, _int, _Number, Tensor

def alpha_dropout(input: Tensor, p: _float = 0.5, training: _bool = False, inplace: _bool = False) -> Tensor:
    """Dropout that keeps mean and variance of what SELU gives."""
def celu(input: Tensor, alpha: _Number = 1, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)). Shapes: (*) -> (*)."""
def celu_(input: Tensor, alpha: _Number = 1, inplace: _bool = False) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)). In place."""
def dropout(input: Tensor, p: _float = 0.5, training: _bool = True, inplace: _bool = False) -> Tensor:
    """In training, each element is 0 with probability `p`, and the others are scaled by 1 / (1 - p)."""
def dropout1d(input: Tensor, p: _float = 0.5, training: _bool = True, inplace: _bool = False) -> Tensor:
    """In training, each channel (of each sample) of sequences is 0 with probability `p`."""
def dropout2d(input: Tensor, p: _float = 0.5, training: _bool = True, inplace: _bool = False) -> Tensor:
    """In training, each channel (of each sample) of images is 0 with probability `p`. Three dimensions are read as (N,
    C, L)."""
def dropout3d(input: Tensor, p: _float = 0.5, training: _bool = True, inplace: _bool = False) -> Tensor:
    """In training, each channel (of each sample) of volumes is 0 with probability `p`."""
def elu(input: Tensor, alpha: _Number = 1, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """x above 0, alpha * (exp(x) - 1) below. Shapes: (*) -> (*)."""
def elu_(input: Tensor, alpha: _Number = 1, inplace: _bool = False) -> Tensor:
    """x above 0, alpha * (exp(x) - 1) below. In place."""
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: _int | None = None,
    max_norm: _float | None = None,
    norm_type: _float = 2.0,
    scale_grad_by_freq: _bool = False,
    sparse: _bool = False,
) -> Tensor:
    """Rows of `weight`: one for each number in `input`. The row `padding_idx` gets no gradient; rows longer than
    `max_norm` are shortened in place first."""
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: _float | None = None,
    norm_type: _float = 2.0,
    scale_grad_by_freq: _bool = False,
    mode: str = "mean",
    sparse: _bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: _bool = False,
    padding_idx: _int | None = None,
) -> Tensor:
    """Sums, means or maxima of rows of `weight` over bags of numbers: the rows of a matrix, or stretches of a vector
    that begin at `offsets`."""
def feature_alpha_dropout(input: Tensor, p: _float = 0.5, training: _bool = False, inplace: _bool = False) -> Tensor:
    """`alpha_dropout` of whole channels."""
def gelu(input: Tensor, *, approximate: str = "none", out: Tensor | None = None) -> Tensor:
    """The Gaussian error linear unit, x * Phi(x). Hendrycks & Gimpel 2016. `approximate` "tanh" uses tanh for Phi.
    Shapes: (*) -> (*)."""
def glu(input: Tensor, dim: _int = -1) -> Tensor:
    """The first half of `dim` times the sigmoid of the second."""
def hardshrink(input: Tensor, lambd: _Number = 0.5, *, out: Tensor | None = None) -> Tensor:
    """x where |x| > lambd, else 0. Shapes: (*) -> (*)."""
def hardsigmoid(input: Tensor, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """min(max(x + 3, 0), 6) / 6. Shapes: (*) -> (*)."""
def hardsigmoid_(input: Tensor, inplace: _bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6. In place."""
def hardswish(input: Tensor, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """x * min(max(x + 3, 0), 6) / 6. Shapes: (*) -> (*)."""
def hardswish_(input: Tensor, inplace: _bool = False) -> Tensor:
    """x * min(max(x + 3, 0), 6) / 6. In place."""
def hardtanh(
    input: Tensor, min_val: _Number = -1, max_val: _Number = 1, inplace: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """x brought into [min_val, max_val]. Shapes: (*) -> (*)."""
def hardtanh_(input: Tensor, min_val: _Number = -1, max_val: _Number = 1, inplace: _bool = False) -> Tensor:
    """x brought into [min_val, max_val]. In place."""
def leaky_relu(
    input: Tensor, negative_slope: _Number = 0.01, inplace: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """x above 0, negative_slope * x below. Shapes: (*) -> (*)."""
def leaky_relu_(input: Tensor, negative_slope: _Number = 0.01, inplace: _bool = False) -> Tensor:
    """x above 0, negative_slope * x below. In place."""
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`input @ weight.T + bias`, over the last dimension."""
def logsigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(sigmoid(x)). Shapes: (*) -> (*)."""
def mish(input: Tensor, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """x * tanh(softplus(x)). Shapes: (*) -> (*)."""
def mish_(input: Tensor, inplace: _bool = False) -> Tensor:
    """x * tanh(softplus(x)). In place."""
def one_hot(input: Tensor, num_classes: _int = -1) -> Tensor:
    """Numbers as vectors of 0 with a single 1."""
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x above 0, weight * x below; `weight` holds one slope, or one for each channel (dimension 1)."""
def relu6(input: Tensor, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """min(max(x, 0), 6). Shapes: (*) -> (*)."""
def relu6_(input: Tensor, inplace: _bool = False) -> Tensor:
    """min(max(x, 0), 6). In place."""
def rrelu(
    input: Tensor,
    lower: _Number = 0.125,
    upper: _Number = 0.3333333333333333,
    training: _bool = False,
    inplace: _bool = False,
) -> Tensor:
    """Randomised leaky ReLU: in training the slope below 0 is drawn from [lower, upper), else it is their mean."""
def rrelu_(
    input: Tensor,
    lower: _Number = 0.125,
    upper: _Number = 0.3333333333333333,
    training: _bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """`rrelu`, in place."""
def selu(input: Tensor, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The self-normalising exponential unit. Klambauer et al. 2017. Shapes: (*) -> (*)."""
def selu_(input: Tensor, inplace: _bool = False) -> Tensor:
    """The self-normalising exponential unit. Klambauer et al. 2017. In place."""
def silu(input: Tensor, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """x * sigmoid(x). Shapes: (*) -> (*)."""
def silu_(input: Tensor, inplace: _bool = False) -> Tensor:
    """x * sigmoid(x). In place."""
def softplus(input: Tensor, beta: _Number = 1, threshold: _Number = 20, *, out: Tensor | None = None) -> Tensor:
    """log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold. Shapes: (*) -> (*)."""
def softshrink(input: Tensor, lambd: _Number = 0.5, *, out: Tensor | None = None) -> Tensor:
    """x moved towards 0 by lambd; 0 where |x| <= lambd. Shapes: (*) -> (*)."""
def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|). Shapes: (*) -> (*)."""
def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x). Shapes: (*) -> (*)."""
def threshold(
    input: Tensor, threshold: _Number, value: _Number, inplace: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """x where x > threshold, else value. Shapes: (*) -> (*)."""
def threshold_(input: Tensor, threshold: _Number, value: _Number, inplace: _bool = False) -> Tensor:
    """x where x > threshold, else value. In place."""
def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: Any,
    num_heads: Any,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: Any,
    dropout_p: Any,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: Any = True,
    key_padding_mask: Any = None,
    need_weights: Any = True,
    attn_mask: Any = None,
    use_separate_proj_weight: Any = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: Any = True,
    is_causal: Any = False,
) -> Any: ...
def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Any = None,
    margin: Any = 1.0,
    swap: Any = False,
    reduction: Any = "mean",
) -> Any: ...
