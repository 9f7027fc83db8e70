//! Products of three, and functions of `nn.functional` that only move elements: shuffles, sliding blocks.

use crate::error::Result;
use crate::op::autocast::Cast;
use crate::op::flag;
use crate::ops;
use crate::shape::{self, Dims};
use crate::tensor::Tensor;

const SPACES: &[&str] = &["", "nn.functional"];

/// A pair from one number or two.
fn pair(v: &[i64], name: &str) -> Result<[i64; 2]> {
    match v {
        [a] => Ok([*a; 2]),
        [a, b] => Ok([*a, *b]),
        _ => bail!(Runtime, "It is expected {name} equals to 2, but got size {}", v.len()),
    }
}

/// Sliding blocks over an image.
struct Blocks {
    size: [i64; 2],
    kernel: [i64; 2],
    dilation: [i64; 2],
    padding: [i64; 2],
    stride: [i64; 2],
    count: [i64; 2],
}

impl Blocks {
    fn new(size: [i64; 2], kernel: &[i64], dilation: &[i64], padding: &[i64], stride: &[i64]) -> Result<Blocks> {
        let mut b = Blocks {
            size,
            kernel: pair(kernel, "kernel_size")?,
            dilation: pair(dilation, "dilation")?,
            padding: pair(padding, "padding")?,
            stride: pair(stride, "stride")?,
            count: [0; 2],
        };
        for (name, v) in [("kernel size", b.kernel), ("dilation", b.dilation), ("stride", b.stride)] {
            if v.iter().any(|&v| v <= 0) {
                let short = name.split(' ').next().unwrap_or(name);
                bail!(
                    Runtime,
                    "{name} should be greater than zero, but got {short}_height: {} {short}_width: {}",
                    v[0],
                    v[1]
                );
            }
        }
        if b.padding.iter().any(|&p| p < 0) {
            bail!(
                Runtime,
                "padding should be non-negative, but got pad_height: {} pad_width: {}",
                b.padding[0],
                b.padding[1]
            );
        }
        for d in 0..2 {
            let room = size[d].saturating_add(b.padding[d].saturating_mul(2));
            let span = b.dilation[d].saturating_mul(b.kernel[d] - 1).saturating_add(1);
            b.count[d] = (room - span).div_euclid(b.stride[d]) + 1;
        }
        Ok(b)
    }

    fn show(&self) -> String {
        let p = |v: [i64; 2]| format!("({}, {})", v[0], v[1]);
        format!("kernel_size={}, dilation={}, padding={}", p(self.kernel), p(self.dilation), p(self.padding))
    }

    /// Positions in the padded plane, block element by block element.
    fn places(&self) -> Result<Tensor> {
        let wide = self.size[1] + 2 * self.padding[1];
        let (k, c) = (self.kernel, self.count);
        let mut at = crate::memory::room(shape::numel(&[k[0], k[1], c[0], c[1]])? as usize)?;
        for i in 0..k[0] {
            for j in 0..k[1] {
                for y in 0..c[0] {
                    let row = (i * self.dilation[0] + y * self.stride[0]) * wide + j * self.dilation[1];
                    at.extend((0..c[1]).map(|x| row + x * self.stride[1]));
                }
            }
        }
        let n = at.len() as i64;
        Tensor::from_slice(&at, &[n])
    }
}

fn unfolded(x: &Tensor, b: &Blocks) -> Result<Tensor> {
    let s = x.sizes();
    let [ph, pw] = b.padding;
    let x = ops::constant_pad_nd(x, &[pw, pw, ph, ph], 0.into())?;
    let flat = ops::reshape(&x, &[s[0], s[1], (s[2] + 2 * ph) * (s[3] + 2 * pw)])?;
    let picked = ops::index_select(&flat, 2, &b.places()?)?;
    ops::reshape(&picked, &[s[0], s[1] * b.kernel[0] * b.kernel[1], b.count[0] * b.count[1]])
}

fn folded(x: &Tensor, b: &Blocks) -> Result<Tensor> {
    let s = x.sizes();
    let taps = b.kernel[0] * b.kernel[1];
    let (n, c) = (s[0], s[1] / taps);
    let [ph, pw] = b.padding;
    let (h, w) = (b.size[0] + 2 * ph, b.size[1] + 2 * pw);
    let zeros = Tensor::zeros(&[n, c, h * w], x.dtype(), x.device())?;
    let source = ops::reshape(x, &[n, c, taps * s[2]])?;
    let sums = ops::index_add(&zeros, 2, &b.places()?, &source, 1.into())?;
    ops::constant_pad_nd(&ops::reshape(&sums, &[n, c, h, w])?, &[-pw, -pw, -ph, -ph], 0.into())
}

ops! {
    /// y[b, o] = the sum over i, j of input1[b, i] * weight[o, i, j] * input2[b, j], plus bias[o].
    fn bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: OptTensor = None) -> Tensor = {
        let (s, t, w) = (input1.sizes(), input2.sizes(), weight.sizes());
        let n = s.len();
        if t.len() != n {
            bail!(Runtime, "bilinear(): input dimensions do not match: got {n} and {}", t.len());
        }
        if n == 0 || w.len() != 3 {
            bail!(Runtime, "bilinear(): inputs must have at least 1 dimension and the weight 3, but they have {n} and {}", w.len());
        }
        if let Some(d) = (0..n - 1).find(|&d| s[d] != t[d]) {
            bail!(Runtime, "bilinear(): input batch dimensions do not match at dim {d}: got {} and {}", s[d], t[d]);
        }
        for (i, have) in [(1, s[n - 1]), (2, t[n - 1])] {
            if have != w[i] {
                bail!(Runtime, "bilinear(): input{i} size does not match weight size: got {have} but expected {}", w[i]);
            }
        }
        if let Some(b) = bias.filter(|b| b.numel() != w[0]) {
            bail!(Runtime, "bilinear(): bias size does not match weight size: got {} but expected {}", b.numel(), w[0]);
        }
        let rows: i64 = s[..n - 1].iter().product();
        let a = ops::reshape(input1, &[rows, w[1]])?;
        let b = ops::reshape(input2, &[rows, w[2], 1])?;
        let wide = ops::reshape(&ops::permute(weight, &[1, 0, 2])?, &[w[1], w[0] * w[2]])?;
        let part = ops::reshape(&ops::mm(&a, &wide)?, &[rows, w[0], w[2]])?;
        let mut to: Dims = s[..n - 1].into();
        to.push(w[0]);
        let y = ops::reshape(&ops::bmm(&part, &b)?, &to)?;
        match bias {
            Some(bias) => ops::add((&y).into(), bias.into(), None),
            None => Ok(y),
        }
    } { .cast(Cast::Whole).spaces(SPACES).with(flag::NO_METHOD) }

    /// (*, C r^2, H, W) as (*, C, H r, W r): channels become pixels. Shi et al. 2016.
    fn pixel_shuffle(input: Tensor, upscale_factor: Int) -> Tensor = {
        let (s, r) = (input.sizes(), upscale_factor);
        let n = s.len();
        if n < 3 {
            bail!(Runtime, "pixel_shuffle expects input to have at least 3 dimensions, but got input with {n} dimension(s)");
        }
        if r <= 0 {
            bail!(Runtime, "pixel_shuffle expects a positive upscale_factor, but got {r}");
        }
        let square = r.saturating_mul(r);
        let (c, h, w) = (s[n - 3], s[n - 2], s[n - 1]);
        if c % square != 0 {
            bail!(
                Runtime,
                "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)={c} is not divisible by {square}"
            );
        }
        let lead: i64 = s[..n - 3].iter().product();
        let x = ops::reshape(input, &[lead, c / square, r, r, h, w])?;
        let to: Dims = s[..n - 3].iter().copied().chain([c / square, h * r, w * r]).collect();
        ops::reshape(&ops::permute(&x, &[0, 1, 4, 2, 5, 3])?, &to)
    } { .node("PixelShuffleBackward0") .spaces(SPACES).with(flag::NO_METHOD) }

    /// (*, C, H r, W r) as (*, C r^2, H, W): the inverse of `pixel_shuffle`.
    fn pixel_unshuffle(input: Tensor, downscale_factor: Int) -> Tensor = {
        let (s, r) = (input.sizes(), downscale_factor);
        let n = s.len();
        if n < 3 {
            bail!(Runtime, "pixel_unshuffle expects input to have at least 3 dimensions, but got input with {n} dimension(s)");
        }
        if r <= 0 {
            bail!(Runtime, "pixel_unshuffle expects a positive downscale_factor, but got {r}");
        }
        let (c, h, w) = (s[n - 3], s[n - 2], s[n - 1]);
        for (name, d, v) in [("height", 2, h), ("width", 1, w)] {
            if v % r != 0 {
                bail!(Runtime, "pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size(-{d})={v} is not divisible by {r}");
            }
        }
        let lead: i64 = s[..n - 3].iter().product();
        let x = ops::reshape(input, &[lead, c, h / r, r, w / r, r])?;
        let to: Dims = s[..n - 3].iter().copied().chain([c * r * r, h / r, w / r]).collect();
        ops::reshape(&ops::permute(&x, &[0, 1, 3, 5, 2, 4])?, &to)
    } { .node("PixelUnshuffleBackward0") .spaces(SPACES).with(flag::NO_METHOD) }

    /// Channels of (N, C, *) in `groups`, dealt out in turn. Zhang et al. 2018.
    fn channel_shuffle(input: Tensor, groups: Int) -> Tensor = {
        let s = input.sizes();
        if s.len() <= 2 {
            bail!(Runtime, "channel_shuffle expects input with > 2 dims, but got input with sizes {}", shape::show(&s));
        }
        if groups <= 0 {
            bail!(Runtime, "Number of groups to divide channels in must be positive. Value of groups:{groups}");
        }
        if s[1] % groups != 0 {
            bail!(Runtime, "Number of channels must be divisible by groups. Got {} channels and {groups} groups.", s[1]);
        }
        let rest: i64 = s[2..].iter().product();
        let x = ops::reshape(input, &[s[0], groups, s[1] / groups, rest])?;
        ops::reshape(&ops::transpose(&x, 1, 2)?, &s)
    } { .spaces(SPACES).with(flag::NO_METHOD) }

    /// The blocks that slide over images (N, C, H, W), as columns: (N, C kH kW, number of blocks).
    fn nn_unfold(input: Tensor, kernel_size: Ints, dilation: Ints = [1], padding: Ints = [0], stride: Ints = [1]) -> Tensor = {
        let s = input.sizes();
        if (s.len() != 3 && s.len() != 4) || s[s.len() - 3..].contains(&0) {
            bail!(
                Runtime,
                "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {}",
                shape::show(&s)
            );
        }
        let b = Blocks::new([s[s.len() - 2], s[s.len() - 1]], kernel_size, dilation, padding, stride)?;
        if b.count.iter().any(|&c| c < 1) {
            bail!(
                Runtime,
                "Given input with spatial size ({}, {}), {}, calculated shape of the array of sliding blocks as ({}, {}), but its components must be at least one.",
                b.size[0],
                b.size[1],
                b.show(),
                b.count[0],
                b.count[1]
            );
        }
        if s.len() == 4 {
            return unfolded(input, &b);
        }
        ops::squeeze_dim(&unfolded(&ops::unsqueeze(input, 0)?, &b)?, 0)
    } { .named("unfold").node("Im2ColBackward0").functional() }

    /// The sum of blocks (N, C kH kW, number of blocks) at their places in images of `output_size`.
    fn fold(input: Tensor, output_size: Ints, kernel_size: Ints, dilation: Ints = [1], padding: Ints = [0], stride: Ints = [1]) -> Tensor = {
        let s = input.sizes();
        let n = s.len();
        if (n != 2 && n != 3) || s[n - 2..].contains(&0) {
            bail!(
                Runtime,
                "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: {}",
                shape::show(&s)
            );
        }
        let b = Blocks::new(pair(output_size, "output_size")?, kernel_size, dilation, padding, stride)?;
        if s[n - 2] % (b.kernel[0] * b.kernel[1]) != 0 {
            bail!(
                Runtime,
                "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)={} and kernel_size=({}, {}).",
                s[n - 2],
                b.kernel[0],
                b.kernel[1]
            );
        }
        let [h, w] = b.count;
        if h < 1 || w < 1 || s[n - 1] != h * w {
            bail!(
                Runtime,
                "Given output_size=({}, {}), {}, stride=({}, {}), expected size of input's dimension 2 to match the calculated number of sliding blocks {h} * {w} = {}, but got input.size(2)={}.",
                b.size[0],
                b.size[1],
                b.show(),
                b.stride[0],
                b.stride[1],
                h * w,
                s[n - 1]
            );
        }
        if n == 3 {
            return folded(input, &b);
        }
        ops::squeeze_dim(&folded(&ops::unsqueeze(input, 0)?, &b)?, 0)
    } { .node("Col2ImBackward0") .functional() }
}
