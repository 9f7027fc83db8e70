//! Short-time Fourier transforms.

use crate::error::Result;
use crate::op::autocast::Cast;
use crate::op::flag;
use crate::ops;
use crate::ops::short::{div, mul, size_of};
use crate::shape::{Dims, show};
use crate::tensor::Tensor;

ops! {
    /// The Fourier transforms of windows of `n_fft` elements, every `hop_length`: (..., frequencies, windows). `center` pads so
    /// that window t is around element t * hop_length.
    fn stft(input: Tensor, n_fft: Int, hop_length: OptInt = None, win_length: OptInt = None, window: OptTensor = None, center: Bool = true, pad_mode: Str = "reflect", normalized: Bool = false, onesided: OptBool = None, return_complex: OptBool = None, align_to_window: OptBool = None) -> Tensor = {
        if center && align_to_window.is_some() {
            bail!(Runtime, "stft only supports align_to_window for center = False.");
        }
        let mut x = input.clone();
        if center {
            let extended = ops::reshape(&x, &[&vec![1; 3 - x.ndim().min(3)][..], &x.sizes()[..]].concat())?;
            let padded = ops::pad(&extended, &[n_fft / 2, n_fft / 2], pad_mode, None)?;
            let n = size_of(&padded, padded.ndim() - 1);
            let mut s = x.sizes();
            if let Some(last) = s.last_mut() {
                *last = n;
            }
            x = ops::reshape(&padded, &s)?;
        }
        let hop = hop_length.unwrap_or(n_fft / 4);
        let length = win_length.unwrap_or(n_fft);
        let shown = |x: &Tensor| {
            let text = |o: Option<bool>| o.map_or("None".into(), |b| (b as i64).to_string());
            format!(
                "stft({}{}, n_fft={n_fft}, hop_length={hop}, win_length={length}, window={}, normalized={}, onesided={}, \
                 return_complex={}, align_to_window={}) ",
                kind(x),
                show(&x.sizes()),
                window.map_or("None".into(), |w| format!("{}{{{}}}", kind(w), show(&w.sizes()))),
                normalized as i64,
                text(onesided),
                text(return_complex),
                text(align_to_window)
            )
        };
        let as_complex = match return_complex {
            Some(c) => c,
            None if x.dtype().is_complex() || window.is_some_and(|w| w.dtype().is_complex()) => true,
            None => bail!(
                Runtime,
                "stft requires the return_complex parameter be given for real inputs, and will further require that return_complex=True \
                 in a future PyTorch release."
            ),
        };
        if !x.dtype().is_differentiable() {
            bail!(Runtime, "{}: expected a tensor of floating point or complex values", shown(&x));
        }
        if x.ndim() == 0 || x.ndim() > 2 {
            bail!(Runtime, "{}: expected a 1D or 2D tensor", shown(&x));
        }
        let flat = x.ndim() == 1;
        if flat {
            x = ops::unsqueeze(&x, 0)?;
        }
        let n = x.size_at(1);
        if n_fft <= 0 || n_fft > n {
            bail!(Runtime, "{}: expected 0 < n_fft < {n}, but got n_fft={n_fft}", shown(&x));
        }
        if hop <= 0 {
            bail!(Runtime, "{}: expected hop_length > 0, but got hop_length={hop}", shown(&x));
        }
        if length <= 0 || length > n_fft {
            bail!(Runtime, "{}: expected 0 < win_length <= n_fft, but got win_length={length}", shown(&x));
        }
        if let Some(w) = window
            && (w.ndim() != 1 || w.size_at(0) != length)
        {
            bail!(
                Runtime,
                "{}: expected a 1D window tensor of size equal to win_length={length}, but got window with size {}",
                shown(&x),
                show(&w.sizes())
            );
        }
        let frames = ops::unfold(&x, 1, n_fft, hop)?;
        let frames = match spread(window, length, n_fft, &x)? {
            Some(w) => mul(&frames, &w)?,
            None => frames,
        };
        let complex = frames.dtype().is_complex();
        let half = onesided.unwrap_or(!complex);
        if half && complex {
            bail!(Runtime, "Cannot have onesided output if window or input is complex");
        }
        let norm = Some(if normalized { "ortho" } else { "backward" });
        let f = if half { ops::fft_rfft(&frames, None, -1, norm)? } else { ops::fft_fft(&frames, None, -1, norm)? };
        let f = ops::transpose(&f, 1, 2)?;
        let f = if flat { ops::squeeze_dim(&f, 0)? } else { f };
        if as_complex { Ok(f) } else { ops::view_as_real(&ops::duplicate(&f, None)?) }
    } { .cast(Cast::Single).with(flag::NEEDS_LINALG) }

    /// The inverse of `stft`: overlapping windows are added and divided by the sum of the squared windows.
    fn istft(input: Tensor, n_fft: Int, hop_length: OptInt = None, win_length: OptInt = None, window: OptTensor = None, center: Bool = true, normalized: Bool = false, onesided: OptBool = None, length: OptInt = None, return_complex: Bool = false) -> Tensor = {
        let hop = hop_length.unwrap_or(n_fft / 4);
        let wide = win_length.unwrap_or(n_fft);
        let shown = || {
            format!(
                "istft(CPU{}Type{}, n_fft={n_fft}, hop_length={hop}, win_length={wide}, window={}, center={}, normalized={}, onesided={}, \
                 length={}, return_complex={}) ",
                input.dtype().c10_name(),
                show(&input.sizes()),
                window.map_or("None".into(), |w| format!("{}{{{}}}", kind(w), show(&w.sizes()))),
                center as i64,
                normalized as i64,
                onesided.map_or("None".into(), |b| (b as i64).to_string()),
                length.map_or("None".into(), |l| l.to_string()),
                return_complex as i64
            )
        };
        if !input.dtype().is_complex() {
            bail!(Runtime, "istft requires a complex-valued input tensor matching the output from stft with return_complex=True.");
        }
        if input.numel() == 0 {
            bail!(Runtime, "{}: input tensor cannot be empty.", shown());
        }
        if input.ndim() != 2 && input.ndim() != 3 {
            crate::shape::wrap_dim(-3, input.ndim().max(1) + 1)?;
            bail!(Runtime, "{}: expected a tensor with 2 or 3 dimensions, but got {}", shown(), input.ndim());
        }
        let flat = input.ndim() == 2;
        let x = if flat { ops::unsqueeze(input, 0)? } else { input.clone() };
        let (bins, frames) = (x.size_at(1), x.size_at(2));
        let half = onesided.unwrap_or(bins != n_fft);
        let expected = if half { n_fft / 2 + 1 } else { n_fft };
        if bins != expected {
            let what = if half { ("n_fft / 2 + 1", "True") } else { ("n_fft", "False") };
            bail!(
                Runtime,
                "{}: expected the frequency dimension (3rd to the last) of the input tensor to match {} when onesided={}, but got {bins}",
                shown(),
                what.0,
                what.1
            );
        }
        if hop <= 0 || hop > wide {
            bail!(Runtime, "{}: expected 0 < hop_length <= win_length", shown());
        }
        if wide <= 0 || wide > n_fft {
            bail!(Runtime, "{}: expected 0 < win_length <= n_fft", shown());
        }
        if let Some(w) = window
            && (w.ndim() != 1 || w.size_at(0) != wide)
        {
            bail!(Runtime, "{}: Invalid window shape. window has to be 1D and length of `win_length`", shown());
        }
        let ones;
        let w = match spread(window, wide, n_fft, &x)? {
            Some(w) => w,
            None => {
                ones = Tensor::full(&[n_fft], 1, x.dtype().to_real(), x.device())?;
                ones
            }
        };
        let norm = Some(if normalized { "ortho" } else { "backward" });
        let x = ops::transpose(&x, 1, 2)?;
        let y = if return_complex {
            if half {
                bail!(Runtime, "Cannot have onesided output if window or input is complex");
            }
            ops::fft_ifft(&x, None, -1, norm)?
        } else {
            if w.dtype().is_complex() {
                bail!(Runtime, "Complex windows are incompatible with return_complex=False");
            }
            let x = if half { x } else { ops::slice(&x, -1, Some(0), Some(n_fft / 2 + 1), 1)? };
            ops::fft_irfft(&x, Some(n_fft), -1, norm)?
        };
        let total = n_fft + hop * (frames - 1);
        let y = overlapped(&mul(&y, &w)?, total, hop)?;
        let square: Dims = [1, frames, n_fft].as_slice().into();
        let envelope = overlapped(&ops::expand(&mul(&w, &w)?, &square, false)?, total, hop)?;
        let start = if center { n_fft / 2 } else { 0 };
        let end = match length {
            Some(l) => start + l,
            None => total - if center { n_fft / 2 } else { 0 },
        };
        let cut = |t: &Tensor| ops::slice(t, 1, Some(start), Some(end), 1);
        let (y, envelope) = (cut(&y)?, cut(&envelope)?);
        if envelope.device() != crate::device::Device::Meta
            && !(ops::amin(&ops::abs(&envelope.detached())?, Some(&[]), false)?.item()?.f64() >= 1e-11)
        {
            bail!(Runtime, "{}window overlap add min: 1", shown());
        }
        let mut y = div(&y, &envelope)?;
        if end > total {
            crate::error::warn("The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. Please check your center and hop_length settings.")?;
            y = ops::constant_pad_nd(&y, &[0, end - total], 0.into())?;
        }
        if flat { ops::squeeze_dim(&y, 0) } else { Ok(y) }
    } { .with(flag::NEEDS_LINALG) }
}

/// PyTorch's name of a tensor's type in these messages.
fn kind(t: &Tensor) -> String {
    format!("torch.{}Tensor", t.dtype().c10_name())
}

/// The window in the middle of `n` elements; None for one that is all ones.
fn spread(window: Option<&Tensor>, have: i64, n: i64, like: &Tensor) -> Result<Option<Tensor>> {
    if window.is_none() && have == n {
        return Ok(None);
    }
    let w = match window {
        Some(w) => w.clone(),
        None => Tensor::full(&[have], 1, like.dtype().to_real(), like.device())?,
    };
    let left = (n - have) / 2;
    Ok(Some(if have == n { w } else { ops::constant_pad_nd(&w, &[left, n - have - left], 0.into())? }))
}

/// The sum (B, total) of windows (B, windows, n) that are `hop` apart.
fn overlapped(x: &Tensor, total: i64, hop: i64) -> Result<Tensor> {
    if x.dtype().is_complex() {
        let part = |t: Tensor| overlapped(&t, total, hop);
        return ops::complex(&part(ops::real(x)?)?, &part(ops::imag(x)?)?);
    }
    let n = x.size_at(2);
    let y = ops::fold(&ops::transpose(x, 1, 2)?, &[1, total], &[1, n], &[1, 1], &[0, 0], &[1, hop])?;
    ops::reshape(&y, &[x.size_at(0), total])
}
