//! Tensors of another size or layout of memory, and a tensor filled anew.

use crate::device::Device;
use crate::op::arg::Num;
use crate::op::flag;
use crate::ops;
use crate::ops::create::dtype_or;
use crate::shape::{Dims, wrap_dim};
use crate::tensor::Tensor;

ops! {
    /// `input` with every element replaced by `value`.
    fn fill(input: Tensor, value: Num) -> Tensor = {
        let t = ops::duplicate(input, None)?;
        match value {
            Num::Tensor(v) if v.ndim() != 0 => {
                bail!(Runtime, "fill_ only supports 0-dimension value tensor but got tensor with {} dimensions.", v.ndim())
            }
            v => ops::fill_(&t, v),
        }
    } { .with(flag::NO_METHOD) }

    /// The diagonals of matrices, as a view.
    "linalg.diagonal" fn linalg_diagonal(input: Tensor; offset: Int = 0, dim1: Int = -2, dim2: Int = -1) -> Tensor = {
        ops::diagonal(input, offset, dim1, dim2)
    } { .spaces(&["linalg"]).with(flag::NO_METHOD) }

    /// Memory that is not set, of another shape and with given strides, in this tensor's dtype.
    fn new_empty_strided(input: Tensor, size: Ints, stride: Ints; dtype: DType = None, device: Device = None) -> Tensor = {
        if size.len() != stride.len() {
            bail!(Runtime, "dimensionality of sizes ({}) must match dimensionality of strides ({})", size.len(), stride.len());
        }
        Tensor::empty_strided(size, stride, dtype.unwrap_or(input.dtype()), device.unwrap_or(input.device()))
    } { .with(flag::FACTORY | flag::NO_FUNCTION).no_grad() }

    /// Memory that is not set, dense, with the dimensions in memory in the order `physical_layout`.
    fn empty_permuted(size: Ints, physical_layout: Ints; dtype: DType = None, device: Device = None) -> Tensor = {
        let n = size.len();
        let mut seen = vec![false; n];
        if physical_layout.len() != n {
            bail!(Runtime, "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = {n} is not equal to len(physical_layout) = {}", physical_layout.len());
        }
        let mut strides: Dims = Dims::from_elem(0, n);
        let mut step = 1;
        for &d in physical_layout.iter().rev() {
            if d < 0 || d >= n as i64 {
                bail!(Runtime, "Dimension out of range (expected to be between 0 and {}, but got {d} at index 0).  NB: negative dims not currently supported; file an issue if you want it.", n.saturating_sub(1));
            }
            let w = wrap_dim(d, n)?;
            if std::mem::replace(&mut seen[w], true) {
                bail!(Runtime, "Duplicate dim not allowed");
            }
            strides[w] = step;
            step *= size[w].max(1);
        }
        Tensor::empty_strided(size, &strides, dtype_or(dtype), device.unwrap_or(Device::Cpu))
    } { .with(flag::FACTORY | flag::NO_METHOD).no_grad() }
}
