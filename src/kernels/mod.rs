//! Kernels: raw pointers, layouts, dtypes; never a `Tensor`. `program` is the formula in a form that every device runs.

pub mod cpu;
pub mod program;
