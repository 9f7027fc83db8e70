//! What the files of this folder share: checks in PyTorch's words, the matrices of a tensor for the kernels in
//! `kernels/cpu/dense`, reading of error codes, and shorthands.

pub use crate::device::Device;
pub use crate::dtype::DType;
pub use crate::error::Result;
pub use crate::kernels::cpu::dense::{self, Stack};
pub use crate::op::Meta;
use crate::op::arg::Format;
pub use crate::ops;
pub use crate::shape::{Dims, Layout};
pub use crate::tensor::Tensor;

/// Functions that stand in `torch.linalg` only.
pub const LINALG: u32 = crate::op::flag::NO_METHOD | crate::op::flag::OUT;
/// The same, for what needs faer.
pub const SPECTRAL: u32 = LINALG | crate::op::flag::NEEDS_LINALG;
/// Parts of others.
pub const PART: u32 = crate::op::flag::PRIVATE | crate::op::flag::NO_FUNCTION | crate::op::flag::NO_METHOD;

/// Rows and columns of the matrices in `t`, which has at least two dimensions.
pub fn shape_of(t: &Tensor) -> (i64, i64) {
    let n = t.ndim();
    (t.size_at(n - 2), t.size_at(n - 1))
}

/// At least two dimensions.
pub fn matrices(name: &str, t: &Tensor, arg: &str) -> Result<()> {
    if t.ndim() < 2 {
        bail!(Runtime, "{name}: The input tensor {arg} must have at least 2 dimensions.");
    }
    Ok(())
}

/// Square matrices.
pub fn square(name: &str, t: &Tensor, arg: &str) -> Result<()> {
    matrices(name, t, arg)?;
    let (m, n) = shape_of(t);
    if m != n {
        bail!(Runtime, "{name}: {arg} must be batches of square matrices, but they are {m} by {n} matrices");
    }
    Ok(())
}

/// A floating or complex element type. The half types are left to `kernel`'s refusal.
pub fn floating(name: &str, t: &Tensor) -> Result<()> {
    if !t.dtype().is_differentiable() {
        bail!(
            Runtime,
            "{name}: Expected a floating point or complex tensor as input. Got {}\nConvert it with .float().",
            t.dtype().c10_name()
        );
    }
    Ok(())
}

/// The same, without the half types.
pub fn precise(name: &str, t: &Tensor) -> Result<()> {
    floating(name, t)?;
    if t.dtype().is_half() {
        bail!(
            Runtime,
            "{name}: Low precision dtypes not supported. Got {}\nConvert it with .float().",
            t.dtype().c10_name()
        );
    }
    Ok(())
}

/// An element type that the kernel called `kernel` has.
pub fn known(kernel: &str, t: &Tensor) -> Result<()> {
    if dense::is_field(t.dtype()) {
        return Ok(());
    }
    Err(crate::op::arg::not_implemented(kernel, t.dtype()))
}

/// A result that is matrices, in column-major order as LAPACK's are.
pub fn columns(lead: &[i64], rows: i64, cols: i64, dtype: DType) -> Meta {
    let mut sizes: Dims = lead.into();
    sizes.extend([rows, cols]);
    let mut strides = Layout::contiguous(&sizes).strides;
    if let [.., r, c] = strides.as_mut_slice() {
        (*r, *c) = (1, rows.max(1));
    }
    Meta { sizes, dtype, strides: Some(strides) }
}

/// A result of vectors of length `n`.
pub fn vectors(lead: &[i64], n: i64, dtype: DType) -> Meta {
    let mut sizes: Dims = lead.into();
    sizes.push(n);
    Meta::new(sizes, dtype)
}

/// The dimensions before the matrix.
pub fn lead(t: &Tensor) -> Dims {
    let s = t.sizes();
    s[..s.len() - 2].into()
}

/// The matrices of `t` for a kernel.
pub fn stack<'a>(t: &Tensor, l: &'a Layout) -> Stack<'a> {
    let n = l.ndim();
    let (sizes, strides) = (&l.sizes, &l.strides);
    Stack {
        ptr: t.operand(l).ptr,
        lead: &sizes[..n - 2],
        strides: &strides[..n - 2],
        rows: sizes[n - 2] as usize,
        cols: sizes[n - 1] as usize,
        row_stride: strides[n - 2],
        col_stride: strides[n - 1],
    }
}

/// The vectors of `t` as matrices of one column.
pub fn stack_vectors<'a>(t: &Tensor, l: &'a Layout) -> Stack<'a> {
    let n = l.ndim();
    let (sizes, strides) = (&l.sizes, &l.strides);
    Stack {
        ptr: t.operand(l).ptr,
        lead: &sizes[..n - 1],
        strides: &strides[..n - 1],
        rows: sizes[n - 1] as usize,
        cols: 1,
        row_stride: strides[n - 1],
        col_stride: 0,
    }
}

/// The elements of `t` as matrices of one element.
pub fn stack_numbers<'a>(t: &Tensor, l: &'a Layout) -> Stack<'a> {
    Stack { ptr: t.operand(l).ptr, lead: &l.sizes, strides: &l.strides, rows: 1, cols: 1, row_stride: 0, col_stride: 0 }
}

/// The conjugate transpose.
pub fn h(t: &Tensor) -> Result<Tensor> {
    ops::short::conj(&ops::transpose(t, -2, -1)?)
}

/// `a @ b`
pub fn mm(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    ops::matmul(a, b)
}

/// Each column of `a` times an element of the vectors `v`.
pub fn by_columns(a: &Tensor, v: &Tensor) -> Result<Tensor> {
    ops::short::mul(a, &ops::unsqueeze(v, -2)?)
}

/// Each row of `a` times an element of the vectors `v`.
pub fn by_rows(a: &Tensor, v: &Tensor) -> Result<Tensor> {
    ops::short::mul(a, &ops::unsqueeze(v, -1)?)
}

/// The diagonal of the matrices.
pub fn diag(t: &Tensor) -> Result<Tensor> {
    ops::diagonal(t, 0, -2, -1)
}

/// Unit matrices like those of `t`, in the shape (..., m, n).
pub fn eye_like(t: &Tensor, m: i64, n: i64) -> Result<Tensor> {
    let one = ops::eye_m(m, n, Some(t.dtype()), Some(t.device()))?;
    let mut s = lead(t);
    s.extend([m, n]);
    ops::expand(&one, &s, false)
}

/// A copy of its own in contiguous memory.
pub fn own(t: &Tensor) -> Result<Tensor> {
    ops::duplicate(t, Some(Format::Contiguous))
}

/// Columns `from..to`.
pub fn cols(t: &Tensor, from: i64, to: i64) -> Result<Tensor> {
    ops::slice(t, t.ndim() as i64 - 1, Some(from), Some(to), 1)
}

/// Rows `from..to`.
pub fn rows(t: &Tensor, from: i64, to: i64) -> Result<Tensor> {
    ops::slice(t, t.ndim() as i64 - 2, Some(from), Some(to), 1)
}

/// The first error code that is not 0: which matrix (None where there is no batch), and the code.
pub fn first_error(info: &Tensor) -> Result<Option<(Option<usize>, i32)>> {
    if info.device() == Device::Meta {
        return Ok(None);
    }
    let codes = info.to_vec::<i32>()?;
    let Some(at) = codes.iter().position(|&c| c != 0) else { return Ok(None) };
    Ok(Some(((info.ndim() > 0).then_some(at), codes[at])))
}

/// `(Batch element 2): ` before what is said of one matrix of several.
pub fn which(at: Option<usize>) -> String {
    at.map(|i| format!("(Batch element {i}): ")).unwrap_or_default()
}

/// Batches of both, broadcast against each other.
pub fn broadcast(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor)> {
    let (s, t) = (lead(a), lead(b));
    if s == t {
        return Ok((a.clone(), b.clone()));
    }
    let all = crate::shape::broadcast(&s, &t)?;
    let wide = |x: &Tensor| -> Result<Tensor> {
        let (m, n) = shape_of(x);
        let mut s = all.clone();
        s.extend([m, n]);
        ops::expand(x, &s, false)
    };
    Ok((wide(a)?, wide(b)?))
}
