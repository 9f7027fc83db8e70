//! Tensors with a rule: ranges by number of steps, identities, positions of triangles, windows. (Zeros, ones, arange and
//! their kin are in `create.rs`.)

use super::create::{LIKE, MAKES, dtype_or};
use crate::device::Device;
use crate::dtype::{self, DType};
use crate::error::Result;
use crate::kernels::cpu::creation as kernel;
use crate::kernels::cpu::special::bessel_i;
use crate::op::arg::Num;
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::tensor::create::write;
use std::f64::consts::PI;

ops! {
    /// The identity: ones on the diagonal of an n x m matrix.
    "eye.m" fn eye_m(n: Int, m: Int; dtype: DType = None, device: Device = None) -> Tensor = {
        for (name, v) in [("n", n), ("m", m)] {
            if v < 0 {
                bail!(Runtime, "{name} must be greater or equal to 0, got {v}");
            }
        }
        let t = Tensor::empty(&[n, m], dtype_or(dtype), device.unwrap_or(Device::Cpu))?;
        if t.device() == Device::Cpu {
            kernel::eye(t.operand(&t.layout()), n, m);
        }
        Ok(t)
    } { .with(MAKES).no_grad() }

    /// The identity: ones on the diagonal of an n x n matrix.
    fn eye(n: Int; dtype: DType = None, device: Device = None) -> Tensor = {
        eye_m(n, n, dtype, device)
    } { .with(MAKES).no_grad() }

    /// `steps` numbers from `start` to `end`, both included, evenly spaced.
    fn linspace(start: Num, end: Num, steps: Int; dtype: DType = None, device: Device = None) -> Tensor = {
        let (start, end) = (end_of(start, "linspace")?, end_of(end, "linspace")?);
        let t = spaced(start, end, steps, dtype, device)?;
        if t.device() == Device::Cpu {
            kernel::linspace(t.operand(&t.layout()), steps, start, end)?;
        }
        Ok(t)
    } { .with(MAKES).no_grad() }

    /// `base` to the power of `steps` numbers from `start` to `end`, both included, evenly spaced.
    fn logspace(start: Num, end: Num, steps: Int, base: Float = 10.0; dtype: DType = None, device: Device = None) -> Tensor = {
        let (start, end) = (end_of(start, "logspace")?, end_of(end, "logspace")?);
        let t = spaced(start, end, steps, dtype, device)?;
        if t.device() == Device::Cpu {
            kernel::logspace(t.operand(&t.layout()), steps, start, end, base)?;
        }
        Ok(t)
    } { .with(MAKES).no_grad() }

    /// Hann's window of `window_length` points; a periodic one is the first part of one that is a point longer.
    fn hann_window(window_length: Int, periodic: Bool = true; dtype: DType = None, device: Device = None) -> Tensor = {
        window("hann_window", window_length, periodic, dtype, device, |t| 0.5 - 0.5 * (2.0 * PI * t).cos())
    } { .with(LIKE).no_grad() }

    /// Hamming's window of `window_length` points.
    fn hamming_window(window_length: Int, periodic: Bool = true, alpha: Float = 0.54, beta: Float = 0.46; dtype: DType = None, device: Device = None) -> Tensor = {
        window("hamming_window", window_length, periodic, dtype, device, |t| alpha - beta * (2.0 * PI * t).cos())
    } { .with(LIKE).no_grad() }

    /// Blackman's window of `window_length` points.
    fn blackman_window(window_length: Int, periodic: Bool = true; dtype: DType = None, device: Device = None) -> Tensor = {
        window("blackman_window", window_length, periodic, dtype, device, |t| {
            0.42 - 0.5 * (2.0 * PI * t).cos() + 0.08 * (4.0 * PI * t).cos()
        })
    } { .with(LIKE).no_grad() }

    /// Bartlett's (triangular) window of `window_length` points.
    fn bartlett_window(window_length: Int, periodic: Bool = true; dtype: DType = None, device: Device = None) -> Tensor = {
        window("bartlett_window", window_length, periodic, dtype, device, |t| 1.0 - (2.0 * t - 1.0).abs())
    } { .with(LIKE).no_grad() }

    /// Kaiser's window of `window_length` points.
    fn kaiser_window(window_length: Int, periodic: Bool = true, beta: Float = 12.0; dtype: DType = None, device: Device = None) -> Tensor = {
        let top = bessel_i(0, beta, false);
        window("kaiser_window", window_length, periodic, dtype, device, |t| {
            bessel_i(0, beta * (1.0 - (2.0 * t - 1.0).powi(2)).max(0.0).sqrt(), false) / top
        })
    } { .with(LIKE).no_grad() }

    /// A 0-d tensor.
    fn scalar_tensor(s: Scalar; dtype: DType = None, device: Device = None) -> Tensor = {
        Tensor::full(&[], s, dtype_or(dtype), device.unwrap_or(Device::Cpu))
    } { .with(LIKE).no_grad() }

    /// Rows and columns of the lower triangle of a `row` x `col` matrix.
    fn tril_indices(row: Int, col: Int, offset: Int = 0; dtype: DType = None, device: Device = None) -> Tensor = {
        triangle(row, col, offset, dtype, device, false)
    } { .with(LIKE).no_grad() }

    /// Rows and columns of the upper triangle of a `row` x `col` matrix.
    fn triu_indices(row: Int, col: Int, offset: Int = 0; dtype: DType = None, device: Device = None) -> Tensor = {
        triangle(row, col, offset, dtype, device, true)
    } { .with(LIKE).no_grad() }
}

/// `f` at the places 0 to 1 of a window.
fn window(
    name: &str,
    n: i64,
    periodic: bool,
    d: Option<DType>,
    device: Option<Device>,
    f: impl Fn(f64) -> f64,
) -> Result<Tensor> {
    if n < 0 {
        bail!(Runtime, "{name} requires non-negative window_length, got window_length={n}");
    }
    let d = dtype_or(d);
    if !d.is_float() {
        bail!(Runtime, "{name} expects floating point dtypes, got: {}", d.name());
    }
    let t = Tensor::empty(&[n], d, device.unwrap_or(Device::Cpu))?;
    if t.device() == Device::Cpu {
        let over = if periodic { n } else { n - 1 } as f64;
        let p = t.body().ptr();
        for i in 0..n {
            let v = if n == 1 { 1.0 } else { f(i as f64 / over) };
            // SAFETY: a new contiguous tensor of `n` elements.
            unsafe { write(p.add(i as usize * d.size()), d, v.into()) };
        }
    }
    Ok(t)
}

/// An end of a range, which may be a 0-d tensor.
fn end_of(n: Num, name: &str) -> Result<Scalar> {
    match n {
        Num::Scalar(s) => Ok(s),
        Num::Tensor(t) if t.ndim() == 0 => t.item(),
        Num::Tensor(t) => bail!(
            Runtime,
            "{name} only supports 0-dimensional start and end tensors, but got start with {} dimension(s).",
            t.ndim()
        ),
    }
}

fn spaced(start: Scalar, end: Scalar, steps: i64, dtype: Option<DType>, device: Option<Device>) -> Result<Tensor> {
    if steps < 0 {
        bail!(Runtime, "number of steps must be non-negative");
    }
    let complex = [start, end].iter().any(|s| matches!(s, Scalar::Complex(..)));
    let d = match dtype {
        None if complex => dtype::default_dtype().to_complex(),
        Some(d) if complex && !d.is_complex() => {
            bail!(
                Runtime,
                "torch.linspace(): inferred dtype for complex arguments can't be safely cast to passed dtype {}",
                d.name()
            )
        }
        d => dtype_or(d),
    };
    Tensor::empty(&[steps], d, device.unwrap_or(Device::Cpu))
}

/// The rows of a triangle that have elements: from the first to before the last.
fn occupied(rows: i64, cols: i64, offset: i64, upper: bool) -> (i64, i64) {
    if upper { (0, cols.saturating_sub(offset).clamp(0, rows)) } else { (offset.saturating_neg().clamp(0, rows), rows) }
}

/// How many elements a triangle has.
fn count(rows: i64, cols: i64, offset: i64, upper: bool) -> Result<i64> {
    let (first, last) = occupied(rows, cols, offset, upper);
    // Whole rows stand at the beginning of an upper triangle and at the end of a lower one.
    let width = |i: i64| {
        let edge = i as i128 + offset as i128;
        let cols = cols as i128;
        if upper { cols - edge.clamp(0, cols) } else { (edge + 1).clamp(0, cols) }
    };
    let (mut n, mut full) = (0i128, (last - first).max(0) as i128);
    if full > 0 {
        let whole = if upper {
            (1 - offset as i128).clamp(0, full)
        } else {
            (last as i128 - (cols as i128 - 1 - offset as i128).max(first as i128)).clamp(0, full)
        };
        full -= whole;
        // The others lose or gain one element a row.
        let (a, b) = if upper { (first + whole as i64, last - 1) } else { (first, first + full as i64 - 1) };
        n = (whole.saturating_mul(cols as i128)).saturating_add(if full > 0 {
            (width(a) + width(b)).saturating_mul(full) / 2
        } else {
            0
        });
    }
    match i64::try_from(n) {
        Ok(n) => Ok(n),
        Err(_) => {
            bail!(Runtime, "numel: integer multiplication overflow: a triangle of {rows} x {cols} has {n} elements")
        }
    }
}

fn triangle(
    rows: i64,
    cols: i64,
    offset: i64,
    dtype: Option<DType>,
    device: Option<Device>,
    upper: bool,
) -> Result<Tensor> {
    if rows < 0 || cols < 0 {
        let (name, v) = if rows < 0 { ("row", rows) } else { ("col", cols) };
        bail!(Runtime, "{name} must be non-negative, got{v}");
    }
    let d = dtype.unwrap_or(DType::I64);
    if !matches!(d, DType::I64 | DType::I32) {
        return Err(crate::op::arg::not_implemented(if upper { "triu_indices" } else { "tril_indices" }, d));
    }
    // The columns that row `i` has, and how many elements that makes: an arithmetic progression between its ends.
    let span = |i: i64| {
        let edge = i.saturating_add(offset);
        if upper { (edge.clamp(0, cols), cols) } else { (0, edge.saturating_add(1).clamp(0, cols)) }
    };
    let n = count(rows, cols, offset, upper)?;
    let t = Tensor::empty(&[2, n], DType::I64, Device::Cpu)?;
    if n > 0 {
        let (first, last) = occupied(rows, cols, offset, upper);
        let mut p = t.body().ptr().cast::<i64>();
        for i in first..last {
            let (from, to) = span(i);
            for j in from..to {
                // SAFETY: `count` counted these pairs, and the tensor is new and has room for two rows of `n`.
                unsafe {
                    p.write(i);
                    p.add(n as usize).write(j);
                    p = p.add(1);
                }
            }
        }
    }
    let t = if d == DType::I64 { t } else { t.copied(d)? };
    match device {
        Some(Device::Meta) => Tensor::empty(&[2, n], d, Device::Meta),
        _ => Ok(t),
    }
}
