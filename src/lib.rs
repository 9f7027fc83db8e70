//! rtorch's core: tensors, autograd and kernels with PyTorch's semantics, without Python.

pub mod device;
pub mod dtype;
pub mod error;
pub mod kernels;
pub mod memory;
pub mod scalar;
pub mod shape;
