# Written by tests/stubs.py (make stubs) from the operator table; do not edit.

from collections.abc import Sequence
from typing import Any, overload

from rtorch._C import _bool, _float, Generator, _int, _Number, Tensor

def adaptive_avg_pool1d(input: Tensor, output_size: _int | Sequence[_int]) -> Tensor:
    """Means of windows such that sequences (N, C, L) or (C, L) get the length `output_size`."""
def adaptive_max_pool1d_with_indices(input: Tensor, output_size: _int | Sequence[_int]) -> tuple[Tensor, Tensor]:
    """The largest elements of windows such that sequences get the length `output_size`, and where they are."""
def adaptive_max_pool2d_with_indices(input: Tensor, output_size: _int | Sequence[_int]) -> tuple[Tensor, Tensor]:
    """The largest elements of windows such that images get the size `output_size`, and where they are."""
def adaptive_max_pool3d_with_indices(input: Tensor, output_size: _int | Sequence[_int]) -> tuple[Tensor, Tensor]:
    """The largest elements of windows such that volumes get the size `output_size`, and where they are."""
def alpha_dropout(input: Tensor, p: _float = 0.5, training: _bool = False, inplace: _bool = False) -> Tensor:
    """Dropout that keeps mean and variance of what SELU gives."""
def avg_pool1d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = (0,),
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
) -> Tensor:
    """The mean of each window of sequences (N, C, L) or (C, L)."""
def avg_pool2d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = (0,),
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
    divisor_override: _int | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The mean of each window of images (N, C, H, W) or (C, H, W)."""
def avg_pool3d(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = (0,),
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
    divisor_override: _int | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The mean of each window of volumes (N, C, D, H, W) or (C, D, H, W)."""
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: _bool = False,
    momentum: _float = 0.1,
    eps: _float = 0.00001,
) -> Tensor:
    """Batch normalization of (N, C, *) over all dimensions but C: with the statistics of the input (and an update of
    the running ones) where it trains, else with the running ones. Ioffe & Szegedy 2015."""
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y[b, o] = the sum over i, j of input1[b, i] * weight[o, i, j] * input2[b, j], plus bias[o]."""
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: _bool | None = None,
    reduce: _bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(target log(input) + (1 - target) log(1 - input)) for probabilities; logarithms are not below -100."""
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: _bool | None = None,
    reduce: _bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of sigmoid(input), accurate for large inputs; `pos_weight` weighs the positive part."""
def celu(input: Tensor, alpha: _Number = 1, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)). Shapes: (*) -> (*)."""
def celu_(input: Tensor, alpha: _Number = 1, inplace: _bool = False) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)). In place."""
def channel_shuffle(input: Tensor, groups: _int) -> Tensor:
    """Channels of (N, C, *) in `groups`, dealt out in turn. Zhang et al. 2018."""
@overload
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: _int | Sequence[_int] = (0,),
    dilation: _int | Sequence[_int] = (1,),
    groups: _int = 1,
) -> Tensor:
    """Convolution over sequences (N, C_in, L) or (C_in, L), with a weight (C_out, C_in / groups, K)."""
@overload
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: str = "valid",
    dilation: _int | Sequence[_int] = (1,),
    groups: _int = 1,
) -> Tensor:
    """`conv1d` with padding 'same' or 'valid'."""
@overload
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: _int | Sequence[_int] = (0,),
    dilation: _int | Sequence[_int] = (1,),
    groups: _int = 1,
) -> Tensor:
    """Convolution over images (N, C_in, H, W) or (C_in, H, W), with a weight (C_out, C_in / groups, kH, kW)."""
@overload
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: str = "valid",
    dilation: _int | Sequence[_int] = (1,),
    groups: _int = 1,
) -> Tensor:
    """`conv2d` with padding 'same' or 'valid'."""
@overload
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: _int | Sequence[_int] = (0,),
    dilation: _int | Sequence[_int] = (1,),
    groups: _int = 1,
) -> Tensor:
    """Convolution over volumes (N, C_in, D, H, W) or (C_in, D, H, W), with a weight (C_out, C_in / groups, kD, kH,
    kW)."""
@overload
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: str = "valid",
    dilation: _int | Sequence[_int] = (1,),
    groups: _int = 1,
) -> Tensor:
    """`conv3d` with padding 'same' or 'valid'."""
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: _int = 0) -> Tensor:
    """Convolution over sequences (time, batch, C_in), with a weight (K, C_in, C_out)."""
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: _int | Sequence[_int] = (0,),
    output_padding: _int | Sequence[_int] = (0,),
    groups: _int = 1,
    dilation: _int | Sequence[_int] = (1,),
) -> Tensor:
    """The transpose of `conv1d`, with a weight (C_in, C_out / groups, K)."""
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: _int | Sequence[_int] = (0,),
    output_padding: _int | Sequence[_int] = (0,),
    groups: _int = 1,
    dilation: _int | Sequence[_int] = (1,),
) -> Tensor:
    """The transpose of `conv2d`, with a weight (C_in, C_out / groups, kH, kW)."""
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _int | Sequence[_int] = (1,),
    padding: _int | Sequence[_int] = (0,),
    output_padding: _int | Sequence[_int] = (0,),
    groups: _int = 1,
    dilation: _int | Sequence[_int] = (1,),
) -> Tensor:
    """The transpose of `conv3d`, with a weight (C_in, C_out / groups, kD, kH, kW)."""
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: _float = 0.0,
    size_average: _bool | None = None,
    reduce: _bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos where target is 1, max(cos - margin, 0) where it is -1."""
def cosine_similarity(x1: Tensor, x2: Tensor, dim: _int = 1, eps: _float = 1e-08) -> Tensor:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`."""
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: _bool | None = None,
    ignore_index: _int = -100,
    reduce: _bool | None = None,
    reduction: str = "mean",
    label_smoothing: _float = 0.0,
) -> Tensor:
    """Cross-entropy of softmax(input): class numbers (N, *) for scores (N, C, *), or probabilities (N, C, *)."""
@overload
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    blank: _int = 0,
    reduction: str = "mean",
    zero_infinity: _bool = False,
) -> Tensor:
    """Connectionist temporal classification: log-probabilities (T, N, C) against label sequences. Graves et al.
    2006."""
@overload
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: _int | Sequence[_int],
    target_lengths: _int | Sequence[_int],
    blank: _int = 0,
    reduction: str = "mean",
    zero_infinity: _bool = False,
) -> Tensor:
    """The same with lengths as numbers."""
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
def fold(
    input: Tensor,
    output_size: _int | Sequence[_int],
    kernel_size: _int | Sequence[_int],
    dilation: _int | Sequence[_int] = (1,),
    padding: _int | Sequence[_int] = (0,),
    stride: _int | Sequence[_int] = (1,),
) -> Tensor:
    """The sum of blocks (N, C kH kW, number of blocks) at their places in images of `output_size`."""
def gelu(input: Tensor, *, approximate: str = "none", out: Tensor | None = None) -> Tensor:
    """The Gaussian error linear unit, x * Phi(x). Hendrycks & Gimpel 2016. `approximate` "tanh" uses tanh for Phi.
    Shapes: (*) -> (*)."""
def glu(input: Tensor, dim: _int = -1) -> Tensor:
    """The first half of `dim` times the sigmoid of the second."""
def group_norm(
    input: Tensor, num_groups: _int, weight: Tensor | None = None, bias: Tensor | None = None, eps: _float = 0.00001
) -> Tensor:
    """Normalization of (N, C, *) over groups of channels and all that follows them. Wu & He 2018."""
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
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: _float = 1.0,
    size_average: _bool | None = None,
    reduce: _bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """input where target is 1, max(margin - input, 0) where it is -1."""
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: _float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Half the square where |input - target| <= delta; delta (|input - target| - delta / 2) elsewhere."""
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: _bool = True,
    momentum: _float = 0.1,
    eps: _float = 0.00001,
) -> Tensor:
    """Instance normalization of (N, C, *): each channel of each sample by itself. Ulyanov, Vedaldi & Lempitsky 2016."""
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: _bool | None = None,
    reduce: _bool | None = None,
    reduction: str = "mean",
    log_target: _bool = False,
) -> Tensor:
    """target (log(target) - input) for log-probabilities `input`; with `log_target` the target is one too."""
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: _bool | None = None,
    reduce: _bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|."""
def layer_norm(
    input: Tensor,
    normalized_shape: _int | Sequence[_int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: _float = 0.00001,
    cudnn_enable: _bool = True,
) -> Tensor:
    """Normalization over the last dimensions, which are `normalized_shape`. Ba, Kiros & Hinton 2016."""
def leaky_relu(
    input: Tensor, negative_slope: _Number = 0.01, inplace: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """x above 0, negative_slope * x below. Shapes: (*) -> (*)."""
def leaky_relu_(input: Tensor, negative_slope: _Number = 0.01, inplace: _bool = False) -> Tensor:
    """x above 0, negative_slope * x below. In place."""
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None, *, out: Tensor | None = None) -> Tensor:
    """`input @ weight.T + bias`, over the last dimension."""
def local_response_norm(
    input: Tensor, size: _int, alpha: _float = 0.0001, beta: _float = 0.75, k: _float = 1.0
) -> Tensor:
    """Each element divided by a power of the mean square over `size` neighbouring channels. Krizhevsky et al. 2012."""
def logsigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(sigmoid(x)). Shapes: (*) -> (*)."""
def lp_pool1d(
    input: Tensor,
    norm_type: _float,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    ceil_mode: _bool = False,
) -> Tensor:
    """The `norm_type`-norm of each window of sequences."""
def lp_pool2d(
    input: Tensor,
    norm_type: _float,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    ceil_mode: _bool = False,
) -> Tensor:
    """The `norm_type`-norm of each window of images."""
def lp_pool3d(
    input: Tensor,
    norm_type: _float,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    ceil_mode: _bool = False,
) -> Tensor:
    """The `norm_type`-norm of each window of volumes."""
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: _float = 0.0,
    size_average: _bool | None = None,
    reduce: _bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(-target (input1 - input2) + margin, 0)."""
def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = (0,),
    dilation: _int | Sequence[_int] = (1,),
    ceil_mode: _bool = False,
) -> tuple[Tensor, Tensor]:
    """The largest element of each window of sequences (N, C, L) or (C, L), and where it is."""
def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = (0,),
    dilation: _int | Sequence[_int] = (1,),
    ceil_mode: _bool = False,
) -> tuple[Tensor, Tensor]:
    """The largest element of each window of images (N, C, H, W) or (C, H, W), and where it is in its plane."""
def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = (0,),
    dilation: _int | Sequence[_int] = (1,),
    ceil_mode: _bool = False,
) -> tuple[Tensor, Tensor]:
    """The largest element of each window of volumes (N, C, D, H, W) or (C, D, H, W), and where it is."""
def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = (0,),
    output_size: _int | Sequence[_int] | None = None,
) -> Tensor:
    """Elements put back at the places that `max_pool1d` gave, zeros elsewhere."""
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = (0,),
    output_size: _int | Sequence[_int] | None = None,
) -> Tensor:
    """Elements put back at the places that `max_pool2d` gave, zeros elsewhere."""
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: _int | Sequence[_int] = (0,),
    output_size: _int | Sequence[_int] | None = None,
) -> Tensor:
    """Elements put back at the places that `max_pool3d` gave, zeros elsewhere."""
def mish(input: Tensor, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """x * tanh(softplus(x)). Shapes: (*) -> (*)."""
def mish_(input: Tensor, inplace: _bool = False) -> Tensor:
    """x * tanh(softplus(x)). In place."""
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: _bool | None = None,
    reduce: _bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)^2."""
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: _Number = 1,
    margin: _Number = 1,
    weight: Tensor | None = None,
    size_average: _bool | None = None,
    reduce: _bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Sums over the other classes of max(margin - input[target] + input[class], 0)^p, over the number of classes."""
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: _bool | None = None,
    reduce: _bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Sums over targets t (up to the first -1) and other classes c of max(1 - input[t] + input[c], 0), over the number
    of classes."""
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: _bool | None = None,
    reduce: _bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross-entropy of each class, averaged over the classes."""
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: _bool | None = None,
    ignore_index: _int = -100,
    reduce: _bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-weight[target] * input[target] for log-probabilities (N, C, *) and class numbers (N, *)."""
def normalize(
    input: Tensor, p: _float = 2.0, dim: _int | Sequence[_int] = (1,), eps: _float = 1e-12, *, out: Tensor | None = None
) -> Tensor:
    """`input` divided by its `p`-norm along `dim`, or by `eps` where that is larger."""
def one_hot(input: Tensor, num_classes: _int = -1) -> Tensor:
    """Numbers as vectors of 0 with a single 1."""
def pad(input: Tensor, pad: _int | Sequence[_int], mode: str = "constant", value: _float | None = None) -> Tensor:
    """The tensor with elements around it. `pad` has two numbers for each dimension, the last dimension first; `mode` is
    'constant' (any dimensions), 'reflect', 'replicate' or 'circular' (the last one to three, all but batch and
    channels)."""
def pairwise_distance(x1: Tensor, x2: Tensor, p: _float = 2.0, eps: _float = 1e-06, keepdim: _bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last dimension."""
def pixel_shuffle(input: Tensor, upscale_factor: _int) -> Tensor:
    """(*, C r^2, H, W) as (*, C, H r, W r): channels become pixels. Shi et al. 2016."""
def pixel_unshuffle(input: Tensor, downscale_factor: _int) -> Tensor:
    """(*, C, H r, W r) as (*, C r^2, H, W): the inverse of `pixel_shuffle`."""
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: _bool = True,
    full: _bool = False,
    size_average: _bool | None = None,
    eps: _float = 1e-08,
    reduce: _bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The likelihood of counts: exp(input) - target * input, or input - target * log(input + eps)."""
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x above 0, weight * x below; `weight` holds one slope, or one for each channel (dimension 1)."""
def relu6(input: Tensor, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """min(max(x, 0), 6). Shapes: (*) -> (*)."""
def relu6_(input: Tensor, inplace: _bool = False) -> Tensor:
    """min(max(x, 0), 6). In place."""
def rms_norm(
    input: Tensor, normalized_shape: _int | Sequence[_int], weight: Tensor | None = None, eps: _float | None = None
) -> Tensor:
    """The last dimensions divided by the root of their mean square. Zhang & Sennrich 2019."""
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
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: _float = 0.0,
    is_causal: _bool = False,
    *,
    scale: _float | None = None,
    enable_gqa: _bool = False,
) -> Tensor:
    """softmax(query @ key^T * scale + mask) @ value over the last two dimensions. A boolean mask is true where
    attention is allowed; a row that may attend to nothing gives zeros. `scale` is 1 / sqrt(E) by default; with
    `enable_gqa` heads of key and value are shared among heads of the query. Memory grows with the length and not with
    its square, but for dropout and for gradients of the mask. Vaswani et al. 2017; Dao et al. 2022."""
def selu(input: Tensor, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """The self-normalising exponential unit. Klambauer et al. 2017. Shapes: (*) -> (*)."""
def selu_(input: Tensor, inplace: _bool = False) -> Tensor:
    """The self-normalising exponential unit. Klambauer et al. 2017. In place."""
def silu(input: Tensor, inplace: _bool = False, *, out: Tensor | None = None) -> Tensor:
    """x * sigmoid(x). Shapes: (*) -> (*)."""
def silu_(input: Tensor, inplace: _bool = False) -> Tensor:
    """x * sigmoid(x). In place."""
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: _bool | None = None,
    reduce: _bool | None = None,
    reduction: str = "mean",
    beta: _float = 1.0,
) -> Tensor:
    """Squared where |input - target| < beta, and divided by 2 beta; |input - target| - beta / 2 elsewhere."""
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: _bool | None = None,
    reduce: _bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target * input)) for targets 1 and -1."""
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
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: _float = 1.0,
    p: _float = 2,
    eps: _float = 1e-06,
    swap: _bool = False,
    size_average: _bool | None = None,
    reduce: _bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(d(anchor, positive) - d(anchor, negative) + margin, 0); d is `pairwise_distance`."""
def unfold(
    input: Tensor,
    kernel_size: _int | Sequence[_int],
    dilation: _int | Sequence[_int] = (1,),
    padding: _int | Sequence[_int] = (0,),
    stride: _int | Sequence[_int] = (1,),
) -> Tensor:
    """The blocks that slide over images (N, C, H, W), as columns: (N, C kH kW, number of blocks)."""
def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any: ...
def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any: ...
def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: Any = False) -> Any: ...
def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: Any = False) -> Any: ...
def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: Any = False) -> Any: ...
affine_grid: Any
def fractional_max_pool2d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: Any = False,
    _random_samples: Any = None,
) -> Any: ...
def fractional_max_pool2d_with_indices(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: Any = False,
    _random_samples: Any = None,
) -> Any: ...
def fractional_max_pool3d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: Any = False,
    _random_samples: Any = None,
) -> Any: ...
def fractional_max_pool3d_with_indices(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: Any = False,
    _random_samples: Any = None,
) -> Any: ...
def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: Any = False, eps: Any = 1e-06, reduction: Any = "mean"
) -> Any: ...
grid_sample: Any
def gumbel_softmax(logits: Any, tau: Any = 1, hard: Any = False, eps: Any = 1e-10, dim: Any = -1) -> Any: ...
interpolate: Any
def linear_cross_entropy(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: Any = "mean",
    ignore_index: Any = None,
    label_smoothing: Any = 0.0,
    options: Any = None,
) -> Any: ...
def log_softmax(input: Any, dim: Any = None, _stacklevel: Any = 3, dtype: Any = None) -> Any: ...
def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: Any = False,
    return_indices: Any = False,
) -> Any: ...
def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: Any = False,
    return_indices: Any = False,
) -> Any: ...
def max_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: Any = False,
    return_indices: Any = False,
) -> Any: ...
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
pdist: Any
def relu(input: Any, inplace: Any = False) -> Any: ...
def softmax(input: Any, dim: Any = None, _stacklevel: Any = 3, dtype: Any = None) -> Any: ...
def softmin(input: Any, dim: Any = None, _stacklevel: Any = 3, dtype: Any = None) -> Any: ...
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
upsample: Any
upsample_bilinear: Any
upsample_nearest: Any
