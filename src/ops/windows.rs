//! The windows of `torch.signal.windows` (those of `torch` stand in `build.rs`), frequencies of Fourier transforms, and shifts of their zero: what is made or moved without a transform.

#![allow(non_snake_case)]

use super::create::{MAKES, dtype_or};
use crate::device::Device;
use crate::dtype::DType;
use crate::error::Result;
use crate::op::flag;
use crate::ops;
use crate::ops::short::{div, mul, plus, times};
use crate::shape::Dims;
use crate::tensor::Tensor;
use std::f64::consts::PI;

/// Options of a window.
type At = (Option<DType>, Option<Device>);

/// As in `torch.signal.windows`.
const SIGNAL: u32 = flag::FACTORY | flag::NO_METHOD;

ops! {
    /// A sum of cosines of multiples of one angle, with factors `a` and alternating signs.
    "signal.windows.general_cosine" fn signal_general_cosine(M: Int; a: Floats, sym: Bool = true, dtype: DType = None, device: Device = None) -> Tensor = {
        if a.is_empty() {
            bail!(Value, "Coefficients cannot be empty");
        }
        symmetric("general_cosine", M, sym, (dtype, device), |k, n| cosines(&k, n, a))
    } { .spaces(&["signal.windows"]).with(SIGNAL).no_grad() }

    /// A raised cosine: alpha - (1 - alpha) cos.
    "signal.windows.general_hamming" fn signal_general_hamming(M: Int; alpha: Float = 0.54, sym: Bool = true, dtype: DType = None, device: Device = None) -> Tensor = {
        symmetric("general_cosine", M, sym, (dtype, device), |k, n| cosines(&k, n, &[alpha, 1.0 - alpha]))
    } { .spaces(&["signal.windows"]).with(SIGNAL).no_grad() }

    /// A raised cosine: 0.54 - 0.46 cos.
    "signal.windows.hamming" fn signal_hamming(M: Int; sym: Bool = true, dtype: DType = None, device: Device = None) -> Tensor = {
        symmetric("general_cosine", M, sym, (dtype, device), |k, n| cosines(&k, n, &[0.54, 1.0 - 0.54]))
    } { .spaces(&["signal.windows"]).with(SIGNAL).no_grad() }

    /// Half a period of a squared sine.
    "signal.windows.hann" fn signal_hann(M: Int; sym: Bool = true, dtype: DType = None, device: Device = None) -> Tensor = {
        symmetric("general_cosine", M, sym, (dtype, device), |k, n| cosines(&k, n, &[0.5, 0.5]))
    } { .spaces(&["signal.windows"]).with(SIGNAL).no_grad() }

    /// 0.42 - 0.5 cos + 0.08 cos of the double angle.
    "signal.windows.blackman" fn signal_blackman(M: Int; sym: Bool = true, dtype: DType = None, device: Device = None) -> Tensor = {
        symmetric("blackman", M, sym, (dtype, device), |k, n| cosines(&k, n, &[0.42, 0.5, 0.08]))
    } { .spaces(&["signal.windows"]).with(SIGNAL).no_grad() }

    /// Four cosines whose sum has the lowest side lobes.
    "signal.windows.nuttall" fn signal_nuttall(M: Int; sym: Bool = true, dtype: DType = None, device: Device = None) -> Tensor = {
        symmetric("general_cosine", M, sym, (dtype, device), |k, n| cosines(&k, n, &[0.3635819, 0.4891775, 0.1365995, 0.0106411]))
    } { .spaces(&["signal.windows"]).with(SIGNAL).no_grad() }

    /// A triangle.
    "signal.windows.bartlett" fn signal_bartlett(M: Int; sym: Bool = true, dtype: DType = None, device: Device = None) -> Tensor = {
        symmetric("bartlett", M, sym, (dtype, device), |k, n| {
            let x = ops::abs(&plus(&times(&k, 2.0 / (n - 1.0))?, -1.0)?)?;
            plus(&ops::neg(&x)?, 1.0)
        })
    } { .spaces(&["signal.windows"]).with(SIGNAL).no_grad() }

    /// Half a period of a sine.
    "signal.windows.cosine" fn signal_cosine(M: Int; sym: Bool = true, dtype: DType = None, device: Device = None) -> Tensor = {
        symmetric("cosine", M, sym, (dtype, device), |k, n| ops::sin(&times(&plus(&k, 0.5)?, PI / n)?))
    } { .spaces(&["signal.windows"]).with(SIGNAL).no_grad() }

    /// Falls by e every `tau` elements away from `center`.
    "signal.windows.exponential" fn signal_exponential(M: Int; center: OptFloat = None, tau: Float = 1.0, sym: Bool = true, dtype: DType = None, device: Device = None) -> Tensor = {
        if tau <= 0.0 {
            bail!(Value, "Tau must be positive, got: {} instead.", real(tau));
        }
        if sym && center.is_some() {
            bail!(Value, "Center must be None for symmetric windows");
        }
        symmetric("exponential", M, sym, (dtype, device), |k, n| {
            let center = center.unwrap_or((n - 1.0) / 2.0);
            ops::exp(&times(&ops::abs(&plus(&k, -center)?)?, -1.0 / tau)?)
        })
    } { .spaces(&["signal.windows"]).with(SIGNAL).no_grad() }

    /// The normal density of deviation `std`, 1 in the middle.
    "signal.windows.gaussian" fn signal_gaussian(M: Int; std: Float = 1.0, sym: Bool = true, dtype: DType = None, device: Device = None) -> Tensor = {
        if std <= 0.0 {
            bail!(Value, "Standard deviation must be positive, got: {} instead.", real(std));
        }
        symmetric("gaussian", M, sym, (dtype, device), |k, n| {
            let x = times(&plus(&k, -(n - 1.0) / 2.0)?, 1.0 / (std * 2f64.sqrt()))?;
            ops::exp(&ops::neg(&mul(&x, &x)?)?)
        })
    } { .spaces(&["signal.windows"]).with(SIGNAL).no_grad() }

    /// A Bessel function of a half circle, whose width `beta` sets.
    "signal.windows.kaiser" fn signal_kaiser(M: Int; beta: Float = 12.0, sym: Bool = true, dtype: DType = None, device: Device = None) -> Tensor = {
        if beta < 0.0 {
            bail!(Value, "beta must be non-negative, got: {} instead.", real(beta));
        }
        symmetric("kaiser", M, sym, (dtype, device), |k, n| circle(&k, n, beta))
    } { .spaces(&["signal.windows"]).with(SIGNAL).no_grad() }

    /// The frequencies of a transform of `n` elements that are `d` apart: those from 0 on, then the negative ones.
    "fft.fftfreq" fn fft_fftfreq(n: Int, d: Float = 1.0; dtype: DType = None, device: Device = None) -> Tensor = {
        let k = frequencies(n, dtype, device)?;
        let half = (n + 1) / 2;
        let k = ops::where_(&ops::ge((&k).into(), half.into())?, (&plus(&k, -(n as f64))?).into(), (&k).into())?;
        times(&k, 1.0 / (n as f64 * d))
    } { .spaces(&["fft"]).with(MAKES).no_grad() }

    /// The frequencies of a transform of `n` real elements that are `d` apart: those from 0 on.
    "fft.rfftfreq" fn fft_rfftfreq(n: Int, d: Float = 1.0; dtype: DType = None, device: Device = None) -> Tensor = {
        times(&frequencies(n / 2 + 1, dtype, device)?, 1.0 / (n as f64 * d))
    } { .spaces(&["fft"]).with(MAKES).no_grad() }

    /// Moves the element of frequency 0 to the middle of `dim` (all by default).
    "fft.fftshift" fn fft_fftshift(input: Tensor, dim: OptInts = None) -> Tensor = { shifted(input, dim, |n| n / 2) } { .spaces(&["fft"]).with(flag::NO_METHOD) }

    /// Moves the middle back to the start: the inverse of `fftshift`.
    "fft.ifftshift" fn fft_ifftshift(input: Tensor, dim: OptInts = None) -> Tensor = { shifted(input, dim, |n| (n + 1) / 2) } { .spaces(&["fft"]).with(flag::NO_METHOD) }
}

fn frequencies(n: i64, dtype: Option<DType>, device: Option<Device>) -> Result<Tensor> {
    let d = dtype_or(dtype);
    if !d.is_differentiable() {
        bail!(Runtime, "fftfreq requires a floating point or complex dtype");
    }
    ops::arange(n.into(), Some(d), device)
}

fn shifted(x: &Tensor, dim: Option<&[i64]>, by: fn(i64) -> i64) -> Result<Tensor> {
    let dims: Dims = match dim {
        Some(d) => d.into(),
        None => (0..x.ndim() as i64).collect(),
    };
    if dims.is_empty() {
        return ops::duplicate(x, None);
    }
    let mut shifts = Dims::new();
    for &d in &dims {
        if x.ndim() == 0 {
            bail!(Index, "Dimension specified as {d} but tensor has no dimensions");
        }
        shifts.push(by(x.size_at(crate::shape::wrap_dim(d, x.ndim())?)));
    }
    ops::roll(x, &shifts, &dims)
}

/// A number as Python writes it.
fn real(x: f64) -> String {
    if x == x.trunc() && x.abs() < 1e16 { format!("{x:.1}") } else { x.to_string() }
}

/// A window of `torch.signal.windows`.
fn symmetric(
    name: &str,
    n: i64,
    sym: bool,
    (dtype, device): At,
    f: impl Fn(Tensor, f64) -> Result<Tensor>,
) -> Result<Tensor> {
    let d = dtype_or(dtype);
    if n < 0 {
        bail!(Value, "{name} requires non-negative window length, got M={n}");
    }
    if !matches!(d, DType::F32 | DType::F64) {
        bail!(Value, "{name} expects float32 or float64 dtypes, got: torch.{}", d.name());
    }
    finished(n, !sym, d, device, f)
}

fn finished(
    n: i64,
    periodic: bool,
    d: DType,
    device: Option<Device>,
    f: impl Fn(Tensor, f64) -> Result<Tensor>,
) -> Result<Tensor> {
    let at = device.unwrap_or(Device::Cpu);
    if n < 2 {
        return Tensor::full(&[n], 1, d, at);
    }
    let whole = n + periodic as i64;
    let w = f(ops::arange(whole.into(), Some(d), device)?, whole as f64)?;
    if periodic { ops::duplicate(&ops::slice(&w, 0, Some(0), Some(n), 1)?, None) } else { Ok(w) }
}

fn cosines(k: &Tensor, n: f64, a: &[f64]) -> Result<Tensor> {
    let angle = times(k, 2.0 * PI / (n - 1.0))?;
    let mut sum = times(&ops::ones_like(k, None, None, None)?, a[0])?;
    for (i, &f) in a.iter().enumerate().skip(1) {
        let wave = times(&ops::cos(&times(&angle, i as i64)?)?, if i % 2 == 1 { -f } else { f })?;
        sum = ops::add((&sum).into(), (&wave).into(), None)?;
    }
    Ok(sum)
}

fn circle(k: &Tensor, n: f64, beta: f64) -> Result<Tensor> {
    let half = (n - 1.0) / 2.0;
    let x = times(&plus(k, -half)?, 1.0 / half)?;
    let inside = ops::clamp_min(&plus(&ops::neg(&mul(&x, &x)?)?, 1.0)?, 0.into())?;
    let top = ops::i0(&times(&ops::sqrt(&inside)?, beta)?)?;
    div(&top, &ops::i0(&Tensor::full(&[], beta, k.dtype(), k.device())?)?)
}
