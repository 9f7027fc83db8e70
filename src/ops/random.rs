//! Random numbers: fills in place, and tensors that are made filled. Samples whose parameters are tensors are in
//! `sample.rs`. The same seed gives PyTorch's numbers, and what is drawn is what PyTorch draws.

use super::create::{LIKE, MAKES, dtype_or, like};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::random::{self as kernel, Generator, checks, default_generator};
use crate::op::arg::{Arg, Ctx, SharedGenerator};
use crate::op::{Batch, Meta, Metas, flag};
use crate::shape::{self, Dims, Layout};
use crate::tensor::Tensor;
use smallvec::smallvec;

/// In-place operators without another form.
const FILLS: u32 = flag::MUTATES | flag::RANDOM | flag::NO_FUNCTION;

/// The generator of a call: the one given, or the default one.
pub(super) fn generator<'a>(cx: &Ctx<'a>) -> &'a SharedGenerator {
    match cx.op.position("generator").map(|i| cx.args[i]) {
        Some(Arg::Generator(g)) => g,
        _ => default_generator(),
    }
}

/// Strides without gaps that keep the order of the dimensions in memory.
pub(super) fn packed(l: &Layout) -> Dims {
    let mut order: Vec<usize> = (0..l.ndim()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(l.strides[i]));
    let mut strides = Dims::from_elem(0, l.ndim());
    let mut step = 1;
    for &d in order.iter().rev() {
        strides[d] = step;
        step *= l.sizes[d].max(1);
    }
    strides
}

/// Gives `draw` a run of `n` elements in the order in which `out` lies in memory, and a locked generator. Tensors with gaps
/// get a copy of the run.
pub(super) fn fill(
    cx: &Ctx,
    out: &Tensor,
    draw: &dyn Fn(&mut Generator, *mut u8, DType, usize) -> Result<()>,
) -> Result<()> {
    let b = out.body().clone();
    if b.numel == 0 {
        return Ok(());
    }
    let n = b.numel as usize;
    if b.contiguous || b.layout.is_dense() {
        return draw(&mut generator(cx).lock(), b.ptr(), b.dtype, n);
    }
    let run = Tensor::empty_strided(&b.layout.sizes, &packed(&b.layout), b.dtype, out.device())?;
    let p = run.body().ptr();
    draw(&mut generator(cx).lock(), p, b.dtype, n)?;
    out.copy_raw(&run)
}

/// Fills with normal numbers. Only contiguous tensors are drawn in groups of 16, as in PyTorch.
pub(super) fn fill_normal(cx: &Ctx, out: &Tensor, mean: f64, std: f64) -> Result<()> {
    let contiguous = out.is_contiguous();
    // SAFETY: `fill` gives room for `n` elements.
    fill(cx, out, &|g, p, d, n| unsafe { kernel::normal(g, p, d, n, mean, std, contiguous) })
}

fn fill_uniform(cx: &Ctx, out: &Tensor, from: f64, to: f64) -> Result<()> {
    // SAFETY: `fill` gives room for `n` elements.
    fill(cx, out, &|g, p, d, n| unsafe { kernel::uniform(g, p, d, n, from, to) })
}

fn fill_integers(cx: &Ctx, out: &Tensor, from: i64, to: Option<i64>) -> Result<()> {
    let range = checks::random_range(out.dtype(), from, to)?;
    fill(cx, out, &|g, p, d, n| match range {
        // SAFETY: `fill` gives room for `n` elements.
        Some((range, base)) => unsafe { kernel::random_from_to(g, p, d, n, range, base) },
        // SAFETY: as above.
        None => unsafe { kernel::random_full64(g, p, d, n) },
    })
}

/// A new tensor of this shape.
fn shaped(sizes: &[i64], d: DType) -> Result<Metas> {
    shape::numel(sizes)?;
    Ok(smallvec![Meta::new(sizes, d)])
}

/// Nothing is made; the check says whether it may be written.
fn checked(r: Result<()>) -> Result<Metas> {
    r.map(|()| Metas::new())
}

/// The meta of `randint`: a shape, and bounds that its dtype can hold.
fn integers(metas: Metas, low: i64, high: i64) -> Result<Metas> {
    for m in &metas {
        checks::random_range(m.dtype, low, Some(high))?;
    }
    Ok(metas)
}

fn uniform_meta(metas: Metas) -> Result<Metas> {
    for m in &metas {
        checks::uniform(m.dtype, 0.0, 1.0)?;
    }
    Ok(metas)
}

fn int64_or(d: Option<DType>) -> DType {
    d.unwrap_or(DType::I64)
}

ops! {
    /// Fills with numbers from [from, to).
    fn uniform_(input: Tensor, from: Float = 0, to: Float = 1; generator: Generator = None) -> Tensor {
        .kernel(|cx| checked(checks::uniform(cx.tensor(0)?.dtype(), cx.float(1)?, cx.float(2)?)),
            |cx, out| fill_uniform(cx, &out[0], cx.float(1)?, cx.float(2)?), "random.cu", Batch::Loop)
            .grad_zero().node("UniformBackward0").with(FILLS)
    }

    /// Fills with normal numbers.
    fn normal_(input: Tensor, mean: Float = 0, std: Float = 1; generator: Generator = None) -> Tensor {
        .kernel(|cx| checked(checks::normal(cx.float(2)?)), |cx, out| fill_normal(cx, &out[0], cx.float(1)?, cx.float(2)?), "random.cu", Batch::Loop)
            .grad_zero().node("NormalBackward0").with(FILLS)
    }

    /// Fills with integers from [from, to); without `to`, up to the largest that the dtype holds exactly.
    "random_.from" fn random_from_(input: Tensor, from: Int, to: OptInt; generator: Generator = None) -> Tensor {
        .kernel(|cx| checked(checks::random_range(cx.tensor(0)?.dtype(), cx.int(1)?, cx.opt_int(2)?).map(|_| ())),
            |cx, out| fill_integers(cx, &out[0], cx.int(1)?, cx.opt_int(2)?), "random.cu", Batch::Loop)
            .grad_zero().node("RandomBackward0").with(FILLS)
    }

    /// Fills with integers from [0, to).
    "random_.to" fn random_to_(input: Tensor, to: Int; generator: Generator = None) -> Tensor {
        .kernel(|cx| checked(checks::random_range(cx.tensor(0)?.dtype(), 0, Some(cx.int(1)?)).map(|_| ())),
            |cx, out| fill_integers(cx, &out[0], 0, Some(cx.int(1)?)), "random.cu", Batch::Loop)
            .grad_zero().node("RandomBackward1").with(FILLS)
    }

    /// Fills with integers from 0 to the largest of an integer type, or to 2 to the digits of a floating one.
    fn random_(input: Tensor; generator: Generator = None) -> Tensor {
        // SAFETY: `fill` gives room for `n` elements.
        .kernel(|_| Ok(Metas::new()), |cx, out| fill(cx, &out[0], &|g, p, d, n| unsafe { kernel::random(g, p, d, n) }), "random.cu", Batch::Loop)
            .grad_zero().node("RandomBackward2").with(FILLS)
    }

    /// Fills with ones with probability `p`, else zeros.
    "bernoulli_.float" fn bernoulli_(input: Tensor, p: Float = 0.5; generator: Generator = None) -> Tensor {
        .kernel(|cx| checked(checks::bernoulli(cx.float(1)?)), |cx, out| {
            let prob = cx.float(1)?;
            // SAFETY: `fill` gives room for `n` elements.
            fill(cx, &out[0], &|g, p, d, n| unsafe { kernel::bernoulli(g, p, d, n, prob) })
        }, "random.cu", Batch::Loop)
            .grad_zero().node("BernoulliBackward2").with(FILLS)
    }

    /// Fills with numbers of the density lambd * exp(-lambd * x).
    fn exponential_(input: Tensor, lambd: Float = 1; generator: Generator = None) -> Tensor {
        .kernel(|cx| checked(checks::exponential(cx.tensor(0)?.dtype(), cx.float(1)?)), |cx, out| {
            let lambda = cx.float(1)?;
            // SAFETY: `fill` gives room for `n` elements.
            fill(cx, &out[0], &|g, p, d, n| unsafe { kernel::exponential(g, p, d, n, lambda) })
        }, "random.cu", Batch::Loop)
            .grad_zero().node("ExponentialBackward0").with(FILLS)
    }

    /// Fills with numbers of the Cauchy distribution.
    fn cauchy_(input: Tensor, median: Float = 0, sigma: Float = 1; generator: Generator = None) -> Tensor {
        .kernel(|cx| checked(checks::cauchy(cx.tensor(0)?.dtype(), cx.float(2)?)), |cx, out| {
            let (median, sigma) = (cx.float(1)?, cx.float(2)?);
            // SAFETY: `fill` gives room for `n` elements.
            fill(cx, &out[0], &|g, p, d, n| unsafe { kernel::cauchy(g, p, d, n, median, sigma) })
        }, "random.cu", Batch::Loop)
            .grad_zero().node("CauchyBackward0").with(FILLS)
    }

    /// Fills with exponentials of normal numbers.
    fn log_normal_(input: Tensor, mean: Float = 1, std: Float = 2; generator: Generator = None) -> Tensor {
        .kernel(|cx| checked(checks::log_normal(cx.float(2)?)), |cx, out| {
            let (mean, std) = (cx.float(1)?, cx.float(2)?);
            // SAFETY: `fill` gives room for `n` elements.
            fill(cx, &out[0], &|g, p, d, n| unsafe { kernel::log_normal(g, p, d, n, mean, std) })
        }, "random.cu", Batch::Loop)
            .grad_zero().node("LogNormalBackward0").with(FILLS)
    }

    /// Fills with the number of trials up to the first success, each of probability `p`.
    fn geometric_(input: Tensor, p: Float; generator: Generator = None) -> Tensor {
        .kernel(|cx| checked(checks::geometric(cx.float(1)?)), |cx, out| {
            let prob = cx.float(1)?;
            // SAFETY: `fill` gives room for `n` elements.
            fill(cx, &out[0], &|g, p, d, n| unsafe { kernel::geometric(g, p, d, n, prob) })
        }, "random.cu", Batch::Loop)
            .grad_zero().node("GeometricBackward0").with(FILLS)
    }

    /// Numbers from [0, 1).
    fn rand(size: Size; generator: Generator = None, dtype: DType = None, device: Device = None) -> Tensor {
        .kernel(|cx| uniform_meta(shaped(cx.ints(0)?, dtype_or(cx.dtype(2)?))?), |cx, out| fill_uniform(cx, &out[0], 0.0, 1.0), "random.cu", Batch::Loop)
            .with(MAKES | flag::RANDOM)
    }

    /// Standard normal numbers.
    fn randn(size: Size; generator: Generator = None, dtype: DType = None, device: Device = None) -> Tensor {
        .kernel(|cx| shaped(cx.ints(0)?, dtype_or(cx.dtype(2)?)), |cx, out| fill_normal(cx, &out[0], 0.0, 1.0), "random.cu", Batch::Loop)
            .with(MAKES | flag::RANDOM)
    }

    /// Integers from [low, high).
    "randint.low" fn randint_low(low: Int, high: Int, size: Ints; generator: Generator = None, dtype: DType = None, device: Device = None) -> Tensor {
        .kernel(|cx| integers(shaped(cx.ints(2)?, int64_or(cx.dtype(4)?))?, cx.int(0)?, cx.int(1)?),
            |cx, out| fill_integers(cx, &out[0], cx.int(0)?, Some(cx.int(1)?)), "random.cu", Batch::Loop)
            .with(MAKES | flag::RANDOM)
    }

    /// Integers from [0, high).
    fn randint(high: Int, size: Ints; generator: Generator = None, dtype: DType = None, device: Device = None) -> Tensor {
        .kernel(|cx| integers(shaped(cx.ints(1)?, int64_or(cx.dtype(3)?))?, 0, cx.int(0)?),
            |cx, out| fill_integers(cx, &out[0], 0, Some(cx.int(0)?)), "random.cu", Batch::Loop)
            .with(MAKES | flag::RANDOM)
    }

    /// A permutation of 0 .. n - 1.
    fn randperm(n: Int; generator: Generator = None, dtype: DType = None, device: Device = None) -> Tensor {
        .kernel(|cx| {
            let (n, d) = (cx.int(0)?, int64_or(cx.dtype(2)?));
            let metas = shaped(&[n], d)?;
            checks::randperm(d, n)?;
            Ok(metas)
        // SAFETY: `fill` gives room for `n` elements.
        }, |cx, out| fill(cx, &out[0], &|g, p, d, n| unsafe { kernel::randperm(g, p, d, n) }), "random.cu", Batch::Loop)
            .with(MAKES | flag::RANDOM)
    }

    /// Numbers from [0, 1) in the shape, dtype and strides of another tensor.
    fn rand_like(input: Tensor; generator: Generator = None, dtype: DType = None, device: Device = None, memory_format: Format = None) -> Tensor {
        .kernel(|cx| uniform_meta(like(cx, 2, Some(4))?), |cx, out| fill_uniform(cx, &out[0], 0.0, 1.0), "random.cu", Batch::Loop)
            .with(LIKE | flag::RANDOM)
    }

    /// Standard normal numbers in the shape, dtype and strides of another tensor.
    fn randn_like(input: Tensor; generator: Generator = None, dtype: DType = None, device: Device = None, memory_format: Format = None) -> Tensor {
        .kernel(|cx| like(cx, 2, Some(4)), |cx, out| fill_normal(cx, &out[0], 0.0, 1.0), "random.cu", Batch::Loop)
            .with(LIKE | flag::RANDOM)
    }

    /// Integers from [low, high) in the shape, dtype and strides of another tensor.
    "randint_like.low_dtype" fn randint_like_low(input: Tensor, low: Int, high: Int; generator: Generator = None, dtype: DType = None, device: Device = None, memory_format: Format = None) -> Tensor {
        .kernel(|cx| integers(like(cx, 4, Some(6))?, cx.int(1)?, cx.int(2)?),
            |cx, out| fill_integers(cx, &out[0], cx.int(1)?, Some(cx.int(2)?)), "random.cu", Batch::Loop)
            .with(LIKE | flag::RANDOM)
    }

    /// Integers from [0, high) in the shape, dtype and strides of another tensor.
    fn randint_like(input: Tensor, high: Int; generator: Generator = None, dtype: DType = None, device: Device = None, memory_format: Format = None) -> Tensor {
        .kernel(|cx| integers(like(cx, 3, Some(5))?, 0, cx.int(1)?),
            |cx, out| fill_integers(cx, &out[0], 0, Some(cx.int(1)?)), "random.cu", Batch::Loop)
            .with(LIKE | flag::RANDOM)
    }

    /// Normal numbers of one mean and one standard deviation, in a new shape.
    "normal.float_float" fn normal_size(mean: Float, std: Float, size: Ints; generator: Generator = None, dtype: DType = None, device: Device = None) -> Tensor {
        .kernel(|cx| {
            checks::normal(cx.float(1)?)?;
            shaped(cx.ints(2)?, dtype_or(cx.dtype(4)?))
        }, |cx, out| fill_normal(cx, &out[0], cx.float(0)?, cx.float(1)?), "random.cu", Batch::Loop)
            .with(MAKES | flag::RANDOM)
    }
}
