//! Discrete Fourier transforms: three kernels, and the forms of `torch.fft` on them.

use crate::dtype;
use crate::error::Result;
use crate::kernels::cpu::fft::{Lines, What, transform};
use crate::op::arg::Ctx;
use crate::op::autocast::Cast;
use crate::op::{Batch, Meta, flag};
use crate::ops;
use crate::ops::short::{cast, conj, times};
use crate::shape::{Dims, Layout, wrap_dim};
use crate::tensor::Tensor;
use smallvec::smallvec;

const PART: u32 = flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD | flag::NEEDS_LINALG;
const FFT: u32 = flag::NO_METHOD | flag::OUT | flag::NEEDS_LINALG;

/// Factors of a result: none, 1 over the root of the number of points, 1 over that number.
const NONE: i64 = 0;
const ROOT: i64 = 1;
const WHOLE: i64 = 2;

ops! {
    /// Complex transforms along each of `dim`.
    fn _fft_c2c(input: Tensor, dim: Ints, normalization: Int, forward: Bool) -> Tensor {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            Ok(smallvec![Meta::new(x.sizes(), x.dtype())])
        }, |cx, out| {
            let x = cx.tensor(0)?;
            let scale = factor(cx.int(2)?, cx.ints(1)?.iter().map(|&d| x.size_at(d as usize)));
            along(x, &out[0], cx.ints(1)?, cx.bool(3)?, scale)
        }, "", Batch::ShiftDims)
            .grad(&[], &[], |b| Ok(smallvec![Some(_fft_c2c(&b.g()?, b.ints(1), b.int(2)?, !b.bool(3))?)]))
            .node("FftC2CBackward0").with(PART)
    }

    /// Transforms of real numbers: the last of `dim` keeps its first half, which determines the other.
    fn _fft_r2c(input: Tensor, dim: Ints, normalization: Int) -> Tensor {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            let mut s = x.sizes();
            let last = last_of(cx)?;
            s[last] = s[last] / 2 + 1;
            Ok(smallvec![Meta::new(s, x.dtype().to_complex())])
        }, |cx, out| {
            let (x, dim) = (cx.tensor(0)?, cx.ints(1)?);
            let (last, n) = (last_of(cx)?, x.size_at(last_of(cx)?) as usize);
            let scale = factor(cx.int(2)?, dim.iter().map(|&d| x.size_at(d as usize)));
            let one = if dim.len() == 1 { scale } else { 1.0 };
            line(x, &out[0], last, What::RealToHalf, (n, n, n / 2 + 1), true, one)?;
            along(&out[0], &out[0], &dim[..dim.len() - 1], true, scale)
        }, "", Batch::ShiftDims)
            .grad(&[], &[], |b| {
                // The halves that were left out get no gradient.
                let (s, dim, g) = (b.sizes(0), b.ints(1), b.g()?);
                let last = *dim.last().unwrap_or(&0) as usize;
                let missing = s[last] - g.size_at(last);
                let g = if missing > 0 { ops::constant_pad_nd(&g, &pad_at(s.len(), last, missing), 0.into())? } else { g };
                Ok(smallvec![Some(ops::real(&_fft_c2c(&g, dim, b.int(2)?, false)?)?)])
            }).node("FftR2CBackward0").with(PART)
    }

    /// Inverse transforms to real numbers of what is conjugate symmetric; of the last of `dim` the first half is given, and its
    /// length is `last_dim_size`.
    fn _fft_c2r(input: Tensor, dim: Ints, normalization: Int, last_dim_size: Int) -> Tensor {
        .kernel(|cx| {
            let x = cx.tensor(0)?;
            let mut s = x.sizes();
            s[last_of(cx)?] = cx.int(3)?;
            Ok(smallvec![Meta::new(s, x.dtype().to_real())])
        }, |cx, out| {
            let (x, dim) = (cx.tensor(0)?, cx.ints(1)?);
            let last = last_of(cx)?;
            let scale = factor(cx.int(2)?, dim.iter().map(|&d| out[0].size_at(d as usize)));
            let held;
            let mut x = x;
            if dim.len() > 1 {
                held = Tensor::empty(&x.sizes(), x.dtype(), x.device())?;
                along(x, &held, &dim[..dim.len() - 1], false, 1.0)?;
                x = &held;
            }
            let n = cx.int(3)? as usize;
            line(x, &out[0], last, What::HalfToReal, (n / 2 + 1, n, n), false, scale)
        }, "", Batch::ShiftDims)
            .grad(&[], &[], |b| {
                let (dim, g) = (b.ints(1), b.g()?);
                let last = *dim.last().unwrap_or(&0);
                let r = _fft_r2c(&g, dim, b.int(2)?)?;
                // What stands for two elements counts twice.
                let double = g.size_at(last as usize) - r.size_at(last as usize);
                if double == 0 {
                    return Ok(smallvec![Some(r)]);
                }
                let (n, part) = (r.size_at(last as usize), |a: i64, b: i64| ops::slice(&r, last, Some(a), Some(b), 1));
                let parts = [part(0, 1)?, times(&part(1, 1 + double)?, 2)?, part(1 + double, n)?];
                Ok(smallvec![Some(ops::cat(&parts, last)?)])
            }).node("FftC2RBackward0").with(PART)
    }

    /// The discrete Fourier transform along `dim`, of `n` elements (cut, or filled with zeros). `norm` says where the factor 1/n
    /// stands: "backward" (the inverse), "forward", or "ortho" (its root on both).
    "fft.fft" fn fft_fft(input: Tensor, n: OptInt = None, dim: Int = -1, norm: OptStr = None) -> Tensor = {
        one_complex(input, n, dim, norm, true)
    } { .cast(Cast::Single).spaces(&["fft"]).with(FFT) }

    /// The inverse discrete Fourier transform along `dim`.
    "fft.ifft" fn fft_ifft(input: Tensor, n: OptInt = None, dim: Int = -1, norm: OptStr = None) -> Tensor = {
        one_complex(input, n, dim, norm, false)
    } { .cast(Cast::Single).spaces(&["fft"]).with(FFT) }

    /// The discrete Fourier transform of real numbers along `dim`: its first half.
    "fft.rfft" fn fft_rfft(input: Tensor, n: OptInt = None, dim: Int = -1, norm: OptStr = None) -> Tensor = {
        one_real("rfft", input, n, dim, norm_of(norm, true)?)
    } { .cast(Cast::Single).spaces(&["fft"]).with(FFT) }

    /// The inverse of `rfft`: real numbers from the first half of their transform.
    "fft.irfft" fn fft_irfft(input: Tensor, n: OptInt = None, dim: Int = -1, norm: OptStr = None) -> Tensor = {
        one_half(input, n, dim, norm_of(norm, false)?, false)
    } { .cast(Cast::Single).spaces(&["fft"]).with(FFT) }

    /// The discrete Fourier transform of the first half of what is conjugate symmetric: real numbers.
    "fft.hfft" fn fft_hfft(input: Tensor, n: OptInt = None, dim: Int = -1, norm: OptStr = None) -> Tensor = {
        one_half(input, n, dim, norm_of(norm, true)?, true)
    } { .cast(Cast::Single).spaces(&["fft"]).with(FFT) }

    /// The inverse of `hfft`.
    "fft.ihfft" fn fft_ihfft(input: Tensor, n: OptInt = None, dim: Int = -1, norm: OptStr = None) -> Tensor = {
        conj(&one_real("ihfft", input, n, dim, norm_of(norm, false)?)?)
    } { .cast(Cast::Single).spaces(&["fft"]).with(FFT) }

    /// The discrete Fourier transform along several dimensions (all by default), of sizes `s`.
    "fft.fftn" fn fft_fftn(input: Tensor, s: OptInts = None, dim: OptInts = None, norm: OptStr = None) -> Tensor = {
        many_complex(input, s, dim, norm, true)
    } { .cast(Cast::Single).spaces(&["fft"]).with(FFT) }

    /// The inverse discrete Fourier transform along several dimensions.
    "fft.ifftn" fn fft_ifftn(input: Tensor, s: OptInts = None, dim: OptInts = None, norm: OptStr = None) -> Tensor = {
        many_complex(input, s, dim, norm, false)
    } { .cast(Cast::Single).spaces(&["fft"]).with(FFT) }

    /// The discrete Fourier transform of real numbers along several dimensions: the first half of the last one.
    "fft.rfftn" fn fft_rfftn(input: Tensor, s: OptInts = None, dim: OptInts = None, norm: OptStr = None) -> Tensor = {
        many_real("rfftn", input, s, dim, norm_of(norm, true)?)
    } { .cast(Cast::Single).spaces(&["fft"]).with(FFT) }

    /// The inverse of `rfftn`.
    "fft.irfftn" fn fft_irfftn(input: Tensor, s: OptInts = None, dim: OptInts = None, norm: OptStr = None) -> Tensor = {
        many_half("irfftn", input, s, dim, norm_of(norm, false)?, false)
    } { .cast(Cast::Single).spaces(&["fft"]).with(FFT) }

    /// `hfft` along the last of several dimensions and `fft` along the others.
    "fft.hfftn" fn fft_hfftn(input: Tensor, s: OptInts = None, dim: OptInts = None, norm: OptStr = None) -> Tensor = {
        many_half("hfftn", input, s, dim, norm_of(norm, true)?, true)
    } { .spaces(&["fft"]).with(FFT) }

    /// The inverse of `hfftn`.
    "fft.ihfftn" fn fft_ihfftn(input: Tensor, s: OptInts = None, dim: OptInts = None, norm: OptStr = None) -> Tensor = {
        conj(&many_real("ihfftn", input, s, dim, norm_of(norm, false)?)?)
    } { .spaces(&["fft"]).with(FFT) }

    /// The discrete Fourier transform along two dimensions.
    "fft.fft2" fn fft_fft2(input: Tensor, s: OptInts = None, dim: Ints = [-2, -1], norm: OptStr = None) -> Tensor = {
        many_complex(input, s, Some(dim), norm, true)
    } { .cast(Cast::Single).spaces(&["fft"]).with(FFT) }

    /// The inverse discrete Fourier transform along two dimensions.
    "fft.ifft2" fn fft_ifft2(input: Tensor, s: OptInts = None, dim: Ints = [-2, -1], norm: OptStr = None) -> Tensor = {
        many_complex(input, s, Some(dim), norm, false)
    } { .cast(Cast::Single).spaces(&["fft"]).with(FFT) }

    /// The discrete Fourier transform of real numbers along two dimensions: the first half of the last one.
    "fft.rfft2" fn fft_rfft2(input: Tensor, s: OptInts = None, dim: Ints = [-2, -1], norm: OptStr = None) -> Tensor = {
        many_real("rfftn", input, s, Some(dim), norm_of(norm, true)?)
    } { .cast(Cast::Single).spaces(&["fft"]).with(FFT) }

    /// The inverse of `rfft2`.
    "fft.irfft2" fn fft_irfft2(input: Tensor, s: OptInts = None, dim: Ints = [-2, -1], norm: OptStr = None) -> Tensor = {
        many_half("irfftn", input, s, Some(dim), norm_of(norm, false)?, false)
    } { .cast(Cast::Single).spaces(&["fft"]).with(FFT) }

    /// `hfft` along the last of two dimensions and `fft` along the other.
    "fft.hfft2" fn fft_hfft2(input: Tensor, s: OptInts = None, dim: Ints = [-2, -1], norm: OptStr = None) -> Tensor = {
        many_half("hfftn", input, s, Some(dim), norm_of(norm, true)?, true)
    } { .spaces(&["fft"]).with(FFT) }

    /// The inverse of `hfft2`.
    "fft.ihfft2" fn fft_ihfft2(input: Tensor, s: OptInts = None, dim: Ints = [-2, -1], norm: OptStr = None) -> Tensor = {
        conj(&many_real("ihfftn", input, s, Some(dim), norm_of(norm, false)?)?)
    } { .spaces(&["fft"]).with(FFT) }
}

fn last_of(cx: &Ctx) -> Result<usize> {
    match cx.ints(1)?.last() {
        Some(&d) => Ok(d as usize),
        None => bail!(Runtime, "{} must transform at least one axis", cx.op.python_name()),
    }
}

fn factor(kind: i64, sizes: impl Iterator<Item = i64>) -> f64 {
    let n: f64 = sizes.map(|s| s as f64).product();
    match kind {
        ROOT => 1.0 / n.sqrt(),
        WHOLE => 1.0 / n,
        _ => 1.0,
    }
}

/// Padding of dimension `d` at its end.
fn pad_at(ndim: usize, d: usize, n: i64) -> Dims {
    let mut pad = Dims::from_elem(0, 2 * (ndim - d));
    if let Some(last) = pad.last_mut() {
        *last = n;
    }
    pad
}

/// Transforms along one dimension; `(have, n, want)` are the elements read, the length, and the elements written of a line.
fn line(
    x: &Tensor,
    out: &Tensor,
    d: usize,
    what: What,
    (have, n, want): (usize, usize, usize),
    forward: bool,
    scale: f64,
) -> Result<()> {
    let (a, b) = (x.layout(), out.layout());
    let without = |v: &Dims| -> Dims { v.iter().enumerate().filter(|(i, _)| *i != d).map(|(_, s)| *s).collect() };
    let complex = if x.dtype().is_complex() { x.dtype() } else { out.dtype() };
    let start = |t: &Tensor, l: &Layout| t.operand(l).ptr;
    let lines = Lines {
        from: start(x, &a),
        to: start(out, &b),
        sizes: &without(&a.sizes),
        from_strides: &without(&a.strides),
        to_strides: &without(&b.strides),
        from_step: a.strides[d],
        to_step: b.strides[d],
        have,
        n,
        want,
    };
    // SAFETY: the layouts lie inside their storages, which live as long as the tensors; `out` is new memory, or `x` itself.
    unsafe { transform(complex, what, &lines, forward, scale) }
}

/// Complex transforms along all of `dim`, from `x` to `out`; with no dimension a copy.
fn along(x: &Tensor, out: &Tensor, dim: &[i64], forward: bool, scale: f64) -> Result<()> {
    let mut x = x;
    for (i, &d) in dim.iter().enumerate() {
        let n = x.size_at(d as usize) as usize;
        let last = i + 1 == dim.len();
        line(x, out, d as usize, What::Complex, (n, n, n), forward, if last { scale } else { 1.0 })?;
        x = out;
    }
    if dim.is_empty() && !x.same(out) { out.copy_raw(x) } else { Ok(()) }
}

/// The factor that `norm` means for a transform that goes `forward`.
pub(super) fn norm_of(norm: Option<&str>, forward: bool) -> Result<i64> {
    Ok(match norm.unwrap_or("backward") {
        "backward" => {
            if forward {
                NONE
            } else {
                WHOLE
            }
        }
        "forward" => {
            if forward {
                WHOLE
            } else {
                NONE
            }
        }
        "ortho" => ROOT,
        other => bail!(Runtime, "Invalid normalization mode: \"{other}\""),
    })
}

/// In a floating type that has transforms: integers become the default float.
fn floating(x: &Tensor) -> Result<Tensor> {
    let d = x.dtype();
    if d.is_half() {
        bail!(Runtime, "Unsupported dtype {}\nConvert the input with .float().", d.c10_name());
    }
    cast(x, if d.is_differentiable() { d } else { dtype::default_dtype() })
}

fn complex(x: &Tensor) -> Result<Tensor> {
    let x = floating(x)?;
    cast(&x, x.dtype().to_complex())
}

fn points(n: i64) -> Result<()> {
    if n < 1 {
        bail!(Runtime, "Invalid number of data points ({n}) specified");
    }
    Ok(())
}

/// `x` with `n` elements along `d`: cut, or filled with zeros.
fn resized(x: &Tensor, d: usize, n: i64) -> Result<Tensor> {
    let have = x.size_at(d);
    if have == n {
        return Ok(x.clone());
    }
    if have > n {
        return ops::slice(x, d as i64, Some(0), Some(n), 1);
    }
    ops::constant_pad_nd(x, &pad_at(x.ndim(), d, n - have), 0.into())
}

fn only_dim(x: &Tensor, dim: i64) -> Result<usize> {
    if x.ndim() == 0 {
        bail!(Index, "Dimension specified as {dim} but tensor has no dimensions");
    }
    wrap_dim(dim, x.ndim())
}

fn one_complex(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>, forward: bool) -> Result<Tensor> {
    let norm = norm_of(norm, forward)?;
    let x = complex(x)?;
    let d = only_dim(&x, dim)?;
    let n = n.unwrap_or(x.size_at(d));
    points(n)?;
    _fft_c2c(&resized(&x, d, n)?, &[d as i64], norm, forward)
}

fn one_real(name: &str, x: &Tensor, n: Option<i64>, dim: i64, norm: i64) -> Result<Tensor> {
    if x.dtype().is_complex() {
        bail!(Runtime, "{name} expects a real input tensor, but got {}", x.dtype().c10_name());
    }
    let x = floating(x)?;
    let d = only_dim(&x, dim)?;
    let n = n.unwrap_or(x.size_at(d));
    points(n)?;
    _fft_r2c(&resized(&x, d, n)?, &[d as i64], norm)
}

fn one_half(x: &Tensor, n: Option<i64>, dim: i64, norm: i64, conjugated: bool) -> Result<Tensor> {
    let x = complex(x)?;
    let d = only_dim(&x, dim)?;
    let n = n.unwrap_or(2 * (x.size_at(d) - 1));
    points(n)?;
    let x = resized(&x, d, n / 2 + 1)?;
    _fft_c2r(&if conjugated { conj(&x)? } else { x }, &[d as i64], norm, n)
}

/// Dimensions and sizes of a transform along several dimensions. A size of -1 is the input's.
fn axes(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>) -> Result<(Dims, Vec<Option<i64>>)> {
    let n = x.ndim();
    let dims: Dims = match (dim, s) {
        (Some(d), _) => {
            let mut out = Dims::new();
            for &d in d {
                let w = only_dim(x, d)? as i64;
                if out.contains(&w) {
                    bail!(Runtime, "FFT dims must be unique");
                }
                out.push(w);
            }
            out
        }
        (None, Some(s)) => {
            if s.len() > n {
                bail!(Runtime, "Got shape with {} values but input tensor only has {n} dimensions.", s.len());
            }
            (n - s.len()..n).map(|d| d as i64).collect()
        }
        (None, None) => (0..n).map(|d| d as i64).collect(),
    };
    let sizes = match s {
        Some(s) if s.len() != dims.len() => {
            bail!(Runtime, "When given, dim and shape arguments must have the same length")
        }
        Some(s) => s.iter().map(|&v| (v != -1).then_some(v)).collect(),
        None => vec![None; dims.len()],
    };
    Ok((dims, sizes))
}

fn resized_all(x: &Tensor, dims: &[i64], sizes: &[Option<i64>]) -> Result<Tensor> {
    let mut x = x.clone();
    for (&d, n) in dims.iter().zip(sizes) {
        let n = n.unwrap_or(x.size_at(d as usize));
        points(n)?;
        x = resized(&x, d as usize, n)?;
    }
    Ok(x)
}

fn many_complex(
    x: &Tensor,
    s: Option<&[i64]>,
    dim: Option<&[i64]>,
    norm: Option<&str>,
    forward: bool,
) -> Result<Tensor> {
    let (dims, sizes) = axes(x, s, dim)?;
    let norm = norm_of(norm, forward)?;
    let x = resized_all(&complex(x)?, &dims, &sizes)?;
    _fft_c2c(&x, &dims, norm, forward)
}

fn many_real(name: &str, x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: i64) -> Result<Tensor> {
    if x.dtype().is_complex() {
        if name == "ihfftn" {
            bail!(Runtime, "Only supports floating-point dtypes, but found: {}", x.dtype().c10_name());
        }
        bail!(Runtime, "{name} expects a real-valued input tensor, but got {}", x.dtype().c10_name());
    }
    let (dims, sizes) = axes(x, s, dim)?;
    if dims.is_empty() {
        bail!(Runtime, "{name} must transform at least one axis");
    }
    _fft_r2c(&resized_all(&floating(x)?, &dims, &sizes)?, &dims, norm)
}

fn many_half(
    name: &str,
    x: &Tensor,
    s: Option<&[i64]>,
    dim: Option<&[i64]>,
    norm: i64,
    conjugated: bool,
) -> Result<Tensor> {
    let (dims, mut sizes) = axes(x, s, dim)?;
    let Some(&last) = dims.last() else { bail!(Runtime, "{name} must transform at least one axis") };
    let x = complex(x)?;
    let n = sizes.pop().flatten().unwrap_or(2 * (x.size_at(last as usize) - 1));
    points(n)?;
    sizes.push(Some(n / 2 + 1));
    let x = resized_all(&x, &dims, &sizes)?;
    _fft_c2r(&if conjugated { conj(&x)? } else { x }, &dims, norm, n)
}
