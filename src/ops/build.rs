//! Tensors with a rule: ranges by number of steps, identities, positions of triangles, windows. (Zeros, ones, arange and
//! their kin are in `create.rs`.)

use super::create::{LIKE, MAKES, dtype_or};
use crate::device::Device;
use crate::dtype::{self, DType};
use crate::error::Result;
use crate::kernels::cpu::creation as kernel;
use crate::op::arg::Num;
use crate::scalar::Scalar;
use crate::tensor::Tensor;

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
    let (mut r, mut c) = (Vec::new(), Vec::new());
    for i in 0..rows {
        let edge = i.saturating_add(offset);
        let (from, to) = if upper { (edge.clamp(0, cols), cols) } else { (0, edge.saturating_add(1).clamp(0, cols)) };
        for j in from..to {
            r.push(i);
            c.push(j);
        }
    }
    let n = r.len() as i64;
    r.extend(c);
    let t = Tensor::from_slice(&r, &[2, n])?;
    let t = if d == DType::I64 { t } else { t.copied(d)? };
    match device {
        Some(Device::Meta) => Tensor::empty(&[2, n], d, Device::Meta),
        _ => Ok(t),
    }
}
